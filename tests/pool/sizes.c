/*
 * sizes.c - where blocks of every size lie: alignment, page boundaries, shared pages and whole
 * ones.
 *
 * Sizes from 0 to three pages, densely where a rule changes. Blocks of a window stay alive, so that
 * each request meets a pool with holes. The slow twins leave no size out.
 */
#include "tests/pool/pool_cases.h"

#define WINDOW 24

/* A block of Bytes at Address breaks no rule. */
typedef BOOLEAN PLACE_RULE(ULONG_PTR Address, SIZE_T Bytes);

static SIZE_T NextSize(SIZE_T Bytes, BOOLEAN All)
{
    SIZE_T Distance = Bytes % PAGE_SIZE;
    BOOLEAN NearPage = Distance < 40 || Distance > PAGE_SIZE - 80;
    return Bytes + (All || Bytes < 300 || NearPage ? 1 : 13);
}

/* Holds a window of blocks of growing sizes against Rule. */
static VOID Sweep(POOL_TYPE Type, PLACE_RULE *Rule, BOOLEAN All)
{
    PVOID Window[WINDOW] = {NULL};
    ULONG Slot = 0;
    for (SIZE_T Bytes = 0; Bytes <= 3 * PAGE_SIZE; Bytes = NextSize(Bytes, All)) {
        PoolFreeIfAny(Window[Slot]);
        Window[Slot] = ExAllocatePoolWithTagPriority(Type, Bytes, TEST_TAG,
                                                     (EX_POOL_PRIORITY)(Bytes % 3 * 16));
        if (!CHECK(Window[Slot] != NULL) || !CHECK(Rule((ULONG_PTR)Window[Slot], Bytes))) {
            DbgPrint("0x%I64x bytes at %p\n", (ULONG64)Bytes, Window[Slot]);
            break;
        }
        Slot = (Slot + 1) % WINDOW;
    }
    for (Slot = 0; Slot < WINDOW; Slot++) {
        PoolFreeIfAny(Window[Slot]);
    }
}

static BOOLEAN IsAlignedTo16(ULONG_PTR Address, SIZE_T Bytes)
{
    return Bytes >= PAGE_SIZE || Address % MEMORY_ALLOCATION_ALIGNMENT == 0;
}

static BOOLEAN IsPageAligned(ULONG_PTR Address, SIZE_T Bytes)
{
    return Bytes < PAGE_SIZE || Address % PAGE_SIZE == 0;
}

static BOOLEAN IsInOnePage(ULONG_PTR Address, SIZE_T Bytes)
{
    return Bytes > PAGE_SIZE || Bytes == 0 ||
           Address / PAGE_SIZE == (Address + Bytes - 1) / PAGE_SIZE;
}

static BOOLEAN SharesUpToTheLimit(ULONG_PTR Address, SIZE_T Bytes)
{
    return (Address % PAGE_SIZE == 0) == (Bytes > 0xFE0);
}

static BOOLEAN ObeysAllRules(ULONG_PTR Address, SIZE_T Bytes)
{
    return IsAlignedTo16(Address, Bytes) && IsPageAligned(Address, Bytes) &&
           IsInOnePage(Address, Bytes) && SharesUpToTheLimit(Address, Bytes);
}

TEST(SizesAlignNx, "pool/nonpaged/alignment",
     "APP-37 A request below PAGE_SIZE is aligned to 16 bytes on 64-bit systems.")
{
    Sweep(NonPagedPoolNx, IsAlignedTo16, FALSE);
}

TEST(SizesAlignExecutable, "pool/executable/alignment",
     "APP-37 A request below PAGE_SIZE is aligned to 16 bytes on 64-bit systems.")
{
    Sweep(NonPagedPool, IsAlignedTo16, FALSE);
}

TEST(SizesAlignPaged, "pool/paged/alignment",
     "APP-37 A request below PAGE_SIZE is aligned to 16 bytes on 64-bit systems.")
{
    Sweep(PagedPool, IsAlignedTo16, FALSE);
}

TEST(SizesPageNx, "pool/nonpaged/page-alignment",
     "APP-34 A request of PAGE_SIZE bytes or more gets a page-aligned buffer.")
{
    Sweep(NonPagedPoolNx, IsPageAligned, FALSE);
}

TEST(SizesPageExecutable, "pool/executable/page-alignment",
     "APP-34 A request of PAGE_SIZE bytes or more gets a page-aligned buffer.")
{
    Sweep(NonPagedPool, IsPageAligned, FALSE);
}

TEST(SizesPagePaged, "pool/paged/page-alignment",
     "APP-34 A request of PAGE_SIZE bytes or more gets a page-aligned buffer.")
{
    Sweep(PagedPool, IsPageAligned, FALSE);
}

TEST(SizesCrossNx, "pool/nonpaged/no-page-crossing",
     "APP-35 A request of PAGE_SIZE bytes or less does not cross a page boundary.")
{
    Sweep(NonPagedPoolNx, IsInOnePage, FALSE);
}

TEST(SizesCrossExecutable, "pool/executable/no-page-crossing",
     "APP-35 A request of PAGE_SIZE bytes or less does not cross a page boundary.")
{
    Sweep(NonPagedPool, IsInOnePage, FALSE);
}

TEST(SizesCrossPaged, "pool/paged/no-page-crossing",
     "APP-35 A request of PAGE_SIZE bytes or less does not cross a page boundary.")
{
    Sweep(PagedPool, IsInOnePage, FALSE);
}

TEST(SizesShareNx, "pool/nonpaged/shares-pages-up-to-0xfe0",
     "CON-9 Requests up to 0xFE0 bytes share a page; larger ones get whole pages.")
{
    Sweep(NonPagedPoolNx, SharesUpToTheLimit, FALSE);
}

TEST(SizesShareExecutable, "pool/executable/shares-pages-up-to-0xfe0",
     "CON-9 Requests up to 0xFE0 bytes share a page; larger ones get whole pages.")
{
    Sweep(NonPagedPool, SharesUpToTheLimit, FALSE);
}

TEST(SizesSharePaged, "pool/paged/shares-pages-up-to-0xfe0",
     "CON-9 Requests up to 0xFE0 bytes share a page; larger ones get whole pages.")
{
    Sweep(PagedPool, SharesUpToTheLimit, FALSE);
}

TEST_FLAGS(SizesAll, "pool/slow/every-size-in-every-pool",
           "APP-34 A request of PAGE_SIZE bytes or more gets a page-aligned buffer. || "
           "APP-35 A request of PAGE_SIZE bytes or less does not cross a page boundary. || "
           "APP-37 A request below PAGE_SIZE is aligned to 16 bytes on 64-bit systems.",
           TEST_SLOW)
{
    for (ULONG i = 0; i < ARRAYSIZE(PoolCases); i++) {
        Sweep(PoolCases[i].Type, ObeysAllRules, TRUE);
    }
}

/* ---- small requests -------------------------------------------------------------------------- */

static BOOLEAN SomeBlockIsNotPageAligned(const POOL_CASE *Case)
{
    PVOID Blocks[2];
    BOOLEAN Holds = TRUE;
    for (SIZE_T Bytes = 1; Bytes <= 0xFE0; Bytes += 97) {
        Blocks[0] = ExAllocatePoolWithTagPriority(Case->Type, Bytes, TEST_TAG, LowPoolPriority);
        Blocks[1] = ExAllocatePoolWithTagPriority(Case->Type, Bytes, TEST_TAG, LowPoolPriority);
        Holds &= CHECK_NE(BYTE_OFFSET(Blocks[0]), 0) && CHECK_NE(BYTE_OFFSET(Blocks[1]), 0);
        PoolFreeIfAny(Blocks[0]);
        PoolFreeIfAny(Blocks[1]);
    }
    return Holds;
}

TEST(SizesNotAligned, "pool/sizes/small-blocks-are-not-page-aligned",
     "APP-36 A request below PAGE_SIZE need not be page-aligned.")
{
    PoolForEach(SomeBlockIsNotPageAligned);
}

static BOOLEAN FitsFourInAPage(const POOL_CASE *Case)
{
    PVOID Blocks[4];
    BOOLEAN Holds = CHECK(PoolTakeQuarters(Case, Blocks));
    for (ULONG i = 0; Holds && i < 4; i++) {
        PPOOL_HEADER Header = ExpHeaderOf(Blocks[i]);
        Holds &= CHECK_EQ((ULONG_PTR)Header % PAGE_SIZE, i * (PAGE_SIZE / 4));
        Holds &= CHECK_EQ(PAGE_ALIGN(Blocks[i]), PAGE_ALIGN(Blocks[0]));
        PoolFreeIfAny(Blocks[i]);
    }
    PoolFreePlugs();
    return Holds;
}

TEST(SizesHeaderInFront, "pool/sizes/header-in-front-within-one-page",
     "MAT-14 Success up to 0xFE0 bytes: header in front, aligned to 16, within one page.")
{
    PoolForEach(FitsFourInAPage);
}

static BOOLEAN BlockSizeIsRounded(const POOL_CASE *Case)
{
    BOOLEAN Holds = TRUE;
    for (SIZE_T Bytes = 1; Holds && Bytes <= 0xFE0; Bytes += 1 + Bytes / 40) {
        PVOID Block = ExAllocatePoolWithTag(Case->Type, Bytes, TEST_TAG);
        SIZE_T Rounded = (Bytes + sizeof(POOL_HEADER) + 15) & ~(SIZE_T)15;
        if (Rounded > 512) {
            Rounded = (Rounded + 127) & ~(SIZE_T)127;
            Rounded = Rounded < PAGE_SIZE ? Rounded : PAGE_SIZE - POOL_GRANULE;
        }
        Holds &=
            CHECK(Block != NULL) && CHECK_EQ(ExpHeaderOf(Block)->BlockSize * POOL_GRANULE, Rounded);
        PoolFreeIfAny(Block);
    }
    return Holds;
}

TEST(SizesRounding, "pool/sizes/header-and-rounding",
     "CON-10 A block is the request and a 16-byte header, rounded up to 16 (above 512 to 128).")
{
    PoolForEach(BlockSizeIsRounded);
}

/* ---- whole pages ----------------------------------------------------------------------------- */

static BOOLEAN BigBlocksAreInTheTable(const POOL_CASE *Case)
{
    static const SIZE_T Sizes[] = {0xFE1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 17 * PAGE_SIZE};
    BOOLEAN Holds = TRUE;
    for (ULONG i = 0; i < ARRAYSIZE(Sizes); i++) {
        POOL_BIG_BLOCK Entry = {0};
        PVOID Block = ExAllocatePoolWithTag(Case->Type, Sizes[i], TEST_TAG);
        Holds &= CHECK(Block != NULL) && CHECK_EQ(BYTE_OFFSET(Block), 0);
        Holds &= CHECK(ExpFindBigBlock(Block, &Entry));
        Holds &= CHECK_EQ(Entry.Pages, BYTES_TO_PAGES(Sizes[i])) && CHECK_EQ(Entry.Key, TEST_TAG);
        Holds &= CHECK_EQ(Entry.Kind, Case->Kind);
        PoolFreeIfAny(Block);
        Holds &= CHECK(!ExpFindBigBlock(Block, &Entry));
    }
    return Holds;
}

TEST(SizesBig, "pool/sizes/big-blocks-are-in-the-table",
     "MAT-17 Success above 0xFE0 bytes: page-aligned, with an entry in the big-page table.")
{
    PoolForEach(BigBlocksAreInTheTable);
}

#define MANY 700 /* more than the first table takes */

static BOOLEAN KeepsManyBigBlocks(const POOL_CASE *Case)
{
    static PVOID Blocks[MANY];
    POOL_BIG_BLOCK Entry;
    BOOLEAN Holds = TRUE;
    for (ULONG i = 0; i < MANY; i++) {
        Blocks[i] = ExAllocatePoolWithTag(Case->Type, 0xFE1, 'A000' + i % 64);
        Holds &= CHECK(Blocks[i] != NULL);
    }
    for (ULONG i = 0; i < MANY; i++) { /* every third first: holes in the runs of the table */
        ULONG Index = i * 3 % MANY;
        Holds &= CHECK(ExpFindBigBlock(Blocks[Index], &Entry)) &&
                 CHECK_EQ(Entry.Key, 'A000' + Index % 64);
        PoolFreeIfAny(Blocks[Index]);
    }
    return Holds;
}

TEST(SizesTableGrows, "pool/big/table-grows-and-loses-nothing",
     "POOL-10 A page-aligned pointer is a big block: it has exactly one entry in the table, or it "
     "is one of the blocks counted as untracked under the tag 'BIG '.")
{
    PoolForEach(KeepsManyBigBlocks);
}

/* ---- sizes that no machine has --------------------------------------------------------------- */

static BOOLEAN RefusesHugeSizes(const POOL_CASE *Case)
{
    BOOLEAN Holds = TRUE;
    for (SIZE_T Bytes = MAXSIZE_T; Bytes > (SIZE_T)1 << 44; Bytes >>= 1) {
        for (SIZE_T Less = 0; Less < 40; Less++) {
            Holds &= CHECK_EQ(ExAllocatePoolWithTag(Case->Type, Bytes - Less, TEST_TAG), NULL);
            Holds &= CHECK_EQ(ExAllocatePool2(Case->Flag, Bytes - Less, TEST_TAG), NULL);
        }
        Holds &= CHECK_EQ(ExAllocatePoolWithTag(Case->Type, Bytes - PAGE_SIZE, TEST_TAG), NULL);
    }
    PVOID Block = ExAllocatePoolWithTag(Case->Type, 1, TEST_TAG);
    Holds &= CHECK(Block != NULL);
    PoolFreeIfAny(Block);
    return Holds;
}

TEST(SizesOverflow, "pool/sizes/overflow-gives-null",
     "CON-11 A size that overflows with its header gives NULL.")
{
    PoolForEach(RefusesHugeSizes);
}
