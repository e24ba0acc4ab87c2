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
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

#define TIME_INCREMENT  156250 /* 100 ns units in 1/64 s */
#define SHARED_DATA     ((volatile KUSER_SHARED_DATA *)0xFFFFF78000000000)
#define NT_BUILD_NUMBER 26100

static ULONG64 KiBootTime; /* system time when interrupt time was 0 */
static ULONG64 KiInterruptTime;
static ULONG64 KiTickCount;

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

static VOID KiClockInterrupt(PKTRAP_FRAME TrapFrame, PVOID Context)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    UNREFERENCED_PARAMETER(Context);
    KiInterruptTime += TIME_INCREMENT;
    KiTickCount++;
    Prcb->ClockTicks++;
    KiPublishTime();
    KiRequestDrain(Prcb);
    KiChargeThread(Prcb, (KIRQL)TrapFrame->PreviousIrql);
}

INIT VOID KiInitializeTime(VOID)
{
    KiBootTime = HalpReadRealTimeClock();
    SHARED_DATA->NtMajorVersion = 10;
    SHARED_DATA->NtMinorVersion = 0;
    SHARED_DATA->NtBuildNumber = NT_BUILD_NUMBER;
    SHARED_DATA->TickCountMultiplier = 0x0FA00000; /* 15.625 ms in 8.24 fixed point */
    KiPublishTime();
    KiConnectVector(CLOCK_VECTOR, KiClockInterrupt, NULL);
}

ULONG NTAPI KeQueryTimeIncrement(VOID)
{
    return TIME_INCREMENT;
}
EXPORT(KeQueryTimeIncrement);

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
