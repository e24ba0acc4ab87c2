/*
 * platform.c - what the caches of the pools ask of the kernel and is no single instruction: the
 * lock of who empties them, keys, processors that come. For cache.c and the start-up.
 */
#include "kernel/hal/hal.h"
#include "kernel/rtl/section.h"
#include "mm/pool/cache.h"
#include "mm/pressure.h"

_Static_assert(POOL_CACHE_OFFSET == KI_POOL_OFFSET && sizeof(POOL_CACHE) <= KI_POOL_BYTES,
               "a processor's record has room for its part of the pools");
_Static_assert(MI_NONPAGED_POOL >> POOL_SLOT_SHIFT == POOL_SLOT_NONPAGED &&
                   MI_PAGED_POOL >> POOL_SLOT_SHIFT == POOL_SLOT_PAGED,
               "cache.S");

static KSPIN_LOCK ExpDrainLocks[PoolKindCount];
static FAST_MUTEX ExpPagedDrainMutex;
SIZE_T ExpStatePages;

/* Blocks of paged pool are touched while it is held: at APC_LEVEL, by a thread that may wait. */
ULONG64 ExpLockDrain(POOL_KIND Kind)
{
    if (Kind == PoolKindPaged) {
        ExAcquireFastMutex(&ExpPagedDrainMutex);
        return 0;
    }
    return KeAcquireSpinLockRaiseToDpc(&ExpDrainLocks[Kind]);
}

VOID ExpUnlockDrain(POOL_KIND Kind, ULONG64 State)
{
    if (Kind == PoolKindPaged) {
        ExReleaseFastMutex(&ExpPagedDrainMutex);
    } else {
        KeReleaseSpinLock(&ExpDrainLocks[Kind], (KIRQL)State);
    }
}

/* One at a time, whoever comes: two blocks may have their states in one page. */
BOOLEAN ExpBackState(PPOOL_BIG_STATE State)
{
    static POOL_LOCK Lock;
    if (ExpIsStateBacked(State)) {
        return TRUE;
    }
    ULONG64 Flags = ExpAcquireSpin(&Lock);
    BOOLEAN Backed = ExpIsStateBacked(State);
    if (!Backed && MiBackMapPage(PAGE_ALIGN(State))) {
        ExpStatePages++;
        Backed = TRUE;
    }
    ExpReleaseSpin(&Lock, Flags);
    return Backed;
}

/* The time stamp counter at some moment of start-up, spread over all bits. */
INIT ULONG64 ExpDrawKey(VOID)
{
    static ULONG64 Last = 0x9E3779B97F4A7C15ULL;           /* 2^64 over the golden ratio, odd */
    Last = (Last ^ HalpReadTsc()) * 0xBF58476D1CE4E5B9ULL; /* a factor of splitmix64 */
    Last ^= Last >> 31;
    return Last != 0 ? Last : 1;
}

INIT VOID ExpInitializePlatform(VOID)
{
    ExInitializeFastMutex(&ExpPagedDrainMutex);
    KiModeRoutine = ExpReviewFastPaths;
    MiProvidePlentyRoutine(ExpSetPlenty);
}

INIT VOID ExpJoinProcessor(ULONG Processor)
{
    ExpInitializeCache(ExpCacheOf(Processor), ExpNodeOf(Processor));
}
