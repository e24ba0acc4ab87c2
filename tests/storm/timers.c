/*
 * timers.c - timer storms: set, cancelled and expired from all sides; each set ends in exactly one
 * of the two. Processor 0's clock ticks as fast as a thread can ask it to.
 */
#include "tests/storm/storm.h"

/* Each thread's own timer; others cancel it. */
static struct {
    KTIMER Timer;
    KDPC Dpc;
    KSEMAPHORE Ended; /* one for each set that expired or was cancelled */
    volatile ULONG64 Set, Expired, Cancelled;
} Timers[STORM_MAX_THREADS];

static volatile ULONG Setters;

static VOID NTAPI NoteExpiry(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    ULONG Index = (ULONG)(ULONG_PTR)Context;
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    StormCount(&Timers[Index].Expired);
    KeReleaseSemaphore(&Timers[Index].Ended, IO_NO_INCREMENT, 1, FALSE);
}

static VOID Prepare(TIMER_TYPE Type)
{
    RtlZeroMemory(Timers, sizeof(Timers));
    for (ULONG i = 0; i < StormThreads(); i++) {
        KeInitializeTimerEx(&Timers[i].Timer, Type);
        KeInitializeDpc(&Timers[i].Dpc, NoteExpiry, (PVOID)(ULONG_PTR)i);
        KeSetImportanceDpc(&Timers[i].Dpc, MediumHighImportance);
        KeInitializeSemaphore(&Timers[i].Ended, 0, 0x7FFFFFFF);
    }
    Setters = StormThreads() - 1; /* the first thread is the clock */
}

static VOID CancelOne(ULONG Index)
{
    if (KeCancelTimer(&Timers[Index].Timer)) {
        StormCount(&Timers[Index].Cancelled);
        KeReleaseSemaphore(&Timers[Index].Ended, IO_NO_INCREMENT, 1, FALSE);
    }
}

/* At once, within some ticks, or beyond one round of the wheel. */
static LARGE_INTEGER ChooseDueTime(PSTORM_THREAD Me)
{
    LARGE_INTEGER Due = {.QuadPart = 0};
    ULONG Choice = StormRandom(Me, 8);
    if (Choice != 0) {
        Due.QuadPart = -(LONG64)(1 + StormRandom(Me, 4 * KI_TIME_INCREMENT));
    }
    if (Choice == 1) {
        Due.QuadPart -= 600LL * KI_TIME_INCREMENT;
    }
    return Due;
}

static VOID SetAndCancel(PSTORM_THREAD Me)
{
    ULONG Threads = StormThreads();
    if (Me->Number == 0) {
        StormBeTheClock(&Setters);
        return;
    }
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        STORM_CHECK(
            !KeSetTimer(&Timers[Me->Number].Timer, ChooseDueTime(Me), &Timers[Me->Number].Dpc));
        Timers[Me->Number].Set++;
        StormPause(Me);
        CancelOne(StormRandom(Me, 2) ? Me->Number : 1 + StormRandom(Me, Threads - 1));
        KeWaitForSingleObject(&Timers[Me->Number].Ended, Executive, KernelMode, FALSE, NULL);
    }
    __atomic_sub_fetch(&Setters, 1, __ATOMIC_RELEASE);
}

STORM(TimerAccounts, "storm/timers/each-set-expires-or-is-cancelled", "TIMR-2")
{
    Prepare(NotificationTimer);
    StormRun(StormThreads(), SetAndCancel, StormEach(3000));
    KeFlushQueuedDpcs();
    for (ULONG i = 1; i < StormThreads(); i++) {
        STORM_CHECK(Timers[i].Set == Timers[i].Expired + Timers[i].Cancelled);
        STORM_CHECK(!Timers[i].Timer.Header.Inserted);
        STORM_CHECK(KeReadStateSemaphore(&Timers[i].Ended) == 0);
    }
}

/* ---- delays ---------------------------------------------------------------------------------- */

static VOID DelayOften(PSTORM_THREAD Me)
{
    ULONG64 Counter;
    if (Me->Number == 0) {
        StormBeTheClock(&Setters);
        return;
    }
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        LARGE_INTEGER Interval = {.QuadPart =
                                      -(LONG64)(1 + StormRandom(Me, 3 * KI_TIME_INCREMENT))};
        ULONG64 Until = KeQueryInterruptTimePrecise(&Counter) - Interval.QuadPart;
        STORM_CHECK(KeDelayExecutionThread(KernelMode, FALSE, &Interval) == STATUS_SUCCESS);
        STORM_CHECK(KeQueryInterruptTimePrecise(&Counter) >= Until);
    }
    __atomic_sub_fetch(&Setters, 1, __ATOMIC_RELEASE);
}

STORM(TimerDelays, "storm/timers/no-delay-ends-early-or-never", "TIMR-3")
{
    Prepare(NotificationTimer);
    StormRun(StormThreads(), DelayOften, StormEach(1000));
}

/* ---- waits for timers ------------------------------------------------------------------------ */

/* A synchronization timer that is set anew over and over lets one waiter go each time. */
static volatile ULONG64 Passed;

static VOID WaitForTimer(PSTORM_THREAD Me)
{
    LARGE_INTEGER Soon;
    if (Me->Number == 0) {
        StormBeTheClock(&Setters);
        return;
    }
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        KeWaitForSingleObject(&Timers[0].Timer, Executive, KernelMode, FALSE, NULL);
        StormCount(&Passed);
        /* Whoever got through is alone until it has set the timer. */
        Soon.QuadPart = -(LONG64)StormRandom(Me, KI_TIME_INCREMENT);
        STORM_CHECK(!KeSetTimer(&Timers[0].Timer, Soon, NULL));
    }
    __atomic_sub_fetch(&Setters, 1, __ATOMIC_RELEASE);
}

STORM(TimerHandover, "storm/timers/a-synchronization-timer-lets-one-go", "TIMR-2")
{
    ULONG Rounds = StormEach(600);
    LARGE_INTEGER Now = {.QuadPart = 0};
    Prepare(SynchronizationTimer);
    Passed = 0;
    KeSetTimer(&Timers[0].Timer, Now, NULL);
    StormRun(StormThreads(), WaitForTimer, Rounds);
    STORM_CHECK(Passed == (ULONG64)(StormThreads() - 1) * Rounds);
    KeCancelTimer(&Timers[0].Timer);
}

/* ---- periodic timers ------------------------------------------------------------------------- */

/* Starts its periodic timer, waits for some expiries, cancels it: nothing comes any more. */
static VOID RunPeriodically(PSTORM_THREAD Me)
{
    if (Me->Number == 0) {
        StormBeTheClock(&Setters);
        return;
    }
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        LARGE_INTEGER Soon = {.QuadPart = -(LONG64)(1 + StormRandom(Me, KI_TIME_INCREMENT))};
        ULONG64 Before = Timers[Me->Number].Expired;
        KeSetTimerEx(&Timers[Me->Number].Timer, Soon, (LONG)(1 + StormRandom(Me, 40)),
                     &Timers[Me->Number].Dpc);
        for (ULONG k = StormRandom(Me, 4); k > 0; k--) {
            KeWaitForSingleObject(&Timers[Me->Number].Ended, Executive, KernelMode, FALSE, NULL);
        }
        STORM_CHECK(KeCancelTimer(&Timers[Me->Number].Timer));
        KeFlushQueuedDpcs();
        ULONG64 Now = Timers[Me->Number].Expired;
        STORM_CHECK(Now >= Before);
        StormPause(Me);
        STORM_CHECK(Timers[Me->Number].Expired == Now);
        STORM_CHECK(!Timers[Me->Number].Timer.Header.Inserted);
    }
    __atomic_sub_fetch(&Setters, 1, __ATOMIC_RELEASE);
}

STORM(TimerPeriodic, "storm/timers/nothing-comes-behind-a-cancelled-period", "TIMR-4")
{
    Prepare(NotificationTimer);
    StormRun(StormThreads(), RunPeriodically, StormEach(1000));
}
