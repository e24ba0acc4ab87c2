/*
 * device.c - tests of lines and messages with real devices of QEMU's: edu (PCI 1234:11e8, QEMU's
 * docs/specs/edu) interrupts when register 0x60 is written and stops when 0x64 is. Machines
 * without the device skip: `--device edu` gives it.
 */
#include "executive/io/pci.h"
#include "tests/io/interrupts.h"

#define EDU_VENDOR      0x1234
#define EDU_DEVICE      0x11E8
#define EDU_SIZE        0x1000 /* of 1 MB: all that is used */
#define EDU_ID          (0x00 / 4)
#define EDU_STATUS      (0x24 / 4)
#define EDU_RAISE       (0x60 / 4)
#define EDU_ACKNOWLEDGE (0x64 / 4)

#define BURST 3000

#define NEED_DEVICE(Device)                                                                        \
    if ((Device) == NULL) {                                                                        \
        SKIP("this machine lacks the device");                                                     \
    }

/* An edu with its registers. */
typedef struct _EDU {
    PDEVICE_OBJECT Object;
    volatile ULONG *Registers;
    volatile ULONG Calls, Claims, Early; /* Early: calls that claim but do not acknowledge */
    KIRQL Irql;
    ULONG Message, Processor;
    PKINTERRUPT Interrupt;
} EDU, *PEDU;

static volatile ULONG *MapRegisters(PDEVICE_OBJECT Object, SIZE_T Size)
{
    PIOP_FUNCTION Function = IopFunctionOf(Object);
    PHYSICAL_ADDRESS Address = {.QuadPart = (LONGLONG)IopBaseAddress(Function, 0)};
    IopSetCommand(Function, PCI_COMMAND_MEMORY, TRUE);
    return MmMapIoSpace(Address, Size, MmNonCached);
}

static BOOLEAN OpenEdu(PEDU Edu, ULONG Index, ULONG Messages)
{
    RtlZeroMemory(Edu, sizeof(*Edu));
    Edu->Object = IopFindDevice(EDU_VENDOR, EDU_DEVICE, Index);
    Edu->Registers = MapRegisters(Edu->Object, EDU_SIZE);
    Edu->Registers[EDU_ACKNOWLEDGE] = Edu->Registers[EDU_STATUS];
    return CHECK_EQ(Edu->Registers[EDU_ID] & 0xFF, 0xED) &&
           CHECK_STATUS(IopAssignInterrupts(Edu->Object, Messages), STATUS_SUCCESS);
}

static VOID CloseEdu(PEDU Edu)
{
    IopReleaseInterrupts(Edu->Object);
    MmUnmapIoSpace((PVOID)Edu->Registers, EDU_SIZE);
}

static BOOLEAN NTAPI EduService(PKINTERRUPT Interrupt, PVOID ServiceContext)
{
    PEDU Edu = ServiceContext;
    ULONG Status = Edu->Registers[EDU_STATUS];
    Edu->Irql = KeGetCurrentIrql();
    Edu->Processor = KeGetCurrentProcessorNumber();
    Edu->Interrupt = Interrupt;
    if (Status != 0 && Edu->Early > 0) {
        Edu->Early--;
    } else if (Status != 0) {
        Edu->Registers[EDU_ACKNOWLEDGE] = Status;
    }
    Edu->Claims += Status != 0;
    __atomic_store_n(&Edu->Calls, Edu->Calls + 1, __ATOMIC_RELEASE);
    return Status != 0;
}

static BOOLEAN NTAPI EduMessage(PKINTERRUPT Interrupt, PVOID ServiceContext, ULONG MessageID)
{
    ((PEDU)ServiceContext)->Message = MessageID;
    return EduService(Interrupt, ServiceContext);
}

static IO_CONNECT_INTERRUPT_PARAMETERS EduLine(PEDU Edu, PKINTERRUPT *Interrupt)
{
    return (IO_CONNECT_INTERRUPT_PARAMETERS){.Version = CONNECT_LINE_BASED,
                                             .LineBased = {.PhysicalDeviceObject = Edu->Object,
                                                           .InterruptObject = Interrupt,
                                                           .ServiceRoutine = EduService,
                                                           .ServiceContext = Edu}};
}

static IO_CONNECT_INTERRUPT_PARAMETERS EduMessages(PEDU Edu, PVOID *Result)
{
    return (IO_CONNECT_INTERRUPT_PARAMETERS){
        .Version = CONNECT_MESSAGE_BASED,
        .MessageBased = {.PhysicalDeviceObject = Edu->Object,
                         .ConnectionContext.Generic = Result,
                         .MessageServiceRoutine = EduMessage,
                         .ServiceContext = Edu,
                         .FallBackServiceRoutine = EduService}};
}

static VOID Disconnect(ULONG Version, PVOID Context)
{
    IO_DISCONNECT_INTERRUPT_PARAMETERS End = {Version, {Context}};
    IoDisconnectInterruptEx(&End);
}

/* ---- finding --------------------------------------------------------------------------------- */

TEST(PciFound, "io/device/the-bridge-of-every-pc-is-found", "PCI 3.0, section 6.1")
{
    PDEVICE_OBJECT Bridge = IopFindDevice(0x8086, 0x29C0, 0); /* the q35's host bridge */
    REQUIRE(Bridge != NULL);
    CHECK_EQ(IopFunctionOf(Bridge)->Address, HAL_PCI_FUNCTION(0, 0, 0));
    CHECK_EQ(IopFindDevice(0x8086, 0x29C0, 1), NULL);
    CHECK_EQ(IopFunctionOf((PDEVICE_OBJECT)&Bridge), NULL);
    CHECK_STATUS(IopAssignInterrupts(Bridge, 1), STATUS_NOT_FOUND);
}

TEST(PciCapabilities, "io/device/capabilities-are-found", "PCI 3.0, sections 6.7 and 6.8")
{
    PDEVICE_OBJECT Edu = IopFindDevice(EDU_VENDOR, EDU_DEVICE, 0);
    NEED_DEVICE(Edu);
    CHECK_NE(IopFunctionOf(Edu)->Msi, 0);
    CHECK_EQ(IopFunctionOf(Edu)->Msix, 0);
}

TEST(DeviceRefusals, "io/device/each-refusal-has-its-status",
     "iointex WdmlibIoConnectInterruptEx: return values")
{
    EDU Edu = {.Object = NULL};
    PVOID Result = NULL;
    IO_CONNECT_INTERRUPT_PARAMETERS Line = EduLine(&Edu, (PKINTERRUPT *)&Result);
    IO_CONNECT_INTERRUPT_PARAMETERS Message = EduMessages(&Edu, &Result);
    CHECK_STATUS(IoConnectInterruptEx(&Line), STATUS_INVALID_PARAMETER);
    CHECK_STATUS(IoConnectInterruptEx(&Message), STATUS_INVALID_PARAMETER);
    Line.LineBased.PhysicalDeviceObject = (PDEVICE_OBJECT)&Edu;
    CHECK_STATUS(IoConnectInterruptEx(&Line), STATUS_NOT_FOUND);
    Message.MessageBased.PhysicalDeviceObject = IopFindDevice(0x8086, 0x29C0, 0);
    CHECK_STATUS(IoConnectInterruptEx(&Message), STATUS_NOT_FOUND);
    NEED_DEVICE(IopFindDevice(EDU_VENDOR, EDU_DEVICE, 0));
    REQUIRE(OpenEdu(&Edu, 0, 0));
    Line = EduLine(&Edu, NULL);
    CHECK_STATUS(IoConnectInterruptEx(&Line), STATUS_INVALID_PARAMETER);
    Line = EduLine(&Edu, (PKINTERRUPT *)&Result);
    Line.LineBased.ServiceRoutine = NULL;
    CHECK_STATUS(IoConnectInterruptEx(&Line), STATUS_INVALID_PARAMETER);
    Message = EduMessages(&Edu, NULL);
    CHECK_STATUS(IoConnectInterruptEx(&Message), STATUS_INVALID_PARAMETER);
    Message = EduMessages(&Edu, &Result);
    Message.MessageBased.FallBackServiceRoutine = NULL;
    CHECK_STATUS(IoConnectInterruptEx(&Message), STATUS_NOT_FOUND);
    Message = EduMessages(&Edu, &Result);
    Message.MessageBased.MessageServiceRoutine = NULL;
    CHECK_STATUS(IoConnectInterruptEx(&Message), STATUS_INVALID_PARAMETER);
    CHECK_EQ(Result, NULL);
    CloseEdu(&Edu);
}

/* ---- lines ----------------------------------------------------------------------------------- */

TEST(DeviceLine, "io/device/a-line-interrupts-until-it-is-acknowledged",
     "DDI wdm IoConnectInterruptEx: CONNECT_LINE_BASED; TRAP-3")
{
    EDU Edu;
    PKINTERRUPT Interrupt;
    NEED_DEVICE(IopFindDevice(EDU_VENDOR, EDU_DEVICE, 0));
    REQUIRE(OpenEdu(&Edu, 0, 0));
    IO_CONNECT_INTERRUPT_PARAMETERS Wanted = EduLine(&Edu, &Interrupt);
    REQUIRE_EQ(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
    CHECK_EQ(Wanted.Version, CONNECT_LINE_BASED);
    Edu.Early = 2;
    Edu.Registers[EDU_RAISE] = 5;
    TestSpinUntil(&Edu.Calls, 3);
    CHECK_EQ(Edu.Registers[EDU_STATUS], 0);
    CHECK_EQ(Edu.Claims, 3);
    CHECK_EQ(Edu.Irql, Interrupt->Vector >> 4);
    CHECK_EQ(Edu.Interrupt, Interrupt);
    CHECK_EQ(KiFindChain(Interrupt->Vector)->Count, 3);
    CHECK_EQ(KiFindChain(Interrupt->Vector)->Mode, LevelSensitive);
    Disconnect(Wanted.Version, Interrupt);
    CloseEdu(&Edu);
}

TEST(DeviceBurst, "io/device/long-bursts-are-no-storm", "INTR-6")
{
    EDU Edu;
    PKINTERRUPT Interrupt;
    NEED_DEVICE(IopFindDevice(EDU_VENDOR, EDU_DEVICE, 0));
    REQUIRE(OpenEdu(&Edu, 0, 0));
    IO_CONNECT_INTERRUPT_PARAMETERS Wanted = EduLine(&Edu, &Interrupt);
    REQUIRE_EQ(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
    for (ULONG i = 1; i <= 2; i++) { /* together more than a storm's 5,000 */
        Edu.Early = BURST - 1;
        Edu.Registers[EDU_RAISE] = 1;
        TestSpinUntil(&Edu.Calls, i * BURST);
    }
    CHECK_EQ(Edu.Registers[EDU_STATUS], 0);
    Disconnect(Wanted.Version, Interrupt);
    CHECK_EQ(KiFindChain(IopFunctionOf(Edu.Object)->Vectors[0])->Storm, 0);
    CloseEdu(&Edu);
}

TEST(DeviceLineMasked, "io/device/a-line-that-was-raised-before-is-served-when-connected",
     "iointex WdmlibIoConnectInterruptEx: the line may already be asserted; VECT-2")
{
    EDU Edu;
    PKINTERRUPT Interrupt;
    NEED_DEVICE(IopFindDevice(EDU_VENDOR, EDU_DEVICE, 0));
    REQUIRE(OpenEdu(&Edu, 0, 0));
    ULONG64 Unexpected = KiUnexpectedInterrupts;
    IO_CONNECT_INTERRUPT_PARAMETERS Wanted = EduLine(&Edu, &Interrupt);
    for (ULONG i = 1; i <= 3; i++) {
        Edu.Registers[EDU_RAISE] = 1; /* nobody is connected */
        CHECK_EQ(Edu.Registers[EDU_STATUS], 1);
        CHECK_EQ(Edu.Calls, i - 1);
        REQUIRE_EQ(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
        TestSpinUntil(&Edu.Calls, i);
        Disconnect(CONNECT_LINE_BASED, Interrupt);
    }
    CHECK_EQ(KiUnexpectedInterrupts, Unexpected);
    CloseEdu(&Edu);
}

TEST(DeviceLineIrql, "io/device/synchronize-irql-raises-a-lines-level",
     "DDI wdm IO_CONNECT_INTERRUPT_PARAMETERS: LineBased.SynchronizeIrql, SpinLock")
{
    EDU Edu;
    PKINTERRUPT Interrupt;
    KSPIN_LOCK Lock;
    NEED_DEVICE(IopFindDevice(EDU_VENDOR, EDU_DEVICE, 0));
    REQUIRE(OpenEdu(&Edu, 0, 0));
    KeInitializeSpinLock(&Lock);
    IO_CONNECT_INTERRUPT_PARAMETERS Wanted = EduLine(&Edu, &Interrupt);
    Wanted.LineBased.SynchronizeIrql = 12;
    Wanted.LineBased.SpinLock = &Lock;
    REQUIRE_EQ(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
    CHECK_EQ(Interrupt->ActualLock, &Lock);
    Edu.Registers[EDU_RAISE] = 1;
    TestSpinUntil(&Edu.Calls, 1);
    CHECK_EQ(Edu.Irql, 12);
    Disconnect(Wanted.Version, Interrupt);
    CloseEdu(&Edu);
}

/* Both hold the line down at once: whichever is first in the chain, each gets its turn. */
TEST(DeviceSharedLine, "io/device/two-devices-share-a-line", "INTR theory, INTR-5")
{
    EDU Edus[2];
    PKINTERRUPT Interrupts[2];
    NEED_DEVICE(IopFindDevice(EDU_VENDOR, EDU_DEVICE, 1));
    REQUIRE(OpenEdu(&Edus[0], 0, 0) && OpenEdu(&Edus[1], 1, 0));
    for (ULONG i = 0; i < 2; i++) {
        IO_CONNECT_INTERRUPT_PARAMETERS Wanted = EduLine(&Edus[i], &Interrupts[i]);
        REQUIRE_EQ(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
    }
    BOOLEAN Shared = Interrupts[0]->Vector == Interrupts[1]->Vector;
    for (ULONG i = 1; i <= 20; i++) {
        KIRQL Old;
        KeRaiseIrql(SYNCH_LEVEL, &Old);
        Edus[0].Registers[EDU_RAISE] = 1;
        Edus[1].Registers[EDU_RAISE] = 1;
        KeLowerIrql(Old);
        TestSpinUntil(&Edus[0].Claims, i);
        TestSpinUntil(&Edus[1].Claims, i);
    }
    for (ULONG i = 0; i < 2; i++) {
        Disconnect(CONNECT_LINE_BASED, Interrupts[i]);
        CloseEdu(&Edus[i]);
    }
    if (!Shared) {
        SKIP("the board gave them lines of their own");
    }
}

TEST(DeviceFallBack, "io/device/without-messages-the-fall-back-is-connected",
     "DDI wdm IO_CONNECT_INTERRUPT_PARAMETERS: FallBackServiceRoutine, Version")
{
    EDU Edu;
    PVOID Result;
    NEED_DEVICE(IopFindDevice(EDU_VENDOR, EDU_DEVICE, 0));
    REQUIRE(OpenEdu(&Edu, 0, 0));
    IO_CONNECT_INTERRUPT_PARAMETERS Wanted = EduMessages(&Edu, &Result);
    REQUIRE_EQ(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
    CHECK_EQ(Wanted.Version, CONNECT_LINE_BASED);
    Edu.Message = 77;
    Edu.Registers[EDU_RAISE] = 1;
    TestSpinUntil(&Edu.Calls, 1);
    CHECK_EQ(Edu.Message, 77); /* it was no message */
    CHECK_EQ(Edu.Interrupt, Result);
    Disconnect(Wanted.Version, Result);
    CloseEdu(&Edu);
}

/* ---- MSI ------------------------------------------------------------------------------------- */

TEST(DeviceMessage, "io/device/a-message-interrupts-once",
     "DDI wdm IoConnectInterruptEx: CONNECT_MESSAGE_BASED, IO_INTERRUPT_MESSAGE_INFO")
{
    EDU Edu;
    PIO_INTERRUPT_MESSAGE_INFO Info;
    NEED_DEVICE(IopFindDevice(EDU_VENDOR, EDU_DEVICE, 0));
    REQUIRE(OpenEdu(&Edu, 0, 8));
    IO_CONNECT_INTERRUPT_PARAMETERS Wanted = EduMessages(&Edu, (PVOID *)&Info);
    REQUIRE_EQ(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
    CHECK_EQ(Wanted.Version, CONNECT_MESSAGE_BASED);
    CHECK_EQ(Info->MessageCount, 1);
    PIO_INTERRUPT_MESSAGE_INFO_ENTRY Entry = &Info->MessageInfo[0];
    CHECK_EQ(Entry->Irql, Entry->Vector >> 4);
    CHECK_EQ(Info->UnifiedIrql, Entry->Irql);
    CHECK_EQ(Entry->Mode, Latched);
    CHECK_EQ(Entry->MessageData, Entry->Vector);
    Edu.Message = 77;
    Edu.Early = 5; /* nobody acknowledges, nothing is repeated */
    Edu.Registers[EDU_RAISE] = 1;
    TestSpinUntil(&Edu.Calls, 1);
    CHECK_EQ(Edu.Message, 0);
    CHECK_EQ(Edu.Irql, Entry->Irql);
    CHECK_EQ(Edu.Interrupt, Entry->InterruptObject);
    CHECK_EQ(1ULL << Edu.Processor, Entry->TargetProcessorSet);
    Edu.Registers[EDU_RAISE] = 2;
    TestSpinUntil(&Edu.Calls, 2);
    CHECK_EQ(Edu.Calls, 2);
    PKI_CHAIN Chain = KiFindChain(Entry->Vector);
    Disconnect(Wanted.Version, Info);
    Edu.Registers[EDU_RAISE] = 4; /* neither a message nor the line */
    CHECK_EQ(Edu.Registers[EDU_STATUS], 7);
    CHECK_EQ(Chain->Count, 2);
    CHECK_EQ(Edu.Calls, 2);
    CloseEdu(&Edu);
}

TEST(DeviceMessageLine, "io/device/one-message-serves-as-a-line",
     "iointex WdmlibIoConnectInterruptEx: CONNECT_LINE_BASED with multiple messages is refused")
{
    EDU Edu;
    PKINTERRUPT Interrupt;
    NEED_DEVICE(IopFindDevice(EDU_VENDOR, EDU_DEVICE, 0));
    REQUIRE(OpenEdu(&Edu, 0, 1));
    IO_CONNECT_INTERRUPT_PARAMETERS Wanted = EduLine(&Edu, &Interrupt);
    REQUIRE_EQ(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
    CHECK_EQ(Wanted.Version, CONNECT_LINE_BASED);
    for (ULONG i = 1; i <= 10; i++) {
        Edu.Registers[EDU_RAISE] = 1;
        TestSpinUntil(&Edu.Calls, i);
    }
    CHECK_EQ(KiFindChain(Interrupt->Vector)->Line, KI_NO_LINE);
    Disconnect(Wanted.Version, Interrupt);
    CloseEdu(&Edu);
}

TEST(DeviceMessageAffinity, "io/device/a-message-goes-to-the-processor-of-the-mask",
     "DDI wdm IO_CONNECT_INTERRUPT_PARAMETERS: ProcessorEnableMask")
{
    EDU Edu;
    PKINTERRUPT Interrupt;
    NEED_DEVICE(IopFindDevice(EDU_VENDOR, EDU_DEVICE, 0));
    REQUIRE(OpenEdu(&Edu, 0, 1));
    UCHAR Vector = IopFunctionOf(Edu.Object)->Vectors[0];
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        IO_CONNECT_INTERRUPT_PARAMETERS Wanted = TestConnection(Vector, NULL, &Interrupt);
        Wanted.FullySpecified.PhysicalDeviceObject = Edu.Object;
        Wanted.FullySpecified.ServiceRoutine = EduService;
        Wanted.FullySpecified.ServiceContext = &Edu;
        Wanted.FullySpecified.ProcessorEnableMask = 1ULL << i;
        REQUIRE_EQ(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
        Edu.Registers[EDU_RAISE] = 1;
        TestSpinUntil(&Edu.Calls, i + 1);
        CHECK_EQ(Edu.Processor, i);
        Disconnect(Wanted.Version, Interrupt);
    }
    CloseEdu(&Edu);
}
