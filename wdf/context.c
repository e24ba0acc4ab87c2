/*
 * context.c - the typed memory that drivers hang on objects, with its callbacks, for the object
 * core and the WdfObject functions.
 *
 * Each context has a header in front of it that names the object, the type and the two callbacks.
 * The first header lies inside the object's own allocation and is there even without a context,
 * since it holds the callbacks. Headers are only ever added, at the end, and only to a Created
 * object (FX-3), so readers walk them without a lock.
 */
#include "wdf/fx.h"

BOOLEAN FxContextBytes(const WDF_OBJECT_ATTRIBUTES *Attributes, PSIZE_T Bytes)
{
    SIZE_T Wanted = 0;
    if (Attributes != NULL && Attributes->ContextTypeInfo != NULL) {
        Wanted = Attributes->ContextSizeOverride ? Attributes->ContextSizeOverride
                                                 : Attributes->ContextTypeInfo->ContextSize;
    }
    *Bytes = (Wanted + 7) & ~(SIZE_T)7;
    return *Bytes >= Wanted;
}

/* A header without callbacks, and Bytes of cleared context behind it. */
VOID FxContextInitialize(PFX_CONTEXT_HEADER Header, PFX_OBJECT Object,
                         const WDF_OBJECT_ATTRIBUTES *Attributes, SIZE_T Bytes)
{
    RtlZeroMemory(Header, sizeof(*Header) + Bytes);
    Header->Object = Object;
    Header->TypeInfo = Attributes != NULL ? Attributes->ContextTypeInfo : NULL;
}

VOID FxContextRunCleanups(PFX_OBJECT Object)
{
    PFX_CONTEXT_HEADER Header = FxObjectContexts(Object);
    for (; Header != NULL; Header = Header->Next) {
        if (Header->Cleanup != NULL) {
            Header->Cleanup(FxHandleOfObject(Object));
        }
    }
}

VOID FxContextRunDestroys(PFX_OBJECT Object)
{
    PFX_CONTEXT_HEADER Header = FxObjectContexts(Object);
    for (; Header != NULL; Header = Header->Next) {
        if (Header->Destroy != NULL) {
            Header->Destroy(FxHandleOfObject(Object));
        }
    }
}

/* Cleanup and destroy, header by header: the end of an object that nobody deleted. */
VOID FxContextRunPairs(PFX_OBJECT Object)
{
    PFX_CONTEXT_HEADER Header = FxObjectContexts(Object);
    for (; Header != NULL; Header = Header->Next) {
        if (Header->Cleanup != NULL) {
            Header->Cleanup(FxHandleOfObject(Object));
        }
        if (Header->Destroy != NULL) {
            Header->Destroy(FxHandleOfObject(Object));
        }
    }
}

VOID FxContextFreeAdded(PFX_OBJECT Object)
{
    PFX_CONTEXT_HEADER Header = FxObjectContexts(Object)->Next;
    while (Header != NULL) {
        PFX_CONTEXT_HEADER Next = Header->Next;
        FxPoolFree(Header);
        Header = Next;
    }
}

static PFX_CONTEXT_HEADER FxContextFind(PFX_OBJECT Object, PCWDF_OBJECT_CONTEXT_TYPE_INFO Type)
{
    PFX_CONTEXT_HEADER Header = FxObjectContexts(Object);
    while (Header != NULL && Header->TypeInfo != Type) {
        Header = __atomic_load_n(&Header->Next, __ATOMIC_ACQUIRE);
    }
    return Header;
}

/* Hangs New behind the object's headers, unless the object is going or has the type already. */
static NTSTATUS FxContextAdd(PFX_OBJECT Object, PFX_CONTEXT_HEADER New,
                             PFX_CONTEXT_HEADER *Existing)
{
    NTSTATUS Status = STATUS_DELETE_PENDING;
    ULONG64 Flags = FxAcquire(&Object->Lock);
    *Existing = FxContextFind(Object, New->TypeInfo);
    if (Object->State == FxStateCreated) {
        Status = STATUS_OBJECT_NAME_EXISTS;
        if (*Existing == NULL) {
            PFX_CONTEXT_HEADER Last = FxObjectContexts(Object);
            while (Last->Next != NULL) {
                Last = Last->Next;
            }
            __atomic_store_n(&Last->Next, New, __ATOMIC_RELEASE);
            Status = STATUS_SUCCESS;
        }
    }
    FxRelease(&Object->Lock, Flags);
    return Status;
}

static NTSTATUS FxContextCreate(PFX_OBJECT Object, const WDF_OBJECT_ATTRIBUTES *Attributes,
                                PFX_CONTEXT_HEADER *Header)
{
    SIZE_T Bytes, Total;
    if (!FxContextBytes(Attributes, &Bytes) ||
        __builtin_add_overflow(Bytes, sizeof(FX_CONTEXT_HEADER), &Total)) {
        return STATUS_INTEGER_OVERFLOW;
    }
    PFX_DRIVER_GLOBALS Globals = Object->Globals;
    *Header = FxPoolAllocate(Globals, NonPagedPoolNx, Globals->Tag, Total);
    if (*Header == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    FxContextInitialize(*Header, Object, Attributes, Bytes);
    (*Header)->Cleanup = Attributes->EvtCleanupCallback;
    (*Header)->Destroy = Attributes->EvtDestroyCallback;
    return STATUS_SUCCESS;
}

/* ---- the functions of the table ------------------------------------------------------------ */

static NTSTATUS FxContextCheck(const WDF_OBJECT_ATTRIBUTES *Attributes)
{
    NTSTATUS Status = FxAttributesValidate(Attributes, FX_ATTRIBUTES_REQUIRED);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (Attributes->ParentObject != NULL) {
        return STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED;
    }
    return Attributes->ContextTypeInfo == NULL ? STATUS_OBJECT_NAME_INVALID : STATUS_SUCCESS;
}

NTSTATUS NTAPI FxWdfObjectAllocateContext(PWDF_DRIVER_GLOBALS DriverGlobals, WDFOBJECT Handle,
                                          PWDF_OBJECT_ATTRIBUTES Attributes, PVOID *Context)
{
    FxRequirePointer(FxGlobalsOfClient(DriverGlobals), Handle, __builtin_return_address(0));
    USHORT Offset;
    PFX_OBJECT Object = FxObjectOfHandle(Handle, &Offset);
    if (Offset != 0) {
        return STATUS_OBJECT_PATH_INVALID;
    }
    NTSTATUS Status = FxContextCheck(Attributes);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    PFX_CONTEXT_HEADER New, Existing;
    Status = FxContextCreate(Object, Attributes, &New);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = FxContextAdd(Object, New, &Existing);
    if (Status != STATUS_SUCCESS) {
        FxPoolFree(New);
        New = Existing;
    }
    if (NT_SUCCESS(Status) && Context != NULL) {
        *Context = New->Context;
    }
    return Status;
}

PVOID NTAPI FxWdfObjectGetTypedContextWorker(PWDF_DRIVER_GLOBALS DriverGlobals, WDFOBJECT Handle,
                                             PCWDF_OBJECT_CONTEXT_TYPE_INFO TypeInfo)
{
    FxRequirePointer(FxGlobalsOfClient(DriverGlobals), Handle, __builtin_return_address(0));
    USHORT Offset;
    PFX_OBJECT Object = FxObjectOfHandle(Handle, &Offset);
    FxRequirePointer(Object->Globals, TypeInfo, __builtin_return_address(0));
    PFX_CONTEXT_HEADER Header = FxContextFind(Object, TypeInfo);
    return Header != NULL ? Header->Context : NULL;
}

WDFOBJECT NTAPI FxWdfObjectContextGetObject(PWDF_DRIVER_GLOBALS DriverGlobals, PVOID ContextPointer)
{
    UNREFERENCED_PARAMETER(DriverGlobals);
    PFX_CONTEXT_HEADER Header = CONTAINING_RECORD(ContextPointer, FX_CONTEXT_HEADER, Context);
    return FxHandleOfObject(Header->Object);
}
