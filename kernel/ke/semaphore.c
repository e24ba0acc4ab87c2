/*
 * semaphore.c - semaphores: a count of what there is to take. wait.c has the theory.
 *
 *   SEMA-1  The count stays between 0 and the limit; a release that would pass it changes nothing.
 *   SEMA-2  Each satisfied wait takes one, first come, first served.
 */
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

VOID NTAPI KeInitializeSemaphore(PRKSEMAPHORE Semaphore, LONG Count, LONG Limit)
{
    KiRequireIrql(PASSIVE_LEVEL);
    if (Count < 0 || Limit <= 0 || Count > Limit) {
        RtlFailFast(FAST_FAIL_INVALID_ARG);
    }
    KiInitializeHeader(&Semaphore->Header, KiSemaphoreObject, sizeof(*Semaphore), Count);
    Semaphore->Limit = Limit;
}
EXPORT(KeInitializeSemaphore);

LONG NTAPI KeReleaseSemaphore(PRKSEMAPHORE Semaphore, KPRIORITY Increment, LONG Adjustment,
                              BOOLEAN Wait)
{
    KiRequireIrql(Wait ? PASSIVE_LEVEL : DISPATCH_LEVEL);
    ULONG64 Flags = KiLockDispatcher();
    LONG OldCount = Semaphore->Header.SignalState;
    if (Adjustment < 0 || Adjustment > Semaphore->Limit - OldCount) {
        KiUnlockDispatcher(Flags);
        KiRaiseStatus(STATUS_SEMAPHORE_LIMIT_EXCEEDED, (PCHAR)__builtin_return_address(0) - 1);
    }
    Semaphore->Header.SignalState = OldCount + Adjustment;
    if (!IsListEmpty(&Semaphore->Header.WaitListHead)) {
        KiWakeWaiters(&Semaphore->Header, Increment);
    }
    KiEndSignal(Flags, Wait);
    return OldCount;
}
EXPORT(KeReleaseSemaphore);

LONG NTAPI KeReadStateSemaphore(PRKSEMAPHORE Semaphore)
{
    return Semaphore->Header.SignalState;
}
EXPORT(KeReadStateSemaphore);
