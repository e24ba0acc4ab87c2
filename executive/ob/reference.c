/*
 * reference.c - from handles to objects, and the end of handles. OB-2, OB-8.
 */
#include "executive/ob/ob.h"
#include "kernel/rtl/section.h"

#define VERIFIER_ZW_LEVEL      0xE6
#define VERIFIER_NULL_HANDLE   0xF5
#define VERIFIER_KERNEL_HANDLE 0xF7
#define INVALID_CLOSE          1 /* in bug check 0x93 */

DECLSPEC_NORETURN VOID ObpZwViolation(PVOID Caller)
{
    KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_ZW_LEVEL, (ULONG_PTR)Caller,
                 KiReadIrql(), (ULONG_PTR)(LONG_PTR)KeGetCurrentThread()->SpecialApcDisable);
}

/* What checked mode says about a handle that no driver should pass. */
static VOID ObpCheckHandle(HANDLE Handle, POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode)
{
    if (Handle == NULL) {
        KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_NULL_HANDLE, 0,
                     (ULONG_PTR)ObjectType, 0);
    }
    if (AccessMode != KernelMode && ObIsKernelHandle(Handle) && Handle != ZwCurrentThread() &&
        Handle != ZwCurrentProcess()) {
        KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_KERNEL_HANDLE, (ULONG_PTR)Handle,
                     (ULONG_PTR)ObjectType, (ULONG_PTR)AccessMode);
    }
}

/* Copies what a handle stands for, with a reference to the object. */
static BOOLEAN ObpResolveHandle(HANDLE Handle, KPROCESSOR_MODE AccessMode, POBP_HANDLE Entry)
{
    if (Handle == ZwCurrentThread()) {
        PETHREAD Thread = PsGetCurrentThread();
        *Entry = (OBP_HANDLE){Thread, ObpHeader(Thread)->Type->Info.ValidAccess, 0};
        ObfReferenceObject(Thread);
        return TRUE;
    }
    return (AccessMode == KernelMode || !ObIsKernelHandle(Handle)) &&
           ObpLookUpHandle(Handle, Entry);
}

NTSTATUS ObpReferenceByHandle(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                              KPROCESSOR_MODE AccessMode, PVOID *Object,
                              POBJECT_HANDLE_INFORMATION HandleInformation)
{
    OBP_HANDLE Entry;
    NTSTATUS Status = STATUS_SUCCESS;
    *Object = NULL;
    if (!ObpResolveHandle(Handle, AccessMode, &Entry)) {
        return STATUS_INVALID_HANDLE;
    }
    if (ObjectType != NULL && ObpHeader(Entry.Object)->Type != ObjectType) {
        Status = STATUS_OBJECT_TYPE_MISMATCH;
    } else if (AccessMode != KernelMode && (DesiredAccess & ~Entry.Access) != 0) {
        Status = STATUS_ACCESS_DENIED;
    }
    if (!NT_SUCCESS(Status)) {
        ObfDereferenceObject(Entry.Object);
        return Status;
    }
    *Object = Entry.Object;
    if (HandleInformation != NULL) {
        HandleInformation->HandleAttributes = Entry.Attributes & OBJ_INHERIT;
        HandleInformation->GrantedAccess = Entry.Access;
    }
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI ObReferenceObjectByHandle(HANDLE Handle, ACCESS_MASK DesiredAccess,
                                         POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode,
                                         PVOID *Object,
                                         POBJECT_HANDLE_INFORMATION HandleInformation)
{
    KiRequireIrql(PASSIVE_LEVEL);
    if (KiCheckedMode) {
        ObpCheckHandle(Handle, ObjectType, AccessMode);
    }
    return ObpReferenceByHandle(Handle, DesiredAccess, ObjectType, AccessMode, Object,
                                HandleInformation);
}
EXPORT(ObReferenceObjectByHandle);

NTSTATUS NTAPI ObReferenceObjectByHandleWithTag(HANDLE Handle, ACCESS_MASK DesiredAccess,
                                                POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode,
                                                ULONG Tag, PVOID *Object,
                                                POBJECT_HANDLE_INFORMATION HandleInformation)
{
    UNREFERENCED_PARAMETER(Tag);
    return ObReferenceObjectByHandle(Handle, DesiredAccess, ObjectType, AccessMode, Object,
                                     HandleInformation);
}
EXPORT(ObReferenceObjectByHandleWithTag);

/* ---- one more -------------------------------------------------------------------------------- */

static NTSTATUS ObpDuplicate(HANDLE SourceHandle, PHANDLE TargetHandle, ACCESS_MASK DesiredAccess,
                             ULONG HandleAttributes, ULONG Options)
{
    OBP_HANDLE Entry;
    NTSTATUS Status = STATUS_SUCCESS;
    if (!ObpResolveHandle(SourceHandle, KernelMode, &Entry)) {
        return STATUS_INVALID_HANDLE;
    }
    if (TargetHandle != NULL) {
        Status = ObOpenObjectByPointer(
            Entry.Object, Options & DUPLICATE_SAME_ATTRIBUTES ? Entry.Attributes : HandleAttributes,
            NULL, Options & DUPLICATE_SAME_ACCESS ? Entry.Access : DesiredAccess, NULL, KernelMode,
            TargetHandle);
    }
    ObfDereferenceObject(Entry.Object);
    return Status;
}

NTSTATUS NTAPI ZwDuplicateObject(HANDLE SourceProcessHandle, HANDLE SourceHandle,
                                 HANDLE TargetProcessHandle, PHANDLE TargetHandle,
                                 ACCESS_MASK DesiredAccess, ULONG HandleAttributes, ULONG Options)
{
    ObpRequireZw(__builtin_return_address(0));
    if (SourceProcessHandle != NtCurrentProcess() ||
        (TargetHandle != NULL && TargetProcessHandle != NtCurrentProcess())) {
        return STATUS_INVALID_HANDLE;
    }
    NTSTATUS Status =
        ObpDuplicate(SourceHandle, TargetHandle, DesiredAccess, HandleAttributes, Options);
    if (Options & DUPLICATE_CLOSE_SOURCE) {
        NTSTATUS Closed = ObCloseHandle(SourceHandle, KernelMode);
        Status = NT_SUCCESS(Status) ? Closed : Status;
    }
    return Status;
}
EXPORT(ZwDuplicateObject);

/* ---- the end --------------------------------------------------------------------------------- */

NTSTATUS NTAPI ObCloseHandle(HANDLE Handle, KPROCESSOR_MODE PreviousMode)
{
    OBP_HANDLE Entry;
    BOOLEAN Kernel = ObIsKernelHandle(Handle);
    KiRequireIrql(PASSIVE_LEVEL);
    if (PreviousMode != KernelMode && Kernel) {
        return STATUS_INVALID_HANDLE;
    }
    if (!ObpRemoveHandle(Handle, &Entry)) {
        if (Kernel && KiCheckedMode) {
            KeBugCheckEx(INVALID_KERNEL_HANDLE, (ULONG_PTR)Handle, INVALID_CLOSE, 0, 0);
        }
        return STATUS_INVALID_HANDLE;
    }
    OB_CLOSE_ROUTINE *Close = ObpHeader(Entry.Object)->Type->Info.Close;
    LONG64 Left = ObpUncountHandle(ObpHeader(Entry.Object));
    if (Close != NULL) {
        Close(Entry.Object, Left);
    }
    ObfDereferenceObject(Entry.Object);
    return STATUS_SUCCESS;
}
EXPORT(ObCloseHandle);

NTSTATUS NTAPI ZwClose(HANDLE Handle)
{
    ObpRequireZw(__builtin_return_address(0));
    return ObCloseHandle(Handle, KernelMode);
}
EXPORT(ZwClose);
