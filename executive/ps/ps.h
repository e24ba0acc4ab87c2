/*
 * ps.h - the private interface of threads as objects. What drivers may call is declared in
 * include/wdm_ps.h.
 */
#pragma once

#include "executive/ob/ob.h"

/* A thread as an object. A PKTHREAD of one is its address, too. */
struct _ETHREAD {
    KTHREAD Tcb;
    LIST_ENTRY ThreadListEntry; /* in PspThreads */
    LIST_ENTRY ReapEntry;
    NTSTATUS ExitStatus; /* STATUS_PENDING until it ends */
    HANDLE UniqueThread;
    PKSTART_ROUTINE StartRoutine;
    BOOLEAN InCriticalRegion; /* since it began: PS-4 */
};
typedef struct _ETHREAD ETHREAD;

/*
 * Makes a thread of a priority and starts it, outside any region; it ends when StartRoutine returns
 * or calls PsTerminateSystemThread. The caller gets a reference. STATUS_INSUFFICIENT_RESOURCES.
 * PASSIVE_LEVEL.
 */
NTSTATUS PspCreateThread(PKSTART_ROUTINE StartRoutine, PVOID StartContext, KPRIORITY Priority,
                         PETHREAD *Thread);
/*
 * Where the threads of the one process may run, those there are and those to come. Theirs is
 * Affinity until they are given another. PASSIVE_LEVEL.
 */
VOID PspSetProcessAffinity(KAFFINITY Affinity);
/* Makes the type of threads, and of the thread that calls an object. Boot only. */
VOID PspInitializeThreads(VOID);
/* Gives each processor the thread that runs its threaded DPCs. Boot only. */
VOID PspStartDpcThreads(VOID);
