/*
 * boot.h - between the files of boot/: the two readers of loader data and the memory map they
 * share. Nobody outside boot/ includes this.
 */
#pragma once

#include "kernel/ke/bootinfo.h"

/* Where a reader may look: physical 0..4 GiB, through the direct map that entry.S made. */
#define BOOT_DIRECT_MAP   0xFFFFFC0000000000ULL
#define BOOT_DIRECT_LIMIT 0x100000000ULL

/*
 * The loader's bytes at physical Address, NULL unless all Size of them are inside the direct map
 * and outside the kernel image's hole. Every pointer that a loader gives goes through here.
 */
const VOID *BlMap(ULONG64 Address, ULONG64 Size);

/*
 * The readers. Each fills *Information from loader data at physical Address and returns NULL, or
 * returns one sentence that says what is wrong.
 */
const CHAR *BlReadPvh(ULONG64 Address, PBOOT_INFORMATION Information);
const CHAR *BlReadMultiboot2(ULONG64 Address, PBOOT_INFORMATION Information);
/* The same over bytes in hand (Size of them), for tests with hostile ones. */
const CHAR *BlParseMultiboot2(const UCHAR *Bytes, ULONG64 Size, PBOOT_INFORMATION Information);

/* Copies a command line of at most Size bytes that need not end in NUL; FALSE when it was cut. */
BOOLEAN BlCopyCommandLine(PBOOT_INFORMATION Information, const CHAR *Text, ULONG64 Size);
/* Appends one range of the loader's map; FALSE when the table is full. Any order, any overlap. */
BOOLEAN BlAddRange(PBOOT_INFORMATION Information, ULONG64 Base, ULONG64 Size, ULONG Type);
/*
 * Sorts, cuts overlaps (the less usable type wins), aligns to pages, joins neighbours; NULL or
 * what is wrong.
 */
const CHAR *BlSanitiseMap(PBOOT_INFORMATION Information);
/* The type that a loader's number means; unknown numbers are reserved memory. */
BOOT_MEMORY_TYPE BlMemoryType(ULONG Type);

/* greet.c: the first lines, before the memory manager starts, and the rest when all is up. */
VOID BlBeginGreeting(const BOOT_INFORMATION *Information);
VOID BlGreet(VOID);

/*
 * Fills HalpMachine from the firmware's ACPI tables. Before the memory manager cuts the direct map
 * down: firmware keeps its tables anywhere.
 */
VOID BlReadFirmware(const BOOT_INFORMATION *Information);

/* Starts the processors that HalpMachine names, up to cpus=. PASSIVE_LEVEL. */
VOID BlStartProcessors(VOID);
