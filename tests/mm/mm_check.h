/*
 * mm_check.h - what the tests of mm/ share: the counters that must be the same before and after,
 * and pages taken in numbers, chained through the page frame database so that none is touched.
 */
#pragma once

#include "mm/paging.h"
#include "tests/pool/pool_cases.h"
#include "tests/test.h"

typedef struct _MM_COUNTS {
    PFN_NUMBER Available;
    SIZE_T Committed;
    SIZE_T InUse[MiRegionCount]; /* pages of address space */
} MM_COUNTS, *PMM_COUNTS;

static inline MM_COUNTS TestMmCounts(VOID)
{
    PoolDrain(); /* what processors keep of freed blocks goes back when memory ends */
    MM_COUNTS Counts = {.Available = MiAvailablePages(), .Committed = MmTotalCommittedPages};
    for (ULONG i = 0; i < MiRegionCount; i++) {
        Counts.InUse[i] = MiRegions[i].PagesInUse;
    }
    return Counts;
}

/* Nothing that was taken since is still out. */
static inline VOID TestMmUnchanged(const MM_COUNTS *Before)
{
    MM_COUNTS Now = TestMmCounts();
    CHECK_EQ(Now.Available, Before->Available);
    CHECK_EQ(Now.Committed, Before->Committed);
    for (ULONG i = 0; i < MiRegionCount; i++) {
        CHECK_EQ(Now.InUse[i], Before->InUse[i]);
    }
}

/*
 * For tests that take every page there is: nothing is kept for faults and nothing is paged out,
 * until TestResumePaging.
 */
static inline VOID TestSuspendPaging(VOID)
{
    for (ULONG i = 0; i < MiPagingFileCount; i++) {
        MiPagingFiles[i].Closed = TRUE;
    }
    MiSetWaterMarks(FALSE);
}
static inline VOID TestResumePaging(VOID)
{
    for (ULONG i = 0; i < MiPagingFileCount; i++) {
        MiPagingFiles[i].Closed = FALSE;
    }
    MiSetWaterMarks(MiPagingFileCount != 0);
}

/* Puts an allocated page in front of a chain of such pages. */
static inline VOID TestChainPage(PFN_NUMBER *Chain, PFN_NUMBER Pfn)
{
    MiPfnEntry(Pfn)->OriginalPte.Long = *Chain;
    *Chain = Pfn;
}

/* Frees a chain of pages; returns how many there were. */
static inline SIZE_T TestFreeChain(PFN_NUMBER Chain)
{
    SIZE_T Count = 0;
    for (; Chain != MI_NO_PAGE; Count++) {
        PFN_NUMBER Next = MiPfnEntry(Chain)->OriginalPte.Long;
        MiFreePage(Chain);
        Chain = Next;
    }
    return Count;
}

/* Takes commit until at most Left pages may still be promised; the caller returns it. */
static inline SIZE_T TestHoldCommit(SIZE_T Left)
{
    SIZE_T Free = MmTotalCommitLimit - MmTotalCommittedPages;
    SIZE_T Held = Free > Left ? Free - Left : 0;
    CHECK(MiChargeCommit(Held));
    return Held;
}

static inline BOOLEAN TestIsZero(const VOID *Memory, SIZE_T Bytes)
{
    const ULONG64 *Words = Memory;
    ULONG64 Bits = 0;
    for (SIZE_T i = 0; i < Bytes / sizeof(ULONG64); i++) {
        Bits |= Words[i];
    }
    return Bits == 0;
}
