/*
 * sysva.c - system address space, handed out by page: who uses which part of each region.
 *
 * Theory. Each kind of memory has a region of its own (a top-level slot of 512 GiB), so that an
 * address shows its kind. A region has two bitmaps with a bit a page: InUse, and Last, which marks
 * the last page of each reservation. Together they say where reservations start and how long they
 * are, so nobody has to tell us a length at free, and an address in the middle of one is known as
 * such. The lowest run that fits is taken: that keeps page tables few.
 *
 * The bitmaps of a whole region would be 32 MiB. They lie at MI_REGION_MAPS and get memory as the
 * region grows, a page of each for 128 MiB of address space; what is not backed yet is free.
 *
 *   VA-1  Last is set for exactly one page of each reservation, its last, and for no other page.
 *   VA-2  LowestFree is the lowest page that is not reserved.
 *   VA-3  A page of address space that is not reserved has a zero PTE, or no page table.
 */
#include "mm/mm.h"

#define BITS_PER_MAP_PAGE (PAGE_SIZE * 8)

MI_REGION MiRegions[MiRegionCount] = {
    [MiRegionNonPagedPool] = {.Base = MI_NONPAGED_POOL},
    [MiRegionExecutablePool] = {.Base = MI_EXECUTABLE_POOL},
    [MiRegionPagedPool] = {.Base = MI_PAGED_POOL},
    [MiRegionSystemPtes] = {.Base = MI_SYSTEM_PTES},
    [MiRegionKernelStacks] = {.Base = MI_KERNEL_STACKS},
    [MiRegionDriverImages] = {.Base = MI_DRIVER_IMAGES},
};

/* What each slot of the upper half is. */
static const UCHAR MiSlotKinds[256] = {
    [0xED] = MiVaPageTables,     [0xEE] = MiVaHyperspace,  [0xEF] = MiVaSharedData,
    [0xF0] = MiVaDriverImage,    [0xF1] = MiVaSystemPtes,  [0xF2] = MiVaKernelStack,
    [0xF3] = MiVaPagedPool,      [0xF4] = MiVaPfnDatabase, [0xF5] = MiVaNonPagedPool,
    [0xF6] = MiVaExecutablePool, [0xF7] = MiVaSpecialPool, [0xF8] = MiVaDirectMap,
    [0xF9] = MiVaDirectMap,      [0xFA] = MiVaDirectMap,   [0xFB] = MiVaDirectMap,
    [0xFF] = MiVaKernelImage,
};

MI_VA_KIND MiAddressKind(PVOID Address)
{
    ULONG_PTR Va = (ULONG_PTR)Address;
    if (Va < MI_USER_END) {
        return MiVaUser;
    }
    if (Va < MI_SYSTEM_RANGE_START) {
        return MiVaNonCanonical;
    }
    if (Va >= MI_HAL_WINDOW) {
        return MiVaHal;
    }
    UCHAR Kind = MiSlotKinds[Va >> 39 & 0xFF];
    if (Kind == 0 || (Kind == MiVaKernelImage && Va < MI_KERNEL_IMAGE)) {
        return MiVaUnused;
    }
    return (MI_VA_KIND)Kind;
}

const CHAR *MiKindName(MI_VA_KIND Kind)
{
    static const CHAR *const Names[MiVaKindCount] = {
        [MiVaNonCanonical] = "non-canonical address",
        [MiVaUser] = "user space",
        [MiVaUnused] = "unused system space",
        [MiVaPageTables] = "page tables",
        [MiVaHyperspace] = "hyperspace",
        [MiVaSharedData] = "KUSER_SHARED_DATA",
        [MiVaDriverImage] = "driver image",
        [MiVaSystemPtes] = "system PTEs",
        [MiVaKernelStack] = "kernel stacks",
        [MiVaPagedPool] = "paged pool",
        [MiVaPfnDatabase] = "PFN database",
        [MiVaNonPagedPool] = "nonpaged pool",
        [MiVaExecutablePool] = "executable nonpaged pool",
        [MiVaSpecialPool] = "special pool",
        [MiVaDirectMap] = "direct map",
        [MiVaKernelImage] = "kernel image",
        [MiVaHal] = "HAL window",
    };
    return Kind < MiVaKindCount ? Names[Kind] : "unknown";
}

PMI_REGION MiRegionOf(PVOID Va)
{
    for (ULONG i = 0; i < MiRegionCount; i++) {
        if (((ULONG_PTR)Va & ~(MI_SLOT_BYTES - 1)) == MiRegions[i].Base) {
            return &MiRegions[i];
        }
    }
    return NULL;
}

/* ---- reservations ---------------------------------------------------------------------------- */

BOOLEAN MiBackMapPage(PVOID Va)
{
    if (!MiCreatePageTables(Va, 1)) {
        return FALSE;
    }
    PMMPTE Pte = MiGetPteAddress(Va);
    if (MiReadPte(Pte).Hard.Valid) {
        return TRUE; /* for another record, or from a growth whose second page failed */
    }
    if (!MiChargeCommit(1)) {
        return FALSE;
    }
    PFN_NUMBER Pfn = MiAllocatePage(MiPageZeroed);
    if (Pfn == MI_NO_PAGE) {
        MiReturnCommit(1);
        return FALSE;
    }
    MiMapPage(Pte, Pfn, MM_READWRITE);
    return TRUE;
}

/* Backs one more page of each bitmap. The region's lock is held. */
static BOOLEAN MiGrowMaps(PMI_REGION Region)
{
    SIZE_T Offset = Region->InUse.SizeOfBitMap / 8;
    if (!MiBackMapPage((PCHAR)Region->InUse.Buffer + Offset) ||
        !MiBackMapPage((PCHAR)Region->Last.Buffer + Offset)) {
        return FALSE;
    }
    Region->InUse.SizeOfBitMap += BITS_PER_MAP_PAGE;
    Region->Last.SizeOfBitMap += BITS_PER_MAP_PAGE;
    return TRUE;
}

/* The lowest free run of Pages pages, growing the bitmaps if need be. The lock is held. */
static ULONG MiFindRun(PMI_REGION Region, SIZE_T Pages)
{
    if (Pages == 1 && Region->LowestFree < Region->InUse.SizeOfBitMap) {
        return Region->LowestFree; /* VA-2 */
    }
    for (;;) {
        ULONG Found = RtlFindClearBits(&Region->InUse, (ULONG)Pages, Region->LowestFree);
        if (Found != RTL_BITMAP_NOT_FOUND || Region->InUse.SizeOfBitMap == Region->Size ||
            !MiGrowMaps(Region)) {
            return Found;
        }
    }
}

static VOID MiMarkReserved(PMI_REGION Region, ULONG Start, ULONG Pages)
{
    RtlSetBits(&Region->InUse, Start, Pages);
    RtlSetBit(&Region->Last, Start + Pages - 1);
    if (Start == Region->LowestFree) {
        ULONG Lowest = RtlFindClearBits(&Region->InUse, 1, Start + Pages);
        Region->LowestFree = Lowest == RTL_BITMAP_NOT_FOUND ? Region->InUse.SizeOfBitMap : Lowest;
    }
    Region->PagesInUse += Pages;
    if (Region->PagesInUse > Region->PeakPages) {
        Region->PeakPages = Region->PagesInUse;
    }
}

/* Gives up a region's lock, and reports when its pages in use have become many or few. */
static VOID MiReleaseRegionLock(PMI_REGION Region, ULONG64 State)
{
    BOOLEAN Loud = MiIsLoud(&Region->Quiet, Region->PagesInUse);
    MiReleaseLock(&Region->Lock, State);
    if (Loud) {
        MiReportPressure();
    }
}

static PVOID MiTakeRunOfRegion(PMI_REGION Region, SIZE_T Pages)
{
    PVOID Va = NULL;
    ULONG64 State = MiAcquireLock(&Region->Lock);
    if (Pages <= Region->Limit && Region->PagesInUse <= Region->Limit - Pages) {
        ULONG Start = MiFindRun(Region, Pages);
        if (Start != RTL_BITMAP_NOT_FOUND) {
            MiMarkReserved(Region, Start, (ULONG)Pages);
            Va = (PVOID)(Region->Base + (ULONG_PTR)Start * PAGE_SIZE);
        }
    }
    MiReleaseRegionLock(Region, State);
    return Va;
}

/* FALSE when not even the page tables of that many pages could be paid for. */
static BOOLEAN MiMayHaveTables(SIZE_T Pages)
{
    return Pages / MI_PTES_PER_TABLE <=
           MmTotalCommitLimit - MmTotalCommittedPages + MiPageTablePages;
}

static ULONG MiPageInRegion(PMI_REGION Region, PVOID Va)
{
    return (ULONG)(((ULONG_PTR)Va - Region->Base) / PAGE_SIZE);
}

/* Page tables for a run; what lies below Tabled is not looked at again. */
static BOOLEAN MiCreateRegionTables(PMI_REGION Region, PVOID Va, SIZE_T Pages)
{
    ULONG Start = MiPageInRegion(Region, Va), End = Start + (ULONG)Pages;
    ULONG Tabled = __atomic_load_n(&Region->Tabled, __ATOMIC_RELAXED);
    if (End <= Tabled) {
        return TRUE;
    }
    /* From Tabled on: who has what lies between may not have come to make its tables yet. */
    Start = Start < Tabled ? Start : Tabled;
    if (!MiCreatePageTables((PVOID)(Region->Base + (ULONG64)Start * PAGE_SIZE), End - Start)) {
        return FALSE;
    }
    ULONG64 State = MiAcquireLock(&Region->Lock);
    if (End > Region->Tabled) {
        Region->Tabled = End;
    }
    MiReleaseLock(&Region->Lock, State);
    return TRUE;
}

PVOID MiReserveRegion(MI_REGION_ID Id, SIZE_T Pages)
{
    PMI_REGION Region = &MiRegions[Id];
    PVOID Va = Pages == 0 || !MiMayHaveTables(Pages) ? NULL : MiTakeRunOfRegion(Region, Pages);
    if (Va != NULL && !MiCreateRegionTables(Region, Va, Pages)) {
        MiReleaseRegion(Region, Va, Pages);
        return NULL;
    }
    return Va;
}

/* A reservation starts at page Index: it is reserved and does not go on from the page before. */
static BOOLEAN MiStartsAt(PMI_REGION Region, ULONG Index)
{
    return RtlTestBit(&Region->InUse, Index) &&
           (Index == 0 || !RtlTestBit(&Region->InUse, Index - 1) ||
            RtlTestBit(&Region->Last, Index - 1));
}

BOOLEAN MiFindInRegion(PMI_REGION Region, PVOID Va, PSIZE_T Offset)
{
    ULONG Index = MiPageInRegion(Region, Va), First = Index;
    ULONG64 State = MiAcquireLock(&Region->Lock);
    BOOLEAN Reserved = RtlTestBit(&Region->InUse, Index);
    while (Reserved && !MiStartsAt(Region, First)) {
        First--;
    }
    MiReleaseLock(&Region->Lock, State);
    *Offset = Index - First;
    return Reserved;
}

SIZE_T MiQueryRegion(PMI_REGION Region, PVOID Va)
{
    ULONG Index = MiPageInRegion(Region, Va);
    SIZE_T Pages = 0;
    ULONG64 State = MiAcquireLock(&Region->Lock);
    if (BYTE_OFFSET(Va) == 0 && MiStartsAt(Region, Index)) {
        Pages = (SIZE_T)RtlFindSetBits(&Region->Last, 1, Index) + 1 - Index;
    }
    MiReleaseLock(&Region->Lock, State);
    return Pages;
}

VOID MiReleaseRegion(PMI_REGION Region, PVOID Va, SIZE_T Pages)
{
    ULONG Start = MiPageInRegion(Region, Va);
    ULONG64 State = MiAcquireLock(&Region->Lock);
    RtlClearBits(&Region->InUse, Start, (ULONG)Pages);
    RtlClearBit(&Region->Last, Start + (ULONG)Pages - 1);
    Region->PagesInUse -= Pages;
    if (Start < Region->LowestFree) {
        Region->LowestFree = Start;
    }
    MiReleaseRegionLock(Region, State);
}
