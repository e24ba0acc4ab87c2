/*
 * thread.c - tests of system threads as objects: they end, their memory comes back.
 */
#include "executive/ex/ex.h"
#include "executive/ps/ps.h"
#include "mm/mm.h"
#include "tests/ke/threads.h"
#include "tests/test.h"

static ULONG Ran;

/* Threads that there are, and those that ended and are referenced still. */
static LONG64 ThreadCount(VOID)
{
    return (*PsThreadType)->Objects;
}

static VOID NTAPI CountAndReturn(PVOID Context)
{
    Ran += (ULONG)(ULONG_PTR)Context;
}

static VOID NTAPI CountAndTerminate(PVOID Context)
{
    Ran += (ULONG)(ULONG_PTR)Context;
    PsTerminateSystemThread(STATUS_NOT_IMPLEMENTED);
    Ran = 0;
}

static PETHREAD Start(PKSTART_ROUTINE Routine, PVOID Context)
{
    PETHREAD Thread = NULL;
    CHECK_STATUS(PspCreateThread(Routine, Context, KI_PRIORITY_DEFAULT + 1, &Thread),
                 STATUS_SUCCESS);
    return Thread;
}

static VOID Join(PETHREAD Thread)
{
    CHECK_STATUS(KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL), STATUS_SUCCESS);
    ObDereferenceObject(Thread);
}

/* Waits until the reaper has taken back all but Count threads. */
static VOID WaitForReaper(LONG64 Count)
{
    LARGE_INTEGER Soon = {.QuadPart = -1};
    while (ThreadCount() > Count) {
        KeDelayExecutionThread(KernelMode, FALSE, &Soon);
    }
}

/* ---- the reaper ------------------------------------------------------------------------------ */

#define MANY_TURNS 20000000

static KEVENT Ending;
static KAPC LastApc;

/* Runs while its thread ends, when the reaper waits for that already. */
static VOID NTAPI WakeTheTest(PKAPC Apc)
{
    UNREFERENCED_PARAMETER(Apc);
    KeSetEvent(&Ending, IO_NO_INCREMENT, FALSE);
}

static VOID NTAPI NeverRuns(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
}

static VOID NTAPI EndSlowly(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeInitializeApc(&LastApc, KeGetCurrentThread(), OriginalApcEnvironment, NULL, WakeTheTest,
                    NeverRuns, UserMode, NULL);
    KeInsertQueueApc(&LastApc, NULL, NULL, IO_NO_INCREMENT);
}

TEST(PsHurries, "ps/a-slow-end-holds-up-nobody-elses", "PS-6")
{
    PETHREAD Slow;
    LONG64 Before = ThreadCount();
    KeInitializeEvent(&Ending, SynchronizationEvent, FALSE);
    REQUIRE(NT_SUCCESS(PspCreateThread(EndSlowly, NULL, LOW_PRIORITY + 1, &Slow)));
    KeWaitForSingleObject(&Ending, Executive, KernelMode, FALSE, NULL);
    /* From here on this thread does not wait, so that nothing below its priority runs. */
    ObDereferenceObject(Start(CountAndReturn, (PVOID)1));
    for (ULONG i = 0; i < MANY_TURNS && ThreadCount() > Before + 1; i++) {
        YieldProcessor();
    }
    CHECK_LE(ThreadCount(), Before + 1);
    Join(Slow);
    WaitForReaper(Before);
}

/* ---- ends ------------------------------------------------------------------------------------ */

TEST(PsReturns, "ps/a-routine-that-returns-ends-its-thread", "PS-2")
{
    Ran = 0;
    PETHREAD Thread = Start(CountAndReturn, (PVOID)3);
    REQUIRE(Thread != NULL);
    CHECK_STATUS(KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL), STATUS_SUCCESS);
    CHECK_EQ(Ran, 3);
    CHECK_STATUS(PsGetThreadExitStatus(Thread), STATUS_SUCCESS);
    ObDereferenceObject(Thread);
}

TEST(PsTerminates, "ps/terminate-does-not-return-and-keeps-its-status",
     "contract 1.9: PsTerminateSystemThread")
{
    Ran = 0;
    PETHREAD Thread = Start(CountAndTerminate, (PVOID)5);
    REQUIRE(Thread != NULL);
    CHECK_STATUS(KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL), STATUS_SUCCESS);
    CHECK_EQ(Ran, 5);
    CHECK_STATUS(PsGetThreadExitStatus(Thread), STATUS_NOT_IMPLEMENTED);
    ObDereferenceObject(Thread);
}

static VOID NTAPI WaitForIt(PVOID Context)
{
    KeWaitForSingleObject(Context, Executive, KernelMode, FALSE, NULL);
}

TEST(PsRunning, "ps/a-running-thread-has-no-status-yet", "wdm_ps.h: PsGetThreadExitStatus")
{
    KEVENT Event;
    LARGE_INTEGER Zero = {.QuadPart = 0};
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    PETHREAD Thread = Start(WaitForIt, &Event);
    REQUIRE(Thread != NULL);
    CHECK_STATUS(PsGetThreadExitStatus(Thread), STATUS_PENDING);
    CHECK_STATUS(KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, &Zero),
                 STATUS_TIMEOUT);
    CHECK_NE(Thread->UniqueThread, NULL);
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
    Join(Thread);
}

TEST(PsMany, "ps/nothing-is-left-of-threads-that-ended", "PS-3")
{
    LONG64 Threads = ThreadCount();
    Join(Start(CountAndReturn, NULL));
    WaitForReaper(Threads);
    SIZE_T Committed = MmTotalCommittedPages;
    PFN_NUMBER Available = MiAvailablePages();
    for (ULONG i = 0; i < 300; i++) {
        Join(Start(i % 2 ? CountAndReturn : CountAndTerminate, NULL));
    }
    WaitForReaper(Threads);
    CHECK_EQ(ThreadCount(), Threads);
    CHECK_EQ(MmTotalCommittedPages, Committed);
    CHECK_EQ(MiAvailablePages(), Available);
}

static KEVENT ReaperHeld, ReaperGoes;

static VOID NTAPI HoldReaper(PVOID Parameter)
{
    UNREFERENCED_PARAMETER(Parameter);
    KeSetEvent(&ReaperHeld, IO_NO_INCREMENT, FALSE);
    KeWaitForSingleObject(&ReaperGoes, Executive, KernelMode, FALSE, NULL);
}

/*
 * The one worker of the reaper's queue is held, and without a clock it gets no colleague; there is
 * memory for some threads, and many come and go.
 */
TEST(PsHelps, "ps/who-makes-a-thread-takes-ended-ones-back-if-he-must", "PS-7")
{
    static WORK_QUEUE_ITEM Item;
    LONG64 Before = ThreadCount();
    KeInitializeEvent(&ReaperHeld, SynchronizationEvent, FALSE);
    KeInitializeEvent(&ReaperGoes, SynchronizationEvent, FALSE);
    TestHoldClock();
    ExInitializeWorkItem(&Item, HoldReaper, NULL);
    ExQueueWorkItem(&Item, HyperCriticalWorkQueue);
    KeWaitForSingleObject(&ReaperHeld, Executive, KernelMode, FALSE, NULL);
    SIZE_T Rest = MmTotalCommitLimit - MmTotalCommittedPages - 60;
    REQUIRE(MiChargeCommit(Rest));
    for (Ran = 0; Ran < 40;) {
        ULONG Last = Ran;
        PETHREAD Thread = Start(CountAndReturn, (PVOID)1);
        if (Thread == NULL) {
            break;
        }
        Join(Thread);
        CHECK_EQ(Ran, Last + 1);
    }
    CHECK_EQ(Ran, 40);
    CHECK_GT(ThreadCount(), Before); /* nobody else took them back */
    MiReturnCommit(Rest);
    KeSetEvent(&ReaperGoes, IO_NO_INCREMENT, FALSE);
    TestReleaseClock();
    WaitForReaper(Before);
}

TEST(PsReferenced, "ps/a-referenced-thread-outlives-its-stack", "PS-1")
{
    LONG64 Threads = ThreadCount();
    PETHREAD Thread = Start(CountAndReturn, NULL);
    REQUIRE(Thread != NULL);
    KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL);
    LARGE_INTEGER Soon = {.QuadPart = -1};
    while (ObpHeader(Thread)->PointerCount != 1) {
        KeDelayExecutionThread(KernelMode, FALSE, &Soon);
    }
    CHECK_EQ(ThreadCount(), Threads + 1);
    CHECK_EQ(Thread->Tcb.State, ThreadTerminated);
    ObDereferenceObject(Thread);
    CHECK_EQ(ThreadCount(), Threads);
}

TEST(PsBootThread, "ps/the-boot-thread-does-not-end", "wdm_ps.h: PsTerminateSystemThread")
{
    CHECK_STATUS(PsTerminateSystemThread(STATUS_SUCCESS), STATUS_INVALID_PARAMETER);
    CHECK_EQ(PsGetCurrentThread(), KeGetCurrentThread());
}

/* ---- machines that must stop ----------------------------------------------------------------- */

static VOID NTAPI TerminateAtApcLevel(PVOID Context)
{
    KIRQL Old;
    UNREFERENCED_PARAMETER(Context);
    KeRaiseIrql(APC_LEVEL, &Old);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

CRASH_TEST(CrashTerminateHigh, "ps/terminate-at-apc-level", "0xC4 0xE5 0x1 0x0 0x0",
           "contract 1.4: PsTerminateSystemThread")
{
    Start(TerminateAtApcLevel, NULL);
}

static KMUTEX HeldMutex;

static VOID NTAPI TerminateWithMutex(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    TestAnnounce("thread", (ULONG64)PsGetCurrentThread());
    KeWaitForSingleObject(&HeldMutex, Executive, KernelMode, FALSE, NULL);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

CRASH_TEST(CrashTerminateMutex, "ps/terminate-owning-a-mutex", "0x4000008A $thread $mutex 0x0 0x0",
           "contract 7, surprise 34")
{
    KeInitializeMutex(&HeldMutex, 0);
    TestAnnounce("mutex", (ULONG64)&HeldMutex);
    Start(TerminateWithMutex, NULL);
}
