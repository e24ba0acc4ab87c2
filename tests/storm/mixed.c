/*
 * mixed.c - everything at once: threads that wait in every way while timers, DPCs, APCs, alerts and
 * changes of priority and processor come between. What all of it gives is a credit of one
 * semaphore, and each credit is taken once.
 */
#include "tests/storm/storm.h"

static KSEMAPHORE Credits;
static KMUTEX Mutex;
static KEVENT Gate;
static volatile ULONG64 Given, Taken;
static volatile ULONG64 Guarded; /* by Mutex */
static volatile ULONG64 Changes;
static volatile ULONG Busy;
static KEVENT AllEnded;

static struct {
    KTIMER Timer;
    KDPC TimerDpc, Dpc;
    KAPC Apc;
} Own[STORM_MAX_THREADS];

static VOID GiveCredit(VOID)
{
    StormCount(&Given);
    KeReleaseSemaphore(&Credits, IO_NO_INCREMENT, 1, FALSE);
}

static VOID NTAPI GiveInDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    GiveCredit();
}

static VOID NTAPI GiveInApc(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *NormalContext,
                            PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc);
    UNREFERENCED_PARAMETER(NormalRoutine);
    UNREFERENCED_PARAMETER(NormalContext);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    GiveCredit();
}

/* A few ticks; the first thread's clock runs fast. */
static LARGE_INTEGER Soon(PSTORM_THREAD Me)
{
    return (LARGE_INTEGER){.QuadPart = -(LONG64)(1 + StormRandom(Me, 3 * KI_TIME_INCREMENT))};
}

static VOID TakeAnyhow(PSTORM_THREAD Me)
{
    PVOID Objects[] = {&Gate, &Credits};
    LARGE_INTEGER Limit = Soon(Me);
    NTSTATUS Status = KeWaitForMultipleObjects(ARRAYSIZE(Objects), Objects, WaitAny, Executive,
                                               KernelMode, StormRandom(Me, 2) != 0, &Limit, NULL);
    STORM_CHECK(Status == STATUS_WAIT_0 || Status == STATUS_WAIT_0 + 1 ||
                Status == STATUS_TIMEOUT || Status == STATUS_ALERTED);
    if (Status == STATUS_WAIT_0 + 1) {
        StormCount(&Taken);
    }
}

/* The mutex and a credit in one step. */
static VOID TakeBoth(PSTORM_THREAD Me)
{
    PVOID Objects[] = {&Mutex, &Credits};
    LARGE_INTEGER Limit = Soon(Me);
    NTSTATUS Status = KeWaitForMultipleObjects(ARRAYSIZE(Objects), Objects, WaitAll, Executive,
                                               KernelMode, StormRandom(Me, 2) != 0, &Limit, NULL);
    STORM_CHECK(Status == STATUS_SUCCESS || Status == STATUS_TIMEOUT || Status == STATUS_ALERTED);
    if (Status == STATUS_SUCCESS) {
        ULONG64 Before = Guarded;
        StormCount(&Taken);
        StormCount(&Changes);
        StormPause(Me);
        Guarded = Before + 1;
        KeReleaseMutex(&Mutex, FALSE);
    }
}

/* Something happens to another thread. */
static VOID Disturb(PSTORM_THREAD Me)
{
    PKTHREAD Other = StormThreadOf(1 + StormRandom(Me, StormThreads() - 1));
    switch (StormRandom(Me, 4)) {
    case 0: KeAlertThread(Other, KernelMode); break;
    case 1: KiSetUserAffinity(Other, 1ULL << StormRandom(Me, KeNumberProcessors)); break;
    case 2: KiSetUserAffinity(Other, KeQueryActiveProcessors()); break;
    default: KeSetPriorityThread(Other, (KPRIORITY)(8 + StormRandom(Me, 2))); break;
    }
}

static VOID GiveSomehow(PSTORM_THREAD Me)
{
    ULONG Number = Me->Number;
    switch (StormRandom(Me, 5)) {
    case 0: GiveCredit(); break;
    case 1: KeSetTimer(&Own[Number].Timer, Soon(Me), &Own[Number].TimerDpc); break;
    case 2: KeCancelTimer(&Own[1 + StormRandom(Me, StormThreads() - 1)].Timer); break;
    case 3: KeInsertQueueDpc(&Own[Number].Dpc, NULL, NULL); break;
    default: KeInsertQueueApc(&Own[Number].Apc, NULL, NULL, IO_NO_INCREMENT); break;
    }
}

static VOID DoAnything(PSTORM_THREAD Me)
{
    LARGE_INTEGER Interval = Soon(Me);
    switch (StormRandom(Me, 8)) {
    case 0: Disturb(Me); break;
    case 1: TakeBoth(Me); break;
    case 2: KeDelayExecutionThread(KernelMode, FALSE, &Interval); break;
    case 3: KeSetEvent(&Gate, IO_NO_INCREMENT, FALSE); break;
    case 4: KeClearEvent(&Gate); break;
    case 5: TakeAnyhow(Me); break;
    default: GiveSomehow(Me); break;
    }
}

static VOID LiveInTheStorm(PSTORM_THREAD Me)
{
    ULONG Next = 1 + Me->Number % (StormThreads() - 1);
    if (Me->Number == 0) {
        StormBeTheClock(&Busy);
        KeSetEvent(&AllEnded, IO_NO_INCREMENT, FALSE);
        return;
    }
    KeInitializeApc(&Own[Me->Number].Apc, StormThreadOf(Next), OriginalApcEnvironment, GiveInApc,
                    NULL, NULL, KernelMode, NULL);
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        DoAnything(Me);
        StormPause(Me);
    }
    __atomic_sub_fetch(&Busy, 1, __ATOMIC_ACQ_REL);
    /*
     * Nobody ends while others may still do something to him; the clock runs too fast for a limit.
     */
    KeWaitForSingleObject(&AllEnded, Executive, KernelMode, FALSE, NULL);
}

STORM(MixedStorm, "storm/mixed/each-credit-is-taken-once", "WAIT-1 || WAIT-3 || WAIT-4")
{
    Given = Taken = Guarded = Changes = 0;
    Busy = StormThreads() - 1;
    KeInitializeSemaphore(&Credits, 0, 0x7FFFFFFF);
    KeInitializeMutex(&Mutex, 0);
    KeInitializeEvent(&Gate, NotificationEvent, FALSE);
    KeInitializeEvent(&AllEnded, NotificationEvent, FALSE);
    for (ULONG i = 0; i < STORM_MAX_THREADS; i++) {
        KeInitializeTimer(&Own[i].Timer);
        KeInitializeDpc(&Own[i].TimerDpc, GiveInDpc, NULL);
        KeInitializeDpc(&Own[i].Dpc, GiveInDpc, NULL);
        KeSetTargetProcessorDpc(&Own[i].Dpc, (CCHAR)(i % KeNumberProcessors));
        KeSetImportanceDpc(&Own[i].Dpc, (KDPC_IMPORTANCE)(i % (MediumHighImportance + 1)));
    }
    StormRun(StormThreads(), LiveInTheStorm, StormEach(3000));
    for (ULONG i = 0; i < STORM_MAX_THREADS; i++) {
        KeCancelTimer(&Own[i].Timer);
    }
    KeFlushQueuedDpcs();
    STORM_CHECK(Given == Taken + (ULONG64)KeReadStateSemaphore(&Credits));
    STORM_CHECK(Guarded == Changes);
    STORM_CHECK(KeReadStateMutex(&Mutex) == 1);
    STORM_CHECK(IsListEmpty(&Credits.Header.WaitListHead));
}
