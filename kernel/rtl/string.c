/*
 * string.c - counted strings, UNICODE_STRING and ANSI_STRING, for the kernel and for drivers.
 *
 *   STRING-1  Nothing is read or written past Length resp. MaximumLength; no routine needs a
 *             terminator in a counted string, and one is written only where there is room for it.
 *   STRING-2  A routine that fails leaves its destination as it was.
 *   STRING-3  Comparisons without case fold ASCII and Latin-1 only (wdm_string.h); they need no
 *             table, so they run at any IRQL.
 */
#include "kernel/rtl/rtl.h"
#include "kernel/rtl/section.h"

#define MAX_UNICODE_LENGTH 0xFFFC /* with its terminator it still fits the USHORT */
#define MAX_ANSI_LENGTH    0xFFFE

/* Characters, without a trailing odd byte. */
static inline ULONG RtlpCharacters(PCUNICODE_STRING String)
{
    return String->Length / sizeof(WCHAR);
}

/* ---- making ---------------------------------------------------------------------------------- */

VOID NTAPI RtlInitUnicodeString(PUNICODE_STRING DestinationString, PCWSTR SourceString)
{
    SIZE_T Length = SourceString != NULL ? wcslen(SourceString) * sizeof(WCHAR) : 0;
    if (Length > MAX_UNICODE_LENGTH) {
        Length = MAX_UNICODE_LENGTH;
    }
    DestinationString->Length = (USHORT)Length;
    DestinationString->MaximumLength = (USHORT)(SourceString != NULL ? Length + sizeof(WCHAR) : 0);
    DestinationString->Buffer = (PWSTR)SourceString;
}
EXPORT(RtlInitUnicodeString);

NTSTATUS NTAPI RtlInitUnicodeStringEx(PUNICODE_STRING DestinationString, PCWSTR SourceString)
{
    if (SourceString != NULL && wcslen(SourceString) > MAX_UNICODE_LENGTH / sizeof(WCHAR)) {
        return STATUS_NAME_TOO_LONG;
    }
    RtlInitUnicodeString(DestinationString, SourceString);
    return STATUS_SUCCESS;
}
EXPORT(RtlInitUnicodeStringEx);

VOID NTAPI RtlInitAnsiString(PANSI_STRING DestinationString, PCSTR SourceString)
{
    SIZE_T Length = SourceString != NULL ? strlen(SourceString) : 0;
    if (Length > MAX_ANSI_LENGTH) {
        Length = MAX_ANSI_LENGTH;
    }
    DestinationString->Length = (USHORT)Length;
    DestinationString->MaximumLength = (USHORT)(SourceString != NULL ? Length + 1 : 0);
    DestinationString->Buffer = (PCHAR)SourceString;
}
EXPORT(RtlInitAnsiString);

VOID NTAPI RtlInitString(PSTRING DestinationString, PCSTR SourceString)
{
    RtlInitAnsiString(DestinationString, SourceString);
}
EXPORT(RtlInitString);

/* ---- copying --------------------------------------------------------------------------------- */

/* Writes Length bytes at Offset, and a terminator behind them if it fits. */
static VOID RtlpPlace(PUNICODE_STRING Destination, USHORT Offset, const WCHAR *Source,
                      USHORT Length)
{
    USHORT End = (USHORT)(Offset + Length);
    memmove((PCHAR)Destination->Buffer + Offset, Source, Length);
    Destination->Length = End;
    if ((ULONG)End + sizeof(WCHAR) <= Destination->MaximumLength) {
        Destination->Buffer[End / sizeof(WCHAR)] = 0;
    }
}

VOID NTAPI RtlCopyUnicodeString(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString)
{
    if (SourceString == NULL) {
        DestinationString->Length = 0;
        return;
    }
    USHORT Length = SourceString->Length < DestinationString->MaximumLength
                        ? SourceString->Length
                        : DestinationString->MaximumLength;
    RtlpPlace(DestinationString, 0, SourceString->Buffer, Length & ~1U);
}
EXPORT(RtlCopyUnicodeString);

VOID NTAPI RtlCopyString(PSTRING DestinationString, const STRING *SourceString)
{
    USHORT Length = 0;
    if (SourceString != NULL) {
        Length = SourceString->Length < DestinationString->MaximumLength
                     ? SourceString->Length
                     : DestinationString->MaximumLength;
        memmove(DestinationString->Buffer, SourceString->Buffer, Length);
    }
    DestinationString->Length = Length;
}
EXPORT(RtlCopyString);

NTSTATUS NTAPI RtlAppendUnicodeStringToString(PUNICODE_STRING Destination, PCUNICODE_STRING Source)
{
    USHORT Used = Destination->Length & ~1U, Added = Source->Length & ~1U;
    if (Used + Added > Destination->MaximumLength) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    if (Added != 0) {
        RtlpPlace(Destination, Used, Source->Buffer, Added);
    }
    return STATUS_SUCCESS;
}
EXPORT(RtlAppendUnicodeStringToString);

NTSTATUS NTAPI RtlAppendUnicodeToString(PUNICODE_STRING Destination, PCWSTR Source)
{
    UNICODE_STRING String;
    if (!NT_SUCCESS(RtlInitUnicodeStringEx(&String, Source))) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    return RtlAppendUnicodeStringToString(Destination, &String);
}
EXPORT(RtlAppendUnicodeToString);

/* ---- comparing ------------------------------------------------------------------------------- */

WCHAR NTAPI RtlUpcaseUnicodeChar(WCHAR SourceCharacter)
{
    ULONG c = SourceCharacter;
    if ((c >= 'a' && c <= 'z') || (c >= 0xE0 && c <= 0xFE && c != 0xF7)) {
        return (WCHAR)(c - 0x20);
    }
    return c == 0xFF ? 0x178 : SourceCharacter;
}
EXPORT(RtlUpcaseUnicodeChar);

/* The code page is Latin-1; y with diaeresis has no upper case in it. */
CHAR NTAPI RtlUpperChar(CHAR Character)
{
    WCHAR Upper = RtlUpcaseUnicodeChar((UCHAR)Character);
    return Upper < 0x100 ? (CHAR)Upper : Character;
}
EXPORT(RtlUpperChar);

/* The difference of the first characters that differ in the first Count ones; 0 when none does. */
static LONG RtlpCompareWide(const WCHAR *First, const WCHAR *Second, ULONG Count, BOOLEAN Fold)
{
    for (ULONG i = 0; i < Count; i++) {
        WCHAR a = First[i], b = Second[i];
        if (a != b && Fold) {
            a = RtlUpcaseUnicodeChar(a);
            b = RtlUpcaseUnicodeChar(b);
        }
        if (a != b) {
            return a - b;
        }
    }
    return 0;
}

LONG NTAPI RtlCompareUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2,
                                   BOOLEAN CaseInSensitive)
{
    ULONG Count1 = RtlpCharacters(String1), Count2 = RtlpCharacters(String2);
    LONG Difference = RtlpCompareWide(String1->Buffer, String2->Buffer,
                                      Count1 < Count2 ? Count1 : Count2, CaseInSensitive);
    return Difference != 0 ? Difference : (LONG)Count1 - (LONG)Count2;
}
EXPORT(RtlCompareUnicodeString);

BOOLEAN NTAPI RtlEqualUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2,
                                    BOOLEAN CaseInSensitive)
{
    ULONG Count = RtlpCharacters(String1);
    return Count == RtlpCharacters(String2) &&
           RtlpCompareWide(String1->Buffer, String2->Buffer, Count, CaseInSensitive) == 0;
}
EXPORT(RtlEqualUnicodeString);

BOOLEAN NTAPI RtlPrefixUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2,
                                     BOOLEAN CaseInSensitive)
{
    ULONG Count = RtlpCharacters(String1);
    return Count <= RtlpCharacters(String2) &&
           RtlpCompareWide(String1->Buffer, String2->Buffer, Count, CaseInSensitive) == 0;
}
EXPORT(RtlPrefixUnicodeString);

LONG NTAPI RtlCompareString(const STRING *String1, const STRING *String2, BOOLEAN CaseInSensitive)
{
    ULONG Count = String1->Length < String2->Length ? String1->Length : String2->Length;
    for (ULONG i = 0; i < Count; i++) {
        CHAR a = String1->Buffer[i], b = String2->Buffer[i];
        if (CaseInSensitive) {
            a = RtlUpperChar(a);
            b = RtlUpperChar(b);
        }
        if (a != b) {
            return (UCHAR)a - (UCHAR)b;
        }
    }
    return String1->Length - String2->Length;
}
EXPORT(RtlCompareString);

BOOLEAN NTAPI RtlEqualString(const STRING *String1, const STRING *String2, BOOLEAN CaseInSensitive)
{
    return String1->Length == String2->Length &&
           RtlCompareString(String1, String2, CaseInSensitive) == 0;
}
EXPORT(RtlEqualString);
