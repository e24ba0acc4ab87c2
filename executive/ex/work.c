/*
 * work.c - work items: routines queued at up to DISPATCH_LEVEL that system threads run at
 * PASSIVE_LEVEL, for drivers and for ourselves.
 *
 * Theory. Each type of queue has worker threads of its own priority. An item goes to the end of the
 * list of its queue and the queue's semaphore counts it, so that a worker takes one item for each
 * time it gets the semaphore. A routine may block its worker for as long as it likes. So there is a
 * factory, one more thread, which looks while items have nobody to run them: a queue from which no
 * item was taken for two clock ticks gets another worker, up to EXP_MAX_WORKERS. (A crowd of short
 * items needs none.) Workers stay. The queues that the system itself needs have one from the start,
 * the others get theirs with their first item.
 *
 *   WORK-1  A routine runs at PASSIVE_LEVEL, once for each time its item was queued; items of a
 *           queue begin in the order in which they came.
 *   WORK-2  An item is off the list before its routine runs, so the routine may queue it again or
 *           free it; nothing here looks at it afterwards.
 *   WORK-3  A routine that returns at another IRQL is bug check 0xE1; one that returns inside a
 *           critical or guarded region is 0x1 (routine, 0, combined counts, 1).
 *   WORK-4  Routines that block do not hold up others, until EXP_MAX_WORKERS of a queue block.
 *   WORK-5  Workers is the factory's, all else of a queue is guarded by its lock. Free is the
 *           number of workers that run nothing less the number of items in the list: it is negative
 *           when items have nobody to run them.
 *   WORK-6  Items have numbers in the order in which they came. Whoever flushes waits until no
 *           worker runs a smaller number than that of the next item then, and none is in the list:
 *           an item may end before one that began earlier.
 */
#include "executive/ex/ex.h"
#include "executive/ps/ps.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

#define EXP_MAX_WORKERS 16 /* a queue */
#define SEMAPHORE_LIMIT 0x7FFFFFFF
#define FROM_WORKER     1 /* in bug check 0x1 */

typedef struct _EXP_RUNNING {
    PKTHREAD Thread; /* NULL: this worker runs nothing */
    ULONG64 Number;  /* of its item */
} EXP_RUNNING, *PEXP_RUNNING;

/* On the stack of a thread that waits for items. */
typedef struct _EXP_FLUSH {
    LIST_ENTRY Links;
    PKTHREAD Thread; /* an item that flushes does not wait for itself */
    ULONG64 Number;  /* of the first item that does not matter to it */
    KEVENT Done;
} EXP_FLUSH, *PEXP_FLUSH;

typedef struct _EXP_WORK_QUEUE {
    KSPIN_LOCK Lock;
    LIST_ENTRY List;
    KSEMAPHORE Items;
    LONG Free;
    ULONG64 Queued, Taken; /* items, since start-up */
    ULONG64 TakenBefore;
    EXP_RUNNING Running[EXP_MAX_WORKERS]; /* by worker, in the order in which they began */
    ULONG Begun;                          /* workers that have their entry in Running */
    LIST_ENTRY Flushes;
    ULONG Workers;
} DECLSPEC_ALIGN(64) EXP_WORK_QUEUE, *PEXP_WORK_QUEUE;

#define FACTORY_PRIORITY 15 /* that of the best queue: a crowd of workers does not hold it up */

/* What the public book on NT's internals gives for the first three; the rest is ours. */
static const KPRIORITY ExpPriorities[MaximumWorkQueue] = {
    [CriticalWorkQueue] = 13,      [DelayedWorkQueue] = 12,   [HyperCriticalWorkQueue] = 15,
    [NormalWorkQueue] = 8,         [BackgroundWorkQueue] = 7, [RealTimeWorkQueue] = 18,
    [SuperCriticalWorkQueue] = 14,
};

static EXP_WORK_QUEUE ExpQueues[MaximumWorkQueue];
static KEVENT ExpWorkerNeeded; /* the factory waits for it */

/* ---- the workers ----------------------------------------------------------------------------- */

static PWORK_QUEUE_ITEM ExpTakeItem(PEXP_WORK_QUEUE Queue, PEXP_RUNNING Running)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&Queue->Lock);
    PWORK_QUEUE_ITEM Item = CONTAINING_RECORD(Queue->List.Flink, WORK_QUEUE_ITEM, List);
    if (Item->List.Flink == NULL || Item->List.Blink == NULL) {
        KeBugCheckEx(INVALID_WORK_QUEUE_ITEM, (ULONG_PTR)Item, (ULONG_PTR)&Queue->List,
                     (ULONG_PTR)&Queue->List, (ULONG_PTR)Item->WorkerRoutine);
    }
    RemoveEntryList(&Item->List);
    Item->List.Flink = NULL;
    Running->Number = Queue->Taken++;
    Running->Thread = KeGetCurrentThread();
    KeReleaseSpinLock(&Queue->Lock, OldIrql);
    return Item;
}

/* WORK-3. */
VOID ExpCheckReturn(PVOID Routine, PVOID Parameter, PVOID Item)
{
    KIRQL Irql = KeGetCurrentIrql();
    ULONG ApcDisable = KeGetCurrentThread()->CombinedApcDisable;
    if (Irql != PASSIVE_LEVEL) {
        KeBugCheckEx(WORKER_THREAD_RETURNED_AT_BAD_IRQL, (ULONG_PTR)Routine, Irql,
                     (ULONG_PTR)Parameter, (ULONG_PTR)Item);
    }
    if (ApcDisable != 0) {
        KeBugCheckEx(APC_INDEX_MISMATCH, (ULONG_PTR)Routine, 0, ApcDisable, FROM_WORKER);
    }
}

static VOID ExpRunItem(PWORK_QUEUE_ITEM Item)
{
    PWORKER_THREAD_ROUTINE Routine = Item->WorkerRoutine;
    PVOID Parameter = Item->Parameter;
    Routine(Parameter);
    ExpCheckReturn((PVOID)Routine, Parameter, Item);
}

static VOID ExpAddFree(PEXP_WORK_QUEUE Queue, LONG Count)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&Queue->Lock);
    Queue->Free += Count;
    KeReleaseSpinLock(&Queue->Lock, OldIrql);
}

/* Whether all items that matter to a flush have run (WORK-6). The lock is held. */
static BOOLEAN ExpIsFlushed(PEXP_WORK_QUEUE Queue, PEXP_FLUSH Flush)
{
    for (ULONG i = 0; i < Queue->Begun; i++) {
        PEXP_RUNNING Running = &Queue->Running[i];
        if (Running->Thread != NULL && Running->Thread != Flush->Thread &&
            Running->Number < Flush->Number) {
            return FALSE;
        }
    }
    return Queue->Taken >= Flush->Number;
}

/* The worker of this entry has run its item. */
static VOID ExpEndItem(PEXP_WORK_QUEUE Queue, PEXP_RUNNING Running)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&Queue->Lock);
    Queue->Free++;
    Running->Thread = NULL;
    for (PLIST_ENTRY Link = Queue->Flushes.Flink, Next; Link != &Queue->Flushes; Link = Next) {
        PEXP_FLUSH Flush = CONTAINING_RECORD(Link, EXP_FLUSH, Links);
        Next = Link->Flink;
        if (ExpIsFlushed(Queue, Flush)) {
            RemoveEntryList(Link);
            KeSetEvent(&Flush->Done, IO_NO_INCREMENT, FALSE); /* its stack may be gone now */
        }
    }
    KeReleaseSpinLock(&Queue->Lock, OldIrql);
}

static DECLSPEC_NORETURN VOID NTAPI ExpWorker(PVOID Context)
{
    PEXP_WORK_QUEUE Queue = Context;
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&Queue->Lock);
    PEXP_RUNNING Running = &Queue->Running[Queue->Begun++];
    KeReleaseSpinLock(&Queue->Lock, OldIrql);
    for (;;) {
        KeWaitForSingleObject(&Queue->Items, WrQueue, KernelMode, FALSE, NULL);
        ExpRunItem(ExpTakeItem(Queue, Running));
        ExpEndItem(Queue, Running);
    }
}

VOID NTAPI ExQueueWorkItem(PWORK_QUEUE_ITEM WorkItem, WORK_QUEUE_TYPE QueueType)
{
    KiRequireIrql(DISPATCH_LEVEL);
    PEXP_WORK_QUEUE Queue = &ExpQueues[QueueType < MaximumWorkQueue ? QueueType : DelayedWorkQueue];
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&Queue->Lock);
    InsertTailList(&Queue->List, &WorkItem->List);
    Queue->Queued++;
    BOOLEAN Needed = --Queue->Free < 0;
    KeReleaseSpinLockFromDpcLevel(&Queue->Lock);
    KeReleaseSemaphore(&Queue->Items, IO_NO_INCREMENT, 1, FALSE);
    if (Needed) {
        KeSetEvent(&ExpWorkerNeeded, IO_NO_INCREMENT, FALSE);
    }
    KeLowerIrql(OldIrql);
}
EXPORT(ExQueueWorkItem);

/* ---- the factory ----------------------------------------------------------------------------- */

/* Makes one more worker; FALSE when there is no memory for it. */
static BOOLEAN ExpAddWorker(PEXP_WORK_QUEUE Queue)
{
    PETHREAD Thread;
    KPRIORITY Priority = ExpPriorities[Queue - ExpQueues];
    ExpAddFree(Queue, 1);
    if (!NT_SUCCESS(PspCreateThread(ExpWorker, Queue, Priority, &Thread))) {
        ExpAddFree(Queue, -1);
        return FALSE;
    }
    Queue->Workers++;
    ObfDereferenceObject(Thread);
    return TRUE;
}

/* Looks after one queue, again after a Pause; TRUE when it has to be looked at once more. */
static BOOLEAN ExpTendQueue(PEXP_WORK_QUEUE Queue, BOOLEAN Paused)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&Queue->Lock);
    BOOLEAN Waiting = Queue->Free < 0 && Queue->Workers < EXP_MAX_WORKERS;
    BOOLEAN Stuck = Paused && Queue->Taken == Queue->TakenBefore;
    Queue->TakenBefore = Queue->Taken;
    KeReleaseSpinLock(&Queue->Lock, OldIrql);
    if (Waiting && (Stuck || Queue->Workers == 0)) {
        ExpAddWorker(Queue);
    }
    return Waiting;
}

static DECLSPEC_NORETURN VOID NTAPI ExpFactory(PVOID Context)
{
    LARGE_INTEGER Pause = {.QuadPart = -2LL * KI_TIME_INCREMENT};
    UNREFERENCED_PARAMETER(Context);
    for (;;) {
        BOOLEAN Again = FALSE;
        KeWaitForSingleObject(&ExpWorkerNeeded, Executive, KernelMode, FALSE, NULL);
        do {
            BOOLEAN Paused = Again;
            Again = FALSE;
            for (ULONG i = 0; i < MaximumWorkQueue; i++) {
                Again |= ExpTendQueue(&ExpQueues[i], Paused);
            }
            if (Again) {
                KeDelayExecutionThread(KernelMode, FALSE, &Pause);
            }
        } while (Again);
    }
}

INIT VOID ExpInitializeWorkers(VOID)
{
    PETHREAD Factory;
    KeInitializeEvent(&ExpWorkerNeeded, SynchronizationEvent, FALSE);
    for (ULONG i = 0; i < MaximumWorkQueue; i++) {
        InitializeListHead(&ExpQueues[i].List);
        InitializeListHead(&ExpQueues[i].Flushes);
        KeInitializeSemaphore(&ExpQueues[i].Items, 0, SEMAPHORE_LIMIT);
    }
    NTSTATUS Status = PspCreateThread(ExpFactory, NULL, FACTORY_PRIORITY, &Factory);
    if (!NT_SUCCESS(Status) || !ExpAddWorker(&ExpQueues[CriticalWorkQueue]) ||
        !ExpAddWorker(&ExpQueues[DelayedWorkQueue]) ||
        !ExpAddWorker(&ExpQueues[HyperCriticalWorkQueue])) {
        KeBugCheckEx(PHASE0_INITIALIZATION_FAILED, (ULONG_PTR)(LONG_PTR)Status, 0, 0, 0);
    }
    ObfDereferenceObject(Factory);
}

/* ---- waiting for them ------------------------------------------------------------------------ */

VOID ExpFlushWorkItems(VOID)
{
    PEXP_WORK_QUEUE Queue = &ExpQueues[DelayedWorkQueue];
    EXP_FLUSH Flush = {.Thread = KeGetCurrentThread()};
    KeInitializeEvent(&Flush.Done, NotificationEvent, FALSE);
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&Queue->Lock);
    Flush.Number = Queue->Queued;
    BOOLEAN Flushed = ExpIsFlushed(Queue, &Flush);
    if (!Flushed) {
        InsertTailList(&Queue->Flushes, &Flush.Links);
    }
    KeReleaseSpinLock(&Queue->Lock, OldIrql);
    if (!Flushed) {
        KeWaitForSingleObject(&Flush.Done, Executive, KernelMode, FALSE, NULL);
    }
}
