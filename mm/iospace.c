/*
 * iospace.c - device registers in system address space, and what drivers may ask about addresses.
 *
 *   IO-1  A mapping of device registers is uncached and not executable, unless MmMapIoSpaceEx was
 *         asked otherwise; it is never writable and executable.
 *   IO-2  No mapping made here reaches the kernel image: its text has one address, and that cannot
 *         be written.
 *   IO-3  Memory that the page lists own is mapped cached, or uncached, as its owner has it: two
 *         mappings of a page with different caching would disagree about its contents.
 */
#include "mm/mm.h"
#include "kernel/rtl/section.h"

#define MI_PHYSICAL_LIMIT (1ULL << 48) /* what the PageFrameNumber field of a PTE can hold */

/* Rules of bug check 0xC4 (contract 4.6). */
#define VERIFIER_MAP_IRQL   0x73
#define VERIFIER_UNMAP_IRQL 0x7B

static VOID MiCheckMappingIrql(ULONG Rule, ULONG64 Address, SIZE_T Bytes)
{
    if (KiCheckedMode && KiReadIrql() > DISPATCH_LEVEL) {
        KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, Rule, KiReadIrql(), Address, Bytes);
    }
}

/* The init section, with which the image begins, is memory like any other (MmFreeBootMemory). */
static BOOLEAN MiTouchesImage(ULONG64 First, ULONG64 End)
{
    ULONG64 ImageFirst = (ULONG64)KiInitEnd - MI_KERNEL_IMAGE;
    ULONG64 ImageEnd = (ULONG64)KiImageEnd - MI_KERNEL_IMAGE;
    return First < ImageEnd && End > ImageFirst;
}

/* Protection: MM_, MM_NOCACHE counts for what is no memory of ours (IO-3). */
static PVOID MiMapIoRange(ULONG64 Start, SIZE_T NumberOfBytes, ULONG Protection)
{
    ULONG Offset = (ULONG)(Start & (PAGE_SIZE - 1)), Rights = Protection & ~(ULONG)MM_NOCACHE;
    MiCheckMappingIrql(VERIFIER_MAP_IRQL, Start, NumberOfBytes);
    if (NumberOfBytes == 0 || Start >= MI_PHYSICAL_LIMIT ||
        NumberOfBytes > MI_PHYSICAL_LIMIT - Start || MiTouchesImage(Start, Start + NumberOfBytes)) {
        return NULL;
    }
    SIZE_T Pages = BYTES_TO_PAGES(Offset + NumberOfBytes);
    PCHAR Va = MiReserveRegion(MiRegionSystemPtes, Pages);
    if (Va == NULL) {
        return NULL;
    }
    for (SIZE_T i = 0; i < Pages; i++) {
        PFN_NUMBER Pfn = (Start >> PAGE_SHIFT) + i;
        ULONG Caching = Protection & MM_NOCACHE;
        if (MiIsPfn(Pfn)) {
            Caching = MiPfnEntry(Pfn)->OriginalPte.Soft.Protection & MM_NOCACHE;
        }
        MiWritePte(MiGetPteAddress(Va + i * PAGE_SIZE), MiMakeValidPte(Pfn, Rights | Caching));
    }
    return Va + Offset;
}

PVOID NTAPI MmMapIoSpace(PHYSICAL_ADDRESS PhysicalAddress, SIZE_T NumberOfBytes,
                         MEMORY_CACHING_TYPE CacheType)
{
    return MiMapIoRange((ULONG64)PhysicalAddress.QuadPart, NumberOfBytes,
                        MM_READWRITE | (CacheType == MmCached ? 0 : MM_NOCACHE));
}
EXPORT(MmMapIoSpace);

PVOID NTAPI MmMapIoSpaceEx(PHYSICAL_ADDRESS PhysicalAddress, SIZE_T NumberOfBytes, ULONG Protect)
{
    ULONG Caching = Protect & (PAGE_NOCACHE | PAGE_WRITECOMBINE), Rights;
    switch (Protect - Caching) {
    case PAGE_READONLY: Rights = MM_READONLY; break;
    case PAGE_READWRITE: Rights = MM_READWRITE; break;
    case PAGE_EXECUTE:
    case PAGE_EXECUTE_READ: Rights = MM_EXECUTE_READ; break;
    default: return NULL;
    }
    if (Caching == (PAGE_NOCACHE | PAGE_WRITECOMBINE)) {
        return NULL;
    }
    return MiMapIoRange((ULONG64)PhysicalAddress.QuadPart, NumberOfBytes,
                        Rights | (Caching != 0 ? MM_NOCACHE : 0));
}
EXPORT(MmMapIoSpaceEx);

VOID NTAPI MmUnmapIoSpace(PVOID BaseAddress, SIZE_T NumberOfBytes)
{
    PMI_REGION Region = &MiRegions[MiRegionSystemPtes];
    PVOID Va = PAGE_ALIGN(BaseAddress);
    MiCheckMappingIrql(VERIFIER_UNMAP_IRQL, (ULONG_PTR)BaseAddress, NumberOfBytes);
    SIZE_T Wanted = ADDRESS_AND_SIZE_TO_SPAN_PAGES(BaseAddress, NumberOfBytes);
    SIZE_T Pages = MiRegionOf(Va) == Region ? MiQueryRegion(Region, Va) : 0;
    if (Pages == 0) {
        KeBugCheckEx(SYSTEM_PTE_MISUSE, 3, 0, 0, (ULONG_PTR)BaseAddress);
    }
    if (Pages != Wanted) {
        KeBugCheckEx(SYSTEM_PTE_MISUSE, 2, 0, Pages, Wanted);
    }
    MiUnmapForeignPages(Va, Pages);
    MiReleaseRegion(Region, Va, Pages);
}
EXPORT(MmUnmapIoSpace);

PHYSICAL_ADDRESS NTAPI MmGetPhysicalAddress(PVOID BaseAddress)
{
    MI_WALK Walk;
    PHYSICAL_ADDRESS Physical = {.QuadPart = 0};
    if (MiAddressKind(BaseAddress) == MiVaNonCanonical) {
        return Physical;
    }
    MiWalkTables(BaseAddress, &Walk);
    if (Walk.Valid) {
        ULONG64 Mask = MiEntryBytes(Walk.Level) - 1;
        ULONG64 Page = (ULONG64)Walk.Value.Hard.PageFrameNumber << PAGE_SHIFT;
        Physical.QuadPart = (LONGLONG)((Page & ~Mask) | ((ULONG_PTR)BaseAddress & Mask));
    }
    return Physical;
}
EXPORT(MmGetPhysicalAddress);

PVOID NTAPI MmGetVirtualForPhysical(PHYSICAL_ADDRESS PhysicalAddress)
{
    PFN_NUMBER Pfn = (ULONG64)PhysicalAddress.QuadPart / PAGE_SIZE;
    PMMPTE Pte = MiIsPfn(Pfn) ? MiPfnEntry(Pfn)->PteAddress : NULL;
    if (Pte == NULL) {
        return NULL;
    }
    MMPTE Value = MiReadPte(Pte);
    if (!Value.Hard.Valid || Value.Hard.PageFrameNumber != Pfn) {
        return NULL;
    }
    return (PCHAR)MiPteToAddress(Pte) + PhysicalAddress.QuadPart % PAGE_SIZE;
}
EXPORT(MmGetVirtualForPhysical);

BOOLEAN NTAPI MiIsAddressValid(PVOID VirtualAddress)
{
    MI_WALK Walk;
    if (MiAddressKind(VirtualAddress) == MiVaNonCanonical) {
        return FALSE;
    }
    MiWalkTables(VirtualAddress, &Walk);
    return Walk.Valid;
}

BOOLEAN NTAPI MmIsAddressValid(PVOID VirtualAddress)
{
    KiRequireIrql(DISPATCH_LEVEL);
    return MiIsAddressValid(VirtualAddress);
}
EXPORT(MmIsAddressValid);
