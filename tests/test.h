/*
 * test.h - how an in-kernel test is written, for everybody who adds one.
 *
 *     TEST(PoolAlign, "pool/nonpaged/alignment", "APP-9 <the sentence of docs/conformance.md>")
 *     {
 *         PVOID P = ExAllocatePoolWithTag(NonPagedPoolNx, 17, 'tseT');
 *         REQUIRE(P != NULL);
 *         CHECK_EQ((ULONG_PTR)P % 16, 0);
 *         ExFreePool(P);
 *     }
 *
 * The record lands in a linker section; tests/run.c runs what the command line's test= chooses and
 * prints TAP. A CRASH_TEST must end in a bug check: it gets a machine of its own, and the host
 * compares the code and all four parameters with its Expected text (patterns: a hex number, `*` for
 * a parameter that the contract leaves open, `$name` for a value announced with TestAnnounce,
 * `sym:NAME` for an address inside that symbol, `not0`).
 */
#pragma once

#include <ntdef.h>
#include "kernel/rtl/section.h"

typedef VOID TEST_ROUTINE(VOID);

typedef struct _TEST_ENTRY {
    const CHAR *Name;
    const CHAR *Quote; /* what it holds: "WMC-12 sentence", "POOL-3 ...", or "" */
    TEST_ROUTINE *Routine;
    ULONG_PTR Flags;
} TEST_ENTRY;
_Static_assert(sizeof(TEST_ENTRY) == 32, "tools/tarn reads these from the ELF");

typedef struct _CRASH_ENTRY {
    const CHAR *Name;
    const CHAR *Expected; /* "0xA $block 0x2 0x0 sym:TestReadByte" */
    const CHAR *Quote;
    TEST_ROUTINE *Routine;
} CRASH_ENTRY;
_Static_assert(sizeof(CRASH_ENTRY) == 32, "tools/tarn reads these from the ELF");

typedef struct _BENCH_ENTRY {
    const CHAR *Name; /* stable: "irql/raise-lower" */
    const CHAR *Unit;
    const CHAR *Goal; /* decimal upper bound, or "" */
    TEST_ROUTINE *Routine;
} BENCH_ENTRY;
_Static_assert(sizeof(BENCH_ENTRY) == 32, "tools/tarn reads these from the ELF");

#define TEST_SLOW 1 /* not part of the quick suite */

#define TEST_FLAGS(Ident, Name, Quote, Flags)                                                      \
    static VOID Ident(VOID);                                                                       \
    static const TEST_ENTRY Test_##Ident SECTION_RECORD(".tarn.tests") = {Name, Quote, Ident,      \
                                                                          Flags};                  \
    static VOID Ident(VOID)
#define TEST(Ident, Name, Quote) TEST_FLAGS(Ident, Name, Quote, 0)
#define CRASH_TEST(Ident, Name, Expected, Quote)                                                   \
    static VOID Ident(VOID);                                                                       \
    static const CRASH_ENTRY Crash_##Ident SECTION_RECORD(".tarn.crashes") = {Name, Expected,      \
                                                                              Quote, Ident};       \
    static VOID Ident(VOID)
#define BENCH(Ident, Name, Unit, Goal)                                                             \
    static VOID Ident(VOID);                                                                       \
    static const BENCH_ENTRY Bench_##Ident SECTION_RECORD(".tarn.benches") = {Name, Unit, Goal,    \
                                                                              Ident};              \
    static VOID Ident(VOID)

extern const TEST_ENTRY TestTable[], TestTableEnd[];
extern const CRASH_ENTRY CrashTable[], CrashTableEnd[];
extern const BENCH_ENTRY BenchTable[], BenchTableEnd[];

typedef enum _TEST_RELATION {
    TestEqual,
    TestNotEqual,
    TestLess,
    TestLessOrEqual,
    TestGreater,
    TestGreaterOrEqual,
} TEST_RELATION;

/*
 * Tests run on processor 0, so that the order of threads is known; some let threads of theirs go.
 */
#define TEST_PROCESSORS 1ULL

/* Records a failed assertion unless Actual stands in Relation to Expected; says if it does. */
BOOLEAN TestCompare(ULONG64 Actual, TEST_RELATION Relation, ULONG64 Expected, const CHAR *Text,
                    const CHAR *File, ULONG Line);
/* Marks the running test as skipped; the test itself returns afterwards (see SKIP). */
VOID TestSkip(const CHAR *Why);
/* Whether what the checks find counts: not for a body that lives with a failed allocation. */
VOID TestMute(BOOLEAN Muted);
/*
 * Runs Body; FALSE when it was left at a failed check of this thread that did not count, so that it
 * need not live with what it did not get. For bodies whose caller cleans up behind them.
 */
BOOLEAN TestCall(TEST_ROUTINE *Body);
/* From here on the body is not left that way: it has something to give back itself. */
VOID TestStay(VOID);
/* Runs the body of a test once. */
VOID TestRunBody(const TEST_ENTRY *Entry);
/* The failed checks of the running test so far. */
ULONG TestFailureCount(VOID);
/* Prints "# value NAME 0x..." for the patterns of a crash test. */
VOID TestAnnounce(const CHAR *Name, ULONG64 Value);
/* Prints the bench row that is being measured: Ticks over Count operations, two decimals. */
VOID TestBenchReport(ULONG64 Ticks, ULONG64 Count);
/* The same under "name/suffix", without a goal: for the checked twin of a figure. */
VOID TestBenchReportAs(const CHAR *Suffix, ULONG64 Ticks, ULONG64 Count);

/* Whether the command line says what to run (test=, crash=, bench=). */
BOOLEAN TestIsAnythingChosen(VOID);
/* Whether all names in these words exist; says which one does not. */
BOOLEAN TestIsSelectionKnown(VOID);
/* Runs that, or else the quick suite; returns the number of failed tests. */
ULONG TestRunSelected(VOID);
/* Globs: patterns between commas; "*" is the quick suite, which leaves slow tests out. */
BOOLEAN TestIsSelected(const TEST_ENTRY *Entry, const CHAR *Globs);
ULONG TestCount(const CHAR *Globs);
/* Runs the tests that Globs selects and prints their TAP; returns the number of failed ones. */
ULONG TestRunGlob(const CHAR *Globs);

#define TEST_CHECK(a, r, b)                                                                        \
    TestCompare((ULONG64)(a), (r), (ULONG64)(b), #a " against " #b, __FILE__, __LINE__)
#define CHECK(c)                       TestCompare(!!(c), TestNotEqual, 0, #c, __FILE__, __LINE__)
#define CHECK_EQ(Actual, Expected)     TEST_CHECK(Actual, TestEqual, Expected)
#define CHECK_NE(Actual, Expected)     TEST_CHECK(Actual, TestNotEqual, Expected)
#define CHECK_LT(Actual, Expected)     TEST_CHECK(Actual, TestLess, Expected)
#define CHECK_LE(Actual, Expected)     TEST_CHECK(Actual, TestLessOrEqual, Expected)
#define CHECK_GT(Actual, Expected)     TEST_CHECK(Actual, TestGreater, Expected)
#define CHECK_GE(Actual, Expected)     TEST_CHECK(Actual, TestGreaterOrEqual, Expected)
#define CHECK_STATUS(Actual, Expected) TEST_CHECK((ULONG)(Actual), TestEqual, (ULONG)(Expected))
#define REQUIRE(c)                                                                                 \
    do {                                                                                           \
        if (!CHECK(c)) {                                                                           \
            return;                                                                                \
        }                                                                                          \
    } while (0)
#define REQUIRE_EQ(Actual, Expected)                                                               \
    do {                                                                                           \
        if (!CHECK_EQ(Actual, Expected)) {                                                         \
            return;                                                                                \
        }                                                                                          \
    } while (0)
#define SKIP(Why)                                                                                  \
    do {                                                                                           \
        TestSkip(Why);                                                                             \
        return;                                                                                    \
    } while (0)
