/*
 * interrupt_command.c - `!interrupts`: which vectors lines and messages have, where they go, which
 * routines serve them and how often, and what came that nobody expected.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/interrupt.h"
#include "kernel/rtl/section.h"

#define USAGE        "!interrupts"
#define MOST_SHOWN   8 /* routines of a vector */
#define ROUTINE_SIZE 96

typedef struct _KI_SERVICE {
    PKINTERRUPT Interrupt;
    PVOID Routine;
    ULONG64 Calls, Claims;
    KIRQL Irql;
} KI_SERVICE;

/* A chain as it is at a moment: an object may be gone as soon as the lock is given back. */
typedef struct _KI_CHAIN_COPY {
    KI_CHAIN Chain;
    ULONG Count; /* of services, those that are not shown included */
    KI_SERVICE Services[MOST_SHOWN];
} KI_CHAIN_COPY;

static VOID KiCopyService(PKINTERRUPT Interrupt, KI_SERVICE *Service)
{
    PVOID Routine = Interrupt->MessageRoutine != NULL ? (PVOID)Interrupt->MessageRoutine
                                                      : (PVOID)Interrupt->ServiceRoutine;
    *Service = (KI_SERVICE){Interrupt, Routine, Interrupt->Calls, Interrupt->Claims,
                            Interrupt->SynchronizeIrql};
}

/* FALSE when the vector is nobody's. */
static BOOLEAN KiCopyChain(UCHAR Vector, KI_CHAIN_COPY *Copy)
{
    ULONG64 Flags = KiLockVectors();
    PKI_CHAIN Chain = KiFindChain(Vector);
    Copy->Count = 0;
    if (Chain != NULL) {
        Copy->Chain = *Chain;
        for (PKINTERRUPT Interrupt = Chain->First; Interrupt != NULL; Interrupt = Interrupt->Next) {
            if (Copy->Count < MOST_SHOWN) {
                KiCopyService(Interrupt, &Copy->Services[Copy->Count]);
            }
            Copy->Count++;
        }
    }
    KiUnlockVectors(Flags);
    return Chain != NULL;
}

static VOID KiPrintSource(UCHAR Vector, const KI_CHAIN *Chain)
{
    DbgPrint("%02x: IRQL %d, ", Vector, Vector >> 4);
    if (Chain->Line == KI_NO_LINE) {
        DbgPrint("message");
    } else {
        DbgPrint("line %lu (%s%s)", Chain->Line, Chain->Mode == LevelSensitive ? "level" : "edge",
                 HalpIsLineMasked(Chain->Line) ? ", masked" : "");
    }
    if (Chain->First == NULL) {
        DbgPrint(", not connected");
    } else {
        DbgPrint(" to processor %lu", Chain->Target);
    }
    DbgPrint(": %I64u interrupts, %I64u unclaimed\n", Chain->Count, Chain->Unclaimed);
}

static VOID KiPrintChain(UCHAR Vector, const KI_CHAIN_COPY *Copy)
{
    KiPrintSource(Vector, &Copy->Chain);
    for (ULONG i = 0; i < Copy->Count && i < MOST_SHOWN; i++) {
        const KI_SERVICE *Service = &Copy->Services[i];
        CHAR Name[ROUTINE_SIZE] = "";
        KiSymbolise(Service->Routine, Name, sizeof(Name));
        DbgPrint("    %p %s at IRQL %d: %I64u calls, %I64u claimed\n", Service->Interrupt, Name,
                 Service->Irql, Service->Calls, Service->Claims);
    }
    if (Copy->Count > MOST_SHOWN) {
        DbgPrint("    and %lu more\n", Copy->Count - MOST_SHOWN);
    }
}

static VOID InterruptsCommand(const CHAR *Arguments)
{
    ULONG Count = 0, Shown = 0;
    if (!KiReadArguments(USAGE, Arguments, 0, NULL, &Count)) {
        return;
    }
    for (ULONG Vector = KI_FIRST_DEVICE_VECTOR; Vector <= KI_LAST_DEVICE_VECTOR; Vector++) {
        KI_CHAIN_COPY Copy;
        if (KiCopyChain((UCHAR)Vector, &Copy)) {
            KiPrintChain((UCHAR)Vector, &Copy);
            Shown++;
        }
    }
    DbgPrint("%lu vectors of lines and messages; %I64u spurious interrupts, %I64u unexpected",
             Shown, KiSpuriousInterrupts, KiUnexpectedInterrupts);
    if (KiUnexpectedInterrupts != 0) {
        DbgPrint(", the last one %02x", KiUnexpectedVector);
    }
    DbgPrint("\n");
}
MONITOR_COMMAND("!interrupts", USAGE, "vectors of lines and messages, and their routines",
                InterruptsCommand);
