/*
 * command.c - tests of mm's commands at the prompt: whatever is typed, they print and come back,
 * without a fault and without changing anything. What they print: tests/dialogue/mm.
 */
#include "tests/mm/mm_check.h"

static MONITOR_ROUTINE *FindCommand(const CHAR *Name)
{
    for (const MONITOR_COMMAND_ENTRY *Entry = KiCommandTable; Entry < KiCommandTableEnd; Entry++) {
        if (strcmp(Entry->Name, Name) == 0) {
            return Entry->Routine;
        }
    }
    return NULL;
}

/* Runs a command with each of the arguments; the only fault allowed is none at all. */
static VOID RunWithAll(const CHAR *Name, const CHAR *const *Arguments, ULONG Count)
{
    MONITOR_ROUTINE *Routine = FindCommand(Name);
    REQUIRE(Routine != NULL);
    MM_COUNTS Before = TestMmCounts();
    ULONG64 Faults = MiFaults.Total;
    for (ULONG i = 0; i < Count; i++) {
        Routine(Arguments[i]);
    }
    CHECK_EQ(MiFaults.Total, Faults);
    TestMmUnchanged(&Before);
}

static const CHAR *const Addresses[] = {
    "",
    "0",
    "zz",
    "1 2",
    "-1",
    "123456789012345678901",
    "FFF",
    "7FFFFFFFFFFF",
    "800000000000",
    "8000000000000000",
    "FFFF7FFFFFFFFFFF",
    "FFFF800000000000",
    "FFFFF68000000000", /* page tables, whose entries are page tables */
    "FFFFF6FB7DBEDF68",
    "FFFFF6FFFFFFFFF8",
    "FFFFF78000000000",
    "FFFFF98000000000",
    "FFFFFB8000000000",
    "FFFFFC0000000000",
    "FFFFFC00FEE00000",
    "FFFFFFFF80000000",
    "FFFFFFFFFFFFFFFF",
    "KeLowerIrql",
};

TEST(CommandPte, "mm/command/pte-takes-any-address", "")
{
    RunWithAll("!pte", Addresses, ARRAYSIZE(Addresses));
}

TEST(CommandPfn, "mm/command/pfn-takes-any-number", "")
{
    RunWithAll("!pfn", Addresses, ARRAYSIZE(Addresses));
}

TEST(CommandVm, "mm/command/vm-takes-any-flags", "")
{
    static const CHAR *const Flags[] = {"", "0", "20", "ffffffffffffffff", "zz", "1 2"};
    RunWithAll("!vm", Flags, ARRAYSIZE(Flags));
    RunWithAll("!memusage", Flags, 1);
}

TEST(CommandLevels, "mm/command/commands-run-at-dispatch-level", "")
{
    static const CHAR *const One[] = {"FFFFF98000000000"};
    KIRQL Old;
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    RunWithAll("!pte", One, 1);
    RunWithAll("!memusage", One, 1);
    KeLowerIrql(Old);
}

/* Every state that a PTE can have, made by hand where nobody else looks. */
TEST(CommandPteStates, "mm/command/pte-shows-every-state", "contract 3.6")
{
    MMPTE States[] = {
        {.Soft = {.Protection = MM_READWRITE}},
        {.Soft = {.Protection = MM_READONLY, .PageFileLow = 2, .PageFileHigh = 0x1234}},
        {.Trans = {.Protection = MM_READWRITE, .Transition = 1, .PageFrameNumber = 0x77}},
        {.Proto = {.Protection = MM_EXECUTE_READ, .Prototype = 1, .ProtoAddress = -4096}},
        {.List = {.NextEntry = 5}},
        {.Long = ~0ULL},
        {.Long = ~1ULL}};
    CHAR Text[32];
    PVOID Va = MiReserveRegion(MiRegionDriverImages, 1);
    REQUIRE(Va != NULL);
    _snprintf(Text, sizeof(Text), "%p", Va);
    const CHAR *const Arguments[] = {Text};
    for (ULONG i = 0; i < ARRAYSIZE(States); i++) {
        MiWritePte(MiGetPteAddress(Va), States[i]);
        RunWithAll("!pte", Arguments, 1);
    }
    MiWritePte(MiGetPteAddress(Va), (MMPTE){.Long = 0});
    MiFlushTlb(Va, 1);
    MiReleaseRegion(&MiRegions[MiRegionDriverImages], Va, 1);
}

/* An entry that points at no memory: to follow it would fault. */
TEST(CommandPteDamaged, "mm/command/pte-does-not-follow-a-damaged-entry", "")
{
    static const CHAR *const Arguments[] = {"6000000000"};
    PMMPTE Pxe = MiGetPxeAddress((PVOID)0x6000000000);
    REQUIRE_EQ(MiReadPte(Pxe).Long, 0);
    ULONG64 Flags = KiDisableInterrupts();
    MiWritePte(Pxe, MiMakeTableEntry(0xFFFFFFFFF));
    RunWithAll("!pte", Arguments, 1);
    MiWritePte(Pxe, (MMPTE){.Long = 0});
    KiRestoreInterrupts(Flags);
}
