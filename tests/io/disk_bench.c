/*
 * disk_bench.c - what the disk costs: instructions of a request on its way down to a device that is
 * memory and up again, and what the machine's own disk brings a second, to which paging is
 * compared.
 */
#include "tests/io/disk.h"
#include "tests/io/memory_device.h"

#define MOST_PAGES 256 /* 1 MB */
#define ROUNDS     100

/* ---- instructions ---------------------------------------------------------------------------- */

/* Submit, Collect and Done for a write of frames that lie Step apart. */
static VOID MeasureRequest(ULONG Pages, ULONG Step)
{
    static PFN_NUMBER Frames[MOST_PAGES];
    ULONG64 Ticks = 0;
    for (ULONG i = 0; i < Pages; i++) {
        Frames[i] = 0x1000 + (PFN_NUMBER)i * Step;
    }
    TestMakeDevice(FEATURE_WORD);
    TestRegisters.Config.SegMax = VIRTIO_BLOCK_SEGMENTS;
    if (!TestStartDevice()) {
        return;
    }
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    for (ULONG i = 0; i <= ROUNDS; i++) {
        ULONG64 Start = HalpReadTsc();
        TestSubmit(IoBlockWrite, 0, Pages, Frames);
        TestAnswerNewest(VirtioBlockOk, 1);
        Ticks += i > 0 ? HalpReadTsc() - Start : 0; /* the first warms up */
    }
    KeLowerIrql(Old);
    CHECK_EQ(TestCalls, ROUNDS + 1);
    TestBenchReport(Ticks, ROUNDS);
    TestCloseDevice();
}

BENCH(BenchPage, "disk/request-of-a-page", "instructions", "")
{
    MeasureRequest(1, 1);
}

BENCH(BenchCluster, "disk/request-of-16-scattered-pages", "instructions", "")
{
    MeasureRequest(16, 2);
}

BENCH(BenchMegabyte, "disk/request-of-1-mb-scattered", "instructions", "")
{
    MeasureRequest(VIRTIO_BLOCK_SEGMENTS, 2);
}

/* ---- bytes a second -------------------------------------------------------------------------- */

#define STREAM_DEPTH 4 /* requests of 1 MB at a time */
#define STREAM_MB    192

typedef struct _STREAM {
    IO_BLOCK_REQUEST Requests[STREAM_DEPTH];
    KSEMAPHORE Done;
    volatile LONG Next; /* MB */
    ULONG Failures;
    DISK_BUFFER Buffer;
} STREAM, *PSTREAM;

static VOID StreamDone(PIO_BLOCK_REQUEST Request)
{
    PSTREAM Stream = Request->Context;
    LONG Next = InterlockedIncrement(&Stream->Next) - 1;
    Stream->Failures += !NT_SUCCESS(Request->Status);
    if (Next < STREAM_MB) {
        Request->Offset = (ULONG64)Next << 20;
        IoSubmitBlock(TestDisk(), Request);
    } else {
        KeReleaseSemaphore(&Stream->Done, 0, 1, FALSE);
    }
}

/* From submitting the first to the end of the last, in performance counts. */
static ULONG64 RunStream(PSTREAM Stream, IO_BLOCK_OPERATION Operation)
{
    ULONG64 Start = (ULONG64)KeQueryPerformanceCounter(NULL).QuadPart;
    KeInitializeSemaphore(&Stream->Done, 0, STREAM_DEPTH);
    Stream->Next = STREAM_DEPTH;
    for (ULONG i = 0; i < STREAM_DEPTH; i++) {
        Stream->Requests[i] = (IO_BLOCK_REQUEST){.Operation = Operation,
                                                 .Offset = (ULONG64)i << 20,
                                                 .Pages = MOST_PAGES,
                                                 .Frames = Stream->Buffer.Frames,
                                                 .Done = StreamDone,
                                                 .Context = Stream};
        IoSubmitBlock(TestDisk(), &Stream->Requests[i]);
    }
    for (ULONG i = 0; i < STREAM_DEPTH; i++) {
        KeWaitForSingleObject(&Stream->Done, Executive, KernelMode, FALSE, NULL);
    }
    return (ULONG64)KeQueryPerformanceCounter(NULL).QuadPart - Start;
}

/* The second pass counts: in the first one the host finds room for the image. */
static VOID MeasureStream(IO_BLOCK_OPERATION Operation)
{
    static STREAM Stream;
    LARGE_INTEGER Frequency;
    if (TestDisk() == NULL || !TestDiskOpen(&Stream.Buffer, MOST_PAGES)) {
        TestBenchReport(0, 1);
        return;
    }
    Stream.Failures = 0;
    RunStream(&Stream, IoBlockWrite);
    ULONG64 Ticks = RunStream(&Stream, Operation);
    KeQueryPerformanceCounter(&Frequency);
    CHECK_EQ(Stream.Failures, 0);
    TestBenchReport(STREAM_MB * (ULONG64)Frequency.QuadPart, Ticks);
    TestDiskClose(&Stream.Buffer);
}

BENCH(BenchWriteStream, "ticks/disk-write", "MB a second", "")
{
    MeasureStream(IoBlockWrite);
}

BENCH(BenchReadStream, "ticks/disk-read", "MB a second", "")
{
    MeasureStream(IoBlockRead);
}

/* One page at a time, each from another place: what a hard fault waits for. */
BENCH(BenchReadPage, "ticks/disk-read-a-page", "microseconds", "")
{
    DISK_BUFFER Buffer;
    LARGE_INTEGER Frequency;
    if (TestDisk() == NULL || !TestDiskOpen(&Buffer, 1)) {
        TestBenchReport(0, 1);
        return;
    }
    LARGE_INTEGER Start = KeQueryPerformanceCounter(&Frequency);
    for (ULONG i = 0; i < 10 * ROUNDS; i++) {
        TestDiskTransfer(&Buffer, IoBlockRead, i * 7919 % TestDisk()->Pages, 1);
    }
    LARGE_INTEGER End = KeQueryPerformanceCounter(NULL);
    TestBenchReport((ULONG64)(End.QuadPart - Start.QuadPart) * 1000000,
                    10ULL * ROUNDS * (ULONG64)Frequency.QuadPart);
    TestDiskClose(&Buffer);
}
