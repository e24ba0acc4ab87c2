/*
 * commands.c - `!pool`, `!poolused` and `!poolfind` on good pages, damaged pages and any nonsense.
 *
 * What they print is compared by the dialogue tests/dialogue/pool; here they must come back, at any
 * IRQL and with every lock of the pools held, and change nothing.
 */
#include "kernel/ke/ke.h"
#include "kernel/rtl/rtl.h"
#include "mm/mm.h"
#include "tests/pool/pool_cases.h"

static VOID Type(const CHAR *Name, const CHAR *Arguments)
{
    for (const MONITOR_COMMAND_ENTRY *Entry = KiCommandTable; Entry < KiCommandTableEnd; Entry++) {
        if (strcmp(Entry->Name, Name) == 0) {
            Entry->Routine(Arguments);
            return;
        }
    }
    CHECK(!"there is no such command");
}

static VOID ShowPool(ULONG64 Address, const CHAR *Flags)
{
    CHAR Line[64];
    _snprintf(Line, sizeof(Line), "%I64x %s", Address, Flags);
    Type("!pool", Line);
}

TEST(CommandsNonsense, "pool/commands/refuse-nonsense", "")
{
    static const CHAR *const Lines[] = {
        "",   "zz",         "*",     "FFFFFA8000000000 x", "0 1 2", "-1", "10000000000000000",
        "0x", "\x7F\x01 ~", "%s%n%p"};
    for (ULONG i = 0; i < ARRAYSIZE(Lines); i++) {
        Type("!pool", Lines[i]);
    }
    Type("!poolused", "zz");
    Type("!poolused", "0 TooLong");
    Type("!poolused", "8");
    Type("!poolused", "0 a b");
    Type("!poolfind", "");
    Type("!poolfind", "TooLong");
    Type("!poolfind", "a-tag-that-no-buffer-can-take-in-one-piece-at-all*");
    Type("!poolfind", "Test 9");
    Type("!poolfind", "Test 2");
    Type("!poolfind", "Test 0 0");
}

TEST(CommandsAddresses, "pool/commands/any-address-may-be-asked-for", "")
{
    static const ULONG64 Addresses[] = {
        0,
        0xFFFFFFFFFFFFFFFF,
        0x8000000000000000,
        MI_PTE_BASE,
        MI_KERNEL_IMAGE,
        MI_NONPAGED_POOL + MI_SLOT_BYTES - 1,
        MI_EXECUTABLE_POOL + MI_SLOT_BYTES - PAGE_SIZE,
        MI_PAGED_POOL + MI_SLOT_BYTES / 2,
        MI_SPECIAL_POOL,
    };
    ULONG64 State = 0x9E3779B97F4A7C15ULL;
    for (ULONG i = 0; i < ARRAYSIZE(Addresses); i++) {
        ShowPool(Addresses[i], "");
        ShowPool(Addresses[i], "3");
    }
    for (ULONG i = 0; i < 12; i++) {
        ULONG64 Range = PoolCases[i % 3].Kind == PoolKindPaged ? MI_PAGED_POOL : MI_NONPAGED_POOL;
        ShowPool(Range + (PoolRandom(&State) >> 40), "80000002");
    }
}

TEST(CommandsPage, "pool/commands/a-page-of-four-blocks", "")
{
    PVOID Blocks[4];
    REQUIRE(PoolTakeQuarters(&PoolCases[PoolKindPaged], Blocks));
    PVOID Big = ExAllocatePoolWithTag(NonPagedPoolNx, 3 * PAGE_SIZE, 'torP' | PROTECTED_POOL);
    REQUIRE(Big != NULL);
    PoolFreeIfAny(Blocks[2]);
    ShowPool((ULONG64)Blocks[1] + 0x30, "");
    ShowPool((ULONG64)Blocks[3], "80000003");
    ShowPool((ULONG64)Big + PAGE_SIZE, "");
    Type("!poolfind", "Test 1");
    Type("!poolfind", "Pr?t");
    Type("!poolused", "0 Test");
    Type("!poolused", "1 *");
    Type("!poolused", "2 Prot");
    Type("!poolused", "4 Prot");
    ExFreePoolWithTag(Big, 'torP' | PROTECTED_POOL);
    PoolFreeIfAny(Blocks[0]);
    PoolFreeIfAny(Blocks[1]);
    PoolFreeIfAny(Blocks[3]);
    PoolFreePlugs();
}

TEST(CommandsDamaged, "pool/commands/a-damaged-page-is-shown-as-far-as-it-goes", "")
{
    PVOID Blocks[4];
    REQUIRE(PoolTakeQuarters(&PoolCases[PoolKindNonPagedNx], Blocks));
    PPOOL_HEADER Header = ExpHeaderOf(Blocks[2]);
    POOL_HEADER Before = *Header;
    for (ULONG Field = 0; Field < 4; Field++) {
        ((PUCHAR)Header)[Field] ^= 0xFF;
        ShowPool((ULONG64)Blocks[0], "80000000");
        Type("!poolfind", "Test");
        *Header = Before;
    }
    for (ULONG i = 0; i < 4; i++) {
        PoolFreeIfAny(Blocks[i]);
    }
    PoolFreePlugs();
    PoolCheck(PoolKindNonPagedNx);
}

TEST(CommandsLocks, "pool/commands/no-lock-is-needed-at-any-irql", "")
{
    KIRQL Old;
    KeRaiseIrql(HIGH_LEVEL, &Old);
    for (POOL_KIND Kind = 0; Kind < PoolKindCount; Kind++) {
        ExpPools[Kind].Lock.Held = 1;
        MiRegions[Kind].Lock = 1; /* the pools' regions are the first three */
    }
    ShowPool(MI_NONPAGED_POOL, "");
    ShowPool(MI_PAGED_POOL, "");
    Type("!poolused", "");
    Type("!poolfind", "*");
    Type("!poolfind", "* 1");
    for (POOL_KIND Kind = 0; Kind < PoolKindCount; Kind++) {
        ExpPools[Kind].Lock.Held = 0;
        MiRegions[Kind].Lock = 0;
    }
    KeLowerIrql(Old);
}

/* ---- what bug checks say about an address ---------------------------------------------------- */

#define DESCRIPTION 96 /* what a bug check has room for */

static BOOLEAN IsDescribed(PVOID Address, const CHAR *Pattern)
{
    CHAR Text[DESCRIPTION];
    BOOLEAN Holds = CHECK(KiDescribeAddress(Address, Text, sizeof(Text)));
    if (Holds && !RtlpMatchGlob(Pattern, Text)) {
        DbgPrint("'%s' is not %s\n", Text, Pattern);
        return FALSE;
    }
    return Holds;
}

TEST(CommandsDescribe, "pool/commands/an-address-is-described", "")
{
    PVOID Blocks[4];
    REQUIRE(PoolTakeQuarters(&PoolCases[PoolKindNonPagedExecute], Blocks));
    PUCHAR Big = ExAllocatePoolWithTag(PagedPool, 2 * PAGE_SIZE, TEST_TAG);
    PoolFreeIfAny(Blocks[3]);
    CHECK(IsDescribed((PUCHAR)Blocks[1] + 0x20,
                      "executable nonpaged pool: block FFFFFB????????00+0x30, 0x400 bytes, tag "
                      "Test, allocated"));
    CHECK(IsDescribed(Blocks[3],
                      "executable nonpaged pool: block *+0x10, 0x400 bytes, tag Test, free"));
    CHECK(IsDescribed(Big + PAGE_SIZE + 5,
                      "paged pool: big block FFFFF98*000+0x1005, 0x2000 bytes, tag Test"));
    CHECK(IsDescribed((PVOID)(MI_NONPAGED_POOL + MI_SLOT_BYTES / 2), "nonpaged pool, not mapped"));
    ExpHeaderOf(Blocks[1])->PreviousSize ^= 1;
    CHECK(IsDescribed(Blocks[0], "executable nonpaged pool, a page whose headers do not agree"));
    ExpHeaderOf(Blocks[1])->PreviousSize ^= 1;
    PoolFreeIfAny(Big);
    for (ULONG i = 0; i < 3; i++) {
        PoolFreeIfAny(Blocks[i]);
    }
    PoolFreePlugs();
}
