/*
 * commit.c - tests of the commit charge: its limit, who pays, and that without it nobody is served
 * though there is memory.
 */
#include "tests/mm/mm_check.h"

TEST(CommitPair, "mm/commit/charge-and-return-balance", "COMMIT-1")
{
    SIZE_T Before = MmTotalCommittedPages;
    REQUIRE(MiChargeCommit(10));
    CHECK_EQ(MmTotalCommittedPages, Before + 10);
    MiReturnCommit(4);
    CHECK_EQ(MmTotalCommittedPages, Before + 6);
    MiReturnCommit(6);
    CHECK_EQ(MmTotalCommittedPages, Before);
}

TEST(CommitLimit, "mm/commit/limit-is-reached-and-never-passed", "COMMIT-1")
{
    PoolDrain();
    SIZE_T Before = MmTotalCommittedPages, Rest = MmTotalCommitLimit - Before;
    CHECK(!MiChargeCommit(Rest + 1));
    CHECK_EQ(MmTotalCommittedPages, Before);
    REQUIRE(MiChargeCommit(Rest));
    CHECK_EQ(MmTotalCommittedPages, MmTotalCommitLimit);
    CHECK(!MiChargeCommit(1));
    CHECK(MiChargeCommit(0));
    MiReturnCommit(Rest);
    CHECK_EQ(MmTotalCommittedPages, Before);
}

TEST(CommitHuge, "mm/commit/huge-charges-do-not-wrap", "COMMIT-1")
{
    SIZE_T Before = MmTotalCommittedPages;
    REQUIRE(MiChargeCommit(2));
    CHECK(!MiChargeCommit(~(SIZE_T)0)); /* the sum would be 1 */
    CHECK(!MiChargeCommit(~(SIZE_T)0 - 1));
    CHECK(!MiChargeCommit((SIZE_T)1 << 63));
    MiReturnCommit(2);
    CHECK_EQ(MmTotalCommittedPages, Before);
}

TEST(CommitPeak, "mm/commit/peak-remembers-the-highest-charge", "")
{
    SIZE_T Rest = MmTotalCommitLimit - MmTotalCommittedPages;
    REQUIRE(MiChargeCommit(Rest));
    MiReturnCommit(Rest);
    CHECK_EQ(MmPeakCommittedPages, MmTotalCommitLimit);
}

TEST(CommitCovered, "mm/commit/every-promise-is-covered", "FAULT-4, COMMIT-2")
{
    CHECK_LE(MmTotalCommitLimit - MmTotalCommittedPages, MiAvailablePages() + MiFreeSlots());
}

TEST(CommitPaged, "mm/commit/paged-pages-pay-at-the-allocation", "COMMIT-2")
{
    MiFreePoolPages(MiAllocatePoolPages(PagedPool, 8)); /* page tables are there from here on */
    SIZE_T Committed = MmTotalCommittedPages;
    PFN_NUMBER Available = MiAvailablePages();
    PVOID Va = MiAllocatePoolPages(PagedPool, 8);
    REQUIRE(Va != NULL);
    CHECK_EQ(MmTotalCommittedPages, Committed + 8);
    CHECK_EQ(MiAvailablePages(), Available);
    MiFreePoolPages(Va);
    CHECK_EQ(MmTotalCommittedPages, Committed);
}

TEST(CommitNobody, "mm/commit/without-commit-nobody-is-served", "COMMIT-2")
{
    MM_COUNTS Before = TestMmCounts();
    SIZE_T Rest = MmTotalCommitLimit - MmTotalCommittedPages;
    REQUIRE(MiChargeCommit(Rest));
    CHECK_EQ(MiAllocatePoolPages(NonPagedPoolNx, 1), NULL);
    CHECK_EQ(MiAllocatePoolPages(NonPagedPool, 1), NULL);
    CHECK_EQ(MiAllocatePoolPages(PagedPool, 1), NULL);
    CHECK_EQ(MiAllocateKernelStack(), NULL);
    MiReturnCommit(Rest);
    TestMmUnchanged(&Before);
}
