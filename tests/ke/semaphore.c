/*
 * semaphore.c - tests of semaphores: the count, its limit, and who takes one.
 */
#include "kernel/ke/try.h"
#include "tests/ke/threads.h"

#define WAITERS 4

static KSEMAPHORE TestSemaphore;
static ULONG TakenBy[WAITERS];
static ULONG Taken;

static NTSTATUS Poll(PVOID Object)
{
    LARGE_INTEGER Zero = {.QuadPart = 0};
    return KeWaitForSingleObject(Object, Executive, KernelMode, FALSE, &Zero);
}

static VOID NTAPI TakeOne(PVOID Context)
{
    KeWaitForSingleObject(&TestSemaphore, Executive, KernelMode, FALSE, NULL);
    TakenBy[Taken++] = (ULONG)(ULONG_PTR)Context;
}

TEST(SemaphoreLayout, "semaphore/header-is-the-documented-one", "contract 1.9: type 5, 32 bytes")
{
    KeInitializeSemaphore(&TestSemaphore, 2, 5);
    CHECK_EQ(TestSemaphore.Header.Type, 5);
    CHECK_EQ(TestSemaphore.Header.Size, 8);
    CHECK_EQ(TestSemaphore.Limit, 5);
    CHECK_EQ(KeReadStateSemaphore(&TestSemaphore), 2);
}

TEST(SemaphoreCounts, "semaphore/each-wait-takes-one", "SEMA-2")
{
    KeInitializeSemaphore(&TestSemaphore, 2, 5);
    CHECK_STATUS(Poll(&TestSemaphore), STATUS_SUCCESS);
    CHECK_EQ(KeReadStateSemaphore(&TestSemaphore), 1);
    CHECK_STATUS(Poll(&TestSemaphore), STATUS_SUCCESS);
    CHECK_STATUS(Poll(&TestSemaphore), STATUS_TIMEOUT);
    CHECK_EQ(KeReadStateSemaphore(&TestSemaphore), 0);
    CHECK_EQ(KeReleaseSemaphore(&TestSemaphore, IO_NO_INCREMENT, 3, FALSE), 0);
    CHECK_EQ(KeReleaseSemaphore(&TestSemaphore, IO_NO_INCREMENT, 2, FALSE), 3);
    CHECK_EQ(KeReleaseSemaphore(&TestSemaphore, IO_NO_INCREMENT, 0, FALSE), 5);
}

/* The status that a release by Adjustment raises. */
static NTSTATUS ReleaseRaises(LONG Adjustment)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;
    KE_TRY
    {
        KeReleaseSemaphore(&TestSemaphore, IO_NO_INCREMENT, Adjustment, FALSE);
    }
    KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
    {
        Status = GetExceptionCode();
    }
    KE_END_TRY
    return Status;
}

TEST(SemaphoreLimit, "semaphore/a-release-beyond-the-limit-changes-nothing", "SEMA-1")
{
    KeInitializeSemaphore(&TestSemaphore, 1, 3);
    CHECK_STATUS(ReleaseRaises(3), STATUS_SEMAPHORE_LIMIT_EXCEEDED);
    CHECK_STATUS(ReleaseRaises(0x7FFFFFFF), STATUS_SEMAPHORE_LIMIT_EXCEEDED);
    CHECK_STATUS(ReleaseRaises(-1), STATUS_SEMAPHORE_LIMIT_EXCEEDED);
    CHECK_EQ(KeReadStateSemaphore(&TestSemaphore), 1);
    CHECK_STATUS(ReleaseRaises(2), STATUS_SUCCESS);
    CHECK_EQ(KeReadStateSemaphore(&TestSemaphore), 3);
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    CHECK_STATUS(ReleaseRaises(1), STATUS_SEMAPHORE_LIMIT_EXCEEDED);
    KeLowerIrql(Old);
}

TEST(SemaphoreWaiters, "semaphore/a-release-lets-as-many-go-in-order", "SEMA-2")
{
    PKTHREAD Threads[WAITERS];
    KeInitializeSemaphore(&TestSemaphore, 0, 10);
    Taken = 0;
    for (ULONG_PTR i = 0; i < WAITERS; i++) {
        Threads[i] = TestStartThread(TakeOne, (PVOID)i, KI_PRIORITY_DEFAULT + 1);
    }
    CHECK_EQ(KeReleaseSemaphore(&TestSemaphore, SEMAPHORE_INCREMENT, 3, FALSE), 0);
    CHECK_EQ(Taken, 3);
    CHECK_EQ(KeReadStateSemaphore(&TestSemaphore), 0);
    CHECK_EQ(KeReleaseSemaphore(&TestSemaphore, IO_NO_INCREMENT, 3, FALSE), 0);
    CHECK_EQ(Taken, WAITERS);
    CHECK_EQ(KeReadStateSemaphore(&TestSemaphore), 2);
    for (ULONG i = 0; i < WAITERS; i++) {
        CHECK_EQ(TakenBy[i], i);
        TestJoinThread(Threads[i]);
    }
}

#define ITEMS 2000

static KSEMAPHORE Slots, Items;
static ULONG Produced, Consumed, Sum;

static VOID NTAPI Consume(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (ULONG i = 0; i < ITEMS; i++) {
        KeWaitForSingleObject(&Items, Executive, KernelMode, FALSE, NULL);
        Consumed++;
        Sum += Produced - Consumed; /* how far the producer was ahead */
        KeReleaseSemaphore(&Slots, IO_NO_INCREMENT, 1, FALSE);
    }
}

TEST(SemaphorePipe, "semaphore/a-producer-is-never-more-than-the-slots-ahead", "SEMA-1")
{
    KeInitializeSemaphore(&Slots, 4, 4);
    KeInitializeSemaphore(&Items, 0, 4);
    Produced = Consumed = Sum = 0;
    PKTHREAD Thread = TestStartThread(Consume, NULL, KI_PRIORITY_DEFAULT);
    for (ULONG i = 0; i < ITEMS; i++) {
        KeWaitForSingleObject(&Slots, Executive, KernelMode, FALSE, NULL);
        Produced++;
        CHECK_LE(Produced - Consumed, 5);
        KeReleaseSemaphore(&Items, IO_NO_INCREMENT, 1, FALSE);
    }
    TestJoinThread(Thread);
    CHECK_EQ(Consumed, ITEMS);
    CHECK_LE(Sum, ITEMS * 4);
}

TEST(SemaphoreSetWait, "semaphore/release-with-wait-returns-at-dispatch-level", "WAIT-6")
{
    KeInitializeSemaphore(&TestSemaphore, 0, 1);
    KeReleaseSemaphore(&TestSemaphore, IO_NO_INCREMENT, 1, TRUE);
    CHECK_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    CHECK_STATUS(Poll(&TestSemaphore), STATUS_SUCCESS);
    CHECK_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

/* ---- machines that must stop ----------------------------------------------------------------- */

CRASH_TEST(CrashSemaphoreLimit, "semaphore/release-beyond-the-limit",
           "0x1E 0xFFFFFFFFC0000047 sym:CrashSemaphoreLimit 0x0 0x0",
           "contract 1.9: STATUS_SEMAPHORE_LIMIT_EXCEEDED")
{
    KeInitializeSemaphore(&TestSemaphore, 1, 2);
    KeReleaseSemaphore(&TestSemaphore, IO_NO_INCREMENT, 2, FALSE);
}

CRASH_TEST(CrashSemaphoreCount, "semaphore/count-above-its-limit", "0x139 0x5 not0 not0 0x0",
           "contract 1.9: 0 <= count <= limit")
{
    KeInitializeSemaphore(&TestSemaphore, 3, 2);
}

CRASH_TEST(CrashSemaphoreHigh, "semaphore/release-above-dispatch-level", "0xC4 0xE5 0xC 0x0 0x0",
           "contract 1.4: KeReleaseSemaphore")
{
    KeInitializeSemaphore(&TestSemaphore, 0, 2);
    KeRaiseIrqlToSynchLevel();
    KeReleaseSemaphore(&TestSemaphore, IO_NO_INCREMENT, 1, FALSE);
}
