/*
 * disk_faults.c - tests of a real disk that fails, for machines that say so: disk-faults=write on
 * the kernel's command line beside `--disk 64M --disk-error write:800-1055`, and so on, as
 * tests/scenarios has them. The disk fails from page 100 on, for 32 pages.
 */
#include "kernel/ke/ke.h"
#include "tests/io/disk.h"

BOOT_OPTION(DiskFaults, "disk-faults",
            "disk-faults=write|read|flush|healing|slow|read-only  what the disk was told to do");

#define BAD_PAGE   100
#define BAD_PAGES  32
#define HEAL_PAGE  200 /* fails once or twice */
#define THIRD_PAGE 220 /* fails three times */

static BOOLEAN HasFault(const CHAR *Kind)
{
    const CHAR *Word = KiGetBootOption("disk-faults");
    return Word != NULL && strcmp(Word, Kind) == 0;
}
#define NEED_FAULT(Kind)                                                                           \
    if (!HasFault(Kind)) {                                                                         \
        SKIP("this machine's disk does not fail like that");                                       \
    }                                                                                              \
    NEED_DISK

/* Each page of the bad range by itself, and a range that touches it, end with Status. */
static VOID CheckBadRange(PDISK_BUFFER Buffer, IO_BLOCK_OPERATION Operation, NTSTATUS Status)
{
    IO_BLOCK_COUNTERS Before = TestDisk()->Counters;
    for (ULONG i = 0; i < BAD_PAGES; i++) {
        CHECK_STATUS(TestDiskTransfer(Buffer, Operation, BAD_PAGE + i, 1), Status);
    }
    CHECK_EQ(TestDisk()->Counters.Failed - Before.Failed, BAD_PAGES);
    CHECK_EQ(TestDisk()->Counters.Errors - Before.Errors, IO_BLOCK_TRIES * BAD_PAGES);
    CHECK_EQ(TestDisk()->Counters.Retries - Before.Retries, (IO_BLOCK_TRIES - 1) * BAD_PAGES);
    CHECK_EQ(TestDisk()->Counters.Resets, Before.Resets);
    CHECK_STATUS(TestDiskTransfer(Buffer, Operation, BAD_PAGE - 8, 9), Status);
    CHECK_STATUS(TestDiskTransfer(Buffer, Operation, BAD_PAGE + BAD_PAGES - 1, 64), Status);
    CHECK_STATUS(TestDiskTransfer(Buffer, Operation, 0, 256), Status);
}

static VOID CheckGoodRanges(PDISK_BUFFER Buffer, IO_BLOCK_OPERATION Operation)
{
    CHECK_STATUS(TestDiskTransfer(Buffer, Operation, 0, BAD_PAGE), STATUS_SUCCESS);
    CHECK_STATUS(TestDiskTransfer(Buffer, Operation, BAD_PAGE + BAD_PAGES, 200), STATUS_SUCCESS);
}

TEST(FaultWrite, "io/disk-faults/writes-that-fail", "")
{
    DISK_BUFFER Buffer;
    NEED_FAULT("write");
    REQUIRE(TestDiskOpen(&Buffer, 256));
    CheckBadRange(&Buffer, IoBlockWrite, STATUS_IO_DEVICE_ERROR);
    CheckGoodRanges(&Buffer, IoBlockWrite);
    CHECK_STATUS(TestDiskTransfer(&Buffer, IoBlockRead, 0, 256), STATUS_SUCCESS);
    CHECK_STATUS(TestDiskFlush(), STATUS_SUCCESS);
    TestDiskClose(&Buffer);
}

TEST(FaultRead, "io/disk-faults/reads-that-fail", "")
{
    DISK_BUFFER Buffer;
    NEED_FAULT("read");
    REQUIRE(TestDiskOpen(&Buffer, 256));
    CheckBadRange(&Buffer, IoBlockRead, STATUS_IO_DEVICE_ERROR);
    CheckGoodRanges(&Buffer, IoBlockRead);
    CHECK_STATUS(TestDiskTransfer(&Buffer, IoBlockWrite, 0, 256), STATUS_SUCCESS);
    TestDiskClose(&Buffer);
}

TEST(FaultFlush, "io/disk-faults/flushes-that-fail", "")
{
    DISK_BUFFER Buffer;
    NEED_FAULT("flush");
    REQUIRE(TestDiskOpen(&Buffer, 1));
    for (ULONG i = 0; i < 3; i++) {
        CHECK_STATUS(TestDiskTransfer(&Buffer, IoBlockWrite, i, 1), STATUS_SUCCESS);
        CHECK_STATUS(TestDiskFlush(), STATUS_IO_DEVICE_ERROR);
    }
    TestDiskClose(&Buffer);
}

TEST(FaultHealing, "io/disk-faults/a-retry-heals", "")
{
    DISK_BUFFER Buffer;
    NEED_FAULT("healing");
    PIO_BLOCK_DEVICE Disk = TestDisk();
    REQUIRE(TestDiskOpen(&Buffer, 4));
    TestDiskFill(&Buffer, HEAL_PAGE, 4, 1);
    CHECK_STATUS(TestDiskTransfer(&Buffer, IoBlockWrite, HEAL_PAGE, 4), STATUS_SUCCESS);
    CHECK_EQ(Disk->Counters.Retries, 1);
    RtlZeroMemory(Buffer.Pages, 4 * PAGE_SIZE);
    CHECK_STATUS(TestDiskTransfer(&Buffer, IoBlockRead, HEAL_PAGE, 4), STATUS_SUCCESS);
    CHECK_EQ(Disk->Counters.Retries, 3);
    CHECK_EQ(TestDiskCheck(&Buffer, HEAL_PAGE, 4, 1), 4);
    CHECK_STATUS(TestDiskFlush(), STATUS_SUCCESS);
    CHECK_EQ(Disk->Counters.Retries, 4);
    CHECK_EQ(Disk->Counters.Failed, 0);
    CHECK_STATUS(TestDiskTransfer(&Buffer, IoBlockWrite, THIRD_PAGE, 4), STATUS_IO_DEVICE_ERROR);
    CHECK_STATUS(TestDiskTransfer(&Buffer, IoBlockWrite, THIRD_PAGE, 4), STATUS_SUCCESS);
    CHECK_EQ(Disk->Counters.Failed, 1);
    CHECK_EQ(Disk->Counters.Errors, 7);
    TestDiskClose(&Buffer);
}

TEST(FaultReadOnly, "io/disk-faults/a-disk-that-cannot-be-written", "virtio 1.1, 5.2.3: RO")
{
    DISK_BUFFER Buffer;
    NEED_FAULT("read-only");
    REQUIRE(TestDiskOpen(&Buffer, 4));
    CHECK(TestDisk()->ReadOnly);
    CHECK_STATUS(TestDiskTransfer(&Buffer, IoBlockWrite, 0, 4), STATUS_MEDIA_WRITE_PROTECTED);
    CHECK_STATUS(TestDiskTransfer(&Buffer, IoBlockRead, 0, 4), STATUS_SUCCESS);
    CHECK_EQ(TestDisk()->Counters.Commands, 1);
    TestDiskClose(&Buffer);
}

/*
 * 40 transfers at 20 a second take 2 seconds, with half a second as the limit of a silence: all
 * that are in flight wait much longer than that, but the device answers all the time.
 */
#define SLOW_REQUESTS 40
static IO_BLOCK_REQUEST SlowRequests[SLOW_REQUESTS];
static KSEMAPHORE SlowDone;

static VOID SlowIsDone(PIO_BLOCK_REQUEST Request)
{
    UNREFERENCED_PARAMETER(Request);
    KeReleaseSemaphore(&SlowDone, 0, 1, FALSE);
}

TEST(FaultSlow, "io/disk-faults/a-slow-disk-is-not-dead", "BLOCK-4")
{
    DISK_BUFFER Buffer;
    NEED_FAULT("slow");
    PIO_BLOCK_DEVICE Disk = TestDisk();
    REQUIRE(TestDiskOpen(&Buffer, 1));
    KeInitializeSemaphore(&SlowDone, 0, SLOW_REQUESTS);
    Disk->Timeout = 5000000;
    ULONGLONG Began = KeQueryInterruptTime();
    for (ULONG i = 0; i < SLOW_REQUESTS; i++) {
        SlowRequests[i] = (IO_BLOCK_REQUEST){.Operation = IoBlockWrite,
                                             .Offset = i * 2 * PAGE_SIZE,
                                             .Pages = 1,
                                             .Frames = Buffer.Frames,
                                             .Done = SlowIsDone};
        IoSubmitBlock(Disk, &SlowRequests[i]);
    }
    for (ULONG i = 0; i < SLOW_REQUESTS; i++) {
        KeWaitForSingleObject(&SlowDone, Executive, KernelMode, FALSE, NULL);
    }
    for (ULONG i = 0; i < SLOW_REQUESTS; i++) {
        CHECK_STATUS(SlowRequests[i].Status, STATUS_SUCCESS);
    }
    CHECK_GT(KeQueryInterruptTime() - Began, 2 * Disk->Timeout); /* it was slow */
    CHECK_EQ(Disk->Counters.Resets, 0);
    Disk->Timeout = IO_BLOCK_TIMEOUT;
    TestDiskClose(&Buffer);
}
