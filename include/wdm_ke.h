/*
 * wdm_ke.h - IRQL, spin locks, DPCs, bug check and time. Part of wdm.h.
 *
 * IRQL is CR8 (contract 1.1): a driver may read and write CR8 inline, as the WDK's own headers do.
 * These headers call the exported routines for changing it instead, so that checked mode sees a
 * misuse at the call; reading it is inline.
 */
#pragma once

#include <ntdef.h>

/* ---- IRQL ------------------------------------------------------------------------------------ */

#define PASSIVE_LEVEL  0 /* threads */
#define LOW_LEVEL      0
#define APC_LEVEL      1 /* threads, APCs held back; page faults still allowed */
#define DISPATCH_LEVEL 2 /* DPCs, spin locks; no page faults, no waits */
#define CMCI_LEVEL     5 /* 3 to 11 are for devices */
#define SYNCH_LEVEL    12
#define CLOCK_LEVEL    13
#define IPI_LEVEL      14
#define DRS_LEVEL      14
#define POWER_LEVEL    14
#define PROFILE_LEVEL  15
#define HIGH_LEVEL     15 /* everything but NMI is held back */

/* The current level. Any IRQL. DDI wdm KeGetCurrentIrql; inline in the WDK too. */
FORCEINLINE KIRQL KeGetCurrentIrql(VOID)
{
    ULONG64 Level;
    __asm__ volatile("movq %%cr8, %0" : "=r"(Level));
    return (KIRQL)Level;
}

/*
 * Raises the level to NewIrql, which is not below the current one, and returns the level before.
 * Any IRQL. Checked mode: bug check 0x9 (current, requested, 0, caller) if it would lower. DDI wdm
 * KeRaiseIrql; contract 1.3.
 */
KIRQL NTAPI KfRaiseIrql(KIRQL NewIrql);

/* KfRaiseIrql with the previous level stored at OldIrql. DDI wdm KeRaiseIrql. */
FORCEINLINE VOID KeRaiseIrql(KIRQL NewIrql, PKIRQL OldIrql)
{
    *OldIrql = KfRaiseIrql(NewIrql);
}

/*
 * Lowers the level to NewIrql. DPCs that became deliverable have run when it returns. Any IRQL.
 * Checked mode: bug check 0x9 (current, requested, 1, caller) if it would raise, 0xC4/0x31 inside a
 * DPC routine that lowers below DISPATCH_LEVEL. DDI wdm KeLowerIrql; contract 1.3.
 */
VOID NTAPI KeLowerIrql(KIRQL NewIrql);

/* Raises to DISPATCH_LEVEL, returns the level before. <= DISPATCH_LEVEL, else as KfRaiseIrql. */
KIRQL NTAPI KeRaiseIrqlToDpcLevel(VOID);

/* Raises to SYNCH_LEVEL, returns the level before. <= SYNCH_LEVEL, else as KfRaiseIrql. */
KIRQL NTAPI KeRaiseIrqlToSynchLevel(VOID);

/* ---- spin locks ------------------------------------------------------------------------------ */

typedef struct _KSPIN_LOCK_QUEUE {
    struct _KSPIN_LOCK_QUEUE *volatile Next;
    PKSPIN_LOCK volatile Lock; /* bit 0 waiting, bit 1 owner (contract 1.5) */
} KSPIN_LOCK_QUEUE, *PKSPIN_LOCK_QUEUE;

typedef struct _KLOCK_QUEUE_HANDLE {
    KSPIN_LOCK_QUEUE LockQueue;
    KIRQL OldIrql;
} KLOCK_QUEUE_HANDLE, *PKLOCK_QUEUE_HANDLE;
_Static_assert(sizeof(KLOCK_QUEUE_HANDLE) == 0x18, "driver ABI");

/*
 * Spin locks order processors, not threads: the holder is at DISPATCH_LEVEL, touches no pageable
 * memory and is done in 25 microseconds. Checked mode bug checks: 0xF acquire by the owner, 0x10
 * release by another, 0xC4/0x32, 0x40, 0x41, 0x42 at a wrong level (IRQL, lock, 0). One lock is
 * used either plain or queued, never both. DDI wdm KeAcquireSpinLock and its family; contract 1.5.
 */

/* Makes a lock free. Any IRQL; the lock lies in nonpageable memory. */
VOID NTAPI KeInitializeSpinLock(PKSPIN_LOCK SpinLock);

/* Raises to DISPATCH_LEVEL and takes the lock; returns the level before. <= DISPATCH_LEVEL. */
KIRQL NTAPI KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK SpinLock);

/* The same with the previous level stored at OldIrql. */
FORCEINLINE VOID KeAcquireSpinLock(PKSPIN_LOCK SpinLock, PKIRQL OldIrql)
{
    *OldIrql = KeAcquireSpinLockRaiseToDpc(SpinLock);
}

/* Gives the lock back and lowers to NewIrql. At DISPATCH_LEVEL. */
VOID NTAPI KeReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL NewIrql);

/* Takes and gives back the lock without a change of level. >= DISPATCH_LEVEL. */
VOID NTAPI KeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock);
VOID NTAPI KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock);

/* Takes the lock if it is free, FALSE at once if not. >= DISPATCH_LEVEL. */
BOOLEAN NTAPI KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock);

/*
 * Queued locks hand over in order of arrival; LockHandle is the caller's place in the queue, on its
 * stack, until the release. Levels as for the plain routines. DDI wdm
 * KeAcquireInStackQueuedSpinLock.
 */
VOID NTAPI KeAcquireInStackQueuedSpinLock(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle);
VOID NTAPI KeReleaseInStackQueuedSpinLock(PKLOCK_QUEUE_HANDLE LockHandle);
VOID NTAPI KeAcquireInStackQueuedSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock,
                                                    PKLOCK_QUEUE_HANDLE LockHandle);
VOID NTAPI KeReleaseInStackQueuedSpinLockFromDpcLevel(PKLOCK_QUEUE_HANDLE LockHandle);

/*
 * For the routine of a threaded DPC, which may run at PASSIVE_LEVEL or at DISPATCH_LEVEL: raise to
 * DISPATCH_LEVEL unless it is the level, and go back to the level before. Rules, levels and bug
 * checks are those of KeAcquireSpinLock and KeAcquireInStackQueuedSpinLock. DDI wdm
 * KeAcquireSpinLockForDpc, KeAcquireInStackQueuedSpinLockForDpc.
 */
KIRQL NTAPI KeAcquireSpinLockForDpc(PKSPIN_LOCK SpinLock);
VOID NTAPI KeReleaseSpinLockForDpc(PKSPIN_LOCK SpinLock, KIRQL OldIrql);
VOID NTAPI KeAcquireInStackQueuedSpinLockForDpc(PKSPIN_LOCK SpinLock,
                                                PKLOCK_QUEUE_HANDLE LockHandle);
VOID NTAPI KeReleaseInStackQueuedSpinLockForDpc(PKLOCK_QUEUE_HANDLE LockHandle);

/* ---- DPCs ------------------------------------------------------------------------------------ */

typedef enum _KDPC_IMPORTANCE {
    LowImportance,
    MediumImportance,
    HighImportance,
    MediumHighImportance,
} KDPC_IMPORTANCE;

struct _KDPC;

/* Runs at DISPATCH_LEVEL, within 100 microseconds; the arguments are those of KeInsertQueueDpc. */
typedef VOID NTAPI KDEFERRED_ROUTINE(struct _KDPC *Dpc, PVOID DeferredContext,
                                     PVOID SystemArgument1, PVOID SystemArgument2);
typedef KDEFERRED_ROUTINE *PKDEFERRED_ROUTINE;

typedef struct _KDPC {
    UCHAR Type;
    UCHAR Importance;
    volatile USHORT Number;
    LIST_ENTRY DpcListEntry;
    PKDEFERRED_ROUTINE DeferredRoutine;
    PVOID DeferredContext;
    PVOID SystemArgument1;
    PVOID SystemArgument2;
    PVOID volatile DpcData; /* not NULL while queued */
} KDPC, *PKDPC, *PRKDPC;
_Static_assert(sizeof(KDPC) == 0x40 && offsetof(KDPC, DpcListEntry) == 8, "driver ABI");
_Static_assert(offsetof(KDPC, DeferredRoutine) == 0x18 && offsetof(KDPC, DpcData) == 0x38,
               "driver ABI");

/*
 * Prepares a DPC object (nonpageable), of medium importance, for the inserting processor. Any IRQL.
 */
VOID NTAPI KeInitializeDpc(PRKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext);

/*
 * The same for a threaded DPC: its routine runs at PASSIVE_LEVEL in a thread of the processor that
 * only ordinary DPCs interrupt, or at DISPATCH_LEVEL as an ordinary one where the machine was
 * started with threaded-dpcs=off. It keeps to what DPC routines may do either way. Any IRQL. DDI
 * wdm KeInitializeThreadedDpc.
 */
VOID NTAPI KeInitializeThreadedDpc(PRKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine,
                                   PVOID DeferredContext);

/* Queues it; FALSE, with its arguments unchanged, if it is queued already. Any IRQL. DDI wdm. */
BOOLEAN NTAPI KeInsertQueueDpc(PRKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2);

/* Takes it off its queue: TRUE means that it will not run. Any IRQL. DDI wdm KeRemoveQueueDpc. */
BOOLEAN NTAPI KeRemoveQueueDpc(PRKDPC Dpc);

/* High importance queues in front; low does not ask for a drain by itself. Any IRQL. DDI wdm. */
VOID NTAPI KeSetImportanceDpc(PRKDPC Dpc, KDPC_IMPORTANCE Importance);

/*
 * Chooses the processor; a number out of range changes nothing. Any IRQL. DDI ntddk; contract 1.8.
 */
VOID NTAPI KeSetTargetProcessorDpc(PRKDPC Dpc, CCHAR Number);

/* Returns when every DPC that was queued anywhere has run. PASSIVE_LEVEL. DDI wdm. */
VOID NTAPI KeFlushQueuedDpcs(VOID);

/* In clock ticks; all 0 where there is no watchdog. DDI ntddk KDPC_WATCHDOG_INFORMATION. */
typedef struct _KDPC_WATCHDOG_INFORMATION {
    ULONG DpcTimeLimit;     /* of one routine */
    ULONG DpcTimeCount;     /* what is left of it */
    ULONG DpcWatchdogLimit; /* of all that runs at DISPATCH_LEVEL or above without a break */
    ULONG DpcWatchdogCount; /* what is left of it */
    ULONG Reserved;
} KDPC_WATCHDOG_INFORMATION, *PKDPC_WATCHDOG_INFORMATION;

/*
 * How long the DPC routine that calls may still run before, in checked mode, bug check 0x133.
 * STATUS_UNSUCCESSFUL outside a DPC routine. Any IRQL. DDI ntddk KeQueryDpcWatchdogInformation.
 */
NTSTATUS NTAPI KeQueryDpcWatchdogInformation(PKDPC_WATCHDOG_INFORMATION WatchdogInformation);

/* ---- bug check ------------------------------------------------------------------------------- */

/*
 * Stops the machine: prints the code (bugcodes.h), the four parameters, registers and the call
 * chain. Any IRQL, any state; does not return. DDI wdm KeBugCheckEx.
 */
DECLSPEC_NORETURN VOID NTAPI KeBugCheckEx(ULONG BugCheckCode, ULONG_PTR BugCheckParameter1,
                                          ULONG_PTR BugCheckParameter2,
                                          ULONG_PTR BugCheckParameter3,
                                          ULONG_PTR BugCheckParameter4);

/* The same with four zeroes. DDI ntddk KeBugCheck. */
DECLSPEC_NORETURN VOID NTAPI KeBugCheck(ULONG BugCheckCode);

#define FAST_FAIL_CORRUPT_LIST_ENTRY      3
#define FAST_FAIL_INVALID_ARG             5
#define FAST_FAIL_FATAL_APP_EXIT          7
#define FAST_FAIL_RANGE_CHECK_FAILURE     8
#define FAST_FAIL_INVALID_REFERENCE_COUNT 14

/*
 * Found a data structure broken: bug check 0x139 (Code, trap frame, exception record, 0). Any IRQL.
 * The software interrupt is what every Windows compiler emits for it (DDI winnt __fastfail).
 */
FORCEINLINE DECLSPEC_NORETURN VOID RtlFailFast(ULONG Code)
{
    __asm__ volatile("int $0x29" : : "c"(Code) : "memory");
    __builtin_unreachable();
}

/* ---- time: 100 ns units ---------------------------------------------------------------------- */

/* Where drivers read the time inline; the rest of the page is KUSER_SHARED_DATA (ntddk.h). */
#define KI_USER_SHARED_DATA 0xFFFFF78000000000ULL
#define SharedInterruptTime (KI_USER_SHARED_DATA + 0x8)
#define SharedSystemTime    (KI_USER_SHARED_DATA + 0x14)
#define SharedTickCount     (KI_USER_SHARED_DATA + 0x320)

/* 100 ns units since start-up, as of the last clock interrupt. Any IRQL. DDI wdm. */
FORCEINLINE ULONGLONG KeQueryInterruptTime(VOID)
{
    return *(volatile ULONG64 *)SharedInterruptTime;
}

/* 100 ns units since 1601-01-01 UTC, as of the last clock interrupt. Any IRQL. DDI wdm. */
FORCEINLINE VOID KeQuerySystemTime(PLARGE_INTEGER CurrentTime)
{
    CurrentTime->QuadPart = *(volatile LONG64 *)SharedSystemTime;
}

/*
 * The same, exact to the counter below: not less than the time as of the last clock interrupt and
 * less than that of the next. QpcTimeStamp gets the counter's value that goes with it. Any IRQL.
 * DDI wdm KeQueryInterruptTimePrecise, KeQuerySystemTimePrecise.
 */
ULONGLONG NTAPI KeQueryInterruptTimePrecise(PULONG64 QpcTimeStamp);
VOID NTAPI KeQuerySystemTimePrecise(PLARGE_INTEGER CurrentTime);

/* Clock interrupts since start-up. Any IRQL. DDI wdm KeQueryTickCount. */
FORCEINLINE VOID KeQueryTickCount(PLARGE_INTEGER TickCount)
{
    TickCount->QuadPart = *(volatile LONG64 *)SharedTickCount;
}

/* 100 ns units between two clock interrupts. Any IRQL. DDI wdm KeQueryTimeIncrement. */
ULONG NTAPI KeQueryTimeIncrement(VOID);

/*
 * A fast counter; its frequency in Hz is stored at PerformanceFrequency unless NULL. Any IRQL. DDI
 * wdm.
 */
LARGE_INTEGER NTAPI KeQueryPerformanceCounter(PLARGE_INTEGER PerformanceFrequency);

/* Spins for at least that long. Any IRQL; keep below 50. DDI wdm KeStallExecutionProcessor. */
VOID NTAPI KeStallExecutionProcessor(ULONG MicroSeconds);

/* The number of the processor that runs the caller; stable only at >= DISPATCH_LEVEL. DDI ntddk. */
FORCEINLINE ULONG KeGetCurrentProcessorNumber(VOID)
{
    USHORT Number;
    __asm__ volatile("movw %%gs:0x184, %0" : "=r"(Number));
    return Number;
}
