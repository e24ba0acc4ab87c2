/*
 * pte.c - page table entries: building, storing, walking and forgetting them, for the rest of mm/.
 *
 * Page tables are reached through the self map: slot 0x1ED of the top level points at the top level
 * itself, so that the entry of any address at any level has an address that is a few shifts away.
 *
 *   PTE-1  A page table of system space, once made, stays; only its entries change. Nobody needs a
 *          lock to reach an entry.
 *   PTE-2  An entry that the processor may read is changed by one 8-byte store.
 *   PTE-3  A page goes to a list only after its entries are gone and every processor has forgotten
 *          them.
 *   PTE-4  Every writable entry has NoExecute set, but for the executable pool's.
 *   PTE-5  The tables of a request are charged together before the first is made: what cannot be
 *          met leaves none behind.
 */
#include "mm/mm.h"

SIZE_T MiPageTablePages;

PMMPTE MiEntryAddress(PCVOID Va, ULONG Level)
{
    switch (Level) {
    case 1: return MiGetPteAddress(Va);
    case 2: return MiGetPdeAddress(Va);
    case 3: return MiGetPpeAddress(Va);
    default: return MiGetPxeAddress(Va);
    }
}

VOID MiWalkTables(PCVOID Va, PMI_WALK Walk)
{
    *Walk = (MI_WALK){.Level = MI_TOP_LEVEL + 1, .Valid = TRUE, .Writable = TRUE, .User = TRUE};
    do {
        Walk->Level--;
        Walk->Entry = MiEntryAddress(Va, Walk->Level);
        Walk->Value = MiReadPte(Walk->Entry);
        Walk->Valid = Walk->Value.Hard.Valid;
        Walk->Writable &= Walk->Value.Hard.Dirty1;
        Walk->User &= Walk->Value.Hard.Owner;
        Walk->NoExecute |= Walk->Value.Hard.NoExecute;
    } while (Walk->Valid && Walk->Level > 1 && !(Walk->Level < 4 && Walk->Value.Hard.LargePage));
}

MMPTE MiMakeValidPte(PFN_NUMBER Pfn, ULONG Protection)
{
    ULONG Rights = Protection & ~(ULONG)MM_NOCACHE;
    BOOLEAN Write = Rights == MM_READWRITE || Rights == MM_EXECUTE_READWRITE;
    MMPTE Value = {.Long = 0};
    Value.Hard.Valid = 1;
    Value.Hard.Dirty1 = Write;
    Value.Hard.Write = Write;
    Value.Hard.Dirty = Write;
    Value.Hard.Accessed = 1;
    Value.Hard.Global = 1;
    Value.Hard.WriteThrough = (Protection & MM_NOCACHE) != 0;
    Value.Hard.CacheDisable = (Protection & MM_NOCACHE) != 0;
    Value.Hard.NoExecute = Rights != MM_EXECUTE_READ && Rights != MM_EXECUTE_READWRITE;
    Value.Hard.PageFrameNumber = Pfn;
    return Value;
}

MMPTE MiMakeDemandZeroPte(ULONG Protection)
{
    MMPTE Value = {.Long = 0};
    Value.Soft.Protection = Protection & 0x1F;
    return Value;
}

MMPTE MiMakeTableEntry(PFN_NUMBER Pfn)
{
    MMPTE Value = {.Long = 0};
    Value.Hard.Valid = 1;
    Value.Hard.Dirty1 = 1;
    Value.Hard.Accessed = 1;
    Value.Hard.PageFrameNumber = Pfn;
    return Value;
}

/* Tables that are missing for the addresses from First, which is on a table's border, to End. */
static SIZE_T MiCountMissingTables(ULONG_PTR First, ULONG_PTR End)
{
    SIZE_T Missing = 0;
    for (ULONG_PTR Va = First; Va < End; Va += MI_LARGE_PAGE_SIZE) {
        MI_WALK Walk;
        MiWalkTables((PVOID)Va, &Walk);
        /* A missing table of a higher level is counted with the first address below it. */
        for (ULONG Level = 2; !Walk.Valid && Level <= Walk.Level; Level++) {
            Missing += Va == First || Va % MiEntryBytes(Level) == 0;
        }
    }
    return Missing;
}

/*
 * Makes the table that Entry points to, unless it is there, and takes it off the pages charged.
 * Losing the race to another processor is fine.
 */
static BOOLEAN MiCreateTable(PMMPTE Entry, PSIZE_T Charged)
{
    if (MiReadPte(Entry).Hard.Valid) {
        return TRUE;
    }
    PFN_NUMBER Pfn = MiAllocatePage(MiPageZeroed);
    if (Pfn == MI_NO_PAGE) {
        return FALSE;
    }
    MMPTE Value = MiMakeTableEntry(Pfn);
    ULONG64 Expected = 0;
    MiPfnEntry(Pfn)->PteAddress = Entry;
    MiPfnEntry(Pfn)->PteFrame = MiReadPte(MiGetPteAddress(Entry)).Hard.PageFrameNumber;
    MiPfnEntry(Pfn)->u2.ShareCount = 1;
    if (!__atomic_compare_exchange_n(&Entry->Long, &Expected, Value.Long, FALSE, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        MiPfnEntry(Pfn)->u2.ShareCount = 0;
        MiFreePage(Pfn);
        return TRUE;
    }
    (*Charged)--;
    __atomic_fetch_add(&MiPageTablePages, 1, __ATOMIC_RELAXED);
    return TRUE;
}

BOOLEAN MiCreatePageTables(PVOID Va, SIZE_T Pages)
{
    ULONG_PTR First = (ULONG_PTR)Va & ~(MI_LARGE_PAGE_SIZE - 1);
    ULONG_PTR End = (ULONG_PTR)Va + Pages * PAGE_SIZE;
    SIZE_T Charged = MiCountMissingTables(First, End);
    BOOLEAN Made = Charged == 0 || MiChargeCommit(Charged);

    if (Charged == 0 || !Made) {
        return Made;
    }
    for (ULONG_PTR Address = First; Made && Address < End; Address += MI_LARGE_PAGE_SIZE) {
        for (ULONG Level = MI_TOP_LEVEL; Made && Level >= 2; Level--) {
            Made = MiCreateTable(MiEntryAddress((PVOID)Address, Level), &Charged);
        }
    }
    MiReturnCommit(Charged);
    return Made;
}

VOID MiMapPage(PMMPTE Pte, PFN_NUMBER Pfn, ULONG Protection)
{
    PMMPFN Entry = MiPfnEntry(Pfn);
    Entry->PteAddress = Pte;
    Entry->OriginalPte = MiMakeDemandZeroPte(Protection);
    Entry->PteFrame = MiReadPte(MiGetPteAddress(Pte)).Hard.PageFrameNumber;
    Entry->u2.ShareCount = 1;
    MiWritePte(Pte, MiMakeValidPte(Pfn, Protection));
}

BOOLEAN MiBackPages(PVOID Va, SIZE_T Pages, ULONG Protection, ULONG Node)
{
    PMMPTE Pte = MiGetPteAddress(Va);
    for (SIZE_T i = 0; i < Pages; i++) {
        PFN_NUMBER Pfn =
            Node == MI_ANY_NODE ? MiAllocatePage(MiPageAny) : MiAllocatePageOf(Node, MiPageAny);
        if (Pfn == MI_NO_PAGE) {
            MiUnmapAndFreePages(Va, i);
            return FALSE;
        }
        MiMapPage(&Pte[i], Pfn, Protection);
    }
    return TRUE;
}

SIZE_T MiUnmapAndFreePages(PVOID Va, SIZE_T Pages)
{
    PMMPTE Pte = MiGetPteAddress(Va);
    SIZE_T Freed = 0;

    for (SIZE_T i = 0; i < Pages; i++) {
        MMPTE Value = MiReadPte(&Pte[i]);
        Freed += Value.Hard.Valid;
        MiWritePte(&Pte[i], MiMakeDyingPte(Value.Hard.Valid ? Value.Hard.PageFrameNumber : 0));
    }
    if (Freed == 0) {
        return 0;
    }
    MiFlushTlb(Va, Pages);
    for (SIZE_T i = 0; i < Pages; i++) {
        PFN_NUMBER Pfn = MiReadPte(&Pte[i]).Hard.PageFrameNumber;
        if (Pfn != MI_NO_PAGE) {
            MiWritePte(&Pte[i], (MMPTE){.Long = 0});
            MiPfnEntry(Pfn)->u2.ShareCount--;
            MiFreePage(Pfn);
        }
    }
    return Freed;
}

VOID MiUnmapForeignPages(PVOID Va, SIZE_T Pages)
{
    PMMPTE Pte = MiGetPteAddress(Va);
    for (SIZE_T i = 0; i < Pages; i++) {
        MiWritePte(&Pte[i], (MMPTE){.Long = 0});
    }
    MiFlushTlb(Va, Pages);
}
