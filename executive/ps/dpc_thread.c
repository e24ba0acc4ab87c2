/*
 * dpc_thread.c - the threads that run threaded DPCs, one a processor; what they do is in
 * kernel/ke/dpc.c.
 */
#include "executive/ps/ps.h"
#include "kernel/rtl/section.h"

INIT VOID PspStartDpcThreads(VOID)
{
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        PETHREAD Thread;
        NTSTATUS Status =
            PspCreateThread(KiRunThreadedDpcs, KiProcessorBlock[i], HIGH_PRIORITY, &Thread);
        if (!NT_SUCCESS(Status)) {
            KeBugCheckEx(PHASE0_INITIALIZATION_FAILED, (ULONG_PTR)(LONG_PTR)Status, 0, 0, 0);
        }
        ObfDereferenceObject(Thread);
    }
    KiEnableThreadedDpcs();
}
