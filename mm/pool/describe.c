/*
 * describe.c - says which block of pool an address is in, for bug checks and the monitor.
 *
 * A describer runs on a broken machine: inspect.c's rules hold here. The longest phrase still fits
 * the 96 characters that a bug check has for one.
 */
#include "mm/pool/pool.h"
#include "kernel/rtl/section.h"

static VOID ExpDescribeBig(const POOL_BIG_BLOCK *Big, PVOID Address, PCHAR Buffer, SIZE_T Size)
{
    CHAR Tag[POOL_TAG_TEXT];
    ExpFormatTag(Big->Key, Tag);
    _snprintf(Buffer, Size, "%s: big block %p+0x%I64x, 0x%I64x bytes, tag %s",
              ExpKindName(Big->Kind), (PVOID)Big->Va, (ULONG64)((ULONG_PTR)Address - Big->Va),
              (ULONG64)(Big->Pages << PAGE_SHIFT), Tag);
}

static VOID ExpDescribeSmall(PPOOL_HEADER Header, POOL_KIND Kind, PVOID Address, PCHAR Buffer,
                             SIZE_T Size)
{
    CHAR Tag[POOL_TAG_TEXT];
    ExpFormatTag(Header->PoolTag, Tag);
    _snprintf(Buffer, Size, "%s: block %p+0x%I64x, 0x%I64x bytes, tag %s, %s", ExpKindName(Kind),
              Header, (ULONG64)((ULONG_PTR)Address - (ULONG_PTR)Header),
              (ULONG64)(Header->BlockSize * POOL_GRANULE), Tag,
              Header->PoolType & POOL_BLOCK_IN_USE ? "allocated" : "free");
}

static BOOLEAN ExpDescribeAddress(PVOID Address, PCHAR Buffer, SIZE_T Size)
{
    POOL_BIG_BLOCK Big;
    POOL_KIND Kind = ExpKindOfAddress(Address);
    if (Kind == PoolKindNone || Size == 0) {
        return FALSE;
    }
    PPOOL_HEADER Header;
    if (ExpFindBigBlockAround(Address, &Big)) {
        ExpDescribeBig(&Big, Address, Buffer, Size);
    } else if ((Header = ExpFindBlockAround(Address)) != NULL) {
        ExpDescribeSmall(Header, Kind, Address, Buffer, Size);
    } else {
        _snprintf(Buffer, Size, "%s, %s", ExpKindName(Kind),
                  ExpIsReadable(Address) ? "a page whose headers do not agree" : "not mapped");
    }
    Buffer[Size - 1] = 0;
    return TRUE;
}
BUGCHECK_DESCRIBER(ExpDescribeAddress);
