/*
 * pool_check.c - compares the pools' own records with the invariants of mm/pool/pool.c, page by
 * page, for the host tests of the pools.
 */
#include "tests/host/pool_check.h"

/* Free blocks of each class that the walk over the pages met. */
static SIZE_T HostFreeBlocks[POOL_CLASSES];

/* POOL-1 to POOL-4 and POOL-7 in one page of small blocks; returns its blocks in use. */
static SIZE_T HostCheckSharedPage(POOL_KIND Kind, PVOID Page)
{
    POOL_PAGE_WALK Walk;
    PPOOL_HEADER Header;
    SIZE_T InUse = 0, Taken = 0;
    BOOLEAN AfterFree = FALSE;
    HOST_CHECK(ExpBeginWalk(&Walk, Page));
    while ((Header = ExpNextBlock(&Walk)) != NULL) {
        BOOLEAN Free = Header->PoolType == 0;
        HOST_CHECK(Header->PoolIndex == Kind);
        HOST_CHECK(!(Free && AfterFree));
        BOOLEAN InUseNow = (Header->PoolType & POOL_BLOCK_IN_USE) != 0;
        HOST_CHECK(Free || InUseNow || Header->PoolType == POOL_BLOCK_CACHED);
        HOST_CHECK(Free || Header->BlockSize >= 2);
        HostFreeBlocks[Header->BlockSize] += Free;
        InUse += InUseNow;
        Taken += !Free;
        AfterFree = Free;
    }
    HOST_CHECK(!Walk.Broken);
    HOST_CHECK(Taken > 0);
    return InUse;
}

/* POOL-5 and POOL-6: the lists have the free blocks of the pages, and links agree both ways. */
static VOID HostCheckLists(PPOOL_DESCRIPTOR Pool)
{
    for (ULONG Class = 0; Class < POOL_CLASSES; Class++) {
        PLIST_ENTRY Head = &Pool->ListHeads[Class];
        SIZE_T Length = 0;
        for (PLIST_ENTRY Links = Head->Flink; Links != Head; Links = Links->Flink) {
            PPOOL_HEADER Header = (PPOOL_HEADER)Links - 1;
            HOST_CHECK(Header->BlockSize == Class && Header->PoolType == 0);
            HOST_CHECK(Links->Flink->Blink == Links && Links->Blink->Flink == Links);
            Length++;
        }
        BOOLEAN Marked = (Pool->NonEmpty[Class / 64] >> (Class % 64)) & 1;
        HOST_CHECK(Marked == (Length != 0));
        HOST_CHECK(Class < 2 ? Length == 0 : Length == HostFreeBlocks[Class]);
        HostFreeBlocks[Class] = 0;
    }
}

SIZE_T HostCheckPool(POOL_KIND Kind)
{
    SIZE_T Used, Size, Untracked, Blocks = 0, Shared = 0, Unknown = 0;
    POOL_BIG_BLOCK Big;
    ExpQueryBigTable(&Used, &Size, &Untracked);
    for (SIZE_T Page = 0; Page < HOST_ARENA_PAGES; Page++) {
        SIZE_T Run = HostRunAt(Kind, Page);
        if (Run == 0) {
            continue;
        }
        PVOID Base = HostPage(Kind, Page);
        if (ExpIsBigCached(Base, Kind)) {
            HOST_CHECK(ExpBigStateOf(Base)->List == Run);
        } else if (ExpFindBigBlock(Base, &Big)) {
            HOST_CHECK(Big.Pages == Run && Big.Kind == Kind);
            Blocks++;
        } else if (Run == 1 && ExpFindBlockAround(Base) != NULL) {
            Blocks += HostCheckSharedPage(Kind, Base);
            Shared++;
        } else {
            Unknown++;
        }
    }
    /* The table's own pages are the only ones of nonpaged pool that are neither. */
    HOST_CHECK(Unknown <= (Kind == PoolKindNonPagedNx && Size > 256) + Untracked);
    HOST_CHECK(ExpPools[Kind].TotalPages == Shared);
    HOST_CHECK(ExpPools[Kind].Lock.Held == 0);
    HostCheckLists(&ExpPools[Kind]);
    return Blocks;
}
