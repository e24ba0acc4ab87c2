/*
 * inpage.c - hard faults: a page that is only on a disk is read back, its neighbours with it.
 *
 * Theory. The thread that wants the page makes it, puts it into the PTE as "in transition, being
 * read", and waits for the disk. Pages behind it whose contents lie behind it on the disk, too, are
 * read with it, in one transfer: they go to the standby list, from where a soft fault has them.
 * Who comes to such a PTE meanwhile finds the read through the page (Flink) and waits for its end,
 * then looks again (PAGE-6).
 *
 * Where faults go through memory in order, there is a stream: what lies behind it is read before
 * it is wanted, and nobody waits for those reads but who comes too early. They map their pages at
 * once, as not used yet; only the first of each stays on the standby list, as a mark: its touch
 * says that the stream goes on, and begins the next. Reads of a stream become longer with each, and
 * end with the first fault that follows none.
 *
 * A page that cannot be read is an exception (FAULT-5): its contents are lost, and nothing that the
 * thread could be given in their place is right. What was to be read ahead is tried again by who
 * wants it. When a transfer of many pages fails, the wanted page is read once more alone.
 *
 * A page to read into may have to be waited for until another has been written. When so many slots
 * are bad that none is left to write to, and nobody has freed memory for 10 seconds, the machine
 * stops (0x4D): more was promised than there is by now.
 *
 * There is a fixed number of reads at a time, made at start: a fault must not need memory but the
 * page. The thread is at APC_LEVEL while it waits, so that no APC of its own wants the page that it
 * is about to get.
 */
#include "kernel/rtl/section.h"
#include "mm/paging.h"

#define LONGEST_WAIT 100000000 /* for a page: 10 s, in steps of 100 ns */

#define MAX_READS   32
#define KEPT_READS  16  /* that wait for somebody who waits for a page */
#define READ_PAGES  128 /* at most, of a transfer */
#define FIRST_AHEAD 8   /* pages of a read whose fault is no successor of another's */
#define KEPT_PAGES  64  /* available pages that reading ahead leaves alone */
#define MAX_STREAMS 4
#define DEPTH       8 /* reads of a stream at a time, when they are as long as can be */

typedef struct _MI_READ {
    MI_TRANSFER Transfer;
    KEVENT Arrived; /* the device is done */
    KEVENT Done;    /* the pages are what they will be */
    LONG References;
    ULONG File, Slot, Pages;
    PFN_NUMBER Frames[READ_PAGES];
} MI_READ, *PMI_READ;

static MI_READ MiReads[MAX_READS];
static ULONG MiReadsInUse; /* a bit each */
static KSEMAPHORE MiFreeReads;
static KEVENT MiPageFreed;

/* Only a hint, so nobody locks it. */
typedef struct _MI_STREAM {
    PMMPTE Next; /* behind what is read */
    ULONG Ahead; /* pages of the last read */
} MI_STREAM, *PMI_STREAM;

static MI_STREAM MiStreams[MAX_STREAMS];
static ULONG MiNewStream;

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

/* NULL when there is none in that time. */
static PMI_READ MiAcquireRead(PLARGE_INTEGER Limit)
{
    if (KeWaitForSingleObject(&MiFreeReads, Executive, KernelMode, FALSE, Limit) !=
        STATUS_SUCCESS) {
        return NULL;
    }
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

/* Pages that were promised to slots which turned out to be bad: nothing will make one free. */
static VOID MiGiveUpOnPages(VOID)
{
    if (MiAvailablePages() == 0 && MiFreeSlots() == 0 && MiPagesOnList(ModifiedPageList) == 0 &&
        !MiIsWriting()) {
        SIZE_T Dirty = MiPagesOnList(ModifiedNoWritePageList);
        KeBugCheckEx(NO_PAGES_AVAILABLE, Dirty, Dirty, 0,
                     (ULONG_PTR)(LONG_PTR)MiPaging.LastWriteError);
    }
}

VOID MiWaitForPage(VOID)
{
    LARGE_INTEGER Long = {.QuadPart = -LONGEST_WAIT};
    KIRQL Irql;
    KeRaiseIrql(APC_LEVEL, &Irql);
    __atomic_fetch_add(&MiPageWaiters, 1, __ATOMIC_SEQ_CST);
    KeClearEvent(&MiPageFreed);
    if (MiAvailablePages() == 0) {
        MiCountPaging(&MiPaging.Waits, 1);
        MiCallBalanceManager();
        if (KeWaitForSingleObject(&MiPageFreed, Executive, KernelMode, FALSE, &Long) ==
            STATUS_TIMEOUT) {
            MiGiveUpOnPages();
        }
    } else {
        KeSetEvent(&MiPageFreed, 0, FALSE); /* what was cleared may have been another's wake-up */
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

static ULONG MiDouble(ULONG Pages)
{
    return 2 * Pages < READ_PAGES ? 2 * Pages : READ_PAGES;
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
    Entry->Flags = MI_PAGE_READING | MI_PAGE_HELD;
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
    Read->File = Old.Soft.PageFileLow;
    Read->Slot = Old.Soft.PageFileHigh;
    return MiClaim(Read, Pte, Old, Pfn, MI_PRIORITY_NORMAL);
}

/*
 * Pages from the PTE First on, in memory and on disk, of one page table, until the read has Pages.
 * The one whose number in the read is Mark becomes a mark.
 */
static VOID MiClaimAhead(PMI_READ Read, PMMPTE First, ULONG Pages, ULONG Mark)
{
    PMMPTE Pte = First;
    do {
        MMPTE Old = MiReadPte(Pte);
        if (Read->Pages == Pages || !MiIsInPagingFile(Old) || Old.Soft.PageFileLow != Read->File ||
            Old.Soft.PageFileHigh != Read->Slot + Read->Pages || MiAvailablePages() < KEPT_PAGES) {
            return;
        }
        PFN_NUMBER Pfn = MiAllocatePage(MiPageAny);
        UCHAR Priority = Read->Pages == Mark ? MI_PRIORITY_MARK : MI_PRIORITY_AHEAD;
        if (Pfn == MI_NO_PAGE || !MiClaim(Read, Pte, Old, Pfn, Priority)) {
            return;
        }
        Pte++;
    } while ((ULONG_PTR)Pte % PAGE_SIZE != 0);
}

/* The stream that Pte goes on with: of those that end at most Within pages behind, the nearest. */
static PMI_STREAM MiFindStream(PMMPTE Pte, ULONG Within)
{
    PMI_STREAM Nearest = NULL;
    for (ULONG i = 0; i < MAX_STREAMS; i++) {
        ULONG_PTR Behind = (ULONG_PTR)(MiStreams[i].Next - Pte);
        if (Behind <= Within) {
            Nearest = &MiStreams[i];
            Within = (ULONG)Behind;
        }
    }
    return Nearest;
}

/* What is read with the wanted page of Pte. */
static VOID MiClaimNeighbours(PMI_READ Read, PMMPTE Pte)
{
    PMI_STREAM Stream = MiFindStream(Pte, 0);
    ULONG Mark = Stream != NULL ? 1 : MAXULONG;
    if (Stream == NULL) {
        Stream = &MiStreams[MiNewStream++ % MAX_STREAMS];
        Stream->Ahead = FIRST_AHEAD / 2;
    }
    Stream->Ahead = MiDouble(Stream->Ahead);
    if ((ULONG_PTR)(Pte + 1) % PAGE_SIZE != 0) {
        MiClaimAhead(Read, Pte + 1, Stream->Ahead, Mark);
    }
    Stream->Next = Pte + Read->Pages;
}

/* ---- the transfer ---------------------------------------------------------------------------- */

static VOID MiReadArrived(PMI_TRANSFER Transfer)
{
    PMI_READ Read = Transfer->Context;
    KeSetEvent(&Read->Arrived, 0, FALSE);
}

static VOID MiStartRead(PMI_READ Read, ULONG Pages, VOID (*Done)(PMI_TRANSFER Transfer))
{
    PMI_PAGING_FILE File = &MiPagingFiles[Read->File];
    Read->Transfer = (MI_TRANSFER){.Page = File->FirstPage + Read->Slot,
                                   .Pages = Pages,
                                   .Frames = Read->Frames,
                                   .Done = Done,
                                   .Context = Read};
    MiCountPaging(&MiPaging.Reads, 1);
    File->Device->Start(File->Device, &Read->Transfer);
}

static NTSTATUS MiTransferIn(PMI_READ Read, ULONG Pages)
{
    MiStartRead(Read, Pages, MiReadArrived);
    KeWaitForSingleObject(&Read->Arrived, Executive, KernelMode, FALSE, NULL);
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

/* The page is there: it is mapped, or goes to the standby list. */
static VOID MiKeepPage(PFN_NUMBER Pfn, BOOLEAN Wanted, BOOLEAN Map)
{
    PMMPFN Entry = MiPfnEntry(Pfn);
    PMI_NODE Node = &MiNodes[Entry->Node];
    ULONG64 State = MiAcquireLock(&Node->Lock);
    Entry->Flags &= (UCHAR)~MI_PAGE_READING;
    Entry->Flink = MI_NO_PAGE;
    Map &= !(Entry->Flags & MI_PAGE_DELETED) && Entry->Priority != MI_PRIORITY_MARK;
    if (Map) {
        Entry->Flags &= (UCHAR)~MI_PAGE_HELD; /* the reference is the mapping's now */
        MiMapPageAgain(Pfn, Wanted);
        MiReleaseLock(&Node->Lock, State);
    } else {
        MiReleasePageLocked(Node, Pfn, State);
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
            MiKeepPage(Read->Frames[i], FALSE, FALSE);
        } else {
            MiDropPage(Read->Frames[i]);
        }
    }
    if (NT_SUCCESS(Status)) {
        MiKeepPage(Read->Frames[0], TRUE, TRUE);
    } else {
        MiDropPage(Read->Frames[0]);
    }
    KeSetEvent(&Read->Done, 0, FALSE);
    return Status;
}

NTSTATUS MiResolveHardFault(PMMPTE Pte, MMPTE Old)
{
    NTSTATUS Status = STATUS_SUCCESS;
    KIRQL Irql;
    KeRaiseIrql(APC_LEVEL, &Irql);
    PMI_READ Read = MiAcquireRead(NULL);
    if (MiClaimWanted(Read, Pte, Old)) {
        MiClaimNeighbours(Read, Pte);
        MiCountPaging(&MiPaging.HardFaults, 1);
        Status = MiPerformRead(Read);
    }
    MiLeaveRead(Read);
    KeLowerIrql(Irql);
    return Status;
}

/* ---- reads that nobody waits for ------------------------------------------------------------- */

/* Whoever wants a page that could not be read tries himself. */
static VOID MiFurtherArrived(PMI_TRANSFER Transfer)
{
    PMI_READ Read = Transfer->Context;
    if (!NT_SUCCESS(Transfer->Status)) {
        MiCountPaging(&MiPaging.ReadErrors, 1);
    }
    for (ULONG i = 0; i < Read->Pages; i++) {
        if (NT_SUCCESS(MiJudgePage(Read, i, Transfer->Status))) {
            MiKeepPage(Read->Frames[i], FALSE, TRUE);
        } else {
            MiDropPage(Read->Frames[i]);
        }
    }
    KeSetEvent(&Read->Done, 0, FALSE);
    MiLeaveRead(Read);
}

/* FALSE when the stream ends there, or is not in order on the disk. */
static BOOLEAN MiStartFurther(PMI_STREAM Stream)
{
    LARGE_INTEGER AtOnce = {.QuadPart = 0};
    PMMPTE Pte = Stream->Next;
    if (((ULONG_PTR)Pte % PAGE_SIZE == 0 && !MmIsAddressValid(Pte)) ||
        KeReadStateSemaphore(&MiFreeReads) <= KEPT_READS) {
        return FALSE;
    }
    MMPTE Old = MiReadPte(Pte);
    PMI_READ Read = MiIsInPagingFile(Old) ? MiAcquireRead(&AtOnce) : NULL;
    if (Read == NULL) {
        return FALSE;
    }
    Read->File = Old.Soft.PageFileLow;
    Read->Slot = Old.Soft.PageFileHigh;
    MiClaimAhead(Read, Pte, Stream->Ahead, 0);
    ULONG Pages = Read->Pages;
    Stream->Next = Pte + Pages;
    if (Pages != 0) {
        MiStartRead(Read, Pages, MiFurtherArrived);
    } else {
        MiLeaveRead(Read);
    }
    return Pages >= FIRST_AHEAD;
}

VOID MiReadFurther(PMMPTE Pte)
{
    KIRQL Irql;
    PMI_STREAM Stream = MiFindStream(Pte, DEPTH * READ_PAGES);
    if (Stream == NULL) {
        return;
    }
    KeRaiseIrql(APC_LEVEL, &Irql);
    ULONG Most = Stream->Ahead == READ_PAGES ? DEPTH : 1;
    Stream->Ahead = MiDouble(Stream->Ahead);
    while (Most-- != 0 && Stream->Next - Pte < DEPTH * READ_PAGES && MiStartFurther(Stream)) {}
    KeLowerIrql(Irql);
}
