/*
 * stack.c - kernel stacks, for threads and processors: 24 KB each over a page that is never mapped.
 *
 *   STACK-1  The page below a stack has no mapping, so that an overflow faults at once. (That fault
 *            cannot push its frame on the same stack: it arrives as a double fault, 0x7F/8.)
 *   STACK-2  Stacks are nonpaged, and their pages are charged when they are made.
 */
#include "mm/mm.h"

#define STACK_REGION_PAGES (KERNEL_STACK_PAGES + 1) /* with the guard page, which is the lowest */

PVOID MiAllocateKernelStackOf(ULONG Node)
{
    if (!MiChargeCommit(KERNEL_STACK_PAGES)) {
        return NULL;
    }
    PCHAR Guard = MiReserveRegion(MiRegionKernelStacks, STACK_REGION_PAGES);
    if (Guard == NULL) {
        MiReturnCommit(KERNEL_STACK_PAGES);
        return NULL;
    }
    if (!MiBackPages(Guard + PAGE_SIZE, KERNEL_STACK_PAGES, MM_READWRITE, Node)) {
        MiReleaseRegion(&MiRegions[MiRegionKernelStacks], Guard, STACK_REGION_PAGES);
        MiReturnCommit(KERNEL_STACK_PAGES);
        return NULL;
    }
    return Guard + STACK_REGION_PAGES * PAGE_SIZE;
}

PVOID MiAllocateKernelStack(VOID)
{
    return MiAllocateKernelStackOf(MI_ANY_NODE);
}

VOID MiFreeKernelStack(PVOID StackBase)
{
    PMI_REGION Region = &MiRegions[MiRegionKernelStacks];
    PCHAR Guard = (PCHAR)StackBase - STACK_REGION_PAGES * PAGE_SIZE;
    if (MiRegionOf(Guard) != Region || MiQueryRegion(Region, Guard) != STACK_REGION_PAGES) {
        KeBugCheckEx(SYSTEM_PTE_MISUSE, 3, 0, 0, (ULONG_PTR)StackBase);
    }
    MiUnmapAndFreePages(Guard + PAGE_SIZE, KERNEL_STACK_PAGES);
    MiReleaseRegion(Region, Guard, STACK_REGION_PAGES);
    MiReturnCommit(KERNEL_STACK_PAGES);
}
