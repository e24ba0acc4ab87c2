/*
 * test_command.c - `test` and `tests`: runs and lists the in-kernel tests at the monitor's prompt.
 */
#include "kernel/hal/hal.h"
#include "kernel/rtl/rtl.h"
#include "tests/test.h"

static BOOLEAN TestMatchesAny(const CHAR *Globs)
{
    if (TestCount(Globs) == 0) {
        DbgPrint("no test matches '%s'; tests lists them\n", Globs);
        return FALSE;
    }
    return TRUE;
}

/* What the tests print is a log again, so that it reads as on the host. */
static VOID TestCommand(const CHAR *Arguments)
{
    const CHAR *Globs = *Arguments != '\0' ? Arguments : "*";
    if (TestMatchesAny(Globs)) {
        RTLP_PRINT_MODE Mode = RtlpSetPrintMode(RtlpPrintComments);
        TestRunGlob(Globs);
        RtlpSetPrintMode(Mode);
    }
}
MONITOR_COMMAND("test", "test [GLOB[,GLOB]]", "runs these tests, or the quick suite", TestCommand);

static VOID TestsCommand(const CHAR *Arguments)
{
    const CHAR *Globs = *Arguments != '\0' ? Arguments : "*";
    if (!TestMatchesAny(Globs)) {
        return;
    }
    for (const TEST_ENTRY *Entry = TestTable; Entry < TestTableEnd; Entry++) {
        if (TestIsSelected(Entry, Globs) && !HalpConsoleInterrupted()) {
            DbgPrint("%s%s\n", Entry->Name, Entry->Flags & TEST_SLOW ? " (slow)" : "");
        }
    }
}
MONITOR_COMMAND("tests", "tests [GLOB[,GLOB]]", "their names", TestsCommand);
