/*
 * event.c - tests of events as objects: shared by name, used by handle.
 */
#include "executive/ob/ob.h"
#include "tests/ke/threads.h"
#include "tests/ob/object.h"

#define EVENT_TAG  'nevE'
#define ODD_HANDLE ((HANDLE)0x7FFFFFF0) /* in no table, and no kernel handle */

static UNICODE_STRING SharedName = {42, 42, (PWSTR)L"\\KernelObjects\\Shared"};
static UNICODE_STRING OtherCase = {42, 42, (PWSTR)L"\\KERNELOBJECTS\\SHARED"};
_Static_assert(sizeof(L"\\KernelObjects\\Shared") == 44, "SharedName");

static LONG Poll(PVOID Object)
{
    LARGE_INTEGER Zero = {.QuadPart = 0};
    return KeWaitForSingleObject(Object, Executive, KernelMode, FALSE, &Zero);
}

static NTSTATUS CreateEvent(PUNICODE_STRING Name, ULONG Flags, EVENT_TYPE Type, BOOLEAN State,
                            PHANDLE Handle)
{
    OBJECT_ATTRIBUTES Attributes;
    InitializeObjectAttributes(&Attributes, Name, Flags, NULL, NULL);
    return ZwCreateEvent(Handle, EVENT_ALL_ACCESS, &Attributes, Type, State);
}

/* ---- IoCreateXxxEvent ------------------------------------------------------------------------ */

TEST(IoNotification, "event/named/notification-event-is-made-set-then-opened",
     "DDI wdm IoCreateNotificationEvent")
{
    HANDLE First, Second;
    ULONG64 Bytes = TestTagBytes(EVENT_TAG), Names = TestObjectBytes();
    PKEVENT Event = IoCreateNotificationEvent(&SharedName, &First);
    REQUIRE(Event != NULL);
    CHECK(ObIsKernelHandle(First));
    CHECK_EQ(ObpHeader(Event)->PointerCount, 2);
    CHECK_STATUS(Poll(Event), STATUS_SUCCESS);
    CHECK_STATUS(Poll(Event), STATUS_SUCCESS);
    KeClearEvent(Event);
    /* The other driver gets the same event as it is, whatever case it writes. */
    CHECK_EQ(IoCreateNotificationEvent(&OtherCase, &Second), Event);
    CHECK_STATUS(Poll(Event), STATUS_TIMEOUT);
    CHECK_EQ(ObpHeader(Event)->HandleCount, 2);
    CHECK_STATUS(ZwClose(First), STATUS_SUCCESS);
    CHECK_EQ(IoCreateSynchronizationEvent(&SharedName, &First), Event);
    CHECK_EQ(Event->Header.Type, KiEventNotificationObject);
    ZwClose(First);
    ZwClose(Second);
    CHECK_EQ(TestTagBytes(EVENT_TAG), Bytes);
    CHECK_EQ(TestObjectBytes(), Names);
}

TEST(IoSynchronization, "event/named/synchronization-event-lets-one-go",
     "DDI wdm IoCreateSynchronizationEvent")
{
    HANDLE Handle;
    PKEVENT Event = IoCreateSynchronizationEvent(&SharedName, &Handle);
    REQUIRE(Event != NULL);
    CHECK(ObIsKernelHandle(Handle));
    CHECK_STATUS(Poll(Event), STATUS_SUCCESS);
    CHECK_STATUS(Poll(Event), STATUS_TIMEOUT);
    ZwClose(Handle);
    /* Gone with its handle: the next one is new, and set again. */
    Event = IoCreateSynchronizationEvent(&SharedName, &Handle);
    REQUIRE(Event != NULL);
    CHECK_STATUS(Poll(Event), STATUS_SUCCESS);
    ZwClose(Handle);
}

TEST(IoEventErrors, "event/named/no-event-comes-back-as-null", "DDI wdm IoCreateNotificationEvent")
{
    UNICODE_STRING Directory = {28, 28, (PWSTR)L"\\KernelObjects"};
    UNICODE_STRING Nowhere = {18, 18, (PWSTR)L"\\Nowhere\\"}, Relative = {2, 2, (PWSTR)L"x"};
    ULONG64 Bytes = TestTagBytes(EVENT_TAG);
    PUNICODE_STRING Names[] = {&Directory, &Nowhere, &Relative};
    for (ULONG i = 0; i < RTL_NUMBER_OF(Names); i++) {
        HANDLE Handle = ODD_HANDLE;
        CHECK_EQ(IoCreateNotificationEvent(Names[i], &Handle), NULL);
        CHECK_EQ(Handle, NULL);
        Handle = ODD_HANDLE;
        CHECK_EQ(IoCreateSynchronizationEvent(Names[i], &Handle), NULL);
        CHECK_EQ(Handle, NULL);
    }
    CHECK_EQ(TestTagBytes(EVENT_TAG), Bytes);
}

/* ---- ZwXxxEvent ------------------------------------------------------------------------------ */

static VOID CheckState(HANDLE Handle, EVENT_TYPE Type, LONG State)
{
    EVENT_BASIC_INFORMATION Information;
    ULONG Length = 0;
    CHECK_STATUS(
        ZwQueryEvent(Handle, EventBasicInformation, &Information, sizeof(Information), &Length),
        STATUS_SUCCESS);
    CHECK_EQ(Length, sizeof(Information));
    CHECK_EQ(Information.EventType, Type);
    CHECK_EQ(Information.EventState, State);
}

TEST(ZwEvents, "event/handle/set-reset-clear-query", "DDI ntifs ZwCreateEvent, ZwSetEvent")
{
    HANDLE Handle;
    LONG Previous = 5;
    ULONG64 Bytes = TestTagBytes(EVENT_TAG);
    REQUIRE(
        NT_SUCCESS(ZwCreateEvent(&Handle, EVENT_ALL_ACCESS, NULL, SynchronizationEvent, FALSE)));
    CHECK(!ObIsKernelHandle(Handle));
    CheckState(Handle, SynchronizationEvent, 0);
    CHECK_STATUS(ZwSetEvent(Handle, &Previous), STATUS_SUCCESS);
    CHECK_EQ(Previous, 0);
    CheckState(Handle, SynchronizationEvent, 1);
    CHECK_STATUS(ZwSetEvent(Handle, NULL), STATUS_SUCCESS);
    CHECK_STATUS(ZwResetEvent(Handle, &Previous), STATUS_SUCCESS);
    CHECK_EQ(Previous, 1);
    CHECK_STATUS(ZwSetEvent(Handle, &Previous), STATUS_SUCCESS);
    CHECK_EQ(Previous, 0);
    CHECK_STATUS(ZwClearEvent(Handle), STATUS_SUCCESS);
    CheckState(Handle, SynchronizationEvent, 0);
    CHECK_STATUS(ZwClose(Handle), STATUS_SUCCESS);
    REQUIRE(NT_SUCCESS(CreateEvent(NULL, OBJ_KERNEL_HANDLE, NotificationEvent, TRUE, &Handle)));
    CHECK(ObIsKernelHandle(Handle));
    CheckState(Handle, NotificationEvent, 1);
    ZwClose(Handle);
    CHECK_EQ(TestTagBytes(EVENT_TAG), Bytes);
}

TEST(ZwEventNames, "event/handle/created-and-opened-by-name", "DDI wdm ZwOpenEvent")
{
    OBJECT_ATTRIBUTES Attributes;
    HANDLE First, Second, None;
    InitializeObjectAttributes(&Attributes, &SharedName, 0, NULL, NULL);
    CHECK_STATUS(ZwOpenEvent(&None, EVENT_ALL_ACCESS, &Attributes), STATUS_OBJECT_NAME_NOT_FOUND);
    REQUIRE(NT_SUCCESS(CreateEvent(&SharedName, 0, NotificationEvent, FALSE, &First)));
    CHECK_STATUS(CreateEvent(&SharedName, 0, NotificationEvent, FALSE, &None),
                 STATUS_OBJECT_NAME_COLLISION);
    CHECK_STATUS(CreateEvent(&SharedName, OBJ_OPENIF, SynchronizationEvent, TRUE, &Second),
                 STATUS_OBJECT_NAME_EXISTS);
    CheckState(Second, NotificationEvent, 0);
    ZwClose(Second);
    CHECK_STATUS(ZwOpenEvent(&Second, EVENT_ALL_ACCESS, &Attributes), STATUS_SUCCESS);
    ZwSetEvent(Second, NULL);
    CheckState(First, NotificationEvent, 1);
    ZwClose(First);
    ZwClose(Second);
}

TEST(ZwEventErrors, "event/handle/each-documented-error", "DDI ntifs ZwCreateEvent, ZwSetEvent")
{
    UNICODE_STRING Empty = {0, 0, NULL}, Directory = {28, 28, (PWSTR)L"\\KernelObjects"};
    EVENT_BASIC_INFORMATION Information;
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Handle, Object;
    PVOID Body;
    ULONG64 Bytes = TestTagBytes(EVENT_TAG);
    CHECK_STATUS(ZwCreateEvent(&Handle, EVENT_ALL_ACCESS, NULL, (EVENT_TYPE)2, FALSE),
                 STATUS_INVALID_PARAMETER_4);
    CHECK_STATUS(CreateEvent(NULL, 0x10000, NotificationEvent, FALSE, &Handle),
                 STATUS_INVALID_PARAMETER);
    CHECK_STATUS(CreateEvent(&Empty, 0, NotificationEvent, FALSE, &Handle),
                 STATUS_OBJECT_PATH_SYNTAX_BAD);
    CHECK_STATUS(CreateEvent(&Directory, OBJ_OPENIF, NotificationEvent, FALSE, &Handle),
                 STATUS_OBJECT_TYPE_MISMATCH);
    InitializeObjectAttributes(&Attributes, &Directory, 0, NULL, NULL);
    CHECK_STATUS(ZwOpenEvent(&Handle, EVENT_ALL_ACCESS, &Attributes), STATUS_OBJECT_TYPE_MISMATCH);
    CHECK_STATUS(ZwOpenEvent(&Handle, EVENT_ALL_ACCESS, NULL), STATUS_INVALID_PARAMETER);
    CHECK_EQ(TestTagBytes(EVENT_TAG), Bytes);
    REQUIRE(NT_SUCCESS(TestInsert(NULL, 0, &Body, &Object)));
    HANDLE Bad[] = {ODD_HANDLE, Object};
    for (ULONG i = 0; i < RTL_NUMBER_OF(Bad); i++) {
        NTSTATUS Status = i == 0 ? STATUS_INVALID_HANDLE : STATUS_OBJECT_TYPE_MISMATCH;
        CHECK_STATUS(ZwSetEvent(Bad[i], NULL), Status);
        CHECK_STATUS(ZwResetEvent(Bad[i], NULL), Status);
        CHECK_STATUS(ZwClearEvent(Bad[i]), Status);
        CHECK_STATUS(ZwQueryEvent(Bad[i], EventBasicInformation, &Information, 8, NULL), Status);
    }
    CHECK_STATUS(ZwQueryEvent(Object, (EVENT_INFORMATION_CLASS)1, &Information, 8, NULL),
                 STATUS_INVALID_INFO_CLASS);
    CHECK_STATUS(ZwQueryEvent(Object, EventBasicInformation, &Information, 7, NULL),
                 STATUS_INFO_LENGTH_MISMATCH);
    ZwClose(Object);
    ObDereferenceObject(Body);
}

TEST(EventType, "event/handle/its-object-is-an-event", "wdm_event.h: ExEventObjectType")
{
    HANDLE Handle;
    PKEVENT Event;
    REQUIRE(NT_SUCCESS(ZwCreateEvent(&Handle, EVENT_MODIFY_STATE, NULL, NotificationEvent, FALSE)));
    CHECK_STATUS(ObReferenceObjectByHandle(Handle, EVENT_QUERY_STATE, *ExEventObjectType, UserMode,
                                           (PVOID *)&Event, NULL),
                 STATUS_ACCESS_DENIED);
    CHECK_STATUS(ObReferenceObjectByHandle(Handle, EVENT_MODIFY_STATE, *ExEventObjectType, UserMode,
                                           (PVOID *)&Event, NULL),
                 STATUS_SUCCESS);
    ZwClose(Handle);
    KeSetEvent(Event, IO_NO_INCREMENT, FALSE);
    CHECK_STATUS(Poll(Event), STATUS_SUCCESS);
    ObDereferenceObject(Event);
}

/* ---- waiting by handle ----------------------------------------------------------------------- */

TEST(ZwWaitPolls, "event/wait/polls-and-refuses", "DDI ntifs ZwWaitForSingleObject")
{
    LARGE_INTEGER Zero = {.QuadPart = 0}, Soon = {.QuadPart = -1};
    HANDLE Handle, Object;
    PVOID Body;
    KIRQL OldIrql;
    REQUIRE(NT_SUCCESS(ZwCreateEvent(&Handle, EVENT_ALL_ACCESS, NULL, SynchronizationEvent, TRUE)));
    CHECK_STATUS(ZwWaitForSingleObject(Handle, FALSE, NULL), STATUS_SUCCESS);
    CHECK_STATUS(ZwWaitForSingleObject(Handle, FALSE, &Zero), STATUS_TIMEOUT);
    CHECK_STATUS(ZwWaitForSingleObject(Handle, FALSE, &Soon), STATUS_TIMEOUT);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    CHECK_STATUS(ZwWaitForSingleObject(Handle, FALSE, &Zero), STATUS_TIMEOUT);
    KeLowerIrql(OldIrql);
    CHECK_STATUS(ZwWaitForSingleObject(ODD_HANDLE, FALSE, &Zero), STATUS_INVALID_HANDLE);
    REQUIRE(NT_SUCCESS(TestInsert(NULL, 0, &Body, &Object)));
    CHECK_STATUS(ZwWaitForSingleObject(Object, FALSE, &Zero), STATUS_OBJECT_TYPE_MISMATCH);
    CHECK_EQ(ObpHeader(Body)->PointerCount, 2);
    ZwClose(Object);
    ObDereferenceObject(Body);
    KeAlertThread(KeGetCurrentThread(), KernelMode);
    CHECK_STATUS(ZwWaitForSingleObject(Handle, TRUE, NULL), STATUS_ALERTED);
    ZwClose(Handle);
}

static VOID NTAPI WaitByHandle(PVOID Context)
{
    ZwWaitForSingleObject(Context, FALSE, NULL);
}

/* The handle is closed while a thread waits by it: the wait keeps the object. */
TEST(ZwWaitKeeps, "event/wait/a-closed-handle-does-not-end-a-wait",
     "wdm_ob.h: ZwWaitForSingleObject")
{
    HANDLE Handle;
    PKEVENT Event;
    ULONG64 Bytes = TestTagBytes(EVENT_TAG);
    REQUIRE(NT_SUCCESS(ZwCreateEvent(&Handle, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE)));
    REQUIRE(NT_SUCCESS(ObReferenceObjectByHandle(Handle, 0, *ExEventObjectType, KernelMode,
                                                 (PVOID *)&Event, NULL)));
    PKTHREAD Thread = TestStartThread(WaitByHandle, Handle, KI_PRIORITY_DEFAULT + 1);
    CHECK_EQ(Thread->State, ThreadWaiting);
    ZwClose(Handle);
    CHECK_EQ(ObpHeader(Event)->PointerCount, 2);
    KeSetEvent(Event, IO_NO_INCREMENT, FALSE);
    TestJoinThread(Thread);
    CHECK_EQ(ObDereferenceObject(Event), 0);
    CHECK_EQ(TestTagBytes(EVENT_TAG), Bytes);
}

/* ---- for several ----------------------------------------------------------------------------- */

static NTSTATUS PollMany(ULONG Count, HANDLE *Handles, WAIT_TYPE Type)
{
    LARGE_INTEGER Zero = {.QuadPart = 0};
    return ZwWaitForMultipleObjects(Count, Handles, Type, FALSE, &Zero);
}

TEST(ZwWaitMany, "event/wait/for-any-and-for-all", "wdm_ob.h: ZwWaitForMultipleObjects")
{
    HANDLE Handles[MAXIMUM_WAIT_OBJECTS + 1];
    ULONG64 Bytes = TestTagBytes(EVENT_TAG);
    for (ULONG i = 0; i < RTL_NUMBER_OF(Handles); i++) {
        REQUIRE(NT_SUCCESS(
            ZwCreateEvent(&Handles[i], EVENT_ALL_ACCESS, NULL, SynchronizationEvent, FALSE)));
    }
    CHECK_STATUS(PollMany(MAXIMUM_WAIT_OBJECTS, Handles, WaitAny), STATUS_TIMEOUT);
    ZwSetEvent(Handles[63], NULL);
    ZwSetEvent(Handles[7], NULL);
    CHECK_STATUS(PollMany(MAXIMUM_WAIT_OBJECTS, Handles, WaitAll), STATUS_TIMEOUT);
    CHECK_STATUS(PollMany(MAXIMUM_WAIT_OBJECTS, Handles, WaitAny), STATUS_WAIT_0 + 7);
    CHECK_STATUS(PollMany(MAXIMUM_WAIT_OBJECTS, Handles, WaitAny), STATUS_WAIT_0 + 63);
    CHECK_STATUS(PollMany(MAXIMUM_WAIT_OBJECTS, Handles, WaitAny), STATUS_TIMEOUT);
    for (ULONG i = 0; i < 5; i++) {
        ZwSetEvent(Handles[i], NULL);
    }
    CHECK_STATUS(PollMany(5, Handles, WaitAll), STATUS_SUCCESS);
    CHECK_STATUS(PollMany(5, Handles, WaitAny), STATUS_TIMEOUT);
    CHECK_STATUS(PollMany(0, Handles, WaitAny), STATUS_INVALID_PARAMETER_1);
    CHECK_STATUS(PollMany(MAXIMUM_WAIT_OBJECTS + 1, Handles, WaitAny), STATUS_INVALID_PARAMETER_1);
    CHECK_STATUS(PollMany(1, Handles, (WAIT_TYPE)2), STATUS_INVALID_PARAMETER_3);
    HANDLE Twice[] = {Handles[0], Handles[1], Handles[0]}, Bad[] = {Handles[0], ODD_HANDLE};
    CHECK_STATUS(PollMany(3, Twice, WaitAll), STATUS_INVALID_PARAMETER_MIX);
    CHECK_STATUS(PollMany(3, Twice, WaitAny), STATUS_TIMEOUT);
    CHECK_STATUS(PollMany(2, Bad, WaitAny), STATUS_INVALID_HANDLE);
    for (ULONG i = 0; i < RTL_NUMBER_OF(Handles); i++) {
        CHECK_STATUS(ZwClose(Handles[i]), STATUS_SUCCESS);
    }
    CHECK_EQ(TestTagBytes(EVENT_TAG), Bytes);
    CHECK_EQ(TestTagBytes('tiaW'), 0);
}

/* ---- machines that must stop ----------------------------------------------------------------- */

CRASH_TEST(CrashIoEventHigh, "ex/create-named-event-above-passive-level", "0xC4 0xE5 0x1 0x0 0x0",
           "contract 1.4: IoCreateNotificationEvent, IoCreateSynchronizationEvent")
{
    KIRQL OldIrql;
    HANDLE Handle;
    KeRaiseIrql(APC_LEVEL, &OldIrql);
    IoCreateNotificationEvent(&SharedName, &Handle);
}

CRASH_TEST(CrashZwEventHigh, "ex/zw-create-event-above-passive-level",
           "0xC4 0xE6 sym:CrashZwEventHigh 0x1 0x0", "contract 1.4: ZwCreateEvent")
{
    KIRQL OldIrql;
    HANDLE Handle;
    KeRaiseIrql(APC_LEVEL, &OldIrql);
    ZwCreateEvent(&Handle, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE);
    KeLowerIrql(OldIrql);
}
