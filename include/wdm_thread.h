/*
 * wdm_thread.h - threads: which one runs, at what priority, on which processor. Part of wdm.h.
 *
 * There are 32 priorities; the highest ready thread runs, threads of one priority take turns
 * (31.25 ms). 16 and above are real time: nothing boosts them and nothing wears them down.
 */
#pragma once

#include <ntdef.h>

typedef struct _KTHREAD *PKTHREAD, *PRKTHREAD;

/* A thread's first routine, at PASSIVE_LEVEL. DDI wdm KSTART_ROUTINE. */
typedef VOID NTAPI KSTART_ROUTINE(PVOID StartContext);
typedef KSTART_ROUTINE *PKSTART_ROUTINE;

/* The running thread, from gs:[0x188]. Any IRQL. DDI wdm KeGetCurrentThread; driver-abi 1.1. */
FORCEINLINE PKTHREAD KeGetCurrentThread(VOID)
{
    PKTHREAD Thread;
    __asm__ volatile("movq %%gs:0x188, %0" : "=r"(Thread));
    return Thread;
}

/* ---- priority -------------------------------------------------------------------------------- */

#define LOW_PRIORITY          0
#define LOW_REALTIME_PRIORITY 16
#define HIGH_PRIORITY         31
#define MAXIMUM_PRIORITY      32

/*
 * What a wait's end may add to the waiter's priority, for as long as it takes to wear off. DDI wdm.
 */
#define IO_NO_INCREMENT         0
#define EVENT_INCREMENT         1
#define SEMAPHORE_INCREMENT     1
#define MUTANT_INCREMENT        1
#define IO_CD_ROM_INCREMENT     1
#define IO_DISK_INCREMENT       1
#define IO_PARALLEL_INCREMENT   1
#define IO_VIDEO_INCREMENT      1
#define IO_MAILSLOT_INCREMENT   2
#define IO_NAMED_PIPE_INCREMENT 2
#define IO_NETWORK_INCREMENT    2
#define IO_SERIAL_INCREMENT     2
#define IO_KEYBOARD_INCREMENT   6
#define IO_MOUSE_INCREMENT      6
#define IO_SOUND_INCREMENT      8

/*
 * Gives a thread a priority, to keep: boosts are added to it and wear down to it. Returns the
 * priority before, boosts included. PASSIVE_LEVEL, else in checked mode bug check 0xC4/0xE5 (IRQL,
 * 0, 0). A priority outside 0 to 31 is bug check 0x139/5. DDI wdm KeSetPriorityThread.
 */
KPRIORITY NTAPI KeSetPriorityThread(PKTHREAD Thread, KPRIORITY Priority);

/* A thread's priority now, boosts included. PASSIVE_LEVEL. DDI wdm KeQueryPriorityThread. */
KPRIORITY NTAPI KeQueryPriorityThread(PKTHREAD Thread);

/* ---- processors ------------------------------------------------------------------------------ */

/*
 * Lets the calling thread run only on the processors of Affinity, bit n for processor n; it is on
 * one of them when the call returns, from DISPATCH_LEVEL when the level has dropped. Processors
 * that do not exist are left out. Returns the affinity set this way before, 0 if there was none or
 * if none of the processors exists, when nothing is changed. <= DISPATCH_LEVEL. DDI wdm
 * KeSetSystemAffinityThreadEx.
 */
KAFFINITY NTAPI KeSetSystemAffinityThreadEx(KAFFINITY Affinity);
VOID NTAPI KeSetSystemAffinityThread(KAFFINITY Affinity);

/*
 * Ends that: with Affinity 0 the thread may run where it could before its first call, else on
 * Affinity, which is what the matching KeSetSystemAffinityThreadEx returned. <= DISPATCH_LEVEL. DDI
 * wdm KeRevertToUserAffinityThreadEx.
 */
VOID NTAPI KeRevertToUserAffinityThreadEx(KAFFINITY Affinity);
VOID NTAPI KeRevertToUserAffinityThread(VOID);

/*
 * Prefers one processor for a thread and returns the number preferred before; a number out of range
 * changes nothing. <= DISPATCH_LEVEL. DDI ntifs KeSetIdealProcessorThread.
 */
UCHAR NTAPI KeSetIdealProcessorThread(PKTHREAD Thread, UCHAR Processor);

/*
 * Lets another thread of the same priority or a higher one run here, if one is ready:
 * STATUS_SUCCESS, else STATUS_NO_YIELD_PERFORMED. <= APC_LEVEL, else in checked mode bug check 0xB8
 * inside a DPC (thread, the one that would run, stack, 0) and 0xC4/0xE5 (IRQL, 0, 0) elsewhere.
 * Public NtYieldExecution.
 */
NTSTATUS NTAPI ZwYieldExecution(VOID);
