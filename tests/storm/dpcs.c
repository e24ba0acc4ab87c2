/*
 * dpcs.c - DPC storms: queued from everywhere to everywhere, taken away again, flushed; each
 * successful insert is one run or one removal.
 */
#include "kernel/hal/hal.h"
#include "tests/storm/storm.h"

#define OBJECTS    32
#define MOST_DELAY 4000 /* turns of a loop: some microseconds, as a drain or a halt takes */
#define THREADED   5    /* each fifth object is a threaded DPC */

static struct {
    KDPC Dpc;
    volatile ULONG64 Inserted, Ran, Removed;
    volatile ULONG Arguments; /* the last insert's, to be the run's */
} Shared[OBJECTS];

static volatile ULONG64 WrongPlace;

/* A threaded one runs in a thread, the others do not. */
static VOID CheckLevel(BOOLEAN Threaded)
{
    STORM_CHECK(KeGetCurrentIrql() ==
                (Threaded && KiThreadedDpcs ? PASSIVE_LEVEL : DISPATCH_LEVEL));
    STORM_CHECK(KeGetCurrentIrql() == PASSIVE_LEVEL || KiIsInDpc());
}

/* The arguments say where it was to run; another insert may have changed the target since. */
static VOID NTAPI CountRun(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    ULONG Index = (ULONG)(ULONG_PTR)Context;
    STORM_CHECK(Dpc == &Shared[Index].Dpc);
    CheckLevel(Index % THREADED == THREADED - 1);
    STORM_CHECK((ULONG_PTR)Argument1 == ~(ULONG_PTR)Argument2);
    StormCount(&Shared[Index].Ran);
    __atomic_fetch_add(&WrongPlace,
                       (ULONG_PTR)Argument1 != KeGetCurrentProcessorNumber() &&
                           (ULONG_PTR)Argument1 < KI_MAX_PROCESSORS,
                       __ATOMIC_RELAXED);
}

static VOID InitializeShared(BOOLEAN Targeted)
{
    RtlZeroMemory(Shared, sizeof(Shared));
    WrongPlace = 0;
    for (ULONG i = 0; i < OBJECTS; i++) {
        if (i % THREADED == THREADED - 1) {
            KeInitializeThreadedDpc(&Shared[i].Dpc, CountRun, (PVOID)(ULONG_PTR)i);
        } else {
            KeInitializeDpc(&Shared[i].Dpc, CountRun, (PVOID)(ULONG_PTR)i);
        }
        KeSetImportanceDpc(&Shared[i].Dpc, (KDPC_IMPORTANCE)(i % (MediumHighImportance + 1)));
        if (Targeted) {
            KeSetTargetProcessorDpc(&Shared[i].Dpc, (CCHAR)(i / 4 % KeNumberProcessors));
        }
    }
}

static VOID CheckShared(VOID)
{
    KeFlushQueuedDpcs();
    for (ULONG i = 0; i < OBJECTS; i++) {
        STORM_CHECK(Shared[i].Inserted == Shared[i].Ran + Shared[i].Removed);
        STORM_CHECK(Shared[i].Dpc.DpcData == NULL);
    }
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        STORM_CHECK(KiProcessorBlock[i]->Dpcs.Depth == 0);
    }
    STORM_CHECK(WrongPlace == 0);
}

/* Inserts objects at random, and takes some away again. Below 50 in 100 remove: most run. */
static VOID InsertAndRemove(PSTORM_THREAD Me)
{
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        ULONG Index = StormRandom(Me, OBJECTS);
        KIRQL OldIrql = KeGetCurrentIrql();
        BOOLEAN Raised = StormRandom(Me, 4) == 0;
        if (Raised) {
            OldIrql = KeRaiseIrqlToDpcLevel(); /* several come together, and removal finds them */
        }
        if (StormRandom(Me, 3) == 0) {
            if (KeRemoveQueueDpc(&Shared[Index].Dpc)) {
                StormCount(&Shared[Index].Removed);
            }
        } else {
            ULONG_PTR Where = Shared[Index].Dpc.Number & 0x8000 ? Shared[Index].Dpc.Number & 0xFFF
                                                                : KI_MAX_PROCESSORS;
            if (KeInsertQueueDpc(&Shared[Index].Dpc, (PVOID)Where, (PVOID)~Where)) {
                StormCount(&Shared[Index].Inserted);
            }
        }
        StormPause(Me);
        if (Raised) {
            KeLowerIrql(OldIrql);
        }
    }
}

STORM(DpcEverywhere, "storm/dpcs/each-insert-is-one-run-or-one-removal", "DPC-1")
{
    InitializeShared(TRUE);
    StormRun(StormThreads(), InsertAndRemove, StormEach(16000));
    CheckShared();
}

STORM(DpcHere, "storm/dpcs/the-same-where-the-queue-is-the-callers", "DPC-6")
{
    InitializeShared(FALSE);
    StormRun(StormThreads(), InsertAndRemove, StormEach(16000));
    CheckShared();
}

/* ---- one object that everybody wants --------------------------------------------------------- */

/*
 * Even threads queue an object where they run, which drains it at once; the next thread, on another
 * processor, takes it away as often as it can: what it has just seen in a queue is often gone when
 * it gets the queue's lock.
 */
static volatile ULONG Finished[OBJECTS / 2];

static VOID QueueOrTake(PSTORM_THREAD Me)
{
    ULONG Index = Me->Number / 2;
    PKDPC Dpc = &Shared[Index].Dpc;
    ULONG_PTR Where = KI_MAX_PROCESSORS;
    KeSetSystemAffinityThreadEx(1ULL << Me->Number % KeNumberProcessors);
    for (ULONG i = 0; Me->Number % 2 == 0 && i < Me->Rounds && StormGoesOn(); i++) {
        if (KeInsertQueueDpc(Dpc, (PVOID)Where, (PVOID)~Where)) {
            StormCount(&Shared[Index].Inserted);
        }
    }
    while (Me->Number % 2 != 0 && !Finished[Index] && StormGoesOn()) {
        if (KeRemoveQueueDpc(Dpc)) {
            StormCount(&Shared[Index].Removed);
        }
        for (ULONG k = StormRandom(Me, MOST_DELAY); k > 0; k--) {
            __atomic_signal_fence(
                __ATOMIC_SEQ_CST); /* else it would always come before the drain */
        }
    }
    __atomic_store_n(&Finished[Index], 1, __ATOMIC_RELEASE);
}

STORM(DpcRemoval, "storm/dpcs/a-removal-takes-what-is-queued-or-nothing", "DPC-6")
{
    ULONG Threads = (KeNumberProcessors + 1) / 2 * 2;
    InitializeShared(FALSE);
    for (ULONG i = 0; i < ARRAYSIZE(Finished); i++) {
        Finished[i] = 0;
    }
    for (ULONG i = 0; i < OBJECTS; i++) {
        KeSetImportanceDpc(&Shared[i].Dpc, MediumHighImportance);
    }
    StormRun(Threads < OBJECTS ? Threads : OBJECTS, QueueOrTake, StormEach(60000));
    CheckShared();
}

/* ---- flushing -------------------------------------------------------------------------------- */

static struct {
    KDPC Dpc;
    volatile ULONG64 Ran;
} Own[STORM_MAX_THREADS];

static VOID NTAPI CountOwn(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    StormCount(&Own[(ULONG_PTR)Context].Ran);
}

static VOID InsertAndFlush(PSTORM_THREAD Me)
{
    PKDPC Dpc = &Own[Me->Number].Dpc;
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        if (StormRandom(Me, THREADED) == 0) {
            KeInitializeThreadedDpc(Dpc, CountOwn, (PVOID)(ULONG_PTR)Me->Number);
        } else {
            KeInitializeDpc(Dpc, CountOwn, (PVOID)(ULONG_PTR)Me->Number);
        }
        KeSetImportanceDpc(Dpc, (KDPC_IMPORTANCE)StormRandom(Me, MediumHighImportance + 1));
        KeSetTargetProcessorDpc(Dpc, (CCHAR)StormRandom(Me, KeNumberProcessors));
        STORM_CHECK(KeInsertQueueDpc(Dpc, NULL, NULL));
        StormPause(Me);
        KeFlushQueuedDpcs();
        STORM_CHECK(Own[Me->Number].Ran == i + 1);
    }
}

STORM(DpcFlush, "storm/dpcs/a-flush-waits-for-each-that-was-queued", "DDI KeFlushQueuedDpcs")
{
    RtlZeroMemory(Own, sizeof(Own));
    StormRun(StormThreads(), InsertAndFlush, StormEach(2000));
}

/* ---- a processor that is about to halt ------------------------------------------------------- */

#define PATIENCE (10 * 10000000ULL) /* 10 s */

static VOID NTAPI StopClock(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    HalpStartApicTimer(0, FALSE);
}

static VOID NTAPI StartClock(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    HalpStartClock();
}

static BOOLEAN SpinForRuns(volatile ULONG64 *Ran, ULONG64 Wanted)
{
    ULONG64 Counter, Until = KeQueryInterruptTimePrecise(&Counter) + PATIENCE;
    while (__atomic_load_n(Ran, __ATOMIC_ACQUIRE) != Wanted) {
        YieldProcessor();
        if (KeQueryInterruptTimePrecise(&Counter) > Until) {
            return FALSE;
        }
    }
    return TRUE;
}

/* The next one comes while processor 1 goes back to its halt, or has just done so. */
static VOID DisturbHalt(PSTORM_THREAD Me)
{
    KeSetSystemAffinityThreadEx(TEST_PROCESSORS);
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        KeSetImportanceDpc(&Own[0].Dpc, (KDPC_IMPORTANCE)StormRandom(Me, MediumImportance + 1));
        STORM_CHECK(KeInsertQueueDpc(&Own[0].Dpc, NULL, NULL));
        STORM_CHECK(SpinForRuns(&Own[0].Ran, i + 1));
        for (ULONG k = StormRandom(Me, MOST_DELAY >> StormRandom(Me, 6)); k > 0; k--) {
            __atomic_signal_fence(__ATOMIC_SEQ_CST);
        }
    }
}

STORM(DpcHalt, "storm/dpcs/a-processor-does-not-halt-over-one", "DPC-7")
{
    NEED_PROCESSORS(2);
    RtlZeroMemory(Own, sizeof(Own));
    KeInitializeDpc(&Own[0].Dpc, CountOwn, NULL);
    KeSetTargetProcessorDpc(&Own[0].Dpc, 1);
    TestJoinThread(TestStartOn(1, StopClock, NULL));
    StormRun(1, DisturbHalt, StormEach(25000));
    TestJoinThread(TestStartOn(1, StartClock, NULL));
}
