/*
 * memory_device.h - a virtio disk whose registers are ordinary memory, and whose answers a test
 * writes.
 *
 * Memory as registers keeps what is written, which is all that the driver's start needs; both
 * halves of the features read the same, so the word has the bits of both.
 */
#pragma once

#include "drivers/virtio_block.h"
#include "kernel/rtl/rtl.h"
#include "tests/test.h"
#include <wdm.h>

/* Bit 0 is VERSION_1 in the upper half and unknown in the lower, 28 the other way round. */
#define FEATURE_WORD       (1U | 1U << 28 | 1U << 2 | 1U << 6 | 1U << 9)
#define NO_INDIRECT        (FEATURE_WORD & ~(1U << 28))
#define RING_SIZE          64
#define DOORBELL_UNTOUCHED 0xBEEF
#define PAGE_A             0x111ULL /* frames that nobody looks into */
#define PAGE_B             0x333ULL

typedef struct _MEMORY_REGISTERS {
    VIRTIO_COMMON Common;
    VIRTIO_BLOCK_CONFIG Config;
    USHORT Doorbell[4];
    UCHAR Interrupt;
} MEMORY_REGISTERS;
extern MEMORY_REGISTERS TestRegisters;
extern VIRTIO_BLOCK TestVirtio;
extern IO_BLOCK_REQUEST TestRequest; /* the only one */
extern ULONG TestCalls;              /* of its Done */

/* A device of 1,000 pages that takes 5 segments and that has not been looked at yet. */
VOID TestMakeDevice(ULONG Features);
/* The same, started and registered. */
BOOLEAN TestOpenDevice(ULONG Features);
BOOLEAN TestStartDevice(VOID);
VOID TestCloseDevice(VOID);
#define OPEN_DEVICE REQUIRE(TestOpenDevice(FEATURE_WORD))

VOID TestSubmit(IO_BLOCK_OPERATION Operation, ULONG64 Page, ULONG Pages, const PFN_NUMBER *Frames);
VOID TestSubmitOne(IO_BLOCK_OPERATION Operation);
PVIRTIO_BLOCK_TAIL TestTailOf(PVIRTIO_SLOT Slot);
/* The newest command that the driver offered. */
PVIRTIO_SLOT TestNewest(VOID);
/* Writes an answer as a device would, Step commands on in its ring, and has the driver look. */
VOID TestAnswer(ULONG Id, ULONG Length, USHORT Step);
VOID TestAnswerNewest(UCHAR Status, ULONG Length);
