/*
 * mm.h - the whole private interface of the memory manager: the address map, PTEs, page frames,
 * system address regions, pool page supply, faults. What drivers may call is declared in include/.
 * pfn.c, sysva.c and fault.c open with the theory; docs/memory.md has the pictures.
 */
#pragma once

#include "kernel/ke/ke.h"

/* ---- the address map ------------------------------------------------------------------------- */

/* One top-level slot of 512 GiB is one kind of memory, so that an address shows its kind. */
#define MI_SYSTEM_RANGE_START 0xFFFF800000000000ULL
#define MI_PTE_BASE           0xFFFFF68000000000ULL /* every page table, as one array of PTEs */
#define MI_HYPERSPACE         0xFFFFF70000000000ULL
#define MI_SHARED_DATA        0xFFFFF78000000000ULL
#define MI_DRIVER_IMAGES      0xFFFFF80000000000ULL
#define MI_SYSTEM_PTES        0xFFFFF88000000000ULL
#define MI_KERNEL_STACKS      0xFFFFF90000000000ULL
#define MI_PAGED_POOL         0xFFFFF98000000000ULL
#define MI_PFN_DATABASE       0xFFFFFA0000000000ULL
#define MI_REGION_MAPS        0xFFFFFA4000000000ULL /* bitmaps of the regions */
#define MI_NONPAGED_POOL      0xFFFFFA8000000000ULL
#define MI_EXECUTABLE_POOL    0xFFFFFB0000000000ULL
#define MI_SPECIAL_POOL       0xFFFFFB8000000000ULL
#define MI_DIRECT_MAP         0xFFFFFC0000000000ULL
#define MI_KERNEL_IMAGE       0xFFFFFFFF80000000ULL /* + physical address */
#define MI_HAL_WINDOW         0xFFFFFFFFFFE00000ULL

#define MI_SLOT_BYTES      0x8000000000ULL /* 512 GiB: one entry of the top level */
#define MI_SLOT_PAGES      (MI_SLOT_BYTES / PAGE_SIZE)
#define MI_DIRECT_MAP_SIZE (4 * MI_SLOT_BYTES)
#define MI_USER_PROBE      0x00007FFFFFFF0000ULL

/* What an address is by its place alone; says nothing about whether anything is mapped there. */
typedef enum _MI_VA_KIND {
    MiVaNonCanonical,
    MiVaUser,
    MiVaUnused, /* system space that nothing uses */
    MiVaPageTables,
    MiVaHyperspace,
    MiVaSharedData,
    MiVaDriverImage,
    MiVaSystemPtes,
    MiVaKernelStack,
    MiVaPagedPool,
    MiVaPfnDatabase, /* and the bitmaps of the regions behind it */
    MiVaNonPagedPool,
    MiVaExecutablePool,
    MiVaSpecialPool,
    MiVaDirectMap,
    MiVaKernelImage,
    MiVaHal,
    MiVaKindCount,
} MI_VA_KIND;

/* The kind of an address. Any IRQL; a table look-up. */
MI_VA_KIND MiAddressKind(PVOID Address);
/* "paged pool" and the like, for people. */
const CHAR *MiKindName(MI_VA_KIND Kind);

/* ---- pool page supply (poolpages.c), for mm/pool ---------------------------------------------- */

/*
 * Pages adjacent pages for a pool, NULL when address space, physical memory or commit run short.
 * Bits of PoolType that count: 0 (paged) and 0x200 (no-execute; paged pool always is). Nonpaged
 * pages are backed and hold whatever they held; paged ones appear zeroed at their first touch.
 * IRQL <= DISPATCH_LEVEL, paged <= APC_LEVEL.
 */
PVOID MiAllocatePoolPages(POOL_TYPE PoolType, SIZE_T Pages);
/*
 * Gives an allocation back and returns its pages. Any address that is not the first byte of one is
 * bug check 0xC2, by subcode (contract 4.3): 0x40 user address (address, start of system space, 0);
 * 0x42 system address outside the pools (address, 0, 0), 0x46 NULL; nonpaged: 0x41 nothing is
 * allocated there (address, 0, highest page), 0x47 inside an allocation (address, page, highest
 * page); paged: 0x50 nothing is allocated there (address, page offset in the pool, pool's pages),
 * 0x41286 inside an allocation (address, pages of it in front, page offset in the pool).
 * IRQL as for the allocation.
 */
SIZE_T MiFreePoolPages(PVOID Va);
/* Pages of the allocation that starts at Va, 0 when none does. Same IRQL. */
SIZE_T MiQueryPoolPages(PVOID Va);
