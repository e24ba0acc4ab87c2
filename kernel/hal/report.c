/*
 * report.c - what the hardware layer drives, for the greeting.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"

#define TENTHS_OF_MHZ 100000

VOID HalpPrintDevices(VOID)
{
    DbgPrint("interrupts: local APIC %lu version 0x%lx, I/O APIC version 0x%lx with %lu lines\n",
             HalpLocalApicId(), HalpLocalApicVersion(), HalpIoApicVersion() & 0xFF,
             (HalpIoApicVersion() >> 16 & 0xFF) + 1);
    DbgPrint("clocks: time stamps at %I64u.%I64u MHz, APIC timer at %lu.%lu MHz, a tick in 15.625 "
             "ms\n",
             HalpTscHz / (10 * TENTHS_OF_MHZ), HalpTscHz / TENTHS_OF_MHZ % 10,
             HalpApicTimerHz / (10 * TENTHS_OF_MHZ), HalpApicTimerHz / TENTHS_OF_MHZ % 10);
    DbgPrint("console: serial port COM1, 115200 8N1, input by interrupt\n");
}
