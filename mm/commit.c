/*
 * commit.c - the promise that touching memory finds a page: charged when address space is handed
 * out, so that want of memory shows as a failed allocation and never as a failed touch.
 *
 *   COMMIT-1  The sum of all charges never passes the limit.
 *   COMMIT-2  Whoever takes pages for good charges them: pools (paged ones at the allocation, not
 *             at the touch), stacks, page tables, the bitmaps of the regions.
 *
 * The limit is the memory that start-up left over, and the slots of the paging files, which grow
 * when that is not enough (pagefile.c).
 */
#include "mm/paging.h"

SIZE_T MmTotalCommittedPages, MmTotalCommitLimit, MmPeakCommittedPages;
MI_QUIET MiQuietCommit;

/* The counter was changed by a locked instruction, so what is quiet is read behind it (PRESS-3). */
static inline VOID MiCheckCommit(SIZE_T Committed)
{
    if (MiIsLoud(&MiQuietCommit, Committed)) {
        MiReportPressure();
    }
}

static BOOLEAN MiTryCharge(SIZE_T Pages)
{
    SIZE_T Old = __atomic_load_n(&MmTotalCommittedPages, __ATOMIC_RELAXED);
    do {
        SIZE_T Limit = __atomic_load_n(&MmTotalCommitLimit, __ATOMIC_RELAXED);
        if (Pages > Limit || Old > Limit - Pages) {
            return FALSE;
        }
    } while (!__atomic_compare_exchange_n(&MmTotalCommittedPages, &Old, Old + Pages, TRUE,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    /* A peak lost between processors is off by the pages of one race: it is for people. */
    if (Old + Pages > MmPeakCommittedPages) {
        MmPeakCommittedPages = Old + Pages;
    }
    MiCheckCommit(Old + Pages);
    return TRUE;
}

/* By how much a charge would pass the limit; it may have become possible by now, for 1 then. */
static SIZE_T MiShortage(SIZE_T Pages)
{
    SIZE_T Limit = __atomic_load_n(&MmTotalCommitLimit, __ATOMIC_RELAXED);
    SIZE_T Committed = __atomic_load_n(&MmTotalCommittedPages, __ATOMIC_RELAXED);
    SIZE_T Left = Committed < Limit ? Limit - Committed : 0;
    return Pages > Left ? Pages - Left : 1;
}

BOOLEAN MiChargeCommit(SIZE_T Pages)
{
    while (!MiTryCharge(Pages)) {
        if (!MiGrowPagingFiles(MiShortage(Pages))) {
            return FALSE;
        }
    }
    return TRUE;
}

VOID MiReturnCommit(SIZE_T Pages)
{
    MiCheckCommit(__atomic_sub_fetch(&MmTotalCommittedPages, Pages, __ATOMIC_RELAXED));
}
