/*
 * mdl.h - what the files of MDLs share: mdl.c locks, mdlmap.c maps, mdlpages.c has pages for them.
 */
#pragma once

#include "mm/mm.h"
#include "mm/pool/verify.h"

/* Rules of bug check 0xC4 (contract 4.6), for checked mode. */
#define VERIFIER_LOCK_NO_MEMORY    0x6F
#define VERIFIER_LOCK_IRQL         0x70
#define VERIFIER_MAP_KERNEL_IRQL   0x76
#define VERIFIER_MAP_USER_IRQL     0x77
#define VERIFIER_UNLOCK_IRQL       0x78
#define VERIFIER_UNMAP_KERNEL_IRQL 0x79
#define VERIFIER_UNLOCK_NEVER      0x7C
#define VERIFIER_UNLOCK_NONPAGED   0x7D
#define VERIFIER_PAGES_IRQL        0x7E
#define VERIFIER_BUILD_PAGED       0x7F
#define VERIFIER_MAP_OBSOLETE      0x81
#define VERIFIER_MAP_MAY_STOP      0x82
#define VERIFIER_MAP_NO_MEMORY     0x89
#define VERIFIER_LOCK_FLAGS        0xB0
#define VERIFIER_MAP_FLAGS         0xB2
#define VERIFIER_MAP_MISSING       0xB3
#define VERIFIER_UNLOCK_PARTIAL    0xB4
#define VERIFIER_FREE_MAPPED       0xB8
#define RULE_MM_APC_LTE            0x20019

#define MI_MDL_TAG 'ldM ' /* " Mdl" reversed, as !poolused shows it */

static inline SIZE_T MiMdlPages(PMDL Mdl)
{
    return ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(Mdl), Mdl->ByteCount);
}

static inline ULONG MiMdlFlags(PMDL Mdl)
{
    return (USHORT)Mdl->MdlFlags;
}

/* In checked mode, bug check 0xC4/Rule (IRQL, Second, Third) above Highest. */
static inline VOID MiCheckMdlIrql(KIRQL Highest, ULONG Rule, ULONG_PTR Second, ULONG_PTR Third)
{
    if (KiCheckedMode && KiReadIrql() > Highest) {
        KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, Rule, KiReadIrql(), Second, Third);
    }
}

/* The rule IrqlMmApcLte, for whom verifier=ddi looks at: bug check 0xC4/0x20019 (rule, IRQL, 0). */
static inline VOID MiCheckRuleMmApcLte(VOID)
{
    if ((ExpVerifier.Level & VERIFY_DDI) && KiReadIrql() > APC_LEVEL) {
        KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, RULE_MM_APC_LTE,
                     (ULONG_PTR) "IrqlMmApcLte", KiReadIrql(), 0);
    }
}

/*
 * What the Driver Verifier does not let pass, though it is no mistake: 0xC4/Rule (MDL, flags, 0).
 */
static inline VOID MiVerifyMdl(BOOLEAN Wrong, ULONG Rule, PMDL Mdl)
{
    if (ExpVerifier.Level != 0 && Wrong) {
        KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, Rule, (ULONG_PTR)Mdl, MiMdlFlags(Mdl), 0);
    }
}

/* In checked mode, bug check 0xC4/Rule (MDL, flags, Third) if Wrong. */
static inline VOID MiCheckMdl(BOOLEAN Wrong, ULONG Rule, PMDL Mdl, ULONG_PTR Third)
{
    if (KiCheckedMode && Wrong) {
        KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, Rule, (ULONG_PTR)Mdl, MiMdlFlags(Mdl),
                     Third);
    }
}

/*
 * Maps an MDL's pages at Va, reserved and empty; each gets a reference. Protection: MM_READWRITE or
 * MM_READONLY.
 */
VOID MiMapMdlPages(PMDL Mdl, PVOID Va, MEMORY_CACHING_TYPE CacheType, ULONG Protection);
/* Undoes that for Pages pages at Va. */
VOID MiUnmapMdlPages(PVOID Va, SIZE_T Pages);
/*
 * Checked mode: bug check 0xC4 for a level or an MDL that a mapping can't have.
 */
VOID MiCheckMappable(PMDL Mdl);
/* Says in the MDL that its own mapping is at Va, or that it is gone. */
VOID MiSetMapped(PMDL Mdl, PVOID Va);
VOID MiSetUnmapped(PMDL Mdl);
/* Writes what caches hold of a page back and drops it, before it is mapped uncached. */
VOID MiFlushCacheOfPage(PFN_NUMBER Pfn);
/* Undoes the MDL's own mapping, if it has one. */
VOID MiDropMapping(PMDL Mdl);
