/*
 * fail_nth.h - the walk over the allocations of a test (fail_nth.c), for the runner and for tests
 * that can't take part.
 */
#pragma once

#include "tests/test.h"

/* Runs a test as often as word fail-nth= wants, with a failed allocation in each run. */
VOID TestWalkFailures(const TEST_ENTRY *Entry);
/* Whether such a walk is on. */
BOOLEAN TestFailsAllocations(VOID);

/* At the head of the body of a test that can't do without its memory, with the reason. */
#define NEEDS_ALL_MEMORY(Why)                                                                      \
    do {                                                                                           \
        if (TestFailsAllocations()) {                                                              \
            SKIP(Why);                                                                             \
        }                                                                                          \
    } while (0)
