/*
 * hal.h - the whole private interface of the hardware layer: ports, console, interrupt controller,
 * clock, and leaving the machine. Nothing here allocates; nothing here knows threads or memory.
 */
#pragma once

#include <ntdef.h>
#include "kernel/ke/bootinfo.h"

/* ---- ports ----------------------------------------------------------------------------------- */

static inline VOID HalpOut8(USHORT Port, UCHAR Value)
{
    __asm__ volatile("outb %0, %1" : : "a"(Value), "Nd"(Port));
}
static inline VOID HalpOut32(USHORT Port, ULONG Value)
{
    __asm__ volatile("outl %0, %1" : : "a"(Value), "Nd"(Port));
}
static inline VOID HalpOut16(USHORT Port, USHORT Value)
{
    __asm__ volatile("outw %0, %1" : : "a"(Value), "Nd"(Port));
}
static inline ULONG HalpIn32(USHORT Port)
{
    ULONG Value;
    __asm__ volatile("inl %1, %0" : "=a"(Value) : "Nd"(Port));
    return Value;
}
static inline UCHAR HalpIn8(USHORT Port)
{
    UCHAR Value;
    __asm__ volatile("inb %1, %0" : "=a"(Value) : "Nd"(Port));
    return Value;
}
static inline ULONG64 HalpReadTsc(VOID)
{
    ULONG Low, High;
    __asm__ volatile("rdtsc" : "=a"(Low), "=d"(High) : : "memory");
    return ((ULONG64)High << 32) | Low;
}

/* ---- console: COM1, a 16550 ------------------------------------------------------------------ */

VOID HalpInitializeConsole(VOID);                       /* polled output works from here on */
VOID HalpEnableConsoleInput(VOID);                      /* input by interrupt from here on */
VOID HalpConsoleWrite(const CHAR *Text, SIZE_T Length); /* any IRQL, also inside a bug check */
/* The next typed byte, or -1. Any IRQL. */
INT HalpConsoleRead(VOID);
/* Waits for the next typed byte; other threads run meanwhile. One thread; <= APC_LEVEL. */
UCHAR HalpConsoleWait(VOID);
/* TRUE while a Ctrl-C is among the typed bytes that nobody has read yet. Any IRQL. */
BOOLEAN HalpConsoleInterrupted(VOID);
/* Bytes lost because the input ring was full. */
extern ULONG HalpConsoleOverruns;

/* ---- leaving --------------------------------------------------------------------------------- */

#define HAL_EXIT_PASS      0x10
#define HAL_EXIT_FAIL      0x11
#define HAL_EXIT_BAD_START 0x12
#define HAL_EXIT_BUGCHECK  0x13
#define HAL_EXIT_QUIT      0x14
/*
 * Ends the machine with a status that tools/tarn understands; halts where there is no such device.
 */
DECLSPEC_NORETURN VOID HalpExit(ULONG Code);

/* ---- interrupt controller and clock ---------------------------------------------------------- */

#define APC_VECTOR      0x1F
#define DPC_VECTOR      0x2F
#define CLOCK_VECTOR    0xD1
#define IPI_VECTOR      0xE1
#define SPURIOUS_VECTOR 0xFF

VOID HalpInitializeApic(VOID);                   /* masks the PICs and all lines, then: */
VOID HalpInitializeLocalApic(VOID);              /* enables this processor's */
VOID HalpEndOfInterrupt(VOID);                   /* local APIC EOI */
BOOLEAN HalpIsRequested(UCHAR Vector);           /* it waits at this processor */
VOID HalpRequestSoftwareInterrupt(UCHAR Vector); /* self-IPI, any IRQL */
/* The same to another processor, or to this one; any IRQL. */
VOID HalpRequestInterrupt(ULONG ApicId, UCHAR Vector);
VOID HalpSendNmi(ULONG ApicId);
VOID HalpSendInit(ULONG ApicId);                /* makes it wait for the next: */
VOID HalpSendStartup(ULONG ApicId, ULONG Page); /* start in real mode at physical page Page */
/* Begins and ends measuring the clocks; the APIC timer is in use meanwhile. Boot only. */
VOID HalpBeginCalibration(VOID);
VOID HalpCalibrate(VOID);
/* The power management timer: 24 bits at 3,579,545 Hz. Only where the machine has one. */
ULONG HalpReadPmTimer(VOID);
VOID HalpStartClock(VOID); /* periodic interrupt each 15.625 ms */
ULONG HalpLocalApicId(VOID);
/* The version registers: 82489DX and later; bits 23:16 of the I/O APIC's are its last line. */
ULONG HalpLocalApicVersion(VOID);
ULONG HalpIoApicVersion(VOID);
/*
 * The APIC timer at a sixteenth of its input: Count down to zero, once (no interrupt) or for ever.
 */
VOID HalpStartApicTimer(ULONG Count, BOOLEAN Periodic);
ULONG HalpReadApicTimer(VOID);
extern ULONG64 HalpTscHz;
extern ULONG HalpApicTimerHz; /* a sixteenth of its input */
/* The battery clock as system time: 100 ns units since 1601-01-01 UTC. Boot only. */
ULONG64 HalpReadRealTimeClock(VOID);
/* Prints what this layer drives, a line each. */
VOID HalpPrintDevices(VOID);

/* ---- interrupt lines (ioapic.c); any IRQL ---------------------------------------------------- */

/*
 * Lines are counted through the I/O APIC's inputs; those of the ISA bus arrive where the firmware
 * says.
 */
ULONG HalpLineCount(VOID);
ULONG HalpIsaLine(ULONG IsaLine);
BOOLEAN HalpIsLineLevel(ULONG Line); /* level-triggered, the firmware says */
VOID HalpInitializeIoApic(VOID);     /* masks all */
/* Lets a line interrupt the processor with that APIC id with that vector, until it is masked. */
VOID HalpSetLine(ULONG Line, UCHAR Vector, ULONG ApicId, BOOLEAN Level);
VOID HalpMaskLine(ULONG Line);
BOOLEAN HalpIsLineMasked(ULONG Line);
/* For the hardware layer's own devices: to this processor; nobody else gets the line. */
VOID HalpRouteIsaInterrupt(ULONG IsaLine, UCHAR Vector);
BOOLEAN HalpIsLineOurs(ULONG Line);

/* ---- PCI configuration space (pci.c); any IRQL ----------------------------------------------- */

#define HAL_PCI_BUS_BYTES      0x100000 /* of a bus's window */
#define HAL_PCI_PORT_REGISTERS 0x100    /* what the ports reach; a window reaches 4,096 bytes */

/* A function of a device in a slot of a bus, as the two routines below take it. */
#define HAL_PCI_FUNCTION(Bus, Slot, Number) ((ULONG)(Bus) << 16 | (Slot) << 11 | (Number) << 8)
#define HAL_PCI_BUS(Function)               ((Function) >> 16 & 0xFF)
/*
 * Four bytes at a multiple of four; two bytes at a multiple of two. Registers from 256 on are there
 * where the function's bus has a window; elsewhere they read as ones.
 */
ULONG HalpReadPci(ULONG Function, ULONG Register);
ULONG HalpReadPciPorts(ULONG Function, ULONG Register);
VOID HalpWritePci(ULONG Function, ULONG Register, ULONG Value);
VOID HalpWritePci16(ULONG Function, ULONG Register, USHORT Value);
/*
 * From here on the registers of a bus are read and written in memory: Window is where that is
 * mapped, NULL for the ports. Not while somebody uses it.
 */
VOID HalpSetPciWindow(ULONG Bus, PVOID Window);
volatile UCHAR *HalpPciWindow(ULONG Bus);
/* Calls Found for each function of each device, those behind bridges included. */
typedef VOID HAL_PCI_FOUND(ULONG Function, PVOID Context);
VOID HalpForEachPciFunction(HAL_PCI_FOUND *Found, PVOID Context);

/* ---- starting other processors (startup.c); boot only ---------------------------------------- */

/*
 * Fills the page below 1 MiB where processors begin: Page is where we see it, Physical its address,
 * Cr3 the top of page tables below 4 GiB that map it there, executable, besides all of ours.
 */
VOID HalpPrepareStartup(PVOID Page, ULONG Physical, ULONG Cr3);
/*
 * Lets the processor with this APIC id begin there and call Routine(Context) on Stack, in our page
 * tables, with interrupts off. FALSE when it does not answer; then it never will.
 */
typedef VOID HAL_START_ROUTINE(PVOID Context);
BOOLEAN HalpStartProcessor(ULONG ApicId, ULONG Physical, PVOID Stack, HAL_START_ROUTINE *Routine,
                           PVOID Context);
