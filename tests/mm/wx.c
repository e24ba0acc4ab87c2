/*
 * wx.c - tests of W^X: it holds, and the walk that says so finds each way of breaking it.
 */
#include "tests/mm/mm_check.h"

TEST(WxHolds, "mm/wx/no-page-is-writable-and-executable", "WX-1, WX-2, DESIGN: W^X")
{
    MI_WX_FINDING Finding;
    CHECK(MiCheckWritableExecutable(&Finding));
    CHECK_EQ(Finding.Problem, MiWxNone);
    CHECK_GT(Finding.Leaves, 100);
}

/* The finding while the PTE of Va is Value. */
static MI_WX_FINDING FindWith(PVOID Va, MMPTE Value)
{
    MI_WX_FINDING Finding;
    PMMPTE Pte = MiGetPteAddress(Va);
    MMPTE Old = MiReadPte(Pte);
    MiWritePte(Pte, Value);
    BOOLEAN Fine = MiCheckWritableExecutable(&Finding);
    MiWritePte(Pte, Old);
    MiFlushTlb(Va, 1);
    CHECK_EQ(Fine, Finding.Problem == MiWxNone);
    return Finding;
}

static PFN_NUMBER TextPage(VOID)
{
    return ((ULONG64)KiTextStart - MI_KERNEL_IMAGE) / PAGE_SIZE;
}

TEST(WxFound, "mm/wx/a-page-made-writable-and-executable-is-found", "WX-1")
{
    PVOID Va = MiAllocatePoolPages(NonPagedPoolNx, 1);
    REQUIRE(Va != NULL);
    MMPTE Value = MiReadPte(MiGetPteAddress(Va));
    Value.Hard.NoExecute = 0;
    MI_WX_FINDING Finding = FindWith(Va, Value);
    CHECK_EQ(Finding.Problem, MiWxWritableExecutable);
    CHECK_EQ(Finding.Address, Va);
    CHECK_EQ(Finding.Entry, MiGetPteAddress(Va));
    CHECK_EQ(Finding.Value.Long, Value.Long);
    MiFreePoolPages(Va);
}

TEST(WxText, "mm/wx/text-made-writable-is-found", "WX-1")
{
    MMPTE Value = MiReadPte(MiGetPteAddress(KiTextStart));
    Value.Hard.Dirty1 = 1;
    MI_WX_FINDING Finding = FindWith(KiTextStart, Value);
    CHECK_EQ(Finding.Problem, MiWxWritableExecutable);
    CHECK_EQ(Finding.Address, KiTextStart);
}

TEST(WxAlias, "mm/wx/a-writable-alias-of-text-is-found", "WX-2")
{
    PVOID Va = MiReserveRegion(MiRegionSystemPtes, 1);
    REQUIRE(Va != NULL);
    MI_WX_FINDING Finding = FindWith(Va, MiMakeValidPte(TextPage(), MM_READWRITE));
    CHECK_EQ(Finding.Problem, MiWxTextAlias);
    CHECK_EQ(Finding.Address, Va);
    PFN_NUMBER Last = ((ULONG64)KiTextEnd - MI_KERNEL_IMAGE) / PAGE_SIZE - 1;
    CHECK_EQ(FindWith(Va, MiMakeValidPte(Last, MM_READWRITE)).Problem, MiWxTextAlias);
    CHECK_EQ(FindWith(Va, MiMakeValidPte(Last + 1, MM_READWRITE)).Problem, MiWxNone);
    CHECK_EQ(FindWith(Va, MiMakeValidPte(TextPage(), MM_READONLY)).Problem, MiWxNone);
    CHECK_EQ(FindWith(Va, MiMakeValidPte(TextPage(), MM_EXECUTE_READ)).Problem, MiWxNone);
    MiReleaseRegion(&MiRegions[MiRegionSystemPtes], Va, 1);
}

/* The direct map's 2 MiB pages are looked into as well. */
TEST(WxLarge, "mm/wx/a-large-page-over-text-is-found", "WX-2")
{
    MI_WX_FINDING Finding;
    ULONG64 Base = ((ULONG64)KiTextStart - MI_KERNEL_IMAGE) & ~(MI_LARGE_PAGE_SIZE - 1);
    PMMPTE Pde = MiGetPdeAddress((PVOID)(MI_DIRECT_MAP + Base));
    MMPTE Old = MiReadPte(Pde), New = MiMakeValidPte(Base / PAGE_SIZE, MM_READWRITE);
    New.Hard.LargePage = 1;
    ULONG64 Flags = KiDisableInterrupts();
    MiWritePte(Pde, New);
    MiFlushEntireTlb();
    BOOLEAN Fine = MiCheckWritableExecutable(&Finding);
    MiWritePte(Pde, Old);
    MiFlushEntireTlb();
    KiRestoreInterrupts(Flags);
    CHECK(!Fine);
    CHECK_EQ(Finding.Problem, MiWxTextAlias);
    CHECK_EQ(Finding.Entry, Pde);
}

TEST(WxUser, "mm/wx/user-space-is-walked-too", "WX-1")
{
    MI_WX_FINDING Finding;
    PVOID Va = (PVOID)0x7000000000;
    PFN_NUMBER Pages[MI_TOP_LEVEL];
    for (ULONG Level = MI_TOP_LEVEL; Level >= 1; Level--) {
        REQUIRE_EQ(MiReadPte(MiEntryAddress(Va, Level)).Long, 0);
        Pages[Level - 1] = MiAllocatePage(MiPageZeroed);
        MiWritePte(MiEntryAddress(Va, Level), MiMakeTableEntry(Pages[Level - 1]));
    }
    CHECK(!MiCheckWritableExecutable(&Finding));
    CHECK_EQ(Finding.Problem, MiWxWritableExecutable);
    CHECK_EQ(Finding.Address, Va);
    MiWritePte(MiGetPxeAddress(Va), (MMPTE){.Long = 0});
    MiFlushEntireTlb();
    for (ULONG i = 0; i < MI_TOP_LEVEL; i++) {
        MiFreePage(Pages[i]);
    }
}

TEST(WxException, "mm/wx/executable-pool-is-the-one-exception", "WX-1, PAGES-1")
{
    MI_WX_FINDING Finding;
    PVOID Va = MiAllocatePoolPages(NonPagedPool, 1);
    REQUIRE(Va != NULL);
    MI_WALK Walk;
    MiWalkTables(Va, &Walk);
    CHECK(Walk.Writable && !Walk.NoExecute);
    CHECK(MiCheckWritableExecutable(&Finding));
    MiFreePoolPages(Va);
}

CRASH_TEST(WxAssert, "mm/writable-and-executable", "0x1A 0x411 $entry $pte $address",
           "WX-1, contract 4.5: 0x1A, 0x411")
{
    PVOID Va = MiAllocatePoolPages(NonPagedPoolNx, 1);
    PMMPTE Pte = MiGetPteAddress(Va);
    MMPTE Value = MiReadPte(Pte);
    Value.Hard.NoExecute = 0;
    MiWritePte(Pte, Value);
    TestAnnounce("entry", (ULONG64)Pte);
    TestAnnounce("pte", Value.Long);
    TestAnnounce("address", (ULONG64)Va);
    MiAssertNoWritableExecutable();
}
