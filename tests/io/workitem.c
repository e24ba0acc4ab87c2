/*
 * workitem.c - tests of executive/io/workitem.c. The device is an object of the tests' own type: a
 * work item only references it.
 */
#include "executive/ex/ex.h"
#include "kernel/ke/ke.h"
#include "tests/ob/object.h"

static struct {
    PVOID Object, Context;
    PIO_WORKITEM Item;
    KIRQL Irql;
    LONG64 Count; /* references while the routine runs */
} Seen;
static KEVENT Done, Gate;
static LONG Left;

static VOID Note(PVOID Object, PVOID Context, PIO_WORKITEM Item)
{
    Seen.Object = Object;
    Seen.Context = Context;
    Seen.Item = Item;
    Seen.Irql = KeGetCurrentIrql();
    Seen.Count = ObpHeader(Object)->PointerCount;
    KeSetEvent(&Done, IO_NO_INCREMENT, FALSE);
}

static VOID NTAPI Routine(PDEVICE_OBJECT Device, PVOID Context)
{
    Note(Device, Context, NULL);
}

static VOID NTAPI RoutineEx(PVOID Object, PVOID Context, PIO_WORKITEM Item)
{
    Note(Object, Context, Item);
}

static PVOID NewDevice(VOID)
{
    PVOID Device = TestNewObject();
    KeInitializeEvent(&Done, SynchronizationEvent, FALSE);
    KeInitializeEvent(&Gate, NotificationEvent, FALSE);
    RtlZeroMemory(&Seen, sizeof(Seen));
    return Device;
}

static VOID Await(VOID)
{
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
}

TEST(IoWorkRuns, "work/device/runs-with-device-and-context-at-passive-level",
     "DDI wdm IoQueueWorkItem")
{
    PVOID Device = NewDevice();
    PIO_WORKITEM Item = IoAllocateWorkItem(Device);
    REQUIRE(Item != NULL);
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    IoQueueWorkItem(Item, Routine, DelayedWorkQueue, &Left);
    KeLowerIrql(Old);
    Await();
    CHECK_EQ(Seen.Object, Device);
    CHECK_EQ(Seen.Context, &Left);
    CHECK_EQ(Seen.Irql, PASSIVE_LEVEL);
    ExpFlushWorkItems();
    IoFreeWorkItem(Item);
    ObDereferenceObject(Device);
}

TEST(IoWorkEx, "work/device/ex-routine-gets-the-item-too", "DDI wdm IoQueueWorkItemEx")
{
    PVOID Device = NewDevice();
    PIO_WORKITEM Item = IoAllocateWorkItem(Device);
    REQUIRE(Item != NULL);
    IoQueueWorkItem(Item, Routine, DelayedWorkQueue, NULL);
    Await();
    ExpFlushWorkItems();
    IoQueueWorkItemEx(Item, RoutineEx, DelayedWorkQueue, &Left);
    Await();
    CHECK_EQ(Seen.Object, Device);
    CHECK_EQ(Seen.Context, &Left);
    CHECK_EQ(Seen.Item, Item);
    ExpFlushWorkItems();
    IoFreeWorkItem(Item);
    ObDereferenceObject(Device);
}

static VOID NTAPI WaitAtGate(PDEVICE_OBJECT Device, PVOID Context)
{
    KeWaitForSingleObject(&Gate, Executive, KernelMode, FALSE, NULL);
    Note(Device, Context, NULL);
}

/*
 * The driver's own reference goes while the item waits: the device is deleted behind the routine.
 */
TEST(IoWorkReference, "work/device/stays-until-the-routine-has-returned", "IOWI-1")
{
    PVOID Device = NewDevice();
    PIO_WORKITEM Item = IoAllocateWorkItem(Device);
    REQUIRE(Item != NULL);
    TestObjectLog.Deleted = 0;
    IoQueueWorkItem(Item, WaitAtGate, DelayedWorkQueue, NULL);
    CHECK_EQ(ObpHeader(Device)->PointerCount, 2);
    ObDereferenceObject(Device);
    CHECK_EQ(TestObjectLog.Deleted, 0);
    KeSetEvent(&Gate, IO_NO_INCREMENT, FALSE);
    Await();
    CHECK_EQ(Seen.Count, 1);
    TestAwaitDeleted(1);
    ExpFlushWorkItems();
    IoFreeWorkItem(Item);
}

static VOID NTAPI AgainThenFree(PVOID Object, PVOID Context, PIO_WORKITEM Item)
{
    if (--Left > 0) {
        IoQueueWorkItemEx(Item, AgainThenFree, DelayedWorkQueue, Context);
        return;
    }
    IoFreeWorkItem(Item);
    Note(Object, Context, NULL);
}

TEST(IoWorkFrees, "work/device/a-routine-may-queue-its-item-again-or-free-it", "IOWI-2")
{
    PVOID Device = NewDevice();
    PIO_WORKITEM Item = IoAllocateWorkItem(Device);
    REQUIRE(Item != NULL);
    Left = 5;
    IoQueueWorkItemEx(Item, AgainThenFree, DelayedWorkQueue, NULL);
    Await();
    CHECK_EQ(Left, 0);
    ExpFlushWorkItems();
    CHECK_EQ(ObpHeader(Device)->PointerCount, 1);
    ObDereferenceObject(Device);
}

TEST(IoWorkOwnMemory, "work/device/an-item-may-be-in-the-drivers-own-memory",
     "DDI wdm IoInitializeWorkItem")
{
    PVOID Device = NewDevice();
    PIO_WORKITEM Item = ExAllocatePool2(POOL_FLAG_NON_PAGED, IoSizeofWorkItem(), 'tseT');
    REQUIRE(Item != NULL);
    IoInitializeWorkItem(Device, Item);
    IoQueueWorkItemEx(Item, RoutineEx, DelayedWorkQueue, NULL);
    Await();
    CHECK_EQ(Seen.Item, Item);
    ExpFlushWorkItems();
    IoUninitializeWorkItem(Item);
    ExFreePoolWithTag(Item, 'tseT');
    ObDereferenceObject(Device);
}

CRASH_TEST(CrashIoWorkQueued, "work/device/freed-while-queued", "0x96 $item 0x0 0x0 sym:Routine",
           "DDI wdm IoFreeWorkItem: not currently queued")
{
    PIO_WORKITEM Item = IoAllocateWorkItem(NewDevice());
    TestAnnounce("item", (ULONG64)Item);
    KeRaiseIrqlToDpcLevel();
    IoQueueWorkItem(Item, Routine, DelayedWorkQueue, NULL);
    IoFreeWorkItem(Item);
}

static VOID NTAPI ReturnHigh(PDEVICE_OBJECT Device, PVOID Context)
{
    UNREFERENCED_PARAMETER(Device);
    UNREFERENCED_PARAMETER(Context);
    KIRQL Old;
    KeRaiseIrql(APC_LEVEL, &Old);
}

CRASH_TEST(CrashIoWorkHigh, "work/device/routine-returns-at-a-raised-level",
           "0xE1 sym:ReturnHigh 0x1 0x77 $item", "WORK-3")
{
    PIO_WORKITEM Item = IoAllocateWorkItem(NewDevice());
    TestAnnounce("item", (ULONG64)Item);
    IoQueueWorkItem(Item, ReturnHigh, DelayedWorkQueue, (PVOID)0x77);
    Await();
}

CRASH_TEST(CrashIoWorkIrql, "work/device/queued-above-dispatch-level", "0xC4 0xE5 0xC 0x0 0x0",
           "DDI wdm IoQueueWorkItem: <= DISPATCH_LEVEL")
{
    PIO_WORKITEM Item = IoAllocateWorkItem(NewDevice());
    KeRaiseIrqlToSynchLevel();
    IoQueueWorkItem(Item, Routine, DelayedWorkQueue, NULL);
}
