/*
 * wdm_resource.h - resources (ERESOURCE): shared or exclusive locks that know their owners. Part of
 * wdm.h.
 *
 * Owned by threads, as often as one wants, in nonpageable memory. From the acquire to the release
 * the caller is at APC_LEVEL or in a critical or guarded region. Whoever waits lends the owners his
 * priority, at most 15, until they release (owner pointers stand for nobody and get nothing). An
 * exclusive release lets all in that wait for shared access, else the next one that waits for
 * exclusive access, first come first served; the last shared release lets the latter in. So neither
 * kind starves the other.
 *
 * Bug checks in both modes: 0xE3 (resource, thread or owner pointer, owner table, 0) for a release,
 * a conversion or a new owner of what is not owned that way. In checked mode 0xC4: 0x37 and 0x38
 * (IRQL, APC counts, resource) acquired and released with APCs enabled; 0x1000 (resource, thread,
 * 0) exclusive access for who has shared access, who would wait for himself; 0xD0 (resource, 0, 0)
 * initialised a second time, 0xD1 (the same) deleted without that; 0x100B (resource, owner, 0)
 * deleted or initialised anew while it is owned; 0x100A (resource, thread, 0) a thread that ends
 * owning one, without an owner pointer in its place; 0xE5 (IRQL, 0, 0) at a level that is too high.
 */
#pragma once

#include <ntdef.h>
#include <wdm_thread.h>

/* A thread, or an owner pointer, whose two lowest bits are set. */
typedef ULONG_PTR ERESOURCE_THREAD, *PERESOURCE_THREAD;

typedef struct _OWNER_ENTRY {
    ERESOURCE_THREAD OwnerThread; /* 0: the entry is free */
    union {
        struct {
            ULONG IoPriorityBoosted : 1; /* somebody lent the owner his priority */
            ULONG OwnerReferenced : 1;
            ULONG IoQoSPriorityBoosted : 1;
            ULONG OwnerCount : 29;
        };
        ULONG TableSize; /* of a table's first entry: all of its entries, this one included */
    };
} OWNER_ENTRY, *POWNER_ENTRY;
_Static_assert(sizeof(OWNER_ENTRY) == 0x10, "driver ABI");

typedef struct _ERESOURCE {
    LIST_ENTRY SystemResourcesList; /* all resources */
    POWNER_ENTRY OwnerTable;        /* the sharers but for one; NULL until there are several */
    SHORT ActiveCount;              /* 1 while somebody owns it */
    USHORT Flag;
    PVOID SharedWaiters;
    PVOID ExclusiveWaiters;
    OWNER_ENTRY OwnerEntry; /* the exclusive owner, or one of the sharers */
    ULONG ActiveEntries;    /* owners */
    ULONG ContentionCount;  /* acquires that had to wait */
    ULONG NumberOfSharedWaiters;
    ULONG NumberOfExclusiveWaiters;
    PVOID Reserved2;
    union {
        PVOID Address;
        ULONG_PTR CreatorBackTraceIndex;
    };
    KSPIN_LOCK SpinLock;
} ERESOURCE, *PERESOURCE;
_Static_assert(sizeof(ERESOURCE) == 0x68 && offsetof(ERESOURCE, OwnerTable) == 0x10 &&
                   offsetof(ERESOURCE, ActiveCount) == 0x18 && offsetof(ERESOURCE, Flag) == 0x1A &&
                   offsetof(ERESOURCE, SharedWaiters) == 0x20 &&
                   offsetof(ERESOURCE, ExclusiveWaiters) == 0x28 &&
                   offsetof(ERESOURCE, OwnerEntry) == 0x30 &&
                   offsetof(ERESOURCE, ActiveEntries) == 0x40 &&
                   offsetof(ERESOURCE, SpinLock) == 0x60,
               "driver ABI");

#define ResourceOwnedExclusive 0x80 /* in Flag */

/*
 * Make a resource that nobody owns; the second, of one that was initialised before, keeps its owner
 * table. STATUS_SUCCESS. <= DISPATCH_LEVEL. DDI wdm.
 */
NTSTATUS NTAPI ExInitializeResourceLite(PERESOURCE Resource);
NTSTATUS NTAPI ExReinitializeResourceLite(PERESOURCE Resource);

/* The end of a resource, before its memory is used for something else. <= APC_LEVEL. DDI wdm. */
NTSTATUS NTAPI ExDeleteResourceLite(PERESOURCE Resource);

/*
 * These are TRUE when the caller has the access. Where it cannot be had at once they wait, or with
 * Wait FALSE return FALSE. Exclusive access is a form of shared access; who has either gets it once
 * more, who has shared access only must not ask for exclusive access. <= APC_LEVEL. DDI wdm.
 */
BOOLEAN NTAPI ExAcquireResourceExclusiveLite(PERESOURCE Resource, BOOLEAN Wait);
/* Behind those that wait for exclusive access, unless the caller has shared access already. */
BOOLEAN NTAPI ExAcquireResourceSharedLite(PERESOURCE Resource, BOOLEAN Wait);
/* Before them. */
BOOLEAN NTAPI ExAcquireSharedStarveExclusive(PERESOURCE Resource, BOOLEAN Wait);
/* Behind them in any case: who has shared access must have it released by somebody else. */
BOOLEAN NTAPI ExAcquireSharedWaitForExclusive(PERESOURCE Resource, BOOLEAN Wait);
/* As the first one with Wait FALSE. */
BOOLEAN NTAPI ExTryToAcquireResourceExclusiveLite(PERESOURCE Resource);

/*
 * Give one acquire back: the caller's, or that of the thread or owner pointer that is named.
 * <= DISPATCH_LEVEL. DDI wdm.
 */
VOID NTAPI ExReleaseResourceLite(PERESOURCE Resource);
VOID NTAPI ExReleaseResourceForThreadLite(PERESOURCE Resource, ERESOURCE_THREAD ResourceThreadId);

/*
 * The caller's access is the owner pointer's from now on; all that may follow is its release by
 * ExReleaseResourceForThreadLite. Bug check 0x139/5 in checked mode if its two lowest bits are not
 * set. <= DISPATCH_LEVEL. DDI wdm.
 */
VOID NTAPI ExSetResourceOwnerPointer(PERESOURCE Resource, PVOID OwnerPointer);
VOID NTAPI ExSetResourceOwnerPointerEx(PERESOURCE Resource, PVOID OwnerPointer, ULONG Flags);
#define FLAG_OWNER_POINTER_IS_THREAD 0x1 /* changes nothing here */

/*
 * The caller's exclusive access becomes shared access, and all get it who wait for shared access.
 * <= APC_LEVEL. DDI wdm.
 */
VOID NTAPI ExConvertExclusiveToSharedLite(PERESOURCE Resource);

/* Whether the caller has exclusive access; how often he has access. <= DISPATCH_LEVEL. DDI wdm. */
BOOLEAN NTAPI ExIsResourceAcquiredExclusiveLite(PERESOURCE Resource);
ULONG NTAPI ExIsResourceAcquiredSharedLite(PERESOURCE Resource);
#define ExIsResourceAcquiredLite ExIsResourceAcquiredSharedLite

/* How many wait at this moment. <= DISPATCH_LEVEL. DDI wdm. */
ULONG NTAPI ExGetExclusiveWaiterCount(PERESOURCE Resource);
ULONG NTAPI ExGetSharedWaiterCount(PERESOURCE Resource);

/* A critical region around an acquire that waits, and around a release. Return NULL. */
PVOID NTAPI ExEnterCriticalRegionAndAcquireResourceExclusive(PERESOURCE Resource);
PVOID NTAPI ExEnterCriticalRegionAndAcquireResourceShared(PERESOURCE Resource);
PVOID NTAPI ExEnterCriticalRegionAndAcquireSharedWaitForExclusive(PERESOURCE Resource);
VOID NTAPI ExReleaseResourceAndLeaveCriticalRegion(PERESOURCE Resource);

/* Names the calling thread as an owner. */
FORCEINLINE ERESOURCE_THREAD ExGetCurrentResourceThread(VOID)
{
    return (ERESOURCE_THREAD)KeGetCurrentThread();
}
