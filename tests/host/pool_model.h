/*
 * pool_model.h - a model of the pools that knows whose each byte is, one operation at a time: for
 * the test with random numbers (pool_model_test.c) and for the fuzzer (pool_fuzz.c).
 */
#pragma once

#include "tests/host/pool_check.h"

#define MODEL_SLOTS 3000 /* blocks alive at most */

/* Where the model's choices come from: a number below Limit, which is not 0. */
typedef ULONG MODEL_DRAW(ULONG Limit);
extern MODEL_DRAW *ModelDraw;
/* HostRandom as such a source. */
ULONG ModelDrawRandom(ULONG Limit);

/* Allocations and frees so far. */
extern ULONG64 ModelOperations;

/*
 * What serves the requests, one of 4: the C routines, these without lists, or the fast paths before
 * them.
 */
VOID ModelChooseRoad(ULONG Road);
/*
 * One operation among the first Slots blocks, and its result compared: size rules, alignment,
 * place, no overlap, contents kept or cleared. Fill of 16 allocate: the pools grow or shrink.
 */
VOID ModelStep(ULONG Slots, ULONG Fill);
/* All invariants of the pools, what is alive, and the counters of all tags. */
VOID ModelCheckEverything(VOID);
/* Frees everything and checks that every page is back. */
VOID ModelEmpty(VOID);
