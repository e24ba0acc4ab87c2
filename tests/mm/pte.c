/*
 * pte.c - tests of page table entries: their formats bit by bit, the self map, and that the walk
 * finds the entries that the processor uses.
 */
#include "tests/mm/mm_check.h"

static volatile ULONG64 AllOnes = ~0ULL; /* no constant: fields cut it */

/* The bits that a field of an MMPTE takes. */
#define FIELD(Format, Field)                                                                       \
    ({                                                                                             \
        MMPTE Pte = {.Long = 0};                                                                   \
        Pte.Format.Field = AllOnes;                                                                \
        Pte.Long;                                                                                  \
    })
#define BITS(Low, High) ((~0ULL >> (63 - (High))) & (~0ULL << (Low)))

TEST(PteHardware, "mm/pte/formats-hardware", "contract 3.6: hardware (valid)")
{
    CHECK_EQ(FIELD(Hard, Valid), BITS(0, 0));
    CHECK_EQ(FIELD(Hard, Dirty1), BITS(1, 1));
    CHECK_EQ(FIELD(Hard, Owner), BITS(2, 2));
    CHECK_EQ(FIELD(Hard, WriteThrough), BITS(3, 3));
    CHECK_EQ(FIELD(Hard, CacheDisable), BITS(4, 4));
    CHECK_EQ(FIELD(Hard, Accessed), BITS(5, 5));
    CHECK_EQ(FIELD(Hard, Dirty), BITS(6, 6));
    CHECK_EQ(FIELD(Hard, LargePage), BITS(7, 7));
    CHECK_EQ(FIELD(Hard, Global), BITS(8, 8));
    CHECK_EQ(FIELD(Hard, CopyOnWrite), BITS(9, 9));
    CHECK_EQ(FIELD(Hard, Prototype), BITS(10, 10));
    CHECK_EQ(FIELD(Hard, Write), BITS(11, 11));
    CHECK_EQ(FIELD(Hard, PageFrameNumber), BITS(12, 47));
    CHECK_EQ(FIELD(Hard, SoftwareWsIndex), BITS(52, 62));
    CHECK_EQ(FIELD(Hard, NoExecute), BITS(63, 63));
}

TEST(PteSoftware, "mm/pte/formats-software", "contract 3.6: software / pagefile")
{
    CHECK_EQ(FIELD(Soft, Valid), BITS(0, 0));
    CHECK_EQ(FIELD(Soft, PageFileLow), BITS(1, 4));
    CHECK_EQ(FIELD(Soft, Protection), BITS(5, 9));
    CHECK_EQ(FIELD(Soft, Prototype), BITS(10, 10));
    CHECK_EQ(FIELD(Soft, Transition), BITS(11, 11));
    CHECK_EQ(FIELD(Soft, UsedPageTableEntries), BITS(12, 21));
    CHECK_EQ(FIELD(Soft, PageFileHigh), BITS(32, 63));
}

TEST(PteTransition, "mm/pte/formats-transition", "contract 3.6: transition")
{
    CHECK_EQ(FIELD(Trans, Valid), BITS(0, 0));
    CHECK_EQ(FIELD(Trans, Write), BITS(1, 1));
    CHECK_EQ(FIELD(Trans, Owner), BITS(2, 2));
    CHECK_EQ(FIELD(Trans, WriteThrough), BITS(3, 3));
    CHECK_EQ(FIELD(Trans, CacheDisable), BITS(4, 4));
    CHECK_EQ(FIELD(Trans, Protection), BITS(5, 9));
    CHECK_EQ(FIELD(Trans, Prototype), BITS(10, 10));
    CHECK_EQ(FIELD(Trans, Transition), BITS(11, 11));
    CHECK_EQ(FIELD(Trans, PageFrameNumber), BITS(12, 47));
}

TEST(PtePrototype, "mm/pte/formats-prototype", "contract 3.6: prototype reference")
{
    CHECK_EQ(FIELD(Proto, Valid), BITS(0, 0));
    CHECK_EQ(FIELD(Proto, ReadOnly), BITS(8, 8));
    CHECK_EQ(FIELD(Proto, Prototype), BITS(10, 10));
    CHECK_EQ(FIELD(Proto, Protection), BITS(11, 15));
    CHECK_EQ(FIELD(Proto, ProtoAddress), BITS(16, 63));
    MMPTE Value = {.Proto.ProtoAddress = (LONG64)MI_PTE_BASE};
    CHECK_EQ((LONG64)Value.Proto.ProtoAddress, MI_PTE_BASE); /* it keeps its sign */
}

TEST(PteList, "mm/pte/formats-free-list", "contract 3.6: free-list (system PTE)")
{
    CHECK_EQ(FIELD(List, Valid), BITS(0, 0));
    CHECK_EQ(FIELD(List, OneEntry), BITS(1, 1));
    CHECK_EQ(FIELD(List, Prototype), BITS(10, 10));
    CHECK_EQ(FIELD(List, Transition), BITS(11, 11));
    CHECK_EQ(FIELD(List, NextEntry), BITS(32, 63));
}

#define VALID_KERNEL (BITS(0, 0) | BITS(5, 5) | BITS(8, 8)) /* valid, accessed, global */
#define WRITABLE     (BITS(1, 1) | BITS(6, 6) | BITS(11, 11))
#define UNCACHED     BITS(3, 4)
#define NO_EXECUTE   BITS(63, 63)

TEST(PteValid, "mm/pte/protections-become-rights", "PTE-4")
{
    ULONG64 Page = 0x123456789ULL << PAGE_SHIFT | VALID_KERNEL;
    CHECK_EQ(MiMakeValidPte(0x123456789, MM_READONLY).Long, Page | NO_EXECUTE);
    CHECK_EQ(MiMakeValidPte(0x123456789, MM_READWRITE).Long, Page | NO_EXECUTE | WRITABLE);
    CHECK_EQ(MiMakeValidPte(0x123456789, MM_EXECUTE_READ).Long, Page);
    CHECK_EQ(MiMakeValidPte(0x123456789, MM_EXECUTE_READWRITE).Long, Page | WRITABLE);
    CHECK_EQ(MiMakeValidPte(0x123456789, MM_READWRITE | MM_NOCACHE).Long,
             Page | NO_EXECUTE | WRITABLE | UNCACHED);
    CHECK_EQ(MiMakeValidPte(0x123456789, MM_READONLY | MM_NOCACHE).Long,
             Page | NO_EXECUTE | UNCACHED);
}

TEST(PteDemandZero, "mm/pte/demand-zero-is-a-protection-and-nothing-else",
     "contract 3.6: demand zero")
{
    CHECK_EQ(MiMakeDemandZeroPte(MM_READWRITE).Long, 4 << 5);
    CHECK_EQ(MiMakeDemandZeroPte(MM_READONLY).Long, 1 << 5);
    CHECK_EQ(MiMakeDemandZeroPte(~0U).Long, BITS(5, 9));
}

TEST(PteTable, "mm/pte/page-table-entries-leave-rights-to-the-lowest-level", "")
{
    MMPTE Value = MiMakeTableEntry(0x54321);
    CHECK_EQ(Value.Long, 0x54321ULL << PAGE_SHIFT | BITS(0, 1) | BITS(5, 5));
}

/* ---- the self map ---------------------------------------------------------------------------- */

TEST(PteSelfMap, "mm/pte/self-map-addresses", "DESIGN: slot 0x1ED")
{
    CHECK_EQ(MiGetPteAddress(NULL), 0xFFFFF68000000000);
    CHECK_EQ(MiGetPdeAddress(NULL), 0xFFFFF6FB40000000);
    CHECK_EQ(MiGetPpeAddress(NULL), 0xFFFFF6FB7DA00000);
    CHECK_EQ(MiGetPxeAddress(NULL), 0xFFFFF6FB7DBED000);
    CHECK_EQ(MiGetPteAddress((PVOID)~0ULL), 0xFFFFF6FFFFFFFFF8);
    CHECK_EQ(MiGetPxeAddress((PVOID)~0ULL), 0xFFFFF6FB7DBEDFF8);
    CHECK_EQ(MiGetPxeAddress((PVOID)MI_PTE_BASE), 0xFFFFF6FB7DBEDF68); /* maps itself */
    for (ULONG Level = 1; Level <= MI_TOP_LEVEL; Level++) {
        PVOID Va = (PVOID)(MI_PAGED_POOL + 0x123456000);
        PMMPTE ByLevel[] = {NULL, MiGetPteAddress(Va), MiGetPdeAddress(Va), MiGetPpeAddress(Va),
                            MiGetPxeAddress(Va)};
        CHECK_EQ(MiEntryAddress(Va, Level), ByLevel[Level]);
    }
}

TEST(PteInverse, "mm/pte/address-of-a-pte-and-back", "")
{
    static const ULONG64 Samples[] = {0,
                                      0x00007FFFFFFFF000,
                                      MI_SYSTEM_RANGE_START,
                                      MI_PTE_BASE,
                                      MI_PAGED_POOL + 0x5000,
                                      MI_KERNEL_IMAGE,
                                      0xFFFFFFFFFFFFF000};
    for (ULONG i = 0; i < ARRAYSIZE(Samples); i++) {
        PMMPTE Pte = MiGetPteAddress((PVOID)Samples[i]);
        CHECK_EQ(MiPteToAddress(Pte), Samples[i]);
        CHECK_EQ(MiGetPteAddress((PVOID)(Samples[i] + 0xFFF)), Pte);
    }
}

/* Where a page table can be read without the self map: the image has those that boot made. */
static PULONG64 TableAt(ULONG64 Physical)
{
    BOOLEAN Image = Physical + MI_KERNEL_IMAGE >= (ULONG64)KiInitEnd &&
                    Physical + MI_KERNEL_IMAGE < (ULONG64)KiImageEnd;
    return (PULONG64)(Physical + (Image ? MI_KERNEL_IMAGE : MI_DIRECT_MAP));
}

#define PAGE_BITS BITS(12, 51)

/* What the processor makes of an address, from CR3 down; 0: not mapped. */
static ULONG64 TranslateByHand(ULONG64 Va)
{
    ULONG64 Entry;
    __asm__ volatile("movq %%cr3, %0" : "=r"(Entry));
    for (ULONG Shift = 39;; Shift -= 9) {
        Entry = TableAt(Entry & PAGE_BITS)[Va >> Shift & 0x1FF];
        if (!(Entry & 1)) {
            return 0;
        }
        if (Shift == 12 || (Shift <= 30 && (Entry & BITS(7, 7)))) {
            ULONG64 Mask = (1ULL << Shift) - 1;
            return (Entry & PAGE_BITS & ~Mask) | (Va & Mask);
        }
    }
}

static VOID CheckTranslation(PVOID Va)
{
    MI_WALK Walk;
    ULONG64 Physical = TranslateByHand((ULONG64)Va);
    MiWalkTables(Va, &Walk);
    CHECK_EQ(Walk.Valid, Physical != 0);
    CHECK_EQ(MmGetPhysicalAddress(Va).QuadPart, Physical);
    CHECK_EQ(MmIsAddressValid(Va), Physical != 0);
}

TEST(PteWalk, "mm/pte/walk-agrees-with-the-tables-in-memory", "")
{
    PCHAR Paged = MiAllocatePoolPages(PagedPool, 2);
    REQUIRE(Paged != NULL);
    *Paged = 1;
    ULONG64 Local;
    PVOID Mapped[] = {&Local,
                      (PVOID)MiWalkTables,
                      &MiRegions,
                      Paged + 0xABC,
                      (PVOID)MI_SHARED_DATA,
                      (PVOID)MI_HAL_WINDOW,
                      MiPfnEntry(0x1000),
                      MiPfnToAddress(MmHighestPhysicalPage),
                      (PVOID)MI_PFN_DATABASE,
                      MiGetPxeAddress(NULL),
                      MiGetPteAddress(Paged)};
    PVOID Missing[] = {NULL,
                       Paged + PAGE_SIZE,
                       (PVOID)0x00007FFFFFFFFFFF,
                       (PVOID)MI_SYSTEM_RANGE_START,
                       (PVOID)(MI_PAGED_POOL + MI_SLOT_BYTES / 2),
                       (PVOID)(MI_SPECIAL_POOL + MI_SPECIAL_PARTS * MI_SPECIAL_PART),
                       (PVOID)(MI_DIRECT_MAP + 0xFEE00000)};
    for (ULONG i = 0; i < ARRAYSIZE(Mapped); i++) {
        CHECK_NE(TranslateByHand((ULONG64)Mapped[i]), 0);
        CheckTranslation(Mapped[i]);
    }
    for (ULONG i = 0; i < ARRAYSIZE(Missing); i++) {
        CHECK_EQ(TranslateByHand((ULONG64)Missing[i]), 0);
        CheckTranslation(Missing[i]);
    }
    MiFreePoolPages(Paged);
}

TEST(PteWalkLevels, "mm/pte/walk-stops-where-the-path-ends", "")
{
    MI_WALK Walk;
    MiWalkTables((PVOID)MI_SYSTEM_RANGE_START, &Walk);
    CHECK_EQ(Walk.Level, 4);
    MiWalkTables((PVOID)(MI_SPECIAL_POOL + MI_SPECIAL_PARTS * MI_SPECIAL_PART), &Walk);
    CHECK_EQ(Walk.Level, 3);
    MiWalkTables((PVOID)MiWalkTables, &Walk);
    CHECK_EQ(Walk.Level, 1);
    CHECK_EQ(Walk.Entry, MiGetPteAddress((PVOID)MiWalkTables));
    CHECK(Walk.Valid && !Walk.Writable && !Walk.NoExecute && !Walk.User);
    MiWalkTables((PVOID)&MiRegions, &Walk);
    CHECK(Walk.Valid && Walk.Writable && Walk.NoExecute);
    MiWalkTables((PVOID)KiRodataStart, &Walk);
    CHECK(Walk.Valid && !Walk.Writable && Walk.NoExecute);
    MiWalkTables(MiPfnToAddress(0x3001), &Walk); /* 48 MiB: a large page behind the image */
    if (MiIsPfn(0x3001)) {
        CHECK_EQ(Walk.Level, 2);
        CHECK(Walk.Valid && Walk.Value.Hard.LargePage && Walk.Writable && Walk.NoExecute);
        CHECK_EQ(MmGetPhysicalAddress((PCHAR)MiPfnToAddress(0x3001) + 0x123).QuadPart, 0x3001123);
    }
}

/* The processor notes each use in the entry that it used. */
TEST(PteHardwareUses, "mm/pte/processor-uses-the-entry-that-the-walk-names", "")
{
    MI_WALK Walk;
    volatile ULONG64 *Va = MiAllocatePoolPages(NonPagedPoolNx, 1);
    REQUIRE(Va != NULL);
    MiWalkTables((PVOID)Va, &Walk);
    REQUIRE_EQ(Walk.Level, 1);
    MMPTE Value = Walk.Value;
    Value.Hard.Accessed = 0;
    Value.Hard.Dirty = 0;
    MiWritePte(Walk.Entry, Value);
    MiFlushTlb((PVOID)Va, 1);
    *Va;
    CHECK_EQ(MiReadPte(Walk.Entry).Hard.Accessed, 1);
    CHECK_EQ(MiReadPte(Walk.Entry).Hard.Dirty, 0);
    *Va = 1;
    CHECK_EQ(MiReadPte(Walk.Entry).Hard.Dirty, 1);
    MiFreePoolPages((PVOID)Va);
}

/* Moves a mapping from one page to another; what is read then comes from the second one. */
static ULONG64 ReadAfterRemap(volatile ULONG64 *Va, SIZE_T PagesToFlush, PFN_NUMBER To)
{
    PMMPTE Pte = MiGetPteAddress((PVOID)Va);
    MMPTE Old = MiReadPte(Pte), New = Old;
    New.Hard.PageFrameNumber = To;
    *Va = 0x1111;
    *(PULONG64)MiPfnToAddress(To) = 0x2222;
    MiWritePte(Pte, New);
    MiFlushTlb((PVOID)Va, PagesToFlush);
    ULONG64 Read = *Va;
    MiWritePte(Pte, Old);
    MiFlushTlb((PVOID)Va, PagesToFlush);
    CHECK_EQ(*Va, 0x1111);
    return Read;
}

TEST(PteFlush, "mm/pte/flush-makes-the-processor-look-again", "PTE-3")
{
    PVOID Va = MiAllocatePoolPages(NonPagedPoolNx, 1);
    PFN_NUMBER Other = MiAllocatePage(MiPageAny);
    REQUIRE(Va != NULL && Other != MI_NO_PAGE);
    CHECK_EQ(ReadAfterRemap(Va, 1, Other), 0x2222);
    CHECK_EQ(ReadAfterRemap(Va, 100, Other), 0x2222); /* all of them, global ones too */
    MiFreePage(Other);
    MiFreePoolPages(Va);
}

TEST(PteMapPage, "mm/pte/mapped-page-knows-its-entry", "PFN-4")
{
    PVOID Va = MiReserveRegion(MiRegionSystemPtes, 1);
    PFN_NUMBER Pfn = MiAllocatePage(MiPageZeroed);
    REQUIRE(Va != NULL && Pfn != MI_NO_PAGE);
    PMMPTE Pte = MiGetPteAddress(Va);
    MiMapPage(Pte, Pfn, MM_READWRITE);
    CHECK_EQ(MiReadPte(Pte).Long, MiMakeValidPte(Pfn, MM_READWRITE).Long);
    CHECK_EQ(MiPfnEntry(Pfn)->PteAddress, Pte);
    CHECK_EQ(MiPfnEntry(Pfn)->u2.ShareCount, 1);
    CHECK_EQ(MiPfnEntry(Pfn)->PteFrame, MiReadPte(MiGetPteAddress(Pte)).Hard.PageFrameNumber);
    CHECK_EQ(MiPfnEntry(Pfn)->OriginalPte.Long, MiMakeDemandZeroPte(MM_READWRITE).Long);
    CHECK_EQ(MiUnmapAndFreePages(Va, 1), 1);
    CHECK_EQ(MiReadPte(Pte).Long, 0);
    CHECK_EQ(MiPfnEntry(Pfn)->PageLocation, FreePageList);
    CHECK(!MmIsAddressValid(Va));
    MiReleaseRegion(&MiRegions[MiRegionSystemPtes], Va, 1);
}
