/*
 * bugcheck.c - the end of the machine, told so that its cause can be found.
 *
 * Prints NT's stop line with the four parameters, the bug check's name, what the parameters are
 * when somebody knows (registered describers), registers, IRQL and the call chain by name, then
 * what the other processors were doing (freeze.c), and leaves with a status that the launcher
 * understands.
 *
 *   BUG-1  The report needs nothing from the broken machine: a stack of its own, polled output,
 *          no lock, no allocation, interrupts off, HIGH_LEVEL.
 *   BUG-2  The first bug check is the one reported. A second one while it is being reported is
 *          named in one line and ends the machine; one on another processor only shows in that
 *          processor's call chain.
 *   BUG-3  The stop line comes first and is complete before anything is looked at that may fault.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

typedef struct _KI_BUGCHECK {
    ULONG Code;
    ULONG_PTR Parameters[4];
    PKTRAP_FRAME Frame;
} KI_BUGCHECK;

extern CHAR KiBugCheckStackTop[];

static KI_BUGCHECK KiBugCheckData;
static volatile LONG KiBugCheckActive;

/* Set by whoever writes the log, so that nothing that is under way there holds the report back. */
VOID (*KiBugCheckOutputHook)(VOID);

BOOLEAN KiDescribeAddress(PVOID Address, PCHAR Buffer, SIZE_T Size)
{
    for (const DESCRIBER_ENTRY *Entry = KiDescriberTable; Entry < KiDescriberTableEnd; Entry++) {
        if (Entry->Routine(Address, Buffer, Size)) {
            return TRUE;
        }
    }
    return FALSE;
}

static VOID KiPrintRegisters(const KTRAP_FRAME *f)
{
    ULONG64 Cr0, Cr3, Cr4;
    __asm__ volatile("movq %%cr0, %0; movq %%cr3, %1; movq %%cr4, %2"
                     : "=r"(Cr0), "=r"(Cr3), "=r"(Cr4));
    DbgPrint("rax=%016I64x rbx=%016I64x rcx=%016I64x\n", f->Rax, f->Rbx, f->Rcx);
    DbgPrint("rdx=%016I64x rsi=%016I64x rdi=%016I64x\n", f->Rdx, f->Rsi, f->Rdi);
    DbgPrint("rip=%016I64x rsp=%016I64x rbp=%016I64x\n", f->Rip, f->Rsp, f->Rbp);
    DbgPrint(" r8=%016I64x  r9=%016I64x r10=%016I64x\n", f->R8, f->R9, f->R10);
    DbgPrint("r11=%016I64x r12=%016I64x r13=%016I64x\n", f->R11, f->R12, f->R13);
    DbgPrint("r14=%016I64x r15=%016I64x efl=%08I64x\n", f->R14, f->R15, f->EFlags);
    DbgPrint("cr0=%016I64x cr2=%016I64x cr3=%016I64x cr4=%08I64x\n", Cr0, f->FaultAddress, Cr3,
             Cr4);
}

static VOID KiPrintParameters(const KI_BUGCHECK *Data)
{
    CHAR Text[KI_DESCRIPTION];
    for (ULONG i = 0; i < 4; i++) {
        PVOID Address = (PVOID)Data->Parameters[i];
        if (KiSymbolise(Address, Text, sizeof(Text)) ||
            KiDescribeAddress(Address, Text, sizeof(Text))) {
            DbgPrint("parameter %u: %s\n", i + 1, Text);
        }
    }
}

static VOID KiReport(PVOID Context)
{
    const KI_BUGCHECK *Data = Context;
    const CHAR *Name = KiBugCheckName(Data->Code);
    PKTRAP_FRAME Frame = Data->Frame;

    DbgPrint("*** Fatal System Error: 0x%08lx\n", Data->Code);
    DbgPrint("                       (0x%p,0x%p,0x%p,0x%p)\n", (PVOID)Data->Parameters[0],
             (PVOID)Data->Parameters[1], (PVOID)Data->Parameters[2], (PVOID)Data->Parameters[3]);
    DbgPrint("%s\n", Name ? Name : "(a bug check code without a name)");
    KiPrintParameters(Data);
    DbgPrint("processor %lu, IRQL %lu, %s mode\n", KeGetCurrentPrcb()->Number, Frame->PreviousIrql,
             KiCheckedMode ? "checked" : "free");
    KiPrintRegisters(Frame);
    KiPrintStack(Frame->Rip, Frame->Rbp, Frame->Vector == KI_NO_VECTOR);
    KiReportOthers();
    HalpExit(HAL_EXIT_BUGCHECK);
}

DECLSPEC_NORETURN VOID KiBugCheck(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3,
                                  ULONG_PTR P4, PKTRAP_FRAME TrapFrame)
{
    KiDisableInterrupts();
    KiWriteIrql(HIGH_LEVEL);
    KeGetCurrentThread()->TryFrames = NULL; /* what faults from here on is not handled (SEH-6) */
    KiFreezeOthers(TrapFrame);
    if (KiBugCheckOutputHook != NULL) {
        KiBugCheckOutputHook();
    }
    if (__atomic_exchange_n(&KiBugCheckActive, 1, __ATOMIC_ACQ_REL) != 0) {
        DbgPrint("*** another bug check inside this one: 0x%08lx (0x%p,0x%p,0x%p,0x%p) at 0x%p\n",
                 Code, (PVOID)P1, (PVOID)P2, (PVOID)P3, (PVOID)P4, (PVOID)TrapFrame->Rip);
        HalpExit(HAL_EXIT_BUGCHECK);
    }
    KiBugCheckData = (KI_BUGCHECK){Code, {P1, P2, P3, P4}, TrapFrame};
    KiCallOnStack(KiReport, &KiBugCheckData, KiBugCheckStackTop);
    HalpExit(HAL_EXIT_BUGCHECK);
}
EXPORT(KeBugCheckEx);

DECLSPEC_NORETURN VOID NTAPI KeBugCheck(ULONG BugCheckCode)
{
    KeBugCheckEx(BugCheckCode, 0, 0, 0, 0);
}
EXPORT(KeBugCheck);
