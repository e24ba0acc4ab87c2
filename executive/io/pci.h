/*
 * pci.h - the registers of a PCI function that executive/io knows. Layout: PCI Local Bus
 * Specification 3.0, sections 6.2 and 6.8.
 */
#pragma once

#include "executive/io/io.h"

#define PCI_ID           0x00
#define PCI_COMMAND      0x04 /* status in the upper half */
#define PCI_BASE_ADDRESS 0x10 /* PCI_BASE_ADDRESSES of them */
#define PCI_CAPABILITIES 0x34
#define PCI_INTERRUPT    0x3C /* line, and pin in the next byte */

#define PCI_COMMAND_MEMORY      0x2   /* answers at its base addresses */
#define PCI_COMMAND_MASTER      0x4   /* may write: a message is a write */
#define PCI_COMMAND_NO_LINE     0x400 /* leaves its line alone */
#define PCI_STATUS_CAPABILITIES 0x10

#define PCI_BASE_PORTS     0x1
#define PCI_BASE_TYPE      0x6
#define PCI_BASE_64_BITS   0x4
#define PCI_BASE_ADDRESSES 6

#define PCI_CAPABILITY_MSI    0x05
#define PCI_CAPABILITY_VENDOR 0x09
#define PCI_CAPABILITY_MSIX   0x11

/* MSI. Control is the upper half of the first register. */
#define PCI_MSI_CONTROL       2
#define PCI_MSI_ADDRESS       4
#define PCI_MSI_ADDRESS_HIGH  8 /* with PCI_MSI_64_BITS; what follows is four bytes on then */
#define PCI_MSI_DATA          8
#define PCI_MSI_MASK          12 /* with PCI_MSI_MASKABLE */
#define PCI_MSI_ENABLE        0x1
#define PCI_MSI_CAPABLE(c)    ((c) >> 1 & 7) /* log2 of the messages that it has */
#define PCI_MSI_ENABLED_SHIFT 4              /* log2 of those that it may use */
#define PCI_MSI_ENABLED_BITS  (7 << PCI_MSI_ENABLED_SHIFT)
#define PCI_MSI_64_BITS       0x80
#define PCI_MSI_MASKABLE      0x100

/* MSI-X. A table in device memory has address, value and mask of each message. */
#define PCI_MSIX_CONTROL    2
#define PCI_MSIX_TABLE      4
#define PCI_MSIX_SIZE       0x7FF /* in control: of the table, less 1 */
#define PCI_MSIX_ALL_MASKED 0x4000
#define PCI_MSIX_ENABLE     0x8000
#define PCI_MSIX_BASE       0x7 /* in PCI_MSIX_TABLE: which base address; the rest is the offset */
#define PCI_MSIX_ENTRY_SIZE 16
#define PCI_MSIX_WORDS      4 /* of an entry: address, its upper half, value, control */
#define PCI_MSIX_MASKED     0x1

/*
 * Where the next capability of that kind begins behind the one at register Previous, or the first
 * for 0; 0 when there is none.
 */
UCHAR IopNextCapability(PIOP_FUNCTION Function, UCHAR Kind, ULONG Previous);
/* Sets or clears bits of the command register. */
VOID IopSetCommand(PIOP_FUNCTION Function, USHORT Bits, BOOLEAN Set);
