/*
 * object.c - tests of executive/ob/object.c: who keeps an object, and what its last reference does.
 */
#include "tests/ob/object.h"
#include "mm/pool/pool.h"

#define TEST_TAG 'bOeT' /* TeOb */

TEST_OBJECT_LOG TestObjectLog;

/* ---- what the tests share -------------------------------------------------------------------- */

static VOID LogDelete(PVOID Object)
{
    UNREFERENCED_PARAMETER(Object);
    TestObjectLog.DeleteIrql = KeGetCurrentIrql();
    TestObjectLog.DeleteThread = KeGetCurrentThread();
    __atomic_add_fetch(&TestObjectLog.Deleted, 1, __ATOMIC_RELEASE);
}

static VOID LogClose(PVOID Object, LONG64 Left)
{
    /* The object is there still, whatever the count. */
    CHECK_GT(ObpHeader(Object)->PointerCount, 0);
    TestObjectLog.Left = Left;
    TestObjectLog.Closed++;
}

POBJECT_TYPE TestObjectType(VOID)
{
    static POBJECT_TYPE Type;
    static const OBJECT_TYPE_INITIALIZER Info = {
        .Name = L"Test",
        .Tag = TEST_TAG,
        .BodySize = sizeof(TEST_OBJECT),
        .ValidAccess = STANDARD_RIGHTS_ALL | 0xF,
        .GenericMapping = {STANDARD_RIGHTS_READ | 1, STANDARD_RIGHTS_WRITE | 2,
                           STANDARD_RIGHTS_EXECUTE | 4, STANDARD_RIGHTS_ALL | 0xF},
        .Delete = LogDelete,
        .Close = LogClose,
    };
    if (Type == NULL) {
        Type = ObpCreateType(&Info);
    }
    return Type;
}

PVOID TestNewObject(VOID)
{
    return ObpAllocateObject(TestObjectType());
}

static VOID SetAttributes(POBJECT_ATTRIBUTES Attributes, PUNICODE_STRING Text, PCWSTR Name,
                          ULONG Flags)
{
    RtlInitUnicodeString(Text, Name);
    InitializeObjectAttributes(Attributes, Name != NULL ? Text : NULL, Flags, NULL, NULL);
}

NTSTATUS TestInsert(PCWSTR Name, ULONG Flags, PVOID *Object, PHANDLE Handle)
{
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Text;
    SetAttributes(&Attributes, &Text, Name, Flags);
    *Object = NULL;
    *Handle = NULL;
    PVOID New = TestNewObject();
    return New != NULL ? ObpInsertObject(New, &Attributes, GENERIC_READ, Object, Handle)
                       : STATUS_INSUFFICIENT_RESOURCES;
}

VOID TestRelease(PVOID Object)
{
    if (Object != NULL) {
        ObDereferenceObject(Object);
    }
}

NTSTATUS TestOpen(PCWSTR Name, ULONG Flags, PHANDLE Handle)
{
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Text;
    SetAttributes(&Attributes, &Text, Name, Flags);
    *Handle = NULL;
    return ObpOpenByName(&Attributes, TestObjectType(), GENERIC_READ, Handle);
}

VOID TestAwaitDeleted(LONG Count)
{
    LARGE_INTEGER Soon = {.QuadPart = -1};
    while (__atomic_load_n(&TestObjectLog.Deleted, __ATOMIC_ACQUIRE) < Count) {
        KeDelayExecutionThread(KernelMode, FALSE, &Soon);
    }
}

ULONG64 TestTagBytes(ULONG Tag)
{
    POOL_TAG_USAGE Usage;
    return ExpQueryTag(Tag, &Usage) ? Usage.NonPagedBytes + Usage.PagedBytes : 0;
}

ULONG64 TestObjectBytes(VOID)
{
    return TestTagBytes(TEST_TAG) + TestTagBytes('mNbO') + TestTagBytes('eriD') +
           TestTagBytes('bmyS') + TestTagBytes('tmyS');
}

/* ---- references ------------------------------------------------------------------------------ */

TEST(ObReference, "ob/reference/the-last-one-deletes-at-once", "OB-1")
{
    PVOID Object = TestNewObject();
    ULONG64 Bytes = TestObjectBytes();
    REQUIRE(Object != NULL);
    RtlZeroMemory(&TestObjectLog, sizeof(TestObjectLog));
    CHECK_EQ((ULONG_PTR)Object % 16, 0);
    CHECK_EQ(ObReferenceObject(Object), 2);
    CHECK_EQ(ObReferenceObjectWithTag(Object, 'gaT1'), 3);
    CHECK_EQ(ObDereferenceObjectWithTag(Object, 'gaT1'), 2);
    ObDereferenceObjectDeferDelete(Object);
    CHECK_EQ(TestObjectLog.Deleted, 0);
    CHECK_EQ(ObDereferenceObject(Object), 0);
    CHECK_EQ(TestObjectLog.Deleted, 1);
    CHECK_EQ(TestObjectLog.DeleteThread, KeGetCurrentThread());
    CHECK_LT(TestObjectBytes(), Bytes);
}

static VOID DereferenceAt(KIRQL Irql, BOOLEAN Defer)
{
    KIRQL OldIrql;
    PVOID Object = TestNewObject();
    LONG64 Objects = TestObjectType()->Objects;
    REQUIRE(Object != NULL);
    RtlZeroMemory(&TestObjectLog, sizeof(TestObjectLog));
    KeRaiseIrql(Irql, &OldIrql);
    if (Defer) {
        ObDereferenceObjectDeferDeleteWithTag(Object, 'gaT1');
    } else {
        ObDereferenceObject(Object);
    }
    KeLowerIrql(OldIrql);
    TestAwaitDeleted(1);
    CHECK_EQ(TestObjectLog.DeleteIrql, PASSIVE_LEVEL);
    CHECK_NE(TestObjectLog.DeleteThread, KeGetCurrentThread());
    while (TestObjectType()->Objects == Objects) {
        LARGE_INTEGER Soon = {.QuadPart = -1};
        KeDelayExecutionThread(KernelMode, FALSE, &Soon);
    }
}

TEST(ObDeferred, "ob/reference/above-passive-level-a-worker-deletes", "OB-1")
{
    DereferenceAt(DISPATCH_LEVEL, FALSE);
    DereferenceAt(APC_LEVEL, FALSE);
    DereferenceAt(DISPATCH_LEVEL, TRUE);
    DereferenceAt(PASSIVE_LEVEL, TRUE);
}

TEST(ObDeferredMany, "ob/reference/a-crowd-of-deferred-objects-is-deleted", "OB-1")
{
    static PVOID Objects[200];
    KIRQL OldIrql;
    LONG Count = 0;
    for (ULONG i = 0; i < RTL_NUMBER_OF(Objects); i++) {
        Objects[i] = TestNewObject();
        Count += CHECK(Objects[i] != NULL);
    }
    RtlZeroMemory(&TestObjectLog, sizeof(TestObjectLog));
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    for (ULONG i = 0; i < RTL_NUMBER_OF(Objects); i++) {
        if (Objects[i] != NULL) {
            ObDereferenceObject(Objects[i]);
        }
    }
    KeLowerIrql(OldIrql);
    TestAwaitDeleted(Count);
    CHECK_EQ(TestObjectLog.Deleted, RTL_NUMBER_OF(Objects));
}

TEST(ObByPointer, "ob/reference/by-pointer-compares-the-type", "DDI wdm ObReferenceObjectByPointer")
{
    POBJECT_TYPE Type = TestObjectType();
    PVOID Object = TestNewObject();
    KIRQL OldIrql;
    REQUIRE(Object != NULL);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    CHECK_STATUS(ObReferenceObjectByPointer(Object, 0, Type, UserMode), STATUS_SUCCESS);
    CHECK_STATUS(ObReferenceObjectByPointer(Object, 0, NULL, KernelMode), STATUS_SUCCESS);
    CHECK_STATUS(ObReferenceObjectByPointer(Object, 0, NULL, UserMode),
                 STATUS_OBJECT_TYPE_MISMATCH);
    CHECK_STATUS(ObReferenceObjectByPointerWithTag(Object, 0, ObpDirectoryType, KernelMode, 'gaT1'),
                 STATUS_OBJECT_TYPE_MISMATCH);
    KeLowerIrql(OldIrql);
    CHECK_EQ(ObpHeader(Object)->PointerCount, 3);
    ObDereferenceObject(Object);
    ObDereferenceObject(Object);
    ObDereferenceObject(Object);
}

TEST(ObTypes, "ob/type/types-are-objects-and-count-theirs", "ob.h: OBJECT_TYPE")
{
    POBJECT_TYPE Type = TestObjectType();
    LONG64 Objects = Type->Objects, Handles = Type->Handles;
    HANDLE Handle;
    PVOID Object;
    CHECK_EQ(ObpHeader(Type)->Type, ObpTypeType);
    CHECK_EQ(ObpHeader(ObpTypeType)->Type, ObpTypeType);
    REQUIRE(NT_SUCCESS(TestInsert(NULL, 0, &Object, &Handle)));
    CHECK_EQ(Type->Objects, Objects + 1);
    CHECK_EQ(Type->Handles, Handles + 1);
    ZwClose(Handle);
    CHECK_EQ(Type->Handles, Handles);
    ObDereferenceObject(Object);
    CHECK_EQ(Type->Objects, Objects);
}

TEST(ObMapAccess, "ob/type/generic-rights-become-the-types-own", "DDI wdm GENERIC_MAPPING")
{
    POBJECT_TYPE Type = TestObjectType();
    CHECK_EQ(ObpMapAccess(Type, GENERIC_READ), READ_CONTROL | 1);
    CHECK_EQ(ObpMapAccess(Type, GENERIC_WRITE | SYNCHRONIZE), READ_CONTROL | SYNCHRONIZE | 2);
    CHECK_EQ(ObpMapAccess(Type, GENERIC_EXECUTE | 8), READ_CONTROL | 0xC);
    CHECK_EQ(ObpMapAccess(Type, GENERIC_ALL), STANDARD_RIGHTS_ALL | 0xF);
    CHECK_EQ(ObpMapAccess(Type, MAXIMUM_ALLOWED), STANDARD_RIGHTS_ALL | 0xF);
    CHECK_EQ(ObpMapAccess(Type, 3), 3);
}

/* ---- machines that must stop ----------------------------------------------------------------- */

static VOID AnnounceObject(PVOID Object)
{
    TestAnnounce("object", (ULONG64)Object);
    TestAnnounce("type", (ULONG64)ObpHeader(Object)->Type);
}

CRASH_TEST(CrashUnderflow, "ob/one-dereference-too-many", "0x18 $type $object 0x0 0x0", "OB-5")
{
    KIRQL OldIrql;
    PVOID Object = TestNewObject();
    AnnounceObject(Object);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql); /* so that the memory stays for a while */
    ObDereferenceObject(Object);
    ObDereferenceObject(Object);
}

CRASH_TEST(CrashReferenceDead, "ob/reference-of-an-object-that-goes", "0x18 $type $object 0x0 0x0",
           "OB-5")
{
    KIRQL OldIrql;
    PVOID Object = TestNewObject();
    AnnounceObject(Object);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    ObDereferenceObject(Object);
    ObReferenceObject(Object);
}

CRASH_TEST(CrashWithHandle, "ob/last-dereference-with-an-open-handle", "0x18 $type $object 0x0 0x0",
           "OB-5")
{
    HANDLE Handle;
    PVOID Object;
    TestInsert(NULL, 0, &Object, &Handle);
    AnnounceObject(Object);
    ObDereferenceObject(Object);
    ObDereferenceObject(Object);
}

static VOID RaiseTo(KIRQL Irql)
{
    KIRQL OldIrql;
    KeRaiseIrql(Irql, &OldIrql);
}

CRASH_TEST(CrashReferenceHigh, "ob/reference-above-dispatch-level", "0xC4 0xE5 0x3 0x0 0x0",
           "wdm_ob.h: ObfReferenceObject")
{
    PVOID Object = TestNewObject();
    RaiseTo(DISPATCH_LEVEL + 1);
    ObReferenceObject(Object);
}

CRASH_TEST(CrashDereferenceHigh, "ob/dereference-above-dispatch-level", "0xC4 0xE5 0x3 0x0 0x0",
           "wdm_ob.h: ObfDereferenceObject")
{
    PVOID Object = TestNewObject();
    RaiseTo(DISPATCH_LEVEL + 1);
    ObDereferenceObject(Object);
}
