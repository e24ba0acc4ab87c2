/*
 * ioapic.c - the I/O APIC: which processor and vector each interrupt line goes to.
 *
 * Chip: Intel 82093AA. A register is chosen by one word and read or written through another, so
 * interrupts are off and a lock is held between the two. The chip is mapped uncached in the HAL
 * window by boot/entry.S, at the address that every PC has it at; of a machine with several, this
 * one has the lines from 0 on. A line is masked until somebody wants it.
 */
#include "kernel/hal/acpi.h"
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"

#define IO_APIC ((volatile ULONG *)0xFFFFFFFFFFE01000)

#define IO_APIC_SELECT      0
#define IO_APIC_WINDOW      4 /* byte 0x10 */
#define IO_APIC_VERSION     0x01
#define IO_APIC_REDIRECTION 0x10 /* two registers a line */

#define REDIRECT_LOW    0x2000 /* active low */
#define REDIRECT_LEVEL  0x8000
#define REDIRECT_MASKED 0x10000

static KSPIN_LOCK HalpIoApicLock;
static ULONG64 HalpOwnLines; /* bit n: line n is this layer's */

static ULONG64 HalpLockIoApic(VOID)
{
    ULONG64 Flags = KiDisableInterrupts();
    while (__atomic_exchange_n(&HalpIoApicLock, 1, __ATOMIC_ACQUIRE) != 0) {
        YieldProcessor();
    }
    return Flags;
}

static VOID HalpUnlockIoApic(ULONG64 Flags)
{
    __atomic_store_n(&HalpIoApicLock, 0, __ATOMIC_RELEASE);
    KiRestoreInterrupts(Flags);
}

static ULONG HalpReadIoApic(ULONG Register)
{
    ULONG64 Flags = HalpLockIoApic();
    IO_APIC[IO_APIC_SELECT] = Register;
    ULONG Value = IO_APIC[IO_APIC_WINDOW];
    HalpUnlockIoApic(Flags);
    return Value;
}

static VOID HalpWriteIoApic(ULONG Register, ULONG Value)
{
    ULONG64 Flags = HalpLockIoApic();
    IO_APIC[IO_APIC_SELECT] = Register;
    IO_APIC[IO_APIC_WINDOW] = Value;
    HalpUnlockIoApic(Flags);
}

ULONG HalpIoApicVersion(VOID)
{
    return HalpReadIoApic(IO_APIC_VERSION);
}

ULONG HalpLineCount(VOID)
{
    return (HalpIoApicVersion() >> 16 & 0xFF) + 1;
}

/* How the firmware says a line is wired; without a word, as PCI's lines are. */
static HAL_ISA_LINE HalpWiring(ULONG Line)
{
    for (ULONG i = 0; i < HAL_ISA_LINES; i++) {
        if (HalpMachine.IsaLines[i].Line == Line) {
            return HalpMachine.IsaLines[i];
        }
    }
    return (HAL_ISA_LINE){Line, TRUE, TRUE};
}

BOOLEAN HalpIsLineLevel(ULONG Line)
{
    return HalpWiring(Line).Level;
}

/* With its trigger mode: a masked level is remembered, a masked edge is not. */
VOID HalpMaskLine(ULONG Line)
{
    HAL_ISA_LINE Wiring = HalpWiring(Line);
    HalpWriteIoApic(IO_APIC_REDIRECTION + 2 * Line, REDIRECT_MASKED |
                                                        (Wiring.ActiveLow ? REDIRECT_LOW : 0) |
                                                        (Wiring.Level ? REDIRECT_LEVEL : 0));
}

BOOLEAN HalpIsLineMasked(ULONG Line)
{
    return (HalpReadIoApic(IO_APIC_REDIRECTION + 2 * Line) & REDIRECT_MASKED) != 0;
}

/* Masked in between: the two halves cannot be written at once. */
VOID HalpSetLine(ULONG Line, UCHAR Vector, ULONG ApicId, BOOLEAN Level)
{
    ULONG Register = IO_APIC_REDIRECTION + 2 * Line;
    HalpMaskLine(Line);
    HalpWriteIoApic(Register + 1, ApicId << 24);
    HalpWriteIoApic(Register, Vector | (HalpWiring(Line).ActiveLow ? REDIRECT_LOW : 0) |
                                  (Level ? REDIRECT_LEVEL : 0));
}

BOOLEAN HalpIsLineOurs(ULONG Line)
{
    return Line < 64 && (HalpOwnLines >> Line & 1);
}

ULONG HalpIsaLine(ULONG IsaLine)
{
    return HalpMachine.IsaLines[IsaLine].Line;
}

VOID HalpRouteIsaInterrupt(ULONG IsaLine, UCHAR Vector)
{
    ULONG Line = HalpIsaLine(IsaLine);
    HalpOwnLines |= 1ULL << Line;
    HalpSetLine(Line, Vector, HalpLocalApicId(), HalpIsLineLevel(Line));
}

VOID HalpInitializeIoApic(VOID)
{
    for (ULONG Line = 0; Line < HalpLineCount(); Line++) {
        HalpMaskLine(Line);
    }
}
