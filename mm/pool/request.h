/*
 * request.h - a request for pool memory, as the families of allocation routines hand it to
 * allocate.c.
 */
#pragma once

#include "mm/pool/pool.h"

/* Where in its page special pool puts a block. */
typedef enum _POOL_EDGE {
    PoolEdgeDefault, /* as the verifier's words say */
    PoolEdgeOverrun, /* at the end */
    PoolEdgeUnderrun,
} POOL_EDGE;

typedef struct _POOL_REQUEST {
    POOL_KIND Kind;
    POOL_TYPE PoolType; /* as bug checks show it */
    SIZE_T Bytes;
    ULONG Tag;
    POOL_LEVEL Level;
    BOOLEAN CacheAligned;
    BOOLEAN Zero;
    BOOLEAN Raise;
    BOOLEAN Special; /* special pool is asked for, whatever the verifier's words say */
    POOL_EDGE Edge;
    PVOID Caller;
} POOL_REQUEST, *PPOOL_REQUEST;

/* ---- allocate.c ------------------------------------------------------------------------------ */

/* What a request gets that can't be served: NULL, or an exception when it wants one. */
PVOID ExpRefuse(const POOL_REQUEST *Request, NTSTATUS Status);
/* Serves a request whose family has no objection. */
PVOID ExpAllocate(const POOL_REQUEST *Request);

/* ---- priority.c ------------------------------------------------------------------------------ */

/* The level of a priority; FALSE, and normal, for a value that is none. */
BOOLEAN ExpReadPriority(EX_POOL_PRIORITY Priority, POOL_LEVEL *Level);
/* The edge that a priority chooses. */
POOL_EDGE ExpReadEdge(EX_POOL_PRIORITY Priority);
/* Whether enough is left for others behind the request (PRIO-1). */
BOOLEAN ExpLeavesEnough(const POOL_REQUEST *Request);
/* Counts a request that failed for want of memory (PRIO-3). */
VOID ExpCountFailure(const POOL_REQUEST *Request);

/* ---- fail.c ---------------------------------------------------------------------------------- */

/*
 * Whether a request that is in order is to fail as if there were no memory. Up to DISPATCH_LEVEL.
 */
typedef BOOLEAN POOL_FAIL_ROUTINE(const POOL_REQUEST *Request);
extern POOL_FAIL_ROUTINE *ExpFailRoutine;
/* From now on Routine is asked about every request; NULL: none is. */
VOID ExpSetFailRoutine(POOL_FAIL_ROUTINE *Routine);

static inline BOOLEAN ExpShouldFail(const POOL_REQUEST *Request)
{
    POOL_FAIL_ROUTINE *Routine = __atomic_load_n(&ExpFailRoutine, __ATOMIC_ACQUIRE);
    return Routine != NULL && Routine(Request);
}
