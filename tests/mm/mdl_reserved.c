/*
 * reserved.c - tests of address space that is set aside for mappings: it maps when nothing else
 * does, and only for whoever has its tag.
 */
#include "tests/mm/mdl_check.h"

#define RESERVED_TAG 'vseR'
#define SYSTEM_PTES  (&MiRegions[MiRegionSystemPtes])

/* Two locked pages of paged pool, from byte 0x10 on. */
static PMDL LockedPages(VOID)
{
    PCHAR Buffer = MiAllocatePoolPages(PagedPool, 2);
    PMDL Mdl = Buffer == NULL ? NULL : TestLockedMdl(Buffer + 0x10, PAGE_SIZE);
    CHECK(Mdl != NULL);
    return Mdl;
}

static VOID FreePages(PMDL Mdl)
{
    PVOID Buffer = Mdl->StartVa;
    MmUnlockPages(Mdl);
    IoFreeMdl(Mdl);
    MiFreePoolPages(Buffer);
}

TEST(ReservedMaps, "mm/reserved-mapping/maps-an-mdl-again-and-again",
     "DDI wdm MmMapLockedPagesWithReservedMapping")
{
    PMDL Mdl = LockedPages();
    PCHAR Place = MmAllocateMappingAddress(3 * PAGE_SIZE, RESERVED_TAG);
    REQUIRE(Mdl != NULL && Place != NULL);
    PCHAR Buffer = Mdl->StartVa;
    CHECK(!MmIsAddressValid(Place));
    for (CHAR i = 1; i <= 3; i++) {
        PCHAR Va = MmMapLockedPagesWithReservedMapping(Place, RESERVED_TAG, Mdl, MmCached);
        CHECK_EQ(Va, Place + 0x10);
        CHECK_EQ(Mdl->MappedSystemVa, Place); /* without the offset */
        CHECK(Mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA);
        Va[PAGE_SIZE - 1] = i;
        CHECK_EQ(Buffer[PAGE_SIZE + 0xF], i);
        MmUnmapReservedMapping(Va, RESERVED_TAG, Mdl);
        CHECK(!MmIsAddressValid(Place));
        CHECK_EQ(Mdl->MdlFlags, MDL_PAGES_LOCKED | MDL_WRITE_OPERATION);
    }
    CHECK_EQ(TestReferences(Buffer), 2);
    MmFreeMappingAddress(Place, RESERVED_TAG);
    FreePages(Mdl);
}

TEST(ReservedShort, "mm/reserved-mapping/works-when-nothing-is-left", "RESV-1")
{
    KIRQL Old;
    PMDL Mdl = LockedPages();
    PVOID Place = MmAllocateMappingAddress(2 * PAGE_SIZE, RESERVED_TAG);
    REQUIRE(Mdl != NULL && Place != NULL);
    SIZE_T Held = TestHoldCommit(0), Limit = SYSTEM_PTES->Limit;
    SYSTEM_PTES->Limit = 0;
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    PVOID None = MmGetSystemAddressForMdlSafe(Mdl, HighPagePriority);
    PVOID Va = MmMapLockedPagesWithReservedMapping(Place, RESERVED_TAG, Mdl, MmCached);
    if (Va != NULL) {
        MmUnmapReservedMapping(Va, RESERVED_TAG, Mdl);
    }
    KeLowerIrql(Old);
    SYSTEM_PTES->Limit = Limit;
    MiReturnCommit(Held);
    CHECK_EQ(None, NULL);
    CHECK(Va != NULL);
    MmFreeMappingAddress(Place, RESERVED_TAG);
    FreePages(Mdl);
}

TEST(ReservedLong, "mm/reserved-mapping/mdl-that-is-too-long-is-null", "RESV-1")
{
    PMDL Mdl = LockedPages();
    PVOID Place = MmAllocateMappingAddress(PAGE_SIZE, RESERVED_TAG);
    REQUIRE(Mdl != NULL && Place != NULL);
    CHECK_EQ(MmMapLockedPagesWithReservedMapping(Place, RESERVED_TAG, Mdl, MmCached), NULL);
    CHECK_EQ(Mdl->MdlFlags, MDL_PAGES_LOCKED | MDL_WRITE_OPERATION);
    MmFreeMappingAddress(Place, RESERVED_TAG);
    FreePages(Mdl);
}

TEST(ReservedGone, "mm/reserved-mapping/freeing-leaves-nothing", "DDI wdm MmFreeMappingAddress")
{
    MmFreeMappingAddress(MmAllocateMappingAddress(1, 1), 1); /* page tables are there now */
    MM_COUNTS Before = TestMmCounts();
    PVOID Place = MmAllocateMappingAddress(5 * PAGE_SIZE, RESERVED_TAG);
    REQUIRE(Place != NULL);
    CHECK_EQ(MiAvailablePages(), Before.Available); /* no memory stands behind it */
    CHECK_EQ(MmTotalCommittedPages, Before.Committed);
    MmFreeMappingAddress(Place, RESERVED_TAG);
    TestMmUnchanged(&Before);
    CHECK_EQ(MmAllocateMappingAddress(1ULL << 40, RESERVED_TAG), NULL);
    TestMmUnchanged(&Before);
}

/* ---- stops ----------------------------------------------------------------------------------- */

static PVOID Place(SIZE_T Bytes)
{
    PVOID Va = MmAllocateMappingAddress(Bytes, RESERVED_TAG);
    TestAnnounce("place", (ULONG64)Va);
    TestAnnounce("tag", RESERVED_TAG);
    return Va;
}

CRASH_TEST(ReserveNothing, "mm/reserved-mapping/of-no-bytes", "0xDA 0x100 0x0 0x1234 *",
           "contract 4.5: 0xDA, 0x100")
{
    MmAllocateMappingAddress(0, 0x1234);
}

CRASH_TEST(FreeForeign, "mm/reserved-mapping/freed-under-another-tag",
           "0xDA 0x101 $place 0x1234 $tag", "RESV-2, contract 4.5: 0xDA, 0x101")
{
    MmFreeMappingAddress(Place(1), 0x1234);
}

CRASH_TEST(FreeEmpty, "mm/reserved-mapping/freed-twice", "0xDA 0x102 $place $tag 0x0",
           "RESV-2, contract 4.5: 0xDA, 0x102")
{
    PVOID Va = Place(1);
    MmFreeMappingAddress(Va, RESERVED_TAG);
    MmFreeMappingAddress(Va, RESERVED_TAG);
}

CRASH_TEST(FreeMapped, "mm/reserved-mapping/freed-while-mapped", "0xDA 0x103 $place $tag 0x3",
           "contract 4.5: 0xDA, 0x103")
{
    PVOID Va = Place(3 * PAGE_SIZE);
    MmMapLockedPagesWithReservedMapping(Va, RESERVED_TAG, LockedPages(), MmCached);
    MmFreeMappingAddress(Va, RESERVED_TAG);
}

CRASH_TEST(MapForeign, "mm/reserved-mapping/mapped-under-another-tag",
           "0xDA 0x104 $place 0x1234 $tag", "RESV-2, contract 4.5: 0xDA, 0x104")
{
    MmMapLockedPagesWithReservedMapping(Place(2 * PAGE_SIZE), 0x1234, LockedPages(), MmCached);
}

CRASH_TEST(MapInvalid, "mm/reserved-mapping/mapped-where-nothing-is-reserved",
           "0xDA 0x105 $address $tag 0x0", "contract 4.5: 0xDA, 0x105")
{
    PCHAR Va = (PCHAR)Place(2 * PAGE_SIZE) + PAGE_SIZE;
    TestAnnounce("address", (ULONG64)Va);
    MmMapLockedPagesWithReservedMapping(Va, RESERVED_TAG, LockedPages(), MmCached);
}

CRASH_TEST(MapMapped, "mm/reserved-mapping/mapped-twice", "0xDA 0x107 $place $place $last",
           "contract 4.5: 0xDA, 0x107")
{
    PCHAR Va = Place(2 * PAGE_SIZE);
    TestAnnounce("last", (ULONG64)Va + PAGE_SIZE);
    MmMapLockedPagesWithReservedMapping(Va, RESERVED_TAG, LockedPages(), MmCached);
    MmMapLockedPagesWithReservedMapping(Va, RESERVED_TAG, LockedPages(), MmCached);
}

CRASH_TEST(UnmapForeign, "mm/reserved-mapping/unmapped-under-another-tag",
           "0xDA 0x108 $place 0x1234 $tag", "RESV-2, contract 4.5: 0xDA, 0x108")
{
    PVOID Va = Place(2 * PAGE_SIZE);
    PMDL Mdl = LockedPages();
    MmMapLockedPagesWithReservedMapping(Va, RESERVED_TAG, Mdl, MmCached);
    MmUnmapReservedMapping(Va, 0x1234, Mdl);
}

CRASH_TEST(UnmapEmpty, "mm/reserved-mapping/unmapped-where-nothing-is-reserved",
           "0xDA 0x109 $place $tag 0x0", "contract 4.5: 0xDA, 0x109")
{
    PVOID Va = Place(2 * PAGE_SIZE);
    PMDL Mdl = LockedPages();
    MmFreeMappingAddress(Va, RESERVED_TAG);
    MmUnmapReservedMapping(Va, RESERVED_TAG, Mdl);
}

CRASH_TEST(UnmapTooMany, "mm/reserved-mapping/unmapped-more-than-there-is",
           "0xDA 0x10A $place 0x1 0x2", "contract 4.5: 0xDA, 0x10A")
{
    MmUnmapReservedMapping(Place(PAGE_SIZE), RESERVED_TAG, LockedPages());
}

CRASH_TEST(UnmapTwice, "mm/reserved-mapping/unmapped-twice", "0xDA 0x10B $place $tag 0x2",
           "contract 4.5: 0xDA, 0x10B")
{
    PVOID Va = Place(2 * PAGE_SIZE);
    PMDL Mdl = LockedPages();
    MmMapLockedPagesWithReservedMapping(Va, RESERVED_TAG, Mdl, MmCached);
    MmUnmapReservedMapping(Va, RESERVED_TAG, Mdl);
    MmUnmapReservedMapping(Va, RESERVED_TAG, Mdl);
}

CRASH_TEST(UnmapPart, "mm/reserved-mapping/unmapped-not-entirely", "0xDA 0x10C $place $tag 0x1",
           "contract 4.5: 0xDA, 0x10C")
{
    PVOID Va = Place(2 * PAGE_SIZE);
    PMDL Mdl = LockedPages();
    MmMapLockedPagesWithReservedMapping(Va, RESERVED_TAG, Mdl, MmCached);
    Mdl->ByteCount = 16;
    MmUnmapReservedMapping(Va, RESERVED_TAG, Mdl);
}
