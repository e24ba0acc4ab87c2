/*
 * wdm_mdl.h - memory descriptor lists: buffers described page by page, locked and mapped. Part of
 * wdm.h. What is inline here is inline in built drivers, too: layouts and flags are the contract.
 *
 * Where a rule is broken, checked mode stops with bug check 0xC4 under the number that the Driver
 * Verifier has for it (contract 4.6); free mode goes on until it hurts: 0x4E, 0x1A, 0xDA.
 */
#pragma once

#include <ntdef.h>
#include <wdm_mm.h>

/* Describes a buffer page by page; ULONG_PTR page frame numbers follow it. Contract 3.9. */
typedef struct _MDL {
    struct _MDL *Next;
    CSHORT Size; /* bytes, with the page frame numbers; their low 16 bits for large buffers */
    CSHORT MdlFlags;
    struct _EPROCESS *Process;
    PVOID MappedSystemVa;
    PVOID StartVa; /* page aligned */
    ULONG ByteCount;
    ULONG ByteOffset;
} MDL, *PMDL, *PMDLX;
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

/* What the pages are locked for; the last two are the same. DDI wdm MmProbeAndLockPages. */
typedef enum _LOCK_OPERATION { IoReadAccess, IoWriteAccess, IoModifyAccess } LOCK_OPERATION;

/*
 * What a mapping leaves to others when address space for mappings runs short: low an eighth of it,
 * normal a 32nd, high nothing. One of them, and flags. DDI wdm MmGetSystemAddressForMdlSafe.
 */
typedef enum _MM_PAGE_PRIORITY {
    LowPagePriority = 0,
    NormalPagePriority = 16,
    HighPagePriority = 32,
} MM_PAGE_PRIORITY;

#define MdlMappingNoWrite   0x80000000U /* the mapping is read-only */
#define MdlMappingNoExecute 0x40000000U /* always so here: nothing is writable and executable */

/* ---- fields under their documented names. Any IRQL ------------------------------------------- */

FORCEINLINE PVOID MmGetMdlVirtualAddress(PCMDL Mdl)
{
    return (PCHAR)Mdl->StartVa + Mdl->ByteOffset;
}
FORCEINLINE PVOID MmGetMdlBaseVa(PCMDL Mdl)
{
    return Mdl->StartVa;
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

/* ---- making and unmaking --------------------------------------------------------------------- */

/* An MDL in the caller's own memory, for a buffer. Any IRQL. DDI wdm MmInitializeMdl. */
FORCEINLINE VOID MmInitializeMdl(PMDL MemoryDescriptorList, PVOID BaseVa, SIZE_T Length)
{
    SIZE_T Pages = ADDRESS_AND_SIZE_TO_SPAN_PAGES(BaseVa, Length);
    MemoryDescriptorList->Next = NULL;
    MemoryDescriptorList->Size = (CSHORT)(sizeof(MDL) + sizeof(PFN_NUMBER) * Pages);
    MemoryDescriptorList->MdlFlags = 0;
    MemoryDescriptorList->StartVa = PAGE_ALIGN(BaseVa);
    MemoryDescriptorList->ByteOffset = BYTE_OFFSET(BaseVa);
    MemoryDescriptorList->ByteCount = (ULONG)Length;
}

/* The bytes that an MDL for such a buffer takes. Any IRQL. DDI wdm MmSizeOfMdl. */
SIZE_T NTAPI MmSizeOfMdl(PVOID Base, SIZE_T Length);

struct _IRP;
/*
 * An MDL for a buffer of up to 4 GiB - PAGE_SIZE bytes, in nonpaged pool; it says where the buffer
 * is, not yet which pages. With an IRP it becomes that one's MDL, or with SecondaryBuffer the last
 * of its chain. NULL when memory runs out. ChargeQuota is for the system. <= DISPATCH_LEVEL. DDI
 * wdm IoAllocateMdl.
 */
PMDL NTAPI IoAllocateMdl(PVOID VirtualAddress, ULONG Length, BOOLEAN SecondaryBuffer,
                         BOOLEAN ChargeQuota, struct _IRP *Irp);
/*
 * Frees one MDL, not those behind it; a partial one's own mapping goes with it. Checked mode: bug
 * check 0xC4/0xB8 (MDL, flags, 0) when another one is still mapped or locked. <= DISPATCH_LEVEL.
 * DDI wdm IoFreeMdl.
 */
VOID NTAPI IoFreeMdl(PMDL Mdl);
/*
 * Has TargetMdl describe Length bytes (0: all that follow) from VirtualAddress on, which lie in
 * SourceMdl's buffer; the pages stay the source's to unlock. A mapping of the source is the
 * target's as well. Bug check 0x12E (source, target, address, length) for bytes outside the source,
 * or more pages than the target has room for. <= DISPATCH_LEVEL. DDI wdm IoBuildPartialMdl.
 */
VOID NTAPI IoBuildPartialMdl(PMDL SourceMdl, PMDL TargetMdl, PVOID VirtualAddress, ULONG Length);

/*
 * Fills in the pages of a buffer that is nonpaged; the MDL counts as mapped, at the buffer itself.
 * Paged pool: bug check 0xC4/0x7F (IRQL, MDL, flags) in checked mode; nothing there: 0x1A/0x1240
 * (MDL, address, 0). <= DISPATCH_LEVEL. DDI wdm MmBuildMdlForNonPagedPool.
 */
VOID NTAPI MmBuildMdlForNonPagedPool(PMDL MemoryDescriptorList);

/* ---- locking --------------------------------------------------------------------------------- */

/*
 * Brings the buffer's pages in and keeps them in memory until MmUnlockPages; fills in the page
 * numbers. Raises STATUS_ACCESS_VIOLATION, and locks nothing, if a page does not exist, may not be
 * written though Operation says so, or lies in system space though AccessMode is UserMode. <=
 * APC_LEVEL, for a buffer that is nonpaged or in memory <= DISPATCH_LEVEL. Checked mode: bug check
 * 0xC4: 0x70 (IRQL, MDL, mode) above; 0xB0 (MDL, flags, those that are wrong) for an MDL that is
 * locked, partial, mapped or built from nonpaged pool; 0x6F (MDL, page, highest page) for device
 * memory. DDI wdm MmProbeAndLockPages.
 */
VOID NTAPI MmProbeAndLockPages(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode,
                               LOCK_OPERATION Operation);
/*
 * Undoes the mapping of the MDL, if it has one, and MmProbeAndLockPages. Bug check 0x4E/7 (page,
 * share count, 0) for pages unlocked more often than locked; in checked mode 0xC4: 0x78 (IRQL, MDL,
 * 0) above DISPATCH_LEVEL; 0x7C (MDL, flags, 0) not locked; 0x7D (MDL, flags, 0) built from
 * nonpaged pool; 0xB4 (MDL, flags, MDL_PARTIAL) a partial one. DDI wdm MmUnlockPages.
 */
VOID NTAPI MmUnlockPages(PMDL MemoryDescriptorList);

/* ---- mapping --------------------------------------------------------------------------------- */

/*
 * Maps the pages of a locked or partial MDL, or of one that MmAllocatePagesForMdlEx made, into
 * system space: readable, writable unless the priority says MdlMappingNoWrite, not executable (on
 * Windows it is, without MdlMappingNoExecute). CacheType counts for pages that nobody has mapped
 * yet; all others stay as they are. NULL when address space runs short; with BugCheckOnFailure
 * 0x3F (0, pages, free, total), unless the MDL has MDL_MAPPING_CAN_FAIL. There is no user space
 * to map into: UserMode raises STATUS_NOT_SUPPORTED. Bug check 0x1A/0x1233 (page, 0, 0): a page
 * that is in use by nobody; checked mode: 0xC4: 0x76, 0x77 (IRQL, MDL, mode) above DISPATCH_LEVEL,
 * for UserMode above APC_LEVEL; 0xB2 (MDL, flags, those that are wrong) mapped already, 0xB3 (MDL,
 * flags, those that are missing) not locked; under the verifier 0x82 (MDL, flags, 0) for
 * BugCheckOnFailure. DDI wdm MmMapLockedPagesSpecifyCache.
 */
PVOID NTAPI MmMapLockedPagesSpecifyCache(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode,
                                         MEMORY_CACHING_TYPE CacheType, PVOID RequestedAddress,
                                         ULONG BugCheckOnFailure, ULONG Priority);
/*
 * The same, cached, at high priority, with BugCheckOnFailure; under the verifier bug check
 * 0xC4/0x81 (MDL, flags, 0). DDI wdm MmMapLockedPages.
 */
PVOID NTAPI MmMapLockedPages(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode);
/*
 * Undoes one of the two. Bug check 0xDA: 6 (MDL, address, pages) the MDL has no mapping of its own,
 * 3 (0, the mapping, address) it is elsewhere, 2 (0, pages mapped, pages asked) it has another
 * length, 4 (0, page mapped, page in the MDL) the MDL's first page has changed. Checked mode:
 * 0xC4/0x79 (IRQL, address, MDL) above DISPATCH_LEVEL. DDI wdm MmUnmapLockedPages.
 */
VOID NTAPI MmUnmapLockedPages(PVOID BaseAddress, PMDL MemoryDescriptorList);

/*
 * Changes what a mapping allows: PAGE_NOACCESS, PAGE_READONLY, PAGE_READWRITE, PAGE_EXECUTE or
 * PAGE_EXECUTE_READ. STATUS_INVALID_PAGE_PROTECTION: another value (PAGE_EXECUTE_READWRITE, too:
 * nothing is writable and executable), or writing to pages of the kernel that are read-only;
 * STATUS_NOT_MAPPED_VIEW: the MDL is not mapped. Bug check 0x1A/0x1235 (MDL, address, entry): the
 * mapping is not that of the MDL's pages. <= DISPATCH_LEVEL. DDI wdm MmProtectMdlSystemAddress.
 */
NTSTATUS NTAPI MmProtectMdlSystemAddress(PMDL MemoryDescriptorList, ULONG NewProtect);

/*
 * Address space for mappings of up to NumberOfBytes bytes, set aside under a tag; NULL when it runs
 * out. Nothing is mapped there. Bug check 0xDA/0x100 (0, tag, caller) for no bytes. <= APC_LEVEL.
 * DDI wdm MmAllocateMappingAddress.
 */
PVOID NTAPI MmAllocateMappingAddress(SIZE_T NumberOfBytes, ULONG PoolTag);
/*
 * Gives it back. Bug check 0xDA: 0x101 (address, tag, its tag) it has another tag, 0x102 (address,
 * tag, 0) there is none, 0x103 (address, tag, pages) it is mapped. <= APC_LEVEL. DDI wdm
 * MmFreeMappingAddress.
 */
VOID NTAPI MmFreeMappingAddress(PVOID BaseAddress, ULONG PoolTag);
/*
 * Maps an MDL there, as MmMapLockedPagesSpecifyCache would, with nothing to run out of: NULL only
 * for an MDL that is too long. MappedSystemVa becomes the address without the MDL's offset, the
 * result has it. Bug check 0xDA: 0x104 (address, tag, its tag), 0x105 (address, tag, 0) as above,
 * 0x107 (address, address, last page) it is mapped. <= DISPATCH_LEVEL. DDI wdm
 * MmMapLockedPagesWithReservedMapping.
 */
PVOID NTAPI MmMapLockedPagesWithReservedMapping(PVOID MappingAddress, ULONG PoolTag,
                                                PMDL MemoryDescriptorList,
                                                MEMORY_CACHING_TYPE CacheType);
/*
 * Undoes that. Bug check 0xDA: 0x108 (address, tag, its tag), 0x109 (address, tag, 0) as above,
 * 0x10A (address, pages, the MDL's) the MDL is longer, 0x10B (address, tag, the MDL's pages) it is
 * not mapped, 0x10C (the same) more is mapped. <= DISPATCH_LEVEL. DDI wdm MmUnmapReservedMapping.
 */
VOID NTAPI MmUnmapReservedMapping(PVOID BaseAddress, ULONG PoolTag, PMDL MemoryDescriptorList);

/*
 * A system address for the buffer, made if there is none yet: NULL when it can't be had. <=
 * DISPATCH_LEVEL. DDI wdm MmGetSystemAddressForMdlSafe.
 */
FORCEINLINE PVOID MmGetSystemAddressForMdlSafe(PMDL Mdl, ULONG Priority)
{
    if (Mdl->MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL)) {
        return Mdl->MappedSystemVa;
    }
    return MmMapLockedPagesSpecifyCache(Mdl, KernelMode, MmCached, NULL, FALSE, Priority);
}

/* The same, with a bug check where that one has NULL. DDI wdm MmGetSystemAddressForMdl. */
FORCEINLINE PVOID MmGetSystemAddressForMdl(PMDL Mdl)
{
    if (Mdl->MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL)) {
        return Mdl->MappedSystemVa;
    }
    return MmMapLockedPages(Mdl, KernelMode);
}

/*
 * Undoes the own mapping of a partial MDL, so that IoBuildPartialMdl may fill it in anew. Does
 * nothing for others. <= DISPATCH_LEVEL. DDI wdm MmPrepareMdlForReuse.
 */
FORCEINLINE VOID MmPrepareMdlForReuse(PMDL Mdl)
{
    if (Mdl->MdlFlags & MDL_PARTIAL_HAS_BEEN_MAPPED) {
        MmUnmapLockedPages(Mdl->MappedSystemVa, Mdl);
    }
}

/* ---- pages for MDLs -------------------------------------------------------------------------- */

/* Flags of MmAllocatePagesForMdlEx. */
#define MM_DONT_ZERO_ALLOCATION               0x00000001 /* whatever the pages held */
#define MM_ALLOCATE_FROM_LOCAL_NODE_ONLY      0x00000002 /* of the thread's ideal processor */
#define MM_ALLOCATE_FULLY_REQUIRED            0x00000004 /* all pages or none */
#define MM_ALLOCATE_NO_WAIT                   0x00000008 /* it never waits here */
#define MM_ALLOCATE_PREFER_CONTIGUOUS         0x00000010 /* runs as long as there are */
#define MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS 0x00000020 /* one run, or aligned ones of SkipBytes */
#define MM_ALLOCATE_FAST_LARGE_PAGES          0x00000040 /* from a cache that is empty here */

/*
 * TotalBytes, rounded up to pages, of memory between two physical addresses, both included, that is
 * mapped nowhere: zeroed, locked, cached by all mappings as CacheType says (MmNotMapped: as the
 * first one). Where that is not enough and SkipBytes not 0, both addresses are moved on by
 * SkipBytes and so on. The MDL says how many bytes it became. NULL without any, for bytes that are
 * no pages (SkipBytes), for flags that are not above. At most 4 GiB - PAGE_SIZE. The pages go back
 * by MmFreePagesFromMdl, the MDL then by ExFreePool. <= DISPATCH_LEVEL (checked: bug check
 * 0xC4/0x7E (IRQL, DISPATCH_LEVEL, 0)). DDI wdm MmAllocatePagesForMdlEx.
 */
PMDL NTAPI MmAllocatePagesForMdlEx(PHYSICAL_ADDRESS LowAddress, PHYSICAL_ADDRESS HighAddress,
                                   PHYSICAL_ADDRESS SkipBytes, SIZE_T TotalBytes,
                                   MEMORY_CACHING_TYPE CacheType, ULONG Flags);
/* The same without flags, cached as the first mapping. DDI wdm MmAllocatePagesForMdl. */
PMDL NTAPI MmAllocatePagesForMdl(PHYSICAL_ADDRESS LowAddress, PHYSICAL_ADDRESS HighAddress,
                                 PHYSICAL_ADDRESS SkipBytes, SIZE_T TotalBytes);
/*
 * Undoes the mapping, if there is one, and gives the pages back, not the MDL. Bug check 0x4E: 0x99
 * pages that are not these routines', or went back before; 0x9A a mapping of a part is left. <=
 * DISPATCH_LEVEL (checked: 0xC4/0x7E). DDI wdm MmFreePagesFromMdl.
 */
VOID NTAPI MmFreePagesFromMdl(PMDL MemoryDescriptorList);
