/*
 * acpi.h - what the firmware's ACPI tables say about the machine: its processors, interrupt
 * controllers, NUMA nodes and clocks. Filled once at start-up by HalpReadAcpi.
 *
 * Only tables are read, no AML. The parsers see memory through a function that they are given, so
 * that they run on the host, too, against hostile tables (tests/host/acpi_test.c).
 */
#pragma once

#include <ntdef.h>

#define HAL_MAX_PROCESSORS  64
#define HAL_MAX_IO_APICS    8
#define HAL_MAX_NODES       16
#define HAL_MAX_NODE_RANGES 64
#define HAL_ISA_LINES       16

#define HAL_DISTANCE_SELF    10 /* ACPI's measure of a node's own memory; others are larger */
#define HAL_DISTANCE_DEFAULT 20 /* between two nodes when no table says */
#define HAL_NO_PIN           0xFF

typedef struct _HAL_PROCESSOR {
    ULONG ApicId;
    ULONG Uid;      /* the firmware's own number, by which tables refer to it */
    ULONG Node;     /* index into Domains */
    UCHAR NmiPin;   /* local interrupt pin (0 or 1) that carries NMI, or HAL_NO_PIN */
    BOOLEAN NmiLow; /* that pin is active low */
} HAL_PROCESSOR;

typedef struct _HAL_IO_APIC {
    ULONG Address; /* physical */
    ULONG FirstLine;
    ULONG Id;
} HAL_IO_APIC;

/* Where an interrupt line of the ISA bus arrives. */
typedef struct _HAL_ISA_LINE {
    ULONG Line; /* global: counted through all I/O APICs */
    BOOLEAN ActiveLow;
    BOOLEAN Level;
} HAL_ISA_LINE;

typedef struct _HAL_NODE_RANGE {
    ULONG64 Base;
    ULONG64 Size;
    ULONG Node; /* index into Domains */
} HAL_NODE_RANGE;

typedef struct _HAL_MACHINE {
    ULONG ProcessorCount;    /* 0: the tables name none */
    ULONG ProcessorsDropped; /* named, but more than HAL_MAX_PROCESSORS */
    ULONG IoApicCount;
    ULONG NodeCount; /* at least 1 */
    ULONG NodeRangeCount;
    ULONG PmTimerPort;   /* 0: none */
    BOOLEAN PmTimerWide; /* it counts in 32 bits, not 24 */
    ULONG64 LocalApic;   /* physical; 0: not named */
    ULONG64 Hpet;        /* physical; 0: none */
    ULONG64 PciWindow;   /* physical: configuration space of PCI bus 0, others behind it; 0: none */
    ULONG PciWindowBuses;
    HAL_PROCESSOR Processors[HAL_MAX_PROCESSORS];
    HAL_IO_APIC IoApics[HAL_MAX_IO_APICS];
    HAL_ISA_LINE IsaLines[HAL_ISA_LINES];
    HAL_NODE_RANGE NodeRanges[HAL_MAX_NODE_RANGES]; /* what none covers is node 0's */
    ULONG Domains[HAL_MAX_NODES]; /* the firmware's numbers of the nodes, rising */
    UCHAR Distances[HAL_MAX_NODES][HAL_MAX_NODES];
} HAL_MACHINE, *PHAL_MACHINE;

extern HAL_MACHINE HalpMachine;

/* How the parsers reach out: bytes of physical memory, and the line about what was ignored. */
typedef struct _HAL_ACPI_ACCESS {
    /* Size bytes at physical Address, NULL unless all of them may be read. */
    const VOID *(*Map)(ULONG64 Address, ULONG64 Size);
    /* Name has four characters and no terminator; Wrong is a phrase: "its checksum is wrong". */
    VOID (*Report)(const CHAR *Name, ULONG64 Address, const CHAR *Wrong);
} HAL_ACPI_ACCESS;

/*
 * Fills *Machine from the tables behind the RSDP at physical Rsdp; 0: searches the BIOS's area for
 * one. What no good table says has its default: one node, no processors, no timers, ISA lines as
 * they are wired on a PC. Boot only.
 */
VOID HalpReadAcpi(const HAL_ACPI_ACCESS *Access, ULONG64 Rsdp, PHAL_MACHINE Machine);

/*
 * The parsers, each for a whole table whose length (at least that of the header) and checksum are
 * right. NULL, or what is wrong: then nothing in *Machine has changed. SRAT comes after MADT and
 * SLIT after SRAT.
 */
const CHAR *HalpParseMadt(const UCHAR *Table, ULONG Length, PHAL_MACHINE Machine);
const CHAR *HalpParseSrat(const UCHAR *Table, ULONG Length, PHAL_MACHINE Machine);
const CHAR *HalpParseSlit(const UCHAR *Table, ULONG Length, PHAL_MACHINE Machine);
const CHAR *HalpParseFadt(const UCHAR *Table, ULONG Length, PHAL_MACHINE Machine);
const CHAR *HalpParseHpet(const UCHAR *Table, ULONG Length, PHAL_MACHINE Machine);
const CHAR *HalpParseMcfg(const UCHAR *Table, ULONG Length, PHAL_MACHINE Machine);

/* ---- what the parsers share ------------------------------------------------------------------ */

typedef struct _ACPI_HEADER {
    CHAR Signature[4];
    ULONG Length; /* of the whole table */
    UCHAR Revision;
    UCHAR Checksum; /* makes the sum of all bytes zero */
    CHAR Oem[26];
} __attribute__((packed)) ACPI_HEADER;
_Static_assert(sizeof(ACPI_HEADER) == 36, "ACPI 6.5, table 5.4");

/* Where a register is. */
typedef struct _ACPI_ADDRESS {
    UCHAR Space; /* 0 memory, 1 ports */
    UCHAR BitWidth;
    UCHAR BitOffset;
    UCHAR AccessSize;
    ULONG64 Address;
} __attribute__((packed)) ACPI_ADDRESS;
_Static_assert(sizeof(ACPI_ADDRESS) == 12, "ACPI 6.5, table 5.1");
#define ACPI_SPACE_MEMORY 0
#define ACPI_SPACE_PORTS  1

/* How MADT and SRAT begin each of their entries. */
typedef struct _ACPI_ENTRY {
    UCHAR Type;
    UCHAR Length;
} ACPI_ENTRY;

/*
 * The entry behind Entry in a table, the first for NULL; NULL behind the last. Offset is where the
 * first one stands.
 */
const ACPI_ENTRY *HalpNextAcpiEntry(const UCHAR *Table, ULONG Length, ULONG Offset,
                                    const ACPI_ENTRY *Entry);
/*
 * TRUE when the entries fill the table exactly and none is shorter than Sizes says for its type (0:
 * a type that is of no interest).
 */
BOOLEAN HalpCheckAcpiEntries(const UCHAR *Table, ULONG Length, ULONG Offset, const UCHAR *Sizes,
                             ULONG Types);
