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
#define CACHE_KEY          0x08 /* of no-execute nonpaged pool */
#define CACHE_PAGED_KEY    0x10
#define CACHE_PAGED_TURN   0x18 /* what makes the one key the other, turned as a seal is */
#define CACHE_FREE_KEY     0x20 /* CACHE_KEY while frees are served, else one that fits no seal */
#define CACHE_NODE         0x28 /* the node's bits of a PoolIndex */
#define CACHE_HEADS        0x40 /* 3 kinds of 256 words */
#define CACHE_HEADS_BYTES  (POOL_CACHE_CLASSES * 8)
#define CACHE_DEPTHS       (CACHE_HEADS + 3 * CACHE_HEADS_BYTES) /* 3 kinds of 256 halfwords */
#define CACHE_DEPTHS_BYTES (POOL_CACHE_CLASSES * 2)
#define CACHE_COUNTERS     (CACHE_DEPTHS + 3 * CACHE_DEPTHS_BYTES)
#define CACHE_COUNTS_BYTES (POOL_TAG_COUNTERS * 8)
#define CACHE_ALLOCS       CACHE_COUNTERS /* nonpaged; the paged ones come right behind */
#define CACHE_FREES        (CACHE_COUNTERS + 2 * CACHE_COUNTS_BYTES)
#define CACHE_GRANULES     (CACHE_COUNTERS + 4 * CACHE_COUNTS_BYTES)
#define CACHE_BYTES        (CACHE_COUNTERS + 6 * CACHE_COUNTS_BYTES)

/* PoolIndex of a header: a node, and a kind in the lower bits. */
#define POOL_KIND_PAGED 2
#define POOL_KIND_BITS  2
#define POOL_NODES      16

/* PoolType of a header (pool.h). */
#define BLOCK_PAGED  0x01
#define BLOCK_IN_USE 0x02
#define BLOCK_CACHED 0x10
