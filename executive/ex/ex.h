/*
 * ex.h - the private interface of the executive's support routines: the work queues, events.
 */
#pragma once

#include <wdm.h>

/*
 * Makes the first worker threads; without memory for them the machine does not start (bug check
 * 0x31). PASSIVE_LEVEL, once, after the pools.
 */
VOID ExpInitializeWorkers(VOID);
/*
 * What is checked behind the routine of a work item: bug checks 0xE1 and 0x1 of ExQueueWorkItem,
 * which say nothing but the address of Item.
 */
VOID ExpCheckReturn(PVOID Routine, PVOID Parameter, PVOID Item);
/*
 * Returns when each item that is in the delayed queue, or runs from there, has run to its end.
 * PASSIVE_LEVEL; an item that calls it does not wait for itself, but two of them would wait for
 * each other.
 */
VOID ExpFlushWorkItems(VOID);

/* Makes the type of event objects. Boot only, after ObInitialize. */
VOID ExpInitializeEvents(VOID);
/* Makes the events of \KernelObjects that mm sets. Boot only, after ExpInitializeEvents. */
VOID ExpInitializeConditions(VOID);
