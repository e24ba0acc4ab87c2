/*
 * results.c - the matrix of results (contract 2.11) as far as nothing stops the machine: tags,
 * sizes and flags that are refused, memory that is cleared, must or must not be.
 */
#include "tests/fail_nth.h"
#include "tests/pool/pool_cases.h"

/* ---- tag 0 and zero bytes -------------------------------------------------------------------- */

static BOOLEAN RefusesTagZero(const POOL_CASE *Case)
{
    static const ULONG Tags[] = {0, PROTECTED_POOL};
    BOOLEAN Holds = TRUE;
    for (ULONG i = 0; i < ARRAYSIZE(Tags); i++) {
        Holds &= CHECK_EQ(ExAllocatePoolWithTag(Case->Type, 64, Tags[i]), NULL);
        Holds &= CHECK_EQ(
            ExAllocatePoolWithTagPriority(Case->Type, PAGE_SIZE, Tags[i], HighPoolPriority), NULL);
        Holds &= CHECK_EQ(ExAllocatePool2(Case->Flag, 64, Tags[i]), NULL);
        Holds &= CHECK_EQ(ExAllocatePoolZero(Case->Type, 64, Tags[i]), NULL);
    }
    return Holds;
}

TEST(ResultsTagZero, "pool/results/tag-zero-gives-null", "MAT-5 Tag 0: every routine returns NULL.")
{
    PoolForEach(RefusesTagZero);
}

static BOOLEAN ZeroBytesAreMinimal(const POOL_CASE *Case)
{
    PVOID Blocks[3] = {ExAllocatePool(Case->Type, 0),
                       ExAllocatePoolWithTag(Case->Type, 0, TEST_TAG),
                       ExAllocatePoolWithTagPriority(Case->Type, 0, TEST_TAG, LowPoolPriority)};
    BOOLEAN Holds = TRUE;
    for (ULONG i = 0; i < ARRAYSIZE(Blocks); i++) {
        Holds &= CHECK(Blocks[i] != NULL) && CHECK_EQ(ExpHeaderOf(Blocks[i])->BlockSize, 2);
        PoolFreeIfAny(Blocks[i]);
    }
    return Holds;
}

TEST(ResultsZeroBytes, "pool/results/zero-bytes-give-a-minimal-block",
     "MAT-6 Size 0: the legacy routines give a minimal block.")
{
    PoolForEach(ZeroBytesAreMinimal);
}

static BOOLEAN Pool2RefusesZeroBytes(const POOL_CASE *Case)
{
    return CHECK_EQ(ExAllocatePool2(Case->Flag, 0, TEST_TAG), NULL) &&
           CHECK_EQ(ExAllocatePool2(Case->Flag | POOL_FLAG_UNINITIALIZED, 0, TEST_TAG), NULL);
}

TEST(ResultsPool2ZeroBytes, "pool/results/pool2-zero-bytes-give-null",
     "MAT-7 Size 0: ExAllocatePool2 and ExAllocatePool3 return NULL.")
{
    PoolForEach(Pool2RefusesZeroBytes);
}

/* ---- contents -------------------------------------------------------------------------------- */

/* Dirties a quarter of a page, then asks for it again with the given routine's own rules. */
static BOOLEAN ReusesDirtyQuarter(const POOL_CASE *Case, BOOLEAN WithType, BOOLEAN Zeroed)
{
    PVOID Blocks[4];
    BOOLEAN Holds = CHECK(PoolTakeQuarters(Case, Blocks));
    if (Holds) {
        RtlFillMemory(Blocks[1], POOL_QUARTER, 0xEE);
        PoolFreeIfAny(Blocks[1]);
        PVOID Again = WithType
                          ? ExAllocatePoolZero(Case->Type, POOL_QUARTER, TEST_TAG)
                          : ExAllocatePool2(Case->Flag | (Zeroed ? 0 : POOL_FLAG_UNINITIALIZED),
                                            POOL_QUARTER, TEST_TAG);
        Holds &= CHECK_EQ(Again, Blocks[1]);
        Blocks[1] = Again;
        Holds &= Again != NULL &&
                 CHECK(Zeroed ? PoolIsFilled(Again, 0, 0, POOL_QUARTER)
                              : PoolIsFilled(Again, 0xEE, sizeof(LIST_ENTRY), POOL_QUARTER));
        for (ULONG i = 0; i < 4; i++) {
            PoolFreeIfAny(Blocks[i]);
        }
    }
    PoolFreePlugs();
    return Holds;
}

static BOOLEAN Pool2Clears(const POOL_CASE *Case)
{
    return ReusesDirtyQuarter(Case, FALSE, TRUE);
}

TEST(ResultsCleared, "pool/results/pool2-memory-is-zero",
     "MAT-16 Success of ExAllocatePool2: the memory is zero.")
{
    PoolForEach(Pool2Clears);
}

/* Pages that were dirtied go back, and come again with ExAllocatePool2: the same or others. */
static BOOLEAN Pool2ClearsPages(const POOL_CASE *Case)
{
    BOOLEAN Holds = TRUE;
    for (SIZE_T Bytes = 0xFE1; Bytes < 5 * PAGE_SIZE; Bytes += PAGE_SIZE - 3) {
        PVOID Dirty = ExAllocatePoolWithTag(Case->Type, Bytes, TEST_TAG);
        if (!CHECK(Dirty != NULL)) {
            return FALSE;
        }
        RtlFillMemory(Dirty, ROUND_TO_PAGES(Bytes), 0xBB);
        PoolFreeIfAny(Dirty);
        PVOID Clean = ExAllocatePool2(Case->Flag, Bytes, TEST_TAG);
        Holds &= CHECK(Clean != NULL && PoolIsFilled(Clean, 0, 0, Bytes));
        PoolFreeIfAny(Clean);
    }
    return Holds;
}

TEST(ResultsClearedPages, "pool/results/pool2-whole-pages-are-zero",
     "MAT-16 Success of ExAllocatePool2: the memory is zero.")
{
    PoolForEach(Pool2ClearsPages);
}

static BOOLEAN Pool2LeavesContents(const POOL_CASE *Case)
{
    return ReusesDirtyQuarter(Case, FALSE, FALSE);
}

TEST(ResultsUninitialized, "pool/results/pool2-uninitialized-skips-clearing",
     "contract 2.4: POOL_FLAG_UNINITIALIZED, skip zeroing")
{
    PoolForEach(Pool2LeavesContents);
}

static BOOLEAN ZeroWrapperClears(const POOL_CASE *Case)
{
    return ReusesDirtyQuarter(Case, TRUE, TRUE);
}

TEST(ResultsZeroWrapper, "pool/results/exallocatepoolzero-clears",
     "contract 2.1: ExAllocatePoolZero, zeroed")
{
    PoolForEach(ZeroWrapperClears);
}

/* ---- flags ----------------------------------------------------------------------------------- */

/* What ExAllocatePool2 does with exactly these flags. */
static BOOLEAN Pool2Succeeds(POOL_FLAGS Flags)
{
    PVOID Block = ExAllocatePool2(Flags, 100, TEST_TAG);
    PoolFreeIfAny(Block);
    return Block != NULL;
}

TEST(ResultsNoKind, "pool/flags/none-or-several-kinds-give-null",
     "contract 2.4: exactly one of 0x40, 0x80 and 0x100 must be set")
{
    for (ULONG Kinds = 0; Kinds < 8; Kinds++) {
        ULONG Bits = (Kinds & 1) + (Kinds >> 1 & 1) + (Kinds >> 2);
        CHECK_EQ(Pool2Succeeds((POOL_FLAGS)Kinds << 6), Bits == 1);
        CHECK_EQ(Pool2Succeeds((POOL_FLAGS)Kinds << 6 | POOL_FLAG_UNINITIALIZED), Bits == 1);
    }
}

TEST(ResultsRequired, "pool/flags/an-unknown-required-flag-gives-null",
     "contract 2.4: any unknown or unsatisfiable one of the low 32 bits makes the allocation fail")
{
    const POOL_FLAGS Met = POOL_FLAG_UNINITIALIZED | POOL_FLAG_CACHE_ALIGNED |
                           POOL_FLAG_RAISE_ON_FAILURE | POOL_FLAG_NON_PAGED | POOL_FLAG_USE_QUOTA;
    for (ULONG Bit = 0; Bit < 32; Bit++) {
        POOL_FLAGS Flag = 1ULL << Bit;
        BOOLEAN Raises = Flag == POOL_FLAG_RAISE_ON_FAILURE && TestFailsAllocations();
        if (Flag != POOL_FLAG_NON_PAGED_EXECUTE && Flag != POOL_FLAG_PAGED && !Raises) {
            CHECK_EQ(Pool2Succeeds(POOL_FLAG_NON_PAGED | Flag), (Flag & Met) != 0);
        }
    }
}

TEST(ResultsOptional, "pool/flags/an-unknown-optional-flag-is-ignored",
     "contract 2.4: high 32 bits are optional, unknown ones are ignored")
{
    for (ULONG Bit = 32; Bit < 64; Bit++) {
        CHECK(Pool2Succeeds(POOL_FLAG_PAGED | 1ULL << Bit));
        CHECK(!Pool2Succeeds(1ULL << Bit));
    }
    CHECK(Pool2Succeeds(POOL_FLAG_NON_PAGED | 0xFFFFFFFF00000000ULL));
}

TEST(ResultsTypesAsFlags, "pool/flags/types-given-as-flags",
     "contract 2.4: POOL_TYPE values mean something else as flags")
{
    CHECK(!Pool2Succeeds(NonPagedPool));
    CHECK(!Pool2Succeeds(PagedPool)); /* a quota, and no kind */
    CHECK(!Pool2Succeeds(NonPagedPoolNx));
    CHECK(!Pool2Succeeds(NonPagedPoolNxCacheAligned));
    PVOID Block = ExAllocatePool2(POOL_COLD_ALLOCATION, 8, TEST_TAG); /* 0x100: paged */
    CHECK_EQ(ExpKindOfAddress(Block), PoolKindPaged);
    PoolFreeIfAny(Block);
}

static BOOLEAN FlagChoosesKind(const POOL_CASE *Case)
{
    PVOID Small = ExAllocatePool2(Case->Flag, 100, TEST_TAG);
    PVOID Big = ExAllocatePool2(Case->Flag, PAGE_SIZE, TEST_TAG);
    BOOLEAN Holds = CHECK_EQ(ExpKindOfAddress(Small), Case->Kind) &&
                    CHECK_EQ(ExpKindOfAddress(Big), Case->Kind);
    PoolFreeIfAny(Small);
    PoolFreeIfAny(Big);
    return Holds;
}

TEST(ResultsKindOfFlag, "pool/flags/each-kind-is-its-own-pool",
     "contract 2.4: POOL_FLAG_NON_PAGED, NON_PAGED_EXECUTE, PAGED")
{
    PoolForEach(FlagChoosesKind);
}

/* ---- types ----------------------------------------------------------------------------------- */

TEST(ResultsSession, "pool/types/session-types-give-null",
     "contract 2.2: without session support a session type is invalid")
{
    static const POOL_TYPE Types[] = {NonPagedPoolSession, PagedPoolSession,
                                      NonPagedPoolCacheAlignedSession, PagedPoolCacheAlignedSession,
                                      NonPagedPoolSessionNx};
    for (ULONG i = 0; i < ARRAYSIZE(Types); i++) {
        CHECK_EQ(ExAllocatePoolWithTag(Types[i], 32, TEST_TAG), NULL);
        CHECK_EQ(ExAllocatePool(Types[i], PAGE_SIZE), NULL);
    }
}
