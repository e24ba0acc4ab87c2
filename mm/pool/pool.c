/*
 * pool.c - the pools: their descriptors, and what holds for all of mm/pool/.
 *
 * Concepts
 *
 * A pool is memory of one kind that the whole kernel shares. Nonpaged pool is always resident, so
 * it may be touched at any IRQL; no-execute and executable nonpaged pool lie in different address
 * ranges and are two pools here. Paged pool appears when it is touched and may leave memory again,
 * so it is for IRQL <= APC_LEVEL. Each block carries a tag of four characters that says whose it
 * is.
 *
 *   request             file           what serves it
 *   1 .. 0xFE0 bytes    block.c        a block with a header, in a page that blocks share
 *   from 0xFE1 bytes    big_pages.c    whole pages without a header, noted in a table
 *   common              cache.S        from and to what the processor keeps: cache.c
 *   any                 allocate.c     checks the request, chooses, counts, clears
 *   any                 free.c         checks the pointer, counts, gives back
 *
 * A page of small blocks is tiled without gaps. Each block begins with a POOL_HEADER that has its
 * own size and the size of the block in front, in granules of 16 bytes:
 *
 *   0x000 | prev 0 | size 5 | in use, tag |  64 bytes of the caller       |
 *   0x050 | prev 5 | size 3 | free        | Flink Blink | 16 stale bytes  |
 *   0x080 | prev 3 | size 9 | in use, tag | 128 bytes of the caller       |
 *     ...
 *   0xFF0 | prev n | size 1 | free        |   a sliver: no room for links, so on no list
 *
 * Sizes up to 512 bytes are multiples of 16, larger ones of 128 (the largest is 0xFF0), so that
 * there are 59 of them and each processor can keep some freed blocks of each (cache.c). For the
 * rest of this file, and for its neighbours, a block that is kept is in use.
 *
 * A free block of N granules is on list N of its pool; a bit map says which lists have something,
 * so the best fit is found in a few instructions. A block is cut from the front of a free block at
 * the start of a page and from the tail of any other. What is freed merges with free neighbours on
 * both sides at once; when that makes the page whole, the page goes back to mm.
 *
 * On a NUMA machine the nonpaged pools are in parts: each node with memory has a descriptor for
 * each of them, whose pages are of that node, and PoolIndex says which. A processor asks the
 * descriptor of its node first (of the nearest, if its own has no memory), then a page of that
 * node, then the same of the next nearest. A block goes back to its own descriptor, whoever frees
 * it, and is kept by processors of that node only: NODE-4, cache.c.
 *
 * Where a block's pool comes from: its address. Pools lie in ranges of their own, so the IRQL rules
 * are decided before the header is touched, which matters because a paged header may not be there.
 *
 * Locking
 *
 * Each pool has one lock for its free lists and the headers of its pages. For nonpaged pool it is a
 * spin lock held with interrupts off, for some dozens of instructions: cheaper than a write of CR8,
 * and as good, since whatever runs at DISPATCH_LEVEL or above is an interrupt first. For paged pool
 * it is a fast mutex (APC_LEVEL), since its headers may fault; threads wait for it. Pages are taken
 * from and given back to mm outside of any lock. The table of big blocks has a spin lock of its
 * own; each processor counts for itself. No routine holds two locks, but who empties the lists of
 * all processors (CACHE-5).
 *
 * Invariants, whenever the lock is free
 *
 *   POOL-1  Blocks tile their page: sizes add up to 256 granules, no block crosses a page.
 *   POOL-2  PreviousSize is the BlockSize of the block in front, and 0 exactly at a page's start.
 *   POOL-3  PoolIndex names the descriptor that the page belongs to: its kind is that of the
 *           page's address, its node that of the page's memory.
 *   POOL-4  PoolType is 0 in a free block's header, POOL_BLOCK_CACHED in one that a processor
 *           keeps, and has POOL_BLOCK_IN_USE in one in use; a header that was merged away still
 *           says free until its memory is given out again.
 *   POOL-5  A free block of 2..255 granules is on the list of its size exactly once; one of 1
 *           granule is on none.
 *   POOL-6  Links agree in both directions, and NonEmpty has the bit of exactly the lists in use.
 *   POOL-7  No two neighbours are free, and no page is one free block.
 *   POOL-8  The caller's address is 16 bytes behind the header, so a multiple of 16, never of a
 *           page; a cache-aligned one is a multiple of 64.
 *   POOL-9  Paged pool's headers are touched at IRQL <= APC_LEVEL only, with no spin lock held.
 *   POOL-10 A page-aligned pointer is a big block: it has exactly one entry in the table, or it is
 *           one of the blocks counted as untracked under the tag 'BIG '.
 *   POOL-11 For each tag and kind: allocations minus frees are the blocks alive, Bytes their sum
 *           with headers and rounding.
 *   POOL-12 What is merged away, or whose page left, is never touched by the pool again.
 */
#include "kernel/rtl/section.h"
#include "mm/pool/cache.h"

POOL_DESCRIPTOR ExpPools[PoolKindCount] = {
    [PoolKindNonPagedNx] = {.Kind = PoolKindNonPagedNx,
                            .PoolType = NonPagedPoolNx,
                            .BlockType = POOL_BLOCK_IN_USE},
    [PoolKindNonPagedExecute] = {.Kind = PoolKindNonPagedExecute,
                                 .Index = PoolKindNonPagedExecute,
                                 .PoolType = NonPagedPoolExecute,
                                 .BlockType = POOL_BLOCK_IN_USE},
    [PoolKindPaged] = {.Kind = PoolKindPaged,
                       .Index = PoolKindPaged,
                       .PoolType = PagedPool,
                       .BlockType = POOL_BLOCK_IN_USE | POOL_BLOCK_PAGED},
};

PPOOL_DESCRIPTOR ExpPoolTable[POOL_INDEXES];
ULONG64 ExpPoolKeys[POOL_INDEXES];

const CHAR *ExpKindName(POOL_KIND Kind)
{
    static const CHAR *const Names[] = {"nonpaged pool", "executable nonpaged pool", "paged pool"};
    return Kind < PoolKindCount ? Names[Kind] : "no pool";
}

VOID ExpQueryRange(POOL_KIND Kind, PULONG_PTR First, PULONG_PTR Last)
{
    *First = *Last = 0;
    for (ULONG Node = 0; Node <= ExpHighestNode(); Node++) {
        PPOOL_DESCRIPTOR Pool = ExpPoolTable[ExpIndexOf(Kind, Node)];
        if (Pool != NULL && Pool->FirstPage != 0) {
            *First = *First == 0 || Pool->FirstPage < *First ? Pool->FirstPage : *First;
            *Last = Pool->LastPage > *Last ? Pool->LastPage : *Last;
        }
    }
}

static INIT VOID ExpInitializePool(PPOOL_DESCRIPTOR Pool)
{
    ExpInitializeMutex(&Pool->Mutex);
    for (ULONG Class = 0; Class < POOL_CLASSES; Class++) {
        Pool->ListHeads[Class].Flink = &Pool->ListHeads[Class];
        Pool->ListHeads[Class].Blink = &Pool->ListHeads[Class];
    }
    Pool->Key = ExpDrawKey();
    ExpPoolTable[Pool->Index] = Pool;
    ExpPoolKeys[Pool->Index] = Pool->Key;
}

/* A node's nonpaged pools, in memory of its own. */
static INIT VOID ExpInitializeNode(ULONG Node)
{
    PPOOL_DESCRIPTOR Pools = ExpAllocateOfNode(Node, PoolKindPaged * sizeof(*Pools));
    for (ULONG Kind = 0; Pools != NULL && Kind < PoolKindPaged; Kind++) {
        Pools[Kind].Kind = ExpPools[Kind].Kind;
        Pools[Kind].PoolType = ExpPools[Kind].PoolType;
        Pools[Kind].BlockType = ExpPools[Kind].BlockType;
        Pools[Kind].Node = Node;
        Pools[Kind].Index = (UCHAR)ExpIndexOf((POOL_KIND)Kind, Node);
        ExpInitializePool(&Pools[Kind]);
    }
}

INIT VOID ExpInitializePools(VOID)
{
    for (ULONG Kind = 0; Kind < PoolKindCount; Kind++) {
        ExpInitializePool(&ExpPools[Kind]);
    }
    for (ULONG Node = 1; Node <= ExpHighestNode(); Node++) {
        ExpInitializeNode(Node);
    }
    ExpInitializeCaches();
}
