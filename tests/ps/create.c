/*
 * create.c - tests of system threads that drivers make: handles, ids, the region they begin in.
 */
#include "executive/ex/ex.h"
#include "executive/ps/ps.h"
#include "mm/mm.h"
#include "mm/pool/pool.h"
#include "tests/ke/smp.h"
#include "tests/ob/object.h"

#define THREAD_TAG 'erhT'

static KEVENT Go; /* lets threads of Linger end */

static NTSTATUS Create(PKSTART_ROUTINE Routine, PVOID Context, PHANDLE Handle)
{
    return PsCreateSystemThread(Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Routine, Context);
}

/* The thread of a handle, with a reference. */
static PETHREAD Reference(HANDLE Handle)
{
    PVOID Thread = NULL;
    CHECK_STATUS(
        ObReferenceObjectByHandle(Handle, SYNCHRONIZE, *PsThreadType, KernelMode, &Thread, NULL),
        STATUS_SUCCESS);
    return Thread;
}

static VOID Pause(VOID)
{
    LARGE_INTEGER Soon = {.QuadPart = -1};
    KeDelayExecutionThread(KernelMode, FALSE, &Soon);
}

static LONG64 ThreadCount(VOID)
{
    return (*PsThreadType)->Objects;
}

static VOID AwaitThreads(LONG64 Count)
{
    while (ThreadCount() > Count) {
        Pause();
    }
}

/* ---- one thread ------------------------------------------------------------------------------ */

typedef struct _SEEN {
    KIRQL Irql;
    BOOLEAN ApcsDisabled;
    SHORT Count;
    HANDLE Id;
    KPRIORITY Priority;
    PETHREAD Self;
} SEEN;

static VOID NTAPI Look(PVOID Context)
{
    SEEN *Seen = Context;
    PVOID Self;
    Seen->Irql = KeGetCurrentIrql();
    Seen->ApcsDisabled = KeAreApcsDisabled();
    Seen->Count = KeGetCurrentThread()->KernelApcDisable;
    Seen->Id = PsGetCurrentThreadId();
    Seen->Priority = KeQueryPriorityThread(KeGetCurrentThread());
    if (NT_SUCCESS(ObReferenceObjectByHandle(ZwCurrentThread(), THREAD_ALL_ACCESS, *PsThreadType,
                                             KernelMode, &Self, NULL))) {
        Seen->Self = Self;
        ObDereferenceObject(Self);
    }
    PsTerminateSystemThread(STATUS_NOT_FOUND);
}

TEST(CreateThread, "ps/create/a-handle-a-thread-an-end", "DDI wdm PsCreateSystemThread")
{
    SEEN Seen = {.Irql = HIGH_LEVEL};
    HANDLE Handle;
    CLIENT_ID Id;
    LONG64 Threads = ThreadCount();
    ULONG InUse = ObpHandlesInUse;
    REQUIRE(
        NT_SUCCESS(PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, &Id, Look, &Seen)));
    CHECK(ObIsKernelHandle(Handle));
    PETHREAD Thread = Reference(Handle);
    REQUIRE(Thread != NULL);
    CHECK_STATUS(KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL), STATUS_SUCCESS);
    CHECK_STATUS(ZwWaitForSingleObject(Handle, FALSE, NULL), STATUS_SUCCESS);
    CHECK_STATUS(PsGetThreadExitStatus(Thread), STATUS_NOT_FOUND);
    CHECK_EQ(Seen.Self, Thread);
    CHECK_EQ(Seen.Irql, PASSIVE_LEVEL);
    CHECK_EQ(Seen.Priority, KI_PRIORITY_DEFAULT);
    CHECK_EQ(Seen.Id, Id.UniqueThread);
    CHECK_EQ(PsGetThreadId(Thread), Id.UniqueThread);
    CHECK_EQ(Id.UniqueProcess, 4);
    CHECK_EQ((ULONG_PTR)Id.UniqueThread % 4, 0);
    /* The thread lives as long as its handle, long after its end. */
    ObDereferenceObject(Thread);
    ExpFlushWorkItems();
    CHECK_EQ(ThreadCount(), Threads + 1);
    CHECK_STATUS(ZwClose(Handle), STATUS_SUCCESS);
    AwaitThreads(Threads);
    CHECK_EQ(ThreadCount(), Threads);
    CHECK_EQ(ObpHandlesInUse, InUse);
}

TEST(CreateRegion, "ps/create/it-begins-in-a-critical-region", "PS-4")
{
    SEEN Seen = {0};
    HANDLE Handle;
    REQUIRE(NT_SUCCESS(Create(Look, &Seen, &Handle)));
    ZwWaitForSingleObject(Handle, FALSE, NULL);
    ZwClose(Handle);
    CHECK(Seen.ApcsDisabled);
    CHECK_EQ(Seen.Count, -1);
}

static VOID NTAPI Linger(PVOID Context)
{
    KeWaitForSingleObject(&Go, Executive, KernelMode, FALSE, NULL);
    if (Context != NULL) {
        KeLeaveCriticalRegion(); /* as a driver may that wants its APCs */
    }
}

static ULONG ApcsRun;

static VOID NTAPI CountKernelApc(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *NormalContext,
                                 PVOID *SystemArgument1, PVOID *SystemArgument2)
{
    UNREFERENCED_PARAMETER(Apc);
    UNREFERENCED_PARAMETER(NormalRoutine);
    UNREFERENCED_PARAMETER(NormalContext);
    UNREFERENCED_PARAMETER(SystemArgument1);
    UNREFERENCED_PARAMETER(SystemArgument2);
}

static VOID NTAPI CountNormalApc(PVOID NormalContext, PVOID SystemArgument1, PVOID SystemArgument2)
{
    UNREFERENCED_PARAMETER(NormalContext);
    UNREFERENCED_PARAMETER(SystemArgument1);
    UNREFERENCED_PARAMETER(SystemArgument2);
    ApcsRun++;
}

static VOID EndWithApc(PVOID Context)
{
    static KAPC Apc;
    HANDLE Handle;
    ApcsRun = 0;
    KeInitializeEvent(&Go, NotificationEvent, FALSE);
    REQUIRE(NT_SUCCESS(Create(Linger, Context, &Handle)));
    PETHREAD Thread = Reference(Handle);
    REQUIRE(Thread != NULL);
    while (Thread->Tcb.State != ThreadWaiting) {
        Pause();
    }
    KeInitializeApc(&Apc, &Thread->Tcb, OriginalApcEnvironment, CountKernelApc, NULL,
                    CountNormalApc, KernelMode, NULL);
    CHECK(KeInsertQueueApc(&Apc, NULL, NULL, IO_NO_INCREMENT));
    Pause();
    CHECK_EQ(ApcsRun, 0);
    KeSetEvent(&Go, IO_NO_INCREMENT, FALSE);
    ZwWaitForSingleObject(Handle, FALSE, NULL);
    CHECK_EQ(ApcsRun, 1);
    CHECK_EQ(Thread->Tcb.KernelApcDisable, 0);
    ZwClose(Handle);
    ObDereferenceObject(Thread);
}

TEST(CreateApc, "ps/create/apcs-that-waited-come-at-its-end", "PS-4")
{
    EndWithApc(NULL);
    EndWithApc(&Go);
}

TEST(CreateIds, "ps/create/ids-are-of-one-thread-each", "PS-5")
{
    HANDLE Handles[8], Ids[8] = {0};
    CLIENT_ID Id;
    KeInitializeEvent(&Go, NotificationEvent, TRUE);
    for (ULONG i = 0; i < RTL_NUMBER_OF(Handles); i++) {
        REQUIRE(NT_SUCCESS(PsCreateSystemThread(&Handles[i], SYNCHRONIZE, NULL, NtCurrentProcess(),
                                                &Id, Linger, NULL)));
        Ids[i] = Id.UniqueThread;
        CHECK_NE(Ids[i], NULL);
        CHECK_NE(Ids[i], PsGetCurrentThreadId());
        for (ULONG j = 0; j < i; j++) {
            CHECK_NE(Ids[i], Ids[j]);
        }
        ZwWaitForSingleObject(Handles[i], FALSE, NULL);
        ZwClose(Handles[i]);
    }
    CHECK_NE(PsGetCurrentThreadId(), NULL);
    CHECK_EQ(PsGetThreadId((PETHREAD)KeGetCurrentPrcb()->IdleThread), NULL);
}

TEST(CreateBootThread, "ps/create/the-boot-thread-is-an-object-too", "PS-5")
{
    PVOID Thread = NULL;
    CHECK_STATUS(
        ObReferenceObjectByHandle(NtCurrentThread(), 0, *PsThreadType, UserMode, &Thread, NULL),
        STATUS_SUCCESS);
    CHECK_EQ(Thread, KeGetCurrentThread());
    CHECK_STATUS(ObReferenceObjectByHandle(ZwCurrentThread(), 0, *ExEventObjectType, KernelMode,
                                           &(PVOID){NULL}, NULL),
                 STATUS_OBJECT_TYPE_MISMATCH);
    CHECK_STATUS(
        ObReferenceObjectByHandle(ZwCurrentProcess(), 0, NULL, UserMode, &(PVOID){NULL}, NULL),
        STATUS_INVALID_HANDLE);
    CHECK_GT(ObDereferenceObject(Thread), 0);
}

TEST(CreateClosed, "ps/create/a-closed-handle-does-not-end-its-thread", "PS-1")
{
    HANDLE Handle;
    LONG64 Threads = ThreadCount();
    KeInitializeEvent(&Go, NotificationEvent, FALSE);
    REQUIRE(NT_SUCCESS(Create(Linger, NULL, &Handle)));
    PETHREAD Thread = Reference(Handle);
    ZwClose(Handle);
    CHECK_EQ(ObDereferenceObject(Thread), 1);
    CHECK_EQ(ThreadCount(), Threads + 1);
    KeSetEvent(&Go, IO_NO_INCREMENT, FALSE);
    AwaitThreads(Threads);
    CHECK_EQ(ThreadCount(), Threads);
}

TEST(LookupThread, "ps/lookup/by-id-while-it-lives", "DDI ntifs PsLookupThreadByThreadId")
{
    HANDLE Handle;
    CLIENT_ID Id;
    PETHREAD Thread, None;
    KIRQL OldIrql;
    LONG64 Threads = ThreadCount();
    KeInitializeEvent(&Go, NotificationEvent, FALSE);
    REQUIRE(NT_SUCCESS(
        PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, &Id, Linger, NULL)));
    PETHREAD Same = Reference(Handle);
    ZwClose(Handle);
    KeRaiseIrql(APC_LEVEL, &OldIrql);
    CHECK_STATUS(PsLookupThreadByThreadId(Id.UniqueThread, &Thread), STATUS_SUCCESS);
    KeLowerIrql(OldIrql);
    CHECK_EQ(Thread, Same);
    CHECK_EQ(ObDereferenceObject(Thread), 2);
    CHECK_STATUS(PsLookupThreadByThreadId(NULL, &None), STATUS_INVALID_PARAMETER);
    CHECK_EQ(None, NULL);
    KeSetEvent(&Go, IO_NO_INCREMENT, FALSE);
    ObDereferenceObject(Thread);
    AwaitThreads(Threads);
    CHECK_STATUS(PsLookupThreadByThreadId(Id.UniqueThread, &None), STATUS_INVALID_PARAMETER);
}

TEST(CreateErrors, "ps/create/each-documented-error", "DDI wdm PsCreateSystemThread")
{
    static const ULONG Flags[] = {OBJ_PERMANENT, OBJ_EXCLUSIVE, OBJ_OPENIF, 0x10000};
    UNICODE_STRING Name = {4, 4, (PWSTR)L"\\x"};
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Handle = NULL;
    LONG64 Threads = ThreadCount();
    for (ULONG i = 0; i < RTL_NUMBER_OF(Flags); i++) {
        InitializeObjectAttributes(&Attributes, NULL, Flags[i], NULL, NULL);
        CHECK_STATUS(
            PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, &Attributes, NULL, NULL, Linger, NULL),
            STATUS_INVALID_PARAMETER);
    }
    InitializeObjectAttributes(&Attributes, &Name, 0, NULL, NULL);
    CHECK_STATUS(
        PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, &Attributes, NULL, NULL, Linger, NULL),
        STATUS_INVALID_PARAMETER);
    CHECK_STATUS(PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, (HANDLE)0x7FFFFFF0, NULL,
                                      Linger, NULL),
                 STATUS_INVALID_HANDLE);
    CHECK_EQ(Handle, NULL);
    CHECK_EQ(ThreadCount(), Threads);
    KeInitializeEvent(&Go, NotificationEvent, TRUE);
    InitializeObjectAttributes(&Attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    CHECK_STATUS(
        PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, &Attributes, NULL, NULL, Linger, NULL),
        STATUS_SUCCESS);
    ZwWaitForSingleObject(Handle, FALSE, NULL);
    ZwClose(Handle);
}

/* ---- many ------------------------------------------------------------------------------------ */

#define CREATORS 4
#define ROUNDS   60

static volatile ULONG Wrong;

static VOID NTAPI Nothing(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
}

/* Makes threads and loses their handles before, while or after they end. */
static VOID NTAPI CreateAndClose(PVOID Context)
{
    for (ULONG i = 0; i < ROUNDS; i++) {
        HANDLE Handle;
        if (!NT_SUCCESS(Create(Nothing, NULL, &Handle))) {
            Wrong++;
            return;
        }
        if ((i + (ULONG_PTR)Context) % 3 != 0 &&
            ZwWaitForSingleObject(Handle, FALSE, NULL) != STATUS_SUCCESS) {
            Wrong++;
        }
        if (!NT_SUCCESS(ZwClose(Handle))) {
            Wrong++;
        }
    }
}

/* What is charged but for pages that blocks share: those the pools keep for what comes next. */
static SIZE_T CommittedBesidePools(VOID)
{
    SIZE_T Pages = MmTotalCommittedPages;
    for (ULONG i = 0; i < POOL_INDEXES; i++) {
        Pages -= ExpPoolTable[i] == NULL ? 0 : ExpPoolTable[i]->TotalPages;
    }
    return Pages;
}

TEST(CreateMany, "ps/create/nothing-is-left-of-many-on-all-processors", "PS-3")
{
    PKTHREAD Creators[CREATORS];
    LONG64 Threads = ThreadCount();
    HANDLE Handle;
    ExpFlushWorkItems();
    REQUIRE(NT_SUCCESS(Create(Nothing, NULL, &Handle)));
    ZwWaitForSingleObject(Handle, FALSE, NULL);
    ZwClose(Handle);
    AwaitThreads(Threads);
    ULONG64 Bytes = TestTagBytes(THREAD_TAG);
    SIZE_T Committed = CommittedBesidePools();
    ULONG InUse = ObpHandlesInUse;
    Wrong = 0;
    for (ULONG i = 0; i < CREATORS; i++) {
        Creators[i] = TestStartOn(i % KeNumberProcessors, CreateAndClose, (PVOID)(ULONG_PTR)i);
    }
    for (ULONG i = 0; i < CREATORS; i++) {
        TestJoinThread(Creators[i]);
    }
    AwaitThreads(Threads);
    CHECK_EQ(Wrong, 0);
    CHECK_EQ(ThreadCount(), Threads);
    CHECK_EQ(TestTagBytes(THREAD_TAG), Bytes);
    CHECK_EQ(CommittedBesidePools(), Committed);
    CHECK_EQ(ObpHandlesInUse, InUse);
}

/* ---- machines that must stop ----------------------------------------------------------------- */

CRASH_TEST(CrashCreateHigh, "ps/create-above-passive-level", "0xC4 0xE5 0x1 0x0 0x0",
           "contract 1.4: PsCreateSystemThread")
{
    KIRQL OldIrql;
    HANDLE Handle;
    KeRaiseIrql(APC_LEVEL, &OldIrql);
    Create(Nothing, NULL, &Handle);
}
