/*
 * spin.h - the word of a plain spin lock and the bug checks of all kinds, for the files that have
 * locks: spinlock.c, which opens with the theory, rwspinlock.c and interlocked.c.
 */
#pragma once

#include "kernel/ke/ke.h"

#define LOCK_FREE 0
#define LOCK_HELD 1

/* First parameters of bug check 0xC4: SPIN-3. */
#define VERIFIER_RELEASE_NOT_DISPATCH   0x32
#define VERIFIER_ACQUIRE_BELOW_DISPATCH 0x40
#define VERIFIER_RELEASE_BELOW_DISPATCH 0x41
#define VERIFIER_ACQUIRE_ABOVE_DISPATCH 0x42

/* Bug check 0xC4 (rule, IRQL, lock, 0). */
DECLSPEC_NORETURN VOID KiLockViolation(ULONG_PTR Rule, const volatile VOID *Lock);
/* Bug check with (lock, its value, IRQL, caller): SPIN-2. */
DECLSPEC_NORETURN VOID KiOwnerViolation(ULONG Code, PKSPIN_LOCK Lock, PVOID Caller);
/* Waits until the lock is free, and takes it. */
VOID KiSpin(PKSPIN_LOCK Lock, ULONG_PTR Owner, PVOID Caller);

/* What the lock word holds while this processor owns it in checked mode. */
static inline ULONG_PTR KiLockOwner(VOID)
{
    return (ULONG_PTR)KeGetCurrentThread() | LOCK_HELD;
}

static inline BOOLEAN KiTryLock(PKSPIN_LOCK Lock, ULONG_PTR Owner)
{
    ULONG_PTR Expected = LOCK_FREE;
    return __atomic_compare_exchange_n(Lock, &Expected, Owner, FALSE, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

static inline VOID KiLock(PKSPIN_LOCK Lock, PVOID Caller)
{
    ULONG_PTR Owner = KiCheckedMode ? KiLockOwner() : LOCK_HELD;
    if (!KiTryLock(Lock, Owner)) {
        KiSpin(Lock, Owner, Caller);
    }
}

static inline VOID KiUnlock(PKSPIN_LOCK Lock, PVOID Caller)
{
    if (KiCheckedMode && *Lock != KiLockOwner()) {
        KiOwnerViolation(SPIN_LOCK_NOT_OWNED, Lock, Caller);
    }
    __atomic_store_n(Lock, LOCK_FREE, __ATOMIC_RELEASE);
}
