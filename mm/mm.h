/*
 * mm.h - the whole private interface of the memory manager: the address map, PTEs, page frames,
 * system address regions, pool page supply, faults. What drivers may call is declared in include/.
 * pfn.c, sysva.c and fault.c open with the theory; docs/memory.md has the pictures.
 */
#pragma once

#include "kernel/hal/acpi.h"
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
#define MI_BIG_STATES         0xFFFFFA5000000000ULL /* 16 bytes a page of nonpaged pool: mm/pool */
#define MI_SPECIAL_RECORDS    0xFFFFFA6000000000ULL /* of special pool's blocks */
#define MI_NONPAGED_POOL      0xFFFFFA8000000000ULL
#define MI_EXECUTABLE_POOL    0xFFFFFB0000000000ULL
#define MI_SPECIAL_POOL       0xFFFFFB8000000000ULL
#define MI_DIRECT_MAP         0xFFFFFC0000000000ULL
#define MI_KERNEL_IMAGE       0xFFFFFFFF80000000ULL /* + physical address */
#define MI_HAL_WINDOW         0xFFFFFFFFFFE00000ULL

#define MI_SLOT_BYTES      0x8000000000ULL /* 512 GiB: one entry of the top level */
#define MI_SLOT_PAGES      (MI_SLOT_BYTES / PAGE_SIZE)
#define MI_DIRECT_MAP_SIZE (4 * MI_SLOT_BYTES)
#define MI_USER_END        0x0000800000000000ULL /* behind the last canonical user address */

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
    MiVaPfnDatabase, /* and the bitmaps and records behind it */
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

/* MmIsAddressValid at any IRQL: for what describes the machine while it stops. */
BOOLEAN NTAPI MiIsAddressValid(PVOID VirtualAddress);
/* "paged pool" and the like, for people. */
const CHAR *MiKindName(MI_VA_KIND Kind);

/* ---- pool page supply (poolpages.c), for mm/pool --------------------------------------------- */

/*
 * Pages adjacent pages for a pool, NULL when address space, physical memory or commit run short.
 * Bits of PoolType that count: 0 (paged) and 0x200 (no-execute; paged pool always is). Nonpaged
 * pages are backed and hold whatever they held; paged ones appear zeroed at their first touch.
 * IRQL <= DISPATCH_LEVEL, paged <= APC_LEVEL.
 */
PVOID MiAllocatePoolPages(POOL_TYPE PoolType, SIZE_T Pages);
/*
 * The same with nonpaged pool's pages of a chosen node (MiAllocatePageOf), or MI_ANY_NODE.
 */
PVOID MiAllocatePoolPagesOf(POOL_TYPE PoolType, SIZE_T Pages, ULONG Node);
/* Has promised pages leave memory before others once they were touched (WS-3). */
VOID MiMakeCold(PVOID Va, SIZE_T Pages);
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
/* Pages that a pool can still get, and could get if nobody had any. A look: it may change. */
VOID MiQueryPoolSupply(POOL_TYPE PoolType, PSIZE_T Free, PSIZE_T Maximum);

/* ---- page table entries (contract 3.6) ------------------------------------------------------- */

typedef struct _MMPTE_HARDWARE {
    ULONG64 Valid : 1;
    ULONG64 Dirty1 : 1; /* what the processor takes for "may be written" */
    ULONG64 Owner : 1;  /* user mode may touch it */
    ULONG64 WriteThrough : 1;
    ULONG64 CacheDisable : 1;
    ULONG64 Accessed : 1;
    ULONG64 Dirty : 1;
    ULONG64 LargePage : 1;
    ULONG64 Global : 1;
    ULONG64 CopyOnWrite : 1;
    ULONG64 Prototype : 1;
    ULONG64 Write : 1; /* what the memory manager takes for "may be written" */
    ULONG64 PageFrameNumber : 36;
    ULONG64 ReservedForHardware : 4;
    ULONG64 SoftwareWsIndex : 11;
    ULONG64 NoExecute : 1;
} MMPTE_HARDWARE;

/* Not valid, not in transition: demand zero (no page file, offset 0), or where the contents are. */
typedef struct _MMPTE_SOFTWARE {
    ULONG64 Valid : 1;
    ULONG64 PageFileLow : 4; /* number of the paging file */
    ULONG64 Protection : 5;  /* MM_...; 0: no access, the address means nothing */
    ULONG64 Prototype : 1;
    ULONG64 Transition : 1;
    ULONG64 UsedPageTableEntries : 10;
    ULONG64 Cold : 1; /* the page is to leave memory before others */
    ULONG64 Reserved : 9;
    ULONG64 PageFileHigh : 32; /* page offset in the paging file */
} MMPTE_SOFTWARE;

typedef struct _MMPTE_TRANSITION {
    ULONG64 Valid : 1;
    ULONG64 Write : 1;
    ULONG64 Owner : 1;
    ULONG64 WriteThrough : 1;
    ULONG64 CacheDisable : 1;
    ULONG64 Protection : 5;
    ULONG64 Prototype : 1;
    ULONG64 Transition : 1;
    ULONG64 PageFrameNumber : 36;
    ULONG64 Unused : 16;
} MMPTE_TRANSITION;

typedef struct _MMPTE_PROTOTYPE {
    ULONG64 Valid : 1;
    ULONG64 Unused0 : 7;
    ULONG64 ReadOnly : 1;
    ULONG64 Unused1 : 1;
    ULONG64 Prototype : 1;
    ULONG64 Protection : 5;
    LONG64 ProtoAddress : 48;
} MMPTE_PROTOTYPE;

typedef struct _MMPTE_LIST {
    ULONG64 Valid : 1;
    ULONG64 OneEntry : 1;
    ULONG64 Unused0 : 8;
    ULONG64 Prototype : 1;
    ULONG64 Transition : 1;
    ULONG64 Unused1 : 20;
    ULONG64 NextEntry : 32;
} MMPTE_LIST;

typedef union _MMPTE {
    ULONG64 Long;
    MMPTE_HARDWARE Hard;
    MMPTE_SOFTWARE Soft;
    MMPTE_TRANSITION Trans;
    MMPTE_PROTOTYPE Proto;
    MMPTE_LIST List;
} MMPTE, *PMMPTE;
_Static_assert(sizeof(MMPTE) == 8, "contract 3.6; the bits are held by the test mm/pte/formats");

/* Protections of a software PTE, as NT numbers them. */
#define MM_READONLY          1
#define MM_EXECUTE_READ      3
#define MM_READWRITE         4
#define MM_EXECUTE_READWRITE 6
#define MM_NOCACHE           8 /* added to one of the others */

#define MI_PTES_PER_TABLE  512
#define MI_LARGE_PAGE_SIZE 0x200000ULL
#define MI_SELF_MAP_SLOT   0x1ED
#define MI_TOP_LEVEL       4 /* levels of page tables: 4 PXE, 3 PPE, 2 PDE, 1 PTE */

static inline PMMPTE MiGetPteAddress(PCVOID Va)
{
    return (PMMPTE)(MI_PTE_BASE + (((ULONG_PTR)Va >> 9) & 0x7FFFFFFFF8ULL));
}
static inline PMMPTE MiGetPdeAddress(PCVOID Va)
{
    return MiGetPteAddress(MiGetPteAddress(Va));
}
static inline PMMPTE MiGetPpeAddress(PCVOID Va)
{
    return MiGetPteAddress(MiGetPdeAddress(Va));
}
static inline PMMPTE MiGetPxeAddress(PCVOID Va)
{
    return MiGetPteAddress(MiGetPpeAddress(Va));
}
/* The first address that a PTE maps. */
static inline PVOID MiPteToAddress(PMMPTE Pte)
{
    return (PVOID)((LONG_PTR)((ULONG_PTR)Pte << 25) >> 16);
}

/* Bytes of address space behind an entry of Level (1..4). */
static inline ULONG64 MiEntryBytes(ULONG Level)
{
    return (ULONG64)PAGE_SIZE << 9 * (Level - 1);
}

/* What the processor finds for an address, level by level from the top. */
typedef struct _MI_WALK {
    PMMPTE Entry; /* the first that is not valid, a large page's PDE, or the PTE */
    MMPTE Value;  /* its contents when it was read */
    ULONG Level;  /* 4..1 */
    BOOLEAN Valid;
    BOOLEAN Writable;  /* all levels together */
    BOOLEAN User;      /* all levels together: user mode may touch it */
    BOOLEAN NoExecute; /* any level */
} MI_WALK, *PMI_WALK;

/* The entry of Va at Level (1..4) through the self map; those above it must be valid. */
PMMPTE MiEntryAddress(PCVOID Va, ULONG Level);
/* Any canonical address, any IRQL; touches page tables only. */
VOID MiWalkTables(PCVOID Va, PMI_WALK Walk);
/* A valid PTE: supervisor, global, accessed and (if writable) dirty. */
MMPTE MiMakeValidPte(PFN_NUMBER Pfn, ULONG Protection);
/* The entry of a higher level that points at the page table in page Pfn. */
MMPTE MiMakeTableEntry(PFN_NUMBER Pfn);
extern SIZE_T MiPageTablePages; /* made since start-up */
/* A software PTE of a page that is zero until touched. */
MMPTE MiMakeDemandZeroPte(ULONG Protection);
/* Stores a PTE in one access, as the processor may read it meanwhile. */
static inline VOID MiWritePte(PMMPTE Pte, MMPTE Value)
{
    __atomic_store_n(&Pte->Long, Value.Long, __ATOMIC_RELEASE);
}
static inline MMPTE MiReadPte(const MMPTE *Pte)
{
    return (MMPTE){__atomic_load_n(&Pte->Long, __ATOMIC_ACQUIRE)};
}
/*
 * Makes sure that page tables exist for Pages pages from Va on, charging commit for new ones; FALSE
 * when commit runs out. Page tables of system space are never taken away. <= DISPATCH_LEVEL.
 */
BOOLEAN MiCreatePageTables(PVOID Va, SIZE_T Pages);
/*
 * Maps an allocated page that has no mapping yet: the entry becomes its PteAddress and first share.
 */
VOID MiMapPage(PMMPTE Pte, PFN_NUMBER Pfn, ULONG Protection);
/*
 * Backs Pages reserved pages from Va on with memory of undefined contents, of a chosen
 * node (MiAllocatePageOf) or MI_ANY_NODE; FALSE (and nothing backed) when it runs out. The caller
 * has charged commit.
 */
BOOLEAN MiBackPages(PVOID Va, SIZE_T Pages, ULONG Protection, ULONG Node);
/*
 * Unmaps Pages pages from Va on, whatever state their PTEs are in, and frees the pages behind them;
 * all PTEs are zero then and no processor remembers them. Returns how many pages were freed.
 */
SIZE_T MiUnmapAndFreePages(PVOID Va, SIZE_T Pages);
/*
 * What a PTE is between losing its page and becoming zero: the page's number, and no promise.
 * Marked as a prototype, which no other PTE here is, so that the number is taken for no slot.
 */
static inline MMPTE MiMakeDyingPte(PFN_NUMBER Pfn)
{
    MMPTE Value = {.Long = 0};
    Value.Hard.Prototype = 1;
    Value.Hard.PageFrameNumber = Pfn;
    return Value;
}
/*
 * Unmaps Pages pages from Va on that are not the page lists' business: device registers, shared
 * pages.
 */
VOID MiUnmapForeignPages(PVOID Va, SIZE_T Pages);
/* Makes all processors forget their translations of Pages pages from Va on (FLUSH-1). */
static inline VOID MiFlushTlb(PVOID Va, SIZE_T Pages)
{
    KiFlushTranslations(Va, Pages);
}
/* The same for all of system space, global entries too. */
static inline VOID MiFlushEntireTlb(VOID)
{
    KiFlushAllTranslations();
}

/* ---- the lock of short sections -------------------------------------------------------------- */

/*
 * Interrupts off, then spin: for sections of some dozen instructions at any IRQL. Writing CR8, as
 * KeAcquireSpinLock does, costs 235 to 1,100 ticks under emulation, cli and sti together 107.
 * Returns what MiReleaseLock wants back.
 */
static inline ULONG64 MiAcquireLock(PKSPIN_LOCK Lock)
{
    ULONG64 Flags = KiDisableInterrupts();
    while (__atomic_exchange_n(Lock, 1, __ATOMIC_ACQUIRE) != 0) {
        while (__atomic_load_n(Lock, __ATOMIC_RELAXED) != 0) {
            __asm__ volatile("pause");
        }
    }
    return Flags;
}
static inline VOID MiReleaseLock(PKSPIN_LOCK Lock, ULONG64 Flags)
{
    __atomic_store_n(Lock, 0, __ATOMIC_RELEASE);
    KiRestoreInterrupts(Flags);
}

/* ---- quiet counters (pressure.c) ------------------------------------------------------------- */

/*
 * The values of a counter, Count of them from First on, at which no pressure event changes. Whoever
 * moves the counter compares, and reports a value that lies outside (PRESS-2).
 */
typedef struct _MI_QUIET {
    SIZE_T First, Count;
} MI_QUIET, *PMI_QUIET;

static inline BOOLEAN MiIsLoud(const MI_QUIET *Quiet, SIZE_T Value)
{
    return Value - Quiet->First >= Quiet->Count;
}
/* Has the pressure events looked at again. Any IRQL. */
VOID MiReportPressure(VOID);

/* ---- page frames (pfn.c) --------------------------------------------------------------------- */

#define MI_NO_PAGE        0ULL        /* page 0 is never given out: its number means "none" */
#define MI_FIRST_MEGABYTE 0x100ULL    /* the page behind it */
#define MI_FOUR_GIGABYTES 0x100000ULL /* the page behind it */
#define MI_SECTION_PAGES  0x1000ULL   /* the database exists in steps of 16 MiB of memory */
#define MI_MAX_PAGES      (MI_DIRECT_MAP_SIZE / PAGE_SIZE)
#define MI_MAX_SECTIONS   (MI_MAX_PAGES / MI_SECTION_PAGES)

/* States of a page, in NT's order; the first six are lists. */
typedef enum _MMLISTS {
    ZeroedPageList,
    FreePageList,
    StandbyPageList,
    ModifiedPageList,
    ModifiedNoWritePageList,
    BadPageList,
    ActiveAndValid,
    TransitionPage,
} MMLISTS;

typedef struct _MMPFN {
    PFN_NUMBER Flink; /* the next on its list; MI_NO_PAGE at the end and for a page on none */
    union {
        PFN_NUMBER Blink;     /* on a list */
        ULONG_PTR ShareCount; /* active: PTEs that map it */
    } u2;
    PMMPTE PteAddress;     /* the PTE that maps it, NULL without one */
    MMPTE OriginalPte;     /* what that PTE is without the page: where the contents also are */
    PFN_NUMBER PteFrame;   /* the page table that holds PteAddress */
    USHORT ReferenceCount; /* 1 while allocated, more while locked for I/O */
    UCHAR PageLocation;    /* MMLISTS */
    UCHAR Flags;           /* MI_PAGE_... of a pageable page: paging.h */
    USHORT Node;
    UCHAR Priority;  /* of a pageable page: the list it is on when it is standby */
    BOOLEAN Present; /* FALSE: no memory that the memory manager owns */
} MMPFN, *PMMPFN;
_Static_assert(sizeof(MMPFN) == 48, "a section of the database is a whole number of pages");

typedef struct _MMPFNLIST {
    PFN_NUMBER Total;
    MMLISTS ListName;
    PFN_NUMBER Flink;
    PFN_NUMBER Blink;
} MMPFNLIST, *PMMPFNLIST;

/* Where memory lies; the order is that of giving it out. */
typedef enum _MI_ZONE {
    MiZoneHigh,          /* from 4 GiB on */
    MiZoneLow,           /* below: for devices that cannot reach higher */
    MiZoneFirstMegabyte, /* only for whoever asks for it by address */
    MiZoneCount,
} MI_ZONE;

#define MI_PAGE_PRIORITIES 8 /* of standby pages; those of the lowest are reused first */

/* The pages of one NUMA node that nobody has; a node without memory has none (nodes.c). */
typedef struct _MI_NODE {
    KSPIN_LOCK Lock;
    PFN_NUMBER AvailablePages; /* zeroed, free and standby, the first megabyte's not counted */
    MI_QUIET Quiet;            /* of AvailablePages */
    PFN_NUMBER Reserve;        /* pages that only faults may take */
    PFN_NUMBER LowWater;       /* with fewer available, the balance set manager is called */
    MMPFNLIST Lists[MiZoneCount][2]; /* zeroed, free */
    MMPFNLIST BadList;
    MMPFNLIST Modified, NoWrite;
    MMPFNLIST Standby[MI_PAGE_PRIORITIES];
} DECLSPEC_ALIGN(1024) MI_NODE, *PMI_NODE;

_Static_assert(sizeof(MI_NODE) == 1024, "found by a shift");

#define MI_MAX_NODES HAL_MAX_NODES
#define MI_ANY_NODE  MAXULONG /* the processor's, or the nearest that has some */

/* What is known of a node beside its lists; only the last changes behind start-up. */
typedef struct _MI_NODE_PLACE {
    PFN_NUMBER Pages;         /* of memory */
    PFN_NUMBER First, Last;   /* its pages lie between these, others may as well; 0 without any */
    UCHAR Hops[MI_MAX_NODES]; /* all nodes, itself first, then by distance, then by number */
    ULONG64 Lent;             /* pages that it gave where another node had none left */
} MI_NODE_PLACE, *PMI_NODE_PLACE;

extern MI_NODE MiNodes[MI_MAX_NODES];
extern MI_NODE_PLACE MiNodePlaces[MI_MAX_NODES];
extern ULONG MiNodeCount;
extern PFN_NUMBER MmLowestPhysicalPage, MmHighestPhysicalPage, MmNumberOfPhysicalPages;
extern ULONG64 MiSections[MI_MAX_SECTIONS / 64]; /* a bit a section that the database has */

static inline PMMPFN MiPfnEntry(PFN_NUMBER Pfn)
{
    return (PMMPFN)MI_PFN_DATABASE + Pfn;
}
/* TRUE for a page that the memory manager owns; any number may be asked for. */
static inline BOOLEAN MiIsPfn(PFN_NUMBER Pfn)
{
    PFN_NUMBER Section = Pfn / MI_SECTION_PAGES;
    return Pfn < MI_MAX_PAGES && (MiSections[Section / 64] >> (Section % 64) & 1) &&
           MiPfnEntry(Pfn)->Present;
}
/* Where the direct map has a page of memory. */
static inline PVOID MiPfnToAddress(PFN_NUMBER Pfn)
{
    return (PVOID)(MI_DIRECT_MAP + Pfn * PAGE_SIZE);
}
static inline VOID MiZeroPage(PFN_NUMBER Pfn)
{
    PVOID To = MiPfnToAddress(Pfn);
    SIZE_T Quads = PAGE_SIZE / 8;
    __asm__ volatile("rep stosq" : "+D"(To), "+c"(Quads) : "a"(0ULL) : "memory");
}

typedef enum _MI_PAGE_CONTENTS { MiPageAny, MiPageZeroed } MI_PAGE_CONTENTS;

/*
 * Takes one page, of the processor's node, else of the nearest that has one: active, referenced
 * once, mapped nowhere. MI_NO_PAGE when there is none. O(1) but for zeroing. The caller charges
 * commit first (MiChargeCommit). <= DISPATCH_LEVEL.
 */
PFN_NUMBER MiAllocatePage(MI_PAGE_CONTENTS Contents);
/* The same for a page fault, which may have the pages that are kept back for faults. */
PFN_NUMBER MiAllocatePageForFault(MI_PAGE_CONTENTS Contents);
/*
 * The same of a node that the caller chooses: of that only, or with MM_ANY_NODE_OK of those nearest
 * to it as well.
 */
PFN_NUMBER MiAllocatePageOf(ULONG Node, MI_PAGE_CONTENTS Contents);
/*
 * Gives back a page that nothing maps. Bug check 0x4E: 2 (page, highest page, 0) no page of ours;
 * 0x99 (page, state, 0) it is not allocated, or still mapped (state 6); 0x9A (page, state,
 * references) it is locked. <= DISPATCH_LEVEL.
 */
VOID MiFreePage(PFN_NUMBER Pfn);
/* The same with the lock of the page's node held. */
VOID MiFreePageLocked(PMI_NODE Node, PFN_NUMBER Pfn);
/*
 * Takes Count adjacent pages between Lowest and Highest (both included) that do not cross a
 * multiple of Boundary pages (0: no matter), of one node, the nearest that has them, or else across
 * nodes. Returns the first, MI_NO_PAGE when there are none. Pages below 1 MiB only when Highest
 * lies there. Looks at each page once a node. <= DISPATCH_LEVEL.
 */
PFN_NUMBER MiAllocateContiguousPages(PFN_NUMBER Count, PFN_NUMBER Lowest, PFN_NUMBER Highest,
                                     PFN_NUMBER Boundary);
/* The same of one node only, or of any (MI_ANY_NODE). */
PFN_NUMBER MiAllocateContiguousPagesOf(PFN_NUMBER Count, PFN_NUMBER Lowest, PFN_NUMBER Highest,
                                       PFN_NUMBER Boundary, ULONG Node);
/* Gives pages back one by one, as MiFreePage. */
VOID MiFreePages(PFN_NUMBER First, PFN_NUMBER Count);
/* Clears up to Limit free pages and puts them on the zeroed list; returns how many. */
SIZE_T MiZeroFreePages(SIZE_T Limit);
/* Pages that MiAllocatePage can still give. */
PFN_NUMBER MiAvailablePages(VOID);
/* Pages on the lists of one name (ZeroedPageList to BadPageList), all zones and priorities. */
PFN_NUMBER MiPagesOnList(MMLISTS Name);
PFN_NUMBER MiPagesOnNode(ULONG Node, MMLISTS Name);
/* "Zeroed", "Active" and so on. */
const CHAR *MiPageStateName(ULONG State);
/* The node of the processor that runs this; it may be another one's by the time it is used. */
static inline ULONG MiCurrentNode(VOID)
{
    return KeGetCurrentPrcb()->Node;
}
/* Has the balance set manager look after memory, and those who wait for a page. Any IRQL. */
VOID MiCallBalanceManager(VOID);
extern LONG MiPageWaiters; /* threads that wait for a page */
/*
 * Gives up a node's lock, and reports when its pages have become many or few, or somebody waits.
 */
static inline VOID MiReleaseNode(PMI_NODE Node, ULONG64 State)
{
    BOOLEAN Loud = MiIsLoud(&Node->Quiet, Node->AvailablePages);
    BOOLEAN Low = Node->AvailablePages < Node->LowWater;
    MiReleaseLock(&Node->Lock, State);
    if (Loud) {
        MiReportPressure();
    }
    if (Low || __atomic_load_n(&MiPageWaiters, __ATOMIC_RELAXED) != 0) {
        MiCallBalanceManager();
    }
}
static inline PMI_NODE MiNodeOf(PFN_NUMBER Pfn)
{
    return &MiNodes[MiPfnEntry(Pfn)->Node];
}
/* Takes a page off its list, whatever it has. The node's lock is held. */
VOID MiUnlinkPage(PMI_NODE Node, PFN_NUMBER Pfn);
/* The same for another use: the contents of a standby page are forgotten (PFN-7). */
VOID MiTakePage(PMI_NODE Node, PFN_NUMBER Pfn);
/* Puts a page on a list. The node's lock is held, or the machine is not up yet. */
VOID MiInsertPage(PMI_NODE Node, PFN_NUMBER Pfn, MMLISTS Name);
/*
 * Puts a page that keeps its contents, and the transition PTE that leads to it, at the end of the
 * list Name (standby, by its priority; modified; modified, no write). The node's lock is held.
 */
VOID MiInsertPageAtEnd(PMI_NODE Node, PFN_NUMBER Pfn, MMLISTS Name);

/* ---- commit (commit.c) ----------------------------------------------------------------------- */

extern SIZE_T MmTotalCommittedPages, MmTotalCommitLimit, MmPeakCommittedPages;
extern MI_QUIET MiQuietCommit; /* of MmTotalCommittedPages */
/*
 * Promises Pages pages of memory to the caller, so that a fault always finds one; FALSE when that
 * would pass the limit. Any IRQL.
 */
BOOLEAN MiChargeCommit(SIZE_T Pages);
VOID MiReturnCommit(SIZE_T Pages);

/* ---- pages that must stay (pin.c) ------------------------------------------------------------ */

/*
 * Brings the page of an address in, for writing if Write, and adds a reference so that it stays;
 * *Pfn is its number. STATUS_ACCESS_VIOLATION: there is none, or it may not be written.
 * STATUS_INSUFFICIENT_RESOURCES: it has as many references as can be counted. Device memory has no
 * references: *Pfn is no MiIsPfn then. <= APC_LEVEL if the page may be out of memory, else <=
 * DISPATCH_LEVEL.
 */
NTSTATUS MiPinPage(PVOID Va, BOOLEAN Write, PPFN_NUMBER Pfn);
/* One more reference to a page that has one. FALSE: it has none, or all that can be counted. */
BOOLEAN MiPinFrame(PFN_NUMBER Pfn);
/*
 * Takes a reference back. Bug check 0x4E/7 (page, share count, 0) when only the owner's is left.
 * <= DISPATCH_LEVEL.
 */
VOID MiUnpinPage(PFN_NUMBER Pfn);

/*
 * Marks of active pages that no fault brought in, in OriginalPte.Soft.PageFileLow: what a routine
 * that gets them back knows them by. The protection there says how the page is cached, 0 if that is
 * not decided.
 */
#define MI_MARK_MDL_PAGE   0xD /* MmAllocatePagesForMdl: in no region */
#define MI_MARK_CONTIGUOUS 0xE /* first of a block; PageFileHigh: its pages */
#define MI_MARK_NONCACHED  0xF /* the same */

/* ---- regions of system address space (sysva.c) ----------------------------------------------- */

typedef enum _MI_REGION_ID {
    MiRegionNonPagedPool,
    MiRegionExecutablePool,
    MiRegionPagedPool,
    MiRegionSystemPtes,
    MiRegionKernelStacks,
    MiRegionDriverImages,
    MiRegionCount,
} MI_REGION_ID;

typedef struct _MI_REGION {
    KSPIN_LOCK Lock;
    ULONG64 Base;
    SIZE_T Size;      /* pages of address space */
    SIZE_T Limit;     /* pages that may be in use at a time */
    RTL_BITMAP InUse; /* a bit a page, as far as memory backs them */
    RTL_BITMAP Last;  /* set for the last page of each reservation; as large as InUse */
    ULONG LowestFree; /* page; may be the first behind the bitmaps */
    ULONG Tabled;     /* the pages below have page tables, which stay (PTE-1) */
    SIZE_T PagesInUse;
    SIZE_T PeakPages;
    MI_QUIET Quiet; /* of PagesInUse */
} DECLSPEC_ALIGN(64) MI_REGION, *PMI_REGION;

extern MI_REGION MiRegions[MiRegionCount];

/* The region that an address lies in, NULL when in none. */
PMI_REGION MiRegionOf(PVOID Va);
/*
 * Reserves Pages adjacent pages of address space with page tables, all PTEs zero; NULL when the
 * region, memory or commit run out. <= DISPATCH_LEVEL.
 */
PVOID MiReserveRegion(MI_REGION_ID Id, SIZE_T Pages);
/* Pages of the reservation that starts at Va; 0 when none starts there. */
SIZE_T MiQueryRegion(PMI_REGION Region, PVOID Va);
/* TRUE when the page of Va is part of a reservation; *Offset is its page number in that. */
BOOLEAN MiFindInRegion(PMI_REGION Region, PVOID Va, PSIZE_T Offset);
/* Gives back a whole reservation of Pages pages whose PTEs are zero again. */
VOID MiReleaseRegion(PMI_REGION Region, PVOID Va, SIZE_T Pages);

/*
 * Has a zeroed page behind the page of Va, which is one of mm's own records; it stays. FALSE when
 * memory or commit ran out. Whoever calls lets nobody else do so for the same page.
 */
BOOLEAN MiBackMapPage(PVOID Va);

/* ---- special pool's pages (special.c), for mm/pool ------------------------------------------- */

/* A quarter of the slot for each pool, in the order of their regions; the last is not used. */
#define MI_SPECIAL_PART      (MI_SLOT_BYTES / 4)
#define MI_SPECIAL_PARTS     (MiRegionPagedPool + 1)
#define MI_SPECIAL_RESERVE   0x100 /* pages that special pool leaves to everybody else */
#define MI_SPECIAL_NO_RECORD MAXULONG

typedef enum _MI_SPECIAL_STATE {
    MiSpecialBusy, /* between the others */
    MiSpecialLive,
    MiSpecialFreed,
} MI_SPECIAL_STATE;

/* What is known of the block of one page, and after its free of the last one there. */
typedef struct _MI_SPECIAL_RECORD {
    PUCHAR Block; /* where the caller's bytes begin */
    PVOID Caller; /* who asked for it */
    PVOID FreedBy;
    ULONG Tag;
    ULONG Next;       /* record of the page that is free next */
    USHORT Bytes;     /* as asked for */
    UCHAR Pattern;    /* of the bytes around the block */
    BOOLEAN Underrun; /* the block is at the start of its page, not at the end */
    UCHAR State;      /* MI_SPECIAL_STATE */
} MI_SPECIAL_RECORD, *PMI_SPECIAL_RECORD;
_Static_assert(sizeof(MI_SPECIAL_RECORD) == 40, "102 records a page");

/* One part of special pool. */
typedef struct _MI_SPECIAL_POOL_PART {
    KSPIN_LOCK Lock;
    ULONG Records;   /* pages that were given out at least once */
    ULONG Limit;     /* so many at most; as many as the machine has pages, or as a test says */
    ULONG FirstFree; /* the page that has been free for longest, MI_SPECIAL_NO_RECORD without one */
    ULONG LastFree;
    ULONG Live, Peak;
} MI_SPECIAL_POOL_PART, *PMI_SPECIAL_POOL_PART;

extern MI_SPECIAL_POOL_PART MiSpecialParts[MI_SPECIAL_PARTS];

VOID MiInitializeSpecialPool(VOID);
/*
 * A page (of Node, as MiAllocatePoolPagesOf takes it) between two that are never mapped, with
 * undefined contents, of the part that goes with Pool; its record is busy, with Block at the page's
 * start. NULL when pages or address space run short. <= DISPATCH_LEVEL.
 */
PMI_SPECIAL_RECORD MiAllocateSpecialPage(MI_REGION_ID Pool, ULONG Node);
/*
 * Unmaps the page of a record that is busy, for good: its address comes back only when all that
 * were freed before it have, and when every address of the part has been used. <= DISPATCH_LEVEL.
 */
VOID MiFreeSpecialPage(PMI_SPECIAL_RECORD Record);
/* Changes a record's state; FALSE when it was not From: of two frees that race one is second. */
BOOLEAN MiChangeSpecial(PMI_SPECIAL_RECORD Record, MI_SPECIAL_STATE From, MI_SPECIAL_STATE To);

/* What lies at an address of special pool. Any IRQL, takes no lock. */
typedef struct _MI_SPECIAL_PLACE {
    MI_REGION_ID Pool;
    PMI_SPECIAL_RECORD Record; /* of the page, or of the nearest block beside a guard page */
    BOOLEAN Guard;             /* the page is one that is never mapped */
} MI_SPECIAL_PLACE, *PMI_SPECIAL_PLACE;
/*
 * FALSE for addresses where no page has been given out. A guard page belongs to the live block in
 * front of it, or else behind it, or else to one that was freed.
 */
BOOLEAN MiFindSpecial(PVOID Address, PMI_SPECIAL_PLACE Place);
/* Whether the page may be writable and executable: the executable pool's part (WX-1). */
static inline BOOLEAN MiIsSpecialExecutable(ULONG_PTR Va)
{
    return (Va - MI_SPECIAL_POOL) / MI_SPECIAL_PART == MiRegionExecutablePool;
}

/* ---- kernel stacks (stack.c) ----------------------------------------------------------------- */

#define KERNEL_STACK_PAGES 6 /* 24 KB */

/*
 * A stack of 24 KB over a guard page. Returns its base, the address above its highest byte, where
 * RSP starts; NULL when memory runs out. <= DISPATCH_LEVEL.
 */
PVOID MiAllocateKernelStack(VOID);
/* The same with pages of a chosen node, as MiBackPages. */
PVOID MiAllocateKernelStackOf(ULONG Node);
/* Bug check 0xDA, 3 (0, 0, base) when no stack has this base. <= DISPATCH_LEVEL. */
VOID MiFreeKernelStack(PVOID StackBase);

/* ---- faults (fault.c) ------------------------------------------------------------------------ */

/*
 * A loaded or unloaded driver image, so that a fault can be laid at its door; the loader fills
 * these.
 */
typedef struct _MI_IMAGE_RANGE {
    ULONG_PTR Start; /* 0: slot not used */
    ULONG_PTR End;   /* behind the last byte */
    BOOLEAN Unloaded;
    CHAR Name[31];
} MI_IMAGE_RANGE, *PMI_IMAGE_RANGE;
#define MI_MAX_IMAGES 64
extern MI_IMAGE_RANGE MiImageRanges[MI_MAX_IMAGES];

typedef struct _MI_FAULT_COUNTERS {
    ULONG64 Total;
    ULONG64 DemandZero;
    ULONG64 Spurious; /* the entry was good by the time it was looked at */
} MI_FAULT_COUNTERS;
extern MI_FAULT_COUNTERS MiFaults;

KI_PAGE_FAULT_ROUTINE MmAccessFault;
/*
 * The status of a fault was raised, and nobody handled it: bug check 0x50, 0xF for a user address,
 * 0x7A (PTE's address, status, PTE, address) for a page that could not be read.
 */
KI_UNHANDLED_FAULT_ROUTINE MiStopOnUnhandledFault;

/* ---- start-up (init.c) ----------------------------------------------------------------------- */

/* Once, on processor 0, interrupts off. Needs the page tables of boot/entry.S. */
VOID MmInitialize(PBOOT_INFORMATION BootInformation);
/* Unmaps the kernel's init section and gives its pages to the page lists. */
VOID MmFreeBootMemory(VOID);

/* What the walk of all page tables found. */
typedef enum _MI_WX_PROBLEM { MiWxNone, MiWxWritableExecutable, MiWxTextAlias } MI_WX_PROBLEM;
typedef struct _MI_WX_FINDING {
    MI_WX_PROBLEM Problem;
    PVOID Address;
    PMMPTE Entry;
    MMPTE Value;
    SIZE_T Leaves; /* mappings looked at */
} MI_WX_FINDING, *PMI_WX_FINDING;
/*
 * Walks all page tables for a page that is both writable and executable outside the executable
 * pool, and for a writable mapping of the kernel's text. FALSE when one is found.
 */
BOOLEAN MiCheckWritableExecutable(PMI_WX_FINDING Finding);
/* Bug check 0x1A, 0x411 (entry, contents, address) when that walk finds something. */
VOID MiAssertNoWritableExecutable(VOID);

/* linker.ld */
extern CHAR KiImageStart[], KiTextStart[], KiTextEnd[], KiRodataStart[], KiRodataEnd[];
extern CHAR KiDataStart[], KiDataEnd[], KiInitStart[], KiInitEnd[], KiImageEnd[];
