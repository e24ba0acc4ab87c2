/*
 * pool_platform.h - all that the pools ask of the world beneath them, for the pools' own files.
 *
 * The core of the pools compiles twice: into the kernel, over the page supply of mm/ and the
 * processor's interrupt flag, and (with TARN_HOST defined) into programs for Linux, where
 * tests/host/pool_host.c stands in for both and sanitizers and a reference model watch. Nothing
 * else in mm/pool/ knows the difference, except the tests and the monitor's commands, which exist
 * in the kernel only.
 */
#pragma once

#include <wdm.h>

/* The three kinds of pool. The value is also the PoolIndex of node 0's blocks. */
typedef enum _POOL_KIND {
    PoolKindNonPagedNx,
    PoolKindNonPagedExecute,
    PoolKindPaged,
    PoolKindCount,
    PoolKindNone = PoolKindCount, /* an address outside the pools */
} POOL_KIND;

/* What a request's priority means; the routines without one allocate at the highest level. */
typedef enum _POOL_LEVEL {
    PoolLevelLow,
    PoolLevelNormal,
    PoolLevelHigh,
    PoolLevelCount,
} POOL_LEVEL;

/* A lock that is spun for; 0 is free. */
typedef struct _POOL_LOCK {
    volatile ULONG Held;
} POOL_LOCK;

/* A lock that is waited for. */
typedef FAST_MUTEX POOL_MUTEX;

#ifdef TARN_HOST

extern BOOLEAN KiCheckedMode;

/* The host's versions have the contracts of the kernel's, which stand below. */
KIRQL ExpReadIrql(VOID);
ULONG64 ExpAcquireSpin(POOL_LOCK *Lock);
VOID ExpReleaseSpin(POOL_LOCK *Lock, ULONG64 State);
VOID ExpInitializeMutex(POOL_MUTEX *Mutex);
ULONG64 ExpAcquireMutex(POOL_MUTEX *Mutex);
VOID ExpReleaseMutex(POOL_MUTEX *Mutex, ULONG64 State);
#define POOL_ANY_NODE MAXULONG
PVOID ExpAllocatePages(POOL_KIND Kind, SIZE_T Pages, ULONG Node);
VOID ExpMakeCold(PVOID Base, SIZE_T Pages);
VOID ExpFreePages(PVOID Base);
SIZE_T ExpQueryPages(PVOID Base);
POOL_KIND ExpKindOfAddress(PVOID Address);
VOID ExpQuerySupply(POOL_KIND Kind, PSIZE_T Free, PSIZE_T Maximum);
ULONG ExpHighestNode(VOID);
BOOLEAN ExpHasMemory(ULONG Node);
const UCHAR *ExpHopsOf(ULONG Node);
PVOID ExpAllocateOfNode(ULONG Node, SIZE_T Bytes);
DECLSPEC_NORETURN VOID ExpReportBadPages(PVOID Address);
BOOLEAN ExpIsReadable(PVOID Address);
BOOLEAN ExpFreshPagesAreZero(POOL_KIND Kind);
DECLSPEC_NORETURN VOID ExpRaiseStatus(NTSTATUS Status, PVOID Caller);
ULONG ExpCurrentNode(VOID);
ULONG ExpNodeOf(ULONG Processor);
struct _POOL_CACHE *ExpCacheOf(ULONG Processor);
struct _POOL_CACHE *ExpOwnCache(VOID);
VOID ExpAddHere(SIZE_T Offset, ULONG64 Value);
VOID ExpRunOn(ULONG Processor, VOID (*Routine)(PVOID), PVOID Context);
ULONG64 ExpLockDrain(POOL_KIND Kind);
VOID ExpUnlockDrain(POOL_KIND Kind, ULONG64 State);
ULONG64 ExpDrawKey(VOID);
struct _POOL_BIG_STATE *ExpBigStateOf(PVOID Base);
BOOLEAN ExpIsStateBacked(struct _POOL_BIG_STATE *State);
BOOLEAN ExpBackState(struct _POOL_BIG_STATE *State);
BOOLEAN ExpQueryNode(PVOID Base, SIZE_T Pages, PULONG Node);

#else
#include "mm/pool/pool_kernel.h"
#endif
