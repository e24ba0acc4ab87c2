/*
 * ipi.c - having a routine run on other processors, and waiting until it has: for the TLB, for
 * KeIpiGenericCall and for whoever must be sure that every processor has seen something.
 *
 * Theory. A caller writes down in its own record what is to be run (CallRoutine, CallContext) and
 * by whom (CallTargets), then sets its bit in each target's CallSenders and asks it for interrupt
 * 0xE1. A target takes all bits at once, runs each caller's routine and clears its own bit in that
 * caller's CallTargets. So nothing is shared but two words, callers never wait for one another's
 * turn, and a target that is asked by several takes one interrupt for all.
 *
 * A caller waits with interrupts off, and answers calls itself while it waits: two processors may
 * call each other. So a routine may run wherever somebody waits in KiCallProcessors, at any IRQL.
 *
 *   IPI-1  Whoever calls holds no lock that is taken with interrupts off: a target may be spinning
 *          for it and would never answer.
 *   IPI-2  A routine touches nothing pageable, takes no lock and calls no processor.
 *   IPI-3  A target's stores before it answers are seen by the caller behind KiCallProcessors, and
 *          the caller's before the call by the routine.
 *   IPI-4  KeIpiGenericCall: no processor enters the routine before all have come, and none goes on
 *          before all have left it; one such call at a time.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

VOID KiRequestInterrupt(PKPRCB Prcb, UCHAR Vector)
{
    if (Prcb == KeGetCurrentPrcb()) {
        HalpRequestSoftwareInterrupt(Vector);
    } else {
        KeGetCurrentPrcb()->RequestCount++;
        HalpRequestInterrupt(Prcb->ApicId, Vector);
    }
}

/* Runs what others have asked of this processor. Interrupts are off, or the level is IPI_LEVEL. */
static VOID KiAnswerCalls(PKPRCB Prcb)
{
    KAFFINITY Senders = __atomic_exchange_n(&Prcb->CallSenders, 0, __ATOMIC_ACQ_REL);
    for (; Senders != 0; Senders &= Senders - 1) {
        PKPRCB Sender = KiProcessorBlock[__builtin_ctzll(Senders)];
        Sender->CallRoutine(Sender->CallContext);
        __atomic_fetch_and(&Sender->CallTargets, ~Prcb->SetMember, __ATOMIC_ACQ_REL);
    }
}

static VOID KiIpiInterrupt(PKTRAP_FRAME TrapFrame, PVOID Context)
{
    UNREFERENCED_PARAMETER(TrapFrame);
    UNREFERENCED_PARAMETER(Context);
    KiAnswerCalls(KeGetCurrentPrcb());
}

/* Interrupts are off, or the level is IPI_LEVEL, from here to the end of KiEndCall. */
static VOID KiBeginCall(PKPRCB Prcb, KAFFINITY Targets, KI_CALL_ROUTINE *Routine, PVOID Context)
{
    Prcb->CallRoutine = Routine;
    Prcb->CallContext = Context;
    __atomic_store_n(&Prcb->CallTargets, Targets, __ATOMIC_RELEASE);
    for (; Targets != 0; Targets &= Targets - 1) {
        PKPRCB Target = KiProcessorBlock[__builtin_ctzll(Targets)];
        /* Where a bit is set already, the interrupt is on its way. */
        if (__atomic_fetch_or(&Target->CallSenders, Prcb->SetMember, __ATOMIC_ACQ_REL) == 0) {
            Prcb->RequestCount++;
            HalpRequestInterrupt(Target->ApicId, IPI_VECTOR);
        }
    }
}

static VOID KiEndCall(PKPRCB Prcb)
{
    while (__atomic_load_n(&Prcb->CallTargets, __ATOMIC_ACQUIRE) != 0) {
        KiAnswerCalls(Prcb);
        YieldProcessor();
    }
}

VOID KiCallProcessors(KAFFINITY Targets, KI_CALL_ROUTINE *Routine, PVOID Context)
{
    ULONG64 Flags = KiDisableInterrupts();
    PKPRCB Prcb = KeGetCurrentPrcb();
    KiBeginCall(Prcb, Targets & ~Prcb->SetMember, Routine, Context);
    KiEndCall(Prcb);
    KiRestoreInterrupts(Flags);
}

KAFFINITY KiOtherProcessors(VOID)
{
    return KeQueryActiveProcessors() & ~KeGetCurrentPrcb()->SetMember;
}

INIT VOID KiInitializeCalls(VOID)
{
    KiConnectVector(IPI_VECTOR, KiIpiInterrupt, NULL);
}

/* ---- KeIpiGenericCall ------------------------------------------------------------------------ */

typedef struct _KI_BROADCAST {
    PKIPI_BROADCAST_WORKER Function;
    ULONG_PTR Argument;
    volatile ULONG Missing; /* processors that have not come yet */
} KI_BROADCAST;

static KSPIN_LOCK KiBroadcastLock;

static ULONG_PTR KiJoinBroadcast(KI_BROADCAST *Broadcast)
{
    __atomic_fetch_sub(&Broadcast->Missing, 1, __ATOMIC_ACQ_REL);
    while (__atomic_load_n(&Broadcast->Missing, __ATOMIC_ACQUIRE) != 0) {
        YieldProcessor();
    }
    return Broadcast->Function(Broadcast->Argument);
}

/* On the others: as if from an interrupt, wherever the call was answered. */
static VOID KiBroadcastRoutine(PVOID Context)
{
    KIRQL OldIrql = KiReadIrql();
    KiWriteIrql(IPI_LEVEL);
    KiJoinBroadcast(Context);
    KiWriteIrql(OldIrql);
}

ULONG_PTR NTAPI KeIpiGenericCall(PKIPI_BROADCAST_WORKER BroadcastFunction, ULONG_PTR Context)
{
    KI_BROADCAST Broadcast = {BroadcastFunction, Context, KeNumberProcessors};
    KiRequireIrql(IPI_LEVEL - 1);
    KIRQL OldIrql = KiReadIrql();
    KiWriteIrql(IPI_LEVEL);
    PKPRCB Prcb = KeGetCurrentPrcb();
    while (__atomic_exchange_n(&KiBroadcastLock, 1, __ATOMIC_ACQUIRE) != 0) {
        KiAnswerCalls(Prcb); /* who has the lock waits for us */
        YieldProcessor();
    }
    KiBeginCall(Prcb, KiOtherProcessors(), KiBroadcastRoutine, &Broadcast);
    ULONG_PTR Result = KiJoinBroadcast(&Broadcast);
    KiEndCall(Prcb);
    __atomic_store_n(&KiBroadcastLock, 0, __ATOMIC_RELEASE);
    KiWriteIrql(OldIrql);
    return Result;
}
EXPORT(KeIpiGenericCall);
