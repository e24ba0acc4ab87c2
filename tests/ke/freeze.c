/*
 * freeze.c - machines that stop while the other processors are busy in ways that hold interrupts
 * back. What is printed about each is held by tests/dialogue/freeze and freeze-rivals.
 */
#include "tests/ke/smp.h"

static volatile ULONG FreezeReady, FreezeGo;
static KSPIN_LOCK FreezeLock;

static inline VOID SpinForever(VOID)
{
    __atomic_fetch_add(&FreezeReady, 1, __ATOMIC_RELEASE);
    TestSpinUntil(&FreezeReady, MAXULONG);
}

static VOID NTAPI SpinWithInterruptsOff(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KiDisableInterrupts();
    SpinForever();
}

static VOID NTAPI SpinAtHighLevel(PVOID Context)
{
    KIRQL Old;
    UNREFERENCED_PARAMETER(Context);
    KeRaiseIrql(HIGH_LEVEL, &Old);
    SpinForever();
}

static VOID NTAPI SpinForALock(PVOID Context)
{
    KIRQL Old;
    UNREFERENCED_PARAMETER(Context);
    TestSpinUntil(&FreezeGo, 1);
    __atomic_fetch_add(&FreezeReady, 1, __ATOMIC_RELEASE);
    KeAcquireSpinLock(&FreezeLock, &Old);
}

static VOID NTAPI StopAtOnce(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    __atomic_fetch_add(&FreezeReady, 1, __ATOMIC_RELEASE);
    TestSpinUntil(&FreezeGo, 1);
    KeBugCheckEx(MANUALLY_INITIATED_CRASH, 1, 2, 3, 4);
}

/* Processor 1 has interrupts off, 2 is at HIGH_LEVEL, 3 spins for a lock, the rest are idle. */
CRASH_TEST(CrashBusy, "freeze/the-others-are-stopped-whatever-they-do", "0xE2 0x1 0x2 0x3 0x4",
           "FREEZE-1")
{
    static const PKSTART_ROUTINE Routines[] = {NULL, SpinWithInterruptsOff, SpinAtHighLevel,
                                               SpinForALock};
    KIRQL Old;
    ULONG Count = KeNumberProcessors < 4 ? KeNumberProcessors : 4;
    for (ULONG i = 1; i < Count; i++) {
        TestStartOn(i, Routines[i], NULL);
    }
    KeAcquireSpinLock(&FreezeLock, &Old);
    TestTell(&FreezeGo, 1);
    TestSpinUntil(&FreezeReady, Count - 1);
    KeBugCheckEx(MANUALLY_INITIATED_CRASH, 1, 2, 3, 4);
}

/* All at the same time: one of them is reported, and only that one. */
CRASH_TEST(CrashRivals, "freeze/one-of-several-bug-checks-is-reported", "0xE2 0x1 0x2 0x3 0x4",
           "FREEZE-1")
{
    ULONG Count = KeNumberProcessors < 16 ? KeNumberProcessors : 16;
    for (ULONG i = 1; i < Count; i++) {
        TestStartOn(i, StopAtOnce, NULL);
    }
    TestSpinUntil(&FreezeReady, Count - 1);
    TestTell(&FreezeGo, 1);
    KeBugCheckEx(MANUALLY_INITIATED_CRASH, 1, 2, 3, 4);
}
