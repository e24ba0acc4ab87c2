/*
 * disk.h - what the tests of real disks share: a disk that may be written over, and pages whose
 * contents tell where they belong.
 */
#pragma once

#include "executive/io/block.h"
#include "kernel/hal/hal.h"
#include "tests/ke/smp.h"
#include <wdm.h>

/* The first disk that nobody has claimed, NULL without one. */
PIO_BLOCK_DEVICE TestDisk(VOID);
#define NEED_DISK                                                                                  \
    if (TestDisk() == NULL) {                                                                      \
        SKIP("this machine has no disk to write on: --disk 64M");                                  \
    }

/* Pages to read and write, with their frames in order. */
typedef struct _DISK_BUFFER {
    PUCHAR Pages;
    PPFN_NUMBER Frames;
    ULONG Count;
} DISK_BUFFER, *PDISK_BUFFER;

BOOLEAN TestDiskOpen(PDISK_BUFFER Buffer, ULONG Pages);
VOID TestDiskClose(PDISK_BUFFER Buffer);
/* Words of the buffer become numbers made of their place on the disk and a salt. */
VOID TestDiskFill(PDISK_BUFFER Buffer, ULONG64 Page, ULONG Pages, ULONG64 Salt);
/* The first page of the buffer that is not so; Pages when all are. */
ULONG TestDiskCheck(PDISK_BUFFER Buffer, ULONG64 Page, ULONG Pages, ULONG64 Salt);
/* Transfers the first pages of the buffer. */
NTSTATUS TestDiskTransfer(PDISK_BUFFER Buffer, IO_BLOCK_OPERATION Operation, ULONG64 Page,
                          ULONG Pages);
NTSTATUS TestDiskFlush(VOID);
