/*
 * wdfobject.h - objects, their attributes and their contexts, for drivers (through wdf.h).
 *
 * Every object of the framework has a handle, a parent, a reference count, two callbacks and any
 * number of typed contexts. What is common to all of them is declared here.
 */
#pragma once

#include <wdffuncenum.h>

/* ---- callbacks ----------------------------------------------------------------------------- */

/*
 * The object is being deleted: give back what its life needs. Handle, data and children are still
 * there, the children already cleaned up. Runs once, at the level of the deleting thread, or at
 * PASSIVE_LEVEL for objects that ask for it.
 */
typedef VOID(NTAPI EVT_WDF_OBJECT_CONTEXT_CLEANUP)(WDFOBJECT Object);
typedef EVT_WDF_OBJECT_CONTEXT_CLEANUP *PFN_WDF_OBJECT_CONTEXT_CLEANUP;

/*
 * The last reference is gone; the object's memory goes when this returns. Only its contexts may
 * be used. Runs at the level of the last dereference (<= DISPATCH_LEVEL), or PASSIVE_LEVEL as
 * above.
 */
typedef VOID(NTAPI EVT_WDF_OBJECT_CONTEXT_DESTROY)(WDFOBJECT Object);
typedef EVT_WDF_OBJECT_CONTEXT_DESTROY *PFN_WDF_OBJECT_CONTEXT_DESTROY;

/* ---- context types ------------------------------------------------------------------------- */

typedef struct _WDF_OBJECT_CONTEXT_TYPE_INFO WDF_OBJECT_CONTEXT_TYPE_INFO,
    *PWDF_OBJECT_CONTEXT_TYPE_INFO;
typedef const WDF_OBJECT_CONTEXT_TYPE_INFO *PCWDF_OBJECT_CONTEXT_TYPE_INFO;

typedef PCWDF_OBJECT_CONTEXT_TYPE_INFO(NTAPI *PFN_GET_UNIQUE_CONTEXT_TYPE)(VOID);

/* Names a context type. The address of the record is the type's identity, not what is in it. */
struct _WDF_OBJECT_CONTEXT_TYPE_INFO {
    ULONG Size; /* of this record: 40, or 24 without the last two fields (KMDF 1.0) */
    PCHAR ContextName;
    size_t ContextSize; /* bytes */
    PCWDF_OBJECT_CONTEXT_TYPE_INFO UniqueType;
    PFN_GET_UNIQUE_CONTEXT_TYPE EvtDriverGetUniqueContextType;
};
_Static_assert(sizeof(WDF_OBJECT_CONTEXT_TYPE_INFO) == 40, "KMDF binary interface");
_Static_assert(offsetof(WDF_OBJECT_CONTEXT_TYPE_INFO, ContextSize) == 16 &&
                   offsetof(WDF_OBJECT_CONTEXT_TYPE_INFO, UniqueType) == 24,
               "KMDF binary interface");

/* One record a type in the driver image, although each source file that declares it has one. */
#ifdef _WIN32
#define WDF_MERGED __declspec(selectany)
#else
#define WDF_MERGED __attribute__((weak))
#endif

#define WDF_TYPE_NAME_TO_TYPE_INFO(Type) _WDF_##Type##_TYPE_INFO
#define WDF_GET_CONTEXT_TYPE_INFO(Type)  (&WDF_TYPE_NAME_TO_TYPE_INFO(Type))

/*
 * Declares Type, a structure, as a context type, and Accessor(Handle), which returns the object's
 * context of that type, NULL if it has none.
 */
#define WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(Type, Accessor)                                         \
    extern const WDF_OBJECT_CONTEXT_TYPE_INFO WDF_TYPE_NAME_TO_TYPE_INFO(Type);                    \
    WDF_MERGED const WDF_OBJECT_CONTEXT_TYPE_INFO WDF_TYPE_NAME_TO_TYPE_INFO(Type) = {             \
        sizeof(WDF_OBJECT_CONTEXT_TYPE_INFO), (PCHAR) #Type, sizeof(Type),                         \
        &WDF_TYPE_NAME_TO_TYPE_INFO(Type), NULL};                                                  \
    static inline Type *Accessor(WDFOBJECT Handle)                                                 \
    {                                                                                              \
        return WdfObjectGetTypedContextWorker(Handle,                                              \
                                              WDF_TYPE_NAME_TO_TYPE_INFO(Type).UniqueType);        \
    }

/* The same with the usual name of the accessor, WdfObjectGet_<Type>. */
#define WDF_DECLARE_CONTEXT_TYPE(Type) WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(Type, WdfObjectGet_##Type)

/* The object's context of this type (a structure declared as above), NULL if it has none. */
#define WdfObjectGetTypedContext(Handle, Type)                                                     \
    ((Type *)WdfObjectGetTypedContextWorker((Handle), WDF_TYPE_NAME_TO_TYPE_INFO(Type).UniqueType))

/* ---- attributes ---------------------------------------------------------------------------- */

typedef struct _WDF_OBJECT_ATTRIBUTES {
    ULONG Size;
    PFN_WDF_OBJECT_CONTEXT_CLEANUP EvtCleanupCallback;
    PFN_WDF_OBJECT_CONTEXT_DESTROY EvtDestroyCallback;
    WDF_EXECUTION_LEVEL ExecutionLevel;
    WDF_SYNCHRONIZATION_SCOPE SynchronizationScope;
    WDFOBJECT ParentObject;     /* NULL: the object type's default, mostly the driver */
    size_t ContextSizeOverride; /* bytes, not below the type's size; 0: the type's size */
    PCWDF_OBJECT_CONTEXT_TYPE_INFO ContextTypeInfo;
} WDF_OBJECT_ATTRIBUTES, *PWDF_OBJECT_ATTRIBUTES;

_Static_assert(sizeof(WDF_OBJECT_ATTRIBUTES) == 56, "KMDF binary interface");
_Static_assert(offsetof(WDF_OBJECT_ATTRIBUTES, EvtCleanupCallback) == 8 &&
                   offsetof(WDF_OBJECT_ATTRIBUTES, ExecutionLevel) == 24 &&
                   offsetof(WDF_OBJECT_ATTRIBUTES, ParentObject) == 32 &&
                   offsetof(WDF_OBJECT_ATTRIBUTES, ContextTypeInfo) == 48,
               "KMDF binary interface");

/* Clears Attributes, then sets its size and "inherit from parent" twice. Any IRQL. */
static inline VOID WDF_OBJECT_ATTRIBUTES_INIT(PWDF_OBJECT_ATTRIBUTES Attributes)
{
    RtlZeroMemory(Attributes, sizeof(*Attributes));
    Attributes->Size = sizeof(*Attributes);
    Attributes->ExecutionLevel = WdfExecutionLevelInheritFromParent;
    Attributes->SynchronizationScope = WdfSynchronizationScopeInheritFromParent;
}

#define WDF_OBJECT_ATTRIBUTES_SET_CONTEXT_TYPE(Attributes, Type)                                   \
    ((VOID)((Attributes)->ContextTypeInfo = WDF_TYPE_NAME_TO_TYPE_INFO(Type).UniqueType))

#define WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(Attributes, Type)                                  \
    (WDF_OBJECT_ATTRIBUTES_INIT(Attributes),                                                       \
     WDF_OBJECT_ATTRIBUTES_SET_CONTEXT_TYPE(Attributes, Type))

/* ---- functions ----------------------------------------------------------------------------- */

typedef NTSTATUS(NTAPI *PFN_WDFOBJECTCREATE)(PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES,
                                             WDFOBJECT *);
typedef VOID(NTAPI *PFN_WDFOBJECTDELETE)(PWDF_DRIVER_GLOBALS, WDFOBJECT);
typedef VOID(NTAPI *PFN_WDFOBJECTREFERENCEACTUAL)(PWDF_DRIVER_GLOBALS, WDFOBJECT, PVOID, LONG,
                                                  PCHAR);
typedef PFN_WDFOBJECTREFERENCEACTUAL PFN_WDFOBJECTDEREFERENCEACTUAL;
typedef PVOID(NTAPI *PFN_WDFOBJECTGETTYPEDCONTEXTWORKER)(PWDF_DRIVER_GLOBALS, WDFOBJECT,
                                                         PCWDF_OBJECT_CONTEXT_TYPE_INFO);
typedef NTSTATUS(NTAPI *PFN_WDFOBJECTALLOCATECONTEXT)(PWDF_DRIVER_GLOBALS, WDFOBJECT,
                                                      PWDF_OBJECT_ATTRIBUTES, PVOID *);
typedef WDFOBJECT(NTAPI *PFN_WDFOBJECTCONTEXTGETOBJECT)(PWDF_DRIVER_GLOBALS, PVOID);

/*
 * Makes an object that only carries what all objects have: contexts, callbacks, children.
 * ExecutionLevel Passive makes its callbacks run at PASSIVE_LEVEL. IRQL <= DISPATCH_LEVEL.
 * Errors: STATUS_INSUFFICIENT_RESOURCES, STATUS_DELETE_PENDING (the parent is going), and those of
 * a wrong attribute record (STATUS_INFO_LENGTH_MISMATCH, STATUS_WDF_*). Bug check 0x10D: Object is
 * NULL. Document: WdfObjectCreate (wdfobject.h).
 */
static inline NTSTATUS WdfObjectCreate(PWDF_OBJECT_ATTRIBUTES Attributes, WDFOBJECT *Object)
{
    return ((PFN_WDFOBJECTCREATE)WdfFunctions[WdfObjectCreateTableIndex])(WdfDriverGlobals,
                                                                          Attributes, Object);
}

/*
 * Deletes the object and its children: all cleanup callbacks, then all destroy callbacks, children
 * before parents and in creation order. Objects that must not be deleted by a driver (the driver
 * object) stay. IRQL <= DISPATCH_LEVEL; above PASSIVE_LEVEL a tree that needs PASSIVE_LEVEL goes
 * later, in a work item. Bug check 0x10D: bad handle. Document: WdfObjectDelete (wdfobject.h).
 */
static inline VOID WdfObjectDelete(WDFOBJECT Object)
{
    ((PFN_WDFOBJECTDELETE)WdfFunctions[WdfObjectDeleteTableIndex])(WdfDriverGlobals, Object);
}

/*
 * Adds a reference: destroy callback and memory wait for the matching dereference. Tag, Line and
 * File say who took it. IRQL <= DISPATCH_LEVEL. Bug check 0x10D: Handle is NULL. Document:
 * WdfObjectReference (wdfobject.h).
 */
static inline VOID WdfObjectReferenceActual(WDFOBJECT Handle, PVOID Tag, LONG Line, PCHAR File)
{
    ((PFN_WDFOBJECTREFERENCEACTUAL)WdfFunctions[WdfObjectReferenceActualTableIndex])(
        WdfDriverGlobals, Handle, Tag, Line, File);
}

/*
 * Takes a reference back; the last one destroys the object. IRQL <= DISPATCH_LEVEL. Bug check
 * 0x10D: Handle is NULL, or the count ran out although nobody deleted the object. Document:
 * WdfObjectDereference (wdfobject.h).
 */
static inline VOID WdfObjectDereferenceActual(WDFOBJECT Handle, PVOID Tag, LONG Line, PCHAR File)
{
    ((PFN_WDFOBJECTDEREFERENCEACTUAL)WdfFunctions[WdfObjectDereferenceActualTableIndex])(
        WdfDriverGlobals, Handle, Tag, Line, File);
}

/* Macros, since they tell the framework where they stand. */
#define WdfObjectReferenceWithTag(Handle, Tag)                                                     \
    WdfObjectReferenceActual((Handle), (Tag), __LINE__, (PCHAR)__FILE__)
#define WdfObjectReference(Handle) WdfObjectReferenceWithTag(Handle, NULL)
#define WdfObjectDereferenceWithTag(Handle, Tag)                                                   \
    WdfObjectDereferenceActual((Handle), (Tag), __LINE__, (PCHAR)__FILE__)
#define WdfObjectDereference(Handle) WdfObjectDereferenceWithTag(Handle, NULL)

/*
 * The object's context whose type record is TypeInfo, NULL if it has none. Any IRQL. Bug check
 * 0x10D: Handle or TypeInfo is NULL. Drivers call the accessors that the macros above declare.
 */
static inline PVOID WdfObjectGetTypedContextWorker(WDFOBJECT Handle,
                                                   PCWDF_OBJECT_CONTEXT_TYPE_INFO TypeInfo)
{
    return (
        (PFN_WDFOBJECTGETTYPEDCONTEXTWORKER)WdfFunctions[WdfObjectGetTypedContextWorkerTableIndex])(
        WdfDriverGlobals, Handle, TypeInfo);
}

/*
 * Gives the object one more context, cleared, with callbacks of its own. Context, if not NULL,
 * receives its address. IRQL <= DISPATCH_LEVEL. STATUS_OBJECT_NAME_EXISTS (a success) when the
 * object already has this type; then Context receives the existing one. Errors:
 * STATUS_OBJECT_NAME_INVALID (no type), STATUS_WDF_PARENT_NOT_SPECIFIED (no attributes),
 * STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED, STATUS_DELETE_PENDING, STATUS_INTEGER_OVERFLOW,
 * STATUS_INSUFFICIENT_RESOURCES. Bug check 0x10D: Handle is NULL. Document:
 * WdfObjectAllocateContext (wdfobject.h).
 */
static inline NTSTATUS WdfObjectAllocateContext(WDFOBJECT Handle, PWDF_OBJECT_ATTRIBUTES Attributes,
                                                PVOID *Context)
{
    return ((PFN_WDFOBJECTALLOCATECONTEXT)WdfFunctions[WdfObjectAllocateContextTableIndex])(
        WdfDriverGlobals, Handle, Attributes, Context);
}

/*
 * The object that a context belongs to. Any IRQL. Nothing is checked: ContextPointer must be what
 * an accessor returned. Document: WdfObjectContextGetObject (wdfobject.h).
 */
static inline WDFOBJECT WdfObjectContextGetObject(PVOID ContextPointer)
{
    return ((PFN_WDFOBJECTCONTEXTGETOBJECT)WdfFunctions[WdfObjectContextGetObjectTableIndex])(
        WdfDriverGlobals, ContextPointer);
}
