/*
 * contiguous.c - tests of runs of adjacent pages: bounds, boundaries, and what stands in the way.
 *
 * Most need a window of free pages at a known place: they take a run, give it back, and ask for
 * parts of it.
 */
#include "tests/mm/mm_check.h"

#define ANYWHERE 0, ~0ULL

/*
 * The first of Count free pages whose number is a multiple of Alignment pages; MI_NO_PAGE: none.
 * They lie in the zone that single pages are taken from.
 */
static PFN_NUMBER FindWindow(PFN_NUMBER Count, PFN_NUMBER Alignment)
{
    PFN_NUMBER Lowest = MmHighestPhysicalPage < MI_FOUR_GIGABYTES ? 0 : MI_FOUR_GIGABYTES;
    PFN_NUMBER First = MiAllocateContiguousPages(Count + Alignment, Lowest, ~0ULL, 0);
    if (First == MI_NO_PAGE) {
        return MI_NO_PAGE;
    }
    MiFreePages(First, Count + Alignment);
    return (First + Alignment - 1) / Alignment * Alignment;
}

TEST(RunAdjacent, "mm/contiguous/run-is-adjacent-and-active", "RUN-1")
{
    MM_COUNTS Before = TestMmCounts();
    PFN_NUMBER First = MiAllocateContiguousPages(16, ANYWHERE, 0);
    REQUIRE(First != MI_NO_PAGE);
    CHECK_EQ(MiAvailablePages(), Before.Available - 16);
    for (ULONG i = 0; i < 16; i++) {
        CHECK_EQ(MiPfnEntry(First + i)->PageLocation, ActiveAndValid);
        CHECK_EQ(MiPfnEntry(First + i)->ReferenceCount, 1);
    }
    MiFreePages(First, 16);
    TestMmUnchanged(&Before);
}

TEST(RunLimits, "mm/contiguous/both-limits-are-included", "RUN-1")
{
    PFN_NUMBER Window = FindWindow(8, 1);
    REQUIRE(Window != MI_NO_PAGE);
    CHECK_EQ(MiAllocateContiguousPages(8, Window, Window + 6, 0), MI_NO_PAGE);
    CHECK_EQ(MiAllocateContiguousPages(8, Window + 1, Window + 7, 0), MI_NO_PAGE);
    PFN_NUMBER First = MiAllocateContiguousPages(8, Window, Window + 7, 0);
    REQUIRE_EQ(First, Window);
    MiFreePages(First, 8);
}

TEST(RunBoundary, "mm/contiguous/run-does-not-cross-its-boundary", "RUN-1")
{
    PFN_NUMBER Window = FindWindow(16, 8);
    REQUIRE(Window != MI_NO_PAGE);
    /* From 6 on, four pages would cross 8. */
    PFN_NUMBER First = MiAllocateContiguousPages(4, Window + 6, Window + 15, 8);
    REQUIRE(First != MI_NO_PAGE);
    CHECK_EQ(First, Window + 8);
    MiFreePages(First, 4);
    CHECK_EQ(MiAllocateContiguousPages(4, Window + 6, Window + 10, 8), MI_NO_PAGE);
    First = MiAllocateContiguousPages(4, Window + 6, Window + 10, 0);
    REQUIRE_EQ(First, Window + 6);
    MiFreePages(First, 4);
}

TEST(RunBoundaryFits, "mm/contiguous/run-may-fill-its-boundary", "RUN-1")
{
    PFN_NUMBER Window = FindWindow(16, 8);
    REQUIRE(Window != MI_NO_PAGE);
    PFN_NUMBER First = MiAllocateContiguousPages(8, Window + 1, Window + 15, 8);
    REQUIRE_EQ(First, Window + 8);
    MiFreePages(First, 8);
    CHECK_EQ(MiAllocateContiguousPages(9, ANYWHERE, 8), MI_NO_PAGE);
}

TEST(RunObstacle, "mm/contiguous/page-in-use-is-stepped-over", "RUN-1")
{
    PFN_NUMBER Window = FindWindow(9, 1);
    REQUIRE_EQ(MiAllocateContiguousPages(9, Window, Window + 8, 0), Window);
    MiFreePages(Window, 3);
    MiFreePages(Window + 4, 5); /* page 3 stays */
    CHECK_EQ(MiAllocateContiguousPages(6, Window, Window + 8, 0), MI_NO_PAGE);
    PFN_NUMBER First = MiAllocateContiguousPages(4, Window, Window + 8, 0);
    CHECK_EQ(First, Window + 4);
    MiFreePages(First, 4);
    MiFreePage(Window + 3);
}

TEST(RunZeroed, "mm/contiguous/zeroed-pages-serve-too", "PFN-2")
{
    PFN_NUMBER Window = FindWindow(4, 1);
    REQUIRE(Window != MI_NO_PAGE);
    MM_COUNTS Before = TestMmCounts();
    REQUIRE_EQ(MiAllocateContiguousPages(4, Window, Window + 3, 0), Window);
    MiFreePages(Window, 4);
    REQUIRE_EQ(MiZeroFreePages(2), 2); /* the two freed last: now the run is of both kinds */
    CHECK_EQ(MiPfnEntry(Window + 3)->PageLocation, ZeroedPageList);
    CHECK_EQ(MiPfnEntry(Window)->PageLocation, FreePageList);
    REQUIRE_EQ(MiAllocateContiguousPages(4, Window, Window + 3, 0), Window);
    MiFreePages(Window, 4);
    TestMmUnchanged(&Before);
}

TEST(RunLow, "mm/contiguous/run-below-4-gib-for-devices", "RUN-1")
{
    PFN_NUMBER First = MiAllocateContiguousPages(4, 0, MI_FOUR_GIGABYTES - 1, 0);
    REQUIRE(First != MI_NO_PAGE);
    CHECK_LE(First + 3, MI_FOUR_GIGABYTES - 1);
    MiFreePages(First, 4);
}

TEST(RunFirstMegabyte, "mm/contiguous/first-megabyte-only-when-asked-for", "")
{
    PFN_NUMBER Available = MiAvailablePages();
    PFN_NUMBER First = MiAllocateContiguousPages(1, 0, MI_FIRST_MEGABYTE - 1, 0);
    REQUIRE(First != MI_NO_PAGE);
    CHECK_LT(First, MI_FIRST_MEGABYTE);
    CHECK_EQ(MiAvailablePages(), Available); /* it never counted */
    MiFreePage(First);
    CHECK_EQ(MiAvailablePages(), Available);
    First = MiAllocateContiguousPages(1, 0, MI_FIRST_MEGABYTE, 0);
    CHECK(First == MI_NO_PAGE || First == MI_FIRST_MEGABYTE);
    if (First != MI_NO_PAGE) {
        MiFreePage(First);
    }
}

TEST(RunNothing, "mm/contiguous/impossible-requests-fail", "RUN-2")
{
    MM_COUNTS Before = TestMmCounts();
    CHECK_EQ(MiAllocateContiguousPages(0, ANYWHERE, 0), MI_NO_PAGE);
    CHECK_EQ(MiAllocateContiguousPages(MmHighestPhysicalPage + 1, ANYWHERE, 0), MI_NO_PAGE);
    CHECK_EQ(MiAllocateContiguousPages(Before.Available + 1, ANYWHERE, 0), MI_NO_PAGE);
    CHECK_EQ(MiAllocateContiguousPages(~0ULL, ANYWHERE, 0), MI_NO_PAGE);
    CHECK_EQ(MiAllocateContiguousPages(1, ~0ULL, ~0ULL, 0), MI_NO_PAGE);
    CHECK_EQ(MiAllocateContiguousPages(1, MmHighestPhysicalPage + 1, ~0ULL, 0), MI_NO_PAGE);
    CHECK_EQ(MiAllocateContiguousPages(2, 0x2000, 0x1000, 0), MI_NO_PAGE);
    TestMmUnchanged(&Before);
}

TEST(RunExhausted, "mm/contiguous/runs-until-memory-ends-come-back", "RUN-2, PFN-6")
{
    TestSuspendPaging();
    MM_COUNTS Before = TestMmCounts();
    PFN_NUMBER Chain = MI_NO_PAGE, First;
    for (PFN_NUMBER Count = 0x10000; Count != 0; Count /= 2) {
        while ((First = MiAllocateContiguousPages(Count, ANYWHERE, 0)) != MI_NO_PAGE) {
            for (PFN_NUMBER i = 0; i < Count; i++) {
                TestChainPage(&Chain, First + i);
            }
        }
    }
    CHECK_EQ(MiAvailablePages(), 0);
    CHECK_EQ(TestFreeChain(Chain), Before.Available);
    TestMmUnchanged(&Before);
    TestResumePaging();
}
