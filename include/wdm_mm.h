/*
 * wdm_mm.h - page arithmetic, MDLs and address queries. Part of wdm.h.
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

/* Describes a buffer page by page; ULONG_PTR page frame numbers follow it. Contract 3.9. */
typedef struct _MDL {
    struct _MDL *Next;
    CSHORT Size; /* bytes, with the page frame numbers */
    CSHORT MdlFlags;
    struct _EPROCESS *Process;
    PVOID MappedSystemVa;
    PVOID StartVa; /* page aligned */
    ULONG ByteCount;
    ULONG ByteOffset;
} MDL, *PMDL;
typedef const MDL *PCMDL;
_Static_assert(sizeof(MDL) == 0x30 && offsetof(MDL, MdlFlags) == 0xA, "driver ABI");
_Static_assert(offsetof(MDL, MappedSystemVa) == 0x18 && offsetof(MDL, StartVa) == 0x20 &&
                   offsetof(MDL, ByteCount) == 0x28 && offsetof(MDL, ByteOffset) == 0x2C,
               "driver ABI");

#define MDL_MAPPED_TO_SYSTEM_VA     0x0001
#define MDL_PAGES_LOCKED            0x0002
#define MDL_SOURCE_IS_NONPAGED_POOL 0x0004
#define MDL_ALLOCATED_FIXED_SIZE    0x0008
#define MDL_PARTIAL                 0x0010
#define MDL_PARTIAL_HAS_BEEN_MAPPED 0x0020
#define MDL_IO_PAGE_READ            0x0040
#define MDL_WRITE_OPERATION         0x0080
#define MDL_PARENT_MAPPED_SYSTEM_VA 0x0100
#define MDL_FREE_EXTRA_PTES         0x0200
#define MDL_IO_SPACE                0x0800
#define MDL_MAPPING_CAN_FAIL        0x2000

/* Fields of an MDL under their documented names. Any IRQL. DDI wdm MmGetMdl... */
FORCEINLINE PVOID MmGetMdlVirtualAddress(PCMDL Mdl)
{
    return (PCHAR)Mdl->StartVa + Mdl->ByteOffset;
}
FORCEINLINE ULONG MmGetMdlByteCount(PCMDL Mdl)
{
    return Mdl->ByteCount;
}
FORCEINLINE ULONG MmGetMdlByteOffset(PCMDL Mdl)
{
    return Mdl->ByteOffset;
}
FORCEINLINE PPFN_NUMBER MmGetMdlPfnArray(PMDL Mdl)
{
    return (PPFN_NUMBER)(Mdl + 1);
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

/* Where user space ends and system space begins. DDI: MmGetSystemRangeStart, ProbeForRead. */
extern PVOID MmSystemRangeStart;
extern PVOID MmHighestUserAddress;
extern ULONG64 MmUserProbeAddress; /* the first address that a user pointer may not have */
