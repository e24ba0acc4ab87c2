/*
 * memory_map.c - makes a loader's memory map trustworthy, for both readers.
 *
 * Firmware hands out maps that are unsorted, overlap, wrap around or end in the middle of a page.
 * What leaves here is sorted, free of overlaps and page aligned. Where two ranges claim a page the
 * less usable type wins, and a page that is only partly usable is not usable.
 *
 * The method is a sweep: cut the address space at every border of every range, give each piece the
 * worst type that covers it, join equal neighbours. It is quadratic in at most 128 ranges, once.
 */
#include "boot/boot.h"
#include "kernel/rtl/section.h"

#define MAX_BORDERS (2 * BOOT_MAX_MEMORY_RANGES)

static ULONG64 INITDATA BlBorders[MAX_BORDERS];
static BOOT_MEMORY_RANGE INITDATA BlPieces[BOOT_MAX_MEMORY_RANGES];

INIT BOOT_MEMORY_TYPE BlMemoryType(ULONG Type)
{
    return Type >= BootMemoryUsable && Type <= BootMemoryBad ? (BOOT_MEMORY_TYPE)Type
                                                             : BootMemoryReserved;
}

INIT BOOLEAN BlAddRange(PBOOT_INFORMATION Information, ULONG64 Base, ULONG64 Size, ULONG Type)
{
    if (Information->RangeCount == BOOT_MAX_MEMORY_RANGES) {
        return FALSE;
    }
    BOOT_MEMORY_RANGE *Range = &Information->Ranges[Information->RangeCount++];
    Range->Base = Base;
    Range->Size = Size;
    Range->Type = BlMemoryType(Type);
    return TRUE;
}

/* Page aligned borders of a range: usable memory shrinks, everything else grows. */
static INIT VOID BlAlign(const BOOT_MEMORY_RANGE *Range, ULONG64 *Start, ULONG64 *End)
{
    ULONG64 Last = Range->Base + Range->Size;
    if (Last < Range->Base) {
        Last = ~0ULL - (PAGE_SIZE - 1); /* wraps: up to the last page of the address space */
    }
    if (Range->Type == BootMemoryUsable) {
        *Start = (Range->Base + PAGE_SIZE - 1) & ~(ULONG64)(PAGE_SIZE - 1);
        *End = Last & ~(ULONG64)(PAGE_SIZE - 1);
        if (*Start < Range->Base || *End < *Start) {
            *End = *Start; /* less than a page: nothing */
        }
    } else {
        *Start = Range->Base & ~(ULONG64)(PAGE_SIZE - 1);
        *End = (Last + PAGE_SIZE - 1) & ~(ULONG64)(PAGE_SIZE - 1);
        if (*End < Last) {
            *End = Last;
        }
    }
}

static INIT ULONG BlCollectBorders(const BOOT_INFORMATION *Information)
{
    ULONG Count = 0;
    for (ULONG i = 0; i < Information->RangeCount; i++) {
        ULONG64 Both[2];
        BlAlign(&Information->Ranges[i], &Both[0], &Both[1]);
        for (ULONG k = 0; k < 2 && Both[0] < Both[1]; k++) {
            ULONG At = Count++;
            for (; At > 0 && BlBorders[At - 1] > Both[k]; At--) {
                BlBorders[At] = BlBorders[At - 1];
            }
            BlBorders[At] = Both[k];
        }
    }
    return Count;
}

/* The least usable type that covers Start, 0 when nothing does: bad, then reserved, then ACPI. */
static INIT ULONG BlWorstTypeAt(const BOOT_INFORMATION *Information, ULONG64 Start)
{
    static const UCHAR Rank[] = {0, 1, 4, 2, 3, 5}; /* by BOOT_MEMORY_TYPE */
    ULONG Worst = 0;
    for (ULONG i = 0; i < Information->RangeCount; i++) {
        ULONG64 From, To;
        BlAlign(&Information->Ranges[i], &From, &To);
        ULONG Type = Information->Ranges[i].Type;
        if (Start >= From && Start < To && Rank[Type] > Rank[Worst]) {
            Worst = Type;
        }
    }
    return Worst;
}

INIT const CHAR *BlSanitiseMap(PBOOT_INFORMATION Information)
{
    if (Information->RangeCount == 0) {
        return "the boot loader gave no memory map";
    }
    ULONG Borders = BlCollectBorders(Information);
    ULONG Pieces = 0;
    ULONG64 Usable = 0;
    for (ULONG i = 0; i + 1 < Borders; i++) {
        ULONG64 Size = BlBorders[i + 1] - BlBorders[i];
        ULONG Type = BlWorstTypeAt(Information, BlBorders[i]);
        if (Size == 0 || Type == 0) {
            continue;
        }
        Usable += Type == BootMemoryUsable ? Size : 0;
        BOOT_MEMORY_RANGE *Last = Pieces ? &BlPieces[Pieces - 1] : NULL;
        if (Last && Last->Type == Type && Last->Base + Last->Size == BlBorders[i]) {
            Last->Size += Size;
            continue;
        }
        if (Pieces == BOOT_MAX_MEMORY_RANGES) {
            return "the boot loader's memory map is in too many pieces (more than 128)";
        }
        BlPieces[Pieces++] = (BOOT_MEMORY_RANGE){BlBorders[i], Size, (BOOT_MEMORY_TYPE)Type};
    }
    for (ULONG i = 0; i < Pieces; i++) {
        Information->Ranges[i] = BlPieces[i];
    }
    Information->RangeCount = Pieces;
    return Usable ? NULL : "the boot loader's memory map has no usable memory";
}

INIT BOOLEAN BlCopyCommandLine(PBOOT_INFORMATION Information, const CHAR *Text, ULONG64 Size)
{
    ULONG64 i = 0;
    while (i < Size && i < BOOT_COMMAND_LINE_SIZE - 1 && Text[i] != '\0') {
        Information->CommandLine[i] = Text[i];
        i++;
    }
    Information->CommandLine[i] = '\0';
    return i == Size || Text[i] == '\0';
}
