/*
 * wdm_string.h - counted and NUL-terminated strings. Part of wdm.h.
 *
 * Lengths of counted strings are in bytes and need no terminator; an odd byte of a UNICODE_STRING
 * is ignored. Any IRQL on resident memory (NT promises only PASSIVE_LEVEL for most: its case tables
 * are pageable). Upper case here is that of ASCII and Latin-1 (a-z, U+00E0 to U+00FE but U+00F7,
 * and U+00FF to U+0178); other characters compare as they are. Nothing here allocates.
 */
#pragma once

#include <ntdef.h>

/* ---- C strings; see wdm_rtl.h on their calling convention ------------------------------------ */

size_t strlen(const char *String);
int strcmp(const char *First, const char *Second);
int strncmp(const char *First, const char *Second, size_t Count);
char *strchr(const char *String, int Character);
size_t wcslen(const WCHAR *String);
int wcscmp(const WCHAR *First, const WCHAR *Second);
int wcsncmp(const WCHAR *First, const WCHAR *Second, size_t Count);

/* ---- counted strings ------------------------------------------------------------------------- */

/*
 * Makes a counted string over a NUL-terminated one; NULL gives an empty string with a NULL buffer.
 * A source that does not fit 16 bits of length is cut: 0xFFFC bytes of Unicode, 0xFFFE of ANSI. DDI
 * wdm.
 */
VOID NTAPI RtlInitUnicodeString(PUNICODE_STRING DestinationString, PCWSTR SourceString);
VOID NTAPI RtlInitAnsiString(PANSI_STRING DestinationString, PCSTR SourceString);
VOID NTAPI RtlInitString(PSTRING DestinationString, PCSTR SourceString);

/* The same, but too long a source is STATUS_NAME_TOO_LONG and changes nothing. DDI ntifs. */
NTSTATUS NTAPI RtlInitUnicodeStringEx(PUNICODE_STRING DestinationString, PCWSTR SourceString);

/* An empty string over a buffer of BufferSize bytes. DDI wdm RtlInitEmptyUnicodeString. */
FORCEINLINE VOID RtlInitEmptyUnicodeString(PUNICODE_STRING UnicodeString, PWSTR Buffer,
                                           USHORT BufferSize)
{
    UnicodeString->Length = 0;
    UnicodeString->MaximumLength = BufferSize;
    UnicodeString->Buffer = Buffer;
}

/* Copies as much as fits and adds a NUL if there is room; NULL source empties. DDI wdm. */
VOID NTAPI RtlCopyUnicodeString(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString);
VOID NTAPI RtlCopyString(PSTRING DestinationString, const STRING *SourceString);

/*
 * Adds Source at the end, with a NUL if there is room for one. STATUS_BUFFER_TOO_SMALL leaves the
 * destination as it was. DDI wdm RtlAppendUnicodeStringToString, RtlAppendUnicodeToString.
 */
NTSTATUS NTAPI RtlAppendUnicodeStringToString(PUNICODE_STRING Destination, PCUNICODE_STRING Source);
NTSTATUS NTAPI RtlAppendUnicodeToString(PUNICODE_STRING Destination, PCWSTR Source);

/* Negative, 0 or positive, as String1 sorts before, with or after String2. DDI wdm. */
LONG NTAPI RtlCompareUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2,
                                   BOOLEAN CaseInSensitive);
BOOLEAN NTAPI RtlEqualUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2,
                                    BOOLEAN CaseInSensitive);
/* TRUE when String2 begins with String1. DDI ntifs RtlPrefixUnicodeString. */
BOOLEAN NTAPI RtlPrefixUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2,
                                     BOOLEAN CaseInSensitive);
LONG NTAPI RtlCompareString(const STRING *String1, const STRING *String2, BOOLEAN CaseInSensitive);
BOOLEAN NTAPI RtlEqualString(const STRING *String1, const STRING *String2, BOOLEAN CaseInSensitive);

/* One character in upper case. DDI ntifs RtlUpcaseUnicodeChar, RtlUpperChar. */
WCHAR NTAPI RtlUpcaseUnicodeChar(WCHAR SourceCharacter);
CHAR NTAPI RtlUpperChar(CHAR Character);

/* ---- numbers --------------------------------------------------------------------------------- */

/*
 * Reads blanks, a sign, and digits of Base (2, 8, 10, 16; 0: as a prefix 0b, 0o, 0x says, else 10)
 * up to the first other character. No digit gives 0. A value wraps at 32 bits.
 * STATUS_INVALID_PARAMETER for another base. DDI wdm RtlUnicodeStringToInteger.
 */
NTSTATUS NTAPI RtlUnicodeStringToInteger(PCUNICODE_STRING String, ULONG Base, PULONG Value);
NTSTATUS NTAPI RtlCharToInteger(PCSTR String, ULONG Base, PULONG Value);

/*
 * Writes Value in Base (2, 8, 10, 16; 0 is 10), with a NUL. STATUS_BUFFER_OVERFLOW when the string
 * has no room for both, STATUS_INVALID_PARAMETER for another base. DDI wdm
 * RtlIntegerToUnicodeString.
 */
NTSTATUS NTAPI RtlIntegerToUnicodeString(ULONG Value, ULONG Base, PUNICODE_STRING String);
NTSTATUS NTAPI RtlInt64ToUnicodeString(ULONGLONG Value, ULONG Base, PUNICODE_STRING String);
