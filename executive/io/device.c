/*
 * device.c - which PCI functions there are, and giving each its interrupts.
 *
 * A function has a line, or messages in one of two forms, or nothing. Where its line arrives only
 * the firmware knows: it says so in the Interrupt Line register, as a line of the ISA bus, and the
 * MADT says where that one arrives. (The other way there is, AML, is not read.) Registers and
 * capabilities: PCI Local Bus Specification 3.0, sections 6.2, 6.7 and 6.8.
 */
#include "executive/io/io.h"
#include "executive/io/pci.h"
#include "kernel/hal/acpi.h"
#include "kernel/hal/hal.h"
#include "kernel/rtl/section.h"

#define FUNCTION_TAG     'fPoI'
#define MAX_CAPABILITIES 48 /* in 192 bytes: a list that goes on longer is a circle */

static LIST_ENTRY IopFunctions = {&IopFunctions, &IopFunctions};

/* ---- finding --------------------------------------------------------------------------------- */

UCHAR IopNextCapability(PIOP_FUNCTION Function, UCHAR Kind, ULONG Previous)
{
    if (!(HalpReadPci(Function->Address, PCI_COMMAND) >> 16 & PCI_STATUS_CAPABILITIES)) {
        return 0;
    }
    BOOLEAN Behind = Previous == 0;
    ULONG At = HalpReadPci(Function->Address, PCI_CAPABILITIES) & 0xFC;
    for (ULONG i = 0; i < MAX_CAPABILITIES && At != 0; i++) {
        ULONG Head = HalpReadPci(Function->Address, At);
        if (Behind && (Head & 0xFF) == Kind) {
            return (UCHAR)At;
        }
        Behind |= At == Previous;
        At = Head >> 8 & 0xFC;
    }
    return 0;
}

/*
 * Has the registers of a bus in memory from now on, where the firmware's table says that they are;
 * not if the function that was just found is another one there.
 */
static VOID IopMapBus(ULONG Address)
{
    ULONG Bus = HAL_PCI_BUS(Address), Id = HalpReadPciPorts(Address, PCI_ID);
    PHYSICAL_ADDRESS Start = {
        .QuadPart = (LONGLONG)(HalpMachine.PciWindow + (ULONG64)Bus * HAL_PCI_BUS_BYTES)};
    if (HalpMachine.PciWindow == 0 || Bus >= HalpMachine.PciWindowBuses ||
        HalpPciWindow(Bus) != NULL) {
        return;
    }
    PVOID Window = MmMapIoSpace(Start, HAL_PCI_BUS_BYTES, MmNonCached);
    HalpSetPciWindow(Bus, Window);
    if (Window != NULL && HalpReadPci(Address, PCI_ID) != Id) {
        HalpSetPciWindow(Bus, NULL);
        MmUnmapIoSpace(Window, HAL_PCI_BUS_BYTES);
        DbgPrint("the registers of PCI bus %lu are not where the table MCFG has them\n", Bus);
    }
}

static VOID IopNoteFunction(ULONG Address, PVOID Context)
{
    IopMapBus(Address);
    PIOP_FUNCTION Function =
        ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(IOP_FUNCTION), FUNCTION_TAG);
    ULONG Id = HalpReadPci(Address, PCI_ID);
    UNREFERENCED_PARAMETER(Context);
    if (Function != NULL) {
        *Function =
            (IOP_FUNCTION){.Address = Address, .Vendor = Id & 0xFFFF, .Device = (USHORT)(Id >> 16)};
        Function->Msi = IopNextCapability(Function, PCI_CAPABILITY_MSI, 0);
        Function->Msix = IopNextCapability(Function, PCI_CAPABILITY_MSIX, 0);
        InsertTailList(&IopFunctions, &Function->Links);
    }
}

INIT VOID IopFindFunctions(VOID)
{
    HalpForEachPciFunction(IopNoteFunction, NULL);
}

PDEVICE_OBJECT IopFindDevice(USHORT Vendor, USHORT Device, ULONG Index)
{
    for (PLIST_ENTRY Entry = IopFunctions.Flink; Entry != &IopFunctions; Entry = Entry->Flink) {
        PIOP_FUNCTION Function = CONTAINING_RECORD(Entry, IOP_FUNCTION, Links);
        if (Function->Vendor == Vendor && Function->Device == Device && Index-- == 0) {
            return (PDEVICE_OBJECT)Function;
        }
    }
    return NULL;
}

PIOP_FUNCTION IopFunctionOf(PDEVICE_OBJECT DeviceObject)
{
    for (PLIST_ENTRY Entry = IopFunctions.Flink; Entry != &IopFunctions; Entry = Entry->Flink) {
        PIOP_FUNCTION Function = CONTAINING_RECORD(Entry, IOP_FUNCTION, Links);
        if ((PDEVICE_OBJECT)Function == DeviceObject) {
            return Function;
        }
    }
    return NULL;
}

ULONG64 IopBaseAddress(PIOP_FUNCTION Function, ULONG Index)
{
    ULONG Low = HalpReadPci(Function->Address, PCI_BASE_ADDRESS + 4 * Index);
    if (Low & PCI_BASE_PORTS) {
        return 0;
    }
    ULONG64 High = 0;
    if ((Low & PCI_BASE_TYPE) == PCI_BASE_64_BITS) {
        High = HalpReadPci(Function->Address, PCI_BASE_ADDRESS + 4 * (Index + 1));
    }
    return High << 32 | (Low & ~0xFU);
}

/* ---- giving ---------------------------------------------------------------------------------- */

static VOID IopReleaseVectors(PIOP_FUNCTION Function)
{
    for (ULONG i = 0; i < Function->Count; i++) {
        KiFreeVectors(Function->Vectors[i], 1);
    }
    Function->Count = 0;
}

static ULONG IopLeast(ULONG First, ULONG Second)
{
    return First < Second ? First : Second;
}

/* The device's own limit, the caller's and ours. */
static NTSTATUS IopAssignTable(PIOP_FUNCTION Function, ULONG Most)
{
    ULONG Head = HalpReadPci(Function->Address, Function->Msix);
    ULONG Table = HalpReadPci(Function->Address, Function->Msix + PCI_MSIX_TABLE);
    ULONG Count = (Head >> 16 & PCI_MSIX_SIZE) + 1;
    ULONG64 Base = IopBaseAddress(Function, Table & PCI_MSIX_BASE);
    PHYSICAL_ADDRESS Address = {.QuadPart = (LONGLONG)(Base + (Table & ~PCI_MSIX_BASE))};
    Count = IopLeast(Count, IopLeast(Most, IOP_MAX_MESSAGES));
    Function->Table =
        Base == 0 ? NULL : MmMapIoSpace(Address, Count * PCI_MSIX_ENTRY_SIZE, MmNonCached);
    if (Function->Table == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    for (ULONG i = 0; i < Count; i++) {
        Function->Vectors[i] = KiAllocateVectors(1, KI_ANY_LEVEL);
        if (Function->Vectors[i] == 0) {
            IopReleaseVectors(Function);
            MmUnmapIoSpace((PVOID)Function->Table, Count * PCI_MSIX_ENTRY_SIZE);
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        Function->Count++;
    }
    Function->Kind = IopMsix;
    return STATUS_SUCCESS;
}

/* A power of two: the device replaces the low bits of the value that it writes. */
static NTSTATUS IopAssignMessages(PIOP_FUNCTION Function, ULONG Most)
{
    ULONG Head = HalpReadPci(Function->Address, Function->Msi);
    ULONG Count = 1;
    Most = IopLeast(Most, IopLeast(1U << PCI_MSI_CAPABLE(Head >> 16), KI_LEVEL_VECTORS));
    while (Count * 2 <= Most) {
        Count *= 2;
    }
    UCHAR First = KiAllocateVectors(Count, KI_ANY_LEVEL);
    if (First == 0) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    for (ULONG i = 0; i < Count; i++) {
        Function->Vectors[i] = (UCHAR)(First + i);
    }
    Function->Count = Count;
    Function->Kind = IopMsi;
    return STATUS_SUCCESS;
}

static NTSTATUS IopAssignLine(PIOP_FUNCTION Function)
{
    ULONG Wiring = HalpReadPci(Function->Address, PCI_INTERRUPT);
    ULONG Line = Wiring & 0xFF, Pin = Wiring >> 8 & 0xFF;
    if (Pin == 0 || Line >= HAL_ISA_LINES) {
        return STATUS_NOT_FOUND;
    }
    Function->Vectors[0] = KiReferenceLine(HalpIsaLine(Line), LevelSensitive);
    if (Function->Vectors[0] == 0) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    IopSetCommand(Function, PCI_COMMAND_NO_LINE, FALSE);
    Function->Count = 1;
    Function->Kind = IopLine;
    return STATUS_SUCCESS;
}

NTSTATUS IopAssignInterrupts(PDEVICE_OBJECT DeviceObject, ULONG MostMessages)
{
    PIOP_FUNCTION Function = IopFunctionOf(DeviceObject);
    if (MostMessages != 0 && Function->Msix != 0) {
        return IopAssignTable(Function, MostMessages);
    }
    if (MostMessages != 0 && Function->Msi != 0) {
        return IopAssignMessages(Function, MostMessages);
    }
    return IopAssignLine(Function);
}

VOID IopReleaseInterrupts(PDEVICE_OBJECT DeviceObject)
{
    PIOP_FUNCTION Function = IopFunctionOf(DeviceObject);
    if (Function->Kind == IopLine) {
        KiDereferenceLine(Function->Vectors[0]);
        Function->Count = 0;
    }
    if (Function->Kind == IopMsix) {
        MmUnmapIoSpace((PVOID)Function->Table, Function->Count * PCI_MSIX_ENTRY_SIZE);
    }
    IopReleaseVectors(Function);
    Function->Kind = IopNoInterrupt;
}
