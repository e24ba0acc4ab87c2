/*
 * dpc_threaded.c - tests of threaded DPCs: where and at which level they run, what interrupts them,
 * that flushing waits for them, and the locks that serve them at either level.
 */
#include "kernel/hal/hal.h"
#include "tests/ke/smp.h"

#define NEED_THREADED                                                                              \
    if (!KiThreadedDpcs) {                                                                         \
        SKIP("threaded-dpcs=off");                                                                 \
    }

static struct {
    KDPC Dpc, Other;
    volatile ULONG Runs, OtherRuns, RunsThen, Where, Left, Finished;
    KIRQL Irql, OtherIrql;
    BOOLEAN OnDpcStack, InDpc;
    KPRIORITY Priority;
    PVOID Arguments[3];
} Threaded;

static BOOLEAN IsOnDpcStack(VOID)
{
    ULONG_PTR Here = (ULONG_PTR)__builtin_frame_address(0);
    ULONG_PTR Top = (ULONG_PTR)KeGetCurrentPrcb()->DpcStack;
    return Here < Top && Here >= Top - KERNEL_STACK_PAGES * PAGE_SIZE;
}

static VOID NTAPI NoteThreaded(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    Threaded.Where = KeGetCurrentProcessorNumber();
    Threaded.Irql = KeGetCurrentIrql();
    Threaded.OnDpcStack = IsOnDpcStack();
    Threaded.InDpc = KeGetCurrentPrcb()->InDpc;
    Threaded.Priority = KeQueryPriorityThread(KeGetCurrentThread());
    Threaded.Arguments[0] = Context;
    Threaded.Arguments[1] = Argument1;
    Threaded.Arguments[2] = Argument2;
    __atomic_fetch_add(&Threaded.Runs, 1, __ATOMIC_RELEASE);
}

static VOID Prepare(PKDEFERRED_ROUTINE Routine, ULONG Processor)
{
    RtlZeroMemory(&Threaded, sizeof(Threaded));
    KeInitializeThreadedDpc(&Threaded.Dpc, Routine, &Threaded);
    KeSetTargetProcessorDpc(&Threaded.Dpc, (CCHAR)Processor);
    KeSetImportanceDpc(&Threaded.Dpc, MediumHighImportance);
}

TEST(ThreadedInit, "dpc/threaded/initialize-sets-the-fields-of-a-dpc",
     "DDI wdm KeInitializeThreadedDpc")
{
    KDPC Dpc;
    KeInitializeThreadedDpc(&Dpc, NoteThreaded, &Dpc);
    CHECK_EQ(Dpc.Type, 0x18);
    CHECK_EQ(Dpc.Importance, MediumImportance);
    CHECK_EQ(Dpc.Number, 0);
    CHECK_EQ(Dpc.DeferredRoutine, NoteThreaded);
    CHECK_EQ(Dpc.DeferredContext, &Dpc);
    CHECK_EQ(Dpc.DpcData, NULL);
}

TEST(ThreadedEach, "dpc/threaded/runs-at-passive-level-in-a-thread-of-its-processor",
     "DPC-8; contract 1.8: threaded DPC")
{
    NEED_THREADED;
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        Prepare(NoteThreaded, i);
        CHECK_EQ(KeInsertQueueDpc(&Threaded.Dpc, (PVOID)10, (PVOID)20), TRUE);
        TestSpinUntil(&Threaded.Runs, 1);
        CHECK_EQ(Threaded.Where, i);
        CHECK_EQ(Threaded.Irql, PASSIVE_LEVEL);
        CHECK(!Threaded.OnDpcStack && !Threaded.InDpc);
        CHECK_EQ(Threaded.Priority, HIGH_PRIORITY);
        CHECK_EQ(Threaded.Arguments[0], &Threaded);
        CHECK_EQ(Threaded.Arguments[1], 10);
        CHECK_EQ(Threaded.Arguments[2], 20);
    }
}

TEST(ThreadedOff, "dpc/threaded/turned-off-it-is-an-ordinary-one",
     "contract 1.8: may run at DISPATCH if the feature is off")
{
    if (KiGetBootOption("threaded-dpcs") == NULL) {
        SKIP("for threaded-dpcs=off");
    }
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        Prepare(NoteThreaded, i);
        KeInsertQueueDpc(&Threaded.Dpc, NULL, NULL);
        TestSpinUntil(&Threaded.Runs, 1);
        CHECK_EQ(Threaded.Where, i);
        CHECK_EQ(Threaded.Irql, DISPATCH_LEVEL);
        CHECK(Threaded.OnDpcStack && Threaded.InDpc);
    }
}

TEST(ThreadedAtOnce, "dpc/threaded/runs-before-the-thread-that-inserts-it-goes-on",
     "DPC-8: of the highest priority")
{
    Prepare(NoteThreaded, 0);
    KeInsertQueueDpc(&Threaded.Dpc, NULL, NULL);
    CHECK_EQ(Threaded.Runs, 1);
}

TEST(ThreadedHigh, "dpc/threaded/can-be-inserted-at-high-level", "contract 1.4: any")
{
    KIRQL Old;
    Prepare(NoteThreaded, 0);
    KeRaiseIrql(HIGH_LEVEL, &Old);
    CHECK_EQ(KeInsertQueueDpc(&Threaded.Dpc, NULL, NULL), TRUE);
    CHECK_EQ(KeInsertQueueDpc(&Threaded.Dpc, (PVOID)1, NULL), FALSE);
    KeLowerIrql(DISPATCH_LEVEL);
    CHECK_EQ(Threaded.Runs, 0);
    KeLowerIrql(Old);
    CHECK_EQ(Threaded.Runs, 1);
    CHECK_EQ(Threaded.Arguments[1], NULL); /* those of the first one */
}

TEST(ThreadedLow, "dpc/threaded/one-of-low-importance-runs-without-being-asked-for", "contract 1.8")
{
    Prepare(NoteThreaded, 0);
    KeSetImportanceDpc(&Threaded.Dpc, LowImportance);
    KeInsertQueueDpc(&Threaded.Dpc, NULL, NULL);
    TestSpinUntil(&Threaded.Runs, 1);
}

TEST(ThreadedRemove, "dpc/threaded/can-be-removed", "contract 1.8: KeRemoveQueueDpc")
{
    Prepare(NoteThreaded, 0);
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    KeInsertQueueDpc(&Threaded.Dpc, NULL, NULL);
    CHECK_EQ(KeRemoveQueueDpc(&Threaded.Dpc), TRUE);
    CHECK_EQ(KeRemoveQueueDpc(&Threaded.Dpc), FALSE);
    KeLowerIrql(Old);
    KeFlushQueuedDpcs();
    CHECK_EQ(Threaded.Runs, 0);
}

/* ---- order ----------------------------------------------------------------------------------- */

static VOID NTAPI NoteOrdinary(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    Threaded.OtherIrql = KeGetCurrentIrql();
    Threaded.RunsThen = Threaded.Runs;
    Threaded.OtherRuns++;
}

static VOID NTAPI InsertOrdinary(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeInsertQueueDpc(&Threaded.Other, NULL, NULL);
    Threaded.Left = Threaded.OtherRuns;
    Threaded.Runs++;
}

TEST(ThreadedInterrupted, "dpc/threaded/an-ordinary-one-interrupts-it",
     "DPC-8; DOC kernel: threaded DPCs")
{
    NEED_THREADED;
    Prepare(InsertOrdinary, 0);
    KeInitializeDpc(&Threaded.Other, NoteOrdinary, NULL);
    KeInsertQueueDpc(&Threaded.Dpc, NULL, NULL);
    CHECK_EQ(Threaded.Runs, 1);
    CHECK_EQ(Threaded.OtherRuns, 1);
    CHECK_EQ(Threaded.Left, 1); /* it had run when the threaded one went on */
    CHECK_EQ(Threaded.OtherIrql, DISPATCH_LEVEL);
}

TEST(ThreadedBehind, "dpc/threaded/ordinary-ones-run-first", "DPC-8")
{
    NEED_THREADED;
    Prepare(NoteThreaded, 0);
    KeInitializeDpc(&Threaded.Other, NoteOrdinary, NULL);
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    KeInsertQueueDpc(&Threaded.Dpc, NULL, NULL);
    KeInsertQueueDpc(&Threaded.Other, NULL, NULL);
    KeLowerIrql(Old);
    CHECK_EQ(Threaded.Runs, 1);
    CHECK_EQ(Threaded.OtherRuns, 1);
    CHECK_EQ(Threaded.RunsThen, 0);
}

static VOID NTAPI InsertAgain(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    if (++Threaded.Runs < 5) {
        KeInsertQueueDpc(Dpc, NULL, NULL);
    }
}

TEST(ThreadedAgain, "dpc/threaded/its-routine-may-insert-it-again", "DPC-2")
{
    Prepare(InsertAgain, 0);
    KeInsertQueueDpc(&Threaded.Dpc, NULL, NULL);
    CHECK_EQ(Threaded.Runs, 5);
}

/* ---- KeFlushQueuedDpcs ----------------------------------------------------------------------- */

static VOID NTAPI LongThreaded(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    TestTell(&Threaded.Runs, 1);
    for (volatile ULONG i = 0; i < 1000000; i++) {}
    TestTell(&Threaded.Finished, 1);
}

TEST(ThreadedFlushRunning, "dpc/threaded/flush-waits-for-one-that-runs-elsewhere",
     "DDI wdm KeFlushQueuedDpcs")
{
    NEED_PROCESSORS(2);
    Prepare(LongThreaded, KeNumberProcessors - 1);
    KeInsertQueueDpc(&Threaded.Dpc, NULL, NULL);
    TestSpinUntil(&Threaded.Runs, 1);
    KeFlushQueuedDpcs();
    CHECK_EQ(Threaded.Finished, 1);
}

TEST(ThreadedFlushQueued, "dpc/threaded/flush-waits-for-those-that-are-queued-anywhere",
     "DDI wdm KeFlushQueuedDpcs")
{
    static KDPC Dpcs[KI_MAX_PROCESSORS];
    Prepare(NoteThreaded, 0);
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        KeInitializeThreadedDpc(&Dpcs[i], NoteThreaded, NULL);
        KeSetTargetProcessorDpc(&Dpcs[i], (CCHAR)i);
        KeInsertQueueDpc(&Dpcs[i], NULL, NULL);
    }
    KeFlushQueuedDpcs();
    CHECK_EQ(Threaded.Runs, KeNumberProcessors);
}

/* ---- locks ----------------------------------------------------------------------------------- */

static VOID NTAPI LockInDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    static KSPIN_LOCK Lock;
    KLOCK_QUEUE_HANDLE Handle;
    KIRQL Before = KeGetCurrentIrql();
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KIRQL Old = KeAcquireSpinLockForDpc(&Lock);
    CHECK_EQ(Old, Before);
    CHECK_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    CHECK_NE(Lock, 0);
    KeReleaseSpinLockForDpc(&Lock, Old);
    CHECK_EQ(Lock, 0);
    CHECK_EQ(KeGetCurrentIrql(), Before);
    KeAcquireInStackQueuedSpinLockForDpc(&Lock, &Handle);
    CHECK_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    CHECK_NE(Lock, 0);
    KeReleaseInStackQueuedSpinLockForDpc(&Handle);
    CHECK_EQ(Lock, 0);
    CHECK_EQ(KeGetCurrentIrql(), Before);
    Threaded.Runs++;
}

TEST(ThreadedLocks, "dpc/threaded/its-locks-work-at-either-level",
     "contract 1.5: threaded-DPC-safe forms")
{
    Prepare(LockInDpc, 0);
    KeInsertQueueDpc(&Threaded.Dpc, NULL, NULL);
    KeInitializeDpc(&Threaded.Other, LockInDpc, NULL);
    KeInsertQueueDpc(&Threaded.Other, NULL, NULL);
    CHECK_EQ(Threaded.Runs, 2);
}

/* ---- misuse ---------------------------------------------------------------------------------- */

static KSPIN_LOCK MisusedLock;
static KLOCK_QUEUE_HANDLE MisusedHandle;

static VOID NTAPI RaiseInThreaded(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeRaiseIrqlToDpcLevel();
}

CRASH_TEST(CrashThreadedIrql, "dpc/threaded-routine-returns-at-another-level",
           "0xC8 0x20002 sym:RaiseInThreaded $dpc 0x0", "DPC-4, DPC-8")
{
    Prepare(RaiseInThreaded, 0);
    TestAnnounce("dpc", (ULONG64)&Threaded.Dpc);
    KeInsertQueueDpc(&Threaded.Dpc, NULL, NULL);
}

static VOID NTAPI EnterInThreaded(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeEnterCriticalRegion();
}

CRASH_TEST(CrashThreadedRegion, "dpc/threaded-routine-returns-in-a-critical-region",
           "0xC7 0x4 sym:EnterInThreaded 0x0 0xFFFF", "DPC-5, DPC-8")
{
    Prepare(EnterInThreaded, 0);
    KeInsertQueueDpc(&Threaded.Dpc, NULL, NULL);
}

CRASH_TEST(CrashForDpcAbove, "spinlock/acquire-for-dpc-above-dispatch-level",
           "0xC4 0x42 0x3 $lock 0x0", "SPIN-3; contract 1.5")
{
    KIRQL Old;
    TestAnnounce("lock", (ULONG64)&MisusedLock);
    KeRaiseIrql(3, &Old);
    KeAcquireSpinLockForDpc(&MisusedLock);
}

CRASH_TEST(CrashForDpcBelow, "spinlock/release-for-dpc-below-dispatch-level",
           "0xC4 0x32 0x0 $lock 0x0", "SPIN-3; contract 1.5")
{
    TestAnnounce("lock", (ULONG64)&MisusedLock);
    KIRQL Old = KeAcquireSpinLockForDpc(&MisusedLock);
    KeLowerIrql(Old);
    KeReleaseSpinLockForDpc(&MisusedLock, Old);
}

CRASH_TEST(CrashForDpcOwner, "spinlock/release-for-dpc-of-a-free-lock",
           "0x10 $lock 0x0 0x2 sym:CrashForDpcOwner", "SPIN-2")
{
    TestAnnounce("lock", (ULONG64)&MisusedLock);
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    KeReleaseSpinLockForDpc(&MisusedLock, Old);
}

CRASH_TEST(CrashQueuedForDpc, "spinlock/acquire-queued-for-dpc-above-dispatch-level",
           "0xC4 0x42 0x3 $lock 0x0", "SPIN-3; contract 1.5")
{
    KIRQL Old;
    TestAnnounce("lock", (ULONG64)&MisusedLock);
    KeRaiseIrql(3, &Old);
    KeAcquireInStackQueuedSpinLockForDpc(&MisusedLock, &MisusedHandle);
}

CRASH_TEST(CrashQueuedReleaseForDpc, "spinlock/release-queued-for-dpc-below-dispatch-level",
           "0xC4 0x32 0x0 $handle 0x0", "SPIN-3; contract 1.5")
{
    TestAnnounce("handle", (ULONG64)&MisusedHandle);
    KeAcquireInStackQueuedSpinLockForDpc(&MisusedLock, &MisusedHandle);
    KeLowerIrql(MisusedHandle.OldIrql);
    KeReleaseInStackQueuedSpinLockForDpc(&MisusedHandle);
}
