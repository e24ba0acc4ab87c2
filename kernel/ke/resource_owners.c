/*
 * resource_owners.c - who owns a resource: entries, their table, what is lent to them; the list of
 * all resources. resource.c has the theory.
 */
#include "kernel/ke/resource.h"

#define SMALLEST_TABLE 4 /* entries, the first one included, which holds the size */
#define NOT_A_THREAD   3 /* the low bits of an owner pointer */

#define VERIFIER_OWNER_ENDED 0x100A /* first parameter of bug check 0xC4 */

KI_TABLE_MEMORY KiTableMemory;

/* ---- entries --------------------------------------------------------------------------------- */

static inline ULONG KiTableSize(PERESOURCE Resource)
{
    return Resource->OwnerTable != NULL ? Resource->OwnerTable->TableSize : 0;
}

/* The first entry with that owner; 0 finds a free one. */
static POWNER_ENTRY KiSearchTable(PERESOURCE Resource, ERESOURCE_THREAD Owner)
{
    ULONG Size = KiTableSize(Resource);
    for (ULONG i = 1; i < Size; i++) {
        if (Resource->OwnerTable[i].OwnerThread == Owner) {
            return &Resource->OwnerTable[i];
        }
    }
    return NULL;
}

POWNER_ENTRY KiFindOwner(PERESOURCE Resource, ERESOURCE_THREAD Owner)
{
    if (Resource->OwnerEntry.OwnerThread == Owner) {
        return &Resource->OwnerEntry;
    }
    return KiSearchTable(Resource, Owner);
}

/* RSRC-4. */
BOOLEAN KiHasRoomForWaiter(PERESOURCE Resource)
{
    return Resource->ActiveEntries + Resource->NumberOfSharedWaiters + 1 < KiTableSize(Resource);
}

BOOLEAN KiHasRoomForOwner(PERESOURCE Resource)
{
    return Resource->OwnerEntry.OwnerThread == 0 || KiHasRoomForWaiter(Resource);
}

POWNER_ENTRY KiAddOwner(PERESOURCE Resource, ERESOURCE_THREAD Owner)
{
    POWNER_ENTRY Entry = &Resource->OwnerEntry;
    if (Entry->OwnerThread != 0) {
        Entry = KiSearchTable(Resource, 0);
    }
    Entry->OwnerThread = Owner;
    Entry->TableSize = 0; /* no marks */
    Entry->OwnerCount = 1;
    Resource->ActiveEntries++;
    Resource->ActiveCount = 1;
    return Entry;
}

BOOLEAN KiRemoveOwner(PERESOURCE Resource, POWNER_ENTRY Entry)
{
    BOOLEAN Mine = KiEndLoan(Resource, Entry);
    Entry->OwnerThread = 0;
    Resource->ActiveEntries--;
    Resource->ActiveCount = Resource->ActiveEntries != 0;
    return Mine;
}

/*
 * Copies the entries into a larger table and returns the old one, or the new one if none is needed.
 */
static POWNER_ENTRY KiReplaceTable(PERESOURCE Resource, POWNER_ENTRY Table, ULONG Size)
{
    ULONG64 Flags = KiLockResource(Resource);
    POWNER_ENTRY Old = Resource->OwnerTable;
    ULONG OldSize = KiTableSize(Resource);
    if (OldSize >= Size) { /* somebody else was quicker */
        Old = Table;
    } else {
        if (Old != NULL) {
            RtlCopyMemory(Table, Old, OldSize * sizeof(*Table));
        }
        RtlZeroMemory(Table + OldSize, (Size - OldSize) * sizeof(*Table));
        Table->TableSize = Size;
        Resource->OwnerTable = Table;
    }
    KiUnlockResource(Resource, Flags);
    return Old;
}

BOOLEAN KiGrowTable(PERESOURCE Resource)
{
    ULONG Needed = Resource->ActiveEntries + Resource->NumberOfSharedWaiters + 2;
    ULONG Size = SMALLEST_TABLE;
    while (Size < Needed) {
        Size *= 2;
    }
    POWNER_ENTRY Table = KiTableMemory.Allocate(Size * sizeof(*Table));
    if (Table == NULL) {
        return FALSE;
    }
    Table = KiReplaceTable(Resource, Table, Size);
    if (Table != NULL) {
        KiTableMemory.Free(Table);
    }
    return TRUE;
}

/* ---- what is lent ---------------------------------------------------------------------------- */

/*
 * Of the waiters in a ring, and one more, the one with the highest priority. All of the ring lend
 * to LendsTo from now on.
 */
static PKTHREAD KiMostImportant(PKI_RESOURCE_WAITER Last, PKTHREAD Best, PKTHREAD LendsTo)
{
    PKI_RESOURCE_WAITER Waiter = Last;
    if (Last == NULL) {
        return Best;
    }
    do {
        Waiter->Thread->LendsTo = LendsTo;
        if (Best == NULL || Waiter->Thread->Priority > Best->Priority) {
            Best = Waiter->Thread;
        }
        Waiter = Waiter->Next;
    } while (Waiter != Last);
    return Best;
}

/* The owner, if there is just one, and a thread. */
static PKTHREAD KiOnlyOwner(PERESOURCE Resource)
{
    ERESOURCE_THREAD Owner = Resource->OwnerEntry.OwnerThread;
    return Resource->ActiveEntries == 1 && !(Owner & NOT_A_THREAD) ? (PKTHREAD)Owner : NULL;
}

static VOID KiLendToOwner(POWNER_ENTRY Entry, PKTHREAD Waiter)
{
    if (Entry->OwnerThread != 0 && !(Entry->OwnerThread & NOT_A_THREAD)) {
        KiLendPriority((PKTHREAD)Entry->OwnerThread, Waiter, !Entry->IoPriorityBoosted);
        Entry->IoPriorityBoosted = TRUE;
    }
}

VOID KiLendToOwners(PERESOURCE Resource)
{
    ULONG Size = KiTableSize(Resource);
    ULONG64 Flags = KiLockDispatcher();
    PKTHREAD Only = KiOnlyOwner(Resource);
    PKTHREAD Waiter = KiMostImportant(Resource->SharedWaiters, NULL, Only);
    Waiter = KiMostImportant(Resource->ExclusiveWaiters, Waiter, Only);
    for (ULONG i = 1; Waiter != NULL && i < Size; i++) {
        KiLendToOwner(&Resource->OwnerTable[i], Waiter);
    }
    if (Waiter != NULL) {
        KiLendToOwner(&Resource->OwnerEntry, Waiter);
    }
    KiExitDispatcher(Flags);
}

/* Before the loan is returned, nobody lends by way of this resource's waiters any more (LEND-3). */
BOOLEAN KiEndLoan(PERESOURCE Resource, POWNER_ENTRY Entry)
{
    PKTHREAD Owner = (PKTHREAD)Entry->OwnerThread;
    BOOLEAN Mine = Owner == KeGetCurrentThread();
    if (!Entry->IoPriorityBoosted) {
        return FALSE;
    }
    Entry->IoPriorityBoosted = FALSE;
    ULONG64 Flags = KiLockDispatcher();
    KiMostImportant(Resource->SharedWaiters, NULL, NULL);
    KiMostImportant(Resource->ExclusiveWaiters, NULL, NULL);
    if (!Mine) {
        KiReturnPriority(Owner);
    }
    KiExitDispatcher(Flags);
    return Mine;
}

VOID KiReturnLoan(VOID)
{
    ULONG64 Flags = KiLockDispatcher();
    KiReturnPriority(KeGetCurrentThread());
    KiExitDispatcher(Flags);
}

/* ---- the list of all resources --------------------------------------------------------------- */

static LIST_ENTRY KiResourceList = {&KiResourceList, &KiResourceList};
static KSPIN_LOCK KiResourceListLock;

static ULONG64 KiLockResourceList(VOID)
{
    ULONG64 Flags = KiDisableInterrupts();
    while (__atomic_exchange_n(&KiResourceListLock, 1, __ATOMIC_ACQUIRE) != 0) {
        YieldProcessor();
    }
    return Flags;
}

static VOID KiUnlockResourceList(ULONG64 Flags)
{
    __atomic_store_n(&KiResourceListLock, 0, __ATOMIC_RELEASE);
    KiRestoreInterrupts(Flags);
}

VOID KiListResource(PERESOURCE Resource)
{
    ULONG64 Flags = KiLockResourceList();
    InsertTailList(&KiResourceList, &Resource->SystemResourcesList);
    KiUnlockResourceList(Flags);
}

VOID KiDelistResource(PERESOURCE Resource)
{
    ULONG64 Flags = KiLockResourceList();
    RemoveEntryList(&Resource->SystemResourcesList);
    Resource->SystemResourcesList.Flink = NULL;
    KiUnlockResourceList(Flags);
}

BOOLEAN KiIsListed(PERESOURCE Resource)
{
    PLIST_ENTRY Entry = &Resource->SystemResourcesList;
    ULONG64 Flags = KiLockResourceList();
    PLIST_ENTRY Next = Entry->Flink;
    BOOLEAN Listed = Next != NULL && (ULONG_PTR)Next % sizeof(PVOID) == 0 &&
                     KiMayRead(&Next->Blink) && Next->Blink == Entry;
    KiUnlockResourceList(Flags);
    return Listed;
}

PERESOURCE KiFindResource(PVOID Start, SIZE_T Bytes)
{
    PERESOURCE Found = NULL;
    ULONG64 Flags = KiLockResourceList();
    for (PLIST_ENTRY Entry = KiResourceList.Flink; Entry != &KiResourceList && Found == NULL;
         Entry = Entry->Flink) {
        PERESOURCE Resource = CONTAINING_RECORD(Entry, ERESOURCE, SystemResourcesList);
        if ((ULONG_PTR)Resource - (ULONG_PTR)Start < Bytes) {
            Found = Resource;
        }
    }
    KiUnlockResourceList(Flags);
    return Found;
}

static BOOLEAN KiOwnsResource(PERESOURCE Resource, PKTHREAD Thread)
{
    ULONG64 Flags = KiLockResource(Resource);
    BOOLEAN Owns = KiFindOwner(Resource, (ERESOURCE_THREAD)Thread) != NULL;
    KiUnlockResource(Resource, Flags);
    return Owns;
}

VOID KiCheckOwnedResources(PKTHREAD Thread)
{
    PERESOURCE Owned = NULL;
    ULONG64 Flags = KiLockResourceList();
    for (PLIST_ENTRY Entry = KiResourceList.Flink; Entry != &KiResourceList && Owned == NULL;
         Entry = Entry->Flink) {
        PERESOURCE Resource = CONTAINING_RECORD(Entry, ERESOURCE, SystemResourcesList);
        if (KiOwnsResource(Resource, Thread)) {
            Owned = Resource;
        }
    }
    KiUnlockResourceList(Flags);
    if (Owned != NULL) {
        KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_OWNER_ENDED, (ULONG_PTR)Owned,
                     (ULONG_PTR)Thread, 0);
    }
}

/* ---- for the monitor ------------------------------------------------------------------------- */

static ULONG KiCopyWaiters(PKI_RESOURCE_WAITER Last, PKTHREAD Threads[KI_RESOURCE_SHOWN])
{
    PKI_RESOURCE_WAITER Waiter = Last;
    ULONG Count = 0;
    if (Last == NULL) {
        return 0;
    }
    do {
        Waiter = Waiter->Next;
        Threads[Count++] = Waiter->Thread;
    } while (Waiter != Last && Count < KI_RESOURCE_SHOWN);
    return Count;
}

static VOID KiCopyResource(PERESOURCE Resource, PKI_RESOURCE_COPY Copy)
{
    ULONG64 Flags = KiLockResource(Resource);
    ULONG Size = KiTableSize(Resource);
    Copy->Resource = Resource;
    Copy->Fields = *Resource;
    Copy->OwnerCount = 0;
    if (Resource->OwnerEntry.OwnerThread != 0) {
        Copy->Owners[Copy->OwnerCount++] = Resource->OwnerEntry;
    }
    for (ULONG i = 1; i < Size && Copy->OwnerCount < KI_RESOURCE_SHOWN; i++) {
        if (Resource->OwnerTable[i].OwnerThread != 0) {
            Copy->Owners[Copy->OwnerCount++] = Resource->OwnerTable[i];
        }
    }
    Copy->SharedCount = KiCopyWaiters(Resource->SharedWaiters, Copy->Shared);
    Copy->ExclusiveCount = KiCopyWaiters(Resource->ExclusiveWaiters, Copy->Exclusive);
    KiUnlockResource(Resource, Flags);
}

BOOLEAN KiQueryResource(ULONG Index, PKI_RESOURCE_COPY Copy)
{
    BOOLEAN Found = FALSE;
    ULONG64 Flags = KiLockResourceList();
    for (PLIST_ENTRY Entry = KiResourceList.Flink; Entry != &KiResourceList && !Found;
         Entry = Entry->Flink) {
        if (Index-- == 0) {
            KiCopyResource(CONTAINING_RECORD(Entry, ERESOURCE, SystemResourcesList), Copy);
            Found = TRUE;
        }
    }
    KiUnlockResourceList(Flags);
    return Found;
}
