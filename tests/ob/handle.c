/*
 * handle.c - tests of handles: what they are good for, their values, and their end.
 */
#include "tests/ob/object.h"

#define ODD_HANDLE ((HANDLE)0x7FFFFFF0) /* in no table, and no kernel handle */

TEST(HandleReference, "ob/handle/it-leads-to-its-object", "OB-2")
{
    OBJECT_HANDLE_INFORMATION Information;
    HANDLE Handle;
    PVOID Object, Found = NULL;
    REQUIRE(NT_SUCCESS(TestInsert(NULL, 0, &Object, &Handle)));
    CHECK_EQ((ULONG_PTR)Handle % 4, 0);
    CHECK_STATUS(
        ObReferenceObjectByHandle(Handle, 1, TestObjectType(), UserMode, &Found, &Information),
        STATUS_SUCCESS);
    CHECK_EQ(Found, Object);
    CHECK_EQ(Information.GrantedAccess, READ_CONTROL | 1);
    CHECK_EQ(Information.HandleAttributes, 0);
    CHECK_EQ(ObDereferenceObject(Found), 2);
    /* The two low bits are the caller's. */
    CHECK_STATUS(ObReferenceObjectByHandleWithTag((HANDLE)((ULONG_PTR)Handle | 3), 0, NULL,
                                                  KernelMode, 'gaT1', &Found, NULL),
                 STATUS_SUCCESS);
    CHECK_EQ(ObDereferenceObject(Found), 2);
    CHECK_STATUS(ZwClose(Handle), STATUS_SUCCESS);
    CHECK_EQ(ObDereferenceObject(Object), 0);
}

TEST(HandleErrors, "ob/handle/each-documented-error", "DDI wdm ObReferenceObjectByHandle")
{
    HANDLE Handle;
    PVOID Object, Found;
    REQUIRE(NT_SUCCESS(TestInsert(NULL, 0, &Object, &Handle)));
    CHECK_STATUS(ObReferenceObjectByHandle(ODD_HANDLE, 0, NULL, KernelMode, &Found, NULL),
                 STATUS_INVALID_HANDLE);
    CHECK_EQ(Found, NULL);
    CHECK_STATUS(ObReferenceObjectByHandle((HANDLE)1, 0, NULL, KernelMode, &Found, NULL),
                 STATUS_INVALID_HANDLE);
    CHECK_STATUS(ObReferenceObjectByHandle(Handle, 0, ObpDirectoryType, KernelMode, &Found, NULL),
                 STATUS_OBJECT_TYPE_MISMATCH);
    CHECK_STATUS(ObReferenceObjectByHandle(Handle, 2, NULL, UserMode, &Found, NULL),
                 STATUS_ACCESS_DENIED);
    CHECK_EQ(Found, NULL);
    CHECK_STATUS(ObReferenceObjectByHandle(Handle, 2, NULL, KernelMode, &Found, NULL),
                 STATUS_SUCCESS);
    TestRelease(Found);
    CHECK_EQ(ObpHeader(Object)->PointerCount, 2);
    CHECK_STATUS(ZwClose(Handle), STATUS_SUCCESS);
    CHECK_STATUS(ObReferenceObjectByHandle(Handle, 0, NULL, KernelMode, &Found, NULL),
                 STATUS_INVALID_HANDLE);
    CHECK_STATUS(ZwClose(Handle), STATUS_INVALID_HANDLE);
    CHECK_STATUS(ZwClose(NULL), STATUS_INVALID_HANDLE);
    TestRelease(Object);
}

TEST(HandleKernel, "ob/handle/kernel-handles-are-kernel-modes-alone", "OB-8")
{
    HANDLE Handle;
    PVOID Object, Found;
    BOOLEAN Checked = KiCheckedMode;
    REQUIRE(NT_SUCCESS(TestInsert(NULL, OBJ_KERNEL_HANDLE, &Object, &Handle)));
    HANDLE Low = (HANDLE)((ULONG_PTR)Handle & 0x7FFFFFFF);
    CHECK_EQ((ULONG_PTR)Handle >> 31, 0x1FFFFFFFF);
    CHECK_STATUS(ObReferenceObjectByHandle(Handle, 0, NULL, KernelMode, &Found, NULL),
                 STATUS_SUCCESS);
    TestRelease(Found);
    CHECK_STATUS(ObReferenceObjectByHandle(Low, 0, NULL, KernelMode, &Found, NULL),
                 STATUS_INVALID_HANDLE);
    CHECK_STATUS(ZwClose(Low), STATUS_INVALID_HANDLE);
    CHECK_STATUS(ObCloseHandle(Handle, UserMode), STATUS_INVALID_HANDLE);
    KiSetCheckedMode(FALSE);
    CHECK_STATUS(ObReferenceObjectByHandle(Handle, 0, NULL, UserMode, &Found, NULL),
                 STATUS_INVALID_HANDLE);
    CHECK_STATUS(ObReferenceObjectByHandle(NULL, 0, NULL, KernelMode, &Found, NULL),
                 STATUS_INVALID_HANDLE);
    CHECK_STATUS(ObCloseHandle(Handle, KernelMode), STATUS_SUCCESS);
    CHECK_STATUS(ZwClose(Handle), STATUS_INVALID_HANDLE);
    KiSetCheckedMode(Checked);
    /* A plain handle is no kernel handle with the bits added. */
    REQUIRE(NT_SUCCESS(ObOpenObjectByPointer(Object, 0, NULL, 0, NULL, KernelMode, &Handle)));
    CHECK_STATUS(ObReferenceObjectByHandle((HANDLE)((ULONG_PTR)Handle | OBP_KERNEL_HANDLE_BITS), 0,
                                           NULL, KernelMode, &Found, NULL),
                 STATUS_INVALID_HANDLE);
    CHECK_STATUS(ObCloseHandle(Handle, UserMode), STATUS_SUCCESS);
    TestRelease(Object);
}

TEST(HandleByPointer, "ob/handle/opened-by-pointer", "DDI ntifs ObOpenObjectByPointer")
{
    POBJECT_TYPE Type = TestObjectType();
    PVOID Object = TestNewObject();
    HANDLE Handle = NULL, None;
    REQUIRE(Object != NULL);
    CHECK_STATUS(ObOpenObjectByPointer(Object, OBJ_KERNEL_HANDLE, NULL, 1, Type, UserMode, &Handle),
                 STATUS_SUCCESS);
    CHECK_EQ(ObpHeader(Object)->HandleCount, 1);
    CHECK_STATUS(ObOpenObjectByPointer(Object, 0, NULL, 1, NULL, UserMode, &None),
                 STATUS_OBJECT_TYPE_MISMATCH);
    CHECK_STATUS(ObOpenObjectByPointer(Object, 0, NULL, 1, ObpDirectoryType, KernelMode, &None),
                 STATUS_OBJECT_TYPE_MISMATCH);
    CHECK_STATUS(ObOpenObjectByPointer(Object, OBJ_PERMANENT, NULL, 1, Type, KernelMode, &None),
                 STATUS_INVALID_PARAMETER);
    CHECK_STATUS(ObOpenObjectByPointer(Object, OBJ_EXCLUSIVE | OBJ_INHERIT, NULL, 1, Type,
                                       KernelMode, &None),
                 STATUS_INVALID_PARAMETER);
    CHECK_STATUS(ObOpenObjectByPointer(Object, 0, NULL, 0x100, Type, UserMode, &None),
                 STATUS_ACCESS_DENIED);
    CHECK_STATUS(
        ObOpenObjectByPointer(Object, OBJ_FORCE_ACCESS_CHECK, NULL, 0x100, Type, KernelMode, &None),
        STATUS_ACCESS_DENIED);
    CHECK_EQ(ObpHeader(Object)->HandleCount, 1);
    ZwClose(Handle);
    KIRQL OldIrql;
    KeRaiseIrql(APC_LEVEL, &OldIrql);
    CHECK_STATUS(
        ObOpenObjectByPointerWithTag(Object, 0, NULL, 0x100, NULL, KernelMode, 'gaT1', &Handle),
        STATUS_SUCCESS);
    KeLowerIrql(OldIrql);
    ZwClose(Handle);
    CHECK_EQ(ObDereferenceObject(Object), 0);
}

static ACCESS_MASK GrantedAccess(HANDLE Handle)
{
    OBJECT_HANDLE_INFORMATION Information = {0, 0};
    PVOID Object;
    CHECK_STATUS(ObReferenceObjectByHandle(Handle, 0, NULL, KernelMode, &Object, &Information),
                 STATUS_SUCCESS);
    TestRelease(Object);
    return Information.GrantedAccess;
}

static NTSTATUS Duplicate(HANDLE Source, PHANDLE Target, ACCESS_MASK Access, ULONG Attributes,
                          ULONG Options)
{
    return ZwDuplicateObject(NtCurrentProcess(), Source, NtCurrentProcess(), Target, Access,
                             Attributes, Options);
}

TEST(HandleDuplicate, "ob/handle/duplicated", "DDI ntifs ZwDuplicateObject")
{
    HANDLE Handle, Other, None = NULL;
    PVOID Object;
    REQUIRE(NT_SUCCESS(TestInsert(NULL, 0, &Object, &Handle)));
    CHECK_STATUS(Duplicate(Handle, &Other, GENERIC_WRITE, OBJ_KERNEL_HANDLE, 0), STATUS_SUCCESS);
    CHECK(ObIsKernelHandle(Other));
    CHECK_EQ(GrantedAccess(Other), READ_CONTROL | 2);
    CHECK_EQ(ObpHeader(Object)->HandleCount, 2);
    /* The copy takes over what it is told to, and the source goes. */
    CHECK_STATUS(
        Duplicate(Handle, &None, GENERIC_WRITE, OBJ_KERNEL_HANDLE,
                  DUPLICATE_SAME_ACCESS | DUPLICATE_SAME_ATTRIBUTES | DUPLICATE_CLOSE_SOURCE),
        STATUS_SUCCESS);
    CHECK(!ObIsKernelHandle(None));
    CHECK_EQ(GrantedAccess(None), READ_CONTROL | 1);
    CHECK_EQ(ObpHeader(Object)->HandleCount, 2);
    CHECK_STATUS(Duplicate(Handle, &Handle, 0, 0, 0), STATUS_INVALID_HANDLE);
    CHECK_STATUS(Duplicate(Other, NULL, 0, 0, DUPLICATE_CLOSE_SOURCE), STATUS_SUCCESS);
    CHECK_STATUS(ZwDuplicateObject(ODD_HANDLE, None, NtCurrentProcess(), &Other, 0, 0, 0),
                 STATUS_INVALID_HANDLE);
    CHECK_STATUS(ZwDuplicateObject(NtCurrentProcess(), None, NULL, &Other, 0, 0, 0),
                 STATUS_INVALID_HANDLE);
    CHECK_STATUS(Duplicate(None, &Other, 0, OBJ_PERMANENT, 0), STATUS_INVALID_PARAMETER);
    CHECK_EQ(ObpHeader(Object)->HandleCount, 1);
    CHECK_STATUS(Duplicate(None, &Other, 0, OBJ_PERMANENT, DUPLICATE_CLOSE_SOURCE),
                 STATUS_INVALID_PARAMETER);
    CHECK_EQ(ObDereferenceObject(Object), 0);
    /* The pseudo handle becomes a real one. */
    REQUIRE(NT_SUCCESS(Duplicate(ZwCurrentThread(), &Handle, SYNCHRONIZE, 0, 0)));
    CHECK_STATUS(
        ObReferenceObjectByHandle(Handle, SYNCHRONIZE, *PsThreadType, UserMode, &Object, NULL),
        STATUS_SUCCESS);
    CHECK_EQ(Object, KeGetCurrentThread());
    TestRelease(Object);
    ZwClose(Handle);
}

TEST(HandleClose, "ob/handle/each-close-is-told-to-the-type", "ob.h: OB_CLOSE_ROUTINE")
{
    HANDLE First, Second;
    PVOID Object;
    REQUIRE(NT_SUCCESS(TestInsert(NULL, 0, &Object, &First)));
    REQUIRE(NT_SUCCESS(ObOpenObjectByPointer(Object, 0, NULL, 0, NULL, KernelMode, &Second)));
    RtlZeroMemory(&TestObjectLog, sizeof(TestObjectLog));
    ZwClose(First);
    CHECK_EQ(TestObjectLog.Closed, 1);
    CHECK_EQ(TestObjectLog.Left, 1);
    TestRelease(Object);
    CHECK_EQ(TestObjectLog.Deleted, 0);
    ZwClose(Second);
    CHECK_EQ(TestObjectLog.Closed, 2);
    CHECK_EQ(TestObjectLog.Left, 0);
    CHECK_EQ(TestObjectLog.Deleted, 1);
}

/* FALSE, and a failed check, without memory for the table. */
static BOOLEAN OpenOne(PVOID Object, PHANDLE Handle)
{
    *Handle = NULL;
    return CHECK_STATUS(ObOpenObjectByPointer(Object, 0, NULL, 0, NULL, KernelMode, Handle),
                        STATUS_SUCCESS);
}

#define PAGE_HANDLES 256 /* a page of the table */
#define FEW_LEFT     250

/*
 * Also when a page of the table is nearly full, where a simpler table would have few values left.
 */
TEST(HandleReuse, "ob/handle/a-closed-value-does-not-come-back-soon", "OB-7")
{
    static HANDLE Fill[PAGE_HANDLES];
    PVOID Object = TestNewObject();
    HANDLE Stale, Handle;
    ULONG InUse = ObpHandlesInUse, Filled = 0;
    REQUIRE(Object != NULL);
    while (ObpHandlesInUse % PAGE_HANDLES != FEW_LEFT && OpenOne(Object, &Fill[Filled])) {
        Filled++;
    }
    BOOLEAN Opened = OpenOne(Object, &Stale);
    ZwClose(Stale);
    for (ULONG i = 0; i < 128 && Opened; i++) {
        Opened = OpenOne(Object, &Handle);
        CHECK_NE(Handle, Stale);
        ZwClose(Handle);
    }
    while (Filled > 0) {
        ZwClose(Fill[--Filled]);
    }
    CHECK_EQ(ObpHandlesInUse, InUse);
    CHECK_EQ(ObDereferenceObject(Object), 0);
}

#define CROWD 2000

TEST(HandleGrowth, "ob/handle/the-table-grows", "HNDL-2")
{
    static HANDLE Handles[CROWD];
    PVOID Object = TestNewObject(), Found;
    ULONG InUse = ObpHandlesInUse;
    REQUIRE(Object != NULL);
    for (ULONG i = 0; i < CROWD; i++) {
        Handles[i] = NULL;
        CHECK_STATUS(ObOpenObjectByPointer(Object, i % 2 ? OBJ_KERNEL_HANDLE : 0, NULL, 0, NULL,
                                           KernelMode, &Handles[i]),
                     STATUS_SUCCESS);
    }
    CHECK_EQ(ObpHandlesInUse, InUse + CROWD);
    CHECK_EQ(ObpHeader(Object)->HandleCount, CROWD);
    for (ULONG i = 0; i < CROWD; i++) {
        if (Handles[i] != NULL) {
            CHECK_STATUS(ObReferenceObjectByHandle(Handles[i], 0, NULL, KernelMode, &Found, NULL),
                         STATUS_SUCCESS);
            TestRelease(Found);
            CHECK_STATUS(ZwClose(Handles[i]), STATUS_SUCCESS);
        }
    }
    CHECK_EQ(ObpHandlesInUse, InUse);
    CHECK_EQ(ObDereferenceObject(Object), 0);
}

static VOID NTAPI NeverRun(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    CHECK(FALSE);
}

/* All handles that a table can have: the next one is refused, and leaves nothing behind. */
TEST_FLAGS(HandleFull, "ob/slow/a-full-table-refuses", "STATUS_INSUFFICIENT_RESOURCES", TEST_SLOW)
{
    PVOID Object = TestNewObject();
    HANDLE Handle, First = NULL;
    NTSTATUS Status = STATUS_SUCCESS;
    ULONG InUse = ObpHandlesInUse, Number = 0;
    OBP_HANDLE Entry;
    LONG Closed = TestObjectLog.Closed;
    while (NT_SUCCESS(Status)) {
        Status = ObOpenObjectByPointer(Object, 0, NULL, 0, NULL, KernelMode, &Handle);
        First = First == NULL ? Handle : First;
    }
    CHECK_STATUS(Status, STATUS_INSUFFICIENT_RESOURCES);
    CHECK_EQ(ObpHandlesInUse, 0x20000 - 1);
    CHECK_EQ(TestObjectLog.Closed, Closed); /* what was never open is not closed */
    LONG64 Threads = (*PsThreadType)->Objects;
    CHECK_STATUS(PsCreateSystemThread(&Handle, 0, NULL, NULL, NULL, NeverRun, NULL),
                 STATUS_INSUFFICIENT_RESOURCES);
    CHECK_EQ((*PsThreadType)->Objects, Threads);
    CHECK_EQ(ObpHeader(Object)->HandleCount, ObpHandlesInUse - InUse);
    while (ObpNextHandle(&Number, &Handle, &Entry)) {
        ObDereferenceObject(Entry.Object);
        if (Entry.Object == Object) {
            ZwClose(Handle);
        }
    }
    CHECK_EQ(ObpHandlesInUse, InUse);
    CHECK_EQ(ObDereferenceObject(Object), 0);
}

/* ---- machines that must stop ----------------------------------------------------------------- */

CRASH_TEST(CrashCloseTwice, "ob/kernel-handle-closed-twice", "0x93 $handle 0x1 0x0 0x0",
           "DDI ntifs NtClose; bug check 0x93")
{
    HANDLE Handle;
    PVOID Object;
    TestInsert(NULL, OBJ_KERNEL_HANDLE, &Object, &Handle);
    TestAnnounce("handle", (ULONG64)Handle);
    ZwClose(Handle);
    ZwClose(Handle);
}

CRASH_TEST(CrashNullHandle, "ob/null-handle", "0xC4 0xF5 0x0 $type 0x0", "contract 4: 0xC4")
{
    PVOID Object;
    TestAnnounce("type", (ULONG64)TestObjectType());
    ObReferenceObjectByHandle(NULL, 0, TestObjectType(), KernelMode, &Object, NULL);
}

CRASH_TEST(CrashUserMode, "ob/kernel-handle-in-user-mode", "0xC4 0xF7 $handle $type 0x1",
           "contract 4: 0xC4")
{
    HANDLE Handle;
    PVOID Object;
    TestInsert(NULL, OBJ_KERNEL_HANDLE, &Object, &Handle);
    TestAnnounce("type", (ULONG64)TestObjectType());
    TestAnnounce("handle", (ULONG64)Handle);
    ObReferenceObjectByHandle(Handle, 0, TestObjectType(), UserMode, &Object, NULL);
}

CRASH_TEST(CrashByHandleHigh, "ob/reference-by-handle-above-passive-level", "0xC4 0xE5 0x1 0x0 0x0",
           "contract 1.4: ObReferenceObjectByHandle")
{
    KIRQL OldIrql;
    PVOID Object;
    KeRaiseIrql(APC_LEVEL, &OldIrql);
    ObReferenceObjectByHandle(ODD_HANDLE, 0, NULL, KernelMode, &Object, NULL);
}

CRASH_TEST(CrashOpenHigh, "ob/open-by-pointer-above-apc-level", "0xC4 0xE5 0x2 0x0 0x0",
           "wdm_ob.h: ObOpenObjectByPointer")
{
    KIRQL OldIrql;
    HANDLE Handle;
    PVOID Object = TestNewObject();
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    ObOpenObjectByPointer(Object, 0, NULL, 0, NULL, KernelMode, &Handle);
}

CRASH_TEST(CrashZwHigh, "ob/zw-routine-above-passive-level", "0xC4 0xE6 sym:CrashZwHigh 0x1 0x0",
           "contract 4: 0xC4")
{
    KIRQL OldIrql;
    KeRaiseIrql(APC_LEVEL, &OldIrql);
    ZwClose(ODD_HANDLE);
    KeLowerIrql(OldIrql);
}

CRASH_TEST(CrashZwGuarded, "ob/zw-routine-in-a-guarded-region",
           "0xC4 0xE6 sym:CrashZwGuarded 0x0 0xFFFFFFFFFFFFFFFF", "contract 4: 0xC4")
{
    KeEnterGuardedRegion();
    ZwMakeTemporaryObject(ODD_HANDLE);
    KeLeaveGuardedRegion();
}
