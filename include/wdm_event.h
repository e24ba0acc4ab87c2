/*
 * wdm_event.h - events as objects, by name and by handle. Part of wdm.h. Events in memory of the
 * driver's own: wdm_wait.h.
 *
 * All of these: PASSIVE_LEVEL, checked as wdm_ob.h says.
 */
#pragma once

#include <wdm_ob.h>
#include <wdm_wait.h>

#define EVENT_QUERY_STATE  0x0001
#define EVENT_MODIFY_STATE 0x0002
#define EVENT_ALL_ACCESS   (STANDARD_RIGHTS_REQUIRED | SYNCHRONIZE | 0x3)

/* The type of event objects, for ObReferenceObjectByHandle, as *ExEventObjectType. DDI wdm. */
extern POBJECT_TYPE *ExEventObjectType;

/*
 * Opens the event with a name, or makes one that is set, and opens that: a misspelt name gives an
 * event that is always set. Returns it, with a kernel handle that keeps it, until ZwClose; NULL,
 * and a NULL handle, when the name is that of something else, or wrong, or memory runs out. An
 * event that is there stays of its kind and in its state. DDI wdm IoCreateNotificationEvent,
 * IoCreateSynchronizationEvent.
 */
PKEVENT NTAPI IoCreateNotificationEvent(PUNICODE_STRING EventName, PHANDLE EventHandle);
PKEVENT NTAPI IoCreateSynchronizationEvent(PUNICODE_STRING EventName, PHANDLE EventHandle);

/*
 * Makes an event, set or not, and opens a handle to it. STATUS_OBJECT_NAME_EXISTS: OBJ_OPENIF, and
 * the handle is that of the event which had the name. Errors: STATUS_INVALID_PARAMETER_4 (no
 * EVENT_TYPE); STATUS_INVALID_PARAMETER (attributes); STATUS_OBJECT_NAME_INVALID,
 * STATUS_OBJECT_PATH_SYNTAX_BAD, STATUS_OBJECT_PATH_INVALID, STATUS_OBJECT_PATH_NOT_FOUND,
 * STATUS_OBJECT_NAME_COLLISION, STATUS_OBJECT_TYPE_MISMATCH, STATUS_NAME_TOO_LONG (the name; a
 * RootDirectory: STATUS_INVALID_HANDLE); STATUS_INSUFFICIENT_RESOURCES. DDI ntifs ZwCreateEvent.
 */
NTSTATUS NTAPI ZwCreateEvent(PHANDLE EventHandle, ACCESS_MASK DesiredAccess,
                             POBJECT_ATTRIBUTES ObjectAttributes, EVENT_TYPE EventType,
                             BOOLEAN InitialState);

/* Opens the event with a name; the same errors, and STATUS_OBJECT_NAME_NOT_FOUND. DDI wdm. */
NTSTATUS NTAPI ZwOpenEvent(PHANDLE EventHandle, ACCESS_MASK DesiredAccess,
                           POBJECT_ATTRIBUTES ObjectAttributes);

/*
 * KeSetEvent, KeResetEvent and KeClearEvent by handle; PreviousState may be NULL.
 * STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH. DDI ntifs ZwSetEvent.
 */
NTSTATUS NTAPI ZwSetEvent(HANDLE EventHandle, PLONG PreviousState);
NTSTATUS NTAPI ZwResetEvent(HANDLE EventHandle, PLONG PreviousState);
NTSTATUS NTAPI ZwClearEvent(HANDLE EventHandle);

typedef enum _EVENT_INFORMATION_CLASS { EventBasicInformation } EVENT_INFORMATION_CLASS;

typedef struct _EVENT_BASIC_INFORMATION {
    EVENT_TYPE EventType;
    LONG EventState;
} EVENT_BASIC_INFORMATION, *PEVENT_BASIC_INFORMATION;

/*
 * The kind of an event and whether it is set. STATUS_INVALID_INFO_CLASS;
 * STATUS_INFO_LENGTH_MISMATCH: not the size of an EVENT_BASIC_INFORMATION; as ZwSetEvent else.
 * ReturnLength may be NULL. Public NtQueryEvent.
 */
NTSTATUS NTAPI ZwQueryEvent(HANDLE EventHandle, EVENT_INFORMATION_CLASS EventInformationClass,
                            PVOID EventInformation, ULONG EventInformationLength,
                            PULONG ReturnLength);
