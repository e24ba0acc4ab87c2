/*
 * init.c - brings the memory manager up, once, on processor 0, in the page tables that boot made.
 *
 * The order matters: memory is surveyed before a page is taken from it, the direct map is right
 * before anything is reached through it, and the top level is complete before there can be a second
 * address space, which will copy its upper half.
 */
#include "mm/boot.h"

/* Kept out of promises, so that a fault finds a page also when something was taken uncharged. */
#define MI_COMMIT_RESERVE 64

PVOID MmSystemRangeStart = (PVOID)MI_SYSTEM_RANGE_START;
PVOID MmHighestUserAddress = (PVOID)0x00007FFFFFFEFFFFULL;
ULONG64 MmUserProbeAddress = 0x00007FFFFFFF0000ULL;

/* Top-level entries of system space are made now and never change (PTE-1). */
static INIT VOID MiFillTopLevel(VOID)
{
    static const ULONG64 Slots[] = {
        MI_HYPERSPACE, MI_SHARED_DATA,  MI_DRIVER_IMAGES, MI_SYSTEM_PTES,     MI_KERNEL_STACKS,
        MI_PAGED_POOL, MI_PFN_DATABASE, MI_NONPAGED_POOL, MI_EXECUTABLE_POOL, MI_SPECIAL_POOL};
    for (ULONG i = 0; i < ARRAYSIZE(Slots); i++) {
        MiCreateEarlyTables((PVOID)Slots[i], MI_TOP_LEVEL);
    }
}

/* Three quarters of memory is the most that nonpaged pool may take. */
static INIT VOID MiInitializeRegions(VOID)
{
    for (ULONG i = 0; i < MiRegionCount; i++) {
        PMI_REGION Region = &MiRegions[i];
        Region->Quiet.Count = MAXULONG_PTR; /* until somebody wants to know */
        ULONG_PTR Maps = MI_REGION_MAPS + i * 2 * (MI_SLOT_PAGES / 8);
        Region->Size = MI_SLOT_PAGES;
        Region->Limit = MI_SLOT_PAGES;
        RtlInitializeBitMap(&Region->InUse, (PULONG)Maps, 0);
        RtlInitializeBitMap(&Region->Last, (PULONG)(Maps + MI_SLOT_PAGES / 8), 0);
    }
    MiRegions[MiRegionNonPagedPool].Limit = MmNumberOfPhysicalPages / 4 * 3;
    MiRegions[MiRegionExecutablePool].Limit = MmNumberOfPhysicalPages / 4 * 3;
}

static INIT VOID MiMapSharedData(VOID)
{
    MiCreateEarlyTables((PVOID)MI_SHARED_DATA, 2);
    MiWritePte(MiGetPteAddress((PVOID)MI_SHARED_DATA),
               MiMakeValidPte(MiTakeEarlyPage(), MM_READWRITE));
}

INIT VOID MmInitialize(PBOOT_INFORMATION BootInformation)
{
    MiSurveyMemory(BootInformation);
    MiFillTopLevel();
    MiBuildDirectMap(BootInformation);
    MiMapSharedData();
    MiBuildPfnDatabase(BootInformation);
    MiInitializeRegions();
    MiInitializeSpecialPool();
    PFN_NUMBER Available = MiAvailablePages();
    if (Available <= MI_COMMIT_RESERVE) {
        KeBugCheckEx(INSTALL_MORE_MEMORY, MmNumberOfPhysicalPages, MmLowestPhysicalPage,
                     MmHighestPhysicalPage, 0);
    }
    MmTotalCommitLimit = Available - MI_COMMIT_RESERVE;
    KiRegisterPageFaultRoutine(MmAccessFault, MiStopOnUnhandledFault);
}

/* Not in the init section, which it frees. */
VOID MmFreeBootMemory(VOID)
{
    for (PCHAR Va = KiInitStart; Va < KiInitEnd; Va += PAGE_SIZE) {
        PFN_NUMBER Pfn = ((ULONG_PTR)Va - MI_KERNEL_IMAGE) / PAGE_SIZE;
        PMMPTE DirectPte = MiGetPteAddress(MiPfnToAddress(Pfn));
        MiWritePte(MiGetPteAddress(Va), (MMPTE){.Long = 0});
        MiFlushTlb(Va, 1);
        MiWritePte(DirectPte, MiMakeValidPte(Pfn, MM_READWRITE));
        MiPfnEntry(Pfn)->u2.ShareCount = 0;
        MiFreePage(Pfn);
    }
    MmTotalCommitLimit += (SIZE_T)(KiInitEnd - KiInitStart) / PAGE_SIZE;
    MiReportPressure();
}
