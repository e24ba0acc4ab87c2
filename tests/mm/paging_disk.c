/*
 * paging_disk.c - a paging file in memory, for tests: transfers end in a DPC, or when the test
 * says, and fail where it says.
 */
#include "tests/mm/paging_disk.h"

static BOOLEAN DiskFails(PPAGING_DISK Disk, PMI_TRANSFER Transfer)
{
    BOOLEAN Kind = Transfer->Write ? Disk->FailWrites : Disk->FailReads;
    BOOLEAN Hit = Kind && Transfer->Page < Disk->FailFirst + Disk->FailCount &&
                  Transfer->Page + Transfer->Pages > Disk->FailFirst && Disk->FailTimes != 0;
    Disk->FailTimes -= Hit;
    return Hit;
}

static VOID DiskPerform(PPAGING_DISK Disk, PMI_TRANSFER Transfer)
{
    PULONG Largest = Transfer->Write ? &Disk->LargestWrite : &Disk->LargestRead;
    *Largest = Transfer->Pages > *Largest ? Transfer->Pages : *Largest;
    Disk->Writes += Transfer->Write;
    Disk->Reads += !Transfer->Write;
    BOOLEAN Fails = DiskFails(Disk, Transfer);
    for (ULONG i = 0; i < Transfer->Pages && !Fails; i++) {
        PUCHAR There = Disk->Memory + (Transfer->Page + i) * PAGE_SIZE;
        PVOID Here = MiPfnToAddress(Transfer->Frames[i]);
        memcpy(Transfer->Write ? There : Here, Transfer->Write ? Here : There, PAGE_SIZE);
    }
    Transfer->Status = Fails ? STATUS_IO_DEVICE_ERROR : STATUS_SUCCESS;
}

static VOID DiskEnd(PMI_TRANSFER Transfer)
{
    KIRQL Irql;
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    Transfer->Done(Transfer);
    KeLowerIrql(Irql);
}

static VOID DiskStart(PMI_PAGING_DEVICE Device, PMI_TRANSFER Transfer)
{
    PPAGING_DISK Disk = Device->Context;
    BOOLEAN Hold = Disk->Hold || (Disk->HoldSingle && Transfer->Pages == 1);
    if (Hold && Disk->HeldCount < ARRAYSIZE(Disk->Held)) {
        Disk->Held[Disk->HeldCount++] = Transfer;
        return;
    }
    DiskPerform(Disk, Transfer);
    DiskEnd(Transfer);
}

BOOLEAN DiskStep(PPAGING_DISK Disk)
{
    if (Disk->HeldCount == 0) {
        return FALSE;
    }
    PMI_TRANSFER First = Disk->Held[0];
    memmove(&Disk->Held[0], &Disk->Held[1], --Disk->HeldCount * sizeof(First));
    DiskPerform(Disk, First);
    DiskEnd(First);
    return TRUE;
}

VOID DiskRelease(PPAGING_DISK Disk)
{
    Disk->Hold = Disk->HoldSingle = FALSE;
    for (ULONG i = 0; i < Disk->HeldCount; i++) {
        DiskPerform(Disk, Disk->Held[i]);
        DiskEnd(Disk->Held[i]);
    }
    Disk->HeldCount = 0;
}

/* Pages go to the test's file, and to no real one that the machine has. */
static VOID CloseOthers(PPAGING_DISK Disk, BOOLEAN Closed)
{
    for (ULONG i = 0; i < Disk->Number; i++) {
        MiPagingFiles[i].Closed = Closed;
    }
}

BOOLEAN DiskOpen(PPAGING_DISK Disk, ULONG Pages)
{
    return DiskOpenGrowing(Disk, Pages, Pages);
}

BOOLEAN DiskOpenGrowing(PPAGING_DISK Disk, ULONG Minimum, ULONG Pages)
{
    *Disk = (PAGING_DISK){.Pages = Pages,
                          .Device = {.Name = "test", .Start = DiskStart, .Context = Disk}};
    Disk->Memory = MiAllocatePoolPages(NonPagedPoolNx, Pages);
    if (!CHECK(Disk->Memory != NULL)) {
        return FALSE;
    }
    if (!CHECK_EQ(MiCreatePagingFile(&Disk->Device, 0, Minimum, Pages, &Disk->Number),
                  STATUS_SUCCESS)) {
        MiFreePoolPages(Disk->Memory);
        return FALSE;
    }
    CloseOthers(Disk, TRUE);
    MiEmptyWorkingSet(); /* what others have changed is not written while a test counts */
    MiFlushModifiedPages();
    return TRUE;
}

VOID DiskClose(PPAGING_DISK Disk)
{
    CloseOthers(Disk, FALSE);
    CHECK_EQ(MiClosePagingFile(Disk->Number), STATUS_SUCCESS);
    MiFreePoolPages(Disk->Memory);
}

PULONG64 FillPages(SIZE_T Pages)
{
    PULONG64 Va = MiAllocatePoolPages(PagedPool, Pages);
    for (SIZE_T i = 0; Va != NULL && i < Pages * (PAGE_SIZE / 8); i++) {
        Va[i] = i * 0x0101010101010101 + (ULONG_PTR)Va;
    }
    return Va;
}

BOOLEAN IsFilled(const ULONG64 *Va, SIZE_T Pages)
{
    for (SIZE_T i = 0; i < Pages * (PAGE_SIZE / 8); i++) {
        if (Va[i] != i * 0x0101010101010101 + (ULONG_PTR)Va) {
            return FALSE;
        }
    }
    return TRUE;
}

VOID FailTransfers(PPAGING_DISK Disk, BOOLEAN Write, ULONG First, ULONG Count, ULONG Times)
{
    Disk->FailReads = !Write;
    Disk->FailWrites = Write;
    Disk->FailFirst = First;
    Disk->FailCount = Count;
    Disk->FailTimes = Times;
}

PMI_PAGING_FILE FileOf(PPAGING_DISK Disk)
{
    return &MiPagingFiles[Disk->Number];
}

ULONG SlotOf(PVOID Va)
{
    MMPTE Pte = MiReadPte(MiGetPteAddress(Va));
    if (!MiIsInPagingFile(Pte)) {
        Pte = MiPfnEntry(Pte.Hard.PageFrameNumber)->OriginalPte;
    }
    return (ULONG)Pte.Soft.PageFileHigh;
}

BOOLEAN IsResident(PVOID Va)
{
    return MiReadPte(MiGetPteAddress(Va)).Hard.Valid;
}

MMLISTS StateOf(PVOID Va)
{
    MMPTE Pte = MiReadPte(MiGetPteAddress(Va));
    return (MMLISTS)MiPfnEntry(Pte.Hard.PageFrameNumber)->PageLocation;
}

/* A standby page becomes another's, as it does when memory is wanted (PFN-7). */
static VOID Repurpose(PMMPTE Pte)
{
    MMPTE Value = MiReadPte(Pte);
    if (!MiIsTransition(Value)) {
        return;
    }
    PFN_NUMBER Pfn = Value.Trans.PageFrameNumber;
    PMI_NODE Node = MiNodeOf(Pfn);
    ULONG64 State = MiAcquireLock(&Node->Lock);
    BOOLEAN Standby =
        MiReadPte(Pte).Long == Value.Long && MiPfnEntry(Pfn)->PageLocation == StandbyPageList;
    if (Standby) {
        MiTakePage(Node, Pfn);
    }
    MiReleaseNode(Node, State);
    if (Standby) {
        MiFreePage(Pfn);
    }
}

VOID PageOut(PVOID Va, SIZE_T Pages)
{
    MiTrimPages(Va, Pages);
    MiFlushModifiedPages();
    for (SIZE_T i = 0; i < Pages; i++) {
        Repurpose(MiGetPteAddress((PCHAR)Va + i * PAGE_SIZE));
    }
}
