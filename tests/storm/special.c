/*
 * special.c - storms under the verifier: blocks of all pools, filled by one processor and freed by
 * another. In special pool addresses and pages go around while everybody touches theirs; with pool
 * tracking so do the records.
 */
#include "mm/pool/track.h"
#include "tests/pool/special_cases.h"
#include "tests/storm/storm.h"

#define SLOTS 64

/* What lies at the start of each block; the rest is filled with Fill. */
typedef struct _STORM_BLOCK {
    ULONG Bytes;
    UCHAR Fill;
} STORM_BLOCK;

static STORM_BLOCK *Slots[SLOTS];

static BOOLEAN InSpecialPool;

static __attribute__((noipa)) STORM_BLOCK *TakeBlock(PSTORM_THREAD Me)
{
    static const EX_POOL_PRIORITY Priorities[] = {HighPoolPriority,
                                                  HighPoolPrioritySpecialPoolUnderrun};
    ULONG Bytes = sizeof(STORM_BLOCK) + StormRandom(Me, PAGE_SIZE - sizeof(STORM_BLOCK));
    STORM_BLOCK *Block =
        ExAllocatePoolWithTagPriority(PoolCases[StormRandom(Me, PoolKindCount)].Type, Bytes,
                                      TEST_TAG, Priorities[StormRandom(Me, 2)]);
    STORM_CHECK(SpecialIs(Block) == InSpecialPool);
    Block->Bytes = Bytes;
    Block->Fill = (UCHAR)StormRandom(Me, 256);
    RtlFillMemory(Block + 1, Bytes - sizeof(STORM_BLOCK), Block->Fill);
    return Block;
}

static VOID FreeBlock(STORM_BLOCK *Block)
{
    if (Block != NULL) {
        STORM_CHECK(PoolIsFilled(Block, Block->Fill, sizeof(STORM_BLOCK), Block->Bytes));
        ExFreePoolWithTag(Block, TEST_TAG);
    }
}

static VOID Exchange(PSTORM_THREAD Me)
{
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        STORM_BLOCK *Mine = StormRandom(Me, 4) == 0 ? NULL : TakeBlock(Me);
        FreeBlock(__atomic_exchange_n(&Slots[StormRandom(Me, SLOTS)], Mine, __ATOMIC_ACQ_REL));
        StormPause(Me);
    }
}

static VOID FreeSlots(VOID)
{
    for (ULONG i = 0; i < SLOTS; i++) {
        FreeBlock(Slots[i]);
        Slots[i] = NULL;
    }
}

static ULONG LiveBlocks(VOID)
{
    ULONG Live = 0;
    for (ULONG i = 0; i < MI_SPECIAL_PARTS; i++) {
        Live += MiSpecialParts[i].Live;
    }
    return Live;
}

STORM(SpecialStorm, "storm/special-pool/blocks-go-around", "SPECIAL-2, SPECIAL-3")
{
    SpecialOn("special-pool:Test");
    InSpecialPool = TRUE;
    ULONG Before = LiveBlocks(), Limit = MiSpecialParts[0].Limit;
    MiSpecialParts[0].Limit = MiSpecialParts[0].Records + SLOTS + STORM_MAX_THREADS;
    StormRun(StormThreads(), Exchange, StormEach(1500));
    FreeSlots();
    MiSpecialParts[0].Limit = Limit;
    STORM_CHECK(LiveBlocks() == Before);
    SpecialOff();
}

/* Every check of the verifier at once, in the ordinary pools. */
STORM(TrackedStorm, "storm/special-pool/tracked-blocks-go-around", "TRACK-1, TRACK-2")
{
    KI_SYMBOL_INFORMATION Next;
    SpecialOn("pool,pool-tracking,ddi");
    InSpecialPool = FALSE;
    STORM_CHECK(KiQuerySymbol(KiFindSymbolAt((PVOID)TakeBlock) + 1, &Next));
    POOL_OWNER Owner = {
        .Start = (ULONG_PTR)TakeBlock, .End = (ULONG_PTR)Next.Address, .Name = "storm"};
    ExpAddOwner(&Owner);
    StormRun(StormThreads(), Exchange, StormEach(1500));
    FreeSlots();
    for (ULONG i = 0; i < ARRAYSIZE(Owner.Use); i++) {
        STORM_CHECK(Owner.Use[i].Allocations == 0 && Owner.Use[i].Bytes == 0);
        STORM_CHECK(Owner.Use[i].PeakAllocations > 1);
    }
    ExpRemoveOwner(&Owner);
    SpecialOff();
}
