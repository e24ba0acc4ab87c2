/*
 * boot_pfn.c - maps the page frame database over the memory that exists and fills it.
 *
 * The database is one array, so that an entry is found by a multiplication, but only the parts that
 * describe memory exist: it comes in sections of 16 MiB of memory, 48 pages of entries each. An
 * entry of such a section that describes no memory is not Present.
 */
#include "mm/boot.h"

static INIT VOID MiMapSection(PFN_NUMBER Section)
{
    PCHAR Va = (PCHAR)MiPfnEntry(Section * MI_SECTION_PAGES);
    PCHAR End = (PCHAR)MiPfnEntry((Section + 1) * MI_SECTION_PAGES);
    if (MiSections[Section / 64] >> (Section % 64) & 1) {
        return;
    }
    for (; Va < End; Va += PAGE_SIZE) {
        MiCreateEarlyTables(Va, 2);
        MiWritePte(MiGetPteAddress(Va), MiMakeValidPte(MiTakeEarlyPage(), MM_READWRITE));
    }
    MiSections[Section / 64] |= 1ULL << (Section % 64);
}

/* Bad memory is the memory manager's too: it keeps it from being used. */
static INIT BOOLEAN MiIsOwned(const BOOT_MEMORY_RANGE *Range)
{
    return Range->Type == BootMemoryUsable || Range->Type == BootMemoryBad;
}

static INIT MI_RUN MiRunOf(const BOOT_MEMORY_RANGE *Range)
{
    MI_RUN Run = {Range->Base / PAGE_SIZE, (Range->Base + Range->Size) / PAGE_SIZE};
    Run.End = Run.End < MI_MAX_PAGES ? Run.End : MI_MAX_PAGES;
    return Run;
}

static INIT VOID MiMapDatabase(const BOOT_INFORMATION *BootInformation)
{
    MmLowestPhysicalPage = MI_MAX_PAGES;
    for (ULONG i = 0; i < BootInformation->RangeCount; i++) {
        const BOOT_MEMORY_RANGE *Range = &BootInformation->Ranges[i];
        MI_RUN Run = MiRunOf(Range);
        if (!MiIsOwned(Range) || Run.First >= Run.End) {
            continue;
        }
        if (Range->Type == BootMemoryUsable) {
            MmNumberOfPhysicalPages += Run.End - Run.First;
            MmHighestPhysicalPage = Run.End - 1;
            if (Run.First < MmLowestPhysicalPage) {
                MmLowestPhysicalPage = Run.First;
            }
        }
        for (PFN_NUMBER Section = Run.First / MI_SECTION_PAGES;
             Section <= (Run.End - 1) / MI_SECTION_PAGES; Section++) {
            MiMapSection(Section);
        }
    }
}

/* At first every page counts as in use, and is node 0's. */
static INIT VOID MiFillDatabase(const BOOT_INFORMATION *BootInformation)
{
    for (ULONG i = 0; i < BootInformation->RangeCount; i++) {
        const BOOT_MEMORY_RANGE *Range = &BootInformation->Ranges[i];
        MI_RUN Run = MiRunOf(Range);
        for (PFN_NUMBER Pfn = Run.First; MiIsOwned(Range) && Pfn < Run.End; Pfn++) {
            PMMPFN Entry = MiPfnEntry(Pfn);
            Entry->Present = TRUE;
            Entry->PageLocation = ActiveAndValid;
            Entry->ReferenceCount = 1;
        }
    }
}

/* Pages with a node; they go to its lists. */
static INIT VOID MiInsertBadPages(const BOOT_INFORMATION *BootInformation)
{
    for (ULONG i = 0; i < BootInformation->RangeCount; i++) {
        const BOOT_MEMORY_RANGE *Range = &BootInformation->Ranges[i];
        MI_RUN Run = MiRunOf(Range);
        for (PFN_NUMBER Pfn = Run.First; Range->Type == BootMemoryBad && Pfn < Run.End; Pfn++) {
            MiInsertPage(&MiNodes[MiPfnEntry(Pfn)->Node], Pfn, BadPageList);
        }
    }
}

/* The image's pages are mapped by the image's PTEs, so that they can be told and given back. */
static INIT VOID MiClaimImage(VOID)
{
    for (PCHAR Va = KiImageStart; Va < KiImageEnd; Va += PAGE_SIZE) {
        PFN_NUMBER Pfn = ((ULONG_PTR)Va - MI_KERNEL_IMAGE) / PAGE_SIZE;
        PMMPTE Pte = MiGetPteAddress(Va);
        if (MiIsPfn(Pfn) && MiReadPte(Pte).Hard.Valid) {
            MiPfnEntry(Pfn)->PteAddress = Pte;
            MiPfnEntry(Pfn)->PteFrame = MiReadPte(MiGetPteAddress(Pte)).Hard.PageFrameNumber;
            MiPfnEntry(Pfn)->u2.ShareCount = 1;
        }
    }
}

INIT VOID MiBuildPfnDatabase(const BOOT_INFORMATION *BootInformation)
{
    MI_RUN Run;
    PFN_NUMBER Cursor = 0;

    MiMapDatabase(BootInformation);
    MiFillDatabase(BootInformation);
    MiBuildNodes();
    MiInsertBadPages(BootInformation);
    MiClaimImage();
    while (MiNextFreeRun(&Cursor, &Run)) {
        for (PFN_NUMBER Pfn = Run.First; Pfn < Run.End; Pfn++) {
            MiInsertPage(&MiNodes[MiPfnEntry(Pfn)->Node], Pfn, FreePageList);
        }
    }
}
