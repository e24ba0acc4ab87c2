/*
 * lookaside.c - tests of executive/ex/lookaside.c. Quotes name its invariants, the contract's
 * section 2.10 and the pages of the routines.
 */
#include "executive/ex/lookaside.h"
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "kernel/ke/try.h"
#include "mm/mm.h"
#include "mm/pool/pool.h"
#include "monitor/monitor.h"
#include "tests/ke/threads.h"

#define LIST_TAG 'kooL'
#define ENTRY    100
#define MOST     300

static NPAGED_LOOKASIDE_LIST NList;
static PAGED_LOOKASIDE_LIST PList;
static LOOKASIDE_LIST_EX DECLSPEC_ALIGN(64) ExList;
static PVOID Entries[MOST];

static struct {
    ULONG Allocated, Freed;
    POOL_TYPE Type;
    SIZE_T Size;
    ULONG Tag;
    PLOOKASIDE_LIST_EX List;
} Seen;

static PVOID NTAPI OwnAllocate(POOL_TYPE Type, SIZE_T Size, ULONG Tag)
{
    Seen.Allocated++;
    Seen.Type = Type;
    Seen.Size = Size;
    Seen.Tag = Tag;
    return ExAllocatePoolWithTag(NonPagedPoolNx, Size, Tag);
}

static VOID NTAPI OwnFree(PVOID Buffer)
{
    Seen.Freed++;
    ExFreePool(Buffer);
}

static PVOID NTAPI OwnAllocateEx(POOL_TYPE Type, SIZE_T Size, ULONG Tag, PLOOKASIDE_LIST_EX List)
{
    Seen.List = List;
    return OwnAllocate(Type, Size, Tag);
}

static VOID NTAPI OwnFreeEx(PVOID Buffer, PLOOKASIDE_LIST_EX List)
{
    Seen.List = List;
    OwnFree(Buffer);
}

static ULONG64 Bytes(VOID)
{
    POOL_TAG_USAGE Usage;
    ExpQueryTag(LIST_TAG, &Usage);
    return Usage.NonPagedBytes + Usage.PagedBytes;
}

static VOID MakeN(ULONG Flags)
{
    RtlZeroMemory(&Seen, sizeof(Seen));
    ExInitializeNPagedLookasideList(&NList, NULL, NULL, Flags, ENTRY, LIST_TAG, 0);
}

static NTSTATUS MakeEx(POOL_TYPE Type, ULONG Flags, BOOLEAN Own)
{
    RtlZeroMemory(&Seen, sizeof(Seen));
    return ExInitializeLookasideListEx(&ExList, Own ? OwnAllocateEx : NULL, Own ? OwnFreeEx : NULL,
                                       Type, Flags, ENTRY, LIST_TAG, 0);
}

/* What there was memory for goes back to its list. */
static VOID GiveNPaged(PNPAGED_LOOKASIDE_LIST List, PVOID Entry)
{
    if (Entry != NULL) {
        ExFreeToNPagedLookasideList(List, Entry);
    }
}

static VOID GivePaged(PPAGED_LOOKASIDE_LIST List, PVOID Entry)
{
    if (Entry != NULL) {
        ExFreeToPagedLookasideList(List, Entry);
    }
}

static VOID GiveEx(PLOOKASIDE_LIST_EX List, PVOID Entry)
{
    if (Entry != NULL) {
        ExFreeToLookasideListEx(List, Entry);
    }
}

TEST(LookFields, "lookaside/fields-after-initialisation", "contract 2.10: GENERAL_LOOKASIDE")
{
    MakeN(POOL_NX_ALLOCATION);
    CHECK_EQ(NList.L.Depth, 4);
    CHECK_EQ(NList.L.MaximumDepth, 256);
    CHECK_EQ(NList.L.Type, NonPagedPoolNx);
    CHECK_EQ(NList.L.Tag, LIST_TAG);
    CHECK_EQ(NList.L.Size, ENTRY);
    CHECK_EQ(NList.L.TotalAllocates | NList.L.AllocateMisses | NList.L.TotalFrees, 0);
    CHECK_EQ((PVOID)NList.L.Allocate, (PVOID)ExAllocatePoolWithTag);
    CHECK_EQ((PVOID)NList.L.Free, (PVOID)ExFreePool);
    CHECK_EQ(ExQueryDepthSList(&NList.L.ListHead), 0);
    ExDeleteNPagedLookasideList(&NList);
}

TEST(LookTypes, "lookaside/entries-come-from-the-pool-of-the-list", "DDI wdm: Flags")
{
    MakeN(0);
    PVOID Executable = ExAllocateFromNPagedLookasideList(&NList);
    CHECK_EQ(ExpKindOfAddress(Executable), PoolKindNonPagedExecute);
    GiveNPaged(&NList, Executable);
    ExDeleteNPagedLookasideList(&NList);
    MakeN(POOL_NX_ALLOCATION);
    PVOID Nx = ExAllocateFromNPagedLookasideList(&NList);
    CHECK_EQ(ExpKindOfAddress(Nx), PoolKindNonPagedNx);
    GiveNPaged(&NList, Nx);
    ExDeleteNPagedLookasideList(&NList);
    ExInitializePagedLookasideList(&PList, NULL, NULL, 0, ENTRY, LIST_TAG, 0);
    PVOID Paged = ExAllocateFromPagedLookasideList(&PList);
    CHECK_EQ(ExpKindOfAddress(Paged), PoolKindPaged);
    GivePaged(&PList, Paged);
    ExDeletePagedLookasideList(&PList);
    CHECK_EQ(Bytes(), 0);
}

TEST(LookOrder, "lookaside/the-last-one-freed-is-the-next-one-given", "LOOK-1")
{
    MakeN(POOL_NX_ALLOCATION);
    for (ULONG i = 0; i < 4; i++) {
        Entries[i] = ExAllocateFromNPagedLookasideList(&NList);
    }
    for (ULONG i = 0; i < 4; i++) {
        GiveNPaged(&NList, Entries[i]);
    }
    CHECK_EQ(ExQueryDepthSList(&NList.L.ListHead), 4);
    for (ULONG i = 4; i-- > 0;) {
        PVOID Entry = ExAllocateFromNPagedLookasideList(&NList);
        CHECK_EQ(Entry, Entries[i]);
        Entries[i] = Entry;
    }
    for (ULONG i = 0; i < 4; i++) {
        GiveNPaged(&NList, Entries[i]);
    }
    ExDeleteNPagedLookasideList(&NList);
    CHECK_EQ(Bytes(), 0);
}

TEST(LookDepth, "lookaside/no-more-than-depth-are-kept-and-misses-are-counted", "LOOK-1")
{
    RtlZeroMemory(&Seen, sizeof(Seen));
    ExInitializeNPagedLookasideList(&NList, OwnAllocate, OwnFree, POOL_NX_ALLOCATION, ENTRY,
                                    LIST_TAG, 0);
    for (ULONG i = 0; i < 10; i++) {
        Entries[i] = ExAllocateFromNPagedLookasideList(&NList);
    }
    CHECK_EQ(Seen.Allocated, 10);
    CHECK_EQ(Seen.Type, NonPagedPoolNx);
    CHECK_EQ(Seen.Size, ENTRY);
    CHECK_EQ(Seen.Tag, LIST_TAG);
    for (ULONG i = 0; i < 10; i++) {
        GiveNPaged(&NList, Entries[i]);
    }
    CHECK_EQ(Seen.Freed, 6);
    CHECK_EQ(ExQueryDepthSList(&NList.L.ListHead), 4);
    CHECK_EQ(NList.L.TotalAllocates, 10);
    CHECK_EQ(NList.L.AllocateMisses, 10);
    CHECK_EQ(NList.L.TotalFrees, 10);
    CHECK_EQ(NList.L.FreeMisses, 6);
    GiveNPaged(&NList, ExAllocateFromNPagedLookasideList(&NList));
    CHECK_EQ(NList.L.AllocateMisses, 10);
    CHECK_EQ(NList.L.FreeMisses, 6);
    ExDeleteNPagedLookasideList(&NList);
    CHECK_EQ(Seen.Freed, 10);
    CHECK_EQ(Bytes(), 0);
}

TEST(LookEx, "lookaside/ex-routines-get-the-list-and-the-flag",
     "DDI wdm ExInitializeLookasideListEx")
{
    CHECK_STATUS(MakeEx(NonPagedPoolNx, EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL, TRUE),
                 STATUS_SUCCESS);
    PVOID Entry = ExAllocateFromLookasideListEx(&ExList);
    CHECK_EQ(Seen.List, &ExList);
    CHECK_EQ(Seen.Type, NonPagedPoolNx | POOL_RAISE_IF_ALLOCATION_FAILURE);
    GiveEx(&ExList, Entry);
    CHECK_EQ(Seen.Freed, 0);
    Seen.List = NULL;
    ExFlushLookasideListEx(&ExList);
    CHECK_EQ(Seen.Freed, 1);
    CHECK_EQ(Seen.List, &ExList);
    ExDeleteLookasideListEx(&ExList);
    CHECK_STATUS(MakeEx(PagedPool, EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE, TRUE), STATUS_SUCCESS);
    CHECK_EQ(ExList.L.Type, PagedPool | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE);
    ExDeleteLookasideListEx(&ExList);
    CHECK_EQ(Bytes(), 0);
}

TEST(LookExPlain, "lookaside/ex-without-routines-uses-the-pool", "DDI wdm: NULL")
{
    static const POOL_TYPE Types[] = {NonPagedPool, NonPagedPoolNx, PagedPool,
                                      NonPagedPoolNxCacheAligned};
    for (ULONG i = 0; i < ARRAYSIZE(Types); i++) {
        CHECK_STATUS(MakeEx(Types[i], 0, FALSE), STATUS_SUCCESS);
        for (ULONG j = 0; j < 6; j++) {
            Entries[j] = ExAllocateFromLookasideListEx(&ExList);
            CHECK(Entries[j] != NULL);
        }
        CHECK_GE(Bytes(), 6 * ENTRY);
        for (ULONG j = 0; j < 6; j++) {
            GiveEx(&ExList, Entries[j]);
        }
        CHECK_EQ(ExQueryDepthSList(&ExList.L.ListHead), 4);
        ExDeleteLookasideListEx(&ExList);
        CHECK_EQ(Bytes(), 0);
    }
}

TEST(LookExErrors, "lookaside/ex-refuses-types-and-flags", "contract 2.10: Errors")
{
    CHECK_STATUS(MakeEx(NonPagedPoolMustSucceed, 0, FALSE), STATUS_INVALID_PARAMETER_4);
    CHECK_STATUS(MakeEx(PagedPoolSession, 0, FALSE), STATUS_INVALID_PARAMETER_4);
    CHECK_STATUS(MakeEx((POOL_TYPE)0x10000, 0, FALSE), STATUS_INVALID_PARAMETER_4);
    CHECK_STATUS(MakeEx(PagedPool, 3, FALSE), STATUS_INVALID_PARAMETER_5);
    CHECK_STATUS(MakeEx(PagedPool, 4, TRUE), STATUS_INVALID_PARAMETER_5);
    CHECK_STATUS(MakeEx(PagedPool, 0, FALSE), STATUS_SUCCESS); /* none of them is in use */
    ExDeleteLookasideListEx(&ExList);
}

TEST(LookRaise, "lookaside/raises-if-the-list-says-so", "DDI wdm: POOL_RAISE_IF_ALLOCATION_FAILURE")
{
    volatile NTSTATUS Status = STATUS_SUCCESS;
    ExInitializePagedLookasideList(&PList, NULL, NULL, POOL_RAISE_IF_ALLOCATION_FAILURE, MAXULONG,
                                   LIST_TAG, 0);
    SIZE_T Rest = MmTotalCommitLimit - MmTotalCommittedPages;
    REQUIRE(MiChargeCommit(Rest));
    KE_TRY
    {
        ExAllocateFromPagedLookasideList(&PList);
    }
    KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
    {
        Status = GetExceptionCode();
    }
    KE_END_TRY
    MiReturnCommit(Rest);
    ExDeletePagedLookasideList(&PList);
    CHECK_STATUS(Status, STATUS_INSUFFICIENT_RESOURCES);
}

/* ---- the limit ------------------------------------------------------------------------------- */

static VOID Churn(ULONG Count)
{
    for (ULONG i = 0; i < Count; i++) {
        Entries[i] = ExAllocateFromNPagedLookasideList(&NList);
    }
    for (ULONG i = 0; i < Count; i++) {
        GiveNPaged(&NList, Entries[i]);
    }
}

TEST(LookRises, "lookaside/depth-rises-by-half-of-the-misses", "contract 2.10: Trimming")
{
    TestHoldClock(); /* it has the lists adjusted, too */
    MakeN(POOL_NX_ALLOCATION);
    Churn(20);
    ExpAdjustLookasides();
    CHECK_EQ(NList.L.Depth, 4 + 10);
    Churn(20); /* 4 were kept */
    ExpAdjustLookasides();
    CHECK_EQ(NList.L.Depth, 14 + 8);
    Churn(MOST);
    ExpAdjustLookasides();
    Churn(MOST);
    ExpAdjustLookasides();
    CHECK_EQ(NList.L.Depth, 256);
    ExDeleteNPagedLookasideList(&NList);
    CHECK_EQ(Bytes(), 0);
    TestReleaseClock();
}

TEST(LookSinks, "lookaside/depth-sinks-by-a-tenth-to-four", "LOOK-2")
{
    TestHoldClock();
    MakeN(POOL_NX_ALLOCATION);
    NList.L.Depth = 104;
    ExpAdjustLookasides();
    CHECK_EQ(NList.L.Depth, 94);
    for (ULONG i = 0; i < 60; i++) {
        ExpAdjustLookasides();
    }
    CHECK_EQ(NList.L.Depth, 4);
    ExDeleteNPagedLookasideList(&NList);
    TestReleaseClock();
}

TEST(LookRate, "lookaside/one-miss-in-200-is-no-reason-to-rise", "contract 2.10: > 0.5 %")
{
    TestHoldClock();
    MakeN(POOL_NX_ALLOCATION);
    for (ULONG i = 0; i < 200; i++) {
        GiveNPaged(&NList, ExAllocateFromNPagedLookasideList(&NList));
    }
    CHECK_EQ(NList.L.AllocateMisses, 1);
    ExpAdjustLookasides();
    CHECK_EQ(NList.L.Depth, 4);
    NList.L.LastTotalAllocates++; /* one in 199 */
    NList.L.LastTotalAllocates -= 200;
    NList.L.LastAllocateMisses--;
    ExpAdjustLookasides();
    CHECK_EQ(NList.L.Depth, 5);
    ExDeleteNPagedLookasideList(&NList);
    TestReleaseClock();
}

TEST(LookLevels, "lookaside/at-dispatch-level-and-paged-at-apc-level", "contract 1.4")
{
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    MakeN(POOL_NX_ALLOCATION);
    GiveNPaged(&NList, ExAllocateFromNPagedLookasideList(&NList));
    ExDeleteNPagedLookasideList(&NList);
    KeLowerIrql(Old);
    KeRaiseIrql(APC_LEVEL, &Old);
    ExInitializePagedLookasideList(&PList, NULL, NULL, 0, ENTRY, LIST_TAG, 0);
    GivePaged(&PList, ExAllocateFromPagedLookasideList(&PList));
    ExDeletePagedLookasideList(&PList);
    KeLowerIrql(Old);
    CHECK_EQ(Bytes(), 0);
}

/* ---- what must not be ------------------------------------------------------------------------ */

CRASH_TEST(CrashLookTwice, "lookaside/initialised-twice", "0xC4 0xCA $list 0x0 0x0",
           "contract 4.6: 0xCA")
{
    TestAnnounce("list", (ULONG64)&NList);
    MakeN(0);
    MakeN(0);
}

CRASH_TEST(CrashLookDeleted, "lookaside/deleted-though-not-initialised", "0xC4 0xCB $list 0x0 0x0",
           "contract 4.6: 0xCB")
{
    TestAnnounce("list", (ULONG64)&ExList);
    ExDeleteLookasideListEx(&ExList);
}

CRASH_TEST(CrashLookSmall, "lookaside/entries-too-small", "0xC4 0xCD $list 0x7 0x8",
           "contract 4.6: 0xCD")
{
    TestAnnounce("list", (ULONG64)&PList);
    ExInitializePagedLookasideList(&PList, NULL, NULL, 0, 7, LIST_TAG, 0);
}

CRASH_TEST(CrashLookHigh, "lookaside/paged-at-dispatch-level", "0xC4 0xE5 0x2 0x0 0x0",
           "contract 1.4: paged lookaside ops <= APC")
{
    ExInitializePagedLookasideList(&PList, NULL, NULL, 0, ENTRY, LIST_TAG, 0);
    KeRaiseIrqlToDpcLevel();
    ExAllocateFromPagedLookasideList(&PList);
}

CRASH_TEST(CrashLookHigher, "lookaside/nonpaged-above-dispatch-level", "0xC4 0xE5 0xC 0x0 0x0",
           "contract 1.4: N-paged lookaside ops <= DISPATCH")
{
    MakeN(0);
    PVOID Entry = ExAllocateFromNPagedLookasideList(&NList);
    KeRaiseIrqlToSynchLevel();
    ExFreeToNPagedLookasideList(&NList, Entry);
}

CRASH_TEST(CrashLookPagedInit, "lookaside/paged-made-at-dispatch-level", "0xC4 0xE5 0x2 0x0 0x0",
           "DDI wdm ExInitializePagedLookasideList: <= APC_LEVEL")
{
    KeRaiseIrqlToDpcLevel();
    ExInitializePagedLookasideList(&PList, NULL, NULL, 0, ENTRY, LIST_TAG, 0);
}

/* ---- at the prompt --------------------------------------------------------------------------- */

TEST(LookCommand, "lookaside/command-shows-the-lists", "contract 6: !lookaside")
{
    MakeN(POOL_NX_ALLOCATION);
    Churn(10);
    Churn(4);
    MonExecute("!lookaside"); /* tests/dialogue/lookaside */
    ExDeleteNPagedLookasideList(&NList);
}

/* ---- how fast -------------------------------------------------------------------------------- */

#define ROUNDS 10000

static ULONG64 Pairs(VOID)
{
    ULONG64 Flags = KiDisableInterrupts();
    ULONG64 Start = HalpReadTsc();
    for (ULONG i = 0; i < ROUNDS; i++) {
        ExFreeToLookasideListEx(&ExList, ExAllocateFromLookasideListEx(&ExList));
    }
    ULONG64 Ticks = HalpReadTsc() - Start;
    KiRestoreInterrupts(Flags);
    return Ticks;
}

BENCH(LookPair, "lookaside/pair", "instructions", "40")
{
    BOOLEAN Mode = KiCheckedMode;
    MakeEx(NonPagedPoolNx, 0, FALSE);
    Pairs();
    TestBenchReport(Pairs(), ROUNDS);
    KiSetCheckedMode(TRUE);
    TestBenchReportAs("checked", Pairs(), ROUNDS);
    KiSetCheckedMode(Mode);
    ExDeleteLookasideListEx(&ExList);
}
