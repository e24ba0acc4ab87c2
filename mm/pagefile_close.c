/*
 * pagefile_close.c - takes a paging file away again: what is only there is read back, copies that
 * pages in memory have there are given up. For who removes a disk, and for tests.
 */
#include "mm/paging.h"

/* PAGE-2 backwards: the page is modified, since it has no copy any more. The lock is held. */
static MMPTE MiGiveUpCopy(PMI_NODE Node, PFN_NUMBER Pfn)
{
    PMMPFN Entry = MiPfnEntry(Pfn);
    MMPTE Copy = Entry->OriginalPte;
    if (Entry->PageLocation == StandbyPageList) {
        MiUnlinkPage(Node, Pfn);
        MiInsertPageAtEnd(Node, Pfn, ModifiedPageList);
    }
    Entry->Flags |= MI_PAGE_MODIFIED;
    Entry->OriginalPte.Soft.PageFileLow = 0;
    Entry->OriginalPte.Soft.PageFileHigh = 0;
    return Copy;
}

/* A page in memory that has a copy in the file; FALSE while it is being read or written. */
static BOOLEAN MiDetachPage(PMMPTE Pte, MMPTE Old, ULONG Number)
{
    PFN_NUMBER Pfn = Old.Hard.PageFrameNumber; /* in the same place in a transition PTE */
    PMMPFN Entry = MiPfnEntry(Pfn);
    PMI_NODE Node = &MiNodes[Entry->Node];
    MMPTE Stale = {.Long = 0};
    BOOLEAN Done = TRUE;
    ULONG64 State = MiAcquireLock(&Node->Lock);
    if (MiReadPte(Pte).Long == Old.Long) {
        if (Entry->Flags & (MI_PAGE_READING | MI_PAGE_WRITING)) {
            Done = FALSE;
        } else if (MiIsInPagingFile(Entry->OriginalPte) &&
                   Entry->OriginalPte.Soft.PageFileLow == Number) {
            Stale = MiGiveUpCopy(Node, Pfn);
        }
    }
    MiReleaseNode(Node, State);
    MiReturnSlot(Stale);
    return Done;
}

/* TRUE when nothing of the PTE's page is in the file. */
static BOOLEAN MiDetachPte(PMMPTE Pte, ULONG Number)
{
    MMPTE Old = MiReadPte(Pte);
    if (MiIsInPagingFile(Old)) {
        if (Old.Soft.PageFileLow != Number) {
            return TRUE;
        }
        NTSTATUS Status = MiResolveHardFault(Pte, Old);
        if (!NT_SUCCESS(Status)) {
            KeBugCheckEx(KERNEL_DATA_INPAGE_ERROR, (ULONG_PTR)Pte, (ULONG_PTR)(LONG_PTR)Status,
                         Old.Long, (ULONG_PTR)MiPteToAddress(Pte));
        }
        return FALSE;
    }
    return (!Old.Hard.Valid && !MiIsTransition(Old)) || !MiIsPfn(Old.Hard.PageFrameNumber) ||
           MiDetachPage(Pte, Old, Number);
}

static VOID MiLetOthersRun(VOID)
{
    LARGE_INTEGER Short = {.QuadPart = -10000}; /* 1 ms */
    KeDelayExecutionThread(KernelMode, FALSE, &Short);
}

static VOID MiEmptyPagingFile(ULONG Number)
{
    PMI_PAGING_FILE File = &MiPagingFiles[Number];
    PMMPTE Ptes = MiGetPteAddress((PVOID)MI_PAGED_POOL);
    while (File->Free + File->Bad != File->Size - 1) {
        for (SIZE_T i = 0; i < MiRegions[MiRegionPagedPool].Tabled; i++) {
            while (!MiDetachPte(&Ptes[i], Number)) {
                MiLetOthersRun();
            }
        }
        MiLetOthersRun();
    }
}

/* SLOT-2 without the file, or with it again: a slot that fails meanwhile is counted once. */
static VOID MiSetLeaving(PMI_PAGING_FILE File, BOOLEAN Leaving)
{
    ULONG64 State = MiAcquireLock(&File->Lock);
    SIZE_T Slots = File->Size - 1 - File->Bad;
    File->Closed = File->Leaving = Leaving;
    __atomic_fetch_add(&MmTotalCommitLimit, Leaving ? 0 - Slots : Slots, __ATOMIC_SEQ_CST);
    MiReleaseLock(&File->Lock, State);
}

/* FALSE when more is promised than the rest could hold; all is as before then. */
static BOOLEAN MiLeaveCommit(PMI_PAGING_FILE File)
{
    MiSetLeaving(File, TRUE);
    if (MmTotalCommittedPages <= __atomic_load_n(&MmTotalCommitLimit, __ATOMIC_SEQ_CST)) {
        return TRUE;
    }
    MiSetLeaving(File, FALSE);
    MiReviewNoWritePages();
    return FALSE;
}

NTSTATUS MiClosePagingFile(ULONG Number)
{
    PMI_PAGING_FILE File = &MiPagingFiles[Number];
    if (Number + 1 != MiPagingFileCount) {
        return STATUS_INVALID_PARAMETER;
    }
    if (!MiLeaveCommit(File)) {
        return STATUS_COMMITMENT_LIMIT;
    }
    MiEmptyPagingFile(Number);
    MiPagingFileCount--;
    MiSetWaterMarks(MiPagingFileCount != 0);
    MiFreePoolPages(File->Slots.Buffer);
    File->Device = NULL;
    MiReportPressure();
    return STATUS_SUCCESS;
}
