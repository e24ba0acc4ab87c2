/*
 * ready.c - tests of kernel/ke/ready.c across processors: an idle one is found, woken and used, a
 * better thread gets a busy one at once. The clock of the other processor is stopped where its
 * interrupt would help out.
 */
#include "kernel/hal/hal.h"
#include "tests/ke/smp.h"

#define BOTH   3 /* processors 0 and 1 */
#define ROUNDS 20

static volatile ULONG Phase;

static VOID NTAPI NoteWhere(PVOID Context)
{
    *(volatile ULONG *)Context = KeGetCurrentProcessorNumber();
}

static VOID WaitUntilIdle(PKPRCB Prcb)
{
    while (!__atomic_load_n(&Prcb->IdleHalt, __ATOMIC_ACQUIRE)) {
        YieldProcessor();
    }
}

static PKTHREAD CreateFor(KAFFINITY Affinity, UCHAR Ideal, PKSTART_ROUTINE Routine, PVOID Context,
                          KPRIORITY Priority)
{
    PKTHREAD Thread = TestCreateThread(Routine, Context, Priority);
    Thread->Affinity = Thread->UserAffinity = Affinity;
    Thread->IdealProcessor = Thread->NextProcessor = Ideal;
    return Thread;
}

/* A thread is made ready for idle processor 1 and taken away again before 1 looks. */
static VOID OfferAndTakeAway(PKTHREAD Thread)
{
    ULONG64 Flags = KiLockDispatcher();
    KiReadyThread(Thread, KiQueueTail);
    Thread->Affinity = Thread->UserAffinity = TEST_PROCESSORS;
    KiPlaceThread(Thread);
    KiExitDispatcher(Flags);
}

TEST(ReadyTakenAway, "ready/a-processor-that-was-woken-for-nothing-is-idle-again", "READY-6")
{
    ULONG Where;
    NEED_PROCESSORS(2);
    for (ULONG i = 0; i < ROUNDS; i++) {
        PKPRCB Prcb = KiProcessorBlock[1];
        WaitUntilIdle(Prcb);
        PKTHREAD Offered = CreateFor(BOTH, 1, NoteWhere, &Where, KI_PRIORITY_DEFAULT);
        OfferAndTakeAway(Offered);
        TestJoinThread(Offered);
        CHECK_EQ(Where, 0);
        while (__atomic_load_n(&Prcb->Reschedule, __ATOMIC_ACQUIRE)) {
            YieldProcessor();
        }
        /* Its ideal processor is busy with this thread, so it must go to the idle one. */
        PKTHREAD Next = CreateFor(BOTH, 0, NoteWhere, &Where, KI_PRIORITY_DEFAULT);
        Where = MAXULONG;
        KiStartThread(Next);
        while (*(volatile ULONG *)&Where == MAXULONG) {
            YieldProcessor();
        }
        CHECK_EQ(Where, 1);
        TestJoinThread(Next);
    }
}

/* ---- without a clock ------------------------------------------------------------------------- */

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

TEST(ReadyIdle, "ready/an-idle-processor-runs-a-thread-without-a-clock", "READY-2")
{
    ULONG Where;
    NEED_PROCESSORS(2);
    TestJoinThread(TestStartOn(1, StopClock, NULL));
    for (ULONG i = 0; i < ROUNDS; i++) {
        WaitUntilIdle(KiProcessorBlock[1]);
        TestJoinThread(TestStartOn(1, NoteWhere, &Where));
        CHECK_EQ(Where, 1);
    }
    TestJoinThread(TestStartOn(1, StartClock, NULL));
}

/* Runs on processor 1 until somebody else has run there. */
static VOID NTAPI SpinForBetter(PVOID Context)
{
    HalpStartApicTimer(0, FALSE);
    TestTell(&Phase, 1);
    TestSpinUntil(Context, 1);
    HalpStartClock();
}

TEST(ReadyBetter, "ready/a-better-thread-gets-a-busy-processor-without-a-clock", "READY-3")
{
    ULONG Where = 0;
    NEED_PROCESSORS(2);
    Phase = 0;
    PKTHREAD Busy = TestStartOn(1, SpinForBetter, &Where);
    TestSpinUntil(&Phase, 1);
    PKTHREAD Better = CreateFor(2, 1, NoteWhere, &Where, KI_PRIORITY_DEFAULT + 1);
    KiStartThread(Better);
    TestSpinUntil(&Where, 1);
    TestJoinThread(Better);
    TestJoinThread(Busy);
}

TEST(ReadyWorse, "ready/a-thread-whose-priority-falls-gives-way-without-a-clock", "READY-3")
{
    ULONG Where = 0;
    NEED_PROCESSORS(2);
    Phase = 0;
    PKTHREAD Busy = TestStartOn(1, SpinForBetter, &Where);
    TestSpinUntil(&Phase, 1);
    PKTHREAD Equal = CreateFor(2, 1, NoteWhere, &Where, KI_PRIORITY_DEFAULT);
    KiStartThread(Equal); /* it has to wait: there is no clock to end a quantum */
    KeSetPriorityThread(Busy, KI_PRIORITY_DEFAULT - 1);
    TestSpinUntil(&Where, 1);
    TestJoinThread(Equal);
    TestJoinThread(Busy);
}

static VOID NTAPI SpinUntilMoved(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    HalpStartApicTimer(0, FALSE);
    TestTell(&Phase, 1);
    while (KeGetCurrentProcessorNumber() == 1) {
        YieldProcessor();
    }
}

TEST(ReadyMoved, "ready/a-running-thread-leaves-a-processor-without-a-clock", "THRD-4")
{
    NEED_PROCESSORS(2);
    Phase = 0;
    PKTHREAD Busy = TestStartOn(1, SpinUntilMoved, NULL);
    TestSpinUntil(&Phase, 1);
    KiSetUserAffinity(Busy, TEST_PROCESSORS);
    TestJoinThread(Busy);
    TestJoinThread(TestStartOn(1, StartClock, NULL));
}
