/*
 * format.c - tests of the formatter: every conversion, flag, size, width and precision.
 */
#include "tests/rtl/text_check.h"

/* What NT's sizes make of these is the point, so the formats here are not the lint's business. */
static VOID NTAPI Expect(ULONG Line, const CHAR *Expected, const CHAR *Text, ...)
{
    CHAR Buffer[256];
    __builtin_ms_va_list Arguments;
    __builtin_ms_va_start(Arguments, Text);
    INT Length = _vsnprintf(Buffer, sizeof(Buffer), Text, Arguments);
    __builtin_ms_va_end(Arguments);
    if (RtlpCheckText(Buffer, Expected, __FILE__, Line)) {
        TestCompare((ULONG64)Length, TestEqual, strlen(Expected), "length", __FILE__, Line);
    }
}
#define EXPECT(...) Expect(__LINE__, __VA_ARGS__)

#define QUAD_HEX 0x123456789ABCDEF0ULL

TEST(FormatLiteral, "rtl/format/literal-text-and-percent", "FORMAT-3")
{
    EXPECT("", "");
    EXPECT("plain", "plain");
    EXPECT("100%", "100%%");
    EXPECT("%d", "%%d");
    EXPECT("a1b2c", "a%db%dc", 1, 2);
}

TEST(FormatUnknown, "rtl/format/what-is-no-conversion-prints-as-it-stands",
     "FORMAT-3 what is no conversion prints as it stands and takes no argument")
{
    EXPECT("%y 7", "%y %d", 7);
    EXPECT("%-8.3q 7", "%-8.3q %d", 7);
    EXPECT("%n%f 7", "%n%f %d", 7);
    EXPECT("%wd 7", "%wd %d", 7);
    EXPECT("%hp 7", "%hp %d", 7);
    EXPECT("%I64s 7", "%I64s %d", 7);
    EXPECT("50%", "50%");
    EXPECT("%-", "%-");
    EXPECT("%I6", "%I6");
    EXPECT("%ll", "%ll");
}

TEST(FormatDecimal, "rtl/format/decimal", "")
{
    EXPECT("0 7 -7", "%d %d %d", 0, 7, -7);
    EXPECT("2147483647 -2147483648", "%d %i", 0x7FFFFFFF, (LONG)0x80000000);
    EXPECT("4294967295", "%u", -1);
    EXPECT("[   42][42   ][00042]", "[%5d][%-5d][%05d]", 42, 42, 42);
    EXPECT("[  -42][-0042]", "[%5d][%05d]", -42, -42);
    EXPECT("[123456]", "[%3d]", 123456);
}

TEST(FormatSigns, "rtl/format/plus-and-blank-flags", "")
{
    EXPECT("+5 -5 +0", "%+d %+d %+d", 5, -5, 0);
    EXPECT("[ 5][-5]", "[% d][% d]", 5, -5);
    EXPECT("[+5]", "[%+ d]", 5);
    EXPECT("[+0005]", "[%+05d]", 5);
    EXPECT("[5]", "[%+u]", 5);
}

TEST(FormatHex, "rtl/format/hexadecimal-and-octal", "")
{
    EXPECT("beef BEEF", "%x %X", 0xBEEF, 0xBEEF);
    EXPECT("0000beef", "%08x", 0xBEEF);
    EXPECT("ffffffff", "%x", -1);
    EXPECT("777 37777777777", "%o %o", 0777, -1);
}

TEST(FormatAlternate, "rtl/format/alternate-form", "")
{
    EXPECT("0xbeef 0XBEEF 0", "%#x %#X %#x", 0xBEEF, 0xBEEF, 0);
    EXPECT("0x00beef", "%#08x", 0xBEEF);
    EXPECT("[  0xbeef]", "[%#8x]", 0xBEEF);
    EXPECT("0777 0 012", "%#o %#o %#.3o", 0777, 0, 012);
    EXPECT("12", "%#d", 12);
}

TEST(FormatPrecision, "rtl/format/integer-precision", "")
{
    EXPECT("007 -007 1234", "%.3d %.3d %.3d", 7, -7, 1234);
    EXPECT("[  007][007  ]", "[%5.3d][%-5.3d]", 7, 7);
    EXPECT("[  007]", "[%05.3d]", 7); /* a precision switches the 0 flag off */
    EXPECT("[][   ][0]", "[%.0d][%3.0d][%.1d]", 0, 0, 0);
    EXPECT("[]", "[%.d]", 0);
    EXPECT("0x00beef", "%#.6x", 0xBEEF);
}

TEST(FormatStars, "rtl/format/width-and-precision-from-arguments", "")
{
    EXPECT("[   42]", "[%*d]", 5, 42);
    EXPECT("[42   ]", "[%*d]", -5, 42);
    EXPECT("[00042]", "[%.*d]", 5, 42);
    EXPECT("[42]", "[%.*d]", -5, 42);
    EXPECT("[  042]", "[%*.*d]", 5, 3, 42);
    EXPECT("[ab ][abc]", "[%-*.*s][%.*s]", 3, 2, "abc", -1, "abc");
    EXPECT("[x]", "[%*s]", (LONG)0x80000000, "x");
}

TEST(FormatSmall, "rtl/format/h-is-16-bits-hh-is-8", "FORMAT-1 the sizes are NT's")
{
    EXPECT("-1 65535", "%hd %hu", 0xFFFF, 0xFFFF);
    EXPECT("5678", "%hx", 0x12345678);
    EXPECT("-1 255", "%hhd %hhu", 0xFF, 0xFF);
    EXPECT("78", "%hhx", 0x12345678);
}

TEST(FormatLong, "rtl/format/l-is-32-bits", "FORMAT-1 l and none are 32 bits")
{
    EXPECT("9abcdef0", "%lx", QUAD_HEX);
    EXPECT("9abcdef0", "%x", QUAD_HEX);
    EXPECT("9ABCDEF0", "%I32X", QUAD_HEX);
    EXPECT("-1 4294967295", "%ld %lu", QUAD_HEX | 0xFFFFFFFF, QUAD_HEX | 0xFFFFFFFF);
    EXPECT("-1", "%I32d", 0xFFFFFFFFULL);
}

TEST(FormatQuad, "rtl/format/i64-ll-i-z-t-are-64-bits", "FORMAT-1 I64, ll, I, z and t are 64")
{
    EXPECT("123456789abcdef0", "%I64x", QUAD_HEX);
    EXPECT("123456789ABCDEF0", "%llX", QUAD_HEX);
    EXPECT("123456789abcdef0", "%Ix", QUAD_HEX);
    EXPECT("1311768467463790320", "%Iu", QUAD_HEX);
    EXPECT("1311768467463790320", "%zu", QUAD_HEX);
    EXPECT("-1", "%td", ~0ULL);
    EXPECT("18446744073709551615", "%I64u", ~0ULL);
    EXPECT("-9223372036854775808", "%I64d", 1ULL << 63);
    EXPECT("1777777777777777777777", "%I64o", ~0ULL);
    EXPECT("000000ff", "%08I64x", 0xFFULL);
}

TEST(FormatMixed, "rtl/format/later-arguments-stay-in-step", "")
{
    EXPECT("1 2 -3 4 5 six 7", "%hhd %I64d %d %hd %u %s %c", 1, 2ULL, -3, 4, 5, "six", '7');
}

TEST(FormatPointer, "rtl/format/pointers-have-sixteen-digits", "")
{
    EXPECT("FFFFF78000000014", "%p", (PVOID)0xFFFFF78000000014);
    EXPECT("0000000000000000", "%p", NULL);
    EXPECT("0x00000000000000AB", "0x%p", (PVOID)0xAB);
    EXPECT("[    00000000000000AB]", "[%20p]", (PVOID)0xAB);
    EXPECT("[00000000000000AB    ]", "[%-20p]", (PVOID)0xAB);
}

TEST(FormatCharacter, "rtl/format/characters", "")
{
    EXPECT("a", "%c", 'a');
    EXPECT("[  a][a  ]", "[%3c][%-3c]", 'a', 'a');
    EXPECT("[b][b][b]", "[%C][%lc][%wc]", L'b', L'b', L'b');
    EXPECT("[c][c]", "[%hc][%hC]", 'c', 'c');
    EXPECT("\xE2\x82\xAC", "%C", 0x20AC);
}

TEST(FormatString, "rtl/format/strings", "")
{
    EXPECT("text", "%s", "text");
    EXPECT("[  text][text  ][te]", "[%6s][%-6s][%.2s]", "text", "text", "text");
    EXPECT("[  te]", "[%4.2s]", "text");
    EXPECT("[][text]", "[%.0s][%.9s]", "text", "text");
    EXPECT("[text]", "[%2s]", "text");
    EXPECT("narrow", "%hs", "narrow");
}

TEST(FormatWide, "rtl/format/wide-strings", "")
{
    EXPECT("wide wide wide", "%ws %ls %S", L"wide", L"wide", L"wide");
    EXPECT("[  wide][wide  ][wi]", "[%6ws][%-6ws][%.2ws]", L"wide", L"wide", L"wide");
    EXPECT("narrow", "%hS", "narrow");
}

TEST(FormatNull, "rtl/format/null-strings", "FORMAT-3 NULL strings print (null)")
{
    UNICODE_STRING Empty = {0, 0, NULL};
    EXPECT("(null) (null) (null) (null)", "%s %ws %Z %wZ", NULL, NULL, NULL, NULL);
    EXPECT("[  (null)]", "[%8s]", NULL);
    EXPECT("(null)", "%wZ", &Empty);
}

TEST(FormatBounded, "rtl/format/strings-are-read-to-their-precision",
     "FORMAT-2 up to its precision or its counted length, never further")
{
    extern CHAR KiBootStackGuard[]; /* not mapped: reading one byte of it faults */
    EXPECT("", "%.0s", KiBootStackGuard);
    EXPECT("", "%.0ws", KiBootStackGuard);
    STRING Counted = {0, 0, KiBootStackGuard};
    EXPECT("[]", "[%Z]", &Counted);
    EXPECT("[]", "[%wZ]", &Counted);
    CHAR Text[3] = {'a', 'b', 'c'};
    EXPECT("abc", "%.3s", Text);
}

TEST(FormatCounted, "rtl/format/counted-strings", "")
{
    ANSI_STRING Narrow = {3, 10, (PCHAR) "narrow"};
    UNICODE_STRING Wide = {6, 20, (PWSTR)L"wide text"};
    EXPECT("nar wid", "%Z %wZ", &Narrow, &Wide);
    EXPECT("wid nar", "%lZ %hZ", &Wide, &Narrow);
    EXPECT("[  nar][wid  ][w]", "[%5Z][%-5wZ][%.1wZ]", &Narrow, &Wide, &Wide);
    EXPECT("[wid]", "[%.9wZ]", &Wide);
    Wide.Length = 5;
    EXPECT("[wi]", "[%wZ]", &Wide);
}

TEST(FormatUtf8, "rtl/format/wide-text-becomes-utf-8", "")
{
    EXPECT("\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF", "%ws", L"\x7F\x80\x7FF\x800\xFFFF");
    EXPECT("\xF0\x9F\x98\x80", "%ws", L"\xD83D\xDE00");
    EXPECT("\xEF\xBF\xBDx", "%ws", L"\xD83Dx");
    EXPECT("\xEF\xBF\xBD", "%ws", L"\xDE00");
    EXPECT("\xEF\xBF\xBD", "%.1ws", L"\xD83D\xDE00"); /* half a pair */
}
