/*
 * tags.c - tags: what a tag is charged, who may free under it.
 */
#include "tests/pool/pool_cases.h"

/* What a tag has cost in the pool of a case. */
typedef struct _TAG_COST {
    ULONG64 Allocs, Frees, Bytes;
} TAG_COST;

static TAG_COST CostOf(ULONG Tag, const POOL_CASE *Case)
{
    POOL_TAG_USAGE Usage;
    ExpQueryTag(Tag, &Usage);
    return Case->Kind == PoolKindPaged
               ? (TAG_COST){Usage.PagedAllocs, Usage.PagedFrees, Usage.PagedBytes}
               : (TAG_COST){Usage.NonPagedAllocs, Usage.NonPagedFrees, Usage.NonPagedBytes};
}

/* Bytes charged for a request and the counts around it; all is given back by the free. */
static BOOLEAN Charges(const POOL_CASE *Case, SIZE_T Bytes, SIZE_T Charged)
{
    const ULONG Tag = '1gaT';
    TAG_COST Before = CostOf(Tag, Case);
    PVOID Block = ExAllocatePoolWithTag(Case->Type, Bytes, Tag);
    TAG_COST During = CostOf(Tag, Case);
    PoolFreeIfAny(Block);
    TAG_COST After = CostOf(Tag, Case);
    return CHECK_EQ(During.Allocs, Before.Allocs + 1) && CHECK_EQ(During.Frees, Before.Frees) &&
           CHECK_EQ(During.Bytes, Before.Bytes + Charged) &&
           CHECK_EQ(After.Allocs, During.Allocs) && CHECK_EQ(After.Frees, Before.Frees + 1) &&
           CHECK_EQ(After.Bytes, Before.Bytes);
}

static BOOLEAN ChargesHeadersAndRounding(const POOL_CASE *Case)
{
    return Charges(Case, 0, 32) && Charges(Case, 1, 32) && Charges(Case, 16, 32) &&
           Charges(Case, 17, 48) && Charges(Case, 0xFE0, 0xFF0) &&
           Charges(Case, 0xFE1, PAGE_SIZE) && Charges(Case, 2 * PAGE_SIZE + 1, 3 * PAGE_SIZE);
}

TEST(TagsCharge, "pool/tags/charged-with-header-and-rounding",
     "POOL-11 For each tag and kind: allocations minus frees are the blocks alive, Bytes their sum "
     "with headers and rounding.")
{
    PoolForEach(ChargesHeadersAndRounding);
}

static BOOLEAN KindsAreApart(const POOL_CASE *Case)
{
    const POOL_CASE *Other =
        &PoolCases[Case->Kind == PoolKindPaged ? PoolKindNonPagedNx : PoolKindPaged];
    TAG_COST Before = CostOf('2gaT', Other);
    PVOID Block = ExAllocatePoolWithTag(Case->Type, 100, '2gaT');
    TAG_COST After = CostOf('2gaT', Other);
    PoolFreeIfAny(Block);
    return CHECK_EQ(After.Allocs, Before.Allocs) && CHECK_EQ(After.Bytes, Before.Bytes);
}

TEST(TagsKinds, "pool/tags/paged-and-nonpaged-are-counted-apart",
     "contract 3.3: NonPagedAllocs, NonPagedFrees, NonPagedBytes, PagedAllocs, PagedFrees, "
     "PagedBytes")
{
    PoolForEach(KindsAreApart);
}

TEST(TagsNone, "pool/tags/untagged-memory-is-none", "contract 2.7: ExAllocatePool shows as None")
{
    POOL_TAG_USAGE Before, After;
    ExpQueryTag('enoN', &Before);
    PVOID Block = ExAllocatePool(NonPagedPoolNx, 40);
    ExpQueryTag('enoN', &After);
    REQUIRE(Block != NULL);
    CHECK_EQ(After.NonPagedAllocs, Before.NonPagedAllocs + 1);
    CHECK_EQ(memcmp(&ExpHeaderOf(Block)->PoolTag, "None", 4), 0);
    PoolFreeIfAny(Block);
}

/* A refused request charges nobody. */
TEST(TagsRefused, "pool/tags/a-failed-request-is-not-charged", "POOL-11 Bytes their sum")
{
    TAG_COST Before = CostOf('3gaT', &PoolCases[0]);
    CHECK_EQ(ExAllocatePoolWithTag(NonPagedPoolNx, MAXSIZE_T / 2, '3gaT'), NULL);
    CHECK_EQ(ExAllocatePoolWithTag(NonPagedPoolSession, 8, '3gaT'), NULL);
    TAG_COST After = CostOf('3gaT', &PoolCases[0]);
    CHECK_EQ(memcmp(&Before, &After, sizeof(Before)), 0);
}

/* ---- freeing --------------------------------------------------------------------------------- */

static VOID FreeUnder(PVOID Block, ULONG Tag)
{
    if (CHECK(Block != NULL)) {
        ExFreePoolWithTag(Block, Tag);
    }
}

static BOOLEAN AnyTagFrees(const POOL_CASE *Case)
{
    static const ULONG Tags[] = {TEST_TAG, 'gnoW', 'enoN', 0};
    TAG_COST Before = CostOf(TEST_TAG, Case);
    for (ULONG i = 0; i < ARRAYSIZE(Tags); i++) {
        FreeUnder(ExAllocatePoolWithTag(Case->Type, 80, TEST_TAG), Tags[i]);
        FreeUnder(ExAllocatePoolWithTag(Case->Type, PAGE_SIZE, TEST_TAG), Tags[i]);
    }
    TAG_COST After = CostOf(TEST_TAG, Case); /* charged to the block's tag, not the free's */
    return CHECK_EQ(After.Frees, Before.Frees + 8) && CHECK_EQ(After.Bytes, Before.Bytes);
}

TEST(TagsWrong, "pool/tags/a-wrong-tag-frees-what-is-not-protected",
     "CON-19 A free with the wrong tag is ignored unless the allocation's tag was protected.")
{
    PoolForEach(AnyTagFrees);
}

static BOOLEAN ProtectedTagFrees(const POOL_CASE *Case)
{
    const ULONG Tag = 'torP' | PROTECTED_POOL;
    PVOID Small = ExAllocatePoolWithTag(Case->Type, 80, Tag);
    PVOID Big = ExAllocatePoolWithTag(Case->Type, PAGE_SIZE, Tag);
    BOOLEAN Holds = CHECK(Small != NULL) && CHECK_EQ(ExpHeaderOf(Small)->PoolTag, Tag);
    TAG_COST During = CostOf('torP', Case); /* counted under the four characters */
    FreeUnder(Small, Tag);
    FreeUnder(Big, Tag);
    TAG_COST After = CostOf('torP', Case);
    return Holds && CHECK_EQ(During.Bytes - After.Bytes, 96 + PAGE_SIZE);
}

TEST(TagsProtected, "pool/tags/a-protected-tag-frees-its-block",
     "contract 2.7: frees must present the tag with the bit")
{
    PoolForEach(ProtectedTagFrees);
}

TEST(TagsFamilies, "pool/tags/any-routine-frees-what-another-gave",
     "contract 2.9: any routine of the family may free a block of any other")
{
    FreeUnder(ExAllocatePool(PagedPool, 20), TEST_TAG);
    PoolFreeIfAny(ExAllocatePool2(POOL_FLAG_NON_PAGED, 20, TEST_TAG));
    FreeUnder(ExAllocatePool2(POOL_FLAG_PAGED, PAGE_SIZE, TEST_TAG), TEST_TAG);
    PoolFreeIfAny(ExAllocatePoolWithTagPriority(NonPagedPool, 20, TEST_TAG, LowPoolPriority));
    for (POOL_KIND Kind = 0; Kind < PoolKindCount; Kind++) {
        PoolCheck(Kind);
    }
}

TEST(TagsText, "pool/tags/text-reads-as-people-write-it",
     "contract 2.7: written reversed in C, so that it prints Tag1")
{
    CHAR Text[POOL_TAG_TEXT];
    ExpFormatTag('1gaT', Text);
    CHECK_EQ(memcmp(Text, "Tag1", 5), 0);
    ExpFormatTag('1gaT' | PROTECTED_POOL, Text);
    CHECK_EQ(memcmp(Text, "Tag1", 5), 0);
    ExpFormatTag(0x0A41007F, Text);
    CHECK_EQ(memcmp(Text, "..A.", 5), 0);
}
