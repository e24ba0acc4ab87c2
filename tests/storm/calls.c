/*
 * calls.c - storms between processors: translations taken away while others read through them,
 * calls of some and of all processors at once, and work items.
 */
#include "executive/ex/ex.h"
#include "executive/ps/ps.h"
#include "tests/storm/storm.h"

/* ---- translations ---------------------------------------------------------------------------- */

#define STAGES 4 /* addresses; each has one thread that changes what is behind it */
#define PAGES  2

/* Round is even while the page behind Va is Pages[Round / 2 % PAGES], and no other translation. */
static struct {
    PCHAR Va;
    PFN_NUMBER Pages[PAGES];
    volatile ULONG Round;
} Stages[STAGES];

static volatile ULONG Changers;
static volatile ULONG64 Looks;

static BOOLEAN SetUpStages(VOID)
{
    RtlZeroMemory(Stages, sizeof(Stages));
    Looks = 0;
    for (ULONG i = 0; i < STAGES; i++) {
        Stages[i].Va = MiReserveRegion(MiRegionSystemPtes, 1);
        for (ULONG k = 0; k < PAGES; k++) {
            Stages[i].Pages[k] = MiAllocatePage(MiPageZeroed);
            *(ULONG *)MiPfnToAddress(Stages[i].Pages[k]) = 1000 * i + k;
        }
        if (Stages[i].Va == NULL) {
            return FALSE;
        }
        MiWritePte(MiGetPteAddress(Stages[i].Va), MiMakeValidPte(Stages[i].Pages[0], MM_READWRITE));
    }
    return TRUE;
}

static VOID StrikeStages(VOID)
{
    for (ULONG i = 0; i < STAGES; i++) {
        MiUnmapForeignPages(Stages[i].Va, 1);
        MiReleaseRegion(&MiRegions[MiRegionSystemPtes], Stages[i].Va, 1);
        for (ULONG k = 0; k < PAGES; k++) {
            MiFreePages(Stages[i].Pages[k], 1);
        }
    }
}

static VOID ChangeStage(PSTORM_THREAD Me)
{
    ULONG Round = Stages[Me->Number].Round;
    PFN_NUMBER Page = Stages[Me->Number].Pages[(Round / 2 + 1) % PAGES];
    __atomic_store_n(&Stages[Me->Number].Round, Round + 1, __ATOMIC_SEQ_CST);
    MiWritePte(MiGetPteAddress(Stages[Me->Number].Va), MiMakeValidPte(Page, MM_READWRITE));
    MiFlushTlb(Stages[Me->Number].Va, 1);
    __atomic_store_n(&Stages[Me->Number].Round, Round + 2, __ATOMIC_SEQ_CST);
}

/* What is read while nothing changes must be what is there. */
static VOID LookAtStage(PSTORM_THREAD Me)
{
    ULONG i = StormRandom(Me, STAGES);
    ULONG Round = __atomic_load_n(&Stages[i].Round, __ATOMIC_SEQ_CST);
    ULONG Found = *(volatile ULONG *)Stages[i].Va;
    if (__atomic_load_n(&Stages[i].Round, __ATOMIC_SEQ_CST) == Round && Round % 2 == 0) {
        STORM_CHECK(Found == 1000 * i + Round / 2 % PAGES);
        StormCount(&Looks);
    }
}

static VOID ChangeOrLook(PSTORM_THREAD Me)
{
    if (Me->Number < STAGES) {
        for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
            ChangeStage(Me);
            StormPause(Me);
            if (StormRandom(Me, 8) == 0) {
                ZwYieldExecution();
            }
        }
        __atomic_sub_fetch(&Changers, 1, __ATOMIC_RELEASE);
        return;
    }
    while (__atomic_load_n(&Changers, __ATOMIC_ACQUIRE) != 0 && StormGoesOn()) {
        LookAtStage(Me);
        StormPause(Me);
    }
}

STORM(CallFlush, "storm/calls/no-processor-reads-through-an-old-translation", "FLUSH-1")
{
    ULONG Threads = StormThreads() < 2 * STAGES ? 2 * STAGES : StormThreads();
    REQUIRE(SetUpStages());
    Changers = STAGES;
    StormRun(Threads, ChangeOrLook, StormEach(500));
    StrikeStages();
    STORM_CHECK(Looks != 0);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static volatile ULONG64 Entered, Called;
static volatile ULONG64 ExpectedCalls;

static ULONG_PTR NTAPI EnterTogether(ULONG_PTR Argument)
{
    STORM_CHECK(KeGetCurrentIrql() == IPI_LEVEL);
    StormCount(&Entered);
    return Argument + 1;
}

static VOID NoteCall(PVOID Context)
{
    StormCount(Context);
}

static VOID CallOthers(PSTORM_THREAD Me)
{
    KAFFINITY Targets = StormRandom(Me, MAXULONG) & KeQueryActiveProcessors();
    ULONG64 Here = 0, Before = 0;
    ULONG64 Flags = KiDisableInterrupts(); /* who is left out is known */
    for (KAFFINITY Left = Targets & KiOtherProcessors(); Left != 0; Left &= Left - 1) {
        Before++;
    }
    KiCallProcessors(Targets, NoteCall, &Here);
    KiRestoreInterrupts(Flags);
    STORM_CHECK(Here == Before);
    __atomic_fetch_add(&Called, Here, __ATOMIC_RELAXED);
    __atomic_fetch_add(&ExpectedCalls, Before, __ATOMIC_RELAXED);
}

static VOID CallAllOrSome(PSTORM_THREAD Me)
{
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        KIRQL OldIrql = KeGetCurrentIrql();
        if (StormRandom(Me, 4) == 0) {
            OldIrql = KeRaiseIrqlToDpcLevel();
        }
        if (i % 4 == 0) {
            STORM_CHECK(KeIpiGenericCall(EnterTogether, i) == i + 1);
        } else {
            CallOthers(Me);
        }
        KeLowerIrql(OldIrql);
        StormPause(Me);
    }
}

STORM(CallStorm, "storm/calls/each-call-reaches-each-target-once", "IPI-4")
{
    ULONG Rounds = StormEach(100);
    Entered = Called = ExpectedCalls = 0;
    StormRun(StormThreads(), CallAllOrSome, Rounds);
    STORM_CHECK(Entered == (ULONG64)StormThreads() * ((Rounds + 3) / 4) * KeNumberProcessors);
    STORM_CHECK(Called == ExpectedCalls);
}

/* ---- work items ------------------------------------------------------------------------------ */

static struct {
    WORK_QUEUE_ITEM Item;
    KEVENT Ran;
    volatile ULONG64 Count;
} Items[STORM_MAX_THREADS];

static VOID NTAPI RunItem(PVOID Parameter)
{
    ULONG Index = (ULONG)(ULONG_PTR)Parameter;
    STORM_CHECK(KeGetCurrentIrql() == PASSIVE_LEVEL);
    Items[Index].Count = Items[Index].Count + 1;
    KeSetEvent(&Items[Index].Ran, IO_NO_INCREMENT, FALSE);
}

static VOID QueueItems(PSTORM_THREAD Me)
{
    static const WORK_QUEUE_TYPE Types[] = {DelayedWorkQueue, CriticalWorkQueue,
                                            HyperCriticalWorkQueue};
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        ULONG Type = StormRandom(Me, ARRAYSIZE(Types));
        ExQueueWorkItem(&Items[Me->Number].Item, Types[Type]);
        StormPause(Me);
        if (Type == 0 && StormRandom(Me, 2) != 0) {
            ExpFlushWorkItems();
            STORM_CHECK(Items[Me->Number].Count == i + 1);
        }
        StormWait(&Items[Me->Number].Ran);
        STORM_CHECK(Items[Me->Number].Count == i + 1);
    }
}

STORM(CallWork, "storm/calls/each-work-item-runs-once", "WORK-1")
{
    for (ULONG i = 0; i < STORM_MAX_THREADS; i++) {
        Items[i].Count = 0;
        KeInitializeEvent(&Items[i].Ran, SynchronizationEvent, FALSE);
        ExInitializeWorkItem(&Items[i].Item, RunItem, (PVOID)(ULONG_PTR)i);
    }
    PspSetProcessAffinity(KeQueryActiveProcessors());
    StormRun(StormThreads(), QueueItems, StormEach(3000));
    PspSetProcessAffinity(TEST_PROCESSORS);
}
