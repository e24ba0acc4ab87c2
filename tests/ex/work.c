/*
 * work.c - tests of work items: where they run, in which order, what happens when one blocks.
 */
#include "executive/ex/ex.h"
#include "kernel/ke/ke.h"
#include "tests/test.h"

#define ITEMS 20

static WORK_QUEUE_ITEM Items[ITEMS];
static ULONG Order[ITEMS];
static volatile ULONG Runs;
static KEVENT Done, Gate;
static struct {
    KIRQL Irql;
    PKTHREAD Thread;
    KPRIORITY Priority;
} Seen;

static VOID NTAPI NoteRun(PVOID Parameter)
{
    Seen.Irql = KeGetCurrentIrql();
    Seen.Thread = KeGetCurrentThread();
    Seen.Priority = KeGetCurrentThread()->BasePriority;
    Order[Runs++] = (ULONG)(ULONG_PTR)Parameter;
    KeSetEvent(&Done, IO_NO_INCREMENT, FALSE);
}

static VOID Prepare(VOID)
{
    KeInitializeEvent(&Done, SynchronizationEvent, FALSE);
    KeInitializeEvent(&Gate, NotificationEvent, FALSE);
    Runs = 0;
}

static VOID Queue(ULONG Index, PWORKER_THREAD_ROUTINE Routine, WORK_QUEUE_TYPE Type)
{
    ExInitializeWorkItem(&Items[Index], Routine, (PVOID)(ULONG_PTR)Index);
    ExQueueWorkItem(&Items[Index], Type);
}

static VOID WaitForRuns(ULONG Count)
{
    while (Runs < Count) {
        KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
    }
}

TEST(WorkRuns, "work/runs-once-at-passive-level-in-a-system-thread", "WORK-1")
{
    Prepare();
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    Queue(1, NoteRun, DelayedWorkQueue);
    CHECK_NE(Items[1].List.Flink, NULL);
    KeLowerIrql(Old);
    WaitForRuns(1);
    ExpFlushWorkItems();
    CHECK_EQ(Runs, 1);
    CHECK_EQ(Order[0], 1);
    CHECK_EQ(Seen.Irql, PASSIVE_LEVEL);
    CHECK_NE(Seen.Thread, KeGetCurrentThread());
    CHECK_EQ(Seen.Thread->Created, TRUE);
}

TEST(WorkOrder, "work/items-of-a-queue-begin-in-order", "WORK-1")
{
    Prepare();
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    for (ULONG i = 0; i < ITEMS; i++) {
        Queue(i, NoteRun, DelayedWorkQueue);
    }
    KeLowerIrql(Old);
    WaitForRuns(ITEMS);
    for (ULONG i = 0; i < ITEMS; i++) {
        CHECK_EQ(Order[i], i);
    }
}

TEST(WorkPriorities, "work/each-queue-has-its-priority", "wdm_work.h: ExQueueWorkItem")
{
    static const KPRIORITY Expected[MaximumWorkQueue] = {13, 12, 15, 8, 7, 18, 14};
    for (ULONG Type = 0; Type < MaximumWorkQueue; Type++) {
        Prepare();
        Queue(0, NoteRun, (WORK_QUEUE_TYPE)Type);
        WaitForRuns(1);
        CHECK_EQ(Seen.Priority, Expected[Type]);
    }
}

/* Queues itself until it has run three times; between two runs it is in no list. */
static VOID NTAPI RequeueItself(PVOID Parameter)
{
    PWORK_QUEUE_ITEM Item = &Items[(ULONG_PTR)Parameter];
    CHECK_EQ(Item->List.Flink, NULL);
    if (Runs < 2) {
        ExQueueWorkItem(Item, DelayedWorkQueue);
    }
    NoteRun(Parameter);
}

TEST(WorkRequeue, "work/a-routine-may-queue-its-item-again", "WORK-2")
{
    Prepare();
    Queue(2, RequeueItself, DelayedWorkQueue);
    WaitForRuns(3);
    ExpFlushWorkItems();
    CHECK_EQ(Runs, 3);
}

static VOID NTAPI WaitAtGate(PVOID Parameter)
{
    KeWaitForSingleObject(&Gate, Executive, KernelMode, FALSE, NULL);
    NoteRun(Parameter);
}

TEST(WorkBlocked, "work/one-that-blocks-does-not-hold-up-the-next", "WORK-4")
{
    Prepare();
    for (ULONG i = 0; i < 4; i++) {
        Queue(i, WaitAtGate, DelayedWorkQueue);
    }
    Queue(4, NoteRun, DelayedWorkQueue);
    WaitForRuns(1);
    CHECK_EQ(Order[0], 4);
    KeSetEvent(&Gate, IO_NO_INCREMENT, FALSE);
    WaitForRuns(5);
}

static VOID NTAPI RunForLong(PVOID Parameter)
{
    LARGE_INTEGER Pause = {.QuadPart = -8LL * KI_TIME_INCREMENT}; /* four looks of the factory */
    KeDelayExecutionThread(KernelMode, FALSE, &Pause);
    NoteRun(Parameter);
}

TEST(WorkFlush, "work/a-flush-waits-for-all-that-began-before", "WORK-6")
{
    Prepare();
    Queue(0, RunForLong, DelayedWorkQueue);
    Queue(1, NoteRun, DelayedWorkQueue);
    ExpFlushWorkItems();
    CHECK_EQ(Runs, 2);
    CHECK_EQ(Order[0], 1); /* on a worker of its own, and the flush has not ended with it */
    ExpFlushWorkItems();
}

static VOID NTAPI FlushAll(PVOID Parameter)
{
    ExpFlushWorkItems();
    NoteRun(Parameter);
}

TEST(WorkFlushInside, "work/an-item-that-flushes-does-not-wait-for-itself", "WORK-6")
{
    Prepare();
    Queue(0, RunForLong, DelayedWorkQueue);
    Queue(1, FlushAll, DelayedWorkQueue);
    WaitForRuns(2);
    CHECK_EQ(Order[0], 0);
}

/* ---- machines that must stop ----------------------------------------------------------------- */

static VOID NTAPI ReturnRaised(PVOID Parameter)
{
    KIRQL Old;
    UNREFERENCED_PARAMETER(Parameter);
    KeRaiseIrql(APC_LEVEL, &Old);
}

static VOID NTAPI ReturnInRegion(PVOID Parameter)
{
    UNREFERENCED_PARAMETER(Parameter);
    KeEnterCriticalRegion();
}

CRASH_TEST(CrashWorkRaised, "work/returns-at-a-raised-level", "0xE1 sym:ReturnRaised 0x1 0x3 $item",
           "WORK-3")
{
    Prepare();
    TestAnnounce("item", (ULONG64)&Items[3]);
    Queue(3, ReturnRaised, DelayedWorkQueue);
    KeWaitForSingleObject(&Gate, Executive, KernelMode, FALSE, NULL);
}

CRASH_TEST(CrashWorkRegion, "work/returns-inside-a-critical-region",
           "0x1 sym:ReturnInRegion 0x0 0xFFFF 0x1", "WORK-3")
{
    Prepare();
    Queue(0, ReturnInRegion, DelayedWorkQueue);
    KeWaitForSingleObject(&Gate, Executive, KernelMode, FALSE, NULL);
}

CRASH_TEST(CrashWorkTwice, "work/initialised-again-while-queued",
           "0x96 $item not0 not0 sym:NoteRun", "wdm_work.h: ExQueueWorkItem")
{
    Prepare();
    TestAnnounce("item", (ULONG64)&Items[0]);
    KeRaiseIrqlToDpcLevel();
    Queue(0, NoteRun, DelayedWorkQueue);
    ExInitializeWorkItem(&Items[0], NoteRun, NULL);
    KeLowerIrql(PASSIVE_LEVEL);
}
