/*
 * virtio_block_start.c - finds virtio disks at start-up, makes their queues, connects their
 * interrupts and hands them to the block layer.
 *
 * A device with several queues gets one a processor, as far as both go, each with a message of its
 * own: the queue that a processor uses is the one whose message comes to it, so an answer comes to
 * where the question was. The service routine only queues the queue's DPC.
 */
#include "drivers/drivers.h"
#include "drivers/virtio_block.h"
#include <wdm.h>

#define BLOCK_TAG         'klbV'
#define DEVICE_MODERN     0x1042 /* virtio 1.1, 4.1.2 */
#define DEVICE_TRANSITION 0x1001
#define SLOTS             64 /* commands in flight, over all queues */
#define LEAST_SLOTS       8  /* of a queue */
#define NO_LIMIT          0x40000000
#define WANTED                                                                                     \
    (VIRTIO_F_INDIRECT | VIRTIO_BLOCK_SIZE_MAX | VIRTIO_BLOCK_SEG_MAX | VIRTIO_BLOCK_RO |          \
     VIRTIO_BLOCK_BLK_SIZE | VIRTIO_BLOCK_FLUSH | VIRTIO_BLOCK_MQ)

/* ---- what the device is like ----------------------------------------------------------------- */

static ULONG VirtioLeast(ULONG First, ULONG Second)
{
    return First < Second ? First : Second;
}

/* Reads the configuration; what is wrong with it, or NULL. */
static const CHAR *VirtioReadConfig(PVIRTIO_BLOCK Disk, PUSHORT Queues)
{
    volatile VIRTIO_BLOCK_CONFIG *Config = (PVOID)Disk->Device.Parts[VirtioConfig].Address;
    ULONG64 Features = Disk->Device.Features;
    ULONG64 Sectors = Config->Capacity[0] | (ULONG64)Config->Capacity[1] << 32;
    PIO_BLOCK_DEVICE Block = &Disk->Block;
    Block->SectorSize = Features & VIRTIO_BLOCK_BLK_SIZE ? Config->BlockSize : VIRTIO_SECTOR;
    Disk->SegmentBytes = Features & VIRTIO_BLOCK_SIZE_MAX ? Config->SizeMax : NO_LIMIT;
    Disk->Segments = Features & VIRTIO_BLOCK_SEG_MAX ? Config->SegMax : 1;
    Disk->Segments = VirtioLeast(Disk->Segments, VIRTIO_BLOCK_SEGMENTS);
    Block->Pages = Sectors / (PAGE_SIZE / VIRTIO_SECTOR);
    Block->ReadOnly = (Features & VIRTIO_BLOCK_RO) != 0;
    Block->WriteThrough = !(Features & VIRTIO_BLOCK_FLUSH);
    *Queues = Features & VIRTIO_BLOCK_MQ ? Config->QueueCount : 1;
    if (Block->SectorSize < VIRTIO_SECTOR || Block->SectorSize > PAGE_SIZE ||
        (Block->SectorSize & (Block->SectorSize - 1)) != 0) {
        return "its sectors do not fit into pages";
    }
    return Disk->SegmentBytes < PAGE_SIZE || Disk->Segments == 0 ? "it takes less than a page"
                                                                 : NULL;
}

static BOOLEAN VirtioBuildQueues(PVIRTIO_BLOCK Disk)
{
    USHORT Slots = SLOTS / Disk->QueueCount > LEAST_SLOTS ? SLOTS / Disk->QueueCount : LEAST_SLOTS;
    for (USHORT i = 0; i < Disk->QueueCount; i++) {
        PVIRTIO_QUEUE Queue = &Disk->Queues[i];
        Queue->Owner = Disk;
        Queue->Vector = VIRTIO_NO_VECTOR;
        if (!VirtioBuildQueue(Queue, &Disk->Device, i, Slots, (USHORT)(Disk->Segments + 2))) {
            return FALSE;
        }
        Disk->Segments = VirtioLeast(Disk->Segments, Queue->TableSize - 2);
        Disk->Block.MaximumInFlight += Queue->SlotCount;
    }
    return TRUE;
}

const CHAR *VirtioBuildBlock(PVIRTIO_BLOCK Disk, USHORT Queues)
{
    USHORT Offered;
    if (!VirtioNegotiate(&Disk->Device, WANTED)) {
        return "it does not agree to virtio 1.0";
    }
    const CHAR *Wrong = VirtioReadConfig(Disk, &Offered);
    if (Wrong != NULL) {
        return Wrong;
    }
    Disk->Block.Driver = &VirtioBlockDriver;
    Disk->Block.MaximumPages = IO_BLOCK_LEAST_PAGES;
    Disk->QueueCount = (USHORT)VirtioLeast(VirtioLeast(Offered, Queues), VIRTIO_BLOCK_QUEUES);
    if (Disk->QueueCount == 0) {
        return "it has no queue";
    }
    for (ULONG i = 0; i < KI_MAX_PROCESSORS; i++) {
        Disk->QueueOf[i] = (UCHAR)(i % Disk->QueueCount);
    }
    return VirtioBuildQueues(Disk) ? NULL : "there is no memory for its queues";
}

BOOLEAN VirtioBeginBlock(PVIRTIO_BLOCK Disk)
{
    VirtioRegisters(&Disk->Device)->ConfigVector = VIRTIO_NO_VECTOR;
    for (USHORT i = 0; i < Disk->QueueCount; i++) {
        if (!VirtioEnableQueue(&Disk->Queues[i])) {
            return FALSE;
        }
    }
    VirtioAddStatus(&Disk->Device, VIRTIO_DRIVER_OK);
    return TRUE;
}

VOID VirtioFreeBlock(PVIRTIO_BLOCK Disk)
{
    for (USHORT i = 0; i < Disk->QueueCount; i++) {
        VirtioFreeQueue(&Disk->Queues[i]);
    }
}

/* ---- interrupts ------------------------------------------------------------------------------ */

static VOID NTAPI VirtioBlockDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    PVIRTIO_QUEUE Queue = Context;
    PVIRTIO_BLOCK Disk = Queue->Owner;
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    IoServiceBlock(&Disk->Block, Queue);
}

/* A message belongs to each Messages-th queue. */
static BOOLEAN NTAPI VirtioBlockMessage(PKINTERRUPT Interrupt, PVOID ServiceContext, ULONG Message)
{
    PVIRTIO_BLOCK Disk = ServiceContext;
    UNREFERENCED_PARAMETER(Interrupt);
    for (ULONG i = Message; i < Disk->QueueCount; i += Disk->Messages) {
        KeInsertQueueDpc(&Disk->Queues[i].Dpc, NULL, NULL);
    }
    return TRUE;
}

static BOOLEAN NTAPI VirtioBlockLine(PKINTERRUPT Interrupt, PVOID ServiceContext)
{
    PVIRTIO_BLOCK Disk = ServiceContext;
    return *Disk->Device.Parts[VirtioInterrupt].Address != 0 &&
           VirtioBlockMessage(Interrupt, Disk, 0);
}

/* Which queue answers at which processor. */
static VOID VirtioAssignProcessors(PVIRTIO_BLOCK Disk, PIO_INTERRUPT_MESSAGE_INFO Info)
{
    for (ULONG i = 0; i < Disk->QueueCount; i++) {
        KAFFINITY Targets = Info->MessageInfo[i % Info->MessageCount].TargetProcessorSet;
        Disk->Queues[i].Vector = (USHORT)(i % Info->MessageCount);
        Disk->QueueOf[__builtin_ctzll(Targets)] = (UCHAR)i;
    }
}

/* A line serves as the one message of all queues; what is wrong, or NULL. */
static const CHAR *VirtioConnect(PVIRTIO_BLOCK Disk)
{
    PDEVICE_OBJECT Object = (PDEVICE_OBJECT)Disk->Device.Function;
    IO_CONNECT_INTERRUPT_PARAMETERS Wanted = {
        .Version = CONNECT_MESSAGE_BASED,
        .MessageBased = {.PhysicalDeviceObject = Object,
                         .ConnectionContext.Generic = &Disk->Connection,
                         .MessageServiceRoutine = VirtioBlockMessage,
                         .ServiceContext = Disk,
                         .FallBackServiceRoutine = VirtioBlockLine}};
    for (ULONG i = 0; i < Disk->QueueCount; i++) {
        KeInitializeDpc(&Disk->Queues[i].Dpc, VirtioBlockDpc, &Disk->Queues[i]);
    }
    Disk->Messages = 1;
    if (!NT_SUCCESS(IopAssignInterrupts(Object, Disk->QueueCount))) {
        return "it has no interrupt";
    }
    Disk->Messages = Disk->Device.Function->Count;
    if (!NT_SUCCESS(IoConnectInterruptEx(&Wanted))) {
        IopReleaseInterrupts(Object);
        return "its interrupt cannot be connected";
    }
    Disk->ConnectionVersion = Wanted.Version;
    if (Wanted.Version == CONNECT_MESSAGE_BASED) {
        VirtioAssignProcessors(Disk, Disk->Connection);
    }
    return NULL;
}

static VOID VirtioDisconnect(PVIRTIO_BLOCK Disk)
{
    IO_DISCONNECT_INTERRUPT_PARAMETERS End = {Disk->ConnectionVersion, {Disk->Connection}};
    IoDisconnectInterruptEx(&End);
    IopReleaseInterrupts((PDEVICE_OBJECT)Disk->Device.Function);
    KeFlushQueuedDpcs();
}

/* ---- disks ----------------------------------------------------------------------------------- */

/* Behind the mapping of the registers; what is wrong, or NULL. */
static const CHAR *VirtioBringUp(PVIRTIO_BLOCK Disk)
{
    const CHAR *Wrong = VirtioBuildBlock(Disk, (USHORT)KeNumberProcessors);
    if (Wrong != NULL) {
        return Wrong;
    }
    Wrong = VirtioConnect(Disk);
    if (Wrong != NULL) {
        return Wrong;
    }
    _snprintf(Disk->Description, sizeof(Disk->Description), "virtio, %lu queue%s",
              (ULONG)Disk->QueueCount, Disk->QueueCount > 1 ? "s" : "");
    Disk->Block.Description = Disk->Description;
    if (!VirtioBeginBlock(Disk) || !NT_SUCCESS(IoRegisterBlockDevice(&Disk->Block))) {
        VirtioDisconnect(Disk);
        return "it does not begin";
    }
    return NULL;
}

static VOID VirtioStartDisk(PDEVICE_OBJECT Object)
{
    const CHAR *Wrong = "there is no memory for it";
    PVIRTIO_BLOCK Disk = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(VIRTIO_BLOCK), BLOCK_TAG);
    if (Disk != NULL) {
        RtlZeroMemory(Disk, sizeof(*Disk));
        Wrong = "its registers are not where virtio 1.0 has them";
    }
    if (Disk != NULL && VirtioMapDevice(&Disk->Device, IopFunctionOf(Object))) {
        Wrong = VirtioBringUp(Disk);
        if (Wrong == NULL) {
            return;
        }
        VirtioStop(&Disk->Device);
        VirtioUnmapDevice(&Disk->Device);
        VirtioFreeBlock(Disk);
    }
    DbgPrint("a virtio disk is left alone: %s\n", Wrong);
    if (Disk != NULL) {
        ExFreePoolWithTag(Disk, BLOCK_TAG);
    }
}

VOID VirtioStartDisks(VOID)
{
    static const USHORT Kinds[] = {DEVICE_MODERN, DEVICE_TRANSITION};
    for (ULONG Kind = 0; Kind < RTL_NUMBER_OF(Kinds); Kind++) {
        PDEVICE_OBJECT Object;
        for (ULONG i = 0; (Object = IopFindDevice(VIRTIO_VENDOR, Kinds[Kind], i)) != NULL; i++) {
            VirtioStartDisk(Object);
        }
    }
}
