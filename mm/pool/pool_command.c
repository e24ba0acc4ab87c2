/*
 * pool_command.c - `!pool`, `!poolused` and `!poolfind`: the pools at the monitor's prompt.
 *
 * Columns are the debugger's (contract 6), so that its documents and habits apply. Sizes of !pool
 * are hexadecimal, those of !poolused decimal and with headers and rounding. inspect.c's rules
 * hold: a damaged pool is shown as far as it makes sense, and nothing faults.
 */
#include "kernel/rtl/rtl.h"
#include "kernel/rtl/section.h"
#include "mm/pool/pool.h"

#define SHOW_CONTENTS   0x1
#define SHOW_ONLY_BLOCK 0x2
#define SHOW_NO_OWNER   0x80000000

#define PATTERN_LENGTH 16

static VOID ExpPrintTag(ULONG Tag, CHAR Mark)
{
    CHAR Text[POOL_TAG_TEXT];
    ExpFormatTag(Tag, Text);
    DbgPrint("%c%s%s\n", Mark, Text, Tag & PROTECTED_POOL ? " (Protected)" : "");
}

/* One row of !pool and !poolfind; Here marks the block that holds the address asked for. */
static VOID ExpPrintBlock(PPOOL_HEADER Header, BOOLEAN Here)
{
    CHAR Mark = Here ? '*' : ' ';
    DbgPrint("%c%p size: %4lx previous size: %4lx  %s  ", Mark, Header,
             (ULONG)(Header->BlockSize * POOL_GRANULE),
             (ULONG)(Header->PreviousSize * POOL_GRANULE),
             Header->PoolType == 0 ? "(Free)     " : "(Allocated)");
    ExpPrintTag(Header->PoolTag, Mark);
}

static VOID ExpPrintContents(PPOOL_HEADER Header)
{
    PULONG64 Words = (PULONG64)Header;
    for (ULONG i = 0; i < Header->BlockSize * 2U; i += 2) {
        DbgPrint("    %p  %016I64x %016I64x\n", &Words[i], Words[i], Words[i + 1]);
    }
}

static VOID ExpPrintOwner(ULONG Tag)
{
    CHAR Text[POOL_TAG_TEXT];
    ExpFormatTag(Tag, Text);
    DbgPrint("        Owning component : Unknown (no list of tags has %s)\n", Text);
}

/* ---- !pool ----------------------------------------------------------------------------------- */

static VOID ExpPrintPage(PVOID Address, ULONG64 Flags)
{
    POOL_PAGE_WALK Walk;
    PPOOL_HEADER Header;
    if (!ExpBeginWalk(&Walk, Address)) {
        DbgPrint("%p is not mapped\n", PAGE_ALIGN(Address));
        return;
    }
    while ((Header = ExpNextBlock(&Walk)) != NULL) {
        ULONG_PTR Offset = (ULONG_PTR)Address - (ULONG_PTR)Header;
        BOOLEAN Here = Offset < Header->BlockSize * POOL_GRANULE;
        if (!Here && (Flags & SHOW_ONLY_BLOCK)) {
            continue;
        }
        ExpPrintBlock(Header, Here);
        if (Here && !(Flags & SHOW_NO_OWNER)) {
            ExpPrintOwner(Header->PoolTag);
        }
        if (Flags & SHOW_CONTENTS) {
            ExpPrintContents(Header);
        }
    }
    if (Walk.Broken) {
        Header = (PPOOL_HEADER)Walk.Page + Walk.Granule;
        DbgPrint(" %p is no valid header: size: %4lx previous size: %4lx, should be %lx\n", Header,
                 (ULONG)(Header->BlockSize * POOL_GRANULE),
                 (ULONG)(Header->PreviousSize * POOL_GRANULE),
                 (ULONG)(Walk.PreviousSize * POOL_GRANULE));
    }
}

static VOID ExpPrintBig(const POOL_BIG_BLOCK *Big)
{
    CHAR Text[POOL_TAG_TEXT];
    ExpFormatTag(Big->Key, Text);
    DbgPrint("*%p : large page allocation, tag is %s%s, size is 0x%I64x bytes\n", (PVOID)Big->Va,
             Text, Big->Key & PROTECTED_POOL ? " (Protected)" : "",
             (ULONG64)(Big->Pages << PAGE_SHIFT));
}

static const CHAR *ExpRegionName(POOL_KIND Kind)
{
    static const CHAR *const Names[] = {"Nonpaged pool", "Nonpaged pool (executable)",
                                        "Paged pool"};
    return Names[Kind];
}

static VOID PoolCommand(const CHAR *Arguments)
{
    ULONG64 Value, Flags = 0;
    POOL_BIG_BLOCK Big;
    if (!RtlpParseNumber(&Arguments, 16, &Value) ||
        (*Arguments != 0 && !RtlpParseNumber(&Arguments, 16, &Flags))) {
        DbgPrint("usage: !pool ADDR [FLAGS]\n");
        return;
    }
    PVOID Address = (PVOID)(ULONG_PTR)Value;
    POOL_KIND Kind = ExpKindOfAddress(Address);
    if (Kind == PoolKindNone) {
        DbgPrint("%p is in no pool\n", Address);
        return;
    }
    DbgPrint("Pool page %p region is %s\n", Address, ExpRegionName(Kind));
    if (ExpFindBigBlockAround(Address, &Big)) {
        ExpPrintBig(&Big);
    } else {
        ExpPrintPage(Address, Flags);
    }
}
MONITOR_COMMAND("!pool", "!pool ADDR [FLAGS]",
                "blocks of a pool page (1 contents, 2 only the block, 80000000 no owner)",
                PoolCommand);

/* ---- !poolused ------------------------------------------------------------------------------- */

#define USED_VERBOSE     0x1
#define USED_BY_NONPAGED 0x2
#define USED_BY_PAGED    0x4
#define USED_SESSION     0x8

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
    for (ULONG i = 0; i <= POOL_TAG_SLOTS; i++) {
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

static VOID ExpPrintUsage(const CHAR *Name, const POOL_TAG_USAGE *Row, BOOLEAN Verbose)
{
    if (Verbose) {
        DbgPrint(" %s %9I64u %9I64u %9I64u %9I64u %9I64u %9I64u %9I64u %9I64u", Name,
                 Row->NonPagedAllocs, Row->NonPagedFrees, Row->NonPagedAllocs - Row->NonPagedFrees,
                 Row->NonPagedBytes, Row->PagedAllocs, Row->PagedFrees,
                 Row->PagedAllocs - Row->PagedFrees, Row->PagedBytes);
    } else {
        DbgPrint(" %s %9I64u %9I64u %9I64u %9I64u", Name, Row->NonPagedAllocs, Row->NonPagedBytes,
                 Row->PagedAllocs, Row->PagedBytes);
    }
}

static VOID ExpPrintUsageHead(ULONG64 Flags)
{
    const CHAR *Order = Flags & USED_BY_NONPAGED ? "NonPaged Pool Consumed"
                        : Flags & USED_BY_PAGED  ? "Paged Pool Consumed"
                                                 : "Tag";
    DbgPrint("   Sorting by  %s\n\n  Pool Used:\n", Order);
    if (Flags & USED_VERBOSE) {
        DbgPrint("            NonPaged                                Paged\n");
        DbgPrint(" Tag     Allocs     Frees      Diff      Used    Allocs     Frees      Diff      "
                 "Used\n");
    } else {
        DbgPrint("            NonPaged            Paged\n");
        DbgPrint(" Tag     Allocs      Used    Allocs      Used\n");
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
    while (ExpNextRow(Flags, &Key, &Slot, &Row)) {
        CHAR Text[POOL_TAG_TEXT];
        ExpFormatTag(Row.Tag, Text);
        if (!RtlpMatchGlob(Pattern, Text)) {
            continue;
        }
        ExpAddUsage(&Total, &Row);
        ExpPrintUsage(Text, &Row, (Flags & USED_VERBOSE) != 0);
        const CHAR *Meaning = ExpTagMeaning(Row.Tag);
        if (Meaning != NULL) {
            DbgPrint("  %s\n", Meaning);
        } else {
            DbgPrint("  UNKNOWN pooltag '%s', please update pooltag.txt\n", Text);
        }
    }
    ExpPrintUsage("TOTAL", &Total, (Flags & USED_VERBOSE) != 0);
    DbgPrint("\n");
}

/* A tag as typed: up to four characters, short ones end in blanks as in the source. */
static VOID ExpReadPattern(const CHAR *Text, CHAR Pattern[PATTERN_LENGTH])
{
    ULONG Length = 0;
    BOOLEAN Wild = FALSE;
    for (; *Text != 0 && *Text != ' ' && Length < PATTERN_LENGTH - 1; Text++) {
        Pattern[Length++] = *Text;
        Wild |= *Text == '*';
    }
    while (Length < sizeof(ULONG) && !Wild) {
        Pattern[Length++] = ' ';
    }
    Pattern[Length] = 0;
}

static VOID PoolUsedCommand(const CHAR *Arguments)
{
    ULONG64 Flags = 0;
    CHAR Pattern[PATTERN_LENGTH] = "*";
    if (*Arguments != 0 && !RtlpParseNumber(&Arguments, 16, &Flags)) {
        DbgPrint("usage: !poolused [FLAGS [TAG]]\n");
        return;
    }
    if (Flags & USED_SESSION) {
        DbgPrint("there is no session pool\n");
        return;
    }
    if (*Arguments != 0) {
        ExpReadPattern(Arguments, Pattern);
    }
    ExpPrintUsageHead(Flags);
    ExpPrintUsageRows(Flags, Pattern);
}
MONITOR_COMMAND("!poolused", "!poolused [FLAGS [TAG]]",
                "pool by tag (1 with frees, 2 sort by nonpaged, 4 by paged)", PoolUsedCommand);

/* ---- !poolfind ------------------------------------------------------------------------------- */

static VOID ExpFindInBigTable(const CHAR *Pattern, BOOLEAN Paged)
{
    POOL_BIG_BLOCK Big;
    SIZE_T Used, Size, Untracked;
    ExpQueryBigTable(&Used, &Size, &Untracked);
    DbgPrint("Scanning large pool allocation table for Tag: %s (%I64u of %I64u entries)\n", Pattern,
             (ULONG64)Used, (ULONG64)Size);
    for (SIZE_T Slot = 0; ExpReadBigSlot(Slot, &Big); Slot++) {
        CHAR Text[POOL_TAG_TEXT];
        ExpFormatTag(Big.Key, Text);
        if (!(Big.Va & POOL_BIG_FREE) && (Big.Kind == PoolKindPaged) == Paged &&
            RtlpMatchGlob(Pattern, Text)) {
            ExpPrintBig(&Big);
        }
    }
}

static VOID ExpFindInPage(PVOID Page, const CHAR *Pattern)
{
    POOL_PAGE_WALK Walk;
    PPOOL_HEADER Header;
    if (ExpQueryPages(Page) != 1 || ExpFindBlockAround(Page) == NULL ||
        !ExpBeginWalk(&Walk, Page)) {
        return;
    }
    while ((Header = ExpNextBlock(&Walk)) != NULL) {
        CHAR Text[POOL_TAG_TEXT];
        ExpFormatTag(Header->PoolTag, Text);
        if (Header->PoolType != 0 && RtlpMatchGlob(Pattern, Text)) {
            ExpPrintBlock(Header, FALSE);
        }
    }
}

static VOID ExpFindInPool(const CHAR *Pattern, POOL_KIND Kind)
{
    POOL_BIG_BLOCK Big;
    PPOOL_DESCRIPTOR Pool = &ExpPools[Kind];
    DbgPrint("Searching %s (%p : %p) for Tag: %s\n", ExpRegionName(Kind), (PVOID)Pool->FirstPage,
             (PVOID)Pool->LastPage, Pattern);
    if (Pool->FirstPage == 0) {
        return;
    }
    for (ULONG_PTR Page = Pool->FirstPage; Page <= Pool->LastPage; Page += PAGE_SIZE) {
        if (!ExpFindBigBlock((PVOID)Page, &Big)) {
            ExpFindInPage((PVOID)Page, Pattern);
        }
    }
}

static VOID PoolFindCommand(const CHAR *Arguments)
{
    ULONG64 Which = 0;
    CHAR Pattern[PATTERN_LENGTH];
    ExpReadPattern(Arguments, Pattern);
    while (*Arguments != 0 && *Arguments != ' ') {
        Arguments++;
    }
    while (*Arguments == ' ') {
        Arguments++;
    }
    if (Pattern[0] == ' ' || (*Arguments != 0 && !RtlpParseNumber(&Arguments, 16, &Which))) {
        DbgPrint("usage: !poolfind TAG [0 nonpaged | 1 paged]\n");
        return;
    }
    if (Which > 1) {
        DbgPrint("there is no %s pool\n", Which == 2 ? "special" : "session");
        return;
    }
    ExpFindInBigTable(Pattern, Which == 1);
    if (Which == 1) {
        ExpFindInPool(Pattern, PoolKindPaged);
    } else {
        ExpFindInPool(Pattern, PoolKindNonPagedNx);
        ExpFindInPool(Pattern, PoolKindNonPagedExecute);
    }
}
MONITOR_COMMAND("!poolfind", "!poolfind TAG [0|1]", "blocks with a tag (0 nonpaged, 1 paged)",
                PoolFindCommand);
