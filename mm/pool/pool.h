/*
 * pool.h - the private interface of the pools: the layout of a block and what the files of mm/pool/
 * offer each other. pool.c has the theory. What drivers may call is declared in include/wdm.h.
 */
#pragma once

#include "mm/pool/cache_layout.h"
#include "mm/pool/pool_platform.h"

/* ---- the layout of a block (contract 3.1) ---------------------------------------------------- */

/*
 * Stands in front of every block that shares a page. Sizes count granules of 16 bytes. The caller's
 * bytes follow; while a block is free its first 16 bytes are the LIST_ENTRY of its free list.
 */
typedef struct _POOL_HEADER {
    UCHAR PreviousSize; /* of the block in front of this one, 0 for the first of a page */
    UCHAR PoolIndex;    /* of the descriptor that its page belongs to: node and POOL_KIND */
    UCHAR BlockSize;    /* of this block, header included */
    UCHAR PoolType;     /* 0 while free, else POOL_BLOCK_CACHED, or IN_USE and its type's bits */
    ULONG PoolTag;      /* with PROTECTED_POOL as the allocation gave it */
    ULONG64 Seal;       /* NT's ProcessBilled: nobody is billed, the rest is cache.c's */
} POOL_HEADER, *PPOOL_HEADER;
_Static_assert(sizeof(POOL_HEADER) == 16, "contract 3.1");
_Static_assert(offsetof(POOL_HEADER, PoolIndex) == 1, "contract 3.1");
_Static_assert(offsetof(POOL_HEADER, BlockSize) == 2, "contract 3.1");
_Static_assert(offsetof(POOL_HEADER, PoolType) == 3, "contract 3.1");
_Static_assert(offsetof(POOL_HEADER, PoolTag) == 4, "contract 3.1");
_Static_assert(offsetof(POOL_HEADER, Seal) == 8, "contract 3.1");

#define POOL_GRANULE       sizeof(POOL_HEADER)
#define POOL_PAGE_GRANULES (PAGE_SIZE / POOL_GRANULE)
#define POOL_CLASSES       256   /* a free list for each BlockSize; 0 and 1 stay empty */
#define POOL_SMALL_LIMIT   0xFE0 /* the largest request that shares a page */
#define POOL_CACHE_LINE    64

/* PoolType of a header: the must-succeed bit of POOL_TYPE never occurs, so it says "in use". */
#define POOL_BLOCK_PAGED         0x01
#define POOL_BLOCK_IN_USE        0x02
#define POOL_BLOCK_CACHE_ALIGNED 0x04
#define POOL_BLOCK_CACHED        0xFD /* free, on a processor's list: cache.S adds to it */

#define POOL_TAG_NONE     'enoN' /* shown for what ExAllocatePool gave */
#define POOL_TAG_OVERFLOW 'lfvO' /* stands for tags that found no room in the table */
#define POOL_TAG_BIG      ' GIB' /* given to big blocks that no tracker entry could be made for */

static inline PPOOL_HEADER ExpHeaderOf(PVOID Block)
{
    return (PPOOL_HEADER)Block - 1;
}

/* Index of a header's granule in its page. */
static inline ULONG ExpGranuleOf(const POOL_HEADER *Header)
{
    return (ULONG)(((ULONG_PTR)Header & (PAGE_SIZE - 1)) / POOL_GRANULE);
}

/* ---- descriptors ----------------------------------------------------------------------------- */

/* Chains of one size that no processor has. Only the words are touched under the lock. */
#define POOL_DEPOT_CHAINS 2
typedef struct _POOL_DEPOT {
    POOL_LOCK Lock;
    ULONG Count;
    ULONG64 Chains[POOL_DEPOT_CHAINS];
} POOL_DEPOT, *PPOOL_DEPOT;
#define POOL_EXACT_LIMIT 32 /* granules; larger blocks have no depot */

/*
 * One pool, or one node's part of it: its free blocks by size, and what it holds. Its lock guards
 * all but the depots.
 */
typedef struct _POOL_DESCRIPTOR {
    POOL_LOCK Lock;   /* nonpaged pool's */
    POOL_MUTEX Mutex; /* paged pool's */
    POOL_KIND Kind;
    UCHAR Index;         /* PoolIndex of its blocks */
    ULONG Node;          /* whose pages it has; paged pool's come from anywhere */
    POOL_TYPE PoolType;  /* as callers name it */
    UCHAR BlockType;     /* PoolType of the header of an ordinary block in use */
    ULONG64 Key;         /* of its blocks' seals: cache.c */
    SIZE_T TotalPages;   /* that blocks share */
    ULONG_PTR FirstPage; /* addresses between which those pages have been so far, */
    ULONG_PTR LastPage;  /* for searches; 0 before the first */
    ULONG64 NonEmpty[4]; /* bit N is set exactly while ListHeads[N] has a block */
    POOL_DEPOT Depots[POOL_EXACT_LIMIT + 1];
    LIST_ENTRY ListHeads[POOL_CLASSES] DECLSPEC_ALIGN(POOL_CACHE_LINE);
} DECLSPEC_ALIGN(POOL_CACHE_LINE) POOL_DESCRIPTOR, *PPOOL_DESCRIPTOR;

extern POOL_DESCRIPTOR ExpPools[PoolKindCount]; /* node 0's, and paged pool */
#define POOL_INDEXES (POOL_NODES << POOL_KIND_BITS)
extern PPOOL_DESCRIPTOR ExpPoolTable[POOL_INDEXES]; /* by PoolIndex; NULL where there is none */
extern ULONG64 ExpPoolKeys[POOL_INDEXES];           /* the same of their keys: cache.S */

static inline ULONG ExpIndexOf(POOL_KIND Kind, ULONG Node)
{
    return Kind == PoolKindPaged ? (ULONG)Kind : Node << POOL_KIND_BITS | (ULONG)Kind;
}

/*
 * The descriptor that a header of a page of Kind names. What names none belongs to the first, whose
 * checks will find that it does not.
 */
static inline PPOOL_DESCRIPTOR ExpPoolOfBlock(POOL_KIND Kind, const POOL_HEADER *Header)
{
    ULONG Index = Header->PoolIndex;
    if (ExpHighestNode() == 0) {
        return &ExpPools[Kind];
    }
    PPOOL_DESCRIPTOR Pool = Index < POOL_INDEXES ? ExpPoolTable[Index] : NULL;
    return Pool != NULL && Pool->Kind == Kind ? Pool : &ExpPools[Kind];
}

/* Addresses between which the pages of all descriptors of a kind have been so far; 0: none yet. */
VOID ExpQueryRange(POOL_KIND Kind, PULONG_PTR First, PULONG_PTR Last);

/* The lock of a pool: a spin lock for nonpaged pool, a mutex at APC_LEVEL for paged (POOL-9). */
static inline ULONG64 ExpLockPool(PPOOL_DESCRIPTOR Pool)
{
    return Pool->Kind == PoolKindPaged ? ExpAcquireMutex(&Pool->Mutex)
                                       : ExpAcquireSpin(&Pool->Lock);
}

static inline VOID ExpUnlockPool(PPOOL_DESCRIPTOR Pool, ULONG64 State)
{
    if (Pool->Kind == PoolKindPaged) {
        ExpReleaseMutex(&Pool->Mutex, State);
    } else {
        ExpReleaseSpin(&Pool->Lock, State);
    }
}

/* ---- blocks that share a page (block.c) ------------------------------------------------------ */

/*
 * Takes a block of Granules (2..255, header included) out of Pool, whose lock is held; with
 * CacheAligned the caller's address is a multiple of 64. The header is complete but for PoolTag.
 * NULL when no free block is large enough.
 */
PPOOL_HEADER ExpTakeBlock(PPOOL_DESCRIPTOR Pool, ULONG Granules, BOOLEAN CacheAligned);
/* The same out of a new page, which becomes Pool's. */
PPOOL_HEADER ExpTakeBlockOfNewPage(PPOOL_DESCRIPTOR Pool, PVOID Page, ULONG Granules,
                                   BOOLEAN CacheAligned);
/*
 * Puts a block back into Pool, whose lock is held, and merges it with free neighbours. Returns the
 * page when all of it is free: it has left the pool then, and the caller gives it back; else NULL.
 */
PVOID ExpPutBlock(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Header);
/* Bug checks unless Header is a block of Pool in use whose neighbours agree with it. */
VOID ExpCheckBlockInUse(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Header);
/* The same question without the lock: TRUE is certain, FALSE must be asked again under it. */
BOOLEAN ExpIsBlockInUse(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Header);
/* Checks a block in use and merges it; its page goes back to mm when all of it is free. */
VOID ExpReturnBlock(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Header);

/* ---- big blocks (big_pages.c) ---------------------------------------------------------------- */

/* One block of whole pages: NT's POOL_TRACKER_BIG_PAGES. */
typedef struct _POOL_BIG_BLOCK {
    ULONG_PTR Va; /* POOL_BIG_FREE is set while the entry is free */
    ULONG Key;    /* the tag, with PROTECTED_POOL */
    POOL_KIND Kind;
    SIZE_T Pages;
    PVOID QuotaObject; /* NULL: nothing is charged yet */
} POOL_BIG_BLOCK, *PPOOL_BIG_BLOCK;

#define POOL_BIG_FREE 1

/* Enters a block; FALSE when the table is full and no page is left to let it grow. */
BOOLEAN ExpTrackBigBlock(PVOID Base, POOL_KIND Kind, SIZE_T Pages, ULONG Tag);
/* The entry of the block that begins at Base. FALSE without one. */
BOOLEAN ExpFindBigBlock(PVOID Base, PPOOL_BIG_BLOCK Found);
/*
 * Takes the entry out for a free under Tag, which is checked first; of two frees that race exactly
 * one succeeds. FALSE without an entry.
 */
BOOLEAN ExpUntrackBigBlock(PVOID Base, ULONG Tag, PPOOL_BIG_BLOCK Found);
/* The entry of the block that has Address in it. Takes no lock: for describers and the monitor. */
BOOLEAN ExpFindBigBlockAround(PVOID Address, PPOOL_BIG_BLOCK Found);
/*
 * Entry number Slot without a lock; FALSE behind the end. Found->Va has POOL_BIG_FREE in a free
 * one.
 */
BOOLEAN ExpReadBigSlot(SIZE_T Slot, PPOOL_BIG_BLOCK Found);
/* Entries in use, entries in all, and blocks alive that have no entry. */
VOID ExpQueryBigTable(PSIZE_T Used, PSIZE_T Size, PSIZE_T Untracked);
/* Where the table's entries begin and end. */
VOID ExpQueryBigSlots(PVOID *Begin, PVOID *End);
/* A big block without an entry comes (+1) or goes (-1). */
VOID ExpCountUntracked(LONG64 Change);

/* ---- tags (tags.c) --------------------------------------------------------------------------- */

/* What one tag has cost so far; bytes include headers, rounding and whole pages. */
typedef struct _POOL_TAG_USAGE {
    ULONG Tag; /* without PROTECTED_POOL */
    ULONG64 NonPagedAllocs, NonPagedFrees, NonPagedBytes;
    ULONG64 PagedAllocs, PagedFrees, PagedBytes;
    ULONG64 NonPagedPeak, PagedPeak;  /* the most bytes that a reading of this slot has seen */
    ULONG64 Failures[PoolLevelCount]; /* requests for which there was no memory */
} POOL_TAG_USAGE, *PPOOL_TAG_USAGE;

/* The slot of a tag; a new tag gets one. PROTECTED_POOL does not matter. */
ULONG ExpSlotOf(ULONG Tag);
/* Count on the processor that calls. */
VOID ExpCountAllocation(ULONG Slot, POOL_KIND Kind, SIZE_T Granules);
VOID ExpCountFree(ULONG Slot, POOL_KIND Kind, SIZE_T Granules);
VOID ExpCountTagFailure(ULONG Tag, POOL_LEVEL Level);
/* The usage of the tag in slot Slot; FALSE for an empty slot. */
BOOLEAN ExpReadTagSlot(ULONG Slot, PPOOL_TAG_USAGE Usage);
/* The usage of one tag; FALSE when it was never allocated. */
BOOLEAN ExpQueryTag(ULONG Tag, PPOOL_TAG_USAGE Usage);
/* Behind the slots of the table: tags that found no room in it, and big blocks without an entry. */
#define POOL_SLOT_OVERFLOW POOL_TAG_SLOTS
#define POOL_SLOT_BIG      (POOL_TAG_SLOTS + 1)
#define POOL_SLOT_LAST     POOL_SLOT_BIG
extern ULONG ExpTagKeys[POOL_TAG_COUNTERS];

/* ---- priorities (priority.c) ----------------------------------------------------------------- */

/* A level leaves one of Share pages to others; 0: none. */
VOID ExpSetShare(POOL_LEVEL Level, SIZE_T Share);
SIZE_T ExpQueryShare(POOL_LEVEL Level);
extern ULONG64 ExpFailures[PoolLevelCount]; /* requests that failed for want of memory */
/* Bit of each kind whose supply a level might leave too small: cache.S asks for priorities. */
extern UCHAR ExpScarce;
VOID ExpReviewSupply(POOL_KIND Kind); /* after pages came or went */

/* ---- reports (report.c) ---------------------------------------------------------------------- */

/*
 * Whether a block may be freed under Tag: 0xC2/0x0A when it is protected by another (contract 2.7).
 */
VOID ExpCheckTag(PVOID P, ULONG BlockTag, ULONG Tag);
/* Names what is wrong with the header of a block that is being freed: 0x19 or 0xC2. */
DECLSPEC_NORETURN VOID ExpReportBadBlock(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Header);
/* Names what is wrong with a pointer that can't be a block: 0xC2, or 0x19/0x22. */
DECLSPEC_NORETURN VOID ExpReportBadPointer(PVOID Address);

/* ---- inspection (inspect.c): reads one page, never faults, takes no lock --------------------- */

typedef struct _POOL_PAGE_WALK {
    PUCHAR Page;
    ULONG Granule;      /* where the next header is */
    ULONG PreviousSize; /* what it must say */
    BOOLEAN Broken;     /* the headers stopped to agree at Granule */
} POOL_PAGE_WALK, *PPOOL_PAGE_WALK;

/* Begins a walk over the blocks of Address's page. FALSE when the page can't be read. */
BOOLEAN ExpBeginWalk(PPOOL_PAGE_WALK Walk, PVOID Address);
/* The next block; NULL at the end of the page, or with Walk->Broken set. */
PPOOL_HEADER ExpNextBlock(PPOOL_PAGE_WALK Walk);
/* The block around Address in a page whose headers all agree; NULL otherwise. */
PPOOL_HEADER ExpFindBlockAround(PVOID Address);
/* A phrase for the kind: "nonpaged pool". */
const CHAR *ExpKindName(POOL_KIND Kind);
/* The four characters of a tag as people read them, dots for what can't be printed, and a NUL. */
#define POOL_TAG_TEXT 5
VOID ExpFormatTag(ULONG Tag, PCHAR Text);

/* ---- monitor commands (pool_command.c) ------------------------------------------------------- */

#define POOL_PATTERN_SIZE 16
/*
 * Reads a tag as typed, up to four characters (fewer stand for blanks behind them, as in the
 * source) or a glob; *Arguments moves behind it and the blanks that follow. FALSE when there is
 * none, or it is too long to be one.
 */
BOOLEAN ExpReadPattern(const CHAR **Arguments, CHAR Pattern[POOL_PATTERN_SIZE]);

/* Empties the free lists. boot/init.c calls it once, before the first allocation. */
VOID ExpInitializePools(VOID);
VOID ExpProvideTables(VOID); /* to the resources of kernel/ke */
/* Reads the words pool-low and pool-normal. Boot only. */
VOID ExpReadPoolWords(VOID);
