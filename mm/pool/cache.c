/*
 * cache.c - blocks that were freed and stay with their processor, for the next one who wants one.
 *
 * Theory. Most frees are followed by an allocation of the same size on the same processor. So each
 * processor keeps lists of free blocks, one a size, for each kind of pool; cache.S takes from and
 * puts to them in a few instructions. Nobody else touches them: no lock, no interlocked operation;
 * an interrupt in the middle makes the few instructions begin anew (kernel/ke/restart.h).
 *
 *   list word    | address of the first block, bits 0..47 | count 16 |
 *   seal field   | the word that the list had before this block       |   of a block on a list
 *                | key ^ size ^ own address, and its tag's slot 16   |   of a block in use
 *
 * A list's word holds how many blocks there are, so that a push knows when the list is full, and
 * the words of a list lie in its blocks: taking the first one means storing the word found in it.
 * The same 8 bytes of a block in use hold its seal. The key is drawn at start, one for each pool.
 * A pointer that is freed is a block of this pool and in use if its seal is right, and can hardly
 * be right by chance or on purpose; a second free finds a list's word there, and a size that was
 * written over opens no seal. The tag's slot in the seal saves the search for it.
 *
 * How much is kept. Small blocks (up to 512 bytes with header) have lists that begin short and
 * double whenever one overflows, up to 80 KiB a list. One that overflows at its greatest length
 * gives all it has, as a chain, to the depot, where a processor whose list is empty finds it: what
 * one processor allocates and another frees travels in chains, not in blocks. Larger blocks have
 * few sizes (a multiple of 128 bytes), short lists and no depot. What finds no room goes to the
 * pool and is merged. Whole pages (big_cache.c) are kept only while there is plenty of them. When
 * pages run out, all of it goes to the pool.
 *
 *   CACHE-1  A block on a list has PoolType POOL_BLOCK_CACHED, the size of the list, and the word
 *            of the rest of the list in place of a seal. For the pool it is a block in use.
 *   CACHE-2  A list's word counts its blocks; no list is longer than its Depth was at the last
 *            push, but for a chain that came whole from the depot.
 *   CACHE-3  A processor's lists are changed by that processor only, by one store.
 *   CACHE-4  A block in use has a seal, made with its pool's key, its size, its address and its
 *            tag's slot.
 *   CACHE-5  No request fails for want of pages while a processor keeps a block of that pool. (A
 *            chain on its way to or from a depot is nobody's for a moment, and not called back.)
 *   CACHE-6  A request is not given a block whose PoolType is not what CACHE-1 says; in free mode
 *            that is seen for all values but five next to it.
 *   NODE-4   A processor's lists have nonpaged blocks of one node only, its own (or, if that has no
 *            memory, the nearest). A free on another node finds a seal that its processor's key
 *            does not open, and goes by the header to the pool that the block is of. Wherever a
 *            processor and what it has of a key could part, cache.S says how a thread goes on that
 *            was stopped there and may run on another node's processor now.
 */
#include "mm/pool/cache.h"
#include "kernel/rtl/section.h"

#define STEP          8 /* granules; blocks above POOL_EXACT_LIMIT are a multiple of it */
#define FIRST_DEPTH   16
#define MEDIUM_DEPTH  10 /* up to MEDIUM_LIMIT granules, */
#define MEDIUM_LIMIT  128
#define LARGE_DEPTH   3       /* above */
#define LIST_BYTES    0x14000 /* 1,024 blocks of 80 bytes */
#define LARGEST_DEPTH 1024    /* blocks in a list */

/* Subcodes of BAD_POOL_HEADER: the header of a freed block was modified, a list is damaged. */
#define BAD_CACHED_HEADER 0x24
#define BAD_CACHED_LINK   0x03

UCHAR ExpBlockGranules[POOL_CLASSES];
ULONG64 ExpSizeMixes[POOL_CLASSES];
static USHORT ExpLargestDepths[POOL_CLASSES];
static USHORT ExpFirstDepths[POOL_CLASSES];
static BOOLEAN ExpCachesUsed, ExpPlenty = TRUE;
static ULONG ExpWatchers;

/* ---- lengths --------------------------------------------------------------------------------- */

static INIT VOID ExpChooseSizes(VOID)
{
    for (ULONG i = 1; i < POOL_CLASSES; i++) {
        ULONG Granules = i + 1; /* and the header's */
        if (Granules > POOL_EXACT_LIMIT) {
            Granules = (Granules + STEP - 1) / STEP * STEP;
        }
        ExpBlockGranules[i] =
            (UCHAR)(Granules < POOL_PAGE_GRANULES ? Granules : POOL_PAGE_GRANULES - 1);
    }
}

static INIT VOID ExpChooseDepths(VOID)
{
    for (ULONG j = 1; j < POOL_CLASSES; j++) {
        ULONG i = ExpBlockGranules[j]; /* other sizes (cache-aligned blocks) have no list */
        ULONG Largest = LIST_BYTES / (i * POOL_GRANULE);
        if (i > POOL_EXACT_LIMIT) {
            Largest = i <= MEDIUM_LIMIT ? MEDIUM_DEPTH : LARGE_DEPTH;
        }
        Largest = Largest < LARGEST_DEPTH ? Largest : LARGEST_DEPTH;
        ExpLargestDepths[i] = (USHORT)Largest;
        ExpFirstDepths[i] = (USHORT)(Largest < FIRST_DEPTH ? Largest : FIRST_DEPTH);
    }
}

/* Whether cache.S serves the common requests of a mode. */
static BOOLEAN ExpUsesFastPaths(BOOLEAN Checked)
{
    return ExpWatchers == 0 && KiCheckedMode == Checked;
}

static BOOLEAN ExpKeepsPages(VOID)
{
    return ExpCachesUsed && ExpPlenty && ExpUsesFastPaths(FALSE);
}

static VOID ExpSetDepths(PPOOL_CACHE Cache)
{
    for (ULONG Kind = 0; Kind < PoolKindCount; Kind++) {
        for (ULONG i = 0; i < POOL_CLASSES; i++) {
            Cache->Depths[Kind][i] = ExpCachesUsed ? ExpFirstDepths[i] : 0;
        }
    }
}

VOID ExpFillKeys(PPOOL_CACHE Cache)
{
    for (ULONG i = 0; i < POOL_CACHE_CLASSES; i++) {
        Cache->Keys[i] = Cache->Key ^ ExpSizeMixes[i];
        Cache->PagedKeys[i] = Cache->PagedKey ^ ExpSizeMixes[i];
        Cache->FreeKeys[i] = Cache->FreeKey ^ ExpSizeMixes[i];
    }
}

/*
 * The processor may be in the middle of cache.S: what it began there is finished with the same
 * keys.
 */
static VOID ExpSetFastPath(PPOOL_CACHE Cache)
{
    BOOLEAN Use = ExpUsesFastPaths(FALSE);
    ExpSetBigDepths(Cache, ExpKeepsPages());
    Cache->FreeKey = Use ? Cache->Key : ~Cache->Key;
    ExpFillKeys(Cache);
    Cache->FastLimit = Use ? POOL_SMALL_LIMIT : 0;
    Cache->CheckedLimit = ExpUsesFastPaths(TRUE) ? POOL_SMALL_LIMIT : 0;
}

/* NODE-4. A node without a descriptor has no memory, or none to spare. */
VOID ExpInitializeCache(PPOOL_CACHE Cache, ULONG Node)
{
    const UCHAR *Hops = ExpHopsOf(Node);
    while (ExpPoolTable[ExpIndexOf(PoolKindNonPagedNx, *Hops)] == NULL || !ExpHasMemory(*Hops)) {
        Hops++;
    }
    Cache->NodeBits = ExpIndexOf(PoolKindNonPagedNx, *Hops);
    Cache->Key = ExpPoolKeys[Cache->NodeBits | PoolKindNonPagedNx];
    Cache->PagedKey = ExpPools[PoolKindPaged].Key;
    ULONG Index = (ULONG)Cache->NodeBits << INDEX_SHIFT;
    Cache->Listed = Index | (ULONG)POOL_BLOCK_CACHED << TYPE_SHIFT;
    Cache->Used = Index | (ULONG)POOL_BLOCK_IN_USE << TYPE_SHIFT;
    ULONG64 Difference = Cache->Key ^ Cache->PagedKey;
    Cache->PagedTurn = Difference << (64 - POOL_SEAL_SHIFT) | Difference >> POOL_SEAL_SHIFT;
    ExpSetDepths(Cache);
    ExpSetFastPath(Cache);
}

INIT VOID ExpInitializeCaches(VOID)
{
    ExpChooseSizes();
    for (ULONG i = 0; i < POOL_CLASSES; i++) {
        ExpSizeMixes[i] = ExpMixSize(i);
    }
    ExpChooseDepths();
    ExpCachesUsed = TRUE;
    ExpInitializeCache(ExpCacheOf(0), ExpNodeOf(0));
}

VOID ExpReviewFastPaths(VOID)
{
    for (ULONG i = 0; ExpCacheOf(i) != NULL; i++) {
        ExpSetFastPath(ExpCacheOf(i));
    }
}

VOID ExpSetPlenty(BOOLEAN Plenty)
{
    if (Plenty == ExpPlenty) {
        return;
    }
    ExpPlenty = Plenty;
    for (ULONG i = 0; ExpCacheOf(i) != NULL; i++) {
        ExpSetBigDepths(ExpCacheOf(i), ExpKeepsPages());
    }
    if (!Plenty) {
        ExpDrainCaches(PoolKindNonPagedNx);
    }
}

VOID ExpWatchRequests(POOL_WATCHER Watcher, BOOLEAN Watch)
{
    if (Watch) {
        __atomic_fetch_or(&ExpWatchers, Watcher, __ATOMIC_RELAXED);
    } else {
        __atomic_fetch_and(&ExpWatchers, ~(ULONG)Watcher, __ATOMIC_RELAXED);
    }
    ExpReviewFastPaths();
}

VOID ExpUseCaches(BOOLEAN Use)
{
    ExpCachesUsed = Use;
    for (ULONG i = 0; ExpCacheOf(i) != NULL; i++) {
        ExpSetDepths(ExpCacheOf(i));
        ExpSetBigDepths(ExpCacheOf(i), ExpKeepsPages());
    }
    for (ULONG Kind = 0; !Use && Kind < PoolKindCount; Kind++) {
        ExpDrainCaches((POOL_KIND)Kind);
    }
}

/* ---- chains ---------------------------------------------------------------------------------- */

/* The first block of a chain; the address's upper bits are all equal (or all 0, on the host). */
static inline PPOOL_HEADER ExpFirstOfChain(ULONG64 Chain)
{
    return ExpHeaderOf((PVOID)((LONG64)Chain >> POOL_WORD_SHIFT));
}

/*
 * A block that left a list is one still, or somebody wrote over its header: 0x19/0x24. What its
 * word leads to is of the same kind of pool: 0x19/0x03. Checked mode looks at each, drains at all;
 * cache.S asks the type only in free mode.
 */
PPOOL_DESCRIPTOR ExpCheckCached(POOL_KIND Kind, PPOOL_HEADER Header, ULONG Granules)
{
    PPOOL_DESCRIPTOR Pool = ExpPoolOfBlock(Kind, Header);
    if (Header->PoolType != POOL_BLOCK_CACHED || Header->BlockSize != Granules ||
        Header->PoolIndex != Pool->Index) {
        KeBugCheckEx(BAD_POOL_HEADER, BAD_CACHED_HEADER, (ULONG_PTR)Header, *(PULONG64)Header,
                     (ULONG_PTR)Pool);
    }
    PVOID Next = (PVOID)((LONG64)Header->Seal >> POOL_WORD_SHIFT);
    if (Header->Seal != 0 &&
        (ExpKindOfAddress(Next) != Kind || (ULONG_PTR)Next % POOL_GRANULE != 0)) {
        KeBugCheckEx(BAD_POOL_HEADER, BAD_CACHED_LINK, (ULONG_PTR)(Header + 1), (ULONG_PTR)Next, 0);
    }
    return Pool;
}

VOID NTAPI ExpReportListed(PVOID Block)
{
    PPOOL_HEADER Header = ExpHeaderOf(Block);
    POOL_KIND Kind = ExpKindOfAddress(Block);
    Header->PoolType -= (UCHAR)(ExpPools[Kind].BlockType - POOL_BLOCK_CACHED);
    ExpCheckCached(Kind, Header, Header->BlockSize);
}

static VOID ExpReturnChain(POOL_KIND Kind, ULONG64 Chain, ULONG Granules)
{
    while (Chain != 0) {
        PPOOL_HEADER Header = ExpFirstOfChain(Chain);
        PPOOL_DESCRIPTOR Pool = ExpCheckCached(Kind, Header, Granules);
        Chain = Header->Seal;
        Header->PoolType = Pool->BlockType;
        ExpReturnBlock(Pool, Header);
    }
}

/* A chain for a processor that has none of this size; 0 without one. */
static ULONG64 ExpTakeChain(PPOOL_DESCRIPTOR Pool, ULONG Granules)
{
    if (Granules > POOL_EXACT_LIMIT || Pool->Depots[Granules].Count == 0) {
        return 0;
    }
    PPOOL_DEPOT Depot = &Pool->Depots[Granules];
    ULONG64 State = ExpAcquireSpin(&Depot->Lock);
    ULONG64 Chain = Depot->Count == 0 ? 0 : Depot->Chains[--Depot->Count];
    ExpReleaseSpin(&Depot->Lock, State);
    return Chain;
}

static BOOLEAN ExpStoreChain(PPOOL_DESCRIPTOR Pool, ULONG Granules, ULONG64 Chain)
{
    PPOOL_DEPOT Depot = &Pool->Depots[Granules];
    ULONG64 State = ExpAcquireSpin(&Depot->Lock);
    BOOLEAN Room = Depot->Count < POOL_DEPOT_CHAINS;
    if (Room) {
        Depot->Chains[Depot->Count++] = Chain;
    }
    ExpReleaseSpin(&Depot->Lock, State);
    return Room;
}

/* ---- taking and keeping ---------------------------------------------------------------------- */

/* The bits of the processors that may keep a pool's blocks; those of paged pool may be anywhere. */
static inline ULONG64 ExpNodeBits(PPOOL_DESCRIPTOR Pool)
{
    return Pool->Kind == PoolKindPaged ? ExpOwnCache()->NodeBits
                                       : ExpIndexOf(PoolKindNonPagedNx, Pool->Node);
}

PPOOL_DESCRIPTOR ExpOwnPool(POOL_KIND Kind)
{
    return Kind == PoolKindPaged ? &ExpPools[Kind] : ExpPoolTable[ExpOwnCache()->NodeBits | Kind];
}

PPOOL_HEADER ExpTakeCached(POOL_KIND Kind, ULONG Granules)
{
    ULONG64 List = ExpListOf(Kind, Granules), Chain;
    PVOID Block;
    while ((Block = ExpPopCached(List)) == NULL) {
        PPOOL_DESCRIPTOR Pool = ExpOwnPool(Kind);
        Chain = ExpTakeChain(Pool, Granules);
        if (Chain == 0) {
            return NULL;
        }
        if (!ExpInstallCached(List, Chain, ExpNodeBits(Pool))) { /* filled, or another processor */
            ExpReturnChain(Kind, Chain, Granules);
        }
    }
    if (KiCheckedMode) {
        ExpCheckCached(Kind, ExpHeaderOf(Block), Granules);
    }
    return ExpHeaderOf(Block);
}

/* Makes room on a full list. FALSE when it must not grow and the depot is full, too. */
static BOOLEAN ExpMakeRoom(PPOOL_DESCRIPTOR Pool, ULONG Granules)
{
    PUSHORT Depth = &ExpOwnCache()->Depths[Pool->Kind][Granules];
    ULONG Now = *Depth, Largest = ExpLargestDepths[Granules];
    if (Now == 0) {
        return FALSE;
    }
    if (Now < Largest) {
        *Depth = (USHORT)(Now * 2 < Largest ? Now * 2 : Largest);
        return TRUE;
    }
    if (Granules > POOL_EXACT_LIMIT || Pool->Depots[Granules].Count == POOL_DEPOT_CHAINS) {
        return FALSE;
    }
    ULONG64 Chain = ExpDetachCached(ExpListOf(Pool->Kind, Granules));
    if (Chain != 0) {
        /* The thread may have moved on: the chain knows whose it is. */
        PPOOL_DESCRIPTOR Owner = ExpPoolOfBlock(Pool->Kind, ExpFirstOfChain(Chain));
        if (!ExpStoreChain(Owner, Granules, Chain)) {
            ExpReturnChain(Pool->Kind, Chain, Granules);
        }
    }
    return TRUE;
}

/* Blocks of paged pool, and all where there is one node, may be anywhere. */
static inline BOOLEAN ExpHasNode(PPOOL_DESCRIPTOR Pool)
{
    return ExpHighestNode() != 0 && Pool->Kind != PoolKindPaged;
}

static inline BOOLEAN ExpIsForeign(PPOOL_DESCRIPTOR Pool)
{
    return ExpHasNode(Pool) && ExpNodeBits(Pool) != ExpOwnCache()->NodeBits;
}

static inline BOOLEAN ExpPush(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Header, ULONG64 List)
{
    return ExpHasNode(Pool) ? ExpPushCachedOf(Header + 1, List, ExpNodeBits(Pool))
                            : ExpPushCached(Header + 1, List);
}

BOOLEAN ExpKeepCached(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Header, BOOLEAN Full)
{
    ULONG64 List = ExpListOf(Pool->Kind, Header->BlockSize);
    UCHAR PoolType = Header->PoolType;
    Header->PoolType = POOL_BLOCK_CACHED;
    while (Full || !ExpPush(Pool, Header, List)) {
        Full = FALSE;
        if (ExpIsForeign(Pool) || !ExpMakeRoom(Pool, Header->BlockSize)) {
            Header->PoolType = PoolType;
            return FALSE;
        }
    }
    return TRUE;
}

/* ---- giving all back (CACHE-5) --------------------------------------------------------------- */

/* What another processor had; guarded by the lock of who drains. */
typedef struct _POOL_DRAIN {
    POOL_KIND Kind;
    ULONG64 Chains[POOL_CLASSES];
    ULONG64 BigChains[POOL_BIG_LISTS];
} POOL_DRAIN, *PPOOL_DRAIN;

static POOL_DRAIN ExpDrains[PoolKindCount];

/* On the processor that is drained, at any IRQL: touches no block. */
static VOID ExpDetachAll(PVOID Context)
{
    PPOOL_DRAIN Drain = Context;
    for (ULONG i = 0; i < POOL_CLASSES; i++) {
        Drain->Chains[i] = ExpDetachCached(ExpListOf(Drain->Kind, i));
    }
    for (ULONG i = 0; i < POOL_BIG_LISTS && Drain->Kind == PoolKindNonPagedNx; i++) {
        Drain->BigChains[i] = ExpDetachBig(i);
    }
}

static BOOLEAN ExpHasCached(const POOL_CACHE *Cache, POOL_KIND Kind)
{
    for (ULONG i = 0; i < POOL_CLASSES; i++) {
        if (__atomic_load_n(&Cache->Heads[Kind][i], __ATOMIC_RELAXED) != 0) {
            return TRUE;
        }
    }
    for (ULONG i = 0; i < POOL_BIG_LISTS && Kind == PoolKindNonPagedNx; i++) {
        if (__atomic_load_n(&Cache->BigHeads[i], __ATOMIC_RELAXED) != 0) {
            return TRUE;
        }
    }
    return FALSE;
}

static VOID ExpReturnDrained(PPOOL_DRAIN Drain)
{
    for (ULONG i = 0; i < POOL_CLASSES; i++) {
        ExpReturnChain(Drain->Kind, Drain->Chains[i], i);
    }
    for (ULONG i = 0; i < POOL_BIG_LISTS; i++) {
        ExpReturnBigChain(Drain->BigChains[i]);
    }
}

static BOOLEAN ExpDrainDepots(PPOOL_DESCRIPTOR Pool)
{
    BOOLEAN Any = FALSE;
    ULONG64 Chain;
    for (ULONG i = 0; i <= POOL_EXACT_LIMIT; i++) {
        while ((Chain = ExpTakeChain(Pool, i)) != 0) {
            ExpReturnChain(Pool->Kind, Chain, i);
            Any = TRUE;
        }
    }
    return Any;
}

BOOLEAN ExpDrainCaches(POOL_KIND Kind)
{
    PPOOL_DRAIN Drain = &ExpDrains[Kind];
    BOOLEAN Any = FALSE;
    ULONG64 State = ExpLockDrain(Kind);
    Drain->Kind = Kind;
    for (ULONG i = 0; ExpCacheOf(i) != NULL; i++) {
        if (ExpHasCached(ExpCacheOf(i), Kind)) {
            ExpRunOn(i, ExpDetachAll, Drain);
            ExpReturnDrained(Drain);
            Any = TRUE;
        }
    }
    ExpUnlockDrain(Kind, State);
    for (ULONG Node = 0; Node <= (Kind == PoolKindPaged ? 0 : ExpHighestNode()); Node++) {
        PPOOL_DESCRIPTOR Pool = ExpPoolTable[ExpIndexOf(Kind, Node)];
        Any |= Pool != NULL && ExpDrainDepots(Pool);
    }
    return Any;
}
