/*
 * monitor.c - the prompt: a person (or a script) at the serial line, asking the running kernel.
 *
 * The boot thread stays here. While nobody types the processor halts. A command runs to its end at
 * PASSIVE_LEVEL with interrupts on; those that print much ask HalpConsoleInterrupted and stop at
 * Ctrl-C.
 */
#include "kernel/hal/hal.h"
#include "kernel/rtl/rtl.h"
#include "monitor/monitor.h"
#include "tests/test.h"

static MON_EDITOR MonEditor;

static VOID MonWriteConsole(PMON_EDITOR Editor, const CHAR *Text, SIZE_T Length)
{
    UNREFERENCED_PARAMETER(Editor);
    HalpConsoleWrite(Text, Length);
}

static BOOLEAN MonBeginsWith(const CHAR *Text, const CHAR *Word)
{
    return strncmp(Text, Word, strlen(Word)) == 0;
}

/* Commands complete in the first place and behind `help`, tests behind `test` and `tests`. */
static const CHAR *MonConsoleName(const CHAR *Before, ULONG Index)
{
    Before = MonSkipBlanks(Before);
    if (strchr(Before, ' ') == NULL || MonBeginsWith(Before, "help ")) {
        const MONITOR_COMMAND_ENTRY *Entry = MonSortedCommand(Index);
        return Entry != NULL ? Entry->Name : NULL;
    }
    BOOLEAN Tests = MonBeginsWith(Before, "test ") || MonBeginsWith(Before, "tests ");
    return Tests && &TestTable[Index] < TestTableEnd ? TestTable[Index].Name : NULL;
}

static const MON_TERMINAL MonConsole = {MonWriteConsole, MonConsoleName, "tarn> "};

/* What was typed before a Ctrl-C that stopped a command is not meant any more. */
static VOID MonSettleInterrupt(VOID)
{
    if (HalpConsoleInterrupted()) {
        while (HalpConsoleInterrupted()) {
            HalpConsoleRead();
        }
        DbgPrint("^C\n");
    }
}

DECLSPEC_NORETURN VOID MonRun(VOID)
{
    RtlpSetPrintMode(RtlpPrintDialogue);
    MonInitializeEditor(&MonEditor, &MonConsole);
    for (;;) {
        MON_EDIT_RESULT Result;
        MonBeginLine(&MonEditor);
        do {
            Result = MonEdit(&MonEditor, HalpConsoleWait());
        } while (Result == MonEditMore);
        if (Result == MonEditDone) {
            MonExecute(MonEditor.Line);
            MonSettleInterrupt();
        }
    }
}
