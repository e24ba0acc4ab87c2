/*
 * disk.c - tests of a real virtio disk through the block layer: what is written comes back, from
 * wherever it was asked for. A machine without a disk skips: `--disk 64M` gives it.
 */
#include "drivers/virtio_block.h"
#include "tests/io/disk.h"

#define FLIGHT 32 /* requests of a thread */

PIO_BLOCK_DEVICE TestDisk(VOID)
{
    PIO_BLOCK_DEVICE Disk = IoNextBlockDevice(NULL);
    while (Disk != NULL && Disk->Claim != NULL) {
        Disk = IoNextBlockDevice(Disk);
    }
    return Disk;
}

BOOLEAN TestDiskOpen(PDISK_BUFFER Buffer, ULONG Pages)
{
    Buffer->Count = Pages;
    Buffer->Pages = ExAllocatePoolWithTag(NonPagedPoolNx, Pages * PAGE_SIZE, 'tseT');
    Buffer->Frames = ExAllocatePoolWithTag(NonPagedPoolNx, Pages * sizeof(PFN_NUMBER), 'tseT');
    for (ULONG i = 0; Buffer->Pages != NULL && Buffer->Frames != NULL && i < Pages; i++) {
        PVOID Page = Buffer->Pages + i * PAGE_SIZE;
        Buffer->Frames[i] = (PFN_NUMBER)MmGetPhysicalAddress(Page).QuadPart / PAGE_SIZE;
    }
    return Buffer->Pages != NULL && Buffer->Frames != NULL;
}

VOID TestDiskClose(PDISK_BUFFER Buffer)
{
    ExFreePool(Buffer->Pages);
    ExFreePool(Buffer->Frames);
}

static ULONG64 WordAt(ULONG64 Page, ULONG Index, ULONG64 Salt)
{
    return (Page * (PAGE_SIZE / sizeof(ULONG64)) + Index) * 0x9E3779B97F4A7C15 ^ Salt;
}

VOID TestDiskFill(PDISK_BUFFER Buffer, ULONG64 Page, ULONG Pages, ULONG64 Salt)
{
    PULONG64 Words = (PULONG64)Buffer->Pages;
    for (ULONG i = 0; i < Pages * (PAGE_SIZE / sizeof(ULONG64)); i++) {
        Words[i] = WordAt(Page, i, Salt);
    }
}

ULONG TestDiskCheck(PDISK_BUFFER Buffer, ULONG64 Page, ULONG Pages, ULONG64 Salt)
{
    PULONG64 Words = (PULONG64)Buffer->Pages;
    for (ULONG i = 0; i < Pages * (PAGE_SIZE / sizeof(ULONG64)); i++) {
        if (Words[i] != WordAt(Page, i, Salt)) {
            return i / (PAGE_SIZE / sizeof(ULONG64));
        }
    }
    return Pages;
}

NTSTATUS TestDiskTransfer(PDISK_BUFFER Buffer, IO_BLOCK_OPERATION Operation, ULONG64 Page,
                          ULONG Pages)
{
    return IoTransferBlock(TestDisk(), Operation, Page * PAGE_SIZE, Buffer->Frames, Pages);
}

NTSTATUS TestDiskFlush(VOID)
{
    return IoTransferBlock(TestDisk(), IoBlockFlush, 0, NULL, 0);
}

/* ---- contents -------------------------------------------------------------------------------- */

static VOID WriteAndReadBack(PDISK_BUFFER Buffer, ULONG64 Page, ULONG Pages)
{
    ULONG64 Salt = HalpReadTsc();
    TestDiskFill(Buffer, Page, Pages, Salt);
    CHECK_STATUS(TestDiskTransfer(Buffer, IoBlockWrite, Page, Pages), STATUS_SUCCESS);
    RtlZeroMemory(Buffer->Pages, Pages * PAGE_SIZE);
    CHECK_STATUS(TestDiskTransfer(Buffer, IoBlockRead, Page, Pages), STATUS_SUCCESS);
    CHECK_EQ(TestDiskCheck(Buffer, Page, Pages, Salt), Pages);
}

TEST(DiskSizes, "io/disk/what-was-written-is-read-back", "")
{
    static const ULONG Sizes[] = {1, 2, 3, 8, 31, 63, 64, 65, 127, 252, 253, 255, 256};
    DISK_BUFFER Buffer;
    NEED_DISK;
    REQUIRE(TestDiskOpen(&Buffer, 256));
    for (ULONG i = 0; i < RTL_NUMBER_OF(Sizes); i++) {
        WriteAndReadBack(&Buffer, i * 7, Sizes[i]);
    }
    TestDiskClose(&Buffer);
}

TEST(DiskEnd, "io/disk/the-last-page-is-there-and-none-behind-it", "")
{
    DISK_BUFFER Buffer;
    NEED_DISK;
    ULONG64 End = TestDisk()->Pages;
    REQUIRE(TestDiskOpen(&Buffer, 9));
    WriteAndReadBack(&Buffer, End - 1, 1);
    WriteAndReadBack(&Buffer, End - 9, 9);
    CHECK_STATUS(TestDiskTransfer(&Buffer, IoBlockWrite, End - 8, 9), STATUS_INVALID_PARAMETER);
    CHECK_STATUS(TestDiskTransfer(&Buffer, IoBlockRead, End, 1), STATUS_INVALID_PARAMETER);
    TestDiskClose(&Buffer);
}

TEST(DiskNeighbours, "io/disk/a-write-leaves-its-neighbours-alone", "")
{
    DISK_BUFFER Buffer;
    NEED_DISK;
    REQUIRE(TestDiskOpen(&Buffer, 16));
    TestDiskFill(&Buffer, 300, 16, 1);
    CHECK_STATUS(TestDiskTransfer(&Buffer, IoBlockWrite, 300, 16), STATUS_SUCCESS);
    TestDiskFill(&Buffer, 305, 3, 2);
    CHECK_STATUS(TestDiskTransfer(&Buffer, IoBlockWrite, 305, 3), STATUS_SUCCESS);
    CHECK_STATUS(TestDiskTransfer(&Buffer, IoBlockRead, 300, 16), STATUS_SUCCESS);
    CHECK_EQ(TestDiskCheck(&Buffer, 300, 16, 1), 5);
    CHECK_STATUS(TestDiskTransfer(&Buffer, IoBlockRead, 305, 11), STATUS_SUCCESS);
    CHECK_EQ(TestDiskCheck(&Buffer, 305, 11, 2), 3);
    TestDiskClose(&Buffer);
}

/* The page of a buffer that goes to page Index: first the even ones, so that few are neighbours. */
static ULONG Scatter(ULONG Index)
{
    return Index < 128 ? 2 * Index : 2 * (Index - 128) + 1;
}

TEST(DiskScattered, "io/disk/frames-may-lie-anywhere", "virtio 1.1, 5.2.6.1: seg_max")
{
    PFN_NUMBER Frames[256];
    ULONG Segments = 0;
    DISK_BUFFER Buffer;
    NEED_DISK;
    PIO_BLOCK_DEVICE Disk = TestDisk();
    REQUIRE(TestDiskOpen(&Buffer, 256));
    for (ULONG i = 0; i < 256; i++) {
        Frames[i] = Buffer.Frames[Scatter(i)];
        Segments += i == 0 || Frames[i] != Frames[i - 1] + 1;
    }
    ULONG64 Commands = Disk->Counters.Commands;
    TestDiskFill(&Buffer, 0, 256, 77);
    CHECK_STATUS(IoTransferBlock(Disk, IoBlockWrite, 4000 * PAGE_SIZE, Frames, 256),
                 STATUS_SUCCESS);
    ULONG Most = CONTAINING_RECORD(Disk, VIRTIO_BLOCK, Block)->Segments;
    CHECK_EQ(Disk->Counters.Commands - Commands, (Segments + Most - 1) / Most);
    for (ULONG i = 0; i < 256; i += 51) {
        CHECK_STATUS(TestDiskTransfer(&Buffer, IoBlockRead, 4000 + i, 1), STATUS_SUCCESS);
        CHECK_EQ(*(PULONG64)Buffer.Pages, WordAt(Scatter(i), 0, 77));
    }
    RtlZeroMemory(Buffer.Pages, 256 * PAGE_SIZE);
    CHECK_STATUS(IoTransferBlock(Disk, IoBlockRead, 4000 * PAGE_SIZE, Frames, 256), STATUS_SUCCESS);
    CHECK_EQ(TestDiskCheck(&Buffer, 0, 256, 77), 256);
    TestDiskClose(&Buffer);
}

TEST(DiskBuffers, "io/disk/buffers-longer-than-a-request", "")
{
    DISK_BUFFER Buffer;
    NEED_DISK;
    PIO_BLOCK_DEVICE Disk = TestDisk();
    REQUIRE(TestDiskOpen(&Buffer, 300));
    TestDiskFill(&Buffer, 10, 300, 5);
    CHECK_STATUS(IoTransferBlocksSync(Disk, IoBlockWrite, 10 * PAGE_SIZE, Buffer.Pages, 300),
                 STATUS_SUCCESS);
    RtlZeroMemory(Buffer.Pages, 300 * PAGE_SIZE);
    CHECK_STATUS(IoTransferBlocksSync(Disk, IoBlockRead, 10 * PAGE_SIZE, Buffer.Pages, 300),
                 STATUS_SUCCESS);
    CHECK_EQ(TestDiskCheck(&Buffer, 10, 300, 5), 300);
    TestDiskClose(&Buffer);
}

TEST(DiskFlush, "io/disk/a-flush-ends", "virtio 1.1, 5.2.6: VIRTIO_BLK_T_FLUSH")
{
    NEED_DISK;
    IO_BLOCK_COUNTERS Before = TestDisk()->Counters;
    CHECK_STATUS(TestDiskFlush(), STATUS_SUCCESS);
    CHECK_EQ(TestDisk()->Counters.Flushes - Before.Flushes, 1);
    CHECK_EQ(TestDisk()->Counters.Commands - Before.Commands, !TestDisk()->WriteThrough);
}

/* ---- where it is asked from ------------------------------------------------------------------ */

TEST(DiskLevels, "io/disk/submit-at-dispatch-level-wait-at-apc-level", "")
{
    DISK_BUFFER Buffer;
    KIRQL Old;
    NEED_DISK;
    REQUIRE(TestDiskOpen(&Buffer, 2));
    KeRaiseIrql(APC_LEVEL, &Old);
    TestDiskFill(&Buffer, 50, 2, 3);
    CHECK_STATUS(TestDiskTransfer(&Buffer, IoBlockWrite, 50, 2), STATUS_SUCCESS);
    CHECK_EQ(KeGetCurrentIrql(), APC_LEVEL);
    KeLowerIrql(Old);
    TestDiskClose(&Buffer);
}

/* Requests of one thread on a processor of its own, all at once. */
typedef struct _DISK_FLIGHT {
    DISK_BUFFER Buffer;
    IO_BLOCK_REQUEST Requests[FLIGHT];
    KEVENT Done;
    LONG Left;
    ULONG Processor;
    ULONG Elsewhere; /* answers on another processor */
    ULONG Failures;
    ULONG64 FirstPage;
    BOOLEAN Good;
} DISK_FLIGHT, *PDISK_FLIGHT;

static VOID FlightDone(PIO_BLOCK_REQUEST Request)
{
    PDISK_FLIGHT Flight = Request->Context;
    if (KeGetCurrentProcessorNumber() != Flight->Processor) {
        InterlockedIncrement((PLONG)&Flight->Elsewhere);
    }
    if (!NT_SUCCESS(Request->Status)) {
        InterlockedIncrement((PLONG)&Flight->Failures);
    }
    if (InterlockedDecrement(&Flight->Left) == 0) {
        KeSetEvent(&Flight->Done, 0, FALSE);
    }
}

/* Pages of 1 to 8, one request behind the other on the disk; all are submitted. */
static VOID TakeOff(PDISK_FLIGHT Flight, IO_BLOCK_OPERATION Operation)
{
    ULONG Done = 0;
    KeInitializeEvent(&Flight->Done, SynchronizationEvent, FALSE);
    Flight->Left = FLIGHT;
    for (ULONG i = 0; i < FLIGHT; i++) {
        Flight->Requests[i] = (IO_BLOCK_REQUEST){
            .Operation = Operation,
            .Offset = (Flight->FirstPage + Done) * PAGE_SIZE,
            .Pages = 1 + i % 8,
            .Frames = Flight->Buffer.Frames + Done,
            .Done = FlightDone,
            .Context = Flight,
        };
        Done += Flight->Requests[i].Pages;
        IoSubmitBlock(TestDisk(), &Flight->Requests[i]);
    }
}

static VOID Fly(PDISK_FLIGHT Flight, IO_BLOCK_OPERATION Operation)
{
    TakeOff(Flight, Operation);
    KeWaitForSingleObject(&Flight->Done, Executive, KernelMode, FALSE, NULL);
}

#define FLIGHT_PAGES (FLIGHT / 8 * (1 + 2 + 3 + 4 + 5 + 6 + 7 + 8))

static VOID NTAPI FlightThread(PVOID Context)
{
    PDISK_FLIGHT Flight = Context;
    Flight->Good = TRUE;
    for (ULONG Round = 0; Round < 4; Round++) {
        ULONG64 Salt = Flight->Processor * 1000 + Round;
        TestDiskFill(&Flight->Buffer, Flight->FirstPage, FLIGHT_PAGES, Salt);
        Fly(Flight, IoBlockWrite);
        RtlZeroMemory(Flight->Buffer.Pages, FLIGHT_PAGES * PAGE_SIZE);
        Fly(Flight, IoBlockRead);
        Flight->Good &=
            TestDiskCheck(&Flight->Buffer, Flight->FirstPage, FLIGHT_PAGES, Salt) == FLIGHT_PAGES;
    }
}

static PDISK_FLIGHT StartFlights(PKTHREAD *Threads, PKSTART_ROUTINE Routine)
{
    SIZE_T Bytes = KeNumberProcessors * sizeof(DISK_FLIGHT);
    PDISK_FLIGHT Flights = ExAllocatePoolWithTag(NonPagedPoolNx, Bytes, 'tseT');
    if (!CHECK_NE(Flights, NULL)) {
        return NULL;
    }
    RtlZeroMemory(Flights, Bytes);
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        Flights[i].Processor = i;
        Flights[i].FirstPage = 1000 + i * FLIGHT_PAGES;
        CHECK(TestDiskOpen(&Flights[i].Buffer, FLIGHT_PAGES));
        Threads[i] = TestStartOn(i, Routine, &Flights[i]);
    }
    return Flights;
}

static VOID EndFlights(PDISK_FLIGHT Flights, PKTHREAD *Threads)
{
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        TestJoinThread(Threads[i]);
        CHECK(Flights[i].Good);
        CHECK_EQ(Flights[i].Failures, 0);
        TestDiskClose(&Flights[i].Buffer);
    }
}

TEST(DiskFlights, "io/disk/many-in-flight-from-every-processor", "")
{
    PKTHREAD Threads[KI_MAX_PROCESSORS];
    NEED_DISK;
    PIO_BLOCK_DEVICE Disk = TestDisk();
    IO_BLOCK_COUNTERS Before = Disk->Counters;
    PDISK_FLIGHT Flights = StartFlights(Threads, FlightThread);
    REQUIRE(Flights != NULL);
    EndFlights(Flights, Threads);
    CHECK_EQ(Disk->Counters.Reads - Before.Reads, 4 * FLIGHT * KeNumberProcessors);
    CHECK_EQ(Disk->Counters.PagesWritten - Before.PagesWritten,
             4 * FLIGHT_PAGES * KeNumberProcessors);
    CHECK_EQ(Disk->Counters.Resets, Before.Resets);
    CHECK_GT(Disk->Counters.MostInFlight, 1);
    CHECK_EQ(Disk->InFlight, 0);
    ExFreePool(Flights);
}

/* One request at a time: with more, whoever has room takes over what waits. */
static VOID NTAPI LoneThread(PVOID Context)
{
    PDISK_FLIGHT Flight = Context;
    PIO_BLOCK_REQUEST Request = &Flight->Requests[0];
    KeInitializeEvent(&Flight->Done, SynchronizationEvent, FALSE);
    for (ULONG i = 0; i < 50; i++) {
        Flight->Left = 1;
        *Request = (IO_BLOCK_REQUEST){.Operation = IoBlockWrite,
                                      .Offset = (Flight->FirstPage + i) * PAGE_SIZE,
                                      .Pages = 1,
                                      .Frames = Flight->Buffer.Frames,
                                      .Done = FlightDone,
                                      .Context = Flight};
        IoSubmitBlock(TestDisk(), Request);
        KeWaitForSingleObject(&Flight->Done, Executive, KernelMode, FALSE, NULL);
    }
    Flight->Good = TRUE;
}

TEST(DiskQueues, "io/disk/an-answer-comes-to-the-processor-that-asked",
     "virtio 1.1, 5.2.3: VIRTIO_BLK_F_MQ")
{
    PKTHREAD Threads[KI_MAX_PROCESSORS];
    NEED_DISK;
    PVIRTIO_BLOCK Disk = CONTAINING_RECORD(TestDisk(), VIRTIO_BLOCK, Block);
    if (Disk->QueueCount < KeNumberProcessors || Disk->Messages < KeNumberProcessors) {
        SKIP("the device has fewer queues or messages than there are processors");
    }
    PDISK_FLIGHT Flights = StartFlights(Threads, LoneThread);
    REQUIRE(Flights != NULL);
    EndFlights(Flights, Threads);
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        CHECK_EQ(Flights[i].Elsewhere, 0);
    }
    ExFreePool(Flights);
}

/*
 * The deadline comes by decree, while what was just submitted is in flight. Only two resets hit the
 * same request, so none may fail.
 */
static VOID FlyThroughResets(PDISK_FLIGHT Flight)
{
    PIO_BLOCK_DEVICE Disk = TestDisk();
    for (ULONG i = 0; i < 5; i++) {
        TestDiskFill(&Flight->Buffer, Flight->FirstPage, FLIGHT_PAGES, i);
        KIRQL Old = KeRaiseIrqlToDpcLevel();
        TakeOff(Flight, IoBlockWrite);
        for (ULONG Resets = 0; Resets < IO_BLOCK_TRIES - 1; Resets++) {
            IopCheckBlockDeadline(Disk, ~0ULL);
        }
        KeLowerIrql(Old);
        KeWaitForSingleObject(&Flight->Done, Executive, KernelMode, FALSE, NULL);
        RtlZeroMemory(Flight->Buffer.Pages, FLIGHT_PAGES * PAGE_SIZE);
        Fly(Flight, IoBlockRead);
        Flight->Good &=
            TestDiskCheck(&Flight->Buffer, Flight->FirstPage, FLIGHT_PAGES, i) == FLIGHT_PAGES;
    }
}

TEST(DiskReset, "io/disk/resets-lose-nothing", "BLOCK-2, BLOCK-5")
{
    static DISK_FLIGHT Flight;
    NEED_DISK;
    PIO_BLOCK_DEVICE Disk = TestDisk();
    IO_BLOCK_COUNTERS Before = Disk->Counters;
    RtlZeroMemory(&Flight, sizeof(Flight));
    Flight.FirstPage = 1000;
    Flight.Good = TRUE;
    REQUIRE(TestDiskOpen(&Flight.Buffer, FLIGHT_PAGES));
    FlyThroughResets(&Flight);
    CHECK(Flight.Good);
    CHECK_EQ(Flight.Failures, 0);
    CHECK(!Disk->Gone);
    CHECK_GT(Disk->Counters.Resets, Before.Resets);
    CHECK_GT(Disk->Counters.Retries, Before.Retries);
    TestDiskClose(&Flight.Buffer);
}

/* ---- hard times ------------------------------------------------------------------------------ */

/* Blocks of falling sizes, each with the address of the one before, until none can be had. */
static PVOID *TakeNonpagedPool(VOID)
{
    PVOID *Last = NULL;
    for (SIZE_T Bytes = 64 * PAGE_SIZE; Bytes >= sizeof(PVOID);) {
        PVOID *Block = ExAllocatePoolWithTag(NonPagedPoolNx, Bytes, 'tseT');
        if (Block == NULL) {
            Bytes /= 2;
            continue;
        }
        *Block = Last;
        Last = Block;
    }
    return Last;
}

TEST(DiskNoMemory, "io/disk/transfers-need-no-memory", "VBLK-2")
{
    DISK_BUFFER Buffer;
    NEED_DISK;
    if (MmNumberOfPhysicalPages > 0x10000) {
        SKIP("there is too much memory to take");
    }
    REQUIRE(TestDiskOpen(&Buffer, 200));
    PVOID *Last = TakeNonpagedPool();
    TestDiskFill(&Buffer, 20, 200, 9);
    NTSTATUS Write = TestDiskTransfer(&Buffer, IoBlockWrite, 20, 200);
    RtlZeroMemory(Buffer.Pages, 200 * PAGE_SIZE);
    NTSTATUS Read = TestDiskTransfer(&Buffer, IoBlockRead, 20, 200);
    NTSTATUS Flush = TestDiskFlush();
    while (Last != NULL) {
        PVOID *Before = *Last;
        ExFreePool(Last);
        Last = Before;
    }
    CHECK_STATUS(Write, STATUS_SUCCESS);
    CHECK_STATUS(Read, STATUS_SUCCESS);
    CHECK_STATUS(Flush, STATUS_SUCCESS);
    CHECK_EQ(TestDiskCheck(&Buffer, 20, 200, 9), 200);
    TestDiskClose(&Buffer);
}
