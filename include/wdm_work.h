/*
 * wdm_work.h - work items: routines that a system worker thread calls later. Part of wdm.h.
 *
 * The way down from DISPATCH_LEVEL: what may not be done in a DPC is queued and done at
 * PASSIVE_LEVEL.
 */
#pragma once

#include <ntdef.h>

/* Runs at PASSIVE_LEVEL and returns there. The item is the caller's again when it begins. */
typedef VOID NTAPI WORKER_THREAD_ROUTINE(PVOID Parameter);
typedef WORKER_THREAD_ROUTINE *PWORKER_THREAD_ROUTINE;

typedef enum _WORK_QUEUE_TYPE {
    CriticalWorkQueue,
    DelayedWorkQueue,
    HyperCriticalWorkQueue,
    NormalWorkQueue,
    BackgroundWorkQueue,
    RealTimeWorkQueue,
    SuperCriticalWorkQueue,
    MaximumWorkQueue,
} WORK_QUEUE_TYPE;

typedef struct _WORK_QUEUE_ITEM {
    LIST_ENTRY List; /* List.Flink is NULL while the item is not queued */
    PWORKER_THREAD_ROUTINE WorkerRoutine;
    PVOID Parameter;
} WORK_QUEUE_ITEM, *PWORK_QUEUE_ITEM;
_Static_assert(sizeof(WORK_QUEUE_ITEM) == 32 && offsetof(WORK_QUEUE_ITEM, WorkerRoutine) == 16,
               "driver ABI");

/* Prepares an item (nonpageable) that is not queued. Any IRQL. DDI wdm ExInitializeWorkItem. */
FORCEINLINE VOID ExInitializeWorkItem(PWORK_QUEUE_ITEM Item, PWORKER_THREAD_ROUTINE Routine,
                                      PVOID Context)
{
    Item->List.Flink = NULL;
    Item->WorkerRoutine = Routine;
    Item->Parameter = Context;
}

/*
 * Queues an item, which nobody may have queued already; its routine runs once, in a system thread
 * whose priority goes by the queue: critical 13, delayed 12, hypercritical 15, others: 8 (normal),
 * 7 (background), 18 (real time), 14 (supercritical). Items of a queue begin in the order of
 * arrival; one that blocks does not hold up those behind it for long. IRQL <= DISPATCH_LEVEL. Bug
 * checks, when the item's turn comes: 0x96 (item, queue, queue, routine) an item that was
 * initialised again while it was queued; 0xE1 (routine, IRQL, parameter, item) a routine that
 * returned above PASSIVE_LEVEL; 0x1 (routine, 0, disable counts, 1) one that returned with APCs
 * disabled. DDI wdm ExQueueWorkItem.
 */
VOID NTAPI ExQueueWorkItem(PWORK_QUEUE_ITEM WorkItem, WORK_QUEUE_TYPE QueueType);

/* ---- work items of a device ------------------------------------------------------------------ */

typedef struct _DEVICE_OBJECT *PDEVICE_OBJECT;
typedef struct _IO_WORKITEM IO_WORKITEM, *PIO_WORKITEM; /* opaque: IoSizeofWorkItem bytes */

/* As WORKER_THREAD_ROUTINE; the device cannot go away before it returns. */
typedef VOID NTAPI IO_WORKITEM_ROUTINE(PDEVICE_OBJECT DeviceObject, PVOID Context);
typedef IO_WORKITEM_ROUTINE *PIO_WORKITEM_ROUTINE;
/* IoObject: what the item was made for, a device or a driver object. */
typedef VOID NTAPI IO_WORKITEM_ROUTINE_EX(PVOID IoObject, PVOID Context, PIO_WORKITEM IoWorkItem);
typedef IO_WORKITEM_ROUTINE_EX *PIO_WORKITEM_ROUTINE_EX;

/*
 * Makes an item for a device (or, for IoQueueWorkItemEx, a driver object), from nonpaged pool; NULL
 * without memory. IoFreeWorkItem gives it back. <= DISPATCH_LEVEL. DDI wdm IoAllocateWorkItem.
 */
PIO_WORKITEM NTAPI IoAllocateWorkItem(PDEVICE_OBJECT DeviceObject);
/*
 * Frees an item that is not queued; its own routine may do it. Checked mode: a queued one is bug
 * check 0x96 (item, 0, 0, routine). <= DISPATCH_LEVEL. DDI wdm IoFreeWorkItem.
 */
VOID NTAPI IoFreeWorkItem(PIO_WORKITEM IoWorkItem);

/*
 * The same in the caller's own nonpageable memory of IoSizeofWorkItem bytes. Any IRQL. DDI wdm
 * IoInitializeWorkItem, IoUninitializeWorkItem, IoSizeofWorkItem.
 */
VOID NTAPI IoInitializeWorkItem(PVOID IoObject, PIO_WORKITEM IoWorkItem);
VOID NTAPI IoUninitializeWorkItem(PIO_WORKITEM IoWorkItem);
ULONG NTAPI IoSizeofWorkItem(VOID);

/*
 * Queues an item that is not queued, as ExQueueWorkItem does and with its bug checks; drivers use
 * DelayedWorkQueue. The item's object is referenced until the routine has returned. <=
 * DISPATCH_LEVEL. DDI wdm IoQueueWorkItem, IoQueueWorkItemEx.
 */
VOID NTAPI IoQueueWorkItem(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE WorkerRoutine,
                           WORK_QUEUE_TYPE QueueType, PVOID Context);
VOID NTAPI IoQueueWorkItemEx(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE_EX WorkerRoutine,
                             WORK_QUEUE_TYPE QueueType, PVOID Context);
