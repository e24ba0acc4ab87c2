/*
 * paging_bench.c - what paging costs: guest instructions of faults and of a trim, with a paging
 * file that is memory, and what goes to the machine's own disk and comes from it in a time, next to
 * the same disk without paging.
 *
 * The rows under ticks/paging/ are of one measurement, whichever of them is asked for: paging and
 * the disk alone take turns, each with as many pages, and the fastest turn of each counts. The disk
 * alone reads and writes slots of the paging file that the bench owns meanwhile, 1 MB in a request.
 */
#include "executive/io/block.h"
#include "kernel/hal/hal.h"
#include "tests/mm/paging_disk.h"

#define WARM_UP 64

/* ---- instructions ---------------------------------------------------------------------------- */

#define PAGES 2048 /* 8 MB; the page tables are there before */

static ULONG64 TouchAll(volatile CHAR *Va, ULONG First, ULONG Behind)
{
    ULONG64 Start = HalpReadTsc();
    for (ULONG i = First; i < Behind; i++) {
        Va[(SIZE_T)i * PAGE_SIZE] = 1;
    }
    return HalpReadTsc() - Start;
}

static VOID ReportTouch(volatile CHAR *Va)
{
    TouchAll(Va, 0, WARM_UP);
    TestBenchReport(TouchAll(Va, WARM_UP, PAGES), PAGES - WARM_UP);
}

BENCH(BenchZeroed, "mm/demand-zero-fault-with-a-zeroed-page", "instructions", "")
{
    volatile CHAR *Va = MiAllocatePoolPages(PagedPool, PAGES);
    CHECK_EQ(MiZeroFreePages(PAGES), PAGES);
    ReportTouch(Va);
    MiFreePoolPages((PVOID)Va);
}

BENCH(BenchSoft, "mm/soft-fault", "instructions", "900")
{
    volatile CHAR *Va = MiAllocatePoolPages(PagedPool, PAGES);
    TouchAll(Va, 0, PAGES);
    CHECK_EQ(MiTrimPages((PVOID)Va, PAGES), PAGES);
    ReportTouch(Va);
    MiFreePoolPages((PVOID)Va);
}

BENCH(BenchTrim, "mm/trim-a-page", "instructions", "")
{
    volatile CHAR *Va = MiAllocatePoolPages(PagedPool, PAGES);
    TouchAll(Va, 0, PAGES);
    ULONG64 Start = HalpReadTsc();
    CHECK_EQ(MiTrimPages((PVOID)Va, PAGES), PAGES);
    TestBenchReport(HalpReadTsc() - Start, PAGES);
    MiFreePoolPages((PVOID)Va);
}

/* A disk that is done at once and moves nothing: what is left is the faults' own. */
static VOID AnswerAtOnce(PMI_PAGING_DEVICE Device, PMI_TRANSFER Transfer)
{
    UNREFERENCED_PARAMETER(Device);
    KIRQL Irql;
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    Transfer->Status = STATUS_SUCCESS;
    Transfer->Done(Transfer);
    KeLowerIrql(Irql);
}

static VOID MeasureHardFaults(BOOLEAN Backwards)
{
    PAGING_DISK Disk;
    volatile CHAR *Va = MiAllocatePoolPages(PagedPool, PAGES);
    TouchAll(Va, 0, PAGES);
    if (DiskOpen(&Disk, PAGES + 1)) {
        PageOut((PVOID)Va, PAGES);
        Disk.Device.Start = AnswerAtOnce;
        ULONG64 Start = HalpReadTsc();
        for (ULONG i = 0; i < PAGES; i++) {
            Va[(SIZE_T)(Backwards ? PAGES - 1 - i : i) * PAGE_SIZE] = 1;
        }
        TestBenchReport(HalpReadTsc() - Start, PAGES);
        MiFreePoolPages((PVOID)Va);
        DiskClose(&Disk);
    }
}

/* Backwards nothing is read ahead: what is behind a page is there when it is touched. */
BENCH(BenchHard, "mm/hard-fault", "instructions", "")
{
    MeasureHardFaults(TRUE);
}

BENCH(BenchHardInOrder, "mm/hard-fault/in-order-a-page", "instructions", "")
{
    MeasureHardFaults(FALSE);
}

/* From the modified to the standby list, the disk's part left out. */
BENCH(BenchPageWrite, "mm/write-a-page", "instructions", "")
{
    PAGING_DISK Disk;
    volatile CHAR *Va = MiAllocatePoolPages(PagedPool, PAGES);
    TouchAll(Va, 0, PAGES);
    if (DiskOpen(&Disk, PAGES + 64)) {
        Disk.Device.Start = AnswerAtOnce;
        TouchAll(Va, 0, PAGES);
        MiTrimPages((PVOID)Va, PAGES);
        ULONG64 Start = HalpReadTsc();
        MiFlushModifiedPages();
        TestBenchReport(HalpReadTsc() - Start, PAGES);
        MiFreePoolPages((PVOID)Va);
        DiskClose(&Disk);
    }
}

/* ---- time ------------------------------------------------------------------------------------ */

#define MB        64
#define MB_PAGES  256
#define STREAM    (MB * MB_PAGES)
#define RAW_DEPTH 8 /* requests at a time */
#define TURNS     5

typedef enum _WAY { RawWrite, RawRead, PagedOut, PagedIn, WayCount } WAY;

static struct {
    BOOLEAN Done;
    ULONG64 Best[WayCount]; /* performance counts for all pages */
    PIO_BLOCK_DEVICE Disk;
    IO_BLOCK_REQUEST Requests[RAW_DEPTH];
    ULONG Slots[MB]; /* 1 MB each */
    PFN_NUMBER Frames[STREAM];
    KSEMAPHORE Finished;
    volatile LONG Next; /* MB */
    volatile LONG Failures;
} Paging;

static ULONG64 Now(VOID)
{
    return (ULONG64)KeQueryPerformanceCounter(NULL).QuadPart;
}

static VOID NextRaw(PIO_BLOCK_REQUEST Request)
{
    LONG Next = InterlockedIncrement(&Paging.Next) - 1;
    if (Next < MB) {
        Request->Offset = (ULONG64)Paging.Slots[Next] * PAGE_SIZE;
        Request->Frames = &Paging.Frames[Next * MB_PAGES];
        IoSubmitBlock(Paging.Disk, Request);
    } else {
        KeReleaseSemaphore(&Paging.Finished, 0, 1, FALSE);
    }
}

static VOID RawDone(PIO_BLOCK_REQUEST Request)
{
    if (!NT_SUCCESS(Request->Status)) {
        InterlockedIncrement(&Paging.Failures);
    }
    NextRaw(Request);
}

static VOID RunRaw(IO_BLOCK_OPERATION Operation)
{
    KeInitializeSemaphore(&Paging.Finished, 0, RAW_DEPTH);
    Paging.Next = 0;
    for (ULONG i = 0; i < RAW_DEPTH; i++) {
        Paging.Requests[i] =
            (IO_BLOCK_REQUEST){.Operation = Operation, .Pages = MB_PAGES, .Done = RawDone};
        NextRaw(&Paging.Requests[i]);
    }
    for (ULONG i = 0; i < RAW_DEPTH; i++) {
        KeWaitForSingleObject(&Paging.Finished, Executive, KernelMode, FALSE, NULL);
    }
}

static VOID Run(WAY Way, PVOID Pool)
{
    ULONG64 Start = Now();
    switch (Way) {
    case RawWrite: RunRaw(IoBlockWrite); break;
    case RawRead: RunRaw(IoBlockRead); break;
    case PagedOut:
        MiTrimPages(Pool, STREAM);
        MiFlushModifiedPages();
        break;
    default: TouchAll(Pool, 0, STREAM); break;
    }
    ULONG64 Ticks = Now() - Start;
    Paging.Best[Way] = Ticks < Paging.Best[Way] ? Ticks : Paging.Best[Way];
}

static VOID TakeTurns(PVOID Pool)
{
    for (ULONG Turn = 0; Turn < TURNS; Turn++) {
        Run(RawWrite, NULL);
        Run(RawRead, NULL);
        TouchAll(Pool, 0, STREAM);
        Run(PagedOut, Pool);
        PageOut(Pool, STREAM);
        Run(PagedIn, Pool);
    }
    CHECK_EQ(Paging.Failures, 0);
}

/* Slots and memory for the disk alone. FALSE when there are not so many. */
static BOOLEAN TakeRaw(PUCHAR Memory)
{
    ULONG File = 0;
    Paging.Disk = MiPagingFiles[0].Device->Context;
    for (ULONG i = 0; i < STREAM; i++) {
        Paging.Frames[i] =
            (PFN_NUMBER)MmGetPhysicalAddress(Memory + i * PAGE_SIZE).QuadPart / PAGE_SIZE;
    }
    for (ULONG i = 0; i < MB; i++) {
        if (MiTakeSlots(MB_PAGES, &File, &Paging.Slots[i]) != MB_PAGES || File != 0) {
            return FALSE;
        }
    }
    return TRUE;
}

static VOID ReturnRaw(VOID)
{
    for (ULONG i = 0; i < STREAM; i++) {
        MiReturnSlot(
            MiMakePagingFilePte(0, Paging.Slots[i / MB_PAGES] + i % MB_PAGES, (MMPTE){.Long = 0}));
    }
}

/* FALSE on a machine that does not page. */
static BOOLEAN Measure(VOID)
{
    if (Paging.Done || MiPagingFileCount == 0) {
        return Paging.Done;
    }
    RtlFillMemory(Paging.Best, sizeof(Paging.Best), 0xFF);
    PVOID Pool = MiAllocatePoolPages(PagedPool, STREAM);
    PVOID Memory = MiAllocatePoolPages(NonPagedPoolNx, STREAM);
    if (CHECK(Pool != NULL && Memory != NULL) && CHECK(TakeRaw(Memory))) {
        TakeTurns(Pool);
        ReturnRaw();
        Paging.Done = TRUE;
    }
    MiFreePoolPages(Pool);
    MiFreePoolPages(Memory);
    return Paging.Done;
}

static VOID ReportRate(WAY Way)
{
    LARGE_INTEGER Frequency;
    KeQueryPerformanceCounter(&Frequency);
    if (Measure()) {
        TestBenchReport(MB * (ULONG64)Frequency.QuadPart, Paging.Best[Way]);
    }
}

static VOID ReportShare(WAY Way, WAY Raw)
{
    if (Measure()) {
        TestBenchReport(Paging.Best[Way], Paging.Best[Raw]);
    }
}

BENCH(BenchRawWrite, "ticks/paging/disk-alone-write", "MB a second", "")
{
    ReportRate(RawWrite);
}

BENCH(BenchRawRead, "ticks/paging/disk-alone-read", "MB a second", "")
{
    ReportRate(RawRead);
}

BENCH(BenchOut, "ticks/paging/page-out", "MB a second", "")
{
    ReportRate(PagedOut);
}

BENCH(BenchIn, "ticks/paging/page-in", "MB a second", "")
{
    ReportRate(PagedIn);
}

/* At least 70 % of the disk's throughput, and 60 %. */
BENCH(BenchOutTime, "ticks/paging/page-out-time", "x disk alone", "1.43")
{
    ReportShare(PagedOut, RawWrite);
}

BENCH(BenchInTime, "ticks/paging/page-in-time", "x disk alone", "1.67")
{
    ReportShare(PagedIn, RawRead);
}
