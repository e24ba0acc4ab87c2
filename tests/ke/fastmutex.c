/*
 * fastmutex.c - tests of fast and guarded mutexes: fields and levels, who gets one, and each misuse
 * in a machine of its own.
 */
#include "tests/ke/bench.h"
#include "tests/ke/smp.h"
#include "tests/ke/steps.h"

#define HIGH    (KI_PRIORITY_DEFAULT + 1) /* runs at once */
#define LOW     (KI_PRIORITY_DEFAULT - 5)
#define MIDDLE  (KI_PRIORITY_DEFAULT - 2)
#define WAITERS 3
#define POISON  0x77

static FAST_MUTEX TestMutex;
static CHAR Order[8];
static ULONG OrderLength;

static VOID Note(CHAR Who)
{
    Order[OrderLength++] = Who;
}

TEST(FastLayout, "fastmutex/a-free-one-is-the-documented-one", "contract 1.7: Count 1, Owner NULL")
{
    ExInitializeFastMutex(&TestMutex);
    CHECK_EQ(TestMutex.Count, 1);
    CHECK_EQ(TestMutex.Owner, NULL);
    CHECK_EQ(TestMutex.Contention, 0);
    CHECK_EQ(TestMutex.Event.Header.Type, 1);
    CHECK_EQ(TestMutex.Event.Header.SignalState, 0);
}

TEST(FastLevels, "fastmutex/acquire-raises-to-apc-level-and-release-restores", "FMTX-2")
{
    static const KIRQL Levels[] = {PASSIVE_LEVEL, APC_LEVEL};
    ExInitializeFastMutex(&TestMutex);
    for (ULONG i = 0; i < ARRAYSIZE(Levels); i++) {
        KIRQL Old;
        KeRaiseIrql(Levels[i], &Old);
        ExAcquireFastMutex(&TestMutex);
        CHECK_EQ(KeGetCurrentIrql(), APC_LEVEL);
        CHECK_EQ(TestMutex.Count, 0);
        CHECK_EQ(TestMutex.Owner, KeGetCurrentThread());
        CHECK_EQ(TestMutex.OldIrql, Levels[i]);
        CHECK_EQ(KeAreApcsDisabled(), FALSE);
        CHECK_EQ(KeAreAllApcsDisabled(), TRUE);
        ExReleaseFastMutex(&TestMutex);
        CHECK_EQ(KeGetCurrentIrql(), Levels[i]);
        CHECK_EQ(TestMutex.Count, 1);
        CHECK_EQ(TestMutex.Owner, NULL);
        KeLowerIrql(Old);
    }
    CHECK_EQ(TestMutex.Contention, 0);
}

TEST(FastUnsafe, "fastmutex/unsafe-forms-leave-the-level-and-oldirql-alone", "FMTX-2")
{
    KIRQL Old;
    ExInitializeFastMutex(&TestMutex);
    TestMutex.OldIrql = POISON;
    KeEnterCriticalRegion();
    ExAcquireFastMutexUnsafe(&TestMutex);
    CHECK_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    CHECK_EQ(TestMutex.Owner, KeGetCurrentThread());
    ExReleaseFastMutexUnsafe(&TestMutex);
    CHECK_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    KeLeaveCriticalRegion();
    KeRaiseIrql(APC_LEVEL, &Old);
    ExAcquireFastMutexUnsafe(&TestMutex);
    ExReleaseFastMutexUnsafe(&TestMutex);
    CHECK_EQ(KeGetCurrentIrql(), APC_LEVEL);
    KeLowerIrql(Old);
    CHECK_EQ(TestMutex.OldIrql, POISON);
    CHECK_EQ(TestMutex.Count, 1);
}

static VOID Begin(VOID)
{
    OrderLength = 0;
    ExInitializeFastMutex(&TestMutex);
}

/* At PASSIVE_LEVEL, where threads are started. */
static VOID Own(VOID)
{
    KeEnterCriticalRegion();
    ExAcquireFastMutexUnsafe(&TestMutex);
}

static VOID Disown(VOID)
{
    ExReleaseFastMutexUnsafe(&TestMutex);
    KeLeaveCriticalRegion();
}

static BOOLEAN TriedAndGotIt;
static KIRQL TriedAtEnd;

static VOID NTAPI TryIt(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    TriedAndGotIt = ExTryToAcquireFastMutex(&TestMutex);
    TriedAtEnd = KeGetCurrentIrql();
    if (TriedAndGotIt) {
        ExReleaseFastMutex(&TestMutex);
    }
}

TEST(FastTry, "fastmutex/try-takes-a-free-one-only", "DDI wdm ExTryToAcquireFastMutex")
{
    Begin();
    TestJoinThread(TestStartThread(TryIt, NULL, HIGH));
    CHECK_EQ(TriedAndGotIt, TRUE);
    CHECK_EQ(TriedAtEnd, APC_LEVEL);
    Own();
    TestJoinThread(TestStartThread(TryIt, NULL, HIGH));
    CHECK_EQ(TriedAndGotIt, FALSE);
    CHECK_EQ(TriedAtEnd, PASSIVE_LEVEL);
    Disown();
    CHECK_EQ(TestMutex.Count, 1);
    CHECK_EQ(TestMutex.Contention, 0);
}

TEST(GuardedSame, "fastmutex/guarded-mutexes-are-fast-mutexes",
     "contract 1.6: guarded mutex since Windows 8")
{
    KGUARDED_MUTEX Mutex;
    KeInitializeGuardedMutex(&Mutex);
    KeAcquireGuardedMutex(&Mutex);
    CHECK_EQ(KeGetCurrentIrql(), APC_LEVEL);
    CHECK_EQ(Mutex.Owner, KeGetCurrentThread());
    KeReleaseGuardedMutex(&Mutex);
    CHECK_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    CHECK_EQ(KeTryToAcquireGuardedMutex(&Mutex), TRUE);
    KeReleaseGuardedMutex(&Mutex);
    KeEnterGuardedRegion();
    KeAcquireGuardedMutexUnsafe(&Mutex);
    CHECK_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    KeReleaseGuardedMutexUnsafe(&Mutex);
    KeLeaveGuardedRegion();
    CHECK_EQ(Mutex.Count, 1);
}

/* ---- who gets it ----------------------------------------------------------------------------- */

static VOID NTAPI TakeAndNote(PVOID Context)
{
    ExAcquireFastMutex(&TestMutex);
    CHECK_EQ(TestMutex.Owner, KeGetCurrentThread());
    Note((CHAR)(ULONG_PTR)Context);
    ExReleaseFastMutex(&TestMutex);
}

TEST(FastOrder, "fastmutex/waiters-get-it-in-the-order-of-arrival", "FMTX-1")
{
    PKTHREAD Threads[WAITERS];
    Begin();
    Own();
    for (ULONG i = 0; i < WAITERS; i++) { /* above what was lent before them: they run at once */
        Threads[i] = TestStartThread(TakeAndNote, (PVOID)(ULONG_PTR)('a' + i), HIGH + (KPRIORITY)i);
    }
    CHECK_EQ(TestMutex.Count, -WAITERS);
    CHECK_EQ(TestMutex.Contention, WAITERS);
    CHECK_EQ(OrderLength, 0);
    Disown();
    for (ULONG i = 0; i < WAITERS; i++) {
        TestJoinThread(Threads[i]);
        CHECK_EQ(Order[i], 'a' + i);
    }
    CHECK_EQ(TestMutex.Count, 1);
}

TEST(FastHandOver, "fastmutex/a-release-with-a-waiter-hands-over", "FMTX-1")
{
    Begin();
    Own();
    PKTHREAD Thread = TestStartThread(TakeAndNote, (PVOID)'a', HIGH);
    KeSetPriorityThread(Thread, LOW);
    Disown();
    CHECK_EQ(OrderLength, 0);
    CHECK_EQ(ExTryToAcquireFastMutex(&TestMutex), FALSE);
    TestJoinThread(Thread);
    CHECK_EQ(OrderLength, 1);
}

static VOID NTAPI SpecialRoutine(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *NormalContext,
                                 PVOID *SystemArgument1, PVOID *SystemArgument2)
{
    UNREFERENCED_PARAMETER(Apc);
    UNREFERENCED_PARAMETER(NormalRoutine);
    UNREFERENCED_PARAMETER(NormalContext);
    UNREFERENCED_PARAMETER(SystemArgument1);
    UNREFERENCED_PARAMETER(SystemArgument2);
    Note('!');
}

static VOID NTAPI OwnAndNote(PVOID Context)
{
    Own();
    Note((CHAR)(ULONG_PTR)Context);
    Disown();
}

TEST(FastApc, "fastmutex/a-special-apc-runs-in-the-wait-of-an-unsafe-form", "APC-1")
{
    static KAPC Apc;
    Begin();
    Own();
    PKTHREAD Thread = TestStartThread(OwnAndNote, (PVOID)'a', HIGH);
    KeInitializeApc(&Apc, Thread, OriginalApcEnvironment, SpecialRoutine, NULL, NULL, KernelMode,
                    NULL);
    KeInsertQueueApc(&Apc, NULL, NULL, IO_NO_INCREMENT);
    ZwYieldExecution(); /* its priority is the owner's */
    CHECK_EQ(OrderLength, 1);
    CHECK_EQ(TestMutex.Count, -1);
    Disown();
    TestJoinThread(Thread);
    CHECK_EQ(memcmp(Order, "!a", 2), 0);
    CHECK_EQ(TestMutex.Count, 1);
}

/* ---- priority that is lent ------------------------------------------------------------------- */

/* Takes the mutex while it is important, and then is not. */
static VOID NTAPI OwnUnimportantly(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    Own();
    KeSetPriorityThread(KeGetCurrentThread(), LOW);
    Note('o');
    Disown();
    Note('O');
}

static VOID NTAPI NoteOnly(PVOID Context)
{
    Note((CHAR)(ULONG_PTR)Context);
}

TEST(FastBoost, "fastmutex/an-owner-has-the-priority-of-who-waits-until-the-release",
     "FMTX-3, LEND-1, LEND-2")
{
    Begin();
    PKTHREAD Owner = TestStartThread(OwnUnimportantly, NULL, HIGH);
    PKTHREAD Other = TestStartThread(NoteOnly, (PVOID)'x', MIDDLE);
    CHECK_EQ(OrderLength, 0);
    ExAcquireFastMutex(&TestMutex);
    CHECK_EQ(KeQueryPriorityThread(Owner), LOW);
    Note('w');
    ExReleaseFastMutex(&TestMutex);
    TestJoinThread(Owner);
    TestJoinThread(Other);
    CHECK_EQ(memcmp(Order, "owxO", 4), 0);
}

TEST(FastBoostHandOver, "fastmutex/those-who-wait-on-lend-to-the-next-owner", "FMTX-3")
{
    PKTHREAD Threads[2];
    Begin();
    Own();
    Threads[0] = TestStartThread(TakeAndNote, (PVOID)'a', HIGH);
    Threads[1] = TestStartThread(TakeAndNote, (PVOID)'b', HIGH + 1);
    CHECK_EQ(TestMutex.Count, -2);
    KeSetPriorityThread(Threads[0], LOW);
    CHECK_EQ(KeQueryPriorityThread(KeGetCurrentThread()), HIGH + 1);
    Disown();
    CHECK_EQ(OrderLength, 2); /* LOW alone would not have run before */
    CHECK_EQ(KeQueryPriorityThread(KeGetCurrentThread()), KI_PRIORITY_DEFAULT);
    TestJoinThread(Threads[0]);
    TestJoinThread(Threads[1]);
}

static VOID NTAPI TakeAnother(PVOID Mutex)
{
    ExAcquireFastMutex(Mutex);
    ExReleaseFastMutex(Mutex);
}

TEST(FastBoostTwo, "fastmutex/what-was-lent-stays-until-the-last-release", "LEND-2")
{
    static FAST_MUTEX Second;
    PKTHREAD Threads[2];
    PKTHREAD Me = KeGetCurrentThread();
    Begin();
    ExInitializeFastMutex(&Second);
    Own();
    ExAcquireFastMutexUnsafe(&Second);
    Threads[0] = TestStartThread(TakeAnother, &Second, HIGH + 1);
    Threads[1] = TestStartThread(TakeAnother, &TestMutex, HIGH + 4);
    CHECK_EQ(Me->Loans, 2);
    CHECK_EQ(KeQueryPriorityThread(Me), HIGH + 4);
    ExReleaseFastMutexUnsafe(&TestMutex);
    CHECK_EQ(KeQueryPriorityThread(Me), HIGH + 4);
    ExReleaseFastMutexUnsafe(&Second);
    CHECK_EQ(KeQueryPriorityThread(Me), KI_PRIORITY_DEFAULT);
    KeLeaveCriticalRegion();
    TestJoinThread(Threads[0]);
    TestJoinThread(Threads[1]);
}

TEST(FastBoostFloor, "fastmutex/what-was-lent-does-not-wear-off", "LEND-1")
{
    PKTHREAD Me = KeGetCurrentThread();
    Begin();
    TestHoldClock();
    Own();
    PKTHREAD Waiter = TestStartThread(TakeAndNote, (PVOID)'a', LOW_REALTIME_PRIORITY);
    CHECK_EQ(KeQueryPriorityThread(Me), LOW_REALTIME_PRIORITY - 1);
    for (ULONG i = 0; i < 10; i++) {
        TestTick();
    }
    CHECK_EQ(KeQueryPriorityThread(Me), LOW_REALTIME_PRIORITY - 1);
    KeSetPriorityThread(Me, LOW);
    CHECK_EQ(KeQueryPriorityThread(Me), LOW_REALTIME_PRIORITY - 1);
    Disown();
    CHECK_EQ(KeQueryPriorityThread(Me), LOW);
    KeSetPriorityThread(Me, KI_PRIORITY_DEFAULT);
    TestReleaseClock();
    TestJoinThread(Waiter);
}

/* A wait ends with a boost; the test behind this one begins without it. */
TEST(FastBoosted, "fastmutex/a-waiter-is-boosted", "WAIT-5")
{
    Begin();
    PKTHREAD Owner = TestStartThread(OwnUnimportantly, NULL, HIGH);
    ExAcquireFastMutex(&TestMutex);
    CHECK_EQ(KeQueryPriorityThread(KeGetCurrentThread()), KI_PRIORITY_DEFAULT + EVENT_INCREMENT);
    ExReleaseFastMutex(&TestMutex);
    TestJoinThread(Owner);
}

TEST(FastNotBoosted, "fastmutex/a-test-begins-without-the-boost-of-the-one-before", "")
{
    CHECK_EQ(KeQueryPriorityThread(KeGetCurrentThread()), KI_PRIORITY_DEFAULT);
}

/* ---- between two instructions ---------------------------------------------------------------- */

static PKTHREAD Arrived;

static VOID WaiterArrives(VOID)
{
    Arrived = TestStartThread(TakeAndNote, (PVOID)'a', HIGH);
}

TEST(FastRelease, "fastmutex/somebody-arrives-between-two-instructions-of-a-release", "FMTX-1")
{
    BOOLEAN Interfered = TRUE;
    ULONG Step;
    for (Step = 0; Interfered; Step++) {
        KeSetPriorityThread(KeGetCurrentThread(), KI_PRIORITY_DEFAULT);
        Begin();
        KeEnterCriticalRegion();
        ExAcquireFastMutexUnsafe(&TestMutex);
        Interfered = TestInterfere(Disown, Step, WaiterArrives);
        CHECK_EQ(KeGetCurrentThread()->Loans, 0);
        if (Interfered) {
            TestJoinThread(Arrived);
        }
        CHECK_EQ(OrderLength, Interfered);
        CHECK_EQ(TestMutex.Count, 1);
        CHECK_EQ(TestMutex.Owner, NULL);
        CHECK_EQ(TestMutex.Event.Header.SignalState, 0);
    }
    CHECK_GT(Step, 10);
}

static KEVENT Leave;

static VOID NTAPI OwnUntilTold(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    Own();
    KeWaitForSingleObject(&Leave, Executive, KernelMode, FALSE, NULL);
    Disown();
}

static VOID NTAPI LetOwnerLeave(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeSetEvent(&Leave, IO_NO_INCREMENT, FALSE);
}

static VOID OwnerLeaves(VOID)
{
    LetOwnerLeave(NULL);
}

TEST(FastAcquire, "fastmutex/the-owner-leaves-between-two-instructions-of-an-acquire", "FMTX-1")
{
    BOOLEAN Interfered = TRUE;
    ULONG Step;
    KeInitializeEvent(&Leave, SynchronizationEvent, FALSE);
    for (Step = 0; Interfered; Step++) {
        KeSetPriorityThread(KeGetCurrentThread(), KI_PRIORITY_DEFAULT);
        Begin();
        KeClearEvent(&Leave);
        PKTHREAD Owner = TestStartThread(OwnUntilTold, NULL, HIGH);
        PKTHREAD Last = TestStartThread(LetOwnerLeave, NULL, LOW); /* when everybody waits */
        Interfered = TestInterfere(Own, Step, OwnerLeaves);
        CHECK_EQ(TestMutex.Owner, KeGetCurrentThread());
        CHECK_EQ(TestMutex.Count, 0);
        Disown();
        TestJoinThread(Owner);
        TestJoinThread(Last);
        CHECK_EQ(TestMutex.Count, 1);
    }
    CHECK_GT(Step, 10);
}

/* ---- storms ---------------------------------------------------------------------------------- */

#define STORM_THREADS 8
#define STORM_ROUNDS  500

static volatile ULONG Inside, Passes;

static VOID NTAPI Contend(PVOID Context)
{
    for (ULONG i = 0; i < STORM_ROUNDS; i++) {
        BOOLEAN Safe = (i + (ULONG)(ULONG_PTR)Context) % 2 == 0;
        if (!Safe) {
            Own();
        } else if (i % 5 != 0 || !ExTryToAcquireFastMutex(&TestMutex)) {
            ExAcquireFastMutex(&TestMutex);
        }
        CHECK_EQ(++Inside, 1);
        CHECK_EQ(TestMutex.Owner, KeGetCurrentThread());
        Passes++;
        if (i % 3 == 0) {
            ZwYieldExecution();
        }
        Inside--;
        if (Safe) {
            ExReleaseFastMutex(&TestMutex);
        } else {
            Disown();
        }
    }
    CHECK_EQ(KeGetCurrentThread()->Loans, 0);
    CHECK_EQ(KeGetCurrentThread()->LentPriority, 0);
}

/* The threads are spread over so many processors. */
static VOID Storm(ULONG Processors)
{
    PKTHREAD Threads[STORM_THREADS];
    Begin();
    Inside = Passes = 0;
    for (ULONG i = 0; i < STORM_THREADS; i++) {
        Threads[i] = TestStartOn(i % Processors, Contend, (PVOID)(ULONG_PTR)i);
    }
    for (ULONG i = 0; i < STORM_THREADS; i++) {
        TestJoinThread(Threads[i]);
    }
    CHECK_EQ(Passes, STORM_THREADS * STORM_ROUNDS);
    CHECK_EQ(TestMutex.Count, 1);
    CHECK_EQ(TestMutex.Owner, NULL);
    CHECK_EQ(TestMutex.Event.Header.SignalState, 0);
}

TEST(FastStorm, "fastmutex/one-at-a-time-and-nobody-is-forgotten", "FMTX-1")
{
    Storm(1);
    CHECK_NE(TestMutex.Contention, 0);
}

TEST(FastStormProcessors, "fastmutex/one-at-a-time-on-several-processors", "FMTX-1")
{
    NEED_PROCESSORS(2);
    Storm(KeNumberProcessors);
}

/* ---- machines that must stop ----------------------------------------------------------------- */

static VOID AnnounceMutex(VOID)
{
    ExInitializeFastMutex(&TestMutex);
    TestAnnounce("mutex", (ULONG64)&TestMutex);
    TestAnnounce("thread", (ULONG64)KeGetCurrentThread());
}

CRASH_TEST(CrashFastHigh, "fastmutex/acquired-above-apc-level", "0xC4 0x33 0x2 $mutex 0x0",
           "contract 4.6: 0x33")
{
    AnnounceMutex();
    KeRaiseIrqlToDpcLevel();
    ExAcquireFastMutex(&TestMutex);
}

CRASH_TEST(CrashFastTryHigh, "fastmutex/tried-above-apc-level", "0xC4 0x33 0x2 $mutex 0x0",
           "contract 4.6: 0x33")
{
    AnnounceMutex();
    KeRaiseIrqlToDpcLevel();
    ExTryToAcquireFastMutex(&TestMutex);
}

CRASH_TEST(CrashFastReleaseLow, "fastmutex/released-below-apc-level", "0xC4 0x34 0x0 0x0 $mutex",
           "contract 4.6: 0x34")
{
    AnnounceMutex();
    ExAcquireFastMutex(&TestMutex);
    KeLowerIrql(PASSIVE_LEVEL);
    ExReleaseFastMutex(&TestMutex);
}

CRASH_TEST(CrashFastUnsafe, "fastmutex/unsafe-acquired-with-apcs-on", "0xC4 0x39 0x0 0x0 $mutex",
           "contract 4.6: 0x39")
{
    AnnounceMutex();
    ExAcquireFastMutexUnsafe(&TestMutex);
}

CRASH_TEST(CrashFastUnsafeHigh, "fastmutex/unsafe-acquired-at-dispatch",
           "0xC4 0x39 0x2 0xFFFF $mutex", "contract 4.6: 0x39 (IRQL, APC count, mutex)")
{
    AnnounceMutex();
    KeEnterCriticalRegion();
    KeRaiseIrqlToDpcLevel();
    ExAcquireFastMutexUnsafe(&TestMutex);
}

CRASH_TEST(CrashFastUnsafeRelease, "fastmutex/unsafe-released-with-apcs-on",
           "0xC4 0x3A 0x0 0x0 $mutex", "contract 4.6: 0x3A")
{
    AnnounceMutex();
    KeEnterCriticalRegion();
    ExAcquireFastMutexUnsafe(&TestMutex);
    KeLeaveCriticalRegion();
    ExReleaseFastMutexUnsafe(&TestMutex);
}

CRASH_TEST(CrashFastTwice, "fastmutex/acquired-by-its-owner", "0xC4 0x1000 $mutex $thread 0x0",
           "contract 1.7: not recursive")
{
    AnnounceMutex();
    ExAcquireFastMutex(&TestMutex);
    ExAcquireFastMutex(&TestMutex);
}

CRASH_TEST(CrashFastFree, "fastmutex/released-when-free", "0xC4 0x1007 $mutex $thread 0x0",
           "contract 4.6: 0x1007 not owned")
{
    KIRQL Old;
    AnnounceMutex();
    KeRaiseIrql(APC_LEVEL, &Old);
    ExReleaseFastMutex(&TestMutex);
}

static VOID NTAPI OwnForever(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    ExAcquireFastMutex(&TestMutex);
    TestAnnounce("owner", (ULONG64)KeGetCurrentThread());
}

CRASH_TEST(CrashFastOther, "fastmutex/released-by-another-thread",
           "0xC4 0x1004 $mutex $thread $owner", "contract 4.6: 0x1004 wrong thread")
{
    KIRQL Old;
    AnnounceMutex();
    TestStartThread(OwnForever, NULL, HIGH);
    KeRaiseIrql(APC_LEVEL, &Old);
    ExReleaseFastMutex(&TestMutex);
}

/* ---- figures --------------------------------------------------------------------------------- */

extern VOID NTAPI (*BenchFastAcquire)(PFAST_MUTEX);
extern VOID NTAPI (*BenchFastRelease)(PFAST_MUTEX);
VOID NTAPI (*BenchFastAcquire)(PFAST_MUTEX) = ExAcquireFastMutex;
VOID NTAPI (*BenchFastRelease)(PFAST_MUTEX) = ExReleaseFastMutex;

static VOID FastMutexLoop(ULONG Rounds)
{
    while (Rounds-- != 0) {
        BenchFastAcquire(&TestMutex);
        BenchFastRelease(&TestMutex);
    }
}

BENCH(BenchFastMutex, "fast-mutex/pair", "instructions", "50")
{
    ExInitializeFastMutex(&TestMutex);
    BenchMeasureBoth(FastMutexLoop);
}
