/* sources: kernel/hal/acpi*.c */
/*
 * acpi_test.c - hostile ACPI tables against the parsers, on the host under ASan and UBSan.
 *
 * Firmware is believed only where it adds up. The fake memory grants exactly the bytes that were
 * asked for, in a block of their own, so that a read of one byte more is seen.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/hal/acpi.h"

#define PLANNED     40
#define MAX_BLOCKS  16
#define MAX_GRANTS  300000
#define BUFFER_SIZE 0x4000

#define RSDP_AT 0xF5AD0ULL
#define RSDT_AT 0x7FE0000ULL
#define XSDT_AT 0x7FE1000ULL
#define MADT_AT 0x7FE2000ULL
#define SRAT_AT 0x7FE3000ULL
#define SLIT_AT 0x7FE4000ULL
#define FADT_AT 0x7FE5000ULL
#define HPET_AT 0x7FE6000ULL
#define MCFG_AT 0x7FE7000ULL

static int TestNumber, TestFailed;
static HAL_MACHINE Machine;

static void Point(int Good, const char *Name)
{
    printf("%sok %d - %s\n", Good ? "" : "not ", ++TestNumber, Name);
    TestFailed |= !Good;
}

/* ---- a fake memory and what was said about it ------------------------------------------------ */

static struct {
    ULONG64 Address;
    size_t Size;
    unsigned char *Bytes;
} Blocks[MAX_BLOCKS];
static int BlockCount, Reports, GrantCount;
static void *Grants[MAX_GRANTS];
static char LastReport[200];

static const VOID *Map(ULONG64 Address, ULONG64 Size)
{
    for (int i = 0; i < BlockCount; i++) {
        if (Address >= Blocks[i].Address && Size <= Blocks[i].Size &&
            Address - Blocks[i].Address <= Blocks[i].Size - Size && GrantCount < MAX_GRANTS) {
            void *Grant = malloc(Size);
            memcpy(Grant, Blocks[i].Bytes + (Address - Blocks[i].Address), Size);
            return Grants[GrantCount++] = Grant;
        }
    }
    return NULL;
}

static VOID Report(const CHAR *Name, ULONG64 Address, const CHAR *Wrong)
{
    Reports++;
    snprintf(LastReport, sizeof(LastReport), "%.4s 0x%llx %s", Name, Address, Wrong);
}

static const HAL_ACPI_ACCESS Access = {Map, Report};

static void Forget(void)
{
    while (GrantCount > 0) {
        free(Grants[--GrantCount]);
    }
    while (BlockCount > 0) {
        free(Blocks[--BlockCount].Bytes);
    }
    Reports = 0;
    LastReport[0] = '\0';
}

static void Place(ULONG64 Address, const void *Bytes, size_t Size)
{
    Blocks[BlockCount].Address = Address;
    Blocks[BlockCount].Size = Size;
    Blocks[BlockCount].Bytes = malloc(Size);
    memcpy(Blocks[BlockCount++].Bytes, Bytes, Size);
}

static unsigned char *BlockAt(ULONG64 Address, size_t *Size)
{
    for (int i = 0; i < BlockCount; i++) {
        if (Blocks[i].Address == Address) {
            *Size = Blocks[i].Size;
            return Blocks[i].Bytes;
        }
    }
    abort();
}

static void Read(ULONG64 Rsdp)
{
    memset(&Machine, 0xA5, sizeof(Machine));
    HalpReadAcpi(&Access, Rsdp, &Machine);
}

static int Said(const char *Part)
{
    return strstr(LastReport, Part) != NULL;
}

/* ---- building tables ------------------------------------------------------------------------- */

static unsigned char Table[BUFFER_SIZE];
static size_t TableSize;

static void Put(ULONG64 Value, size_t Width)
{
    memcpy(Table + TableSize, &Value, Width);
    TableSize += Width;
}

static void Begin(const char *Signature)
{
    memset(Table, 0, sizeof(Table));
    memcpy(Table, Signature, 4);
    TableSize = sizeof(ACPI_HEADER);
}

static void Seal(unsigned char *Bytes, size_t Size, size_t At)
{
    unsigned char Sum = 0;
    Bytes[At] = 0;
    for (size_t i = 0; i < Size; i++) {
        Sum += Bytes[i];
    }
    Bytes[At] = -Sum;
}

static void End(ULONG64 Address)
{
    ULONG Size = (ULONG)TableSize;
    memcpy(Table + 4, &Size, 4);
    Seal(Table, TableSize, 9);
    Place(Address, Table, TableSize);
}

static void PlaceRsdp(ULONG64 Address, int Revision, ULONG64 Rsdt, ULONG64 Xsdt)
{
    unsigned char Rsdp[36] = "RSD PTR ";
    size_t Size = Revision < 2 ? 20 : 36;
    Rsdp[15] = Revision;
    memcpy(Rsdp + 16, &Rsdt, 4);
    if (Revision >= 2) {
        Rsdp[20] = 36;
        memcpy(Rsdp + 24, &Xsdt, 8);
    }
    Seal(Rsdp, 20, 8);
    Seal(Rsdp, Size, Revision < 2 ? 8 : 32);
    Place(Address, Rsdp, Size);
}

static void PlaceRoot(ULONG64 Address, const char *Signature, const ULONG64 *Tables, int Count)
{
    Begin(Signature);
    for (int i = 0; i < Count; i++) {
        Put(Tables[i], Signature[0] == 'X' ? 8 : 4);
    }
    End(Address);
}

static void PutProcessor(ULONG Uid, ULONG ApicId, ULONG Flags)
{
    Put(0, 1), Put(8, 1), Put(Uid, 1), Put(ApicId, 1), Put(Flags, 4);
}

static void PutX2Processor(ULONG Uid, ULONG ApicId, ULONG Flags)
{
    Put(9, 1), Put(16, 1), Put(0, 2), Put(ApicId, 4), Put(Flags, 4), Put(Uid, 4);
}

static void BeginMadt(void)
{
    Begin("APIC");
    Put(0xFEE00000, 4), Put(1, 4);
}

/* Sparse ids, one processor named twice, one that is not there, and all that we read besides. */
static void PlaceMadt(void)
{
    BeginMadt();
    Put(10, 1), Put(12, 1), Put(0xF, 2), Put(5, 4), Put(0, 1), Put(0, 3); /* NMI of uid 5: pin 0 */
    PutProcessor(0, 0, 1);
    PutProcessor(1, 4, 1);
    PutProcessor(2, 9, 0);
    PutX2Processor(1, 4, 1);
    PutX2Processor(5, 300, 1);
    Put(1, 1), Put(12, 1), Put(2, 1), Put(0, 1), Put(0xFEC00000, 4), Put(0, 4);
    Put(2, 1), Put(10, 1), Put(0, 1), Put(0, 1), Put(2, 4), Put(0, 2);   /* timer on line 2 */
    Put(2, 1), Put(10, 1), Put(0, 1), Put(9, 1), Put(9, 4), Put(0xF, 2); /* low, level */
    Put(3, 1), Put(8, 1), Put(0, 2), Put(0, 4);                          /* of no interest */
    Put(4, 1), Put(6, 1), Put(1, 1), Put(0, 2), Put(1, 1);               /* NMI of uid 1: pin 1 */
    Put(5, 1), Put(12, 1), Put(0, 2), Put(0xFEE01000, 8);
    Put(0x7F, 1), Put(2, 1); /* a type to come */
    End(MADT_AT);
}

static void PutMemory(ULONG Domain, ULONG64 Base, ULONG64 Size, ULONG Flags)
{
    Put(1, 1), Put(40, 1), Put(Domain, 4), Put(0, 2), Put(Base, 8), Put(Size, 8), Put(0, 4);
    Put(Flags, 4), Put(0, 8);
}

static void PutAffinity(ULONG Domain, ULONG ApicId, ULONG Flags)
{
    Put(0, 1), Put(16, 1), Put(Domain & 0xFF, 1), Put(ApicId, 1), Put(Flags, 4), Put(0, 1);
    Put(Domain >> 8, 3), Put(0, 4);
}

static void BeginSrat(void)
{
    Begin("SRAT");
    Put(1, 4), Put(0, 8);
}

/* Domains 7 and 2, so that nodes 1 and 0. */
static void PlaceSrat(void)
{
    BeginSrat();
    PutAffinity(7, 4, 1);
    PutAffinity(2, 0, 1);
    PutAffinity(3, 9, 0);
    Put(2, 1), Put(24, 1), Put(0, 2), Put(7, 4), Put(300, 4), Put(1, 4), Put(0, 8);
    PutMemory(7, 0x100000000, 0x10000000, 1);
    PutMemory(2, 0, 0xA0000, 1);
    PutMemory(2, 0x100000, 0x7FF00000, 1);
    PutMemory(9, 0x200000000, 0, 1);
    End(SRAT_AT);
}

static void PlaceSlit(void)
{
    Begin("SLIT");
    Put(8, 8);
    for (int i = 0; i < 64; i++) {
        Put(i / 8 == i % 8             ? 10
            : i / 8 == 2 && i % 8 == 7 ? 21
            : i / 8 == 7 && i % 8 == 2 ? 31
                                       : 11,
            1);
    }
    End(SLIT_AT);
}

static void PlaceFadt(size_t Size, ULONG64 Wide)
{
    Begin("FACP");
    TableSize = Size;
    memcpy(Table + 76, &(ULONG){0x608}, 4);
    Table[91] = 4;
    memcpy(Table + 112, &(ULONG){0x100}, 4);
    if (Size >= 220) {
        Table[208] = ACPI_SPACE_PORTS;
        memcpy(Table + 212, &Wide, 8);
    }
    End(FADT_AT);
}

static void PlaceHpet(UCHAR Space, ULONG64 Address)
{
    Begin("HPET");
    Put(0x8086A201, 4), Put(Space, 1), Put(0, 3), Put(Address, 8), Put(0, 4);
    End(HPET_AT);
}

static void PlaceWindow(ULONG64 Base, USHORT Segment, UCHAR First, UCHAR Last)
{
    Put(Base, 8), Put(Segment, 2), Put(First, 1), Put(Last, 1), Put(0, 4);
}

static void PlaceMcfg(ULONG64 Base)
{
    Begin("MCFG");
    Put(0, 8);
    PlaceWindow(0xC0000000, 1, 0, 15);
    PlaceWindow(Base, 0, 0, 255);
    End(MCFG_AT);
}

static const ULONG64 AllTables[] = {FADT_AT, MADT_AT, SLIT_AT, SRAT_AT, HPET_AT, MCFG_AT};

static void PlaceGoodTables(void)
{
    Forget();
    PlaceMadt();
    PlaceSrat();
    PlaceSlit();
    PlaceFadt(244, 0xB008);
    PlaceHpet(ACPI_SPACE_MEMORY, 0xFED00000);
    PlaceMcfg(0xB0000000);
}

static void PlaceGoodMachine(void)
{
    PlaceGoodTables();
    PlaceRsdp(RSDP_AT, 2, RSDT_AT, XSDT_AT);
    PlaceRoot(RSDT_AT, "RSDT", NULL, 0);
    PlaceRoot(XSDT_AT, "XSDT", AllTables, ARRAYSIZE(AllTables));
}

static int IsDefault(void)
{
    return Machine.ProcessorCount == 0 && Machine.IoApicCount == 0 && Machine.NodeCount == 1 &&
           Machine.NodeRangeCount == 0 && Machine.PmTimerPort == 0 && Machine.Hpet == 0 &&
           Machine.PciWindow == 0 && Machine.IsaLines[15].Line == 15 &&
           Machine.Distances[0][0] == 10 && Machine.Distances[0][1] == 20;
}

typedef const CHAR *PARSER(const UCHAR *, ULONG, PHAL_MACHINE);

/* Parses a copy of exactly Size bytes. */
static const CHAR *ParseExactly(PARSER *Parse, const void *Bytes, size_t Size)
{
    UCHAR *Copy = malloc(Size);
    memcpy(Copy, Bytes, Size);
    const CHAR *Wrong = Parse(Copy, (ULONG)Size, &Machine);
    free(Copy);
    return Wrong;
}

/* TRUE when a table was refused and has changed nothing. */
static int Refuses(PARSER *Parse, const void *Bytes, size_t Size)
{
    static HAL_MACHINE Before;
    Before = Machine;
    return ParseExactly(Parse, Bytes, Size) != NULL &&
           memcmp(&Before, &Machine, sizeof(Machine)) == 0;
}

/* ---- the way to the tables ------------------------------------------------------------------- */

static void TestRsdp(void)
{
    PlaceGoodMachine();
    Read(RSDP_AT);
    Point(Machine.ProcessorCount == 3 && Reports == 0,
          "host/acpi/rsdp/revision-2-leads-to-the-xsdt");

    PlaceGoodTables();
    PlaceRsdp(RSDP_AT, 0, RSDT_AT, 0);
    PlaceRoot(RSDT_AT, "RSDT", AllTables, 5);
    Read(RSDP_AT);
    Point(Machine.ProcessorCount == 3 && Reports == 0,
          "host/acpi/rsdp/revision-0-leads-to-the-rsdt");

    size_t Size;
    int Good = 1;
    for (size_t i = 0; i < 36; i++) {
        PlaceGoodMachine();
        BlockAt(RSDP_AT, &Size)[i] ^= 0x10;
        Read(RSDP_AT);
        Good &= IsDefault() && Reports == 1 && Said("RSDP");
    }
    Point(Good, "host/acpi/rsdp/one-wrong-bit-is-found");

    PlaceGoodMachine();
    unsigned char *Rsdp = BlockAt(RSDP_AT, &Size);
    Rsdp[20] = 0xFF, Rsdp[21] = 0xFF;
    Read(RSDP_AT);
    Good = IsDefault() && Said("length");
    PlaceGoodMachine();
    Rsdp = BlockAt(RSDP_AT, &Size);
    Rsdp[20] = 0; /* the sum of no bytes is right */
    Read(RSDP_AT);
    Point(Good && IsDefault() && Said("length"), "host/acpi/rsdp/a-wrong-length-is-found");

    Good = 1;
    for (size_t Cut = 0; Cut < 36; Cut++) {
        unsigned char Copy[36];
        PlaceGoodMachine();
        memcpy(Copy, BlockAt(RSDP_AT, &Size), 36);
        Place(0x1000, Copy, Cut ? Cut : 1);
        Read(0x1000);
        Good &= IsDefault() && Reports == 1;
    }
    Point(Good, "host/acpi/rsdp/a-cut-one-is-refused");
}

/* The good machine with its RSDP where no search looks; its bytes go to Rsdp. */
static void PlaceHiddenMachine(unsigned char *Rsdp)
{
    size_t Size;
    PlaceGoodTables();
    PlaceRsdp(0x300000, 2, RSDT_AT, XSDT_AT);
    PlaceRoot(XSDT_AT, "XSDT", AllTables, 5);
    memcpy(Rsdp, BlockAt(0x300000, &Size), 36);
}

static void TestSearch(void)
{
    static unsigned char Area[0x20000];
    static const unsigned char Segment[] = {0xC0, 0x9F}; /* 0x9FC0 */

    PlaceHiddenMachine(Area + 0x15AD0);
    memcpy(Area + 0x100, "RSD PTR ", 8); /* one that is none */
    Place(0xE0000, Area, sizeof(Area));
    Read(0);
    Point(Machine.ProcessorCount == 3 && Reports == 0,
          "host/acpi/search/the-bios-area-is-searched-when-the-loader-gave-nothing");

    PlaceHiddenMachine(Area + 0x20);
    Place(0x40E, Segment, 2);
    Place(0x9FC00, Area, 0x400);
    Read(0);
    Point(Machine.ProcessorCount == 3, "host/acpi/search/the-extended-bios-area-is-searched-too");

    PlaceHiddenMachine(Area);
    memmove(Area + 0x3F0, Area, 16);
    memset(Area, 0, 0x3F0);
    Place(0x40E, Segment, 2);
    Place(0x9FC00, Area, 0x400);
    Read(0);
    Point(IsDefault() && Reports == 0, "host/acpi/search/one-cut-by-the-end-is-not-found");

    PlaceHiddenMachine(Area + 0x15AD0);
    Place(0xE0000, Area, sizeof(Area));
    Place(0x1000, Area, 36);
    Read(0x1000);
    Point(IsDefault() && Reports == 1, "host/acpi/search/the-word-of-the-loader-stands");

    Forget();
    Read(0);
    Point(IsDefault() && Reports == 0, "host/acpi/search/no-acpi-is-no-error");
}

static void TestRoot(void)
{
    size_t Size;
    PlaceGoodTables();
    PlaceRsdp(RSDP_AT, 2, RSDT_AT, XSDT_AT);
    PlaceRoot(RSDT_AT, "RSDT", AllTables, 5);
    PlaceRoot(XSDT_AT, "XSDT", AllTables, 5);
    BlockAt(XSDT_AT, &Size)[40] ^= 1;
    Read(RSDP_AT);
    Point(Machine.ProcessorCount == 3 && Reports == 1 && Said("XSDT 0x7fe1000 its checksum"),
          "host/acpi/list/a-damaged-xsdt-makes-way-for-the-rsdt");

    static const ULONG64 Odd[] = {XSDT_AT, 0, 0xFFFFFFFFFFFFFFF0, MADT_AT, RSDP_AT, MADT_AT};
    PlaceGoodTables();
    PlaceRsdp(RSDP_AT, 2, 0, XSDT_AT);
    PlaceRoot(XSDT_AT, "XSDT", Odd, 6);
    Read(RSDP_AT);
    Point(Machine.ProcessorCount == 3 && Machine.NodeCount == 1,
          "host/acpi/list/entries-to-itself-to-nothing-and-outside-are-passed-over");
    Point(Reports == 2 && Said("APIC 0x7fe2000 there is another one"),
          "host/acpi/list/the-first-table-of-a-name-counts");

    static ULONG64 Many[1000];
    for (int i = 0; i < 1000; i++) {
        Many[i] = i == 999 ? MADT_AT : XSDT_AT;
    }
    PlaceGoodTables();
    PlaceRsdp(RSDP_AT, 2, 0, XSDT_AT);
    PlaceRoot(XSDT_AT, "XSDT", Many, 1000);
    Read(RSDP_AT);
    Point(IsDefault() && GrantCount < 1000, "host/acpi/list/a-thousand-entries-are-not-followed");

    int Good = 1;
    static const ULONG Lengths[] = {0, 35, 0x7FFFFFFF, 0xFFFFFFFF, 0x100001, 77};
    for (size_t i = 0; i < ARRAYSIZE(Lengths); i++) {
        PlaceGoodMachine();
        memcpy(BlockAt(XSDT_AT, &Size) + 4, &Lengths[i], 4);
        Read(RSDP_AT);
        Good &= IsDefault() && Said("XSDT 0x7fe1000 its ");
    }
    static const UCHAR Nothing[0x101000];
    Place(0x8000000, Nothing, sizeof(Nothing));
    unsigned char *Large = BlockAt(0x8000000, &Size);
    memcpy(Large, "XSDT\0\x10\x10", 8);
    Seal(Large, 0x101000, 9);
    PlaceRsdp(0x9000000, 2, RSDT_AT, 0x8000000);
    Read(0x9000000);
    Point(Good && Said("XSDT 0x8000000 its length"), "host/acpi/list/a-wrong-length-is-found");

    PlaceGoodTables();
    PlaceRsdp(RSDP_AT, 2, SRAT_AT, MADT_AT);
    Read(RSDP_AT);
    Point(IsDefault() && Reports == 2 && Said("RSDT 0x7fe3000 something else"),
          "host/acpi/list/another-table-in-its-place-is-found");
}

static void TestTables(void)
{
    static const ULONG64 At[] = {MADT_AT, SRAT_AT, SLIT_AT, FADT_AT, HPET_AT, MCFG_AT};
    size_t Size;
    int Sums = 1, Lengths = 1, Names = 1;
    for (size_t i = 0; i < ARRAYSIZE(At); i++) {
        PlaceGoodMachine();
        BlockAt(At[i], &Size)[9]++;
        Read(RSDP_AT);
        Sums &= Reports == 1 && Said("its checksum is wrong");
        PlaceGoodMachine();
        BlockAt(At[i], &Size)[7] = 1;
        Read(RSDP_AT);
        Lengths &= Reports == 1 && Said("its length is wrong");
        PlaceGoodMachine();
        BlockAt(At[i], &Size)[0] = '?';
        Read(RSDP_AT);
        Names &= Reports == 0;
    }
    Point(Sums, "host/acpi/tables/a-wrong-checksum-is-one-line-and-no-table");
    Point(Lengths, "host/acpi/tables/a-wrong-length-is-one-line-and-no-table");
    Point(Names, "host/acpi/tables/another-name-is-another-table");
}

/* ---- MADT ------------------------------------------------------------------------------------ */

static void TestMadt(void)
{
    PlaceGoodMachine();
    Read(RSDP_AT);
    const HAL_PROCESSOR *Processors = Machine.Processors;
    Point(Machine.ProcessorCount == 3 && Processors[0].ApicId == 0 && Processors[1].ApicId == 4 &&
              Processors[2].ApicId == 300 && Processors[2].Uid == 5,
          "host/acpi/madt/enabled-processors-once-each-in-order");
    Point(Processors[0].NmiPin == HAL_NO_PIN && Processors[1].NmiPin == 1 &&
              !Processors[1].NmiLow && Processors[2].NmiPin == 0 && Processors[2].NmiLow,
          "host/acpi/madt/nmi-pins-by-processor-also-from-entries-before-it");
    Point(Machine.IoApicCount == 1 && Machine.IoApics[0].Address == 0xFEC00000 &&
              Machine.IoApics[0].Id == 2 && Machine.IsaLines[0].Line == 2 &&
              Machine.IsaLines[9].ActiveLow && Machine.IsaLines[9].Level &&
              Machine.IsaLines[4].Line == 4 && !Machine.IsaLines[4].Level,
          "host/acpi/madt/io-apics-and-overrides");
    Point(Machine.LocalApic == 0xFEE01000, "host/acpi/madt/the-wide-address-wins");

    Forget();
    BeginMadt();
    for (int i = 0; i < 100; i++) {
        PutX2Processor(i, i * 3, 1);
    }
    Put(4, 1), Put(6, 1), Put(0xFF, 1), Put(0, 2), Put(1, 1);
    Read(0);
    Point(ParseExactly(HalpParseMadt, Table, TableSize) == NULL && Machine.ProcessorCount == 64 &&
              Machine.ProcessorsDropped == 36 && Machine.Processors[63].ApicId == 189 &&
              Machine.Processors[63].NmiPin == 1 && Machine.Processors[0].NmiPin == 1,
          "host/acpi/madt/processors-beyond-64-are-counted-and-left-out");

    BeginMadt();
    PutProcessor(0, 0, 1);
    for (int i = 0; i < 20; i++) {
        Put(1, 1), Put(12, 1), Put(i, 1), Put(0, 1), Put(0x1000 * (i + 1), 4), Put(24 * i, 4);
        Put(2, 1), Put(10, 1), Put(i == 0, 1), Put(i + 15, 1), Put(77, 4), Put(0, 2);
        Put(4, 1), Put(6, 1), Put(0, 1), Put(0, 2), Put(i + 2, 1);
    }
    Read(0);
    Point(ParseExactly(HalpParseMadt, Table, TableSize) == NULL && Machine.IoApicCount == 8 &&
              Machine.IoApics[7].FirstLine == 168 && Machine.IsaLines[15].Line == 15 &&
              Machine.Processors[0].NmiPin == HAL_NO_PIN,
          "host/acpi/madt/more-than-there-can-be-is-left-out");
}

/* Where the entries of the table at Address begin, by cutting: everywhere else it is refused. */
static int RefusesCuts(ULONG64 Address, size_t First, PARSER *Parse)
{
    int Good = 1;
    size_t Size;
    unsigned char *Bytes = BlockAt(Address, &Size);
    size_t Border = First;
    for (size_t Cut = sizeof(ACPI_HEADER); Cut < Size; Cut++) {
        if (Cut == Border) {
            Border += Bytes[Cut + 1];
        } else {
            Good &= Refuses(Parse, Bytes, Cut);
        }
    }
    return Good;
}

static void TestDamagedEntries(void)
{
    size_t Size;
    PlaceGoodMachine();
    Read(RSDP_AT);
    Point(RefusesCuts(MADT_AT, 44, HalpParseMadt),
          "host/acpi/madt/a-cut-inside-an-entry-is-refused");
    Point(RefusesCuts(SRAT_AT, 48, HalpParseSrat),
          "host/acpi/srat/a-cut-inside-an-entry-is-refused");

    unsigned char *Madt = BlockAt(MADT_AT, &Size);
    int Good = 1;
    for (int Length = 0; Length < 12; Length++) {
        Madt[45] = Length;
        Good &= Refuses(HalpParseMadt, Madt, Size);
    }
    Point(Good, "host/acpi/madt/an-entry-too-short-for-its-type-is-refused");
}

/* ---- SRAT and SLIT --------------------------------------------------------------------------- */

static void TestNuma(void)
{
    PlaceGoodMachine();
    Read(RSDP_AT);
    Point(Machine.NodeCount == 2 && Machine.Domains[0] == 2 && Machine.Domains[1] == 7 &&
              Machine.Processors[0].Node == 0 && Machine.Processors[1].Node == 1 &&
              Machine.Processors[2].Node == 1,
          "host/acpi/srat/domains-become-nodes-in-order");
    Point(Machine.NodeRangeCount == 3 && Machine.NodeRanges[0].Base == 0x100000000 &&
              Machine.NodeRanges[0].Node == 1 && Machine.NodeRanges[2].Size == 0x7FF00000 &&
              Machine.NodeRanges[2].Node == 0,
          "host/acpi/srat/memory-ranges-that-are-not-empty");
    Point(Machine.Distances[0][0] == 10 && Machine.Distances[0][1] == 21 &&
              Machine.Distances[1][0] == 31 && Machine.Distances[1][1] == 10,
          "host/acpi/slit/distances-by-domain");

    BeginSrat();
    PutMemory(0, 0, 0x2000, 1);
    PutMemory(1, 0x1000, 0x2000, 1);
    int Overlap = Refuses(HalpParseSrat, Table, TableSize);
    BeginSrat();
    PutMemory(0, 0x1000, ~0ULL, 1);
    Point(Overlap && Refuses(HalpParseSrat, Table, TableSize),
          "host/acpi/srat/memory-of-two-domains-or-without-end-is-refused");

    BeginSrat();
    for (int i = 0; i < 17; i++) {
        PutAffinity(i << 20, i, 1);
    }
    int Domains = Refuses(HalpParseSrat, Table, TableSize);
    BeginSrat();
    for (int i = 0; i < 65; i++) {
        PutMemory(0, i * 0x1000ULL, 0x1000, 1);
    }
    Point(Domains && Refuses(HalpParseSrat, Table, TableSize),
          "host/acpi/srat/too-many-domains-or-ranges-are-refused");

    size_t Size;
    unsigned char *Slit = BlockAt(SLIT_AT, &Size);
    int Good = Refuses(HalpParseSlit, Slit, Size - 1) && Refuses(HalpParseSlit, Slit, 40);
    static const struct {
        size_t At;
        UCHAR Value;
    } Wrong[] = {{44, 11}, {45, 10}, {45, 0}, {36, 9}, {43, 0x80}, {40, 1}};
    for (size_t i = 0; i < ARRAYSIZE(Wrong); i++) {
        UCHAR Right = Slit[Wrong[i].At];
        Slit[Wrong[i].At] = Wrong[i].Value;
        Good &= Refuses(HalpParseSlit, Slit, Size);
        Slit[Wrong[i].At] = Right;
    }
    memset(Slit + 36, 0, 8);
    Slit[40] = 1; /* 2^32 domains: squared, that wraps to none */
    Point(Good && Refuses(HalpParseSlit, Slit, 44),
          "host/acpi/slit/impossible-sizes-and-distances-are-refused");
}

/* ---- clocks, and damage at random ------------------------------------------------------------ */

static void TestClocks(void)
{
    static const struct {
        size_t Size;
        ULONG64 Wide;
        ULONG Port;
    } Cases[] = {{116, 0, 0x608}, {244, 0, 0x608}, {244, 0xB008, 0xB008}, {219, 0, 0x608}};
    int Good = 1;
    for (size_t i = 0; i < ARRAYSIZE(Cases); i++) {
        Forget();
        Read(0);
        PlaceFadt(Cases[i].Size, Cases[i].Wide);
        Good &= ParseExactly(HalpParseFadt, Table, TableSize) == NULL &&
                Machine.PmTimerPort == Cases[i].Port && Machine.PmTimerWide;
    }
    Point(Good, "host/acpi/fadt/the-timer-of-each-revision");

    PlaceGoodMachine();
    Read(RSDP_AT);
    Good = Machine.Hpet == 0xFED00000;
    PlaceFadt(115, 0);
    Good &= Refuses(HalpParseFadt, Table, TableSize);
    PlaceFadt(244, 0x10000);
    Good &= Refuses(HalpParseFadt, Table, TableSize);
    Table[91] = 3;
    Good &= Refuses(HalpParseFadt, Table, TableSize);
    PlaceHpet(ACPI_SPACE_PORTS, 0xFED00000);
    Good &= Refuses(HalpParseHpet, Table, TableSize);
    PlaceHpet(ACPI_SPACE_MEMORY, 0);
    Good &= Refuses(HalpParseHpet, Table, TableSize);
    Good &= Refuses(HalpParseHpet, Table, TableSize - 1);
    Point(Good, "host/acpi/clocks/impossible-timers-are-refused");
}

static void TestMcfg(void)
{
    PlaceGoodMachine();
    Read(RSDP_AT);
    Point(Machine.PciWindow == 0xB0000000 && Machine.PciWindowBuses == 256 && Reports == 0,
          "host/acpi/mcfg/the-window-of-the-first-segment");

    Forget();
    Read(0);
    Begin("MCFG");
    Put(0, 8);
    End(MCFG_AT);
    int Good = ParseExactly(HalpParseMcfg, Table, TableSize) == NULL && Machine.PciWindow == 0;
    PlaceWindow(0xB0000000, 0, 1, 9); /* not from bus 0 on */
    End(MCFG_AT);
    Good &= ParseExactly(HalpParseMcfg, Table, TableSize) == NULL && Machine.PciWindow == 0;
    Point(Good, "host/acpi/mcfg/no-window-is-none");

    PlaceMcfg(0xB0010000);
    Good = Refuses(HalpParseMcfg, Table, TableSize);
    PlaceMcfg(0);
    Good &= Refuses(HalpParseMcfg, Table, TableSize);
    PlaceMcfg(0xB0000000);
    Good &= Refuses(HalpParseMcfg, Table, TableSize - 1);
    Good &= Refuses(HalpParseMcfg, Table, TableSize - 8);
    Good &= Refuses(HalpParseMcfg, Table, 40);
    Point(Good, "host/acpi/mcfg/impossible-windows-are-refused");
}

/* Bytes change and checksums are made right again, so that the damage reaches the parsers. */
static void TestRandom(void)
{
    static const ULONG64 At[] = {MADT_AT, SRAT_AT, SLIT_AT, FADT_AT, HPET_AT, MCFG_AT, XSDT_AT};
    unsigned long long Seed = 0x9E3779B97F4A7C15;
    int Good = 1;
    for (int Round = 0; Round < 20000; Round++) {
        PlaceGoodMachine();
        for (int k = 0; k < 3; k++) {
            size_t Size;
            Seed ^= Seed << 13, Seed ^= Seed >> 7, Seed ^= Seed << 17;
            unsigned char *Bytes = BlockAt(At[Seed % ARRAYSIZE(At)], &Size);
            Bytes[(Seed >> 8) % Size] = (unsigned char)(Seed >> 40);
            Seal(Bytes, Size, 9);
        }
        Read(RSDP_AT);
        Good &= Machine.NodeCount >= 1 && Machine.NodeCount <= HAL_MAX_NODES;
        for (ULONG i = 0; i < Machine.NodeRangeCount; i++) {
            Good &= Machine.NodeRanges[i].Node < Machine.NodeCount;
        }
        for (ULONG i = 0; i < Machine.ProcessorCount; i++) {
            Good &= Machine.Processors[i].Node < Machine.NodeCount;
        }
    }
    Point(Good, "host/acpi/random-damage-never-reads-outside");
}

int main(void)
{
    printf("1..%d\n", PLANNED);
    TestRsdp();
    TestSearch();
    TestRoot();
    TestTables();
    TestMadt();
    TestDamagedEntries();
    TestNuma();
    TestClocks();
    TestMcfg();
    TestRandom();
    Forget();
    return TestFailed || TestNumber != PLANNED;
}
