/*
 * text_check.h - checks on text, for the tests of the run-time library.
 */
#pragma once

#include "kernel/rtl/rtl.h"
#include "tests/test.h"

/* Records a failure, and prints both, unless Actual is Expected. */
static inline BOOLEAN RtlpCheckText(const CHAR *Actual, const CHAR *Expected, const CHAR *File,
                                    ULONG Line)
{
    BOOLEAN Same = strcmp(Actual, Expected) == 0;
    if (!Same) {
        DbgPrint("got      '%s'\nexpected '%s'\n", Actual, Expected);
    }
    return TestCompare(Same, TestNotEqual, FALSE, "text", File, Line);
}
#define CHECK_TEXT(Actual, Expected) RtlpCheckText((Actual), (Expected), __FILE__, __LINE__)

/* The same for wide text of Length bytes against a terminated one. */
static inline BOOLEAN RtlpCheckWide(const WCHAR *Actual, SIZE_T Length, const WCHAR *Expected,
                                    const CHAR *File, ULONG Line)
{
    BOOLEAN Same =
        wcslen(Expected) * sizeof(WCHAR) == Length && memcmp(Actual, Expected, Length) == 0;
    if (!Same) {
        DbgPrint("got      '%.*ws'\nexpected '%ws'\n", (LONG)(Length / sizeof(WCHAR)), Actual,
                 Expected);
    }
    return TestCompare(Same, TestNotEqual, FALSE, "wide text", File, Line);
}
#define CHECK_UNICODE(String, Expected)                                                            \
    RtlpCheckWide((String).Buffer, (String).Length, (Expected), __FILE__, __LINE__)
