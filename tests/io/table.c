/*
 * table.c - tests of MSI-X with a virtio entropy source of QEMU's, whose one queue may send any of
 * its five messages when a buffer is filled. It is driven through the port interface (Virtual I/O
 * Device specification 1.1, sections 2.6 and 4.1.4.8). Machines without it skip: `--device
 * virtio-rng` gives it.
 */
#include "executive/io/pci.h"
#include "tests/io/interrupts.h"

#define RNG_VENDOR 0x1AF4
#define RNG_DEVICE 0x1005
#define MESSAGES   5

/* Ports behind base address 0. */
#define PORT_QUEUE_PAGE   0x08 /* four bytes */
#define PORT_QUEUE_SIZE   0x0C /* two */
#define PORT_QUEUE_SELECT 0x0E /* two */
#define PORT_QUEUE_NOTIFY 0x10 /* two */
#define PORT_STATUS       0x12
#define PORT_ISR          0x13
#define PORT_QUEUE_VECTOR 0x16 /* two; while MSI-X is enabled */

#define STATUS_READY      0x7 /* noticed, has a driver, go */
#define PCI_COMMAND_PORTS 0x1

#define QUEUE_SIZE   8 /* this device's */
#define DEVICE_WRITE 2 /* flag of a descriptor */

typedef struct _DESCRIPTOR {
    ULONG64 Address;
    ULONG Length;
    USHORT Flags, Next;
} DESCRIPTOR;

/* As the device wants it: two pages, one behind the other in physical memory too. */
static struct {
    DESCRIPTOR Descriptors[QUEUE_SIZE];
    struct {
        USHORT Flags;
        volatile USHORT Index;
        USHORT Ring[QUEUE_SIZE];
    } Offered;
    UCHAR Gap[PAGE_SIZE - QUEUE_SIZE * sizeof(DESCRIPTOR) - 4 - 2 * QUEUE_SIZE];
    struct {
        USHORT Flags;
        volatile USHORT Index;
        ULONG Ring[2 * QUEUE_SIZE];
    } Used;
} Queue DECLSPEC_ALIGN(4096);
_Static_assert(offsetof(typeof(Queue), Used) == PAGE_SIZE, "virtio 1.1, section 2.6.2");

static struct {
    PDEVICE_OBJECT Object;
    USHORT Port;
    ULONG Buffer;
    volatile ULONG Calls[MESSAGES];
    volatile ULONG Strange; /* calls with another object, lock, level or processor */
    PIO_INTERRUPT_MESSAGE_INFO Info;
} Rng;

static BOOLEAN NTAPI RngMessage(PKINTERRUPT Interrupt, PVOID ServiceContext, ULONG MessageID)
{
    UNREFERENCED_PARAMETER(ServiceContext);
    if (MessageID >= MESSAGES || KeGetCurrentIrql() != Rng.Info->UnifiedIrql ||
        Interrupt != Rng.Info->MessageInfo[MessageID].InterruptObject ||
        Interrupt->ActualLock != Rng.Info->MessageInfo[0].InterruptObject->ActualLock ||
        1ULL << KeGetCurrentProcessorNumber() !=
            Rng.Info->MessageInfo[MessageID].TargetProcessorSet) {
        Rng.Strange++;
        return FALSE;
    }
    __atomic_store_n(&Rng.Calls[MessageID], Rng.Calls[MessageID] + 1, __ATOMIC_RELEASE);
    return TRUE;
}

static VOID WritePort16(ULONG Port, USHORT Value)
{
    HalpOut16((USHORT)(Rng.Port + Port), Value);
}

static BOOLEAN OpenRng(ULONG Messages)
{
    RtlZeroMemory(&Rng, sizeof(Rng));
    Rng.Object = IopFindDevice(RNG_VENDOR, RNG_DEVICE, 0);
    PIOP_FUNCTION Function = IopFunctionOf(Rng.Object);
    Rng.Port = HalpReadPci(Function->Address, PCI_BASE_ADDRESS) & 0xFFFC;
    IopSetCommand(Function, PCI_COMMAND_PORTS | PCI_COMMAND_MASTER, TRUE);
    HalpOut8(Rng.Port + PORT_STATUS, 0); /* reset */
    RtlZeroMemory(&Queue, sizeof(Queue));
    WritePort16(PORT_QUEUE_SELECT, 0);
    HalpOut32(Rng.Port + PORT_QUEUE_PAGE,
              (ULONG)(MmGetPhysicalAddress(&Queue).QuadPart / PAGE_SIZE));
    HalpOut8(Rng.Port + PORT_STATUS, STATUS_READY);
    return CHECK_STATUS(IopAssignInterrupts(Rng.Object, Messages), STATUS_SUCCESS);
}

static VOID CloseRng(VOID)
{
    HalpOut8(Rng.Port + PORT_STATUS, 0);
    IopReleaseInterrupts(Rng.Object);
}

/* Lets the device fill the buffer and send that message. */
static VOID AskRng(USHORT Message)
{
    USHORT Index = Queue.Offered.Index;
    WritePort16(PORT_QUEUE_VECTOR, Message);
    Queue.Descriptors[0] = (DESCRIPTOR){(ULONG64)MmGetPhysicalAddress(&Rng.Buffer).QuadPart,
                                        sizeof(Rng.Buffer), DEVICE_WRITE, 0};
    Queue.Offered.Ring[Index % QUEUE_SIZE] = 0;
    __atomic_store_n(&Queue.Offered.Index, Index + 1, __ATOMIC_SEQ_CST);
    WritePort16(PORT_QUEUE_NOTIFY, 0);
    while (__atomic_load_n(&Queue.Used.Index, __ATOMIC_ACQUIRE) != (USHORT)(Index + 1)) {
        YieldProcessor();
    }
}

static IO_CONNECT_INTERRUPT_PARAMETERS RngMessages(VOID)
{
    return (IO_CONNECT_INTERRUPT_PARAMETERS){
        .Version = CONNECT_MESSAGE_BASED,
        .MessageBased = {.PhysicalDeviceObject = Rng.Object,
                         .ConnectionContext.InterruptMessageTable = &Rng.Info,
                         .MessageServiceRoutine = RngMessage}};
}

static VOID DisconnectRng(VOID)
{
    IO_DISCONNECT_INTERRUPT_PARAMETERS End = {CONNECT_MESSAGE_BASED, {Rng.Info}};
    IoDisconnectInterruptEx(&End);
}

#define NEED_RNG                                                                                   \
    if (IopFindDevice(RNG_VENDOR, RNG_DEVICE, 0) == NULL) {                                        \
        SKIP("this machine lacks the device: --device virtio-rng");                                \
    }

TEST(TableEach, "io/table/each-message-arrives-as-itself",
     "DDI wdm IO_INTERRUPT_MESSAGE_INFO; PCI 3.0, section 6.8.2")
{
    NEED_RNG;
    REQUIRE(OpenRng(16));
    IO_CONNECT_INTERRUPT_PARAMETERS Wanted = RngMessages();
    REQUIRE_EQ(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
    CHECK_EQ(Wanted.Version, CONNECT_MESSAGE_BASED);
    REQUIRE_EQ(Rng.Info->MessageCount, MESSAGES);
    KIRQL Highest = 0;
    for (ULONG i = 0; i < MESSAGES; i++) {
        Highest = Rng.Info->MessageInfo[i].Irql > Highest ? Rng.Info->MessageInfo[i].Irql : Highest;
    }
    CHECK_EQ(Rng.Info->UnifiedIrql, Highest);
    for (ULONG Round = 1; Round <= 5; Round++) {
        for (USHORT i = 0; i < MESSAGES; i++) {
            AskRng(i);
            TestSpinUntil(&Rng.Calls[i], Round);
        }
    }
    CHECK_EQ(Rng.Strange, 0);
    DisconnectRng();
    CloseRng();
}

TEST(TableTargets, "io/table/messages-spread-over-the-processors", "VECT theory: KiChooseTarget")
{
    ULONG Processors = 0;
    KAFFINITY Targets = 0;
    NEED_RNG;
    REQUIRE(OpenRng(MESSAGES));
    IO_CONNECT_INTERRUPT_PARAMETERS Wanted = RngMessages();
    REQUIRE_EQ(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
    for (USHORT i = 0; i < MESSAGES; i++) {
        Processors += !(Targets & Rng.Info->MessageInfo[i].TargetProcessorSet);
        Targets |= Rng.Info->MessageInfo[i].TargetProcessorSet;
        AskRng(i);
        TestSpinUntil(&Rng.Calls[i], 1);
    }
    CHECK_EQ(Processors, KeNumberProcessors < MESSAGES ? KeNumberProcessors : MESSAGES);
    CHECK_EQ(Rng.Strange, 0);
    DisconnectRng();
    CloseRng();
}

TEST(TableLevel, "io/table/messages-run-at-the-level-that-the-driver-wants",
     "DDI wdm IO_CONNECT_INTERRUPT_PARAMETERS: MessageBased.SynchronizeIrql, SpinLock")
{
    KSPIN_LOCK Lock;
    NEED_RNG;
    REQUIRE(OpenRng(2));
    KeInitializeSpinLock(&Lock);
    IO_CONNECT_INTERRUPT_PARAMETERS Wanted = RngMessages();
    Wanted.MessageBased.SynchronizeIrql = 12;
    Wanted.MessageBased.SpinLock = &Lock;
    REQUIRE_EQ(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
    REQUIRE_EQ(Rng.Info->MessageCount, 2);
    CHECK_EQ(Rng.Info->UnifiedIrql, 12);
    CHECK_EQ(Rng.Info->MessageInfo[1].InterruptObject->ActualLock, &Lock);
    AskRng(1);
    TestSpinUntil(&Rng.Calls[1], 1);
    CHECK_EQ(Rng.Strange, 0);
    DisconnectRng();
    CloseRng();
}

TEST(TableDisconnected, "io/table/nothing-comes-when-it-is-disconnected", "IOINT-2")
{
    NEED_RNG;
    REQUIRE(OpenRng(MESSAGES));
    ULONG64 Unexpected = KiUnexpectedInterrupts;
    for (ULONG i = 1; i <= 3; i++) {
        IO_CONNECT_INTERRUPT_PARAMETERS Wanted = RngMessages();
        REQUIRE_EQ(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
        AskRng(2);
        TestSpinUntil(&Rng.Calls[2], i);
        PKI_CHAIN Chain = KiFindChain(Rng.Info->MessageInfo[2].Vector);
        DisconnectRng();
        ULONG64 Count = Chain->Count;
        AskRng(2);
        HalpIn8(Rng.Port + PORT_ISR); /* it holds its line, which nobody sees */
        CHECK_EQ(Chain->Count, Count);
        CHECK_EQ(Rng.Calls[2], i);
    }
    CHECK_EQ(KiUnexpectedInterrupts, Unexpected);
    CHECK_EQ(Rng.Strange, 0);
    CloseRng();
}

TEST(TableMasked, "io/table/a-message-waits-in-the-device-until-its-vector-is-connected",
     "IOINT-2; PCI 3.0, section 6.8.2: mask and pending bits")
{
    TEST_SERVICE Services[2] = {{.Claims = 9}, {.Claims = 9}};
    PKINTERRUPT Interrupts[2];
    NEED_RNG;
    REQUIRE(OpenRng(2));
    PIOP_FUNCTION Function = IopFunctionOf(Rng.Object);
    for (ULONG i = 2; i-- > 0;) { /* the second message first */
        IO_CONNECT_INTERRUPT_PARAMETERS Wanted =
            TestConnection(Function->Vectors[i], &Services[i], &Interrupts[i]);
        Wanted.FullySpecified.PhysicalDeviceObject = Rng.Object;
        REQUIRE_EQ(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
        if (i == 1) {
            AskRng(1);
            TestSpinUntil(&Services[1].Calls, 1);
            AskRng(0);
            CHECK_EQ(KiFindChain(Function->Vectors[0])->Count, 0);
        }
    }
    TestSpinUntil(&Services[0].Calls, 1);
    CHECK_EQ(Function->Enabled, 2);
    IoDisconnectInterrupt(Interrupts[0]);
    AskRng(0);
    AskRng(1);
    TestSpinUntil(&Services[1].Calls, 2);
    CHECK_EQ(KiFindChain(Function->Vectors[0])->Count, 1);
    IoDisconnectInterrupt(Interrupts[1]);
    CHECK_EQ(Services[0].Calls, 1);
    CHECK_EQ(Function->Enabled, 0);
    CloseRng();
}

TEST(TableShared, "io/table/a-message-may-have-several-routines", "INTR-5, IOINT-2")
{
    TEST_SERVICE Services[2] = {{.Claims = 0}, {.Claims = 99}};
    PKINTERRUPT Interrupts[2];
    NEED_RNG;
    REQUIRE(OpenRng(2));
    PIOP_FUNCTION Function = IopFunctionOf(Rng.Object);
    IO_CONNECT_INTERRUPT_PARAMETERS Wanted =
        TestConnection(Function->Vectors[1], &Services[0], &Interrupts[0]);
    Wanted.FullySpecified.PhysicalDeviceObject = Rng.Object;
    Wanted.FullySpecified.ShareVector = TRUE;
    REQUIRE_EQ(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
    /* The second one draws it to each processor in turn. */
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        Wanted.FullySpecified.InterruptObject = &Interrupts[1];
        Wanted.FullySpecified.ServiceContext = &Services[1];
        Wanted.FullySpecified.ProcessorEnableMask = 1ULL << i;
        REQUIRE_EQ(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
        CHECK_EQ(Function->Enabled, 1);
        ULONG Calls = Services[1].Calls;
        AskRng(1);
        while (__atomic_load_n(&Services[1].Calls, __ATOMIC_ACQUIRE) == Calls) {
            YieldProcessor();
        }
        CHECK_EQ(Services[1].Processor, i);
        IoDisconnectInterrupt(Interrupts[1]);
        CHECK_EQ(Function->Enabled, 1);
    }
    ULONG Calls = Services[0].Calls;
    AskRng(1);
    TestSpinUntil(&Services[0].Calls, Calls + 1);
    IoDisconnectInterrupt(Interrupts[0]);
    CHECK_EQ(Function->Enabled, 0);
    CloseRng();
}

TEST(TableAllOrNothing, "io/table/nothing-stays-when-connecting-fails", "IOINT-1")
{
    TEST_SERVICE Service = {.Claims = 9};
    PKINTERRUPT Interrupt;
    NEED_RNG;
    REQUIRE(OpenRng(MESSAGES));
    PIOP_FUNCTION Function = IopFunctionOf(Rng.Object);
    REQUIRE(TestConnect(Function->Vectors[3], &Service, FALSE, &Interrupt)); /* for itself alone */
    IO_CONNECT_INTERRUPT_PARAMETERS Wanted = RngMessages();
    CHECK_STATUS(IoConnectInterruptEx(&Wanted), STATUS_INVALID_PARAMETER);
    CHECK_EQ(Rng.Info, NULL);
    CHECK_EQ(Function->Enabled, 0);
    for (ULONG i = 0; i < MESSAGES; i++) {
        CHECK_EQ(KiFindChain(Function->Vectors[i])->First, i == 3 ? Interrupt : NULL);
    }
    IoDisconnectInterrupt(Interrupt);
    REQUIRE_EQ(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
    DisconnectRng();
    CloseRng();
}

TEST(TableNoLine, "io/table/several-messages-are-no-line",
     "iointex WdmlibIoConnectInterruptEx: STATUS_INVALID_DEVICE_REQUEST")
{
    PKINTERRUPT Interrupt;
    NEED_RNG;
    REQUIRE(OpenRng(MESSAGES));
    IO_CONNECT_INTERRUPT_PARAMETERS Wanted = {.Version = CONNECT_LINE_BASED,
                                              .LineBased = {.PhysicalDeviceObject = Rng.Object,
                                                            .InterruptObject = &Interrupt,
                                                            .ServiceRoutine = TestService}};
    CHECK_STATUS(IoConnectInterruptEx(&Wanted), STATUS_INVALID_DEVICE_REQUEST);
    CloseRng();
}

TEST(TableNoVectors, "io/table/without-vectors-nothing-is-assigned",
     "IopAssignInterrupts: STATUS_INSUFFICIENT_RESOURCES")
{
    static UCHAR Vectors[KI_DEVICE_VECTORS];
    ULONG Count = 0;
    NEED_RNG;
    PDEVICE_OBJECT Device = IopFindDevice(RNG_VENDOR, RNG_DEVICE, 0);
    while ((Vectors[Count] = KiAllocateVectors(1, KI_ANY_LEVEL)) != 0) {
        Count++;
    }
    CHECK_STATUS(IopAssignInterrupts(Device, 0), STATUS_INSUFFICIENT_RESOURCES);
    KiFreeVectors(Vectors[--Count], 1); /* one is free now, too few for the table */
    CHECK_STATUS(IopAssignInterrupts(Device, MESSAGES), STATUS_INSUFFICIENT_RESOURCES);
    CHECK_STATUS(IopAssignInterrupts(Device, 1), STATUS_SUCCESS);
    IopReleaseInterrupts(Device);
    while (Count > 0) {
        KiFreeVectors(Vectors[--Count], 1);
    }
}
