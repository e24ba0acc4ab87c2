/*
 * bench.c - guest instructions of taking and giving back pages and of a page fault, for
 * `make bench`.
 *
 * Routines are called through their address in a volatile pointer; the loop's own cost is measured
 * by irql/null and not subtracted. Clearing a page counts 512 instructions or more: the emulator
 * counts each turn of its one string instruction.
 */
#include "kernel/hal/hal.h"
#include "tests/mm/mm_check.h"

#define WARM_UP 100
#define ROUNDS  10000
#define RUN     16

/* One operation, Rounds times. */
typedef VOID BENCH_LOOP(ULONG Rounds);

static VOID MeasureLoop(BENCH_LOOP *Loop)
{
    Loop(WARM_UP);
    ULONG64 Flags = KiDisableInterrupts();
    ULONG64 Start = HalpReadTsc();
    Loop(ROUNDS);
    ULONG64 Ticks = HalpReadTsc() - Start;
    KiRestoreInterrupts(Flags);
    TestBenchReport(Ticks, ROUNDS);
}

static VOID PageLoop(ULONG Rounds)
{
    typeof(MiAllocatePage) *volatile Allocate = MiAllocatePage;
    typeof(MiFreePage) *volatile Free = MiFreePage;
    for (ULONG i = 0; i < Rounds; i++) {
        Free(Allocate(MiPageAny));
    }
}

/* No zeroed page is at hand: each is cleared. */
static VOID ZeroedPageLoop(ULONG Rounds)
{
    typeof(MiAllocatePage) *volatile Allocate = MiAllocatePage;
    typeof(MiFreePage) *volatile Free = MiFreePage;
    for (ULONG i = 0; i < Rounds; i++) {
        Free(Allocate(MiPageZeroed));
    }
}

/* The lowest pages of memory are free: the search ends at once. */
static VOID RunLoop(ULONG Rounds)
{
    typeof(MiAllocateContiguousPages) *volatile Allocate = MiAllocateContiguousPages;
    typeof(MiFreePages) *volatile Free = MiFreePages;
    for (ULONG i = 0; i < Rounds; i++) {
        Free(Allocate(RUN, 0, ~0ULL, 0), RUN);
    }
}

static VOID PoolPageLoop(ULONG Rounds)
{
    typeof(MiAllocatePoolPages) *volatile Allocate = MiAllocatePoolPages;
    typeof(MiFreePoolPages) *volatile Free = MiFreePoolPages;
    for (ULONG i = 0; i < Rounds; i++) {
        Free(Allocate(NonPagedPoolNx, 1));
    }
}

BENCH(BenchPage, "mm/page-alloc-free", "instructions", "")
{
    MeasureLoop(PageLoop);
}

/* With nearly every page taken: what a page costs does not depend on how many are free. */
BENCH(BenchPageLast, "mm/page-alloc-free-of-the-last-pages", "instructions", "")
{
    PFN_NUMBER Chain = MI_NO_PAGE;
    while (MiAvailablePages() > 1) {
        TestChainPage(&Chain, MiAllocatePage(MiPageAny));
    }
    MeasureLoop(PageLoop);
    TestFreeChain(Chain);
}

BENCH(BenchPageZeroed, "mm/page-alloc-free-zeroed", "instructions", "")
{
    MeasureLoop(ZeroedPageLoop);
}

BENCH(BenchRun, "mm/contiguous-16-pages", "instructions", "")
{
    MeasureLoop(RunLoop);
}

BENCH(BenchPoolPage, "mm/nonpaged-pool-page", "instructions", "")
{
    MeasureLoop(PoolPageLoop);
}

/* The trap, the walk, a cleared page and its entry, and the way back. */
BENCH(BenchFault, "mm/demand-zero-fault", "instructions", "1200")
{
    ULONG Pages = 4096;
    volatile CHAR *Va = MiAllocatePoolPages(PagedPool, Pages);
    for (ULONG i = 0; i < WARM_UP; i++) {
        Va[i * PAGE_SIZE] = 1;
    }
    ULONG64 Start = HalpReadTsc();
    for (ULONG i = WARM_UP; i < Pages; i++) {
        Va[i * PAGE_SIZE] = 1;
    }
    TestBenchReport(HalpReadTsc() - Start, Pages - WARM_UP);
    MiFreePoolPages((PVOID)Va);
}
