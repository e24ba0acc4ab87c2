/*
 * pool3.c - tests of ExAllocatePool3, its extended parameters, ExFreePool2 and the quota routines.
 */
#include "kernel/ke/ke.h"
#include "kernel/ke/try.h"
#include "tests/fail_nth.h"
#include "tests/pool/pool_cases.h"

#define ALL_FLAGS (POOL_FLAG_NON_PAGED | POOL_FLAG_RAISE_ON_FAILURE)

static POOL_EXTENDED_PARAMETER OfPriority(EX_POOL_PRIORITY Priority, ULONG Optional)
{
    return (POOL_EXTENDED_PARAMETER){{PoolExtendedParameterPriority, Optional, 0},
                                     {.Priority = Priority}};
}

static POOL_EXTENDED_PARAMETER OfNode(POOL_NODE_REQUIREMENT Node, ULONG Optional)
{
    return (POOL_EXTENDED_PARAMETER){{PoolExtendedParameterNumaNode, Optional, 0},
                                     {.PreferredNode = Node}};
}

static BOOLEAN Serves(POOL_FLAGS Flags, PCPOOL_EXTENDED_PARAMETER Parameters, ULONG Count)
{
    PVOID Block = ExAllocatePool3(Flags, 100, TEST_TAG, Parameters, Count);
    PoolFreeIfAny(Block);
    return Block != NULL;
}

static BOOLEAN ServesOne(POOL_FLAGS Flags, POOL_EXTENDED_PARAMETER Parameter)
{
    return Serves(Flags, &Parameter, 1);
}

static BOOLEAN GivesZeroes(const POOL_CASE *Case)
{
    PUCHAR Dirty = ExAllocatePoolWithTag(Case->Type, 500, TEST_TAG);
    if (!CHECK(Dirty != NULL)) {
        return FALSE;
    }
    memset(Dirty, 0x5A, 500);
    PoolFreeIfAny(Dirty);
    PVOID Block = ExAllocatePool3(Case->Flag, 500, TEST_TAG, NULL, 0);
    BOOLEAN Holds = CHECK(Block != NULL) && CHECK(PoolIsFilled(Block, 0, 0, 500));
    Holds &= CHECK_EQ(ExpKindOfAddress(Block), Case->Kind);
    PoolFreeIfAny(Block);
    return Holds;
}

TEST(Pool3Plain, "pool/pool3/without-parameters-it-is-pool2", "DDI wdm ExAllocatePool3")
{
    PoolForEach(GivesZeroes);
    CHECK(!Serves(0, NULL, 0));
    CHECK(!Serves(POOL_FLAG_PAGED | POOL_FLAG_NON_PAGED, NULL, 0));
    CHECK(Serves(POOL_FLAG_NON_PAGED | POOL_FLAG_USE_QUOTA, NULL, 0));
    CHECK_EQ(ExAllocatePool3(POOL_FLAG_PAGED, 0, TEST_TAG, NULL, 0), NULL);
    CHECK_EQ(ExAllocatePool3(POOL_FLAG_PAGED, 8, 0, NULL, 0), NULL);
}

TEST(Pool3Priorities, "pool/pool3/takes-every-priority-and-no-other-value",
     "APP-3 ExAllocatePool3 replaces it.")
{
    static const EX_POOL_PRIORITY All[] = {0, 8, 9, 16, 24, 25, 32, 40, 41};
    ULONG Next = 0;
    for (ULONG Value = 0; Value < 70; Value++) {
        BOOLEAN Known = Next < ARRAYSIZE(All) && Value == (ULONG)All[Next];
        Next += Known;
        CHECK_EQ(ServesOne(POOL_FLAG_PAGED, OfPriority((EX_POOL_PRIORITY)Value, 0)), Known);
        CHECK(ServesOne(POOL_FLAG_PAGED, OfPriority((EX_POOL_PRIORITY)Value, 1)));
    }
    CHECK(!ServesOne(POOL_FLAG_PAGED, OfPriority((EX_POOL_PRIORITY)0x80000010, 0)));
}

TEST(Pool3Low, "pool/pool3/a-low-priority-fails-first", "contract 2.5: uses the given one")
{
    SIZE_T Low = ExpQueryShare(PoolLevelLow);
    ExpSetShare(PoolLevelLow, 1);
    CHECK(!ServesOne(POOL_FLAG_NON_PAGED, OfPriority(LowPoolPriority, 0)));
    CHECK(ServesOne(POOL_FLAG_NON_PAGED, OfPriority(NormalPoolPriority, 0)));
    CHECK(Serves(POOL_FLAG_NON_PAGED, NULL, 0));
    POOL_EXTENDED_PARAMETER Bad[] = {OfPriority((EX_POOL_PRIORITY)3, 1)};
    CHECK(Serves(POOL_FLAG_NON_PAGED, Bad, 1)); /* ignored, so as without a priority */
    ExpSetShare(PoolLevelLow, Low);
}

TEST(Pool3Node, "pool/pool3/a-node-for-nonpaged-pool-only",
     "contract 2.4: PoolExtendedParameterNumaNode")
{
    CHECK(ServesOne(POOL_FLAG_NON_PAGED, OfNode(MM_ANY_NODE_OK, 0)));
    CHECK(ServesOne(POOL_FLAG_NON_PAGED, OfNode(MM_ANY_NODE_OK | 7, 0)));
    CHECK(ServesOne(POOL_FLAG_NON_PAGED, OfNode(KeGetCurrentNodeNumber(), 0)));
    CHECK(!ServesOne(POOL_FLAG_NON_PAGED, OfNode(64, 0)));
    CHECK(ServesOne(POOL_FLAG_NON_PAGED, OfNode(64, 1)));
    CHECK(!ServesOne(POOL_FLAG_PAGED, OfNode(MM_ANY_NODE_OK, 0)));
    CHECK(ServesOne(POOL_FLAG_PAGED, OfNode(MM_ANY_NODE_OK, 1)));
    CHECK(!ServesOne(POOL_FLAG_NON_PAGED_EXECUTE, OfNode(MM_ANY_NODE_OK, 0)));
}

TEST(Pool3Unknown, "pool/pool3/what-is-unknown-fails-unless-it-is-optional", "contract 2.4")
{
    static const ULONG Types[] = {PoolExtendedParameterInvalidType, PoolExtendedParameterSecurePool,
                                  PoolExtendedParameterMax, 255};
    for (ULONG i = 0; i < ARRAYSIZE(Types); i++) {
        POOL_EXTENDED_PARAMETER Parameter = {{Types[i], 0, 0}, {0}};
        CHECK(!ServesOne(POOL_FLAG_NON_PAGED, Parameter));
        Parameter.Optional = 1;
        CHECK(ServesOne(POOL_FLAG_NON_PAGED, Parameter));
    }
}

TEST(Pool3Reserved, "pool/pool3/reserved-bits-fail-even-if-optional", "contract 2.4")
{
    POOL_EXTENDED_PARAMETER Parameter = OfPriority(HighPoolPriority, 1);
    Parameter.Reserved = 1;
    CHECK(!ServesOne(POOL_FLAG_NON_PAGED, Parameter));
    Parameter.Reserved = 1ULL << 54;
    CHECK(!ServesOne(POOL_FLAG_NON_PAGED, Parameter));
}

TEST(Pool3Several, "pool/pool3/every-parameter-must-be-met", "contract 2.4")
{
    POOL_EXTENDED_PARAMETER Both[] = {OfPriority(HighPoolPriority, 0), OfNode(MM_ANY_NODE_OK, 0)};
    CHECK(Serves(POOL_FLAG_NON_PAGED, Both, 2));
    CHECK(!Serves(POOL_FLAG_PAGED, Both, 2));
    CHECK(Serves(POOL_FLAG_PAGED, Both, 1));
    CHECK(!Serves(POOL_FLAG_NON_PAGED, NULL, 1));
}

static NTSTATUS StatusOf(POOL_TYPE Type, SIZE_T Bytes)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;
    KE_TRY
    {
        PVOID Block = ExAllocatePoolWithQuotaTag(Type, Bytes, TEST_TAG);
        Status = Block == NULL ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS;
        PoolFreeIfAny(Block);
    }
    KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
    {
        Status = GetExceptionCode();
    }
    KE_END_TRY
    return Status;
}

#define TOO_MUCH ((SIZE_T)1 << 46)

TEST(Pool3Raise, "pool/pool3/raises-if-it-is-told-to", "contract 2.4, 2.11")
{
    POOL_EXTENDED_PARAMETER Bad = OfNode(64, 0);
    volatile NTSTATUS Status = STATUS_SUCCESS;
    KE_TRY
    {
        ExAllocatePool3(ALL_FLAGS, 8, TEST_TAG, &Bad, 1);
    }
    KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
    {
        Status = GetExceptionCode();
    }
    KE_END_TRY
    CHECK_EQ(Status, STATUS_INVALID_PARAMETER);
}

TEST(Pool3Free, "pool/pool3/free-pool2-frees", "wdm_ex.h: ExFreePool2")
{
    POOL_TAG_USAGE Was, Is;
    POOL_EXTENDED_PARAMETER Optional = OfNode(0, 1);
    ExpQueryTag(TEST_TAG, &Was);
    PVOID First = ExAllocatePool2(POOL_FLAG_PAGED, 8, TEST_TAG);
    PVOID Second = ExAllocatePool2(POOL_FLAG_PAGED, 8, TEST_TAG);
    REQUIRE(First != NULL && Second != NULL);
    ExFreePool2(First, TEST_TAG, NULL, 0);
    ExFreePool2(Second, TEST_TAG, &Optional, 1);
    ExpQueryTag(TEST_TAG, &Is);
    CHECK_EQ(Is.PagedFrees, Was.PagedFrees + 2);
    CHECK_EQ(Is.PagedBytes, Was.PagedBytes);
}

CRASH_TEST(CrashPool2Parameter, "pool/pool3/freed-with-a-parameter", "0x139 0x5 not0 not0 0x0",
           "wdm_ex.h: ExFreePool2")
{
    POOL_EXTENDED_PARAMETER Parameter = OfNode(0, 0);
    ExFreePool2(ExAllocatePool2(POOL_FLAG_PAGED, 8, TEST_TAG), TEST_TAG, &Parameter, 1);
}

/* ---- quota ----------------------------------------------------------------------------------- */

/* NULL instead of an exception only where memory may run out. */
static POOL_TYPE Quiet(POOL_TYPE Type)
{
    return TestFailsAllocations() ? (POOL_TYPE)(Type | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE) : Type;
}

static BOOLEAN QuotaServes(const POOL_CASE *Case)
{
    PVOID Tagged = ExAllocatePoolWithQuotaTag(Quiet(Case->Type), 100, TEST_TAG);
    PVOID Plain = ExAllocatePoolWithQuota(Quiet(Case->Type), 3 * PAGE_SIZE);
    BOOLEAN Holds = CHECK_EQ(ExpKindOfAddress(Tagged), Case->Kind);
    Holds &= CHECK_EQ(ExpKindOfAddress(Plain), Case->Kind);
    BOOLEAN Charged = FALSE; /* the system process pays not */
    if (Tagged != NULL) {
        ExQueryPoolBlockSize(Tagged, &Charged);
    }
    Holds &= CHECK_EQ(Charged, FALSE);
    Charged = TRUE; /* pages never are */
    if (Plain != NULL) {
        ExQueryPoolBlockSize(Plain, &Charged);
        Holds &= CHECK_EQ(Charged, FALSE);
    }
    PoolFreeIfAny(Tagged);
    PoolFreeIfAny(Plain);
    return Holds;
}

TEST(QuotaMemory, "pool/quota/memory-of-the-type-that-nobody-is-charged-for",
     "MAT-18 Quota is not charged from PAGE_SIZE on.")
{
    PoolForEach(QuotaServes);
}

static BOOLEAN QuotaRaises(const POOL_CASE *Case)
{
    BOOLEAN Holds = CHECK_EQ(StatusOf(Case->Type, TOO_MUCH), STATUS_INSUFFICIENT_RESOURCES);
    POOL_TYPE WithBit = (POOL_TYPE)(Case->Type | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE);
    Holds &= CHECK_EQ(StatusOf(WithBit, TOO_MUCH), STATUS_UNSUCCESSFUL);
    Holds &= CHECK_EQ(StatusOf(WithBit, 100), STATUS_SUCCESS);
    return Holds;
}

TEST(QuotaFails, "pool/quota/raises-or-with-bit-8-returns-null",
     "MAT-2 No memory: quota routines raise QUOTA_EXCEEDED or INSUFFICIENT_RESOURCES.")
{
    PoolForEach(QuotaRaises);
}

TEST(QuotaTag, "pool/quota/tag-0-is-refused-as-failure-is", "contract 2.11")
{
    volatile NTSTATUS Status = STATUS_SUCCESS;
    KE_TRY
    {
        ExAllocatePoolWithQuotaTag(PagedPool, 8, 0);
    }
    KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
    {
        Status = GetExceptionCode();
    }
    KE_END_TRY
    CHECK_EQ(Status, STATUS_INVALID_PARAMETER);
    CHECK_EQ(
        ExAllocatePoolWithQuotaTag((POOL_TYPE)(PagedPool | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE), 8, 0),
        NULL);
}

TEST(QuotaZero, "pool/quota/contents-by-name", "wdm_ex.h: ExAllocatePoolQuotaZero")
{
    NEEDS_ALL_MEMORY("the routines by name raise");
    PUCHAR Dirty = ExAllocatePoolQuotaUninitialized(NonPagedPoolNx, 700, TEST_TAG);
    memset(Dirty, 0x77, 700);
    ExFreePool(Dirty);
    PVOID Block = ExAllocatePoolQuotaZero(NonPagedPoolNx, 700, TEST_TAG);
    CHECK(PoolIsFilled(Block, 0, 0, 700));
    PoolFreeIfAny(Block);
}
