/*
 * special.c - the pages of special pool as mm hands them out: whose node they are of, and that what
 * is not free is not touched. tests/pool/special.c has the blocks.
 */
#include "mm/mm.h"
#include "tests/test.h"

static PFN_NUMBER PageOf(PVOID Va)
{
    return MiReadPte(MiGetPteAddress(Va)).Hard.PageFrameNumber;
}

TEST(SpecialNode, "mm/special/pages-of-a-chosen-node", "contract 2.6: memory of a chosen node")
{
    for (ULONG Node = 0; Node < MiNodeCount; Node++) {
        if (MiNodes[Node].AvailablePages == 0) {
            CHECK_EQ(MiAllocateSpecialPage(MiRegionNonPagedPool, Node), NULL);
            continue;
        }
        PMI_SPECIAL_RECORD Record = MiAllocateSpecialPage(MiRegionNonPagedPool, Node);
        REQUIRE(Record != NULL);
        CHECK_EQ(Record->State, MiSpecialBusy);
        CHECK_EQ(MiPfnEntry(PageOf(Record->Block))->Node, Node);
        MiFreeSpecialPage(Record);
    }
}

/* Each state is left once: the second of two that want to is told so. */
TEST(SpecialStates, "mm/special/a-state-changes-once", "SPECIAL-2")
{
    PMI_SPECIAL_RECORD Record = MiAllocateSpecialPage(MiRegionPagedPool, MI_ANY_NODE);
    REQUIRE(Record != NULL);
    CHECK(!MiChangeSpecial(Record, MiSpecialLive, MiSpecialBusy));
    CHECK(MiChangeSpecial(Record, MiSpecialBusy, MiSpecialLive));
    CHECK(MiChangeSpecial(Record, MiSpecialLive, MiSpecialBusy));
    CHECK(!MiChangeSpecial(Record, MiSpecialLive, MiSpecialBusy));
    MiFreeSpecialPage(Record);
    CHECK_EQ(Record->State, MiSpecialFreed);
}

TEST(SpecialPlaces, "mm/special/addresses-name-their-record", "SPECIAL-5")
{
    MI_SPECIAL_PLACE Place;
    PMI_SPECIAL_RECORD Record = MiAllocateSpecialPage(MiRegionExecutablePool, MI_ANY_NODE);
    REQUIRE(Record != NULL);
    PUCHAR Page = Record->Block;
    static const LONG Inside[] = {0, 1, PAGE_SIZE - 1};
    for (ULONG i = 0; i < ARRAYSIZE(Inside); i++) {
        CHECK(MiFindSpecial(Page + Inside[i], &Place));
        CHECK(!Place.Guard && Place.Record == Record && Place.Pool == MiRegionExecutablePool);
    }
    CHECK(MiFindSpecial(Page - 1, &Place));
    CHECK(Place.Guard);
    CHECK(MiFindSpecial(Page + PAGE_SIZE, &Place));
    CHECK(Place.Guard && Place.Record == Record);
    CHECK(!MiFindSpecial((PVOID)(MI_SPECIAL_POOL - 1), &Place));
    CHECK(!MiFindSpecial((PVOID)(MI_SPECIAL_POOL + MI_SLOT_BYTES), &Place));
    CHECK(!MiFindSpecial(NULL, &Place));
    MiFreeSpecialPage(Record);
}
