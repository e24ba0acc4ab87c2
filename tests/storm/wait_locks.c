/*
 * wait_locks.c - the torture of locks that a thread may wait for: fast mutexes, push locks,
 * resources.
 */
#include "tests/storm/locks.h"

/* ---- fast mutexes ---------------------------------------------------------------------------- */

static FAST_MUTEX FastMutex;

static VOID TakeFast(PHOLD Hold)
{
    UNREFERENCED_PARAMETER(Hold);
    ExAcquireFastMutex(&FastMutex);
    STORM_CHECK(KeGetCurrentIrql() == APC_LEVEL);
    STORM_CHECK(FastMutex.Owner == KeGetCurrentThread());
}

static VOID GiveBackFast(PHOLD Hold)
{
    UNREFERENCED_PARAMETER(Hold);
    STORM_CHECK(FastMutex.Owner == KeGetCurrentThread());
    ExReleaseFastMutex(&FastMutex);
    STORM_CHECK(KeGetCurrentIrql() == PASSIVE_LEVEL);
}

static const LOCK_KIND FastKind = {TakeFast, GiveBackFast, NULL, NULL};

STORM(LockFast, "storm/locks/a-fast-mutex-has-one-owner", "FMTX-1")
{
    ExInitializeFastMutex(&FastMutex);
    StormTorture(&FastKind, StormUseLock, OPERATIONS);
    STORM_CHECK(FastMutex.Count == FM_LOCK_BIT);
    STORM_CHECK(FastMutex.Owner == NULL);
    STORM_CHECK(KeReadStateEvent(&FastMutex.Event) == 0);
}

/* All forms together: trying, and the ones for callers inside a region. */
static VOID TakeFastSomehow(PSTORM_THREAD Me)
{
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        ULONG Form = StormRandom(Me, 3);
        if (Form == 0) {
            KeEnterCriticalRegion();
            ExAcquireFastMutexUnsafe(&FastMutex);
            StormChange(Me);
            ExReleaseFastMutexUnsafe(&FastMutex);
            KeLeaveCriticalRegion();
        } else if (Form == 2 || ExTryToAcquireFastMutex(&FastMutex)) {
            if (Form == 2) {
                ExAcquireFastMutex(&FastMutex);
            }
            StormChange(Me);
            ExReleaseFastMutex(&FastMutex);
        }
        StormPause(Me);
        KeSetPriorityThread(Me->Thread, (KPRIORITY)(7 + StormRandom(Me, 3)));
    }
}

static VOID CheckLoan(PSTORM_THREAD Me)
{
    TakeFastSomehow(Me);
    STORM_CHECK(Me->Thread->Loans == 0); /* with the last lock all is given back */
}

STORM(LockFastForms, "storm/locks/all-forms-of-a-fast-mutex-go-together", "FMTX-1")
{
    ExInitializeFastMutex(&FastMutex);
    StormTorture(&FastKind, CheckLoan, OPERATIONS);
    STORM_CHECK(FastMutex.Count == FM_LOCK_BIT);
    STORM_CHECK(FastMutex.Owner == NULL);
}

/* ---- push locks ------------------------------------------------------------------------------ */

static EX_PUSH_LOCK PushLock;

static VOID TakePush(PHOLD Hold)
{
    UNREFERENCED_PARAMETER(Hold);
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusive(&PushLock);
}

static VOID GiveBackPush(PHOLD Hold)
{
    UNREFERENCED_PARAMETER(Hold);
    ExReleasePushLockExclusive(&PushLock);
    KeLeaveCriticalRegion();
}

static VOID TakePushShared(PHOLD Hold)
{
    UNREFERENCED_PARAMETER(Hold);
    KeEnterCriticalRegion();
    ExAcquirePushLockShared(&PushLock);
}

static VOID GiveBackPushShared(PHOLD Hold)
{
    UNREFERENCED_PARAMETER(Hold);
    ExReleasePushLockShared(&PushLock);
    KeLeaveCriticalRegion();
}

static const LOCK_KIND PushKind = {TakePush, GiveBackPush, TakePushShared, GiveBackPushShared};

STORM(LockPush, "storm/locks/a-push-lock-keeps-readers-and-writers-apart", "PUSH-1")
{
    ExInitializePushLock(&PushLock);
    StormTorture(&PushKind, StormUseLock, OPERATIONS);
    STORM_CHECK(PushLock == 0);
}

/* By trying, by converting, and given back by the routine that finds out how it is held. */
static VOID TakePushSomehow(PSTORM_THREAD Me)
{
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        ULONG Form = StormRandom(Me, 4);
        KeEnterGuardedRegion();
        if (Form == 0 && ExTryAcquirePushLockExclusive(&PushLock)) {
            StormChange(Me);
            ExReleasePushLock(&PushLock);
        } else if (Form == 1 && ExTryAcquirePushLockShared(&PushLock)) {
            StormRead(Me);
            ExReleasePushLock(&PushLock);
        } else if (Form == 2) {
            ExAcquirePushLockShared(&PushLock);
            StormRead(Me);
            if (ExTryConvertPushLockSharedToExclusiveEx(&PushLock, EX_DEFAULT_PUSH_LOCK_FLAGS)) {
                StormChange(Me);
            }
            ExReleasePushLock(&PushLock);
        } else if (Form == 3) {
            ExAcquirePushLockExclusive(&PushLock);
            StormChange(Me);
            ExReleasePushLock(&PushLock);
        }
        KeLeaveGuardedRegion();
        StormPause(Me);
    }
}

STORM(LockPushForms, "storm/locks/all-forms-of-a-push-lock-go-together", "PUSH-1")
{
    ExInitializePushLock(&PushLock);
    StormTorture(&PushKind, TakePushSomehow, OPERATIONS);
    STORM_CHECK(PushLock == 0);
}

/* ---- resources ------------------------------------------------------------------------------- */

static ERESOURCE Resource;

static VOID TakeResource(PHOLD Hold)
{
    UNREFERENCED_PARAMETER(Hold);
    KeEnterCriticalRegion();
    STORM_CHECK(ExAcquireResourceExclusiveLite(&Resource, TRUE));
}

static VOID GiveBackResource(PHOLD Hold)
{
    UNREFERENCED_PARAMETER(Hold);
    ExReleaseResourceLite(&Resource);
    KeLeaveCriticalRegion();
}

static VOID TakeResourceShared(PHOLD Hold)
{
    UNREFERENCED_PARAMETER(Hold);
    ExEnterCriticalRegionAndAcquireResourceShared(&Resource);
}

static VOID GiveBackResourceShared(PHOLD Hold)
{
    UNREFERENCED_PARAMETER(Hold);
    ExReleaseResourceAndLeaveCriticalRegion(&Resource);
}

static const LOCK_KIND ResourceKind = {TakeResource, GiveBackResource, TakeResourceShared,
                                       GiveBackResourceShared};

static VOID CheckFreeResource(VOID)
{
    STORM_CHECK(ExGetExclusiveWaiterCount(&Resource) == 0);
    STORM_CHECK(ExGetSharedWaiterCount(&Resource) == 0);
    STORM_CHECK(Resource.ActiveEntries == 0);
    ExDeleteResourceLite(&Resource);
}

STORM(LockResource, "storm/locks/a-resource-keeps-readers-and-writers-apart", "RSRC-1")
{
    ExInitializeResourceLite(&Resource);
    StormTorture(&ResourceKind, StormUseLock, OPERATIONS);
    CheckFreeResource();
}

/* Shared in each of three ways, up to three deep; FALSE when it was not to wait and would have. */
static BOOLEAN ShareSomehow(PSTORM_THREAD Me, BOOLEAN Wait)
{
    switch (StormRandom(Me, 3)) {
    case 0: return ExAcquireResourceSharedLite(&Resource, Wait);
    case 1: return ExAcquireSharedStarveExclusive(&Resource, Wait);
    default: return ExAcquireSharedWaitForExclusive(&Resource, Wait);
    }
}

static VOID ReadResource(PSTORM_THREAD Me)
{
    ULONG Depth = 0;
    if (!ShareSomehow(Me, StormRandom(Me, 2) != 0)) {
        return;
    }
    /* Once more only in a way that waits for nobody: an exclusive waiter waits for this thread. */
    for (ULONG More = StormRandom(Me, 3); More > 0; More--) {
        Depth += ExAcquireSharedStarveExclusive(&Resource, FALSE);
    }
    STORM_CHECK(ExIsResourceAcquiredSharedLite(&Resource) == Depth + 1);
    StormRead(Me);
    for (; Depth > 0; Depth--) {
        ExReleaseResourceLite(&Resource);
    }
    ExReleaseResourceLite(&Resource);
}

static VOID WriteResource(PSTORM_THREAD Me)
{
    if (!ExAcquireResourceExclusiveLite(&Resource, StormRandom(Me, 2) != 0)) {
        return;
    }
    STORM_CHECK(ExIsResourceAcquiredExclusiveLite(&Resource));
    StormChange(Me);
    if (StormRandom(Me, 2) != 0) {
        ExConvertExclusiveToSharedLite(&Resource);
        StormRead(Me);
    } else if (StormRandom(Me, 2) != 0 && ExTryToAcquireResourceExclusiveLite(&Resource)) {
        StormChange(Me);
        ExReleaseResourceLite(&Resource);
    }
    ExReleaseResourceLite(&Resource);
}

static VOID UseResourceSomehow(PSTORM_THREAD Me)
{
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        KeEnterCriticalRegion();
        if (StormRandom(Me, 4) == 0) {
            WriteResource(Me);
        } else {
            ReadResource(Me);
        }
        KeLeaveCriticalRegion();
        StormPause(Me);
        KeSetPriorityThread(Me->Thread, (KPRIORITY)(7 + StormRandom(Me, 3)));
    }
    STORM_CHECK(Me->Thread->Loans == 0);
}

STORM(LockResourceForms, "storm/locks/all-forms-of-a-resource-go-together", "RSRC-1 || RSRC-6")
{
    ExInitializeResourceLite(&Resource);
    StormTorture(&ResourceKind, UseResourceSomehow, OPERATIONS);
    CheckFreeResource();
}
