/*
 * rtl.h - the private interface of the run-time library: the formatter, the log's modes, globs and
 * the numbers that people type. What drivers may call is declared in include/ (wdm_rtl.h,
 * wdm_string.h, wdm_dbg.h). Nothing here allocates; everything runs at any IRQL.
 */
#pragma once

#include <wdm.h>

/* ---- the formatter --------------------------------------------------------------------------- */

/* Takes the formatted text piece by piece; Text has no terminator. */
typedef struct _RTLP_SINK {
    VOID (*Write)(struct _RTLP_SINK *Sink, const CHAR *Text, SIZE_T Length);
} RTLP_SINK, *PRTLP_SINK;

/* Formats into the sink; the number of characters. The formats: wdm_dbg.h. */
SIZE_T RtlpFormat(PRTLP_SINK Sink, const CHAR *Text, __builtin_ms_va_list Arguments);

/* ---- the log --------------------------------------------------------------------------------- */

/*
 * How lines of DbgPrint begin: with "# ", so that they are comments between TAP lines, or with
 * nothing while the monitor talks to a person, whose output is also not silenced by `quiet` and not
 * held back until the line is whole.
 */
typedef enum _RTLP_PRINT_MODE { RtlpPrintComments, RtlpPrintDialogue } RTLP_PRINT_MODE;
VOID RtlpSetPrintMode(RTLP_PRINT_MODE Mode);
RTLP_PRINT_MODE RtlpGetPrintMode(VOID);

/* `quiet` and `loglevel=` of the command line: only errors, and the highest level that is printed. */
VOID RtlpSetPrintFilter(BOOLEAN Quiet, ULONG Level);

/* Prints without prefix, filter or waiting for the line: TAP, and errors before the log is set up. */
VOID NTAPI RtlpPrintRaw(PCSTR Format, ...);

/* ---- globs and numbers ----------------------------------------------------------------------- */

/* TRUE when all of Name matches Pattern: `*` any text, also `/`; `?` any one character. */
BOOLEAN RtlpMatchGlob(const CHAR *Pattern, const CHAR *Name);

/*
 * Reads a number as people type it at a debugger: hexadecimal with 0x or with ` between its halves,
 * else as Base says (10 or 16). *Text moves behind it and following blanks. FALSE, with *Text where
 * it was, when there is no number, more than 64 bits, or letters behind the digits.
 */
BOOLEAN RtlpParseNumber(const CHAR **Text, ULONG Base, PULONG64 Value);
