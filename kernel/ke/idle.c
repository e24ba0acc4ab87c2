/*
 * idle.c - what a processor does when no thread wants it: it halts until the next interrupt.
 *
 * Nothing is polled here. Whoever makes a thread ready for an idle processor asks it for interrupt
 * 0x2F, and that interrupt's second half switches threads (READY-2, READY-3): a request between the
 * `sti` and the `hlt` is taken behind the `hlt`, any other one ends it.
 */
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

DECLSPEC_NORETURN VOID KiBecomeIdle(VOID)
{
    PKPRCB Prcb = KeGetCurrentPrcb();
    for (;;) {
        KiDisableInterrupts();
        __atomic_store_n(&Prcb->IdleHalt, TRUE, __ATOMIC_SEQ_CST); /* KiLeaveHalt clears it */
        KiRequestDrain(Prcb);                                      /* DPC-7 */
        __asm__ volatile("sti; hlt" : : : "memory");
    }
}

static VOID KiIdleRoutine(PKSTART_ROUTINE StartRoutine, PVOID StartContext)
{
    UNREFERENCED_PARAMETER(StartRoutine);
    UNREFERENCED_PARAMETER(StartContext);
    KiBecomeIdle();
}

INIT VOID KiMakeIdleThread(PKPRCB Prcb, PKTHREAD Thread)
{
    Thread->Priority = Thread->BasePriority = KI_IDLE_PRIORITY;
    Thread->Affinity = Thread->UserAffinity = Prcb->SetMember;
    Thread->NextProcessor = Thread->IdealProcessor = (UCHAR)Prcb->Number;
    Prcb->IdleThread = Thread;
}

INIT VOID KiCreateIdleThread(PKPRCB Prcb, PKTHREAD Thread, PVOID StackBase, PVOID StackLimit)
{
    KiInitializeThread(Thread, StackBase, StackLimit, KiIdleRoutine, NULL, NULL);
    KiMakeIdleThread(Prcb, Thread);
}
