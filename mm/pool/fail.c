/*
 * fail.c - lets a request fail although there is memory, for the tests' walk over all allocations
 * (tests/fail_nth.c) and whoever else wants to see a caller without memory.
 */
#include "mm/pool/cache.h"
#include "mm/pool/request.h"

POOL_FAIL_ROUTINE *ExpFailRoutine;

VOID ExpSetFailRoutine(POOL_FAIL_ROUTINE *Routine)
{
    __atomic_store_n(&ExpFailRoutine, Routine, __ATOMIC_RELEASE);
    ExpWatchRequests(PoolWatcherFailures, Routine != NULL);
}
