/*
 * multiboot2.c - reads what GRUB hands over (BIOS and UEFI alike), for init.c.
 *
 * Layout: the Multiboot2 Specification 2.0, section 3.6: a total size, then tags {type, size,
 * data}, each padded to 8 bytes, ended by tag type 0. The list is a claim too: a tag that does not
 * fit into what is left ends the boot with a sentence, never with a read outside.
 */
#include "boot/boot.h"
#include "kernel/rtl/section.h"

#define TAG_END          0
#define TAG_COMMAND_LINE 1
#define TAG_MODULE       3
#define TAG_MEMORY_MAP   6
#define TAG_ACPI_OLD     14
#define TAG_ACPI_NEW     15

typedef struct _MULTIBOOT_TAG {
    ULONG Type;
    ULONG Size; /* this header included, padding not */
} MULTIBOOT_TAG;

typedef struct _MULTIBOOT_MODULE_TAG {
    MULTIBOOT_TAG Tag;
    ULONG Start;
    ULONG End;
} MULTIBOOT_MODULE_TAG;

typedef struct _MULTIBOOT_MAP_TAG {
    MULTIBOOT_TAG Tag;
    ULONG EntrySize;
    ULONG EntryVersion;
} MULTIBOOT_MAP_TAG;

typedef struct _MULTIBOOT_MAP_ENTRY {
    ULONG64 Base;
    ULONG64 Size;
    ULONG Type;
    ULONG Reserved;
} MULTIBOOT_MAP_ENTRY;

#define MULTIBOOT_MAX_SIZE 0x100000 /* 1 MiB: far above any real list */

static INIT const CHAR *BlReadMapTag(const UCHAR *Bytes, ULONG Size, PBOOT_INFORMATION Information)
{
    const MULTIBOOT_MAP_TAG *Map = (const VOID *)Bytes;
    if (Size < sizeof(*Map) || Map->EntrySize < sizeof(MULTIBOOT_MAP_ENTRY) ||
        Map->EntrySize % 8 != 0) {
        return "the boot loader's memory map tag is damaged";
    }
    for (ULONG At = sizeof(*Map); Size - At >= Map->EntrySize; At += Map->EntrySize) {
        const MULTIBOOT_MAP_ENTRY *Entry = (const VOID *)(Bytes + At);
        if (!BlAddRange(Information, Entry->Base, Entry->Size, Entry->Type)) {
            return "the boot loader's memory map has more than 128 entries";
        }
    }
    return NULL;
}

static INIT const CHAR *BlReadModuleTag(const UCHAR *Bytes, ULONG Size,
                                        PBOOT_INFORMATION Information)
{
    const MULTIBOOT_MODULE_TAG *Module = (const VOID *)Bytes;
    if (Size < sizeof(*Module) || Module->End < Module->Start ||
        BlMap(Module->Start, Module->End - Module->Start) == NULL) {
        return "a boot module lies outside of memory";
    }
    if (Information->ModuleCount == BOOT_MAX_MODULES) {
        return "the boot loader gave more than 8 modules; pack them into one archive";
    }
    Information->Modules[Information->ModuleCount++] =
        (BOOT_MODULE){Module->Start, Module->End - Module->Start};
    return NULL;
}

static INIT const CHAR *BlReadTag(const UCHAR *Bytes, ULONG Type, ULONG Size,
                                  PBOOT_INFORMATION Information)
{
    const UCHAR *Data = Bytes + sizeof(MULTIBOOT_TAG);
    ULONG Length = Size - sizeof(MULTIBOOT_TAG);
    switch (Type) {
    case TAG_COMMAND_LINE:
        if (!BlCopyCommandLine(Information, (const CHAR *)Data, Length)) {
            return "the command line is longer than 1023 characters";
        }
        return NULL;
    case TAG_MODULE: return BlReadModuleTag(Bytes, Size, Information);
    case TAG_MEMORY_MAP: return BlReadMapTag(Bytes, Size, Information);
    case TAG_ACPI_OLD:
    case TAG_ACPI_NEW:
        /* The tag holds a copy of the RSDP; the newer one (revision 2) wins. */
        if (Length >= 20 && (Type == TAG_ACPI_NEW || Information->AcpiRsdp == 0)) {
            Information->AcpiRsdp = (ULONG64)Data - BOOT_DIRECT_MAP;
        }
        return NULL;
    default: return NULL; /* a tag that we have no use for */
    }
}

INIT const CHAR *BlParseMultiboot2(const UCHAR *Bytes, ULONG64 Size, PBOOT_INFORMATION Information)
{
    Information->Road = "multiboot2";
    ULONG64 At = 8; /* total size, reserved */
    while (Size >= sizeof(MULTIBOOT_TAG) && At <= Size - sizeof(MULTIBOOT_TAG)) {
        const MULTIBOOT_TAG *Tag = (const VOID *)(Bytes + At);
        if (Tag->Type == TAG_END) {
            return Information->RangeCount ? NULL : "the boot loader gave no memory map";
        }
        if (Tag->Size < sizeof(*Tag) || Tag->Size > Size - At) {
            return "the boot loader's tag list is damaged: a tag is longer than the list";
        }
        const CHAR *Wrong = BlReadTag(Bytes + At, Tag->Type, Tag->Size, Information);
        if (Wrong != NULL) {
            return Wrong;
        }
        At += (Tag->Size + 7ULL) & ~7ULL;
    }
    return "the boot loader's tag list is cut off: it has no end tag";
}

INIT const CHAR *BlReadMultiboot2(ULONG64 Address, PBOOT_INFORMATION Information)
{
    const ULONG *Header = BlMap(Address, 8);
    if (Header == NULL || Address % 8 != 0 || Header[0] < 8 || Header[0] > MULTIBOOT_MAX_SIZE ||
        BlMap(Address, Header[0]) == NULL) {
        return "the multiboot2 information is not where the boot loader says, or is damaged";
    }
    return BlParseMultiboot2((const UCHAR *)Header, Header[0], Information);
}
