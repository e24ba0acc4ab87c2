/*
 * dpc_target.c - tests of DPCs across processors: where one runs, when its processor is asked, and
 * that flushing waits for all of them.
 */
#include "kernel/hal/hal.h"
#include "tests/ke/smp.h"

#define ROUNDS 300
/* The local APIC's request register, one bit a vector: what is asked for and held back. */
#define APIC_REQUESTED(Vector)                                                                     \
    (((volatile ULONG *)0xFFFFFFFFFFE00200)[(Vector) / 32 * 4] >> (Vector) % 32 & 1)

static struct {
    KDPC Dpc;
    volatile ULONG Runs, Where, Phase, Answer, Finished;
    KIRQL Irql;
    BOOLEAN OnDpcStack;
} Target;

static VOID NTAPI NoteDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    ULONG_PTR Here = (ULONG_PTR)__builtin_frame_address(0);
    ULONG_PTR Top = (ULONG_PTR)KeGetCurrentPrcb()->DpcStack;
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    Target.Where = KeGetCurrentProcessorNumber();
    Target.Irql = KeGetCurrentIrql();
    Target.OnDpcStack = Here < Top && Here >= Top - KERNEL_STACK_PAGES * PAGE_SIZE;
    __atomic_fetch_add(&Target.Runs, 1, __ATOMIC_RELEASE);
}

static VOID Prepare(KDPC_IMPORTANCE Importance, ULONG Processor)
{
    RtlZeroMemory(&Target, sizeof(Target));
    Target.Where = MAXULONG;
    KeInitializeDpc(&Target.Dpc, NoteDpc, NULL);
    KeSetImportanceDpc(&Target.Dpc, Importance);
    KeSetTargetProcessorDpc(&Target.Dpc, (CCHAR)Processor);
}

TEST(DpcOnEach, "dpc/target/runs-there-at-dispatch-level-on-its-stack",
     "contract 1.8: KeSetTargetProcessorDpc")
{
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        Prepare(MediumHighImportance, i);
        CHECK_EQ(KeInsertQueueDpc(&Target.Dpc, NULL, NULL), TRUE);
        TestSpinUntil(&Target.Runs, 1);
        CHECK_EQ(Target.Where, i);
        CHECK_EQ(Target.Irql, DISPATCH_LEVEL);
        CHECK(Target.OnDpcStack);
    }
}

TEST(DpcTargetEx, "dpc/target/ex-takes-a-processor-number", "DDI wdm KeSetTargetProcessorDpcEx")
{
    ULONG Last = KeNumberProcessors - 1;
    PROCESSOR_NUMBER Good = {0, (UCHAR)Last, 0}, Group = {1, 0, 0};
    PROCESSOR_NUMBER Beyond = {0, (UCHAR)KeNumberProcessors, 0};
    Prepare(MediumHighImportance, 0);
    CHECK_STATUS(KeSetTargetProcessorDpcEx(&Target.Dpc, &Good), STATUS_SUCCESS);
    CHECK_STATUS(KeSetTargetProcessorDpcEx(&Target.Dpc, &Group), STATUS_INVALID_PARAMETER);
    CHECK_STATUS(KeSetTargetProcessorDpcEx(&Target.Dpc, &Beyond), STATUS_INVALID_PARAMETER);
    KeInsertQueueDpc(&Target.Dpc, NULL, NULL);
    TestSpinUntil(&Target.Runs, 1);
    CHECK_EQ(Target.Where, Last);
}

/* Without it, what is not asked for is never drained. */
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

TEST(DpcIdleTarget, "dpc/target/an-idle-processor-is-asked-for-every-importance",
     "contract 1.8: other CPU, when that CPU is idle")
{
    static const KDPC_IMPORTANCE All[] = {LowImportance, MediumImportance, HighImportance};
    NEED_PROCESSORS(2);
    TestJoinThread(TestStartOn(1, StopClock, NULL));
    for (ULONG i = 0; i < ARRAYSIZE(All); i++) {
        while (!KiProcessorBlock[1]->IdleHalt) {
            YieldProcessor();
        }
        Prepare(All[i], 1);
        KeInsertQueueDpc(&Target.Dpc, NULL, NULL);
        TestSpinUntil(&Target.Runs, 1);
        CHECK_EQ(Target.Where, 1);
    }
    TestJoinThread(TestStartOn(1, StartClock, NULL));
}

/* On processor 1, where 0x2F and the clock are held back: says each time whether 0x2F is asked. */
static VOID NTAPI WatchRequests(PVOID Context)
{
    KIRQL Old;
    UNREFERENCED_PARAMETER(Context);
    KeRaiseIrql(CLOCK_LEVEL, &Old);
    for (ULONG Phase = 1; Phase != 9; Phase += 2) {
        TestTell(&Target.Phase, Phase);
        TestSpinUntil(&Target.Phase, Phase + 1);
        Target.Answer = APIC_REQUESTED(DPC_VECTOR);
    }
    TestTell(&Target.Phase, 9);
    KeLowerIrql(Old);
}

/* What the watcher sees behind Phase. */
static ULONG AskWatcher(ULONG Phase)
{
    TestTell(&Target.Phase, Phase + 1);
    TestSpinUntil(&Target.Phase, Phase + 2);
    return Target.Answer;
}

TEST(DpcBusyTarget, "dpc/target/a-busy-processor-is-asked-for-high-ones-only",
     "contract 1.8: other CPU")
{
    KDPC More[5];
    NEED_PROCESSORS(2);
    Prepare(LowImportance, 1);
    PKTHREAD Watcher = TestStartOn(1, WatchRequests, NULL);
    TestSpinUntil(&Target.Phase, 1);
    KeInsertQueueDpc(&Target.Dpc, NULL, NULL);
    CHECK_EQ(AskWatcher(1), 0);
    for (ULONG i = 0; i < ARRAYSIZE(More); i++) {
        KeInitializeDpc(&More[i], NoteDpc, NULL);
        KeSetTargetProcessorDpc(&More[i], 1);
    }
    KeInsertQueueDpc(&More[0], NULL, NULL);
    CHECK_EQ(AskWatcher(3), 0);
    for (ULONG i = 1; i < ARRAYSIZE(More); i++) {
        KeInsertQueueDpc(&More[i], NULL, NULL); /* the fifth in the queue is one too many */
    }
    CHECK_EQ(AskWatcher(5), 1);
    AskWatcher(7);
    TestJoinThread(Watcher);
    TestSpinUntil(&Target.Runs, 6);
    CHECK_EQ(Target.Where, 1);
}

TEST(DpcHighTarget, "dpc/target/medium-high-asks-a-busy-processor", "contract 1.8: other CPU")
{
    NEED_PROCESSORS(2);
    for (ULONG i = HighImportance; i <= MediumHighImportance; i++) {
        Prepare((KDPC_IMPORTANCE)i, 1);
        PKTHREAD Watcher = TestStartOn(1, WatchRequests, NULL);
        TestSpinUntil(&Target.Phase, 1);
        CHECK_EQ(AskWatcher(1), 0);
        KeInsertQueueDpc(&Target.Dpc, NULL, NULL);
        CHECK_EQ(AskWatcher(3), 1);
        AskWatcher(5);
        AskWatcher(7);
        TestJoinThread(Watcher);
        TestSpinUntil(&Target.Runs, 1);
    }
}

TEST(DpcRemoveThere, "dpc/target/can-be-removed-from-another-processors-queue",
     "contract 1.8: KeRemoveQueueDpc")
{
    NEED_PROCESSORS(2);
    Prepare(MediumImportance, 1);
    PKTHREAD Watcher = TestStartOn(1, WatchRequests, NULL);
    TestSpinUntil(&Target.Phase, 1);
    CHECK_EQ(KeInsertQueueDpc(&Target.Dpc, NULL, NULL), TRUE);
    CHECK_EQ(KeInsertQueueDpc(&Target.Dpc, NULL, NULL), FALSE);
    CHECK_EQ(KeRemoveQueueDpc(&Target.Dpc), TRUE);
    CHECK_EQ(KeRemoveQueueDpc(&Target.Dpc), FALSE);
    for (ULONG Phase = 1; Phase < 9; Phase += 2) {
        AskWatcher(Phase);
    }
    TestJoinThread(Watcher);
    KeFlushQueuedDpcs();
    CHECK_EQ(Target.Runs, 0);
}

/* ---- KeFlushQueuedDpcs ----------------------------------------------------------------------- */

static VOID NTAPI LongDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    TestTell(&Target.Runs, 1);
    for (volatile ULONG i = 0; i < 1000000; i++) {}
    TestTell(&Target.Finished, 1);
}

TEST(DpcFlushRunning, "dpc/target/flush-waits-for-one-that-runs-elsewhere",
     "DDI wdm KeFlushQueuedDpcs")
{
    NEED_PROCESSORS(2);
    Prepare(MediumHighImportance, KeNumberProcessors - 1);
    Target.Dpc.DeferredRoutine = LongDpc;
    KeInsertQueueDpc(&Target.Dpc, NULL, NULL);
    TestSpinUntil(&Target.Runs, 1);
    KeFlushQueuedDpcs();
    CHECK_EQ(Target.Finished, 1);
}

TEST(DpcFlushQueued, "dpc/target/flush-waits-for-those-that-are-queued-anywhere",
     "DDI wdm KeFlushQueuedDpcs")
{
    static KDPC Dpcs[KI_MAX_PROCESSORS];
    RtlZeroMemory(&Target, sizeof(Target));
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        KeInitializeDpc(&Dpcs[i], NoteDpc, NULL);
        KeSetTargetProcessorDpc(&Dpcs[i], (CCHAR)i);
        KeSetImportanceDpc(&Dpcs[i], LowImportance);
        KeInsertQueueDpc(&Dpcs[i], NULL, NULL);
    }
    KeFlushQueuedDpcs();
    CHECK_EQ(Target.Runs, KeNumberProcessors);
}

/* ---- one object, several processors ---------------------------------------------------------- */

static VOID NTAPI InsertOften(PVOID Context)
{
    ULONG Inserted = 0, Removed = 0;
    for (ULONG i = 0; i < ROUNDS; i++) {
        Inserted += KeInsertQueueDpc(&Target.Dpc, NULL, NULL);
        Removed += i % 3 == 0 && KeRemoveQueueDpc(&Target.Dpc);
    }
    *(ULONG *)Context = Inserted - Removed;
}

TEST(DpcRivals, "dpc/target/each-insertion-that-counts-is-one-run", "DPC-1, DPC-6")
{
    PKTHREAD Threads[8];
    ULONG Counts[8], Sum, Count = KeNumberProcessors < 8 ? KeNumberProcessors : 8;
    RtlZeroMemory(&Target, sizeof(Target));
    KeInitializeDpc(&Target.Dpc, NoteDpc, NULL); /* runs where it is inserted */
    for (ULONG i = 1; i < Count; i++) {
        Threads[i] = TestStartOn(i, InsertOften, &Counts[i]);
    }
    InsertOften(&Counts[0]);
    Sum = Counts[0];
    for (ULONG i = 1; i < Count; i++) {
        TestJoinThread(Threads[i]);
        Sum += Counts[i];
    }
    KeFlushQueuedDpcs();
    CHECK_EQ(Target.Runs, Sum);
    CHECK_EQ(Target.Dpc.DpcData, NULL);
}

/* ---- removal --------------------------------------------------------------------------------- */

static VOID NTAPI RemoveLate(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    TestTell(&Target.Phase, 1);
    TestSpinUntil(&Target.Phase, 2);
    Target.Answer = KeRemoveQueueDpc(&Target.Dpc);
}

/*
 * Another processor has seen the object in this one's queue and waits for the queue's lock, while
 * this one takes the object off, as a drain does.
 */
static VOID TakeBeforeRemoval(VOID)
{
    PKI_DPC_QUEUE Queue = &KeGetCurrentPrcb()->Dpcs;
    PKTHREAD Remover = TestStartOn(1, RemoveLate, NULL);
    TestSpinUntil(&Target.Phase, 1);
    ULONG64 Flags = KiDisableInterrupts();
    KeInsertQueueDpc(&Target.Dpc, NULL, NULL);
    CHECK_EQ(__atomic_exchange_n(&Queue->Lock, 1, __ATOMIC_ACQUIRE), 0);
    TestTell(&Target.Phase, 2);
    for (ULONG i = 0; i < 20000; i++) {
        YieldProcessor();
    }
    RemoveEntryList(&Target.Dpc.DpcListEntry);
    Queue->Depth--;
    __atomic_store_n(&Target.Dpc.DpcData, NULL, __ATOMIC_RELEASE);
    __atomic_store_n(&Queue->Lock, 0, __ATOMIC_RELEASE);
    KiRestoreInterrupts(Flags);
    TestJoinThread(Remover);
}

TEST(DpcRemovedLate, "dpc/target/a-removal-that-comes-too-late-removes-nothing", "DPC-6")
{
    NEED_PROCESSORS(2);
    for (ULONG i = 0; i < 10; i++) {
        Prepare(LowImportance, 0);
        Target.Answer = MAXULONG;
        TakeBeforeRemoval();
        CHECK_EQ(Target.Answer, FALSE);
        REQUIRE_EQ(KeGetCurrentPrcb()->Dpcs.Depth, 0);
    }
    CHECK_EQ(Target.Runs, 0);
}
