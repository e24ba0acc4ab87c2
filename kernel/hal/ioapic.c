/*
 * ioapic.c - the I/O APIC: which processor and vector each interrupt line goes to.
 *
 * Chip: Intel 82093AA. A register is chosen by one word and read or written through another, so
 * interrupts are off between the two. The chip is mapped uncached in the HAL window by
 * boot/entry.S, at the address that every PC has it at.
 */
#include "kernel/hal/acpi.h"
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"

#define IO_APIC ((volatile ULONG *)0xFFFFFFFFFFE01000)

#define IO_APIC_SELECT      0
#define IO_APIC_WINDOW      4 /* byte 0x10 */
#define IO_APIC_VERSION     0x01
#define IO_APIC_REDIRECTION 0x10 /* two registers a line */

#define REDIRECT_LOW   0x2000 /* active low */
#define REDIRECT_LEVEL 0x8000

static ULONG HalpReadIoApic(ULONG Register)
{
    ULONG64 Flags = KiDisableInterrupts();
    IO_APIC[IO_APIC_SELECT] = Register;
    ULONG Value = IO_APIC[IO_APIC_WINDOW];
    KiRestoreInterrupts(Flags);
    return Value;
}

static VOID HalpWriteIoApic(ULONG Register, ULONG Value)
{
    ULONG64 Flags = KiDisableInterrupts();
    IO_APIC[IO_APIC_SELECT] = Register;
    IO_APIC[IO_APIC_WINDOW] = Value;
    KiRestoreInterrupts(Flags);
}

ULONG HalpIoApicVersion(VOID)
{
    return HalpReadIoApic(IO_APIC_VERSION);
}

VOID HalpRouteIsaInterrupt(ULONG Line, UCHAR Vector)
{
    const HAL_ISA_LINE *Wire = &HalpMachine.IsaLines[Line];
    ULONG Register = IO_APIC_REDIRECTION + 2 * Wire->Line;
    HalpWriteIoApic(Register + 1, HalpLocalApicId() << 24);
    HalpWriteIoApic(Register, Vector | (Wire->ActiveLow ? REDIRECT_LOW : 0) |
                                  (Wire->Level ? REDIRECT_LEVEL : 0));
}
