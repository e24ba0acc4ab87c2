/*
 * mutant.c - mutexes: owned by one thread, as often as it wants. wait.c has the theory.
 *
 * A KMUTEX and a mutant are one type of object. A KMUTEX (KeInitializeMutex) keeps normal kernel
 * APCs from its owner, as a critical region does, and a thread that ends while it owns one stops
 * the machine. A mutant (KeInitializeMutant, what mutex handles stand for) does neither: it is
 * abandoned, and the next owner is told.
 *
 *   MUTX-1  SignalState is 1 when it is free and 1 - n after n acquisitions by its owner; it is in
 *           the owner's MutantListHead then.
 *   MUTX-2  Only the owner releases it: another one gets STATUS_MUTANT_NOT_OWNED raised.
 *   MUTX-3  A KMUTEX counts in the owner's KernelApcDisable once, however often it is acquired.
 */
#include <ntifs.h>
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

#define MINIMUM_STATE (-0x7FFFFFFF - 1)

VOID NTAPI KeInitializeMutant(PRKMUTANT Mutant, BOOLEAN InitialOwner)
{
    KiInitializeHeader(&Mutant->Header, KiMutantObject, sizeof(*Mutant), 1);
    Mutant->OwnerThread = NULL;
    Mutant->Abandoned = FALSE;
    Mutant->ApcDisable = 0;
    if (InitialOwner) {
        ULONG64 Flags = KiLockDispatcher();
        KiTakeMutant(Mutant, KeGetCurrentThread());
        KiUnlockDispatcher(Flags);
    }
}
EXPORT(KeInitializeMutant);

VOID NTAPI KeInitializeMutex(PRKMUTEX Mutex, ULONG Level)
{
    UNREFERENCED_PARAMETER(Level);
    KeInitializeMutant(Mutex, FALSE);
    Mutex->ApcDisable = 1;
}
EXPORT(KeInitializeMutex);

BOOLEAN KiIsMutantAtLimit(PKMUTANT Mutant)
{
    return Mutant->Header.SignalState == MINIMUM_STATE;
}

NTSTATUS KiTakeMutant(PKMUTANT Mutant, PKTHREAD Thread)
{
    if (KiIsMutantAtLimit(Mutant)) {
        return STATUS_MUTANT_LIMIT_EXCEEDED;
    }
    if (--Mutant->Header.SignalState != 0) {
        return STATUS_SUCCESS;
    }
    BOOLEAN Abandoned = Mutant->Abandoned;
    Mutant->Abandoned = FALSE;
    Mutant->OwnerThread = Thread;
    InsertTailList(&Thread->MutantListHead, &Mutant->MutantListEntry);
    KiEnterCriticalRegion(Thread, Mutant->ApcDisable);
    return Abandoned ? STATUS_ABANDONED : STATUS_SUCCESS;
}

/* The owner lets go of it altogether. The lock is held. */
static VOID KiFreeMutant(PKMUTANT Mutant, KPRIORITY Increment)
{
    PKTHREAD Owner = Mutant->OwnerThread;
    Mutant->Header.SignalState = 1;
    Mutant->OwnerThread = NULL;
    RemoveEntryList(&Mutant->MutantListEntry);
    KiLeaveCriticalRegion(Owner, Mutant->ApcDisable);
    KiWakeWaiters(&Mutant->Header, Increment);
}

static LONG KiReleaseMutant(PRKMUTANT Mutant, KPRIORITY Increment, BOOLEAN Abandoned, BOOLEAN Wait,
                            PVOID Caller)
{
    KiRequireIrql(Wait ? APC_LEVEL : DISPATCH_LEVEL);
    ULONG64 Flags = KiLockDispatcher();
    LONG OldState = Mutant->Header.SignalState;
    if (!Abandoned && Mutant->OwnerThread != KeGetCurrentThread()) {
        NTSTATUS Status = Mutant->Abandoned ? STATUS_ABANDONED : STATUS_MUTANT_NOT_OWNED;
        KiUnlockDispatcher(Flags);
        KiRaiseStatus(Status, Caller);
    }
    if (Abandoned && OldState <= 0) {
        Mutant->Abandoned = TRUE;
        KiFreeMutant(Mutant, Increment);
    } else if (OldState == 0) {
        KiFreeMutant(Mutant, Increment);
    } else if (!Abandoned) {
        Mutant->Header.SignalState++;
    }
    KiEndSignal(Flags, Wait);
    return OldState;
}

/* The address of the call, where an exception is laid. */
#define CALL_SITE ((PCHAR)__builtin_return_address(0) - 1)

LONG NTAPI KeReleaseMutant(PRKMUTANT Mutant, KPRIORITY Increment, BOOLEAN Abandoned, BOOLEAN Wait)
{
    return KiReleaseMutant(Mutant, Increment, Abandoned, Wait, CALL_SITE);
}
EXPORT(KeReleaseMutant);

LONG NTAPI KeReleaseMutex(PRKMUTEX Mutex, BOOLEAN Wait)
{
    return KiReleaseMutant(Mutex, MUTANT_INCREMENT, FALSE, Wait, CALL_SITE);
}
EXPORT(KeReleaseMutex);

LONG NTAPI KeReadStateMutex(PRKMUTEX Mutex)
{
    KiRequireIrql(DISPATCH_LEVEL);
    return Mutex->Header.SignalState;
}
EXPORT(KeReadStateMutex);

LONG NTAPI KeReadStateMutant(PRKMUTANT Mutant)
{
    KiRequireIrql(DISPATCH_LEVEL);
    return Mutant->Header.SignalState;
}
EXPORT(KeReadStateMutant);

VOID KiAbandonMutants(PKTHREAD Thread)
{
    while (!IsListEmpty(&Thread->MutantListHead)) {
        PKMUTANT Mutant = CONTAINING_RECORD(Thread->MutantListHead.Flink, KMUTANT, MutantListEntry);
        if (Mutant->ApcDisable != 0) {
            KeBugCheckEx(THREAD_TERMINATE_HELD_MUTEX, (ULONG_PTR)Thread, (ULONG_PTR)Mutant, 0, 0);
        }
        Mutant->Abandoned = TRUE;
        KiFreeMutant(Mutant, MUTANT_INCREMENT);
    }
}
