/*
 * wdm_wait.h - what one can wait for: events, semaphores, timers, and the waits. Part of wdm.h.
 *
 * Every such object begins with a DISPATCHER_HEADER, lies in nonpageable memory and is used through
 * these routines only. Misuse of a level is found in checked mode: bug check 0xC4 with the code
 * named beside the routine, 0xE5 (IRQL, 0, 0) where none is. Layouts: contract 1.9.
 */
#pragma once

#include <ntdef.h>
#include <wdm_thread.h>

/* ---- layouts --------------------------------------------------------------------------------- */

typedef struct _DISPATCHER_HEADER {
    union {
        struct {
            UCHAR Type;
            UCHAR Signalling;
            UCHAR Size;     /* of the object, in ULONGs */
            UCHAR Inserted; /* a timer that is running */
        };
        volatile LONG Lock;
    };
    volatile LONG SignalState; /* more than 0: signalled */
    LIST_ENTRY WaitListHead;   /* KWAIT_BLOCKs, first come first */
} DISPATCHER_HEADER, *PDISPATCHER_HEADER;
_Static_assert(sizeof(DISPATCHER_HEADER) == 0x18 && offsetof(DISPATCHER_HEADER, Size) == 2 &&
                   offsetof(DISPATCHER_HEADER, WaitListHead) == 8,
               "driver ABI");

typedef struct _KEVENT {
    DISPATCHER_HEADER Header;
} KEVENT, *PKEVENT, *PRKEVENT;
_Static_assert(sizeof(KEVENT) == 0x18, "driver ABI");

typedef struct _KSEMAPHORE {
    DISPATCHER_HEADER Header;
    LONG Limit;
} KSEMAPHORE, *PKSEMAPHORE, *PRKSEMAPHORE;
_Static_assert(sizeof(KSEMAPHORE) == 0x20 && offsetof(KSEMAPHORE, Limit) == 0x18, "driver ABI");

typedef struct _KMUTANT {
    DISPATCHER_HEADER Header;
    LIST_ENTRY MutantListEntry;
    struct _KTHREAD *OwnerThread;
    BOOLEAN Abandoned;
    UCHAR ApcDisable;
} KMUTANT, *PKMUTANT, *PRKMUTANT, KMUTEX, *PKMUTEX, *PRKMUTEX;
_Static_assert(sizeof(KMUTANT) == 0x38 && offsetof(KMUTANT, OwnerThread) == 0x28 &&
                   offsetof(KMUTANT, ApcDisable) == 0x31,
               "driver ABI");

typedef struct _KTIMER {
    DISPATCHER_HEADER Header;
    ULARGE_INTEGER DueTime; /* interrupt time */
    LIST_ENTRY TimerListEntry;
    struct _KDPC *Dpc;
    ULONG Processor;
    ULONG Period; /* milliseconds */
} KTIMER, *PKTIMER, *PRKTIMER;
_Static_assert(sizeof(KTIMER) == 0x40 && offsetof(KTIMER, TimerListEntry) == 0x20 &&
                   offsetof(KTIMER, Dpc) == 0x30 && offsetof(KTIMER, Period) == 0x3C,
               "driver ABI");

/* A thread in the wait list of one object. */
typedef struct _KWAIT_BLOCK {
    LIST_ENTRY WaitListEntry;
    struct _KTHREAD *Thread;
    PVOID Object;
    struct _KWAIT_BLOCK *NextWaitBlock; /* of the same thread; NULL behind the last */
    USHORT WaitKey;                     /* the wait's result when this object satisfies it */
    UCHAR WaitType;
    volatile UCHAR BlockState;
    LONG SpareLong;
} KWAIT_BLOCK, *PKWAIT_BLOCK, *PRKWAIT_BLOCK;
_Static_assert(sizeof(KWAIT_BLOCK) == 0x30 && offsetof(KWAIT_BLOCK, WaitKey) == 0x28, "driver ABI");

#define THREAD_WAIT_OBJECTS  3  /* without a wait-block array of the caller's */
#define MAXIMUM_WAIT_OBJECTS 64 /* with one */

/* ---- events ---------------------------------------------------------------------------------- */

/* A notification event lets all waiters go and stays set; a synchronization event lets one go. */
typedef enum _EVENT_TYPE { NotificationEvent, SynchronizationEvent } EVENT_TYPE;

/* Makes an event, set or not. Any IRQL. DDI wdm KeInitializeEvent. */
VOID NTAPI KeInitializeEvent(PRKEVENT Event, EVENT_TYPE Type, BOOLEAN State);

/*
 * Sets the event and returns whether it was set before (not 0). Waiters that go get Increment added
 * to their priority. With Wait the caller's next call is a KeWaitXxx: this one returns at
 * DISPATCH_LEVEL and that one goes on at the level before, so that no thread switch comes between.
 * <= DISPATCH_LEVEL, else 0xC4/0x80 (IRQL, event, 0); with Wait <= APC_LEVEL, else 0xC4/0x20016
 * (rule, IRQL, 0). DDI wdm KeSetEvent.
 */
LONG NTAPI KeSetEvent(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait);

/* Clears the event and returns whether it was set. <= DISPATCH_LEVEL. DDI wdm KeResetEvent. */
LONG NTAPI KeResetEvent(PRKEVENT Event);

/* Clears the event. <= DISPATCH_LEVEL. DDI wdm KeClearEvent. */
VOID NTAPI KeClearEvent(PRKEVENT Event);

/* Whether it is set (not 0). <= DISPATCH_LEVEL. DDI wdm KeReadStateEvent. */
LONG NTAPI KeReadStateEvent(PRKEVENT Event);

/*
 * Lets those go that wait now, all or one by the kind of event, and leaves it clear. Returns
 * whether it was set. <= DISPATCH_LEVEL, with Wait as KeSetEvent. DDI ntifs KePulseEvent.
 */
LONG NTAPI KePulseEvent(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait);

/* ---- semaphores ------------------------------------------------------------------------------ */

/*
 * Makes a semaphore of Count, at most Limit; each satisfied wait takes one. 0 <= Count <= Limit, 0
 * < Limit, else bug check 0x139/5. PASSIVE_LEVEL. DDI wdm KeInitializeSemaphore.
 */
VOID NTAPI KeInitializeSemaphore(PRKSEMAPHORE Semaphore, LONG Count, LONG Limit);

/*
 * Adds Adjustment to the count and returns the count before. Beyond the limit, or with a negative
 * Adjustment, STATUS_SEMAPHORE_LIMIT_EXCEEDED is raised and nothing changed. Increment and Wait as
 * KeSetEvent. <= DISPATCH_LEVEL, with Wait PASSIVE_LEVEL. DDI wdm KeReleaseSemaphore.
 */
LONG NTAPI KeReleaseSemaphore(PRKSEMAPHORE Semaphore, KPRIORITY Increment, LONG Adjustment,
                              BOOLEAN Wait);

/* The count. Any IRQL. DDI wdm KeReadStateSemaphore. */
LONG NTAPI KeReadStateSemaphore(PRKSEMAPHORE Semaphore);

/* ---- mutexes --------------------------------------------------------------------------------- */

/*
 * Makes a mutex that nobody owns. Its owner, whom a satisfied wait makes, is in a critical region
 * and may acquire it again; at most 2^31 times, then the wait raises STATUS_MUTANT_LIMIT_EXCEEDED.
 * A thread that ends while it owns one is bug check 0x4000008A (thread, mutex). Level is 0. Any
 * IRQL. DDI wdm KeInitializeMutex.
 */
VOID NTAPI KeInitializeMutex(PRKMUTEX Mutex, ULONG Level);

/*
 * Undoes one acquisition and returns the state before: 0 when the mutex is free now, less
 * when it still has its owner. STATUS_MUTANT_NOT_OWNED is raised for anybody else. Wait as
 * KeSetEvent. <= DISPATCH_LEVEL. DDI wdm KeReleaseMutex.
 */
LONG NTAPI KeReleaseMutex(PRKMUTEX Mutex, BOOLEAN Wait);

/* 1 when nobody owns it, less otherwise. <= DISPATCH_LEVEL. DDI wdm KeReadStateMutex. */
LONG NTAPI KeReadStateMutex(PRKMUTEX Mutex);

#define KeWaitForMutexObject KeWaitForSingleObject

/* ---- timers ---------------------------------------------------------------------------------- */

typedef enum _TIMER_TYPE { NotificationTimer, SynchronizationTimer } TIMER_TYPE;

/* Makes a timer that does not run and is not signalled. Any IRQL. DDI wdm KeInitializeTimerEx. */
VOID NTAPI KeInitializeTimer(PKTIMER Timer);
VOID NTAPI KeInitializeTimerEx(PKTIMER Timer, TIMER_TYPE Type);

/*
 * Starts a timer, or starts it anew; TRUE when it was running. It is not signalled until DueTime: a
 * system time (100 ns since 1601), or if negative, that long from now. It expires at the first
 * clock tick that is not before that; a time that has passed, at once. Then it is signalled and
 * Dpc, unless NULL, is queued; with a Period (milliseconds) again each period, for which a
 * synchronization timer lets one waiter go. <= DISPATCH_LEVEL. DDI wdm KeSetTimerEx.
 */
BOOLEAN NTAPI KeSetTimer(PKTIMER Timer, LARGE_INTEGER DueTime, struct _KDPC *Dpc);
BOOLEAN NTAPI KeSetTimerEx(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, struct _KDPC *Dpc);

/*
 * KeSetTimerEx that may come TolerableDelay milliseconds later, in company; Tarn's ticks gather
 * timers anyway, so the delay is not used. Period from 0 on. <= DISPATCH_LEVEL. DDI wdm
 * KeSetCoalescableTimer.
 */
BOOLEAN NTAPI KeSetCoalescableTimer(PKTIMER Timer, LARGE_INTEGER DueTime, ULONG Period,
                                    ULONG TolerableDelay, struct _KDPC *Dpc);

/*
 * Stops a timer; TRUE when it was running, and always for a periodic one. A DPC that is queued by
 * then still runs: KeFlushQueuedDpcs waits for it. What is signalled stays so. <= DISPATCH_LEVEL.
 * DDI wdm KeCancelTimer; contract 1.9.
 */
BOOLEAN NTAPI KeCancelTimer(PKTIMER Timer);

/* Whether it is signalled. <= DISPATCH_LEVEL. DDI wdm KeReadStateTimer. */
BOOLEAN NTAPI KeReadStateTimer(PKTIMER Timer);

/* ---- waits ----------------------------------------------------------------------------------- */

/* Why a thread waits, for whoever looks at it. DDI wdm KWAIT_REASON. */
typedef enum _KWAIT_REASON {
    Executive,
    FreePage,
    PageIn,
    PoolAllocation,
    DelayExecution,
    Suspended,
    UserRequest,
    WrExecutive,
    WrFreePage,
    WrPageIn,
    WrPoolAllocation,
    WrDelayExecution,
    WrSuspended,
    WrUserRequest,
    WrSpare0,
    WrQueue,
    WrLpcReceive,
    WrLpcReply,
    WrVirtualMemory,
    WrPageOut,
    WrRendezvous,
    WrKeyedEvent,
    WrTerminated,
    WrProcessInSwap,
    WrCpuRateControl,
    WrCalloutStack,
    WrKernel,
    WrResource,
    WrPushLock,
    WrMutex,
    WrQuantumEnd,
    WrDispatchInt,
    WrPreempted,
    WrYieldExecution,
    WrFastMutex,
    WrGuardedMutex,
    WrRundown,
    MaximumWaitReason,
} KWAIT_REASON;

typedef enum _WAIT_TYPE { WaitAll, WaitAny } WAIT_TYPE;

/*
 * Waits until the object is signalled: STATUS_SUCCESS. Timeout: NULL for ever; 0 only looks,
 * STATUS_TIMEOUT at once when it is not; a system time, or if negative that long from now, then
 * STATUS_TIMEOUT. An Alertable wait ends with STATUS_ALERTED when the thread is alerted in
 * WaitMode; one in UserMode with STATUS_USER_APC. STATUS_ABANDONED: a mutex whose owner ended. All
 * of these are NT_SUCCESS.
 *
 * <= APC_LEVEL; with Timeout 0 <= DISPATCH_LEVEL. Checked mode: 0xC4/0x120 above DISPATCH_LEVEL,
 * 0x121 at it without a timeout, 0x122 with one that is not 0 (address of the level, object,
 * timeout), 0x123 (object, 0, 0) an object on the stack waited for in UserMode. In a DPC routine
 * bug check 0xB8. DDI wdm KeWaitForSingleObject; contract 1.9.
 */
NTSTATUS NTAPI KeWaitForSingleObject(PVOID Object, KWAIT_REASON WaitReason,
                                     KPROCESSOR_MODE WaitMode, BOOLEAN Alertable,
                                     PLARGE_INTEGER Timeout);

/*
 * Waits for any of Count objects, STATUS_WAIT_0 + its index (of the first in the array that is
 * signalled), or for all of them at the same time, STATUS_SUCCESS: then none is changed before all
 * are signalled. Beyond 3 objects the caller brings a WaitBlockArray of Count elements; without
 * one, or beyond 64, bug check 0xC. Results, levels and checks else as above, with
 * STATUS_ABANDONED_WAIT_0 + index for a mutex whose owner ended. DDI wdm KeWaitForMultipleObjects.
 */
NTSTATUS NTAPI KeWaitForMultipleObjects(ULONG Count, PVOID Object[], WAIT_TYPE WaitType,
                                        KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode,
                                        BOOLEAN Alertable, PLARGE_INTEGER Timeout,
                                        PKWAIT_BLOCK WaitBlockArray);

/*
 * Waits until Interval, as a Timeout, has passed, never less: STATUS_SUCCESS, or as an alertable
 * wait. With 0 it yields. <= APC_LEVEL, else as a wait for a timer of the thread's own. DDI wdm
 * KeDelayExecutionThread.
 */
NTSTATUS NTAPI KeDelayExecutionThread(KPROCESSOR_MODE WaitMode, BOOLEAN Alertable,
                                      PLARGE_INTEGER Interval);
