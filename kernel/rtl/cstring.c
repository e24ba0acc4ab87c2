/*
 * cstring.c - the C library's string routines that the kernel and drivers use.
 */
#include "kernel/rtl/rtl.h"
#include "kernel/rtl/section.h"

#define NO_PATTERNS __attribute__((optimize("no-tree-loop-distribute-patterns")))

NO_PATTERNS size_t strlen(const char *String)
{
    const char *End = String;
    while (*End != '\0') {
        End++;
    }
    return (size_t)(End - String);
}

int strncmp(const char *First, const char *Second, size_t Count)
{
    for (size_t i = 0; i < Count; i++) {
        if (First[i] != Second[i] || First[i] == '\0') {
            return (UCHAR)First[i] - (UCHAR)Second[i];
        }
    }
    return 0;
}

int strcmp(const char *First, const char *Second)
{
    return strncmp(First, Second, ~(size_t)0);
}

char *strchr(const char *String, int Character)
{
    for (;; String++) {
        if (*String == (char)Character) {
            return (char *)String;
        }
        if (*String == '\0') {
            return NULL;
        }
    }
}

size_t wcslen(const WCHAR *String)
{
    const WCHAR *End = String;
    while (*End != 0) {
        End++;
    }
    return (size_t)(End - String);
}

int wcsncmp(const WCHAR *First, const WCHAR *Second, size_t Count)
{
    for (size_t i = 0; i < Count; i++) {
        if (First[i] != Second[i] || First[i] == 0) {
            return First[i] - Second[i];
        }
    }
    return 0;
}

int wcscmp(const WCHAR *First, const WCHAR *Second)
{
    return wcsncmp(First, Second, ~(size_t)0);
}

/* ---- the same under NT's calling convention, for drivers ------------------------------------- */

static SIZE_T NTAPI RtlpStrlen(PCSTR String)
{
    return strlen(String);
}
EXPORT_AS("strlen", strlen, RtlpStrlen);

static INT NTAPI RtlpStrcmp(PCSTR First, PCSTR Second)
{
    return strcmp(First, Second);
}
EXPORT_AS("strcmp", strcmp, RtlpStrcmp);

static INT NTAPI RtlpStrncmp(PCSTR First, PCSTR Second, SIZE_T Count)
{
    return strncmp(First, Second, Count);
}
EXPORT_AS("strncmp", strncmp, RtlpStrncmp);

static PCHAR NTAPI RtlpStrchr(PCSTR String, INT Character)
{
    return strchr(String, Character);
}
EXPORT_AS("strchr", strchr, RtlpStrchr);

static SIZE_T NTAPI RtlpWcslen(PCWSTR String)
{
    return wcslen(String);
}
EXPORT_AS("wcslen", wcslen, RtlpWcslen);

static INT NTAPI RtlpWcscmp(PCWSTR First, PCWSTR Second)
{
    return wcscmp(First, Second);
}
EXPORT_AS("wcscmp", wcscmp, RtlpWcscmp);

static INT NTAPI RtlpWcsncmp(PCWSTR First, PCWSTR Second, SIZE_T Count)
{
    return wcsncmp(First, Second, Count);
}
EXPORT_AS("wcsncmp", wcsncmp, RtlpWcsncmp);
