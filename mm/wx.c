/*
 * wx.c - walks all page tables and says whether W^X holds: no page writable and executable, and no
 * writable alias of the kernel's text. Boot asserts it once everything is mapped; tests walk again.
 *
 *   WX-1  The only pages that are both writable and executable are in the executable pool's region
 *         and in its part of special pool.
 *   WX-2  A page of kernel text has no writable mapping.
 */
#include "mm/mm.h"

typedef struct _MI_WX_SCAN {
    PMI_WX_FINDING Finding;
    ULONG64 TextFirst, TextEnd; /* physical */
} MI_WX_SCAN, *PMI_WX_SCAN;

static MI_WX_PROBLEM MiJudgeLeaf(const MI_WX_SCAN *Scan, ULONG_PTR Va, MMPTE Value, ULONG Level,
                                 BOOLEAN NoExecute)
{
    ULONG64 Mask = MiEntryBytes(Level) - 1;
    ULONG64 Physical = ((ULONG64)Value.Hard.PageFrameNumber << PAGE_SHIFT) & ~Mask;
    if (!NoExecute && MiAddressKind((PVOID)Va) != MiVaExecutablePool &&
        !MiIsSpecialExecutable(Va)) {
        return MiWxWritableExecutable;
    }
    if (Physical < Scan->TextEnd && Physical + Mask >= Scan->TextFirst) {
        return MiWxTextAlias;
    }
    return MiWxNone;
}

/* Scans one table of Level whose first entry maps Va. FALSE when something was found. */
static BOOLEAN MiScanTable(PMI_WX_SCAN Scan, ULONG_PTR Va, ULONG Level, BOOLEAN Writable,
                           BOOLEAN NoExecute)
{
    for (ULONG i = 0; i < MI_PTES_PER_TABLE; i++, Va += MiEntryBytes(Level)) {
        if (Level == MI_TOP_LEVEL && i == MI_PTES_PER_TABLE / 2) {
            Va = MI_SYSTEM_RANGE_START;
        }
        PMMPTE Entry = MiEntryAddress((PVOID)Va, Level);
        MMPTE Value = MiReadPte(Entry);
        BOOLEAN W = Writable && Value.Hard.Dirty1, Nx = NoExecute || Value.Hard.NoExecute;
        if (!Value.Hard.Valid || (Level == MI_TOP_LEVEL && i == MI_SELF_MAP_SLOT)) {
            continue;
        }
        if (Level > 1 && !(Level < MI_TOP_LEVEL && Value.Hard.LargePage)) {
            if (!MiScanTable(Scan, Va, Level - 1, W, Nx)) {
                return FALSE;
            }
            continue;
        }
        MI_WX_PROBLEM Problem = W ? MiJudgeLeaf(Scan, Va, Value, Level, Nx) : MiWxNone;
        Scan->Finding->Leaves++;
        if (Problem != MiWxNone) {
            SIZE_T Leaves = Scan->Finding->Leaves;
            *Scan->Finding = (MI_WX_FINDING){Problem, (PVOID)Va, Entry, Value, Leaves};
            return FALSE;
        }
    }
    return TRUE;
}

BOOLEAN MiCheckWritableExecutable(PMI_WX_FINDING Finding)
{
    MI_WX_SCAN Scan = {Finding, (ULONG64)KiTextStart - MI_KERNEL_IMAGE,
                       (ULONG64)KiTextEnd - MI_KERNEL_IMAGE};
    *Finding = (MI_WX_FINDING){.Problem = MiWxNone};
    return MiScanTable(&Scan, 0, MI_TOP_LEVEL, TRUE, FALSE);
}

VOID MiAssertNoWritableExecutable(VOID)
{
    MI_WX_FINDING Finding;
    if (!MiCheckWritableExecutable(&Finding)) {
        KeBugCheckEx(MEMORY_MANAGEMENT, 0x411, (ULONG_PTR)Finding.Entry, Finding.Value.Long,
                     (ULONG_PTR)Finding.Address);
    }
}
