/*
 * pin.c - references to pages, so that they stay in memory while a device or a mapping uses them.
 *
 *   PIN-1  Each pin is one more reference of the page; a page with more than its owner's can't be
 *          freed (0x4E/0x9A).
 *   PIN-2  When MiPinPage has returned, the address was mapped to just that page while it got the
 *          reference.
 *   PIN-3  A page that is given back more often than it was pinned is bug check 0x4E/7.
 *   PIN-4  Whoever has pinned a page may write to it by its number, which no PTE notes: a page that
 *          is pinned for writing is modified.
 */
#include "mm/paging.h"

#define UNLOCKED_TOO_OFTEN 7

/* The page that a walk ended at; a large page's entry has the first of many. */
static PFN_NUMBER MiPageOfWalk(PVOID Va, const MI_WALK *Walk)
{
    PFN_NUMBER Mask = MiEntryBytes(Walk->Level) / PAGE_SIZE - 1;
    return (Walk->Value.Hard.PageFrameNumber & ~Mask) | (((ULONG_PTR)Va >> PAGE_SHIFT) & Mask);
}

static BOOLEAN MiIsPinnable(PMMPFN Entry)
{
    return Entry->PageLocation == ActiveAndValid && Entry->ReferenceCount != 0 &&
           Entry->ReferenceCount != MAXUSHORT;
}

BOOLEAN MiPinFrame(PFN_NUMBER Pfn)
{
    PMMPFN Entry = MiPfnEntry(Pfn);
    PMI_NODE Node = &MiNodes[Entry->Node];
    ULONG64 State = MiAcquireLock(&Node->Lock);
    BOOLEAN Pinnable = MiIsPinnable(Entry);
    Entry->ReferenceCount += Pinnable;
    MiReleaseNode(Node, State);
    return Pinnable;
}

/* PIN-2. FALSE: the address has lost the page meanwhile. */
static BOOLEAN MiPinMappedPage(PVOID Va, PFN_NUMBER Pfn, BOOLEAN Write, NTSTATUS *Status)
{
    MI_WALK Walk;
    PMMPFN Entry = MiPfnEntry(Pfn);
    PMI_NODE Node = &MiNodes[Entry->Node];
    ULONG64 State = MiAcquireLock(&Node->Lock);
    MiWalkTables(Va, &Walk);
    BOOLEAN Mapped = Walk.Valid && MiPageOfWalk(Va, &Walk) == Pfn;
    if (Mapped) {
        *Status = MiIsPinnable(Entry)                  ? STATUS_SUCCESS
                  : Entry->ReferenceCount == MAXUSHORT ? STATUS_INSUFFICIENT_RESOURCES
                                                       : STATUS_ACCESS_VIOLATION;
        Entry->ReferenceCount += NT_SUCCESS(*Status);
        if (Write && NT_SUCCESS(*Status)) {
            Entry->Flags |= MI_PAGE_MODIFIED; /* PIN-4 */
        }
    }
    MiReleaseNode(Node, State);
    return Mapped;
}

/* The fault brings the page in. A write that changes nothing: it loses nobody's store. */
static VOID MiTouch(PVOID Va, BOOLEAN Write)
{
    if (Write) {
        __atomic_fetch_or((volatile UCHAR *)Va, 0, __ATOMIC_RELAXED);
    } else {
        (VOID) * (volatile UCHAR *)Va;
    }
}

NTSTATUS MiPinPage(PVOID Va, BOOLEAN Write, PPFN_NUMBER Pfn)
{
    MI_WALK Walk;
    NTSTATUS Status = STATUS_SUCCESS;
    if (MiAddressKind(Va) == MiVaNonCanonical) {
        return STATUS_ACCESS_VIOLATION;
    }
    for (;;) {
        MiWalkTables(Va, &Walk);
        if (Walk.Valid && Write && !Walk.Writable) {
            return STATUS_ACCESS_VIOLATION;
        }
        if (Walk.Valid) {
            *Pfn = MiPageOfWalk(Va, &Walk);
            if (!MiIsPfn(*Pfn) || MiPinMappedPage(Va, *Pfn, Write, &Status)) {
                return Status;
            }
            continue;
        }
        if (Walk.Level > 1 || Walk.Value.Soft.Protection == 0) {
            return STATUS_ACCESS_VIOLATION;
        }
        MiTouch(Va, Write);
    }
}

VOID MiUnpinPage(PFN_NUMBER Pfn)
{
    if (!MiIsPfn(Pfn)) {
        KeBugCheckEx(PFN_LIST_CORRUPT, UNLOCKED_TOO_OFTEN, Pfn, 0, 0);
    }
    PMMPFN Entry = MiPfnEntry(Pfn);
    PMI_NODE Node = &MiNodes[Entry->Node];
    ULONG64 State = MiAcquireLock(&Node->Lock);
    if (Entry->PageLocation != ActiveAndValid || Entry->ReferenceCount <= 1) {
        ULONG_PTR Shares = Entry->PageLocation == ActiveAndValid ? Entry->u2.ShareCount : 0;
        KeBugCheckEx(PFN_LIST_CORRUPT, UNLOCKED_TOO_OFTEN, Pfn, Shares, 0);
    }
    Entry->ReferenceCount--;
    MiReleaseNode(Node, State);
}
