/*
 * lend.c - lent priority: the owner of a lock is as important as whoever waits for it.
 *
 * Theory. A thread that has to wait lends its priority to the lock's owner before it begins to,
 * while the lock cannot be handed over. The lock keeps a mark that an owner was lent something, and
 * a thread counts the marked locks that it owns. What it was lent is a floor under its priority
 * until it let go of the last of them. When a lock is handed over, those who go on waiting lend to
 * the new owners. fastmutex.c and resource.c use it.
 *
 *   LEND-1  While a thread waits, the owner's priority is not below that which the waiter had when
 *           its wait began, or 15. Real-time threads are lent nothing.
 *   LEND-2  With its last marked lock a thread gives all of it back: what was lent becomes the base
 *           priority. A boost above that stays, and wears off as ever.
 *   LEND-3  An owner who waits for another one passes on what he is lent, and so on; not to several
 *           sharers. LendsTo is the way: who waits has it, until he is an owner or somebody else
 *           is. It ends where as much was lent before, so a ring of threads has an end, too.
 */
#include "kernel/ke/ke.h"

#define HIGHEST_LENT (LOW_REALTIME_PRIORITY - 1)

static VOID KiRaiseOwner(PKTHREAD Owner, SCHAR Lent)
{
    Owner->LentPriority = Lent;
    if (Lent > Owner->Priority) {
        KiSetPriority(Owner, Lent);
    }
}

VOID KiLendPriority(PKTHREAD Owner, PKTHREAD Waiter, BOOLEAN First)
{
    SCHAR Lent = Waiter->Priority < HIGHEST_LENT ? Waiter->Priority : HIGHEST_LENT;
    Owner->Loans += First;
    while (Owner != NULL && Lent > Owner->LentPriority) {
        KiRaiseOwner(Owner, Lent);
        Owner = Owner->LendsTo;
    }
}

VOID KiReturnPriority(PKTHREAD Owner)
{
    if (--Owner->Loans == 0) {
        SCHAR Lent = Owner->LentPriority;
        Owner->LentPriority = 0;
        if (Owner->Priority <= Lent && Owner->Priority > Owner->BasePriority) {
            KiSetPriority(Owner, Owner->BasePriority);
        }
    }
}
