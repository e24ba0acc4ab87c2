/*
 * thread_bench.c - guest instructions of a change of threads, for `make bench`.
 *
 * Two threads give the processor to each other; half of what the pair costs is one switch, with the
 * call that asked for it. Measured under -icount, interrupts off.
 */
#include "kernel/hal/hal.h"
#include "tests/ke/threads.h"

#define ROUNDS 10000

static volatile BOOLEAN BenchStop;

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
    BOOLEAN Mode = KiCheckedMode;
    BenchStop = FALSE;
    PKTHREAD Partner = TestStartThread(YieldUntilStopped, NULL, KI_PRIORITY_DEFAULT);
    ZwYieldExecution();
    TestBenchReport(MeasureYields(), 2 * ROUNDS);
    KiCheckedMode = TRUE;
    TestBenchReportAs("checked", MeasureYields(), 2 * ROUNDS);
    KiCheckedMode = Mode;
    BenchStop = TRUE;
    TestJoinThread(Partner);
}
