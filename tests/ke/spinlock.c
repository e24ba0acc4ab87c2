/*
 * spinlock.c - tests of kernel/ke/spinlock.c on one processor: levels, lock words, and each misuse
 * in a machine of its own. Mutual exclusion between processors comes with the other processors.
 */
#include "kernel/ke/ke.h"
#include "tests/test.h"

#define QUEUE_OWNER 2

static KSPIN_LOCK TestLock, OtherLock;

TEST(SpinRaises, "spinlock/acquire-raises-and-release-restores", "SPIN-1")
{
    KIRQL Old, Inner;
    KeInitializeSpinLock(&TestLock);
    KeRaiseIrql(APC_LEVEL, &Old);
    KeAcquireSpinLock(&TestLock, &Inner);
    CHECK_EQ(Inner, APC_LEVEL);
    CHECK_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    KeReleaseSpinLock(&TestLock, Inner);
    CHECK_EQ(KeGetCurrentIrql(), APC_LEVEL);
    KeLowerIrql(Old);
}

TEST(SpinWord, "spinlock/word-names-the-owner-in-checked-mode",
     "contract 1.5: thread address, bit 0 set")
{
    KIRQL Old;
    KeInitializeSpinLock(&TestLock);
    CHECK_EQ(TestLock, 0);
    KeAcquireSpinLock(&TestLock, &Old);
    CHECK_EQ(TestLock, KiCheckedMode ? (ULONG_PTR)KeGetCurrentThread() | 1 : 1);
    KeReleaseSpinLock(&TestLock, Old);
    CHECK_EQ(TestLock, 0);
}

TEST(SpinAtDpc, "spinlock/at-dpc-level-forms-leave-the-level-alone", "")
{
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    KeInitializeSpinLock(&TestLock);
    KeAcquireSpinLockAtDpcLevel(&TestLock);
    CHECK_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    CHECK_NE(TestLock, 0);
    KeReleaseSpinLockFromDpcLevel(&TestLock);
    CHECK_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    CHECK_EQ(TestLock, 0);
    KeLowerIrql(Old);
}

TEST(SpinTry, "spinlock/try-takes-a-free-lock-only", "")
{
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    KeInitializeSpinLock(&TestLock);
    CHECK_EQ(KeTryToAcquireSpinLockAtDpcLevel(&TestLock), TRUE);
    CHECK_EQ(KeTryToAcquireSpinLockAtDpcLevel(&TestLock), FALSE);
    KeReleaseSpinLockFromDpcLevel(&TestLock);
    CHECK_EQ(KeTryToAcquireSpinLockAtDpcLevel(&TestLock), TRUE);
    KeReleaseSpinLockFromDpcLevel(&TestLock);
    KeLowerIrql(Old);
}

TEST(SpinTwo, "spinlock/two-locks-nest", "")
{
    KIRQL First, Second;
    KeInitializeSpinLock(&TestLock);
    KeInitializeSpinLock(&OtherLock);
    KeAcquireSpinLock(&TestLock, &First);
    KeAcquireSpinLock(&OtherLock, &Second);
    CHECK_EQ(Second, DISPATCH_LEVEL);
    KeReleaseSpinLock(&OtherLock, Second);
    CHECK_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    KeReleaseSpinLock(&TestLock, First);
    CHECK_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

TEST(QueuedWord, "spinlock/queued-word-holds-the-handle", "contract 1.5: KLOCK_QUEUE_HANDLE")
{
    KLOCK_QUEUE_HANDLE Handle;
    KeInitializeSpinLock(&TestLock);
    KeAcquireInStackQueuedSpinLock(&TestLock, &Handle);
    CHECK_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    CHECK_EQ(TestLock, (ULONG_PTR)&Handle.LockQueue);
    CHECK_EQ((ULONG_PTR)Handle.LockQueue.Lock, (ULONG_PTR)&TestLock | QUEUE_OWNER);
    CHECK_EQ(Handle.OldIrql, PASSIVE_LEVEL);
    KeReleaseInStackQueuedSpinLock(&Handle);
    CHECK_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    CHECK_EQ(TestLock, 0);
}

TEST(QueuedAtDpc, "spinlock/queued-at-dpc-level", "")
{
    KLOCK_QUEUE_HANDLE Handle;
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    KeInitializeSpinLock(&TestLock);
    KeAcquireInStackQueuedSpinLockAtDpcLevel(&TestLock, &Handle);
    CHECK_NE(TestLock, 0);
    KeReleaseInStackQueuedSpinLockFromDpcLevel(&Handle);
    CHECK_EQ(TestLock, 0);
    CHECK_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    KeLowerIrql(Old);
}

/* ---- machines that must stop ----------------------------------------------------------------- */

CRASH_TEST(CrashSpinTwice, "spinlock/acquired-twice", "0xF $lock $word 0x2 sym:CrashSpinTwice",
           "SPIN-2")
{
    KIRQL Old;
    KeInitializeSpinLock(&TestLock);
    KeAcquireSpinLock(&TestLock, &Old);
    TestAnnounce("lock", (ULONG64)&TestLock);
    TestAnnounce("word", (ULONG64)KeGetCurrentThread() | 1);
    KeAcquireSpinLock(&TestLock, &Old);
}

CRASH_TEST(CrashSpinRelease, "spinlock/released-without-owning",
           "0x10 $lock 0x0 0x2 sym:CrashSpinRelease", "SPIN-2")
{
    KeInitializeSpinLock(&TestLock);
    TestAnnounce("lock", (ULONG64)&TestLock);
    KeRaiseIrqlToDpcLevel();
    KeReleaseSpinLock(&TestLock, PASSIVE_LEVEL);
}

CRASH_TEST(CrashSpinAbove, "spinlock/acquired-above-dispatch", "0xC4 0x42 0xC $lock 0x0", "SPIN-3")
{
    KIRQL Old;
    KeInitializeSpinLock(&TestLock);
    TestAnnounce("lock", (ULONG64)&TestLock);
    KeRaiseIrqlToSynchLevel();
    KeAcquireSpinLock(&TestLock, &Old);
}

CRASH_TEST(CrashSpinReleaseLow, "spinlock/released-below-dispatch", "0xC4 0x32 0x0 $lock 0x0",
           "SPIN-3")
{
    KIRQL Old;
    KeInitializeSpinLock(&TestLock);
    TestAnnounce("lock", (ULONG64)&TestLock);
    KeAcquireSpinLock(&TestLock, &Old);
    KeLowerIrql(PASSIVE_LEVEL);
    KeReleaseSpinLock(&TestLock, Old);
}

CRASH_TEST(CrashSpinAtDpcLow, "spinlock/at-dpc-level-below-dispatch", "0xC4 0x40 0x1 $lock 0x0",
           "SPIN-3")
{
    KIRQL Old;
    KeInitializeSpinLock(&TestLock);
    TestAnnounce("lock", (ULONG64)&TestLock);
    KeRaiseIrql(APC_LEVEL, &Old);
    KeAcquireSpinLockAtDpcLevel(&TestLock);
}

CRASH_TEST(CrashSpinFromDpcLow, "spinlock/from-dpc-level-below-dispatch", "0xC4 0x41 0x0 $lock 0x0",
           "SPIN-3")
{
    KIRQL Old;
    KeInitializeSpinLock(&TestLock);
    TestAnnounce("lock", (ULONG64)&TestLock);
    KeAcquireSpinLock(&TestLock, &Old);
    KeLowerIrql(PASSIVE_LEVEL);
    KeReleaseSpinLockFromDpcLevel(&TestLock);
}

CRASH_TEST(CrashQueuedTwice, "spinlock/queued-acquired-twice",
           "0xF $lock $handle 0x2 sym:CrashQueuedTwice", "SPIN-2")
{
    static KLOCK_QUEUE_HANDLE Handle;
    KeInitializeSpinLock(&TestLock);
    TestAnnounce("lock", (ULONG64)&TestLock);
    TestAnnounce("handle", (ULONG64)&Handle);
    KeAcquireInStackQueuedSpinLock(&TestLock, &Handle);
    KeAcquireInStackQueuedSpinLock(&TestLock, &Handle);
}

CRASH_TEST(CrashQueuedRelease, "spinlock/queued-released-twice",
           "0x10 $lock $lock 0x2 sym:CrashQueuedRelease", "SPIN-2")
{
    static KLOCK_QUEUE_HANDLE Handle;
    KeInitializeSpinLock(&TestLock);
    TestAnnounce("lock", (ULONG64)&TestLock);
    KeRaiseIrqlToDpcLevel();
    KeAcquireInStackQueuedSpinLockAtDpcLevel(&TestLock, &Handle);
    KeReleaseInStackQueuedSpinLockFromDpcLevel(&Handle);
    KeReleaseInStackQueuedSpinLockFromDpcLevel(&Handle);
}
