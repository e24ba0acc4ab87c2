/*
 * race.c - tests of objects that threads on all processors use at once: nothing is lost, nothing is
 * deleted early, nothing is left.
 */
#include "tests/fail_nth.h"
#include "tests/ke/smp.h"
#include "tests/ob/object.h"

#define THREADS 4
#define ROUNDS  (TestFailsAllocations() ? 40U : 400U)

static PVOID Shared;
static HANDLE SharedHandles[THREADS];
static volatile ULONG Wrong;

static VOID Expect(BOOLEAN Right)
{
    if (!Right) {
        __atomic_add_fetch(&Wrong, 1, __ATOMIC_RELAXED);
    }
}

/* Runs Routine in Count threads, spread over the processors, and checks that none complained. */
static VOID RunThreads(PKSTART_ROUTINE Routine, ULONG Count)
{
    PKTHREAD Threads[THREADS];
    Wrong = 0;
    for (ULONG i = 0; i < Count; i++) {
        Threads[i] = TestStartOn(i % KeNumberProcessors, Routine, (PVOID)(ULONG_PTR)i);
    }
    for (ULONG i = 0; i < Count; i++) {
        TestJoinThread(Threads[i]);
    }
    CHECK_EQ(Wrong, 0);
}

/* ---- one name -------------------------------------------------------------------------------- */

/* While this thread has a handle, whoever opens the name must get the same object. */
static VOID NTAPI OpenAndClose(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (ULONG i = 0; i < ROUNDS; i++) {
        HANDLE First, Second;
        PVOID Object, Same;
        NTSTATUS Status = TestInsert(L"\\KernelObjects\\Race", OBJ_OPENIF, &Object, &First);
        Expect(Status == STATUS_SUCCESS || Status == STATUS_OBJECT_NAME_EXISTS);
        Expect(TestInsert(L"\\KernelObjects\\Race", OBJ_OPENIF, &Same, &Second) ==
               STATUS_OBJECT_NAME_EXISTS);
        Expect(Same == Object);
        Expect(NT_SUCCESS(ZwClose(First)));
        TestRelease(Object);
        Expect(NT_SUCCESS(ZwClose(Second)));
        TestRelease(Same);
        if (i % 16 == 0) {
            ZwYieldExecution();
        }
    }
}

TEST(RaceName, "ob/race/a-name-is-the-same-object-while-a-handle-is-open", "OB-4")
{
    TestObjectType();
    ULONG64 Bytes = TestObjectBytes();
    ULONG InUse = ObpHandlesInUse;
    RtlZeroMemory(&TestObjectLog, sizeof(TestObjectLog));
    RunThreads(OpenAndClose, THREADS);
    CHECK_EQ(TestObjectBytes(), Bytes);
    CHECK_EQ(ObpHandlesInUse, InUse);
    /* Each insertion made one object, found or not, and each was deleted once. */
    CHECK_EQ(TestObjectLog.Deleted, 2 * THREADS * ROUNDS);
}

/* The last handle is closed on one processor while the name is opened on another. */
static VOID NTAPI OpenBriefly(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (ULONG i = 0; i < 10 * ROUNDS; i++) {
        HANDLE Handle;
        PVOID Object;
        Expect(NT_SUCCESS(TestInsert(L"\\KernelObjects\\Race", OBJ_OPENIF, &Object, &Handle)));
        Expect(Object != NULL && ObpHeader(Object)->Name != NULL);
        TestRelease(Object);
        Expect(NT_SUCCESS(ZwClose(Handle)));
    }
}

TEST(RaceLast, "ob/race/what-was-opened-by-name-has-its-name", "OB-4")
{
    TestObjectType();
    ULONG64 Bytes = TestObjectBytes();
    RunThreads(OpenBriefly, 2);
    CHECK_EQ(TestObjectBytes(), Bytes);
}

/* ---- one object ------------------------------------------------------------------------------ */

static VOID NTAPI ReferenceAndDereference(PVOID Context)
{
    for (ULONG i = 0; i < 10 * ROUNDS; i++) {
        KIRQL OldIrql;
        KeRaiseIrql((i + (ULONG_PTR)Context) % 3, &OldIrql);
        Expect(ObReferenceObject(Shared) > 1);
        KeLowerIrql(OldIrql);
        Expect(ObDereferenceObject(Shared) >= 1);
    }
    ObDereferenceObject(Shared); /* the reference that was taken for this thread */
}

TEST(RaceCount, "ob/race/references-are-counted-from-all-sides", "OB-1")
{
    Shared = TestNewObject();
    REQUIRE(Shared != NULL);
    RtlZeroMemory(&TestObjectLog, sizeof(TestObjectLog));
    for (ULONG i = 0; i < THREADS; i++) {
        ObReferenceObject(Shared);
    }
    RunThreads(ReferenceAndDereference, THREADS);
    CHECK_EQ(ObpHeader(Shared)->PointerCount, 1);
    CHECK_EQ(TestObjectLog.Deleted, 0);
    CHECK_EQ(ObDereferenceObject(Shared), 0);
    CHECK_EQ(TestObjectLog.Deleted, 1);
}

/* ---- many handles ---------------------------------------------------------------------------- */

/* Opens and closes handles of its own and looks up those of the others, which may be gone. */
static VOID NTAPI UseHandles(PVOID Context)
{
    ULONG Me = (ULONG)(ULONG_PTR)Context;
    for (ULONG i = 0; i < 4 * ROUNDS; i++) {
        HANDLE Handle, Other = __atomic_load_n(&SharedHandles[i % THREADS], __ATOMIC_RELAXED);
        PVOID Object, Found;
        if (!NT_SUCCESS(TestInsert(NULL, 0, &Object, &Handle))) {
            Expect(FALSE);
            return;
        }
        __atomic_store_n(&SharedHandles[Me], Handle, __ATOMIC_RELAXED);
        NTSTATUS Status =
            ObReferenceObjectByHandle(Other, 0, TestObjectType(), KernelMode, &Found, NULL);
        Expect(Status == STATUS_SUCCESS || Status == STATUS_INVALID_HANDLE);
        TestRelease(Object);
        Expect(NT_SUCCESS(ZwClose(Handle)));
        if (NT_SUCCESS(Status)) {
            Expect(ObpHeader(Found)->Type == TestObjectType());
            TestRelease(Found);
        }
    }
}

TEST(RaceHandles, "ob/race/a-handle-leads-to-a-living-object-or-nowhere", "HNDL-1")
{
    TestObjectType();
    ULONG64 Bytes = TestObjectBytes();
    ULONG InUse = ObpHandlesInUse;
    RtlZeroMemory(&TestObjectLog, sizeof(TestObjectLog));
    for (ULONG i = 0; i < THREADS; i++) {
        SharedHandles[i] = (HANDLE)0x7FFFFFF0;
    }
    RunThreads(UseHandles, THREADS);
    CHECK_EQ(TestObjectLog.Deleted, 4 * THREADS * ROUNDS);
    CHECK_EQ(TestObjectBytes(), Bytes);
    CHECK_EQ(ObpHandlesInUse, InUse);
}
