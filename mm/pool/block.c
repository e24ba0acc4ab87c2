/*
 * block.c - blocks that share a page: finding a free one, splitting it, putting it back, merging.
 *
 * For allocate.c and free.c, which hold the pool's lock around every call. pool.c has the theory
 * and the invariants (POOL-1 to POOL-8) that this file keeps and checks. Every routine takes a
 * bounded number of steps, whatever the pool looks like.
 */
#include "mm/pool/pool.h"

/* Subcodes of BAD_POOL_HEADER. 0xD to 0x24 are "the header of a freed block was modified". */
#define BAD_FREE_LINK      0x3
#define BAD_NEIGHBOUR      0x5
#define BAD_FREE_TYPE      0xD
#define BAD_FREE_SIZE      0xE
#define BAD_FREE_INDEX     0xF
#define BAD_FREE_NEIGHBOUR 0x23

#define SMALLEST_LISTED 2 /* a header alone has no room for the links of a free list */

/* The user's part of a free block holds the links. */
static inline PLIST_ENTRY ExpLinksOf(PPOOL_HEADER Header)
{
    return (PLIST_ENTRY)(Header + 1);
}

static inline PPOOL_HEADER ExpHeaderOfLinks(PLIST_ENTRY Links)
{
    return (PPOOL_HEADER)Links - 1;
}

/* ---- free lists: unlinking is safe (POOL-6) -------------------------------------------------- */

/* Whether Links may be followed: a list head of Pool, or an address that a free block can have. */
static inline BOOLEAN ExpIsPlausibleLink(PPOOL_DESCRIPTOR Pool, PLIST_ENTRY Links)
{
    ULONG_PTR Offset = (ULONG_PTR)Links - (ULONG_PTR)Pool->ListHeads;
    return ((ULONG_PTR)Links & (POOL_GRANULE - 1)) == 0 &&
           (Offset < sizeof(Pool->ListHeads) || ExpKindOfAddress(Links) == Pool->Kind);
}

/* Parameters: the entry, and what its neighbours say about it; all three should be equal. */
static DECLSPEC_NORETURN __attribute__((cold, noinline)) VOID ExpReportBadLink(
    PPOOL_DESCRIPTOR Pool, PLIST_ENTRY Links)
{
    PLIST_ENTRY Ahead = Links->Flink, Behind = Links->Blink;
    PLIST_ENTRY FromAhead = ExpIsPlausibleLink(Pool, Ahead) ? Ahead->Blink : Ahead;
    PLIST_ENTRY FromBehind = ExpIsPlausibleLink(Pool, Behind) ? Behind->Flink : Behind;
    KeBugCheckEx(BAD_POOL_HEADER, BAD_FREE_LINK, (ULONG_PTR)Links, (ULONG_PTR)FromAhead,
                 (ULONG_PTR)FromBehind);
}

static inline VOID ExpUnlink(PPOOL_DESCRIPTOR Pool, PLIST_ENTRY Links)
{
    PLIST_ENTRY Ahead = Links->Flink, Behind = Links->Blink;
    if (!ExpIsPlausibleLink(Pool, Ahead) || !ExpIsPlausibleLink(Pool, Behind) ||
        Ahead->Blink != Links || Behind->Flink != Links) {
        ExpReportBadLink(Pool, Links);
    }
    Behind->Flink = Ahead;
    Ahead->Blink = Behind;
    if (Ahead == Behind) { /* only the head is left, and its place tells the class */
        ULONG64 Class = (ULONG64)(Ahead - Pool->ListHeads);
        Pool->NonEmpty[Class / 64] &= ~(1ULL << (Class % 64));
    }
}

static inline VOID ExpLink(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Header)
{
    Header->PoolType = 0;
    ULONG Class = Header->BlockSize;
    if (Class < SMALLEST_LISTED) {
        return;
    }
    PLIST_ENTRY Head = &Pool->ListHeads[Class];
    PLIST_ENTRY Links = ExpLinksOf(Header);
    PLIST_ENTRY First = Head->Flink;
    if (!ExpIsPlausibleLink(Pool, First) || First->Blink != Head) {
        ExpReportBadLink(Pool, Head);
    }
    Links->Flink = First;
    Links->Blink = Head;
    First->Blink = Links;
    Head->Flink = Links;
    Pool->NonEmpty[Class / 64] |= 1ULL << (Class % 64);
}

/* The smallest class of at least Granules that has a block; 0 when none has. */
static inline ULONG ExpFirstClass(PPOOL_DESCRIPTOR Pool, ULONG Granules)
{
    ULONG Word = Granules / 64;
    ULONG64 Classes = Pool->NonEmpty[Word] & (~0ULL << (Granules % 64));
    while (Classes == 0) {
        if (++Word == ARRAYSIZE(Pool->NonEmpty)) {
            return 0;
        }
        Classes = Pool->NonEmpty[Word];
    }
    return Word * 64 + (ULONG)__builtin_ctzll(Classes);
}

/* ---- what a free block must look like when it is met (POOL-5) -------------------------------- */

static DECLSPEC_NORETURN __attribute__((cold, noinline)) VOID ExpReportBadFreeBlock(
    ULONG Subcode, PPOOL_HEADER Header, PPOOL_HEADER Other)
{
    KeBugCheckEx(BAD_POOL_HEADER, Subcode, (ULONG_PTR)Header, *(PULONG64)Header, (ULONG_PTR)Other);
}

/* Header came off the list of Class. */
static inline VOID ExpCheckFreeBlock(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Header, ULONG Class)
{
    if (Header->PoolType != 0) {
        ExpReportBadFreeBlock(BAD_FREE_TYPE, Header, NULL);
    }
    if (Header->BlockSize != Class) {
        ExpReportBadFreeBlock(BAD_FREE_SIZE, Header, NULL);
    }
    if (Header->PoolIndex != Pool->Index) {
        ExpReportBadFreeBlock(BAD_FREE_INDEX, Header, NULL);
    }
    ULONG End = ExpGranuleOf(Header) + Class;
    PPOOL_HEADER After = Header + Class;
    if (End > POOL_PAGE_GRANULES ||
        (End < POOL_PAGE_GRANULES && After->PreviousSize != Header->BlockSize)) {
        ExpReportBadFreeBlock(BAD_NEIGHBOUR, Header, After);
    }
}

/*
 * Header is a free neighbour of a block that is being freed; its link to that block was compared.
 */
static inline VOID ExpCheckFreeNeighbour(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Header)
{
    if (Header->PoolIndex != Pool->Index) {
        ExpReportBadFreeBlock(BAD_FREE_INDEX, Header, NULL);
    }
    ULONG End = ExpGranuleOf(Header) + Header->BlockSize;
    PPOOL_HEADER After = Header + Header->BlockSize;
    if (Header->BlockSize == 0 || End > POOL_PAGE_GRANULES) {
        ExpReportBadFreeBlock(BAD_FREE_NEIGHBOUR, Header, NULL);
    }
    if (End < POOL_PAGE_GRANULES && After->PreviousSize != Header->BlockSize) {
        ExpReportBadFreeBlock(BAD_NEIGHBOUR, Header, After);
    }
}

/* ---- taking ---------------------------------------------------------------------------------- */

/* Makes the free block [Header, Size) known under its size, in front of a block of Granules. */
static inline VOID ExpMakeFree(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Header, ULONG PreviousSize,
                               ULONG Size)
{
    Header->PreviousSize = (UCHAR)PreviousSize;
    Header->PoolIndex = Pool->Index;
    Header->BlockSize = (UCHAR)Size;
    ExpLink(Pool, Header);
}

/*
 * Cuts Granules out of the unlisted free block [Free, Size), Lead granules from its beginning; what
 * is left in front and behind goes back to the lists. Size may be a whole page, which no header
 * could say, so Free's own header isn't read, apart from PreviousSize.
 */
static inline PPOOL_HEADER ExpCarve(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Free, ULONG Size,
                                    ULONG Lead, ULONG Granules)
{
    PPOOL_HEADER Block = Free + Lead;
    ULONG Rest = Size - Lead - Granules;
    if (Lead != 0) {
        ExpMakeFree(Pool, Free, Free->PreviousSize, Lead);
        Block->PreviousSize = (UCHAR)Lead;
    } else {
        *ExpLinksOf(Block) = (LIST_ENTRY){NULL, NULL}; /* a way into the lists is no stale data */
    }
    if (Rest != 0) {
        ExpMakeFree(Pool, Block + Granules, Granules, Rest);
    }
    if (ExpGranuleOf(Free) + Size < POOL_PAGE_GRANULES) {
        Free[Size].PreviousSize = (UCHAR)(Rest != 0 ? Rest : Granules);
    }
    Block->PoolIndex = Pool->Index;
    Block->BlockSize = (UCHAR)Granules;
    Block->PoolType = Pool->BlockType;
    Block->Seal = 0;
    return Block;
}

/*
 * Granules to skip from Header so that the caller's address behind the block's header is aligned.
 */
static inline ULONG ExpLeadForCacheLine(PPOOL_HEADER Header)
{
    const ULONG Line = POOL_CACHE_LINE / POOL_GRANULE;
    return (Line - 1 - ExpGranuleOf(Header)) % Line;
}

static PPOOL_HEADER ExpCarveCacheAligned(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Free, ULONG Size,
                                         ULONG Granules)
{
    PPOOL_HEADER Block = ExpCarve(Pool, Free, Size, ExpLeadForCacheLine(Free), Granules);
    Block->PoolType |= POOL_BLOCK_CACHE_ALIGNED;
    return Block;
}

PPOOL_HEADER ExpTakeBlock(PPOOL_DESCRIPTOR Pool, ULONG Granules, BOOLEAN CacheAligned)
{
    ULONG Room = Granules + (CacheAligned ? POOL_CACHE_LINE / POOL_GRANULE - 1 : 0);
    ULONG Class = ExpFirstClass(Pool, Room);
    if (Class == 0) {
        return NULL;
    }
    PLIST_ENTRY Links = Pool->ListHeads[Class].Flink;
    if (!ExpIsPlausibleLink(Pool, Links)) {
        ExpReportBadLink(Pool, &Pool->ListHeads[Class]);
    }
    PPOOL_HEADER Free = ExpHeaderOfLinks(Links);
    ExpCheckFreeBlock(Pool, Free, Class);
    ExpUnlink(Pool, Links);
    if (CacheAligned) {
        return ExpCarveCacheAligned(Pool, Free, Class, Granules);
    }
    /* From the front at the start of a page, else from the tail: blocks gather at both ends. */
    ULONG Lead = ExpGranuleOf(Free) == 0 ? 0 : Class - Granules;
    return ExpCarve(Pool, Free, Class, Lead, Granules);
}

PPOOL_HEADER ExpTakeBlockOfNewPage(PPOOL_DESCRIPTOR Pool, PVOID Page, ULONG Granules,
                                   BOOLEAN CacheAligned)
{
    PPOOL_HEADER Free = Page;
    Free->PreviousSize = 0;
    Pool->TotalPages++;
    if (Pool->FirstPage == 0 || (ULONG_PTR)Page < Pool->FirstPage) {
        Pool->FirstPage = (ULONG_PTR)Page;
    }
    if ((ULONG_PTR)Page > Pool->LastPage) {
        Pool->LastPage = (ULONG_PTR)Page;
    }
    return CacheAligned ? ExpCarveCacheAligned(Pool, Free, POOL_PAGE_GRANULES, Granules)
                        : ExpCarve(Pool, Free, POOL_PAGE_GRANULES, 0, Granules);
}

/* ---- putting back ---------------------------------------------------------------------------- */

/* Takes a free neighbour off its list; returns its size. */
static inline ULONG ExpAbsorb(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Neighbour)
{
    ExpCheckFreeNeighbour(Pool, Neighbour);
    if (Neighbour->BlockSize >= SMALLEST_LISTED) {
        ExpUnlink(Pool, ExpLinksOf(Neighbour));
    }
    return Neighbour->BlockSize;
}

PVOID ExpPutBlock(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Header)
{
    ULONG Begin = ExpGranuleOf(Header);
    ULONG Size = Header->BlockSize;
    PPOOL_HEADER Next = Header + Size;
    Header->PoolType = 0; /* stays behind inside a larger block: a second free sees it (POOL-4) */
    if (Begin + Size < POOL_PAGE_GRANULES && Next->PoolType == 0) {
        Size += ExpAbsorb(Pool, Next);
    }
    if (Begin != 0) {
        PPOOL_HEADER Previous = Header - Header->PreviousSize;
        if (Previous->PoolType == 0) {
            Begin -= Header->PreviousSize;
            Size += ExpAbsorb(Pool, Previous);
            Header = Previous;
        }
    }
    if (Size == POOL_PAGE_GRANULES) {
        Pool->TotalPages--;
        return Header;
    }
    Header->BlockSize = (UCHAR)Size;
    if (Begin + Size < POOL_PAGE_GRANULES) {
        Header[Size].PreviousSize = (UCHAR)Size;
    }
    ExpLink(Pool, Header);
    return NULL;
}

/* ---- checking a block that comes back (POOL-2, POOL-3, POOL-4) ------------------------------- */

/*
 * Sizes and pool are compared with both neighbours; what lies between blocks is stale and may lie.
 */
static inline BOOLEAN ExpNeighboursAgree(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Header, ULONG End)
{
    PPOOL_HEADER Next = Header + Header->BlockSize;
    PPOOL_HEADER Previous = Header - Header->PreviousSize;
    return (End == POOL_PAGE_GRANULES ||
            (Next->PreviousSize == Header->BlockSize && Next->PoolIndex == Pool->Index)) &&
           (Previous == Header ||
            (Previous->BlockSize == Header->PreviousSize && Previous->PoolIndex == Pool->Index));
}

BOOLEAN ExpIsBlockInUse(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Header)
{
    ULONG Begin = ExpGranuleOf(Header);
    ULONG End = Begin + Header->BlockSize;
    return (Header->PoolType & ~POOL_BLOCK_CACHE_ALIGNED) == Pool->BlockType &&
           Header->PoolIndex == Pool->Index && Header->BlockSize >= SMALLEST_LISTED &&
           End <= POOL_PAGE_GRANULES && Header->PreviousSize <= Begin &&
           (Header->PreviousSize == 0) == (Begin == 0) && ExpNeighboursAgree(Pool, Header, End);
}

VOID ExpCheckBlockInUse(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Header)
{
    if (!ExpIsBlockInUse(Pool, Header)) {
        ExpReportBadBlock(Pool, Header);
    }
}

VOID ExpReturnBlock(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Header)
{
    ULONG64 State = ExpLockPool(Pool);
    ExpCheckBlockInUse(Pool, Header);
    PVOID Page = ExpPutBlock(Pool, Header);
    ExpUnlockPool(Pool, State);
    if (Page != NULL) {
        ExpFreePages(Page);
        ExpReviewSupply(Pool->Kind);
    }
}
