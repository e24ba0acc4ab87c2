/*
 * region.c - tests of system address space: what an address shows by its place, and how each region
 * hands out runs of pages, knows them again and takes them back.
 */
#include "tests/mm/mm_check.h"

typedef struct _KIND_SAMPLE {
    ULONG64 Address;
    MI_VA_KIND Kind;
} KIND_SAMPLE;

TEST(KindPlaces, "mm/address/kind-is-told-by-the-place", "DESIGN: the address map")
{
    static const KIND_SAMPLE Samples[] = {
        {0, MiVaUser},
        {0x00007FFFFFFFFFFF, MiVaUser},
        {0x0000800000000000, MiVaNonCanonical},
        {0xFFFF7FFFFFFFFFFF, MiVaNonCanonical},
        {0xFFFF800000000000, MiVaUnused},
        {0xFFFFF67FFFFFFFFF, MiVaUnused},
        {0xFFFFF68000000000, MiVaPageTables},
        {0xFFFFF6FFFFFFFFFF, MiVaPageTables},
        {0xFFFFF70000000000, MiVaHyperspace},
        {0xFFFFF78000000000, MiVaSharedData},
        {0xFFFFF80000000000, MiVaDriverImage},
        {0xFFFFF88000000000, MiVaSystemPtes},
        {0xFFFFF90000000000, MiVaKernelStack},
        {0xFFFFF98000000000, MiVaPagedPool},
        {0xFFFFF9FFFFFFFFFF, MiVaPagedPool},
        {0xFFFFFA0000000000, MiVaPfnDatabase},
        {0xFFFFFA8000000000, MiVaNonPagedPool},
        {0xFFFFFB0000000000, MiVaExecutablePool},
        {0xFFFFFB8000000000, MiVaSpecialPool},
        {0xFFFFFC0000000000, MiVaDirectMap},
        {0xFFFFFDFFFFFFFFFF, MiVaDirectMap},
        {0xFFFFFE0000000000, MiVaUnused},
        {0xFFFFFFFF7FFFFFFF, MiVaUnused},
        {0xFFFFFFFF80000000, MiVaKernelImage},
        {0xFFFFFFFFFFDFFFFF, MiVaKernelImage},
        {0xFFFFFFFFFFE00000, MiVaHal},
        {0xFFFFFFFFFFFFFFFF, MiVaHal},
    };
    for (ULONG i = 0; i < ARRAYSIZE(Samples); i++) {
        CHECK_EQ(MiAddressKind((PVOID)Samples[i].Address), Samples[i].Kind);
    }
}

TEST(KindNames, "mm/address/kinds-have-names", "")
{
    for (MI_VA_KIND Kind = 0; Kind < MiVaKindCount; Kind++) {
        CHECK(MiKindName(Kind) != NULL && MiKindName(Kind)[0] != 0);
    }
    CHECK_EQ(strcmp(MiKindName(MiVaPagedPool), "paged pool"), 0);
    CHECK_EQ(strcmp(MiKindName(MiVaKindCount), "unknown"), 0);
}

TEST(KindOfMine, "mm/address/what-is-handed-out-shows-its-kind", "DESIGN: the address map")
{
    PVOID Paged = MiAllocatePoolPages(PagedPool, 1), Nx = MiAllocatePoolPages(NonPagedPoolNx, 1);
    PVOID Executable = MiAllocatePoolPages(NonPagedPool, 1);
    PCHAR Stack = MiAllocateKernelStack();
    PVOID Device = MmMapIoSpace((PHYSICAL_ADDRESS){.QuadPart = 0xFEE00000}, 1, MmNonCached);
    REQUIRE(Paged != NULL && Nx != NULL && Executable != NULL && Stack != NULL && Device != NULL);
    CHECK_EQ(MiAddressKind(Paged), MiVaPagedPool);
    CHECK_EQ(MiAddressKind(Nx), MiVaNonPagedPool);
    CHECK_EQ(MiAddressKind(Executable), MiVaExecutablePool);
    CHECK_EQ(MiAddressKind(Stack - 1), MiVaKernelStack);
    CHECK_EQ(MiAddressKind(Device), MiVaSystemPtes);
    CHECK_EQ(MiAddressKind((PVOID)MiAddressKind), MiVaKernelImage);
    MmUnmapIoSpace(Device, 1);
    MiFreeKernelStack(Stack);
    MiFreePoolPages(Executable);
    MiFreePoolPages(Nx);
    MiFreePoolPages(Paged);
}

TEST(RegionOf, "mm/region/is-found-by-address", "")
{
    for (ULONG i = 0; i < MiRegionCount; i++) {
        PCHAR Base = (PCHAR)MiRegions[i].Base;
        CHECK_EQ(MiRegionOf(Base), &MiRegions[i]);
        CHECK_EQ(MiRegionOf(Base + MI_SLOT_BYTES - 1), &MiRegions[i]);
        CHECK_NE(MiRegionOf(Base - 1), &MiRegions[i]);
        CHECK_EQ(MiRegions[i].Size, MI_SLOT_PAGES);
    }
    CHECK_EQ(MiRegionOf(NULL), NULL);
    CHECK_EQ(MiRegionOf((PVOID)MI_KERNEL_IMAGE), NULL);
    CHECK_EQ(MiRegionOf((PVOID)MI_SPECIAL_POOL), NULL);
}

/* ---- reservations: in the region of driver images, where nobody else takes any --------------- */

#define REGION (&MiRegions[MiRegionDriverImages])

static PCHAR Reserve(SIZE_T Pages)
{
    return MiReserveRegion(MiRegionDriverImages, Pages);
}

TEST(RegionLowest, "mm/region/lowest-run-that-fits-is-taken", "VA-2")
{
    PCHAR First = Reserve(2), Second = Reserve(3), Third = Reserve(1);
    REQUIRE(First != NULL && Second != NULL && Third != NULL);
    CHECK_EQ(Second, First + 2 * PAGE_SIZE);
    CHECK_EQ(Third, Second + 3 * PAGE_SIZE);
    MiReleaseRegion(REGION, First, 2);
    CHECK_EQ(Reserve(3), Third + PAGE_SIZE);
    CHECK_EQ(Reserve(2), First);
    MiReleaseRegion(REGION, Third + PAGE_SIZE, 3);
    MiReleaseRegion(REGION, Third, 1);
    MiReleaseRegion(REGION, Second, 3);
    CHECK_EQ(Reserve(3), Second);
    MiReleaseRegion(REGION, Second, 3);
    MiReleaseRegion(REGION, First, 2);
}

TEST(RegionKnown, "mm/region/reservations-side-by-side-are-told-apart", "VA-1")
{
    SIZE_T Offset;
    PCHAR First = Reserve(3), Second = Reserve(2);
    REQUIRE(First != NULL && Second == First + 3 * PAGE_SIZE);
    CHECK_EQ(MiQueryRegion(REGION, First), 3);
    CHECK_EQ(MiQueryRegion(REGION, First + PAGE_SIZE), 0); /* the middle of one */
    CHECK_EQ(MiQueryRegion(REGION, First + 8), 0);
    CHECK_EQ(MiQueryRegion(REGION, Second), 2);
    CHECK_EQ(MiQueryRegion(REGION, Second + 2 * PAGE_SIZE), 0); /* behind */
    CHECK(MiFindInRegion(REGION, First + 2 * PAGE_SIZE + 5, &Offset));
    CHECK_EQ(Offset, 2);
    CHECK(MiFindInRegion(REGION, Second, &Offset));
    CHECK_EQ(Offset, 0);
    CHECK(!MiFindInRegion(REGION, Second + 2 * PAGE_SIZE, &Offset));
    MiReleaseRegion(REGION, First, 3);
    CHECK_EQ(MiQueryRegion(REGION, First), 0);
    CHECK_EQ(MiQueryRegion(REGION, Second), 2);
    MiReleaseRegion(REGION, Second, 2);
}

TEST(RegionNothing, "mm/region/far-addresses-are-in-no-reservation", "VA-1")
{
    SIZE_T Offset;
    PCHAR End = (PCHAR)REGION->Base + MI_SLOT_BYTES - PAGE_SIZE;
    CHECK_EQ(MiQueryRegion(REGION, End), 0);
    CHECK(!MiFindInRegion(REGION, End, &Offset));
    CHECK_EQ(Reserve(0), NULL);
}

TEST(RegionZeroPtes, "mm/region/reserved-pages-have-zero-ptes", "VA-3")
{
    PCHAR Va = Reserve(600); /* two page tables */
    REQUIRE(Va != NULL);
    for (ULONG i = 0; i < 600; i++) {
        MI_WALK Walk;
        MiWalkTables(Va + i * PAGE_SIZE, &Walk);
        CHECK_EQ(Walk.Level, 1);
        CHECK_EQ(Walk.Value.Long, 0);
    }
    MiReleaseRegion(REGION, Va, 600);
}

TEST(RegionTables, "mm/region/page-tables-are-made-once-and-charged", "PTE-1, COMMIT-2")
{
    SIZE_T Pages = 40 * MI_PTES_PER_TABLE; /* more than one page of each bitmap has bits for */
    PVOID Va = Reserve(Pages);
    REQUIRE(Va != NULL);
    MiReleaseRegion(REGION, Va, Pages);
    MM_COUNTS Before = TestMmCounts();
    SIZE_T Tables = MiPageTablePages;
    CHECK_EQ(Reserve(Pages), Va);
    CHECK_EQ(MiPageTablePages, Tables);
    MiReleaseRegion(REGION, Va, Pages);
    TestMmUnchanged(&Before);
}

TEST(RegionNewTables, "mm/region/each-new-page-table-is-one-page", "COMMIT-2")
{
    static ULONG64 Run; /* each finds addresses whose tables were not made yet */
    PCHAR Far = (PCHAR)(REGION->Base + 0x4000000000 + Run++ * 0x80000000);
    MM_COUNTS Before = TestMmCounts();
    SIZE_T Tables = MiPageTablePages;
    REQUIRE(MiCreatePageTables(Far - PAGE_SIZE, 2 + MI_PTES_PER_TABLE));
    /* One page in front, 513 behind: 3 tables, and each side has a directory of its own. */
    CHECK_EQ(MiPageTablePages, Tables + 5);
    CHECK_EQ(MmTotalCommittedPages, Before.Committed + 5);
    CHECK_EQ(MiAvailablePages(), Before.Available - 5);
    CHECK(MiCreatePageTables(Far - PAGE_SIZE, 2 + MI_PTES_PER_TABLE));
    CHECK_EQ(MiPageTablePages, Tables + 5);
}

TEST(RegionTabled, "mm/region/tables-are-known-up-to-tabled", "PTE-1")
{
    PCHAR Va = Reserve(MI_PTES_PER_TABLE);
    REQUIRE(Va != NULL);
    ULONG End = (ULONG)((Va - (PCHAR)REGION->Base) / PAGE_SIZE) + MI_PTES_PER_TABLE;
    MiReleaseRegion(REGION, Va, MI_PTES_PER_TABLE);
    CHECK_GE(REGION->Tabled, End);
    for (ULONG Page = 0; Page < REGION->Tabled; Page++) {
        MI_WALK Walk;
        MiWalkTables((PCHAR)REGION->Base + (ULONG_PTR)Page * PAGE_SIZE, &Walk);
        REQUIRE_EQ(Walk.Level, 1);
    }
}

TEST(RegionLimit, "mm/region/limit-holds", "")
{
    SIZE_T Limit = REGION->Limit;
    REGION->Limit = REGION->PagesInUse + 4;
    CHECK_EQ(Reserve(5), NULL);
    PVOID Va = Reserve(4);
    CHECK_NE(Va, NULL);
    CHECK_EQ(Reserve(1), NULL);
    MiReleaseRegion(REGION, Va, 4);
    REGION->Limit = Limit;
    CHECK_EQ(Reserve(MI_SLOT_PAGES + 1), NULL);
    CHECK_EQ(Reserve(~(SIZE_T)0), NULL);
}

/* A page of a bitmap has bits for 32768 pages, and a page table maps 512 such pages. */
#define PAGES_PER_MAP_TABLE (PAGE_SIZE * 8 * MI_PTES_PER_TABLE)

/* What a driver asks of MmMapIoSpace by mistake must not cost the memory of its page tables. */
TEST(RegionTooLarge, "mm/region/request-beyond-memory-leaves-no-page-tables", "PTE-5")
{
    SIZE_T Affordable = MmTotalCommitLimit - MmTotalCommittedPages + MiPageTablePages;
    SIZE_T Pages = Affordable * MI_PTES_PER_TABLE;
    SIZE_T Tables = MiPageTablePages;
    CHECK_EQ(Reserve(Pages), NULL); /* bitmaps may grow, once */
    CHECK_LE(MiPageTablePages, Tables + 2 * (Pages / PAGES_PER_MAP_TABLE + 1));
    Tables = MiPageTablePages;
    MM_COUNTS Before = TestMmCounts();
    CHECK_EQ(Reserve(Pages), NULL);
    CHECK_EQ(Reserve(Pages + MI_PTES_PER_TABLE), NULL);
    CHECK_EQ(MiPageTablePages, Tables);
    TestMmUnchanged(&Before);
}
