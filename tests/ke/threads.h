/*
 * threads.h - threads for tests: made, started and taken back by the boot thread.
 */
#pragma once

#include "kernel/ke/ke.h"
#include "mm/mm.h"
#include "tests/test.h"

/*
 * Starts a thread on the processor of the tests; one of a priority above 8 runs at once. It ends
 * when Routine returns. A test has at most 64 at a time and ends each with TestJoinThread.
 */
PKTHREAD TestStartThread(PKSTART_ROUTINE Routine, PVOID Context, KPRIORITY Priority);
/* The same without the start: KiStartThread does it. */
PKTHREAD TestCreateThread(PKSTART_ROUTINE Routine, PVOID Context, KPRIORITY Priority);
/*
 * For tests of who runs when: from Hold to Release the clock interrupt comes only when TestTick
 * asks for it, since a busy host may deliver several at once, and with them the end of a quantum.
 */
VOID TestHoldClock(VOID);
VOID TestReleaseClock(VOID);
VOID TestTick(VOID);
/* Returns when the thread has ended, and takes its stack back. */
VOID TestJoinThread(PKTHREAD Thread);
