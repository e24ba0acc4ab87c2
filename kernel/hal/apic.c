/*
 * apic.c - the interrupt controllers: the local APIC that carries IRQL, and the I/O APIC.
 *
 * Theory. CR8 is the upper half of the local APIC's task priority register, so the APIC itself
 * holds back every vector whose high nibble is not above the IRQL. Software interrupts are IPIs to
 * oneself: vector 0x1F (APC) and 0x2F (DPC); one requested while masked stays in the APIC's request
 * register and fires as soon as CR8 drops. Nothing has to be polled when the IRQL is lowered.
 *
 *   APIC-1  A vector v interrupts only while (v >> 4) > CR8.
 *   APIC-2  Requests of one vector that is already pending merge into one.
 *   APIC-3  The two old PICs are remapped away from the exceptions and fully masked.
 *
 * Registers: Intel SDM volume 3, chapter "Advanced Programmable Interrupt Controller (APIC)";
 * 82093AA data sheet for the I/O APIC. Both chips are mapped uncached in the HAL window by
 * boot/entry.S.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"

#define LOCAL_APIC ((volatile ULONG *)0xFFFFFFFFFFE00000)
#define IO_APIC    ((volatile ULONG *)0xFFFFFFFFFFE01000)

/* Local APIC registers, as indices of 32-bit words (16 bytes apart). */
#define APIC_ID            (0x20 / 4)
#define APIC_VERSION       (0x30 / 4)
#define APIC_EOI           (0xB0 / 4)
#define APIC_SPURIOUS      (0xF0 / 4)
#define APIC_ICR_LOW       (0x300 / 4)
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
#define LVT_PERIODIC       0x20000
#define ICR_SELF           0x40000
#define ICR_PENDING        0x1000
#define TIMER_DIVIDE_BY_16 0x3

#define IO_APIC_SELECT      0
#define IO_APIC_WINDOW      4 /* byte 0x10 */
#define IO_APIC_VERSION     0x01
#define IO_APIC_REDIRECTION 0x10

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

VOID HalpInitializeApic(VOID)
{
    HalpMaskPics();
    LOCAL_APIC[APIC_SPURIOUS] = APIC_ENABLE | SPURIOUS_VECTOR;
    LOCAL_APIC[APIC_LVT_TIMER] = LVT_MASKED;
    LOCAL_APIC[APIC_LVT_LINT0] = LVT_MASKED;
    LOCAL_APIC[APIC_LVT_LINT1] = LVT_NMI;
    LOCAL_APIC[APIC_LVT_ERROR] = LVT_MASKED;
}

VOID HalpEndOfInterrupt(VOID)
{
    LOCAL_APIC[APIC_EOI] = 0;
}

ULONG HalpLocalApicId(VOID)
{
    return LOCAL_APIC[APIC_ID] >> 24;
}

ULONG HalpLocalApicVersion(VOID)
{
    return LOCAL_APIC[APIC_VERSION] & 0xFF;
}

ULONG HalpIoApicVersion(VOID)
{
    ULONG64 Flags = KiDisableInterrupts();
    IO_APIC[IO_APIC_SELECT] = IO_APIC_VERSION;
    ULONG Version = IO_APIC[IO_APIC_WINDOW];
    KiRestoreInterrupts(Flags);
    return Version;
}

VOID HalpRequestSoftwareInterrupt(UCHAR Vector)
{
    ULONG64 Flags =
        KiDisableInterrupts(); /* an interrupt between the two would steal the register */
    while (LOCAL_APIC[APIC_ICR_LOW] & ICR_PENDING) {
        __asm__ volatile("pause");
    }
    LOCAL_APIC[APIC_ICR_LOW] = ICR_SELF | Vector;
    KiRestoreInterrupts(Flags);
}

VOID HalpRouteIsaInterrupt(ULONG Line, UCHAR Vector)
{
    /* Lines 3..15 of the ISA bus keep their number on the I/O APIC, edge triggered, active high. */
    IO_APIC[IO_APIC_SELECT] = IO_APIC_REDIRECTION + 2 * Line + 1;
    IO_APIC[IO_APIC_WINDOW] = HalpLocalApicId() << 24;
    IO_APIC[IO_APIC_SELECT] = IO_APIC_REDIRECTION + 2 * Line;
    IO_APIC[IO_APIC_WINDOW] = Vector;
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
