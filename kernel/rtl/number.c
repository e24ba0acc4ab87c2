/*
 * number.c - numbers in strings and strings of numbers, for the kernel and for drivers.
 */
#include "kernel/rtl/rtl.h"
#include "kernel/rtl/section.h"

#define DEFAULT_BASE 10
#define MAX_DIGITS   65 /* 64 binary digits and a NUL */

/* The two kinds of text to read from: the character at Index, 0 at and past the end. */
typedef struct _RTLP_TEXT {
    PCUNICODE_STRING Wide;
    PCSTR Narrow;
} RTLP_TEXT;

static ULONG RtlpCharacterAt(const RTLP_TEXT *Text, ULONG Index)
{
    if (Text->Wide == NULL) {
        return (UCHAR)Text->Narrow[Index];
    }
    return Index < Text->Wide->Length / sizeof(WCHAR) ? Text->Wide->Buffer[Index] : 0;
}

static BOOLEAN RtlpIsBase(ULONG Base)
{
    return Base == 2 || Base == 8 || Base == 10 || Base == 16;
}

/* Base 0 asks the prefix, which is skipped. */
static ULONG RtlpPrefixBase(const RTLP_TEXT *Text, PULONG Index)
{
    if (RtlpCharacterAt(Text, *Index) != '0') {
        return DEFAULT_BASE;
    }
    ULONG Base;
    switch (RtlpCharacterAt(Text, *Index + 1)) {
    case 'b': Base = 2; break;
    case 'o': Base = 8; break;
    case 'x': Base = 16; break;
    default: return DEFAULT_BASE;
    }
    *Index += 2;
    return Base;
}

static NTSTATUS RtlpTextToInteger(const RTLP_TEXT *Text, ULONG Base, PULONG Value)
{
    ULONG Index = 0, Sum = 0, Digit, First;
    while ((First = RtlpCharacterAt(Text, Index)) != 0 && First <= ' ') {
        Index++;
    }
    if (First == '-' || First == '+') {
        Index++;
    }
    if (Base == 0) {
        Base = RtlpPrefixBase(Text, &Index);
    } else if (!RtlpIsBase(Base)) {
        return STATUS_INVALID_PARAMETER;
    }
    for (; (Digit = RtlpDigitValue(RtlpCharacterAt(Text, Index))) < Base; Index++) {
        Sum = Sum * Base + Digit;
    }
    *Value = First == '-' ? 0 - Sum : Sum;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI RtlUnicodeStringToInteger(PCUNICODE_STRING String, ULONG Base, PULONG Value)
{
    RTLP_TEXT Text = {String, NULL};
    return RtlpTextToInteger(&Text, Base, Value);
}
EXPORT(RtlUnicodeStringToInteger);

NTSTATUS NTAPI RtlCharToInteger(PCSTR String, ULONG Base, PULONG Value)
{
    RTLP_TEXT Text = {NULL, String};
    return RtlpTextToInteger(&Text, Base, Value);
}
EXPORT(RtlCharToInteger);

NTSTATUS NTAPI RtlInt64ToUnicodeString(ULONGLONG Value, ULONG Base, PUNICODE_STRING String)
{
    WCHAR Digits[MAX_DIGITS];
    ULONG First = MAX_DIGITS - 1;

    Base = Base == 0 ? DEFAULT_BASE : Base;
    if (!RtlpIsBase(Base)) {
        return STATUS_INVALID_PARAMETER;
    }
    Digits[First] = 0;
    do {
        Digits[--First] = (WCHAR) "0123456789ABCDEF"[Value % Base];
        Value /= Base;
    } while (Value != 0);
    ULONG Bytes = (MAX_DIGITS - First) * sizeof(WCHAR);
    if (Bytes > String->MaximumLength) {
        return STATUS_BUFFER_OVERFLOW;
    }
    memcpy(String->Buffer, Digits + First, Bytes);
    String->Length = (USHORT)(Bytes - sizeof(WCHAR));
    return STATUS_SUCCESS;
}
EXPORT(RtlInt64ToUnicodeString);

NTSTATUS NTAPI RtlIntegerToUnicodeString(ULONG Value, ULONG Base, PUNICODE_STRING String)
{
    return RtlInt64ToUnicodeString(Value, Base, String);
}
EXPORT(RtlIntegerToUnicodeString);
