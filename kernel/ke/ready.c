/*
 * ready.c - which thread runs where: the ready queues, the choice of a processor, the switch.
 *
 * Theory. Each processor has 32 queues of ready threads, one a priority, and runs the first thread
 * of the highest queue that is not empty, or its idle thread. A thread that becomes ready goes to
 * one processor's queue: to an idle one that it may run on (its ideal one, the one it ran on last,
 * any), else to its ideal one. A processor that would go idle looks at the queues of the others
 * first. All of it is done under the one dispatcher lock, with interrupts off.
 *
 *   READY-1  A thread is in a ready queue exactly while its state is Ready: in that of its
 *            NextProcessor, at its Priority. The running thread is in none.
 *   READY-2  While a processor's bit in KiIdleProcessors is set, it runs its idle thread, its queue
 *            is empty, and no thread that may run there is ready anywhere. So an idle processor
 *            needs to look at nothing: it halts, and interrupt 0x2F brings what to do.
 *   READY-3  Whenever the lock is free, a processor whose queue holds a better thread than it runs,
 *            or whose thread may not stay, has Reschedule set and interrupt 0x2F on its way. (On
 *            the processor itself, KiExitDispatcher switches at once instead where it may.)
 *   READY-4  First come, first served within a priority. A thread that lost the processor with
 *            quantum left goes back to the head of its queue, any other one to the tail.
 *   READY-5  The lock is held through a switch, from before the old thread's state is changed until
 *            the new thread runs on its own stack: nobody can run a thread whose registers are not
 *            saved yet.
 *   READY-6  A processor that runs its idle thread has its bit set, or Reschedule: one that was
 *            woken for a thread which another took in the meantime is idle again.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

#define NO_PRIORITY (-1) /* below the idle thread's and every other */

static KAFFINITY KiIdleProcessors;

INIT VOID KiInitializeReadyQueues(PKPRCB Prcb)
{
    Prcb->SetMember = 1ULL << Prcb->Number;
    for (ULONG i = 0; i < KI_PRIORITIES; i++) {
        InitializeListHead(&Prcb->ReadyQueues[i]);
    }
}

VOID KiJoinDispatcher(PKPRCB Prcb)
{
    ULONG64 Flags = KiLockDispatcher();
    KiProcessorBlock[Prcb->Number] = Prcb;
    KiIdleProcessors |= Prcb->SetMember;
    __atomic_store_n(&KeNumberProcessors, Prcb->Number + 1, __ATOMIC_RELEASE);
    KiUnlockDispatcher(Flags);
}

/* ---- queues ---------------------------------------------------------------------------------- */

static inline KPRIORITY KiBestPriority(PKPRCB Prcb)
{
    return Prcb->ReadySummary == 0 ? NO_PRIORITY : 31 - __builtin_clz(Prcb->ReadySummary);
}

static inline VOID KiUnlinkReady(PKPRCB Prcb, PKTHREAD Thread)
{
    if (RemoveEntryList(&Thread->QueueEntry)) {
        Prcb->ReadySummary &= ~(1U << Thread->Priority);
    }
}

/* The best thread of another processor's queue that may run here, NULL when there is none. */
static PKTHREAD KiFindThreadFor(PKPRCB Prcb, PKPRCB Other)
{
    for (KPRIORITY i = KiBestPriority(Other); i >= 0; i--) {
        PLIST_ENTRY Head = &Other->ReadyQueues[i];
        for (PLIST_ENTRY Entry = Head->Flink; Entry != Head; Entry = Entry->Flink) {
            PKTHREAD Thread = CONTAINING_RECORD(Entry, KTHREAD, QueueEntry);
            if (Thread->Affinity & Prcb->SetMember) {
                return Thread;
            }
        }
    }
    return NULL;
}

/* What a processor with an empty queue runs: the best thread that waits elsewhere, or nothing. */
static PKTHREAD KiTakeFromOthers(PKPRCB Prcb)
{
    PKTHREAD Best = NULL;
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        PKTHREAD Thread = KiFindThreadFor(Prcb, KiProcessorBlock[i]);
        if (Thread != NULL && (Best == NULL || Thread->Priority > Best->Priority)) {
            Best = Thread;
        }
    }
    if (Best == NULL) {
        KiIdleProcessors |= Prcb->SetMember;
        return Prcb->IdleThread;
    }
    KiUnlinkReady(KiProcessorBlock[Best->NextProcessor], Best);
    return Best;
}

static inline PKTHREAD KiTakeNextThread(PKPRCB Prcb)
{
    if (Prcb->ReadySummary == 0) {
        return KiTakeFromOthers(Prcb);
    }
    PKTHREAD Thread =
        CONTAINING_RECORD(Prcb->ReadyQueues[KiBestPriority(Prcb)].Flink, KTHREAD, QueueEntry);
    KiUnlinkReady(Prcb, Thread);
    return Thread;
}

/* ---- the choice of a processor --------------------------------------------------------------- */

static ULONG KiFirstProcessor(KAFFINITY Affinity)
{
    return (ULONG)__builtin_ctzll(Affinity);
}

static inline PKPRCB KiChooseProcessor(PKTHREAD Thread)
{
    KAFFINITY Choice = KiIdleProcessors & Thread->Affinity;
    ULONG Number = Thread->IdealProcessor;
    if (Choice == 0) {
        Choice = Thread->Affinity;
    } else if (!(Choice >> Number & 1)) {
        Number = Thread->NextProcessor;
    }
    return KiProcessorBlock[Choice >> Number & 1 ? Number : KiFirstProcessor(Choice)];
}

/* READY-3: the processor should look for another thread. Its own exit path sees it by itself. */
static inline VOID KiRequestSwitch(PKPRCB Prcb)
{
    BOOLEAN Asked = Prcb->Reschedule;
    Prcb->Reschedule = TRUE; /* first: the interrupt looks at it before it takes the lock */
    if (!Asked && Prcb != KeGetCurrentPrcb()) {
        KiRequestInterrupt(Prcb, DPC_VECTOR);
    }
}

VOID KiReadyThread(PKTHREAD Thread, KI_QUEUE_END End)
{
    PKPRCB Prcb = KiChooseProcessor(Thread);
    PLIST_ENTRY Queue = &Prcb->ReadyQueues[Thread->Priority];
    Thread->State = ThreadReady;
    Thread->NextProcessor = (UCHAR)Prcb->Number;
    if (End == KiQueueHead) {
        InsertHeadList(Queue, &Thread->QueueEntry);
    } else {
        InsertTailList(Queue, &Thread->QueueEntry);
    }
    Prcb->ReadySummary |= 1U << Thread->Priority;
    KiIdleProcessors &= ~Prcb->SetMember;
    if (Thread->Priority > Prcb->CurrentThread->Priority) {
        KiRequestSwitch(Prcb);
    }
}

VOID KiPlaceThread(PKTHREAD Thread)
{
    PKPRCB Prcb = KiProcessorBlock[Thread->NextProcessor];
    if (Thread->State == ThreadReady) {
        KiUnlinkReady(Prcb, Thread);
        KiReadyThread(Thread, KiQueueTail);
    } else if (Thread->State == ThreadRunning && !(Thread->Affinity & Prcb->SetMember)) {
        KiRequestSwitch(Prcb);
    }
}

VOID KiSetPriority(PKTHREAD Thread, KPRIORITY Priority)
{
    PKPRCB Prcb = KiProcessorBlock[Thread->NextProcessor];
    if (Thread->State == ThreadReady) {
        KiUnlinkReady(Prcb, Thread);
        Thread->Priority = (SCHAR)Priority;
        KiReadyThread(Thread, KiQueueTail);
        return;
    }
    Thread->Priority = (SCHAR)Priority;
    if (Thread->State == ThreadRunning && KiBestPriority(Prcb) > Priority) {
        KiRequestSwitch(Prcb);
    }
}

/* ---- the switch ------------------------------------------------------------------------------ */

static __attribute__((noinline, cold)) DECLSPEC_NORETURN VOID KiSwitchFromDpc(PKTHREAD Old,
                                                                              PKTHREAD New)
{
    KeBugCheckEx(ATTEMPTED_SWITCH_FROM_DPC, (ULONG_PTR)Old, (ULONG_PTR)New,
                 (ULONG_PTR)Old->StackBase, 0);
}

DECLSPEC_NORETURN VOID KiSwitchIsForbidden(VOID)
{
    KiLockDispatcher();
    PKPRCB Prcb = KeGetCurrentPrcb();
    KiSwitchFromDpc(Prcb->CurrentThread, KiTakeNextThread(Prcb));
}

VOID KiSwapThread(PKPRCB Prcb, KIRQL Irql)
{
    PKTHREAD Old = Prcb->CurrentThread;
    PKTHREAD New = KiTakeNextThread(Prcb);
    if (Prcb->InDpc) {
        KiSwitchFromDpc(Old, New);
    }
    Prcb->Reschedule = FALSE;
    New->State = ThreadRunning;
    New->NextProcessor = (UCHAR)Prcb->Number;
    if (New == Old) {
        return;
    }
    Prcb->CurrentThread = New;
    Prcb->ContextSwitches++;
    Old->SwapIrql = Irql;
    if (New->SwapIrql != Irql) {
        KiWriteIrql(New->SwapIrql); /* means nothing yet: interrupts are off */
    }
    if (New->KernelApcPending) {
        HalpRequestSoftwareInterrupt(APC_VECTOR);
    }
    KiSwapContext(&Old->KernelStack, New->KernelStack);
}

VOID KiPreemptThread(PKPRCB Prcb, KIRQL Irql)
{
    PKTHREAD Thread = Prcb->CurrentThread;
    Prcb->Reschedule = FALSE;
    if (Thread != Prcb->IdleThread) {
        if (KiBestPriority(Prcb) <= Thread->Priority && (Thread->Affinity & Prcb->SetMember)) {
            return;
        }
        KiReadyThread(Thread, KiQueueHead);
    }
    KiSwapThread(Prcb, Irql); /* the idle one, too: what it was woken for may be gone (READY-6) */
}
