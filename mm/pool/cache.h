/*
 * cache.h - a processor's own free blocks and counters, and what the files of mm/pool/ ask of them.
 *
 * cache.c has the theory. Lists are numbered over all kinds: ExpListOf.
 */
#pragma once

#include "mm/pool/cache_layout.h"
#include "mm/pool/pool.h"

/*
 * What a processor has of the pools, in its record at gs:POOL_CACHE_OFFSET. Heads are words: the
 * first block's address shifted up by 16, and below it how many blocks there are.
 */
typedef struct _POOL_CACHE {
    ULONG64 FastLimit; /* the largest request that cache.S serves; 0: none */
    ULONG64 Key;       /* what the seals of nonpaged blocks are made with */
    ULONG64 PagedKey;
    ULONG64 PagedTurn;
    ULONG64 FreeKey;  /* what cache.S compares the seals of frees with */
    ULONG64 NodeBits; /* of the PoolIndex of nonpaged blocks that it may have on its lists */
    ULONG64 BigLimit;
    ULONG64 BigBias;
    ULONG64 BigKey;  /* of the seals of whole pages, on each processor the same */
    ULONG64 BigSlot; /* the upper bits of the address of a block that cache.S frees */
    ULONG64 BigHeads[POOL_BIG_LISTS];
    USHORT BigDepths[POOL_BIG_LISTS];
    ULONG64 CheckedLimit; /* as FastLimit, but with the checks of checked mode */
    ULONG Listed, Used;   /* how headers of its nonpaged blocks begin, but for sizes: cache.S */
    UCHAR Reserved[CACHE_HEADS - CACHE_USED - 4];
    ULONG64 Heads[PoolKindCount][POOL_CACHE_CLASSES];
    USHORT Depths[PoolKindCount][POOL_CACHE_CLASSES]; /* how many blocks a list may have; 0: none */
    ULONG64 Allocs[2][POOL_TAG_COUNTERS];             /* by tag: nonpaged, paged */
    ULONG64 Frees[2][POOL_TAG_COUNTERS];
    ULONG64 Granules[2][POOL_TAG_COUNTERS];
    ULONG64 Keys[POOL_CACHE_CLASSES]; /* of the seals of blocks of so many granules: ExpFillKeys */
    ULONG64 PagedKeys[POOL_CACHE_CLASSES];
    ULONG64 FreeKeys[POOL_CACHE_CLASSES];
} POOL_CACHE, *PPOOL_CACHE;
_Static_assert(offsetof(POOL_CACHE, FastLimit) == CACHE_LIMIT, "cache.S");
_Static_assert(offsetof(POOL_CACHE, PagedTurn) == CACHE_PAGED_TURN, "cache.S");
_Static_assert(offsetof(POOL_CACHE, NodeBits) == CACHE_NODE, "cache.S");
_Static_assert(offsetof(POOL_CACHE, BigLimit) == CACHE_BIG_LIMIT, "cache.S");
_Static_assert(offsetof(POOL_CACHE, BigBias) == CACHE_BIG_BIAS, "cache.S");
_Static_assert(offsetof(POOL_CACHE, BigKey) == CACHE_BIG_KEY, "cache.S");
_Static_assert(offsetof(POOL_CACHE, BigSlot) == CACHE_BIG_SLOT, "cache.S");
_Static_assert(offsetof(POOL_CACHE, BigHeads) == CACHE_BIG_HEADS, "cache.S");
_Static_assert(offsetof(POOL_CACHE, BigDepths) == CACHE_BIG_DEPTHS, "cache.S");
_Static_assert(offsetof(POOL_CACHE, CheckedLimit) == CACHE_CHECKED, "cache.S");
_Static_assert(offsetof(POOL_CACHE, Listed) == CACHE_LISTED, "cache.S");
_Static_assert(offsetof(POOL_CACHE, Used) == CACHE_USED, "cache.S");
_Static_assert(offsetof(POOL_CACHE, Heads) == CACHE_HEADS, "cache.S");
_Static_assert(offsetof(POOL_CACHE, Depths) == CACHE_DEPTHS, "cache.S");
_Static_assert(offsetof(POOL_CACHE, Allocs) == CACHE_ALLOCS, "cache.S");
_Static_assert(offsetof(POOL_CACHE, Frees) == CACHE_FREES, "cache.S");
_Static_assert(offsetof(POOL_CACHE, Granules) == CACHE_GRANULES, "cache.S");
_Static_assert(offsetof(POOL_CACHE, Keys) == CACHE_KEYS, "cache.S");
_Static_assert(offsetof(POOL_CACHE, PagedKeys) == CACHE_PAGED_KEYS, "cache.S");
_Static_assert(offsetof(POOL_CACHE, FreeKeys) == CACHE_FREE_KEYS, "cache.S");
_Static_assert(sizeof(POOL_CACHE) == CACHE_BYTES, "cache.S");
_Static_assert(POOL_KIND_PAGED == PoolKindPaged && BLOCK_CACHED == POOL_BLOCK_CACHED &&
                   BLOCK_IN_USE == POOL_BLOCK_IN_USE && BLOCK_PAGED == POOL_BLOCK_PAGED &&
                   BLOCK_CACHE_ALIGNED == POOL_BLOCK_CACHE_ALIGNED,
               "cache.S");
_Static_assert(POOL_CACHE_CLASSES == POOL_CLASSES, "a list for each class");

static inline ULONG64 ExpListOf(POOL_KIND Kind, ULONG Granules)
{
    return (ULONG64)Kind * POOL_CACHE_CLASSES + Granules;
}

/* Granules of the block that serves (bytes + 15) / 16; 0 for none. */
extern UCHAR ExpBlockGranules[POOL_CLASSES];

/* ---- seals ----------------------------------------------------------------------------------- */

#define POOL_SEAL_SHIFT 48
#define POOL_SEAL_PROTECTED                                                                        \
    0x8000 /* the tag is PROTECTED_POOL: never a free without a look at it */
#define POOL_SEAL_BROKEN MAXULONG

/* What a seal has of the block's size; no two sizes have the same. */
static inline ULONG64 ExpMixSize(ULONG Granules)
{
    return (Granules * 0x9E3779B97F4A7C15ULL) & ((1ULL << POOL_SEAL_SHIFT) - 1);
}
extern ULONG64 ExpSizeMixes[POOL_CLASSES]; /* the same as a table */

/*
 * What stands in the header of the block at P, of so many granules (0: of whole pages), whose tag
 * has this slot.
 */
static inline ULONG64 ExpMakeSeal(PPOOL_DESCRIPTOR Pool, PVOID P, ULONG Granules, ULONG Slot)
{
    return Pool->Key ^ ExpMixSize(Granules) ^ (ULONG_PTR)P ^ ((ULONG64)Slot << POOL_SEAL_SHIFT);
}

/* The slot again; POOL_SEAL_BROKEN when it is no seal of this block. */
static inline ULONG ExpReadSeal(PPOOL_DESCRIPTOR Pool, PVOID P, ULONG Granules, ULONG64 Seal)
{
    ULONG64 Clear = Seal ^ Pool->Key ^ ExpMixSize(Granules) ^ (ULONG_PTR)P;
    return Clear << (64 - POOL_SEAL_SHIFT) == 0 ? (ULONG)(Clear >> POOL_SEAL_SHIFT)
                                                : POOL_SEAL_BROKEN;
}

static inline ULONG ExpSlotOfBlock(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Header)
{
    return ExpReadSeal(Pool, Header + 1, Header->BlockSize, Header->Seal);
}

/* ---- cache.S: on the processor that calls, whatever interrupts ------------------------------- */

/* The caller's address of a block from a list, NULL when it is empty. */
PVOID ExpPopCached(ULONG64 List);
/* Puts a block, which is POOL_BLOCK_CACHED, on a list. FALSE when that has all it may have. */
BOOLEAN ExpPushCached(PVOID Block, ULONG64 List);
/* The same with a block of a node with these bits; FALSE also on another node's processor. */
BOOLEAN ExpPushCachedOf(PVOID Block, ULONG64 List, ULONG64 NodeBits);
/* All of a list as a chain, which is what its word was; 0 when it was empty. */
ULONG64 ExpDetachCached(ULONG64 List);
/* Makes a chain the list. FALSE when it isn't empty, or the chain is of a node with other bits. */
BOOLEAN ExpInstallCached(ULONG64 List, ULONG64 Chain, ULONG64 NodeBits);

/* The same for blocks of whole pages of no-execute nonpaged pool; List is their number of pages. */
PVOID ExpPopBig(ULONG64 List);
BOOLEAN ExpPushBig(PVOID Base, ULONG64 List);
ULONG64 ExpDetachBig(ULONG64 List);

/* ---- big_cache.c ----------------------------------------------------------------------------- */

/* What is known of a big block without its table: 16 bytes for each page of nonpaged pool. */
typedef struct _POOL_BIG_STATE {
    ULONG64 Seal; /* of a block in use, or the word of the list that it is on */
    USHORT List;  /* pages of a block that a list may have, else 0 */
    USHORT Node;  /* bits of its pages' node in a PoolIndex */
    ULONG Tag;
} POOL_BIG_STATE, *PPOOL_BIG_STATE;
_Static_assert(sizeof(POOL_BIG_STATE) == 16, "cache.S: address >> 8");
_Static_assert(offsetof(POOL_BIG_STATE, Seal) == BIG_STATE_SEAL, "cache.S");
_Static_assert(offsetof(POOL_BIG_STATE, List) == BIG_STATE_LIST, "cache.S");
_Static_assert(offsetof(POOL_BIG_STATE, Node) == BIG_STATE_NODE, "cache.S");
_Static_assert(offsetof(POOL_BIG_STATE, Tag) == BIG_STATE_TAG, "cache.S");

/* The depths of a processor's lists, or none: for ExpUseCaches and changes of the mode. */
VOID ExpSetBigDepths(PPOOL_CACHE Cache, BOOLEAN Use);
/* A block of Pages pages from the processor's list, NULL without one. Its table entry is there. */
PVOID ExpTakeBigCached(POOL_KIND Kind, SIZE_T Pages);
/* Seals a block that its entry in the table knows. */
VOID ExpSealBig(PVOID Base, POOL_KIND Kind, SIZE_T Pages, ULONG Tag, ULONG Slot);
/* A block has left the table. */
VOID ExpForgetBig(PVOID Base, POOL_KIND Kind);
/* Whether a processor keeps this block, which the table has. */
BOOLEAN ExpIsBigCached(PVOID Base, POOL_KIND Kind);
/* The tag that a block in the table has now. */
ULONG ExpTagOfBig(PVOID Base, POOL_KIND Kind, ULONG Tag);
/* Gives a chain of blocks of so many pages back to mm. */
VOID ExpReturnBigChain(ULONG64 Chain);

/* ---- cache.c --------------------------------------------------------------------------------- */

/*
 * A block from the processor's list, or a chain of another's of its node; NULL: the pool must be
 * asked. Its header says which pool it is of: the thread may have moved on to another node.
 */
PPOOL_HEADER ExpTakeCached(POOL_KIND Kind, ULONG Granules);
/*
 * Keeps a block, in use and checked, on the processor's list, which was Full when last seen. FALSE
 * when it has no room there: the header is as it was, but without a seal.
 */
BOOLEAN ExpKeepCached(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Header, BOOLEAN Full);
/*
 * Bug checks unless a block that left the list of its size is still what those are (CACHE-1).
 * Returns the descriptor that it is of.
 */
PPOOL_DESCRIPTOR ExpCheckCached(POOL_KIND Kind, PPOOL_HEADER Header, ULONG Granules);
/* For cache.S, which has found another type than theirs, and has added to it. */
VOID NTAPI ExpReportListed(PVOID Block);
/*
 * Gives all that processors keep of a kind back to the pool. IRQL as for a free. TRUE if there was
 * something.
 */
BOOLEAN ExpDrainCaches(POOL_KIND Kind);
/*
 * The same of all kinds that the IRQL allows, before anybody is told that there is no memory
 * (CACHE-5): allocate.c.
 */
BOOLEAN ExpDrainAll(VOID);
/* There is plenty of nonpaged memory, or not: then no processor keeps pages. <= DISPATCH_LEVEL. */
VOID ExpSetPlenty(BOOLEAN Plenty);
/* The descriptor that the processor's requests go to first. */
PPOOL_DESCRIPTOR ExpOwnPool(POOL_KIND Kind);
/* Prepares a processor's part, which is zero, for a processor of Node. */
VOID ExpInitializeCache(PPOOL_CACHE Cache, ULONG Node);
/* Makes the keys by size of Key, PagedKey and FreeKey. */
VOID ExpFillKeys(PPOOL_CACHE Cache);
/* Caches are used, or everything goes to the pools at once: for tests that look at pages. */
VOID ExpUseCaches(BOOLEAN Use);
/* Common requests are served by cache.S unless somebody wants to see all of them. */
typedef enum _POOL_WATCHER {
    PoolWatcherVerifier = 1,
    PoolWatcherFailures = 2, /* fail.c */
} POOL_WATCHER;
VOID ExpWatchRequests(POOL_WATCHER Watcher, BOOLEAN Watch);
VOID ExpReviewFastPaths(VOID); /* checked mode began or ended */
/* Chooses the keys of all pools and prepares the calling processor's part. Boot only. */
VOID ExpInitializeCaches(VOID);

/* ---- platform.c: the kernel only ------------------------------------------------------------- */

VOID ExpInitializePlatform(VOID);
/* Another processor's part, which is zero, before or after it runs. */
VOID ExpJoinProcessor(ULONG Processor);
