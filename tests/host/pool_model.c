/*
 * pool_model.c - the model of the pools: which block has which bytes, and what its tag is charged.
 *
 * pool_model.h says for whom. The model is slots with a block each, an owner for each granule of
 * the arenas, and the counters of seven tags. It knows the rules of sizes and places and nothing of
 * how the pools keep them.
 */
#include <string.h>
#include "tests/host/pool_model.h"

#define TAGS 7

typedef struct _SLOT {
    unsigned char *Block; /* NULL: nothing is allocated */
    SIZE_T Bytes;
    SIZE_T Charged; /* what the tag is charged */
    POOL_KIND Kind;
    ULONG Tag;
    unsigned char Pattern;
} SLOT;

/* A request, with what its routine adds to the slot's size, kind and tag. */
typedef struct _REQUEST {
    BOOLEAN CacheAligned, Zero;
    ULONG Routine;
} REQUEST;

static SLOT Slots[MODEL_SLOTS];
static unsigned short Owner[PoolKindCount][HOST_ARENA_PAGES * POOL_PAGE_GRANULES];
static POOL_TAG_USAGE Expected[TAGS];
static const ULONG Tags[TAGS] = {
    'aaaa', 'bbbb', 'cccc', 'dddd', '   e', 'ffff' | PROTECTED_POOL, POOL_TAG_NONE};

MODEL_DRAW *ModelDraw = ModelDrawRandom;
ULONG64 ModelOperations;

ULONG ModelDrawRandom(ULONG Limit)
{
    return (ULONG)((HostRandom() >> 32) * Limit >> 32);
}

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
    switch (ModelDraw(16)) {
    case 0: return ModelDraw(17);
    case 1: return 0xFA0 + ModelDraw(0x70); /* around both limits of page sharing */
    case 2: return PAGE_SIZE - 8 + ModelDraw(16);
    case 3: return 1 + ModelDraw(5 * PAGE_SIZE);
    case 4:
    case 5: return 1 + ModelDraw(4000);
    default: return 1 + ModelDraw(400);
    }
}

/* Whether all bytes of a block are the same and this one: the second half compares neighbours. */
static BOOLEAN IsFilled(const unsigned char *Block, unsigned char Byte, SIZE_T Bytes)
{
    return Bytes == 0 || (Block[0] == Byte && memcmp(Block, Block + 1, Bytes - 1) == 0);
}

/* ---- operations ------------------------------------------------------------------------------ */

/* At any IRQL where the pool may be asked. */
static VOID DrawIrql(POOL_KIND Kind)
{
    HostIrql = (KIRQL)ModelDraw(Kind == PoolKindPaged ? APC_LEVEL + 1 : DISPATCH_LEVEL + 1);
}

static PVOID AskByFlags(const SLOT *Slot, const REQUEST *Request)
{
    static const POOL_FLAGS Kinds[] = {POOL_FLAG_NON_PAGED, POOL_FLAG_NON_PAGED_EXECUTE,
                                       POOL_FLAG_PAGED};
    POOL_FLAGS Flags = Kinds[Slot->Kind] | (Request->CacheAligned ? POOL_FLAG_CACHE_ALIGNED : 0) |
                       (Request->Zero ? 0 : POOL_FLAG_UNINITIALIZED);
    return Request->Routine == 0 ? ExAllocatePool2(Flags, Slot->Bytes, Slot->Tag)
                                 : ExAllocatePool3(Flags, Slot->Bytes, Slot->Tag, NULL, 0);
}

static PVOID Ask(const SLOT *Slot, const REQUEST *Request)
{
    static const POOL_TYPE Types[] = {NonPagedPoolNx, NonPagedPoolExecute, PagedPool};
    POOL_TYPE Type = Types[Slot->Kind] |
                     (Request->CacheAligned ? NonPagedPoolCacheAligned : NonPagedPool) |
                     (Request->Zero ? POOL_ZERO_ALLOCATION : 0);
    if (Slot->Tag == POOL_TAG_NONE && !Request->CacheAligned && !Request->Zero) {
        return ExAllocatePool(Type, Slot->Bytes);
    }
    switch (Slot->Bytes == 0 ? 3 : Request->Routine) { /* the new routines refuse 0 bytes */
    case 0:
    case 1: return AskByFlags(Slot, Request);
    case 2: return ExAllocatePoolWithTagPriority(Type, Slot->Bytes, Slot->Tag, HighPoolPriority);
    default: return ExAllocatePoolWithTag(Type, Slot->Bytes, Slot->Tag);
    }
}

static VOID CheckPlace(const SLOT *Slot, BOOLEAN CacheAligned)
{
    ULONG_PTR First = (ULONG_PTR)Slot->Block, Last = First + Slot->Bytes - (Slot->Bytes != 0);
    BOOLEAN Big = First % PAGE_SIZE == 0;
    HOST_CHECK(First % MEMORY_ALLOCATION_ALIGNMENT == 0);
    HOST_CHECK(!CacheAligned || First % POOL_CACHE_LINE == 0);
    HOST_CHECK(ExpKindOfAddress(Slot->Block) == Slot->Kind);
    HOST_CHECK(Slot->Bytes > PAGE_SIZE || First / PAGE_SIZE == Last / PAGE_SIZE);
    HOST_CHECK(Big == (Slot->Bytes > (CacheAligned ? 0xFB0 : 0xFE0)));
}

/* Nobody else's granules are the slot's; it may ask for a byte more than nothing. */
static VOID TakePossession(SLOT *Slot)
{
    BOOLEAN Quota = TRUE, Big = (ULONG_PTR)Slot->Block % PAGE_SIZE == 0;
    SIZE_T Room = ExQueryPoolBlockSize(Slot->Block, &Quota), Granules;
    SIZE_T Least = Slot->Bytes + (Slot->Bytes == 0);
    Slot->Charged = Room + (Big ? 0 : sizeof(POOL_HEADER));
    SIZE_T Unit = Big ? PAGE_SIZE : Slot->Charged > 512 ? 128 : POOL_GRANULE;
    HOST_CHECK(Room >= Least && Room < Least + Unit && !Quota);
    unsigned short *Owners = OwnersOf(Slot, &Granules);
    for (SIZE_T i = 0; i < Granules; i++) {
        HOST_CHECK(Owners[i] == 0);
        Owners[i] = (unsigned short)(Slot - Slots + 1);
    }
}

static VOID Allocate(SLOT *Slot)
{
    REQUEST Request = {ModelDraw(8) == 0, ModelDraw(2) == 0, ModelDraw(4)};
    Slot->Kind = (POOL_KIND)ModelDraw(PoolKindCount);
    Slot->Bytes = DrawBytes();
    Slot->Tag = Tags[ModelDraw(TAGS)];
    DrawIrql(Slot->Kind);
    Slot->Block = Ask(Slot, &Request);
    if (Slot->Block == NULL) {
        HOST_CHECK(HostPagesLeft == 0);
        return;
    }
    CheckPlace(Slot, Request.CacheAligned);
    TakePossession(Slot);
    HOST_CHECK(!Request.Zero || IsFilled(Slot->Block, 0, Slot->Bytes));
    Slot->Pattern = (unsigned char)ModelDraw(256);
    memset(Slot->Block, Slot->Pattern, Slot->Bytes);
    Charge(Slot, 1);
}

static VOID Free(SLOT *Slot)
{
    SIZE_T Granules;
    unsigned short *Owners = OwnersOf(Slot, &Granules);
    HOST_CHECK(IsFilled(Slot->Block, Slot->Pattern, Slot->Bytes));
    for (SIZE_T i = 0; i < Granules; i++) {
        HOST_CHECK(Owners[i] == Slot - Slots + 1);
        Owners[i] = 0;
    }
    DrawIrql(Slot->Kind);
    ULONG Routine = ModelDraw(3);
    if (Routine == 0) {
        ExFreePool2(Slot->Block, Slot->Tag, NULL, 0);
    } else if (Routine == 1 || (Slot->Tag & PROTECTED_POOL)) {
        ExFreePoolWithTag(Slot->Block, Slot->Tag);
    } else {
        ExFreePool(Slot->Block);
    }
    Charge(Slot, -1);
    Slot->Block = NULL;
}

VOID ModelChooseRoad(ULONG Road)
{
    KiCheckedMode = Road % 2 == 0;
    ExpReviewFastPaths();
    ExpUseCaches(Road != 0);
}

/* Each step is some processor's; a change costs a system call, so that not each changes it. */
VOID ModelStep(ULONG Count, ULONG Fill)
{
    if (ModelDraw(16) == 0) {
        HostEnterProcessor(ModelDraw(HOST_PROCESSORS));
    }
    SLOT *Slot = &Slots[ModelDraw(Count)];
    BOOLEAN WantsBlock = ModelDraw(16) < Fill;
    if (WantsBlock != (Slot->Block != NULL)) {
        ModelOperations++;
        (WantsBlock ? Allocate : Free)(Slot);
    }
}

VOID ModelCheckEverything(VOID)
{
    SIZE_T Alive[PoolKindCount] = {0};
    for (int i = 0; i < MODEL_SLOTS; i++) {
        if (Slots[i].Block != NULL) {
            Alive[Slots[i].Kind]++;
        }
    }
    for (POOL_KIND Kind = 0; Kind < PoolKindCount; Kind++) {
        HOST_CHECK(HostCheckPool(Kind) == Alive[Kind]);
    }
    CheckCounters();
}

/* The table of big blocks keeps its pages. */
VOID ModelEmpty(VOID)
{
    SIZE_T Used, Size, Untracked;
    for (int i = 0; i < MODEL_SLOTS; i++) {
        if (Slots[i].Block != NULL) {
            ModelOperations++;
            Free(&Slots[i]);
        }
    }
    ModelCheckEverything();
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
