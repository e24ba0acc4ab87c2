/*
 * locks.h - the torture that each kind of lock gets: two numbers that it guards.
 */
#pragma once

#include "tests/storm/storm.h"

#define OPERATIONS 4000
#define HANDOVERS  400 /* each waits until the host runs that very processor */

/* What an owner keeps from taking the lock to giving it back. */
typedef struct _HOLD {
    KIRQL OldIrql;
    KLOCK_QUEUE_HANDLE Handle;
} HOLD, *PHOLD;

typedef VOID LOCK_ROUTINE(PHOLD Hold);
typedef struct _LOCK_KIND {
    LOCK_ROUTINE *Take, *GiveBack;
    LOCK_ROUTINE *TakeShared, *GiveBackShared; /* NULL without */
} LOCK_KIND;

/* Kind's lock is free. What was added to the numbers must be there when all threads have ended. */
VOID StormTorture(const LOCK_KIND *Kind, STORM_ROUTINE *Routine, ULONG Operations);
/* The routine for most of them: takes the lock over and over, shared three times of four. */
VOID StormUseLock(PSTORM_THREAD Me);
/* What is done with the lock held exclusively, and shared. */
VOID StormChange(PSTORM_THREAD Me);
VOID StormRead(PSTORM_THREAD Me);
