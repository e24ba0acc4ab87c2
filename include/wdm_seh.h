/*
 * wdm_seh.h - structured exceptions: what a filter is told, the routines that raise, and the probes
 * of user buffers. Part of wdm.h.
 *
 * An exception is raised by a call, or by the processor when an instruction cannot be executed: a
 * division by zero, an illegal instruction, a touch of a user address that is not there. Filters
 * are asked from the innermost guarded body outwards; the first that says so has its handler run.
 * An exception that nobody takes is bug check 0x1E (code, address, the first two parameters of the
 * record). Faults on system addresses are no exceptions: they are bug checks at once. Exceptions
 * belong to code at <= APC_LEVEL, and no lock may be held when one is raised.
 */
#pragma once

#include <ntdef.h>

/* What a filter answers. */
#define EXCEPTION_EXECUTE_HANDLER    1    /* unwind to here and run the handler */
#define EXCEPTION_CONTINUE_SEARCH    0    /* ask the next guarded body outwards */
#define EXCEPTION_CONTINUE_EXECUTION (-1) /* go on at ContextRecord, as if nothing had been */

/* EXCEPTION_RECORD.ExceptionFlags. */
#define EXCEPTION_NONCONTINUABLE 0x1 /* going on would be STATUS_NONCONTINUABLE_EXCEPTION */
#define EXCEPTION_STACK_INVALID  0x8 /* the list of guarded bodies is damaged; the search ended */

typedef struct DECLSPEC_ALIGN(16) _M128A {
    ULONGLONG Low;
    LONGLONG High;
} M128A, *PM128A;

/* What FXSAVE writes. */
typedef struct DECLSPEC_ALIGN(16) _XSAVE_FORMAT {
    USHORT ControlWord;
    USHORT StatusWord;
    UCHAR TagWord;
    UCHAR Reserved1;
    USHORT ErrorOpcode;
    ULONG ErrorOffset;
    USHORT ErrorSelector;
    USHORT Reserved2;
    ULONG DataOffset;
    USHORT DataSelector;
    USHORT Reserved3;
    ULONG MxCsr;
    ULONG MxCsr_Mask;
    M128A FloatRegisters[8];
    M128A XmmRegisters[16];
    UCHAR Reserved4[96];
} XSAVE_FORMAT, *PXSAVE_FORMAT, XMM_SAVE_AREA32, *PXMM_SAVE_AREA32;
_Static_assert(sizeof(XSAVE_FORMAT) == 512 && offsetof(XSAVE_FORMAT, XmmRegisters) == 0xA0,
               "Intel SDM volume 2, FXSAVE");

/* CONTEXT.ContextFlags: which parts hold something. */
#define CONTEXT_AMD64          0x00100000
#define CONTEXT_CONTROL        (CONTEXT_AMD64 | 0x1) /* SegSs, Rsp, SegCs, Rip, EFlags */
#define CONTEXT_INTEGER        (CONTEXT_AMD64 | 0x2)
#define CONTEXT_SEGMENTS       (CONTEXT_AMD64 | 0x4)
#define CONTEXT_FLOATING_POINT (CONTEXT_AMD64 | 0x8) /* MxCsr, FltSave */
#define CONTEXT_FULL           (CONTEXT_CONTROL | CONTEXT_INTEGER | CONTEXT_FLOATING_POINT)

/* The registers of the code that raised. Tarn fills in CONTEXT_FULL; the rest is 0. */
typedef struct DECLSPEC_ALIGN(16) _CONTEXT {
    ULONG64 P1Home, P2Home, P3Home, P4Home, P5Home, P6Home;
    ULONG ContextFlags;
    ULONG MxCsr;
    USHORT SegCs, SegDs, SegEs, SegFs, SegGs, SegSs;
    ULONG EFlags;
    ULONG64 Dr0, Dr1, Dr2, Dr3, Dr6, Dr7;
    ULONG64 Rax, Rcx, Rdx, Rbx, Rsp, Rbp, Rsi, Rdi;
    ULONG64 R8, R9, R10, R11, R12, R13, R14, R15;
    ULONG64 Rip;
    XMM_SAVE_AREA32 FltSave;
    M128A VectorRegister[26];
    ULONG64 VectorControl;
    ULONG64 DebugControl;
    ULONG64 LastBranchToRip;
    ULONG64 LastBranchFromRip;
    ULONG64 LastExceptionToRip;
    ULONG64 LastExceptionFromRip;
} CONTEXT, *PCONTEXT;
_Static_assert(sizeof(CONTEXT) == 0x4D0, "driver-abi 1.2");
_Static_assert(offsetof(CONTEXT, Rax) == 0x78 && offsetof(CONTEXT, Rip) == 0xF8 &&
                   offsetof(CONTEXT, FltSave) == 0x100 && offsetof(CONTEXT, VectorControl) == 0x4A0,
               "driver ABI");

typedef struct _EXCEPTION_POINTERS {
    PEXCEPTION_RECORD ExceptionRecord;
    PCONTEXT ContextRecord; /* what execution goes on with; a filter may change it */
} EXCEPTION_POINTERS, *PEXCEPTION_POINTERS;

/*
 * Raises Status, which cannot be continued. <= APC_LEVEL; checked mode: bug check 0xC4/0xE5 (IRQL,
 * 0, 0) above. ExceptionAddress lies in the call. DDI wdm ExRaiseStatus; contract 1.4.
 */
DECLSPEC_NORETURN VOID NTAPI ExRaiseStatus(NTSTATUS Status);

/* ExRaiseStatus(STATUS_ACCESS_VIOLATION). DDI ntddk ExRaiseAccessViolation. */
DECLSPEC_NORETURN VOID NTAPI ExRaiseAccessViolation(VOID);

/* ExRaiseStatus(STATUS_DATATYPE_MISALIGNMENT). DDI ntddk ExRaiseDatatypeMisalignment. */
DECLSPEC_NORETURN VOID NTAPI ExRaiseDatatypeMisalignment(VOID);

/*
 * Raises what the record says; its ExceptionAddress is set to where the call returns to. Returns if
 * a filter says that execution continues. <= APC_LEVEL. Win32 rtlsupportapi RtlRaiseException.
 */
VOID NTAPI RtlRaiseException(PEXCEPTION_RECORD ExceptionRecord);

/*
 * Raises STATUS_DATATYPE_MISALIGNMENT if Address is not a multiple of Alignment (1, 2, 4, 8 or 16),
 * STATUS_ACCESS_VIOLATION if a byte of the buffer lies outside user space; for writing also if a
 * page of it cannot be written now (each is tried). Nothing is checked when Length is 0. What was
 * good may be gone at the next touch, so touches are guarded, too. <= APC_LEVEL; checked mode: bug
 * check 0xC4/0xE5 (IRQL, 0, 0) above. DDI wdm ProbeForRead, ProbeForWrite.
 */
VOID NTAPI ProbeForRead(const volatile VOID *Address, SIZE_T Length, ULONG Alignment);
VOID NTAPI ProbeForWrite(volatile VOID *Address, SIZE_T Length, ULONG Alignment);
