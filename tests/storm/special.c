/*
 * special.c - a storm in special pool: blocks of all pools and both edges, filled by one processor
 * and freed by another, so that addresses and pages go around while all of them touch theirs.
 */
#include "tests/pool/special_cases.h"
#include "tests/storm/storm.h"

#define SLOTS 64

/* What lies at the start of each block; the rest is filled with Fill. */
typedef struct _STORM_BLOCK {
    ULONG Bytes;
    UCHAR Fill;
} STORM_BLOCK;

static STORM_BLOCK *Slots[SLOTS];

static STORM_BLOCK *TakeBlock(PSTORM_THREAD Me)
{
    static const EX_POOL_PRIORITY Priorities[] = {HighPoolPriority,
                                                  HighPoolPrioritySpecialPoolUnderrun};
    ULONG Bytes = sizeof(STORM_BLOCK) + StormRandom(Me, PAGE_SIZE - sizeof(STORM_BLOCK));
    STORM_BLOCK *Block =
        ExAllocatePoolWithTagPriority(PoolCases[StormRandom(Me, PoolKindCount)].Type, Bytes,
                                      TEST_TAG, Priorities[StormRandom(Me, 2)]);
    STORM_CHECK(SpecialIs(Block));
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
    ULONG Before = LiveBlocks(), Limit = MiSpecialParts[0].Limit;
    MiSpecialParts[0].Limit = MiSpecialParts[0].Records + SLOTS + STORM_MAX_THREADS;
    StormRun(StormThreads(), Exchange, StormEach(4000));
    for (ULONG i = 0; i < SLOTS; i++) {
        FreeBlock(Slots[i]);
        Slots[i] = NULL;
    }
    MiSpecialParts[0].Limit = Limit;
    STORM_CHECK(LiveBlocks() == Before);
    SpecialOff();
}
