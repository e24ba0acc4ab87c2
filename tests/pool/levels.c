/*
 * levels.c - tests of mm/pool/priority.c and of the failures it counts.
 */
#include "kernel/ke/try.h"
#include "tests/pool/pool_cases.h"

#define OTHER_TAG  'rhtO'
#define MOST_PAGES 0x10000 /* 256 MiB: filling more takes longer than a quick test may */

static PVOID Take(const POOL_CASE *Case, SIZE_T Bytes, EX_POOL_PRIORITY Priority)
{
    return ExAllocatePoolWithTagPriority(Case->Type, Bytes, TEST_TAG, Priority);
}

static PVOID TakeAt(const POOL_CASE *Case, ULONG Priority, SIZE_T Bytes)
{
    return Take(Case, Bytes, (EX_POOL_PRIORITY)Priority);
}

/* Takes whole pages until the priority gets no more. */
static POOL_CHAIN *TakeAll(const POOL_CASE *Case, EX_POOL_PRIORITY Priority, POOL_CHAIN *Last)
{
    return PoolTakeAll(TakeAt, Case, Priority, PAGE_SIZE, Last);
}

static BOOLEAN TooMuchToFill(const POOL_CASE *Case)
{
    SIZE_T Free, Maximum;
    ExpQuerySupply(Case->Kind, &Free, &Maximum);
    return Free > MOST_PAGES;
}

/* What is left when a priority gets no page more: its share, less the page that would not fit. */
static BOOLEAN LeavesItsShare(const POOL_CASE *Case, EX_POOL_PRIORITY Priority, SIZE_T Share)
{
    SIZE_T Free, Maximum;
    POOL_CHAIN *Last = TakeAll(Case, Priority, NULL);
    ExpQuerySupply(Case->Kind, &Free, &Maximum);
    SIZE_T Least = Share == 0 ? 0 : Maximum / Share;
    BOOLEAN Holds = CHECK_GE(Free, Least);
    /* Page tables take pages, too: below the share by a block's, never above it by more. */
    Holds &= CHECK_LE(Free, Least + 8);
    Holds &= CHECK_EQ(Take(Case, 1, Priority), NULL) || Share == 0;
    PoolFreeChain(Last);
    return Holds;
}

static BOOLEAN LowLeavesAnEighth(const POOL_CASE *Case)
{
    return TooMuchToFill(Case) || LeavesItsShare(Case, LowPoolPriority, 8);
}

TEST(LevelLow, "pool/priority/low-leaves-an-eighth",
     "APP-18 LowPoolPriority: the request may fail when the system is low on resources.")
{
    PoolForEach(LowLeavesAnEighth);
}

static BOOLEAN NormalLeavesA32nd(const POOL_CASE *Case)
{
    return TooMuchToFill(Case) || LeavesItsShare(Case, NormalPoolPriority, 32);
}

TEST(LevelNormal, "pool/priority/normal-leaves-a-32nd",
     "APP-20 NormalPoolPriority: the request may fail when the system is very low on resources.")
{
    PoolForEach(NormalLeavesA32nd);
}

/* Where one level ends the next one still gets memory, and the routines without any do. */
static BOOLEAN EachHasMore(const POOL_CASE *Case)
{
    if (TooMuchToFill(Case)) {
        return TRUE;
    }
    POOL_CHAIN *Last = TakeAll(Case, LowPoolPriority, NULL);
    PVOID Normal = Take(Case, PAGE_SIZE, NormalPoolPriority);
    BOOLEAN Holds = CHECK(Normal != NULL);
    Last = TakeAll(Case, NormalPoolPriority, Last);
    PVOID High = Take(Case, PAGE_SIZE, HighPoolPriority);
    PVOID Plain = ExAllocatePoolWithTag(Case->Type, PAGE_SIZE, TEST_TAG);
    PVOID ByFlag = ExAllocatePool2(Case->Flag, PAGE_SIZE, TEST_TAG);
    Holds &= CHECK(High != NULL) && CHECK(Plain != NULL) && CHECK(ByFlag != NULL);
    Holds &= CHECK_EQ(Take(Case, 16, LowPoolPriority), NULL);
    Holds &= CHECK_EQ(Take(Case, 16, NormalPoolPriority), NULL);
    PoolFreeIfAny(Normal);
    PoolFreeIfAny(High);
    PoolFreeIfAny(Plain);
    PoolFreeIfAny(ByFlag);
    PoolFreeChain(Last);
    return Holds;
}

TEST(LevelOrder, "pool/priority/low-fails-before-normal-and-normal-before-high",
     "APP-22 HighPoolPriority: the request fails only when resources are used up completely.")
{
    PoolForEach(EachHasMore);
}

static BOOLEAN VariantsAreTheSame(const POOL_CASE *Case)
{
    if (TooMuchToFill(Case)) {
        return TRUE;
    }
    POOL_CHAIN *Last = TakeAll(Case, LowPoolPriority, NULL);
    BOOLEAN Holds = CHECK_EQ(Take(Case, 64, LowPoolPrioritySpecialPoolOverrun), NULL);
    Holds &= CHECK_EQ(Take(Case, 64, LowPoolPrioritySpecialPoolUnderrun), NULL);
    PVOID Over = Take(Case, 64, NormalPoolPrioritySpecialPoolOverrun);
    PVOID Under = Take(Case, 64, HighPoolPrioritySpecialPoolUnderrun);
    PVOID Odd = Take(Case, 64, (EX_POOL_PRIORITY)7); /* no priority: normal */
    Holds &= CHECK(Over != NULL) && CHECK(Under != NULL) && CHECK(Odd != NULL);
    PoolFreeIfAny(Over);
    PoolFreeIfAny(Under);
    PoolFreeIfAny(Odd);
    PoolFreeChain(Last);
    return Holds;
}

TEST(LevelVariants, "pool/priority/special-pool-variants-are-that-priority",
     "APP-17 Priority is one of the values of EX_POOL_PRIORITY.")
{
    PoolForEach(VariantsAreTheSame);
}

TEST(LevelShares, "pool/priority/thresholds-can-be-moved", "contract 2.5: tunables")
{
    const POOL_CASE *Case = &PoolCases[PoolKindNonPagedNx];
    SIZE_T Low = ExpQueryShare(PoolLevelLow);
    ExpSetShare(PoolLevelLow, 1); /* all of the pool is to be left */
    CHECK_EQ(Take(Case, 16, LowPoolPriority), NULL);
    ExpSetShare(PoolLevelLow, 0); /* nothing is */
    PVOID Block = Take(Case, 16, LowPoolPriority);
    CHECK(Block != NULL);
    PoolFreeIfAny(Block);
    ExpSetShare(PoolLevelLow, Low);
}

TEST(LevelCounts, "pool/priority/failures-are-counted-by-level-and-tag", "PRIO-3")
{
    SIZE_T Low = ExpQueryShare(PoolLevelLow);
    ULONG64 Before = ExpFailures[PoolLevelLow], High = ExpFailures[PoolLevelHigh];
    POOL_TAG_USAGE Was, Is;
    ExpQueryTag(OTHER_TAG, &Was);
    ExpSetShare(PoolLevelLow, 1);
    for (ULONG i = 0; i < 3; i++) {
        CHECK_EQ(ExAllocatePoolWithTagPriority(PagedPool, 99, OTHER_TAG, LowPoolPriority), NULL);
    }
    ExpSetShare(PoolLevelLow, Low);
    CHECK_EQ(ExAllocatePoolWithTag(PagedPool, (SIZE_T)1 << 46, OTHER_TAG), NULL);
    ExpQueryTag(OTHER_TAG, &Is);
    CHECK_EQ(Is.Failures[PoolLevelLow], Was.Failures[PoolLevelLow] + 3);
    CHECK_EQ(Is.Failures[PoolLevelNormal], Was.Failures[PoolLevelNormal]);
    CHECK_EQ(Is.Failures[PoolLevelHigh], Was.Failures[PoolLevelHigh] + 1);
    CHECK_EQ(ExpFailures[PoolLevelLow], Before + 3);
    CHECK_EQ(ExpFailures[PoolLevelHigh], High + 1);
}

TEST(LevelRaise, "pool/priority/a-refused-request-raises-if-it-asked-to", "PRIO-2")
{
    SIZE_T Low = ExpQueryShare(PoolLevelLow);
    volatile NTSTATUS Status = STATUS_SUCCESS;
    ExpSetShare(PoolLevelLow, 1);
    KE_TRY
    {
        ExAllocatePoolWithTagPriority(
            (POOL_TYPE)(NonPagedPoolNx | POOL_RAISE_IF_ALLOCATION_FAILURE), 8, TEST_TAG,
            LowPoolPriority);
    }
    KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
    {
        Status = GetExceptionCode();
    }
    KE_END_TRY
    ExpSetShare(PoolLevelLow, Low);
    CHECK_EQ(Status, STATUS_INSUFFICIENT_RESOURCES);
}
