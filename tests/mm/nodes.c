/*
 * nodes.c - tests of NUMA nodes: whose each page is, where a processor's pages come from, and where
 * they go back to. What is expected is worked out from the firmware's tables once more.
 */
#include "tests/ke/smp.h"
#include "tests/mm/mm_check.h"

#define NEED_NODES                                                                                 \
    if (HalpMachine.NodeCount < 2) {                                                               \
        SKIP("there is one node");                                                                 \
    }

/*
 * Whether node B is farther from Home than node A is: by distance, then by number. (Home itself is
 * nearer than any other.)
 */
static BOOLEAN IsFarther(ULONG Home, ULONG A, ULONG B)
{
    UCHAR ToA = HalpMachine.Distances[Home][A], ToB = HalpMachine.Distances[Home][B];
    return ToA < ToB || (ToA == ToB && A < B);
}

/* The nearest node to Home that has pages; itself, if it has. */
static ULONG NearestWithPages(ULONG Home)
{
    ULONG Nearest = MI_ANY_NODE;
    for (ULONG i = 0; i < HalpMachine.NodeCount; i++) {
        if (MiNodes[i].AvailablePages != 0 &&
            (Nearest == MI_ANY_NODE || IsFarther(Home, i, Nearest))) {
            Nearest = i;
        }
    }
    return Nearest;
}

static ULONG NodeOfPage(PFN_NUMBER Pfn)
{
    return MiPfnEntry(Pfn)->Node;
}

/* Runs Routine on each processor in turn. */
static VOID OnEachProcessor(PKSTART_ROUTINE Routine)
{
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        TestJoinThread(TestStartOn(i, Routine, NULL));
    }
}

/* The same on one processor of each node that has some. */
static VOID OnEachNode(PKSTART_ROUTINE Routine)
{
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        if (i == 0 || KiProcessorBlock[i]->Node != KiProcessorBlock[i - 1]->Node) {
            TestJoinThread(TestStartOn(i, Routine, NULL));
        }
    }
}

/* ---- whose ----------------------------------------------------------------------------------- */

static ULONG NodeByTable(PFN_NUMBER Pfn)
{
    for (ULONG i = 0; i < HalpMachine.NodeRangeCount; i++) {
        const HAL_NODE_RANGE *Range = &HalpMachine.NodeRanges[i];
        if (Pfn * PAGE_SIZE - Range->Base < Range->Size) {
            return Range->Node;
        }
    }
    return 0;
}

TEST(NodesOfPages, "mm/nodes/each-page-is-of-the-node-that-the-firmware-says", "NODE-1")
{
    PFN_NUMBER Wrong = 0, Pages[MI_MAX_NODES] = {0};
    for (PFN_NUMBER Pfn = 0; Pfn <= MmHighestPhysicalPage; Pfn++) {
        if (MiIsPfn(Pfn)) {
            ULONG Node = HalpMachine.NodeCount == 1 ? 0 : NodeByTable(Pfn);
            Wrong += NodeOfPage(Pfn) != Node;
            Pages[Node]++;
            Wrong += Pfn < MiNodePlaces[Node].First || Pfn > MiNodePlaces[Node].Last;
        }
    }
    CHECK_EQ(Wrong, 0);
    for (ULONG i = 0; i < MiNodeCount; i++) {
        CHECK_EQ(MiNodePlaces[i].Pages, Pages[i]);
    }
}

TEST(NodesHops, "mm/nodes/hop-order-is-by-distance", "NODE-2")
{
    CHECK_EQ(MiNodeCount, HalpMachine.NodeCount);
    for (ULONG Home = 0; Home < MiNodeCount; Home++) {
        const UCHAR *Hops = MiNodePlaces[Home].Hops;
        CHECK_EQ(Hops[0], Home);
        for (ULONG i = 1; i < MiNodeCount; i++) {
            CHECK_LT(Hops[i], MiNodeCount);
            CHECK(IsFarther(Home, Hops[i - 1], Hops[i]));
        }
    }
}

/* ---- where from ------------------------------------------------------------------------------ */

static VOID NTAPI TakeAndLook(PVOID Context)
{
    ULONG Home = KeGetCurrentNodeNumber(), Expected = NearestWithPages(Home);
    UNREFERENCED_PARAMETER(Context);
    for (MI_PAGE_CONTENTS Contents = MiPageAny; Contents <= MiPageZeroed; Contents++) {
        ULONG64 Lent = MiNodePlaces[Expected].Lent;
        PFN_NUMBER Pfn = MiAllocatePage(Contents);
        if (CHECK_NE(Pfn, MI_NO_PAGE)) {
            CHECK_EQ(NodeOfPage(Pfn), Expected);
            CHECK_EQ(MiNodePlaces[Expected].Lent, Lent + (Expected != Home));
            MiFreePage(Pfn);
        }
    }
}

TEST(NodesOwn, "mm/nodes/a-page-comes-from-the-processor-s-own-node", "NODE-2, NODE-3")
{
    OnEachProcessor(TakeAndLook);
}

/* Takes all pages there are: node after node, each to its end, from the nearest on. */
static VOID NTAPI TakeEverything(PVOID Context)
{
    PFN_NUMBER Chain = MI_NO_PAGE, Pfn, Wrong = 0, Taken[MI_MAX_NODES] = {0};
    PFN_NUMBER Before[MI_MAX_NODES];
    ULONG Home = KeGetCurrentNodeNumber();
    UNREFERENCED_PARAMETER(Context);
    for (ULONG i = 0; i < MiNodeCount; i++) {
        Before[i] = MiNodes[i].AvailablePages;
    }
    for (;;) {
        ULONG Expected = NearestWithPages(Home);
        Pfn = MiAllocatePage(MiPageAny);
        if (Pfn == MI_NO_PAGE) {
            CHECK_EQ(Expected, MI_ANY_NODE);
            break;
        }
        Wrong += NodeOfPage(Pfn) != Expected;
        Taken[NodeOfPage(Pfn)]++;
        TestChainPage(&Chain, Pfn);
    }
    CHECK_EQ(Wrong, 0);
    for (ULONG i = 0; i < MiNodeCount; i++) {
        CHECK_EQ(Taken[i], Before[i]);
    }
    TestFreeChain(Chain);
    for (ULONG i = 0; i < MiNodeCount; i++) {
        CHECK_EQ(MiNodes[i].AvailablePages, Before[i]);
    }
}

TEST(NodesNearest, "mm/nodes/without-own-pages-the-nearest-node-gives", "NODE-2, NODE-3")
{
    NEED_NODES;
    OnEachNode(TakeEverything);
}

static VOID NTAPI TakeRun(PVOID Context)
{
    ULONG Expected = NearestWithPages(KeGetCurrentNodeNumber());
    UNREFERENCED_PARAMETER(Context);
    PFN_NUMBER First = MiAllocateContiguousPages(16, 0, ~0ULL, 0);
    if (CHECK_NE(First, MI_NO_PAGE)) {
        for (ULONG i = 0; i < 16; i++) {
            CHECK_EQ(NodeOfPage(First + i), Expected);
        }
        MiFreePages(First, 16);
    }
}

TEST(NodesRun, "mm/nodes/a-run-comes-from-the-nearest-node", "RUN-3")
{
    OnEachProcessor(TakeRun);
}

/* Where one node's pages border on another's, a run that fits nowhere else has pages of both. */
TEST(NodesRunAcross, "mm/nodes/a-run-goes-across-nodes-when-it-must", "RUN-3")
{
    NEED_NODES;
    ULONG Crossed = 0;
    for (PFN_NUMBER Pfn = MI_FIRST_MEGABYTE; Pfn < MmHighestPhysicalPage; Pfn++) {
        if (!MiIsPfn(Pfn) || !MiIsPfn(Pfn + 1) || NodeOfPage(Pfn) == NodeOfPage(Pfn + 1)) {
            continue;
        }
        PFN_NUMBER First = MiAllocateContiguousPages(2, Pfn, Pfn + 1, 0);
        if (First != MI_NO_PAGE) {
            CHECK_EQ(First, Pfn);
            MiFreePages(First, 2);
            Crossed++;
        }
    }
    if (Crossed == 0) {
        SKIP("no two free pages of different nodes are neighbours");
    }
}

static VOID NTAPI ZeroOne(PVOID Context)
{
    ULONG Nearest = NearestWithPages(KeGetCurrentNodeNumber());
    UNREFERENCED_PARAMETER(Context);
    if (MiPagesOnNode(Nearest, FreePageList) != 0) {
        PFN_NUMBER Zeroed = MiPagesOnNode(Nearest, ZeroedPageList);
        CHECK_EQ(MiZeroFreePages(1), 1);
        CHECK_EQ(MiPagesOnNode(Nearest, ZeroedPageList), Zeroed + 1);
    }
}

TEST(NodesZeroing, "mm/nodes/zeroing-begins-with-the-own-node", "NODE-2")
{
    OnEachProcessor(ZeroOne);
}

/* Pages of a chosen node, from wherever it is asked for; when it has none left, none at all. */
TEST(NodesChosen, "mm/nodes/pool-pages-of-a-chosen-node", "NODE-2")
{
    PFN_NUMBER Chain = MI_NO_PAGE, Pfn;
    TestSuspendPaging();
    for (ULONG Node = 0; Node < MiNodeCount; Node++) {
        PCHAR Va = MiAllocatePoolPagesOf(NonPagedPoolNx, 3, Node);
        CHECK_EQ(Va != NULL, MiNodes[Node].AvailablePages != 0);
        for (ULONG i = 0; Va != NULL && i < 3; i++) {
            PMMPTE Pte = MiGetPteAddress(Va + i * PAGE_SIZE);
            CHECK_EQ(NodeOfPage(MiReadPte(Pte).Hard.PageFrameNumber), Node);
        }
        if (Va != NULL) {
            MiFreePoolPages(Va);
        }
        while ((Pfn = MiAllocatePageOf(Node, MiPageAny)) != MI_NO_PAGE) {
            TestChainPage(&Chain, Pfn);
        }
        CHECK_EQ(MiNodes[Node].AvailablePages, 0);
        CHECK_EQ(MiAllocatePoolPagesOf(NonPagedPoolNx, 1, Node), NULL);
        ULONG Nearest = NearestWithPages(Node);
        Pfn = MiAllocatePageOf(Node | MM_ANY_NODE_OK, MiPageZeroed);
        CHECK_EQ(Pfn != MI_NO_PAGE, Nearest != MI_ANY_NODE);
        if (Pfn != MI_NO_PAGE) {
            CHECK_EQ(NodeOfPage(Pfn), Nearest);
            TestChainPage(&Chain, Pfn);
        }
        TestFreeChain(Chain);
        Chain = MI_NO_PAGE;
    }
    TestResumePaging();
}

/* Processor 0's record is part of the kernel's image. */
TEST(NodesProcessors, "mm/nodes/a-processor-s-own-memory-is-near", "NODE-2")
{
    for (ULONG i = 1; i < KeNumberProcessors; i++) {
        PKPCR Pcr = KiFindPcr(i);
        ULONG Node = NearestWithPages(Pcr->Prcb.Node);
        CHECK_EQ(NodeOfPage(MiReadPte(MiGetPteAddress(Pcr)).Hard.PageFrameNumber), Node);
        PVOID Stack = (PVOID)(((KTSS *)Pcr->TssBase)->Ist[0] - 1);
        CHECK_EQ(NodeOfPage(MiReadPte(MiGetPteAddress(Stack)).Hard.PageFrameNumber), Node);
    }
}

/* ---- where to -------------------------------------------------------------------------------- */

static PFN_NUMBER Given;

static VOID NTAPI GiveBack(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    MiFreePage(Given);
}

TEST(NodesReturn, "mm/nodes/a-page-goes-back-to-its-own-node", "NODE-1")
{
    NEED_PROCESSORS(2);
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        Given = MiAllocatePage(MiPageAny);
        REQUIRE(Given != MI_NO_PAGE);
        ULONG Node = NodeOfPage(Given);
        PFN_NUMBER Free = MiPagesOnNode(Node, FreePageList), Available = MiAvailablePages();
        TestJoinThread(TestStartOn(i, GiveBack, NULL));
        CHECK_EQ(NodeOfPage(Given), Node);
        CHECK_EQ(MiPagesOnNode(Node, FreePageList), Free + 1);
        CHECK_EQ(MiAvailablePages(), Available + 1);
    }
}
