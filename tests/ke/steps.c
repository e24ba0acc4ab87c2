/*
 * steps.c - runs a routine with a trap behind each instruction, up to the one that is looked for.
 */
#include "tests/ke/steps.h"
#include "kernel/ke/ke.h"
#include "kernel/ke/try.h"

#define EFLAGS_TF 0x100

static struct {
    TEST_STEP_ROUTINE *Interfere;
    ULONG Left; /* instructions before it happens */
    BOOLEAN Done;
} Steps;

/*
 * No trap may come where a switch of threads would take the flag along: interrupts are off there.
 */
static __attribute__((noinline)) LONG StepFilter(PEXCEPTION_POINTERS Pointers)
{
    PCONTEXT Context = Pointers->ContextRecord;
    if (Pointers->ExceptionRecord->ExceptionCode != STATUS_SINGLE_STEP) {
        return EXCEPTION_CONTINUE_SEARCH;
    }
    if (!(Context->EFlags & EFLAGS_IF)) {
        if (KiDispatcherLock != 0) {
            Context->EFlags &= ~EFLAGS_TF;
        }
    } else if (Steps.Left-- == 0) {
        Context->EFlags &= ~EFLAGS_TF;
        Steps.Done = TRUE;
        Steps.Interfere();
    }
    return EXCEPTION_CONTINUE_EXECUTION;
}

static __attribute__((noinline)) VOID RunInSteps(TEST_STEP_ROUTINE *Routine)
{
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" : : : "memory", "cc");
    Routine();
    __asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" : : : "memory", "cc");
}

BOOLEAN TestInterfere(TEST_STEP_ROUTINE *Routine, ULONG Step, TEST_STEP_ROUTINE *Interfere)
{
    Steps.Interfere = Interfere;
    Steps.Left = Step;
    Steps.Done = FALSE;
    KE_TRY
    {
        RunInSteps(Routine);
    }
    KE_EXCEPT(StepFilter(GetExceptionInformation()))
    {
    }
    KE_END_TRY
    return Steps.Done;
}
