/*
 * mutex.c - tests of mutexes and mutants: ownership, recursion, handing over, abandonment.
 */
#include <ntifs.h>
#include "kernel/ke/try.h"
#include "tests/ke/threads.h"

#define WAITERS 3

static KMUTEX TestMutex;
static KEVENT TestEvent;
static ULONG Order[WAITERS];
static ULONG Acquired;
static NTSTATUS WaitResult;

static NTSTATUS Acquire(PVOID Object)
{
    return KeWaitForMutexObject(Object, Executive, KernelMode, FALSE, NULL);
}

static NTSTATUS Poll(PVOID Object)
{
    LARGE_INTEGER Zero = {.QuadPart = 0};
    return KeWaitForSingleObject(Object, Executive, KernelMode, FALSE, &Zero);
}

/* The status that a release raises. */
static NTSTATUS ReleaseRaises(VOID)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;
    KE_TRY
    {
        KeReleaseMutex(&TestMutex, FALSE);
    }
    KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
    {
        Status = GetExceptionCode();
    }
    KE_END_TRY
    return Status;
}

TEST(MutexLayout, "mutex/header-is-the-documented-one", "contract 1.9: type 2, 56 bytes")
{
    KeInitializeMutex(&TestMutex, 0);
    CHECK_EQ(TestMutex.Header.Type, 2);
    CHECK_EQ(TestMutex.Header.Size, 14);
    CHECK_EQ(TestMutex.ApcDisable, 1);
    CHECK_EQ(KeReadStateMutex(&TestMutex), 1);
    KeInitializeMutant(&TestMutex, FALSE);
    CHECK_EQ(TestMutex.ApcDisable, 0);
}

TEST(MutexRecursion, "mutex/its-owner-acquires-it-again-and-again", "MUTX-1")
{
    KeInitializeMutex(&TestMutex, 0);
    for (LONG i = 0; i < 4; i++) {
        CHECK_STATUS(Acquire(&TestMutex), STATUS_SUCCESS);
        CHECK_EQ(KeReadStateMutex(&TestMutex), -i);
        CHECK_EQ(TestMutex.OwnerThread, KeGetCurrentThread());
    }
    for (LONG i = 3; i >= 0; i--) {
        CHECK_EQ(KeReleaseMutex(&TestMutex, FALSE), -i);
    }
    CHECK_EQ(KeReadStateMutex(&TestMutex), 1);
    CHECK_EQ(TestMutex.OwnerThread, NULL);
    CHECK(IsListEmpty(&KeGetCurrentThread()->MutantListHead));
}

TEST(MutexApcCount, "mutex/counts-as-one-critical-region", "MUTX-3")
{
    PKTHREAD Me = KeGetCurrentThread();
    KeInitializeMutex(&TestMutex, 0);
    Acquire(&TestMutex);
    CHECK_EQ(Me->KernelApcDisable, -1);
    Acquire(&TestMutex);
    CHECK_EQ(Me->KernelApcDisable, -1);
    CHECK_EQ(KeAreApcsDisabled(), TRUE);
    KeReleaseMutex(&TestMutex, FALSE);
    CHECK_EQ(Me->KernelApcDisable, -1);
    KeReleaseMutex(&TestMutex, FALSE);
    CHECK_EQ(Me->KernelApcDisable, 0);
    KeInitializeMutant(&TestMutex, TRUE);
    CHECK_EQ(Me->KernelApcDisable, 0);
    CHECK_EQ(KeReleaseMutant(&TestMutex, IO_NO_INCREMENT, FALSE, FALSE), 0);
}

TEST(MutexNotOwned, "mutex/release-by-another-raises", "MUTX-2")
{
    KeInitializeMutex(&TestMutex, 0);
    CHECK_STATUS(ReleaseRaises(), STATUS_MUTANT_NOT_OWNED);
    CHECK_EQ(KeReadStateMutex(&TestMutex), 1);
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    CHECK_STATUS(ReleaseRaises(), STATUS_MUTANT_NOT_OWNED);
    KeLowerIrql(Old);
}

TEST(MutexLimit, "mutex/one-acquisition-too-many-raises",
     "contract 1.9: STATUS_MUTANT_LIMIT_EXCEEDED")
{
    static volatile NTSTATUS Status[2];
    PVOID Objects[2] = {&TestEvent, &TestMutex};
    KeInitializeMutex(&TestMutex, 0);
    KeInitializeEvent(&TestEvent, SynchronizationEvent, TRUE);
    Acquire(&TestMutex);
    TestMutex.Header.SignalState = -0x7FFFFFFF - 1;
    KE_TRY
    {
        Acquire(&TestMutex);
    }
    KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
    {
        Status[0] = GetExceptionCode();
    }
    KE_END_TRY
    KE_TRY
    {
        KeWaitForMultipleObjects(2, Objects, WaitAll, Executive, KernelMode, FALSE, NULL, NULL);
    }
    KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
    {
        Status[1] = GetExceptionCode();
    }
    KE_END_TRY
    CHECK_STATUS(Status[0], STATUS_MUTANT_LIMIT_EXCEEDED);
    CHECK_STATUS(Status[1], STATUS_MUTANT_LIMIT_EXCEEDED);
    CHECK_EQ(KeReadStateEvent(&TestEvent), 1);
    TestMutex.Header.SignalState = 0;
    KeReleaseMutex(&TestMutex, FALSE);
}

static VOID NTAPI AcquireInTurn(PVOID Context)
{
    WaitResult = Acquire(&TestMutex);
    Order[Acquired++] = (ULONG)(ULONG_PTR)Context;
    KeReleaseMutex(&TestMutex, FALSE);
}

TEST(MutexHandOver, "mutex/goes-to-the-first-that-waits", "contract 1.9: mutex")
{
    PKTHREAD Threads[WAITERS];
    KeInitializeMutex(&TestMutex, 0);
    Acquired = 0;
    Acquire(&TestMutex);
    for (ULONG_PTR i = 0; i < WAITERS; i++) {
        Threads[i] = TestStartThread(AcquireInTurn, (PVOID)i, KI_PRIORITY_DEFAULT + 1);
    }
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    KeReleaseMutex(&TestMutex, FALSE);
    CHECK_EQ(TestMutex.OwnerThread, Threads[0]); /* at once, before it runs */
    CHECK_EQ(Threads[0]->KernelApcDisable, -1);
    CHECK_STATUS(Poll(&TestMutex), STATUS_TIMEOUT);
    KeLowerIrql(Old);
    CHECK_EQ(Acquired, WAITERS);
    for (ULONG i = 0; i < WAITERS; i++) {
        CHECK_EQ(Order[i], i);
        TestJoinThread(Threads[i]);
    }
    CHECK_EQ(KeReadStateMutex(&TestMutex), 1);
}

TEST(MutexAll, "mutex/a-wait-for-all-takes-it-with-the-rest", "WAIT-3")
{
    PVOID Objects[2] = {&TestMutex, &TestEvent};
    LARGE_INTEGER Soon = {.QuadPart = -1};
    KeInitializeMutex(&TestMutex, 0);
    KeInitializeEvent(&TestEvent, SynchronizationEvent, FALSE);
    CHECK_STATUS(
        KeWaitForMultipleObjects(2, Objects, WaitAll, Executive, KernelMode, FALSE, &Soon, NULL),
        STATUS_TIMEOUT);
    CHECK_EQ(KeReadStateMutex(&TestMutex), 1);
    KeSetEvent(&TestEvent, IO_NO_INCREMENT, FALSE);
    CHECK_STATUS(
        KeWaitForMultipleObjects(2, Objects, WaitAll, Executive, KernelMode, FALSE, &Soon, NULL),
        STATUS_SUCCESS);
    CHECK_EQ(TestMutex.OwnerThread, KeGetCurrentThread());
    KeReleaseMutex(&TestMutex, FALSE);
}

TEST(MutexReleaseWait, "mutex/release-with-wait-returns-at-dispatch-level", "WAIT-6")
{
    KeInitializeMutex(&TestMutex, 0);
    Acquire(&TestMutex);
    KeReleaseMutex(&TestMutex, TRUE);
    CHECK_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    CHECK_STATUS(Acquire(&TestMutex), STATUS_SUCCESS);
    CHECK_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    KeReleaseMutex(&TestMutex, FALSE);
}

/* ---- abandonment ----------------------------------------------------------------------------- */

/* Acquires the mutant and ends, when it is told to. */
static VOID NTAPI AcquireAndEnd(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    Acquire(&TestMutex);
    KeWaitForSingleObject(&TestEvent, Executive, KernelMode, FALSE, NULL);
}

static PKTHREAD StartOwner(VOID)
{
    KeInitializeMutant(&TestMutex, FALSE);
    KeInitializeEvent(&TestEvent, SynchronizationEvent, FALSE);
    return TestStartThread(AcquireAndEnd, NULL, KI_PRIORITY_DEFAULT + 1);
}

static VOID EndOwner(PKTHREAD Owner)
{
    KeSetEvent(&TestEvent, IO_NO_INCREMENT, FALSE);
    TestJoinThread(Owner);
}

TEST(MutantAbandoned, "mutant/the-next-owner-learns-that-the-last-one-ended",
     "contract 1.9: STATUS_ABANDONED")
{
    EndOwner(StartOwner());
    CHECK_EQ(TestMutex.Abandoned, TRUE);
    CHECK_EQ(KeReadStateMutant(&TestMutex), 1);
    CHECK_STATUS(Acquire(&TestMutex), STATUS_ABANDONED);
    CHECK_EQ(TestMutex.Abandoned, FALSE);
    CHECK_STATUS(Acquire(&TestMutex), STATUS_SUCCESS);
    KeReleaseMutant(&TestMutex, IO_NO_INCREMENT, FALSE, FALSE);
    CHECK_EQ(KeReleaseMutant(&TestMutex, IO_NO_INCREMENT, FALSE, FALSE), 0);
    CHECK(NT_SUCCESS(STATUS_ABANDONED));
}

TEST(MutantAbandonedWaiter, "mutant/one-that-waits-already-learns-it-too",
     "contract 1.9: STATUS_ABANDONED")
{
    PKTHREAD Owner = StartOwner();
    Acquired = 0;
    PKTHREAD Waiter = TestStartThread(AcquireInTurn, NULL, KI_PRIORITY_DEFAULT + 1);
    CHECK_EQ(Acquired, 0);
    EndOwner(Owner);
    CHECK_EQ(Acquired, 1);
    CHECK_STATUS(WaitResult, STATUS_ABANDONED);
    TestJoinThread(Waiter);
}

TEST(MutantAbandonedAny, "mutant/abandonment-comes-with-the-index", "contract 1.9: 0x80 + index")
{
    PVOID Objects[2] = {&TestEvent, &TestMutex};
    EndOwner(StartOwner());
    CHECK_STATUS(
        KeWaitForMultipleObjects(2, Objects, WaitAny, Executive, KernelMode, FALSE, NULL, NULL),
        STATUS_ABANDONED_WAIT_0 + 1);
    KeReleaseMutant(&TestMutex, IO_NO_INCREMENT, FALSE, FALSE);
    EndOwner(StartOwner());
    KeSetEvent(&TestEvent, IO_NO_INCREMENT, FALSE);
    CHECK_STATUS(
        KeWaitForMultipleObjects(2, Objects, WaitAll, Executive, KernelMode, FALSE, NULL, NULL),
        STATUS_ABANDONED_WAIT_0);
    KeReleaseMutant(&TestMutex, IO_NO_INCREMENT, FALSE, FALSE);
}

TEST(MutantGivenUp, "mutant/anybody-may-declare-it-abandoned", "DDI KeReleaseMutant")
{
    PKTHREAD Owner = StartOwner();
    CHECK_EQ(KeReleaseMutant(&TestMutex, IO_NO_INCREMENT, TRUE, FALSE), 0);
    CHECK_STATUS(Acquire(&TestMutex), STATUS_ABANDONED);
    KeReleaseMutant(&TestMutex, IO_NO_INCREMENT, FALSE, FALSE);
    EndOwner(Owner);
    CHECK_EQ(TestMutex.Abandoned, FALSE);
}

/* ---- storms ---------------------------------------------------------------------------------- */

#define STORM_THREADS 6
#define STORM_ROUNDS  400

static volatile ULONG Inside, Passes;

static VOID NTAPI Contend(PVOID Context)
{
    for (ULONG i = 0; i < STORM_ROUNDS; i++) {
        Acquire(&TestMutex);
        CHECK_EQ(++Inside, 1);
        Passes++;
        if ((i + (ULONG)(ULONG_PTR)Context) % 3 == 0) {
            ZwYieldExecution();
        }
        Inside--;
        KeReleaseMutex(&TestMutex, FALSE);
    }
}

TEST(MutexStorm, "mutex/one-at-a-time-and-nobody-is-forgotten", "MUTX-1")
{
    PKTHREAD Threads[STORM_THREADS];
    KeInitializeMutex(&TestMutex, 0);
    Inside = Passes = 0;
    for (ULONG_PTR i = 0; i < STORM_THREADS; i++) {
        Threads[i] = TestStartThread(Contend, (PVOID)i, KI_PRIORITY_DEFAULT);
    }
    for (ULONG i = 0; i < STORM_THREADS; i++) {
        TestJoinThread(Threads[i]);
    }
    CHECK_EQ(Passes, STORM_THREADS * STORM_ROUNDS);
    CHECK_EQ(KeReadStateMutex(&TestMutex), 1);
}

/* ---- machines that must stop ----------------------------------------------------------------- */

static VOID NTAPI EndWithMutex(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    TestAnnounce("thread", (ULONG64)KeGetCurrentThread());
    Acquire(&TestMutex);
}

CRASH_TEST(CrashMutexHeld, "mutex/held-by-a-thread-that-ends", "0x4000008A $thread $mutex 0x0 0x0",
           "contract 7, surprise 34")
{
    KeInitializeMutex(&TestMutex, 0);
    TestAnnounce("mutex", (ULONG64)&TestMutex);
    TestStartThread(EndWithMutex, NULL, KI_PRIORITY_DEFAULT + 1);
}

CRASH_TEST(CrashMutexNotOwned, "mutex/released-by-another-and-nobody-handles-it",
           "0x1E 0xFFFFFFFFC0000046 sym:CrashMutexNotOwned 0x0 0x0", "MUTX-2")
{
    KeInitializeMutex(&TestMutex, 0);
    KeReleaseMutex(&TestMutex, FALSE);
}
