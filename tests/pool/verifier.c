/*
 * verifier.c - what a verified driver may do, what is counted of it, and which deprecated routines
 * it calls. What it may not do is in crash_verifier.c.
 */
#include "kernel/rtl/rtl.h"
#include "mm/mm.h"
#include "tests/pool/special_cases.h"

/* ---- what passes ----------------------------------------------------------------------------- */

static VOID FreeUnder(PVOID Block, ULONG Tag)
{
    if (Block != NULL) {
        ExFreePoolWithTag(Block, Tag);
    }
}

static BOOLEAN CheckLegal(const POOL_CASE *Case)
{
    static const ULONG Tags[] = {'tseT', '   a', 'Z\x01\x01\x01', '0   ', '---9', '    ' | 'A'};
    KIRQL Old;
    BOOLEAN Holds = TRUE;
    KeRaiseIrql(Case->HighestIrql, &Old);
    for (ULONG i = 0; i < ARRAYSIZE(Tags) && Holds; i++) {
        PVOID Small = ExAllocatePoolWithTag(Case->Type, 1, Tags[i]);
        PVOID Big = ExAllocatePool2(Case->Flag, 2 * PAGE_SIZE, Tags[i] | PROTECTED_POOL);
        PVOID Any = ExAllocatePool(Case->Type, 100);
        Holds = CHECK(Small != NULL && Big != NULL && Any != NULL);
        FreeUnder(Small, Tags[i]);
        FreeUnder(Big, Tags[i] | PROTECTED_POOL);
        FreeUnder(Any, 0);
    }
    KeLowerIrql(Old);
    return Holds;
}

TEST(VerifierLegal, "pool/verifier/what-is-legal-passes", "VERIFY-1, VERIFY-2")
{
    SpecialOn("pool,ddi,pool-tracking");
    PoolForEach(CheckLegal);
    SpecialOn("pool,ddi,pool-tracking,special-pool");
    PoolForEach(CheckLegal);
    SpecialOff();
}

/* A block below may hold what no longer runs, and one beside it what does. */
TEST(VerifierTimers, "pool/verifier/timers-that-rest-or-lie-beside-do-not-matter", "")
{
    SpecialOn("pool");
    PVOID Blocks[4];
    LARGE_INTEGER Late = {.QuadPart = -10000000};
    REQUIRE(PoolTakeQuarters(&PoolCases[PoolKindNonPagedNx], Blocks));
    PKTIMER Rests = Blocks[1], Runs = Blocks[2];
    KeInitializeTimer(Rests);
    KeSetTimer(Rests, Late, NULL);
    KeCancelTimer(Rests);
    KeInitializeTimer(Runs);
    KeSetTimer(Runs, Late, NULL);
    PoolFreeIfAny(Blocks[1]);
    CHECK(KeCancelTimer(Runs));
    PoolFreeIfAny(Blocks[2]);
    PoolFreeIfAny(Blocks[0]);
    PoolFreeIfAny(Blocks[3]);
    PoolFreePlugs();
    SpecialOff();
}

TEST(VerifierFindTimer, "pool/verifier/timers-are-found-by-where-they-begin", "")
{
    static struct {
        UCHAR Before[64];
        KTIMER Timer;
        UCHAR Behind[64];
    } Memory;
    KeInitializeTimer(&Memory.Timer);
    KeSetTimer(&Memory.Timer, (LARGE_INTEGER){.QuadPart = -10000000}, NULL);
    CHECK_EQ(KiFindTimer(&Memory, sizeof(Memory)), &Memory.Timer);
    CHECK_EQ(KiFindTimer(&Memory.Timer, 1), &Memory.Timer);
    CHECK_EQ(KiFindTimer(&Memory.Before, sizeof(Memory.Before)), NULL);
    CHECK_EQ(KiFindTimer((PUCHAR)&Memory.Timer + 1, sizeof(Memory)), NULL);
    KeCancelTimer(&Memory.Timer);
    CHECK_EQ(KiFindTimer(&Memory, sizeof(Memory)), NULL);
}

TEST(VerifierResource, "pool/verifier/a-deleted-resource-does-not-matter", "")
{
    SpecialOn("pool");
    PERESOURCE Resource = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(ERESOURCE), TEST_TAG);
    REQUIRE(Resource != NULL);
    ExInitializeResourceLite(Resource);
    CHECK_EQ(KiFindResource(Resource, 1), Resource);
    CHECK_EQ(KiFindResource((PUCHAR)Resource + 1, PAGE_SIZE), NULL);
    ExDeleteResourceLite(Resource);
    CHECK_EQ(KiFindResource(Resource, 1), NULL);
    ExFreePoolWithTag(Resource, TEST_TAG);
    SpecialOff();
}

TEST(VerifierLookaside, "pool/verifier/a-deleted-lookaside-list-does-not-matter", "")
{
    SpecialOn("pool");
    PNPAGED_LOOKASIDE_LIST List =
        ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(NPAGED_LOOKASIDE_LIST), TEST_TAG);
    REQUIRE(List != NULL);
    ExInitializeNPagedLookasideList(List, NULL, NULL, 0, 64, TEST_TAG, 0);
    CHECK_EQ(ExpFindLookaside(List, sizeof(*List)), List);
    CHECK_EQ(ExpFindLookaside((PUCHAR)List + 16, PAGE_SIZE), NULL);
    ExDeleteNPagedLookasideList(List);
    CHECK_EQ(ExpFindLookaside(List, sizeof(*List)), NULL);
    ExFreePoolWithTag(List, TEST_TAG);
    SpecialOff();
}

/* ---- counters (contract 5.5) ----------------------------------------------------------------- */

TEST(VerifierCounts, "pool/verifier/requests-are-counted", "contract 5.5")
{
    SpecialOn("pool");
    POOL_VERIFIER_COUNTS Before = ExpVerifierCounts;
    PVOID Tagged = ExAllocatePoolWithTag(PagedPool, 64, TEST_TAG);
    PVOID Untagged = ExAllocatePool(NonPagedPoolNx, 64);
    PVOID Refused = ExAllocatePoolWithTag(PagedPool, (SIZE_T)1 << 45, TEST_TAG);
    PVOID Flagged = ExAllocatePool2(POOL_FLAG_PAGED | POOL_FLAG_SPECIAL_POOL, 64, TEST_TAG);
    POOL_VERIFIER_COUNTS After = ExpVerifierCounts;
    CHECK_EQ(Refused, NULL);
    CHECK_EQ(After.Attempted - Before.Attempted, 4);
    CHECK_EQ(After.Succeeded - Before.Succeeded, 3);
    CHECK_EQ(After.WithoutTag - Before.WithoutTag, 1);
    CHECK_EQ(After.SucceededSpecial - Before.SucceededSpecial, 1);
    CHECK_EQ(After.SpecialFailed - Before.SpecialFailed, 0);
    PoolFreeIfAny(Tagged);
    PoolFreeIfAny(Untagged);
    PoolFreeIfAny(Flagged);
    SpecialOff();
}

TEST(VerifierOff, "pool/verifier/nothing-is-counted-while-nothing-is-verified", "contract 5.5")
{
    POOL_VERIFIER Nothing = {.Level = 0}, Then = ExpVerifier;
    ExpSetVerifier(&Nothing);
    POOL_VERIFIER_COUNTS Before = ExpVerifierCounts;
    FreeUnder(ExAllocatePoolWithTag(NonPagedPoolNx, 64, TEST_TAG), 'rhtO');
    PoolFreeIfAny(ExAllocatePoolWithTag(NonPagedPoolNx, 0, '----'));
    CHECK_EQ(ExpVerifierCounts.Attempted, Before.Attempted);
    CHECK_EQ(ExpVerifierCounts.Succeeded, Before.Succeeded);
    ExpSetVerifier(&Then);
}

/* ---- deprecated routines --------------------------------------------------------------------- */

static ULONG64 CallsFrom(const CHAR *Routine)
{
    POOL_DEPRECATED_CALLER Caller;
    ULONG64 Calls = 0;
    SIZE_T Length = strlen(Routine);
    for (ULONG Slot = 0; ExpReadDeprecated(Slot, &Caller); Slot++) {
        CHAR Who[64];
        if (Caller.Caller != NULL && KiSymbolise(Caller.Caller, Who, sizeof(Who)) &&
            memcmp(Who, Routine, Length) == 0 && Who[Length] == '+') {
            Calls += Caller.Calls;
        }
    }
    return Calls;
}

static __attribute__((noipa)) VOID CallDeprecated(VOID)
{
    const POOL_TYPE Quiet = (POOL_TYPE)(PagedPool | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE);
    PoolFreeIfAny(ExAllocatePool(PagedPool, 64));
    PoolFreeIfAny(ExAllocatePoolWithTag(PagedPool, 64, TEST_TAG));
    PoolFreeIfAny(ExAllocatePoolWithTagPriority(PagedPool, 64, TEST_TAG, LowPoolPriority));
    PoolFreeIfAny(ExAllocatePoolWithQuota(Quiet, 64));
    PoolFreeIfAny(ExAllocatePoolWithQuotaTag(Quiet, 64, TEST_TAG));
}

static __attribute__((noipa)) VOID CallCurrent(VOID)
{
    PoolFreeIfAny(ExAllocatePool2(POOL_FLAG_PAGED, 64, TEST_TAG));
    PoolFreeIfAny(ExAllocatePool3(POOL_FLAG_PAGED, 64, TEST_TAG, NULL, 0));
    PoolFreeIfAny(ExAllocatePoolZero(PagedPool, 64, TEST_TAG));
}

TEST(VerifierDeprecated, "pool/verifier/callers-of-deprecated-routines-are-listed",
     "APP-2 The routine is deprecated since Windows 10 version 2004. || "
     "APP-61 Compliance rule UnsafeAllocatePool (wdm) applies.")
{
    ULONG64 Before = CallsFrom("CallDeprecated");
    SpecialOn("pool");
    CallDeprecated();
    CHECK_EQ(CallsFrom("CallDeprecated"), Before);
    SpecialOn("ddi");
    CallDeprecated();
    CallDeprecated();
    CallCurrent();
    CHECK_EQ(CallsFrom("CallDeprecated"), Before + 10);
    CHECK_EQ(CallsFrom("CallCurrent"), 0);
    SpecialOff();
}

/* ---- the word and the command ---------------------------------------------------------------- */

TEST(VerifierWords, "pool/verifier/words-are-bits", "contract 5: flag bits")
{
    static const struct {
        const CHAR *Word;
        ULONG Level;
    } Words[] = {
        {"pool", VERIFY_POOL},
        {"pool-tracking", 0x8},
        {"ddi", 0x20000},
        {"special-pool:Fred,pool-tracking", 0x9},
        {"ddi,pool,special-pool,pool-tracking,underrun", VERIFY_POOL | 0x20009},
    };
    POOL_VERIFIER Verifier;
    const CHAR *Wrong;
    for (ULONG i = 0; i < ARRAYSIZE(Words); i++) {
        CHECK(ExpParseVerifier(Words[i].Word, &Verifier, &Wrong));
        CHECK_EQ(Verifier.Level, Words[i].Level);
    }
    CHECK(!ExpParseVerifier("pool,ddis", &Verifier, &Wrong));
    CHECK(strcmp(Wrong, "ddis") == 0);
    CHECK(!ExpParseVerifier("pools", &Verifier, &Wrong));
    CHECK(!ExpParseVerifier("pool:Fred", &Verifier, &Wrong));
}

TEST(VerifierCommandLines, "pool/verifier/command-takes-anything", "")
{
    static const CHAR *const Lines[] = {"",   "2",    "3 tarn", "ffffffffffffffff *",
                                        "zz", "1000", "-1",     "2 no-such-driver"};
    for (const MONITOR_COMMAND_ENTRY *Entry = KiCommandTable; Entry < KiCommandTableEnd; Entry++) {
        for (ULONG i = 0; i < ARRAYSIZE(Lines) && strcmp(Entry->Name, "!verifier") == 0; i++) {
            Entry->Routine(Lines[i]);
        }
    }
}
