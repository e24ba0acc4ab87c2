/*
 * time.c - tests of the clock interrupt and of the time that drivers read from the shared page.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "tests/test.h"

#define SHARED_DATA ((volatile KUSER_SHARED_DATA *)0xFFFFF78000000000)
#define YEAR_2025   133801632000000000ULL /* 2025-01-01 in 100 ns since 1601 */
#define YEAR_2200   189029376000000000ULL

/* Halts until the clock has ticked Count times more. */
static VOID WaitTicks(ULONG64 Count)
{
    volatile ULONG64 *Ticks = &KeGetCurrentPrcb()->ClockTicks;
    ULONG64 Until = *Ticks + Count;
    while (*Ticks < Until) {
        __asm__ volatile("hlt");
    }
}

TEST(TimeIncrement, "time/increment-is-15625-microseconds", "DESIGN: clock 15.625 ms")
{
    CHECK_EQ(KeQueryTimeIncrement(), 156250);
}

TEST(TimeAdvances, "time/interrupt-time-grows-by-the-increment", "TIME-1")
{
    ULONG64 Flags = KiDisableInterrupts();
    ULONG64 Ticks = KeGetCurrentPrcb()->ClockTicks;
    ULONG64 Time = KeQueryInterruptTime();
    KiRestoreInterrupts(Flags);
    WaitTicks(2);
    Flags = KiDisableInterrupts();
    ULONG64 Passed = KeGetCurrentPrcb()->ClockTicks - Ticks;
    CHECK_EQ(KeQueryInterruptTime() - Time, Passed * KeQueryTimeIncrement());
    KiRestoreInterrupts(Flags);
}

TEST(TimeTickCount, "time/tick-count-follows", "DESIGN: KUSER_SHARED_DATA is kept current")
{
    LARGE_INTEGER Before, After;
    KeQueryTickCount(&Before);
    WaitTicks(1);
    KeQueryTickCount(&After);
    CHECK_GE(After.QuadPart, Before.QuadPart + 1);
}

TEST(TimeSystem, "time/system-time-is-the-battery-clock-plus-interrupt-time", "TIME-2")
{
    LARGE_INTEGER Time;
    KeQuerySystemTime(&Time);
    CHECK_GT(Time.QuadPart, YEAR_2025);
    CHECK_LT(Time.QuadPart, YEAR_2200);
}

TEST(TimeHalves, "time/both-halves-agree", "driver-abi 1.1: High2Time copies")
{
    ULONG64 Flags = KiDisableInterrupts();
    CHECK_EQ(SHARED_DATA->SystemTime.High1Time, SHARED_DATA->SystemTime.High2Time);
    CHECK_EQ(SHARED_DATA->InterruptTime.High1Time, SHARED_DATA->InterruptTime.High2Time);
    KiRestoreInterrupts(Flags);
}

TEST(TimeVersion, "time/shared-page-says-10.0", "DESIGN: version number 10.0")
{
    CHECK_EQ(SHARED_DATA->NtMajorVersion, 10);
    CHECK_EQ(SHARED_DATA->NtMinorVersion, 0);
}

TEST(TimeCounter, "time/performance-counter-grows", "")
{
    LARGE_INTEGER Frequency;
    LARGE_INTEGER First = KeQueryPerformanceCounter(&Frequency);
    LARGE_INTEGER Second = KeQueryPerformanceCounter(NULL);
    CHECK_GT(Frequency.QuadPart, 1000000);
    CHECK_GT(Second.QuadPart, First.QuadPart);
}

TEST(TimeStall, "time/stall-lasts-at-least-as-long-as-asked", "")
{
    LARGE_INTEGER Frequency;
    LARGE_INTEGER First = KeQueryPerformanceCounter(&Frequency);
    KeStallExecutionProcessor(500);
    LARGE_INTEGER Second = KeQueryPerformanceCounter(NULL);
    CHECK_GE((Second.QuadPart - First.QuadPart) * 1000000 / Frequency.QuadPart, 499);
}

/* The local APIC's request register: a bit a vector, 32 of them each 16 bytes. */
static BOOLEAN IsRequested(UCHAR Vector)
{
    volatile ULONG *Requests = (volatile ULONG *)0xFFFFFFFFFFE00200;
    return Requests[Vector / 32 * 4] >> Vector % 32 & 1;
}

TEST(TimeMasked, "time/clock-waits-above-its-level", "APIC-1")
{
    KIRQL Old;
    KeRaiseIrql(CLOCK_LEVEL, &Old);
    ULONG64 Ticks = KeGetCurrentPrcb()->ClockTicks;
    while (!IsRequested(CLOCK_VECTOR)) {
        YieldProcessor();
    }
    CHECK_EQ(KeGetCurrentPrcb()->ClockTicks, Ticks);
    KeLowerIrql(Old);
    CHECK_GE(KeGetCurrentPrcb()->ClockTicks, Ticks + 1);
}
