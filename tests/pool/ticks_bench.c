/*
 * ticks_bench.c - what the pools cost in wall time: ticks of the time stamp counter where a machine
 * runs as fast as it can. `tarn bench` boots one of its own for these, with two processors.
 *
 * Ticks depend on the host, so a figure is a ratio to the same loop over routines that do nothing,
 * in the same run, or the time of several processors against that of one. W5 of the workloads:
 * (a) pairs on each processor, (b) churn on each, (c) blocks that one allocates and the other frees
 * through a ring, (d) the same in turns, both sides timed alone.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "tests/ke/smp.h"
#include "tests/pool/workload.h"

#define PAIRS       1000000
#define CHURN_STEPS (2 * WORKLOAD_STEPS)
#define RING        256
#define TURN        256
#define TURNS       512
#define W5_REPEATS  5
#define W5_BYTES    64
#define PARTNERS    2 /* processors */
#define HUNDREDTHS  100

/* ---- against routines that do nothing -------------------------------------------------------- */

static VOID ReportRatio(WORKLOAD_RUN *Run, BOOLEAN Checked)
{
    ULONG64 Nothing = WorkloadBest(Run, &WorkloadNull, 0);
    KiSetCheckedMode(Checked);
    ULONG64 Ticks = WorkloadBest(Run, &WorkloadPool, 0);
    KiSetCheckedMode(FALSE);
    TestBenchReport(Ticks, Nothing);
}

static VOID ReportChurn(BOOLEAN Checked)
{
    if (WorkloadBeginChurn()) {
        ReportRatio(WorkloadChurn, Checked);
        WorkloadEndChurn();
    }
}

BENCH(TicksW1, "ticks/w1", "x null", "3.5")
{
    ReportRatio(WorkloadHotPair, FALSE);
}

BENCH(TicksW1Checked, "ticks/w1/checked", "x null", "9")
{
    ReportRatio(WorkloadHotPair, TRUE);
}

BENCH(TicksW3, "ticks/w3", "x null", "8")
{
    ReportChurn(FALSE);
}

BENCH(TicksW3Checked, "ticks/w3/checked", "x null", "13")
{
    ReportChurn(TRUE);
}

/* ---- several processors ---------------------------------------------------------------------- */

static struct {
    volatile ULONG Waiting; /* for all to be there */
    volatile ULONG64 First, Last;
    PVOID volatile Ring[RING];
    volatile ULONG64 Put, Taken; /* of the ring, ever */
    PVOID Blocks[TURN];
    volatile ULONG Turn;
    ULONG64 Allocate, Free; /* the least ticks of a turn */
} Shared;

static VOID WaitForAll(VOID)
{
    __atomic_fetch_sub(&Shared.Waiting, 1, __ATOMIC_ACQ_REL);
    while (__atomic_load_n(&Shared.Waiting, __ATOMIC_ACQUIRE) != 0) {
        YieldProcessor();
    }
}

static VOID NoteEnd(ULONG64 Start)
{
    ULONG64 End = HalpReadTsc(), Last = Shared.Last;
    while (End > Last && !__atomic_compare_exchange_n(&Shared.Last, &Last, End, FALSE,
                                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
    ULONG64 First = Shared.First;
    while (Start < First && !__atomic_compare_exchange_n(&Shared.First, &First, Start, FALSE,
                                                         __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
}

/* Runs Routine on the first Count processors at once; returns last end minus first start. */
static ULONG64 RunTogether(ULONG Count, PKSTART_ROUTINE Routine)
{
    PKTHREAD Threads[PARTNERS];
    Shared.Waiting = Count;
    Shared.First = MAXULONG_PTR;
    Shared.Last = Shared.Put = Shared.Taken = Shared.Turn = 0;
    for (ULONG i = 0; i < Count; i++) {
        Threads[i] = TestStartOn(i, Routine, (PVOID)(ULONG_PTR)i);
    }
    for (ULONG i = 0; i < Count; i++) {
        TestJoinThread(Threads[i]);
    }
    return Shared.Last - Shared.First;
}

static ULONG64 BestTogether(ULONG Count, PKSTART_ROUTINE Routine)
{
    ULONG64 Best = MAXULONG_PTR;
    for (ULONG i = 0; i < W5_REPEATS; i++) {
        ULONG64 Ticks = RunTogether(Count, Routine);
        Best = Ticks < Best ? Ticks : Best;
    }
    return Best;
}

static VOID NTAPI PrivatePairs(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    WaitForAll();
    ULONG64 Start = HalpReadTsc();
    for (ULONG i = 0; i < PAIRS; i++) {
        ExFreePoolWithTag(ExAllocatePoolWithTag(NonPagedPoolNx, W5_BYTES, TEST_TAG), TEST_TAG);
    }
    NoteEnd(Start);
}

static BOOLEAN HasPartner(VOID)
{
    if (KeNumberProcessors >= PARTNERS) {
        return TRUE;
    }
    DbgPrint("one processor only\n");
    return FALSE;
}

BENCH(TicksW5a, "ticks/w5a", "x one processor", "1.1")
{
    if (HasPartner()) {
        ULONG64 One = BestTogether(1, PrivatePairs);
        TestBenchReport(BestTogether(PARTNERS, PrivatePairs), One);
    }
}

/* Each has a schedule of its own, and goes through it twice. */
static struct {
    PWORKLOAD Schedule;
    PVOID Slots[WORKLOAD_SLOTS];
} Churn[PARTNERS];

static VOID NTAPI PrivateChurn(PVOID Context)
{
    ULONG Own = (ULONG)(ULONG_PTR)Context;
    PWORKLOAD Schedule = Churn[Own].Schedule;
    PVOID *Slots = Churn[Own].Slots;
    for (ULONG i = 0; i < WORKLOAD_SLOTS; i++) {
        Slots[i] = ExAllocatePoolWithTag(NonPagedPoolNx, Schedule->Fill[i], TEST_TAG);
    }
    WaitForAll();
    ULONG64 Start = HalpReadTsc();
    for (ULONG i = 0; i < CHURN_STEPS; i++) {
        PVOID *Slot = &Slots[Schedule->Steps[i % WORKLOAD_STEPS].Slot];
        SIZE_T Bytes = Schedule->Steps[i % WORKLOAD_STEPS].Bytes;
        ExFreePoolWithTag(*Slot, TEST_TAG);
        PULONG64 Block = ExAllocatePoolWithTag(NonPagedPoolNx, Bytes, TEST_TAG);
        *Block = i;
        *Slot = Block;
    }
    NoteEnd(Start);
    for (ULONG i = 0; i < WORKLOAD_SLOTS; i++) {
        ExFreePoolWithTag(Slots[i], TEST_TAG);
    }
}

BENCH(TicksW5b, "ticks/w5b", "ticks", "")
{
    Churn[0].Schedule = WorkloadDraw(0);
    Churn[1].Schedule = WorkloadDraw(1);
    if (HasPartner() && Churn[0].Schedule != NULL && Churn[1].Schedule != NULL) {
        ULONG64 One = BestTogether(1, PrivateChurn);
        ULONG64 All = BestTogether(PARTNERS, PrivateChurn);
        TestBenchReport(All, CHURN_STEPS);
        TestBenchReportAs("one-processor", One, CHURN_STEPS);
    }
    PoolFreeIfAny(Churn[0].Schedule);
    PoolFreeIfAny(Churn[1].Schedule);
}

/* The first processor allocates into the ring, the second frees what comes out of it. */
static VOID NTAPI PassThrough(PVOID Context)
{
    WaitForAll();
    ULONG64 Start = HalpReadTsc();
    for (ULONG64 i = 0; i < PAIRS; i++) {
        if (Context == NULL) {
            PVOID Block = ExAllocatePoolWithTag(NonPagedPoolNx, W5_BYTES, TEST_TAG);
            while (i - __atomic_load_n(&Shared.Taken, __ATOMIC_ACQUIRE) == RING) {
                YieldProcessor();
            }
            Shared.Ring[i % RING] = Block;
            __atomic_store_n(&Shared.Put, i + 1, __ATOMIC_RELEASE);
        } else {
            while (__atomic_load_n(&Shared.Put, __ATOMIC_ACQUIRE) == i) {
                YieldProcessor();
            }
            PVOID Block = Shared.Ring[i % RING];
            __atomic_store_n(&Shared.Taken, i + 1, __ATOMIC_RELEASE);
            ExFreePoolWithTag(Block, TEST_TAG);
        }
    }
    NoteEnd(Start);
}

BENCH(TicksW5c, "ticks/w5c", "ticks", "300")
{
    if (HasPartner()) {
        TestBenchReport(BestTogether(PARTNERS, PassThrough), PAIRS);
    }
}

static VOID TakeTurn(BOOLEAN Allocates)
{
    ULONG64 Start = HalpReadTsc();
    for (ULONG i = 0; i < TURN; i++) {
        if (Allocates) {
            Shared.Blocks[i] = ExAllocatePoolWithTag(NonPagedPoolNx, W5_BYTES, TEST_TAG);
        } else {
            ExFreePoolWithTag(Shared.Blocks[i], TEST_TAG);
        }
    }
    ULONG64 Ticks = HalpReadTsc() - Start;
    PULONG64 Least = Allocates ? &Shared.Allocate : &Shared.Free;
    *Least = Ticks < *Least ? Ticks : *Least;
}

static VOID NTAPI InTurns(PVOID Context)
{
    ULONG Own = (ULONG)(ULONG_PTR)Context;
    WaitForAll();
    for (ULONG i = 0; i < TURNS; i++) {
        while (__atomic_load_n(&Shared.Turn, __ATOMIC_ACQUIRE) != 2 * i + Own) {
            YieldProcessor();
        }
        TakeTurn(Own == 0);
        __atomic_store_n(&Shared.Turn, 2 * i + Own + 1, __ATOMIC_RELEASE);
    }
}

BENCH(TicksW5d, "ticks/w5d", "ticks", "200")
{
    if (HasPartner()) {
        Shared.Allocate = Shared.Free = MAXULONG_PTR;
        RunTogether(PARTNERS, InTurns);
        TestBenchReport(Shared.Allocate + Shared.Free, TURN);
        TestBenchReportAs("allocate", Shared.Allocate, TURN);
        TestBenchReportAs("free", Shared.Free, TURN);
    }
}
