/*
 * pushlock.c - tests of kernel/ke/pushlock.c: who gets in beside whom and in which order, storms on
 * one and on several processors, and each misuse in a machine of its own.
 */
#include "tests/ke/bench.h"
#include "tests/ke/smp.h"
#include "tests/ke/steps.h"

#define HIGH       (KI_PRIORITY_DEFAULT + 1) /* runs at once */
#define EXCLUSIVE  1
#define WAITERS    2
#define ONE_SHARER 16
#define MOST       12

static EX_PUSH_LOCK TestLock;
static CHAR Order[64];
static ULONG OrderLength;
static PKTHREAD Threads[MOST];
static ULONG ThreadCount;

static VOID Note(CHAR Who)
{
    Order[OrderLength++] = Who;
}

static VOID Begin(VOID)
{
    OrderLength = ThreadCount = 0;
    KeSetPriorityThread(KeGetCurrentThread(), KI_PRIORITY_DEFAULT); /* a wait may have boosted it */
    ExInitializePushLock(&TestLock);
    KeEnterCriticalRegion();
}

static VOID End(VOID)
{
    CHECK_EQ(TestLock, 0);
    KeLeaveCriticalRegion();
    for (ULONG i = 0; i < ThreadCount; i++) {
        TestJoinThread(Threads[i]);
    }
}

TEST(PushWord, "pushlock/exclusive-for-one-and-shared-for-many", "PUSH-1")
{
    Begin();
    CHECK_EQ(TestLock, 0);
    ExAcquirePushLockExclusive(&TestLock);
    CHECK_EQ(TestLock, EXCLUSIVE);
    CHECK_EQ(ExTryAcquirePushLockExclusive(&TestLock), FALSE);
    CHECK_EQ(ExTryAcquirePushLockShared(&TestLock), FALSE);
    ExReleasePushLockExclusive(&TestLock);
    CHECK_EQ(TestLock, 0);
    ExAcquirePushLockShared(&TestLock);
    ExAcquirePushLockShared(&TestLock); /* allowed while nobody waits */
    CHECK_EQ(TestLock, 2 * ONE_SHARER);
    CHECK_EQ(ExTryAcquirePushLockShared(&TestLock), TRUE);
    CHECK_EQ(ExTryAcquirePushLockExclusive(&TestLock), FALSE);
    ExReleasePushLockShared(&TestLock);
    ExReleasePushLockShared(&TestLock);
    ExReleasePushLock(&TestLock);
    CHECK_EQ(TestLock, 0);
    CHECK_EQ(ExTryAcquirePushLockExclusive(&TestLock), TRUE);
    ExReleasePushLock(&TestLock);
    End();
}

TEST(PushConvert, "pushlock/only-the-sole-sharer-becomes-exclusive",
     "wdm_lock.h: ExTryConvertPushLockSharedToExclusiveEx")
{
    Begin();
    ExAcquirePushLockShared(&TestLock);
    ExAcquirePushLockShared(&TestLock);
    CHECK_EQ(ExTryConvertPushLockSharedToExclusiveEx(&TestLock, 0), FALSE);
    CHECK_EQ(TestLock, 2 * ONE_SHARER);
    ExReleasePushLockShared(&TestLock);
    CHECK_EQ(ExTryConvertPushLockSharedToExclusiveEx(&TestLock, 0), TRUE);
    CHECK_EQ(TestLock, EXCLUSIVE);
    ExReleasePushLockExclusive(&TestLock);
    End();
}

TEST(PushLevels, "pushlock/regions-and-apc-level-will-do", "contract 4.6: 0xEA only with APCs on")
{
    KIRQL Old;
    ExInitializePushLock(&TestLock);
    KeEnterGuardedRegion();
    ExAcquirePushLockExclusive(&TestLock);
    ExReleasePushLockExclusive(&TestLock);
    KeLeaveGuardedRegion();
    KeRaiseIrql(APC_LEVEL, &Old);
    ExAcquirePushLockShared(&TestLock);
    CHECK_EQ(KeGetCurrentIrql(), APC_LEVEL);
    ExReleasePushLockShared(&TestLock);
    KeLowerIrql(Old);
    CHECK_EQ(TestLock, 0);
}

/* ---- who comes next -------------------------------------------------------------------------- */

static KEVENT Leave;    /* lets one holder after the other go */
static ULONG HoldersIn; /* at this moment */

/* Context: a capital letter wants the lock for itself, a small one shared. */
static VOID NTAPI HoldUntilTold(PVOID Context)
{
    CHAR Who = (CHAR)(ULONG_PTR)Context;
    BOOLEAN Exclusive = Who <= 'Z';
    KeEnterCriticalRegion();
    if (Exclusive) {
        ExAcquirePushLockExclusive(&TestLock);
    } else {
        ExAcquirePushLockShared(&TestLock);
    }
    Note(Who);
    HoldersIn++;
    CHECK(!Exclusive || HoldersIn == 1);
    KeWaitForSingleObject(&Leave, Executive, KernelMode, FALSE, NULL);
    HoldersIn--;
    ExReleasePushLock(&TestLock);
    KeLeaveCriticalRegion();
}

static VOID Arrive(const CHAR *Who)
{
    for (; *Who != '\0'; Who++) {
        Threads[ThreadCount++] =
            TestStartThread(HoldUntilTold, (PVOID)(ULONG_PTR)(UCHAR)*Who, HIGH);
    }
}

/* So many holders go; then these have come in, in all. */
static VOID LetGo(ULONG Holders, const CHAR *Expected)
{
    while (Holders-- != 0) {
        KeSetEvent(&Leave, IO_NO_INCREMENT, FALSE);
    }
    Order[OrderLength] = '\0';
    if (!CHECK(strcmp(Order, Expected) == 0)) {
        DbgPrint("came in: %s, not %s\n", Order, Expected);
    }
}

static VOID BeginOrder(VOID)
{
    Begin();
    HoldersIn = 0;
    KeInitializeEvent(&Leave, SynchronizationEvent, FALSE);
}

TEST(PushOrder, "pushlock/waiters-come-in-as-they-arrived-and-sharers-together", "PUSH-2")
{
    BeginOrder();
    ExAcquirePushLockExclusive(&TestLock);
    Arrive("AbcDefG");
    CHECK_EQ(OrderLength, 0);
    ExReleasePushLockExclusive(&TestLock);
    LetGo(0, "A");
    LetGo(1, "Abc");
    CHECK_EQ(HoldersIn, 2);
    LetGo(1, "Abc");
    LetGo(1, "AbcD");
    LetGo(1, "AbcDef");
    LetGo(2, "AbcDefG");
    CHECK_EQ(TestLock, EXCLUSIVE);
    LetGo(1, "AbcDefG");
    End();
}

TEST(PushNewcomers, "pushlock/a-waiting-writer-keeps-new-sharers-out", "PUSH-2")
{
    BeginOrder();
    ExAcquirePushLockShared(&TestLock);
    ExAcquirePushLockShared(&TestLock);
    Arrive("A");
    CHECK_EQ(TestLock & (EXCLUSIVE | WAITERS), WAITERS);
    CHECK_EQ(ExTryAcquirePushLockShared(&TestLock), FALSE);
    CHECK_EQ(ExTryAcquirePushLockExclusive(&TestLock), FALSE);
    CHECK_EQ(ExTryConvertPushLockSharedToExclusiveEx(&TestLock, 0), FALSE);
    Arrive("bcD");
    ExReleasePushLockShared(&TestLock);
    LetGo(0, "");
    ExReleasePushLockShared(&TestLock);
    LetGo(0, "A");
    CHECK_EQ(ExTryAcquirePushLockShared(&TestLock), FALSE);
    LetGo(1, "Abc");
    LetGo(2, "AbcD");
    LetGo(1, "AbcD");
    End();
}

/* Walks find and mend the pointers that earlier walks left behind. */
TEST(PushLate, "pushlock/some-arrive-while-others-go", "PUSH-4")
{
    BeginOrder();
    ExAcquirePushLockExclusive(&TestLock);
    Arrive("ABcd");
    ExReleasePushLockExclusive(&TestLock);
    Arrive("eF");
    LetGo(1, "AB");
    Arrive("gh");
    LetGo(1, "ABcde");
    LetGo(1, "ABcde");
    Arrive("IJ");
    LetGo(2, "ABcdeF");
    LetGo(1, "ABcdeFgh");
    LetGo(2, "ABcdeFghI");
    Arrive("KL");
    LetGo(1, "ABcdeFghIJ");
    LetGo(1, "ABcdeFghIJK");
    LetGo(1, "ABcdeFghIJKL");
    LetGo(1, "ABcdeFghIJKL");
    End();
}

/* ---- between two instructions ---------------------------------------------------------------- */

/* Who holds the lock, who waits for it, and who comes in the middle of the release. */
static const struct {
    ULONG Sharers; /* 0: it is held exclusively */
    const CHAR *Waiters;
    const CHAR *Newcomer;
    const CHAR *Then; /* the order in which they came in */
} Scenes[] = {
    {0, "A", "B", "AB"}, {0, "A", "b", "Ab"}, {0, "ab", "C", "abC"}, {0, "aB", "C", "aBC"},
    {1, "A", "B", "AB"}, {1, "A", "b", "Ab"}, {1, "AB", "c", "ABc"}, {2, "A", "B", "AB"},
    {2, "", "b", "b"},   {2, "", "B", "B"},   {0, "", "B", "B"},     {1, "", "b", "b"},
};
static const CHAR *Newcomer;

static VOID HoldFor(ULONG Sharers)
{
    if (Sharers == 0) {
        ExAcquirePushLockExclusive(&TestLock);
    }
    for (; Sharers != 0; Sharers--) {
        ExAcquirePushLockShared(&TestLock);
    }
}

static VOID ReleaseIt(VOID)
{
    ExReleasePushLock(&TestLock);
}

static VOID NewcomerArrives(VOID)
{
    Arrive(Newcomer);
}

/* Everybody leaves, one after the other; the end of the order is that of the arrivals. */
static VOID EndOrder(const CHAR *Expected)
{
    for (ULONG i = 0; i < ThreadCount; i++) {
        KeSetEvent(&Leave, IO_NO_INCREMENT, FALSE);
    }
    LetGo(0, Expected);
    End();
}

TEST(PushRelease, "pushlock/somebody-arrives-between-two-instructions-of-a-release", "PUSH-3")
{
    for (ULONG i = 0; i < ARRAYSIZE(Scenes); i++) {
        BOOLEAN Interfered = TRUE;
        ULONG Step;
        Newcomer = Scenes[i].Newcomer;
        for (Step = 0; Interfered; Step++) {
            BeginOrder();
            HoldFor(Scenes[i].Sharers);
            Arrive(Scenes[i].Waiters);
            Interfered = TestInterfere(ReleaseIt, Step, NewcomerArrives);
            if (!Interfered) {
                Arrive(Newcomer);
            }
            if (Scenes[i].Sharers > 1) {
                ReleaseIt();
            }
            EndOrder(Scenes[i].Then);
        }
        CHECK_GT(Step, 20);
    }
}

static BOOLEAN WantExclusive;

static VOID TakeIt(VOID)
{
    if (WantExclusive) {
        ExAcquirePushLockExclusive(&TestLock);
    } else {
        ExAcquirePushLockShared(&TestLock);
    }
    Note('*');
}

static VOID HolderLeaves(VOID)
{
    KeSetEvent(&Leave, IO_NO_INCREMENT, FALSE);
}

/* Runs when everybody else waits. */
static VOID NTAPI LetHolderLeave(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    HolderLeaves();
}

TEST(PushAcquire, "pushlock/the-holder-leaves-between-two-instructions-of-an-acquire", "PUSH-1")
{
    static const CHAR *const Holders[] = {"A", "a"};
    for (ULONG i = 0; i < 2 * ARRAYSIZE(Holders); i++) {
        BOOLEAN Interfered = TRUE;
        WantExclusive = i < ARRAYSIZE(Holders);
        for (ULONG Step = 0; Interfered; Step++) {
            BeginOrder();
            Arrive(Holders[i % ARRAYSIZE(Holders)]);
            Threads[ThreadCount++] = TestStartThread(LetHolderLeave, NULL, KI_PRIORITY_DEFAULT - 1);
            Interfered = TestInterfere(TakeIt, Step, HolderLeaves);
            CHECK_EQ(OrderLength, 2);
            ExReleasePushLock(&TestLock);
            HolderLeaves(); /* if he is still there, beside another sharer */
            End();
        }
    }
}

/* ---- storms ---------------------------------------------------------------------------------- */

#define STORM_THREADS 10
#define STORM_ROUNDS  400

static volatile LONG Writers, Readers;
static volatile ULONG Written;     /* by whoever has the lock for himself */
static ULONG Wrote[STORM_THREADS]; /* each counts for itself, too */

static VOID Write(ULONG Self, BOOLEAN Pause)
{
    CHECK_EQ(++Writers, 1);
    CHECK_EQ(Readers, 0);
    Written++;
    Wrote[Self]++;
    if (Pause) {
        ZwYieldExecution();
    }
    Writers--;
}

static VOID Read(BOOLEAN Pause)
{
    InterlockedIncrement(&Readers);
    CHECK_EQ(Writers, 0);
    if (Pause) {
        ZwYieldExecution();
    }
    InterlockedDecrement(&Readers);
}

static VOID NTAPI Contend(PVOID Context)
{
    ULONG Self = (ULONG)(ULONG_PTR)Context;
    KeEnterCriticalRegion();
    for (ULONG i = 0; i < STORM_ROUNDS; i++) {
        if ((i * 7 + Self) % 3 == 0) {
            ExAcquirePushLockExclusive(&TestLock);
            Write(Self, i % 2 == 0);
            ExReleasePushLockExclusive(&TestLock);
            continue;
        }
        ExAcquirePushLockShared(&TestLock);
        Read(i % 4 == 0);
        if (i % 5 == 0 && ExTryConvertPushLockSharedToExclusiveEx(&TestLock, 0)) {
            Write(Self, TRUE);
        }
        ExReleasePushLock(&TestLock);
    }
    KeLeaveCriticalRegion();
}

/* The threads are spread over so many processors. */
static VOID Storm(ULONG Processors)
{
    ULONG Sum = 0;
    Begin();
    Writers = Readers = 0;
    Written = 0;
    RtlZeroMemory(Wrote, sizeof(Wrote));
    KeLeaveCriticalRegion();
    for (ULONG i = 0; i < STORM_THREADS; i++) {
        Threads[i] = TestStartOn(i % Processors, Contend, (PVOID)(ULONG_PTR)i);
    }
    for (ULONG i = 0; i < STORM_THREADS; i++) {
        TestJoinThread(Threads[i]);
        Sum += Wrote[i];
    }
    CHECK_EQ(Written, Sum);
    CHECK_GE(Sum, STORM_THREADS * (STORM_ROUNDS / 3));
    CHECK_EQ(TestLock, 0);
}

TEST(PushStorm, "pushlock/nobody-is-beside-a-writer-and-nobody-is-forgotten", "PUSH-1, PUSH-3")
{
    Storm(1);
}

TEST(PushStormProcessors, "pushlock/nobody-is-forgotten-on-several-processors", "PUSH-1, PUSH-3")
{
    NEED_PROCESSORS(2);
    Storm(KeNumberProcessors);
}

/* ---- machines that must stop ----------------------------------------------------------------- */

static VOID AnnounceLock(VOID)
{
    ExInitializePushLock(&TestLock);
    TestAnnounce("lock", (ULONG64)&TestLock);
    TestAnnounce("thread", (ULONG64)KeGetCurrentThread());
}

CRASH_TEST(CrashPushOpen, "pushlock/acquired-with-apcs-on", "0xC4 0xEA 0x0 0x0 $lock",
           "contract 4.6: 0xEA (IRQL, APC count, push lock)")
{
    AnnounceLock();
    ExAcquirePushLockShared(&TestLock);
}

CRASH_TEST(CrashPushHigh, "pushlock/tried-at-dispatch", "0xC4 0xEA 0x2 0xFFFF $lock",
           "contract 4.6: 0xEA (IRQL, APC count, push lock)")
{
    AnnounceLock();
    KeEnterCriticalRegion();
    KeRaiseIrqlToDpcLevel();
    ExTryAcquirePushLockExclusive(&TestLock);
}

CRASH_TEST(CrashPushReleaseOpen, "pushlock/released-with-apcs-on", "0xC4 0xEB 0x0 0x0 $lock",
           "contract 4.6: 0xEB (IRQL, APC count, push lock)")
{
    AnnounceLock();
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusive(&TestLock);
    KeLeaveCriticalRegion();
    ExReleasePushLockExclusive(&TestLock);
}

CRASH_TEST(CrashPushFree, "pushlock/released-when-free", "0xC4 0x1007 $lock $thread 0x0", "PUSH-5")
{
    AnnounceLock();
    KeEnterCriticalRegion();
    ExReleasePushLockShared(&TestLock);
}

CRASH_TEST(CrashPushMixed, "pushlock/shared-released-as-exclusive", "0xC4 0x1007 $lock $thread 0x0",
           "PUSH-5")
{
    AnnounceLock();
    KeEnterCriticalRegion();
    ExAcquirePushLockShared(&TestLock);
    ExReleasePushLockExclusive(&TestLock);
}

/* ---- figures --------------------------------------------------------------------------------- */

static VOID PairLoop(ULONG Rounds)
{
    VOID NTAPI (*volatile Acquire)(PEX_PUSH_LOCK, ULONG) = ExAcquirePushLockExclusiveEx;
    VOID NTAPI (*volatile Release)(PEX_PUSH_LOCK, ULONG) = ExReleasePushLockExclusiveEx;
    for (ULONG i = 0; i < Rounds; i++) {
        Acquire(&TestLock, EX_DEFAULT_PUSH_LOCK_FLAGS);
        Release(&TestLock, EX_DEFAULT_PUSH_LOCK_FLAGS);
    }
}

static VOID SharedPairLoop(ULONG Rounds)
{
    VOID NTAPI (*volatile Acquire)(PEX_PUSH_LOCK, ULONG) = ExAcquirePushLockSharedEx;
    VOID NTAPI (*volatile Release)(PEX_PUSH_LOCK, ULONG) = ExReleasePushLockSharedEx;
    for (ULONG i = 0; i < Rounds; i++) {
        Acquire(&TestLock, EX_DEFAULT_PUSH_LOCK_FLAGS);
        Release(&TestLock, EX_DEFAULT_PUSH_LOCK_FLAGS);
    }
}

BENCH(BenchPush, "push-lock/pair", "instructions", "")
{
    Begin();
    BenchMeasureBoth(PairLoop);
    End();
}

BENCH(BenchPushShared, "push-lock/shared-pair", "instructions", "")
{
    Begin();
    BenchMeasureBoth(SharedPairLoop);
    End();
}
