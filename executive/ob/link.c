/*
 * link.c - symbolic links: an object that stands for the text of another path (lookup.c).
 */
#include "executive/ob/ob.h"
#include "kernel/rtl/section.h"

#define TAG_LINK   'bmyS' /* Symb */
#define TAG_TARGET 'tmyS' /* Symt */

POBJECT_TYPE ObpLinkType;

static VOID ObpDeleteLink(PVOID Object)
{
    POBP_LINK Link = Object;
    if (Link->Target.Buffer != NULL) {
        ExFreePoolWithTag(Link->Target.Buffer, TAG_TARGET);
    }
}

INIT VOID ObpCreateLinkType(VOID)
{
    static const OBJECT_TYPE_INITIALIZER Info = {
        .Name = L"SymbolicLink",
        .Tag = TAG_LINK,
        .BodySize = sizeof(OBP_LINK),
        .ValidAccess = SYMBOLIC_LINK_ALL_ACCESS,
        .GenericMapping = {STANDARD_RIGHTS_READ | SYMBOLIC_LINK_QUERY, STANDARD_RIGHTS_WRITE,
                           STANDARD_RIGHTS_EXECUTE | SYMBOLIC_LINK_QUERY, SYMBOLIC_LINK_ALL_ACCESS},
        .Delete = ObpDeleteLink,
    };
    ObpLinkType = ObpCreateType(&Info);
}

static POBP_LINK ObpAllocateLink(PCUNICODE_STRING Target)
{
    POBP_LINK Link = ObpAllocateObject(ObpLinkType);
    if (Link == NULL) {
        return NULL;
    }
    PWSTR Buffer = ExAllocatePoolWithTag(PagedPool, Target->Length, TAG_TARGET);
    if (Buffer == NULL) {
        ObfDereferenceObject(Link);
        return NULL;
    }
    RtlInitEmptyUnicodeString(&Link->Target, Buffer, Target->Length);
    RtlCopyUnicodeString(&Link->Target, Target);
    return Link;
}

NTSTATUS NTAPI IoCreateSymbolicLink(PUNICODE_STRING SymbolicLinkName, PUNICODE_STRING DeviceName)
{
    OBJECT_ATTRIBUTES Attributes;
    KiRequireIrql(PASSIVE_LEVEL);
    if (DeviceName->Length == 0 || DeviceName->Length % sizeof(WCHAR) != 0) {
        return STATUS_OBJECT_NAME_INVALID;
    }
    POBP_LINK Link = ObpAllocateLink(DeviceName);
    if (Link == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    InitializeObjectAttributes(&Attributes, SymbolicLinkName, OBJ_CASE_INSENSITIVE, NULL, NULL);
    return ObpInsertPermanent(Link, &Attributes);
}
EXPORT(IoCreateSymbolicLink);

static NTSTATUS ObpOpenLink(POBJECT_ATTRIBUTES ObjectAttributes, ACCESS_MASK DesiredAccess,
                            PHANDLE LinkHandle)
{
    return ObpOpenByName(ObjectAttributes, ObpLinkType, DesiredAccess, LinkHandle);
}

NTSTATUS NTAPI IoDeleteSymbolicLink(PUNICODE_STRING SymbolicLinkName)
{
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Handle;
    PVOID Link;
    KiRequireIrql(PASSIVE_LEVEL);
    InitializeObjectAttributes(&Attributes, SymbolicLinkName,
                               OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    NTSTATUS Status = ObpOpenLink(&Attributes, DELETE, &Handle);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = ObReferenceObjectByHandle(Handle, DELETE, ObpLinkType, KernelMode, &Link, NULL);
    if (NT_SUCCESS(Status)) {
        ObMakeTemporaryObject(Link);
        ObfDereferenceObject(Link);
    }
    ObCloseHandle(Handle, KernelMode);
    return Status;
}
EXPORT(IoDeleteSymbolicLink);

NTSTATUS NTAPI ZwOpenSymbolicLinkObject(PHANDLE LinkHandle, ACCESS_MASK DesiredAccess,
                                        POBJECT_ATTRIBUTES ObjectAttributes)
{
    ObpRequireZw(__builtin_return_address(0));
    return ObpOpenLink(ObjectAttributes, DesiredAccess, LinkHandle);
}
EXPORT(ZwOpenSymbolicLinkObject);

NTSTATUS NTAPI ZwQuerySymbolicLinkObject(HANDLE LinkHandle, PUNICODE_STRING LinkTarget,
                                         PULONG ReturnedLength)
{
    POBP_LINK Link;
    ObpRequireZw(__builtin_return_address(0));
    NTSTATUS Status = ObReferenceObjectByHandle(LinkHandle, SYMBOLIC_LINK_QUERY, ObpLinkType,
                                                KernelMode, (PVOID *)&Link, NULL);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (ReturnedLength != NULL) {
        *ReturnedLength = Link->Target.Length;
    }
    if (Link->Target.Length <= LinkTarget->MaximumLength) {
        RtlCopyUnicodeString(LinkTarget, &Link->Target);
    } else {
        Status = STATUS_BUFFER_TOO_SMALL;
    }
    ObfDereferenceObject(Link);
    return Status;
}
EXPORT(ZwQuerySymbolicLinkObject);
