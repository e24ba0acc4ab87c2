/*
 * table.c - the names of the function table, and the end of a driver that calls a function which
 * is not there. For table.S.
 */
#include "wdf/fx.h"

#define FX_VIOLATION_MISSING 0x10

#define FX_NAME(Name) #Name,
const CHAR *const FxFunctionNames[WdfFunctionTableNumEntries] = {WDF_FUNCTION_LIST(FX_NAME)};

/* The library that a client asks for when it binds; names the framework in the bug check. */
static const WCHAR FxLibraryName[] = L"KmdfLibrary";

DECLSPEC_NORETURN VOID NTAPI FxFunctionMissing(PWDF_DRIVER_GLOBALS DriverGlobals, ULONG Index);

/* Jumped to from an empty slot; the arguments behind the first are lost. */
DECLSPEC_NORETURN VOID NTAPI FxFunctionMissing(PWDF_DRIVER_GLOBALS DriverGlobals, ULONG Index)
{
    DbgPrint("wdf: driver '%s' calls %s (function %u of %u), which this framework does not have\n",
             DriverGlobals->DriverName, FxFunctionNames[Index], Index, WdfFunctionTableNumEntries);
    KeBugCheckEx(WDF_VIOLATION, FX_VIOLATION_MISSING, (ULONG_PTR)DriverGlobals->DriverName,
                 (ULONG_PTR)FxLibraryName, Index);
}
