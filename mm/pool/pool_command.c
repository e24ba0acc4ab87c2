/*
 * pool_command.c - `!pool` and `!poolfind`: blocks of the pools at the monitor's prompt.
 *
 * Columns are the debugger's (contract 6), so that its documents and habits apply; sizes are
 * hexadecimal. inspect.c's rules hold: no lock is taken, a damaged pool is shown as far as it makes
 * sense, and nothing faults.
 */
#include "kernel/hal/hal.h"
#include "kernel/rtl/rtl.h"
#include "kernel/rtl/section.h"
#include "mm/pool/verify.h"

#define SHOW_CONTENTS   0x1
#define SHOW_ONLY_BLOCK 0x2
#define SHOW_NO_OWNER   0x80000000

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
             Header->PoolType == 0                   ? "(Free)     "
             : Header->PoolType == POOL_BLOCK_CACHED ? "(Cached)   "
                                                     : "(Allocated)");
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
        (*Arguments != 0 && !RtlpParseNumber(&Arguments, 16, &Flags)) || *Arguments != 0) {
        DbgPrint("usage: !pool ADDR [FLAGS]\n");
        return;
    }
    PVOID Address = (PVOID)(ULONG_PTR)Value;
    POOL_KIND Kind = ExpKindOfAddress(Address);
    if (ExpIsSpecial(Address)) {
        ExpPrintSpecialPage(Address, (Flags & SHOW_CONTENTS) != 0);
        return;
    }
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

/* ---- tags as typed --------------------------------------------------------------------------- */

BOOLEAN ExpReadPattern(const CHAR **Arguments, CHAR Pattern[POOL_PATTERN_SIZE])
{
    ULONG Length = 0;
    BOOLEAN Wild = FALSE;
    const CHAR *Text = *Arguments;
    for (; *Text != 0 && *Text != ' '; Text++) {
        if (Length == POOL_PATTERN_SIZE - 1) {
            return FALSE;
        }
        Pattern[Length++] = *Text;
        Wild |= *Text == '*';
    }
    while (*Text == ' ') {
        Text++;
    }
    if (Length == 0 || (Length > sizeof(ULONG) && !Wild)) {
        return FALSE;
    }
    while (Length < sizeof(ULONG) && !Wild) {
        Pattern[Length++] = ' ';
    }
    Pattern[Length] = 0;
    *Arguments = Text;
    return TRUE;
}

/* ---- !poolfind ------------------------------------------------------------------------------- */

static VOID ExpFindInBigTable(const CHAR *Pattern, BOOLEAN Paged)
{
    POOL_BIG_BLOCK Big;
    PVOID Begin, End;
    ExpQueryBigSlots(&Begin, &End);
    DbgPrint("Scanning large pool allocation table for Tag: %s (%p : %p)\n", Pattern, Begin, End);
    for (SIZE_T Slot = 0; ExpReadBigSlot(Slot, &Big) && !HalpConsoleInterrupted(); Slot++) {
        CHAR Text[POOL_TAG_TEXT];
        ExpFormatTag(Big.Key, Text);
        if (!(Big.Va & POOL_BIG_FREE) && (Big.Kind == PoolKindPaged) == Paged &&
            RtlpMatchGlob(Pattern, Text)) {
            ExpPrintBig(&Big);
        }
    }
}

/* Pages that are no blocks' have no headers that agree, so they show nothing. */
static VOID ExpFindInPage(PVOID Page, const CHAR *Pattern)
{
    POOL_BIG_BLOCK Big;
    POOL_PAGE_WALK Walk;
    PPOOL_HEADER Header;
    if (ExpFindBlockAround(Page) == NULL || ExpFindBigBlockAround(Page, &Big) ||
        !ExpBeginWalk(&Walk, Page)) {
        return;
    }
    while ((Header = ExpNextBlock(&Walk)) != NULL) {
        CHAR Text[POOL_TAG_TEXT];
        ExpFormatTag(Header->PoolTag, Text);
        if ((Header->PoolType & POOL_BLOCK_IN_USE) != 0 && RtlpMatchGlob(Pattern, Text)) {
            ExpPrintBlock(Header, FALSE);
        }
    }
}

static VOID ExpFindInPool(const CHAR *Pattern, POOL_KIND Kind)
{
    static const CHAR *const Names[] = {"NonPaged pool", "NonPaged pool (executable)",
                                        "Paged pool"};
    ULONG_PTR Page, Last;
    ExpQueryRange(Kind, &Page, &Last);
    DbgPrint("Searching %s (%p : %p) for Tag: %s\n", Names[Kind], (PVOID)Page, (PVOID)Last,
             Pattern);
    for (; Page != 0 && Page <= Last; Page += PAGE_SIZE) {
        if (HalpConsoleInterrupted()) {
            DbgPrint("...terminating - searched pool to %p\n", (PVOID)Page);
            return;
        }
        ExpFindInPage((PVOID)Page, Pattern);
    }
}

static VOID PoolFindCommand(const CHAR *Arguments)
{
    ULONG64 Which = 0;
    CHAR Pattern[POOL_PATTERN_SIZE];
    if (!ExpReadPattern(&Arguments, Pattern) ||
        (*Arguments != 0 && !RtlpParseNumber(&Arguments, 16, &Which)) || *Arguments != 0) {
        DbgPrint("usage: !poolfind TAG [0 nonpaged | 1 paged | 2 special]\n");
        return;
    }
    if (Which == 2) {
        ExpFindInSpecialPool(Pattern);
        return;
    }
    if (Which > 2) {
        DbgPrint("there is no session pool\n");
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
MONITOR_COMMAND("!poolfind", "!poolfind TAG [0|1|2]",
                "blocks with a tag (0 nonpaged, 1 paged, 2 special)", PoolFindCommand);
