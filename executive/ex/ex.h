/*
 * ex.h - the private interface of the executive's support routines: the work queue.
 */
#pragma once

#include <wdm.h>

/*
 * Runs every queued work item, and those that they queue, and returns how many that were. For the
 * boot thread while nothing else is to do, until system worker threads take over (milestone 2 of
 * 6). PASSIVE_LEVEL; may be called from a work item.
 */
ULONG ExpRunWorkItems(VOID);
