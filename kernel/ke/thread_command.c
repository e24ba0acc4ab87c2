/*
 * thread_command.c - `!running`, `!ready` and `!thread`: who runs, who could, and where a thread
 * is.
 *
 * Queues are copied under the dispatcher lock and printed without it. Nothing here believes an
 * address: a thread that was typed must lie on readable pages and say that it is one.
 */
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

#define MOST_READY   32
#define MOST_WAITED  4
#define THREAD_USAGE "!thread [ADDR]"

static const CHAR *KiThreadStateName(ULONG State)
{
    static const CHAR *const Names[] = {"INITIALIZED", "READY",      "RUNNING",
                                        "STANDBY",     "TERMINATED", "WAIT"};
    return State < RTL_NUMBER_OF(Names) ? Names[State] : "?";
}

/* ---- !running -------------------------------------------------------------------------------- */

static VOID RunningCommand(const CHAR *Arguments)
{
    PKPRCB Prcb;
    KAFFINITY All = 0, Idle = 0;
    UNREFERENCED_PARAMETER(Arguments);
    for (ULONG i = 0; (Prcb = KiFindPrcb(i)) != NULL; i++) {
        All |= Prcb->SetMember;
        Idle |= Prcb->CurrentThread == Prcb->IdleThread ? Prcb->SetMember : 0;
    }
    DbgPrint("System Processors:  (%016I64x)\n  Idle Processors:  (%016I64x)\n\n", (ULONG64)All,
             (ULONG64)Idle);
    DbgPrint("      Prcb             Current          (pri) Idle             IRQL\n");
    for (ULONG i = 0; (Prcb = KiFindPrcb(i)) != NULL; i++) {
        PKTHREAD Current = Prcb->CurrentThread;
        /* Only a processor itself can read its level. */
        DbgPrint("%4lu  %p %p (%3d) %p %s\n", i, Prcb, Current, Current->Priority, Prcb->IdleThread,
                 Prcb == KeGetCurrentPrcb() ? KiIrqlName(KiReadIrql()) : "");
    }
}
MONITOR_COMMAND("!running", "!running", "the running threads and their levels", RunningCommand);

/* ---- !ready ---------------------------------------------------------------------------------- */

typedef struct _KI_READY {
    PKTHREAD Thread;
    SCHAR Priority;
} KI_READY;

/* The first MOST_READY ready threads of a processor, the best first; returns how many there are. */
static ULONG KiCopyReady(PKPRCB Prcb, KI_READY Ready[MOST_READY])
{
    ULONG Count = 0;
    ULONG64 Flags = KiLockDispatcher();
    for (ULONG Priority = KI_PRIORITIES; Priority-- > 0;) {
        PLIST_ENTRY Head = &Prcb->ReadyQueues[Priority];
        for (PLIST_ENTRY Entry = Head->Flink; Entry != Head; Entry = Entry->Flink) {
            if (Count < MOST_READY) {
                Ready[Count] =
                    (KI_READY){CONTAINING_RECORD(Entry, KTHREAD, QueueEntry), (SCHAR)Priority};
            }
            Count++;
        }
    }
    KiUnlockDispatcher(Flags);
    return Count;
}

static VOID ReadyCommand(const CHAR *Arguments)
{
    KI_READY Ready[MOST_READY];
    PKPRCB Prcb;
    UNREFERENCED_PARAMETER(Arguments);
    for (ULONG Number = 0; (Prcb = KiFindPrcb(Number)) != NULL; Number++) {
        ULONG Count = KiCopyReady(Prcb, Ready);
        if (Count == 0) {
            DbgPrint("Processor %lu: No threads in READY state\n", Number);
        }
        for (ULONG i = 0; i < Count && i < MOST_READY; i++) {
            if (i == 0 || Ready[i].Priority != Ready[i - 1].Priority) {
                DbgPrint("Processor %lu: Ready Threads at priority %d\n", Number,
                         Ready[i].Priority);
            }
            DbgPrint("    THREAD %p\n", Ready[i].Thread);
        }
        if (Count > MOST_READY) {
            DbgPrint("    ... and %lu more\n", Count - MOST_READY);
        }
    }
}
MONITOR_COMMAND("!ready", "!ready", "threads that wait for a processor", ReadyCommand);

/* ---- !thread --------------------------------------------------------------------------------- */

static BOOLEAN KiIsThread(PKTHREAD Thread)
{
    return (ULONG_PTR)Thread % sizeof(PVOID) == 0 && KiMayRead(Thread) &&
           KiMayRead((PCHAR)(Thread + 1) - 1) && Thread->Header.Type == KiThreadObject;
}

static const CHAR *KiObjectKindName(UCHAR Type)
{
    switch (Type) {
    case KiEventNotificationObject: return "NotificationEvent";
    case KiEventSynchronizationObject: return "SynchronizationEvent";
    case KiSemaphoreObject: return "Semaphore";
    case KiThreadObject: return "Thread";
    case KiTimerNotificationObject: return "NotificationTimer";
    case KiTimerSynchronizationObject: return "SynchronizationTimer";
    default: return "object";
    }
}

typedef struct _KI_WAITED {
    PVOID Object;
    UCHAR Type;
} KI_WAITED;

/* The first objects that a thread waits for; returns how many were copied, 0 when it does not. */
static ULONG KiCopyWaited(PKTHREAD Thread, KI_WAITED Waited[MOST_WAITED])
{
    ULONG Count = 0;
    ULONG64 Flags = KiLockDispatcher();
    PKWAIT_BLOCK Block = Thread->State == ThreadWaiting ? Thread->WaitBlockList : NULL;
    for (; Block != NULL && Count < MOST_WAITED; Block = Block->NextWaitBlock) {
        Waited[Count++] = (KI_WAITED){Block->Object, ((DISPATCHER_HEADER *)Block->Object)->Type};
    }
    KiUnlockDispatcher(Flags);
    return Count;
}

static VOID KiPrintWaited(PKTHREAD Thread)
{
    KI_WAITED Waited[MOST_WAITED];
    ULONG Count = KiCopyWaited(Thread, Waited);
    for (ULONG i = 0; i < Count; i++) {
        DbgPrint("    %p  %s\n", Waited[i].Object, KiObjectKindName(Waited[i].Type));
    }
}

/* Where a thread that does not run left off; the current one shows who asks, Caller first. */
static VOID KiPrintThreadStack(PKTHREAD Thread, PVOID Caller, const ULONG64 *Frames)
{
    const KSWITCH_FRAME *Frame = Thread->KernelStack;
    if (Thread == KeGetCurrentThread()) {
        KiPrintStack((ULONG64)Caller, *Frames, TRUE);
    } else if (Thread->State != ThreadRunning && KiMayRead((PVOID)Frame) &&
               KiMayRead((PCHAR)(Frame + 1) - 1)) {
        /* One that never ran has its entry there, not a return address. */
        KiPrintStack(Frame->Rip, Frame->Rbp, Frame->Rip != (ULONG64)KiThreadEntry);
    }
}

static VOID ThreadCommand(const CHAR *Arguments)
{
    ULONG64 Address = (ULONG64)KeGetCurrentThread();
    ULONG Count = 0;
    if (!KiReadArguments(THREAD_USAGE, Arguments, 1, &Address, &Count)) {
        return;
    }
    PKTHREAD Thread = (PKTHREAD)Address;
    if (!KiIsThread(Thread)) {
        DbgPrint("%p is no thread\n", Thread);
        return;
    }
    DbgPrint("THREAD %p  %s on processor %u\n", Thread, KiThreadStateName(Thread->State),
             Thread->NextProcessor);
    KiPrintWaited(Thread);
    DbgPrint("    Priority %d BasePriority %d Quantum %d Affinity %016I64x\n", Thread->Priority,
             Thread->BasePriority, Thread->Quantum, (ULONG64)Thread->Affinity);
    DbgPrint("    Stack Base %p Limit %p\n", Thread->StackBase, Thread->StackLimit);
    KiPrintThreadStack(Thread, __builtin_return_address(0), __builtin_frame_address(0));
}
MONITOR_COMMAND("!thread", THREAD_USAGE, "a thread and its call chain (the current one)",
                ThreadCommand);
