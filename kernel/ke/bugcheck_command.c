/*
 * bugcheck_command.c - `bugcheck`: stops the machine on purpose, to see what a report looks like.
 */
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

#define USAGE      "bugcheck CODE [P1 ... P4]"
#define MOST_WORDS 5

static VOID BugCheckCommand(const CHAR *Arguments)
{
    ULONG64 Values[MOST_WORDS] = {0};
    ULONG Count = 1;
    if (!KiReadArguments(USAGE, Arguments, MOST_WORDS, Values, &Count)) {
        return;
    }
    if (Values[0] > MAXULONG) {
        DbgPrint("a bug check code has 32 bits, 0x%I64x has more\n", Values[0]);
        return;
    }
    KeBugCheckEx((ULONG)Values[0], Values[1], Values[2], Values[3], Values[4]);
}
MONITOR_COMMAND("bugcheck", USAGE, "stop the machine with KeBugCheckEx", BugCheckCommand);
