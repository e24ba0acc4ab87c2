/*
 * crash_damage.c - damaged pool memory, found where the pools meet it: at the free of a block, of
 * its neighbour, or when a free block is given out. All parameters name the place.
 *
 * Each test has a page with four blocks of a quarter, so that it knows what it damages.
 */
#include "tests/pool/pool_cases.h"

static PVOID Quarters[4];
static PPOOL_HEADER Headers[4];

static VOID LayOut(POOL_KIND Kind)
{
    static const CHAR *const Names[] = {"header0", "header1", "header2", "header3"};
    PoolTakeQuarters(&PoolCases[Kind], Quarters);
    for (ULONG i = 0; i < ARRAYSIZE(Headers); i++) {
        Headers[i] = ExpHeaderOf(Quarters[i]);
        TestAnnounce(Names[i], (ULONG_PTR)Headers[i]);
    }
}

/* ---- found at the free ----------------------------------------------------------------------- */

CRASH_TEST(DamageOverrun, "pool/overrun-found-at-free", "0x19 0x20 $header1 $header2 *",
           "CON-15 A neighbour whose size disagrees is bug check 0x19.")
{
    LayOut(PoolKindNonPagedNx);
    RtlFillMemory(Quarters[1], POOL_QUARTER + 4, 'A'); /* four bytes more than it has */
    ExFreePool(Quarters[1]);
}

CRASH_TEST(DamageOverrunPaged, "pool/paged-overrun-found-at-free", "0x19 0x20 $header1 $header2 *",
           "CON-15 A neighbour whose size disagrees is bug check 0x19.")
{
    LayOut(PoolKindPaged);
    RtlZeroMemory(Quarters[1], POOL_QUARTER + sizeof(POOL_HEADER));
    ExFreePool(Quarters[1]);
}

CRASH_TEST(DamageFront, "pool/the-block-in-front-tells-another-size",
           "0x19 0x5 $header0 * $header1",
           "CON-15 A neighbour whose size disagrees is bug check 0x19.")
{
    LayOut(PoolKindNonPagedNx);
    Headers[0]->BlockSize -= 4;
    ExFreePool(Quarters[1]);
}

CRASH_TEST(DamagePrevious, "pool/previous-size-too-large", "0x19 0x6 $wrong * $header1",
           "contract 4.2: 6 PreviousSize too large (miscalculated entry, -, bad entry)")
{
    LayOut(PoolKindNonPagedNx);
    Headers[1]->PreviousSize = 200;
    TestAnnounce("wrong", (ULONG_PTR)(Headers[1] - 200));
    ExFreePool(Quarters[1]);
}

CRASH_TEST(DamageFirst, "pool/previous-size-of-a-pages-first-block", "0x19 0x6 $wrong * $header0",
           "contract 4.2: 6 PreviousSize too large (miscalculated entry, -, bad entry)")
{
    LayOut(PoolKindPaged);
    Headers[0]->PreviousSize = 1;
    TestAnnounce("wrong", (ULONG_PTR)(Headers[0] - 1));
    ExFreePool(Quarters[0]);
}

CRASH_TEST(DamageSizeOne, "pool/block-size-of-a-header-alone", "0x19 0x7 0x0 * $header2",
           "contract 4.2: 7 size corrupt (0, -, bad entry)")
{
    LayOut(PoolKindNonPagedNx);
    Headers[2]->BlockSize = 1;
    ExFreePool(Quarters[2]);
}

CRASH_TEST(DamageSizeZero, "pool/block-size-zero", "0x19 0x8 0x0 * $header2",
           "contract 4.2: 8 size zero (0, -, bad entry)")
{
    LayOut(PoolKindNonPagedNx);
    Headers[2]->BlockSize = 0;
    ExFreePool(Quarters[2]);
}

CRASH_TEST(DamageSizeLarge, "pool/block-size-beyond-the-page", "0x19 0x9 $wrong * $header2",
           "contract 4.2: 9 size too large (miscalculated entry, -, bad entry)")
{
    LayOut(PoolKindNonPagedNx);
    Headers[2]->BlockSize = 255;
    TestAnnounce("wrong", (ULONG_PTR)(Headers[2] + 255));
    ExFreePool(Quarters[2]);
}

CRASH_TEST(DamageIndex, "pool/pool-index-of-another-pool", "0xC2 0x1 $header2 $contents 0x0",
           "contract 4.3: 0x01 header corrupt (header, header first part, 0)")
{
    LayOut(PoolKindNonPagedNx);
    Headers[2]->PoolIndex = PoolKindPaged;
    TestAnnounce("contents", *(PULONG64)Headers[2]);
    ExFreePool(Quarters[2]);
}

CRASH_TEST(DamageType, "pool/pool-type-that-no-block-has", "0xC2 0x2 $header2 $contents 0x0",
           "contract 4.3: 0x02 header corrupt (header, header first part, 0)")
{
    LayOut(PoolKindNonPagedNx);
    Headers[2]->PoolType = 0x40;
    TestAnnounce("contents", *(PULONG64)Headers[2]);
    ExFreePool(Quarters[2]);
}

/* ---- found in a free block ------------------------------------------------------------------- */

CRASH_TEST(DamageFreeNeighbour, "pool/free-neighbour-of-size-zero", "0x19 0x23 $header2 * *",
           "contract 4.2: 0x23 freed block's header modified")
{
    ExpUseCaches(FALSE);
    LayOut(PoolKindNonPagedNx);
    ExFreePool(Quarters[2]);
    Headers[2]->BlockSize = 0;
    ExFreePool(Quarters[1]);
}

CRASH_TEST(DamageFreeType, "pool/overrun-into-a-free-block", "0x19 0xD $header2 * *",
           "contract 4.2: 0xD freed block's header modified (usually an overrun from the block "
           "before)")
{
    ExpUseCaches(FALSE);
    LayOut(PoolKindNonPagedNx);
    ExFreePool(Quarters[2]);
    RtlFillMemory(Quarters[1], POOL_QUARTER + 4, 'A');
    ExAllocatePoolWithTag(NonPagedPoolNx, POOL_QUARTER, TEST_TAG);
}

CRASH_TEST(DamageFreeSize, "pool/free-block-of-another-size", "0x19 0xE $header2 * *",
           "contract 4.2: 0xE freed block's header modified")
{
    ExpUseCaches(FALSE);
    LayOut(PoolKindPaged);
    ExFreePool(Quarters[2]);
    Headers[2]->BlockSize--;
    ExAllocatePoolWithTag(PagedPool, POOL_QUARTER, TEST_TAG);
}

CRASH_TEST(DamageFreeIndex, "pool/free-block-of-another-pool", "0x19 0xF $header2 * *",
           "contract 4.2: 0xF freed block's header modified")
{
    ExpUseCaches(FALSE);
    LayOut(PoolKindPaged);
    ExFreePool(Quarters[2]);
    Headers[2]->PoolIndex = PoolKindNonPagedNx;
    ExAllocatePoolWithTag(PagedPool, POOL_QUARTER, TEST_TAG);
}

CRASH_TEST(DamageFreeBehind, "pool/behind-a-free-block-the-sizes-disagree",
           "0x19 0x5 $header2 * $header3",
           "CON-15 A neighbour whose size disagrees is bug check 0x19.")
{
    ExpUseCaches(FALSE);
    LayOut(PoolKindNonPagedNx);
    ExFreePool(Quarters[2]);
    Headers[3]->PreviousSize = 3;
    ExAllocatePoolWithTag(NonPagedPoolNx, POOL_QUARTER, TEST_TAG);
}

/* ---- free lists: (3, entry, read-back Flink, read-back Blink) -------------------------------- */

/* A stale pointer's owner writes to his block: one word leads elsewhere. */
CRASH_TEST(DamageFlink, "pool/write-after-free-to-a-forward-link",
           "0x19 0x3 $block 0x1122334455667788 $block",
           "contract 4.2: 3 free list damaged (entry, read-back Flink, read-back Blink)")
{
    ExpUseCaches(FALSE);
    LayOut(PoolKindNonPagedNx);
    PLIST_ENTRY Links = Quarters[1], Elsewhere = Quarters[3];
    Elsewhere->Blink = (PLIST_ENTRY)0x1122334455667788;
    ExFreePool(Links);
    TestAnnounce("block", (ULONG_PTR)Links);
    Links->Flink = Elsewhere;
    ExAllocatePoolWithTag(NonPagedPoolNx, POOL_QUARTER, TEST_TAG);
}

/* What is no address of the pool is not even followed. */
CRASH_TEST(DamageBlink, "pool/write-after-free-of-no-pool-address",
           "0x19 0x3 $block $block 0x4141414141414141",
           "contract 4.2: 3 free list damaged (entry, read-back Flink, read-back Blink)")
{
    ExpUseCaches(FALSE);
    LayOut(PoolKindPaged);
    PLIST_ENTRY Links = Quarters[1];
    ExFreePool(Links);
    TestAnnounce("block", (ULONG_PTR)Links);
    RtlFillMemory(&Links->Blink, sizeof(Links->Blink), 'A');
    ExAllocatePoolWithTag(PagedPool, POOL_QUARTER, TEST_TAG);
}

/* Found when a neighbour is freed and merges, too. */
CRASH_TEST(DamageMerge, "pool/broken-links-of-a-free-neighbour",
           "0x19 0x3 $block 0x4242424242424242 $block",
           "contract 4.2: 3 free list damaged (entry, read-back Flink, read-back Blink)")
{
    ExpUseCaches(FALSE);
    LayOut(PoolKindNonPagedNx);
    PLIST_ENTRY Links = Quarters[2];
    ExFreePool(Links);
    TestAnnounce("block", (ULONG_PTR)Links);
    RtlFillMemory(&Links->Flink, sizeof(Links->Flink), 'B');
    ExFreePool(Quarters[1]);
}
