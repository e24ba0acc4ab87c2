/*
 * virtio.h - what the drivers of virtio devices share: the device's registers, and queues that it
 * takes commands from. Layout and behaviour: OASIS virtio 1.1 (sections are named), little endian.
 */
#pragma once

#include "executive/io/io.h"

/* ---- the device (virtio_pci.c) --------------------------------------------------------------- */

/* 4.1.4.3 Common configuration structure. */
typedef struct _VIRTIO_COMMON {
    ULONG DeviceFeatureSelect, DeviceFeature;
    ULONG DriverFeatureSelect, DriverFeature;
    USHORT ConfigVector, QueueCount;
    UCHAR Status, Generation;
    USHORT QueueSelect, QueueSize, QueueVector, QueueEnable, QueueNotify;
    ULONG QueueDescriptors[2], QueueOffered[2], QueueUsed[2]; /* low half, high half */
} VIRTIO_COMMON, *PVIRTIO_COMMON;
_Static_assert(offsetof(VIRTIO_COMMON, QueueUsed) == 0x30, "virtio 1.1, 4.1.4.3");

#define VIRTIO_VENDOR    0x1AF4
#define VIRTIO_NO_VECTOR 0xFFFF

/* 2.1 Device Status Field. */
#define VIRTIO_ACKNOWLEDGE 0x01
#define VIRTIO_DRIVER      0x02
#define VIRTIO_DRIVER_OK   0x04
#define VIRTIO_FEATURES_OK 0x08
#define VIRTIO_FAILED      0x80

/* 6 Reserved Feature Bits. */
#define VIRTIO_F_INDIRECT  (1ULL << 28)
#define VIRTIO_F_VERSION_1 (1ULL << 32)

/* 4.1.4 Virtio Structure PCI Capabilities: the kinds of registers. */
typedef enum _VIRTIO_PART_KIND {
    VirtioCommon = 1,
    VirtioNotify,
    VirtioInterrupt, /* reading its byte lets go of the line */
    VirtioConfig,
    VirtioParts,
} VIRTIO_PART_KIND;

typedef struct _VIRTIO_DEVICE {
    PIOP_FUNCTION Function; /* NULL in tests: registers are memory */
    struct {
        volatile UCHAR *Address; /* NULL: there is none */
        ULONG Bytes;
    } Parts[VirtioParts];
    ULONG NotifyStep;
    ULONG64 Features; /* agreed on */
} VIRTIO_DEVICE, *PVIRTIO_DEVICE;

static inline volatile VIRTIO_COMMON *VirtioRegisters(PVIRTIO_DEVICE Device)
{
    return (volatile VIRTIO_COMMON *)Device->Parts[VirtioCommon].Address;
}

/* Finds and maps the registers; FALSE when they are not all there. <= DISPATCH_LEVEL. */
BOOLEAN VirtioMapDevice(PVIRTIO_DEVICE Device, PIOP_FUNCTION Function);
VOID VirtioUnmapDevice(PVIRTIO_DEVICE Device);
/* FALSE when the device does not answer any more. */
BOOLEAN VirtioReset(PVIRTIO_DEVICE Device);
/*
 * From reset to FEATURES_OK (3.1.1), with those of Wanted that the device offers. FALSE: without
 * VERSION_1, or the device refuses.
 */
BOOLEAN VirtioNegotiate(PVIRTIO_DEVICE Device, ULONG64 Wanted);
VOID VirtioAddStatus(PVIRTIO_DEVICE Device, UCHAR Bits);
/* Resets it for good: it touches no memory any more. Any IRQL. */
VOID VirtioStop(PVIRTIO_DEVICE Device);

/* ---- queues (virtio_queue.c) ----------------------------------------------------------------- */

/* 2.6.5 The Virtqueue Descriptor Table. */
typedef struct _VIRTIO_DESCRIPTOR {
    ULONG64 Address;
    ULONG Length;
    USHORT Flags, Next;
} VIRTIO_DESCRIPTOR, *PVIRTIO_DESCRIPTOR;
#define VIRTIO_NEXT     1
#define VIRTIO_WRITE    2 /* the device writes there */
#define VIRTIO_INDIRECT 4

#define VIRTIO_QUEUE_SIZE 256 /* most that we use: its rings fill two pages */

/* What the driver offers, and what the device has used: 2.6.6 and 2.6.8. */
typedef struct _VIRTIO_OFFERED {
    USHORT Flags, Index;
    USHORT Ring[VIRTIO_QUEUE_SIZE];
} VIRTIO_OFFERED;
typedef struct _VIRTIO_USED {
    USHORT Flags, Index;
    struct {
        ULONG Id, Length;
    } Ring[VIRTIO_QUEUE_SIZE];
} VIRTIO_USED;
#define VIRTIO_NO_NOTIFY 1 /* flag of VIRTIO_USED */

/* The rings of a queue: two pages that need not be neighbours. */
typedef struct _VIRTIO_RINGS {
    VIRTIO_USED Used;
    VIRTIO_OFFERED Offered;
} VIRTIO_RINGS, *PVIRTIO_RINGS;
_Static_assert(sizeof(VIRTIO_RINGS) <= PAGE_SIZE && VIRTIO_QUEUE_SIZE * 16 <= PAGE_SIZE, "");

/* A command that is on its way, and its page: descriptors first, the tail as the driver likes. */
typedef struct _VIRTIO_SLOT {
    PUCHAR Page;
    ULONG64 PagePhysical;
    PVIRTIO_DESCRIPTOR Table; /* in the page, or some of the ring's own descriptors */
    PVOID Command;            /* the driver's; NULL: free */
    ULONG Writable;           /* bytes that the device may write */
    USHORT Head;              /* the ring's descriptor that the device is told */
    USHORT NextFree;          /* slot */
} VIRTIO_SLOT, *PVIRTIO_SLOT;

typedef struct _VIRTIO_QUEUE {
    PVOID Owner; /* the driver's */
    PVIRTIO_DEVICE Device;
    KDPC Dpc; /* the driver's */
    USHORT Vector;
    USHORT Index, Size;
    USHORT TableSize; /* descriptors of a slot */
    USHORT SlotCount, FreeSlot, InFlight;
    USHORT Seen;       /* how far the used ring was read */
    BOOLEAN Indirect;  /* each slot has one of the ring's descriptors, which names its table */
    BOOLEAN Unnoticed; /* something was offered since the last kick */
    volatile USHORT *Doorbell;
    PVIRTIO_DESCRIPTOR Descriptors;
    PVIRTIO_RINGS Rings;
    PVIRTIO_SLOT Slots;
} VIRTIO_QUEUE, *PVIRTIO_QUEUE;

/*
 * Memory for queue Index, with up to Slots commands of up to TableSize descriptors; both become
 * less where the ring is short. Behind VirtioNegotiate. FALSE: no memory, or no such queue.
 * <= DISPATCH_LEVEL.
 */
BOOLEAN VirtioBuildQueue(PVIRTIO_QUEUE Queue, PVIRTIO_DEVICE Device, USHORT Index, USHORT Slots,
                         USHORT TableSize);
VOID VirtioFreeQueue(PVIRTIO_QUEUE Queue);
/* Forgets all commands and tells the device where the rings are. Behind VirtioNegotiate. */
BOOLEAN VirtioEnableQueue(PVIRTIO_QUEUE Queue);
/* A free slot, NULL when all are in flight. */
PVIRTIO_SLOT VirtioTakeSlot(PVIRTIO_QUEUE Queue, PVOID Command);
/* Gives the device the first Count descriptors of the slot's table. */
VOID VirtioOffer(PVIRTIO_QUEUE Queue, PVIRTIO_SLOT Slot, USHORT Count);
/* Tells the device about what was offered, unless it looks anyway. */
VOID VirtioKick(PVIRTIO_QUEUE Queue);

typedef enum _VIRTIO_ANSWER { VirtioNothing, VirtioAnswered, VirtioNonsense } VIRTIO_ANSWER;
/* The next command that the device has answered; its slot is free then. Length: bytes written. */
VIRTIO_ANSWER VirtioNextAnswer(PVIRTIO_QUEUE Queue, PVIRTIO_SLOT *Slot, PVOID *Command,
                               PULONG Length);
