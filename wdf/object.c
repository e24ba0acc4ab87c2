/*
 * object.c - the life of a framework object but for its deletion: making, tying into the tree,
 * reference counting, the end. For every creator in wdf/ and for delete.c.
 *
 * Theory. An object is one allocation: the framework's pool header, the object's record, an inline
 * buffer (small memory objects), a context header, a context (contract 1.5). Contexts that are
 * added later are blocks of their own, linked behind the first header. Objects form a tree under
 * the driver object. Deleting one deletes everything below it, in two passes over the tree: first
 * all cleanup callbacks, then all destroy callbacks. The tree itself takes no references: a child
 * goes with its parent, whoever else still holds references keeps memory and destroy callback
 * waiting, nothing more.
 *
 *   FX-1   A handle is the object's address with all but the low three bits inverted; nothing but
 *          NULL and a live object of another type is found out by decoding it.
 *   FX-2   Parent and child hold no reference on each other. A child is in its parent's list from
 *          its commit until its own deletion unlinks it or its parent's deletion detaches it.
 *   FX-3   Only an object in state Created gains children or contexts. It leaves that state under
 *          its lock; from then on its list of children is frozen, and the one deletion that took
 *          it walks the list without a lock. (One exception: while a deferred deletion has not
 *          begun, a child's own deletion still takes the child out.)
 *   FX-4   Locks are taken child before parent, never more than these two, and no callback, pool
 *          or work queue routine is called with one held.
 *   FX-5   In a deletion every cleanup precedes every destroy. Both go through children before
 *          parents, siblings in creation order.
 *   FX-6   Of each context header cleanup runs at most once and destroy at most once, in this
 *          order.
 *   FX-7   Callbacks of a passive object run at PASSIVE_LEVEL. Above it, a passive root, or a root
 *          with a passive direct child, is handed to the work item before anything has run.
 *   FX-8   The first reference belongs to the deletion, which drops it last. Whoever drops the
 *          last one destroys the object. A count that runs out in any other way is 0x10D/7.
 *   FX-9   No driver callback runs for a creation that failed.
 *   FX-10  A deletion takes a constant amount of stack and time linear in the objects deleted.
 *   FX-11  No deferred deletion outlives its driver object.
 */
#include "wdf/fx.h"

#define FX_ROUND_UP(Value, To) (((Value) + (To)-1) & ~((SIZE_T)(To)-1))

/* Sum and rounding of the parts; FALSE when they overflow. */
static BOOLEAN FxObjectLayout(const FX_OBJECT_RECIPE *Recipe, SIZE_T ContextBytes,
                              PULONG ContextOffset, PSIZE_T Total)
{
    SIZE_T Offset = FX_ROUND_UP((SIZE_T)Recipe->Kind->Size, MEMORY_ALLOCATION_ALIGNMENT);
    Offset += FX_ROUND_UP(Recipe->InlineBytes, MEMORY_ALLOCATION_ALIGNMENT);
    *ContextOffset = (ULONG)Offset;
    return !__builtin_add_overflow(Offset + sizeof(FX_CONTEXT_HEADER), ContextBytes, Total);
}

static VOID FxObjectInitialize(PFX_OBJECT Object, const FX_OBJECT_RECIPE *Recipe,
                               ULONG ContextOffset)
{
    RtlZeroMemory(Object, Recipe->Kind->Size);
    Object->Kind = Recipe->Kind;
    Object->Globals = Recipe->Globals;
    Object->References = 1;
    Object->State = FxStateCreated;
    Object->ContextOffset = ContextOffset;
    Object->Flags = Recipe->Kind->Flags & FX_KIND_PASSIVE ? FX_OBJECT_PASSIVE : 0;
    Object->DisposeList = &Recipe->Globals->DisposeList;
    InitializeListHead(&Object->Children);
    InitializeListHead(&Object->ChildEntry);
}

/*
 * Allocates an object with its inline buffer and its context; the attributes are valid. It is in no
 * tree and has no callbacks until FxObjectCommit.
 */
NTSTATUS FxObjectCreate(const FX_OBJECT_RECIPE *Recipe, PFX_OBJECT *Object)
{
    SIZE_T ContextBytes, Total;
    ULONG ContextOffset;
    if (!FxContextBytes(Recipe->Attributes, &ContextBytes) ||
        !FxObjectLayout(Recipe, ContextBytes, &ContextOffset, &Total)) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    PFX_OBJECT New = FxPoolAllocate(Recipe->Globals, Recipe->PoolType, Recipe->PoolTag, Total);
    if (New == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    FxObjectInitialize(New, Recipe, ContextOffset);
    FxContextInitialize(FxObjectContexts(New), New, Recipe->Attributes, ContextBytes);
    *Object = New;
    return STATUS_SUCCESS;
}

PVOID FxObjectInlineBuffer(PFX_OBJECT Object)
{
    return (PUCHAR)Object + FX_ROUND_UP((SIZE_T)Object->Kind->Size, MEMORY_ALLOCATION_ALIGNMENT);
}

static VOID FxObjectSetCallbacks(PFX_OBJECT Object, PWDF_OBJECT_ATTRIBUTES Attributes)
{
    if (Attributes != NULL) {
        FxObjectContexts(Object)->Cleanup = Attributes->EvtCleanupCallback;
        FxObjectContexts(Object)->Destroy = Attributes->EvtDestroyCallback;
    }
}

/*
 * Hangs a new object under its parent, at the end. Nobody else knows the child before the lock is
 * released; from then on the parent's deletion may take it, so the callbacks are there by then.
 */
static NTSTATUS FxObjectLink(PFX_OBJECT Object, PFX_OBJECT Parent,
                             PWDF_OBJECT_ATTRIBUTES Attributes)
{
    ULONG64 Flags = FxAcquire(&Parent->Lock);
    BOOLEAN Alive = Parent->State == FxStateCreated;
    if (Alive) {
        FxObjectSetCallbacks(Object, Attributes);
        InsertTailList(&Parent->Children, &Object->ChildEntry);
        Parent->PassiveChildren += (Object->Flags & FX_OBJECT_PASSIVE) != 0;
        Object->Parent = Parent;
        Object->DisposeList = Parent->DisposeList;
    }
    FxRelease(&Parent->Lock, Flags);
    return Alive ? STATUS_SUCCESS : STATUS_DELETE_PENDING;
}

/* Who is to be the parent: the one the driver named, else the driver object once there is one. */
static PFX_OBJECT FxObjectChooseParent(PFX_OBJECT Object, PWDF_OBJECT_ATTRIBUTES Attributes)
{
    if (Attributes != NULL && Attributes->ParentObject != NULL) {
        return FxHandleGet(Object->Globals, Attributes->ParentObject, FxTypeObject);
    }
    PFX_OBJECT Driver = Object->Globals->Driver;
    return Driver != Object ? Driver : NULL;
}

/*
 * Ties a created object into the tree (contract 1.7). The callbacks are stored only when that
 * worked, so that none of them runs for an object the driver never got (FX-9).
 */
NTSTATUS FxObjectCommit(PFX_OBJECT Object, PWDF_OBJECT_ATTRIBUTES Attributes)
{
    if (Attributes != NULL && Attributes->ExecutionLevel == WdfExecutionLevelPassive) {
        Object->Flags |= FX_OBJECT_PASSIVE;
    }
    PFX_OBJECT Parent = FxObjectChooseParent(Object, Attributes);
    if (Parent != NULL) {
        return FxObjectLink(Object, Parent, Attributes);
    }
    FxObjectSetCallbacks(Object, Attributes);
    return STATUS_SUCCESS;
}

VOID FxObjectAbandon(PFX_OBJECT Object)
{
    FxObjectSetState(Object, FxStateDeletedAndDisposed);
    FxObjectDereference(Object);
}

/* ---- references and the end ---------------------------------------------------------------- */

/* What is left when the callbacks have run. A stale handle then meets an object without a kind. */
static VOID FxObjectFree(PFX_OBJECT Object)
{
    if (Object->Parent != NULL || !IsListEmpty(&Object->Children)) {
        FxViolationObject(Object);
    }
    if (Object->Kind->Destruct != NULL) {
        Object->Kind->Destruct(Object);
    }
    FxContextFreeAdded(Object);
    Object->Kind = NULL;
    FxPoolFree(Object);
}

VOID FxObjectFinishDestroy(PFX_OBJECT Object)
{
    FxObjectSetState(Object, FxStateDestroyed);
    FxContextRunDestroys(Object);
    FxObjectFree(Object);
}

/* The driver dropped more references than it took, and nobody deleted the object. */
static VOID FxObjectRanOut(PFX_OBJECT Object)
{
    FxObjectSetState(Object, FxStateDestroyed);
    FxContextRunPairs(Object);
    if (Object->Kind->Flags & FX_KIND_MUST_DISPOSE) {
        FxViolationObject(Object);
    }
    FxObjectFree(Object);
}

static VOID FxObjectReachedZero(PFX_OBJECT Object)
{
    switch (FxObjectState(Object)) {
    case FxStateDeletedAndDisposed:
        if ((Object->Flags & FX_OBJECT_PASSIVE) && FxCurrentIrql() != PASSIVE_LEVEL) {
            FxObjectSetState(Object, FxStateDeferedDestroy);
            FxDisposeListAdd(Object);
        } else {
            FxObjectFinishDestroy(Object);
        }
        return;
    case FxStateDestroyed:
        return; /* a reference taken and dropped inside the object's own destroy callback */
    case FxStateCreated: FxObjectRanOut(Object); return;
    default: FxViolationObject(Object);
    }
}

VOID FxObjectReference(PFX_OBJECT Object)
{
    __atomic_add_fetch(&Object->References, 1, __ATOMIC_RELAXED);
}

VOID FxObjectDereference(PFX_OBJECT Object)
{
    LONG Left = __atomic_sub_fetch(&Object->References, 1, __ATOMIC_ACQ_REL);
    if (Left == 0) {
        FxObjectReachedZero(Object);
    } else if (Left < 0) {
        FxViolationObject(Object);
    }
}
