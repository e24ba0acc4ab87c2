/*
 * virtio_queue.c - a split virtqueue (virtio 1.1, 2.6) whose memory is all there before the first
 * command.
 *
 * A slot is a command's place: a page with its descriptors and whatever the driver keeps behind
 * them. With indirect descriptors slot n uses descriptor n of the ring, which names that page; else
 * TableSize descriptors of the ring are the slot's own, and the page holds the tail only. Either
 * way the head that the device returns says which slot it means.
 *
 *   VQ-1  Nothing is believed that the device writes: the used index moves by no more than what is
 *         in flight, a head is a slot's that is in flight, and a length is within what the command
 *         let it write. The device is never told to write outside of a command's own pages.
 *   VQ-2  A slot is free from the moment its answer was taken.
 *
 * The driver holds one lock around all calls of a queue.
 */
#include "drivers/virtio.h"
#include <wdm.h>

#define QUEUE_TAG 'qriV'
#define NO_SLOT   0xFFFF

/* ---- memory ---------------------------------------------------------------------------------- */

static PVOID VirtioAllocate(SIZE_T Bytes)
{
    PVOID Block = ExAllocatePoolWithTag(NonPagedPoolNx, Bytes, QUEUE_TAG);
    if (Block != NULL) {
        RtlZeroMemory(Block, Bytes);
    }
    return Block;
}

static VOID VirtioFree(PVOID Block)
{
    if (Block != NULL) {
        ExFreePoolWithTag(Block, QUEUE_TAG);
    }
}

VOID VirtioFreeQueue(PVIRTIO_QUEUE Queue)
{
    for (ULONG i = 0; Queue->Slots != NULL && i < Queue->SlotCount; i++) {
        VirtioFree(Queue->Slots[i].Page);
    }
    VirtioFree(Queue->Slots);
    VirtioFree(Queue->Rings);
    VirtioFree(Queue->Descriptors);
    Queue->Slots = NULL;
    Queue->Rings = NULL;
    Queue->Descriptors = NULL;
}

/* How many slots the ring has room for, and of which size. */
static VOID VirtioDivideRing(PVIRTIO_QUEUE Queue, USHORT Slots, USHORT TableSize)
{
    USHORT Most = Queue->Size;
    if (!Queue->Indirect) {
        TableSize = TableSize < Queue->Size ? TableSize : Queue->Size;
        Most = Queue->Size / TableSize;
    }
    Queue->TableSize = TableSize;
    Queue->SlotCount = Slots < Most ? Slots : Most;
}

static BOOLEAN VirtioBuildSlot(PVIRTIO_QUEUE Queue, USHORT Index)
{
    PVIRTIO_SLOT Slot = &Queue->Slots[Index];
    Slot->Page = VirtioAllocate(PAGE_SIZE);
    if (Slot->Page == NULL) {
        return FALSE;
    }
    Slot->PagePhysical = (ULONG64)MmGetPhysicalAddress(Slot->Page).QuadPart;
    Slot->Head = Queue->Indirect ? Index : Index * Queue->TableSize;
    Slot->Table =
        Queue->Indirect ? (PVIRTIO_DESCRIPTOR)Slot->Page : &Queue->Descriptors[Slot->Head];
    return TRUE;
}

BOOLEAN VirtioBuildQueue(PVIRTIO_QUEUE Queue, PVIRTIO_DEVICE Device, USHORT Index, USHORT Slots,
                         USHORT TableSize)
{
    volatile VIRTIO_COMMON *Common = VirtioRegisters(Device);
    Common->QueueSelect = Index;
    USHORT Size = Common->QueueSize;
    Queue->Device = Device;
    Queue->Index = Index;
    Queue->Size = Size < VIRTIO_QUEUE_SIZE ? Size : VIRTIO_QUEUE_SIZE;
    Queue->Indirect = (Device->Features & VIRTIO_F_INDIRECT) != 0;
    if (Queue->Size == 0 || (Queue->Size & (Queue->Size - 1)) != 0) {
        return FALSE;
    }
    VirtioDivideRing(Queue, Slots, TableSize);
    Queue->Descriptors = VirtioAllocate(PAGE_SIZE);
    Queue->Rings = VirtioAllocate(PAGE_SIZE);
    Queue->Slots = VirtioAllocate(Queue->SlotCount * sizeof(VIRTIO_SLOT));
    BOOLEAN Built = Queue->Descriptors != NULL && Queue->Rings != NULL && Queue->Slots != NULL;
    for (USHORT i = 0; Built && i < Queue->SlotCount; i++) {
        Built = VirtioBuildSlot(Queue, i);
    }
    if (!Built) {
        VirtioFreeQueue(Queue);
    }
    return Built;
}

/* ---- enabling -------------------------------------------------------------------------------- */

/* Nothing is in flight any more; the device was reset. */
static VOID VirtioClearQueue(PVIRTIO_QUEUE Queue)
{
    RtlZeroMemory(Queue->Rings, PAGE_SIZE);
    Queue->InFlight = Queue->Seen = Queue->FreeSlot = 0;
    Queue->Unnoticed = FALSE;
    for (USHORT i = 0; i < Queue->SlotCount; i++) {
        Queue->Slots[i].Command = NULL;
        Queue->Slots[i].NextFree = i + 1 < Queue->SlotCount ? i + 1 : NO_SLOT;
    }
}

static VOID VirtioTellAddress(volatile ULONG *Register, PVOID Ring)
{
    ULONG64 Address = (ULONG64)MmGetPhysicalAddress(Ring).QuadPart;
    Register[0] = (ULONG)Address;
    Register[1] = (ULONG)(Address >> 32);
}

BOOLEAN VirtioEnableQueue(PVIRTIO_QUEUE Queue)
{
    PVIRTIO_DEVICE Device = Queue->Device;
    volatile VIRTIO_COMMON *Common = VirtioRegisters(Device);
    VirtioClearQueue(Queue);
    Common->QueueSelect = Queue->Index;
    ULONG64 Doorbell = (ULONG64)Common->QueueNotify * Device->NotifyStep;
    if (Doorbell + sizeof(USHORT) > Device->Parts[VirtioNotify].Bytes) {
        return FALSE;
    }
    Queue->Doorbell = (volatile USHORT *)(Device->Parts[VirtioNotify].Address + Doorbell);
    Common->QueueSize = Queue->Size;
    Common->QueueVector = Queue->Vector;
    VirtioTellAddress(Common->QueueDescriptors, Queue->Descriptors);
    VirtioTellAddress(Common->QueueOffered, &Queue->Rings->Offered);
    VirtioTellAddress(Common->QueueUsed, &Queue->Rings->Used);
    Common->QueueEnable = 1;
    return Common->QueueVector == Queue->Vector; /* 4.1.5.1.2.2: else it could not take it */
}

/* ---- commands -------------------------------------------------------------------------------- */

PVIRTIO_SLOT VirtioTakeSlot(PVIRTIO_QUEUE Queue, PVOID Command)
{
    if (Queue->FreeSlot == NO_SLOT) {
        return NULL;
    }
    PVIRTIO_SLOT Slot = &Queue->Slots[Queue->FreeSlot];
    Queue->FreeSlot = Slot->NextFree;
    Slot->Command = Command;
    return Slot;
}

VOID VirtioOffer(PVIRTIO_QUEUE Queue, PVIRTIO_SLOT Slot, USHORT Count)
{
    USHORT First = Queue->Indirect ? 0 : Slot->Head;
    Slot->Writable = 0;
    for (USHORT i = 0; i < Count; i++) {
        PVIRTIO_DESCRIPTOR Entry = &Slot->Table[i];
        Slot->Writable += Entry->Flags & VIRTIO_WRITE ? Entry->Length : 0;
        Entry->Flags |= i + 1 < Count ? VIRTIO_NEXT : 0;
        Entry->Next = i + 1 < Count ? First + i + 1 : 0;
    }
    if (Queue->Indirect) {
        Queue->Descriptors[Slot->Head] = (VIRTIO_DESCRIPTOR){
            Slot->PagePhysical, Count * (ULONG)sizeof(VIRTIO_DESCRIPTOR), VIRTIO_INDIRECT, 0};
    }
    VIRTIO_OFFERED *Offered = &Queue->Rings->Offered;
    Offered->Ring[Offered->Index % Queue->Size] = Slot->Head;
    __atomic_store_n(&Offered->Index, Offered->Index + 1, __ATOMIC_RELEASE);
    Queue->InFlight++;
    Queue->Unnoticed = TRUE;
}

/* 2.6.13.4.1: the index is there for the device to see before its wish is looked at. */
VOID VirtioKick(PVIRTIO_QUEUE Queue)
{
    if (!Queue->Unnoticed) {
        return;
    }
    Queue->Unnoticed = FALSE;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!(__atomic_load_n(&Queue->Rings->Used.Flags, __ATOMIC_RELAXED) & VIRTIO_NO_NOTIFY)) {
        *Queue->Doorbell = Queue->Index;
    }
}

/* The slot that the device means by Id, NULL when there is nothing of it in flight (VQ-1). */
static PVIRTIO_SLOT VirtioSlotOf(PVIRTIO_QUEUE Queue, ULONG Id)
{
    ULONG Step = Queue->Indirect ? 1 : Queue->TableSize;
    if (Id % Step != 0 || Id / Step >= Queue->SlotCount) {
        return NULL;
    }
    PVIRTIO_SLOT Slot = &Queue->Slots[Id / Step];
    return Slot->Command != NULL ? Slot : NULL;
}

VIRTIO_ANSWER VirtioNextAnswer(PVIRTIO_QUEUE Queue, PVIRTIO_SLOT *Slot, PVOID *Command,
                               PULONG Length)
{
    const VIRTIO_USED *Used = &Queue->Rings->Used;
    USHORT New = __atomic_load_n(&Used->Index, __ATOMIC_ACQUIRE) - Queue->Seen;
    if (New == 0) {
        return VirtioNothing;
    }
    PVIRTIO_SLOT Found = VirtioSlotOf(Queue, Used->Ring[Queue->Seen % Queue->Size].Id);
    *Length = Used->Ring[Queue->Seen % Queue->Size].Length;
    if (New > Queue->InFlight || Found == NULL || *Length > Found->Writable) {
        return VirtioNonsense;
    }
    *Slot = Found;
    *Command = Found->Command;
    Found->Command = NULL;
    Found->NextFree = Queue->FreeSlot;
    Queue->FreeSlot = (USHORT)(Found - Queue->Slots);
    Queue->Seen++;
    Queue->InFlight--;
    return VirtioAnswered;
}
