/*
 * pressure.c - tests of the pressure events: which there are, at which number of pages each is set
 * and cleared, that no edge is lost, and a driver that trims when it is told to.
 */
#include <ntddk.h>
#include "mm/pressure.h"
#include "tests/ke/threads.h"
#include "tests/mm/mm_check.h"

#define APP_43 "APP-43 The system sets standard event objects while the paged pool is high or low."
#define APP_44                                                                                     \
    "APP-44 The system sets standard event objects while the nonpaged pool is high or low."
#define APP_45 "APP-45 A driver can wait for these events to adjust its use of pool."

#define STEPS 24

/* Opens an event as a driver does; NULL without it. */
static PKEVENT OpenEvent(PCWSTR Path, PHANDLE Handle)
{
    UNICODE_STRING Name;
    RtlInitUnicodeString(&Name, Path);
    return IoCreateNotificationEvent(&Name, Handle);
}

static BOOLEAN IsSet(MI_CONDITION Condition)
{
    KeFlushQueuedDpcs();
    return KeReadStateEvent(MiConditionEvent(Condition)) != 0;
}

static VOID ResetThresholds(VOID)
{
    for (MI_CONDITION i = 0; i < MiConditionCount; i++) {
        MiSetThreshold(i, MI_DEFAULT_THRESHOLD);
    }
    KeFlushQueuedDpcs();
}

/* ---- the events ------------------------------------------------------------------------------ */

TEST(PressureNames, "pressure/events/are-under-kernelobjects", "contract 3.10: names")
{
    static const PCWSTR Paths[MiConditionCount] = {
        [MiLowMemory] = L"\\KernelObjects\\LowMemoryCondition",
        [MiHighMemory] = L"\\KernelObjects\\HighMemoryCondition",
        [MiLowPagedPool] = L"\\KernelObjects\\LowPagedPoolCondition",
        [MiHighPagedPool] = L"\\KernelObjects\\HighPagedPoolCondition",
        [MiLowNonPagedPool] = L"\\KernelObjects\\LowNonPagedPoolCondition",
        [MiHighNonPagedPool] = L"\\kernelobjects\\highnonpagedpoolcondition",
        [MiLowCommit] = L"\\KernelObjects\\LowCommitCondition",
        [MiHighCommit] = L"\\KernelObjects\\HighCommitCondition",
        [MiMaximumCommit] = L"\\KernelObjects\\MaximumCommitCondition",
    };
    for (MI_CONDITION i = 0; i < MiConditionCount; i++) {
        HANDLE Handle, Again;
        PKEVENT Event = OpenEvent(Paths[i], &Handle);
        REQUIRE(Event != NULL);
        CHECK_EQ(Event, MiConditionEvent(i));
        CHECK_EQ(Event->Header.Type, KiEventNotificationObject);
        ZwClose(Handle);
        CHECK_EQ(OpenEvent(Paths[i], &Again), Event); /* it stays without a handle */
        ZwClose(Again);
    }
}

TEST(PressureMisspelt, "pressure/events/misspelt-name-gives-a-signalled-event",
     "contract 9.14: IoCreateNotificationEvent on a misspelt name gives a signalled event")
{
    HANDLE Handle;
    LARGE_INTEGER Now = {.QuadPart = 0};
    PKEVENT Event = OpenEvent(L"\\KernelObjects\\LowNonpagedPolCondition", &Handle);
    REQUIRE(Event != NULL);
    CHECK(!IsSet(MiLowNonPagedPool));
    CHECK_STATUS(KeWaitForSingleObject(Event, Executive, KernelMode, FALSE, &Now), STATUS_SUCCESS);
    CHECK_STATUS(KeWaitForSingleObject(Event, Executive, KernelMode, FALSE, &Now), STATUS_SUCCESS);
    ZwClose(Handle);
}

static SIZE_T Least(SIZE_T A, SIZE_T B)
{
    return A < B ? A : B;
}

/* Pages of so many megabytes. */
static SIZE_T Megabytes(SIZE_T Count)
{
    return Count * 256;
}

TEST(PressureThresholds, "pressure/thresholds/are-those-of-the-contract", "contract 3.10")
{
    SIZE_T Free, Paged, NonPaged, Ram = MmNumberOfPhysicalPages, Limit = MmTotalCommitLimit;
    MiQueryPoolSupply(PagedPool, &Free, &Paged);
    MiQueryPoolSupply(NonPagedPoolNx, &Free, &NonPaged);
    CHECK_EQ(MiQueryThreshold(MiLowPagedPool), Least(Megabytes(30), Paged / 5));
    CHECK_EQ(MiQueryThreshold(MiHighPagedPool), Least(Megabytes(60), Paged * 2 / 5));
    CHECK_EQ(MiQueryThreshold(MiLowNonPagedPool), Least(Megabytes(8), NonPaged / 3));
    CHECK_EQ(MiQueryThreshold(MiHighNonPagedPool), Least(Megabytes(20), NonPaged / 2));
    CHECK_EQ(MiQueryThreshold(MiLowMemory), Least(Megabytes(64), Ram / 128)); /* 32 MB of 4 GB */
    CHECK_EQ(MiQueryThreshold(MiHighMemory), 3 * MiQueryThreshold(MiLowMemory));
    CHECK_EQ(MiQueryThreshold(MiLowCommit), Limit / 4);
    CHECK_EQ(MiQueryThreshold(MiHighCommit), Limit / 10);
    CHECK_EQ(MiQueryThreshold(MiMaximumCommit), Limit / 20);
}

/* ---- at their thresholds --------------------------------------------------------------------- */

/* Takes one page of something, or gives one back. */
typedef VOID TAKE_OR_GIVE(BOOLEAN Take, PVOID *Page);
/* What is left of it, by the counters. */
typedef SIZE_T LEFT_NOW(VOID);

/* Each state as it should be now; counts in Seen those where both were clear, or one was set. */
static VOID CheckStates(LEFT_NOW *LeftNow, MI_CONDITION Low, MI_CONDITION High, ULONG Seen[3])
{
    SIZE_T Left = LeftNow();
    BOOLEAN IsLow = Left < MiQueryThreshold(Low), IsHigh = Left >= MiQueryThreshold(High);
    CHECK_EQ(IsSet(Low), IsLow);
    CHECK_EQ(IsSet(High), IsHigh);
    Seen[IsLow ? 0 : IsHigh ? 2 : 1]++;
}

/*
 * Puts the lower threshold some pages below what is left, the upper one above it, and goes down
 * through both and up again, page by page.
 */
static VOID GoThrough(TAKE_OR_GIVE *Routine, LEFT_NOW *LeftNow, MI_CONDITION Low, MI_CONDITION High)
{
    PVOID Pages[STEPS] = {0};
    ULONG Seen[3] = {0};
    SIZE_T Left = LeftNow();
    MiSetThreshold(Low, Left - STEPS * 2 / 3);
    MiSetThreshold(High, Left - STEPS / 3);
    CheckStates(LeftNow, Low, High, Seen);
    for (ULONG i = 0; i < STEPS; i++) {
        Routine(TRUE, &Pages[i]);
        CheckStates(LeftNow, Low, High, Seen);
    }
    for (ULONG i = STEPS; i-- > 0;) {
        Routine(FALSE, &Pages[i]);
        CheckStates(LeftNow, Low, High, Seen);
    }
    for (ULONG i = 0; i < ARRAYSIZE(Seen); i++) {
        CHECK_GE(Seen[i], 2); /* on the way down and on the way up */
    }
    ResetThresholds();
}

static VOID PagedPage(BOOLEAN Take, PVOID *Page)
{
    if (Take) {
        *Page = MiAllocatePoolPages(PagedPool, 1);
        CHECK(*Page != NULL);
    } else {
        MiFreePoolPages(*Page);
    }
}

static VOID NonPagedPage(BOOLEAN Take, PVOID *Page)
{
    if (Take) {
        *Page = MiAllocatePoolPages(NonPagedPoolNx, 1);
        CHECK(*Page != NULL);
    } else {
        MiFreePoolPages(*Page);
    }
}

static SIZE_T PagedLeft(VOID)
{
    SIZE_T Free, Maximum;
    MiQueryPoolSupply(PagedPool, &Free, &Maximum);
    return Free;
}

static SIZE_T NonPagedLeft(VOID)
{
    SIZE_T Free, Maximum;
    MiQueryPoolSupply(NonPagedPoolNx, &Free, &Maximum);
    return Free;
}

/* The first allocation may need page tables: they are there afterwards. */
static VOID WarmUp(TAKE_OR_GIVE *Routine)
{
    PVOID Pages[STEPS];
    for (ULONG i = 0; i < STEPS; i++) {
        Routine(TRUE, &Pages[i]);
    }
    for (ULONG i = 0; i < STEPS; i++) {
        Routine(FALSE, &Pages[i]);
    }
}

TEST(PressurePaged, "pressure/paged-pool/set-and-cleared-at-the-thresholds", APP_43 " || PRESS-1")
{
    WarmUp(PagedPage);
    GoThrough(PagedPage, PagedLeft, MiLowPagedPool, MiHighPagedPool);
}

TEST(PressureNonPaged, "pressure/nonpaged-pool/set-and-cleared-at-the-thresholds",
     APP_44 " || PRESS-1")
{
    WarmUp(NonPagedPage);
    GoThrough(NonPagedPage, NonPagedLeft, MiLowNonPagedPool, MiHighNonPagedPool);
}

/* The pool's own limit ends it, long before memory or commit do. */
TEST(PressureLimit, "pressure/nonpaged-pool/its-limit-counts", "PRESS-1")
{
    PMI_REGION Region = &MiRegions[MiRegionNonPagedPool];
    SIZE_T Limit = Region->Limit;
    WarmUp(NonPagedPage);
    Region->Limit = Region->PagesInUse + 2 * STEPS;
    MiReportPressure();
    KeFlushQueuedDpcs();
    CHECK_EQ(NonPagedLeft(), 2 * STEPS);
    GoThrough(NonPagedPage, NonPagedLeft, MiLowNonPagedPool, MiHighNonPagedPool);
    Region->Limit = Limit;
    ResetThresholds();
}

static VOID MemoryPage(BOOLEAN Take, PVOID *Page)
{
    if (Take) {
        *Page = (PVOID)MiAllocatePage(MiPageAny);
        CHECK_NE(*Page, (PVOID)MI_NO_PAGE);
    } else {
        MiFreePage((PFN_NUMBER)*Page);
    }
}

static VOID AdjacentPage(BOOLEAN Take, PVOID *Page)
{
    if (Take) {
        *Page = (PVOID)MiAllocateContiguousPages(1, 0, ~0ULL, 0);
        CHECK_NE(*Page, (PVOID)MI_NO_PAGE);
    } else {
        MiFreePages((PFN_NUMBER)*Page, 1);
    }
}

TEST(PressureMemory, "pressure/memory/set-and-cleared-at-the-thresholds", "PRESS-1")
{
    GoThrough(MemoryPage, MiAvailablePages, MiLowMemory, MiHighMemory);
    GoThrough(AdjacentPage, MiAvailablePages, MiLowMemory, MiHighMemory);
}

static VOID CommitPage(BOOLEAN Take, PVOID *Page)
{
    UNREFERENCED_PARAMETER(Page);
    if (Take) {
        CHECK(MiChargeCommit(1));
    } else {
        MiReturnCommit(1);
    }
}

static SIZE_T CommitLeft(VOID)
{
    return MmTotalCommitLimit - MmTotalCommittedPages;
}

/* "Low" is set while much is left to promise: the other way around than with the others. */
TEST(PressureCommit, "pressure/commit/low-means-that-little-is-promised",
     "PRESS-1; contract 7, surprise 19")
{
    GoThrough(CommitPage, CommitLeft, MiHighCommit, MiLowCommit);
    GoThrough(CommitPage, CommitLeft, MiMaximumCommit, MiLowCommit);
}

/* ---- no edge is lost ------------------------------------------------------------------------- */

/* The DPC has looked, and then, before it says what is quiet, a page goes. */
TEST(PressureStale, "pressure/edges/a-look-that-is-out-of-date-is-made-again", "PRESS-3")
{
    MI_SUPPLY Before;
    SIZE_T Left = MiAvailablePages();
    MiSetThreshold(MiHighMemory, Left);
    CHECK(IsSet(MiHighMemory));
    KIRQL OldIrql = KeRaiseIrqlToDpcLevel();
    MiReadSupply(&Before);
    PFN_NUMBER Pfn = MiAllocatePage(MiPageAny);
    KeLowerIrql(OldIrql);
    CHECK(!IsSet(MiHighMemory)); /* its own report was heard */
    OldIrql = KeRaiseIrqlToDpcLevel();
    MiJudgeSupply(&Before);
    CHECK_NE(KeReadStateEvent(MiConditionEvent(MiHighMemory)), 0);
    KeLowerIrql(OldIrql);
    CHECK(!IsSet(MiHighMemory));
    MiFreePage(Pfn);
    CHECK(IsSet(MiHighMemory));
    ResetThresholds();
}

/* The same for the commit charge and for a pool. */
TEST(PressureStaleOthers, "pressure/edges/each-counter-is-looked-at-again", "PRESS-3")
{
    MI_SUPPLY Before;
    MiSetThreshold(MiLowCommit, CommitLeft());
    CHECK(IsSet(MiLowCommit));
    MiReadSupply(&Before);
    CHECK(MiChargeCommit(1));
    KIRQL OldIrql = KeRaiseIrqlToDpcLevel();
    MiJudgeSupply(&Before);
    KeLowerIrql(OldIrql);
    CHECK(!IsSet(MiLowCommit));
    MiReturnCommit(1);
    PMI_REGION Region = &MiRegions[MiRegionPagedPool];
    WarmUp(PagedPage);
    MiSetThreshold(MiLowCommit, MI_DEFAULT_THRESHOLD);
    SIZE_T Limit = Region->Limit;
    Region->Limit = Region->PagesInUse + STEPS;
    MiSetThreshold(MiHighPagedPool, STEPS);
    CHECK(IsSet(MiHighPagedPool));
    MiReadSupply(&Before);
    PVOID Page = MiAllocatePoolPages(PagedPool, 1);
    OldIrql = KeRaiseIrqlToDpcLevel();
    MiJudgeSupply(&Before);
    KeLowerIrql(OldIrql);
    CHECK(!IsSet(MiHighPagedPool));
    MiFreePoolPages(Page);
    Region->Limit = Limit;
    ResetThresholds();
}

/* Where the DPC can't come yet, it comes later: the event then is as things are. */
TEST(PressureHeldBack, "pressure/edges/at-dispatch-level-the-event-follows-the-level", "PRESS-1")
{
    SIZE_T Left = MiAvailablePages();
    MiSetThreshold(MiLowMemory, Left);
    CHECK(!IsSet(MiLowMemory));
    KIRQL OldIrql = KeRaiseIrqlToDpcLevel();
    PFN_NUMBER Pfn = MiAllocatePage(MiPageAny);
    CHECK_EQ(KeReadStateEvent(MiConditionEvent(MiLowMemory)), 0);
    KeLowerIrql(OldIrql);
    CHECK(IsSet(MiLowMemory));
    MiFreePage(Pfn);
    CHECK(!IsSet(MiLowMemory));
    ResetThresholds();
}

/* A driver that clears the event does not fool the next one for long. */
TEST(PressureCleared, "pressure/edges/an-event-that-a-driver-cleared-comes-back", "PRESS-1")
{
    SIZE_T Left = MiAvailablePages();
    MiSetThreshold(MiHighMemory, Left - 10);
    CHECK(IsSet(MiHighMemory));
    KeClearEvent(MiConditionEvent(MiHighMemory));
    MiSetThreshold(MiHighMemory, Left - 9);
    CHECK(IsSet(MiHighMemory));
    ResetThresholds();
}

/* ---- a driver that trims --------------------------------------------------------------------- */

#define BLOCK_PAGES 4
#define MOST_BLOCKS 64
#define CACHE_TAG   'mirT'

/* A driver that keeps blocks at hand, and the thread that gives them up when the pool is low. */
static struct {
    PKEVENT Low, High;
    KEVENT Stop;
    PVOID Blocks[MOST_BLOCKS];
    ULONG Count;
    ULONG Trims;
} Driver;

/* Frees blocks until the pool is high, or none is left. */
static VOID Trim(VOID)
{
    Driver.Trims++;
    while (Driver.Count > 0 && KeReadStateEvent(Driver.High) == 0) {
        ExFreePoolWithTag(Driver.Blocks[--Driver.Count], CACHE_TAG);
    }
}

static VOID NTAPI WaitAndTrim(PVOID Context)
{
    PVOID Objects[] = {&Driver.Stop, Driver.Low};
    UNREFERENCED_PARAMETER(Context);
    while (KeWaitForMultipleObjects(ARRAYSIZE(Objects), Objects, WaitAny, Executive, KernelMode,
                                    FALSE, NULL, NULL) == STATUS_WAIT_0 + 1) {
        Trim();
    }
}

/* Fills the driver's cache far beyond what the pool has before it is low. */
static VOID FillCache(POOL_FLAGS Flag, ULONG Blocks)
{
    for (ULONG i = 0; i < Blocks && Driver.Count < MOST_BLOCKS; i++) {
        PVOID Block =
            ExAllocatePool2(Flag | POOL_FLAG_UNINITIALIZED, BLOCK_PAGES * PAGE_SIZE, CACHE_TAG);
        if (CHECK(Block != NULL)) {
            Driver.Blocks[Driver.Count++] = Block;
        }
    }
}

static VOID RunDriver(POOL_FLAGS Flag, LEFT_NOW *LeftNow, MI_CONDITION Low, MI_CONDITION High)
{
    KeInitializeEvent(&Driver.Stop, NotificationEvent, FALSE);
    Driver.Trims = Driver.Count = 0;
    SIZE_T Left = LeftNow();
    MiSetThreshold(Low, Left - 40 * BLOCK_PAGES);
    MiSetThreshold(High, Left - 20 * BLOCK_PAGES);
    PKTHREAD Thread = TestStartThread(WaitAndTrim, NULL, 12);
    FillCache(Flag, 30);
    CHECK_EQ(Driver.Trims, 0);
    CHECK_EQ(Driver.Count, 30);
    FillCache(Flag, 100);
    KeFlushQueuedDpcs();
    CHECK_GE(Driver.Trims, 3); /* each after some 20 blocks more */
    CHECK_LE(Driver.Trims, 8);
    CHECK(!IsSet(Low));
    CHECK_GE(LeftNow(), MiQueryThreshold(Low));
    KeSetEvent(&Driver.Stop, EVENT_INCREMENT, FALSE);
    TestJoinThread(Thread);
    while (Driver.Count > 0) {
        ExFreePoolWithTag(Driver.Blocks[--Driver.Count], CACHE_TAG);
    }
    ResetThresholds();
}

TEST(PressureTrimPaged, "pressure/driver/waits-and-trims-its-paged-pool", APP_45 " || " APP_43)
{
    HANDLE Low, High;
    Driver.Low = OpenEvent(L"\\KernelObjects\\LowPagedPoolCondition", &Low);
    Driver.High = OpenEvent(L"\\KernelObjects\\HighPagedPoolCondition", &High);
    REQUIRE(Driver.Low != NULL && Driver.High != NULL);
    RunDriver(POOL_FLAG_PAGED, PagedLeft, MiLowPagedPool, MiHighPagedPool);
    ZwClose(Low);
    ZwClose(High);
}

TEST(PressureTrimNonPaged, "pressure/driver/waits-and-trims-its-nonpaged-pool",
     APP_45 " || " APP_44)
{
    HANDLE Low, High;
    Driver.Low = OpenEvent(L"\\KernelObjects\\LowNonPagedPoolCondition", &Low);
    Driver.High = OpenEvent(L"\\KernelObjects\\HighNonPagedPoolCondition", &High);
    REQUIRE(Driver.Low != NULL && Driver.High != NULL);
    RunDriver(POOL_FLAG_NON_PAGED, NonPagedLeft, MiLowNonPagedPool, MiHighNonPagedPool);
    ZwClose(Low);
    ZwClose(High);
}
