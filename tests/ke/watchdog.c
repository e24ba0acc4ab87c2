/*
 * watchdog.c - tests of the DPC watchdog: what it counts, and when it stops the machine.
 */
#include "tests/ke/threads.h"

static KDPC TestDpc;
static KDPC_WATCHDOG_INFORMATION Information[2];
static NTSTATUS Status[2];

static VOID NTAPI QueryingDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    Status[0] = KeQueryDpcWatchdogInformation(&Information[0]);
    for (ULONG i = 0; i < 3; i++) {
        TestTick();
    }
    Status[1] = KeQueryDpcWatchdogInformation(&Information[1]);
}

static VOID RunDpc(PKDEFERRED_ROUTINE Routine)
{
    TestHoldClock();
    KeInitializeDpc(&TestDpc, Routine, NULL);
    KeInsertQueueDpc(&TestDpc, NULL, NULL);
    TestReleaseClock();
}

TEST(WatchdogOutside, "watchdog/has-nothing-to-say-outside-a-dpc",
     "contract 1.8: KeQueryDpcWatchdogInformation")
{
    CHECK_STATUS(KeQueryDpcWatchdogInformation(&Information[0]), STATUS_UNSUCCESSFUL);
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    CHECK_STATUS(KeQueryDpcWatchdogInformation(&Information[0]), STATUS_UNSUCCESSFUL);
    KeLowerIrql(Old);
}

TEST(WatchdogCounts, "watchdog/counts-the-clock-interrupts-of-a-dpc", "WDOG-1, WDOG-2")
{
    BOOLEAN Mode = KiCheckedMode;
    KiCheckedMode = TRUE;
    RunDpc(QueryingDpc);
    KiCheckedMode = Mode;
    CHECK_STATUS(Status[0], STATUS_SUCCESS);
    CHECK_STATUS(Status[1], STATUS_SUCCESS);
    CHECK_EQ(Information[0].DpcTimeLimit, 0x500);
    CHECK_EQ(Information[0].DpcTimeCount, 0x500); /* each routine has all of it */
    CHECK_EQ(Information[1].DpcTimeCount, 0x500 - 3);
    CHECK_EQ(Information[0].DpcWatchdogLimit, 0x1E00);
    CHECK_EQ(Information[0].DpcWatchdogCount - Information[1].DpcWatchdogCount, 3);
}

TEST(WatchdogFree, "watchdog/free-mode-has-none", "DESIGN: checks are checked mode's")
{
    BOOLEAN Mode = KiCheckedMode;
    KiCheckedMode = FALSE;
    RunDpc(QueryingDpc);
    KiCheckedMode = Mode;
    CHECK_STATUS(Status[0], STATUS_SUCCESS);
    CHECK_EQ(Information[0].DpcTimeLimit, 0);
    CHECK_EQ(Information[1].DpcTimeCount, 0);
    CHECK_EQ(Information[1].DpcWatchdogLimit, 0);
}

TEST(WatchdogBreak, "watchdog/a-break-below-dispatch-level-starts-anew", "WDOG-2")
{
    TestHoldClock();
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    TestTick();
    TestTick();
    CHECK_GE(KeGetCurrentPrcb()->DispatchTicks, 2);
    KeLowerIrql(Old);
    TestTick();
    CHECK_EQ(KeGetCurrentPrcb()->DispatchTicks, 0);
    TestReleaseClock();
}

/* ---- machines that must stop ----------------------------------------------------------------- */

static VOID NTAPI EndlessDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    for (;;) {
        TestTick();
    }
}

CRASH_TEST(CrashWatchdogDpc, "watchdog/one-dpc-too-long", "0x133 0x0 0x501 0x500 0x0", "WDOG-1")
{
    RunDpc(EndlessDpc);
}

CRASH_TEST(CrashWatchdogLevel, "watchdog/too-long-at-dispatch-level", "0x133 0x1 0x1E00 0x0 0x0",
           "WDOG-2")
{
    TestHoldClock();
    KeRaiseIrqlToDpcLevel();
    for (;;) {
        TestTick();
    }
}
