/*
 * boot_memory.c - memory before the page lists are up: what the boot loader says there is, who sits
 * in it already, and single pages for the first page tables and the page frame database.
 *
 * Early pages come from the high end of the largest free run below 4 GiB that boot's own direct map
 * reaches (it leaves out the 2 MiB around the kernel image), one after the other downwards, so that
 * what is left of the run is still one run.
 */
#include "mm/boot.h"

#define MAX_BUSY_RUNS (BOOT_MAX_MODULES + 3)

static INITDATA const BOOT_INFORMATION *MiBootInformation;
static INITDATA MI_RUN MiBusyRuns[MAX_BUSY_RUNS];
static INITDATA ULONG MiBusyCount;
static INITDATA MI_RUN MiEarlyRun; /* what early pages may still be taken from */
static INITDATA PMI_RUN MiEarlyTaken;

static INIT PMI_RUN MiAddBusyRun(ULONG64 Base, ULONG64 End)
{
    PMI_RUN Run = &MiBusyRuns[MiBusyCount++];
    *Run = (MI_RUN){Base / PAGE_SIZE, BYTES_TO_PAGES(End)};
    return Run;
}

/* Moves First behind every busy run that it is in; the start of the next busy run, or End. */
static INIT PFN_NUMBER MiCutBusy(PFN_NUMBER *First, PFN_NUMBER End)
{
    PFN_NUMBER Limit = End;
    for (ULONG i = 0; i < MiBusyCount; i++) {
        const MI_RUN *Busy = &MiBusyRuns[i];
        if (*First >= Busy->First && *First < Busy->End) {
            *First = Busy->End;
            i = (ULONG)-1; /* look at all of them again from there */
        }
    }
    for (ULONG i = 0; i < MiBusyCount; i++) {
        const MI_RUN *Busy = &MiBusyRuns[i];
        if (Busy->End > Busy->First && Busy->First > *First && Busy->First < Limit) {
            Limit = Busy->First;
        }
    }
    return Limit;
}

INIT BOOLEAN MiNextFreeRun(PFN_NUMBER *Cursor, PMI_RUN Run)
{
    for (ULONG i = 0; i < MiBootInformation->RangeCount; i++) {
        const BOOT_MEMORY_RANGE *Range = &MiBootInformation->Ranges[i];
        PFN_NUMBER First = Range->Base / PAGE_SIZE;
        PFN_NUMBER End = (Range->Base + Range->Size) / PAGE_SIZE;
        End = End < MI_MAX_PAGES ? End : MI_MAX_PAGES;
        First = First > *Cursor ? First : *Cursor;
        if (Range->Type != BootMemoryUsable || First >= End) {
            continue;
        }
        PFN_NUMBER Limit = MiCutBusy(&First, End);
        if (First < End) {
            *Run = (MI_RUN){First, Limit};
            *Cursor = Limit;
            return TRUE;
        }
    }
    return FALSE;
}

/* The part of a free run that boot's direct map reaches, outside the first megabyte. */
static INIT MI_RUN MiReachablePart(MI_RUN Run)
{
    PFN_NUMBER Hole = ((ULONG64)KiImageEnd - MI_KERNEL_IMAGE + MI_LARGE_PAGE_SIZE - 1) /
                      MI_LARGE_PAGE_SIZE * (MI_LARGE_PAGE_SIZE / PAGE_SIZE);
    PFN_NUMBER HoleFirst = ((ULONG64)KiImageStart - MI_KERNEL_IMAGE) / MI_LARGE_PAGE_SIZE *
                           (MI_LARGE_PAGE_SIZE / PAGE_SIZE);
    if (Run.First < MI_FIRST_MEGABYTE) {
        Run.First = MI_FIRST_MEGABYTE;
    }
    if (Run.End > MI_FOUR_GIGABYTES) {
        Run.End = MI_FOUR_GIGABYTES;
    }
    if (Run.First >= HoleFirst && Run.First < Hole) {
        Run.First = Hole;
    } else if (Run.First < HoleFirst && Run.End > HoleFirst) {
        Run.End = HoleFirst;
    }
    return Run;
}

INIT VOID MiSurveyMemory(const BOOT_INFORMATION *BootInformation)
{
    MI_RUN Run;
    PFN_NUMBER Cursor = 0;

    MiBootInformation = BootInformation;
    MiAddBusyRun(0, PAGE_SIZE);
    MiAddBusyRun((ULONG64)KiImageStart - MI_KERNEL_IMAGE, (ULONG64)KiImageEnd - MI_KERNEL_IMAGE);
    for (ULONG i = 0; i < BootInformation->ModuleCount; i++) {
        const BOOT_MODULE *Module = &BootInformation->Modules[i];
        MiAddBusyRun(Module->Base, Module->Base + Module->Size);
    }
    while (MiNextFreeRun(&Cursor, &Run)) {
        Run = MiReachablePart(Run);
        if (Run.End > Run.First && Run.End - Run.First > MiEarlyRun.End - MiEarlyRun.First) {
            MiEarlyRun = Run;
        }
    }
    MiEarlyTaken = MiAddBusyRun(MiEarlyRun.End * PAGE_SIZE, MiEarlyRun.End * PAGE_SIZE);
}

INIT PFN_NUMBER MiTakeEarlyPage(VOID)
{
    if (MiEarlyRun.First == MiEarlyRun.End) {
        KeBugCheckEx(INSTALL_MORE_MEMORY, MmNumberOfPhysicalPages, MmLowestPhysicalPage,
                     MmHighestPhysicalPage, 0);
    }
    MiEarlyRun.End--;
    MiEarlyTaken->First--;
    MiZeroPage(MiEarlyRun.End);
    return MiEarlyRun.End;
}

INIT ULONG64 MiMemoryWithin(ULONG64 Base, ULONG64 Size)
{
    ULONG64 Sum = 0;
    for (ULONG i = 0; i < MiBootInformation->RangeCount; i++) {
        const BOOT_MEMORY_RANGE *Range = &MiBootInformation->Ranges[i];
        ULONG64 First = Range->Base > Base ? Range->Base : Base;
        ULONG64 End = Range->Base + Range->Size;
        End = End < Base + Size ? End : Base + Size;
        BOOLEAN Memory = Range->Type == BootMemoryUsable || Range->Type == BootMemoryAcpiReclaim ||
                         Range->Type == BootMemoryAcpiNvs;
        Sum += Memory && End > First ? End - First : 0;
    }
    return Sum;
}

INIT VOID MiCreateEarlyTables(PVOID Va, ULONG Level)
{
    for (ULONG At = MI_TOP_LEVEL; At >= Level; At--) {
        PMMPTE Entry = MiEntryAddress(Va, At);
        if (!MiReadPte(Entry).Hard.Valid) {
            MiWritePte(Entry, MiMakeTableEntry(MiTakeEarlyPage()));
        }
    }
}
