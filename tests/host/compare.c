/*
 * compare.c - the workloads W1 to W4 around one allocator, for tools/compare, which counts their
 * instructions.
 *
 * Built three times: over the pools (COMPARE_POOL), over malloc, whose implementation the loader
 * chooses, and over nothing (COMPARE_NULL), for what of a figure is the driver's own. Each timed
 * section is one dump of callgrind under the workload's name; outside of it the program only prints
 * how many pairs each section had. With the word `memory` it prints the bytes held after W3.
 *
 *     build/compare/pool [memory]
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

#define BATCH 1000
#define SLOTS 4096
#define STEPS 200000
#define SEED  0x9E3779B97F4A7C15ULL
#define LIVE  1819112 /* bytes that the schedule leaves alive: it is the published one */

/* ---- the allocator --------------------------------------------------------------------------- */

#if defined(COMPARE_POOL)

#include "tests/host/pool_host.h"

#define TAG 'pmoC'

static void Start(void)
{
    HostPoison = FALSE;
    HostStart();
    KiCheckedMode = FALSE;
    ExpReviewFastPaths();
}

static inline __attribute__((always_inline)) void *Take(size_t Bytes)
{
    return ExAllocatePoolWithTag(NonPagedPoolNx, Bytes, TAG);
}

static inline void *TakeZeroed(size_t Bytes)
{
    return ExAllocatePool2(POOL_FLAG_NON_PAGED, Bytes, TAG);
}

static inline void Give(void *Block)
{
    ExFreePoolWithTag(Block, TAG);
}

static size_t Held(void)
{
    return HostPagesInUse[PoolKindNonPagedNx] * PAGE_SIZE;
}

#else

#if defined(COMPARE_NULL)

static char Nothing[1 << 16];

static __attribute__((noinline)) void *Take(size_t Bytes)
{
    __asm__ volatile("" : "+r"(Bytes));
    return Nothing;
}

static void *TakeZeroed(size_t Bytes)
{
    return Take(Bytes);
}

static __attribute__((noinline)) void Give(void *Block)
{
    __asm__ volatile("" : "+r"(Block));
}

#else

static inline void *Take(size_t Bytes)
{
    return malloc(Bytes);
}

static inline void *TakeZeroed(size_t Bytes)
{
    return calloc(1, Bytes);
}

static inline void Give(void *Block)
{
    free(Block);
}

#endif

static void Start(void)
{
}

/* Private dirty memory of the process. */
static size_t Held(void)
{
    char Line[128];
    size_t Kilobytes = 0, One;
    FILE *File = fopen("/proc/self/smaps_rollup", "r");
    while (File != NULL && fgets(Line, sizeof(Line), File) != NULL) {
        if (sscanf(Line, "Private_Dirty: %zu kB", &One) == 1) {
            Kilobytes = One;
        }
    }
    if (File != NULL) {
        fclose(File);
    }
    return Kilobytes * 1024;
}

#endif

/* What the compiler must not see through. */
static inline void *Opaque(void *Block)
{
    __asm__ volatile("" : "+r"(Block)::"memory");
    return Block;
}

/* ---- the schedule ---------------------------------------------------------------------------- */

static uint64_t Random = SEED;
static uint16_t Order[BATCH], Fill[SLOTS];
static struct {
    uint16_t Slot, Bytes;
} Steps[STEPS];
static void *Blocks[SLOTS];

static uint64_t Draw(void)
{
    Random ^= Random << 13;
    Random ^= Random >> 7;
    Random ^= Random << 17;
    return Random;
}

static uint16_t DrawBytes(void)
{
    uint64_t r = Draw(), k = r % 65536 % 100, h = r >> 32;
    return (uint16_t)(k < 80 ? 16 + h % 241 : k < 95 ? 257 + h % 1792 : 2049 + h % 1952);
}

static void DrawSchedule(void)
{
    for (int i = 0; i < BATCH; i++) {
        Order[i] = (uint16_t)i;
    }
    for (int i = BATCH - 1; i >= 1; i--) {
        int j = (int)((Draw() >> 32) % (uint64_t)(i + 1));
        uint16_t Other = Order[j];
        Order[j] = Order[i];
        Order[i] = Other;
    }
    for (int i = 0; i < SLOTS; i++) {
        Fill[i] = DrawBytes();
    }
    for (int i = 0; i < STEPS; i++) {
        Steps[i].Slot = (uint16_t)((Draw() >> 40) % SLOTS);
        Steps[i].Bytes = DrawBytes();
    }
}

/* ---- timed sections -------------------------------------------------------------------------- */

static void Begin(void)
{
    CALLGRIND_ZERO_STATS;
}

static void End(const char *Name, long Pairs)
{
    CALLGRIND_DUMP_STATS_AT(Name);
    printf("%s %ld\n", Name, Pairs);
}

static __attribute__((noinline)) void Pairs(size_t Bytes, long Count)
{
    for (long i = 0; i < Count; i++) {
        Give(Opaque(Take(Bytes)));
    }
}

static __attribute__((noinline)) void ZeroedPairs(size_t Bytes, long Count)
{
    for (long i = 0; i < Count; i++) {
        Give(Opaque(TakeZeroed(Bytes)));
    }
}

static __attribute__((noinline)) void ConstantPairs(long Count)
{
    for (long i = 0; i < Count; i++) {
        Give(Opaque(Take(64)));
    }
}

static void RunPairs(const char *Prefix, void (*Loop)(size_t, long), const int *Sizes, long Warm,
                     long Count)
{
    char Name[32];
    for (; *Sizes != 0; Sizes++) {
        Loop((size_t)*Sizes, Warm);
        snprintf(Name, sizeof(Name), "%s-%d", Prefix, *Sizes);
        Begin();
        Loop((size_t)*Sizes, Count);
        End(Name, Count);
    }
}

static void RunW1(void)
{
    static const int Sizes[] = {16, 64, 256, 1024, 2048, 4000, 0}, Zeroed[] = {64, 4000, 0};
    ConstantPairs(1000);
    Begin();
    ConstantPairs(100000);
    End("W1", 100000);
    RunPairs("W1v", Pairs, Sizes, 1000, 100000);
    RunPairs("W1z", ZeroedPairs, Zeroed, 1000, 100000);
}

/* Rounds of Count blocks, freed in the order that Index gives. */
static __attribute__((noinline)) void Batches(size_t Bytes, int Count, const uint16_t *Index,
                                              int Rounds)
{
    while (Rounds-- > 0) {
        for (int i = 0; i < Count; i++) {
            Blocks[i] = Take(Bytes);
        }
        for (int i = 0; i < Count; i++) {
            Give(Blocks[Index[i]]);
        }
    }
}

static void RunBatch(const char *Name, size_t Bytes, int Count, const uint16_t *Index, int Rounds)
{
    Batches(Bytes, Count, Index, 2);
    Begin();
    Batches(Bytes, Count, Index, Rounds);
    End(Name, (long)Count * Rounds);
}

static void RunBatches(void)
{
    static uint16_t Forward[BATCH], Backward[BATCH];
    for (int i = 0; i < BATCH; i++) {
        Forward[i] = (uint16_t)i;
        Backward[i] = (uint16_t)(BATCH - 1 - i);
    }
    RunBatch("W2-fifo", 64, BATCH, Forward, 100);
    RunBatch("W2-lifo", 64, BATCH, Backward, 100);
    RunBatch("W2-rand", 64, BATCH, Order, 100);
    RunBatch("W4b-4096", 4096, 256, Forward, 20);
}

/* ---- churn ----------------------------------------------------------------------------------- */

static void FillSlots(void)
{
    for (int i = 0; i < SLOTS; i++) {
        Blocks[i] = Take(Fill[i]);
    }
}

static __attribute__((noinline)) void Churn(void)
{
    for (int i = 0; i < STEPS; i++) {
        void **Slot = &Blocks[Steps[i].Slot];
        Give(*Slot);
        uint64_t *Block = Take(Steps[i].Bytes);
        *Block = (uint64_t)i;
        *Slot = Block;
    }
}

static void Drain(void)
{
    for (int i = 0; i < SLOTS; i++) {
        Give(Blocks[i]);
    }
}

static void RunChurn(void)
{
    FillSlots();
    Churn(); /* to warm up, as each of the published seven runs does for the next */
    Drain();
    FillSlots();
    Begin();
    Churn();
    End("W3", STEPS);
    Drain();
}

/* All blocks are written from end to end, so that what they lie in is the process's own. */
static void PrintMemory(void)
{
    size_t Before, Live = 0;
    static size_t Bytes[SLOTS];
    Before = Held();
    for (int i = 0; i < SLOTS; i++) {
        Blocks[i] = memset(Take(Fill[i]), 1, Fill[i]);
        Bytes[i] = Fill[i];
    }
    for (int i = 0; i < STEPS; i++) {
        int Slot = Steps[i].Slot;
        Give(Blocks[Slot]);
        Bytes[Slot] = Steps[i].Bytes;
        Blocks[Slot] = memset(Take(Bytes[Slot]), 1, Bytes[Slot]);
    }
    for (int i = 0; i < SLOTS; i++) {
        Live += Bytes[i];
    }
    printf("%zu %zu\n", Held() - Before, Live);
    if (Live != LIVE) {
        exit(1);
    }
}

int main(int Count, char **Arguments)
{
    static const int Pages[] = {4096, 8192, 65536, 0};
    DrawSchedule();
    memset(Blocks, 1, sizeof(Blocks)); /* its pages are no growth */
    Start();
    if (Count > 1 && strcmp(Arguments[1], "memory") == 0) {
        PrintMemory();
        return 0;
    }
    RunW1();
    RunBatches();
    RunChurn();
    RunPairs("W4", Pairs, Pages, 100, 10000);
    return 0;
}
