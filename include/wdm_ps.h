/*
 * wdm_ps.h - system threads. Part of wdm.h.
 */
#pragma once

#include <ntdef.h>
#include <wdm_thread.h>

typedef struct _ETHREAD *PETHREAD;

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
