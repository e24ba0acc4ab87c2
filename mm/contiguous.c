/*
 * contiguous.c - runs of adjacent pages, for devices and for whoever needs a certain address.
 *
 * The search reads page states without the lock, from the lowest page up, because a look at all of
 * memory takes too long with interrupts off. A run that looks free is then taken page by page, each
 * checked once more under the lock; if somebody was faster, the search goes on behind that page.
 *
 *   RUN-1  A run never crosses a multiple of the boundary and never leaves the bounds.
 *   RUN-2  Pages of a run that was not completed go back to the free list.
 *   RUN-3  A run is of one node, the nearest to the processor that has it; across nodes only when
 *          none has.
 */
#include "mm/mm.h"

static BOOLEAN MiIsTakeable(PFN_NUMBER Pfn, ULONG Node)
{
    return MiIsPfn(Pfn) && MiPfnEntry(Pfn)->PageLocation <= StandbyPageList &&
           (Node == MI_ANY_NODE || MiPfnEntry(Pfn)->Node == Node);
}

/*
 * The first of Count pages from First on that is not free, or not Node's; First + Count when all
 * are.
 */
static PFN_NUMBER MiFindObstacle(PFN_NUMBER First, PFN_NUMBER Count, ULONG Node)
{
    PFN_NUMBER Pfn = First;
    while (Pfn < First + Count && MiIsTakeable(Pfn, Node)) {
        Pfn++;
    }
    return Pfn;
}

static BOOLEAN MiTakeIfFree(PFN_NUMBER Pfn)
{
    PMI_NODE Node = &MiNodes[MiPfnEntry(Pfn)->Node];
    ULONG64 State = MiAcquireLock(&Node->Lock);
    BOOLEAN Free = MiIsTakeable(Pfn, MI_ANY_NODE);
    if (Free) {
        MiTakePage(Node, Pfn);
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

/* A run of Count pages between Pfn and Top, of Node or MI_ANY_NODE. */
static PFN_NUMBER MiSearchRun(PFN_NUMBER Pfn, PFN_NUMBER Top, PFN_NUMBER Count, PFN_NUMBER Boundary,
                              ULONG Node)
{
    while (Count <= Top && Pfn <= Top - Count + 1) {
        PFN_NUMBER Start = MiSkipBoundary(MiSkipHoles(Pfn), Count, Boundary);
        if (Start != Pfn) {
            Pfn = Start;
            continue;
        }
        PFN_NUMBER Obstacle = MiFindObstacle(Pfn, Count, Node);
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

static PFN_NUMBER MiSearchNode(PFN_NUMBER Lowest, PFN_NUMBER Top, PFN_NUMBER Count,
                               PFN_NUMBER Boundary, ULONG Node)
{
    const MI_NODE_PLACE *Place = &MiNodePlaces[Node];
    return MiSearchRun(Lowest > Place->First ? Lowest : Place->First,
                       Top < Place->Last ? Top : Place->Last, Count, Boundary, Node);
}

/* RUN-3: node by node from the nearest on, each where it has memory. */
static PFN_NUMBER MiSearchNodes(PFN_NUMBER Lowest, PFN_NUMBER Top, PFN_NUMBER Count,
                                PFN_NUMBER Boundary)
{
    const UCHAR *Hops = MiNodePlaces[MiCurrentNode()].Hops;
    PFN_NUMBER Pfn = MI_NO_PAGE;
    for (ULONG i = 0; i < MiNodeCount && Pfn == MI_NO_PAGE; i++) {
        Pfn = MiSearchNode(Lowest, Top, Count, Boundary, Hops[i]);
    }
    return Pfn;
}

PFN_NUMBER MiAllocateContiguousPagesOf(PFN_NUMBER Count, PFN_NUMBER Lowest, PFN_NUMBER Highest,
                                       PFN_NUMBER Boundary, ULONG Node)
{
    PFN_NUMBER Floor = Highest < MI_FIRST_MEGABYTE ? 1 : MI_FIRST_MEGABYTE;
    PFN_NUMBER First = Lowest > Floor ? Lowest : Floor, Pfn = MI_NO_PAGE;
    PFN_NUMBER Top = Highest < MmHighestPhysicalPage ? Highest : MmHighestPhysicalPage;

    if (Count == 0 || (Boundary != 0 && Count > Boundary)) {
        return MI_NO_PAGE;
    }
    if (Node != MI_ANY_NODE) {
        return MiSearchNode(First, Top, Count, Boundary, Node);
    }
    if (MiNodeCount > 1) {
        Pfn = MiSearchNodes(First, Top, Count, Boundary);
    }
    return Pfn != MI_NO_PAGE ? Pfn : MiSearchRun(First, Top, Count, Boundary, MI_ANY_NODE);
}

PFN_NUMBER MiAllocateContiguousPages(PFN_NUMBER Count, PFN_NUMBER Lowest, PFN_NUMBER Highest,
                                     PFN_NUMBER Boundary)
{
    return MiAllocateContiguousPagesOf(Count, Lowest, Highest, Boundary, MI_ANY_NODE);
}

VOID MiFreePages(PFN_NUMBER First, PFN_NUMBER Count)
{
    for (PFN_NUMBER i = 0; i < Count; i++) {
        MiFreePage(First + i);
    }
}
