/*
 * wdm_interrupt.h - interrupt objects: service routines on lines and messages. Part of wdm.h.
 *
 * Levels 3 to 11 are for devices; a vector's high digit is its level (DIRQL). A service routine
 * runs at the SynchronizeIrql of its interrupt object with the object's spin lock held, on the
 * stack of whatever it interrupted. It may use XMM registers (FloatingSave makes no difference).
 * Checked mode: bug check 0xC4/0xE5 (IRQL, 0, 0) for a call at a wrong level.
 */
#pragma once

#include <ntdef.h>
#include <wdm_ke.h>

typedef struct _DEVICE_OBJECT DEVICE_OBJECT, *PDEVICE_OBJECT;
typedef struct _KINTERRUPT KINTERRUPT, *PKINTERRUPT;

typedef enum _KINTERRUPT_MODE {
    LevelSensitive,
    Latched,
} KINTERRUPT_MODE;

typedef enum _KINTERRUPT_POLARITY {
    InterruptPolarityUnknown,
    InterruptActiveHigh,
    InterruptRisingEdge = InterruptActiveHigh,
    InterruptActiveLow,
    InterruptFallingEdge = InterruptActiveLow,
    InterruptActiveBoth,
    InterruptActiveBothTriggerLow = InterruptActiveBoth,
    InterruptActiveBothTriggerHigh,
} KINTERRUPT_POLARITY,
    *PKINTERRUPT_POLARITY;

/*
 * Service routines. TRUE: the interrupt was its device's. On a line that is level-triggered the
 * first routine that says so ends the round; on a shared one that is edge-triggered rounds go on
 * until nobody does. A routine that returns at another level than it was called at is bug check
 * 0xC4/0x111 (routine, level before, level after) in checked mode, 0xC8 (after << 16 | before << 8
 * | 3, routine, interrupt object, 0) in free mode. A level-triggered line that no routine brings to
 * its end is bug check 0xF2 (first routine, its context, interrupt object, 1 or, of several, 2).
 * DDI wdm KSERVICE_ROUTINE.
 */
typedef BOOLEAN NTAPI KSERVICE_ROUTINE(PKINTERRUPT Interrupt, PVOID ServiceContext);
typedef KSERVICE_ROUTINE *PKSERVICE_ROUTINE;
typedef BOOLEAN NTAPI KMESSAGE_SERVICE_ROUTINE(PKINTERRUPT Interrupt, PVOID ServiceContext,
                                               ULONG MessageID);
typedef KMESSAGE_SERVICE_ROUTINE *PKMESSAGE_SERVICE_ROUTINE;
/* What KeSynchronizeExecution runs. */
typedef BOOLEAN NTAPI KSYNCHRONIZE_ROUTINE(PVOID SynchronizeContext);
typedef KSYNCHRONIZE_ROUTINE *PKSYNCHRONIZE_ROUTINE;

/* ---- connecting ------------------------------------------------------------------------------ */

/*
 * Connects a service routine to a vector and level that the system has assigned. SpinLock NULL: the
 * object's own. The routine runs at SynchronizeIrql, on a processor of ProcessorEnableMask. Others
 * may be connected to the vector, too, if all of them set ShareVector. PASSIVE_LEVEL. DDI wdm
 * IoConnectInterrupt.
 *
 * STATUS_INVALID_PARAMETER: no processor that runs is in the mask or none that those who share have
 * in common, the vector cannot be shared, or Irql or InterruptMode is not the vector's,
 * SynchronizeIrql below it. STATUS_NOT_FOUND: the vector is nobody's.
 * STATUS_INSUFFICIENT_RESOURCES: no nonpaged pool.
 */
NTSTATUS NTAPI IoConnectInterrupt(PKINTERRUPT *InterruptObject, PKSERVICE_ROUTINE ServiceRoutine,
                                  PVOID ServiceContext, PKSPIN_LOCK SpinLock, ULONG Vector,
                                  KIRQL Irql, KIRQL SynchronizeIrql, KINTERRUPT_MODE InterruptMode,
                                  BOOLEAN ShareVector, KAFFINITY ProcessorEnableMask,
                                  BOOLEAN FloatingSave);

/*
 * The service routine does not run any more when it returns; the line is masked if it was the last
 * one there. PASSIVE_LEVEL. DDI wdm IoDisconnectInterrupt.
 */
VOID NTAPI IoDisconnectInterrupt(PKINTERRUPT InterruptObject);

typedef struct _IO_INTERRUPT_MESSAGE_INFO_ENTRY {
    PHYSICAL_ADDRESS MessageAddress;
    KAFFINITY TargetProcessorSet;
    PKINTERRUPT InterruptObject;
    ULONG MessageData;
    ULONG Vector;
    KIRQL Irql;
    KINTERRUPT_MODE Mode;
    KINTERRUPT_POLARITY Polarity;
} IO_INTERRUPT_MESSAGE_INFO_ENTRY, *PIO_INTERRUPT_MESSAGE_INFO_ENTRY;
_Static_assert(sizeof(IO_INTERRUPT_MESSAGE_INFO_ENTRY) == 0x30, "driver ABI");

typedef struct _IO_INTERRUPT_MESSAGE_INFO {
    KIRQL UnifiedIrql; /* at which all of them run */
    ULONG MessageCount;
    IO_INTERRUPT_MESSAGE_INFO_ENTRY MessageInfo[1]; /* MessageCount of them */
} IO_INTERRUPT_MESSAGE_INFO, *PIO_INTERRUPT_MESSAGE_INFO;
_Static_assert(offsetof(IO_INTERRUPT_MESSAGE_INFO, MessageInfo) == 8, "driver ABI");

#define CONNECT_FULLY_SPECIFIED       0x1
#define CONNECT_LINE_BASED            0x2
#define CONNECT_MESSAGE_BASED         0x3
#define CONNECT_FULLY_SPECIFIED_GROUP 0x4
#define CONNECT_CURRENT_VERSION       0x4

/* A vector that the caller knows: the members mean what IoConnectInterrupt's parameters do. */
typedef struct _IO_CONNECT_INTERRUPT_FULLY_SPECIFIED_PARAMETERS {
    PDEVICE_OBJECT PhysicalDeviceObject;
    PKINTERRUPT *InterruptObject;
    PKSERVICE_ROUTINE ServiceRoutine;
    PVOID ServiceContext;
    PKSPIN_LOCK SpinLock;
    KIRQL SynchronizeIrql;
    BOOLEAN FloatingSave;
    BOOLEAN ShareVector;
    ULONG Vector;
    KIRQL Irql;
    KINTERRUPT_MODE InterruptMode;
    KAFFINITY ProcessorEnableMask;
    USHORT Group; /* with CONNECT_FULLY_SPECIFIED_GROUP */
} IO_CONNECT_INTERRUPT_FULLY_SPECIFIED_PARAMETERS,
    *PIO_CONNECT_INTERRUPT_FULLY_SPECIFIED_PARAMETERS;
_Static_assert(sizeof(IO_CONNECT_INTERRUPT_FULLY_SPECIFIED_PARAMETERS) == 0x48 &&
                   offsetof(IO_CONNECT_INTERRUPT_FULLY_SPECIFIED_PARAMETERS, Vector) == 0x2C &&
                   offsetof(IO_CONNECT_INTERRUPT_FULLY_SPECIFIED_PARAMETERS, ProcessorEnableMask) ==
                       0x38,
               "driver ABI");

/* The device's line. SynchronizeIrql counts if it is above the line's level. */
typedef struct _IO_CONNECT_INTERRUPT_LINE_BASED_PARAMETERS {
    PDEVICE_OBJECT PhysicalDeviceObject;
    PKINTERRUPT *InterruptObject;
    PKSERVICE_ROUTINE ServiceRoutine;
    PVOID ServiceContext;
    PKSPIN_LOCK SpinLock;
    KIRQL SynchronizeIrql;
    BOOLEAN FloatingSave;
} IO_CONNECT_INTERRUPT_LINE_BASED_PARAMETERS, *PIO_CONNECT_INTERRUPT_LINE_BASED_PARAMETERS;
_Static_assert(sizeof(IO_CONNECT_INTERRUPT_LINE_BASED_PARAMETERS) == 0x30, "driver ABI");

/*
 * The device's messages, all under one lock at one level; a device that has a line only gets
 * FallBackServiceRoutine connected.
 */
typedef struct _IO_CONNECT_INTERRUPT_MESSAGE_BASED_PARAMETERS {
    PDEVICE_OBJECT PhysicalDeviceObject;
    union {
        PVOID *Generic;
        PIO_INTERRUPT_MESSAGE_INFO *InterruptMessageTable;
        PKINTERRUPT *InterruptObject;
    } ConnectionContext;
    PKMESSAGE_SERVICE_ROUTINE MessageServiceRoutine;
    PVOID ServiceContext;
    PKSPIN_LOCK SpinLock;
    KIRQL SynchronizeIrql;
    BOOLEAN FloatingSave;
    PKSERVICE_ROUTINE FallBackServiceRoutine;
} IO_CONNECT_INTERRUPT_MESSAGE_BASED_PARAMETERS, *PIO_CONNECT_INTERRUPT_MESSAGE_BASED_PARAMETERS;
_Static_assert(sizeof(IO_CONNECT_INTERRUPT_MESSAGE_BASED_PARAMETERS) == 0x38, "driver ABI");

typedef struct _IO_CONNECT_INTERRUPT_PARAMETERS {
    ULONG Version; /* CONNECT_...: which member; on return, what was connected */
    union {
        IO_CONNECT_INTERRUPT_FULLY_SPECIFIED_PARAMETERS FullySpecified;
        IO_CONNECT_INTERRUPT_LINE_BASED_PARAMETERS LineBased;
        IO_CONNECT_INTERRUPT_MESSAGE_BASED_PARAMETERS MessageBased;
    };
} IO_CONNECT_INTERRUPT_PARAMETERS, *PIO_CONNECT_INTERRUPT_PARAMETERS;
_Static_assert(sizeof(IO_CONNECT_INTERRUPT_PARAMETERS) == 0x50, "driver ABI");

typedef struct _IO_DISCONNECT_INTERRUPT_PARAMETERS {
    ULONG Version; /* as IoConnectInterruptEx returned it */
    union {
        PVOID Generic;
        PKINTERRUPT InterruptObject;
        PIO_INTERRUPT_MESSAGE_INFO InterruptMessageTable;
    } ConnectionContext;
} IO_DISCONNECT_INTERRUPT_PARAMETERS, *PIO_DISCONNECT_INTERRUPT_PARAMETERS;
_Static_assert(sizeof(IO_DISCONNECT_INTERRUPT_PARAMETERS) == 0x10, "driver ABI");

/*
 * The same in one of four forms. PASSIVE_LEVEL. DDI wdm IoConnectInterruptEx, iointex
 * WdmlibIoConnectInterruptEx.
 *
 * STATUS_INVALID_PARAMETER_1: Version is none of the four. STATUS_INVALID_PARAMETER_10: no
 * processor that runs is in FullySpecified.ProcessorEnableMask. STATUS_INVALID_PARAMETER: no
 * device, no routine, no place for the result, a group that is not there, and as above.
 * STATUS_INVALID_DEVICE_REQUEST: CONNECT_LINE_BASED for a device that has several messages.
 * STATUS_NOT_FOUND: the device has no interrupts, or the vector is nobody's.
 */
NTSTATUS NTAPI IoConnectInterruptEx(PIO_CONNECT_INTERRUPT_PARAMETERS Parameters);

/* Ends what IoConnectInterruptEx began. PASSIVE_LEVEL. DDI wdm IoDisconnectInterruptEx. */
VOID NTAPI IoDisconnectInterruptEx(PIO_DISCONNECT_INTERRUPT_PARAMETERS Parameters);

/* ---- whether they are wanted ----------------------------------------------------------------- */

typedef struct _IO_REPORT_INTERRUPT_ACTIVE_STATE_PARAMETERS {
    ULONG Version; /* as IoConnectInterruptEx returned it */
    union {
        PVOID Generic;
        PKINTERRUPT InterruptObject;
        PIO_INTERRUPT_MESSAGE_INFO InterruptMessageTable;
    } ConnectionContext;
} IO_REPORT_INTERRUPT_ACTIVE_STATE_PARAMETERS, *PIO_REPORT_INTERRUPT_ACTIVE_STATE_PARAMETERS;
_Static_assert(sizeof(IO_REPORT_INTERRUPT_ACTIVE_STATE_PARAMETERS) == 0x10, "driver ABI");

/*
 * A service routine that is reported inactive stays connected but is not called; its line is masked
 * if no other routine there is active. One that runs meanwhile on another processor is not waited
 * for. They are active when they are connected. <= DISPATCH_LEVEL. DDI wdm IoReportInterruptActive,
 * IoReportInterruptInactive.
 */
VOID NTAPI IoReportInterruptActive(PIO_REPORT_INTERRUPT_ACTIVE_STATE_PARAMETERS Parameters);
VOID NTAPI IoReportInterruptInactive(PIO_REPORT_INTERRUPT_ACTIVE_STATE_PARAMETERS Parameters);

/* ---- shared data ----------------------------------------------------------------------------- */

/*
 * Runs the routine as the service routine would run: at SynchronizeIrql, under the interrupt's spin
 * lock. Returns what it returns. <= SynchronizeIrql. Checked mode: bug check 0xC8 (after << 16 |
 * before << 8 | 2, routine, context, 0) if it returns at another level. DDI wdm
 * KeSynchronizeExecution.
 */
BOOLEAN NTAPI KeSynchronizeExecution(PKINTERRUPT Interrupt,
                                     PKSYNCHRONIZE_ROUTINE SynchronizeRoutine,
                                     PVOID SynchronizeContext);

/*
 * Raises to SynchronizeIrql, takes the interrupt's spin lock and returns the level before, to be
 * passed to the release. <= SynchronizeIrql; the release at it. DDI wdm KeAcquireInterruptSpinLock,
 * KeReleaseInterruptSpinLock.
 */
KIRQL NTAPI KeAcquireInterruptSpinLock(PKINTERRUPT Interrupt);
VOID NTAPI KeReleaseInterruptSpinLock(PKINTERRUPT Interrupt, KIRQL OldIrql);
