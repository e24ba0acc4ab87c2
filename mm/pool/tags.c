/*
 * tags.c - what each tag has cost: the source of !poolused, for allocate.c and free.c.
 *
 * A tag gets a slot of an open hash table at its first allocation and keeps it for good, since the
 * counts must outlive the driver. So a slot is found without a lock: a compare-and-exchange claims
 * an empty one, and nothing ever moves. A tag that finds no slot within a few probes never will, so
 * it is counted behind the table under 'Ovfl', at every allocation and every free alike (POOL-11).
 * The keys lie apart from the counters: a search touches one cache line, and the counters can
 * become a set for each processor without a change to anything else. Only ExpReadTagSlot reads
 * them.
 */
#include "mm/pool/pool.h"

#define PROBES 16

typedef struct _POOL_TAG_COUNTERS {
    ULONG64 Allocs, Frees, Bytes;
} POOL_TAG_COUNTERS, *PPOOL_TAG_COUNTERS;

static ULONG64 ExpTagFailures[POOL_TAG_SLOTS + 1][PoolLevelCount];
static ULONG ExpTagKeys[POOL_TAG_SLOTS + 1];
static POOL_TAG_COUNTERS ExpTagCounters[POOL_TAG_SLOTS + 1][2]; /* nonpaged, paged */

static inline ULONG ExpTagHome(ULONG Tag)
{
    ULONG Product = Tag * 40543U;
    return (Product ^ (Product >> 16)) & (POOL_TAG_SLOTS - 1);
}

static __attribute__((noinline)) ULONG ExpProbe(ULONG Tag, ULONG Home)
{
    if (Tag == 0) { /* a header that was overwritten */
        return POOL_TAG_SLOTS;
    }
    for (ULONG i = 0; i < PROBES; i++) {
        ULONG Slot = (Home + i) & (POOL_TAG_SLOTS - 1);
        ULONG Key = 0;
        if (__atomic_compare_exchange_n(&ExpTagKeys[Slot], &Key, Tag, FALSE, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED) ||
            Key == Tag) {
            return Slot;
        }
    }
    return POOL_TAG_SLOTS;
}

static inline ULONG ExpSlotOf(ULONG Tag)
{
    Tag &= ~PROTECTED_POOL;
    ULONG Slot = ExpTagHome(Tag);
    if (ExpTagKeys[Slot] != Tag || Tag == 0) {
        Slot = ExpProbe(Tag, Slot);
    }
    return Slot;
}

static inline PPOOL_TAG_COUNTERS ExpCountersOf(ULONG Tag, POOL_KIND Kind)
{
    return &ExpTagCounters[ExpSlotOf(Tag)][Kind == PoolKindPaged];
}

VOID ExpCountAllocation(ULONG Tag, POOL_KIND Kind, SIZE_T Bytes)
{
    PPOOL_TAG_COUNTERS Counters = ExpCountersOf(Tag, Kind);
    __atomic_fetch_add(&Counters->Allocs, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&Counters->Bytes, Bytes, __ATOMIC_RELAXED);
}

VOID ExpCountFree(ULONG Tag, POOL_KIND Kind, SIZE_T Bytes)
{
    PPOOL_TAG_COUNTERS Counters = ExpCountersOf(Tag, Kind);
    __atomic_fetch_add(&Counters->Frees, 1, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&Counters->Bytes, Bytes, __ATOMIC_RELAXED);
}

VOID ExpCountTagFailure(ULONG Tag, POOL_LEVEL Level)
{
    __atomic_fetch_add(&ExpTagFailures[ExpSlotOf(Tag)][Level], 1, __ATOMIC_RELAXED);
}

BOOLEAN ExpReadTagSlot(ULONG Slot, PPOOL_TAG_USAGE Usage)
{
    const POOL_TAG_COUNTERS *NonPaged = &ExpTagCounters[Slot][0];
    const POOL_TAG_COUNTERS *Paged = &ExpTagCounters[Slot][1];
    *Usage = (POOL_TAG_USAGE){
        .Tag = Slot == POOL_TAG_SLOTS ? POOL_TAG_OVERFLOW : ExpTagKeys[Slot],
        .NonPagedAllocs = NonPaged->Allocs,
        .NonPagedFrees = NonPaged->Frees,
        .NonPagedBytes = NonPaged->Bytes,
        .PagedAllocs = Paged->Allocs,
        .PagedFrees = Paged->Frees,
        .PagedBytes = Paged->Bytes,
    };
    ULONG64 Counts =
        Usage->NonPagedAllocs | Usage->PagedAllocs | Usage->NonPagedFrees | Usage->PagedFrees;
    for (ULONG i = 0; i < PoolLevelCount; i++) {
        Usage->Failures[i] = ExpTagFailures[Slot][i];
        Counts |= Usage->Failures[i];
    }
    return Usage->Tag != 0 && Counts != 0;
}

BOOLEAN ExpQueryTag(ULONG Tag, PPOOL_TAG_USAGE Usage)
{
    for (ULONG Slot = 0; Slot <= POOL_TAG_SLOTS; Slot++) {
        if (ExpReadTagSlot(Slot, Usage) && Usage->Tag == (Tag & ~PROTECTED_POOL)) {
            return TRUE;
        }
    }
    *Usage = (POOL_TAG_USAGE){.Tag = Tag};
    return FALSE;
}
