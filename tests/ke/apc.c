/*
 * apc.c - tests of APCs: when each kind comes, what keeps it out, what it does to a wait.
 */
#include "kernel/hal/hal.h"
#include "tests/ke/threads.h"

#define MAX_LOG 16

static KAPC Apcs[4];
static KEVENT TestEvent;
static NTSTATUS WaitResult;
static struct {
    ULONG_PTR What;
    KIRQL Irql;
} Log[MAX_LOG];
static ULONG Logged;

static VOID LogCall(ULONG_PTR What)
{
    if (Logged < MAX_LOG) {
        Log[Logged].What = What;
        Log[Logged].Irql = KeGetCurrentIrql();
        Logged++;
    }
}

/* The numbers that LogCall got, as decimal digits: 12 is 1 and then 2. */
static ULONG64 LoggedDigits(VOID)
{
    ULONG64 Digits = 0;
    for (ULONG i = 0; i < Logged; i++) {
        Digits = Digits * 10 + Log[i].What;
    }
    return Digits;
}

/* Logs which of Apcs it is, from 1 on. */
static VOID NTAPI LoggingKernelRoutine(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *Context,
                                       PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(NormalRoutine);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    LogCall((ULONG_PTR)(Apc - Apcs) + 1);
}

static VOID NTAPI LoggingNormalRoutine(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    LogCall((ULONG_PTR)Context + (ULONG_PTR)Argument1 + (ULONG_PTR)Argument2);
}

/* Apcs[Index], queued to a thread: special, or normal with 5 as its context. */
static VOID Queue(ULONG Index, PKTHREAD Thread, BOOLEAN Special)
{
    KeInitializeApc(&Apcs[Index], Thread, OriginalApcEnvironment, LoggingKernelRoutine, NULL,
                    Special ? NULL : LoggingNormalRoutine, KernelMode, (PVOID)5);
    CHECK_EQ(KeInsertQueueApc(&Apcs[Index], NULL, NULL, IO_NO_INCREMENT), TRUE);
}

static VOID Prepare(VOID)
{
    KeInitializeEvent(&TestEvent, SynchronizationEvent, FALSE);
    WaitResult = STATUS_PENDING;
    Logged = 0;
}

/* ---- to the current thread ------------------------------------------------------------------- */

TEST(ApcLayout, "apc/object-is-the-documented-one", "contract 1.9: KAPC 88 bytes")
{
    KeInitializeApc(&Apcs[0], KeGetCurrentThread(), OriginalApcEnvironment, LoggingKernelRoutine,
                    NULL, NULL, UserMode, (PVOID)1);
    CHECK_EQ(Apcs[0].Type, 0x12);
    CHECK_EQ(Apcs[0].Size, 88);
    CHECK_EQ(Apcs[0].ApcMode, KernelMode); /* without a normal routine it is special */
    CHECK_EQ(Apcs[0].NormalContext, NULL);
    CHECK_EQ(Apcs[0].Inserted, FALSE);
}

TEST(ApcSpecial, "apc/special-runs-at-once-at-apc-level", "APC-1")
{
    Prepare();
    Queue(0, KeGetCurrentThread(), TRUE);
    CHECK_EQ(LoggedDigits(), 1);
    CHECK_EQ(Log[0].Irql, APC_LEVEL);
    CHECK_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    CHECK_EQ(Apcs[0].Inserted, FALSE);
}

TEST(ApcNormal, "apc/normal-runs-at-passive-level-behind-its-kernel-routine", "APC-2")
{
    Prepare();
    KeInitializeApc(&Apcs[0], KeGetCurrentThread(), OriginalApcEnvironment, LoggingKernelRoutine,
                    NULL, LoggingNormalRoutine, KernelMode, (PVOID)1);
    KeInsertQueueApc(&Apcs[0], (PVOID)2, (PVOID)4, IO_NO_INCREMENT);
    CHECK_EQ(LoggedDigits(), 17);
    CHECK_EQ(Log[0].Irql, APC_LEVEL);
    CHECK_EQ(Log[1].Irql, PASSIVE_LEVEL);
}

TEST(ApcLevel, "apc/apc-level-holds-all-of-them-back", "contract 1.6: blocked by IRQL >= APC")
{
    KIRQL Old;
    Prepare();
    KeRaiseIrql(APC_LEVEL, &Old);
    Queue(0, KeGetCurrentThread(), TRUE);
    Queue(1, KeGetCurrentThread(), FALSE);
    CHECK_EQ(Logged, 0);
    KeLowerIrql(Old);
    CHECK_EQ(LoggedDigits(), 125);
}

TEST(ApcDispatch, "apc/may-be-queued-at-dispatch-level", "wdm_apc.h: KeInsertQueueApc")
{
    Prepare();
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    Queue(0, KeGetCurrentThread(), TRUE);
    KeLowerIrql(APC_LEVEL);
    CHECK_EQ(Logged, 0);
    KeLowerIrql(Old);
    CHECK_EQ(LoggedDigits(), 1);
}

TEST(ApcCritical, "apc/critical-region-holds-normal-ones-back", "APC-2")
{
    Prepare();
    KeEnterCriticalRegion();
    KeEnterCriticalRegion();
    Queue(0, KeGetCurrentThread(), FALSE);
    Queue(1, KeGetCurrentThread(), TRUE);
    CHECK_EQ(LoggedDigits(), 2);
    KeLeaveCriticalRegion();
    CHECK_EQ(Logged, 1);
    KeLeaveCriticalRegion();
    CHECK_EQ(LoggedDigits(), 215);
}

TEST(ApcGuarded, "apc/guarded-region-holds-all-of-them-back", "APC-1")
{
    Prepare();
    KeEnterGuardedRegion();
    KeEnterGuardedRegion();
    Queue(0, KeGetCurrentThread(), TRUE);
    Queue(1, KeGetCurrentThread(), FALSE);
    KeLeaveGuardedRegion();
    CHECK_EQ(Logged, 0);
    KeLeaveGuardedRegion();
    CHECK_EQ(LoggedDigits(), 125);
}

TEST(ApcBothRegions, "apc/guarded-inside-critical", "APC-2")
{
    Prepare();
    KeEnterCriticalRegion();
    KeEnterGuardedRegion();
    Queue(0, KeGetCurrentThread(), FALSE);
    Queue(1, KeGetCurrentThread(), TRUE);
    KeLeaveGuardedRegion();
    CHECK_EQ(LoggedDigits(), 2);
    KeLeaveCriticalRegion();
    CHECK_EQ(LoggedDigits(), 215);
}

TEST(ApcLeaveAtApcLevel, "apc/region-left-at-apc-level-delivers-when-it-drops", "APC-1")
{
    KIRQL Old;
    LARGE_INTEGER Soon = {.QuadPart = -1};
    Prepare();
    KeEnterGuardedRegion();
    Queue(0, KeGetCurrentThread(), TRUE);
    KeRaiseIrql(APC_LEVEL, &Old);
    KeLeaveGuardedRegion();
    KeDelayExecutionThread(KernelMode, FALSE, &Soon); /* another thread takes the interrupt */
    CHECK_EQ(Logged, 0);
    KeLowerIrql(Old);
    CHECK_EQ(LoggedDigits(), 1);
}

TEST(ApcMutex, "apc/owning-a-mutex-holds-normal-ones-back", "MUTX-3")
{
    static KMUTEX Mutex;
    Prepare();
    KeInitializeMutex(&Mutex, 0);
    KeWaitForSingleObject(&Mutex, Executive, KernelMode, FALSE, NULL);
    Queue(0, KeGetCurrentThread(), FALSE);
    Queue(1, KeGetCurrentThread(), TRUE);
    CHECK_EQ(LoggedDigits(), 2);
    KeReleaseMutex(&Mutex, FALSE);
    CHECK_EQ(LoggedDigits(), 215);
}

TEST(ApcOrder, "apc/special-ones-first-each-kind-in-order", "APC-3")
{
    KIRQL Old;
    Prepare();
    KeRaiseIrql(APC_LEVEL, &Old);
    Queue(0, KeGetCurrentThread(), FALSE);
    Queue(1, KeGetCurrentThread(), TRUE);
    Queue(2, KeGetCurrentThread(), FALSE);
    Queue(3, KeGetCurrentThread(), TRUE);
    KeLowerIrql(Old);
    CHECK_EQ(LoggedDigits(), 241535);
}

TEST(ApcTwice, "apc/a-queued-one-is-not-queued-again", "APC-3")
{
    KIRQL Old;
    Prepare();
    KeRaiseIrql(APC_LEVEL, &Old);
    Queue(0, KeGetCurrentThread(), TRUE);
    CHECK_EQ(KeInsertQueueApc(&Apcs[0], NULL, NULL, IO_NO_INCREMENT), FALSE);
    KeLowerIrql(Old);
    CHECK_EQ(LoggedDigits(), 1);
}

TEST(ApcRemove, "apc/a-removed-one-does-not-run", "wdm_apc.h: KeRemoveQueueApc")
{
    KIRQL Old;
    Prepare();
    KeRaiseIrql(APC_LEVEL, &Old);
    Queue(0, KeGetCurrentThread(), TRUE);
    CHECK_EQ(KeRemoveQueueApc(&Apcs[0]), TRUE);
    CHECK_EQ(KeRemoveQueueApc(&Apcs[0]), FALSE);
    KeLowerIrql(Old);
    CHECK_EQ(Logged, 0);
}

static VOID NTAPI ChangingKernelRoutine(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *Context,
                                        PVOID *Argument1, PVOID *Argument2)
{
    memset(Apc, 0xDD, sizeof(*Apc)); /* it may be freed here */
    *Context = (PVOID)7;
    *Argument1 = *Argument2 = NULL;
    if (Logged == 1) {
        *NormalRoutine = NULL;
    }
}

TEST(ApcChanged, "apc/kernel-routine-may-free-it-and-change-the-rest", "APC-3")
{
    Prepare();
    for (ULONG i = 0; i < 2; i++) {
        KeInitializeApc(&Apcs[0], KeGetCurrentThread(), OriginalApcEnvironment,
                        ChangingKernelRoutine, NULL, LoggingNormalRoutine, KernelMode, (PVOID)1);
        KeInsertQueueApc(&Apcs[0], (PVOID)2, (PVOID)4, IO_NO_INCREMENT);
        CHECK_EQ(LoggedDigits(), 7); /* the second time its normal routine is taken away */
    }
}

static VOID NTAPI RequeueingKernelRoutine(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine,
                                          PVOID *Context, PVOID *Argument1, PVOID *Argument2)
{
    LoggingKernelRoutine(Apc, NormalRoutine, Context, Argument1, Argument2);
    if (Logged < 3) {
        KeInsertQueueApc(Apc, NULL, NULL, IO_NO_INCREMENT);
    }
}

TEST(ApcRequeue, "apc/kernel-routine-may-queue-it-again", "APC-3")
{
    Prepare();
    KeInitializeApc(&Apcs[0], KeGetCurrentThread(), OriginalApcEnvironment, RequeueingKernelRoutine,
                    NULL, NULL, KernelMode, NULL);
    KeInsertQueueApc(&Apcs[0], NULL, NULL, IO_NO_INCREMENT);
    CHECK_EQ(LoggedDigits(), 111);
}

/* Queues a normal and a special one from inside a normal routine. */
static VOID NTAPI QueueingNormalRoutine(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    LogCall(8);
    Queue(1, KeGetCurrentThread(), FALSE);
    Queue(2, KeGetCurrentThread(), TRUE);
    LogCall(9);
}

TEST(ApcInProgress, "apc/a-normal-one-waits-for-the-normal-one-before", "APC-2")
{
    Prepare();
    KeInitializeApc(&Apcs[0], KeGetCurrentThread(), OriginalApcEnvironment, LoggingKernelRoutine,
                    NULL, QueueingNormalRoutine, KernelMode, NULL);
    KeInsertQueueApc(&Apcs[0], NULL, NULL, IO_NO_INCREMENT);
    CHECK_EQ(LoggedDigits(), 183925);
}

static VOID NTAPI QueueingDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    Queue(0, Context, TRUE);
    LogCall(9);
}

TEST(ApcFromDpc, "apc/queued-by-a-dpc-runs-behind-it", "APC-1")
{
    static KDPC Dpc;
    Prepare();
    KeInitializeDpc(&Dpc, QueueingDpc, KeGetCurrentThread());
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    CHECK_EQ(LoggedDigits(), 91);
}

/* ---- to another thread ----------------------------------------------------------------------- */

static PKTHREAD ApcThread;

/* Logs 1 when it runs in the thread that it was meant for. */
static VOID NTAPI CheckingKernelRoutine(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *Context,
                                        PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(NormalRoutine);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    UNREFERENCED_PARAMETER(Apc);
    LogCall(KeGetCurrentThread() == ApcThread);
}

static VOID QueueTo(PKTHREAD Thread)
{
    ApcThread = Thread;
    KeInitializeApc(&Apcs[0], Thread, OriginalApcEnvironment, CheckingKernelRoutine, NULL, NULL,
                    KernelMode, NULL);
    CHECK_EQ(KeInsertQueueApc(&Apcs[0], NULL, NULL, IO_NO_INCREMENT), TRUE);
}

static VOID NTAPI WaitForEvent(PVOID Context)
{
    KIRQL Old;
    LARGE_INTEGER Long = {.QuadPart = -600 * 10000000LL};
    KeRaiseIrql((KIRQL)(ULONG_PTR)Context, &Old);
    WaitResult = KeWaitForSingleObject(&TestEvent, Executive, KernelMode, FALSE, &Long);
    LogCall(7);
    KeLowerIrql(Old);
}

TEST(ApcWaiting, "apc/interrupts-a-wait-which-then-goes-on", "theory of kernel/ke/apc.c")
{
    Prepare();
    PKTHREAD Thread = TestStartThread(WaitForEvent, (PVOID)PASSIVE_LEVEL, 9);
    ULONG64 DueTime = Thread->Timer.DueTime.QuadPart;
    QueueTo(Thread);
    CHECK_EQ(LoggedDigits(), 1);
    CHECK_EQ(Thread->State, ThreadWaiting);
    CHECK_EQ(Thread->Timer.DueTime.QuadPart, DueTime); /* no longer than before */
    KeSetEvent(&TestEvent, IO_NO_INCREMENT, FALSE);
    CHECK_STATUS(WaitResult, STATUS_SUCCESS);
    TestJoinThread(Thread);
}

TEST(ApcWaitingHigh, "apc/does-not-interrupt-a-wait-at-apc-level", "APC-1")
{
    Prepare();
    PKTHREAD Thread = TestStartThread(WaitForEvent, (PVOID)APC_LEVEL, 9);
    QueueTo(Thread);
    CHECK_EQ(Logged, 0);
    KeSetEvent(&TestEvent, IO_NO_INCREMENT, FALSE);
    CHECK_EQ(LoggedDigits(), 71);
    TestJoinThread(Thread);
}

static VOID NTAPI WaitInCriticalRegion(PVOID Context)
{
    KeEnterCriticalRegion();
    WaitForEvent(Context);
    KeLeaveCriticalRegion();
}

TEST(ApcWaitingCritical, "apc/a-normal-one-does-not-interrupt-a-critical-regions-wait", "APC-2")
{
    Prepare();
    PKTHREAD Thread = TestStartThread(WaitInCriticalRegion, (PVOID)PASSIVE_LEVEL, 9);
    Queue(1, Thread, FALSE);
    CHECK_EQ(Logged, 0);
    QueueTo(Thread);
    CHECK_EQ(LoggedDigits(), 1);
    KeSetEvent(&TestEvent, IO_NO_INCREMENT, FALSE);
    CHECK_EQ(LoggedDigits(), 1725);
    TestJoinThread(Thread);
}

static VOID NTAPI LogSeven(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    LogCall(7);
}

TEST(ApcReady, "apc/a-ready-thread-runs-it-first", "theory of kernel/ke/apc.c")
{
    Prepare();
    PKTHREAD Thread = TestStartThread(LogSeven, NULL, 7);
    QueueTo(Thread);
    CHECK_EQ(Logged, 0);
    TestJoinThread(Thread);
    CHECK_EQ(LoggedDigits(), 17);
}

TEST(ApcEnded, "apc/an-ended-thread-takes-none", "wdm_apc.h: KeInsertQueueApc")
{
    Prepare();
    PKTHREAD Thread = TestStartThread(LogSeven, NULL, 9);
    TestJoinThread(Thread);
    KeInitializeApc(&Apcs[0], Thread, OriginalApcEnvironment, CheckingKernelRoutine, NULL, NULL,
                    KernelMode, NULL);
    CHECK_EQ(KeInsertQueueApc(&Apcs[0], NULL, NULL, IO_NO_INCREMENT), FALSE);
    CHECK_EQ(LoggedDigits(), 7);
}

/* ---- user APCs ------------------------------------------------------------------------------- */

static VOID QueueUser(PKTHREAD Thread, PKRUNDOWN_ROUTINE Rundown)
{
    KeInitializeApc(&Apcs[0], Thread, OriginalApcEnvironment, LoggingKernelRoutine, Rundown,
                    LoggingNormalRoutine, UserMode, (PVOID)5);
    CHECK_EQ(KeInsertQueueApc(&Apcs[0], NULL, NULL, IO_NO_INCREMENT), TRUE);
}

static NTSTATUS WaitBriefly(KPROCESSOR_MODE Mode, BOOLEAN Alertable)
{
    LARGE_INTEGER Soon = {.QuadPart = -1};
    return KeWaitForSingleObject(&TestEvent, Executive, Mode, Alertable, &Soon);
}

TEST(ApcUser, "apc/a-user-one-comes-with-an-alertable-user-mode-wait", "APC-5")
{
    Prepare();
    QueueUser(KeGetCurrentThread(), NULL);
    CHECK_STATUS(WaitBriefly(KernelMode, FALSE), STATUS_TIMEOUT);
    CHECK_STATUS(WaitBriefly(UserMode, FALSE), STATUS_TIMEOUT);
    CHECK_STATUS(WaitBriefly(KernelMode, TRUE), STATUS_USER_APC);
    CHECK_EQ(Logged, 0); /* interrupted, but not delivered */
    CHECK_STATUS(WaitBriefly(UserMode, TRUE), STATUS_USER_APC);
    CHECK_EQ(LoggedDigits(), 15);
    CHECK_EQ(Log[0].Irql, APC_LEVEL);
    CHECK_EQ(Log[1].Irql, PASSIVE_LEVEL);
    CHECK_STATUS(WaitBriefly(UserMode, TRUE), STATUS_TIMEOUT);
    CHECK(NT_SUCCESS(STATUS_USER_APC));
}

static VOID NTAPI WaitAlertable(PVOID Context)
{
    WaitResult = KeWaitForSingleObject(&TestEvent, Executive, (KPROCESSOR_MODE)(ULONG_PTR)Context,
                                       TRUE, NULL);
}

TEST(ApcUserWaiting, "apc/a-user-one-ends-an-alertable-wait", "APC-5")
{
    Prepare();
    PKTHREAD Thread = TestStartThread(WaitAlertable, (PVOID)UserMode, 9);
    QueueUser(Thread, NULL);
    CHECK_STATUS(WaitResult, STATUS_USER_APC);
    CHECK_EQ(LoggedDigits(), 15);
    CHECK(IsListEmpty(&TestEvent.Header.WaitListHead));
    TestJoinThread(Thread);
}

static VOID NTAPI CountingRundown(PKAPC Apc)
{
    LogCall(Apc == &Apcs[0] ? 3 : 0);
}

TEST(ApcRundown, "apc/what-a-thread-does-not-get-is-run-down", "wdm_apc.h: KRUNDOWN_ROUTINE")
{
    Prepare();
    PKTHREAD Thread = TestCreateThread(LogSeven, NULL, 9);
    QueueUser(Thread, CountingRundown);
    KiStartThread(Thread);
    CHECK_EQ(LoggedDigits(), 73);
    TestJoinThread(Thread);
}

/* ---- the counts ------------------------------------------------------------------------------ */

TEST(ApcCounts, "apc/regions-count-in-the-thread",
     "contract 1.6: KernelApcDisable, SpecialApcDisable")
{
    PKTHREAD Me = KeGetCurrentThread();
    CHECK_EQ(KeAreApcsDisabled(), FALSE);
    CHECK_EQ(KeAreAllApcsDisabled(), FALSE);
    KeEnterCriticalRegion();
    CHECK_EQ(Me->KernelApcDisable, -1);
    CHECK_EQ(KeAreApcsDisabled(), TRUE);
    CHECK_EQ(KeAreAllApcsDisabled(), FALSE);
    KeEnterGuardedRegion();
    CHECK_EQ(Me->SpecialApcDisable, -1);
    CHECK_EQ(Me->CombinedApcDisable, 0xFFFFFFFF);
    KeLeaveCriticalRegion();
    CHECK_EQ(Me->CombinedApcDisable, 0xFFFF0000);
    CHECK_EQ(KeAreApcsDisabled(), TRUE);
    CHECK_EQ(KeAreAllApcsDisabled(), TRUE);
    KeLeaveGuardedRegion();
    CHECK_EQ(Me->CombinedApcDisable, 0);
}

TEST(ApcCountsLevel, "apc/the-level-is-no-region", "contract 7, surprise 4")
{
    KIRQL Old;
    KeRaiseIrql(APC_LEVEL, &Old);
    CHECK_EQ(KeAreApcsDisabled(), FALSE);
    CHECK_EQ(KeAreAllApcsDisabled(), TRUE);
    KeLowerIrql(Old);
}

TEST(ApcUnbalanced, "apc/free-mode-counts-an-extra-leave", "contract 7, surprise 5")
{
    BOOLEAN Mode = KiCheckedMode;
    PKTHREAD Me = KeGetCurrentThread();
    KiCheckedMode = FALSE;
    KeLeaveCriticalRegion();
    CHECK_EQ(Me->KernelApcDisable, 1);
    CHECK_EQ(KeAreApcsDisabled(), TRUE);
    KeEnterCriticalRegion();
    CHECK_EQ(Me->KernelApcDisable, 0);
    KeLeaveGuardedRegion();
    CHECK_EQ(Me->SpecialApcDisable, 1);
    KeEnterGuardedRegion();
    CHECK_EQ(Me->CombinedApcDisable, 0);
    KiCheckedMode = Mode;
}
