/*
 * mdlpages.c - pages that are handed out without an address, for drivers that map them when they
 * like or only tell a device of them.
 *
 * Theory. A request walks over ranges of physical addresses: the first is the caller's, each next
 * one lies SkipBytes behind. In each it takes what it can get, single pages or runs, until it has
 * all. Where any page of memory will do, they come from the lists like everybody's; within limits,
 * by a search from the lower one up that goes on behind the last find, node by node.
 *
 *   MDLP-1  Pages and commit are charged alike: what a request did not get, it has given back.
 *   MDLP-2  Pages are zeroed unless the caller said otherwise, and marked (MI_MARK_MDL_PAGE) with
 *           how they are cached.
 *   MDLP-3  No page lies outside the ranges, and each chunk is as long as asked for, aligned to its
 *           length.
 *   MDLP-4  No page is missing while processors keep freed pool whose pages would do.
 */
#include "kernel/rtl/section.h"
#include "mm/mdl.h"
#include "mm/pool/cache.h"

#define MOST_PAGES ((1ULL << 32) / PAGE_SIZE - 1) /* 4 GiB less a page, in one call */
#define LONGEST_RUN                                                                                \
    MI_PTES_PER_TABLE /* of MM_ALLOCATE_PREFER_CONTIGUOUS: 2 MiB, as large as pages get */
#define KNOWN_FLAGS                                                                                \
    (MM_DONT_ZERO_ALLOCATION | MM_ALLOCATE_FROM_LOCAL_NODE_ONLY | MM_ALLOCATE_FULLY_REQUIRED |     \
     MM_ALLOCATE_NO_WAIT | MM_ALLOCATE_PREFER_CONTIGUOUS | MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS)

typedef struct _MI_PAGE_REQUEST {
    PPFN_NUMBER Frames;
    SIZE_T Wanted, Taken;
    PFN_NUMBER First, Last; /* of the range; both included */
    PFN_NUMBER Skip;
    MEMORY_CACHING_TYPE CacheType;
    ULONG Flags;
    ULONG Node; /* the first to be asked */
} MI_PAGE_REQUEST, *PMI_PAGE_REQUEST;

/* ---- ways of taking pages -------------------------------------------------------------------- */

/* Any pages of memory, from the lists. */
static VOID MiTakeAny(PMI_PAGE_REQUEST Request)
{
    BOOLEAN Local = (Request->Flags & MM_ALLOCATE_FROM_LOCAL_NODE_ONLY) != 0;
    BOOLEAN Dirty = (Request->Flags & MM_DONT_ZERO_ALLOCATION) != 0;
    while (Request->Taken < Request->Wanted) {
        PFN_NUMBER Pfn = MiAllocatePageOf(Local ? Request->Node : Request->Node | MM_ANY_NODE_OK,
                                          Dirty ? MiPageAny : MiPageZeroed);
        if (Pfn == MI_NO_PAGE) {
            return;
        }
        Request->Frames[Request->Taken++] = Pfn;
    }
}

/* Runs of Count pages of one node, from the lower limit up. */
static VOID MiTakeRunsOf(PMI_PAGE_REQUEST Request, PFN_NUMBER Count, PFN_NUMBER Boundary,
                         ULONG Node)
{
    PFN_NUMBER Cursor = Request->First;
    while (Request->Wanted - Request->Taken >= Count) {
        PFN_NUMBER Pfn = MiAllocateContiguousPagesOf(Count, Cursor, Request->Last, Boundary, Node);
        if (Pfn == MI_NO_PAGE) {
            return;
        }
        for (PFN_NUMBER i = 0; i < Count; i++) {
            Request->Frames[Request->Taken++] = Pfn + i;
            if (!(Request->Flags & MM_DONT_ZERO_ALLOCATION)) {
                MiZeroPage(Pfn + i);
            }
        }
        Cursor = Pfn + Count;
    }
}

static VOID MiTakeRuns(PMI_PAGE_REQUEST Request, PFN_NUMBER Count, PFN_NUMBER Boundary)
{
    const UCHAR *Hops = MiNodePlaces[Request->Node].Hops;
    ULONG Nodes = Request->Flags & MM_ALLOCATE_FROM_LOCAL_NODE_ONLY ? 1 : MiNodeCount;
    for (ULONG i = 0; i < Nodes; i++) {
        MiTakeRunsOf(Request, Count, Boundary, Hops[i]);
    }
}

/* Shorter and shorter runs. */
static VOID MiTakeLongRuns(PMI_PAGE_REQUEST Request)
{
    for (PFN_NUMBER Count = LONGEST_RUN; Count != 0; Count /= 2) {
        MiTakeRuns(Request, Count, 0);
    }
}

/* One run of all pages, across nodes if that must be and may. */
static VOID MiTakeOneRun(PMI_PAGE_REQUEST Request)
{
    BOOLEAN Local = (Request->Flags & MM_ALLOCATE_FROM_LOCAL_NODE_ONLY) != 0;
    MiTakeRunsOf(Request, Request->Wanted, 0, Local ? Request->Node : MI_ANY_NODE);
}

static BOOLEAN MiIsAnywhere(const MI_PAGE_REQUEST *Request)
{
    return Request->First <= MI_FIRST_MEGABYTE && Request->Last >= MmHighestPhysicalPage;
}

static VOID MiTakeFromRange(PMI_PAGE_REQUEST Request)
{
    if (Request->Flags & MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS) {
        if (Request->Skip == 0) {
            MiTakeOneRun(Request);
        } else {
            MiTakeRuns(Request, Request->Skip, Request->Skip); /* MDLP-3: so it is aligned */
        }
    } else if (Request->Flags & MM_ALLOCATE_PREFER_CONTIGUOUS) {
        MiTakeLongRuns(Request);
    } else if (MiIsAnywhere(Request)) {
        MiTakeAny(Request);
    } else {
        MiTakeRuns(Request, 1, 0);
    }
}

/* Range by range. Chunks have SkipBytes for another meaning. */
static VOID MiTakePages(PMI_PAGE_REQUEST Request)
{
    BOOLEAN Once = (Request->Flags & MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS) || Request->Skip == 0;
    do {
        MiTakeFromRange(Request);
        Request->First += Request->Skip;
        Request->Last += Request->Skip;
    } while (!Once && Request->Taken < Request->Wanted && Request->First <= MmHighestPhysicalPage);
}

/* MDLP-2. */
static VOID MiMarkPages(const MI_PAGE_REQUEST *Request)
{
    MMPTE Mark = {.Soft.PageFileLow = MI_MARK_MDL_PAGE};
    if (Request->CacheType != MmNotMapped) {
        Mark.Soft.Protection = MM_READWRITE | (Request->CacheType == MmCached ? 0 : MM_NOCACHE);
    }
    for (SIZE_T i = 0; i < Request->Taken; i++) {
        MiPfnEntry(Request->Frames[i])->OriginalPte = Mark;
    }
}

/* ---- the request ----------------------------------------------------------------------------- */

static BOOLEAN MiIsPowerOfTwo(ULONG64 Value)
{
    return (Value & (Value - 1)) == 0;
}

/* How many pages to ask for, 0 for a request that makes no sense. */
static SIZE_T MiPagesToAskFor(const MI_PAGE_REQUEST *Request, SIZE_T TotalBytes)
{
    BOOLEAN Chunks = (Request->Flags & MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS) != 0;
    BOOLEAN All = (Request->Flags & MM_ALLOCATE_FULLY_REQUIRED) || (Chunks && Request->Skip == 0);
    SIZE_T Pages = BYTES_TO_PAGES(TotalBytes), Most = MmNumberOfPhysicalPages;
    Most = Most < MOST_PAGES ? Most : MOST_PAGES;
    if ((Request->Flags & ~KNOWN_FLAGS) || Request->First > Request->Last ||
        (All && Pages > Most)) {
        return 0;
    }
    if (Chunks && Request->Skip != 0) {
        if (!MiIsPowerOfTwo(Request->Skip) || TotalBytes % (Request->Skip * PAGE_SIZE) != 0) {
            return 0;
        }
        Most -= Most % Request->Skip;
    }
    return Pages < Most ? Pages : Most;
}

/* Charges commit for Wanted pages, or for as many as may be promised. */
static SIZE_T MiChargeUpTo(SIZE_T Wanted)
{
    SIZE_T Free = Wanted;
    while (Free != 0 && !MiChargeCommit(Free)) {
        SIZE_T Committed = __atomic_load_n(&MmTotalCommittedPages, __ATOMIC_RELAXED);
        SIZE_T Left = MmTotalCommitLimit > Committed ? MmTotalCommitLimit - Committed : 0;
        Free = Left < Free ? Left : Free - 1;
    }
    return Free;
}

/* One run that must be whole is not begun with commit for less. */
static BOOLEAN MiMayTake(const MI_PAGE_REQUEST *Request, SIZE_T Asked)
{
    BOOLEAN Run = (Request->Flags & MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS) && Request->Skip == 0;
    return Request->Wanted == Asked || !(Run || (Request->Flags & MM_ALLOCATE_FULLY_REQUIRED));
}

/*
 * Charges and takes what there is up to Asked pages; once more when processors have given back what
 * they keep (MDLP-4). Returns the pages charged.
 */
static SIZE_T MiTakeWhatThereIs(PMI_PAGE_REQUEST Request, SIZE_T Asked)
{
    PFN_NUMBER First = Request->First, Last = Request->Last;
    Request->Wanted = 0;
    for (ULONG Try = 0; Request->Taken < Asked && (Try == 0 || (Try == 1 && ExpDrainAll()));
         Try++) {
        Request->Wanted += MiChargeUpTo(Asked - Request->Wanted);
        Request->First = First;
        Request->Last = Last;
        if (MiMayTake(Request, Asked)) {
            MiTakePages(Request);
        }
    }
    return Request->Wanted;
}

/* Takes the pages; FALSE, with all given back, when they are too few. MDLP-1. */
static BOOLEAN MiFillRequest(PMI_PAGE_REQUEST Request)
{
    SIZE_T Asked = Request->Wanted, Charged = MiTakeWhatThereIs(Request, Asked);
    BOOLEAN Enough = Request->Taken == Asked ||
                     (Request->Taken != 0 && !(Request->Flags & MM_ALLOCATE_FULLY_REQUIRED));
    if (!Enough) {
        for (SIZE_T i = 0; i < Request->Taken; i++) {
            MiFreePage(Request->Frames[i]);
        }
        Request->Taken = 0;
    }
    MiReturnCommit(Charged - Request->Taken);
    return Enough;
}

static PMDL MiAllocatePagesForMdl(PMI_PAGE_REQUEST Request, SIZE_T TotalBytes)
{
    Request->Wanted = MiPagesToAskFor(Request, TotalBytes);
    if (Request->Wanted == 0) {
        return NULL;
    }
    PMDL Mdl = ExAllocatePoolWithTag(NonPagedPoolNx, MmSizeOfMdl(NULL, Request->Wanted * PAGE_SIZE),
                                     MI_MDL_TAG);
    if (Mdl == NULL) {
        return NULL;
    }
    Request->Frames = MmGetMdlPfnArray(Mdl);
    if (!MiFillRequest(Request)) {
        ExFreePoolWithTag(Mdl, MI_MDL_TAG);
        return NULL;
    }
    MiMarkPages(Request);
    MmInitializeMdl(Mdl, NULL, Request->Taken * PAGE_SIZE);
    Mdl->Process = NULL;
    Mdl->MappedSystemVa = NULL;
    Mdl->MdlFlags = MDL_PAGES_LOCKED;
    return Mdl;
}

/* The last whole page below the byte behind High. */
static PFN_NUMBER MiLastPageBelow(ULONG64 High)
{
    PFN_NUMBER Last = High / PAGE_SIZE;
    return High % PAGE_SIZE == PAGE_SIZE - 1 ? Last
                                             : Last - 1; /* below 0: more than any High has */
}

PMDL NTAPI MmAllocatePagesForMdlEx(PHYSICAL_ADDRESS LowAddress, PHYSICAL_ADDRESS HighAddress,
                                   PHYSICAL_ADDRESS SkipBytes, SIZE_T TotalBytes,
                                   MEMORY_CACHING_TYPE CacheType, ULONG Flags)
{
    ULONG64 High = (ULONG64)HighAddress.QuadPart, Skip = (ULONG64)SkipBytes.QuadPart;
    MiCheckMdlIrql(DISPATCH_LEVEL, VERIFIER_PAGES_IRQL, DISPATCH_LEVEL, 0);
    MiCheckRuleMmApcLte();
    if (High < PAGE_SIZE - 1 || Skip % PAGE_SIZE != 0 || CacheType < MmNotMapped ||
        CacheType >= MmMaximumCacheType) {
        return NULL;
    }
    ULONG Ideal = KeGetCurrentThread()->IdealProcessor;
    MI_PAGE_REQUEST Request = {.First = BYTES_TO_PAGES((ULONG64)LowAddress.QuadPart),
                               .Last = MiLastPageBelow(High),
                               .Skip = Skip / PAGE_SIZE,
                               .CacheType = CacheType,
                               .Flags = Flags,
                               .Node = Flags & MM_ALLOCATE_FROM_LOCAL_NODE_ONLY
                                           ? KiProcessorBlock[Ideal]->Node
                                           : MiCurrentNode()};
    return MiAllocatePagesForMdl(&Request, TotalBytes);
}
EXPORT(MmAllocatePagesForMdlEx);

PMDL NTAPI MmAllocatePagesForMdl(PHYSICAL_ADDRESS LowAddress, PHYSICAL_ADDRESS HighAddress,
                                 PHYSICAL_ADDRESS SkipBytes, SIZE_T TotalBytes)
{
    return MmAllocatePagesForMdlEx(LowAddress, HighAddress, SkipBytes, TotalBytes, MmNotMapped, 0);
}
EXPORT(MmAllocatePagesForMdl);

VOID NTAPI MmFreePagesFromMdl(PMDL MemoryDescriptorList)
{
    PMDL Mdl = MemoryDescriptorList;
    PPFN_NUMBER Frames = MmGetMdlPfnArray(Mdl);
    SIZE_T Pages = MiMdlPages(Mdl);
    MiCheckMdlIrql(DISPATCH_LEVEL, VERIFIER_PAGES_IRQL, DISPATCH_LEVEL, 0);
    MiCheckRuleMmApcLte();
    MiDropMapping(Mdl);
    for (SIZE_T i = 0; i < Pages; i++) {
        MiFreePage(Frames[i]);
    }
    MiReturnCommit(Pages);
    Mdl->MdlFlags &= (CSHORT)~MDL_PAGES_LOCKED;
}
EXPORT(MmFreePagesFromMdl);
