/*
 * tags.c - what each tag has cost: the source of !poolused, for allocate.c, free.c and cache.S.
 *
 * A tag gets a slot of an open hash table at its first allocation and keeps it for good, since the
 * counts must outlive the driver. So a slot is found without a lock: a compare-and-exchange claims
 * an empty one, and nothing ever moves. A tag that finds no slot within a few probes never will, so
 * it is counted behind the table under 'Ovfl', at every allocation and every free alike (POOL-11).
 *
 * Each processor counts in a set of counters of its own (POOL_CACHE), by single additions that no
 * interrupt can split; a block may be counted as allocated by one and as freed by another. Only
 * ExpReadTagSlot adds them up. It also keeps the largest sum of bytes that it has seen: a peak that
 * nobody looked at is not known.
 *
 * Slot 0 belongs to no tag, since a tag of 0, which is none, hashes to it.
 */
#include "mm/pool/cache.h"

#define PROBES 16

static ULONG64 ExpTagFailures[POOL_TAG_COUNTERS][PoolLevelCount];
static ULONG64 ExpTagPeaks[POOL_TAG_COUNTERS][2]; /* nonpaged, paged */
ULONG ExpTagKeys[POOL_TAG_COUNTERS] = {
    [0] = PROTECTED_POOL,
    [POOL_SLOT_OVERFLOW] = POOL_TAG_OVERFLOW,
    [POOL_SLOT_BIG] = POOL_TAG_BIG,
};

static inline ULONG ExpTagHome(ULONG Tag)
{
    return (ULONG)(Tag * POOL_TAG_HASH) >> POOL_TAG_SHIFT;
}

static __attribute__((noinline)) ULONG ExpProbe(ULONG Tag, ULONG Home)
{
    if (Tag == 0 || Tag == POOL_TAG_BIG) { /* 0: a header that was overwritten */
        return Tag == 0 ? POOL_SLOT_OVERFLOW : POOL_SLOT_BIG;
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
    return POOL_SLOT_OVERFLOW;
}

ULONG ExpSlotOf(ULONG Tag)
{
    Tag &= ~PROTECTED_POOL;
    ULONG Slot = ExpTagHome(Tag);
    return ExpTagKeys[Slot] == Tag ? Slot : ExpProbe(Tag, Slot);
}

VOID ExpCountAllocation(ULONG Slot, POOL_KIND Kind, SIZE_T Granules)
{
    BOOLEAN Paged = Kind == PoolKindPaged;
    ExpAddHere(offsetof(POOL_CACHE, Allocs[Paged][Slot]), 1);
    ExpAddHere(offsetof(POOL_CACHE, Granules[Paged][Slot]), Granules);
}

VOID ExpCountFree(ULONG Slot, POOL_KIND Kind, SIZE_T Granules)
{
    BOOLEAN Paged = Kind == PoolKindPaged;
    ExpAddHere(offsetof(POOL_CACHE, Frees[Paged][Slot]), 1);
    ExpAddHere(offsetof(POOL_CACHE, Granules[Paged][Slot]), 0 - Granules);
}

VOID ExpCountTagFailure(ULONG Tag, POOL_LEVEL Level)
{
    __atomic_fetch_add(&ExpTagFailures[ExpSlotOf(Tag)][Level], 1, __ATOMIC_RELAXED);
}

/* Frees first: so the sum never shows more of them than of allocations. */
static VOID ExpSumCounters(ULONG Slot, PPOOL_TAG_USAGE Usage)
{
    const POOL_CACHE *Cache;
    for (ULONG i = 0; (Cache = ExpCacheOf(i)) != NULL; i++) {
        Usage->NonPagedFrees += __atomic_load_n(&Cache->Frees[0][Slot], __ATOMIC_RELAXED);
        Usage->PagedFrees += __atomic_load_n(&Cache->Frees[1][Slot], __ATOMIC_RELAXED);
    }
    for (ULONG i = 0; (Cache = ExpCacheOf(i)) != NULL; i++) {
        Usage->NonPagedAllocs += __atomic_load_n(&Cache->Allocs[0][Slot], __ATOMIC_RELAXED);
        Usage->PagedAllocs += __atomic_load_n(&Cache->Allocs[1][Slot], __ATOMIC_RELAXED);
        Usage->NonPagedBytes += Cache->Granules[0][Slot] * POOL_GRANULE;
        Usage->PagedBytes += Cache->Granules[1][Slot] * POOL_GRANULE;
    }
}

static ULONG64 ExpRaisePeak(PULONG64 Peak, ULONG64 Bytes)
{
    if ((LONG64)Bytes > (LONG64)*Peak) { /* below 0 for a moment while a block changes hands */
        *Peak = Bytes;
    }
    return *Peak;
}

BOOLEAN ExpReadTagSlot(ULONG Slot, PPOOL_TAG_USAGE Usage)
{
    *Usage = (POOL_TAG_USAGE){.Tag = ExpTagKeys[Slot]};
    ExpSumCounters(Slot, Usage);
    Usage->NonPagedPeak = ExpRaisePeak(&ExpTagPeaks[Slot][0], Usage->NonPagedBytes);
    Usage->PagedPeak = ExpRaisePeak(&ExpTagPeaks[Slot][1], Usage->PagedBytes);
    ULONG64 Counts =
        Usage->NonPagedAllocs | Usage->PagedAllocs | Usage->NonPagedFrees | Usage->PagedFrees;
    for (ULONG i = 0; i < PoolLevelCount; i++) {
        Usage->Failures[i] = ExpTagFailures[Slot][i];
        Counts |= Usage->Failures[i];
    }
    return Slot != 0 && Usage->Tag != 0 && Counts != 0;
}

BOOLEAN ExpQueryTag(ULONG Tag, PPOOL_TAG_USAGE Usage)
{
    for (ULONG Slot = 0; Slot <= POOL_SLOT_LAST; Slot++) {
        if (ExpTagKeys[Slot] == (Tag & ~PROTECTED_POOL) && ExpReadTagSlot(Slot, Usage)) {
            return TRUE;
        }
    }
    *Usage = (POOL_TAG_USAGE){.Tag = Tag};
    return FALSE;
}
