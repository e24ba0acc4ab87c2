/*
 * log.c - DbgPrint: the kernel's and the drivers' lines on the serial console.
 *
 * Theory. Text is formatted on the caller's stack, where a bad pointer may fault without harm, and
 * then added to a line that this processor gathers; only whole lines go out, each behind "# ", so
 * that nothing a driver prints can look like a test result. The monitor's dialogue and a bug
 * check's report are not gathered but written at once.
 *
 *   LOG-1  While tests run, what is on the console between two line ends is one line of one
 *          processor.
 *   LOG-2  Printing works at any IRQL, takes no memory, and waits for nothing but the console.
 *   LOG-3  A bug check takes the log over: what was gathered goes out first, no lock or filter
 *          holds it up.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/rtl.h"
#include "kernel/rtl/section.h"

BOOT_OPTION(Quiet, "quiet", "quiet  print errors, test results and bug checks only");
BOOT_OPTION(LogLevel, "loglevel", "loglevel=0..4  print errors, warnings, trace, information, all");

#define COMMENT       "# "
#define LINES         16 /* processors share them beyond that */
#define LEVEL_ERRORS  1
#define LEVEL_DEFAULT 2 /* errors, warnings, trace */
#define LEVEL_ALL     4
#define MASK_LEVELS   32

typedef struct _RTLP_LOG {
    volatile ULONG Lock;
    RTLP_PRINT_MODE Mode;
    BOOLEAN Started; /* gs: points at the KPCR */
    BOOLEAN Quiet;
    BOOLEAN BugCheck;
    BOOLEAN MidLine; /* what was written at once did not end its line */
    ULONG LevelMask;
    RTLP_LINE Lines[LINES];
} RTLP_LOG;

static RTLP_LOG RtlpLog = {.LevelMask = (2U << LEVEL_DEFAULT) - 1};

static VOID RtlpWriteConsole(PRTLP_SINK Sink, const CHAR *Text, SIZE_T Length)
{
    UNREFERENCED_PARAMETER(Sink);
    HalpConsoleWrite(Text, Length);
}

static RTLP_SINK RtlpConsole = {RtlpWriteConsole, RtlpWriteUtf8};

/* Interrupts are off meanwhile: whoever interrupts may print, too. */
static ULONG64 RtlpLockLog(VOID)
{
    ULONG64 Flags = KiDisableInterrupts();
    while (__atomic_exchange_n(&RtlpLog.Lock, 1, __ATOMIC_ACQUIRE) != 0) {
        YieldProcessor();
    }
    return Flags;
}

static VOID RtlpUnlockLog(ULONG64 Flags)
{
    __atomic_store_n(&RtlpLog.Lock, 0, __ATOMIC_RELEASE);
    KiRestoreInterrupts(Flags);
}

/* ---- lines ----------------------------------------------------------------------------------- */

VOID RtlpFlushLine(PRTLP_LINE Line, PRTLP_SINK Sink, const CHAR *Prefix)
{
    if (Line->Length != 0) {
        Sink->Write(Sink, Prefix, strlen(Prefix));
        Sink->Write(Sink, Line->Text, Line->Length);
        Sink->Write(Sink, "\n", 1);
        Line->Length = 0;
    }
}

VOID RtlpAddToLine(PRTLP_LINE Line, PRTLP_SINK Sink, const CHAR *Prefix, const CHAR *Text,
                   SIZE_T Length)
{
    for (SIZE_T i = 0; i < Length; i++) {
        if (Text[i] == '\n' && Line->Length == 0) {
            Sink->Write(Sink, Prefix, strlen(Prefix));
            Sink->Write(Sink, "\n", 1);
        } else if (Text[i] == '\n' || Line->Length == RTLP_LINE_SIZE) {
            RtlpFlushLine(Line, Sink, Prefix);
        }
        if (Text[i] != '\n') {
            Line->Text[Line->Length++] = Text[i];
        }
    }
}

/* Writes at once; the prefix stands only at the beginning of a line. */
static VOID RtlpWriteAtOnce(const CHAR *Prefix, const CHAR *Text, SIZE_T Length)
{
    SIZE_T Start = 0;
    for (SIZE_T i = 0; i < Length; i++) {
        if (!RtlpLog.MidLine) {
            HalpConsoleWrite(Prefix, strlen(Prefix));
            RtlpLog.MidLine = TRUE;
        }
        if (Text[i] == '\n' || i + 1 == Length) {
            HalpConsoleWrite(Text + Start, i + 1 - Start);
            Start = i + 1;
            RtlpLog.MidLine = Text[i] != '\n';
        }
    }
}

static PRTLP_LINE RtlpMyLine(VOID)
{
    return &RtlpLog.Lines[RtlpLog.Started ? KeGetCurrentProcessorNumber() % LINES : 0];
}

/* ---- filter and modes ------------------------------------------------------------------------ */

/* Nobody who talks to a person, or stops the machine, is to be silenced. */
static BOOLEAN RtlpIsUnfiltered(VOID)
{
    return RtlpLog.BugCheck || RtlpLog.Mode == RtlpPrintDialogue;
}

BOOLEAN RtlpIsPrinted(ULONG Level)
{
    ULONG Mask = Level < MASK_LEVELS ? 1U << Level : Level;
    return RtlpIsUnfiltered() || (Mask & (RtlpLog.Quiet ? LEVEL_ERRORS : RtlpLog.LevelMask)) != 0;
}

RTLP_PRINT_MODE RtlpSetPrintMode(RTLP_PRINT_MODE Mode)
{
    ULONG64 Flags = RtlpLockLog();
    RTLP_PRINT_MODE Before = RtlpLog.Mode;
    RtlpFlushLine(RtlpMyLine(), &RtlpConsole, COMMENT);
    RtlpLog.Mode = Mode;
    RtlpUnlockLog(Flags);
    return Before;
}

/* The other processors may hold the lock for ever: they are stopped. */
static VOID RtlpTakeLogOver(VOID)
{
    RtlpLog.BugCheck = TRUE;
    RtlpLog.Lock = 0;
    if (RtlpLog.MidLine) {
        RtlpWriteAtOnce("", "\n", 1);
    }
    for (ULONG i = 0; i < LINES; i++) {
        RtlpFlushLine(&RtlpLog.Lines[i], &RtlpConsole, COMMENT);
    }
}

INIT VOID RtlpInitializeLog(VOID)
{
    const CHAR *Text = KiGetBootOption("loglevel");
    ULONG64 Level = LEVEL_DEFAULT;
    if (Text != NULL && (!RtlpParseNumber(&Text, 10, &Level) || *Text != '\0')) {
        DbgPrint("loglevel=%s is no number; %u is used\n", Text, LEVEL_DEFAULT);
        Level = LEVEL_DEFAULT;
    }
    RtlpLog.LevelMask = Level >= LEVEL_ALL ? MAXULONG : (2U << Level) - 1;
    RtlpLog.Quiet = KiGetBootOption("quiet") != NULL;
    RtlpLog.Started = TRUE;
    KiBugCheckOutputHook = RtlpTakeLogOver;
}

/* ---- printing -------------------------------------------------------------------------------- */

/* Too long a text is cut and ends its line. */
static SIZE_T RtlpFormatText(CHAR Buffer[RTLP_LINE_SIZE], PCSTR Text,
                             __builtin_ms_va_list Arguments)
{
    INT Length = _vsnprintf(Buffer, RTLP_LINE_SIZE, Text, Arguments);
    if (Length < 0) {
        Buffer[RTLP_LINE_SIZE - 1] = '\n';
        return RTLP_LINE_SIZE;
    }
    return (SIZE_T)Length;
}

static ULONG RtlpPrint(BOOLEAN Wanted, PCSTR Text, __builtin_ms_va_list Arguments)
{
    CHAR Buffer[RTLP_LINE_SIZE];
    if (!Wanted) {
        return STATUS_SUCCESS;
    }
    SIZE_T Length = RtlpFormatText(Buffer, Text, Arguments);
    ULONG64 Flags = RtlpLockLog();
    if (RtlpLog.BugCheck) {
        RtlpWriteAtOnce(COMMENT, Buffer, Length);
    } else if (RtlpLog.Mode == RtlpPrintDialogue) {
        RtlpWriteAtOnce("", Buffer, Length);
    } else {
        RtlpAddToLine(RtlpMyLine(), &RtlpConsole, COMMENT, Buffer, Length);
    }
    RtlpUnlockLog(Flags);
    return STATUS_SUCCESS;
}

VOID NTAPI RtlpPrintRaw(PCSTR Format, ...)
{
    CHAR Buffer[RTLP_LINE_SIZE];
    __builtin_ms_va_list Arguments;
    __builtin_ms_va_start(Arguments, Format);
    SIZE_T Length = RtlpFormatText(Buffer, Format, Arguments);
    __builtin_ms_va_end(Arguments);
    ULONG64 Flags = RtlpLockLog();
    RtlpFlushLine(RtlpMyLine(), &RtlpConsole, COMMENT);
    HalpConsoleWrite(Buffer, Length);
    RtlpUnlockLog(Flags);
}

ULONG NTAPI vDbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Text, __builtin_ms_va_list Arguments)
{
    UNREFERENCED_PARAMETER(ComponentId);
    return RtlpPrint(RtlpIsPrinted(Level), Text, Arguments);
}
EXPORT(vDbgPrintEx);

ULONG NTAPI DbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, ...)
{
    __builtin_ms_va_list Arguments;
    __builtin_ms_va_start(Arguments, Format);
    ULONG Status = vDbgPrintEx(ComponentId, Level, Format, Arguments);
    __builtin_ms_va_end(Arguments);
    return Status;
}
EXPORT(DbgPrintEx);

ULONG NTAPI DbgPrint(PCSTR Format, ...)
{
    __builtin_ms_va_list Arguments;
    __builtin_ms_va_start(Arguments, Format);
    ULONG Status = RtlpPrint(!RtlpLog.Quiet || RtlpIsUnfiltered(), Format, Arguments);
    __builtin_ms_va_end(Arguments);
    return Status;
}
EXPORT(DbgPrint);
