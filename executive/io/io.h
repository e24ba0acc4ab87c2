/*
 * io.h - the private interface of input and output: the interrupts that devices have. What drivers
 * may call is declared in include/wdm_interrupt.h.
 *
 * A device is known here as its physical device object. Until there is a manager of devices, those
 * are opaque: each stands for a PCI function that was found at start-up.
 */
#pragma once

#include "kernel/ke/interrupt.h"

#define IOP_MAX_MESSAGES 32 /* of a device; PCI allows more */

typedef enum _IOP_INTERRUPT_KIND {
    IopNoInterrupt,
    IopLine,
    IopMsi,
    IopMsix,
} IOP_INTERRUPT_KIND;

/* A PCI function, its capabilities and what it was given. */
typedef struct _IOP_FUNCTION {
    LIST_ENTRY Links;
    ULONG Address; /* as HAL_PCI_FUNCTION makes it */
    USHORT Vendor, Device;
    UCHAR Msi, Msix; /* registers where these capabilities begin; 0: there is none */
    IOP_INTERRUPT_KIND Kind;
    ULONG Count;                     /* of vectors: 1 for a line */
    UCHAR Vectors[IOP_MAX_MESSAGES]; /* one behind the other for MSI */
    ULONG Enabled;                   /* messages that somebody is connected to */
    ULONG Target;                    /* MSI: processor of all messages, while Enabled is not 0 */
    volatile ULONG *Table;           /* MSI-X: mapped while it has messages */
} IOP_FUNCTION, *PIOP_FUNCTION;

/* Boot only; the second one looks for PCI functions. */
VOID IopInitialize(VOID);
VOID IopFindFunctions(VOID);
/* The Index-th function of that maker and kind, NULL if there are fewer. */
PDEVICE_OBJECT IopFindDevice(USHORT Vendor, USHORT Device, ULONG Index);
/* What a device object stands for; NULL for one that stands for nothing. */
PIOP_FUNCTION IopFunctionOf(PDEVICE_OBJECT DeviceObject);
/* The physical address in a base address register, 0 for ports or nothing. */
ULONG64 IopBaseAddress(PIOP_FUNCTION Function, ULONG Index);

/*
 * Gives a device its interrupts: up to MostMessages messages if it has any, else its line.
 * STATUS_NOT_FOUND: it has no interrupts. STATUS_INSUFFICIENT_RESOURCES: no vectors are left, or no
 * addresses for its table. PASSIVE_LEVEL; not while they are connected.
 */
NTSTATUS IopAssignInterrupts(PDEVICE_OBJECT DeviceObject, ULONG MostMessages);
VOID IopReleaseInterrupts(PDEVICE_OBJECT DeviceObject);

/* Where a message of a device goes: the address and the value that it writes there. */
typedef struct _IOP_MESSAGE {
    ULONG64 Address;
    ULONG Data;
} IOP_MESSAGE;
IOP_MESSAGE IopMessageTo(UCHAR Vector, ULONG Processor);
/* Lets a message of the device come, to that processor, or not any more. */
VOID IopEnableMessage(PIOP_FUNCTION Function, ULONG Index, ULONG Processor);
VOID IopDisableMessage(PIOP_FUNCTION Function, ULONG Index);
/* Sends one that is enabled to another processor, where each has a processor of its own. */
VOID IopMoveMessage(PIOP_FUNCTION Function, ULONG Index, ULONG Processor);
