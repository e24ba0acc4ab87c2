/*
 * virtio_block.c - commands for virtio disks (virtio 1.1, 5.2): what the block layer asks for goes
 * into the queue of the processor that asks, and answers are checked before they are believed.
 *
 * A command is a header, the pages as segments (neighbours in one), and a byte for the status, each
 * with a descriptor. The page of its slot has room for 252 segments; a device may take fewer, and
 * the block layer gives the rest of a request as further commands.
 *
 *   VBLK-1  A status that is none, and a length that does not go with it, are nonsense: the block
 *           layer resets the device.
 *   VBLK-2  Start and Collect touch memory that was there since start-up only.
 */
#include "drivers/virtio_block.h"
#include <wdm.h>

#define PAGE_SECTORS (PAGE_SIZE / VIRTIO_SECTOR)

static PVIRTIO_BLOCK VirtioDiskOf(PIO_BLOCK_DEVICE Block)
{
    return CONTAINING_RECORD(Block, VIRTIO_BLOCK, Block);
}

static PVIRTIO_BLOCK_TAIL VirtioTailOf(PVIRTIO_SLOT Slot)
{
    return (PVIRTIO_BLOCK_TAIL)(Slot->Page + PAGE_SIZE) - 1;
}

/* ---- starting -------------------------------------------------------------------------------- */

/* A slot of this processor's queue, or of another one that has room. */
static PVIRTIO_SLOT VirtioChooseSlot(PVIRTIO_BLOCK Disk, PVOID Command, PVIRTIO_QUEUE *Queue)
{
    ULONG First = Disk->QueueOf[KeGetCurrentProcessorNumber()];
    for (ULONG i = 0; i < Disk->QueueCount; i++) {
        *Queue = &Disk->Queues[(First + i) % Disk->QueueCount];
        PVIRTIO_SLOT Slot = VirtioTakeSlot(*Queue, Command);
        if (Slot != NULL) {
            return Slot;
        }
    }
    return NULL;
}

/* Describes pages from the request's page Given on; returns the descriptors used. */
static USHORT VirtioDescribePages(PVIRTIO_BLOCK Disk, PIO_BLOCK_REQUEST Request,
                                  PVIRTIO_DESCRIPTOR Table, PULONG Pages)
{
    USHORT Flags = Request->Operation == IoBlockRead ? VIRTIO_WRITE : 0;
    USHORT Count = 0;
    ULONG Done = 0;
    for (; Done < *Pages; Done++) {
        ULONG64 Address = (ULONG64)Request->Frames[Request->Given + Done] * PAGE_SIZE;
        PVIRTIO_DESCRIPTOR Last = &Table[Count - 1];
        if (Count > 0 && Last->Address + Last->Length == Address &&
            Last->Length <= Disk->SegmentBytes - PAGE_SIZE) {
            Last->Length += PAGE_SIZE;
            continue;
        }
        if (Count == Disk->Segments) {
            break;
        }
        Table[Count++] = (VIRTIO_DESCRIPTOR){Address, PAGE_SIZE, Flags, 0};
    }
    *Pages = Done;
    return Count;
}

static BOOLEAN VirtioBlockStart(PIO_BLOCK_DEVICE Block, PIO_BLOCK_REQUEST Request, PULONG Pages)
{
    static const ULONG Types[] = {VirtioBlockIn, VirtioBlockOut, VirtioBlockFlush};
    PVIRTIO_BLOCK Disk = VirtioDiskOf(Block);
    PVIRTIO_QUEUE Queue;
    PVIRTIO_SLOT Slot = VirtioChooseSlot(Disk, Request, &Queue);
    if (Slot == NULL) {
        return FALSE;
    }
    PVIRTIO_BLOCK_TAIL Tail = VirtioTailOf(Slot);
    ULONG64 Physical = Slot->PagePhysical + ((PUCHAR)Tail - Slot->Page);
    *Tail = (VIRTIO_BLOCK_TAIL){
        .Type = Types[Request->Operation],
        .Sector = Request->Offset / VIRTIO_SECTOR + (ULONG64)Request->Given * PAGE_SECTORS,
        .Status = VIRTIO_BLOCK_NO_STATUS,
    };
    USHORT Count = 1 + VirtioDescribePages(Disk, Request, Slot->Table + 1, Pages);
    Slot->Table[0] = (VIRTIO_DESCRIPTOR){Physical, VIRTIO_BLOCK_HEADER, 0, 0};
    Slot->Table[Count++] = (VIRTIO_DESCRIPTOR){Physical + VIRTIO_BLOCK_HEADER, 1, VIRTIO_WRITE, 0};
    VirtioOffer(Queue, Slot, Count);
    return TRUE;
}

static VOID VirtioBlockKick(PIO_BLOCK_DEVICE Block)
{
    PVIRTIO_BLOCK Disk = VirtioDiskOf(Block);
    for (ULONG i = 0; i < Disk->QueueCount; i++) {
        VirtioKick(&Disk->Queues[i]);
    }
}

/* ---- answers --------------------------------------------------------------------------------- */

/* VBLK-1: FALSE for nonsense. A failed read may have written any part. */
static BOOLEAN VirtioReadStatus(PVIRTIO_SLOT Slot, ULONG Length, NTSTATUS *Status)
{
    switch (VirtioTailOf(Slot)->Status) {
    case VirtioBlockOk: *Status = STATUS_SUCCESS; return Length == Slot->Writable;
    case VirtioBlockError: *Status = STATUS_IO_DEVICE_ERROR; return Length > 0;
    case VirtioBlockUnsupported: *Status = STATUS_NOT_SUPPORTED; return Length > 0;
    default: return FALSE;
    }
}

static BOOLEAN VirtioCollectQueue(PVIRTIO_BLOCK Disk, PVIRTIO_QUEUE Queue)
{
    PVIRTIO_SLOT Slot;
    PVOID Command;
    ULONG Length;
    NTSTATUS Status;
    VIRTIO_ANSWER Answer = VirtioNextAnswer(Queue, &Slot, &Command, &Length);
    while (Answer == VirtioAnswered) {
        if (!VirtioReadStatus(Slot, Length, &Status)) {
            return FALSE;
        }
        IoAnswerBlock(&Disk->Block, Command, Status);
        Answer = VirtioNextAnswer(Queue, &Slot, &Command, &Length);
    }
    return Answer == VirtioNothing;
}

static BOOLEAN VirtioBlockCollect(PIO_BLOCK_DEVICE Block, PVOID Queue)
{
    PVIRTIO_BLOCK Disk = VirtioDiskOf(Block);
    if (Queue != NULL) {
        return VirtioCollectQueue(Disk, Queue);
    }
    BOOLEAN Sense = TRUE;
    for (ULONG i = 0; i < Disk->QueueCount && Sense; i++) {
        Sense = VirtioCollectQueue(Disk, &Disk->Queues[i]);
    }
    return Sense;
}

/* It must offer what it did before: the queues were made for that. */
static BOOLEAN VirtioBlockReset(PIO_BLOCK_DEVICE Block)
{
    PVIRTIO_BLOCK Disk = VirtioDiskOf(Block);
    ULONG64 Features = Disk->Device.Features;
    return VirtioNegotiate(&Disk->Device, Features) && Disk->Device.Features == Features &&
           VirtioBeginBlock(Disk);
}

static VOID VirtioBlockStop(PIO_BLOCK_DEVICE Block)
{
    VirtioStop(&VirtioDiskOf(Block)->Device);
}

const IO_BLOCK_DRIVER VirtioBlockDriver = {
    .Start = VirtioBlockStart,
    .Kick = VirtioBlockKick,
    .Collect = VirtioBlockCollect,
    .Reset = VirtioBlockReset,
    .Stop = VirtioBlockStop,
};
