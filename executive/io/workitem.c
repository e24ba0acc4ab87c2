/*
 * workitem.c - work items that belong to a device: the form that drivers use, over executive/ex's.
 *
 *   IOWI-1  From the moment an item is queued until its routine has returned, the object that it
 *           was made for has one reference more. So a device, and with it the driver's code, stays.
 *   IOWI-2  The item is the driver's again when its routine begins: the routine may queue it again
 *           or free it, and nothing here looks at it afterwards.
 */
#include "executive/ex/ex.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"
#include <wdm.h>

#define WORK_ITEM_TAG 'iWoI' /* IoWi */

struct _IO_WORKITEM {
    WORK_QUEUE_ITEM WorkItem;
    PVOID IoObject;
    PVOID Context;
    PIO_WORKITEM_ROUTINE Routine; /* one of the two is NULL */
    PIO_WORKITEM_ROUTINE_EX RoutineEx;
};

static VOID NTAPI IopRunWorkItem(PVOID Parameter)
{
    PIO_WORKITEM Item = Parameter;
    IO_WORKITEM Copy = *Item; /* IOWI-2 */
    if (Copy.Routine != NULL) {
        Copy.Routine(Copy.IoObject, Copy.Context);
        ExpCheckReturn((PVOID)Copy.Routine, Copy.Context, Item);
    } else {
        Copy.RoutineEx(Copy.IoObject, Copy.Context, Item);
        ExpCheckReturn((PVOID)Copy.RoutineEx, Copy.Context, Item);
    }
    ObDereferenceObject(Copy.IoObject);
}

VOID NTAPI IoInitializeWorkItem(PVOID IoObject, PIO_WORKITEM IoWorkItem)
{
    ExInitializeWorkItem(&IoWorkItem->WorkItem, IopRunWorkItem, IoWorkItem);
    IoWorkItem->IoObject = IoObject;
}
EXPORT(IoInitializeWorkItem);

static __attribute__((noinline, cold)) VOID IopQueuedItem(PIO_WORKITEM Item)
{
    PVOID Routine = Item->Routine != NULL ? (PVOID)Item->Routine : (PVOID)Item->RoutineEx;
    KeBugCheckEx(INVALID_WORK_QUEUE_ITEM, (ULONG_PTR)Item, 0, 0, (ULONG_PTR)Routine);
}

VOID NTAPI IoUninitializeWorkItem(PIO_WORKITEM IoWorkItem)
{
    if (KiCheckedMode && IoWorkItem->WorkItem.List.Flink != NULL) {
        IopQueuedItem(IoWorkItem);
    }
}
EXPORT(IoUninitializeWorkItem);

PIO_WORKITEM NTAPI IoAllocateWorkItem(PDEVICE_OBJECT DeviceObject)
{
    PIO_WORKITEM Item = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*Item), WORK_ITEM_TAG);
    if (Item != NULL) {
        IoInitializeWorkItem(DeviceObject, Item);
    }
    return Item;
}
EXPORT(IoAllocateWorkItem);

VOID NTAPI IoFreeWorkItem(PIO_WORKITEM IoWorkItem)
{
    IoUninitializeWorkItem(IoWorkItem);
    ExFreePoolWithTag(IoWorkItem, WORK_ITEM_TAG);
}
EXPORT(IoFreeWorkItem);

ULONG NTAPI IoSizeofWorkItem(VOID)
{
    return sizeof(IO_WORKITEM);
}
EXPORT(IoSizeofWorkItem);

static VOID IopQueueWorkItem(PIO_WORKITEM Item, WORK_QUEUE_TYPE QueueType, PVOID Context)
{
    Item->Context = Context;
    ObReferenceObject(Item->IoObject);
    ExQueueWorkItem(&Item->WorkItem, QueueType);
}

VOID NTAPI IoQueueWorkItem(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE WorkerRoutine,
                           WORK_QUEUE_TYPE QueueType, PVOID Context)
{
    KiRequireIrql(DISPATCH_LEVEL);
    IoWorkItem->Routine = WorkerRoutine;
    IopQueueWorkItem(IoWorkItem, QueueType, Context);
}
EXPORT(IoQueueWorkItem);

VOID NTAPI IoQueueWorkItemEx(PIO_WORKITEM IoWorkItem, PIO_WORKITEM_ROUTINE_EX WorkerRoutine,
                             WORK_QUEUE_TYPE QueueType, PVOID Context)
{
    KiRequireIrql(DISPATCH_LEVEL);
    IoWorkItem->Routine = NULL;
    IoWorkItem->RoutineEx = WorkerRoutine;
    IopQueueWorkItem(IoWorkItem, QueueType, Context);
}
EXPORT(IoQueueWorkItemEx);
