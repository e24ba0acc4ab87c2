/*
 * lists.c - storms over what needs no lock: sequenced lists, interlocked lists, rundown protection.
 */
#include "tests/storm/storm.h"

/* ---- sequenced lists ------------------------------------------------------------------------- */

#define LISTS 3
#define NODES 24 /* few: the same node comes back soon, as the first again (ABA) */

typedef struct _NODE {
    SLIST_ENTRY Entry;
    volatile ULONG Taken; /* by a thread */
} DECLSPEC_ALIGN(16) NODE;

static NODE Nodes[NODES];
static SLIST_HEADER Heads[LISTS];
static volatile ULONG64 Pushed, Popped;

static VOID PushNode(PSTORM_THREAD Me, PSLIST_ENTRY Entry)
{
    NODE *Node = CONTAINING_RECORD(Entry, NODE, Entry);
    STORM_CHECK(__atomic_exchange_n(&Node->Taken, 0, __ATOMIC_RELEASE) == 1);
    ExpInterlockedPushEntrySList(&Heads[StormRandom(Me, LISTS)], Entry);
    StormCount(&Pushed);
}

static VOID NoteTaken(PSLIST_ENTRY Entry)
{
    NODE *Node = CONTAINING_RECORD(Entry, NODE, Entry);
    STORM_CHECK(Node >= Nodes && Node < Nodes + NODES);
    if (StormGoesOn()) {
        STORM_CHECK(__atomic_exchange_n(&Node->Taken, 1, __ATOMIC_ACQUIRE) == 0);
    }
    StormCount(&Popped);
}

/* Takes up to two and gives them back the other way around; at times a whole list. */
static VOID PopAndPush(PSTORM_THREAD Me)
{
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        ULONG List = StormRandom(Me, LISTS);
        if (StormRandom(Me, 16) == 0) {
            PSLIST_ENTRY Next, Entry = ExpInterlockedFlushSList(&Heads[List]);
            for (; Entry != NULL && StormGoesOn(); Entry = Next) {
                Next = Entry->Next;
                NoteTaken(Entry);
                PushNode(Me, Entry);
            }
            continue;
        }
        PSLIST_ENTRY First = ExpInterlockedPopEntrySList(&Heads[List]);
        PSLIST_ENTRY Second = ExpInterlockedPopEntrySList(&Heads[List]);
        PSLIST_ENTRY Both[] = {First, Second};
        for (ULONG k = 0; k < ARRAYSIZE(Both); k++) {
            if (Both[k] != NULL) {
                NoteTaken(Both[k]);
            }
        }
        StormPause(Me);
        for (ULONG k = 0; k < ARRAYSIZE(Both) && StormGoesOn(); k++) {
            if (Both[k] != NULL) {
                PushNode(Me, Both[k]);
            }
        }
    }
}

STORM(ListSequenced, "storm/lists/each-entry-is-on-one-sequenced-list", "SLIST-1")
{
    ULONG Found = 0;
    RtlZeroMemory(Nodes, sizeof(Nodes));
    Pushed = Popped = 0;
    for (ULONG i = 0; i < LISTS; i++) {
        InitializeSListHead(&Heads[i]);
    }
    for (ULONG i = 0; i < NODES; i++) {
        ExpInterlockedPushEntrySList(&Heads[i % LISTS], &Nodes[i].Entry);
    }
    StormRun(StormThreads(), PopAndPush, StormEach(24000));
    STORM_CHECK(Pushed == Popped);
    for (ULONG i = 0; i < LISTS; i++) {
        Found += ExQueryDepthSList(&Heads[i]);
        for (ULONG k = ExQueryDepthSList(&Heads[i]); k > 0; k--) {
            PSLIST_ENTRY Entry = ExpInterlockedPopEntrySList(&Heads[i]);
            STORM_CHECK(Entry != NULL);
            if (Entry != NULL) {
                NoteTaken(Entry); /* twice the same one would be seen */
            }
        }
        STORM_CHECK(ExpInterlockedPopEntrySList(&Heads[i]) == NULL);
    }
    STORM_CHECK(Found == NODES);
}

/* ---- rundown protection ---------------------------------------------------------------------- */

static struct {
    EX_RUNDOWN_REF Reference;
    volatile ULONG Alive;
    volatile ULONG64 Uses, Refusals;
} Object;

static VOID UseObject(PSTORM_THREAD Me)
{
    ULONG Count = 1 + StormRandom(Me, 3);
    if (!ExAcquireRundownProtectionEx(&Object.Reference, Count)) {
        StormCount(&Object.Refusals);
        return;
    }
    STORM_CHECK(Object.Alive);
    StormPause(Me);
    STORM_CHECK(Object.Alive);
    StormCount(&Object.Uses);
    if (StormRandom(Me, 2) != 0) {
        ExReleaseRundownProtectionEx(&Object.Reference, Count);
    } else {
        for (; Count > 0; Count--) {
            ExReleaseRundownProtection(&Object.Reference);
        }
    }
}

/* The first thread runs the object down and makes it anew; the others use it while they may. */
static VOID RunDownOrUse(PSTORM_THREAD Me)
{
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        if (Me->Number != 0) {
            UseObject(Me);
        } else {
            StormPause(Me);
            ExWaitForRundownProtectionRelease(&Object.Reference);
            STORM_CHECK(!ExAcquireRundownProtection(&Object.Reference));
            Object.Alive = FALSE;
            StormPause(Me);
            Object.Alive = TRUE;
            ExReInitializeRundownProtection(&Object.Reference);
        }
        StormPause(Me);
    }
}

STORM(ListRundown, "storm/lists/no-object-is-used-behind-its-rundown", "RUND-2")
{
    RtlZeroMemory((PVOID)&Object, sizeof(Object));
    ExInitializeRundownProtection(&Object.Reference);
    Object.Alive = TRUE;
    StormRun(StormThreads(), RunDownOrUse, StormEach(16000));
    ExWaitForRundownProtectionRelease(&Object.Reference);
    STORM_CHECK(Object.Uses != 0);
}

/* ---- interlocked lists ----------------------------------------------------------------------- */

static LIST_ENTRY Ring;
static KSPIN_LOCK RingLock;
static struct {
    LIST_ENTRY Entry;
    volatile ULONG Taken;
} Links[NODES];

static VOID TurnRing(PSTORM_THREAD Me)
{
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        PLIST_ENTRY Entry = ExInterlockedRemoveHeadList(&Ring, &RingLock);
        if (Entry == NULL) {
            continue;
        }
        volatile ULONG *Mine = (volatile ULONG *)(Entry + 1);
        STORM_CHECK(__atomic_exchange_n(Mine, 1, __ATOMIC_ACQUIRE) == 0);
        StormPause(Me);
        __atomic_store_n(Mine, 0, __ATOMIC_RELEASE);
        if (StormRandom(Me, 2) != 0) {
            ExInterlockedInsertTailList(&Ring, Entry, &RingLock);
        } else {
            ExInterlockedInsertHeadList(&Ring, Entry, &RingLock);
        }
    }
}

STORM(ListInterlocked, "storm/lists/each-entry-is-on-the-interlocked-list", "")
{
    ULONG Found = 0;
    RtlZeroMemory(Links, sizeof(Links));
    InitializeListHead(&Ring);
    KeInitializeSpinLock(&RingLock);
    for (ULONG i = 0; i < NODES; i++) {
        ExInterlockedInsertTailList(&Ring, &Links[i].Entry, &RingLock);
    }
    StormRun(StormThreads(), TurnRing, StormEach(12000));
    for (PLIST_ENTRY Entry = Ring.Flink; Entry != &Ring && Found <= NODES; Entry = Entry->Flink) {
        STORM_CHECK(Entry->Flink->Blink == Entry);
        Found++;
    }
    STORM_CHECK(Found == NODES);
}
