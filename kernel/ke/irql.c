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

#define VERIFIER_BAD_LOWER  0x31
#define VERIFIER_WRONG_IRQL 0xE5
#define RAISE               0
#define LOWER               1

typedef KIRQL NTAPI KI_RAISE_ROUTINE(KIRQL NewIrql);
typedef VOID NTAPI KI_LOWER_ROUTINE(KIRQL NewIrql);

static KI_RAISE_ROUTINE KiRaiseChecked, KiRaiseFree;
static KI_LOWER_ROUTINE KiLowerChecked, KiLowerFree;

BOOLEAN KiCheckedMode = TRUE;
VOID (*KiModeRoutine)(VOID);

/* Where irql.S jumps. */
extern KI_RAISE_ROUTINE *KiRaiseRoutine;
extern KI_LOWER_ROUTINE *KiLowerRoutine;
KI_RAISE_ROUTINE *KiRaiseRoutine = KiRaiseChecked;
KI_LOWER_ROUTINE *KiLowerRoutine = KiLowerChecked;

VOID KiSetCheckedMode(BOOLEAN Checked)
{
    KiCheckedMode = Checked;
    KiRaiseRoutine = Checked ? KiRaiseChecked : KiRaiseFree;
    KiLowerRoutine = Checked ? KiLowerChecked : KiLowerFree;
    if (KiModeRoutine != NULL) {
        KiModeRoutine();
    }
}

/*
 * Each hot routine has one exit to what is out of line. There its frame is made, and since what it
 * calls has the routine's own convention no register is saved for it: the common way has neither.
 */

static DECLSPEC_NORETURN __attribute__((noinline, cold)) VOID NTAPI KiBadRaise(KIRQL NewIrql,
                                                                               KIRQL Current,
                                                                               PVOID Caller)
{
    KeBugCheckEx(IRQL_NOT_GREATER_OR_EQUAL, Current, NewIrql, RAISE, (ULONG_PTR)Caller);
}

__attribute__((noinline, cold)) VOID NTAPI KiBadLower(KIRQL NewIrql, KIRQL Current, PVOID Caller)
{
    if (NewIrql > Current) {
        KeBugCheckEx(IRQL_NOT_GREATER_OR_EQUAL, Current, NewIrql, LOWER, (ULONG_PTR)Caller);
    }
    KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_BAD_LOWER, Current, NewIrql, 1);
}

__attribute__((noinline, cold)) VOID KiIrqlViolation(VOID)
{
    KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_WRONG_IRQL, KiReadIrql(), 0, 0);
}

static KIRQL NTAPI KiRaiseChecked(KIRQL NewIrql)
{
    KIRQL OldIrql = KiReadIrql();
    if (NewIrql < OldIrql || NewIrql > HIGH_LEVEL) {
        KiBadRaise(NewIrql, OldIrql, __builtin_return_address(0));
    }
    KiWriteIrql(NewIrql);
    return OldIrql;
}

static KIRQL NTAPI KiRaiseFree(KIRQL NewIrql)
{
    KIRQL OldIrql = KiReadIrql();
    KiWriteIrql(NewIrql);
    return OldIrql;
}
EXPORT(KfRaiseIrql);

static VOID NTAPI KiLowerChecked(KIRQL NewIrql)
{
    KIRQL OldIrql = KiReadIrql();
    if (KiIsBadLower(NewIrql, OldIrql)) {
        KiBadLower(NewIrql, OldIrql, __builtin_return_address(0));
    }
    KiWriteIrql(NewIrql);
}

static VOID NTAPI KiLowerFree(KIRQL NewIrql)
{
    KiWriteIrql(NewIrql);
}
EXPORT(KeLowerIrql);

KIRQL NTAPI KeRaiseIrqlToDpcLevel(VOID)
{
    KIRQL OldIrql = KiReadIrql();
    if (KiCheckedMode && OldIrql > DISPATCH_LEVEL) {
        KiBadRaise(DISPATCH_LEVEL, OldIrql, __builtin_return_address(0));
    }
    KiWriteIrql(DISPATCH_LEVEL);
    return OldIrql;
}
EXPORT(KeRaiseIrqlToDpcLevel);

KIRQL NTAPI KeRaiseIrqlToSynchLevel(VOID)
{
    KIRQL OldIrql = KiReadIrql();
    if (KiCheckedMode && OldIrql > SYNCH_LEVEL) {
        KiBadRaise(SYNCH_LEVEL, OldIrql, __builtin_return_address(0));
    }
    KiWriteIrql(SYNCH_LEVEL);
    return OldIrql;
}
EXPORT(KeRaiseIrqlToSynchLevel);
