/*
 * reserved.c - address space that a driver sets aside for mappings, so that it can map an MDL
 * without asking for anything when memory is short.
 *
 * Theory. A reservation of system PTEs has one page more than the driver sees, in front. Its entry
 * is never valid; it holds the driver's tag, and says by its file number that this is such a
 * reservation:
 *
 *     PTE   tag, MARK │ 0 │ page │ page │ 0 │ 0        the MDL's pages stand at the beginning
 *                     └ the driver's address
 *
 *   RESV-1  A mapping needs no memory, no commit and no address space: it fails only if the MDL is
 *           too long.
 *   RESV-2  Who shows another tag, another address or another MDL stops at 0xDA (contract 4.5).
 */
#include "kernel/rtl/section.h"
#include "mm/mdl.h"

/* Reasons of bug check 0xDA (contract 4.5). "The mapping" is the driver's address. */
#define RESERVE_NOTHING    0x100
#define FREE_FOREIGN       0x101
#define FREE_EMPTY         0x102
#define FREE_MAPPED        0x103
#define MAP_FOREIGN        0x104
#define MAP_INVALID        0x105
#define MAP_MAPPED         0x107
#define UNMAP_FOREIGN      0x108
#define UNMAP_EMPTY        0x109
#define UNMAP_TOO_MANY     0x10A
#define UNMAP_NOT_MAPPED   0x10B
#define UNMAP_NOT_ENTIRELY 0x10C

#define RESERVED_MARK 0xF /* PageFileLow of the entry in front */

/* The driver's pages of a reservation, 0 if there is none at Va; *Tag is its tag. */
static SIZE_T MiQueryReserved(PVOID Va, PULONG Tag)
{
    PMI_REGION Region = &MiRegions[MiRegionSystemPtes];
    PCHAR Front = (PCHAR)Va - PAGE_SIZE;
    SIZE_T Pages = MiRegionOf(Front) == Region ? MiQueryRegion(Region, Front) : 0;
    MMPTE Value = {.Long = Pages < 2 ? 0 : MiReadPte(MiGetPteAddress(Front)).Long};
    if (Value.Hard.Valid || Value.Soft.PageFileLow != RESERVED_MARK) {
        return 0;
    }
    *Tag = Value.Soft.PageFileHigh;
    return Pages - 1;
}

/* The pages of a reservation; bug check 0xDA/Empty (address, tag, 0), 0xDA/Foreign (.., owner). */
static SIZE_T MiRequireReserved(PVOID Va, ULONG Tag, ULONG Empty, ULONG Foreign)
{
    ULONG Owner;
    SIZE_T Pages = MiQueryReserved(Va, &Owner);
    if (Pages == 0) {
        KeBugCheckEx(SYSTEM_PTE_MISUSE, Empty, (ULONG_PTR)Va, Tag, 0);
    }
    if (Owner != Tag) {
        KeBugCheckEx(SYSTEM_PTE_MISUSE, Foreign, (ULONG_PTR)Va, Tag, Owner);
    }
    return Pages;
}

/* How many pages from Va on are mapped. */
static SIZE_T MiMappedFrom(PVOID Va, SIZE_T Pages)
{
    PMMPTE Pte = MiGetPteAddress(Va);
    SIZE_T Mapped = 0;
    while (Mapped < Pages && MiReadPte(&Pte[Mapped]).Long != 0) {
        Mapped++;
    }
    return Mapped;
}

PVOID NTAPI MmAllocateMappingAddress(SIZE_T NumberOfBytes, ULONG PoolTag)
{
    SIZE_T Pages = BYTES_TO_PAGES(NumberOfBytes);
    KiRequireIrql(APC_LEVEL);
    if (Pages == 0) {
        KeBugCheckEx(SYSTEM_PTE_MISUSE, RESERVE_NOTHING, 0, PoolTag,
                     (ULONG_PTR)__builtin_return_address(0));
    }
    PCHAR Front = MiReserveRegion(MiRegionSystemPtes, Pages + 1);
    if (Front == NULL) {
        return NULL;
    }
    MMPTE Value = {.Soft = {.PageFileLow = RESERVED_MARK, .PageFileHigh = PoolTag}};
    MiWritePte(MiGetPteAddress(Front), Value);
    return Front + PAGE_SIZE;
}
EXPORT(MmAllocateMappingAddress);

VOID NTAPI MmFreeMappingAddress(PVOID BaseAddress, ULONG PoolTag)
{
    KiRequireIrql(APC_LEVEL);
    SIZE_T Pages = MiRequireReserved(BaseAddress, PoolTag, FREE_EMPTY, FREE_FOREIGN);
    PCHAR Front = (PCHAR)BaseAddress - PAGE_SIZE;
    if (MiMappedFrom(BaseAddress, Pages) != 0) {
        KeBugCheckEx(SYSTEM_PTE_MISUSE, FREE_MAPPED, (ULONG_PTR)BaseAddress, PoolTag, Pages);
    }
    MiWritePte(MiGetPteAddress(Front), (MMPTE){.Long = 0});
    MiReleaseRegion(&MiRegions[MiRegionSystemPtes], Front, Pages + 1);
}
EXPORT(MmFreeMappingAddress);

PVOID NTAPI MmMapLockedPagesWithReservedMapping(PVOID MappingAddress, ULONG PoolTag,
                                                PMDL MemoryDescriptorList,
                                                MEMORY_CACHING_TYPE CacheType)
{
    PMDL Mdl = MemoryDescriptorList;
    MiCheckMappable(Mdl);
    SIZE_T Room = MiRequireReserved(MappingAddress, PoolTag, MAP_INVALID, MAP_FOREIGN);
    if (MiMappedFrom(MappingAddress, Room) != 0) {
        KeBugCheckEx(SYSTEM_PTE_MISUSE, MAP_MAPPED, (ULONG_PTR)MappingAddress,
                     (ULONG_PTR)MappingAddress, (ULONG_PTR)MappingAddress + (Room - 1) * PAGE_SIZE);
    }
    if (MiMdlPages(Mdl) > Room) {
        return NULL; /* RESV-1 */
    }
    MiMapMdlPages(Mdl, MappingAddress, CacheType, MM_READWRITE);
    MiSetMapped(Mdl, MappingAddress); /* without the offset: so says the DDI */
    return (PCHAR)MappingAddress + Mdl->ByteOffset;
}
EXPORT(MmMapLockedPagesWithReservedMapping);

VOID NTAPI MmUnmapReservedMapping(PVOID BaseAddress, ULONG PoolTag, PMDL MemoryDescriptorList)
{
    PMDL Mdl = MemoryDescriptorList;
    PVOID Va = PAGE_ALIGN(BaseAddress);
    SIZE_T Pages = MiMdlPages(Mdl);
    KiRequireIrql(DISPATCH_LEVEL);
    SIZE_T Room = MiRequireReserved(Va, PoolTag, UNMAP_EMPTY, UNMAP_FOREIGN);
    SIZE_T Mapped = MiMappedFrom(Va, Room);
    if (Pages > Room) {
        KeBugCheckEx(SYSTEM_PTE_MISUSE, UNMAP_TOO_MANY, (ULONG_PTR)Va, Room, Pages);
    }
    if (Mapped < Pages || Mdl->MappedSystemVa != Va) {
        KeBugCheckEx(SYSTEM_PTE_MISUSE, UNMAP_NOT_MAPPED, (ULONG_PTR)Va, PoolTag, Pages);
    }
    if (Mapped > Pages) {
        KeBugCheckEx(SYSTEM_PTE_MISUSE, UNMAP_NOT_ENTIRELY, (ULONG_PTR)Va, PoolTag, Pages);
    }
    MiUnmapMdlPages(Va, Pages);
    MiSetUnmapped(Mdl);
}
EXPORT(MmUnmapReservedMapping);
