/*
 * apc.c - asynchronous procedure calls: routines that one certain thread runs, whatever it does.
 *
 * Theory. Each thread has two queues, one of kernel APCs (special ones in front, each kind first
 * come first served) and one of user APCs. Kernel APCs are delivered by interrupt 0x1F, which the
 * local APIC holds back at APC_LEVEL and above. It is requested whenever a thread that runs, or
 * begins to run, has KernelApcPending set; so is another processor's. A waiting thread is made
 * ready for an APC that could be delivered, runs it, and waits again (STATUS_KERNEL_APC inside
 * wait.c). Regions only count; leaving the last one looks at the queue again.
 *
 *   APC-1  A special kernel APC runs at APC_LEVEL as soon as its thread is below it and in no
 *          guarded region; also inside a normal APC's NormalRoutine.
 *   APC-2  A normal kernel APC waits besides for the end of critical regions and of the normal one
 *          before it. Its NormalRoutine runs at PASSIVE_LEVEL.
 *   APC-3  An object is in one queue at most. Before its KernelRoutine runs it is in none, and
 *          nothing here looks at it afterwards.
 *   APC-4  Queues and flags are guarded by the dispatcher lock. The disable counts are written by
 *          the thread itself, and by others only while it waits (a mutex that is handed over).
 *   APC-5  User APCs are delivered where an alertable wait in UserMode ends with STATUS_USER_APC:
 *          Tarn has no user mode to return to.
 *   APC-6  A kernel routine returns at APC_LEVEL, a normal one at PASSIVE_LEVEL: checked mode, bug
 *          check 0xC8 (current << 16 | expected << 8 | 0 or 1, routine, APC, NormalRoutine).
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

#define APC_OBJECT_TYPE          0x12
#define VERIFIER_LEAVE_CRITICAL  0x3E
#define VERIFIER_ENTER_HIGH      0x11A
#define VERIFIER_LEAVE_HIGH      0x11B
#define VERIFIER_GUARDED_REGIONS 0x4000E
#define UNIQUE_KERNEL_ROUTINE    0 /* in 0xC8 */
#define UNIQUE_NORMAL_ROUTINE    1

/* ---- queues ---------------------------------------------------------------------------------- */

VOID KiInitializeApcState(PKTHREAD Thread)
{
    InitializeListHead(&Thread->ApcListHead[KernelMode]);
    InitializeListHead(&Thread->ApcListHead[UserMode]);
    Thread->ApcQueueable = TRUE;
}

VOID NTAPI KeInitializeApc(PRKAPC Apc, PKTHREAD Thread, KAPC_ENVIRONMENT Environment,
                           PKKERNEL_ROUTINE KernelRoutine, PKRUNDOWN_ROUTINE RundownRoutine,
                           PKNORMAL_ROUTINE NormalRoutine, KPROCESSOR_MODE Mode,
                           PVOID NormalContext)
{
    UNREFERENCED_PARAMETER(Environment);
    Apc->Type = APC_OBJECT_TYPE;
    Apc->Size = sizeof(*Apc);
    Apc->Thread = Thread;
    Apc->KernelRoutine = KernelRoutine;
    Apc->RundownRoutine = RundownRoutine;
    Apc->NormalRoutine = NormalRoutine;
    Apc->NormalContext = NormalRoutine != NULL ? NormalContext : NULL;
    Apc->ApcStateIndex = 0;
    Apc->ApcMode = NormalRoutine != NULL ? Mode : KernelMode;
    Apc->Inserted = FALSE;
}
EXPORT(KeInitializeApc);

/* Special APCs go behind the last special one, all others to the end. */
static VOID KiLinkApc(PKTHREAD Thread, PKAPC Apc)
{
    PLIST_ENTRY Head = &Thread->ApcListHead[(UCHAR)Apc->ApcMode];
    PLIST_ENTRY Next = Head;
    if (Apc->NormalRoutine == NULL) {
        Next = Head->Flink;
        while (Next != Head && CONTAINING_RECORD(Next, KAPC, ApcListEntry)->NormalRoutine == NULL) {
            Next = Next->Flink;
        }
    }
    InsertTailList(Next, &Apc->ApcListEntry);
    Apc->Inserted = TRUE;
}

/* Whether nothing but a guarded region or the level keeps a kernel APC from running (APC-2). */
static inline BOOLEAN KiMayRun(PKTHREAD Thread, PKAPC Apc)
{
    return Apc->NormalRoutine == NULL ||
           (Thread->KernelApcDisable == 0 && !Thread->KernelApcInProgress);
}

static VOID KiSignalKernelApc(PKTHREAD Thread, PKAPC Apc, KPRIORITY Increment)
{
    Thread->KernelApcPending = TRUE;
    if (Thread->State == ThreadRunning) {
        KiRequestInterrupt(KiProcessorBlock[Thread->NextProcessor], APC_VECTOR);
    } else if (Thread->State == ThreadWaiting && Thread->SwapIrql < APC_LEVEL &&
               Thread->SpecialApcDisable == 0 && KiMayRun(Thread, Apc)) {
        KiEndWait(Thread, STATUS_KERNEL_APC, Increment);
    }
}

BOOLEAN NTAPI KeInsertQueueApc(PRKAPC Apc, PVOID SystemArgument1, PVOID SystemArgument2,
                               KPRIORITY Increment)
{
    PKTHREAD Thread = Apc->Thread;
    KiRequireIrql(DISPATCH_LEVEL);
    ULONG64 Flags = KiLockDispatcher();
    if (Apc->Inserted || !Thread->ApcQueueable) {
        KiUnlockDispatcher(Flags);
        return FALSE;
    }
    Apc->SystemArgument1 = SystemArgument1;
    Apc->SystemArgument2 = SystemArgument2;
    KiLinkApc(Thread, Apc);
    if (Apc->ApcMode == KernelMode) {
        KiSignalKernelApc(Thread, Apc, Increment);
    } else if (Thread->State == ThreadWaiting && Thread->Alertable) {
        KiEndWait(Thread, STATUS_USER_APC, Increment);
    }
    KiExitDispatcher(Flags);
    return TRUE;
}
EXPORT(KeInsertQueueApc);

BOOLEAN NTAPI KeRemoveQueueApc(PRKAPC Apc)
{
    KiRequireIrql(DISPATCH_LEVEL);
    ULONG64 Flags = KiLockDispatcher();
    BOOLEAN WasInserted = Apc->Inserted;
    if (WasInserted) {
        RemoveEntryList(&Apc->ApcListEntry);
        Apc->Inserted = FALSE;
    }
    KiUnlockDispatcher(Flags);
    return WasInserted;
}
EXPORT(KeRemoveQueueApc);

/* ---- delivery -------------------------------------------------------------------------------- */

/* An APC that was taken off its queue, as its routines see it. */
typedef struct _KI_APC_CALL {
    PKAPC Apc;
    KPROCESSOR_MODE Mode;
    PKKERNEL_ROUTINE KernelRoutine;
    PKNORMAL_ROUTINE NormalRoutine;
    PVOID Context, Argument1, Argument2;
} KI_APC_CALL, *PKI_APC_CALL;

static VOID KiTakeApc(PKAPC Apc, PKI_APC_CALL Call)
{
    *Call = (KI_APC_CALL){Apc,
                          Apc->ApcMode,
                          Apc->KernelRoutine,
                          Apc->NormalRoutine,
                          Apc->NormalContext,
                          Apc->SystemArgument1,
                          Apc->SystemArgument2};
    RemoveEntryList(&Apc->ApcListEntry);
    Apc->Inserted = FALSE;
}

static VOID KiCheckApcReturn(PVOID Routine, const KI_APC_CALL *Call, KIRQL Expected, ULONG Unique)
{
    KIRQL Irql = KiReadIrql();
    if (KiCheckedMode && Irql != Expected) {
        KeBugCheckEx(IRQL_UNEXPECTED_VALUE, (Irql << 16) | (Expected << 8) | Unique,
                     (ULONG_PTR)Routine, (ULONG_PTR)Call->Apc, (ULONG_PTR)Call->NormalRoutine);
    }
}

/* At APC_LEVEL; the normal routine, if the kernel routine left one, at PASSIVE_LEVEL. */
static VOID KiCallApc(PKTHREAD Thread, PKI_APC_CALL Call)
{
    Call->KernelRoutine(Call->Apc, &Call->NormalRoutine, &Call->Context, &Call->Argument1,
                        &Call->Argument2);
    KiCheckApcReturn(Call->KernelRoutine, Call, APC_LEVEL, UNIQUE_KERNEL_ROUTINE);
    if (Call->NormalRoutine != NULL) {
        BOOLEAN InProgress = Thread->KernelApcInProgress;
        Thread->KernelApcInProgress |= Call->Mode == KernelMode;
        KiWriteIrql(PASSIVE_LEVEL);
        Call->NormalRoutine(Call->Context, Call->Argument1, Call->Argument2);
        KiCheckApcReturn(Call->NormalRoutine, Call, PASSIVE_LEVEL, UNIQUE_NORMAL_ROUTINE);
        KiWriteIrql(APC_LEVEL);
        Thread->KernelApcInProgress = InProgress;
    }
}

/* Takes the next kernel APC that may run now; FALSE when there is none. */
static BOOLEAN KiTakeKernelApc(PKTHREAD Thread, PKI_APC_CALL Call)
{
    PLIST_ENTRY Head = &Thread->ApcListHead[KernelMode];
    BOOLEAN Found = FALSE;
    ULONG64 Flags = KiLockDispatcher();
    Thread->KernelApcPending = FALSE;
    if (!IsListEmpty(Head)) {
        PKAPC Apc = CONTAINING_RECORD(Head->Flink, KAPC, ApcListEntry);
        Found = Thread->SpecialApcDisable == 0 && KiMayRun(Thread, Apc);
        if (Found) {
            KiTakeApc(Apc, Call);
        }
    }
    KiUnlockDispatcher(Flags);
    return Found;
}

/* Interrupt 0x1F, on the thread's own stack, at APC_LEVEL. */
static VOID KiApcInterrupt(PKTRAP_FRAME TrapFrame, PVOID Context)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KI_APC_CALL Call;
    UNREFERENCED_PARAMETER(TrapFrame);
    UNREFERENCED_PARAMETER(Context);
    while (KiTakeKernelApc(Thread, &Call)) {
        KiCallApc(Thread, &Call);
    }
}

/* Takes the first user APC; FALSE when there is none. */
static BOOLEAN KiTakeUserApc(PKTHREAD Thread, PKI_APC_CALL Call)
{
    PLIST_ENTRY Head = &Thread->ApcListHead[UserMode];
    ULONG64 Flags = KiLockDispatcher();
    BOOLEAN Found = !IsListEmpty(Head);
    if (Found) {
        KiTakeApc(CONTAINING_RECORD(Head->Flink, KAPC, ApcListEntry), Call);
    }
    KiUnlockDispatcher(Flags);
    return Found;
}

VOID KiDeliverUserApcs(PKTHREAD Thread)
{
    KI_APC_CALL Call;
    while (KiTakeUserApc(Thread, &Call)) {
        KIRQL OldIrql = KfRaiseIrql(APC_LEVEL);
        KiCallApc(Thread, &Call);
        KeLowerIrql(OldIrql);
    }
}

/* ---- regions --------------------------------------------------------------------------------- */

/* The thread left its last region of a kind: what waited for that may be deliverable now. */
static inline VOID KiLookForApcs(PKTHREAD Thread)
{
    if (!IsListEmpty(&Thread->ApcListHead[KernelMode]) && Thread->SpecialApcDisable == 0) {
        Thread->KernelApcPending = TRUE;
        HalpRequestSoftwareInterrupt(APC_VECTOR);
    }
}

static __attribute__((noinline, cold)) VOID KiRegionViolation(ULONG_PTR Code, ULONG_PTR Detail)
{
    KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, Code, Detail, 0, 0);
}

VOID NTAPI KeEnterCriticalRegion(VOID)
{
    if (KiCheckedMode && KiReadIrql() > APC_LEVEL) {
        KiRegionViolation(VERIFIER_ENTER_HIGH, KiReadIrql());
    }
    KiEnterCriticalRegion(KeGetCurrentThread(), 1);
}
EXPORT(KeEnterCriticalRegion);

VOID KiLeaveCriticalRegion(PKTHREAD Thread, SHORT Count)
{
    Thread->KernelApcDisable += Count;
    if (Thread->KernelApcDisable == 0) {
        KiLookForApcs(Thread);
    }
}

VOID NTAPI KeLeaveCriticalRegion(VOID)
{
    PKTHREAD Thread = KeGetCurrentThread();
    if (KiCheckedMode) {
        if (KiReadIrql() > APC_LEVEL) {
            KiRegionViolation(VERIFIER_LEAVE_HIGH, KiReadIrql());
        }
        if (Thread->KernelApcDisable >= 0) {
            KiRegionViolation(VERIFIER_LEAVE_CRITICAL, 0);
        }
    }
    KiLeaveCriticalRegion(Thread, 1);
}
EXPORT(KeLeaveCriticalRegion);

VOID NTAPI KeEnterGuardedRegion(VOID)
{
    KiRequireIrql(APC_LEVEL);
    KeGetCurrentThread()->SpecialApcDisable--;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}
EXPORT(KeEnterGuardedRegion);

VOID NTAPI KeLeaveGuardedRegion(VOID)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KiRequireIrql(APC_LEVEL);
    if (KiCheckedMode && Thread->SpecialApcDisable >= 0) {
        KiRegionViolation(VERIFIER_GUARDED_REGIONS, (ULONG_PTR) "GuardedRegions");
    }
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (++Thread->SpecialApcDisable == 0) {
        KiLookForApcs(Thread);
    }
}
EXPORT(KeLeaveGuardedRegion);

BOOLEAN NTAPI KeAreApcsDisabled(VOID)
{
    KiRequireIrql(DISPATCH_LEVEL);
    return KeGetCurrentThread()->CombinedApcDisable != 0;
}
EXPORT(KeAreApcsDisabled);

BOOLEAN NTAPI KeAreAllApcsDisabled(VOID)
{
    KiRequireIrql(DISPATCH_LEVEL);
    return KeGetCurrentThread()->SpecialApcDisable != 0 || KiReadIrql() >= APC_LEVEL;
}
EXPORT(KeAreAllApcsDisabled);

/* ---- the end of a thread --------------------------------------------------------------------- */

/* Kernel APCs that nothing keeps from running run now; TRUE when another one is left. */
static BOOLEAN KiDrainKernelApcs(PKTHREAD Thread)
{
    PLIST_ENTRY Head = &Thread->ApcListHead[KernelMode];
    while (!IsListEmpty(Head) && Thread->SpecialApcDisable == 0 && KiReadIrql() < APC_LEVEL &&
           KiMayRun(Thread, CONTAINING_RECORD(Head->Flink, KAPC, ApcListEntry))) {
        KiLookForApcs(Thread);
    }
    return !IsListEmpty(Head);
}

VOID KiRundownApcs(PKTHREAD Thread)
{
    KI_APC_CALL Call;
    ULONG64 Flags = KiLockDispatcher();
    Thread->ApcQueueable = FALSE;
    KiUnlockDispatcher(Flags);
    if (KiDrainKernelApcs(Thread)) {
        PLIST_ENTRY First = Thread->ApcListHead[KernelMode].Flink;
        KeBugCheckEx(KERNEL_APC_PENDING_DURING_EXIT,
                     (ULONG_PTR)CONTAINING_RECORD(First, KAPC, ApcListEntry),
                     Thread->CombinedApcDisable, KiReadIrql(), 0);
    }
    while (KiTakeUserApc(Thread, &Call)) {
        if (Call.Apc->RundownRoutine != NULL) {
            Call.Apc->RundownRoutine(Call.Apc);
        }
    }
}

INIT VOID KiInitializeApcs(VOID)
{
    KiConnectVector(APC_VECTOR, KiApcInterrupt, NULL);
}
