/*
 * thread.c - system threads: their memory, and what becomes of it when they end.
 *
 * Theory. The kernel's core runs threads on memory that it is given (kernel/ke/thread.c); here it
 * is allocated: an ETHREAD from nonpaged pool, with the KTHREAD at its beginning, and a kernel
 * stack. A thread cannot free the stack it stands on, so its last act is to give itself to the
 * reaper, a work item, which waits until it is gone.
 *
 *   PS-1  A thread has one reference of its own until the reaper has taken its stack, and one of
 *         whoever created it; the last one frees the ETHREAD.
 *   PS-2  A start routine that returns ends its thread with STATUS_SUCCESS.
 *   PS-3  Nothing is left of a thread that has ended and that nobody references: no page, no
 *         commit, no block of pool.
 */
#include "executive/ps/ps.h"
#include "kernel/rtl/section.h"
#include "mm/mm.h"

#define PSP_TAG 'erhT' /* Thre */

volatile LONG PspThreadCount;

static KSPIN_LOCK PspLock; /* guards the two lists */
static LIST_ENTRY PspThreads = {&PspThreads, &PspThreads};
static LIST_ENTRY PspToReap = {&PspToReap, &PspToReap};
static BOOLEAN PspReaperQueued; /* guarded by it, too: PspReap is in the work queue */
static ULONG_PTR PspLastId;

/* ---- the end --------------------------------------------------------------------------------- */

VOID PspDereferenceThread(PETHREAD Thread)
{
    if (__atomic_sub_fetch(&Thread->References, 1, __ATOMIC_ACQ_REL) == 0) {
        ExFreePoolWithTag(Thread, PSP_TAG);
        __atomic_sub_fetch(&PspThreadCount, 1, __ATOMIC_RELAXED);
    }
}

/* The next thread to take back; NULL when there is none, and the next one queues the reaper. */
static PETHREAD PspTakeEnded(VOID)
{
    PETHREAD Thread = NULL;
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&PspLock);
    if (IsListEmpty(&PspToReap)) {
        PspReaperQueued = FALSE;
    } else {
        Thread = CONTAINING_RECORD(RemoveHeadList(&PspToReap), ETHREAD, ReapEntry);
        RemoveEntryList(&Thread->ThreadListEntry);
    }
    KeReleaseSpinLock(&PspLock, OldIrql);
    return Thread;
}

/* The reaper. The thread may still be on its way out; when the wait returns it is off its stack. */
static VOID NTAPI PspReap(PVOID Parameter)
{
    PETHREAD Thread;
    UNREFERENCED_PARAMETER(Parameter);
    while ((Thread = PspTakeEnded()) != NULL) {
        KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL);
        MiFreeKernelStack(Thread->Tcb.StackBase);
        PspDereferenceThread(Thread);
    }
}

static VOID PspGiveToReaper(PETHREAD Thread)
{
    static WORK_QUEUE_ITEM Item = {{NULL, NULL}, PspReap, NULL};
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&PspLock);
    BOOLEAN Queue = !PspReaperQueued;
    PspReaperQueued = TRUE;
    InsertTailList(&PspToReap, &Thread->ReapEntry);
    KeReleaseSpinLock(&PspLock, OldIrql);
    if (Queue) {
        ExQueueWorkItem(&Item, HyperCriticalWorkQueue);
    }
}

static DECLSPEC_NORETURN VOID PspExitThread(PETHREAD Thread, NTSTATUS ExitStatus)
{
    Thread->ExitStatus = ExitStatus;
    PspGiveToReaper(Thread);
    KiTerminateThread();
}

NTSTATUS NTAPI PsTerminateSystemThread(NTSTATUS ExitStatus)
{
    PETHREAD Thread = PsGetCurrentThread();
    KiRequireIrql(PASSIVE_LEVEL);
    if (!Thread->Tcb.Created) {
        return STATUS_INVALID_PARAMETER;
    }
    PspExitThread(Thread, ExitStatus);
}
EXPORT(PsTerminateSystemThread);

NTSTATUS NTAPI PsGetThreadExitStatus(PETHREAD Thread)
{
    return Thread->ExitStatus;
}
EXPORT(PsGetThreadExitStatus);

/* ---- the beginning --------------------------------------------------------------------------- */

/* What each thread does first; PS-2. */
static VOID PspStartThread(PKSTART_ROUTINE StartRoutine, PVOID StartContext)
{
    StartRoutine(StartContext);
    PspExitThread(PsGetCurrentThread(), STATUS_SUCCESS);
}

/* An ETHREAD with a stack that does not run yet; NULL when memory runs out. */
static PETHREAD PspAllocateThread(PKSTART_ROUTINE StartRoutine, PVOID StartContext)
{
    PCHAR StackBase = MiAllocateKernelStack();
    PETHREAD Thread = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*Thread), PSP_TAG);
    if (StackBase == NULL || Thread == NULL) {
        if (StackBase != NULL) {
            MiFreeKernelStack(StackBase);
        }
        if (Thread != NULL) {
            ExFreePoolWithTag(Thread, PSP_TAG);
        }
        return NULL;
    }
    KiInitializeThread(&Thread->Tcb, StackBase, StackBase - KERNEL_STACK_PAGES * PAGE_SIZE,
                       PspStartThread, StartRoutine, StartContext);
    Thread->Tcb.Created = TRUE;
    Thread->References = 2; /* its own and the caller's */
    Thread->ExitStatus = STATUS_PENDING;
    Thread->StartRoutine = StartRoutine;
    __atomic_add_fetch(&PspThreadCount, 1, __ATOMIC_RELAXED);
    return Thread;
}

NTSTATUS PspCreateThread(PKSTART_ROUTINE StartRoutine, PVOID StartContext, KPRIORITY Priority,
                         PETHREAD *Thread)
{
    PETHREAD New = PspAllocateThread(StartRoutine, StartContext);
    if (New == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&PspLock);
    PspLastId += 4; /* ids are multiples of 4, as handles are */
    New->UniqueThread = (HANDLE)PspLastId;
    InsertTailList(&PspThreads, &New->ThreadListEntry);
    KeReleaseSpinLock(&PspLock, OldIrql);
    KeSetPriorityThread(&New->Tcb, Priority);
    *Thread = New;
    KiStartThread(&New->Tcb);
    return STATUS_SUCCESS;
}

/* ---- all of them ----------------------------------------------------------------------------- */

VOID PspSetProcessAffinity(KAFFINITY Affinity)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&PspLock);
    KiProcessAffinity = Affinity;
    for (PLIST_ENTRY Entry = PspThreads.Flink; Entry != &PspThreads; Entry = Entry->Flink) {
        KiSetUserAffinity(&CONTAINING_RECORD(Entry, ETHREAD, ThreadListEntry)->Tcb, Affinity);
    }
    KeReleaseSpinLock(&PspLock, OldIrql);
}
