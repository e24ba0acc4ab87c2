/*
 * wait.c - waiting for objects by handle. The wait has a reference to each object, so a handle may
 * be closed meanwhile.
 */
#include "executive/ob/ob.h"
#include "kernel/rtl/section.h"

#define TAG_WAIT 'tiaW' /* Wait */

/* The object of a handle, with a reference, if it is one to wait for. */
static NTSTATUS ObpReferenceWaitable(HANDLE Handle, PVOID *Object)
{
    NTSTATUS Status = ObpReferenceByHandle(Handle, SYNCHRONIZE, NULL, KernelMode, Object, NULL);
    if (NT_SUCCESS(Status) && !ObpHeader(*Object)->Type->Info.Waitable) {
        ObfDereferenceObject(*Object);
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    return Status;
}

NTSTATUS NTAPI ZwWaitForSingleObject(HANDLE Handle, BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    PVOID Object;
    NTSTATUS Status = ObpReferenceWaitable(Handle, &Object);
    if (NT_SUCCESS(Status)) {
        Status = KeWaitForSingleObject(Object, UserRequest, KernelMode, Alertable, Timeout);
        ObfDereferenceObject(Object);
    }
    return Status;
}
EXPORT(ZwWaitForSingleObject);

/* ---- several --------------------------------------------------------------------------------- */

/* What a wait for several needs; its size is out of proportion for a stack. */
typedef struct _OBP_WAIT {
    KWAIT_BLOCK Blocks[MAXIMUM_WAIT_OBJECTS];
    PVOID Objects[MAXIMUM_WAIT_OBJECTS];
    ULONG Count; /* of Objects that have a reference */
} OBP_WAIT, *POBP_WAIT;

/* Whether an object is there twice: a wait for all could not take it twice in one step. */
static BOOLEAN ObpHasTwin(POBP_WAIT Wait)
{
    for (ULONG i = 1; i < Wait->Count; i++) {
        for (ULONG k = 0; k < i; k++) {
            if (Wait->Objects[k] == Wait->Objects[i]) {
                return TRUE;
            }
        }
    }
    return FALSE;
}

static NTSTATUS ObpReferenceAll(POBP_WAIT Wait, ULONG Count, HANDLE Handles[], WAIT_TYPE WaitType)
{
    for (Wait->Count = 0; Wait->Count < Count; Wait->Count++) {
        NTSTATUS Status = ObpReferenceWaitable(Handles[Wait->Count], &Wait->Objects[Wait->Count]);
        if (!NT_SUCCESS(Status)) {
            return Status;
        }
    }
    return WaitType == WaitAll && ObpHasTwin(Wait) ? STATUS_INVALID_PARAMETER_MIX : STATUS_SUCCESS;
}

NTSTATUS NTAPI ZwWaitForMultipleObjects(ULONG Count, HANDLE Handles[], WAIT_TYPE WaitType,
                                        BOOLEAN Alertable, PLARGE_INTEGER Timeout)
{
    if (Count == 0 || Count > MAXIMUM_WAIT_OBJECTS) {
        return STATUS_INVALID_PARAMETER_1;
    }
    if (WaitType != WaitAll && WaitType != WaitAny) {
        return STATUS_INVALID_PARAMETER_3;
    }
    POBP_WAIT Wait = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*Wait), TAG_WAIT);
    if (Wait == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    NTSTATUS Status = ObpReferenceAll(Wait, Count, Handles, WaitType);
    if (NT_SUCCESS(Status)) {
        Status = KeWaitForMultipleObjects(Count, Wait->Objects, WaitType, UserRequest, KernelMode,
                                          Alertable, Timeout, Wait->Blocks);
    }
    while (Wait->Count > 0) {
        ObfDereferenceObject(Wait->Objects[--Wait->Count]);
    }
    ExFreePoolWithTag(Wait, TAG_WAIT);
    return Status;
}
EXPORT(ZwWaitForMultipleObjects);
