/*
 * workingset.c - which pageable pages stay in memory: they age while nobody touches them, and the
 * oldest are trimmed when few pages are available. For the balance set manager's thread.
 *
 * Theory. All pageable pages of the system are one working set, and its list is the page tables of
 * paged pool: a hand goes around them. The processor sets a PTE's Accessed bit when it uses it; the
 * hand clears it and makes the page young, or finds it clear and makes the page a step older. The
 * age is in the PTE (SoftwareWsIndex). Old pages are trimmed: their PTEs become transition PTEs,
 * all processors forget them, and they go to the modified or the standby list (transition.c), from
 * where a touch has them back for a soft fault. If one round does not trim enough, the next takes
 * younger ones.
 *
 *   WS-1  Trimming begins when less than 1/32 of memory is available (the last eighth of that is
 *         for faults alone), and goes on until there are, or will be when what is modified is
 *         written, twice as many. Without a paging file nobody is short of pages, since no more
 *         are promised than there are: nothing is trimmed then, and nothing kept for faults.
 *   WS-2  A page is on a list only after no processor has a translation of it.
 *   WS-3  Cold memory (POOL_COLD_ALLOCATION) is born old.
 */
#include "kernel/rtl/section.h"
#include "mm/paging.h"

#define SECOND     10000000
#define PAUSE      500000 /* 50 ms, in steps of 100 ns */
#define TRIM_BATCH 256    /* pages whose translations are forgotten together */

static KEVENT MiBalanceEvent;
static KDPC MiBalanceDpc;
static LONG MiBalanceCalled;
static BOOLEAN MiBalanceReady;
static SIZE_T MiHand; /* page of paged pool where the next round goes on */

LONG MiPageWaiters;

static VOID NTAPI MiBalanceDpcRoutine(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    __atomic_store_n(&MiBalanceCalled, 0, __ATOMIC_SEQ_CST);
    MiWakePageWaiters();
    KeSetEvent(&MiBalanceEvent, 0, FALSE);
}

VOID MiCallBalanceManager(VOID)
{
    if (MiBalanceReady && __atomic_exchange_n(&MiBalanceCalled, 1, __ATOMIC_SEQ_CST) == 0) {
        KeInsertQueueDpc(&MiBalanceDpc, NULL, NULL);
    }
}

INIT VOID MiInitializeWorkingSet(VOID)
{
    KeInitializeEvent(&MiBalanceEvent, SynchronizationEvent, FALSE);
    KeInitializeDpc(&MiBalanceDpc, MiBalanceDpcRoutine, NULL);
    MiBalanceReady = TRUE;
}

VOID MiSetWaterMarks(BOOLEAN Paging)
{
    for (ULONG i = 0; i < MiNodeCount; i++) {
        MiNodes[i].LowWater = Paging ? MiNodePlaces[i].Pages / 32 : 0;
        MiNodes[i].Reserve = MiNodes[i].LowWater / 8;
    }
}

/* ---- trimming -------------------------------------------------------------------------------- */

/* Pages that were taken out of use and that processors may still know. */
typedef struct _MI_TRIM {
    ULONG Count;
    PFN_NUMBER Frames[TRIM_BATCH];
    PVOID First, Last; /* between these they were mapped */
    SIZE_T Trimmed;
} MI_TRIM, *PMI_TRIM;

/* WS-2. */
static VOID MiEndBatch(PMI_TRIM Trim)
{
    if (Trim->Count == 0) {
        return;
    }
    MiFlushTlb(Trim->First, BYTES_TO_PAGES((PCHAR)Trim->Last - (PCHAR)Trim->First) + 1);
    for (ULONG i = 0; i < Trim->Count; i++) {
        MiReleasePage(Trim->Frames[i]);
    }
    Trim->Trimmed += Trim->Count;
    MiCountPaging(&MiPaging.Trimmed, Trim->Count);
    Trim->Count = 0;
    MiCallModifiedWriter();
}

static VOID MiTrimOne(PMI_TRIM Trim, PMMPTE Pte)
{
    PFN_NUMBER Pfn = MiTrimPte(Pte);
    if (Pfn == MI_NO_PAGE) {
        return;
    }
    PVOID Va = MiPteToAddress(Pte);
    Trim->First = Trim->Count == 0 || Va < Trim->First ? Va : Trim->First;
    Trim->Last = Trim->Count == 0 || Va > Trim->Last ? Va : Trim->Last;
    Trim->Frames[Trim->Count++] = Pfn;
    if (Trim->Count == TRIM_BATCH) {
        MiEndBatch(Trim);
    }
}

SIZE_T MiTrimPages(PVOID Va, SIZE_T Pages)
{
    MI_TRIM Trim = {.Count = 0};
    PMMPTE Pte = MiGetPteAddress(Va);
    for (SIZE_T i = 0; i < Pages; i++) {
        MiTrimOne(&Trim, &Pte[i]);
    }
    MiEndBatch(&Trim);
    return Trim.Trimmed;
}

SIZE_T MiEmptyWorkingSet(VOID)
{
    return MiTrimPages((PVOID)MI_PAGED_POOL, MiRegions[MiRegionPagedPool].Tabled);
}

/* ---- ageing ---------------------------------------------------------------------------------- */

/* A step of a page's age; how old it is then. The processor may set bits meanwhile. */
static ULONG MiAgePage(PMMPTE Pte, MMPTE Old)
{
    MMPTE New;
    do {
        if (!Old.Hard.Valid) {
            return 0;
        }
        New = Old;
        ULONG Age = (ULONG)Old.Hard.SoftwareWsIndex;
        New.Hard.SoftwareWsIndex = Old.Hard.Accessed ? 0 : Age < MI_OLDEST ? Age + 1 : MI_OLDEST;
        New.Hard.Accessed = 0;
    } while (New.Long != Old.Long &&
             !__atomic_compare_exchange_n(&Pte->Long, &Old.Long, New.Long, FALSE, __ATOMIC_ACQ_REL,
                                          __ATOMIC_ACQUIRE));
    MiPaging.Aged += Old.Hard.Accessed;
    return (ULONG)New.Hard.SoftwareWsIndex;
}

/* WS-1: what there is, and what writing will make of the modified pages. */
static SIZE_T MiPagesToCome(VOID)
{
    SIZE_T Modified = MiPagesOnList(ModifiedPageList), Slots = MiFreeSlots();
    return MiAvailablePages() + (Modified < Slots ? Modified : Slots);
}

/* Once around, until Enough pages will be available; pages of Age and older are trimmed. */
static VOID MiSweep(ULONG Age, SIZE_T Enough)
{
    MI_TRIM Trim = {.Count = 0};
    SIZE_T All = MiRegions[MiRegionPagedPool].Tabled;
    PMMPTE Ptes = MiGetPteAddress((PVOID)MI_PAGED_POOL);
    for (SIZE_T i = 0; i < All; i++) {
        MiHand = MiHand + 1 < All ? MiHand + 1 : 0;
        MMPTE Value = MiReadPte(&Ptes[MiHand]);
        if (Value.Hard.Valid && MiAgePage(&Ptes[MiHand], Value) >= Age) {
            MiTrimOne(&Trim, &Ptes[MiHand]);
            if (MiPagesToCome() + Trim.Count >= Enough) {
                break;
            }
        }
    }
    MiEndBatch(&Trim);
}

static SIZE_T MiLowWater(VOID)
{
    SIZE_T Sum = 0;
    for (ULONG i = 0; i < MiNodeCount; i++) {
        Sum += MiNodes[i].LowWater;
    }
    return Sum;
}

/* FALSE when there are not enough pages, and will not be. */
static BOOLEAN MiBalance(VOID)
{
    SIZE_T Enough = 2 * MiLowWater();
    if (Enough == 0 && __atomic_load_n(&MiPageWaiters, __ATOMIC_SEQ_CST) != 0) {
        Enough = TRIM_BATCH;
    }
    if (MiAvailablePages() >= Enough / 2) {
        return TRUE;
    }
    for (ULONG Age = MI_OLDEST + 1; Age-- > 0 && MiPagesToCome() < Enough;) {
        MiSweep(Age, Enough);
        KiFlushAllTranslations(); /* so that the processor notes the next access */
    }
    MiCallModifiedWriter();
    return MiPagesToCome() >= Enough;
}

VOID NTAPI MiBalanceSetManager(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (;;) {
        LARGE_INTEGER Second = {.QuadPart = -SECOND};
        if (KeWaitForSingleObject(&MiBalanceEvent, Executive, KernelMode, FALSE, &Second) ==
            STATUS_TIMEOUT) {
            MiCallZeroing();
            continue;
        }
        if (!MiBalance()) {
            /* What could be trimmed is: looking at it all again for each page does not help. */
            LARGE_INTEGER Pause = {.QuadPart = -PAUSE};
            KeDelayExecutionThread(KernelMode, FALSE, &Pause);
        }
    }
}
