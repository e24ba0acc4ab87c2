/*
 * paging_stop.c - pages that are not in memory and stop the machine: touched where nobody may wait
 * for a disk, or on a disk that does not give them back. Each runs in a machine of its own.
 */
#include "tests/ke/threads.h"
#include "tests/mm/paging_disk.h"

#define TOUCH_READ(Address)  (*(volatile UCHAR *)(Address))
#define TOUCH_WRITE(Address) (*(volatile UCHAR *)(Address) = 1)

#define CON_22                                                                                     \
    "CON-22 Pageable memory touched at DISPATCH_LEVEL is bug check 0xA (address, IRQL, access, "   \
    "instruction)."
#define CON_23 "CON-23 In 0xA the access is 0 for a read, 1 for a write, 8 for an execution."

#define PAGES 8

static PAGING_DISK Disk;

/* Pages that had something in them; the last byte of the first is announced. */
static PCHAR Announced(PULONG64 Va)
{
    PCHAR Address = (PCHAR)Va + PAGE_SIZE - 1;
    TestAnnounce("address", (ULONG64)Address);
    TestAnnounce("pte", (ULONG64)MiGetPteAddress(Address));
    TestAnnounce("contents", MiReadPte(MiGetPteAddress(Address)).Long);
    return Address;
}

/* In transition: on the modified list. */
static PCHAR TrimmedPage(VOID)
{
    PULONG64 Va = FillPages(1);
    MiTrimPages(Va, 1);
    return Announced(Va);
}

/* On the disk only. */
static PCHAR PagesOnDisk(ULONG First)
{
    DiskOpen(&Disk, 128);
    PULONG64 Va = FillPages(PAGES);
    PageOut(Va, PAGES);
    return Announced(Va + First * 512);
}

static VOID RaiseTo(KIRQL Irql)
{
    KIRQL Old;
    KeRaiseIrql(Irql, &Old);
}

/* ---- where nobody may wait ------------------------------------------------------------------- */

CRASH_TEST(TrimmedRead, "mm/paging/trimmed-page-read-at-dispatch",
           "0xA $address 0x2 0x0 sym:TrimmedRead", CON_22 " || " CON_23)
{
    PCHAR Va = TrimmedPage();
    RaiseTo(DISPATCH_LEVEL);
    TOUCH_READ(Va);
}

CRASH_TEST(TrimmedWrite, "mm/paging/trimmed-page-written-at-dispatch",
           "0xA $address 0x2 0x1 sym:TrimmedWrite", CON_22 " || " CON_23)
{
    PCHAR Va = TrimmedPage();
    RaiseTo(DISPATCH_LEVEL);
    TOUCH_WRITE(Va);
}

CRASH_TEST(OnDiskRead, "mm/paging/page-on-disk-read-at-dispatch",
           "0xA $address 0x2 0x0 sym:OnDiskRead", CON_22 " || " CON_23)
{
    PCHAR Va = PagesOnDisk(0);
    RaiseTo(DISPATCH_LEVEL);
    TOUCH_READ(Va);
}

CRASH_TEST(OnDiskWrite, "mm/paging/page-on-disk-written-at-dispatch",
           "0xA $address 0x2 0x1 sym:OnDiskWrite", CON_22 " || " CON_23)
{
    PCHAR Va = PagesOnDisk(0);
    RaiseTo(DISPATCH_LEVEL);
    TOUCH_WRITE(Va);
}

/* Its neighbour was wanted, and it came along: no disk is needed, and yet. */
CRASH_TEST(StandbyRead, "mm/paging/page-read-ahead-touched-at-dispatch",
           "0xA $address 0x2 0x0 sym:StandbyRead", CON_22)
{
    PCHAR Va = PagesOnDisk(1);
    TOUCH_READ(Va - PAGE_SIZE);
    RaiseTo(DISPATCH_LEVEL);
    TOUCH_READ(Va);
}

/* Pool is no code; but that is judged when the page is there. */
CRASH_TEST(OnDiskFetch, "mm/paging/page-on-disk-executed-at-dispatch",
           "0xA $address 0x2 0x8 $address", CON_22 " || " CON_23)
{
    VOID (*volatile Routine)(VOID) = (PVOID)PagesOnDisk(0);
    RaiseTo(DISPATCH_LEVEL);
    Routine();
}

CRASH_TEST(UnderSpinLock, "mm/paging/page-on-disk-under-a-spin-lock",
           "0xA $address 0x2 0x1 sym:UnderSpinLock", CON_22)
{
    KSPIN_LOCK Lock;
    KIRQL Old;
    PCHAR Va = PagesOnDisk(0);
    KeInitializeSpinLock(&Lock);
    KeAcquireSpinLock(&Lock, &Old);
    TOUCH_WRITE(Va);
}

static VOID NTAPI TouchInDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    TOUCH_READ(Context);
}

CRASH_TEST(InDpc, "mm/paging/page-on-disk-in-a-dpc", "0xA $address 0x2 0x0 sym:TouchInDpc", CON_22)
{
    static KDPC Dpc;
    KeInitializeDpc(&Dpc, TouchInDpc, PagesOnDisk(0));
    KeInsertQueueDpc(&Dpc, NULL, NULL);
}

CRASH_TEST(DriverTouch, "mm/paging/page-on-disk-by-a-driver-at-dispatch",
           "0xD1 $address 0x2 0x0 sym:DriverTouch", "contract 3.7: instruction in a driver image")
{
    PCHAR Va = PagesOnDisk(0);
    MiImageRanges[3] = (MI_IMAGE_RANGE){.Start = (ULONG_PTR)DriverTouch,
                                        .End = (ULONG_PTR)DriverTouch + PAGE_SIZE,
                                        .Name = "test.sys"};
    RaiseTo(DISPATCH_LEVEL);
    TOUCH_READ(Va);
}

/* ---- what the disk does not give back -------------------------------------------------------- */

CRASH_TEST(ReadFails, "mm/paging/page-that-cannot-be-read",
           "0x7A $pte 0xFFFFFFFFC0000185 $contents $address", "contract 4.5: 0x7A, layout C")
{
    PCHAR Va = PagesOnDisk(0);
    FailTransfers(&Disk, FALSE, SlotOf(Va), 1, FOR_EVER);
    TOUCH_READ(Va);
}

/* It failed as another's neighbour, which nobody minded. */
CRASH_TEST(NeighbourFails, "mm/paging/neighbour-that-cannot-be-read-and-is-wanted",
           "0x7A $pte 0xFFFFFFFFC0000185 $contents $address", "contract 4.5: 0x7A, layout C")
{
    PCHAR Va = PagesOnDisk(3);
    FailTransfers(&Disk, FALSE, SlotOf(Va), 1, FOR_EVER);
    TOUCH_READ(Va - 3 * PAGE_SIZE);
    TOUCH_WRITE(Va);
}

CRASH_TEST(FlippedBit, "mm/paging/bit-flipped-on-the-disk",
           "0x7A $pte 0xFFFFFFFFC000003F $contents $address", "PAGE-7")
{
    PCHAR Va = PagesOnDisk(0);
    Disk.Memory[SlotOf(Va) * PAGE_SIZE + 77] ^= 0x20;
    TOUCH_READ(Va);
}

/* Pages of one owner that have changed places: each is whole, and yet it is garbage. */
CRASH_TEST(OldCopy, "mm/paging/page-of-another-slot",
           "0x7A $pte 0xFFFFFFFFC000003F $contents $address", "PAGE-7")
{
    PCHAR Va = PagesOnDisk(0);
    PUCHAR There = Disk.Memory + SlotOf(Va) * PAGE_SIZE;
    memcpy(There, There + PAGE_SIZE, PAGE_SIZE);
    TOUCH_READ(Va);
}

static VOID NTAPI WantPage(PVOID Context)
{
    TOUCH_READ(Context);
}

CRASH_TEST(CollidedFails, "mm/paging/page-that-two-want-and-none-can-read",
           "0x7A $pte 0xFFFFFFFFC0000185 $contents $address", "PAGE-6")
{
    PCHAR Va = PagesOnDisk(0);
    FailTransfers(&Disk, FALSE, SlotOf(Va), 1, FOR_EVER);
    Disk.Hold = TRUE;
    TestStartThread(WantPage, Va, 9);
    PKTHREAD Second = TestStartThread(WantPage, Va, 9);
    DiskRelease(&Disk);
    TestJoinThread(Second);
}

/* Nobody touches it: the address is the page's. */
CRASH_TEST(CloseFails, "mm/paging/page-that-cannot-be-read-when-its-file-goes",
           "0x7A $pte 0xFFFFFFFFC0000185 $contents $page", "pagefile_close.c")
{
    PCHAR Va = PagesOnDisk(2);
    TestAnnounce("page", (ULONG64)PAGE_ALIGN(Va));
    FailTransfers(&Disk, FALSE, SlotOf(Va), 1, FOR_EVER);
    DiskClose(&Disk);
}
