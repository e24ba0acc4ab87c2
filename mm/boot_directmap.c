/*
 * boot_directmap.c - makes the direct map hold all memory and nothing else.
 *
 * Boot mapped physical 0..4 GiB wholesale, in 2 MiB pages, but for the regions of the kernel image.
 * Here each 2 MiB region gets what it deserves: all memory, one large page; partly memory, or
 * partly the image, a page table with the pages that are memory and not image; no memory, nothing,
 * so that a wild pointer never reaches device registers through it.
 *
 *   DIRECT-1  Mapped are exactly the pages that are memory (usable or ACPI's) and not of the kernel
 *             image; all of them writable, none executable.
 */
#include "mm/boot.h"

static INIT BOOLEAN MiIsImagePage(PFN_NUMBER Pfn)
{
    return Pfn >= ((ULONG64)KiImageStart - MI_KERNEL_IMAGE) / PAGE_SIZE &&
           Pfn < ((ULONG64)KiImageEnd - MI_KERNEL_IMAGE) / PAGE_SIZE;
}

/* A page table for a region that is not memory all over, filled before it is installed. */
static INIT VOID MiMapMixedRegion(ULONG64 Base)
{
    PMMPTE Pde = MiGetPdeAddress((PVOID)(MI_DIRECT_MAP + Base));
    PFN_NUMBER TablePage = MiTakeEarlyPage();
    PMMPTE Table = MiPfnToAddress(TablePage);
    for (ULONG i = 0; i < MI_PTES_PER_TABLE; i++) {
        PFN_NUMBER Pfn = Base / PAGE_SIZE + i;
        if (MiMemoryWithin(Pfn * PAGE_SIZE, PAGE_SIZE) == PAGE_SIZE && !MiIsImagePage(Pfn)) {
            Table[i] = MiMakeValidPte(Pfn, MM_READWRITE);
        }
    }
    MiWritePte(Pde, MiMakeTableEntry(TablePage));
}

static INIT BOOLEAN MiTouchesImageRegion(ULONG64 Base)
{
    return Base + MI_LARGE_PAGE_SIZE > (ULONG64)KiImageStart - MI_KERNEL_IMAGE &&
           Base < (ULONG64)KiImageEnd - MI_KERNEL_IMAGE;
}

static INIT VOID MiMapRegion(ULONG64 Base)
{
    PVOID Va = (PVOID)(MI_DIRECT_MAP + Base);
    ULONG64 Memory = MiMemoryWithin(Base, MI_LARGE_PAGE_SIZE);
    if (Memory != 0) {
        MiCreateEarlyTables(Va, 3);
    }
    if (Memory == MI_LARGE_PAGE_SIZE && !MiTouchesImageRegion(Base)) {
        MMPTE Value = MiMakeValidPte(Base / PAGE_SIZE, MM_READWRITE);
        Value.Hard.LargePage = 1;
        MiWritePte(MiGetPdeAddress(Va), Value);
    } else if (Memory != 0) {
        MiMapMixedRegion(Base);
    } else if (Base < MI_FOUR_GIGABYTES * PAGE_SIZE) {
        MiWritePte(MiGetPdeAddress(Va), (MMPTE){.Long = 0});
    }
}

INIT VOID MiBuildDirectMap(const BOOT_INFORMATION *BootInformation)
{
    ULONG64 Done = MI_FOUR_GIGABYTES * PAGE_SIZE;
    for (ULONG64 Base = 0; Base < Done; Base += MI_LARGE_PAGE_SIZE) {
        MiMapRegion(Base);
    }
    for (ULONG i = 0; i < BootInformation->RangeCount; i++) {
        const BOOT_MEMORY_RANGE *Range = &BootInformation->Ranges[i];
        ULONG64 Base = Range->Base & ~(MI_LARGE_PAGE_SIZE - 1);
        ULONG64 End = Range->Base + Range->Size;
        End = End < MI_DIRECT_MAP_SIZE ? End : MI_DIRECT_MAP_SIZE;
        for (Base = Base > Done ? Base : Done; Base < End; Base += MI_LARGE_PAGE_SIZE) {
            MiMapRegion(Base);
            Done = Base + MI_LARGE_PAGE_SIZE;
        }
    }
    MiFlushEntireTlb();
}
