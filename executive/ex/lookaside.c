/*
 * lookaside.c - lookaside lists: blocks of one size that were freed and are kept for the next one
 * who wants one. For drivers.
 *
 * Theory. A list is an SLIST with a limit (Depth) and counters. A pop that finds nothing is a miss
 * and goes to the pool; a free that finds the limit reached goes there, too. Once a second, while
 * there are lists, a thread looks at each one's misses since the last time: more than one in 200
 * allocations, and the limit rises by half of them; otherwise it sinks by a tenth towards the least
 * (contract 2.10). What is above a limit that sank stays until it is wanted.
 *
 * Drivers built for systems without these exports pop and push by themselves, so the fields mean
 * what they mean in the public header, and Allocate and Free are never NULL. The counters are not
 * interlocked: an increment that is lost between processors does no harm.
 *
 *   LOOK-1  Entries are handed out last in, first out; one that was freed is kept while fewer than
 *           Depth are.
 *   LOOK-2  4 <= Depth <= MaximumDepth.
 *   LOOK-3  A list is in the list of those in use from its initialisation until it is deleted, and
 *           then holds no entry.
 */
#include <wdm.h>
#include "executive/ex/lookaside.h"
#include "executive/ps/ps.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"
#include "mm/pool/verify.h"

#define LEAST_DEPTH        4
#define MISSES_TO_RISE     200                  /* one miss in so many allocations, or more */
#define DECAY              10                   /* a tenth at a time */
#define SECOND             (10 * 1000 * 1000LL) /* in units of 100 ns */
#define ADJUSTING_PRIORITY 16

/* Bits of POOL_TYPE: what a list may be of, and what says paged. */
#define TYPE_PAGED (ULONG) PagedPool
#define TYPES_KNOWN                                                                                \
    ((ULONG)PagedPoolCacheAligned | POOL_NX_ALLOCATION | POOL_COLD_ALLOCATION |                    \
     POOL_RAISE_IF_ALLOCATION_FAILURE | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE | POOL_ZERO_ALLOCATION)

#define VERIFIER_IN_USE     0xCA
#define VERIFIER_NOT_IN_USE 0xCB
#define VERIFIER_TOO_SMALL  0xCD

_Static_assert(offsetof(GENERAL_LOOKASIDE_POOL, ListHead.Region) == 8 &&
                   offsetof(GENERAL_LOOKASIDE_POOL, Depth) == 16 &&
                   offsetof(GENERAL_LOOKASIDE_POOL, TotalAllocates) == 20 &&
                   offsetof(GENERAL_LOOKASIDE_POOL, TotalFrees) == 28,
               "lookaside.S");

static KSPIN_LOCK ExpLookasideLock; /* guards the list of lists, and Depth */
static LIST_ENTRY ExpLookasides = {&ExpLookasides, &ExpLookasides};
static KEVENT ExpLookasideEvent; /* set when there is a first list */

/* ---- lists in use ---------------------------------------------------------------------------- */

static BOOLEAN ExpIsInUse(PGENERAL_LOOKASIDE_POOL List)
{
    for (PLIST_ENTRY Entry = ExpLookasides.Flink; Entry != &ExpLookasides; Entry = Entry->Flink) {
        if (Entry == &List->ListEntry) {
            return TRUE;
        }
    }
    return FALSE;
}

/* Checked mode: what initialising and deleting a list want it to be. The lock is held. */
static VOID ExpCheckUse(PGENERAL_LOOKASIDE_POOL List, BOOLEAN Wanted, ULONG_PTR Rule)
{
    if (KiCheckedMode && ExpIsInUse(List) != Wanted) {
        KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, Rule, (ULONG_PTR)List, 0, 0);
    }
}

static VOID ExpUseList(PGENERAL_LOOKASIDE_POOL List)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ExpLookasideLock);
    ExpCheckUse(List, FALSE, VERIFIER_IN_USE);
    BOOLEAN First = IsListEmpty(&ExpLookasides);
    InsertTailList(&ExpLookasides, &List->ListEntry);
    KeReleaseSpinLock(&ExpLookasideLock, OldIrql);
    if (First) {
        KeSetEvent(&ExpLookasideEvent, IO_NO_INCREMENT, FALSE);
    }
}

static VOID ExpEndUse(PGENERAL_LOOKASIDE_POOL List)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ExpLookasideLock);
    ExpCheckUse(List, TRUE, VERIFIER_NOT_IN_USE);
    RemoveEntryList(&List->ListEntry);
    KeReleaseSpinLock(&ExpLookasideLock, OldIrql);
}

/* A list in use that begins in these bytes, for the pools, which are about to free them. */
static PVOID ExpFindListIn(PVOID Start, SIZE_T Bytes)
{
    PVOID Found = NULL;
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ExpLookasideLock);
    for (PLIST_ENTRY Entry = ExpLookasides.Flink; Entry != &ExpLookasides; Entry = Entry->Flink) {
        PVOID List = CONTAINING_RECORD(Entry, GENERAL_LOOKASIDE_POOL, ListEntry);
        if ((ULONG_PTR)List - (ULONG_PTR)Start < Bytes) {
            Found = List;
        }
    }
    KeReleaseSpinLock(&ExpLookasideLock, OldIrql);
    return Found;
}

VOID ExpForEachLookaside(EXP_LOOKASIDE_ROUTINE *Routine)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ExpLookasideLock);
    for (PLIST_ENTRY Entry = ExpLookasides.Flink; Entry != &ExpLookasides; Entry = Entry->Flink) {
        Routine(CONTAINING_RECORD(Entry, GENERAL_LOOKASIDE_POOL, ListEntry));
    }
    KeReleaseSpinLock(&ExpLookasideLock, OldIrql);
}

/* ---- the limit ------------------------------------------------------------------------------- */

static VOID ExpAdjustDepth(PGENERAL_LOOKASIDE_POOL List)
{
    ULONG Allocates = List->TotalAllocates - List->LastTotalAllocates;
    ULONG Misses = List->AllocateMisses - List->LastAllocateMisses;
    ULONG Depth = List->Depth;
    List->LastTotalAllocates += Allocates;
    List->LastAllocateMisses += Misses;
    if ((ULONG64)Misses * MISSES_TO_RISE > Allocates) {
        ULONG64 More = (ULONG64)Depth + (Misses + 1) / 2;
        Depth = More < List->MaximumDepth ? (ULONG)More : List->MaximumDepth;
    } else {
        Depth -= (Depth - LEAST_DEPTH + DECAY - 1) / DECAY;
    }
    List->Depth = (USHORT)Depth;
}

VOID ExpAdjustLookasides(VOID)
{
    ExpForEachLookaside(ExpAdjustDepth);
}

static VOID NTAPI ExpLookasideThread(PVOID Context)
{
    LARGE_INTEGER Second = {.QuadPart = -SECOND};
    UNREFERENCED_PARAMETER(Context);
    for (;;) {
        KeWaitForSingleObject(&ExpLookasideEvent, Executive, KernelMode, FALSE, NULL);
        while (!IsListEmpty(&ExpLookasides)) {
            KeDelayExecutionThread(KernelMode, FALSE, &Second);
            ExpAdjustLookasides();
        }
    }
}

INIT VOID ExpInitializeLookasides(VOID)
{
    PETHREAD Thread;
    ExpFindLookaside = ExpFindListIn;
    KeInitializeEvent(&ExpLookasideEvent, SynchronizationEvent, FALSE);
    NTSTATUS Status = PspCreateThread(ExpLookasideThread, NULL, ADJUSTING_PRIORITY, &Thread);
    if (!NT_SUCCESS(Status)) {
        KeBugCheckEx(PHASE0_INITIALIZATION_FAILED, (ULONG)Status, 0, 0, 0);
    }
    ObfDereferenceObject(Thread);
}

/* ---- making a list --------------------------------------------------------------------------- */

static VOID ExpPrepareList(PGENERAL_LOOKASIDE_POOL List, ULONG Type, SIZE_T Size, ULONG Tag)
{
    if (KiCheckedMode && Size < LOOKASIDE_MINIMUM_BLOCK_SIZE) {
        KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_TOO_SMALL, (ULONG_PTR)List, Size,
                     LOOKASIDE_MINIMUM_BLOCK_SIZE);
    }
    InitializeSListHead(&List->ListHead);
    List->Depth = LEAST_DEPTH;
    List->MaximumDepth = EX_MAXIMUM_LOOKASIDE_DEPTH_BASE;
    List->TotalAllocates = List->AllocateMisses = 0;
    List->TotalFrees = List->FreeMisses = 0;
    List->LastTotalAllocates = List->LastAllocateMisses = 0;
    List->Type = (POOL_TYPE)Type;
    List->Tag = Tag;
    List->Size = (ULONG)Size;
}

/* The public structures begin alike. */
static inline PGENERAL_LOOKASIDE_POOL ExpListOf(PVOID Lookaside)
{
    return Lookaside;
}

/* Those who operate on a list of paged entries are at <= APC_LEVEL, all others at <= DISPATCH. */
static inline VOID ExpCheckListLevel(const GENERAL_LOOKASIDE_POOL *List)
{
    KiRequireIrql(List->Type & TYPE_PAGED ? APC_LEVEL : DISPATCH_LEVEL);
}

/* The two older forms. */
static VOID ExpInitializeOld(PVOID Lookaside, PALLOCATE_FUNCTION Allocate, PFREE_FUNCTION Free,
                             ULONG Type, SIZE_T Size, ULONG Tag)
{
    PGENERAL_LOOKASIDE_POOL List = ExpListOf(Lookaside);
    ExpUseList(List);
    ExpPrepareList(List, Type, Size, Tag);
    List->Allocate = Allocate != NULL ? Allocate : ExAllocatePoolWithTag;
    List->Free = Free != NULL ? Free : ExFreePool;
}

#define OLD_FLAGS (POOL_NX_ALLOCATION | POOL_RAISE_IF_ALLOCATION_FAILURE)

VOID NTAPI ExInitializeNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside,
                                           PALLOCATE_FUNCTION Allocate, PFREE_FUNCTION Free,
                                           ULONG Flags, SIZE_T Size, ULONG Tag, USHORT Depth)
{
    UNREFERENCED_PARAMETER(Depth);
    KiRequireIrql(DISPATCH_LEVEL);
    ExpInitializeOld(Lookaside, Allocate, Free, NonPagedPool | (Flags & OLD_FLAGS), Size, Tag);
}
EXPORT(ExInitializeNPagedLookasideList);

VOID NTAPI ExInitializePagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside,
                                          PALLOCATE_FUNCTION Allocate, PFREE_FUNCTION Free,
                                          ULONG Flags, SIZE_T Size, ULONG Tag, USHORT Depth)
{
    UNREFERENCED_PARAMETER(Depth);
    KiRequireIrql(APC_LEVEL);
    ExpInitializeOld(Lookaside, Allocate, Free,
                     PagedPool | (Flags & POOL_RAISE_IF_ALLOCATION_FAILURE), Size, Tag);
}
EXPORT(ExInitializePagedLookasideList);

static PVOID NTAPI ExpAllocateEntry(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag,
                                    PLOOKASIDE_LIST_EX Lookaside)
{
    UNREFERENCED_PARAMETER(Lookaside);
    return ExAllocatePoolWithTag(PoolType, NumberOfBytes, Tag);
}

static VOID NTAPI ExpFreeEntry(PVOID Buffer, PLOOKASIDE_LIST_EX Lookaside)
{
    UNREFERENCED_PARAMETER(Lookaside);
    ExFreePool(Buffer);
}

/* The bits that the flags add to the pool type; MAXULONG for flags that are none. */
static ULONG ExpTypeOfFlags(ULONG Flags, BOOLEAN OwnAllocate)
{
    switch (Flags) {
    case 0: return 0;
    case EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL: return POOL_RAISE_IF_ALLOCATION_FAILURE;
    case EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE:
        return OwnAllocate ? POOL_QUOTA_FAIL_INSTEAD_OF_RAISE : 0; /* the pool does not raise */
    default: return MAXULONG;
    }
}

NTSTATUS NTAPI ExInitializeLookasideListEx(PLOOKASIDE_LIST_EX Lookaside,
                                           PALLOCATE_FUNCTION_EX Allocate, PFREE_FUNCTION_EX Free,
                                           POOL_TYPE PoolType, ULONG Flags, SIZE_T Size, ULONG Tag,
                                           USHORT Depth)
{
    ULONG Type = (ULONG)PoolType, Added = ExpTypeOfFlags(Flags, Allocate != NULL);
    UNREFERENCED_PARAMETER(Depth);
    KiRequireIrql(DISPATCH_LEVEL);
    if ((Type & ~TYPES_KNOWN) != 0) {
        return STATUS_INVALID_PARAMETER_4;
    }
    if (Added == MAXULONG) {
        return STATUS_INVALID_PARAMETER_5;
    }
    ExpUseList(&Lookaside->L);
    ExpPrepareList(&Lookaside->L, Type | Added, Size, Tag);
    Lookaside->L.AllocateEx = Allocate != NULL ? Allocate : ExpAllocateEntry;
    Lookaside->L.FreeEx = Free != NULL ? Free : ExpFreeEntry;
    return STATUS_SUCCESS;
}
EXPORT(ExInitializeLookasideListEx);

/* ---- taking and giving back ------------------------------------------------------------------ */

/* An entry that is kept; NULL on a miss. */
static inline PVOID ExpPopEntry(PGENERAL_LOOKASIDE_POOL List)
{
    ExpCheckListLevel(List);
    List->TotalAllocates++;
    PVOID Entry = ExpInterlockedPopEntrySList(&List->ListHead);
    if (Entry == NULL) {
        List->AllocateMisses++;
    }
    return Entry;
}

/* FALSE when as many are kept as may be. */
static inline BOOLEAN ExpKeepEntry(PGENERAL_LOOKASIDE_POOL List, PVOID Entry)
{
    ExpCheckListLevel(List);
    List->TotalFrees++;
    if ((USHORT)List->ListHead.Alignment >= List->Depth) {
        List->FreeMisses++;
        return FALSE;
    }
    ExpInterlockedPushEntrySList(&List->ListHead, Entry);
    return TRUE;
}

/*
 * Where lookaside.S goes with what is not common, for lists of the old kinds (both begin alike) and
 * of the new one.
 */
PVOID NTAPI ExpAllocateFromList(PVOID Lookaside);
VOID NTAPI ExpFreeToList(PVOID Lookaside, PVOID Entry);
PVOID NTAPI ExpAllocateFromListEx(PLOOKASIDE_LIST_EX Lookaside);
VOID NTAPI ExpFreeToListEx(PLOOKASIDE_LIST_EX Lookaside, PVOID Entry);

PVOID NTAPI ExpAllocateFromList(PVOID Lookaside)
{
    PGENERAL_LOOKASIDE_POOL List = ExpListOf(Lookaside);
    PVOID Entry = ExpPopEntry(List);
    return Entry != NULL ? Entry : List->Allocate(List->Type, List->Size, List->Tag);
}

VOID NTAPI ExpFreeToList(PVOID Lookaside, PVOID Entry)
{
    PGENERAL_LOOKASIDE_POOL List = ExpListOf(Lookaside);
    if (!ExpKeepEntry(List, Entry)) {
        List->Free(Entry);
    }
}

PVOID NTAPI ExpAllocateFromListEx(PLOOKASIDE_LIST_EX Lookaside)
{
    PGENERAL_LOOKASIDE_POOL List = &Lookaside->L;
    PVOID Entry = ExpPopEntry(List);
    return Entry != NULL ? Entry : List->AllocateEx(List->Type, List->Size, List->Tag, Lookaside);
}

VOID NTAPI ExpFreeToListEx(PLOOKASIDE_LIST_EX Lookaside, PVOID Entry)
{
    if (!ExpKeepEntry(&Lookaside->L, Entry)) {
        Lookaside->L.FreeEx(Entry, Lookaside);
    }
}

EXPORT(ExAllocateFromNPagedLookasideList);
EXPORT(ExFreeToNPagedLookasideList);
EXPORT(ExAllocateFromPagedLookasideList);
EXPORT(ExFreeToPagedLookasideList);
EXPORT(ExAllocateFromLookasideListEx);
EXPORT(ExFreeToLookasideListEx);

/* ---- the end --------------------------------------------------------------------------------- */

VOID NTAPI ExFlushLookasideListEx(PLOOKASIDE_LIST_EX Lookaside)
{
    PVOID Entry;
    ExpCheckListLevel(&Lookaside->L);
    while ((Entry = ExpInterlockedPopEntrySList(&Lookaside->L.ListHead)) != NULL) {
        Lookaside->L.FreeEx(Entry, Lookaside);
    }
}
EXPORT(ExFlushLookasideListEx);

VOID NTAPI ExDeleteLookasideListEx(PLOOKASIDE_LIST_EX Lookaside)
{
    KiRequireIrql(DISPATCH_LEVEL);
    ExpEndUse(&Lookaside->L);
    ExFlushLookasideListEx(Lookaside);
}
EXPORT(ExDeleteLookasideListEx);

static VOID ExpDeleteOld(PVOID Lookaside)
{
    PGENERAL_LOOKASIDE_POOL List = ExpListOf(Lookaside);
    PVOID Entry;
    ExpEndUse(List);
    ExpCheckListLevel(List);
    while ((Entry = ExpInterlockedPopEntrySList(&List->ListHead)) != NULL) {
        List->Free(Entry);
    }
}

VOID NTAPI ExDeleteNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside)
{
    KiRequireIrql(DISPATCH_LEVEL);
    ExpDeleteOld(Lookaside);
}
EXPORT(ExDeleteNPagedLookasideList);

VOID NTAPI ExDeletePagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside)
{
    KiRequireIrql(APC_LEVEL);
    ExpDeleteOld(Lookaside);
}
EXPORT(ExDeletePagedLookasideList);
