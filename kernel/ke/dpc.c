/*
 * dpc.c - deferred procedure calls: work that an interrupt hands down to DISPATCH_LEVEL.
 *
 * Theory. Each processor has one queue. Inserting asks the processor for interrupt 0x2F, which its
 * local APIC holds back while CR8 >= 2; so the queue is drained exactly when the level drops below
 * DISPATCH_LEVEL, or at once when it is there already. Routines run at DISPATCH_LEVEL, interrupts
 * enabled, on the processor's own DPC stack. DPCs of low importance do not ask; they wait for the
 * next drain, the next clock tick, or a queue deeper than the limit (contract 1.8). On another
 * processor only high and medium-high ones ask at once; the others as low ones do here, or when
 * that processor has nothing to do.
 *
 *   DPC-1  An object is in at most one queue; inserting it again changes nothing, its arguments
 *          included.
 *   DPC-2  Before its routine runs the object is off the queue, so the routine may requeue or
 *          free it.
 *   DPC-3  High importance goes to the head, everything else to the tail.
 *   DPC-4  A routine returns at DISPATCH_LEVEL: checked mode, bug check 0xC8 with (current << 16 |
 *          DISPATCH_LEVEL << 8 | 2, routine, object, 0).
 *   DPC-5  A routine leaves the interrupted thread's APC disable counts as they were: checked mode,
 *          bug check 0xC7 (4, routine, counts before, counts after).
 *   DPC-6  DpcData is the queue that the object is in. It goes from NULL to a queue by one
 *          exchange, under that queue's lock: two processors cannot both insert.
 *   DPC-7  A processor does not halt with DPCs in its queue: who inserts looks at IdleHalt behind
 *          DpcDepth, an idle processor at DpcDepth behind IdleHalt, both with full fences.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

#define DPC_OBJECT_TYPE            0x13
#define DPC_TARGETED               0x8000 /* in KDPC.Number: the rest is the processor */
#define DPC_DEPTH_LIMIT            4      /* contract 1.8 */
#define UNEXPECTED_IRQL_IN_CALLOUT 2
#define INVALID_APC_COUNT          4

VOID NTAPI KeInitializeDpc(PRKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext)
{
    Dpc->Type = DPC_OBJECT_TYPE;
    Dpc->Importance = MediumImportance;
    Dpc->Number = 0;
    Dpc->DeferredRoutine = DeferredRoutine;
    Dpc->DeferredContext = DeferredContext;
    Dpc->DpcData = NULL;
}
EXPORT(KeInitializeDpc);

VOID NTAPI KeSetImportanceDpc(PRKDPC Dpc, KDPC_IMPORTANCE Importance)
{
    Dpc->Importance = (UCHAR)Importance;
}
EXPORT(KeSetImportanceDpc);

VOID NTAPI KeSetTargetProcessorDpc(PRKDPC Dpc, CCHAR Number)
{
    if (Number >= 0 && (ULONG)Number < KeNumberProcessors) {
        Dpc->Number = (USHORT)(DPC_TARGETED | Number);
    }
}
EXPORT(KeSetTargetProcessorDpc);

NTSTATUS NTAPI KeSetTargetProcessorDpcEx(PKDPC Dpc, PPROCESSOR_NUMBER ProcNumber)
{
    ULONG Index = KeGetProcessorIndexFromNumber(ProcNumber);
    if (Index == INVALID_PROCESSOR_INDEX) {
        return STATUS_INVALID_PARAMETER;
    }
    Dpc->Number = (USHORT)(DPC_TARGETED | Index);
    return STATUS_SUCCESS;
}
EXPORT(KeSetTargetProcessorDpcEx);

/* Interrupts are off while a queue is held: an ISR may insert at any level. */
static VOID KiLockDpcQueue(PKPRCB Prcb)
{
    while (__atomic_exchange_n(&Prcb->DpcLock, 1, __ATOMIC_ACQUIRE) != 0) {
        YieldProcessor();
    }
}

static ULONG64 KiAcquireDpcQueue(PKPRCB Prcb)
{
    ULONG64 Flags = KiDisableInterrupts();
    KiLockDpcQueue(Prcb);
    return Flags;
}

static VOID KiReleaseDpcQueue(PKPRCB Prcb, ULONG64 Flags)
{
    __atomic_store_n(&Prcb->DpcLock, 0, __ATOMIC_RELEASE);
    KiRestoreInterrupts(Flags);
}

/* Whether a DPC that was just queued has its processor asked for a drain. */
static BOOLEAN KiShouldAsk(PRKDPC Dpc, PKPRCB Prcb, ULONG Depth)
{
    if (Depth > DPC_DEPTH_LIMIT) {
        return TRUE;
    }
    if (Prcb == KeGetCurrentPrcb()) {
        return Dpc->Importance != LowImportance;
    }
    return Dpc->Importance == HighImportance || Dpc->Importance == MediumHighImportance ||
           __atomic_load_n(&Prcb->IdleHalt, __ATOMIC_SEQ_CST); /* DPC-7 */
}

/* The queue's lock is held; the object is this queue's. Returns whether to ask for a drain. */
static BOOLEAN KiQueueDpc(PRKDPC Dpc, PKPRCB Prcb)
{
    if (Dpc->Importance == HighImportance) {
        InsertHeadList(&Prcb->DpcList, &Dpc->DpcListEntry);
    } else {
        InsertTailList(&Prcb->DpcList, &Dpc->DpcListEntry);
    }
    return KiShouldAsk(Dpc, Prcb, __atomic_add_fetch(&Prcb->DpcDepth, 1, __ATOMIC_SEQ_CST));
}

BOOLEAN NTAPI KeInsertQueueDpc(PRKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2)
{
    BOOLEAN Ask = FALSE;
    PVOID Expected = NULL;
    ULONG64 Flags = KiDisableInterrupts();
    ULONG Number = Dpc->Number;
    PKPRCB Prcb = KeGetCurrentPrcb();
    if (Number & DPC_TARGETED) {
        Prcb = KiProcessorBlock[Number & ~DPC_TARGETED];
    }
    KiLockDpcQueue(Prcb);
    BOOLEAN Inserted = __atomic_compare_exchange_n(&Dpc->DpcData, &Expected, Prcb, FALSE,
                                                   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
    if (Inserted) {
        Dpc->SystemArgument1 = SystemArgument1;
        Dpc->SystemArgument2 = SystemArgument2;
        Ask = KiQueueDpc(Dpc, Prcb);
    }
    __atomic_store_n(&Prcb->DpcLock, 0, __ATOMIC_RELEASE);
    if (Ask) {
        KiRequestInterrupt(Prcb, DPC_VECTOR);
    }
    KiRestoreInterrupts(Flags);
    return Inserted;
}
EXPORT(KeInsertQueueDpc);

/* The queue's lock is held; the object is in it. */
static VOID KiUnlinkDpc(PRKDPC Dpc, PKPRCB Prcb)
{
    RemoveEntryList(&Dpc->DpcListEntry);
    Prcb->DpcDepth--;
    __atomic_store_n(&Dpc->DpcData, NULL, __ATOMIC_RELEASE);
}

BOOLEAN NTAPI KeRemoveQueueDpc(PRKDPC Dpc)
{
    PKPRCB Prcb;
    /* More than one look only if it runs and is queued elsewhere meanwhile. */
    while ((Prcb = __atomic_load_n(&Dpc->DpcData, __ATOMIC_ACQUIRE)) != NULL) {
        ULONG64 Flags = KiAcquireDpcQueue(Prcb);
        BOOLEAN Here = Dpc->DpcData == Prcb;
        if (Here) {
            KiUnlinkDpc(Dpc, Prcb);
        }
        KiReleaseDpcQueue(Prcb, Flags);
        if (Here) {
            return TRUE;
        }
    }
    return FALSE;
}
EXPORT(KeRemoveQueueDpc);

ULONG KiQueryDpcs(PKPRCB Prcb, KI_WAITING_DPC *Waiting, ULONG Most)
{
    ULONG Count = 0;
    ULONG64 Flags = KiAcquireDpcQueue(Prcb);
    for (PLIST_ENTRY Entry = Prcb->DpcList.Flink; Entry != &Prcb->DpcList; Entry = Entry->Flink) {
        PKDPC Dpc = CONTAINING_RECORD(Entry, KDPC, DpcListEntry);
        if (Count < Most) {
            Waiting[Count] = (KI_WAITING_DPC){Dpc, Dpc->DeferredRoutine, Dpc->Importance};
        }
        Count++;
    }
    KiReleaseDpcQueue(Prcb, Flags);
    return Count;
}

static VOID KiRunDpc(PKPRCB Prcb, PKDPC Dpc, PVOID Argument1, PVOID Argument2)
{
    PKDEFERRED_ROUTINE Routine = Dpc->DeferredRoutine;
    ULONG ApcDisable = Prcb->CurrentThread->CombinedApcDisable;
    Prcb->DpcCount++;
    Prcb->DpcTicks = 0;
    Routine(Dpc, Dpc->DeferredContext, Argument1, Argument2);
    KIRQL Irql = KiReadIrql();
    if (KiCheckedMode && Irql != DISPATCH_LEVEL) {
        KeBugCheckEx(IRQL_UNEXPECTED_VALUE,
                     (Irql << 16) | (DISPATCH_LEVEL << 8) | UNEXPECTED_IRQL_IN_CALLOUT,
                     (ULONG_PTR)Routine, (ULONG_PTR)Dpc, 0);
    }
    ULONG ApcDisableNow = Prcb->CurrentThread->CombinedApcDisable;
    if (KiCheckedMode && ApcDisableNow != ApcDisable) {
        KeBugCheckEx(TIMER_OR_DPC_INVALID, INVALID_APC_COUNT, (ULONG_PTR)Routine, ApcDisable,
                     ApcDisableNow);
    }
}

/* Runs on the DPC stack until the queue is empty. */
static VOID KiDrainQueue(PVOID Context)
{
    PKPRCB Prcb = Context;
    for (;;) {
        ULONG64 Flags = KiAcquireDpcQueue(Prcb);
        if (IsListEmpty(&Prcb->DpcList)) {
            KiReleaseDpcQueue(Prcb, Flags);
            return;
        }
        PKDPC Dpc = CONTAINING_RECORD(Prcb->DpcList.Flink, KDPC, DpcListEntry);
        PVOID Argument1 = Dpc->SystemArgument1;
        PVOID Argument2 = Dpc->SystemArgument2;
        KiUnlinkDpc(Dpc, Prcb);
        KiReleaseDpcQueue(Prcb, Flags);
        KiRunDpc(Prcb, Dpc, Argument1, Argument2);
    }
}

/*
 * Interrupt 0x2F: timers, DPCs, threads. It cannot nest: its own level masks it. What is asked for
 * behind the look at a queue brings an interrupt of its own.
 */
static VOID KiDpcInterrupt(PKTRAP_FRAME TrapFrame, PVOID Context)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    UNREFERENCED_PARAMETER(TrapFrame);
    UNREFERENCED_PARAMETER(Context);
    if (Prcb->TimersDue) {
        Prcb->TimersDue = FALSE;
        KiExpireTimers();
    }
    if (Prcb->DpcDepth != 0) {
        Prcb->InDpc = TRUE;
        KiCallOnStack(KiDrainQueue, Prcb, Prcb->DpcStack);
        Prcb->InDpc = FALSE;
    }
    KiDispatchThreads(Prcb);
}

/* The clock's share: timers, and low-importance DPCs, which wait for one tick at most. */
VOID KiRequestDrain(PKPRCB Prcb)
{
    if (Prcb->DpcDepth != 0 || Prcb->TimersDue) {
        HalpRequestSoftwareInterrupt(DPC_VECTOR);
    }
}

/* ---- KeFlushQueuedDpcs ----------------------------------------------------------------------- */

static VOID NTAPI KiSignalRoutine(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeSetEvent(Context, IO_NO_INCREMENT, FALSE);
}

/* In this order: a routine that has been taken off the queue runs while InDpc is set. */
static BOOLEAN KiHasDpcs(PKPRCB Prcb)
{
    return __atomic_load_n(&Prcb->DpcDepth, __ATOMIC_ACQUIRE) != 0 ||
           __atomic_load_n(&Prcb->InDpc, __ATOMIC_ACQUIRE);
}

/* A DPC of our own goes to the end of each queue: when it has run, so has all in front of it. */
VOID NTAPI KeFlushQueuedDpcs(VOID)
{
    KDPC Last;
    KEVENT Done;
    KiRequireIrql(PASSIVE_LEVEL);
    KeInitializeEvent(&Done, SynchronizationEvent, FALSE);
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        if (KiHasDpcs(KiProcessorBlock[i])) {
            KeInitializeDpc(&Last, KiSignalRoutine, &Done);
            KeSetImportanceDpc(&Last, MediumHighImportance);
            KeSetTargetProcessorDpc(&Last, (CCHAR)i);
            KeInsertQueueDpc(&Last, NULL, NULL);
            KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
        }
    }
}
EXPORT(KeFlushQueuedDpcs);

INIT VOID KiInitializeDpcs(PKPRCB Prcb)
{
    InitializeListHead(&Prcb->DpcList);
    KiConnectVector(DPC_VECTOR, KiDpcInterrupt, NULL);
}
