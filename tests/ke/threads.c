/*
 * threads.c - threads for tests: a KTHREAD from a small table and a kernel stack.
 */
#include "tests/ke/threads.h"
#include "kernel/hal/hal.h"

#define MAX_THREADS 64

static KTHREAD TestThreads[MAX_THREADS];
static BOOLEAN TestThreadInUse[MAX_THREADS];

static VOID TestSystemRoutine(PKSTART_ROUTINE StartRoutine, PVOID StartContext)
{
    StartRoutine(StartContext);
    KiTerminateThread();
}

/* While pages are on their way to a slow disk there may be none for a moment. */
static PCHAR TestTakeStack(VOID)
{
    LARGE_INTEGER Moment = {.QuadPart = -100000}; /* 10 ms */
    PCHAR StackBase = MiAllocateKernelStack();
    for (ULONG i = 0; StackBase == NULL && i < 1000 && KeGetCurrentIrql() < DISPATCH_LEVEL; i++) {
        KeDelayExecutionThread(KernelMode, FALSE, &Moment);
        StackBase = MiAllocateKernelStack();
    }
    return StackBase;
}

PKTHREAD TestCreateThread(PKSTART_ROUTINE Routine, PVOID Context, KPRIORITY Priority)
{
    PCHAR StackBase = TestTakeStack();
    for (ULONG i = 0; StackBase != NULL && i < MAX_THREADS; i++) {
        if (!TestThreadInUse[i]) {
            TestThreadInUse[i] = TRUE;
            KiInitializeThread(&TestThreads[i], StackBase,
                               StackBase - KERNEL_STACK_PAGES * PAGE_SIZE, TestSystemRoutine,
                               Routine, Context);
            TestThreads[i].Affinity = TestThreads[i].UserAffinity = TEST_PROCESSORS;
            TestThreads[i].IdealProcessor = 0;
            KeSetPriorityThread(&TestThreads[i], Priority);
            return &TestThreads[i];
        }
    }
    RtlFailFast(FAST_FAIL_FATAL_APP_EXIT);
}

PKTHREAD TestStartThread(PKSTART_ROUTINE Routine, PVOID Context, KPRIORITY Priority)
{
    PKTHREAD Thread = TestCreateThread(Routine, Context, Priority);
    KiStartThread(Thread);
    return Thread;
}

VOID TestHoldClock(VOID)
{
    HalpStartApicTimer(0, FALSE);
    KeSetPriorityThread(KeGetCurrentThread(), KI_PRIORITY_DEFAULT); /* a whole quantum */
}

VOID TestReleaseClock(VOID)
{
    HalpStartClock();
}

VOID TestTick(VOID)
{
    HalpRequestSoftwareInterrupt(CLOCK_VECTOR);
}

VOID TestJoinThread(PKTHREAD Thread)
{
    KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL);
    MiFreeKernelStack(Thread->StackBase);
    TestThreadInUse[Thread - TestThreads] = FALSE;
}
