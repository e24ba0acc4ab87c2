/*
 * nodes.c - pool memory on NUMA machines: of the caller's node, else of the nearest one, and back
 * to where it came from.
 */
#include "mm/pool/cache.h"
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

/* ---- blocks, and who frees them -------------------------------------------------------------- */

#define BLOCKS 160

static PVOID Blocks[BLOCKS];
static SIZE_T BlockBytes; /* of those that are taken now */

/* The first processor of each node that has some; returns how many there are. */
static ULONG FindNodes(ULONG Processors[MI_MAX_NODES])
{
    ULONG Count = 0;
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        if (i == 0 || KiProcessorBlock[i]->Node != KiProcessorBlock[i - 1]->Node) {
            Processors[Count++] = i;
        }
    }
    return Count;
}

/* On the processor's own node, or the nearest that has memory at all. */
static ULONG NearestWithMemory(ULONG Home)
{
    const UCHAR *Hops = MiNodePlaces[Home].Hops;
    while (MiNodePlaces[*Hops].Pages == 0) {
        Hops++;
    }
    return *Hops;
}

static VOID NTAPI TakeBlocks(PVOID Context)
{
    ULONG Node = NearestWithMemory(KeGetCurrentNodeNumber()), Wrong = 0;
    UNREFERENCED_PARAMETER(Context);
    for (ULONG i = 0; i < BLOCKS; i++) {
        Blocks[i] = ExAllocatePoolWithTag(NonPagedPoolNx, BlockBytes, TEST_TAG);
        if (!CHECK(Blocks[i] != NULL)) {
            return;
        }
        Wrong += NodeOfAddress(Blocks[i]) != Node;
        Wrong += BYTE_OFFSET(Blocks[i]) != 0 &&
                 ExpHeaderOf(Blocks[i])->PoolIndex != ExpIndexOf(PoolKindNonPagedNx, Node);
    }
    CHECK_EQ(Wrong, 0);
}

static VOID NTAPI GiveBlocks(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (ULONG i = 0; i < BLOCKS; i++) {
        PoolFreeIfAny(Blocks[i]);
        Blocks[i] = NULL;
    }
}

/*
 * What one processor takes, another frees: neither then gets a block of a node that is not its own.
 */
static VOID TakeHereGiveThere(ULONG Here, ULONG There)
{
    static const SIZE_T Sizes[] = {48, 1000, 3000, PAGE_SIZE, 4 * PAGE_SIZE};
    for (ULONG i = 0; i < ARRAYSIZE(Sizes); i++) {
        BlockBytes = Sizes[i];
        TestJoinThread(TestStartOn(Here, TakeBlocks, NULL));
        TestJoinThread(TestStartOn(There, GiveBlocks, NULL));
        TestJoinThread(TestStartOn(There, TakeBlocks, NULL));
        TestJoinThread(TestStartOn(Here, GiveBlocks, NULL));
        TestJoinThread(TestStartOn(Here, TakeBlocks, NULL));
        TestJoinThread(TestStartOn(Here, GiveBlocks, NULL));
    }
}

static VOID TakeEverywhere(VOID)
{
    ULONG Processors[MI_MAX_NODES], Count = FindNodes(Processors);
    for (ULONG i = 0; i < Count; i++) {
        TakeHereGiveThere(Processors[i], Processors[(i + 1) % Count]);
        TakeHereGiveThere(Processors[i], (Processors[i] + 1) % KeNumberProcessors);
    }
    PoolCheck(PoolKindNonPagedNx);
}

TEST(PoolNodesFreed, "pool/nodes/what-another-node-frees-is-never-local",
     APP_46 " || NODE-4, POOL-3")
{
    TakeEverywhere();
}

TEST(PoolNodesFreedFast, "pool/nodes/what-another-node-frees-is-never-local-in-free-mode",
     "NODE-4, POOL-3")
{
    BOOLEAN Checked = KiCheckedMode;
    KiSetCheckedMode(FALSE);
    TakeEverywhere();
    KiSetCheckedMode(Checked);
}

/* A list does not grow for what it can't have. */
TEST(PoolNodesForeignPages, "pool/nodes/pages-of-another-node-make-no-list-longer",
     "BIG-3 A processor keeps pages of its own node only (NODE-4)")
{
    ULONG Processors[MI_MAX_NODES], Count = FindNodes(Processors);
    BOOLEAN Checked = KiCheckedMode;
    if (Count < 2 || ExpCacheOf(Processors[0])->NodeBits == ExpCacheOf(Processors[1])->NodeBits) {
        SKIP("there are no two nodes with memory");
    }
    KiSetCheckedMode(FALSE);
    USHORT Depth = ExpCacheOf(Processors[1])->BigDepths[2];
    BlockBytes = 2 * PAGE_SIZE;
    TestJoinThread(TestStartOn(Processors[0], TakeBlocks, NULL));
    TestJoinThread(TestStartOn(Processors[1], GiveBlocks, NULL));
    CHECK_LE(ExpCacheOf(Processors[1])->BigDepths[2], Depth);
    KiSetCheckedMode(Checked);
}

/* Small blocks of the nearest node when there is no own memory; they go back to that node. */
static VOID NTAPI BorrowBlocks(PVOID Context)
{
    ULONG Home = KeGetCurrentNodeNumber(), Node = NearestWithMemory(Home);
    PFN_NUMBER Chain = MI_NO_PAGE;
    UNREFERENCED_PARAMETER(Context);
    while (MiNodes[Node].AvailablePages != 0) {
        TestChainPage(&Chain, MiAllocatePageOf(Node, MiPageAny));
    }
    ULONG Lender = NearestWithRoom(Home), Own = 0, Lent = 0;
    for (ULONG i = 0; i < BLOCKS; i++) {
        Blocks[i] = ExAllocatePoolWithTag(NonPagedPoolNx, 2000, TEST_TAG);
        if (Blocks[i] != NULL) {
            Own += NodeOfAddress(Blocks[i]) == Node;
            Lent += NodeOfAddress(Blocks[i]) == Lender;
        }
    }
    CHECK_EQ(Own + Lent, Lender == MI_ANY_NODE ? Own : BLOCKS);
    CHECK(Lender == MI_ANY_NODE ||
          Lent > BLOCKS / 2); /* little was left in pages of the own node */
    TestFreeChain(Chain);
    for (ULONG i = 0; i < BLOCKS; i++) {
        PoolFreeIfAny(Blocks[i]);
    }
    BlockBytes = 2000;
    TakeBlocks(NULL);
    GiveBlocks(NULL);
}

TEST(PoolNodesBorrowed, "pool/nodes/borrowed-blocks-go-back-to-their-node", APP_47 " || NODE-4")
{
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        if (i == 0 || KiProcessorBlock[i]->Node != KiProcessorBlock[i - 1]->Node) {
            TestJoinThread(TestStartOn(i, BorrowBlocks, NULL));
        }
    }
    PoolCheck(PoolKindNonPagedNx);
}

/* ---- a chosen node --------------------------------------------------------------------------- */

#define MANY_PAGES 256 /* more than come back when processors give up what they keep */

static PVOID AllocateOf(POOL_NODE_REQUIREMENT Node, ULONG Optional, SIZE_T Bytes)
{
    POOL_EXTENDED_PARAMETER Parameter = {{PoolExtendedParameterNumaNode, Optional, 0},
                                         {.PreferredNode = Node}};
    return ExAllocatePool3(POOL_FLAG_NON_PAGED, Bytes, TEST_TAG, &Parameter, 1);
}

static VOID CheckChosen(ULONG Node, SIZE_T Bytes)
{
    BOOLEAN Has = MiNodePlaces[Node].Pages != 0;
    PVOID Only = AllocateOf(Node, 0, Bytes), Wish = AllocateOf(Node, 1, Bytes);
    PVOID Near = AllocateOf(Node | MM_ANY_NODE_OK, 0, Bytes);
    CHECK_EQ(Only != NULL, Has);
    if (!CHECK(Wish != NULL && Near != NULL)) {
        return;
    }
    CHECK_EQ(NodeOfAddress(Near), NearestWithMemory(Node));
    if (Has && Only != NULL && Wish != NULL) {
        CHECK_EQ(NodeOfAddress(Only), Node);
        CHECK_EQ(NodeOfAddress(Wish), Node);
    }
    PoolFreeIfAny(Only);
    PoolFreeIfAny(Wish);
    PoolFreeIfAny(Near);
}

TEST(PoolNodesChosen, "pool/nodes/pool3-takes-the-node-that-is-asked-for",
     "contract 2.4: PoolExtendedParameterNumaNode")
{
    static const SIZE_T Sizes[] = {1, 100, 2000, PAGE_SIZE, 5 * PAGE_SIZE};
    for (ULONG Node = 0; Node < MiNodeCount; Node++) {
        for (ULONG i = 0; i < ARRAYSIZE(Sizes); i++) {
            CheckChosen(Node, Sizes[i]);
        }
    }
    CHECK_EQ(AllocateOf(MiNodeCount, 0, 100), NULL);
    PoolCheck(PoolKindNonPagedNx);
}

/* A node without a page left: a request for it alone fails, one that others will do is served. */
TEST(PoolNodesChosenEmpty, "pool/nodes/pool3-without-a-page-left-on-the-node",
     "contract 2.4: MM_ANY_NODE_OK")
{
    for (ULONG Node = 0; Node < MiNodeCount; Node++) {
        PFN_NUMBER Chain = MI_NO_PAGE;
        while (MiNodes[Node].AvailablePages != 0) {
            TestChainPage(&Chain, MiAllocatePageOf(Node, MiPageAny));
        }
        CHECK_EQ(AllocateOf(Node, 0, MANY_PAGES * PAGE_SIZE), NULL);
        BOOLEAN Enough = MiAvailablePages() > MANY_PAGES;
        PVOID Near = AllocateOf(Node | MM_ANY_NODE_OK, 0, MANY_PAGES * PAGE_SIZE);
        CHECK_EQ(Near != NULL, Enough);
        PoolFreeIfAny(Near);
        TestFreeChain(Chain);
    }
}
