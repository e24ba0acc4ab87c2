/*
 * poolpages.c - tests of the floor that the pools stand on: whole pages, backed or only promised,
 * known again by their first byte.
 */
#include "tests/mm/mm_check.h"

TEST(PagesBacked, "mm/poolpages/nonpaged-pages-are-there-at-once", "PAGES-1")
{
    PCHAR Va = MiAllocatePoolPages(NonPagedPoolNx, 3);
    REQUIRE(Va != NULL);
    for (ULONG i = 0; i < 3; i++) {
        MI_WALK Walk;
        MiWalkTables(Va + i * PAGE_SIZE, &Walk);
        CHECK(Walk.Valid && Walk.Writable && Walk.NoExecute);
    }
    MiFreePoolPages(Va);
}

TEST(PagesExecutable, "mm/poolpages/executable-pages-execute", "PAGES-1")
{
    PUCHAR Va = MiAllocatePoolPages(NonPagedPool, 1);
    REQUIRE(Va != NULL);
    memcpy(Va, "\xB8\x2A\x00\x00\x00\xC3", 6); /* mov eax, 42; ret */
    CHECK_EQ(((ULONG(*)(VOID))Va)(), 42);
    MiFreePoolPages(Va);
}

TEST(PagesPagedNx, "mm/poolpages/paged-pages-are-never-executable", "PAGES-1")
{
    PCHAR Va = MiAllocatePoolPages(PagedPool, 1);
    REQUIRE(Va != NULL);
    *Va = 1;
    CHECK(MiReadPte(MiGetPteAddress(Va)).Hard.NoExecute);
    MiFreePoolPages(Va);
}

TEST(PagesLength, "mm/poolpages/length-is-known-by-the-first-byte", "PAGES-2")
{
    static const POOL_TYPE Types[] = {NonPagedPool, NonPagedPoolNx, PagedPool};
    for (ULONG i = 0; i < ARRAYSIZE(Types); i++) {
        PCHAR Va = MiAllocatePoolPages(Types[i], 5);
        REQUIRE(Va != NULL);
        CHECK_EQ(MiQueryPoolPages(Va), 5);
        CHECK_EQ(MiQueryPoolPages(Va + 1), 0);
        CHECK_EQ(MiQueryPoolPages(Va + PAGE_SIZE), 0);
        CHECK_EQ(MiFreePoolPages(Va), 5);
        CHECK_EQ(MiQueryPoolPages(Va), 0);
    }
    CHECK_EQ(MiQueryPoolPages(NULL), 0);
    CHECK_EQ(MiQueryPoolPages((PVOID)MiQueryPoolPages), 0);
    CHECK_EQ(MiQueryPoolPages((PVOID)0x8000000000000000), 0);
}

TEST(PagesGone, "mm/poolpages/freed-pages-are-unmapped", "PAGES-3")
{
    PCHAR Va = MiAllocatePoolPages(NonPagedPoolNx, 2);
    REQUIRE(Va != NULL);
    PFN_NUMBER Pfn = MiReadPte(MiGetPteAddress(Va)).Hard.PageFrameNumber;
    MiFreePoolPages(Va);
    CHECK(!MmIsAddressValid(Va));
    CHECK(!MmIsAddressValid(Va + PAGE_SIZE));
    CHECK_EQ(MiPfnEntry(Pfn)->PageLocation, FreePageList);
}

TEST(PagesNone, "mm/poolpages/impossible-requests-fail", "")
{
    MM_COUNTS Before = TestMmCounts();
    CHECK_EQ(MiAllocatePoolPages(PagedPool, 0), NULL);
    CHECK_EQ(MiAllocatePoolPages(NonPagedPoolNx, 0), NULL);
    CHECK_EQ(MiAllocatePoolPages(PagedPool, ~(SIZE_T)0), NULL);
    CHECK_EQ(MiAllocatePoolPages(NonPagedPoolNx, MmTotalCommitLimit + 1), NULL);
    CHECK_EQ(MiAllocatePoolPages(NonPagedPoolNx, MmNumberOfPhysicalPages / 4 * 3 + 1), NULL);
    TestMmUnchanged(&Before);
}

/* Takes allocations of Pages pages until there are none; each holds the address of the one before.
 */
static SIZE_T TakeAll(POOL_TYPE PoolType, SIZE_T Pages, PVOID *Chain)
{
    PVOID Va;
    SIZE_T Count = 0;
    for (; (Va = MiAllocatePoolPages(PoolType, Pages)) != NULL; Count++) {
        *(PVOID *)Va = *Chain;
        *Chain = Va;
    }
    return Count;
}

static VOID CheckExhaustion(POOL_TYPE PoolType)
{
    MM_COUNTS Before = {0};
    for (ULONG Round = 0; Round < 2; Round++) { /* page tables are there in the second */
        PVOID Chain = NULL;
        Before = TestMmCounts();
        SIZE_T Held = TestHoldCommit(2500);
        SIZE_T Taken = TakeAll(PoolType, 64, &Chain);
        CHECK_GE(Taken, 2500 / 64 - 1);
        Taken += TakeAll(PoolType, 1, &Chain);
        CHECK_LE(MmTotalCommitLimit - MmTotalCommittedPages, 2); /* the last want of page tables */
        for (SIZE_T i = 0; i < Taken; i++) {
            PVOID Va = Chain;
            Chain = *(PVOID *)Va;
            MiFreePoolPages(Va);
        }
        CHECK_EQ(Chain, NULL);
        MiReturnCommit(Held);
    }
    TestMmUnchanged(&Before);
}

TEST(PagesExhausted, "mm/poolpages/nonpaged-until-commit-ends-comes-back", "COMMIT-1")
{
    CheckExhaustion(NonPagedPoolNx);
}

TEST(PagesExhaustedX, "mm/poolpages/executable-until-commit-ends-comes-back", "COMMIT-1")
{
    CheckExhaustion(NonPagedPool);
}

TEST(PagesExhaustedPaged, "mm/poolpages/paged-until-commit-ends-comes-back", "COMMIT-1")
{
    CheckExhaustion(PagedPool);
}

TEST(PagesNoMemory, "mm/poolpages/failure-in-the-middle-gives-everything-back", "PAGES-3")
{
    MiFreePoolPages(MiAllocatePoolPages(NonPagedPoolNx, 8)); /* page tables are there now */
    MiFreeKernelStack(MiAllocateKernelStack());
    TestSuspendPaging();
    MM_COUNTS Before = TestMmCounts();
    PFN_NUMBER Chain = MI_NO_PAGE;
    while (MiAvailablePages() > 5) { /* taken without commit: what commit prevents */
        TestChainPage(&Chain, MiAllocatePage(MiPageAny));
    }
    CHECK_EQ(MiAllocatePoolPages(NonPagedPoolNx, 8), NULL);
    CHECK_EQ(MiAllocateKernelStack(), NULL);
    CHECK_EQ(MiAvailablePages(), 5);
    TestFreeChain(Chain);
    TestMmUnchanged(&Before);
    TestResumePaging();
}

/* Stops: 0xC2 by every other subcode is held by tests/pool/crash_frees.c, from the outside. */
CRASH_TEST(FreePagedInside, "mm/free-pool-pages-inside", "0xC2 0x41286 $address 0x3 $offset",
           "PAGES-2, contract 4.3: 0x41286")
{
    PCHAR Va = (PCHAR)MiAllocatePoolPages(PagedPool, 8) + 3 * PAGE_SIZE;
    TestAnnounce("address", (ULONG64)Va);
    TestAnnounce("offset", ((ULONG64)Va - MI_PAGED_POOL) / PAGE_SIZE);
    MiFreePoolPages(Va);
}
