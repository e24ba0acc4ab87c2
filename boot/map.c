/*
 * map.c - the one door through which loader data is read, for the two readers.
 *
 * Every address that a loader hands over is a claim. What is not wholly inside the first 4 GiB, or
 * touches the hole over the kernel image, is refused here, so that no reader can follow a wild
 * pointer.
 */
#include "boot/boot.h"
#include "kernel/rtl/section.h"

INIT const VOID *BlMap(ULONG64 Address, ULONG64 Size)
{
    extern CHAR KiImageStart[], KiImageEnd[];
    ULONG64 HoleStart = (ULONG64)KiImageStart & 0x7FE00000;
    ULONG64 HoleEnd = (((ULONG64)KiImageEnd & 0x7FFFFFFF) + 0x1FFFFF) & ~0x1FFFFFULL;
    ULONG64 End = Address + Size;
    if (Address == 0 || End < Address || End > BOOT_DIRECT_LIMIT) {
        return NULL;
    }
    if (Address < HoleEnd && End > HoleStart) {
        return NULL;
    }
    return (const VOID *)(BOOT_DIRECT_MAP + Address);
}
