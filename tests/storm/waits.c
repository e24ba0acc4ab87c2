/*
 * waits.c - wait storms: signals, waits, limits and alerts from all sides, and in the end as many
 * waits must have been satisfied as there were signals.
 *
 * A wake-up that gets lost leaves somebody waiting, which the limit of StormWait finds.
 */
#include "tests/storm/storm.h"

/* ---- one token that goes around -------------------------------------------------------------- */

/*
 * All but one wait, each alone on its processor as far as that goes: a processor that halts and is
 * not woken stops the token.
 */
static struct {
    KEVENT Turn[STORM_MAX_THREADS];
    ULONG Count;
    volatile ULONG64 Passed;
} Token;

static VOID PassToken(PSTORM_THREAD Me)
{
    KeSetSystemAffinityThreadEx(1ULL << Me->Number % KeNumberProcessors);
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        StormWait(&Token.Turn[Me->Number]);
        Token.Passed = Token.Passed + 1; /* by whoever has the token */
        KeSetEvent(&Token.Turn[(Me->Number + 1) % Token.Count], (KPRIORITY)StormRandom(Me, 3),
                   FALSE);
    }
}

STORM(WaitToken, "storm/waits/a-halted-processor-is-woken-each-time", "READY-2")
{
    ULONG Rounds = StormEach(4000);
    Token.Count = KeNumberProcessors + 1;
    Token.Passed = 0;
    for (ULONG i = 0; i < Token.Count; i++) {
        KeInitializeEvent(&Token.Turn[i], SynchronizationEvent, i == 0);
    }
    StormRun(Token.Count, PassToken, Rounds);
    STORM_CHECK(Token.Passed == (ULONG64)Token.Count * Rounds);
}

/* ---- pairs ----------------------------------------------------------------------------------- */

static struct {
    KEVENT There, Back;
    ULONG Ball;
} Tables[STORM_MAX_THREADS / 2];

static VOID PlayPingPong(PSTORM_THREAD Me)
{
    ULONG Side = Me->Number % 2;
    PKEVENT Mine = Side == 0 ? &Tables[Me->Number / 2].Back : &Tables[Me->Number / 2].There;
    PKEVENT Theirs = Side == 0 ? &Tables[Me->Number / 2].There : &Tables[Me->Number / 2].Back;
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        StormWait(Mine);
        STORM_CHECK(Tables[Me->Number / 2].Ball == 2 * i + Side);
        Tables[Me->Number / 2].Ball++;
        StormPause(Me);
        STORM_CHECK(KeSetEvent(Theirs, IO_NO_INCREMENT, FALSE) == 0);
    }
}

STORM(WaitPairs, "storm/waits/pairs-lose-no-signal", "WAIT-1")
{
    ULONG Rounds = StormEach(10000);
    for (ULONG i = 0; i < StormThreads() / 2; i++) {
        KeInitializeEvent(&Tables[i].There, SynchronizationEvent, FALSE);
        KeInitializeEvent(&Tables[i].Back, SynchronizationEvent, TRUE);
        Tables[i].Ball = 0;
    }
    StormRun(StormThreads(), PlayPingPong, Rounds);
    for (ULONG i = 0; i < StormThreads() / 2; i++) {
        STORM_CHECK(Tables[i].Ball == 2 * Rounds);
    }
}

/* ---- channels -------------------------------------------------------------------------------- */

#define CHANNELS 4
#define SLOTS    8

/* Numbers between producers and consumers; a full one makes producers wait. */
static struct {
    KSEMAPHORE Free, Full;
    KSPIN_LOCK Lock;
    ULONG In, Out;
    ULONG64 Slots[SLOTS];
} Channels[CHANNELS];

static volatile ULONG64 Sent, Received;

static VOID SendNumber(ULONG Channel, ULONG64 Number)
{
    KIRQL OldIrql;
    KeAcquireSpinLock(&Channels[Channel].Lock, &OldIrql);
    STORM_CHECK(Channels[Channel].In - Channels[Channel].Out < SLOTS);
    Channels[Channel].Slots[Channels[Channel].In++ % SLOTS] = Number;
    KeReleaseSpinLock(&Channels[Channel].Lock, OldIrql);
    KeReleaseSemaphore(&Channels[Channel].Full, IO_NO_INCREMENT, 1, FALSE);
}

static ULONG64 ReceiveNumber(ULONG Channel)
{
    KIRQL OldIrql;
    KeAcquireSpinLock(&Channels[Channel].Lock, &OldIrql);
    STORM_CHECK(Channels[Channel].In != Channels[Channel].Out);
    ULONG64 Number = Channels[Channel].Slots[Channels[Channel].Out++ % SLOTS];
    KeReleaseSpinLock(&Channels[Channel].Lock, OldIrql);
    KeReleaseSemaphore(&Channels[Channel].Free, IO_NO_INCREMENT, 1, FALSE);
    return Number;
}

static VOID ProduceOrConsume(PSTORM_THREAD Me)
{
    ULONG Channel = Me->Number / 2 % CHANNELS;
    ULONG64 Sum = 0;
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        if (Me->Number % 2 == 0) {
            ULONG64 Number = StormRandom(Me, 1000000);
            StormWait(&Channels[Channel].Free);
            SendNumber(Channel, Number);
            Sum += Number;
        } else {
            StormWait(&Channels[Channel].Full);
            Sum += ReceiveNumber(Channel);
        }
        StormPause(Me);
    }
    __atomic_fetch_add(Me->Number % 2 == 0 ? &Sent : &Received, Sum, __ATOMIC_RELAXED);
}

STORM(WaitChannels, "storm/waits/what-goes-into-a-channel-comes-out", "SEMA-2")
{
    Sent = Received = 0;
    for (ULONG i = 0; i < CHANNELS; i++) {
        RtlZeroMemory(&Channels[i], sizeof(Channels[i]));
        KeInitializeSemaphore(&Channels[i].Free, SLOTS, SLOTS);
        KeInitializeSemaphore(&Channels[i].Full, 0, SLOTS);
    }
    StormRun(StormThreads(), ProduceOrConsume, StormEach(6000));
    STORM_CHECK(Sent == Received);
    for (ULONG i = 0; i < CHANNELS; i++) {
        STORM_CHECK(KeReadStateSemaphore(&Channels[i].Free) == SLOTS);
        STORM_CHECK(KeReadStateSemaphore(&Channels[i].Full) == 0);
    }
}

/* ---- any of many ----------------------------------------------------------------------------- */

#define SOURCES 16

static KSEMAPHORE Sources[SOURCES];
static volatile ULONG64 Released[SOURCES], Taken[SOURCES];

static VOID TakeAny(PSTORM_THREAD Me)
{
    PVOID Objects[SOURCES];
    KWAIT_BLOCK Blocks[SOURCES];
    ULONG First = StormRandom(Me, SOURCES);
    for (ULONG i = 0; i < SOURCES; i++) {
        Objects[i] = &Sources[(First + i) % SOURCES];
    }
    NTSTATUS Status = KeWaitForMultipleObjects(SOURCES, Objects, WaitAny, Executive, KernelMode,
                                               FALSE, StormLimit(), Blocks);
    STORM_CHECK(Status >= STATUS_WAIT_0 && Status < STATUS_WAIT_0 + SOURCES);
    if (StormGoesOn()) {
        StormCount(&Taken[(First + (ULONG)Status) % SOURCES]);
    }
}

static VOID ReleaseOrTake(PSTORM_THREAD Me)
{
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        if (Me->Number % 2 == 0) {
            ULONG Source = StormRandom(Me, SOURCES);
            StormCount(&Released[Source]);
            KeReleaseSemaphore(&Sources[Source], IO_NO_INCREMENT, 1, FALSE);
        } else {
            TakeAny(Me);
        }
        StormPause(Me);
    }
}

STORM(WaitAnyStorm, "storm/waits/any-takes-each-signal-once", "WAIT-4")
{
    for (ULONG i = 0; i < SOURCES; i++) {
        KeInitializeSemaphore(&Sources[i], 0, 0x7FFFFFFF);
        Released[i] = Taken[i] = 0;
    }
    StormRun(StormThreads(), ReleaseOrTake, StormEach(4000));
    for (ULONG i = 0; i < SOURCES; i++) {
        STORM_CHECK(Released[i] == Taken[i]);
        STORM_CHECK(KeReadStateSemaphore(&Sources[i]) == 0);
        STORM_CHECK(IsListEmpty(&Sources[i].Header.WaitListHead));
    }
}

/* ---- all of several -------------------------------------------------------------------------- */

/* Philosophers: each waits for the forks on both sides at once, so they never stop for ever. */
static KEVENT Forks[STORM_MAX_THREADS];
static volatile ULONG ForkInUse[STORM_MAX_THREADS];
static ULONG ForkCount;

static VOID Dine(PSTORM_THREAD Me)
{
    ULONG Mine[] = {Me->Number, (Me->Number + 1) % ForkCount, (Me->Number + 2) % ForkCount};
    PVOID Objects[] = {&Forks[Mine[0]], &Forks[Mine[1]], &Forks[Mine[2]]};
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        STORM_CHECK(KeWaitForMultipleObjects(ARRAYSIZE(Mine), Objects, WaitAll, Executive,
                                             KernelMode, FALSE, StormLimit(),
                                             NULL) == STATUS_SUCCESS);
        for (ULONG Fork = 0; Fork < ARRAYSIZE(Mine); Fork++) {
            STORM_CHECK(__atomic_exchange_n(&ForkInUse[Mine[Fork]], 1, __ATOMIC_ACQUIRE) == 0);
        }
        StormPause(Me);
        for (ULONG Fork = 0; Fork < ARRAYSIZE(Mine); Fork++) {
            __atomic_store_n(&ForkInUse[Mine[Fork]], 0, __ATOMIC_RELEASE);
            KeSetEvent(&Forks[Mine[Fork]], IO_NO_INCREMENT, FALSE);
        }
        StormPause(Me);
    }
}

STORM(WaitAllStorm, "storm/waits/all-are-taken-in-one-step", "WAIT-3")
{
    ForkCount = StormThreads();
    for (ULONG i = 0; i < ForkCount; i++) {
        KeInitializeEvent(&Forks[i], SynchronizationEvent, TRUE);
        ForkInUse[i] = 0;
    }
    StormRun(ForkCount, Dine, StormEach(4000));
    for (ULONG i = 0; i < ForkCount; i++) {
        STORM_CHECK(KeReadStateEvent(&Forks[i]) == 1);
    }
}

/* ---- limits ---------------------------------------------------------------------------------- */

static KEVENT Late;
static volatile ULONG64 Signals, Satisfied, TimedOut;

static volatile ULONG Busy;

static VOID GiveUpOften(PSTORM_THREAD Me)
{
    LARGE_INTEGER Limit = {.QuadPart = -(LONG64)(1 + StormRandom(Me, 2 * KI_TIME_INCREMENT))};
    NTSTATUS Status = KeWaitForSingleObject(&Late, Executive, KernelMode, FALSE, &Limit);
    STORM_CHECK(Status == STATUS_SUCCESS || Status == STATUS_TIMEOUT);
    StormCount(Status == STATUS_SUCCESS ? &Satisfied : &TimedOut);
}

/* The first thread makes the clock tick, half of the others signal, half wait for a short time. */
static VOID SignalOrGiveUp(PSTORM_THREAD Me)
{
    if (Me->Number == 0) {
        StormBeTheClock(&Busy);
        return;
    }
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        if (Me->Number % 2 != 0) {
            GiveUpOften(Me);
        } else if (KeSetEvent(&Late, IO_NO_INCREMENT, FALSE) == 0) {
            StormCount(&Signals);
        }
        StormPause(Me);
    }
    __atomic_sub_fetch(&Busy, 1, __ATOMIC_RELEASE);
}

STORM(WaitLimits, "storm/waits/a-limit-and-a-signal-never-both-end-one", "WAIT-4")
{
    Signals = Satisfied = TimedOut = 0;
    Busy = StormThreads() - 1;
    KeInitializeEvent(&Late, SynchronizationEvent, FALSE);
    StormRun(StormThreads(), SignalOrGiveUp, StormEach(3000));
    STORM_CHECK(Signals == Satisfied + (ULONG)KeReadStateEvent(&Late));
    STORM_CHECK(IsListEmpty(&Late.Header.WaitListHead));
    STORM_CHECK(TimedOut != 0);
}

/* ---- alerts ---------------------------------------------------------------------------------- */

/* Each even thread waits, the next one alerts it and sets its event. */
static struct {
    KEVENT Event;
    PKTHREAD Waiter;
    volatile ULONG64 Alerts, Sets, Alerted, Satisfied;
} Sleepers[STORM_MAX_THREADS / 2];

static VOID AlertOrWait(PSTORM_THREAD Me)
{
    ULONG Pair = Me->Number / 2;
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        if (Me->Number % 2 == 0) {
            Sleepers[Pair].Waiter = Me->Thread;
            NTSTATUS Status = KeWaitForSingleObject(&Sleepers[Pair].Event, Executive, KernelMode,
                                                    TRUE, StormLimit());
            STORM_CHECK(Status == STATUS_ALERTED || Status == STATUS_SUCCESS);
            StormCount(Status == STATUS_ALERTED ? &Sleepers[Pair].Alerted
                                                : &Sleepers[Pair].Satisfied);
        } else if (StormRandom(Me, 2) != 0 && Sleepers[Pair].Waiter != NULL) {
            i -= KeAlertThread(Sleepers[Pair].Waiter, KernelMode); /* it was already: not counted */
        } else {
            i -= KeSetEvent(&Sleepers[Pair].Event, IO_NO_INCREMENT, FALSE) != 0;
        }
        StormPause(Me);
    }
}

STORM(WaitAlerts, "storm/waits/each-alert-and-each-signal-ends-one", "contract 1.9: alertable")
{
    ULONG Rounds = StormEach(2000);
    RtlZeroMemory(Sleepers, sizeof(Sleepers));
    for (ULONG i = 0; i < StormThreads() / 2; i++) {
        KeInitializeEvent(&Sleepers[i].Event, SynchronizationEvent, FALSE);
    }
    StormRun(StormThreads(), AlertOrWait, Rounds);
    for (ULONG i = 0; i < StormThreads() / 2; i++) {
        STORM_CHECK(Sleepers[i].Alerted + Sleepers[i].Satisfied == Rounds);
        STORM_CHECK(KeReadStateEvent(&Sleepers[i].Event) == 0);
    }
}
