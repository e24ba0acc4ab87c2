/* sources: mm/pool/special_layout.c */
/*
 * special_layout_test.c - where special pool puts a block in its page, for every size, and what it
 * makes of every byte around one that changed.
 */
#include <stdio.h>
#include <string.h>
#include "mm/pool/verify.h"

#define PATTERN 0x9C

static UCHAR Page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static int Points, Failures, Failed;

static void Check(int Holds, const char *Text, ULONG Bytes, ULONG At)
{
    if (!Holds && Failures++ < 10) {
        printf("# %s does not hold for 0x%x bytes at 0x%x\n", Text, Bytes, At);
    }
}
#define CHECK(Text, Bytes, At) Check((Text), #Text, Bytes, At)

static void Point(const char *Name)
{
    printf("%s %d - %s\n", Failures == 0 ? "ok" : "not ok", ++Points, Name);
    Failed += Failures != 0;
    Failures = 0;
}

static void CheckPlace(ULONG Bytes, BOOLEAN CacheAligned)
{
    ULONG Alignment = CacheAligned ? 64 : 16, Room = Bytes == 0 ? 1 : Bytes;
    ULONG At = ExpPlaceSpecial(Bytes, CacheAligned, FALSE);
    CHECK(At % Alignment == 0, Bytes, At);
    CHECK(At + Room <= PAGE_SIZE, Bytes, At);
    CHECK(PAGE_SIZE - At - Room < Alignment, Bytes, At);
    CHECK(ExpPlaceSpecial(Bytes, CacheAligned, TRUE) == 0, Bytes, 0);
}

static void CheckSound(ULONG Bytes, BOOLEAN Underrun)
{
    POOL_DAMAGE Damage;
    ULONG At = ExpPlaceSpecial(Bytes, FALSE, Underrun);
    memset(Page, PATTERN, PAGE_SIZE);
    memset(Page + At, 0, Bytes);
    CHECK(!ExpFindDamage(Page + At, Bytes, PATTERN, &Damage), Bytes, At);
}

/* Each byte of the page in turn, by each way to change a byte in turn. */
static void CheckDamage(ULONG Bytes, BOOLEAN Underrun)
{
    ULONG At = ExpPlaceSpecial(Bytes, FALSE, Underrun);
    memset(Page, PATTERN, PAGE_SIZE);
    for (ULONG i = 0, Change = 1; i < PAGE_SIZE; i++, Change = Change % 255 + 1) {
        POOL_DAMAGE Damage = {0};
        Page[i] ^= (UCHAR)Change;
        BOOLEAN Found = ExpFindDamage(Page + At, Bytes, PATTERN, &Damage);
        BOOLEAN Inside = i >= At && i < At + Bytes;
        CHECK(Found == !Inside, Bytes, i);
        if (Found) {
            CHECK(Damage.Address == Page + i, Bytes, i);
            CHECK(Damage.Behind == (i >= At + Bytes), Bytes, i);
            CHECK(Damage.SingleBit == (__builtin_popcount(Change) == 1), Bytes, i);
        }
        Page[i] = PATTERN;
    }
}

/* One bit on each side: the one behind is told, and it is no single-bit error. */
static void CheckBothSides(ULONG Bytes)
{
    POOL_DAMAGE Damage = {0};
    ULONG At = ExpPlaceSpecial(Bytes, FALSE, FALSE);
    if (At == 0 || At + Bytes == PAGE_SIZE) {
        return;
    }
    memset(Page, PATTERN, PAGE_SIZE);
    Page[0] ^= 1;
    Page[PAGE_SIZE - 1] ^= 1;
    CHECK(ExpFindDamage(Page + At, Bytes, PATTERN, &Damage), Bytes, At);
    CHECK(Damage.Address == Page + PAGE_SIZE - 1 && Damage.Behind, Bytes, At);
    CHECK(!Damage.SingleBit, Bytes, At);
}

int main(void)
{
    static const ULONG Sizes[] = {0, 1, 15, 16, 17, 64, 1000, 2049, 4064, 4079, 4080, 4095};
    puts("1..4");
    for (ULONG Bytes = 0; Bytes <= SPECIAL_LIMIT; Bytes++) {
        CheckPlace(Bytes, FALSE);
        CheckPlace(Bytes, TRUE);
    }
    Point("host/special_layout/every-size-is-as-near-to-the-edge-as-it-can-be");
    for (ULONG Bytes = 0; Bytes <= SPECIAL_LIMIT; Bytes++) {
        CheckSound(Bytes, FALSE);
        CheckSound(Bytes, TRUE);
    }
    Point("host/special_layout/what-the-owner-writes-is-no-damage");
    for (ULONG i = 0; i < sizeof(Sizes) / sizeof(Sizes[0]); i++) {
        CheckDamage(Sizes[i], FALSE);
        CheckDamage(Sizes[i], TRUE);
    }
    Point("host/special_layout/every-byte-around-a-block-is-looked-at");
    for (ULONG Bytes = 0; Bytes <= SPECIAL_LIMIT; Bytes++) {
        CheckBothSides(Bytes);
    }
    Point("host/special_layout/damage-behind-is-told-first");
    return Failed != 0;
}
