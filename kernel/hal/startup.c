/*
 * startup.c - wakes the other processors, one after the other, by INIT and STARTUP.
 *
 * Protocol: Intel SDM volume 3, section 9.4.4. Its ten milliseconds between INIT and STARTUP were
 * for controllers outside of the processor; so the first try does without, and a processor that
 * does not come gets INIT and the whole wait. What a processor is to run is offered in
 * HalpStarting; it takes the offer by an exchange, and so does the one who withdraws it.
 *
 *   START-1  An offer is taken by one processor at most, and by none once it is withdrawn.
 */
#include "kernel/hal/acpi.h"
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/rtl.h"
#include "kernel/rtl/section.h"

#define INIT_WAIT    10000   /* microseconds: see above */
#define STARTUP_WAIT 200     /* between the two STARTUPs */
#define LAST_WAIT    1000000 /* a busy host may not let a virtual processor run for long */

/* As startup.S reads it. */
struct {
    PVOID volatile Context; /* NULL: no offer */
    ULONG ApicId;
    PVOID Stack;
    ULONG64 Cr3;
    HAL_START_ROUTINE *Routine;
} HalpStarting;
_Static_assert(offsetof(typeof(HalpStarting), Routine) == 32, "startup.S");

typedef struct _STARTUP_DATA {
    ULONG64 Gdt[3];
    USHORT GdtLimit;
    ULONG GdtBase;
    ULONG Target;
    USHORT TargetSelector;
    ULONG Cr3;
} __attribute__((packed)) STARTUP_DATA;

extern CHAR HalpStartupCode[], HalpStartupLong[], HalpStartupData[], HalpStartupEnd[];

INIT VOID HalpPrepareStartup(PVOID Page, ULONG Physical, ULONG Cr3)
{
    STARTUP_DATA *Data = (STARTUP_DATA *)((PCHAR)Page + (HalpStartupData - HalpStartupCode));
    memcpy(Page, HalpStartupCode, (SIZE_T)(HalpStartupEnd - HalpStartupCode));
    Data->GdtBase = Physical + (ULONG)(HalpStartupData - HalpStartupCode);
    Data->Target = Physical + (ULONG)(HalpStartupLong - HalpStartupCode);
    Data->Cr3 = Cr3;
}

/* TRUE as soon as the offer is taken. */
static INIT BOOLEAN HalpWaitForTaker(ULONG MicroSeconds)
{
    ULONG64 Start = HalpReadTsc(), Ticks = HalpTscHz / 1000000 * MicroSeconds;
    while (__atomic_load_n(&HalpStarting.Context, __ATOMIC_ACQUIRE) != NULL) {
        if (HalpReadTsc() - Start >= Ticks) {
            return FALSE;
        }
        YieldProcessor();
    }
    return TRUE;
}

/* An offer, and what it takes to make the processor come for it. */
static INIT BOOLEAN HalpTryStart(PVOID Context, ULONG Page, ULONG InitWait, ULONG LastWait)
{
    ULONG ApicId = HalpStarting.ApicId;
    __atomic_store_n(&HalpStarting.Context, Context, __ATOMIC_RELEASE);
    HalpSendInit(ApicId);
    KeStallExecutionProcessor(InitWait);
    HalpSendStartup(ApicId, Page);
    if (HalpWaitForTaker(STARTUP_WAIT)) {
        return TRUE;
    }
    HalpSendStartup(ApicId, Page);
    return HalpWaitForTaker(LastWait) ||
           __atomic_exchange_n(&HalpStarting.Context, NULL, __ATOMIC_ACQ_REL) == NULL;
}

INIT BOOLEAN HalpStartProcessor(ULONG ApicId, ULONG Physical, PVOID Stack,
                                HAL_START_ROUTINE *Routine, PVOID Context)
{
    ULONG Page = Physical / PAGE_SIZE;
    HalpStarting.ApicId = ApicId;
    HalpStarting.Stack = Stack;
    HalpStarting.Routine = Routine;
    __asm__ volatile("movq %%cr3, %0" : "=r"(HalpStarting.Cr3));
    if (HalpTryStart(Context, Page, 0, INIT_WAIT) ||
        HalpTryStart(Context, Page, INIT_WAIT, LAST_WAIT)) {
        return TRUE;
    }
    HalpSendInit(ApicId);
    return FALSE;
}
