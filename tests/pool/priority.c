/*
 * priority.c - ExAllocatePoolWithTagPriority, sentence by sentence of its page, in every pool.
 */
#include <ntddk.h>
#include "kernel/rtl/rtl.h"
#include "tests/pool/pool_cases.h"

static PVOID Allocate(const POOL_CASE *Case, SIZE_T Bytes)
{
    return ExAllocatePoolWithTagPriority(Case->Type, Bytes, TEST_TAG, NormalPoolPriority);
}

/* ---- what it takes and returns --------------------------------------------------------------- */

static BOOLEAN ComesFromItsPool(const POOL_CASE *Case)
{
    PVOID Small = Allocate(Case, 100), Big = Allocate(Case, 3 * PAGE_SIZE);
    BOOLEAN Holds = CHECK_EQ(ExpKindOfAddress(Small), Case->Kind);
    Holds &= CHECK_EQ(ExpKindOfAddress(Big), Case->Kind);
    PoolFreeIfAny(Small);
    PoolFreeIfAny(Big);
    return Holds;
}

TEST(PriorityType, "pool/priority/memory-is-of-the-type",
     "APP-1 ExAllocatePoolWithTagPriority allocates pool memory of the given type. || "
     "APP-6 PoolType is the kind of pool memory, one of POOL_TYPE.")
{
    PoolForEach(ComesFromItsPool);
}

TEST(PrioritySignature, "pool/priority/signature",
     "APP-4 It takes PoolType, NumberOfBytes, Tag and Priority and returns PVOID.")
{
    typedef PVOID NTAPI ROUTINE(POOL_TYPE, SIZE_T, ULONG, EX_POOL_PRIORITY);
    CHECK(__builtin_types_compatible_p(__typeof__(ExAllocatePoolWithTagPriority), ROUTINE));
    ROUTINE *Exported = NULL;
    for (const EXPORT_ENTRY *Entry = KiExportTable; Entry < KiExportTableEnd; Entry++) {
        if (strcmp(Entry->Name, "ExAllocatePoolWithTagPriority") == 0) {
            Exported = (ROUTINE *)Entry->Address;
        }
    }
    REQUIRE(Exported != NULL);
    PVOID Block = Exported(NonPagedPoolNx, 40, TEST_TAG, HighPoolPriority);
    CHECK(Block != NULL);
    PoolFreeIfAny(Block);
}

TEST(PriorityHeader, "pool/priority/declared-in-wdm-h",
     "APP-51 The declaration is in wdm.h, also reached by ntddk.h and ntifs.h.")
{
    PVOID(NTAPI *volatile Routine)
    (POOL_TYPE, SIZE_T, ULONG, EX_POOL_PRIORITY) = ExAllocatePoolWithTagPriority;
    CHECK(Routine != NULL);
}

static BOOLEAN ReturnsMemory(const POOL_CASE *Case)
{
    static const EX_POOL_PRIORITY Priorities[] = {LowPoolPriority,
                                                  LowPoolPrioritySpecialPoolOverrun,
                                                  LowPoolPrioritySpecialPoolUnderrun,
                                                  NormalPoolPriority,
                                                  NormalPoolPrioritySpecialPoolOverrun,
                                                  NormalPoolPrioritySpecialPoolUnderrun,
                                                  HighPoolPriority,
                                                  HighPoolPrioritySpecialPoolOverrun,
                                                  HighPoolPrioritySpecialPoolUnderrun};
    BOOLEAN Holds = TRUE;
    for (ULONG i = 0; i < ARRAYSIZE(Priorities); i++) {
        PVOID Block = ExAllocatePoolWithTagPriority(Case->Type, 200, TEST_TAG, Priorities[i]);
        Holds &= CHECK(Block != NULL);
        if (Block != NULL) {
            RtlFillMemory(Block, 200, 0x5A);
            ExFreePoolWithTag(Block, TEST_TAG);
        }
    }
    return Holds;
}

TEST(PriorityReturns, "pool/priority/returns-memory",
     "APP-29 Otherwise the routine returns a pointer to the allocated memory.")
{
    PoolForEach(ReturnsMemory);
}

/* ---- the cold flag --------------------------------------------------------------------------- */

static BOOLEAN TakesColdFlag(const POOL_CASE *Case)
{
    POOL_TYPE Type = (POOL_TYPE)(Case->Type | POOL_COLD_ALLOCATION);
    PVOID Block = ExAllocatePoolWithTagPriority(Type, 64, TEST_TAG, LowPoolPriority);
    BOOLEAN Holds = CHECK(Block != NULL);
    PoolFreeIfAny(Block);
    return Holds;
}

TEST(PriorityCold, "pool/priority/cold-flag-is-taken",
     "APP-9 POOL_COLD_ALLOCATION may be ORed into PoolType.")
{
    PoolForEach(TakesColdFlag);
}

static BOOLEAN ColdChangesNothing(const POOL_CASE *Case)
{
    static const SIZE_T Sizes[] = {1, 64, 0xFE0, 0xFE1, PAGE_SIZE, PAGE_SIZE + 1};
    BOOLEAN Holds = TRUE;
    for (ULONG i = 0; i < ARRAYSIZE(Sizes); i++) {
        PVOID Block = ExAllocatePoolWithTagPriority((POOL_TYPE)(Case->Type | POOL_COLD_ALLOCATION),
                                                    Sizes[i], TEST_TAG, NormalPoolPriority);
        BOOLEAN Quota;
        Holds &= CHECK_EQ(ExpKindOfAddress(Block), Case->Kind);
        Holds &= CHECK_EQ(BYTE_OFFSET(Block) == 0, Sizes[i] > 0xFE0);
        Holds &= Block != NULL && CHECK_GE(ExQueryPoolBlockSize(Block, &Quota), Sizes[i]);
        PoolFreeIfAny(Block);
    }
    return Holds;
}

TEST(PriorityColdAdvice, "pool/priority/cold-flag-changes-no-promise",
     "APP-12 The cold flag is only advice to the kernel.")
{
    PoolForEach(ColdChangesNothing);
}

/* ---- size and tag ---------------------------------------------------------------------------- */

/* Neighbours that are filled to their last byte keep what they hold. */
static BOOLEAN GivesAllBytes(const POOL_CASE *Case)
{
    PUCHAR Blocks[40];
    BOOLEAN Holds = TRUE;
    for (ULONG i = 0; i < ARRAYSIZE(Blocks); i++) {
        Blocks[i] = Allocate(Case, 1 + i * 7);
        if (!CHECK(Blocks[i] != NULL)) {
            return FALSE;
        }
        RtlFillMemory(Blocks[i], 1 + i * 7, i);
    }
    for (ULONG i = 0; i < ARRAYSIZE(Blocks); i++) {
        Holds &= PoolIsFilled(Blocks[i], (UCHAR)i, 0, 1 + i * 7);
        PoolFreeIfAny(Blocks[i]);
    }
    PoolCheck(Case->Kind);
    return Holds;
}

TEST(PriorityBytes, "pool/priority/every-byte-is-the-callers",
     "APP-14 NumberOfBytes is the number of bytes to allocate.")
{
    PoolForEach(GivesAllBytes);
}

static BOOLEAN CarriesTag(const POOL_CASE *Case)
{
    POOL_BIG_BLOCK Entry;
    PVOID Small = ExAllocatePoolWithTagPriority(Case->Type, 30, 'derF', NormalPoolPriority);
    PVOID Big = ExAllocatePoolWithTagPriority(Case->Type, PAGE_SIZE, 'derF', NormalPoolPriority);
    BOOLEAN Holds = CHECK(Small != NULL && Big != NULL);
    if (Holds) {
        Holds &= CHECK_EQ(ExpHeaderOf(Small)->PoolTag, 'derF');
        Holds &= CHECK(ExpFindBigBlock(Big, &Entry)) && CHECK_EQ(Entry.Key, 'derF');
        Holds &= CHECK_EQ(memcmp(&ExpHeaderOf(Small)->PoolTag, "Fred", 4), 0);
    }
    PoolFreeIfAny(Small);
    PoolFreeIfAny(Big);
    return Holds;
}

TEST(PriorityTag, "pool/priority/memory-carries-the-tag",
     "APP-15 Tag is the pool tag of the allocated memory.")
{
    PoolForEach(CarriesTag);
}

/* What ExAllocatePoolWithTag takes and refuses, the priority's routine takes and refuses. */
static BOOLEAN TagRulesAreShared(const POOL_CASE *Case)
{
    static const ULONG Tags[] = {'a', 'ba', 'cba', 'dcba', '   a', 0x7F7F7F7F, 0x01020304, 0};
    BOOLEAN Holds = TRUE;
    for (ULONG i = 0; i < ARRAYSIZE(Tags); i++) {
        PVOID Plain = ExAllocatePoolWithTag(Case->Type, 16, Tags[i]);
        PVOID Other = ExAllocatePoolWithTagPriority(Case->Type, 16, Tags[i], NormalPoolPriority);
        Holds &= CHECK_EQ(Plain != NULL, Tags[i] != 0) && CHECK_EQ(Other != NULL, Tags[i] != 0);
        PoolFreeIfAny(Plain);
        PoolFreeIfAny(Other);
    }
    return Holds;
}

TEST(PriorityTagRules, "pool/priority/tag-rules-are-those-of-with-tag",
     "APP-16 Tag follows the rules of the Tag parameter of ExAllocatePoolWithTag.")
{
    PoolForEach(TagRulesAreShared);
}

/* ---- zero bytes ------------------------------------------------------------------------------ */

static BOOLEAN ZeroBytesGiveABlock(const POOL_CASE *Case)
{
    PVOID First = Allocate(Case, 0), Second = Allocate(Case, 0);
    BOOLEAN Holds = CHECK(First != NULL) && CHECK(Second != NULL) && CHECK_NE(First, Second);
    PoolFreeIfAny(First);
    PoolFreeIfAny(Second);
    return Holds;
}

TEST(PriorityZeroBytes, "pool/priority/zero-bytes-are-no-crash",
     "APP-39 NumberOfBytes should not be zero.")
{
    PoolForEach(ZeroBytesGiveABlock);
}

static BOOLEAN ZeroBytesCostAHeader(const POOL_CASE *Case)
{
    POOL_TAG_USAGE Before, After;
    ExpQueryTag('0reZ', &Before);
    PVOID Block = ExAllocatePoolWithTagPriority(Case->Type, 0, '0reZ', NormalPoolPriority);
    ExpQueryTag('0reZ', &After);
    SIZE_T Charged = Case->Kind == PoolKindPaged ? After.PagedBytes - Before.PagedBytes
                                                 : After.NonPagedBytes - Before.NonPagedBytes;
    PoolFreeIfAny(Block);
    return CHECK_EQ(Charged, 2 * sizeof(POOL_HEADER)); /* the header and the smallest body */
}

TEST(PriorityZeroCost, "pool/priority/zero-bytes-cost-a-header",
     "APP-40 An allocation of length zero wastes the space of a pool header.")
{
    PoolForEach(ZeroBytesCostAHeader);
}

/* ---- contents -------------------------------------------------------------------------------- */

/* What the last owner left shows behind the two words that the free list needed. */
static BOOLEAN ShowsOldContents(const POOL_CASE *Case)
{
    PVOID Blocks[4];
    BOOLEAN Holds = CHECK(PoolTakeQuarters(Case, Blocks));
    if (Holds) {
        RtlFillMemory(Blocks[2], POOL_QUARTER, 0xD7);
        PoolFreeIfAny(Blocks[2]);
        PVOID Again = Allocate(Case, POOL_QUARTER);
        Holds = CHECK_EQ(Again, Blocks[2]) &&
                CHECK(PoolIsFilled(Again, 0xD7, sizeof(LIST_ENTRY), POOL_QUARTER));
        for (ULONG i = 0; i < 4; i++) {
            PoolFreeIfAny(i == 2 ? Again : Blocks[i]);
        }
    }
    PoolFreePlugs();
    return Holds;
}

TEST(PriorityContents, "pool/priority/memory-is-not-initialized",
     "APP-48 The allocated memory is not initialized.")
{
    PoolForEach(ShowsOldContents);
}
