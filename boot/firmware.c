/*
 * firmware.c - reads the ACPI tables while boot's own direct map still reaches all of them.
 */
#include <ntddk.h>
#include "boot/boot.h"
#include "kernel/hal/acpi.h"
#include "kernel/rtl/section.h"

static INIT VOID BlReportTable(const CHAR *Name, ULONG64 Address, const CHAR *Wrong)
{
    DbgPrint("ACPI: table %.4s at 0x%I64x is ignored: %s\n", Name, Address, Wrong);
}

INIT VOID BlReadFirmware(const BOOT_INFORMATION *Information)
{
    static const HAL_ACPI_ACCESS Access = {BlMap, BlReportTable};
    HalpReadAcpi(&Access, Information->AcpiRsdp, &HalpMachine);
}
