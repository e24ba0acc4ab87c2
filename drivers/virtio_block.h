/*
 * virtio_block.h - between the two halves of the driver of virtio disks: commands (virtio_block.c),
 * and start-up and interrupts (virtio_block_start.c). Tests build a device of their own from it.
 */
#pragma once

#include "drivers/virtio.h"
#include "executive/io/block.h"

#define VIRTIO_BLOCK_QUEUES 16 /* most that we use */

/* 5.2.3 Feature bits. */
#define VIRTIO_BLOCK_SIZE_MAX (1ULL << 1)
#define VIRTIO_BLOCK_SEG_MAX  (1ULL << 2)
#define VIRTIO_BLOCK_RO       (1ULL << 5)
#define VIRTIO_BLOCK_BLK_SIZE (1ULL << 6)
#define VIRTIO_BLOCK_FLUSH    (1ULL << 9)
#define VIRTIO_BLOCK_MQ       (1ULL << 12)

/* 5.2.4 Device configuration layout, as far as we look. */
typedef struct _VIRTIO_BLOCK_CONFIG {
    ULONG Capacity[2]; /* sectors of 512 bytes */
    ULONG SizeMax, SegMax;
    ULONG Geometry;
    ULONG BlockSize;
    UCHAR Topology[8], Writeback, Reserved;
    USHORT QueueCount;
} VIRTIO_BLOCK_CONFIG;
_Static_assert(offsetof(VIRTIO_BLOCK_CONFIG, QueueCount) == 34, "virtio 1.1, 5.2.4");
#define VIRTIO_SECTOR 512

/* 5.2.6: what stands in front of the data and behind it; both at the tail of the slot's page. */
typedef struct _VIRTIO_BLOCK_TAIL {
    ULONG Type, Reserved;
    ULONG64 Sector;
    volatile UCHAR Status; /* the device's word */
    UCHAR Padding[15];
} VIRTIO_BLOCK_TAIL, *PVIRTIO_BLOCK_TAIL;
#define VIRTIO_BLOCK_HEADER 16 /* bytes in front of Status */
/* Segments of data that a slot's page has room for, between those for the header and Status. */
#define VIRTIO_BLOCK_SEGMENTS                                                                      \
    ((PAGE_SIZE - sizeof(VIRTIO_BLOCK_TAIL)) / sizeof(VIRTIO_DESCRIPTOR) - 2)

enum { VirtioBlockIn = 0, VirtioBlockOut = 1, VirtioBlockFlush = 4 };
enum { VirtioBlockOk = 0, VirtioBlockError = 1, VirtioBlockUnsupported = 2 };
#define VIRTIO_BLOCK_NO_STATUS 0xFF /* stands there until the device writes */

typedef struct _VIRTIO_BLOCK {
    IO_BLOCK_DEVICE Block; /* its lock guards the queues */
    VIRTIO_DEVICE Device;
    CHAR Description[48];
    ULONG Segments; /* of a command */
    ULONG SegmentBytes;
    USHORT QueueCount;
    ULONG Messages; /* interrupts that the queues share; 0: none is connected */
    PVOID Connection;
    ULONG ConnectionVersion;
    UCHAR QueueOf[KI_MAX_PROCESSORS]; /* by processor: that whose interrupt comes there */
    VIRTIO_QUEUE Queues[VIRTIO_BLOCK_QUEUES];
} VIRTIO_BLOCK, *PVIRTIO_BLOCK;

extern const IO_BLOCK_DRIVER VirtioBlockDriver;

/*
 * Agrees on features with the device behind Disk->Device, reads its configuration and makes at most
 * Queues queues. Returns what is wrong, NULL if nothing is. <= DISPATCH_LEVEL.
 */
const CHAR *VirtioBuildBlock(PVIRTIO_BLOCK Disk, USHORT Queues);
/* Lets the device begin, with its queues empty. FALSE: it does not answer. */
BOOLEAN VirtioBeginBlock(PVIRTIO_BLOCK Disk);
VOID VirtioFreeBlock(PVIRTIO_BLOCK Disk);
