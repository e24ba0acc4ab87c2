/*
 * contigmem.c - mapped memory with properties that pools don't promise: adjacent pages for devices,
 * and memory that is not cached.
 *
 * Blocks lie in the regions of the nonpaged pools, those that may be executed among the executable
 * pool's: the one place where something is writable and executable (WX-1). The entry of a block's
 * first page says that it is one, and how long it is (MI_MARK_...), so that nothing else is taken
 * for it.
 *
 *   CONTIG-1  A block's pages are adjacent, lie between both limits, cross no multiple of the
 *             boundary and are of the node that was asked for.
 *   CONTIG-2  Only the first byte of a block gives it back; anything else is bug check 0xC2/0x60
 *             and changes nothing.
 *   CONTIG-3  Uncached blocks are flushed from the caches before anybody has them.
 *   CONTIG-4  No request for adjacent pages fails while processors keep freed pool that might have
 *             served it.
 */
#include "kernel/rtl/section.h"
#include "mm/mdl.h"
#include "mm/pool/cache.h"

#define BAD_CONTIGUOUS_FREE 0x60 /* subcode of 0xC2 (contract 4.3) */

/* Reasons of bug check 0xDA (contract 4.5). */
#define PTE_WRONG_COUNT   2
#define PTE_WRONG_ADDRESS 3

/* ---- blocks ---------------------------------------------------------------------------------- */

static VOID MiMarkBlock(PFN_NUMBER First, SIZE_T Pages, ULONG Mark)
{
    PMMPTE Original = &MiPfnEntry(First)->OriginalPte;
    Original->Soft.PageFileLow = Mark & 0xF;
    Original->Soft.PageFileHigh = (ULONG)Pages;
}

/* Pages of the block of that kind that starts at Va; 0 when none does. */
static SIZE_T MiPagesOfBlock(PVOID Va, ULONG Mark)
{
    PMI_REGION Region = MiRegionOf(Va);
    if (Region != &MiRegions[MiRegionNonPagedPool] &&
        Region != &MiRegions[MiRegionExecutablePool]) {
        return 0;
    }
    SIZE_T Pages = MiQueryRegion(Region, Va);
    MMPTE Value = {.Long = Pages == 0 ? 0 : MiReadPte(MiGetPteAddress(Va)).Long};
    if (!Value.Hard.Valid) {
        return 0;
    }
    MMPTE Original = MiPfnEntry(Value.Hard.PageFrameNumber)->OriginalPte;
    return Original.Soft.PageFileLow == Mark && Original.Soft.PageFileHigh == Pages ? Pages : 0;
}

static VOID MiFreeBlock(PVOID Va, SIZE_T Pages)
{
    MiUnmapAndFreePages(Va, Pages);
    MiReleaseRegion(MiRegionOf(Va), Va, Pages);
    MiReturnCommit(Pages);
}

/* Address space and commit for a block. */
static PVOID MiReserveBlock(MI_REGION_ID Id, SIZE_T Pages)
{
    if (!MiChargeCommit(Pages)) {
        return NULL;
    }
    PVOID Va = MiReserveRegion(Id, Pages);
    if (Va == NULL) {
        MiReturnCommit(Pages);
    }
    return Va;
}

static VOID MiCancelBlock(PVOID Va, SIZE_T Pages)
{
    MiReleaseRegion(MiRegionOf(Va), Va, Pages);
    MiReturnCommit(Pages);
}

/* ---- adjacent pages -------------------------------------------------------------------------- */

typedef struct _MI_CONTIGUOUS {
    SIZE_T Bytes;
    ULONG64 Low, High, Boundary; /* physical addresses */
    ULONG Protection;            /* MM_ */
    ULONG Node;
} MI_CONTIGUOUS;

static BOOLEAN MiIsSensible(const MI_CONTIGUOUS *Request, SIZE_T Pages)
{
    ULONG64 Boundary = Request->Boundary;
    BOOLEAN AnyNode = Request->Node == MM_ANY_NODE_OK || MiNodeCount == 1;
    return Pages != 0 && Pages <= MmNumberOfPhysicalPages && Request->High >= PAGE_SIZE - 1 &&
           (Boundary & (Boundary - 1)) == 0 && (Boundary == 0 || Boundary >= PAGE_SIZE) &&
           (AnyNode || Request->Node < MiNodeCount);
}

/* The run that a request wants; MI_NO_PAGE when there is none. CONTIG-1. */
static PFN_NUMBER MiFindContiguous(const MI_CONTIGUOUS *Request, SIZE_T Pages)
{
    ULONG64 High = Request->High;
    BOOLEAN AnyNode = Request->Node == MM_ANY_NODE_OK || MiNodeCount == 1;
    PFN_NUMBER Last = High / PAGE_SIZE - (High % PAGE_SIZE != PAGE_SIZE - 1);
    return MiAllocateContiguousPagesOf(Pages, BYTES_TO_PAGES(Request->Low), Last,
                                       Request->Boundary / PAGE_SIZE,
                                       AnyNode ? MI_ANY_NODE : Request->Node);
}

static PVOID MiTryContiguous(const MI_CONTIGUOUS *Request, SIZE_T Pages)
{
    ULONG Rights = Request->Protection & ~(ULONG)MM_NOCACHE;
    PCHAR Va = MiReserveBlock(
        Rights == MM_EXECUTE_READWRITE ? MiRegionExecutablePool : MiRegionNonPagedPool, Pages);
    if (Va == NULL) {
        return NULL;
    }
    PFN_NUMBER First = MiFindContiguous(Request, Pages);
    if (First == MI_NO_PAGE) {
        MiCancelBlock(Va, Pages);
        return NULL;
    }
    for (SIZE_T i = 0; i < Pages; i++) {
        if (Rights != Request->Protection) {
            MiFlushCacheOfPage(First + i); /* CONTIG-3 */
        }
        MiMapPage(MiGetPteAddress(Va + i * PAGE_SIZE), First + i, Request->Protection);
    }
    MiMarkBlock(First, Pages, MI_MARK_CONTIGUOUS);
    return Va;
}

static PVOID MiAllocateContiguous(const MI_CONTIGUOUS *Request)
{
    SIZE_T Pages = BYTES_TO_PAGES(Request->Bytes);
    KiRequireIrql(DISPATCH_LEVEL);
    if (!MiIsSensible(Request, Pages)) {
        return NULL;
    }
    PVOID Va = MiTryContiguous(Request, Pages);
    return Va == NULL && ExpDrainAll() ? MiTryContiguous(Request, Pages) : Va; /* CONTIG-4 */
}

/* Executable, unless NodeMemory was asked: contract 2.3. */
static ULONG MiProtectionOfCache(MEMORY_CACHING_TYPE CacheType)
{
    return MM_EXECUTE_READWRITE | (CacheType == MmCached ? 0 : MM_NOCACHE);
}

PVOID NTAPI MmAllocateContiguousMemorySpecifyCacheNode(SIZE_T NumberOfBytes,
                                                       PHYSICAL_ADDRESS LowestAcceptableAddress,
                                                       PHYSICAL_ADDRESS HighestAcceptableAddress,
                                                       PHYSICAL_ADDRESS BoundaryAddressMultiple,
                                                       MEMORY_CACHING_TYPE CacheType,
                                                       NODE_REQUIREMENT PreferredNode)
{
    MI_CONTIGUOUS Request = {.Bytes = NumberOfBytes,
                             .Low = (ULONG64)LowestAcceptableAddress.QuadPart,
                             .High = (ULONG64)HighestAcceptableAddress.QuadPart,
                             .Boundary = (ULONG64)BoundaryAddressMultiple.QuadPart,
                             .Protection = MiProtectionOfCache(CacheType),
                             .Node = PreferredNode};
    return MiAllocateContiguous(&Request);
}
EXPORT(MmAllocateContiguousMemorySpecifyCacheNode);

PVOID NTAPI MmAllocateContiguousMemorySpecifyCache(SIZE_T NumberOfBytes,
                                                   PHYSICAL_ADDRESS LowestAcceptableAddress,
                                                   PHYSICAL_ADDRESS HighestAcceptableAddress,
                                                   PHYSICAL_ADDRESS BoundaryAddressMultiple,
                                                   MEMORY_CACHING_TYPE CacheType)
{
    return MmAllocateContiguousMemorySpecifyCacheNode(
        NumberOfBytes, LowestAcceptableAddress, HighestAcceptableAddress, BoundaryAddressMultiple,
        CacheType, MM_ANY_NODE_OK);
}
EXPORT(MmAllocateContiguousMemorySpecifyCache);

PVOID NTAPI MmAllocateContiguousMemory(SIZE_T NumberOfBytes,
                                       PHYSICAL_ADDRESS HighestAcceptableAddress)
{
    PHYSICAL_ADDRESS None = {.QuadPart = 0};
    return MmAllocateContiguousMemorySpecifyCacheNode(NumberOfBytes, None, HighestAcceptableAddress,
                                                      None, MmCached, MM_ANY_NODE_OK);
}
EXPORT(MmAllocateContiguousMemory);

PVOID NTAPI MmAllocateContiguousNodeMemory(SIZE_T NumberOfBytes,
                                           PHYSICAL_ADDRESS LowestAcceptableAddress,
                                           PHYSICAL_ADDRESS HighestAcceptableAddress,
                                           PHYSICAL_ADDRESS BoundaryAddressMultiple, ULONG Protect,
                                           NODE_REQUIREMENT PreferredNode)
{
    ULONG Access = Protect & ~(ULONG)(PAGE_NOCACHE | PAGE_WRITECOMBINE), Caching = Protect - Access;
    if ((Access != PAGE_READWRITE && Access != PAGE_EXECUTE_READWRITE) ||
        Caching == (PAGE_NOCACHE | PAGE_WRITECOMBINE)) {
        return NULL;
    }
    MI_CONTIGUOUS Request = {.Bytes = NumberOfBytes,
                             .Low = (ULONG64)LowestAcceptableAddress.QuadPart,
                             .High = (ULONG64)HighestAcceptableAddress.QuadPart,
                             .Boundary = (ULONG64)BoundaryAddressMultiple.QuadPart,
                             .Protection =
                                 Access == PAGE_READWRITE ? MM_READWRITE : MM_EXECUTE_READWRITE,
                             .Node = PreferredNode};
    Request.Protection |= Caching != 0 ? MM_NOCACHE : 0;
    return MiAllocateContiguous(&Request);
}
EXPORT(MmAllocateContiguousNodeMemory);

/* Bytes: of the block, 0: whatever it has. */
static VOID MiFreeContiguous(PVOID Va, SIZE_T Bytes)
{
    KiRequireIrql(DISPATCH_LEVEL);
    SIZE_T Pages = MiPagesOfBlock(Va, MI_MARK_CONTIGUOUS);
    if (Pages == 0 || (Bytes != 0 && BYTES_TO_PAGES(Bytes) != Pages)) {
        KeBugCheckEx(BAD_POOL_CALLER, BAD_CONTIGUOUS_FREE, (ULONG_PTR)Va, 0, 0);
    }
    MiFreeBlock(Va, Pages);
}

VOID NTAPI MmFreeContiguousMemory(PVOID BaseAddress)
{
    MiFreeContiguous(BaseAddress, 0);
}
EXPORT(MmFreeContiguousMemory);

VOID NTAPI MmFreeContiguousMemorySpecifyCache(PVOID BaseAddress, SIZE_T NumberOfBytes,
                                              MEMORY_CACHING_TYPE CacheType)
{
    UNREFERENCED_PARAMETER(CacheType); /* the block knows how it is cached */
    MiFreeContiguous(BaseAddress, NumberOfBytes);
}
EXPORT(MmFreeContiguousMemorySpecifyCache);

/* ---- memory that is not cached --------------------------------------------------------------- */

PVOID NTAPI MmAllocateNonCachedMemory(SIZE_T NumberOfBytes)
{
    SIZE_T Pages = BYTES_TO_PAGES(NumberOfBytes);
    MiCheckRuleMmApcLte();
    KiRequireIrql(APC_LEVEL);
    PCHAR Va = Pages == 0 || Pages > MmNumberOfPhysicalPages
                   ? NULL
                   : MiReserveBlock(MiRegionNonPagedPool, Pages);
    if (Va == NULL) {
        return NULL;
    }
    if (!MiBackPages(Va, Pages, MM_READWRITE | MM_NOCACHE, MI_ANY_NODE)) {
        MiCancelBlock(Va, Pages);
        return NULL;
    }
    for (SIZE_T i = 0; i < Pages; i++) {
        MiFlushCacheOfPage(MiReadPte(MiGetPteAddress(Va + i * PAGE_SIZE)).Hard.PageFrameNumber);
    }
    MiMarkBlock(MiReadPte(MiGetPteAddress(Va)).Hard.PageFrameNumber, Pages, MI_MARK_NONCACHED);
    return Va;
}
EXPORT(MmAllocateNonCachedMemory);

VOID NTAPI MmFreeNonCachedMemory(PVOID BaseAddress, SIZE_T NumberOfBytes)
{
    MiCheckRuleMmApcLte();
    KiRequireIrql(APC_LEVEL);
    SIZE_T Pages = MiPagesOfBlock(BaseAddress, MI_MARK_NONCACHED);
    SIZE_T Asked = BYTES_TO_PAGES(NumberOfBytes);
    if (Pages == 0) {
        KeBugCheckEx(SYSTEM_PTE_MISUSE, PTE_WRONG_ADDRESS, 0, 0, (ULONG_PTR)BaseAddress);
    }
    if (Pages != Asked) {
        KeBugCheckEx(SYSTEM_PTE_MISUSE, PTE_WRONG_COUNT, 0, Pages, Asked);
    }
    MiFreeBlock(BaseAddress, Pages);
}
EXPORT(MmFreeNonCachedMemory);
