/*
 * ipi.c - tests of kernel/ke/ipi.c: calls reach whom they should, all at once where that is
 * promised, and callers that call each other do not wait for ever.
 */
#include "kernel/hal/hal.h"
#include "tests/ke/smp.h"

#define ROUNDS   200
#define PATIENCE 100000000 /* turns of a loop that only a fault makes this long */

static struct {
    volatile ULONG Entered, Inside, Runs;
    volatile ULONG TooEarly; /* one was inside while another was not there yet */
    volatile ULONG Alone;    /* never saw the others */
    KIRQL Irql[KI_MAX_PROCESSORS];
    ULONG PerProcessor[KI_MAX_PROCESSORS];
} Seen;

/*
 * How often all are to meet. Under emulation they meet only when the host has let each of them run
 * for a while, so that many meet seldom.
 */
static ULONG Meetings(VOID)
{
    return 1 + ROUNDS / (KeNumberProcessors * KeNumberProcessors);
}

static VOID Add(volatile ULONG *Counter, LONG Value)
{
    __atomic_fetch_add(Counter, (ULONG)Value, __ATOMIC_ACQ_REL);
}

/* ---- KeIpiGenericCall ------------------------------------------------------------------------ */

static ULONG_PTR NTAPI NoteRun(ULONG_PTR Argument)
{
    ULONG Number = KeGetCurrentProcessorNumber();
    Seen.Irql[Number] = KeGetCurrentIrql();
    Seen.PerProcessor[Number]++;
    Add(&Seen.Runs, 1);
    return Argument * 1000 + Number;
}

TEST(IpiAll, "ipi/generic-call-runs-once-on-each-at-ipi-level", "DDI wdm KeIpiGenericCall")
{
    RtlZeroMemory(&Seen, sizeof(Seen));
    CHECK_EQ(KeIpiGenericCall(NoteRun, 77), 77000 + KeGetCurrentProcessorNumber());
    CHECK_EQ(Seen.Runs, KeNumberProcessors);
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        CHECK_EQ(Seen.PerProcessor[i], 1);
        CHECK_EQ(Seen.Irql[i], IPI_LEVEL);
    }
    CHECK_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

/* Each waits inside for all the others: nobody gets through unless all are there at once. */
static ULONG_PTR NTAPI MeetOthers(ULONG_PTR Argument)
{
    UNREFERENCED_PARAMETER(Argument);
    Add(&Seen.Entered, 1);
    Add(&Seen.Inside, 1);
    for (ULONG i = 0; i < PATIENCE && Seen.Entered % KeNumberProcessors != 0; i++) {
        YieldProcessor();
    }
    Add(&Seen.Alone, Seen.Entered % KeNumberProcessors != 0);
    Add(&Seen.Inside, -1);
    return 0;
}

TEST(IpiTogether, "ipi/generic-call-has-all-inside-at-once-and-returns-behind-all", "IPI-4")
{
    RtlZeroMemory(&Seen, sizeof(Seen));
    for (ULONG i = 0; i < Meetings(); i++) {
        KeIpiGenericCall(MeetOthers, 0);
        REQUIRE_EQ(Seen.Inside, 0);
        REQUIRE_EQ(Seen.Entered, (i + 1) * KeNumberProcessors);
    }
    CHECK_EQ(Seen.Alone, 0);
}

/* Sees that it is called, does not come for a while, and nobody is inside meanwhile. */
static VOID NTAPI ComeLate(PVOID Context)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    ULONG64 Flags = KiDisableInterrupts();
    TestTell(Context, 1);
    while (__atomic_load_n(&Prcb->CallSenders, __ATOMIC_ACQUIRE) == 0) {
        YieldProcessor();
    }
    for (ULONG i = 0; i < 10000; i++) {
        Seen.TooEarly |= Seen.Runs != 0;
        YieldProcessor();
    }
    KiRestoreInterrupts(Flags);
}

TEST(IpiBarrier, "ipi/generic-call-lets-nobody-in-before-all-are-there", "IPI-4")
{
    volatile ULONG Ready = 0;
    NEED_PROCESSORS(2);
    RtlZeroMemory(&Seen, sizeof(Seen));
    PKTHREAD Late = TestStartOn(1, ComeLate, (PVOID)&Ready);
    TestSpinUntil(&Ready, 1);
    KeIpiGenericCall(NoteRun, 0);
    TestJoinThread(Late);
    CHECK_EQ(Seen.TooEarly, 0);
    CHECK_EQ(Seen.Runs, KeNumberProcessors);
}

TEST(IpiRaised, "ipi/generic-call-from-any-level-below-ipi-level", "DDI wdm KeIpiGenericCall: IRQL")
{
    static const KIRQL Levels[] = {APC_LEVEL, DISPATCH_LEVEL, 7, CLOCK_LEVEL};
    KIRQL Old;
    for (ULONG i = 0; i < ARRAYSIZE(Levels); i++) {
        RtlZeroMemory(&Seen, sizeof(Seen));
        KeRaiseIrql(Levels[i], &Old);
        KeIpiGenericCall(NoteRun, 0);
        CHECK_EQ(KeGetCurrentIrql(), Levels[i]);
        KeLowerIrql(Old);
        CHECK_EQ(Seen.Runs, KeNumberProcessors);
    }
}

static volatile ULONG IpiGo;

static VOID NTAPI BroadcastOften(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    Add(&IpiGo, 1);
    for (ULONG i = 0; i < Meetings(); i++) {
        KeIpiGenericCall(NoteRun, 0);
    }
}

TEST(IpiRivals, "ipi/generic-calls-of-several-callers-go-one-by-one", "IPI-4")
{
    PKTHREAD Threads[3];
    NEED_PROCESSORS(2);
    ULONG Count = KeNumberProcessors - 1 < 3 ? KeNumberProcessors - 1 : 3;
    RtlZeroMemory(&Seen, sizeof(Seen));
    for (ULONG i = 0; i < Count; i++) {
        Threads[i] = TestStartOn(i + 1, BroadcastOften, NULL);
    }
    BroadcastOften(NULL);
    for (ULONG i = 0; i < Count; i++) {
        TestJoinThread(Threads[i]);
    }
    CHECK_EQ(Seen.Runs, (Count + 1) * Meetings() * KeNumberProcessors);
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        CHECK_EQ(Seen.PerProcessor[i], (Count + 1) * Meetings());
    }
}

/* ---- KiCallProcessors ------------------------------------------------------------------------ */

static VOID CountCall(PVOID Context)
{
    __atomic_fetch_add((ULONG64 *)Context, 1ULL << 32 | KeGetCurrentPrcb()->SetMember,
                       __ATOMIC_ACQ_REL);
}

TEST(IpiTargets, "ipi/a-call-reaches-its-targets-and-nobody-else", "IPI-3")
{
    NEED_PROCESSORS(3);
    ULONG64 Sum = 0;
    KiCallProcessors(1ULL << 2, CountCall, &Sum);
    CHECK_EQ(Sum, 1ULL << 32 | 1ULL << 2);
    Sum = 0;
    KiCallProcessors(1ULL << 1 | 1ULL << 2, CountCall, &Sum);
    CHECK_EQ(Sum, 2ULL << 32 | 1ULL << 1 | 1ULL << 2);
    Sum = 0;
    KiCallProcessors(0, CountCall, &Sum);
    KiCallProcessors(1, CountCall, &Sum); /* oneself is left out */
    CHECK_EQ(Sum, 0);
}

TEST(IpiOff, "ipi/a-call-works-with-interrupts-off-and-at-high-level", "IPI: theory")
{
    KIRQL Old;
    ULONG64 Sum = 0;
    NEED_PROCESSORS(2);
    KeRaiseIrql(HIGH_LEVEL, &Old);
    ULONG64 Flags = KiDisableInterrupts();
    KiCallProcessors(KiOtherProcessors(), CountCall, &Sum);
    CHECK_EQ(KiDisableInterrupts() & EFLAGS_IF, 0);
    KiRestoreInterrupts(Flags);
    KeLowerIrql(Old);
    CHECK_EQ(Sum >> 32, KeNumberProcessors - 1);
}

static ULONG64 CrossSums[KI_MAX_PROCESSORS];

/* Interrupts are off all the time: calls of the others are answered from within one's own only. */
static VOID NTAPI CallOften(PVOID Context)
{
    ULONG Number = KeGetCurrentProcessorNumber(), Count = (ULONG)(ULONG_PTR)Context;
    Add(&IpiGo, 1);
    TestSpinUntil(&IpiGo, Count);
    ULONG64 Flags = KiDisableInterrupts();
    for (ULONG i = 0; i < ROUNDS; i++) {
        KiCallProcessors((1ULL << Count) - 1, CountCall, &CrossSums[Number]);
    }
    KiRestoreInterrupts(Flags);
}

TEST(IpiCrossing, "ipi/processors-that-call-each-other-all-get-through", "IPI: theory")
{
    PKTHREAD Threads[8];
    NEED_PROCESSORS(2);
    ULONG Count = KeNumberProcessors < 8 ? KeNumberProcessors : 8;
    RtlZeroMemory(CrossSums, sizeof(CrossSums));
    IpiGo = 0;
    for (ULONG i = 1; i < Count; i++) {
        Threads[i] = TestStartOn(i, CallOften, (PVOID)(ULONG_PTR)Count);
    }
    CallOften((PVOID)(ULONG_PTR)Count);
    for (ULONG i = 1; i < Count; i++) {
        TestJoinThread(Threads[i]);
    }
    for (ULONG i = 0; i < Count; i++) {
        CHECK_EQ(CrossSums[i] >> 32, ROUNDS * (Count - 1));
    }
}

CRASH_TEST(CrashIpiLevel, "ipi/generic-call-at-ipi-level", "0xC4 0xE5 0xE 0x0 0x0",
           "DDI wdm KeIpiGenericCall: IRQL")
{
    KIRQL Old;
    KeRaiseIrql(IPI_LEVEL, &Old);
    KeIpiGenericCall(NoteRun, 0);
}
