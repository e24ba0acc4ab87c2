/*
 * log.c - tests of kernel/rtl/log.c: how text becomes lines, what is filtered, printing at any
 * IRQL.
 *
 * What reaches the console is read by the host: its parser refuses a line that is neither a comment
 * nor TAP, so the last tests here print what would break a log if it got through.
 */
#include "kernel/ke/ke.h"
#include "tests/rtl/text_check.h"

#define EFLAGS_IF 0x200

/* Collects what a line sends. */
static CHAR Sent[2048];
static SIZE_T SentLength;
static RTLP_LINE Line;

static VOID Collect(PRTLP_SINK Sink, const CHAR *Text, SIZE_T Length)
{
    UNREFERENCED_PARAMETER(Sink);
    if (SentLength + Length < sizeof(Sent)) {
        memcpy(Sent + SentLength, Text, Length);
        SentLength += Length;
        Sent[SentLength] = '\0';
    }
}

static RTLP_SINK Collector = {Collect, RtlpWriteUtf8};

static VOID Begin(VOID)
{
    Line.Length = SentLength = 0;
    Sent[0] = '\0';
}

static VOID Add(const CHAR *Text)
{
    RtlpAddToLine(&Line, &Collector, "# ", Text, strlen(Text));
}

TEST(LogWhole, "rtl/log/whole-lines-get-the-prefix", "LOG-1 one line of one processor")
{
    Begin();
    Add("one\ntwo\n");
    CHECK_TEXT(Sent, "# one\n# two\n");
    Add("\n\nthree\n");
    CHECK_TEXT(Sent, "# one\n# two\n# \n# \n# three\n");
}

TEST(LogPartial, "rtl/log/parts-wait-for-their-line", "LOG-1 one line of one processor")
{
    Begin();
    Add("a");
    Add("b");
    CHECK_TEXT(Sent, "");
    Add("c\nd");
    CHECK_TEXT(Sent, "# abc\n");
    Add("\n");
    CHECK_TEXT(Sent, "# abc\n# d\n");
}

TEST(LogFlush, "rtl/log/flush-ends-what-is-there", "LOG-3 what was gathered goes out first")
{
    Begin();
    RtlpFlushLine(&Line, &Collector, "# ");
    CHECK_TEXT(Sent, "");
    Add("part");
    RtlpFlushLine(&Line, &Collector, "# ");
    RtlpFlushLine(&Line, &Collector, "# ");
    CHECK_TEXT(Sent, "# part\n");
}

TEST(LogLong, "rtl/log/too-long-a-line-is-broken", "LOG-1 one line of one processor")
{
    CHAR Text[RTLP_LINE_SIZE + 4];
    memset(Text, 'x', sizeof(Text));
    Text[RTLP_LINE_SIZE + 2] = '\n';
    Begin();
    RtlpAddToLine(&Line, &Collector, "# ", Text, RTLP_LINE_SIZE + 3);
    REQUIRE_EQ(SentLength, RTLP_LINE_SIZE + 3 + 2 + 3);
    CHECK_EQ(Sent[RTLP_LINE_SIZE + 1], 'x');
    CHECK_TEXT(Sent + RTLP_LINE_SIZE + 2, "\n# xx\n");
    Begin();
    RtlpAddToLine(&Line, &Collector, "# ", Text, RTLP_LINE_SIZE);
    Add("\n"); /* a line that is just full stays one line */
    CHECK_EQ(SentLength, RTLP_LINE_SIZE + 3);
}

TEST(LogLevels, "rtl/log/levels-pass-the-filter", "DDI wdm DbgPrintEx")
{
    if (KiGetBootOption("loglevel") != NULL || KiGetBootOption("quiet") != NULL) {
        SKIP("the command line sets a filter");
    }
    CHECK(RtlpIsPrinted(DPFLTR_ERROR_LEVEL));
    CHECK(RtlpIsPrinted(DPFLTR_TRACE_LEVEL));
    CHECK(!RtlpIsPrinted(DPFLTR_INFO_LEVEL));
    CHECK(!RtlpIsPrinted(31));
    CHECK(!RtlpIsPrinted(0x80000000)); /* a mask */
    CHECK(RtlpIsPrinted(0x80000004));
    DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_INFO_LEVEL, "not ok 1 - the filter let this through\n");
}

TEST(LogModes, "rtl/log/a-dialogue-is-not-filtered", "")
{
    CHECK_EQ(RtlpSetPrintMode(RtlpPrintDialogue), RtlpPrintComments);
    BOOLEAN Printed = RtlpIsPrinted(DPFLTR_INFO_LEVEL);
    CHECK_EQ(RtlpSetPrintMode(RtlpPrintComments), RtlpPrintDialogue);
    CHECK(Printed);
}

TEST(LogForged, "rtl/log/driver-text-cannot-look-like-tap", "LOG-1")
{
    CHECK_STATUS(DbgPrint("not ok 1 - forged\nBail out!\n1..0\n"), STATUS_SUCCESS);
    DbgPrint("not ");
    DbgPrint("ok 2 - forged in parts");
    DbgPrint("\n");
}

static VOID NTAPI PrintingDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    *(PULONG)Context = DbgPrint("from a DPC\n") + 1;
}

TEST(LogAnyIrql, "rtl/log/prints-at-any-irql", "LOG-2 printing works at any IRQL")
{
    ULONG Printed = 0;
    KDPC Dpc;
    KIRQL Old;
    KeInitializeDpc(&Dpc, PrintingDpc, &Printed);
    KeRaiseIrql(HIGH_LEVEL, &Old);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    CHECK_STATUS(DbgPrint("at HIGH_LEVEL\n"), STATUS_SUCCESS);
    KeLowerIrql(Old);
    CHECK_EQ(Printed, 1);
    ULONG64 Flags = KiDisableInterrupts();
    DbgPrint("with interrupts off\n");
    ULONG64 FlagsBehind = KiDisableInterrupts();
    KiRestoreInterrupts(Flags);
    CHECK_EQ(FlagsBehind & EFLAGS_IF, 0);
}

CRASH_TEST(CrashBadString, "rtl/print-a-bad-string", "0x1E 0xFFFFFFFFC0000005 not0 0x0 *",
           "wdm_dbg.h: a pointer argument that cannot be read faults as on NT")
{
    DbgPrint("%s\n", (PCSTR)0x8000000000000000);
}

CRASH_TEST(CrashAssert, "rtl/failed-assertion-breaks", "0x1E 0xFFFFFFFF80000003 not0 0x0 0x0",
           "DDI ntddk RtlAssert")
{
    ASSERT(CrashTable[0].Routine == NULL);
}

/* The host finds the announced value only if the line that did not end was sent. */
CRASH_TEST(CrashGathered, "rtl/bug-check-sends-what-was-gathered", "0xE2 $gathered 0x0 0x0 0x0",
           "LOG-3 what was gathered goes out first")
{
    DbgPrint("value gathered 0x%016I64X", 0x1234567ULL);
    KeBugCheckEx(MANUALLY_INITIATED_CRASH, 0x1234567, 0, 0, 0);
}

/* The same for a text that is cut: what is printed next must begin a line of its own. */
CRASH_TEST(CrashCut, "rtl/too-long-a-text-ends-its-line", "0xE2 $cut 0x0 0x0 0x0",
           "LOG-1 one line of one processor")
{
    CHAR Text[600];
    memset(Text, 'y', sizeof(Text) - 1);
    Text[sizeof(Text) - 1] = '\0';
    DbgPrint("in parts, ");
    DbgPrint("cut after 512: %s\n", Text);
    TestAnnounce("cut", 0x7654321);
    KeBugCheckEx(MANUALLY_INITIATED_CRASH, 0x7654321, 0, 0, 0);
}
