/*
 * irql_command.c - `!irql`: at which level a processor was when the prompt was asked.
 */
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

#define USAGE "!irql [PROCESSOR]"

const CHAR *KiIrqlName(KIRQL Irql)
{
    static const CHAR *const Names[] = {"LOW_LEVEL",   "APC_LEVEL",   "DISPATCH_LEVEL",
                                        NULL,          NULL,          NULL,
                                        NULL,          NULL,          NULL,
                                        NULL,          NULL,          NULL,
                                        "SYNCH_LEVEL", "CLOCK_LEVEL", "IPI_LEVEL",
                                        "HIGH_LEVEL"};
    return Irql <= HIGH_LEVEL && Names[Irql] != NULL ? Names[Irql] : "device level";
}

static VOID IrqlCommand(const CHAR *Arguments)
{
    ULONG64 Number = 0;
    ULONG Count = 0;
    KIRQL Irql = KiReadIrql();
    if (!KiReadArguments(USAGE, Arguments, 1, &Number, &Count)) {
        return;
    }
    if (KiFindPrcb(Number) == NULL) {
        DbgPrint("there is no processor 0x%I64x\n", Number);
        return;
    }
    DbgPrint("Debugger saved IRQL for processor 0x%I64x -- %u (%s)\n", Number, Irql,
             KiIrqlName(Irql));
}
MONITOR_COMMAND("!irql", USAGE, "the interrupt request level", IrqlCommand);
