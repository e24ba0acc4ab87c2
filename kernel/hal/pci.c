/*
 * pci.c - PCI's configuration space, and which functions of devices there are.
 *
 * One port chooses a function's register, another one is the register; interrupts are off and a
 * lock is held between the two. Registers above 255 are out of reach of these ports. Bus 0 is where
 * the search begins; a bridge says which bus is behind it. Layout: PCI Local Bus Specification 3.0,
 * section 6.1 and 6.2; PCI-to-PCI Bridge Architecture Specification 1.2, section 3.2.
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

static KSPIN_LOCK HalpPciLock;

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

ULONG HalpReadPci(ULONG Function, ULONG Register)
{
    ULONG64 Flags = HalpLockPci(Function, Register);
    ULONG Value = HalpIn32(PCI_DATA);
    HalpUnlockPci(Flags);
    return Value;
}

VOID HalpWritePci(ULONG Function, ULONG Register, ULONG Value)
{
    ULONG64 Flags = HalpLockPci(Function, Register);
    HalpOut32(PCI_DATA, Value);
    HalpUnlockPci(Flags);
}

VOID HalpWritePci16(ULONG Function, ULONG Register, USHORT Value)
{
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
