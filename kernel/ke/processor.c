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
static KPCR KiBootPcr __attribute__((aligned(64)));
static KTSS KiBootTss __attribute__((aligned(16)));
static ULONG64 KiBootGdt[5];
static KGATE KiIdt[256] __attribute__((aligned(16)));

PKPCR KiFindPcr(ULONG64 Number)
{
    return Number == KiBootPcr.Prcb.Number ? &KiBootPcr : NULL;
}

static INIT VOID KiBuildGdt(VOID)
{
    ULONG64 Base = (ULONG64)&KiBootTss;
    KiBootGdt[1] = GDT_CODE;
    KiBootGdt[2] = GDT_DATA;
    KiBootGdt[3] = (sizeof(KTSS) - 1) | ((Base & 0xFFFFFF) << 16) | (0x89ULL << 40) |
                   (((Base >> 24) & 0xFF) << 56);
    KiBootGdt[4] = Base >> 32;
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

static INIT VOID KiLoadTables(VOID)
{
    KDESCRIPTOR Gdt = {sizeof(KiBootGdt) - 1, (ULONG64)KiBootGdt};
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

INIT VOID KiInitializeProcessor(VOID)
{
    PKPCR Pcr = &KiBootPcr;
    PKPRCB Prcb = &Pcr->Prcb;

    KiBootTss.Ist[0] = (ULONG64)KiDoubleFaultStackTop;
    KiBootTss.Ist[1] = (ULONG64)KiNmiStackTop;
    KiBootTss.Ist[2] = (ULONG64)KiMachineCheckStackTop;
    KiBootTss.IoMapBase = sizeof(KTSS); /* no map: no port for ring 3 */
    KiBuildGdt();
    KiBuildIdt();
    KiLoadTables();
    KiSetControlRegisters();

    Pcr->Self = Pcr;
    Pcr->CurrentPrcb = Prcb;
    Pcr->GdtBase = KiBootGdt;
    Pcr->IdtBase = KiIdt;
    Pcr->TssBase = &KiBootTss;
    Prcb->MxCsr = MXCSR_DEFAULT;
    Prcb->DpcStack = KiDpcStackTop;
    KiProcessorBlock[0] = Prcb;
    KeNumberProcessors = 1;
    KiInitializeReadyQueues(Prcb);
    KiAdoptThread(Prcb, &KiBootThread, KiBootStackTop, KiBootStack);
    ULONG64 Base = (ULONG64)Pcr;
    __asm__ volatile("wrmsr" : : "c"(MSR_GS_BASE), "a"((ULONG)Base), "d"((ULONG)(Base >> 32)));
    KiInitializeDpcs(Prcb);
    KiInitializeApcs();
}
