/*
 * iospace.c - tests of what drivers may ask of mm: mappings of device registers, physical
 * addresses, and the arithmetic of pages and MDLs.
 */
#include "tests/mm/mm_check.h"

#define APIC_PHYSICAL 0xFEE00000ULL
#define APIC_VERSION  0x30

static PVOID Map(ULONG64 Physical, SIZE_T Bytes, MEMORY_CACHING_TYPE CacheType)
{
    return MmMapIoSpace((PHYSICAL_ADDRESS){.QuadPart = (LONGLONG)Physical}, Bytes, CacheType);
}

TEST(IoDevice, "mm/iospace/device-registers-are-uncached-and-not-executable", "IO-1")
{
    PCHAR Va = Map(APIC_PHYSICAL, PAGE_SIZE, MmNonCached);
    REQUIRE(Va != NULL);
    CHECK_EQ(*(volatile ULONG *)(Va + APIC_VERSION),
             *(volatile ULONG *)(MI_HAL_WINDOW + APIC_VERSION));
    MMPTE Value = MiReadPte(MiGetPteAddress(Va));
    CHECK(Value.Hard.Valid && Value.Hard.Dirty1 && Value.Hard.NoExecute);
    CHECK(Value.Hard.CacheDisable && Value.Hard.WriteThrough);
    CHECK_EQ(MmGetPhysicalAddress(Va).QuadPart, APIC_PHYSICAL);
    MmUnmapIoSpace(Va, PAGE_SIZE);
}

TEST(IoCaching, "mm/iospace/only-mmcached-is-cached", "IO-1")
{
    static const MEMORY_CACHING_TYPE Types[] = {MmNonCached, MmCached, MmWriteCombined,
                                                MmNonCachedUnordered};
    for (ULONG i = 0; i < ARRAYSIZE(Types); i++) {
        PVOID Va = Map(APIC_PHYSICAL, 16, Types[i]);
        REQUIRE(Va != NULL);
        CHECK_EQ(MiReadPte(MiGetPteAddress(Va)).Hard.CacheDisable, Types[i] != MmCached);
        MmUnmapIoSpace(Va, 16);
    }
}

TEST(IoOffset, "mm/iospace/offset-and-length-are-kept", "")
{
    PCHAR Va = Map(APIC_PHYSICAL + 0xFFE, 4, MmNonCached); /* the last two bytes and two more */
    REQUIRE(Va != NULL);
    CHECK_EQ(BYTE_OFFSET(Va), 0xFFE);
    CHECK_EQ(MmGetPhysicalAddress(Va).QuadPart, APIC_PHYSICAL + 0xFFE);
    CHECK_EQ(MmGetPhysicalAddress(Va + 2).QuadPart, APIC_PHYSICAL + 0x1000);
    CHECK(!MmIsAddressValid(Va + 2 + PAGE_SIZE));
    CHECK_EQ(MiQueryRegion(&MiRegions[MiRegionSystemPtes], PAGE_ALIGN(Va)), 2);
    MmUnmapIoSpace(Va, 4);
}

TEST(IoGone, "mm/iospace/unmapping-leaves-nothing", "")
{
    MmUnmapIoSpace(Map(APIC_PHYSICAL, 1, MmNonCached), 1); /* page tables are there now */
    MM_COUNTS Before = TestMmCounts();
    PVOID Va = Map(APIC_PHYSICAL, 3 * PAGE_SIZE, MmNonCached);
    REQUIRE(Va != NULL);
    MmUnmapIoSpace(Va, 3 * PAGE_SIZE);
    CHECK(!MmIsAddressValid(Va));
    CHECK_EQ(MiReadPte(MiGetPteAddress(Va)).Long, 0);
    TestMmUnchanged(&Before);
}

TEST(IoMemory, "mm/iospace/memory-stays-cached", "IO-3")
{
    PFN_NUMBER Pfn = MiAllocatePage(MiPageZeroed);
    REQUIRE(Pfn != MI_NO_PAGE);
    volatile ULONG *Va = Map(Pfn << PAGE_SHIFT, PAGE_SIZE, MmNonCached);
    REQUIRE(Va != NULL);
    CHECK_EQ(MiReadPte(MiGetPteAddress((PVOID)Va)).Hard.CacheDisable, 0);
    *Va = 0xABCD;
    CHECK_EQ(*(PULONG)MiPfnToAddress(Pfn), 0xABCD);
    MmUnmapIoSpace((PVOID)Va, PAGE_SIZE);
    CHECK_EQ(MiPfnEntry(Pfn)->u2.ShareCount, 0); /* it was none of the page's own mappings */
    MiFreePage(Pfn);
}

/* It begins behind the init section, whose pages may be a driver's by now. */
TEST(IoImage, "mm/iospace/kernel-image-is-refused", "IO-2")
{
    ULONG64 Start = (ULONG64)KiInitEnd - MI_KERNEL_IMAGE;
    ULONG64 End = (ULONG64)KiImageEnd - MI_KERNEL_IMAGE;
    CHECK_EQ(Map(Start, 1, MmCached), NULL);
    CHECK_EQ(Map(End - 1, 1, MmCached), NULL);
    CHECK_EQ(Map(Start - PAGE_SIZE, PAGE_SIZE + 1, MmCached), NULL);
    CHECK_EQ(Map(Start - PAGE_SIZE, 64 << 20, MmCached), NULL);
    PVOID Behind = Map(End, PAGE_SIZE, MmCached), Before = Map(Start - 1, 1, MmCached);
    CHECK_NE(Behind, NULL);
    CHECK_NE(Before, NULL);
    MmUnmapIoSpace(Behind, PAGE_SIZE);
    MmUnmapIoSpace(Before, 1);
}

TEST(IoNothing, "mm/iospace/impossible-requests-are-refused", "")
{
    MM_COUNTS Before = TestMmCounts();
    CHECK_EQ(Map(APIC_PHYSICAL, 0, MmNonCached), NULL);
    CHECK_EQ(Map(1ULL << 48, 1, MmNonCached), NULL);
    CHECK_EQ(Map((1ULL << 48) - 1, 2, MmNonCached), NULL);
    CHECK_EQ(Map(~0ULL, 1, MmNonCached), NULL);
    CHECK_EQ(Map(APIC_PHYSICAL, ~(SIZE_T)0, MmNonCached), NULL);
    CHECK_EQ(Map(0x100000000, 1ULL << 40, MmNonCached), NULL);
    TestMmUnchanged(&Before);
}

TEST(IoDispatch, "mm/iospace/may-be-mapped-at-dispatch-level", "contract 1.4")
{
    KIRQL Old;
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    PVOID Va = Map(APIC_PHYSICAL, PAGE_SIZE, MmNonCached);
    BOOLEAN Valid = MmIsAddressValid(Va);
    MmUnmapIoSpace(Va, PAGE_SIZE);
    KeLowerIrql(Old);
    CHECK(Valid);
}

/* ---- physical addresses ---------------------------------------------------------------------- */

TEST(PhysicalAddress, "mm/iospace/physical-addresses-of-every-kind", "contract 3.9")
{
    PCHAR Paged = MiAllocatePoolPages(PagedPool, 1);
    REQUIRE(Paged != NULL);
    CHECK_EQ(MmGetPhysicalAddress(Paged).QuadPart, 0); /* not resident */
    *Paged = 1;
    MMPTE Value = MiReadPte(MiGetPteAddress(Paged));
    CHECK_EQ(MmGetPhysicalAddress(Paged + 5).QuadPart,
             ((ULONG64)Value.Hard.PageFrameNumber << PAGE_SHIFT) + 5);
    CHECK_EQ(MmGetPhysicalAddress(MiPfnToAddress(0x3456)).QuadPart,
             MiIsPfn(0x3456) ? 0x3456000 : 0);
    CHECK_EQ(MmGetPhysicalAddress(KiTextStart + 7).QuadPart,
             (ULONG64)KiTextStart + 7 - MI_KERNEL_IMAGE);
    CHECK_EQ(MmGetPhysicalAddress(NULL).QuadPart, 0);
    CHECK_EQ(MmGetPhysicalAddress((PVOID)0x8000000000000000).QuadPart, 0);
    CHECK_EQ(MmGetPhysicalAddress((PVOID)(MI_HAL_WINDOW + 0x30)).QuadPart, APIC_PHYSICAL + 0x30);
    MiFreePoolPages(Paged);
}

TEST(AddressValid, "mm/iospace/validity-is-asked-without-a-fault", "contract 3.9")
{
    KIRQL Old;
    PCHAR Paged = MiAllocatePoolPages(PagedPool, 1);
    REQUIRE(Paged != NULL);
    MI_FAULT_COUNTERS Before = MiFaults;
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    BOOLEAN Untouched = MmIsAddressValid(Paged),
            NonCanonical = MmIsAddressValid((PVOID)(1ULL << 63));
    BOOLEAN Null = MmIsAddressValid(NULL), Text = MmIsAddressValid((PVOID)MmIsAddressValid);
    BOOLEAN Top = MmIsAddressValid((PVOID)~0ULL), Local = MmIsAddressValid(&Before);
    KeLowerIrql(Old);
    CHECK(!Untouched && !NonCanonical && !Null && !Top);
    CHECK(Text && Local);
    CHECK_EQ(MiFaults.Total, Before.Total);
    *Paged = 1;
    CHECK(MmIsAddressValid(Paged));
    MiFreePoolPages(Paged);
}

/* The processor drops bits 48 to 63 on its way through the tables; a look-up must not. */
TEST(AddressAlias, "mm/iospace/non-canonical-address-is-not-its-low-bits", "contract 3.9")
{
    PVOID Text = (PVOID)((ULONG_PTR)MmIsAddressValid & 0xFFFFFFFFFFFF);
    CHECK(!MmIsAddressValid(Text));
    CHECK_EQ(MmGetPhysicalAddress(Text).QuadPart, 0);
}

TEST(UserRange, "mm/iospace/user-and-system-range", "driver-abi: user range")
{
    CHECK_EQ(MmSystemRangeStart, 0xFFFF800000000000);
    CHECK_EQ(MmHighestUserAddress, 0x00007FFFFFFEFFFF);
    CHECK_EQ(MmUserProbeAddress, 0x00007FFFFFFF0000);
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

TEST(PageArithmetic, "mm/macros/page-arithmetic", "DDI wdm: PAGE_ALIGN and others")
{
    CHECK_EQ(PAGE_ALIGN((PVOID)0x12345), 0x12000);
    CHECK_EQ(PAGE_ALIGN((PVOID)0x12000), 0x12000);
    CHECK_EQ(BYTE_OFFSET((PVOID)0x12345), 0x345);
    CHECK_EQ(ROUND_TO_PAGES(0), 0);
    CHECK_EQ(ROUND_TO_PAGES(1), 0x1000);
    CHECK_EQ(ROUND_TO_PAGES(0x1000), 0x1000);
    CHECK_EQ(BYTES_TO_PAGES(0x1001), 2);
    CHECK_EQ(BYTES_TO_PAGES(~(SIZE_T)0), 1ULL << 52);
    CHECK_EQ(ADDRESS_AND_SIZE_TO_SPAN_PAGES((PVOID)0x1FFF, 2), 2);
    CHECK_EQ(ADDRESS_AND_SIZE_TO_SPAN_PAGES((PVOID)0x1000, 0x1000), 1);
    CHECK_EQ(ADDRESS_AND_SIZE_TO_SPAN_PAGES((PVOID)0x1001, 0x1000), 2);
    CHECK_EQ(ADDRESS_AND_SIZE_TO_SPAN_PAGES((PVOID)0x1001, 0), 1);
}

TEST(MdlFields, "mm/macros/mdl-fields", "contract 3.9: MDL layout")
{
    struct {
        MDL Mdl;
        PFN_NUMBER Pages[2];
    } Buffer = {.Mdl = {.StartVa = (PVOID)0x5000, .ByteCount = 100, .ByteOffset = 0xFF0}};
    CHECK_EQ(MmGetMdlVirtualAddress(&Buffer.Mdl), 0x5FF0);
    CHECK_EQ(MmGetMdlByteCount(&Buffer.Mdl), 100);
    CHECK_EQ(MmGetMdlByteOffset(&Buffer.Mdl), 0xFF0);
    CHECK_EQ(MmGetMdlPfnArray(&Buffer.Mdl), Buffer.Pages);
}

/* ---- stops ----------------------------------------------------------------------------------- */

CRASH_TEST(UnmapTwice, "mm/unmap-io-space-twice", "0xDA 0x3 0x0 0x0 $address", "contract 4.5: 0xDA")
{
    PVOID Va = Map(APIC_PHYSICAL, PAGE_SIZE, MmNonCached);
    TestAnnounce("address", (ULONG64)Va);
    MmUnmapIoSpace(Va, PAGE_SIZE);
    MmUnmapIoSpace(Va, PAGE_SIZE);
}

CRASH_TEST(UnmapLength, "mm/unmap-io-space-with-another-length", "0xDA 0x2 0x0 0x3 0x2",
           "contract 4.5: 0xDA")
{
    PVOID Va = Map(APIC_PHYSICAL, 3 * PAGE_SIZE, MmNonCached);
    MmUnmapIoSpace(Va, 2 * PAGE_SIZE);
}

CRASH_TEST(UnmapForeign, "mm/unmap-io-space-of-pool", "0xDA 0x3 0x0 0x0 $address",
           "contract 4.5: 0xDA")
{
    PVOID Va = MiAllocatePoolPages(NonPagedPoolNx, 1);
    TestAnnounce("address", (ULONG64)Va);
    MmUnmapIoSpace(Va, PAGE_SIZE);
}

CRASH_TEST(StackTwice, "mm/kernel-stack-freed-twice", "0xDA 0x3 0x0 0x0 $stack",
           "contract 4.5: 0xDA")
{
    PVOID Top = MiAllocateKernelStack();
    TestAnnounce("stack", (ULONG64)Top);
    MiFreeKernelStack(Top);
    MiFreeKernelStack(Top);
}

CRASH_TEST(MapAbove, "mm/map-io-space-above-dispatch", "0xC4 0x73 0xC 0xFEE00000 0x10",
           "contract 4.6: 0xC4, 0x73")
{
    KIRQL Old;
    KeRaiseIrql(SYNCH_LEVEL, &Old);
    Map(APIC_PHYSICAL, 16, MmNonCached);
}

CRASH_TEST(UnmapAbove, "mm/unmap-io-space-above-dispatch", "0xC4 0x7B 0x3 $address 0x10",
           "contract 4.6: 0xC4, 0x7B")
{
    KIRQL Old;
    PVOID Va = Map(APIC_PHYSICAL, 16, MmNonCached);
    TestAnnounce("address", (ULONG64)Va);
    KeRaiseIrql(3, &Old);
    MmUnmapIoSpace(Va, 16);
}
