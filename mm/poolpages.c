/*
 * poolpages.c - whole pages for the pools: the floor that mm/pool stands on.
 *
 * Nonpaged pages are backed and mapped when they are handed out. Paged ones are only promised:
 * commit is charged, the PTEs say "demand zero", and the first touch finds a page (fault.c).
 *
 *   PAGES-1  No-execute pool has NX in every PTE; executable pool lies in a region of its own, the
 *            one place where a page may be written and executed.
 *   PAGES-2  A free that does not name the first byte of an allocation is bug check 0xC2 and
 *            changes nothing.
 *   PAGES-3  What is given back is unmapped before its pages go to a list: a stale pointer faults.
 */
#include "mm/paging.h"

#define POOL_TYPE_PAGED 0x001
#define POOL_TYPE_NX    0x200

static VOID MiPromisePages(PVOID Va, SIZE_T Pages)
{
    PMMPTE Pte = MiGetPteAddress(Va);
    for (SIZE_T i = 0; i < Pages; i++) {
        MiWritePte(&Pte[i], MiMakeDemandZeroPte(MM_READWRITE));
    }
}

VOID MiMakeCold(PVOID Va, SIZE_T Pages)
{
    PMMPTE Pte = MiGetPteAddress(Va);
    for (SIZE_T i = 0; i < Pages; i++) {
        MMPTE Value = MiReadPte(&Pte[i]);
        Value.Soft.Cold = 1;
        MiWritePte(&Pte[i], Value);
    }
}

static MI_REGION_ID MiPoolRegion(POOL_TYPE PoolType)
{
    if (PoolType & POOL_TYPE_PAGED) {
        return MiRegionPagedPool;
    }
    return PoolType & POOL_TYPE_NX ? MiRegionNonPagedPool : MiRegionExecutablePool;
}

FORCEINLINE PVOID MiTakePoolPages(POOL_TYPE PoolType, SIZE_T Pages, ULONG Node)
{
    MI_REGION_ID Id = MiPoolRegion(PoolType);
    if (!MiChargeCommit(Pages)) {
        return NULL;
    }
    PVOID Va = MiReserveRegion(Id, Pages);
    if (Va == NULL) {
        MiReturnCommit(Pages);
        return NULL;
    }
    if (Id == MiRegionPagedPool) {
        MiPromisePages(Va, Pages);
    } else if (!MiBackPages(Va, Pages,
                            Id == MiRegionNonPagedPool ? MM_READWRITE : MM_EXECUTE_READWRITE,
                            Node)) {
        MiReleaseRegion(&MiRegions[Id], Va, Pages);
        MiReturnCommit(Pages);
        return NULL;
    }
    return Va;
}

PVOID MiAllocatePoolPages(POOL_TYPE PoolType, SIZE_T Pages)
{
    return MiTakePoolPages(PoolType, Pages, MI_ANY_NODE);
}

PVOID MiAllocatePoolPagesOf(POOL_TYPE PoolType, SIZE_T Pages, ULONG Node)
{
    return MiTakePoolPages(PoolType, Pages, Node);
}

/* The pool's region that Va lies in, NULL when it lies in none. */
static PMI_REGION MiPoolRegionOf(PVOID Va)
{
    PMI_REGION Region = MiRegionOf(Va);
    return Region != NULL && Region <= &MiRegions[MiRegionPagedPool] ? Region : NULL;
}

static DECLSPEC_NORETURN VOID MiReportBadPagedFree(PVOID Va, PMI_REGION Region)
{
    SIZE_T InAllocation, InPool = ((ULONG_PTR)Va - Region->Base) / PAGE_SIZE;
    if (MiFindInRegion(Region, Va, &InAllocation)) {
        KeBugCheckEx(BAD_POOL_CALLER, 0x41286, (ULONG_PTR)Va, InAllocation, InPool);
    }
    KeBugCheckEx(BAD_POOL_CALLER, 0x50, (ULONG_PTR)Va, InPool, Region->Size);
}

static DECLSPEC_NORETURN VOID MiReportBadFree(PVOID Va, PMI_REGION Region)
{
    SIZE_T InAllocation;
    if (Va == NULL) {
        KeBugCheckEx(BAD_POOL_CALLER, 0x46, 0, 0, 0);
    }
    if ((ULONG_PTR)Va < MI_SYSTEM_RANGE_START) {
        KeBugCheckEx(BAD_POOL_CALLER, 0x40, (ULONG_PTR)Va, MI_SYSTEM_RANGE_START, 0);
    }
    if (Region == NULL) {
        KeBugCheckEx(BAD_POOL_CALLER, 0x42, (ULONG_PTR)Va, 0, 0);
    }
    if (Region == &MiRegions[MiRegionPagedPool]) {
        MiReportBadPagedFree(Va, Region);
    }
    if (!MiFindInRegion(Region, Va, &InAllocation)) {
        KeBugCheckEx(BAD_POOL_CALLER, 0x41, (ULONG_PTR)Va, 0, MmHighestPhysicalPage);
    }
    KeBugCheckEx(BAD_POOL_CALLER, 0x47, (ULONG_PTR)Va,
                 MiReadPte(MiGetPteAddress(Va)).Hard.PageFrameNumber, MmHighestPhysicalPage);
}

SIZE_T MiFreePoolPages(PVOID Va)
{
    PMI_REGION Region = MiPoolRegionOf(Va);
    SIZE_T Pages = Region == NULL ? 0 : MiQueryRegion(Region, Va);
    if (Pages == 0) {
        MiReportBadFree(Va, Region);
    }
    if (Region == &MiRegions[MiRegionPagedPool]) {
        MiDeletePageablePages(Va, Pages);
    } else {
        MiUnmapAndFreePages(Va, Pages);
    }
    MiReleaseRegion(Region, Va, Pages);
    MiReturnCommit(Pages);
    return Pages;
}

VOID MiQueryPoolSupply(POOL_TYPE PoolType, PSIZE_T Free, PSIZE_T Maximum)
{
    const MI_REGION *Region = &MiRegions[MiPoolRegion(PoolType)];
    SIZE_T Uncommitted = MmTotalCommitLimit - MmTotalCommittedPages;
    SIZE_T Available = MiAvailablePages();
    *Maximum = Region->Limit < MmTotalCommitLimit ? Region->Limit : MmTotalCommitLimit;
    *Free = Region->Limit - Region->PagesInUse;
    *Free = *Free < Uncommitted ? *Free : Uncommitted;
    if (!(PoolType & POOL_TYPE_PAGED) && *Free > Available) {
        *Free = Available;
    }
}

SIZE_T MiQueryPoolPages(PVOID Va)
{
    PMI_REGION Region = MiPoolRegionOf(Va);
    return Region == NULL ? 0 : MiQueryRegion(Region, Va);
}
