/*
 * pool_host.h - the Linux stand-in for mm/ and the bug check, for the host tests of the pools.
 *
 * Three arenas of address space hold the pages of the three pools; a page that is not allocated
 * can't be touched. A bug check jumps back to the test that expects it.
 */
#pragma once

#include <setjmp.h>
#include "mm/pool/cache.h"

#define HOST_ARENA_PAGES 16384 /* of each pool */

/* Pages of a kind in use, and the number of page allocations that still succeed (-1: all). */
extern SIZE_T HostPagesInUse[PoolKindCount];
extern long HostPagesLeft;
/* Longer runs of pages can't be had. */
extern SIZE_T HostLargestRun;
/* Whether new pages that need not be zero are filled, so that they show. */
extern BOOLEAN HostPoison;
/* Whether pages that are not allocated can be touched, for long runs: set before HostStart. */
extern BOOLEAN HostOpenPages;
/* What ExpReadIrql says. */
extern KIRQL HostIrql;

typedef struct _HOST_BUG_CHECK {
    ULONG Code;
    ULONG_PTR Parameter[4];
    NTSTATUS Raised; /* of ExpRaiseStatus, with Code 0 */
} HOST_BUG_CHECK;
extern HOST_BUG_CHECK HostBugCheck;
extern jmp_buf HostBugCheckReturn;
extern BOOLEAN HostExpectsBugCheck;

/* Runs Statement; TRUE when it ended in a bug check or a raise, which HostBugCheck then has. */
#define HOST_STOPS(Statement)                                                                      \
    (setjmp(HostBugCheckReturn) != 0                                                               \
         ? (HostExpectsBugCheck = FALSE, TRUE)                                                     \
         : (HostExpectsBugCheck = TRUE, (Statement), HostExpectsBugCheck = FALSE, FALSE))

#define HOST_PROCESSORS 4
/* From here on the calling thread is this processor. */
VOID HostEnterProcessor(ULONG Processor);

/* Reserves the arenas and starts the pools. */
VOID HostStart(VOID);
/* Pages of the allocated run that begins at page Page of Kind's arena, 0 where none does. */
SIZE_T HostRunAt(POOL_KIND Kind, SIZE_T Page);
PVOID HostArena(POOL_KIND Kind);
PVOID HostPage(POOL_KIND Kind, SIZE_T Page);

/* TAP: a point passes unless HOST_CHECK failed since the last one. */
VOID HostPlan(int Points);
VOID HostPoint(const char *Name);
BOOLEAN HostCheck(BOOLEAN Holds, const char *Text, const char *File, int Line);
extern int HostFailures; /* since the last point */
#define HOST_CHECK(c) ((c) ? TRUE : HostCheck(FALSE, #c, __FILE__, __LINE__))
int HostVerdict(VOID);

/* xorshift64, as the kernel's tests use it. */
ULONG64 HostRandom(VOID);
extern ULONG64 HostSeed;
