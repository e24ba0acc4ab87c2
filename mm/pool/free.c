/*
 * free.c - ExFreePool, ExFreePoolWithTag, ExQueryPoolBlockSize: for drivers and the kernel.
 *
 * A pointer is judged from the outside in: its address says which pool and so which IRQL is legal;
 * its alignment says small or big; then the header and both neighbours, or the entry of the table,
 * must agree that a block begins there (POOL-2 to POOL-4, POOL-10). What does not is reported by
 * report.c and never freed. The seal of a block (cache.c) is taken by an exchange, so of two frees
 * that race one is the second.
 *
 * That is checked mode; for common blocks cache.S asks the same in front of this. In free mode it
 * asks the seal only, which says that the pointer is a block of this pool in use; its neighbours
 * are compared when it leaves the processor's list.
 */
#include "kernel/rtl/section.h"
#include "mm/pool/cache.h"
#include "mm/pool/request.h"
#include "mm/pool/verify.h"

#define BAD_FREE_IRQL      0x09
#define WRONG_TAG          0x0A
#define BAD_BILLED_PROCESS 0x0B

/*
 * Any tag frees an unprotected block. A protected one wants its own, so that ExFreePool, which has
 * none to show, can't free it.
 */
VOID ExpCheckTag(PVOID P, ULONG BlockTag, ULONG Tag)
{
    ExpVerifyTag(P, BlockTag, Tag);
    if ((BlockTag & PROTECTED_POOL) && Tag != BlockTag) {
        KeBugCheckEx(BAD_POOL_CALLER, WRONG_TAG, (ULONG_PTR)P, BlockTag, Tag);
    }
}

/* The pool of an address, after all that can be said without touching the memory. */
static inline POOL_KIND ExpCheckPointer(PVOID P)
{
    POOL_KIND Kind = ExpKindOfAddress(P);
    if (Kind == PoolKindNone || ((ULONG_PTR)P & (POOL_GRANULE - 1)) != 0) {
        ExpReportBadPointer(P);
    }
    if (KiCheckedMode || Kind == PoolKindPaged) {
        KIRQL Irql = ExpReadIrql();
        if (Irql > (Kind == PoolKindPaged ? APC_LEVEL : DISPATCH_LEVEL)) {
            KeBugCheckEx(BAD_POOL_CALLER, BAD_FREE_IRQL, Irql, ExpPools[Kind].PoolType,
                         (ULONG_PTR)P);
        }
    }
    return Kind;
}

/*
 * A page that the pool does not hold is found before its header would be read; in free mode only if
 * that would fault.
 */
static inline VOID ExpCheckPage(POOL_KIND Kind, PVOID P)
{
    PPOOL_HEADER Header = ExpHeaderOf(P);
    if (ExpIsReadable(PAGE_ALIGN(P)) &&
        (!KiCheckedMode || ExpSlotOfBlock(ExpPoolOfBlock(Kind, Header), Header) !=
                               POOL_SEAL_BROKEN)) { /* which says that the page is the pool's */
        return;
    }
    if (ExpQueryPages(PAGE_ALIGN(P)) == 0) {
        ExpReportBadPointer(P);
    }
}

/* Asks again for good when a look without the lock, or none, left a doubt. */
static VOID ExpCheckUnderLock(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Header)
{
    ULONG64 State = ExpLockPool(Pool);
    ExpCheckBlockInUse(Pool, Header);
    ExpUnlockPool(Pool, State);
}

/* What stands where a seal should is none: the block is not one in use, or was written over. */
static DECLSPEC_NORETURN __attribute__((cold, noinline)) VOID ExpReportBadSeal(
    PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Header)
{
    ExpCheckUnderLock(Pool, Header);
    KeBugCheckEx(BAD_POOL_CALLER, BAD_BILLED_PROCESS, (ULONG_PTR)(Header + 1), Header->PoolTag,
                 Header->Seal);
}

/*
 * Looks at a block that is being freed, and takes its seal: of two frees that race one finds none.
 * Returns the slot of its tag.
 */
static ULONG ExpUnseal(PPOOL_DESCRIPTOR Pool, PVOID P, ULONG Tag)
{
    PPOOL_HEADER Header = ExpHeaderOf(P);
    if (!ExpIsBlockInUse(Pool, Header)) { /* or a neighbour is just changing */
        ExpCheckUnderLock(Pool, Header);
    }
    ULONG Slot = ExpSlotOfBlock(Pool, Header);
    if (Slot == POOL_SEAL_BROKEN) {
        ExpReportBadSeal(Pool, Header);
    }
    ExpCheckTag(P, Header->PoolTag | (Slot & POOL_SEAL_PROTECTED ? PROTECTED_POOL : 0), Tag);
    ULONG64 Seal = __atomic_exchange_n(&Header->Seal, 0, __ATOMIC_RELAXED);
    if (ExpReadSeal(Pool, P, Header->BlockSize, Seal) != Slot) {
        ExpReportBadSeal(Pool, Header);
    }
    return Slot & ~POOL_SEAL_PROTECTED;
}

/* A block without a seal: counts it and gives it away. */
static VOID ExpGiveAway(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Header, ULONG Slot, BOOLEAN Full)
{
    ExpCountFree(Slot, Pool->Kind, Header->BlockSize);
    if (!ExpKeepCached(Pool, Header, Full)) {
        ExpReturnBlock(Pool, Header);
    }
}

static VOID ExpFreeSmall(POOL_KIND Kind, PVOID P, ULONG Tag)
{
    ExpCheckPage(Kind, P);
    PPOOL_DESCRIPTOR Pool = ExpPoolOfBlock(Kind, ExpHeaderOf(P));
    ULONG Slot = ExpUnseal(Pool, P, Tag);
    ExpGiveAway(Pool, ExpHeaderOf(P), Slot, FALSE);
}

VOID NTAPI ExpFreeOverflow(PVOID P, ULONG Slot, POOL_KIND Kind)
{
    PPOOL_HEADER Header = ExpHeaderOf(P);
    PPOOL_DESCRIPTOR Pool = ExpPoolOfBlock(Kind, Header);
    Header->PoolType = Pool->BlockType;
    Header->Seal = 0;
    ExpGiveAway(Pool, Header, Slot, TRUE);
}

/*
 * The pages of a big block that the table has no entry for. The headers of a page that small blocks
 * share agree; those of an untracked block, which has none, don't (POOL-10).
 */
static SIZE_T ExpQueryUntracked(PVOID Base)
{
    SIZE_T Used, Size, Untracked;
    ExpQueryBigTable(&Used, &Size, &Untracked);
    SIZE_T Pages = Untracked != 0 ? ExpQueryPages(Base) : 0;
    if (Pages == 0 || ExpFindBlockAround(Base) != NULL) {
        ExpReportBadPointer(Base);
    }
    return Pages;
}

static VOID ExpFreeBig(POOL_KIND Kind, PVOID Base, ULONG Tag)
{
    POOL_BIG_BLOCK Block;
    if (!ExpUntrackBigBlock(Base, Tag, &Block)) {
        Block.Pages = ExpQueryUntracked(Base);
        Block.Key = POOL_TAG_BIG;
        ExpCountUntracked(-1);
    }
    ExpForgetBig(Base, Kind);
    ExpCountFree(ExpSlotOf(Block.Key), Kind, Block.Pages * POOL_PAGE_GRANULES);
    ExpFreePages(Base);
    ExpReviewSupply(Kind);
}

/* ExFreePool and ExFreePoolWithTag begin in cache.S; what is not ordinary comes here. */
VOID NTAPI ExpFreeWithTag(PVOID P, ULONG Tag)
{
    ExpVerifyFree(P);
    if (ExpFreeIfSpecial(P, Tag, __builtin_return_address(0))) {
        return;
    }
    POOL_KIND Kind = ExpCheckPointer(P);
    if (BYTE_OFFSET(P) == 0) {
        ExpFreeBig(Kind, P, Tag);
    } else {
        ExpFreeSmall(Kind, P, Tag);
    }
}
EXPORT(ExFreePoolWithTag);

EXPORT(ExFreePool);

SIZE_T NTAPI ExQueryPoolBlockSize(PVOID PoolBlock, PBOOLEAN QuotaCharged)
{
    SIZE_T Bytes;
    *QuotaCharged = FALSE; /* no routine charges quota yet */
    if (ExpQueryIfSpecial(PoolBlock, &Bytes)) {
        return Bytes;
    }
    POOL_KIND Kind = ExpCheckPointer(PoolBlock);
    if (BYTE_OFFSET(PoolBlock) == 0) {
        POOL_BIG_BLOCK Block;
        SIZE_T Pages =
            ExpFindBigBlock(PoolBlock, &Block) ? Block.Pages : ExpQueryUntracked(PoolBlock);
        return Pages << PAGE_SHIFT;
    }
    ExpCheckPage(Kind, PoolBlock);
    PPOOL_HEADER Header = ExpHeaderOf(PoolBlock);
    PPOOL_DESCRIPTOR Pool = ExpPoolOfBlock(Kind, Header);
    ExpCheckUnderLock(Pool, Header);
    return (Header->BlockSize - 1) * POOL_GRANULE;
}
EXPORT(ExQueryPoolBlockSize);
