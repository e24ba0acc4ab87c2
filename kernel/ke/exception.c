/*
 * exception.c - structured exceptions: finding who handles one and getting there, for drivers that
 * raise and for the kernel's own C, which guards its bodies with try.h.
 *
 * Theory. A guarded body has a frame on the stack, and the thread lists its frames, innermost
 * first. An exception comes from RtlRaiseException or from a trap; either way the raiser's
 * registers are in a trap frame, and all of its stack is still there. First the search: the filters
 * are called from the innermost frame outwards, on top of that stack. One of them may say that
 * execution goes on: its changes of the CONTEXT go into the trap frame, and the trap returns. Or
 * one says that it handles the exception: then, second, the unwinding. The innermost frame is taken
 * off the list and jumped to, which throws away the stack below it; its finally block runs, and it
 * passes on to the next, until the frame is the target, whose handler runs. If no filter wants the
 * exception nothing has been unwound, and the bug check shows the raiser's registers and stack.
 *
 * While a filter runs, a mark is on the list that names the filter's frame. An exception in the
 * filter is offered to what the filter guards itself and then, past the mark, to what lies outside
 * the filter's frame; when that handles it, the frames between are unwound like all others.
 *
 * From function to function the list is in the order of the stack. The bodies that a loaded image
 * guards have no frames but tables (.pdata), found by walking the stack from the trap frame; such a
 * walk passes the functions of this list in the same order, so both kinds can take turns in one
 * search.
 *
 *   SEH-1  Filters run innermost first, before anything is unwound.
 *   SEH-2  finally blocks run innermost first, after the search and before the handler.
 *   SEH-3  A frame is off the list when its handler or its finally block runs: what these raise
 *          goes outwards, and replaces the exception under way if it is handled there.
 *   SEH-4  An exception in a filter never goes to the frame of that filter or one inside it.
 *   SEH-5  A handler runs at the IRQL of the raise and with interrupts as they were there.
 *   SEH-6  Once the machine has begun to stop nothing is handled any more (KiBugCheck).
 */
#include "kernel/ke/ke.h"
#include "kernel/ke/try.h"
#include "kernel/rtl/section.h"

#define XMM_IN_FRAME 6 /* XMM0-5 */

/* ---- frames ---------------------------------------------------------------------------------- */

VOID KiOpenTry(PKE_TRY_FRAME Frame, KE_FILTER *Filter)
{
    PKTHREAD Thread = KeGetCurrentThread();
    Frame->Next = Thread->TryFrames;
    Frame->Filter = Filter;
    Frame->Target = NULL;
    Frame->ExceptionCode = STATUS_SUCCESS;
    Frame->Ended = FALSE;
    Thread->TryFrames = Frame;
}

/* The cleanup of a body: an exception has taken the frame off the list already. */
VOID KiCloseTry(PKE_TRY_FRAME *Frame)
{
    PKTHREAD Thread = KeGetCurrentThread();
    if ((*Frame)->Target == NULL) {
        if (Thread->TryFrames != *Frame) {
            RtlFailFast(FAST_FAIL_CORRUPT_LIST_ENTRY);
        }
        Thread->TryFrames = (*Frame)->Next;
    }
}

DECLSPEC_NORETURN VOID KiContinueUnwind(PKE_TRY_FRAME Target)
{
    PKTHREAD Thread = KeGetCurrentThread();
    PKE_TRY_FRAME Frame = Thread->TryFrames;
    while (Frame->Filter == NULL) {
        Frame = Frame->Next; /* a filter that is given up */
    }
    Thread->TryFrames = Frame->Next;
    Frame->Target = Target;
    KiJump(&Frame->Jump);
}

/* ---- contexts -------------------------------------------------------------------------------- */

/* The frame has what traps save; the rest is still in the registers. */
static VOID KiCaptureContext(const KTRAP_FRAME *Frame, PCONTEXT Context)
{
    RtlZeroMemory(Context, sizeof(*Context));
    __asm__ volatile("fxsave64 %0" : "=m"(Context->FltSave));
    RtlCopyMemory(Context->FltSave.XmmRegisters, Frame->Xmm, sizeof(Frame->Xmm));
    Context->ContextFlags = CONTEXT_FULL;
    Context->MxCsr = Context->FltSave.MxCsr = Frame->MxCsr;
    Context->SegCs = (USHORT)Frame->SegCs;
    Context->SegSs = (USHORT)Frame->SegSs;
    Context->EFlags = (ULONG)Frame->EFlags;
    Context->Rip = Frame->Rip, Context->Rsp = Frame->Rsp;
    Context->Rax = Frame->Rax, Context->Rcx = Frame->Rcx;
    Context->Rdx = Frame->Rdx, Context->Rbx = Frame->Rbx;
    Context->Rbp = Frame->Rbp, Context->Rsi = Frame->Rsi, Context->Rdi = Frame->Rdi;
    Context->R8 = Frame->R8, Context->R9 = Frame->R9;
    Context->R10 = Frame->R10, Context->R11 = Frame->R11;
    Context->R12 = Frame->R12, Context->R13 = Frame->R13;
    Context->R14 = Frame->R14, Context->R15 = Frame->R15;
}

static VOID KiRestoreContext(PKTRAP_FRAME Frame, const CONTEXT *Context)
{
    __asm__ volatile("fxrstor64 %0" : : "m"(Context->FltSave));
    RtlCopyMemory(Frame->Xmm, Context->FltSave.XmmRegisters, sizeof(Frame->Xmm));
    Frame->MxCsr = Context->MxCsr;
    Frame->EFlags = Context->EFlags;
    Frame->Rip = Context->Rip, Frame->Rsp = Context->Rsp;
    Frame->Rax = Context->Rax, Frame->Rcx = Context->Rcx;
    Frame->Rdx = Context->Rdx, Frame->Rbx = Context->Rbx;
    Frame->Rbp = Context->Rbp, Frame->Rsi = Context->Rsi, Frame->Rdi = Context->Rdi;
    Frame->R8 = Context->R8, Frame->R9 = Context->R9;
    Frame->R10 = Context->R10, Frame->R11 = Context->R11;
    Frame->R12 = Context->R12, Frame->R13 = Context->R13;
    Frame->R14 = Context->R14, Frame->R15 = Context->R15;
}
_Static_assert(sizeof(((PKTRAP_FRAME)0)->Xmm) == XMM_IN_FRAME * sizeof(M128A), "KTRAP_FRAME");

/* ---- the search ------------------------------------------------------------------------------ */

static LONG KiCallFilter(PKE_TRY_FRAME Frame, PEXCEPTION_POINTERS Pointers)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KE_TRY_FRAME Mark = {.Next = Thread->TryFrames, .Target = Frame};
    Thread->TryFrames = &Mark;
    LONG Disposition = Frame->Filter(Pointers);
    Thread->TryFrames = Mark.Next;
    return Disposition;
}

static DECLSPEC_NORETURN VOID KiUnwindTo(PKE_TRY_FRAME Target, NTSTATUS Code)
{
    Target->ExceptionCode = Code;
    KiContinueUnwind(Target);
}

/* Asks Frame and those around it. As KiDispatchException. */
static BOOLEAN KiSearchFrames(PEXCEPTION_POINTERS Pointers, PKE_TRY_FRAME Frame, PKTRAP_FRAME Trap)
{
    PEXCEPTION_RECORD Record = Pointers->ExceptionRecord;
    for (; Frame != NULL; Frame = Frame->Next) {
        if ((ULONG_PTR)Frame < Trap->Rsp) { /* its function was left by a jump of its own */
            Record->ExceptionFlags |= EXCEPTION_STACK_INVALID;
            return FALSE;
        }
        if (Frame->Filter == NULL) {
            Frame = Frame->Target;
            continue;
        }
        LONG Disposition = KiCallFilter(Frame, Pointers);
        if (Disposition > EXCEPTION_CONTINUE_SEARCH) {
            KiUnwindTo(Frame, Record->ExceptionCode);
        }
        if (Disposition < EXCEPTION_CONTINUE_SEARCH) {
            if (!(Record->ExceptionFlags & EXCEPTION_NONCONTINUABLE)) {
                return TRUE;
            }
            EXCEPTION_RECORD Refused = {.ExceptionCode = STATUS_NONCONTINUABLE_EXCEPTION,
                                        .ExceptionFlags = EXCEPTION_NONCONTINUABLE,
                                        .ExceptionRecord = Record,
                                        .ExceptionAddress = Record->ExceptionAddress};
            EXCEPTION_POINTERS Nested = {&Refused, Pointers->ContextRecord};
            KiSearchFrames(&Nested, Frame->Next, Trap);
            KiStopUnhandled(&Refused, Trap);
        }
    }
    return FALSE;
}

BOOLEAN KiDispatchException(PEXCEPTION_RECORD Record, PKTRAP_FRAME Frame)
{
    CONTEXT Context;
    EXCEPTION_POINTERS Pointers = {Record, &Context};
    KiCaptureContext(Frame, &Context);
    if (!KiSearchFrames(&Pointers, KeGetCurrentThread()->TryFrames, Frame)) {
        return FALSE;
    }
    KiRestoreContext(Frame, &Context);
    return TRUE;
}

DECLSPEC_NORETURN VOID KiStopUnhandled(const EXCEPTION_RECORD *Record, PKTRAP_FRAME Frame)
{
    ULONG Count = Record->NumberParameters;
    KiBugCheck(KMODE_EXCEPTION_NOT_HANDLED, (ULONG_PTR)(LONG_PTR)Record->ExceptionCode,
               (ULONG_PTR)Record->ExceptionAddress, Count > 0 ? Record->ExceptionInformation[0] : 0,
               Count > 1 ? Record->ExceptionInformation[1] : 0, Frame);
}

/* ---- raising --------------------------------------------------------------------------------- */

/* What trap.S goes on with: the frame is that of the call. */
VOID KiRaiseException(PEXCEPTION_RECORD Record, PKTRAP_FRAME Frame)
{
    if (!KiDispatchException(Record, Frame)) {
        KiStopUnhandled(Record, Frame);
    }
}
EXPORT(RtlRaiseException);

DECLSPEC_NORETURN VOID KiRaiseStatus(NTSTATUS Status, PVOID Address)
{
    EXCEPTION_RECORD Record = {.ExceptionCode = Status,
                               .ExceptionFlags = EXCEPTION_NONCONTINUABLE,
                               .ExceptionAddress = Address};
    KiRaiseRecord(&Record);
    __builtin_unreachable();
}

/* The caller's call: behind one that does not return there may be another function already. */
#define CALL_SITE ((PCHAR)__builtin_return_address(0) - 1)

DECLSPEC_NORETURN VOID NTAPI ExRaiseStatus(NTSTATUS Status)
{
    KiRequireIrql(APC_LEVEL);
    KiRaiseStatus(Status, CALL_SITE);
}
EXPORT(ExRaiseStatus);

DECLSPEC_NORETURN VOID NTAPI ExRaiseAccessViolation(VOID)
{
    KiRequireIrql(APC_LEVEL);
    KiRaiseStatus(STATUS_ACCESS_VIOLATION, CALL_SITE);
}
EXPORT(ExRaiseAccessViolation);

DECLSPEC_NORETURN VOID NTAPI ExRaiseDatatypeMisalignment(VOID)
{
    KiRequireIrql(APC_LEVEL);
    KiRaiseStatus(STATUS_DATATYPE_MISALIGNMENT, CALL_SITE);
}
EXPORT(ExRaiseDatatypeMisalignment);
