/*
 * bootinfo.h - what the boot loader told us, in one form.
 *
 * Both boot roads (multiboot2 through GRUB, PVH through qemu -kernel) fill one BOOT_INFORMATION;
 * nothing after boot/ knows which road was taken. All addresses are physical; the memory map is
 * sorted, without overlaps, and page aligned towards the safe side (usable memory shrinks, the rest
 * grows).
 */
#pragma once

#include <ntdef.h>

#define BOOT_MAX_MEMORY_RANGES 128
#define BOOT_MAX_MODULES       8
#define BOOT_COMMAND_LINE_SIZE 1024

typedef enum _BOOT_MEMORY_TYPE {
    BootMemoryUsable = 1,
    BootMemoryReserved = 2,
    BootMemoryAcpiReclaim = 3,
    BootMemoryAcpiNvs = 4,
    BootMemoryBad = 5,
} BOOT_MEMORY_TYPE;

typedef struct _BOOT_MEMORY_RANGE {
    ULONG64 Base; /* bytes */
    ULONG64 Size; /* bytes */
    BOOT_MEMORY_TYPE Type;
} BOOT_MEMORY_RANGE;

typedef struct _BOOT_MODULE {
    ULONG64 Base;
    ULONG64 Size;
} BOOT_MODULE;

typedef struct _BOOT_INFORMATION {
    const CHAR *Road; /* "PVH" or "multiboot2", for the greeting only */
    ULONG RangeCount;
    ULONG ModuleCount;
    ULONG64 AcpiRsdp; /* 0: none was given */
    BOOT_MEMORY_RANGE Ranges[BOOT_MAX_MEMORY_RANGES];
    BOOT_MODULE Modules[BOOT_MAX_MODULES];
    CHAR CommandLine[BOOT_COMMAND_LINE_SIZE]; /* always ends in NUL */
} BOOT_INFORMATION, *PBOOT_INFORMATION;
