/*
 * fastmutex.c - fast mutexes, which are the guarded mutexes too, for drivers and for the kernel.
 *
 * Theory. The count is 1 when the mutex is free. An acquire takes one away: what is left is 0 for
 * the owner, less for who has to wait. A release adds one: what is then not positive tells that
 * somebody waits, and the synchronization event, set once, lets the first waiter go, who is the
 * owner then without looking at the count again. Only who waits, and who lets him go, come to the
 * dispatcher.
 *
 *   FMTX-1  One thread owns the mutex; a release with waiters makes the first of them the owner.
 *   FMTX-2  The safe forms run their owner at APC_LEVEL and keep his level in OldIrql, which the
 *           Unsafe forms leave alone (contract 1.7).
 *   FMTX-3  Who waits lends the owner his priority (LEND-1), and the first waiter takes over what
 *           the others lend. An owner is known by his name in the mutex: one who is interrupted in
 *           the few instructions between taking the count and writing the name is lent nothing.
 *   FMTX-4  Checked mode: the bug checks that wdm_lock.h names.
 */
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

#define MUTEX_FREE  1
#define MUTEX_OWNED 0

/* First parameters of bug check 0xC4. */
#define VERIFIER_ACQUIRE_HIGH        0x33
#define VERIFIER_RELEASE_LEVEL       0x34
#define VERIFIER_ACQUIRE_UNPROTECTED 0x39
#define VERIFIER_RELEASE_UNPROTECTED 0x3A
#define VERIFIER_SELF_DEADLOCK       0x1000
#define VERIFIER_WRONG_THREAD        0x1004
#define VERIFIER_NOT_OWNED           0x1007

typedef enum _KI_MUTEX_FORM { KiMutexSafe, KiMutexUnsafe } KI_MUTEX_FORM;

/* ---- what checked mode asks ------------------------------------------------------------------ */

/* (IRQL, APC counts, mutex): at a level where the routine may not be called. */
static VOID KiRequireMutexLevel(PFAST_MUTEX Mutex, BOOLEAN Allowed, ULONG_PTR Rule)
{
    if (!Allowed) {
        KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, Rule, KiReadIrql(),
                     KeGetCurrentThread()->CombinedApcDisable, (ULONG_PTR)Mutex);
    }
}

static VOID KiCheckAcquire(PFAST_MUTEX Mutex, KI_MUTEX_FORM Form)
{
    if (Form == KiMutexUnsafe) {
        KiRequireMutexLevel(Mutex, KiMayHoldLock(), VERIFIER_ACQUIRE_UNPROTECTED);
    } else if (KiReadIrql() > APC_LEVEL) {
        KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_ACQUIRE_HIGH, KiReadIrql(),
                     (ULONG_PTR)Mutex, 0);
    }
}

static VOID KiCheckNotOwner(PFAST_MUTEX Mutex)
{
    PKTHREAD Thread = KeGetCurrentThread();
    if (Mutex->Owner == Thread) {
        KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_SELF_DEADLOCK, (ULONG_PTR)Mutex,
                     (ULONG_PTR)Thread, 0);
    }
}

static VOID KiCheckRelease(PFAST_MUTEX Mutex, KI_MUTEX_FORM Form)
{
    PKTHREAD Thread = KeGetCurrentThread();
    if (Form == KiMutexUnsafe) {
        KiRequireMutexLevel(Mutex, KiMayHoldLock(), VERIFIER_RELEASE_UNPROTECTED);
    } else {
        KiRequireMutexLevel(Mutex, KiReadIrql() == APC_LEVEL, VERIFIER_RELEASE_LEVEL);
    }
    if (Mutex->Owner != Thread) {
        KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION,
                     Mutex->Owner == NULL ? VERIFIER_NOT_OWNED : VERIFIER_WRONG_THREAD,
                     (ULONG_PTR)Mutex, (ULONG_PTR)Thread, (ULONG_PTR)Mutex->Owner);
    }
}

/* ---- taking ---------------------------------------------------------------------------------- */

static inline BOOLEAN KiTakeFreeMutex(PFAST_MUTEX Mutex)
{
    LONG Free = MUTEX_FREE;
    return __atomic_compare_exchange_n(&Mutex->Count, &Free, MUTEX_OWNED, FALSE, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

/* The mark of lend.c is a byte that no event needs. */
static VOID KiLendToMutexOwner(PFAST_MUTEX Mutex, PKTHREAD Waiter)
{
    if (Mutex->Owner != NULL) {
        KiLendPriority(Mutex->Owner, Waiter, !Mutex->Event.Header.Signalling);
        Mutex->Event.Header.Signalling = TRUE;
    }
    Waiter->LendsTo = Mutex->Owner;
}

/* The caller is counted as a waiter; he is the owner when this returns. */
static VOID KiWaitForMutex(PFAST_MUTEX Mutex)
{
    PKTHREAD Thread = KeGetCurrentThread();
    NTSTATUS Status;
    __atomic_fetch_add(&Mutex->Contention, 1, __ATOMIC_RELAXED);
    do {
        ULONG64 Flags = KiLockDispatcher();
        if (Mutex->Event.Header.SignalState == 0) {
            KiLendToMutexOwner(Mutex, Thread);
        }
        Status = KiWaitInLock(&Mutex->Event.Header, WrFastMutex);
        Thread->LendsTo = NULL;
        if (Status == STATUS_SUCCESS) {
            Mutex->Owner = Thread;
        }
        KiExitDispatcher(Flags);
    } while (Status == STATUS_KERNEL_APC);
}

/* Behind the level: takes the mutex, or waits for it. */
static VOID KiTakeMutex(PFAST_MUTEX Mutex)
{
    if (KiCheckedMode) {
        KiCheckNotOwner(Mutex);
    }
    if (__atomic_sub_fetch(&Mutex->Count, 1, __ATOMIC_ACQUIRE) == MUTEX_OWNED) {
        Mutex->Owner = KeGetCurrentThread();
    } else {
        KiWaitForMutex(Mutex);
    }
}

/*
 * The exported routines have, as those of irql.c, one exit to everything that is not the common
 * case in free mode.
 */

static __attribute__((noinline, cold)) VOID NTAPI KiAcquireSlowly(PFAST_MUTEX FastMutex,
                                                                  KIRQL OldIrql)
{
    if (KiCheckedMode) {
        KiCheckAcquire(FastMutex, KiMutexSafe);
    }
    KiWriteIrql(APC_LEVEL);
    KiTakeMutex(FastMutex);
    FastMutex->OldIrql = OldIrql;
}

VOID NTAPI ExAcquireFastMutex(PFAST_MUTEX FastMutex)
{
    KIRQL OldIrql = KiReadIrql();
    if (!KiCheckedMode) {
        KiWriteIrql(APC_LEVEL);
        if (KiTakeFreeMutex(FastMutex)) {
            FastMutex->Owner = KeGetCurrentThread();
            FastMutex->OldIrql = OldIrql;
            return;
        }
    }
    KiAcquireSlowly(FastMutex, OldIrql);
}
EXPORT(ExAcquireFastMutex);

static __attribute__((noinline, cold)) VOID NTAPI KiAcquireUnsafeSlowly(PFAST_MUTEX FastMutex)
{
    if (KiCheckedMode) {
        KiCheckAcquire(FastMutex, KiMutexUnsafe);
    }
    KiTakeMutex(FastMutex);
}

VOID NTAPI ExAcquireFastMutexUnsafe(PFAST_MUTEX FastMutex)
{
    if (!KiCheckedMode && KiTakeFreeMutex(FastMutex)) {
        FastMutex->Owner = KeGetCurrentThread();
        return;
    }
    KiAcquireUnsafeSlowly(FastMutex);
}
EXPORT(ExAcquireFastMutexUnsafe);

BOOLEAN NTAPI ExTryToAcquireFastMutex(PFAST_MUTEX FastMutex)
{
    if (KiCheckedMode) {
        KiCheckAcquire(FastMutex, KiMutexSafe);
    }
    KIRQL OldIrql = KiReadIrql();
    KiWriteIrql(APC_LEVEL);
    if (!KiTakeFreeMutex(FastMutex)) {
        KiWriteIrql(OldIrql);
        return FALSE;
    }
    FastMutex->Owner = KeGetCurrentThread();
    FastMutex->OldIrql = OldIrql;
    return TRUE;
}
EXPORT(ExTryToAcquireFastMutex);

/* ---- giving back ----------------------------------------------------------------------------- */

/* FALSE when somebody waits. */
static inline BOOLEAN KiFreeMutex(PFAST_MUTEX Mutex)
{
    LONG Owned = MUTEX_OWNED;
    Mutex->Owner = NULL;
    return __atomic_compare_exchange_n(&Mutex->Count, &Owned, MUTEX_FREE, FALSE, __ATOMIC_RELEASE,
                                       __ATOMIC_RELAXED);
}

/* Makes the first of those who wait the owner; one who is on his way finds the event set. */
static VOID KiHandOverMutex(PFAST_MUTEX Mutex)
{
    PDISPATCHER_HEADER Header = &Mutex->Event.Header;
    PLIST_ENTRY First = Header->WaitListHead.Flink;
    Header->SignalState = 1;
    if (First == &Header->WaitListHead) {
        return;
    }
    Mutex->Owner = CONTAINING_RECORD(First, KWAIT_BLOCK, WaitListEntry)->Thread;
    ((PKTHREAD)Mutex->Owner)->LendsTo = NULL;
    KiWakeWaiters(Header, EVENT_INCREMENT);
    for (PLIST_ENTRY Entry = Header->WaitListHead.Flink; Entry != &Header->WaitListHead;
         Entry = Entry->Flink) {
        KiLendToMutexOwner(Mutex, CONTAINING_RECORD(Entry, KWAIT_BLOCK, WaitListEntry)->Thread);
    }
}

static VOID KiGiveMutex(PFAST_MUTEX Mutex)
{
    ULONG64 Flags = KiLockDispatcher();
    Mutex->Owner = NULL;
    if (Mutex->Event.Header.Signalling) {
        Mutex->Event.Header.Signalling = FALSE;
        KiReturnPriority(KeGetCurrentThread());
    }
    if (__atomic_add_fetch(&Mutex->Count, 1, __ATOMIC_RELEASE) != MUTEX_FREE) {
        KiHandOverMutex(Mutex);
    }
    KiExitDispatcher(Flags);
}

static __attribute__((noinline, cold)) VOID NTAPI KiReleaseSlowly(PFAST_MUTEX FastMutex,
                                                                  KIRQL OldIrql)
{
    if (KiCheckedMode) {
        KiCheckRelease(FastMutex, KiMutexSafe);
    }
    if (!KiFreeMutex(FastMutex)) {
        KiGiveMutex(FastMutex);
    }
    KiWriteIrql(OldIrql);
}

VOID NTAPI ExReleaseFastMutex(PFAST_MUTEX FastMutex)
{
    KIRQL OldIrql = (KIRQL)FastMutex->OldIrql;
    if (!KiCheckedMode && KiFreeMutex(FastMutex)) {
        KiWriteIrql(OldIrql);
        return;
    }
    KiReleaseSlowly(FastMutex, OldIrql);
}
EXPORT(ExReleaseFastMutex);

static __attribute__((noinline, cold)) VOID NTAPI KiReleaseUnsafeSlowly(PFAST_MUTEX FastMutex)
{
    if (KiCheckedMode) {
        KiCheckRelease(FastMutex, KiMutexUnsafe);
    }
    if (!KiFreeMutex(FastMutex)) {
        KiGiveMutex(FastMutex);
    }
}

VOID NTAPI ExReleaseFastMutexUnsafe(PFAST_MUTEX FastMutex)
{
    if (KiCheckedMode || !KiFreeMutex(FastMutex)) {
        KiReleaseUnsafeSlowly(FastMutex);
    }
}
EXPORT(ExReleaseFastMutexUnsafe);

/* ---- guarded mutexes ------------------------------------------------------------------------- */

VOID NTAPI KeInitializeGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    ExInitializeFastMutex(Mutex);
}
EXPORT(KeInitializeGuardedMutex);

EXPORT_AS("KeAcquireGuardedMutex", KeAcquireGuardedMutex, ExAcquireFastMutex);
EXPORT_AS("KeReleaseGuardedMutex", KeReleaseGuardedMutex, ExReleaseFastMutex);
EXPORT_AS("KeAcquireGuardedMutexUnsafe", KeAcquireGuardedMutexUnsafe, ExAcquireFastMutexUnsafe);
EXPORT_AS("KeReleaseGuardedMutexUnsafe", KeReleaseGuardedMutexUnsafe, ExReleaseFastMutexUnsafe);
EXPORT_AS("KeTryToAcquireGuardedMutex", KeTryToAcquireGuardedMutex, ExTryToAcquireFastMutex);
