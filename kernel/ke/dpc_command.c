/*
 * dpc_command.c - `!dpcs`: the DPCs that wait in the processors' queues.
 *
 * At the prompt the queue is drained whenever its interrupt was asked for, so that only DPCs of low
 * importance are to be seen, for a tick at most; from a command that runs at DISPATCH_LEVEL (a
 * test's) all are.
 */
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

#define MOST_SHOWN 64

static VOID KiPrintDpc(PKPRCB Prcb, const KI_WAITING_DPC *Waiting, const CHAR *Kind)
{
    CHAR Name[96] = "";
    KiSymbolise((PVOID)Waiting->Routine, Name, sizeof(Name));
    DbgPrint("%2lu: %-7s : %p %p %s\n", Prcb->Number, Kind, Waiting->Dpc, (PVOID)Waiting->Routine,
             Name);
}

/* Prints the DPCs of a queue, by importance unless Kind says what they all are. */
static ULONG KiPrintQueue(PKI_DPC_QUEUE Queue, const CHAR *Kind)
{
    static const CHAR *const Importance[] = {"Low", "Normal", "High", "Medium high"};
    KI_WAITING_DPC Waiting[MOST_SHOWN];
    ULONG Count = KiQueryDpcs(Queue, Waiting, MOST_SHOWN);
    for (ULONG i = 0; i < Count && i < MOST_SHOWN; i++) {
        KiPrintDpc(Queue->Prcb, &Waiting[i],
                   Kind != NULL ? Kind : Importance[Waiting[i].Importance & 3]);
    }
    return Count;
}

static VOID DpcsCommand(const CHAR *Arguments)
{
    PKPRCB Prcb;
    UNREFERENCED_PARAMETER(Arguments);
    DbgPrint("CPU Type      KDPC             Function\n");
    for (ULONG Number = 0; (Prcb = KiFindPrcb(Number)) != NULL; Number++) {
        ULONG Count = KiPrintQueue(&Prcb->Dpcs, NULL);
        Count += KiPrintQueue(&Prcb->ThreadedDpcs, "Thread");
        DbgPrint("%2lu: %lu waiting, %I64u run since start\n", Number, Count, Prcb->DpcCount);
    }
}
MONITOR_COMMAND("!dpcs", "!dpcs", "DPCs that wait, by processor", DpcsCommand);
