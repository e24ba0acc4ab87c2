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
    BOOLEAN Cold; /* whole pages of paged pool: the first to leave memory */
    BOOLEAN Zero;
    BOOLEAN Raise;
    BOOLEAN HasNode;            /* the caller chose a node: */
    POOL_NODE_REQUIREMENT Node; /* with MM_ANY_NODE_OK, others as well */
    BOOLEAN Deprecated;         /* it came by a routine that new drivers are not to call */
    BOOLEAN Special;            /* special pool is asked for, whatever the verifier's words say */
    POOL_EDGE Edge;
    PVOID Caller;
} POOL_REQUEST, *PPOOL_REQUEST;

/* ---- allocate.c ------------------------------------------------------------------------------ */

/* What a request gets that can't be served: NULL, or an exception when it wants one. */
PVOID ExpRefuse(const POOL_REQUEST *Request, NTSTATUS Status);
/* Serves a request whose family has no objection. */
PVOID ExpAllocate(const POOL_REQUEST *Request);
/* Fills in the header of a block that is nobody's yet: it is in use and counted then. */
VOID ExpFinishBlock(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Header, ULONG Tag, UCHAR PoolType);

/* ---- where cache.S goes on, with its arguments as they came ---------------------------------- */

PVOID NTAPI ExpAllocateWithTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag);
PVOID NTAPI ExpAllocateWithTagPriority(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag,
                                       EX_POOL_PRIORITY Priority);
PVOID NTAPI ExpAllocate2(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag);
/* A block came off its list, but its tag is not in its home slot. NULL: the tag is no good. */
PVOID NTAPI ExpFinishCached(PVOID Block, ULONG Tag);
VOID NTAPI ExpFreeWithTag(PVOID P, ULONG Tag);
/* A block that was in use, has lost its seal (whose slot was Slot), and finds its list full. */
VOID NTAPI ExpFreeOverflow(PVOID P, ULONG Slot, POOL_KIND Kind);
/* The same two for blocks of whole pages. */
PVOID NTAPI ExpFinishBig(PVOID Base, ULONG Tag);
VOID NTAPI ExpFreeBigOverflow(PVOID Base, ULONG Slot);

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
