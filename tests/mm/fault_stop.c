/*
 * fault_stop.c - page faults that must stop the machine, each with its bug check and parameters
 * (contract 3.7 and 4.1). Each runs in a machine of its own.
 */
#include "tests/mm/mm_check.h"

#define TOUCH_READ(Address)  (*(volatile UCHAR *)(Address))
#define TOUCH_WRITE(Address) (*(volatile UCHAR *)(Address) = 1)

static VOID Execute(PVOID Address)
{
    VOID (*volatile Routine)(VOID) = Address;
    Routine();
}

/* One page of paged pool that was never touched. */
static PCHAR PagedPage(VOID)
{
    PCHAR Va = (PCHAR)MiAllocatePoolPages(PagedPool, 1) + 0x18;
    TestAnnounce("address", (ULONG64)Va);
    return Va;
}

static VOID RaiseTo(KIRQL Irql)
{
    KIRQL Old;
    KeRaiseIrql(Irql, &Old);
}

#define CON_22                                                                                     \
    "CON-22 Pageable memory touched at DISPATCH_LEVEL is bug check 0xA (address, IRQL, access, "   \
    "instruction)."
#define CON_23 "CON-23 In 0xA the access is 0 for a read, 1 for a write, 8 for an execution."
#define CON_24 "CON-24 A fault on an address that was never valid is bug check 0x50."
#define CON_25 "CON-25 In 0x50 the access is 0 for a read, 2 for a write, 0x10 for an execution."
#define CON_26 "CON-26 A write to read-only memory is bug check 0xBE (address, PTE)."
#define CON_27 "CON-27 An execution of no-execute memory is bug check 0xFC (address, PTE)."

/* ---- 0xA: at DISPATCH_LEVEL ------------------------------------------------------------------ */

CRASH_TEST(ReadAtDispatch, "mm/read-at-dispatch", "0xA $address 0x2 0x0 sym:ReadAtDispatch",
           CON_22 " || " CON_23)
{
    PCHAR Va = PagedPage();
    RaiseTo(DISPATCH_LEVEL);
    TOUCH_READ(Va);
}

CRASH_TEST(WriteAtDispatch, "mm/write-at-dispatch", "0xA $address 0x2 0x1 sym:WriteAtDispatch",
           CON_22 " || " CON_23)
{
    PCHAR Va = PagedPage();
    RaiseTo(DISPATCH_LEVEL);
    TOUCH_WRITE(Va);
}

CRASH_TEST(ExecuteAtDispatch, "mm/execute-at-dispatch", "0xA $address 0x2 0x8 $address",
           CON_22 " || " CON_23)
{
    PCHAR Va = PagedPage();
    RaiseTo(DISPATCH_LEVEL);
    Execute(Va);
}

CRASH_TEST(ReadAtHigh, "mm/read-at-high-level", "0xA $address 0xF 0x0 sym:ReadAtHigh", CON_22)
{
    PCHAR Va = PagedPage();
    RaiseTo(HIGH_LEVEL);
    TOUCH_READ(Va);
}

CRASH_TEST(UserAtDispatch, "mm/user-address-at-dispatch", "0xA 0x10008 0x2 0x1 sym:UserAtDispatch",
           CON_22)
{
    RaiseTo(DISPATCH_LEVEL);
    TOUCH_WRITE(0x10008);
}

/* Ours: the contract has no parameter list for 0x49. */
CRASH_TEST(InterruptsOff, "mm/read-with-interrupts-off", "0x49 $address 0x0 0x0 sym:InterruptsOff",
           "FAULT-2")
{
    PCHAR Va = PagedPage();
    KiDisableInterrupts();
    TOUCH_READ(Va);
}

/* ---- 0x50: nothing there --------------------------------------------------------------------- */

/* A page of its table is there, by a neighbour; the address itself was never given out. */
static PCHAR UnusedPage(VOID)
{
    PCHAR Va = (PCHAR)MiReserveRegion(MiRegionDriverImages, 1) + 100 * PAGE_SIZE + 4;
    TestAnnounce("address", (ULONG64)Va);
    return Va;
}

CRASH_TEST(ReadUnused, "mm/read-never-valid", "0x50 $address 0x0 sym:ReadUnused 0x0",
           CON_24 " || " CON_25)
{
    PCHAR Va = UnusedPage();
    TOUCH_READ(Va);
}

CRASH_TEST(WriteUnused, "mm/write-never-valid", "0x50 $address 0x2 sym:WriteUnused 0x0",
           CON_24 " || " CON_25)
{
    PCHAR Va = UnusedPage();
    TOUCH_WRITE(Va);
}

CRASH_TEST(ExecuteUnused, "mm/execute-never-valid", "0x50 $address 0x10 $address 0x0",
           CON_24 " || " CON_25)
{
    Execute(UnusedPage());
}

CRASH_TEST(ReadNoTable, "mm/read-without-page-table",
           "0x50 0xFFFFF9C000000010 0x0 sym:ReadNoTable 0x2", CON_24)
{
    TOUCH_READ(MI_PAGED_POOL + MI_SLOT_BYTES / 2 + 0x10);
}

/* Contract 3.7: what was never valid is 0x50 at any IRQL. */
CRASH_TEST(ReadUnusedAtDispatch, "mm/read-never-valid-at-dispatch",
           "0x50 $address 0x0 sym:ReadUnusedAtDispatch 0x0", CON_24)
{
    PCHAR Va = UnusedPage();
    RaiseTo(DISPATCH_LEVEL);
    TOUCH_READ(Va);
}

CRASH_TEST(ReadNull, "mm/read-null", "0x50 0x0 0x0 sym:ReadNull 0xF", "contract 4.1: 0x50 USER_VA")
{
    static volatile ULONG_PTR Null; /* out of the compiler's sight */
    TOUCH_READ(Null);
}

/* The processor has 0x1E for these; the door stays shut should a fault ever bring one. */
CRASH_TEST(NonCanonical, "mm/fault-on-non-canonical-address",
           "0x50 0x8000000000000000 0x2 0x1234 0x4", "contract 4.1: 0x50 NON_CANONICAL")
{
    KTRAP_FRAME Frame = {.Rip = 0x1234, .EFlags = 0x202};
    MmAccessFault(PF_WRITE, (PVOID)0x8000000000000000, &Frame);
}

CRASH_TEST(FreedNonPaged, "mm/read-freed-nonpaged-page", "0x50 $address 0x0 sym:FreedNonPaged 0x0",
           "PAGES-3, contract 3.7: freed pool page")
{
    PCHAR Va = MiAllocatePoolPages(NonPagedPoolNx, 2);
    Va[PAGE_SIZE] = 1;
    MiFreePoolPages(Va);
    TestAnnounce("address", (ULONG64)(Va + PAGE_SIZE));
    TOUCH_READ(Va + PAGE_SIZE);
}

CRASH_TEST(FreedPaged, "mm/write-freed-paged-page", "0x50 $address 0x2 sym:FreedPaged 0x0",
           "PAGES-3, contract 3.7: freed pool page")
{
    PCHAR Va = PagedPage();
    TOUCH_WRITE(Va);
    MiFreePoolPages(PAGE_ALIGN(Va));
    TOUCH_WRITE(Va);
}

/* Promised, never touched, given back: the promise is gone. */
CRASH_TEST(FreedUntouched, "mm/read-freed-untouched-page",
           "0x50 $address 0x0 sym:FreedUntouched 0x0", "VA-3")
{
    PCHAR Va = PagedPage();
    MiFreePoolPages(PAGE_ALIGN(Va));
    TOUCH_READ(Va);
}

CRASH_TEST(FreedMapping, "mm/read-unmapped-io-space", "0x50 $address 0x0 sym:FreedMapping 0x0",
           "contract 3.7: freed system page")
{
    PHYSICAL_ADDRESS Apic = {.QuadPart = 0xFEE00000};
    PCHAR Va = MmMapIoSpace(Apic, PAGE_SIZE, MmNonCached);
    TOUCH_READ(Va + 0x20);
    MmUnmapIoSpace(Va, PAGE_SIZE);
    TestAnnounce("address", (ULONG64)(Va + 0x20));
    TOUCH_READ(Va + 0x20);
}

CRASH_TEST(FreedInit, "mm/execute-init-section", "0x50 $address 0x10 $address 0x0",
           "start-up code is given back")
{
    TestAnnounce("address", (ULONG64)MmInitialize);
    Execute((PVOID)MmInitialize);
}

/* ---- 0xBE and 0xFC: there, but not for this -------------------------------------------------- */

static PCHAR Announce(PVOID Address)
{
    TestAnnounce("address", (ULONG64)Address);
    TestAnnounce("pte", MiReadPte(MiGetPteAddress(Address)).Long);
    return Address;
}

CRASH_TEST(WriteText, "mm/write-kernel-text", "0xBE $address $pte 0x0 0x0", CON_26)
{
    TOUCH_WRITE(Announce((PVOID)KeLowerIrql));
}

CRASH_TEST(WriteConstant, "mm/write-constant-at-dispatch", "0xBE $address $pte 0x0 0x0", CON_26)
{
    static const CHAR Constant[] = "constant";
    RaiseTo(DISPATCH_LEVEL);
    TOUCH_WRITE(Announce((PVOID)Constant));
}

CRASH_TEST(ExecuteNonPaged, "mm/execute-nonpaged-nx-pool", "0xFC $address $pte 0x0 0x0", CON_27)
{
    PUCHAR Va = MiAllocatePoolPages(NonPagedPoolNx, 1);
    *Va = 0xC3; /* ret */
    Execute(Announce(Va));
}

CRASH_TEST(ExecutePaged, "mm/execute-paged-pool", "0xFC $address $pte 0x0 0x0", CON_27)
{
    PUCHAR Va = MiAllocatePoolPages(PagedPool, 1);
    *Va = 0xC3;
    Execute(Announce(Va));
}

CRASH_TEST(ExecuteData, "mm/execute-kernel-data", "0xFC $address $pte 0x0 0x0", CON_27)
{
    static UCHAR Code[16] = {0xC3};
    Execute(Announce(Code));
}

CRASH_TEST(ExecuteStack, "mm/execute-stack", "0xFC $address $pte 0x0 0x0", CON_27)
{
    volatile UCHAR Code[16] = {0xC3};
    Execute(Announce((PVOID)Code));
}

/* Through the direct map every page has a second address: that one is of no use for code. */
CRASH_TEST(ExecuteDirectMap, "mm/execute-direct-map", "0xFC $address * 0x0 0x0", CON_27)
{
    PUCHAR Va = MiAllocatePoolPages(NonPagedPool, 1);
    *Va = 0xC3;
    Execute(Va);
    PVOID Alias = (PVOID)(MI_DIRECT_MAP + MmGetPhysicalAddress(Va).QuadPart);
    TestAnnounce("address", (ULONG64)Alias);
    Execute(Alias);
}

/* Maps a page at a user address, readable, writable and executable for user mode. */
static PVOID MapUserPage(VOID)
{
    PVOID Va = (PVOID)0x400000;
    for (ULONG Level = MI_TOP_LEVEL; Level >= 1; Level--) {
        MMPTE Value = MiMakeTableEntry(MiAllocatePage(MiPageZeroed));
        Value.Hard.Owner = 1;
        MiWritePte(MiEntryAddress(Va, Level), Value);
    }
    return Va;
}

CRASH_TEST(ExecuteUser, "mm/execute-user-page", "0xFC 0x400000 $pte 0x0 0x0", CON_27)
{
    PUCHAR Va = MapUserPage();
    *Va = 0xC3;
    Execute(Announce(Va));
}

/* A page number that this processor has no address lines for. */
CRASH_TEST(ReservedBits, "mm/entry-with-reserved-bits", "0x1A 0x411 $entry $pte $address",
           "contract 4.5: 0x1A, 0x411")
{
    PCHAR Va = MiReserveRegion(MiRegionDriverImages, 1);
    PMMPTE Pte = MiGetPteAddress(Va);
    MMPTE Value = MiMakeValidPte(0xFFFFFFFFF, MM_READWRITE);
    Value.Hard.ReservedForHardware = 0xF;
    MiWritePte(Pte, Value);
    TestAnnounce("entry", (ULONG64)Pte);
    Announce(Va);
    TOUCH_READ(Va);
}

/* ---- blame ----------------------------------------------------------------------------------- */

/* Says that an image lies over [Start, Start + a page). */
static VOID PlaceImage(PVOID Start, BOOLEAN Unloaded)
{
    MiImageRanges[3] = (MI_IMAGE_RANGE){.Start = (ULONG_PTR)Start,
                                        .End = (ULONG_PTR)Start + PAGE_SIZE,
                                        .Unloaded = Unloaded,
                                        .Name = "test.sys"};
}

CRASH_TEST(DriverAtDispatch, "mm/driver-at-dispatch", "0xD1 $address 0x2 0x1 sym:DriverAtDispatch",
           "contract 3.7: instruction in a driver image")
{
    PCHAR Va = PagedPage();
    PlaceImage((PVOID)DriverAtDispatch, FALSE);
    RaiseTo(DISPATCH_LEVEL);
    TOUCH_WRITE(Va);
}

CRASH_TEST(PagedDriverPart, "mm/paged-part-of-a-driver",
           "0xD3 $address 0x2 0x0 sym:PagedDriverPart", "contract 3.7: address in a driver image")
{
    PCHAR Va = PagedPage();
    PlaceImage(PAGE_ALIGN(Va), FALSE);
    RaiseTo(DISPATCH_LEVEL);
    TOUCH_READ(Va);
}

CRASH_TEST(UnloadedAtDispatch, "mm/unloaded-driver-at-dispatch",
           "0xD4 $address 0x2 0x0 sym:UnloadedAtDispatch",
           "contract 3.7: address in an unloaded driver")
{
    PCHAR Va = PagedPage();
    PlaceImage(PAGE_ALIGN(Va), TRUE);
    RaiseTo(DISPATCH_LEVEL);
    TOUCH_READ(Va);
}

/* A DPC or thread that outlived its driver: the fault is the fetch of its next instruction. */
CRASH_TEST(UnloadedCode, "mm/code-of-an-unloaded-driver", "0xCE $address 0x0 $address 0x0",
           "contract 3.7: instruction in an unloaded driver")
{
    PCHAR Va = UnusedPage();
    PlaceImage(PAGE_ALIGN(Va), TRUE);
    Execute(Va);
}

/* ---- out of memory --------------------------------------------------------------------------- */

/* Pages taken without commit: what commit is there to prevent. */
CRASH_TEST(NoPages, "mm/fault-without-a-page", "0x4D 0x0 0x0 0x0 0x0", "contract 4.5: 0x4D")
{
    PCHAR Va = PagedPage();
    while (MiAllocatePage(MiPageAny) != MI_NO_PAGE) {}
    TOUCH_READ(Va);
}

/* ---- the end of a stack ---------------------------------------------------------------------- */

static VOID PushForever(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    __asm__ volatile("1: pushq $0; jmp 1b" : : : "memory");
}

/* The push that hits the guard page can't push a fault's frame either. */
CRASH_TEST(StackOverflow, "mm/kernel-stack-overflow", "0x7F 0x8 $guard sym:PushForever $limit",
           "STACK-1")
{
    PCHAR Limit = (PCHAR)MiAllocateKernelStack() - KERNEL_STACK_PAGES * PAGE_SIZE;
    TestAnnounce("limit", (ULONG64)Limit);
    TestAnnounce("guard", (ULONG64)(Limit - 8));
    KiCallOnStack(PushForever, NULL, Limit + KERNEL_STACK_PAGES * PAGE_SIZE);
}
