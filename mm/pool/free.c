/*
 * free.c - ExFreePool, ExFreePoolWithTag, ExQueryPoolBlockSize: for drivers and the kernel.
 *
 * A pointer is judged from the outside in: its address says which pool and so which IRQL is legal;
 * its alignment says small or big; then the header and both neighbours, or the entry of the table,
 * must agree that a block begins there (POOL-2 to POOL-4, POOL-10). What does not is reported by
 * report.c and never freed. The checks are made under the same lock as the change they allow, so of
 * two frees that race one is the second.
 */
#include "mm/pool/pool.h"
#include "kernel/rtl/section.h"
#include "mm/pool/verify.h"

#define BAD_FREE_IRQL 0x09
#define WRONG_TAG     0x0A

/*
 * Any tag frees an unprotected block. A protected one wants its own, so that ExFreePool, which has
 * none to show, can't free it.
 */
VOID ExpCheckTag(PVOID P, ULONG BlockTag, ULONG Tag)
{
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

/* In checked mode a page that the pool does not hold is found before its header would be read. */
static inline VOID ExpCheckPage(PVOID P)
{
    if (KiCheckedMode && ExpQueryPages(PAGE_ALIGN(P)) == 0) {
        ExpReportBadPointer(P);
    }
}

static VOID ExpFreeSmall(PPOOL_DESCRIPTOR Pool, PVOID P, ULONG Tag)
{
    ExpCheckPage(P);
    PPOOL_HEADER Header = ExpHeaderOf(P);
    ULONG64 State = ExpLockPool(Pool);
    ExpCheckBlockInUse(Pool, Header);
    ULONG BlockTag = Header->PoolTag;
    SIZE_T Bytes = Header->BlockSize * POOL_GRANULE;
    ExpCheckTag(P, BlockTag, Tag);
    PVOID Page = ExpPutBlock(Pool, Header);
    ExpUnlockPool(Pool, State);
    ExpCountFree(BlockTag, Pool->Kind, Bytes);
    if (Page != NULL) {
        ExpFreePages(Page);
    }
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

static VOID ExpFreeBig(PPOOL_DESCRIPTOR Pool, PVOID Base, ULONG Tag)
{
    POOL_BIG_BLOCK Block;
    if (!ExpUntrackBigBlock(Base, Tag, &Block)) {
        Block.Pages = ExpQueryUntracked(Base);
        Block.Key = POOL_TAG_BIG;
        ExpCountUntracked(-1);
    }
    ExpCountFree(Block.Key, Pool->Kind, Block.Pages << PAGE_SHIFT);
    ExpFreePages(Base);
}

VOID NTAPI ExFreePoolWithTag(PVOID P, ULONG Tag)
{
    if (ExpFreeIfSpecial(P, Tag, __builtin_return_address(0))) {
        return;
    }
    PPOOL_DESCRIPTOR Pool = &ExpPools[ExpCheckPointer(P)];
    if (BYTE_OFFSET(P) == 0) {
        ExpFreeBig(Pool, P, Tag);
    } else {
        ExpFreeSmall(Pool, P, Tag);
    }
}
EXPORT(ExFreePoolWithTag);

VOID NTAPI ExFreePool(PVOID P)
{
    ExFreePoolWithTag(P, 0);
}
EXPORT(ExFreePool);

SIZE_T NTAPI ExQueryPoolBlockSize(PVOID PoolBlock, PBOOLEAN QuotaCharged)
{
    SIZE_T Bytes;
    *QuotaCharged = FALSE; /* no routine charges quota yet */
    if (ExpQueryIfSpecial(PoolBlock, &Bytes)) {
        return Bytes;
    }
    PPOOL_DESCRIPTOR Pool = &ExpPools[ExpCheckPointer(PoolBlock)];
    if (BYTE_OFFSET(PoolBlock) == 0) {
        POOL_BIG_BLOCK Block;
        SIZE_T Pages =
            ExpFindBigBlock(PoolBlock, &Block) ? Block.Pages : ExpQueryUntracked(PoolBlock);
        return Pages << PAGE_SHIFT;
    }
    ExpCheckPage(PoolBlock);
    PPOOL_HEADER Header = ExpHeaderOf(PoolBlock);
    ULONG64 State = ExpLockPool(Pool);
    ExpCheckBlockInUse(Pool, Header);
    Bytes = (Header->BlockSize - 1) * POOL_GRANULE;
    ExpUnlockPool(Pool, State);
    return Bytes;
}
EXPORT(ExQueryPoolBlockSize);
