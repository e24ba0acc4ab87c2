/*
 * thread.c - system threads: objects with a kernel stack, and what becomes of them when they end.
 *
 * Theory. The kernel's core runs threads on memory that it is given (kernel/ke/thread.c); here it
 * is allocated: an object of type Thread, whose body is an ETHREAD with the KTHREAD at its
 * beginning, and a kernel stack. A thread cannot free the stack it stands on, so its last act is to
 * give itself to the reaper, a work item, which waits until it is gone.
 *
 *   PS-1  A thread has one reference of its own until the reaper has taken its stack; handles and
 *         pointers may keep the object, which stays signalled, for as long as they like.
 *   PS-2  A start routine that returns ends its thread with STATUS_SUCCESS.
 *   PS-3  Nothing is left of a thread that has ended and that nobody references: no page, no
 *         commit, no block of pool.
 *   PS-4  A thread of PsCreateSystemThread begins in a critical region. At its end it leaves that,
 *         if it is still in one: normal kernel APCs that waited for it come then.
 *   PS-5  Every thread but the idle ones is an object, and has an id that no other one has had.
 *   PS-6  A thread that has begun to end has at least the reaper's priority.
 *   PS-7  Threads may end faster than the reaper takes them back: who makes one and finds no memory
 *         helps it first.
 */
#include "executive/ps/ps.h"
#include "kernel/rtl/section.h"
#include "mm/mm.h"

#define TAG_THREAD      'erhT'      /* Thre */
#define SYSTEM_ID       ((HANDLE)4) /* the one process's */
#define ID_UNIT         4           /* ids are multiples of 4, as handles are */
#define LAST_PRIORITY   15          /* the reaper's own */
#define NOT_FOR_THREADS (OBJ_PERMANENT | OBJ_EXCLUSIVE | OBJ_OPENIF)

static POBJECT_TYPE PspThreadType;
POBJECT_TYPE *PsThreadType = &PspThreadType;
EXPORT_AS("PsThreadType", PsThreadType, &PspThreadType);

static KSPIN_LOCK PspLock; /* guards the two lists */
static LIST_ENTRY PspThreads = {&PspThreads, &PspThreads};
static LIST_ENTRY PspToReap = {&PspToReap, &PspToReap};
static BOOLEAN PspReaperQueued; /* guarded by it, too: PspReap is in the work queue */

/* ---- the end --------------------------------------------------------------------------------- */

static VOID PspRemoveThread(PETHREAD Thread)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&PspLock);
    RemoveEntryList(&Thread->ThreadListEntry);
    KeReleaseSpinLock(&PspLock, OldIrql);
}

/* Takes back what a thread has that does not run any more, or never did. PS-1. */
static VOID PspRetireThread(PETHREAD Thread)
{
    PspRemoveThread(Thread);
    MiFreeKernelStack(Thread->Tcb.StackBase);
    ObfDereferenceObject(Thread);
}

/* The next thread to take back; NULL when there is none: the reaper is wanted anew for the next. */
static PETHREAD PspTakeEnded(BOOLEAN Reaper)
{
    PETHREAD Thread = NULL;
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&PspLock);
    if (IsListEmpty(&PspToReap)) {
        PspReaperQueued = PspReaperQueued && !Reaper;
    } else {
        Thread = CONTAINING_RECORD(RemoveHeadList(&PspToReap), ETHREAD, ReapEntry);
    }
    KeReleaseSpinLock(&PspLock, OldIrql);
    return Thread;
}

/* The thread may still be on its way out; when the wait returns it is off its stack. */
static BOOLEAN PspReapOne(BOOLEAN Reaper)
{
    PETHREAD Thread = PspTakeEnded(Reaper);
    if (Thread != NULL) {
        KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL);
        PspRetireThread(Thread);
    }
    return Thread != NULL;
}

static VOID NTAPI PspReap(PVOID Parameter)
{
    UNREFERENCED_PARAMETER(Parameter);
    while (PspReapOne(TRUE)) {}
}

/*
 * PS-6. The reaper waits for each thread that it was given, one after the other: one that does not
 * get the processor any more would hold up all that ended behind it.
 */
static VOID PspHurry(PKTHREAD Thread)
{
    ULONG64 Flags = KiLockDispatcher();
    if (Thread->Priority < LAST_PRIORITY) {
        KiSetPriority(Thread, LAST_PRIORITY);
    }
    KiExitDispatcher(Flags);
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
    if (Thread->InCriticalRegion && Thread->Tcb.KernelApcDisable < 0) {
        KiLeaveCriticalRegion(&Thread->Tcb, 1);
    }
    PspHurry(&Thread->Tcb);
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

/* What each thread does first; PS-2, PS-4. */
static VOID PspStartThread(PKSTART_ROUTINE StartRoutine, PVOID StartContext)
{
    PETHREAD Thread = PsGetCurrentThread();
    KiEnterCriticalRegion(&Thread->Tcb, Thread->InCriticalRegion);
    StartRoutine(StartContext);
    PspExitThread(Thread, STATUS_SUCCESS);
}

/* PS-5. Takes ids in the order in which threads are made. */
static HANDLE PspNewId(VOID)
{
    static volatile ULONG_PTR Last = (ULONG_PTR)SYSTEM_ID;
    return (HANDLE)__atomic_add_fetch(&Last, ID_UNIT, __ATOMIC_RELAXED);
}

/* An object and a stack; NULL when memory runs out. */
static PETHREAD PspAllocateMemory(PCHAR *StackBase)
{
    *StackBase = MiAllocateKernelStack();
    PETHREAD Thread = *StackBase != NULL ? ObpAllocateObject(PspThreadType) : NULL;
    if (Thread == NULL && *StackBase != NULL) {
        MiFreeKernelStack(*StackBase);
    }
    return Thread;
}

/*
 * A thread with its own reference that does not run yet; NULL when memory runs out, which it has
 * not while there are threads to take back (PS-7).
 */
static PETHREAD PspAllocateThread(PKSTART_ROUTINE StartRoutine, PVOID StartContext)
{
    PETHREAD Thread;
    PCHAR StackBase;
    do {
        Thread = PspAllocateMemory(&StackBase);
    } while (Thread == NULL && PspReapOne(FALSE));
    if (Thread == NULL) {
        return NULL;
    }
    KiInitializeThread(&Thread->Tcb, StackBase, StackBase - KERNEL_STACK_PAGES * PAGE_SIZE,
                       PspStartThread, StartRoutine, StartContext);
    Thread->Tcb.Created = TRUE;
    Thread->ExitStatus = STATUS_PENDING;
    Thread->StartRoutine = StartRoutine;
    Thread->UniqueThread = PspNewId();
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&PspLock);
    InsertTailList(&PspThreads, &Thread->ThreadListEntry);
    KeReleaseSpinLock(&PspLock, OldIrql);
    return Thread;
}

NTSTATUS PspCreateThread(PKSTART_ROUTINE StartRoutine, PVOID StartContext, KPRIORITY Priority,
                         PETHREAD *Thread)
{
    PETHREAD New = PspAllocateThread(StartRoutine, StartContext);
    if (New == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ObfReferenceObject(New);
    KeSetPriorityThread(&New->Tcb, Priority);
    *Thread = New;
    KiStartThread(&New->Tcb);
    return STATUS_SUCCESS;
}

/* Threads are known by handle and id, not by name. */
static NTSTATUS PspCheckCreation(const OBJECT_ATTRIBUTES *ObjectAttributes, HANDLE ProcessHandle)
{
    if (ProcessHandle != NULL && ProcessHandle != NtCurrentProcess()) {
        return STATUS_INVALID_HANDLE;
    }
    if (ObjectAttributes == NULL) {
        return STATUS_SUCCESS;
    }
    if ((ObjectAttributes->Attributes & NOT_FOR_THREADS) || ObjectAttributes->ObjectName != NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    return ObpCheckAttributes(ObjectAttributes);
}

NTSTATUS NTAPI PsCreateSystemThread(PHANDLE ThreadHandle, ULONG DesiredAccess,
                                    POBJECT_ATTRIBUTES ObjectAttributes, HANDLE ProcessHandle,
                                    PCLIENT_ID ClientId, PKSTART_ROUTINE StartRoutine,
                                    PVOID StartContext)
{
    KiRequireIrql(PASSIVE_LEVEL);
    NTSTATUS Status = PspCheckCreation(ObjectAttributes, ProcessHandle);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    PETHREAD Thread = PspAllocateThread(StartRoutine, StartContext);
    if (Thread == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Thread->InCriticalRegion = TRUE;
    Status = ObOpenObjectByPointer(Thread, OBJ_KERNEL_HANDLE, NULL, DesiredAccess, PspThreadType,
                                   KernelMode, ThreadHandle);
    if (!NT_SUCCESS(Status)) {
        PspRetireThread(Thread);
        return Status;
    }
    if (ClientId != NULL) {
        *ClientId = (CLIENT_ID){SYSTEM_ID, Thread->UniqueThread};
    }
    KiStartThread(&Thread->Tcb);
    return STATUS_SUCCESS;
}
EXPORT(PsCreateSystemThread);

/* PS-5: the boot thread, which start-up has become, goes on under another address. */
static INIT BOOLEAN PspMoveBootThread(VOID)
{
    PKTHREAD Old = KeGetCurrentThread();
    PETHREAD Thread = ObpAllocateObject(PspThreadType);
    if (Thread == NULL) {
        return FALSE;
    }
    Thread->ExitStatus = STATUS_PENDING;
    Thread->UniqueThread = PspNewId();
    ULONG64 Flags = KiDisableInterrupts();
    KiAdoptThread(KeGetCurrentPrcb(), &Thread->Tcb, Old->StackBase, Old->StackLimit);
    KiRestoreInterrupts(Flags);
    return TRUE;
}

INIT VOID PspInitializeThreads(VOID)
{
    static const OBJECT_TYPE_INITIALIZER Info = {
        .Name = L"Thread",
        .Tag = TAG_THREAD,
        .BodySize = sizeof(ETHREAD),
        .ValidAccess = THREAD_ALL_ACCESS,
        .GenericMapping = {STANDARD_RIGHTS_READ | THREAD_GET_CONTEXT | THREAD_QUERY_INFORMATION,
                           STANDARD_RIGHTS_WRITE | THREAD_TERMINATE | THREAD_ALERT |
                               THREAD_SET_INFORMATION | THREAD_SET_CONTEXT,
                           STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, THREAD_ALL_ACCESS},
        .Waitable = TRUE,
    };
    PspThreadType = ObpCreateType(&Info);
    if (!PspMoveBootThread()) {
        KeBugCheckEx(PHASE0_INITIALIZATION_FAILED, (ULONG)STATUS_INSUFFICIENT_RESOURCES, 0, 0, 0);
    }
}

/* ---- ids ------------------------------------------------------------------------------------- */

/*
 * A thread that nobody keeps leaves the list before its last reference goes, and under the lock:
 * what is in the list has one.
 */
NTSTATUS NTAPI PsLookupThreadByThreadId(HANDLE ThreadId, PETHREAD *Thread)
{
    PETHREAD Found = NULL;
    KiRequireIrql(APC_LEVEL);
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&PspLock);
    for (PLIST_ENTRY Entry = PspThreads.Flink; Entry != &PspThreads; Entry = Entry->Flink) {
        PETHREAD Candidate = CONTAINING_RECORD(Entry, ETHREAD, ThreadListEntry);
        Found = Candidate->UniqueThread == ThreadId ? Candidate : Found;
    }
    if (Found != NULL) {
        ObfReferenceObject(Found);
    }
    KeReleaseSpinLock(&PspLock, OldIrql);
    *Thread = Found;
    return Found != NULL ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}
EXPORT(PsLookupThreadByThreadId);

HANDLE NTAPI PsGetThreadId(PETHREAD Thread)
{
    return Thread->Tcb.Priority == KI_IDLE_PRIORITY ? NULL : Thread->UniqueThread;
}
EXPORT(PsGetThreadId);

HANDLE NTAPI PsGetCurrentThreadId(VOID)
{
    return PsGetThreadId(PsGetCurrentThread());
}
EXPORT(PsGetCurrentThreadId);

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
