/*
 * time.c - the clock interrupt and the time that drivers read.
 *
 * Drivers read interrupt time, system time and tick count inline from the page at
 * 0xFFFFF78000000000; the clock interrupt (vector 0xD1, IRQL 13) keeps it current on processor 0.
 * Units: 100 ns. Each 64-bit value is one store; the High2Time copies are for readers that take it
 * in halves.
 *
 *   TIME-1  Interrupt time grows by KeQueryTimeIncrement() (156,250 = 15.625 ms) at each clock
 *           tick.
 *   TIME-2  System time = boot time from the battery clock + interrupt time.
 *   TIME-3  Precise time never falls, is not less than the time of the last tick and less than that
 *           of the next: the time stamp counter fills in, but a tick that comes late waits.
 *   TIME-4  What a tick changes changes under the dispatcher lock.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

#define SHARED_DATA     ((volatile KUSER_SHARED_DATA *)0xFFFFF78000000000)
#define NT_BUILD_NUMBER 26100
#define UNITS_A_SECOND  10000000ULL /* of 100 ns */

ULONG64 KiBootTime, KiInterruptTime, KiTickCount;

static ULONG64 KiTickCounter; /* the time stamp counter at the last tick */
static ULONG64 KiCounterUnit; /* 100 ns a count of it, in units of 2^-64 */

static VOID KiStoreTime(volatile KSYSTEM_TIME *Time, ULONG64 Value)
{
    Time->High2Time = (LONG)(Value >> 32);
    *(volatile ULONG64 *)Time = Value;
}

static VOID KiPublishTime(VOID)
{
    KiStoreTime(&SHARED_DATA->InterruptTime, KiInterruptTime);
    KiStoreTime(&SHARED_DATA->SystemTime, KiBootTime + KiInterruptTime);
    KiStoreTime(&SHARED_DATA->TickCount, KiTickCount);
}

/* One processor's business; expiring what is due is that processor's, too. */
static VOID KiAdvanceTime(PKPRCB Prcb)
{
    ULONG64 Flags = KiLockDispatcher();
    KiInterruptTime += KI_TIME_INCREMENT;
    KiTickCount++;
    KiTickCounter = HalpReadTsc();
    KiPublishTime();
    Prcb->TimersDue |= KiTimersAreDue();
    KiUnlockDispatcher(Flags);
}

static VOID KiClockInterrupt(PKTRAP_FRAME TrapFrame, PVOID Context)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    UNREFERENCED_PARAMETER(Context);
    if (Prcb->Number == 0) {
        KiAdvanceTime(Prcb);
    }
    Prcb->ClockTicks++;
    KiRequestDrain(Prcb);
    KiChargeThread(Prcb, (KIRQL)TrapFrame->PreviousIrql);
    KiWatchDpcs(Prcb, (KIRQL)TrapFrame->PreviousIrql);
}

ULONG64 KiPreciseInterruptTime(VOID)
{
    ULONG64 Counts = HalpReadTsc() - KiTickCounter;
    ULONG64 Passed = (ULONG64)((unsigned __int128)Counts * KiCounterUnit >> 64);
    return KiInterruptTime + (Passed < KI_TIME_INCREMENT ? Passed : KI_TIME_INCREMENT - 1);
}

/* 10^7 * 2^64 / frequency; a counter below 10 MHz would not help. */
static INIT VOID KiMeasureCounter(VOID)
{
    ULONG64 Remainder;
    if (HalpTscHz > UNITS_A_SECOND) {
        __asm__("divq %4"
                : "=a"(KiCounterUnit), "=d"(Remainder)
                : "a"(0ULL), "d"(UNITS_A_SECOND), "r"(HalpTscHz));
    }
    KiTickCounter = HalpReadTsc();
}

INIT VOID KiInitializeTime(VOID)
{
    KiBootTime = HalpReadRealTimeClock();
    KiMeasureCounter();
    KiInitializeTimers();
    SHARED_DATA->NtMajorVersion = 10;
    SHARED_DATA->NtMinorVersion = 0;
    SHARED_DATA->NtBuildNumber = NT_BUILD_NUMBER;
    SHARED_DATA->TickCountMultiplier = 0x0FA00000; /* 15.625 ms in 8.24 fixed point */
    KiPublishTime();
    KiConnectVector(CLOCK_VECTOR, KiClockInterrupt, NULL);
}

ULONG NTAPI KeQueryTimeIncrement(VOID)
{
    return KI_TIME_INCREMENT;
}
EXPORT(KeQueryTimeIncrement);

ULONGLONG NTAPI KeQueryInterruptTimePrecise(PULONG64 QpcTimeStamp)
{
    ULONG64 Flags = KiLockDispatcher();
    ULONG64 Time = KiPreciseInterruptTime();
    *QpcTimeStamp = HalpReadTsc();
    KiUnlockDispatcher(Flags);
    return Time;
}
EXPORT(KeQueryInterruptTimePrecise);

VOID NTAPI KeQuerySystemTimePrecise(PLARGE_INTEGER CurrentTime)
{
    ULONG64 Counter;
    CurrentTime->QuadPart = (LONGLONG)(KiBootTime + KeQueryInterruptTimePrecise(&Counter));
}
EXPORT(KeQuerySystemTimePrecise);

LARGE_INTEGER NTAPI KeQueryPerformanceCounter(PLARGE_INTEGER PerformanceFrequency)
{
    LARGE_INTEGER Now;
    if (PerformanceFrequency != NULL) {
        PerformanceFrequency->QuadPart = (LONGLONG)HalpTscHz;
    }
    Now.QuadPart = (LONGLONG)HalpReadTsc();
    return Now;
}
EXPORT(KeQueryPerformanceCounter);

VOID NTAPI KeStallExecutionProcessor(ULONG MicroSeconds)
{
    ULONG64 Start = HalpReadTsc();
    ULONG64 Ticks = HalpTscHz / 1000000 * MicroSeconds;
    while (HalpReadTsc() - Start < Ticks) {
        __asm__ volatile("pause");
    }
}
EXPORT(KeStallExecutionProcessor);
