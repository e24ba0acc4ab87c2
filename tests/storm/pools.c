/*
 * pools.c - pool storms: threads, DPCs and timers on all processors put blocks of random sizes,
 * kinds and tags into shared slots and free what somebody else left there. Contents are kept, no
 * block is two, and in the end all counters say so.
 *
 * A slot is claimed for one operation and never waited for, so that a DPC may come in the middle of
 * another's. Paged slots are touched by threads only, up to APC_LEVEL. Interrupts come from the
 * clocks of all processors, which tick fifteen times as fast, and from other processors; they queue
 * DPCs.
 */
#include "kernel/hal/hal.h"
#include "mm/pool/cache.h"
#include "tests/pool/pool_cases.h"
#include "tests/storm/storm.h"

#define SLOTS        1024 /* the last quarter is paged pool's */
#define PAGED_SLOTS  (SLOTS / 4)
#define TAGS         8
#define STEPS        16    /* operations in a row */
#define DPC_INTERVAL 20000 /* 2 ms: some ticks of a clock that runs fast */
#define IPI_EVERY    256   /* rounds of a thread */

typedef struct _POOL_SLOT {
    volatile UCHAR Busy;
    UCHAR Fill, Kind;
    ULONG Tag;
    SIZE_T Bytes;
    PUCHAR Block; /* NULL: nothing is there */
} POOL_SLOT;

static POOL_SLOT Slots[SLOTS];
static volatile ULONG64 Allocated, Freed, Skipped, Refused;
static volatile ULONG Threads;

/* What runs in DPCs of a processor, one at a time. */
static struct {
    KDPC Dpc, TimerDpc;
    KTIMER Timer;
    STORM_THREAD Random;
} Processors[KI_MAX_PROCESSORS];

static const ULONG Tags[TAGS] = {
    '1roT', '2roT', '3roT', '4roT', '5roT', '6roT', '7roT' | PROTECTED_POOL, '8roT'};

static SIZE_T DrawBytes(PSTORM_THREAD Me)
{
    ULONG Choice = StormRandom(Me, 64); /* few whole pages: each free of one asks all processors */
    return Choice == 0   ? 0xFA0 + StormRandom(Me, 0x70)
           : Choice == 1 ? 1 + StormRandom(Me, 4 * PAGE_SIZE)
           : Choice < 6  ? StormRandom(Me, 17)
           : Choice < 20 ? 1 + StormRandom(Me, 4000)
                         : 1 + StormRandom(Me, 400);
}

static PUCHAR Ask(PSTORM_THREAD Me, const POOL_SLOT *Slot)
{
    const POOL_CASE *Case = &PoolCases[Slot->Kind];
    PUCHAR Block;
    switch (StormRandom(Me, 4)) {
    case 0:
        Block = ExAllocatePool2(Case->Flag, Slot->Bytes + (Slot->Bytes == 0), Slot->Tag);
        STORM_CHECK(Block == NULL || PoolIsFilled(Block, 0, 0, Slot->Bytes));
        return Block;
    case 1: return ExAllocatePoolWithTag((POOL_TYPE)(Case->Type | 4), Slot->Bytes, Slot->Tag);
    case 2:
        return ExAllocatePoolWithTagPriority(Case->Type, Slot->Bytes, Slot->Tag,
                                             NormalPoolPriority);
    default: return ExAllocatePoolWithTag(Case->Type, Slot->Bytes, Slot->Tag);
    }
}

static VOID Put(PSTORM_THREAD Me, POOL_SLOT *Slot)
{
    BOOLEAN Paged = Slot >= &Slots[SLOTS - PAGED_SLOTS];
    Slot->Kind = (UCHAR)(Paged ? PoolKindPaged : StormRandom(Me, PoolKindPaged));
    Slot->Bytes = DrawBytes(Me);
    Slot->Tag = Tags[StormRandom(Me, TAGS)];
    Slot->Fill = (UCHAR)StormRandom(Me, 256);
    Slot->Block = Ask(Me, Slot);
    if (Slot->Block == NULL) {
        StormCount(&Refused);
        return;
    }
    STORM_CHECK(ExpKindOfAddress(Slot->Block) == Slot->Kind);
    RtlFillMemory(Slot->Block, Slot->Bytes, Slot->Fill);
    StormCount(&Allocated);
}

static VOID TakeAway(POOL_SLOT *Slot)
{
    STORM_CHECK(PoolIsFilled(Slot->Block, Slot->Fill, 0, Slot->Bytes));
    if (Slot->Bytes % 2 != 0 && !(Slot->Tag & PROTECTED_POOL)) {
        ExFreePool(Slot->Block);
    } else {
        ExFreePoolWithTag(Slot->Block, Slot->Tag);
    }
    Slot->Block = NULL;
    StormCount(&Freed);
}

/* One of the first Count slots gets a block, loses one or, at random, has it replaced. */
static VOID Operate(PSTORM_THREAD Me, ULONG First, ULONG Count)
{
    POOL_SLOT *Slot = &Slots[First + StormRandom(Me, Count)];
    if (__atomic_exchange_n(&Slot->Busy, 1, __ATOMIC_ACQUIRE) != 0) {
        StormCount(&Skipped);
        return;
    }
    BOOLEAN Had = Slot->Block != NULL;
    if (Had) {
        TakeAway(Slot);
    }
    if (!Had || StormRandom(Me, 4) == 0) {
        Put(Me, Slot);
    }
    __atomic_store_n(&Slot->Busy, 0, __ATOMIC_RELEASE);
}

/* ---- who does it ----------------------------------------------------------------------------- */

static VOID NTAPI OperateInDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    PSTORM_THREAD Me = &Processors[KeGetCurrentProcessorNumber()].Random;
    for (ULONG i = 0; i < STEPS; i++) {
        Operate(Me, 0, SLOTS - PAGED_SLOTS);
    }
}

/* At the level of interrupts from other processors: only the DPC may allocate. */
static ULONG_PTR NTAPI QueueHere(ULONG_PTR Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeInsertQueueDpc(&Processors[KeGetCurrentProcessorNumber()].Dpc, NULL, NULL);
    return 0;
}

static VOID OperateAtSomeLevel(PSTORM_THREAD Me)
{
    KIRQL Old;
    ULONG First = 0, Count = SLOTS - PAGED_SLOTS;
    KIRQL Level = (KIRQL)StormRandom(Me, DISPATCH_LEVEL + 1);
    if (Level < DISPATCH_LEVEL && StormRandom(Me, 3) == 0) {
        First = Count;
        Count = PAGED_SLOTS;
    }
    KeRaiseIrql(Level, &Old);
    for (ULONG i = 0; i < STEPS; i++) {
        Operate(Me, First, Count);
    }
    KeLowerIrql(Old);
}

static VOID LiveOnPools(PSTORM_THREAD Me)
{
    if (Me->Number == 0) {
        StormBeTheClock(&Threads);
        return;
    }
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        OperateAtSomeLevel(Me);
        if (StormRandom(Me, IPI_EVERY) == 0) {
            KeIpiGenericCall(QueueHere, 0);
        } else if (StormRandom(Me, 16) == 0) {
            KeInsertQueueDpc(&Processors[StormRandom(Me, KeNumberProcessors)].Dpc, NULL, NULL);
        }
        StormPause(Me);
    }
    __atomic_sub_fetch(&Threads, 1, __ATOMIC_RELEASE);
}

/* ---- accounts -------------------------------------------------------------------------------- */

static VOID ReadTags(POOL_TAG_USAGE *Sum)
{
    *Sum = (POOL_TAG_USAGE){0};
    for (ULONG i = 0; i < TAGS; i++) {
        POOL_TAG_USAGE Usage;
        if (ExpQueryTag(Tags[i], &Usage)) {
            Sum->NonPagedAllocs += Usage.NonPagedAllocs + Usage.PagedAllocs;
            Sum->NonPagedFrees += Usage.NonPagedFrees + Usage.PagedFrees;
            Sum->NonPagedBytes += Usage.NonPagedBytes + Usage.PagedBytes;
        }
    }
}

/* Each millisecond instead of each 15.625. */
static ULONG_PTR NTAPI HurryClock(ULONG_PTR Context)
{
    UNREFERENCED_PARAMETER(Context);
    HalpStartApicTimer(HalpApicTimerHz / 1000, TRUE);
    return 0;
}

static ULONG_PTR NTAPI CalmClock(ULONG_PTR Context)
{
    UNREFERENCED_PARAMETER(Context);
    HalpStartClock();
    return 0;
}

static VOID StartProcessors(VOID)
{
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        LARGE_INTEGER Due = {.QuadPart = -DPC_INTERVAL};
        Processors[i].Random = (STORM_THREAD){.Number = i, .Random = StormState(i)};
        KeInitializeDpc(&Processors[i].Dpc, OperateInDpc, NULL);
        KeInitializeDpc(&Processors[i].TimerDpc, OperateInDpc, NULL);
        KeSetTargetProcessorDpc(&Processors[i].Dpc, (CCHAR)i);
        KeSetTargetProcessorDpc(&Processors[i].TimerDpc, (CCHAR)i);
        KeInitializeTimer(&Processors[i].Timer);
        KeSetTimerEx(&Processors[i].Timer, Due, 1 + i % 3, &Processors[i].TimerDpc);
    }
    KeIpiGenericCall(HurryClock, 0);
}

static VOID StopProcessors(VOID)
{
    KeIpiGenericCall(CalmClock, 0);
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        KeCancelTimer(&Processors[i].Timer);
    }
    KeFlushQueuedDpcs();
}

/* Everything is freed, counted and, page by page, as the pools' invariants want it. */
static VOID Settle(const POOL_TAG_USAGE *Before)
{
    POOL_TAG_USAGE After;
    for (ULONG i = 0; i < SLOTS; i++) {
        STORM_CHECK(Slots[i].Busy == 0);
        if (Slots[i].Block != NULL) {
            TakeAway(&Slots[i]);
        }
    }
    ReadTags(&After);
    STORM_CHECK(Allocated == Freed);
    STORM_CHECK(After.NonPagedAllocs - Before->NonPagedAllocs == Allocated);
    STORM_CHECK(After.NonPagedFrees - Before->NonPagedFrees == Freed);
    STORM_CHECK(After.NonPagedBytes == Before->NonPagedBytes);
    PoolDrain();
    for (POOL_KIND Kind = 0; Kind < PoolKindCount; Kind++) {
        PoolCheck(Kind);
    }
}

static VOID Torture(ULONG Operations)
{
    POOL_TAG_USAGE Before;
    RtlZeroMemory(Slots, sizeof(Slots));
    Allocated = Freed = Skipped = Refused = 0;
    ReadTags(&Before);
    StartProcessors();
    Threads = StormThreads() - 1;
    StormRun(StormThreads(), LiveOnPools, StormEach(Operations));
    StopProcessors();
    Settle(&Before);
    DbgPrint("storm: allocations %I64u, frees %I64u, skipped %I64u, refused %I64u\n", Allocated,
             Freed, Skipped, Refused);
}

STORM(PoolStorm, "storm/pools/no-block-is-two-and-none-is-lost", "POOL-1 || POOL-5 || POOL-11")
{
    Torture(1500);
}

/* In free mode the common requests take the fast paths, whatever mode the machine was booted in. */
STORM(PoolStormFree, "storm/pools/the-same-by-the-fast-paths", "POOL-1 || POOL-5 || POOL-11")
{
    BOOLEAN Checked = KiCheckedMode;
    KiSetCheckedMode(FALSE);
    Torture(1500);
    KiSetCheckedMode(Checked);
}
