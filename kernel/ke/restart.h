/*
 * restart.h - sequences of instructions that begin anew when they are interrupted, for assembler.
 *
 * Theory. A change to a processor's own data needs no lock and no masking of interrupts if it is
 * one store, everything in front of that store can be done twice, and nobody ever goes on in the
 * middle. Code that wants this lies in the section .text.restart and names its sequences: whatever
 * stops one (interrupt, page fault) moves its RIP back to the beginning before anything else can
 * run on the processor, so that the sequence reads its data again, wherever the thread goes on.
 *
 *   RESTART-1  A sequence is [begin, end); the last instruction in front of `end` is the only one
 *              whose effect others see. Nothing in front of it changes a register that the
 *              beginning reads.
 *   RESTART-2  A trap that comes back to a sequence comes back to its beginning. (A page fault that
 *              was resolved, too: the thread may have waited for the page.)
 *   RESTART-3  A fault (page fault, general protection) at an address named by RESTART_FAULT goes
 *              on at the address named with it, at any IRQL, before it is asked what the fault
 *              means.
 *   RESTART-4  A single step ends behind a sequence, not in its middle: whoever is told of it runs
 *              with interrupts enabled, and others in front of him.
 *   RESTART-5  RESTART_ELSEWHERE names instructions that depend on the processor and can't begin
 *              anew: what is stopped in front of one of them goes on at `resume`, which does the
 *              same in a way that any processor may.
 */
#pragma once

#ifdef __ASSEMBLER__

/* clang-format off */
    .macro RESTART_SEQUENCE begin, end
    .pushsection .tarn.restarts, "a"
    .quad \begin, \end, \begin
    .popsection
    .endm

    .macro RESTART_ELSEWHERE begin, end, resume
    .pushsection .tarn.restarts, "a"
    .quad \begin, \end, \resume
    .popsection
    .endm

    .macro RESTART_FAULT at, resume
    .pushsection .tarn.faults, "a"
    .quad \at, \resume
    .popsection
    .endm

/* The load of an SLIST entry's Next, in a loop as slist.c describes it, and where it begins. */
    .macro SLIST_POP fault, resume
    .pushsection .tarn.slistpops, "a"
    .quad \fault, \resume
    .popsection
    .endm
/* clang-format on */

#else

#include "kernel/ke/ke.h"

typedef struct _KI_RESTART {
    ULONG64 Begin, End, Resume;
} KI_RESTART;
extern const KI_RESTART KiRestartTable[], KiRestartTableEnd[];

/* A debugger's or a test's answer to a single step: TRUE if others may have run meanwhile. */
typedef BOOLEAN KI_STEP_ROUTINE(PKTRAP_FRAME Frame);
extern KI_STEP_ROUTINE *KiStepRoutine;

/* For traps: moves RIP from the middle of a sequence to its beginning (RESTART-2). */
VOID KiRestartSequence(PKTRAP_FRAME Frame);
/* Whether RIP is in the middle of a sequence, where nobody may be let in without a restart. */
BOOLEAN KiIsInSequence(ULONG64 Rip);
/* For faults: TRUE if RIP was moved to where this one is expected (RESTART-3). */
BOOLEAN KiResumeFault(PKTRAP_FRAME Frame);

extern CHAR KiRestartText[], KiRestartTextEnd[];

/* The question that every interrupt asks. */
static inline BOOLEAN KiIsRestartable(ULONG64 Rip)
{
    return Rip - (ULONG64)KiRestartText < (ULONG64)(KiRestartTextEnd - KiRestartText);
}

#endif
