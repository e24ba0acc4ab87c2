/*
 * zero.c - the zero page thread: clears free pages while no other thread wants the processor, so
 * that who asks for a zeroed page does not wait for it.
 *
 * Its priority is 0, which no other thread has. Each page is cleared with interrupts off, since it
 * is on no list meanwhile: some microseconds.
 *
 *   ZERO-1  It works while fewer pages are zeroed than free, and sleeps else, until the balance set
 *           manager's next second.
 *   ZERO-2  While somebody holds it, no list changes by it.
 */
#include "kernel/rtl/section.h"
#include "mm/paging.h"

static KEVENT MiZeroEvent;
static LONG MiZeroHolds;
static BOOLEAN MiZeroing;
static BOOLEAN MiZeroReady;

INIT VOID MiInitializeZeroing(VOID)
{
    KeInitializeEvent(&MiZeroEvent, SynchronizationEvent, FALSE);
    MiZeroReady = TRUE;
}

static BOOLEAN MiIsZeroingWanted(VOID)
{
    return MiPagesOnList(ZeroedPageList) < MiPagesOnList(FreePageList);
}

VOID MiCallZeroing(VOID)
{
    if (MiZeroReady && __atomic_load_n(&MiZeroHolds, __ATOMIC_SEQ_CST) == 0 &&
        MiIsZeroingWanted()) {
        KeSetEvent(&MiZeroEvent, 0, FALSE);
    }
}

/* ZERO-2: who holds it looks at MiZeroing after its hold is seen, or this sees the hold. */
VOID MiHoldZeroing(BOOLEAN Hold)
{
    __atomic_fetch_add(&MiZeroHolds, Hold ? 1 : -1, __ATOMIC_SEQ_CST);
    while (Hold && __atomic_load_n(&MiZeroing, __ATOMIC_SEQ_CST)) {
        YieldProcessor(); /* with interrupts off, so on another processor */
    }
}

static BOOLEAN MiZeroOne(VOID)
{
    BOOLEAN Done = FALSE;
    ULONG64 Flags = KiDisableInterrupts();
    __atomic_store_n(&MiZeroing, TRUE, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&MiZeroHolds, __ATOMIC_SEQ_CST) == 0 && MiIsZeroingWanted()) {
        Done = MiZeroFreePages(1) != 0;
    }
    __atomic_store_n(&MiZeroing, FALSE, __ATOMIC_SEQ_CST);
    KiRestoreInterrupts(Flags);
    if (Done) {
        MiCountPaging(&MiPaging.Zeroed, 1);
    }
    return Done;
}

VOID NTAPI MiZeroPageThread(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (;;) {
        KeWaitForSingleObject(&MiZeroEvent, Executive, KernelMode, FALSE, NULL);
        while (MiZeroOne()) {}
    }
}
