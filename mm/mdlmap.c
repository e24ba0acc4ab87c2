/*
 * mdlmap.c - maps the pages of MDLs into system space, for code that must reach a buffer from
 * everywhere.
 *
 * Theory. A mapping is a reservation of system PTEs whose entries name the MDL's pages. It is not
 * the page's own mapping (PteAddress, ShareCount): the page's owner may be paged pool, which takes
 * its entry away while the mapping stays. So a mapping counts as a reference of each page instead,
 * like a lock: whoever frees a page that a mapping still shows stops at 0x4E/0x9A.
 *
 *   MAP-1  An MDL has at most one mapping; MDL_MAPPED_TO_SYSTEM_VA says so, and
 *          MDL_PARENT_MAPPED_SYSTEM_VA that it is another MDL's.
 *   MAP-2  All mappings of a page are cached alike: as its first one, or as the page was allocated.
 *   MAP-3  No mapping is writable and executable, and pages of the kernel's text and constants are
 *          never writable.
 *   MAP-4  A mapping that can't be had leaves nothing behind.
 */
#include "kernel/rtl/section.h"
#include "mm/mdl.h"

/* Reasons of bug check 0x1A. */
#define MAP_OF_UNLOCKED_PAGE    0x1233
#define PROTECT_INVALID_MAPPING 0x1235

/* Reasons of bug check 0xDA (contract 4.5). */
#define PTE_WRONG_COUNT   2
#define PTE_WRONG_ADDRESS 3
#define PTE_FIRST_CHANGED 4
#define PTE_NEVER_MAPPED  6

#define CACHE_LINE 64

/* ---- pages ----------------------------------------------------------------------------------- */

VOID MiFlushCacheOfPage(PFN_NUMBER Pfn)
{
    PCHAR Page = MiPfnToAddress(Pfn);
    for (ULONG i = 0; i < PAGE_SIZE; i += CACHE_LINE) {
        __asm__ volatile("clflush %0" : "+m"(Page[i]));
    }
    __asm__ volatile("mfence" : : : "memory");
}

/* MM_NOCACHE or 0 for a mapping of a page. MAP-2: of whom nobody knows yet, CacheType decides. */
static ULONG MiCachingOf(PFN_NUMBER Pfn, MEMORY_CACHING_TYPE CacheType)
{
    ULONG Wanted = CacheType == MmCached ? 0 : MM_NOCACHE;
    if (!MiIsPfn(Pfn)) {
        return MM_NOCACHE; /* a device's */
    }
    PMMPTE Original = &MiPfnEntry(Pfn)->OriginalPte;
    if (MiPfnEntry(Pfn)->PteAddress == NULL && Original->Soft.PageFileLow == MI_MARK_MDL_PAGE &&
        Original->Soft.Protection == 0) {
        Original->Soft.Protection = MM_READWRITE | Wanted;
    }
    return Original->Soft.Protection & MM_NOCACHE;
}

/* MAP-3. */
static BOOLEAN MiIsConstant(PFN_NUMBER Pfn)
{
    ULONG64 Address = Pfn * PAGE_SIZE + MI_KERNEL_IMAGE;
    return Address >= (ULONG64)KiTextStart && Address < (ULONG64)KiRodataEnd;
}

static DECLSPEC_NORETURN VOID MiStopOnUnlockedPage(PMDL Mdl, PPFN_NUMBER Frame)
{
    if (KiCheckedMode && !MiIsPfn(*Frame)) {
        KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_MAP_NO_MEMORY, (ULONG_PTR)Mdl,
                     (ULONG_PTR)Frame, *Frame);
    }
    KeBugCheckEx(MEMORY_MANAGEMENT, MAP_OF_UNLOCKED_PAGE, *Frame, 0, 0);
}

VOID MiMapMdlPages(PMDL Mdl, PVOID Va, MEMORY_CACHING_TYPE CacheType, ULONG Protection)
{
    PPFN_NUMBER Frames = MmGetMdlPfnArray(Mdl);
    PMMPTE Pte = MiGetPteAddress(Va);
    SIZE_T Pages = MiMdlPages(Mdl);
    for (SIZE_T i = 0; i < Pages; i++) {
        BOOLEAN Memory = MiIsPfn(Frames[i]);
        if (Memory ? !MiPinFrame(Frames[i]) : !(Mdl->MdlFlags & MDL_IO_SPACE)) {
            MiStopOnUnlockedPage(Mdl, &Frames[i]);
        }
        ULONG Caching = MiCachingOf(Frames[i], CacheType);
        if (Memory && Caching != 0) {
            MiFlushCacheOfPage(Frames[i]);
        }
        ULONG Rights = MiIsConstant(Frames[i]) ? MM_READONLY : Protection;
        MiWritePte(&Pte[i], MiMakeValidPte(Frames[i], Rights | Caching));
    }
}

/* Not valid and no promise, but it still names its page. */
static MMPTE MiMakeIdlePte(MMPTE Value)
{
    PFN_NUMBER Pfn = Value.Hard.PageFrameNumber;
    Value.Long = 0;
    Value.Hard.PageFrameNumber = Pfn;
    return Value;
}

VOID MiUnmapMdlPages(PVOID Va, SIZE_T Pages)
{
    PMMPTE Pte = MiGetPteAddress(Va);
    for (SIZE_T i = 0; i < Pages; i++) {
        MiWritePte(&Pte[i], MiMakeIdlePte(MiReadPte(&Pte[i])));
    }
    MiFlushTlb(Va, Pages);
    for (SIZE_T i = 0; i < Pages; i++) {
        PFN_NUMBER Pfn = MiReadPte(&Pte[i]).Hard.PageFrameNumber;
        MiWritePte(&Pte[i], (MMPTE){.Long = 0});
        if (MiIsPfn(Pfn)) {
            MiUnpinPage(Pfn);
        }
    }
}

/* ---- mappings -------------------------------------------------------------------------------- */

/* Address space for a mapping of that priority; NULL when too little would be left. */
static PVOID MiReserveMapping(SIZE_T Pages, ULONG Priority)
{
    const MI_REGION *Region = &MiRegions[MiRegionSystemPtes];
    ULONG Rank = Priority & ~(MdlMappingNoWrite | MdlMappingNoExecute);
    SIZE_T Limit = Region->Limit, Left = 0;
    if (Rank < HighPagePriority) {
        Left = Rank < NormalPagePriority ? Limit / 8 : Limit / 32;
    }
    if (Pages + Left > Limit || Region->PagesInUse > Limit - Left - Pages) {
        return NULL;
    }
    return MiReserveRegion(MiRegionSystemPtes, Pages);
}

VOID MiCheckMappable(PMDL Mdl)
{
    CSHORT Mapped = Mdl->MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL |
                                     MDL_PARTIAL_HAS_BEEN_MAPPED);
    CSHORT Locked = Mdl->MdlFlags & (MDL_PAGES_LOCKED | MDL_PARTIAL);
    MiCheckMdlIrql(DISPATCH_LEVEL, VERIFIER_MAP_KERNEL_IRQL, (ULONG_PTR)Mdl, KernelMode);
    MiCheckMdl(Mapped != 0, VERIFIER_MAP_FLAGS, Mdl, (USHORT)Mapped);
    MiCheckMdl(Locked == 0, VERIFIER_MAP_MISSING, Mdl, MDL_PAGES_LOCKED | MDL_PARTIAL);
}

VOID MiSetMapped(PMDL Mdl, PVOID Va)
{
    Mdl->MappedSystemVa = Va;
    Mdl->MdlFlags |= MDL_MAPPED_TO_SYSTEM_VA;
    if (Mdl->MdlFlags & MDL_PARTIAL) {
        Mdl->MdlFlags |= MDL_PARTIAL_HAS_BEEN_MAPPED;
    }
}

VOID MiSetUnmapped(PMDL Mdl)
{
    Mdl->MdlFlags &= (CSHORT) ~(MDL_MAPPED_TO_SYSTEM_VA | MDL_PARTIAL_HAS_BEEN_MAPPED);
    Mdl->MappedSystemVa = NULL;
}

static PVOID MiFailMapping(PMDL Mdl, SIZE_T Pages, ULONG BugCheckOnFailure)
{
    const MI_REGION *Region = &MiRegions[MiRegionSystemPtes];
    if (BugCheckOnFailure && !(Mdl->MdlFlags & MDL_MAPPING_CAN_FAIL)) {
        KeBugCheckEx(NO_MORE_SYSTEM_PTES, 0, Pages, Region->Limit - Region->PagesInUse,
                     Region->Limit);
    }
    return NULL;
}

PVOID NTAPI MmMapLockedPagesSpecifyCache(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode,
                                         MEMORY_CACHING_TYPE CacheType, PVOID RequestedAddress,
                                         ULONG BugCheckOnFailure, ULONG Priority)
{
    PMDL Mdl = MemoryDescriptorList;
    UNREFERENCED_PARAMETER(RequestedAddress); /* of user space only */
    if (AccessMode != KernelMode) {
        MiCheckMdlIrql(APC_LEVEL, VERIFIER_MAP_USER_IRQL, (ULONG_PTR)Mdl, (ULONG_PTR)AccessMode);
        KiRaiseStatus(STATUS_NOT_SUPPORTED, __builtin_return_address(0));
    }
    MiCheckMappable(Mdl);
    MiVerifyMdl(BugCheckOnFailure != 0, VERIFIER_MAP_MAY_STOP, Mdl);
    SIZE_T Pages = MiMdlPages(Mdl);
    PCHAR Va = MiReserveMapping(Pages, Priority);
    if (Va == NULL) {
        return MiFailMapping(Mdl, Pages, BugCheckOnFailure);
    }
    MiMapMdlPages(Mdl, Va, CacheType, Priority & MdlMappingNoWrite ? MM_READONLY : MM_READWRITE);
    MiSetMapped(Mdl, Va + Mdl->ByteOffset);
    return Mdl->MappedSystemVa;
}
EXPORT(MmMapLockedPagesSpecifyCache);

PVOID NTAPI MmMapLockedPages(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode)
{
    MiVerifyMdl(TRUE, VERIFIER_MAP_OBSOLETE, MemoryDescriptorList);
    return MmMapLockedPagesSpecifyCache(MemoryDescriptorList, AccessMode, MmCached, NULL, TRUE,
                                        HighPagePriority);
}
EXPORT(MmMapLockedPages);

static DECLSPEC_NORETURN VOID MiStopOnUnmap(ULONG Reason, ULONG_PTR Expected, ULONG_PTR Asked)
{
    KeBugCheckEx(SYSTEM_PTE_MISUSE, Reason, 0, Expected, Asked);
}

/* BaseAddress is where the MDL's own mapping is, and that is of its pages. */
static VOID MiCheckMapping(PVOID BaseAddress, PMDL Mdl, SIZE_T Pages)
{
    PMI_REGION Region = &MiRegions[MiRegionSystemPtes];
    PVOID Va = PAGE_ALIGN(BaseAddress);
    if (!(Mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA) ||
        (Mdl->MdlFlags & MDL_PARENT_MAPPED_SYSTEM_VA)) {
        KeBugCheckEx(SYSTEM_PTE_MISUSE, PTE_NEVER_MAPPED, (ULONG_PTR)Mdl, (ULONG_PTR)BaseAddress,
                     Pages);
    }
    SIZE_T Mapped = MiRegionOf(Va) == Region ? MiQueryRegion(Region, Va) : 0;
    if (BaseAddress != Mdl->MappedSystemVa || Mapped == 0) {
        MiStopOnUnmap(PTE_WRONG_ADDRESS, (ULONG_PTR)Mdl->MappedSystemVa, (ULONG_PTR)BaseAddress);
    }
    if (Mapped != Pages) {
        MiStopOnUnmap(PTE_WRONG_COUNT, Mapped, Pages);
    }
    PFN_NUMBER First = MiReadPte(MiGetPteAddress(Va)).Hard.PageFrameNumber;
    if (First != *MmGetMdlPfnArray(Mdl)) {
        MiStopOnUnmap(PTE_FIRST_CHANGED, First, *MmGetMdlPfnArray(Mdl));
    }
}

VOID NTAPI MmUnmapLockedPages(PVOID BaseAddress, PMDL MemoryDescriptorList)
{
    PMDL Mdl = MemoryDescriptorList;
    PVOID Va = PAGE_ALIGN(BaseAddress);
    SIZE_T Pages = MiMdlPages(Mdl);
    MiCheckMdlIrql(DISPATCH_LEVEL, VERIFIER_UNMAP_KERNEL_IRQL, (ULONG_PTR)BaseAddress,
                   (ULONG_PTR)Mdl);
    MiCheckMapping(BaseAddress, Mdl, Pages);
    MiUnmapMdlPages(Va, Pages);
    MiReleaseRegion(&MiRegions[MiRegionSystemPtes], Va, Pages);
    MiSetUnmapped(Mdl);
}
EXPORT(MmUnmapLockedPages);

VOID MiDropMapping(PMDL Mdl)
{
    if ((Mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA) &&
        !(Mdl->MdlFlags & MDL_PARENT_MAPPED_SYSTEM_VA)) {
        MmUnmapLockedPages(Mdl->MappedSystemVa, Mdl);
    }
}

/* ---- rights ---------------------------------------------------------------------------------- */

#define NO_ACCESS   0
#define NO_SUCH_WAY MAXULONG

/* What a PAGE_ value allows, as MM_; MAP-3. */
static ULONG MiRightsOf(ULONG Protect)
{
    switch (Protect) {
    case PAGE_NOACCESS: return NO_ACCESS;
    case PAGE_READONLY: return MM_READONLY;
    case PAGE_READWRITE: return MM_READWRITE;
    case PAGE_EXECUTE:
    case PAGE_EXECUTE_READ: return MM_EXECUTE_READ;
    default: return NO_SUCH_WAY;
    }
}

static BOOLEAN MiHasConstants(PMDL Mdl)
{
    PPFN_NUMBER Frames = MmGetMdlPfnArray(Mdl);
    SIZE_T Pages = MiMdlPages(Mdl), i = 0;
    while (i < Pages && !MiIsConstant(Frames[i])) {
        i++;
    }
    return i != Pages;
}

NTSTATUS NTAPI MmProtectMdlSystemAddress(PMDL MemoryDescriptorList, ULONG NewProtect)
{
    PMDL Mdl = MemoryDescriptorList;
    PPFN_NUMBER Frames = MmGetMdlPfnArray(Mdl);
    SIZE_T Pages = MiMdlPages(Mdl);
    ULONG Rights = MiRightsOf(NewProtect);
    KiRequireIrql(DISPATCH_LEVEL);
    if (!(Mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA)) {
        return STATUS_NOT_MAPPED_VIEW;
    }
    if (Rights == NO_SUCH_WAY || (Rights == MM_READWRITE && MiHasConstants(Mdl))) {
        return STATUS_INVALID_PAGE_PROTECTION;
    }
    PCHAR Va = PAGE_ALIGN(Mdl->MappedSystemVa);
    for (SIZE_T i = 0; i < Pages; i++) {
        PMMPTE Pte = MiGetPteAddress(Va + i * PAGE_SIZE);
        MMPTE Value = MiReadPte(Pte);
        if (Value.Hard.PageFrameNumber != Frames[i]) {
            KeBugCheckEx(MEMORY_MANAGEMENT, PROTECT_INVALID_MAPPING, (ULONG_PTR)Mdl,
                         (ULONG_PTR)Va + i * PAGE_SIZE, Value.Long);
        }
        ULONG Caching = MiCachingOf(Frames[i], MmCached);
        MiWritePte(Pte, Rights == NO_ACCESS ? MiMakeIdlePte(Value)
                                            : MiMakeValidPte(Frames[i], Rights | Caching));
    }
    MiFlushTlb(Va, Pages);
    return STATUS_SUCCESS;
}
EXPORT(MmProtectMdlSystemAddress);
