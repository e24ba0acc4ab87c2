/*
 * pfn_command.c - `!pfn` and `!memusage`: the page frame database at the monitor's prompt.
 *
 * Entries are read without their lock: what is shown of a page that changes hands meanwhile may be
 * of two moments, but any number may be asked for and nothing faults.
 */
#include "mm/mm.h"
#include "kernel/rtl/section.h"

#define PFN_USAGE "!pfn FRAME"
#define PAGE_KB   (PAGE_SIZE / 1024)

/* Where a page is mapped, when one PTE maps it. */
static VOID MiPrintMapping(const MMPFN *Entry)
{
    if (Entry->PteAddress == NULL || MiAddressKind(Entry->PteAddress) != MiVaPageTables) {
        return;
    }
    PVOID Va = MiPteToAddress(Entry->PteAddress);
    DbgPrint("    mapped at %p  %s\n", Va, MiKindName(MiAddressKind(Va)));
}

static VOID PfnCommand(const CHAR *Arguments)
{
    ULONG64 Pfn;
    ULONG Count = 1;
    if (!KiReadArguments(PFN_USAGE, Arguments, 1, &Pfn, &Count)) {
        return;
    }
    if (!MiIsPfn(Pfn)) {
        DbgPrint("%I64x is no page of memory; those lie between %I64x and %I64x, with holes\n", Pfn,
                 (ULONG64)MmLowestPhysicalPage, (ULONG64)MmHighestPhysicalPage);
        return;
    }
    MMPFN Entry = *MiPfnEntry(Pfn);
    DbgPrint("    PFN %08I64X at address %p\n", Pfn, MiPfnEntry(Pfn));
    DbgPrint("    flink       %08I64X  blink / share count %08I64X  pteaddress %p\n",
             (ULONG64)Entry.Flink, (ULONG64)Entry.u2.Blink, Entry.PteAddress);
    DbgPrint("    reference count %04X                                node %lu\n",
             (ULONG)Entry.ReferenceCount, (ULONG)Entry.Node);
    DbgPrint("    restore pte %08I64X  containing page %06I64X  %s\n", Entry.OriginalPte.Long,
             (ULONG64)Entry.PteFrame, MiPageStateName(Entry.PageLocation));
    MiPrintMapping(&Entry);
}
MONITOR_COMMAND("!pfn", PFN_USAGE, "what is known of a page of memory", PfnCommand);

/* ---- !memusage ------------------------------------------------------------------------------- */

#define STATE_COUNT (TransitionPage + 1)

static VOID MiPrintPages(const CHAR *Name, ULONG64 Pages)
{
    DbgPrint("%20s: %8I64u (%9I64u kb)\n", Name, Pages, Pages * PAGE_KB);
}

static VOID MemUsageCommand(const CHAR *Arguments)
{
    ULONG64 Pages[STATE_COUNT + 1] = {0}, Total = 0; /* the last: in no state that there is */
    ULONG64 Nodes[MI_MAX_NODES] = {0};
    UNREFERENCED_PARAMETER(Arguments);
    for (PFN_NUMBER Pfn = 0; Pfn <= MmHighestPhysicalPage; Pfn++) {
        if (MiIsPfn(Pfn)) {
            ULONG State = MiPfnEntry(Pfn)->PageLocation;
            Pages[State < STATE_COUNT ? State : STATE_COUNT]++;
            Nodes[MiPfnEntry(Pfn)->Node % MI_MAX_NODES]++;
            Total++;
        }
    }
    MiPrintPages("Zeroed", Pages[ZeroedPageList]);
    MiPrintPages("Free", Pages[FreePageList]);
    MiPrintPages("Standby", Pages[StandbyPageList]);
    MiPrintPages("Modified", Pages[ModifiedPageList]);
    MiPrintPages("ModifiedNoWrite", Pages[ModifiedNoWritePageList]);
    MiPrintPages("Active/Valid", Pages[ActiveAndValid]);
    MiPrintPages("Transition", Pages[TransitionPage]);
    MiPrintPages("Bad", Pages[BadPageList]);
    MiPrintPages("Unknown", Pages[STATE_COUNT]);
    MiPrintPages("TOTAL", Total);
    for (ULONG i = 0; MiNodeCount > 1 && i < MiNodeCount; i++) {
        DbgPrint("%15s %4lu: %8I64u (%9I64u kb)\n", "of node", i, Nodes[i], Nodes[i] * PAGE_KB);
    }
}
MONITOR_COMMAND("!memusage", "!memusage", "pages of memory by their state", MemUsageCommand);
