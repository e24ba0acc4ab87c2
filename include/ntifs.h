/*
 * ntifs.h - what file-system drivers include: ntddk.h and mutants.
 */
#pragma once

#include <ntddk.h>

/*
 * A mutant is a mutex without the critical region, which may be abandoned: when its owner ends, the
 * next one gets it with STATUS_ABANDONED. InitialOwner: the caller owns it at once. <=
 * DISPATCH_LEVEL. DDI ntifs KeInitializeMutant.
 */
VOID NTAPI KeInitializeMutant(PRKMUTANT Mutant, BOOLEAN InitialOwner);

/*
 * KeReleaseMutex for a mutant, with the waiters' Increment. Abandoned: whoever owns it does not any
 * more, and the next owner is told. DDI ntifs KeReleaseMutant.
 */
LONG NTAPI KeReleaseMutant(PRKMUTANT Mutant, KPRIORITY Increment, BOOLEAN Abandoned, BOOLEAN Wait);

/* As KeReadStateMutex. DDI ntifs KeReadStateMutant. */
LONG NTAPI KeReadStateMutant(PRKMUTANT Mutant);
