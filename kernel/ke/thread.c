/*
 * thread.c - threads: how one begins and ends, its priority and the processors it may run on.
 *
 * This floor allocates no memory: whoever makes a thread brings its KTHREAD and its stack
 * (executive/ps), and takes them back when the thread has ended. The two threads that nobody
 * makes are the boot thread, which start-up becomes, and the idle threads.
 *
 *   THRD-1  A thread begins at PASSIVE_LEVEL with interrupts on, priority 8 and a full quantum, and
 *           a walk of its stack ends at a return address of 0.
 *   THRD-2  When a wait for a thread returns, that thread is off its stack for good: it signals its
 *           end and leaves under one hold of the dispatcher lock (READY-5).
 *   THRD-3  A priority that a thread was given is its base: boosts wear down to it, or to what
 *           lend.c lent. 16 and above are never boosted.
 *   THRD-4  A thread runs only on processors of its Affinity; a change shows at once below
 *           DISPATCH_LEVEL, else when the level drops.
 */
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

#define MXCSR_DEFAULT 0x1F80 /* all SSE exceptions masked, round to nearest */
#define ANY_PROCESSOR MAXULONG_PTR

KAFFINITY KiProcessAffinity = ANY_PROCESSOR;

/* What a thread's first KiSwapContext finds; two words above stop stack walks and align. */
static VOID KiBuildFirstFrame(PKTHREAD Thread, KI_SYSTEM_ROUTINE *SystemRoutine,
                              PKSTART_ROUTINE StartRoutine, PVOID StartContext)
{
    ULONG64 *Top = (ULONG64 *)Thread->StackBase - 2;
    PKSWITCH_FRAME Frame = (PKSWITCH_FRAME)Top - 1;
    Top[0] = Top[1] = 0;
    RtlZeroMemory(Frame, sizeof(*Frame));
    Frame->MxCsr = MXCSR_DEFAULT;
    Frame->R12 = (ULONG64)SystemRoutine;
    Frame->R13 = (ULONG64)StartRoutine;
    Frame->R14 = (ULONG64)StartContext;
    Frame->Rip = (ULONG64)KiThreadEntry;
    Thread->KernelStack = Frame;
}
_Static_assert(sizeof(KSWITCH_FRAME) % 16 == 0, "switch.S saves XMM registers aligned");

static VOID KiPrepareThread(PKTHREAD Thread, PVOID StackBase, PVOID StackLimit)
{
    RtlZeroMemory(Thread, sizeof(*Thread));
    KiInitializeHeader(&Thread->Header, KiThreadObject, sizeof(*Thread), 0);
    KeInitializeTimer(&Thread->Timer);
    Thread->WaitBlock[THREAD_WAIT_OBJECTS].Object = &Thread->Timer;
    Thread->WaitBlock[THREAD_WAIT_OBJECTS].WaitType = WaitAny;
    Thread->WaitBlock[THREAD_WAIT_OBJECTS].WaitKey = STATUS_TIMEOUT;
    InitializeListHead(&Thread->MutantListHead);
    KiInitializeApcState(Thread);
    Thread->StackBase = StackBase;
    Thread->StackLimit = StackLimit;
    Thread->Priority = Thread->BasePriority = KI_PRIORITY_DEFAULT;
    Thread->Quantum = KI_QUANTUM;
}

/* Spreads new threads over the processors. */
static UCHAR KiNextIdealProcessor(VOID)
{
    static ULONG Count;
    return (UCHAR)(__atomic_fetch_add(&Count, 1, __ATOMIC_RELAXED) % KeNumberProcessors);
}

VOID KiInitializeThread(PKTHREAD Thread, PVOID StackBase, PVOID StackLimit,
                        KI_SYSTEM_ROUTINE *SystemRoutine, PKSTART_ROUTINE StartRoutine,
                        PVOID StartContext)
{
    KiPrepareThread(Thread, StackBase, StackLimit);
    KiBuildFirstFrame(Thread, SystemRoutine, StartRoutine, StartContext);
    Thread->State = ThreadInitialized;
    Thread->SwapIrql = PASSIVE_LEVEL;
    Thread->Affinity = Thread->UserAffinity = KiProcessAffinity;
    Thread->IdealProcessor = Thread->NextProcessor = KiNextIdealProcessor();
}

INIT VOID KiAdoptThread(PKPRCB Prcb, PKTHREAD Thread, PVOID StackBase, PVOID StackLimit)
{
    KiPrepareThread(Thread, StackBase, StackLimit);
    Thread->State = ThreadRunning;
    Thread->Affinity = Thread->UserAffinity = ANY_PROCESSOR;
    Thread->IdealProcessor = Thread->NextProcessor = (UCHAR)Prcb->Number;
    Prcb->CurrentThread = Thread;
}

VOID KiStartThread(PKTHREAD Thread)
{
    ULONG64 Flags = KiLockDispatcher();
    KiReadyThread(Thread, KiQueueTail);
    KiExitDispatcher(Flags);
}

/* A new thread's first C: the switch to it began under the dispatcher lock. */
DECLSPEC_NORETURN VOID KiRunThread(KI_SYSTEM_ROUTINE *SystemRoutine, PKSTART_ROUTINE StartRoutine,
                                   PVOID StartContext)
{
    KiUnlockDispatcher(EFLAGS_IF);
    SystemRoutine(StartRoutine, StartContext);
    __builtin_unreachable();
}

DECLSPEC_NORETURN VOID KiTerminateThread(VOID)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KiRundownApcs(Thread);
    if (KiCheckedMode) {
        KiCheckOwnedResources(Thread);
    }
    KiLockDispatcher();
    KiAbandonMutants(Thread);
    Thread->State = ThreadTerminated;
    Thread->Header.SignalState = 1;
    KiWakeWaiters(&Thread->Header, IO_NO_INCREMENT);
    KiSwapThread(KeGetCurrentPrcb(), KiReadIrql());
    __builtin_unreachable();
}

/* ---- priority -------------------------------------------------------------------------------- */

KPRIORITY NTAPI KeSetPriorityThread(PKTHREAD Thread, KPRIORITY Priority)
{
    KiRequireIrql(PASSIVE_LEVEL);
    if (Priority < LOW_PRIORITY || Priority > HIGH_PRIORITY) {
        RtlFailFast(FAST_FAIL_INVALID_ARG);
    }
    ULONG64 Flags = KiLockDispatcher();
    KPRIORITY OldPriority = Thread->Priority;
    Thread->BasePriority = (SCHAR)Priority;
    Thread->Quantum = KI_QUANTUM;
    KiSetPriority(Thread, KiLowestPriority(Thread));
    KiExitDispatcher(Flags);
    return OldPriority;
}
EXPORT(KeSetPriorityThread);

KPRIORITY NTAPI KeQueryPriorityThread(PKTHREAD Thread)
{
    return Thread->Priority;
}
EXPORT(KeQueryPriorityThread);

/* ---- processors ------------------------------------------------------------------------------ */

static KAFFINITY KiExistingProcessors(VOID)
{
    return MAXULONG_PTR >> (KI_MAX_PROCESSORS - KeNumberProcessors);
}

VOID KiSetUserAffinity(PKTHREAD Thread, KAFFINITY Affinity)
{
    ULONG64 Flags = KiLockDispatcher();
    Thread->UserAffinity = Affinity;
    if (!Thread->SystemAffinityActive) {
        Thread->Affinity = Affinity;
        KiPlaceThread(Thread);
    }
    KiExitDispatcher(Flags);
}

/* Gives the current thread an affinity; System says whether it is one that can be reverted. */
static VOID KiSetCurrentAffinity(KAFFINITY Affinity, BOOLEAN System)
{
    PKTHREAD Thread = KeGetCurrentThread();
    ULONG64 Flags = KiLockDispatcher();
    Thread->SystemAffinityActive = System;
    Thread->Affinity = System ? Affinity : Thread->UserAffinity;
    KiPlaceThread(Thread);
    KiExitDispatcher(Flags);
}

KAFFINITY NTAPI KeSetSystemAffinityThreadEx(KAFFINITY Affinity)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KAFFINITY OldAffinity = Thread->SystemAffinityActive ? Thread->Affinity : 0;
    KiRequireIrql(DISPATCH_LEVEL);
    if ((Affinity & KiExistingProcessors()) == 0) {
        return 0;
    }
    KiSetCurrentAffinity(Affinity & KiExistingProcessors(), TRUE);
    return OldAffinity;
}
EXPORT(KeSetSystemAffinityThreadEx);

VOID NTAPI KeSetSystemAffinityThread(KAFFINITY Affinity)
{
    KeSetSystemAffinityThreadEx(Affinity);
}
EXPORT(KeSetSystemAffinityThread);

VOID NTAPI KeRevertToUserAffinityThreadEx(KAFFINITY Affinity)
{
    KiRequireIrql(DISPATCH_LEVEL);
    Affinity &= KiExistingProcessors();
    KiSetCurrentAffinity(Affinity, Affinity != 0);
}
EXPORT(KeRevertToUserAffinityThreadEx);

VOID NTAPI KeRevertToUserAffinityThread(VOID)
{
    KeRevertToUserAffinityThreadEx(0);
}
EXPORT(KeRevertToUserAffinityThread);

UCHAR NTAPI KeSetIdealProcessorThread(PKTHREAD Thread, UCHAR Processor)
{
    KiRequireIrql(DISPATCH_LEVEL);
    ULONG64 Flags = KiLockDispatcher();
    UCHAR OldProcessor = Thread->IdealProcessor;
    if (Processor < KeNumberProcessors) {
        Thread->IdealProcessor = Processor;
    }
    KiUnlockDispatcher(Flags);
    return OldProcessor;
}
EXPORT(KeSetIdealProcessorThread);

NTSTATUS NTAPI ZwYieldExecution(VOID)
{
    PKTHREAD Thread = KeGetCurrentThread();
    if (KiCheckedMode && KeGetCurrentPrcb()->InDpc) {
        KiSwitchIsForbidden();
    }
    KiRequireIrql(APC_LEVEL);
    ULONG64 Flags = KiLockDispatcher();
    PKPRCB Prcb = KeGetCurrentPrcb();
    if ((Prcb->ReadySummary >> Thread->Priority) == 0) {
        KiUnlockDispatcher(Flags);
        return STATUS_NO_YIELD_PERFORMED;
    }
    Thread->Quantum = KI_QUANTUM;
    KiReadyThread(Thread, KiQueueTail);
    KiSwapThread(Prcb, KiReadIrql());
    KiUnlockDispatcher(Flags);
    return STATUS_SUCCESS;
}
EXPORT(ZwYieldExecution);
