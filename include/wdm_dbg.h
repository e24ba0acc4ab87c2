/*
 * wdm_dbg.h - printing to the log and into buffers. Part of wdm.h.
 *
 * The formats are NT's: %c %C %s %S %ws %ls %hs %wZ %Z %d %i %u %x %X %o %p %%, flags - + blank 0
 * #, width, precision, `*`, sizes hh h (none) l I32: 8, 16, 32, 32, 32 bits; ll I64 64; I z t a
 * pointer's. NULL strings print (null). There is no floating point and no %n. A pointer argument
 * that cannot be read faults as on NT.
 */
#pragma once

#include <ntdef.h>

/* ---- the log --------------------------------------------------------------------------------- */

/* Components: drivers use the first. DDI wdm DbgPrintEx. */
#define DPFLTR_IHVDRIVER_ID 77
#define DPFLTR_DEFAULT_ID   101

/* Levels; the start-up word loglevel=N prints those up to N (2 without it). */
#define DPFLTR_ERROR_LEVEL   0
#define DPFLTR_WARNING_LEVEL 1
#define DPFLTR_TRACE_LEVEL   2
#define DPFLTR_INFO_LEVEL    3

/*
 * Prints to the serial console, a whole line at a time; text without a line end waits for the rest
 * of its line. Any IRQL, no allocation; a line is cut at 512 bytes. `quiet` on the command line
 * silences it (not tests, not bug checks). STATUS_SUCCESS. DDI wdm DbgPrint.
 */
ULONG NTAPI DbgPrint(PCSTR Format, ...);

/*
 * The same if Level (0 to 31, or a mask above) passes the filter; level 0 also when quiet. DDI wdm
 * DbgPrintEx.
 */
ULONG NTAPI DbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, ...);
ULONG NTAPI vDbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Text, __builtin_ms_va_list Arguments);

#define KdPrint(Arguments)   DbgPrint Arguments
#define KdPrintEx(Arguments) DbgPrintEx Arguments

/*
 * Stops at an attached debugger; without one, bug check 0x1E (STATUS_BREAKPOINT). Any IRQL. DDI
 * wdm.
 */
VOID NTAPI DbgBreakPoint(VOID);

/* Prints what was expected where, then DbgBreakPoint. Any IRQL. DDI ntddk RtlAssert. */
VOID NTAPI RtlAssert(PVOID FailedAssertion, PVOID FileName, ULONG LineNumber, PSTR Message);
#define ASSERT(Condition)                                                                          \
    ((Condition) ? (VOID)0 : RtlAssert((PVOID) #Condition, (PVOID)__FILE__, __LINE__, NULL))

/* ---- into buffers ---------------------------------------------------------------------------- */

/*
 * The C library's: at most Count characters; the number written, or -1 when they did not fit. A NUL
 * is added only if there is room for it. Any IRQL.
 */
INT NTAPI _snprintf(PCHAR Buffer, size_t Count, PCSTR Format, ...);
INT NTAPI _vsnprintf(PCHAR Buffer, size_t Count, PCSTR Text, __builtin_ms_va_list Arguments);
INT NTAPI _snwprintf(PWSTR Buffer, size_t Count, PCWSTR Pattern, ...);
INT NTAPI _vsnwprintf(PWSTR Buffer, size_t Count, PCWSTR Pattern, __builtin_ms_va_list Arguments);
