/*
 * irql.c - the pools at every IRQL where they may be used: what is legal succeeds, leaves the IRQL
 * and the interrupt flag as they were, and may be interrupted by itself.
 */
#include "kernel/ke/ke.h"
#include "tests/pool/pool_cases.h"

#define EFLAGS_IF 0x200

/* Small, big and cleared blocks of a pool at Irql: allocated, written, freed. */
static BOOLEAN WorksAt(const POOL_CASE *Case, KIRQL Irql)
{
    static const SIZE_T Sizes[] = {0, 64, 0xFE0, PAGE_SIZE, 3 * PAGE_SIZE};
    BOOLEAN Holds = TRUE;
    KIRQL Old;
    KeRaiseIrql(Irql, &Old);
    for (ULONG i = 0; i < ARRAYSIZE(Sizes); i++) {
        PUCHAR Plain =
            ExAllocatePoolWithTagPriority(Case->Type, Sizes[i], TEST_TAG, NormalPoolPriority);
        PUCHAR Clear = ExAllocatePool2(Case->Flag, Sizes[i] + 1, TEST_TAG);
        Holds &= CHECK(Plain != NULL && Clear != NULL);
        Holds &= CHECK_EQ(KeGetCurrentIrql(), Irql);
        if (Holds) {
            RtlFillMemory(Plain, Sizes[i], 0x77);
            Holds &= CHECK_EQ(Clear[Sizes[i]], 0);
        }
        PoolFreeIfAny(Clear);
        PoolFreeIfAny(Plain);
        Holds &= CHECK_EQ(KeGetCurrentIrql(), Irql);
    }
    KeLowerIrql(Old);
    return Holds;
}

TEST(IrqlDispatch, "pool/irql/callers-up-to-dispatch-level",
     "APP-30 Callers run at IRQL <= DISPATCH_LEVEL. || "
     "APP-54 The requirements table repeats: IRQL <= DISPATCH_LEVEL.")
{
    for (KIRQL Irql = PASSIVE_LEVEL; Irql <= DISPATCH_LEVEL; Irql++) {
        CHECK(WorksAt(&PoolCases[PoolKindNonPagedNx], Irql));
        CHECK(WorksAt(&PoolCases[PoolKindNonPagedExecute], Irql));
    }
}

/* Each NonPagedXxx value of the enumeration that is not refused at any level. */
TEST(IrqlNonPagedTypes, "pool/irql/nonpaged-types-at-dispatch-level",
     "APP-31 A caller at DISPATCH_LEVEL must name a NonPagedXxx type.")
{
    static const POOL_TYPE Types[] = {NonPagedPool, NonPagedPoolExecute, NonPagedPoolCacheAligned,
                                      NonPagedPoolNx, NonPagedPoolNxCacheAligned};
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    for (ULONG i = 0; i < ARRAYSIZE(Types); i++) {
        PVOID Block = ExAllocatePoolWithTagPriority(Types[i], 500, TEST_TAG, HighPoolPriority);
        CHECK(Block != NULL);
        PoolFreeIfAny(Block);
    }
    KeLowerIrql(Old);
}

static BOOLEAN WorksUpToApcLevel(const POOL_CASE *Case)
{
    return WorksAt(Case, PASSIVE_LEVEL) && WorksAt(Case, APC_LEVEL);
}

TEST(IrqlApc, "pool/irql/any-type-up-to-apc-level",
     "APP-32 A caller at IRQL <= APC_LEVEL may name any POOL_TYPE.")
{
    PoolForEach(WorksUpToApcLevel);
}

static inline ULONG64 ReadFlags(VOID)
{
    ULONG64 Flags;
    __asm__ volatile("pushfq; popq %0" : "=r"(Flags));
    return Flags;
}

TEST(IrqlInterruptFlag, "pool/irql/masked-interrupts-stay-masked", "")
{
    ULONG64 Flags = KiDisableInterrupts();
    PVOID Block = ExAllocatePoolWithTag(NonPagedPoolNx, 64, TEST_TAG);
    ULONG64 After = ReadFlags();
    PoolFreeIfAny(Block);
    ULONG64 AfterFree = ReadFlags();
    KiRestoreInterrupts(Flags);
    CHECK_EQ((After | AfterFree) & EFLAGS_IF, 0);
    CHECK_NE(ReadFlags() & EFLAGS_IF, 0);
}

/* ---- interrupted by itself ------------------------------------------------------------------- */

#define DPC_ROUNDS 200
#define DPC_BLOCKS 16

static PVOID DpcBlocks[DPC_BLOCKS];
static ULONG DpcRuns;

/* Runs whenever the test below falls under DISPATCH_LEVEL: frees one block and takes another. */
static VOID NTAPI AllocateInDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    PVOID *Slot = &DpcBlocks[DpcRuns++ % DPC_BLOCKS];
    PoolFreeIfAny(*Slot);
    *Slot = ExAllocatePoolWithTag(NonPagedPoolNx, 16 + DpcRuns * 40 % 900, TEST_TAG);
}

TEST(IrqlDpc, "pool/irql/a-dpc-allocates-between-two-calls",
     "APP-30 Callers run at IRQL <= DISPATCH_LEVEL.")
{
    static KDPC Dpc;
    PVOID Mine = NULL;
    KeInitializeDpc(&Dpc, AllocateInDpc, NULL);
    DpcRuns = 0;
    for (ULONG i = 0; i < DPC_ROUNDS; i++) {
        KeInsertQueueDpc(&Dpc, NULL, NULL);
        PoolFreeIfAny(Mine);
        Mine = ExAllocatePoolWithTag(NonPagedPoolNx, 1 + i * 17 % 700, TEST_TAG);
        CHECK(Mine != NULL);
    }
    PoolFreeIfAny(Mine);
    for (ULONG i = 0; i < DPC_BLOCKS; i++) {
        CHECK(DpcBlocks[i] != NULL);
        PoolFreeIfAny(DpcBlocks[i]);
        DpcBlocks[i] = NULL;
    }
    CHECK_EQ(DpcRuns, DPC_ROUNDS);
    PoolCheck(PoolKindNonPagedNx);
}
