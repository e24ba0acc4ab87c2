/*
 * workload_bench.c - the workloads that compare the pools with other allocators, for `make bench`.
 *
 * Figures are guest instructions a pair of an allocation and a free, loop included: the smallest of
 * seven runs, and under "/median" the middle one. Each timed loop runs with interrupts masked. The
 * rows under pool/null/ are the same loops over routines that do nothing. Goals are those that the
 * comparison with other allocators led to. Wall time and W5, for several processors, are in
 * ticks_bench.c.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "mm/mm.h"
#include "tests/pool/workload.h"

#define REPEATS 7

static UCHAR NullBlock[PAGE_SIZE];

static __attribute__((noipa)) PVOID NTAPI NullAllocate(POOL_TYPE Type, SIZE_T Bytes, ULONG Tag)
{
    UNREFERENCED_PARAMETER(Type);
    UNREFERENCED_PARAMETER(Bytes);
    UNREFERENCED_PARAMETER(Tag);
    return NullBlock;
}

static __attribute__((noipa)) VOID NTAPI NullFree(PVOID Block, ULONG Tag)
{
    UNREFERENCED_PARAMETER(Block);
    UNREFERENCED_PARAMETER(Tag);
}

PEER WorkloadPool = {ExAllocatePoolWithTag, ExFreePoolWithTag};
PEER WorkloadNull = {NullAllocate, NullFree};

static inline PVOID Take(PPEER Peer, SIZE_T Bytes)
{
    return Peer->Allocate(NonPagedPoolNx, Bytes, TEST_TAG);
}

static inline VOID Give(PPEER Peer, PVOID Block)
{
    Peer->Free(Block, TEST_TAG);
}

/* ---- measuring ------------------------------------------------------------------------------- */

static ULONG64 Begin(PULONG64 Flags)
{
    *Flags = KiDisableInterrupts();
    return HalpReadTsc();
}

static ULONG64 End(ULONG64 Start, ULONG64 Flags)
{
    ULONG64 Ticks = HalpReadTsc() - Start;
    KiRestoreInterrupts(Flags);
    return Ticks;
}

/* Seven runs in a row, the smallest first. */
static VOID RunAll(WORKLOAD_RUN *Run, PPEER Peer, SIZE_T Bytes, ULONG64 Ticks[REPEATS])
{
    for (ULONG i = 0; i < REPEATS; i++) {
        ULONG64 New = Run(Peer, Bytes);
        ULONG j = i;
        for (; j > 0 && Ticks[j - 1] > New; j--) {
            Ticks[j] = Ticks[j - 1];
        }
        Ticks[j] = New;
    }
}

ULONG64 WorkloadBest(WORKLOAD_RUN *Run, PPEER Peer, SIZE_T Bytes)
{
    ULONG64 Ticks[REPEATS] = {0};
    RunAll(Run, Peer, Bytes, Ticks);
    return Ticks[0];
}

/* The rows of the smallest and the middle one. */
static VOID Report(WORKLOAD_RUN *Run, PPEER Peer, SIZE_T Bytes, ULONG64 Pairs)
{
    ULONG64 Ticks[REPEATS] = {0};
    RunAll(Run, Peer, Bytes, Ticks);
    TestBenchReport(Ticks[0], Pairs);
    TestBenchReportAs("median", Ticks[REPEATS / 2], Pairs);
}

/* ---- W1: a hot pair -------------------------------------------------------------------------- */

#define W1_WARM_UP 1000
#define W1_PAIRS   100000

ULONG64 WorkloadHotPair(PPEER Peer, SIZE_T Bytes)
{
    ULONG64 Flags, Start;
    UNREFERENCED_PARAMETER(Bytes);
    for (ULONG i = 0; i < W1_WARM_UP; i++) {
        Give(Peer, Take(Peer, 64));
    }
    Start = Begin(&Flags);
    for (ULONG i = 0; i < W1_PAIRS; i++) {
        Give(Peer, Take(Peer, 64));
    }
    return End(Start, Flags);
}

static __attribute__((noipa)) ULONG64 HotPairOfSize(PPEER Peer, SIZE_T Bytes)
{
    ULONG64 Flags, Start;
    for (ULONG i = 0; i < W1_WARM_UP; i++) {
        Give(Peer, Take(Peer, Bytes));
    }
    Start = Begin(&Flags);
    for (ULONG i = 0; i < W1_PAIRS; i++) {
        Give(Peer, Take(Peer, Bytes));
    }
    return End(Start, Flags);
}

BENCH(NullW1, "pool/null/w1", "instructions", "")
{
    Report(WorkloadHotPair, &WorkloadNull, 0, W1_PAIRS);
}

BENCH(PoolW1, "pool/w1", "instructions", "60")
{
    Report(WorkloadHotPair, &WorkloadPool, 0, W1_PAIRS);
}

BENCH(PoolW1v16, "pool/w1v-16", "instructions", "62")
{
    Report(HotPairOfSize, &WorkloadPool, 16, W1_PAIRS);
}

BENCH(PoolW1v64, "pool/w1v-64", "instructions", "62")
{
    Report(HotPairOfSize, &WorkloadPool, 64, W1_PAIRS);
}

BENCH(PoolW1v256, "pool/w1v-256", "instructions", "62")
{
    Report(HotPairOfSize, &WorkloadPool, 256, W1_PAIRS);
}

BENCH(PoolW1v1024, "pool/w1v-1024", "instructions", "62")
{
    Report(HotPairOfSize, &WorkloadPool, 1024, W1_PAIRS);
}

BENCH(PoolW1v2048, "pool/w1v-2048", "instructions", "62")
{
    Report(HotPairOfSize, &WorkloadPool, 2048, W1_PAIRS);
}

BENCH(PoolW1v4000, "pool/w1v-4000", "instructions", "62")
{
    Report(HotPairOfSize, &WorkloadPool, 4000, W1_PAIRS);
}

/* ---- the same by priority, and in paged pool ------------------------------------------------- */

static ULONG64 PriorityPair(PPEER Peer, SIZE_T Bytes)
{
    PVOID(NTAPI *volatile Allocate)
    (POOL_TYPE, SIZE_T, ULONG, EX_POOL_PRIORITY) = ExAllocatePoolWithTagPriority;
    ULONG64 Flags, Start;
    UNREFERENCED_PARAMETER(Bytes);
    for (ULONG i = 0; i < W1_WARM_UP; i++) {
        Give(Peer, Allocate(NonPagedPoolNx, 64, TEST_TAG, NormalPoolPriority));
    }
    Start = Begin(&Flags);
    for (ULONG i = 0; i < W1_PAIRS; i++) {
        Give(Peer, Allocate(NonPagedPoolNx, 64, TEST_TAG, NormalPoolPriority));
    }
    return End(Start, Flags);
}

BENCH(PoolW1Priority, "pool/w1-priority", "instructions", "70")
{
    Report(PriorityPair, &WorkloadPool, 0, W1_PAIRS);
}

static ULONG64 PagedPair(PPEER Peer, SIZE_T Bytes)
{
    ULONG64 Flags, Start;
    UNREFERENCED_PARAMETER(Bytes);
    for (ULONG i = 0; i < W1_WARM_UP; i++) {
        Give(Peer, Peer->Allocate(PagedPool, 64, TEST_TAG));
    }
    Start = Begin(&Flags);
    for (ULONG i = 0; i < W1_PAIRS; i++) {
        Give(Peer, Peer->Allocate(PagedPool, 64, TEST_TAG));
    }
    return End(Start, Flags);
}

BENCH(PoolW1Paged, "pool/w1-paged", "instructions", "70")
{
    Report(PagedPair, &WorkloadPool, 0, W1_PAIRS);
}

/* ---- the same with memory returned cleared --------------------------------------------------- */

static ULONG64 ClearedPair(PPEER Peer, SIZE_T Bytes)
{
    PVOID(NTAPI *volatile Allocate)(POOL_FLAGS, SIZE_T, ULONG) = ExAllocatePool2;
    ULONG64 Flags, Start;
    for (ULONG i = 0; i < W1_WARM_UP; i++) {
        Give(Peer, Allocate(POOL_FLAG_NON_PAGED, Bytes, TEST_TAG));
    }
    Start = Begin(&Flags);
    for (ULONG i = 0; i < W1_PAIRS; i++) {
        Give(Peer, Allocate(POOL_FLAG_NON_PAGED, Bytes, TEST_TAG));
    }
    return End(Start, Flags);
}

BENCH(PoolW1Cleared, "pool/w1-cleared", "instructions", "80")
{
    Report(ClearedPair, &WorkloadPool, 64, W1_PAIRS);
}

BENCH(PoolW1v4000Cleared, "pool/w1v-4000-cleared", "instructions", "590")
{
    Report(ClearedPair, &WorkloadPool, 4000, W1_PAIRS);
}

/* ---- W2: a batch ----------------------------------------------------------------------------- */

#define W2_WARM_UP 2
#define W2_ROUNDS  100

static PVOID BatchBlocks[WORKLOAD_BATCH];
static USHORT BatchOrder[WORKLOAD_BATCH];

static VOID BatchRounds(PPEER Peer, ULONG Rounds)
{
    for (ULONG Round = 0; Round < Rounds; Round++) {
        for (ULONG i = 0; i < WORKLOAD_BATCH; i++) {
            BatchBlocks[i] = Take(Peer, 64);
        }
        for (ULONG i = 0; i < WORKLOAD_BATCH; i++) {
            Give(Peer, BatchBlocks[BatchOrder[i]]);
        }
    }
}

static ULONG64 Batch(PPEER Peer, SIZE_T Bytes)
{
    ULONG64 Flags, Start;
    UNREFERENCED_PARAMETER(Bytes);
    BatchRounds(Peer, W2_WARM_UP);
    Start = Begin(&Flags);
    BatchRounds(Peer, W2_ROUNDS);
    return End(Start, Flags);
}

static VOID ReportBatch(PPEER Peer)
{
    Report(Batch, Peer, 0, (ULONG64)W2_ROUNDS * WORKLOAD_BATCH);
}

BENCH(NullW2, "pool/null/w2", "instructions", "")
{
    ReportBatch(&WorkloadNull);
}

BENCH(PoolW2Fifo, "pool/w2-fifo", "instructions", "66")
{
    for (ULONG i = 0; i < WORKLOAD_BATCH; i++) {
        BatchOrder[i] = (USHORT)i;
    }
    ReportBatch(&WorkloadPool);
}

BENCH(PoolW2Lifo, "pool/w2-lifo", "instructions", "66")
{
    for (ULONG i = 0; i < WORKLOAD_BATCH; i++) {
        BatchOrder[i] = (USHORT)(WORKLOAD_BATCH - 1 - i);
    }
    ReportBatch(&WorkloadPool);
}

BENCH(PoolW2Random, "pool/w2-rand", "instructions", "66")
{
    PWORKLOAD Workload = WorkloadDraw(0);
    RtlCopyMemory(BatchOrder, Workload->Order, sizeof(BatchOrder));
    ExFreePool(Workload);
    ReportBatch(&WorkloadPool);
}

/* ---- W3: churn ------------------------------------------------------------------------------- */

static PVOID ChurnSlots[WORKLOAD_SLOTS];
static PWORKLOAD ChurnSchedule;

static VOID ChurnFill(PPEER Peer)
{
    for (ULONG i = 0; i < WORKLOAD_SLOTS; i++) {
        ChurnSlots[i] = Take(Peer, ChurnSchedule->Fill[i]);
    }
}

static VOID ChurnDrain(PPEER Peer)
{
    for (ULONG i = 0; i < WORKLOAD_SLOTS; i++) {
        Give(Peer, ChurnSlots[i]);
    }
}

ULONG64 WorkloadChurn(PPEER Peer, SIZE_T Bytes)
{
    ULONG64 Flags, Start;
    UNREFERENCED_PARAMETER(Bytes);
    ChurnFill(Peer);
    Start = Begin(&Flags);
    for (ULONG i = 0; i < WORKLOAD_STEPS; i++) {
        PVOID *Slot = &ChurnSlots[ChurnSchedule->Steps[i].Slot];
        Give(Peer, *Slot);
        PULONG64 Block = Take(Peer, ChurnSchedule->Steps[i].Bytes);
        *Block = i;
        *Slot = Block;
    }
    ULONG64 Ticks = End(Start, Flags);
    ChurnDrain(Peer);
    return Ticks;
}

BOOLEAN WorkloadBeginChurn(VOID)
{
    ChurnSchedule = WorkloadDraw(0);
    return ChurnSchedule != NULL;
}

VOID WorkloadEndChurn(VOID)
{
    ExFreePool(ChurnSchedule);
}

static VOID ReportChurn(PPEER Peer)
{
    if (WorkloadBeginChurn()) {
        Report(WorkloadChurn, Peer, 0, WORKLOAD_STEPS);
        WorkloadEndChurn();
    }
}

BENCH(NullW3, "pool/null/w3", "instructions", "")
{
    ReportChurn(&WorkloadNull);
}

BENCH(PoolW3, "pool/w3", "instructions", "85")
{
    ReportChurn(&WorkloadPool);
}

static PVOID TakeFilled(SIZE_T Bytes)
{
    PVOID Block = Take(&WorkloadPool, Bytes);
    RtlFillMemory(Block, Bytes, 0xA5);
    return Block;
}

/* Bytes of pages that the pool holds after the last step, a byte alive. */
BENCH(PoolW3Memory, "pool/w3-memory", "bytes/byte", "1.25")
{
    ChurnSchedule = WorkloadDraw(0);
    PoolDrain(); /* what a processor keeps for itself counts */
    SIZE_T Before = MiRegions[MiRegionNonPagedPool].PagesInUse;
    for (ULONG i = 0; i < WORKLOAD_SLOTS; i++) {
        ChurnSlots[i] = TakeFilled(ChurnSchedule->Fill[i]);
    }
    for (ULONG i = 0; i < WORKLOAD_STEPS; i++) {
        PVOID *Slot = &ChurnSlots[ChurnSchedule->Steps[i].Slot];
        Give(&WorkloadPool, *Slot);
        *Slot = TakeFilled(ChurnSchedule->Steps[i].Bytes);
    }
    SIZE_T Pages = MiRegions[MiRegionNonPagedPool].PagesInUse - Before;
    TestBenchReport(Pages << PAGE_SHIFT, WORKLOAD_LIVE);
    ChurnDrain(&WorkloadPool);
    ExFreePool(ChurnSchedule);
}

/* ---- W4: pages ------------------------------------------------------------------------------- */

#define W4_WARM_UP 100
#define W4_PAIRS   10000
#define W4B_BLOCKS 256
#define W4B_ROUNDS 20

static __attribute__((noipa)) ULONG64 PagePair(PPEER Peer, SIZE_T Bytes)
{
    ULONG64 Flags, Start;
    for (ULONG i = 0; i < W4_WARM_UP; i++) {
        Give(Peer, Take(Peer, Bytes));
    }
    Start = Begin(&Flags);
    for (ULONG i = 0; i < W4_PAIRS; i++) {
        Give(Peer, Take(Peer, Bytes));
    }
    return End(Start, Flags);
}

BENCH(PoolW4Page, "pool/w4-4096", "instructions", "100")
{
    Report(PagePair, &WorkloadPool, 4096, W4_PAIRS);
}

BENCH(PoolW4TwoPages, "pool/w4-8192", "instructions", "100")
{
    Report(PagePair, &WorkloadPool, 8192, W4_PAIRS);
}

BENCH(PoolW4Pages, "pool/w4-65536", "instructions", "100")
{
    Report(PagePair, &WorkloadPool, 65536, W4_PAIRS);
}

static VOID PageRounds(PPEER Peer, ULONG Rounds)
{
    for (ULONG Round = 0; Round < Rounds; Round++) {
        for (ULONG i = 0; i < W4B_BLOCKS; i++) {
            BatchBlocks[i] = Take(Peer, 4096);
        }
        for (ULONG i = 0; i < W4B_BLOCKS; i++) {
            Give(Peer, BatchBlocks[i]);
        }
    }
}

static ULONG64 PageBatch(PPEER Peer, SIZE_T Bytes)
{
    ULONG64 Flags, Start;
    UNREFERENCED_PARAMETER(Bytes);
    PageRounds(Peer, W2_WARM_UP);
    Start = Begin(&Flags);
    PageRounds(Peer, W4B_ROUNDS);
    return End(Start, Flags);
}

BENCH(NullW4b, "pool/null/w4b", "instructions", "")
{
    Report(PageBatch, &WorkloadNull, 0, (ULONG64)W4B_ROUNDS * W4B_BLOCKS);
}

BENCH(PoolW4b, "pool/w4b-4096", "instructions", "110")
{
    Report(PageBatch, &WorkloadPool, 0, (ULONG64)W4B_ROUNDS * W4B_BLOCKS);
}
