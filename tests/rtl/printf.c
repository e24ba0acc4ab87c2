/*
 * printf.c - tests of the printf families over the formatter: what fits, what does not, wide text.
 */
#include "tests/rtl/text_check.h"

#define MARK 0x5A

static CHAR Buffer[16];
static WCHAR WideBuffer[16];

TEST(PrintFits, "rtl/printf/returns-the-length", "")
{
    memset(Buffer, MARK, sizeof(Buffer));
    CHECK_EQ(_snprintf(Buffer, sizeof(Buffer), "%d+%d", 12, 34), 5);
    CHECK_TEXT(Buffer, "12+34");
    CHECK_EQ(Buffer[6], MARK);
    CHECK_EQ(_snprintf(Buffer, sizeof(Buffer), ""), 0);
    CHECK_EQ(Buffer[0], 0);
}

TEST(PrintExact, "rtl/printf/an-exact-fit-has-no-nul", "")
{
    memset(Buffer, MARK, sizeof(Buffer));
    CHECK_EQ(_snprintf(Buffer, 4, "%s", "four"), 4);
    CHECK_EQ(memcmp(Buffer, "four\x5A", 5), 0);
    CHECK_EQ(_snprintf(Buffer, 5, "%s", "five"), 4);
    CHECK_EQ(Buffer[4], 0);
}

TEST(PrintCut, "rtl/printf/what-does-not-fit-is-cut", "")
{
    memset(Buffer, MARK, sizeof(Buffer));
    CHECK_EQ(_snprintf(Buffer, 4, "%s-%s", "abc", "def"), -1);
    CHECK_EQ(memcmp(Buffer, "abc-\x5A", 5), 0);
    CHECK_EQ(_snprintf(NULL, 0, "%s", "x"), -1);
    CHECK_EQ(_snprintf(NULL, 0, ""), 0);
}

TEST(PrintWide, "rtl/printf/wide", "")
{
    UNICODE_STRING Counted = {4, 4, (PWSTR)L"un"};
    CHECK_EQ(_snwprintf(WideBuffer, 16, L"%d %s %S %hs", 7, L"w", "n", "h"), 7);
    CHECK_EQ(wcscmp(WideBuffer, L"7 w n h"), 0);
    CHECK_EQ(_snwprintf(WideBuffer, 16, L"[%3c|%-3s|%wZ]", L'c', L"s", &Counted), 12);
    CHECK_EQ(wcscmp(WideBuffer, L"[  c|s  |un]"), 0);
    CHECK_EQ(_snwprintf(WideBuffer, 16, L"%04x%%\x20AC", 0xAB), 6);
    CHECK_EQ(wcscmp(WideBuffer, L"00ab%\x20AC"), 0);
}

TEST(PrintWideCut, "rtl/printf/wide-is-cut-by-characters", "")
{
    WideBuffer[3] = MARK;
    CHECK_EQ(_snwprintf(WideBuffer, 3, L"%s", L"abcd"), -1);
    CHECK_EQ(memcmp(WideBuffer, L"abc\x5A", 8), 0);
    WideBuffer[4] = MARK;
    CHECK_EQ(_snwprintf(WideBuffer, 4, L"%s", L"abcd"), 4);
    CHECK_EQ(WideBuffer[4], MARK);
    CHECK_EQ(_snwprintf(WideBuffer, 5, L"%s", L"abcd"), 4);
    CHECK_EQ(WideBuffer[4], 0);
}
