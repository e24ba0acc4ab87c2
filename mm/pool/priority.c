/*
 * priority.c - what the priority of a request means: how much of a pool must be left when it is
 * served. For allocate.c; contract 2.5, whose thresholds these are.
 *
 * A pool has so many pages to hand out as its address range, the commit limit and, if it is
 * nonpaged, the pages that are available allow. A request of low priority leaves an eighth of them
 * to others, one of normal priority a 32nd; one of high priority, or of a routine that has no
 * priority, takes the last page. So what can be done without fails while there still is memory for
 * what can't. The words pool-low and pool-normal move the thresholds.
 *
 *   PRIO-1  A request is refused if fewer pages than its level's share would be left behind it. A
 *           block that shares a page counts as one page.
 *   PRIO-2  A refusal looks like want of memory: NULL, or an exception for who asked for one.
 *   PRIO-3  Each request that fails for want of memory is counted under its level and its tag.
 *   PRIO-4  The special-pool variants of a priority are that priority (contract 2.5). Where special
 *           pool serves the request anyway, they choose the edge.
 */
#include "mm/pool/request.h"

#define EDGE_IS_GIVEN 8
#define EDGE_UNDERRUN 1

#define LOW_SHARE    8 /* of a pool's pages one is left over in so many */
#define NORMAL_SHARE 32
#define SPARE_PAGES  256 /* 1 MiB */

/* 0: the level leaves nothing over. */
static SIZE_T ExpShares[PoolLevelCount] = {
    [PoolLevelLow] = LOW_SHARE, [PoolLevelNormal] = NORMAL_SHARE, [PoolLevelHigh] = 0};

ULONG64 ExpFailures[PoolLevelCount];
UCHAR ExpScarce;

VOID ExpSetShare(POOL_LEVEL Level, SIZE_T Share)
{
    ExpShares[Level] = Share;
    for (ULONG Kind = 0; Kind < PoolKindCount; Kind++) {
        ExpReviewSupply((POOL_KIND)Kind);
    }
}

SIZE_T ExpQueryShare(POOL_LEVEL Level)
{
    return ExpShares[Level];
}

BOOLEAN ExpReadPriority(EX_POOL_PRIORITY Priority, POOL_LEVEL *Level)
{
    ULONG Value = (ULONG)Priority;
    ULONG Rest = Value & ~(ULONG)(NormalPoolPriority | HighPoolPriority);
    *Level = PoolLevelNormal; /* also for what is none */
    if ((Rest != 0 && Rest != EDGE_IS_GIVEN && Rest != (EDGE_IS_GIVEN | EDGE_UNDERRUN)) ||
        Value > 41) {
        return FALSE;
    }
    *Level = (POOL_LEVEL)(Value / NormalPoolPriority);
    return TRUE;
}

POOL_EDGE ExpReadEdge(EX_POOL_PRIORITY Priority)
{
    if (!((ULONG)Priority & EDGE_IS_GIVEN)) {
        return PoolEdgeDefault;
    }
    return (ULONG)Priority & EDGE_UNDERRUN ? PoolEdgeUnderrun : PoolEdgeOverrun;
}

/* PRIO-1. */
BOOLEAN ExpLeavesEnough(const POOL_REQUEST *Request)
{
    SIZE_T Share = ExpShares[Request->Level], Free, Maximum;
    SIZE_T Pages = BYTES_TO_PAGES(Request->Bytes) + (Request->Bytes == 0);
    if (Share == 0) {
        return TRUE;
    }
    ExpQuerySupply(Request->Kind, &Free, &Maximum);
    return Free >= Pages && Free - Pages >= Maximum / Share;
}

/*
 * What a processor has at hand is given to every level while plenty is left: this says how far that
 * goes, with some pages to spare for what others take meanwhile.
 */
VOID ExpReviewSupply(POOL_KIND Kind)
{
    SIZE_T Free, Maximum, Reserve = 0;
    UCHAR Bit = (UCHAR)(1U << Kind);
    ExpQuerySupply(Kind, &Free, &Maximum);
    for (ULONG Level = 0; Level < PoolLevelHigh; Level++) {
        SIZE_T Share = ExpShares[Level] == 0 ? 0 : Maximum / ExpShares[Level];
        Reserve = Share > Reserve ? Share : Reserve;
    }
    if (Free >= Reserve + SPARE_PAGES) {
        if (ExpScarce & Bit) {
            __atomic_fetch_and(&ExpScarce, (UCHAR)~Bit, __ATOMIC_RELAXED);
        }
    } else if (!(ExpScarce & Bit)) {
        __atomic_fetch_or(&ExpScarce, Bit, __ATOMIC_RELAXED);
    }
}

VOID ExpCountFailure(const POOL_REQUEST *Request)
{
    __atomic_fetch_add(&ExpFailures[Request->Level], 1, __ATOMIC_RELAXED);
    ExpCountTagFailure(Request->Tag, Request->Level);
}
