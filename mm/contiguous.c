/*
 * contiguous.c - runs of adjacent pages, for devices and for whoever needs a certain address.
 *
 * The search reads page states without the lock, from the lowest page up, because a look at all of
 * memory takes too long with interrupts off. A run that looks free is then taken page by page, each
 * checked once more under the lock; if somebody was faster, the search goes on behind that page.
 *
 *   RUN-1  A run never crosses a multiple of the boundary and never leaves the bounds.
 *   RUN-2  Pages of a run that was not completed go back to the free list.
 */
#include "mm/mm.h"

static BOOLEAN MiIsTakeable(PFN_NUMBER Pfn)
{
    return MiIsPfn(Pfn) && MiPfnEntry(Pfn)->PageLocation <= FreePageList;
}

/* The first of Count pages from First on that is not free; First + Count when all are. */
static PFN_NUMBER MiFindObstacle(PFN_NUMBER First, PFN_NUMBER Count)
{
    PFN_NUMBER Pfn = First;
    while (Pfn < First + Count && MiIsTakeable(Pfn)) {
        Pfn++;
    }
    return Pfn;
}

static BOOLEAN MiTakeIfFree(PFN_NUMBER Pfn)
{
    PMI_NODE Node = &MiNodes[MiPfnEntry(Pfn)->Node];
    ULONG64 State = MiAcquireLock(&Node->Lock);
    BOOLEAN Free = MiIsTakeable(Pfn);
    if (Free) {
        MiUnlinkPage(Node, Pfn);
    }
    MiReleaseNode(Node, State);
    return Free;
}

/* Takes a run that looked free; the page that was in the way, or First + Count. */
static PFN_NUMBER MiTakeRun(PFN_NUMBER First, PFN_NUMBER Count)
{
    for (PFN_NUMBER Pfn = First; Pfn < First + Count; Pfn++) {
        if (!MiTakeIfFree(Pfn)) {
            MiFreePages(First, Pfn - First);
            return Pfn;
        }
    }
    return First + Count;
}

/* Pfn, or the first page of the next section that the database has. */
static PFN_NUMBER MiSkipHoles(PFN_NUMBER Pfn)
{
    PFN_NUMBER Section = Pfn / MI_SECTION_PAGES;
    while (Section < MI_MAX_SECTIONS && !(MiSections[Section / 64] >> (Section % 64) & 1)) {
        Section++;
    }
    PFN_NUMBER First = Section * MI_SECTION_PAGES;
    return First > Pfn ? First : Pfn;
}

/* Pfn, or the next multiple of Boundary when a run from Pfn on would cross that. */
static PFN_NUMBER MiSkipBoundary(PFN_NUMBER Pfn, PFN_NUMBER Count, PFN_NUMBER Boundary)
{
    if (Boundary != 0 && Pfn / Boundary != (Pfn + Count - 1) / Boundary) {
        return (Pfn / Boundary + 1) * Boundary;
    }
    return Pfn;
}

PFN_NUMBER MiAllocateContiguousPages(PFN_NUMBER Count, PFN_NUMBER Lowest, PFN_NUMBER Highest,
                                     PFN_NUMBER Boundary)
{
    PFN_NUMBER Floor = Highest < MI_FIRST_MEGABYTE ? 1 : MI_FIRST_MEGABYTE;
    PFN_NUMBER Pfn = Lowest > Floor ? Lowest : Floor;
    PFN_NUMBER Top = Highest < MmHighestPhysicalPage ? Highest : MmHighestPhysicalPage;

    if (Count == 0 || Count > Top || (Boundary != 0 && Count > Boundary)) {
        return MI_NO_PAGE;
    }
    while (Pfn <= Top - Count + 1) {
        PFN_NUMBER Start = MiSkipBoundary(MiSkipHoles(Pfn), Count, Boundary);
        if (Start != Pfn) {
            Pfn = Start;
            continue;
        }
        PFN_NUMBER Obstacle = MiFindObstacle(Pfn, Count);
        if (Obstacle == Pfn + Count) {
            Obstacle = MiTakeRun(Pfn, Count);
        }
        if (Obstacle == Pfn + Count) {
            return Pfn;
        }
        Pfn = Obstacle + 1;
    }
    return MI_NO_PAGE;
}

VOID MiFreePages(PFN_NUMBER First, PFN_NUMBER Count)
{
    for (PFN_NUMBER i = 0; i < Count; i++) {
        MiFreePage(First + i);
    }
}
