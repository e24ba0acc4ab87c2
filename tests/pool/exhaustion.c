/*
 * exhaustion.c - pools without memory: NULL, nothing worse, and everything back afterwards.
 */
#include "mm/mm.h"
#include "tests/fail_nth.h"
#include "tests/pool/pool_cases.h"

#define MOST_PAGES 0x10000 /* 256 MiB: filling more takes longer than a quick test may */
#define ROOM_PAGES 300
#define ALLOCATORS 3

static PVOID AllocateBy(const POOL_CASE *Case, ULONG Routine, SIZE_T Bytes)
{
    switch (Routine) {
    case 0: return ExAllocatePoolWithTag(Case->Type, Bytes, TEST_TAG);
    case 1: return ExAllocatePoolWithTagPriority(Case->Type, Bytes, TEST_TAG, HighPoolPriority);
    default: return ExAllocatePool2(Case->Flag | POOL_FLAG_UNINITIALIZED, Bytes, TEST_TAG);
    }
}

static POOL_CHAIN *TakeEverything(const POOL_CASE *Case, ULONG Routine)
{
    return PoolTakeAll(AllocateBy, Case, Routine, sizeof(POOL_CHAIN), NULL);
}

/* Memory ends: every size gives NULL, and afterwards as much is left as before. */
static BOOLEAN EndsAndRecovers(const POOL_CASE *Case, ULONG Routine)
{
    PoolFreeChain(TakeEverything(Case, Routine)); /* so that all page tables exist */
    SIZE_T Committed = MmTotalCommittedPages;
    PFN_NUMBER Available = MiAvailablePages();
    POOL_CHAIN *Last = TakeEverything(Case, Routine);
    BOOLEAN Holds = CHECK(Last != NULL);
    Holds &= CHECK_EQ(AllocateBy(Case, Routine, 1), NULL);
    Holds &= CHECK_EQ(AllocateBy(Case, Routine, PAGE_SIZE), NULL);
    Holds &= CHECK_EQ(AllocateBy(Case, Routine, 1 << 30), NULL);
    PoolFreeChain(Last);
    PVOID Block = AllocateBy(Case, Routine, 5 * PAGE_SIZE);
    Holds &= CHECK(Block != NULL);
    PoolFreeIfAny(Block);
    Holds &= CHECK_EQ(MmTotalCommittedPages, Committed) && CHECK_EQ(MiAvailablePages(), Available);
    PoolCheck(Case->Kind);
    return Holds;
}

static BOOLEAN LegacyEndsAndRecovers(const POOL_CASE *Case)
{
    return EndsAndRecovers(Case, 0) && EndsAndRecovers(Case, 1);
}

static BOOLEAN Pool2EndsAndRecovers(const POOL_CASE *Case)
{
    return EndsAndRecovers(Case, 2);
}

TEST(ExhaustionLegacy, "pool/exhaustion/legacy-routines-give-null-then-recover",
     "MAT-1 No memory: the legacy routines return NULL. || "
     "APP-27 The routine returns NULL when the free pool cannot satisfy the request.")
{
    NEEDS_ALL_MEMORY("pool/exhaustion/commit-ends-first does the same with less");
    if (MmNumberOfPhysicalPages > MOST_PAGES) {
        SKIP("more than 256 MiB to fill");
    }
    PoolForEachUncached(LegacyEndsAndRecovers);
}

TEST(ExhaustionPool2, "pool/exhaustion/pool2-gives-null-then-recovers",
     "MAT-3 No memory: ExAllocatePool2 and ExAllocatePool3 return NULL.")
{
    NEEDS_ALL_MEMORY("pool/exhaustion/commit-ends-first does the same with less");
    if (MmNumberOfPhysicalPages > MOST_PAGES) {
        SKIP("more than 256 MiB to fill");
    }
    PoolForEachUncached(Pool2EndsAndRecovers);
}

/* The same where commit ends long before memory: on a machine of any size. */
static BOOLEAN EndsWithCommit(const POOL_CASE *Case)
{
    SIZE_T Limit = MmTotalCommitLimit;
    BOOLEAN Holds = TRUE;
    for (ULONG Routine = 0; Routine < ALLOCATORS; Routine++) {
        MmTotalCommitLimit = MmTotalCommittedPages + ROOM_PAGES;
        Holds &= EndsAndRecovers(Case, Routine);
        MmTotalCommitLimit = Limit;
    }
    return Holds;
}

TEST(ExhaustionCommit, "pool/exhaustion/commit-ends-first",
     "MAT-1 No memory: the legacy routines return NULL.")
{
    PoolForEachUncached(EndsWithCommit);
}

/* Blocks of shared pages can still be had after the last page is gone. */
static BOOLEAN UsesWhatPagesAreLeft(const POOL_CASE *Case)
{
    PVOID Blocks[4];
    SIZE_T Limit = MmTotalCommitLimit;
    BOOLEAN Holds = CHECK(PoolTakeQuarters(Case, Blocks));
    if (Holds) {
        PoolFreeIfAny(Blocks[1]);
        MmTotalCommitLimit = MmTotalCommittedPages;
        Holds &= CHECK_EQ(ExAllocatePoolWithTag(Case->Type, PAGE_SIZE, TEST_TAG), NULL);
        PVOID Again = ExAllocatePoolWithTag(Case->Type, POOL_QUARTER, TEST_TAG);
        MmTotalCommitLimit = Limit;
        Holds &= CHECK_EQ(Again, Blocks[1]);
        Blocks[1] = Again;
        for (ULONG i = 0; i < 4; i++) {
            PoolFreeIfAny(Blocks[i]);
        }
    }
    PoolFreePlugs();
    return Holds;
}

TEST(ExhaustionPages, "pool/exhaustion/free-blocks-serve-without-pages", "")
{
    PoolForEachUncached(UsesWhatPagesAreLeft);
}
