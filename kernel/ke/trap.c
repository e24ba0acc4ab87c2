/*
 * trap.c - what happens after trap.S built a frame: exceptions become page faults, structured
 * exceptions or bug checks, interrupts run their routine at the IRQL of their vector.
 *
 *   TRAP-1  The routine of vector v runs at IRQL v >> 4 with interrupts enabled, and CR8 is what it
 *           was when it returns.
 *   TRAP-2  A page fault runs with interrupts as the faulting code had them, at its IRQL.
 *   TRAP-3  Software vectors (0x1F, 0x2F) are acknowledged before their routine, so that a
 *           request made inside it is not lost; device vectors after it, so that a level line
 *           cannot storm.
 *   TRAP-4  The routine of an interrupt sees none of the guarded bodies of the thread that it
 *           interrupted: what it raises is its own affair.
 *   TRAP-5  A vector's routine is read once for an interrupt and written last: it may be connected
 *           and disconnected while its interrupts come, on any processor.
 *   TRAP-6  Vector 0xFF is the local APIC's word for an interrupt that went away, and is not
 *           acknowledged. A vector without a routine is, so that it holds nothing up. Both are
 *           counted and do nothing else.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/interrupt.h"
#include "kernel/ke/restart.h"

#define VECTOR_DIVIDE             0
#define VECTOR_DEBUG              1
#define VECTOR_NMI                2
#define VECTOR_BREAKPOINT         3
#define VECTOR_DOUBLE_FAULT       8
#define VECTOR_GENERAL_PROTECTION 13
#define VECTOR_PAGE_FAULT         14
#define VECTOR_MACHINE_CHECK      18
#define VECTOR_FAIL_FAST          0x29
#define VECTOR_COUNT              256

typedef struct _KI_VECTOR {
    KI_INTERRUPT_ROUTINE *Routine;
    PVOID Context;
} KI_VECTOR;

static KI_VECTOR KiVectors[VECTOR_COUNT];
static KI_PAGE_FAULT_ROUTINE *KiPageFaultRoutine;
static KI_UNHANDLED_FAULT_ROUTINE *KiUnhandledFaultRoutine;
ULONG64 KiSpuriousInterrupts, KiUnexpectedInterrupts;
UCHAR KiUnexpectedVector;

VOID KiRegisterPageFaultRoutine(KI_PAGE_FAULT_ROUTINE *Routine,
                                KI_UNHANDLED_FAULT_ROUTINE *Unhandled)
{
    KiPageFaultRoutine = Routine;
    KiUnhandledFaultRoutine = Unhandled;
}

VOID KiConnectVector(UCHAR Vector, KI_INTERRUPT_ROUTINE *Routine, PVOID Context)
{
    if (Routine != NULL) {
        KiVectors[Vector].Context = Context;
    }
    __atomic_store_n(&KiVectors[Vector].Routine, Routine, __ATOMIC_RELEASE); /* TRAP-5 */
}

KI_INTERRUPT_ROUTINE *KiQueryVector(UCHAR Vector, PVOID *Context)
{
    *Context = KiVectors[Vector].Context;
    return KiVectors[Vector].Routine;
}

/*
 * The NTSTATUS that NT reports for a processor exception; 0: no exception but an unexpected trap.
 */
static NTSTATUS KiExceptionCode(ULONG64 Vector)
{
    switch (Vector) {
    case VECTOR_DIVIDE: return STATUS_INTEGER_DIVIDE_BY_ZERO;
    case VECTOR_DEBUG: return STATUS_SINGLE_STEP;
    case VECTOR_BREAKPOINT: return STATUS_BREAKPOINT;
    case 4: return STATUS_INTEGER_OVERFLOW;
    case 5: return STATUS_ARRAY_BOUNDS_EXCEEDED;
    case 6: return STATUS_ILLEGAL_INSTRUCTION;
    case VECTOR_GENERAL_PROTECTION: return STATUS_ACCESS_VIOLATION;
    case 16: return STATUS_FLOAT_INVALID_OPERATION;
    case 17: return STATUS_DATATYPE_MISALIGNMENT;
    case 19: return STATUS_FLOAT_MULTIPLE_TRAPS;
    default: return 0;
    }
}

/* The first parameter of an access violation: 0 a read, 1 a write, 8 an execution. */
static ULONG_PTR KiFaultAccess(ULONG64 ErrorCode)
{
    return ErrorCode & PF_FETCH ? 8 : ErrorCode & PF_WRITE ? 1 : 0;
}

/* Interrupts as the code had them that the trap came from; KiTrapReturn wants them off again. */
static VOID KiEnableAsBefore(PKTRAP_FRAME Frame)
{
    KiRestoreInterrupts(Frame->EFlags);
}

static VOID KiDispatchPageFault(PKTRAP_FRAME Frame)
{
    PVOID Address = (PVOID)Frame->FaultAddress;
    NTSTATUS Status = STATUS_ACCESS_VIOLATION;
    if (KiResumeSListPop(Frame) || (KiIsRestartable(Frame->Rip) && KiResumeFault(Frame))) {
        return;
    }
    KiEnableAsBefore(Frame);
    if (KiPageFaultRoutine != NULL) {
        Status = KiPageFaultRoutine(Frame->ErrorCode, Address, Frame);
    }
    if (!NT_SUCCESS(Status)) {
        /* What is no violation came from a disk, and is the third parameter of that exception. */
        BOOLEAN Violation = Status == STATUS_ACCESS_VIOLATION;
        EXCEPTION_RECORD Record = {
            .ExceptionCode = Violation ? Status : STATUS_IN_PAGE_ERROR,
            .ExceptionAddress = (PVOID)Frame->Rip,
            .NumberParameters = Violation ? 2 : 3,
            .ExceptionInformation = {KiFaultAccess(Frame->ErrorCode), Frame->FaultAddress,
                                     (ULONG)Status},
        };
        if (!KiDispatchException(&Record, Frame)) {
            if (KiUnhandledFaultRoutine != NULL) {
                KiUnhandledFaultRoutine(Status, Frame->ErrorCode, Address, Frame);
            }
            KiStopUnhandled(&Record, Frame);
        }
    }
    KiDisableInterrupts();
    if (KiIsRestartable(Frame->Rip)) {
        KiRestartSequence(Frame);
    }
}

/* An exception of the processor's that is no page fault. */
static VOID KiDispatchFault(NTSTATUS Code, PKTRAP_FRAME Frame)
{
    if (Frame->Vector == VECTOR_BREAKPOINT) {
        Frame->Rip--; /* the processor is past the int3; NT reports the instruction itself */
    }
    EXCEPTION_RECORD Record = {.ExceptionCode = Code, .ExceptionAddress = (PVOID)Frame->Rip};
    if (Frame->Vector == VECTOR_GENERAL_PROTECTION) {
        /* It has no address: NT reports a read of address -1. */
        Record.NumberParameters = 2;
        Record.ExceptionInformation[1] = ~(ULONG_PTR)0;
    }
    KiEnableAsBefore(Frame);
    if (!KiDispatchException(&Record, Frame)) {
        KiStopUnhandled(&Record, Frame);
    }
    KiDisableInterrupts();
}

/* __fastfail: the code is in ECX. */
static DECLSPEC_NORETURN VOID KiFailFast(PKTRAP_FRAME Frame)
{
    static EXCEPTION_RECORD Record;
    Record.ExceptionCode = STATUS_STACK_BUFFER_OVERRUN;
    Record.ExceptionAddress = (PVOID)Frame->Rip;
    Record.NumberParameters = 1;
    Record.ExceptionInformation[0] = (ULONG)Frame->Rcx;
    KiBugCheck(KERNEL_SECURITY_CHECK_FAILURE, (ULONG)Frame->Rcx, (ULONG_PTR)Frame,
               (ULONG_PTR)&Record, 0, Frame);
}

VOID KiDispatchTrap(PKTRAP_FRAME Frame)
{
    Frame->PreviousIrql = KiReadIrql();
    if (Frame->Vector == VECTOR_PAGE_FAULT) {
        KiDispatchPageFault(Frame);
        return;
    }
    if (Frame->Vector == VECTOR_FAIL_FAST) {
        KiFailFast(Frame);
    }
    if (Frame->Vector == VECTOR_NMI) {
        KiAnswerFreeze(Frame);
        KiBugCheck(NMI_HARDWARE_FAILURE, 0x4F4454, 0, 0, 0, Frame);
    }
    if (Frame->Vector == VECTOR_MACHINE_CHECK) {
        KiBugCheck(MACHINE_CHECK_EXCEPTION, 0, 0, 0, 0, Frame);
    }
    if (Frame->Vector == VECTOR_DEBUG && KiStepRoutine != NULL) {
        if (KiStepRoutine(Frame)) {
            KiRestartSequence(Frame);
        }
        return;
    }
    if (Frame->Vector == VECTOR_DEBUG && KiIsRestartable(Frame->Rip) &&
        KiIsInSequence(Frame->Rip)) {
        return; /* RESTART-4; the step after the last one is told */
    }
    if (Frame->Vector == VECTOR_GENERAL_PROTECTION && KiResumeFault(Frame)) {
        return;
    }
    NTSTATUS Code = KiExceptionCode(Frame->Vector);
    if (Code == 0) {
        /* The rest is ours: for a double fault CR2 is what the processor could not push to. */
        KiBugCheck(UNEXPECTED_KERNEL_MODE_TRAP, Frame->Vector,
                   Frame->Vector == VECTOR_DOUBLE_FAULT ? Frame->FaultAddress : 0, Frame->Rip,
                   Frame->Rsp, Frame);
    }
    KiDispatchFault(Code, Frame);
}

VOID KiDispatchInterrupt(PKTRAP_FRAME Frame)
{
    UCHAR Vector = (UCHAR)Frame->Vector;
    PKPRCB Prcb = KeGetCurrentPrcb();
    KI_INTERRUPT_ROUTINE *Routine = __atomic_load_n(&KiVectors[Vector].Routine, __ATOMIC_ACQUIRE);

    if (Prcb->IdleHalt) {
        KiLeaveHalt(Prcb);
    }
    if (KiIsRestartable(Frame->Rip)) {
        KiRestartSequence(Frame);
    }
    Frame->PreviousIrql = KiReadIrql();
    if (Vector == SPURIOUS_VECTOR) {
        __atomic_fetch_add(&KiSpuriousInterrupts, 1, __ATOMIC_RELAXED);
        return;
    }
    if (Routine == NULL) {
        __atomic_fetch_add(&KiUnexpectedInterrupts, 1, __ATOMIC_RELAXED);
        KiUnexpectedVector = Vector;
        HalpEndOfInterrupt();
        return;
    }
    BOOLEAN Software = Vector == APC_VECTOR || Vector == DPC_VECTOR;
    PKTHREAD Thread = Prcb->CurrentThread;
    struct _KE_TRY *TryFrames = Thread->TryFrames;
    Thread->TryFrames = NULL;
    Prcb->InterruptCount++;
    KiWriteIrql(Vector >> 4);
    if (Software) {
        HalpEndOfInterrupt();
    }
    __asm__ volatile("sti" : : : "memory");
    Routine(Frame, KiVectors[Vector].Context);
    __asm__ volatile("cli" : : : "memory");
    if (!Software) {
        HalpEndOfInterrupt();
        KiWatchStorm(Vector);
    }
    Thread->TryFrames = TryFrames;
    KiWriteIrql((KIRQL)Frame->PreviousIrql);
}
