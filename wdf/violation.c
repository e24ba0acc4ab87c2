/*
 * violation.c - bug check 0x10D, WDF_VIOLATION, for the whole framework: what a driver did wrong,
 * in words and in the documented parameters (contract 4.2). Parameter 4 is the private record of
 * the client; its public part names the driver.
 */
#include "wdf/fx.h"

/* Parameter 1. */
#define FX_VIOLATION_NULL   0x4
#define FX_VIOLATION_HANDLE 0x5
#define FX_VIOLATION_OBJECT 0x7

/* A required pointer is NULL. Caller: the return address of the function that the driver called. */
DECLSPEC_NORETURN VOID FxViolationNull(PFX_DRIVER_GLOBALS Globals, PVOID Caller)
{
    DbgPrint("wdf: driver '%s' passes NULL where a pointer is required\n",
             Globals->Public.DriverName);
    KeBugCheckEx(WDF_VIOLATION, FX_VIOLATION_NULL, 0, (ULONG_PTR)Caller, (ULONG_PTR)Globals);
}

/* The handle is NULL, or its object is not of the wanted type. */
DECLSPEC_NORETURN VOID FxViolationHandle(PFX_DRIVER_GLOBALS Globals, WDFOBJECT Handle, USHORT Type)
{
    DbgPrint("wdf: driver '%s' passes handle 0x%p, which is %s, for an object of type 0x%x\n",
             Globals->Public.DriverName, Handle, Handle == NULL ? "NULL" : "of another type", Type);
    KeBugCheckEx(WDF_VIOLATION, FX_VIOLATION_HANDLE, (ULONG_PTR)Handle, Type, (ULONG_PTR)Globals);
}

/* An object that is still in use has no reference left. */
DECLSPEC_NORETURN VOID FxViolationObject(PFX_OBJECT Object)
{
    PFX_DRIVER_GLOBALS Globals = Object->Globals;
    DbgPrint("wdf: an object of driver '%s' was dereferenced more often than referenced\n",
             Globals->Public.DriverName);
    KeBugCheckEx(WDF_VIOLATION, FX_VIOLATION_OBJECT, (ULONG_PTR)FxHandleOfObject(Object),
                 (ULONG_PTR)Object, (ULONG_PTR)Globals);
}
