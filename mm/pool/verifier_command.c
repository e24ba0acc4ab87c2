/*
 * verifier_command.c - `!verifier`: what the Driver Verifier looks at, and what it has counted.
 *
 * Lines are the debugger's (contract 6), as far as there is something behind them. Nothing takes a
 * lock, as in inspect.c.
 */
#include "kernel/hal/hal.h"
#include "kernel/rtl/rtl.h"
#include "kernel/rtl/section.h"
#include "mm/pool/track.h"

#define USAGE           "!verifier [FLAGS [MODULE]]"
#define SHOW_BLOCKS     0x2
#define SHOW_DEPRECATED 0x1000 /* ours */

/* ---- what is on ------------------------------------------------------------------------------ */

static VOID ExpPrintLevel(VOID)
{
    ULONG Level = ExpVerifier.Level;
    DbgPrint("Verify Level %lx ... enabled options are:\n", Level & ~VERIFY_POOL);
    if (Level & VERIFY_SPECIAL_POOL) {
        if (ExpVerifier.SpecialSize != 0) {
            DbgPrint("        Special pool, size 0x%lx\n", ExpVerifier.SpecialSize);
        } else {
            DbgPrint("        Special pool, tag %s\n", ExpVerifier.SpecialTags);
        }
    }
    if (Level & VERIFY_TRACKING) {
        DbgPrint("        All pool allocations checked on unload\n");
    }
    if (Level & VERIFY_POOL) {
        DbgPrint("        Automatic checks of pool\n");
    }
    if (Level & VERIFY_DDI) {
        DbgPrint("        DDI compliance checking of pool\n");
    }
}

/* ---- what was counted ------------------------------------------------------------------------ */

static VOID ExpPrintCount(const CHAR *Name, ULONG64 Count)
{
    DbgPrint("  %-40s 0x%I64x\n", Name, Count);
}

static VOID ExpPrintUse(const CHAR *When, const CHAR *Pool, SIZE_T Allocations, SIZE_T Bytes)
{
    DbgPrint("  %s %-8s pool allocations            0x%I64x for %08I64X bytes\n", When, Pool,
             (ULONG64)Allocations, (ULONG64)Bytes);
}

static VOID ExpPrintStatistics(VOID)
{
    const POOL_VERIFIER_COUNTS *Counts = &ExpVerifierCounts;
    DbgPrint("Summary of All Verifier Statistics\n");
    ExpPrintCount("Pool Allocations Attempted", Counts->Attempted);
    ExpPrintCount("Pool Allocations Succeeded", Counts->Succeeded);
    ExpPrintCount("Pool Allocations Succeeded SpecialPool", Counts->SucceededSpecial);
    ExpPrintCount("Pool Allocations With NO TAG", Counts->WithoutTag);
    ExpPrintCount("Pool Allocations Failed", Counts->Attempted - Counts->Succeeded);
    ExpPrintCount("Pool Allocations Not Tracked", Counts->NotTracked);
    ExpPrintCount("Pool Allocations Not In SpecialPool", Counts->SpecialFailed);
    for (ULONG Paged = 1; Paged <= 1; Paged--) { /* paged, then nonpaged */
        const CHAR *Pool = Paged ? "paged" : "nonpaged";
        const POOL_OWNER_USE *Use = &ExpTrackedUse[Paged];
        ExpPrintUse("Current", Pool, Use->Allocations, Use->Bytes);
        ExpPrintUse("Peak   ", Pool, Use->PeakAllocations, Use->PeakBytes);
    }
}

static VOID ExpPrintSpecialPool(VOID)
{
    static const CHAR *const Names[MI_SPECIAL_PARTS] = {"NonPagedPoolNx", "NonPagedPool",
                                                        "PagedPool"};
    DbgPrint("Special pool       Base              Blocks      Peak  Addresses used       Of\n");
    for (ULONG i = 0; i < MI_SPECIAL_PARTS; i++) {
        const MI_SPECIAL_POOL_PART *Part = &MiSpecialParts[i];
        DbgPrint("  %-15s  %p %8lu  %8lu        %8lu %8lu\n", Names[i],
                 (PVOID)(MI_SPECIAL_POOL + i * MI_SPECIAL_PART), Part->Live, Part->Peak,
                 Part->Records, Part->Limit);
    }
}

/* ---- owners ---------------------------------------------------------------------------------- */

VOID ExpPrintTrack(const POOL_TRACK *Track)
{
    CHAR Tag[POOL_TAG_TEXT], Who[64];
    ExpFormatTag(Track->Tag, Tag);
    if (!KiSymbolise(Track->Caller, Who, sizeof(Who))) {
        _snprintf(Who, sizeof(Who) - 1, "%p", Track->Caller);
    }
    DbgPrint("%p  0x%08lx  %s  %s\n", Track->Block, (ULONG)Track->Bytes, Tag, Who);
}

static const CHAR *ExpOwnerName(const POOL_OWNER *Owner)
{
    return Owner->Name == NULL ? "(no name)" : Owner->Name;
}

static VOID ExpPrintOwnerUse(const POOL_OWNER *Owner)
{
    const POOL_OWNER_USE *NonPaged = &Owner->Use[0], *Paged = &Owner->Use[1];
    DbgPrint("  Current Pool Allocations  %08lx    %08lx\n", (ULONG)NonPaged->Allocations,
             (ULONG)Paged->Allocations);
    DbgPrint("  Current Pool Bytes        %08lx    %08lx\n", (ULONG)NonPaged->Bytes,
             (ULONG)Paged->Bytes);
    DbgPrint("  Peak Pool Allocations     %08lx    %08lx\n", (ULONG)NonPaged->PeakAllocations,
             (ULONG)Paged->PeakAllocations);
    DbgPrint("  Peak Pool Bytes           %08lx    %08lx\n", (ULONG)NonPaged->PeakBytes,
             (ULONG)Paged->PeakBytes);
}

static VOID ExpPrintOwnerBlocks(const POOL_OWNER *Owner)
{
    ULONG Bucket = 0;
    PPOOL_TRACK Track = NULL;
    ExpPrintOwnerUse(Owner);
    DbgPrint("PoolAddress       SizeInBytes Tag   CallersAddress\n");
    while ((Track = ExpNextTrack(&Bucket, Track)) != NULL && !HalpConsoleInterrupted()) {
        if (Track->Owner == Owner) {
            ExpPrintTrack(Track);
        }
    }
}

static VOID ExpPrintOwners(ULONG64 Flags, const CHAR *Pattern)
{
    DbgPrint("Driver Verification List\n");
    DbgPrint("Entry             State           NonPagedPool   PagedPool   Module\n");
    for (PPOOL_OWNER Owner = ExpNextOwner(NULL); Owner != NULL && !HalpConsoleInterrupted();
         Owner = ExpNextOwner(Owner)) {
        if (!RtlpMatchGlob(Pattern, ExpOwnerName(Owner))) {
            continue;
        }
        DbgPrint("%p  %-14s  %08lx       %08lx    %s\n", Owner,
                 Owner->Unloading ? "Unloading" : "Loaded", (ULONG)Owner->Use[0].Bytes,
                 (ULONG)Owner->Use[1].Bytes, ExpOwnerName(Owner));
        if (Flags & SHOW_BLOCKS) {
            ExpPrintOwnerBlocks(Owner);
        }
    }
}

/* ---- deprecated routines --------------------------------------------------------------------- */

static VOID ExpPrintDeprecated(VOID)
{
    POOL_DEPRECATED_CALLER Caller;
    DbgPrint("UnsafeAllocatePool: callers of deprecated routines\n");
    DbgPrint("     Calls  Tag   CallersAddress\n");
    for (ULONG Slot = 0; ExpReadDeprecated(Slot, &Caller) && !HalpConsoleInterrupted(); Slot++) {
        CHAR Tag[POOL_TAG_TEXT], Who[64] = "others";
        if (Caller.Calls == 0) {
            continue;
        }
        ExpFormatTag(Caller.Tag, Tag);
        if (Caller.Caller != NULL && !KiSymbolise(Caller.Caller, Who, sizeof(Who))) {
            _snprintf(Who, sizeof(Who) - 1, "%p", Caller.Caller);
        }
        DbgPrint("%10I64u  %s  %s\n", Caller.Calls, Tag, Who);
    }
}

static VOID VerifierCommand(const CHAR *Arguments)
{
    ULONG64 Flags = 0;
    if (*Arguments != 0 && !RtlpParseNumber(&Arguments, 16, &Flags)) {
        DbgPrint("usage: %s\n", USAGE);
        return;
    }
    if (Flags & SHOW_DEPRECATED) {
        ExpPrintDeprecated();
        return;
    }
    ExpPrintLevel();
    ExpPrintStatistics();
    ExpPrintSpecialPool();
    ExpPrintOwners(Flags, *Arguments == 0 ? "*" : Arguments);
}
MONITOR_COMMAND("!verifier", USAGE,
                "the Driver Verifier (2 with blocks, 1000 callers of deprecated routines)",
                VerifierCommand);
