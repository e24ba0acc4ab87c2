/*
 * interrupt.c - connecting drivers' service routines: the public forms, their checks, and memory
 * for the interrupt objects that kernel/ke/interrupt.c works with.
 *
 *   IOINT-1  Nothing of a connection stays when connecting fails, and the caller's places are as
 *            they were.
 *   IOINT-2  A device sends messages only while an interrupt object is connected to their vector:
 *            it is connected before the device may, and taken out after it may not.
 *   IOINT-3  Connecting and disconnecting are serialised by IopMutex; it guards Enabled and Target
 *            of each function.
 */
#include "executive/io/io.h"
#include "kernel/rtl/section.h"

#define INTERRUPT_TAG 'tnIK'

static FAST_MUTEX IopMutex;

/* Behind a table of messages there is nothing of it that a driver knows; in front of it is this. */
typedef struct _IOP_MESSAGES {
    KSPIN_LOCK SpinLock; /* of all, unless the driver has one */
    IO_INTERRUPT_MESSAGE_INFO Info;
} IOP_MESSAGES, *PIOP_MESSAGES;

INIT VOID IopInitialize(VOID)
{
    ExInitializeFastMutex(&IopMutex);
    IopFindFunctions();
}

/* ---- one object ------------------------------------------------------------------------------ */

/* Nobody else is connected to the vector. The mutex is held. */
static BOOLEAN IopIsAlone(PKINTERRUPT Interrupt)
{
    return KiFindChain(Interrupt->Vector)->First == Interrupt && Interrupt->Next == NULL;
}

/* The mutex is held. */
static NTSTATUS IopConnectObject(PKINTERRUPT Interrupt)
{
    PIOP_FUNCTION Function = Interrupt->Device;
    if (Function != NULL && Function->Kind == IopMsi && Function->Enabled != 0) {
        Interrupt->Affinity &= 1ULL << Function->Target;
    }
    NTSTATUS Status = KiConnectInterrupt(Interrupt);
    if (NT_SUCCESS(Status) && Function != NULL) {
        ULONG Target = KiFindChain(Interrupt->Vector)->Target;
        if (IopIsAlone(Interrupt)) {
            IopEnableMessage(Function, Interrupt->MessageId, Target);
        } else {
            IopMoveMessage(Function, Interrupt->MessageId, Target);
        }
    }
    return Status;
}

/* Makes an interrupt object of what *Template says and connects it. */
static NTSTATUS IopConnect(const KINTERRUPT *Template, PKINTERRUPT *Interrupt)
{
    PKINTERRUPT New = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(KINTERRUPT), INTERRUPT_TAG);
    if (New == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    *New = *Template;
    KiInitializeInterrupt(New);
    ExAcquireFastMutex(&IopMutex);
    NTSTATUS Status = IopConnectObject(New);
    ExReleaseFastMutex(&IopMutex);
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
    ExAcquireFastMutex(&IopMutex);
    if (InterruptObject->Device != NULL && IopIsAlone(InterruptObject)) {
        IopDisableMessage(InterruptObject->Device, InterruptObject->MessageId);
    }
    KiDisconnectInterrupt(InterruptObject);
    ExReleaseFastMutex(&IopMutex);
    ExFreePoolWithTag(InterruptObject, INTERRUPT_TAG);
}
EXPORT(IoDisconnectInterrupt);

/* ---- a vector that the caller knows ---------------------------------------------------------- */

/* If the vector is that of a message of the device, the object is to be the message's. */
static VOID IopNameMessage(PIOP_FUNCTION Function, PKINTERRUPT Template)
{
    if (Function == NULL || Function->Kind == IopLine) {
        return;
    }
    for (ULONG i = 0; i < Function->Count; i++) {
        if (Function->Vectors[i] == Template->Vector) {
            Template->Device = Function;
            Template->MessageId = i;
        }
    }
}

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
    IopNameMessage(IopFunctionOf(Wanted->PhysicalDeviceObject), &Template);
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

static NTSTATUS IopConnectFully(const IO_CONNECT_INTERRUPT_FULLY_SPECIFIED_PARAMETERS *Wanted,
                                USHORT Group)
{
    if (Wanted->PhysicalDeviceObject == NULL || Group != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    return IopConnectVector(Wanted, STATUS_INVALID_PARAMETER_10);
}

/* ---- a device's own -------------------------------------------------------------------------- */

/* What a device has; *Function is not NULL when it has something. */
static NTSTATUS IopFindInterrupts(PDEVICE_OBJECT DeviceObject, PIOP_FUNCTION *Function)
{
    *Function = NULL;
    if (DeviceObject == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    *Function = IopFunctionOf(DeviceObject);
    return *Function != NULL && (*Function)->Kind != IopNoInterrupt ? STATUS_SUCCESS
                                                                    : STATUS_NOT_FOUND;
}

/* The level at which all of them can be held back. */
static KIRQL IopHighestLevel(PIOP_FUNCTION Function, KIRQL Least)
{
    for (ULONG i = 0; i < Function->Count; i++) {
        KIRQL Level = Function->Vectors[i] >> 4;
        Least = Least < Level ? Level : Least;
    }
    return Least;
}

/* A line, or a message that is the only one: a plain service routine serves either. */
static NTSTATUS IopConnectLine(const IO_CONNECT_INTERRUPT_LINE_BASED_PARAMETERS *Wanted)
{
    PIOP_FUNCTION Function;
    NTSTATUS Status = IopFindInterrupts(Wanted->PhysicalDeviceObject, &Function);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (Wanted->InterruptObject == NULL || Wanted->ServiceRoutine == NULL ||
        Wanted->SynchronizeIrql > HIGH_LEVEL) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Function->Count > 1) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    KINTERRUPT Template = {
        .ServiceRoutine = Wanted->ServiceRoutine,
        .ServiceContext = Wanted->ServiceContext,
        .ActualLock = Wanted->SpinLock,
        .Device = Function->Kind == IopLine ? NULL : Function,
        .Affinity = KeQueryActiveProcessors(),
        .Mode = Function->Kind == IopLine ? LevelSensitive : Latched,
        .Vector = Function->Vectors[0],
        .SynchronizeIrql = IopHighestLevel(Function, Wanted->SynchronizeIrql),
        .ShareVector = TRUE,
    };
    return IopConnect(&Template, Wanted->InterruptObject);
}

static VOID IopDisconnectMessages(PIO_INTERRUPT_MESSAGE_INFO Info)
{
    for (ULONG i = 0; i < Info->MessageCount; i++) {
        IoDisconnectInterrupt(Info->MessageInfo[i].InterruptObject);
    }
    ExFreePoolWithTag(CONTAINING_RECORD(Info, IOP_MESSAGES, Info), INTERRUPT_TAG);
}

static VOID IopDescribeMessage(PKINTERRUPT Interrupt, PIO_INTERRUPT_MESSAGE_INFO_ENTRY Entry)
{
    ULONG Target = KiFindChain(Interrupt->Vector)->Target;
    IOP_MESSAGE Message = IopMessageTo(Interrupt->Vector, Target);
    *Entry = (IO_INTERRUPT_MESSAGE_INFO_ENTRY){
        .MessageAddress.QuadPart = (LONGLONG)Message.Address,
        .TargetProcessorSet = 1ULL << Target,
        .InterruptObject = Interrupt,
        .MessageData = Message.Data,
        .Vector = Interrupt->Vector,
        .Irql = Interrupt->Vector >> 4,
        .Mode = Latched,
        .Polarity = InterruptActiveHigh,
    };
}

/* Connects messages one by one; those that are connected are in the table. */
static NTSTATUS IopFillTable(const IO_CONNECT_INTERRUPT_MESSAGE_BASED_PARAMETERS *Wanted,
                             PIOP_FUNCTION Function, PIOP_MESSAGES Messages)
{
    NTSTATUS Status = STATUS_SUCCESS;
    KINTERRUPT Template = {
        .MessageRoutine = Wanted->MessageServiceRoutine,
        .ServiceContext = Wanted->ServiceContext,
        .ActualLock = Wanted->SpinLock != NULL ? Wanted->SpinLock : &Messages->SpinLock,
        .Device = Function,
        .Affinity = KeQueryActiveProcessors(),
        .Mode = Latched,
        .SynchronizeIrql = Messages->Info.UnifiedIrql,
        .ShareVector = TRUE,
    };
    for (ULONG i = 0; i < Function->Count && NT_SUCCESS(Status); i++) {
        PKINTERRUPT Interrupt;
        Template.MessageId = i;
        Template.Vector = Function->Vectors[i];
        Status = IopConnect(&Template, &Interrupt);
        if (NT_SUCCESS(Status)) {
            IopDescribeMessage(Interrupt, &Messages->Info.MessageInfo[i]);
            Messages->Info.MessageCount++;
        }
    }
    return Status;
}

static NTSTATUS IopConnectMessages(const IO_CONNECT_INTERRUPT_MESSAGE_BASED_PARAMETERS *Wanted,
                                   PIOP_FUNCTION Function)
{
    SIZE_T Size = sizeof(IOP_MESSAGES) + Function->Count * sizeof(IO_INTERRUPT_MESSAGE_INFO_ENTRY);
    PIOP_MESSAGES Messages = ExAllocatePoolWithTag(NonPagedPoolNx, Size, INTERRUPT_TAG);
    if (Messages == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlZeroMemory(Messages, Size);
    Messages->Info.UnifiedIrql = IopHighestLevel(Function, Wanted->SynchronizeIrql);
    NTSTATUS Status = IopFillTable(Wanted, Function, Messages);
    if (NT_SUCCESS(Status)) {
        *Wanted->ConnectionContext.InterruptMessageTable = &Messages->Info;
    } else {
        IopDisconnectMessages(&Messages->Info);
    }
    return Status;
}

static NTSTATUS IopConnectMessageBased(PIO_CONNECT_INTERRUPT_PARAMETERS Parameters)
{
    const IO_CONNECT_INTERRUPT_MESSAGE_BASED_PARAMETERS *Wanted = &Parameters->MessageBased;
    PIOP_FUNCTION Function;
    NTSTATUS Status = IopFindInterrupts(Wanted->PhysicalDeviceObject, &Function);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (Wanted->ConnectionContext.Generic == NULL || Wanted->MessageServiceRoutine == NULL ||
        Wanted->SynchronizeIrql > HIGH_LEVEL) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Function->Kind != IopLine) {
        return IopConnectMessages(Wanted, Function);
    }
    if (Wanted->FallBackServiceRoutine == NULL) {
        return STATUS_NOT_FOUND;
    }
    IO_CONNECT_INTERRUPT_LINE_BASED_PARAMETERS Line = {
        .PhysicalDeviceObject = Wanted->PhysicalDeviceObject,
        .InterruptObject = Wanted->ConnectionContext.InterruptObject,
        .ServiceRoutine = Wanted->FallBackServiceRoutine,
        .ServiceContext = Wanted->ServiceContext,
        .SpinLock = Wanted->SpinLock,
        .SynchronizeIrql = Wanted->SynchronizeIrql,
    };
    Status = IopConnectLine(&Line);
    if (NT_SUCCESS(Status)) {
        Parameters->Version = CONNECT_LINE_BASED;
    }
    return Status;
}

NTSTATUS NTAPI IoConnectInterruptEx(PIO_CONNECT_INTERRUPT_PARAMETERS Parameters)
{
    KiRequireIrql(PASSIVE_LEVEL);
    switch (Parameters->Version) {
    case CONNECT_FULLY_SPECIFIED: return IopConnectFully(&Parameters->FullySpecified, 0);
    case CONNECT_FULLY_SPECIFIED_GROUP:
        return IopConnectFully(&Parameters->FullySpecified, Parameters->FullySpecified.Group);
    case CONNECT_LINE_BASED: return IopConnectLine(&Parameters->LineBased);
    case CONNECT_MESSAGE_BASED: return IopConnectMessageBased(Parameters);
    default: return STATUS_INVALID_PARAMETER_1;
    }
}
EXPORT(IoConnectInterruptEx);

VOID NTAPI IoDisconnectInterruptEx(PIO_DISCONNECT_INTERRUPT_PARAMETERS Parameters)
{
    KiRequireIrql(PASSIVE_LEVEL);
    if (Parameters->Version == CONNECT_MESSAGE_BASED) {
        IopDisconnectMessages(Parameters->ConnectionContext.InterruptMessageTable);
    } else {
        IoDisconnectInterrupt(Parameters->ConnectionContext.InterruptObject);
    }
}
EXPORT(IoDisconnectInterruptEx);

/* ---- whether they are wanted ----------------------------------------------------------------- */

static VOID IopReportActive(PIO_REPORT_INTERRUPT_ACTIVE_STATE_PARAMETERS Parameters, BOOLEAN Active)
{
    KiRequireIrql(DISPATCH_LEVEL);
    if (Parameters->Version != CONNECT_MESSAGE_BASED) {
        KiSetInterruptActive(Parameters->ConnectionContext.InterruptObject, Active);
        return;
    }
    PIO_INTERRUPT_MESSAGE_INFO Info = Parameters->ConnectionContext.InterruptMessageTable;
    for (ULONG i = 0; i < Info->MessageCount; i++) {
        KiSetInterruptActive(Info->MessageInfo[i].InterruptObject, Active);
    }
}

VOID NTAPI IoReportInterruptActive(PIO_REPORT_INTERRUPT_ACTIVE_STATE_PARAMETERS Parameters)
{
    IopReportActive(Parameters, TRUE);
}
EXPORT(IoReportInterruptActive);

VOID NTAPI IoReportInterruptInactive(PIO_REPORT_INTERRUPT_ACTIVE_STATE_PARAMETERS Parameters)
{
    IopReportActive(Parameters, FALSE);
}
EXPORT(IoReportInterruptInactive);
