/*
 * paging.c - tests of pages that leave memory and come back: trimmed, written, reused, read.
 */

#include "tests/mm/paging_disk.h"

#define PAGES 24

TEST(PagingSoft, "mm/paging/a-trimmed-page-comes-back-as-it-was", "PAGE-1")
{
    PULONG64 Va = FillPages(PAGES);
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
    PULONG64 Va = FillPages(PAGES);
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

/* ---- states between ------------------------------------------------------------------------- */

TEST(PagingWritten, "mm/paging/a-written-page-is-standby-and-clean", "PAGE-2")
{
    PAGING_DISK Disk;
    REQUIRE(DiskOpen(&Disk, 64));
    PULONG64 Va = FillPages(1);
    if (CHECK(Va != NULL)) {
        MiTrimPages(Va, 1);
        CHECK_EQ(StateOf(Va), ModifiedPageList);
        MiFlushModifiedPages();
        CHECK_EQ(StateOf(Va), StandbyPageList);
        ULONG Writes = Disk.Writes;
        CHECK(IsFilled(Va, 1));
        MiTrimPages(Va, 1);
        CHECK_EQ(StateOf(Va), StandbyPageList);
        MiFlushModifiedPages();
        CHECK_EQ(Disk.Writes, Writes);
        MiFreePoolPages(Va);
    }
    DiskClose(&Disk);
}

TEST(PagingDirtyAgain, "mm/paging/a-page-changed-after-its-write-is-written-again", "PAGE-2")
{
    PAGING_DISK Disk;
    REQUIRE(DiskOpen(&Disk, 64));
    PULONG64 Va = FillPages(1);
    if (CHECK(Va != NULL)) {
        PageOut(Va, 1);
        Va[100] = 0x5555;
        MiTrimPages(Va, 1);
        CHECK_EQ(StateOf(Va), ModifiedPageList);
        PageOut(Va, 1);
        CHECK(!IsResident(Va));
        CHECK_EQ(Va[100], 0x5555);
        MiFreePoolPages(Va);
    }
    DiskClose(&Disk);
}

/* A write that is under way, of pages that are Va's. */
static PULONG64 BeginWrite(PPAGING_DISK Disk, SIZE_T Pages)
{
    PULONG64 Va = FillPages(Pages);
    Disk->Hold = TRUE;
    if (Va != NULL) {
        MiTrimPages(Va, Pages);
        MiAskForWrites();
        while (Disk->HeldCount == 0) { /* the writer may be on another processor */
            LARGE_INTEGER Moment = {.QuadPart = -1000};
            KeDelayExecutionThread(KernelMode, FALSE, &Moment);
        }
    }
    return Va;
}

static VOID EndWrite(PPAGING_DISK Disk)
{
    DiskRelease(Disk);
    MiFlushModifiedPages();
}

TEST(PagingWriteWanted, "mm/paging/a-page-wanted-during-its-write-is-mapped-at-once", "PAGE-1")
{
    PAGING_DISK Disk;
    REQUIRE(DiskOpen(&Disk, 64));
    PULONG64 Va = BeginWrite(&Disk, 4);
    if (CHECK(Va != NULL)) {
        CHECK_NE(Disk.HeldCount, 0);
        CHECK_EQ(StateOf(Va), TransitionPage);
        CHECK(IsFilled(Va, 1));
        CHECK(IsResident(Va));
        Va[0] ^= 1; /* behind the write's back */
        EndWrite(&Disk);
        Va[0] ^= 1;
        PageOut(Va, 4);
        CHECK(IsFilled(Va, 4));
        MiFreePoolPages(Va);
    }
    DiskClose(&Disk);
}

TEST(PagingWriteChanged, "mm/paging/a-change-during-the-write-is-not-lost", "PAGE-2")
{
    PAGING_DISK Disk;
    REQUIRE(DiskOpen(&Disk, 64));
    PULONG64 Va = BeginWrite(&Disk, 1);
    if (CHECK(Va != NULL)) {
        Va[7] = 0x1234;
        EndWrite(&Disk);
        PageOut(Va, 1);
        CHECK(!IsResident(Va));
        CHECK_EQ(Va[7], 0x1234);
        MiFreePoolPages(Va);
    }
    DiskClose(&Disk);
}

TEST(PagingWriteFreed, "mm/paging/memory-freed-during-its-write-is-free-behind-it", "PAGE-4")
{
    PAGING_DISK Disk;
    REQUIRE(DiskOpen(&Disk, 64));
    MM_COUNTS Before = TestMmCounts();
    ULONG Free = MiPagingFiles[Disk.Number].Free;
    PULONG64 Va = BeginWrite(&Disk, 6);
    if (CHECK(Va != NULL)) {
        CHECK_EQ(Va[0], (ULONG_PTR)Va); /* one of them is mapped again */
        CHECK_NE(Disk.HeldCount, 0);
        MiFreePoolPages(Va);
        EndWrite(&Disk);
    }
    TestMmUnchanged(&Before);
    CHECK_EQ(MiPagingFiles[Disk.Number].Free, Free);
    DiskClose(&Disk);
}

TEST(PagingPinned, "mm/paging/a-pinned-page-is-not-trimmed", "PAGE-3")
{
    PFN_NUMBER Pfn;
    PULONG64 Va = FillPages(1);
    REQUIRE(Va != NULL);
    CHECK_STATUS(MiPinPage(Va, FALSE, &Pfn), STATUS_SUCCESS);
    CHECK_EQ(MiTrimPages(Va, 1), 0);
    CHECK(IsResident(Va));
    MiUnpinPage(Pfn);
    CHECK_EQ(MiTrimPages(Va, 1), 1);
    MiFreePoolPages(Va);
}

TEST(PagingPinBrings, "mm/paging/a-pin-brings-the-page-in", "PIN-2")
{
    PAGING_DISK Disk;
    PFN_NUMBER Pfn;
    REQUIRE(DiskOpen(&Disk, 64));
    PULONG64 Va = FillPages(1);
    if (CHECK(Va != NULL)) {
        PageOut(Va, 1);
        CHECK_STATUS(MiPinPage(Va, FALSE, &Pfn), STATUS_SUCCESS);
        CHECK(IsResident(Va));
        CHECK_EQ(*(PULONG64)MiPfnToAddress(Pfn), (ULONG_PTR)Va);
        MiUnpinPage(Pfn);
        MiFreePoolPages(Va);
    }
    DiskClose(&Disk);
}

TEST(PagingPinWrites, "mm/paging/what-a-device-wrote-to-a-pinned-page-is-kept", "PIN-4")
{
    PAGING_DISK Disk;
    PFN_NUMBER Pfn;
    REQUIRE(DiskOpen(&Disk, 64));
    PULONG64 Va = FillPages(1);
    if (CHECK(Va != NULL)) {
        PageOut(Va, 1);
        CHECK_EQ(Va[0], (ULONG_PTR)Va); /* clean, with a copy */
        CHECK_STATUS(MiPinPage(Va, TRUE, &Pfn), STATUS_SUCCESS);
        *(PULONG64)MiPfnToAddress(Pfn) = 0x7777;
        MiUnpinPage(Pfn);
        PageOut(Va, 1);
        CHECK(!IsResident(Va));
        CHECK_EQ(Va[0], 0x7777);
        MiFreePoolPages(Va);
    }
    DiskClose(&Disk);
}
