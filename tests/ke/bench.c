/*
 * bench.c - guest instructions of IRQL changes, spin locks and DPCs, for `make bench`.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "tests/ke/bench.h"

#define WARM_UP 100
#define ROUNDS  10000

static KSPIN_LOCK BenchLock;
static KDPC BenchDpc;

static ULONG64 BenchRun(BENCH_LOOP *Loop)
{
    Loop(WARM_UP);
    ULONG64 Flags = KiDisableInterrupts();
    ULONG64 Start = HalpReadTsc();
    Loop(ROUNDS);
    ULONG64 Ticks = HalpReadTsc() - Start;
    KiRestoreInterrupts(Flags);
    return Ticks;
}

VOID BenchMeasure(BENCH_LOOP *Loop)
{
    TestBenchReport(BenchRun(Loop), ROUNDS);
}

VOID BenchMeasureBoth(BENCH_LOOP *Loop)
{
    BOOLEAN Mode = KiCheckedMode;
    BenchMeasure(Loop);
    KiSetCheckedMode(TRUE);
    TestBenchReportAs("checked", BenchRun(Loop), ROUNDS);
    KiSetCheckedMode(Mode);
}

static VOID NTAPI NullRoutine(VOID)
{
    __asm__ volatile("");
}

/* Imports as a driver has them: pointers that somebody else may change. */
extern VOID NTAPI (*BenchNullImport)(VOID);
extern KIRQL NTAPI (*BenchRaiseImport)(KIRQL);
extern VOID NTAPI (*BenchLowerImport)(KIRQL);
extern KIRQL NTAPI (*BenchAcquireImport)(PKSPIN_LOCK);
extern VOID NTAPI (*BenchReleaseImport)(PKSPIN_LOCK, KIRQL);
VOID NTAPI (*BenchNullImport)(VOID) = NullRoutine;
KIRQL NTAPI (*BenchRaiseImport)(KIRQL) = KfRaiseIrql;
VOID NTAPI (*BenchLowerImport)(KIRQL) = KeLowerIrql;
KIRQL NTAPI (*BenchAcquireImport)(PKSPIN_LOCK) = KeAcquireSpinLockRaiseToDpc;
VOID NTAPI (*BenchReleaseImport)(PKSPIN_LOCK, KIRQL) = KeReleaseSpinLock;

static VOID NullLoop(ULONG Rounds)
{
    while (Rounds-- != 0) {
        BenchNullImport();
    }
}

static VOID RaiseLowerLoop(ULONG Rounds)
{
    while (Rounds-- != 0) {
        KIRQL Old = BenchRaiseImport(DISPATCH_LEVEL);
        BenchLowerImport(Old);
    }
}

static VOID RaiseLowerApcLoop(ULONG Rounds)
{
    while (Rounds-- != 0) {
        KIRQL Old = BenchRaiseImport(APC_LEVEL);
        BenchLowerImport(Old);
    }
}

/* What a driver's compiler makes of the WDK's inline forms. */
static VOID InlineLoop(ULONG Rounds)
{
    for (ULONG i = 0; i < Rounds; i++) {
        KIRQL Old = KiReadIrql();
        KiWriteIrql(DISPATCH_LEVEL);
        KiWriteIrql(Old);
    }
}

static VOID SpinLockLoop(ULONG Rounds)
{
    while (Rounds-- != 0) {
        KIRQL Old = BenchAcquireImport(&BenchLock);
        BenchReleaseImport(&BenchLock, Old);
    }
}

static VOID QueuedLockLoop(ULONG Rounds)
{
    VOID NTAPI (*volatile Acquire)(PKSPIN_LOCK, PKLOCK_QUEUE_HANDLE) =
        KeAcquireInStackQueuedSpinLock;
    VOID NTAPI (*volatile Release)(PKLOCK_QUEUE_HANDLE) = KeReleaseInStackQueuedSpinLock;
    KLOCK_QUEUE_HANDLE Handle;
    for (ULONG i = 0; i < Rounds; i++) {
        Acquire(&BenchLock, &Handle);
        Release(&Handle);
    }
}

static VOID NTAPI EmptyDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
}

BENCH(BenchNull, "irql/null", "instructions", "")
{
    BenchMeasure(NullLoop);
}

BENCH(BenchRaiseLower, "irql/raise-lower", "instructions", "16")
{
    BenchMeasureBoth(RaiseLowerLoop);
}

BENCH(BenchRaiseLowerApc, "irql/raise-lower-apc", "instructions", "")
{
    BenchMeasureBoth(RaiseLowerApcLoop);
}

BENCH(BenchInline, "irql/raise-lower-inline", "instructions", "6")
{
    BenchMeasure(InlineLoop);
}

BENCH(BenchSpinLock, "spinlock/pair", "instructions", "30")
{
    KeInitializeSpinLock(&BenchLock);
    BenchMeasureBoth(SpinLockLoop);
}

BENCH(BenchQueuedLock, "spinlock/queued-pair", "instructions", "")
{
    KeInitializeSpinLock(&BenchLock);
    BenchMeasureBoth(QueuedLockLoop);
}

BENCH(BenchDpcRun, "dpc/queue-to-run", "instructions", "")
{
    KeInitializeDpc(&BenchDpc, EmptyDpc, NULL);
    KeInsertQueueDpc(&BenchDpc, NULL, NULL);
    ULONG64 Start = HalpReadTsc();
    for (ULONG i = 0; i < ROUNDS; i++) {
        KeInsertQueueDpc(&BenchDpc, NULL, NULL);
    }
    TestBenchReport(HalpReadTsc() - Start, ROUNDS);
}
