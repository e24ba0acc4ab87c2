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
 *          Depth, an idle processor at Depth behind IdleHalt, both with full fences.
 *   DPC-8  A threaded DPC goes into a queue of its own; the interrupt that would drain it wakes a
 *          thread of the processor instead, of the highest priority, which runs the routine at
 *          PASSIVE_LEVEL. So ordinary DPCs interrupt it and threads do not. DPC-4 and DPC-5 hold
 *          with PASSIVE_LEVEL. With threaded-dpcs=off it is an ordinary one.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/rtl.h"
#include "kernel/rtl/section.h"

#define DPC_OBJECT_TYPE            0x13
#define THREADED_DPC_TYPE          0x18
#define DPC_TARGETED               0x8000 /* in KDPC.Number: the rest is the processor */
#define DPC_DEPTH_LIMIT            4      /* contract 1.8 */
#define UNEXPECTED_IRQL_IN_CALLOUT 2
#define INVALID_APC_COUNT          4

BOOT_OPTION(ThreadedDpcs, "threaded-dpcs", "threaded-dpcs=off  run threaded DPCs as ordinary ones");

BOOLEAN KiThreadedDpcs;

static VOID KiFillDpc(PRKDPC Dpc, UCHAR Type, PKDEFERRED_ROUTINE DeferredRoutine,
                      PVOID DeferredContext)
{
    Dpc->Type = Type;
    Dpc->Importance = MediumImportance;
    Dpc->Number = 0;
    Dpc->DeferredRoutine = DeferredRoutine;
    Dpc->DeferredContext = DeferredContext;
    Dpc->DpcData = NULL;
}

VOID NTAPI KeInitializeDpc(PRKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext)
{
    KiFillDpc(Dpc, DPC_OBJECT_TYPE, DeferredRoutine, DeferredContext);
}
EXPORT(KeInitializeDpc);

VOID NTAPI KeInitializeThreadedDpc(PRKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine,
                                   PVOID DeferredContext)
{
    KiFillDpc(Dpc, THREADED_DPC_TYPE, DeferredRoutine, DeferredContext);
}
EXPORT(KeInitializeThreadedDpc);

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
static VOID KiLockDpcQueue(PKI_DPC_QUEUE Queue)
{
    while (__atomic_exchange_n(&Queue->Lock, 1, __ATOMIC_ACQUIRE) != 0) {
        YieldProcessor();
    }
}

static ULONG64 KiAcquireDpcQueue(PKI_DPC_QUEUE Queue)
{
    ULONG64 Flags = KiDisableInterrupts();
    KiLockDpcQueue(Queue);
    return Flags;
}

static VOID KiReleaseDpcQueue(PKI_DPC_QUEUE Queue, ULONG64 Flags)
{
    __atomic_store_n(&Queue->Lock, 0, __ATOMIC_RELEASE);
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
static BOOLEAN KiQueueDpc(PRKDPC Dpc, PKI_DPC_QUEUE Queue)
{
    if (Dpc->Importance == HighImportance) {
        InsertHeadList(&Queue->List, &Dpc->DpcListEntry);
    } else {
        InsertTailList(&Queue->List, &Dpc->DpcListEntry);
    }
    return KiShouldAsk(Dpc, Queue->Prcb, __atomic_add_fetch(&Queue->Depth, 1, __ATOMIC_SEQ_CST));
}

/* Where a DPC goes that is inserted now, on this processor. */
static PKI_DPC_QUEUE KiQueueFor(PRKDPC Dpc)
{
    ULONG Number = Dpc->Number;
    PKPRCB Prcb = KeGetCurrentPrcb();
    if (Number & DPC_TARGETED) {
        Prcb = KiProcessorBlock[Number & ~DPC_TARGETED];
    }
    return Dpc->Type == THREADED_DPC_TYPE && KiThreadedDpcs ? &Prcb->ThreadedDpcs : &Prcb->Dpcs;
}

BOOLEAN NTAPI KeInsertQueueDpc(PRKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2)
{
    BOOLEAN Ask = FALSE;
    PVOID Expected = NULL;
    ULONG64 Flags = KiDisableInterrupts();
    PKI_DPC_QUEUE Queue = KiQueueFor(Dpc);
    KiLockDpcQueue(Queue);
    BOOLEAN Inserted = __atomic_compare_exchange_n(&Dpc->DpcData, &Expected, Queue, FALSE,
                                                   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
    if (Inserted) {
        Dpc->SystemArgument1 = SystemArgument1;
        Dpc->SystemArgument2 = SystemArgument2;
        Ask = KiQueueDpc(Dpc, Queue);
    }
    __atomic_store_n(&Queue->Lock, 0, __ATOMIC_RELEASE);
    if (Ask) {
        KiRequestInterrupt(Queue->Prcb, DPC_VECTOR);
    }
    KiRestoreInterrupts(Flags);
    return Inserted;
}
EXPORT(KeInsertQueueDpc);

/* The queue's lock is held; the object is in it. */
static VOID KiUnlinkDpc(PRKDPC Dpc, PKI_DPC_QUEUE Queue)
{
    RemoveEntryList(&Dpc->DpcListEntry);
    Queue->Depth--;
    __atomic_store_n(&Dpc->DpcData, NULL, __ATOMIC_RELEASE);
}

BOOLEAN NTAPI KeRemoveQueueDpc(PRKDPC Dpc)
{
    PKI_DPC_QUEUE Queue;
    /* More than one look only if it runs and is queued elsewhere meanwhile. */
    while ((Queue = __atomic_load_n(&Dpc->DpcData, __ATOMIC_ACQUIRE)) != NULL) {
        ULONG64 Flags = KiAcquireDpcQueue(Queue);
        BOOLEAN Here = Dpc->DpcData == Queue;
        if (Here) {
            KiUnlinkDpc(Dpc, Queue);
        }
        KiReleaseDpcQueue(Queue, Flags);
        if (Here) {
            return TRUE;
        }
    }
    return FALSE;
}
EXPORT(KeRemoveQueueDpc);

ULONG KiQueryDpcs(PKI_DPC_QUEUE Queue, KI_WAITING_DPC *Waiting, ULONG Most)
{
    ULONG Count = 0;
    ULONG64 Flags = KiAcquireDpcQueue(Queue);
    for (PLIST_ENTRY Entry = Queue->List.Flink; Entry != &Queue->List; Entry = Entry->Flink) {
        PKDPC Dpc = CONTAINING_RECORD(Entry, KDPC, DpcListEntry);
        if (Count < Most) {
            Waiting[Count] = (KI_WAITING_DPC){Dpc, Dpc->DeferredRoutine, Dpc->Importance};
        }
        Count++;
    }
    KiReleaseDpcQueue(Queue, Flags);
    return Count;
}

static VOID KiRunDpc(PKPRCB Prcb, PKDPC Dpc, PVOID Argument1, PVOID Argument2, KIRQL Level)
{
    PKDEFERRED_ROUTINE Routine = Dpc->DeferredRoutine;
    ULONG ApcDisable = Prcb->CurrentThread->CombinedApcDisable;
    Prcb->DpcCount++;
    Prcb->DpcTicks = 0;
    Routine(Dpc, Dpc->DeferredContext, Argument1, Argument2);
    KIRQL Irql = KiReadIrql();
    if (KiCheckedMode && Irql != Level) {
        KeBugCheckEx(IRQL_UNEXPECTED_VALUE,
                     (Irql << 16) | (Level << 8) | UNEXPECTED_IRQL_IN_CALLOUT, (ULONG_PTR)Routine,
                     (ULONG_PTR)Dpc, 0);
    }
    ULONG ApcDisableNow = Prcb->CurrentThread->CombinedApcDisable;
    if (KiCheckedMode && ApcDisableNow != ApcDisable) {
        KeBugCheckEx(TIMER_OR_DPC_INVALID, INVALID_APC_COUNT, (ULONG_PTR)Routine, ApcDisable,
                     ApcDisableNow);
    }
}

/* Runs what is in the queue, at the level that the caller has, until it is empty. */
static VOID KiDrainQueue(PVOID Context)
{
    PKI_DPC_QUEUE Queue = Context;
    KIRQL Level = KiReadIrql();
    for (;;) {
        ULONG64 Flags = KiAcquireDpcQueue(Queue);
        if (IsListEmpty(&Queue->List)) {
            KiReleaseDpcQueue(Queue, Flags);
            return;
        }
        PKDPC Dpc = CONTAINING_RECORD(Queue->List.Flink, KDPC, DpcListEntry);
        PVOID Argument1 = Dpc->SystemArgument1;
        PVOID Argument2 = Dpc->SystemArgument2;
        KiUnlinkDpc(Dpc, Queue);
        KiReleaseDpcQueue(Queue, Flags);
        KiRunDpc(Queue->Prcb, Dpc, Argument1, Argument2, Level);
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
    if (Prcb->Dpcs.Depth != 0) {
        Prcb->InDpc = TRUE;
        KiCallOnStack(KiDrainQueue, &Prcb->Dpcs, Prcb->DpcStack);
        Prcb->InDpc = FALSE;
    }
    if (Prcb->ThreadedDpcs.Depth != 0) {
        KeSetEvent(&Prcb->ThreadedDpcEvent, IO_NO_INCREMENT, FALSE);
    }
    KiDispatchThreads(Prcb);
}

/* The clock's share: timers, and low-importance DPCs, which wait for one tick at most. */
VOID KiRequestDrain(PKPRCB Prcb)
{
    if (Prcb->Dpcs.Depth != 0 || Prcb->ThreadedDpcs.Depth != 0 || Prcb->TimersDue) {
        HalpRequestSoftwareInterrupt(DPC_VECTOR);
    }
}

/* ---- threaded DPCs --------------------------------------------------------------------------- */

DECLSPEC_NORETURN VOID NTAPI KiRunThreadedDpcs(PVOID Context)
{
    PKPRCB Prcb = Context;
    KeSetSystemAffinityThreadEx(Prcb->SetMember);
    for (;;) {
        KeWaitForSingleObject(&Prcb->ThreadedDpcEvent, Executive, KernelMode, FALSE, NULL);
        __atomic_store_n(&Prcb->InThreadedDpc, TRUE, __ATOMIC_SEQ_CST);
        KiDrainQueue(&Prcb->ThreadedDpcs);
        __atomic_store_n(&Prcb->InThreadedDpc, FALSE, __ATOMIC_RELEASE);
    }
}

INIT VOID KiEnableThreadedDpcs(VOID)
{
    const CHAR *Word = KiGetBootOption("threaded-dpcs");
    KiThreadedDpcs = Word == NULL || strcmp(Word, "off") != 0;
}

/* ---- KeFlushQueuedDpcs ----------------------------------------------------------------------- */

static VOID NTAPI KiSignalRoutine(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeSetEvent(Context, IO_NO_INCREMENT, FALSE);
}

/* In this order: a routine that has been taken off the queue runs while Busy is set. */
static BOOLEAN KiHasDpcs(PKI_DPC_QUEUE Queue, const UCHAR *Busy)
{
    return __atomic_load_n(&Queue->Depth, __ATOMIC_ACQUIRE) != 0 ||
           __atomic_load_n(Busy, __ATOMIC_ACQUIRE);
}

/* Waits until a DPC that goes to the end of the queue of its kind has run. */
static VOID KiFlushQueue(PKI_DPC_QUEUE Queue, UCHAR Type)
{
    KDPC Last;
    KEVENT Done;
    KeInitializeEvent(&Done, SynchronizationEvent, FALSE);
    KiFillDpc(&Last, Type, KiSignalRoutine, &Done);
    KeSetImportanceDpc(&Last, MediumHighImportance);
    KeSetTargetProcessorDpc(&Last, (CCHAR)Queue->Prcb->Number);
    KeInsertQueueDpc(&Last, NULL, NULL);
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
}

/* A DPC of our own goes to the end of each queue: when it has run, so has all in front of it. */
VOID NTAPI KeFlushQueuedDpcs(VOID)
{
    KiRequireIrql(PASSIVE_LEVEL);
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        PKPRCB Prcb = KiProcessorBlock[i];
        if (KiHasDpcs(&Prcb->Dpcs, &Prcb->InDpc)) {
            KiFlushQueue(&Prcb->Dpcs, DPC_OBJECT_TYPE);
        }
        if (KiHasDpcs(&Prcb->ThreadedDpcs, &Prcb->InThreadedDpc)) {
            KiFlushQueue(&Prcb->ThreadedDpcs, THREADED_DPC_TYPE);
        }
    }
}
EXPORT(KeFlushQueuedDpcs);

static INIT VOID KiInitializeQueue(PKI_DPC_QUEUE Queue, PKPRCB Prcb)
{
    Queue->Prcb = Prcb;
    InitializeListHead(&Queue->List);
}

INIT VOID KiInitializeDpcs(PKPRCB Prcb)
{
    KiInitializeQueue(&Prcb->Dpcs, Prcb);
    KiInitializeQueue(&Prcb->ThreadedDpcs, Prcb);
    KeInitializeEvent(&Prcb->ThreadedDpcEvent, SynchronizationEvent, FALSE);
    KiConnectVector(DPC_VECTOR, KiDpcInterrupt, NULL);
}
