/*
 * irql_rows.c - the table of contract 1.4, row by row: which routine may be called at which IRQL.
 *
 * Each routine is called at the highest level that its row allows, in one test; and one level
 * above, where it must stop the machine, in a machine of its own. Rows whose violation has a bug
 * check of its own (spin locks, waits, events, regions) are with their routines' other tests.
 */
#include "kernel/ke/ke.h"
#include "tests/test.h"

#define ABOVE_DISPATCH SYNCH_LEVEL /* 12: 0xC in the bug checks */

typedef VOID ROW_ROUTINE(VOID);

/* What the routines are called with: made before the level is raised. */
static KEVENT RowEvent;
static KMUTEX RowMutex;
static KSEMAPHORE RowSemaphore;
static KTIMER RowTimer;
static KDPC RowDpc;
static KSPIN_LOCK RowLock;
static EX_RUNDOWN_REF RowReference;
static LARGE_INTEGER RowFuture = {.QuadPart = -10 * 1000 * 1000 * 60LL};

static VOID NTAPI DoNothing(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
}

static VOID Prepare(VOID)
{
    KeInitializeEvent(&RowEvent, NotificationEvent, FALSE);
    KeInitializeMutex(&RowMutex, 0);
    KeInitializeSemaphore(&RowSemaphore, 0, 2);
    KeInitializeTimer(&RowTimer);
    KeInitializeDpc(&RowDpc, DoNothing, NULL);
    KeInitializeSpinLock(&RowLock);
    ExInitializeRundownProtection(&RowReference);
}

static VOID CallAt(KIRQL Level, ROW_ROUTINE *Routine)
{
    KIRQL Old;
    Prepare();
    KeRaiseIrql(Level, &Old);
    Routine();
    KeLowerIrql(Old);
}

/* ---- at the limit ---------------------------------------------------------------------------- */

static VOID CallAnywhere(VOID)
{
    KIRQL Old;
    LARGE_INTEGER Frequency;
    KeRaiseIrql(HIGH_LEVEL, &Old);
    KeLowerIrql(Old);
    CHECK_EQ(KeGetCurrentIrql(), HIGH_LEVEL);
    KeInitializeDpc(&RowDpc, DoNothing, NULL);
    KeSetImportanceDpc(&RowDpc, HighImportance);
    KeSetTargetProcessorDpc(&RowDpc, 0);
    CHECK(KeInsertQueueDpc(&RowDpc, NULL, NULL));
    CHECK(KeRemoveQueueDpc(&RowDpc));
    KeInitializeSpinLock(&RowLock);
    KeInitializeEvent(&RowEvent, NotificationEvent, FALSE);
    KeInitializeMutex(&RowMutex, 0);
    ULONG64 Time = KeQueryInterruptTime(); /* 0 before the first tick */
    CHECK_EQ(KeQueryInterruptTime(), Time);
    KeQueryPerformanceCounter(&Frequency);
    CHECK(Frequency.QuadPart != 0);
    KeStallExecutionProcessor(1);
    CHECK(MmGetPhysicalAddress(&RowDpc).QuadPart != 0);
}

TEST(RowsAny, "irql/rows/what-may-be-called-at-any-level-at-high-level", "contract 1.4: any")
{
    CallAt(HIGH_LEVEL, CallAnywhere);
}

static VOID CallUpToDispatch(VOID)
{
    KAFFINITY Old;
    CHECK_EQ(KeRaiseIrqlToDpcLevel(), DISPATCH_LEVEL);
    CHECK_EQ(KeSetEvent(&RowEvent, IO_NO_INCREMENT, FALSE), 0);
    CHECK_EQ(KeReadStateEvent(&RowEvent), 1);
    CHECK_EQ(KeResetEvent(&RowEvent), 1);
    KeClearEvent(&RowEvent);
    CHECK_EQ(KePulseEvent(&RowEvent, IO_NO_INCREMENT, FALSE), 0);
    CHECK_EQ(KeReadStateMutex(&RowMutex), 1);
    CHECK_EQ(KeReleaseSemaphore(&RowSemaphore, IO_NO_INCREMENT, 1, FALSE), 0);
    CHECK(!KeSetTimer(&RowTimer, RowFuture, &RowDpc));
    CHECK(KeCancelTimer(&RowTimer));
    CHECK(!KeAreApcsDisabled());
    CHECK(KeAreAllApcsDisabled());
    Old = KeSetSystemAffinityThreadEx(1);
    KeRevertToUserAffinityThreadEx(Old);
    CHECK(ExAcquireRundownProtection(&RowReference));
    ExReleaseRundownProtection(&RowReference);
    CHECK(MmIsAddressValid(&RowEvent));
}

TEST(RowsDispatch, "irql/rows/what-may-be-called-up-to-dispatch-level-there",
     "contract 1.4: <= DISPATCH")
{
    CallAt(DISPATCH_LEVEL, CallUpToDispatch);
}

static VOID CallUpToApc(VOID)
{
    EX_RUNDOWN_REF Reference;
    KeEnterCriticalRegion();
    KeLeaveCriticalRegion();
    KeEnterGuardedRegion();
    KeLeaveGuardedRegion();
    ExInitializeRundownProtection(&Reference);
    ExWaitForRundownProtectionRelease(&Reference);
    CHECK_EQ(KeSetEvent(&RowEvent, IO_NO_INCREMENT, TRUE), 0);
    CHECK_EQ(KeWaitForSingleObject(&RowEvent, Executive, KernelMode, FALSE, NULL), STATUS_SUCCESS);
    CHECK_EQ(KeGetCurrentIrql(), APC_LEVEL);
}

TEST(RowsApc, "irql/rows/what-may-be-called-up-to-apc-level-there", "contract 1.4: <= APC")
{
    CallAt(APC_LEVEL, CallUpToApc);
}

static VOID CallAtDispatch(VOID)
{
    KLOCK_QUEUE_HANDLE Handle;
    CHECK(KeTryToAcquireSpinLockAtDpcLevel(&RowLock));
    KeReleaseSpinLockFromDpcLevel(&RowLock);
    KeAcquireSpinLockAtDpcLevel(&RowLock);
    KeReleaseSpinLock(&RowLock, DISPATCH_LEVEL);
    KeAcquireInStackQueuedSpinLockAtDpcLevel(&RowLock, &Handle);
    KeReleaseInStackQueuedSpinLockFromDpcLevel(&Handle);
    KeAcquireInStackQueuedSpinLock(&RowLock, &Handle);
    KeReleaseInStackQueuedSpinLock(&Handle);
}

TEST(RowsAtDispatch, "irql/rows/what-may-be-called-at-dispatch-level-only-there",
     "contract 1.4: = DISPATCH, >= DISPATCH")
{
    CallAt(DISPATCH_LEVEL, CallAtDispatch);
}

/* ---- beyond ---------------------------------------------------------------------------------- */

static VOID ReadEvent(VOID)
{
    KeReadStateEvent(&RowEvent);
}

CRASH_TEST(RowReadEvent, "irql/rows/event-read", "0xC4 0xE5 0xC 0x0 0x0",
           "contract 1.4: KeReadStateEvent <= DISPATCH")
{
    CallAt(ABOVE_DISPATCH, ReadEvent);
}

static VOID PulseEvent(VOID)
{
    KePulseEvent(&RowEvent, IO_NO_INCREMENT, FALSE);
}

CRASH_TEST(RowPulse, "irql/rows/event-pulsed", "0xC4 0x80 0xC $event 0x0",
           "contract 1.4: IrqlKeDispatchLte; 4.6: 0x80")
{
    TestAnnounce("event", (ULONG_PTR)&RowEvent);
    CallAt(ABOVE_DISPATCH, PulseEvent);
}

static VOID ReadMutex(VOID)
{
    KeReadStateMutex(&RowMutex);
}

CRASH_TEST(RowReadMutex, "irql/rows/mutex-read", "0xC4 0xE5 0xC 0x0 0x0",
           "contract 1.4: KeReadStateMutex <= DISPATCH")
{
    CallAt(ABOVE_DISPATCH, ReadMutex);
}

static VOID ReleaseMutex(VOID)
{
    KeReleaseMutex(&RowMutex, FALSE);
}

CRASH_TEST(RowReleaseMutex, "irql/rows/mutex-released", "0xC4 0xE5 0xC 0x0 0x0",
           "contract 1.4: KeReleaseMutex <= DISPATCH")
{
    CallAt(ABOVE_DISPATCH, ReleaseMutex);
}

static VOID ReleaseMutexAndWait(VOID)
{
    KeReleaseMutex(&RowMutex, TRUE);
}

CRASH_TEST(RowReleaseMutexWait, "irql/rows/mutex-released-with-wait", "0xC4 0xE5 0x2 0x0 0x0",
           "contract 1.9: Wait=TRUE only at <= APC")
{
    CallAt(DISPATCH_LEVEL, ReleaseMutexAndWait);
}

static VOID InitializeSemaphore(VOID)
{
    KeInitializeSemaphore(&RowSemaphore, 0, 1);
}

CRASH_TEST(RowSemaphore0, "irql/rows/semaphore-initialised", "0xC4 0xE5 0x1 0x0 0x0",
           "contract 1.4: KeInitializeSemaphore PASSIVE")
{
    CallAt(APC_LEVEL, InitializeSemaphore);
}

static VOID ReleaseSemaphoreAndWait(VOID)
{
    KeReleaseSemaphore(&RowSemaphore, IO_NO_INCREMENT, 1, TRUE);
}

CRASH_TEST(RowSemaphoreWait, "irql/rows/semaphore-released-with-wait", "0xC4 0xE5 0x1 0x0 0x0",
           "contract 1.4: KeReleaseSemaphore with Wait=TRUE PASSIVE")
{
    CallAt(APC_LEVEL, ReleaseSemaphoreAndWait);
}

static VOID AskForApcs(VOID)
{
    KeAreApcsDisabled();
}

CRASH_TEST(RowApcs, "irql/rows/apcs-disabled", "0xC4 0xE5 0xC 0x0 0x0",
           "contract 1.4: KeAreApcsDisabled <= DISPATCH")
{
    CallAt(ABOVE_DISPATCH, AskForApcs);
}

static VOID AskForAllApcs(VOID)
{
    KeAreAllApcsDisabled();
}

CRASH_TEST(RowAllApcs, "irql/rows/all-apcs-disabled", "0xC4 0xE5 0xC 0x0 0x0",
           "contract 1.4: KeAreAllApcsDisabled <= DISPATCH")
{
    CallAt(ABOVE_DISPATCH, AskForAllApcs);
}

static VOID SetAffinity(VOID)
{
    KeSetSystemAffinityThread(1);
}

CRASH_TEST(RowAffinity, "irql/rows/affinity-set", "0xC4 0xE5 0xC 0x0 0x0",
           "contract 1.4: KeSetSystemAffinityThread <= DISPATCH")
{
    CallAt(ABOVE_DISPATCH, SetAffinity);
}

static VOID LeaveGuardedRegion(VOID)
{
    KeLeaveGuardedRegion();
}

CRASH_TEST(RowLeaveGuarded, "irql/rows/guarded-region-left", "0xC4 0xE5 0x2 0x0 0x0",
           "contract 1.4: KeLeaveGuardedRegion <= APC")
{
    KeEnterGuardedRegion();
    CallAt(DISPATCH_LEVEL, LeaveGuardedRegion);
}

static VOID QueueWork(VOID)
{
    static WORK_QUEUE_ITEM Item;
    ExQueueWorkItem(&Item, DelayedWorkQueue);
}

CRASH_TEST(RowWork, "irql/rows/work-item-queued", "0xC4 0xE5 0xC 0x0 0x0",
           "contract 1.4: ExQueueWorkItem <= DISPATCH")
{
    CallAt(ABOVE_DISPATCH, QueueWork);
}

static VOID FlushDpcs(VOID)
{
    KeFlushQueuedDpcs();
}

CRASH_TEST(RowFlush, "irql/rows/dpcs-flushed", "0xC4 0xE5 0x1 0x0 0x0",
           "contract 1.4: KeFlushQueuedDpcs PASSIVE")
{
    CallAt(APC_LEVEL, FlushDpcs);
}

static VOID IsAddressValid(VOID)
{
    MmIsAddressValid(&RowEvent);
}

CRASH_TEST(RowAddress, "irql/rows/address-asked-for", "0xC4 0xE5 0xC 0x0 0x0",
           "contract 1.4: MmIsAddressValid <= DISPATCH")
{
    CallAt(ABOVE_DISPATCH, IsAddressValid);
}

static VOID TryLock(VOID)
{
    KeTryToAcquireSpinLockAtDpcLevel(&RowLock);
}

CRASH_TEST(RowTry, "irql/rows/spin-lock-tried-at-dpc-level", "0xC4 0x40 0x1 $lock 0x0",
           "contract 1.4: KeTryToAcquireSpinLockAtDpcLevel = DISPATCH; 4.6: 0x40")
{
    TestAnnounce("lock", (ULONG_PTR)&RowLock);
    CallAt(APC_LEVEL, TryLock);
}

static VOID AcquireQueued(VOID)
{
    static KLOCK_QUEUE_HANDLE Handle;
    KeAcquireInStackQueuedSpinLock(&RowLock, &Handle);
}

CRASH_TEST(RowQueued, "irql/rows/queued-spin-lock-acquired", "0xC4 0x42 0xC $lock 0x0",
           "contract 1.4: KeAcquireInStackQueuedSpinLock <= DISPATCH; 4.6: 0x42")
{
    TestAnnounce("lock", (ULONG_PTR)&RowLock);
    CallAt(ABOVE_DISPATCH, AcquireQueued);
}

static VOID AcquireQueuedAtDpcLevel(VOID)
{
    static KLOCK_QUEUE_HANDLE Handle;
    KeAcquireInStackQueuedSpinLockAtDpcLevel(&RowLock, &Handle);
}

CRASH_TEST(RowQueuedAtDpc, "irql/rows/queued-spin-lock-acquired-at-dpc-level",
           "0xC4 0x40 0x1 $lock 0x0",
           "contract 1.4: KeAcquireInStackQueuedSpinLockAtDpcLevel >= DISPATCH; 4.6: 0x40")
{
    TestAnnounce("lock", (ULONG_PTR)&RowLock);
    CallAt(APC_LEVEL, AcquireQueuedAtDpcLevel);
}
