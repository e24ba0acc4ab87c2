/*
 * bench.h - measuring loops, for the bench files of this folder.
 *
 * Measured under -icount, where the time stamp counter counts instructions exactly. Routines are
 * called through a pointer, as a driver calls an import; the loop's own cost is measured the same
 * way (irql/null) and not subtracted.
 */
#pragma once

#include "tests/test.h"

/* One operation, Rounds times. */
typedef VOID BENCH_LOOP(ULONG Rounds);

/* Reports the loop's figure in this mode. */
VOID BenchMeasure(BENCH_LOOP *Loop);
/* The same, and under "/checked" the figure of the checked mode. */
VOID BenchMeasureBoth(BENCH_LOOP *Loop);
