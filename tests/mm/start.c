/*
 * start.c - tests of what start-up leaves behind: the direct map, the top level of the page tables,
 * limits, and the init section, whose pages must be memory like any other.
 */
#include "mm/paging.h"
#include "tests/mm/mm_check.h"

static BOOLEAN IsImagePage(PFN_NUMBER Pfn)
{
    ULONG64 Va = MI_KERNEL_IMAGE + Pfn * PAGE_SIZE;
    return Va >= (ULONG64)KiInitEnd && Va < (ULONG64)KiImageEnd;
}

TEST(StartInitUnmapped, "mm/start/init-section-is-unmapped", "start-up code is given back")
{
    CHECK_LT((ULONG64)KiInitStart, (ULONG64)KiInitEnd);
    for (PCHAR Va = KiInitStart; Va < KiInitEnd; Va += PAGE_SIZE) {
        CHECK(!MmIsAddressValid(Va));
        CHECK_EQ(MiReadPte(MiGetPteAddress(Va)).Long, 0);
    }
}

/* Free, or by now somebody else's: never the image's again. */
TEST(StartInitMemory, "mm/start/init-section-is-memory-again", "start-up code is given back")
{
    for (PCHAR Va = KiInitStart; Va < KiInitEnd; Va += PAGE_SIZE) {
        PFN_NUMBER Pfn = ((ULONG64)Va - MI_KERNEL_IMAGE) / PAGE_SIZE;
        REQUIRE(MiIsPfn(Pfn));
        PMMPFN Entry = MiPfnEntry(Pfn);
        CHECK_NE(Entry->PteAddress, MiGetPteAddress(Va));
        CHECK(Entry->PageLocation <= FreePageList || Entry->PteAddress != NULL);
        MI_WALK Walk;
        MiWalkTables(MiPfnToAddress(Pfn), &Walk);
        CHECK(Walk.Valid && Walk.Writable && Walk.NoExecute);
    }
}

TEST(StartInitTaken, "mm/start/an-init-page-can-be-allocated", "start-up code is given back")
{
    PFN_NUMBER First = ((ULONG64)KiInitStart - MI_KERNEL_IMAGE) / PAGE_SIZE;
    PFN_NUMBER Last = ((ULONG64)KiInitEnd - MI_KERNEL_IMAGE) / PAGE_SIZE - 1;
    PFN_NUMBER Pfn = MiAllocateContiguousPages(1, First, Last, 0);
    if (Pfn == MI_NO_PAGE) {
        SKIP("all of them are in use already");
    }
    memset(MiPfnToAddress(Pfn), 0x11, PAGE_SIZE);
    MiFreePage(Pfn);
}

/* ---- the direct map -------------------------------------------------------------------------- */

TEST(StartDirectMap, "mm/start/direct-map-has-every-page-but-the-image", "DIRECT-1")
{
    PFN_NUMBER Missing = 0, Image = 0, Wrong = 0;
    for (PFN_NUMBER Pfn = 0; Pfn <= MmHighestPhysicalPage; Pfn++) {
        MI_WALK Walk;
        if (!MiIsPfn(Pfn)) {
            continue;
        }
        MiWalkTables(MiPfnToAddress(Pfn), &Walk);
        if (IsImagePage(Pfn)) {
            Image += Walk.Valid;
            continue;
        }
        Missing += !Walk.Valid && MiPfnEntry(Pfn)->PageLocation != BadPageList;
        Wrong += Walk.Valid && (!Walk.Writable || !Walk.NoExecute || Walk.User);
        Wrong +=
            Walk.Valid && MmGetPhysicalAddress(MiPfnToAddress(Pfn)).QuadPart >> 12 != (LONGLONG)Pfn;
    }
    CHECK_EQ(Missing, 0);
    CHECK_EQ(Image, 0);
    CHECK_EQ(Wrong, 0);
}

TEST(StartDirectDevices, "mm/start/direct-map-reaches-no-device", "DIRECT-1")
{
    static const ULONG64 Devices[] = {0xA0000 /* a graphics card's window: no memory in any PC */,
                                      0xFEE00000,
                                      0xFEC00000,
                                      0xFED00000,
                                      0xB0000000,
                                      0xFD000000};
    for (ULONG i = 0; i < ARRAYSIZE(Devices); i++) {
        if (!MiIsPfn(Devices[i] / PAGE_SIZE)) {
            CHECK(!MmIsAddressValid((PVOID)(MI_DIRECT_MAP + Devices[i])));
        }
    }
    CHECK(!MmIsAddressValid((PVOID)(MI_DIRECT_MAP + MI_DIRECT_MAP_SIZE - PAGE_SIZE)));
}

/* ---- the rest -------------------------------------------------------------------------------- */

TEST(StartTopLevel, "mm/start/top-level-of-system-space-is-complete", "PTE-1")
{
    for (ULONG i = 0; i < MiRegionCount; i++) {
        CHECK(MiReadPte(MiGetPxeAddress((PVOID)MiRegions[i].Base)).Hard.Valid);
    }
    CHECK(MiReadPte(MiGetPxeAddress((PVOID)MI_HYPERSPACE)).Hard.Valid);
    CHECK(MiReadPte(MiGetPxeAddress((PVOID)MI_SPECIAL_POOL)).Hard.Valid);
    MMPTE Self = MiReadPte(MiGetPxeAddress((PVOID)MI_PTE_BASE));
    CHECK(Self.Hard.Valid && Self.Hard.NoExecute);
    for (ULONG i = 0; i < MI_PTES_PER_TABLE / 2; i++) {
        CHECK_EQ(MiReadPte(MiGetPxeAddress(NULL) + i).Long, 0); /* the identity map is gone */
    }
}

TEST(StartSections, "mm/start/image-parts-have-their-rights", "DESIGN: W^X")
{
    static const struct {
        PCHAR Start, End;
        BOOLEAN Writable, NoExecute;
    } Parts[] = {{KiTextStart, KiTextEnd, FALSE, FALSE},
                 {KiRodataStart, KiRodataEnd, FALSE, TRUE},
                 {KiDataStart, KiDataEnd, TRUE, TRUE},
                 {KiDataEnd, KiImageEnd, FALSE, TRUE}};
    for (ULONG i = 0; i < ARRAYSIZE(Parts); i++) {
        for (PCHAR Va = Parts[i].Start; Va < Parts[i].End; Va += PAGE_SIZE) {
            MI_WALK Walk;
            MiWalkTables(Va, &Walk);
            if (Walk.Valid) { /* guard pages of static stacks are not */
                CHECK_EQ(Walk.Writable, Parts[i].Writable);
                CHECK_EQ(Walk.NoExecute, Parts[i].NoExecute);
                CHECK(!Walk.User);
            }
        }
    }
}

TEST(StartImagePages, "mm/start/image-pages-belong-to-the-image", "PFN-1, PFN-4")
{
    for (PCHAR Va = KiInitEnd; Va < KiImageEnd; Va += PAGE_SIZE) {
        PFN_NUMBER Pfn = ((ULONG64)Va - MI_KERNEL_IMAGE) / PAGE_SIZE;
        if (MmIsAddressValid(Va)) {
            CHECK_EQ(MiPfnEntry(Pfn)->PteAddress, MiGetPteAddress(Va));
            CHECK_EQ(MiPfnEntry(Pfn)->u2.ShareCount, 1);
        }
        CHECK_EQ(MiPfnEntry(Pfn)->PageLocation, ActiveAndValid);
    }
}

TEST(StartSharedData, "mm/start/shared-data-page-is-mapped", "driver-abi: KUSER_SHARED_DATA")
{
    MI_WALK Walk;
    MiWalkTables((PVOID)MI_SHARED_DATA, &Walk);
    CHECK(Walk.Valid && Walk.NoExecute);
    CHECK(!MmIsAddressValid((PCHAR)MI_SHARED_DATA + PAGE_SIZE));
}

TEST(StartNumbers, "mm/start/counters-of-memory-agree", "contract 3.11")
{
    CHECK_GT(MmNumberOfPhysicalPages, 0);
    CHECK_LE(MmNumberOfPhysicalPages, MmHighestPhysicalPage + 1);
    CHECK_LT(MmLowestPhysicalPage, MmHighestPhysicalPage);
    CHECK_LT(MmTotalCommitLimit, MmNumberOfPhysicalPages + MiFreeSlots());
    CHECK_LE(MmTotalCommittedPages, MmTotalCommitLimit);
    CHECK_EQ(MiRegions[MiRegionNonPagedPool].Limit, MmNumberOfPhysicalPages / 4 * 3);
}
