/*
 * mdl_pages.c - tests of pages for MDLs: where they come from, what they hold, how many there are
 * when memory is short, and how they are mapped.
 */
#include "tests/mm/mdl_check.h"

#define ANY_HIGH (~0ULL)

static PHYSICAL_ADDRESS Physical(ULONG64 Address)
{
    return (PHYSICAL_ADDRESS){.QuadPart = (LONGLONG)Address};
}

static PMDL Allocate(ULONG64 Low, ULONG64 High, ULONG64 Skip, SIZE_T Bytes, ULONG Flags)
{
    return MmAllocatePagesForMdlEx(Physical(Low), Physical(High), Physical(Skip), Bytes, MmCached,
                                   Flags);
}

static VOID Free(PMDL Mdl)
{
    if (Mdl != NULL) {
        MmFreePagesFromMdl(Mdl);
        ExFreePool(Mdl);
    }
}

static SIZE_T Pages(PMDL Mdl)
{
    return MmGetMdlByteCount(Mdl) / PAGE_SIZE;
}

/*
 * The first of Count free pages whose number is a multiple of Count; MI_NO_PAGE: none. The page
 * that the pool may need for an MDL is none of them: it is freed behind them, so it is taken first.
 */
static PFN_NUMBER FindFree(PFN_NUMBER Count)
{
    PFN_NUMBER Spare = MiAllocatePage(MiPageAny);
    PFN_NUMBER First = MiAllocateContiguousPages(Count, 0, ~0ULL, Count);
    if (First != MI_NO_PAGE) {
        MiFreePages(First, Count);
    }
    if (Spare != MI_NO_PAGE) {
        MiFreePage(Spare);
    }
    return First;
}

/* How many pages of an MDL hold nothing but zeros. */
static SIZE_T ZeroPages(PMDL Mdl)
{
    SIZE_T Count = 0;
    for (SIZE_T i = 0; i < Pages(Mdl); i++) {
        Count += TestIsZero(MiPfnToAddress(MmGetMdlPfnArray(Mdl)[i]), PAGE_SIZE);
    }
    return Count;
}

/* Leaves what it wrote in the pages from First on; says in how many, as some may be in use. */
static ULONG SoilPages(PFN_NUMBER First, PFN_NUMBER Count)
{
    ULONG Soiled = 0;
    PFN_NUMBER Spare = MiAllocatePage(MiPageAny);
    for (PFN_NUMBER Pfn = First; Pfn < First + Count; Pfn++) {
        if (MiAllocateContiguousPages(1, Pfn, Pfn, 0) == Pfn) {
            RtlFillMemory(MiPfnToAddress(Pfn), PAGE_SIZE, 0xAB);
            MiFreePage(Pfn);
            Soiled++;
        }
    }
    if (Spare != MI_NO_PAGE) {
        MiFreePage(Spare);
    }
    return Soiled;
}

TEST(PagesCounted, "mm/mdl-pages/pages-and-commit-are-counted-and-come-back", "MDLP-1")
{
    MM_COUNTS Before = TestMmCounts();
    PMDL Mdl = Allocate(0, ANY_HIGH, 0, 10 * PAGE_SIZE, 0);
    REQUIRE(Mdl != NULL);
    CHECK_EQ(MmGetMdlByteCount(Mdl), 10 * PAGE_SIZE);
    CHECK_EQ(Mdl->MdlFlags, MDL_PAGES_LOCKED);
    CHECK_EQ(MmGetMdlVirtualAddress(Mdl), NULL);
    for (ULONG i = 0; i < 10; i++) {
        PMMPFN Entry = MiPfnEntry(MmGetMdlPfnArray(Mdl)[i]);
        CHECK_EQ(Entry->PageLocation, ActiveAndValid);
        CHECK_EQ(Entry->ReferenceCount, 1);
        CHECK_EQ(Entry->u2.ShareCount, 0);
    }
    CHECK_GE(MmTotalCommittedPages, Before.Committed + 10); /* and perhaps a page for the MDL */
    CHECK_LE(MiAvailablePages(), Before.Available - 10);
    Free(Mdl);
    TestMmUnchanged(&Before);
}

TEST(PagesZero, "mm/mdl-pages/are-zero-by-default", "MDLP-2")
{
    PFN_NUMBER First = FindFree(16);
    REQUIRE(First != MI_NO_PAGE);
    CHECK_EQ(SoilPages(First, 16), 16);
    PMDL Mdl = Allocate(First * PAGE_SIZE, (First + 16) * PAGE_SIZE - 1, 0, 16 * PAGE_SIZE, 0);
    REQUIRE(Mdl != NULL);
    CHECK_EQ(ZeroPages(Mdl), 16);
    Free(Mdl);
    CHECK_GT(SoilPages(First, 16), 8); /* free pages, which the lists may hand out for any */
    Mdl = Allocate(0, ANY_HIGH, 0, 64 * PAGE_SIZE, 0);
    REQUIRE(Mdl != NULL);
    CHECK_EQ(ZeroPages(Mdl), 64);
    Free(Mdl);
}

TEST(PagesDirty, "mm/mdl-pages/dont-zero-leaves-what-they-held", "DDI: MM_DONT_ZERO_ALLOCATION")
{
    PFN_NUMBER First = FindFree(16);
    REQUIRE(First != MI_NO_PAGE);
    CHECK_EQ(SoilPages(First, 16), 16);
    PMDL Mdl = Allocate(First * PAGE_SIZE, (First + 16) * PAGE_SIZE - 1, 0, 16 * PAGE_SIZE,
                        MM_DONT_ZERO_ALLOCATION);
    REQUIRE(Mdl != NULL);
    CHECK_EQ(Pages(Mdl), 16);
    CHECK_EQ(ZeroPages(Mdl), 0);
    Free(Mdl);
}

TEST(PagesRange, "mm/mdl-pages/lie-between-both-addresses", "MDLP-3")
{
    PFN_NUMBER First = FindFree(16);
    REQUIRE(First != MI_NO_PAGE);
    /* A byte more or less at an end costs a page. */
    PMDL Mdl = Allocate(First * PAGE_SIZE + 1, (First + 16) * PAGE_SIZE - 2, 0, 32 * PAGE_SIZE, 0);
    REQUIRE(Mdl != NULL);
    CHECK_EQ(Pages(Mdl), 14);
    for (SIZE_T i = 0; i < Pages(Mdl); i++) {
        CHECK_EQ(MmGetMdlPfnArray(Mdl)[i], First + 1 + i);
    }
    Free(Mdl);
}

TEST(PagesSkip, "mm/mdl-pages/skip-moves-on-to-further-ranges", "MDLP-3")
{
    PFN_NUMBER First = FindFree(64);
    REQUIRE(First != MI_NO_PAGE);
    /* Two pages of each eight, 12 in all. */
    PMDL Mdl =
        Allocate(First * PAGE_SIZE, (First + 2) * PAGE_SIZE - 1, 8 * PAGE_SIZE, 12 * PAGE_SIZE, 0);
    REQUIRE(Mdl != NULL);
    REQUIRE_EQ(Pages(Mdl), 12);
    for (SIZE_T i = 0; i < 12; i++) {
        CHECK_EQ(MmGetMdlPfnArray(Mdl)[i], First + i / 2 * 8 + i % 2);
    }
    Free(Mdl);
}

TEST(PagesPart, "mm/mdl-pages/fewer-than-asked-for-is-success", "contract 3.9: partially")
{
    PFN_NUMBER First = FindFree(8);
    REQUIRE(First != MI_NO_PAGE);
    MM_COUNTS Before = TestMmCounts();
    PMDL Mdl = Allocate(First * PAGE_SIZE, (First + 8) * PAGE_SIZE - 1, 0, 100 * PAGE_SIZE, 0);
    REQUIRE(Mdl != NULL);
    CHECK_EQ(MmGetMdlByteCount(Mdl), 8 * PAGE_SIZE);
    /* The range is empty now. */
    CHECK_EQ(Allocate(First * PAGE_SIZE, (First + 8) * PAGE_SIZE - 1, 0, PAGE_SIZE, 0), NULL);
    Free(Mdl);
    TestMmUnchanged(&Before);
}

TEST(PagesFully, "mm/mdl-pages/fully-required-is-all-or-nothing", "DDI: MM_ALLOCATE_FULLY_REQUIRED")
{
    PFN_NUMBER First = FindFree(8);
    REQUIRE(First != MI_NO_PAGE);
    ULONG64 Low = First * PAGE_SIZE, High = (First + 8) * PAGE_SIZE - 1;
    MM_COUNTS Before = TestMmCounts();
    CHECK_EQ(Allocate(Low, High, 0, 9 * PAGE_SIZE, MM_ALLOCATE_FULLY_REQUIRED), NULL);
    CHECK_EQ(Allocate(0, ANY_HIGH, 0, (MmNumberOfPhysicalPages + 1) * PAGE_SIZE,
                      MM_ALLOCATE_FULLY_REQUIRED),
             NULL);
    TestMmUnchanged(&Before);
    PMDL Mdl = Allocate(Low, High, 0, 8 * PAGE_SIZE, MM_ALLOCATE_FULLY_REQUIRED);
    CHECK(Mdl != NULL);
    Free(Mdl);
}

TEST(PagesAll, "mm/mdl-pages/more-than-there-is-gives-what-there-is", "MDLP-1, COMMIT-1")
{
    TestSuspendPaging();
    Free(Allocate(0, ANY_HIGH, 0, 0xFFFFF000, MM_DONT_ZERO_ALLOCATION)); /* page tables are there */
    MM_COUNTS Before = TestMmCounts();
    PMDL Mdl = Allocate(0, ANY_HIGH, 0, 0xFFFFF000, MM_DONT_ZERO_ALLOCATION);
    if (!CHECK(Mdl != NULL)) {
        TestResumePaging();
        return;
    }
    SIZE_T Taken = Pages(Mdl);
    SIZE_T Left = MmTotalCommitLimit - MmTotalCommittedPages, Available = MiAvailablePages();
    Free(Mdl);
    CHECK_GT(Taken, Before.Available / 2);
    CHECK(Left == 0 || Available == 0 || Taken == 0xFFFFF);
    TestMmUnchanged(&Before);
    TestResumePaging();
}

TEST(PagesCommit, "mm/mdl-pages/commit-limits-them", "COMMIT-1, MDLP-1")
{
    PMDL Mdl = Allocate(0, ANY_HIGH, 0, PAGE_SIZE, 0); /* the pool has a page for small MDLs now */
    SIZE_T Held = TestHoldCommit(5);
    PMDL Some = Allocate(0, ANY_HIGH, 0, 20 * PAGE_SIZE, 0);
    SIZE_T Taken = Some == NULL ? 0 : Pages(Some);
    PMDL None = Allocate(0, ANY_HIGH, 0, PAGE_SIZE, 0);
    PMDL Fully = Allocate(0, ANY_HIGH, 0, 20 * PAGE_SIZE, MM_ALLOCATE_FULLY_REQUIRED);
    SIZE_T Left = MmTotalCommitLimit - MmTotalCommittedPages;
    Free(Some);
    SIZE_T Back = MmTotalCommitLimit - MmTotalCommittedPages;
    MiReturnCommit(Held);
    CHECK(Taken == 5 || Taken == 4); /* the pool may need a page for the MDL */
    CHECK_EQ(None, NULL);
    CHECK_EQ(Fully, NULL);
    CHECK_EQ(Left, 0);
    CHECK_EQ(Back, Taken);
    Free(Mdl);
}

/* ---- runs ------------------------------------------------------------------------------------ */

static BOOLEAN IsRun(PPFN_NUMBER Frames, SIZE_T Count)
{
    for (SIZE_T i = 1; i < Count; i++) {
        if (Frames[i] != Frames[0] + i) {
            return FALSE;
        }
    }
    return TRUE;
}

/* Holds every other page of a free run; the rest of it is single pages. */
static VOID Fragment(PFN_NUMBER First, PFN_NUMBER Count, PFN_NUMBER *Chain)
{
    for (PFN_NUMBER Pfn = First; Pfn < First + Count; Pfn += 2) {
        PFN_NUMBER Held = MiAllocateContiguousPages(1, Pfn, Pfn, 0);
        if (CHECK_EQ(Held, Pfn)) {
            TestChainPage(Chain, Pfn);
        }
    }
}

TEST(PagesRun, "mm/mdl-pages/required-chunk-without-skip-is-one-run-or-null",
     "DDI: MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS")
{
    PMDL Mdl = Allocate(0, ANY_HIGH, 0, 100 * PAGE_SIZE, MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS);
    REQUIRE(Mdl != NULL);
    CHECK_EQ(Pages(Mdl), 100);
    CHECK(IsRun(MmGetMdlPfnArray(Mdl), 100));
    CHECK_EQ(ZeroPages(Mdl), 100);
    Free(Mdl);
    PFN_NUMBER First = FindFree(16), Chain = MI_NO_PAGE;
    REQUIRE(First != MI_NO_PAGE);
    Fragment(First, 16, &Chain);
    MM_COUNTS Before = TestMmCounts();
    CHECK_EQ(Allocate(First * PAGE_SIZE, (First + 16) * PAGE_SIZE - 1, 0, 2 * PAGE_SIZE,
                      MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS),
             NULL);
    TestMmUnchanged(&Before);
    TestFreeChain(Chain);
}

TEST(PagesChunks, "mm/mdl-pages/chunks-are-skip-bytes-long-and-aligned", "MDLP-3")
{
    PFN_NUMBER First = FindFree(64), Chain = MI_NO_PAGE;
    REQUIRE(First != MI_NO_PAGE);
    Fragment(First + 8, 2, &Chain); /* the second chunk of eight is spoilt */
    PMDL Mdl = Allocate((First + 1) * PAGE_SIZE, (First + 40) * PAGE_SIZE - 1, 8 * PAGE_SIZE,
                        80 * PAGE_SIZE, MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS);
    REQUIRE(Mdl != NULL);
    CHECK_EQ(Pages(Mdl), 24); /* from 16, 24 and 32 */
    for (SIZE_T i = 0; i < Pages(Mdl); i += 8) {
        CHECK_EQ(MmGetMdlPfnArray(Mdl)[i], First + 16 + i);
        CHECK(IsRun(MmGetMdlPfnArray(Mdl) + i, 8));
    }
    Free(Mdl);
    TestFreeChain(Chain);
}

TEST(PagesPrefer, "mm/mdl-pages/preferred-runs-are-long-while-there-are",
     "DDI: MM_ALLOCATE_PREFER_CONTIGUOUS")
{
    PFN_NUMBER First = FindFree(64), Chain = MI_NO_PAGE;
    REQUIRE(First != MI_NO_PAGE);
    Fragment(First, 32, &Chain); /* 15 single pages, then 33 in one run */
    PMDL Mdl = Allocate(First * PAGE_SIZE, (First + 64) * PAGE_SIZE - 1, 0, 40 * PAGE_SIZE,
                        MM_ALLOCATE_PREFER_CONTIGUOUS);
    REQUIRE(Mdl != NULL);
    CHECK_EQ(Pages(Mdl), 40);
    CHECK_EQ(MmGetMdlPfnArray(Mdl)[0], First + 31); /* the run first, single ones when it ends */
    CHECK(IsRun(MmGetMdlPfnArray(Mdl), 32));
    CHECK_EQ(MmGetMdlPfnArray(Mdl)[32], First + 1);
    Free(Mdl);
    TestFreeChain(Chain);
}

TEST(PagesNode, "mm/mdl-pages/local-node-only-asks-no-other",
     "DDI: MM_ALLOCATE_FROM_LOCAL_NODE_ONLY")
{
    ULONG Node = KiProcessorBlock[KeGetCurrentThread()->IdealProcessor]->Node;
    PMDL Mdl = Allocate(0, ANY_HIGH, 0, 0xFFFFF000,
                        MM_ALLOCATE_FROM_LOCAL_NODE_ONLY | MM_DONT_ZERO_ALLOCATION);
    if (MiNodePlaces[Node].Pages == 0) {
        CHECK_EQ(Mdl, NULL);
        return;
    }
    REQUIRE(Mdl != NULL);
    ULONG Foreign = 0;
    for (SIZE_T i = 0; i < Pages(Mdl); i++) {
        Foreign += MiPfnEntry(MmGetMdlPfnArray(Mdl)[i])->Node != Node;
    }
    CHECK_EQ(Foreign, 0);
    Free(Mdl);
    Mdl = Allocate(0, ANY_HIGH, 0, 4 * PAGE_SIZE,
                   MM_ALLOCATE_FROM_LOCAL_NODE_ONLY | MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS);
    REQUIRE(Mdl != NULL);
    CHECK_EQ(MiPfnEntry(MmGetMdlPfnArray(Mdl)[0])->Node, Node);
    CHECK(IsRun(MmGetMdlPfnArray(Mdl), 4));
    Free(Mdl);
}

TEST(PagesSenseless, "mm/mdl-pages/requests-without-sense-are-null",
     "DDI wdm MmAllocatePagesForMdlEx")
{
    static const struct {
        ULONG64 Low, High, Skip;
        SIZE_T Bytes;
        ULONG Flags;
    } Rows[] = {
        {0, ANY_HIGH, 0, 0, 0},
        {0, ANY_HIGH, 100, PAGE_SIZE, 0},
        {0, PAGE_SIZE - 2, 0, PAGE_SIZE, 0},
        {0x2000000, 0x1000000, 0, PAGE_SIZE, 0},
        {1ULL << 50, ANY_HIGH, 0, PAGE_SIZE, 0},
        {0, ANY_HIGH, 0x3000, 0x6000, MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS},
        {0, ANY_HIGH, 0x4000, 0x6000, MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS},
        {0, ANY_HIGH, 0x200000, 0x200000,
         MM_ALLOCATE_FAST_LARGE_PAGES | MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS},
        {0, ANY_HIGH, 0, PAGE_SIZE, 0x80},
    };
    MM_COUNTS Before = TestMmCounts();
    for (ULONG i = 0; i < ARRAYSIZE(Rows); i++) {
        CHECK_EQ(Allocate(Rows[i].Low, Rows[i].High, Rows[i].Skip, Rows[i].Bytes, Rows[i].Flags),
                 NULL);
    }
    CHECK_EQ(MmAllocatePagesForMdlEx(Physical(0), Physical(ANY_HIGH), Physical(0), 1,
                                     MmMaximumCacheType, 0),
             NULL);
    TestMmUnchanged(&Before);
}

TEST(PagesDispatch, "mm/mdl-pages/at-dispatch-level-and-without-waiting",
     "DDI: MM_ALLOCATE_NO_WAIT, contract 1.4")
{
    KIRQL Old;
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    PMDL Mdl = Allocate(0, ANY_HIGH, 0, 4 * PAGE_SIZE, MM_ALLOCATE_NO_WAIT);
    SIZE_T Taken = Mdl == NULL ? 0 : Pages(Mdl);
    Free(Mdl);
    KeLowerIrql(Old);
    CHECK_EQ(Taken, 4);
}

/* ---- mapped ---------------------------------------------------------------------------------- */

TEST(PagesMapped, "mm/mdl-pages/freeing-undoes-the-mapping", "DDI wdm MmGetSystemAddressForMdlSafe")
{
    PMDL Mdl = Allocate(0, ANY_HIGH, 0, 3 * PAGE_SIZE, 0);
    REQUIRE(Mdl != NULL);
    SIZE_T InUse = MiRegions[MiRegionSystemPtes].PagesInUse;
    PULONG64 Va = MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority);
    if (CHECK(Va != NULL)) {
        CHECK(TestIsZero(Va, 3 * PAGE_SIZE));
        Va[2 * PAGE_SIZE / 8] = 0x1122334455667788;
        CHECK_EQ(*(PULONG64)MiPfnToAddress(MmGetMdlPfnArray(Mdl)[2]), 0x1122334455667788);
    }
    MmFreePagesFromMdl(Mdl);
    CHECK(!MmIsAddressValid(Va));
    CHECK_EQ(MiRegions[MiRegionSystemPtes].PagesInUse, InUse);
    CHECK_EQ(Mdl->MdlFlags, 0);
    ExFreePool(Mdl);
}

static BOOLEAN IsUncached(PMDL Mdl, MEMORY_CACHING_TYPE CacheType)
{
    PVOID Va =
        MmMapLockedPagesSpecifyCache(Mdl, KernelMode, CacheType, NULL, FALSE, NormalPagePriority);
    if (!CHECK(Va != NULL)) {
        return FALSE;
    }
    BOOLEAN Uncached = MiReadPte(MiGetPteAddress(Va)).Hard.CacheDisable;
    MmUnmapLockedPages(Va, Mdl);
    return Uncached;
}

TEST(PagesCaching, "mm/mdl-pages/the-first-mapping-says-how-they-are-cached", "MAP-2")
{
    PMDL First = MmAllocatePagesForMdl(Physical(0), Physical(ANY_HIGH), Physical(0), PAGE_SIZE);
    PMDL Second = MmAllocatePagesForMdl(Physical(0), Physical(ANY_HIGH), Physical(0), PAGE_SIZE);
    if (First != NULL && Second != NULL) {
        CHECK(IsUncached(First, MmNonCached));
        CHECK(IsUncached(First, MmCached)); /* from now on */
        CHECK(!IsUncached(Second, MmCached));
        CHECK(!IsUncached(Second, MmNonCached));
    }
    Free(First);
    Free(Second);
}

TEST(PagesCacheType, "mm/mdl-pages/cache-type-of-the-allocation-is-kept", "MAP-2, MDLP-2")
{
    static const MEMORY_CACHING_TYPE Types[] = {MmNonCached, MmCached, MmWriteCombined};
    for (ULONG i = 0; i < ARRAYSIZE(Types); i++) {
        PMDL Mdl = MmAllocatePagesForMdlEx(Physical(0), Physical(ANY_HIGH), Physical(0), PAGE_SIZE,
                                           Types[i], 0);
        REQUIRE(Mdl != NULL);
        CHECK_EQ(IsUncached(Mdl, MmCached), Types[i] != MmCached);
        Free(Mdl);
    }
}

TEST(PagesOfPart, "mm/mdl-pages/parts-count-from-address-zero", "DDI wdm IoBuildPartialMdl")
{
    PMDL Mdl = Allocate(0, ANY_HIGH, 0, 3 * PAGE_SIZE, 0);
    REQUIRE(Mdl != NULL);
    PMDL Part = IoAllocateMdl((PVOID)0x1800, 0x1000, FALSE, FALSE, NULL);
    if (Part != NULL) {
        IoBuildPartialMdl(Mdl, Part, (PVOID)0x1800, 0x1000);
        CHECK_EQ(MmGetMdlPfnArray(Part)[0], MmGetMdlPfnArray(Mdl)[1]);
        CHECK_EQ(MmGetMdlPfnArray(Part)[1], MmGetMdlPfnArray(Mdl)[2]);
        PVOID Va = MmGetSystemAddressForMdlSafe(Part, NormalPagePriority);
        CHECK_EQ(BYTE_OFFSET(Va), 0x800);
        IoFreeMdl(Part);
    }
    Free(Mdl);
}

/* ---- stops ----------------------------------------------------------------------------------- */

static PMDL Announced(VOID)
{
    PMDL Mdl = Allocate(0, ANY_HIGH, 0, PAGE_SIZE, 0);
    TestAnnounceMdl(Mdl);
    TestAnnounce("page", *MmGetMdlPfnArray(Mdl));
    return Mdl;
}

CRASH_TEST(PagesTwice, "mm/mdl-pages/freed-twice", "0x4E 0x99 $page 0x1 0x0",
           "CON-30 A page freed twice, or never allocated, is bug check 0x4E.")
{
    PMDL Mdl = Announced();
    MmFreePagesFromMdl(Mdl);
    MmFreePagesFromMdl(Mdl);
}

/* Its owner's reference and that of the part's mapping. */
CRASH_TEST(PagesStillMapped, "mm/mdl-pages/freed-while-a-part-is-mapped", "0x4E 0x9A $page 0x6 0x2",
           "MAP theory, contract 4.5: 0x4E, 0x9A")
{
    PMDL Mdl = Announced(), Part = IoAllocateMdl(NULL, 16, FALSE, FALSE, NULL);
    IoBuildPartialMdl(Mdl, Part, NULL, 16);
    MmMapLockedPages(Part, KernelMode);
    MmFreePagesFromMdl(Mdl);
}

/* One PTE maps it: it is the pool's. */
CRASH_TEST(PagesForeign, "mm/mdl-pages/freed-that-are-the-pools", "0x4E 0x99 $page 0x6 0x0",
           "PFN-4, contract 4.5: 0x4E, 0x99")
{
    PMDL Mdl = TestLockedMdl(MiAllocatePoolPages(NonPagedPoolNx, 1), PAGE_SIZE);
    TestAnnounce("page", *MmGetMdlPfnArray(Mdl));
    MmFreePagesFromMdl(Mdl);
}

CRASH_TEST(PagesUnlocked, "mm/mdl-pages/unlocked-that-were-allocated", "0x4E 0x7 $page 0x0 0x0",
           "PIN-3, contract 4.5: 0x4E, 7")
{
    MmUnlockPages(Announced());
}

CRASH_TEST(PagesIrql, "mm/mdl-pages/allocated-above-dispatch", "0xC4 0x7E 0x3 0x2 0x0",
           "contract 4.6: 0xC4, 0x7E")
{
    KIRQL Old;
    KeRaiseIrql(3, &Old);
    Allocate(0, ANY_HIGH, 0, PAGE_SIZE, 0);
}

CRASH_TEST(PagesFreeIrql, "mm/mdl-pages/freed-above-dispatch", "0xC4 0x7E 0x3 0x2 0x0",
           "contract 4.6: 0xC4, 0x7E")
{
    KIRQL Old;
    PMDL Mdl = Announced();
    KeRaiseIrql(3, &Old);
    MmFreePagesFromMdl(Mdl);
}
