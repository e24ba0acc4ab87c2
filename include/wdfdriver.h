/*
 * wdfdriver.h - how a driver describes itself to the framework, for drivers (through wdf.h).
 *
 * WdfDriverCreate comes with milestone 6 of 6 (KMDF); until then the framework makes driver objects
 * from this record by an internal routine (wdf/driver.c), by the same rules.
 */
#pragma once

#include <wdftypes.h>

/* Called for each device that the driver may serve, at PASSIVE_LEVEL. */
typedef NTSTATUS(NTAPI EVT_WDF_DRIVER_DEVICE_ADD)(WDFDRIVER Driver, PWDFDEVICE_INIT DeviceInit);
typedef EVT_WDF_DRIVER_DEVICE_ADD *PFN_WDF_DRIVER_DEVICE_ADD;

/* Called before the driver leaves memory, at PASSIVE_LEVEL; its objects still live. */
typedef VOID(NTAPI EVT_WDF_DRIVER_UNLOAD)(WDFDRIVER Driver);
typedef EVT_WDF_DRIVER_UNLOAD *PFN_WDF_DRIVER_UNLOAD;

typedef struct _WDF_DRIVER_CONFIG {
    ULONG Size;
    PFN_WDF_DRIVER_DEVICE_ADD EvtDriverDeviceAdd;
    PFN_WDF_DRIVER_UNLOAD EvtDriverUnload;
    ULONG DriverInitFlags;
    ULONG DriverPoolTag; /* default tag of the driver's memory objects; 0: from the service name */
} WDF_DRIVER_CONFIG, *PWDF_DRIVER_CONFIG;

_Static_assert(sizeof(WDF_DRIVER_CONFIG) == 32 && offsetof(WDF_DRIVER_CONFIG, DriverPoolTag) == 28,
               "KMDF binary interface");

/* Clears Config, then sets its size and its device-add callback (NULL without one). Any IRQL. */
static inline VOID WDF_DRIVER_CONFIG_INIT(PWDF_DRIVER_CONFIG Config,
                                          PFN_WDF_DRIVER_DEVICE_ADD EvtDriverDeviceAdd)
{
    RtlZeroMemory(Config, sizeof(*Config));
    Config->Size = sizeof(*Config);
    Config->EvtDriverDeviceAdd = EvtDriverDeviceAdd;
}
