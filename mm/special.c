/*
 * special.c - the pages of special pool: one for each block, between pages that are never there.
 *
 * Theory. Each of the three pools has a part of special pool's address range, so that an address
 * tells its pool. In a part every second page can hold a block; the pages between are guards and
 * never get one. So whatever runs over an end of its page faults, whatever the neighbour does.
 *
 *   page     0        1        2        3        4        5
 *        | guard | record 0 | guard | record 1 | guard | record 2 | ...
 *
 * What is known of a block (its place, size, tag, who asked for it) is kept apart from it, in an
 * array of records at MI_SPECIAL_RECORDS that grows as pages are used for the first time. It can't
 * be damaged by what the block's owner does, may be read at any IRQL, and outlives the block: a
 * fault on a freed page can still say whose it was.
 *
 * A page that is freed is unmapped and given back; its address goes to the end of a queue and is
 * used again only when the part's addresses have all been used once, oldest first. So a stale
 * pointer faults for as long as there is address space, which costs a record and half a PTE a page.
 *
 *   SPECIAL-1  Guard pages are never mapped.
 *   SPECIAL-2  A page is mapped exactly while its record is live or busy.
 *   SPECIAL-3  Freed addresses are used again in the order of their frees, and not before every
 *              address of the part was used.
 *   SPECIAL-4  The last MI_SPECIAL_RESERVE available pages are not taken.
 *   SPECIAL-5  A record that exists is readable at any IRQL.
 */
#include "mm/mm.h"
#include "kernel/rtl/section.h"

#define PAGES_A_RECORD  2
#define RECORDS_OF_PART (MI_SPECIAL_PART / PAGE_SIZE / PAGES_A_RECORD)
/* Address space for the records of a part, in whole pages. */
#define RECORD_BYTES                                                                               \
    ((RECORDS_OF_PART * sizeof(MI_SPECIAL_RECORD) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1ULL))

MI_SPECIAL_POOL_PART MiSpecialParts[MI_SPECIAL_PARTS];

INIT VOID MiInitializeSpecialPool(VOID)
{
    for (ULONG i = 0; i < MI_SPECIAL_PARTS; i++) {
        MiSpecialParts[i] = (MI_SPECIAL_POOL_PART){.Limit = (ULONG)MmNumberOfPhysicalPages,
                                                   .FirstFree = MI_SPECIAL_NO_RECORD,
                                                   .LastFree = MI_SPECIAL_NO_RECORD};
    }
}

/* ---- records and pages ----------------------------------------------------------------------- */

static PMI_SPECIAL_RECORD MiSpecialRecord(MI_REGION_ID Pool, ULONG Index)
{
    return (PMI_SPECIAL_RECORD)(MI_SPECIAL_RECORDS + Pool * RECORD_BYTES) + Index;
}

/* The pool and the index of a record. */
static MI_REGION_ID MiPoolOfRecord(PMI_SPECIAL_RECORD Record, PULONG Index)
{
    MI_REGION_ID Pool = (MI_REGION_ID)(((ULONG_PTR)Record - MI_SPECIAL_RECORDS) / RECORD_BYTES);
    *Index = (ULONG)(Record - MiSpecialRecord(Pool, 0));
    return Pool;
}

static PVOID MiSpecialPage(MI_REGION_ID Pool, ULONG Index)
{
    return (PVOID)(MI_SPECIAL_POOL + Pool * MI_SPECIAL_PART +
                   ((ULONG_PTR)Index * PAGES_A_RECORD + 1) * PAGE_SIZE);
}

/* The record if it exists, else NULL. */
static PMI_SPECIAL_RECORD MiExistingRecord(MI_REGION_ID Pool, ULONG_PTR Index)
{
    return Index < __atomic_load_n(&MiSpecialParts[Pool].Records, __ATOMIC_ACQUIRE)
               ? MiSpecialRecord(Pool, (ULONG)Index)
               : NULL;
}

BOOLEAN MiFindSpecial(PVOID Address, PMI_SPECIAL_PLACE Place)
{
    ULONG_PTR Offset = (ULONG_PTR)Address - MI_SPECIAL_POOL;
    *Place = (MI_SPECIAL_PLACE){.Pool = (MI_REGION_ID)(Offset / MI_SPECIAL_PART)};
    if (Place->Pool >= MI_SPECIAL_PARTS) {
        return FALSE;
    }
    ULONG_PTR Page = Offset % MI_SPECIAL_PART / PAGE_SIZE, Index = Page / PAGES_A_RECORD;
    Place->Guard = Page % PAGES_A_RECORD == 0;
    Place->Record = MiExistingRecord(Place->Pool, Index);
    if (Place->Guard) {
        PMI_SPECIAL_RECORD Before = Index == 0 ? NULL : MiExistingRecord(Place->Pool, Index - 1);
        if (Before != NULL && (Before->State != MiSpecialFreed || Place->Record == NULL ||
                               Place->Record->State == MiSpecialFreed)) {
            Place->Record = Before;
        }
    }
    return Place->Record != NULL;
}

/* ---- taking ---------------------------------------------------------------------------------- */

/* Memory for a record that is used for the first time, and page tables for its page. */
static BOOLEAN MiPrepareRecord(MI_REGION_ID Pool, ULONG Index)
{
    PCHAR Record = (PCHAR)MiSpecialRecord(Pool, Index);
    return MiBackMapPage(PAGE_ALIGN(Record)) &&
           MiBackMapPage(PAGE_ALIGN(Record + sizeof(MI_SPECIAL_RECORD) - 1)) &&
           MiCreatePageTables(MiSpecialPage(Pool, Index), 1);
}

/* An address that was never used, or the one that has been free for longest (SPECIAL-3). */
static PMI_SPECIAL_RECORD MiTakeRecord(MI_REGION_ID Pool)
{
    PMI_SPECIAL_POOL_PART Part = &MiSpecialParts[Pool];
    PMI_SPECIAL_RECORD Record = NULL;
    ULONG64 State = MiAcquireLock(&Part->Lock);
    if (Part->Records < Part->Limit && MiPrepareRecord(Pool, Part->Records)) {
        Record = MiSpecialRecord(Pool, Part->Records);
        *Record = (MI_SPECIAL_RECORD){.Next = MI_SPECIAL_NO_RECORD};
        __atomic_store_n(&Part->Records, Part->Records + 1, __ATOMIC_RELEASE);
    } else if (Part->FirstFree != MI_SPECIAL_NO_RECORD) {
        Record = MiSpecialRecord(Pool, Part->FirstFree);
        Part->FirstFree = Record->Next;
        Record->State = MiSpecialBusy;
    }
    MiReleaseLock(&Part->Lock, State);
    return Record;
}

/* Puts an address at the end of the queue. */
static VOID MiQueueRecord(PMI_SPECIAL_RECORD Record)
{
    ULONG Index;
    MI_REGION_ID Pool = MiPoolOfRecord(Record, &Index);
    PMI_SPECIAL_POOL_PART Part = &MiSpecialParts[Pool];
    ULONG64 State = MiAcquireLock(&Part->Lock);
    Record->Next = MI_SPECIAL_NO_RECORD;
    Record->State = MiSpecialFreed;
    if (Part->FirstFree == MI_SPECIAL_NO_RECORD) {
        Part->FirstFree = Index;
    } else {
        MiSpecialRecord(Pool, Part->LastFree)->Next = Index;
    }
    Part->LastFree = Index;
    MiReleaseLock(&Part->Lock, State);
}

static PFN_NUMBER MiTakeSpecialPage(ULONG Node)
{
    if (MiAvailablePages() <= MI_SPECIAL_RESERVE || !MiChargeCommit(1)) {
        return MI_NO_PAGE;
    }
    PFN_NUMBER Pfn =
        Node == MI_ANY_NODE ? MiAllocatePage(MiPageAny) : MiAllocatePageOf(Node, MiPageAny);
    if (Pfn == MI_NO_PAGE) {
        MiReturnCommit(1);
    }
    return Pfn;
}

/* A peak lost between processors is off by the blocks of one race: it is for people. */
static VOID MiCountSpecial(PMI_SPECIAL_POOL_PART Part)
{
    ULONG Live = __atomic_add_fetch(&Part->Live, 1, __ATOMIC_RELAXED);
    if (Live > Part->Peak) {
        Part->Peak = Live;
    }
}

PMI_SPECIAL_RECORD MiAllocateSpecialPage(MI_REGION_ID Pool, ULONG Node)
{
    ULONG Index;
    PFN_NUMBER Pfn = MiTakeSpecialPage(Node);
    PMI_SPECIAL_RECORD Record = Pfn == MI_NO_PAGE ? NULL : MiTakeRecord(Pool);
    if (Record == NULL) {
        if (Pfn != MI_NO_PAGE) {
            MiFreePage(Pfn);
            MiReturnCommit(1);
        }
        return NULL;
    }
    MiPoolOfRecord(Record, &Index);
    Record->Block = MiSpecialPage(Pool, Index);
    MiMapPage(MiGetPteAddress(Record->Block), Pfn,
              Pool == MiRegionExecutablePool ? MM_EXECUTE_READWRITE : MM_READWRITE);
    MiCountSpecial(&MiSpecialParts[Pool]);
    return Record;
}

/* ---- giving back ----------------------------------------------------------------------------- */

BOOLEAN MiChangeSpecial(PMI_SPECIAL_RECORD Record, MI_SPECIAL_STATE From, MI_SPECIAL_STATE To)
{
    UCHAR Expected = (UCHAR)From;
    return __atomic_compare_exchange_n(&Record->State, &Expected, (UCHAR)To, FALSE,
                                       __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

VOID MiFreeSpecialPage(PMI_SPECIAL_RECORD Record)
{
    ULONG Index;
    MI_REGION_ID Pool = MiPoolOfRecord(Record, &Index);
    MiUnmapAndFreePages(MiSpecialPage(Pool, Index), 1);
    MiReturnCommit(1);
    __atomic_fetch_sub(&MiSpecialParts[Pool].Live, 1, __ATOMIC_RELAXED);
    MiQueueRecord(Record);
}
