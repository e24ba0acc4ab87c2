/*
 * acpi_madt.c - the Multiple APIC Description Table: processors and interrupt controllers.
 *
 * A processor may be named twice, as a local APIC and as a local x2APIC; its APIC id tells. Entries
 * that are not enabled are sockets that are empty now. Layout: ACPI 6.5, section 5.2.12.
 */
#include "kernel/hal/acpi.h"
#include "kernel/rtl/section.h"

typedef struct _MADT {
    ACPI_HEADER Header;
    ULONG LocalApic;
    ULONG Flags;
} __attribute__((packed)) MADT;
_Static_assert(sizeof(MADT) == 44, "ACPI 6.5, table 5.19");

#define ENTRY_LOCAL_APIC       0
#define ENTRY_IO_APIC          1
#define ENTRY_OVERRIDE         2
#define ENTRY_LOCAL_NMI        4
#define ENTRY_APIC_ADDRESS     5
#define ENTRY_LOCAL_X2APIC     9
#define ENTRY_LOCAL_X2APIC_NMI 10

/* The least length of each type, 0 for those that we skip. */
static const UCHAR INITDATA HalpMadtSizes[] = {8, 12, 10, 0, 6, 12, 0, 0, 0, 16, 12};

#define PROCESSOR_ENABLED 1
#define ALL_PROCESSORS    0xFF /* as Uid of a local NMI entry */
#define ALL_PROCESSORS_X2 0xFFFFFFFF

/* Flags of an interrupt: how it is wired (MPS INTI flags). */
#define POLARITY_MASK 0x3
#define POLARITY_LOW  0x3
#define TRIGGER_MASK  0xC
#define TRIGGER_LEVEL 0xC

typedef struct _MADT_LOCAL_APIC {
    ACPI_ENTRY Entry;
    UCHAR Uid;
    UCHAR ApicId;
    ULONG Flags;
} __attribute__((packed)) MADT_LOCAL_APIC;

typedef struct _MADT_IO_APIC {
    ACPI_ENTRY Entry;
    UCHAR Id;
    UCHAR Reserved;
    ULONG Address;
    ULONG FirstLine;
} __attribute__((packed)) MADT_IO_APIC;

typedef struct _MADT_OVERRIDE {
    ACPI_ENTRY Entry;
    UCHAR Bus; /* 0: ISA */
    UCHAR Source;
    ULONG Line;
    USHORT Flags;
} __attribute__((packed)) MADT_OVERRIDE;

typedef struct _MADT_LOCAL_NMI {
    ACPI_ENTRY Entry;
    UCHAR Uid;
    USHORT Flags;
    UCHAR Pin;
} __attribute__((packed)) MADT_LOCAL_NMI;

typedef struct _MADT_APIC_ADDRESS {
    ACPI_ENTRY Entry;
    USHORT Reserved;
    ULONG64 Address;
} __attribute__((packed)) MADT_APIC_ADDRESS;

typedef struct _MADT_LOCAL_X2APIC {
    ACPI_ENTRY Entry;
    USHORT Reserved;
    ULONG ApicId;
    ULONG Flags;
    ULONG Uid;
} __attribute__((packed)) MADT_LOCAL_X2APIC;

typedef struct _MADT_LOCAL_X2APIC_NMI {
    ACPI_ENTRY Entry;
    USHORT Flags;
    ULONG Uid;
    UCHAR Pin;
    UCHAR Reserved[3];
} __attribute__((packed)) MADT_LOCAL_X2APIC_NMI;

_Static_assert(sizeof(MADT_LOCAL_APIC) == 8 && sizeof(MADT_IO_APIC) == 12 &&
                   sizeof(MADT_OVERRIDE) == 10 && sizeof(MADT_LOCAL_NMI) == 6 &&
                   sizeof(MADT_APIC_ADDRESS) == 12 && sizeof(MADT_LOCAL_X2APIC) == 16 &&
                   sizeof(MADT_LOCAL_X2APIC_NMI) == 12,
               "ACPI 6.5, section 5.2.12");

static INIT VOID HalpAddProcessor(PHAL_MACHINE Machine, ULONG ApicId, ULONG Uid, ULONG Flags)
{
    if (!(Flags & PROCESSOR_ENABLED)) {
        return;
    }
    for (ULONG i = 0; i < Machine->ProcessorCount; i++) {
        if (Machine->Processors[i].ApicId == ApicId) {
            return;
        }
    }
    if (Machine->ProcessorCount == HAL_MAX_PROCESSORS) {
        Machine->ProcessorsDropped++;
        return;
    }
    Machine->Processors[Machine->ProcessorCount++] =
        (HAL_PROCESSOR){.ApicId = ApicId, .Uid = Uid, .NmiPin = HAL_NO_PIN};
}

static INIT VOID HalpAddIoApic(PHAL_MACHINE Machine, const MADT_IO_APIC *Entry)
{
    if (Machine->IoApicCount < HAL_MAX_IO_APICS) {
        Machine->IoApics[Machine->IoApicCount++] =
            (HAL_IO_APIC){Entry->Address, Entry->FirstLine, Entry->Id};
    }
}

static INIT VOID HalpOverrideLine(PHAL_MACHINE Machine, const MADT_OVERRIDE *Entry)
{
    if (Entry->Bus == 0 && Entry->Source < HAL_ISA_LINES) {
        Machine->IsaLines[Entry->Source] =
            (HAL_ISA_LINE){Entry->Line, (Entry->Flags & POLARITY_MASK) == POLARITY_LOW,
                           (Entry->Flags & TRIGGER_MASK) == TRIGGER_LEVEL};
    }
}

static INIT VOID HalpSetNmiPin(PHAL_MACHINE Machine, ULONG Uid, ULONG All, UCHAR Pin, USHORT Flags)
{
    for (ULONG i = 0; i < Machine->ProcessorCount && Pin < 2; i++) {
        if (Uid == All || Uid == Machine->Processors[i].Uid) {
            Machine->Processors[i].NmiPin = Pin;
            Machine->Processors[i].NmiLow = (Flags & POLARITY_MASK) == POLARITY_LOW;
        }
    }
}

static INIT VOID HalpReadMadtEntry(PHAL_MACHINE Machine, const ACPI_ENTRY *Entry)
{
    const MADT_LOCAL_APIC *Local = (const VOID *)Entry;
    const MADT_LOCAL_X2APIC *Extended = (const VOID *)Entry;
    const MADT_APIC_ADDRESS *Address = (const VOID *)Entry;
    switch (Entry->Type) {
    case ENTRY_LOCAL_APIC:
        HalpAddProcessor(Machine, Local->ApicId, Local->Uid, Local->Flags);
        break;
    case ENTRY_LOCAL_X2APIC:
        HalpAddProcessor(Machine, Extended->ApicId, Extended->Uid, Extended->Flags);
        break;
    case ENTRY_IO_APIC: HalpAddIoApic(Machine, (const VOID *)Entry); break;
    case ENTRY_OVERRIDE: HalpOverrideLine(Machine, (const VOID *)Entry); break;
    case ENTRY_APIC_ADDRESS: Machine->LocalApic = Address->Address; break;
    default: break;
    }
}

/* After all processors are known: an NMI entry may stand before the processor that it names. */
static INIT VOID HalpReadNmiEntry(PHAL_MACHINE Machine, const ACPI_ENTRY *Entry)
{
    const MADT_LOCAL_NMI *Local = (const VOID *)Entry;
    const MADT_LOCAL_X2APIC_NMI *Extended = (const VOID *)Entry;
    if (Entry->Type == ENTRY_LOCAL_NMI) {
        HalpSetNmiPin(Machine, Local->Uid, ALL_PROCESSORS, Local->Pin, Local->Flags);
    } else if (Entry->Type == ENTRY_LOCAL_X2APIC_NMI) {
        HalpSetNmiPin(Machine, Extended->Uid, ALL_PROCESSORS_X2, Extended->Pin, Extended->Flags);
    }
}

INIT const CHAR *HalpParseMadt(const UCHAR *Table, ULONG Length, PHAL_MACHINE Machine)
{
    const MADT *Madt = (const VOID *)Table;
    const ACPI_ENTRY *Entry = NULL;
    if (Length < sizeof(*Madt)) {
        return "it is too short";
    }
    if (!HalpCheckAcpiEntries(Table, Length, sizeof(*Madt), HalpMadtSizes, sizeof(HalpMadtSizes))) {
        return "its list of entries is damaged";
    }
    Machine->LocalApic = Madt->LocalApic;
    while ((Entry = HalpNextAcpiEntry(Table, Length, sizeof(*Madt), Entry)) != NULL) {
        HalpReadMadtEntry(Machine, Entry);
    }
    while ((Entry = HalpNextAcpiEntry(Table, Length, sizeof(*Madt), Entry)) != NULL) {
        HalpReadNmiEntry(Machine, Entry);
    }
    return NULL;
}
