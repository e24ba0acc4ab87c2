/*
 * pressure.c - storms over the pressure events: pages come and go around the thresholds on all
 * processors, and in the end each event says what is so.
 */
#include "mm/pressure.h"
#include "tests/storm/storm.h"

#define TURNS 8
#define KEPT  12 /* pages that a thread has at most */

static PFN_NUMBER Kept[STORM_MAX_THREADS][KEPT];
static ULONG KeptCount[STORM_MAX_THREADS];

/* Takes pages and charges, and gives them back; some stay. */
static VOID TakeAndGive(PSTORM_THREAD Me)
{
    PULONG Count = &KeptCount[Me->Number];
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        BOOLEAN Take = *Count == 0 || (*Count < KEPT && StormRandom(Me, 2) != 0);
        if (!Take) {
            MiFreePage(Kept[Me->Number][--*Count]);
            MiReturnCommit(1);
        } else if (MiChargeCommit(1)) {
            PFN_NUMBER Pfn = MiAllocatePage(MiPageAny);
            STORM_CHECK(Pfn != MI_NO_PAGE);
            Kept[Me->Number][(*Count)++] = Pfn;
        }
        if (StormRandom(Me, 8) == 0) {
            StormPause(Me);
        }
    }
}

static VOID GiveAllBack(VOID)
{
    for (ULONG i = 0; i < STORM_MAX_THREADS; i++) {
        while (KeptCount[i] > 0) {
            MiFreePage(Kept[i][--KeptCount[i]]);
            MiReturnCommit(1);
        }
    }
}

static VOID CheckConditions(VOID)
{
    KeFlushQueuedDpcs();
    for (MI_CONDITION i = 0; i < MiConditionCount; i++) {
        BOOLEAN Less = MiQueryLeft(i) < MiQueryThreshold(i);
        STORM_CHECK((KeReadStateEvent(MiConditionEvent(i)) != 0) ==
                    (Less == MiIsBelowCondition(i)));
    }
}

/* Each turn has its thresholds elsewhere, so that some turns end at one side, some at the other. */
STORM(PressureEdges, "storm/pressure/no-edge-is-lost", "PRESS-1, PRESS-3")
{
    ULONG Threads = StormThreads();
    for (ULONG i = 0; i < TURNS; i++) {
        SIZE_T Pages = MiQueryLeft(MiLowMemory), Commit = MiQueryLeft(MiHighCommit);
        SIZE_T Share = (SIZE_T)Threads * KEPT * (i + 1) / (TURNS + 1);
        MiSetThreshold(MiLowMemory, Pages - Share);
        MiSetThreshold(MiHighMemory, Pages - Share + 2);
        MiSetThreshold(MiHighCommit, Commit - Share);
        MiSetThreshold(MiLowCommit, Commit - Share + 2);
        CheckConditions();
        StormRun(Threads, TakeAndGive, StormEach(3000));
        CheckConditions();
        GiveAllBack();
        CheckConditions();
    }
    for (MI_CONDITION i = 0; i < MiConditionCount; i++) {
        MiSetThreshold(i, MI_DEFAULT_THRESHOLD);
    }
}
