/*
 * fx_host.h - the Linux stand-in for the pools, the work queue and the bug check, for the host
 * tests of the framework.
 */
#pragma once

#include "wdf/fx.h"

/* Pool blocks in use. */
extern volatile LONG HostBlocks;
/* How many allocations still succeed; negative: all. */
extern long HostAllocationsLeft;

/* A client with a driver object, bound to WdfDriverGlobals; and its unload. */
VOID HostDriverCreate(VOID);
VOID HostDriverDelete(VOID);

/* TAP: a point passes unless HOST_CHECK failed since the last one. */
VOID HostPlan(int Points);
VOID HostPoint(const char *Name);
BOOLEAN HostCheck(BOOLEAN Holds, const char *Text, const char *File, int Line);
#define HOST_CHECK(c) HostCheck(!!(c), #c, __FILE__, __LINE__)
int HostVerdict(VOID);

/* A number below Limit, from a generator of the thread's own; HostSeed starts it. */
ULONG HostRandom(ULONG Limit);
extern _Thread_local ULONG64 HostSeed;
