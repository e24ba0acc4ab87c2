/*
 * locks.c - lock torture: each kind of lock guards two numbers that are added to without any care.
 *
 * Who holds the lock alone adds one to the first, does something else, adds one to the second. If
 * two were ever inside at once, additions would get lost; if somebody else saw the numbers between
 * the two steps, they would differ.
 */
#include "tests/storm/locks.h"

static union {
    KSPIN_LOCK Spin;
    EX_SPIN_LOCK ReaderWriter;
    KMUTEX Mutex;
    KEVENT Event;
    KSEMAPHORE Semaphore;
} Lock;

static struct {
    const LOCK_KIND *Kind;
    volatile ULONG64 First, Second; /* guarded by Lock */
    volatile ULONG64 Added;         /* what they must come to */
} Guarded;

VOID StormChange(PSTORM_THREAD Me)
{
    STORM_CHECK(Guarded.First == Guarded.Second);
    Guarded.First = Guarded.First + 1;
    StormPause(Me);
    Guarded.Second = Guarded.Second + 1;
    StormCount(&Guarded.Added);
}

VOID StormRead(PSTORM_THREAD Me)
{
    ULONG64 First = Guarded.First;
    StormPause(Me);
    STORM_CHECK(Guarded.Second == First);
    STORM_CHECK(Guarded.First == First);
}

VOID StormUseLock(PSTORM_THREAD Me)
{
    const LOCK_KIND *Kind = Guarded.Kind;
    HOLD Hold;
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        if (Kind->TakeShared != NULL && StormRandom(Me, 4) != 0) {
            Kind->TakeShared(&Hold);
            StormRead(Me);
            Kind->GiveBackShared(&Hold);
        } else {
            Kind->Take(&Hold);
            StormChange(Me);
            Kind->GiveBack(&Hold);
        }
        StormPause(Me);
    }
}

VOID StormTorture(const LOCK_KIND *Kind, STORM_ROUTINE *Routine, ULONG Operations)
{
    Guarded.Kind = Kind;
    Guarded.First = Guarded.Second = Guarded.Added = 0;
    StormRun(StormThreads(), Routine, StormEach(Operations));
    STORM_CHECK(Guarded.First == Guarded.Added);
    STORM_CHECK(Guarded.Second == Guarded.Added);
}

/* ---- spin locks ------------------------------------------------------------------------------ */

static VOID TakeSpin(PHOLD Hold)
{
    KeAcquireSpinLock(&Lock.Spin, &Hold->OldIrql);
}

static VOID GiveBackSpin(PHOLD Hold)
{
    KeReleaseSpinLock(&Lock.Spin, Hold->OldIrql);
}

static const LOCK_KIND SpinKind = {TakeSpin, GiveBackSpin, NULL, NULL};

STORM(LockSpin, "storm/locks/a-spin-lock-has-one-owner", "SPIN-1")
{
    KeInitializeSpinLock(&Lock.Spin);
    StormTorture(&SpinKind, StormUseLock, OPERATIONS);
}

/* Mostly by trying, at DISPATCH_LEVEL. */
static VOID TrySpin(PHOLD Hold)
{
    Hold->OldIrql = KeRaiseIrqlToDpcLevel();
    for (ULONG i = 0; i < 8; i++) {
        if (KeTryToAcquireSpinLockAtDpcLevel(&Lock.Spin)) {
            return;
        }
        YieldProcessor();
    }
    KeAcquireSpinLockAtDpcLevel(&Lock.Spin);
}

static VOID GiveBackTried(PHOLD Hold)
{
    KeReleaseSpinLockFromDpcLevel(&Lock.Spin);
    KeLowerIrql(Hold->OldIrql);
}

static const LOCK_KIND TriedKind = {TrySpin, GiveBackTried, NULL, NULL};

STORM(LockTry, "storm/locks/trying-takes-a-spin-lock-or-leaves-it", "SPIN-1")
{
    KeInitializeSpinLock(&Lock.Spin);
    StormTorture(&TriedKind, StormUseLock, OPERATIONS);
}

static VOID TakeQueued(PHOLD Hold)
{
    KeAcquireInStackQueuedSpinLock(&Lock.Spin, &Hold->Handle);
}

static VOID GiveBackQueued(PHOLD Hold)
{
    KeReleaseInStackQueuedSpinLock(&Hold->Handle);
}

static const LOCK_KIND QueuedKind = {TakeQueued, GiveBackQueued, NULL, NULL};

STORM(LockQueued, "storm/locks/a-queued-spin-lock-is-handed-on", "SPIN-4")
{
    KeInitializeSpinLock(&Lock.Spin);
    StormTorture(&QueuedKind, StormUseLock, HANDOVERS);
    STORM_CHECK(Lock.Spin == 0);
}

/* ---- readers and writers --------------------------------------------------------------------- */

static VOID TakeShared(PHOLD Hold)
{
    Hold->OldIrql = ExAcquireSpinLockShared(&Lock.ReaderWriter);
}

static VOID GiveBackShared(PHOLD Hold)
{
    ExReleaseSpinLockShared(&Lock.ReaderWriter, Hold->OldIrql);
}

static VOID TakeExclusive(PHOLD Hold)
{
    Hold->OldIrql = ExAcquireSpinLockExclusive(&Lock.ReaderWriter);
}

static VOID GiveBackExclusive(PHOLD Hold)
{
    ExReleaseSpinLockExclusive(&Lock.ReaderWriter, Hold->OldIrql);
}

static const LOCK_KIND ReaderWriterKind = {TakeExclusive, GiveBackExclusive, TakeShared,
                                           GiveBackShared};

STORM(LockReaders, "storm/locks/readers-never-see-half-of-a-write", "RWSL-1")
{
    Lock.ReaderWriter = 0;
    StormTorture(&ReaderWriterKind, StormUseLock, OPERATIONS);
    STORM_CHECK(Lock.ReaderWriter == 0);
}

/* Begins as a reader and becomes the writer where that can be. */
static VOID ConvertOften(PSTORM_THREAD Me)
{
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        KIRQL OldIrql = ExAcquireSpinLockShared(&Lock.ReaderWriter);
        StormRead(Me);
        if (ExTryConvertSharedSpinLockExclusive(&Lock.ReaderWriter)) {
            StormChange(Me);
            ExReleaseSpinLockExclusive(&Lock.ReaderWriter, OldIrql);
        } else {
            ExReleaseSpinLockShared(&Lock.ReaderWriter, OldIrql);
        }
        StormPause(Me);
    }
}

STORM(LockConvert, "storm/locks/a-reader-becomes-the-only-one", "RWSL-1")
{
    Lock.ReaderWriter = 0;
    StormTorture(&ReaderWriterKind, ConvertOften, OPERATIONS);
    STORM_CHECK(Lock.ReaderWriter == 0);
    STORM_CHECK(Guarded.Added != 0);
}

/* ---- what threads wait for ------------------------------------------------------------------- */

static VOID TakeMutex(PHOLD Hold)
{
    UNREFERENCED_PARAMETER(Hold);
    StormWait(&Lock.Mutex);
}

static VOID GiveBackMutex(PHOLD Hold)
{
    UNREFERENCED_PARAMETER(Hold);
    KeReleaseMutex(&Lock.Mutex, FALSE);
}

static const LOCK_KIND MutexKind = {TakeMutex, GiveBackMutex, NULL, NULL};

STORM(LockMutex, "storm/locks/a-mutex-has-one-owner", "MUTX-1")
{
    KeInitializeMutex(&Lock.Mutex, 0);
    StormTorture(&MutexKind, StormUseLock, OPERATIONS);
    STORM_CHECK(KeReadStateMutex(&Lock.Mutex) == 1);
}

/* Up to three deep, and given back in steps between which the thread may lose the processor. */
static VOID TakeMutexOften(PSTORM_THREAD Me)
{
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        ULONG Depth = 1 + StormRandom(Me, 3);
        for (ULONG Taken = 0; Taken < Depth; Taken++) {
            StormWait(&Lock.Mutex);
        }
        StormChange(Me);
        for (ULONG Taken = Depth; Taken > 0; Taken--) {
            STORM_CHECK(KeReleaseMutex(&Lock.Mutex, FALSE) == 1 - (LONG)Taken);
        }
    }
}

STORM(LockRecursion, "storm/locks/a-mutex-is-free-behind-the-last-release", "MUTX-1")
{
    KeInitializeMutex(&Lock.Mutex, 0);
    StormTorture(&MutexKind, TakeMutexOften, OPERATIONS);
    STORM_CHECK(KeReadStateMutex(&Lock.Mutex) == 1);
}

static VOID TakeEvent(PHOLD Hold)
{
    UNREFERENCED_PARAMETER(Hold);
    StormWait(&Lock.Event);
}

static VOID GiveBackEvent(PHOLD Hold)
{
    UNREFERENCED_PARAMETER(Hold);
    STORM_CHECK(KeSetEvent(&Lock.Event, IO_NO_INCREMENT, FALSE) == 0);
}

static const LOCK_KIND EventKind = {TakeEvent, GiveBackEvent, NULL, NULL};

STORM(LockEvent, "storm/locks/a-set-event-lets-one-through", "WAIT-1")
{
    KeInitializeEvent(&Lock.Event, SynchronizationEvent, TRUE);
    StormTorture(&EventKind, StormUseLock, OPERATIONS);
    STORM_CHECK(KeReadStateEvent(&Lock.Event) == 1);
}

/* ---- threads and DPCs ------------------------------------------------------------------------ */

static struct {
    KDPC Dpc;
    volatile ULONG64 Queued, Ran;
} Rivals[STORM_MAX_THREADS];

static VOID NTAPI AddInDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeAcquireSpinLockAtDpcLevel(&Lock.Spin);
    STORM_CHECK(Guarded.First == Guarded.Second);
    Guarded.First = Guarded.First + 1;
    Guarded.Second = Guarded.Second + 1;
    KeReleaseSpinLockFromDpcLevel(&Lock.Spin);
    StormCount(&Guarded.Added);
    StormCount(&Rivals[(ULONG_PTR)Context].Ran);
}

static VOID UseLockBesideDpcs(PSTORM_THREAD Me)
{
    PKDPC Dpc = &Rivals[Me->Number].Dpc;
    HOLD Hold;
    KeInitializeDpc(Dpc, AddInDpc, (PVOID)(ULONG_PTR)Me->Number);
    KeSetImportanceDpc(Dpc, MediumHighImportance);
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        TakeSpin(&Hold);
        StormChange(Me);
        if (KeInsertQueueDpc(Dpc, NULL, NULL)) { /* here it has to wait for the lock's end */
            StormCount(&Rivals[Me->Number].Queued);
        }
        GiveBackSpin(&Hold);
        StormPause(Me);
    }
}

STORM(LockDpc, "storm/locks/a-spin-lock-keeps-dpcs-out", "SPIN-1")
{
    RtlZeroMemory(Rivals, sizeof(Rivals));
    KeInitializeSpinLock(&Lock.Spin);
    StormTorture(&SpinKind, UseLockBesideDpcs, OPERATIONS);
    KeFlushQueuedDpcs();
    for (ULONG i = 0; i < STORM_MAX_THREADS; i++) {
        STORM_CHECK(Rivals[i].Ran == Rivals[i].Queued);
    }
}
