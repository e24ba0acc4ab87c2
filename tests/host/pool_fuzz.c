/* sources: tests/host/pool_host.c tests/host/pool_check.c tests/host/pool_model.c mm/pool/pool.c */
/* sources: mm/pool/cache.c mm/pool/cache.S mm/pool/big_cache.c */
/* sources: mm/pool/allocate.c mm/pool/free.c mm/pool/big_pages.c mm/pool/tags.c mm/pool/block.c */
/* sources: mm/pool/report.c mm/pool/inspect.c mm/pool/priority.c mm/pool/by_*.c mm/pool/fail.c */
/*
 * pool_fuzz.c - libFuzzer drives the pools and their model (pool_model.c): each choice of the model
 * is bytes of the input, and a difference is a crash.
 *
 *     build/fuzz/pool_fuzz [FILE | FOLDER -max_total_time=60 ...]
 *
 * The first bytes say how much is checked, how many slots take part and how full they get; every
 * input begins and ends with empty pools, so that it does the same alone.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "tests/host/pool_model.h"

int LLVMFuzzerInitialize(int *Count, char ***Arguments);
int LLVMFuzzerTestOneInput(const uint8_t *Data, size_t Size);

#define TURNS 32 /* through an input, each on what the one before left */

static const uint8_t *Next, *End;

/* As many bytes as the limit needs; zeroes behind the end. */
static ULONG DrawInput(ULONG Limit)
{
    ULONG Value = 0;
    for (ULONG Range = 1; Range < Limit && Next < End; Range *= 256) {
        Value = Value << 8 | *Next++;
    }
    return Value % Limit;
}

static void Report(void)
{
    fprintf(stderr, "pool_fuzz: %llu operations\n", (unsigned long long)ModelOperations);
}

int LLVMFuzzerInitialize(int *Count, char ***Arguments)
{
    (void)Count;
    (void)Arguments;
    ModelDraw = DrawInput;
    HostStart();
    atexit(Report);
    return 0;
}

/* Now and then the supply of pages ends after a few more, or has all again. */
static VOID DrawSupply(VOID)
{
    if (ModelDraw(256) == 0) {
        HostPagesLeft = HostPagesLeft < 0 ? (long)ModelDraw(16) : -1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *Data, size_t Size)
{
    Next = Data;
    End = Data + Size;
    ULONG Mode = ModelDraw(8);
    ModelChooseRoad(Mode % 4);
    ULONG Slots = 1 + ModelDraw(256), Fill = 4 + ModelDraw(9);
    for (int Turn = 0; Turn < TURNS; Turn++) {
        for (Next = Data; Next < End;) {
            DrawSupply();
            ModelStep(Slots, Fill);
        }
    }
    if (Mode < 4) { /* not always: it costs as much as hundreds of operations */
        ModelCheckEverything();
    }
    HostPagesLeft = -1;
    ModelEmpty();
    if (HostFailures != 0) {
        abort();
    }
    return 0;
}
