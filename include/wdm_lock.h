/*
 * wdm_lock.h - reader/writer spin locks, fast and guarded mutexes, push locks, rundown protection.
 * Part of wdm.h.
 *
 * Misuse of a level is found in checked mode: bug check 0xC4 with the code named beside the
 * routine, 0xE5 (IRQL, 0, 0) where none is.
 */
#pragma once

#include <ntdef.h>
#include <wdm_wait.h>

/* ---- reader/writer spin locks ---------------------------------------------------------------- */

/*
 * Many holders for shared access or one for exclusive access; 0 is a free lock. What is said of
 * spin locks in wdm_ke.h holds here too: nonpageable, held briefly at DISPATCH_LEVEL, never taken
 * twice, and read-only holders neither. A waiting writer keeps new readers out. Checked mode bug
 * checks: 0xF for a processor that takes what it owns exclusively, 0x10 for a release of what
 * nobody owns that way (lock, its value, IRQL, caller), 0xC4/0x32, 0x40, 0x41, 0x42 at a wrong
 * level (IRQL, lock, 0). DDI wdm ExAcquireSpinLockShared and its family.
 */
typedef volatile LONG EX_SPIN_LOCK, *PEX_SPIN_LOCK;

/* Raise to DISPATCH_LEVEL and return the level before. <= DISPATCH_LEVEL. */
KIRQL NTAPI ExAcquireSpinLockShared(PEX_SPIN_LOCK SpinLock);
KIRQL NTAPI ExAcquireSpinLockExclusive(PEX_SPIN_LOCK SpinLock);
/* Lower to OldIrql. At DISPATCH_LEVEL. */
VOID NTAPI ExReleaseSpinLockShared(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql);
VOID NTAPI ExReleaseSpinLockExclusive(PEX_SPIN_LOCK SpinLock, KIRQL OldIrql);

/* The same without a change of level. >= DISPATCH_LEVEL. */
VOID NTAPI ExAcquireSpinLockSharedAtDpcLevel(PEX_SPIN_LOCK SpinLock);
VOID NTAPI ExAcquireSpinLockExclusiveAtDpcLevel(PEX_SPIN_LOCK SpinLock);
VOID NTAPI ExReleaseSpinLockSharedFromDpcLevel(PEX_SPIN_LOCK SpinLock);
VOID NTAPI ExReleaseSpinLockExclusiveFromDpcLevel(PEX_SPIN_LOCK SpinLock);

/* Take the lock if that needs no waiting, else FALSE at once. >= DISPATCH_LEVEL. */
LOGICAL NTAPI ExTryAcquireSpinLockSharedAtDpcLevel(PEX_SPIN_LOCK SpinLock);
LOGICAL NTAPI ExTryAcquireSpinLockExclusiveAtDpcLevel(PEX_SPIN_LOCK SpinLock);

/*
 * Makes the caller's shared access exclusive if nobody else has the lock or waits for it; FALSE,
 * and still shared, if not. >= DISPATCH_LEVEL.
 */
LOGICAL NTAPI ExTryConvertSharedSpinLockExclusive(PEX_SPIN_LOCK SpinLock);

/* ---- fast and guarded mutexes ---------------------------------------------------------------- */

/*
 * For threads, never twice by one: not recursive. The holder of the safe forms is at APC_LEVEL; the
 * Unsafe forms are for callers that are there already, or in a critical or guarded region. A thread
 * that waits lends its priority to the owner. A guarded mutex is a fast mutex, as since Windows 8.
 *
 * <= APC_LEVEL. Checked mode bug checks: 0xC4/0x33 (IRQL, mutex, 0) acquired above APC_LEVEL; 0x34
 * (IRQL, APC counts, mutex) released at another; 0x39 and 0x3A (the same) an Unsafe form elsewhere
 * than at APC_LEVEL or in a region; 0x1000 (mutex, thread, 0) acquired by its owner; 0x1004 (mutex,
 * thread, owner) released by another thread, 0x1007 (mutex, thread, 0) when it is free. DDI wdm
 * ExAcquireFastMutex, KeAcquireGuardedMutex; contract 1.7.
 */
typedef struct _FAST_MUTEX {
    volatile LONG Count; /* 1 free, 0 owned, less: owned, and so many wait */
    PVOID Owner;         /* thread; NULL when free */
    ULONG Contention;    /* acquires that had to wait */
    KEVENT Event;
    ULONG OldIrql; /* the safe forms' level before */
} FAST_MUTEX, *PFAST_MUTEX, KGUARDED_MUTEX, *PKGUARDED_MUTEX;
_Static_assert(sizeof(FAST_MUTEX) == 0x38 && offsetof(FAST_MUTEX, Owner) == 8 &&
                   offsetof(FAST_MUTEX, Contention) == 0x10 &&
                   offsetof(FAST_MUTEX, Event) == 0x18 && offsetof(FAST_MUTEX, OldIrql) == 0x30,
               "driver ABI");

#define FM_LOCK_BIT 1 /* Count of a free mutex */

/* Makes a free mutex, in nonpageable memory. Any IRQL. Inline in the WDK too. */
FORCEINLINE VOID ExInitializeFastMutex(PFAST_MUTEX FastMutex)
{
    FastMutex->Count = FM_LOCK_BIT;
    FastMutex->Owner = NULL;
    FastMutex->Contention = 0;
    KeInitializeEvent(&FastMutex->Event, SynchronizationEvent, FALSE);
}

/* Raises to APC_LEVEL and waits until the mutex is the caller's; the release goes back. */
VOID NTAPI ExAcquireFastMutex(PFAST_MUTEX FastMutex);
VOID NTAPI ExReleaseFastMutex(PFAST_MUTEX FastMutex);

/* The same if the mutex is free; else FALSE at once, at the level before. */
BOOLEAN NTAPI ExTryToAcquireFastMutex(PFAST_MUTEX FastMutex);

/* Without a change of level. */
VOID NTAPI ExAcquireFastMutexUnsafe(PFAST_MUTEX FastMutex);
VOID NTAPI ExReleaseFastMutexUnsafe(PFAST_MUTEX FastMutex);

/* A driver that imports these gets the routines that they call here. */
VOID NTAPI KeInitializeGuardedMutex(PKGUARDED_MUTEX Mutex);
FORCEINLINE VOID KeAcquireGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    ExAcquireFastMutex(Mutex);
}
FORCEINLINE VOID KeReleaseGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    ExReleaseFastMutex(Mutex);
}
FORCEINLINE BOOLEAN KeTryToAcquireGuardedMutex(PKGUARDED_MUTEX Mutex)
{
    return ExTryToAcquireFastMutex(Mutex);
}
FORCEINLINE VOID KeAcquireGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex)
{
    ExAcquireFastMutexUnsafe(Mutex);
}
FORCEINLINE VOID KeReleaseGuardedMutexUnsafe(PKGUARDED_MUTEX Mutex)
{
    ExReleaseFastMutexUnsafe(Mutex);
}

/* ---- push locks ------------------------------------------------------------------------------ */

/*
 * Shared by readers or exclusive for one, in one aligned word of any memory, pageable too. Waiters
 * are served in the order of arrival, sharers that follow each other together; while somebody
 * waits, newcomers do. Not recursive, but for shared access while nobody waits. Nothing is known of
 * the holders, so no priority is lent to them. Flags: EX_DEFAULT_PUSH_LOCK_FLAGS.
 *
 * <= APC_LEVEL; at APC_LEVEL or in a critical or guarded region from the acquire to the release.
 * Checked mode bug checks: 0xC4/0xEA and 0xEB (IRQL, APC counts, lock) acquired and released
 * elsewhere; 0x1007 (lock, thread, 0) released, or converted, when nobody holds it that way. DDI
 * wdm ExInitializePushLock and its family.
 */
typedef ULONG_PTR EX_PUSH_LOCK, *PEX_PUSH_LOCK; /* 0 is a free lock */

#define EX_DEFAULT_PUSH_LOCK_FLAGS 0

VOID NTAPI ExInitializePushLock(PEX_PUSH_LOCK PushLock);

/* Return when the caller holds the lock. */
VOID NTAPI ExAcquirePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags);
VOID NTAPI ExAcquirePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags);

/* Take it if that needs no waiting, else FALSE at once. */
BOOLEAN NTAPI ExTryAcquirePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags);
BOOLEAN NTAPI ExTryAcquirePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags);

/*
 * Makes the caller's shared access exclusive if nobody else has the lock or waits for it; FALSE,
 * and still shared, if not.
 */
BOOLEAN NTAPI ExTryConvertPushLockSharedToExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags);

/* Give it back; the last one finds out how it is held. */
VOID NTAPI ExReleasePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags);
VOID NTAPI ExReleasePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags);
VOID NTAPI ExReleasePushLockEx(PEX_PUSH_LOCK PushLock, ULONG Flags);

/* Macros in the WDK. */
FORCEINLINE VOID ExAcquirePushLockExclusive(PEX_PUSH_LOCK Lock)
{
    ExAcquirePushLockExclusiveEx(Lock, EX_DEFAULT_PUSH_LOCK_FLAGS);
}
FORCEINLINE VOID ExAcquirePushLockShared(PEX_PUSH_LOCK Lock)
{
    ExAcquirePushLockSharedEx(Lock, EX_DEFAULT_PUSH_LOCK_FLAGS);
}
FORCEINLINE BOOLEAN ExTryAcquirePushLockExclusive(PEX_PUSH_LOCK Lock)
{
    return ExTryAcquirePushLockExclusiveEx(Lock, EX_DEFAULT_PUSH_LOCK_FLAGS);
}
FORCEINLINE BOOLEAN ExTryAcquirePushLockShared(PEX_PUSH_LOCK Lock)
{
    return ExTryAcquirePushLockSharedEx(Lock, EX_DEFAULT_PUSH_LOCK_FLAGS);
}
FORCEINLINE VOID ExReleasePushLockExclusive(PEX_PUSH_LOCK Lock)
{
    ExReleasePushLockExclusiveEx(Lock, EX_DEFAULT_PUSH_LOCK_FLAGS);
}
FORCEINLINE VOID ExReleasePushLockShared(PEX_PUSH_LOCK Lock)
{
    ExReleasePushLockSharedEx(Lock, EX_DEFAULT_PUSH_LOCK_FLAGS);
}
FORCEINLINE VOID ExReleasePushLock(PEX_PUSH_LOCK Lock)
{
    ExReleasePushLockEx(Lock, EX_DEFAULT_PUSH_LOCK_FLAGS);
}

/* ---- rundown protection ---------------------------------------------------------------------- */

/*
 * Guards a shared object's end: users take protection around each use, which fails once the owner
 * has begun to run the object down; the owner waits until the last one has given it back. DDI wdm
 * ExInitializeRundownProtection and its family.
 */
typedef struct _EX_RUNDOWN_REF {
    union {
        ULONG_PTR Count; /* twice the protections; bit 0: run down, or about to be */
        PVOID Ptr;       /* with bit 0: what the owner waits for */
    };
} EX_RUNDOWN_REF, *PEX_RUNDOWN_REF;
_Static_assert(sizeof(EX_RUNDOWN_REF) == 8, "driver ABI");

/* Makes a reference that can be taken; any further one, when it was run down. <= APC_LEVEL. */
VOID NTAPI ExInitializeRundownProtection(PEX_RUNDOWN_REF RunRef);
VOID NTAPI ExReInitializeRundownProtection(PEX_RUNDOWN_REF RunRef);

/*
 * Takes protection, or Count of it at once; FALSE when the run down has begun. <= DISPATCH_LEVEL.
 */
BOOLEAN NTAPI ExAcquireRundownProtection(PEX_RUNDOWN_REF RunRef);
BOOLEAN NTAPI ExAcquireRundownProtectionEx(PEX_RUNDOWN_REF RunRef, ULONG Count);

/*
 * Gives it back. <= DISPATCH_LEVEL. Bug check 0x139/14 for more than was taken (in checked mode;
 * in both, when the owner waits).
 */
VOID NTAPI ExReleaseRundownProtection(PEX_RUNDOWN_REF RunRef);
VOID NTAPI ExReleaseRundownProtectionEx(PEX_RUNDOWN_REF RunRef, ULONG Count);

/*
 * Begins the run down and returns when nobody has protection any more, at once when it is over
 * already. The owner's call: one thread at a time, else bug check 0x139/5. <= APC_LEVEL.
 */
VOID NTAPI ExWaitForRundownProtectionRelease(PEX_RUNDOWN_REF RunRef);

/* Marks it as run down, which waiting did too. <= APC_LEVEL. DDI wdm ExRundownCompleted. */
VOID NTAPI ExRundownCompleted(PEX_RUNDOWN_REF RunRef);
