/*
 * allocate.c - ExAllocatePool, ...WithTag, ...WithTagPriority, ExAllocatePool2: for drivers and the
 * kernel.
 *
 * Each public routine turns its arguments into a POOL_REQUEST and answers what its own family
 * answers to bad ones (contract 2.4, 2.7, 2.11); the rest is common: IRQL, a small or a big block,
 * the tag's count, clearing. A request that fails gives NULL, or raises when it says so. Nonpaged
 * pool reads the IRQL on every call in checked mode, in free mode only when pages are fetched.
 */
#include "mm/pool/pool.h"
#include "kernel/rtl/section.h"

#define BAD_ALLOCATION_IRQL  0x08
#define MUST_SUCCEED_REQUEST 0x9A
#define RESERVED_TAG         0x9C

/* Bits of POOL_TYPE. */
#define TYPE_PAGED         1
#define TYPE_MUST_SUCCEED  2
#define TYPE_CACHE_ALIGNED 4
#define TYPE_SESSION       32

#define CACHE_ALIGNED_LIMIT (POOL_SMALL_LIMIT - (POOL_CACHE_LINE - POOL_GRANULE))

typedef struct _POOL_REQUEST {
    POOL_KIND Kind;
    POOL_TYPE PoolType; /* as bug checks show it */
    SIZE_T Bytes;
    ULONG Tag;
    BOOLEAN CacheAligned;
    BOOLEAN Zero;
    BOOLEAN Raise;
    PVOID Caller;
} POOL_REQUEST;

/* What a request gets that can't be served. */
static __attribute__((cold, noinline)) PVOID ExpRefuse(const POOL_REQUEST *Request, NTSTATUS Status)
{
    if (Request->Raise) {
        ExpRaiseStatus(Status, Request->Caller);
    }
    return NULL;
}

static inline VOID ExpCheckIrql(const POOL_REQUEST *Request)
{
    KIRQL Irql = ExpReadIrql();
    if (Irql > (Request->Kind == PoolKindPaged ? APC_LEVEL : DISPATCH_LEVEL)) {
        KeBugCheckEx(BAD_POOL_CALLER, BAD_ALLOCATION_IRQL, Irql, Request->PoolType, Request->Bytes);
    }
}

static PVOID ExpFetchPages(const POOL_REQUEST *Request, SIZE_T Pages)
{
    ExpCheckIrql(Request);
    return ExpAllocatePages(Request->Kind, Pages);
}

static PVOID ExpAllocateSmall(const POOL_REQUEST *Request)
{
    PPOOL_DESCRIPTOR Pool = &ExpPools[Request->Kind];
    SIZE_T Bytes = Request->Bytes + (Request->Bytes == 0); /* no bytes cost as much as one */
    ULONG Granules = (ULONG)((Bytes + POOL_GRANULE - 1) / POOL_GRANULE) + 1;
    ULONG64 State = ExpLockPool(Pool);
    PPOOL_HEADER Header = ExpTakeBlock(Pool, Granules, Request->CacheAligned);
    if (Header == NULL) {
        ExpUnlockPool(Pool, State);
        PVOID Page = ExpFetchPages(Request, 1);
        if (Page == NULL) {
            return NULL;
        }
        State = ExpLockPool(Pool);
        Header = ExpTakeBlockOfNewPage(Pool, Page, Granules, Request->CacheAligned);
    }
    Header->PoolTag = Request->Tag;
    ExpUnlockPool(Pool, State);
    ExpCountAllocation(Request->Tag, Request->Kind, Granules * POOL_GRANULE);
    return Header + 1;
}

static PVOID ExpAllocateBig(const POOL_REQUEST *Request)
{
    SIZE_T Pages = BYTES_TO_PAGES(Request->Bytes);
    PVOID Base = ExpFetchPages(Request, Pages);
    if (Base == NULL) {
        return NULL;
    }
    ULONG Tag = Request->Tag;
    if (!ExpTrackBigBlock(Base, Request->Kind, Pages, Tag)) {
        ExpCountUntracked(1);
        Tag = POOL_TAG_BIG;
    }
    ExpCountAllocation(Tag, Request->Kind, Pages << PAGE_SHIFT);
    return Base;
}

static PVOID ExpAllocate(const POOL_REQUEST *Request)
{
    if (KiCheckedMode || Request->Kind == PoolKindPaged) {
        ExpCheckIrql(Request);
    }
    if ((Request->Tag & ~PROTECTED_POOL) == POOL_TAG_BIG) {
        KeBugCheckEx(BAD_POOL_CALLER, RESERVED_TAG, Request->PoolType, Request->Bytes,
                     (ULONG_PTR)Request->Caller);
    }
    SIZE_T Limit = Request->CacheAligned ? CACHE_ALIGNED_LIMIT : POOL_SMALL_LIMIT;
    BOOLEAN Small = Request->Bytes <= Limit;
    PVOID Block = Small ? ExpAllocateSmall(Request) : ExpAllocateBig(Request);
    if (Block == NULL) {
        return ExpRefuse(Request, STATUS_INSUFFICIENT_RESOURCES);
    }
    if (Request->Zero && (Small || !ExpFreshPagesAreZero(Request->Kind))) {
        RtlZeroMemory(Block, Request->Bytes);
    }
    return Block;
}

/* ---- the routines that take a POOL_TYPE ------------------------------------------------------ */

static PVOID ExpAllocateByType(POOL_TYPE PoolType, SIZE_T Bytes, ULONG Tag, PVOID Caller)
{
    POOL_REQUEST Request = {
        .Kind = PoolType & TYPE_PAGED           ? PoolKindPaged
                : PoolType & POOL_NX_ALLOCATION ? PoolKindNonPagedNx
                                                : PoolKindNonPagedExecute,
        .PoolType = PoolType,
        .Bytes = Bytes,
        .Tag = Tag,
        .CacheAligned = (PoolType & TYPE_CACHE_ALIGNED) != 0,
        .Zero = (PoolType & POOL_ZERO_ALLOCATION) != 0,
        .Raise = (PoolType & POOL_RAISE_IF_ALLOCATION_FAILURE) != 0,
        .Caller = Caller,
    };
    if (PoolType & TYPE_MUST_SUCCEED) {
        KeBugCheckEx(BAD_POOL_CALLER, MUST_SUCCEED_REQUEST, PoolType, Bytes, Tag);
    }
    if ((Tag & ~PROTECTED_POOL) == 0 || (PoolType & TYPE_SESSION)) {
        return ExpRefuse(&Request, STATUS_INVALID_PARAMETER);
    }
    return ExpAllocate(&Request);
}

PVOID NTAPI ExAllocatePoolWithTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    return ExpAllocateByType(PoolType, NumberOfBytes, Tag, __builtin_return_address(0));
}
EXPORT(ExAllocatePoolWithTag);

/*
 * Every priority is served as High is: as long as there is memory. The others may fail earlier
 * (contract 2.5), and no more.
 */
PVOID NTAPI ExAllocatePoolWithTagPriority(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag,
                                          EX_POOL_PRIORITY Priority)
{
    UNREFERENCED_PARAMETER(Priority);
    return ExpAllocateByType(PoolType, NumberOfBytes, Tag, __builtin_return_address(0));
}
EXPORT(ExAllocatePoolWithTagPriority);

PVOID NTAPI ExAllocatePool(POOL_TYPE PoolType, SIZE_T NumberOfBytes)
{
    return ExpAllocateByType(PoolType, NumberOfBytes, POOL_TAG_NONE, __builtin_return_address(0));
}
EXPORT(ExAllocatePool);

/* ---- the routine that takes POOL_FLAGS ------------------------------------------------------- */

#define FLAGS_OF_KIND  (POOL_FLAG_NON_PAGED | POOL_FLAG_NON_PAGED_EXECUTE | POOL_FLAG_PAGED)
/* Every flag of the lower half must be known and met; those of the upper half are wishes. */
#define FLAGS_REQUIRED 0xFFFFFFFFULL
#define FLAGS_MET                                                                                  \
    (FLAGS_OF_KIND | POOL_FLAG_UNINITIALIZED | POOL_FLAG_CACHE_ALIGNED | POOL_FLAG_RAISE_ON_FAILURE)

/* PoolKindNone unless exactly one kind is named and nothing is required that nobody can give. */
static POOL_KIND ExpKindOfFlags(POOL_FLAGS Flags)
{
    if (Flags & FLAGS_REQUIRED & ~FLAGS_MET) {
        return PoolKindNone;
    }
    switch (Flags & FLAGS_OF_KIND) {
    case POOL_FLAG_NON_PAGED: return PoolKindNonPagedNx;
    case POOL_FLAG_NON_PAGED_EXECUTE: return PoolKindNonPagedExecute;
    case POOL_FLAG_PAGED: return PoolKindPaged;
    default: return PoolKindNone;
    }
}

PVOID NTAPI ExAllocatePool2(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag)
{
    POOL_REQUEST Request = {
        .Kind = ExpKindOfFlags(Flags),
        .Bytes = NumberOfBytes,
        .Tag = Tag,
        .CacheAligned = (Flags & POOL_FLAG_CACHE_ALIGNED) != 0,
        .Zero = (Flags & POOL_FLAG_UNINITIALIZED) == 0,
        .Raise = (Flags & POOL_FLAG_RAISE_ON_FAILURE) != 0,
        .Caller = __builtin_return_address(0),
    };
    if (Request.Kind == PoolKindNone || NumberOfBytes == 0 || (Tag & ~PROTECTED_POOL) == 0) {
        return ExpRefuse(&Request, STATUS_INVALID_PARAMETER);
    }
    Request.PoolType = ExpPools[Request.Kind].PoolType;
    return ExpAllocate(&Request);
}
EXPORT(ExAllocatePool2);
