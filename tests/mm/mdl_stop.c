/*
 * mdl_stop.c - what MDLs refuse: each misuse, with the bug check that says so.
 */
#include "tests/mm/mdl_check.h"
#include "tests/pool/special_cases.h"

/* A page of paged pool, locked. */
static PMDL Locked(VOID)
{
    PMDL Mdl = TestLockedMdl(MiAllocatePoolPages(PagedPool, 2), 2 * PAGE_SIZE);
    TestAnnounceMdl(Mdl);
    return Mdl;
}

/* An MDL for that, not locked. */
static PMDL Unlocked(POOL_TYPE PoolType)
{
    PCHAR Buffer = MiAllocatePoolPages(PoolType, 1);
    TestAnnounce("buffer", (ULONG64)Buffer);
    PMDL Mdl = IoAllocateMdl(Buffer, PAGE_SIZE, FALSE, FALSE, NULL);
    TestAnnounceMdl(Mdl);
    return Mdl;
}

/* ---- locks ----------------------------------------------------------------------------------- */

CRASH_TEST(UnlockTwice, "mm/mdl/unlocked-twice", "0xC4 0x7C $mdl 0x0 0x0",
           "contract 4.6: 0xC4, 0x7C")
{
    PMDL Mdl = Locked();
    MmUnlockPages(Mdl);
    MmUnlockPages(Mdl);
}

/* One PTE maps it. */
CRASH_TEST(UnlockTwiceFree, "mm/mdl/free-mode/unlocked-twice", "0x4E 0x7 $page 0x1 0x0",
           "PIN-3, contract 4.5: 0x4E, 7")
{
    KiSetCheckedMode(FALSE);
    PMDL Mdl = Locked();
    TestAnnounce("page", *MmGetMdlPfnArray(Mdl));
    MmUnlockPages(Mdl);
    MmUnlockPages(Mdl);
}

CRASH_TEST(UnlockNever, "mm/mdl/unlocked-that-never-was-locked", "0xC4 0x7C $mdl $flags 0x0",
           "contract 4.6: 0xC4, 0x7C")
{
    MmUnlockPages(Unlocked(NonPagedPoolNx));
}

CRASH_TEST(UnlockNonpaged, "mm/mdl/unlocked-nonpaged-pool", "0xC4 0x7D $mdl 0x4 0x0",
           "contract 4.6: 0xC4, 0x7D")
{
    PMDL Mdl = Unlocked(NonPagedPoolNx);
    MmBuildMdlForNonPagedPool(Mdl);
    MmUnlockPages(Mdl);
}

CRASH_TEST(UnlockPart, "mm/mdl/unlocked-part", "0xC4 0xB4 $part 0x10 0x10",
           "contract 4.6: 0xC4, 0xB4")
{
    PMDL Mdl = Locked(), Part = IoAllocateMdl(Mdl->StartVa, 16, FALSE, FALSE, NULL);
    TestAnnounce("part", (ULONG64)Part);
    IoBuildPartialMdl(Mdl, Part, Mdl->StartVa, 16);
    MmUnlockPages(Part);
}

CRASH_TEST(UnlockIrql, "mm/mdl/unlocked-above-dispatch", "0xC4 0x78 0x3 $mdl 0x0",
           "contract 4.6: 0xC4, 0x78")
{
    KIRQL Old;
    PMDL Mdl = Locked();
    KeRaiseIrql(3, &Old);
    MmUnlockPages(Mdl);
}

CRASH_TEST(LockIrql, "mm/mdl/locked-above-dispatch", "0xC4 0x70 0x3 $mdl 0x0",
           "contract 4.6: 0xC4, 0x70")
{
    KIRQL Old;
    PMDL Mdl = Unlocked(NonPagedPoolNx);
    KeRaiseIrql(3, &Old);
    MmProbeAndLockPages(Mdl, KernelMode, IoReadAccess);
}

/* Its pages are locked already: 2; for writing. */
CRASH_TEST(LockLocked, "mm/mdl/locked-twice-by-one-mdl", "0xC4 0xB0 $mdl 0x82 0x2",
           "contract 4.6: 0xC4, 0xB0")
{
    MmProbeAndLockPages(Locked(), KernelMode, IoReadAccess);
}

CRASH_TEST(LockBuilt, "mm/mdl/locked-nonpaged-pool-that-was-built", "0xC4 0xB0 $mdl 0x4 0x4",
           "contract 4.6: 0xC4, 0xB0")
{
    PMDL Mdl = Unlocked(NonPagedPoolNx);
    MmBuildMdlForNonPagedPool(Mdl);
    MmProbeAndLockPages(Mdl, KernelMode, IoReadAccess);
}

CRASH_TEST(LockDevice, "mm/mdl/locked-device-registers", "0xC4 0x6F $mdl 0xFEE00 $highest",
           "contract 4.6: 0xC4, 0x6F")
{
    PMDL Mdl = IoAllocateMdl((PVOID)MI_HAL_WINDOW, 16, FALSE, FALSE, NULL);
    TestAnnounceMdl(Mdl);
    TestAnnounce("highest", MmHighestPhysicalPage);
    MmProbeAndLockPages(Mdl, KernelMode, IoReadAccess);
}

/* Nobody could wait for the page: as for any other touch. */
CRASH_TEST(LockAbsent, "mm/mdl/locked-at-dispatch-what-is-not-resident", "0xA $buffer 0x2 0x0 *",
           "contract 1.4")
{
    KIRQL Old;
    PMDL Mdl = Unlocked(PagedPool);
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    MmProbeAndLockPages(Mdl, KernelMode, IoReadAccess);
}

/* ---- what is locked or mapped is freed ------------------------------------------------------- */

CRASH_TEST(FreeLockedMdl, "mm/mdl/freed-while-locked", "0xC4 0xB8 $mdl $flags 0x0",
           "DDI wdm IoFreeMdl, contract 4.6: 0xC4, 0xB0-0xB9")
{
    IoFreeMdl(Locked());
}

CRASH_TEST(FreeMappedMdl, "mm/mdl/freed-while-mapped", "0xC4 0xB8 $mdl 0x1 0x0",
           "contract 4.6: 0xC4, 0xB8")
{
    PMDL Mdl = Locked();
    MmMapLockedPages(Mdl, KernelMode);
    Mdl->MdlFlags = MDL_MAPPED_TO_SYSTEM_VA;
    IoFreeMdl(Mdl);
}

/* State 6: active; its owner's reference and the lock's. */
CRASH_TEST(FreeLockedPool, "mm/mdl/pool-freed-while-locked", "0x4E 0x9A $page 0x6 0x2",
           "PIN-1, contract 4.5: 0x4E, 0x9A")
{
    PMDL Mdl = Locked();
    TestAnnounce("page", *MmGetMdlPfnArray(Mdl));
    MiFreePoolPages(Mdl->StartVa);
}

/* ---- nonpaged buffers and parts -------------------------------------------------------------- */

CRASH_TEST(BuildPaged, "mm/mdl/built-from-paged-pool", "0xC4 0x7F 0x0 $mdl $flags",
           "contract 4.6: 0xC4, 0x7F")
{
    MmBuildMdlForNonPagedPool(Unlocked(PagedPool));
}

CRASH_TEST(BuildAbsent, "mm/mdl/free-mode/built-from-what-is-not-resident",
           "0x1A 0x1240 $mdl $buffer 0x0", "contract 4.5: 0x1A, 0x1240")
{
    KiSetCheckedMode(FALSE);
    MmBuildMdlForNonPagedPool(Unlocked(PagedPool));
}

CRASH_TEST(PartOutside, "mm/mdl/part-outside-its-source", "0x12E $mdl $part $address 0x1001",
           "contract 4.4: 0x12E")
{
    PMDL Mdl = Locked();
    PCHAR Va = (PCHAR)Mdl->StartVa + PAGE_SIZE;
    PMDL Part = IoAllocateMdl(Va, PAGE_SIZE + 1, FALSE, FALSE, NULL);
    TestAnnounce("part", (ULONG64)Part);
    TestAnnounce("address", (ULONG64)Va);
    IoBuildPartialMdl(Mdl, Part, Va, PAGE_SIZE + 1);
}

CRASH_TEST(PartBefore, "mm/mdl/part-in-front-of-its-source", "0x12E $mdl $part $address 0x10",
           "contract 4.4: 0x12E")
{
    PMDL Mdl = Locked();
    PCHAR Va = (PCHAR)Mdl->StartVa - 16;
    PMDL Part = IoAllocateMdl(Va, 16, FALSE, FALSE, NULL);
    TestAnnounce("part", (ULONG64)Part);
    TestAnnounce("address", (ULONG64)Va);
    IoBuildPartialMdl(Mdl, Part, Va, 16);
}

CRASH_TEST(PartTooSmall, "mm/mdl/part-without-room-for-its-pages", "0x12E $mdl $part $address 0x20",
           "contract 4.4: 0x12E")
{
    PMDL Mdl = Locked(), Part = IoAllocateMdl(Mdl->StartVa, 16, FALSE, FALSE, NULL);
    PCHAR Va = (PCHAR)Mdl->StartVa + PAGE_SIZE - 16;
    TestAnnounce("part", (ULONG64)Part);
    TestAnnounce("address", (ULONG64)Va);
    IoBuildPartialMdl(Mdl, Part, Va, 32); /* on two pages */
}

/* ---- mappings -------------------------------------------------------------------------------- */

/* At least one of PAGES_LOCKED and PARTIAL is missed. */
CRASH_TEST(MapUnlocked, "mm/mdl/mapped-that-is-not-locked", "0xC4 0xB3 $mdl 0x0 0x12",
           "contract 4.6: 0xC4, 0xB3")
{
    MmGetSystemAddressForMdlSafe(Unlocked(NonPagedPoolNx), NormalPagePriority);
}

CRASH_TEST(MapUnlockedFree, "mm/mdl/free-mode/mapped-that-is-not-locked",
           "0x1A 0x1233 $page 0x0 0x0", "contract 4.5: 0x1A, 0x1233")
{
    KiSetCheckedMode(FALSE);
    MmMapLockedPages(Locked(), KernelMode); /* page tables are there now */
    PMDL Mdl = Unlocked(NonPagedPoolNx);
    PFN_NUMBER Pfn = MiAllocatePage(MiPageAny);
    MiFreePage(Pfn); /* a page that is nobody's */
    TestAnnounce("page", Pfn);
    *MmGetMdlPfnArray(Mdl) = Pfn;
    MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority);
}

CRASH_TEST(MapTwice, "mm/mdl/mapped-twice", "0xC4 0xB2 $mdl 0x83 0x1", "contract 4.6: 0xC4, 0xB2")
{
    PMDL Mdl = Locked();
    MmMapLockedPages(Mdl, KernelMode);
    MmMapLockedPages(Mdl, KernelMode);
}

CRASH_TEST(MapNoMemory, "mm/mdl/mapped-page-that-is-no-memory", "0xC4 0x89 $mdl $place 0xFEE00",
           "contract 4.6: 0xC4, 0x89")
{
    PMDL Mdl = Locked();
    TestAnnounce("place", (ULONG64)&MmGetMdlPfnArray(Mdl)[1]);
    MmGetMdlPfnArray(Mdl)[1] = 0xFEE00; /* the local APIC */
    MmMapLockedPages(Mdl, KernelMode);
}

CRASH_TEST(MapIrql, "mm/mdl/mapped-above-dispatch", "0xC4 0x76 0x3 $mdl 0x0",
           "contract 4.6: 0xC4, 0x76")
{
    KIRQL Old;
    PMDL Mdl = Locked();
    KeRaiseIrql(3, &Old);
    MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority);
}

CRASH_TEST(MapUserIrql, "mm/mdl/mapped-into-user-space-at-dispatch", "0xC4 0x77 0x2 $mdl 0x1",
           "contract 4.6: 0xC4, 0x77")
{
    KIRQL Old;
    PMDL Mdl = Locked();
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    MmMapLockedPagesSpecifyCache(Mdl, UserMode, MmCached, NULL, FALSE, NormalPagePriority);
}

CRASH_TEST(MapNoPtes, "mm/mdl/mapped-without-ptes-left", "0x3F 0x0 0x2 0x1 $total",
           "contract 3.8: 0x3F")
{
    PMI_REGION Region = &MiRegions[MiRegionSystemPtes];
    PMDL Mdl = Locked();
    Region->Limit = Region->PagesInUse + 1;
    TestAnnounce("total", Region->Limit);
    MmMapLockedPages(Mdl, KernelMode);
}

/* ---- unmapping ------------------------------------------------------------------------------- */

CRASH_TEST(UnmapTwice, "mm/mdl/unmapped-twice", "0xDA 0x6 $mdl $address 0x2",
           "contract 4.5: 0xDA, 6")
{
    PMDL Mdl = Locked();
    PVOID Va = MmMapLockedPages(Mdl, KernelMode);
    TestAnnounce("address", (ULONG64)Va);
    MmUnmapLockedPages(Va, Mdl);
    MmUnmapLockedPages(Va, Mdl);
}

CRASH_TEST(UnmapParent, "mm/mdl/unmapped-by-a-part-that-has-its-sources",
           "0xDA 0x6 $part $address 0x1", "contract 4.5: 0xDA, 6")
{
    PMDL Mdl = Locked(), Part = IoAllocateMdl(Mdl->StartVa, 16, FALSE, FALSE, NULL);
    PVOID Va = MmMapLockedPages(Mdl, KernelMode);
    TestAnnounce("part", (ULONG64)Part);
    TestAnnounce("address", (ULONG64)Va);
    IoBuildPartialMdl(Mdl, Part, Mdl->StartVa, 16);
    MmUnmapLockedPages(Va, Part);
}

CRASH_TEST(UnmapElsewhere, "mm/mdl/unmapped-at-another-address", "0xDA 0x3 0x0 $mapping $address",
           "contract 4.5: 0xDA, 3")
{
    PMDL Mdl = Locked();
    PCHAR Va = MmMapLockedPages(Mdl, KernelMode);
    TestAnnounce("mapping", (ULONG64)Va);
    TestAnnounce("address", (ULONG64)Va + PAGE_SIZE);
    MmUnmapLockedPages(Va + PAGE_SIZE, Mdl);
}

CRASH_TEST(UnmapLonger, "mm/mdl/unmapped-with-another-length", "0xDA 0x2 0x0 0x2 0x1",
           "contract 4.5: 0xDA, 2")
{
    PMDL Mdl = Locked();
    PVOID Va = MmMapLockedPages(Mdl, KernelMode);
    Mdl->ByteCount = PAGE_SIZE;
    MmUnmapLockedPages(Va, Mdl);
}

CRASH_TEST(UnmapChanged, "mm/mdl/unmapped-with-other-pages", "0xDA 0x4 0x0 $page 0x1234",
           "contract 4.5: 0xDA, 4")
{
    PMDL Mdl = Locked();
    PVOID Va = MmMapLockedPages(Mdl, KernelMode);
    TestAnnounce("page", *MmGetMdlPfnArray(Mdl));
    *MmGetMdlPfnArray(Mdl) = 0x1234;
    MmUnmapLockedPages(Va, Mdl);
}

CRASH_TEST(UnmapIrql, "mm/mdl/unmapped-above-dispatch", "0xC4 0x79 0x3 $address $mdl",
           "contract 4.6: 0xC4, 0x79")
{
    KIRQL Old;
    PMDL Mdl = Locked();
    PVOID Va = MmMapLockedPages(Mdl, KernelMode);
    TestAnnounce("address", (ULONG64)Va);
    KeRaiseIrql(3, &Old);
    MmUnmapLockedPages(Va, Mdl);
}

CRASH_TEST(UnmapTouch, "mm/mdl/touched-after-unmapping", "0x50 $address 0x2 sym:UnmapTouch 0x0",
           "MAP-4")
{
    PMDL Mdl = Locked();
    volatile CHAR *Va = MmMapLockedPages(Mdl, KernelMode);
    TestAnnounce("address", (ULONG64)Va);
    *Va = 0; /* the processor remembers it */
    MmUnmapLockedPages((PVOID)Va, Mdl);
    *Va = 1;
}

CRASH_TEST(ProtectTouch, "mm/mdl/written-after-protecting", "0xBE $address $entry 0x0 0x0",
           "DDI wdm MmProtectMdlSystemAddress")
{
    PMDL Mdl = Locked();
    volatile CHAR *Va = MmMapLockedPages(Mdl, KernelMode);
    *Va = 0; /* the processor remembers it */
    MmProtectMdlSystemAddress(Mdl, PAGE_READONLY);
    TestAnnounce("address", (ULONG64)Va);
    TestAnnounce("entry", MiReadPte(MiGetPteAddress((PVOID)Va)).Long);
    *Va = 1;
}

CRASH_TEST(ProtectNone, "mm/mdl/read-without-access", "0x50 $address 0x0 sym:ProtectNone 0x0",
           "DDI wdm MmProtectMdlSystemAddress")
{
    PMDL Mdl = Locked();
    volatile CHAR *Va = MmMapLockedPages(Mdl, KernelMode);
    TestAnnounce("address", (ULONG64)Va);
    MmProtectMdlSystemAddress(Mdl, PAGE_NOACCESS);
    (VOID) * Va;
}

/* ---- the verifier ---------------------------------------------------------------------------- */

CRASH_TEST(VerifyObsolete, "mm/mdl/verifier/mapped-by-the-obsolete-routine",
           "0xC4 0x81 $mdl $flags 0x0", "contract 4.6: 0xC4, 0x81")
{
    PMDL Mdl = Locked();
    SpecialOn("pool");
    TestAnnounceMdl(Mdl);
    MmMapLockedPages(Mdl, KernelMode);
}

CRASH_TEST(VerifyMayStop, "mm/mdl/verifier/mapped-with-bug-check-on-failure",
           "0xC4 0x82 $mdl $flags 0x0", "contract 4.6: 0xC4, 0x82")
{
    PMDL Mdl = Locked();
    SpecialOn("pool");
    TestAnnounceMdl(Mdl);
    MmMapLockedPagesSpecifyCache(Mdl, KernelMode, MmCached, NULL, TRUE, NormalPagePriority);
}

CRASH_TEST(VerifyApcLte, "mm/mdl/verifier/rule-irqlmmapclte", "0xC4 0x20019 not0 0x2 0x0",
           "contract 1.4: IrqlMmApcLte")
{
    KIRQL Old;
    PHYSICAL_ADDRESS Zero = {.QuadPart = 0}, High = {.QuadPart = -1};
    SpecialOn("ddi");
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    MmAllocatePagesForMdl(Zero, High, Zero, PAGE_SIZE);
}

CRASH_TEST(NoWrite, "mm/mdl/written-to-a-mapping-without-writing", "0xBE $address $entry 0x0 0x0",
           "DDI wdm MmGetSystemAddressForMdlSafe: MdlMappingNoWrite")
{
    PMDL Mdl = Locked();
    volatile CHAR *Va = MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority | MdlMappingNoWrite);
    TestAnnounce("address", (ULONG64)Va);
    TestAnnounce("entry", MiReadPte(MiGetPteAddress((PVOID)Va)).Long);
    *Va = 1;
}

CRASH_TEST(ProtectChanged, "mm/mdl/protected-with-other-pages", "0x1A 0x1235 $mdl $address $entry",
           "contract 4.5: 0x1A, 0x1235")
{
    PMDL Mdl = Locked();
    PVOID Va = MmMapLockedPages(Mdl, KernelMode);
    TestAnnounce("address", (ULONG64)Va);
    TestAnnounce("entry", MiReadPte(MiGetPteAddress(Va)).Long);
    *MmGetMdlPfnArray(Mdl) = 0x1234;
    MmProtectMdlSystemAddress(Mdl, PAGE_READONLY);
}
