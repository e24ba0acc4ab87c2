/*
 * acpi.c - finds the ACPI tables, checks them and hands each to its parser.
 *
 * The way is RSDP -> XSDT (or, on old firmware or when that one is damaged, RSDT) -> tables. Every
 * address and length is a claim: bytes are looked at only after Map has granted them, a table is
 * believed only when its checksum is right, and only once. A table that is not believed is named in
 * one line and the machine does without it.
 *
 *   ACPI-1  Nothing is read outside of what Map granted.
 *   ACPI-2  A table changes the machine's description as a whole or not at all.
 *   ACPI-3  No table can make the search longer than MAX_TABLES steps: tables do not nest.
 *
 * Layouts: ACPI specification 6.5, chapter 5 (software programming model).
 */
#include "kernel/hal/acpi.h"
#include "kernel/rtl/section.h"

#define RSDP_SIZE      20
#define RSDP_SIZE_2    36 /* from revision 2 on: with the XSDT and a length of its own */
#define RSDP_MAX_SIZE  0x1000
#define RSDP_STEP      16 /* it stands at a multiple of 16 */
#define MAX_TABLE_SIZE 0x100000
#define MAX_TABLES     256
#define EBDA_POINTER   0x40E /* segment of the extended BIOS data area */
#define EBDA_SEARCHED  0x400
#define BIOS_AREA      0xE0000
#define BIOS_AREA_SIZE 0x20000
#define TABLE_COUNT    6

typedef struct _ACPI_RSDP {
    CHAR Signature[8];
    UCHAR Checksum; /* of the first 20 bytes */
    CHAR Oem[6];
    UCHAR Revision;
    ULONG Rsdt;
    ULONG Length; /* from here on: revision 2 */
    ULONG64 Xsdt;
    UCHAR ExtendedChecksum; /* of all */
    UCHAR Reserved[3];
} __attribute__((packed)) ACPI_RSDP;
_Static_assert(sizeof(ACPI_RSDP) == RSDP_SIZE_2, "ACPI 6.5, table 5.3");

/* In the order in which they are parsed. */
static const struct {
    CHAR Signature[4];
    const CHAR *(*Parse)(const UCHAR *Table, ULONG Length, PHAL_MACHINE Machine);
} HalpTables[TABLE_COUNT] = {
    {"APIC", HalpParseMadt}, {"SRAT", HalpParseSrat}, {"SLIT", HalpParseSlit},
    {"FACP", HalpParseFadt}, {"HPET", HalpParseHpet}, {"MCFG", HalpParseMcfg},
};

HAL_MACHINE HalpMachine;

/* ---- entries of a table ---------------------------------------------------------------------- */

INIT const ACPI_ENTRY *HalpNextAcpiEntry(const UCHAR *Table, ULONG Length, ULONG Offset,
                                         const ACPI_ENTRY *Entry)
{
    ULONG At = Entry == NULL ? Offset : (ULONG)((const UCHAR *)Entry - Table) + Entry->Length;
    return At < Length ? (const ACPI_ENTRY *)(Table + At) : NULL;
}

INIT BOOLEAN HalpCheckAcpiEntries(const UCHAR *Table, ULONG Length, ULONG Offset,
                                  const UCHAR *Sizes, ULONG Types)
{
    ULONG At = Offset;
    while (At < Length) {
        const ACPI_ENTRY *Entry = (const ACPI_ENTRY *)(Table + At);
        if (Length - At < sizeof(*Entry) || Entry->Length < sizeof(*Entry) ||
            (Entry->Type < Types && Entry->Length < Sizes[Entry->Type])) {
            return FALSE;
        }
        At += Entry->Length;
    }
    return At == Length;
}

/* ---- tables ---------------------------------------------------------------------------------- */

static INIT BOOLEAN HalpMatches(const CHAR *Text, const CHAR *Other, ULONG Length)
{
    for (ULONG i = 0; i < Length; i++) {
        if (Text[i] != Other[i]) {
            return FALSE;
        }
    }
    return TRUE;
}

static INIT UCHAR HalpSumBytes(const VOID *Bytes, ULONG Length)
{
    UCHAR Sum = 0;
    for (ULONG i = 0; i < Length; i++) {
        Sum += ((const UCHAR *)Bytes)[i];
    }
    return Sum;
}

/* The table at Address when it is whole and says that it is Signature; otherwise one line. */
static INIT const ACPI_HEADER *HalpMapTable(const HAL_ACPI_ACCESS *Access, ULONG64 Address,
                                            const CHAR *Signature)
{
    const CHAR *Wrong = NULL;
    const ACPI_HEADER *Header = Access->Map(Address, sizeof(*Header));
    if (Header == NULL) {
        Wrong = "it lies outside of memory";
    } else if (!HalpMatches(Header->Signature, Signature, 4)) {
        Wrong = "something else stands in its place";
    } else if (Header->Length < sizeof(*Header) || Header->Length > MAX_TABLE_SIZE ||
               (Header = Access->Map(Address, Header->Length)) == NULL) {
        Wrong = "its length is wrong";
    } else if (HalpSumBytes(Header, Header->Length) != 0) {
        Wrong = "its checksum is wrong";
    }
    if (Wrong != NULL) {
        Access->Report(Signature, Address, Wrong);
        return NULL;
    }
    return Header;
}

/* Notes where the tables of interest are; the first of a name counts. */
static INIT VOID HalpNoteTable(const HAL_ACPI_ACCESS *Access, ULONG64 Address, ULONG64 *Found)
{
    const ACPI_HEADER *Header = Access->Map(Address, sizeof(*Header));
    if (Header == NULL) {
        Access->Report("????", Address, "it lies outside of memory");
        return;
    }
    for (ULONG i = 0; i < TABLE_COUNT; i++) {
        if (!HalpMatches(Header->Signature, HalpTables[i].Signature, 4)) {
            continue;
        }
        if (Found[i] == 0) {
            Found[i] = Address;
        } else {
            Access->Report(HalpTables[i].Signature, Address, "there is another one");
        }
    }
}

/* FALSE when the root table is not to be believed. Width: bytes of an address in it. */
static INIT BOOLEAN HalpReadRoot(const HAL_ACPI_ACCESS *Access, ULONG64 Address, ULONG Width,
                                 ULONG64 *Found)
{
    const ACPI_HEADER *Root = HalpMapTable(Access, Address, Width == 8 ? "XSDT" : "RSDT");
    if (Root == NULL) {
        return FALSE;
    }
    ULONG Count = (Root->Length - sizeof(*Root)) / Width;
    const UCHAR *Entry = (const UCHAR *)(Root + 1);
    for (ULONG i = 0; i < Count && i < MAX_TABLES; i++, Entry += Width) {
        ULONG64 Table = 0;
        for (ULONG k = Width; k > 0; k--) {
            Table = Table << 8 | Entry[k - 1];
        }
        if (Table != 0) {
            HalpNoteTable(Access, Table, Found);
        }
    }
    return TRUE;
}

/* ---- the RSDP -------------------------------------------------------------------------------- */

/* NULL, or why the bytes at Address are no RSDP. */
static INIT const CHAR *HalpCheckRsdp(const HAL_ACPI_ACCESS *Access, ULONG64 Address)
{
    const ACPI_RSDP *Rsdp = Access->Map(Address, RSDP_SIZE);
    if (Rsdp == NULL) {
        return "it lies outside of memory";
    }
    if (!HalpMatches(Rsdp->Signature, "RSD PTR ", 8)) {
        return "something else stands in its place";
    }
    if (HalpSumBytes(Rsdp, RSDP_SIZE) != 0) {
        return "its checksum is wrong";
    }
    if (Rsdp->Revision < 2) {
        return NULL;
    }
    Rsdp = Access->Map(Address, RSDP_SIZE_2);
    if (Rsdp == NULL || Rsdp->Length < RSDP_SIZE_2 || Rsdp->Length > RSDP_MAX_SIZE ||
        (Rsdp = Access->Map(Address, Rsdp->Length)) == NULL) {
        return "its length is wrong";
    }
    return HalpSumBytes(Rsdp, Rsdp->Length) == 0 ? NULL : "its extended checksum is wrong";
}

static INIT ULONG64 HalpSearchRsdp(const HAL_ACPI_ACCESS *Access, ULONG64 From, ULONG64 Size)
{
    for (ULONG64 At = From; At < From + Size; At += RSDP_STEP) {
        const CHAR *Text = Access->Map(At, 8);
        if (Text != NULL && HalpMatches(Text, "RSD PTR ", 8) && HalpCheckRsdp(Access, At) == NULL) {
            return At;
        }
    }
    return 0;
}

/* As the specification has it for BIOS machines: the first KB of the EBDA, then the ROM. */
static INIT ULONG64 HalpFindRsdp(const HAL_ACPI_ACCESS *Access)
{
    const UCHAR *Pointer = Access->Map(EBDA_POINTER, 2);
    ULONG64 Ebda = Pointer == NULL ? 0 : (ULONG64)(Pointer[0] | Pointer[1] << 8) << 4;
    ULONG64 Found = Ebda == 0 ? 0 : HalpSearchRsdp(Access, Ebda, EBDA_SEARCHED);
    return Found != 0 ? Found : HalpSearchRsdp(Access, BIOS_AREA, BIOS_AREA_SIZE);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static INIT VOID HalpAssumeDefaults(PHAL_MACHINE Machine)
{
    *Machine = (HAL_MACHINE){.NodeCount = 1};
    for (ULONG i = 0; i < HAL_ISA_LINES; i++) {
        Machine->IsaLines[i].Line = i;
    }
    for (ULONG i = 0; i < HAL_MAX_NODES; i++) {
        for (ULONG k = 0; k < HAL_MAX_NODES; k++) {
            Machine->Distances[i][k] = i == k ? HAL_DISTANCE_SELF : HAL_DISTANCE_DEFAULT;
        }
    }
}

static INIT VOID HalpParseTables(const HAL_ACPI_ACCESS *Access, const ULONG64 *Found,
                                 PHAL_MACHINE Machine)
{
    for (ULONG i = 0; i < TABLE_COUNT; i++) {
        const CHAR *Name = HalpTables[i].Signature;
        const ACPI_HEADER *Header = Found[i] ? HalpMapTable(Access, Found[i], Name) : NULL;
        const CHAR *Wrong = NULL;
        if (Header != NULL) {
            Wrong = HalpTables[i].Parse((const UCHAR *)Header, Header->Length, Machine);
        }
        if (Wrong != NULL) {
            Access->Report(Name, Found[i], Wrong);
        }
    }
}

INIT VOID HalpReadAcpi(const HAL_ACPI_ACCESS *Access, ULONG64 Rsdp, PHAL_MACHINE Machine)
{
    ULONG64 Found[TABLE_COUNT] = {0};
    HalpAssumeDefaults(Machine);
    Rsdp = Rsdp != 0 ? Rsdp : HalpFindRsdp(Access);
    if (Rsdp == 0) {
        return;
    }
    const CHAR *Wrong = HalpCheckRsdp(Access, Rsdp);
    if (Wrong != NULL) {
        Access->Report("RSDP", Rsdp, Wrong);
        return;
    }
    const ACPI_RSDP *Pointer = Access->Map(Rsdp, RSDP_SIZE);
    ULONG Rsdt = Pointer->Rsdt;
    ULONG64 Xsdt = 0;
    if (Pointer->Revision >= 2) {
        Pointer = Access->Map(Rsdp, RSDP_SIZE_2);
        Xsdt = Pointer->Xsdt;
    }
    if (Xsdt == 0 || !HalpReadRoot(Access, Xsdt, 8, Found)) {
        HalpReadRoot(Access, Rsdt, 4, Found);
    }
    HalpParseTables(Access, Found, Machine);
}
