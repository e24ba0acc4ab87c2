/*
 * thread_bench.c - guest instructions of threads, waits and timers, for `make bench`.
 *
 * Measured under -icount, where the time stamp counter counts instructions; a figure contains the
 * calls that it names and the loop around them.
 */
#include "kernel/hal/hal.h"
#include "tests/ke/threads.h"

#define ROUNDS 10000

static volatile BOOLEAN BenchStop;

/* Rounds of Loop in this mode, and under "/checked" in the checked one. */
static VOID MeasureBoth(ULONG64 (*Loop)(VOID), ULONG64 Count)
{
    BOOLEAN Mode = KiCheckedMode;
    Loop();
    TestBenchReport(Loop(), Count);
    KiSetCheckedMode(TRUE);
    TestBenchReportAs("checked", Loop(), Count);
    KiSetCheckedMode(Mode);
}

/* ---- the switch: two threads yield to each other, half of the pair is one -------------------- */

static VOID NTAPI YieldUntilStopped(PVOID Context)
{
    ULONG64 Flags = KiDisableInterrupts();
    UNREFERENCED_PARAMETER(Context);
    while (!BenchStop) {
        ZwYieldExecution();
    }
    KiRestoreInterrupts(Flags);
}

static ULONG64 MeasureYields(VOID)
{
    ULONG64 Flags = KiDisableInterrupts();
    ULONG64 Start = HalpReadTsc();
    for (ULONG i = 0; i < ROUNDS; i++) {
        ZwYieldExecution();
    }
    ULONG64 Ticks = HalpReadTsc() - Start;
    KiRestoreInterrupts(Flags);
    return Ticks;
}

BENCH(BenchSwitch, "thread/switch", "instructions", "250")
{
    BenchStop = FALSE;
    PKTHREAD Partner = TestStartThread(YieldUntilStopped, NULL, KI_PRIORITY_DEFAULT);
    MeasureBoth(MeasureYields, 2 * ROUNDS);
    BenchStop = TRUE;
    TestJoinThread(Partner);
}

/* ---- events: from the set to the waiter's next instruction ----------------------------------- */

static KEVENT BenchEvent;
static ULONG64 SetAt, SetToRun;

static VOID NTAPI MeasureWakeUps(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    while (!BenchStop) {
        KeWaitForSingleObject(&BenchEvent, Executive, KernelMode, FALSE, NULL);
        SetToRun += HalpReadTsc() - SetAt;
    }
}

static ULONG64 MeasureSets(VOID)
{
    SetToRun = 0;
    for (ULONG i = 0; i < ROUNDS; i++) {
        SetAt = HalpReadTsc();
        KeSetEvent(&BenchEvent, IO_NO_INCREMENT, FALSE);
    }
    return SetToRun;
}

BENCH(BenchEventRun, "event/set-to-run", "instructions", "")
{
    BenchStop = FALSE;
    KeInitializeEvent(&BenchEvent, SynchronizationEvent, FALSE);
    PKTHREAD Waiter = TestStartThread(MeasureWakeUps, NULL, KI_PRIORITY_DEFAULT + 1);
    MeasureBoth(MeasureSets, ROUNDS);
    BenchStop = TRUE;
    KeSetEvent(&BenchEvent, IO_NO_INCREMENT, FALSE);
    TestJoinThread(Waiter);
}

static ULONG64 MeasureSetAndWait(VOID)
{
    ULONG64 Start = HalpReadTsc();
    for (ULONG i = 0; i < ROUNDS; i++) {
        KeSetEvent(&BenchEvent, IO_NO_INCREMENT, FALSE);
        KeWaitForSingleObject(&BenchEvent, Executive, KernelMode, FALSE, NULL);
    }
    return HalpReadTsc() - Start;
}

BENCH(BenchEventPair, "event/set-and-wait", "instructions", "")
{
    KeInitializeEvent(&BenchEvent, SynchronizationEvent, FALSE);
    MeasureBoth(MeasureSetAndWait, ROUNDS);
}

/* ---- timers: set and cancel, alone and among a hundred thousand ------------------------------ */

#define CROWD 100000

static KTIMER BenchTimer;

static ULONG64 MeasureTimers(VOID)
{
    LARGE_INTEGER Long = {.QuadPart = -600 * 10000000LL};
    ULONG64 Start = HalpReadTsc();
    for (ULONG i = 0; i < ROUNDS; i++) {
        KeSetTimer(&BenchTimer, Long, NULL);
        KeCancelTimer(&BenchTimer);
    }
    return HalpReadTsc() - Start;
}

BENCH(BenchTimerPair, "timer/set-cancel", "instructions", "")
{
    KeInitializeTimer(&BenchTimer);
    MeasureBoth(MeasureTimers, ROUNDS);
}

BENCH(BenchTimerCrowd, "timer/set-cancel-among-100000", "instructions", "")
{
    LARGE_INTEGER DueTime = {.QuadPart = -600 * 10000000LL};
    PKTIMER Crowd = ExAllocatePoolWithTag(NonPagedPoolNx, CROWD * sizeof(KTIMER), 'mitT');
    if (Crowd == NULL) {
        DbgPrint("no memory for %u timers\n", CROWD);
        return;
    }
    for (ULONG i = 0; i < CROWD; i++) {
        KeInitializeTimer(&Crowd[i]);
        DueTime.QuadPart -= 1000; /* 0.1 ms */
        KeSetTimer(&Crowd[i], DueTime, NULL);
    }
    KeInitializeTimer(&BenchTimer);
    MeasureBoth(MeasureTimers, ROUNDS);
    for (ULONG i = 0; i < CROWD; i++) {
        KeCancelTimer(&Crowd[i]);
    }
    ExFreePoolWithTag(Crowd, 'mitT');
}
