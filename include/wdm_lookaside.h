/*
 * wdm_lookaside.h - lookaside lists: freed blocks of one size, kept at hand. Part of wdm.h.
 *
 * A list's structure is the driver's, nonpageable and 16-byte aligned, whatever its entries are.
 * Entries come from the pool (or the driver's Allocate routine) while the list is empty and go back
 * (or to its Free routine) while it is full; the system adjusts how many it keeps. An entry is the
 * last one that was freed. IRQL: <= DISPATCH_LEVEL, <= APC_LEVEL if the entries are paged.
 *
 * Checked mode: bug check 0xC4 with 0xCA (list) for a list that is initialised while it is in use,
 * 0xCB (list) for one that is deleted and is not, 0xCD (list, size, least size) for entries below
 * LOOKASIDE_MINIMUM_BLOCK_SIZE, 0xE5 (IRQL, 0, 0) for a wrong level.
 */
#pragma once

#include <wdm_ex.h>
#include <wdm_list.h>

#define LOOKASIDE_MINIMUM_BLOCK_SIZE     8
#define EX_MAXIMUM_LOOKASIDE_DEPTH_BASE  256
#define EX_MAXIMUM_LOOKASIDE_DEPTH_LIMIT 1024
#define LOOKASIDE_ALIGN                  DECLSPEC_ALIGN(64)

/* Flags of ExInitializeLookasideListEx. */
#define EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL 1
#define EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE 2

typedef struct _LOOKASIDE_LIST_EX LOOKASIDE_LIST_EX, *PLOOKASIDE_LIST_EX;

/* A driver's own routines. Nobody serializes their calls. */
typedef PVOID NTAPI ALLOCATE_FUNCTION(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag);
typedef ALLOCATE_FUNCTION *PALLOCATE_FUNCTION;
typedef VOID NTAPI FREE_FUNCTION(PVOID Buffer);
typedef FREE_FUNCTION *PFREE_FUNCTION;
typedef PVOID NTAPI ALLOCATE_FUNCTION_EX(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag,
                                         PLOOKASIDE_LIST_EX Lookaside);
typedef ALLOCATE_FUNCTION_EX *PALLOCATE_FUNCTION_EX;
typedef VOID NTAPI FREE_FUNCTION_EX(PVOID Buffer, PLOOKASIDE_LIST_EX Lookaside);
typedef FREE_FUNCTION_EX *PFREE_FUNCTION_EX;

/* What all kinds of lists begin with. Drivers built for older systems work on it themselves. */
#define GENERAL_LOOKASIDE_FIELDS                                                                   \
    SLIST_HEADER ListHead;                                                                         \
    USHORT Depth;        /* entries that it keeps at most; ListHead says how many there are */     \
    USHORT MaximumDepth; /* where the adjusting ends */                                            \
    ULONG TotalAllocates;                                                                          \
    union {                                                                                        \
        ULONG AllocateMisses;                                                                      \
        ULONG AllocateHits;                                                                        \
    };                                                                                             \
    ULONG TotalFrees;                                                                              \
    union {                                                                                        \
        ULONG FreeMisses;                                                                          \
        ULONG FreeHits;                                                                            \
    };                                                                                             \
    POOL_TYPE Type;                                                                                \
    ULONG Tag;                                                                                     \
    ULONG Size;                                                                                    \
    union {                                                                                        \
        PALLOCATE_FUNCTION_EX AllocateEx;                                                          \
        PALLOCATE_FUNCTION Allocate;                                                               \
    };                                                                                             \
    union {                                                                                        \
        PFREE_FUNCTION_EX FreeEx;                                                                  \
        PFREE_FUNCTION Free;                                                                       \
    };                                                                                             \
    LIST_ENTRY ListEntry;     /* all lists in use */                                               \
    ULONG LastTotalAllocates; /* at the last adjusting */                                          \
    union {                                                                                        \
        ULONG LastAllocateMisses;                                                                  \
        ULONG LastAllocateHits;                                                                    \
    };                                                                                             \
    ULONG Future[2];

typedef struct LOOKASIDE_ALIGN _GENERAL_LOOKASIDE {
    GENERAL_LOOKASIDE_FIELDS
} GENERAL_LOOKASIDE, *PGENERAL_LOOKASIDE;
_Static_assert(sizeof(GENERAL_LOOKASIDE) == 128, "contract 2.10");

typedef struct _GENERAL_LOOKASIDE_POOL {
    GENERAL_LOOKASIDE_FIELDS
} GENERAL_LOOKASIDE_POOL, *PGENERAL_LOOKASIDE_POOL;
_Static_assert(sizeof(GENERAL_LOOKASIDE_POOL) == 96, "contract 2.10");
_Static_assert(offsetof(GENERAL_LOOKASIDE_POOL, Depth) == 16, "contract 2.10");
_Static_assert(offsetof(GENERAL_LOOKASIDE_POOL, TotalAllocates) == 20, "contract 2.10");
_Static_assert(offsetof(GENERAL_LOOKASIDE_POOL, Type) == 36, "contract 2.10");
_Static_assert(offsetof(GENERAL_LOOKASIDE_POOL, Size) == 44, "contract 2.10");
_Static_assert(offsetof(GENERAL_LOOKASIDE_POOL, Allocate) == 48, "contract 2.10");
_Static_assert(offsetof(GENERAL_LOOKASIDE_POOL, ListEntry) == 64, "contract 2.10");
_Static_assert(offsetof(GENERAL_LOOKASIDE_POOL, LastTotalAllocates) == 80, "contract 2.10");

struct _LOOKASIDE_LIST_EX {
    GENERAL_LOOKASIDE_POOL L;
};
typedef struct LOOKASIDE_ALIGN _NPAGED_LOOKASIDE_LIST {
    GENERAL_LOOKASIDE L;
} NPAGED_LOOKASIDE_LIST, *PNPAGED_LOOKASIDE_LIST;
typedef struct LOOKASIDE_ALIGN _PAGED_LOOKASIDE_LIST {
    GENERAL_LOOKASIDE L;
} PAGED_LOOKASIDE_LIST, *PPAGED_LOOKASIDE_LIST;
_Static_assert(sizeof(LOOKASIDE_LIST_EX) == 96, "contract 2.10");
_Static_assert(sizeof(NPAGED_LOOKASIDE_LIST) == 128, "contract 2.10");
_Static_assert(sizeof(PAGED_LOOKASIDE_LIST) == 128, "contract 2.10");

/*
 * Makes an empty list of entries of Size bytes from PoolType. Allocate and Free may be NULL: the
 * pool. Flags, one of: RAISE_ON_FAIL hands POOL_RAISE_IF_ALLOCATION_FAILURE to Allocate,
 * FAIL_NO_RAISE hands it POOL_QUOTA_FAIL_INSTEAD_OF_RAISE. Depth is 0. STATUS_INVALID_PARAMETER_4
 * for a pool type that nobody can allocate, _5 for flags; nothing is changed then. DDI wdm
 * ExInitializeLookasideListEx.
 */
NTSTATUS NTAPI ExInitializeLookasideListEx(PLOOKASIDE_LIST_EX Lookaside,
                                           PALLOCATE_FUNCTION_EX Allocate, PFREE_FUNCTION_EX Free,
                                           POOL_TYPE PoolType, ULONG Flags, SIZE_T Size, ULONG Tag,
                                           USHORT Depth);
/* An entry, uninitialised; NULL, or an exception, when there is no memory. DDI wdm. */
PVOID NTAPI ExAllocateFromLookasideListEx(PLOOKASIDE_LIST_EX Lookaside);
VOID NTAPI ExFreeToLookasideListEx(PLOOKASIDE_LIST_EX Lookaside, PVOID Entry);
/* Frees all entries that are kept. DDI wdm ExFlushLookasideListEx. */
VOID NTAPI ExFlushLookasideListEx(PLOOKASIDE_LIST_EX Lookaside);
/* The same, and the list is out of use. DDI wdm ExDeleteLookasideListEx. */
VOID NTAPI ExDeleteLookasideListEx(PLOOKASIDE_LIST_EX Lookaside);

/*
 * The older forms. Flags: POOL_NX_ALLOCATION (nonpaged entries are executable without it),
 * POOL_RAISE_IF_ALLOCATION_FAILURE. DDI wdm ExInitializeNPagedLookasideList,
 * ExInitializePagedLookasideList.
 */
VOID NTAPI ExInitializeNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside,
                                           PALLOCATE_FUNCTION Allocate, PFREE_FUNCTION Free,
                                           ULONG Flags, SIZE_T Size, ULONG Tag, USHORT Depth);
VOID NTAPI ExDeleteNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside);
PVOID NTAPI ExAllocateFromNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside);
VOID NTAPI ExFreeToNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside, PVOID Entry);

VOID NTAPI ExInitializePagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside,
                                          PALLOCATE_FUNCTION Allocate, PFREE_FUNCTION Free,
                                          ULONG Flags, SIZE_T Size, ULONG Tag, USHORT Depth);
VOID NTAPI ExDeletePagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside);
PVOID NTAPI ExAllocateFromPagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside);
VOID NTAPI ExFreeToPagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside, PVOID Entry);
