/*
 * ex.h - the private interface of the executive's support routines: the work queues.
 */
#pragma once

#include <wdm.h>

/*
 * Makes the first worker threads; without memory for them the machine does not start (bug check
 * 0x31). PASSIVE_LEVEL, once, after the pools.
 */
VOID ExpInitializeWorkers(VOID);
/*
 * Returns when an item queued now on the delayed queue has run, and with it each one that was
 * queued there before and needs no other worker to run. PASSIVE_LEVEL; may be called by an item.
 */
VOID ExpFlushWorkItems(VOID);
