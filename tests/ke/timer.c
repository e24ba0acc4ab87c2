/*
 * timer.c - tests of timers: when they expire, what they signal, periods, cancelling, the wheel.
 *
 * The tests wait for clock ticks, never for a time of the host's: how many ticks passed is read
 * from the same count that the timers go by.
 */
#include "kernel/hal/hal.h"
#include "tests/ke/threads.h"

#define TICK  KI_TIME_INCREMENT
#define NEVER (-600LL * 10000000) /* ten minutes */
#define WHEEL 512

static KTIMER TestTimer;
static KDPC TestDpc;
static KEVENT TestEvent;
static volatile ULONG DpcRuns;
static ULONG DpcsWanted;
static ULONG64 DpcTimes[8];

static BOOLEAN SetIn(PKTIMER Timer, LONG64 Units, PKDPC Dpc)
{
    LARGE_INTEGER DueTime = {.QuadPart = Units};
    return KeSetTimer(Timer, DueTime, Dpc);
}

static NTSTATUS WaitFor(PVOID Object)
{
    LARGE_INTEGER Limit = {.QuadPart = NEVER};
    return KeWaitForSingleObject(Object, Executive, KernelMode, FALSE, &Limit);
}

static NTSTATUS Poll(PVOID Object)
{
    LARGE_INTEGER Zero = {.QuadPart = 0};
    return KeWaitForSingleObject(Object, Executive, KernelMode, FALSE, &Zero);
}

/* Lets Count ticks pass without waiting for them; legal at DISPATCH_LEVEL. */
static VOID PassTicks(ULONG64 Count)
{
    ULONG64 Until = KeQueryInterruptTime() + Count * TICK;
    while (KeQueryInterruptTime() < Until) {
        TestTick();
    }
}

static VOID NTAPI CountingDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    DpcTimes[DpcRuns % ARRAYSIZE(DpcTimes)] = KeQueryInterruptTime();
    if (++DpcRuns == DpcsWanted) {
        KeSetEvent(&TestEvent, IO_NO_INCREMENT, FALSE);
    }
}

/* A timer and a DPC that sets TestEvent when it runs for the Wanted-th time. */
static VOID Prepare(TIMER_TYPE Type, ULONG Wanted)
{
    KeInitializeTimerEx(&TestTimer, Type);
    KeInitializeDpc(&TestDpc, CountingDpc, NULL);
    KeInitializeEvent(&TestEvent, SynchronizationEvent, FALSE);
    DpcRuns = 0;
    DpcsWanted = Wanted;
}

/* ---- one expiry ------------------------------------------------------------------------------ */

TEST(TimerLayout, "timer/header-is-the-documented-one", "contract 1.9: types 8 and 9, 64 bytes")
{
    KeInitializeTimer(&TestTimer);
    CHECK_EQ(TestTimer.Header.Type, 8);
    CHECK_EQ(TestTimer.Header.Size, 16);
    CHECK_EQ(KeReadStateTimer(&TestTimer), FALSE);
    KeInitializeTimerEx(&TestTimer, SynchronizationTimer);
    CHECK_EQ(TestTimer.Header.Type, 9);
    CHECK_EQ(TestTimer.Period, 0);
}

TEST(TimerSet, "timer/set-says-whether-it-was-running", "contract 1.9: KeSetTimer")
{
    Prepare(NotificationTimer, 1);
    CHECK_EQ(SetIn(&TestTimer, NEVER, NULL), FALSE);
    CHECK_EQ(SetIn(&TestTimer, NEVER, NULL), TRUE);
    CHECK_EQ(SetIn(&TestTimer, -1, NULL), TRUE);
    CHECK_STATUS(WaitFor(&TestTimer), STATUS_SUCCESS);
    CHECK_EQ(KeReadStateTimer(&TestTimer), TRUE);
    CHECK_EQ(SetIn(&TestTimer, NEVER, NULL), FALSE);
    CHECK_EQ(KeReadStateTimer(&TestTimer), FALSE); /* setting it clears the signal */
    CHECK_EQ(KeCancelTimer(&TestTimer), TRUE);
}

TEST(TimerNotification, "timer/notification-stays-signalled", "contract 1.9: timers")
{
    Prepare(NotificationTimer, 1);
    SetIn(&TestTimer, -1, NULL);
    CHECK_STATUS(WaitFor(&TestTimer), STATUS_SUCCESS);
    CHECK_STATUS(Poll(&TestTimer), STATUS_SUCCESS);
}

TEST(TimerSynchronization, "timer/synchronization-lets-one-go", "contract 1.9: timers")
{
    Prepare(SynchronizationTimer, 1);
    SetIn(&TestTimer, -1, NULL);
    CHECK_STATUS(WaitFor(&TestTimer), STATUS_SUCCESS);
    CHECK_STATUS(Poll(&TestTimer), STATUS_TIMEOUT);
}

TEST(TimerDpc, "timer/queues-its-dpc-once", "contract 1.9: timers")
{
    Prepare(NotificationTimer, 1);
    SetIn(&TestTimer, -1, &TestDpc);
    CHECK_STATUS(WaitFor(&TestEvent), STATUS_SUCCESS);
    CHECK_EQ(KeReadStateTimer(&TestTimer), TRUE);
    PassTicks(2);
    CHECK_EQ(DpcRuns, 1);
}

TEST(TimerNotEarly, "timer/expires-at-the-first-tick-that-is-late-enough", "TIMR-3")
{
    for (LONG64 Units = 1; Units < 4 * TICK; Units += TICK / 2) {
        ULONG64 Counter;
        Prepare(NotificationTimer, 1);
        KIRQL Old = KeRaiseIrqlToDpcLevel();
        ULONG64 DueTime = KeQueryInterruptTimePrecise(&Counter) + Units;
        SetIn(&TestTimer, -Units, NULL);
        CHECK_GE(TestTimer.DueTime.QuadPart, DueTime);
        KeLowerIrql(Old);
        ULONG64 DueTick = (TestTimer.DueTime.QuadPart + TICK - 1) / TICK;
        while (!KeReadStateTimer(&TestTimer)) {
            LARGE_INTEGER Ticks;
            KeQueryTickCount(&Ticks);
            ULONG64 Flags = KiDisableInterrupts();
            CHECK(KeReadStateTimer(&TestTimer) || (ULONG64)Ticks.QuadPart < DueTick);
            KiRestoreInterrupts(Flags);
        }
        CHECK_GE(KeQueryInterruptTime(), DueTime);
    }
}

TEST(TimerHeldBack, "timer/expires-when-the-level-drops", "TIMR-3: 0x2F held back")
{
    Prepare(NotificationTimer, 1);
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    SetIn(&TestTimer, -1, &TestDpc);
    PassTicks(3);
    CHECK_EQ(KeReadStateTimer(&TestTimer), FALSE);
    KeLowerIrql(Old);
    CHECK_EQ(KeReadStateTimer(&TestTimer), TRUE);
    CHECK_EQ(DpcRuns, 1);
}

TEST(TimerAbsolute, "timer/positive-due-time-is-a-system-time", "contract 1.9: timers")
{
    LARGE_INTEGER DueTime;
    Prepare(NotificationTimer, 1);
    KeQuerySystemTime(&DueTime);
    DueTime.QuadPart += 2 * TICK;
    KeSetTimer(&TestTimer, DueTime, NULL);
    CHECK_STATUS(WaitFor(&TestTimer), STATUS_SUCCESS);
    LARGE_INTEGER Now;
    KeQuerySystemTime(&Now);
    CHECK_GE(Now.QuadPart, DueTime.QuadPart);
}

TEST(TimerPast, "timer/a-time-that-has-passed-expires-at-once", "contract 1.9: timers")
{
    Prepare(NotificationTimer, 1);
    CHECK_EQ(SetIn(&TestTimer, 0, &TestDpc), FALSE);
    CHECK_EQ(KeReadStateTimer(&TestTimer), TRUE);
    CHECK_EQ(DpcRuns, 1);
    CHECK_EQ(SetIn(&TestTimer, 1, NULL), FALSE); /* 1601 */
    CHECK_EQ(KeReadStateTimer(&TestTimer), TRUE);
}

TEST(TimerSetHigh, "timer/may-be-set-by-a-dpc", "contract 1.4: KeSetTimer <= DISPATCH_LEVEL")
{
    Prepare(NotificationTimer, 1);
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    SetIn(&TestTimer, -1, NULL);
    CHECK_EQ(KeCancelTimer(&TestTimer), TRUE);
    KeLowerIrql(Old);
    CHECK_EQ(KeReadStateTimer(&TestTimer), FALSE);
}

/* ---- cancelling ------------------------------------------------------------------------------ */

TEST(TimerCancel, "timer/a-cancelled-one-does-not-expire", "contract 1.9: KeCancelTimer")
{
    Prepare(NotificationTimer, 1);
    CHECK_EQ(KeCancelTimer(&TestTimer), FALSE);
    SetIn(&TestTimer, -TICK, &TestDpc);
    CHECK_EQ(KeCancelTimer(&TestTimer), TRUE);
    CHECK_EQ(KeCancelTimer(&TestTimer), FALSE);
    PassTicks(3);
    CHECK_EQ(KeReadStateTimer(&TestTimer), FALSE);
    CHECK_EQ(DpcRuns, 0);
}

TEST(TimerCancelSignalled, "timer/cancelling-leaves-the-signal", "contract 1.9: KeCancelTimer")
{
    Prepare(NotificationTimer, 1);
    SetIn(&TestTimer, -1, NULL);
    WaitFor(&TestTimer);
    CHECK_EQ(KeCancelTimer(&TestTimer), FALSE);
    CHECK_EQ(KeReadStateTimer(&TestTimer), TRUE);
}

TEST(TimerCancelQueued, "timer/cancelling-leaves-a-queued-dpc", "contract 1.9: KeCancelTimer")
{
    Prepare(NotificationTimer, 1);
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    SetIn(&TestTimer, 0, &TestDpc);
    CHECK_EQ(KeCancelTimer(&TestTimer), FALSE);
    CHECK_EQ(DpcRuns, 0);
    KeLowerIrql(Old);
    CHECK_EQ(DpcRuns, 1);
}

/* ---- periods --------------------------------------------------------------------------------- */

#define PERIOD_MS 20 /* more than a tick, and not a multiple of it */

TEST(TimerPeriodic, "timer/a-periodic-one-expires-each-period", "TIMR-4")
{
    LARGE_INTEGER Soon = {.QuadPart = -1};
    Prepare(SynchronizationTimer, 5);
    ULONG64 Start = KeQueryInterruptTime();
    CHECK_EQ(KeSetTimerEx(&TestTimer, Soon, PERIOD_MS, &TestDpc), FALSE);
    ULONG64 First = TestTimer.DueTime.QuadPart;
    CHECK_STATUS(WaitFor(&TestEvent), STATUS_SUCCESS);
    CHECK_EQ(KeCancelTimer(&TestTimer), TRUE);
    KeFlushQueuedDpcs();
    CHECK_GE(DpcTimes[4] - Start, 4 * PERIOD_MS * 10000);
    CHECK_EQ((TestTimer.DueTime.QuadPart - First) % (PERIOD_MS * 10000), 0);
    CHECK_STATUS(Poll(&TestTimer), STATUS_SUCCESS); /* it was signalled, too */
}

TEST(TimerPeriodicCancel, "timer/cancelling-a-periodic-one-always-says-true",
     "contract 7, surprise 8")
{
    LARGE_INTEGER Soon = {.QuadPart = -1};
    Prepare(NotificationTimer, 0);
    KeSetTimerEx(&TestTimer, Soon, PERIOD_MS, &TestDpc);
    CHECK_EQ(KeCancelTimer(&TestTimer), TRUE);
    CHECK_EQ(KeCancelTimer(&TestTimer), TRUE);
    ULONG Runs = DpcRuns;
    PassTicks(3);
    CHECK_EQ(DpcRuns, Runs);
    SetIn(&TestTimer, NEVER, NULL);
    CHECK_EQ(KeCancelTimer(&TestTimer), TRUE);
    CHECK_EQ(KeCancelTimer(&TestTimer), FALSE);
}

TEST(TimerPeriodsMissed, "timer/periods-missed-at-a-raised-level-are-one-expiry", "TIMR-4")
{
    LARGE_INTEGER Soon = {.QuadPart = -1};
    Prepare(NotificationTimer, 0);
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    KeSetTimerEx(&TestTimer, Soon, 1, &TestDpc);
    PassTicks(4);
    KeLowerIrql(APC_LEVEL);
    CHECK_EQ(KeCancelTimer(&TestTimer), TRUE);
    CHECK_GE(DpcRuns, 1);
    CHECK_LE(DpcRuns, 2); /* a tick may have come between the two lines */
    KeLowerIrql(Old);
}

TEST(TimerCoalescable, "timer/a-coalescable-one-is-like-any-other", "DDI KeSetCoalescableTimer")
{
    LARGE_INTEGER Soon = {.QuadPart = -1};
    Prepare(NotificationTimer, 2);
    KeSetCoalescableTimer(&TestTimer, Soon, PERIOD_MS, 100, &TestDpc);
    CHECK_STATUS(WaitFor(&TestEvent), STATUS_SUCCESS);
    CHECK_EQ(KeCancelTimer(&TestTimer), TRUE);
    KeFlushQueuedDpcs();
}

/* ---- the wheel ------------------------------------------------------------------------------- */

TEST(TimerRounds, "timer/one-of-a-later-round-stays-in-its-bucket", "TIMR-2")
{
    Prepare(NotificationTimer, 0);
    SetIn(&TestTimer, -(WHEEL + 1) * TICK, &TestDpc);
    ULONG64 DueTime = TestTimer.DueTime.QuadPart;
    PassTicks(4); /* past its bucket */
    CHECK_EQ(KeReadStateTimer(&TestTimer), FALSE);
    CHECK_EQ(TestTimer.DueTime.QuadPart, DueTime);
    CHECK_EQ(KeCancelTimer(&TestTimer), TRUE);
}

#define MANY 2000

static KTIMER Timers[MANY];

TEST(TimerMany, "timer/two-thousand-expire-each-when-due", "TIMR-2, TIMR-5")
{
    Prepare(NotificationTimer, 1);
    ULONG64 Seed = 1;
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    for (ULONG i = 0; i < MANY; i++) {
        Seed = Seed * 6364136223846793005ULL + 1442695040888963407ULL;
        KeInitializeTimer(&Timers[i]);
        SetIn(&Timers[i], -(LONG64)(Seed >> 33) % (6 * TICK) - 1, NULL);
    }
    SetIn(&TestTimer, -8 * TICK, &TestDpc);
    KeLowerIrql(Old);
    while (DpcRuns == 0) {
        for (ULONG i = 0; i < MANY; i++) {
            ULONG64 Now = KeQueryInterruptTime();
            BOOLEAN Early = KeReadStateTimer(&Timers[i]) && Timers[i].DueTime.QuadPart > Now &&
                            Now == KeQueryInterruptTime();
            REQUIRE(!Early);
        }
    }
    for (ULONG i = 0; i < MANY; i++) {
        CHECK_EQ(KeReadStateTimer(&Timers[i]), TRUE);
        CHECK_EQ(Timers[i].Header.Inserted, FALSE);
    }
}

TEST(TimerManyCancelled, "timer/half-of-many-cancelled-while-they-expire", "TIMR-2")
{
    for (ULONG i = 0; i < MANY; i++) {
        KeInitializeTimer(&Timers[i]);
        SetIn(&Timers[i], -1 - (LONG64)(i % 3) * TICK, NULL);
    }
    ULONG Cancelled = 0, Expired = 0;
    for (ULONG i = 0; i < MANY; i += 2) {
        Cancelled += KeCancelTimer(&Timers[i]);
    }
    for (ULONG i = 1; i < MANY; i += 2) {
        REQUIRE_EQ(WaitFor(&Timers[i]), STATUS_SUCCESS);
    }
    for (ULONG i = 0; i < MANY; i += 2) {
        Expired += KeReadStateTimer(&Timers[i]);
    }
    CHECK_EQ(Cancelled + Expired, MANY / 2);
}

/* ---- precise time ---------------------------------------------------------------------------- */

TEST(TimerPrecise, "time/precise-time-never-falls-and-stays-within-the-tick", "TIME-3")
{
    ULONG64 Counter, Last = 0, LastCounter = 0;
    for (ULONG i = 0; i < 20000; i++) {
        ULONG64 Before = KeQueryInterruptTime();
        ULONG64 Precise = KeQueryInterruptTimePrecise(&Counter);
        ULONG64 After = KeQueryInterruptTime();
        REQUIRE(Precise >= Last && Counter > LastCounter);
        REQUIRE(Precise >= Before && Precise < After + TICK);
        Last = Precise;
        LastCounter = Counter;
    }
}

/*
 * A tick that is late holds the precise time up, so several attempts; one in time is enough.
 */
TEST(TimerPreciseMoves, "time/precise-time-moves-between-ticks", "TIME-3")
{
    ULONG64 Passed = 0;
    for (ULONG i = 0; i < 100 && Passed < 9990; i++) {
        ULONG64 Counter;
        TestTick();
        ULONG64 Flags = KiDisableInterrupts();
        ULONG64 Start = KeQueryInterruptTimePrecise(&Counter);
        KeStallExecutionProcessor(1000);
        Passed = KeQueryInterruptTimePrecise(&Counter) - Start;
        KiRestoreInterrupts(Flags);
    }
    CHECK_GE(Passed, 9990); /* 1 ms */
}

TEST(TimerPreciseSystem, "time/precise-system-time-goes-along", "TIME-2, TIME-3")
{
    LARGE_INTEGER Coarse, Precise;
    ULONG64 Flags = KiDisableInterrupts();
    KeQuerySystemTime(&Coarse);
    KeQuerySystemTimePrecise(&Precise);
    KiRestoreInterrupts(Flags);
    CHECK_GE(Precise.QuadPart, Coarse.QuadPart);
    CHECK_LT(Precise.QuadPart - Coarse.QuadPart, TICK);
}

/* ---- machines that must stop ----------------------------------------------------------------- */

CRASH_TEST(CrashTimerHigh, "timer/set-above-dispatch-level", "0xC4 0xE5 0xC 0x0 0x0",
           "contract 1.4: KeSetTimer")
{
    KeInitializeTimer(&TestTimer);
    KeRaiseIrqlToSynchLevel();
    SetIn(&TestTimer, -1, NULL);
}

CRASH_TEST(CrashTimerCancelHigh, "timer/cancelled-above-dispatch-level", "0xC4 0xE5 0xC 0x0 0x0",
           "contract 1.4: KeCancelTimer")
{
    KeInitializeTimer(&TestTimer);
    KeRaiseIrqlToSynchLevel();
    KeCancelTimer(&TestTimer);
}
