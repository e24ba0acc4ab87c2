/*
 * interrupt.c - connecting drivers' service routines: the public forms, their checks, and memory
 * for the interrupt objects that kernel/ke/interrupt.c works with.
 *
 *   IOINT-1  Nothing of a connection stays when connecting fails, and *InterruptObject is as it
 *            was.
 */
#include "executive/io/io.h"
#include "kernel/rtl/section.h"

#define INTERRUPT_TAG 'tnIK'

NTSTATUS IopConnect(const KINTERRUPT *Template, PKINTERRUPT *Interrupt)
{
    PKINTERRUPT New = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(KINTERRUPT), INTERRUPT_TAG);
    if (New == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    *New = *Template;
    KiInitializeInterrupt(New);
    NTSTATUS Status = KiConnectInterrupt(New);
    if (NT_SUCCESS(Status)) {
        *Interrupt = New;
    } else {
        ExFreePoolWithTag(New, INTERRUPT_TAG);
    }
    return Status;
}

VOID NTAPI IoDisconnectInterrupt(PKINTERRUPT InterruptObject)
{
    KiRequireIrql(PASSIVE_LEVEL);
    KiDisconnectInterrupt(InterruptObject);
    ExFreePoolWithTag(InterruptObject, INTERRUPT_TAG);
}
EXPORT(IoDisconnectInterrupt);

/* What both forms with a vector have in common; NoProcessor is what they say without one. */
static NTSTATUS IopConnectVector(const IO_CONNECT_INTERRUPT_FULLY_SPECIFIED_PARAMETERS *Wanted,
                                 NTSTATUS NoProcessor)
{
    KAFFINITY Affinity = Wanted->ProcessorEnableMask & KeQueryActiveProcessors();
    if (Wanted->InterruptObject == NULL || Wanted->ServiceRoutine == NULL ||
        Wanted->SynchronizeIrql < Wanted->Irql || Wanted->SynchronizeIrql > HIGH_LEVEL) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Affinity == 0) {
        return NoProcessor;
    }
    if (KiFindChain(Wanted->Vector) == NULL) {
        return STATUS_NOT_FOUND;
    }
    if (Wanted->Irql != Wanted->Vector >> 4) {
        return STATUS_INVALID_PARAMETER;
    }
    KINTERRUPT Template = {
        .ServiceRoutine = Wanted->ServiceRoutine,
        .ServiceContext = Wanted->ServiceContext,
        .ActualLock = Wanted->SpinLock,
        .Affinity = Affinity,
        .Mode = Wanted->InterruptMode,
        .Vector = (UCHAR)Wanted->Vector,
        .SynchronizeIrql = Wanted->SynchronizeIrql,
        .ShareVector = Wanted->ShareVector,
    };
    return IopConnect(&Template, Wanted->InterruptObject);
}

NTSTATUS NTAPI IoConnectInterrupt(PKINTERRUPT *InterruptObject, PKSERVICE_ROUTINE ServiceRoutine,
                                  PVOID ServiceContext, PKSPIN_LOCK SpinLock, ULONG Vector,
                                  KIRQL Irql, KIRQL SynchronizeIrql, KINTERRUPT_MODE InterruptMode,
                                  BOOLEAN ShareVector, KAFFINITY ProcessorEnableMask,
                                  BOOLEAN FloatingSave)
{
    IO_CONNECT_INTERRUPT_FULLY_SPECIFIED_PARAMETERS Wanted = {
        .InterruptObject = InterruptObject,
        .ServiceRoutine = ServiceRoutine,
        .ServiceContext = ServiceContext,
        .SpinLock = SpinLock,
        .SynchronizeIrql = SynchronizeIrql,
        .FloatingSave = FloatingSave,
        .ShareVector = ShareVector,
        .Vector = Vector,
        .Irql = Irql,
        .InterruptMode = InterruptMode,
        .ProcessorEnableMask = ProcessorEnableMask,
    };
    KiRequireIrql(PASSIVE_LEVEL);
    return IopConnectVector(&Wanted, STATUS_INVALID_PARAMETER);
}
EXPORT(IoConnectInterrupt);

NTSTATUS NTAPI IoConnectInterruptEx(PIO_CONNECT_INTERRUPT_PARAMETERS Parameters)
{
    const IO_CONNECT_INTERRUPT_FULLY_SPECIFIED_PARAMETERS *Full = &Parameters->FullySpecified;
    KiRequireIrql(PASSIVE_LEVEL);
    switch (Parameters->Version) {
    case CONNECT_FULLY_SPECIFIED_GROUP:
        if (Full->Group != 0) {
            return STATUS_INVALID_PARAMETER;
        }
        /* fall through */
    case CONNECT_FULLY_SPECIFIED:
        if (Full->PhysicalDeviceObject == NULL) {
            return STATUS_INVALID_PARAMETER;
        }
        return IopConnectVector(Full, STATUS_INVALID_PARAMETER_10);
    default: return STATUS_INVALID_PARAMETER_1;
    }
}
EXPORT(IoConnectInterruptEx);

VOID NTAPI IoDisconnectInterruptEx(PIO_DISCONNECT_INTERRUPT_PARAMETERS Parameters)
{
    IoDisconnectInterrupt(Parameters->ConnectionContext.InterruptObject);
}
EXPORT(IoDisconnectInterruptEx);
