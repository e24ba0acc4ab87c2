/*
 * wdm_ob.h - objects: references, names, handles. Part of wdm.h.
 *
 * An object lives as long as its pointer count is not 0; each reference, each handle and its place
 * in the name space are one in it. Handles are multiples of 4; those opened with OBJ_KERNEL_HANDLE
 * have their upper 33 bits set. All belong to the one process. Routines with an AccessMode
 * check access in UserMode only; KernelMode may do everything.
 *
 * Misuse of a level is found in checked mode: bug check 0xC4/0xE5 (IRQL, 0, 0), in a ZwXxx routine
 * 0xC4/0xE6 (caller, IRQL, special APC disable count), which wants PASSIVE_LEVEL outside guarded
 * regions.
 */
#pragma once

#include <ntdef.h>
#include <wdm_wait.h>

typedef ULONG ACCESS_MASK, *PACCESS_MASK;
typedef struct _OBJECT_TYPE *POBJECT_TYPE;

/* ---- access rights --------------------------------------------------------------------------- */

#define DELETE                   0x00010000
#define READ_CONTROL             0x00020000
#define WRITE_DAC                0x00040000
#define WRITE_OWNER              0x00080000
#define SYNCHRONIZE              0x00100000
#define STANDARD_RIGHTS_REQUIRED 0x000F0000
#define STANDARD_RIGHTS_READ     READ_CONTROL
#define STANDARD_RIGHTS_WRITE    READ_CONTROL
#define STANDARD_RIGHTS_EXECUTE  READ_CONTROL
#define STANDARD_RIGHTS_ALL      0x001F0000
#define SPECIFIC_RIGHTS_ALL      0x0000FFFF
#define MAXIMUM_ALLOWED          0x02000000
#define GENERIC_READ             0x80000000U
#define GENERIC_WRITE            0x40000000
#define GENERIC_EXECUTE          0x20000000
#define GENERIC_ALL              0x10000000

#define DIRECTORY_QUERY               0x0001
#define DIRECTORY_TRAVERSE            0x0002
#define DIRECTORY_CREATE_OBJECT       0x0004
#define DIRECTORY_CREATE_SUBDIRECTORY 0x0008
#define DIRECTORY_ALL_ACCESS          (STANDARD_RIGHTS_REQUIRED | 0xF)

#define SYMBOLIC_LINK_QUERY      0x0001
#define SYMBOLIC_LINK_ALL_ACCESS (STANDARD_RIGHTS_REQUIRED | 0x1)

/* What the generic rights mean for a type of object. DDI wdm GENERIC_MAPPING. */
typedef struct _GENERIC_MAPPING {
    ACCESS_MASK GenericRead;
    ACCESS_MASK GenericWrite;
    ACCESS_MASK GenericExecute;
    ACCESS_MASK GenericAll;
} GENERIC_MAPPING, *PGENERIC_MAPPING;

/* ---- names and attributes -------------------------------------------------------------------- */

#define OBJ_INHERIT                       0x00000002 /* there is one process: means nothing */
#define OBJ_PERMANENT                     0x00000010 /* keeps its name without a handle */
#define OBJ_EXCLUSIVE                     0x00000020 /* opened only if created with it, too */
#define OBJ_CASE_INSENSITIVE              0x00000040
#define OBJ_OPENIF                        0x00000080 /* create: open what has the name already */
#define OBJ_OPENLINK                      0x00000100 /* open a symbolic link, not its target */
#define OBJ_KERNEL_HANDLE                 0x00000200
#define OBJ_FORCE_ACCESS_CHECK            0x00000400
#define OBJ_IGNORE_IMPERSONATED_DEVICEMAP 0x00000800
#define OBJ_DONT_REPARSE                  0x00001000 /* fail at a symbolic link */
#define OBJ_VALID_ATTRIBUTES              0x00001FF2

#define OBJ_NAME_PATH_SEPARATOR ((WCHAR)L'\\')

typedef struct _OBJECT_ATTRIBUTES {
    ULONG Length;
    HANDLE RootDirectory; /* NULL: ObjectName begins with a backslash; else without, from there */
    PUNICODE_STRING ObjectName;
    ULONG Attributes; /* OBJ_... */
    PVOID SecurityDescriptor;
    PVOID SecurityQualityOfService;
} OBJECT_ATTRIBUTES, *POBJECT_ATTRIBUTES;
_Static_assert(sizeof(OBJECT_ATTRIBUTES) == 0x30, "driver ABI");

/* DDI wudfwdm InitializeObjectAttributes. Any IRQL. */
FORCEINLINE VOID InitializeObjectAttributes(POBJECT_ATTRIBUTES Attributes, PUNICODE_STRING Name,
                                            ULONG Flags, HANDLE RootDirectory,
                                            PVOID SecurityDescriptor)
{
    Attributes->Length = sizeof(*Attributes);
    Attributes->RootDirectory = RootDirectory;
    Attributes->ObjectName = Name;
    Attributes->Attributes = Flags;
    Attributes->SecurityDescriptor = SecurityDescriptor;
    Attributes->SecurityQualityOfService = NULL;
}

typedef struct _OBJECT_NAME_INFORMATION {
    UNICODE_STRING Name;
} OBJECT_NAME_INFORMATION, *POBJECT_NAME_INFORMATION;

/*
 * The full name of an object, with a terminator, behind ObjectNameInfo; no Buffer and no Length
 * when it has none. ReturnLength gets the bytes used or needed: with fewer,
 * STATUS_INFO_LENGTH_MISMATCH. A directory above that has lost its name itself is written `...`.
 * STATUS_NAME_TOO_LONG: no UNICODE_STRING holds it. <= APC_LEVEL. DDI ntifs ObQueryNameString.
 */
NTSTATUS NTAPI ObQueryNameString(PVOID Object, POBJECT_NAME_INFORMATION ObjectNameInfo,
                                 ULONG Length, PULONG ReturnLength);

/*
 * Makes an object lose its name when, or because, it has no handle. <= APC_LEVEL. DDI ntifs.
 */
VOID NTAPI ObMakeTemporaryObject(PVOID Object);
/* The same by handle; STATUS_INVALID_HANDLE. PASSIVE_LEVEL. DDI wdm ZwMakeTemporaryObject. */
NTSTATUS NTAPI ZwMakeTemporaryObject(HANDLE Handle);

/* ---- references ------------------------------------------------------------------------------ */

/*
 * Counts one more reference and returns how many there are; a driver takes that for VOID. An object
 * whose count is 0 already is bug check 0x18 (type, object). <= DISPATCH_LEVEL. DDI wdm
 * ObfReferenceObject.
 */
LONG_PTR NTAPI ObfReferenceObject(PVOID Object);
LONG_PTR NTAPI ObfReferenceObjectWithTag(PVOID Object, ULONG Tag);

/*
 * Gives a reference back. The last one deletes the object: at once at PASSIVE_LEVEL, else on a
 * worker thread, as the DeferDelete routines always do. Bug check 0x18 (type, object): the count
 * was 0 already, or becomes 0 while there are handles. <= DISPATCH_LEVEL. DDI wdm
 * ObDereferenceObject, ObDereferenceObjectDeferDelete.
 */
LONG_PTR NTAPI ObfDereferenceObject(PVOID Object);
LONG_PTR NTAPI ObfDereferenceObjectWithTag(PVOID Object, ULONG Tag);
VOID NTAPI ObDereferenceObjectDeferDelete(PVOID Object);
VOID NTAPI ObDereferenceObjectDeferDeleteWithTag(PVOID Object, ULONG Tag);

/* Tags help to trace who holds what; nothing is traced here. Default: 'tlfD'. */
FORCEINLINE LONG_PTR ObReferenceObject(PVOID Object)
{
    return ObfReferenceObject(Object);
}
FORCEINLINE LONG_PTR ObReferenceObjectWithTag(PVOID Object, ULONG Tag)
{
    return ObfReferenceObjectWithTag(Object, Tag);
}
FORCEINLINE LONG_PTR ObDereferenceObject(PVOID Object)
{
    return ObfDereferenceObject(Object);
}
FORCEINLINE LONG_PTR ObDereferenceObjectWithTag(PVOID Object, ULONG Tag)
{
    return ObfDereferenceObjectWithTag(Object, Tag);
}

/*
 * ObReferenceObject of an object that must be of a type (NULL, in KernelMode only: of any):
 * STATUS_OBJECT_TYPE_MISMATCH. <= DISPATCH_LEVEL. DDI wdm ObReferenceObjectByPointer.
 */
NTSTATUS NTAPI ObReferenceObjectByPointer(PVOID Object, ACCESS_MASK DesiredAccess,
                                          POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode);
NTSTATUS NTAPI ObReferenceObjectByPointerWithTag(PVOID Object, ACCESS_MASK DesiredAccess,
                                                 POBJECT_TYPE ObjectType,
                                                 KPROCESSOR_MODE AccessMode, ULONG Tag);

/* ---- handles --------------------------------------------------------------------------------- */

typedef struct _OBJECT_HANDLE_INFORMATION {
    ULONG HandleAttributes;
    ACCESS_MASK GrantedAccess;
} OBJECT_HANDLE_INFORMATION, *POBJECT_HANDLE_INFORMATION;

/* Stands for the calling thread wherever a handle is read; it is not closed. DDI wdm. */
FORCEINLINE HANDLE ZwCurrentThread(VOID)
{
    return (HANDLE)(LONG_PTR)-2;
}
FORCEINLINE HANDLE NtCurrentThread(VOID)
{
    return ZwCurrentThread();
}

/* Stands for the one process, where a routine takes the handle of one. DDI wdm. */
FORCEINLINE HANDLE ZwCurrentProcess(VOID)
{
    return (HANDLE)(LONG_PTR)-1;
}
FORCEINLINE HANDLE NtCurrentProcess(VOID)
{
    return ZwCurrentProcess();
}

/*
 * References the object of a handle. STATUS_INVALID_HANDLE; STATUS_OBJECT_TYPE_MISMATCH when it is
 * not of ObjectType (NULL: any); STATUS_ACCESS_DENIED when, in UserMode, the handle was not opened
 * for all of DesiredAccess. HandleInformation may be NULL. PASSIVE_LEVEL. Checked mode: 0xC4/0xF5
 * (0, type, 0) for a NULL handle, 0xC4/0xF7 (handle, type, mode) for a kernel handle in UserMode;
 * both are STATUS_INVALID_HANDLE else. DDI wdm ObReferenceObjectByHandle.
 */
NTSTATUS NTAPI ObReferenceObjectByHandle(HANDLE Handle, ACCESS_MASK DesiredAccess,
                                         POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode,
                                         PVOID *Object,
                                         POBJECT_HANDLE_INFORMATION HandleInformation);
NTSTATUS NTAPI ObReferenceObjectByHandleWithTag(HANDLE Handle, ACCESS_MASK DesiredAccess,
                                                POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode,
                                                ULONG Tag, PVOID *Object,
                                                POBJECT_HANDLE_INFORMATION HandleInformation);

/*
 * Opens a handle to an object: OBJ_EXCLUSIVE, OBJ_INHERIT, OBJ_KERNEL_HANDLE and
 * OBJ_FORCE_ACCESS_CHECK are HandleAttributes. STATUS_INVALID_PARAMETER: another attribute,
 * OBJ_EXCLUSIVE with OBJ_INHERIT or for an object that was not created with it;
 * STATUS_OBJECT_TYPE_MISMATCH: another ObjectType, or none in UserMode; STATUS_ACCESS_DENIED:
 * rights that the type does not have, in UserMode; STATUS_INSUFFICIENT_RESOURCES. PassedAccessState
 * is NULL. <= APC_LEVEL. DDI ntifs ObOpenObjectByPointer.
 */
NTSTATUS NTAPI ObOpenObjectByPointer(PVOID Object, ULONG HandleAttributes, PVOID PassedAccessState,
                                     ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                                     KPROCESSOR_MODE AccessMode, PHANDLE Handle);
NTSTATUS NTAPI ObOpenObjectByPointerWithTag(PVOID Object, ULONG HandleAttributes,
                                            PVOID PassedAccessState, ACCESS_MASK DesiredAccess,
                                            POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode,
                                            ULONG Tag, PHANDLE Handle);

/*
 * Closes a handle; its value is not used again soon. STATUS_INVALID_HANDLE, also in UserMode for a
 * kernel handle; closing a kernel handle that is not open from KernelMode is bug check 0x93
 * (handle, 1, 0, 0) in checked mode. ZwClose: PASSIVE_LEVEL. DDI ntifs NtClose.
 */
NTSTATUS NTAPI ObCloseHandle(HANDLE Handle, KPROCESSOR_MODE PreviousMode);
NTSTATUS NTAPI ZwClose(HANDLE Handle);

/* Whether a handle, which is taken to be open, is a kernel handle. Any IRQL. DDI ntifs. */
BOOLEAN NTAPI ObIsKernelHandle(HANDLE Handle);

#define DUPLICATE_CLOSE_SOURCE    0x1 /* whatever the status is */
#define DUPLICATE_SAME_ACCESS     0x2 /* instead of DesiredAccess */
#define DUPLICATE_SAME_ATTRIBUTES 0x4 /* instead of HandleAttributes */

/*
 * Opens one more handle to the object of SourceHandle; TargetHandle may be NULL to only close that.
 * Both processes are NtCurrentProcess(): STATUS_INVALID_HANDLE else, and for SourceHandle.
 * STATUS_INVALID_PARAMETER: an attribute that no handle has; STATUS_INSUFFICIENT_RESOURCES.
 * PASSIVE_LEVEL. DDI ntifs ZwDuplicateObject.
 */
NTSTATUS NTAPI ZwDuplicateObject(HANDLE SourceProcessHandle, HANDLE SourceHandle,
                                 HANDLE TargetProcessHandle, PHANDLE TargetHandle,
                                 ACCESS_MASK DesiredAccess, ULONG HandleAttributes, ULONG Options);

/* ---- directories and symbolic links ---------------------------------------------------------- */

/*
 * Makes a directory, or with OBJ_OPENIF opens what there is (STATUS_OBJECT_NAME_EXISTS), and opens
 * a handle. Errors: those of ZwCreateEvent for names. PASSIVE_LEVEL. DDI wdm
 * ZwCreateDirectoryObject, ntifs ZwOpenDirectoryObject.
 */
NTSTATUS NTAPI ZwCreateDirectoryObject(PHANDLE DirectoryHandle, ACCESS_MASK DesiredAccess,
                                       POBJECT_ATTRIBUTES ObjectAttributes);
NTSTATUS NTAPI ZwOpenDirectoryObject(PHANDLE DirectoryHandle, ACCESS_MASK DesiredAccess,
                                     POBJECT_ATTRIBUTES ObjectAttributes);

/*
 * Makes a permanent symbolic link: whoever looks up its name, or a name behind it, finds
 * DeviceName, or the name behind that, which need not exist. STATUS_OBJECT_NAME_COLLISION, other
 * errors of names, STATUS_INSUFFICIENT_RESOURCES. PASSIVE_LEVEL. DDI wdm IoCreateSymbolicLink.
 */
NTSTATUS NTAPI IoCreateSymbolicLink(PUNICODE_STRING SymbolicLinkName, PUNICODE_STRING DeviceName);
/* Removes it; errors of names, STATUS_OBJECT_TYPE_MISMATCH. PASSIVE_LEVEL. DDI wdm. */
NTSTATUS NTAPI IoDeleteSymbolicLink(PUNICODE_STRING SymbolicLinkName);

/* Opens the link itself. Errors of ZwOpenEvent. PASSIVE_LEVEL. DDI wdm ZwOpenSymbolicLinkObject. */
NTSTATUS NTAPI ZwOpenSymbolicLinkObject(PHANDLE LinkHandle, ACCESS_MASK DesiredAccess,
                                        POBJECT_ATTRIBUTES ObjectAttributes);
/*
 * Copies the target; ReturnedLength, unless NULL, gets its bytes. STATUS_BUFFER_TOO_SMALL.
 * PASSIVE_LEVEL. DDI wdm ZwQuerySymbolicLinkObject.
 */
NTSTATUS NTAPI ZwQuerySymbolicLinkObject(HANDLE LinkHandle, PUNICODE_STRING LinkTarget,
                                         PULONG ReturnedLength);

/* ---- waiting --------------------------------------------------------------------------------- */

/*
 * Waits, in KernelMode, for the object of a handle, as KeWaitForSingleObject does.
 * STATUS_INVALID_HANDLE; STATUS_OBJECT_TYPE_MISMATCH for an object that is never signalled.
 * PASSIVE_LEVEL; <= DISPATCH_LEVEL with Timeout 0. DDI ntifs ZwWaitForSingleObject.
 */
NTSTATUS NTAPI ZwWaitForSingleObject(HANDLE Handle, BOOLEAN Alertable, PLARGE_INTEGER Timeout);

/*
 * The same for up to 64 handles, as KeWaitForMultipleObjects. STATUS_INVALID_PARAMETER_1: another
 * Count; STATUS_INVALID_PARAMETER_3: no WAIT_TYPE; STATUS_INVALID_PARAMETER_MIX: all are waited
 * for, and one object is there twice; STATUS_INSUFFICIENT_RESOURCES. Public
 * NtWaitForMultipleObjects.
 */
NTSTATUS NTAPI ZwWaitForMultipleObjects(ULONG Count, HANDLE Handles[], WAIT_TYPE WaitType,
                                        BOOLEAN Alertable, PLARGE_INTEGER Timeout);
