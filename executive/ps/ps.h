/*
 * ps.h - the private interface of threads as objects: memory, references, the end. What drivers may
 * call is declared in include/wdm_ps.h.
 */
#pragma once

#include "kernel/ke/ke.h"

/* A thread with its memory. A PKTHREAD of one is its address, too. */
struct _ETHREAD {
    KTHREAD Tcb;
    LIST_ENTRY ThreadListEntry; /* in PspThreads */
    LIST_ENTRY ReapEntry;
    volatile LONG References;
    NTSTATUS ExitStatus; /* STATUS_PENDING until it ends */
    HANDLE UniqueThread;
    PKSTART_ROUTINE StartRoutine;
};
typedef struct _ETHREAD ETHREAD;

/*
 * Makes a thread of a priority and starts it; it ends when StartRoutine returns or calls
 * PsTerminateSystemThread. The caller gets a reference. STATUS_INSUFFICIENT_RESOURCES.
 * PASSIVE_LEVEL.
 */
NTSTATUS PspCreateThread(PKSTART_ROUTINE StartRoutine, PVOID StartContext, KPRIORITY Priority,
                         PETHREAD *Thread);
/* Gives a reference back; the last one frees the thread, which has ended by then. */
VOID PspDereferenceThread(PETHREAD Thread);
/*
 * Where the threads of the one process may run, those there are and those to come. Theirs is
 * Affinity until they are given another. PASSIVE_LEVEL.
 */
VOID PspSetProcessAffinity(KAFFINITY Affinity);
/* Threads that were made and whose memory is not given back yet. */
extern volatile LONG PspThreadCount;
