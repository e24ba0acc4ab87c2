/*
 * workload.h - the schedule of the workloads that pools are compared by: a permutation, sizes to
 * fill slots with, and steps that replace a block. The same for every allocator measured.
 */
#pragma once

#include "tests/pool/pool_cases.h"

#define WORKLOAD_BATCH 1000
#define WORKLOAD_SLOTS 4096
#define WORKLOAD_STEPS 200000
#define WORKLOAD_LIVE  1819112 /* bytes that processor 0's schedule leaves alive in the end */

typedef struct _WORKLOAD {
    USHORT Order[WORKLOAD_BATCH]; /* a permutation of 0..999 */
    USHORT Fill[WORKLOAD_SLOTS];  /* bytes */
    struct {
        USHORT Slot, Bytes;
    } Steps[WORKLOAD_STEPS];
} WORKLOAD, *PWORKLOAD;

/* The schedule of a processor; NULL without memory for it. Freed with ExFreePool. */
PWORKLOAD WorkloadDraw(ULONG Processor);
