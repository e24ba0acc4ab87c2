/*
 * transition.c - pageable pages between memory and disk: taken out of use, found again, let go. For
 * faults, the trimmer, the writer, and whoever frees pageable memory. paging.h has the theory.
 */
#include "mm/paging.h"

MI_PAGING_COUNTERS MiPaging;

MMPTE MiMakeTransitionPte(PFN_NUMBER Pfn, ULONG Protection)
{
    MMPTE Value = {.Long = 0};
    Value.Trans.Transition = 1;
    Value.Trans.Protection = Protection & 0x1F;
    Value.Trans.PageFrameNumber = Pfn;
    return Value;
}

/* ---- found again ----------------------------------------------------------------------------- */

VOID MiMapPageAgain(PFN_NUMBER Pfn, BOOLEAN Used)
{
    PMMPFN Entry = MiPfnEntry(Pfn);
    MMPTE Value = MiMakeValidPte(Pfn, Entry->OriginalPte.Soft.Protection);
    Value.Hard.Dirty = (Entry->Flags & MI_PAGE_MODIFIED) != 0;
    Value.Hard.Accessed = Used;
    Entry->Flags &= (UCHAR)~MI_PAGE_MODIFIED;
    Entry->Priority = Entry->OriginalPte.Soft.Cold ? MI_PRIORITY_COLD : MI_PRIORITY_NORMAL;
    Entry->Flink = MI_NO_PAGE;
    Entry->u2.ShareCount = 1;
    Entry->PageLocation = ActiveAndValid;
    MiWritePte(Entry->PteAddress, Value);
}

/* The same for a page on a list, or on its way to the disk. */
static VOID MiFindPageAgain(PMI_NODE Node, PFN_NUMBER Pfn)
{
    if (MiPfnEntry(Pfn)->PageLocation == TransitionPage) {
        MiPfnEntry(Pfn)->ReferenceCount++;
    } else {
        MiUnlinkPage(Node, Pfn);
    }
    MiMapPageAgain(Pfn, TRUE);
    MiCountPaging(&MiPaging.SoftFaults, 1);
}

VOID MiResolveTransition(PMMPTE Pte, MMPTE Old)
{
    PFN_NUMBER Pfn = Old.Trans.PageFrameNumber;
    PMMPFN Entry = MiPfnEntry(Pfn);
    PMI_NODE Node = &MiNodes[Entry->Node];
    ULONG64 State = MiAcquireLock(&Node->Lock);
    if (MiReadPte(Pte).Long != Old.Long) {
        MiReleaseLock(&Node->Lock, State);
        return;
    }
    BOOLEAN Further = Entry->Priority == MI_PRIORITY_MARK;
    struct _MI_READ *Read = NULL;
    if (Entry->Flags & MI_PAGE_READING) {
        Read = MiJoinRead(Pfn);
        Entry->Priority = MI_PRIORITY_NORMAL;
    } else {
        MiFindPageAgain(Node, Pfn);
    }
    MiReleaseNode(Node, State);
    if (Further) {
        MiReadFurther(Pte);
    }
    if (Read != NULL) {
        MiWaitForRead(Read);
    }
}

/* ---- taken out of use ------------------------------------------------------------------------ */

/* PAGE-3. The node's lock is held. */
static BOOLEAN MiMayTrim(const MMPFN *Entry, PMMPTE Pte)
{
    return Entry->PageLocation == ActiveAndValid && Entry->PteAddress == Pte &&
           Entry->u2.ShareCount == 1 && Entry->ReferenceCount == 1;
}

/* The processor may set bits of the PTE meanwhile, and its owner may free it. */
static BOOLEAN MiMakeTransition(PMMPTE Pte, PMMPTE Old, MMPTE New)
{
    PFN_NUMBER Pfn = Old->Hard.PageFrameNumber;
    do {
        if (!Old->Hard.Valid || Old->Hard.PageFrameNumber != Pfn) {
            return FALSE;
        }
    } while (!__atomic_compare_exchange_n(&Pte->Long, &Old->Long, New.Long, FALSE, __ATOMIC_ACQ_REL,
                                          __ATOMIC_ACQUIRE));
    return TRUE;
}

/* PAGE-2: what is on disk is older than a page that was written to. Returns what to give up. */
static MMPTE MiNoteDirty(PMMPFN Entry)
{
    MMPTE Copy = Entry->OriginalPte;
    Entry->Flags |= MI_PAGE_MODIFIED;
    Entry->OriginalPte.Soft.PageFileLow = 0;
    Entry->OriginalPte.Soft.PageFileHigh = 0;
    return Copy;
}

PFN_NUMBER MiTrimPte(PMMPTE Pte)
{
    MMPTE Old = MiReadPte(Pte), Stale = {.Long = 0};
    PFN_NUMBER Pfn = Old.Hard.PageFrameNumber;
    if (!Old.Hard.Valid || !MiIsPfn(Pfn)) {
        return MI_NO_PAGE;
    }
    PMMPFN Entry = MiPfnEntry(Pfn);
    PMI_NODE Node = &MiNodes[Entry->Node];
    ULONG64 State = MiAcquireLock(&Node->Lock);
    MMPTE New = MiMakeTransitionPte(Pfn, Entry->OriginalPte.Soft.Protection);
    if (MiMayTrim(Entry, Pte) && MiMakeTransition(Pte, &Old, New)) {
        if (Old.Hard.Dirty || (Entry->Flags & MI_PAGE_MODIFIED)) {
            Stale = MiNoteDirty(Entry);
        }
        Entry->Flags |= MI_PAGE_HELD;
        Entry->u2.ShareCount = 0;
        Entry->PageLocation = TransitionPage;
    } else {
        Pfn = MI_NO_PAGE;
    }
    MiReleaseLock(&Node->Lock, State);
    MiReturnSlot(Stale);
    return Pfn;
}

/* ---- let go ---------------------------------------------------------------------------------- */

/* PAGE-1: the last reference went. The node's lock is held. Returns what to give up on disk. */
static MMPTE MiListPage(PMI_NODE Node, PFN_NUMBER Pfn)
{
    PMMPFN Entry = MiPfnEntry(Pfn);
    MMPTE Stale = {.Long = 0};
    if (Entry->Flags & MI_PAGE_DELETED) {
        Stale = Entry->OriginalPte;
        MiInsertPage(Node, Pfn, FreePageList);
    } else {
        MiInsertPageAtEnd(Node, Pfn,
                          Entry->Flags & MI_PAGE_MODIFIED ? ModifiedPageList : StandbyPageList);
    }
    return Stale;
}

VOID MiReleasePageLocked(PMI_NODE Node, PFN_NUMBER Pfn, ULONG64 State)
{
    MMPTE Stale = {.Long = 0};
    MiPfnEntry(Pfn)->Flags &= (UCHAR)~MI_PAGE_HELD;
    if (--MiPfnEntry(Pfn)->ReferenceCount == 0) {
        Stale = MiListPage(Node, Pfn);
    }
    MiReleaseNode(Node, State);
    MiReturnSlot(Stale);
}

VOID MiReleasePage(PFN_NUMBER Pfn)
{
    PMI_NODE Node = MiNodeOf(Pfn);
    MiReleasePageLocked(Node, Pfn, MiAcquireLock(&Node->Lock));
}

/* ---- freed by its owner ---------------------------------------------------------------------- */

/*
 * FALSE when the PTE is another one by now. A page that the trimmer has may still be known to
 * processors (*Mapped), which must forget it before its address is another's.
 */
static BOOLEAN MiDeleteTransition(PMMPTE Pte, MMPTE Old, PBOOLEAN Mapped)
{
    PFN_NUMBER Pfn = Old.Trans.PageFrameNumber;
    PMMPFN Entry = MiPfnEntry(Pfn);
    PMI_NODE Node = &MiNodes[Entry->Node];
    MMPTE Stale = {.Long = 0};
    ULONG64 State = MiAcquireLock(&Node->Lock);
    BOOLEAN Same = MiReadPte(Pte).Long == Old.Long;
    if (Same) {
        MiWritePte(Pte, (MMPTE){.Long = 0});
        if (Entry->PageLocation == TransitionPage) { /* PAGE-4 */
            Entry->Flags |= MI_PAGE_DELETED;
            Entry->PteAddress = NULL;
            *Mapped = TRUE;
        } else {
            Stale = Entry->OriginalPte;
            MiUnlinkPage(Node, Pfn);
            MiInsertPage(Node, Pfn, FreePageList);
        }
    }
    MiReleaseNode(Node, State);
    MiReturnSlot(Stale);
    return Same;
}

/* A PTE that was valid keeps the number of its page until processors have forgotten that. */
static VOID MiDeletePte(PMMPTE Pte, PBOOLEAN Mapped)
{
    for (;;) {
        MMPTE Old = MiReadPte(Pte), New = {.Long = 0};
        if (MiIsTransition(Old)) {
            if (MiDeleteTransition(Pte, Old, Mapped)) {
                return;
            }
            continue;
        }
        if (Old.Hard.Valid) {
            New = MiMakeDyingPte(Old.Hard.PageFrameNumber);
        }
        if (__atomic_compare_exchange_n(&Pte->Long, &Old.Long, New.Long, FALSE, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
            MiReturnSlot(Old);
            *Mapped |= Old.Hard.Valid;
            return;
        }
    }
}

/* PAGE-4 for a page that was mapped: mm may have a reference all the same, but nobody else. */
static VOID MiFreeUnmappedPage(PFN_NUMBER Pfn)
{
    PMMPFN Entry = MiPfnEntry(Pfn);
    PMI_NODE Node = &MiNodes[Entry->Node];
    MMPTE Stale = {.Long = 0};
    ULONG64 State = MiAcquireLock(&Node->Lock);
    Entry->u2.ShareCount = 0;
    if ((Entry->Flags & MI_PAGE_HELD) && Entry->ReferenceCount == 2) {
        Entry->Flags |= MI_PAGE_DELETED;
        Entry->PteAddress = NULL;
        Entry->PageLocation = TransitionPage;
        Entry->ReferenceCount--;
    } else {
        Stale = Entry->OriginalPte;
        MiFreePageLocked(Node, Pfn);
    }
    MiReleaseNode(Node, State);
    MiReturnSlot(Stale);
}

VOID MiDeletePageablePages(PVOID Va, SIZE_T Pages)
{
    PMMPTE Pte = MiGetPteAddress(Va);
    BOOLEAN Mapped = FALSE;
    for (SIZE_T i = 0; i < Pages; i++) {
        MiDeletePte(&Pte[i], &Mapped);
    }
    if (!Mapped) {
        return;
    }
    MiFlushTlb(Va, Pages);
    for (SIZE_T i = 0; i < Pages; i++) {
        PFN_NUMBER Pfn = MiReadPte(&Pte[i]).Hard.PageFrameNumber;
        if (Pfn != MI_NO_PAGE) {
            MiWritePte(&Pte[i], (MMPTE){.Long = 0});
            MiFreeUnmappedPage(Pfn);
        }
    }
}
