/*
 * thread.c - tests of threads: how they begin, which one runs, what a switch keeps, priorities,
 * quantum and affinity. The tests run on the boot thread, priority 8.
 */
#include "kernel/hal/hal.h"
#include "tests/ke/threads.h"

#define ABOVE   9 /* runs as soon as it is ready */
#define SAME    8
#define BELOW   7
#define MAX_LOG 16

static ULONG_PTR ThreadLog[MAX_LOG];
static ULONG ThreadSteps;

static VOID LogStep(ULONG_PTR What)
{
    ULONG64 Flags = KiDisableInterrupts();
    if (ThreadSteps < MAX_LOG) {
        ThreadLog[ThreadSteps++] = What;
    }
    KiRestoreInterrupts(Flags);
}

static VOID NTAPI LogOnce(PVOID Context)
{
    LogStep((ULONG_PTR)Context);
}

static VOID CheckLog(const ULONG_PTR *Expected, ULONG Count)
{
    REQUIRE_EQ(ThreadSteps, Count);
    for (ULONG i = 0; i < Count; i++) {
        CHECK_EQ(ThreadLog[i], Expected[i]);
    }
}

/* ---- how a thread begins --------------------------------------------------------------------- */

static struct {
    KIRQL Irql;
    ULONG64 Flags;
    PKTHREAD Thread;
    PVOID Context;
    ULONG64 LastReturn;
    ULONG MxCsr;
    PVOID Local;
} Beginning;

static VOID NTAPI NoteBeginning(PVOID Context)
{
    const ULONG64 *Frame = __builtin_frame_address(0);
    Beginning.Irql = KeGetCurrentIrql();
    __asm__ volatile("pushfq; popq %0" : "=r"(Beginning.Flags));
    __asm__ volatile("stmxcsr %0" : "=m"(Beginning.MxCsr));
    Beginning.Thread = KeGetCurrentThread();
    Beginning.Context = Context;
    Beginning.Local = &Context;
    while (Frame[0] != 0) {
        Frame = (const ULONG64 *)Frame[0];
    }
    Beginning.LastReturn = Frame[1];
}

TEST(ThreadBegins, "thread/begins-at-passive-with-interrupts-on", "THRD-1")
{
    PKTHREAD Thread = TestStartThread(NoteBeginning, (PVOID)0x77, ABOVE);
    CHECK_EQ(Beginning.Irql, PASSIVE_LEVEL);
    CHECK_NE(Beginning.Flags & EFLAGS_IF, 0);
    CHECK_EQ(Beginning.Thread, Thread);
    CHECK_EQ(Beginning.Context, 0x77);
    CHECK_EQ(Beginning.MxCsr, 0x1F80);
    CHECK_LT((ULONG_PTR)Beginning.Local, (ULONG_PTR)Thread->StackBase);
    CHECK_GE((ULONG_PTR)Beginning.Local, (ULONG_PTR)Thread->StackLimit);
    TestJoinThread(Thread);
}

TEST(ThreadWalk, "thread/stack-walk-ends-at-its-first-frame", "THRD-1")
{
    CHAR Name[64];
    PKTHREAD Thread = TestStartThread(NoteBeginning, NULL, ABOVE);
    REQUIRE(KiSymbolise((PVOID)Beginning.LastReturn, Name, sizeof(Name)));
    CHECK_EQ(memcmp(Name, "KiThreadEntry+", 14), 0);
    CHECK_EQ(((ULONG64 *)Thread->StackBase)[-1], 0);
    TestJoinThread(Thread);
}

TEST(ThreadHeader, "thread/object-is-signalled-by-its-end", "contract 1.9: thread")
{
    PKTHREAD Thread = TestCreateThread(LogOnce, NULL, ABOVE);
    CHECK_EQ(Thread->Header.Type, 6);
    CHECK_EQ(Thread->Header.Size, sizeof(KTHREAD) / 4);
    CHECK_EQ(Thread->Header.SignalState, 0);
    KiStartThread(Thread);
    TestJoinThread(Thread);
    CHECK_EQ(Thread->Header.SignalState, 1);
    CHECK_EQ(Thread->State, ThreadTerminated);
}

/* ---- which one runs -------------------------------------------------------------------------- */

TEST(ThreadAtOnce, "thread/a-better-one-runs-at-once", "READY-3")
{
    ThreadSteps = 0;
    PKTHREAD Thread = TestStartThread(LogOnce, (PVOID)1, ABOVE);
    LogStep(2);
    CheckLog((const ULONG_PTR[]){1, 2}, 2);
    TestJoinThread(Thread);
}

TEST(ThreadInTurn, "thread/equals-run-in-the-order-of-their-start", "READY-4")
{
    TestHoldClock();
    PKTHREAD Threads[3];
    ThreadSteps = 0;
    for (ULONG_PTR i = 0; i < 3; i++) {
        Threads[i] = TestStartThread(LogOnce, (PVOID)(i + 1), SAME);
    }
    LogStep(0);
    CHECK_EQ(ZwYieldExecution(), STATUS_SUCCESS);
    LogStep(4);
    CheckLog((const ULONG_PTR[]){0, 1, 2, 3, 4}, 5);
    for (ULONG i = 0; i < 3; i++) {
        TestJoinThread(Threads[i]);
    }
    TestReleaseClock();
}

TEST(ThreadWorse, "thread/a-worse-one-waits-until-nobody-better-is-ready", "READY-3")
{
    TestHoldClock();
    ThreadSteps = 0;
    PKTHREAD Thread = TestStartThread(LogOnce, (PVOID)1, BELOW);
    CHECK_EQ(ZwYieldExecution(), STATUS_NO_YIELD_PERFORMED);
    LogStep(0);
    KeSetPriorityThread(KeGetCurrentThread(), BELOW - 1);
    LogStep(2);
    KeSetPriorityThread(KeGetCurrentThread(), KI_PRIORITY_DEFAULT);
    CheckLog((const ULONG_PTR[]){0, 1, 2}, 3);
    TestJoinThread(Thread);
    TestReleaseClock();
}

TEST(ThreadYieldAlone, "thread/yield-alone-performs-nothing", "public NtYieldExecution")
{
    CHECK_STATUS(ZwYieldExecution(), STATUS_NO_YIELD_PERFORMED);
    CHECK(NT_SUCCESS(STATUS_NO_YIELD_PERFORMED));
}

TEST(ThreadHeld, "thread/raised-irql-holds-a-better-one-back", "READY-3: 0x2F when the level drops")
{
    ThreadSteps = 0;
    PKTHREAD Thread = TestCreateThread(LogOnce, (PVOID)1, ABOVE);
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    KiStartThread(Thread);
    LogStep(0);
    KeLowerIrql(APC_LEVEL);
    LogStep(2);
    KeLowerIrql(Old);
    CheckLog((const ULONG_PTR[]){0, 1, 2}, 3);
    TestJoinThread(Thread);
}

static VOID NTAPI StartingDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KiStartThread(Context);
    LogStep(0);
}

TEST(ThreadFromDpc, "thread/made-ready-by-a-dpc-runs-behind-it", "DISP-2")
{
    static KDPC Dpc;
    ThreadSteps = 0;
    PKTHREAD Thread = TestCreateThread(LogOnce, (PVOID)1, ABOVE);
    KeInitializeDpc(&Dpc, StartingDpc, Thread);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    LogStep(2);
    CheckLog((const ULONG_PTR[]){0, 1, 2}, 3);
    TestJoinThread(Thread);
}

TEST(ThreadMasked, "thread/interrupts-off-hold-a-better-one-back", "DISP-1")
{
    ThreadSteps = 0;
    PKTHREAD Thread = TestCreateThread(LogOnce, (PVOID)1, ABOVE);
    ULONG64 Flags = KiDisableInterrupts();
    KiStartThread(Thread);
    LogStep(0);
    KiRestoreInterrupts(Flags);
    __asm__ volatile("nop");
    LogStep(2);
    CheckLog((const ULONG_PTR[]){0, 1, 2}, 3);
    TestJoinThread(Thread);
}

TEST(ThreadPreemptedFirst, "thread/a-preempted-one-goes-before-its-equals", "READY-4")
{
    TestHoldClock();
    ThreadSteps = 0;
    PKTHREAD Equal = TestStartThread(LogOnce, (PVOID)2, SAME);
    PKTHREAD Better = TestStartThread(LogOnce, (PVOID)0, ABOVE);
    LogStep(1);
    ZwYieldExecution();
    CheckLog((const ULONG_PTR[]){0, 1, 2}, 3);
    TestJoinThread(Equal);
    TestJoinThread(Better);
    TestReleaseClock();
}

static VOID NTAPI SetFlag(PVOID Context)
{
    *(volatile BOOLEAN *)Context = TRUE;
}

TEST(ThreadQuantum, "thread/quantum-ends-after-two-ticks", "DISP-3")
{
    static volatile BOOLEAN Flag;
    Flag = FALSE;
    TestHoldClock();
    PKTHREAD Thread = TestStartThread(SetFlag, (PVOID)&Flag, SAME);
    TestTick();
    CHECK(!Flag);
    TestTick();
    CHECK(Flag);
    TestReleaseClock();
    TestJoinThread(Thread);
}

TEST(ThreadRealTime, "thread/the-best-one-keeps-the-processor", "DISP-3")
{
    static volatile BOOLEAN Flag;
    Flag = FALSE;
    TestHoldClock();
    KeSetPriorityThread(KeGetCurrentThread(), LOW_REALTIME_PRIORITY);
    PKTHREAD Thread = TestStartThread(SetFlag, (PVOID)&Flag, LOW_REALTIME_PRIORITY - 1);
    for (ULONG i = 0; i < 4; i++) {
        TestTick();
    }
    CHECK(!Flag);
    CHECK_EQ(KeSetPriorityThread(KeGetCurrentThread(), KI_PRIORITY_DEFAULT), LOW_REALTIME_PRIORITY);
    CHECK(Flag);
    TestReleaseClock();
    TestJoinThread(Thread);
}

/* ---- what a switch keeps --------------------------------------------------------------------- */

static ULONG64 XmmImages[2][20] __attribute__((aligned(16)));

/* Fills XMM6-15 and MXCSR, gives the processor away, and stores what it finds afterwards. */
static ULONG SwitchWithXmm(const ULONG64 *Before, ULONG64 *After, ULONG MxCsr)
{
    ULONG Seen, Normal = 0x1F80;
    __asm__ volatile("ldmxcsr %0" : : "m"(MxCsr));
    __asm__ volatile("movaps 0x00(%0), %%xmm6; movaps 0x10(%0), %%xmm7; movaps 0x20(%0), %%xmm8;"
                     "movaps 0x30(%0), %%xmm9; movaps 0x40(%0), %%xmm10; movaps 0x50(%0), %%xmm11;"
                     "movaps 0x60(%0), %%xmm12; movaps 0x70(%0), %%xmm13;"
                     "movaps 0x80(%0), %%xmm14; movaps 0x90(%0), %%xmm15"
                     :
                     : "r"(Before)
                     : "memory");
    ZwYieldExecution();
    __asm__ volatile("movaps %%xmm6, 0x00(%0); movaps %%xmm7, 0x10(%0); movaps %%xmm8, 0x20(%0);"
                     "movaps %%xmm9, 0x30(%0); movaps %%xmm10, 0x40(%0); movaps %%xmm11, 0x50(%0);"
                     "movaps %%xmm12, 0x60(%0); movaps %%xmm13, 0x70(%0);"
                     "movaps %%xmm14, 0x80(%0); movaps %%xmm15, 0x90(%0)"
                     :
                     : "r"(After)
                     : "memory");
    __asm__ volatile("stmxcsr %0" : "=m"(Seen));
    __asm__ volatile("ldmxcsr %0" : : "m"(Normal));
    return Seen;
}

static VOID NTAPI ClobberXmm(PVOID Context)
{
    ULONG64 Pattern[20] __attribute__((aligned(16)));
    ULONG64 After[20] __attribute__((aligned(16)));
    UNREFERENCED_PARAMETER(Context);
    memset(Pattern, 0xEE, sizeof(Pattern));
    LogStep(SwitchWithXmm(Pattern, After, 0x1F80 | 0x2000) == (0x1F80 | 0x2000));
    LogStep(memcmp(Pattern, After, sizeof(After)) == 0);
}

TEST(ThreadXmm, "thread/a-switch-keeps-xmm6-to-xmm15-and-mxcsr",
     "DESIGN: a context switch saves XMM6-15 too")
{
    TestHoldClock();
    ThreadSteps = 0;
    for (ULONG i = 0; i < ARRAYSIZE(XmmImages[0]); i++) {
        XmmImages[0][i] = 0x0101010101010101ULL * (i + 1);
    }
    PKTHREAD Thread = TestStartThread(ClobberXmm, NULL, SAME);
    CHECK_EQ(SwitchWithXmm(XmmImages[0], XmmImages[1], 0x1F80 | 0x6000), 0x1F80 | 0x6000);
    CHECK_EQ(memcmp(XmmImages[0], XmmImages[1], sizeof(XmmImages[0])), 0);
    TestJoinThread(Thread);
    CheckLog((const ULONG_PTR[]){TRUE, TRUE}, 2);
    TestReleaseClock();
}

static VOID NTAPI YieldAtApcLevel(PVOID Context)
{
    KIRQL Old;
    UNREFERENCED_PARAMETER(Context);
    KeRaiseIrql(APC_LEVEL, &Old);
    for (ULONG i = 0; i < 3; i++) {
        ZwYieldExecution();
        LogStep(KeGetCurrentIrql());
    }
    KeLowerIrql(Old);
}

TEST(ThreadIrql, "thread/each-one-has-its-own-irql", "READY-5: KiSwapThread, SwapIrql")
{
    TestHoldClock();
    ThreadSteps = 0;
    PKTHREAD Thread = TestStartThread(YieldAtApcLevel, NULL, SAME);
    for (ULONG i = 0; i < 4; i++) {
        ZwYieldExecution();
        CHECK_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    }
    TestJoinThread(Thread);
    CheckLog((const ULONG_PTR[]){APC_LEVEL, APC_LEVEL, APC_LEVEL}, 3);
    TestReleaseClock();
}

static VOID NTAPI CountSwitches(PVOID Context)
{
    for (ULONG i = 0; i < 1000; i++) {
        ++*(volatile ULONG *)Context;
        ZwYieldExecution();
    }
}

TEST(ThreadMany, "thread/sixteen-take-turns", "READY-1")
{
    static ULONG Counts[15];
    PKTHREAD Threads[15];
    ULONG64 Start = KeGetCurrentPrcb()->ContextSwitches;
    for (ULONG i = 0; i < ARRAYSIZE(Threads); i++) {
        Counts[i] = 0;
        Threads[i] = TestStartThread(CountSwitches, &Counts[i], SAME);
    }
    for (ULONG i = 0; i < ARRAYSIZE(Threads); i++) {
        TestJoinThread(Threads[i]);
        CHECK_EQ(Counts[i], 1000);
    }
    CHECK_GE(KeGetCurrentPrcb()->ContextSwitches - Start, 15 * 1000);
    CHECK_EQ(KeGetCurrentPrcb()->ReadySummary & ~1U, 0); /* the zero page thread may wait */
}

/* ---- priorities ------------------------------------------------------------------------------ */

TEST(ThreadPriority, "thread/priority-is-kept-and-the-old-one-returned", "THRD-3")
{
    PKTHREAD Me = KeGetCurrentThread();
    CHECK_EQ(KeQueryPriorityThread(Me), 8);
    CHECK_EQ(KeSetPriorityThread(Me, 12), 8);
    CHECK_EQ(KeQueryPriorityThread(Me), 12);
    CHECK_EQ(KeSetPriorityThread(Me, HIGH_PRIORITY), 12);
    CHECK_EQ(KeSetPriorityThread(Me, KI_PRIORITY_DEFAULT), HIGH_PRIORITY);
}

TEST(ThreadRaised, "thread/a-ready-one-whose-priority-rises-runs-at-once", "READY-3")
{
    ThreadSteps = 0;
    PKTHREAD Thread = TestStartThread(LogOnce, (PVOID)1, BELOW);
    LogStep(0);
    CHECK_EQ(KeSetPriorityThread(Thread, ABOVE), BELOW);
    LogStep(2);
    CheckLog((const ULONG_PTR[]){0, 1, 2}, 3);
    TestJoinThread(Thread);
}

TEST(ThreadNewOrder, "thread/a-changed-priority-moves-it-in-the-queues", "READY-1")
{
    ThreadSteps = 0;
    PKTHREAD First = TestStartThread(LogOnce, (PVOID)1, BELOW);
    PKTHREAD Second = TestStartThread(LogOnce, (PVOID)2, BELOW - 1);
    KeSetPriorityThread(First, BELOW - 2);
    KeSetPriorityThread(KeGetCurrentThread(), BELOW - 3);
    KeSetPriorityThread(KeGetCurrentThread(), KI_PRIORITY_DEFAULT);
    CheckLog((const ULONG_PTR[]){2, 1}, 2);
    TestJoinThread(First);
    TestJoinThread(Second);
}

/* ---- affinity -------------------------------------------------------------------------------- */

TEST(ThreadAffinity, "thread/system-affinity-is-set-and-reverted",
     "DDI KeSetSystemAffinityThreadEx")
{
    CHECK_EQ(KeSetSystemAffinityThreadEx(1), 0);
    CHECK_EQ(KeSetSystemAffinityThreadEx(1), 1);
    CHECK_EQ(KeGetCurrentProcessorNumber(), 0);
    KeRevertToUserAffinityThreadEx(1);
    CHECK_EQ(KeSetSystemAffinityThreadEx(1), 1);
    KeRevertToUserAffinityThread();
    CHECK_EQ(KeSetSystemAffinityThreadEx(1), 0);
    KeRevertToUserAffinityThreadEx(0);
}

TEST(ThreadAffinityNone, "thread/affinity-without-a-processor-changes-nothing",
     "DDI KeSetSystemAffinityThreadEx")
{
    KAFFINITY Before = KeGetCurrentThread()->Affinity;
    CHECK_EQ(KeSetSystemAffinityThreadEx(0), 0);
    CHECK_EQ(KeGetCurrentThread()->Affinity, Before);
    CHECK_EQ(KeGetCurrentThread()->SystemAffinityActive, FALSE);
}

TEST(ThreadIdeal, "thread/ideal-processor-out-of-range-changes-nothing",
     "DDI KeSetIdealProcessorThread")
{
    PKTHREAD Me = KeGetCurrentThread();
    UCHAR Old = KeSetIdealProcessorThread(Me, 0);
    CHECK_EQ(KeSetIdealProcessorThread(Me, 200), 0);
    CHECK_EQ(KeSetIdealProcessorThread(Me, Old), 0);
}

/* ---- machines that must stop ----------------------------------------------------------------- */

static VOID NTAPI YieldingDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    ZwYieldExecution();
}

CRASH_TEST(CrashYieldInDpc, "thread/yield-inside-a-dpc", "0xB8 $old $new $stack 0x0", "DISP-2")
{
    static KDPC Dpc;
    PKTHREAD Me = KeGetCurrentThread();
    TestAnnounce("old", (ULONG64)Me);
    TestAnnounce("stack", (ULONG64)Me->StackBase);
    TestAnnounce("new", (ULONG64)TestStartThread(LogOnce, NULL, SAME));
    KeInitializeDpc(&Dpc, YieldingDpc, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
}

CRASH_TEST(CrashYieldHigh, "thread/yield-at-dispatch-level", "0xC4 0xE5 0x2 0x0 0x0",
           "contract 4.6: 0xE5")
{
    KeRaiseIrqlToDpcLevel();
    ZwYieldExecution();
}

CRASH_TEST(CrashPriorityHigh, "thread/priority-set-above-passive", "0xC4 0xE5 0x1 0x0 0x0",
           "contract 1.4: KeSetPriorityThread")
{
    KIRQL Old;
    KeRaiseIrql(APC_LEVEL, &Old);
    KeSetPriorityThread(KeGetCurrentThread(), KI_PRIORITY_DEFAULT);
}

CRASH_TEST(CrashPriorityRange, "thread/priority-out-of-range", "0x139 0x5 not0 not0 0x0",
           "wdm_thread.h: KeSetPriorityThread")
{
    KeSetPriorityThread(KeGetCurrentThread(), MAXIMUM_PRIORITY);
}
