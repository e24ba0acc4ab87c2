/* sources: tests/host/pool_host.c tests/host/pool_check.c tests/host/pool_model.c mm/pool/pool.c */
/* sources: mm/pool/cache.c mm/pool/cache.S mm/pool/big_cache.c */
/* sources: mm/pool/allocate.c mm/pool/free.c mm/pool/big_pages.c mm/pool/tags.c mm/pool/block.c */
/* sources: mm/pool/report.c mm/pool/inspect.c mm/pool/priority.c mm/pool/by_*.c mm/pool/fail.c */
/*
 * pool_model_test.c - random operations on the pools against the model of pool_model.c, in pools
 * that grow, stay, shrink and run out of pages.
 *
 *     build/host/pool_model_test [STEPS [SEED]]
 */
#include <stdio.h>
#include <stdlib.h>
#include "tests/host/pool_model.h"

#define SHORT 1000000 /* steps; longer runs spend their time on operations */

static long Interval = 4096; /* steps between two looks at everything */

static VOID Run(long Steps, ULONG Fill)
{
    for (long Step = 0; Step < Steps; Step++) {
        ModelStep(MODEL_SLOTS, Fill);
        if (Step % Interval == 0) {
            ModelCheckEverything();
            ModelChooseRoad(ModelDrawRandom(4));
        }
    }
    ModelCheckEverything();
}

int main(int Count, char **Arguments)
{
    long Steps = Count > 1 ? atol(Arguments[1]) : 60000;
    HostSeed = Count > 2 ? strtoull(Arguments[2], NULL, 0) : HostSeed;
    if (Steps > SHORT) {
        Interval *= 16;
        HostOpenPages = TRUE;
        HostPoison = FALSE;
    }
    HostStart();
    HostPlan(5);
    Run(Steps, 12);
    HostPoint("host/pool_model/growing");
    Run(Steps, 8);
    HostPoint("host/pool_model/steady");
    Run(Steps, 4);
    ModelEmpty();
    HostPoint("host/pool_model/shrinking");
    for (int Round = 0; Round < 20; Round++) {
        HostPagesLeft = (long)(HostRandom() % 200);
        Run(Steps / 20, 12);
    }
    HostPoint("host/pool_model/exhausted");
    HostPagesLeft = -1;
    Run(Steps, 10);
    ModelEmpty();
    HostPoint("host/pool_model/after-exhaustion");
    printf("# %llu operations\n", (unsigned long long)ModelOperations);
    return HostVerdict();
}
