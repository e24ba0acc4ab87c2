/*
 * type.c - the types of objects, which are objects themselves, and what is there from the start:
 * three types, the directories, and \DosDevices, which is another name of \??.
 */
#include "executive/ob/ob.h"
#include "kernel/rtl/section.h"

#define TAG_TYPE      'TjbO' /* ObjT */
#define TAG_DIRECTORY 'eriD' /* Dire */

POBJECT_TYPE ObpTypeType, ObpDirectoryType;

ACCESS_MASK ObpMapAccess(POBJECT_TYPE Type, ACCESS_MASK Desired)
{
    const GENERIC_MAPPING *Mapping = &Type->Info.GenericMapping;
    ACCESS_MASK Access =
        Desired & ~(GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE | GENERIC_ALL | MAXIMUM_ALLOWED);
    Access |= Desired & GENERIC_READ ? Mapping->GenericRead : 0;
    Access |= Desired & GENERIC_WRITE ? Mapping->GenericWrite : 0;
    Access |= Desired & GENERIC_EXECUTE ? Mapping->GenericExecute : 0;
    Access |= Desired & (GENERIC_ALL | MAXIMUM_ALLOWED) ? Mapping->GenericAll : 0;
    return Access;
}

/* What start-up needs is there, or the machine does not start. */
static VOID ObpMustSucceed(NTSTATUS Status)
{
    if (!NT_SUCCESS(Status)) {
        KeBugCheckEx(PHASE0_INITIALIZATION_FAILED, (ULONG_PTR)(LONG_PTR)Status, 0, 0, 0);
    }
}

static VOID ObpNameType(POBJECT_TYPE Type)
{
    OBJECT_ATTRIBUTES Attributes;
    WCHAR Text[64];
    UNICODE_STRING Name;
    RtlInitEmptyUnicodeString(&Name, Text, sizeof(Text));
    ObpMustSucceed(RtlAppendUnicodeToString(&Name, L"\\ObjectTypes\\"));
    ObpMustSucceed(RtlAppendUnicodeToString(&Name, Type->Info.Name));
    InitializeObjectAttributes(&Attributes, &Name, 0, NULL, NULL);
    ObpMustSucceed(ObpInsertPermanent(Type, &Attributes));
}

static POBJECT_TYPE ObpAllocateType(const OBJECT_TYPE_INITIALIZER *Info)
{
    POBJECT_TYPE Type = ObpAllocateObject(ObpTypeType);
    ObpMustSucceed(Type == NULL ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS);
    if (Type != NULL) {
        Type->Info = *Info;
    }
    return Type;
}

POBJECT_TYPE ObpCreateType(const OBJECT_TYPE_INITIALIZER *Info)
{
    POBJECT_TYPE Type = ObpAllocateType(Info);
    ObpNameType(Type);
    return Type;
}

/* The type of types is of its own type. */
static INIT VOID ObpCreateTypeType(VOID)
{
    OBJECT_TYPE First = {.Info = {
                             .Name = L"Type",
                             .Tag = TAG_TYPE,
                             .BodySize = sizeof(OBJECT_TYPE),
                             .ValidAccess = STANDARD_RIGHTS_ALL,
                             .GenericMapping = {STANDARD_RIGHTS_READ, STANDARD_RIGHTS_WRITE,
                                                STANDARD_RIGHTS_EXECUTE, STANDARD_RIGHTS_REQUIRED},
                         }};
    ObpTypeType = &First;
    POBJECT_TYPE Type = ObpAllocateType(&First.Info);
    Type->Objects = First.Objects;
    ObpHeader(Type)->Type = Type;
    ObpTypeType = Type;
}

static INIT VOID ObpCreateDirectoryType(VOID)
{
    static const OBJECT_TYPE_INITIALIZER Info = {
        .Name = L"Directory",
        .Tag = TAG_DIRECTORY,
        .BodySize = sizeof(OBP_DIRECTORY),
        .ValidAccess = DIRECTORY_ALL_ACCESS,
        .GenericMapping = {STANDARD_RIGHTS_READ | DIRECTORY_QUERY | DIRECTORY_TRAVERSE,
                           STANDARD_RIGHTS_WRITE | DIRECTORY_CREATE_OBJECT |
                               DIRECTORY_CREATE_SUBDIRECTORY,
                           STANDARD_RIGHTS_EXECUTE | DIRECTORY_QUERY | DIRECTORY_TRAVERSE,
                           DIRECTORY_ALL_ACCESS},
    };
    ObpDirectoryType = ObpAllocateType(&Info);
}

static INIT VOID ObpCreatePermanentDirectory(PCWSTR Path)
{
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Name;
    POBP_DIRECTORY Directory = ObpAllocateDirectory();
    RtlInitUnicodeString(&Name, Path);
    InitializeObjectAttributes(&Attributes, &Name, 0, NULL, NULL);
    ObpMustSucceed(Directory == NULL ? STATUS_INSUFFICIENT_RESOURCES
                                     : ObpInsertPermanent(Directory, &Attributes));
}

INIT VOID ObInitialize(VOID)
{
    UNICODE_STRING DosDevices, Target;
    ObpCreateTypeType();
    ObpCreateDirectoryType();
    ObpInitializeNames();
    ObpRoot = ObpAllocateDirectory();
    ObpMustSucceed(ObpRoot == NULL ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS);
    ObpCreatePermanentDirectory(L"\\ObjectTypes");
    ObpNameType(ObpTypeType);
    ObpNameType(ObpDirectoryType);
    ObpCreateLinkType();
    ObpCreatePermanentDirectory(L"\\KernelObjects");
    ObpCreatePermanentDirectory(L"\\Device");
    ObpCreatePermanentDirectory(L"\\??");
    RtlInitUnicodeString(&DosDevices, L"\\DosDevices");
    RtlInitUnicodeString(&Target, L"\\??");
    ObpMustSucceed(IoCreateSymbolicLink(&DosDevices, &Target));
}
