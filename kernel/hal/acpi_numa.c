/*
 * acpi_numa.c - the tables of NUMA machines: SRAT says which processor and which memory is in which
 * proximity domain, SLIT how far the domains are from each other.
 *
 * Domains are the firmware's numbers and may have gaps; nodes are ours, 0 upwards in the domains'
 * order. Layouts: ACPI 6.5, sections 5.2.16 and 5.2.17.
 */
#include "kernel/hal/acpi.h"
#include "kernel/rtl/section.h"

#define SRAT_HEADER_SIZE 48 /* ACPI_HEADER, 12 reserved bytes */
#define SLIT_HEADER_SIZE 44 /* ACPI_HEADER, number of domains */
#define SLIT_MAX_DOMAINS 1024

#define ENTRY_PROCESSOR        0
#define ENTRY_MEMORY           1
#define ENTRY_PROCESSOR_X2APIC 2
#define ENTRY_ENABLED          1

static const UCHAR INITDATA HalpSratSizes[] = {16, 40, 24};

typedef struct _SRAT_PROCESSOR {
    ACPI_ENTRY Entry;
    UCHAR DomainLow;
    UCHAR ApicId;
    ULONG Flags;
    UCHAR SapicEid;
    UCHAR DomainHigh[3];
    ULONG ClockDomain;
} __attribute__((packed)) SRAT_PROCESSOR;

typedef struct _SRAT_MEMORY {
    ACPI_ENTRY Entry;
    ULONG Domain;
    USHORT Reserved0;
    ULONG64 Base;
    ULONG64 Size;
    ULONG Reserved1;
    ULONG Flags;
    ULONG64 Reserved2;
} __attribute__((packed)) SRAT_MEMORY;

typedef struct _SRAT_PROCESSOR_X2APIC {
    ACPI_ENTRY Entry;
    USHORT Reserved0;
    ULONG Domain;
    ULONG ApicId;
    ULONG Flags;
    ULONG ClockDomain;
    ULONG Reserved1;
} __attribute__((packed)) SRAT_PROCESSOR_X2APIC;

_Static_assert(sizeof(SRAT_PROCESSOR) == 16 && sizeof(SRAT_MEMORY) == 40 &&
                   sizeof(SRAT_PROCESSOR_X2APIC) == 24,
               "ACPI 6.5, section 5.2.16");

/* What an entry says, whatever its type. */
typedef struct _SRAT_FACT {
    BOOLEAN Valid; /* of a type of interest, and enabled */
    BOOLEAN Memory;
    ULONG Domain;
    ULONG ApicId;
    ULONG64 Base, Size;
} SRAT_FACT;

static INIT SRAT_FACT HalpReadSratEntry(const ACPI_ENTRY *Entry)
{
    const SRAT_PROCESSOR *Local = (const VOID *)Entry;
    const SRAT_PROCESSOR_X2APIC *Extended = (const VOID *)Entry;
    const SRAT_MEMORY *Memory = (const VOID *)Entry;
    switch (Entry->Type) {
    case ENTRY_PROCESSOR:
        return (SRAT_FACT){.Valid = Local->Flags & ENTRY_ENABLED,
                           .Domain = Local->DomainLow | (ULONG)Local->DomainHigh[0] << 8 |
                                     (ULONG)Local->DomainHigh[1] << 16 |
                                     (ULONG)Local->DomainHigh[2] << 24,
                           .ApicId = Local->ApicId};
    case ENTRY_PROCESSOR_X2APIC:
        return (SRAT_FACT){.Valid = Extended->Flags & ENTRY_ENABLED,
                           .Domain = Extended->Domain,
                           .ApicId = Extended->ApicId};
    case ENTRY_MEMORY:
        return (SRAT_FACT){.Valid = (Memory->Flags & ENTRY_ENABLED) && Memory->Size != 0,
                           .Memory = TRUE,
                           .Domain = Memory->Domain,
                           .Base = Memory->Base,
                           .Size = Memory->Size};
    default: return (SRAT_FACT){.Valid = FALSE};
    }
}

/* Adds a domain to the rising list; FALSE when there are too many. */
static INIT BOOLEAN HalpAddDomain(ULONG *Domains, ULONG *Count, ULONG Domain)
{
    ULONG At = 0;
    while (At < *Count && Domains[At] < Domain) {
        At++;
    }
    if (At < *Count && Domains[At] == Domain) {
        return TRUE;
    }
    if (*Count == HAL_MAX_NODES) {
        return FALSE;
    }
    for (ULONG i = *Count; i > At; i--) {
        Domains[i] = Domains[i - 1];
    }
    Domains[At] = Domain;
    (*Count)++;
    return TRUE;
}

static INIT ULONG HalpNodeOfDomain(const HAL_MACHINE *Machine, ULONG Domain)
{
    ULONG Node = 0;
    while (Node < Machine->NodeCount && Machine->Domains[Node] != Domain) {
        Node++;
    }
    return Node;
}

/* Collects the domains and checks the memory ranges; NULL or what is wrong. */
static INIT const CHAR *HalpSurveySrat(const UCHAR *Table, ULONG Length, ULONG *Domains,
                                       ULONG *Count)
{
    const ACPI_ENTRY *Entry = NULL, *Other = NULL;
    ULONG Ranges = 0;
    while ((Entry = HalpNextAcpiEntry(Table, Length, SRAT_HEADER_SIZE, Entry)) != NULL) {
        SRAT_FACT Fact = HalpReadSratEntry(Entry);
        if (Fact.Valid && !HalpAddDomain(Domains, Count, Fact.Domain)) {
            return "it has more than 16 domains";
        }
        if (!Fact.Valid || !Fact.Memory) {
            continue;
        }
        if (Fact.Base + Fact.Size < Fact.Base || ++Ranges > HAL_MAX_NODE_RANGES) {
            return "it has too many or impossible memory ranges";
        }
        for (Other = NULL;
             (Other = HalpNextAcpiEntry(Table, Length, SRAT_HEADER_SIZE, Other)) != Entry;) {
            SRAT_FACT Before = HalpReadSratEntry(Other);
            if (Before.Valid && Before.Memory && Before.Domain != Fact.Domain &&
                Before.Base < Fact.Base + Fact.Size && Fact.Base < Before.Base + Before.Size) {
                return "two of its domains claim the same memory";
            }
        }
    }
    return NULL;
}

static INIT VOID HalpTakeFact(PHAL_MACHINE Machine, const SRAT_FACT *Fact)
{
    ULONG Node = HalpNodeOfDomain(Machine, Fact->Domain);
    if (Fact->Memory) {
        Machine->NodeRanges[Machine->NodeRangeCount++] =
            (HAL_NODE_RANGE){Fact->Base, Fact->Size, Node};
        return;
    }
    for (ULONG i = 0; i < Machine->ProcessorCount; i++) {
        if (Machine->Processors[i].ApicId == Fact->ApicId) {
            Machine->Processors[i].Node = Node;
        }
    }
}

INIT const CHAR *HalpParseSrat(const UCHAR *Table, ULONG Length, PHAL_MACHINE Machine)
{
    ULONG Domains[HAL_MAX_NODES] = {0};
    ULONG Count = 0;
    const ACPI_ENTRY *Entry = NULL;
    if (Length < SRAT_HEADER_SIZE) {
        return "it is too short";
    }
    if (!HalpCheckAcpiEntries(Table, Length, SRAT_HEADER_SIZE, HalpSratSizes,
                              sizeof(HalpSratSizes))) {
        return "its list of entries is damaged";
    }
    const CHAR *Wrong = HalpSurveySrat(Table, Length, Domains, &Count);
    if (Wrong != NULL || Count == 0) {
        return Wrong;
    }
    Machine->NodeCount = Count;
    for (ULONG i = 0; i < Count; i++) {
        Machine->Domains[i] = Domains[i];
    }
    while ((Entry = HalpNextAcpiEntry(Table, Length, SRAT_HEADER_SIZE, Entry)) != NULL) {
        SRAT_FACT Fact = HalpReadSratEntry(Entry);
        if (Fact.Valid) {
            HalpTakeFact(Machine, &Fact);
        }
    }
    return NULL;
}

/* The matrix has a row a domain, counted from 0; we keep the rows and columns of our nodes. */
INIT const CHAR *HalpParseSlit(const UCHAR *Table, ULONG Length, PHAL_MACHINE Machine)
{
    if (Length < SLIT_HEADER_SIZE) {
        return "it is too short";
    }
    ULONG64 Count = 0;
    for (ULONG i = 0; i < 8; i++) {
        Count |= (ULONG64)Table[sizeof(ACPI_HEADER) + i] << 8 * i;
    }
    if (Count > SLIT_MAX_DOMAINS || Count * Count != Length - SLIT_HEADER_SIZE) {
        return "its length does not fit its number of domains";
    }
    const UCHAR *Matrix = Table + SLIT_HEADER_SIZE;
    for (ULONG64 i = 0; i < Count * Count; i++) {
        BOOLEAN Own = i / Count == i % Count;
        if (Own ? Matrix[i] != HAL_DISTANCE_SELF : Matrix[i] <= HAL_DISTANCE_SELF) {
            return "it has an impossible distance";
        }
    }
    for (ULONG i = 0; i < Machine->NodeCount; i++) {
        for (ULONG k = 0; k < Machine->NodeCount; k++) {
            if (Machine->Domains[i] < Count && Machine->Domains[k] < Count) {
                Machine->Distances[i][k] =
                    Matrix[Machine->Domains[i] * Count + Machine->Domains[k]];
            }
        }
    }
    return NULL;
}
