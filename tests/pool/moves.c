/*
 * moves.c - a thread that is stopped in the middle of an allocation or a free, and goes on on a
 * processor of another node: whatever it had of the first one's node must not reach the other's
 * lists, nor be sealed with its key (NODE-4).
 *
 * The routine runs with a trap behind each instruction. At one of them the processor's part of the
 * pools becomes another node's: its key, its node, an empty list. All of them are walked through.
 */
#include "kernel/ke/restart.h"
#include "tests/pool/pool_cases.h"

#define EFLAGS_TF     0x100
#define MOVE_TAG      'evoM'
#define BYTES         340 /* a size that nothing else in the kernel has */
#define LISTED        3   /* blocks on the list before an operation */
#define STEPS_AT_MOST 200

/* What makes a processor one of its node, but for its lists of other sizes. */
typedef struct _IDENTITY {
    ULONG64 NodeBits, Key, PagedTurn, FreeKey, Head;
    ULONG Listed, Used;
} IDENTITY;

static struct {
    PULONG64 Head; /* of the list, on this processor */
    IDENTITY Here, There;
    ULONG Left; /* steps in .text.restart before the move */
    BOOLEAN Moved;
    PVOID Block; /* that the operation takes or frees */
} Move;

static IDENTITY ReadIdentity(const POOL_CACHE *Cache)
{
    return (IDENTITY){.NodeBits = Cache->NodeBits,
                      .Key = Cache->Key,
                      .PagedTurn = Cache->PagedTurn,
                      .FreeKey = Cache->FreeKey,
                      .Listed = Cache->Listed,
                      .Used = Cache->Used};
}

static VOID Become(const IDENTITY *Identity)
{
    PPOOL_CACHE Cache = ExpOwnCache();
    Cache->NodeBits = Identity->NodeBits;
    Cache->Key = Identity->Key;
    Cache->PagedTurn = Identity->PagedTurn;
    Cache->FreeKey = Identity->FreeKey;
    Cache->Listed = Identity->Listed;
    Cache->Used = Identity->Used;
    ExpFillKeys(Cache);
    *Move.Head = Identity->Head;
}

static BOOLEAN MoveOn(PKTRAP_FRAME Frame)
{
    if (!KiIsRestartable(Frame->Rip) || Move.Left-- != 0) {
        return FALSE;
    }
    Frame->EFlags &= ~(ULONG64)EFLAGS_TF;
    Move.Here.Head = *Move.Head;
    Become(&Move.There);
    Move.Moved = TRUE;
    return TRUE;
}

/* NODE-4: each block of the list is of the processor's node. */
static VOID CheckList(VOID)
{
    ULONG64 Word = *Move.Head;
    while (Word != 0) {
        PPOOL_HEADER Header = ExpHeaderOf((PVOID)((LONG64)Word >> POOL_WORD_SHIFT));
        if (!CHECK_EQ(Header->PoolIndex, ExpOwnCache()->NodeBits) ||
            !CHECK_EQ(Header->PoolType, POOL_BLOCK_CACHED)) {
            return;
        }
        Word = Header->Seal;
    }
}

static __attribute__((noinline)) VOID RunInSteps(TEST_ROUTINE *Routine)
{
    KiStepRoutine = MoveOn;
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" : : : "memory", "cc");
    Routine();
    __asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" : : : "memory", "cc");
    KiStepRoutine = NULL;
}

/* Nobody else may use the lists while they are another's. TRUE if the move happened. */
static BOOLEAN RunAndMove(TEST_ROUTINE *Routine, ULONG Step)
{
    ULONG64 Flags = KiDisableInterrupts();
    Move.Left = Step;
    Move.Moved = FALSE;
    RunInSteps(Routine);
    CheckList();
    ULONG64 Chain = *Move.Head;
    if (Move.Moved) {
        Become(&Move.Here);
    }
    KiRestoreInterrupts(Flags);
    for (; Move.Moved && Chain != 0;) { /* back to their node: nothing here can keep them */
        PPOOL_HEADER Header = ExpHeaderOf((PVOID)((LONG64)Chain >> POOL_WORD_SHIFT));
        Chain = Header->Seal;
        Header->PoolType = POOL_BLOCK_IN_USE;
        ExpReturnBlock(ExpPoolOfBlock(PoolKindNonPagedNx, Header), Header);
    }
    return Move.Moved;
}

static VOID Take(VOID)
{
    Move.Block = ExAllocatePoolWithTag(NonPagedPoolNx, BYTES, MOVE_TAG);
}

static VOID TakeZeroed(VOID)
{
    Move.Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, BYTES, MOVE_TAG);
}

static VOID TakeByPriority(VOID)
{
    Move.Block = ExAllocatePoolWithTagPriority(NonPagedPoolNx, BYTES, MOVE_TAG, NormalPoolPriority);
}

static VOID Give(VOID)
{
    ExFreePoolWithTag(Move.Block, MOVE_TAG);
    Move.Block = NULL;
}

/* The seal of a block in use is made with the key of the pool that its header names (CACHE-4). */
static VOID CheckSeal(VOID)
{
    PPOOL_HEADER Header = ExpHeaderOf(Move.Block);
    PPOOL_DESCRIPTOR Pool = ExpPoolOfBlock(PoolKindNonPagedNx, Header);
    CHECK_EQ(Header->PoolIndex, Pool->Index);
    CHECK_NE(ExpSlotOfBlock(Pool, Header), POOL_SEAL_BROKEN);
}

static VOID FillList(VOID)
{
    PVOID Blocks[LISTED];
    for (ULONG i = 0; i < LISTED; i++) {
        Blocks[i] = ExAllocatePoolWithTag(NonPagedPoolNx, BYTES, MOVE_TAG);
    }
    for (ULONG i = 0; i < LISTED; i++) {
        PoolFreeIfAny(Blocks[i]);
    }
}

/* All steps of Operation, which takes a block or gives one; ends early when something is wrong. */
static VOID MoveAtEachStep(TEST_ROUTINE *Operation)
{
    BOOLEAN Moved = TRUE, Gives = Operation == Give;
    ULONG Step = 0, Failures = TestFailureCount();
    for (; Moved && Step < STEPS_AT_MOST && TestFailureCount() == Failures; Step++) {
        FillList();
        if (Gives) {
            Take();
        }
        Moved = RunAndMove(Operation, Step);
        if (!Gives && CHECK(Move.Block != NULL)) {
            CheckSeal();
            Give();
        }
        CheckList();
    }
    CHECK(!Moved);
    CHECK_GT(Step, 10);
}

/* A processor of another node than this one; NULL without one. */
static PPOOL_CACHE FindOther(VOID)
{
    ULONG Other = 0;
    while (ExpCacheOf(Other) != NULL && ExpCacheOf(Other)->NodeBits == ExpOwnCache()->NodeBits) {
        Other++;
    }
    return ExpCacheOf(Other);
}

static VOID MoveThroughAll(VOID)
{
    POOL_TAG_USAGE Usage;
    ULONG Granules = ExpBlockGranules[(BYTES + POOL_GRANULE - 1) / POOL_GRANULE];
    Move.Head = &ExpOwnCache()->Heads[PoolKindNonPagedNx][Granules];
    Move.Here = ReadIdentity(ExpOwnCache());
    Move.There = ReadIdentity(FindOther());
    MoveAtEachStep(Take);
    MoveAtEachStep(TakeZeroed);
    MoveAtEachStep(TakeByPriority);
    MoveAtEachStep(Give);
    PoolCheck(PoolKindNonPagedNx);
    ExpQueryTag(MOVE_TAG, &Usage);
    CHECK_EQ(Usage.NonPagedAllocs, Usage.NonPagedFrees);
    CHECK_EQ(Usage.NonPagedBytes, 0);
}

TEST(PoolMoves, "pool/nodes/a-thread-moves-to-another-node-at-each-instruction",
     "NODE-4, CACHE-4, RESTART-5")
{
    if (FindOther() == NULL) {
        SKIP("all processors keep blocks of one node");
    }
    PoolInBothModes(MoveThroughAll);
}
