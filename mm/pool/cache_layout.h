/*
 * cache_layout.h - where the fields of a POOL_CACHE are, for cache.S. cache.h pins each of them.
 */
#pragma once

#define POOL_CACHE_OFFSET 0x600 /* from gs:, in KI_PROCESSOR */

#define POOL_TAG_SLOTS     2048       /* a power of two */
#define POOL_TAG_SHIFT     21         /* 32 - 11 bits: leaves the upper bits of a product */
#define POOL_TAG_HASH      0x9E3779B1 /* 2^32 over the golden ratio */
#define POOL_TAG_LAST      (POOL_TAG_SLOTS - 1)
#define POOL_TAG_COUNTERS  (POOL_TAG_SLOTS + 2)
#define POOL_CACHE_CLASSES 256

/* Offsets in a POOL_CACHE. */
#define CACHE_LIMIT        0x00
/* 0x08, 0x10, 0x20: the keys that those by size are made of */
#define CACHE_PAGED_TURN   0x18 /* what makes the one key the other, turned as a seal is */
#define CACHE_NODE         0x28 /* the node's bits of a PoolIndex */
#define CACHE_BIG_LIMIT    0x30 /* the largest request of pages that cache.S serves; 0: none */
#define CACHE_BIG_BIAS     0x38 /* with the upper 56 bits of a big block's address: its state's */
#define CACHE_BIG_KEY      0x40
#define CACHE_BIG_SLOT     0x48 /* POOL_SLOT_NONPAGED while frees of pages are served, else 0 */
#define CACHE_BIG_HEADS    0x50 /* 17 words, by number of pages */
#define CACHE_BIG_DEPTHS   0xD8 /* 17 halfwords */
/*
 * The largest request that cache.S serves in checked mode, 0: none; what the headers of nonpaged
 * blocks have in their first word, but for their sizes, on a list and in use.
 */
#define CACHE_CHECKED      0x100
#define CACHE_LISTED       0x108
#define CACHE_USED         0x10C
#define CACHE_HEADS        0x140 /* 3 kinds of 256 words */
#define CACHE_HEADS_BYTES  (POOL_CACHE_CLASSES * 8)
#define CACHE_DEPTHS       (CACHE_HEADS + 3 * CACHE_HEADS_BYTES) /* 3 kinds of 256 halfwords */
#define CACHE_DEPTHS_BYTES (POOL_CACHE_CLASSES * 2)
#define CACHE_COUNTERS     (CACHE_DEPTHS + 3 * CACHE_DEPTHS_BYTES)
#define CACHE_COUNTS_BYTES (POOL_TAG_COUNTERS * 8)
#define CACHE_ALLOCS       CACHE_COUNTERS /* nonpaged; the paged ones come right behind */
#define CACHE_FREES        (CACHE_COUNTERS + 2 * CACHE_COUNTS_BYTES)
#define CACHE_GRANULES     (CACHE_COUNTERS + 4 * CACHE_COUNTS_BYTES)
/* Keys by the size of a block: of nonpaged blocks, of paged ones, and what frees compare with. */
#define CACHE_KEYS         (CACHE_COUNTERS + 6 * CACHE_COUNTS_BYTES)
#define CACHE_PAGED_KEYS   (CACHE_KEYS + CACHE_HEADS_BYTES)
#define CACHE_FREE_KEYS    (CACHE_KEYS + 2 * CACHE_HEADS_BYTES)
#define CACHE_BYTES        (CACHE_KEYS + 3 * CACHE_HEADS_BYTES)

#define POOL_WORD_SHIFT 16 /* a list's word is an address and 16 bits of a count */

/* PoolIndex of a header: a node, and a kind in the lower bits. */
#define POOL_KIND_PAGED 2
#define POOL_KIND_BITS  2
#define POOL_NODES      16
#define POOL_BIG_LISTS  17 /* blocks of 1 to 16 pages; list 0 stays empty */

/* The upper bits of an address in no-execute nonpaged pool, and in paged pool. */
#define POOL_SLOT_SHIFT 39
#ifdef TARN_HOST
#define POOL_SLOT_NONPAGED 0x40
#define POOL_SLOT_PAGED    0x40
#else
#define POOL_SLOT_NONPAGED 0x1FFFFF5
#define POOL_SLOT_PAGED    0x1FFFFF3
#endif

/* Offsets in a POOL_BIG_STATE. */
#define BIG_STATE_SEAL 0
#define BIG_STATE_LIST 8
#define BIG_STATE_NODE 10
#define BIG_STATE_TAG  12

/* PoolType of a header (pool.h). */
#define BLOCK_PAGED         0x01
#define BLOCK_IN_USE        0x02
#define BLOCK_CACHE_ALIGNED 0x04
#define BLOCK_CACHED        0xFD /* 3 to a carry; never in use */

/* The first word of a header: PreviousSize, PoolIndex, BlockSize, PoolType. */
#define INDEX_SHIFT  8
#define TYPE_SHIFT   24
#define LISTED_PAGED (POOL_KIND_PAGED << INDEX_SHIFT | BLOCK_CACHED << TYPE_SHIFT)
#define USED_PAGED   (POOL_KIND_PAGED << INDEX_SHIFT | (BLOCK_IN_USE | BLOCK_PAGED) << TYPE_SHIFT)
#define USED_MASK                                                                                  \
    ((0xFF & ~BLOCK_CACHE_ALIGNED) << TYPE_SHIFT | 0xFF << INDEX_SHIFT) /* but for the sizes */
