/*
 * apic.c - the local APIC, one a processor: it carries IRQL, sends interrupts and has a timer.
 *
 * Theory. CR8 is the upper half of the local APIC's task priority register, so the APIC itself
 * holds back every vector whose high nibble is not above the IRQL. Software interrupts are IPIs to
 * oneself: vector 0x1F (APC) and 0x2F (DPC); one requested while masked stays in the APIC's request
 * register and fires as soon as CR8 drops. Nothing has to be polled when the IRQL is lowered.
 * Other processors are named by their APIC's id, one at a time; broadcasts would also reach those
 * that nobody has started.
 *
 *   APIC-1  A vector v interrupts only while (v >> 4) > CR8.
 *   APIC-2  Requests of one vector that is already pending merge into one.
 *   APIC-3  The two old PICs are remapped away from the exceptions and fully masked.
 *
 * Registers: Intel SDM volume 3, chapter "Advanced Programmable Interrupt Controller (APIC)".
 * They are mapped uncached in the HAL window by boot/entry.S, at one address for all: each
 * processor sees its own.
 */
#include "kernel/hal/acpi.h"
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"

#define LOCAL_APIC ((volatile ULONG *)0xFFFFFFFFFFE00000)

/* Local APIC registers, as indices of 32-bit words (16 bytes apart). */
#define APIC_ID            (0x20 / 4)
#define APIC_VERSION       (0x30 / 4)
#define APIC_EOI           (0xB0 / 4)
#define APIC_SPURIOUS      (0xF0 / 4)
#define APIC_REQUESTS      (0x200 / 4) /* eight words, a bit a vector */
#define APIC_ICR_LOW       (0x300 / 4)
#define APIC_ICR_HIGH      (0x310 / 4)
#define APIC_LVT_TIMER     (0x320 / 4)
#define APIC_LVT_LINT0     (0x350 / 4)
#define APIC_LVT_LINT1     (0x360 / 4)
#define APIC_LVT_ERROR     (0x370 / 4)
#define APIC_TIMER_INITIAL (0x380 / 4)
#define APIC_TIMER_CURRENT (0x390 / 4)
#define APIC_TIMER_DIVIDE  (0x3E0 / 4)

#define APIC_ENABLE        0x100
#define LVT_MASKED         0x10000
#define LVT_NMI            0x400
#define LVT_ACTIVE_LOW     0x2000
#define LVT_PERIODIC       0x20000
#define ICR_NMI            0x400
#define ICR_INIT           0x500
#define ICR_STARTUP        0x600
#define ICR_ASSERT         0x4000
#define ICR_SELF           0x40000
#define ICR_PENDING        0x1000
#define TIMER_DIVIDE_BY_16 0x3

#define PIC1 0x20
#define PIC2 0xA0

static VOID HalpMaskPics(VOID)
{
    HalpOut8(PIC1, 0x11); /* start initialisation */
    HalpOut8(PIC2, 0x11);
    HalpOut8(PIC1 + 1, 0x20); /* vectors 0x20 and 0x28: away from the exceptions */
    HalpOut8(PIC2 + 1, 0x28);
    HalpOut8(PIC1 + 1, 4);
    HalpOut8(PIC2 + 1, 2);
    HalpOut8(PIC1 + 1, 1);
    HalpOut8(PIC2 + 1, 1);
    HalpOut8(PIC1 + 1, 0xFF);
    HalpOut8(PIC2 + 1, 0xFF);
}

/* The pin of this processor that the firmware says carries NMI; on a PC without tables LINT1. */
static VOID HalpSetLocalPins(VOID)
{
    UCHAR Pin = 1;
    BOOLEAN Low = FALSE;
    for (ULONG i = 0; i < HalpMachine.ProcessorCount; i++) {
        if (HalpMachine.Processors[i].ApicId == HalpLocalApicId()) {
            Pin = HalpMachine.Processors[i].NmiPin;
            Low = HalpMachine.Processors[i].NmiLow;
        }
    }
    ULONG Nmi = LVT_NMI | (Low ? LVT_ACTIVE_LOW : 0);
    LOCAL_APIC[APIC_LVT_LINT0] = Pin == 0 ? Nmi : LVT_MASKED;
    LOCAL_APIC[APIC_LVT_LINT1] = Pin == 1 ? Nmi : LVT_MASKED;
}

VOID HalpInitializeLocalApic(VOID)
{
    LOCAL_APIC[APIC_SPURIOUS] = APIC_ENABLE | SPURIOUS_VECTOR;
    LOCAL_APIC[APIC_LVT_TIMER] = LVT_MASKED;
    LOCAL_APIC[APIC_LVT_ERROR] = LVT_MASKED;
    HalpSetLocalPins();
}

VOID HalpInitializeApic(VOID)
{
    HalpMaskPics();
    HalpInitializeIoApic();
    HalpInitializeLocalApic();
}

VOID HalpEndOfInterrupt(VOID)
{
    LOCAL_APIC[APIC_EOI] = 0;
}

BOOLEAN HalpIsRequested(UCHAR Vector)
{
    return LOCAL_APIC[APIC_REQUESTS + Vector / 32 * 4] >> Vector % 32 & 1;
}

ULONG HalpLocalApicId(VOID)
{
    return LOCAL_APIC[APIC_ID] >> 24;
}

ULONG HalpLocalApicVersion(VOID)
{
    return LOCAL_APIC[APIC_VERSION] & 0xFF;
}

/* An interrupt between two accesses would steal the register, so interrupts are off. */
static VOID HalpSendInterrupt(ULONG ApicId, ULONG Command)
{
    ULONG64 Flags = KiDisableInterrupts();
    while (LOCAL_APIC[APIC_ICR_LOW] & ICR_PENDING) {
        __asm__ volatile("pause");
    }
    if (!(Command & ICR_SELF)) {
        LOCAL_APIC[APIC_ICR_HIGH] = ApicId << 24;
    }
    LOCAL_APIC[APIC_ICR_LOW] = Command;
    KiRestoreInterrupts(Flags);
}

VOID HalpRequestSoftwareInterrupt(UCHAR Vector)
{
    HalpSendInterrupt(0, ICR_SELF | Vector);
}

VOID HalpRequestInterrupt(ULONG ApicId, UCHAR Vector)
{
    HalpSendInterrupt(ApicId, ICR_ASSERT | Vector);
}

VOID HalpSendNmi(ULONG ApicId)
{
    HalpSendInterrupt(ApicId, ICR_ASSERT | ICR_NMI);
}

VOID HalpSendInit(ULONG ApicId)
{
    HalpSendInterrupt(ApicId, ICR_ASSERT | ICR_INIT);
}

VOID HalpSendStartup(ULONG ApicId, ULONG Page)
{
    HalpSendInterrupt(ApicId, ICR_ASSERT | ICR_STARTUP | Page);
}

VOID HalpStartApicTimer(ULONG Count, BOOLEAN Periodic)
{
    LOCAL_APIC[APIC_TIMER_DIVIDE] = TIMER_DIVIDE_BY_16;
    LOCAL_APIC[APIC_LVT_TIMER] = Periodic ? (LVT_PERIODIC | CLOCK_VECTOR) : (LVT_MASKED);
    LOCAL_APIC[APIC_TIMER_INITIAL] = Count;
}

ULONG HalpReadApicTimer(VOID)
{
    return LOCAL_APIC[APIC_TIMER_CURRENT];
}
