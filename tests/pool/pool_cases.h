/*
 * pool_cases.h - what the tests of the pools share: the three pools, pages laid out at will, and
 * the pools' own records compared with their invariants.
 */
#pragma once

#include "mm/pool/cache.h"
#include "tests/test.h"

#define TEST_TAG 'tseT'

/* A pool as callers name it. */
typedef struct _POOL_CASE {
    const CHAR *Name;
    POOL_KIND Kind;
    POOL_TYPE Type;
    POOL_FLAGS Flag;
    KIRQL HighestIrql;
} POOL_CASE;
extern const POOL_CASE PoolCases[PoolKindCount];

/* Runs Check for each pool; says which one it was when Check finds the promise broken. */
VOID PoolForEach(BOOLEAN (*Check)(const POOL_CASE *Case));

/* The same while no processor keeps blocks: what is freed merges at once. */
VOID PoolForEachUncached(BOOLEAN (*Check)(const POOL_CASE *Case));
/* Runs a body in free mode, where cache.S serves; skips it if somebody watches all requests. */
VOID PoolInFreeMode(VOID (*Body)(VOID));
VOID PoolInCheckedMode(VOID (*Body)(VOID)); /* the same in checked mode, and in both */
VOID PoolInBothModes(VOID (*Body)(VOID));
/* Has all processors give back the blocks that they keep. */
VOID PoolDrain(VOID);

/* ---- pages laid out at will ------------------------------------------------------------------ */

/*
 * Blocks that were only taken so that the next one lies where a test wants it. A test has one of
 * these, zeroed, and frees it in the end.
 */
#define POOL_MAX_PLUGS 1024
typedef struct _POOL_PLUGS {
    ULONG Count;
    PVOID Blocks[POOL_MAX_PLUGS];
} POOL_PLUGS, *PPOOL_PLUGS;
extern POOL_PLUGS PoolPlugs;
VOID PoolFreePlugs(VOID);

/* A block that has a page for itself; NULL when that can't be had. */
PVOID PoolTakeAlone(const POOL_CASE *Case, SIZE_T Bytes);
/* A block in the page of Neighbour; NULL when that can't be had. */
PVOID PoolTakeBeside(const POOL_CASE *Case, SIZE_T Bytes, PVOID Neighbour);
/* Four blocks of a quarter page each that fill a page, in the order of their addresses. */
#define POOL_QUARTER (PAGE_SIZE / 4 - sizeof(POOL_HEADER))
BOOLEAN PoolTakeQuarters(const POOL_CASE *Case, PVOID Blocks[4]);

/* ---- memory that ends ------------------------------------------------------------------------ */

/* A block whose first words lead to the one that was taken before it. */
typedef struct _POOL_CHAIN {
    struct _POOL_CHAIN *Before;
} POOL_CHAIN;
/* One request of a test's own kind; Choice is the test's. */
typedef PVOID POOL_TAKE(const POOL_CASE *Case, ULONG Choice, SIZE_T Bytes);
/*
 * Takes blocks of falling sizes until not even one of Least bytes can be had; returns the last one,
 * with what Last led to behind them.
 */
POOL_CHAIN *PoolTakeAll(POOL_TAKE *Take, const POOL_CASE *Case, ULONG Choice, SIZE_T Least,
                        POOL_CHAIN *Last);
VOID PoolFreeChain(POOL_CHAIN *Last);

/* ---- checks ---------------------------------------------------------------------------------- */

/*
 * Compares all pages and lists of a pool with POOL-1 to POOL-7; a broken invariant is a failed
 * check. Returns the blocks in use that share a page.
 */
SIZE_T PoolCheck(POOL_KIND Kind);
/* Blocks in the pool's pages that belong on the lists of that number, of any processor or depot. */
SIZE_T PoolCountKept(ULONG64 List);
BOOLEAN PoolIsFilled(PVOID Block, UCHAR Byte, SIZE_T From, SIZE_T To);
/* Frees a block if there is one: for the ends of tests. */
VOID PoolFreeIfAny(PVOID Block);

/* xorshift64 with shifts 13, 7, 17; returns the state after them. */
static inline ULONG64 PoolRandom(PULONG64 State)
{
    *State ^= *State << 13;
    *State ^= *State >> 7;
    *State ^= *State << 17;
    return *State;
}
