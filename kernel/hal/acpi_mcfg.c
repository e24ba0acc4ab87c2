/*
 * acpi_mcfg.c - where PCI Express has its configuration space in memory (MCFG).
 *
 * Only the first segment is of interest, and only as a whole from bus 0 on: nobody else's base
 * address is beyond doubt. Layout: PCI Firmware Specification 3.2, section 4.1.2.
 */
#include "kernel/hal/acpi.h"
#include "kernel/rtl/section.h"

#define MCFG_ENTRIES 44 /* behind the header and 8 reserved bytes */
#define MCFG_ENTRY   16
#define BUS_BYTES    0x100000 /* 32 slots of 8 functions of 4 KB */

typedef struct _MCFG_WINDOW {
    ULONG64 Base;
    USHORT Segment;
    UCHAR FirstBus, LastBus;
    ULONG Reserved;
} __attribute__((packed)) MCFG_WINDOW;
_Static_assert(sizeof(MCFG_WINDOW) == MCFG_ENTRY, "PCI Firmware 3.2, table 4-3");

INIT const CHAR *HalpParseMcfg(const UCHAR *Table, ULONG Length, PHAL_MACHINE Machine)
{
    if (Length < MCFG_ENTRIES || (Length - MCFG_ENTRIES) % MCFG_ENTRY != 0) {
        return "its entries do not fill it";
    }
    for (ULONG At = MCFG_ENTRIES; At < Length; At += MCFG_ENTRY) {
        const MCFG_WINDOW *Window = (const VOID *)(Table + At);
        if (Window->Segment != 0 || Window->FirstBus != 0) {
            continue;
        }
        if (Window->Base == 0 || Window->Base % BUS_BYTES != 0) {
            return "its address is impossible";
        }
        Machine->PciWindow = Window->Base;
        Machine->PciWindowBuses = Window->LastBus + 1;
        return NULL;
    }
    return NULL;
}
