/*
 * clock.c - how fast the machine's clocks run, and starting the periodic one.
 *
 * The PIT's channel 2 is the yardstick (1,193,182 Hz, fixed since the first PC): both the time
 * stamp counter and the APIC timer are read around one of its one-shot runs of 2 ms. A virtual
 * machine may be put aside between two reads; so the time that each end may be off by is measured
 * too, and a run that was disturbed is repeated. The periodic interrupt comes each 15.625 ms, NT's
 * clock.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"

#define PIT_HZ                 1193182
#define PIT_CHANNEL2           0x42
#define PIT_COMMAND            0x43
#define SPEAKER_PORT           0x61
#define CALIBRATION_COUNT      (PIT_HZ / 500) /* 2 ms */
#define CLOCK_TICKS_PER_SECOND 64             /* 1 s / 15.625 ms */
#define MAX_POLLS              10000000
#define MAX_RUNS               10
#define TOLERANCE              200 /* a run is good when both ends are known to 1/200 of it */

ULONG64 HalpTscHz;
ULONG HalpApicTimerHz;

/* Starts channel 2 on a one-shot count; bit 5 of port 0x61 rises when it ends. */
static VOID HalpStartPit(USHORT Count)
{
    UCHAR Speaker = HalpIn8(SPEAKER_PORT) & 0xFC;
    HalpOut8(SPEAKER_PORT, Speaker); /* gate low, speaker off */
    HalpOut8(PIT_COMMAND, 0xB0);     /* channel 2, both bytes, mode 0 */
    HalpOut8(PIT_CHANNEL2, Count & 0xFF);
    HalpOut8(PIT_CHANNEL2, Count >> 8);
    HalpOut8(SPEAKER_PORT, Speaker | 1); /* gate high: go */
}

/* What one run of the PIT measured. */
typedef struct _HALP_RUN {
    ULONG64 Tsc, Apic; /* ticks */
    ULONG64 Doubt;     /* ticks of the time stamp counter that the ends may be off by */
} HALP_RUN;

static HALP_RUN HalpMeasure(VOID)
{
    HalpStartApicTimer(MAXULONG, FALSE);
    ULONG64 Before = HalpReadTsc();
    HalpStartPit(CALIBRATION_COUNT);
    ULONG ApicStart = HalpReadApicTimer();
    ULONG64 Start = HalpReadTsc();
    ULONG64 Running = Start, End = Start;
    for (ULONG i = 0; i < MAX_POLLS && !(HalpIn8(SPEAKER_PORT) & 0x20); i++) {
        Running = End; /* the PIT still ran after this */
        End = HalpReadTsc();
    }
    ULONG ApicEnd = HalpReadApicTimer();
    End = HalpReadTsc();
    return (HALP_RUN){End - Start, ApicStart - ApicEnd, (Start - Before) + (End - Running)};
}

VOID HalpCalibrate(VOID)
{
    HALP_RUN Best = HalpMeasure();
    for (ULONG i = 1; i < MAX_RUNS && Best.Doubt > Best.Tsc / TOLERANCE; i++) {
        HALP_RUN Run = HalpMeasure();
        if (Run.Doubt * Best.Tsc < Best.Doubt * Run.Tsc) {
            Best = Run;
        }
    }
    HalpTscHz = Best.Tsc * PIT_HZ / CALIBRATION_COUNT;
    HalpApicTimerHz = (ULONG)(Best.Apic * PIT_HZ / CALIBRATION_COUNT);
}

VOID HalpStartClock(VOID)
{
    HalpStartApicTimer(HalpApicTimerHz / CLOCK_TICKS_PER_SECOND, TRUE);
}
