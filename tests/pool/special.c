/*
 * special.c - special pool: where its blocks lie, what surrounds them, who gets one, and what
 * happens to their addresses afterwards. The touches that stop the machine are crash_special.c's.
 */
#include "kernel/rtl/rtl.h"
#include "mm/mm.h"
#include "tests/fail_nth.h"
#include "tests/pool/special_cases.h"

static PVOID Take(const POOL_CASE *Case, SIZE_T Bytes, EX_POOL_PRIORITY Priority)
{
    return ExAllocatePoolWithTagPriority(Case->Type, Bytes, TEST_TAG, Priority);
}

/* ---- the place ------------------------------------------------------------------------------- */

/* A block at the end of its page: so near that one more granule would not fit. */
static BOOLEAN LiesAtEnd(PVOID Block, SIZE_T Bytes)
{
    SIZE_T End = BYTE_OFFSET(Block) + (Bytes == 0 ? 1 : Bytes);
    return (ULONG_PTR)Block % 16 == 0 && End <= PAGE_SIZE && PAGE_SIZE - End < 16;
}

static BOOLEAN LiesAtStart(PVOID Block, SIZE_T Bytes)
{
    return BYTE_OFFSET(Block) == 0 && Bytes < PAGE_SIZE;
}

/* Blocks of many sizes with Priority lie where Lies says, in the part of their pool. */
static BOOLEAN CheckPlaces(const POOL_CASE *Case, EX_POOL_PRIORITY Priority,
                           BOOLEAN (*Lies)(PVOID Block, SIZE_T Bytes))
{
    BOOLEAN Holds = TRUE;
    SIZE_T Stride = TestFailsAllocations() ? 10 : 1;
    for (SIZE_T Bytes = 0; Bytes < PAGE_SIZE && Holds; Bytes += Stride * (Bytes < 48 ? 1 : 61)) {
        PVOID Block = Take(Case, Bytes, Priority);
        Holds = CHECK(SpecialIs(Block)) && CHECK(Lies(Block, Bytes)) &&
                CHECK_EQ(((ULONG_PTR)Block - MI_SPECIAL_POOL) / MI_SPECIAL_PART, Case->Kind);
        PoolFreeIfAny(Block);
    }
    return Holds;
}

static BOOLEAN CheckOverrun(const POOL_CASE *Case)
{
    return CheckPlaces(Case, LowPoolPrioritySpecialPoolOverrun, LiesAtEnd) &&
           CheckPlaces(Case, NormalPoolPrioritySpecialPoolOverrun, LiesAtEnd) &&
           CheckPlaces(Case, HighPoolPrioritySpecialPoolOverrun, LiesAtEnd);
}

static BOOLEAN CheckUnderrun(const POOL_CASE *Case)
{
    return CheckPlaces(Case, LowPoolPrioritySpecialPoolUnderrun, LiesAtStart) &&
           CheckPlaces(Case, NormalPoolPrioritySpecialPoolUnderrun, LiesAtStart) &&
           CheckPlaces(Case, HighPoolPrioritySpecialPoolUnderrun, LiesAtStart);
}

static BOOLEAN CheckPlainAtEnd(const POOL_CASE *Case)
{
    return CheckPlaces(Case, NormalPoolPriority, LiesAtEnd);
}

static BOOLEAN CheckPlainAtStart(const POOL_CASE *Case)
{
    return CheckPlaces(Case, NormalPoolPriority, LiesAtStart);
}

TEST(SpecialOverrun, "pool/special/overrun-variants-lie-at-the-end-of-a-page",
     "APP-26 SpecialPoolOverrun places a special-pool block at the end of a physical page.")
{
    SpecialOn("special-pool,underrun");
    PoolForEach(CheckOverrun);
    SpecialOff();
}

TEST(SpecialUnderrun, "pool/special/underrun-variants-lie-at-the-start-of-a-page",
     "APP-25 SpecialPoolUnderrun places a special-pool block at the start of a physical page.")
{
    SpecialOn("special-pool");
    PoolForEach(CheckUnderrun);
    SpecialOff();
}

TEST(SpecialDefault, "pool/special/the-end-is-the-default", "contract 5.1: Verify End (default)")
{
    SpecialOn("special-pool:*");
    PoolForEach(CheckPlainAtEnd);
    SpecialOff();
}

TEST(SpecialDefaultStart, "pool/special/underrun-moves-the-default", "contract 5.1: Verify Start")
{
    SpecialOn("special-pool,underrun");
    PoolForEach(CheckPlainAtStart);
    SpecialOff();
}

TEST(SpecialVariantsOnly, "pool/special/variants-place-and-do-not-ask",
     "APP-24 The SpecialPool variants say how memory is placed under verifier or special pool.")
{
    SpecialOn("special-pool:Othr");
    PVOID Under = Take(&PoolCases[0], 100, NormalPoolPrioritySpecialPoolUnderrun);
    PVOID Over = Take(&PoolCases[0], 100, HighPoolPrioritySpecialPoolOverrun);
    CHECK(!SpecialIs(Under) && !SpecialIs(Over));
    PoolFreeIfAny(Under);
    PoolFreeIfAny(Over);
    SpecialOn("special-pool:Test");
    Under = Take(&PoolCases[0], 100, NormalPoolPrioritySpecialPoolUnderrun);
    Over = Take(&PoolCases[0], 100, HighPoolPrioritySpecialPoolOverrun);
    CHECK(SpecialIs(Under) && LiesAtStart(Under, 100));
    CHECK(SpecialIs(Over) && LiesAtEnd(Over, 100));
    PoolFreeIfAny(Under);
    PoolFreeIfAny(Over);
    SpecialOff();
}

static PVOID TakeByFlags(const POOL_CASE *Case, SIZE_T Bytes, EX_POOL_PRIORITY Priority)
{
    POOL_EXTENDED_PARAMETER Parameter = {.Priority = Priority};
    Parameter.Type = PoolExtendedParameterPriority;
    return ExAllocatePool3(Case->Flag | POOL_FLAG_SPECIAL_POOL, Bytes, TEST_TAG, &Parameter, 1);
}

static BOOLEAN CheckFlagEdges(const POOL_CASE *Case)
{
    PVOID Under = TakeByFlags(Case, 200, NormalPoolPrioritySpecialPoolUnderrun);
    PVOID Over = TakeByFlags(Case, 200, NormalPoolPrioritySpecialPoolOverrun);
    BOOLEAN Holds = CHECK(SpecialIs(Under) && LiesAtStart(Under, 200));
    Holds &= CHECK(SpecialIs(Over) && LiesAtEnd(Over, 200));
    PoolFreeIfAny(Under);
    PoolFreeIfAny(Over);
    return Holds;
}

TEST(SpecialFlagEdges, "pool/special/pool3-chooses-the-edge-by-priority", "contract 2.4, 2.5")
{
    PoolForEach(CheckFlagEdges);
}

/* The edge of a parameter that does not count is forgotten with it. */
TEST(SpecialBadParameter, "pool/special/an-ignored-parameter-chooses-no-edge", "contract 2.4")
{
    POOL_EXTENDED_PARAMETER Parameter = {.Priority = (EX_POOL_PRIORITY)(64 + 9)};
    Parameter.Type = PoolExtendedParameterPriority;
    Parameter.Optional = 1;
    SpecialOn("special-pool:Othr");
    PVOID Block =
        ExAllocatePool3(POOL_FLAG_NON_PAGED | POOL_FLAG_SPECIAL_POOL, 64, TEST_TAG, &Parameter, 1);
    CHECK(SpecialIs(Block) && LiesAtEnd(Block, 64));
    PoolFreeIfAny(Block);
    SpecialOff();
}

static BOOLEAN CheckCacheAligned(const POOL_CASE *Case)
{
    BOOLEAN Holds = TRUE;
    for (SIZE_T Bytes = 1; Bytes < PAGE_SIZE && Holds; Bytes += 97) {
        PVOID Block = ExAllocatePool2(Case->Flag | POOL_FLAG_CACHE_ALIGNED | POOL_FLAG_SPECIAL_POOL,
                                      Bytes, TEST_TAG);
        Holds = CHECK(SpecialIs(Block)) && CHECK_EQ((ULONG_PTR)Block % POOL_CACHE_LINE, 0) &&
                CHECK_LT(PAGE_SIZE - BYTE_OFFSET(Block) - Bytes, POOL_CACHE_LINE);
        PoolFreeIfAny(Block);
    }
    return Holds;
}

TEST(SpecialCacheAligned, "pool/special/cache-aligned-blocks-are", "POOL-8")
{
    SpecialOn("special-pool:Othr");
    PoolForEach(CheckCacheAligned);
    SpecialOff();
}

/* ---- what surrounds a block ------------------------------------------------------------------ */

static BOOLEAN CheckGuards(const POOL_CASE *Case)
{
    PUCHAR Blocks[16];
    BOOLEAN Holds = TRUE;
    for (ULONG i = 0; i < ARRAYSIZE(Blocks); i++) {
        Blocks[i] = Take(Case, 1 + i * 255, NormalPoolPriority);
    }
    for (ULONG i = 0; i < ARRAYSIZE(Blocks); i++) {
        PUCHAR Page = PAGE_ALIGN(Blocks[i]);
        Holds &= CHECK(Blocks[i] != NULL) && CHECK(SpecialIs(Page)) &&
                 CHECK(MiIsAddressValid(Page)) &&
                 CHECK_EQ(MiReadPte(MiGetPteAddress(Page - PAGE_SIZE)).Long, 0) &&
                 CHECK_EQ(MiReadPte(MiGetPteAddress(Page + PAGE_SIZE)).Long, 0);
    }
    for (ULONG i = 0; i < ARRAYSIZE(Blocks); i++) {
        PoolFreeIfAny(Blocks[i]);
    }
    return Holds;
}

TEST(SpecialGuards, "pool/special/pages-beside-a-block-are-never-mapped", "SPECIAL-1")
{
    SpecialOn("special-pool:Test");
    PoolForEach(CheckGuards);
    SpecialOff();
}

static BOOLEAN CheckPattern(const POOL_CASE *Case)
{
    PUCHAR Block = Take(Case, 100, NormalPoolPrioritySpecialPoolUnderrun);
    PUCHAR Zeroed = ExAllocatePool2(Case->Flag | POOL_FLAG_SPECIAL_POOL, 100, TEST_TAG);
    PMI_SPECIAL_RECORD Record = SpecialRecord(Block), Other = SpecialRecord(Zeroed);
    if (Record == NULL || Other == NULL) {
        PoolFreeIfAny(Block);
        PoolFreeIfAny(Zeroed);
        return FALSE;
    }
    BOOLEAN Holds = CHECK(PoolIsFilled(Block, Record->Pattern, 0, PAGE_SIZE));
    SIZE_T Offset = BYTE_OFFSET(Zeroed);
    Holds &= CHECK(PoolIsFilled(PAGE_ALIGN(Zeroed), Other->Pattern, 0, Offset));
    Holds &= CHECK(PoolIsFilled(Zeroed, 0, 0, 100));
    Holds &= CHECK(PoolIsFilled(Zeroed, Other->Pattern, 100, PAGE_SIZE - Offset));
    Holds &= CHECK_NE(Record->Pattern, Other->Pattern);
    Holds &= CHECK((Record->Pattern & 0x80) && Record->Pattern != 0xFF);
    PoolFreeIfAny(Block);
    PoolFreeIfAny(Zeroed);
    return Holds;
}

TEST(SpecialPattern, "pool/special/a-pattern-of-its-own-surrounds-each-block", "SPOOL-5")
{
    SpecialOn("special-pool:Test");
    PoolForEach(CheckPattern);
    SpecialOff();
}

/* The caller may write all that it asked for, and nobody minds at the free. */
static BOOLEAN CheckWholeBlock(const POOL_CASE *Case)
{
    for (SIZE_T Bytes = 1; Bytes < PAGE_SIZE; Bytes += 41) {
        PUCHAR Over = Take(Case, Bytes, NormalPoolPrioritySpecialPoolOverrun);
        PUCHAR Under = Take(Case, Bytes, NormalPoolPrioritySpecialPoolUnderrun);
        if (!CHECK(Over != NULL && Under != NULL)) {
            PoolFreeIfAny(Over);
            PoolFreeIfAny(Under);
            return FALSE;
        }
        RtlFillMemory(Over, Bytes, 0x11);
        RtlFillMemory(Under, Bytes, 0x22);
        if (!CHECK(PoolIsFilled(Over, 0x11, 0, Bytes)) ||
            !CHECK(PoolIsFilled(Under, 0x22, 0, Bytes))) {
            return FALSE;
        }
        ExFreePoolWithTag(Over, TEST_TAG);
        ExFreePoolWithTag(Under, 0);
    }
    return TRUE;
}

TEST(SpecialWhole, "pool/special/all-bytes-asked-for-may-be-written", "")
{
    SpecialOn("special-pool:Test");
    PoolForEach(CheckWholeBlock);
    SpecialOff();
}

static BOOLEAN CheckBlockSize(const POOL_CASE *Case)
{
    BOOLEAN Holds = TRUE, Charged = TRUE;
    for (SIZE_T Bytes = 0; Bytes < PAGE_SIZE && Holds; Bytes += 89) {
        PVOID Block = Take(Case, Bytes, NormalPoolPriority);
        Holds = CHECK(Block != NULL) && CHECK_EQ(ExQueryPoolBlockSize(Block, &Charged), Bytes) &&
                CHECK(!Charged);
        PoolFreeIfAny(Block);
    }
    return Holds;
}

TEST(SpecialBlockSize, "pool/special/block-size-is-what-was-asked-for",
     "bytes past the request are nobody's")
{
    SpecialOn("special-pool:Test");
    PoolForEach(CheckBlockSize);
    SpecialOff();
}

static BOOLEAN CheckRights(const POOL_CASE *Case)
{
    MI_WALK Walk;
    PVOID Block = Take(Case, 100, NormalPoolPriority);
    MiWalkTables(Block, &Walk);
    BOOLEAN Holds = CHECK(Walk.Valid && Walk.Writable && !Walk.User) &&
                    CHECK_EQ(Walk.NoExecute, Case->Kind != PoolKindNonPagedExecute);
    MI_WX_FINDING Finding;
    Holds &= CHECK(MiCheckWritableExecutable(&Finding));
    PoolFreeIfAny(Block);
    return Holds;
}

TEST(SpecialRights, "pool/special/only-the-executable-pool-is-executable", "WX-1")
{
    SpecialOn("special-pool:Test");
    PoolForEach(CheckRights);
    SpecialOff();
}

/* ---- who gets one ---------------------------------------------------------------------------- */

static BOOLEAN IsServedSpecial(SIZE_T Bytes, ULONG Tag)
{
    PVOID Block = ExAllocatePoolWithTag(NonPagedPoolNx, Bytes, Tag);
    BOOLEAN Special = SpecialIs(Block);
    if (Block != NULL) {
        ExFreePoolWithTag(Block, Tag);
    }
    return Special;
}

TEST(SpecialByTag, "pool/special/by-tag", "contract 5.1: Selection per tag")
{
    SpecialOn("special-pool:Test");
    CHECK(IsServedSpecial(40, 'tseT'));
    CHECK(IsServedSpecial(40, 'tseT' | PROTECTED_POOL));
    CHECK(!IsServedSpecial(40, 'xseT'));
    SpecialOn("special-pool:T?s*");
    CHECK(IsServedSpecial(40, 'tseT'));
    CHECK(IsServedSpecial(40, 'xsaT'));
    CHECK(!IsServedSpecial(40, 'txeT'));
    SpecialOn("special-pool:Ab");
    CHECK(IsServedSpecial(40, '  bA'));
    CHECK(!IsServedSpecial(40, 'ccbA'));
    SpecialOff();
}

TEST(SpecialBySize, "pool/special/by-size-of-the-block-with-its-header",
     "contract 2.6: 1-16 bytes = 0x20 ... 0xFD1-0xFE0 = 0xFF0")
{
    SpecialOn("special-pool:0x20");
    CHECK(IsServedSpecial(0, TEST_TAG));
    CHECK(IsServedSpecial(1, TEST_TAG));
    CHECK(IsServedSpecial(16, TEST_TAG));
    CHECK(!IsServedSpecial(17, TEST_TAG));
    SpecialOn("special-pool:48");
    CHECK(!IsServedSpecial(16, TEST_TAG));
    CHECK(IsServedSpecial(17, TEST_TAG));
    CHECK(IsServedSpecial(32, TEST_TAG));
    CHECK(!IsServedSpecial(33, TEST_TAG));
    SpecialOn("special-pool:0xFF0");
    CHECK(!IsServedSpecial(0xFD0, TEST_TAG));
    CHECK(IsServedSpecial(0xFD1, TEST_TAG));
    CHECK(IsServedSpecial(0xFE0, TEST_TAG));
    CHECK(!IsServedSpecial(0xFE1, TEST_TAG));
    SpecialOff();
}

TEST(SpecialAll, "pool/special/all", "contract 2.6: * (0x2A) means every allocation")
{
    SpecialOn("special-pool:*");
    CHECK(IsServedSpecial(1, TEST_TAG));
    CHECK(IsServedSpecial(0xFE1, '1 2 '));
    CHECK(IsServedSpecial(0xFFF, TEST_TAG));
    PVOID Block = ExAllocatePool(PagedPool, 5);
    CHECK(SpecialIs(Block));
    PoolFreeIfAny(Block);
    SpecialOff();
}

TEST(SpecialByFlag, "pool/special/the-flag-asks-without-any-word",
     "contract 2.4: POOL_FLAG_SPECIAL_POOL asks for special pool placement")
{
    PVOID Block = ExAllocatePool2(POOL_FLAG_PAGED | POOL_FLAG_SPECIAL_POOL, 300, TEST_TAG);
    REQUIRE(SpecialIs(Block));
    CHECK(PoolIsFilled(Block, 0, 0, 300));
    PoolFreeIfAny(Block);
}

/* Short ways that serve what is common must not hide a request or a free from special pool. */
static VOID FreeUnder(PVOID Block, ULONG Tag)
{
    if (Block != NULL) {
        ExFreePoolWithTag(Block, Tag);
    }
}

TEST(SpecialFreeMode, "pool/special/in-free-mode-too", "contract 5.1")
{
    BOOLEAN Checked = KiCheckedMode;
    KiSetCheckedMode(FALSE);
    for (ULONG i = 0; i < 4; i++) { /* there is a block at hand */
        PoolFreeIfAny(ExAllocatePoolWithTag(NonPagedPoolNx, 64, TEST_TAG));
    }
    PUCHAR Flagged = ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_SPECIAL_POOL, 64, TEST_TAG);
    CHECK(SpecialIs(Flagged));
    FreeUnder(Flagged, TEST_TAG); /* while nothing is verified */
    CHECK(!MiIsAddressValid(Flagged));
    SpecialOn("special-pool:Test");
    PVOID Tagged = ExAllocatePoolWithTag(NonPagedPoolNx, 64, TEST_TAG);
    PVOID Paged = ExAllocatePoolWithTagPriority(PagedPool, 64, TEST_TAG, LowPoolPriority);
    CHECK(SpecialIs(Tagged) && SpecialIs(Paged));
    SpecialOff();
    PoolFreeIfAny(Tagged);
    FreeUnder(Paged, 0);
    CHECK(!MiIsAddressValid(Tagged) && !MiIsAddressValid(Paged));
    SpecialOn("special-pool:Othr");
    PVOID Plain = ExAllocatePoolWithTag(NonPagedPoolNx, 64, TEST_TAG);
    CHECK(!SpecialIs(Plain));
    SpecialOff();
    PoolFreeIfAny(Plain);
    KiSetCheckedMode(Checked);
}

TEST(SpecialLarge, "pool/special/whole-pages-are-ordinary-and-counted",
     "contract 5.1: >= PAGE_SIZE never special, never tracked, counted as Not Tracked")
{
    SpecialOn("special-pool");
    ULONG64 Before = ExpVerifierCounts.NotTracked;
    CHECK(!IsServedSpecial(PAGE_SIZE, TEST_TAG));
    CHECK(!IsServedSpecial(5 * PAGE_SIZE + 1, TEST_TAG));
    CHECK_EQ(ExpVerifierCounts.NotTracked - Before, 2);
    SpecialOff();
}

/* ---- when it can't be served ----------------------------------------------------------------- */

static BOOLEAN CheckFallBack(const POOL_CASE *Case)
{
    PMI_SPECIAL_POOL_PART Part = &MiSpecialParts[Case->Kind];
    ULONG Limit = Part->Limit;
    ULONG64 Before = ExpVerifierCounts.SpecialFailed;
    PVOID Blocks[3];
    /* As many addresses as are in use, and those that are free are not to be had either. */
    ULONG First = Part->FirstFree;
    Part->FirstFree = MI_SPECIAL_NO_RECORD;
    Part->Limit = Part->Records;
    for (ULONG i = 0; i < ARRAYSIZE(Blocks); i++) {
        Blocks[i] = Take(Case, 100, NormalPoolPriority);
    }
    SIZE_T Available = MiAvailablePages(), Committed = MmTotalCommittedPages;
    BOOLEAN Holds = CHECK_EQ(MiAllocateSpecialPage((MI_REGION_ID)Case->Kind, MI_ANY_NODE), NULL);
    Holds &= CHECK_EQ(MiAvailablePages(), Available) && CHECK_EQ(MmTotalCommittedPages, Committed);
    Part->FirstFree = First;
    Part->Limit = Limit;
    Holds &= CHECK_EQ(ExpVerifierCounts.SpecialFailed - Before, ARRAYSIZE(Blocks));
    for (ULONG i = 0; i < ARRAYSIZE(Blocks); i++) {
        Holds &= CHECK_EQ(ExpKindOfAddress(Blocks[i]), Case->Kind);
        PoolFreeIfAny(Blocks[i]);
    }
    return Holds;
}

TEST(SpecialFallBack, "pool/special/without-addresses-the-ordinary-pool-serves", "SPOOL-2")
{
    SpecialOn("special-pool:Test");
    PoolForEach(CheckFallBack);
    SpecialOff();
}

/* Memory ends, and with it special pool, before the ordinary pool does. */
TEST(SpecialReserve, "pool/special/the-last-pages-are-left-to-others", "SPECIAL-4")
{
    NEEDS_ALL_MEMORY("it leaves only the last pages of it");
    SpecialOn("special-pool:Test");
    POOL_CHAIN *Chain = NULL, *Block;
    while (MiAvailablePages() > MI_SPECIAL_RESERVE + 8) {
        SIZE_T Pages = (MiAvailablePages() - MI_SPECIAL_RESERVE) / 2;
        SIZE_T Bytes = (Pages < 64 ? Pages : 64) * PAGE_SIZE;
        if ((Block = ExAllocatePoolWithTag(NonPagedPool, Bytes, 'niaC')) == NULL &&
            (Block = ExAllocatePoolWithTag(NonPagedPoolNx, Bytes, 'niaC')) == NULL) {
            break; /* one pool may take three quarters of memory */
        }
        Block->Before = Chain;
        Chain = Block;
    }
    ULONG64 Before = ExpVerifierCounts.SpecialFailed;
    PVOID Blocks[32];
    ULONG Special = 0;
    for (ULONG i = 0; i < ARRAYSIZE(Blocks); i++) {
        Blocks[i] = ExAllocatePoolWithTag(NonPagedPoolNx, 64, TEST_TAG);
        CHECK(Blocks[i] != NULL);
        Special += SpecialIs(Blocks[i]);
    }
    CHECK_LT(Special, ARRAYSIZE(Blocks));
    CHECK_EQ(ExpVerifierCounts.SpecialFailed - Before, ARRAYSIZE(Blocks) - Special);
    for (ULONG i = 0; i < ARRAYSIZE(Blocks); i++) {
        PoolFreeIfAny(Blocks[i]);
    }
    PoolFreeChain(Chain);
    CHECK(IsServedSpecial(64, TEST_TAG));
    SpecialOff();
}

TEST(SpecialLow, "pool/special/a-low-priority-that-must-fail-fails", "PRIO-1")
{
    SpecialOn("special-pool:Test");
    SIZE_T Share = ExpQueryShare(PoolLevelLow);
    ExpSetShare(PoolLevelLow, 1); /* all is to be left over */
    PVOID Block = Take(&PoolCases[0], 64, LowPoolPrioritySpecialPoolOverrun);
    ExpSetShare(PoolLevelLow, Share);
    CHECK_EQ(Block, NULL);
    PoolFreeIfAny(Block);
    SpecialOff();
}

/* ---- afterwards ------------------------------------------------------------------------------ */

static BOOLEAN CheckGivenBack(const POOL_CASE *Case)
{
    POOL_TAG_USAGE Before, During, After;
    PoolFreeIfAny(Take(Case, 64, NormalPoolPriority)); /* pays for records and page tables */
    PVOID Blocks[8];
    ExpQueryTag(TEST_TAG, &Before);
    SIZE_T Available = MiAvailablePages(), Committed = MmTotalCommittedPages;
    for (ULONG i = 0; i < ARRAYSIZE(Blocks); i++) {
        Blocks[i] = Take(Case, 64, NormalPoolPriority);
    }
    ExpQueryTag(TEST_TAG, &During);
    for (ULONG i = 0; i < ARRAYSIZE(Blocks); i++) {
        PoolFreeIfAny(Blocks[i]);
    }
    ExpQueryTag(TEST_TAG, &After);
    BOOLEAN Paged = Case->Kind == PoolKindPaged, Holds = TRUE;
    ULONG64 Bytes =
        Paged ? During.PagedBytes - Before.PagedBytes : During.NonPagedBytes - Before.NonPagedBytes;
    Holds &= CHECK_EQ(Bytes, ARRAYSIZE(Blocks) * PAGE_SIZE);
    Holds &= CHECK_EQ(After.PagedBytes, Before.PagedBytes) &&
             CHECK_EQ(After.NonPagedBytes, Before.NonPagedBytes);
    for (ULONG i = 0; i < ARRAYSIZE(Blocks); i++) {
        Holds &= CHECK(!MiIsAddressValid(Blocks[i]));
    }
    /* At most a page of records and a page table came into use for good meanwhile. */
    return Holds & CHECK_LE(Available - MiAvailablePages(), 2) &
           CHECK_LE(MmTotalCommittedPages - Committed, 2);
}

TEST(SpecialGivenBack, "pool/special/a-freed-block-is-unmapped-and-given-back",
     "SPECIAL-2, SPOOL-3")
{
    SpecialOn("special-pool:Test");
    PoolForEach(CheckGivenBack);
    SpecialOff();
}

/* Makes all addresses but those that are in use either new or free: up to Count new ones. */
static BOOLEAN CheckQueue(const POOL_CASE *Case)
{
    static const UCHAR Order[] = {2, 0, 3, 1};
    PMI_SPECIAL_POOL_PART Part = &MiSpecialParts[Case->Kind];
    ULONG Limit = Part->Limit, First = Part->FirstFree, Last = Part->LastFree;
    PVOID Blocks[4];
    BOOLEAN Holds = TRUE;
    if (TestFailsAllocations()) { /* a queue in two parts wants each of its blocks */
        return TRUE;
    }
    Part->FirstFree = MI_SPECIAL_NO_RECORD; /* hides what other tests have freed */
    Part->Limit = Part->Records + ARRAYSIZE(Blocks);
    for (ULONG i = 0; i < ARRAYSIZE(Blocks); i++) {
        Blocks[i] = Take(Case, 64, NormalPoolPriority);
        ULONG_PTR Page = (ULONG_PTR)PAGE_ALIGN(Blocks[i]);
        Holds &=
            CHECK_EQ(Page, i == 0 ? Page : (ULONG_PTR)PAGE_ALIGN(Blocks[i - 1]) + 2 * PAGE_SIZE);
    }
    for (ULONG Round = 0; Round < 3; Round++) {
        for (ULONG i = 0; i < ARRAYSIZE(Order); i++) {
            PoolFreeIfAny(Blocks[Order[i]]);
        }
        for (ULONG i = 0; i < ARRAYSIZE(Order); i++) {
            PVOID Block = Take(Case, 64, NormalPoolPriority);
            Holds &= CHECK_EQ(Block, Blocks[Order[i]]);
            Blocks[Order[i]] = Block;
        }
    }
    for (ULONG i = 0; i < ARRAYSIZE(Blocks); i++) {
        PoolFreeIfAny(Blocks[i]);
    }
    if (First != MI_SPECIAL_NO_RECORD) { /* the hidden ones go behind what this test has freed */
        MI_SPECIAL_PLACE Place;
        MiFindSpecial(Blocks[ARRAYSIZE(Blocks) - 1], &Place);
        Place.Record->Next = First;
        Part->LastFree = Last;
    }
    Part->Limit = Limit;
    return Holds;
}

TEST(SpecialQueue, "pool/special/addresses-come-back-oldest-first", "SPECIAL-3")
{
    SpecialOn("special-pool:Test");
    PoolForEach(CheckQueue);
    SpecialOff();
}

TEST(SpecialNew, "pool/special/new-addresses-come-before-old-ones", "SPECIAL-3")
{
    SpecialOn("special-pool:Test");
    PUCHAR First = Take(&PoolCases[0], 16, NormalPoolPriority);
    PoolFreeIfAny(First);
    for (ULONG i = 0; i < 300; i++) {
        PUCHAR Block = Take(&PoolCases[0], 16, NormalPoolPriority);
        if (!CHECK_NE(Block, First) || !CHECK(!MiIsAddressValid(First))) {
            break;
        }
        PoolFreeIfAny(Block);
    }
    SpecialOff();
}

TEST(SpecialAtDispatch, "pool/special/nonpaged-at-dispatch-level", "contract 1.2")
{
    SpecialOn("special-pool:Test");
    KIRQL Old;
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    PVOID Block = Take(&PoolCases[PoolKindNonPagedNx], 640, HighPoolPriority);
    BOOLEAN Special = SpecialIs(Block);
    PoolFreeIfAny(Block);
    KeLowerIrql(Old);
    CHECK(Special);
    SpecialOff();
}

/* ---- descriptions ---------------------------------------------------------------------------- */

static VOID CheckDescription(PVOID Address, const CHAR *Pattern)
{
    CHAR Text[KI_DESCRIPTION];
    if (CHECK(KiDescribeAddress(Address, Text, sizeof(Text))) &&
        !CHECK(RtlpMatchGlob(Pattern, Text))) {
        DbgPrint("'%s' is not like '%s'\n", Text, Pattern);
    }
}

TEST(SpecialDescribe, "pool/special/descriptions-outlive-the-block", "SPECIAL-5")
{
    SpecialOn("special-pool:Test");
    PUCHAR Block = ExAllocatePoolWithTag(PagedPool, 100, TEST_TAG);
    REQUIRE(SpecialIs(Block));
    CheckDescription(Block + 0x10, "special paged pool: block *+0x10, 0x64 bytes, tag Test, "
                                   "allocated by SpecialDescribe+*");
    CheckDescription(Block - 1, "special paged pool: block *-0x1, 0x64 bytes, tag Test, alloc*");
    CheckDescription(Block + 0x70, "special paged pool: block *+0x70, 0x64 bytes, tag Test, *");
    ExFreePoolWithTag(Block, TEST_TAG);
    CheckDescription(Block, "special paged pool: block *+0x0, 0x64 bytes, tag Test, freed by "
                            "SpecialDescribe+*");
    CheckDescription((PVOID)(MI_SPECIAL_POOL + MI_SPECIAL_PART - 1), "special pool, never used");
    CheckDescription((PVOID)(MI_SPECIAL_POOL + MI_SLOT_BYTES - 1), "special pool, never used");
    SpecialOff();
}

/* ---- the word -------------------------------------------------------------------------------- */

TEST(SpecialWords, "pool/special/words-that-are-understood", "")
{
    static const struct {
        const CHAR *Word;
        ULONG Size;
        const CHAR *Tags;
        BOOLEAN Underrun;
    } Words[] = {
        {"special-pool", 0, "*", FALSE},
        {"special-pool:*", 0, "*", FALSE},
        {"special-pool:Fred", 0, "Fred", FALSE},
        {"special-pool:Ab", 0, "Ab  ", FALSE},
        {"special-pool:F*", 0, "F*", FALSE},
        {"special-pool:?123,underrun", 0, "?123", TRUE},
        {"underrun,special-pool:32", 32, "", TRUE},
        {"special-pool:0xFF0", 0xFF0, "", FALSE},
    };
    POOL_VERIFIER Verifier;
    const CHAR *Wrong;
    for (ULONG i = 0; i < ARRAYSIZE(Words); i++) {
        CHECK(ExpParseVerifier(Words[i].Word, &Verifier, &Wrong));
        CHECK_EQ(Verifier.Level & VERIFY_SPECIAL_POOL, VERIFY_SPECIAL_POOL);
        CHECK_EQ(Verifier.SpecialSize, Words[i].Size);
        CHECK_EQ(Verifier.Underrun, Words[i].Underrun);
        CHECK(strcmp(Verifier.SpecialTags, Words[i].Tags) == 0);
    }
}

TEST(SpecialBadWords, "pool/special/words-that-are-refused", "")
{
    static const CHAR *const Words[] = {"",
                                        ",",
                                        "special-pool,",
                                        "special",
                                        "special-pools",
                                        "special-pool:",
                                        "special-pool:Freds",
                                        "special-pool:0",
                                        "special-pool:16",
                                        "special-pool:33",
                                        "special-pool:0x1000",
                                        "special-pool:32x",
                                        "special-pool:99999999999999999999999",
                                        "special-pool:0x",
                                        "special-pool:a-pattern-that-is-too-long*",
                                        "underrun,,special-pool",
                                        "Underrun"};
    POOL_VERIFIER Verifier;
    const CHAR *Wrong;
    for (ULONG i = 0; i < ARRAYSIZE(Words); i++) {
        if (!CHECK(!ExpParseVerifier(Words[i], &Verifier, &Wrong))) {
            DbgPrint("this was '%s'\n", Words[i]);
        }
        CHECK(Wrong >= Words[i] && Wrong <= Words[i] + strlen(Words[i]));
    }
}

/* ---- many at once ---------------------------------------------------------------------------- */

TEST(SpecialMany, "pool/special/many-blocks-of-all-pools-keep-their-contents", "SPECIAL-2")
{
    static struct {
        PUCHAR Block;
        SIZE_T Bytes;
        UCHAR Fill;
    } Blocks[64];
    ULONG64 State = 20261121;
    SpecialOn("special-pool:Test");
    for (ULONG Step = 0; Step < 2000; Step++) {
        ULONG64 Random = PoolRandom(&State);
        ULONG i = Random % ARRAYSIZE(Blocks);
        if (Blocks[i].Block != NULL) {
            if (!CHECK(PoolIsFilled(Blocks[i].Block, Blocks[i].Fill, 0, Blocks[i].Bytes))) {
                break;
            }
            ExFreePoolWithTag(Blocks[i].Block, TEST_TAG);
            Blocks[i].Block = NULL;
            continue;
        }
        Blocks[i].Bytes = Random >> 16 & 0xFFF;
        Blocks[i].Fill = (UCHAR)(Random >> 32);
        Blocks[i].Block =
            Take(&PoolCases[Random >> 40 & 1 ? PoolKindPaged : PoolKindNonPagedNx], Blocks[i].Bytes,
                 Random >> 41 & 1 ? NormalPoolPrioritySpecialPoolUnderrun : HighPoolPriority);
        if (!CHECK(SpecialIs(Blocks[i].Block))) {
            break;
        }
        RtlFillMemory(Blocks[i].Block, Blocks[i].Bytes, Blocks[i].Fill);
    }
    for (ULONG i = 0; i < ARRAYSIZE(Blocks); i++) {
        PoolFreeIfAny(Blocks[i].Block);
        Blocks[i].Block = NULL;
    }
    SpecialOff();
}

/* ---- the monitor ----------------------------------------------------------------------------- */

static VOID Type(const CHAR *Name, const CHAR *Arguments)
{
    for (const MONITOR_COMMAND_ENTRY *Entry = KiCommandTable; Entry < KiCommandTableEnd; Entry++) {
        if (strcmp(Entry->Name, Name) == 0) {
            Entry->Routine(Arguments);
        }
    }
}

/* Blocks, guards, freed blocks and their contents may be asked for at any time. */
TEST(SpecialCommands, "pool/special/commands-take-any-address", "SPECIAL-5")
{
    static const LONG Offsets[] = {0, 8, -16, PAGE_SIZE, -PAGE_SIZE, 2 * PAGE_SIZE};
    SpecialOn("special-pool:Test");
    PUCHAR Block = Take(&PoolCases[PoolKindNonPagedNx], 16, NormalPoolPriority);
    for (ULONG Freed = 0; Freed < 2; Freed++) {
        for (ULONG i = 0; i < ARRAYSIZE(Offsets); i++) {
            CHAR Line[64];
            _snprintf(Line, sizeof(Line), "%p 1", Block + Offsets[i]);
            Type("!pool", Line);
        }
        Type("!poolfind", "Test 2");
        if (!Freed) {
            PoolFreeIfAny(Block);
        }
    }
    SpecialOff();
}
