/*
 * restart.c - tests of the restartable sequences of the pools: something else uses the same list
 * between any two instructions, and no block is given out twice or lost.
 *
 * A routine runs with a trap behind each instruction. At step k of those that lie in .text.restart
 * a conflict happens on the same processor: from the trap, which then has the sequence begin anew,
 * or in a DPC that the trap asks for and that runs behind it. Then the routine goes on at full
 * speed. All k are walked through.
 */
#include "kernel/ke/restart.h"
#include "mm/pool/request.h"
#include "tests/fail_nth.h"
#include "tests/ke/steps.h"
#include "tests/pool/pool_cases.h"

#define EFLAGS_TF     0x100
#define STEP_TAG      'petS'
#define SMALL         340 /* a size that nothing else in the kernel has */
#define BIG           (PAGE_SIZE - 1)
#define BIG_LIST      1   /* its pages */
#define FILLED        340 /* bytes of a block that are looked at */
#define LISTED        6   /* blocks on the list before an operation */
#define FILL_RESULT   0xA1
#define FILL_STRAYS   0xB2
#define STEPS_AT_MOST 500

/* ---- what is run step by step ---------------------------------------------------------------- */

static struct {
    POOL_KIND Kind;
    SIZE_T Bytes;
    BOOLEAN Big; /* whole pages: another set of lists */
    ULONG64 List;
    PVOID Block;   /* that an operation frees, or that it took */
    ULONG64 Chain; /* that one installs */
} Op;

static VOID AllocateNx(VOID)
{
    Op.Block = ExAllocatePoolWithTag(NonPagedPoolNx, Op.Bytes, STEP_TAG);
}

static VOID AllocatePaged(VOID)
{
    Op.Block = ExAllocatePoolWithTag(PagedPool, Op.Bytes, STEP_TAG);
}

static VOID AllocatePriority(VOID)
{
    Op.Block =
        ExAllocatePoolWithTagPriority(NonPagedPoolNx, Op.Bytes, STEP_TAG, NormalPoolPriority);
}

static VOID AllocatePagedPriority(VOID)
{
    Op.Block = ExAllocatePoolWithTagPriority(PagedPool, Op.Bytes, STEP_TAG, LowPoolPriority);
}

static VOID AllocateHigh(VOID)
{
    Op.Block = ExAllocatePoolWithTagPriority(NonPagedPoolNx, Op.Bytes, STEP_TAG, HighPoolPriority);
}

static VOID AllocateZeroed(VOID)
{
    Op.Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, Op.Bytes, STEP_TAG);
}

static VOID AllocateStale(VOID)
{
    Op.Block = ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_UNINITIALIZED, Op.Bytes, STEP_TAG);
}

/* Its tag has no slot of its own form, so that C finishes the header. */
static VOID AllocateProtected(VOID)
{
    Op.Block = ExAllocatePoolWithTag(NonPagedPoolNx, Op.Bytes, STEP_TAG | PROTECTED_POOL);
}

static VOID FreeTagged(VOID)
{
    ExFreePoolWithTag(Op.Block, STEP_TAG);
    Op.Block = NULL;
}

static VOID FreeUntagged(VOID)
{
    ExFreePool(Op.Block);
    Op.Block = NULL;
}

static VOID Pop(VOID)
{
    Op.Block = ExpPopCached(Op.List);
}

static VOID Push(VOID)
{
    CHECK(ExpPushCached(Op.Block, Op.List));
    Op.Block = NULL;
}

static VOID PushOf(VOID)
{
    CHECK(ExpPushCachedOf(Op.Block, Op.List, ExpOwnCache()->NodeBits));
    Op.Block = NULL;
}

static VOID PopPages(VOID)
{
    Op.Block = ExpPopBig(Op.List);
}

static VOID PushPages(VOID)
{
    CHECK(ExpPushBig(Op.Block, Op.List));
    Op.Block = NULL;
}

static VOID Install(VOID)
{
    if (ExpInstallCached(Op.List, Op.Chain, ExpOwnCache()->NodeBits)) {
        Op.Chain = 0;
    }
}

typedef struct _STEPPED {
    const CHAR *Name;
    POOL_KIND Kind;
    TEST_STEP_ROUTINE *Before, *Run, *After;
    BOOLEAN Big;
} STEPPED;

static VOID Nothing(VOID)
{
}

static VOID TakeOne(VOID)
{
    Op.Block = ExAllocatePoolWithTag(PoolCases[Op.Kind].Type, Op.Bytes, STEP_TAG);
}

static VOID GiveBack(VOID)
{
    ULONG Tag = Op.Big ? ExpBigStateOf(Op.Block)->Tag : ExpHeaderOf(Op.Block)->PoolTag;
    ExFreePoolWithTag(Op.Block, STEP_TAG | (Tag & PROTECTED_POOL));
}

static VOID PopOne(VOID)
{
    Op.Block = ExpPopCached(Op.List);
}

static VOID PushBack(VOID)
{
    if (CHECK(Op.Block != NULL)) {
        CHECK(ExpPushCached(Op.Block, Op.List));
    }
}

static VOID PushPagesBack(VOID)
{
    if (CHECK(Op.Block != NULL)) {
        PushPages();
    }
}

static VOID TakeList(VOID)
{
    Op.Chain = ExpDetachCached(Op.List);
}

/* What could not be installed goes back block by block. */
static VOID PushChain(VOID)
{
    while (Op.Chain != 0) {
        PVOID Block = (PVOID)((LONG64)Op.Chain >> POOL_WORD_SHIFT);
        Op.Chain = ExpHeaderOf(Block)->Seal;
        CHECK(ExpPushCached(Block, Op.List));
    }
}

static const STEPPED Operations[] = {
    {"ExAllocatePoolWithTag", PoolKindNonPagedNx, Nothing, AllocateNx, GiveBack, FALSE},
    {"ExAllocatePoolWithTag, paged", PoolKindPaged, Nothing, AllocatePaged, GiveBack, FALSE},
    {"...TagPriority", PoolKindNonPagedNx, Nothing, AllocatePriority, GiveBack, FALSE},
    {"...TagPriority, paged", PoolKindPaged, Nothing, AllocatePagedPriority, GiveBack, FALSE},
    {"...TagPriority, high", PoolKindNonPagedNx, Nothing, AllocateHigh, GiveBack, FALSE},
    {"ExAllocatePool2", PoolKindNonPagedNx, Nothing, AllocateZeroed, GiveBack, FALSE},
    {"ExAllocatePool2, not zeroed", PoolKindNonPagedNx, Nothing, AllocateStale, GiveBack, FALSE},
    {"a protected tag", PoolKindNonPagedNx, Nothing, AllocateProtected, GiveBack, FALSE},
    {"ExFreePoolWithTag", PoolKindNonPagedNx, TakeOne, FreeTagged, Nothing, FALSE},
    {"ExFreePoolWithTag, paged", PoolKindPaged, TakeOne, FreeTagged, Nothing, FALSE},
    {"ExFreePool", PoolKindNonPagedNx, TakeOne, FreeUntagged, Nothing, FALSE},
    {"ExpPopCached", PoolKindNonPagedNx, Nothing, Pop, PushBack, FALSE},
    {"ExpPushCached", PoolKindPaged, PopOne, Push, Nothing, FALSE},
    {"ExpPushCachedOf", PoolKindNonPagedNx, PopOne, PushOf, Nothing, FALSE},
    {"ExpInstallCached", PoolKindNonPagedNx, TakeList, Install, PushChain, FALSE},
    {"ExAllocatePoolWithTag, pages", PoolKindNonPagedNx, Nothing, AllocateNx, GiveBack, TRUE},
    {"ExAllocatePool2, pages", PoolKindNonPagedNx, Nothing, AllocateZeroed, GiveBack, TRUE},
    {"ExFreePoolWithTag, pages", PoolKindNonPagedNx, TakeOne, FreeTagged, Nothing, TRUE},
    {"ExpPopBig", PoolKindNonPagedNx, Nothing, PopPages, PushPagesBack, TRUE},
    {"ExpPushBig", PoolKindNonPagedNx, PopPages, PushPages, Nothing, TRUE},
};

/* ---- what happens in between ----------------------------------------------------------------- */

/* Blocks of the conflicts: those taken before, to be freed there, and those taken there. */
static struct {
    PVOID Spare;
    PVOID Kept;
} Stray;

static PVOID TakeStray(VOID)
{
    PVOID Block = ExAllocatePoolWithTag(PoolCases[Op.Kind].Type, Op.Bytes, STEP_TAG);
    if (Block != NULL) {
        RtlFillMemory(Block, FILLED, FILL_STRAYS);
    }
    return Block;
}

static VOID TakeAndKeep(VOID)
{
    Stray.Kept = TakeStray();
}

static VOID FreeSpare(VOID)
{
    ExFreePoolWithTag(Stray.Spare, STEP_TAG);
    Stray.Spare = NULL;
}

/* The first block is the first again in the end, but the second one is gone. */
static VOID KeepTheSecond(VOID)
{
    PVOID First = TakeStray();
    Stray.Kept = TakeStray();
    ExFreePoolWithTag(First, STEP_TAG);
}

static VOID TakeAndFree(VOID)
{
    ExFreePoolWithTag(TakeStray(), STEP_TAG);
}

static BOOLEAN Mode; /* the operations begin in: checked mode? */

/* Each mode has sequences of its own. */
static VOID BeginOtherMode(VOID)
{
    KiSetCheckedMode(!Mode);
}

static const struct {
    const CHAR *Name;
    TEST_STEP_ROUTINE *Run;
} Conflicts[] = {
    {"one is taken", TakeAndKeep},
    {"one is freed", FreeSpare},
    {"the second is taken", KeepTheSecond},
    {"one is taken and freed", TakeAndFree},
    {"the other mode begins", BeginOtherMode},
};

/* ---- stepping -------------------------------------------------------------------------------- */

/* Who lets the conflict happen. */
typedef enum _STEPPER {
    ByTrap,     /* the step routine itself, which then wants the sequence to begin anew */
    ByDpc,      /* an interrupt behind the trap */
    ByDebugger, /* a filter of the single-step exception, in the thread */
} STEPPER;

static struct {
    TEST_STEP_ROUTINE *Conflict;
    ULONG Left; /* steps in .text.restart before it */
    BOOLEAN InDpc;
    volatile BOOLEAN Happened;
    KDPC Dpc;
    ULONG64 Head;    /* of the list, while a sequence is at its beginning */
    ULONG Inside;    /* steps behind that, inside the sequence */
    ULONG InC;       /* calls of what serves the uncommon */
    ULONG64 Entered; /* bit i: of sequence i of the table */
} Steps;

static ULONG64 ReadHead(VOID)
{
    PPOOL_CACHE Cache = ExpOwnCache();
    return Op.Big ? Cache->BigHeads[Op.List] : (&Cache->Heads[0][0])[Op.List];
}

static BOOLEAN Interfere(PKTRAP_FRAME Frame)
{
    if (!KiIsRestartable(Frame->Rip) || Steps.Left-- != 0) {
        return FALSE;
    }
    Frame->EFlags &= ~(ULONG64)EFLAGS_TF;
    if (Steps.InDpc) {
        KeInsertQueueDpc(&Steps.Dpc, NULL, NULL); /* its interrupt is what rewinds the sequence */
        return FALSE;
    }
    Steps.Conflict();
    Steps.Happened = TRUE;
    return TRUE;
}

static VOID NTAPI InterfereLater(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    Steps.Conflict();
    Steps.Happened = TRUE;
}

/* Whether RIP is where cache.S goes with what it can't serve. */
static BOOLEAN IsInC(ULONG64 Rip)
{
    return Rip == (ULONG64)ExpAllocateWithTag || Rip == (ULONG64)ExpAllocateWithTagPriority ||
           Rip == (ULONG64)ExpAllocate2 || Rip == (ULONG64)ExpFreeWithTag;
}

/* Only looks: what lies in front of a sequence's last instruction leaves the list alone. */
static BOOLEAN Watch(PKTRAP_FRAME Frame)
{
    Steps.InC += IsInC(Frame->Rip);
    for (const KI_RESTART *Entry = KiRestartTable; Entry < KiRestartTableEnd; Entry++) {
        if (Frame->Rip == Entry->Begin) {
            Steps.Head = ReadHead();
            Steps.Entered |= (ULONG64)(Entry->Resume != Entry->Begin) << (Entry - KiRestartTable);
        } else if (Frame->Rip > Entry->Begin && Frame->Rip < Entry->End) {
            Steps.Inside++;
            Steps.Entered |= 1ULL << (Entry - KiRestartTable);
            CHECK_EQ(ReadHead(), Steps.Head);
        }
    }
    return FALSE;
}

static __attribute__((noinline)) VOID RunInSteps(TEST_STEP_ROUTINE *Routine, KI_STEP_ROUTINE *Step)
{
    KiStepRoutine = Step;
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" : : : "memory", "cc");
    Routine();
    __asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" : : : "memory", "cc");
    KiStepRoutine = NULL;
}

/* ---- the list, before and behind ------------------------------------------------------------- */

/* A block is where its list's word says; *Word becomes that of the rest. */
static BOOLEAN FollowList(PULONG64 Word)
{
    PVOID Block = (PVOID)((LONG64)*Word >> POOL_WORD_SHIFT);
    PPOOL_HEADER Header = ExpHeaderOf(Block);
    if (Op.Big) {
        *Word = ExpBigStateOf(Block)->Seal;
        return ExpIsBigCached(Block, Op.Kind) && ExpBigStateOf(Block)->List == Op.List;
    }
    *Word = Header->Seal;
    return Header->PoolType == POOL_BLOCK_CACHED &&
           ExpListOf((POOL_KIND)Header->PoolIndex, Header->BlockSize) == Op.List;
}

/* CACHE-1, CACHE-2: the blocks of the processor's list, as its word and as a walk count them. */
static ULONG CountList(VOID)
{
    ULONG64 Flags = KiDisableInterrupts();
    ULONG64 Word = ReadHead();
    ULONG Count = (ULONG)(Word & 0xFFFF), Found = 0;
    BOOLEAN Agrees = TRUE;
    for (; Word != 0 && Agrees; Found++) {
        Agrees = (Word & 0xFFFF) == Count - Found;
        Agrees &= FollowList(&Word);
    }
    KiRestoreInterrupts(Flags);
    CHECK(Agrees);
    CHECK_EQ(Found, Count);
    return Count;
}

/* An empty list gets LISTED blocks, and the conflicts theirs. */
static BOOLEAN SetUp(const STEPPED *Operation)
{
    PVOID Blocks[LISTED];
    Op.Kind = Operation->Kind;
    Op.Big = Operation->Big;
    Op.Bytes = Op.Big ? BIG : SMALL;
    Op.List = BIG_LIST;
    if (!Op.Big) {
        Op.List = ExpListOf(Op.Kind, ExpBlockGranules[(SMALL + POOL_GRANULE - 1) / POOL_GRANULE]);
    }
    ExpDrainCaches(Op.Kind);
    for (ULONG i = 0; i < LISTED; i++) {
        Blocks[i] = TakeStray();
    }
    Stray.Spare = TakeStray();
    for (ULONG i = 0; i < LISTED; i++) {
        ExFreePoolWithTag(Blocks[i], STEP_TAG);
    }
    return CHECK_EQ(CountList(), LISTED);
}

/* CACHE-1: what the pool's pages show as kept is on a list; nothing is, behind a drain. */
static VOID CheckNoneIsLost(VOID)
{
    PPOOL_DESCRIPTOR Pool = &ExpPools[Op.Kind];
    POOL_PAGE_WALK Walk;
    PPOOL_HEADER Header;
    ExpDrainCaches(Op.Kind);
    for (ULONG_PTR Page = Pool->FirstPage; Page <= Pool->LastPage; Page += PAGE_SIZE) {
        POOL_BIG_BLOCK Big;
        if (Op.Big || ExpQueryPages((PVOID)Page) != 1 || ExpFindBigBlock((PVOID)Page, &Big)) {
            continue;
        }
        ExpBeginWalk(&Walk, (PVOID)Page);
        while ((Header = ExpNextBlock(&Walk)) != NULL) {
            CHECK(Header->PoolType != POOL_BLOCK_CACHED ||
                  ExpListOf(Op.Kind, Header->BlockSize) != Op.List);
        }
    }
}

/* Everything goes back; no block was given to two, none is missing. */
static BOOLEAN TearDown(const STEPPED *Operation)
{
    BOOLEAN Holds = TRUE;
    if (Operation->After == GiveBack && CHECK(Op.Block != NULL)) {
        Holds &= CHECK(Op.Block != Stray.Kept) && CHECK(Op.Block != Stray.Spare);
        Holds &= CHECK(Operation->Run != AllocateZeroed || PoolIsFilled(Op.Block, 0, 0, FILLED));
        RtlFillMemory(Op.Block, FILLED, FILL_RESULT);
    }
    Holds &= CHECK(Stray.Kept == NULL || PoolIsFilled(Stray.Kept, FILL_STRAYS, 0, FILLED));
    Operation->After();
    if (Stray.Kept != NULL) {
        ExFreePoolWithTag(Stray.Kept, STEP_TAG);
        Stray.Kept = NULL;
    }
    if (Stray.Spare != NULL) {
        ExFreePoolWithTag(Stray.Spare, STEP_TAG);
        Stray.Spare = NULL;
    }
    BOOLEAN Checked = KiCheckedMode;
    KiSetCheckedMode(Mode);
    ULONG Listed = CountList();
    if (Op.Big && Checked) { /* that keeps no pages */
        return Holds & CHECK_LE(Listed, LISTED + 1);
    }
    /* While a chain is away, the conflict's blocks come from the pool. */
    return Holds & (Operation->Before == TakeList ? CHECK_GT(Listed, LISTED)
                                                  : CHECK_EQ(Listed, LISTED + 1));
}

/* One step of one operation with one conflict; FALSE when it has no such step. */
static BOOLEAN StepOnce(const STEPPED *Operation, TEST_STEP_ROUTINE *Conflict, STEPPER Stepper,
                        ULONG Step)
{
    Operation->Before();
    if (Stepper == ByDebugger) {
        return TestInterfere(Operation->Run, Step, Conflict);
    }
    Steps.Conflict = Conflict;
    Steps.InDpc = Stepper == ByDpc;
    Steps.Left = Step;
    Steps.Happened = FALSE;
    RunInSteps(Operation->Run, Interfere);
    return Steps.Happened;
}

/* All steps; ends early when something is wrong. */
static VOID StepThrough(const STEPPED *Operation, ULONG Conflict, STEPPER Stepper)
{
    ULONG Failures = TestFailureCount(), Step = 0;
    BOOLEAN Happened = TRUE;
    for (; Happened && Step < STEPS_AT_MOST && TestFailureCount() == Failures; Step++) {
        if (!SetUp(Operation)) {
            break;
        }
        Happened = StepOnce(Operation, Conflicts[Conflict].Run, Stepper, Step);
        TearDown(Operation);
    }
    CHECK(!Happened);
    CHECK_GT(Step, 4);
    CheckNoneIsLost();
    PoolCheck(Operation->Kind);
    if (TestFailureCount() != Failures) {
        static const CHAR *const Names[] = {"the trap", "a DPC", "a debugger"};
        DbgPrint("this was %s in %s mode, step %lu: %s by %s\n", Operation->Name,
                 Mode ? "checked" : "free", Step - 1, Conflicts[Conflict].Name, Names[Stepper]);
    }
}

static BOOLEAN CountsAreEven(VOID)
{
    POOL_TAG_USAGE Usage;
    ExpQueryTag(STEP_TAG, &Usage);
    return CHECK_EQ(Usage.NonPagedAllocs, Usage.NonPagedFrees) &&
           CHECK_EQ(Usage.PagedAllocs, Usage.PagedFrees) &&
           CHECK_EQ(Usage.NonPagedBytes + Usage.PagedBytes, 0);
}

/* ---- the tests ------------------------------------------------------------------------------- */

static VOID WalkAll(STEPPER Stepper)
{
    Mode = KiCheckedMode;
    KeInitializeDpc(&Steps.Dpc, InterfereLater, NULL);
    for (ULONG i = 0; i < ARRAYSIZE(Operations); i++) {
        for (ULONG k = 0; k < ARRAYSIZE(Conflicts) && !(Mode && Operations[i].Big); k++) {
            BOOLEAN Paged = Operations[i].Kind == PoolKindPaged;
            /* Checked mode keeps no pages, and the bare push has nowhere else to go. */
            BOOLEAN Bare = Operations[i].Run == PushPages || Operations[i].Run == PopPages;
            if (!(Stepper == ByDpc && Paged) && !(Bare && Conflicts[k].Run == BeginOtherMode)) {
                StepThrough(&Operations[i], k, Stepper);
            }
        }
    }
    CountsAreEven();
}

static VOID WalkByTrap(VOID)
{
    WalkAll(ByTrap);
}

static VOID WalkByDpc(VOID)
{
    WalkAll(ByDpc);
}

static VOID WalkByDebugger(VOID)
{
    WalkAll(ByDebugger);
}

TEST(RestartTrap, "pool/restart/a-conflict-at-each-instruction",
     "RESTART-2 A trap that comes back to a sequence comes back to its beginning.")
{
    PoolInBothModes(WalkByTrap);
}

TEST(RestartDpc, "pool/restart/a-dpc-at-each-instruction",
     "CACHE-3 A processor's lists are changed by that processor only, by one store.")
{
    PoolInBothModes(WalkByDpc);
}

/* Its handler may allocate, and with interrupts on others may come first. */
TEST(RestartDebugger, "pool/restart/a-debugger-at-each-instruction",
     "RESTART-4 A single step ends behind a sequence, not in its middle.")
{
    PoolInBothModes(WalkByDebugger);
}

/* The sequences that begin where another one goes on that was stopped. */
static ULONG64 OnlyResumed(VOID)
{
    ULONG64 Mask = 0;
    for (const KI_RESTART *Entry = KiRestartTable; Entry < KiRestartTableEnd; Entry++) {
        for (const KI_RESTART *Other = KiRestartTable; Other < KiRestartTableEnd; Other++) {
            if (Other != Entry && Other->Resume == Entry->Begin) {
                Mask |= 1ULL << (Entry - KiRestartTable);
            }
        }
    }
    return Mask;
}

static VOID CheckAllAreEntered(VOID)
{
    ULONG Left = 0;
    for (const KI_RESTART *Entry = KiRestartTable; Entry < KiRestartTableEnd; Entry++) {
        if (!((Steps.Entered | OnlyResumed()) >> (Entry - KiRestartTable) & 1)) {
            DbgPrint("no operation here goes through the sequence at %p\n", (PVOID)Entry->Begin);
            Left++;
        }
    }
    CHECK_LE(KiRestartTableEnd - KiRestartTable, 64); /* bits of Entered */
    CHECK_LE(Left, 1);
}

/* Nobody interferes: each operation does what it does at full speed. */
static VOID WatchAll(VOID)
{
    Mode = KiCheckedMode;
    for (ULONG i = 0; i < ARRAYSIZE(Operations); i++) {
        const STEPPED *Operation = &Operations[i];
        if (Mode && Operation->Big) {
            continue;
        }
        if (!SetUp(Operation)) {
            return;
        }
        Operation->Before();
        Steps.Inside = Steps.InC = 0;
        RunInSteps(Operation->Run, Watch);
        BOOLEAN Holds = TearDown(Operation);
        if (!CHECK(Steps.Inside != 0) || !CHECK_EQ(Steps.InC, 0) || !Holds) {
            DbgPrint("this was %s\n", Operation->Name);
        }
    }
    CountsAreEven();
    if (Mode) { /* the second one */
        CheckAllAreEntered();
    }
}

TEST(RestartWatch, "pool/restart/only-the-last-instruction-changes-the-list",
     "RESTART-1 A sequence is [begin, end); the last instruction in front of `end` is the only one "
     "whose effect others see.")
{
    Steps.Entered = 0;
    PoolInBothModes(WatchAll);
}

TEST(RestartTable, "pool/restart/a-sequence-goes-back-to-its-beginning",
     "RESTART-2 A trap that comes back to a sequence comes back to its beginning.")
{
    for (const KI_RESTART *Entry = KiRestartTable; Entry < KiRestartTableEnd; Entry++) {
        CHECK_LT(Entry->Begin, Entry->End);
        CHECK(KiIsRestartable(Entry->Begin) && KiIsRestartable(Entry->End - 1));
        for (ULONG64 Rip = Entry->Begin; Rip < Entry->End; Rip++) {
            KTRAP_FRAME Frame = {.Rip = Rip};
            KiRestartSequence(&Frame);
            CHECK_EQ(Frame.Rip, Entry->Resume);
            CHECK_EQ(KiIsInSequence(Rip), Rip != Entry->Resume);
        }
        CHECK(KiIsRestartable(Entry->Resume));
        CHECK(Entry->Resume == Entry->Begin ||
              Entry->Resume - Entry->Begin >= Entry->End - Entry->Begin);
    }
    CHECK(!KiIsRestartable((ULONG64)KiRestartText - 1) &&
          !KiIsRestartable((ULONG64)KiRestartTextEnd));
}

/* ---- the common path is cache.S -------------------------------------------------------------- */

static BOOLEAN CountCalls(PKTRAP_FRAME Frame)
{
    Steps.InC += IsInC(Frame->Rip);
    return FALSE;
}

/* At both ends of a page, where a block has one neighbour only, and between others. */
static BOOLEAN FreesOfAPage(const POOL_CASE *Case)
{
    PVOID Quarters[4];
    if (Case->Kind == PoolKindNonPagedExecute || !CHECK(PoolTakeQuarters(Case, Quarters))) {
        return Case->Kind == PoolKindNonPagedExecute;
    }
    Steps.InC = 0;
    for (ULONG i = 0; i < ARRAYSIZE(Quarters); i++) {
        Op.Block = Quarters[i];
        RunInSteps(FreeUntagged, CountCalls);
    }
    PoolFreePlugs();
    return CHECK_EQ(Steps.InC, 0);
}

static VOID FreesOfPages(VOID)
{
    PoolForEach(FreesOfAPage);
}

TEST(RestartPlaces, "pool/restart/blocks-anywhere-in-a-page-are-freed-without-c", "")
{
    PoolInBothModes(FreesOfPages);
}
