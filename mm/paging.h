/*
 * paging.h - how pageable memory leaves memory and comes back: for the files of mm/ that do it
 * (transition.c, inpage.c, pagefile.c, modified.c, workingset.c), for who gives it paging files,
 * and for tests.
 *
 * Theory. A pageable page's PTE says where its contents are, and its page frame where they are too:
 *
 *   PTE                    contents                             OriginalPte of the page frame
 *   demand zero            none yet                             -
 *   valid                  in the page                          demand zero, or the copy on disk
 *   transition             in the page: standby, modified,      the same
 *                          or on its way to or from the disk
 *   paging file, offset    on the disk only                     -
 *
 *      first touch                     trimmed (workingset.c)
 *   demand zero ──► active ─────────────────────────┬──────────► modified ─► written (modified.c)
 *                     ▲ ▲                    clean  ▼                             │
 *                     │ └─── soft fault ────── standby ◄──────────────────────────┘
 *                     │                             │ the page is taken for something else
 *                     └─── hard fault (inpage.c) ── paging file
 *
 * Locking. What a transition PTE and its page frame say changes under the lock of the page's node
 * only; whoever comes by the PTE takes the number from it, takes that node's lock, and looks again.
 * A valid PTE becomes a transition PTE under the same lock. All other changes (demand zero to
 * valid, paging file to transition, anything to nothing) are one compare and exchange of the PTE,
 * and who wins it owns what the old PTE stood for. Disks and TLBs are waited for without a lock; a
 * reference (ReferenceCount) keeps the page where it is meanwhile.
 *
 *   PAGE-1  A page has one reference for its mapping, and one for each reader, writer or pin. The
 *           last one to go puts the page on the list that its state asks for.
 *   PAGE-2  A page's copy on disk is the page's contents as long as neither the PTE's Dirty bit nor
 *           MI_PAGE_MODIFIED is set; when the page is trimmed dirty the copy is given up.
 *   PAGE-3  A page that has more references than its mapping's is not trimmed.
 *   PAGE-4  A page whose owner frees it while it is trimmed, read or written (MI_PAGE_HELD) is
 *           MI_PAGE_DELETED: nobody finds it, and the last reference frees it and its place on
 *           disk. Before its address is given out again no processor has a translation of it.
 *   PAGE-5  A slot of a paging file is owned by one page: its PTE, its OriginalPte, or the write
 *           that is going there.
 *   PAGE-6  A page being read is found by all who want it: one read, however many wait (collided
 *           faults).
 *   PAGE-7  What a read brought is what was written: in checked mode each slot has a checksum.
 */
#pragma once

#include "mm/mm.h"

/* ---- page frames of pageable pages ----------------------------------------------------------- */

#define MI_PAGE_MODIFIED 0x1  /* its contents are nowhere else */
#define MI_PAGE_READING  0x2  /* from disk; Flink is the MI_READ */
#define MI_PAGE_WRITING  0x4  /* to disk */
#define MI_PAGE_DELETED  0x8  /* PAGE-4 */
#define MI_PAGE_HELD     0x10 /* one reference is mm's: the trimmer's, a read's or the writer's */

#define MI_PRIORITY_COLD   1 /* of POOL_COLD_ALLOCATION */
#define MI_PRIORITY_AHEAD  2 /* read with a neighbour, not asked for yet */
#define MI_PRIORITY_MARK   3 /* the same, and who asks for it goes through memory in order */
#define MI_PRIORITY_NORMAL 5

#define MI_OLDEST 7 /* age of a valid PTE's page, in SoftwareWsIndex */

typedef struct _MI_PAGING_COUNTERS {
    ULONG64 SoftFaults;     /* from a list */
    ULONG64 HardFaults;     /* that read */
    ULONG64 CollidedFaults; /* that waited for another's read */
    ULONG64 Waits;          /* faults that waited for a page to become free */
    ULONG64 PagesRead, Reads;
    ULONG64 PagesWritten, Writes;
    ULONG64 ReadErrors, WriteErrors; /* transfers that failed, and reads of damaged pages */
    ULONG64 Trimmed;
    ULONG64 Aged;       /* looks of the trimmer that found a page in use */
    ULONG64 Repurposed; /* standby pages that became another's */
    ULONG64 Zeroed;     /* pages cleared in advance */
    ULONG64 NoWrite;    /* pages that no paging file had room for */
    NTSTATUS LastWriteError;
} MI_PAGING_COUNTERS;
extern MI_PAGING_COUNTERS MiPaging;

static inline VOID MiCountPaging(PULONG64 Counter, ULONG64 Add)
{
    __atomic_fetch_add(Counter, Add, __ATOMIC_RELAXED);
}

static inline BOOLEAN MiIsInPagingFile(MMPTE Pte)
{
    return !Pte.Soft.Valid && !Pte.Soft.Transition && !Pte.Soft.Prototype &&
           Pte.Soft.PageFileHigh != 0;
}
static inline BOOLEAN MiIsTransition(MMPTE Pte)
{
    return !Pte.Trans.Valid && Pte.Trans.Transition && !Pte.Trans.Prototype;
}

/* ---- transition.c ---------------------------------------------------------------------------- */

/* A transition PTE that leads to a page. */
MMPTE MiMakeTransitionPte(PFN_NUMBER Pfn, ULONG Protection);
/*
 * A fault on a transition PTE: the page is mapped again, or the read that brings it is waited for.
 * The caller tries again in any case. <= APC_LEVEL.
 */
VOID MiResolveTransition(PMMPTE Pte, MMPTE Old);
/* Maps a page in transition where its PTE is, as used or not. The node's lock is held. */
VOID MiMapPageAgain(PFN_NUMBER Pfn, BOOLEAN Used);
/*
 * Takes the page of a valid PTE out of use: it is in transition, with a reference of the caller's,
 * who makes the processors forget it and gives the reference back (MiReleasePage). MI_NO_PAGE when
 * it is none that can leave (PAGE-3).
 */
PFN_NUMBER MiTrimPte(PMMPTE Pte);
/* Gives up a reference; the last one puts the page on its list (PAGE-1). <= DISPATCH_LEVEL. */
VOID MiReleasePage(PFN_NUMBER Pfn);
/* The same under the node's lock, which it gives up. */
VOID MiReleasePageLocked(PMI_NODE Node, PFN_NUMBER Pfn, ULONG64 State);
/*
 * Frees what Pages pages of pageable memory from Va on have, in memory and in paging files; their
 * PTEs are zero then. <= APC_LEVEL.
 */
VOID MiDeletePageablePages(PVOID Va, SIZE_T Pages);

/* ---- paging files (pagefile.c) --------------------------------------------------------------- */

#define MI_MAX_PAGING_FILES 16
#define MI_WRITE_PAGES      256 /* of a transfer: 1 MiB */
#define MI_TRANSFER_PRIVATE 256 /* bytes for whoever carries it out */

/* Pages that go to or come from a device. Its owner's until it is started and after Done. */
typedef struct _MI_TRANSFER {
    BOOLEAN Write;
    ULONG64 Page; /* of the device */
    ULONG Pages;  /* <= MI_WRITE_PAGES */
    const PFN_NUMBER *Frames;
    VOID (*Done)(struct _MI_TRANSFER *Transfer); /* at DISPATCH_LEVEL, once */
    PVOID Context;                               /* the owner's */
    NTSTATUS Status;                             /* set before Done */
    DECLSPEC_ALIGN(16) UCHAR Private[MI_TRANSFER_PRIVATE];
} MI_TRANSFER, *PMI_TRANSFER;

/* What carries transfers out. It allocates nothing and touches nothing pageable. */
typedef struct _MI_PAGING_DEVICE {
    const CHAR *Name;
    VOID (*Start)(struct _MI_PAGING_DEVICE *Device, PMI_TRANSFER Transfer); /* <= DISPATCH_LEVEL */
    PVOID Context;
} MI_PAGING_DEVICE, *PMI_PAGING_DEVICE;

/* Slot 0 of a file is not used: a PTE with offset 0 is demand zero. */
typedef struct _MI_PAGING_FILE {
    PMI_PAGING_DEVICE Device; /* NULL: there is no such file */
    ULONG64 FirstPage;        /* slot 0, on the device */
    KSPIN_LOCK Lock;
    ULONG Size;    /* slots now */
    ULONG Minimum; /* at the start */
    ULONG Maximum;
    ULONG Free; /* of Size */
    ULONG Bad;  /* slots whose write failed: not used again */
    ULONG Peak; /* in use */
    ULONG Hint;
    RTL_BITMAP Slots; /* set: in use */
    PULONG Sums;      /* PAGE-7; NULL in free mode */
    BOOLEAN Closed;   /* no new pages */
    BOOLEAN Leaving;  /* the commit limit counts its slots no more */
} MI_PAGING_FILE, *PMI_PAGING_FILE;
extern MI_PAGING_FILE MiPagingFiles[MI_MAX_PAGING_FILES];
extern ULONG MiPagingFileCount;

/*
 * Makes Minimum pages of a device, from FirstPage on, a paging file that may grow to Maximum pages;
 * the commit limit rises by as much. The first of them is not used. STATUS_INVALID_PARAMETER,
 * STATUS_TOO_MANY_PAGING_FILES, STATUS_INSUFFICIENT_RESOURCES. PASSIVE_LEVEL.
 */
NTSTATUS MiCreatePagingFile(PMI_PAGING_DEVICE Device, ULONG64 FirstPage, SIZE_T Minimum,
                            SIZE_T Maximum, PULONG Number);
/*
 * Takes the last paging file away (pagefile_close.c): what is there is brought back first.
 * STATUS_COMMITMENT_LIMIT when the rest could not hold what is promised. PASSIVE_LEVEL.
 */
NTSTATUS MiClosePagingFile(ULONG Number);
/* A run of at most Wanted free slots, as long as there is one; 0 when all are full. */
ULONG MiTakeSlots(ULONG Wanted, PULONG File, PULONG First);
/* Gives back a slot that a PTE names, if it names one. Any IRQL <= DISPATCH_LEVEL. */
VOID MiReturnSlot(MMPTE Pte);
/* The same for a slot that cannot be written: nobody gets it again, and commit shrinks. */
VOID MiRetireSlot(ULONG File, ULONG Slot);
/* Pages more slots, if files may still grow by as many; FALSE and nothing if not. */
BOOLEAN MiGrowPagingFiles(SIZE_T Pages);
/* How many slots that could bring. */
SIZE_T MiPossibleGrowth(VOID);
/* The software PTE that leads to a slot. */
MMPTE MiMakePagingFilePte(ULONG File, ULONG Slot, MMPTE Original);
/* Notes, and looks at, what a slot should hold. TRUE: it is what the page has. */
VOID MiNoteSum(ULONG File, ULONG Slot, PFN_NUMBER Pfn);
BOOLEAN MiCheckSum(ULONG File, ULONG Slot, PFN_NUMBER Pfn);
SIZE_T MiFreeSlots(VOID);

/* ---- hard faults (inpage.c) ------------------------------------------------------------------ */

VOID MiInitializeInPage(VOID);
/*
 * A fault on a PTE that names a slot. The caller tries again, unless the page can't be read: then
 * it gets the disk's status. <= APC_LEVEL.
 */
NTSTATUS MiResolveHardFault(PMMPTE Pte, MMPTE Old);
/* Somebody wants a page of MI_PRIORITY_MARK: reads pages far behind it. <= APC_LEVEL. */
VOID MiReadFurther(PMMPTE Pte);
/* Under the node's lock: notes a wait for the read that brings a page, and returns it. */
struct _MI_READ *MiJoinRead(PFN_NUMBER Pfn);
VOID MiWaitForRead(struct _MI_READ *Read);
/* Waits until there may be a page again. <= APC_LEVEL. */
VOID MiWaitForPage(VOID);
/* Lets those who wait for a page look again, if there is one. DISPATCH_LEVEL. */
VOID MiWakePageWaiters(VOID);

/* ---- the modified page writer (modified.c) --------------------------------------------------- */

VOID MiInitializeWriter(VOID);
/* A thread's routine, for boot/init.c: writes modified pages when there are many of them. */
VOID NTAPI MiModifiedPageWriter(PVOID Context);
/* Whether pages are on their way to a disk. */
BOOLEAN MiIsWriting(VOID);
/* Has it look at the lists. Any IRQL <= DISPATCH_LEVEL. */
VOID MiCallModifiedWriter(VOID);
/* Has all modified pages written that there are; the number of this wish. <= DISPATCH_LEVEL. */
LONG MiAskForWrites(VOID);
/* The same, and waits for it. PASSIVE_LEVEL. */
VOID MiFlushModifiedPages(VOID);
/* Slots have come free: pages that had none may be written. */
VOID MiReviewNoWritePages(VOID);

/* ---- the working set (workingset.c) ---------------------------------------------------------- */

VOID MiInitializeWorkingSet(VOID);
/* What is kept available, for who: WS-1. */
VOID MiSetWaterMarks(BOOLEAN Paging);
/* A thread's routine, for boot/init.c: ages and trims pages when few are available. */
VOID NTAPI MiBalanceSetManager(PVOID Context);
/* Trims what can be trimmed of Pages pages from Va on; returns how many left. <= APC_LEVEL. */
SIZE_T MiTrimPages(PVOID Va, SIZE_T Pages);
/* The same for all of paged pool. */
SIZE_T MiEmptyWorkingSet(VOID);

/* ---- clearing in advance (zero.c) ------------------------------------------------------------ */

VOID MiInitializeZeroing(VOID);
/* A thread's routine, for boot/init.c: clears free pages while nothing else runs. */
VOID NTAPI MiZeroPageThread(PVOID Context);
/* Has it begin, if there are pages to clear. <= DISPATCH_LEVEL. */
VOID MiCallZeroing(VOID);
/* For who wants the lists to stay as they are: holds add up. <= DISPATCH_LEVEL. */
VOID MiHoldZeroing(BOOLEAN Hold);
