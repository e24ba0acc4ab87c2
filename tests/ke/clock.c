/*
 * clock.c - tests of the rates that the clocks were measured at, and that the counter which drivers
 * read is the same on all processors.
 */
#include "kernel/hal/acpi.h"
#include "kernel/hal/hal.h"
#include "tests/ke/smp.h"

#define PM_HZ   3579545
#define PM_BITS 0xFFFFFF
#define PM_WAY  (PM_HZ / 100) /* 10 ms */
#define ROUNDS  20000

/* The timer between two readings of a counter: between them it had that value. */
typedef struct _MOMENT {
    ULONG64 Before, After;
    ULONG Pm;
} MOMENT;

static MOMENT ReadMoment(VOID)
{
    MOMENT Moment = {.Before = HalpReadTsc()};
    Moment.Pm = HalpReadPmTimer();
    Moment.After = HalpReadTsc();
    return Moment;
}

/* Whatever the machine did between two readings, the rate lies between these bounds. */
TEST(ClockRate, "time/the-counters-rate-is-that-of-the-power-management-timer",
     "theory of kernel/hal/clock.c")
{
    LARGE_INTEGER Rate;
    ULONG Way;
    if (HalpMachine.PmTimerPort == 0) {
        SKIP("this machine has no such timer");
    }
    MOMENT Start = ReadMoment(), End;
    do {
        End = ReadMoment();
        Way = (End.Pm - Start.Pm) & PM_BITS;
    } while (Way < PM_WAY);
    KeQueryPerformanceCounter(&Rate);
    CHECK_EQ(Rate.QuadPart, HalpTscHz);
    ULONG64 Least = (End.Before - Start.After) * PM_HZ / Way;
    ULONG64 Most = (End.After - Start.Before) * PM_HZ / Way;
    if (End.After - Start.Before > 4 * HalpTscHz) {
        SKIP("the machine stood so long that the timer may have wrapped");
    }
    CHECK_GE(HalpTscHz + HalpTscHz / 500, Least);
    CHECK_LE(HalpTscHz - HalpTscHz / 500, Most);
}

/* ---- one counter for all processors ---------------------------------------------------------- */

static struct {
    volatile LONG64 Latest; /* that anybody has read */
    volatile ULONG Falls;
} Shared;

/* What another processor has published was read before we read ours. */
static VOID NTAPI ReadOften(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (ULONG i = 0; i < ROUNDS; i++) {
        LONG64 Latest = __atomic_load_n(&Shared.Latest, __ATOMIC_ACQUIRE);
        __asm__ volatile("lfence" : : : "memory");
        LONG64 Now = KeQueryPerformanceCounter(NULL).QuadPart;
        if (Now < Latest) {
            __atomic_fetch_add(&Shared.Falls, 1, __ATOMIC_RELAXED);
        }
        while (Latest < Now && !__atomic_compare_exchange_n(&Shared.Latest, &Latest, Now, FALSE,
                                                            __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE)) {}
    }
}

TEST(ClockShared, "time/the-counter-does-not-fall-from-processor-to-processor",
     "DDI wdm KeQueryPerformanceCounter")
{
    PKTHREAD Threads[4];
    NEED_PROCESSORS(2);
    ULONG Count = KeNumberProcessors < 4 ? KeNumberProcessors : 4;
    RtlZeroMemory(&Shared, sizeof(Shared));
    for (ULONG i = 1; i < Count; i++) {
        Threads[i] = TestStartOn(i, ReadOften, NULL);
    }
    ReadOften(NULL);
    for (ULONG i = 1; i < Count; i++) {
        TestJoinThread(Threads[i]);
    }
    CHECK_EQ(Shared.Falls, 0);
}
