/*
 * timer.c - timers: for drivers, and for every wait with a time limit.
 *
 * Theory. Running timers hang in a wheel of 512 buckets by the clock tick at which they are due,
 * modulo 512, in no order. Starting and stopping one is a list operation, whatever their number.
 * At each tick the clock interrupt looks at one bucket; if that is not empty, interrupt 0x2F goes
 * through it and expires what is due, what is due in a later round stays. Times are interrupt time,
 * 100 ns units since start-up.
 *
 *   TIMR-1  All of this is guarded by the dispatcher lock, the tick count and interrupt time too:
 *           a timer that is started cannot slip behind the tick that it is due at.
 *   TIMR-2  A running timer (Header.Inserted) is in the bucket of its due tick, or in KiExpiring
 *           while that bucket is gone through; another one is in no list.
 *   TIMR-3  No timer expires before its due time, none later than the first tick at or after it
 *           (when 0x2F is not held back). "From now" is counted from the precise time, not from
 *           the last tick.
 *   TIMR-4  A periodic timer keeps its phase: it is due again a period after it was due. Periods
 *           that passed while the level was raised are one expiry.
 *   TIMR-5  The lock is let go of after each KI_EXPIRY_BATCH timers.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

#define TIMER_BUCKETS   512 /* contract 1.9: TIMER_TABLE_SIZE */
#define KI_EXPIRY_BATCH 32
#define UNITS_A_MS      10000 /* 100 ns */

static LIST_ENTRY KiTimerWheel[TIMER_BUCKETS];
static LIST_ENTRY KiExpiring = {&KiExpiring, &KiExpiring};
static ULONG64 KiExpiredTick; /* the last one whose bucket was gone through */

INIT VOID KiInitializeTimers(VOID)
{
    for (ULONG i = 0; i < TIMER_BUCKETS; i++) {
        InitializeListHead(&KiTimerWheel[i]);
    }
}

/* ---- the wheel ------------------------------------------------------------------------------- */

static inline PLIST_ENTRY KiTimerBucket(ULONG64 Tick)
{
    return &KiTimerWheel[Tick % TIMER_BUCKETS];
}

VOID KiInsertTimer(PKTIMER Timer, ULONG64 DueTime)
{
    ULONG64 DueTick = (DueTime + KI_TIME_INCREMENT - 1) / KI_TIME_INCREMENT;
    Timer->DueTime.QuadPart = DueTime;
    Timer->Header.Inserted = TRUE;
    InsertTailList(KiTimerBucket(DueTick), &Timer->TimerListEntry);
}

VOID KiRemoveTimer(PKTIMER Timer)
{
    Timer->Header.Inserted = FALSE;
    RemoveEntryList(&Timer->TimerListEntry);
}

ULONG64 KiComputeDueTime(LONG64 Timeout)
{
    if (Timeout < 0) {
        return KiPreciseInterruptTime() + (ULONG64)-Timeout;
    }
    return (ULONG64)Timeout > KiBootTime ? (ULONG64)Timeout - KiBootTime : 0;
}

/* The next due time of a periodic timer that comes after Now (TIMR-4). */
static ULONG64 KiNextPeriod(PKTIMER Timer, ULONG64 Now)
{
    ULONG64 Period = (ULONG64)Timer->Period * UNITS_A_MS;
    ULONG64 DueTime = Timer->DueTime.QuadPart;
    return DueTime + ((Now - DueTime) / Period + 1) * Period;
}

/* The timer is due and in no list. */
static VOID KiExpireTimer(PKTIMER Timer, ULONG64 Now)
{
    Timer->Header.Inserted = FALSE;
    Timer->Header.SignalState = 1;
    if (Timer->Period != 0) {
        KiInsertTimer(Timer, KiNextPeriod(Timer, Now));
    }
    if (!IsListEmpty(&Timer->Header.WaitListHead)) {
        KiWakeWaiters(&Timer->Header, IO_NO_INCREMENT);
    }
    if (Timer->Dpc != NULL) {
        KeInsertQueueDpc(Timer->Dpc, NULL, NULL);
    }
}

/* ---- the clock's side ------------------------------------------------------------------------ */

BOOLEAN KiTimersAreDue(VOID)
{
    if (KiExpiredTick + 1 == KiTickCount && IsListEmpty(KiTimerBucket(KiTickCount))) {
        KiExpiredTick = KiTickCount;
        return FALSE;
    }
    return TRUE;
}

/* Hangs one bucket's timers aside, so that those which stay can go back. */
static VOID KiTakeBucket(ULONG64 Tick)
{
    PLIST_ENTRY Bucket = KiTimerBucket(Tick);
    if (!IsListEmpty(Bucket)) {
        PLIST_ENTRY First = Bucket->Flink;
        RemoveEntryList(Bucket);
        InitializeListHead(Bucket);
        AppendTailList(&KiExpiring, First);
    }
}

VOID KiExpireTimers(VOID)
{
    ULONG Count = 0;
    ULONG64 Flags = KiLockDispatcher();
    while (KiExpiredTick != KiTickCount) {
        KiTakeBucket(++KiExpiredTick);
        while (!IsListEmpty(&KiExpiring)) {
            PKTIMER Timer = CONTAINING_RECORD(RemoveHeadList(&KiExpiring), KTIMER, TimerListEntry);
            if (Timer->DueTime.QuadPart > KiInterruptTime) {
                KiInsertTimer(Timer, Timer->DueTime.QuadPart);
            } else {
                KiExpireTimer(Timer, KiInterruptTime);
            }
            if (++Count % KI_EXPIRY_BATCH == 0) {
                KiUnlockDispatcher(Flags);
                Flags = KiLockDispatcher();
            }
        }
    }
    KiUnlockDispatcher(Flags);
}

/* ---- what memory holds ----------------------------------------------------------------------- */

static PKTIMER KiFindTimerInList(PLIST_ENTRY Head, ULONG_PTR Start, SIZE_T Bytes)
{
    for (PLIST_ENTRY Entry = Head->Flink; Entry != Head; Entry = Entry->Flink) {
        PKTIMER Timer = CONTAINING_RECORD(Entry, KTIMER, TimerListEntry);
        if ((ULONG_PTR)Timer - Start < Bytes) {
            return Timer;
        }
    }
    return NULL;
}

PKTIMER KiFindTimer(PVOID Start, SIZE_T Bytes)
{
    ULONG64 Flags = KiLockDispatcher();
    PKTIMER Timer = KiFindTimerInList(&KiExpiring, (ULONG_PTR)Start, Bytes);
    for (ULONG i = 0; i < TIMER_BUCKETS && Timer == NULL; i++) {
        Timer = KiFindTimerInList(&KiTimerWheel[i], (ULONG_PTR)Start, Bytes);
    }
    KiUnlockDispatcher(Flags);
    return Timer;
}

/* ---- what drivers call ----------------------------------------------------------------------- */

VOID NTAPI KeInitializeTimerEx(PKTIMER Timer, TIMER_TYPE Type)
{
    KiInitializeHeader(&Timer->Header, KiTimerNotificationObject + (UCHAR)Type, sizeof(*Timer), 0);
    Timer->DueTime.QuadPart = 0;
    Timer->Dpc = NULL;
    Timer->Processor = 0;
    Timer->Period = 0;
}
EXPORT(KeInitializeTimerEx);

VOID NTAPI KeInitializeTimer(PKTIMER Timer)
{
    KeInitializeTimerEx(Timer, NotificationTimer);
}
EXPORT(KeInitializeTimer);

static BOOLEAN KiSetTimer(PKTIMER Timer, LONG64 DueTime, ULONG Period, PKDPC Dpc)
{
    KiRequireIrql(DISPATCH_LEVEL);
    ULONG64 Flags = KiLockDispatcher();
    BOOLEAN WasRunning = Timer->Header.Inserted;
    if (WasRunning) {
        KiRemoveTimer(Timer);
    }
    ULONG64 Due = KiComputeDueTime(DueTime);
    Timer->Header.SignalState = 0;
    Timer->Dpc = Dpc;
    Timer->Period = Period;
    if (Due > KiInterruptTime) {
        KiInsertTimer(Timer, Due);
    } else {
        Timer->DueTime.QuadPart = KiInterruptTime;
        KiExpireTimer(Timer, KiInterruptTime);
    }
    KiExitDispatcher(Flags);
    return WasRunning;
}

BOOLEAN NTAPI KeSetTimerEx(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc)
{
    return KiSetTimer(Timer, DueTime.QuadPart, (ULONG)Period, Dpc);
}
EXPORT(KeSetTimerEx);

BOOLEAN NTAPI KeSetTimer(PKTIMER Timer, LARGE_INTEGER DueTime, PKDPC Dpc)
{
    return KiSetTimer(Timer, DueTime.QuadPart, 0, Dpc);
}
EXPORT(KeSetTimer);

BOOLEAN NTAPI KeSetCoalescableTimer(PKTIMER Timer, LARGE_INTEGER DueTime, ULONG Period,
                                    ULONG TolerableDelay, PKDPC Dpc)
{
    UNREFERENCED_PARAMETER(TolerableDelay);
    return KiSetTimer(Timer, DueTime.QuadPart, Period, Dpc);
}
EXPORT(KeSetCoalescableTimer);

BOOLEAN NTAPI KeCancelTimer(PKTIMER Timer)
{
    KiRequireIrql(DISPATCH_LEVEL);
    ULONG64 Flags = KiLockDispatcher();
    BOOLEAN WasRunning = Timer->Header.Inserted;
    if (WasRunning) {
        KiRemoveTimer(Timer);
    }
    WasRunning |= Timer->Period != 0; /* contract 1.9: always TRUE for a periodic timer */
    KiUnlockDispatcher(Flags);
    return WasRunning;
}
EXPORT(KeCancelTimer);

BOOLEAN NTAPI KeReadStateTimer(PKTIMER Timer)
{
    return Timer->Header.SignalState > 0;
}
EXPORT(KeReadStateTimer);
