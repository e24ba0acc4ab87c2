/*
 * fx.h - the whole private interface of the framework: objects, their tree, their contexts and
 * memory, the driver's record. object.c opens with the theory and the invariants (FX-1 ...).
 */
#pragma once

#include <wdf.h>
#include "wdf/platform.h"

typedef struct _FX_OBJECT FX_OBJECT, *PFX_OBJECT;
typedef struct _FX_DRIVER_GLOBALS FX_DRIVER_GLOBALS, *PFX_DRIVER_GLOBALS;

/* ---- kinds of objects ---------------------------------------------------------------------- */

/* Type codes; they surface as the third parameter of bug check 0x10D/5 (contract 1.1). */
typedef enum _FX_TYPE {
    FxTypeObject = 0x1000, /* asks for any object; also the base type of memory objects */
    FxTypeDriver = 0x1001,
    FxTypeMemory = 0x100A, /* an interface: what memory objects answer to */
    FxTypeUserObject = 0x100C,
    FxTypePreallocatedMemory = 0x1022, /* an interface */
} FX_TYPE;

/* What is common to all objects of one sort; constant. The hooks are optional. */
typedef struct _FX_OBJECT_KIND {
    USHORT Type;
    USHORT Flags; /* FX_KIND_* */
    ULONG Size;   /* bytes of the object's record, which begins with an FX_OBJECT */
    /* The object's interface of another type than its own; NULL if it has none. */
    PVOID (*Query)(PFX_OBJECT Object, USHORT Offset, USHORT Type);
    /* After the children's disposal, before the object's own cleanup callbacks. */
    VOID (*Dispose)(PFX_OBJECT Object);
    /* After the destroy callbacks, before the memory goes. */
    VOID (*Destruct)(PFX_OBJECT Object);
} FX_OBJECT_KIND;

#define FX_KIND_NO_DELETE    0x1 /* WdfObjectDelete by a driver is refused */
#define FX_KIND_PASSIVE      0x2 /* is disposed of and destroyed at PASSIVE_LEVEL only */
#define FX_KIND_MUST_DISPOSE 0x4 /* running out of references without a delete is fatal */

/* ---- an object ----------------------------------------------------------------------------- */

/* Where an object is on its way (contract 1.9); only Created objects take children and contexts. */
typedef enum _FX_OBJECT_STATE {
    FxStateInvalid,
    FxStateCreated,
    FxStateDeletedDisposing,         /* the root of a deletion, its tree being cleaned up */
    FxStateDisposingDisposeChildren, /* the same for an object below the root */
    FxStateDeferedDeleting,          /* a root that waits for PASSIVE_LEVEL, nothing touched yet */
    FxStateDeferedDisposing,         /* a root that stopped half way down its tree */
    FxStateWaitingForEarlyDispose,   /* deleted while its parent's disposal was on its way to it */
    FxStateDisposed,                 /* cleaned up; the parent's deletion will go on with it */
    FxStateDeletedAndDisposed,       /* lives on references alone */
    FxStateDeferedDestroy,           /* no reference left, waits for PASSIVE_LEVEL */
    FxStateDestroyed,                /* destroy callbacks run or have run */
} FX_OBJECT_STATE;

/* What a context, or an object without one, has in front of it. 0x30 bytes: a driver may look. */
typedef struct _FX_CONTEXT_HEADER {
    PFX_OBJECT Object;
    struct _FX_CONTEXT_HEADER *Next;
    PFN_WDF_OBJECT_CONTEXT_CLEANUP Cleanup;
    PFN_WDF_OBJECT_CONTEXT_DESTROY Destroy;
    PCWDF_OBJECT_CONTEXT_TYPE_INFO TypeInfo;
    DECLSPEC_ALIGN(16) UCHAR Context[];
} FX_CONTEXT_HEADER, *PFX_CONTEXT_HEADER;
_Static_assert(sizeof(FX_CONTEXT_HEADER) == 0x30, "contract 1.5");
_Static_assert(offsetof(FX_CONTEXT_HEADER, Context) == 0x30, "contract 1.5");

/*
 * Objects that wait for PASSIVE_LEVEL, first come first served, and the work item that runs them.
 */
typedef struct _FX_DISPOSE_LIST {
    FX_LOCK Lock;
    BOOLEAN Scheduled; /* the work item is queued or running; TRUE while First is not NULL */
    PFX_OBJECT First;
    PFX_OBJECT Last;
    WORK_QUEUE_ITEM WorkItem;
} FX_DISPOSE_LIST, *PFX_DISPOSE_LIST;

struct _FX_OBJECT {
    const FX_OBJECT_KIND *Kind;
    PFX_DRIVER_GLOBALS Globals;
    volatile LONG References;
    FX_LOCK Lock;
    USHORT State;          /* FX_OBJECT_STATE; under Lock, but for the deletion that owns it */
    USHORT Flags;          /* FX_OBJECT_*; fixed once the object is in the tree */
    ULONG ContextOffset;   /* from the object to its first context header */
    ULONG PassiveChildren; /* how many direct children have FX_OBJECT_PASSIVE */
    PFX_OBJECT Parent;     /* no reference goes with it, in neither direction */
    LIST_ENTRY Children;   /* in creation order */
    LIST_ENTRY ChildEntry;
    PFX_DISPOSE_LIST DisposeList; /* the parent's: its device's or its driver's */
    PFX_OBJECT DisposeNext;
};

#define FX_OBJECT_PASSIVE 0x1 /* disposal and destruction wait for PASSIVE_LEVEL */

/* How an object is to be made. */
typedef struct _FX_OBJECT_RECIPE {
    const FX_OBJECT_KIND *Kind;
    PFX_DRIVER_GLOBALS Globals;
    POOL_TYPE PoolType; /* of the whole allocation */
    ULONG PoolTag;
    SIZE_T InlineBytes; /* a buffer between the object's record and its context */
    PWDF_OBJECT_ATTRIBUTES Attributes;
} FX_OBJECT_RECIPE;

/* object.c */
NTSTATUS FxObjectCreate(const FX_OBJECT_RECIPE *Recipe, PFX_OBJECT *Object);
NTSTATUS FxObjectCommit(PFX_OBJECT Object, PWDF_OBJECT_ATTRIBUTES Attributes);
VOID FxObjectAbandon(
    PFX_OBJECT Object); /* a created object whose commit failed, or was not tried */
VOID FxObjectReference(PFX_OBJECT Object);
VOID FxObjectDereference(PFX_OBJECT Object);
VOID FxObjectFinishDestroy(PFX_OBJECT Object); /* a FxStateDeferedDestroy one, at PASSIVE_LEVEL */
PVOID FxObjectInlineBuffer(PFX_OBJECT Object);

/* delete.c */
VOID FxObjectDelete(PFX_OBJECT Object);
VOID FxObjectResumeDelete(PFX_OBJECT Object);

/* dispose.c */
VOID FxDisposeListInitialize(PFX_DISPOSE_LIST List);
VOID FxDisposeListAdd(PFX_OBJECT Object); /* its state is set already */
VOID FxDisposeListDrain(PFX_DISPOSE_LIST List);

static inline FX_OBJECT_STATE FxObjectState(PFX_OBJECT Object)
{
    return (FX_OBJECT_STATE)__atomic_load_n(&Object->State, __ATOMIC_ACQUIRE);
}
static inline VOID FxObjectSetState(PFX_OBJECT Object, FX_OBJECT_STATE State)
{
    __atomic_store_n(&Object->State, (USHORT)State, __ATOMIC_RELEASE);
}

/* ---- handles (handle.c) -------------------------------------------------------------------- */

/* All bits but the low three are inverted (contract 1.1), so that no handle works as a pointer. */
#define FX_HANDLE_MASK   0xFFFFFFFFFFFFFFF8ULL
#define FX_HANDLE_OFFSET 0x1ULL /* leads to a part inside an object */

static inline WDFOBJECT FxHandleOfObject(const FX_OBJECT *Object)
{
    return (WDFOBJECT)((ULONG_PTR)Object ^ FX_HANDLE_MASK);
}

/* The object behind a handle that is not NULL; Offset is that of the part it names, mostly 0. */
static inline PFX_OBJECT FxObjectOfHandle(WDFOBJECT Handle, PUSHORT Offset)
{
    ULONG_PTR Address = (ULONG_PTR)Handle ^ FX_HANDLE_MASK;
    *Offset = 0;
    if (Address & FX_HANDLE_OFFSET) {
        Address &= ~FX_HANDLE_OFFSET;
        *Offset = *(PUSHORT)Address;
        Address -= *Offset;
    }
    return (PFX_OBJECT)Address;
}

/*
 * Whose globals a creator goes by: those of the parent that the attributes name, else the caller's.
 * Read before the attributes are validated, so only a record of the right size is believed.
 */
PFX_DRIVER_GLOBALS FxGlobalsForCreate(PWDF_DRIVER_GLOBALS DriverGlobals,
                                      const WDF_OBJECT_ATTRIBUTES *Attributes);
/* The object, or its interface, of that type; bug check 0x10D/5 when the handle has neither. */
PVOID FxHandleGet(PFX_DRIVER_GLOBALS Globals, WDFOBJECT Handle, USHORT Type);

/* ---- contexts (context.c) ------------------------------------------------------------------ */

static inline PFX_CONTEXT_HEADER FxObjectContexts(PFX_OBJECT Object)
{
    return (PFX_CONTEXT_HEADER)((PUCHAR)Object + Object->ContextOffset);
}

/* The bytes of context that valid attributes ask for, rounded to 8; FALSE when they overflow. */
BOOLEAN FxContextBytes(const WDF_OBJECT_ATTRIBUTES *Attributes, PSIZE_T Bytes);
VOID FxContextInitialize(PFX_CONTEXT_HEADER Header, PFX_OBJECT Object,
                         const WDF_OBJECT_ATTRIBUTES *Attributes, SIZE_T Bytes);
VOID FxContextRunCleanups(PFX_OBJECT Object);
VOID FxContextRunDestroys(PFX_OBJECT Object);
VOID FxContextRunPairs(PFX_OBJECT Object);
VOID FxContextFreeAdded(PFX_OBJECT Object);

/* ---- attributes (attributes.c) ------------------------------------------------------------- */

#define FX_ATTRIBUTES_REQUIRED         0x01 /* not NULL */
#define FX_ATTRIBUTES_LEVEL_ALLOWED    0x02
#define FX_ATTRIBUTES_SCOPE_ALLOWED    0x04
#define FX_ATTRIBUTES_PARENT_FORBIDDEN 0x08
NTSTATUS FxAttributesValidate(const WDF_OBJECT_ATTRIBUTES *Attributes, ULONG Rules);

/* ---- the framework's own memory (pool.c) --------------------------------------------------- */

PVOID FxPoolAllocate(PFX_DRIVER_GLOBALS Globals, POOL_TYPE PoolType, ULONG Tag, SIZE_T Bytes);
VOID FxPoolFree(PVOID Block);

/* ---- memory objects (memory.c) ------------------------------------------------------------- */

typedef struct _FX_MEMORY {
    FX_OBJECT Object;
    PVOID Buffer;
    SIZE_T Size;
} FX_MEMORY, *PFX_MEMORY;

NTSTATUS FxMemoryCreate(const FX_OBJECT_RECIPE *Recipe, SIZE_T BufferSize, PFX_MEMORY *Memory);
NTSTATUS FxMemoryCreatePreallocated(const FX_OBJECT_RECIPE *Recipe, PVOID Buffer, SIZE_T BufferSize,
                                    PFX_MEMORY *Memory);

/* ---- the driver (driver.c) ----------------------------------------------------------------- */

/* What the framework keeps for one client. Private part first; clients see Public only. */
struct _FX_DRIVER_GLOBALS {
    PFX_OBJECT Driver; /* the driver object, from its creation to its end; the default parent */
    ULONG Tag;         /* of the framework's allocations for this client; never 0 */
    FX_DISPOSE_LIST DisposeList;
    WDF_DRIVER_GLOBALS Public;
};

static inline PFX_DRIVER_GLOBALS FxGlobalsOfClient(PWDF_DRIVER_GLOBALS Public)
{
    return CONTAINING_RECORD(Public, FX_DRIVER_GLOBALS, Public);
}

/* A record for a client that binds; NULL when there is no memory. PASSIVE_LEVEL. */
PWDF_DRIVER_GLOBALS FxDriverGlobalsCreate(VOID);
/* Deletes what is left of the client's objects, then the record. PASSIVE_LEVEL. */
VOID FxDriverGlobalsFree(PWDF_DRIVER_GLOBALS Public);

/*
 * Makes the client's driver object. RegistryPath ends in the service name, which gives the default
 * pool tag unless Config has one. Attributes: optional, without a parent. PASSIVE_LEVEL. Errors:
 * STATUS_DRIVER_INTERNAL_ERROR (there is one), STATUS_INSUFFICIENT_RESOURCES, those of attributes.
 */
NTSTATUS FxDriverCreate(PWDF_DRIVER_GLOBALS Public, PCUNICODE_STRING RegistryPath,
                        PWDF_OBJECT_ATTRIBUTES Attributes, const WDF_DRIVER_CONFIG *Config);
/* Deletes the driver object with everything below it, as an unload does. PASSIVE_LEVEL. */
VOID FxDriverDelete(PWDF_DRIVER_GLOBALS Public);

/* ---- 0x10D (violation.c) ------------------------------------------------------------------- */

DECLSPEC_NORETURN VOID FxViolationNull(PFX_DRIVER_GLOBALS Globals, PVOID Caller);
DECLSPEC_NORETURN VOID FxViolationHandle(PFX_DRIVER_GLOBALS Globals, WDFOBJECT Handle, USHORT Type);
DECLSPEC_NORETURN VOID FxViolationObject(PFX_OBJECT Object);

/* Stops the machine with 0x10D/4 when a required pointer is NULL. */
static inline VOID FxRequirePointer(PFX_DRIVER_GLOBALS Globals, const VOID *Pointer, PVOID Caller)
{
    if (Pointer == NULL) {
        FxViolationNull(Globals, Caller);
    }
}

/* ---- the function table (table.S, table.c) ------------------------------------------------- */

extern const WDFFUNC FxFunctionTable[WdfFunctionTableNumEntries];
extern const CHAR *const FxFunctionNames[WdfFunctionTableNumEntries];

/* What is in the table: Fx and the function's name. include/wdfobject.h and wdfmemory.h explain. */
NTSTATUS NTAPI FxWdfMemoryCreate(PWDF_DRIVER_GLOBALS DriverGlobals,
                                 PWDF_OBJECT_ATTRIBUTES Attributes, POOL_TYPE PoolType,
                                 ULONG PoolTag, size_t BufferSize, WDFMEMORY *Memory,
                                 PVOID *Buffer);
NTSTATUS NTAPI FxWdfMemoryCreatePreallocated(PWDF_DRIVER_GLOBALS DriverGlobals,
                                             PWDF_OBJECT_ATTRIBUTES Attributes, PVOID Buffer,
                                             size_t BufferSize, WDFMEMORY *Memory);
PVOID NTAPI FxWdfMemoryGetBuffer(PWDF_DRIVER_GLOBALS DriverGlobals, WDFMEMORY Handle,
                                 size_t *BufferSize);
NTSTATUS NTAPI FxWdfMemoryAssignBuffer(PWDF_DRIVER_GLOBALS DriverGlobals, WDFMEMORY Handle,
                                       PVOID Buffer, size_t BufferSize);
NTSTATUS NTAPI FxWdfMemoryCopyToBuffer(PWDF_DRIVER_GLOBALS DriverGlobals, WDFMEMORY Source,
                                       size_t SourceOffset, PVOID Buffer, size_t Count);
NTSTATUS NTAPI FxWdfMemoryCopyFromBuffer(PWDF_DRIVER_GLOBALS DriverGlobals, WDFMEMORY Destination,
                                         size_t DestinationOffset, PVOID Buffer, size_t Count);
PVOID NTAPI FxWdfObjectGetTypedContextWorker(PWDF_DRIVER_GLOBALS DriverGlobals, WDFOBJECT Handle,
                                             PCWDF_OBJECT_CONTEXT_TYPE_INFO TypeInfo);
NTSTATUS NTAPI FxWdfObjectAllocateContext(PWDF_DRIVER_GLOBALS DriverGlobals, WDFOBJECT Handle,
                                          PWDF_OBJECT_ATTRIBUTES Attributes, PVOID *Context);
WDFOBJECT NTAPI FxWdfObjectContextGetObject(PWDF_DRIVER_GLOBALS DriverGlobals,
                                            PVOID ContextPointer);
VOID NTAPI FxWdfObjectReferenceActual(PWDF_DRIVER_GLOBALS DriverGlobals, WDFOBJECT Handle,
                                      PVOID Tag, LONG Line, PCHAR File);
VOID NTAPI FxWdfObjectDereferenceActual(PWDF_DRIVER_GLOBALS DriverGlobals, WDFOBJECT Handle,
                                        PVOID Tag, LONG Line, PCHAR File);
NTSTATUS NTAPI FxWdfObjectCreate(PWDF_DRIVER_GLOBALS DriverGlobals,
                                 PWDF_OBJECT_ATTRIBUTES Attributes, WDFOBJECT *Object);
VOID NTAPI FxWdfObjectDelete(PWDF_DRIVER_GLOBALS DriverGlobals, WDFOBJECT Handle);
