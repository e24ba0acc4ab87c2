/*
 * allocate.c - what all routines that allocate pool have in common: IRQL, priority, a small or a
 * big block, the tag's count, clearing.
 *
 * Each public routine (by_type.c, by_flags.c) turns its arguments into a POOL_REQUEST and answers
 * what its own family answers to bad ones (contract 2.4, 2.7, 2.11). A request that fails gives
 * NULL, or raises when it says so. Nonpaged pool reads the IRQL on every call in checked mode, in
 * free mode only when pages are fetched.
 */
#include "mm/pool/verify.h"

#define BAD_ALLOCATION_IRQL 0x08
#define RESERVED_TAG        0x9C

#define CACHE_ALIGNED_LIMIT (POOL_SMALL_LIMIT - (POOL_CACHE_LINE - POOL_GRANULE))

/* What a request gets that can't be served. */
__attribute__((cold, noinline)) PVOID ExpRefuse(const POOL_REQUEST *Request, NTSTATUS Status)
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

PVOID ExpAllocate(const POOL_REQUEST *Request)
{
    if (KiCheckedMode || Request->Kind == PoolKindPaged) {
        ExpCheckIrql(Request);
    }
    if ((Request->Tag & ~PROTECTED_POOL) == POOL_TAG_BIG) {
        KeBugCheckEx(BAD_POOL_CALLER, RESERVED_TAG, Request->PoolType, Request->Bytes,
                     (ULONG_PTR)Request->Caller);
    }
    BOOLEAN Fails = ExpShouldFail(Request);
    PVOID Block = Fails ? NULL : ExpTakeSpecial(Request);
    if (Block != NULL) {
        return Block;
    }
    SIZE_T Limit = Request->CacheAligned ? CACHE_ALIGNED_LIMIT : POOL_SMALL_LIMIT;
    BOOLEAN Small = Request->Bytes <= Limit;
    if (!Fails && ExpLeavesEnough(Request)) {
        Block = Small ? ExpAllocateSmall(Request) : ExpAllocateBig(Request);
    }
    if (Block == NULL) {
        ExpCountFailure(Request);
        return ExpRefuse(Request, STATUS_INSUFFICIENT_RESOURCES);
    }
    if (Request->Zero && (Small || !ExpFreshPagesAreZero(Request->Kind))) {
        RtlZeroMemory(Block, Request->Bytes);
    }
    return Block;
}
