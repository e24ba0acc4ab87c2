/*
 * storm.c - the storms' threads, generators, failures and totals.
 */
#include "tests/storm/storm.h"
#include "kernel/hal/hal.h"
#include "kernel/rtl/rtl.h"

BOOT_OPTION(Seed, "seed", "seed=N  what the storms' random numbers are made of");
BOOT_OPTION(StormRounds, "storm-rounds", "storm-rounds=N  the storms do N times as much");

#define DEFAULT_SEED  2026
#define MOST_ROUNDS   100000
#define MOST_FAILURES 5                  /* that are printed */
#define WAIT_LIMIT    (-30 * 10000000LL) /* 30 s in units of 100 ns */
#define LOOP          64  /* turns; the longest pause is about as long as a CR8 write */
#define TICK_PAUSE    100 /* turns of a loop */
#define GOLDEN_RATIO  0x9E3779B97F4A7C15 /* 2^64 / golden ratio: spreads counters over all bits */

typedef struct _STORM_TOTALS {
    ULONG64 Switches, Waits, Dpcs, Requests, Interrupts;
} STORM_TOTALS;

static struct {
    const CHAR *Name;
    ULONG64 Seed, Factor;
    ULONG64 Runs; /* of StormRun in this test: each has numbers of its own */
    STORM_ROUTINE *Routine;
    volatile ULONG Failures;
    KEVENT Go;
    STORM_THREAD Threads[STORM_MAX_THREADS];
} Storm;

/* ---- numbers --------------------------------------------------------------------------------- */

/* Steele, Lea, Flood 2014 (SplitMix64): neighbouring states give numbers without relation. */
static ULONG64 Mix(ULONG64 State)
{
    State = (State ^ State >> 30) * 0xBF58476D1CE4E5B9;
    State = (State ^ State >> 27) * 0x94D049BB133111EB;
    return State ^ State >> 31;
}

ULONG StormRandom(PSTORM_THREAD Me, ULONG Below)
{
    Me->Random += GOLDEN_RATIO;
    return (ULONG)((Mix(Me->Random) >> 32) * Below >> 32);
}

static ULONG64 FirstState(ULONG Number)
{
    ULONG64 State = Storm.Seed;
    for (const CHAR *Letter = Storm.Name; *Letter != '\0'; Letter++) {
        State = Mix(State + (UCHAR)*Letter);
    }
    return Mix(State + (Storm.Runs << 32) + Number);
}

ULONG64 StormState(ULONG Number)
{
    return FirstState(STORM_MAX_THREADS + Number);
}

static ULONG64 ReadWord(const CHAR *Name, ULONG64 Default, ULONG64 Most)
{
    const CHAR *Text = KiGetBootOption(Name);
    ULONG64 Value = 0;
    if (Text == NULL) {
        return Default;
    }
    if (!RtlpParseNumber(&Text, 10, &Value) || *Text != '\0' || Value == 0 || Value > Most) {
        DbgPrint("%s=%s is no number from 1 to %I64u; %I64u is used\n", Name, KiGetBootOption(Name),
                 Most, Default);
        return Default;
    }
    return Value;
}

/* ---- one test -------------------------------------------------------------------------------- */

static VOID AddTotals(STORM_TOTALS *Totals, LONG64 Sign)
{
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        PKPRCB Prcb = KiProcessorBlock[i];
        Totals->Switches += (ULONG64)Sign * Prcb->ContextSwitches;
        Totals->Waits += (ULONG64)Sign * Prcb->WaitCount;
        Totals->Dpcs += (ULONG64)Sign * Prcb->DpcCount;
        Totals->Requests += (ULONG64)Sign * Prcb->RequestCount;
        Totals->Interrupts += (ULONG64)Sign * Prcb->InterruptCount;
    }
}

static VOID Repeat(VOID)
{
    DbgPrint("storm: seed %I64u; to repeat: tools/tarn test '%s' --cpus %lu --cmdline "
             "'seed=%I64u storm-rounds=%I64u%s'\n",
             Storm.Seed, Storm.Name, KeNumberProcessors, Storm.Seed, Storm.Factor,
             KiCheckedMode ? "" : " mode=free");
}

VOID StormTest(const CHAR *Name, TEST_ROUTINE *Routine)
{
    STORM_TOTALS Totals = {0};
    Storm.Name = Name;
    Storm.Runs = Storm.Failures = 0;
    Storm.Seed = ReadWord("seed", DEFAULT_SEED, MAXULONG);
    Storm.Factor = ReadWord("storm-rounds", 1, MOST_ROUNDS);
    AddTotals(&Totals, -1);
    Routine();
    AddTotals(&Totals, 1);
    DbgPrint("storm: switches %I64u, waits %I64u, DPCs %I64u, IPIs %I64u, interrupts %I64u\n",
             Totals.Switches, Totals.Waits, Totals.Dpcs, Totals.Requests, Totals.Interrupts);
    if (!CHECK_EQ(Storm.Failures, 0)) {
        Repeat();
    }
}

VOID StormFail(const CHAR *What, const CHAR *File, ULONG Line)
{
    ULONG Number = __atomic_add_fetch(&Storm.Failures, 1, __ATOMIC_ACQ_REL);
    if (Number == 1) {
        Repeat();
    }
    if (Number <= MOST_FAILURES) {
        DbgPrint("%s:%u: %s does not hold: processor %lu, IRQL %u\n", File, Line, What,
                 KeGetCurrentProcessorNumber(), KeGetCurrentIrql());
    }
}

BOOLEAN StormGoesOn(VOID)
{
    return __atomic_load_n(&Storm.Failures, __ATOMIC_ACQUIRE) == 0;
}

/* ---- threads --------------------------------------------------------------------------------- */

ULONG StormThreads(VOID)
{
    ULONG Count = 2 * KeNumberProcessors + 2;
    return Count < STORM_MAX_THREADS ? Count : STORM_MAX_THREADS;
}

/*
 * Fewer processors do less, since little happens at once there. With more than 4 the total falls
 * with their square: under emulation, a processor that others wait for is often one that the host
 * lets wait.
 */
ULONG StormEach(ULONG Total)
{
    ULONG Count = KeNumberProcessors;
    ULONG64 Share = (ULONG64)Total * Storm.Factor;
    Share = Count <= 4 ? Share * Count / 4 : Share * 16 / (Count * Count);
    Share /= StormThreads();
    return Share != 0 ? (ULONG)Share : 1;
}

static VOID NTAPI ThreadRoutine(PVOID Context)
{
    StormWait(&Storm.Go);
    Storm.Routine(Context);
}

VOID StormRun(ULONG Count, STORM_ROUTINE *Routine, ULONG Rounds)
{
    Storm.Routine = Routine;
    Storm.Runs++;
    KeInitializeEvent(&Storm.Go, NotificationEvent, FALSE);
    for (ULONG i = 0; i < Count; i++) {
        PSTORM_THREAD Thread = &Storm.Threads[i];
        *Thread = (STORM_THREAD){i, Rounds, FirstState(i), NULL};
        Thread->Thread = TestCreateThread(ThreadRoutine, Thread, KI_PRIORITY_DEFAULT);
        Thread->Thread->Affinity = Thread->Thread->UserAffinity = KeQueryActiveProcessors();
        Thread->Thread->IdealProcessor = (UCHAR)(i % KeNumberProcessors);
        KiStartThread(Thread->Thread);
    }
    KeSetEvent(&Storm.Go, IO_NO_INCREMENT, FALSE);
    for (ULONG i = 0; i < Count; i++) {
        TestJoinThread(Storm.Threads[i].Thread);
    }
}

PKTHREAD StormThreadOf(ULONG Number)
{
    return Storm.Threads[Number].Thread;
}

VOID StormEndQuantum(VOID)
{
    ULONG64 Flags = KiDisableInterrupts(); /* the thread and the processor are of one moment */
    KeGetCurrentThread()->Quantum = 0;
    HalpRequestSoftwareInterrupt(DPC_VECTOR);
    KiRestoreInterrupts(Flags);
}

VOID StormPause(PSTORM_THREAD Me)
{
    ULONG Choice = StormRandom(Me, 64);
    if (Choice >= 32) {
        return;
    }
    if (Choice < 4 && KeGetCurrentIrql() < DISPATCH_LEVEL) {
        StormEndQuantum();
    }
    for (ULONG i = 0; i < Choice * LOOP; i++) {
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
    }
}

/* ---- waiting and time ------------------------------------------------------------------------ */

PLARGE_INTEGER StormLimit(VOID)
{
    static LARGE_INTEGER Limit = {.QuadPart = WAIT_LIMIT};
    return &Limit;
}

VOID StormWait(PVOID Object)
{
    NTSTATUS Status = KeWaitForSingleObject(Object, Executive, KernelMode, FALSE, StormLimit());
    if (Status == STATUS_TIMEOUT) {
        StormFail("no wake-up is lost", __FILE__, __LINE__);
    }
}

VOID StormBeTheClock(volatile ULONG *Busy)
{
    KeSetSystemAffinityThreadEx(1);
    while (__atomic_load_n(Busy, __ATOMIC_ACQUIRE) != 0) {
        TestTick();
        if (ZwYieldExecution() == STATUS_NO_YIELD_PERFORMED) {
            for (ULONG i = 0; i < TICK_PAUSE; i++) { /* others come in between */
                YieldProcessor();
            }
        }
    }
}
