/*
 * object_api.c - the WdfObject functions of the table that are not about contexts, for drivers.
 * include/wdfobject.h says what each does. A function of the table has the prefix Fx; defining it
 * is what puts it into its slot (table.S).
 */
#include "wdf/fx.h"

static const FX_OBJECT_KIND FxUserObjectKind = {
    .Type = FxTypeUserObject,
    .Size = sizeof(FX_OBJECT),
};

NTSTATUS NTAPI FxWdfObjectCreate(PWDF_DRIVER_GLOBALS DriverGlobals,
                                 PWDF_OBJECT_ATTRIBUTES Attributes, WDFOBJECT *Object)
{
    PFX_DRIVER_GLOBALS Globals = FxGlobalsForCreate(DriverGlobals, Attributes);
    FxRequirePointer(Globals, Object, __builtin_return_address(0));
    *Object = NULL;
    NTSTATUS Status = FxAttributesValidate(Attributes, FX_ATTRIBUTES_LEVEL_ALLOWED);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    FX_OBJECT_RECIPE Recipe = {.Kind = &FxUserObjectKind,
                               .Globals = Globals,
                               .PoolType = NonPagedPoolNx,
                               .PoolTag = Globals->Tag,
                               .Attributes = Attributes};
    PFX_OBJECT New;
    Status = FxObjectCreate(&Recipe, &New);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = FxObjectCommit(New, Attributes);
    if (!NT_SUCCESS(Status)) {
        FxObjectAbandon(New);
        return Status;
    }
    *Object = FxHandleOfObject(New);
    return STATUS_SUCCESS;
}

VOID NTAPI FxWdfObjectDelete(PWDF_DRIVER_GLOBALS DriverGlobals, WDFOBJECT Handle)
{
    PFX_OBJECT Object = FxHandleGet(FxGlobalsOfClient(DriverGlobals), Handle, FxTypeObject);
    if (Object->Kind->Flags & FX_KIND_NO_DELETE) {
        DbgPrint("wdf: driver '%s' may not delete object 0x%p of type 0x%x: ignored\n",
                 DriverGlobals->DriverName, Handle, Object->Kind->Type);
        return;
    }
    FxObjectDelete(Object);
}

VOID NTAPI FxWdfObjectReferenceActual(PWDF_DRIVER_GLOBALS DriverGlobals, WDFOBJECT Handle,
                                      PVOID Tag, LONG Line, PCHAR File)
{
    UNREFERENCED_PARAMETER(Tag);
    UNREFERENCED_PARAMETER(Line);
    UNREFERENCED_PARAMETER(File);
    FxRequirePointer(FxGlobalsOfClient(DriverGlobals), Handle, __builtin_return_address(0));
    USHORT Offset;
    FxObjectReference(FxObjectOfHandle(Handle, &Offset));
}

VOID NTAPI FxWdfObjectDereferenceActual(PWDF_DRIVER_GLOBALS DriverGlobals, WDFOBJECT Handle,
                                        PVOID Tag, LONG Line, PCHAR File)
{
    UNREFERENCED_PARAMETER(Tag);
    UNREFERENCED_PARAMETER(Line);
    UNREFERENCED_PARAMETER(File);
    FxRequirePointer(FxGlobalsOfClient(DriverGlobals), Handle, __builtin_return_address(0));
    USHORT Offset;
    FxObjectDereference(FxObjectOfHandle(Handle, &Offset));
}
