/*
 * handle.c - from a driver's handle to the object of the wanted type, for every function that takes
 * one. A handle is followed, not looked up (FX-1).
 */
#include "wdf/fx.h"

PVOID FxHandleGet(PFX_DRIVER_GLOBALS Globals, WDFOBJECT Handle, USHORT Type)
{
    if (Handle == NULL) {
        FxViolationHandle(Globals, Handle, Type);
    }
    USHORT Offset;
    PFX_OBJECT Object = FxObjectOfHandle(Handle, &Offset);
    if (Type == FxTypeObject || (Type == Object->Kind->Type && Offset == 0)) {
        return Object;
    }
    PVOID Interface =
        Object->Kind->Query != NULL ? Object->Kind->Query(Object, Offset, Type) : NULL;
    if (Interface == NULL) {
        FxViolationHandle(Globals, Handle, Type);
    }
    return Interface;
}

PFX_DRIVER_GLOBALS FxGlobalsForCreate(PWDF_DRIVER_GLOBALS DriverGlobals,
                                      const WDF_OBJECT_ATTRIBUTES *Attributes)
{
    PFX_DRIVER_GLOBALS Globals = FxGlobalsOfClient(DriverGlobals);
    if (Attributes == NULL || Attributes->Size != sizeof(*Attributes) ||
        Attributes->ParentObject == NULL) {
        return Globals;
    }
    PFX_OBJECT Parent = FxHandleGet(Globals, Attributes->ParentObject, FxTypeObject);
    return Parent->Globals;
}
