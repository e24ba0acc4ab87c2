/*
 * bench.c - guest instructions of making and deleting objects and memory, for `make bench`.
 *
 * Calls go through the function table as a driver's do; the parent is the driver object, which has
 * no other children. Measured under -icount, with interrupts masked; see tests/ke/bench.c.
 */
#include "tests/wdf/fixture.h"
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"

#define WARM_UP 100
#define ROUNDS  10000

typedef VOID BENCH_LOOP(ULONG Rounds);

static ULONG64 Measure(BENCH_LOOP *Loop)
{
    Loop(WARM_UP);
    ULONG64 Flags = KiDisableInterrupts();
    ULONG64 Start = HalpReadTsc();
    Loop(ROUNDS);
    ULONG64 Ticks = HalpReadTsc() - Start;
    KiRestoreInterrupts(Flags);
    return Ticks;
}

/* The figure of this mode, and under "/checked" that of the checked one. */
static VOID MeasureBoth(BENCH_LOOP *Loop)
{
    BOOLEAN Mode = KiCheckedMode;
    FixtureLoad(L"Bench", NULL, 0);
    TestBenchReport(Measure(Loop), ROUNDS);
    KiSetCheckedMode(TRUE);
    TestBenchReportAs("checked", Measure(Loop), ROUNDS);
    KiSetCheckedMode(Mode);
    FixtureUnload();
}

static VOID MemoryLoop(ULONG Rounds)
{
    for (ULONG i = 0; i < Rounds; i++) {
        WDFMEMORY Memory;
        PVOID Buffer;
        WdfMemoryCreate(NULL, NonPagedPoolNx, 0, 64, &Memory, &Buffer);
        WdfObjectDelete(Memory);
    }
}

static VOID ObjectLoop(ULONG Rounds)
{
    for (ULONG i = 0; i < Rounds; i++) {
        WDFOBJECT Object;
        WdfObjectCreate(NULL, &Object);
        WdfObjectDelete(Object);
    }
}

static VOID ReferenceLoop(ULONG Rounds)
{
    for (ULONG i = 0; i < Rounds; i++) {
        WdfObjectReference(WdfGetDriver());
        WdfObjectDereference(WdfGetDriver());
    }
}

BENCH(BenchMemory, "wdf/memory-create-delete-64", "instructions", "")
{
    MeasureBoth(MemoryLoop);
}

BENCH(BenchObject, "wdf/object-create-delete", "instructions", "")
{
    MeasureBoth(ObjectLoop);
}

BENCH(BenchReference, "wdf/object-reference", "instructions", "")
{
    MeasureBoth(ReferenceLoop);
}
