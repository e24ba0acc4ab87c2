/*
 * store.c - a store in paged pool that is much larger than memory: threads on all processors look
 * at its pages and change them, at random and in runs, and every page must have what it was given
 * last.
 *
 * Words `store-mb=N` and `store-touches=N` say how large it is and how many pages are touched.
 */
#include "kernel/rtl/rtl.h"
#include "tests/mm/mm_check.h"
#include "mm/paging.h"
#include "tests/storm/storm.h"

BOOT_OPTION(StoreMb, "store-mb", "store-mb=N  size of the store that test store/* keeps (256)");
BOOT_OPTION(StoreTouches, "store-touches", "store-touches=N  pages that it touches (60000)");

#define BLOCK_PAGES     16 /* of an allocation: 64 KB */
#define WORDS           (PAGE_SIZE / sizeof(ULONG64))
#define DEFAULT_MB      256
#define DEFAULT_TOUCHES 60000
#define LONGEST_RUN     64 /* pages */

static struct {
    PULONG64 *Blocks;
    PULONG Versions; /* how often a page was written */
    PUCHAR Busy;
    ULONG Pages;
    volatile ULONG64 Touches, Changes, Skipped;
    PFN_NUMBER Most[TransitionPage + 1]; /* pages that were on each list */
} Store;

static ULONG64 NumberOf(const CHAR *Word, ULONG64 Default)
{
    const CHAR *Text = KiGetBootOption(Word);
    ULONG64 Number = Default;
    return Text != NULL && RtlpParseNumber(&Text, 10, &Number) ? Number : Default;
}

static PULONG64 PageOf(ULONG Page)
{
    return Store.Blocks[Page / BLOCK_PAGES] + Page % BLOCK_PAGES * WORDS;
}

static ULONG64 WordOf(ULONG Page, ULONG Version, ULONG Word)
{
    return (((ULONG64)Page << 32 | Version) * WORDS + Word) * 0x9E3779B97F4A7C15ULL;
}

static VOID Write(ULONG Page)
{
    PULONG64 Words = PageOf(Page);
    ULONG Version = ++Store.Versions[Page];
    for (ULONG i = 0; i < WORDS; i++) {
        Words[i] = WordOf(Page, Version, i);
    }
}

static BOOLEAN Holds(ULONG Page)
{
    const ULONG64 *Words = PageOf(Page);
    ULONG64 Wrong = 0;
    for (ULONG i = 0; i < WORDS; i++) {
        Wrong |= Words[i] ^ WordOf(Page, Store.Versions[Page], i);
    }
    return Wrong == 0;
}

static VOID Touch(PSTORM_THREAD Me, ULONG Page)
{
    if (__atomic_exchange_n(&Store.Busy[Page], 1, __ATOMIC_ACQUIRE) != 0) {
        StormCount(&Store.Skipped);
        return;
    }
    STORM_CHECK(Holds(Page));
    if (StormRandom(Me, 4) == 0) {
        Write(Page);
        StormCount(&Store.Changes);
    }
    StormCount(&Store.Touches);
    __atomic_store_n(&Store.Busy[Page], 0, __ATOMIC_RELEASE);
}

static VOID NoteLists(VOID)
{
    for (ULONG List = ZeroedPageList; List <= BadPageList; List++) {
        PFN_NUMBER Pages = MiPagesOnList((MMLISTS)List);
        Store.Most[List] = Pages > Store.Most[List] ? Pages : Store.Most[List];
    }
}

static VOID TouchAround(PSTORM_THREAD Me)
{
    for (ULONG Done = 0; Done < Me->Rounds && StormGoesOn();) {
        ULONG First = StormRandom(Me, Store.Pages);
        ULONG Run = StormRandom(Me, 4) == 0 ? 1 + StormRandom(Me, LONGEST_RUN) : 1;
        for (ULONG i = 0; i < Run && First + i < Store.Pages; i++, Done++) {
            Touch(Me, First + i);
        }
        NoteLists();
    }
}

static BOOLEAN MakeStore(ULONG Pages)
{
    Store.Pages = Pages / BLOCK_PAGES * BLOCK_PAGES;
    Store.Blocks =
        ExAllocatePool2(POOL_FLAG_NON_PAGED, Pages / BLOCK_PAGES * sizeof(PVOID), TEST_TAG);
    Store.Versions = ExAllocatePool2(POOL_FLAG_NON_PAGED, Pages * sizeof(ULONG), TEST_TAG);
    Store.Busy = ExAllocatePool2(POOL_FLAG_NON_PAGED, Pages, TEST_TAG);
    if (!CHECK(Store.Blocks != NULL && Store.Versions != NULL && Store.Busy != NULL)) {
        return FALSE;
    }
    for (ULONG i = 0; i < Store.Pages / BLOCK_PAGES; i++) {
        Store.Blocks[i] = ExAllocatePoolWithTagPriority(PagedPool, BLOCK_PAGES * PAGE_SIZE,
                                                        TEST_TAG, NormalPoolPriority);
        if (!CHECK(Store.Blocks[i] != NULL)) {
            return FALSE;
        }
    }
    return TRUE;
}

static VOID FillStore(VOID)
{
    for (ULONG Page = 0; Page < Store.Pages; Page++) {
        Write(Page);
    }
}

static VOID CheckStore(VOID)
{
    ULONG Wrong = 0;
    for (ULONG Page = 0; Page < Store.Pages; Page++) {
        Wrong += !Holds(Page);
    }
    CHECK_EQ(Wrong, 0);
}

static VOID FreeStore(VOID)
{
    for (ULONG i = 0; Store.Blocks != NULL && i < Store.Pages / BLOCK_PAGES; i++) {
        PoolFreeIfAny(Store.Blocks[i]);
    }
    PoolFreeIfAny(Store.Blocks);
    PoolFreeIfAny(Store.Versions);
    PoolFreeIfAny(Store.Busy);
}

static VOID Report(const MI_PAGING_COUNTERS *Before)
{
    DbgPrint("store: %lu MB in %lu MB of memory, %lu processors, %I64u touches, %I64u changes\n",
             Store.Pages / (ULONG)(0x100000 / PAGE_SIZE),
             (ULONG)(MmNumberOfPhysicalPages / (0x100000 / PAGE_SIZE)), (ULONG)KeNumberProcessors,
             Store.Touches, Store.Changes);
    DbgPrint(
        "store: hard-faults %I64u, soft-faults %I64u, collided %I64u, waits-for-a-page %I64u\n",
        MiPaging.HardFaults - Before->HardFaults, MiPaging.SoftFaults - Before->SoftFaults,
        MiPaging.CollidedFaults - Before->CollidedFaults, MiPaging.Waits - Before->Waits);
    DbgPrint("store: page-outs %I64u, writes %I64u, page-ins %I64u, reads %I64u, trimmed %I64u\n",
             MiPaging.PagesWritten - Before->PagesWritten, MiPaging.Writes - Before->Writes,
             MiPaging.PagesRead - Before->PagesRead, MiPaging.Reads - Before->Reads,
             MiPaging.Trimmed - Before->Trimmed);
    for (ULONG List = ZeroedPageList; List <= BadPageList; List++) {
        DbgPrint("store: at most %I64u pages %s\n", (ULONG64)Store.Most[List],
                 MiPageStateName(List));
    }
}

static VOID KeepStore(VOID)
{
    MI_PAGING_COUNTERS Before = MiPaging;
    MiSetWaterMarks(TRUE);
    if (MakeStore((ULONG)NumberOf("store-mb", DEFAULT_MB) * (0x100000 / PAGE_SIZE))) {
        FillStore();
        StormRun(KeNumberProcessors < 2 ? 2 : KeNumberProcessors, TouchAround,
                 (ULONG)NumberOf("store-touches", DEFAULT_TOUCHES) / KeNumberProcessors);
        CheckStore();
        Report(&Before);
        CHECK_GT(MiPaging.HardFaults, Before.HardFaults);
        CHECK_GT(MiPaging.SoftFaults, Before.SoftFaults);
        CHECK_GT(MiPaging.PagesWritten, Before.PagesWritten);
        CHECK_NE(Store.Most[StandbyPageList], 0);
    }
    FreeStore();
}

TEST_FLAGS(StoreTest, "store/paged-pool-larger-than-memory-keeps-everything", "PAGE-2", TEST_SLOW)
{
    if (MiPagingFileCount == 0) {
        SKIP("there is no paging file");
    }
    StormTest("store/paged-pool-larger-than-memory-keeps-everything", KeepStore);
}
