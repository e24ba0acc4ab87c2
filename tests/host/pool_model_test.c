/* sources: tests/host/pool_host.c tests/host/pool_check.c mm/pool/pool.c mm/pool/block.c */
/* sources: mm/pool/cache.c mm/pool/cache.S */
/* sources: mm/pool/allocate.c mm/pool/free.c mm/pool/big_pages.c mm/pool/tags.c */
/* sources: mm/pool/report.c mm/pool/inspect.c mm/pool/priority.c mm/pool/by_*.c mm/pool/fail.c */
/*
 * pool_model_test.c - random operations on the pools against a model that knows whose each byte is.
 *
 * After each operation the result is compared: size rules, alignment, no overlap, contents kept or
 * cleared; now and then all invariants and all counters.
 *
 *     build/host/pool_model_test [STEPS [SEED]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/host/pool_check.h"

#define SLOTS 3000
#define TAGS  7

typedef struct _SLOT {
    unsigned char *Block; /* NULL: nothing is allocated */
    SIZE_T Bytes;
    SIZE_T Charged; /* what the tag is charged */
    POOL_KIND Kind;
    ULONG Tag;
    unsigned char Pattern;
} SLOT;

static SLOT Slots[SLOTS];
static unsigned short Owner[PoolKindCount][HOST_ARENA_PAGES * POOL_PAGE_GRANULES];
static POOL_TAG_USAGE Expected[TAGS];
static const ULONG Tags[TAGS] = {
    'aaaa', 'bbbb', 'cccc', 'dddd', '   e', 'ffff' | PROTECTED_POOL, POOL_TAG_NONE};

/* ---- the model ------------------------------------------------------------------------------- */

static unsigned short *OwnersOf(const SLOT *Slot, SIZE_T *Granules)
{
    SIZE_T Offset = (ULONG_PTR)Slot->Block - (ULONG_PTR)HostArena(Slot->Kind);
    *Granules = Slot->Charged / POOL_GRANULE;
    BOOLEAN Small = Offset % PAGE_SIZE != 0;
    return &Owner[Slot->Kind][Offset / POOL_GRANULE - Small];
}

static VOID Charge(const SLOT *Slot, int Change)
{
    for (int i = 0; i < TAGS; i++) {
        if (Tags[i] != Slot->Tag) {
            continue;
        }
        BOOLEAN Paged = Slot->Kind == PoolKindPaged;
        ULONG64 *Counters = Paged ? &Expected[i].PagedAllocs : &Expected[i].NonPagedAllocs;
        Counters[Change > 0 ? 0 : 1]++;
        Counters[2] += Change > 0 ? Slot->Charged : -Slot->Charged;
    }
}

static VOID CheckCounters(VOID)
{
    for (int i = 0; i < TAGS; i++) {
        POOL_TAG_USAGE Usage;
        ExpQueryTag(Tags[i], &Usage);
        HOST_CHECK(Usage.NonPagedAllocs == Expected[i].NonPagedAllocs);
        HOST_CHECK(Usage.NonPagedFrees == Expected[i].NonPagedFrees);
        HOST_CHECK(Usage.NonPagedBytes == Expected[i].NonPagedBytes);
        HOST_CHECK(Usage.PagedAllocs == Expected[i].PagedAllocs);
        HOST_CHECK(Usage.PagedFrees == Expected[i].PagedFrees);
        HOST_CHECK(Usage.PagedBytes == Expected[i].PagedBytes);
    }
}

static SIZE_T DrawBytes(VOID)
{
    ULONG64 r = HostRandom(), h = r >> 32;
    switch (r % 16) {
    case 0: return 1 + h % 16;
    case 1: return 0xFA0 + h % 0x70; /* around both limits of page sharing */
    case 2: return PAGE_SIZE - 8 + h % 16;
    case 3: return 1 + h % (5 * PAGE_SIZE);
    case 4:
    case 5: return 1 + h % 4000;
    default: return 1 + h % 400;
    }
}

/* ---- operations ------------------------------------------------------------------------------ */

static PVOID Request(const SLOT *Slot, BOOLEAN CacheAligned, BOOLEAN Zero)
{
    static const POOL_TYPE Types[] = {NonPagedPoolNx, NonPagedPoolExecute, PagedPool};
    static const POOL_FLAGS Flags[] = {POOL_FLAG_NON_PAGED, POOL_FLAG_NON_PAGED_EXECUTE,
                                       POOL_FLAG_PAGED};
    if (Slot->Tag == POOL_TAG_NONE && !CacheAligned && !Zero) {
        return ExAllocatePool(Types[Slot->Kind], Slot->Bytes);
    }
    if (HostRandom() % 2 != 0) {
        return ExAllocatePool2(Flags[Slot->Kind] | (CacheAligned ? POOL_FLAG_CACHE_ALIGNED : 0) |
                                   (Zero ? 0 : POOL_FLAG_UNINITIALIZED),
                               Slot->Bytes, Slot->Tag);
    }
    return ExAllocatePoolWithTag(Types[Slot->Kind] |
                                     (CacheAligned ? NonPagedPoolCacheAligned : NonPagedPool) |
                                     (Zero ? POOL_ZERO_ALLOCATION : 0),
                                 Slot->Bytes, Slot->Tag);
}

static VOID CheckPlace(const SLOT *Slot, BOOLEAN CacheAligned)
{
    ULONG_PTR First = (ULONG_PTR)Slot->Block, Last = First + Slot->Bytes - 1;
    BOOLEAN Big = First % PAGE_SIZE == 0;
    HOST_CHECK(First % MEMORY_ALLOCATION_ALIGNMENT == 0);
    HOST_CHECK(!CacheAligned || First % POOL_CACHE_LINE == 0);
    HOST_CHECK(ExpKindOfAddress(Slot->Block) == Slot->Kind);
    HOST_CHECK(Slot->Bytes > PAGE_SIZE || First / PAGE_SIZE == Last / PAGE_SIZE);
    HOST_CHECK(Big == (Slot->Bytes > (CacheAligned ? 0xFB0 : 0xFE0)));
}

static VOID Allocate(SLOT *Slot)
{
    BOOLEAN CacheAligned = HostRandom() % 8 == 0, Zero = HostRandom() % 2 == 0;
    Slot->Kind = (POOL_KIND)(HostRandom() % PoolKindCount);
    Slot->Bytes = DrawBytes();
    Slot->Tag = Tags[HostRandom() % TAGS];
    Slot->Block = Request(Slot, CacheAligned, Zero);
    if (Slot->Block == NULL) {
        HOST_CHECK(HostPagesLeft == 0);
        return;
    }
    CheckPlace(Slot, CacheAligned);
    BOOLEAN Quota = TRUE;
    SIZE_T Room = ExQueryPoolBlockSize(Slot->Block, &Quota);
    BOOLEAN Big = (ULONG_PTR)Slot->Block % PAGE_SIZE == 0;
    Slot->Charged = Room + (Big ? 0 : sizeof(POOL_HEADER));
    SIZE_T Unit = Big ? PAGE_SIZE : Slot->Charged > 512 ? 128 : POOL_GRANULE;
    HOST_CHECK(Room >= Slot->Bytes && Room < Slot->Bytes + Unit && !Quota);
    SIZE_T Granules;
    unsigned short *Owners = OwnersOf(Slot, &Granules);
    for (SIZE_T i = 0; i < Granules; i++) {
        HOST_CHECK(Owners[i] == 0);
        Owners[i] = (unsigned short)(Slot - Slots + 1);
    }
    for (SIZE_T i = 0; Zero && i < Slot->Bytes; i++) {
        HOST_CHECK(Slot->Block[i] == 0);
    }
    Slot->Pattern = (unsigned char)HostRandom();
    memset(Slot->Block, Slot->Pattern, Slot->Bytes);
    Charge(Slot, 1);
}

static VOID Free(SLOT *Slot)
{
    SIZE_T Granules;
    unsigned short *Owners = OwnersOf(Slot, &Granules);
    for (SIZE_T i = 0; i < Slot->Bytes; i++) {
        HOST_CHECK(Slot->Block[i] == Slot->Pattern);
    }
    for (SIZE_T i = 0; i < Granules; i++) {
        HOST_CHECK(Owners[i] == Slot - Slots + 1);
        Owners[i] = 0;
    }
    if ((Slot->Tag & PROTECTED_POOL) || HostRandom() % 2 == 0) {
        ExFreePoolWithTag(Slot->Block, Slot->Tag);
    } else {
        ExFreePool(Slot->Block);
    }
    Charge(Slot, -1);
    Slot->Block = NULL;
}

static VOID CheckEverything(VOID)
{
    SIZE_T Alive[PoolKindCount] = {0};
    for (int i = 0; i < SLOTS; i++) {
        if (Slots[i].Block != NULL) {
            Alive[Slots[i].Kind]++;
        }
    }
    for (POOL_KIND Kind = 0; Kind < PoolKindCount; Kind++) {
        HOST_CHECK(HostCheckPool(Kind) == Alive[Kind]);
    }
    CheckCounters();
}

/* What serves the requests: the C routines, these without lists, or the fast paths before them. */
static VOID ChooseRoad(VOID)
{
    ULONG64 Choice = HostRandom() % 4;
    KiCheckedMode = Choice % 2 == 0;
    ExpReviewFastPaths();
    ExpUseCaches(Choice != 0);
}

/* Random steps; Fill is how many of 16 allocate, so that pools grow, stay or shrink. */
static VOID Run(long Steps, ULONG Fill)
{
    for (long Step = 0; Step < Steps; Step++) {
        SLOT *Slot = &Slots[HostRandom() % SLOTS];
        BOOLEAN WantsBlock = HostRandom() % 16 < Fill;
        if (Slot->Block == NULL && WantsBlock) {
            Allocate(Slot);
        } else if (Slot->Block != NULL && !WantsBlock) {
            Free(Slot);
        }
        if (Step % 4096 == 0) {
            CheckEverything();
            ChooseRoad();
        }
    }
    CheckEverything();
}

static VOID Drain(VOID)
{
    for (int i = 0; i < SLOTS; i++) {
        if (Slots[i].Block != NULL) {
            Free(&Slots[i]);
        }
    }
    CheckEverything();
}

/* Nothing alive: every page is back, but for the pages of the table of big blocks. */
static VOID CheckEmpty(VOID)
{
    SIZE_T Used, Size, Untracked;
    for (POOL_KIND Kind = 0; Kind < PoolKindCount; Kind++) {
        ExpDrainCaches(Kind);
        HostCheckPool(Kind);
    }
    ExpQueryBigTable(&Used, &Size, &Untracked);
    SIZE_T TablePages = Size > 256 ? Size * sizeof(POOL_BIG_BLOCK) / PAGE_SIZE : 0;
    HOST_CHECK(Used == 0 && Untracked == 0);
    HOST_CHECK(HostPagesInUse[PoolKindNonPagedNx] == TablePages);
    HOST_CHECK(HostPagesInUse[PoolKindNonPagedExecute] == 0);
    HOST_CHECK(HostPagesInUse[PoolKindPaged] == 0);
}

int main(int Count, char **Arguments)
{
    long Steps = Count > 1 ? atol(Arguments[1]) : 60000;
    HostSeed = Count > 2 ? strtoull(Arguments[2], NULL, 0) : HostSeed;
    HostStart();
    HostPlan(5);
    Run(Steps, 12);
    HostPoint("host/pool_model/growing");
    Run(Steps, 8);
    HostPoint("host/pool_model/steady");
    Run(Steps, 4);
    Drain();
    CheckEmpty();
    HostPoint("host/pool_model/shrinking");
    for (int Round = 0; Round < 20; Round++) {
        HostPagesLeft = (long)(HostRandom() % 200);
        Run(Steps / 20, 12);
    }
    HostPoint("host/pool_model/exhausted");
    HostPagesLeft = -1;
    Run(Steps, 10);
    Drain();
    CheckEmpty();
    HostPoint("host/pool_model/after-exhaustion");
    return HostVerdict();
}
