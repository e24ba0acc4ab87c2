/*
 * watchdog.c - finds the DPC routine that does not come to its end, in checked mode.
 *
 * Counted are clock interrupts that the processor itself took, never time: a machine that the host
 * puts aside for a minute has not run its DPC for a minute.
 *
 *   WDOG-1  A DPC routine that 1,280 clock interrupts (20 s of them) have interrupted is bug check
 *           0x133 (0, ticks used, ticks allotted, 0).
 *   WDOG-2  A processor that was at DISPATCH_LEVEL or above at 7,680 clock interrupts in a row
 *           (120 s of them) is 0x133 (1, that period, 0, 0).
 */
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

#define ONE_DPC_LIMIT    0x500  /* contract 1.8, the sample of the bug check's page */
#define CUMULATIVE_LIMIT 0x1E00 /* the same */
#define ONE_DPC          0
#define CUMULATIVE       1

VOID KiWatchDpcs(PKPRCB Prcb, KIRQL InterruptedIrql)
{
    if (InterruptedIrql < DISPATCH_LEVEL) {
        Prcb->DispatchTicks = 0;
        return;
    }
    Prcb->DispatchTicks++;
    Prcb->DpcTicks += Prcb->InDpc;
    if (!KiCheckedMode) {
        return;
    }
    if (Prcb->InDpc && Prcb->DpcTicks > ONE_DPC_LIMIT) {
        KeBugCheckEx(DPC_WATCHDOG_VIOLATION, ONE_DPC, Prcb->DpcTicks, ONE_DPC_LIMIT, 0);
    }
    if (Prcb->DispatchTicks > CUMULATIVE_LIMIT) {
        KeBugCheckEx(DPC_WATCHDOG_VIOLATION, CUMULATIVE, CUMULATIVE_LIMIT, 0, 0);
    }
}

static ULONG KiRemaining(ULONG Limit, ULONG Used)
{
    return Used < Limit ? Limit - Used : 0;
}

NTSTATUS NTAPI KeQueryDpcWatchdogInformation(PKDPC_WATCHDOG_INFORMATION WatchdogInformation)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    if (KiReadIrql() < DISPATCH_LEVEL || !Prcb->InDpc) {
        return STATUS_UNSUCCESSFUL;
    }
    *WatchdogInformation = (KDPC_WATCHDOG_INFORMATION){0};
    if (KiCheckedMode) {
        WatchdogInformation->DpcTimeLimit = ONE_DPC_LIMIT;
        WatchdogInformation->DpcTimeCount = KiRemaining(ONE_DPC_LIMIT, Prcb->DpcTicks);
        WatchdogInformation->DpcWatchdogLimit = CUMULATIVE_LIMIT;
        WatchdogInformation->DpcWatchdogCount = KiRemaining(CUMULATIVE_LIMIT, Prcb->DispatchTicks);
    }
    return STATUS_SUCCESS;
}
EXPORT(KeQueryDpcWatchdogInformation);
