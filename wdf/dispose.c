/*
 * dispose.c - the list of objects that wait for PASSIVE_LEVEL, for delete.c and object.c.
 *
 * Some objects may be disposed of at PASSIVE_LEVEL only, yet drivers delete them in DPCs. Such an
 * object is queued here, and a work item of the list goes on with it later (contract 1.10). The
 * work item is queued once and serves the list until it is empty. Scheduled is TRUE from that
 * moment until the work item has found the list empty, after which it does not touch it again: so
 * a list that is not Scheduled can be given away.
 */
#include "wdf/fx.h"

/* The next waiting object; NULL, and the list is not Scheduled any more, when there is none. */
static PFX_OBJECT FxDisposeListTake(PFX_DISPOSE_LIST List)
{
    ULONG64 Flags = FxAcquire(&List->Lock);
    PFX_OBJECT Object = List->First;
    if (Object != NULL) {
        List->First = Object->DisposeNext;
    } else {
        List->Scheduled = FALSE;
    }
    FxRelease(&List->Lock, Flags);
    return Object;
}

static VOID NTAPI FxDisposeListWork(PVOID Context)
{
    PFX_DISPOSE_LIST List = Context;
    PFX_OBJECT Object;
    while ((Object = FxDisposeListTake(List)) != NULL) {
        if (FxObjectState(Object) == FxStateDeferedDestroy) {
            FxObjectFinishDestroy(Object);
        } else {
            FxObjectResumeDelete(Object);
        }
    }
}

VOID FxDisposeListInitialize(PFX_DISPOSE_LIST List)
{
    RtlZeroMemory(List, sizeof(*List));
    ExInitializeWorkItem(&List->WorkItem, FxDisposeListWork, List);
}

VOID FxDisposeListAdd(PFX_OBJECT Object)
{
    PFX_DISPOSE_LIST List = Object->DisposeList;
    Object->DisposeNext = NULL;
    ULONG64 Flags = FxAcquire(&List->Lock);
    if (List->First == NULL) {
        List->First = Object;
    } else {
        List->Last->DisposeNext = Object;
    }
    List->Last = Object;
    BOOLEAN Start = !List->Scheduled;
    List->Scheduled = TRUE;
    FxRelease(&List->Lock, Flags);
    if (Start) {
        ExQueueWorkItem(&List->WorkItem, DelayedWorkQueue);
    }
}

/* Returns when nothing waits in the list and its work item is idle (FX-11). PASSIVE_LEVEL. */
VOID FxDisposeListDrain(PFX_DISPOSE_LIST List)
{
    while (__atomic_load_n(&List->Scheduled, __ATOMIC_ACQUIRE)) {
        FxRunPassiveWork();
    }
}
