/*
 * restart.c - the tables of restartable sequences, for trap.c; restart.h has the theory.
 *
 * The tables are short and searched only when RIP is in .text.restart, so they are searched from
 * the beginning.
 */
#include "kernel/ke/restart.h"

typedef struct _KI_FAULT {
    ULONG64 At, Resume;
} KI_FAULT;
extern const KI_FAULT KiFaultTable[], KiFaultTableEnd[];

KI_STEP_ROUTINE *KiStepRoutine;

/* The sequence that RIP lies in, NULL without one. */
static const KI_RESTART *KiFindSequence(ULONG64 Rip)
{
    for (const KI_RESTART *Entry = KiRestartTable; Entry < KiRestartTableEnd; Entry++) {
        if (Rip - Entry->Begin < Entry->End - Entry->Begin) {
            return Entry;
        }
    }
    return NULL;
}

VOID KiRestartSequence(PKTRAP_FRAME Frame)
{
    const KI_RESTART *Entry = KiFindSequence(Frame->Rip);
    if (Entry != NULL) {
        Frame->Rip = Entry->Resume;
    }
}

BOOLEAN KiIsInSequence(ULONG64 Rip)
{
    const KI_RESTART *Entry = KiFindSequence(Rip);
    return Entry != NULL && Rip != Entry->Resume;
}

BOOLEAN KiResumeFault(PKTRAP_FRAME Frame)
{
    for (const KI_FAULT *Entry = KiFaultTable; Entry < KiFaultTableEnd; Entry++) {
        if (Frame->Rip == Entry->At) {
            Frame->Rip = Entry->Resume;
            return TRUE;
        }
    }
    return FALSE;
}
