/*
 * message.c - messages of PCI functions: writes that the local APICs take for interrupts.
 *
 * A message names the processor in its address and the vector in its value. MSI has one address and
 * one value for all messages of a function, which puts the number of the message into the value's
 * low bits, so all go to one processor. MSI-X has an entry for each in a table. While a function
 * uses messages it leaves its line alone. Layout: PCI Local Bus Specification 3.0, section 6.8; of
 * the write: Intel SDM volume 3, section "Message Signalled Interrupts".
 */
#include "executive/io/pci.h"
#include "kernel/hal/hal.h"

#define MESSAGE_ADDRESS   0xFEE00000 /* the processor's APIC id in bits 19:12 */
#define MESSAGE_ID_SHIFT  12
#define ENTRY_ADDRESS     0
#define ENTRY_ADDRESS_TOP 1
#define ENTRY_DATA        2
#define ENTRY_CONTROL     3

IOP_MESSAGE IopMessageTo(UCHAR Vector, ULONG Processor)
{
    ULONG ApicId = KiProcessorBlock[Processor]->ApicId;
    return (IOP_MESSAGE){MESSAGE_ADDRESS | ApicId << MESSAGE_ID_SHIFT, Vector};
}

/* The status register in the upper half is left alone: ones clear its bits. */
VOID IopSetCommand(PIOP_FUNCTION Function, USHORT Bits, BOOLEAN Set)
{
    USHORT Command = (USHORT)HalpReadPci(Function->Address, PCI_COMMAND);
    HalpWritePci16(Function->Address, PCI_COMMAND,
                   Set ? (USHORT)(Command | Bits) : (USHORT)(Command & ~Bits));
}

/* ---- MSI ------------------------------------------------------------------------------------- */

static USHORT IopReadControl(PIOP_FUNCTION Function, UCHAR Capability)
{
    return (USHORT)(HalpReadPci(Function->Address, Capability) >> 16);
}

static VOID IopStartMsi(PIOP_FUNCTION Function)
{
    IOP_MESSAGE Message = IopMessageTo(Function->Vectors[0], Function->Target);
    USHORT Control = IopReadControl(Function, Function->Msi);
    ULONG Wide = Control & PCI_MSI_64_BITS ? 4 : 0;
    HalpWritePci(Function->Address, Function->Msi + PCI_MSI_ADDRESS, (ULONG)Message.Address);
    if (Wide != 0) {
        HalpWritePci(Function->Address, Function->Msi + PCI_MSI_ADDRESS_HIGH, 0);
    }
    HalpWritePci16(Function->Address, Function->Msi + PCI_MSI_DATA + Wide, (USHORT)Message.Data);
    if (Control & PCI_MSI_MASKABLE) {
        HalpWritePci(Function->Address, Function->Msi + PCI_MSI_MASK + Wide, 0);
    }
    Control &= (USHORT)~PCI_MSI_ENABLED_BITS;
    Control |= (USHORT)(__builtin_ctz(Function->Count) << PCI_MSI_ENABLED_SHIFT);
    HalpWritePci16(Function->Address, Function->Msi + PCI_MSI_CONTROL, Control | PCI_MSI_ENABLE);
}

static VOID IopStopMsi(PIOP_FUNCTION Function)
{
    USHORT Control = IopReadControl(Function, Function->Msi);
    HalpWritePci16(Function->Address, Function->Msi + PCI_MSI_CONTROL,
                   (USHORT)(Control & ~PCI_MSI_ENABLE));
}

/* ---- MSI-X ----------------------------------------------------------------------------------- */

static VOID IopSetMsixControl(PIOP_FUNCTION Function, USHORT Bits)
{
    USHORT Control = IopReadControl(Function, Function->Msix);
    Control &= (USHORT) ~(PCI_MSIX_ENABLE | PCI_MSIX_ALL_MASKED);
    HalpWritePci16(Function->Address, Function->Msix + PCI_MSIX_CONTROL, Control | Bits);
}

static VOID IopMaskEntry(PIOP_FUNCTION Function, ULONG Index, BOOLEAN Masked)
{
    Function->Table[Index * PCI_MSIX_WORDS + ENTRY_CONTROL] = Masked ? PCI_MSIX_MASKED : 0;
}

/* Enabled under the mask of all, since entries may hold anything. */
static VOID IopStartMsix(PIOP_FUNCTION Function)
{
    IopSetCommand(Function, PCI_COMMAND_MEMORY, TRUE);
    IopSetMsixControl(Function, PCI_MSIX_ENABLE | PCI_MSIX_ALL_MASKED);
    for (ULONG i = 0; i < Function->Count; i++) {
        IopMaskEntry(Function, i, TRUE);
    }
    IopSetMsixControl(Function, PCI_MSIX_ENABLE);
}

static VOID IopSetEntry(PIOP_FUNCTION Function, ULONG Index, ULONG Processor)
{
    IOP_MESSAGE Message = IopMessageTo(Function->Vectors[Index], Processor);
    volatile ULONG *Entry = &Function->Table[Index * PCI_MSIX_WORDS];
    Entry[ENTRY_ADDRESS] = (ULONG)Message.Address;
    Entry[ENTRY_ADDRESS_TOP] = 0;
    Entry[ENTRY_DATA] = Message.Data;
    IopMaskEntry(Function, Index, FALSE);
}

/* ---- both ------------------------------------------------------------------------------------ */

VOID IopEnableMessage(PIOP_FUNCTION Function, ULONG Index, ULONG Processor)
{
    if (Function->Enabled++ == 0) {
        Function->Target = Processor;
        IopSetCommand(Function, PCI_COMMAND_MASTER | PCI_COMMAND_NO_LINE, TRUE);
        if (Function->Kind == IopMsix) {
            IopStartMsix(Function);
        } else {
            IopStartMsi(Function);
        }
    }
    if (Function->Kind == IopMsix) {
        IopSetEntry(Function, Index, Processor);
    }
}

VOID IopMoveMessage(PIOP_FUNCTION Function, ULONG Index, ULONG Processor)
{
    if (Function->Kind == IopMsix) {
        IopMaskEntry(Function, Index, TRUE); /* an entry may change only while it is masked */
        IopSetEntry(Function, Index, Processor);
    }
}

VOID IopDisableMessage(PIOP_FUNCTION Function, ULONG Index)
{
    if (Function->Kind == IopMsix) {
        IopMaskEntry(Function, Index, TRUE);
    }
    if (--Function->Enabled == 0) {
        if (Function->Kind == IopMsix) {
            IopSetMsixControl(Function, 0);
        } else {
            IopStopMsi(Function);
        }
    }
}
