/*
 * rwspinlock.c - spin locks with readers and writers (EX_SPIN_LOCK), for drivers and the kernel.
 *
 * Theory. One 32-bit word: how many readers there are, one bit for a writer who has the lock, one
 * for writers who wait. A reader adds one unless a bit is set; a writer exchanges a word without
 * readers and without a writer. A writer who has to wait sets the waiting bit each time that he
 * finds it clear, so that no new reader comes in; whoever becomes the writer clears it, and the
 * next one who waits sets it again. In checked mode the low bits hold the writer's processor, so
 * that its second acquire is found instead of hanging.
 *
 *   RWSL-1  A writer is alone; readers are with readers only.
 *   RWSL-2  While a writer waits no reader gets the lock that did not have it before.
 *   RWSL-3  Checked mode: the bug checks of SPIN-2 and SPIN-3 (spinlock.c).
 */
#include "kernel/ke/spin.h"
#include "kernel/rtl/section.h"

#define WRITER         ((LONG)0x80000000)
#define WRITER_WAITING 0x40000000
#define READERS        0x3FFFFFFF /* of a word without WRITER; with it the writer's processor */

#define CALLER __builtin_return_address(0)

static DECLSPEC_NORETURN __attribute__((noinline, cold)) VOID NTAPI KiRwOwnerViolation(
    ULONG Code, PEX_SPIN_LOCK Lock, PVOID Caller)
{
    KeBugCheckEx(Code, (ULONG_PTR)Lock, (ULONG)*Lock, KiReadIrql(), (ULONG_PTR)Caller);
}

/* What the word holds while this processor is the writer. */
static inline LONG KiWriterWord(VOID)
{
    return WRITER | (KiCheckedMode ? (LONG)KeGetCurrentPrcb()->Number : 0);
}

/* Replaces *Old, or loads it anew and returns FALSE. */
static inline BOOLEAN KiExchangeWord(PEX_SPIN_LOCK Lock, PLONG Old, LONG New)
{
    return __atomic_compare_exchange_n(Lock, Old, New, FALSE, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* ---- taking ---------------------------------------------------------------------------------- */

/* FALSE when a writer is in the way; other readers are not. */
static inline BOOLEAN KiTryRead(PEX_SPIN_LOCK Lock)
{
    LONG Word = *Lock;
    do {
        if (Word & (WRITER | WRITER_WAITING)) {
            return FALSE;
        }
    } while (!KiExchangeWord(Lock, &Word, Word + 1));
    return TRUE;
}

/* FALSE when anybody has the lock. */
static inline BOOLEAN KiTryWrite(PEX_SPIN_LOCK Lock)
{
    LONG Word = *Lock;
    do {
        if (Word & (WRITER | READERS)) {
            return FALSE;
        }
    } while (!KiExchangeWord(Lock, &Word, KiWriterWord()));
    return TRUE;
}

static inline VOID KiCheckNotWriter(PEX_SPIN_LOCK Lock, PVOID Caller)
{
    if (KiCheckedMode && (*Lock & ~WRITER_WAITING) == KiWriterWord()) {
        KiRwOwnerViolation(SPIN_LOCK_ALREADY_OWNED, Lock, Caller);
    }
}

static __attribute__((noinline, cold)) VOID NTAPI KiSpinToRead(PEX_SPIN_LOCK Lock, PVOID Caller)
{
    KiCheckNotWriter(Lock, Caller);
    while (!KiTryRead(Lock)) {
        YieldProcessor();
    }
}

static __attribute__((noinline, cold)) VOID NTAPI KiSpinToWrite(PEX_SPIN_LOCK Lock, PVOID Caller)
{
    KiCheckNotWriter(Lock, Caller);
    while (!KiTryWrite(Lock)) {
        if (!(*Lock & WRITER_WAITING)) {
            __atomic_fetch_or(Lock, WRITER_WAITING, __ATOMIC_RELAXED);
        }
        YieldProcessor();
    }
}

static inline VOID KiRead(PEX_SPIN_LOCK Lock, PVOID Caller)
{
    if (!KiTryRead(Lock)) {
        KiSpinToRead(Lock, Caller);
    }
}

static inline VOID KiWrite(PEX_SPIN_LOCK Lock, PVOID Caller)
{
    if (!KiTryWrite(Lock)) {
        KiSpinToWrite(Lock, Caller);
    }
}

/* ---- giving back ----------------------------------------------------------------------------- */

static inline VOID KiEndRead(PEX_SPIN_LOCK Lock, PVOID Caller)
{
    if (KiCheckedMode && ((*Lock & WRITER) || !(*Lock & READERS))) {
        KiRwOwnerViolation(SPIN_LOCK_NOT_OWNED, Lock, Caller);
    }
    __atomic_fetch_sub(Lock, 1, __ATOMIC_RELEASE);
}

/* Clears WRITER_WAITING too: those who wait set it again. */
static inline VOID KiEndWrite(PEX_SPIN_LOCK Lock, PVOID Caller)
{
    if (KiCheckedMode && (*Lock & ~WRITER_WAITING) != KiWriterWord()) {
        KiRwOwnerViolation(SPIN_LOCK_NOT_OWNED, Lock, Caller);
    }
    __atomic_store_n(Lock, 0, __ATOMIC_RELEASE);
}

/* ---- the routines ---------------------------------------------------------------------------- */

static inline KIRQL KiRaiseForLock(PEX_SPIN_LOCK Lock)
{
    KIRQL OldIrql = KiReadIrql();
    if (KiCheckedMode && OldIrql > DISPATCH_LEVEL) {
        KiLockViolation(VERIFIER_ACQUIRE_ABOVE_DISPATCH, Lock);
    }
    KiWriteIrql(DISPATCH_LEVEL);
    return OldIrql;
}

static inline VOID KiRequireDispatch(PEX_SPIN_LOCK Lock)
{
    if (KiCheckedMode && KiReadIrql() != DISPATCH_LEVEL) {
        KiLockViolation(VERIFIER_RELEASE_NOT_DISPATCH, Lock);
    }
}

static inline VOID KiRequireAtLeastDispatch(PEX_SPIN_LOCK Lock, ULONG_PTR Rule)
{
    if (KiCheckedMode && KiReadIrql() < DISPATCH_LEVEL) {
        KiLockViolation(Rule, Lock);
    }
}

KIRQL NTAPI ExAcquireSpinLockShared(PEX_SPIN_LOCK SpinLock)
{
    KIRQL OldIrql = KiRaiseForLock(SpinLock);
    KiRead(SpinLock, CALLER);
    return OldIrql;
}
EXPORT(ExAcquireSpinLockShared);

KIRQL NTAPI ExAcquireSpinLockExclusive(PEX_SPIN_LOCK SpinLock)
{
    KIRQL OldIrql = KiRaiseForLock(SpinLock);
    KiWrite(SpinLock, CALLER);
    return OldIrql;
}
EXPORT(ExAcquireSpinLockExclusive);

VOID NTAPI ExReleaseSpinLockShared(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql)
{
    KiRequireDispatch(SpinLock);
    KiEndRead(SpinLock, CALLER);
    KiLowerIrql(OldIrql, CALLER);
}
EXPORT(ExReleaseSpinLockShared);

VOID NTAPI ExReleaseSpinLockExclusive(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql)
{
    KiRequireDispatch(SpinLock);
    KiEndWrite(SpinLock, CALLER);
    KiLowerIrql(OldIrql, CALLER);
}
EXPORT(ExReleaseSpinLockExclusive);

VOID NTAPI ExAcquireSpinLockSharedAtDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    KiRequireAtLeastDispatch(SpinLock, VERIFIER_ACQUIRE_BELOW_DISPATCH);
    KiRead(SpinLock, CALLER);
}
EXPORT(ExAcquireSpinLockSharedAtDpcLevel);

VOID NTAPI ExAcquireSpinLockExclusiveAtDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    KiRequireAtLeastDispatch(SpinLock, VERIFIER_ACQUIRE_BELOW_DISPATCH);
    KiWrite(SpinLock, CALLER);
}
EXPORT(ExAcquireSpinLockExclusiveAtDpcLevel);

VOID NTAPI ExReleaseSpinLockSharedFromDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    KiRequireAtLeastDispatch(SpinLock, VERIFIER_RELEASE_BELOW_DISPATCH);
    KiEndRead(SpinLock, CALLER);
}
EXPORT(ExReleaseSpinLockSharedFromDpcLevel);

VOID NTAPI ExReleaseSpinLockExclusiveFromDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    KiRequireAtLeastDispatch(SpinLock, VERIFIER_RELEASE_BELOW_DISPATCH);
    KiEndWrite(SpinLock, CALLER);
}
EXPORT(ExReleaseSpinLockExclusiveFromDpcLevel);

LOGICAL NTAPI ExTryAcquireSpinLockSharedAtDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    KiRequireAtLeastDispatch(SpinLock, VERIFIER_ACQUIRE_BELOW_DISPATCH);
    return KiTryRead(SpinLock);
}
EXPORT(ExTryAcquireSpinLockSharedAtDpcLevel);

LOGICAL NTAPI ExTryAcquireSpinLockExclusiveAtDpcLevel(PEX_SPIN_LOCK SpinLock)
{
    KiRequireAtLeastDispatch(SpinLock, VERIFIER_ACQUIRE_BELOW_DISPATCH);
    return KiTryWrite(SpinLock);
}
EXPORT(ExTryAcquireSpinLockExclusiveAtDpcLevel);

LOGICAL NTAPI ExTryConvertSharedSpinLockExclusive(PEX_SPIN_LOCK SpinLock)
{
    KiRequireAtLeastDispatch(SpinLock, VERIFIER_ACQUIRE_BELOW_DISPATCH);
    if (KiCheckedMode && ((*SpinLock & WRITER) || !(*SpinLock & READERS))) {
        KiRwOwnerViolation(SPIN_LOCK_NOT_OWNED, SpinLock, CALLER);
    }
    LONG OneReader = 1;
    return KiExchangeWord(SpinLock, &OneReader, KiWriterWord());
}
EXPORT(ExTryConvertSharedSpinLockExclusive);
