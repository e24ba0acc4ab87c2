/*
 * special_describe.c - says which block of special pool an address is in, beside or too late for,
 * for bug checks and the monitor. mm/special.c's records can be read on a broken machine.
 */
#include "kernel/rtl/section.h"
#include "mm/pool/verify.h"

static const CHAR *ExpSpecialState(const MI_SPECIAL_RECORD *Record)
{
    return Record->State == MiSpecialLive ? "allocated" : "freed";
}

static BOOLEAN ExpDescribeSpecial(PVOID Address, PCHAR Buffer, SIZE_T Size)
{
    CHAR Tag[POOL_TAG_TEXT], Who[64] = "";
    MI_SPECIAL_PLACE Place;
    if (Size == 0 || !ExpIsSpecial(Address)) {
        return FALSE;
    }
    if (!MiFindSpecial(Address, &Place)) {
        _snprintf(Buffer, Size, "special pool, never used");
        Buffer[Size - 1] = '\0';
        return TRUE;
    }
    const MI_SPECIAL_RECORD *Record = Place.Record;
    LONG64 Offset = (LONG64)((ULONG_PTR)Address - (ULONG_PTR)Record->Block);
    PVOID By = Record->State == MiSpecialLive ? Record->Caller : Record->FreedBy;
    ExpFormatTag(Record->Tag, Tag);
    if (!KiSymbolise(By, Who, sizeof(Who))) {
        _snprintf(Who, sizeof(Who) - 1, "%p", By);
    }
    _snprintf(Buffer, Size, "special %s: block %p%c0x%I64x, 0x%x bytes, tag %s, %s by %s",
              ExpKindName((POOL_KIND)Place.Pool), Record->Block, Offset < 0 ? '-' : '+',
              (ULONG64)(Offset < 0 ? -Offset : Offset), Record->Bytes, Tag, ExpSpecialState(Record),
              Who);
    Buffer[Size - 1] = '\0';
    return TRUE;
}
BUGCHECK_DESCRIBER(ExpDescribeSpecial);
