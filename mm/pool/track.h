/*
 * track.h - pool tracking: which blocks belong to whom, for the loader, which tells it what owners
 * there are, for verify.c, which tells it of blocks, and for `!verifier`. track.c has the theory.
 */
#pragma once

#include "mm/pool/verify.h"

/* What an owner has of the paged or the nonpaged pools. */
typedef struct _POOL_OWNER_USE {
    SIZE_T Allocations, PeakAllocations;
    SIZE_T Bytes, PeakBytes;
} POOL_OWNER_USE, *PPOOL_OWNER_USE;

/*
 * Code whose allocations are its own: a driver image. The first four fields are the loader's; the
 * memory is too, and stays until ExpRemoveOwner is back.
 */
typedef struct _POOL_OWNER {
    ULONG_PTR Start; /* an allocation belongs to the owner that its caller's address lies in */
    ULONG_PTR End;
    const CHAR *Name; /* NULL: it has none */
    BOOLEAN Unloading;
    POOL_OWNER_USE Use[2]; /* nonpaged, paged */
    LIST_ENTRY Links;
} POOL_OWNER, *PPOOL_OWNER;

/* A block that is alive. */
typedef struct _POOL_TRACK {
    struct _POOL_TRACK *Next;
    PVOID Block;
    PPOOL_OWNER Owner;
    SIZE_T Bytes; /* as asked for */
    PVOID Caller;
    PVOID Thread;
    ULONG Tag;
    BOOLEAN Paged;
} POOL_TRACK, *PPOOL_TRACK;

/* ---- for the loader -------------------------------------------------------------------------- */

/* Tracks what the code from Start to End allocates from now on. */
VOID ExpAddOwner(PPOOL_OWNER Owner);
/* The image's unload routine is about to run: 0xC4/0x61 for what it allocates. */
VOID ExpBeginUnload(PPOOL_OWNER Owner);
/*
 * The unload routine is back. Prints the blocks that are left, and stops if there are any:
 * 0xC4/0x62 (name, 0, count), or 0x60 (paged bytes, nonpaged bytes, count) for an owner without a
 * name.
 */
VOID ExpRemoveOwner(PPOOL_OWNER Owner);

/* ---- for the hooks --------------------------------------------------------------------------- */

/* A request was served with Block. */
VOID ExpTrack(const POOL_REQUEST *Request, PVOID Block);
/* Block is about to be freed. */
VOID ExpForget(PVOID Block);

/* ---- for people: no lock is taken ------------------------------------------------------------ */

/* The owner behind Owner, the newest behind NULL; NULL at the end. */
PPOOL_OWNER ExpNextOwner(PPOOL_OWNER Owner);
/*
 * A tracked block: begin with *Bucket 0 and NULL, and hand in what came. NULL at the end.
 */
PPOOL_TRACK ExpNextTrack(PULONG Bucket, PPOOL_TRACK Track);
/* One row of a list of blocks (verifier_command.c). */
VOID ExpPrintTrack(const POOL_TRACK *Track);
/* What all owners have together. */
extern POOL_OWNER_USE ExpTrackedUse[2];
