/*
 * apc_crash.c - machines that must stop over APCs and regions.
 */
#include "tests/ke/threads.h"

static KAPC TestApc;

static VOID NTAPI RaisingKernelRoutine(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *Context,
                                       PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc);
    UNREFERENCED_PARAMETER(NormalRoutine);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeRaiseIrqlToDpcLevel();
}

static VOID NTAPI NothingKernelRoutine(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *Context,
                                       PVOID *Argument1, PVOID *Argument2)
{
    UNREFERENCED_PARAMETER(Apc);
    UNREFERENCED_PARAMETER(NormalRoutine);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
}

static VOID NTAPI RaisingNormalRoutine(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    KIRQL Old;
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeRaiseIrql(APC_LEVEL, &Old);
}

static VOID RunApc(PKKERNEL_ROUTINE KernelRoutine, PKNORMAL_ROUTINE NormalRoutine)
{
    TestAnnounce("apc", (ULONG64)&TestApc);
    KeInitializeApc(&TestApc, KeGetCurrentThread(), OriginalApcEnvironment, KernelRoutine, NULL,
                    NormalRoutine, KernelMode, NULL);
    KeInsertQueueApc(&TestApc, NULL, NULL, IO_NO_INCREMENT);
}

CRASH_TEST(CrashApcKernel, "apc/kernel-routine-returns-at-another-level",
           "0xC8 0x20100 sym:RaisingKernelRoutine $apc 0x0", "APC-6")
{
    RunApc(RaisingKernelRoutine, NULL);
}

CRASH_TEST(CrashApcNormal, "apc/normal-routine-returns-at-another-level",
           "0xC8 0x10001 sym:RaisingNormalRoutine $apc sym:RaisingNormalRoutine", "APC-6")
{
    RunApc(NothingKernelRoutine, RaisingNormalRoutine);
}

CRASH_TEST(CrashLeaveCritical, "apc/critical-region-left-without-entering", "0xC4 0x3E 0x0 0x0 0x0",
           "contract 4.6: 0x3E")
{
    KeLeaveCriticalRegion();
}

CRASH_TEST(CrashLeaveGuarded, "apc/guarded-region-left-without-entering",
           "0xC4 0x4000E not0 0x0 0x0", "contract 4.6: 0x4000E")
{
    KeLeaveGuardedRegion();
}

CRASH_TEST(CrashEnterHigh, "apc/critical-region-entered-at-dispatch-level",
           "0xC4 0x11A 0x2 0x0 0x0", "contract 4.6: 0x11A")
{
    KeRaiseIrqlToDpcLevel();
    KeEnterCriticalRegion();
}

CRASH_TEST(CrashLeaveHigh, "apc/critical-region-left-at-dispatch-level", "0xC4 0x11B 0x2 0x0 0x0",
           "contract 4.6: 0x11B")
{
    KeEnterCriticalRegion();
    KeRaiseIrqlToDpcLevel();
    KeLeaveCriticalRegion();
}

CRASH_TEST(CrashEnterGuardedHigh, "apc/guarded-region-entered-at-dispatch-level",
           "0xC4 0xE5 0x2 0x0 0x0", "contract 1.4: KeEnterGuardedRegion")
{
    KeRaiseIrqlToDpcLevel();
    KeEnterGuardedRegion();
}

static VOID NTAPI EndWithApc(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeEnterCriticalRegion();
    RunApc(NothingKernelRoutine, RaisingNormalRoutine);
}

CRASH_TEST(CrashApcPending, "apc/pending-in-a-thread-that-ends", "0x20 $apc 0xFFFF 0x0 0x0",
           "contract 1.9: 0x20")
{
    TestStartThread(EndWithApc, NULL, KI_PRIORITY_DEFAULT + 1);
}

/* No driver could do this by a call in checked mode: the level forbids it. */
static VOID NTAPI DisablingDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeGetCurrentThread()->KernelApcDisable--;
}

CRASH_TEST(CrashDpcApcCount, "apc/count-changed-by-a-dpc", "0xC7 0x4 sym:DisablingDpc 0x0 0xFFFF",
           "DPC-5")
{
    static KDPC Dpc;
    KeInitializeDpc(&Dpc, DisablingDpc, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
}
