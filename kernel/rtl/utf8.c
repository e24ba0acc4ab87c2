/*
 * utf8.c - UTF-16 text as UTF-8, which is what the serial line and narrow buffers hold.
 */
#include "kernel/rtl/rtl.h"

#define REPLACEMENT 0xFFFD /* for half of a surrogate pair */

/* The code point at Text, of which Length characters are left; *Used is 1 or 2. */
static ULONG RtlpNextCodePoint(const WCHAR *Text, SIZE_T Length, PULONG Used)
{
    ULONG High = Text[0], Low = Length > 1 ? Text[1] : 0;
    *Used = 1;
    if ((High & 0xF800) != 0xD800) {
        return High;
    }
    if ((High & 0xFC00) != 0xD800 || (Low & 0xFC00) != 0xDC00) {
        return REPLACEMENT;
    }
    *Used = 2;
    return 0x10000 + ((High & 0x3FF) << 10) + (Low & 0x3FF);
}

static ULONG RtlpEncode(ULONG Point, CHAR Bytes[4])
{
    if (Point < 0x80) {
        Bytes[0] = (CHAR)Point;
        return 1;
    }
    ULONG Length = Point < 0x800 ? 2 : Point < 0x10000 ? 3 : 4;
    for (ULONG i = Length - 1; i > 0; i--) {
        Bytes[i] = (CHAR)(0x80 | (Point & 0x3F));
        Point >>= 6;
    }
    Bytes[0] = (CHAR)((0xF00 >> Length) | Point);
    return Length;
}

VOID RtlpWriteUtf8(PRTLP_SINK Sink, const WCHAR *Text, SIZE_T Length)
{
    while (Length != 0) {
        CHAR Bytes[4];
        ULONG Used;
        ULONG Point = RtlpNextCodePoint(Text, Length, &Used);
        Sink->Write(Sink, Bytes, RtlpEncode(Point, Bytes));
        Text += Used;
        Length -= Used;
    }
}
