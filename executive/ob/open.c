/*
 * open.c - making objects known by name and by handle, and opening them. OB-2, OB-4.
 */
#include "executive/ob/ob.h"
#include "kernel/rtl/section.h"

#define HANDLE_ATTRIBUTES (OBJ_INHERIT | OBJ_EXCLUSIVE | OBJ_KERNEL_HANDLE | OBJ_FORCE_ACCESS_CHECK)

/* ---- counts ---------------------------------------------------------------------------------- */

/* The name lock is held, or the object never had a name. */
static VOID ObpAddHandle(POBJECT_HEADER Header)
{
    ObfReferenceObject(ObpBody(Header));
    __atomic_add_fetch(&Header->HandleCount, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&Header->Type->Handles, 1, __ATOMIC_RELAXED);
}

VOID ObpCountHandle(POBJECT_HEADER Header)
{
    BOOLEAN Named = (Header->Flags & OBP_NAMED) != 0;
    if (Named) {
        ObpLockNames();
    }
    ObpAddHandle(Header);
    if (Named) {
        ObpUnlockNames();
    }
}

LONG64 ObpUncountHandle(POBJECT_HEADER Header)
{
    BOOLEAN Named = (Header->Flags & OBP_NAMED) != 0;
    POBP_NAME Name = NULL;
    if (Named) {
        ObpLockNames();
    }
    LONG64 Left = __atomic_sub_fetch(&Header->HandleCount, 1, __ATOMIC_ACQ_REL);
    if (Named) {
        Name = ObpUnlinkName(Header);
        ObpUnlockNames();
    }
    ObpFreeUnlinkedName(Name);
    __atomic_sub_fetch(&Header->Type->Handles, 1, __ATOMIC_RELAXED);
    return Left;
}

/* Enters a handle that was counted, or undoes the count. Opened: as in ObpInsertObject. */
static NTSTATUS ObpEnterCounted(POBJECT_HEADER Header, ACCESS_MASK DesiredAccess, ULONG Attributes,
                                PVOID *Opened, PHANDLE Handle)
{
    OBP_HANDLE Entry = {ObpBody(Header), ObpMapAccess(Header->Type, DesiredAccess),
                        Attributes & HANDLE_ATTRIBUTES};
    if (Opened != NULL) {
        ObfReferenceObject(ObpBody(Header));
        *Opened = ObpBody(Header);
    }
    NTSTATUS Status = ObpEnterHandle(&Entry, Handle);
    if (!NT_SUCCESS(Status)) {
        ObpUncountHandle(Header);
        ObfDereferenceObject(ObpBody(Header));
        if (Opened != NULL) {
            ObfDereferenceObject(*Opened);
            *Opened = NULL;
        }
    }
    return Status;
}

/* ---- attributes ------------------------------------------------------------------------------ */

static NTSTATUS ObpCheckName(PCUNICODE_STRING Name, HANDLE RootDirectory)
{
    if (Name->Length % sizeof(WCHAR) != 0 || (Name->Length != 0 && Name->Buffer == NULL)) {
        return STATUS_OBJECT_NAME_INVALID;
    }
    if (Name->Length == 0 && RootDirectory == NULL) {
        return STATUS_OBJECT_PATH_SYNTAX_BAD;
    }
    return STATUS_SUCCESS;
}

NTSTATUS ObpCheckAttributes(const OBJECT_ATTRIBUTES *Attributes)
{
    ULONG Both = OBJ_EXCLUSIVE | OBJ_INHERIT;
    if (Attributes->Length != sizeof(*Attributes) ||
        (Attributes->Attributes & ~OBJ_VALID_ATTRIBUTES) != 0 ||
        (Attributes->Attributes & Both) == Both) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Attributes->ObjectName == NULL) {
        return STATUS_SUCCESS;
    }
    return ObpCheckName(Attributes->ObjectName, Attributes->RootDirectory);
}

/* The directory that a path is relative to, with a reference; NULL for the root of all. */
static NTSTATUS ObpReferenceRoot(const OBJECT_ATTRIBUTES *Attributes, POBP_DIRECTORY *Root)
{
    PVOID Directory = NULL;
    NTSTATUS Status = STATUS_SUCCESS;
    if (Attributes->RootDirectory != NULL) {
        Status = ObReferenceObjectByHandle(Attributes->RootDirectory, 0, ObpDirectoryType,
                                           KernelMode, &Directory, NULL);
    }
    *Root = Directory;
    return Status;
}

static VOID ObpDereferenceRoot(POBP_DIRECTORY Root)
{
    if (Root != NULL) {
        ObfDereferenceObject(Root);
    }
}

/* ---- by name --------------------------------------------------------------------------------- */

/* Whether what was found may be opened as Type with Attributes. */
static NTSTATUS ObpMayOpen(POBJECT_HEADER Header, POBJECT_TYPE Type, ULONG Attributes)
{
    if (Header->Type != Type) {
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    if ((Attributes & OBJ_EXCLUSIVE) && !(Header->Flags & OBP_EXCLUSIVE)) {
        return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

/* Gives a new object the name that was looked up and not found. The lock is held. */
static NTSTATUS ObpPlace(POBJECT_HEADER Header, POBP_LOOKUP Lookup, ULONG Attributes)
{
    POBP_NAME Name = ObpAllocateName(&Lookup->Last);
    if (Name == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Header->Flags |= Attributes & OBJ_PERMANENT ? OBP_PERMANENT : 0;
    Header->Flags |= Attributes & OBJ_EXCLUSIVE ? OBP_EXCLUSIVE : 0;
    ObpLinkName(Lookup->Directory, Name, Header);
    return STATUS_SUCCESS;
}

/* Names *Header, or with OBJ_OPENIF finds the one that has the name. The lock is held. */
static NTSTATUS ObpNameOrFind(POBJECT_HEADER *Header, POBP_DIRECTORY Root,
                              const OBJECT_ATTRIBUTES *Attributes)
{
    OBP_LOOKUP Lookup;
    /* With OBJ_OPENIF a link leads on to what it means; else it is just a name that is taken. */
    BOOLEAN OpenLink = !(Attributes->Attributes & OBJ_OPENIF) || (*Header)->Type == ObpLinkType;
    NTSTATUS Status =
        ObpLookup(Attributes->ObjectName, Root, Attributes->Attributes, OpenLink, &Lookup);
    if (NT_SUCCESS(Status) && Lookup.Found == NULL) {
        Status = ObpPlace(*Header, &Lookup, Attributes->Attributes);
    } else if (NT_SUCCESS(Status) && !(Attributes->Attributes & OBJ_OPENIF)) {
        Status = STATUS_OBJECT_NAME_COLLISION;
    } else if (NT_SUCCESS(Status)) {
        Status = ObpMayOpen(Lookup.Found, (*Header)->Type, Attributes->Attributes);
        *Header = Lookup.Found;
        Status = NT_SUCCESS(Status) ? STATUS_OBJECT_NAME_EXISTS : Status;
    }
    ObpEndLookup(&Lookup);
    return Status;
}

/* The same, with the handle counted in one step with it if one is to be opened (OB-4). */
static NTSTATUS ObpNameObject(POBJECT_HEADER *Header, const OBJECT_ATTRIBUTES *Attributes,
                              BOOLEAN Count)
{
    POBP_DIRECTORY Root;
    NTSTATUS Status = ObpReferenceRoot(Attributes, &Root);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    ObpLockNames();
    Status = ObpNameOrFind(Header, Root, Attributes);
    if (NT_SUCCESS(Status) && Count) {
        ObpAddHandle(*Header);
    }
    ObpUnlockNames();
    ObpDereferenceRoot(Root);
    return Status;
}

NTSTATUS ObpInsertObject(PVOID Object, POBJECT_ATTRIBUTES ObjectAttributes,
                         ACCESS_MASK DesiredAccess, PVOID *Opened, PHANDLE Handle)
{
    POBJECT_HEADER Header = ObpHeader(Object);
    ULONG Attributes = ObjectAttributes != NULL ? ObjectAttributes->Attributes : 0;
    NTSTATUS Status =
        ObjectAttributes != NULL ? ObpCheckAttributes(ObjectAttributes) : STATUS_SUCCESS;
    if (NT_SUCCESS(Status) && ObjectAttributes != NULL && ObjectAttributes->ObjectName != NULL) {
        Status = ObpNameObject(&Header, ObjectAttributes, TRUE);
    } else if (NT_SUCCESS(Status)) {
        Header->Flags |= Attributes & OBJ_EXCLUSIVE ? OBP_EXCLUSIVE : 0;
        ObpAddHandle(Header);
    }
    if (NT_SUCCESS(Status)) {
        NTSTATUS Entered = ObpEnterCounted(Header, DesiredAccess, Attributes, Opened, Handle);
        Status = NT_SUCCESS(Entered) ? Status : Entered;
    }
    ObfDereferenceObject(Object);
    return Status;
}

NTSTATUS ObpInsertPermanent(PVOID Object, POBJECT_ATTRIBUTES ObjectAttributes)
{
    POBJECT_HEADER Header = ObpHeader(Object);
    NTSTATUS Status = ObpCheckAttributes(ObjectAttributes);
    if (NT_SUCCESS(Status)) {
        ObjectAttributes->Attributes |= OBJ_PERMANENT;
        Status = ObpNameObject(&Header, ObjectAttributes, FALSE);
    }
    ObfDereferenceObject(Object);
    return Status;
}

/* Finds what has the name and counts a handle for it. */
static NTSTATUS ObpFindAndCount(const OBJECT_ATTRIBUTES *Attributes, POBP_DIRECTORY Root,
                                POBJECT_TYPE Type, POBJECT_HEADER *Header)
{
    OBP_LOOKUP Lookup;
    BOOLEAN OpenLink = Type == ObpLinkType || (Attributes->Attributes & OBJ_OPENLINK);
    ObpLockNames();
    NTSTATUS Status =
        ObpLookup(Attributes->ObjectName, Root, Attributes->Attributes, OpenLink, &Lookup);
    if (NT_SUCCESS(Status)) {
        Status = Lookup.Found == NULL ? STATUS_OBJECT_NAME_NOT_FOUND
                                      : ObpMayOpen(Lookup.Found, Type, Attributes->Attributes);
    }
    if (NT_SUCCESS(Status)) {
        *Header = Lookup.Found;
        ObpAddHandle(*Header);
    }
    ObpEndLookup(&Lookup);
    ObpUnlockNames();
    return Status;
}

NTSTATUS ObpOpenByName(POBJECT_ATTRIBUTES ObjectAttributes, POBJECT_TYPE Type,
                       ACCESS_MASK DesiredAccess, PHANDLE Handle)
{
    POBP_DIRECTORY Root;
    POBJECT_HEADER Header;
    if (ObjectAttributes == NULL || ObjectAttributes->ObjectName == NULL) {
        return ObjectAttributes == NULL ? STATUS_INVALID_PARAMETER : STATUS_OBJECT_PATH_SYNTAX_BAD;
    }
    NTSTATUS Status = ObpCheckAttributes(ObjectAttributes);
    if (NT_SUCCESS(Status)) {
        Status = ObpReferenceRoot(ObjectAttributes, &Root);
    }
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = ObpFindAndCount(ObjectAttributes, Root, Type, &Header);
    ObpDereferenceRoot(Root);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    return ObpEnterCounted(Header, DesiredAccess, ObjectAttributes->Attributes, NULL, Handle);
}

/* ---- by pointer ------------------------------------------------------------------------------ */

NTSTATUS NTAPI ObOpenObjectByPointer(PVOID Object, ULONG HandleAttributes, PVOID PassedAccessState,
                                     ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                                     KPROCESSOR_MODE AccessMode, PHANDLE Handle)
{
    POBJECT_HEADER Header = ObpHeader(Object);
    ULONG Both = OBJ_EXCLUSIVE | OBJ_INHERIT;
    BOOLEAN Checked = AccessMode != KernelMode || (HandleAttributes & OBJ_FORCE_ACCESS_CHECK);
    UNREFERENCED_PARAMETER(PassedAccessState);
    KiRequireIrql(APC_LEVEL);
    if ((HandleAttributes & ~HANDLE_ATTRIBUTES) != 0 || (HandleAttributes & Both) == Both) {
        return STATUS_INVALID_PARAMETER;
    }
    NTSTATUS Status = ObpMayOpen(
        Header, ObjectType == NULL && AccessMode == KernelMode ? Header->Type : ObjectType,
        HandleAttributes);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (Checked && (ObpMapAccess(Header->Type, DesiredAccess) & ~Header->Type->Info.ValidAccess)) {
        return STATUS_ACCESS_DENIED;
    }
    ObpCountHandle(Header);
    return ObpEnterCounted(Header, DesiredAccess, HandleAttributes, NULL, Handle);
}
EXPORT(ObOpenObjectByPointer);

NTSTATUS NTAPI ObOpenObjectByPointerWithTag(PVOID Object, ULONG HandleAttributes,
                                            PVOID PassedAccessState, ACCESS_MASK DesiredAccess,
                                            POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode,
                                            ULONG Tag, PHANDLE Handle)
{
    UNREFERENCED_PARAMETER(Tag);
    return ObOpenObjectByPointer(Object, HandleAttributes, PassedAccessState, DesiredAccess,
                                 ObjectType, AccessMode, Handle);
}
EXPORT(ObOpenObjectByPointerWithTag);
