/*
 * wait.c - tests of waits: for one object, any or all of several, with limits, alertable, at which
 * levels; and that no signal is lost or given twice.
 */
#include "tests/ke/threads.h"

#define MANY MAXIMUM_WAIT_OBJECTS

static KEVENT Events[MANY + 1];
static PVOID Objects[MANY + 1];
static KWAIT_BLOCK Blocks[MANY + 1];
static NTSTATUS WaitResult;

static VOID PrepareEvents(ULONG Count, EVENT_TYPE Type)
{
    for (ULONG i = 0; i < Count; i++) {
        KeInitializeEvent(&Events[i], Type, FALSE);
        Objects[i] = &Events[i];
    }
    WaitResult = STATUS_PENDING;
}

static VOID Set(ULONG Index)
{
    KeSetEvent(&Events[Index], IO_NO_INCREMENT, FALSE);
}

static NTSTATUS WaitOne(PVOID Object, LONG64 Timeout)
{
    LARGE_INTEGER Limit = {.QuadPart = Timeout};
    return KeWaitForSingleObject(Object, Executive, KernelMode, FALSE, &Limit);
}

static NTSTATUS WaitMany(ULONG Count, WAIT_TYPE Type, LONG64 Timeout)
{
    LARGE_INTEGER Limit = {.QuadPart = Timeout};
    return KeWaitForMultipleObjects(Count, Objects, Type, Executive, KernelMode, FALSE, &Limit,
                                    Count > THREAD_WAIT_OBJECTS ? Blocks : NULL);
}

/* ---- one object ------------------------------------------------------------------------------ */

TEST(WaitSignalled, "wait/a-signalled-object-lets-it-go-at-once", "WAIT-2")
{
    PrepareEvents(2, SynchronizationEvent);
    Events[1].Header.Type = 0;
    Set(0);
    Set(1);
    CHECK_STATUS(KeWaitForSingleObject(&Events[0], Executive, KernelMode, FALSE, NULL),
                 STATUS_SUCCESS);
    CHECK_EQ(KeReadStateEvent(&Events[0]), 0);
    CHECK_STATUS(KeWaitForSingleObject(&Events[1], Executive, KernelMode, FALSE, NULL),
                 STATUS_SUCCESS);
    CHECK_EQ(KeReadStateEvent(&Events[1]), 1);
}

TEST(WaitPoll, "wait/zero-timeout-only-looks", "contract 1.9: *0 = poll")
{
    PrepareEvents(1, SynchronizationEvent);
    CHECK_STATUS(WaitOne(&Events[0], 0), STATUS_TIMEOUT);
    Set(0);
    CHECK_STATUS(WaitOne(&Events[0], 0), STATUS_SUCCESS);
    CHECK_STATUS(WaitOne(&Events[0], 0), STATUS_TIMEOUT);
    CHECK(NT_SUCCESS(STATUS_TIMEOUT));
}

TEST(WaitPollHigh, "wait/polling-is-legal-at-dispatch-level", "contract 1.2: wait with timeout 0")
{
    PrepareEvents(1, SynchronizationEvent);
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    CHECK_STATUS(WaitOne(&Events[0], 0), STATUS_TIMEOUT);
    Set(0);
    CHECK_STATUS(WaitOne(&Events[0], 0), STATUS_SUCCESS);
    CHECK_STATUS(WaitMany(1, WaitAll, 0), STATUS_TIMEOUT);
    CHECK_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    KeLowerIrql(Old);
}

TEST(WaitTimesOut, "wait/a-time-limit-ends-it-and-never-early", "TIMR-3")
{
    ULONG64 Counter;
    PrepareEvents(1, SynchronizationEvent);
    for (LONG64 Units = 1; Units <= 1000000; Units *= 10) { /* up to 100 ms */
        ULONG64 Start = KeQueryInterruptTimePrecise(&Counter);
        CHECK_STATUS(WaitOne(&Events[0], -Units), STATUS_TIMEOUT);
        CHECK_GE(KeQueryInterruptTimePrecise(&Counter) - Start, Units);
    }
    CHECK(IsListEmpty(&Events[0].Header.WaitListHead));
    CHECK_EQ(KeGetCurrentThread()->Timer.Header.Inserted, FALSE);
}

TEST(WaitAbsolute, "wait/a-positive-limit-is-a-system-time", "contract 1.9: >0 absolute")
{
    LARGE_INTEGER Now;
    PrepareEvents(1, SynchronizationEvent);
    KeQuerySystemTime(&Now);
    CHECK_STATUS(WaitOne(&Events[0], 1), STATUS_TIMEOUT);
    CHECK_STATUS(WaitOne(&Events[0], Now.QuadPart), STATUS_TIMEOUT);
    ULONG64 Until = Now.QuadPart + 2 * KI_TIME_INCREMENT;
    CHECK_STATUS(WaitOne(&Events[0], (LONG64)Until), STATUS_TIMEOUT);
    KeQuerySystemTime(&Now);
    CHECK_GE(Now.QuadPart, Until);
}

static VOID NTAPI WaitForFirst(PVOID Context)
{
    WaitResult = WaitOne(&Events[0], (LONG64)Context);
}

TEST(WaitSatisfiedInTime, "wait/what-is-signalled-in-time-stops-the-limit", "WAIT-4")
{
    PrepareEvents(1, SynchronizationEvent);
    PKTHREAD Thread = TestStartThread(WaitForFirst, (PVOID)(-600 * 10000000LL), 9);
    CHECK_EQ(Thread->State, ThreadWaiting);
    CHECK_EQ(Thread->Timer.Header.Inserted, TRUE);
    Set(0);
    CHECK_STATUS(WaitResult, STATUS_SUCCESS);
    TestJoinThread(Thread);
    CHECK_EQ(Thread->Timer.Header.Inserted, FALSE);
    CHECK(IsListEmpty(&Thread->Timer.Header.WaitListHead));
}

TEST(WaitIrql, "wait/comes-back-at-the-level-it-began-at", "contract 1.4: waits <= APC_LEVEL")
{
    KIRQL Old;
    PrepareEvents(1, SynchronizationEvent);
    KeRaiseIrql(APC_LEVEL, &Old);
    CHECK_STATUS(WaitOne(&Events[0], -1), STATUS_TIMEOUT);
    CHECK_EQ(KeGetCurrentIrql(), APC_LEVEL);
    KeLowerIrql(Old);
}

static struct {
    KTIMER Timer;
    KEVENT Event;
    PKTHREAD Waiter;
    PKTHREAD Seen;
} Idle;

/* Comes each tick until it interrupts somebody else than the thread that is about to wait. */
static VOID NTAPI LookForIdle(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    LARGE_INTEGER Soon = {.QuadPart = -1};
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    Idle.Seen = KeGetCurrentThread();
    if (Idle.Seen == Idle.Waiter) {
        KeSetTimer(&Idle.Timer, Soon, Dpc);
    } else {
        KeSetEvent(&Idle.Event, IO_NO_INCREMENT, FALSE);
    }
}

TEST(WaitIdle, "wait/the-idle-thread-runs-while-all-wait", "READY-2")
{
    static KDPC Dpc;
    LARGE_INTEGER Soon = {.QuadPart = -1};
    Idle.Waiter = KeGetCurrentThread();
    KeInitializeEvent(&Idle.Event, SynchronizationEvent, FALSE);
    KeInitializeTimer(&Idle.Timer);
    KeInitializeDpc(&Dpc, LookForIdle, NULL);
    KeSetTimer(&Idle.Timer, Soon, &Dpc);
    KeWaitForSingleObject(&Idle.Event, Executive, KernelMode, FALSE, NULL);
    CHECK_EQ(Idle.Seen, KeGetCurrentPrcb()->IdleThread);
}

TEST(WaitReasons, "wait/why-a-thread-waits-can-be-seen", "")
{
    PrepareEvents(1, SynchronizationEvent);
    PKTHREAD Thread = TestStartThread(WaitForFirst, (PVOID)(-600 * 10000000LL), 9);
    CHECK_EQ(Thread->WaitReason, Executive);
    CHECK_EQ(Thread->WaitMode, KernelMode);
    CHECK_EQ(Thread->WaitBlockList->Object, &Events[0]);
    Set(0);
    TestJoinThread(Thread);
}

/* ---- several objects ------------------------------------------------------------------------- */

TEST(WaitAnyReady, "wait/any-takes-the-first-signalled-one-only", "contract 1.9: WAIT_0 + index")
{
    PrepareEvents(3, SynchronizationEvent);
    Set(1);
    Set(2);
    CHECK_STATUS(WaitMany(3, WaitAny, 0), STATUS_WAIT_0 + 1);
    CHECK_EQ(KeReadStateEvent(&Events[1]), 0);
    CHECK_EQ(KeReadStateEvent(&Events[2]), 1);
    CHECK_STATUS(WaitMany(3, WaitAny, 0), STATUS_WAIT_0 + 2);
    CHECK_STATUS(WaitMany(3, WaitAny, 0), STATUS_TIMEOUT);
}

static struct {
    ULONG Count;
    WAIT_TYPE Type;
} Several;

static VOID NTAPI WaitForSeveral(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    WaitResult = WaitMany(Several.Count, Several.Type, -600 * 10000000LL);
}

static PKTHREAD StartSeveral(ULONG Count, WAIT_TYPE Type)
{
    PrepareEvents(Count, SynchronizationEvent);
    Several.Count = Count;
    Several.Type = Type;
    return TestStartThread(WaitForSeveral, NULL, 9);
}

TEST(WaitAnyLater, "wait/any-ends-with-the-index-of-the-signalled-one", "WAIT-4")
{
    for (ULONG i = 0; i < 3; i++) {
        PKTHREAD Thread = StartSeveral(3, WaitAny);
        Set(i);
        CHECK_STATUS(WaitResult, STATUS_WAIT_0 + i);
        CHECK_EQ(KeReadStateEvent(&Events[i]), 0);
        for (ULONG j = 0; j < 3; j++) {
            CHECK(IsListEmpty(&Events[j].Header.WaitListHead));
        }
        TestJoinThread(Thread);
    }
}

TEST(WaitAllReady, "wait/all-takes-all-or-nothing", "WAIT-3")
{
    PrepareEvents(3, SynchronizationEvent);
    Set(0);
    Set(2);
    CHECK_STATUS(WaitMany(3, WaitAll, -1), STATUS_TIMEOUT);
    CHECK_EQ(KeReadStateEvent(&Events[0]), 1);
    CHECK_EQ(KeReadStateEvent(&Events[2]), 1);
    Set(1);
    CHECK_STATUS(WaitMany(3, WaitAll, 0), STATUS_SUCCESS);
    for (ULONG i = 0; i < 3; i++) {
        CHECK_EQ(KeReadStateEvent(&Events[i]), 0);
    }
}

TEST(WaitAllLater, "wait/all-ends-when-the-last-one-is-signalled", "WAIT-3")
{
    PKTHREAD Thread = StartSeveral(3, WaitAll);
    Set(2);
    CHECK_EQ(KeReadStateEvent(&Events[2]), 1);
    Set(0);
    CHECK_STATUS(WaitResult, STATUS_PENDING);
    Set(1);
    CHECK_STATUS(WaitResult, STATUS_SUCCESS);
    for (ULONG i = 0; i < 3; i++) {
        CHECK_EQ(KeReadStateEvent(&Events[i]), 0);
    }
    TestJoinThread(Thread);
}

TEST(WaitAllTaken, "wait/all-does-not-hold-what-others-may-take", "WAIT-2")
{
    PKTHREAD Thread = StartSeveral(2, WaitAll);
    Set(0);
    CHECK_STATUS(WaitOne(&Events[0], 0), STATUS_SUCCESS); /* past the one that waits for both */
    Set(1);
    CHECK_STATUS(WaitResult, STATUS_PENDING);
    Set(0);
    CHECK_STATUS(WaitResult, STATUS_SUCCESS);
    TestJoinThread(Thread);
}

TEST(WaitPastAll, "wait/a-signal-passes-one-who-cannot-go-yet", "WAIT-2")
{
    PKTHREAD All = StartSeveral(2, WaitAll);
    NTSTATUS *Result = &WaitResult;
    PKTHREAD One = TestStartThread(WaitForFirst, (PVOID)(-600 * 10000000LL), 9);
    Set(0);
    CHECK_STATUS(*Result, STATUS_SUCCESS); /* the second in the list went */
    *Result = STATUS_PENDING;
    Set(1);
    CHECK_STATUS(*Result, STATUS_PENDING);
    Set(0);
    CHECK_STATUS(*Result, STATUS_SUCCESS);
    TestJoinThread(One);
    TestJoinThread(All);
}

TEST(WaitMaximum, "wait/up-to-64-objects-with-an-array", "contract 1.9: MAXIMUM_WAIT_OBJECTS")
{
    PKTHREAD Thread = StartSeveral(MANY, WaitAny);
    Set(MANY - 1);
    CHECK_STATUS(WaitResult, STATUS_WAIT_0 + MANY - 1);
    TestJoinThread(Thread);
    Thread = StartSeveral(MANY, WaitAll);
    for (ULONG i = 0; i < MANY; i++) {
        CHECK_STATUS(WaitResult, STATUS_PENDING);
        Set(i);
    }
    CHECK_STATUS(WaitResult, STATUS_SUCCESS);
    TestJoinThread(Thread);
}

TEST(WaitSameTwice, "wait/any-may-name-an-object-twice", "")
{
    PrepareEvents(1, SynchronizationEvent);
    Objects[1] = &Events[0];
    Several.Count = 2;
    Several.Type = WaitAny;
    PKTHREAD Thread = TestStartThread(WaitForSeveral, NULL, 9);
    Set(0);
    CHECK_STATUS(WaitResult, STATUS_WAIT_0);
    CHECK(IsListEmpty(&Events[0].Header.WaitListHead));
    TestJoinThread(Thread);
}

/* ---- delays ---------------------------------------------------------------------------------- */

TEST(WaitDelay, "wait/a-delay-is-never-shorter-than-asked", "contract 1.9: KeDelayExecutionThread")
{
    ULONG64 Counter;
    for (LONG64 Units = 1; Units <= 1000000; Units *= 10) {
        LARGE_INTEGER Interval = {.QuadPart = -Units};
        ULONG64 Start = KeQueryInterruptTimePrecise(&Counter);
        CHECK_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Interval), STATUS_SUCCESS);
        CHECK_GE(KeQueryInterruptTimePrecise(&Counter) - Start, Units);
    }
}

static VOID NTAPI StoreOne(PVOID Context)
{
    *(PULONG)Context = 1;
}

TEST(WaitDelayZero, "wait/a-delay-of-zero-yields", "DDI KeDelayExecutionThread")
{
    static ULONG Ran;
    LARGE_INTEGER Zero = {.QuadPart = 0};
    Ran = 0;
    PKTHREAD Thread = TestStartThread(StoreOne, &Ran, KI_PRIORITY_DEFAULT);
    CHECK_STATUS(KeDelayExecutionThread(KernelMode, FALSE, &Zero), STATUS_SUCCESS);
    CHECK_EQ(Ran, 1);
    TestJoinThread(Thread);
}

/* ---- alerts ---------------------------------------------------------------------------------- */

/* The result of a wait of 1 unit in Mode behind an alert in AlertMode. */
static NTSTATUS WaitAlerted(KPROCESSOR_MODE AlertMode, KPROCESSOR_MODE Mode, BOOLEAN Alertable)
{
    LARGE_INTEGER Limit = {.QuadPart = -1};
    PKTHREAD Me = KeGetCurrentThread();
    PrepareEvents(1, SynchronizationEvent);
    KeAlertThread(Me, AlertMode);
    NTSTATUS Status = KeWaitForSingleObject(&Events[0], Executive, Mode, Alertable, &Limit);
    Me->Alerted[0] = Me->Alerted[1] = FALSE;
    return Status;
}

TEST(WaitAlertedBefore, "wait/an-alertable-one-ends-if-alerted", "contract 1.9: alertable x mode")
{
    CHECK_STATUS(WaitAlerted(KernelMode, KernelMode, TRUE), STATUS_ALERTED);
    CHECK_STATUS(WaitAlerted(KernelMode, UserMode, TRUE), STATUS_ALERTED);
    CHECK_STATUS(WaitAlerted(UserMode, UserMode, TRUE), STATUS_ALERTED);
    CHECK_STATUS(WaitAlerted(UserMode, KernelMode, TRUE), STATUS_TIMEOUT);
    CHECK_STATUS(WaitAlerted(KernelMode, KernelMode, FALSE), STATUS_TIMEOUT);
    CHECK_STATUS(WaitAlerted(UserMode, UserMode, FALSE), STATUS_TIMEOUT);
    CHECK(NT_SUCCESS(STATUS_ALERTED));
}

static VOID NTAPI WaitAlertable(PVOID Context)
{
    WaitResult = KeWaitForSingleObject(&Events[0], Executive, (KPROCESSOR_MODE)(ULONG_PTR)Context,
                                       TRUE, NULL);
}

TEST(WaitAlertedDuring, "wait/an-alert-ends-an-alertable-one-that-has-begun",
     "contract 1.9: alertable x mode")
{
    PrepareEvents(1, SynchronizationEvent);
    PKTHREAD Thread = TestStartThread(WaitAlertable, (PVOID)KernelMode, 9);
    CHECK_EQ(KeAlertThread(Thread, UserMode), FALSE); /* not in this mode */
    CHECK_STATUS(WaitResult, STATUS_PENDING);
    CHECK_EQ(KeAlertThread(Thread, UserMode), TRUE);
    CHECK_EQ(KeAlertThread(Thread, KernelMode), FALSE);
    CHECK_STATUS(WaitResult, STATUS_ALERTED);
    CHECK(IsListEmpty(&Events[0].Header.WaitListHead));
    TestJoinThread(Thread);
}

TEST(WaitNotAlertable, "wait/an-alert-waits-for-an-alertable-wait",
     "contract 1.9: alertable x mode")
{
    PrepareEvents(1, SynchronizationEvent);
    PKTHREAD Thread = TestStartThread(WaitForFirst, (PVOID)(-600 * 10000000LL), 9);
    KeAlertThread(Thread, KernelMode);
    CHECK_STATUS(WaitResult, STATUS_PENDING);
    Set(0);
    CHECK_STATUS(WaitResult, STATUS_SUCCESS);
    TestJoinThread(Thread);
}

TEST(WaitDelayAlerted, "wait/an-alertable-delay-ends-if-alerted", "DDI KeDelayExecutionThread")
{
    LARGE_INTEGER Long = {.QuadPart = -600 * 10000000LL};
    KeAlertThread(KeGetCurrentThread(), KernelMode);
    CHECK_STATUS(KeDelayExecutionThread(KernelMode, TRUE, &Long), STATUS_ALERTED);
}

/* ---- storms ---------------------------------------------------------------------------------- */

#define RING_THREADS 8
#define RING_ROUNDS  500

static VOID NTAPI PassOn(PVOID Context)
{
    ULONG Index = (ULONG)(ULONG_PTR)Context;
    for (ULONG i = 0; i < RING_ROUNDS; i++) {
        WaitOne(&Events[Index], -600 * 10000000LL);
        KeSetEvent(&Events[Index + 1], (KPRIORITY)(i % 3), FALSE);
    }
}

TEST(WaitRing, "wait/a-ring-of-threads-loses-no-signal", "WAIT-1")
{
    PKTHREAD Threads[RING_THREADS];
    PrepareEvents(RING_THREADS + 1, SynchronizationEvent);
    for (ULONG_PTR i = 0; i < RING_THREADS; i++) {
        Threads[i] = TestStartThread(PassOn, (PVOID)i, (KPRIORITY)(6 + i % 5));
    }
    for (ULONG i = 0; i < RING_ROUNDS; i++) {
        Set(0);
        REQUIRE_EQ(WaitOne(&Events[RING_THREADS], -600 * 10000000LL), STATUS_SUCCESS);
    }
    for (ULONG i = 0; i < RING_THREADS; i++) {
        TestJoinThread(Threads[i]);
    }
}
