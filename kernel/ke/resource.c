/*
 * resource.c - resources (ERESOURCE): shared or exclusive locks that know their owners.
 *
 * Theory. A resource has an entry for each owner, with a count: OwnerEntry for the exclusive owner
 * or for one of the sharers, a table for the other sharers. The table is made larger, by memory
 * from the floor above, before an acquire needs it; a release never needs memory. Who has to wait
 * hangs a block with an event into one of two queues. The release that leaves no owner makes the
 * next waiters the owners, then wakes them.
 *
 *   RSRC-1  One exclusive owner, or any number of sharers; each may acquire again.
 *   RSRC-2  Without an owner nobody waits: waiters are handed the resource.
 *   RSRC-3  The end of exclusive access lets all in that wait for shared access, else the next
 *           exclusive waiter; the end of shared access lets the next exclusive waiter in. Newcomers
 *           wait behind exclusive waiters, but for those who say otherwise (wdm_resource.h).
 *   RSRC-4  There is an entry in the table for each waiter who wants shared access.
 *   RSRC-5  Everything but the wait itself is done under the resource's lock, which is held for
 *           some dozens of instructions with interrupts off.
 *   RSRC-6  While somebody waits, each owner that is a thread was lent the highest priority among
 *           the waiters (LEND-1): when a waiter comes, when owners come. He gives it back when he
 *           has woken the next ones.
 */
#include "kernel/ke/resource.h"
#include "kernel/rtl/section.h"

#define NOT_A_THREAD 3

/* First parameters of bug check 0xC4. */
#define VERIFIER_RESOURCE_ACQUIRE 0x37
#define VERIFIER_RESOURCE_RELEASE 0x38
#define VERIFIER_INITIALIZED      0xD0
#define VERIFIER_NOT_INITIALIZED  0xD1
#define VERIFIER_SELF_DEADLOCK    0x1000
#define VERIFIER_ENDED_OWNED      0x100B

typedef enum _KI_SHARE { KiShareBehindExclusive, KiShareStarve, KiShareWaitForExclusive } KI_SHARE;

/* ---- what is found wrong --------------------------------------------------------------------- */

static DECLSPEC_NORETURN __attribute__((noinline, cold)) VOID KiNotOwned(PERESOURCE Resource,
                                                                         ERESOURCE_THREAD Owner)
{
    KeBugCheckEx(RESOURCE_NOT_OWNED, (ULONG_PTR)Resource, Owner, (ULONG_PTR)Resource->OwnerTable,
                 0);
}

static __attribute__((noinline, cold)) VOID KiResourceViolation(ULONG_PTR Rule, ULONG_PTR P2,
                                                                ULONG_PTR P3, ULONG_PTR P4)
{
    KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, Rule, P2, P3, P4);
}

static __attribute__((noinline, cold)) VOID KiCheckResourceAcquire(PERESOURCE Resource)
{
    KiRequireIrql(APC_LEVEL);
    if (!KiMayHoldLock()) {
        KiResourceViolation(VERIFIER_RESOURCE_ACQUIRE, KiReadIrql(),
                            KeGetCurrentThread()->CombinedApcDisable, (ULONG_PTR)Resource);
    }
}

static __attribute__((noinline, cold)) VOID KiCheckResourceRelease(PERESOURCE Resource)
{
    KiRequireIrql(DISPATCH_LEVEL);
    if (KiReadIrql() < APC_LEVEL && KeGetCurrentThread()->CombinedApcDisable == 0) {
        KiResourceViolation(VERIFIER_RESOURCE_RELEASE, KiReadIrql(), 0, (ULONG_PTR)Resource);
    }
}

/* Checked mode: before a resource is deleted, or initialised anew. */
static VOID KiCheckResourceEnd(PERESOURCE Resource)
{
    if (!KiIsListed(Resource)) {
        KiResourceViolation(VERIFIER_NOT_INITIALIZED, (ULONG_PTR)Resource, 0, 0);
    }
    ULONG64 Flags = KiLockResource(Resource);
    ULONG_PTR Owner = Resource->OwnerEntry.OwnerThread;
    BOOLEAN Owned = Resource->ActiveEntries != 0;
    KiUnlockResource(Resource, Flags);
    if (Owned) {
        KiResourceViolation(VERIFIER_ENDED_OWNED, (ULONG_PTR)Resource, Owner, 0);
    }
}

/* ---- beginning and end ----------------------------------------------------------------------- */

NTSTATUS NTAPI ExInitializeResourceLite(PERESOURCE Resource)
{
    KiRequireIrql(DISPATCH_LEVEL);
    if (KiCheckedMode && KiIsListed(Resource)) {
        KiResourceViolation(VERIFIER_INITIALIZED, (ULONG_PTR)Resource, 0, 0);
    }
    RtlZeroMemory(Resource, sizeof(*Resource));
    KiListResource(Resource);
    return STATUS_SUCCESS;
}
EXPORT(ExInitializeResourceLite);

NTSTATUS NTAPI ExReinitializeResourceLite(PERESOURCE Resource)
{
    POWNER_ENTRY Table = Resource->OwnerTable;
    KiRequireIrql(DISPATCH_LEVEL);
    if (KiCheckedMode) {
        KiCheckResourceEnd(Resource);
    }
    if (Table != NULL) {
        RtlZeroMemory(Table + 1, (Table->TableSize - 1) * sizeof(*Table));
    }
    RtlZeroMemory(&Resource->ActiveCount, sizeof(*Resource) - offsetof(ERESOURCE, ActiveCount));
    return STATUS_SUCCESS;
}
EXPORT(ExReinitializeResourceLite);

NTSTATUS NTAPI ExDeleteResourceLite(PERESOURCE Resource)
{
    KiRequireIrql(APC_LEVEL);
    if (KiCheckedMode) {
        KiCheckResourceEnd(Resource);
    }
    KiDelistResource(Resource);
    if (Resource->OwnerTable != NULL) {
        KiTableMemory.Free(Resource->OwnerTable);
        Resource->OwnerTable = NULL;
    }
    return STATUS_SUCCESS;
}
EXPORT(ExDeleteResourceLite);

/* ---- waiting --------------------------------------------------------------------------------- */

/* At the end of the ring. */
static VOID KiHangWaiter(PVOID *Queue, PKI_RESOURCE_WAITER Waiter)
{
    PKI_RESOURCE_WAITER Last = *Queue;
    Waiter->Next = Waiter;
    if (Last != NULL) {
        Waiter->Next = Last->Next;
        Last->Next = Waiter;
    }
    *Queue = Waiter;
}

/* The caller, who holds the lock, waits in a queue and is an owner when this returns. */
static VOID KiWaitForResource(PERESOURCE Resource, PVOID *Queue, PULONG Count, ULONG64 Flags)
{
    KI_RESOURCE_WAITER Waiter;
    Waiter.Thread = KeGetCurrentThread();
    KeInitializeEvent(&Waiter.Event, SynchronizationEvent, FALSE);
    KiHangWaiter(Queue, &Waiter);
    ++*Count;
    Resource->ContentionCount++;
    KiLendToOwners(Resource);
    KiUnlockResource(Resource, Flags);
    KeWaitForSingleObject(&Waiter.Event, WrResource, KernelMode, FALSE, NULL);
}

/* Takes all who wait for shared access out of their queue; they are owners. */
static PKI_RESOURCE_WAITER KiLetSharersIn(PERESOURCE Resource)
{
    PKI_RESOURCE_WAITER Last = Resource->SharedWaiters;
    PKI_RESOURCE_WAITER First = Last->Next;
    Last->Next = NULL;
    Resource->SharedWaiters = NULL;
    Resource->NumberOfSharedWaiters = 0;
    for (PKI_RESOURCE_WAITER Waiter = First; Waiter != NULL; Waiter = Waiter->Next) {
        Waiter->Thread->LendsTo = NULL;
        KiAddOwner(Resource, (ERESOURCE_THREAD)Waiter->Thread);
    }
    return First;
}

static PKI_RESOURCE_WAITER KiLetExclusiveIn(PERESOURCE Resource)
{
    PKI_RESOURCE_WAITER Last = Resource->ExclusiveWaiters;
    PKI_RESOURCE_WAITER First = Last->Next;
    Last->Next = First->Next;
    if (First == Last) {
        Resource->ExclusiveWaiters = NULL;
    }
    Resource->NumberOfExclusiveWaiters--;
    First->Next = NULL;
    KiAddOwner(Resource, (ERESOURCE_THREAD)First->Thread);
    Resource->Flag |= ResourceOwnedExclusive;
    return First;
}

/* RSRC-3: the last owner has gone. Returns the new ones, who are to be woken. */
static PKI_RESOURCE_WAITER KiHandOverResource(PERESOURCE Resource)
{
    PKI_RESOURCE_WAITER Woken = NULL;
    BOOLEAN WasExclusive = KiIsOwnedExclusively(Resource);
    Resource->Flag &= ~ResourceOwnedExclusive;
    if (Resource->SharedWaiters != NULL && (WasExclusive || Resource->ExclusiveWaiters == NULL)) {
        Woken = KiLetSharersIn(Resource);
    } else if (Resource->ExclusiveWaiters != NULL) {
        Woken = KiLetExclusiveIn(Resource);
    }
    if (KiIsWaitedFor(Resource)) {
        KiLendToOwners(Resource);
    }
    return Woken;
}

/*
 * Without the lock: a woken waiter's block is gone as soon as he runs. Lent: the caller gives back
 * his loan.
 */
static VOID KiWakeOwners(PKI_RESOURCE_WAITER Waiter, BOOLEAN Lent)
{
    while (Waiter != NULL) {
        PKI_RESOURCE_WAITER Next = Waiter->Next;
        KeSetEvent(&Waiter->Event, EVENT_INCREMENT, FALSE);
        Waiter = Next;
    }
    if (Lent) {
        KiReturnLoan();
    }
}

/* ---- acquiring ------------------------------------------------------------------------------- */

/* Makes the caller the first owner; what the fast paths do. */
static inline VOID KiTakeFreeResource(PERESOURCE Resource, USHORT Flag)
{
    Resource->OwnerEntry.OwnerThread = (ERESOURCE_THREAD)KeGetCurrentThread();
    Resource->OwnerEntry.TableSize = 0;
    Resource->OwnerEntry.OwnerCount = 1;
    Resource->ActiveEntries = 1;
    Resource->ActiveCount = 1;
    Resource->Flag |= Flag;
}

typedef enum _KI_SHARE_RESULT { KiShareGranted, KiShareMustWait, KiShareNeedsRoom } KI_SHARE_RESULT;

/* Gives the caller shared access if the rules allow that. */
static KI_SHARE_RESULT KiTryToShare(PERESOURCE Resource, KI_SHARE Share)
{
    ERESOURCE_THREAD Me = (ERESOURCE_THREAD)KeGetCurrentThread();
    BOOLEAN Exclusive = KiIsOwnedExclusively(Resource);
    BOOLEAN Behind = Resource->NumberOfExclusiveWaiters != 0;
    POWNER_ENTRY Entry = KiFindOwner(Resource, Me);
    if (Entry != NULL && (Exclusive || !Behind || Share != KiShareWaitForExclusive)) {
        Entry->OwnerCount++;
        return KiShareGranted;
    }
    if (Exclusive || (Behind && Share != KiShareStarve)) {
        return KiShareMustWait;
    }
    if (!KiHasRoomForOwner(Resource)) {
        return KiShareNeedsRoom;
    }
    KiAddOwner(Resource, Me);
    if (KiIsWaitedFor(Resource)) {
        KiLendToOwners(Resource);
    }
    return KiShareGranted;
}

/* Without the lock; a request that may not wait fails. */
static BOOLEAN KiMakeRoom(PERESOURCE Resource, BOOLEAN Wait)
{
    LARGE_INTEGER Tick = {.QuadPart = -KI_TIME_INCREMENT};
    if (!KiGrowTable(Resource)) {
        if (!Wait) {
            return FALSE;
        }
        KeDelayExecutionThread(KernelMode, FALSE, &Tick);
    }
    return TRUE;
}

static __attribute__((noinline)) BOOLEAN KiShareResource(PERESOURCE Resource, BOOLEAN Wait,
                                                         KI_SHARE Share)
{
    do {
        ULONG64 Flags = KiLockResource(Resource);
        KI_SHARE_RESULT Result = KiTryToShare(Resource, Share);
        if (Result == KiShareMustWait && Wait && KiHasRoomForWaiter(Resource)) {
            KiWaitForResource(Resource, &Resource->SharedWaiters, &Resource->NumberOfSharedWaiters,
                              Flags);
            return TRUE;
        }
        KiUnlockResource(Resource, Flags);
        if (Result == KiShareGranted) {
            return TRUE;
        }
        if (Result == KiShareMustWait && !Wait) {
            return FALSE;
        }
    } while (KiMakeRoom(Resource, Wait));
    return FALSE;
}

static inline BOOLEAN KiAcquireShared(PERESOURCE Resource, BOOLEAN Wait, KI_SHARE Share)
{
    if (KiCheckedMode) {
        KiCheckResourceAcquire(Resource);
    }
    ULONG64 Flags = KiLockResource(Resource);
    BOOLEAN Free = Resource->ActiveEntries == 0;
    if (Free) {
        KiTakeFreeResource(Resource, 0);
    }
    KiUnlockResource(Resource, Flags);
    return Free || KiShareResource(Resource, Wait, Share);
}

BOOLEAN NTAPI ExAcquireResourceSharedLite(PERESOURCE Resource, BOOLEAN Wait)
{
    return KiAcquireShared(Resource, Wait, KiShareBehindExclusive);
}
EXPORT(ExAcquireResourceSharedLite);

BOOLEAN NTAPI ExAcquireSharedStarveExclusive(PERESOURCE Resource, BOOLEAN Wait)
{
    return KiAcquireShared(Resource, Wait, KiShareStarve);
}
EXPORT(ExAcquireSharedStarveExclusive);

BOOLEAN NTAPI ExAcquireSharedWaitForExclusive(PERESOURCE Resource, BOOLEAN Wait)
{
    return KiAcquireShared(Resource, Wait, KiShareWaitForExclusive);
}
EXPORT(ExAcquireSharedWaitForExclusive);

/* Somebody owns it; the lock is held. */
static __attribute__((noinline)) BOOLEAN KiAcquireOwned(PERESOURCE Resource, BOOLEAN Wait,
                                                        ULONG64 Flags)
{
    ERESOURCE_THREAD Me = (ERESOURCE_THREAD)KeGetCurrentThread();
    POWNER_ENTRY Entry = KiFindOwner(Resource, Me);
    if (Entry != NULL && KiIsOwnedExclusively(Resource)) {
        Entry->OwnerCount++;
    } else if (Wait) {
        if (KiCheckedMode && Entry != NULL) {
            KiResourceViolation(VERIFIER_SELF_DEADLOCK, (ULONG_PTR)Resource, Me, 0);
        }
        KiWaitForResource(Resource, &Resource->ExclusiveWaiters,
                          &Resource->NumberOfExclusiveWaiters, Flags);
        return TRUE;
    } else {
        Entry = NULL;
    }
    KiUnlockResource(Resource, Flags);
    return Entry != NULL;
}

BOOLEAN NTAPI ExAcquireResourceExclusiveLite(PERESOURCE Resource, BOOLEAN Wait)
{
    if (KiCheckedMode) {
        KiCheckResourceAcquire(Resource);
    }
    ULONG64 Flags = KiLockResource(Resource);
    if (Resource->ActiveEntries != 0) {
        return KiAcquireOwned(Resource, Wait, Flags);
    }
    KiTakeFreeResource(Resource, ResourceOwnedExclusive);
    KiUnlockResource(Resource, Flags);
    return TRUE;
}
EXPORT(ExAcquireResourceExclusiveLite);

BOOLEAN NTAPI ExTryToAcquireResourceExclusiveLite(PERESOURCE Resource)
{
    return ExAcquireResourceExclusiveLite(Resource, FALSE);
}
EXPORT(ExTryToAcquireResourceExclusiveLite);

/* ---- releasing ------------------------------------------------------------------------------- */

/* The lock is held. */
static __attribute__((noinline)) VOID KiReleaseOwned(PERESOURCE Resource, ERESOURCE_THREAD Owner,
                                                     ULONG64 Flags)
{
    PKI_RESOURCE_WAITER Woken = NULL;
    BOOLEAN Lent = FALSE;
    POWNER_ENTRY Entry = KiFindOwner(Resource, Owner);
    if (Owner == 0 || Entry == NULL) {
        KiUnlockResource(Resource, Flags);
        KiNotOwned(Resource, Owner);
    }
    if (--Entry->OwnerCount == 0) {
        Lent = KiRemoveOwner(Resource, Entry);
        if (Resource->ActiveEntries == 0) {
            Woken = KiHandOverResource(Resource);
        }
    }
    KiUnlockResource(Resource, Flags);
    KiWakeOwners(Woken, Lent);
}

/* The only owner's only acquire, and nobody waits: then nothing was lent. */
static inline BOOLEAN KiIsSimpleRelease(PERESOURCE Resource, ERESOURCE_THREAD Owner)
{
    return Resource->OwnerEntry.OwnerThread == Owner && Resource->OwnerEntry.OwnerCount == 1 &&
           Resource->ActiveEntries == 1 && !KiIsWaitedFor(Resource);
}

static inline VOID KiReleaseResource(PERESOURCE Resource, ERESOURCE_THREAD Owner)
{
    ULONG64 Flags = KiLockResource(Resource);
    if (!KiIsSimpleRelease(Resource, Owner)) {
        KiReleaseOwned(Resource, Owner, Flags);
        return;
    }
    Resource->OwnerEntry.OwnerThread = 0;
    Resource->ActiveEntries = 0;
    Resource->ActiveCount = 0;
    Resource->Flag &= ~ResourceOwnedExclusive;
    KiUnlockResource(Resource, Flags);
}

VOID NTAPI ExReleaseResourceLite(PERESOURCE Resource)
{
    if (KiCheckedMode) {
        KiCheckResourceRelease(Resource);
    }
    KiReleaseResource(Resource, (ERESOURCE_THREAD)KeGetCurrentThread());
}
EXPORT(ExReleaseResourceLite);

/* A system thread, as all are here, need not be in a region for it. */
VOID NTAPI ExReleaseResourceForThreadLite(PERESOURCE Resource, ERESOURCE_THREAD ResourceThreadId)
{
    KiRequireIrql(DISPATCH_LEVEL);
    KiReleaseResource(Resource, ResourceThreadId);
}
EXPORT(ExReleaseResourceForThreadLite);

/* ---- other owners, other access -------------------------------------------------------------- */

VOID NTAPI ExSetResourceOwnerPointerEx(PERESOURCE Resource, PVOID OwnerPointer, ULONG Flags)
{
    ERESOURCE_THREAD Me = (ERESOURCE_THREAD)KeGetCurrentThread();
    UNREFERENCED_PARAMETER(Flags);
    KiRequireIrql(DISPATCH_LEVEL);
    if (KiCheckedMode && ((ULONG_PTR)OwnerPointer & NOT_A_THREAD) != NOT_A_THREAD) {
        RtlFailFast(FAST_FAIL_INVALID_ARG);
    }
    BOOLEAN Lent = FALSE;
    ULONG64 EFlags = KiLockResource(Resource);
    POWNER_ENTRY Mine = KiFindOwner(Resource, Me);
    POWNER_ENTRY Other = KiFindOwner(Resource, (ERESOURCE_THREAD)OwnerPointer);
    if (Mine != NULL && Other != NULL) { /* a sharer by that name has access already */
        Other->OwnerCount += Mine->OwnerCount;
        Lent = KiRemoveOwner(Resource, Mine);
    } else if (Mine != NULL) {
        Lent = KiEndLoan(Resource, Mine);
        Mine->OwnerThread = (ERESOURCE_THREAD)OwnerPointer;
    }
    KiUnlockResource(Resource, EFlags);
    if (Mine == NULL) {
        KiNotOwned(Resource, Me);
    }
    KiWakeOwners(NULL, Lent);
}
EXPORT(ExSetResourceOwnerPointerEx);

VOID NTAPI ExSetResourceOwnerPointer(PERESOURCE Resource, PVOID OwnerPointer)
{
    ExSetResourceOwnerPointerEx(Resource, OwnerPointer, 0);
}
EXPORT(ExSetResourceOwnerPointer);

VOID NTAPI ExConvertExclusiveToSharedLite(PERESOURCE Resource)
{
    ERESOURCE_THREAD Me = (ERESOURCE_THREAD)KeGetCurrentThread();
    PKI_RESOURCE_WAITER Woken = NULL;
    BOOLEAN Lent = FALSE;
    KiRequireIrql(APC_LEVEL);
    ULONG64 Flags = KiLockResource(Resource);
    BOOLEAN Owned = KiIsOwnedExclusively(Resource) && Resource->OwnerEntry.OwnerThread == Me;
    if (Owned) {
        Resource->Flag &= ~ResourceOwnedExclusive;
        if (Resource->SharedWaiters != NULL) {
            Woken = KiLetSharersIn(Resource);
        }
        if (KiIsWaitedFor(Resource)) {
            KiLendToOwners(Resource);
        } else {
            Lent = KiEndLoan(Resource, &Resource->OwnerEntry);
        }
    }
    KiUnlockResource(Resource, Flags);
    if (!Owned) {
        KiNotOwned(Resource, Me);
    }
    KiWakeOwners(Woken, Lent);
}
EXPORT(ExConvertExclusiveToSharedLite);

/* ---- questions ------------------------------------------------------------------------------- */

BOOLEAN NTAPI ExIsResourceAcquiredExclusiveLite(PERESOURCE Resource)
{
    KiRequireIrql(DISPATCH_LEVEL);
    return KiIsOwnedExclusively(Resource) &&
           Resource->OwnerEntry.OwnerThread == (ERESOURCE_THREAD)KeGetCurrentThread();
}
EXPORT(ExIsResourceAcquiredExclusiveLite);

ULONG NTAPI ExIsResourceAcquiredSharedLite(PERESOURCE Resource)
{
    KiRequireIrql(DISPATCH_LEVEL);
    ULONG64 Flags = KiLockResource(Resource);
    POWNER_ENTRY Entry = KiFindOwner(Resource, (ERESOURCE_THREAD)KeGetCurrentThread());
    ULONG Count = Entry != NULL ? Entry->OwnerCount : 0;
    KiUnlockResource(Resource, Flags);
    return Count;
}
EXPORT(ExIsResourceAcquiredSharedLite);

ULONG NTAPI ExGetExclusiveWaiterCount(PERESOURCE Resource)
{
    KiRequireIrql(DISPATCH_LEVEL);
    return Resource->NumberOfExclusiveWaiters;
}
EXPORT(ExGetExclusiveWaiterCount);

ULONG NTAPI ExGetSharedWaiterCount(PERESOURCE Resource)
{
    KiRequireIrql(DISPATCH_LEVEL);
    return Resource->NumberOfSharedWaiters;
}
EXPORT(ExGetSharedWaiterCount);

/* ---- with a critical region ------------------------------------------------------------------ */

PVOID NTAPI ExEnterCriticalRegionAndAcquireResourceExclusive(PERESOURCE Resource)
{
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(Resource, TRUE);
    return NULL;
}
EXPORT(ExEnterCriticalRegionAndAcquireResourceExclusive);

PVOID NTAPI ExEnterCriticalRegionAndAcquireResourceShared(PERESOURCE Resource)
{
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(Resource, TRUE);
    return NULL;
}
EXPORT(ExEnterCriticalRegionAndAcquireResourceShared);

PVOID NTAPI ExEnterCriticalRegionAndAcquireSharedWaitForExclusive(PERESOURCE Resource)
{
    KeEnterCriticalRegion();
    ExAcquireSharedWaitForExclusive(Resource, TRUE);
    return NULL;
}
EXPORT(ExEnterCriticalRegionAndAcquireSharedWaitForExclusive);

VOID NTAPI ExReleaseResourceAndLeaveCriticalRegion(PERESOURCE Resource)
{
    ExReleaseResourceLite(Resource);
    KeLeaveCriticalRegion();
}
EXPORT(ExReleaseResourceAndLeaveCriticalRegion);
