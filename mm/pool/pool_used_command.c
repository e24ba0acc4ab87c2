/*
 * pool_used_command.c - `!poolused`: what each tag holds, at the monitor's prompt.
 *
 * Columns are the debugger's (contract 6). Bytes are decimal and count headers and rounding. The
 * counters are read without a lock, a row at a time.
 */
#include "kernel/hal/hal.h"
#include "kernel/rtl/rtl.h"
#include "kernel/rtl/section.h"
#include "mm/pool/pool.h"

#define USED_VERBOSE     0x1
#define USED_BY_NONPAGED 0x2
#define USED_BY_PAGED    0x4
#define USED_SESSION     0x8
#define USED_PEAKS       0x10 /* ours */

/* Tags of the pools themselves; every other owner is unknown here. */
static const CHAR *ExpTagMeaning(ULONG Tag)
{
    switch (Tag) {
    case POOL_TAG_NONE: return "ExAllocatePool without a tag";
    case POOL_TAG_BIG: return "big blocks that the table had no room for";
    case POOL_TAG_OVERFLOW: return "tags that the table had no room for";
    default: return NULL;
    }
}

/* What rows are sorted by, descending; tags by their text, ascending. */
static ULONG64 ExpSortKey(const POOL_TAG_USAGE *Usage, ULONG64 Flags)
{
    if (Flags & USED_BY_NONPAGED) {
        return Usage->NonPagedBytes;
    }
    return Flags & USED_BY_PAGED ? Usage->PagedBytes : ~(ULONG64)__builtin_bswap32(Usage->Tag);
}

/* The row behind (Key, Slot) in the order of the sort; FALSE behind the last. */
static BOOLEAN ExpNextRow(ULONG64 Flags, PULONG64 Key, PULONG Slot, PPOOL_TAG_USAGE Row)
{
    ULONG64 LastKey = *Key, BestKey = 0;
    ULONG LastSlot = *Slot;
    BOOLEAN Found = FALSE;
    for (ULONG i = 0; i <= POOL_SLOT_LAST; i++) {
        POOL_TAG_USAGE Usage;
        if (!ExpReadTagSlot(i, &Usage)) {
            continue;
        }
        ULONG64 ThisKey = ExpSortKey(&Usage, Flags);
        BOOLEAN Behind =
            LastSlot == MAXULONG || ThisKey < LastKey || (ThisKey == LastKey && i > LastSlot);
        if (Behind && (!Found || ThisKey > BestKey)) {
            Found = TRUE;
            BestKey = ThisKey;
            *Slot = i;
            *Row = Usage;
        }
    }
    *Key = BestKey;
    return Found;
}

static VOID ExpPrintUsage(const CHAR *Name, const POOL_TAG_USAGE *Row, ULONG64 Flags)
{
    if (Flags & USED_PEAKS) {
        DbgPrint(" %-5s%8I64u %8I64u %9I64u %8I64u", Name, Row->NonPagedBytes, Row->NonPagedPeak,
                 Row->PagedBytes, Row->PagedPeak);
    } else if (Flags & USED_VERBOSE) {
        DbgPrint(" %-5s%8I64u %8I64u %8I64u %8I64u %9I64u %8I64u %8I64u %8I64u", Name,
                 Row->NonPagedAllocs, Row->NonPagedFrees, Row->NonPagedAllocs - Row->NonPagedFrees,
                 Row->NonPagedBytes, Row->PagedAllocs, Row->PagedFrees,
                 Row->PagedAllocs - Row->PagedFrees, Row->PagedBytes);
    } else {
        DbgPrint(" %-5s%8I64u %8I64u %9I64u %8I64u", Name, Row->NonPagedAllocs, Row->NonPagedBytes,
                 Row->PagedAllocs, Row->PagedBytes);
    }
}

static VOID ExpPrintUsageHead(ULONG64 Flags)
{
    const CHAR *Order = Flags & USED_BY_NONPAGED ? "NonPaged Pool Consumed"
                        : Flags & USED_BY_PAGED  ? "Paged Pool Consumed"
                                                 : "Tag";
    DbgPrint("   Sorting by  %s\n\n  Pool Used:\n", Order);
    if (Flags & USED_PEAKS) { /* processors count apart: the sum is known when it is asked for */
        DbgPrint("            NonPaged            Paged\n");
        DbgPrint(
            " Tag      Used     Peak      Used     Peak  (peak: the most that was seen here)\n");
    } else if (Flags & USED_VERBOSE) {
        DbgPrint("            NonPaged                              Paged\n");
        DbgPrint(
            " Tag    Allocs    Frees     Diff     Used    Allocs    Frees     Diff     Used\n");
    } else {
        DbgPrint("            NonPaged            Paged\n");
        DbgPrint(" Tag    Allocs     Used    Allocs     Used\n");
    }
}

static VOID ExpAddUsage(PPOOL_TAG_USAGE Total, const POOL_TAG_USAGE *Row)
{
    Total->NonPagedAllocs += Row->NonPagedAllocs;
    Total->NonPagedFrees += Row->NonPagedFrees;
    Total->NonPagedBytes += Row->NonPagedBytes;
    Total->PagedAllocs += Row->PagedAllocs;
    Total->PagedFrees += Row->PagedFrees;
    Total->PagedBytes += Row->PagedBytes;
}

static VOID ExpPrintUsageRows(ULONG64 Flags, const CHAR *Pattern)
{
    POOL_TAG_USAGE Row, Total = {0};
    ULONG64 Key = 0;
    ULONG Slot = MAXULONG;
    while (!HalpConsoleInterrupted() && ExpNextRow(Flags, &Key, &Slot, &Row)) {
        CHAR Text[POOL_TAG_TEXT];
        ExpFormatTag(Row.Tag, Text);
        if (!RtlpMatchGlob(Pattern, Text)) {
            continue;
        }
        ExpAddUsage(&Total, &Row);
        ExpPrintUsage(Text, &Row, Flags);
        const CHAR *Meaning = ExpTagMeaning(Row.Tag);
        if (Meaning != NULL) {
            DbgPrint("  %s\n", Meaning);
        } else {
            DbgPrint("  UNKNOWN pooltag '%s', please update pooltag.txt\n", Text);
        }
    }
    if (Flags & USED_PEAKS) { /* peaks of different moments have no sum */
        DbgPrint(" TOTAL%8I64u %8s %9I64u\n", Total.NonPagedBytes, "", Total.PagedBytes);
        return;
    }
    ExpPrintUsage("TOTAL", &Total, Flags);
    DbgPrint("\n");
}

static VOID PoolUsedCommand(const CHAR *Arguments)
{
    ULONG64 Flags = 0;
    CHAR Pattern[POOL_PATTERN_SIZE] = "*";
    if (*Arguments != 0 && !RtlpParseNumber(&Arguments, 16, &Flags)) {
        DbgPrint("usage: !poolused [FLAGS [TAG]]\n");
        return;
    }
    if (Flags & USED_SESSION) {
        DbgPrint("there is no session pool\n");
        return;
    }
    if (*Arguments != 0 && (!ExpReadPattern(&Arguments, Pattern) || *Arguments != 0)) {
        DbgPrint("usage: !poolused [FLAGS [TAG]]\n");
        return;
    }
    ExpPrintUsageHead(Flags);
    ExpPrintUsageRows(Flags, Pattern);
}
MONITOR_COMMAND("!poolused", "!poolused [FLAGS [TAG]]",
                "pool by tag (1 with frees, 2 sort by nonpaged, 4 by paged, 10 with peaks)",
                PoolUsedCommand);
