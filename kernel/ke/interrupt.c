/*
 * interrupt.c - interrupt objects: the service routines of drivers, called at their level under
 * their lock, and what drivers synchronise with them.
 *
 * Theory. An interrupt object hangs in the chain of its vector. The vector's interrupt walks the
 * chain: on a level-triggered line until a routine says that its device it was (if another device
 * still holds the line, the I/O APIC interrupts again); on an edge-triggered one that is shared
 * until a whole round claims nothing, since an edge that came while the line was held is not
 * repeated. Walking takes no lock: a processor counts itself as a walker and follows the links;
 * whoever takes an object out waits until nobody walks that chain, and then the object's memory is
 * his again. The lock of an object is taken for its routine alone.
 *
 *   INTR-1  A service routine runs at SynchronizeIrql with ActualLock held, interrupts enabled,
 *           never on two processors at a time.
 *   INTR-2  One that returns at another level is bug check 0xC4/0x111 (routine, before, after) in
 *           checked mode, 0xC8 in free mode.
 *   INTR-3  First and each Next change under the vector lock, by one store each; an object that
 *           was taken out keeps its Next, so that a walker who stands there finds the way on.
 *   INTR-4  When KiDisconnectInterrupt returns no processor runs the routine or will: it unlinks,
 *           then looks at Walkers; a walker counts itself, then looks at the list; both with full
 *           fences.
 *   INTR-5  All who share a vector set ShareVector, and the one processor that it goes to is in
 *           the mask of each.
 *   INTR-6  A level that is still held when its routines have run interrupts again before anything
 *           else goes on. When that has happened KI_STORM times in a row nothing else will: bug
 *           check 0xF2 (first routine, its context, interrupt object, 1 or, if there are more
 *           objects, 2).
 */
#include "kernel/ke/interrupt.h"
#include "kernel/hal/hal.h"
#include "kernel/ke/spin.h"
#include "kernel/rtl/section.h"

#define VERIFIER_ISR_IRQL             0x111
#define KI_STORM                      5000
#define STORM_OF_ONE                  1
#define STORM_OF_A_CHAIN              2
#define UNEXPECTED_IRQL_IN_CALLOUT    2
#define UNEXPECTED_IRQL_IN_SERVICE    3
#define IRQL_VALUES(After, Before, P) ((ULONG_PTR)((After) << 16 | (Before) << 8 | (P)))

/* ---- the interrupt --------------------------------------------------------------------------- */

static ULONG_PTR KiRoutineOf(PKINTERRUPT Interrupt)
{
    return Interrupt->MessageRoutine != NULL ? (ULONG_PTR)Interrupt->MessageRoutine
                                             : (ULONG_PTR)Interrupt->ServiceRoutine;
}

static DECLSPEC_NORETURN __attribute__((noinline, cold)) VOID KiBadService(PKINTERRUPT Interrupt,
                                                                           KIRQL After)
{
    KIRQL Before = Interrupt->SynchronizeIrql;
    ULONG_PTR Routine = KiRoutineOf(Interrupt);
    if (KiCheckedMode) {
        KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_ISR_IRQL, Routine, Before, After);
    }
    KeBugCheckEx(IRQL_UNEXPECTED_VALUE, IRQL_VALUES(After, Before, UNEXPECTED_IRQL_IN_SERVICE),
                 Routine, (ULONG_PTR)Interrupt, 0);
}

static BOOLEAN KiCallService(PKINTERRUPT Interrupt)
{
    KIRQL Irql = Interrupt->SynchronizeIrql, Level = Interrupt->Vector >> 4;
    if (Irql != Level) {
        KiWriteIrql(Irql);
    }
    KiLock(Interrupt->ActualLock, Interrupt->ServiceRoutine);
    BOOLEAN Claimed =
        Interrupt->MessageRoutine != NULL
            ? Interrupt->MessageRoutine(Interrupt, Interrupt->ServiceContext, Interrupt->MessageId)
            : Interrupt->ServiceRoutine(Interrupt, Interrupt->ServiceContext);
    KIRQL After = KiReadIrql();
    if (After != Irql) {
        KiBadService(Interrupt, After);
    }
    Interrupt->Calls++;
    Interrupt->Claims += Claimed != FALSE;
    KiUnlock(Interrupt->ActualLock, Interrupt->ServiceRoutine);
    if (Irql != Level) {
        KiWriteIrql(Level);
    }
    return Claimed;
}

static BOOLEAN KiWalkChain(PKI_CHAIN Chain)
{
    BOOLEAN Claimed = FALSE, Again;
    ULONG Objects;
    do {
        PKINTERRUPT Interrupt = __atomic_load_n(&Chain->First, __ATOMIC_ACQUIRE);
        Again = FALSE;
        for (Objects = 0; Interrupt != NULL; Objects++) {
            if (Interrupt->Active && KiCallService(Interrupt)) {
                Claimed = Again = TRUE;
                if (Chain->Mode == LevelSensitive) {
                    return TRUE;
                }
            }
            Interrupt = __atomic_load_n(&Interrupt->Next, __ATOMIC_ACQUIRE);
        }
    } while (Again && Objects > 1);
    return Claimed;
}

VOID KiDeviceInterrupt(PKTRAP_FRAME TrapFrame, PVOID Context)
{
    PKI_CHAIN Chain = Context;
    UNREFERENCED_PARAMETER(TrapFrame);
    __atomic_fetch_add(&Chain->Walkers, 1, __ATOMIC_SEQ_CST); /* INTR-4 */
    BOOLEAN Claimed = KiWalkChain(Chain);
    __atomic_fetch_add(&Chain->Count, 1, __ATOMIC_RELAXED);
    if (!Claimed) {
        __atomic_fetch_add(&Chain->Unclaimed, 1, __ATOMIC_RELAXED);
    }
    __atomic_fetch_sub(&Chain->Walkers, 1, __ATOMIC_RELEASE);
}

VOID KiWatchStorm(UCHAR Vector)
{
    PKI_CHAIN Chain = KiFindChain(Vector);
    if (Chain == NULL || Chain->Mode != LevelSensitive) {
        return;
    }
    Chain->Storm = HalpIsRequested(Vector) ? Chain->Storm + 1 : 0;
    PKINTERRUPT First = Chain->First;
    if (Chain->Storm > KI_STORM && First != NULL) {
        KeBugCheckEx(HARDWARE_INTERRUPT_STORM, KiRoutineOf(First), (ULONG_PTR)First->ServiceContext,
                     (ULONG_PTR)First, First->Next == NULL ? STORM_OF_ONE : STORM_OF_A_CHAIN);
    }
}

/* ---- connecting ------------------------------------------------------------------------------ */

VOID KiInitializeInterrupt(PKINTERRUPT Interrupt)
{
    Interrupt->Type = KI_INTERRUPT_TYPE;
    Interrupt->Size = sizeof(KINTERRUPT);
    if (Interrupt->ActualLock == NULL) {
        Interrupt->ActualLock = &Interrupt->SpinLock;
    }
}

/* Processors that serve all who share the vector; 0 when it cannot be shared. */
static KAFFINITY KiShareVector(PKI_CHAIN Chain, PKINTERRUPT New)
{
    KAFFINITY Mask = New->Affinity & KeQueryActiveProcessors();
    for (PKINTERRUPT Other = Chain->First; Other != NULL; Other = Other->Next) {
        if (!Other->ShareVector || !New->ShareVector) {
            return 0;
        }
        Mask &= Other->Affinity;
    }
    return Mask;
}

static BOOLEAN KiHasActive(PKI_CHAIN Chain)
{
    PKINTERRUPT Interrupt = Chain->First;
    while (Interrupt != NULL && !Interrupt->Active) {
        Interrupt = Interrupt->Next;
    }
    return Interrupt != NULL;
}

/* VECT-2 */
static VOID KiRouteChain(PKI_CHAIN Chain, UCHAR Vector)
{
    if (Chain->Line == KI_NO_LINE) {
        return;
    }
    if (!KiHasActive(Chain)) {
        HalpMaskLine(Chain->Line);
    } else {
        HalpSetLine(Chain->Line, Vector, KiProcessorBlock[Chain->Target]->ApicId,
                    Chain->Mode == LevelSensitive);
    }
}

/* The vector lock is held. */
static NTSTATUS KiLinkInterrupt(PKINTERRUPT Interrupt)
{
    PKI_CHAIN Chain = KiFindChain(Interrupt->Vector);
    if (Chain == NULL) {
        return STATUS_NOT_FOUND;
    }
    KAFFINITY Mask = KiShareVector(Chain, Interrupt);
    if (Mask == 0 || Interrupt->Mode != Chain->Mode) {
        return STATUS_INVALID_PARAMETER;
    }
    BOOLEAN Move = Chain->First == NULL || !(Mask >> Chain->Target & 1);
    BOOLEAN Reroute = Move || !KiHasActive(Chain);
    if (Move) {
        Chain->Target = KiChooseTarget(Mask);
    }
    Interrupt->Active = TRUE;
    PKINTERRUPT *Link = &Chain->First;
    while (*Link != NULL) {
        Link = &(*Link)->Next;
    }
    Interrupt->Next = NULL;
    __atomic_store_n(Link, Interrupt, __ATOMIC_RELEASE);
    if (Reroute) {
        KiRouteChain(Chain, Interrupt->Vector);
    }
    return STATUS_SUCCESS;
}

NTSTATUS KiConnectInterrupt(PKINTERRUPT Interrupt)
{
    ULONG64 Flags = KiLockVectors();
    NTSTATUS Status = KiLinkInterrupt(Interrupt);
    KiUnlockVectors(Flags);
    return Status;
}

VOID KiDisconnectInterrupt(PKINTERRUPT Interrupt)
{
    ULONG64 Flags = KiLockVectors();
    PKI_CHAIN Chain = KiFindChain(Interrupt->Vector);
    PKINTERRUPT *Link = &Chain->First;
    while (*Link != Interrupt) {
        Link = &(*Link)->Next;
    }
    __atomic_store_n(Link, Interrupt->Next, __ATOMIC_SEQ_CST);
    if (!KiHasActive(Chain)) {
        KiRouteChain(Chain, Interrupt->Vector);
    }
    KiUnlockVectors(Flags);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    while (__atomic_load_n(&Chain->Walkers, __ATOMIC_ACQUIRE) != 0) {
        YieldProcessor();
    }
}

VOID KiSetInterruptActive(PKINTERRUPT Interrupt, BOOLEAN Active)
{
    ULONG64 Flags = KiLockVectors();
    PKI_CHAIN Chain = KiFindChain(Interrupt->Vector);
    BOOLEAN Before = KiHasActive(Chain);
    Interrupt->Active = Active;
    if (KiHasActive(Chain) != Before) {
        KiRouteChain(Chain, Interrupt->Vector);
    }
    KiUnlockVectors(Flags);
}

/* ---- what drivers synchronise with it -------------------------------------------------------- */

KIRQL NTAPI KeAcquireInterruptSpinLock(PKINTERRUPT Interrupt)
{
    KIRQL OldIrql = KiReadIrql();
    KiRequireIrql(Interrupt->SynchronizeIrql);
    KiWriteIrql(Interrupt->SynchronizeIrql);
    KiLock(Interrupt->ActualLock, __builtin_return_address(0));
    return OldIrql;
}
EXPORT(KeAcquireInterruptSpinLock);

VOID NTAPI KeReleaseInterruptSpinLock(PKINTERRUPT Interrupt, KIRQL OldIrql)
{
    if (KiCheckedMode && KiReadIrql() != Interrupt->SynchronizeIrql) {
        KiIrqlViolation();
    }
    KiUnlock(Interrupt->ActualLock, __builtin_return_address(0));
    KiLowerIrql(OldIrql, __builtin_return_address(0));
}
EXPORT(KeReleaseInterruptSpinLock);

BOOLEAN NTAPI KeSynchronizeExecution(PKINTERRUPT Interrupt,
                                     PKSYNCHRONIZE_ROUTINE SynchronizeRoutine,
                                     PVOID SynchronizeContext)
{
    KIRQL OldIrql = KeAcquireInterruptSpinLock(Interrupt);
    BOOLEAN Result = SynchronizeRoutine(SynchronizeContext);
    KIRQL After = KiReadIrql();
    if (KiCheckedMode && After != Interrupt->SynchronizeIrql) {
        KeBugCheckEx(IRQL_UNEXPECTED_VALUE,
                     IRQL_VALUES(After, Interrupt->SynchronizeIrql, UNEXPECTED_IRQL_IN_CALLOUT),
                     (ULONG_PTR)SynchronizeRoutine, (ULONG_PTR)SynchronizeContext, 0);
    }
    KiUnlock(Interrupt->ActualLock, __builtin_return_address(0));
    KiWriteIrql(OldIrql);
    return Result;
}
EXPORT(KeSynchronizeExecution);
