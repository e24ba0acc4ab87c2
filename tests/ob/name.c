/*
 * name.c - tests of the name space: what has a name and for how long, and what paths lead to.
 */
#include "tests/ob/object.h"
#include "tests/rtl/text_check.h"

/* ---- names ----------------------------------------------------------------------------------- */

TEST(ObNameFound, "ob/name/a-named-object-is-found", "OB-4")
{
    HANDLE First, Second;
    PVOID Object, Other;
    ULONG64 Bytes;
    TestObjectType();
    Bytes = TestObjectBytes();
    REQUIRE(NT_SUCCESS(TestInsert(L"\\KernelObjects\\Test", 0, &Object, &First)));
    /* The reference that Insert gave, the handle's, the name's. */
    CHECK_EQ(ObpHeader(Object)->PointerCount, 3);
    CHECK_STATUS(TestOpen(L"\\KernelObjects\\Test", 0, &Second), STATUS_SUCCESS);
    CHECK_NE(Second, First);
    CHECK_STATUS(ObReferenceObjectByHandle(Second, 0, TestObjectType(), KernelMode, &Other, NULL),
                 STATUS_SUCCESS);
    CHECK_EQ(Other, Object);
    CHECK_EQ(ObpHeader(Object)->HandleCount, 2);
    CHECK_EQ(ObpHeader(Object)->PointerCount, 5);
    TestRelease(Other);
    CHECK_STATUS(ZwClose(First), STATUS_SUCCESS);
    CHECK_STATUS(TestOpen(L"\\KernelObjects\\Test", 0, &First), STATUS_SUCCESS);
    ZwClose(First);
    ZwClose(Second);
    CHECK_STATUS(TestOpen(L"\\KernelObjects\\Test", 0, &First), STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_EQ(ObpHeader(Object)->PointerCount, 1);
    TestRelease(Object);
    CHECK_EQ(TestObjectBytes(), Bytes);
}

TEST(ObNameCase, "ob/name/case-counts-unless-the-caller-says-so", "OB-6")
{
    HANDLE First, Second, Third;
    PVOID Object, Other;
    REQUIRE(NT_SUCCESS(TestInsert(L"\\KernelObjects\\MixedCase", 0, &Object, &First)));
    CHECK_STATUS(TestOpen(L"\\KERNELOBJECTS\\mixedcase", OBJ_CASE_INSENSITIVE, &Second),
                 STATUS_SUCCESS);
    ZwClose(Second);
    CHECK_STATUS(TestOpen(L"\\KernelObjects\\mixedcase", 0, &Second), STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_STATUS(TestOpen(L"\\KERNELOBJECTS\\MixedCase", 0, &Second), STATUS_OBJECT_PATH_NOT_FOUND);
    CHECK_STATUS(TestInsert(L"\\KernelObjects\\mixedCASE", OBJ_CASE_INSENSITIVE, &Other, &Second),
                 STATUS_OBJECT_NAME_COLLISION);
    CHECK_STATUS(TestInsert(L"\\KernelObjects\\mixedCASE", 0, &Other, &Second), STATUS_SUCCESS);
    CHECK_NE(Other, Object);
    TestRelease(Other);
    CHECK_STATUS(TestInsert(L"\\KernelObjects\\mixedCASE", 0, &Other, &Third),
                 STATUS_OBJECT_NAME_COLLISION);
    TestRelease(Other);
    ZwClose(First);
    ZwClose(Second);
    TestRelease(Object);
}

TEST(ObNameOpenIf, "ob/name/openif-opens-what-has-the-name", "wdm_ob.h: OBJ_OPENIF")
{
    HANDLE First, Second, None;
    PVOID Object, Same, Other;
    TestObjectType();
    RtlZeroMemory(&TestObjectLog, sizeof(TestObjectLog));
    REQUIRE_EQ(TestInsert(L"\\KernelObjects\\Test", OBJ_OPENIF, &Object, &First), STATUS_SUCCESS);
    CHECK_STATUS(TestInsert(L"\\KernelObjects\\Test", OBJ_OPENIF, &Same, &Second),
                 STATUS_OBJECT_NAME_EXISTS);
    CHECK_EQ(Same, Object);
    CHECK_EQ(TestObjectLog.Deleted, 1); /* the one that was not needed */
    CHECK_STATUS(TestInsert(L"\\KernelObjects", OBJ_OPENIF, &Other, &None),
                 STATUS_OBJECT_TYPE_MISMATCH);
    CHECK_EQ(TestObjectLog.Deleted, 2);
    CHECK_STATUS(TestOpen(L"\\KernelObjects", 0, &None), STATUS_OBJECT_TYPE_MISMATCH);
    CHECK_EQ(ObpHeader(Object)->HandleCount, 2);
    ZwClose(First);
    ZwClose(Second);
    TestRelease(Object);
    TestRelease(Same);
    CHECK_EQ(TestObjectLog.Deleted, 3);
}

TEST(ObNamePermanent, "ob/name/a-permanent-object-keeps-its-name", "OB-4")
{
    HANDLE Handle;
    PVOID Object;
    ULONG64 Bytes;
    TestObjectType();
    Bytes = TestObjectBytes();
    REQUIRE(NT_SUCCESS(TestInsert(L"\\KernelObjects\\Stays", OBJ_PERMANENT, &Object, &Handle)));
    TestRelease(Object);
    ZwClose(Handle);
    REQUIRE(NT_SUCCESS(TestOpen(L"\\KernelObjects\\Stays", 0, &Handle)));
    /* Made temporary it keeps its name until the last handle is closed. */
    CHECK_STATUS(ZwMakeTemporaryObject(Handle), STATUS_SUCCESS);
    CHECK_EQ(ObpHeader(Object)->PointerCount, 2);
    ZwClose(Handle);
    CHECK_STATUS(TestOpen(L"\\KernelObjects\\Stays", 0, &Handle), STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_EQ(TestObjectBytes(), Bytes);
}

TEST(ObNameTemporary, "ob/name/made-temporary-without-a-handle-the-name-goes-at-once", "OB-4")
{
    HANDLE Handle;
    PVOID Object;
    REQUIRE(NT_SUCCESS(TestInsert(L"\\KernelObjects\\Stays", OBJ_PERMANENT, &Object, &Handle)));
    ZwClose(Handle);
    ObMakeTemporaryObject(Object);
    CHECK_STATUS(TestOpen(L"\\KernelObjects\\Stays", 0, &Handle), STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_EQ(ObpHeader(Object)->PointerCount, 1);
    ObMakeTemporaryObject(Object);
    CHECK_EQ(ObDereferenceObject(Object), 0);
    CHECK_STATUS(ZwMakeTemporaryObject((HANDLE)0x7FFFFFF0), STATUS_INVALID_HANDLE);
}

TEST(ObExclusive, "ob/name/exclusive-is-refused-to-objects-that-are-not", "wdm_ob.h: OBJ_EXCLUSIVE")
{
    HANDLE Handle, Other;
    PVOID Object;
    REQUIRE(NT_SUCCESS(TestInsert(L"\\KernelObjects\\Test", 0, &Object, &Handle)));
    CHECK_STATUS(TestOpen(L"\\KernelObjects\\Test", OBJ_EXCLUSIVE, &Other),
                 STATUS_INVALID_PARAMETER);
    CHECK_STATUS(ObOpenObjectByPointer(Object, OBJ_EXCLUSIVE, NULL, 0, NULL, KernelMode, &Other),
                 STATUS_INVALID_PARAMETER);
    ZwClose(Handle);
    TestRelease(Object);
    REQUIRE(NT_SUCCESS(TestInsert(L"\\KernelObjects\\Test", OBJ_EXCLUSIVE, &Object, &Handle)));
    CHECK_STATUS(TestOpen(L"\\KernelObjects\\Test", OBJ_EXCLUSIVE, &Other), STATUS_SUCCESS);
    ZwClose(Other);
    ZwClose(Handle);
    TestRelease(Object);
}

/* ---- paths ----------------------------------------------------------------------------------- */

TEST(ObPathErrors, "ob/path/each-way-to-be-wrong-has-its-status", "OB-9")
{
    static const struct {
        PCWSTR Path;
        NTSTATUS Status;
    } Cases[] = {
        {L"", STATUS_OBJECT_PATH_SYNTAX_BAD},
        {L"KernelObjects", STATUS_OBJECT_PATH_SYNTAX_BAD},
        {L"\\KernelObjects\\Nothing", STATUS_OBJECT_NAME_NOT_FOUND},
        {L"\\Nothing", STATUS_OBJECT_NAME_NOT_FOUND},
        {L"\\Nothing\\Test", STATUS_OBJECT_PATH_NOT_FOUND},
        {L"\\KernelObjects\\Test\\Below", STATUS_OBJECT_PATH_INVALID},
        {L"\\KernelObjects\\\\Test", STATUS_OBJECT_NAME_INVALID},
        {L"\\\\KernelObjects", STATUS_OBJECT_NAME_INVALID},
        {L"\\KernelObjects\\", STATUS_OBJECT_NAME_INVALID},
        {L"\\", STATUS_OBJECT_TYPE_MISMATCH},
        {L"\\KernelObjects", STATUS_OBJECT_TYPE_MISMATCH},
    };
    HANDLE Handle, Other;
    PVOID Object;
    REQUIRE(NT_SUCCESS(TestInsert(L"\\KernelObjects\\Test", 0, &Object, &Handle)));
    for (ULONG i = 0; i < RTL_NUMBER_OF(Cases); i++) {
        CHECK_STATUS(TestOpen(Cases[i].Path, 0, &Other), Cases[i].Status);
        CHECK_EQ(Other, NULL);
    }
    TestRelease(Object);
    CHECK_STATUS(TestInsert(L"\\Nothing\\Test", 0, &Object, &Other), STATUS_OBJECT_PATH_NOT_FOUND);
    CHECK_STATUS(TestInsert(L"\\KernelObjects\\", 0, &Object, &Other), STATUS_OBJECT_NAME_INVALID);
    CHECK_STATUS(TestInsert(L"\\", 0, &Object, &Other), STATUS_OBJECT_NAME_COLLISION);
    CHECK_STATUS(TestInsert(L"Test", 0, &Object, &Other), STATUS_OBJECT_PATH_SYNTAX_BAD);
    ZwClose(Handle);
}

TEST(ObAttributes, "ob/path/attributes-are-checked", "DDI ntifs ZwCreateEvent")
{
    UNICODE_STRING Odd = {3, 4, (PWSTR)L"\\x"}, None = {4, 4, NULL}, Good = {4, 4, (PWSTR)L"\\x"};
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Handle;
    InitializeObjectAttributes(&Attributes, &Good, 0, NULL, NULL);
    CHECK_STATUS(ObpCheckAttributes(&Attributes), STATUS_SUCCESS);
    Attributes.Attributes = OBJ_VALID_ATTRIBUTES + 1;
    CHECK_STATUS(ObpCheckAttributes(&Attributes), STATUS_INVALID_PARAMETER);
    Attributes.Attributes = OBJ_EXCLUSIVE | OBJ_INHERIT;
    CHECK_STATUS(ObpCheckAttributes(&Attributes), STATUS_INVALID_PARAMETER);
    Attributes.Attributes = 0;
    Attributes.Length = sizeof(Attributes) - 8;
    CHECK_STATUS(ObpCheckAttributes(&Attributes), STATUS_INVALID_PARAMETER);
    InitializeObjectAttributes(&Attributes, &Odd, 0, NULL, NULL);
    CHECK_STATUS(ObpCheckAttributes(&Attributes), STATUS_OBJECT_NAME_INVALID);
    Attributes.ObjectName = &None;
    CHECK_STATUS(ObpCheckAttributes(&Attributes), STATUS_OBJECT_NAME_INVALID);
    Attributes.ObjectName = NULL;
    CHECK_STATUS(ObpCheckAttributes(&Attributes), STATUS_SUCCESS);
    CHECK_STATUS(ZwOpenDirectoryObject(&Handle, 0, &Attributes), STATUS_OBJECT_PATH_SYNTAX_BAD);
    CHECK_STATUS(ZwOpenDirectoryObject(&Handle, 0, NULL), STATUS_INVALID_PARAMETER);
}

/* ---- directories ----------------------------------------------------------------------------- */

static NTSTATUS OpenDirectory(PCWSTR Name, HANDLE Root, ULONG Flags, BOOLEAN Create,
                              PHANDLE Directory)
{
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Text;
    *Directory = NULL;
    RtlInitUnicodeString(&Text, Name);
    InitializeObjectAttributes(&Attributes, &Text, Flags, Root, NULL);
    return Create ? ZwCreateDirectoryObject(Directory, DIRECTORY_ALL_ACCESS, &Attributes)
                  : ZwOpenDirectoryObject(Directory, DIRECTORY_QUERY, &Attributes);
}

TEST(ObDirectories, "ob/directory/a-directory-of-a-drivers-own", "DDI wdm ZwCreateDirectoryObject")
{
    HANDLE Outer, Inner, Again, None;
    ULONG64 Bytes = TestObjectBytes();
    REQUIRE(NT_SUCCESS(OpenDirectory(L"\\Outer", NULL, 0, TRUE, &Outer)));
    REQUIRE(NT_SUCCESS(OpenDirectory(L"Inner", Outer, 0, TRUE, &Inner)));
    CHECK_STATUS(OpenDirectory(L"\\Outer", NULL, 0, TRUE, &None), STATUS_OBJECT_NAME_COLLISION);
    CHECK_STATUS(OpenDirectory(L"\\Outer\\Inner", NULL, OBJ_OPENIF, TRUE, &Again),
                 STATUS_OBJECT_NAME_EXISTS);
    ZwClose(Again);
    CHECK_STATUS(OpenDirectory(L"\\Outer\\Inner", NULL, 0, FALSE, &Again), STATUS_SUCCESS);
    CHECK_STATUS(OpenDirectory(L"\\Inner", Outer, 0, FALSE, &None), STATUS_OBJECT_PATH_SYNTAX_BAD);
    CHECK_STATUS(OpenDirectory(L"", Outer, 0, FALSE, &None), STATUS_OBJECT_NAME_INVALID);
    CHECK_STATUS(OpenDirectory(L"x", (HANDLE)0x7FFFFFF0, 0, FALSE, &None), STATUS_INVALID_HANDLE);
    /* The outer one has lost its name, but what is in it is still there. */
    ZwClose(Outer);
    CHECK_STATUS(OpenDirectory(L"\\Outer", NULL, 0, FALSE, &None), STATUS_OBJECT_NAME_NOT_FOUND);
    ZwClose(Inner);
    ZwClose(Again);
    CHECK_EQ(TestObjectBytes(), Bytes);
}

TEST(ObDirectoryRoot, "ob/directory/only-directories-are-roots", "wdm_ob.h: OBJECT_ATTRIBUTES")
{
    HANDLE Handle, None;
    PVOID Object;
    REQUIRE(NT_SUCCESS(TestInsert(NULL, 0, &Object, &Handle)));
    CHECK_STATUS(OpenDirectory(L"x", Handle, 0, FALSE, &None), STATUS_OBJECT_TYPE_MISMATCH);
    CHECK_STATUS(OpenDirectory(L"x", Handle, 0, TRUE, &None), STATUS_OBJECT_TYPE_MISMATCH);
    ZwClose(Handle);
    TestRelease(Object);
}

TEST(ObDirectoryMany, "ob/directory/hundreds-of-names-in-one", "OB-6")
{
    static HANDLE Handles[300];
    WCHAR Text[64];
    PVOID Object;
    TestObjectType();
    ULONG64 Bytes = TestObjectBytes();
    for (ULONG i = 0; i < RTL_NUMBER_OF(Handles); i++) {
        UNICODE_STRING Name = {0, sizeof(Text), Text}, Number = {0, 32, (WCHAR[16]){0}};
        RtlIntegerToUnicodeString(i, 10, &Number);
        RtlAppendUnicodeToString(&Name, L"\\KernelObjects\\Many");
        RtlAppendUnicodeStringToString(&Name, &Number);
        Text[Name.Length / 2] = 0;
        REQUIRE(NT_SUCCESS(TestInsert(Text, 0, &Object, &Handles[i])));
        TestRelease(Object);
    }
    HANDLE Handle;
    CHECK_STATUS(TestOpen(L"\\KernelObjects\\Many299", 0, &Handle), STATUS_SUCCESS);
    ZwClose(Handle);
    for (ULONG i = 0; i < RTL_NUMBER_OF(Handles); i++) {
        ZwClose(Handles[i]);
    }
    CHECK_STATUS(TestOpen(L"\\KernelObjects\\Many0", 0, &Handle), STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_EQ(TestObjectBytes(), Bytes);
}

TEST(ObDirectoriesStart, "ob/directory/those-of-the-system-are-there", "ob.h: ObInitialize")
{
    static const PCWSTR Names[] = {L"\\",   L"\\KernelObjects", L"\\Device", L"\\DosDevices",
                                   L"\\??", L"\\ObjectTypes"};
    for (ULONG i = 0; i < RTL_NUMBER_OF(Names); i++) {
        HANDLE Handle;
        CHECK_STATUS(OpenDirectory(Names[i], NULL, 0, FALSE, &Handle), STATUS_SUCCESS);
        ZwClose(Handle);
    }
}

/* ---- symbolic links -------------------------------------------------------------------------- */

static NTSTATUS MakeLink(PCWSTR Name, PCWSTR Target)
{
    UNICODE_STRING NameText, TargetText;
    RtlInitUnicodeString(&NameText, Name);
    RtlInitUnicodeString(&TargetText, Target);
    return IoCreateSymbolicLink(&NameText, &TargetText);
}

static NTSTATUS DeleteLink(PCWSTR Name)
{
    UNICODE_STRING Text;
    RtlInitUnicodeString(&Text, Name);
    return IoDeleteSymbolicLink(&Text);
}

static NTSTATUS OpenLink(PCWSTR Name, PHANDLE Link)
{
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Text;
    *Link = NULL;
    RtlInitUnicodeString(&Text, Name);
    InitializeObjectAttributes(&Attributes, &Text, OBJ_CASE_INSENSITIVE, NULL, NULL);
    return ZwOpenSymbolicLinkObject(Link, GENERIC_READ, &Attributes);
}

TEST(ObLinkFollowed, "ob/link/a-path-leads-through-it", "wdm_ob.h: IoCreateSymbolicLink")
{
    HANDLE Handle, Other;
    PVOID Object, Found;
    ULONG64 Bytes;
    TestObjectType();
    Bytes = TestObjectBytes();
    CHECK_STATUS(MakeLink(L"\\DosDevices\\TEST1", L"\\KernelObjects\\Test"), STATUS_SUCCESS);
    CHECK_STATUS(MakeLink(L"\\??\\ToKernel", L"\\KernelObjects"), STATUS_SUCCESS);
    CHECK_STATUS(TestOpen(L"\\??\\TEST1", 0, &Other), STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_STATUS(TestInsert(L"\\KernelObjects\\Test", 0, &Object, &Handle), STATUS_SUCCESS);
    CHECK_STATUS(TestOpen(L"\\??\\TEST1", 0, &Other), STATUS_SUCCESS);
    ZwClose(Other);
    CHECK_STATUS(TestOpen(L"\\dosdevices\\ToKernel\\test", OBJ_CASE_INSENSITIVE, &Other),
                 STATUS_SUCCESS);
    if (Other != NULL) {
        CHECK_STATUS(ObReferenceObjectByHandle(Other, 0, NULL, KernelMode, &Found, NULL),
                     STATUS_SUCCESS);
        CHECK_EQ(Found, Object);
        TestRelease(Found);
        ZwClose(Other);
    }
    CHECK_STATUS(TestInsert(L"\\DosDevices\\TEST1", OBJ_OPENIF, &Found, &Other),
                 STATUS_OBJECT_NAME_EXISTS);
    CHECK_EQ(Found, Object);
    TestRelease(Found);
    ZwClose(Other);
    CHECK_STATUS(TestInsert(L"\\DosDevices\\TEST1", 0, &Found, &Other),
                 STATUS_OBJECT_NAME_COLLISION);
    TestRelease(Found);
    ZwClose(Handle);
    TestRelease(Object);
    CHECK_STATUS(DeleteLink(L"\\DosDevices\\test1"), STATUS_SUCCESS);
    CHECK_STATUS(DeleteLink(L"\\DosDevices\\test1"), STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_STATUS(DeleteLink(L"\\??\\ToKernel"), STATUS_SUCCESS);
    CHECK_EQ(TestObjectBytes(), Bytes);
}

TEST(ObLinkItself, "ob/link/openlink-and-dont-reparse-do-not-follow", "wdm_ob.h: OBJ_OPENLINK")
{
    HANDLE Handle;
    CHECK_STATUS(MakeLink(L"\\??\\Link", L"\\KernelObjects"), STATUS_SUCCESS);
    CHECK_STATUS(OpenDirectory(L"\\??\\Link", NULL, 0, FALSE, &Handle), STATUS_SUCCESS);
    ZwClose(Handle);
    CHECK_STATUS(OpenDirectory(L"\\??\\Link", NULL, OBJ_OPENLINK, FALSE, &Handle),
                 STATUS_OBJECT_TYPE_MISMATCH);
    CHECK_STATUS(OpenDirectory(L"\\??\\Link", NULL, OBJ_DONT_REPARSE, FALSE, &Handle),
                 STATUS_REPARSE_POINT_ENCOUNTERED);
    CHECK_STATUS(OpenDirectory(L"\\??", NULL, OBJ_DONT_REPARSE, FALSE, &Handle), STATUS_SUCCESS);
    ZwClose(Handle);
    CHECK_STATUS(DeleteLink(L"\\KernelObjects"), STATUS_OBJECT_TYPE_MISMATCH);
    CHECK_STATUS(DeleteLink(L"\\??\\Link"), STATUS_SUCCESS);
}

TEST(ObLinkRing, "ob/link/rings-and-endless-paths-end", "wdm_ob.h: IoCreateSymbolicLink")
{
    HANDLE Handle;
    TestObjectType();
    ULONG64 Bytes = TestObjectBytes();
    CHECK_STATUS(MakeLink(L"\\??\\A", L"\\??\\B"), STATUS_SUCCESS);
    CHECK_STATUS(MakeLink(L"\\??\\B", L"\\??\\A"), STATUS_SUCCESS);
    CHECK_STATUS(MakeLink(L"\\??\\C", L"\\??\\C\\more"), STATUS_SUCCESS);
    CHECK_STATUS(MakeLink(L"\\??\\D", L"nowhere"), STATUS_SUCCESS);
    CHECK_STATUS(TestOpen(L"\\??\\A", 0, &Handle), STATUS_OBJECT_NAME_INVALID);
    CHECK_STATUS(TestOpen(L"\\??\\C", 0, &Handle), STATUS_OBJECT_NAME_INVALID);
    CHECK_STATUS(TestOpen(L"\\??\\D", 0, &Handle), STATUS_OBJECT_PATH_SYNTAX_BAD);
    CHECK_STATUS(DeleteLink(L"\\??\\A"), STATUS_SUCCESS);
    CHECK_STATUS(DeleteLink(L"\\??\\B"), STATUS_SUCCESS);
    CHECK_STATUS(DeleteLink(L"\\??\\C"), STATUS_SUCCESS);
    CHECK_STATUS(DeleteLink(L"\\??\\D"), STATUS_SUCCESS);
    CHECK_STATUS(MakeLink(L"\\??\\A", L""), STATUS_OBJECT_NAME_INVALID);
    CHECK_EQ(TestObjectBytes(), Bytes);
}

TEST(ObLinkLong, "ob/link/a-path-that-grows-too-long-is-refused", "STATUS_NAME_TOO_LONG")
{
    static WCHAR Long[0x7FF0];
    UNICODE_STRING Name, Target = {sizeof(Long), sizeof(Long), Long};
    HANDLE Handle;
    Long[0] = L'\\';
    for (ULONG i = 1; i < RTL_NUMBER_OF(Long); i++) {
        Long[i] = L'x';
    }
    RtlInitUnicodeString(&Name, L"\\??\\Long");
    CHECK_STATUS(IoCreateSymbolicLink(&Name, &Target), STATUS_SUCCESS);
    CHECK_STATUS(TestOpen(L"\\??\\Long", 0, &Handle), STATUS_OBJECT_NAME_NOT_FOUND);
    CHECK_STATUS(TestOpen(L"\\??\\Long\\sixteen-letters-and-more", 0, &Handle),
                 STATUS_NAME_TOO_LONG);
    CHECK_STATUS(IoDeleteSymbolicLink(&Name), STATUS_SUCCESS);
}

TEST(ObLinkQuery, "ob/link/its-target-can-be-read", "DDI wdm ZwQuerySymbolicLinkObject")
{
    WCHAR Text[16];
    UNICODE_STRING Target = {0, sizeof(Text), Text}, Short = {0, 4, Text};
    ULONG Length = 0;
    HANDLE Link, Directory;
    REQUIRE(NT_SUCCESS(OpenLink(L"\\dosdevices", &Link)));
    CHECK_STATUS(ZwQuerySymbolicLinkObject(Link, &Target, NULL), STATUS_SUCCESS);
    CHECK_UNICODE(Target, L"\\??");
    CHECK_STATUS(ZwQuerySymbolicLinkObject(Link, &Short, &Length), STATUS_BUFFER_TOO_SMALL);
    CHECK_EQ(Length, 6);
    CHECK_EQ(Short.Length, 0);
    ZwClose(Link);
    CHECK_STATUS(OpenLink(L"\\KernelObjects", &Link), STATUS_OBJECT_TYPE_MISMATCH);
    REQUIRE(NT_SUCCESS(OpenDirectory(L"\\", NULL, 0, FALSE, &Directory)));
    CHECK_STATUS(ZwQuerySymbolicLinkObject(Directory, &Target, NULL), STATUS_OBJECT_TYPE_MISMATCH);
    ZwClose(Directory);
}

/* ---- ObQueryNameString ----------------------------------------------------------------------- */

typedef struct _NAME_BUFFER {
    OBJECT_NAME_INFORMATION Information;
    WCHAR Text[64];
} NAME_BUFFER;

static VOID CheckName(PVOID Object, PCWSTR Expected)
{
    NAME_BUFFER Buffer;
    POBJECT_NAME_INFORMATION Name = &Buffer.Information;
    ULONG Needed, Length = (ULONG)(wcslen(Expected) * sizeof(WCHAR));
    ULONG Size = sizeof(*Name) + Length + (Length != 0 ? sizeof(WCHAR) : 0);
    CHECK_STATUS(ObQueryNameString(Object, NULL, 0, &Needed), STATUS_INFO_LENGTH_MISMATCH);
    CHECK_EQ(Needed, Size);
    Buffer.Text[Length / 2 + 1] = 0x1234;
    CHECK_STATUS(ObQueryNameString(Object, Name, Size - 1, &Needed), STATUS_INFO_LENGTH_MISMATCH);
    CHECK_STATUS(ObQueryNameString(Object, Name, Size, &Needed), STATUS_SUCCESS);
    CHECK_EQ(Needed, Size);
    CHECK_EQ(Name->Name.Length, Length);
    CHECK_EQ(Name->Name.MaximumLength, Length != 0 ? Length + 2 : 0);
    CHECK_EQ(Name->Name.Buffer, Length != 0 ? Buffer.Text : NULL);
    CHECK_EQ(Buffer.Text[Length / 2 + 1], 0x1234);
    if (Length != 0) {
        CHECK_UNICODE(Name->Name, Expected);
        CHECK_EQ(Buffer.Text[Length / 2], 0);
    }
}

TEST(ObQueryName, "ob/query-name/the-whole-path", "DDI ntifs ObQueryNameString")
{
    HANDLE Handle;
    PVOID Object;
    REQUIRE(NT_SUCCESS(TestInsert(L"\\DosDevices\\Nul", 0, &Object, &Handle)));
    CheckName(Object, L"\\??\\Nul");
    ZwClose(Handle);
    CheckName(Object, L"");
    TestRelease(Object);
    CheckName(ObpRoot, L"\\");
    CheckName(TestObjectType(), L"\\ObjectTypes\\Test");
}

TEST(ObQueryNameLost, "ob/query-name/in-a-directory-without-a-name", "wdm_ob.h: ObQueryNameString")
{
    HANDLE Outer, Inner;
    PVOID Directory;
    REQUIRE(NT_SUCCESS(OpenDirectory(L"\\Outer", NULL, 0, TRUE, &Outer)));
    REQUIRE(NT_SUCCESS(OpenDirectory(L"Inner", Outer, 0, TRUE, &Inner)));
    REQUIRE(NT_SUCCESS(
        ObReferenceObjectByHandle(Inner, 0, ObpDirectoryType, KernelMode, &Directory, NULL)));
    CheckName(Directory, L"\\Outer\\Inner");
    ZwClose(Outer);
    CheckName(Directory, L"...\\Inner");
    TestRelease(Directory);
    ZwClose(Inner);
}
