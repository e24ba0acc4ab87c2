/*
 * pfn.c - tests of the page frame database: what taking and giving back a page does to its entry,
 * to the lists and to the counters, and that the whole database is sound.
 */
#include "tests/mm/mm_check.h"

/* Takes all zeroed pages, so that the next one must be cleared. */
static PFN_NUMBER TakeZeroedList(VOID)
{
    PFN_NUMBER Chain = MI_NO_PAGE;
    while (MiPagesOnList(ZeroedPageList) != 0) {
        PFN_NUMBER Pfn = MiAllocatePage(MiPageZeroed);
        if (Pfn == MI_NO_PAGE) {
            break;
        }
        TestChainPage(&Chain, Pfn);
    }
    return Chain;
}

TEST(PfnActive, "mm/pfn/allocated-page-is-active-and-mapped-nowhere", "PFN-1, PFN-3")
{
    PFN_NUMBER Pfn = MiAllocatePage(MiPageAny);
    REQUIRE(Pfn != MI_NO_PAGE);
    PMMPFN Entry = MiPfnEntry(Pfn);
    CHECK_EQ(Entry->PageLocation, ActiveAndValid);
    CHECK_EQ(Entry->ReferenceCount, 1);
    CHECK_EQ(Entry->u2.ShareCount, 0);
    CHECK_EQ(Entry->PteAddress, NULL);
    CHECK_EQ(Entry->Flink, MI_NO_PAGE);
    MiFreePage(Pfn);
}

TEST(PfnFree, "mm/pfn/freed-page-is-on-the-free-list", "PFN-1, PFN-3, PFN-6")
{
    PFN_NUMBER Pfn = MiAllocatePage(MiPageAny);
    REQUIRE(Pfn != MI_NO_PAGE);
    PFN_NUMBER Available = MiAvailablePages(), Free = MiPagesOnList(FreePageList);
    MiFreePage(Pfn);
    CHECK_EQ(MiPfnEntry(Pfn)->PageLocation, FreePageList);
    CHECK_EQ(MiPfnEntry(Pfn)->ReferenceCount, 0);
    CHECK_EQ(MiAvailablePages(), Available + 1);
    CHECK_EQ(MiPagesOnList(FreePageList), Free + 1);
}

TEST(PfnForgets, "mm/pfn/freed-page-forgets-its-pte", "PFN-4")
{
    PFN_NUMBER Pfn = MiAllocatePage(MiPageAny);
    REQUIRE(Pfn != MI_NO_PAGE);
    PMMPFN Entry = MiPfnEntry(Pfn);
    Entry->PteAddress = MiGetPteAddress((PVOID)MI_PAGED_POOL);
    Entry->OriginalPte = MiMakeDemandZeroPte(MM_READWRITE);
    Entry->PteFrame = Pfn;
    MiFreePage(Pfn);
    CHECK_EQ(Entry->PteAddress, NULL);
    CHECK_EQ(Entry->OriginalPte.Long, 0);
    CHECK_EQ(Entry->PteFrame, MI_NO_PAGE);
}

TEST(PfnLast, "mm/pfn/page-freed-last-is-taken-first", "PFN-2")
{
    PFN_NUMBER First = MiAllocatePage(MiPageAny), Second = MiAllocatePage(MiPageAny);
    REQUIRE(First != MI_NO_PAGE && Second != MI_NO_PAGE);
    CHECK_NE(First, Second);
    MiFreePage(First);
    MiFreePage(Second);
    CHECK_EQ(MiAllocatePage(MiPageAny), Second);
    CHECK_EQ(MiAllocatePage(MiPageAny), First);
    MiFreePage(Second);
    MiFreePage(First);
}

TEST(PfnCleared, "mm/pfn/zeroed-page-from-the-free-list-is-cleared", "contract 3.5: Zeroed")
{
    PFN_NUMBER Chain = TakeZeroedList();
    PFN_NUMBER Dirty = MiAllocatePage(MiPageAny);
    REQUIRE(Dirty != MI_NO_PAGE);
    memset(MiPfnToAddress(Dirty), 0xA5, PAGE_SIZE);
    MiFreePage(Dirty);
    PFN_NUMBER Pfn = MiAllocatePage(MiPageZeroed);
    CHECK_EQ(Pfn, Dirty);
    CHECK(TestIsZero(MiPfnToAddress(Pfn), PAGE_SIZE));
    MiFreePage(Pfn);
    TestFreeChain(Chain);
}

TEST(PfnZeroing, "mm/pfn/zeroing-moves-free-pages-to-the-zeroed-list", "PFN-6")
{
    PFN_NUMBER Dirty[4];
    for (ULONG i = 0; i < ARRAYSIZE(Dirty); i++) {
        Dirty[i] = MiAllocatePage(MiPageAny);
        REQUIRE(Dirty[i] != MI_NO_PAGE);
        memset(MiPfnToAddress(Dirty[i]), 0x5A, PAGE_SIZE);
    }
    for (ULONG i = 0; i < ARRAYSIZE(Dirty); i++) {
        MiFreePage(Dirty[i]);
    }
    PFN_NUMBER Available = MiAvailablePages(), Free = MiPagesOnList(FreePageList);
    PFN_NUMBER Zeroed = MiPagesOnList(ZeroedPageList);
    CHECK_EQ(MiZeroFreePages(ARRAYSIZE(Dirty)), ARRAYSIZE(Dirty));
    CHECK_EQ(MiAvailablePages(), Available);
    CHECK_EQ(MiPagesOnList(FreePageList), Free - ARRAYSIZE(Dirty));
    CHECK_EQ(MiPagesOnList(ZeroedPageList), Zeroed + ARRAYSIZE(Dirty));
    for (ULONG i = 0; i < ARRAYSIZE(Dirty); i++) {
        CHECK_EQ(MiPfnEntry(Dirty[i])->PageLocation, ZeroedPageList);
        CHECK(TestIsZero(MiPfnToAddress(Dirty[i]), PAGE_SIZE));
    }
}

TEST(PfnZeroedFirst, "mm/pfn/zeroed-request-takes-a-zeroed-page", "contract 3.5: preference")
{
    REQUIRE_EQ(MiZeroFreePages(1), 1);
    PFN_NUMBER Free = MiPagesOnList(FreePageList), Zeroed = MiPagesOnList(ZeroedPageList);
    PFN_NUMBER Pfn = MiAllocatePage(MiPageZeroed);
    CHECK_EQ(MiPagesOnList(ZeroedPageList), Zeroed - 1);
    CHECK_EQ(MiPagesOnList(FreePageList), Free);
    CHECK(TestIsZero(MiPfnToAddress(Pfn), PAGE_SIZE));
    MiFreePage(Pfn);
}

TEST(PfnZeroedKept, "mm/pfn/other-requests-leave-zeroed-pages-alone", "contract 3.5: preference")
{
    REQUIRE_EQ(MiZeroFreePages(1), 1);
    PFN_NUMBER Free = MiPagesOnList(FreePageList), Zeroed = MiPagesOnList(ZeroedPageList);
    PFN_NUMBER Pfn = MiAllocatePage(MiPageAny);
    CHECK_EQ(MiPagesOnList(ZeroedPageList), Zeroed);
    CHECK_EQ(MiPagesOnList(FreePageList), Free - 1);
    MiFreePage(Pfn);
}

TEST(PfnHighFirst, "mm/pfn/memory-above-4-gib-goes-first", "")
{
    PMMPFNLIST Lists = MiNodes[KeGetCurrentNodeNumber()].Lists[MiZoneHigh];
    if (Lists[ZeroedPageList].Total + Lists[FreePageList].Total == 0) {
        SKIP("no memory of this node above 4 GiB");
    }
    PFN_NUMBER Pfn = MiAllocatePage(MiPageZeroed);
    CHECK_GE(Pfn, MI_FOUR_GIGABYTES);
    MiFreePage(Pfn);
}

/* ---- the whole database ---------------------------------------------------------------------- */

/* Follows one list of a node forwards and checks every link of it; returns its length. */
static PFN_NUMBER CheckList(const MMPFNLIST *List, ULONG Node, PFN_NUMBER Lowest, PFN_NUMBER End)
{
    PFN_NUMBER Before = MI_NO_PAGE, Count = 0;
    for (PFN_NUMBER Pfn = List->Flink; Pfn != MI_NO_PAGE && Count <= List->Total; Count++) {
        PMMPFN Entry = MiPfnEntry(Pfn);
        if (!CHECK(MiIsPfn(Pfn)) || !CHECK_EQ(Entry->PageLocation, List->ListName) ||
            !CHECK_EQ(Entry->u2.Blink, Before) || !CHECK_EQ(Entry->ReferenceCount, 0) ||
            !CHECK_EQ(Entry->Node, Node) || !CHECK(Pfn >= Lowest && Pfn < End)) {
            break;
        }
        Before = Pfn;
        Pfn = Entry->Flink;
    }
    CHECK_EQ(List->Blink, Before);
    CHECK_EQ(Count, List->Total);
    return Count;
}

static VOID CheckNode(ULONG Node)
{
    static const PFN_NUMBER Bounds[MiZoneCount][2] = {
        [MiZoneHigh] = {MI_FOUR_GIGABYTES, MI_MAX_PAGES},
        [MiZoneLow] = {MI_FIRST_MEGABYTE, MI_FOUR_GIGABYTES},
        [MiZoneFirstMegabyte] = {1, MI_FIRST_MEGABYTE}};
    PFN_NUMBER Available = 0;
    CheckList(&MiNodes[Node].Modified, Node, 1, MI_MAX_PAGES);
    CheckList(&MiNodes[Node].NoWrite, Node, 1, MI_MAX_PAGES);
    for (ULONG i = 0; i < MI_PAGE_PRIORITIES; i++) {
        Available += CheckList(&MiNodes[Node].Standby[i], Node, MI_FIRST_MEGABYTE, MI_MAX_PAGES);
    }
    for (MI_ZONE Zone = MiZoneHigh; Zone < MiZoneCount; Zone++) {
        for (MMLISTS Name = ZeroedPageList; Name <= FreePageList; Name++) {
            const MMPFNLIST *List = &MiNodes[Node].Lists[Zone][Name];
            CHECK_EQ(List->ListName, Name);
            PFN_NUMBER Count = CheckList(List, Node, Bounds[Zone][0], Bounds[Zone][1]);
            Available += Zone == MiZoneFirstMegabyte ? 0 : Count;
        }
    }
    CheckList(&MiNodes[Node].BadList, Node, 1, MI_MAX_PAGES);
    CHECK_EQ(MiNodes[Node].AvailablePages, Available);
}

TEST(PfnLists, "mm/pfn/lists-are-whole", "PFN-2, PFN-3, PFN-6, NODE-1")
{
    for (ULONG i = 0; i < MiNodeCount; i++) {
        CheckNode(i);
    }
}

TEST(PfnStates, "mm/pfn/every-page-is-on-one-list-or-active", "PFN-1, PFN-3")
{
    PFN_NUMBER Pages[TransitionPage + 1] = {0}, Wrong = 0;
    for (PFN_NUMBER Pfn = 0; Pfn <= MmHighestPhysicalPage; Pfn++) {
        if (MiIsPfn(Pfn)) {
            PMMPFN Entry = MiPfnEntry(Pfn);
            Wrong += Entry->PageLocation > TransitionPage ||
                     (Entry->PageLocation >= ActiveAndValid) != (Entry->ReferenceCount != 0);
            Pages[Entry->PageLocation & 7]++;
        }
    }
    CHECK_EQ(Wrong, 0);
    CHECK_EQ(Pages[ZeroedPageList], MiPagesOnList(ZeroedPageList));
    CHECK_EQ(Pages[FreePageList], MiPagesOnList(FreePageList));
    CHECK_EQ(Pages[StandbyPageList], MiPagesOnList(StandbyPageList));
    CHECK_EQ(Pages[ModifiedPageList], MiPagesOnList(ModifiedPageList));
    CHECK_EQ(Pages[ModifiedNoWritePageList], MiPagesOnList(ModifiedNoWritePageList));
    CHECK_EQ(Pages[TransitionPage], 0);
    CHECK_EQ(Pages[ZeroedPageList] + Pages[FreePageList] + Pages[StandbyPageList] +
                 Pages[ModifiedPageList] + Pages[ModifiedNoWritePageList] + Pages[ActiveAndValid],
             MmNumberOfPhysicalPages);
}

TEST(PfnPageZero, "mm/pfn/page-0-belongs-to-nobody", "")
{
    CHECK(!MiIsPfn(0) || MiPfnEntry(0)->PageLocation == ActiveAndValid);
    CHECK_EQ(MiAllocateContiguousPages(1, 0, 0, 0), MI_NO_PAGE);
}

TEST(PfnAnyNumber, "mm/pfn/any-number-may-be-asked-for", "")
{
    CHECK(!MiIsPfn(~0ULL));
    CHECK(!MiIsPfn(MI_MAX_PAGES));
    CHECK(!MiIsPfn(MI_MAX_PAGES - 1));
    CHECK(!MiIsPfn(MmHighestPhysicalPage + 1));
    CHECK(!MiIsPfn(0xFEE00)); /* the local APIC */
    CHECK(MiIsPfn(MmHighestPhysicalPage));
    CHECK(MiIsPfn(((ULONG64)KiTextStart - MI_KERNEL_IMAGE) / PAGE_SIZE));
}

TEST(PfnNames, "mm/pfn/states-have-names", "")
{
    CHECK_EQ(strcmp(MiPageStateName(ZeroedPageList), "Zeroed"), 0);
    CHECK_EQ(strcmp(MiPageStateName(BadPageList), "Bad"), 0);
    CHECK_EQ(strcmp(MiPageStateName(ActiveAndValid), "Active"), 0);
    CHECK_EQ(strcmp(MiPageStateName(8), "Unknown"), 0);
    CHECK_EQ(strcmp(MiPageStateName(~0U), "Unknown"), 0);
}

/* ---- the end of memory ----------------------------------------------------------------------- */

TEST(PfnExhausted, "mm/pfn/every-page-can-be-taken-and-given-back", "PFN-1, PFN-6")
{
    TestSuspendPaging();
    MM_COUNTS Before = TestMmCounts();
    PFN_NUMBER Chain = MI_NO_PAGE, Lowest = ~0ULL, Pfn;
    SIZE_T Taken = 0;
    while ((Pfn = MiAllocatePage(MiPageAny)) != MI_NO_PAGE) {
        Lowest = Pfn < Lowest ? Pfn : Lowest;
        TestChainPage(&Chain, Pfn);
        Taken++;
    }
    CHECK_EQ(Taken, Before.Available);
    CHECK_GE(Lowest, MI_FIRST_MEGABYTE);
    CHECK_EQ(MiAvailablePages(), 0);
    CHECK_EQ(MiAllocatePage(MiPageZeroed), MI_NO_PAGE);
    CHECK_EQ(MiAllocateContiguousPages(1, 0, ~0ULL, 0), MI_NO_PAGE);
    CHECK_EQ(MiZeroFreePages(1), 0);
    CHECK_EQ(TestFreeChain(Chain), Taken);
    TestMmUnchanged(&Before);
    TestResumePaging();
}
