/*
 * allocate.c - what all routines that allocate pool have in common: IRQL, priority, a small or a
 * big block, the tag's count, clearing.
 *
 * Each public routine (by_type.c, by_flags.c) turns its arguments into a POOL_REQUEST and answers
 * what its own family answers to bad ones (contract 2.4, 2.7, 2.11). A request that fails gives
 * NULL, or raises when it says so. Nonpaged pool reads the IRQL on every call in checked mode, in
 * free mode only when pages are fetched. What is common does not come here, in either mode:
 * cache.S.
 */
#include "mm/pool/cache.h"
#include "mm/pool/request.h"
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

BOOLEAN ExpDrainAll(VOID)
{
    BOOLEAN Any = FALSE;
    for (ULONG Kind = 0; Kind < PoolKindCount; Kind++) {
        if (Kind != PoolKindPaged || ExpReadIrql() <= APC_LEVEL) {
            Any |= ExpDrainCaches((POOL_KIND)Kind);
        }
    }
    return Any;
}

static PVOID ExpFetchPages(const POOL_REQUEST *Request, SIZE_T Pages, ULONG Node)
{
    ExpCheckIrql(Request);
    PVOID Base = ExpAllocatePages(Request->Kind, Pages, Node);
    if (Request->Cold && Base != NULL) {
        ExpMakeCold(Base, Pages);
    }
    ExpReviewSupply(Request->Kind);
    return Base;
}

/* ---- small blocks ---------------------------------------------------------------------------- */

VOID ExpFinishBlock(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Header, ULONG Tag, UCHAR PoolType)
{
    ULONG Slot = ExpSlotOf(Tag);
    ExpCountAllocation(Slot, Pool->Kind, Header->BlockSize);
    Header->PoolTag = Tag;
    Header->PoolType = PoolType;
    Slot |= Tag & PROTECTED_POOL ? POOL_SEAL_PROTECTED : 0;
    Header->Seal = ExpMakeSeal(Pool, Header + 1, Header->BlockSize, Slot);
}

PVOID NTAPI ExpFinishCached(PVOID Block, ULONG Tag)
{
    PPOOL_HEADER Header = ExpHeaderOf(Block);
    PPOOL_DESCRIPTOR Pool = ExpCheckCached(ExpKindOfAddress(Block), Header, Header->BlockSize);
    if ((Tag & ~PROTECTED_POOL) == 0 || (Tag & ~PROTECTED_POOL) == POOL_TAG_BIG) {
        Header->PoolType = Pool->BlockType;
        if (!ExpKeepCached(Pool, Header, FALSE)) {
            ExpReturnBlock(Pool, Header);
        }
        return NULL;
    }
    ExpFinishBlock(Pool, Header, Tag, Pool->BlockType);
    return Block;
}

/* A block out of a descriptor's lists, or out of a new page of its node. */
static PPOOL_HEADER ExpTakeFromNode(const POOL_REQUEST *Request, PPOOL_DESCRIPTOR Pool,
                                    ULONG Granules)
{
    ULONG64 State = ExpLockPool(Pool);
    PPOOL_HEADER Header = ExpTakeBlock(Pool, Granules, Request->CacheAligned);
    if (Header == NULL) {
        ExpUnlockPool(Pool, State);
        ULONG Node = Pool->Kind == PoolKindPaged ? POOL_ANY_NODE : Pool->Node;
        PVOID Page = ExpFetchPages(Request, 1, Node);
        if (Page == NULL) {
            return NULL;
        }
        State = ExpLockPool(Pool);
        Header = ExpTakeBlockOfNewPage(Pool, Page, Granules, Request->CacheAligned);
    }
    ExpUnlockPool(Pool, State);
    return Header;
}

/* From the node that is wanted, else from the nearest that has memory. */
static __attribute__((noinline)) PPOOL_HEADER ExpTakeFromNodes(const POOL_REQUEST *Request,
                                                               ULONG Granules)
{
    const UCHAR *Hops =
        ExpHopsOf(Request->HasNode ? Request->Node & ~MM_ANY_NODE_OK : ExpCurrentNode());
    BOOLEAN Only = Request->HasNode && !(Request->Node & MM_ANY_NODE_OK);
    PPOOL_HEADER Header = NULL;
    for (ULONG i = 0; i <= (Only ? 0 : ExpHighestNode()) && Header == NULL; i++) {
        PPOOL_DESCRIPTOR Pool = ExpPoolTable[ExpIndexOf(Request->Kind, Hops[i])];
        Header = Pool == NULL ? NULL : ExpTakeFromNode(Request, Pool, Granules);
    }
    return Header;
}

static inline PPOOL_HEADER ExpTakeFromPool(const POOL_REQUEST *Request, ULONG Granules)
{
    return Request->Kind == PoolKindPaged || ExpHighestNode() == 0
               ? ExpTakeFromNode(Request, &ExpPools[Request->Kind], Granules)
               : ExpTakeFromNodes(Request, Granules);
}

static PVOID ExpAllocateSmall(const POOL_REQUEST *Request)
{
    SIZE_T Bytes = Request->Bytes + (Request->Bytes == 0); /* no bytes cost as much as one */
    SIZE_T Granules = (Bytes + POOL_GRANULE - 1) / POOL_GRANULE;
    UCHAR PoolType = ExpPools[Request->Kind].BlockType;
    PPOOL_HEADER Header = NULL;
    if (Request->CacheAligned) { /* these have no lists, but are welcome on those of their size */
        PoolType |= POOL_BLOCK_CACHE_ALIGNED;
        Granules += 1;
    } else {
        Granules = ExpBlockGranules[Granules];
        Header = Request->HasNode ? NULL : ExpTakeCached(Request->Kind, (ULONG)Granules);
    }
    if (Header == NULL) {
        Header = ExpTakeFromPool(Request, (ULONG)Granules);
        if (Header == NULL && ExpDrainAll()) {
            Header = ExpTakeFromPool(Request, (ULONG)Granules);
        }
        if (Header == NULL) {
            return NULL;
        }
    }
    ExpFinishBlock(ExpPoolOfBlock(Request->Kind, Header), Header, Request->Tag, PoolType);
    return Header + 1;
}

/* ---- whole pages ----------------------------------------------------------------------------- */

static PVOID ExpAllocateBig(const POOL_REQUEST *Request)
{
    SIZE_T Pages = BYTES_TO_PAGES(Request->Bytes);
    ULONG Node = Request->HasNode ? Request->Node : POOL_ANY_NODE;
    ULONG Slot = ExpSlotOf(Request->Tag);
    PVOID Base = Request->HasNode ? NULL : ExpTakeBigCached(Request->Kind, Pages);
    if (Base != NULL) {
        ExpCountAllocation(Slot, Request->Kind, Pages * POOL_PAGE_GRANULES);
        ExpSealBig(Base, Request->Kind, Pages, Request->Tag, Slot);
        return Base;
    }
    Base = ExpFetchPages(Request, Pages, Node);
    if (Base == NULL && ExpDrainAll()) {
        Base = ExpFetchPages(Request, Pages, Node);
    }
    if (Base == NULL) {
        return NULL;
    }
    if (ExpTrackBigBlock(Base, Request->Kind, Pages, Request->Tag)) {
        ExpSealBig(Base, Request->Kind, Pages, Request->Tag, Slot);
    } else {
        ExpCountUntracked(1);
        Slot = POOL_SLOT_BIG;
    }
    ExpCountAllocation(Slot, Request->Kind, Pages * POOL_PAGE_GRANULES);
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
        return ExpServed(Request, Block);
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
    return ExpServed(Request, Block);
}
