/*
 * fault.c - tests of page faults that are resolved: paged memory appears, zeroed, at its first
 * touch, and its page goes with the allocation. Faults that stop the machine: fault_stop.c.
 */
#include "tests/mm/mm_check.h"

static PCHAR Promise(SIZE_T Pages)
{
    return MiAllocatePoolPages(PagedPool, Pages);
}

/* Leaves dirty pages where the next allocations find them. */
static VOID DirtyFreePages(ULONG Pages)
{
    PFN_NUMBER Chain = MI_NO_PAGE;
    for (ULONG i = 0; i < Pages; i++) {
        PFN_NUMBER Pfn = MiAllocatePage(MiPageAny);
        memset(MiPfnToAddress(Pfn), 0xEE, PAGE_SIZE);
        TestChainPage(&Chain, Pfn);
    }
    TestFreeChain(Chain);
}

static VOID CheckFirstTouch(KIRQL Irql)
{
    KIRQL Old;
    DirtyFreePages(8);
    PCHAR Va = Promise(4);
    REQUIRE(Va != NULL);
    KeRaiseIrql(Irql, &Old);
    BOOLEAN Zero = TestIsZero(Va, 4 * PAGE_SIZE);
    KeLowerIrql(Old);
    CHECK(Zero);
    MiFreePoolPages(Va);
}

TEST(FaultPassive, "mm/fault/first-touch-at-passive-level-finds-zeroes",
     "CON-21 The first touch of paged memory at IRQL <= APC_LEVEL finds a zeroed page.")
{
    CheckFirstTouch(PASSIVE_LEVEL);
}

TEST(FaultApc, "mm/fault/first-touch-at-apc-level-finds-zeroes",
     "CON-21 The first touch of paged memory at IRQL <= APC_LEVEL finds a zeroed page.")
{
    CheckFirstTouch(APC_LEVEL);
}

TEST(FaultAgain, "mm/fault/a-page-given-out-again-is-zero-again", "FAULT-1")
{
    for (ULONG Round = 0; Round < 3; Round++) {
        PCHAR Va = Promise(2);
        REQUIRE(Va != NULL);
        CHECK(TestIsZero(Va, 2 * PAGE_SIZE));
        memset(Va, 0xC3, 2 * PAGE_SIZE);
        MiFreePoolPages(Va);
    }
}

TEST(FaultWrite, "mm/fault/first-touch-may-be-a-write", "FAULT-1")
{
    DirtyFreePages(2);
    PCHAR Va = Promise(1);
    REQUIRE(Va != NULL);
    Va[PAGE_SIZE - 1] = 0x77;
    CHECK_EQ(Va[PAGE_SIZE - 1], 0x77);
    CHECK(TestIsZero(Va, PAGE_SIZE - 8));
    MiFreePoolPages(Va);
}

TEST(FaultAcross, "mm/fault/one-access-may-touch-two-new-pages", "")
{
    PCHAR Va = Promise(2);
    REQUIRE(Va != NULL);
    volatile ULONG64 *Across = (volatile ULONG64 *)(Va + PAGE_SIZE - 4);
    *Across = 0x1122334455667788;
    CHECK_EQ(*(PULONG)(Va + PAGE_SIZE - 4), 0x55667788);
    CHECK_EQ(*(PULONG)(Va + PAGE_SIZE), 0x11223344);
    MiFreePoolPages(Va);
}

TEST(FaultOnePage, "mm/fault/only-touched-pages-take-memory", "contract 3.6: demand zero")
{
    PCHAR Va = Promise(8);
    REQUIRE(Va != NULL);
    PFN_NUMBER Available = MiAvailablePages();
    CHECK_EQ(MiReadPte(MiGetPteAddress(Va)).Long, MiMakeDemandZeroPte(MM_READWRITE).Long);
    Va[3 * PAGE_SIZE] = 1;
    CHECK_EQ(MiAvailablePages(), Available - 1);
    for (ULONG i = 0; i < 8; i++) {
        CHECK_EQ(MmIsAddressValid(Va + i * PAGE_SIZE), i == 3);
    }
    CHECK_EQ(MiFreePoolPages(Va), 8);
    CHECK_EQ(MiAvailablePages(), Available);
}

TEST(FaultEntry, "mm/fault/page-knows-where-it-is-mapped", "FAULT-3")
{
    PCHAR Va = Promise(1);
    REQUIRE(Va != NULL);
    *Va = 1;
    PMMPTE Pte = MiGetPteAddress(Va);
    MMPTE Value = MiReadPte(Pte);
    PMMPFN Entry = MiPfnEntry(Value.Hard.PageFrameNumber);
    CHECK_EQ(Value.Long, MiMakeValidPte(Value.Hard.PageFrameNumber, MM_READWRITE).Long);
    CHECK_EQ(Entry->PageLocation, ActiveAndValid);
    CHECK_EQ(Entry->PteAddress, Pte);
    CHECK_EQ(Entry->OriginalPte.Long, MiMakeDemandZeroPte(MM_READWRITE).Long);
    CHECK_EQ(Entry->PteFrame, MiReadPte(MiGetPteAddress(Pte)).Hard.PageFrameNumber);
    CHECK_EQ(Entry->u2.ShareCount, 1);
    CHECK_EQ(Entry->ReferenceCount, 1);
    MiFreePoolPages(Va);
}

TEST(FaultCounters, "mm/fault/faults-are-counted", "")
{
    PCHAR Va = Promise(3);
    REQUIRE(Va != NULL);
    MI_FAULT_COUNTERS Before = MiFaults;
    memset(Va, 1, 3 * PAGE_SIZE);
    memset(Va, 2, 3 * PAGE_SIZE); /* no fault any more */
    CHECK_EQ(MiFaults.DemandZero, Before.DemandZero + 3);
    CHECK_EQ(MiFaults.Total, Before.Total + 3);
    CHECK_EQ(MiFaults.Spurious, Before.Spurious);
    MiFreePoolPages(Va);
}

TEST(FaultResident, "mm/fault/resident-paged-memory-works-at-dispatch-level", "contract 1.2")
{
    KIRQL Old;
    volatile CHAR *Va = Promise(1);
    REQUIRE(Va != NULL);
    *Va = 5;
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    CHAR Read = *Va;
    *Va = 6;
    KeLowerIrql(Old);
    CHECK_EQ(Read, 5);
    CHECK_EQ(*Va, 6);
    MiFreePoolPages((PVOID)Va);
}

/* As a processor reports it that still has an older entry in mind. */
TEST(FaultSpurious, "mm/fault/fault-on-a-good-entry-is-over", "FAULT-3")
{
    PCHAR Va = Promise(1);
    REQUIRE(Va != NULL);
    *Va = 9;
    KTRAP_FRAME Frame = {.PreviousIrql = PASSIVE_LEVEL, .EFlags = 0x202};
    MI_FAULT_COUNTERS Before = MiFaults;
    CHECK_STATUS(MmAccessFault(PF_WRITE, Va, &Frame), STATUS_SUCCESS);
    CHECK_STATUS(MmAccessFault(0, Va, &Frame), STATUS_SUCCESS);
    CHECK_EQ(MiFaults.Spurious, Before.Spurious + 2);
    CHECK_EQ(MiFaults.DemandZero, Before.DemandZero);
    CHECK_EQ(*Va, 9);
    MiFreePoolPages(Va);
}

TEST(FaultFlags, "mm/fault/interrupted-code-does-not-notice", "TRAP-2")
{
    PCHAR Va = Promise(1);
    REQUIRE(Va != NULL);
    ULONG64 Before, After, Rax = 0x1234567890ABCDEF, Read;
    __asm__ volatile("stc; pushfq; popq %0; movq (%4), %1; pushfq; popq %2"
                     : "=&r"(Before), "=&r"(Read), "=&r"(After), "+a"(Rax)
                     : "r"(Va)
                     : "cc", "memory");
    CHECK_EQ(Before, After);
    CHECK_EQ(Before & 1, 1);
    CHECK_EQ(Read, 0);
    CHECK_EQ(Rax, 0x1234567890ABCDEF);
    MiFreePoolPages(Va);
}

/* On a machine of 64 MB or less it is all of memory. */
#define MANY 20000

TEST(FaultExhausted, "mm/fault/all-that-commit-promised-can-be-touched", "FAULT-4")
{
    MM_COUNTS Before = TestMmCounts();
    SIZE_T Tables = MiPageTablePages;
    SIZE_T Held = TestHoldCommit(MANY), Pages = MmTotalCommitLimit - MmTotalCommittedPages;
    PCHAR Va = NULL;
    for (; Va == NULL && Pages != 0; Pages -= Va == NULL) {
        Va = Promise(Pages);
    }
    if (CHECK(Va != NULL)) {
        for (SIZE_T i = 0; i < Pages; i++) {
            Va[i * PAGE_SIZE] = 1;
        }
        CHECK_EQ(MiFreePoolPages(Va), Pages);
    }
    MiReturnCommit(Held);
    Tables = MiPageTablePages - Tables; /* they stay */
    CHECK_EQ(MmTotalCommittedPages, Before.Committed + Tables);
    CHECK_EQ(MiAvailablePages(), Before.Available - Tables);
}
