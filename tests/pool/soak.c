/*
 * soak.c - random blocks in all pools against a model that knows what each block must hold.
 *
 * Seeds are fixed, so a failure comes again. The quick run is a few thousand steps, the slow one a
 * million; tests/host has the same for the core alone, under sanitizers.
 */
#include "kernel/ke/ke.h"
#include "tests/pool/pool_cases.h"

#define SLOTS       600
#define CHECK_EVERY 4096
#define SOAK_TAG    'kaoS'

typedef struct _SOAK_SLOT {
    PUCHAR Block; /* NULL: nothing is allocated */
    SIZE_T Bytes;
    UCHAR Case;
    UCHAR Fill;
} SOAK_SLOT;

static SOAK_SLOT SoakSlots[SLOTS];
static ULONG64 SoakState;

static ULONG SoakDraw(ULONG Limit)
{
    return (ULONG)((PoolRandom(&SoakState) >> 32) % Limit);
}

static SIZE_T SoakDrawBytes(VOID)
{
    switch (SoakDraw(16)) {
    case 0: return SoakDraw(17);
    case 1: return 0xFA0 + SoakDraw(0x70);
    case 2: return 1 + SoakDraw(3 * PAGE_SIZE);
    case 3:
    case 4: return 1 + SoakDraw(4000);
    default: return 1 + SoakDraw(400);
    }
}

/* One of the routines, at an IRQL where it may be called. */
static PVOID SoakRequest(const POOL_CASE *Case, SIZE_T Bytes, PBOOLEAN Zeroed)
{
    KIRQL Old;
    PVOID Block;
    ULONG Routine = SoakDraw(4);
    KeRaiseIrql((KIRQL)SoakDraw(Case->HighestIrql + 1U), &Old);
    *Zeroed = FALSE;
    if (Routine == 0 && Bytes != 0) {
        *Zeroed = TRUE;
        Block = ExAllocatePool2(Case->Flag, Bytes, SOAK_TAG);
    } else if (Routine == 1) {
        Block = ExAllocatePoolWithTag((POOL_TYPE)(Case->Type | 4), Bytes, SOAK_TAG);
    } else if (Routine == 2) {
        Block = ExAllocatePoolWithTag(Case->Type, Bytes, SOAK_TAG);
    } else {
        Block = ExAllocatePoolWithTagPriority(Case->Type, Bytes, SOAK_TAG,
                                              (EX_POOL_PRIORITY)(SoakDraw(3) * 16));
    }
    KeLowerIrql(Old);
    return Block;
}

static BOOLEAN SoakAllocate(SOAK_SLOT *Slot)
{
    BOOLEAN Zeroed;
    Slot->Case = (UCHAR)SoakDraw(PoolKindCount);
    Slot->Bytes = SoakDrawBytes();
    Slot->Fill = (UCHAR)SoakDraw(256);
    Slot->Block = SoakRequest(&PoolCases[Slot->Case], Slot->Bytes, &Zeroed);
    if (!CHECK(Slot->Block != NULL)) {
        return FALSE;
    }
    BOOLEAN Holds = CHECK_EQ(ExpKindOfAddress(Slot->Block), Slot->Case);
    Holds &= CHECK(!Zeroed || PoolIsFilled(Slot->Block, 0, 0, Slot->Bytes));
    RtlFillMemory(Slot->Block, Slot->Bytes, Slot->Fill);
    return Holds;
}

static BOOLEAN SoakFree(SOAK_SLOT *Slot)
{
    KIRQL Old;
    BOOLEAN Holds = CHECK(PoolIsFilled(Slot->Block, Slot->Fill, 0, Slot->Bytes));
    KeRaiseIrql((KIRQL)SoakDraw(PoolCases[Slot->Case].HighestIrql + 1U), &Old);
    ExFreePoolWithTag(Slot->Block, SoakDraw(2) ? SOAK_TAG : 0);
    KeLowerIrql(Old);
    Slot->Block = NULL;
    return Holds;
}

static VOID SoakCheck(VOID)
{
    for (POOL_KIND Kind = 0; Kind < PoolKindCount; Kind++) {
        PoolCheck(Kind);
    }
}

/* Steps in waves, in which blocks gather and go again. */
static VOID Soak(ULONG64 Seed, ULONG Steps)
{
    POOL_TAG_USAGE Usage;
    BOOLEAN Holds = TRUE;
    SoakState = Seed;
    for (ULONG Step = 0; Holds && Step < Steps; Step++) {
        SOAK_SLOT *Slot = &SoakSlots[SoakDraw(SLOTS)];
        BOOLEAN Wanted = SoakDraw(8) < (Step / 2048 % 2 == 0 ? 6U : 2U);
        if (Wanted != (Slot->Block != NULL)) {
            Holds = Wanted ? SoakAllocate(Slot) : SoakFree(Slot);
        }
        if (Step % CHECK_EVERY == 0) {
            SoakCheck();
        }
    }
    for (ULONG i = 0; i < SLOTS; i++) {
        if (SoakSlots[i].Block != NULL) {
            SoakFree(&SoakSlots[i]);
        }
    }
    SoakCheck();
    ExpQueryTag(SOAK_TAG, &Usage);
    CHECK_EQ(Usage.NonPagedBytes + Usage.PagedBytes, 0);
    CHECK_EQ(Usage.NonPagedAllocs + Usage.PagedAllocs, Usage.NonPagedFrees + Usage.PagedFrees);
}

TEST(SoakQuick, "pool/soak/random-blocks-keep-their-contents",
     "POOL-1 Blocks tile their page: sizes add up to 256 granules, no block crosses a page.")
{
    Soak(0x9E3779B97F4A7C15ULL, 12000);
}

TEST_FLAGS(SoakSlow, "pool/slow/a-million-random-steps",
           "POOL-1 Blocks tile their page: sizes add up to 256 granules, no block crosses a page.",
           TEST_SLOW)
{
    for (ULONG64 Seed = 1; Seed <= 4; Seed++) {
        Soak(Seed * 0x9E3779B97F4A7C15ULL, 250000);
    }
}
