/*
 * event.c - events as objects: by name for drivers that share them, by handle for whoever likes
 * handles. What an event does is in kernel/ke/event.c.
 */
#include "executive/ex/ex.h"
#include "executive/ob/ob.h"
#include "kernel/rtl/section.h"

#define TAG_EVENT 'nevE' /* Even */

static POBJECT_TYPE ExpEventType;
POBJECT_TYPE *ExEventObjectType = &ExpEventType;
EXPORT_AS("ExEventObjectType", ExEventObjectType, &ExpEventType);

INIT VOID ExpInitializeEvents(VOID)
{
    static const OBJECT_TYPE_INITIALIZER Info = {
        .Name = L"Event",
        .Tag = TAG_EVENT,
        .BodySize = sizeof(KEVENT),
        .ValidAccess = EVENT_ALL_ACCESS,
        .GenericMapping = {STANDARD_RIGHTS_READ | EVENT_QUERY_STATE,
                           STANDARD_RIGHTS_WRITE | EVENT_MODIFY_STATE,
                           STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, EVENT_ALL_ACCESS},
        .Waitable = TRUE,
    };
    ExpEventType = ObpCreateType(&Info);
}

/* A new event with one reference, or the status of ObpInsertObject; see there. */
static NTSTATUS ExpCreateEvent(PHANDLE EventHandle, ACCESS_MASK DesiredAccess,
                               POBJECT_ATTRIBUTES ObjectAttributes, EVENT_TYPE EventType,
                               BOOLEAN InitialState, PVOID *Opened)
{
    PKEVENT Event = ObpAllocateObject(ExpEventType);
    if (Event == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    KeInitializeEvent(Event, EventType, InitialState);
    return ObpInsertObject(Event, ObjectAttributes, DesiredAccess, Opened, EventHandle);
}

/* ---- by name --------------------------------------------------------------------------------- */

static PKEVENT ExpCreateNamedEvent(PUNICODE_STRING EventName, PHANDLE EventHandle,
                                   EVENT_TYPE EventType)
{
    OBJECT_ATTRIBUTES Attributes;
    PVOID Event;
    KiRequireIrql(PASSIVE_LEVEL);
    InitializeObjectAttributes(&Attributes, EventName,
                               OBJ_OPENIF | OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
    NTSTATUS Status =
        ExpCreateEvent(EventHandle, EVENT_ALL_ACCESS, &Attributes, EventType, TRUE, &Event);
    if (!NT_SUCCESS(Status)) {
        *EventHandle = NULL;
        return NULL;
    }
    ObfDereferenceObject(Event); /* the handle keeps it */
    return Event;
}

PKEVENT NTAPI IoCreateNotificationEvent(PUNICODE_STRING EventName, PHANDLE EventHandle)
{
    return ExpCreateNamedEvent(EventName, EventHandle, NotificationEvent);
}
EXPORT(IoCreateNotificationEvent);

PKEVENT NTAPI IoCreateSynchronizationEvent(PUNICODE_STRING EventName, PHANDLE EventHandle)
{
    return ExpCreateNamedEvent(EventName, EventHandle, SynchronizationEvent);
}
EXPORT(IoCreateSynchronizationEvent);

/* ---- by handle ------------------------------------------------------------------------------- */

NTSTATUS NTAPI ZwCreateEvent(PHANDLE EventHandle, ACCESS_MASK DesiredAccess,
                             POBJECT_ATTRIBUTES ObjectAttributes, EVENT_TYPE EventType,
                             BOOLEAN InitialState)
{
    ObpRequireZw(__builtin_return_address(0));
    if (EventType != NotificationEvent && EventType != SynchronizationEvent) {
        return STATUS_INVALID_PARAMETER_4;
    }
    return ExpCreateEvent(EventHandle, DesiredAccess, ObjectAttributes, EventType, InitialState,
                          NULL);
}
EXPORT(ZwCreateEvent);

NTSTATUS NTAPI ZwOpenEvent(PHANDLE EventHandle, ACCESS_MASK DesiredAccess,
                           POBJECT_ATTRIBUTES ObjectAttributes)
{
    ObpRequireZw(__builtin_return_address(0));
    return ObpOpenByName(ObjectAttributes, ExpEventType, DesiredAccess, EventHandle);
}
EXPORT(ZwOpenEvent);

static NTSTATUS ExpReferenceEvent(HANDLE EventHandle, ACCESS_MASK DesiredAccess, PKEVENT *Event)
{
    return ObReferenceObjectByHandle(EventHandle, DesiredAccess, ExpEventType, KernelMode,
                                     (PVOID *)Event, NULL);
}

/* Sets an event, or resets it. */
static NTSTATUS ExpChangeEvent(HANDLE EventHandle, BOOLEAN Set, PLONG PreviousState)
{
    PKEVENT Event;
    NTSTATUS Status = ExpReferenceEvent(EventHandle, EVENT_MODIFY_STATE, &Event);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    LONG Previous = Set ? KeSetEvent(Event, EVENT_INCREMENT, FALSE) : KeResetEvent(Event);
    if (PreviousState != NULL) {
        *PreviousState = Previous;
    }
    ObfDereferenceObject(Event);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI ZwSetEvent(HANDLE EventHandle, PLONG PreviousState)
{
    ObpRequireZw(__builtin_return_address(0));
    return ExpChangeEvent(EventHandle, TRUE, PreviousState);
}
EXPORT(ZwSetEvent);

NTSTATUS NTAPI ZwResetEvent(HANDLE EventHandle, PLONG PreviousState)
{
    ObpRequireZw(__builtin_return_address(0));
    return ExpChangeEvent(EventHandle, FALSE, PreviousState);
}
EXPORT(ZwResetEvent);

NTSTATUS NTAPI ZwClearEvent(HANDLE EventHandle)
{
    ObpRequireZw(__builtin_return_address(0));
    return ExpChangeEvent(EventHandle, FALSE, NULL);
}
EXPORT(ZwClearEvent);

NTSTATUS NTAPI ZwQueryEvent(HANDLE EventHandle, EVENT_INFORMATION_CLASS EventInformationClass,
                            PVOID EventInformation, ULONG EventInformationLength,
                            PULONG ReturnLength)
{
    PEVENT_BASIC_INFORMATION Information = EventInformation;
    PKEVENT Event;
    ObpRequireZw(__builtin_return_address(0));
    if (EventInformationClass != EventBasicInformation) {
        return STATUS_INVALID_INFO_CLASS;
    }
    if (EventInformationLength != sizeof(*Information)) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    NTSTATUS Status = ExpReferenceEvent(EventHandle, EVENT_QUERY_STATE, &Event);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Information->EventType =
        Event->Header.Type == KiEventNotificationObject ? NotificationEvent : SynchronizationEvent;
    Information->EventState = KeReadStateEvent(Event);
    if (ReturnLength != NULL) {
        *ReturnLength = sizeof(*Information);
    }
    ObfDereferenceObject(Event);
    return STATUS_SUCCESS;
}
EXPORT(ZwQueryEvent);
