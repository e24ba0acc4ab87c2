/*
 * pte_command.c - `!pte`: the entries of an address at the monitor's prompt, level by level.
 *
 * Columns and letters are the debugger's (contract 6). Only page tables are read, each level after
 * the one above it proved to be there, so no address makes it fault.
 */
#include "mm/mm.h"
#include "kernel/rtl/section.h"

#define USAGE "!pte ADDR"

/* The entries from the top level down to the one where the processor stops. */
typedef struct _MI_PTE_PATH {
    PVOID Va;
    ULONG Lowest; /* level of the last one */
    MMPTE Values[MI_TOP_LEVEL + 1];
} MI_PTE_PATH;

static BOOLEAN MiIsLargeLeaf(MMPTE Value, ULONG Level)
{
    return Level > 1 && Level < MI_TOP_LEVEL && Value.Hard.LargePage;
}

/* An entry that leads to another table; that one is looked into only when it is memory at all. */
static BOOLEAN MiLeadsOn(MMPTE Value, ULONG Level)
{
    return Level > 1 && Value.Hard.Valid && !MiIsLargeLeaf(Value, Level) &&
           MiIsPfn(Value.Hard.PageFrameNumber);
}

static VOID MiReadPath(PVOID Va, MI_PTE_PATH *Path)
{
    ULONG Level = MI_TOP_LEVEL + 1;
    Path->Va = Va;
    do {
        Level--;
        Path->Values[Level] = MiReadPte(MiEntryAddress(Va, Level));
    } while (MiLeadsOn(Path->Values[Level], Level));
    Path->Lowest = Level;
}

static VOID MiPrintValid(MMPTE Value, ULONG Level)
{
    MMPTE_HARDWARE Hard = Value.Hard;
    const CHAR Letters[] = {Hard.CopyOnWrite ? 'C' : '-',
                            Hard.Global ? 'G' : '-',
                            MiIsLargeLeaf(Value, Level) ? 'L' : '-',
                            Hard.Dirty ? 'D' : '-',
                            Hard.Accessed ? 'A' : '-',
                            Hard.CacheDisable ? 'N' : '-',
                            Hard.WriteThrough ? 'T' : '-',
                            Hard.Owner ? 'U' : 'K',
                            Hard.Dirty1 ? 'W' : 'R',
                            Hard.NoExecute ? '-' : 'E',
                            'V'};
    DbgPrint("pfn %-9I64x %.*s", (ULONG64)Hard.PageFrameNumber, (INT)sizeof(Letters), Letters);
}

/* The row that tells what the entries say, down to the one where the processor stops. */
static VOID MiPrintMeaning(const MI_PTE_PATH *Path)
{
    for (ULONG Level = MI_TOP_LEVEL; Level > Path->Lowest; Level--) {
        MiPrintValid(Path->Values[Level], Level);
        DbgPrint("  ");
    }
    MMPTE Last = Path->Values[Path->Lowest];
    if (!Last.Hard.Valid) {
        DbgPrint("not valid\n");
        return;
    }
    MiPrintValid(Last, Path->Lowest);
    if (MiIsLargeLeaf(Last, Path->Lowest)) {
        DbgPrint("  LARGE PAGE pfn %I64x",
                 (ULONG64)MmGetPhysicalAddress(Path->Va).QuadPart >> PAGE_SHIFT);
    } else if (Path->Lowest > 1) {
        DbgPrint("  the table that it names is no memory");
    }
    DbgPrint("\n");
}

static const CHAR *MiProtectionName(ULONG Protection)
{
    static const CHAR *const Names[] = {"NoAccess",         "ReadOnly",        "Execute",
                                        "ExecuteRead",      "ReadWrite",       "WriteCopy",
                                        "ExecuteReadWrite", "ExecuteWriteCopy"};
    return Names[Protection & 7];
}

/* What an entry of the lowest level stands for that the processor does not know. */
static VOID MiPrintSoftware(MMPTE Value)
{
    ULONG Protection = Value.Soft.Protection;
    if (Value.Long == 0) {
        return;
    }
    if (Value.Soft.Prototype) {
        DbgPrint(" Proto: %p\n", (PVOID)(LONG_PTR)Value.Proto.ProtoAddress);
        Protection = Value.Proto.Protection;
    } else if (Value.Soft.Transition) {
        DbgPrint(" Transition: %I64x\n", (ULONG64)Value.Trans.PageFrameNumber);
    } else if (Value.Soft.PageFileLow == 0 && Value.Soft.PageFileHigh == 0) {
        DbgPrint(" DemandZero\n");
    } else {
        DbgPrint(" PageFile:  %lu\n Offset: %I64x\n", (ULONG)Value.Soft.PageFileLow,
                 (ULONG64)Value.Soft.PageFileHigh);
    }
    DbgPrint(" Protect: %lx - %s\n", Protection, MiProtectionName(Protection));
}

static VOID PteCommand(const CHAR *Arguments)
{
    ULONG64 Value;
    ULONG Count = 1;
    MI_PTE_PATH Path;
    if (!KiReadArguments(USAGE, Arguments, 1, &Value, &Count)) {
        return;
    }
    PVOID Va = (PVOID)Value;
    if (MiAddressKind(Va) == MiVaNonCanonical) {
        DbgPrint("%p is no canonical address: no entry maps it\n", Va);
        return;
    }
    MiReadPath(Va, &Path);
    DbgPrint("%45s %p  %s\n", "VA", Va, MiKindName(MiAddressKind(Va)));
    DbgPrint("PXE at %p    PPE at %p    PDE at %p    PTE at %p\n", MiGetPxeAddress(Va),
             MiGetPpeAddress(Va), MiGetPdeAddress(Va), MiGetPteAddress(Va));
    for (ULONG Level = MI_TOP_LEVEL; Level >= Path.Lowest; Level--) {
        DbgPrint("contains %016I64X%s", Path.Values[Level].Long, Level > Path.Lowest ? "  " : "\n");
    }
    MiPrintMeaning(&Path);
    if (Path.Lowest == 1 && !Path.Values[1].Hard.Valid) {
        MiPrintSoftware(Path.Values[1]);
    }
}
MONITOR_COMMAND("!pte", USAGE, "page table entries of an address", PteCommand);
