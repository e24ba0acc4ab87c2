/*
 * event.c - events: set by one thread or DPC, waited for by others. wait.c has the theory.
 *
 *   EVNT-1  The state of an event is 0 or 1 and nothing else.
 *   EVNT-2  A notification event that is set lets all waiters go and stays set; a synchronization
 *           event lets the first one go that can, and is clear again, or stays set for the next.
 */
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

#define VERIFIER_EVENT_IRQL     0x80
#define VERIFIER_RULE_SET_EVENT 0x20016

VOID NTAPI KeInitializeEvent(PRKEVENT Event, EVENT_TYPE Type, BOOLEAN State)
{
    KiInitializeHeader(&Event->Header, KiEventNotificationObject + (UCHAR)Type, sizeof(*Event),
                       State != FALSE);
}
EXPORT(KeInitializeEvent);

static __attribute__((noinline, cold)) VOID KiEventViolation(PRKEVENT Event, KIRQL Irql)
{
    if (Irql > DISPATCH_LEVEL) {
        KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_EVENT_IRQL, Irql,
                     (ULONG_PTR)Event, 0);
    }
    KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_RULE_SET_EVENT,
                 (ULONG_PTR) "IrqlKeSetEvent", Irql, 0);
}

static inline VOID KiCheckSet(PRKEVENT Event, BOOLEAN Wait)
{
    KIRQL Irql = KiReadIrql();
    if (Irql > (Wait ? APC_LEVEL : DISPATCH_LEVEL)) {
        KiEventViolation(Event, Irql);
    }
}

LONG NTAPI KeSetEvent(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait)
{
    if (KiCheckedMode) {
        KiCheckSet(Event, Wait);
    }
    ULONG64 Flags = KiLockDispatcher();
    LONG OldState = Event->Header.SignalState;
    Event->Header.SignalState = 1;
    if (!IsListEmpty(&Event->Header.WaitListHead)) {
        KiWakeWaiters(&Event->Header, Increment);
    }
    KiEndSignal(Flags, Wait);
    return OldState;
}
EXPORT(KeSetEvent);

LONG NTAPI KePulseEvent(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait)
{
    if (KiCheckedMode) {
        KiCheckSet(Event, Wait);
    }
    ULONG64 Flags = KiLockDispatcher();
    LONG OldState = Event->Header.SignalState;
    Event->Header.SignalState = 1;
    KiWakeWaiters(&Event->Header, Increment);
    Event->Header.SignalState = 0;
    KiEndSignal(Flags, Wait);
    return OldState;
}
EXPORT(KePulseEvent);

LONG NTAPI KeResetEvent(PRKEVENT Event)
{
    KiRequireIrql(DISPATCH_LEVEL);
    ULONG64 Flags = KiLockDispatcher();
    LONG OldState = Event->Header.SignalState;
    Event->Header.SignalState = 0;
    KiUnlockDispatcher(Flags);
    return OldState;
}
EXPORT(KeResetEvent);

VOID NTAPI KeClearEvent(PRKEVENT Event)
{
    KeResetEvent(Event);
}
EXPORT(KeClearEvent);

LONG NTAPI KeReadStateEvent(PRKEVENT Event)
{
    KiRequireIrql(DISPATCH_LEVEL);
    return Event->Header.SignalState;
}
EXPORT(KeReadStateEvent);
