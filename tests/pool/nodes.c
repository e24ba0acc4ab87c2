/*
 * nodes.c - pool memory on NUMA machines: of the caller's node, else of the nearest one.
 */
#include "mm/mm.h"
#include "tests/ke/smp.h"
#include "tests/mm/mm_check.h"
#include "tests/pool/pool_cases.h"

#define APP_46                                                                                     \
    "APP-46 On NUMA machines the routine tries memory that is local to the calling processor."
#define APP_47 "APP-47 If no local memory is available, it takes the nearest memory that is."

#define PAGES 40 /* of a request: more than any cache keeps */

static ULONG NodeOfAddress(PVOID Address)
{
    return MiPfnEntry(MiReadPte(MiGetPteAddress(Address)).Hard.PageFrameNumber)->Node;
}

/* By the distances alone: the nearest to Home of the nodes that have pages for a request. */
static ULONG NearestWithRoom(ULONG Home)
{
    ULONG Nearest = MI_ANY_NODE;
    const UCHAR *Distances = HalpMachine.Distances[Home];
    for (ULONG i = 0; i < MiNodeCount; i++) {
        if (MiNodes[i].AvailablePages >= PAGES &&
            (Nearest == MI_ANY_NODE || Distances[i] < Distances[Nearest])) {
            Nearest = i;
        }
    }
    return Nearest;
}

/* Each page of a request comes from that node. */
static VOID CheckRequest(ULONG Node)
{
    PCHAR Block = ExAllocatePoolWithTagPriority(NonPagedPoolNx, PAGES * PAGE_SIZE, TEST_TAG,
                                                HighPoolPriority);
    if (CHECK(Block != NULL)) {
        for (ULONG i = 0; i < PAGES; i++) {
            CHECK_EQ(NodeOfAddress(Block + i * PAGE_SIZE), Node);
        }
        ExFreePoolWithTag(Block, TEST_TAG);
    }
}

static VOID NTAPI AllocateHere(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    CheckRequest(NearestWithRoom(KeGetCurrentNodeNumber()));
}

TEST(PoolNodesLocal, "pool/nodes/memory-is-local-to-the-caller", APP_46)
{
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        TestJoinThread(TestStartOn(i, AllocateHere, NULL));
    }
}

/* Takes the pages of the nearest node away, again and again, until only one node has some left. */
static VOID NTAPI AllocateWithoutLocal(PVOID Context)
{
    ULONG Home = KeGetCurrentNodeNumber(), Nearest;
    PFN_NUMBER Chain = MI_NO_PAGE;
    UNREFERENCED_PARAMETER(Context);
    while ((Nearest = NearestWithRoom(Home)) != MI_ANY_NODE) {
        CheckRequest(Nearest);
        while (MiNodes[Nearest].AvailablePages != 0) {
            TestChainPage(&Chain, MiAllocatePage(MiPageAny));
        }
    }
    TestFreeChain(Chain);
}

TEST(PoolNodesNearest, "pool/nodes/else-the-nearest-that-has-some", APP_47)
{
    if (MiNodeCount < 2) {
        SKIP("there is one node");
    }
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        if (i == 0 || KiProcessorBlock[i]->Node != KiProcessorBlock[i - 1]->Node) {
            TestJoinThread(TestStartOn(i, AllocateWithoutLocal, NULL));
        }
    }
}
