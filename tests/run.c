/*
 * run.c - runs the in-kernel tests and prints TAP, for the command line and the monitor.
 *
 * One top-level point a test; failed assertions are comment lines before it. The plan comes first,
 * so that a run that is cut off can never look complete; Ctrl-C cuts one off between two tests.
 * Outcomes are counted here; crash and time-out are for the host to see.
 */
#include "executive/ps/ps.h"
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/rtl.h"
#include "mm/paging.h"
#include "tests/fail_nth.h"
#include "tests/test.h"

BOOT_OPTION(Test, "test", "test=GLOB[,GLOB]  run these tests and leave with a verdict");
BOOT_OPTION(Crash, "crash", "crash=NAME  run one crash test, which must bug check");
BOOT_OPTION(Bench, "bench", "bench=GLOB  measure and leave");

#define GLOB_SIZE BOOT_COMMAND_LINE_SIZE /* no list is longer: the monitor's lines are shorter */

static struct {
    ULONG Failures; /* of the running test */
    BOOLEAN Muted;  /* what it finds does not count */
    PVOID *Way;     /* out of the body that TestCall runs; NULL: none */
    const CHAR *SkipReason;
    const BENCH_ENTRY *Bench;
} TestState;

/* Whether the current code runs in the body, on its thread's own stack. */
static BOOLEAN TestCanLeave(VOID)
{
    ULONG_PTR Here = (ULONG_PTR)__builtin_frame_address(0), Way = (ULONG_PTR)TestState.Way;
    return TestState.Muted && Way > Here && Way - Here < KERNEL_STACK_PAGES * PAGE_SIZE;
}

BOOLEAN TestCompare(ULONG64 Actual, TEST_RELATION Relation, ULONG64 Expected, const CHAR *Text,
                    const CHAR *File, ULONG Line)
{
    static const CHAR *const Words[] = {"==", "!=", "<", "<=", ">", ">="};
    BOOLEAN Holds[] = {Actual == Expected, Actual != Expected,
                       Actual<Expected, Actual <= Expected, Actual> Expected, Actual >= Expected};
    if (!Holds[Relation] && !TestState.Muted) {
        TestState.Failures++;
        DbgPrint("%s:%u: %s: 0x%I64x should be %s 0x%I64x\n", File, Line, Text, Actual,
                 Words[Relation], Expected);
    }
    if (!Holds[Relation] && TestCanLeave()) {
        __builtin_longjmp(TestState.Way, 1);
    }
    return Holds[Relation];
}

VOID TestStay(VOID)
{
    TestState.Way = NULL;
}

BOOLEAN TestCall(TEST_ROUTINE *Body)
{
    PVOID Way[5], *Outer = TestState.Way; /* as many words as __builtin_setjmp takes */
    KIRQL Irql = KiReadIrql();
    TestState.Way = Way;
    BOOLEAN Whole = __builtin_setjmp(Way) == 0;
    if (Whole) {
        Body();
    }
    TestState.Way = Outer;
    if (!Whole) {
        KiWriteIrql(Irql);
    }
    return Whole;
}

VOID TestSkip(const CHAR *Why)
{
    TestState.SkipReason = Why;
}

ULONG TestFailureCount(VOID)
{
    return TestState.Failures;
}

VOID TestMute(BOOLEAN Muted)
{
    TestState.Muted = Muted;
}

VOID TestAnnounce(const CHAR *Name, ULONG64 Value)
{
    DbgPrint("value %s 0x%016I64X\n", Name, Value);
}

/* Takes the next pattern off a list of them between commas; FALSE at the list's end. */
static BOOLEAN TestNextGlob(const CHAR **Globs, CHAR One[GLOB_SIZE])
{
    if (*Globs == NULL) {
        return FALSE;
    }
    SIZE_T Length = 0;
    while ((*Globs)[Length] != '\0' && (*Globs)[Length] != ',') {
        Length++;
    }
    ASSERT(Length < GLOB_SIZE);
    memcpy(One, *Globs, Length);
    One[Length] = '\0';
    *Globs = (*Globs)[Length] == ',' ? *Globs + Length + 1 : NULL;
    return TRUE;
}

static BOOLEAN TestIsChosen(const CHAR *Globs, const CHAR *Name)
{
    CHAR One[GLOB_SIZE];
    while (TestNextGlob(&Globs, One)) {
        if (RtlpMatchGlob(One, Name)) {
            return TRUE;
        }
    }
    return FALSE;
}

/* The quick suite leaves slow tests out, unless the pattern names them without a bare "*". */
BOOLEAN TestIsSelected(const TEST_ENTRY *Entry, const CHAR *Globs)
{
    if ((Entry->Flags & TEST_SLOW) && strcmp(Globs, "*") == 0) {
        return FALSE;
    }
    return TestIsChosen(Globs, Entry->Name);
}

ULONG TestCount(const CHAR *Globs)
{
    ULONG Count = 0;
    for (const TEST_ENTRY *Entry = TestTable; Entry < TestTableEnd; Entry++) {
        Count += TestIsSelected(Entry, Globs);
    }
    return Count;
}

/*
 * The body begins at the thread's base priority, so that no boost of the test before decides who
 * runs. A raised IRQL that it leaves behind is a failure of its own, and so is a lock for which
 * somebody still lends the thread his priority.
 */
VOID TestRunBody(const TEST_ENTRY *Entry)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KIRQL Irql = KiReadIrql();
    KeSetPriorityThread(Thread, Thread->BasePriority);
    TestState.SkipReason = NULL;
    MiHoldZeroing(TRUE);
    MiSetWaterMarks(FALSE); /* for those that take every page there is; tests of paging set them */
    Entry->Routine();
    CHECK_EQ(KiReadIrql(), Irql);
    CHECK_EQ(Thread->Loans, 0);
    KiWriteIrql(Irql);
    MiSetWaterMarks(MiPagingFileCount != 0);
    MiHoldZeroing(FALSE);
}

/* Runs one test; TRUE when it passed. */
static BOOLEAN TestRunOne(const TEST_ENTRY *Entry, ULONG Number)
{
    TestState.Failures = 0;
    TestState.SkipReason = NULL;
    if (KiGetBootOption("fail-nth") != NULL) {
        TestWalkFailures(Entry);
    } else {
        TestRunBody(Entry);
    }
    if (TestState.Failures != 0) {
        RtlpPrintRaw("not ok %u - %s\n", Number, Entry->Name);
        return FALSE;
    }
    if (TestState.SkipReason != NULL) {
        RtlpPrintRaw("ok %u - %s # SKIP %s\n", Number, Entry->Name, TestState.SkipReason);
    } else {
        RtlpPrintRaw("ok %u - %s\n", Number, Entry->Name);
    }
    return TRUE;
}

ULONG TestRunGlob(const CHAR *Globs)
{
    ULONG Planned = TestCount(Globs), Number = 0, Failed = 0;
    RtlpPrintRaw("1..%u\n", Planned);
    for (const TEST_ENTRY *Entry = TestTable; Entry < TestTableEnd; Entry++) {
        if (TestIsSelected(Entry, Globs)) {
            Failed += !TestRunOne(Entry, ++Number);
            if (HalpConsoleInterrupted()) {
                break;
            }
        }
    }
    DbgPrint("%u of %u tests passed\n", Number - Failed, Planned);
    if (Number < Planned) {
        DbgPrint("stopped by Ctrl-C: %u tests did not run\n", Planned - Number);
    }
    return Failed;
}

static ULONG TestRunCrash(const CHAR *Name)
{
    for (const CRASH_ENTRY *Entry = CrashTable; Entry < CrashTableEnd; Entry++) {
        if (strcmp(Entry->Name, Name) == 0) {
            DbgPrint("crash test %s: expects bug check %s\n", Name, Entry->Expected);
            Entry->Routine();
            DbgPrint("crash test returned without a bug check\n");
            return 1;
        }
    }
    return 1;
}

static VOID TestPrintBench(const CHAR *Suffix, const CHAR *Goal, ULONG64 Ticks, ULONG64 Count)
{
    ULONG64 Hundredths = Count ? (Ticks * 100 + Count / 2) / Count : 0;
    DbgPrint("bench\t%s%s%s\t%I64u.%02u\t%s\t%s\n", TestState.Bench->Name, *Suffix ? "/" : "",
             Suffix, Hundredths / 100, (ULONG)(Hundredths % 100), TestState.Bench->Unit, Goal);
}

VOID TestBenchReport(ULONG64 Ticks, ULONG64 Count)
{
    TestPrintBench("", TestState.Bench->Goal, Ticks, Count);
}

VOID TestBenchReportAs(const CHAR *Suffix, ULONG64 Ticks, ULONG64 Count)
{
    TestPrintBench(Suffix, "", Ticks, Count);
}

static VOID TestRunBenches(const CHAR *Globs)
{
    for (const BENCH_ENTRY *Entry = BenchTable; Entry < BenchTableEnd; Entry++) {
        if (TestIsChosen(Globs, Entry->Name)) {
            TestState.Bench = Entry;
            Entry->Routine();
        }
    }
}

BOOLEAN TestIsAnythingChosen(VOID)
{
    return KiGetBootOption("crash") != NULL || KiGetBootOption("bench") != NULL ||
           KiGetBootOption("test") != NULL;
}

/* Whether a pattern names something of its word's table. */
static BOOLEAN TestMatches(const CHAR *Word, const CHAR *Glob)
{
    if (strcmp(Word, "crash") == 0) {
        for (const CRASH_ENTRY *Entry = CrashTable; Entry < CrashTableEnd; Entry++) {
            if (strcmp(Glob, Entry->Name) == 0) {
                return TRUE;
            }
        }
    } else if (strcmp(Word, "bench") == 0) {
        for (const BENCH_ENTRY *Entry = BenchTable; Entry < BenchTableEnd; Entry++) {
            if (RtlpMatchGlob(Glob, Entry->Name)) {
                return TRUE;
            }
        }
    } else {
        return TestCount(Glob) != 0;
    }
    return FALSE;
}

/* A typing error must not look like a run in which all went well, so each pattern must be met. */
BOOLEAN TestIsSelectionKnown(VOID)
{
    static const CHAR *const Words[] = {"crash", "bench", "test"};
    CHAR One[GLOB_SIZE];
    for (ULONG i = 0; i < ARRAYSIZE(Words); i++) {
        const CHAR *Globs = KiGetBootOption(Words[i]);
        while (TestNextGlob(&Globs, One)) {
            if (!TestMatches(Words[i], One)) {
                RtlpPrintRaw("# command line: nothing has the name '%s' of %s=\n", One, Words[i]);
                return FALSE;
            }
        }
    }
    return TRUE;
}

ULONG TestRunSelected(VOID)
{
    const CHAR *Crash = KiGetBootOption("crash");
    const CHAR *Bench = KiGetBootOption("bench");
    const CHAR *Test = KiGetBootOption("test");
    PspSetProcessAffinity(TEST_PROCESSORS);
    KiSetUserAffinity(KeGetCurrentThread(), TEST_PROCESSORS);
    if (Crash != NULL) {
        return TestRunCrash(Crash);
    }
    if (Bench != NULL) {
        TestRunBenches(Bench);
        return 0;
    }
    return TestRunGlob(Test ? Test : "*");
}
