/*
 * nodes.c - NUMA nodes: which page is whose, and who is near to whom.
 *
 * Theory. On a large machine memory is attached to processors: their own is fast, that of others
 * farther away. The firmware's SRAT says which memory and which processors are a node, its SLIT how
 * far nodes are from each other. Each node has page lists and a lock of its own (pfn.c). A
 * processor takes pages of its node; when there are none, it goes through the others from the
 * nearest on. That order is computed once, here, so that a miss costs a look at one counter for
 * each node that has nothing.
 *
 *   distances   0   1   2   3        pages for a processor of node 0
 *          0   10  12  23  34        0 ─► 1 ─► 2 ─► 3
 *          1   12  10  45  56        of node 1:
 *          2   23  45  10 255        1 ─► 0 ─► 2 ─► 3
 *          3   34  56 255  10        of node 3:   3 ─► 0 ─► 1 ─► 2
 *
 *   NODE-1  A page's node is that of the SRAT's range around it, 0 where there is none; it never
 *           changes, and the page is on lists of that node only.
 *   NODE-2  A node's order begins with itself and goes on by rising distance, by number where
 *           distances are equal. A page comes from the first node of the order that has one.
 *   NODE-3  Processors without memory and memory without processors are nodes like others: the
 *           former borrow, the latter lend.
 */
#include "mm/boot.h"

MI_NODE_PLACE MiNodePlaces[MI_MAX_NODES];
ULONG MiNodeCount = 1;

/* NODE-2: each node is put in front of those farther away. None is as near as the node itself. */
static INIT VOID MiOrderHops(ULONG Node)
{
    PUCHAR Hops = MiNodePlaces[Node].Hops;
    const UCHAR *Distances = HalpMachine.Distances[Node];
    for (ULONG Other = 0; Other < MiNodeCount; Other++) {
        ULONG At = Other;
        while (At > 0 && Distances[Hops[At - 1]] > Distances[Other]) {
            Hops[At] = Hops[At - 1];
            At--;
        }
        Hops[At] = (UCHAR)Other;
    }
}

/* NODE-1. */
static INIT VOID MiAssignRange(const HAL_NODE_RANGE *Range)
{
    PFN_NUMBER End = (Range->Base + Range->Size) / PAGE_SIZE;
    End = End <= MmHighestPhysicalPage ? End : MmHighestPhysicalPage + 1;
    for (PFN_NUMBER Pfn = Range->Base / PAGE_SIZE; Pfn < End; Pfn++) {
        if (MiIsPfn(Pfn)) {
            MiPfnEntry(Pfn)->Node = (USHORT)Range->Node;
        }
    }
}

static INIT VOID MiMeasureNodes(VOID)
{
    MiNodePlaces[0].Pages = 0;
    for (PFN_NUMBER Pfn = 0; Pfn <= MmHighestPhysicalPage; Pfn++) {
        if (MiIsPfn(Pfn)) {
            PMI_NODE_PLACE Place = &MiNodePlaces[MiPfnEntry(Pfn)->Node];
            Place->First = Place->Pages == 0 ? Pfn : Place->First;
            Place->Last = Pfn;
            Place->Pages++;
        }
    }
}

INIT VOID MiBuildNodes(VOID)
{
    MiNodeCount = HalpMachine.NodeCount;
    for (ULONG i = 0; i < MiNodeCount; i++) {
        for (MI_ZONE Zone = MiZoneHigh; Zone < MiZoneCount; Zone++) {
            MiNodes[i].Lists[Zone][ZeroedPageList].ListName = ZeroedPageList;
            MiNodes[i].Lists[Zone][FreePageList].ListName = FreePageList;
        }
        MiNodes[i].BadList.ListName = BadPageList;
        MiNodes[i].Modified.ListName = ModifiedPageList;
        MiNodes[i].NoWrite.ListName = ModifiedNoWritePageList;
        for (ULONG k = 0; k < MI_PAGE_PRIORITIES; k++) {
            MiNodes[i].Standby[k].ListName = StandbyPageList;
        }
        MiOrderHops(i);
    }
    MiNodePlaces[0].Pages = MmNumberOfPhysicalPages;
    MiNodePlaces[0].First = MmLowestPhysicalPage;
    MiNodePlaces[0].Last = MmHighestPhysicalPage;
    if (MiNodeCount > 1) {
        for (ULONG i = 0; i < HalpMachine.NodeRangeCount; i++) {
            MiAssignRange(&HalpMachine.NodeRanges[i]);
        }
        MiMeasureNodes();
    }
}
