/*
 * paging_errors.c - tests of disks that fail: what cannot be written stays in memory and goes
 * elsewhere, what cannot be read the first time is read again, and nothing is lost.
 */
#include "tests/ke/threads.h"
#include "tests/mm/paging_disk.h"

#define RUN   32 /* pages that leave in one write */
#define ABOVE 9  /* a priority above the tests': such a thread runs at once */

static VOID Moment(VOID)
{
    LARGE_INTEGER Short = {.QuadPart = -1000}; /* 100 us */
    KeDelayExecutionThread(KernelMode, FALSE, &Short);
}

static VOID TrimAndWrite(PVOID Va, SIZE_T Pages)
{
    MiTrimPages(Va, Pages);
    MiFlushModifiedPages();
}

/* Where the next write goes. */
static ULONG NextSlot(PPAGING_DISK Disk)
{
    return FileOf(Disk)->Hint;
}

/* ---- writes ---------------------------------------------------------------------------------- */

TEST(ErrorsRetire, "mm/paging/errors/a-slot-that-fails-is-retired-and-another-taken",
     "SLOT-2, modified.c")
{
    PAGING_DISK Disk;
    REQUIRE(DiskOpen(&Disk, 128));
    SIZE_T Limit = MmTotalCommitLimit;
    PULONG64 Va = FillPages(1);
    if (CHECK(Va != NULL)) {
        ULONG Bad = NextSlot(&Disk);
        FailTransfers(&Disk, TRUE, Bad, 1, FOR_EVER);
        PageOut(Va, 1);
        CHECK(!IsResident(Va));
        CHECK_NE(SlotOf(Va), 0);
        CHECK_NE(SlotOf(Va), Bad);
        CHECK_EQ(FileOf(&Disk)->Bad, 1);
        CHECK_EQ(MmTotalCommitLimit, Limit - 1);
        CHECK(RtlTestBit(&FileOf(&Disk)->Slots, Bad)); /* nobody gets it again */
        CHECK(IsFilled(Va, 1));
        MiFreePoolPages(Va);
    }
    DiskClose(&Disk);
}

/* A run whose page at Position has a slot that can't be written. */
static VOID WriteAround(ULONG Position)
{
    PAGING_DISK Disk;
    REQUIRE(DiskOpen(&Disk, 160));
    PULONG64 Va = FillPages(RUN);
    if (CHECK(Va != NULL)) {
        ULONG Bad = NextSlot(&Disk) + Position;
        FailTransfers(&Disk, TRUE, Bad, 1, FOR_EVER);
        PageOut(Va, RUN);
        CHECK_EQ(FileOf(&Disk)->Bad, 1);
        for (ULONG i = 0; i < RUN; i++) {
            CHECK(!IsResident(Va + i * 512));
            CHECK_NE(SlotOf(Va + i * 512), Bad);
        }
        CHECK(IsFilled(Va, RUN));
        MiFreePoolPages(Va);
    }
    DiskClose(&Disk);
}

TEST(ErrorsEachOfRun, "mm/paging/errors/any-page-of-a-run-may-fail-and-none-is-lost", "PAGE-5")
{
    SIZE_T Limit = MmTotalCommitLimit;
    MM_COUNTS Before = TestMmCounts();
    for (ULONG i = 0; i < RUN; i++) {
        WriteAround(i);
    }
    CHECK_EQ(MmTotalCommitLimit, Limit);
    TestMmUnchanged(&Before);
}

TEST(ErrorsAlone, "mm/paging/errors/a-run-that-fails-is-written-page-by-page", "modified.c")
{
    PAGING_DISK Disk;
    REQUIRE(DiskOpen(&Disk, 128));
    PULONG64 Va = FillPages(8);
    if (CHECK(Va != NULL)) {
        ULONG Writes = Disk.Writes, First = NextSlot(&Disk);
        FailTransfers(&Disk, TRUE, First, 8, 1);
        TrimAndWrite(Va, 8);
        CHECK_EQ(Disk.Writes, Writes + 1 + 8);
        CHECK_EQ(FileOf(&Disk)->Bad, 0);
        for (ULONG i = 0; i < 8; i++) {
            CHECK_EQ(StateOf(Va + i * 512), StandbyPageList);
            CHECK_EQ(SlotOf(Va + i * 512), First + i);
        }
        MiFreePoolPages(Va);
    }
    DiskClose(&Disk);
}

/* The disk answers each transfer some time after it was started, until the pages are written. */
static BOOLEAN ServeUntilWritten(PPAGING_DISK Disk, PVOID Va)
{
    for (ULONG i = 0; i < 1000 && StateOf(Va) != StandbyPageList; i++) {
        if (!DiskStep(Disk)) {
            Moment();
        }
    }
    return CHECK_EQ(StateOf(Va), StandbyPageList);
}

TEST(ErrorsSlowly, "mm/paging/errors/the-writer-goes-on-behind-a-write-that-failed-late", "WRITE-3")
{
    PAGING_DISK Disk;
    REQUIRE(DiskOpen(&Disk, 128));
    PULONG64 Va = FillPages(4);
    if (CHECK(Va != NULL)) {
        FailTransfers(&Disk, TRUE, NextSlot(&Disk) + 3, 1, 2); /* the run at once, page 3 late */
        Disk.HoldSingle = TRUE;
        MiTrimPages(Va, 4);
        MiAskForWrites();
        ServeUntilWritten(&Disk, Va + 3 * 512);
        CHECK_EQ(FileOf(&Disk)->Bad, 1);
        DiskRelease(&Disk);
        CHECK(IsFilled(Va, 4));
        MiFreePoolPages(Va);
    }
    DiskClose(&Disk);
}

TEST(ErrorsCalled, "mm/paging/errors/a-call-during-a-single-write-is-heard", "WRITE-3")
{
    PAGING_DISK Disk;
    REQUIRE(DiskOpen(&Disk, 128));
    PULONG64 Va = FillPages(2), Later = FillPages(1);
    if (CHECK(Va != NULL && Later != NULL)) {
        FailTransfers(&Disk, TRUE, NextSlot(&Disk), 2, 1);
        Disk.Hold = TRUE;
        MiTrimPages(Va, 2);
        MiAskForWrites();
        while (!DiskStep(&Disk)) { /* the run fails, the writer waits for the first page alone */
            Moment();
        }
        MiAskForWrites();
        ServeUntilWritten(&Disk, Va + 512);
        MiTrimPages(Later, 1);
        MiAskForWrites();
        ServeUntilWritten(&Disk, Later);
        DiskRelease(&Disk);
        MiFreePoolPages(Later);
        MiFreePoolPages(Va);
    }
    DiskClose(&Disk);
}

TEST(ErrorsAll, "mm/paging/errors/every-write-fails-and-commit-shrinks-slot-by-slot", "SLOT-2")
{
    PAGING_DISK Disk;
    MM_COUNTS Before = TestMmCounts();
    REQUIRE(DiskOpen(&Disk, 48));
    PULONG64 Va = FillPages(4);
    if (CHECK(Va != NULL)) {
        SIZE_T Limit = MmTotalCommitLimit;
        ULONG Free = FileOf(&Disk)->Free;
        ULONG64 NoWrite = MiPaging.NoWrite;
        FailTransfers(&Disk, TRUE, 0, 48, FOR_EVER);
        TrimAndWrite(Va, 4);
        CHECK_EQ(FileOf(&Disk)->Free, 0);
        CHECK_EQ(FileOf(&Disk)->Bad, Free);
        CHECK_EQ(MmTotalCommitLimit, Limit - Free);
        CHECK_GE(MiPaging.NoWrite, NoWrite + 4);
        for (ULONG i = 0; i < 4; i++) {
            CHECK_EQ(StateOf(Va + i * 512), ModifiedNoWritePageList);
        }
        CHECK(IsFilled(Va, 4)); /* the system goes on */
        TrimAndWrite(Va, 4);
        CHECK(IsFilled(Va, 4));
        MiFreePoolPages(Va);
    }
    DiskClose(&Disk);
    TestMmUnchanged(&Before);
}

TEST(ErrorsCleanly, "mm/paging/errors/when-commit-has-shrunk-allocations-fail-cleanly", "COMMIT-1")
{
    PAGING_DISK Disk;
    REQUIRE(DiskOpen(&Disk, 48));
    PULONG64 Va = FillPages(4);
    if (CHECK(Va != NULL)) {
        SIZE_T Held = TestHoldCommit(4); /* less than the slots that are going */
        FailTransfers(&Disk, TRUE, 0, 48, FOR_EVER);
        TrimAndWrite(Va, 4);
        CHECK_GT(MmTotalCommittedPages, MmTotalCommitLimit);
        CHECK_EQ(MiAllocatePoolPages(PagedPool, 1), NULL);
        CHECK_EQ(MiAllocatePoolPages(NonPagedPoolNx, 1), NULL);
        CHECK(IsFilled(Va, 4));
        MiReturnCommit(Held);
        PVOID Again = MiAllocatePoolPages(PagedPool, 1);
        CHECK(Again != NULL);
        MiFreePoolPages(Again);
        MiFreePoolPages(Va);
    }
    DiskClose(&Disk);
}

TEST(ErrorsFreed, "mm/paging/errors/memory-freed-during-a-write-that-fails-is-free", "PAGE-4")
{
    PAGING_DISK Disk;
    REQUIRE(DiskOpen(&Disk, 128));
    MM_COUNTS Before = TestMmCounts();
    PULONG64 Va = FillPages(3);
    ULONG Free = FileOf(&Disk)->Free;
    if (CHECK(Va != NULL)) {
        FailTransfers(&Disk, TRUE, 0, 128, 2); /* the run and its first page alone */
        Disk.Hold = TRUE;
        MiTrimPages(Va, 3);
        MiAskForWrites();
        while (Disk.HeldCount == 0) {
            Moment();
        }
        MiFreePoolPages(Va);
        DiskRelease(&Disk);
        MiFlushModifiedPages();
    }
    TestMmUnchanged(&Before);
    CHECK_EQ(FileOf(&Disk)->Bad, 1);
    CHECK_EQ(FileOf(&Disk)->Free, Free - 1);
    DiskClose(&Disk);
}

TEST(ErrorsChanged, "mm/paging/errors/a-change-during-a-write-that-fails-is-not-lost", "PAGE-2")
{
    PAGING_DISK Disk;
    REQUIRE(DiskOpen(&Disk, 128));
    PULONG64 Va = FillPages(2);
    if (CHECK(Va != NULL)) {
        FailTransfers(&Disk, TRUE, NextSlot(&Disk), 1, 2);
        Disk.Hold = TRUE;
        MiTrimPages(Va, 2);
        MiAskForWrites();
        while (Disk.HeldCount == 0) {
            Moment();
        }
        Va[5] = 0x4321;
        Va[512 + 5] = 0x8765;
        DiskRelease(&Disk);
        MiFlushModifiedPages();
        PageOut(Va, 2);
        CHECK(!IsResident(Va));
        CHECK_EQ(Va[5], 0x4321);
        CHECK_EQ(Va[512 + 5], 0x8765);
        MiFreePoolPages(Va);
    }
    DiskClose(&Disk);
}

/* ---- reads ----------------------------------------------------------------------------------- */

TEST(ErrorsReadAgain, "mm/paging/errors/a-read-that-fails-once-is-made-again", "inpage.c")
{
    PAGING_DISK Disk;
    REQUIRE(DiskOpen(&Disk, 128));
    PULONG64 Va = FillPages(1);
    if (CHECK(Va != NULL)) {
        PageOut(Va, 1);
        ULONG64 Errors = MiPaging.ReadErrors;
        ULONG Reads = Disk.Reads;
        FailTransfers(&Disk, FALSE, SlotOf(Va), 1, 1);
        CHECK(IsFilled(Va, 1));
        CHECK_EQ(Disk.Reads, Reads + 2);
        CHECK_EQ(MiPaging.ReadErrors, Errors + 1);
        MiFreePoolPages(Va);
    }
    DiskClose(&Disk);
}

TEST(ErrorsNeighbour, "mm/paging/errors/a-neighbour-that-cannot-be-read-stops-nobody", "inpage.c")
{
    PAGING_DISK Disk;
    MM_COUNTS Before = TestMmCounts();
    REQUIRE(DiskOpen(&Disk, 128));
    PULONG64 Va = FillPages(8);
    if (CHECK(Va != NULL)) {
        PageOut(Va, 8);
        FailTransfers(&Disk, FALSE, SlotOf(Va + 3 * 512), 1, FOR_EVER);
        for (ULONG i = 0; i < 8; i++) {
            if (i != 3) {
                CHECK_EQ(Va[i * 512 + 1], (ULONG_PTR)Va + (i * 512 + 1) * 0x0101010101010101);
            }
        }
        CHECK(MiIsInPagingFile(MiReadPte(MiGetPteAddress(Va + 3 * 512))));
        Disk.FailReads = FALSE;
        CHECK(IsFilled(Va, 8));
        MiFreePoolPages(Va);
    }
    DiskClose(&Disk);
    TestMmUnchanged(&Before);
}

TEST(ErrorsDamaged, "mm/paging/errors/a-damaged-neighbour-is-left-on-the-disk", "PAGE-7")
{
    PAGING_DISK Disk;
    if (!KiCheckedMode) {
        SKIP("there are checksums in checked mode only");
    }
    REQUIRE(DiskOpen(&Disk, 128));
    PULONG64 Va = FillPages(8);
    if (CHECK(Va != NULL)) {
        PageOut(Va, 8);
        PUCHAR There = Disk.Memory + SlotOf(Va + 3 * 512) * PAGE_SIZE + 1234;
        *There ^= 0x10;
        CHECK_EQ(Va[0], (ULONG_PTR)Va);
        CHECK_EQ(StateOf(Va + 2 * 512), StandbyPageList);
        CHECK(MiIsInPagingFile(MiReadPte(MiGetPteAddress(Va + 3 * 512))));
        CHECK_EQ(StateOf(Va + 4 * 512), StandbyPageList);
        *There ^= 0x10;
        CHECK(IsFilled(Va, 8));
        MiFreePoolPages(Va);
    }
    DiskClose(&Disk);
}

static struct {
    volatile ULONG64 *Va;
    ULONG64 Sum;
} Wanted;

static VOID NTAPI WantPage(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    __atomic_fetch_add(&Wanted.Sum, *Wanted.Va, __ATOMIC_RELAXED);
}

TEST(ErrorsCollided, "mm/paging/errors/two-who-wait-for-a-read-that-fails-once-both-get-it",
     "PAGE-6")
{
    PAGING_DISK Disk;
    REQUIRE(DiskOpen(&Disk, 128));
    PULONG64 Va = FillPages(1);
    if (CHECK(Va != NULL)) {
        PageOut(Va, 1);
        ULONG Reads = Disk.Reads;
        FailTransfers(&Disk, FALSE, SlotOf(Va), 1, 1);
        Disk.Hold = TRUE;
        Wanted.Va = Va;
        Wanted.Sum = 0;
        PKTHREAD First = TestStartThread(WantPage, NULL, ABOVE);
        PKTHREAD Second = TestStartThread(WantPage, NULL, ABOVE);
        DiskRelease(&Disk);
        TestJoinThread(First);
        TestJoinThread(Second);
        CHECK_EQ(Wanted.Sum, 2 * (ULONG_PTR)Va);
        CHECK_EQ(Disk.Reads, Reads + 2);
        MiFreePoolPages(Va);
    }
    DiskClose(&Disk);
}

/* ---- freed meanwhile ------------------------------------------------------------------------- */

/* The owner of a page that comes along with another's frees it before it is there. */
static VOID FreeReadAhead(ULONG FailTimes)
{
    PAGING_DISK Disk;
    REQUIRE(DiskOpen(&Disk, 128));
    MM_COUNTS Before = TestMmCounts();
    ULONG Free = FileOf(&Disk)->Free;
    PULONG64 Va = FillPages(1), Ahead = FillPages(1);
    if (CHECK(Va != NULL && Ahead == Va + 512)) {
        MiTrimPages(Va, 2);
        PageOut(Va, 2);
        CHECK_EQ(SlotOf(Ahead), SlotOf(Va) + 1);
        FailTransfers(&Disk, FALSE, SlotOf(Ahead), 1, FailTimes);
        Disk.Hold = TRUE;
        Wanted.Va = Va;
        Wanted.Sum = 0;
        PKTHREAD Thread = TestStartThread(WantPage, NULL, ABOVE);
        CHECK_EQ(StateOf(Ahead), TransitionPage);
        MiFreePoolPages(Ahead);
        DiskRelease(&Disk);
        TestJoinThread(Thread);
        CHECK_EQ(Wanted.Sum, (ULONG_PTR)Va);
        MiFreePoolPages(Va);
    }
    TestMmUnchanged(&Before);
    CHECK_EQ(FileOf(&Disk)->Free, Free);
    DiskClose(&Disk);
}

TEST(ErrorsFreedAhead, "mm/paging/errors/memory-freed-while-it-is-read-is-free-behind-it", "PAGE-4")
{
    FreeReadAhead(0);
}

TEST(ErrorsFreedFailed, "mm/paging/errors/memory-freed-during-a-read-that-fails-is-free", "PAGE-4")
{
    FreeReadAhead(1);
}
