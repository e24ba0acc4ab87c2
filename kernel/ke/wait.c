/*
 * wait.c - waiting: a thread gives the processor away until an object is signalled.
 *
 * Theory. What one can wait for begins with a DISPATCHER_HEADER: a signal state, and a list of the
 * threads that wait for it. A thread hangs one wait block into the list of each object it waits for
 * and one into that of its own timer if its wait has a limit, and is then in no ready queue.
 * Whoever signals an object goes through its list, first come first served, ends the waits that can
 * end, does to the object what a satisfied wait does (a semaphore counts down, a synchronization
 * event is cleared), and makes the threads ready. So a signal is handed over: between the signal
 * and the waiter's return nobody else can take it.
 *
 *   WAIT-1  Looking at the objects, deciding to wait, hanging the blocks and leaving the processor
 *           is one step under the dispatcher lock; so is signalling. No signal falls in between.
 *   WAIT-2  While an object is signalled, nobody waits for it who could go: SignalState > 0 and a
 *           waiter in the list means that the waiter waits for all of several objects.
 *   WAIT-3  A wait for all takes all of its objects in one step or none of them.
 *   WAIT-4  A thread that is made ready is in no wait list any more and its timer does not run.
 *   WAIT-5  A thread whose wait ends gets the signaller's increment: its priority becomes base +
 *           increment, at most 15, if that is more than it has (contract 1.9). Real-time threads
 *           stay as they are. Each wait costs one unit of quantum, so that a boost wears off also
 *           of a thread that the clock never meets.
 *   WAIT-6  Behind a set with Wait the level is DISPATCH_LEVEL until the wait, so nothing runs on
 *           this processor in between; the wait starts from the level before.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

#define HIGHEST_BOOSTED (LOW_REALTIME_PRIORITY - 1)
#define TIMER_BLOCK     THREAD_WAIT_OBJECTS /* of the built-in blocks: the timer's */

#define VERIFIER_WAIT_ABOVE_DISPATCH 0x120
#define VERIFIER_WAIT_AT_DISPATCH    0x121
#define VERIFIER_TIMEOUT_AT_DISPATCH 0x122
#define VERIFIER_USER_WAIT_ON_STACK  0x123

VOID KiInitializeHeader(PDISPATCHER_HEADER Header, UCHAR Type, SIZE_T Size, LONG State)
{
    Header->Lock = 0;
    Header->Type = Type;
    Header->Size = (UCHAR)(Size / sizeof(ULONG));
    Header->SignalState = State;
    InitializeListHead(&Header->WaitListHead);
}

/* ---- objects --------------------------------------------------------------------------------- */

/* A mutex is as good as signalled for its owner. */
static inline BOOLEAN KiIsSignalled(PDISPATCHER_HEADER Object, PKTHREAD Thread)
{
    return Object->SignalState > 0 ||
           (Object->Type == KiMutantObject && ((PKMUTANT)Object)->OwnerThread == Thread);
}

/*
 * What a satisfied wait does to its object; a notification object stays as it is. STATUS_ABANDONED
 * comes with a mutex whose owner ended, STATUS_MUTANT_LIMIT_EXCEEDED says that nothing was done.
 */
static inline NTSTATUS KiSatisfyObject(PDISPATCHER_HEADER Object, PKTHREAD Thread)
{
    switch (Object->Type) {
    case KiEventSynchronizationObject:
    case KiTimerSynchronizationObject: Object->SignalState = 0; break;
    case KiSemaphoreObject: Object->SignalState--; break;
    case KiMutantObject: return KiTakeMutant((PKMUTANT)Object, Thread);
    default: break;
    }
    return STATUS_SUCCESS;
}

/* TRUE when all that the thread waits for is signalled; its timer's block does not count. */
static BOOLEAN KiAllAreSignalled(PKWAIT_BLOCK First)
{
    for (PKWAIT_BLOCK Block = First; Block != NULL; Block = Block->NextWaitBlock) {
        if (Block->WaitType == WaitAll && !KiIsSignalled(Block->Object, Block->Thread)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* STATUS_ABANDONED if one of them was an abandoned mutex. */
static NTSTATUS KiSatisfyAll(PKWAIT_BLOCK First)
{
    NTSTATUS Status = STATUS_SUCCESS;
    for (PKWAIT_BLOCK Block = First; Block != NULL; Block = Block->NextWaitBlock) {
        if (Block->WaitType == WaitAll) {
            Status |= KiSatisfyObject(Block->Object, Block->Thread);
        }
    }
    return Status;
}

/* ---- the end of a wait ----------------------------------------------------------------------- */

/* WAIT-5. */
static inline VOID KiBoostThread(PKTHREAD Thread, KPRIORITY Increment)
{
    KPRIORITY Boosted = Thread->BasePriority + Increment;
    if (Thread->BasePriority >= LOW_REALTIME_PRIORITY) {
        return;
    }
    if (--Thread->Quantum <= 0) {
        Thread->Quantum = KI_QUANTUM;
        Thread->Priority -= Thread->Priority > KiLowestPriority(Thread);
    }
    if (Boosted > Thread->Priority) {
        Thread->Priority = (SCHAR)(Boosted < HIGHEST_BOOSTED ? Boosted : HIGHEST_BOOSTED);
    }
}

VOID KiEndWait(PKTHREAD Thread, NTSTATUS Status, KPRIORITY Increment)
{
    for (PKWAIT_BLOCK Block = Thread->WaitBlockList; Block != NULL; Block = Block->NextWaitBlock) {
        RemoveEntryList(&Block->WaitListEntry);
    }
    if (Thread->Timer.Header.Inserted) {
        KiRemoveTimer(&Thread->Timer);
    }
    Thread->WaitStatus = Status;
    KiBoostThread(Thread, Increment);
    KiReadyThread(Thread, KiQueueTail);
}

/* Ends the wait that Block is part of, if its signalled object lets it. */
static BOOLEAN KiTryToEndWait(PKWAIT_BLOCK Block, KPRIORITY Increment)
{
    PKTHREAD Thread = Block->Thread;
    NTSTATUS Status;
    if (Block->WaitType == WaitAny) {
        Status = KiSatisfyObject(Block->Object, Thread) | Block->WaitKey;
    } else if (KiAllAreSignalled(Thread->WaitBlockList)) {
        Status = KiSatisfyAll(Thread->WaitBlockList);
    } else {
        return FALSE;
    }
    KiEndWait(Thread, Status, Increment);
    return TRUE;
}

/*
 * Kept is the last block that stays: those of a thread whose wait ends go away together, but a
 * thread that stays has all of its blocks stay, since signal states only fall on the way.
 */
VOID KiWakeWaiters(PDISPATCHER_HEADER Object, KPRIORITY Increment)
{
    PLIST_ENTRY Kept = &Object->WaitListHead;
    while (Kept->Flink != &Object->WaitListHead && Object->SignalState > 0) {
        PKWAIT_BLOCK Block = CONTAINING_RECORD(Kept->Flink, KWAIT_BLOCK, WaitListEntry);
        if (!KiTryToEndWait(Block, Increment)) {
            Kept = Kept->Flink;
        }
    }
}

VOID KiEndSignal(ULONG64 Flags, BOOLEAN Wait)
{
    if (Wait) {
        PKTHREAD Thread = KeGetCurrentThread();
        Thread->WaitNext = TRUE;
        Thread->WaitIrql = KiReadIrql();
        KiWriteIrql(DISPATCH_LEVEL);
    }
    KiExitDispatcher(Flags);
}

BOOLEAN KeAlertThread(PKTHREAD Thread, KPROCESSOR_MODE Mode)
{
    ULONG64 Flags = KiLockDispatcher();
    BOOLEAN OldAlerted = Thread->Alerted[(UCHAR)Mode];
    if (Thread->State == ThreadWaiting && Thread->Alertable && Mode <= Thread->WaitMode) {
        KiEndWait(Thread, STATUS_ALERTED, IO_NO_INCREMENT);
    } else {
        Thread->Alerted[(UCHAR)Mode] = TRUE;
    }
    KiExitDispatcher(Flags);
    return OldAlerted;
}

/* ---- the wait -------------------------------------------------------------------------------- */

/* What the waits have in common. */
typedef struct _KI_WAIT {
    PLARGE_INTEGER Timeout;
    ULONG64 DueTime; /* interrupt time, if Timeout is neither NULL nor 0 */
    KWAIT_REASON Reason;
    KPROCESSOR_MODE Mode;
    BOOLEAN Alertable;
    KIRQL Irql; /* at which the thread waits */
} KI_WAIT, *PKI_WAIT;

static __attribute__((noinline, cold)) VOID KiWaitViolation(ULONG_PTR Code, const KIRQL *Irql,
                                                            PVOID Object, PLARGE_INTEGER Timeout)
{
    KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, Code, (ULONG_PTR)Irql, (ULONG_PTR)Object,
                 (ULONG_PTR)Timeout);
}

/* Checked mode, at the beginning of each wait for one object. */
static VOID KiCheckWait(PVOID Object, const KI_WAIT *Wait)
{
    PKTHREAD Thread = KeGetCurrentThread();
    BOOLEAN Poll = Wait->Timeout != NULL && Wait->Timeout->QuadPart == 0;
    if (Wait->Irql > DISPATCH_LEVEL) {
        KiWaitViolation(VERIFIER_WAIT_ABOVE_DISPATCH, &Wait->Irql, Object, Wait->Timeout);
    }
    if (Wait->Irql == DISPATCH_LEVEL && !Poll) {
        if (KeGetCurrentPrcb()->InDpc) {
            KiSwitchIsForbidden();
        }
        KiWaitViolation(Wait->Timeout == NULL ? VERIFIER_WAIT_AT_DISPATCH
                                              : VERIFIER_TIMEOUT_AT_DISPATCH,
                        &Wait->Irql, Object, Wait->Timeout);
    }
    if (Wait->Mode != KernelMode && Object >= Thread->StackLimit && Object < Thread->StackBase) {
        KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_USER_WAIT_ON_STACK,
                     (ULONG_PTR)Object, 0, 0);
    }
}

/* The level at which the current thread waits: behind a set with Wait, the one before (WAIT-6). */
static inline KIRQL KiWaitLevel(PKTHREAD Thread)
{
    return Thread->WaitNext ? Thread->WaitIrql : KiReadIrql();
}

/* Takes the lock, and note of the time at which a wait with a limit ends. */
static inline ULONG64 KiEnterWait(PKTHREAD Thread, PKI_WAIT Wait)
{
    ULONG64 Flags = KiLockDispatcher();
    if (Thread->WaitNext) {
        Thread->WaitNext = FALSE;
        KiWriteIrql(Wait->Irql); /* means nothing yet: interrupts are off */
    }
    if (Wait->Timeout != NULL && Wait->Timeout->QuadPart != 0 && Wait->DueTime == 0) {
        Wait->DueTime = KiComputeDueTime(Wait->Timeout->QuadPart);
    }
    return Flags;
}

static inline BOOLEAN KiIsAlerted(PKTHREAD Thread, const KI_WAIT *Wait)
{
    for (KPROCESSOR_MODE Mode = KernelMode; Wait->Alertable && Mode <= Wait->Mode; Mode++) {
        if (Thread->Alerted[(UCHAR)Mode]) {
            Thread->Alerted[(UCHAR)Mode] = FALSE;
            return TRUE;
        }
    }
    return FALSE;
}

static inline VOID KiHangBlock(PKWAIT_BLOCK Block, PKTHREAD Thread, PKWAIT_BLOCK Next)
{
    Block->Thread = Thread;
    Block->NextWaitBlock = Next;
    InsertTailList(&((PDISPATCHER_HEADER)Block->Object)->WaitListHead, &Block->WaitListEntry);
}

/*
 * What the thread wants is not signalled: it waits, unless it is alerted or its time is up, and
 * returns the result. The blocks say which objects. STATUS_KERNEL_APC: there is an APC to run as
 * soon as the lock is free, and then all of this to do again.
 */
static NTSTATUS KiBlockThread(PKTHREAD Thread, const KI_WAIT *Wait, PKWAIT_BLOCK Blocks,
                              ULONG Count)
{
    PKWAIT_BLOCK TimerBlock = NULL;
    if (Thread->KernelApcPending && Thread->SpecialApcDisable == 0 && Wait->Irql < APC_LEVEL) {
        return STATUS_KERNEL_APC;
    }
    if (KiIsAlerted(Thread, Wait)) {
        return STATUS_ALERTED;
    }
    if (Wait->Alertable && !IsListEmpty(&Thread->ApcListHead[UserMode])) {
        return STATUS_USER_APC;
    }
    if (Wait->Timeout != NULL) {
        if (Wait->Timeout->QuadPart == 0 || Wait->DueTime <= KiInterruptTime) {
            return STATUS_TIMEOUT;
        }
        TimerBlock = &Thread->WaitBlock[TIMER_BLOCK];
        KiInsertTimer(&Thread->Timer, Wait->DueTime);
        KiHangBlock(TimerBlock, Thread, NULL);
    }
    for (ULONG i = 0; i < Count; i++) {
        KiHangBlock(&Blocks[i], Thread, i + 1 < Count ? &Blocks[i + 1] : TimerBlock);
    }
    Thread->WaitBlockList = Count == 0 ? TimerBlock : Blocks;
    Thread->WaitReason = (UCHAR)Wait->Reason;
    Thread->WaitMode = Wait->Mode;
    Thread->Alertable = Wait->Alertable;
    Thread->State = ThreadWaiting;
    PKPRCB Prcb = KeGetCurrentPrcb();
    Prcb->WaitCount++;
    KiSwapThread(Prcb, Wait->Irql);
    return Thread->WaitStatus;
}

/* What the waits do last, without the lock. */
static NTSTATUS KiLeaveWait(PKTHREAD Thread, const KI_WAIT *Wait, NTSTATUS Status, PVOID Caller)
{
    if (Status == STATUS_USER_APC && Wait->Mode == UserMode) {
        KiDeliverUserApcs(Thread);
    }
    if (Status == STATUS_MUTANT_LIMIT_EXCEEDED) {
        KiRaiseStatus(Status, Caller);
    }
    return Status;
}

/* The address of the caller's call, where an exception is laid. */
#define CALL_SITE ((PCHAR)__builtin_return_address(0) - 1)

/* One attempt: satisfies the wait if it can be without waiting, else waits. The lock is held. */
static inline NTSTATUS KiWaitForOne(PKTHREAD Thread, const KI_WAIT *Wait, PDISPATCHER_HEADER Object)
{
    PKWAIT_BLOCK Block = &Thread->WaitBlock[0];
    if (KiIsSignalled(Object, Thread)) {
        return KiSatisfyObject(Object, Thread);
    }
    Block->Object = Object;
    Block->WaitType = WaitAny;
    Block->WaitKey = 0;
    return KiBlockThread(Thread, Wait, Block, 1);
}

NTSTATUS KiWaitInLock(PDISPATCHER_HEADER Object, KWAIT_REASON Reason)
{
    KI_WAIT Wait = {NULL, 0, Reason, KernelMode, FALSE, KiReadIrql()};
    return KiWaitForOne(KeGetCurrentThread(), &Wait, Object);
}

NTSTATUS NTAPI KeWaitForSingleObject(PVOID Object, KWAIT_REASON WaitReason,
                                     KPROCESSOR_MODE WaitMode, BOOLEAN Alertable,
                                     PLARGE_INTEGER Timeout)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KI_WAIT Wait = {Timeout, 0, WaitReason, WaitMode, Alertable, KiWaitLevel(Thread)};
    NTSTATUS Status;
    if (KiCheckedMode) {
        KiCheckWait(Object, &Wait);
    }
    do {
        ULONG64 Flags = KiEnterWait(Thread, &Wait);
        Status = KiWaitForOne(Thread, &Wait, Object);
        KiExitDispatcher(Flags);
    } while (Status == STATUS_KERNEL_APC);
    return KiLeaveWait(Thread, &Wait, Status, CALL_SITE);
}
EXPORT(KeWaitForSingleObject);

static NTSTATUS KiTryAny(ULONG Count, PVOID Object[], PKTHREAD Thread)
{
    for (ULONG i = 0; i < Count; i++) {
        if (KiIsSignalled(Object[i], Thread)) {
            NTSTATUS Status = KiSatisfyObject(Object[i], Thread);
            return NT_SUCCESS(Status) ? Status | (NTSTATUS)i : Status;
        }
    }
    return STATUS_PENDING;
}

static NTSTATUS KiTryAll(ULONG Count, PVOID Object[], PKTHREAD Thread)
{
    NTSTATUS Status = STATUS_SUCCESS;
    for (ULONG i = 0; i < Count; i++) {
        PDISPATCHER_HEADER Header = Object[i];
        if (!KiIsSignalled(Header, Thread)) {
            return STATUS_PENDING;
        }
        if (Header->Type == KiMutantObject && KiIsMutantAtLimit((PKMUTANT)Header)) {
            return STATUS_MUTANT_LIMIT_EXCEEDED;
        }
    }
    for (ULONG i = 0; i < Count; i++) {
        Status |= KiSatisfyObject(Object[i], Thread);
    }
    return Status;
}

/* One attempt: satisfies the wait if it can be without waiting, else waits. The lock is held. */
static NTSTATUS KiWaitForSeveral(PKTHREAD Thread, const KI_WAIT *Wait, ULONG Count, PVOID Object[],
                                 WAIT_TYPE WaitType, PKWAIT_BLOCK Blocks)
{
    NTSTATUS Status =
        WaitType == WaitAny ? KiTryAny(Count, Object, Thread) : KiTryAll(Count, Object, Thread);
    if (Status != STATUS_PENDING) {
        return Status;
    }
    for (ULONG i = 0; i < Count; i++) {
        Blocks[i].Object = Object[i];
        Blocks[i].WaitType = (UCHAR)WaitType;
        Blocks[i].WaitKey = (USHORT)i;
    }
    return KiBlockThread(Thread, Wait, Blocks, Count);
}

NTSTATUS NTAPI KeWaitForMultipleObjects(ULONG Count, PVOID Object[], WAIT_TYPE WaitType,
                                        KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode,
                                        BOOLEAN Alertable, PLARGE_INTEGER Timeout,
                                        PKWAIT_BLOCK WaitBlockArray)
{
    PKTHREAD Thread = KeGetCurrentThread();
    PKWAIT_BLOCK Blocks = WaitBlockArray != NULL ? WaitBlockArray : Thread->WaitBlock;
    KI_WAIT Wait = {Timeout, 0, WaitReason, WaitMode, Alertable, KiWaitLevel(Thread)};
    NTSTATUS Status;
    if (Count > (WaitBlockArray != NULL ? MAXIMUM_WAIT_OBJECTS : THREAD_WAIT_OBJECTS)) {
        KeBugCheck(MAXIMUM_WAIT_OBJECTS_EXCEEDED);
    }
    for (ULONG i = 0; KiCheckedMode && i < Count; i++) {
        KiCheckWait(Object[i], &Wait);
    }
    do {
        ULONG64 Flags = KiEnterWait(Thread, &Wait);
        Status = KiWaitForSeveral(Thread, &Wait, Count, Object, WaitType, Blocks);
        KiExitDispatcher(Flags);
    } while (Status == STATUS_KERNEL_APC);
    return KiLeaveWait(Thread, &Wait, Status, CALL_SITE);
}
EXPORT(KeWaitForMultipleObjects);

NTSTATUS NTAPI KeDelayExecutionThread(KPROCESSOR_MODE WaitMode, BOOLEAN Alertable,
                                      PLARGE_INTEGER Interval)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KI_WAIT Wait = {Interval, 0, DelayExecution, WaitMode, Alertable, KiWaitLevel(Thread)};
    NTSTATUS Status;
    if (Interval->QuadPart == 0) {
        ZwYieldExecution();
        return STATUS_SUCCESS;
    }
    if (KiCheckedMode) {
        KiCheckWait(&Thread->Timer, &Wait);
    }
    do {
        ULONG64 Flags = KiEnterWait(Thread, &Wait);
        Status = KiBlockThread(Thread, &Wait, NULL, 0);
        KiExitDispatcher(Flags);
    } while (Status == STATUS_KERNEL_APC);
    Status = KiLeaveWait(Thread, &Wait, Status, NULL);
    return Status == STATUS_TIMEOUT ? STATUS_SUCCESS : Status;
}
EXPORT(KeDelayExecutionThread);
