/*
 * modified.c - the modified page writer: a thread that gives modified pages a copy on disk, so that
 * they can be taken for something else. paging.h has the theory.
 *
 * It takes pages from the modified lists, as many as there are slots in a row for, up to 1 MiB at a
 * time, and orders them by address: what is together in memory comes to lie together on disk.
 * Several such writes are under way at a time, so that the disk always has one to go on with. A
 * page may be wanted, changed or freed while it is written (PAGE-2, PAGE-4); the write is then for
 * nothing, and harmless.
 *
 * When a write fails its pages are written again one by one. A slot that fails alone is retired,
 * and the page goes back to the modified list for another one. A page that no paging file has room
 * for goes to the modified-no-write list, until slots come free.
 *
 *   WRITE-1  Writing begins when more than 1/16 of memory is modified or less than 1/8 available,
 *            and ends at half of the former or twice the latter; or when somebody asks for it.
 *   WRITE-2  The thread allocates nothing and touches nothing pageable.
 *   WRITE-3  No call is lost: what comes while the thread waits for one page's write is looked at
 *            when that has ended, and a flush ends only after a look that found nothing to write.
 */
#include "kernel/rtl/section.h"
#include "mm/paging.h"

#define LOOK_AGAIN 50000 /* 5 ms, in steps of 100 ns */
#define MAX_WRITES 8     /* at a time */

typedef struct _MI_WRITE {
    MI_TRANSFER Transfer;
    BOOLEAN Busy, Arrived;
    PKEVENT Event; /* that is set with Arrived */
    ULONG File, Slot, Pages;
    PFN_NUMBER Frames[MI_WRITE_PAGES];
} MI_WRITE, *PMI_WRITE;

static MI_WRITE MiWrites[MAX_WRITES];
static KEVENT MiWriterEvent, MiAloneEvent, MiFlushed;
static LONG MiFlushAsked, MiFlushDone; /* how often, and up to which time */
static BOOLEAN MiWriting, MiReviewWanted, MiWriterReady;
static KDPC MiWriterDpc;
static LONG MiWriterCalled;

/* ---- who calls it ---------------------------------------------------------------------------- */

static VOID NTAPI MiWriterDpcRoutine(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeSetEvent(&MiWriterEvent, 0, FALSE);
}

INIT VOID MiInitializeWriter(VOID)
{
    KeInitializeEvent(&MiWriterEvent, SynchronizationEvent, FALSE);
    KeInitializeEvent(&MiAloneEvent, SynchronizationEvent, FALSE);
    KeInitializeEvent(&MiFlushed, SynchronizationEvent, FALSE);
    KeInitializeDpc(&MiWriterDpc, MiWriterDpcRoutine, NULL);
    MiWriterReady = TRUE;
}

VOID MiCallModifiedWriter(VOID)
{
    if (MiWriterReady && __atomic_exchange_n(&MiWriterCalled, 1, __ATOMIC_ACQ_REL) == 0) {
        KeInsertQueueDpc(&MiWriterDpc, NULL, NULL);
    }
}

VOID MiReviewNoWritePages(VOID)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* a slot came free; who sets aside looks at it then */
    if (MiPagesOnList(ModifiedNoWritePageList) != 0) {
        MiReviewWanted = TRUE;
        MiCallModifiedWriter();
    }
}

static BOOLEAN MiIsFlushWanted(VOID)
{
    return __atomic_load_n(&MiFlushAsked, __ATOMIC_SEQ_CST) !=
           __atomic_load_n(&MiFlushDone, __ATOMIC_SEQ_CST);
}

LONG MiAskForWrites(VOID)
{
    LONG Ticket = __atomic_add_fetch(&MiFlushAsked, 1, __ATOMIC_SEQ_CST);
    MiCallModifiedWriter();
    return Ticket;
}

/* Each looks again after a while: another one may have cleared the event that was set for both. */
VOID MiFlushModifiedPages(VOID)
{
    LARGE_INTEGER While = {.QuadPart = -LOOK_AGAIN};
    LONG Ticket = MiAskForWrites();
    while (__atomic_load_n(&MiFlushDone, __ATOMIC_SEQ_CST) - Ticket < 0) {
        KeWaitForSingleObject(&MiFlushed, Executive, KernelMode, FALSE, &While);
    }
}

/* ---- what is to be written ------------------------------------------------------------------- */

/* WRITE-1. */
static BOOLEAN MiIsWritingWanted(VOID)
{
    PFN_NUMBER Modified = MiPagesOnList(ModifiedPageList), Available = MiAvailablePages();
    PFN_NUMBER Memory = MmNumberOfPhysicalPages;
    if (Modified == 0 || MiPagingFileCount == 0) {
        return FALSE;
    }
    MiWriting = MiWriting ? Modified > Memory / 32 || Available < Memory / 4
                          : Modified > Memory / 16 || Available < Memory / 8;
    return MiWriting || MiIsFlushWanted();
}

/* The oldest modified page of a node, with a reference for its write. */
static PFN_NUMBER MiTakeModified(PMI_NODE Node, UCHAR Flags)
{
    ULONG64 State = MiAcquireLock(&Node->Lock);
    PFN_NUMBER Pfn = Node->Modified.Flink;
    if (Pfn != MI_NO_PAGE) {
        PMMPFN Entry = MiPfnEntry(Pfn);
        MiUnlinkPage(Node, Pfn);
        Entry->PageLocation = TransitionPage;
        Entry->Flags = (UCHAR)((Entry->Flags & ~MI_PAGE_MODIFIED) | MI_PAGE_HELD | Flags);
    }
    MiReleaseLock(&Node->Lock, State);
    return Pfn;
}

static ULONG MiGather(PPFN_NUMBER Frames, ULONG Wanted)
{
    ULONG Count = 0;
    for (ULONG i = 0; i < MiNodeCount; i++) {
        PFN_NUMBER Pfn = MI_NO_PAGE;
        while (Count < Wanted &&
               (Pfn = MiTakeModified(&MiNodes[i], MI_PAGE_WRITING)) != MI_NO_PAGE) {
            Frames[Count++] = Pfn;
        }
    }
    return Count;
}

static BOOLEAN MiIsOrdered(const PFN_NUMBER *Frames, ULONG Count)
{
    ULONG i = 1;
    while (i < Count &&
           MiPfnEntry(Frames[i - 1])->PteAddress <= MiPfnEntry(Frames[i])->PteAddress) {
        i++;
    }
    return i >= Count;
}

/*
 * By address, in the shell's steps: few pages, most often in order. A deleted page has no PTE:
 * first.
 */
static VOID MiOrderByAddress(PPFN_NUMBER Frames, ULONG Count)
{
    for (ULONG Gap = MI_WRITE_PAGES / 2; Gap > 0; Gap /= 2) {
        for (ULONG i = Gap; i < Count; i++) {
            PFN_NUMBER Pfn = Frames[i];
            ULONG k = i;
            while (k >= Gap &&
                   MiPfnEntry(Frames[k - Gap])->PteAddress > MiPfnEntry(Pfn)->PteAddress) {
                Frames[k] = Frames[k - Gap];
                k -= Gap;
            }
            Frames[k] = Pfn;
        }
    }
}

/* ---- pages after their write ----------------------------------------------------------------- */

/* Slot: where the page is now; 0: nowhere, so that it is modified as before. */
static VOID MiFinishPage(PFN_NUMBER Pfn, ULONG File, ULONG Slot)
{
    PMMPFN Entry = MiPfnEntry(Pfn);
    PMI_NODE Node = &MiNodes[Entry->Node];
    ULONG64 State = MiAcquireLock(&Node->Lock);
    Entry->Flags &= (UCHAR)~MI_PAGE_WRITING;
    if (Slot != 0) {
        Entry->OriginalPte = MiMakePagingFilePte(File, Slot, Entry->OriginalPte);
    } else {
        Entry->Flags |= MI_PAGE_MODIFIED;
    }
    MiReleasePageLocked(Node, Pfn, State);
}

/* Nobody has room for a page. */
static VOID MiSetAside(PFN_NUMBER Pfn)
{
    PMI_NODE Node = MiNodeOf(Pfn);
    ULONG64 State = MiAcquireLock(&Node->Lock);
    PMMPFN Entry = MiPfnEntry(Pfn);
    BOOLEAN Last = Entry->ReferenceCount == 1 && !(Entry->Flags & MI_PAGE_DELETED);
    Entry->Flags |= MI_PAGE_MODIFIED;
    if (Last) {
        Entry->Flags &= (UCHAR)~MI_PAGE_HELD;
        MiInsertPageAtEnd(Node, Pfn, ModifiedNoWritePageList);
        MiReleaseLock(&Node->Lock, State);
    } else {
        MiReleasePageLocked(Node, Pfn, State);
    }
    MiCountPaging(&MiPaging.NoWrite, 1);
}

static VOID MiSetAllAside(VOID)
{
    for (ULONG i = 0; i < MiNodeCount; i++) {
        PFN_NUMBER Pfn = MI_NO_PAGE;
        while ((Pfn = MiTakeModified(&MiNodes[i], 0)) != MI_NO_PAGE) {
            MiSetAside(Pfn);
        }
    }
    if (MiFreeSlots() != 0) { /* they came free before anything was set aside for them */
        MiReviewNoWritePages();
    }
}

/* Slots came free: as much of what was set aside is modified again. */
static VOID MiTakeBack(PMI_NODE Node, SIZE_T Slots)
{
    for (BOOLEAN More = TRUE; More && Slots != 0; Slots--) {
        ULONG64 State = MiAcquireLock(&Node->Lock);
        PFN_NUMBER Pfn = Node->NoWrite.Flink;
        More = Pfn != MI_NO_PAGE;
        if (More) {
            MiUnlinkPage(Node, Pfn);
            MiInsertPageAtEnd(Node, Pfn, ModifiedPageList);
        }
        MiReleaseLock(&Node->Lock, State);
    }
}

/* ---- writes ---------------------------------------------------------------------------------- */

static VOID MiWriteArrived(PMI_TRANSFER Transfer)
{
    PMI_WRITE Write = Transfer->Context;
    PKEVENT Event = Write->Event; /* behind Arrived the write may be another one */
    __atomic_store_n(&Write->Arrived, TRUE, __ATOMIC_RELEASE);
    KeSetEvent(Event, 0, FALSE);
}

static VOID MiStartTransfer(PMI_WRITE Write, ULONG First, ULONG Pages)
{
    PMI_PAGING_FILE File = &MiPagingFiles[Write->File];
    Write->Arrived = FALSE;
    Write->Transfer = (MI_TRANSFER){.Write = TRUE,
                                    .Page = File->FirstPage + Write->Slot + First,
                                    .Pages = Pages,
                                    .Frames = &Write->Frames[First],
                                    .Done = MiWriteArrived,
                                    .Context = Write};
    MiCountPaging(&MiPaging.Writes, 1);
    File->Device->Start(File->Device, &Write->Transfer);
}

/* FALSE when there is nothing to write, or no room. */
static BOOLEAN MiStartWrite(PMI_WRITE Write)
{
    PFN_NUMBER Modified = MiPagesOnList(ModifiedPageList);
    ULONG Wanted = Modified < MI_WRITE_PAGES ? (ULONG)Modified : MI_WRITE_PAGES;
    if (Wanted == 0) {
        return FALSE;
    }
    ULONG Room = MiTakeSlots(Wanted, &Write->File, &Write->Slot);
    if (Room == 0) {
        MiSetAllAside();
        return FALSE;
    }
    Write->Pages = MiGather(Write->Frames, Room);
    for (ULONG i = Write->Pages; i < Room; i++) {
        MiReturnSlot(MiMakePagingFilePte(Write->File, Write->Slot + i, (MMPTE){.Long = 0}));
    }
    if (Write->Pages == 0) {
        return FALSE;
    }
    if (!MiIsOrdered(Write->Frames, Write->Pages)) {
        MiOrderByAddress(Write->Frames, Write->Pages);
    }
    for (ULONG i = 0; i < Write->Pages; i++) {
        MiNoteSum(Write->File, Write->Slot + i, Write->Frames[i]);
    }
    Write->Busy = TRUE;
    Write->Event = &MiWriterEvent;
    MiStartTransfer(Write, 0, Write->Pages);
    return TRUE;
}

/*
 * Each page once more, alone, when all together failed: TRUE if it is on disk now. The wait has an
 * event of its own, since that of the thread may be set for something else meanwhile (WRITE-3).
 */
static BOOLEAN MiWriteAlone(PMI_WRITE Write, ULONG Index)
{
    Write->Event = &MiAloneEvent;
    MiStartTransfer(Write, Index, 1);
    KeWaitForSingleObject(&MiAloneEvent, Executive, KernelMode, FALSE, NULL);
    return NT_SUCCESS(Write->Transfer.Status);
}

static VOID MiFinishWrite(PMI_WRITE Write)
{
    BOOLEAN Good = NT_SUCCESS(Write->Transfer.Status);
    if (!Good) {
        MiCountPaging(&MiPaging.WriteErrors, 1);
        MiPaging.LastWriteError = Write->Transfer.Status;
        KeSetEvent(&MiWriterEvent, 0, FALSE); /* pages that want another slot */
    }
    for (ULONG i = 0; i < Write->Pages; i++) {
        BOOLEAN Written = Good || (Write->Pages > 1 && MiWriteAlone(Write, i));
        if (Written) {
            MiCountPaging(&MiPaging.PagesWritten, 1);
        } else {
            MiRetireSlot(Write->File, Write->Slot + i);
        }
        MiFinishPage(Write->Frames[i], Write->File, Written ? Write->Slot + i : 0);
    }
    Write->Busy = FALSE;
}

/* ---- the thread ------------------------------------------------------------------------------ */

BOOLEAN MiIsWriting(VOID)
{
    BOOLEAN Busy = FALSE;
    for (ULONG i = 0; i < MAX_WRITES; i++) {
        Busy |= __atomic_load_n(&MiWrites[i].Busy, __ATOMIC_RELAXED);
    }
    return Busy;
}

static ULONG MiFinishWrites(VOID)
{
    ULONG Busy = 0;
    for (ULONG i = 0; i < MAX_WRITES; i++) {
        if (MiWrites[i].Busy && __atomic_load_n(&MiWrites[i].Arrived, __ATOMIC_ACQUIRE)) {
            MiFinishWrite(&MiWrites[i]);
        }
        Busy += MiWrites[i].Busy;
    }
    return Busy;
}

static VOID MiStartWrites(VOID)
{
    for (ULONG i = 0; i < MAX_WRITES; i++) {
        if (!MiWrites[i].Busy && (!MiIsWritingWanted() || !MiStartWrite(&MiWrites[i]))) {
            return;
        }
    }
}

/* WRITE-3. Who asks behind this has set the thread's event, too. */
static VOID MiEndFlush(VOID)
{
    LONG Asked = __atomic_load_n(&MiFlushAsked, __ATOMIC_SEQ_CST);
    if (!MiIsFlushWanted()) {
        return;
    }
    if (MiPagingFileCount != 0 && MiPagesOnList(ModifiedPageList) != 0) {
        KeSetEvent(&MiWriterEvent, 0, FALSE);
    } else {
        __atomic_store_n(&MiFlushDone, Asked, __ATOMIC_SEQ_CST);
        KeSetEvent(&MiFlushed, 0, FALSE);
    }
}

VOID NTAPI MiModifiedPageWriter(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (;;) {
        KeWaitForSingleObject(&MiWriterEvent, Executive, KernelMode, FALSE, NULL);
        __atomic_store_n(&MiWriterCalled, 0, __ATOMIC_RELEASE);
        if (__atomic_exchange_n(&MiReviewWanted, FALSE, __ATOMIC_ACQ_REL)) {
            for (ULONG i = 0; i < MiNodeCount; i++) {
                MiTakeBack(&MiNodes[i], MiFreeSlots());
            }
        }
        MiFinishWrites();
        MiStartWrites();
        if (MiFinishWrites() == 0) {
            MiEndFlush();
        }
    }
}
