/*
 * flush.c - makes the processors forget translations, after a page table entry lost rights or its
 * page: the memory manager's, before such a page is used for something else.
 *
 * A processor keeps what it has read from the page tables in its TLB, and nobody but itself can
 * clear that. One call goes to all processors at once, for a whole range of pages. Those that are
 * halted with nothing to do are left to sleep: they are told by a flag (FlushOnWake) to forget
 * everything before they do anything else.
 *
 *   FLUSH-1  When KiFlushTranslations returns, no processor uses a translation of the range that
 *            was made before the call.
 *   FLUSH-2  A processor sets IdleHalt before it halts, and clears it before it looks at
 *            FlushOnWake and touches anything but its own stack and record. Who flushes sets
 *            FlushOnWake before it looks at IdleHalt. Both with full fences: one of the two sees
 *            the other's store.
 */
#include "kernel/ke/ke.h"

#define CR4_PGE           0x80
/* From this many pages on, forgetting everything is cheaper than page by page. */
#define KI_FLUSH_ALL_FROM 64

typedef struct _KI_FLUSH {
    PVOID Va;
    SIZE_T Pages;
} KI_FLUSH;

/* Clearing CR4.PGE drops global translations, which a write to CR3 would keep. */
static VOID KiForgetEverything(VOID)
{
    ULONG64 State = KiDisableInterrupts();
    ULONG64 Cr4;
    __asm__ volatile("movq %%cr4, %0" : "=r"(Cr4));
    __asm__ volatile("movq %0, %%cr4" : : "r"(Cr4 & ~(ULONG64)CR4_PGE) : "memory");
    __asm__ volatile("movq %0, %%cr4" : : "r"(Cr4 | CR4_PGE) : "memory");
    KiRestoreInterrupts(State);
}

/* On one processor; run by KiCallProcessors on the others. */
static VOID KiForgetRange(PVOID Context)
{
    const KI_FLUSH *Flush = Context;
    if (Flush->Pages >= KI_FLUSH_ALL_FROM) {
        KiForgetEverything();
        return;
    }
    for (SIZE_T i = 0; i < Flush->Pages; i++) {
        __asm__ volatile("invlpg (%0)" : : "r"((PCHAR)Flush->Va + i * PAGE_SIZE) : "memory");
    }
}

/* Leaves a flag with those that are halted; returns those that must be called. */
static KAFFINITY KiLeaveWord(KAFFINITY Targets)
{
    KAFFINITY Awake = 0;
    for (; Targets != 0; Targets &= Targets - 1) {
        PKPRCB Prcb = KiProcessorBlock[__builtin_ctzll(Targets)];
        __atomic_store_n(&Prcb->FlushOnWake, TRUE, __ATOMIC_SEQ_CST);
        Awake |= __atomic_load_n(&Prcb->IdleHalt, __ATOMIC_SEQ_CST) ? 0 : Prcb->SetMember;
    }
    return Awake;
}

VOID KiFlushTranslations(PVOID Va, SIZE_T Pages)
{
    KI_FLUSH Flush = {Va, Pages};
    ULONG64 Flags = KiDisableInterrupts(); /* stays on this processor */
    KiForgetRange(&Flush);
    if (KeNumberProcessors > 1) {
        KAFFINITY Awake = KiLeaveWord(KiOtherProcessors());
        if (Awake != 0) {
            KiCallProcessors(Awake, KiForgetRange, &Flush);
        }
    }
    KiRestoreInterrupts(Flags);
}

VOID KiFlushAllTranslations(VOID)
{
    KiFlushTranslations(NULL, KI_FLUSH_ALL_FROM);
}

VOID KiLeaveHalt(PKPRCB Prcb)
{
    __atomic_store_n(&Prcb->IdleHalt, FALSE, __ATOMIC_SEQ_CST);
    if (__atomic_exchange_n(&Prcb->FlushOnWake, FALSE, __ATOMIC_SEQ_CST)) {
        KiForgetEverything();
    }
}
