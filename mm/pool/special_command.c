/*
 * special_command.c - what `!pool` and `!poolfind` show of special pool, for pool_command.c.
 *
 * Rows are like those of other blocks; there is no block in front. Nothing but records is read,
 * unless contents are asked for, so freed blocks are shown as well.
 */
#include "kernel/hal/hal.h"
#include "kernel/rtl/rtl.h"
#include "mm/pool/verify.h"

static VOID ExpPrintSpecialRow(const MI_SPECIAL_RECORD *Record, CHAR Mark)
{
    CHAR Tag[POOL_TAG_TEXT];
    ExpFormatTag(Record->Tag, Tag);
    DbgPrint("%c%p size: %4lx previous size:    0  %s  %c%s%s\n", Mark, Record->Block,
             (ULONG)Record->Bytes, Record->State == MiSpecialLive ? "(Allocated)" : "(Free)     ",
             Mark, Tag, Record->Tag & PROTECTED_POOL ? " (Protected)" : "");
}

static VOID ExpPrintSpecialBytes(const MI_SPECIAL_RECORD *Record)
{
    PULONG64 Words = (PULONG64)Record->Block;
    for (ULONG i = 0; i < Record->Bytes / sizeof(ULONG64) && ExpIsReadable(Record->Block); i += 2) {
        DbgPrint("    %p  %016I64x %016I64x\n", &Words[i], Words[i], Words[i + 1]);
    }
}

VOID ExpPrintSpecialPage(PVOID Address, BOOLEAN Contents)
{
    MI_SPECIAL_PLACE Place;
    DbgPrint("Pool page %p region is Special pool\n", Address);
    if (!MiFindSpecial(Address, &Place)) {
        DbgPrint("no block was there yet\n");
        return;
    }
    if (Place.Guard) {
        DbgPrint("%p is in a page that is never mapped, beside this block:\n", Address);
    }
    ExpPrintSpecialRow(Place.Record, '*');
    if (Contents) {
        ExpPrintSpecialBytes(Place.Record);
    }
}

VOID ExpFindInSpecialPool(const CHAR *Pattern)
{
    for (ULONG Part = 0; Part < MI_SPECIAL_PARTS; Part++) {
        PUCHAR Base = (PUCHAR)(MI_SPECIAL_POOL + Part * MI_SPECIAL_PART);
        ULONG Records = MiSpecialParts[Part].Records;
        PUCHAR End = Base + 2ULL * Records * PAGE_SIZE;
        DbgPrint("Searching Special pool (%p : %p) for Tag: %s\n", Base, End, Pattern);
        for (PUCHAR Page = Base + PAGE_SIZE; Page < End; Page += 2 * PAGE_SIZE) {
            CHAR Tag[POOL_TAG_TEXT];
            MI_SPECIAL_PLACE Place;
            if (HalpConsoleInterrupted()) {
                DbgPrint("...terminating - searched pool to %p\n", Page);
                return;
            }
            if (!MiFindSpecial(Page, &Place) || Place.Record->State != MiSpecialLive) {
                continue;
            }
            ExpFormatTag(Place.Record->Tag, Tag);
            if (RtlpMatchGlob(Pattern, Tag)) {
                ExpPrintSpecialRow(Place.Record, ' ');
            }
        }
    }
}
