/*
 * paging.c - tests of pages that leave memory and come back: trimmed, written, reused, read.
 */
#include "tests/mm/paging_disk.h"

#define PAGES 24

static PULONG64 Fill(SIZE_T Pages)
{
    PULONG64 Va = MiAllocatePoolPages(PagedPool, Pages);
    for (SIZE_T i = 0; Va != NULL && i < Pages * (PAGE_SIZE / 8); i++) {
        Va[i] = i * 0x0101010101010101 + (ULONG_PTR)Va;
    }
    return Va;
}

static BOOLEAN IsFilled(const ULONG64 *Va, SIZE_T Pages)
{
    for (SIZE_T i = 0; i < Pages * (PAGE_SIZE / 8); i++) {
        if (Va[i] != i * 0x0101010101010101 + (ULONG_PTR)Va) {
            return FALSE;
        }
    }
    return TRUE;
}

TEST(PagingSoft, "mm/paging/a-trimmed-page-comes-back-as-it-was", "PAGE-1")
{
    PULONG64 Va = Fill(PAGES);
    REQUIRE(Va != NULL);
    ULONG64 Soft = MiPaging.SoftFaults;
    CHECK_EQ(MiTrimPages(Va, PAGES), PAGES);
    for (ULONG i = 0; i < PAGES; i++) {
        CHECK(!IsResident(Va + i * 512));
        CHECK_EQ(StateOf(Va + i * 512), ModifiedPageList);
    }
    CHECK(IsFilled(Va, PAGES));
    CHECK_EQ(MiPaging.SoftFaults, Soft + PAGES);
    MiFreePoolPages(Va);
}

TEST(PagingClean, "mm/paging/a-page-that-was-only-read-is-standby-and-zero-again", "PFN-7")
{
    volatile ULONG64 *Va = MiAllocatePoolPages(PagedPool, 1);
    REQUIRE(Va != NULL);
    CHECK_EQ(*Va, 0);
    CHECK_EQ(MiTrimPages((PVOID)Va, 1), 1);
    CHECK_EQ(StateOf((PVOID)Va), StandbyPageList);
    CHECK_EQ(*Va, 0);
    MiFreePoolPages((PVOID)Va);
}

TEST(PagingHard, "mm/paging/what-was-written-is-read-back", "PAGE-5")
{
    PAGING_DISK Disk;
    MM_COUNTS Before = TestMmCounts();
    REQUIRE(DiskOpen(&Disk, 256));
    PULONG64 Va = Fill(PAGES);
    if (CHECK(Va != NULL)) {
        PageOut(Va, PAGES);
        for (ULONG i = 0; i < PAGES; i++) {
            CHECK(MiIsInPagingFile(MiReadPte(MiGetPteAddress(Va + i * 512))));
        }
        ULONG Free = MiPagingFiles[Disk.Number].Free;
        CHECK(Free <= 255 - PAGES); /* the pages of others may be there, too */
        CHECK(IsFilled(Va, PAGES));
        CHECK_EQ(MiPagingFiles[Disk.Number].Free, Free); /* PAGE-2: the copies are still good */
        MiFreePoolPages(Va);
        CHECK_EQ(MiPagingFiles[Disk.Number].Free, Free + PAGES);
    }
    DiskClose(&Disk);
    TestMmUnchanged(&Before);
}
