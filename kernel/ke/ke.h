/*
 * ke.h - the whole private interface of the kernel core: IRQL, processors, traps, locks, DPCs,
 * bug check, start-up words. What drivers may call is declared in include/ (wdm.h, ntddk.h).
 */
#pragma once

#include <ntddk.h>
#include "kernel/ke/bootinfo.h"

/* ---- checked and free ---------------------------------------------------------------------- */

/* TRUE (the default): every routine checks its IRQL and ownership rules. mode=free clears it. */
extern BOOLEAN KiCheckedMode;

/* ---- start-up words ------------------------------------------------------------------------ */

/* The value of word `Name=` on the command line, NULL without one; "" for a bare `Name`. */
const CHAR *KiGetBootOption(const CHAR *Name);
/* Splits and checks the command line; unknown words are printed by name. Boot only. */
VOID KiParseCommandLine(const CHAR *CommandLine);
VOID KiReportUnknownWords(VOID);
/* How many words there are; none means an interactive start. */
ULONG KiBootWordCount(VOID);

/* ---- processors ---------------------------------------------------------------------------- */

/*
 * A thread. Milestone 2 gives threads a life of their own; until then the boot thread is the only
 * one.
 */
struct _KTHREAD {
    DISPATCHER_HEADER Header; /* type 6 */
    PVOID StackBase;          /* one past the highest byte */
    PVOID StackLimit;         /* lowest byte above the guard page */
};
#define THREAD_OBJECT_TYPE 6

typedef struct _KTHREAD KTHREAD;
typedef struct _KPRCB KPRCB, *PKPRCB;
typedef struct _KPCR KPCR, *PKPCR;

/*
 * The processor's own record. gs: points at it; drivers read Self (gs:[0x18]), Number (gs:[0x184])
 * and CurrentThread (gs:[0x188]) inline, so these offsets are fixed.
 */
struct _KPRCB {
    ULONG MxCsr;            /* 0x180 */
    UCHAR LegacyNumber;     /* 0x184 */
    UCHAR ReservedMust0;    /* 0x185 */
    UCHAR InDpc;            /* 0x186: a DPC routine is running */
    UCHAR IdleHalt;         /* 0x187 */
    PKTHREAD CurrentThread; /* 0x188 */
    PKTHREAD NextThread;    /* 0x190 */
    PKTHREAD IdleThread;    /* 0x198 */
    ULONG Reserved1;
    ULONG Number; /* 0x1A4: processor index */
    ULONG ApicId;
    ULONG DpcDepth; /* DPCs queued and not yet taken off */
    KSPIN_LOCK DpcLock;
    LIST_ENTRY DpcList;
    PVOID DpcStack;
    ULONG64 DpcCount;       /* DPC routines run since start */
    ULONG64 InterruptCount; /* device, clock and software interrupts taken */
    ULONG64 ClockTicks;
};

struct _KPCR {
    PVOID GdtBase;      /* 0x00 */
    PVOID TssBase;      /* 0x08 */
    PVOID UserRsp;      /* 0x10 */
    PKPCR Self;         /* 0x18 */
    PKPRCB CurrentPrcb; /* 0x20 */
    PVOID LockArray;    /* 0x28 */
    PVOID Used_Self;    /* 0x30 */
    PVOID IdtBase;      /* 0x38 */
    UCHAR Reserved[0x180 - 0x40];
    KPRCB Prcb; /* 0x180 */
};
_Static_assert(offsetof(KPCR, Self) == 0x18 && offsetof(KPCR, Prcb) == 0x180, "driver ABI");
_Static_assert(offsetof(KPCR, Prcb.LegacyNumber) == 0x184, "driver ABI: gs:[0x184]");
_Static_assert(offsetof(KPCR, Prcb.CurrentThread) == 0x188, "driver ABI: gs:[0x188]");
_Static_assert(offsetof(KPCR, Prcb.Number) == 0x1A4, "driver ABI: gs:[0x1A4]");

static inline PKPRCB KeGetCurrentPrcb(VOID)
{
    PKPRCB Prcb;
    __asm__ volatile("movq %%gs:0x20, %0" : "=r"(Prcb));
    return Prcb;
}

/* ---- traps --------------------------------------------------------------------------------- */

/* What trap and interrupt entries push; built by kernel/ke/trap.S in this order. */
typedef struct _KTRAP_FRAME {
    ULONG64 Xmm[6][2]; /* XMM0-5: the kernel's C uses none, drivers do */
    ULONG MxCsr;
    ULONG PreviousIrql;   /* CR8 at entry */
    ULONG64 FaultAddress; /* CR2 for page faults */
    ULONG64 R15, R14, R13, R12, R11, R10, R9, R8;
    ULONG64 Rbp, Rdi, Rsi, Rdx, Rcx, Rbx, Rax;
    ULONG64 Vector;
    ULONG64 ErrorCode;
    ULONG64 Rip, SegCs, EFlags, Rsp, SegSs;
} KTRAP_FRAME, *PKTRAP_FRAME;

/* Page fault error code bits of the processor. */
#define PF_PRESENT  0x1
#define PF_WRITE    0x2
#define PF_USER     0x4
#define PF_RESERVED 0x8
#define PF_FETCH    0x10

/*
 * Resolves a page fault: STATUS_SUCCESS lets the instruction run again; another status is
 * dispatched as an exception. Bug checks itself where the contract (4.1) says so. Called with
 * interrupts as the interrupted code had them, at its IRQL.
 */
typedef NTSTATUS KI_PAGE_FAULT_ROUTINE(ULONG_PTR ErrorCode, PVOID Address, PKTRAP_FRAME TrapFrame);
VOID KiRegisterPageFaultRoutine(KI_PAGE_FAULT_ROUTINE *Routine);

/* A handler of an interrupt vector (0x20..0xFF); runs at IRQL vector>>4 with interrupts enabled. */
typedef VOID KI_INTERRUPT_ROUTINE(PKTRAP_FRAME TrapFrame, PVOID Context);
VOID KiConnectVector(UCHAR Vector, KI_INTERRUPT_ROUTINE *Routine, PVOID Context);

/* ---- bug check ----------------------------------------------------------------------------- */

/* As KeBugCheckEx, with the frame of the trap that found it: registers and stack are its own. */
DECLSPEC_NORETURN VOID KiBugCheck(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3,
                                  ULONG_PTR P4, PKTRAP_FRAME TrapFrame);
/* Called first in a bug check by whoever buffers output; it lets go of its locks. */
extern VOID (*KiBugCheckOutputHook)(VOID);
/* Name of a bug check code ("IRQL_NOT_LESS_OR_EQUAL"), NULL when unknown. */
const CHAR *KiBugCheckName(ULONG Code);
/* "Symbol+0x12" of a kernel address into Buffer; FALSE when it is in no function. */
BOOLEAN KiSymbolise(PVOID Address, PCHAR Buffer, SIZE_T Size);
/* The address of the kernel's routine with this name, NULL without one. */
PVOID KiFindSymbol(const CHAR *Name, SIZE_T Length);
/* The routines by address: the Index-th, FALSE behind the last. */
typedef struct _KI_SYMBOL_INFORMATION {
    const CHAR *Name;
    PVOID Address;
} KI_SYMBOL_INFORMATION;
BOOLEAN KiQuerySymbol(ULONG Index, KI_SYMBOL_INFORMATION *Symbol);
/* The index of the routine that an address of the image lies in; MAXULONG for another address. */
ULONG KiFindSymbolAt(PVOID Address);
/* Asks the registered describers; FALSE when none knows the address. */
BOOLEAN KiDescribeAddress(PVOID Address, PCHAR Buffer, SIZE_T Size);
/*
 * How the report asks whether it may read an address (MmIsAddressValid, once mm is there). Until
 * one is registered only the image's own data is read.
 */
typedef BOOLEAN NTAPI KI_ADDRESS_PROBE(PVOID Address);
VOID KiRegisterAddressProbe(KI_ADDRESS_PROBE *Probe);
BOOLEAN KiMayRead(PVOID Address);
/* Prints the call chain from Rip/Rbp, innermost first; never faults on a bad chain. */
VOID KiPrintStack(ULONG64 Rip, ULONG64 Rbp);

/* ---- monitor commands (arguments.c) ---------------------------------------------------------- */

/*
 * Reads *Count to Most hexadecimal numbers or names of routines from the rest of a command's line;
 * *Count becomes how many there were. FALSE after one line that says what is wrong.
 */
BOOLEAN KiReadArguments(const CHAR *Usage, const CHAR *Arguments, ULONG Most, PULONG64 Values,
                        PULONG Count);
/* The record of a processor, NULL when there is none with this number. */
PKPCR KiFindPcr(ULONG64 Number);
static inline PKPRCB KiFindPrcb(ULONG64 Number)
{
    PKPCR Pcr = KiFindPcr(Number);
    return Pcr != NULL ? &Pcr->Prcb : NULL;
}
/* "DISPATCH_LEVEL" and so on. */
const CHAR *KiIrqlName(KIRQL Irql);
/* "Fri Nov 21 14:42:02.125 2025 (UTC + 0:00)" of a system time. */
VOID KiFormatTime(ULONG64 SystemTime, PCHAR Buffer, SIZE_T Size);
/* The routine of an interrupt vector, NULL when none is connected. */
KI_INTERRUPT_ROUTINE *KiQueryVector(UCHAR Vector, PVOID *Context);
/* A copy of the first DPCs of a queue; returns how many there are in all. Any IRQL. */
typedef struct _KI_WAITING_DPC {
    PKDPC Dpc;
    PKDEFERRED_ROUTINE Routine;
    UCHAR Importance;
} KI_WAITING_DPC;
ULONG KiQueryDpcs(PKPRCB Prcb, KI_WAITING_DPC *Waiting, ULONG Most);

/* ---- the two registers behind IRQL ----------------------------------------------------------- */

static inline KIRQL KiReadIrql(VOID)
{
    ULONG64 Value;
    __asm__ volatile("movq %%cr8, %0" : "=r"(Value));
    return (KIRQL)Value;
}

static inline VOID KiWriteIrql(KIRQL Irql)
{
    __asm__ volatile("movq %0, %%cr8" : : "r"((ULONG64)Irql) : "memory");
}

/* Masks interrupts; returns RFLAGS for KiRestoreInterrupts. */
static inline ULONG64 KiDisableInterrupts(VOID)
{
    ULONG64 Flags;
    __asm__ volatile("pushfq; popq %0; cli" : "=r"(Flags) : : "memory");
    return Flags;
}

static inline VOID KiRestoreInterrupts(ULONG64 Flags)
{
    if (Flags & 0x200) {
        __asm__ volatile("sti" : : : "memory");
    }
}

/* Prints this processor's kind and features, two lines. */
VOID KiPrintProcessor(VOID);

/* ---- start-up order (boot/init.c) ---------------------------------------------------------- */

VOID KiInitializeProcessor(VOID); /* GDT, IDT, TSS, KPCR, control registers of processor 0 */
VOID KiInitializeDpcs(PKPRCB Prcb);
VOID KiRequestDrain(PKPRCB Prcb); /* the clock's call: no DPC waits longer than a tick */
VOID KiInitializeTime(VOID);      /* after mm mapped KUSER_SHARED_DATA; connects the clock vector */

/* trap.S */
VOID KiCallOnStack(VOID (*Routine)(PVOID), PVOID Context, PVOID StackTop);
/* Called by trap.S only. */
VOID KiDispatchTrap(PKTRAP_FRAME Frame);
VOID KiDispatchInterrupt(PKTRAP_FRAME Frame);
extern ULONG64 KiSpuriousInterrupts;
