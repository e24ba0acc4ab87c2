/*
 * wdftypes.h - handles and enumerations of the framework, for drivers (through wdf.h).
 *
 * A handle is opaque: a pointer to a structure that nobody defines. WDFOBJECT is a bare pointer, so
 * that every handle converts to it without a cast.
 */
#pragma once

#include <wdm.h>

#define DECLARE_WDF_HANDLE(Name) typedef struct Name##__ *Name

typedef HANDLE WDFOBJECT, *PWDFOBJECT;
DECLARE_WDF_HANDLE(WDFDRIVER);
DECLARE_WDF_HANDLE(WDFDEVICE);
DECLARE_WDF_HANDLE(WDFMEMORY);

/* What a driver fills in before it creates a device; only the framework sees inside. */
typedef struct WDFDEVICE_INIT *PWDFDEVICE_INIT;

#define WDF_NO_OBJECT_ATTRIBUTES ((PWDF_OBJECT_ATTRIBUTES)NULL)
#define WDF_NO_HANDLE            (NULL)
#define WDF_NO_EVENT_CALLBACK    (NULL)
#define WDF_NO_CONTEXT           (NULL)

/* The highest IRQL at which an object's callbacks run (WDF_OBJECT_ATTRIBUTES.ExecutionLevel). */
typedef enum _WDF_EXECUTION_LEVEL {
    WdfExecutionLevelInvalid = 0,
    WdfExecutionLevelInheritFromParent,
    WdfExecutionLevelPassive,
    WdfExecutionLevelDispatch,
} WDF_EXECUTION_LEVEL;

/* Which callbacks the framework keeps from running side by side. */
typedef enum _WDF_SYNCHRONIZATION_SCOPE {
    WdfSynchronizationScopeInvalid = 0,
    WdfSynchronizationScopeInheritFromParent,
    WdfSynchronizationScopeDevice,
    WdfSynchronizationScopeQueue,
    WdfSynchronizationScopeNone,
} WDF_SYNCHRONIZATION_SCOPE;

_Static_assert(sizeof(WDF_EXECUTION_LEVEL) == 4 && sizeof(WDF_SYNCHRONIZATION_SCOPE) == 4,
               "KMDF binary interface");
