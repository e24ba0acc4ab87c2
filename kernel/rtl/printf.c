/*
 * printf.c - the C library's printing into buffers, for the kernel and for drivers.
 */
#include "kernel/rtl/rtl.h"
#include "kernel/rtl/section.h"

/* What does not fit is counted, not written. */
typedef struct _RTLP_NARROW_BUFFER {
    RTLP_SINK Sink;
    PCHAR Buffer;
    SIZE_T Size;
    SIZE_T Length;
} RTLP_NARROW_BUFFER;

typedef struct _RTLP_WIDE_BUFFER {
    RTLP_SINK Sink;
    PWSTR Buffer;
    SIZE_T Size;
    SIZE_T Length;
} RTLP_WIDE_BUFFER;

static VOID RtlpWriteNarrowBuffer(PRTLP_SINK Sink, const CHAR *Text, SIZE_T Length)
{
    RTLP_NARROW_BUFFER *Target = CONTAINING_RECORD(Sink, RTLP_NARROW_BUFFER, Sink);
    SIZE_T Room = Target->Length < Target->Size ? Target->Size - Target->Length : 0;
    memcpy(Target->Buffer + Target->Length, Text, Length < Room ? Length : Room);
    Target->Length += Length;
}

static VOID RtlpPutWide(PRTLP_SINK Sink, WCHAR Character)
{
    RTLP_WIDE_BUFFER *Target = CONTAINING_RECORD(Sink, RTLP_WIDE_BUFFER, Sink);
    if (Target->Length < Target->Size) {
        Target->Buffer[Target->Length] = Character;
    }
    Target->Length++;
}

/* CHARs become the WCHARs of the same number, as in Latin-1. */
static VOID RtlpWriteNarrowToWide(PRTLP_SINK Sink, const CHAR *Text, SIZE_T Length)
{
    for (SIZE_T i = 0; i < Length; i++) {
        RtlpPutWide(Sink, (UCHAR)Text[i]);
    }
}

static VOID RtlpWriteWideBuffer(PRTLP_SINK Sink, const WCHAR *Text, SIZE_T Length)
{
    for (SIZE_T i = 0; i < Length; i++) {
        RtlpPutWide(Sink, Text[i]);
    }
}

INT NTAPI _vsnprintf(PCHAR Buffer, size_t Count, PCSTR Text, __builtin_ms_va_list Arguments)
{
    RTLP_NARROW_BUFFER Target = {{RtlpWriteNarrowBuffer, RtlpWriteUtf8}, Buffer, Count, 0};
    RtlpFormat(&Target.Sink, Text, Arguments);
    if (Target.Length < Count) {
        Buffer[Target.Length] = '\0';
    }
    return Target.Length <= Count ? (INT)Target.Length : -1;
}
EXPORT(_vsnprintf);

INT NTAPI _snprintf(PCHAR Buffer, size_t Count, PCSTR Format, ...)
{
    __builtin_ms_va_list Arguments;
    __builtin_ms_va_start(Arguments, Format);
    INT Length = _vsnprintf(Buffer, Count, Format, Arguments);
    __builtin_ms_va_end(Arguments);
    return Length;
}
EXPORT(_snprintf);

INT NTAPI _vsnwprintf(PWSTR Buffer, size_t Count, PCWSTR Pattern, __builtin_ms_va_list Arguments)
{
    RTLP_WIDE_BUFFER Target = {{RtlpWriteNarrowToWide, RtlpWriteWideBuffer}, Buffer, Count, 0};
    RtlpFormatWide(&Target.Sink, Pattern, Arguments);
    if (Target.Length < Count) {
        Buffer[Target.Length] = 0;
    }
    return Target.Length <= Count ? (INT)Target.Length : -1;
}
EXPORT(_vsnwprintf);

INT NTAPI _snwprintf(PWSTR Buffer, size_t Count, PCWSTR Pattern, ...)
{
    __builtin_ms_va_list Arguments;
    __builtin_ms_va_start(Arguments, Pattern);
    INT Length = _vsnwprintf(Buffer, Count, Pattern, Arguments);
    __builtin_ms_va_end(Arguments);
    return Length;
}
EXPORT(_snwprintf);
