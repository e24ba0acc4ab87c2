/*
 * pfn.c - the page frame database and its lists: who owns each page of memory, for everything else
 * in mm/.
 *
 * Theory. Each page of memory has an MMPFN at MI_PFN_DATABASE + 48 * page number. A page is on one
 * of the lists (zeroed, free, bad; standby and modified, on its way out of memory: paging.h), or it
 * is active: allocated to somebody. Lists are linked by page number through the entries themselves,
 * so taking, giving back, and unlinking a page from the middle of a list cost the same however many
 * there are.
 *
 * Each NUMA node has lists of its own (nodes.c says which node a page is taken from). A node has
 * one lock for its lists and for the states of its pages. Sections under it are some
 * dozen instructions, so they are protected by cli/sti and a spin (MiAcquireLock), not by raising
 * IRQL: writing CR8 costs up to ten times as much under emulation. Clearing a page is done outside.
 *
 * A node's pages stand in three zones. Memory above 4 GiB goes first, so that memory below is left
 * for devices that reach no higher; within a zone the highest page goes first at start, which keeps
 * long runs at the low end. The first megabyte is given only to who asks for it by address (the
 * start of another processor needs a page there). Page 0 is never given: its number means "none".
 *
 *   PFN-1  A page is on exactly one list, or active, or not Present; PageLocation says which.
 *   PFN-2  Flink and Blink of neighbours agree; a list's Total is its length.
 *   PFN-3  A page on a list has no reference; an active one has at least one.
 *   PFN-4  A page that a PTE maps cannot be freed: ShareCount counts the PTEs.
 *   PFN-5  A damaged list, a second free and a free of what was never allocated are bug check 0x4E
 *          before anything is changed.
 *   PFN-6  A node's AvailablePages is the sum of the totals of its zeroed, free and standby lists,
 *          the first megabyte's left out.
 *   PFN-7  A page on the standby or a modified list keeps its contents, and one transition PTE
 *          leads to it. Before a standby page becomes another's, that PTE becomes what OriginalPte
 *          says; the oldest page of the lowest priority is taken first.
 */
#include "mm/paging.h"

MI_NODE MiNodes[MI_MAX_NODES];
ULONG64 MiSections[MI_MAX_SECTIONS / 64];
PFN_NUMBER MmLowestPhysicalPage, MmHighestPhysicalPage, MmNumberOfPhysicalPages;

static MI_ZONE MiZoneOf(PFN_NUMBER Pfn)
{
    return Pfn >= MI_FOUR_GIGABYTES   ? MiZoneHigh
           : Pfn >= MI_FIRST_MEGABYTE ? MiZoneLow
                                      : MiZoneFirstMegabyte;
}

static PMMPFNLIST MiListOf(PMI_NODE Node, PFN_NUMBER Pfn, MMLISTS Name)
{
    switch (Name) {
    case ZeroedPageList:
    case FreePageList: return &Node->Lists[MiZoneOf(Pfn)][Name];
    case StandbyPageList: return &Node->Standby[MiPfnEntry(Pfn)->Priority];
    case ModifiedPageList: return &Node->Modified;
    case ModifiedNoWritePageList: return &Node->NoWrite;
    default: return &Node->BadList;
    }
}

static BOOLEAN MiCountsAsAvailable(PFN_NUMBER Pfn, MMLISTS Name)
{
    return Name <= StandbyPageList && Pfn >= MI_FIRST_MEGABYTE;
}

FORCEINLINE VOID MiInsertInto(PMI_NODE Node, PFN_NUMBER Pfn, MMLISTS Name)
{
    PMMPFNLIST List = MiListOf(Node, Pfn, Name);
    PMMPFN Entry = MiPfnEntry(Pfn);
    PFN_NUMBER Next = List->Flink;

    if (Next == MI_NO_PAGE) {
        List->Blink = Pfn;
    } else if (!MiIsPfn(Next) || MiPfnEntry(Next)->PageLocation != Name) {
        KeBugCheckEx(PFN_LIST_CORRUPT, 0x8F, Pfn, Next, 0);
    } else {
        MiPfnEntry(Next)->u2.Blink = Pfn;
    }
    Entry->Flink = Next;
    Entry->u2.Blink = MI_NO_PAGE;
    Entry->PteAddress = NULL;
    Entry->OriginalPte.Long = 0;
    Entry->PteFrame = MI_NO_PAGE;
    Entry->ReferenceCount = 0;
    Entry->PageLocation = (UCHAR)Name;
    Entry->Flags = 0;
    List->Flink = Pfn;
    List->Total++;
    if (MiCountsAsAvailable(Pfn, Name)) {
        Node->AvailablePages++;
    }
}

VOID MiInsertPage(PMI_NODE Node, PFN_NUMBER Pfn, MMLISTS Name)
{
    MiInsertInto(Node, Pfn, Name);
}

VOID MiInsertPageAtEnd(PMI_NODE Node, PFN_NUMBER Pfn, MMLISTS Name)
{
    PMMPFNLIST List = MiListOf(Node, Pfn, Name);
    PMMPFN Entry = MiPfnEntry(Pfn);
    PFN_NUMBER Last = List->Blink;

    if (Last == MI_NO_PAGE) {
        List->Flink = Pfn;
    } else if (!MiIsPfn(Last) || MiPfnEntry(Last)->PageLocation != Name) {
        KeBugCheckEx(PFN_LIST_CORRUPT, 0x8F, Pfn, Last, 0);
    } else {
        MiPfnEntry(Last)->Flink = Pfn;
    }
    Entry->Flink = MI_NO_PAGE;
    Entry->u2.Blink = Last;
    Entry->ReferenceCount = 0;
    Entry->PageLocation = (UCHAR)Name;
    List->Blink = Pfn;
    List->Total++;
    if (MiCountsAsAvailable(Pfn, Name)) {
        Node->AvailablePages++;
    }
}

static __attribute__((noinline)) DECLSPEC_NORETURN VOID MiReportBadLink(PFN_NUMBER Pfn)
{
    KeBugCheckEx(PFN_LIST_CORRUPT, 2, Pfn, MmHighestPhysicalPage, MiPfnEntry(Pfn)->ReferenceCount);
}

/* The neighbour's link back to Pfn, or to the list's head; checks it (PFN-2). */
FORCEINLINE PPFN_NUMBER MiLinkTo(PFN_NUMBER Pfn, PFN_NUMBER Neighbour, BOOLEAN Forward,
                                 PPFN_NUMBER Head)
{
    PPFN_NUMBER Link = Head;
    if (Neighbour != MI_NO_PAGE) {
        if (!MiIsPfn(Neighbour)) {
            MiReportBadLink(Pfn);
        }
        PMMPFN Entry = MiPfnEntry(Neighbour);
        Link = Forward ? &Entry->Flink : &Entry->u2.Blink;
    }
    if (*Link != Pfn) {
        MiReportBadLink(Pfn);
    }
    return Link;
}

/* Takes a page off the list that it is on. */
FORCEINLINE VOID MiUnlinkFrom(PMI_NODE Node, PMMPFNLIST List, PFN_NUMBER Pfn)
{
    PMMPFN Entry = MiPfnEntry(Pfn);
    if (List->Total == 0) {
        KeBugCheckEx(PFN_LIST_CORRUPT, 1, Pfn, Node->AvailablePages, 0);
    }
    if (Entry->ReferenceCount != 0) {
        MiReportBadLink(Pfn);
    }
    PPFN_NUMBER FromBefore = MiLinkTo(Pfn, Entry->u2.Blink, TRUE, &List->Flink);
    PPFN_NUMBER FromBehind = MiLinkTo(Pfn, Entry->Flink, FALSE, &List->Blink);
    *FromBefore = Entry->Flink;
    *FromBehind = Entry->u2.Blink;
    List->Total--;
    if (MiCountsAsAvailable(Pfn, List->ListName)) {
        Node->AvailablePages--;
    }
    Entry->Flink = MI_NO_PAGE;
    Entry->u2.ShareCount = 0;
    Entry->ReferenceCount = 1;
    Entry->PageLocation = ActiveAndValid;
}

/*
 * PFN-7: what a standby page had is had from where the page's PTE says from now on, unless somebody
 * wants the very page.
 */
static VOID MiForgetContents(PFN_NUMBER Pfn)
{
    PMMPFN Entry = MiPfnEntry(Pfn);
    MiWritePte(Entry->PteAddress, Entry->OriginalPte);
    Entry->PteAddress = NULL;
    Entry->OriginalPte.Long = 0;
    Entry->PteFrame = MI_NO_PAGE;
    MiPaging.Repurposed++;
}

VOID MiUnlinkPage(PMI_NODE Node, PFN_NUMBER Pfn)
{
    MiUnlinkFrom(Node, MiListOf(Node, Pfn, MiPfnEntry(Pfn)->PageLocation), Pfn);
}

VOID MiTakePage(PMI_NODE Node, PFN_NUMBER Pfn)
{
    BOOLEAN Standby = MiPfnEntry(Pfn)->PageLocation == StandbyPageList;
    MiUnlinkPage(Node, Pfn);
    if (Standby) {
        MiForgetContents(Pfn);
    }
}

/* Takes the first page of a list that has some. */
FORCEINLINE PFN_NUMBER MiTakeFirst(PMI_NODE Node, PMMPFNLIST List)
{
    PFN_NUMBER Pfn = List->Flink;
    if (Pfn == MI_NO_PAGE) {
        KeBugCheckEx(PFN_LIST_CORRUPT, 1, Pfn, Node->AvailablePages, 0);
    }
    if (!MiIsPfn(Pfn) || MiPfnEntry(Pfn)->PageLocation != List->ListName) {
        KeBugCheckEx(PFN_LIST_CORRUPT, 0x8D, Pfn, 0, 0);
    }
    MiUnlinkFrom(Node, List, Pfn);
    return Pfn;
}

/* PFN-7: the oldest standby page of the lowest priority. NULL without one. */
static __attribute__((noinline)) PMMPFNLIST MiChooseStandby(PMI_NODE Node)
{
    for (ULONG i = 0; i < MI_PAGE_PRIORITIES; i++) {
        if (Node->Standby[i].Total != 0) {
            return &Node->Standby[i];
        }
    }
    return NULL;
}

/*
 * Zeroed pages are kept for who wants them, unless only they are left; contents of standby pages
 * are kept for longest. NULL without any page.
 */
FORCEINLINE PMMPFNLIST MiChooseList(PMI_NODE Node, MI_PAGE_CONTENTS Contents)
{
    MMLISTS First = Contents == MiPageZeroed ? ZeroedPageList : FreePageList;
    MMLISTS Second = ZeroedPageList + FreePageList - First;
    for (MI_ZONE Zone = MiZoneHigh; Zone <= MiZoneLow; Zone++) {
        if (Node->Lists[Zone][First].Total != 0) {
            return &Node->Lists[Zone][First];
        }
        if (Node->Lists[Zone][Second].Total != 0) {
            return &Node->Lists[Zone][Second];
        }
    }
    return MiChooseStandby(Node);
}

/* A page that has a part in paging loses it. The node's lock is held. */
FORCEINLINE PFN_NUMBER MiTakeForUse(PMI_NODE Node, PMMPFNLIST List)
{
    PFN_NUMBER Pfn = MiTakeFirst(Node, List);
    if (List->ListName == StandbyPageList) {
        MiForgetContents(Pfn);
    }
    return Pfn;
}

/* One page of this node, MI_NO_PAGE when it has no more than Reserve. */
FORCEINLINE PFN_NUMBER MiAllocateOf(PMI_NODE Node, MI_PAGE_CONTENTS Contents, PFN_NUMBER Reserve)
{
    ULONG64 State = MiAcquireLock(&Node->Lock);
    PMMPFNLIST List = Node->AvailablePages <= Reserve ? NULL : MiChooseList(Node, Contents);
    PFN_NUMBER Pfn = List == NULL ? MI_NO_PAGE : MiTakeForUse(Node, List);
    MiReleaseNode(Node, State);
    if (Contents == MiPageZeroed && List != NULL && List->ListName != ZeroedPageList) {
        MiZeroPage(Pfn);
    }
    return Pfn;
}

/* NODE-2: Home has no page, the nearest node that has one gives it. */
static __attribute__((noinline)) PFN_NUMBER MiBorrowPage(ULONG Home, MI_PAGE_CONTENTS Contents,
                                                         BOOLEAN Fault)
{
    for (ULONG i = 1; i < MiNodeCount; i++) {
        ULONG Lender = MiNodePlaces[Home].Hops[i];
        PFN_NUMBER Pfn = MI_NO_PAGE;
        if (__atomic_load_n(&MiNodes[Lender].AvailablePages, __ATOMIC_RELAXED) != 0) {
            Pfn = MiAllocateOf(&MiNodes[Lender], Contents, Fault ? 0 : MiNodes[Lender].Reserve);
        }
        if (Pfn != MI_NO_PAGE) {
            __atomic_fetch_add(&MiNodePlaces[Lender].Lent, 1, __ATOMIC_RELAXED);
            return Pfn;
        }
    }
    return MI_NO_PAGE;
}

PFN_NUMBER MiAllocatePage(MI_PAGE_CONTENTS Contents)
{
    ULONG Home = MiCurrentNode();
    PFN_NUMBER Pfn = MiAllocateOf(&MiNodes[Home], Contents, MiNodes[Home].Reserve);
    return Pfn != MI_NO_PAGE ? Pfn : MiBorrowPage(Home, Contents, FALSE);
}

PFN_NUMBER MiAllocatePageForFault(MI_PAGE_CONTENTS Contents)
{
    ULONG Home = MiCurrentNode();
    PFN_NUMBER Pfn = MiAllocateOf(&MiNodes[Home], Contents, 0);
    return Pfn != MI_NO_PAGE ? Pfn : MiBorrowPage(Home, Contents, TRUE);
}

PFN_NUMBER MiAllocatePageOf(ULONG Node, MI_PAGE_CONTENTS Contents)
{
    ULONG Home = Node & ~MM_ANY_NODE_OK;
    PFN_NUMBER Pfn = MiAllocateOf(&MiNodes[Home], Contents, MiNodes[Home].Reserve);
    return Pfn == MI_NO_PAGE && Home != Node ? MiBorrowPage(Home, Contents, FALSE) : Pfn;
}

static VOID MiCheckFreeable(PFN_NUMBER Pfn, PMMPFN Entry)
{
    if (Entry->PageLocation != ActiveAndValid || Entry->u2.ShareCount != 0) {
        KeBugCheckEx(PFN_LIST_CORRUPT, 0x99, Pfn, Entry->PageLocation, 0);
    }
    if (Entry->ReferenceCount != 1) {
        KeBugCheckEx(PFN_LIST_CORRUPT, 0x9A, Pfn, Entry->PageLocation, Entry->ReferenceCount);
    }
}

VOID MiFreePageLocked(PMI_NODE Node, PFN_NUMBER Pfn)
{
    MiCheckFreeable(Pfn, MiPfnEntry(Pfn));
    MiInsertInto(Node, Pfn, FreePageList);
}

VOID MiFreePage(PFN_NUMBER Pfn)
{
    if (!MiIsPfn(Pfn)) {
        KeBugCheckEx(PFN_LIST_CORRUPT, 2, Pfn, MmHighestPhysicalPage, 0);
    }
    PMI_NODE Node = &MiNodes[MiPfnEntry(Pfn)->Node];
    ULONG64 State = MiAcquireLock(&Node->Lock);
    MiCheckFreeable(Pfn, MiPfnEntry(Pfn));
    MiInsertInto(Node, Pfn, FreePageList);
    MiReleaseNode(Node, State);
}

/* Off the free list, cleared outside the lock, onto the zeroed list. */
static BOOLEAN MiZeroOneFreePage(PMI_NODE Node, MI_ZONE Zone)
{
    ULONG64 State = MiAcquireLock(&Node->Lock);
    PMMPFNLIST List = &Node->Lists[Zone][FreePageList];
    PFN_NUMBER Pfn = List->Total == 0 ? MI_NO_PAGE : MiTakeFirst(Node, List);
    MiReleaseNode(Node, State);
    if (Pfn == MI_NO_PAGE) {
        return FALSE;
    }
    MiZeroPage(Pfn);
    State = MiAcquireLock(&Node->Lock);
    MiInsertPage(Node, Pfn, ZeroedPageList);
    MiReleaseNode(Node, State);
    return TRUE;
}

/* The pages of the processor's own node first. */
SIZE_T MiZeroFreePages(SIZE_T Limit)
{
    const UCHAR *Hops = MiNodePlaces[MiCurrentNode()].Hops;
    SIZE_T Done = 0;
    for (ULONG i = 0; i < MiNodeCount; i++) {
        for (MI_ZONE Zone = MiZoneHigh; Zone <= MiZoneLow; Zone++) {
            while (Done < Limit && MiZeroOneFreePage(&MiNodes[Hops[i]], Zone)) {
                Done++;
            }
        }
    }
    return Done;
}

PFN_NUMBER MiAvailablePages(VOID)
{
    PFN_NUMBER Sum = 0;
    for (ULONG i = 0; i < MiNodeCount; i++) {
        Sum += __atomic_load_n(&MiNodes[i].AvailablePages, __ATOMIC_RELAXED);
    }
    return Sum;
}

PFN_NUMBER MiPagesOnNode(ULONG Node, MMLISTS Name)
{
    PFN_NUMBER Sum = 0;
    switch (Name) {
    case BadPageList: return MiNodes[Node].BadList.Total;
    case ModifiedPageList: return MiNodes[Node].Modified.Total;
    case ModifiedNoWritePageList: return MiNodes[Node].NoWrite.Total;
    case StandbyPageList:
        for (ULONG i = 0; i < MI_PAGE_PRIORITIES; i++) {
            Sum += MiNodes[Node].Standby[i].Total;
        }
        return Sum;
    default: break;
    }
    for (MI_ZONE Zone = MiZoneHigh; Name <= FreePageList && Zone < MiZoneCount; Zone++) {
        Sum += MiNodes[Node].Lists[Zone][Name].Total;
    }
    return Sum;
}

PFN_NUMBER MiPagesOnList(MMLISTS Name)
{
    PFN_NUMBER Sum = 0;
    for (ULONG i = 0; i < MiNodeCount; i++) {
        Sum += MiPagesOnNode(i, Name);
    }
    return Sum;
}

const CHAR *MiPageStateName(ULONG State)
{
    static const CHAR *const Names[] = {"Zeroed",          "Free", "Standby", "Modified",
                                        "ModifiedNoWrite", "Bad",  "Active",  "Transition"};
    return State < ARRAYSIZE(Names) ? Names[State] : "Unknown";
}
