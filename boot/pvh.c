/*
 * pvh.c - reads what `qemu -kernel` hands over through the PVH entry, for init.c.
 *
 * Layout: the Xen project's "x86/HVM direct boot ABI" (hvm_start_info, version 1 has the memory
 * map). Every address in it is a claim, checked by BlMap before it is read.
 */
#include "boot/boot.h"
#include "kernel/rtl/section.h"

#define PVH_MAGIC 0x336EC578

typedef struct _PVH_START_INFO {
    ULONG Magic;
    ULONG Version;
    ULONG Flags;
    ULONG ModuleCount;
    ULONG64 ModuleList;
    ULONG64 CommandLine;
    ULONG64 Rsdp;
    ULONG64 MemoryMap; /* from version 1 on */
    ULONG MemoryMapEntries;
    ULONG Reserved;
} PVH_START_INFO;
_Static_assert(sizeof(PVH_START_INFO) == 56, "PVH");

typedef struct _PVH_MODULE {
    ULONG64 Base;
    ULONG64 Size;
    ULONG64 CommandLine;
    ULONG64 Reserved;
} PVH_MODULE;

typedef struct _PVH_MEMORY_RANGE {
    ULONG64 Base;
    ULONG64 Size;
    ULONG Type;
    ULONG Reserved;
} PVH_MEMORY_RANGE;

static INIT const CHAR *BlReadPvhMap(const PVH_START_INFO *Start, PBOOT_INFORMATION Information)
{
    if (Start->Version < 1 || Start->MemoryMapEntries == 0) {
        return "the boot loader gave no memory map";
    }
    if (Start->MemoryMapEntries > BOOT_MAX_MEMORY_RANGES) {
        return "the boot loader's memory map has more than 128 entries";
    }
    const PVH_MEMORY_RANGE *Range =
        BlMap(Start->MemoryMap, Start->MemoryMapEntries * sizeof(PVH_MEMORY_RANGE));
    if (Range == NULL) {
        return "the boot loader's memory map lies outside of memory";
    }
    for (ULONG i = 0; i < Start->MemoryMapEntries; i++) {
        BlAddRange(Information, Range[i].Base, Range[i].Size, Range[i].Type);
    }
    return NULL;
}

INIT const CHAR *BlReadPvh(ULONG64 Address, PBOOT_INFORMATION Information)
{
    const PVH_START_INFO *Start = BlMap(Address, sizeof(PVH_START_INFO));
    if (Start == NULL || Start->Magic != PVH_MAGIC) {
        return "the PVH start record is not where the boot loader says, or is none";
    }
    Information->Road = "PVH";
    Information->AcpiRsdp = Start->Rsdp;
    if (Start->CommandLine != 0) {
        const CHAR *Text = BlMap(Start->CommandLine, BOOT_COMMAND_LINE_SIZE);
        if (Text == NULL || !BlCopyCommandLine(Information, Text, BOOT_COMMAND_LINE_SIZE)) {
            return "the command line is longer than 1023 characters or lies outside of memory";
        }
    }
    if (Start->ModuleCount > BOOT_MAX_MODULES) {
        return "the boot loader gave more than 8 modules; pack them into one archive";
    }
    const PVH_MODULE *Module = BlMap(Start->ModuleList, Start->ModuleCount * sizeof(PVH_MODULE));
    for (ULONG i = 0; i < Start->ModuleCount; i++) {
        if (Module == NULL || BlMap(Module[i].Base, Module[i].Size) == NULL) {
            return "a boot module lies outside of memory";
        }
        Information->Modules[Information->ModuleCount++] =
            (BOOT_MODULE){Module[i].Base, Module[i].Size};
    }
    return BlReadPvhMap(Start, Information);
}
