/*
 * number.c - tests of kernel/rtl/number.c and text.c: numbers in all bases, what people type,
 * globs.
 */
#include "tests/rtl/text_check.h"

static ULONG Read(PCWSTR Text, ULONG Base)
{
    UNICODE_STRING String;
    ULONG Value = 0xDEAD;
    RtlInitUnicodeString(&String, Text);
    CHECK_STATUS(RtlUnicodeStringToInteger(&String, Base, &Value), STATUS_SUCCESS);
    return Value;
}

TEST(NumberBases, "rtl/number/string-to-integer-bases", "DDI wdm RtlUnicodeStringToInteger")
{
    CHECK_EQ(Read(L"1010", 2), 10);
    CHECK_EQ(Read(L"777", 8), 511);
    CHECK_EQ(Read(L"123", 10), 123);
    CHECK_EQ(Read(L"fFe", 16), 0xFFE);
    CHECK_EQ(Read(L"0x1F", 0), 31);
    CHECK_EQ(Read(L"0o17", 0), 15);
    CHECK_EQ(Read(L"0b11", 0), 3);
    CHECK_EQ(Read(L"017", 0), 17);
    CHECK_EQ(Read(L"0x10", 16), 0); /* a prefix only counts for base 0 */
}

TEST(NumberEdges, "rtl/number/string-to-integer-signs-and-ends",
     "DDI wdm RtlUnicodeStringToInteger")
{
    CHECK_EQ(Read(L"  \t-12 ", 10), (ULONG)-12);
    CHECK_EQ(Read(L"+12", 10), 12);
    CHECK_EQ(Read(L"12x", 10), 12);
    CHECK_EQ(Read(L"19", 8), 1);
    CHECK_EQ(Read(L"", 10), 0);
    CHECK_EQ(Read(L"-", 10), 0);
    CHECK_EQ(Read(L"abc", 10), 0);
    CHECK_EQ(Read(L"4294967295", 10), MAXULONG);
    CHECK_EQ(Read(L"4294967297", 10), 1);
    UNICODE_STRING Cut = {5, 6, (PWSTR)L"123"}; /* an odd length ends before the third digit */
    ULONG Value;
    CHECK_STATUS(RtlUnicodeStringToInteger(&Cut, 10, &Value), STATUS_SUCCESS);
    CHECK_EQ(Value, 12);
    CHECK_STATUS(RtlUnicodeStringToInteger(&Cut, 7, &Value), STATUS_INVALID_PARAMETER);
    CHECK_STATUS(RtlCharToInteger("-0x1f", 0, &Value), STATUS_SUCCESS);
    CHECK_EQ(Value, (ULONG)-31);
}

TEST(NumberWrite, "rtl/number/integer-to-string", "DDI wdm RtlIntegerToUnicodeString")
{
    WCHAR Buffer[66];
    UNICODE_STRING String = {0, sizeof(Buffer), Buffer};
    CHECK_STATUS(RtlIntegerToUnicodeString(0, 10, &String), STATUS_SUCCESS);
    CHECK_UNICODE(String, L"0");
    CHECK_STATUS(RtlIntegerToUnicodeString(MAXULONG, 0, &String), STATUS_SUCCESS);
    CHECK_UNICODE(String, L"4294967295");
    CHECK_EQ(Buffer[10], 0);
    CHECK_STATUS(RtlIntegerToUnicodeString(0xBEEF, 16, &String), STATUS_SUCCESS);
    CHECK_UNICODE(String, L"BEEF");
    CHECK_STATUS(RtlIntegerToUnicodeString(8, 8, &String), STATUS_SUCCESS);
    CHECK_UNICODE(String, L"10");
    CHECK_STATUS(RtlInt64ToUnicodeString(1ULL << 63, 2, &String), STATUS_SUCCESS);
    CHECK_EQ(String.Length, 128);
    CHECK_STATUS(RtlInt64ToUnicodeString(~0ULL, 10, &String), STATUS_SUCCESS);
    CHECK_UNICODE(String, L"18446744073709551615");
}

TEST(NumberRoom, "rtl/number/integer-to-string-needs-room-for-a-nul", "STRING-2")
{
    WCHAR Buffer[4] = L"zzz";
    UNICODE_STRING String = {2, 6, Buffer};
    CHECK_STATUS(RtlIntegerToUnicodeString(123, 10, &String), STATUS_BUFFER_OVERFLOW);
    CHECK_EQ(String.Length, 2);
    CHECK_EQ(Buffer[0], 'z');
    CHECK_STATUS(RtlIntegerToUnicodeString(12, 10, &String), STATUS_SUCCESS);
    CHECK_UNICODE(String, L"12");
    CHECK_STATUS(RtlIntegerToUnicodeString(12, 3, &String), STATUS_INVALID_PARAMETER);
}

/* ---- what people type ------------------------------------------------------------------------ */

/* The number at Text, which must be left at Rest; all ones for none. */
static ULONG64 Typed(const CHAR *Text, ULONG Base, const CHAR *Rest)
{
    ULONG64 Value = ~0ULL;
    const CHAR *Next = Text;
    BOOLEAN Found = RtlpParseNumber(&Next, Base, &Value);
    CHECK_TEXT(Next, Found ? Rest : Text);
    return Found ? Value : ~0ULL;
}

#define NONE (~0ULL)

TEST(TypedNumbers, "rtl/number/typed-at-a-prompt", "")
{
    CHECK_EQ(Typed("10", 10, ""), 10);
    CHECK_EQ(Typed("10", 16, ""), 16);
    CHECK_EQ(Typed("0x1F rest", 10, "rest"), 31);
    CHECK_EQ(Typed("0n10 \t 7", 16, "7"), 10);
    CHECK_EQ(Typed("fffff780`00000320", 10, ""), 0xFFFFF78000000320);
    CHECK_EQ(Typed("0xFFFFFFFF`FFFFFFFE", 16, ""), 0xFFFFFFFFFFFFFFFE);
    CHECK_EQ(Typed("18446744073709551614", 10, ""), 18446744073709551614ULL);
    CHECK_EQ(Typed("5,6", 10, ",6"), 5);
}

TEST(TypedNonsense, "rtl/number/typed-nonsense-is-refused", "")
{
    CHECK_EQ(Typed("", 16, ""), NONE);
    CHECK_EQ(Typed("xyz", 16, ""), NONE);
    CHECK_EQ(Typed("0x", 16, ""), NONE);
    CHECK_EQ(Typed("12fg", 16, ""), NONE);
    CHECK_EQ(Typed("12f", 10, ""), NONE);
    CHECK_EQ(Typed("`12", 16, ""), NONE);
    CHECK_EQ(Typed("18446744073709551616", 10, ""), NONE);
    CHECK_EQ(Typed("0x10000000000000000", 10, ""), NONE);
    CHECK_EQ(Typed("-1", 10, ""), NONE);
}

TEST(GlobPlain, "rtl/glob/plain-names-and-question-marks", "")
{
    CHECK(RtlpMatchGlob("pool/a", "pool/a"));
    CHECK(!RtlpMatchGlob("pool/a", "pool/ab"));
    CHECK(!RtlpMatchGlob("pool/ab", "pool/a"));
    CHECK(RtlpMatchGlob("p??l/?", "pool/a"));
    CHECK(!RtlpMatchGlob("?", ""));
    CHECK(RtlpMatchGlob("", ""));
    CHECK(!RtlpMatchGlob("", "a"));
}

TEST(GlobStars, "rtl/glob/stars-match-any-text", "")
{
    CHECK(RtlpMatchGlob("*", ""));
    CHECK(RtlpMatchGlob("*", "pool/nonpaged/alignment"));
    CHECK(RtlpMatchGlob("pool/*", "pool/nonpaged/alignment"));
    CHECK(RtlpMatchGlob("*/alignment", "pool/nonpaged/alignment"));
    CHECK(RtlpMatchGlob("p*n*t", "pool/nonpaged/alignment"));
    CHECK(!RtlpMatchGlob("p*x*t", "pool/nonpaged/alignment"));
    CHECK(RtlpMatchGlob("*aab", "aaaaab"));
    CHECK(RtlpMatchGlob("a**b*", "ab"));
    CHECK(!RtlpMatchGlob("*a", "ab"));
    CHECK(!RtlpMatchGlob("*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}
