/*
 * pressure.c - the events that say that memory is low or high, for drivers that make do with less
 * then: \KernelObjects\LowNonPagedPoolCondition and its like (contract 3.10).
 *
 * Theory. A condition is about pages that are left: of memory, of commit, of a pool. A pool has
 * left what its address range, commit and (if it is nonpaged) memory allow, whichever is least. So
 * all conditions come down to a few counters, and each counter has values at which one of them
 * changes. Between two such values nothing can happen: the counter is quiet there. Whoever moves a
 * counter makes one comparison, and only when it has left its quiet values a DPC is queued, which
 * looks at all counters, sets and clears the events, and tells each counter its new quiet values.
 *
 *      left                LowMemory              HighMemory
 *        0 |................. set .................|                       quiet: between two bars;
 *      128 |                                       |                       to cross one queues the
 *      384 |                                       |......... set ........ DPC
 *
 * Memory is counted by node. What may change before the sum reaches a threshold is split among the
 * nodes, so that each watches its own pages: near a threshold that makes a few DPCs more.
 *
 *   PRESS-1  When no DPC is pending, each event is set exactly while its condition holds.
 *   PRESS-2  Who moves a counter compares it with its quiet values afterwards, and reports a value
 *            outside of them.
 *   PRESS-3  No edge is lost: a counter that moved behind the DPC's look at it is seen by the look
 *            that follows the change of the quiet values, or its mover sees the new ones. For that
 *            a counter with a lock and its quiet values change under the lock; commit, which has
 *            none, is moved by locked instructions, and the DPC has a fence between the two.
 *   PRESS-4  The DPC runs on processor 0 only: never twice at once.
 *   PRESS-5  Events are set without a lock held. Here nothing is allocated.
 */
#include "mm/paging.h"
#include "mm/pressure.h"

/* What can run short. The first three are the regions of the pools, by their numbers. */
typedef enum _MI_GAUGE {
    MiGaugeNonPaged = MiRegionNonPagedPool,
    MiGaugeExecutable = MiRegionExecutablePool,
    MiGaugePaged = MiRegionPagedPool,
    MiGaugeCommit,
    MiGaugeMemory,
    MiGaugeCount,
} MI_GAUGE;
_Static_assert(MiRegionPagedPool + 1 == MiGaugeCommit, "MI_SUPPLY.InUse");

#define MEMORY   (1U << MiGaugeMemory)
#define COMMIT   (1U << MiGaugeCommit)
#define PAGED    (1U << MiGaugePaged | COMMIT)
#define NONPAGED (1U << MiGaugeNonPaged | 1U << MiGaugeExecutable | COMMIT | MEMORY)

static const struct {
    PCWSTR Name;
    ULONG Gauges; /* the least of these is what is left */
    BOOLEAN Below;
} MiConditions[MiConditionCount] = {
    [MiLowMemory] = {L"LowMemoryCondition", MEMORY, TRUE},
    [MiHighMemory] = {L"HighMemoryCondition", MEMORY, FALSE},
    [MiLowPagedPool] = {L"LowPagedPoolCondition", PAGED, TRUE},
    [MiHighPagedPool] = {L"HighPagedPoolCondition", PAGED, FALSE},
    [MiLowNonPagedPool] = {L"LowNonPagedPoolCondition", NONPAGED, TRUE},
    [MiHighNonPagedPool] = {L"HighNonPagedPoolCondition", NONPAGED, FALSE},
    [MiLowCommit] = {L"LowCommitCondition", COMMIT, FALSE},
    [MiHighCommit] = {L"HighCommitCondition", COMMIT, TRUE},
    [MiMaximumCommit] = {L"MaximumCommitCondition", COMMIT, TRUE},
};

static PKEVENT MiConditionEvents[MiConditionCount];
static SIZE_T MiMovedThresholds[MiConditionCount] = {[0 ... MiConditionCount - 1] =
                                                         MI_DEFAULT_THRESHOLD};
static KDPC MiPressureDpc;
static BOOLEAN MiPressureStarted;
static MI_PLENTY_ROUTINE *MiPlentyRoutine;

PCWSTR MiConditionName(MI_CONDITION Condition)
{
    return MiConditions[Condition].Name;
}

BOOLEAN MiIsBelowCondition(MI_CONDITION Condition)
{
    return MiConditions[Condition].Below;
}

VOID MiProvideConditionEvent(MI_CONDITION Condition, PKEVENT Event)
{
    MiConditionEvents[Condition] = Event;
}

PKEVENT MiConditionEvent(MI_CONDITION Condition)
{
    return MiConditionEvents[Condition];
}

/* ---- thresholds ------------------------------------------------------------------------------ */

static SIZE_T MiLesser(SIZE_T A, SIZE_T B)
{
    return A < B ? A : B;
}

static SIZE_T MiPagesOf(SIZE_T Megabytes)
{
    return Megabytes << 20 >> PAGE_SHIFT;
}

/* Of what is left of the limit of today. */
static SIZE_T MiMaximumCommitThreshold(VOID)
{
    SIZE_T Growth = MiPossibleGrowth(), Least = (MmTotalCommitLimit + Growth) / 20;
    return Least > Growth ? Least - Growth : 0;
}

/*
 * Contract 3.10. It leaves those of commit open: little is promised while a quarter of the limit is
 * left, much when a tenth is, and the most when a twentieth is of what the limit would be if all
 * paging files were as large as they may become.
 */
static SIZE_T MiDefaultThreshold(MI_CONDITION Condition)
{
    SIZE_T LowMemory = MiLesser(MiPagesOf(64), MmNumberOfPhysicalPages / 128);
    SIZE_T Limit = MmTotalCommitLimit;
    SIZE_T Paged = MiLesser(MiRegions[MiRegionPagedPool].Limit, Limit);
    SIZE_T NonPaged = MiLesser(MiRegions[MiRegionNonPagedPool].Limit, Limit);
    switch (Condition) {
    case MiLowMemory: return LowMemory;
    case MiHighMemory: return 3 * LowMemory;
    case MiLowPagedPool: return MiLesser(MiPagesOf(30), Paged / 5);
    case MiHighPagedPool: return MiLesser(MiPagesOf(60), Paged * 2 / 5);
    case MiLowNonPagedPool: return MiLesser(MiPagesOf(8), NonPaged / 3);
    case MiHighNonPagedPool: return MiLesser(MiPagesOf(20), NonPaged / 2);
    case MiLowCommit: return Limit / 4;
    case MiHighCommit: return Limit / 10;
    default: return MiMaximumCommitThreshold();
    }
}

SIZE_T MiQueryThreshold(MI_CONDITION Condition)
{
    SIZE_T Moved = __atomic_load_n(&MiMovedThresholds[Condition], __ATOMIC_RELAXED);
    return Moved == MI_DEFAULT_THRESHOLD ? MiDefaultThreshold(Condition) : Moved;
}

VOID MiSetThreshold(MI_CONDITION Condition, SIZE_T Pages)
{
    __atomic_store_n(&MiMovedThresholds[Condition], Pages, __ATOMIC_SEQ_CST);
    MiReportPressure();
}

/* ---- what is left ---------------------------------------------------------------------------- */

static SIZE_T MiRead(const SIZE_T *Counter)
{
    return __atomic_load_n(Counter, __ATOMIC_RELAXED);
}

VOID MiReadSupply(PMI_SUPPLY Supply)
{
    for (ULONG i = 0; i < ARRAYSIZE(Supply->InUse); i++) {
        Supply->InUse[i] = MiRead(&MiRegions[i].PagesInUse);
    }
    Supply->Committed = MiRead(&MmTotalCommittedPages);
    for (ULONG i = 0; i < MiNodeCount; i++) {
        Supply->Available[i] = MiRead(&MiNodes[i].AvailablePages);
    }
}

/* The most that a gauge can have left. */
static SIZE_T MiFullGauge(MI_GAUGE Gauge)
{
    return Gauge == MiGaugeMemory   ? MmNumberOfPhysicalPages
           : Gauge == MiGaugeCommit ? MmTotalCommitLimit
                                    : MiRegions[Gauge].Limit;
}

static SIZE_T MiReadGauge(const MI_SUPPLY *Supply, MI_GAUGE Gauge)
{
    SIZE_T Full = MiFullGauge(Gauge), Used, Sum = 0;
    if (Gauge == MiGaugeMemory) {
        for (ULONG i = 0; i < MiNodeCount; i++) {
            Sum += Supply->Available[i];
        }
        return Sum;
    }
    Used = Gauge == MiGaugeCommit ? Supply->Committed : Supply->InUse[Gauge];
    return Used < Full ? Full - Used : 0;
}

static SIZE_T MiReadLeft(const MI_SUPPLY *Supply, MI_CONDITION Condition)
{
    SIZE_T Left = MAXULONG_PTR;
    for (MI_GAUGE Gauge = 0; Gauge < MiGaugeCount; Gauge++) {
        if (MiConditions[Condition].Gauges >> Gauge & 1) {
            Left = MiLesser(Left, MiReadGauge(Supply, Gauge));
        }
    }
    return Left;
}

SIZE_T MiQueryLeft(MI_CONDITION Condition)
{
    MI_SUPPLY Supply;
    MiReadSupply(&Supply);
    return MiReadLeft(&Supply, Condition);
}

/* ---- the events ------------------------------------------------------------------------------ */

/* A driver may have set or cleared the event itself, so that it is asked each time. */
static VOID MiShowCondition(const MI_SUPPLY *Supply, MI_CONDITION Condition)
{
    PKEVENT Event = MiConditionEvents[Condition];
    BOOLEAN Less = MiReadLeft(Supply, Condition) < MiQueryThreshold(Condition);
    BOOLEAN Holds = Less == MiConditions[Condition].Below;
    if (Holds == (KeReadStateEvent(Event) != 0)) {
        return;
    }
    if (Holds) {
        KeSetEvent(Event, EVENT_INCREMENT, FALSE);
    } else {
        KeClearEvent(Event);
    }
}

/* ---- quiet values ---------------------------------------------------------------------------- */

/* What is left of a gauge may be Low up to, not including, End, and no condition changes. */
static VOID MiFindBounds(MI_GAUGE Gauge, SIZE_T Left, PSIZE_T Low, PSIZE_T End)
{
    *Low = 0;
    *End = MiFullGauge(Gauge) + 1;
    for (MI_CONDITION i = 0; i < MiConditionCount; i++) {
        SIZE_T Threshold = MiQueryThreshold(i);
        if (!(MiConditions[i].Gauges >> Gauge & 1)) {
            continue;
        }
        if (Threshold <= Left && Threshold > *Low) {
            *Low = Threshold;
        }
        if (Threshold > Left && Threshold < *End) {
            *End = Threshold;
        }
    }
}

/*
 * For a counter of what is used up. It may be above what is full: commit is when slots of paging
 * files were retired. Nothing is left then, as when it is just full.
 */
static MI_QUIET MiFindQuiet(const MI_SUPPLY *Supply, MI_GAUGE Gauge)
{
    SIZE_T Low, End;
    MiFindBounds(Gauge, MiReadGauge(Supply, Gauge), &Low, &End);
    SIZE_T Least = MiFullGauge(Gauge) + 1 - End;
    return (MI_QUIET){Least, Low == 0 ? MAXULONG_PTR - Least : End - Low};
}

/* For the pages of a node: its share of what all of them together may lose or gain. */
static MI_QUIET MiFindQuietOfNode(const MI_SUPPLY *Supply, ULONG Node)
{
    SIZE_T Low, End, Left = MiReadGauge(Supply, MiGaugeMemory), Own = Supply->Available[Node];
    MiFindBounds(MiGaugeMemory, Left, &Low, &End);
    SIZE_T Loss = MiLesser((Left - Low) / MiNodeCount, Own);
    SIZE_T Gain = (End - 1 - Left) / MiNodeCount;
    return (MI_QUIET){Own - Loss, Loss + Gain + 1};
}

static VOID MiSetQuiet(PKSPIN_LOCK Lock, PMI_QUIET Quiet, MI_QUIET Value)
{
    ULONG64 State = MiAcquireLock(Lock);
    *Quiet = Value;
    MiReleaseLock(Lock, State);
}

static VOID MiSetAllQuiet(const MI_SUPPLY *Supply)
{
    for (ULONG i = 0; i < ARRAYSIZE(Supply->InUse); i++) {
        MiSetQuiet(&MiRegions[i].Lock, &MiRegions[i].Quiet, MiFindQuiet(Supply, (MI_GAUGE)i));
    }
    for (ULONG i = 0; i < MiNodeCount; i++) {
        MiSetQuiet(&MiNodes[i].Lock, &MiNodes[i].Quiet, MiFindQuietOfNode(Supply, i));
    }
    MiQuietCommit = MiFindQuiet(Supply, MiGaugeCommit);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* PRESS-3 */
}

static BOOLEAN MiIsAnyLoud(VOID)
{
    MI_SUPPLY Now;
    MiReadSupply(&Now);
    BOOLEAN Loud = MiIsLoud(&MiQuietCommit, Now.Committed);
    for (ULONG i = 0; i < ARRAYSIZE(Now.InUse); i++) {
        Loud |= MiIsLoud(&MiRegions[i].Quiet, Now.InUse[i]);
    }
    for (ULONG i = 0; i < MiNodeCount; i++) {
        Loud |= MiIsLoud(&MiNodes[i].Quiet, Now.Available[i]);
    }
    return Loud;
}

/* ---- the DPC --------------------------------------------------------------------------------- */

VOID MiReportPressure(VOID)
{
    if (__atomic_load_n(&MiPressureStarted, __ATOMIC_ACQUIRE)) {
        KeInsertQueueDpc(&MiPressureDpc, NULL, NULL);
    }
}

VOID MiJudgeSupply(const MI_SUPPLY *Supply)
{
    for (MI_CONDITION i = 0; i < MiConditionCount; i++) {
        MiShowCondition(Supply, i);
    }
    MiSetAllQuiet(Supply);
    if (MiIsAnyLoud()) {
        MiReportPressure();
    }
}

VOID MiProvidePlentyRoutine(MI_PLENTY_ROUTINE *Routine)
{
    MiPlentyRoutine = Routine;
}

static BOOLEAN MiIsPlenty(const MI_SUPPLY *Supply)
{
    return MiReadLeft(Supply, MiHighNonPagedPool) >= MiQueryThreshold(MiHighNonPagedPool) &&
           MiReadLeft(Supply, MiHighMemory) >= MiQueryThreshold(MiHighMemory);
}

static VOID NTAPI MiPressureRoutine(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    MI_SUPPLY Supply;
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    MiReadSupply(&Supply);
    MiJudgeSupply(&Supply);
    if (MiPlentyRoutine != NULL) {
        MiPlentyRoutine(MiIsPlenty(&Supply));
    }
}

VOID MiStartPressure(VOID)
{
    KeInitializeDpc(&MiPressureDpc, MiPressureRoutine, NULL);
    KeSetTargetProcessorDpc(&MiPressureDpc, 0);
    KeSetImportanceDpc(&MiPressureDpc, MediumHighImportance); /* asks another processor at once */
    __atomic_store_n(&MiPressureStarted, TRUE, __ATOMIC_RELEASE);
    MiReportPressure();
}
