/*
 * clock.c - how fast the machine's clocks run, and starting the periodic one.
 *
 * Both the time stamp counter and the APIC timer are measured against a clock whose rate is known.
 * The power management timer (3,579,545 Hz, ACPI) is read at the beginning of start-up and again
 * when the rates are wanted, some milliseconds later: the longer the way, the less it matters that
 * reading takes a while. Each reading stands between two of the time stamp counter, which say how
 * far off it may be; a virtual machine may be put aside between them, so the best of several
 * counts. The PIT's channel 2 (1,193,182 Hz, fixed since the first PC) checks the result, and
 * stands in where there is no such timer or it tells another story. The periodic interrupt comes
 * each 15.625 ms, NT's clock.
 */
#include "kernel/hal/acpi.h"
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
#define TOLERANCE              200 /* a run of the PIT's is good when its ends are known to 1/200 */

#define PM_HZ        3579545
#define PM_BITS      0xFFFFFF      /* all that a narrow one counts: it wraps after 4.7 s */
#define PM_LEAST     (PM_HZ / 200) /* a way of 5 ms at least */
#define PM_MOST      (PM_HZ / 20)  /* 50 ms at most */
#define PM_TOLERANCE 5000          /* good when its ends are known to 1/5000 of it */
#define READINGS     8             /* of which the best counts */
#define AGREEMENT    50            /* both clocks must agree to 1/50 */

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

/* The rates as the PIT sees them; FALSE: the machine was disturbed, they may be off by more. */
static BOOLEAN HalpMeasureByPit(PULONG64 TscHz, PULONG ApicHz)
{
    HALP_RUN Best = HalpMeasure();
    for (ULONG i = 1; i < MAX_RUNS && Best.Doubt > Best.Tsc / TOLERANCE; i++) {
        HALP_RUN Run = HalpMeasure();
        if (Run.Doubt * Best.Tsc < Best.Doubt * Run.Tsc) {
            Best = Run;
        }
    }
    *TscHz = Best.Tsc * PIT_HZ / CALIBRATION_COUNT;
    *ApicHz = (ULONG)(Best.Apic * PIT_HZ / CALIBRATION_COUNT);
    return Best.Doubt <= Best.Tsc / AGREEMENT;
}

/* ---- the power management timer -------------------------------------------------------------- */

/* The clocks at one moment, as nearly as can be. */
typedef struct _HALP_MOMENT {
    ULONG64 Tsc;
    ULONG64 Doubt; /* ticks of the time stamp counter that the reading took */
    ULONG Apic;    /* counts down */
    ULONG Pm;
} HALP_MOMENT;

static HALP_MOMENT HalpBeginning;

static HALP_MOMENT HalpReadMoment(VOID)
{
    HALP_MOMENT Best = {.Doubt = ~0ULL};
    for (ULONG i = 0; i < READINGS; i++) {
        ULONG64 Before = HalpReadTsc();
        ULONG Pm = HalpReadPmTimer();
        ULONG Apic = HalpReadApicTimer();
        ULONG64 Doubt = HalpReadTsc() - Before;
        if (Doubt < Best.Doubt) {
            Best = (HALP_MOMENT){Before + Doubt / 2, Doubt, Apic, Pm};
        }
    }
    return Best;
}

ULONG HalpReadPmTimer(VOID)
{
    return HalpIn32((USHORT)HalpMachine.PmTimerPort) & PM_BITS;
}

VOID HalpBeginCalibration(VOID)
{
    HalpStartApicTimer(MAXULONG, FALSE);
    if (HalpMachine.PmTimerPort != 0) {
        HalpBeginning = HalpReadMoment();
    }
}

/* The rates over the way from the beginning; FALSE when there is no timer, or it stands. */
static BOOLEAN HalpMeasureByPm(PULONG64 TscHz, PULONG ApicHz)
{
    const HALP_MOMENT *Start = &HalpBeginning;
    if (HalpMachine.PmTimerPort == 0) {
        return FALSE;
    }
    for (ULONG i = 0; i < MAX_POLLS; i++) {
        HALP_MOMENT End = HalpReadMoment();
        ULONG Way = (End.Pm - Start->Pm) & PM_BITS;
        ULONG64 Tsc = End.Tsc - Start->Tsc;
        if (Way >= PM_MOST ||
            (Way >= PM_LEAST && (Start->Doubt + End.Doubt) / 2 <= Tsc / PM_TOLERANCE)) {
            *TscHz = Tsc * PM_HZ / Way;
            *ApicHz = (ULONG)((ULONG64)(Start->Apic - End.Apic) * PM_HZ / Way);
            return TRUE;
        }
    }
    return FALSE;
}

static BOOLEAN HalpDoAgree(ULONG64 First, ULONG64 Second)
{
    ULONG64 Difference = First < Second ? Second - First : First - Second;
    return Difference <= First / AGREEMENT;
}

VOID HalpCalibrate(VOID)
{
    ULONG64 TscHz;
    ULONG ApicHz;
    BOOLEAN Measured = HalpMeasureByPm(&TscHz, &ApicHz);
    BOOLEAN Checked = HalpMeasureByPit(&HalpTscHz, &HalpApicTimerHz);
    if (Measured && (!Checked || HalpDoAgree(TscHz, HalpTscHz))) {
        HalpTscHz = TscHz;
        HalpApicTimerHz = ApicHz;
    }
}

VOID HalpStartClock(VOID)
{
    HalpStartApicTimer(HalpApicTimerHz / CLOCK_TICKS_PER_SECOND, TRUE);
}
