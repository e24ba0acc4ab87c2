/*
 * wdfglobals.h - the record that the framework keeps for each client driver, for drivers.
 *
 * The framework allocates it when the driver binds and hands back a pointer; the driver passes
 * that pointer first in every call. Only the part below is public; the framework's own stands
 * before it in memory.
 */
#pragma once

#include <wdftypes.h>

typedef struct _WDF_DRIVER_GLOBALS {
    WDFDRIVER Driver;             /* the driver object, once WdfDriverCreate has made it */
    ULONG DriverFlags;            /* WDF_DRIVER_CONFIG.DriverInitFlags, and marks of the verifier */
    ULONG DriverTag;              /* default pool tag; 0 while the framework's own, FxDr, is used */
    CHAR DriverName[32];          /* service name, at most 31 characters */
    BOOLEAN DisplaceDriverUnload; /* the client's stub must put itself before DriverUnload */
} WDF_DRIVER_GLOBALS, *PWDF_DRIVER_GLOBALS;

_Static_assert(sizeof(WDF_DRIVER_GLOBALS) == 56, "KMDF binary interface");
_Static_assert(offsetof(WDF_DRIVER_GLOBALS, DriverTag) == 12 &&
                   offsetof(WDF_DRIVER_GLOBALS, DriverName) == 16 &&
                   offsetof(WDF_DRIVER_GLOBALS, DisplaceDriverUnload) == 48,
               "KMDF binary interface");

/* The driver's own record; each driver image has one such pointer, filled in when it binds. */
extern PWDF_DRIVER_GLOBALS WdfDriverGlobals;

/* The calling driver's object, NULL before WdfDriverCreate. Any IRQL; reads the record above. */
static inline WDFDRIVER WdfGetDriver(VOID)
{
    return WdfDriverGlobals->Driver;
}
