/*
 * work.c - the work queue: routines queued at up to DISPATCH_LEVEL that run at PASSIVE_LEVEL, for
 * drivers and for the framework's deferred disposal.
 *
 * Theory. One list, first come first served, drained by the boot thread when it idles at
 * PASSIVE_LEVEL (milestone 2 of 6 brings worker threads, which will drain it instead).
 *
 *   WORK-1  A routine runs at PASSIVE_LEVEL, once for each time its item was queued.
 *   WORK-2  An item is off the list before its routine runs, so the routine may queue it again or
 *           free it; nothing here looks at it afterwards.
 *   WORK-3  A routine that returns at another IRQL is bug check 0xE1.
 */
#include "executive/ex/ex.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

static LIST_ENTRY ExpWorkQueue = {&ExpWorkQueue, &ExpWorkQueue};
static KSPIN_LOCK ExpWorkLock;

VOID NTAPI ExQueueWorkItem(PWORK_QUEUE_ITEM WorkItem, WORK_QUEUE_TYPE QueueType)
{
    UNREFERENCED_PARAMETER(QueueType);
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ExpWorkLock);
    InsertTailList(&ExpWorkQueue, &WorkItem->List);
    KeReleaseSpinLock(&ExpWorkLock, OldIrql);
}
EXPORT(ExQueueWorkItem);

/* The oldest item, NULL when there is none. */
static PWORK_QUEUE_ITEM ExpTakeWorkItem(VOID)
{
    PWORK_QUEUE_ITEM Item = NULL;
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ExpWorkLock);
    if (!IsListEmpty(&ExpWorkQueue)) {
        Item = CONTAINING_RECORD(ExpWorkQueue.Flink, WORK_QUEUE_ITEM, List);
        if (Item->List.Flink == NULL || Item->List.Blink == NULL) {
            KeBugCheckEx(INVALID_WORK_QUEUE_ITEM, (ULONG_PTR)Item, (ULONG_PTR)&ExpWorkQueue,
                         (ULONG_PTR)&ExpWorkQueue, (ULONG_PTR)Item->WorkerRoutine);
        }
        RemoveEntryList(&Item->List);
        Item->List.Flink = NULL;
    }
    KeReleaseSpinLock(&ExpWorkLock, OldIrql);
    return Item;
}

ULONG ExpRunWorkItems(VOID)
{
    ULONG Count = 0;
    PWORK_QUEUE_ITEM Item;
    while ((Item = ExpTakeWorkItem()) != NULL) {
        PWORKER_THREAD_ROUTINE Routine = Item->WorkerRoutine;
        PVOID Parameter = Item->Parameter;
        Routine(Parameter);
        KIRQL Irql = KeGetCurrentIrql();
        if (Irql != PASSIVE_LEVEL) {
            KeBugCheckEx(WORKER_THREAD_RETURNED_AT_BAD_IRQL, (ULONG_PTR)Routine, Irql,
                         (ULONG_PTR)Parameter, (ULONG_PTR)Item);
        }
        Count++;
    }
    return Count;
}
