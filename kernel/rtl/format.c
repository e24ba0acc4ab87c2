/*
 * format.c - the one formatter behind DbgPrint and the printf family, for the kernel and for
 * drivers.
 *
 * Theory. A format is read once, left to right, in CHAR or WCHAR. Each conversion becomes a field:
 * some prefix (sign, 0x), zeros, and a body, padded with blanks to the width. Text goes to a sink
 * piece by piece, so nothing here has a limit or a buffer that could overflow. A driver's variable
 * arguments are an array of 8-byte slots (Microsoft's convention), read through a plain pointer.
 *
 *   FORMAT-1  The sizes are NT's: l and none are 32 bits, I64, ll, I, z and t are 64.
 *   FORMAT-2  A string is read up to its precision or its counted length, never further.
 *   FORMAT-3  NULL strings print (null); what is no conversion prints as it stands and takes no
 *             argument.
 *   FORMAT-4  No lock, no static data, no allocation: any IRQL.
 */
#include "kernel/rtl/rtl.h"

#define NO_PRECISION (-1)
#define MAX_DIGITS   22 /* 64 bits in octal */

typedef enum _RTLP_SIZE {
    SizeDefault,
    SizeByte,
    SizeShort,
    SizeLong,
    SizeQuad,
    SizeWide
} RTLP_SIZE;

typedef struct _RTLP_FORMATTER {
    PRTLP_SINK Sink;
    const CHAR *Narrow; /* the rest of the format, in one of the two */
    const WCHAR *Wide;
    ULONG64 *Arguments; /* the next one */
} RTLP_FORMATTER, *PRTLP_FORMATTER;

typedef struct _RTLP_FIELD {
    BOOLEAN Left, Plus, Blank, Alternate, Zero;
    RTLP_SIZE Size;
    LONG Width;
    LONG Precision;
    ULONG Conversion;
} RTLP_FIELD, *PRTLP_FIELD;

static inline ULONG64 RtlpNextArgument(PRTLP_FORMATTER Formatter)
{
    return *Formatter->Arguments++;
}

static inline ULONG RtlpPeek(const RTLP_FORMATTER *Formatter, ULONG Ahead)
{
    return Formatter->Wide != NULL ? Formatter->Wide[Ahead] : (UCHAR)Formatter->Narrow[Ahead];
}

static inline VOID RtlpSkip(PRTLP_FORMATTER Formatter, ULONG Count)
{
    if (Formatter->Wide != NULL) {
        Formatter->Wide += Count;
    } else {
        Formatter->Narrow += Count;
    }
}

/* ---- writing --------------------------------------------------------------------------------- */

static VOID RtlpWrite(PRTLP_FORMATTER Formatter, const CHAR *Text, SIZE_T Length)
{
    if (Length != 0) {
        Formatter->Sink->Write(Formatter->Sink, Text, Length);
    }
}

static VOID RtlpFill(PRTLP_FORMATTER Formatter, CHAR Character, LONG Count)
{
    static const CHAR Blanks[] = "                ", Zeros[] = "0000000000000000";
    const CHAR *Text = Character == '0' ? Zeros : Blanks;
    const LONG Piece = sizeof(Blanks) - 1;
    for (; Count > 0; Count -= Piece) {
        RtlpWrite(Formatter, Text, (SIZE_T)(Count < Piece ? Count : Piece));
    }
}

/* Writes a body of CHARs or (Narrow NULL) of WCHARs, padded to the width of its field. */
static VOID RtlpWriteBody(PRTLP_FORMATTER Formatter, const RTLP_FIELD *Field, const CHAR *Narrow,
                          const WCHAR *Wide, SIZE_T Length)
{
    LONG Padding = Length < (SIZE_T)Field->Width ? Field->Width - (LONG)Length : 0;
    if (!Field->Left) {
        RtlpFill(Formatter, ' ', Padding);
    }
    if (Narrow != NULL) {
        RtlpWrite(Formatter, Narrow, Length);
    } else if (Length != 0) {
        Formatter->Sink->WriteWide(Formatter->Sink, Wide, Length);
    }
    if (Field->Left) {
        RtlpFill(Formatter, ' ', Padding);
    }
}

/* ---- integers -------------------------------------------------------------------------------- */

/* The argument as 64 bits, extended from its size as its sign asks. */
static ULONG64 RtlpIntegerArgument(PRTLP_FORMATTER Formatter, RTLP_SIZE Size, BOOLEAN Signed)
{
    ULONG64 Value = RtlpNextArgument(Formatter);
    switch (Size) {
    case SizeByte: return Signed ? (ULONG64)(LONG64)(CHAR)Value : (UCHAR)Value;
    case SizeShort: return Signed ? (ULONG64)(LONG64)(SHORT)Value : (USHORT)Value;
    case SizeQuad: return Value;
    default: return Signed ? (ULONG64)(LONG64)(LONG)Value : (ULONG)Value;
    }
}

static VOID RtlpWriteNumber(PRTLP_FORMATTER Formatter, const RTLP_FIELD *Field, const CHAR *Prefix,
                            const CHAR *Digits, LONG Count)
{
    LONG PrefixLength = (LONG)strlen(Prefix);
    LONG Zeros = Field->Precision > Count ? Field->Precision - Count : 0;
    if (Field->Zero && !Field->Left && Field->Precision == NO_PRECISION) {
        Zeros = Field->Width - PrefixLength - Count;
        Zeros = Zeros > 0 ? Zeros : 0;
    }
    LONG Padding = Field->Width - PrefixLength - Count - Zeros;
    if (!Field->Left) {
        RtlpFill(Formatter, ' ', Padding);
    }
    RtlpWrite(Formatter, Prefix, (SIZE_T)PrefixLength);
    RtlpFill(Formatter, '0', Zeros);
    RtlpWrite(Formatter, Digits, (SIZE_T)Count);
    if (Field->Left) {
        RtlpFill(Formatter, ' ', Padding);
    }
}

/* The digits of Value, written backwards from End; how many there are. */
static LONG RtlpMakeDigits(PCHAR End, ULONG64 Value, ULONG Base, const CHAR *Alphabet)
{
    PCHAR Next = End;
    for (; Value != 0; Value /= Base) {
        *--Next = Alphabet[Value % Base];
    }
    return (LONG)(End - Next);
}

static VOID RtlpFormatUnsigned(PRTLP_FORMATTER Formatter, PRTLP_FIELD Field, ULONG64 Value,
                               const CHAR *Prefix)
{
    CHAR Digits[MAX_DIGITS];
    ULONG c = Field->Conversion;
    ULONG Base = c == 'o' ? 8 : c == 'x' || c == 'X' ? 16 : 10;
    LONG Count = RtlpMakeDigits(Digits + MAX_DIGITS, Value, Base,
                                c == 'X' ? "0123456789ABCDEF" : "0123456789abcdef");
    if (Field->Alternate && Base == 16 && Value != 0) {
        Prefix = c == 'X' ? "0X" : "0x";
    }
    if (Field->Alternate && Base == 8 && Field->Precision <= Count) {
        Field->Precision = Count + 1;
    }
    if (Count == 0 && Field->Precision == NO_PRECISION) {
        Digits[MAX_DIGITS - ++Count] = '0';
    }
    RtlpWriteNumber(Formatter, Field, Prefix, Digits + MAX_DIGITS - Count, Count);
}

static VOID RtlpFormatSigned(PRTLP_FORMATTER Formatter, PRTLP_FIELD Field)
{
    ULONG64 Value = RtlpIntegerArgument(Formatter, Field->Size, TRUE);
    if ((LONG64)Value < 0) {
        RtlpFormatUnsigned(Formatter, Field, 0 - Value, "-");
    } else {
        RtlpFormatUnsigned(Formatter, Field, Value, Field->Plus ? "+" : Field->Blank ? " " : "");
    }
}

/* Sixteen upper-case digits, as NT prints a pointer. */
static VOID RtlpFormatPointer(PRTLP_FORMATTER Formatter, PRTLP_FIELD Field)
{
    Field->Conversion = 'X';
    Field->Precision = 16;
    RtlpFormatUnsigned(Formatter, Field, RtlpNextArgument(Formatter), "");
}

/* ---- characters and strings ------------------------------------------------------------------ */

/*
 * h says narrow, l and w wide; else small letters mean the format's own kind, capitals the other.
 */
static BOOLEAN RtlpIsWideField(const RTLP_FORMATTER *Formatter, const RTLP_FIELD *Field)
{
    if (Field->Size == SizeShort) {
        return FALSE;
    }
    if (Field->Size == SizeLong || Field->Size == SizeWide) {
        return TRUE;
    }
    BOOLEAN Capital = Field->Conversion == 'S' || Field->Conversion == 'C';
    return (Formatter->Wide != NULL) != Capital;
}

static VOID RtlpFormatCharacter(PRTLP_FORMATTER Formatter, const RTLP_FIELD *Field)
{
    ULONG64 Value = RtlpNextArgument(Formatter);
    WCHAR Wide = (WCHAR)Value;
    CHAR Narrow = (CHAR)Value;
    RtlpWriteBody(Formatter, Field, RtlpIsWideField(Formatter, Field) ? NULL : &Narrow, &Wide, 1);
}

static VOID RtlpFormatString(PRTLP_FORMATTER Formatter, const RTLP_FIELD *Field)
{
    const VOID *Text = (const VOID *)RtlpNextArgument(Formatter);
    SIZE_T Limit = Field->Precision == NO_PRECISION ? MAXSIZE_T : (SIZE_T)Field->Precision;
    SIZE_T Length = 0;

    if (Text != NULL && RtlpIsWideField(Formatter, Field)) {
        const WCHAR *Wide = Text;
        while (Length < Limit && Wide[Length] != 0) {
            Length++;
        }
        RtlpWriteBody(Formatter, Field, NULL, Wide, Length);
        return;
    }
    const CHAR *Narrow = Text != NULL ? Text : "(null)";
    while (Length < Limit && Narrow[Length] != '\0') {
        Length++;
    }
    RtlpWriteBody(Formatter, Field, Narrow, NULL, Length);
}

/* ANSI_STRING and UNICODE_STRING have the same layout up to the kind of character. */
static VOID RtlpFormatCounted(PRTLP_FORMATTER Formatter, const RTLP_FIELD *Field)
{
    const STRING *String = (const STRING *)RtlpNextArgument(Formatter);
    BOOLEAN Wide = Field->Size == SizeWide || Field->Size == SizeLong;
    if (String == NULL || String->Buffer == NULL) {
        RtlpWriteBody(Formatter, Field, "(null)", NULL, 6);
        return;
    }
    SIZE_T Length = Wide ? String->Length / sizeof(WCHAR) : String->Length;
    if (Field->Precision != NO_PRECISION && Length > (SIZE_T)Field->Precision) {
        Length = (SIZE_T)Field->Precision;
    }
    RtlpWriteBody(Formatter, Field, Wide ? NULL : String->Buffer, (const WCHAR *)String->Buffer,
                  Length);
}

/* ---- reading the format ---------------------------------------------------------------------- */

/* Flags, up to the first other character; returns how many characters were read. */
static ULONG RtlpReadFlags(const RTLP_FORMATTER *Formatter, ULONG At, PRTLP_FIELD Field)
{
    for (;; At++) {
        switch (RtlpPeek(Formatter, At)) {
        case '-': Field->Left = TRUE; break;
        case '+': Field->Plus = TRUE; break;
        case ' ': Field->Blank = TRUE; break;
        case '#': Field->Alternate = TRUE; break;
        case '0': Field->Zero = TRUE; break;
        default: return At;
        }
    }
}

/* A number or a *; Value is 0 when there is neither. */
static ULONG RtlpReadCount(PRTLP_FORMATTER Formatter, ULONG At, PLONG Value)
{
    if (RtlpPeek(Formatter, At) == '*') {
        *Value = (LONG)RtlpNextArgument(Formatter);
        return At + 1;
    }
    ULONG Sum = 0, Digit;
    for (; (Digit = RtlpPeek(Formatter, At) - '0') < 10; At++) {
        Sum = Sum < 100000 ? Sum * 10 + Digit : Sum;
    }
    *Value = (LONG)Sum;
    return At;
}

static ULONG RtlpReadSize(const RTLP_FORMATTER *Formatter, ULONG At, PRTLP_FIELD Field)
{
    ULONG Next = RtlpPeek(Formatter, At + 1);
    switch (RtlpPeek(Formatter, At)) {
    case 'h': Field->Size = Next == 'h' ? SizeByte : SizeShort; return At + 1 + (Next == 'h');
    case 'l': Field->Size = Next == 'l' ? SizeQuad : SizeLong; return At + 1 + (Next == 'l');
    case 'I':
        Field->Size = SizeQuad;
        if (Next == '6' && RtlpPeek(Formatter, At + 2) == '4') {
            return At + 3;
        }
        if (Next == '3' && RtlpPeek(Formatter, At + 2) == '2') {
            Field->Size = SizeLong;
            return At + 3;
        }
        return At + 1;
    case 'z':
    case 't': Field->Size = SizeQuad; return At + 1;
    case 'w': Field->Size = SizeWide; return At + 1;
    default: return At;
    }
}

/* All of a field but its conversion's work; returns how many characters of format it has. */
static ULONG RtlpReadField(PRTLP_FORMATTER Formatter, PRTLP_FIELD Field)
{
    ULONG At = RtlpReadFlags(Formatter, 1, Field);
    At = RtlpReadCount(Formatter, At, &Field->Width);
    if (Field->Width < 0) {
        Field->Left = TRUE;
        Field->Width = Field->Width == (LONG)0x80000000 ? 0 : -Field->Width;
    }
    Field->Precision = NO_PRECISION;
    if (RtlpPeek(Formatter, At) == '.') {
        At = RtlpReadCount(Formatter, At + 1, &Field->Precision);
        Field->Precision = Field->Precision < 0 ? NO_PRECISION : Field->Precision;
    }
    At = RtlpReadSize(Formatter, At, Field);
    Field->Conversion = RtlpPeek(Formatter, At);
    return Field->Conversion != 0 ? At + 1 : At;
}

/* Whether there is such a conversion, in this size. */
static BOOLEAN RtlpIsConversion(const RTLP_FIELD *Field)
{
    switch (Field->Conversion) {
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X':
    case 'o': return Field->Size != SizeWide;
    case 'p': return Field->Size == SizeDefault;
    case 'c':
    case 'C':
    case 's':
    case 'S':
    case 'Z': return Field->Size != SizeByte && Field->Size != SizeQuad;
    default: return FALSE;
    }
}

static VOID RtlpFormatField(PRTLP_FORMATTER Formatter, PRTLP_FIELD Field)
{
    switch (Field->Conversion) {
    case 'd':
    case 'i': RtlpFormatSigned(Formatter, Field); break;
    case 'p': RtlpFormatPointer(Formatter, Field); break;
    case 'c':
    case 'C': RtlpFormatCharacter(Formatter, Field); break;
    case 's':
    case 'S': RtlpFormatString(Formatter, Field); break;
    case 'Z': RtlpFormatCounted(Formatter, Field); break;
    default:
        RtlpFormatUnsigned(Formatter, Field, RtlpIntegerArgument(Formatter, Field->Size, FALSE),
                           "");
    }
}

/* Writes Count characters of the format as they stand and moves behind them. */
static VOID RtlpWriteLiteral(PRTLP_FORMATTER Formatter, ULONG Count)
{
    if (Formatter->Wide == NULL) {
        RtlpWrite(Formatter, Formatter->Narrow, Count);
    } else if (Count != 0) {
        Formatter->Sink->WriteWide(Formatter->Sink, Formatter->Wide, Count);
    }
    RtlpSkip(Formatter, Count);
}

/* The next of the format, which begins with a percent sign. */
static VOID RtlpFormatNext(PRTLP_FORMATTER Formatter)
{
    if (RtlpPeek(Formatter, 1) == '%') {
        RtlpSkip(Formatter, 1);
        RtlpWriteLiteral(Formatter, 1);
        return;
    }
    RTLP_FIELD Field = {0};
    ULONG Length = RtlpReadField(Formatter, &Field);
    if (RtlpIsConversion(&Field)) {
        RtlpSkip(Formatter, Length);
        RtlpFormatField(Formatter, &Field);
    } else {
        RtlpWriteLiteral(Formatter, Length);
    }
}

static VOID RtlpRunFormatter(PRTLP_FORMATTER Formatter)
{
    for (;;) {
        ULONG Literal = 0, Character;
        while ((Character = RtlpPeek(Formatter, Literal)) != 0 && Character != '%') {
            Literal++;
        }
        RtlpWriteLiteral(Formatter, Literal);
        if (Character == 0) {
            return;
        }
        RtlpFormatNext(Formatter);
    }
}

VOID RtlpFormat(PRTLP_SINK Sink, const CHAR *Text, __builtin_ms_va_list Arguments)
{
    RTLP_FORMATTER Formatter = {Sink, Text, NULL, (ULONG64 *)Arguments};
    RtlpRunFormatter(&Formatter);
}

VOID RtlpFormatWide(PRTLP_SINK Sink, const WCHAR *Text, __builtin_ms_va_list Arguments)
{
    RTLP_FORMATTER Formatter = {Sink, NULL, Text, (ULONG64 *)Arguments};
    RtlpRunFormatter(&Formatter);
}
