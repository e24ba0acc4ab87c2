/*
 * deprecated.c - who calls the routines that new drivers are not to call (the compliance rule
 * UnsafeAllocatePool), for verify.c and `!verifier`.
 *
 * Callers get slots of an open hash table at their first call and keep them; a compare-and-exchange
 * claims one, so no lock is needed at any IRQL. Who finds no slot is counted behind the table.
 */
#include "mm/pool/verify.h"

#define SLOTS 512 /* a power of two */

static POOL_DEPRECATED_CALLER ExpCallers[SLOTS + 1];

static POOL_DEPRECATED_CALLER *ExpSlotOfCaller(PVOID Caller)
{
    ULONG Home = (ULONG)((ULONG_PTR)Caller * 0x9E3779B97F4A7C15ULL >> 32);
    for (ULONG i = 0; i < SLOTS; i++) {
        POOL_DEPRECATED_CALLER *Slot = &ExpCallers[(Home + i) & (SLOTS - 1)];
        PVOID Nobody = NULL;
        if (__atomic_compare_exchange_n(&Slot->Caller, &Nobody, Caller, FALSE, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED) ||
            Nobody == Caller) {
            return Slot;
        }
    }
    return &ExpCallers[SLOTS];
}

VOID ExpNoteDeprecated(const POOL_REQUEST *Request)
{
    POOL_DEPRECATED_CALLER *Slot = ExpSlotOfCaller(Request->Caller);
    Slot->Tag = Request->Tag;
    ExpCountVerified(&Slot->Calls);
}

BOOLEAN ExpReadDeprecated(ULONG Slot, POOL_DEPRECATED_CALLER *Caller)
{
    if (Slot > SLOTS) {
        return FALSE;
    }
    *Caller = ExpCallers[Slot];
    return TRUE;
}
