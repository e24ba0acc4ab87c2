/*
 * big_cache.c - whole pages that were freed and stay with their processor: blocks of 1 to 16 pages
 * of no-execute nonpaged pool. For allocate.c, free.c and cache.S; cache.c has the theory of lists.
 *
 * A big block has no header, and nothing may be written into its pages. So each page of nonpaged
 * pool has 16 bytes of its own at MI_BIG_STATES, backed where a big block ever began: the seal or
 * list word, the number of pages, the tag. A block's address shifted by 8 bits, and a constant, is
 * the address of its state. The table (big_pages.c) keeps the entry of a block while a processor
 * has it, and asks here whether it is in use and under which tag; so a block goes in and out of
 * use without the table's lock.
 *
 * Pages that a processor keeps stay mapped: a stale pointer into them reads on. That is free mode;
 * checked mode keeps no pages, so that it faults.
 *
 *   BIG-1  The state of a block in the table has its seal, or the word of the list that it is on;
 *          where no block begins, the state is zero or not backed.
 *   BIG-2  A block without a backed state is on no list and is served by the table alone.
 *   BIG-3  A processor keeps pages of its own node only (NODE-4); a block whose pages are of
 *          several is kept by nobody. The key is one for all nodes.
 */
#include "mm/pool/cache.h"
#include "mm/pool/request.h"

#define FIRST_BIG_DEPTH 8
#define LIST_PAGES      256 /* 1 MiB: what a list may have */

/* ---- states ---------------------------------------------------------------------------------- */

/* The state of the block that begins at Base; NULL where there is none to be had. */
static PPOOL_BIG_STATE ExpFindState(PVOID Base, POOL_KIND Kind)
{
    PPOOL_BIG_STATE State = ExpBigStateOf(Base);
    return Kind == PoolKindNonPagedNx && ExpIsStateBacked(State) ? State : NULL;
}

VOID ExpSealBig(PVOID Base, POOL_KIND Kind, SIZE_T Pages, ULONG Tag, ULONG Slot)
{
    PPOOL_BIG_STATE State = ExpBigStateOf(Base);
    ULONG Node;
    if (Kind != PoolKindNonPagedNx || !ExpBackState(State)) {
        return;
    }
    Slot |= Tag & PROTECTED_POOL ? POOL_SEAL_PROTECTED : 0;
    State->List = 0;
    if (Pages < POOL_BIG_LISTS && ExpQueryNode(Base, Pages, &Node)) {
        State->List = (USHORT)Pages;
        State->Node = (USHORT)ExpIndexOf(Kind, Node);
    }
    State->Tag = Tag;
    State->Seal = ExpMakeSeal(&ExpPools[Kind], Base, 0, Slot);
}

VOID ExpForgetBig(PVOID Base, POOL_KIND Kind)
{
    PPOOL_BIG_STATE State = ExpFindState(Base, Kind);
    if (State != NULL) {
        *State = (POOL_BIG_STATE){.Seal = 0};
    }
}

BOOLEAN ExpIsBigCached(PVOID Base, POOL_KIND Kind)
{
    PPOOL_BIG_STATE State = ExpFindState(Base, Kind);
    return State != NULL && State->List != 0 &&
           ExpReadSeal(&ExpPools[Kind], Base, 0, State->Seal) == POOL_SEAL_BROKEN;
}

ULONG ExpTagOfBig(PVOID Base, POOL_KIND Kind, ULONG Tag)
{
    PPOOL_BIG_STATE State = ExpFindState(Base, Kind);
    return State != NULL && State->List != 0 ? State->Tag : Tag;
}

/* ---- lists ----------------------------------------------------------------------------------- */

VOID ExpSetBigDepths(PPOOL_CACHE Cache, BOOLEAN Use)
{
    for (ULONG i = 1; i < POOL_BIG_LISTS; i++) {
        Cache->BigDepths[i] = Use ? FIRST_BIG_DEPTH : 0;
    }
    Cache->BigBias = (ULONG_PTR)ExpBigStateOf(0);
    Cache->BigKey = ExpPools[PoolKindNonPagedNx].Key;
    Cache->BigSlot = Use ? POOL_SLOT_NONPAGED : 0;
    Cache->BigLimit = Use ? (POOL_BIG_LISTS - 1) * PAGE_SIZE : 0;
}

PVOID ExpTakeBigCached(POOL_KIND Kind, SIZE_T Pages)
{
    return Kind == PoolKindNonPagedNx && Pages < POOL_BIG_LISTS ? ExpPopBig(Pages) : NULL;
}

PVOID NTAPI ExpFinishBig(PVOID Base, ULONG Tag)
{
    PPOOL_BIG_STATE State = ExpBigStateOf(Base);
    if ((Tag & ~PROTECTED_POOL) == 0 || (Tag & ~PROTECTED_POOL) == POOL_TAG_BIG) {
        if (!ExpPushBig(Base, State->List)) {
            State->Seal = 0; /* a chain of one */
            ExpReturnBigChain((ULONG_PTR)Base << POOL_WORD_SHIFT);
        }
        return NULL;
    }
    ULONG Slot = ExpSlotOf(Tag);
    ExpCountAllocation(Slot, PoolKindNonPagedNx, State->List * POOL_PAGE_GRANULES);
    ExpSealBig(Base, PoolKindNonPagedNx, State->List, Tag, Slot);
    return Base;
}

/*
 * Doubles the length of a block's list up to its share. FALSE when it has that, and on another
 * node's processor.
 */
static BOOLEAN ExpGrowBigList(PPOOL_BIG_STATE State)
{
    PPOOL_CACHE Cache = ExpOwnCache();
    ULONG List = State->List;
    PUSHORT Depth = &Cache->BigDepths[List];
    ULONG Now = *Depth, Largest = List == 0 ? 0 : LIST_PAGES / List;
    if (Now == 0 || Now >= Largest || State->Node != Cache->NodeBits) {
        return FALSE;
    }
    *Depth = (USHORT)(Now * 2 < Largest ? Now * 2 : Largest);
    return TRUE;
}

VOID NTAPI ExpFreeBigOverflow(PVOID Base, ULONG Slot)
{
    ULONG List = ExpBigStateOf(Base)->List;
    POOL_BIG_BLOCK Block = {.Pages = List};
    if (List != 0) {
        ExpCountFree(Slot, PoolKindNonPagedNx, List * POOL_PAGE_GRANULES);
        do {
            if (ExpPushBig(Base, List)) {
                return;
            }
        } while (ExpGrowBigList(ExpBigStateOf(Base)));
    }
    ExpForgetBig(Base, PoolKindNonPagedNx);
    ExpUntrackBigBlock(Base, 0, &Block);
    if (List == 0) {
        ExpCountFree(Slot, PoolKindNonPagedNx, Block.Pages * POOL_PAGE_GRANULES);
    }
    ExpFreePages(Base);
    ExpReviewSupply(PoolKindNonPagedNx);
}

VOID ExpReturnBigChain(ULONG64 Chain)
{
    POOL_BIG_BLOCK Block;
    while (Chain != 0) {
        PVOID Base = (PVOID)((LONG64)Chain >> POOL_WORD_SHIFT);
        Chain = ExpBigStateOf(Base)->Seal;
        ExpForgetBig(Base, PoolKindNonPagedNx);
        ExpUntrackBigBlock(Base, 0, &Block);
        ExpFreePages(Base);
    }
    ExpReviewSupply(PoolKindNonPagedNx);
}
