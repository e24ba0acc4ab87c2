/*
 * inpage.c - hard faults: a page that is only on a disk is read back, its neighbours with it.
 *
 * Theory. The thread that wants the page makes it, puts it into the PTE as "in transition, being
 * read", and waits for the disk. Pages behind it whose contents lie behind it on the disk, too, are
 * read with it, in one transfer: they go to the standby list, from where a soft fault has them.
 * Who comes to such a PTE meanwhile finds the read through the page (Flink) and waits for its end,
 * then looks again (PAGE-6). How many are read ahead doubles while faults go through memory in
 * order, and begins anew with the first that does not.
 *
 * A page that cannot be read stops the machine (0x7A): its contents are lost, and nothing that the
 * thread could be given in their place is right. What was to be read ahead is tried again by who
 * wants it. When a transfer of many pages fails, the wanted page is read once more alone.
 *
 * There is a fixed number of reads at a time, made at start: a fault must not need memory but the
 * page. The thread is at APC_LEVEL while it waits, so that no APC of its own wants the page that it
 * is about to get.
 */
#include "kernel/rtl/section.h"
#include "mm/paging.h"

#define MAX_READS   32
#define READ_PAGES  64 /* at most, of a transfer */
#define FIRST_AHEAD 8  /* pages of a read whose fault is no successor of another's */
#define KEPT_PAGES  64 /* available pages that reading ahead leaves alone */

typedef struct _MI_READ {
    MI_TRANSFER Transfer;
    KEVENT Arrived; /* the device is done */
    KEVENT Done;    /* the pages are what they will be */
    LONG References;
    PMMPTE Pte; /* of the first page */
    ULONG File, Slot, Pages;
    PFN_NUMBER Frames[READ_PAGES];
} MI_READ, *PMI_READ;

static MI_READ MiReads[MAX_READS];
static ULONG MiReadsInUse; /* a bit each */
static KSEMAPHORE MiFreeReads;
static KEVENT MiPageFreed;
static PMMPTE MiNextInOrder; /* the PTE behind the last read; only a hint, so nobody locks it */
static ULONG MiAhead = FIRST_AHEAD;

INIT VOID MiInitializeInPage(VOID)
{
    KeInitializeSemaphore(&MiFreeReads, MAX_READS, MAX_READS);
    KeInitializeEvent(&MiPageFreed, NotificationEvent, FALSE);
    for (ULONG i = 0; i < MAX_READS; i++) {
        KeInitializeEvent(&MiReads[i].Arrived, SynchronizationEvent, FALSE);
        KeInitializeEvent(&MiReads[i].Done, NotificationEvent, FALSE);
    }
}

/* ---- the reads there are --------------------------------------------------------------------- */

static PMI_READ MiAcquireRead(VOID)
{
    KeWaitForSingleObject(&MiFreeReads, Executive, KernelMode, FALSE, NULL);
    for (;;) {
        ULONG InUse = __atomic_load_n(&MiReadsInUse, __ATOMIC_RELAXED);
        ULONG Index = (ULONG)__builtin_ctz(~InUse);
        if (__atomic_compare_exchange_n(&MiReadsInUse, &InUse, InUse | 1U << Index, FALSE,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
            PMI_READ Read = &MiReads[Index];
            KeClearEvent(&Read->Done);
            Read->References = 1;
            Read->Pages = 0;
            return Read;
        }
    }
}

static VOID MiLeaveRead(PMI_READ Read)
{
    if (__atomic_sub_fetch(&Read->References, 1, __ATOMIC_ACQ_REL) == 0) {
        __atomic_fetch_and(&MiReadsInUse, ~(1U << (Read - MiReads)), __ATOMIC_RELEASE);
        KeReleaseSemaphore(&MiFreeReads, 0, 1, FALSE);
    }
}

PMI_READ MiJoinRead(PFN_NUMBER Pfn)
{
    PMI_READ Read = (PMI_READ)MiPfnEntry(Pfn)->Flink;
    __atomic_fetch_add(&Read->References, 1, __ATOMIC_RELAXED);
    return Read;
}

VOID MiWaitForRead(PMI_READ Read)
{
    KIRQL Irql;
    KeRaiseIrql(APC_LEVEL, &Irql);
    MiCountPaging(&MiPaging.CollidedFaults, 1);
    KeWaitForSingleObject(&Read->Done, Executive, KernelMode, FALSE, NULL);
    MiLeaveRead(Read);
    KeLowerIrql(Irql);
}

/* ---- pages to read into ---------------------------------------------------------------------- */

VOID MiWaitForPage(VOID)
{
    KIRQL Irql;
    KeRaiseIrql(APC_LEVEL, &Irql);
    __atomic_fetch_add(&MiPageWaiters, 1, __ATOMIC_SEQ_CST);
    KeClearEvent(&MiPageFreed);
    if (MiAvailablePages() == 0) {
        MiCountPaging(&MiPaging.Waits, 1);
        MiCallBalanceManager();
        KeWaitForSingleObject(&MiPageFreed, Executive, KernelMode, FALSE, NULL);
    }
    __atomic_fetch_sub(&MiPageWaiters, 1, __ATOMIC_SEQ_CST);
    KeLowerIrql(Irql);
}

VOID MiWakePageWaiters(VOID)
{
    if (MiAvailablePages() != 0) {
        KeSetEvent(&MiPageFreed, 0, FALSE);
    }
}

/* FALSE when the PTE is not Old any more: the page is free again. */
static BOOLEAN MiClaim(PMI_READ Read, PMMPTE Pte, MMPTE Old, PFN_NUMBER Pfn, UCHAR Priority)
{
    PMMPFN Entry = MiPfnEntry(Pfn);
    MMPTE New = MiMakeTransitionPte(Pfn, Old.Soft.Protection);
    Entry->PteAddress = Pte;
    Entry->OriginalPte = Old;
    Entry->PteFrame = MiReadPte(MiGetPteAddress(Pte)).Hard.PageFrameNumber;
    Entry->Flink = (PFN_NUMBER)Read;
    Entry->PageLocation = TransitionPage;
    Entry->Priority = Priority;
    Entry->Flags = MI_PAGE_READING;
    if (!__atomic_compare_exchange_n(&Pte->Long, &Old.Long, New.Long, FALSE, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        Entry->Flags = 0;
        Entry->PageLocation = ActiveAndValid;
        MiFreePage(Pfn);
        return FALSE;
    }
    Read->Frames[Read->Pages++] = Pfn;
    return TRUE;
}

static BOOLEAN MiClaimWanted(PMI_READ Read, PMMPTE Pte, MMPTE Old)
{
    PFN_NUMBER Pfn = MiAllocatePageForFault(MiPageAny);
    while (Pfn == MI_NO_PAGE) {
        MiWaitForPage();
        if (MiReadPte(Pte).Long != Old.Long) {
            return FALSE;
        }
        Pfn = MiAllocatePageForFault(MiPageAny);
    }
    Read->Pte = Pte;
    Read->File = Old.Soft.PageFileLow;
    Read->Slot = Old.Soft.PageFileHigh;
    return MiClaim(Read, Pte, Old, Pfn, MI_PRIORITY_NORMAL);
}

/* Pages behind the wanted one, in memory and on disk, of the same page table. */
static VOID MiClaimAhead(PMI_READ Read)
{
    ULONG Ahead = Read->Pte == MiNextInOrder ? MiAhead * 2 : FIRST_AHEAD;
    Ahead = Ahead < READ_PAGES ? Ahead : READ_PAGES;
    MiAhead = Ahead;
    for (PMMPTE Pte = Read->Pte + 1; Read->Pages < Ahead && (ULONG_PTR)Pte % PAGE_SIZE != 0;
         Pte++) {
        MMPTE Old = MiReadPte(Pte);
        if (!MiIsInPagingFile(Old) || Old.Soft.PageFileLow != Read->File ||
            Old.Soft.PageFileHigh != Read->Slot + Read->Pages || MiAvailablePages() < KEPT_PAGES) {
            break;
        }
        PFN_NUMBER Pfn = MiAllocatePage(MiPageAny);
        if (Pfn == MI_NO_PAGE || !MiClaim(Read, Pte, Old, Pfn, MI_PRIORITY_AHEAD)) {
            break;
        }
    }
    MiNextInOrder = Read->Pte + Read->Pages;
}

/* ---- the transfer ---------------------------------------------------------------------------- */

static VOID MiReadArrived(PMI_TRANSFER Transfer)
{
    PMI_READ Read = Transfer->Context;
    KeSetEvent(&Read->Arrived, 0, FALSE);
}

static NTSTATUS MiTransferIn(PMI_READ Read, ULONG Pages)
{
    PMI_PAGING_FILE File = &MiPagingFiles[Read->File];
    Read->Transfer = (MI_TRANSFER){.Page = File->FirstPage + Read->Slot,
                                   .Pages = Pages,
                                   .Frames = Read->Frames,
                                   .Done = MiReadArrived,
                                   .Context = Read};
    File->Device->Start(File->Device, &Read->Transfer);
    KeWaitForSingleObject(&Read->Arrived, Executive, KernelMode, FALSE, NULL);
    MiCountPaging(&MiPaging.Reads, 1);
    if (!NT_SUCCESS(Read->Transfer.Status)) {
        MiCountPaging(&MiPaging.ReadErrors, 1);
    }
    return Read->Transfer.Status;
}

/* PAGE-7. */
static NTSTATUS MiJudgePage(PMI_READ Read, ULONG Index, NTSTATUS Status)
{
    if (NT_SUCCESS(Status) && !MiCheckSum(Read->File, Read->Slot + Index, Read->Frames[Index])) {
        MiCountPaging(&MiPaging.ReadErrors, 1);
        return STATUS_CRC_ERROR;
    }
    return Status;
}

/* The page is there; the wanted one is mapped, another goes to the standby list. */
static VOID MiKeepPage(PFN_NUMBER Pfn, BOOLEAN Wanted)
{
    PMMPFN Entry = MiPfnEntry(Pfn);
    PMI_NODE Node = &MiNodes[Entry->Node];
    ULONG64 State = MiAcquireLock(&Node->Lock);
    Entry->Flags &= (UCHAR)~MI_PAGE_READING;
    Entry->Flink = MI_NO_PAGE;
    BOOLEAN Map = Wanted && !(Entry->Flags & MI_PAGE_DELETED);
    if (Map) {
        MiMapPageAgain(Pfn);
    }
    MiReleaseLock(&Node->Lock, State);
    if (!Map) {
        MiReleasePage(Pfn);
    }
    MiCountPaging(&MiPaging.PagesRead, 1);
}

/* The page is not there: its PTE is what it was. */
static VOID MiDropPage(PFN_NUMBER Pfn)
{
    PMMPFN Entry = MiPfnEntry(Pfn);
    PMI_NODE Node = &MiNodes[Entry->Node];
    MMPTE Stale = {.Long = 0};
    ULONG64 State = MiAcquireLock(&Node->Lock);
    if (Entry->Flags & MI_PAGE_DELETED) {
        Stale = Entry->OriginalPte;
    } else {
        MiWritePte(Entry->PteAddress, Entry->OriginalPte);
    }
    MiInsertPage(Node, Pfn, FreePageList);
    MiReleaseNode(Node, State);
    MiReturnSlot(Stale);
}

static NTSTATUS MiPerformRead(PMI_READ Read)
{
    NTSTATUS All = MiTransferIn(Read, Read->Pages);
    NTSTATUS Status = MiJudgePage(Read, 0, All);
    if (!NT_SUCCESS(Status)) {
        Status = MiJudgePage(Read, 0, MiTransferIn(Read, 1));
    }
    for (ULONG i = 1; i < Read->Pages; i++) {
        if (NT_SUCCESS(MiJudgePage(Read, i, All))) {
            MiKeepPage(Read->Frames[i], FALSE);
        } else {
            MiDropPage(Read->Frames[i]);
        }
    }
    if (NT_SUCCESS(Status)) {
        MiKeepPage(Read->Frames[0], TRUE);
    } else {
        MiDropPage(Read->Frames[0]);
    }
    KeSetEvent(&Read->Done, 0, FALSE);
    return Status;
}

VOID MiResolveHardFault(PMMPTE Pte, MMPTE Old, PKTRAP_FRAME Frame)
{
    NTSTATUS Status = STATUS_SUCCESS;
    KIRQL Irql;
    KeRaiseIrql(APC_LEVEL, &Irql);
    PMI_READ Read = MiAcquireRead();
    if (MiClaimWanted(Read, Pte, Old)) {
        MiClaimAhead(Read);
        MiCountPaging(&MiPaging.HardFaults, 1);
        Status = MiPerformRead(Read);
    }
    MiLeaveRead(Read);
    KeLowerIrql(Irql);
    if (!NT_SUCCESS(Status)) {
        ULONG_PTR Va = Frame != NULL ? Frame->FaultAddress : (ULONG_PTR)MiPteToAddress(Pte);
        KiBugCheck(KERNEL_DATA_INPAGE_ERROR, (ULONG_PTR)Pte, (ULONG_PTR)(LONG_PTR)Status, Old.Long,
                   Va, Frame);
    }
}
