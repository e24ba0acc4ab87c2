/*
 * irql.c - tests of kernel/ke/irql.c and of the interrupt hardware behind it.
 *
 * A test vector of each class is requested as a self-IPI: the APIC must hold it back exactly while
 * the IRQL masks it, and its routine must run at the level of its high nibble.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "tests/test.h"

#define FIRST_DEVICE_CLASS 3

static volatile ULONG IrqlHits;
static volatile KIRQL IrqlSeen;
static volatile UCHAR IrqlNestedVector;

/* What driver code does inline, without a call that could check it. */
static inline VOID WriteCr8Inline(ULONG64 Level)
{
    __asm__ volatile("movq %0, %%cr8" : : "r"(Level) : "memory");
}

static VOID CountInterrupt(PKTRAP_FRAME TrapFrame, PVOID Context)
{
    UNREFERENCED_PARAMETER(TrapFrame);
    UNREFERENCED_PARAMETER(Context);
    IrqlHits++;
    IrqlSeen = KeGetCurrentIrql();
}

TEST(IrqlStartsPassive, "irql/tests-run-at-passive", "")
{
    CHECK_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

TEST(IrqlRaiseReturnsOld, "irql/raise-returns-old-level", "IRQL-1")
{
    KIRQL Old;
    KeRaiseIrql(APC_LEVEL, &Old);
    CHECK_EQ(Old, PASSIVE_LEVEL);
    CHECK_EQ(KeGetCurrentIrql(), APC_LEVEL);
    KIRQL Older;
    KeRaiseIrql(HIGH_LEVEL, &Older);
    CHECK_EQ(Older, APC_LEVEL);
    CHECK_EQ(KeGetCurrentIrql(), HIGH_LEVEL);
    KeLowerIrql(Older);
    CHECK_EQ(KeGetCurrentIrql(), APC_LEVEL);
    KeLowerIrql(Old);
}

TEST(IrqlRaiseToSame, "irql/raise-to-the-same-level-has-no-effect",
     "CON-3 Raising to the current level, or lowering to it, changes nothing.")
{
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    KIRQL Same;
    KeRaiseIrql(DISPATCH_LEVEL, &Same);
    CHECK_EQ(Same, DISPATCH_LEVEL);
    CHECK_EQ(KeRaiseIrqlToDpcLevel(), DISPATCH_LEVEL);
    KeLowerIrql(DISPATCH_LEVEL);
    CHECK_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    KeLowerIrql(Old);
}

TEST(IrqlLowerInSteps, "irql/lower-in-several-steps", "CON-4 IRQL may be lowered in several steps.")
{
    KIRQL Old;
    KeRaiseIrql(HIGH_LEVEL, &Old);
    for (KIRQL Level = HIGH_LEVEL; Level > PASSIVE_LEVEL; Level--) {
        KeLowerIrql(Level - 1);
        CHECK_EQ(KeGetCurrentIrql(), Level - 1);
    }
}

TEST(IrqlDpcLevel, "irql/raise-to-dpc-level", "")
{
    CHECK_EQ(KeRaiseIrqlToDpcLevel(), PASSIVE_LEVEL);
    CHECK_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    KeLowerIrql(PASSIVE_LEVEL);
}

TEST(IrqlSynchLevel, "irql/raise-to-synch-level-is-12", "contract 1.1: SYNCH_LEVEL 12")
{
    CHECK_EQ(KeRaiseIrqlToSynchLevel(), PASSIVE_LEVEL);
    CHECK_EQ(KeGetCurrentIrql(), 12);
    KeLowerIrql(PASSIVE_LEVEL);
}

TEST(IrqlIsCr8, "irql/current-level-is-cr8", "IRQL-1")
{
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    ULONG64 Cr8;
    __asm__ volatile("movq %%cr8, %0" : "=r"(Cr8));
    CHECK_EQ(Cr8, DISPATCH_LEVEL);
    WriteCr8Inline(CLOCK_LEVEL);
    CHECK_EQ(KeGetCurrentIrql(), CLOCK_LEVEL);
    WriteCr8Inline(Old);
    CHECK_EQ(KeGetCurrentIrql(), Old);
}

TEST(IrqlVectorClass, "irql/vector-runs-at-its-high-nibble",
     "APIC-1, TRAP-1: for each class from 3 to 15")
{
    for (UCHAR Class = FIRST_DEVICE_CLASS; Class <= HIGH_LEVEL; Class++) {
        UCHAR Vector = (UCHAR)(Class << 4 | 0xA);
        KiConnectVector(Vector, CountInterrupt, NULL);
        IrqlHits = 0;
        HalpRequestSoftwareInterrupt(Vector);
        CHECK_EQ(IrqlHits, 1);
        CHECK_EQ(IrqlSeen, Class);
        CHECK_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
        KiConnectVector(Vector, NULL, NULL);
    }
}

TEST(IrqlHoldsBack, "irql/apic-holds-back-what-the-level-masks",
     "CON-1 The local APIC delivers an interrupt only while its vector's high nibble is above "
     "CR8.")
{
    for (UCHAR Class = FIRST_DEVICE_CLASS; Class <= HIGH_LEVEL; Class++) {
        UCHAR Vector = (UCHAR)(Class << 4 | 0xA);
        KIRQL Old;
        KiConnectVector(Vector, CountInterrupt, NULL);
        IrqlHits = 0;
        KeRaiseIrql(Class, &Old);
        HalpRequestSoftwareInterrupt(Vector);
        CHECK_EQ(IrqlHits, 0);
        KeLowerIrql(Class - 1);
        CHECK_EQ(IrqlHits, 1);
        CHECK_EQ(KeGetCurrentIrql(), Class - 1);
        KeLowerIrql(Old);
        KiConnectVector(Vector, NULL, NULL);
    }
}

/* A special kernel APC is what comes with the interrupt of vector 0x1F. */
static VOID NTAPI CountApc(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *Context,
                           PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc);
    UNREFERENCED_PARAMETER(NormalRoutine);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    CountInterrupt(NULL, *Context);
}

TEST(IrqlApcVector, "irql/apc-interrupt-waits-for-passive", "DESIGN: APC at vector 0x1F")
{
    static KAPC Apc;
    KIRQL Old;
    KeInitializeApc(&Apc, KeGetCurrentThread(), OriginalApcEnvironment, CountApc, NULL, NULL,
                    KernelMode, NULL);
    IrqlHits = 0;
    KeRaiseIrql(APC_LEVEL, &Old);
    KeInsertQueueApc(&Apc, NULL, NULL, IO_NO_INCREMENT);
    CHECK_EQ(IrqlHits, 0);
    KeLowerIrql(Old);
    CHECK_EQ(IrqlHits, 1);
    CHECK_EQ(IrqlSeen, APC_LEVEL);
}

TEST(IrqlMerge, "irql/pending-requests-merge", "APIC-2")
{
    KIRQL Old;
    KiConnectVector(0x4A, CountInterrupt, NULL);
    IrqlHits = 0;
    KeRaiseIrql(4, &Old);
    for (ULONG i = 0; i < 5; i++) {
        HalpRequestSoftwareInterrupt(0x4A);
    }
    KeLowerIrql(Old);
    CHECK_EQ(IrqlHits, 1);
    KiConnectVector(0x4A, NULL, NULL);
}

TEST(IrqlDisabledFlag, "irql/masked-interrupts-wait-for-sti", "")
{
    KiConnectVector(0x4A, CountInterrupt, NULL);
    IrqlHits = 0;
    ULONG64 Flags = KiDisableInterrupts();
    HalpRequestSoftwareInterrupt(0x4A);
    CHECK_EQ(IrqlHits, 0);
    KiRestoreInterrupts(Flags);
    __asm__ volatile("nop");
    CHECK_EQ(IrqlHits, 1);
    KiConnectVector(0x4A, NULL, NULL);
}

/* Requests another vector from inside and notes whether it ran at once. */
static VOID RequestFromInside(PKTRAP_FRAME TrapFrame, PVOID Context)
{
    UNREFERENCED_PARAMETER(TrapFrame);
    UNREFERENCED_PARAMETER(Context);
    ULONG Before = IrqlHits;
    HalpRequestSoftwareInterrupt(IrqlNestedVector);
    IrqlSeen = IrqlHits != Before;
}

TEST(IrqlNestHigher, "irql/higher-interrupt-nests", "TRAP-1")
{
    KiConnectVector(0x4A, RequestFromInside, NULL);
    KiConnectVector(0x5A, CountInterrupt, NULL);
    IrqlHits = 0;
    IrqlNestedVector = 0x5A;
    HalpRequestSoftwareInterrupt(0x4A);
    CHECK_EQ(IrqlHits, 1);
    CHECK_EQ(IrqlSeen, TRUE);
    KiConnectVector(0x4A, NULL, NULL);
    KiConnectVector(0x5A, NULL, NULL);
}

TEST(IrqlNestSame, "irql/interrupt-of-the-same-class-waits", "TRAP-1")
{
    KiConnectVector(0x4A, RequestFromInside, NULL);
    KiConnectVector(0x4B, CountInterrupt, NULL);
    IrqlHits = 0;
    IrqlSeen = TRUE;
    IrqlNestedVector = 0x4B;
    HalpRequestSoftwareInterrupt(0x4A);
    CHECK_EQ(IrqlHits, 1);
    CHECK_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    KiConnectVector(0x4A, NULL, NULL);
    KiConnectVector(0x4B, NULL, NULL);
}

TEST(IrqlUnexpected, "irql/unconnected-vector-is-counted", "TRAP-6")
{
    ULONG64 Before = KiUnexpectedInterrupts;
    HalpRequestSoftwareInterrupt(0x4C);
    CHECK_EQ(KiUnexpectedInterrupts, Before + 1);
    CHECK_EQ(KiUnexpectedVector, 0x4C);
    HalpRequestSoftwareInterrupt(0x4C); /* acknowledged: it comes again */
    CHECK_EQ(KiUnexpectedInterrupts, Before + 2);
}

/* The instruction enters as the interrupt does, but for the APIC: nothing is to be acknowledged. */
TEST(IrqlSpurious, "irql/spurious-vector-is-counted", "TRAP-6")
{
    ULONG64 Before = KiSpuriousInterrupts, Unexpected = KiUnexpectedInterrupts;
    __asm__ volatile("int $0xFF" : : : "memory");
    CHECK_EQ(KiSpuriousInterrupts, Before + 1);
    CHECK_EQ(KiUnexpectedInterrupts, Unexpected);
}

TEST(IrqlFreeMisuse, "irql/free-mode-lets-misuse-happen",
     "CON-8 Free: a raise that lowers and a lower that raises just happen.")
{
    KIRQL Old;
    if (KiCheckedMode) {
        SKIP("for mode=free");
    }
    KeRaiseIrql(HIGH_LEVEL, &Old);
    KeRaiseIrql(APC_LEVEL, &Old);
    CHECK_EQ(Old, HIGH_LEVEL);
    CHECK_EQ(KeGetCurrentIrql(), APC_LEVEL);
    KeLowerIrql(DISPATCH_LEVEL);
    CHECK_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    KeLowerIrql(PASSIVE_LEVEL);
}

/* ---- machines that must stop ----------------------------------------------------------------- */

CRASH_TEST(
    CrashRaiseToLower, "irql/raise-that-lowers", "0x9 0x2 0x0 0x0 sym:CrashRaiseToLower",
    "CON-5 Checked: a raise to a lower level is bug check 0x9 (current, requested, 0, caller).")
{
    KIRQL Old;
    KeRaiseIrqlToDpcLevel();
    KeRaiseIrql(PASSIVE_LEVEL, &Old);
}

CRASH_TEST(
    CrashLowerToHigher, "irql/lower-that-raises", "0x9 0x0 0x2 0x1 sym:CrashLowerToHigher",
    "CON-6 Checked: a lower to a higher level is bug check 0x9 (current, requested, 1, caller).")
{
    KeLowerIrql(DISPATCH_LEVEL);
}

CRASH_TEST(CrashDpcLevelFromAbove, "irql/raise-to-dpc-level-from-above",
           "0x9 0xF 0x2 0x0 sym:CrashDpcLevelFromAbove",
           "CON-7 KeRaiseIrqlToDpcLevel above DISPATCH_LEVEL is a bug check.")
{
    KIRQL Old;
    KeRaiseIrql(HIGH_LEVEL, &Old);
    KeRaiseIrqlToDpcLevel();
}

CRASH_TEST(CrashSynchLevelFromAbove, "irql/raise-to-synch-level-from-above",
           "0x9 0xD 0xC 0x0 sym:CrashSynchLevelFromAbove", "IRQL-2")
{
    KIRQL Old;
    KeRaiseIrql(CLOCK_LEVEL, &Old);
    KeRaiseIrqlToSynchLevel();
}

CRASH_TEST(CrashRaiseBeyondHigh, "irql/raise-beyond-high-level",
           "0x9 0x0 0x10 0x0 sym:CrashRaiseBeyondHigh", "IRQL-2")
{
    KIRQL Old;
    KeRaiseIrql(HIGH_LEVEL + 1, &Old);
}

CRASH_TEST(CrashInlineThenLower, "irql/inline-lower-is-found-at-the-next-call",
           "0x9 0x0 0x1 0x1 sym:CrashInlineThenLower", "IRQL-2")
{
    KIRQL Old;
    KeRaiseIrql(APC_LEVEL, &Old);
    KeRaiseIrqlToDpcLevel();
    WriteCr8Inline(PASSIVE_LEVEL);
    KeLowerIrql(APC_LEVEL);
}
