/*
 * pagefile.c - paging files: which place on a disk has which page. paging.h has the theory.
 *
 * A paging file is a row of slots of a page each. Bits say which are in use; a write takes the
 * longest run that it can get, so that pages that leave together lie together and come back in one
 * read. A file may grow up to a maximum when more is promised than what there is can hold. Slots
 * that a disk refuses to write are retired: they stay in use for ever, and the commit limit falls.
 *
 *   SLOT-1  The bits behind Size are set, and so is slot 0's; Free is how many are clear.
 *   SLOT-2  The commit limit is memory plus all slots but the first of each file and the bad ones.
 */
#include "mm/paging.h"

#define GROWTH 0x1000 /* slots: 16 MiB at a time */

MI_PAGING_FILE MiPagingFiles[MI_MAX_PAGING_FILES];
ULONG MiPagingFileCount;

/* ---- making one ------------------------------------------------------------------------------ */

static NTSTATUS MiPreparePagingFile(PMI_PAGING_FILE File)
{
    SIZE_T MapPages = BYTES_TO_PAGES((File->Maximum + 31) / 32 * sizeof(ULONG));
    SIZE_T SumPages = KiCheckedMode ? BYTES_TO_PAGES(File->Maximum * sizeof(ULONG)) : 0;
    PULONG Map = MiAllocatePoolPages(NonPagedPoolNx, MapPages + SumPages);
    if (Map == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlInitializeBitMap(&File->Slots, Map, File->Maximum);
    RtlSetAllBits(&File->Slots);
    RtlClearBits(&File->Slots, 1, File->Size - 1);
    File->Sums = SumPages == 0 ? NULL : (PULONG)((PCHAR)Map + MapPages * PAGE_SIZE);
    return STATUS_SUCCESS;
}

NTSTATUS MiCreatePagingFile(PMI_PAGING_DEVICE Device, ULONG64 FirstPage, SIZE_T Minimum,
                            SIZE_T Maximum, PULONG Number)
{
    ULONG Index = MiPagingFileCount;
    if (Minimum < 2 || Maximum < Minimum || Maximum > MAXULONG) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Index == MI_MAX_PAGING_FILES) {
        return STATUS_TOO_MANY_PAGING_FILES;
    }
    PMI_PAGING_FILE File = &MiPagingFiles[Index];
    *File = (MI_PAGING_FILE){.Device = Device,
                             .FirstPage = FirstPage,
                             .Size = (ULONG)Minimum,
                             .Minimum = (ULONG)Minimum,
                             .Maximum = (ULONG)Maximum,
                             .Free = (ULONG)Minimum - 1,
                             .Hint = 1};
    NTSTATUS Status = MiPreparePagingFile(File);
    if (NT_SUCCESS(Status)) {
        *Number = Index;
        __atomic_store_n(&MiPagingFileCount, Index + 1, __ATOMIC_RELEASE);
        __atomic_fetch_add(&MmTotalCommitLimit, Minimum - 1, __ATOMIC_RELAXED);
        MiSetWaterMarks(TRUE);
        MiReportPressure();
        MiReviewNoWritePages();
    }
    return Status;
}

/* ---- slots ----------------------------------------------------------------------------------- */

static VOID MiMarkSlots(PMI_PAGING_FILE File, ULONG First, ULONG Count)
{
    RtlSetBits(&File->Slots, First, Count);
    File->Free -= Count;
    File->Hint = First + Count < File->Size ? First + Count : 1;
    ULONG InUse = File->Size - 1 - File->Free;
    File->Peak = InUse > File->Peak ? InUse : File->Peak;
}

/* The longest run of Wanted, Wanted / 2 ... free slots. */
static ULONG MiTakeSlotsOf(PMI_PAGING_FILE File, ULONG Wanted, PULONG First)
{
    ULONG Count = 0;
    ULONG64 State = MiAcquireLock(&File->Lock);
    if (!File->Closed) {
        for (Count = Wanted < File->Free ? Wanted : File->Free; Count != 0; Count /= 2) {
            *First = RtlFindClearBits(&File->Slots, Count, File->Hint);
            if (*First != MAXULONG) {
                MiMarkSlots(File, *First, Count);
                break;
            }
        }
    }
    MiReleaseLock(&File->Lock, State);
    return Count;
}

ULONG MiTakeSlots(ULONG Wanted, PULONG File, PULONG First)
{
    for (ULONG i = 0; i < MiPagingFileCount; i++) {
        ULONG Count = MiTakeSlotsOf(&MiPagingFiles[i], Wanted, First);
        if (Count != 0) {
            *File = i;
            return Count;
        }
    }
    return 0;
}

VOID MiReturnSlot(MMPTE Pte)
{
    if (!MiIsInPagingFile(Pte)) {
        return;
    }
    PMI_PAGING_FILE File = &MiPagingFiles[Pte.Soft.PageFileLow];
    ULONG64 State = MiAcquireLock(&File->Lock);
    RtlClearBit(&File->Slots, Pte.Soft.PageFileHigh);
    File->Free++;
    MiReleaseLock(&File->Lock, State);
    MiReviewNoWritePages();
}

VOID MiRetireSlot(ULONG Number, ULONG Slot)
{
    PMI_PAGING_FILE File = &MiPagingFiles[Number];
    UNREFERENCED_PARAMETER(Slot); /* its bit stays set */
    ULONG64 State = MiAcquireLock(&File->Lock);
    File->Bad++;
    if (!File->Leaving) {
        __atomic_fetch_sub(&MmTotalCommitLimit, 1, __ATOMIC_RELAXED);
    }
    MiReleaseLock(&File->Lock, State);
    MiReportPressure();
}

MMPTE MiMakePagingFilePte(ULONG File, ULONG Slot, MMPTE Original)
{
    Original.Soft.PageFileLow = File & 0xF;
    Original.Soft.PageFileHigh = Slot;
    return Original;
}

SIZE_T MiFreeSlots(VOID)
{
    SIZE_T Sum = 0;
    for (ULONG i = 0; i < MiPagingFileCount; i++) {
        Sum += MiPagingFiles[i].Closed ? 0 : MiPagingFiles[i].Free;
    }
    return Sum;
}

/* ---- growing --------------------------------------------------------------------------------- */

static ULONG MiGrowPagingFile(PMI_PAGING_FILE File, SIZE_T Pages)
{
    ULONG64 State = MiAcquireLock(&File->Lock);
    ULONG Room = File->Closed ? 0 : File->Maximum - File->Size;
    ULONG Add = Pages < GROWTH ? GROWTH : Pages < Room ? (ULONG)Pages : Room;
    Add = Add < Room ? Add : Room;
    RtlClearBits(&File->Slots, File->Size, Add);
    File->Size += Add;
    File->Free += Add;
    __atomic_fetch_add(&MmTotalCommitLimit, Add, __ATOMIC_RELAXED);
    MiReleaseLock(&File->Lock, State);
    return Add;
}

BOOLEAN MiGrowPagingFiles(SIZE_T Pages)
{
    SIZE_T Grown = 0;
    if (Pages > MiPossibleGrowth()) {
        return FALSE; /* it could not be promised all the same */
    }
    for (ULONG i = 0; i < MiPagingFileCount && Grown < Pages; i++) {
        Grown += MiGrowPagingFile(&MiPagingFiles[i], Pages - Grown);
    }
    if (Grown != 0) {
        MiReportPressure();
        MiReviewNoWritePages();
    }
    return Grown != 0;
}

SIZE_T MiPossibleGrowth(VOID)
{
    SIZE_T Sum = 0;
    for (ULONG i = 0; i < MiPagingFileCount; i++) {
        Sum += MiPagingFiles[i].Closed ? 0 : MiPagingFiles[i].Maximum - MiPagingFiles[i].Size;
    }
    return Sum;
}

/* ---- checksums ------------------------------------------------------------------------------- */

/* Multiplying by an odd number loses nothing, so one changed word always changes the sum. */
static ULONG MiSumPage(PFN_NUMBER Pfn)
{
    const ULONG64 *Words = MiPfnToAddress(Pfn);
    ULONG64 Sum = 0x6E726154;
    for (ULONG i = 0; i < PAGE_SIZE / sizeof(*Words); i++) {
        Sum = (Sum ^ Words[i]) * 0x9E3779B97F4A7C15ULL;
        Sum ^= Sum >> 32;
    }
    return (ULONG)Sum;
}

VOID MiNoteSum(ULONG File, ULONG Slot, PFN_NUMBER Pfn)
{
    if (MiPagingFiles[File].Sums != NULL) {
        MiPagingFiles[File].Sums[Slot] = MiSumPage(Pfn);
    }
}

BOOLEAN MiCheckSum(ULONG File, ULONG Slot, PFN_NUMBER Pfn)
{
    return MiPagingFiles[File].Sums == NULL || MiPagingFiles[File].Sums[Slot] == MiSumPage(Pfn);
}
