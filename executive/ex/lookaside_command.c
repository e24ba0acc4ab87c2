/*
 * lookaside_command.c - `!lookaside`: the lookaside lists in use, at the monitor's prompt.
 *
 * Fields are the debugger's (contract 6).
 */
#include "executive/ex/lookaside.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"
#include "mm/pool/pool.h"

#define USAGE "!lookaside"

static ULONG ExpListsShown;

static VOID ExpShowList(PGENERAL_LOOKASIDE_POOL List)
{
    CHAR Tag[POOL_TAG_TEXT];
    ULONG64 Hits = List->TotalAllocates - List->AllocateMisses;
    ExpFormatTag(List->Tag, Tag);
    DbgPrint("Lookaside \"%s\" @ %p\n", Tag, List);
    DbgPrint("    Type     = %04lx %s\n", (ULONG)List->Type,
             List->Type & PagedPool ? "PagedPool" : "NonPagedPool");
    DbgPrint("    Current Depth  = %5u   Max Depth  = %5u\n",
             (ULONG)ExQueryDepthSList(&List->ListHead), (ULONG)List->Depth);
    DbgPrint("    Size           = %5lu   Max Alloc  = %5I64u\n", List->Size,
             (ULONG64)List->Size * List->Depth);
    DbgPrint("    AllocateMisses = %5lu   FreeMisses = %5lu\n", List->AllocateMisses,
             List->FreeMisses);
    DbgPrint("    TotalAllocates = %5lu   TotalFrees = %5lu\n", List->TotalAllocates,
             List->TotalFrees);
    DbgPrint("    Hit Rate       = %5I64u%%\n",
             List->TotalAllocates == 0 ? 0 : Hits * 100 / List->TotalAllocates);
    ExpListsShown++;
}

static VOID LookasideCommand(const CHAR *Arguments)
{
    ULONG Count = 0;
    if (!KiReadArguments(USAGE, Arguments, 0, NULL, &Count)) {
        return;
    }
    ExpListsShown = 0;
    ExpForEachLookaside(ExpShowList);
    if (ExpListsShown == 0) {
        DbgPrint("no lookaside list is in use\n");
    }
}
MONITOR_COMMAND("!lookaside", USAGE, "lookaside lists: depth, misses, hit rate", LookasideCommand);
