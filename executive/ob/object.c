/*
 * object.c - objects: memory with a header that counts who uses it, and the end of it.
 *
 * Theory. What drivers share by pointer, name or handle is an object: an OBJECT_HEADER, from
 * nonpaged pool under the tag of its type, and behind it the body that pointers point to. The
 * header has two counts. The pointer count says how long the memory lives; a handle, and the
 * object's place in the name space, count in it as every reference does. The handle count says how
 * long the name lives: a temporary object loses its name with its last handle.
 *
 *       name --+       +-- PointerCount = references + handles + 1 if it has a name
 *              v       |   HandleCount
 *     [ OBJECT_HEADER  | Type | Flags | Name ][ body: KEVENT, ETHREAD, directory, ... ]
 *              ^
 *     handle --+   (table entry: object, access)
 *
 * Whoever takes the pointer count to 0 has the object for himself. At PASSIVE_LEVEL he runs the
 * type's Delete and frees the memory; above it he hangs the header into a list for a worker.
 *
 * Locks: the name lock (a fast mutex) guards directories, links, names and the permanent flag; the
 * lock of the handle table (interrupts off) its entries. Counts change by interlocked operations.
 * Nobody gives a reference back with a lock held, since that may delete.
 *
 *   OB-1  The memory of an object is freed once, after its Delete routine, which runs once at
 *         PASSIVE_LEVEL, when its pointer count has become 0.
 *   OB-2  A handle is 1 in the handle count and 1 in the pointer count of its object.
 *   OB-3  An object in a directory has a reference of its name; its directory has one, too, so that
 *         a directory with something in it lives.
 *   OB-4  A temporary object has its name only while it has a handle; a permanent one for good.
 *         The handle count of an object that has or had a name changes under the name lock, so
 *         whoever opens by name gets a handle to an object that is still found there.
 *   OB-5  A reference taken at 0, one too many given back, and a last one given back while there
 *         are handles are bug check 0x18.
 *   OB-6  No two names in a directory are equal; they may differ in case alone when the second one
 *         was made without OBJ_CASE_INSENSITIVE.
 *   OB-7  The value of a handle that was closed comes back only after at least OBP_LEAST_FREE other
 *         ones, while memory lasts (handle.c).
 *   OB-8  A handle opened with OBJ_KERNEL_HANDLE is good in KernelMode only, and its value without
 *         the upper bits is no handle.
 *   OB-9  A path ends with what its first bad part says: not there STATUS_OBJECT_NAME_NOT_FOUND at
 *         its end, STATUS_OBJECT_PATH_NOT_FOUND before; something that holds no names
 *         STATUS_OBJECT_PATH_INVALID; an empty part STATUS_OBJECT_NAME_INVALID.
 */
#include "executive/ob/ob.h"
#include "kernel/rtl/section.h"

static KSPIN_LOCK ObpDeferredLock; /* guards these two */
static POBJECT_HEADER ObpDeferred; /* the objects to delete, by NextToFree */
static BOOLEAN ObpReaperQueued;

PVOID ObpAllocateObject(POBJECT_TYPE Type)
{
    SIZE_T Size = sizeof(OBJECT_HEADER) + Type->Info.BodySize;
    POBJECT_HEADER Header = ExAllocatePoolWithTag(NonPagedPoolNx, Size, Type->Info.Tag);
    if (Header == NULL) {
        return NULL;
    }
    RtlZeroMemory(Header, Size);
    Header->PointerCount = 1;
    Header->Type = Type;
    __atomic_add_fetch(&Type->Objects, 1, __ATOMIC_RELAXED);
    return ObpBody(Header);
}

/* ---- the end --------------------------------------------------------------------------------- */

/* OB-1. */
static VOID ObpDeleteObject(POBJECT_HEADER Header)
{
    POBJECT_TYPE Type = Header->Type;
    if (Type->Info.Delete != NULL) {
        Type->Info.Delete(ObpBody(Header));
    }
    ExFreePoolWithTag(Header, Type->Info.Tag);
    __atomic_sub_fetch(&Type->Objects, 1, __ATOMIC_RELAXED);
}

/* All that wait for their deletion; with none, the next one queues the worker. */
static POBJECT_HEADER ObpTakeDeferred(VOID)
{
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ObpDeferredLock);
    POBJECT_HEADER First = ObpDeferred;
    ObpDeferred = NULL;
    ObpReaperQueued = First != NULL;
    KeReleaseSpinLock(&ObpDeferredLock, OldIrql);
    return First;
}

static VOID NTAPI ObpReap(PVOID Parameter)
{
    POBJECT_HEADER Header, Next;
    UNREFERENCED_PARAMETER(Parameter);
    while ((Header = ObpTakeDeferred()) != NULL) {
        for (; Header != NULL; Header = Next) {
            Next = Header->NextToFree;
            ObpDeleteObject(Header);
        }
    }
}

static VOID ObpDeferDelete(POBJECT_HEADER Header)
{
    static WORK_QUEUE_ITEM Item = {{NULL, NULL}, ObpReap, NULL};
    KIRQL OldIrql = KeAcquireSpinLockRaiseToDpc(&ObpDeferredLock);
    BOOLEAN Queue = !ObpReaperQueued;
    ObpReaperQueued = TRUE;
    Header->NextToFree = ObpDeferred;
    ObpDeferred = Header;
    KeReleaseSpinLock(&ObpDeferredLock, OldIrql);
    if (Queue) {
        ExQueueWorkItem(&Item, CriticalWorkQueue);
    }
}

/* OB-5. */
static DECLSPEC_NORETURN __attribute__((cold)) VOID ObpBadReference(POBJECT_HEADER Header)
{
    KeBugCheckEx(REFERENCE_BY_POINTER, (ULONG_PTR)Header->Type, (ULONG_PTR)ObpBody(Header), 0, 0);
}

/* The pointer count has fallen to Left, which is not positive. */
static __attribute__((noinline, cold)) VOID ObpLoseObject(POBJECT_HEADER Header, LONG64 Left,
                                                          BOOLEAN Defer)
{
    if (Left < 0 || Header->HandleCount != 0) {
        ObpBadReference(Header);
    }
    if (Defer || KiReadIrql() != PASSIVE_LEVEL) {
        ObpDeferDelete(Header);
    } else {
        ObpDeleteObject(Header);
    }
}

static inline LONG_PTR ObpDereference(PVOID Object, BOOLEAN Defer)
{
    POBJECT_HEADER Header = ObpHeader(Object);
    KiRequireIrql(DISPATCH_LEVEL);
    LONG64 Left = __atomic_sub_fetch(&Header->PointerCount, 1, __ATOMIC_ACQ_REL);
    if (Left <= 0) {
        ObpLoseObject(Header, Left, Defer);
    }
    return Left;
}

/* ---- references ------------------------------------------------------------------------------ */

LONG_PTR NTAPI ObfReferenceObject(PVOID Object)
{
    POBJECT_HEADER Header = ObpHeader(Object);
    KiRequireIrql(DISPATCH_LEVEL);
    LONG64 Count = __atomic_add_fetch(&Header->PointerCount, 1, __ATOMIC_RELAXED);
    if (Count <= 1) {
        ObpBadReference(Header);
    }
    return Count;
}
EXPORT(ObfReferenceObject);

LONG_PTR NTAPI ObfReferenceObjectWithTag(PVOID Object, ULONG Tag)
{
    UNREFERENCED_PARAMETER(Tag);
    return ObfReferenceObject(Object);
}
EXPORT(ObfReferenceObjectWithTag);

LONG_PTR NTAPI ObfDereferenceObject(PVOID Object)
{
    return ObpDereference(Object, FALSE);
}
EXPORT(ObfDereferenceObject);

LONG_PTR NTAPI ObfDereferenceObjectWithTag(PVOID Object, ULONG Tag)
{
    UNREFERENCED_PARAMETER(Tag);
    return ObpDereference(Object, FALSE);
}
EXPORT(ObfDereferenceObjectWithTag);

VOID NTAPI ObDereferenceObjectDeferDelete(PVOID Object)
{
    ObpDereference(Object, TRUE);
}
EXPORT(ObDereferenceObjectDeferDelete);

VOID NTAPI ObDereferenceObjectDeferDeleteWithTag(PVOID Object, ULONG Tag)
{
    UNREFERENCED_PARAMETER(Tag);
    ObpDereference(Object, TRUE);
}
EXPORT(ObDereferenceObjectDeferDeleteWithTag);

NTSTATUS NTAPI ObReferenceObjectByPointer(PVOID Object, ACCESS_MASK DesiredAccess,
                                          POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode)
{
    POBJECT_TYPE Type = ObpHeader(Object)->Type;
    UNREFERENCED_PARAMETER(DesiredAccess);
    if (ObjectType != Type && (ObjectType != NULL || AccessMode != KernelMode)) {
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    ObfReferenceObject(Object);
    return STATUS_SUCCESS;
}
EXPORT(ObReferenceObjectByPointer);

NTSTATUS NTAPI ObReferenceObjectByPointerWithTag(PVOID Object, ACCESS_MASK DesiredAccess,
                                                 POBJECT_TYPE ObjectType,
                                                 KPROCESSOR_MODE AccessMode, ULONG Tag)
{
    UNREFERENCED_PARAMETER(Tag);
    return ObReferenceObjectByPointer(Object, DesiredAccess, ObjectType, AccessMode);
}
EXPORT(ObReferenceObjectByPointerWithTag);
