/*
 * wdm_processor.h - processors, their groups and nodes, and calls to all of them. Part of wdm.h.
 *
 * Tarn has one group, number 0, of up to 64 processors. Processors are numbered from 0 without
 * gaps; the number in the group and the index in the system are the same. Nodes are those of the
 * firmware's tables, numbered from 0, one without them.
 */
#pragma once

#include <ntdef.h>
#include <wdm_ke.h>

typedef struct _PROCESSOR_NUMBER {
    USHORT Group;
    UCHAR Number;
    UCHAR Reserved; /* 0 */
} PROCESSOR_NUMBER, *PPROCESSOR_NUMBER;
_Static_assert(sizeof(PROCESSOR_NUMBER) == 4, "driver ABI");

typedef struct _GROUP_AFFINITY {
    KAFFINITY Mask;
    USHORT Group;
    USHORT Reserved[3];
} GROUP_AFFINITY, *PGROUP_AFFINITY;
_Static_assert(sizeof(GROUP_AFFINITY) == 16 && offsetof(GROUP_AFFINITY, Group) == 8, "driver ABI");

#define ALL_PROCESSOR_GROUPS    0xFFFF
#define INVALID_PROCESSOR_INDEX 0xFFFFFFFF

/* ---- how many ------------------------------------------------------------------------------ */

/*
 * How many processors run; *ActiveProcessors, unless NULL, gets a bit for each. Any IRQL. DDI wdm
 * KeQueryActiveProcessorCount.
 */
ULONG NTAPI KeQueryActiveProcessorCount(PKAFFINITY ActiveProcessors);
/* The same of a group or of ALL_PROCESSOR_GROUPS; 0 for a group that is not there. DDI wdm. */
ULONG NTAPI KeQueryActiveProcessorCountEx(USHORT GroupNumber);
/* A bit for each processor that runs. Any IRQL. DDI wdm KeQueryActiveProcessors. */
KAFFINITY NTAPI KeQueryActiveProcessors(VOID);
/* The same of a group; 0 for one that is not there. Any IRQL. DDI wdm KeQueryGroupAffinity. */
KAFFINITY NTAPI KeQueryGroupAffinity(USHORT GroupNumber);
/* The most that there can ever be. Any IRQL. DDI wdm KeQueryMaximumProcessorCount. */
ULONG NTAPI KeQueryMaximumProcessorCount(VOID);
ULONG NTAPI KeQueryMaximumProcessorCountEx(USHORT GroupNumber);
/* How many groups there are, and can be. Any IRQL. DDI wdm KeQueryActiveGroupCount. */
USHORT NTAPI KeQueryActiveGroupCount(VOID);
USHORT NTAPI KeQueryMaximumGroupCount(VOID);

/* ---- which one ----------------------------------------------------------------------------- */

/*
 * The index of the processor that runs the caller; *ProcNumber, unless NULL, gets its group and
 * number. Any IRQL; stable only at >= DISPATCH_LEVEL. DDI wdm KeGetCurrentProcessorNumberEx.
 */
ULONG NTAPI KeGetCurrentProcessorNumberEx(PPROCESSOR_NUMBER ProcNumber);
/* STATUS_INVALID_PARAMETER for an index that is not there. Any IRQL. DDI wdm. */
NTSTATUS NTAPI KeGetProcessorNumberFromIndex(ULONG ProcIndex, PPROCESSOR_NUMBER ProcNumber);
/* INVALID_PROCESSOR_INDEX for a processor that is not there. Any IRQL. DDI wdm. */
ULONG NTAPI KeGetProcessorIndexFromNumber(PPROCESSOR_NUMBER ProcNumber);

/*
 * Chooses the processor of a DPC that is not queued. STATUS_INVALID_PARAMETER, and no change, for
 * one that is not there. Any IRQL. DDI wdm KeSetTargetProcessorDpcEx.
 */
NTSTATUS NTAPI KeSetTargetProcessorDpcEx(PKDPC Dpc, PPROCESSOR_NUMBER ProcNumber);

/* ---- nodes --------------------------------------------------------------------------------- */

/* The node of the processor that runs the caller. Any IRQL. DDI wdm KeGetCurrentNodeNumber. */
USHORT NTAPI KeGetCurrentNodeNumber(VOID);
/* One less than there are nodes. Any IRQL. DDI wdm KeQueryHighestNodeNumber. */
USHORT NTAPI KeQueryHighestNodeNumber(VOID);
/*
 * The processors of a node, and how many they are; each pointer may be NULL. None for a node that
 * is not there. Any IRQL. DDI wdm KeQueryNodeActiveAffinity.
 */
VOID NTAPI KeQueryNodeActiveAffinity(USHORT NodeNumber, PGROUP_AFFINITY Affinity, PUSHORT Count);
/* The most that a node can have; 0 for one that is not there. Any IRQL. DDI wdm. */
USHORT NTAPI KeQueryNodeMaximumProcessorCount(USHORT NodeNumber);

/* ---- all of them at once ------------------------------------------------------------------- */

/* Runs at IPI_LEVEL; as restricted as a bug check callback. DDI wdm KIPI_BROADCAST_WORKER. */
typedef ULONG_PTR NTAPI KIPI_BROADCAST_WORKER(ULONG_PTR Argument);
typedef KIPI_BROADCAST_WORKER *PKIPI_BROADCAST_WORKER;

/*
 * Runs the routine on all processors at once: none begins before all are there, and the call
 * returns when all are through. What the routine returned here is the result. Below IPI_LEVEL
 * (checked mode: bug check 0xC4/0xE5). DDI wdm KeIpiGenericCall.
 */
ULONG_PTR NTAPI KeIpiGenericCall(PKIPI_BROADCAST_WORKER BroadcastFunction, ULONG_PTR Context);
