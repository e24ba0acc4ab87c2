/*
 * virtio_pci.c - a virtio device as a PCI function: where its registers are, and the dance by which
 * driver and device agree on features.
 *
 * The device says in vendor-specific capabilities which part of which base address holds which
 * registers; a claim that does not fit is as good as none. Layout: virtio 1.1, 4.1.4; the order of
 * the steps: 3.1.1.
 */
#include "drivers/virtio.h"
#include "executive/io/pci.h"
#include "kernel/hal/hal.h"
#include <wdm.h>

/* Fields of the capability. */
#define CAPABILITY_KIND   24 /* shift, in the first register */
#define CAPABILITY_BAR    4
#define CAPABILITY_OFFSET 8
#define CAPABILITY_LENGTH 12
#define CAPABILITY_STEP   16 /* of the notification registers: between queues */

#define MOST_MAPPED   0x10000 /* of a part: notifications of 16 queues, a page each */
#define RESET_STEPS   2000    /* of 50 microseconds: 100 ms */
#define RESET_STEP_US 50

static const ULONG VirtioLeastBytes[VirtioParts] = {
    [VirtioCommon] = sizeof(VIRTIO_COMMON),
    [VirtioNotify] = sizeof(USHORT),
    [VirtioInterrupt] = 1,
    [VirtioConfig] = 1,
};

/* The first capability of a kind that can be used counts (4.1.4.1). */
static VOID VirtioMapPart(PVIRTIO_DEVICE Device, ULONG Register)
{
    ULONG Address = Device->Function->Address;
    ULONG Kind = HalpReadPci(Address, Register) >> CAPABILITY_KIND;
    ULONG Bar = HalpReadPci(Address, Register + CAPABILITY_BAR) & 0xFF;
    ULONG Offset = HalpReadPci(Address, Register + CAPABILITY_OFFSET);
    ULONG Length = HalpReadPci(Address, Register + CAPABILITY_LENGTH);
    if (Kind == 0 || Kind >= VirtioParts || Device->Parts[Kind].Address != NULL ||
        Length < VirtioLeastBytes[Kind] || Bar >= PCI_BASE_ADDRESSES) {
        return;
    }
    ULONG64 Base = IopBaseAddress(Device->Function, Bar);
    PHYSICAL_ADDRESS Start = {.QuadPart = (LONGLONG)(Base + Offset)};
    Length = Length < MOST_MAPPED ? Length : MOST_MAPPED;
    Device->Parts[Kind].Address = Base == 0 ? NULL : MmMapIoSpace(Start, Length, MmNonCached);
    Device->Parts[Kind].Bytes = Length;
    if (Kind == VirtioNotify) {
        Device->NotifyStep = HalpReadPci(Address, Register + CAPABILITY_STEP);
    }
}

BOOLEAN VirtioMapDevice(PVIRTIO_DEVICE Device, PIOP_FUNCTION Function)
{
    *Device = (VIRTIO_DEVICE){.Function = Function};
    IopSetCommand(Function, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, TRUE);
    for (ULONG Register = IopNextCapability(Function, PCI_CAPABILITY_VENDOR, 0); Register != 0;
         Register = IopNextCapability(Function, PCI_CAPABILITY_VENDOR, Register)) {
        VirtioMapPart(Device, Register);
    }
    for (ULONG Kind = VirtioCommon; Kind < VirtioParts; Kind++) {
        if (Device->Parts[Kind].Address == NULL) {
            VirtioUnmapDevice(Device);
            return FALSE;
        }
    }
    return TRUE;
}

VOID VirtioUnmapDevice(PVIRTIO_DEVICE Device)
{
    IopSetCommand(Device->Function, PCI_COMMAND_MASTER, FALSE);
    for (ULONG Kind = VirtioCommon; Kind < VirtioParts; Kind++) {
        if (Device->Parts[Kind].Address != NULL) {
            MmUnmapIoSpace((PVOID)Device->Parts[Kind].Address, Device->Parts[Kind].Bytes);
        }
    }
}

/* ---- status and features --------------------------------------------------------------------- */

VOID VirtioAddStatus(PVIRTIO_DEVICE Device, UCHAR Bits)
{
    VirtioRegisters(Device)->Status |= Bits;
}

/* A device that is not there any more reads as ones. */
BOOLEAN VirtioReset(PVIRTIO_DEVICE Device)
{
    VirtioRegisters(Device)->Status = 0;
    for (ULONG i = 0; i < RESET_STEPS; i++) {
        if (VirtioRegisters(Device)->Status == 0) {
            return TRUE;
        }
        KeStallExecutionProcessor(RESET_STEP_US);
    }
    return FALSE;
}

VOID VirtioStop(PVIRTIO_DEVICE Device)
{
    VirtioReset(Device);
    if (Device->Function != NULL) { /* should it not listen, it cannot write, either */
        IopSetCommand(Device->Function, PCI_COMMAND_MASTER, FALSE);
    }
}

static ULONG64 VirtioOfferedFeatures(volatile VIRTIO_COMMON *Common)
{
    Common->DeviceFeatureSelect = 1;
    ULONG64 High = Common->DeviceFeature;
    Common->DeviceFeatureSelect = 0;
    return High << 32 | Common->DeviceFeature;
}

BOOLEAN VirtioNegotiate(PVIRTIO_DEVICE Device, ULONG64 Wanted)
{
    volatile VIRTIO_COMMON *Common = VirtioRegisters(Device);
    if (!VirtioReset(Device)) {
        return FALSE;
    }
    VirtioAddStatus(Device, VIRTIO_ACKNOWLEDGE);
    VirtioAddStatus(Device, VIRTIO_DRIVER);
    Device->Features = VirtioOfferedFeatures(Common) & (Wanted | VIRTIO_F_VERSION_1);
    Common->DriverFeatureSelect = 0;
    Common->DriverFeature = (ULONG)Device->Features;
    Common->DriverFeatureSelect = 1;
    Common->DriverFeature = (ULONG)(Device->Features >> 32);
    VirtioAddStatus(Device, VIRTIO_FEATURES_OK);
    if (!(Device->Features & VIRTIO_F_VERSION_1) || !(Common->Status & VIRTIO_FEATURES_OK)) {
        VirtioAddStatus(Device, VIRTIO_FAILED);
        return FALSE;
    }
    return TRUE;
}
