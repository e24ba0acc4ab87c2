/*
 * spinlock.c - spin locks, plain and queued, for drivers and for the kernel.
 *
 * Theory. A spin lock is a word, 0 when free. A plain holder stores 1 (free mode) or its
 * processor's thread with bit 0 set (checked mode), so that a second acquire by the owner and a
 * release by somebody else are found instead of hanging. A queued lock is an MCS list: the word
 * points at the last waiter's handle, each waiter spins on its own handle, and the lock passes on
 * in order of arrival. In a handle's Lock field bit 0 says "waiting" and bit 1 "owner"; the rest is
 * the lock's address.
 *
 *   SPIN-1  Whoever holds a lock is at DISPATCH_LEVEL or above, so nothing else runs on its
 *           processor that could ask for the same lock.
 *   SPIN-2  Checked mode: acquiring a lock that this processor owns is bug check 0xF, releasing one
 *           that it does not own is 0x10. Parameters (not public, ours): lock, its value, IRQL,
 *           caller.
 *   SPIN-3  Checked mode: acquire above DISPATCH_LEVEL is C4/0x42, release at another level
 *           C4/0x32, an AtDpcLevel or FromDpcLevel routine below it C4/0x40 or C4/0x41 (IRQL,
 *           lock, 0).
 *   SPIN-4  Queued waiters get the lock in the order in which they came.
 */
#include "kernel/ke/spin.h"
#include "kernel/rtl/section.h"

#define QUEUE_WAITING 1
#define QUEUE_OWNER   2
#define QUEUE_BITS    3

__attribute__((noinline, cold)) VOID NTAPI KiLockViolation(ULONG_PTR Rule,
                                                           const volatile VOID *Lock)
{
    KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, Rule, KiReadIrql(), (ULONG_PTR)Lock, 0);
}

__attribute__((noinline, cold)) VOID NTAPI KiOwnerViolation(ULONG Code, PKSPIN_LOCK Lock,
                                                            PVOID Caller)
{
    KeBugCheckEx(Code, (ULONG_PTR)Lock, *Lock, KiReadIrql(), (ULONG_PTR)Caller);
}

/* Spins on a plain read, so that waiting does not take the cache line away from the owner. */
__attribute__((noinline, cold)) VOID NTAPI KiSpin(PKSPIN_LOCK Lock, PVOID Caller)
{
    do {
        while (__atomic_load_n(Lock, __ATOMIC_RELAXED) != LOCK_FREE) {
            if (KiCheckedMode && *Lock == KiLockOwner()) {
                KiOwnerViolation(SPIN_LOCK_ALREADY_OWNED, Lock, Caller);
            }
            YieldProcessor();
        }
    } while (!KiTakeLock(Lock));
}

VOID NTAPI KeInitializeSpinLock(PKSPIN_LOCK SpinLock)
{
    *SpinLock = LOCK_FREE;
}
EXPORT(KeInitializeSpinLock);

/*
 * The two hottest routines have, as those of irql.c, one exit each to what is rare: it finds out
 * what the matter is, and returns OldIrql, so that the common way need not keep it.
 */

static __attribute__((noinline, cold)) KIRQL NTAPI KiAcquireSlowly(PKSPIN_LOCK SpinLock,
                                                                   KIRQL OldIrql, PVOID Caller)
{
    if (KiCheckedMode && OldIrql > DISPATCH_LEVEL) {
        KiLockViolation(VERIFIER_ACQUIRE_ABOVE_DISPATCH, SpinLock);
    }
    KiSpin(SpinLock, Caller);
    KiNameOwner(SpinLock);
    return OldIrql;
}

static inline BOOLEAN KiRaiseAndTake(PKSPIN_LOCK SpinLock)
{
    KiWriteIrql(DISPATCH_LEVEL);
    return KiTakeLock(SpinLock);
}

KIRQL NTAPI KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK SpinLock)
{
    KIRQL OldIrql = KiReadIrql();
    if (KiCheckedMode) {
        if (OldIrql <= DISPATCH_LEVEL && KiRaiseAndTake(SpinLock)) {
            *SpinLock = KiLockOwner();
            return OldIrql;
        }
    } else if (KiRaiseAndTake(SpinLock)) {
        return OldIrql;
    }
    return KiAcquireSlowly(SpinLock, OldIrql, __builtin_return_address(0));
}
EXPORT(KeAcquireSpinLockRaiseToDpc);

static DECLSPEC_NORETURN __attribute__((noinline, cold)) VOID NTAPI KiBadRelease(
    PKSPIN_LOCK SpinLock, KIRQL NewIrql, PVOID Caller)
{
    if (KiReadIrql() != DISPATCH_LEVEL) {
        KiLockViolation(VERIFIER_RELEASE_NOT_DISPATCH, SpinLock);
    }
    if (*SpinLock != KiLockOwner()) {
        KiOwnerViolation(SPIN_LOCK_NOT_OWNED, SpinLock, Caller);
    }
    KiBadLower(NewIrql, DISPATCH_LEVEL, Caller);
}

static inline BOOLEAN KiIsBadRelease(PKSPIN_LOCK SpinLock, KIRQL NewIrql)
{
    return KiReadIrql() != DISPATCH_LEVEL || *SpinLock != KiLockOwner() ||
           KiIsBadLower(NewIrql, DISPATCH_LEVEL);
}

VOID NTAPI KeReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL NewIrql)
{
    if (KiCheckedMode && KiIsBadRelease(SpinLock, NewIrql)) {
        KiBadRelease(SpinLock, NewIrql, __builtin_return_address(0));
    }
    KiClearLock(SpinLock);
    KiWriteIrql(NewIrql);
}
EXPORT(KeReleaseSpinLock);

/*
 * The pair above for code that may be at either level: raising to the present one changes nothing.
 */
KIRQL NTAPI KeAcquireSpinLockForDpc(PKSPIN_LOCK SpinLock)
{
    KIRQL OldIrql = KiReadIrql();
    if (KiCheckedMode && OldIrql > DISPATCH_LEVEL) {
        KiLockViolation(VERIFIER_ACQUIRE_ABOVE_DISPATCH, SpinLock);
    }
    KiWriteIrql(DISPATCH_LEVEL);
    KiLock(SpinLock, __builtin_return_address(0));
    return OldIrql;
}
EXPORT(KeAcquireSpinLockForDpc);

VOID NTAPI KeReleaseSpinLockForDpc(PKSPIN_LOCK SpinLock, KIRQL OldIrql)
{
    if (KiCheckedMode && KiIsBadRelease(SpinLock, OldIrql)) {
        KiBadRelease(SpinLock, OldIrql, __builtin_return_address(0));
    }
    KiClearLock(SpinLock);
    KiWriteIrql(OldIrql);
}
EXPORT(KeReleaseSpinLockForDpc);

VOID NTAPI KeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    if (KiCheckedMode && KiReadIrql() < DISPATCH_LEVEL) {
        KiLockViolation(VERIFIER_ACQUIRE_BELOW_DISPATCH, SpinLock);
    }
    KiLock(SpinLock, __builtin_return_address(0));
}
EXPORT(KeAcquireSpinLockAtDpcLevel);

VOID NTAPI KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock)
{
    if (KiCheckedMode && KiReadIrql() < DISPATCH_LEVEL) {
        KiLockViolation(VERIFIER_RELEASE_BELOW_DISPATCH, SpinLock);
    }
    KiUnlock(SpinLock, __builtin_return_address(0));
}
EXPORT(KeReleaseSpinLockFromDpcLevel);

BOOLEAN NTAPI KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)
{
    if (KiCheckedMode && KiReadIrql() < DISPATCH_LEVEL) {
        KiLockViolation(VERIFIER_ACQUIRE_BELOW_DISPATCH, SpinLock);
    }
    if (!KiTakeLock(SpinLock)) {
        return FALSE;
    }
    KiNameOwner(SpinLock);
    return TRUE;
}
EXPORT(KeTryToAcquireSpinLockAtDpcLevel);

/* ---- in-stack queued locks ------------------------------------------------------------------- */

static inline VOID KiLockQueued(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
{
    PKSPIN_LOCK_QUEUE Mine = &LockHandle->LockQueue;
    Mine->Next = NULL;
    Mine->Lock = (PKSPIN_LOCK)((ULONG_PTR)SpinLock | QUEUE_OWNER);
    PKSPIN_LOCK_QUEUE Last =
        (PKSPIN_LOCK_QUEUE)__atomic_exchange_n(SpinLock, (ULONG_PTR)Mine, __ATOMIC_ACQ_REL);
    if (Last == NULL) {
        return;
    }
    Mine->Lock = (PKSPIN_LOCK)((ULONG_PTR)SpinLock | QUEUE_WAITING);
    __atomic_store_n(&Last->Next, Mine, __ATOMIC_RELEASE);
    while (__atomic_load_n((ULONG_PTR *)&Mine->Lock, __ATOMIC_ACQUIRE) & QUEUE_WAITING) {
        __asm__ volatile("pause");
    }
}

static inline VOID KiUnlockQueued(PKLOCK_QUEUE_HANDLE LockHandle, PVOID Caller)
{
    PKSPIN_LOCK_QUEUE Mine = &LockHandle->LockQueue;
    PKSPIN_LOCK SpinLock = (PKSPIN_LOCK)((ULONG_PTR)Mine->Lock & ~(ULONG_PTR)QUEUE_BITS);
    if (KiCheckedMode && !((ULONG_PTR)Mine->Lock & QUEUE_OWNER)) {
        KeBugCheckEx(SPIN_LOCK_NOT_OWNED, (ULONG_PTR)SpinLock, (ULONG_PTR)Mine->Lock, KiReadIrql(),
                     (ULONG_PTR)Caller);
    }
    Mine->Lock = SpinLock;
    ULONG_PTR Expected = (ULONG_PTR)Mine;
    if (__atomic_load_n(&Mine->Next, __ATOMIC_ACQUIRE) == NULL) {
        if (__atomic_compare_exchange_n(SpinLock, &Expected, LOCK_FREE, FALSE, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED)) {
            return;
        }
        while (__atomic_load_n(&Mine->Next, __ATOMIC_ACQUIRE) == NULL) {
            __asm__ volatile("pause"); /* the next one is between its exchange and its link */
        }
    }
    __atomic_store_n((ULONG_PTR *)&Mine->Next->Lock, (ULONG_PTR)SpinLock | QUEUE_OWNER,
                     __ATOMIC_RELEASE);
}

/* A processor that asks again for the queued lock it owns would wait for itself. */
static inline VOID KiCheckQueuedOwner(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle,
                                      PVOID Caller)
{
    if (*SpinLock == (ULONG_PTR)&LockHandle->LockQueue) {
        KiOwnerViolation(SPIN_LOCK_ALREADY_OWNED, SpinLock, Caller);
    }
}

static inline VOID KiRaiseAndLockQueued(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle,
                                        PVOID Caller)
{
    KIRQL OldIrql = KiReadIrql();
    if (KiCheckedMode) {
        if (OldIrql > DISPATCH_LEVEL) {
            KiLockViolation(VERIFIER_ACQUIRE_ABOVE_DISPATCH, SpinLock);
        }
        KiCheckQueuedOwner(SpinLock, LockHandle, Caller);
    }
    KiWriteIrql(DISPATCH_LEVEL);
    KiLockQueued(SpinLock, LockHandle);
    LockHandle->OldIrql = OldIrql;
}

static inline VOID KiUnlockQueuedAndLower(PKLOCK_QUEUE_HANDLE LockHandle, PVOID Caller)
{
    if (KiCheckedMode && KiReadIrql() != DISPATCH_LEVEL) {
        KiLockViolation(VERIFIER_RELEASE_NOT_DISPATCH, LockHandle);
    }
    KiUnlockQueued(LockHandle, Caller);
    KiLowerIrql(LockHandle->OldIrql, Caller);
}

VOID NTAPI KeAcquireInStackQueuedSpinLock(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle)
{
    KiRaiseAndLockQueued(SpinLock, LockHandle, __builtin_return_address(0));
}
EXPORT(KeAcquireInStackQueuedSpinLock);

VOID NTAPI KeReleaseInStackQueuedSpinLock(PKLOCK_QUEUE_HANDLE LockHandle)
{
    KiUnlockQueuedAndLower(LockHandle, __builtin_return_address(0));
}
EXPORT(KeReleaseInStackQueuedSpinLock);

VOID NTAPI KeAcquireInStackQueuedSpinLockForDpc(PKSPIN_LOCK SpinLock,
                                                PKLOCK_QUEUE_HANDLE LockHandle)
{
    KiRaiseAndLockQueued(SpinLock, LockHandle, __builtin_return_address(0));
}
EXPORT(KeAcquireInStackQueuedSpinLockForDpc);

VOID NTAPI KeReleaseInStackQueuedSpinLockForDpc(PKLOCK_QUEUE_HANDLE LockHandle)
{
    KiUnlockQueuedAndLower(LockHandle, __builtin_return_address(0));
}
EXPORT(KeReleaseInStackQueuedSpinLockForDpc);

VOID NTAPI KeAcquireInStackQueuedSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock,
                                                    PKLOCK_QUEUE_HANDLE LockHandle)
{
    if (KiCheckedMode) {
        if (KiReadIrql() < DISPATCH_LEVEL) {
            KiLockViolation(VERIFIER_ACQUIRE_BELOW_DISPATCH, SpinLock);
        }
        KiCheckQueuedOwner(SpinLock, LockHandle, __builtin_return_address(0));
    }
    KiLockQueued(SpinLock, LockHandle);
}
EXPORT(KeAcquireInStackQueuedSpinLockAtDpcLevel);

VOID NTAPI KeReleaseInStackQueuedSpinLockFromDpcLevel(PKLOCK_QUEUE_HANDLE LockHandle)
{
    if (KiCheckedMode && KiReadIrql() < DISPATCH_LEVEL) {
        KiLockViolation(VERIFIER_RELEASE_BELOW_DISPATCH, LockHandle);
    }
    KiUnlockQueued(LockHandle, __builtin_return_address(0));
}
EXPORT(KeReleaseInStackQueuedSpinLockFromDpcLevel);
