/*
 * lookaside.h - the private interface of lookaside lists. What drivers may call is declared in
 * include/wdm_lookaside.h.
 */
#pragma once

#include <wdm_lookaside.h>

/* Makes the thread that adjusts the lists. PASSIVE_LEVEL, once, behind the types of objects. */
VOID ExpInitializeLookasides(VOID);
/* One adjusting of all lists: what the thread does each second. <= DISPATCH_LEVEL. */
VOID ExpAdjustLookasides(VOID);
/* Calls Routine with each list in use, at DISPATCH_LEVEL. */
typedef VOID EXP_LOOKASIDE_ROUTINE(PGENERAL_LOOKASIDE_POOL List);
VOID ExpForEachLookaside(EXP_LOOKASIDE_ROUTINE *Routine);
