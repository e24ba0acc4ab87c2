/*
 * big_pages.c - the table of big blocks: which whole pages belong to whom. For allocate.c and
 * free.c.
 *
 * Big blocks have no header, so their tag and size are kept here: NT's big page tracker. The table
 * is hashed by page number with linear probing; a free slot has bit 0 of Va set. Taking an entry
 * out moves later ones of its run up, so that no mark of a deleted entry ever lengthens a search.
 * The table starts in static memory and doubles; its lock is let go while the larger one is
 * fetched. The entries are nonpaged whatever they stand for, and moving them to a larger table
 * happens with interrupts off: some 20 instructions an entry, once in a doubling.
 */
#include "mm/pool/cache.h"

#define FIRST_SIZE 256

static POOL_BIG_BLOCK ExpFirstBigTable[FIRST_SIZE];

static struct {
    POOL_LOCK Lock;
    PPOOL_BIG_BLOCK Slots;
    SIZE_T Size; /* a power of two; 0 until the first block comes */
    SIZE_T Used;
    LONG64 Untracked;
} ExpBigTable;

static inline SIZE_T ExpHomeSlot(ULONG_PTR Va, SIZE_T Size)
{
    return ((Va >> PAGE_SHIFT) * 0x9E3779B97F4A7C15ULL >> 32) & (Size - 1);
}

static VOID ExpClearSlots(PPOOL_BIG_BLOCK Slots, SIZE_T Size)
{
    for (SIZE_T i = 0; i < Size; i++) {
        Slots[i] = (POOL_BIG_BLOCK){.Va = POOL_BIG_FREE};
    }
}

static VOID ExpEnter(PPOOL_BIG_BLOCK Slots, SIZE_T Size, const POOL_BIG_BLOCK *Block)
{
    SIZE_T Slot = ExpHomeSlot(Block->Va, Size);
    while (!(Slots[Slot].Va & POOL_BIG_FREE)) {
        Slot = (Slot + 1) & (Size - 1);
    }
    Slots[Slot] = *Block;
}

/*
 * The slot of Va, or NULL without one, or while a processor keeps the block. Ends at a free slot:
 * there is always one.
 */
static PPOOL_BIG_BLOCK ExpLookUp(ULONG_PTR Va)
{
    if (ExpBigTable.Size == 0) {
        return NULL;
    }
    SIZE_T Slot = ExpHomeSlot(Va, ExpBigTable.Size);
    while (!(ExpBigTable.Slots[Slot].Va & POOL_BIG_FREE)) {
        if (ExpBigTable.Slots[Slot].Va == Va) {
            PPOOL_BIG_BLOCK Entry = &ExpBigTable.Slots[Slot];
            return ExpIsBigCached((PVOID)Va, Entry->Kind) ? NULL : Entry;
        }
        Slot = (Slot + 1) & (ExpBigTable.Size - 1);
    }
    return NULL;
}

/*
 * Frees a slot. Each later entry of the same run moves into the hole when the hole lies between its
 * home and itself, so that a search for it still meets it before a free slot.
 */
static VOID ExpRemove(PPOOL_BIG_BLOCK Entry)
{
    SIZE_T Mask = ExpBigTable.Size - 1;
    SIZE_T Hole = (SIZE_T)(Entry - ExpBigTable.Slots);
    for (SIZE_T Slot = (Hole + 1) & Mask; !(ExpBigTable.Slots[Slot].Va & POOL_BIG_FREE);
         Slot = (Slot + 1) & Mask) {
        SIZE_T Home = ExpHomeSlot(ExpBigTable.Slots[Slot].Va, ExpBigTable.Size);
        if (((Slot - Home) & Mask) >= ((Slot - Hole) & Mask)) {
            ExpBigTable.Slots[Hole] = ExpBigTable.Slots[Slot];
            Hole = Slot;
        }
    }
    ExpBigTable.Slots[Hole] = (POOL_BIG_BLOCK){.Va = POOL_BIG_FREE};
}

/* Size goes last: a describer that reads both without the lock never reads behind the slots. */
static VOID ExpUseTable(PPOOL_BIG_BLOCK Slots, SIZE_T Size)
{
    for (SIZE_T i = 0; i < ExpBigTable.Size; i++) {
        if (!(ExpBigTable.Slots[i].Va & POOL_BIG_FREE)) {
            ExpEnter(Slots, Size, &ExpBigTable.Slots[i]);
        }
    }
    __atomic_store_n(&ExpBigTable.Slots, Slots, __ATOMIC_RELEASE);
    __atomic_store_n(&ExpBigTable.Size, Size, __ATOMIC_RELEASE);
}

/* Doubles a table of OldSize slots unless somebody else has. FALSE when there is no memory. */
static BOOLEAN ExpGrowBigTable(SIZE_T OldSize)
{
    SIZE_T Size = OldSize == 0 ? FIRST_SIZE : OldSize * 2;
    PPOOL_BIG_BLOCK Slots = ExpFirstBigTable;
    if (OldSize != 0) {
        Slots = ExpAllocatePages(PoolKindNonPagedNx, BYTES_TO_PAGES(Size * sizeof(POOL_BIG_BLOCK)),
                                 POOL_ANY_NODE);
    }
    if (Slots == NULL) {
        return FALSE;
    }
    PPOOL_BIG_BLOCK Unused = Slots;
    ULONG64 State = ExpAcquireSpin(&ExpBigTable.Lock);
    if (ExpBigTable.Size == OldSize) {
        Unused = ExpBigTable.Slots;
        ExpClearSlots(Slots, Size);
        ExpUseTable(Slots, Size);
    }
    ExpReleaseSpin(&ExpBigTable.Lock, State);
    if (Unused != NULL && Unused != ExpFirstBigTable) {
        ExpFreePages(Unused);
    }
    return TRUE;
}

/*
 * Whether the next entry should wait for a larger table: searches stay short up to three quarters.
 */
static inline BOOLEAN ExpIsTableCrowded(VOID)
{
    return ExpBigTable.Used * 4 >= ExpBigTable.Size * 3;
}

BOOLEAN ExpTrackBigBlock(PVOID Base, POOL_KIND Kind, SIZE_T Pages, ULONG Tag)
{
    POOL_BIG_BLOCK Block = {.Va = (ULONG_PTR)Base, .Key = Tag, .Kind = Kind, .Pages = Pages};
    BOOLEAN CanGrow = TRUE;
    for (;;) {
        ULONG64 State = ExpAcquireSpin(&ExpBigTable.Lock);
        SIZE_T Size = ExpBigTable.Size;
        if (!ExpIsTableCrowded() || (!CanGrow && ExpBigTable.Used + 1 < Size)) {
            ExpEnter(ExpBigTable.Slots, Size, &Block);
            ExpBigTable.Used++;
            ExpReleaseSpin(&ExpBigTable.Lock, State);
            return TRUE;
        }
        ExpReleaseSpin(&ExpBigTable.Lock, State);
        if (!CanGrow) {
            return FALSE;
        }
        CanGrow = ExpGrowBigTable(Size);
    }
}

BOOLEAN ExpFindBigBlock(PVOID Base, PPOOL_BIG_BLOCK Found)
{
    ULONG64 State = ExpAcquireSpin(&ExpBigTable.Lock);
    PPOOL_BIG_BLOCK Entry = ExpLookUp((ULONG_PTR)Base);
    if (Entry != NULL) {
        *Found = *Entry;
        Found->Key = ExpTagOfBig(Base, Entry->Kind, Entry->Key);
    }
    ExpReleaseSpin(&ExpBigTable.Lock, State);
    return Entry != NULL;
}

BOOLEAN ExpUntrackBigBlock(PVOID Base, ULONG Tag, PPOOL_BIG_BLOCK Found)
{
    ULONG64 State = ExpAcquireSpin(&ExpBigTable.Lock);
    PPOOL_BIG_BLOCK Entry = ExpLookUp((ULONG_PTR)Base);
    if (Entry != NULL) {
        ULONG Key = ExpTagOfBig(Base, Entry->Kind, Entry->Key);
        ExpCheckTag(Base, Key, Tag);
        *Found = *Entry;
        Found->Key = Key;
        ExpRemove(Entry);
        ExpBigTable.Used--;
    }
    ExpReleaseSpin(&ExpBigTable.Lock, State);
    return Entry != NULL;
}

BOOLEAN ExpReadBigSlot(SIZE_T Slot, PPOOL_BIG_BLOCK Found)
{
    SIZE_T Size = __atomic_load_n(&ExpBigTable.Size, __ATOMIC_ACQUIRE);
    PPOOL_BIG_BLOCK Slots = __atomic_load_n(&ExpBigTable.Slots, __ATOMIC_ACQUIRE);
    if (Slot >= Size) {
        return FALSE;
    }
    *Found = Slots[Slot];
    if (!(Found->Va & POOL_BIG_FREE)) {
        PVOID Base = (PVOID)Found->Va;
        Found->Key = ExpTagOfBig(Base, Found->Kind, Found->Key);
        Found->Va |= ExpIsBigCached(Base, Found->Kind) ? POOL_BIG_FREE : 0;
    }
    return TRUE;
}

BOOLEAN ExpFindBigBlockAround(PVOID Address, PPOOL_BIG_BLOCK Found)
{
    for (SIZE_T Slot = 0; ExpReadBigSlot(Slot, Found); Slot++) {
        if (!(Found->Va & POOL_BIG_FREE) && (ULONG_PTR)Address - Found->Va < Found->Pages
                                                                                 << PAGE_SHIFT) {
            return TRUE;
        }
    }
    return FALSE;
}

VOID ExpQueryBigTable(PSIZE_T Used, PSIZE_T Size, PSIZE_T Untracked)
{
    *Used = ExpBigTable.Used;
    *Size = ExpBigTable.Size;
    *Untracked = (SIZE_T)__atomic_load_n(&ExpBigTable.Untracked, __ATOMIC_RELAXED);
}

VOID ExpQueryBigSlots(PVOID *Begin, PVOID *End)
{
    SIZE_T Size = __atomic_load_n(&ExpBigTable.Size, __ATOMIC_ACQUIRE);
    *Begin = __atomic_load_n(&ExpBigTable.Slots, __ATOMIC_ACQUIRE);
    *End = (PPOOL_BIG_BLOCK)*Begin + Size;
}

VOID ExpCountUntracked(LONG64 Change)
{
    __atomic_fetch_add(&ExpBigTable.Untracked, Change, __ATOMIC_RELAXED);
}
