/*
 * pool.c - a storm over the processors' pool caches, in both modes: threads, DPCs and interrupt
 * routines use the same lists, blocks are freed by other processors than those that took them,
 * interrupts come at single instructions of the common path, and now and then all lists are
 * emptied.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/restart.h"
#include "tests/pool/pool_cases.h"
#include "tests/storm/storm.h"

#define STORM_TAG  'mtSP'
#define VECTOR     0xC3 /* level 12, no device's */
#define SLOTS      64
#define PAGE_SLOTS 16
#define MOST_PAGES 4
#define STALE_FILL 0xEE
#define EFLAGS_TF  0x100

static const ULONG Sizes[] = {84, 340, 900}; /* the last is too large for a depot */

/* What lies at the start of each block; the rest is filled with Fill. */
typedef struct _STORM_BLOCK {
    ULONG Bytes;
    UCHAR Fill;
} STORM_BLOCK;

static STORM_BLOCK *Slots[SLOTS], *DpcSlots[SLOTS];
static STORM_BLOCK *PageSlots[PAGE_SLOTS];
static KDPC Dpcs[KI_MAX_PROCESSORS];
static ULONG64 DpcRandom[KI_MAX_PROCESSORS];
static volatile ULONG64 InterruptsInside, Borrowed, DpcRuns;
static volatile BOOLEAN Active;

static ULONG64 ListOfSize(POOL_KIND Kind, ULONG Bytes)
{
    return ExpListOf(Kind, ExpBlockGranules[(Bytes + POOL_GRANULE - 1) / POOL_GRANULE]);
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static STORM_BLOCK *TakeBlock(POOL_TYPE Type, ULONG Choice, ULONG Bytes)
{
    STORM_BLOCK *Block;
    switch (Choice % 4) {
    case 0:
        Block = Type == PagedPool ? ExAllocatePoolWithTag(Type, Bytes, STORM_TAG)
                                  : ExAllocatePool2(POOL_FLAG_NON_PAGED, Bytes, STORM_TAG);
        break;
    case 1: Block = ExAllocatePoolWithTagPriority(Type, Bytes, STORM_TAG, LowPoolPriority); break;
    default: Block = ExAllocatePoolWithTag(Type, Bytes, STORM_TAG);
    }
    if (Block != NULL) {
        Block->Bytes = Bytes;
        Block->Fill = (UCHAR)Choice;
        RtlFillMemory(Block + 1, Bytes - sizeof(STORM_BLOCK), Block->Fill);
    }
    return Block;
}

static VOID FreeBlock(STORM_BLOCK *Block)
{
    if (Block != NULL) {
        STORM_CHECK(PoolIsFilled(Block, Block->Fill, sizeof(STORM_BLOCK), Block->Bytes));
        ExFreePoolWithTag(Block, STORM_TAG);
    }
}

static VOID PutInSlot(STORM_BLOCK **Slot, STORM_BLOCK *Block)
{
    FreeBlock(__atomic_exchange_n(Slot, Block, __ATOMIC_ACQ_REL));
}

/* ---- those who come in between --------------------------------------------------------------- */

static VOID NTAPI UseBlocks(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    PULONG64 Random = &DpcRandom[(ULONG_PTR)Context];
    ULONG Number = (ULONG)(PoolRandom(Random) >> 16);
    STORM_BLOCK *Block =
        Number % 4 == 0 ? NULL : TakeBlock(NonPagedPoolNx, Number >> 8, Sizes[Number % 3]);
    PutInSlot(&DpcSlots[(Number >> 4) % SLOTS], Block);
    StormCount(&DpcRuns);
}

/* Above DISPATCH_LEVEL nothing may be asked of the pool itself: a block is borrowed from a list. */
static VOID Interrupt(PKTRAP_FRAME TrapFrame, PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    if (!Active) {
        return;
    }
    if (KiIsRestartable(TrapFrame->Rip)) {
        StormCount(&InterruptsInside);
    }
    ULONG Bytes = Sizes[Borrowed % ARRAYSIZE(Sizes)];
    ULONG64 List = ListOfSize(PoolKindNonPagedNx, Bytes);
    PVOID First = ExpPopCached(List), Second = ExpPopCached(List);
    PVOID Blocks[] = {First, Second}; /* the first goes back first, so that the order changes */
    for (ULONG i = 0; i < ARRAYSIZE(Blocks); i++) {
        if (Blocks[i] != NULL) {
            RtlFillMemory(Blocks[i], Bytes, STALE_FILL);
            STORM_CHECK(ExpPushCached(Blocks[i], List));
            StormCount(&Borrowed);
        }
    }
    KeInsertQueueDpc(&Dpcs[KeGetCurrentPrcb()->Number], NULL, NULL);
}

/*
 * While a thread steps: about every eighth instruction of the common path is interrupted, every
 * 32nd in checked mode, whose sequences are long and come to no end otherwise. Not where a switch
 * of threads would take the flag along.
 */
static BOOLEAN InterruptHere(PKTRAP_FRAME Frame)
{
    static ULONG64 Count;
    ULONG64 Random = __atomic_add_fetch(&Count, 0x9E3779B97F4A7C15ULL, __ATOMIC_RELAXED);
    PoolRandom(&Random);
    if (!(Frame->EFlags & EFLAGS_IF)) {
        Frame->EFlags &= ~(ULONG64)EFLAGS_TF;
    } else if (KiIsRestartable(Frame->Rip) && Random >> (KiCheckedMode ? 59 : 61) == 0) {
        HalpRequestSoftwareInterrupt(VECTOR);
    }
    return FALSE;
}

static __attribute__((noinline)) STORM_BLOCK *TakeInSteps(POOL_TYPE Type, ULONG Bytes)
{
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" : : : "memory", "cc");
    STORM_BLOCK *Block = ExAllocatePoolWithTag(Type, Bytes, STORM_TAG);
    __asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" : : : "memory", "cc");
    return Block;
}

static __attribute__((noinline)) VOID FreeInSteps(PVOID Block)
{
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" : : : "memory", "cc");
    ExFreePoolWithTag(Block, STORM_TAG);
    __asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" : : : "memory", "cc");
}

/* ---- threads --------------------------------------------------------------------------------- */

static POOL_TYPE RandomType(PSTORM_THREAD Me)
{
    return StormRandom(Me, 3) == 0 ? PagedPool : NonPagedPoolNx;
}

/* A block is taken, and another one freed, that may be another processor's. */
static VOID TakeAndGive(PSTORM_THREAD Me)
{
    POOL_TYPE Type = RandomType(Me);
    STORM_BLOCK *Block = NULL;
    if (StormRandom(Me, 8) != 0) {
        KIRQL Old;
        KeRaiseIrql((KIRQL)StormRandom(Me, Type == PagedPool ? 2 : 3), &Old);
        Block = TakeBlock(Type, StormRandom(Me, 256), Sizes[StormRandom(Me, ARRAYSIZE(Sizes))]);
        KeLowerIrql(Old);
        STORM_CHECK(Block != NULL);
    }
    PutInSlot(&Slots[StormRandom(Me, SLOTS)], Block);
}

static VOID TakeAndGiveInSteps(PSTORM_THREAD Me)
{
    ULONG Bytes = Sizes[StormRandom(Me, ARRAYSIZE(Sizes))];
    STORM_BLOCK *Block = TakeInSteps(RandomType(Me), Bytes);
    STORM_CHECK(Block != NULL);
    if (Block != NULL) {
        RtlFillMemory(Block, Bytes, (UCHAR)Me->Number);
        StormPause(Me);
        STORM_CHECK(PoolIsFilled(Block, (UCHAR)Me->Number, 0, Bytes));
        FreeInSteps(Block);
    }
}

/* Whole pages: their contents are the number of pages and the address, in each page. */
static VOID FreePages(STORM_BLOCK *Block, BOOLEAN Stepping)
{
    if (Block == NULL) {
        return;
    }
    ULONG Pages = Block->Bytes;
    STORM_CHECK(Pages != 0 && Pages <= MOST_PAGES);
    for (ULONG i = 0; i < Pages && Pages <= MOST_PAGES; i++) {
        PULONG64 Words = (PULONG64)((PUCHAR)Block + i * PAGE_SIZE);
        STORM_CHECK(Words[0] == Pages && Words[1] == ((ULONG_PTR)Block ^ i));
    }
    if (Stepping) {
        FreeInSteps(Block);
    } else {
        ExFreePoolWithTag(Block, STORM_TAG);
    }
}

static STORM_BLOCK *TakePages(ULONG Pages, BOOLEAN Stepping)
{
    SIZE_T Bytes = Pages * PAGE_SIZE;
    PUCHAR Block = Stepping ? (PUCHAR)TakeInSteps(NonPagedPoolNx, (ULONG)Bytes)
                            : ExAllocatePoolWithTag(NonPagedPoolNx, Bytes, STORM_TAG);
    STORM_CHECK(Block != NULL);
    for (ULONG i = 0; i < Pages && Block != NULL; i++) {
        PULONG64 Words = (PULONG64)(Block + i * PAGE_SIZE);
        Words[0] = Pages;
        Words[1] = (ULONG_PTR)Block ^ i;
    }
    return (STORM_BLOCK *)Block;
}

static VOID TakeAndGivePages(PSTORM_THREAD Me)
{
    BOOLEAN Stepping = StormRandom(Me, 4) == 0;
    STORM_BLOCK *Block =
        StormRandom(Me, 4) == 0 ? NULL : TakePages(1 + StormRandom(Me, MOST_PAGES), Stepping);
    FreePages(__atomic_exchange_n(&PageSlots[StormRandom(Me, PAGE_SLOTS)], Block, __ATOMIC_ACQ_REL),
              Stepping);
}

static VOID UseCaches(PSTORM_THREAD Me)
{
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        ULONG Choice = StormRandom(Me, 512);
        if (Choice == 0) {
            ExpDrainCaches((POOL_KIND)StormRandom(Me, PoolKindCount));
        } else if (Choice < 32) {
            TakeAndGiveInSteps(Me);
        } else if (Choice < 96) {
            ULONG Processor = StormRandom(Me, KeNumberProcessors);
            HalpRequestInterrupt(KiProcessorBlock[Processor]->ApicId, VECTOR);
        } else if (Choice < 192) {
            TakeAndGivePages(Me);
        } else {
            TakeAndGive(Me);
        }
        if (Choice % 8 == 0) {
            StormPause(Me);
        }
    }
}

/* ---- the storm ------------------------------------------------------------------------------- */

static VOID SetUp(VOID)
{
    InterruptsInside = Borrowed = DpcRuns = 0;
    for (ULONG i = 0; i < KI_MAX_PROCESSORS; i++) {
        DpcRandom[i] = 0x9E3779B97F4A7C15ULL + i;
        KeInitializeDpc(&Dpcs[i], UseBlocks, (PVOID)(ULONG_PTR)i);
    }
    KiConnectVector(VECTOR, Interrupt, NULL); /* for good: one may still be on its way */
    KiStepRoutine = InterruptHere;
    Active = TRUE;
}

static VOID TearDown(VOID)
{
    Active = FALSE;
    KeFlushQueuedDpcs();
    KiStepRoutine = NULL;
    for (ULONG i = 0; i < SLOTS; i++) {
        PutInSlot(&Slots[i], NULL);
        PutInSlot(&DpcSlots[i], NULL);
    }
    for (ULONG i = 0; i < PAGE_SLOTS; i++) {
        FreePages(PageSlots[i], FALSE);
        PageSlots[i] = NULL;
    }
}

static VOID CheckAll(VOID)
{
    POOL_TAG_USAGE Usage;
    ExpQueryTag(STORM_TAG, &Usage);
    STORM_CHECK(Usage.NonPagedAllocs == Usage.NonPagedFrees);
    STORM_CHECK(Usage.PagedAllocs == Usage.PagedFrees);
    STORM_CHECK(Usage.NonPagedBytes == 0 && Usage.PagedBytes == 0);
    PoolDrain();
    for (POOL_KIND Kind = 0; Kind < PoolKindCount; Kind++) {
        for (ULONG i = 0; i < ARRAYSIZE(Sizes); i++) {
            STORM_CHECK(PoolCountKept(ListOfSize(Kind, Sizes[i])) == 0);
        }
    }
    DbgPrint("%I64u interrupts in the common path, %I64u blocks borrowed, %I64u DPCs\n",
             InterruptsInside, Borrowed, DpcRuns);
}

/* Each mode has sequences of its own. */
static VOID UseCachesIn(BOOLEAN Mode)
{
    KiSetCheckedMode(Mode);
    SetUp();
    StormRun(StormThreads(), UseCaches, StormEach(4000));
    TearDown();
    STORM_CHECK(InterruptsInside != 0);
    CheckAll();
}

STORM(PoolCaches, "storm/pool/everybody-uses-the-same-lists",
      "CACHE-3 A processor's lists are changed by that processor only, by one store.")
{
    BOOLEAN Checked = KiCheckedMode;
    UseCachesIn(FALSE);
    UseCachesIn(TRUE);
    KiSetCheckedMode(Checked);
}
