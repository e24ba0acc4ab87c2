/*
 * dpc.c - tests of kernel/ke/dpc.c: order, arguments, when a queue drains, and what a routine may
 * not do.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "tests/test.h"

#define MAX_LOG 8

static KDPC TestDpcs[6];
static ULONG DpcLog[MAX_LOG];
static volatile ULONG DpcRuns;
static PVOID DpcArguments[3];
static KIRQL DpcLevel;
static BOOLEAN DpcFlag;
static ULONG_PTR DpcStackAddress;

extern CHAR KiDpcStack[], KiDpcStackTop[];

/* Context: the number to write into the log. */
static VOID NTAPI LogDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    if (DpcRuns < MAX_LOG) {
        DpcLog[DpcRuns] = (ULONG)(ULONG_PTR)Context;
    }
    DpcRuns++;
    DpcArguments[0] = Context;
    DpcArguments[1] = Argument1;
    DpcArguments[2] = Argument2;
    DpcLevel = KeGetCurrentIrql();
    DpcFlag = KeGetCurrentPrcb()->InDpc;
    DpcStackAddress = (ULONG_PTR)__builtin_frame_address(0);
}

static VOID PrepareDpcs(VOID)
{
    DpcRuns = 0;
    for (ULONG i = 0; i < ARRAYSIZE(TestDpcs); i++) {
        KeInitializeDpc(&TestDpcs[i], LogDpc, (PVOID)(ULONG_PTR)i);
    }
}

TEST(DpcInit, "dpc/initialize-sets-the-documented-fields", "contract 1.8: KeInitializeDpc")
{
    KDPC Dpc;
    Dpc.SystemArgument1 = (PVOID)0x1234;
    Dpc.DpcListEntry.Flink = (PVOID)0x5678;
    KeInitializeDpc(&Dpc, NULL, &Dpc);
    CHECK_EQ(Dpc.Type, 0x13);
    CHECK_EQ(Dpc.Importance, MediumImportance);
    CHECK_EQ(Dpc.Number, 0);
    CHECK_EQ(Dpc.DeferredRoutine, NULL);
    CHECK_EQ(Dpc.DeferredContext, &Dpc);
    CHECK_EQ(Dpc.DpcData, NULL);
    CHECK_EQ(Dpc.SystemArgument1, 0x1234);
    CHECK_EQ(Dpc.DpcListEntry.Flink, 0x5678);
}

TEST(DpcAtOnce, "dpc/runs-at-once-below-dispatch", "IRQL-3")
{
    PrepareDpcs();
    CHECK_EQ(KeInsertQueueDpc(&TestDpcs[3], (PVOID)10, (PVOID)20), TRUE);
    CHECK_EQ(DpcRuns, 1);
    CHECK_EQ(DpcArguments[0], 3);
    CHECK_EQ(DpcArguments[1], 10);
    CHECK_EQ(DpcArguments[2], 20);
}

TEST(DpcLevelAndStack, "dpc/runs-at-dispatch-on-its-own-stack", "DPC-1: theory")
{
    PrepareDpcs();
    KeInsertQueueDpc(&TestDpcs[0], NULL, NULL);
    CHECK_EQ(DpcLevel, DISPATCH_LEVEL);
    CHECK_EQ(DpcFlag, TRUE);
    CHECK_GT(DpcStackAddress, (ULONG_PTR)KiDpcStack);
    CHECK_LT(DpcStackAddress, (ULONG_PTR)KiDpcStackTop);
    CHECK_EQ(KeGetCurrentPrcb()->InDpc, FALSE);
}

TEST(DpcWaits, "dpc/waits-while-at-dispatch-and-drains-on-lower", "IRQL-3")
{
    PrepareDpcs();
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    KeInsertQueueDpc(&TestDpcs[0], NULL, NULL);
    CHECK_EQ(DpcRuns, 0);
    KeLowerIrql(Old);
    CHECK_EQ(DpcRuns, 1);
}

TEST(DpcApcLevel, "dpc/lowering-to-apc-level-is-enough",
     "CON-2 Queued DPCs run when the IRQL falls below DISPATCH_LEVEL; APC_LEVEL is low enough.")
{
    KIRQL Old;
    PrepareDpcs();
    KeRaiseIrql(APC_LEVEL, &Old);
    KeRaiseIrqlToDpcLevel();
    KeInsertQueueDpc(&TestDpcs[0], NULL, NULL);
    KeLowerIrql(APC_LEVEL);
    CHECK_EQ(DpcRuns, 1);
    CHECK_EQ(KeGetCurrentIrql(), APC_LEVEL);
    KeLowerIrql(Old);
}

TEST(DpcInline, "dpc/inline-cr8-write-drains-too", "contract 7, surprise 2")
{
    PrepareDpcs();
    KeRaiseIrqlToDpcLevel();
    KeInsertQueueDpc(&TestDpcs[0], NULL, NULL);
    __asm__ volatile("movq %0, %%cr8" : : "r"(0ULL) : "memory");
    CHECK_EQ(DpcRuns, 1);
}

TEST(DpcTwice, "dpc/second-insert-keeps-the-first-arguments", "DPC-1")
{
    PrepareDpcs();
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    CHECK_EQ(KeInsertQueueDpc(&TestDpcs[0], (PVOID)1, (PVOID)2), TRUE);
    CHECK_EQ(KeInsertQueueDpc(&TestDpcs[0], (PVOID)3, (PVOID)4), FALSE);
    KeLowerIrql(Old);
    CHECK_EQ(DpcRuns, 1);
    CHECK_EQ(DpcArguments[1], 1);
    CHECK_EQ(DpcArguments[2], 2);
}

TEST(DpcOrder, "dpc/high-goes-first-others-in-order", "DPC-3")
{
    PrepareDpcs();
    KeSetImportanceDpc(&TestDpcs[2], HighImportance);
    KeSetImportanceDpc(&TestDpcs[3], MediumHighImportance);
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    for (ULONG i = 0; i < 4; i++) {
        KeInsertQueueDpc(&TestDpcs[i], NULL, NULL);
    }
    KeLowerIrql(Old);
    REQUIRE_EQ(DpcRuns, 4);
    CHECK_EQ(DpcLog[0], 2);
    CHECK_EQ(DpcLog[1], 0);
    CHECK_EQ(DpcLog[2], 1);
    CHECK_EQ(DpcLog[3], 3);
}

TEST(DpcLow, "dpc/low-importance-does-not-ask", "contract 1.8: drain request")
{
    PrepareDpcs();
    ULONG64 Flags = KiDisableInterrupts(); /* the clock would drain it */
    KeSetImportanceDpc(&TestDpcs[0], LowImportance);
    KeInsertQueueDpc(&TestDpcs[0], NULL, NULL);
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    KiRestoreInterrupts(Flags);
    KeLowerIrql(Old);
    ULONG Early = DpcRuns;
    KeFlushQueuedDpcs();
    CHECK_EQ(DpcRuns, 1);
    /* A clock tick may have come in between; it must not be the rule. */
    CHECK_LE(Early, 1);
}

TEST(DpcLowDeep, "dpc/low-importance-asks-beyond-the-depth-limit", "contract 1.8: depth limit 4")
{
    PrepareDpcs();
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    for (ULONG i = 0; i < 5; i++) {
        KeSetImportanceDpc(&TestDpcs[i], LowImportance);
        KeInsertQueueDpc(&TestDpcs[i], NULL, NULL);
    }
    CHECK_EQ(KeGetCurrentPrcb()->Dpcs.Depth, 5);
    KeLowerIrql(Old);
    CHECK_EQ(DpcRuns, 5);
    CHECK_EQ(KeGetCurrentPrcb()->Dpcs.Depth, 0);
}

TEST(DpcRemove, "dpc/removed-dpc-does-not-run", "contract 1.8: KeRemoveQueueDpc")
{
    PrepareDpcs();
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    KeInsertQueueDpc(&TestDpcs[0], NULL, NULL);
    KeInsertQueueDpc(&TestDpcs[1], NULL, NULL);
    CHECK_EQ(KeRemoveQueueDpc(&TestDpcs[0]), TRUE);
    CHECK_EQ(KeRemoveQueueDpc(&TestDpcs[0]), FALSE);
    KeLowerIrql(Old);
    CHECK_EQ(DpcRuns, 1);
    CHECK_EQ(DpcLog[0], 1);
}

TEST(DpcTarget, "dpc/out-of-range-target-changes-nothing", "contract 1.8: KeSetTargetProcessorDpc")
{
    PrepareDpcs();
    KeSetTargetProcessorDpc(&TestDpcs[0], 0);
    USHORT Number = TestDpcs[0].Number;
    CHECK_NE(Number, 0);
    KeSetTargetProcessorDpc(&TestDpcs[0], 99);
    CHECK_EQ(TestDpcs[0].Number, Number);
    KeInsertQueueDpc(&TestDpcs[0], NULL, NULL);
    CHECK_EQ(DpcRuns, 1);
}

/* Queues itself again until it has run three times. */
static VOID NTAPI RequeueDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument2);
    DpcArguments[0] = Dpc->DpcData;
    if (++DpcRuns < 3) {
        KeInsertQueueDpc(Dpc, Argument1, NULL);
    }
}

TEST(DpcRequeue, "dpc/routine-may-requeue-its-object", "DPC-2")
{
    DpcRuns = 0;
    KeInitializeDpc(&TestDpcs[0], RequeueDpc, NULL);
    KeInsertQueueDpc(&TestDpcs[0], NULL, NULL);
    CHECK_EQ(DpcRuns, 3);
    CHECK_EQ(DpcArguments[0], NULL);
}

static VOID InsertFromInterrupt(PKTRAP_FRAME TrapFrame, PVOID Context)
{
    UNREFERENCED_PARAMETER(TrapFrame);
    KeInsertQueueDpc(Context, (PVOID)7, NULL);
    DpcLog[MAX_LOG - 1] = DpcRuns;
}

TEST(DpcFromIsr, "dpc/queued-by-an-interrupt-runs-after-it", "theory of kernel/ke/dpc.c")
{
    PrepareDpcs();
    KiConnectVector(0x6A, InsertFromInterrupt, &TestDpcs[1]);
    HalpRequestSoftwareInterrupt(0x6A);
    CHECK_EQ(DpcLog[MAX_LOG - 1], 0);
    CHECK_EQ(DpcRuns, 1);
    CHECK_EQ(DpcArguments[1], 7);
    KiConnectVector(0x6A, NULL, NULL);
}

TEST(DpcHighLevel, "dpc/insert-is-legal-at-high-level", "contract 1.8: callable up to HIGH_LEVEL")
{
    KIRQL Old;
    PrepareDpcs();
    KeRaiseIrql(HIGH_LEVEL, &Old);
    CHECK_EQ(KeInsertQueueDpc(&TestDpcs[0], NULL, NULL), TRUE);
    CHECK_EQ(DpcRuns, 0);
    KeLowerIrql(Old);
    CHECK_EQ(DpcRuns, 1);
}

/* ---- machines that must stop ----------------------------------------------------------------- */

static VOID NTAPI RaisingDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeRaiseIrqlToSynchLevel();
}

static VOID NTAPI LoweringDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeLowerIrql(PASSIVE_LEVEL);
}

static VOID NTAPI InlineLoweringDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    __asm__ volatile("movq %0, %%cr8" : : "r"(1ULL) : "memory");
}

static VOID CrashInDpc(PKDEFERRED_ROUTINE Routine)
{
    KeInitializeDpc(&TestDpcs[0], Routine, NULL);
    TestAnnounce("dpc", (ULONG64)&TestDpcs[0]);
    KeInsertQueueDpc(&TestDpcs[0], NULL, NULL);
}

CRASH_TEST(CrashDpcRaised, "dpc/returns-at-raised-level", "0xC8 0xC0202 sym:RaisingDpc $dpc 0x0",
           "DPC-4")
{
    CrashInDpc(RaisingDpc);
}

CRASH_TEST(CrashDpcLowered, "dpc/lowers-below-dispatch", "0xC4 0x31 0x2 0x0 0x1", "IRQL-4")
{
    CrashInDpc(LoweringDpc);
}

CRASH_TEST(CrashDpcInlineLowered, "dpc/inline-lower-is-found-at-its-return",
           "0xC8 0x10202 sym:InlineLoweringDpc $dpc 0x0", "DPC-4")
{
    CrashInDpc(InlineLoweringDpc);
}
