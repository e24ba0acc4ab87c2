/*
 * text.c - globs of test names and numbers that people type, for the start-up words and the
 * monitor.
 */
#include "kernel/rtl/rtl.h"

/*
 * Only the last star has to be remembered: when what follows it does not match here, it takes
 * one character more. So the time is at most the product of both lengths.
 */
BOOLEAN RtlpMatchGlob(const CHAR *Pattern, const CHAR *Name)
{
    const CHAR *Star = NULL, *StarName = NULL;
    while (*Name != '\0') {
        if (*Pattern == '*') {
            Star = ++Pattern;
            StarName = Name;
        } else if (*Pattern == '?' || *Pattern == *Name) {
            Pattern++;
            Name++;
        } else if (Star != NULL) {
            Pattern = Star;
            Name = ++StarName;
        } else {
            return FALSE;
        }
    }
    while (*Pattern == '*') {
        Pattern++;
    }
    return *Pattern == '\0';
}

ULONG RtlpDigitValue(ULONG Character)
{
    if (Character - '0' < 10) {
        return Character - '0';
    }
    Character |= 0x20;
    return Character - 'a' < 6 ? Character - 'a' + 10 : 255;
}

static BOOLEAN RtlpIsWordCharacter(CHAR Character)
{
    return RtlpDigitValue((UCHAR)Character) < 10 || (UCHAR)((Character | 0x20) - 'a') < 26 ||
           Character == '_' || Character == '`';
}

/* Removes a prefix that says the base; a ` among the digits says 16, too. */
static ULONG RtlpNumberBase(const CHAR **Text, ULONG Base)
{
    const CHAR *Digits = *Text;
    if (Digits[0] == '0' && (Digits[1] | 0x20) == 'x') {
        *Text += 2;
        return 16;
    }
    if (Digits[0] == '0' && (Digits[1] | 0x20) == 'n') {
        *Text += 2;
        return 10;
    }
    while (RtlpDigitValue((UCHAR)*Digits) < 16) {
        Digits++;
    }
    return *Digits == '`' && Digits != *Text ? 16 : Base;
}

BOOLEAN RtlpParseNumber(const CHAR **Text, ULONG Base, PULONG64 Value)
{
    const CHAR *Next = *Text;
    ULONG64 Sum = 0;
    ULONG Digit;

    Base = RtlpNumberBase(&Next, Base);
    const CHAR *First = Next;
    for (; (Digit = RtlpDigitValue((UCHAR)*Next)) < Base || (*Next == '`' && Next != First);
         Next++) {
        if (*Next == '`') {
            continue;
        }
        if (Sum > (~0ULL - Digit) / Base) {
            return FALSE;
        }
        Sum = Sum * Base + Digit;
    }
    if (Next == First || RtlpIsWordCharacter(*Next)) {
        return FALSE;
    }
    while (*Next == ' ' || *Next == '\t') {
        Next++;
    }
    *Text = Next;
    *Value = Sum;
    return TRUE;
}
