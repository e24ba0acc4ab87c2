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
    PMI_TRANSFER Held[8]; /* by the order in which they came */
    ULONG HeldCount;
    BOOLEAN FailReads, FailWrites;
    ULONG FailFirst, FailCount; /* pages whose transfers fail */
    ULONG FailTimes;            /* so many times */
    ULONG Reads, Writes, LargestWrite, LargestRead;
} PAGING_DISK, *PPAGING_DISK;

/* Of so many pages, the first of them unused, in use for paging. FALSE without memory. */
BOOLEAN DiskOpen(PPAGING_DISK Disk, ULONG Pages);
/* Gone, and all that was on it is in memory again. */
VOID DiskClose(PPAGING_DISK Disk);
/* Carries out what is held. */
VOID DiskRelease(PPAGING_DISK Disk);
/* A page of paged pool at Va: valid, on which list. */
BOOLEAN IsResident(PVOID Va);
MMLISTS StateOf(PVOID Va);
/* Trims, writes and takes away what Pages pages from Va on have in memory. */
VOID PageOut(PVOID Va, SIZE_T Pages);
