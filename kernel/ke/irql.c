/*
 * irql.c - raising and lowering the interrupt request level, for every driver and for ourselves.
 *
 * Theory. A processor's IRQL is the value of CR8 and nothing else: there is no copy in memory that
 * could differ, and driver code that reads or writes CR8 inline sees and changes the same thing.
 * CR8 is the local APIC's task priority, so the hardware holds back what the level masks
 * (kernel/hal/apic.c). Lowering is one store; a DPC or APC request that waited fires by itself
 * between that store and the next instruction.
 *
 *   IRQL-1  KeGetCurrentIrql is CR8.
 *   IRQL-2  A raise never lowers and a lower never raises: bug check 0x9 in checked mode; in free
 *           mode the value is simply stored, as on a Windows free build (contract 1.3).
 *   IRQL-3  After a return from KeLowerIrql(below DISPATCH_LEVEL) no DPC of normal importance
 *           that was queued here before is still waiting.
 *   IRQL-4  Inside a DPC routine nothing lowers below DISPATCH_LEVEL: C4/0x31 in checked mode.
 *
 * Bug check 0x9 has no public parameter list. Ours: current level, requested level, 0 for a raise
 * and 1 for a lower, caller's address.
 */
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

BOOLEAN KiCheckedMode = TRUE;

#define VERIFIER_BAD_LOWER  0x31
#define VERIFIER_WRONG_IRQL 0xE5
#define RAISE               0
#define LOWER               1

/* Out of line, so that the common path stays short. */
static __attribute__((noinline, cold)) VOID KiBadIrqlChange(KIRQL Current, KIRQL Requested,
                                                            ULONG Direction, PVOID Caller)
{
    KeBugCheckEx(IRQL_NOT_GREATER_OR_EQUAL, Current, Requested, Direction, (ULONG_PTR)Caller);
}

__attribute__((noinline, cold)) VOID KiIrqlViolation(VOID)
{
    KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_WRONG_IRQL, KiReadIrql(), 0, 0);
}

KIRQL NTAPI KfRaiseIrql(KIRQL NewIrql)
{
    KIRQL OldIrql = KiReadIrql();
    if (KiCheckedMode && (NewIrql < OldIrql || NewIrql > HIGH_LEVEL)) {
        KiBadIrqlChange(OldIrql, NewIrql, RAISE, __builtin_return_address(0));
    }
    KiWriteIrql(NewIrql);
    return OldIrql;
}
EXPORT(KfRaiseIrql);

static __attribute__((noinline, cold)) VOID KiCheckLower(KIRQL NewIrql, PVOID Caller)
{
    KIRQL OldIrql = KiReadIrql();
    if (NewIrql > OldIrql) {
        KiBadIrqlChange(OldIrql, NewIrql, LOWER, Caller);
    }
    if (NewIrql < DISPATCH_LEVEL && KeGetCurrentPrcb()->InDpc) {
        KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_BAD_LOWER, OldIrql, NewIrql, 1);
    }
}

VOID NTAPI KeLowerIrql(KIRQL NewIrql)
{
    if (KiCheckedMode) {
        KiCheckLower(NewIrql, __builtin_return_address(0));
    }
    KiWriteIrql(NewIrql);
}
EXPORT(KeLowerIrql);

KIRQL NTAPI KeRaiseIrqlToDpcLevel(VOID)
{
    KIRQL OldIrql = KiReadIrql();
    if (KiCheckedMode && OldIrql > DISPATCH_LEVEL) {
        KiBadIrqlChange(OldIrql, DISPATCH_LEVEL, RAISE, __builtin_return_address(0));
    }
    KiWriteIrql(DISPATCH_LEVEL);
    return OldIrql;
}
EXPORT(KeRaiseIrqlToDpcLevel);

KIRQL NTAPI KeRaiseIrqlToSynchLevel(VOID)
{
    KIRQL OldIrql = KiReadIrql();
    if (KiCheckedMode && OldIrql > SYNCH_LEVEL) {
        KiBadIrqlChange(OldIrql, SYNCH_LEVEL, RAISE, __builtin_return_address(0));
    }
    KiWriteIrql(SYNCH_LEVEL);
    return OldIrql;
}
EXPORT(KeRaiseIrqlToSynchLevel);
