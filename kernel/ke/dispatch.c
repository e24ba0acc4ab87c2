/*
 * dispatch.c - the dispatcher lock, and the moments at which a processor changes threads.
 *
 * Theory. One lock guards all that threads, priorities and waiting are made of. It is held with
 * interrupts off for some dozens of instructions, which makes it cheaper than a spin lock (CR8 is
 * not written) and legal at every IRQL. A processor changes threads
 *   - when its thread waits, ends or yields (KiSwapThread, called by them);
 *   - when an operation of its own made a better thread ready (KiExitDispatcher), at once if the
 *     level is below DISPATCH_LEVEL, else by interrupt 0x2F when the level drops;
 *   - in the second half of interrupt 0x2F, behind the DPCs: another processor, a DPC or the clock
 *     made a better thread ready, or the quantum ended and an equal one is.
 *
 *   DISP-1  The lock is taken with interrupts off and let go of with interrupts off. A switch
 *           happens inside: the thread that comes in lets go of it (READY-5).
 *   DISP-2  A processor in a DPC routine never changes threads: bug check 0xB8, in both modes.
 *   DISP-3  A thread is charged for a clock tick that interrupts it below DISPATCH_LEVEL. With its
 *           quantum gone it gives way to a ready thread of the same or a higher priority, and a
 *           boosted priority sinks by one towards the base (or what was lent).
 *   DISP-4  Lock order: DPC queues inside the dispatcher lock, nothing else.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"

KSPIN_LOCK KiDispatcherLock;

__attribute__((noinline, cold)) VOID KiSpinForDispatcher(VOID)
{
    do {
        while (__atomic_load_n(&KiDispatcherLock, __ATOMIC_RELAXED) != 0) {
            YieldProcessor();
        }
    } while (__atomic_exchange_n(&KiDispatcherLock, 1, __ATOMIC_ACQUIRE) != 0);
}

/* Out of line: most operations make nobody ready who should run here at once. */
static __attribute__((noinline)) VOID KiChangeThread(PKPRCB Prcb, ULONG64 Flags)
{
    KIRQL Irql = KiReadIrql();
    if (Irql < DISPATCH_LEVEL && (Flags & EFLAGS_IF)) {
        KiPreemptThread(Prcb, Irql);
    } else if (!Prcb->InDpc) { /* else the interrupt that runs DPCs looks again itself */
        HalpRequestSoftwareInterrupt(DPC_VECTOR);
    }
}

VOID KiExitDispatcher(ULONG64 Flags)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    if (Prcb->Reschedule) {
        KiChangeThread(Prcb, Flags);
    }
    KiUnlockDispatcher(Flags);
}

VOID KiChargeThread(PKPRCB Prcb, KIRQL InterruptedIrql)
{
    PKTHREAD Thread = Prcb->CurrentThread;
    if (InterruptedIrql >= DISPATCH_LEVEL || Thread == Prcb->IdleThread) {
        return;
    }
    Thread->Quantum -= KI_QUANTUM_TICK;
    if (Thread->Quantum <= 0) {
        HalpRequestSoftwareInterrupt(DPC_VECTOR);
    }
}

/* The current thread's turn is over: the next of its priority runs, if there is one. */
static VOID KiEndQuantum(PKPRCB Prcb, PKTHREAD Thread)
{
    Thread->Quantum = KI_QUANTUM;
    if (Thread->Priority < LOW_REALTIME_PRIORITY && Thread->Priority > KiLowestPriority(Thread)) {
        Thread->Priority--;
    }
    if ((Prcb->ReadySummary >> Thread->Priority) != 0) {
        KiReadyThread(Thread, KiQueueTail);
        KiSwapThread(Prcb, DISPATCH_LEVEL);
    } else {
        KiPreemptThread(Prcb, DISPATCH_LEVEL); /* it may not stay (READY-3) */
    }
}

VOID KiDispatchThreads(PKPRCB Prcb)
{
    PKTHREAD Thread = Prcb->CurrentThread;
    if (!Prcb->Reschedule && Thread->Quantum > 0) {
        return;
    }
    ULONG64 Flags = KiLockDispatcher();
    if (Thread->Quantum <= 0) {
        KiEndQuantum(Prcb, Thread);
    } else {
        KiPreemptThread(Prcb, DISPATCH_LEVEL);
    }
    KiUnlockDispatcher(Flags);
}
