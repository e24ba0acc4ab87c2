/*
 * string.c - tests of kernel/rtl/string.c and cstring.c: ends of buffers, odd lengths, no
 * terminator, longest strings, case.
 */
#include "tests/rtl/text_check.h"

#define SENTINEL 0xABCD
#define ROOM     16 /* characters in the destination of these tests */

static WCHAR Space[ROOM + 1]; /* the last one is not the destination's */
static UNICODE_STRING Target;
static WCHAR Long[0x8010];

/* A destination of MaximumLength bytes with Length of them in use, the rest marked. */
static VOID MakeTarget(PCWSTR Text, USHORT MaximumLength)
{
    for (ULONG i = 0; i <= ROOM; i++) {
        Space[i] = SENTINEL;
    }
    Target.Length = (USHORT)(wcslen(Text) * sizeof(WCHAR));
    Target.MaximumLength = MaximumLength;
    Target.Buffer = Space;
    memcpy(Space, Text, Target.Length);
}

static UNICODE_STRING Wide(PCWSTR Text)
{
    UNICODE_STRING String;
    RtlInitUnicodeString(&String, Text);
    return String;
}

static STRING Narrow(PCSTR Text)
{
    STRING String;
    RtlInitString(&String, Text);
    return String;
}

/* Long holds Count characters and a terminator. */
static PCWSTR MakeLong(ULONG Count)
{
    for (ULONG i = 0; i < Count; i++) {
        Long[i] = 'x';
    }
    Long[Count] = 0;
    return Long;
}

TEST(StringInit, "rtl/string/init-counts-bytes", "DDI wdm RtlInitUnicodeString")
{
    static const WCHAR Text[] = L"abc";
    UNICODE_STRING String = Wide(Text);
    CHECK_EQ(String.Length, 6);
    CHECK_EQ(String.MaximumLength, 8);
    CHECK_EQ(String.Buffer, Text);
    String = Wide(L"");
    CHECK_EQ(String.Length, 0);
    CHECK_EQ(String.MaximumLength, 2);
    String = Wide(NULL);
    CHECK_EQ(String.Length, 0);
    CHECK_EQ(String.MaximumLength, 0);
    CHECK_EQ(String.Buffer, NULL);
}

TEST(StringInitAnsi, "rtl/string/init-ansi-counts-bytes", "DDI wdm RtlInitAnsiString")
{
    ANSI_STRING String;
    RtlInitAnsiString(&String, "abc");
    CHECK_EQ(String.Length, 3);
    CHECK_EQ(String.MaximumLength, 4);
    RtlInitAnsiString(&String, NULL);
    CHECK_EQ(String.Length, 0);
    CHECK_EQ(String.MaximumLength, 0);
    CHECK_EQ(String.Buffer, NULL);
}

TEST(StringInitLong, "rtl/string/init-cuts-what-does-not-fit-16-bits", "wdm_string.h")
{
    UNICODE_STRING String = Wide(MakeLong(0x7FFE));
    CHECK_EQ(String.Length, 0xFFFC);
    CHECK_EQ(String.MaximumLength, 0xFFFE);
    String = Wide(MakeLong(0x8000));
    CHECK_EQ(String.Length, 0xFFFC);
    CHECK_EQ(String.MaximumLength, 0xFFFE);
    String.Length = SENTINEL;
    CHECK_STATUS(RtlInitUnicodeStringEx(&String, Long), STATUS_NAME_TOO_LONG);
    CHECK_EQ(String.Length, SENTINEL);
    CHECK_STATUS(RtlInitUnicodeStringEx(&String, MakeLong(0x7FFE)), STATUS_SUCCESS);
    CHECK_EQ(String.Length, 0xFFFC);
}

TEST(StringEmpty, "rtl/string/init-empty-takes-a-buffer", "DDI wdm RtlInitEmptyUnicodeString")
{
    UNICODE_STRING String;
    RtlInitEmptyUnicodeString(&String, Space, sizeof(Space));
    CHECK_EQ(String.Length, 0);
    CHECK_EQ(String.MaximumLength, sizeof(Space));
    CHECK_EQ(String.Buffer, Space);
}

TEST(StringCopy, "rtl/string/copy-ends-with-a-nul-if-it-fits", "STRING-1 only where there is room")
{
    UNICODE_STRING Source = Wide(L"abcd");
    MakeTarget(L"", 10);
    RtlCopyUnicodeString(&Target, &Source);
    CHECK_UNICODE(Target, L"abcd");
    CHECK_EQ(Space[4], 0);
    CHECK_EQ(Space[5], SENTINEL);
    MakeTarget(L"", 8);
    RtlCopyUnicodeString(&Target, &Source);
    CHECK_UNICODE(Target, L"abcd");
    CHECK_EQ(Space[4], SENTINEL);
}

TEST(StringCopyCut, "rtl/string/copy-is-cut-at-the-maximum", "STRING-1 nothing past MaximumLength")
{
    UNICODE_STRING Source = Wide(L"abcdef");
    MakeTarget(L"zz", 6);
    RtlCopyUnicodeString(&Target, &Source);
    CHECK_UNICODE(Target, L"abc");
    CHECK_EQ(Space[3], SENTINEL);
    MakeTarget(L"zz", 0);
    RtlCopyUnicodeString(&Target, &Source);
    CHECK_EQ(Target.Length, 0);
    CHECK_EQ(Space[2], SENTINEL);
    MakeTarget(L"zz", 6);
    RtlCopyUnicodeString(&Target, NULL);
    CHECK_EQ(Target.Length, 0);
}

TEST(StringOdd, "rtl/string/odd-bytes-are-ignored", "wdm_string.h: an odd byte is ignored")
{
    UNICODE_STRING Source = Wide(L"abcd"), Same = Wide(L"ab");
    Source.Length = 5;
    MakeTarget(L"", 9);
    RtlCopyUnicodeString(&Target, &Source);
    CHECK_UNICODE(Target, L"ab");
    CHECK_EQ(Space[2], 0);
    CHECK(RtlEqualUnicodeString(&Source, &Same, FALSE));
    Source.Length = 8;
    MakeTarget(L"", 5);
    RtlCopyUnicodeString(&Target, &Source);
    CHECK_UNICODE(Target, L"ab");
    CHECK_EQ(Space[2], SENTINEL);
}

TEST(StringNoEnd, "rtl/string/no-terminator-is-needed",
     "STRING-1 no terminator in a counted string")
{
    WCHAR Text[2] = {'a', 'b'};
    UNICODE_STRING Source = {sizeof(Text), sizeof(Text), Text}, Same = Wide(L"xxab");
    MakeTarget(L"xx", 20);
    CHECK_STATUS(RtlAppendUnicodeStringToString(&Target, &Source), STATUS_SUCCESS);
    CHECK(RtlEqualUnicodeString(&Target, &Same, FALSE));
}

TEST(StringAppend, "rtl/string/append-adds-and-terminates", "DDI wdm RtlAppendUnicodeToString")
{
    MakeTarget(L"ab", 12);
    CHECK_STATUS(RtlAppendUnicodeToString(&Target, L"cd"), STATUS_SUCCESS);
    CHECK_UNICODE(Target, L"abcd");
    CHECK_EQ(Space[4], 0);
    CHECK_STATUS(RtlAppendUnicodeToString(&Target, L"ef"), STATUS_SUCCESS);
    CHECK_UNICODE(Target, L"abcdef");
    CHECK_EQ(Space[6], SENTINEL); /* full to the last byte: no room for a terminator */
    CHECK_STATUS(RtlAppendUnicodeToString(&Target, NULL), STATUS_SUCCESS);
    CHECK_STATUS(RtlAppendUnicodeToString(&Target, L""), STATUS_SUCCESS);
    CHECK_UNICODE(Target, L"abcdef");
}

TEST(StringAppendFull, "rtl/string/append-that-does-not-fit-changes-nothing",
     "STRING-2 a routine that fails leaves its destination")
{
    MakeTarget(L"abc", 8);
    CHECK_STATUS(RtlAppendUnicodeToString(&Target, L"de"), STATUS_BUFFER_TOO_SMALL);
    CHECK_UNICODE(Target, L"abc");
    CHECK_EQ(Space[3], SENTINEL);
    CHECK_STATUS(RtlAppendUnicodeToString(&Target, MakeLong(0x8000)), STATUS_BUFFER_TOO_SMALL);
    UNICODE_STRING Longest = Wide(MakeLong(0x7FFE));
    CHECK_STATUS(RtlAppendUnicodeStringToString(&Target, &Longest), STATUS_BUFFER_TOO_SMALL);
    CHECK_UNICODE(Target, L"abc");
    UNICODE_STRING Huge = {0, 0xFFFE, Long}; /* room for what a cut source would leave */
    CHECK_STATUS(RtlAppendUnicodeToString(&Huge, MakeLong(0x8000)), STATUS_BUFFER_TOO_SMALL);
    CHECK_EQ(Huge.Length, 0);
}

TEST(StringCompare, "rtl/string/compare-orders-by-character-then-length",
     "DDI wdm RtlCompareUnicodeString")
{
    UNICODE_STRING a = Wide(L"abc"), b = Wide(L"abd"), Short = Wide(L"ab"), Empty = Wide(NULL);
    CHECK((LONG)RtlCompareUnicodeString(&a, &b, FALSE) < 0);
    CHECK((LONG)RtlCompareUnicodeString(&b, &a, FALSE) > 0);
    CHECK((LONG)RtlCompareUnicodeString(&a, &a, FALSE) == 0);
    CHECK((LONG)RtlCompareUnicodeString(&Short, &a, FALSE) < 0);
    CHECK((LONG)RtlCompareUnicodeString(&a, &Short, FALSE) > 0);
    CHECK((LONG)RtlCompareUnicodeString(&Empty, &Short, FALSE) < 0);
    CHECK(RtlEqualUnicodeString(&Empty, &Empty, TRUE));
    UNICODE_STRING High = Wide(L"\xFFFE"), Low = Wide(L"a");
    CHECK((LONG)RtlCompareUnicodeString(&High, &Low, FALSE) > 0);
}

TEST(StringCase, "rtl/string/case-folds-ascii-and-latin-1", "STRING-3 ASCII and Latin-1 only")
{
    UNICODE_STRING Lower = Wide(L"ab\xE0\xFE\xFF"), Upper = Wide(L"AB\xC0\xDE\x178");
    CHECK(!RtlEqualUnicodeString(&Lower, &Upper, FALSE));
    CHECK(RtlEqualUnicodeString(&Lower, &Upper, TRUE));
    CHECK_EQ(RtlCompareUnicodeString(&Lower, &Upper, TRUE), 0);
    CHECK_EQ(RtlUpcaseUnicodeChar('`'), '`');
    CHECK_EQ(RtlUpcaseUnicodeChar('{'), '{');
    CHECK_EQ(RtlUpcaseUnicodeChar(0xDF), 0xDF);   /* sharp s has no capital here */
    CHECK_EQ(RtlUpcaseUnicodeChar(0xF7), 0xF7);   /* the division sign */
    CHECK_EQ(RtlUpcaseUnicodeChar(0x3B1), 0x3B1); /* Greek compares as it is */
    CHECK_EQ(RtlUpperChar('q'), 'Q');
    CHECK_EQ((UCHAR)RtlUpperChar((CHAR)0xE4), 0xC4);
    CHECK_EQ((UCHAR)RtlUpperChar((CHAR)0xFF), 0xFF);
}

TEST(StringPrefix, "rtl/string/prefix", "DDI ntifs RtlPrefixUnicodeString")
{
    UNICODE_STRING Device = Wide(L"\\Device"), Name = Wide(L"\\DEVICE\\Null"), Empty = Wide(NULL);
    CHECK(RtlPrefixUnicodeString(&Device, &Name, TRUE));
    CHECK(!RtlPrefixUnicodeString(&Device, &Name, FALSE));
    CHECK(!RtlPrefixUnicodeString(&Name, &Device, TRUE));
    UNICODE_STRING Part = {6, 6,
                           Name.Buffer}; /* goes on like the whole name, but is no part of it */
    CHECK(!RtlPrefixUnicodeString(&Name, &Part, FALSE));
    CHECK(RtlPrefixUnicodeString(&Part, &Name, FALSE));
    CHECK(RtlPrefixUnicodeString(&Empty, &Name, FALSE));
    CHECK(RtlPrefixUnicodeString(&Name, &Name, FALSE));
}

TEST(StringAnsi, "rtl/string/ansi-copies-and-compares", "DDI wdm RtlCompareString")
{
    CHAR Buffer[4] = "zzz";
    STRING Copy = {3, 3, Buffer}, a = Narrow("abcd"), b = Narrow("ABCD"), High = Narrow("ab\x80");
    RtlCopyString(&Copy, &a);
    CHECK_EQ(Copy.Length, 3);
    CHECK_EQ(memcmp(Buffer, "abc", 4), 0);
    RtlCopyString(&Copy, NULL);
    CHECK_EQ(Copy.Length, 0);
    CHECK(!RtlEqualString(&a, &b, FALSE));
    CHECK(RtlEqualString(&a, &b, TRUE));
    CHECK((LONG)RtlCompareString(&a, &b, FALSE) > 0);
    CHECK((LONG)RtlCompareString(&Copy, &a, FALSE) < 0);
    CHECK((LONG)RtlCompareString(&High, &a, FALSE) > 0); /* bytes are unsigned */
}

/* Called as a driver does, through addresses that the compiler does not know. */
static int (*volatile Compare)(const char *, const char *) = strcmp;
static int (*volatile CompareFirst)(const char *, const char *, size_t) = strncmp;
static int (*volatile CompareWide)(const WCHAR *, const WCHAR *) = wcscmp;
static int (*volatile CompareWideFirst)(const WCHAR *, const WCHAR *, size_t) = wcsncmp;

TEST(StringC, "rtl/string/c-library", "")
{
    CHECK_EQ(strlen(""), 0);
    CHECK_EQ(strlen("four"), 4);
    CHECK_EQ(wcslen(L"four"), 4);
    CHECK_EQ(Compare("abc", "abc"), 0);
    CHECK((LONG)Compare("abc", "abd") < 0);
    CHECK((LONG)Compare("ab\xFF", "ab\x01") > 0);
    CHECK((LONG)Compare("ab", "abc") < 0);
    CHECK_EQ(CompareFirst("abX", "abY", 2), 0);
    CHECK((LONG)CompareFirst("abX", "abY", 3) < 0);
    CHECK_EQ(CompareFirst("ab\0X", "ab\0Y", 4), 0);
    CHECK_EQ(CompareWide(L"ab", L"ab"), 0);
    CHECK((LONG)CompareWide(L"a\xFFFF", L"ab") > 0);
    CHECK_EQ(CompareWideFirst(L"abX", L"abY", 2), 0);
    const CHAR *Text = "a=b=c";
    CHECK_EQ(strchr(Text, '='), Text + 1);
    CHECK_EQ(strchr(Text, 0), Text + 5);
    CHECK_EQ(strchr(Text, 'z'), NULL);
}
