/*
 * ke.h - the whole private interface of the kernel core: IRQL, processors, traps, locks, DPCs,
 * bug check, start-up words. What drivers may call is declared in include/ (wdm.h, ntddk.h).
 */
#pragma once

#include <ntddk.h>
#include "kernel/ke/bootinfo.h"

/* ---- checked and free ---------------------------------------------------------------------- */

/* TRUE (the default): every routine checks its IRQL and ownership rules. mode=free clears it. */
extern BOOLEAN KiCheckedMode; /* changed by KiSetCheckedMode only */
VOID KiSetCheckedMode(BOOLEAN Checked);
extern VOID (*KiModeRoutine)(VOID); /* called after a change, if there is one */

/* ---- start-up words ------------------------------------------------------------------------ */

/* The value of word `Name=` on the command line, NULL without one; "" for a bare `Name`. */
const CHAR *KiGetBootOption(const CHAR *Name);
/* Splits and checks the command line; unknown words are printed by name. Boot only. */
VOID KiParseCommandLine(const CHAR *CommandLine);
VOID KiReportUnknownWords(VOID);
/* How many words there are; none means an interactive start. */
ULONG KiBootWordCount(VOID);

/* ---- processors ---------------------------------------------------------------------------- */

#define KI_MAX_PROCESSORS 64
#define KI_PRIORITIES     32
#define KI_IDLE_PRIORITY  (-1) /* the idle threads': below every other thread's */

/* What DISPATCHER_HEADER.Type says; public (contract 1.9). */
enum {
    KiEventNotificationObject = 0,
    KiEventSynchronizationObject = 1,
    KiMutantObject = 2,
    KiSemaphoreObject = 5,
    KiThreadObject = 6,
    KiTimerNotificationObject = 8,
    KiTimerSynchronizationObject = 9,
};

/* NT's numbers. Tarn has no standby or transition: a chosen thread waits in the ready queue. */
typedef enum _KTHREAD_STATE {
    ThreadInitialized,
    ThreadReady,
    ThreadRunning,
    ThreadTerminated = 4,
    ThreadWaiting,
} KTHREAD_STATE;

/*
 * A thread. Everything behind TryFrames is guarded by KiDispatcherLock; what the current thread
 * alone changes may be read by it without the lock.
 */
struct _KTHREAD {
    DISPATCHER_HEADER Header;  /* type 6 */
    PVOID StackBase;           /* one past the highest byte */
    PVOID StackLimit;          /* lowest byte above the guard page */
    struct _KE_TRY *TryFrames; /* innermost first; the thread's alone (exception.c) */
    PVOID KernelStack;         /* RSP while it does not run; a KSWITCH_FRAME lies there */
    LIST_ENTRY QueueEntry;     /* in the ready queue of NextProcessor, at its Priority */
    UCHAR State;               /* KTHREAD_STATE */
    KIRQL SwapIrql;            /* CR8 when it runs again */
    SCHAR Priority;
    SCHAR BasePriority;
    SCHAR LentPriority; /* by those who wait for what it owns, 0 for none: lend.c */
    SCHAR Quantum;      /* units left, KI_QUANTUM_TICK a clock tick; none left: its turn is over */
    BOOLEAN SystemAffinityActive;
    BOOLEAN Created; /* by executive/ps, which takes its memory back; not a boot or idle thread */
    UCHAR IdealProcessor;
    UCHAR NextProcessor; /* whose queue it is in; else where it runs or ran last */
    USHORT Loans;        /* marked locks that it owns: lend.c */
    PKTHREAD LendsTo;    /* the one owner for whom it waits */
    KAFFINITY Affinity;  /* where it may run now */
    KAFFINITY UserAffinity;

    /* The wait that it is in, or was in last: wait.c. */
    NTSTATUS WaitStatus; /* what the wait returns */
    UCHAR WaitReason;
    KPROCESSOR_MODE WaitMode;
    BOOLEAN Alertable;
    BOOLEAN Alerted[MaximumMode];
    BOOLEAN WaitNext; /* it set something with Wait: its next call waits, at WaitIrql */
    KIRQL WaitIrql;
    PKWAIT_BLOCK WaitBlockList;
    KWAIT_BLOCK WaitBlock[THREAD_WAIT_OBJECTS + 1]; /* the last one is the timer's */
    KTIMER Timer;                                   /* of a wait with a limit */
    LIST_ENTRY MutantListHead;                      /* the mutexes that it owns: mutant.c */

    /* APCs: apc.c. */
    LIST_ENTRY ApcListHead[MaximumMode];
    BOOLEAN ApcQueueable;        /* it has not begun to end */
    BOOLEAN KernelApcPending;    /* interrupt 0x1F is to look at the kernel APCs */
    BOOLEAN KernelApcInProgress; /* a normal kernel APC is at its NormalRoutine */
    union {
        struct {
            SHORT KernelApcDisable;  /* less 1 for each critical region and owned KMUTEX */
            SHORT SpecialApcDisable; /* less 1 for each guarded region */
        };
        ULONG CombinedApcDisable;
    };
};
#define KI_PRIORITY_DEFAULT 8 /* of system threads (contract 1.9) */
#define KI_QUANTUM_TICK     3 /* units a clock tick */
#define KI_QUANTUM          (2 * KI_QUANTUM_TICK)

typedef struct _KTHREAD KTHREAD;
typedef struct _KPRCB KPRCB, *PKPRCB;
typedef VOID KI_CALL_ROUTINE(PVOID Context);
typedef struct _KPCR KPCR, *PKPCR;

/* DPCs that wait on a processor: dpc.c. */
typedef struct _KI_DPC_QUEUE {
    PKPRCB Prcb;
    KSPIN_LOCK Lock;
    ULONG Depth; /* queued and not yet taken off */
    LIST_ENTRY List;
} KI_DPC_QUEUE, *PKI_DPC_QUEUE;

/*
 * The processor's own record. gs: points at it; drivers read Self (gs:[0x18]), Number (gs:[0x184])
 * and CurrentThread (gs:[0x188]) inline, so these offsets are fixed.
 */
struct _KPRCB {
    ULONG MxCsr;            /* 0x180 */
    UCHAR LegacyNumber;     /* 0x184 */
    UCHAR ReservedMust0;    /* 0x185 */
    UCHAR InDpc;            /* 0x186: a DPC routine is running */
    UCHAR IdleHalt;         /* 0x187: halted with nothing to do (FLUSH-2) */
    PKTHREAD CurrentThread; /* 0x188 */
    PKTHREAD NextThread;    /* 0x190: always NULL here */
    PKTHREAD IdleThread;    /* 0x198 */
    ULONG Reserved1;
    ULONG Number; /* 0x1A4: processor index */
    ULONG ApicId;
    KI_DPC_QUEUE Dpcs;
    PVOID DpcStack;
    ULONG64 DpcCount;       /* DPC routines run since start */
    ULONG64 InterruptCount; /* device, clock and software interrupts taken */
    ULONG64 ClockTicks;

    /* Which thread runs here: ready.c. Guarded by KiDispatcherLock. */
    KAFFINITY SetMember; /* 1 << Number */
    BOOLEAN Reschedule;  /* another thread should run here; 0x2F is on its way (READY-3) */
    ULONG ReadySummary;  /* bit p: ReadyQueues[p] is not empty */
    LIST_ENTRY ReadyQueues[KI_PRIORITIES];
    ULONG64 ContextSwitches;

    ULONG DpcTicks;      /* clock interrupts since the present DPC routine began: watchdog.c */
    ULONG DispatchTicks; /* in a row at DISPATCH_LEVEL or above */

    USHORT Node; /* NUMA node */

    /* Calls between processors: ipi.c, flush.c. */
    KAFFINITY CallSenders;        /* those whose call waits for this processor */
    KAFFINITY CallTargets;        /* those that this processor's own call still waits for */
    KI_CALL_ROUTINE *CallRoutine; /* that call */
    PVOID CallContext;
    BOOLEAN FlushOnWake; /* IdleHalt: forget all translations first (FLUSH-2) */

    struct _KTRAP_FRAME *FrozenFrame; /* where a bug check elsewhere stopped it: freeze.c */

    BOOLEAN TimersDue; /* interrupt 0x2F goes through the timer wheel: timer.c */

    BOOLEAN InThreadedDpc; /* the thread of the next is at work */
    KI_DPC_QUEUE ThreadedDpcs;
    KEVENT ThreadedDpcEvent; /* there are some */

    ULONG64 WaitCount;    /* waits for which a thread gave this processor away */
    ULONG64 RequestCount; /* interrupts that this processor asked of others */
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

/* The processor's own stacks for emergencies are named here (Intel SDM volume 3, figure 8-11). */
typedef struct _KTSS {
    ULONG Reserved0;
    ULONG64 Rsp[3];
    ULONG64 Reserved1;
    ULONG64 Ist[7];
    ULONG64 Reserved2;
    USHORT Reserved3;
    USHORT IoMapBase;
} __attribute__((packed)) KTSS;
_Static_assert(sizeof(KTSS) == 104, "Intel SDM volume 3, figure 8-11");

/* All that a processor has of its own, but for its stacks. */
#define KI_POOL_OFFSET 0x600   /* 1,536: behind the KPCR, with room for it to grow */
#define KI_POOL_BYTES  0x1C000 /* 112 KiB; mm/pool/cache.h says for what */
typedef struct _KI_PROCESSOR {
    KPCR Pcr;
    UCHAR Reserved[KI_POOL_OFFSET - sizeof(KPCR)];
    UCHAR Pool[KI_POOL_BYTES]; /* its caches and counters of the pools */
    KTHREAD IdleThread;
    ULONG64 Gdt[5];
    KTSS Tss;
} DECLSPEC_ALIGN(64) KI_PROCESSOR, *PKI_PROCESSOR;
_Static_assert(offsetof(KI_PROCESSOR, Pool) == KI_POOL_OFFSET, "mm/pool/cache_layout.h");

/* Each is the address above its highest byte, over a guard page. */
typedef struct _KI_PROCESSOR_STACKS {
    PVOID Dpc;
    PVOID DoubleFault, Nmi, MachineCheck;
    PVOID Idle, IdleLimit; /* the idle thread's; its lowest byte. Not for processor 0 */
} KI_PROCESSOR_STACKS;

static inline PKPRCB KeGetCurrentPrcb(VOID)
{
    PKPRCB Prcb;
    __asm__ volatile("movq %%gs:0x20, %0" : "=r"(Prcb));
    return Prcb;
}

extern PKPRCB KiProcessorBlock[KI_MAX_PROCESSORS];
extern ULONG KeNumberProcessors;

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

#define KI_NO_VECTOR 0x100 /* Vector of a frame that KeBugCheckEx made of its caller's registers */

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
/* Stops the machine over a fault whose status was raised as an exception that nobody handled. */
typedef VOID KI_UNHANDLED_FAULT_ROUTINE(NTSTATUS Status, ULONG_PTR ErrorCode, PVOID Address,
                                        PKTRAP_FRAME TrapFrame);
VOID KiRegisterPageFaultRoutine(KI_PAGE_FAULT_ROUTINE *Routine,
                                KI_UNHANDLED_FAULT_ROUTINE *Unhandled);

/* ---- exceptions (exception.c; guarded bodies: try.h) ----------------------------------------- */

/*
 * Offers an exception to the thread's guarded bodies. TRUE: execution goes on at the frame, which a
 * filter may have changed. FALSE: nobody wants it. Does not return when a handler runs. Interrupts
 * are as the code had them that raised, and so is the IRQL.
 */
BOOLEAN KiDispatchException(PEXCEPTION_RECORD Record, PKTRAP_FRAME Frame);
/* Bug check 0x1E (code, address, first two parameters). */
DECLSPEC_NORETURN VOID KiStopUnhandled(const EXCEPTION_RECORD *Record, PKTRAP_FRAME Frame);
/* ExRaiseStatus at any IRQL, laid at the door of Address. */
DECLSPEC_NORETURN VOID KiRaiseStatus(NTSTATUS Status, PVOID Address);
/* TRUE: a page fault that belongs to the pop of a sequenced list, which begins anew (slist.c). */
BOOLEAN KiResumeSListPop(PKTRAP_FRAME Frame);

/* A handler of an interrupt vector (0x20..0xFF); runs at IRQL vector>>4 with interrupts enabled. */
typedef VOID KI_INTERRUPT_ROUTINE(PKTRAP_FRAME TrapFrame, PVOID Context);
VOID KiConnectVector(UCHAR Vector, KI_INTERRUPT_ROUTINE *Routine, PVOID Context);

/* ---- bug check ----------------------------------------------------------------------------- */

/* As KeBugCheckEx, with the frame of the trap that found it: registers and stack are its own. */
DECLSPEC_NORETURN VOID KiBugCheck(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3,
                                  ULONG_PTR P4, PKTRAP_FRAME TrapFrame);
/*
 * Stops the other processors, first thing in a bug check. Does not return on a processor that comes
 * second. Interrupts are off.
 */
VOID KiFreezeOthers(PKTRAP_FRAME Frame);
/* An NMI's first question: does not return if a bug check is going on elsewhere. */
VOID KiAnswerFreeze(PKTRAP_FRAME Frame);
/* Prints what the stopped processors were doing. */
VOID KiReportOthers(VOID);
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
#define KI_DESCRIPTION 160 /* room for what an address is: a symbol or a describer's phrase */
/* Asks the registered describers; FALSE when none knows the address. */
BOOLEAN KiDescribeAddress(PVOID Address, PCHAR Buffer, SIZE_T Size);
/*
 * How the report asks whether it may read an address (MmIsAddressValid, once mm is there). Until
 * one is registered only the image's own data is read.
 */
typedef BOOLEAN NTAPI KI_ADDRESS_PROBE(PVOID Address);
VOID KiRegisterAddressProbe(KI_ADDRESS_PROBE *Probe);
BOOLEAN KiMayRead(PVOID Address);
/*
 * Prints the call chain from Rip/Rbp, innermost first; never faults on a bad chain. Returns: Rip is
 * a return address, so that the call before it is what has to be named.
 */
VOID KiPrintStack(ULONG64 Rip, ULONG64 Rbp, BOOLEAN Returns);

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
ULONG KiQueryDpcs(PKI_DPC_QUEUE Queue, KI_WAITING_DPC *Waiting, ULONG Most);

/* ---- the two registers behind IRQL ----------------------------------------------------------- */

static inline KIRQL KiReadIrql(VOID)
{
    KIRQL Irql;
    __asm__ volatile("movq %%cr8, %q0" : "=r"(Irql));
    return Irql;
}

static inline VOID KiWriteIrql(KIRQL Irql)
{
    __asm__ volatile("movq %0, %%cr8" : : "r"((ULONG64)Irql) : "memory");
}

/* Bug check 0xC4/0xE5 (IRQL, 0, 0). */
DECLSPEC_NORETURN VOID KiIrqlViolation(VOID);

/* A routine that is called above the level where it may be. */
static inline VOID KiRequireIrql(KIRQL Highest)
{
    if (KiCheckedMode && KiReadIrql() > Highest) {
        KiIrqlViolation();
    }
}

/* A DPC routine is running on this processor: gs:[0x186]. */
static inline BOOLEAN KiIsInDpc(VOID)
{
    __asm__ goto("cmpb $0, %%gs:%c0; jne %l1" : : "i"(offsetof(KPCR, Prcb.InDpc)) : "cc" : InDpc);
    return FALSE;
InDpc:
    return TRUE;
}

/* Whether checked mode refuses a lower to NewIrql; Current is the level. */
static inline BOOLEAN KiIsBadLower(KIRQL NewIrql, KIRQL Current)
{
    return NewIrql > Current || (KiIsInDpc() && NewIrql < DISPATCH_LEVEL);
}
/* Bug check 0x9 (Current, NewIrql, 1, Caller), or 0xC4/0x31 inside a DPC: IRQL-2, IRQL-4. */
DECLSPEC_NORETURN VOID NTAPI KiBadLower(KIRQL NewIrql, KIRQL Current, PVOID Caller);

/* KeLowerIrql inside a routine that Caller called. */
static inline VOID KiLowerIrql(KIRQL NewIrql, PVOID Caller)
{
    if (KiCheckedMode) {
        KIRQL Current = KiReadIrql();
        if (KiIsBadLower(NewIrql, Current)) {
            KiBadLower(NewIrql, Current, Caller);
        }
    }
    KiWriteIrql(NewIrql);
}

#define EFLAGS_IF 0x200

/* Masks interrupts; returns RFLAGS for KiRestoreInterrupts. */
static inline ULONG64 KiDisableInterrupts(VOID)
{
    ULONG64 Flags;
    __asm__ volatile("pushfq; popq %0; cli" : "=r"(Flags) : : "memory");
    return Flags;
}

static inline VOID KiRestoreInterrupts(ULONG64 Flags)
{
    if (Flags & EFLAGS_IF) {
        __asm__ volatile("sti" : : : "memory");
    }
}

/* Prints this processor's kind and features, two lines. */
VOID KiPrintProcessor(VOID);
/* Prints which processors run, and the nodes if there are several. */
VOID KiPrintTopology(VOID);

/* ---- the other processors (ipi.c, flush.c) --------------------------------------------------- */

/* Asks a processor, this one or another, for an interrupt. Any IRQL; interrupts are off. */
VOID KiRequestInterrupt(PKPRCB Prcb, UCHAR Vector);
/*
 * Runs Routine(Context) on each of Targets (this processor is left out) and returns when all have.
 * Any IRQL, without a lock that is taken with interrupts off. The routine runs with interrupts off
 * or at IPI_LEVEL; it takes no lock, calls nobody and touches nothing pageable.
 */
VOID KiCallProcessors(KAFFINITY Targets, KI_CALL_ROUTINE *Routine, PVOID Context);
KAFFINITY KiOtherProcessors(VOID);
/*
 * No processor uses a translation of Pages pages from Va on that it read before the call, or any
 * translation at all. As KiCallProcessors.
 */
VOID KiFlushTranslations(PVOID Va, SIZE_T Pages);
VOID KiFlushAllTranslations(VOID);
/* The same for the page of Va on this processor alone. Any IRQL, whatever is held. */
static inline VOID KiForgetPage(PVOID Va)
{
    __asm__ volatile("invlpg (%0)" : : "r"(Va) : "memory");
}
/* Called first by the interrupt that ends a halt. */
VOID KiLeaveHalt(PKPRCB Prcb);

/* ---- the dispatcher (dispatch.c, ready.c) ---------------------------------------------------- */

/*
 * Guards every thread's state, every ready queue and what threads wait for. Interrupts are off
 * while it is held, so anything at any IRQL may take it; CR8 is not touched.
 */
extern KSPIN_LOCK KiDispatcherLock;
VOID KiSpinForDispatcher(VOID); /* until the lock is free, and then takes it */

static inline ULONG64 KiLockDispatcher(VOID)
{
    ULONG64 Flags = KiDisableInterrupts();
    if (__atomic_exchange_n(&KiDispatcherLock, 1, __ATOMIC_ACQUIRE) != 0) {
        KiSpinForDispatcher();
    }
    return Flags;
}

/* Where no thread was made ready and no priority changed; else KiExitDispatcher. */
static inline VOID KiUnlockDispatcher(ULONG64 Flags)
{
    __atomic_store_n(&KiDispatcherLock, 0, __ATOMIC_RELEASE);
    KiRestoreInterrupts(Flags);
}

/*
 * Ends what KiLockDispatcher began: if a better thread should run here it does, at once below
 * DISPATCH_LEVEL, else as soon as the level drops.
 */
VOID KiExitDispatcher(ULONG64 Flags);
/* The second half of interrupt 0x2F, on the interrupted thread's stack: quantum end, preemption. */
VOID KiDispatchThreads(PKPRCB Prcb);
/* The clock's call on each processor: charges the interrupted thread. */
VOID KiChargeThread(PKPRCB Prcb, KIRQL InterruptedIrql);

/* The clock's call, too: bug check 0x133 over a DPC that does not end. */
VOID KiWatchDpcs(PKPRCB Prcb, KIRQL InterruptedIrql);

/* All of these: KiDispatcherLock is held. */
typedef enum _KI_QUEUE_END { KiQueueHead, KiQueueTail } KI_QUEUE_END;
/* Makes a thread that is in no queue ready, and asks for a switch if it should run at once. */
VOID KiReadyThread(PKTHREAD Thread, KI_QUEUE_END End);
/* Changes a thread's priority; moves it to the right queue or asks for a switch. */
VOID KiSetPriority(PKTHREAD Thread, KPRIORITY Priority);
/* Queues a ready thread anew, or asks for a switch, after its affinity changed. */
VOID KiPlaceThread(PKTHREAD Thread);
/*
 * Runs the best thread instead of the current one, whose state the caller has set. Comes back when
 * the current thread runs again, at level Irql, maybe on another processor. Irql is the level now.
 */
VOID KiSwapThread(PKPRCB Prcb, KIRQL Irql);
/* Bug check 0xB8 (thread, the one that would run, stack base, 0): what a DPC routine may not. */
DECLSPEC_NORETURN VOID KiSwitchIsForbidden(VOID);
/* As KiSwapThread if a better thread is ready here, or the current one may not stay. */
VOID KiPreemptThread(PKPRCB Prcb, KIRQL Irql);

/* ---- waits (wait.c) -------------------------------------------------------------------------- */

/* What every KeInitializeXxx of a dispatcher object begins with. */
VOID KiInitializeHeader(PDISPATCHER_HEADER Header, UCHAR Type, SIZE_T Size, LONG State);

/* These two: KiDispatcherLock is held. */
/* Ends the waits that an object's state lets end; their threads get Increment. */
VOID KiWakeWaiters(PDISPATCHER_HEADER Object, KPRIORITY Increment);
/* Ends a waiting thread's wait with Status and makes it ready. */
VOID KiEndWait(PKTHREAD Thread, NTSTATUS Status, KPRIORITY Increment);

/*
 * KiExitDispatcher of a routine with a Wait parameter: if it is TRUE the caller's next call waits.
 */
VOID KiEndSignal(ULONG64 Flags, BOOLEAN Wait);
/*
 * Alerts a thread: an alertable wait in a mode not below Mode ends with STATUS_ALERTED, the present
 * one or the next. Returns whether it was alerted in Mode already. <= DISPATCH_LEVEL.
 */
BOOLEAN KeAlertThread(PKTHREAD Thread, KPROCESSOR_MODE Mode);

/*
 * Waits for an object of a lock, without a limit, in KernelMode. KiDispatcherLock is held, and
 * again when it returns. STATUS_KERNEL_APC: do it again, behind KiExitDispatcher.
 */
NTSTATUS KiWaitInLock(PDISPATCHER_HEADER Object, KWAIT_REASON Reason);

/* ---- lent priority (lend.c); KiDispatcherLock is held ---------------------------------------- */

/* Where a thread's priority stops wearing off. */
static inline KPRIORITY KiLowestPriority(PKTHREAD Thread)
{
    return Thread->LentPriority > Thread->BasePriority ? Thread->LentPriority
                                                       : Thread->BasePriority;
}
/* Waiter is going to wait for what Owner owns; First: it is that lock's first loan to him. */
VOID KiLendPriority(PKTHREAD Owner, PKTHREAD Waiter, BOOLEAN First);
/* Owner lets go of a lock whose loans he got. */
VOID KiReturnPriority(PKTHREAD Owner);

/* ---- resources (resource_owners.c) ----------------------------------------------------------- */

/*
 * Where the tables of owners come from, since nothing here allocates: nonpageable memory, at up to
 * APC_LEVEL, NULL when there is none now. mm/pool fills it in.
 */
typedef struct _KI_TABLE_MEMORY {
    PVOID (*Allocate)(SIZE_T Bytes);
    VOID (*Free)(PVOID Table);
} KI_TABLE_MEMORY;
extern KI_TABLE_MEMORY KiTableMemory;
/* Checked mode: a thread ends. Bug check 0xC4/0x100A (resource, thread, 0) if it owns one. */
VOID KiCheckOwnedResources(PKTHREAD Thread);
/* An initialised resource that begins in these bytes, NULL without one. */
PERESOURCE KiFindResource(PVOID Start, SIZE_T Bytes);

/* ---- mutexes (mutant.c); KiDispatcherLock is held -------------------------------------------- */

/*
 * Makes Thread the owner of a mutex that is free or its own. STATUS_ABANDONED: the owner before
 * ended. STATUS_MUTANT_LIMIT_EXCEEDED: nothing was done.
 */
NTSTATUS KiTakeMutant(PKMUTANT Mutant, PKTHREAD Thread);
BOOLEAN KiIsMutantAtLimit(PKMUTANT Mutant);
/* Gives back what an ending thread owns; bug check 0x4000008A (thread, mutex) for a KMUTEX. */
VOID KiAbandonMutants(PKTHREAD Thread);

/* ---- APCs (apc.c) ---------------------------------------------------------------------------- */

VOID KiInitializeApcs(VOID); /* boot only */
VOID KiInitializeApcState(PKTHREAD Thread);
/* Runs the current thread's user APCs. <= APC_LEVEL. */
VOID KiDeliverUserApcs(PKTHREAD Thread);
/*
 * The current thread ends: nothing is queued to it any more, its user APCs are run down. Bug check
 * 0x20 (APC, APC disable count, IRQL, 0) if a kernel APC waits for the end of a region. PASSIVE.
 */
VOID KiRundownApcs(PKTHREAD Thread);

/* Count times KeEnterCriticalRegion and KeLeaveCriticalRegion for a thread, without checks. */
static inline VOID KiEnterCriticalRegion(PKTHREAD Thread, SHORT Count)
{
    Thread->KernelApcDisable -= Count;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}
VOID KiLeaveCriticalRegion(PKTHREAD Thread, SHORT Count);

/* No normal kernel APC comes, and waiting is allowed: what fast locks and resources want. */
static inline BOOLEAN KiMayHoldLock(VOID)
{
    KIRQL Irql = KiReadIrql();
    return Irql == APC_LEVEL || (Irql < APC_LEVEL && KeGetCurrentThread()->CombinedApcDisable != 0);
}

/* ---- time and timers (time.c, timer.c) ------------------------------------------------------- */

#define KI_TIME_INCREMENT 156250 /* 100 ns units in 1/64 s, a clock tick */

/* Guarded by KiDispatcherLock. */
extern ULONG64 KiTickCount;
extern ULONG64 KiInterruptTime; /* at the last tick */
extern ULONG64 KiBootTime;      /* system time when interrupt time was 0 */

VOID KiInitializeTimers(VOID);
/* All of these: KiDispatcherLock is held. */
ULONG64 KiPreciseInterruptTime(VOID);
/* The interrupt time that a Timeout means: a system time, or if negative that long from now. */
ULONG64 KiComputeDueTime(LONG64 Timeout);
/* Starts and stops a timer; DueTime lies behind the last tick. */
VOID KiInsertTimer(PKTIMER Timer, ULONG64 DueTime);
VOID KiRemoveTimer(PKTIMER Timer);
/* A running timer that begins in these bytes, NULL without one. <= DISPATCH_LEVEL. */
PKTIMER KiFindTimer(PVOID Start, SIZE_T Bytes);
/* The clock's question behind each tick: has interrupt 0x2F to look at the wheel? */
BOOLEAN KiTimersAreDue(VOID);

/* Expires what is due; interrupt 0x2F calls it. */
VOID KiExpireTimers(VOID);

/* ---- threads (thread.c) ---------------------------------------------------------------------- */

/* What a thread does first; calls the start routine and does not return. */
typedef VOID KI_SYSTEM_ROUTINE(PKSTART_ROUTINE StartRoutine, PVOID StartContext);

/* Builds a thread on memory of the caller's, priority 8, that begins at PASSIVE_LEVEL. */
VOID KiInitializeThread(PKTHREAD Thread, PVOID StackBase, PVOID StackLimit,
                        KI_SYSTEM_ROUTINE *SystemRoutine, PKSTART_ROUTINE StartRoutine,
                        PVOID StartContext);
VOID KiStartThread(PKTHREAD Thread);
/* Where new threads may run; Psp changes it for all that there are. */
extern KAFFINITY KiProcessAffinity;
/* Where a thread may run while it has no system affinity; takes effect as in THRD-4. */
VOID KiSetUserAffinity(PKTHREAD Thread, KAFFINITY Affinity);
/* Ends the current thread. Its memory is not used any more when a wait for it returns (THRD-2). */
DECLSPEC_NORETURN VOID KiTerminateThread(VOID);
/* Makes the code that runs on this processor, on this stack, a thread of its own. Boot only. */
VOID KiAdoptThread(PKPRCB Prcb, PKTHREAD Thread, PVOID StackBase, PVOID StackLimit);
/*
 * Gives processor 0 its idle thread, which runs when nothing else is ready. (The first code of
 * another processor is its idle thread: KiAdoptThread, KiMakeIdleThread, KiBecomeIdle.)
 */
VOID KiCreateIdleThread(PKPRCB Prcb, PKTHREAD Thread, PVOID StackBase, PVOID StackLimit);
VOID KiMakeIdleThread(PKPRCB Prcb, PKTHREAD Thread);
DECLSPEC_NORETURN VOID KiBecomeIdle(VOID);

/* ---- start-up order (boot/init.c) ---------------------------------------------------------- */

VOID KiInitializeProcessor(VOID); /* processor 0: all of the next two, and the boot thread */
/* Fills a processor's record, which is zero: segments, task state, KPCR, queues. */
VOID KiBuildProcessor(PKI_PROCESSOR Processor, ULONG Number, const KI_PROCESSOR_STACKS *Stacks);
/* Makes the record that of the processor that calls: GDT, IDT, TSS, gs:, control registers. */
VOID KiEnterProcessor(PKI_PROCESSOR Processor);
VOID KiInitializeDpcs(PKPRCB Prcb);
/*
 * What the thread of a processor does that runs its threaded DPCs; Context is the processor's
 * KPRCB. Until KiEnableThreadedDpcs they are ordinary ones.
 */
DECLSPEC_NORETURN VOID NTAPI KiRunThreadedDpcs(PVOID Context);
VOID KiEnableThreadedDpcs(VOID);
extern BOOLEAN KiThreadedDpcs; /* they are */
VOID KiInitializeCalls(VOID);  /* connects the interrupt between processors */
VOID KiInitializeReadyQueues(PKPRCB Prcb);
VOID KiRequestDrain(PKPRCB Prcb); /* the clock's call: no DPC waits longer than a tick */
VOID KiInitializeTime(VOID);      /* after mm mapped KUSER_SHARED_DATA; connects the clock vector */

/*
 * Starts the processor with an APIC id on memory of the caller's: its record, 64 bytes aligned, its
 * stacks, and the page below 1 MiB where it begins. FALSE when it does not answer; the memory may
 * be used again then.
 */
BOOLEAN KiStartProcessor(PKI_PROCESSOR Processor, const KI_PROCESSOR_STACKS *Stacks, ULONG ApicId,
                         ULONG StartPage);
/* Looks up which node a processor is in. Boot only. */
VOID KiAssignNode(PKPRCB Prcb);
/* The processor that calls is there for threads from now on; it runs its idle thread. */
VOID KiJoinDispatcher(PKPRCB Prcb);

/* switch.S */
typedef struct _KSWITCH_FRAME {
    ULONG64 Xmm[10][2]; /* XMM6-15 */
    ULONG64 MxCsr;
    ULONG64 R15, R14, R13, R12, Rbx, Rbp, Rip;
} KSWITCH_FRAME, *PKSWITCH_FRAME;
/* Pushes a KSWITCH_FRAME, stores RSP at *OldStack and goes on from the one at NewStack. */
VOID KiSwapContext(PVOID *OldStack, PVOID NewStack);
VOID KiThreadEntry(VOID); /* where a new thread's first frame returns to */
/* Called by switch.S only. */
DECLSPEC_NORETURN VOID KiRunThread(KI_SYSTEM_ROUTINE *SystemRoutine, PKSTART_ROUTINE StartRoutine,
                                   PVOID StartContext);

/* trap.S */
VOID KiCallOnStack(VOID (*Routine)(PVOID), PVOID Context, PVOID StackTop);
/* RtlRaiseException that leaves Record->ExceptionAddress alone. */
VOID NTAPI KiRaiseRecord(PEXCEPTION_RECORD Record);
/* Called by trap.S only. */
VOID KiDispatchTrap(PKTRAP_FRAME Frame);
VOID KiDispatchInterrupt(PKTRAP_FRAME Frame);
VOID KiRaiseException(PEXCEPTION_RECORD Record, PKTRAP_FRAME Frame);
/* Interrupts of vector 0xFF, and of vectors that had no routine; the last one of those. */
extern ULONG64 KiSpuriousInterrupts, KiUnexpectedInterrupts;
extern UCHAR KiUnexpectedVector;
