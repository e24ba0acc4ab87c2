/*
 * processor.c - makes a processor ours: segments, task state with its emergency stacks, interrupt
 * table, control registers, and the KPCR behind gs:.
 *
 * A double fault, an NMI and a machine check may come when the stack is useless, so each has one of
 * its own (IST 1, 2 and 3). Everything else runs on the stack it interrupted.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

#define SELECTOR_CODE  0x08
#define SELECTOR_DATA  0x10
#define SELECTOR_TSS   0x18
#define GDT_CODE       0x00AF9B000000FFFFULL /* present, 64-bit code, accessed */
#define GDT_DATA       0x00CF93000000FFFFULL
#define GATE_INTERRUPT 0x8E00 /* present, ring 0, interrupts masked on entry */

#define MSR_GS_BASE    0xC0000101
#define CR4_OSFXSR     0x200
#define CR4_OSXMMEXCPT 0x400
#define CR4_UMIP       0x800
#define CR4_SMEP       0x100000
#define MXCSR_DEFAULT  0x1F80 /* all SSE exceptions masked, round to nearest */

typedef struct _KGATE {
    USHORT OffsetLow;
    USHORT Selector;
    USHORT IstAndType; /* bits 0-2 IST, 8-15 type */
    USHORT OffsetMiddle;
    ULONG OffsetHigh;
    ULONG Reserved;
} KGATE;
_Static_assert(sizeof(KGATE) == 16, "Intel SDM volume 3, figure 6-8");

typedef struct _KDESCRIPTOR {
    USHORT Limit;
    ULONG64 Base;
} __attribute__((packed)) KDESCRIPTOR;

extern CHAR KiVectorStubs[], KiDoubleFaultStackTop[], KiNmiStackTop[], KiMachineCheckStackTop[];
extern CHAR KiDpcStackTop[], KiBootStack[], KiBootStackTop[];

PKPRCB KiProcessorBlock[KI_MAX_PROCESSORS];
ULONG KeNumberProcessors;

static KTHREAD KiBootThread;
static KI_PROCESSOR KiBootProcessor;
static KGATE KiIdt[256] __attribute__((aligned(16))); /* the same for all processors */

PKPCR KiFindPcr(ULONG64 Number)
{
    return Number < KeNumberProcessors ? CONTAINING_RECORD(KiProcessorBlock[Number], KPCR, Prcb)
                                       : NULL;
}

static INIT VOID KiBuildGdt(PKI_PROCESSOR Processor)
{
    ULONG64 Base = (ULONG64)&Processor->Tss;
    Processor->Gdt[SELECTOR_CODE / 8] = GDT_CODE;
    Processor->Gdt[SELECTOR_DATA / 8] = GDT_DATA;
    Processor->Gdt[SELECTOR_TSS / 8] = (sizeof(KTSS) - 1) | ((Base & 0xFFFFFF) << 16) |
                                       (0x89ULL << 40) | (((Base >> 24) & 0xFF) << 56);
    Processor->Gdt[SELECTOR_TSS / 8 + 1] = Base >> 32;
}

static INIT VOID KiBuildIdt(VOID)
{
    for (ULONG i = 0; i < 256; i++) {
        ULONG64 Stub = (ULONG64)KiVectorStubs + 16ULL * i;
        USHORT Ist = i == 8 ? 1 : i == 2 ? 2 : i == 18 ? 3 : 0;
        KiIdt[i] =
            (KGATE){(USHORT)Stub,         SELECTOR_CODE,       (USHORT)(GATE_INTERRUPT | Ist),
                    (USHORT)(Stub >> 16), (ULONG)(Stub >> 32), 0};
    }
}

static INIT VOID KiLoadTables(PKI_PROCESSOR Processor)
{
    KDESCRIPTOR Gdt = {sizeof(Processor->Gdt) - 1, (ULONG64)Processor->Gdt};
    KDESCRIPTOR Idt = {sizeof(KiIdt) - 1, (ULONG64)KiIdt};
    __asm__ volatile("lgdt %0; lidt %1" : : "m"(Gdt), "m"(Idt));
    __asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS));
    __asm__ volatile("pushq %0; leaq 1f(%%rip), %%rax; pushq %%rax; lretq; 1:"
                     :
                     : "i"(SELECTOR_CODE)
                     : "rax", "memory");
    __asm__ volatile("movl %0, %%ds; movl %0, %%es; movl %0, %%ss" : : "r"(SELECTOR_DATA));
}

static INIT VOID KiCpuid(ULONG Leaf, ULONG Subleaf, ULONG Registers[4])
{
    __asm__ volatile("cpuid"
                     : "=a"(Registers[0]), "=b"(Registers[1]), "=c"(Registers[2]),
                       "=d"(Registers[3])
                     : "a"(Leaf), "c"(Subleaf));
}

/* SSE for drivers; no execution of user pages (SMEP) and no reading of our tables there (UMIP). */
static INIT VOID KiSetControlRegisters(VOID)
{
    ULONG Basic[4], Features[4] = {0};
    ULONG64 Cr4;
    ULONG MxCsr = MXCSR_DEFAULT;

    KiCpuid(0, 0, Basic);
    if (Basic[0] >= 7) {
        KiCpuid(7, 0, Features);
    }
    __asm__ volatile("movq %%cr4, %0" : "=r"(Cr4));
    Cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT;
    Cr4 |= Features[1] & (1U << 7) ? CR4_SMEP : 0;
    Cr4 |= Features[2] & (1U << 2) ? CR4_UMIP : 0;
    __asm__ volatile("movq %0, %%cr4" : : "r"(Cr4));
    __asm__ volatile("ldmxcsr %0" : : "m"(MxCsr));
}

INIT VOID KiBuildProcessor(PKI_PROCESSOR Processor, ULONG Number, const KI_PROCESSOR_STACKS *Stacks)
{
    PKPCR Pcr = &Processor->Pcr;
    PKPRCB Prcb = &Pcr->Prcb;

    Processor->Tss.Ist[0] = (ULONG64)Stacks->DoubleFault;
    Processor->Tss.Ist[1] = (ULONG64)Stacks->Nmi;
    Processor->Tss.Ist[2] = (ULONG64)Stacks->MachineCheck;
    Processor->Tss.IoMapBase = sizeof(KTSS); /* no map: no port for ring 3 */
    KiBuildGdt(Processor);
    Pcr->Self = Pcr;
    Pcr->CurrentPrcb = Prcb;
    Pcr->GdtBase = Processor->Gdt;
    Pcr->IdtBase = KiIdt;
    Pcr->TssBase = &Processor->Tss;
    Prcb->Number = Number;
    Prcb->LegacyNumber = (UCHAR)Number;
    Prcb->MxCsr = MXCSR_DEFAULT;
    Prcb->DpcStack = Stacks->Dpc;
    KiInitializeDpcs(Prcb);
    KiInitializeReadyQueues(Prcb);
}

INIT VOID KiEnterProcessor(PKI_PROCESSOR Processor)
{
    ULONG64 Base = (ULONG64)&Processor->Pcr;
    KiLoadTables(Processor);
    KiSetControlRegisters();
    __asm__ volatile("wrmsr" : : "c"(MSR_GS_BASE), "a"((ULONG)Base), "d"((ULONG)(Base >> 32)));
}

INIT VOID KiInitializeProcessor(VOID)
{
    static const KI_PROCESSOR_STACKS Stacks = {.Dpc = KiDpcStackTop,
                                               .DoubleFault = KiDoubleFaultStackTop,
                                               .Nmi = KiNmiStackTop,
                                               .MachineCheck = KiMachineCheckStackTop};
    PKPRCB Prcb = &KiBootProcessor.Pcr.Prcb;
    KiBuildIdt();
    KiBuildProcessor(&KiBootProcessor, 0, &Stacks);
    Prcb->ApicId = HalpLocalApicId();
    KiInitializeCalls();
    KiInitializeApcs();
    KiAdoptThread(Prcb, &KiBootThread, KiBootStackTop, KiBootStack);
    KiProcessorBlock[0] = Prcb;
    KeNumberProcessors = 1;
    KiEnterProcessor(&KiBootProcessor);
}
