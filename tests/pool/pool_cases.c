/*
 * pool_cases.c - helpers of the tests of the pools; pool_cases.h says what each does.
 */
#include "tests/pool/pool_cases.h"

const POOL_CASE PoolCases[PoolKindCount] = {
    {"NonPagedPoolNx", PoolKindNonPagedNx, NonPagedPoolNx, POOL_FLAG_NON_PAGED, DISPATCH_LEVEL},
    {"NonPagedPool", PoolKindNonPagedExecute, NonPagedPool, POOL_FLAG_NON_PAGED_EXECUTE,
     DISPATCH_LEVEL},
    {"PagedPool", PoolKindPaged, PagedPool, POOL_FLAG_PAGED, APC_LEVEL},
};

POOL_PLUGS PoolPlugs;

VOID PoolForEach(BOOLEAN (*Check)(const POOL_CASE *Case))
{
    for (ULONG i = 0; i < ARRAYSIZE(PoolCases); i++) {
        if (!CHECK(Check(&PoolCases[i]))) {
            DbgPrint("this was %s\n", PoolCases[i].Name);
        }
    }
}

VOID PoolForEachUncached(BOOLEAN (*Check)(const POOL_CASE *Case))
{
    ExpUseCaches(FALSE);
    PoolForEach(Check);
    ExpUseCaches(TRUE);
}

static VOID InMode(BOOLEAN Mode, VOID (*Body)(VOID))
{
    BOOLEAN Checked = KiCheckedMode;
    PPOOL_CACHE Cache = ExpOwnCache();
    KiSetCheckedMode(Mode);
    if (Cache->FastLimit == 0 && Cache->CheckedLimit == 0) {
        TestSkip("somebody watches all requests");
    } else {
        Body();
    }
    KiSetCheckedMode(Checked);
}

VOID PoolInFreeMode(VOID (*Body)(VOID))
{
    InMode(FALSE, Body);
}

VOID PoolInCheckedMode(VOID (*Body)(VOID))
{
    InMode(TRUE, Body);
}

VOID PoolInBothModes(VOID (*Body)(VOID))
{
    PoolInFreeMode(Body);
    PoolInCheckedMode(Body);
}

VOID PoolDrain(VOID)
{
    for (POOL_KIND Kind = 0; Kind < PoolKindCount; Kind++) {
        if (Kind != PoolKindPaged || KeGetCurrentIrql() <= APC_LEVEL) {
            ExpDrainCaches(Kind);
        }
    }
}

/* ---- pages laid out at will ------------------------------------------------------------------ */

VOID PoolFreePlugs(VOID)
{
    while (PoolPlugs.Count != 0) {
        ExFreePool(PoolPlugs.Blocks[--PoolPlugs.Count]);
    }
}

/* Whether Block is the only one of its page that is in use. */
static BOOLEAN PoolIsAlone(PVOID Block)
{
    POOL_PAGE_WALK Walk;
    PPOOL_HEADER Header;
    BOOLEAN Alone = ExpBeginWalk(&Walk, Block);
    while ((Header = ExpNextBlock(&Walk)) != NULL) {
        Alone &= Header == ExpHeaderOf(Block) || Header->PoolType == 0;
    }
    return Alone && !Walk.Broken;
}

/* Allocates until a block lies beside Neighbour, or alone without one. */
static PVOID PoolTakeWhere(const POOL_CASE *Case, SIZE_T Bytes, PVOID Neighbour)
{
    while (PoolPlugs.Count < POOL_MAX_PLUGS) {
        PVOID Block = ExAllocatePoolWithTag(Case->Type, Bytes, TEST_TAG);
        if (Block == NULL) {
            return NULL;
        }
        if (Neighbour ? PAGE_ALIGN(Block) == PAGE_ALIGN(Neighbour) : PoolIsAlone(Block)) {
            return Block;
        }
        PoolPlugs.Blocks[PoolPlugs.Count++] = Block;
    }
    return NULL;
}

PVOID PoolTakeAlone(const POOL_CASE *Case, SIZE_T Bytes)
{
    return PoolTakeWhere(Case, Bytes, NULL);
}

PVOID PoolTakeBeside(const POOL_CASE *Case, SIZE_T Bytes, PVOID Neighbour)
{
    return PoolTakeWhere(Case, Bytes, Neighbour);
}

BOOLEAN PoolTakeQuarters(const POOL_CASE *Case, PVOID Blocks[4])
{
    PUCHAR First = PoolTakeAlone(Case, POOL_QUARTER);
    /* A block that a processor had kept may be alone farther back in its page. */
    while (First != NULL && BYTE_OFFSET(First) != sizeof(POOL_HEADER) &&
           PoolPlugs.Count < POOL_MAX_PLUGS) {
        PoolPlugs.Blocks[PoolPlugs.Count++] = First;
        First = PoolTakeAlone(Case, POOL_QUARTER);
    }
    Blocks[0] = First;
    for (ULONG i = 1; i < 4 && First != NULL; i++) {
        if (PoolTakeBeside(Case, POOL_QUARTER, First) == NULL) {
            return FALSE;
        }
        Blocks[i] = First + i * (PAGE_SIZE / 4);
    }
    return First != NULL && BYTE_OFFSET(First) == sizeof(POOL_HEADER);
}

/* ---- the pools' own records ------------------------------------------------------------------ */

/* Free blocks of each class that the walk over the pages met. */
static SIZE_T PoolFreeBlocks[POOL_CLASSES];

/* The node of a page's memory; paged pool's descriptor has pages of all. */
static ULONG PoolNodeOfPage(POOL_KIND Kind, PVOID Page)
{
    return Kind == PoolKindPaged
               ? 0
               : MiPfnEntry(MiReadPte(MiGetPteAddress(Page)).Hard.PageFrameNumber)->Node;
}

/* POOL-1 to POOL-5 and POOL-7 in one page; returns its blocks in use. */
static SIZE_T PoolCheckPage(PPOOL_DESCRIPTOR Pool, PVOID Page)
{
    POOL_PAGE_WALK Walk;
    PPOOL_HEADER Header;
    SIZE_T InUse = 0, Taken = 0;
    BOOLEAN AfterFree = FALSE;
    ExpBeginWalk(&Walk, Page);
    while ((Header = ExpNextBlock(&Walk)) != NULL) {
        BOOLEAN Free = Header->PoolType == 0;
        CHECK_EQ(Header->PoolIndex, Pool->Index);
        CHECK(!(Free && AfterFree));
        CHECK(Free || Header->BlockSize >= 2);
        CHECK(Free || Header->PoolType == POOL_BLOCK_CACHED ||
              (Header->PoolType & POOL_BLOCK_IN_USE));
        PoolFreeBlocks[Header->BlockSize] += Free;
        InUse += (Header->PoolType & POOL_BLOCK_IN_USE) != 0;
        Taken += !Free;
        AfterFree = Free;
    }
    CHECK(!Walk.Broken);
    CHECK_NE(Taken, 0);
    return InUse;
}

/* POOL-5 and POOL-6: the lists have the free blocks of the pages, and links agree both ways. */
static VOID PoolCheckLists(PPOOL_DESCRIPTOR Pool)
{
    for (ULONG Class = 0; Class < POOL_CLASSES; Class++) {
        PLIST_ENTRY Head = &Pool->ListHeads[Class];
        SIZE_T Length = 0;
        for (PLIST_ENTRY Links = Head->Flink; Links != Head; Links = Links->Flink) {
            PPOOL_HEADER Header = (PPOOL_HEADER)Links - 1;
            CHECK(Header->BlockSize == Class && Header->PoolType == 0);
            CHECK(Links->Flink->Blink == Links && Links->Blink->Flink == Links);
            Length++;
        }
        CHECK_EQ((Pool->NonEmpty[Class / 64] >> (Class % 64)) & 1, Length != 0);
        CHECK_EQ(Length, Class < 2 ? 0 : PoolFreeBlocks[Class]);
        PoolFreeBlocks[Class] = 0;
    }
}

static SIZE_T PoolCheckOne(PPOOL_DESCRIPTOR Pool)
{
    POOL_BIG_BLOCK Big;
    SIZE_T InUse = 0, Pages = 0;
    ULONG_PTR Page = Pool->FirstPage;
    for (; Page != 0 && Page <= Pool->LastPage; Page += PAGE_SIZE) {
        if (ExpQueryPages((PVOID)Page) == 1 && !ExpIsBigCached((PVOID)Page, Pool->Kind) &&
            !ExpFindBigBlock((PVOID)Page, &Big) &&
            PoolNodeOfPage(Pool->Kind, (PVOID)Page) == Pool->Node) {
            InUse += PoolCheckPage(Pool, (PVOID)Page);
            Pages++;
        }
    }
    CHECK_EQ(Pages, Pool->TotalPages);
    CHECK_EQ(Pool->Lock.Held, 0);
    PoolCheckLists(Pool);
    return InUse;
}

SIZE_T PoolCheck(POOL_KIND Kind)
{
    SIZE_T InUse = 0;
    for (ULONG Index = Kind; Index < POOL_INDEXES; Index += 1 << POOL_KIND_BITS) {
        InUse += ExpPoolTable[Index] == NULL ? 0 : PoolCheckOne(ExpPoolTable[Index]);
    }
    return InUse;
}

/* Those of one page. */
static SIZE_T PoolCountKeptIn(PVOID Page, ULONG Granules)
{
    POOL_PAGE_WALK Walk;
    PPOOL_HEADER Header;
    SIZE_T Kept = 0;
    ExpBeginWalk(&Walk, Page);
    while ((Header = ExpNextBlock(&Walk)) != NULL) {
        Kept += Header->PoolType == POOL_BLOCK_CACHED && Header->BlockSize == Granules;
    }
    return Kept;
}

SIZE_T PoolCountKept(ULONG64 List)
{
    ULONG_PTR Page, Last;
    POOL_BIG_BLOCK Big;
    SIZE_T Kept = 0;
    ExpQueryRange((POOL_KIND)(List / POOL_CLASSES), &Page, &Last);
    for (; Page != 0 && Page <= Last; Page += PAGE_SIZE) {
        if (ExpQueryPages((PVOID)Page) == 1 &&
            !ExpIsBigCached((PVOID)Page, (POOL_KIND)(List / POOL_CLASSES)) &&
            !ExpFindBigBlock((PVOID)Page, &Big)) {
            Kept += PoolCountKeptIn((PVOID)Page, (ULONG)(List % POOL_CLASSES));
        }
    }
    return Kept;
}

/* ---- small ones ------------------------------------------------------------------------------ */

BOOLEAN PoolIsFilled(PVOID Block, UCHAR Byte, SIZE_T From, SIZE_T To)
{
    PUCHAR Bytes = Block;
    for (SIZE_T i = From; i < To; i++) {
        if (Bytes[i] != Byte) {
            DbgPrint("byte 0x%I64x of %p is 0x%02x, not 0x%02x\n", (ULONG64)i, Block, Bytes[i],
                     Byte);
            return FALSE;
        }
    }
    return TRUE;
}

VOID PoolFreeIfAny(PVOID Block)
{
    if (Block != NULL) {
        ExFreePool(Block);
    }
}

/* ---- memory that ends ------------------------------------------------------------------------ */

#define LARGEST (64 * PAGE_SIZE)

POOL_CHAIN *PoolTakeAll(POOL_TAKE *Take, const POOL_CASE *Case, ULONG Choice, SIZE_T Least,
                        POOL_CHAIN *Last)
{
    for (SIZE_T Bytes = LARGEST; Bytes >= Least;) {
        POOL_CHAIN *Block = Take(Case, Choice, Bytes);
        if (Block == NULL) {
            Bytes /= 2;
            continue;
        }
        Block->Before = Last;
        Last = Block;
    }
    return Last;
}

VOID PoolFreeChain(POOL_CHAIN *Last)
{
    while (Last != NULL) {
        POOL_CHAIN *Before = Last->Before;
        ExFreePool(Last);
        Last = Before;
    }
}
