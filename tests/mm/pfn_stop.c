/*
 * pfn_stop.c - what the page lists refuse: each way of freeing a page wrongly and each damage to a
 * list is bug check 0x4E (contract 4.5) before anything is changed (PFN-5).
 */
#include "tests/mm/mm_check.h"

#define CON_30 "CON-30 A page freed twice, or never allocated, is bug check 0x4E."

static PFN_NUMBER AllocatedPage(VOID)
{
    PFN_NUMBER Pfn = MiAllocatePage(MiPageAny);
    TestAnnounce("page", Pfn);
    TestAnnounce("highest", MmHighestPhysicalPage);
    return Pfn;
}

CRASH_TEST(PageTwice, "mm/page-freed-twice", "0x4E 0x99 $page 0x1 0x0", CON_30)
{
    PFN_NUMBER Pfn = AllocatedPage();
    MiFreePage(Pfn);
    MiFreePage(Pfn);
}

CRASH_TEST(PageTwiceZeroed, "mm/page-freed-twice-after-zeroing", "0x4E 0x99 $page 0x0 0x0", CON_30)
{
    PFN_NUMBER Pfn = AllocatedPage();
    MiFreePage(Pfn);
    MiZeroFreePages(1);
    MiFreePage(Pfn);
}

CRASH_TEST(PageNoMemory, "mm/page-freed-that-is-no-memory", "0x4E 0x2 0xFEE00 $highest 0x0", CON_30)
{
    TestAnnounce("highest", MmHighestPhysicalPage);
    MiFreePage(0xFEE00); /* the local APIC */
}

CRASH_TEST(PageNoNumber, "mm/page-freed-that-is-no-page-number",
           "0x4E 0x2 0xFFFFFFFFFFFFFFFF $highest 0x0", CON_30)
{
    TestAnnounce("highest", MmHighestPhysicalPage);
    MiFreePage(~0ULL);
}

/* State 6: active. The pool's PTE still maps it. */
CRASH_TEST(PageMapped, "mm/page-freed-while-mapped", "0x4E 0x99 $page 0x6 0x0", "PFN-4")
{
    PVOID Va = MiAllocatePoolPages(NonPagedPoolNx, 1);
    PFN_NUMBER Pfn = MiReadPte(MiGetPteAddress(Va)).Hard.PageFrameNumber;
    TestAnnounce("page", Pfn);
    MiFreePage(Pfn);
}

CRASH_TEST(PageLocked, "mm/page-freed-while-locked", "0x4E 0x9A $page 0x6 0x2", CON_30)
{
    PFN_NUMBER Pfn = AllocatedPage();
    MiPfnEntry(Pfn)->ReferenceCount++; /* as a transfer to or from it would */
    MiFreePage(Pfn);
}

/* ---- damaged lists --------------------------------------------------------------------------- */

/* The free list that the next page comes from. */
static PMMPFNLIST FreeList(VOID)
{
    PMI_NODE Node = &MiNodes[KeGetCurrentNodeNumber()];
    PMMPFNLIST High = &Node->Lists[MiZoneHigh][FreePageList];
    PMMPFNLIST List = High->Total != 0 ? High : &Node->Lists[MiZoneLow][FreePageList];
    TestAnnounce("head", List->Flink);
    TestAnnounce("available", MiAvailablePages());
    TestAnnounce("highest", MmHighestPhysicalPage);
    return List;
}

CRASH_TEST(ListEmptyHead, "mm/list-head-without-pages", "0x4E 0x1 0x0 $available 0x0",
           "PFN-5, contract 4.5: 0x4E, 1")
{
    FreeList()->Flink = MI_NO_PAGE;
    MiAllocatePage(MiPageAny);
}

CRASH_TEST(ListHeadActive, "mm/list-head-is-in-use", "0x4E 0x8D $head 0x0 0x0",
           "PFN-5, contract 4.5: 0x4E, 0x8D")
{
    MiPfnEntry(FreeList()->Flink)->PageLocation = ActiveAndValid;
    MiAllocatePage(MiPageAny);
}

CRASH_TEST(ListLink, "mm/list-link-is-broken", "0x4E 0x2 $head $highest 0x0",
           "PFN-5, contract 4.5: 0x4E, 2")
{
    PFN_NUMBER Second = MiPfnEntry(FreeList()->Flink)->Flink;
    MiPfnEntry(Second)->u2.Blink = Second;
    MiAllocatePage(MiPageAny);
}

CRASH_TEST(ListReferenced, "mm/list-page-has-references", "0x4E 0x2 $head $highest 0x3",
           "PFN-5, contract 4.5: 0x4E, 2")
{
    MiPfnEntry(FreeList()->Flink)->ReferenceCount = 3;
    MiAllocatePage(MiPageAny);
}

CRASH_TEST(ListInsert, "mm/list-head-is-no-free-page", "0x4E 0x8F $page $head 0x0",
           "PFN-5, contract 4.5: 0x4E, 0x8F")
{
    PFN_NUMBER Pfn = AllocatedPage();
    MiPfnEntry(FreeList()->Flink)->PageLocation = StandbyPageList;
    MiFreePage(Pfn);
}
