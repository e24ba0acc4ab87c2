/*
 * paging.c - tests of pages that leave memory and come back: trimmed, written, reused, read.
 */
#include "tests/ke/threads.h"
#include "tests/mm/paging_disk.h"

#define PAGES 24
#define ABOVE 9 /* a priority above the tests': such a thread runs at once */

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

/* ---- reads ---------------------------------------------------------------------------------- */

TEST(PagingCluster, "mm/paging/neighbours-come-with-a-page", "inpage.c")
{
    PAGING_DISK Disk;
    REQUIRE(DiskOpen(&Disk, 64));
    PULONG64 Va = FillPages(PAGES);
    if (CHECK(Va != NULL)) {
        PageOut(Va, PAGES);
        ULONG Reads = Disk.Reads;
        CHECK_NE(Va[3 * 512], 0); /* no earlier read ended just before it */
        CHECK_EQ(Disk.Reads, Reads + 1);
        for (ULONG i = 4; i < 3 + 8; i++) {
            CHECK_EQ(StateOf(Va + i * 512), StandbyPageList);
            CHECK_NE(Va[i * 512], 0);
        }
        CHECK_EQ(Disk.Reads, Reads + 1);
        CHECK(IsFilled(Va, PAGES));
        MiFreePoolPages(Va);
    }
    DiskClose(&Disk);
}

TEST(PagingSequence, "mm/paging/who-reads-in-order-gets-longer-reads", "inpage.c")
{
    PAGING_DISK Disk;
    REQUIRE(DiskOpen(&Disk, 512));
    PULONG64 Va = FillPages(200);
    if (CHECK(Va != NULL)) {
        PageOut(Va, 200);
        ULONG Reads = Disk.Reads;
        CHECK(IsFilled(Va, 200));
        CHECK(Disk.LargestRead >= 64);
        CHECK(Disk.Reads - Reads <= 8);
        MiFreePoolPages(Va);
    }
    DiskClose(&Disk);
}

TEST(PagingOneWrite, "mm/paging/pages-that-leave-together-are-one-write", "modified.c")
{
    PAGING_DISK Disk;
    REQUIRE(DiskOpen(&Disk, 512));
    MiEmptyWorkingSet();
    MiFlushModifiedPages();
    PULONG64 Va = FillPages(200);
    if (CHECK(Va != NULL)) {
        ULONG Writes = Disk.Writes;
        PageOut(Va, 200);
        CHECK_EQ(Disk.Writes, Writes + 1);
        CHECK(Disk.LargestWrite >= 200);
        MMPTE First = MiReadPte(MiGetPteAddress(Va));
        MMPTE Last = MiReadPte(MiGetPteAddress(Va + 199 * 512));
        CHECK_EQ(Last.Soft.PageFileHigh - First.Soft.PageFileHigh, 199);
        MiFreePoolPages(Va);
    }
    DiskClose(&Disk);
}

/* Two threads that want one page. */
static struct {
    volatile ULONG64 *Va;
    ULONG64 Seen;
} Other;

static VOID NTAPI WantPage(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    Other.Seen = *Other.Va;
}

TEST(PagingCollided, "mm/paging/two-who-want-one-page-make-one-read", "PAGE-6")
{
    PAGING_DISK Disk;
    REQUIRE(DiskOpen(&Disk, 64));
    PULONG64 Va = FillPages(1);
    if (CHECK(Va != NULL)) {
        PageOut(Va, 1);
        ULONG64 Collided = MiPaging.CollidedFaults;
        ULONG Reads = Disk.Reads;
        Disk.Hold = TRUE;
        Other.Va = Va;
        PKTHREAD First = TestStartThread(WantPage, NULL, ABOVE);
        PKTHREAD Second = TestStartThread(WantPage, NULL, ABOVE);
        DiskRelease(&Disk);
        TestJoinThread(First);
        TestJoinThread(Second);
        CHECK_EQ(Other.Seen, (ULONG_PTR)Va);
        CHECK_EQ(Disk.Reads, Reads + 1);
        CHECK_EQ(MiPaging.CollidedFaults, Collided + 1);
        MiFreePoolPages(Va);
    }
    DiskClose(&Disk);
}

/* ---- advice, ageing, clearing --------------------------------------------------------------- */

TEST(PagingCold, "mm/paging/cold-memory-is-the-first-to-be-reused",
     "APP-10 The cold flag asks for memory from pages that are likely to be paged out soon.")
{
    PULONG64 Warm = ExAllocatePoolWithTag(PagedPool, 4 * PAGE_SIZE, TEST_TAG);
    PULONG64 Cold = ExAllocatePoolWithTag((POOL_TYPE)(PagedPool | POOL_COLD_ALLOCATION),
                                          4 * PAGE_SIZE, TEST_TAG);
    if (CHECK(Warm != NULL && Cold != NULL)) {
        for (ULONG i = 0; i < 4; i++) {
            (VOID) * (volatile ULONG64 *)&Warm[i * 512];
            (VOID) * (volatile ULONG64 *)&Cold[i * 512];
            CHECK_EQ(MiReadPte(MiGetPteAddress(&Cold[i * 512])).Hard.SoftwareWsIndex, MI_OLDEST);
            CHECK_EQ(MiReadPte(MiGetPteAddress(&Warm[i * 512])).Hard.SoftwareWsIndex, 0);
        }
        MiTrimPages(Warm, 4);
        MiTrimPages(Cold, 4);
        PFN_NUMBER Pfn = MiReadPte(MiGetPteAddress(Cold)).Trans.PageFrameNumber;
        CHECK_EQ(MiPfnEntry(Pfn)->Priority, MI_PRIORITY_COLD);
        Pfn = MiReadPte(MiGetPteAddress(Warm)).Trans.PageFrameNumber;
        CHECK_EQ(MiPfnEntry(Pfn)->Priority, MI_PRIORITY_NORMAL);
    }
    PoolFreeIfAny(Warm);
    PoolFreeIfAny(Cold);
}

TEST(PagingZeroThread, "mm/paging/the-zero-page-thread-clears-free-pages", "ZERO-1")
{
    PFN_NUMBER Zeroed = MiPagesOnList(ZeroedPageList);
    MiHoldZeroing(FALSE);
    MiCallZeroing();
    for (ULONG i = 0; i < 1000 && MiPagesOnList(ZeroedPageList) <= MiPagesOnList(FreePageList);
         i++) {
        LARGE_INTEGER Moment = {.QuadPart = -10000};
        KeDelayExecutionThread(KernelMode, FALSE, &Moment);
    }
    MiHoldZeroing(TRUE);
    CHECK_GE(MiPagesOnList(ZeroedPageList) + 1, MiPagesOnList(FreePageList));
    CHECK_GE(MiPagesOnList(ZeroedPageList), Zeroed);
    PFN_NUMBER Pfn = MiAllocatePage(MiPageZeroed);
    CHECK(TestIsZero(MiPfnToAddress(Pfn), PAGE_SIZE));
    MiFreePage(Pfn);
}

TEST(PagingZeroHeld, "mm/paging/who-holds-the-zero-page-thread-sees-no-list-change", "ZERO-2")
{
    PFN_NUMBER Zeroed = MiPagesOnList(ZeroedPageList);
    MiCallZeroing();
    LARGE_INTEGER Moment = {.QuadPart = -100000};
    KeDelayExecutionThread(KernelMode, FALSE, &Moment);
    CHECK_EQ(MiPagesOnList(ZeroedPageList), Zeroed);
}
