/*
 * disk.c - tests of a real virtio disk through the block layer: what is written comes back. The
 * disk must be one that may be written over; a machine without one skips: `--disk 64M` gives it.
 */
#include "tests/io/disk.h"

DISK_BUFFER TestDiskBuffer = {.Pages = NULL};

PIO_BLOCK_DEVICE TestDisk(VOID)
{
    return IoFindBlockDevice("vda");
}

BOOLEAN TestDiskOpen(ULONG Pages)
{
    PVOID Pool = ExAllocatePoolWithTag(NonPagedPoolNx, Pages * PAGE_SIZE, 'tseT');
    TestDiskBuffer = (DISK_BUFFER){.Pages = Pool, .Count = Pages};
    return Pool != NULL;
}

VOID TestDiskClose(VOID)
{
    ExFreePool(TestDiskBuffer.Pages);
    TestDiskBuffer.Pages = NULL;
}

VOID TestDiskFill(ULONG64 Offset, ULONG Pages, ULONG64 Salt)
{
    PULONG64 Words = (PULONG64)TestDiskBuffer.Pages;
    for (SIZE_T i = 0; i < Pages * PAGE_SIZE / sizeof(ULONG64); i++) {
        Words[i] = (Offset / sizeof(ULONG64) + i) * 0x9E3779B97F4A7C15 ^ Salt;
    }
}

BOOLEAN TestDiskHolds(ULONG64 Offset, ULONG Pages, ULONG64 Salt)
{
    PULONG64 Words = (PULONG64)TestDiskBuffer.Pages;
    for (SIZE_T i = 0; i < Pages * PAGE_SIZE / sizeof(ULONG64); i++) {
        if (Words[i] != ((Offset / sizeof(ULONG64) + i) * 0x9E3779B97F4A7C15 ^ Salt)) {
            return FALSE;
        }
    }
    return TRUE;
}

static VOID WriteAndReadBack(ULONG64 Offset, ULONG Pages)
{
    PIO_BLOCK_DEVICE Disk = TestDisk();
    ULONG64 Salt = HalpReadTsc();
    TestDiskFill(Offset, Pages, Salt);
    CHECK_STATUS(IoTransferBlocksSync(Disk, IoBlockWrite, Offset, TestDiskBuffer.Pages, Pages),
                 STATUS_SUCCESS);
    RtlZeroMemory(TestDiskBuffer.Pages, Pages * PAGE_SIZE);
    CHECK_STATUS(IoTransferBlocksSync(Disk, IoBlockRead, Offset, TestDiskBuffer.Pages, Pages),
                 STATUS_SUCCESS);
    CHECK(TestDiskHolds(Offset, Pages, Salt));
}

TEST(DiskSizes, "io/disk/what-was-written-is-read-back", "")
{
    static const ULONG Sizes[] = {1, 2, 3, 8, 31, 63, 64, 65, 255, 256, 300};
    NEED_DISK;
    REQUIRE(TestDiskOpen(300));
    for (ULONG i = 0; i < RTL_NUMBER_OF(Sizes); i++) {
        WriteAndReadBack(i * 7 * PAGE_SIZE, Sizes[i]);
    }
    TestDiskClose();
}
