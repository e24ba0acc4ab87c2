/*
 * startup.c - wakes the other processors, one after the other, by INIT and STARTUP.
 *
 * Protocol: Intel SDM volume 3, section 9.4.4. Its ten milliseconds between INIT and STARTUP were
 * for controllers outside of the processor; so the first try does without, and a processor that
 * does not come gets INIT and the whole wait. What a processor is to run is offered in
 * HalpStarting; it takes the offer by a locked comparison, and so is it withdrawn.
 *
 *   START-1  An offer is taken by the one processor that it is for, and not once it is withdrawn.
 *   START-2  A processor that comes late for the first try may take the second one's offer and
 *            then meet the second INIT: it begins anew, and takes the offer again, which stands
 *            until the next one is made.
 *   START-3  The offer is there before INIT is sent: a processor that comes late, with INIT and
 *            the first STARTUP waiting for it together, answers no other STARTUP.
 */
#include "kernel/hal/acpi.h"
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/rtl.h"
#include "kernel/rtl/section.h"

#define INIT_WAIT    10000   /* microseconds: see above */
#define STARTUP_WAIT 200     /* between the two STARTUPs */
#define LAST_WAIT    5000000 /* a busy host may not let a virtual processor run for long */

typedef enum _HALP_OFFER { HalpNoOffer, HalpOfferMade, HalpOfferTaken } HALP_OFFER;

/* As startup.S reads it. */
struct {
    PVOID Context;
    ULONG ApicId;
    volatile HALP_OFFER Offer;
    PVOID Stack;
    ULONG64 Cr3;
    HAL_START_ROUTINE *Routine;
} HalpStarting;
_Static_assert(offsetof(typeof(HalpStarting), Offer) == 12, "startup.S");
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
    while (__atomic_load_n(&HalpStarting.Offer, __ATOMIC_ACQUIRE) != HalpOfferTaken) {
        if (HalpReadTsc() - Start >= Ticks) {
            return FALSE;
        }
        YieldProcessor();
    }
    return TRUE;
}

/* FALSE: it was taken in the meantime. */
static INIT BOOLEAN HalpWithdraw(VOID)
{
    HALP_OFFER Made = HalpOfferMade;
    return __atomic_compare_exchange_n(&HalpStarting.Offer, &Made, HalpNoOffer, FALSE,
                                       __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* An offer, and what it takes to make the processor come for it. */
static INIT BOOLEAN HalpTryStart(ULONG Page, ULONG InitWait, ULONG LastWait)
{
    ULONG ApicId = HalpStarting.ApicId;
    __atomic_store_n(&HalpStarting.Offer, HalpOfferMade, __ATOMIC_RELEASE);
    HalpSendInit(ApicId);
    KeStallExecutionProcessor(InitWait);
    HalpSendStartup(ApicId, Page);
    if (HalpWaitForTaker(STARTUP_WAIT)) {
        return TRUE;
    }
    HalpSendStartup(ApicId, Page);
    return HalpWaitForTaker(LastWait) || !HalpWithdraw();
}

INIT BOOLEAN HalpStartProcessor(ULONG ApicId, ULONG Physical, PVOID Stack,
                                HAL_START_ROUTINE *Routine, PVOID Context)
{
    ULONG Page = Physical / PAGE_SIZE;
    __atomic_store_n(&HalpStarting.Offer, HalpNoOffer, __ATOMIC_SEQ_CST);
    HalpStarting.Context = Context;
    HalpStarting.ApicId = ApicId;
    HalpStarting.Stack = Stack;
    HalpStarting.Routine = Routine;
    __asm__ volatile("movq %%cr3, %0" : "=r"(HalpStarting.Cr3));
    if (HalpTryStart(Page, 0, INIT_WAIT) || HalpTryStart(Page, INIT_WAIT, LAST_WAIT)) {
        return TRUE;
    }
    HalpSendInit(ApicId);
    return FALSE;
}
