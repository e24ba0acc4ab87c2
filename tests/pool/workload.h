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

/* ---- running one (workload_bench.c) ---------------------------------------------------------- */

typedef PVOID NTAPI ALLOCATE_ROUTINE(POOL_TYPE, SIZE_T, ULONG);
typedef VOID NTAPI FREE_ROUTINE(PVOID, ULONG);

/* What is measured; the pointers are read for each call, as a driver's imports are. */
typedef struct _PEER {
    ALLOCATE_ROUTINE *volatile Allocate;
    FREE_ROUTINE *volatile Free;
} PEER, *PPEER;

extern PEER WorkloadPool, WorkloadNull; /* the pools; routines that do nothing */

/* One timed run of a workload; returns its ticks. */
typedef ULONG64 WORKLOAD_RUN(PPEER Peer, SIZE_T Bytes);
WORKLOAD_RUN WorkloadHotPair; /* W1 */
WORKLOAD_RUN WorkloadChurn;   /* W3, between the following two */
BOOLEAN WorkloadBeginChurn(VOID);
VOID WorkloadEndChurn(VOID);
/* The least ticks of seven runs. */
ULONG64 WorkloadBest(WORKLOAD_RUN *Run, PPEER Peer, SIZE_T Bytes);
