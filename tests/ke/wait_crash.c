/*
 * wait_crash.c - waits that must stop the machine: at a level or in a place where nobody may wait.
 */
#include "tests/ke/threads.h"

#define SAME 8 /* the priority of the tests' thread */

static KEVENT Never;

static VOID WaitAt(KIRQL Irql, PLARGE_INTEGER Timeout)
{
    KIRQL Old;
    KeInitializeEvent(&Never, NotificationEvent, FALSE);
    TestAnnounce("event", (ULONG64)&Never);
    TestAnnounce("timeout", (ULONG64)Timeout);
    KeRaiseIrql(Irql, &Old);
    KeWaitForSingleObject(&Never, Executive, KernelMode, FALSE, Timeout);
}

CRASH_TEST(CrashWaitHigh, "wait/poll-above-dispatch-level", "0xC4 0x120 not0 $event $timeout",
           "contract 4.6: 0x120")
{
    LARGE_INTEGER Zero = {.QuadPart = 0};
    WaitAt(SYNCH_LEVEL, &Zero);
}

CRASH_TEST(CrashWaitForEver, "wait/for-ever-at-dispatch-level", "0xC4 0x121 not0 $event 0x0",
           "contract 4.6: 0x121")
{
    WaitAt(DISPATCH_LEVEL, NULL);
}

CRASH_TEST(CrashWaitLimit, "wait/with-a-limit-at-dispatch-level", "0xC4 0x122 not0 $event $timeout",
           "contract 4.6: 0x122")
{
    LARGE_INTEGER Soon = {.QuadPart = -1};
    WaitAt(DISPATCH_LEVEL, &Soon);
}

CRASH_TEST(CrashDelayHigh, "wait/delay-at-dispatch-level", "0xC4 0x122 not0 $timer $interval",
           "contract 4.6: 0x122")
{
    LARGE_INTEGER Soon = {.QuadPart = -1};
    TestAnnounce("timer", (ULONG64)&KeGetCurrentThread()->Timer);
    TestAnnounce("interval", (ULONG64)&Soon);
    KeRaiseIrqlToDpcLevel();
    KeDelayExecutionThread(KernelMode, FALSE, &Soon);
}

CRASH_TEST(CrashWaitStack, "wait/user-mode-on-a-stack-object", "0xC4 0x123 $event 0x0 0x0",
           "contract 4.6: 0x123")
{
    KEVENT Event;
    LARGE_INTEGER Soon = {.QuadPart = -1};
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    TestAnnounce("event", (ULONG64)&Event);
    KeWaitForSingleObject(&Event, Executive, UserMode, FALSE, &Soon);
}

/* The thread that would be switched to: it is ready, and none has a higher priority. */
static VOID NTAPI DoNothing(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
}

static VOID NTAPI WaitingDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeWaitForSingleObject(&Never, Executive, KernelMode, FALSE, NULL);
}

CRASH_TEST(CrashWaitInDpc, "wait/inside-a-dpc", "0xB8 $old $new $stack 0x0", "DISP-2")
{
    static KDPC Dpc;
    PKTHREAD Me = KeGetCurrentThread();
    TestAnnounce("old", (ULONG64)Me);
    TestAnnounce("stack", (ULONG64)Me->StackBase);
    TestAnnounce("new", (ULONG64)TestStartThread(DoNothing, NULL, SAME));
    KeInitializeEvent(&Never, NotificationEvent, FALSE);
    KeInitializeDpc(&Dpc, WaitingDpc, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
}

CRASH_TEST(CrashWaitInDpcFree, "wait/inside-a-dpc-in-free-mode", "0xB8 $old $new $stack 0x0",
           "DISP-2")
{
    static KDPC Dpc;
    PKTHREAD Me = KeGetCurrentThread();
    KiSetCheckedMode(FALSE);
    TestAnnounce("old", (ULONG64)Me);
    TestAnnounce("stack", (ULONG64)Me->StackBase);
    TestAnnounce("new", (ULONG64)TestStartThread(DoNothing, NULL, SAME));
    KeInitializeEvent(&Never, NotificationEvent, FALSE);
    KeInitializeDpc(&Dpc, WaitingDpc, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
}

static VOID WaitForMany(ULONG Count, PKWAIT_BLOCK Blocks)
{
    static PVOID Objects[MAXIMUM_WAIT_OBJECTS + 1];
    KeInitializeEvent(&Never, NotificationEvent, FALSE);
    for (ULONG i = 0; i < Count; i++) {
        Objects[i] = &Never;
    }
    KeWaitForMultipleObjects(Count, Objects, WaitAny, Executive, KernelMode, FALSE, NULL, Blocks);
}

CRASH_TEST(CrashWaitFour, "wait/four-objects-without-an-array", "0xC 0x0 0x0 0x0 0x0",
           "contract 1.9: 0xC")
{
    WaitForMany(THREAD_WAIT_OBJECTS + 1, NULL);
}

CRASH_TEST(CrashWaitTooMany, "wait/sixty-five-objects", "0xC 0x0 0x0 0x0 0x0", "contract 1.9: 0xC")
{
    static KWAIT_BLOCK Blocks[MAXIMUM_WAIT_OBJECTS + 1];
    WaitForMany(MAXIMUM_WAIT_OBJECTS + 1, Blocks);
}
