/*
 * objects.c - storms over objects: few names, many threads that make, open, keep, lose and delete
 * what has them; handles that others close; threads that are waited for by handle.
 */
#include "executive/ex/ex.h"
#include "executive/ps/ps.h"
#include "mm/mm.h"
#include "tests/ob/object.h"
#include "tests/storm/storm.h"

#define NAMES      5
#define KEPT       4      /* handles of a thread */
#define THREAD_TAG 'erhT' /* Thre */

static const PCWSTR Names[NAMES] = {
    L"\\KernelObjects\\Storm0", L"\\KernelObjects\\Storm1",
    L"\\KernelObjects\\Storm2", L"\\??\\Storm3",
    L"\\DosDevices\\Storm4",
};

static volatile ULONG64 Made;

/* Returns when the type has no object but those that there were; deletions may be on their way. */
static VOID AwaitObjects(POBJECT_TYPE Type, LONG64 Count)
{
    while (Type->Objects != Count && StormGoesOn()) {
        LARGE_INTEGER Soon = {.QuadPart = -1};
        KeDelayExecutionThread(KernelMode, FALSE, &Soon);
    }
}

/* Gives a reference back, at times where the object cannot be deleted at once. */
static VOID Dereference(PSTORM_THREAD Me, PVOID Object)
{
    KIRQL OldIrql;
    KeRaiseIrql((KIRQL)StormRandom(Me, DISPATCH_LEVEL + 1), &OldIrql);
    ObDereferenceObject(Object);
    KeLowerIrql(OldIrql);
}

/* ---- names ----------------------------------------------------------------------------------- */

/* A handle to what has one of the names, made or found; NULL if nothing had it. */
static HANDLE GetNamed(PSTORM_THREAD Me)
{
    PCWSTR Name = Names[StormRandom(Me, NAMES)];
    HANDLE Handle;
    PVOID Object;
    NTSTATUS Status;
    if (StormRandom(Me, 4) == 0) {
        Status = TestOpen(Name, OBJ_CASE_INSENSITIVE, &Handle);
        STORM_CHECK(Status == STATUS_SUCCESS || Status == STATUS_OBJECT_NAME_NOT_FOUND);
        return Handle;
    }
    StormCount(&Made);
    Status = TestInsert(Name, StormRandom(Me, 2) != 0 ? OBJ_OPENIF : OBJ_OPENIF | OBJ_PERMANENT,
                        &Object, &Handle);
    STORM_CHECK(Status == STATUS_SUCCESS || Status == STATUS_OBJECT_NAME_EXISTS);
    if (NT_SUCCESS(Status)) {
        STORM_CHECK(ObpHeader(Object)->Name != NULL); /* OB-4: this thread's handle keeps it */
        Dereference(Me, Object);
    }
    return Handle;
}

/* Looks at what a handle of this thread's own means, and may make it temporary. */
static VOID UseNamed(PSTORM_THREAD Me, HANDLE Handle)
{
    PVOID Object;
    NTSTATUS Status =
        ObReferenceObjectByHandle(Handle, 0, TestObjectType(), KernelMode, &Object, NULL);
    STORM_CHECK(Status == STATUS_SUCCESS);
    if (NT_SUCCESS(Status)) {
        STORM_CHECK(ObpHeader(Object)->Name != NULL);
        STORM_CHECK(ObpHeader(Object)->HandleCount > 0);
        if (StormRandom(Me, 2) == 0) {
            ObMakeTemporaryObject(Object);
        }
        Dereference(Me, Object);
    }
}

static VOID ShareNames(PSTORM_THREAD Me)
{
    HANDLE Kept[KEPT] = {NULL};
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        HANDLE *Handle = &Kept[StormRandom(Me, KEPT)];
        if (*Handle == NULL) {
            *Handle = GetNamed(Me);
        } else if (StormRandom(Me, 2) == 0) {
            UseNamed(Me, *Handle);
        } else {
            STORM_CHECK(ZwClose(*Handle) == STATUS_SUCCESS);
            *Handle = NULL;
        }
        StormPause(Me);
    }
    for (ULONG i = 0; i < KEPT; i++) {
        STORM_CHECK(Kept[i] == NULL || ZwClose(Kept[i]) == STATUS_SUCCESS);
    }
}

/* What was left permanent goes. */
static VOID SweepNames(VOID)
{
    for (ULONG i = 0; i < NAMES; i++) {
        HANDLE Handle;
        if (NT_SUCCESS(TestOpen(Names[i], 0, &Handle))) {
            STORM_CHECK(ZwMakeTemporaryObject(Handle) == STATUS_SUCCESS);
            ZwClose(Handle);
        }
    }
}

STORM(ObjectNames, "storm/objects/a-name-means-one-living-object", "OB-4")
{
    POBJECT_TYPE Type = TestObjectType();
    LONG64 Objects = Type->Objects, Handles = Type->Handles;
    ULONG64 Bytes = TestObjectBytes();
    ULONG InUse = ObpHandlesInUse;
    Made = 0;
    RtlZeroMemory(&TestObjectLog, sizeof(TestObjectLog));
    StormRun(StormThreads(), ShareNames, StormEach(12000));
    SweepNames();
    AwaitObjects(Type, Objects);
    STORM_CHECK(Type->Handles == Handles);
    STORM_CHECK(ObpHandlesInUse == InUse);
    STORM_CHECK(TestObjectBytes() == Bytes);
    STORM_CHECK((ULONG64)TestObjectLog.Deleted == Made);
}

/* ---- handles that others close --------------------------------------------------------------- */

#define SLOTS 8

static HANDLE Slots[SLOTS];

/* Whoever takes a handle out of a slot closes it; the others may find it closed. */
static VOID PassHandles(PSTORM_THREAD Me)
{
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        HANDLE *Slot = &Slots[StormRandom(Me, SLOTS)], New = NULL, Old;
        PVOID Object;
        if (StormRandom(Me, 3) == 0) {
            StormCount(&Made);
            STORM_CHECK(NT_SUCCESS(TestInsert(NULL, 0, &Object, &New)));
            Dereference(Me, Object);
            Old = __atomic_exchange_n(Slot, New, __ATOMIC_ACQ_REL);
            STORM_CHECK(Old == NULL || ZwClose(Old) == STATUS_SUCCESS);
        }
        Old = __atomic_load_n(Slot, __ATOMIC_ACQUIRE);
        if (Old != NULL &&
            NT_SUCCESS(ObReferenceObjectByHandle(Old, 0, NULL, KernelMode, &Object, NULL))) {
            STORM_CHECK(ObpHeader(Object)->Type == TestObjectType());
            STORM_CHECK(ObpHeader(Object)->PointerCount > 0);
            Dereference(Me, Object);
        }
        StormPause(Me);
    }
}

STORM(ObjectHandles, "storm/objects/a-handle-leads-to-a-living-object-or-nowhere", "HNDL-1")
{
    POBJECT_TYPE Type = TestObjectType();
    LONG64 Objects = Type->Objects;
    ULONG InUse = ObpHandlesInUse;
    Made = 0;
    RtlZeroMemory(&TestObjectLog, sizeof(TestObjectLog));
    StormRun(StormThreads(), PassHandles, StormEach(20000));
    for (ULONG i = 0; i < SLOTS; i++) {
        STORM_CHECK(Slots[i] == NULL || ZwClose(Slots[i]) == STATUS_SUCCESS);
        Slots[i] = NULL;
    }
    AwaitObjects(Type, Objects);
    STORM_CHECK(ObpHandlesInUse == InUse);
    STORM_CHECK((ULONG64)TestObjectLog.Deleted == Made);
}

/* ---- threads --------------------------------------------------------------------------------- */

static volatile ULONG64 Ended;

static VOID NTAPI EndSomehow(PVOID Context)
{
    StormCount(&Ended);
    if (Context != NULL) {
        PsTerminateSystemThread(STATUS_SUCCESS);
    }
}

/*
 * Makes threads, waits for some by handle, by pointer or not at all, and lets go of them. More of
 * them than have room in a small machine: PS-7.
 */
static VOID RaiseThreads(PSTORM_THREAD Me)
{
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        HANDLE Handle;
        PVOID Thread = NULL;
        PETHREAD Same;
        CLIENT_ID Id;
        STORM_CHECK(
            NT_SUCCESS(PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, &Id, EndSomehow,
                                            (PVOID)(ULONG_PTR)StormRandom(Me, 2))));
        STORM_CHECK(NT_SUCCESS(ObReferenceObjectByHandle(Handle, SYNCHRONIZE, *PsThreadType,
                                                         KernelMode, &Thread, NULL)));
        if (NT_SUCCESS(PsLookupThreadByThreadId(Id.UniqueThread, &Same))) {
            STORM_CHECK(Same == Thread);
            Dereference(Me, Same);
        }
        switch (StormRandom(Me, 3)) {
        case 0: STORM_CHECK(ZwWaitForSingleObject(Handle, FALSE, NULL) == STATUS_SUCCESS); break;
        case 1: StormWait(Thread); break;
        default: break;
        }
        STORM_CHECK(ZwClose(Handle) == STATUS_SUCCESS);
        Dereference(Me, Thread);
    }
}

STORM(ObjectThreads, "storm/objects/threads-end-whoever-holds-them", "PS-3")
{
    LONG64 Threads = (*PsThreadType)->Objects;
    ULONG64 Bytes = TestTagBytes(THREAD_TAG);
    ULONG InUse = ObpHandlesInUse, Rounds = StormEach(600);
    Ended = 0;
    PspSetProcessAffinity(KeQueryActiveProcessors());
    StormRun(StormThreads(), RaiseThreads, Rounds);
    AwaitObjects(*PsThreadType, Threads);
    PspSetProcessAffinity(TEST_PROCESSORS);
    STORM_CHECK(Ended == (ULONG64)StormThreads() * Rounds);
    STORM_CHECK(ObpHandlesInUse == InUse);
    STORM_CHECK(TestTagBytes(THREAD_TAG) == Bytes);
}
