/*
 * threads.c - storms over threads: they are moved from processor to processor, get other
 * priorities, begin and end; a ready thread and an idle processor that may run it never stay apart.
 */
#include "executive/ps/ps.h"
#include "tests/storm/storm.h"

static KAFFINITY RandomMask(PSTORM_THREAD Me)
{
    KAFFINITY All = KeQueryActiveProcessors();
    KAFFINITY Mask = (StormRandom(Me, MAXULONG) | (ULONG64)StormRandom(Me, MAXULONG) << 32) & All;
    return Mask != 0 ? Mask : All;
}

/* The bit of the processor that it runs on, or ran on just now. */
static KAFFINITY OwnProcessor(VOID)
{
    ULONG64 Flags = KiDisableInterrupts(); /* the record's address and its content are of one */
    KAFFINITY Here = KeGetCurrentPrcb()->SetMember;
    KiRestoreInterrupts(Flags);
    return Here;
}

static BOOLEAN IsIn(KAFFINITY Mask)
{
    return (OwnProcessor() & Mask) != 0;
}

/* ---- a thread that moves itself -------------------------------------------------------------- */

static KEVENT MoveTurn[STORM_MAX_THREADS];

static VOID MoveSelf(PSTORM_THREAD Me)
{
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        KAFFINITY Mask = RandomMask(Me);
        KeSetSystemAffinityThreadEx(Mask);
        STORM_CHECK(IsIn(Mask));
        StormPause(Me);
        STORM_CHECK(IsIn(Mask));
        StormWait(&MoveTurn[Me->Number]);
        STORM_CHECK(IsIn(Mask));
        if (StormRandom(Me, 4) == 0) {
            KeRevertToUserAffinityThread();
        }
        KeSetEvent(&MoveTurn[Me->Number ^ 1], IO_NO_INCREMENT, FALSE);
    }
}

STORM(ThreadMoves, "storm/threads/a-thread-runs-where-it-wants-to", "THRD-4")
{
    for (ULONG i = 0; i < StormThreads(); i++) {
        KeInitializeEvent(&MoveTurn[i], SynchronizationEvent, i % 2 == 0);
    }
    StormRun(StormThreads(), MoveSelf, StormEach(4000));
}

/* ---- a thread that is moved ------------------------------------------------------------------ */

#define MOST_STEPS 100 /* that it may still be where it was */

/* Even threads walk: step by step, and say where they are. Odd ones move them. */
static struct {
    PKTHREAD Thread;
    volatile KAFFINITY Where;
    volatile BOOLEAN End;
    KEVENT Go, Stepped;
} Walkers[STORM_MAX_THREADS / 2];

static VOID Walk(PSTORM_THREAD Me)
{
    ULONG Pair = Me->Number / 2;
    Walkers[Pair].Thread = Me->Thread;
    while (!Walkers[Pair].End && StormGoesOn()) {
        StormWait(&Walkers[Pair].Go);
        StormPause(Me);
        Walkers[Pair].Where = OwnProcessor();
        KeSetEvent(&Walkers[Pair].Stepped, IO_NO_INCREMENT, FALSE);
    }
}

static VOID MoveOther(PSTORM_THREAD Me)
{
    ULONG Pair = Me->Number / 2;
    KEVENT *Go = &Walkers[Pair].Go, *Stepped = &Walkers[Pair].Stepped;
    KeSetEvent(Go, IO_NO_INCREMENT, FALSE);
    StormWait(Stepped);
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        KAFFINITY Mask = RandomMask(Me);
        if (StormRandom(Me, 2) != 0) {
            KeSetEvent(Go, IO_NO_INCREMENT, FALSE); /* it is ready, or runs */
            KiSetUserAffinity(Walkers[Pair].Thread, Mask);
        } else {
            KiSetUserAffinity(Walkers[Pair].Thread, Mask); /* it waits, mostly */
            KeSetEvent(Go, IO_NO_INCREMENT, FALSE);
        }
        StormWait(Stepped);
        for (ULONG Steps = 0; !(Walkers[Pair].Where & Mask) && Steps < MOST_STEPS; Steps++) {
            KeSetEvent(Go, IO_NO_INCREMENT, FALSE); /* the request to move was on its way */
            StormWait(Stepped);
        }
        STORM_CHECK(Walkers[Pair].Where & Mask);
        KeSetPriorityThread(Walkers[Pair].Thread, (KPRIORITY)(7 + StormRandom(Me, 3)));
    }
    Walkers[Pair].End = TRUE;
    KeSetEvent(Go, IO_NO_INCREMENT, FALSE);
}

static VOID WalkOrMove(PSTORM_THREAD Me)
{
    if (Me->Number % 2 == 0) {
        Walk(Me);
    } else {
        MoveOther(Me);
    }
}

STORM(ThreadMoved, "storm/threads/a-thread-runs-where-others-want-it", "THRD-4")
{
    RtlZeroMemory(Walkers, sizeof(Walkers));
    for (ULONG i = 0; i < StormThreads() / 2; i++) {
        KeInitializeEvent(&Walkers[i].Go, SynchronizationEvent, FALSE);
        KeInitializeEvent(&Walkers[i].Stepped, SynchronizationEvent, FALSE);
    }
    StormRun(StormThreads(), WalkOrMove, StormEach(2000));
}

/* ---- beginning and ending -------------------------------------------------------------------- */

#define MOST_CHILDREN 200 /* at a time: one reaper has to keep up with all processors */

static volatile ULONG64 Lived;

static VOID NTAPI Live(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    StormCount(&Lived);
}

/*
 * Until fewer threads than Most are there; those that have ended are there until the reaper came.
 */
static VOID AwaitReaper(LONG64 Most)
{
    LARGE_INTEGER Tick = {.QuadPart = -1};
    while ((*PsThreadType)->Objects > Most && StormGoesOn()) {
        KeDelayExecutionThread(KernelMode, FALSE, &Tick);
    }
}

static VOID MakeThreads(PSTORM_THREAD Me)
{
    PETHREAD Child;
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        AwaitReaper(MOST_CHILDREN);
        NTSTATUS Status = PspCreateThread(Live, NULL, (KPRIORITY)(7 + StormRandom(Me, 4)), &Child);
        STORM_CHECK(NT_SUCCESS(Status));
        if (NT_SUCCESS(Status)) {
            if (StormRandom(Me, 2) == 0) {
                StormWait(Child);
            }
            ObDereferenceObject(Child);
        }
    }
}

STORM(ThreadLives, "storm/threads/each-that-begins-ends-and-is-taken-back", "PS-3")
{
    ULONG Rounds = StormEach(600);
    LONG64 Before = (*PsThreadType)->Objects;
    Lived = 0;
    PspSetProcessAffinity(KeQueryActiveProcessors());
    StormRun(StormThreads(), MakeThreads, Rounds);
    AwaitReaper(Before);
    PspSetProcessAffinity(TEST_PROCESSORS);
    STORM_CHECK(Lived == (ULONG64)StormThreads() * Rounds);
}
