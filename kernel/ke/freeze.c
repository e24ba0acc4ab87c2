/*
 * freeze.c - stops the other processors for a bug check, and tells what each of them was doing.
 *
 * They are stopped by NMI, which reaches a processor at any IRQL and with interrupts off. Each
 * notes where it was and halts for good, on its NMI stack. Nothing is waited for that a broken
 * machine might not give: who does not answer in time is left out.
 *
 *   FREEZE-1  The first processor that stops the machine is the only one that goes on; another one
 *             that wants to, at the same time or later, stands still like the rest.
 *   FREEZE-2  A processor that was stopped touches nothing but its own record and stack.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"

#define NOBODY   0
#define PATIENCE 500 /* milliseconds: a busy host may not let a virtual processor run */
#define A_SECOND 1000

static volatile ULONG KiStopper = NOBODY; /* number + 1 of the processor that goes on */
static ULONG64 KiStopTime;                /* in time stamps */

static DECLSPEC_NORETURN VOID KiStandStill(PKTRAP_FRAME Frame)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    if (Prcb->FrozenFrame == NULL) {
        __atomic_store_n(&Prcb->FrozenFrame, Frame, __ATOMIC_RELEASE);
    }
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}

VOID KiAnswerFreeze(PKTRAP_FRAME Frame)
{
    if (__atomic_load_n(&KiStopper, __ATOMIC_ACQUIRE) != NOBODY) {
        KiStandStill(Frame);
    }
}

static ULONG64 KiMillisecondsSinceStop(VOID)
{
    return (HalpReadTsc() - KiStopTime) * A_SECOND / HalpTscHz;
}

VOID KiFreezeOthers(PKTRAP_FRAME Frame)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    ULONG Expected = NOBODY, Mine = Prcb->Number + 1;
    if (!__atomic_compare_exchange_n(&KiStopper, &Expected, Mine, FALSE, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        if (Expected != Mine) {
            KiStandStill(Frame);
        }
        return; /* a bug check inside this one: the others stand already */
    }
    KiStopTime = HalpReadTsc();
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        if (KiProcessorBlock[i] != Prcb) {
            HalpSendNmi(KiProcessorBlock[i]->ApicId);
        }
    }
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        PKPRCB Other = KiProcessorBlock[i];
        while (Other != Prcb && KiMillisecondsSinceStop() < PATIENCE &&
               __atomic_load_n(&Other->FrozenFrame, __ATOMIC_ACQUIRE) == NULL) {
            YieldProcessor();
        }
    }
}

static VOID KiReportProcessor(PKPRCB Prcb)
{
    PKTRAP_FRAME Frame = __atomic_load_n(&Prcb->FrozenFrame, __ATOMIC_ACQUIRE);
    if (Frame == NULL) {
        DbgPrint("processor %lu does not answer\n", Prcb->Number);
        return;
    }
    DbgPrint("processor %lu, IRQL %lu, %sthread %p\n", Prcb->Number, Frame->PreviousIrql,
             Prcb->CurrentThread == Prcb->IdleThread ? "idle " : "", Prcb->CurrentThread);
    KiPrintStack(Frame->Rip, Frame->Rbp, Frame->Vector == KI_NO_VECTOR);
}

VOID KiReportOthers(VOID)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    if (KeNumberProcessors <= 1) {
        return;
    }
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        if (KiProcessorBlock[i] != Prcb) {
            KiReportProcessor(KiProcessorBlock[i]);
        }
    }
    DbgPrint("%lu processors reported within %I64u ms\n", KeNumberProcessors,
             KiMillisecondsSinceStop());
}
