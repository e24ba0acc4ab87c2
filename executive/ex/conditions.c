/*
 * conditions.c - gives the pressure events their names: \KernelObjects\LowMemoryCondition and its
 * like, for drivers that open them with IoCreateNotificationEvent. When one is set is mm's business
 * (mm/pressure.c).
 */
#include "executive/ex/ex.h"
#include "executive/ob/ob.h"
#include "kernel/rtl/section.h"
#include "mm/pressure.h"

#define LONGEST_PATH 64

/* Permanent, so that it is the same event for whoever opens it, however late. */
static INIT NTSTATUS ExpCreateConditionEvent(MI_CONDITION Condition)
{
    WCHAR Buffer[LONGEST_PATH];
    UNICODE_STRING Path;
    OBJECT_ATTRIBUTES Attributes;
    RtlInitEmptyUnicodeString(&Path, Buffer, sizeof(Buffer));
    RtlAppendUnicodeToString(&Path, L"\\KernelObjects\\");
    RtlAppendUnicodeToString(&Path, MiConditionName(Condition));
    InitializeObjectAttributes(&Attributes, &Path, OBJ_CASE_INSENSITIVE, NULL, NULL);
    PKEVENT Event = ObpAllocateObject(*ExEventObjectType);
    if (Event == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    KeInitializeEvent(Event, NotificationEvent, FALSE);
    MiProvideConditionEvent(Condition, Event);
    return ObpInsertPermanent(Event, &Attributes);
}

INIT VOID ExpInitializeConditions(VOID)
{
    for (MI_CONDITION Condition = 0; Condition < MiConditionCount; Condition++) {
        NTSTATUS Status = ExpCreateConditionEvent(Condition);
        if (!NT_SUCCESS(Status)) {
            KeBugCheckEx(PHASE0_INITIALIZATION_FAILED, (ULONG_PTR)(LONG_PTR)Status, 0, 0, 0);
        }
    }
    MiStartPressure();
}
