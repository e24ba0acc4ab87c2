/*
 * rtl.h - the private interface of the run-time library: the formatter, the log's modes, globs and
 * the numbers that people type. What drivers may call is declared in include/ (wdm_rtl.h,
 * wdm_string.h, wdm_dbg.h). Nothing here allocates; everything runs at any IRQL.
 */
#pragma once

#include <wdm.h>

/* ---- memory ---------------------------------------------------------------------------------- */

/* Stores Word Count times from To on; Count is not 0. */
VOID RtlpFillWords(PVOID To, ULONG64 Word, SIZE_T Count);

/* ---- the formatter --------------------------------------------------------------------------- */

/* Takes formatted text piece by piece, in CHARs or WCHARs; Text has no terminator. */
typedef struct _RTLP_SINK {
    VOID (*Write)(struct _RTLP_SINK *Sink, const CHAR *Text, SIZE_T Length);
    VOID (*WriteWide)(struct _RTLP_SINK *Sink, const WCHAR *Text, SIZE_T Length);
} RTLP_SINK, *PRTLP_SINK;

/* Formats into the sink, from a format of CHARs or WCHARs. The formats: wdm_dbg.h. */
VOID RtlpFormat(PRTLP_SINK Sink, const CHAR *Text, __builtin_ms_va_list Arguments);
VOID RtlpFormatWide(PRTLP_SINK Sink, const WCHAR *Text, __builtin_ms_va_list Arguments);

/* The WriteWide of sinks that take CHARs: UTF-8 to the sink's Write. */
VOID RtlpWriteUtf8(PRTLP_SINK Sink, const WCHAR *Text, SIZE_T Length);

/* ---- the log --------------------------------------------------------------------------------- */

/*
 * How the lines of DbgPrint begin: with "# ", so that they are comments between TAP lines, or with
 * nothing while the monitor talks to a person. A dialogue is neither silenced nor held back until
 * its line is whole.
 */
typedef enum _RTLP_PRINT_MODE { RtlpPrintComments, RtlpPrintDialogue } RTLP_PRINT_MODE;

/*
 * Reads `quiet` and `loglevel=`; from here on each processor gathers lines of its own. Boot only.
 */
VOID RtlpInitializeLog(VOID);
/* Returns the mode before. Any IRQL. */
RTLP_PRINT_MODE RtlpSetPrintMode(RTLP_PRINT_MODE Mode);
/* Whether DbgPrintEx prints a level: 0 to 31, or a mask of levels. */
BOOLEAN RtlpIsPrinted(ULONG Level);

/* Prints without prefix, filter or waiting for the line: TAP, and what comes before the log. */
VOID NTAPI RtlpPrintRaw(PCSTR Format, ...);

/* Text gathered until its line is whole. */
#define RTLP_LINE_SIZE 512
typedef struct _RTLP_LINE {
    SIZE_T Length;
    CHAR Text[RTLP_LINE_SIZE];
} RTLP_LINE, *PRTLP_LINE;

/* Adds text; each line that becomes whole, or too long, goes to the sink behind the prefix. */
VOID RtlpAddToLine(PRTLP_LINE Line, PRTLP_SINK Sink, const CHAR *Prefix, const CHAR *Text,
                   SIZE_T Length);
/* Ends what is gathered, if anything is, and sends it. */
VOID RtlpFlushLine(PRTLP_LINE Line, PRTLP_SINK Sink, const CHAR *Prefix);

/* ---- globs and numbers ----------------------------------------------------------------------- */

/* TRUE when all of Name matches Pattern: `*` any text, also `/`; `?` any one character. */
BOOLEAN RtlpMatchGlob(const CHAR *Pattern, const CHAR *Name);

/* The value of a digit in any base up to 16; 255 for another character. */
ULONG RtlpDigitValue(ULONG Character);

/*
 * Reads a number as people type it at a debugger: hexadecimal behind 0x or with a ` among its
 * digits, decimal behind 0n, else in Base (10 or 16). *Text moves behind it and the blanks that
 * follow. FALSE, with *Text where it was, when there is no number, more than 64 bits, or letters
 * right behind the digits.
 */
BOOLEAN RtlpParseNumber(const CHAR **Text, ULONG Base, PULONG64 Value);
