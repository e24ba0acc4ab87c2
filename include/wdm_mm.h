/*
 * wdm_mm.h - page arithmetic, address queries, device registers. Part of wdm.h.
 */
#pragma once

#include <ntdef.h>

/* The first byte of the page that holds Va, and Va's offset in it. Any IRQL. DDI wdm PAGE_ALIGN. */
FORCEINLINE PVOID PAGE_ALIGN(PCVOID Va)
{
    return (PVOID)((ULONG_PTR)Va & ~(ULONG_PTR)(PAGE_SIZE - 1));
}
FORCEINLINE ULONG BYTE_OFFSET(PCVOID Va)
{
    return (ULONG)((ULONG_PTR)Va & (PAGE_SIZE - 1));
}

/*
 * Bytes rounded up to whole pages, in bytes and in pages. DDI wdm ROUND_TO_PAGES, BYTES_TO_PAGES.
 */
FORCEINLINE SIZE_T ROUND_TO_PAGES(SIZE_T Size)
{
    return (Size + PAGE_SIZE - 1) & ~(SIZE_T)(PAGE_SIZE - 1);
}
FORCEINLINE SIZE_T BYTES_TO_PAGES(SIZE_T Size)
{
    return (Size >> PAGE_SHIFT) + ((Size & (PAGE_SIZE - 1)) != 0);
}

/* Pages that Size bytes from Va on touch. DDI wdm ADDRESS_AND_SIZE_TO_SPAN_PAGES. */
FORCEINLINE SIZE_T ADDRESS_AND_SIZE_TO_SPAN_PAGES(PCVOID Va, SIZE_T Size)
{
    return BYTES_TO_PAGES(BYTE_OFFSET(Va) + Size);
}

/*
 * The physical address behind a valid virtual one; 0 when nothing is mapped there. Any IRQL; stable
 * only for memory that is nonpaged or locked. DDI wdm MmGetPhysicalAddress.
 */
PHYSICAL_ADDRESS NTAPI MmGetPhysicalAddress(PVOID BaseAddress);

/*
 * TRUE when reading VirtualAddress now would not fault; says nothing of later. <= DISPATCH_LEVEL.
 * DDI.
 */
BOOLEAN NTAPI MmIsAddressValid(PVOID VirtualAddress);

/* What a mapping allows; the last two are added to one of the others. DDI wdm MmMapIoSpaceEx. */
#define PAGE_NOACCESS          0x01
#define PAGE_READONLY          0x02
#define PAGE_READWRITE         0x04
#define PAGE_EXECUTE           0x10
#define PAGE_EXECUTE_READ      0x20
#define PAGE_EXECUTE_READWRITE 0x40
#define PAGE_NOCACHE           0x200
#define PAGE_WRITECOMBINE      0x400

/* How a mapping is cached. */
typedef enum _MEMORY_CACHING_TYPE {
    MmNonCached,
    MmCached,
    MmWriteCombined,
    MmHardwareCoherentCached,
    MmNonCachedUnordered,
    MmUSWCCached,
    MmMaximumCacheType,
    MmNotMapped = -1,
} MEMORY_CACHING_TYPE;

/*
 * Maps NumberOfBytes of physical address space into system space: readable, writable, not
 * executable. Only MmCached is cached (write-combining is not: uncached is the stronger promise);
 * RAM of the page lists always is. NULL for no bytes, for addresses past 2^48, for the kernel's own
 * image, and when address space runs out. <= DISPATCH_LEVEL (checked: bug check 0xC4, 0x73). DDI
 * wdm MmMapIoSpace.
 */
PVOID NTAPI MmMapIoSpace(PHYSICAL_ADDRESS PhysicalAddress, SIZE_T NumberOfBytes,
                         MEMORY_CACHING_TYPE CacheType);
/*
 * Undoes MmMapIoSpace, with its result and its length. Bug check 0xDA: 3 (0, 0, address) no mapping
 * starts there, 2 (0, pages mapped, pages asked) another length. <= DISPATCH_LEVEL (checked: 0xC4,
 * 0x7B; the verifier's page says APC_LEVEL, the routine's own DISPATCH_LEVEL). DDI wdm
 * MmUnmapIoSpace.
 */
VOID NTAPI MmUnmapIoSpace(PVOID BaseAddress, SIZE_T NumberOfBytes);

/*
 * MmMapIoSpace with a protection: PAGE_READONLY, PAGE_READWRITE, PAGE_EXECUTE or PAGE_EXECUTE_READ,
 * with PAGE_NOCACHE or PAGE_WRITECOMBINE or neither. NULL for others, for PAGE_EXECUTE_READWRITE,
 * too: nothing is writable and executable. DDI wdm MmMapIoSpaceEx.
 */
PVOID NTAPI MmMapIoSpaceEx(PHYSICAL_ADDRESS PhysicalAddress, SIZE_T NumberOfBytes, ULONG Protect);

typedef ULONG NODE_REQUIREMENT; /* a node's number, or MM_ANY_NODE_OK */

/*
 * Adjacent pages of physical memory, of undefined contents, mapped and executable, between two
 * physical addresses, both included, crossing no multiple of the boundary (0, or a power of two
 * from PAGE_SIZE on), of a node or any; where there is one node, of that. NULL when there are none,
 * and for no bytes. <= DISPATCH_LEVEL. DDI wdm MmAllocateContiguousMemory and its family.
 */
PVOID NTAPI MmAllocateContiguousMemory(SIZE_T NumberOfBytes,
                                       PHYSICAL_ADDRESS HighestAcceptableAddress);
PVOID NTAPI MmAllocateContiguousMemorySpecifyCache(SIZE_T NumberOfBytes,
                                                   PHYSICAL_ADDRESS LowestAcceptableAddress,
                                                   PHYSICAL_ADDRESS HighestAcceptableAddress,
                                                   PHYSICAL_ADDRESS BoundaryAddressMultiple,
                                                   MEMORY_CACHING_TYPE CacheType);
PVOID NTAPI MmAllocateContiguousMemorySpecifyCacheNode(SIZE_T NumberOfBytes,
                                                       PHYSICAL_ADDRESS LowestAcceptableAddress,
                                                       PHYSICAL_ADDRESS HighestAcceptableAddress,
                                                       PHYSICAL_ADDRESS BoundaryAddressMultiple,
                                                       MEMORY_CACHING_TYPE CacheType,
                                                       NODE_REQUIREMENT PreferredNode);
/*
 * The same, executable only with PAGE_EXECUTE_READWRITE and not with PAGE_READWRITE; one of the
 * two, with PAGE_NOCACHE or PAGE_WRITECOMBINE or neither. DDI wdm MmAllocateContiguousNodeMemory.
 */
PVOID NTAPI MmAllocateContiguousNodeMemory(SIZE_T NumberOfBytes,
                                           PHYSICAL_ADDRESS LowestAcceptableAddress,
                                           PHYSICAL_ADDRESS HighestAcceptableAddress,
                                           PHYSICAL_ADDRESS BoundaryAddressMultiple, ULONG Protect,
                                           NODE_REQUIREMENT PreferredNode);
/*
 * Gives a block of that family back. Bug check 0xC2/0x60 (address, 0, 0): none starts there, or it
 * has another length. <= DISPATCH_LEVEL. DDI wdm MmFreeContiguousMemory.
 */
VOID NTAPI MmFreeContiguousMemory(PVOID BaseAddress);
VOID NTAPI MmFreeContiguousMemorySpecifyCache(PVOID BaseAddress, SIZE_T NumberOfBytes,
                                              MEMORY_CACHING_TYPE CacheType);

/* Where user space ends and system space begins. DDI: MmGetSystemRangeStart, ProbeForRead. */
extern PVOID MmSystemRangeStart;
extern PVOID MmHighestUserAddress;
extern ULONG64 MmUserProbeAddress; /* the first address that a user pointer may not have */
