/*
 * apcs.c - APC storms: kernel APCs for threads that wait, run and go in and out of regions. None
 * runs inside a region that forbids it, each runs before its region's end is over, none is lost.
 */
#include "tests/storm/storm.h"

#define SLOTS 4 /* APCs of each thread, each for another target; every second one is special */

typedef struct _APC_THREAD {
    KEVENT Turn;
    volatile BOOLEAN Critical, Guarded; /* where it is, as it knows itself */
    volatile ULONG64 Inserted, Begun, Ended, Removed;
    KAPC Apcs[SLOTS];
} APC_THREAD, *PAPC_THREAD;

static APC_THREAD Targets[STORM_MAX_THREADS];
static volatile ULONG Busy;
static KEVENT AllSent;

static PAPC_THREAD TargetOf(PSTORM_THREAD Me, ULONG Slot)
{
    return &Targets[(Me->Number + 1 + Slot) % StormThreads()];
}

static VOID CheckDelivery(PAPC_THREAD Target, KIRQL Irql, BOOLEAN Special)
{
    STORM_CHECK(KeGetCurrentThread() == StormThreadOf((ULONG)(Target - Targets)));
    STORM_CHECK(KeGetCurrentIrql() == Irql);
    STORM_CHECK(!Target->Guarded);
    STORM_CHECK(Special || !Target->Critical);
}

static VOID NTAPI KernelRoutine(PKAPC Apc, PKNORMAL_ROUTINE *NormalRoutine, PVOID *NormalContext,
                                PVOID *Argument1, PVOID *Argument2)
{
    PAPC_THREAD Target = *Argument1;
    UNREFERENCED_PARAMETER(Apc);
    UNREFERENCED_PARAMETER(NormalContext);
    CheckDelivery(Target, APC_LEVEL, *NormalRoutine == NULL);
    STORM_CHECK(*Argument2 == (PVOID) ~(ULONG_PTR)Target);
    StormCount(&Target->Begun);
    if (*NormalRoutine == NULL) {
        StormCount(&Target->Ended);
    }
}

static VOID NTAPI NormalRoutine(PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument2);
    CheckDelivery(Argument1, PASSIVE_LEVEL, FALSE);
    StormCount(&((PAPC_THREAD)Argument1)->Ended);
}

static VOID SendOne(PSTORM_THREAD Me)
{
    ULONG Slot = StormRandom(Me, SLOTS);
    PAPC_THREAD Target = TargetOf(Me, Slot);
    PKAPC Apc = &Targets[Me->Number].Apcs[Slot];
    if (KeInsertQueueApc(Apc, Target, (PVOID) ~(ULONG_PTR)Target, IO_NO_INCREMENT)) {
        StormCount(&Target->Inserted);
    }
    if (StormRandom(Me, 8) == 0) {
        StormCount(&Target->Removed); /* first: its thread must not miss both */
        if (!KeRemoveQueueApc(Apc)) {
            __atomic_fetch_sub(&Target->Removed, 1, __ATOMIC_RELAXED);
        }
    }
}

/*
 * In and out, with a wait before or inside; all that was queued before the end has run behind it.
 */
static VOID PassRegion(PSTORM_THREAD Me, PAPC_THREAD Own)
{
    BOOLEAN Inside = StormRandom(Me, 2) != 0;
    BOOLEAN Guarded = StormRandom(Me, 2) != 0;
    if (!Inside) {
        StormWait(&Own->Turn);
        SendOne(Me);
    }
    if (Guarded) {
        KeEnterGuardedRegion();
        Own->Guarded = TRUE;
    } else {
        KeEnterCriticalRegion();
        Own->Critical = TRUE;
    }
    if (Inside) {
        StormWait(&Own->Turn);
    }
    StormPause(Me);
    SendOne(Me);
    ULONG64 Before = Own->Inserted;
    if (Guarded) {
        Own->Guarded = FALSE;
        KeLeaveGuardedRegion();
    } else {
        Own->Critical = FALSE;
        KeLeaveCriticalRegion();
    }
    STORM_CHECK(Own->Ended + Own->Removed >= Before);
}

static VOID SendAndTake(PSTORM_THREAD Me)
{
    PAPC_THREAD Own = &Targets[Me->Number], Partner = &Targets[Me->Number ^ 1];
    for (ULONG Slot = 0; Slot < SLOTS; Slot++) {
        ULONG Target = (ULONG)(TargetOf(Me, Slot) - Targets);
        KeInitializeApc(&Own->Apcs[Slot], StormThreadOf(Target), OriginalApcEnvironment,
                        KernelRoutine, NULL, Slot % 2 == 0 ? NULL : NormalRoutine, KernelMode,
                        NULL);
    }
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        PassRegion(Me, Own);
        StormPause(Me);
        KeSetEvent(&Partner->Turn, IO_NO_INCREMENT, FALSE);
    }
    if (__atomic_sub_fetch(&Busy, 1, __ATOMIC_ACQ_REL) == 0) {
        KeSetEvent(&AllSent, IO_NO_INCREMENT, FALSE);
    }
    StormWait(&AllSent); /* no thread ends while somebody may send it one */
    STORM_CHECK(Own->Inserted == Own->Ended + Own->Removed);
    STORM_CHECK(Own->Begun == Own->Ended);
}

STORM(ApcRegions, "storm/apcs/none-runs-inside-a-region-and-each-behind-it", "APC-2")
{
    ULONG Count = StormThreads();
    RtlZeroMemory(Targets, sizeof(Targets));
    KeInitializeEvent(&AllSent, NotificationEvent, FALSE);
    Busy = Count;
    for (ULONG i = 0; i < Count; i++) {
        KeInitializeEvent(&Targets[i].Turn, SynchronizationEvent, i % 2 == 0);
    }
    StormRun(Count, SendAndTake, StormEach(4000));
}
