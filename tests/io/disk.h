/*
 * disk.h - what the tests of block devices share.
 */
#pragma once

#include "executive/io/block.h"
#include "kernel/hal/hal.h"
#include "tests/test.h"
#include <wdm.h>

/* The disk of the machine, NULL without one. */
PIO_BLOCK_DEVICE TestDisk(VOID);
#define NEED_DISK                                                                                  \
    if (TestDisk() == NULL) {                                                                      \
        SKIP("this machine has no disk: --disk 64M");                                              \
    }

/* Pages to read and write. */
typedef struct _DISK_BUFFER {
    PUCHAR Pages;
    ULONG Count;
} DISK_BUFFER;
extern DISK_BUFFER TestDiskBuffer;

BOOLEAN TestDiskOpen(ULONG Pages);
VOID TestDiskClose(VOID);
/* The buffer's words become numbers made of their place on the disk and a salt. */
VOID TestDiskFill(ULONG64 Offset, ULONG Pages, ULONG64 Salt);
BOOLEAN TestDiskHolds(ULONG64 Offset, ULONG Pages, ULONG64 Salt);
