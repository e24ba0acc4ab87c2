/*
 * trap_command.c - `!idt`: which routine an interrupt vector runs.
 */
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

#define USAGE        "!idt [VECTOR]"
#define VECTORS      256
#define FIRST_DEVICE 0x20 /* below: the processor's exceptions, but for 0x1F */

static BOOLEAN KiPrintVector(ULONG Vector)
{
    CHAR Name[96] = "";
    PVOID Context;
    PVOID Routine = (PVOID)KiQueryVector((UCHAR)Vector, &Context);
    if (Routine == NULL) {
        return FALSE;
    }
    KiSymbolise(Routine, Name, sizeof(Name));
    DbgPrint("%02x: %p %s (%s, context %p)\n", Vector, Routine, Name,
             KiIrqlName((KIRQL)(Vector >> 4)), Context);
    return TRUE;
}

static VOID IdtCommand(const CHAR *Arguments)
{
    ULONG64 Vector;
    ULONG Count = 0;
    if (!KiReadArguments(USAGE, Arguments, 1, &Vector, &Count)) {
        return;
    }
    if (Count == 1) {
        if (Vector >= VECTORS) {
            DbgPrint("a vector is at most ff\n");
        } else if (!KiPrintVector((ULONG)Vector)) {
            DbgPrint("%02I64x: %s\n", Vector,
                     Vector < FIRST_DEVICE ? "an exception, dispatched by KiDispatchTrap"
                                           : "no routine is connected");
        }
        return;
    }
    DbgPrint("Dumping IDT: %p\n", KiFindPcr(0)->IdtBase);
    for (ULONG i = 0; i < VECTORS; i++) {
        KiPrintVector(i);
    }
}
MONITOR_COMMAND("!idt", USAGE, "the routines of the interrupt vectors", IdtCommand);
