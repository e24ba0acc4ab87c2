/*
 * event.c - tests of events: states, who goes when one is set, what the waiters get of it.
 */
#include "tests/ke/threads.h"

#define WAITERS 3

static KEVENT TestEvent;
static struct {
    ULONG Order[WAITERS];
    ULONG Count;
    KPRIORITY Priority;
} Waits;

/* Waits for the test's event and notes that it went on, as the how manieth, and how important. */
static VOID NTAPI WaitForEvent(PVOID Context)
{
    KeWaitForSingleObject(&TestEvent, Executive, KernelMode, FALSE, NULL);
    Waits.Priority = KeQueryPriorityThread(KeGetCurrentThread());
    Waits.Order[Waits.Count++] = (ULONG)(ULONG_PTR)Context;
}

static VOID StartWaiters(PKTHREAD Threads[WAITERS], EVENT_TYPE Type)
{
    KeInitializeEvent(&TestEvent, Type, FALSE);
    Waits.Count = 0;
    for (ULONG_PTR i = 0; i < WAITERS; i++) {
        Threads[i] = TestStartThread(WaitForEvent, (PVOID)i, KI_PRIORITY_DEFAULT + 1);
    }
    CHECK_EQ(Waits.Count, 0);
}

static VOID JoinWaiters(PKTHREAD Threads[WAITERS])
{
    for (ULONG i = 0; i < WAITERS; i++) {
        TestJoinThread(Threads[i]);
    }
}

TEST(EventLayout, "event/header-is-the-documented-one", "contract 1.9: types 0 and 1, 24 bytes")
{
    KeInitializeEvent(&TestEvent, NotificationEvent, TRUE);
    CHECK_EQ(TestEvent.Header.Type, 0);
    CHECK_EQ(TestEvent.Header.Size, 6);
    CHECK_EQ(TestEvent.Header.SignalState, 1);
    CHECK(IsListEmpty(&TestEvent.Header.WaitListHead));
    KeInitializeEvent(&TestEvent, SynchronizationEvent, FALSE);
    CHECK_EQ(TestEvent.Header.Type, 1);
    CHECK_EQ(TestEvent.Header.SignalState, 0);
}

TEST(EventStates, "event/state-is-0-or-1-and-the-old-one-is-returned", "EVNT-1")
{
    KeInitializeEvent(&TestEvent, NotificationEvent, 77);
    CHECK_EQ(KeReadStateEvent(&TestEvent), 1);
    CHECK_EQ(KeResetEvent(&TestEvent), 1);
    CHECK_EQ(KeResetEvent(&TestEvent), 0);
    CHECK_EQ(KeSetEvent(&TestEvent, IO_NO_INCREMENT, FALSE), 0);
    CHECK_EQ(KeSetEvent(&TestEvent, IO_NO_INCREMENT, FALSE), 1);
    CHECK_EQ(KeReadStateEvent(&TestEvent), 1);
    KeClearEvent(&TestEvent);
    CHECK_EQ(KeReadStateEvent(&TestEvent), 0);
}

TEST(EventNotification, "event/notification-lets-all-go-and-stays-set", "EVNT-2")
{
    PKTHREAD Threads[WAITERS];
    StartWaiters(Threads, NotificationEvent);
    CHECK_EQ(KeSetEvent(&TestEvent, IO_NO_INCREMENT, FALSE), 0);
    CHECK_EQ(Waits.Count, WAITERS);
    CHECK_EQ(KeReadStateEvent(&TestEvent), 1);
    CHECK(IsListEmpty(&TestEvent.Header.WaitListHead));
    JoinWaiters(Threads);
}

TEST(EventSynchronization, "event/synchronization-lets-one-go-first-come-first-served", "EVNT-2")
{
    PKTHREAD Threads[WAITERS];
    StartWaiters(Threads, SynchronizationEvent);
    for (ULONG i = 0; i < WAITERS; i++) {
        CHECK_EQ(KeSetEvent(&TestEvent, IO_NO_INCREMENT, FALSE), 0);
        REQUIRE_EQ(Waits.Count, i + 1);
        CHECK_EQ(Waits.Order[i], i);
        CHECK_EQ(KeReadStateEvent(&TestEvent), 0);
    }
    CHECK_EQ(KeSetEvent(&TestEvent, IO_NO_INCREMENT, FALSE), 0);
    CHECK_EQ(KeReadStateEvent(&TestEvent), 1);
    JoinWaiters(Threads);
}

TEST(EventPulse, "event/pulse-always-leaves-it-clear", "contract 1.9: KePulseEvent")
{
    PKTHREAD Threads[WAITERS];
    KeInitializeEvent(&TestEvent, NotificationEvent, TRUE);
    CHECK_EQ(KePulseEvent(&TestEvent, IO_NO_INCREMENT, FALSE), 1);
    CHECK_EQ(KeReadStateEvent(&TestEvent), 0);
    StartWaiters(Threads, NotificationEvent);
    CHECK_EQ(KePulseEvent(&TestEvent, IO_NO_INCREMENT, FALSE), 0);
    CHECK_EQ(Waits.Count, WAITERS);
    CHECK_EQ(KeReadStateEvent(&TestEvent), 0);
    JoinWaiters(Threads);
    StartWaiters(Threads, SynchronizationEvent);
    KePulseEvent(&TestEvent, IO_NO_INCREMENT, FALSE);
    CHECK_EQ(Waits.Count, 1);
    CHECK_EQ(KeReadStateEvent(&TestEvent), 0);
    KePulseEvent(&TestEvent, IO_NO_INCREMENT, FALSE);
    KePulseEvent(&TestEvent, IO_NO_INCREMENT, FALSE);
    JoinWaiters(Threads);
}

static VOID NTAPI SettingDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeSetEvent(Context, IO_NO_INCREMENT, FALSE);
}

TEST(EventFromDpc, "event/a-dpc-may-set-it", "contract 1.4: KeSetEvent <= DISPATCH_LEVEL")
{
    static KDPC Dpc;
    PKTHREAD Threads[WAITERS];
    StartWaiters(Threads, NotificationEvent);
    KeInitializeDpc(&Dpc, SettingDpc, &TestEvent);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    CHECK_EQ(Waits.Count, WAITERS);
    JoinWaiters(Threads);
}

/* ---- priorities ------------------------------------------------------------------------------ */

/* The priority that a waiter of priority Base has behind a set with Increment. */
static KPRIORITY BoostBy(KPRIORITY Base, KPRIORITY Increment)
{
    KeInitializeEvent(&TestEvent, SynchronizationEvent, FALSE);
    Waits.Count = 0;
    PKTHREAD Thread = TestStartThread(WaitForEvent, NULL, Base);
    KeSetEvent(&TestEvent, Increment, FALSE);
    CHECK_EQ(Waits.Count, 1);
    TestJoinThread(Thread);
    return Waits.Priority;
}

TEST(EventBoost, "event/waiter-gets-base-plus-increment-up-to-15", "WAIT-5")
{
    TestHoldClock();
    CHECK_EQ(BoostBy(9, 0), 9);
    CHECK_EQ(BoostBy(9, 1), 10);
    CHECK_EQ(BoostBy(9, 6), 15);
    CHECK_EQ(BoostBy(9, 7), 15);
    CHECK_EQ(BoostBy(15, 1), 15);
    CHECK_EQ(BoostBy(9, -1), 9);
    CHECK_EQ(BoostBy(9, -20), 9);
    TestReleaseClock();
}

TEST(EventBoostRealTime, "event/real-time-waiter-is-not-boosted", "THRD-3")
{
    CHECK_EQ(BoostBy(16, 2), 16);
    CHECK_EQ(BoostBy(31, 8), 31);
}

static KPRIORITY DecayLog[16];

/* Waits with a boost first, then again and again without one. */
static VOID NTAPI WaitUntilDecayed(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (ULONG i = 0; i < ARRAYSIZE(DecayLog); i++) {
        KeWaitForSingleObject(&TestEvent, Executive, KernelMode, FALSE, NULL);
        DecayLog[i] = KeQueryPriorityThread(KeGetCurrentThread());
    }
}

TEST(EventDecayWaits, "event/a-boost-wears-off-by-waits", "WAIT-5")
{
    KeInitializeEvent(&TestEvent, SynchronizationEvent, FALSE);
    TestHoldClock();
    PKTHREAD Thread = TestStartThread(WaitUntilDecayed, NULL, 9);
    KeSetEvent(&TestEvent, 2, FALSE);
    for (ULONG i = 1; i < ARRAYSIZE(DecayLog); i++) {
        KeSetEvent(&TestEvent, IO_NO_INCREMENT, FALSE);
    }
    TestReleaseClock();
    TestJoinThread(Thread);
    CHECK_EQ(DecayLog[0], 11);
    CHECK_EQ(DecayLog[ARRAYSIZE(DecayLog) - 1], 9);
    for (ULONG i = 1; i < ARRAYSIZE(DecayLog); i++) {
        CHECK_LE(DecayLog[i], DecayLog[i - 1]);
        CHECK_GE(DecayLog[i] + 1, DecayLog[i - 1]);
    }
}

static VOID NTAPI TickUntilDecayed(PVOID Context)
{
    PKTHREAD Me = KeGetCurrentThread();
    UNREFERENCED_PARAMETER(Context);
    KeWaitForSingleObject(&TestEvent, Executive, KernelMode, FALSE, NULL);
    for (ULONG i = 0; i < 8; i++) {
        DecayLog[i] = KeQueryPriorityThread(Me);
        TestTick();
    }
}

TEST(EventDecayTicks, "event/a-boost-wears-off-by-clock-ticks", "DISP-3")
{
    static const KPRIORITY Expected[] = {11, 11, 10, 10, 9, 9, 9, 9}; /* two ticks a quantum */
    KeInitializeEvent(&TestEvent, SynchronizationEvent, FALSE);
    TestHoldClock();
    PKTHREAD Thread = TestStartThread(TickUntilDecayed, NULL, 9);
    KeSetEvent(&TestEvent, 2, FALSE);
    TestReleaseClock();
    TestJoinThread(Thread);
    for (ULONG i = 0; i < ARRAYSIZE(Expected); i++) {
        CHECK_EQ(DecayLog[i], Expected[i]);
    }
}

/* ---- set and wait in one --------------------------------------------------------------------- */

TEST(EventSetWait, "event/set-with-wait-returns-at-dispatch-level", "WAIT-6")
{
    PKTHREAD Threads[WAITERS];
    LARGE_INTEGER Poll = {.QuadPart = 0};
    StartWaiters(Threads, NotificationEvent);
    CHECK_EQ(KeSetEvent(&TestEvent, IO_NO_INCREMENT, TRUE), 0);
    CHECK_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    CHECK_EQ(Waits.Count, 0);
    CHECK_STATUS(KeWaitForSingleObject(&TestEvent, Executive, KernelMode, FALSE, &Poll),
                 STATUS_SUCCESS);
    CHECK_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    CHECK_EQ(Waits.Count, WAITERS);
    JoinWaiters(Threads);
}

static KEVENT AnswerEvent;

static VOID NTAPI AnswerOnce(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeWaitForSingleObject(&TestEvent, Executive, KernelMode, FALSE, NULL);
    Waits.Count = !IsListEmpty(&AnswerEvent.Header.WaitListHead);
    KeSetEvent(&AnswerEvent, IO_NO_INCREMENT, FALSE);
}

TEST(EventSetThenWait, "event/no-switch-between-set-and-wait", "WAIT-6")
{
    KIRQL Old;
    KeInitializeEvent(&TestEvent, SynchronizationEvent, FALSE);
    KeInitializeEvent(&AnswerEvent, SynchronizationEvent, FALSE);
    PKTHREAD Thread = TestStartThread(AnswerOnce, NULL, KI_PRIORITY_DEFAULT + 1);
    KeRaiseIrql(APC_LEVEL, &Old);
    KeSetEvent(&TestEvent, IO_NO_INCREMENT, TRUE);
    CHECK_STATUS(KeWaitForSingleObject(&AnswerEvent, Executive, KernelMode, FALSE, NULL),
                 STATUS_SUCCESS);
    CHECK_EQ(KeGetCurrentIrql(), APC_LEVEL);
    KeLowerIrql(Old);
    CHECK_EQ(Waits.Count, 1);
    TestJoinThread(Thread);
}

/* ---- machines that must stop ----------------------------------------------------------------- */

CRASH_TEST(CrashEventHigh, "event/set-above-dispatch-level", "0xC4 0x80 0xC $event 0x0",
           "contract 4.6: 0x80")
{
    KeInitializeEvent(&TestEvent, NotificationEvent, FALSE);
    TestAnnounce("event", (ULONG64)&TestEvent);
    KeRaiseIrqlToSynchLevel();
    KeSetEvent(&TestEvent, IO_NO_INCREMENT, FALSE);
}

CRASH_TEST(CrashEventWaitHigh, "event/set-with-wait-at-dispatch-level", "0xC4 0x20016 not0 0x2 0x0",
           "contract 1.4: IrqlKeSetEvent")
{
    KeInitializeEvent(&TestEvent, NotificationEvent, FALSE);
    KeRaiseIrqlToDpcLevel();
    KeSetEvent(&TestEvent, IO_NO_INCREMENT, TRUE);
}

CRASH_TEST(CrashResetHigh, "event/reset-above-dispatch-level", "0xC4 0xE5 0xC 0x0 0x0",
           "contract 1.4: KeResetEvent")
{
    KeInitializeEvent(&TestEvent, NotificationEvent, FALSE);
    KeRaiseIrqlToSynchLevel();
    KeResetEvent(&TestEvent);
}
