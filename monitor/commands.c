/*
 * commands.c - the prompt's own commands: `help` and `quit`.
 */
#include "kernel/hal/hal.h"
#include "kernel/rtl/rtl.h"
#include "monitor/monitor.h"

/* What stands in brackets is left to `help COMMAND`: the list fits into 80 columns. */
static SIZE_T MonShortLength(const CHAR *Help)
{
    const CHAR *Bracket = strchr(Help, '(');
    SIZE_T Length = Bracket != NULL ? (SIZE_T)(Bracket - Help) : strlen(Help);
    while (Length > 0 && Help[Length - 1] == ' ') {
        Length--;
    }
    return Length;
}

static VOID MonHelpOnAll(VOID)
{
    const MONITOR_COMMAND_ENTRY *Entry;
    for (ULONG i = 0; (Entry = MonSortedCommand(i)) != NULL; i++) {
        DbgPrint("  %-27s %.*s\n", Entry->Usage, (INT)MonShortLength(Entry->Help), Entry->Help);
    }
    DbgPrint("Numbers are hexadecimal. Tab completes, Up repeats, Ctrl-C stops.\n");
}

static VOID HelpCommand(const CHAR *Arguments)
{
    if (*Arguments == '\0') {
        MonHelpOnAll();
        return;
    }
    const MONITOR_COMMAND_ENTRY *Entry = MonFindCommand(Arguments, strlen(Arguments));
    if (Entry == NULL) {
        MonReportUnknown(Arguments, strlen(Arguments));
        return;
    }
    DbgPrint("usage: %s\n  %s\n", Entry->Usage, Entry->Help);
}
MONITOR_COMMAND("help", "help [COMMAND]", "this list, or one command's line", HelpCommand);

static VOID QuitCommand(const CHAR *Arguments)
{
    UNREFERENCED_PARAMETER(Arguments);
    HalpExit(HAL_EXIT_QUIT);
}
MONITOR_COMMAND("quit", "quit", "end the machine", QuitCommand);
