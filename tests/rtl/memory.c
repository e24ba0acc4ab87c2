/*
 * memory.c - tests of kernel/rtl/memory.c: every small size, every overlap, nothing written
 * outside, nothing read outside.
 */
#include "kernel/rtl/rtl.h"
#include "tests/test.h"

#define BUFFER 1024
#define MARGIN 80 /* around the block, to see writes outside */
#define SMALL  72 /* sizes and distances up to here are tried one by one */
#define UNMADE 0xE5

/* A page that is not mapped lies below the boot stack. */
extern CHAR KiBootStackGuard[];

static UCHAR Work[BUFFER], Expected[BUFFER];

/* Called as a driver does, through an address that the compiler does not know. */
static void *(*volatile Copy)(void *, const void *, size_t) = memcpy;
static void *(*volatile Fill)(void *, int, size_t) = memset;
static int (*volatile Compare)(const void *, const void *, size_t) = memcmp;

static const SIZE_T LargeSizes[] = {127, 128, 129, 130, 191, 192, 193, 255, 256, 257, 511, 600};

/* Different bytes next to each other and 256 apart. */
static VOID Number(PUCHAR Buffer, SIZE_T Length)
{
    for (SIZE_T i = 0; i < Length; i++) {
        Buffer[i] = (UCHAR)(i + (i >> 8) * 3 + 1);
    }
}

/* Moves by single bytes through a second buffer, which is what memmove promises. */
static VOID ExpectMove(SIZE_T To, SIZE_T From, SIZE_T Length)
{
    UCHAR Second[BUFFER];
    for (SIZE_T i = 0; i < Length; i++) {
        Second[i] = Expected[From + i];
    }
    for (SIZE_T i = 0; i < Length; i++) {
        Expected[To + i] = Second[i];
    }
}

/* The first byte in which both buffers differ up to End; End when there is none. */
static SIZE_T FirstDifference(SIZE_T End)
{
    SIZE_T i = 0;
    while (i < End && Work[i] == Expected[i]) {
        i++;
    }
    return i;
}

static BOOLEAN TryMove(SIZE_T To, SIZE_T From, SIZE_T Length)
{
    SIZE_T End = (To > From ? To : From) + Length + MARGIN;
    Number(Work, End);
    Number(Expected, End);
    ExpectMove(To, From, Length);
    PVOID Result = memmove(Work + To, Work + From, Length);
    return CHECK_EQ(Result, Work + To) && CHECK_EQ(FirstDifference(End), End);
}

TEST(MoveSmall, "rtl/memory/move-at-every-small-distance",
     "MEM-1 as if through a second buffer, however the blocks overlap")
{
    for (SIZE_T Length = 0; Length <= SMALL; Length++) {
        for (SIZE_T To = 0; To <= 2 * SMALL; To++) {
            if (!TryMove(To, SMALL, Length)) {
                DbgPrint("%Iu bytes moved from %u to %Iu\n", Length, SMALL, To);
                return;
            }
        }
    }
}

TEST(MoveLarge, "rtl/memory/move-large-overlapping-blocks",
     "MEM-1 as if through a second buffer, however the blocks overlap")
{
    static const SIZE_T Places[] = {0, 1, 8, 63, 64, 99, 100, 101, 107, 108, 164, 165, 200, 250};
    for (ULONG i = 0; i < ARRAYSIZE(LargeSizes); i++) {
        for (ULONG k = 0; k < ARRAYSIZE(Places); k++) {
            if (!TryMove(Places[k], 100, LargeSizes[i])) {
                DbgPrint("%Iu bytes moved from 100 to %Iu\n", LargeSizes[i], Places[k]);
                return;
            }
        }
    }
}

TEST(CopyPlaces, "rtl/memory/copy-at-every-alignment", "MEM-2 no byte outside is written")
{
    for (SIZE_T Length = 0; Length <= 2 * SMALL; Length++) {
        for (SIZE_T Shift = 0; Shift < 16; Shift++) {
            SIZE_T To = 16 + Shift, From = BUFFER / 2 + 15 - Shift;
            Number(Work, BUFFER);
            Number(Expected, BUFFER);
            ExpectMove(To, From, Length);
            CHECK_EQ(Copy(Work + To, Work + From, Length), Work + To);
            REQUIRE_EQ(FirstDifference(BUFFER), BUFFER);
        }
    }
}

TEST(FillPlaces, "rtl/memory/fill-every-size-and-alignment", "MEM-2 no byte outside is written")
{
    for (SIZE_T Length = 0; Length <= 3 * SMALL; Length++) {
        for (SIZE_T To = MARGIN; To < MARGIN + 9; To++) {
            SIZE_T End = To + Length + MARGIN;
            for (SIZE_T i = 0; i < End; i++) {
                Work[i] = UNMADE;
                Expected[i] = i >= To && i < To + Length ? 0xA7 : UNMADE;
            }
            CHECK_EQ(Fill(Work + To, 0x1A7, Length), Work + To);
            REQUIRE_EQ(FirstDifference(End), End);
        }
    }
}

TEST(FillForms, "rtl/memory/rtl-forms-fill-and-zero", "")
{
    Number(Work, 64);
    RtlFillMemory(Work + 1, 30, 0x5A);
    CHECK_EQ(Work[0], 1);
    CHECK_EQ(Work[1], 0x5A);
    CHECK_EQ(Work[30], 0x5A);
    CHECK_EQ(Work[31], 32);
    RtlZeroMemory(Work + 2, 3);
    RtlSecureZeroMemory(Work + 6, 1);
    CHECK_EQ(Work[1], 0x5A);
    CHECK_EQ(Work[2] | Work[3] | Work[4], 0);
    CHECK_EQ(Work[5], 0x5A);
    CHECK_EQ(Work[6], 0);
    RtlCopyMemory(Work + 40, Work, 2);
    RtlMoveMemory(Work + 41, Work + 40, 2);
    CHECK_EQ(Work[40], 1);
    CHECK_EQ(Work[41], 1);
    CHECK_EQ(Work[42], 0x5A);
}

TEST(CompareCounts, "rtl/memory/compare-memory-counts-equal-bytes", "DDI wdm RtlCompareMemory")
{
    for (SIZE_T Length = 0; Length <= SMALL; Length++) {
        Number(Work, SMALL + 8);
        Number(Expected, SMALL + 8);
        REQUIRE_EQ(RtlCompareMemory(Work, Expected, Length), Length);
        CHECK(RtlEqualMemory(Work, Expected, Length));
        Work[Length] ^= 0x80; /* just outside: must not count */
        REQUIRE_EQ(RtlCompareMemory(Work, Expected, Length), Length);
        for (SIZE_T At = 0; At < Length; At++) {
            Work[At] ^= 0x10;
            REQUIRE_EQ(RtlCompareMemory(Work, Expected, Length), At);
            Work[At] ^= 0x10;
        }
    }
    Work[0] ^= 1;
    CHECK(!RtlEqualMemory(Work, Expected, 1));
}

TEST(CompareOrder, "rtl/memory/memcmp-orders-unsigned-bytes", "")
{
    CHECK_EQ(Compare("", "", 0), 0);
    CHECK_EQ(Compare("same", "same", 4), 0);
    CHECK((LONG)Compare("a\x80", "a\x7F", 2) > 0);
    CHECK((LONG)Compare("a\x7F", "a\x80", 2) < 0);
    CHECK((LONG)Compare("12345678b0", "12345678a9", 10) > 0);
    CHECK_EQ(Compare("12345678b0", "12345678a9", 8), 0);
}

TEST(NothingOfNothing, "rtl/memory/no-bytes-touch-nothing", "MEM-2 no byte outside is read")
{
    PVOID volatile Nowhere = (PVOID)0x8000000000000000; /* not canonical: any touch faults */
    CHECK_EQ(Copy(Nowhere, Nowhere, 0), Nowhere);
    CHECK_EQ(memmove(Nowhere, Work, 0), Nowhere);
    CHECK_EQ(Fill(Nowhere, 1, 0), Nowhere);
    CHECK_EQ(Compare(Nowhere, Work, 0), 0);
    CHECK_EQ(RtlCompareMemory(Nowhere, Work, 0), 0);
}

TEST(ReadToTheEdge, "rtl/memory/reads-stop-at-a-page-edge", "MEM-2 no byte outside is read")
{
    const UCHAR *Edge = (const UCHAR *)KiBootStackGuard;
    const UCHAR *Above = Edge + PAGE_SIZE;
    for (SIZE_T Length = 0; Length <= 2 * SMALL; Length++) {
        Copy(Work, Edge - Length, Length);
        CHECK_EQ(Compare(Edge - Length, Work, Length), 0);
        memmove(Work, Above, Length);
        memmove(Work + 8, Work, Length);
        CHECK_LE(RtlCompareMemory(Above, Edge - Length, Length), Length);
    }
}
