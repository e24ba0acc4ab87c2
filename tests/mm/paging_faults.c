/*
 * paging_faults.c - tests of who brings pages back, and which leave: reads with neighbours, two who
 * want one page, cold memory, pages that are cleared in advance, other processors.
 */
#include "kernel/ke/try.h"
#include "tests/ke/smp.h"
#include "tests/mm/paging_disk.h"

#define PAGES 24
#define ABOVE 9 /* a priority above the tests': such a thread runs at once */

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
    for (ULONG i = 0; i < 1000 && MiPagesOnList(ZeroedPageList) + 1 < MiPagesOnList(FreePageList);
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

/* ---- several processors --------------------------------------------------------------------- */

static struct {
    volatile ULONG64 *Word;
    volatile BOOLEAN Stop;
    ULONG64 Count;
} Counter;

static VOID NTAPI CountInPage(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    while (!Counter.Stop) {
        (*Counter.Word)++;
        Counter.Count++;
    }
}

TEST(PagingShootdown, "mm/paging/no-processor-writes-to-a-page-that-has-left", "WS-2")
{
    PAGING_DISK Disk;
    if (KeNumberProcessors == 1) {
        SKIP("there is one processor");
    }
    REQUIRE(DiskOpen(&Disk, 64));
    PULONG64 Va = FillPages(1);
    if (CHECK(Va != NULL)) {
        Va[9] = 0;
        Counter.Word = &Va[9];
        Counter.Stop = FALSE;
        Counter.Count = 0;
        PKTHREAD Thread = TestStartOn(1, CountInPage, NULL);
        for (ULONG i = 0; i < 20; i++) {
            PageOut(Va, 1);
        }
        Counter.Stop = TRUE;
        TestJoinThread(Thread);
        CHECK_EQ(Va[9], Counter.Count);
        MiFreePoolPages(Va);
    }
    DiskClose(&Disk);
}

/* ---- files that grow ------------------------------------------------------------------------ */

/* Paging files that nobody writes to, of 64 pages that may become 300. */
static VOID NeverStart(PMI_PAGING_DEVICE Device, PMI_TRANSFER Transfer)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Transfer);
    CHECK(FALSE);
}
static MI_PAGING_DEVICE Small = {.Name = "small", .Start = NeverStart};

TEST(PagingGrows, "mm/paging/a-paging-file-grows-when-more-is-promised", "SLOT-2")
{
    ULONG Number;
    TestSuspendPaging();
    REQUIRE_EQ(MiCreatePagingFile(&Small, 0, 64, 300, &Number), STATUS_SUCCESS);
    SIZE_T Limit = MmTotalCommitLimit, Held = TestHoldCommit(10);
    CHECK(!MiChargeCommit(10 + 236 + 1)); /* more than it may become: nothing changes */
    CHECK_EQ(MmTotalCommitLimit, Limit);
    CHECK(MiChargeCommit(10 + 236));
    CHECK_EQ(MmTotalCommitLimit, Limit + 236);
    CHECK_EQ(MiPagingFiles[Number].Size, 300);
    CHECK(!MiChargeCommit(1));
    MiReturnCommit(10 + 236 + Held);
    CHECK_EQ(MiClosePagingFile(Number), STATUS_SUCCESS);
    CHECK_EQ(MmTotalCommitLimit, Limit - 63);
    TestResumePaging();
}

/* ---- pages that can't be read --------------------------------------------------------------- */

static EXCEPTION_RECORD Seen;

static LONG LookAt(PEXCEPTION_POINTERS Pointers)
{
    Seen = *Pointers->ExceptionRecord;
    return EXCEPTION_EXECUTE_HANDLER;
}

/* What a guarded read of a page that is on the disk ends with. */
static NTSTATUS ReadGuarded(volatile ULONG64 *Va)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;
    KE_TRY
    {
        (VOID) * Va;
    }
    KE_EXCEPT(LookAt(GetExceptionInformation()))
    {
        Status = GetExceptionCode();
    }
    KE_END_TRY
    return Status;
}

TEST(PagingGuarded, "mm/paging/who-guards-a-touch-gets-an-in-page-error", "FAULT-5")
{
    PAGING_DISK Disk;
    REQUIRE(DiskOpen(&Disk, 64));
    PULONG64 Va = FillPages(1);
    if (CHECK(Va != NULL)) {
        PageOut(Va, 1);
        Disk.FailReads = TRUE;
        Disk.FailCount = 64;
        Disk.FailTimes = 2; /* the read, and the same once more */
        CHECK_STATUS(ReadGuarded(Va), STATUS_IN_PAGE_ERROR);
        CHECK_EQ(Seen.NumberParameters, 3);
        CHECK_EQ(Seen.ExceptionInformation[0], 0);
        CHECK_EQ(Seen.ExceptionInformation[1], (ULONG_PTR)Va);
        CHECK_EQ(Seen.ExceptionInformation[2], (ULONG)STATUS_IO_DEVICE_ERROR);
        CHECK_STATUS(ReadGuarded(Va), STATUS_SUCCESS); /* the disk has recovered */
        CHECK(IsFilled(Va, 1));
        MiFreePoolPages(Va);
    }
    DiskClose(&Disk);
}

/* ---- memory freed while it is trimmed ------------------------------------------------------- */

TEST(PagingTrimFreed, "mm/paging/an-address-is-given-out-again-when-all-forgot-its-page", "PAGE-4")
{
    MM_COUNTS Before = TestMmCounts();
    PULONG64 Va = FillPages(1);
    REQUIRE(Va != NULL);
    PFN_NUMBER Pfn = MiTrimPte(MiGetPteAddress(Va)); /* this processor still knows it */
    CHECK_NE(Pfn, MI_NO_PAGE);
    MiFreePoolPages(Va);
    PULONG64 Again = MiAllocatePoolPages(PagedPool, 1);
    if (CHECK_EQ(Again, Va)) {
        CHECK_EQ(Again[5], 0);
        Again[5] = 0x5A5A;
        MiFlushTlb(Va, 1); /* as the trimmer does now */
        MiReleasePage(Pfn);
        CHECK_EQ(Again[5], 0x5A5A);
        MiFreePoolPages(Again);
    }
    TestMmUnchanged(&Before);
}

TEST(PagingTrimTouched, "mm/paging/memory-touched-and-freed-while-it-is-trimmed-is-free", "PAGE-4")
{
    MM_COUNTS Before = TestMmCounts();
    PULONG64 Va = FillPages(1);
    REQUIRE(Va != NULL);
    PFN_NUMBER Pfn = MiTrimPte(MiGetPteAddress(Va));
    MiFlushTlb(Va, 1);
    CHECK(IsFilled(Va, 1)); /* mapped again; the trimmer still has its reference */
    MiFreePoolPages(Va);
    MiReleasePage(Pfn);
    TestMmUnchanged(&Before);
}

TEST(PagingDying, "mm/paging/a-page-number-on-its-way-out-is-no-slot", "PAGE-5")
{
    MMPTE Pte = MiMakeDyingPte(0x123456);
    CHECK(!MiIsInPagingFile(Pte) && !MiIsTransition(Pte));
    CHECK_EQ(Pte.Hard.PageFrameNumber, 0x123456);
    CHECK_EQ(Pte.Soft.Protection, 0);
}
