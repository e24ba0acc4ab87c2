/*
 * acpi_clock.c - where the clocks are that calibration measures against: the power management timer
 * (named by the FADT) and the HPET (by a table of its own).
 *
 * Layouts: ACPI 6.5, section 5.2.9; IA-PC HPET specification 1.0a, section 3.2.4.
 */
#include "kernel/hal/acpi.h"
#include "kernel/rtl/section.h"

/* Offsets in the FADT, which has grown with each revision of ACPI. */
#define FADT_PM_TIMER        76 /* port, 32 bits */
#define FADT_PM_TIMER_LENGTH 91
#define FADT_FLAGS           112
#define FADT_SIZE_1          116 /* of the first revision */
#define FADT_X_PM_TIMER      208 /* ACPI_ADDRESS, counts unless it is zero */

#define FADT_TIMER_32_BITS    0x100
#define FADT_REDUCED_HARDWARE 0x100000 /* none of the old registers */

#define PM_TIMER_SIZE 4
#define MAX_PORT      0xFFFF

#define HPET_ADDRESS 40
#define HPET_SIZE    56

static INIT ULONG HalpRead32(const UCHAR *Bytes)
{
    return Bytes[0] | (ULONG)Bytes[1] << 8 | (ULONG)Bytes[2] << 16 | (ULONG)Bytes[3] << 24;
}

INIT const CHAR *HalpParseFadt(const UCHAR *Table, ULONG Length, PHAL_MACHINE Machine)
{
    if (Length < FADT_SIZE_1) {
        return "it is too short";
    }
    ULONG Flags = HalpRead32(Table + FADT_FLAGS);
    ULONG64 Port = HalpRead32(Table + FADT_PM_TIMER);
    if (Length >= FADT_X_PM_TIMER + sizeof(ACPI_ADDRESS)) {
        const ACPI_ADDRESS *Timer = (const VOID *)(Table + FADT_X_PM_TIMER);
        if (Timer->Address != 0) {
            Port = Timer->Space == ACPI_SPACE_PORTS ? Timer->Address : 0;
        }
    }
    if ((Flags & FADT_REDUCED_HARDWARE) || Port == 0) {
        return NULL;
    }
    if (Table[FADT_PM_TIMER_LENGTH] != PM_TIMER_SIZE || Port > MAX_PORT - (PM_TIMER_SIZE - 1)) {
        return "its power management timer is impossible";
    }
    Machine->PmTimerPort = (ULONG)Port;
    Machine->PmTimerWide = (Flags & FADT_TIMER_32_BITS) != 0;
    return NULL;
}

INIT const CHAR *HalpParseHpet(const UCHAR *Table, ULONG Length, PHAL_MACHINE Machine)
{
    if (Length < HPET_SIZE) {
        return "it is too short";
    }
    const ACPI_ADDRESS *Address = (const VOID *)(Table + HPET_ADDRESS);
    if (Address->Space != ACPI_SPACE_MEMORY || Address->Address == 0 || Address->Address % 8 != 0) {
        return "its address is impossible";
    }
    Machine->Hpet = Address->Address;
    return NULL;
}
