/*
 * bitmap.c - tests of kernel/rtl/bitmap.c: word edges, the end of the map, hints, and all of it
 * once more against a map of bytes.
 */
#include "kernel/rtl/rtl.h"
#include "tests/test.h"

#define BITS 100 /* not a whole number of ULONGs */

static ULONG Words[5]; /* the last one is beyond the map */
static RTL_BITMAP Map;

/* A map of BITS bits with this in all of its words; the bits past the end, too. */
static VOID MakeMap(ULONG Pattern)
{
    for (ULONG i = 0; i < ARRAYSIZE(Words); i++) {
        Words[i] = Pattern;
    }
    RtlInitializeBitMap(&Map, Words, BITS);
}

TEST(BitmapInit, "rtl/bitmap/initialize-keeps-the-contents", "DDI wdm RtlInitializeBitMap")
{
    MakeMap(0xA5A5A5A5);
    CHECK_EQ(Map.SizeOfBitMap, BITS);
    CHECK_EQ(Map.Buffer, Words);
    CHECK_EQ(Words[0], 0xA5A5A5A5);
    CHECK(RtlTestBit(&Map, 0));
    CHECK(!RtlTestBit(&Map, 1));
}

TEST(BitmapAll, "rtl/bitmap/all-bits-stop-at-the-size", "BITMAP-1 a bit past the size stays")
{
    MakeMap(0);
    RtlSetAllBits(&Map);
    CHECK_EQ(Words[2], 0xFFFFFFFF);
    CHECK_EQ(Words[3], 0x0000000F);
    CHECK_EQ(Words[4], 0);
    CHECK_EQ(RtlNumberOfSetBits(&Map), BITS);
    MakeMap(MAXULONG);
    RtlClearAllBits(&Map);
    CHECK_EQ(Words[3], 0xFFFFFFF0);
    CHECK_EQ(Words[4], 0xFFFFFFFF);
    CHECK_EQ(RtlNumberOfClearBits(&Map), BITS);
}

TEST(BitmapRuns, "rtl/bitmap/runs-cross-words", "DDI wdm RtlSetBits")
{
    MakeMap(0);
    RtlSetBits(&Map, 31, 2);
    CHECK_EQ(Words[0], 0x80000000);
    CHECK_EQ(Words[1], 0x00000001);
    RtlSetBits(&Map, 30, 67);
    CHECK_EQ(Words[0], 0xC0000000);
    CHECK_EQ(Words[1] & Words[2], 0xFFFFFFFF);
    CHECK_EQ(Words[3], 1);
    RtlClearBits(&Map, 32, 32);
    CHECK_EQ(Words[0], 0xC0000000);
    CHECK_EQ(Words[1], 0);
    CHECK_EQ(Words[2], 0xFFFFFFFF);
}

TEST(BitmapEdge, "rtl/bitmap/runs-are-cut-at-the-size", "BITMAP-1 a bit past the size stays")
{
    MakeMap(0);
    RtlSetBits(&Map, 98, 1000);
    CHECK_EQ(Words[3], 0xC);
    RtlSetBits(&Map, BITS, 1);
    RtlSetBits(&Map, 5000, MAXULONG);
    RtlSetBits(&Map, 10, 0);
    CHECK_EQ(Words[0] | Words[1] | Words[2] | Words[4], 0);
    CHECK_EQ(Words[3], 0xC);
    RtlSetBits(&Map, 0, MAXULONG);
    CHECK_EQ(RtlNumberOfSetBits(&Map), BITS);
}

TEST(BitmapSingle, "rtl/bitmap/single-bits", "DDI wdm RtlSetBit")
{
    MakeMap(0);
    RtlSetBit(&Map, 31);
    RtlSetBit(&Map, 99);
    CHECK_EQ(Words[0], 0x80000000);
    CHECK_EQ(Words[3], 8);
    CHECK(RtlTestBit(&Map, 31) && RtlTestBit(&Map, 99) && !RtlTestBit(&Map, 32));
    RtlClearBit(&Map, 31);
    CHECK(!RtlTestBit(&Map, 31));
    CHECK_EQ(RtlNumberOfSetBits(&Map), 1);
}

TEST(BitmapAre, "rtl/bitmap/are-bits-needs-the-whole-run", "DDI wdm RtlAreBitsClear")
{
    MakeMap(0);
    RtlSetBits(&Map, 40, 30);
    CHECK(RtlAreBitsSet(&Map, 40, 30));
    CHECK(!RtlAreBitsSet(&Map, 39, 30));
    CHECK(!RtlAreBitsSet(&Map, 41, 30));
    CHECK(RtlAreBitsClear(&Map, 0, 40));
    CHECK(!RtlAreBitsClear(&Map, 0, 41));
    CHECK(RtlAreBitsClear(&Map, 70, 30));
    CHECK(!RtlAreBitsClear(&Map, 70, 31));
    CHECK(!RtlAreBitsClear(&Map, 70, MAXULONG));
    CHECK(!RtlAreBitsClear(&Map, BITS, 1));
    CHECK(!RtlAreBitsClear(&Map, 0, 0));
    CHECK(!RtlAreBitsSet(&Map, 40, 0));
}

TEST(BitmapFind, "rtl/bitmap/find-takes-the-lowest-run", "BITMAP-2 the lowest fitting run")
{
    MakeMap(MAXULONG);
    RtlClearBits(&Map, 10, 3);
    RtlClearBits(&Map, 30, 5);
    RtlClearBits(&Map, 60, 40);
    CHECK_EQ(RtlFindClearBits(&Map, 1, 0), 10);
    CHECK_EQ(RtlFindClearBits(&Map, 3, 0), 10);
    CHECK_EQ(RtlFindClearBits(&Map, 4, 0), 30);
    CHECK_EQ(RtlFindClearBits(&Map, 5, 0), 30);
    CHECK_EQ(RtlFindClearBits(&Map, 6, 0), 60);
    CHECK_EQ(RtlFindClearBits(&Map, 40, 0), 60);
    CHECK_EQ(RtlFindClearBits(&Map, 41, 0), RTL_BITMAP_NOT_FOUND);
    CHECK_EQ(RtlFindSetBits(&Map, 25, 0), 35);
    CHECK_EQ(RtlFindSetBits(&Map, 26, 0), RTL_BITMAP_NOT_FOUND);
}

TEST(BitmapHint, "rtl/bitmap/find-begins-at-the-hint", "BITMAP-2 at or above the hint, else of all")
{
    MakeMap(MAXULONG);
    RtlClearBits(&Map, 10, 5);
    RtlClearBits(&Map, 50, 3);
    CHECK_EQ(RtlFindClearBits(&Map, 3, 10), 10);
    CHECK_EQ(RtlFindClearBits(&Map, 3, 12), 12);
    CHECK_EQ(RtlFindClearBits(&Map, 3, 13), 50);
    CHECK_EQ(RtlFindClearBits(&Map, 3, 51), 10); /* once around */
    CHECK_EQ(RtlFindClearBits(&Map, 5, 13), 10); /* a run across the hint counts */
    CHECK_EQ(RtlFindClearBits(&Map, 3, 99), 10);
    CHECK_EQ(RtlFindClearBits(&Map, 3, BITS), 10); /* past the end is 0 */
    CHECK_EQ(RtlFindClearBits(&Map, 3, MAXULONG), 10);
}

TEST(BitmapLast, "rtl/bitmap/find-does-not-look-past-the-end", "BITMAP-1 nor does its value matter")
{
    MakeMap(0);
    RtlSetBits(&Map, 0, 95);
    CHECK_EQ(RtlFindClearBits(&Map, 5, 0), 95);
    CHECK_EQ(RtlFindClearBits(&Map, 6, 0), RTL_BITMAP_NOT_FOUND);
    CHECK_EQ(RtlFindClearBits(&Map, BITS, 0), RTL_BITMAP_NOT_FOUND);
    CHECK_EQ(RtlFindClearBits(&Map, BITS + 1, 0), RTL_BITMAP_NOT_FOUND);
    CHECK_EQ(RtlFindClearBits(&Map, MAXULONG, 0), RTL_BITMAP_NOT_FOUND);
    RtlClearAllBits(&Map);
    CHECK_EQ(RtlFindClearBits(&Map, BITS, 0), 0);
    CHECK_EQ(RtlFindClearBits(&Map, BITS, 1), 0);
}

TEST(BitmapNone, "rtl/bitmap/no-bits-are-found-at-the-hint", "DDI wdm RtlFindClearBits")
{
    MakeMap(MAXULONG);
    CHECK_EQ(RtlFindClearBits(&Map, 0, 0), 0);
    CHECK_EQ(RtlFindClearBits(&Map, 0, 17), 17);
    CHECK_EQ(RtlFindClearBits(&Map, 0, 1000), 0);
    RtlInitializeBitMap(&Map, Words, 0);
    CHECK_EQ(RtlFindClearBits(&Map, 1, 0), RTL_BITMAP_NOT_FOUND);
    CHECK_EQ(RtlNumberOfSetBits(&Map), 0);
}

TEST(BitmapAndSet, "rtl/bitmap/find-and-set-marks-the-run", "DDI wdm RtlFindClearBitsAndSet")
{
    MakeMap(0);
    CHECK_EQ(RtlFindClearBitsAndSet(&Map, 33, 0), 0);
    CHECK_EQ(RtlFindClearBitsAndSet(&Map, 33, 0), 33);
    CHECK_EQ(RtlFindClearBitsAndSet(&Map, 33, 5), 66);
    CHECK_EQ(RtlFindClearBitsAndSet(&Map, 2, 0), RTL_BITMAP_NOT_FOUND);
    CHECK_EQ(RtlNumberOfSetBits(&Map), 99);
    CHECK_EQ(RtlFindSetBitsAndClear(&Map, 10, 20), 20);
    CHECK_EQ(RtlFindSetBitsAndClear(&Map, 90, 0), RTL_BITMAP_NOT_FOUND);
    CHECK_EQ(RtlNumberOfSetBits(&Map), 89);
    CHECK_EQ(RtlFindClearBitsAndSet(&Map, 10, 40), 20);
}

/* ---- against a model ------------------------------------------------------------------------- */

static UCHAR Model[BITS];

static ULONG ModelFind(ULONG Count, ULONG From, UCHAR Value)
{
    for (ULONG Start = From; Start + Count <= BITS; Start++) {
        ULONG Run = 0;
        while (Run < Count && Model[Start + Run] == Value) {
            Run++;
        }
        if (Run == Count) {
            return Start;
        }
    }
    return RTL_BITMAP_NOT_FOUND;
}

static VOID ModelStep(ULONG Random)
{
    ULONG Start = Random % BITS, Count = 1 + (Random >> 8) % 40;
    UCHAR Value = (Random >> 16) & 1;
    for (ULONG i = Start; i < Start + Count && i < BITS; i++) {
        Model[i] = Value;
    }
    if (Value) {
        RtlSetBits(&Map, Start, Count);
    } else {
        RtlClearBits(&Map, Start, Count);
    }
    ULONG Hint = (Random >> 20) % BITS, Wanted = ModelFind(1 + Count / 4, Hint, 0);
    if (Wanted == RTL_BITMAP_NOT_FOUND) {
        Wanted = ModelFind(1 + Count / 4, 0, 0);
    }
    CHECK_EQ(RtlFindClearBits(&Map, 1 + Count / 4, Hint), Wanted);
}

TEST(BitmapModel, "rtl/bitmap/agrees-with-a-map-of-bytes", "BITMAP-2")
{
    ULONG Random = 12345, Set = 0;
    MakeMap(0);
    memset(Model, 0, sizeof(Model));
    for (ULONG i = 0; i < 2000; i++) {
        Random = Random * 1664525 + 1013904223;
        ModelStep(Random ^ (Random >> 13));
    }
    for (ULONG i = 0; i < BITS; i++) {
        CHECK_EQ(RtlTestBit(&Map, i), Model[i]);
        Set += Model[i];
    }
    CHECK_EQ(RtlNumberOfSetBits(&Map), Set);
}
