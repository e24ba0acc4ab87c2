/*
 * bench.c - guest instructions of an allocation and its free, for `make bench`.
 *
 * Measured under -icount, where the time stamp counter counts instructions exactly. The routines
 * are called through their address in a volatile pointer, as a driver calls an import; the loop's
 * own cost is measured the same way with routines that do nothing (pool/null) and not subtracted.
 * One block stays allocated, as in any pool that is in use, so that no page comes and goes; what
 * pages cost is in the workloads (tests/pool/workload_bench.c).
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "tests/pool/pool_cases.h"

#define WARM_UP 1000
#define ROUNDS  100000
#define BYTES   64

typedef PVOID NTAPI ALLOCATE_ROUTINE(POOL_TYPE, SIZE_T, ULONG);
typedef VOID NTAPI FREE_ROUTINE(PVOID, ULONG);

static __attribute__((noipa)) PVOID NTAPI NullAllocate(POOL_TYPE Type, SIZE_T Bytes, ULONG Tag)
{
    static UCHAR Block[BYTES];
    UNREFERENCED_PARAMETER(Type);
    UNREFERENCED_PARAMETER(Bytes);
    UNREFERENCED_PARAMETER(Tag);
    return Block;
}

static __attribute__((noipa)) VOID NTAPI NullFree(PVOID Block, ULONG Tag)
{
    UNREFERENCED_PARAMETER(Block);
    UNREFERENCED_PARAMETER(Tag);
}

static VOID Pairs(ALLOCATE_ROUTINE *Allocate, FREE_ROUTINE *Free, POOL_TYPE Type, ULONG Rounds)
{
    ALLOCATE_ROUTINE *volatile ImportedAllocate = Allocate;
    FREE_ROUTINE *volatile ImportedFree = Free;
    for (ULONG i = 0; i < Rounds; i++) {
        ImportedFree(ImportedAllocate(Type, BYTES, TEST_TAG), TEST_TAG);
    }
}

static ULONG64 Measure(ALLOCATE_ROUTINE *Allocate, FREE_ROUTINE *Free, POOL_TYPE Type)
{
    PVOID Neighbour = ExAllocatePoolWithTag(Type, BYTES, TEST_TAG);
    Pairs(Allocate, Free, Type, WARM_UP);
    ULONG64 Flags = KiDisableInterrupts();
    ULONG64 Start = HalpReadTsc();
    Pairs(Allocate, Free, Type, ROUNDS);
    ULONG64 Ticks = HalpReadTsc() - Start;
    KiRestoreInterrupts(Flags);
    ExFreePool(Neighbour);
    return Ticks;
}

/* The figure of this mode, and under "/checked" that of the checked one. */
static VOID MeasureBoth(POOL_TYPE Type)
{
    BOOLEAN Mode = KiCheckedMode;
    TestBenchReport(Measure(ExAllocatePoolWithTag, ExFreePoolWithTag, Type), ROUNDS);
    KiSetCheckedMode(TRUE);
    TestBenchReportAs("checked", Measure(ExAllocatePoolWithTag, ExFreePoolWithTag, Type), ROUNDS);
    KiSetCheckedMode(Mode);
}

BENCH(PoolNull, "pool/null", "instructions", "")
{
    TestBenchReport(Measure(NullAllocate, NullFree, NonPagedPoolNx), ROUNDS);
}

BENCH(PoolNonPaged, "pool/alloc-free-64/nonpaged", "instructions", "")
{
    MeasureBoth(NonPagedPoolNx);
}

BENCH(PoolPaged, "pool/alloc-free-64/paged", "instructions", "")
{
    MeasureBoth(PagedPool);
}
