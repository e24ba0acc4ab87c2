/*
 * page_faults.c - paging to a real disk that fails, is slow, is full, or is not there: for machines
 * that say so, page-faults=write:32 on the kernel's command line beside `--disk 64M --disk-error
 * write:2048-2303` and so on, as tests/scenarios has them.
 */
#include "executive/io/block.h"
#include "kernel/rtl/rtl.h"
#include "tests/ke/threads.h"
#include "tests/mm/paging_disk.h"

BOOT_OPTION(
    PageFaults, "page-faults",
    "page-faults=write:SLOTS|read:PAGE|dead|promised|slow|full|none|bit  what the disk was told to "
    "do, for the tests page-faults/*");

#define RUN        32  /* pages */
#define FIRST_SLOT 256 /* where they go: sector 2048 */
#define BELOW      4   /* a priority below the tests': such a thread runs while they wait */

/* Whether the machine's disk is of that kind; *Number: what stands behind a colon. */
static BOOLEAN HasFault(const CHAR *Kind, PULONG64 Number)
{
    const CHAR *Word = KiGetBootOption("page-faults");
    SIZE_T Length = strlen(Kind);
    if (Word == NULL || strncmp(Word, Kind, Length) != 0) {
        return FALSE;
    }
    Word += Length;
    return Number == NULL ? *Word == 0 : *Word++ == ':' && RtlpParseNumber(&Word, 10, Number);
}
#define NEED_FAULT(Kind, Number)                                                                   \
    if (!HasFault(Kind, Number)) {                                                                 \
        SKIP("this machine's disk is not like that");                                              \
    }

/* Pages that leave next, and nothing else with them, to the slots from FIRST_SLOT on. */
static PULONG64 MakeRun(VOID)
{
    PULONG64 Va = FillPages(RUN);
    MiEmptyWorkingSet();
    MiFlushModifiedPages();
    if (CHECK(Va != NULL)) {
        for (ULONG i = 0; i < RUN * 512; i += 512) {
            (*(volatile ULONG64 *)&Va[i]) ^= 0; /* modified again */
        }
        MiPagingFiles[0].Hint = FIRST_SLOT;
    }
    return Va;
}

/* ---- writes ---------------------------------------------------------------------------------- */

/* The number is how many slots the disk's errors cost. */
TEST_FLAGS(FaultsWrite, "page-faults/writes-that-fail-lose-nothing", "PAGE-5, SLOT-2", TEST_SLOW)
{
    ULONG64 Retired;
    NEED_FAULT("write", &Retired);
    PMI_PAGING_FILE File = &MiPagingFiles[0];
    PULONG64 Va = MakeRun();
    REQUIRE(Va != NULL);
    SIZE_T Limit = MmTotalCommitLimit;
    ULONG64 Errors = MiPaging.WriteErrors;
    PageOut(Va, RUN);
    CHECK_GT(MiPaging.WriteErrors, Errors);
    CHECK_EQ(File->Bad, Retired);
    CHECK_EQ(MmTotalCommitLimit, Limit - Retired);
    for (ULONG i = 0; i < RUN; i++) {
        CHECK(MiIsInPagingFile(MiReadPte(MiGetPteAddress(Va + i * 512))));
    }
    CHECK(IsFilled(Va, RUN));
    MiFreePoolPages(Va);
}

TEST_FLAGS(FaultsDead, "page-faults/a-disk-that-writes-nothing-costs-its-slots-and-no-page",
           "SLOT-2, COMMIT-1", TEST_SLOW)
{
    NEED_FAULT("dead", NULL);
    PMI_PAGING_FILE File = &MiPagingFiles[0];
    PULONG64 Va = FillPages(300);
    REQUIRE(Va != NULL);
    SIZE_T Limit = MmTotalCommitLimit;
    MiTrimPages(Va, 300);
    MiFlushModifiedPages();
    CHECK_EQ(File->Bad, File->Size - 1);
    CHECK_EQ(MmTotalCommitLimit, Limit - File->Bad);
    CHECK_EQ(MiPagesOnList(ModifiedPageList), 0);
    CHECK_GE(MiPagesOnList(ModifiedNoWritePageList), 300);
    CHECK(IsFilled(Va, 300));
    SIZE_T Held = TestHoldCommit(0);
    CHECK_EQ(ExAllocatePool2(POOL_FLAG_PAGED, 2 * PAGE_SIZE, TEST_TAG), NULL);
    MiReturnCommit(Held);
    PVOID Block = ExAllocatePool2(POOL_FLAG_PAGED, 2 * PAGE_SIZE, TEST_TAG);
    CHECK(Block != NULL);
    PoolFreeIfAny(Block);
    MiFreePoolPages(Va);
}

/* More than memory can hold is promised while the disk still seems to be good for the rest. */
TEST_FLAGS(FaultsPromised, "page-faults/what-was-promised-to-a-dead-disk-is-no-hang",
           "contract 4.5: 0x4D", TEST_SLOW)
{
    NEED_FAULT("promised", NULL);
    SIZE_T Pages = MmTotalCommitLimit - MmTotalCommittedPages - 64; /* page tables */
    PUCHAR Va = MiAllocatePoolPages(PagedPool, Pages);
    REQUIRE(Va != NULL);
    for (SIZE_T i = 0; i < Pages; i++) {
        *(volatile UCHAR *)(Va + i * PAGE_SIZE) = 1;
    }
    CHECK(FALSE); /* not reached */
}

/* ---- reads: these machines stop -------------------------------------------------------------- */

/* The k-th page of a run, the first of it that is wanted. */
TEST_FLAGS(FaultsRead, "page-faults/a-page-that-cannot-be-read-stops-the-machine",
           "contract 4.5: 0x7A, layout C", TEST_SLOW)
{
    ULONG64 Page;
    NEED_FAULT("read", &Page);
    PULONG64 Va = MakeRun();
    REQUIRE(Va != NULL && Page < RUN);
    PageOut(Va, RUN);
    Va += Page * 512;
    CHECK_EQ(SlotOf(Va), FIRST_SLOT + Page);
    TestAnnounce("address", (ULONG64)&Va[5]);
    TestAnnounce("pte", (ULONG64)MiGetPteAddress(Va));
    TestAnnounce("contents", MiReadPte(MiGetPteAddress(Va)).Long);
    CHECK_EQ(*(volatile ULONG64 *)&Va[5], 0);
}

TEST_FLAGS(FaultsBit, "page-faults/a-bit-flipped-on-the-disk-stops-the-machine", "PAGE-7",
           TEST_SLOW)
{
    NEED_FAULT("bit", NULL);
    PIO_BLOCK_DEVICE Device = IoFindBlockDevice("vda");
    PUCHAR Buffer = MiAllocatePoolPages(NonPagedPoolNx, 1);
    PULONG64 Va = MakeRun();
    REQUIRE(Device != NULL && Buffer != NULL && Va != NULL);
    PageOut(Va, RUN);
    Va += 7 * 512;
    ULONG64 Offset = (ULONG64)SlotOf(Va) * PAGE_SIZE;
    CHECK_STATUS(IoTransferBlocksSync(Device, IoBlockRead, Offset, Buffer, 1), STATUS_SUCCESS);
    CHECK_EQ(*(PULONG64)Buffer, (ULONG_PTR)(Va - 7 * 512) + 7 * 512 * 0x0101010101010101ULL);
    Buffer[3000] ^= 0x80;
    CHECK_STATUS(IoTransferBlocksSync(Device, IoBlockWrite, Offset, Buffer, 1), STATUS_SUCCESS);
    TestAnnounce("address", (ULONG64)&Va[1]);
    TestAnnounce("pte", (ULONG64)MiGetPteAddress(Va));
    TestAnnounce("contents", MiReadPte(MiGetPteAddress(Va)).Long);
    CHECK_EQ(*(volatile ULONG64 *)&Va[1], 0);
}

/* ---- slow ------------------------------------------------------------------------------------ */

#define SLOW_PAGES 160
#define SLOW_STEP  8 /* pages that come in one read */

static volatile ULONG64 Progress;
static volatile BOOLEAN Stop;

static VOID NTAPI MakeProgress(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    while (!Stop) {
        Progress++;
    }
}

TEST_FLAGS(FaultsSlow, "page-faults/a-slow-disk-keeps-nobody-else-waiting", "BLOCK-4", TEST_SLOW)
{
    NEED_FAULT("slow", NULL);
    PULONG64 Va = FillPages(SLOW_PAGES);
    volatile ULONG64 *Wanted = Va;
    REQUIRE(Va != NULL);
    PageOut(Va, SLOW_PAGES);
    PKTHREAD Other = TestStartThread(MakeProgress, NULL, BELOW);
    LARGE_INTEGER Frequency, Began = KeQueryPerformanceCounter(&Frequency);
    ULONG Reads = 0, Moved = 0;
    CHECK_EQ(Wanted[0], (ULONG_PTR)Va); /* the throttle lets one pass after a pause */
    for (ULONG i = 2 * SLOW_STEP; i < SLOW_PAGES; i += 2 * SLOW_STEP) { /* a read each */
        ULONG64 Before = Progress;
        CHECK_EQ(Wanted[i * 512], (ULONG_PTR)Va + i * 512 * 0x0101010101010101ULL);
        Reads++;
        Moved += Progress > Before;
    }
    CHECK_GT(Moved, Reads / 2); /* a busy host may hold the processor up for a whole read */
    LONGLONG Took = KeQueryPerformanceCounter(NULL).QuadPart - Began.QuadPart;
    CHECK_GT(Took, Frequency.QuadPart / 2); /* it was slow */
    Stop = TRUE;
    TestJoinThread(Other);
    CHECK(IsFilled(Va, SLOW_PAGES));
    MiFreePoolPages(Va);
}

/* ---- no room --------------------------------------------------------------------------------- */

#define BLOCK_PAGES 64
#define PTES        512 /* pages of a page table, which stays */

/* Paged pool until there is no commit for more, all of it filled; returns the number of blocks. */
static ULONG FillEverything(PULONG64 *Blocks, ULONG Most)
{
    ULONG Count = 0;
    while (Count < Most && (Blocks[Count] = FillPages(BLOCK_PAGES)) != NULL) {
        Count++;
    }
    return Count;
}

static VOID CheckEverything(PULONG64 *Blocks, ULONG Count)
{
    for (ULONG i = 0; i < Count; i++) {
        CHECK(IsFilled(Blocks[i], BLOCK_PAGES));
    }
}

static VOID FreeEverything(PULONG64 *Blocks, ULONG Count)
{
    for (ULONG i = 0; i < Count; i++) {
        MiFreePoolPages(Blocks[i]);
    }
}

/* All commit there is, in use: with a paging file of 1 MB, and without one. */
static VOID UseAllCommit(VOID)
{
    static PULONG64 Blocks[1024];
    MM_COUNTS Before = TestMmCounts();
    ULONG Count = FillEverything(Blocks, ARRAYSIZE(Blocks));
    CHECK_LT(Count, ARRAYSIZE(Blocks));
    CHECK_LT(MmTotalCommitLimit - MmTotalCommittedPages, 2 * BLOCK_PAGES);
    CheckEverything(Blocks, Count);
    CHECK_NE(MiEmptyWorkingSet(), 0);
    MiFlushModifiedPages();
    CheckEverything(Blocks, Count);
    FreeEverything(Blocks, Count);
    CHECK_LE(MmTotalCommittedPages, Before.Committed + Count * BLOCK_PAGES / PTES + 1);
}

TEST_FLAGS(FaultsFull, "page-faults/a-full-paging-file-fails-allocations-and-nothing-else",
           "COMMIT-1, FAULT-4", TEST_SLOW)
{
    NEED_FAULT("full", NULL);
    UseAllCommit();
    CHECK_NE(MiPaging.PagesWritten, 0);
    CHECK_EQ(MiPagingFiles[0].Peak, MiPagingFiles[0].Size - 1);
}

TEST_FLAGS(FaultsNone, "page-faults/without-a-disk-trimming-and-soft-faults-work", "COMMIT-1, WS-1",
           TEST_SLOW)
{
    NEED_FAULT("none", NULL);
    CHECK_EQ(MiPagingFileCount, 0);
    ULONG64 Soft = MiPaging.SoftFaults;
    UseAllCommit();
    CHECK_GT(MiPaging.SoftFaults, Soft);
    CHECK_EQ(MiPaging.HardFaults, 0);
}
