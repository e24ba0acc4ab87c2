/*
 * rwspinlock.c - tests of kernel/ke/rwspinlock.c on one processor: levels, who gets in beside whom,
 * and each misuse in a machine of its own.
 */
#include "kernel/ke/ke.h"
#include "tests/ke/bench.h"
#include "tests/test.h"

#define WRITER         0x80000000U
#define WRITER_WAITING 0x40000000U

static EX_SPIN_LOCK TestLock;

TEST(RwLevels, "rwspinlock/acquire-raises-and-release-restores", "DDI wdm ExAcquireSpinLockShared")
{
    static const KIRQL Levels[] = {PASSIVE_LEVEL, APC_LEVEL, DISPATCH_LEVEL};
    TestLock = 0;
    for (ULONG i = 0; i < ARRAYSIZE(Levels); i++) {
        KIRQL Before;
        KeRaiseIrql(Levels[i], &Before);
        KIRQL Old = ExAcquireSpinLockShared(&TestLock);
        CHECK_EQ(Old, Levels[i]);
        CHECK_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
        ExReleaseSpinLockShared(&TestLock, Old);
        CHECK_EQ(KeGetCurrentIrql(), Levels[i]);
        Old = ExAcquireSpinLockExclusive(&TestLock);
        CHECK_EQ(Old, Levels[i]);
        CHECK_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
        ExReleaseSpinLockExclusive(&TestLock, Old);
        CHECK_EQ(KeGetCurrentIrql(), Levels[i]);
        KeLowerIrql(Before);
    }
    CHECK_EQ(TestLock, 0);
}

TEST(RwReaders, "rwspinlock/readers-share-and-keep-writers-out", "RWSL-1")
{
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    TestLock = 0;
    ExAcquireSpinLockSharedAtDpcLevel(&TestLock);
    CHECK_EQ(ExTryAcquireSpinLockSharedAtDpcLevel(&TestLock), TRUE);
    CHECK_EQ(TestLock, 2);
    CHECK_EQ(ExTryAcquireSpinLockExclusiveAtDpcLevel(&TestLock), FALSE);
    ExReleaseSpinLockSharedFromDpcLevel(&TestLock);
    CHECK_EQ(ExTryAcquireSpinLockExclusiveAtDpcLevel(&TestLock), FALSE);
    ExReleaseSpinLockSharedFromDpcLevel(&TestLock);
    CHECK_EQ(ExTryAcquireSpinLockExclusiveAtDpcLevel(&TestLock), TRUE);
    ExReleaseSpinLockExclusiveFromDpcLevel(&TestLock);
    CHECK_EQ(TestLock, 0);
    KeLowerIrql(Old);
}

TEST(RwWriter, "rwspinlock/a-writer-is-alone", "RWSL-1")
{
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    TestLock = 0;
    ExAcquireSpinLockExclusiveAtDpcLevel(&TestLock);
    CHECK_NE(TestLock & WRITER, 0);
    CHECK_EQ(ExTryAcquireSpinLockSharedAtDpcLevel(&TestLock), FALSE);
    CHECK_EQ(ExTryAcquireSpinLockExclusiveAtDpcLevel(&TestLock), FALSE);
    ExReleaseSpinLockExclusiveFromDpcLevel(&TestLock);
    CHECK_EQ(ExTryAcquireSpinLockSharedAtDpcLevel(&TestLock), TRUE);
    ExReleaseSpinLockSharedFromDpcLevel(&TestLock);
    KeLowerIrql(Old);
}

/* One processor has no second one that waits; its bit stands for it. */
TEST(RwWaiting, "rwspinlock/a-waiting-writer-keeps-new-readers-out", "RWSL-2")
{
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    TestLock = 0;
    ExAcquireSpinLockSharedAtDpcLevel(&TestLock);
    TestLock |= WRITER_WAITING;
    CHECK_EQ(ExTryAcquireSpinLockSharedAtDpcLevel(&TestLock), FALSE);
    CHECK_EQ(ExTryConvertSharedSpinLockExclusive(&TestLock), FALSE);
    ExReleaseSpinLockSharedFromDpcLevel(&TestLock);
    CHECK_EQ(ExTryAcquireSpinLockSharedAtDpcLevel(&TestLock), FALSE);
    CHECK_EQ(ExTryAcquireSpinLockExclusiveAtDpcLevel(&TestLock), TRUE);
    CHECK_EQ(TestLock & WRITER_WAITING, 0);
    ExReleaseSpinLockExclusiveFromDpcLevel(&TestLock);
    CHECK_EQ(TestLock, 0);
    KeLowerIrql(Old);
}

TEST(RwConvert, "rwspinlock/only-the-sole-reader-becomes-the-writer",
     "DDI wdm ExTryConvertSharedSpinLockExclusive")
{
    TestLock = 0;
    KIRQL Old = ExAcquireSpinLockShared(&TestLock);
    ExAcquireSpinLockSharedAtDpcLevel(&TestLock);
    CHECK_EQ(ExTryConvertSharedSpinLockExclusive(&TestLock), FALSE);
    CHECK_EQ(TestLock, 2);
    ExReleaseSpinLockSharedFromDpcLevel(&TestLock);
    CHECK_EQ(ExTryConvertSharedSpinLockExclusive(&TestLock), TRUE);
    CHECK_EQ(ExTryAcquireSpinLockSharedAtDpcLevel(&TestLock), FALSE);
    ExReleaseSpinLockExclusive(&TestLock, Old);
    CHECK_EQ(TestLock, 0);
    CHECK_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

/* ---- machines that must stop ----------------------------------------------------------------- */

static VOID AnnounceLock(ULONG Word)
{
    TestAnnounce("lock", (ULONG64)&TestLock);
    TestAnnounce("word", Word);
}

CRASH_TEST(CrashRwTwice, "rwspinlock/writer-takes-it-again", "0xF $lock $word 0x2 sym:CrashRwTwice",
           "RWSL-3")
{
    ExAcquireSpinLockExclusive(&TestLock);
    AnnounceLock(WRITER);
    ExAcquireSpinLockExclusive(&TestLock);
}

CRASH_TEST(CrashRwReadOwn, "rwspinlock/writer-reads-too", "0xF $lock $word 0x2 sym:CrashRwReadOwn",
           "RWSL-3")
{
    ExAcquireSpinLockExclusive(&TestLock);
    AnnounceLock(WRITER);
    ExAcquireSpinLockSharedAtDpcLevel(&TestLock);
}

CRASH_TEST(CrashRwFree, "rwspinlock/released-without-a-reader",
           "0x10 $lock $word 0x2 sym:CrashRwFree", "RWSL-3")
{
    AnnounceLock(0);
    KeRaiseIrqlToDpcLevel();
    ExReleaseSpinLockShared(&TestLock, PASSIVE_LEVEL);
}

CRASH_TEST(CrashRwMixed, "rwspinlock/shared-released-as-exclusive",
           "0x10 $lock $word 0x2 sym:CrashRwMixed", "RWSL-3")
{
    KIRQL Old = ExAcquireSpinLockShared(&TestLock);
    AnnounceLock(1);
    ExReleaseSpinLockExclusive(&TestLock, Old);
}

CRASH_TEST(CrashRwConvert, "rwspinlock/converted-without-reading",
           "0x10 $lock $word 0x2 sym:CrashRwConvert", "RWSL-3")
{
    AnnounceLock(0);
    KeRaiseIrqlToDpcLevel();
    ExTryConvertSharedSpinLockExclusive(&TestLock);
}

CRASH_TEST(CrashRwAbove, "rwspinlock/acquired-above-dispatch", "0xC4 0x42 0xC $lock 0x0", "RWSL-3")
{
    AnnounceLock(0);
    KeRaiseIrqlToSynchLevel();
    ExAcquireSpinLockShared(&TestLock);
}

CRASH_TEST(CrashRwReleaseLow, "rwspinlock/released-below-dispatch", "0xC4 0x32 0x0 $lock 0x0",
           "RWSL-3")
{
    KIRQL Old = ExAcquireSpinLockExclusive(&TestLock);
    AnnounceLock(WRITER);
    KeLowerIrql(Old);
    ExReleaseSpinLockExclusive(&TestLock, Old);
}

CRASH_TEST(CrashRwAtLow, "rwspinlock/at-dpc-level-below-dispatch", "0xC4 0x40 0x0 $lock 0x0",
           "RWSL-3")
{
    AnnounceLock(0);
    ExAcquireSpinLockSharedAtDpcLevel(&TestLock);
}

CRASH_TEST(CrashRwFromLow, "rwspinlock/from-dpc-level-below-dispatch", "0xC4 0x41 0x0 $lock 0x0",
           "RWSL-3")
{
    KIRQL Old = ExAcquireSpinLockShared(&TestLock);
    AnnounceLock(1);
    KeLowerIrql(Old);
    ExReleaseSpinLockSharedFromDpcLevel(&TestLock);
}

/* ---- figures --------------------------------------------------------------------------------- */

static VOID SharedLoop(ULONG Rounds)
{
    KIRQL NTAPI (*volatile Acquire)(PEX_SPIN_LOCK) = ExAcquireSpinLockShared;
    VOID NTAPI (*volatile Release)(PEX_SPIN_LOCK, KIRQL) = ExReleaseSpinLockShared;
    for (ULONG i = 0; i < Rounds; i++) {
        Release(&TestLock, Acquire(&TestLock));
    }
}

static VOID ExclusiveLoop(ULONG Rounds)
{
    KIRQL NTAPI (*volatile Acquire)(PEX_SPIN_LOCK) = ExAcquireSpinLockExclusive;
    VOID NTAPI (*volatile Release)(PEX_SPIN_LOCK, KIRQL) = ExReleaseSpinLockExclusive;
    for (ULONG i = 0; i < Rounds; i++) {
        Release(&TestLock, Acquire(&TestLock));
    }
}

BENCH(BenchShared, "rwspinlock/shared-pair", "instructions", "")
{
    TestLock = 0;
    BenchMeasureBoth(SharedLoop);
}

BENCH(BenchExclusive, "rwspinlock/exclusive-pair", "instructions", "")
{
    TestLock = 0;
    BenchMeasureBoth(ExclusiveLoop);
}
