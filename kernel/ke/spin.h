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
DECLSPEC_NORETURN VOID NTAPI KiLockViolation(ULONG_PTR Rule, const volatile VOID *Lock);
/* Bug check with (lock, its value, IRQL, caller): SPIN-2. */
DECLSPEC_NORETURN VOID NTAPI KiOwnerViolation(ULONG Code, PKSPIN_LOCK Lock, PVOID Caller);
/* Waits until the lock is free, and takes it. */
VOID NTAPI KiSpin(PKSPIN_LOCK Lock, PVOID Caller);

/* What the lock word holds while this processor owns it in checked mode. */
static inline ULONG_PTR KiLockOwner(VOID)
{
    return (ULONG_PTR)KeGetCurrentThread() | LOCK_HELD;
}

/* Takes a free lock. In checked mode KiNameOwner is next. */
static inline BOOLEAN KiTakeLock(PKSPIN_LOCK Lock)
{
    BOOLEAN Taken;
    __asm__ volatile("lock btsq $0, %1" : "=@ccnc"(Taken), "+m"(*Lock) : : "memory");
    return Taken;
}

/* A store of its own: nobody but the owner looks for his name, so nobody misses it in between. */
static inline VOID KiNameOwner(PKSPIN_LOCK Lock)
{
    if (KiCheckedMode) {
        *Lock = KiLockOwner();
    }
}

static inline VOID KiLock(PKSPIN_LOCK Lock, PVOID Caller)
{
    if (!KiTakeLock(Lock)) {
        KiSpin(Lock, Caller);
    }
    KiNameOwner(Lock);
}

static inline VOID KiClearLock(PKSPIN_LOCK Lock)
{
    __atomic_store_n(Lock, LOCK_FREE, __ATOMIC_RELEASE);
}

static inline VOID KiUnlock(PKSPIN_LOCK Lock, PVOID Caller)
{
    if (KiCheckedMode && *Lock != KiLockOwner()) {
        KiOwnerViolation(SPIN_LOCK_NOT_OWNED, Lock, Caller);
    }
    KiClearLock(Lock);
}
