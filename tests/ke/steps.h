/*
 * steps.h - something happens between two instructions of a routine, for tests of what must be safe
 * at each of them.
 */
#pragma once

#include "tests/test.h"

typedef VOID TEST_STEP_ROUTINE(VOID);

/*
 * Runs Routine, and Interfere on the same thread before the instruction that Step others precede;
 * those that run with interrupts off are not counted. FALSE when Routine had returned by then, or
 * had taken the dispatcher lock, which ends the counting: a test goes through all steps from 0
 * until that.
 */
BOOLEAN TestInterfere(TEST_STEP_ROUTINE *Routine, ULONG Step, TEST_STEP_ROUTINE *Interfere);
