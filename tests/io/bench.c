/*
 * bench.c - what an interrupt costs: from asking for a message's vector to the instruction behind,
 * by way of an empty service routine; and a critical section and a threaded DPC.
 */
#include "tests/io/interrupts.h"
#include "tests/ke/bench.h"

#define ROUNDS 1000

static PKINTERRUPT BenchInterrupt;
static KDPC BenchDpc;

static BOOLEAN NTAPI EmptyService(PKINTERRUPT Interrupt, PVOID ServiceContext)
{
    UNREFERENCED_PARAMETER(Interrupt);
    UNREFERENCED_PARAMETER(ServiceContext);
    return TRUE;
}

static BOOLEAN NTAPI EmptySection(PVOID SynchronizeContext)
{
    UNREFERENCED_PARAMETER(SynchronizeContext);
    return TRUE;
}

static VOID NTAPI EmptyDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
}

static UCHAR ConnectBench(VOID)
{
    UCHAR Vector = KiAllocateVectors(1, KI_ANY_LEVEL);
    IoConnectInterrupt(&BenchInterrupt, EmptyService, NULL, NULL, Vector, Vector >> 4, Vector >> 4,
                       Latched, FALSE, TEST_PROCESSORS, FALSE);
    return Vector;
}

static VOID DisconnectBench(UCHAR Vector)
{
    IoDisconnectInterrupt(BenchInterrupt);
    KiFreeVectors(Vector, 1);
}

BENCH(BenchService, "interrupt/request-to-return", "instructions", "")
{
    UCHAR Vector = ConnectBench();
    HalpRequestSoftwareInterrupt(Vector);
    ULONG64 Start = HalpReadTsc();
    for (ULONG i = 0; i < ROUNDS; i++) {
        HalpRequestSoftwareInterrupt(Vector);
    }
    TestBenchReport(HalpReadTsc() - Start, ROUNDS);
    DisconnectBench(Vector);
}

static VOID SectionLoop(ULONG Rounds)
{
    BOOLEAN(NTAPI *volatile Synchronize)
    (PKINTERRUPT, PKSYNCHRONIZE_ROUTINE, PVOID) = KeSynchronizeExecution;
    for (ULONG i = 0; i < Rounds; i++) {
        Synchronize(BenchInterrupt, EmptySection, NULL);
    }
}

BENCH(BenchSection, "interrupt/synchronize-execution", "instructions", "")
{
    UCHAR Vector = ConnectBench();
    BenchMeasureBoth(SectionLoop);
    DisconnectBench(Vector);
}

BENCH(BenchThreadedDpc, "dpc/threaded-queue-to-run", "instructions", "")
{
    KeInitializeThreadedDpc(&BenchDpc, EmptyDpc, NULL);
    KeInsertQueueDpc(&BenchDpc, NULL, NULL);
    ULONG64 Start = HalpReadTsc();
    for (ULONG i = 0; i < ROUNDS; i++) {
        KeInsertQueueDpc(&BenchDpc, NULL, NULL);
    }
    TestBenchReport(HalpReadTsc() - Start, ROUNDS);
}
