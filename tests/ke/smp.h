/*
 * smp.h - what tests of several processors share: work on another processor, and waiting for it.
 */
#pragma once

#include "tests/ke/threads.h"

/* Ends the test as skipped where there is one processor. */
#define NEED_PROCESSORS(Count)                                                                     \
    if (KeNumberProcessors < (Count)) {                                                            \
        SKIP("there are too few processors");                                                      \
    }

/* Starts a thread of priority 8 on that processor alone; TestJoinThread takes it back. */
PKTHREAD TestStartOn(ULONG Processor, PKSTART_ROUTINE Routine, PVOID Context);

/* Spins until *Value is what is wanted; the machine's time limit ends a wait for ever. */
static inline VOID TestSpinUntil(const volatile ULONG *Value, ULONG Wanted)
{
    while (__atomic_load_n(Value, __ATOMIC_ACQUIRE) != Wanted) {
        YieldProcessor();
    }
}

static inline VOID TestTell(volatile ULONG *Value, ULONG Word)
{
    __atomic_store_n(Value, Word, __ATOMIC_RELEASE);
}
