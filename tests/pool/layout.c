/*
 * layout.c - blocks in their pages: headers, neighbours, what a free merges and gives back.
 *
 * The tests fill a page of their own with four blocks of a quarter each, so that they know every
 * neighbour.
 */
#include "tests/pool/pool_cases.h"

#define QUARTER_GRANULES 64
#define HALF_GRANULES    128
#define THREE_GRANULES   192

TEST(LayoutHeader, "pool/layout/header-fields",
     "CON-12 The header has PreviousSize, PoolIndex, BlockSize, PoolType, PoolTag at their "
     "offsets.")
{
    PVOID Blocks[4];
    REQUIRE(PoolTakeQuarters(&PoolCases[PoolKindPaged], Blocks));
    PUCHAR Header = (PUCHAR)Blocks[1] - 16;
    CHECK_EQ(Header[0], QUARTER_GRANULES);
    CHECK_EQ(Header[1], PoolKindPaged);
    CHECK_EQ(Header[2], QUARTER_GRANULES);
    CHECK_EQ(Header[3] & 1, 1); /* paged */
    CHECK_EQ(Header[3] & 2, 2); /* in use */
    CHECK_EQ(Header[4], 'T');
    CHECK_EQ(Header[7], 't');
    CHECK_EQ(((PUCHAR)Blocks[0] - 16)[0], 0); /* nobody in front */
    for (ULONG i = 0; i < 4; i++) {
        PoolFreeIfAny(Blocks[i]);
    }
    PoolFreePlugs();
}

/* ---- merging --------------------------------------------------------------------------------- */

/* The block at Granule of a page is free and has this size. */
static BOOLEAN IsFreeBlock(PVOID Page, ULONG Granule, ULONG Size)
{
    PPOOL_HEADER Header = (PPOOL_HEADER)PAGE_ALIGN(Page) + Granule;
    PPOOL_HEADER Next = Header + Size;
    return CHECK_EQ(Header->PoolType, 0) && CHECK_EQ(Header->BlockSize, Size) &&
           (Granule + Size == POOL_PAGE_GRANULES || CHECK_EQ(Next->PreviousSize, Size));
}

/*
 * Frees First and then Second of four quarters; a free block of Size granules must begin where the
 * lower one did. Frees the rest too and compares the whole pool.
 */
static BOOLEAN Merges(const POOL_CASE *Case, ULONG First, ULONG Second, ULONG Size)
{
    PVOID Blocks[4];
    BOOLEAN Holds = CHECK(PoolTakeQuarters(Case, Blocks));
    if (Holds) {
        PoolFreeIfAny(Blocks[First]);
        PoolFreeIfAny(Blocks[Second]);
        ULONG Lower = First < Second ? First : Second;
        Holds = IsFreeBlock(Blocks[0], Lower * QUARTER_GRANULES, Size);
        PoolCheck(Case->Kind);
        for (ULONG i = 0; i < 4; i++) {
            if (i != First && i != Second) {
                PoolFreeIfAny(Blocks[i]);
            }
        }
    }
    PoolFreePlugs();
    PoolCheck(Case->Kind);
    return Holds;
}

static BOOLEAN MergesWithTheNext(const POOL_CASE *Case)
{
    return Merges(Case, 2, 1, HALF_GRANULES);
}

TEST(LayoutMergeNext, "pool/layout/merges-with-the-block-behind",
     "CON-13 A freed block coalesces with both neighbours.")
{
    PoolForEachUncached(MergesWithTheNext);
}

static BOOLEAN MergesWithThePrevious(const POOL_CASE *Case)
{
    return Merges(Case, 1, 2, HALF_GRANULES);
}

TEST(LayoutMergePrevious, "pool/layout/merges-with-the-block-in-front",
     "CON-13 A freed block coalesces with both neighbours.")
{
    PoolForEachUncached(MergesWithThePrevious);
}

static BOOLEAN MergesWithBoth(const POOL_CASE *Case)
{
    PVOID Blocks[4];
    BOOLEAN Holds = CHECK(PoolTakeQuarters(Case, Blocks));
    if (Holds) {
        PoolFreeIfAny(Blocks[1]);
        PoolFreeIfAny(Blocks[3]);
        Holds &= IsFreeBlock(Blocks[0], QUARTER_GRANULES, QUARTER_GRANULES);
        PoolFreeIfAny(Blocks[2]);
        Holds &= IsFreeBlock(Blocks[0], QUARTER_GRANULES, THREE_GRANULES);
        PoolCheck(Case->Kind);
        PoolFreeIfAny(Blocks[0]);
    }
    PoolFreePlugs();
    return Holds;
}

TEST(LayoutMergeBoth, "pool/layout/merges-with-both-at-once",
     "CON-13 A freed block coalesces with both neighbours.")
{
    PoolForEachUncached(MergesWithBoth);
}

/* A block that no list can hold, one granule, is taken up by its neighbours all the same. */
static BOOLEAN TakesUpASliver(const POOL_CASE *Case)
{
    PVOID Page = NULL;
    PVOID Block = PoolTakeAlone(Case, 0xFE0);
    BOOLEAN Holds = CHECK(Block != NULL);
    if (Holds) {
        Page = PAGE_ALIGN(Block);
        PPOOL_HEADER Sliver = (PPOOL_HEADER)Page + 255;
        Holds &= CHECK_EQ(Sliver->BlockSize, 1) && CHECK_EQ(Sliver->PoolType, 0);
        PoolCheck(Case->Kind);
        PoolFreeIfAny(Block);
        Holds &= CHECK_EQ(ExpQueryPages(Page), 0);
    }
    PoolFreePlugs();
    PoolCheck(Case->Kind);
    return Holds;
}

TEST(LayoutSliver, "pool/layout/a-sliver-is-on-no-list-and-merges",
     "POOL-5 A free block of 2..255 granules is on the list of its size exactly once; one of 1 "
     "granule is on none.")
{
    PoolForEachUncached(TakesUpASliver);
}

/* ---- whole pages go back --------------------------------------------------------------------- */

/* In any order of four frees the last one gives the page back, and no earlier one. */
static BOOLEAN GivesPageBack(const POOL_CASE *Case)
{
    static const UCHAR Orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {0, 2, 1, 3},
                                      {1, 3, 0, 2}, {2, 0, 3, 1}, {3, 0, 2, 1}};
    BOOLEAN Holds = TRUE;
    for (ULONG Order = 0; Order < ARRAYSIZE(Orders); Order++) {
        PVOID Blocks[4];
        if (!CHECK(PoolTakeQuarters(Case, Blocks))) {
            return FALSE;
        }
        SIZE_T Pages = ExpPools[Case->Kind].TotalPages;
        for (ULONG i = 0; i < 4; i++) {
            Holds &= CHECK_EQ(ExpQueryPages(PAGE_ALIGN(Blocks[0])), 1);
            PoolFreeIfAny(Blocks[Orders[Order][i]]);
        }
        Holds &= CHECK_EQ(ExpQueryPages(PAGE_ALIGN(Blocks[0])), 0);
        Holds &= CHECK(!MmIsAddressValid(Blocks[0]));
        Holds &= CHECK_EQ(ExpPools[Case->Kind].TotalPages, Pages - 1);
        PoolFreePlugs();
    }
    PoolCheck(Case->Kind);
    return Holds;
}

TEST(LayoutPageBack, "pool/layout/an-empty-page-is-given-back",
     "CON-14 A page that has become one free block is given back.")
{
    PoolForEachUncached(GivesPageBack);
}

/* ---- splitting ------------------------------------------------------------------------------- */

static BOOLEAN SplitsFromBothEnds(const POOL_CASE *Case)
{
    PVOID First = PoolTakeAlone(Case, 112);
    PVOID Second = First == NULL ? NULL : PoolTakeBeside(Case, 48, First);
    BOOLEAN Holds = CHECK(Second != NULL);
    Holds &= CHECK_EQ(BYTE_OFFSET(First), 16);              /* a new page: from the front */
    Holds &= CHECK_EQ(BYTE_OFFSET(Second), PAGE_SIZE - 48); /* the rest of it: from the tail */
    PoolFreeIfAny(First);
    PoolFreeIfAny(Second);
    PoolFreePlugs();
    return Holds;
}

TEST(LayoutSplit, "pool/layout/splits-from-front-then-from-the-tail",
     "contract 3.1: a free block at the start of a page is split from the front, otherwise from "
     "the tail")
{
    PoolForEachUncached(SplitsFromBothEnds);
}

/* The last block freed is the first given out again: it is the one that is warm. */
static BOOLEAN ReusesTheLastFreed(const POOL_CASE *Case)
{
    PVOID Blocks[4];
    BOOLEAN Holds = CHECK(PoolTakeQuarters(Case, Blocks));
    if (Holds) {
        PoolFreeIfAny(Blocks[0]);
        PoolFreeIfAny(Blocks[2]);
        PVOID Freed[] = {Blocks[2], Blocks[0]};
        Blocks[2] = ExAllocatePoolWithTag(Case->Type, POOL_QUARTER, TEST_TAG);
        Blocks[0] = ExAllocatePoolWithTag(Case->Type, POOL_QUARTER, TEST_TAG);
        Holds &= CHECK_EQ(Blocks[2], Freed[0]) && CHECK_EQ(Blocks[0], Freed[1]);
        for (ULONG i = 0; i < 4; i++) {
            PoolFreeIfAny(Blocks[i]);
        }
    }
    PoolFreePlugs();
    return Holds;
}

TEST(LayoutReuse, "pool/layout/the-last-freed-block-is-reused-first",
     "POOL-6 Links agree in both directions, and NonEmpty has the bit of exactly the lists in use.")
{
    PoolForEachUncached(ReusesTheLastFreed);
}

/* ---- cache lines ----------------------------------------------------------------------------- */

static BOOLEAN AlignsToCacheLines(const POOL_CASE *Case)
{
    PVOID Blocks[32];
    BOOLEAN Holds = TRUE;
    for (ULONG i = 0; i < ARRAYSIZE(Blocks); i++) {
        SIZE_T Bytes = 1 + i * 129;
        Blocks[i] = i % 2 != 0
                        ? ExAllocatePool2(Case->Flag | POOL_FLAG_CACHE_ALIGNED, Bytes, TEST_TAG)
                        : ExAllocatePoolWithTag((POOL_TYPE)(Case->Type | 4), Bytes, TEST_TAG);
        Holds &= CHECK(Blocks[i] != NULL) && CHECK_EQ((ULONG_PTR)Blocks[i] % 64, 0);
        Holds &= CHECK(Bytes > PAGE_SIZE || BYTE_OFFSET(Blocks[i]) + Bytes <= PAGE_SIZE);
    }
    PoolCheck(Case->Kind);
    for (ULONG i = 0; i < ARRAYSIZE(Blocks); i++) {
        PoolFreeIfAny(Blocks[i]);
    }
    PoolCheck(Case->Kind);
    return Holds;
}

TEST(LayoutCacheLine, "pool/layout/cache-aligned-types-start-on-a-line",
     "POOL-8 The caller's address is 16 bytes behind the header, so a multiple of 16, never of a "
     "page; a cache-aligned one is a multiple of 64.")
{
    PoolForEachUncached(AlignsToCacheLines);
}

/* ---- what a block can hold ------------------------------------------------------------------- */

static BOOLEAN TellsBlockSizes(const POOL_CASE *Case)
{
    static const struct {
        SIZE_T Bytes, Room;
    } Sizes[] = {{0, 16},
                 {1, 16},
                 {16, 16},
                 {17, 32},
                 {0xFE0, 0xFE0},
                 {0xFE1, PAGE_SIZE},
                 {PAGE_SIZE, PAGE_SIZE},
                 {PAGE_SIZE + 1, 2 * PAGE_SIZE}};
    BOOLEAN Holds = TRUE;
    for (ULONG i = 0; i < ARRAYSIZE(Sizes); i++) {
        BOOLEAN Quota = TRUE;
        PVOID Block = ExAllocatePoolWithTag(Case->Type, Sizes[i].Bytes, TEST_TAG);
        Holds &=
            CHECK(Block != NULL) && CHECK_EQ(ExQueryPoolBlockSize(Block, &Quota), Sizes[i].Room);
        Holds &= CHECK_EQ(Quota, FALSE);
        PoolFreeIfAny(Block);
    }
    return Holds;
}

TEST(LayoutQuery, "pool/layout/query-tells-the-rounded-size",
     "contract 2.1: ExQueryPoolBlockSize, PAGE_SIZE + 1 is 2 pages")
{
    PoolForEachUncached(TellsBlockSizes);
}
