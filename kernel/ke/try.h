/*
 * try.h - guarded bodies in the kernel's own C: what MSVC writes __try, __except, __finally and
 * __leave. For every floor; exception.c has the theory.
 *
 *     KE_TRY                                       KE_TRY
 *     {                                            {
 *         ProbeForRead(Buffer, Length, 1);             Status = Work();
 *         Value = *Buffer;                         }
 *     }                                            KE_FINALLY
 *     KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)         {
 *     {                                                Unlock();
 *         Status = GetExceptionCode();             }
 *     }                                            KE_END_TRY
 *     KE_END_TRY
 *
 * The body may be left by its end, KE_LEAVE, return, break, continue or goto; a finally block runs
 * at each of them, and while an exception unwinds. Nobody may jump into a body.
 *
 * Rules that the compiler does not know by itself:
 * - A local that the body changes and that is read after an exception is volatile. (-Wclobbered
 *   finds most that are not.) What was there before the body, and stays, needs nothing.
 * - A touch that may fault goes through a volatile pointer, or the compiler may drop or move it.
 * - The filter is an expression over GetExceptionCode(), GetExceptionInformation(), globals and
 *   functions, not over locals: it runs while the raiser's stack is still there, as a function of
 *   its own. (-Wtrampolines refuses a local.)
 * - A finally block is a function of its own, too, which sees the locals: `return` leaves the block
 *   only, and goto out of it does not exist.
 */
#pragma once

#include "kernel/ke/ke.h"

typedef LONG KE_FILTER(PEXCEPTION_POINTERS ExceptionPointers);

/* A place to come back to; kernel/ke/jump.S knows the offsets. */
typedef struct _KI_JUMP {
    ULONG64 Rip, Rsp, Rbx, Rbp, R12, R13, R14, R15;
    ULONG64 MxCsr;
    ULONG64 Reserved;
    ULONG64 Xmm[10][2]; /* XMM6-15 */
} KI_JUMP, *PKI_JUMP;
_Static_assert(offsetof(KI_JUMP, MxCsr) == 0x40 && offsetof(KI_JUMP, Xmm) == 0x50, "jump.S");

/* A guarded body under way; lies in the frame of its function. */
typedef struct _KE_TRY {
    struct _KE_TRY *Next;   /* the one around it */
    KE_FILTER *Filter;      /* NULL: no body, but a filter at work (exception.c) */
    struct _KE_TRY *Target; /* whose handler an exception is on its way to; NULL: none came here */
    NTSTATUS ExceptionCode; /* of the exception, when this is the target */
    BOOLEAN Ended;          /* the body came to its end or KE_LEAVE */
    KI_JUMP Jump;
} KE_TRY_FRAME, *PKE_TRY_FRAME;

/* jump.S. Declared twice-returning, so that no local lives in a register across it. */
LONG KiSetJump(PKI_JUMP Jump) __attribute__((returns_twice));
DECLSPEC_NORETURN VOID KiJump(const KI_JUMP *Jump);

/* exception.c; called by the macros only. */
VOID KiOpenTry(PKE_TRY_FRAME Frame, KE_FILTER *Filter);
VOID KiCloseTry(PKE_TRY_FRAME *Frame);
DECLSPEC_NORETURN VOID KiContinueUnwind(PKE_TRY_FRAME Target);

/* TRUE in the frame that handles the exception; a frame on the way there passes it on. */
static inline BOOLEAN KiIsTarget(PKE_TRY_FRAME Frame)
{
    if (Frame->Target != NULL && Frame->Target != Frame) {
        KiContinueUnwind(Frame->Target);
    }
    return Frame->Target != NULL;
}

/* In a filter and in a handler: the exception's status. In a filter: PEXCEPTION_POINTERS. */
#define GetExceptionCode()        TryCode
#define GetExceptionInformation() TryPointers
/* In a finally block: TRUE unless the body came to its end or KE_LEAVE. */
#define AbnormalTermination()     (!TryThis->Ended)

/* A body inside another one has the same names. */
#define KI_MAY_SHADOW _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wshadow\"")
#define KI_SHADOW_END _Pragma("GCC diagnostic pop")

/*
 * The cleanups run, whichever way the block is left, in this order: TryOpen takes the frame off the
 * thread's list, then TryFrame's runs the finally block.
 */
#define KE_TRY                                                                                     \
    {                                                                                              \
        __label__ TryLeave;                                                                        \
        KI_MAY_SHADOW                                                                              \
        auto KE_FILTER TryFilter;                                                                  \
        auto VOID TryFinally(PKE_TRY_FRAME TryThis);                                               \
        KE_TRY_FRAME TryFrame __attribute__((cleanup(TryFinally)));                                \
        PKE_TRY_FRAME TryOpen __attribute__((cleanup(KiCloseTry))) = &TryFrame;                    \
        KI_SHADOW_END                                                                              \
        KiOpenTry(TryOpen, TryFilter);                                                             \
        if (KiSetJump(&TryFrame.Jump) == 0)

#define KE_LEAVE goto TryLeave

#define KE_EXCEPT(FilterExpression)                                                                \
TryLeave:                                                                                          \
    __attribute__((unused));                                                                       \
    KI_MAY_SHADOW                                                                                  \
    LONG TryFilter(PEXCEPTION_POINTERS TryPointers)                                                \
    {                                                                                              \
        const NTSTATUS TryCode = TryPointers->ExceptionRecord->ExceptionCode;                      \
        UNREFERENCED_PARAMETER(TryCode);                                                           \
        return (FilterExpression);                                                                 \
    }                                                                                              \
    VOID TryFinally(PKE_TRY_FRAME TryThis)                                                         \
    {                                                                                              \
        UNREFERENCED_PARAMETER(TryThis);                                                           \
    }                                                                                              \
    const NTSTATUS TryCode __attribute__((unused)) = TryFrame.ExceptionCode;                       \
    KI_SHADOW_END                                                                                  \
    if (KiIsTarget(&TryFrame))

#define KE_FINALLY                                                                                 \
TryLeave:                                                                                          \
    __attribute__((unused));                                                                       \
    if (TryFrame.Target != NULL) {                                                                 \
        TryFinally(&TryFrame);                                                                     \
        KiContinueUnwind(TryFrame.Target);                                                         \
    }                                                                                              \
    TryFrame.Ended = TRUE;                                                                         \
    LONG TryFilter(PEXCEPTION_POINTERS TryPointers)                                                \
    {                                                                                              \
        UNREFERENCED_PARAMETER(TryPointers);                                                       \
        return EXCEPTION_CONTINUE_SEARCH;                                                          \
    }                                                                                              \
    VOID TryFinally(PKE_TRY_FRAME TryThis __attribute__((unused)))

#define KE_END_TRY }
