/*
 * nodes.c - a storm over the pools of NUMA machines: blocks pass from thread to thread and so from
 * node to node, and each is back with its node in the end.
 */
#include "tests/pool/pool_cases.h"
#include "tests/storm/storm.h"

#define SLOTS    64
#define NODE_TAG 'edoN'

static PVOID Slots[SLOTS];

/* Puts a new block into a slot, and frees what was there: mostly what another thread took. */
static VOID Exchange(PSTORM_THREAD Me)
{
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        SIZE_T Bytes = 1 + StormRandom(Me, StormRandom(Me, 4) != 0 ? 200 : 2 * PAGE_SIZE);
        PVOID New =
            StormRandom(Me, 3) == 0 ? NULL : ExAllocatePoolWithTag(NonPagedPoolNx, Bytes, NODE_TAG);
        if (New != NULL) {
            RtlFillMemory(New, Bytes, (UCHAR)Me->Number);
        }
        PVOID Old = __atomic_exchange_n(&Slots[StormRandom(Me, SLOTS)], New, __ATOMIC_ACQ_REL);
        if (Old != NULL) {
            ExFreePoolWithTag(Old, NODE_TAG);
        }
        if (StormRandom(Me, 16) == 0) {
            StormPause(Me);
        }
    }
}

/* NODE-4: nothing changes the lists now, all threads have ended. */
static VOID CheckListsOf(const POOL_CACHE *Cache)
{
    for (POOL_KIND Kind = 0; Kind < PoolKindPaged; Kind++) {
        for (ULONG Granules = 0; Granules < POOL_CLASSES; Granules++) {
            ULONG64 Word = Cache->Heads[Kind][Granules];
            for (ULONG Left = Word & 0xFFFF; Left > 0 && StormGoesOn(); Left--) {
                PPOOL_HEADER Header = ExpHeaderOf((PVOID)((LONG64)Word >> 16));
                STORM_CHECK(Header->PoolIndex == (Cache->NodeBits | Kind));
                Word = Header->Seal;
            }
        }
    }
}

static VOID ExchangeAndCheck(VOID)
{
    POOL_TAG_USAGE Usage;
    StormRun(StormThreads(), Exchange, StormEach(8000));
    for (ULONG i = 0; i < SLOTS; i++) {
        PoolFreeIfAny(Slots[i]);
        Slots[i] = NULL;
    }
    for (ULONG i = 0; ExpCacheOf(i) != NULL; i++) {
        CheckListsOf(ExpCacheOf(i));
    }
    PoolCheck(PoolKindNonPagedNx);
    ExpQueryTag(NODE_TAG, &Usage);
    STORM_CHECK(Usage.NonPagedAllocs == Usage.NonPagedFrees && Usage.NonPagedBytes == 0);
}

STORM(NodeBlocks, "storm/nodes/blocks-stay-with-their-node", "NODE-4, POOL-3")
{
    BOOLEAN Checked = KiCheckedMode;
    ExchangeAndCheck();
    KiSetCheckedMode(FALSE);
    ExchangeAndCheck();
    KiSetCheckedMode(Checked);
}
