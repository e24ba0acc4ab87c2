/*
 * pci.c - PCI's configuration space, and which functions of devices there are.
 *
 * One port chooses a function's register, another one is the register; interrupts are off and a
 * lock is held between the two. Registers above 255 are out of reach of these ports. PCI Express
 * has all of them in memory as well, 1 MB a bus; executive/io maps that and hands it in, and the
 * ports are not needed any more. Bus 0 is where the search begins; a bridge says which bus is
 * behind it. Layout: PCI Local Bus Specification 3.0, section 6.1 and 6.2; PCI-to-PCI Bridge
 * Architecture Specification 1.2, section 3.2; PCI Express Base Specification 4.0, section 7.2.2.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"

#define PCI_ADDRESS 0xCF8
#define PCI_DATA    0xCFC
#define PCI_ENABLE  0x80000000

#define SLOTS     32
#define FUNCTIONS 8
#define MAX_DEPTH 8 /* bridges behind bridges: a wrong one must not send us in circles */

#define REGISTER_ID     0x00
#define REGISTER_HEADER 0x0C /* type in bits 23:16 */
#define REGISTER_BUSES  0x18 /* of a bridge: the bus behind it in bits 15:8 */
#define NO_DEVICE       0xFFFF
#define MANY_FUNCTIONS  0x80
#define HEADER_TYPE     0x7F
#define HEADER_BRIDGE   1

#define BUSES        256
#define WINDOW_SHIFT 4 /* a function's 256 bytes are 4,096 there */
#define NO_REGISTER  0xFFFFFFFF

static KSPIN_LOCK HalpPciLock;
static volatile UCHAR *HalpPciWindows[BUSES];

/* ---- by ports -------------------------------------------------------------------------------- */

static ULONG64 HalpLockPci(ULONG Function, ULONG Register)
{
    ULONG64 Flags = KiDisableInterrupts();
    while (__atomic_exchange_n(&HalpPciLock, 1, __ATOMIC_ACQUIRE) != 0) {
        YieldProcessor();
    }
    HalpOut32(PCI_ADDRESS, PCI_ENABLE | Function | (Register & 0xFC));
    return Flags;
}

static VOID HalpUnlockPci(ULONG64 Flags)
{
    __atomic_store_n(&HalpPciLock, 0, __ATOMIC_RELEASE);
    KiRestoreInterrupts(Flags);
}

/* ---- in memory ------------------------------------------------------------------------------- */

VOID HalpSetPciWindow(ULONG Bus, PVOID Window)
{
    HalpPciWindows[Bus] = Window;
}

volatile UCHAR *HalpPciWindow(ULONG Bus)
{
    return HalpPciWindows[Bus];
}

/* Where a register of a function is; NULL where its bus has no window. */
static volatile UCHAR *HalpWindowAt(ULONG Function, ULONG Register)
{
    volatile UCHAR *Window = HalpPciWindows[HAL_PCI_BUS(Function)];
    return Window == NULL ? NULL : Window + ((Function & 0xFFFF) << WINDOW_SHIFT) + Register;
}

/* ---- both ways ------------------------------------------------------------------------------- */

ULONG HalpReadPciPorts(ULONG Function, ULONG Register)
{
    if (Register >= HAL_PCI_PORT_REGISTERS) {
        return NO_REGISTER;
    }
    ULONG64 Flags = HalpLockPci(Function, Register);
    ULONG Value = HalpIn32(PCI_DATA);
    HalpUnlockPci(Flags);
    return Value;
}

ULONG HalpReadPci(ULONG Function, ULONG Register)
{
    volatile UCHAR *At = HalpWindowAt(Function, Register);
    return At != NULL ? *(volatile ULONG *)At : HalpReadPciPorts(Function, Register);
}

VOID HalpWritePci(ULONG Function, ULONG Register, ULONG Value)
{
    volatile UCHAR *At = HalpWindowAt(Function, Register);
    if (At != NULL) {
        *(volatile ULONG *)At = Value;
        return;
    }
    if (Register >= HAL_PCI_PORT_REGISTERS) {
        return;
    }
    ULONG64 Flags = HalpLockPci(Function, Register);
    HalpOut32(PCI_DATA, Value);
    HalpUnlockPci(Flags);
}

VOID HalpWritePci16(ULONG Function, ULONG Register, USHORT Value)
{
    volatile UCHAR *At = HalpWindowAt(Function, Register);
    if (At != NULL) {
        *(volatile USHORT *)At = Value;
        return;
    }
    if (Register >= HAL_PCI_PORT_REGISTERS) {
        return;
    }
    ULONG64 Flags = HalpLockPci(Function, Register);
    HalpOut16((USHORT)(PCI_DATA + (Register & 2)), Value);
    HalpUnlockPci(Flags);
}

/* ---- the search ------------------------------------------------------------------------------ */

static BOOLEAN HalpIsPresent(ULONG Function)
{
    return (HalpReadPci(Function, REGISTER_ID) & 0xFFFF) != NO_DEVICE;
}

static UCHAR HalpHeader(ULONG Function)
{
    return HalpReadPci(Function, REGISTER_HEADER) >> 16 & 0xFF;
}

static VOID HalpSearchBus(ULONG Bus, ULONG Depth, HAL_PCI_FOUND *Found, PVOID Context);

static VOID HalpVisitFunction(ULONG Function, ULONG Depth, HAL_PCI_FOUND *Found, PVOID Context)
{
    Found(Function, Context);
    if ((HalpHeader(Function) & HEADER_TYPE) == HEADER_BRIDGE && Depth < MAX_DEPTH) {
        ULONG Behind = HalpReadPci(Function, REGISTER_BUSES) >> 8 & 0xFF;
        if (Behind != 0) {
            HalpSearchBus(Behind, Depth + 1, Found, Context);
        }
    }
}

static VOID HalpSearchBus(ULONG Bus, ULONG Depth, HAL_PCI_FOUND *Found, PVOID Context)
{
    for (ULONG Slot = 0; Slot < SLOTS; Slot++) {
        ULONG First = HAL_PCI_FUNCTION(Bus, Slot, 0);
        if (!HalpIsPresent(First)) {
            continue;
        }
        ULONG Count = HalpHeader(First) & MANY_FUNCTIONS ? FUNCTIONS : 1;
        for (ULONG Number = 0; Number < Count; Number++) {
            ULONG Function = HAL_PCI_FUNCTION(Bus, Slot, Number);
            if (HalpIsPresent(Function)) {
                HalpVisitFunction(Function, Depth, Found, Context);
            }
        }
    }
}

VOID HalpForEachPciFunction(HAL_PCI_FOUND *Found, PVOID Context)
{
    HalpSearchBus(0, 0, Found, Context);
}
