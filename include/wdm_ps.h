/*
 * wdm_ps.h - system threads. Part of wdm.h.
 */
#pragma once

#include <wdm_ob.h>

typedef struct _ETHREAD *PETHREAD;

/* A thread and its process, by ids, which are multiples of 4; 4 is the one process. DDI wdm. */
typedef struct _CLIENT_ID {
    HANDLE UniqueProcess;
    HANDLE UniqueThread;
} CLIENT_ID, *PCLIENT_ID;

#define THREAD_TERMINATE         0x0001
#define THREAD_SUSPEND_RESUME    0x0002
#define THREAD_ALERT             0x0004
#define THREAD_GET_CONTEXT       0x0008
#define THREAD_SET_CONTEXT       0x0010
#define THREAD_SET_INFORMATION   0x0020
#define THREAD_QUERY_INFORMATION 0x0040
#define THREAD_ALL_ACCESS        (STANDARD_RIGHTS_REQUIRED | SYNCHRONIZE | 0xFFFF)

/* The type of thread objects, for ObReferenceObjectByHandle, as *PsThreadType. DDI wdm. */
extern POBJECT_TYPE *PsThreadType;

/*
 * Makes a thread that runs StartRoutine(StartContext) at PASSIVE_LEVEL, priority 8, in a critical
 * region, and opens a kernel handle to it, which the caller closes. The thread ends when its
 * routine returns or calls PsTerminateSystemThread; handles and references may outlive it.
 * ObjectAttributes and ClientId may be NULL; ProcessHandle is NULL or NtCurrentProcess().
 * STATUS_INVALID_PARAMETER: a name, OBJ_PERMANENT, OBJ_EXCLUSIVE, OBJ_OPENIF, other bad attributes;
 * STATUS_INVALID_HANDLE: another process; STATUS_INSUFFICIENT_RESOURCES. PASSIVE_LEVEL, else in
 * checked mode bug check 0xC4/0xE5 (IRQL, 0, 0). DDI wdm PsCreateSystemThread.
 */
NTSTATUS NTAPI PsCreateSystemThread(PHANDLE ThreadHandle, ULONG DesiredAccess,
                                    POBJECT_ATTRIBUTES ObjectAttributes, HANDLE ProcessHandle,
                                    PCLIENT_ID ClientId, PKSTART_ROUTINE StartRoutine,
                                    PVOID StartContext);

/*
 * The id of a thread, 0 of an idle one. It is not used again. Any IRQL. DDI ntddk PsGetThreadId,
 * PsGetCurrentThreadId.
 */
HANDLE NTAPI PsGetThreadId(PETHREAD Thread);
HANDLE NTAPI PsGetCurrentThreadId(VOID);

/*
 * The thread with an id, with a reference; STATUS_INVALID_PARAMETER when there is none, or it has
 * ended. (The boot thread is not found.) <= APC_LEVEL. DDI ntifs PsLookupThreadByThreadId.
 */
NTSTATUS NTAPI PsLookupThreadByThreadId(HANDLE ThreadId, PETHREAD *Thread);

/* The running thread, as the pointer that object routines take. Any IRQL. DDI ntddk. */
FORCEINLINE PETHREAD PsGetCurrentThread(VOID)
{
    return (PETHREAD)KeGetCurrentThread();
}

/*
 * Ends the calling thread; whoever waits for it goes on. Does not return, unless the thread is not
 * one that was created (the boot thread): STATUS_INVALID_PARAMETER. PASSIVE_LEVEL, else in checked
 * mode bug check 0xC4/0xE5 (IRQL, 0, 0). Bug checks: 0x4000008A (thread, mutex) it owns a mutex;
 * 0x20 (APC, disable count, IRQL) an APC waits for it to leave a region. DDI wdm
 * PsTerminateSystemThread.
 */
NTSTATUS NTAPI PsTerminateSystemThread(NTSTATUS ExitStatus);

/* What a thread ended with; STATUS_PENDING while it has not. Any IRQL. DDI ntifs. */
NTSTATUS NTAPI PsGetThreadExitStatus(PETHREAD Thread);
