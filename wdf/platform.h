/*
 * platform.h - all that the framework's core asks of the world beneath it, for wdf/'s own files.
 *
 * The core compiles twice: into the kernel, and (with TARN_HOST defined) into programs for Linux,
 * where sanitizers and a reference model watch it. Pools, work items, printing and the bug check
 * have the same declarations in both; a host program brings bodies of its own. What the two worlds
 * do differently stands here, and nothing else in wdf/ knows the difference.
 */
#pragma once

#include <wdm.h>

/*
 * Guards a few instructions of list and state keeping. It masks interrupts instead of raising the
 * IRQL, since a write to CR8 is dear and these sections are shorter than an interrupt's entry.
 */
typedef struct _FX_LOCK {
    volatile LONG Held;
} FX_LOCK, *PFX_LOCK;

#ifdef TARN_HOST

/* The host program's idea of the level it runs at. */
extern _Thread_local KIRQL FxHostIrql;

static inline KIRQL FxCurrentIrql(VOID)
{
    return FxHostIrql;
}
static inline ULONG64 FxMaskInterrupts(VOID)
{
    return 0;
}
static inline VOID FxRestoreInterrupts(ULONG64 Flags)
{
    UNREFERENCED_PARAMETER(Flags);
}

/* Runs queued work items until none is left; what the kernel's boot thread does when it idles. */
VOID FxRunPassiveWork(VOID);

#else

#include "executive/ex/ex.h"
#include "kernel/ke/ke.h"

static inline KIRQL FxCurrentIrql(VOID)
{
    return KeGetCurrentIrql();
}
static inline ULONG64 FxMaskInterrupts(VOID)
{
    return KiDisableInterrupts();
}
static inline VOID FxRestoreInterrupts(ULONG64 Flags)
{
    KiRestoreInterrupts(Flags);
}
static inline VOID FxRunPassiveWork(VOID)
{
    ExpFlushWorkItems();
}

#endif

/* Takes a lock while interrupts are masked already (a second lock inside the first). */
static inline VOID FxAcquireInner(PFX_LOCK Lock)
{
    while (__atomic_exchange_n(&Lock->Held, 1, __ATOMIC_ACQUIRE) != 0) {
        while (__atomic_load_n(&Lock->Held, __ATOMIC_RELAXED) != 0) {
            __asm__ volatile("pause");
        }
    }
}

static inline VOID FxReleaseInner(PFX_LOCK Lock)
{
    __atomic_store_n(&Lock->Held, 0, __ATOMIC_RELEASE);
}

/* Masks interrupts and takes the lock; returns what FxRelease needs. Any IRQL. */
static inline ULONG64 FxAcquire(PFX_LOCK Lock)
{
    ULONG64 Flags = FxMaskInterrupts();
    FxAcquireInner(Lock);
    return Flags;
}

static inline VOID FxRelease(PFX_LOCK Lock, ULONG64 Flags)
{
    FxReleaseInner(Lock);
    FxRestoreInterrupts(Flags);
}
