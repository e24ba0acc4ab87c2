/*
 * caches.c - what processors keep of freed blocks: how much, who gets it, and that all of it comes
 * back when pages run out. And in free mode, where cache.S serves: sizes, contents, tags.
 */
#include "mm/mm.h"
#include "tests/fail_nth.h"
#include "tests/ke/smp.h"
#include "tests/pool/pool_cases.h"

#define CACHE_TAG 'hcaC'
#define SMALL     250                      /* bytes that nobody else asks for */
#define LONGEST   (0x14000 / (SMALL + 22)) /* blocks, of 17 granules, that a list may have */
#define MANY      4096

static PVOID Blocks[MANY];

static ULONG GranulesOf(SIZE_T Bytes)
{
    return ExpBlockGranules[(Bytes + (Bytes == 0) + POOL_GRANULE - 1) / POOL_GRANULE];
}

static ULONG CountOn(ULONG Processor, POOL_KIND Kind, SIZE_T Bytes)
{
    return (ULONG)(ExpCacheOf(Processor)->Heads[Kind][GranulesOf(Bytes)] & 0xFFFF);
}

/* ---- how much is kept ------------------------------------------------------------------------ */

static VOID TakeMany(const POOL_CASE *Case, SIZE_T Bytes, ULONG Count)
{
    for (ULONG i = 0; i < Count; i++) {
        Blocks[i] = ExAllocatePoolWithTag(Case->Type, Bytes, CACHE_TAG);
    }
}

/*
 * Frees blocks one by one: the list takes each as long as it may grow, and is never longer than its
 * depth, which doubles. Returns the longest that it was.
 */
static ULONG FreeMany(const POOL_CASE *Case, SIZE_T Bytes, ULONG Count)
{
    PUSHORT Depth = &ExpOwnCache()->Depths[Case->Kind][GranulesOf(Bytes)];
    ULONG Longest = 0;
    for (ULONG i = 0; i < Count; i++) {
        ULONG Before = *Depth;
        ExFreePoolWithTag(Blocks[i], CACHE_TAG);
        ULONG Length = CountOn(0, Case->Kind, Bytes);
        CHECK_LE(Length, *Depth);
        CHECK(*Depth == Before ||
              (*Depth > Before && *Depth <= Before * 2 && Length == Before + 1));
        Longest = Length > Longest ? Length : Longest;
    }
    return Longest;
}

/* Lists at their first lengths again, and empty. */
static VOID BeginAnew(VOID)
{
    ExpUseCaches(FALSE);
    ExpUseCaches(TRUE);
}

static BOOLEAN KeepsSoMany(const POOL_CASE *Case, SIZE_T Bytes, ULONG First, ULONG Largest,
                           ULONG Kept)
{
    BeginAnew();
    ULONG64 List = ExpListOf(Case->Kind, GranulesOf(Bytes));
    PUSHORT Depth = &ExpOwnCache()->Depths[Case->Kind][GranulesOf(Bytes)];
    BOOLEAN Holds = CHECK_EQ(*Depth, First) && CHECK_EQ(PoolCountKept(List), 0);
    TakeMany(Case, Bytes, MANY);
    Holds &= CHECK_EQ(FreeMany(Case, Bytes, MANY), Largest) && CHECK_EQ(*Depth, Largest);
    Holds &= CHECK_EQ(PoolCountKept(List), Kept);
    PoolCheck(Case->Kind);
    BeginAnew();
    return Holds && CHECK_EQ(PoolCountKept(List), 0);
}

/* The list and the depot's chains; sizes above 512 bytes have no depot. */
static BOOLEAN KeepsWhatItMay(const POOL_CASE *Case)
{
    return KeepsSoMany(Case, SMALL, 16, LONGEST, (1 + POOL_DEPOT_CHAINS) * LONGEST) &&
           KeepsSoMany(Case, 480, 16, 165, (1 + POOL_DEPOT_CHAINS) * 165) &&
           KeepsSoMany(Case, 1008, 10, 10, 10) && KeepsSoMany(Case, 4000, 3, 3, 3);
}

TEST(CachesDepth, "pool/caches/a-list-doubles-up-to-its-greatest-length",
     "CACHE-2 A list's word counts its blocks; no list is longer than its Depth was at the last "
     "push.")
{
    NEEDS_ALL_MEMORY("thousands of blocks at once");
    PoolForEach(KeepsWhatItMay);
}

/* With list and depot full, frees and requests in turns are served as before. */
TEST(CachesFull, "pool/caches/full-lists-and-depots-serve-on", "CACHE-2")
{
    NEEDS_ALL_MEMORY("thousands of blocks at once");
    const POOL_CASE *Case = &PoolCases[PoolKindNonPagedNx];
    BeginAnew();
    TakeMany(Case, SMALL, MANY);
    for (ULONG i = 0; i < MANY; i++) {
        ExFreePoolWithTag(Blocks[i], CACHE_TAG);
    }
    SIZE_T Pages = ExpPools[Case->Kind].TotalPages;
    for (ULONG Amplitude = 1; Amplitude <= MANY; Amplitude *= 4) {
        TakeMany(Case, SMALL, Amplitude);
        for (ULONG i = 0; i < Amplitude; i++) {
            *(PULONG)Blocks[i] = i;
        }
        for (ULONG i = 0; i < Amplitude; i++) {
            CHECK_EQ(*(PULONG)Blocks[i], i);
            ExFreePoolWithTag(Blocks[i], CACHE_TAG);
        }
        CHECK_EQ(ExpPools[Case->Kind].TotalPages, Pages);
    }
    PoolCheck(Case->Kind);
    BeginAnew();
}

/* ---- between processors ---------------------------------------------------------------------- */

static VOID NTAPI FreeThem(PVOID Context)
{
    for (ULONG i = 0; i < *(PULONG)Context; i++) {
        ExFreePoolWithTag(Blocks[i], CACHE_TAG);
    }
}

static VOID FreeOn(ULONG Processor, ULONG Count)
{
    TestJoinThread(TestStartOn(Processor, FreeThem, &Count));
}

/* One processor takes, the other one frees, round after round: no page more than in the first. */
static BOOLEAN ComesBack(const POOL_CASE *Case)
{
    const ULONG Count = 3000;
    POOL_TAG_USAGE Usage;
    BOOLEAN Holds = TRUE;
    SIZE_T Pages = 0;
    BeginAnew();
    for (ULONG Round = 0; Round < 6; Round++) {
        TakeMany(Case, SMALL, Count);
        Pages = Round == 0 ? ExpPools[Case->Kind].TotalPages : Pages;
        for (ULONG i = 0; i < Count; i++) {
            RtlFillMemory(Blocks[i], SMALL, i * 7);
        }
        for (ULONG i = 0; i < Count && Holds; i++) {
            Holds = CHECK(PoolIsFilled(Blocks[i], (UCHAR)(i * 7), 0, SMALL));
        }
        FreeOn(1, Count);
        Holds &= CHECK_NE(CountOn(1, Case->Kind, SMALL), 0);
    }
    Holds &= CHECK_LE(ExpPools[Case->Kind].TotalPages, Pages * 2);
    ExpQueryTag(CACHE_TAG, &Usage);
    Holds &= CHECK_EQ(Usage.NonPagedAllocs, Usage.NonPagedFrees) &&
             CHECK_EQ(Usage.PagedAllocs, Usage.PagedFrees) &&
             CHECK_EQ(Usage.NonPagedBytes + Usage.PagedBytes, 0);
    /* One counted them as taken and the other one as freed. */
    ULONG Slot = ExpSlotOf(CACHE_TAG);
    BOOLEAN Paged = Case->Kind == PoolKindPaged;
    Holds &= CHECK_GE(ExpCacheOf(1)->Frees[Paged][Slot], 6 * Count) &&
             CHECK_GE(ExpCacheOf(0)->Allocs[Paged][Slot], 6 * Count);
    PoolCheck(Case->Kind);
    return Holds;
}

TEST(CachesRemote, "pool/caches/blocks-that-another-processor-freed-come-back",
     "POOL-11 For each tag and kind: allocations minus frees are the blocks alive, Bytes their sum "
     "with headers and rounding.")
{
    NEED_PROCESSORS(2);
    PoolForEach(ComesBack);
    BeginAnew();
}

/* They travel in chains: the taker's list is filled from the depot, not from the pool. */
TEST(CachesDepot, "pool/caches/a-chain-goes-through-the-depot", "CACHE-2")
{
    NEED_PROCESSORS(2);
    PPOOL_DESCRIPTOR Pool = &ExpPools[PoolKindNonPagedNx];
    PPOOL_DEPOT Depot = &Pool->Depots[GranulesOf(SMALL)];
    BeginAnew();
    TakeMany(&PoolCases[PoolKindNonPagedNx], SMALL, 3 * LONGEST);
    CHECK_EQ(Depot->Count, 0);
    FreeOn(1, 3 * LONGEST);
    CHECK_EQ(Depot->Count, POOL_DEPOT_CHAINS);
    CHECK_EQ(CountOn(1, PoolKindNonPagedNx, SMALL), LONGEST);
    SIZE_T Pages = Pool->TotalPages;
    ULONG Own = CountOn(0, PoolKindNonPagedNx, SMALL);
    TakeMany(&PoolCases[PoolKindNonPagedNx], SMALL, Own + 1);
    CHECK_EQ(Depot->Count, POOL_DEPOT_CHAINS - 1);
    CHECK_EQ(CountOn(0, PoolKindNonPagedNx, SMALL), LONGEST - 1);
    CHECK_EQ(Pool->TotalPages, Pages);
    for (ULONG i = 0; i <= Own; i++) {
        ExFreePoolWithTag(Blocks[i], CACHE_TAG);
    }
    BeginAnew();
    CHECK_EQ(Depot->Count, 0);
}

/* All that any processor and the depot have goes to the pool, and its pages to mm. */
TEST(CachesDrain, "pool/caches/a-drain-empties-every-processor", "CACHE-5")
{
    NEED_PROCESSORS(2);
    BeginAnew();
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        TakeMany(&PoolCases[PoolKindNonPagedNx], SMALL, 500);
        FreeOn(i, 500);
        TakeMany(&PoolCases[PoolKindPaged], 480, 100);
        FreeOn(i, 100);
    }
    PoolDrain();
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        CHECK_EQ(CountOn(i, PoolKindNonPagedNx, SMALL), 0);
        CHECK_EQ(CountOn(i, PoolKindPaged, 480), 0);
    }
    CHECK_EQ(PoolCountKept(ExpListOf(PoolKindNonPagedNx, GranulesOf(SMALL))), 0);
    CHECK_EQ(PoolCountKept(ExpListOf(PoolKindPaged, GranulesOf(480))), 0);
}

/* ---- no page is left, but for what another processor keeps ----------------------------------- */

static BOOLEAN ServedByDrain(const POOL_CASE *Case, SIZE_T Bytes, KIRQL Irql)
{
    SIZE_T Limit = MmTotalCommitLimit;
    KIRQL Old;
    BeginAnew();
    TakeMany(Case, SMALL, 1000); /* more than ten pages */
    FreeOn(1, 1000);
    MmTotalCommitLimit = MmTotalCommittedPages;
    KeRaiseIrql(Irql, &Old);
    PVOID Block = ExAllocatePoolWithTag(Case->Type, Bytes, CACHE_TAG);
    KeLowerIrql(Old);
    MmTotalCommitLimit = Limit;
    BOOLEAN Holds = CHECK(Block != NULL);
    PoolFreeIfAny(Block);
    return Holds;
}

static BOOLEAN IsServedByDrain(const POOL_CASE *Case)
{
    return ServedByDrain(Case, 2000, PASSIVE_LEVEL) && ServedByDrain(Case, 100, APC_LEVEL) &&
           ServedByDrain(Case, PAGE_SIZE, PASSIVE_LEVEL) &&
           (Case->Kind == PoolKindPaged || (ServedByDrain(Case, 2000, DISPATCH_LEVEL) &&
                                            ServedByDrain(Case, 2 * PAGE_SIZE, DISPATCH_LEVEL)));
}

TEST(CachesExhausted, "pool/caches/no-request-fails-while-another-processor-keeps-blocks",
     "CACHE-5 No request fails for want of pages while a processor keeps a block of that pool.")
{
    NEED_PROCESSORS(2);
    PoolForEach(IsServedByDrain);
}

/* ---- cache.S, in both modes but for pages ---------------------------------------------------- */

/* A recycled block of each size: 16 bytes of grain, as large as its class, whole and zeroed. */
static VOID AllSizes(VOID)
{
    BOOLEAN Holds = TRUE, Quota;
    for (SIZE_T Bytes = 1; Bytes <= POOL_SMALL_LIMIT && Holds; Bytes++) {
        PUCHAR First = ExAllocatePoolWithTag(NonPagedPoolNx, Bytes, CACHE_TAG);
        SIZE_T Size = ExQueryPoolBlockSize(First, &Quota);
        RtlFillMemory(First, Size, 0xC5);
        ExFreePoolWithTag(First, CACHE_TAG);
        PUCHAR Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, Bytes, CACHE_TAG);
        Holds =
            CHECK_EQ(Block, First) && CHECK_EQ(ExpHeaderOf(Block)->BlockSize, GranulesOf(Bytes));
        Holds &= CHECK_GE(Size, Bytes) && CHECK_EQ(Size % 16, 0) &&
                 CHECK_LT(Size, Bytes + (Bytes > 496 ? 128 : 16));
        SIZE_T Cleared = (Bytes + 15) / 16 * 16; /* and not a byte more */
        Holds &= CHECK(PoolIsFilled(Block, 0, 0, Cleared)) &&
                 CHECK(PoolIsFilled(Block, 0xC5, Cleared, Size));
        ExFreePoolWithTag(Block, CACHE_TAG);
        if (!Holds) {
            DbgPrint("this was %I64u bytes\n", (ULONG64)Bytes);
        }
    }
    PoolCheck(PoolKindNonPagedNx);
}

TEST(CachesSizes, "pool/caches/every-size-is-cleared-and-no-more",
     "contract 2.4: ExAllocatePool2 clears")
{
    PoolInBothModes(AllSizes);
}

/* Recycled pages, which are kept from the first free on. */
static VOID AllPageSizes(VOID)
{
    static const SIZE_T Sizes[] = {POOL_SMALL_LIMIT + 1,  PAGE_SIZE - 1,      PAGE_SIZE,
                                   PAGE_SIZE + 1,         3 * PAGE_SIZE - 15, 3 * PAGE_SIZE - 16,
                                   16 * PAGE_SIZE - 4095, 16 * PAGE_SIZE,     16 * PAGE_SIZE + 1};
    BOOLEAN Quota;
    for (ULONG i = 0; i < ARRAYSIZE(Sizes); i++) {
        SIZE_T Pages = BYTES_TO_PAGES(Sizes[i]);
        PUCHAR First = ExAllocatePoolWithTag(NonPagedPoolNx, Sizes[i], CACHE_TAG);
        CHECK_EQ(BYTE_OFFSET(First), 0);
        CHECK_EQ(ExQueryPoolBlockSize(First, &Quota), Pages * PAGE_SIZE);
        RtlFillMemory(First, Pages * PAGE_SIZE, 0xC5);
        ExFreePoolWithTag(First, CACHE_TAG);
        PUCHAR Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, Sizes[i], CACHE_TAG);
        CHECK(Block == First || Pages > 16);
        CHECK(PoolIsFilled(Block, 0, 0, Sizes[i]));
        CHECK_EQ(ExQueryPoolBlockSize(Block, &Quota), Pages * PAGE_SIZE);
        ExFreePoolWithTag(Block, CACHE_TAG);
        PVOID Again = ExAllocatePoolWithTag(NonPagedPoolNx, Sizes[i], CACHE_TAG | PROTECTED_POOL);
        CHECK(Again == First || Pages > 16);
        ExFreePoolWithTag(Again, CACHE_TAG | PROTECTED_POOL);
    }
    PoolCheck(PoolKindNonPagedNx);
}

TEST(CachesPageSizes, "pool/caches/whole-pages-are-cleared-as-far-as-asked", "BIG-1")
{
    PoolInFreeMode(AllPageSizes);
}

/* A page that is kept is free: nothing is charged, and no request of pages fails for its sake. */
static VOID KeptPages(VOID)
{
    POOL_TAG_USAGE Usage;
    PVOID Mine[8];
    for (ULONG i = 0; i < ARRAYSIZE(Mine); i++) {
        Mine[i] = ExAllocatePoolWithTag(NonPagedPoolNx, 2 * PAGE_SIZE, '2haC');
    }
    for (ULONG i = 0; i < ARRAYSIZE(Mine); i++) {
        ExFreePoolWithTag(Mine[i], '2haC');
    }
    ExpQueryTag('2haC', &Usage);
    CHECK_EQ(Usage.NonPagedBytes, 0);
    SIZE_T Limit = MmTotalCommitLimit;
    MmTotalCommitLimit = MmTotalCommittedPages;
    PVOID Larger = ExAllocatePoolWithTag(NonPagedPoolNx, 8 * PAGE_SIZE, '2haC');
    PVOID Paged = ExAllocatePoolWithTag(PagedPool, PAGE_SIZE, '2haC');
    MmTotalCommitLimit = Limit;
    CHECK(Larger != NULL && Paged != NULL);
    PoolFreeIfAny(Larger);
    PoolFreeIfAny(Paged);
    PoolDrain();
}

TEST(CachesKeptPages, "pool/caches/kept-pages-serve-whoever-needs-pages", "CACHE-5")
{
    PoolInFreeMode(KeptPages);
}

/* As ExAllocatePool2 with POOL_FLAG_UNINITIALIZED and the older routines leave them. */
static VOID Recycled(VOID)
{
    static const SIZE_T Sizes[] = {1, 16, 17, 128, 500, 513, 4000};
    for (ULONG i = 0; i < ARRAYSIZE(Sizes); i++) {
        PVOID First = ExAllocatePoolWithTag(NonPagedPoolNx, Sizes[i], CACHE_TAG);
        RtlFillMemory(First, Sizes[i], 0x5C);
        ExFreePool(First);
        PVOID Block =
            ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_UNINITIALIZED, Sizes[i], CACHE_TAG);
        CHECK_EQ(Block, First);
        CHECK(PoolIsFilled(Block, 0x5C, 0, Sizes[i]));
        ExFreePool(Block);
        Block = ExAllocatePoolWithTagPriority(NonPagedPoolNx, Sizes[i], CACHE_TAG, LowPoolPriority);
        CHECK_EQ(Block, First);
        CHECK(PoolIsFilled(Block, 0x5C, 0, Sizes[i]));
        ExFreePool(Block);
    }
}

TEST(CachesRecycled, "pool/caches/recycled-contents-show-through", "")
{
    PoolInBothModes(Recycled);
}

static VOID NoBytes(VOID)
{
    POOL_TAG_USAGE Before, After;
    ExpQueryTag('0haC', &Before);
    for (ULONG i = 0; i < 2; i++) { /* the second time there is one on the list */
        PVOID First = ExAllocatePoolWithTag(NonPagedPoolNx, 0, '0haC');
        PVOID Second = ExAllocatePoolWithTag(PagedPool, 0, '0haC');
        CHECK(First != NULL && Second != NULL);
        CHECK_EQ(ExpHeaderOf(First)->BlockSize, 2);
        ExFreePoolWithTag(First, '0haC');
        ExFreePoolWithTag(Second, '0haC');
        CHECK_EQ(ExAllocatePool2(POOL_FLAG_NON_PAGED, 0, '0haC'), NULL);
    }
    ExpQueryTag('0haC', &After);
    CHECK_EQ(After.NonPagedAllocs, Before.NonPagedAllocs + 2);
    CHECK_EQ(After.PagedFrees, Before.PagedFrees + 2);
}

TEST(CachesNoBytes, "pool/caches/no-bytes-cost-a-smallest-block", "")
{
    PoolInBothModes(NoBytes);
}

/* What is no tag is refused although a block is at hand, and the block is there afterwards. */
static VOID BadTags(VOID)
{
    ExFreePool(ExAllocatePoolWithTag(NonPagedPoolNx, SMALL, CACHE_TAG));
    ExFreePool(ExAllocatePoolWithTag(PagedPool, SMALL, CACHE_TAG));
    ULONG Nx = CountOn(0, PoolKindNonPagedNx, SMALL), Paged = CountOn(0, PoolKindPaged, SMALL);
    static const ULONG Tags[] = {0, PROTECTED_POOL};
    for (ULONG i = 0; i < ARRAYSIZE(Tags); i++) {
        CHECK_EQ(ExAllocatePoolWithTag(NonPagedPoolNx, SMALL, Tags[i]), NULL);
        CHECK_EQ(ExAllocatePoolWithTag(PagedPool, SMALL, Tags[i]), NULL);
        CHECK_EQ(ExAllocatePoolWithTagPriority(NonPagedPoolNx, SMALL, Tags[i], LowPoolPriority),
                 NULL);
        CHECK_EQ(ExAllocatePool2(POOL_FLAG_NON_PAGED, SMALL, Tags[i]), NULL);
    }
    CHECK_EQ(CountOn(0, PoolKindNonPagedNx, SMALL), Nx);
    CHECK_EQ(CountOn(0, PoolKindPaged, SMALL), Paged);
    PVOID Block = ExAllocatePoolWithTag(NonPagedPoolNx, SMALL, CACHE_TAG);
    ExFreePool(Block); /* whole */
}

TEST(CachesBadTags, "pool/caches/a-bad-tag-costs-no-block", "")
{
    PoolInBothModes(BadTags);
}

static ULONG HomeOf(ULONG Tag)
{
    return (ULONG)(Tag * POOL_TAG_HASH) >> POOL_TAG_SHIFT;
}

/* A tag that is not in use, of the same home as Tag. */
static ULONG NextOfHome(ULONG Tag)
{
    ULONG Home = HomeOf(Tag);
    do {
        Tag = (Tag + 1) & ~PROTECTED_POOL;
    } while (HomeOf(Tag) != Home || Tag == 0);
    return Tag;
}

static VOID CheckUse(ULONG Tag, ULONG64 Alive, ULONG64 Freed)
{
    POOL_TAG_USAGE Usage;
    CHECK(ExpQueryTag(Tag, &Usage));
    CHECK_EQ(Usage.NonPagedAllocs, Alive + Freed);
    CHECK_EQ(Usage.NonPagedFrees, Freed);
    CHECK_EQ(Usage.NonPagedBytes, Alive * GranulesOf(SMALL) * POOL_GRANULE);
}

/* Only one of them is where its hash says; the counts of all are right. */
static VOID SharedHome(VOID)
{
    ULONG Tags[4] = {'!haC'};
    PVOID Mine[4][3];
    for (ULONG i = 1; i < ARRAYSIZE(Tags); i++) {
        Tags[i] = NextOfHome(Tags[i - 1]);
    }
    for (ULONG k = 0; k < 3; k++) {
        for (ULONG i = 0; i < ARRAYSIZE(Tags); i++) {
            Mine[i][k] = ExAllocatePoolWithTag(NonPagedPoolNx, SMALL,
                                               Tags[i] | (k == 1 ? PROTECTED_POOL : 0));
        }
    }
    static ULONG64 Runs; /* the tags keep their counts */
    for (ULONG i = 0; i < ARRAYSIZE(Tags); i++) {
        CheckUse(Tags[i], 3, 3 * Runs);
        for (ULONG k = 0; k < 3; k++) {
            ExFreePoolWithTag(Mine[i][k], Tags[i] | (k == 1 ? PROTECTED_POOL : 0));
        }
        CheckUse(Tags[i], 0, 3 * Runs + 3);
    }
    Runs++;
}

TEST(CachesHome, "pool/caches/tags-that-share-a-home-are-counted-apart", "POOL-11")
{
    PoolInBothModes(SharedHome);
}

/* The largest sum that a reading has seen. */
static VOID Peaks(VOID)
{
    POOL_TAG_USAGE Usage;
    ULONG Slot = ExpSlotOf('kPaC');
    ULONG64 Size = GranulesOf(SMALL) * POOL_GRANULE;
    for (ULONG i = 0; i < 10; i++) {
        Blocks[i] = ExAllocatePoolWithTag(NonPagedPoolNx, SMALL, 'kPaC');
    }
    CHECK(ExpReadTagSlot(Slot, &Usage));
    CHECK_EQ(Usage.NonPagedBytes, 10 * Size);
    CHECK_EQ(Usage.NonPagedPeak, 10 * Size);
    for (ULONG i = 0; i < 10; i++) {
        ExFreePoolWithTag(Blocks[i], 'kPaC');
    }
    CHECK(ExpReadTagSlot(Slot, &Usage));
    CHECK_EQ(Usage.NonPagedBytes, 0);
    CHECK_EQ(Usage.NonPagedPeak, 10 * Size);
    CHECK_EQ(Usage.PagedPeak, 0);
}

TEST(CachesPeak, "pool/caches/a-peak-is-the-largest-sum-that-was-read", "")
{
    PoolInBothModes(Peaks);
}

/* Where the share of a level begins, a block at hand is not given to it either. */
static VOID Scarce(VOID)
{
    SIZE_T Share = ExpQueryShare(PoolLevelLow);
    ExFreePool(ExAllocatePoolWithTag(NonPagedPoolNx, SMALL, CACHE_TAG));
    ExpSetShare(PoolLevelLow, 1);
    PVOID Low = ExAllocatePoolWithTagPriority(NonPagedPoolNx, SMALL, CACHE_TAG, LowPoolPriority);
    PVOID High = ExAllocatePoolWithTagPriority(NonPagedPoolNx, SMALL, CACHE_TAG, HighPoolPriority);
    ExpSetShare(PoolLevelLow, Share);
    PVOID Again = ExAllocatePoolWithTagPriority(NonPagedPoolNx, SMALL, CACHE_TAG, LowPoolPriority);
    CHECK_EQ(Low, NULL);
    CHECK(High != NULL && Again != NULL);
    PoolFreeIfAny(Low);
    PoolFreeIfAny(High);
    PoolFreeIfAny(Again);
}

TEST(CachesScarce, "pool/caches/a-low-priority-gets-nothing-below-its-share",
     "PRIO-1 A request is refused if fewer pages than its level's share would be left behind it.")
{
    PoolInBothModes(Scarce);
}

/* A free build reads no IRQL on the common path. */
static VOID HighLevel(VOID)
{
    KIRQL Old;
    PVOID Block = ExAllocatePoolWithTag(NonPagedPoolNx, SMALL, CACHE_TAG);
    ExFreePool(Block);
    KeRaiseIrql(HIGH_LEVEL, &Old);
    PVOID Again = ExAllocatePoolWithTag(NonPagedPoolNx, SMALL, CACHE_TAG);
    BOOLEAN Same = Again == Block;
    ExFreePoolWithTag(Again, CACHE_TAG);
    KeLowerIrql(Old);
    CHECK(Same);
}

TEST(CachesHighLevel, "pool/caches/the-common-path-reads-no-level", "")
{
    PoolInFreeMode(HighLevel);
}
