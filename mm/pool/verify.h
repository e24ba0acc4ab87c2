/*
 * verify.h - what the Driver Verifier asks of the pools: its switches, special pool, checks and
 * tracking, and the hooks by which allocate.c, free.c and the families of routines reach them.
 *
 * On the host there is no verifier, only special_layout.c: the hooks do nothing there.
 */
#pragma once

#include "mm/pool/request.h"

/* ---- switches (verifier_words.c) ------------------------------------------------------------- */

/* Bits of Level; all but the first are those of `verifier /flags` (contract 5). */
#define VERIFY_POOL         0x80000000U /* the checks that NT makes for every verified driver */
#define VERIFY_SPECIAL_POOL 0x1U
#define VERIFY_TRACKING     0x8U
#define VERIFY_DDI          0x20000U

#define VERIFY_PATTERN_SIZE 16

typedef struct _POOL_VERIFIER {
    ULONG Level;
    ULONG SpecialSize; /* special pool for blocks of this size, header included; 0: by tag */
    CHAR SpecialTags[VERIFY_PATTERN_SIZE]; /* special pool for tags like this */
    BOOLEAN Underrun;                      /* blocks at the start of their page by default */
} POOL_VERIFIER, *PPOOL_VERIFIER;

extern POOL_VERIFIER ExpVerifier; /* changed by ExpSetVerifier only */

/* Counted since start-up while anything is verified (contract 5.5). */
typedef struct _POOL_VERIFIER_COUNTS {
    ULONG64 Attempted;
    ULONG64 Succeeded;
    ULONG64 SucceededSpecial;
    ULONG64 WithoutTag;
    ULONG64 NotTracked;    /* too large for special pool or tracking */
    ULONG64 SpecialFailed; /* wanted special pool and had to take the ordinary */
} POOL_VERIFIER_COUNTS, *PPOOL_VERIFIER_COUNTS;

extern POOL_VERIFIER_COUNTS ExpVerifierCounts;

static inline VOID ExpCountVerified(PULONG64 Counter)
{
    __atomic_fetch_add(Counter, 1, __ATOMIC_RELAXED);
}

/* ---- the place of a block in its page (special_layout.c) ------------------------------------- */

#define SPECIAL_LIMIT (PAGE_SIZE - 1) /* the largest request */

/* Offset of a block's first byte: as near to the edge as its alignment allows. */
ULONG ExpPlaceSpecial(ULONG Bytes, BOOLEAN CacheAligned, BOOLEAN Underrun);

typedef struct _POOL_DAMAGE {
    PUCHAR Address;    /* the first byte that is not the pattern any more */
    BOOLEAN Behind;    /* it lies behind the block */
    BOOLEAN SingleBit; /* in all of the page only one bit is wrong */
} POOL_DAMAGE, *PPOOL_DAMAGE;

/*
 * Looks at the bytes around a block. TRUE when some are not Pattern; those behind the block are
 * told before those in front of it.
 */
BOOLEAN ExpFindDamage(PUCHAR Block, ULONG Bytes, UCHAR Pattern, PPOOL_DAMAGE Damage);

/* Subcodes of 0xC4 for ExpStopIfVerified. */
#define VERIFIER_FREED_ALREADY    0x13 /* (-, header, its contents) */
#define VERIFIER_FREED_AND_MERGED 0x14 /* the same, when the block has become part of another */

#ifdef TARN_HOST

static inline VOID ExpVerifyRequest(const POOL_REQUEST *Request)
{
    (void)Request;
}
static inline VOID ExpVerifyQuotaCall(VOID)
{
}
static inline PVOID ExpServed(const POOL_REQUEST *Request, PVOID Block)
{
    (void)Request;
    return Block;
}
static inline VOID ExpVerifyFree(PVOID P)
{
    (void)P;
}
static inline VOID ExpVerifyTag(PVOID P, ULONG BlockTag, ULONG Tag)
{
    (void)P, (void)BlockTag, (void)Tag;
}
static inline VOID ExpStopIfVerified(ULONG_PTR Subcode, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4)
{
    (void)Subcode, (void)P2, (void)P3, (void)P4;
}
static inline VOID ExpStopBadPointer(PVOID Address)
{
    (void)Address;
}
static inline PVOID ExpTakeSpecial(const POOL_REQUEST *Request)
{
    (void)Request;
    return NULL;
}
static inline BOOLEAN ExpFreeIfSpecial(PVOID P, ULONG Tag, PVOID Caller)
{
    (void)P, (void)Tag, (void)Caller;
    return FALSE;
}
static inline BOOLEAN ExpQueryIfSpecial(PVOID P, PSIZE_T Bytes)
{
    (void)P, (void)Bytes;
    return FALSE;
}

#else

VOID ExpSetVerifier(const POOL_VERIFIER *Verifier);
/*
 * Reads `special-pool[:TAG|SIZE|*]`, `underrun`, `pool` and so on, commas between; FALSE, with what
 * is wrong in Wrong, when one is none of them.
 */
BOOLEAN ExpParseVerifier(const CHAR *Text, PPOOL_VERIFIER Verifier, const CHAR **Wrong);
/* The word verifier=. */
VOID ExpReadVerifierWord(VOID);

/* ---- checks of requests and frees (verify.c) ------------------------------------------------- */

VOID ExpCheckRequest(const POOL_REQUEST *Request);
/* First of all in a routine that allocates: stops what a verified driver may not ask for. */
static inline VOID ExpVerifyRequest(const POOL_REQUEST *Request)
{
    if (ExpVerifier.Level != 0 || Request->Special) {
        ExpCheckRequest(Request);
    }
}

VOID ExpCheckQuotaCall(VOID);
/* First of all in a routine that charges quota. */
static inline VOID ExpVerifyQuotaCall(VOID)
{
    if (ExpVerifier.Level != 0) {
        ExpCheckQuotaCall();
    }
}
/* A lookaside list in use that begins in these bytes, or NULL; executive/ex fills it in. */
extern PVOID (*ExpFindLookaside)(PVOID Start, SIZE_T Bytes);
VOID ExpCheckFree(PVOID P);
/* First of all in a free. */
static inline VOID ExpVerifyFree(PVOID P)
{
    if (ExpVerifier.Level != 0) {
        ExpCheckFree(P);
    }
}
VOID ExpNoteBlock(const POOL_REQUEST *Request, PVOID Block);
/* Last of all in a request that was served: counts, and tracks. Returns Block. */
static inline PVOID ExpServed(const POOL_REQUEST *Request, PVOID Block)
{
    if (ExpVerifier.Level != 0 || Request->Special) {
        ExpNoteBlock(Request, Block);
    }
    return Block;
}
/* In a free that shows a tag: a verified driver shows the block's own, or none. */
VOID ExpVerifyTag(PVOID P, ULONG BlockTag, ULONG Tag);

/* Bug check 0xC4 for a verified driver; returns for others, who are told something else. */
VOID ExpStopIfVerified(ULONG_PTR Subcode, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4);
/* 0xC4 in the same way for an address that is no block: 0x10 or 0x16. */
VOID ExpStopBadPointer(PVOID Address);

/* ---- callers of deprecated routines (deprecated.c) ------------------------------------------- */

typedef struct _POOL_DEPRECATED_CALLER {
    PVOID Caller; /* NULL: the slot is free, or it is the one behind the table */
    ULONG64 Calls;
    ULONG Tag; /* of the last call */
} POOL_DEPRECATED_CALLER;

VOID ExpNoteDeprecated(const POOL_REQUEST *Request);
/* Slot by slot; the last stands for callers that found none. FALSE behind it. */
BOOLEAN ExpReadDeprecated(ULONG Slot, POOL_DEPRECATED_CALLER *Caller);

/* ---- special pool (special.c) ---------------------------------------------------------------- */

/* Whether special pool is to serve a request if it can. */
BOOLEAN ExpWantsSpecial(const POOL_REQUEST *Request);
PVOID ExpAllocateSpecial(const POOL_REQUEST *Request);
/* A block of special pool, NULL when the ordinary pool is to serve the request. */
static inline PVOID ExpTakeSpecial(const POOL_REQUEST *Request)
{
    return (ExpVerifier.Level & VERIFY_SPECIAL_POOL) || Request->Special
               ? ExpAllocateSpecial(Request)
               : NULL;
}

static inline BOOLEAN ExpIsSpecial(PVOID Address)
{
    return ((ULONG_PTR)Address & ~(MI_SLOT_BYTES - 1)) == MI_SPECIAL_POOL;
}
VOID ExpFreeSpecial(PVOID P, ULONG Tag, PVOID Caller);
/* Frees P when its address is special pool's, before anything else is looked at. */
static inline BOOLEAN ExpFreeIfSpecial(PVOID P, ULONG Tag, PVOID Caller)
{
    BOOLEAN Special = ExpIsSpecial(P);
    if (Special) {
        ExpFreeSpecial(P, Tag, Caller);
    }
    return Special;
}
/* `!pool` and `!poolfind` for special pool (special_command.c). */
VOID ExpPrintSpecialPage(PVOID Address, BOOLEAN Contents);
VOID ExpFindInSpecialPool(const CHAR *Pattern);
SIZE_T ExpQuerySpecial(PVOID P);
/* The size of P when its address is special pool's: the bytes that were asked for. */
static inline BOOLEAN ExpQueryIfSpecial(PVOID P, PSIZE_T Bytes)
{
    BOOLEAN Special = ExpIsSpecial(P);
    if (Special) {
        *Bytes = ExpQuerySpecial(P);
    }
    return Special;
}

#endif
