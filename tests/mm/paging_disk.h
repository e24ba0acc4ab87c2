/*
 * paging_disk.h - a paging file in memory, for tests that want to say when and how a transfer ends.
 */
#pragma once

#include "mm/paging.h"
#include "tests/mm/mm_check.h"

typedef struct _PAGING_DISK {
    MI_PAGING_DEVICE Device;
    PUCHAR Memory;
    ULONG Pages, Number;
    BOOLEAN Hold;         /* transfers wait for DiskRelease */
    BOOLEAN HoldSingle;   /* only those of one page do */
    PMI_TRANSFER Held[8]; /* by the order in which they came */
    ULONG HeldCount;
    BOOLEAN FailReads, FailWrites;
    ULONG FailFirst, FailCount; /* pages whose transfers fail */
    ULONG FailTimes;            /* so many times */
    ULONG Reads, Writes, LargestWrite, LargestRead;
} PAGING_DISK, *PPAGING_DISK;

/* Of so many pages, the first of them unused, in use for paging. FALSE without memory. */
BOOLEAN DiskOpen(PPAGING_DISK Disk, ULONG Pages);
/* The same of Minimum pages at first, which may grow to Pages. */
BOOLEAN DiskOpenGrowing(PPAGING_DISK Disk, ULONG Minimum, ULONG Pages);
/* Gone, and all that was on it is in memory again. */
VOID DiskClose(PPAGING_DISK Disk);
/* Carries out what is held. */
VOID DiskRelease(PPAGING_DISK Disk);
/* Carries out the oldest that is held, and goes on to hold. FALSE without one. */
BOOLEAN DiskStep(PPAGING_DISK Disk);
/* Reads or writes that touch Count pages from First on fail, so many times. */
VOID FailTransfers(PPAGING_DISK Disk, BOOLEAN Write, ULONG First, ULONG Count, ULONG Times);
#define FOR_EVER MAXULONG
PMI_PAGING_FILE FileOf(PPAGING_DISK Disk);

/* Paged pool whose words tell where they are; whether they still do. NULL without memory. */
PULONG64 FillPages(SIZE_T Pages);
BOOLEAN IsFilled(const ULONG64 *Va, SIZE_T Pages);
/* The slot that has a page of paged pool, or its copy; 0: none. */
ULONG SlotOf(PVOID Va);
/* A page of paged pool at Va: valid, on which list. */
BOOLEAN IsResident(PVOID Va);
MMLISTS StateOf(PVOID Va);
/* Trims, writes and takes away what Pages pages from Va on have in memory. */
VOID PageOut(PVOID Va, SIZE_T Pages);
