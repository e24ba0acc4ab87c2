/*
 * vm_command.c - `!vm`: who uses how much memory, at the monitor's prompt.
 *
 * Lines are the debugger's, `NAME: PAGES (KB Kb)` (contract 6). Of its flags 20 means something
 * here: address space by region. Where there are several NUMA nodes each has a line.
 */
#include "mm/paging.h"
#include "kernel/rtl/section.h"

#define USAGE          "!vm [FLAGS]"
#define SHOW_ADDRESSES 0x20
#define PAGE_KB        (PAGE_SIZE / 1024)

static VOID MiPrintUse(const CHAR *Name, ULONG64 Pages)
{
    DbgPrint("    %-20s %9I64u (%10I64u Kb)\n", Name, Pages, Pages * PAGE_KB);
}

static VOID MiPrintRegions(VOID)
{
    static const CHAR *const Names[MiRegionCount] = {
        [MiRegionNonPagedPool] = "NonPagedPoolNx", [MiRegionExecutablePool] = "NonPagedPool",
        [MiRegionPagedPool] = "PagedPool",         [MiRegionSystemPtes] = "System PTEs",
        [MiRegionKernelStacks] = "Kernel stacks",  [MiRegionDriverImages] = "Driver images"};
    DbgPrint("\n    Address space         Base             Pages in use      Peak       Limit\n");
    for (ULONG i = 0; i < MiRegionCount; i++) {
        const MI_REGION *Region = &MiRegions[i];
        DbgPrint("    %-20s  %p %12I64u %9I64u %11I64u\n", Names[i], (PVOID)Region->Base,
                 (ULONG64)Region->PagesInUse, (ULONG64)Region->PeakPages, (ULONG64)Region->Limit);
    }
}

static VOID MiPrintNodes(VOID)
{
    DbgPrint("\n    Node       Pages  Available     Zeroed       Lent   Nearest first\n");
    for (ULONG i = 0; i < MiNodeCount; i++) {
        const MI_NODE_PLACE *Place = &MiNodePlaces[i];
        CHAR Hops[MI_MAX_NODES * 3 + 1];
        for (ULONG k = 0, At = 0; k < MiNodeCount; k++) {
            At += (ULONG)_snprintf(Hops + At, sizeof(Hops) - At, " %u", Place->Hops[k]);
        }
        DbgPrint("    %4lu  %10I64u %10I64u %10I64u %10I64u  %s\n", i, (ULONG64)Place->Pages,
                 (ULONG64)MiNodes[i].AvailablePages, (ULONG64)MiPagesOnNode(i, ZeroedPageList),
                 Place->Lent, Hops);
    }
}

static VOID MiPrintPagingFiles(VOID)
{
    if (MiPagingFileCount == 0) {
        DbgPrint("    Page File: none\n");
    }
    for (ULONG i = 0; i < MiPagingFileCount; i++) {
        const MI_PAGING_FILE *File = &MiPagingFiles[i];
        DbgPrint("    Page File: %s\n", File->Device->Name);
        DbgPrint("      Current: %10I64u Kb  Free Space: %10I64u Kb\n",
                 (ULONG64)File->Size * PAGE_KB, (ULONG64)File->Free * PAGE_KB);
        DbgPrint("      Minimum: %10I64u Kb  Maximum:    %10I64u Kb\n",
                 (ULONG64)File->Minimum * PAGE_KB, (ULONG64)File->Maximum * PAGE_KB);
        DbgPrint("      Peak:    %10I64u Kb  Bad:        %10I64u Kb\n",
                 (ULONG64)File->Peak * PAGE_KB, (ULONG64)File->Bad * PAGE_KB);
    }
}

static VOID MiPrintFaults(VOID)
{
    DbgPrint("    Page faults: %I64u: zeroed page %I64u, from a list %I64u, read %I64u, "
             "collided %I64u\n",
             MiFaults.Total, MiFaults.DemandZero, MiPaging.SoftFaults, MiPaging.HardFaults,
             MiPaging.CollidedFaults);
    DbgPrint("    Pages: trimmed %I64u, written %I64u (%I64u writes), read %I64u (%I64u reads), "
             "errors %I64u\n",
             MiPaging.Trimmed, MiPaging.PagesWritten, MiPaging.Writes, MiPaging.PagesRead,
             MiPaging.Reads, MiPaging.ReadErrors + MiPaging.WriteErrors);
}

static VOID VmCommand(const CHAR *Arguments)
{
    ULONG64 Flags = 0;
    ULONG Count = 0;
    if (!KiReadArguments(USAGE, Arguments, 1, &Flags, &Count)) {
        return;
    }
    const MI_REGION *Nx = &MiRegions[MiRegionNonPagedPool];
    const MI_REGION *Executable = &MiRegions[MiRegionExecutablePool];
    const MI_REGION *Paged = &MiRegions[MiRegionPagedPool];
    const MI_REGION *Ptes = &MiRegions[MiRegionSystemPtes];
    DbgPrint("*** Virtual Memory Usage ***\n");
    MiPrintUse("Physical Memory:", MmNumberOfPhysicalPages);
    MiPrintPagingFiles();
    MiPrintUse("Available Pages:", MiAvailablePages());
    MiPrintUse("Zeroed Pages:", MiPagesOnList(ZeroedPageList));
    MiPrintUse("Standby Pages:", MiPagesOnList(StandbyPageList));
    MiPrintUse("Modified Pages:", MiPagesOnList(ModifiedPageList));
    MiPrintUse("Modified No Write:", MiPagesOnList(ModifiedNoWritePageList));
    MiPrintUse("Free System PTEs:", Ptes->Limit - Ptes->PagesInUse);
    MiPrintUse("NonPagedPool Usage:", Nx->PagesInUse + Executable->PagesInUse);
    MiPrintUse("NonPagedPool Max:", Nx->Limit);
    MiPrintUse("PagedPool Usage:", Paged->PagesInUse);
    MiPrintUse("PagedPool Maximum:", Paged->Limit);
    MiPrintUse("PagedPool Commit:", Paged->PagesInUse);
    ULONG64 Special = 0;
    for (ULONG i = 0; i < MI_SPECIAL_PARTS; i++) {
        Special += MiSpecialParts[i].Live;
    }
    MiPrintUse("Special Pool:", Special);
    MiPrintUse("Page Tables:", MiPageTablePages);
    MiPrintUse("Committed pages:", MmTotalCommittedPages);
    MiPrintUse("Commit limit:", MmTotalCommitLimit);
    MiPrintUse("Commit peak:", MmPeakCommittedPages);
    MiPrintFaults();
    if (MiNodeCount > 1) {
        MiPrintNodes();
    }
    if (Flags & SHOW_ADDRESSES) {
        MiPrintRegions();
    }
}
MONITOR_COMMAND("!vm", USAGE, "memory and who uses it (20 address space)", VmCommand);
