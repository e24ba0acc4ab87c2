/*
 * boot.h - between the files of mm/ that run once at start-up: memory before the page lists are up.
 * All of it is in the init section and gone afterwards.
 */
#pragma once

#include "mm/mm.h"
#include "kernel/rtl/section.h"

/* Adjacent pages from First up to, not including, End. */
typedef struct _MI_RUN {
    PFN_NUMBER First, End;
} MI_RUN, *PMI_RUN;

/* Reads the memory map: what is in use already, and where early pages come from. */
VOID MiSurveyMemory(const BOOT_INFORMATION *BootInformation);
/*
 * Steps through the runs of usable memory that nobody uses (not the image, modules, page 0, early
 * pages), in order. *Cursor is the page to go on from, 0 at first. FALSE behind the last one.
 */
BOOLEAN MiNextFreeRun(PFN_NUMBER *Cursor, PMI_RUN Run);
/* One cleared page of memory below 4 GiB, kept for ever. Bug check 0x7D when there is none left. */
PFN_NUMBER MiTakeEarlyPage(VOID);
/* Bytes of [Base, Base + Size) that are memory: usable, or ACPI's. Physical addresses. */
ULONG64 MiMemoryWithin(ULONG64 Base, ULONG64 Size);
/*
 * Makes the page tables from the top down to Level (2: down to page tables proper) that Va needs.
 */
VOID MiCreateEarlyTables(PVOID Va, ULONG Level);

/* Cuts the direct map down to memory, and extends it to all of it. */
VOID MiBuildDirectMap(const BOOT_INFORMATION *BootInformation);
/* Maps and fills the page frame database; the page lists are up afterwards. */
VOID MiBuildPfnDatabase(const BOOT_INFORMATION *BootInformation);
/* Empty lists for each node, the order of its neighbours, and the node of each page. */
VOID MiBuildNodes(VOID);
