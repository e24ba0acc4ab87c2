/*
 * resource.h - what resource.c and resource_owners.c share: the lock, owners, waiters.
 *
 * But for KiGrowTable, KiReturnLoan and the routines of the list, all of it is called with the
 * resource's lock held.
 */
#pragma once

#include "kernel/ke/ke.h"

/* A thread that waits, on its stack. Each queue is a ring; the resource points to its last one. */
typedef struct _KI_RESOURCE_WAITER {
    struct _KI_RESOURCE_WAITER *Next;
    PKTHREAD Thread;
    KEVENT Event;
} KI_RESOURCE_WAITER, *PKI_RESOURCE_WAITER;

/*
 * Taken with interrupts off, without a CR8 write (as KiDispatcherLock, which may be taken inside),
 * for as long as it takes to look at all owners and waiters.
 */
static inline ULONG64 KiLockResource(PERESOURCE Resource)
{
    ULONG64 Flags = KiDisableInterrupts();
    while (__atomic_exchange_n(&Resource->SpinLock, 1, __ATOMIC_ACQUIRE) != 0) {
        while (__atomic_load_n(&Resource->SpinLock, __ATOMIC_RELAXED) != 0) {
            YieldProcessor();
        }
    }
    return Flags;
}

static inline VOID KiUnlockResource(PERESOURCE Resource, ULONG64 Flags)
{
    __atomic_store_n(&Resource->SpinLock, 0, __ATOMIC_RELEASE);
    KiRestoreInterrupts(Flags);
}

static inline BOOLEAN KiIsOwnedExclusively(PERESOURCE Resource)
{
    return (Resource->Flag & ResourceOwnedExclusive) != 0;
}

static inline BOOLEAN KiIsWaitedFor(PERESOURCE Resource)
{
    return (Resource->NumberOfSharedWaiters | Resource->NumberOfExclusiveWaiters) != 0;
}

/* The entry of an owner, NULL if he is none. */
POWNER_ENTRY KiFindOwner(PERESOURCE Resource, ERESOURCE_THREAD Owner);
/* Whether there is an entry for one more owner, or for one more waiter who wants shared access. */
BOOLEAN KiHasRoomForOwner(PERESOURCE Resource);
BOOLEAN KiHasRoomForWaiter(PERESOURCE Resource);
/* Gives Owner, who has none, an entry; there is room. */
POWNER_ENTRY KiAddOwner(PERESOURCE Resource, ERESOURCE_THREAD Owner);
/* An owner goes and his entry is free; as KiEndLoan. */
BOOLEAN KiRemoveOwner(PERESOURCE Resource, POWNER_ENTRY Entry);
/* Makes the table larger, without the lock; FALSE when there is no memory. <= APC_LEVEL. */
BOOLEAN KiGrowTable(PERESOURCE Resource);

/* Lends the priority of the most important waiter to each owner. */
VOID KiLendToOwners(PERESOURCE Resource);
/*
 * The entry's owner is to give back what he was lent. He does so here, unless he is the caller, who
 * has to call KiReturnLoan if this is TRUE: later, when he has woken those who come next, or he
 * might not get to that (RSRC-6).
 */
BOOLEAN KiEndLoan(PERESOURCE Resource, POWNER_ENTRY Entry);
/* Without the lock. */
VOID KiReturnLoan(VOID);

/* The list of all resources. */
VOID KiListResource(PERESOURCE Resource);
VOID KiDelistResource(PERESOURCE Resource);
/* Whether it is in the list, by the look of it. */
BOOLEAN KiIsListed(PERESOURCE Resource);

/* What `!locks` shows of a resource: its fields, and the first threads of each kind. */
#define KI_RESOURCE_SHOWN 8
typedef struct _KI_RESOURCE_COPY {
    PERESOURCE Resource;
    ERESOURCE Fields;
    ULONG OwnerCount, SharedCount, ExclusiveCount; /* of the entries below */
    OWNER_ENTRY Owners[KI_RESOURCE_SHOWN];
    PKTHREAD Shared[KI_RESOURCE_SHOWN], Exclusive[KI_RESOURCE_SHOWN]; /* who waits */
} KI_RESOURCE_COPY, *PKI_RESOURCE_COPY;
/* A copy of the Index-th resource in the list, FALSE behind the last. Any IRQL. */
BOOLEAN KiQueryResource(ULONG Index, PKI_RESOURCE_COPY Copy);
