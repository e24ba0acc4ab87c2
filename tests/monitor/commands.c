/*
 * commands.c - tests of what the monitor's commands rest on: reading arguments, finding names,
 * reading memory without touching it. What they print is compared by tests/dialogue/.
 */
#include "kernel/ke/ke.h"
#include "monitor/monitor.h"
#include "tests/ke/threads.h"
#include "tests/rtl/text_check.h"

#define TAG 'tnoM'

/* ---- arguments and names --------------------------------------------------------------------- */

static VOID CheckArguments(const CHAR *Text, ULONG Least, ULONG Most, const ULONG64 *Values,
                           ULONG Count)
{
    ULONG64 Read[4] = {0};
    ULONG Number = Least;
    REQUIRE(KiReadArguments("usage", Text, Most, Read, &Number));
    REQUIRE_EQ(Number, Count);
    for (ULONG i = 0; i < Count; i++) {
        CHECK_EQ(Read[i], Values[i]);
    }
}

TEST(ArgumentsGood, "monitor/arguments/numbers-and-names", "")
{
    CheckArguments("", 0, 4, NULL, 0);
    CheckArguments("e2", 1, 4, (ULONG64[]){0xE2}, 1);
    CheckArguments("0xE2 0n10 fffff980`00000000  1", 1, 4,
                   (ULONG64[]){0xE2, 10, 0xFFFFF98000000000, 1}, 4);
    CheckArguments("KeLowerIrql 4", 1, 2, (ULONG64[]){(ULONG64)KeLowerIrql, 4}, 2);
    /* What can be read as a number is one. */
    CheckArguments("add", 1, 1, (ULONG64[]){0xADD}, 1);
}

static BOOLEAN Reads(const CHAR *Text, ULONG Least, ULONG Most)
{
    ULONG64 Read[4];
    return KiReadArguments("usage", Text, Most, Read, &Least);
}

TEST(ArgumentsBad, "monitor/arguments/nonsense-is-refused", "")
{
    CHECK(!Reads("", 1, 4));
    CHECK(!Reads("1 2", 0, 1));
    CHECK(!Reads("xyz", 1, 1));
    CHECK(!Reads("12g", 1, 1));
    CHECK(!Reads("1 0x", 1, 2));
    CHECK(!Reads("10000000000000000", 1, 1));
    CHECK(!Reads("KeLowerIrq", 1, 1));
    CHECK(!Reads("-1", 1, 1));
}

TEST(SymbolsRound, "monitor/symbols/names-and-addresses-agree", "")
{
    KI_SYMBOL_INFORMATION Symbol, Before = {NULL, NULL};
    CHAR Text[128];
    ULONG i;
    for (i = 0; KiQuerySymbol(i, &Symbol); i++) {
        REQUIRE(Symbol.Address > Before.Address);
        Before = Symbol;
    }
    CHECK_GT(i, 300);
    ULONG_PTR Routine = (ULONG_PTR)MonExecute;
    ULONG Index = KiFindSymbolAt((PVOID)Routine);
    REQUIRE(KiQuerySymbol(Index, &Symbol));
    CHECK_TEXT(Symbol.Name, "MonExecute");
    CHECK_EQ(KiFindSymbol("MonExecute and more", 10), MonExecute);
    CHECK_EQ(KiFindSymbol("MonExecut", 9), NULL);
    CHECK_EQ(KiFindSymbolAt((PVOID)(Routine + 1)), Index);
    CHECK_EQ(KiFindSymbolAt((PVOID)(Routine - 1)), Index - 1);
    CHECK_EQ(KiFindSymbolAt(&Symbol), MAXULONG);
    REQUIRE(KiSymbolise((PVOID)(Routine + 3), Text, sizeof(Text)));
    CHECK_TEXT(Text, "MonExecute+0x3");
}

/* ---- commands -------------------------------------------------------------------------------- */

TEST(CommandsSorted, "monitor/commands/each-once-and-sorted", "")
{
    const MONITOR_COMMAND_ENTRY *Before = NULL, *Entry;
    ULONG Count = 0;
    for (; (Entry = MonSortedCommand(Count)) != NULL; Count++) {
        CHECK(Before == NULL || strcmp(Before->Name, Entry->Name) < 0);
        CHECK_EQ(MonFindCommand(Entry->Name, strlen(Entry->Name)), Entry);
        CHECK_EQ(strncmp(Entry->Usage, Entry->Name, strlen(Entry->Name)), 0);
        /* The list's lines: two blanks, 27 columns and one more, help up to a bracket. */
        const CHAR *Bracket = strchr(Entry->Help, '(');
        CHECK_LE(strlen(Entry->Usage), 27);
        CHECK_LE(Bracket ? (SIZE_T)(Bracket - Entry->Help) : strlen(Entry->Help), 49);
        Before = Entry;
    }
    CHECK_EQ(Count, KiCommandTableEnd - KiCommandTable);
    CHECK_EQ(MonFindCommand("!irq", 4), NULL);
    CHECK_EQ(MonFindCommand("!irqlx", 6), NULL);
}

static VOID CheckParsed(const CHAR *Line, const CHAR *Name, const CHAR *Arguments)
{
    CHAR Rest[MON_LINE_SIZE], Word[MON_LINE_SIZE];
    SIZE_T Length;
    const CHAR *Start = MonParse(Line, Rest, &Length);
    memcpy(Word, Start, Length);
    Word[Length] = '\0';
    CHECK_TEXT(Word, Name);
    CHECK_TEXT(Rest, Arguments);
}

TEST(CommandsParse, "monitor/commands/arguments-without-blanks-around", "")
{
    CheckParsed("help", "help", "");
    CheckParsed("   help   one  two   ", "help", "one  two");
    CheckParsed("!pool FFFFFA8000000000", "!pool", "FFFFFA8000000000");
    CheckParsed("", "", "");
    CheckParsed("   ", "", "");
}

static VOID NTAPI NothingDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
}

/* tests/dialogue/ke compares what the two commands print here. */
TEST(CommandsDispatch, "monitor/commands/irql-and-dpcs-at-dispatch-level", "")
{
    static KDPC First, Second;
    KI_WAITING_DPC Waiting[1];
    KIRQL Old;
    KeInitializeDpc(&First, NothingDpc, NULL);
    KeInitializeDpc(&Second, NothingDpc, NULL);
    KeSetImportanceDpc(&Second, HighImportance);
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    ULONG Before = KiQueryDpcs(&KeGetCurrentPrcb()->Dpcs, Waiting, 1);
    KeInsertQueueDpc(&First, NULL, NULL);
    KeInsertQueueDpc(&Second, NULL, NULL);
    CHECK_EQ(KiQueryDpcs(&KeGetCurrentPrcb()->Dpcs, Waiting, 1), Before + 2);
    CHECK_EQ(Waiting[0].Dpc, &Second);
    MonExecute("!irql");
    MonExecute("!dpcs");
    KeLowerIrql(Old);
    CHECK_EQ(KiQueryDpcs(&KeGetCurrentPrcb()->Dpcs, Waiting, 1), Before);
}

static KEVENT Gate;

static VOID NTAPI PassGate(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeWaitForSingleObject(&Gate, Executive, KernelMode, FALSE, NULL);
}

static VOID ShowThread(PKTHREAD Thread)
{
    CHAR Line[64];
    _snprintf(Line, sizeof(Line), "!thread %p", Thread);
    MonExecute(Line);
}

/* As above. At DISPATCH_LEVEL no thread gets the processor: one waits, two stay ready. */
TEST(CommandsThreads, "monitor/commands/threads-at-dispatch-level", "")
{
    KIRQL Old;
    KeInitializeEvent(&Gate, NotificationEvent, FALSE);
    PKTHREAD Waiting = TestStartThread(PassGate, NULL, 12);
    PKTHREAD Low = TestCreateThread(PassGate, NULL, 9);
    PKTHREAD High = TestCreateThread(PassGate, NULL, 10);
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    KiStartThread(Low);
    KiStartThread(High);
    MonExecute("!ready");
    ShowThread(Low);
    ShowThread(Waiting);
    KeLowerIrql(Old);
    KeSetEvent(&Gate, IO_NO_INCREMENT, FALSE);
    TestJoinThread(Waiting);
    TestJoinThread(Low);
    TestJoinThread(High);
}

#define SHARERS 10

static ERESOURCE Resources[2];

static VOID NTAPI ShareUntilGate(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    ExEnterCriticalRegionAndAcquireResourceShared(&Resources[0]);
    KeWaitForSingleObject(&Gate, Executive, KernelMode, FALSE, NULL);
    ExReleaseResourceAndLeaveCriticalRegion(&Resources[0]);
}

static VOID NTAPI WantExclusive(PVOID Index)
{
    ExEnterCriticalRegionAndAcquireResourceExclusive(&Resources[(ULONG_PTR)Index]);
    ExReleaseResourceAndLeaveCriticalRegion(&Resources[(ULONG_PTR)Index]);
}

/*
 * As above: one resource with more sharers than are shown, one with an owner, each with a waiter.
 */
TEST(CommandsLocks, "monitor/commands/resources-with-owners-and-waiters", "")
{
    PKTHREAD Threads[SHARERS + 2];
    KeInitializeEvent(&Gate, NotificationEvent, FALSE);
    ExInitializeResourceLite(&Resources[0]);
    ExInitializeResourceLite(&Resources[1]);
    MonExecute("!locks");
    for (ULONG i = 0; i < SHARERS; i++) {
        Threads[i] = TestStartThread(ShareUntilGate, NULL, 9);
    }
    Threads[SHARERS] = TestStartThread(WantExclusive, (PVOID)0, 9);
    ExEnterCriticalRegionAndAcquireResourceExclusive(&Resources[1]);
    ExAcquireResourceExclusiveLite(&Resources[1], TRUE);
    Threads[SHARERS + 1] = TestStartThread(WantExclusive, (PVOID)1, 10);
    MonExecute("!locks");
    ExReleaseResourceLite(&Resources[1]);
    ExReleaseResourceAndLeaveCriticalRegion(&Resources[1]);
    KeSetEvent(&Gate, IO_NO_INCREMENT, FALSE);
    for (ULONG i = 0; i < ARRAYSIZE(Threads); i++) {
        TestJoinThread(Threads[i]);
    }
    MonExecute("!locks");
    ExDeleteResourceLite(&Resources[0]);
    ExDeleteResourceLite(&Resources[1]);
}

static VOID Dump(PVOID Address)
{
    CHAR Line[64];
    _snprintf(Line, sizeof(Line), "dd %p 1", Address);
    MonExecute(Line);
}

TEST(CommandsDump, "monitor/commands/a-dump-brings-no-page-in", "")
{
    PCHAR Block = ExAllocatePoolWithTag(PagedPool, 3 * PAGE_SIZE, TAG);
    REQUIRE(Block != NULL);
    /* Of these numbers a part or nothing lies on the only page that is there. */
    Block[PAGE_SIZE] = 1;
    Dump(Block);
    Dump(Block + PAGE_SIZE - 2);
    Dump(Block + 2 * PAGE_SIZE - 2);
    CHECK(!MmIsAddressValid(Block));
    CHECK(MmIsAddressValid(Block + PAGE_SIZE));
    CHECK(!MmIsAddressValid(Block + 2 * PAGE_SIZE));
    ExFreePoolWithTag(Block, TAG);
}

/* ---- small things ---------------------------------------------------------------------------- */

TEST(IrqlNames, "monitor/irql/names", "")
{
    CHECK_TEXT(KiIrqlName(PASSIVE_LEVEL), "LOW_LEVEL");
    CHECK_TEXT(KiIrqlName(DISPATCH_LEVEL), "DISPATCH_LEVEL");
    CHECK_TEXT(KiIrqlName(5), "device level");
    CHECK_TEXT(KiIrqlName(12), "SYNCH_LEVEL");
    CHECK_TEXT(KiIrqlName(HIGH_LEVEL), "HIGH_LEVEL");
}

#define DAY 864000000000ULL /* of 100 ns */

static VOID CheckDate(ULONG64 Time, const CHAR *Expected)
{
    CHAR Text[64];
    KiFormatTime(Time, Text, sizeof(Text));
    CHECK_TEXT(Text, Expected);
}

/* Days as GNU date counts them: 134774 from 1601-01-01 to 1970-01-01. */
TEST(TimeText, "monitor/time/dates", "")
{
    CheckDate(0, "Mon Jan  1 00:00:00.000 1601 (UTC + 0:00)");
    CheckDate(134774 * DAY, "Thu Jan  1 00:00:00.000 1970 (UTC + 0:00)");
    CheckDate((134774 + 11016) * DAY - 10000, "Mon Feb 28 23:59:59.999 2000 (UTC + 0:00)");
    CheckDate((134774 + 11016) * DAY, "Tue Feb 29 00:00:00.000 2000 (UTC + 0:00)");
    CheckDate((134774 + 11322) * DAY, "Sun Dec 31 00:00:00.000 2000 (UTC + 0:00)");
    CheckDate((134774 + 11323) * DAY, "Mon Jan  1 00:00:00.000 2001 (UTC + 0:00)");
    CheckDate((134774 + 47540) * DAY, "Sun Feb 28 00:00:00.000 2100 (UTC + 0:00)");
    CheckDate((134774 + 47541) * DAY, "Mon Mar  1 00:00:00.000 2100 (UTC + 0:00)");
    CheckDate((134774 + 20413) * DAY + DAY / 2, "Fri Nov 21 12:00:00.000 2025 (UTC + 0:00)");
}
