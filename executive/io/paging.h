/*
 * paging.h - paging files on disks, for boot/init.c and tests.
 */
#pragma once

#include "executive/io/block.h"

/*
 * Pages to a disk: Minimum pages of it at first, up to Maximum. STATUS_UNRECOGNIZED_VOLUME:
 * somebody else's data is there. STATUS_DISK_FULL: it is too small. What the disk or
 * MiCreatePagingFile answer. PASSIVE_LEVEL.
 */
NTSTATUS IoCreatePagingFile(PIO_BLOCK_DEVICE Device, ULONG64 Minimum, ULONG64 Maximum);
/* As the word `pagefile` has it: all blank disks without it. PASSIVE_LEVEL. */
VOID IoOpenPagingFiles(VOID);
