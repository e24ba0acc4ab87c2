/*
 * rundown.c - tests of kernel/ke/rundown.c: who gets protection, and how the owner waits.
 */
#include "tests/ke/bench.h"
#include "tests/ke/threads.h"

#define HIGH (KI_PRIORITY_DEFAULT + 1) /* runs at once */

static EX_RUNDOWN_REF TestRef;
static volatile BOOLEAN RunDown;

TEST(RundownCounts, "rundown/protection-counts", "RUND-1")
{
    ExInitializeRundownProtection(&TestRef);
    CHECK_EQ(TestRef.Count, 0);
    CHECK_EQ(ExAcquireRundownProtection(&TestRef), TRUE);
    CHECK_EQ(ExAcquireRundownProtectionEx(&TestRef, 3), TRUE);
    CHECK_EQ(TestRef.Count, 8);
    ExReleaseRundownProtection(&TestRef);
    ExReleaseRundownProtectionEx(&TestRef, 2);
    CHECK_EQ(TestRef.Count, 2);
    ExReleaseRundownProtection(&TestRef);
    CHECK_EQ(TestRef.Count, 0);
}

TEST(RundownIdle, "rundown/nobody-to-wait-for", "RUND-2")
{
    ExInitializeRundownProtection(&TestRef);
    ExWaitForRundownProtectionRelease(&TestRef);
    CHECK_EQ(ExAcquireRundownProtection(&TestRef), FALSE);
    CHECK_EQ(ExAcquireRundownProtectionEx(&TestRef, 5), FALSE);
    ExWaitForRundownProtectionRelease(&TestRef);
    ExRundownCompleted(&TestRef);
    CHECK_EQ(ExAcquireRundownProtection(&TestRef), FALSE);
    ExReInitializeRundownProtection(&TestRef);
    CHECK_EQ(ExAcquireRundownProtection(&TestRef), TRUE);
    ExReleaseRundownProtection(&TestRef);
}

TEST(RundownMarked, "rundown/completed-without-a-wait", "DDI wdm ExRundownCompleted")
{
    ExInitializeRundownProtection(&TestRef);
    ExRundownCompleted(&TestRef);
    CHECK_EQ(ExAcquireRundownProtection(&TestRef), FALSE);
    ExWaitForRundownProtectionRelease(&TestRef);
    ExReInitializeRundownProtection(&TestRef);
    CHECK_EQ(ExAcquireRundownProtection(&TestRef), TRUE);
}

static VOID NTAPI Owner(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    ExWaitForRundownProtectionRelease(&TestRef);
    RunDown = TRUE;
}

TEST(RundownWaits, "rundown/the-owner-waits-for-the-last-user", "RUND-2, RUND-3")
{
    ExInitializeRundownProtection(&TestRef);
    ExAcquireRundownProtectionEx(&TestRef, 3);
    RunDown = FALSE;
    PKTHREAD Thread = TestStartThread(Owner, NULL, HIGH);
    CHECK_EQ(RunDown, FALSE);
    CHECK_EQ(ExAcquireRundownProtection(&TestRef), FALSE);
    ExReleaseRundownProtection(&TestRef);
    CHECK_EQ(RunDown, FALSE);
    ExReleaseRundownProtection(&TestRef);
    CHECK_EQ(RunDown, FALSE);
    ExReleaseRundownProtection(&TestRef);
    CHECK_EQ(RunDown, TRUE);
    CHECK_EQ(TestRef.Count, 1);
    TestJoinThread(Thread);
}

static VOID NTAPI ReleasingDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    ExReleaseRundownProtection(&TestRef);
}

TEST(RundownDpc, "rundown/the-last-user-may-be-a-dpc", "contract 1.4: <= DISPATCH_LEVEL")
{
    static KDPC Dpc;
    ExInitializeRundownProtection(&TestRef);
    ExAcquireRundownProtection(&TestRef);
    RunDown = FALSE;
    PKTHREAD Thread = TestStartThread(Owner, NULL, HIGH);
    KeInitializeDpc(&Dpc, ReleasingDpc, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    TestJoinThread(Thread);
    CHECK_EQ(RunDown, TRUE);
}

/* ---- machines that must stop ----------------------------------------------------------------- */

CRASH_TEST(CrashRundownOver, "rundown/released-without-protection", "0x139 0xE not0 not0 0x0",
           "contract 4.4: 0x139, 0xE refcount")
{
    ExInitializeRundownProtection(&TestRef);
    ExReleaseRundownProtection(&TestRef);
}

CRASH_TEST(CrashRundownLate, "rundown/released-after-the-run-down", "0x139 0xE not0 not0 0x0",
           "contract 4.4: 0x139, 0xE refcount")
{
    ExInitializeRundownProtection(&TestRef);
    ExWaitForRundownProtectionRelease(&TestRef);
    ExReleaseRundownProtection(&TestRef);
}

CRASH_TEST(CrashRundownReuse, "rundown/initialised-anew-while-in-use", "0x139 0x5 not0 not0 0x0",
           "DDI wdm ExReInitializeRundownProtection: the old object has been run down")
{
    ExInitializeRundownProtection(&TestRef);
    ExAcquireRundownProtection(&TestRef);
    ExReInitializeRundownProtection(&TestRef);
}

CRASH_TEST(CrashRundownTwo, "rundown/two-owners-wait", "0x139 0x5 not0 not0 0x0",
           "DDI wdm ExWaitForRundownProtectionRelease: the owner's call")
{
    ExInitializeRundownProtection(&TestRef);
    ExAcquireRundownProtection(&TestRef);
    TestStartThread(Owner, NULL, HIGH);
    ExWaitForRundownProtectionRelease(&TestRef);
}

CRASH_TEST(CrashRundownHigh, "rundown/acquired-above-dispatch", "0xC4 0xE5 0x5 0x0 0x0",
           "contract 1.4: ExAcquireRundownProtection <= DISPATCH")
{
    KIRQL Old;
    ExInitializeRundownProtection(&TestRef);
    KeRaiseIrql(CMCI_LEVEL, &Old);
    ExAcquireRundownProtection(&TestRef);
}

CRASH_TEST(CrashRundownInit, "rundown/initialised-at-dispatch", "0xC4 0xE5 0x2 0x0 0x0",
           "contract 1.4: ExInitializeRundownProtection <= APC")
{
    KeRaiseIrqlToDpcLevel();
    ExInitializeRundownProtection(&TestRef);
}

CRASH_TEST(CrashRundownWait, "rundown/waited-at-dispatch", "0xC4 0xE5 0x2 0x0 0x0",
           "contract 1.4: waits <= APC")
{
    ExInitializeRundownProtection(&TestRef);
    KeRaiseIrqlToDpcLevel();
    ExWaitForRundownProtectionRelease(&TestRef);
}

/* ---- figures --------------------------------------------------------------------------------- */

static VOID RundownLoop(ULONG Rounds)
{
    BOOLEAN NTAPI (*volatile Acquire)(PEX_RUNDOWN_REF) = ExAcquireRundownProtection;
    VOID NTAPI (*volatile Release)(PEX_RUNDOWN_REF) = ExReleaseRundownProtection;
    for (ULONG i = 0; i < Rounds; i++) {
        Acquire(&TestRef);
        Release(&TestRef);
    }
}

BENCH(BenchRundown, "rundown/pair", "instructions", "")
{
    ExInitializeRundownProtection(&TestRef);
    BenchMeasureBoth(RundownLoop);
}
