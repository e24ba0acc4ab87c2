/*
 * pci.c - tests of PCI configuration space: the two ways to its registers agree.
 */
#include "executive/io/pci.h"
#include "kernel/hal/acpi.h"
#include "kernel/hal/hal.h"
#include "tests/test.h"
#include <wdm.h>

#define BRIDGE        HAL_PCI_FUNCTION(0, 0, 0) /* every PC has it */
#define LINE_REGISTER 0x3C /* its first byte is for software to keep a number in */
#define NEED_WINDOW                                                                                \
    if (HalpPciWindow(0) == NULL) {                                                                \
        SKIP("this machine has no configuration space in memory");                                 \
    }

TEST(PciWindow, "io/pci/express-machines-have-a-window", "PCI Firmware 3.2, section 4.1.2")
{
    if (HalpMachine.PciWindow == 0) {
        SKIP("the firmware names none");
    }
    CHECK_NE(HalpPciWindow(0), NULL);
    CHECK_EQ(HalpMachine.PciWindow % HAL_PCI_BUS_BYTES, 0);
    CHECK_EQ((ULONG64)MmGetPhysicalAddress((PVOID)HalpPciWindow(0)).QuadPart,
             HalpMachine.PciWindow);
}

static VOID CompareFunction(ULONG Function, PVOID Context)
{
    for (ULONG Register = 0; Register < 0x40; Register += 4) {
        CHECK_EQ(HalpReadPci(Function, Register), HalpReadPciPorts(Function, Register));
    }
    ++*(PULONG)Context;
}

TEST(PciWays, "io/pci/window-and-ports-show-the-same", "PCI Express 4.0, section 7.2.2")
{
    ULONG Count = 0;
    NEED_WINDOW;
    HalpForEachPciFunction(CompareFunction, &Count);
    CHECK_GE(Count, 2); /* two bridges at least */
}

/* Behind slot 0 too, so that the bits of slots and functions are in their places. */
TEST(PciLast, "io/pci/slots-and-functions-have-their-own-registers", "")
{
    ULONG Empty = HAL_PCI_FUNCTION(0, 29, 5);
    NEED_WINDOW;
    CHECK_EQ(HalpReadPci(Empty, PCI_ID), 0xFFFFFFFF);
    CHECK_EQ(HalpReadPci(HAL_PCI_FUNCTION(0, 31, 0), PCI_ID),
             HalpReadPciPorts(HAL_PCI_FUNCTION(0, 31, 0), PCI_ID));
}

TEST(PciWrites, "io/pci/what-the-window-writes-the-ports-read", "")
{
    NEED_WINDOW;
    ULONG Old = HalpReadPci(BRIDGE, LINE_REGISTER);
    for (ULONG i = 0; i < 2; i++) {
        ULONG Line = i == 0 ? 0x5A : 0xA5;
        HalpWritePci(BRIDGE, LINE_REGISTER, (Old & ~0xFFU) | Line);
        CHECK_EQ(HalpReadPciPorts(BRIDGE, LINE_REGISTER) & 0xFF, Line);
        HalpWritePci16(BRIDGE, LINE_REGISTER, (USHORT)((Old & 0xFF00) | (Line ^ 0xFF)));
        CHECK_EQ(HalpReadPciPorts(BRIDGE, LINE_REGISTER) & 0xFF, Line ^ 0xFF);
    }
    HalpWritePci(BRIDGE, LINE_REGISTER, Old);
}

TEST(PciExtended, "io/pci/registers-from-256-on-need-the-window", "PCI Express 4.0, section 7.2.2")
{
    CHECK_EQ(HalpReadPciPorts(BRIDGE, 0x100), 0xFFFFFFFF);
    CHECK_NE(HalpReadPciPorts(BRIDGE, 0), 0xFFFFFFFF);
    NEED_WINDOW;
    CHECK_NE(HalpReadPci(BRIDGE, 0x100), HalpReadPci(BRIDGE, 0)); /* no wrap-around */
}
