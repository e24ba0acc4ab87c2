/*
 * memory_bench.c - guest instructions of copying and filling, for `make bench`.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/rtl.h"
#include "tests/test.h"

#define ROUNDS 1000

static UCHAR BenchFrom[PAGE_SIZE], BenchTo[PAGE_SIZE];

static VOID MeasureCopy(SIZE_T Length)
{
    void *(*volatile Copy)(void *, const void *, size_t) = memcpy;
    ULONG64 Flags = KiDisableInterrupts();
    ULONG64 Start = HalpReadTsc();
    for (ULONG i = 0; i < ROUNDS; i++) {
        Copy(BenchTo, BenchFrom, Length);
    }
    ULONG64 Ticks = HalpReadTsc() - Start;
    KiRestoreInterrupts(Flags);
    TestBenchReport(Ticks, ROUNDS);
}

static VOID MeasureFill(SIZE_T Length)
{
    void *(*volatile Fill)(void *, int, size_t) = memset;
    ULONG64 Flags = KiDisableInterrupts();
    ULONG64 Start = HalpReadTsc();
    for (ULONG i = 0; i < ROUNDS; i++) {
        Fill(BenchTo, 0, Length);
    }
    ULONG64 Ticks = HalpReadTsc() - Start;
    KiRestoreInterrupts(Flags);
    TestBenchReport(Ticks, ROUNDS);
}

BENCH(CopySmall, "rtl/copy-16", "instructions", "")
{
    MeasureCopy(16);
}

BENCH(CopyMedium, "rtl/copy-64", "instructions", "")
{
    MeasureCopy(64);
}

BENCH(CopyPage, "rtl/copy-4096", "instructions", "")
{
    MeasureCopy(PAGE_SIZE);
}

BENCH(FillSmall, "rtl/fill-16", "instructions", "")
{
    MeasureFill(16);
}

BENCH(FillMedium, "rtl/fill-64", "instructions", "")
{
    MeasureFill(64);
}

BENCH(FillPage, "rtl/fill-4096", "instructions", "")
{
    MeasureFill(PAGE_SIZE);
}
