/*
 * special.c - special pool: blocks that have a page for themselves, so that what runs over their
 * ends or comes too late faults at once. For allocate.c and free.c; contract 5.1.
 *
 * mm/special.c has the pages, the guards between them and the records; here are the blocks. A block
 * lies at the end of its page (overrun, the default) or at its start (underrun), as the request's
 * priority says or else the verifier's words. The rest of the page is filled with a byte of the
 * block's own, never the same twice in a row, and looked at when the block is freed.
 *
 *   SPOOL-1  A free is judged by its address and the record alone until the block is known to be
 *            live; no header lies in front of it.
 *   SPOOL-2  A request that special pool can't serve is served by the ordinary pool and counted.
 *   SPOOL-3  A block counts under its tag as one page.
 *   SPOOL-4  Paged blocks are resident too, but the IRQL rules are those of paged pool, with codes
 *            of their own: 0xC1/0x30 and 0x31.
 *   SPOOL-5  What the caller did not ask for has the pattern, its own bytes too, unless they are
 *            to be zero.
 */
#include "kernel/rtl/rtl.h"
#include "mm/pool/verify.h"

/* Subcodes of bug check 0xC1, its fourth parameter. */
#define NOT_ALLOCATED      0x20
#define BAD_ADDRESS        0x21 /* of a block at the end of its page */
#define BAD_UNDERRUN       0x22 /* of one at the start */
#define DAMAGED_IN_PAGE    0x23
#define DAMAGED_BEHIND     0x24
#define BAD_FREE_IRQL      0x31
#define DAMAGED_SINGLE_BIT 0x32

/* The pattern's high bit is set: it is no letter, no zero, and never 0xFF. */
#define FIRST_PATTERN 0x80
#define PATTERNS      0x7F

/* The pools' kinds are in the order of mm's regions. */
_Static_assert((int)MiRegionNonPagedPool == (int)PoolKindNonPagedNx, "one order");
_Static_assert((int)MiRegionExecutablePool == (int)PoolKindNonPagedExecute, "one order");
_Static_assert((int)MiRegionPagedPool == (int)PoolKindPaged, "one order");

/* ---- who gets it ----------------------------------------------------------------------------- */

/* The size of the block that the ordinary pool would give, header included. */
static SIZE_T ExpOrdinarySize(SIZE_T Bytes)
{
    SIZE_T Room = Bytes + (Bytes == 0);
    return ((Room + POOL_GRANULE - 1) & ~(POOL_GRANULE - 1)) + sizeof(POOL_HEADER);
}

BOOLEAN ExpWantsSpecial(const POOL_REQUEST *Request)
{
    CHAR Tag[POOL_TAG_TEXT];
    if (Request->Special) {
        return TRUE;
    }
    if (!(ExpVerifier.Level & VERIFY_SPECIAL_POOL)) {
        return FALSE;
    }
    if (ExpVerifier.SpecialSize != 0) {
        return ExpOrdinarySize(Request->Bytes) == ExpVerifier.SpecialSize;
    }
    ExpFormatTag(Request->Tag, Tag);
    return RtlpMatchGlob(ExpVerifier.SpecialTags, Tag);
}

/* ---- allocate -------------------------------------------------------------------------------- */

static UCHAR ExpNextPattern(VOID)
{
    static ULONG Blocks;
    return (UCHAR)(FIRST_PATTERN + __atomic_fetch_add(&Blocks, 1, __ATOMIC_RELAXED) % PATTERNS);
}

static PVOID ExpMakeSpecial(PMI_SPECIAL_RECORD Record, const POOL_REQUEST *Request)
{
    PUCHAR Page = Record->Block;
    ULONG Bytes = (ULONG)Request->Bytes;
    Record->Bytes = (USHORT)Bytes;
    Record->Tag = Request->Tag;
    Record->Caller = Request->Caller;
    Record->FreedBy = NULL;
    Record->Pattern = ExpNextPattern();
    Record->Underrun = Request->Edge == PoolEdgeUnderrun ||
                       (Request->Edge == PoolEdgeDefault && ExpVerifier.Underrun);
    Record->Block = Page + ExpPlaceSpecial(Bytes, Request->CacheAligned, Record->Underrun);
    RtlFillMemory(Page, PAGE_SIZE, Record->Pattern);
    if (Request->Zero) {
        RtlZeroMemory(Record->Block, Bytes);
    }
    MiChangeSpecial(Record, MiSpecialBusy, MiSpecialLive);
    return Record->Block;
}

PVOID ExpAllocateSpecial(const POOL_REQUEST *Request)
{
    if (!ExpWantsSpecial(Request) || !ExpLeavesEnough(Request)) {
        return NULL;
    }
    if (Request->Bytes > SPECIAL_LIMIT) {
        ExpCountVerified(&ExpVerifierCounts.NotTracked);
        return NULL;
    }
    PMI_SPECIAL_RECORD Record = MiAllocateSpecialPage(
        (MI_REGION_ID)Request->Kind, Request->HasNode ? Request->Node : POOL_ANY_NODE);
    if (Record == NULL) {
        ExpCountVerified(&ExpVerifierCounts.SpecialFailed);
        return NULL;
    }
    ExpCountVerified(&ExpVerifierCounts.SucceededSpecial);
    ExpCountAllocation(ExpSlotOf(Request->Tag), Request->Kind, POOL_PAGE_GRANULES);
    return ExpMakeSpecial(Record, Request);
}

/* ---- free ------------------------------------------------------------------------------------ */

static DECLSPEC_NORETURN VOID ExpStopSpecial(PVOID P1, ULONG_PTR P2, ULONG_PTR P3,
                                             ULONG_PTR Subcode)
{
    KeBugCheckEx(SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION, (ULONG_PTR)P1, P2, P3, Subcode);
}

/* The record of the block at P, after all that can be wrong with the pointer (SPOOL-1). */
static PMI_SPECIAL_RECORD ExpFindSpecialBlock(PVOID P)
{
    MI_SPECIAL_PLACE Place;
    if (!MiFindSpecial(P, &Place) || Place.Guard) {
        ExpStopSpecial(P, 0, 0, NOT_ALLOCATED);
    }
    PMI_SPECIAL_RECORD Record = Place.Record;
    KIRQL Irql = ExpReadIrql();
    if (Irql > (Place.Pool == MiRegionPagedPool ? APC_LEVEL : DISPATCH_LEVEL)) {
        KeBugCheckEx(SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION, Irql,
                     (ULONG_PTR)ExpPools[Place.Pool].PoolType, (ULONG_PTR)P, BAD_FREE_IRQL);
    }
    if (Record->State != MiSpecialLive) {
        ExpStopIfVerified(VERIFIER_FREED_ALREADY, 0, (ULONG_PTR)Record, *(PULONG64)Record);
        ExpStopSpecial(P, 0, 0, NOT_ALLOCATED);
    }
    if (Record->Block != P) {
        ExpStopSpecial(P, Record->Bytes, PAGE_SIZE - BYTE_OFFSET(P),
                       Record->Underrun ? BAD_UNDERRUN : BAD_ADDRESS);
    }
    return Record;
}

static VOID ExpCheckPattern(PMI_SPECIAL_RECORD Record)
{
    POOL_DAMAGE Damage;
    if (ExpFindDamage(Record->Block, Record->Bytes, Record->Pattern, &Damage)) {
        ExpStopSpecial(Record->Block, (ULONG_PTR)Damage.Address, 0,
                       Damage.SingleBit ? DAMAGED_SINGLE_BIT
                       : Damage.Behind  ? DAMAGED_BEHIND
                                        : DAMAGED_IN_PAGE);
    }
}

VOID ExpFreeSpecial(PVOID P, ULONG Tag, PVOID Caller)
{
    PMI_SPECIAL_RECORD Record = ExpFindSpecialBlock(P);
    POOL_KIND Kind = (POOL_KIND)(((ULONG_PTR)P - MI_SPECIAL_POOL) / MI_SPECIAL_PART);
    ExpCheckTag(P, Record->Tag, Tag);
    ExpCheckPattern(Record);
    if (!MiChangeSpecial(Record, MiSpecialLive, MiSpecialBusy)) {
        ExpStopSpecial(P, 0, 0, NOT_ALLOCATED); /* a free on another processor was faster */
    }
    Record->FreedBy = Caller;
    ExpCountFree(ExpSlotOf(Record->Tag), Kind, POOL_PAGE_GRANULES);
    MiFreeSpecialPage(Record);
}

SIZE_T ExpQuerySpecial(PVOID P)
{
    return ExpFindSpecialBlock(P)->Bytes;
}
