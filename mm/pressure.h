/*
 * pressure.h - the conditions that drivers wait for under \KernelObjects: much or little memory.
 * pressure.c has the theory; the executive makes the events, tests and the prompt look at them.
 */
#pragma once

#include "mm/mm.h"

/* The names are those of the events. "Low" of commit means that little is promised. */
typedef enum _MI_CONDITION {
    MiLowMemory,
    MiHighMemory,
    MiLowPagedPool,
    MiHighPagedPool,
    MiLowNonPagedPool,
    MiHighNonPagedPool,
    MiLowCommit,
    MiHighCommit,
    MiMaximumCommit,
    MiConditionCount,
} MI_CONDITION;

#define MI_DEFAULT_THRESHOLD MAXULONG_PTR

/* L"LowMemoryCondition" and so on. */
PCWSTR MiConditionName(MI_CONDITION Condition);
/* The event that shows a condition; it lives for ever. Boot only. */
VOID MiProvideConditionEvent(MI_CONDITION Condition, PKEVENT Event);
PKEVENT MiConditionEvent(MI_CONDITION Condition);
/* All events are there: from now on they follow. Boot only. */
VOID MiStartPressure(VOID);
/*
 * Told at each look of the DPC whether the High conditions of nonpaged pool and of memory hold: for
 * who keeps what was freed. Boot only.
 */
typedef VOID MI_PLENTY_ROUTINE(BOOLEAN Plenty);
VOID MiProvidePlentyRoutine(MI_PLENTY_ROUTINE *Routine);
/* The word `pressure`. Boot only, when the page lists are up. */
VOID MiReadPressureWord(VOID);

/* TRUE: the condition holds while fewer pages are left than its threshold; FALSE: from it on. */
BOOLEAN MiIsBelowCondition(MI_CONDITION Condition);
/* In pages that are left: of the pool, of commit, of memory. Any IRQL. */
SIZE_T MiQueryThreshold(MI_CONDITION Condition);
/* Moves it, or back to MI_DEFAULT_THRESHOLD; the events follow at once. <= DISPATCH_LEVEL. */
VOID MiSetThreshold(MI_CONDITION Condition, SIZE_T Pages);
/* The pages that the condition is about now. A look: it may change. */
SIZE_T MiQueryLeft(MI_CONDITION Condition);

/* What mm's counters said at one time; for pressure.c and its tests. */
typedef struct _MI_SUPPLY {
    SIZE_T InUse[MiRegionPagedPool + 1]; /* pages of the pools' regions */
    SIZE_T Committed;
    PFN_NUMBER Available[MI_MAX_NODES];
} MI_SUPPLY, *PMI_SUPPLY;

VOID MiReadSupply(PMI_SUPPLY Supply);
/*
 * Sets and clears the events as Supply has it, tells the counters what is quiet now, and has it all
 * done again when one has moved since. At DISPATCH_LEVEL on processor 0 (PRESS-4).
 */
VOID MiJudgeSupply(const MI_SUPPLY *Supply);
