/*
 * delete.c - deletion of an object and its tree in two passes, for WdfObjectDelete and for the
 * framework itself.
 *
 * The order is KMDF's own (contract 1.9). Both passes walk the tree with a cursor instead of
 * recursion, since a driver may build a tree of any depth and a kernel stack has 24 KB. While they
 * walk, callbacks may call back into the framework, delete other objects of the same tree, and run
 * on other processors; what keeps the walk sound is FX-3: every object it has entered is frozen.
 */
#include "wdf/fx.h"

/* ---- the first pass: cleanup --------------------------------------------------------------- */

/* The next child, from Entry on, that is not cleaned up yet; NULL at the end of the list. */
static PFX_OBJECT FxNextUndisposed(PFX_OBJECT Parent, PLIST_ENTRY Entry)
{
    for (; Entry != &Parent->Children; Entry = Entry->Flink) {
        PFX_OBJECT Child = CONTAINING_RECORD(Entry, FX_OBJECT, ChildEntry);
        if (FxObjectState(Child) != FxStateDisposed) {
            return Child;
        }
    }
    return NULL;
}

/* Freezes an object; whoever adds or takes out children looks at the state under the same lock. */
static VOID FxObjectEnter(PFX_OBJECT Object, FX_OBJECT_STATE State)
{
    ULONG64 Flags = FxAcquire(&Object->Lock);
    FxObjectSetState(Object, State);
    FxRelease(&Object->Lock, Flags);
}

/* Above PASSIVE_LEVEL nothing below an object may be touched that has a passive direct child. */
static BOOLEAN FxMustWait(PFX_OBJECT Object)
{
    return Object->PassiveChildren != 0 && FxCurrentIrql() != PASSIVE_LEVEL;
}

static VOID FxObjectDefer(PFX_OBJECT Root, FX_OBJECT_STATE State)
{
    FxObjectEnter(Root, State);
    FxDisposeListAdd(Root);
}

/* The object itself, its children being done: the kind's own part, then the driver's. */
static VOID FxObjectDisposeSelf(PFX_OBJECT Object)
{
    if (Object->Kind->Dispose != NULL) {
        Object->Kind->Dispose(Object);
    }
    FxContextRunCleanups(Object);
    FxObjectSetState(Object, FxStateDisposed);
}

/*
 * Runs every cleanup callback below and of Root, which is frozen. FALSE: it had to stop at
 * something that needs PASSIVE_LEVEL; Root is on its dispose list and FxObjectResumeDelete goes on.
 */
static BOOLEAN FxObjectDisposeTree(PFX_OBJECT Root)
{
    if (FxMustWait(Root)) {
        FxObjectDefer(Root, FxStateDeferedDeleting);
        return FALSE;
    }
    PFX_OBJECT Object = Root;
    PLIST_ENTRY Next = Root->Children.Flink;
    for (;;) {
        PFX_OBJECT Child = FxNextUndisposed(Object, Next);
        if (Child != NULL) {
            FxObjectEnter(Child, FxStateDisposingDisposeChildren);
            if (FxMustWait(Child)) {
                FxObjectDefer(Root, FxStateDeferedDisposing);
                return FALSE;
            }
            Object = Child;
            Next = Child->Children.Flink;
            continue;
        }
        FxObjectDisposeSelf(Object);
        if (Object == Root) {
            return TRUE;
        }
        Next = Object->ChildEntry.Flink;
        Object = Object->Parent;
    }
}

/* ---- the second pass: destroy -------------------------------------------------------------- */

/* Takes a child out of its parent's list; from here on it lives on references alone. */
static VOID FxObjectDetach(PFX_OBJECT Object)
{
    RemoveEntryList(&Object->ChildEntry);
    Object->Parent = NULL;
    FxObjectSetState(Object, FxStateDeletedAndDisposed);
}

/* Drops the first reference of everything below Root and of Root, children before parents. */
static VOID FxObjectDestroyTree(PFX_OBJECT Root)
{
    PFX_OBJECT Object = Root;
    for (;;) {
        if (!IsListEmpty(&Object->Children)) {
            Object = CONTAINING_RECORD(Object->Children.Flink, FX_OBJECT, ChildEntry);
            continue;
        }
        if (Object == Root) {
            break;
        }
        PFX_OBJECT Parent = Object->Parent;
        FxObjectDetach(Object);
        FxObjectDereference(Object);
        Object = Parent;
    }
    FxObjectSetState(Root, FxStateDeletedAndDisposed);
    FxObjectDereference(Root);
}

/* ---- the whole ----------------------------------------------------------------------------- */

/* Takes an object out of its parent's list, or leaves it to a parent that is being disposed of. */
static BOOLEAN FxObjectUnlink(PFX_OBJECT Object)
{
    PFX_OBJECT Parent = Object->Parent;
    if (Parent == NULL) {
        return TRUE;
    }
    FxAcquireInner(&Parent->Lock);
    BOOLEAN Mine = Parent->State == FxStateCreated || Parent->State == FxStateDeferedDeleting;
    if (Mine) {
        RemoveEntryList(&Object->ChildEntry);
        Parent->PassiveChildren -= (Object->Flags & FX_OBJECT_PASSIVE) != 0;
        Object->Parent = NULL;
    }
    FxReleaseInner(&Parent->Lock);
    return Mine;
}

/* TRUE for the one caller that is to delete the object; later ones, and the parent's, get FALSE. */
static BOOLEAN FxObjectClaim(PFX_OBJECT Object)
{
    ULONG64 Flags = FxAcquire(&Object->Lock);
    BOOLEAN Mine = Object->State == FxStateCreated;
    if (Mine) {
        Mine = FxObjectUnlink(Object);
        FxObjectSetState(Object, Mine ? FxStateDeletedDisposing : FxStateWaitingForEarlyDispose);
    }
    FxRelease(&Object->Lock, Flags);
    return Mine;
}

/* Deletes the object and everything below it. IRQL <= DISPATCH_LEVEL. */
VOID FxObjectDelete(PFX_OBJECT Object)
{
    if (!FxObjectClaim(Object)) {
        return;
    }
    if ((Object->Flags & FX_OBJECT_PASSIVE) && FxCurrentIrql() != PASSIVE_LEVEL) {
        FxObjectDefer(Object, FxStateDeferedDeleting);
        return;
    }
    if (FxObjectDisposeTree(Object)) {
        FxObjectDestroyTree(Object);
    }
}

/*
 * Goes on with a deletion that waited for PASSIVE_LEVEL; what is cleaned up already is passed by.
 */
VOID FxObjectResumeDelete(PFX_OBJECT Object)
{
    FxObjectEnter(Object, FxStateDeletedDisposing);
    if (FxObjectDisposeTree(Object)) {
        FxObjectDestroyTree(Object);
    }
}
