/*
 * contigmem.c - tests of contiguous and uncached memory: limits, rights, caching, and who gets it
 * back.
 */
#include "mm/paging.h"
#include "tests/mm/mdl_check.h"

#define ANY_HIGH (~0ULL)

static PHYSICAL_ADDRESS Physical(ULONG64 Address)
{
    return (PHYSICAL_ADDRESS){.QuadPart = (LONGLONG)Address};
}

/* Cached, executable, of any node. */
static PVOID Allocate(SIZE_T Bytes, ULONG64 Low, ULONG64 High, ULONG64 Boundary)
{
    return MmAllocateContiguousMemorySpecifyCache(Bytes, Physical(Low), Physical(High),
                                                  Physical(Boundary), MmCached);
}

/* Anywhere, with a protection. */
static PVOID AllocateAs(SIZE_T Bytes, ULONG Protect)
{
    return MmAllocateContiguousNodeMemory(Bytes, Physical(0), Physical(ANY_HIGH), Physical(0),
                                          Protect, MM_ANY_NODE_OK);
}

static MMPTE EntryOf(PVOID Va)
{
    return MiReadPte(MiGetPteAddress(Va));
}

/* The first of Count free pages whose number is a multiple of Count; MI_NO_PAGE: none. */
static PFN_NUMBER FindFree(PFN_NUMBER Count)
{
    PFN_NUMBER First = MiAllocateContiguousPages(Count, 0, ~0ULL, Count);
    if (First != MI_NO_PAGE) {
        MiFreePages(First, Count);
    }
    return First;
}

TEST(ContigRun, "mm/contiguous-memory/is-adjacent-page-aligned-and-counted", "CONTIG-1")
{
    MmFreeContiguousMemory(MmAllocateContiguousMemory(1, Physical(ANY_HIGH))); /* page tables */
    MM_COUNTS Before = TestMmCounts();
    PCHAR Va = MmAllocateContiguousMemory(4 * PAGE_SIZE + 1, Physical(ANY_HIGH));
    REQUIRE(Va != NULL);
    CHECK_EQ(BYTE_OFFSET(Va), 0);
    for (ULONG i = 1; i < 5; i++) {
        CHECK_EQ(TestPageOf(Va + i * PAGE_SIZE), TestPageOf(Va) + i);
    }
    CHECK_EQ(MiAvailablePages(), Before.Available - 5);
    CHECK_EQ(MmTotalCommittedPages, Before.Committed + 5);
    RtlFillMemory(Va, 5 * PAGE_SIZE, 0x5A);
    MmFreeContiguousMemory(Va);
    CHECK(!MmIsAddressValid(Va));
    TestMmUnchanged(&Before);
}

TEST(ContigLimits, "mm/contiguous-memory/lies-between-both-addresses", "CONTIG-1")
{
    PFN_NUMBER First = FindFree(16);
    REQUIRE(First != MI_NO_PAGE);
    ULONG64 Low = First * PAGE_SIZE, High = (First + 4) * PAGE_SIZE - 1;
    PVOID Va = Allocate(4 * PAGE_SIZE, Low, High, 0);
    REQUIRE(Va != NULL);
    CHECK_EQ(MmGetPhysicalAddress(Va).QuadPart, Low);
    MmFreeContiguousMemory(Va);
    CHECK_EQ(Allocate(4 * PAGE_SIZE, Low + 1, High, 0), NULL);
    CHECK_EQ(Allocate(4 * PAGE_SIZE, Low, High - 1, 0), NULL);
    Va = MmAllocateContiguousMemory(PAGE_SIZE, Physical(0xFFFFFF)); /* of the first 16 MB */
    if (CHECK(Va != NULL)) {
        CHECK_LE(MmGetPhysicalAddress(Va).QuadPart, 0xFFF000);
        MmFreeContiguousMemory(Va);
    }
}

TEST(ContigBoundary, "mm/contiguous-memory/does-not-cross-the-boundary", "CONTIG-1")
{
    PFN_NUMBER First = FindFree(32);
    REQUIRE(First != MI_NO_PAGE);
    ULONG64 High = (First + 32) * PAGE_SIZE - 1;
    PVOID Va = Allocate(4 * PAGE_SIZE, (First + 6) * PAGE_SIZE, High, 8 * PAGE_SIZE);
    REQUIRE(Va != NULL);
    CHECK_EQ(TestPageOf(Va), First + 8);
    MmFreeContiguousMemory(Va);
    CHECK_EQ(Allocate(9 * PAGE_SIZE, First * PAGE_SIZE, High, 8 * PAGE_SIZE), NULL);
}

TEST(ContigNothing, "mm/contiguous-memory/requests-without-sense-are-null", "CONTIG-1")
{
    MM_COUNTS Before = TestMmCounts();
    CHECK_EQ(Allocate(0, 0, ANY_HIGH, 0), NULL);
    CHECK_EQ(Allocate(~(SIZE_T)0, 0, ANY_HIGH, 0), NULL);
    CHECK_EQ(Allocate(MmNumberOfPhysicalPages * PAGE_SIZE + 1, 0, ANY_HIGH, 0), NULL);
    CHECK_EQ(Allocate(1, 0, ANY_HIGH, 3 * PAGE_SIZE), NULL); /* no power of two */
    CHECK_EQ(Allocate(1, 0, ANY_HIGH, 0x800), NULL);         /* each page crosses it */
    CHECK_EQ(Allocate(1, 0, PAGE_SIZE - 2, 0), NULL);
    CHECK_EQ(Allocate(1, 1ULL << 50, ANY_HIGH, 0), NULL);
    CHECK_EQ(Allocate(1, 0x2000000, 0x1000000, 0), NULL);
    TestMmUnchanged(&Before);
}

TEST(ContigExecute, "mm/contiguous-memory/is-executable-but-for-node-memory", "contract 2.3")
{
    MI_WX_FINDING Finding;
    PVOID Old = MmAllocateContiguousMemory(1, Physical(ANY_HIGH));
    PVOID New = AllocateAs(1, PAGE_READWRITE), Execute = AllocateAs(1, PAGE_EXECUTE_READWRITE);
    REQUIRE(Old != NULL && New != NULL && Execute != NULL);
    CHECK_EQ(EntryOf(Old).Hard.NoExecute, 0);
    CHECK_EQ(EntryOf(New).Hard.NoExecute, 1);
    CHECK_EQ(EntryOf(Execute).Hard.NoExecute, 0);
    CHECK(EntryOf(Old).Hard.Dirty1 && EntryOf(New).Hard.Dirty1);
    CHECK(MiCheckWritableExecutable(&Finding)); /* WX-1 */
    *(PUCHAR)Old = 0xC3;                        /* ret */
    ((VOID(*)(VOID))Old)();
    MmFreeContiguousMemory(Old);
    MmFreeContiguousMemory(New);
    MmFreeContiguousMemory(Execute);
}

TEST(ContigProtect, "mm/contiguous-memory/node-memory-takes-two-protections",
     "DDI wdm MmAllocateContiguousNodeMemory")
{
    static const ULONG Wrong[] = {0,
                                  PAGE_READONLY,
                                  PAGE_EXECUTE_READ,
                                  PAGE_READWRITE | PAGE_EXECUTE_READWRITE,
                                  PAGE_NOCACHE,
                                  PAGE_READWRITE | PAGE_NOCACHE | PAGE_WRITECOMBINE,
                                  PAGE_READWRITE | 0x100};
    for (ULONG i = 0; i < ARRAYSIZE(Wrong); i++) {
        CHECK_EQ(AllocateAs(1, Wrong[i]), NULL);
    }
}

TEST(ContigCache, "mm/contiguous-memory/is-cached-as-asked", "CONTIG-3, contract 3.9")
{
    static const MEMORY_CACHING_TYPE Types[] = {MmNonCached, MmCached, MmWriteCombined};
    for (ULONG i = 0; i < ARRAYSIZE(Types); i++) {
        PVOID Va = MmAllocateContiguousMemorySpecifyCache(1, Physical(0), Physical(ANY_HIGH),
                                                          Physical(0), Types[i]);
        REQUIRE(Va != NULL);
        CHECK_EQ(EntryOf(Va).Hard.CacheDisable, Types[i] != MmCached);
        *(volatile ULONG *)Va = 0x12345678;
        CHECK_EQ(*(PULONG)MiPfnToAddress(TestPageOf(Va)), 0x12345678);
        MmFreeContiguousMemorySpecifyCache(Va, 1, Types[i]);
    }
    PVOID Va = AllocateAs(1, PAGE_READWRITE | PAGE_NOCACHE);
    REQUIRE(Va != NULL);
    CHECK_EQ(EntryOf(Va).Hard.CacheDisable, 1);
    MmFreeContiguousMemory(Va);
}

TEST(ContigNode, "mm/contiguous-memory/is-of-the-node-asked-for-or-null", "CONTIG-1")
{
    for (ULONG Node = 0; Node < MiNodeCount; Node++) {
        PVOID Va = MmAllocateContiguousNodeMemory(2 * PAGE_SIZE, Physical(0), Physical(ANY_HIGH),
                                                  Physical(0), PAGE_READWRITE, Node);
        if (MiNodePlaces[Node].Pages == 0) {
            CHECK_EQ(Va, NULL);
        } else if (CHECK(Va != NULL)) {
            CHECK_EQ(MiPfnEntry(TestPageOf(Va))->Node, Node);
            MmFreeContiguousMemory(Va);
        }
    }
    PVOID Last = MmAllocateContiguousMemorySpecifyCacheNode(1, Physical(0), Physical(ANY_HIGH),
                                                            Physical(0), MmCached, MiNodeCount);
    CHECK_EQ(Last != NULL, MiNodeCount == 1); /* with one node there is nothing to choose */
    if (Last != NULL) {
        MmFreeContiguousMemory(Last);
    }
}

TEST(ContigDispatch, "mm/contiguous-memory/at-dispatch-level", "contract 1.4")
{
    KIRQL Old;
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    PVOID Va = MmAllocateContiguousMemory(PAGE_SIZE, Physical(ANY_HIGH));
    if (Va != NULL) {
        MmFreeContiguousMemory(Va);
    }
    KeLowerIrql(Old);
    CHECK(Va != NULL);
}

TEST(ContigCommit, "mm/contiguous-memory/without-commit-is-null", "COMMIT-1")
{
    SIZE_T Held = TestHoldCommit(3);
    PVOID Four = MmAllocateContiguousMemory(4 * PAGE_SIZE, Physical(ANY_HIGH));
    SIZE_T Left = MmTotalCommitLimit - MmTotalCommittedPages;
    MiReturnCommit(Held);
    CHECK_EQ(Four, NULL);
    CHECK_EQ(Left, 3);
}

TEST(ContigAddresses, "mm/contiguous-memory/without-address-space-is-null-and-costs-nothing",
     "COMMIT-1")
{
    PMI_REGION Region = &MiRegions[MiRegionNonPagedPool];
    MM_COUNTS Before = TestMmCounts();
    SIZE_T Limit = Region->Limit;
    Region->Limit = Region->PagesInUse;
    PVOID Adjacent = AllocateAs(1, PAGE_READWRITE), Uncached = MmAllocateNonCachedMemory(1);
    Region->Limit = Limit;
    CHECK_EQ(Adjacent, NULL);
    CHECK_EQ(Uncached, NULL);
    TestMmUnchanged(&Before);
}

/* Frees blocks that fill pages; a processor keeps some, and so those pages. */
static BOOLEAN KeepPages(VOID)
{
    static PVOID Blocks[64];
    PoolDrain();
    SIZE_T Before = MmTotalCommittedPages;
    for (ULONG i = 0; i < ARRAYSIZE(Blocks); i++) {
        Blocks[i] = ExAllocatePoolWithTag(NonPagedPoolNx, 1900, TEST_TAG);
    }
    for (ULONG i = 0; i < ARRAYSIZE(Blocks); i++) {
        if (Blocks[i] != NULL) {
            ExFreePoolWithTag(Blocks[i], TEST_TAG);
        }
    }
    return MmTotalCommittedPages > Before;
}

/* At DISPATCH_LEVEL, where the DPC that looks at counters can't have the lists given back first. */
static VOID TakeWhatIsKept(VOID)
{
    KIRQL Old;
    PMDL Room = MmAllocatePagesForMdl(Physical(0), Physical(ANY_HIGH), Physical(0), PAGE_SIZE);
    CHECK(KeepPages());
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    SIZE_T Held = TestHoldCommit(0);
    PVOID Adjacent = AllocateAs(PAGE_SIZE, PAGE_READWRITE);
    MiReturnCommit(Held);
    KeLowerIrql(Old);
    CHECK(KeepPages());
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    Held = TestHoldCommit(0);
    PMDL Mdl = MmAllocatePagesForMdl(Physical(0), Physical(ANY_HIGH), Physical(0), PAGE_SIZE);
    MiReturnCommit(Held);
    KeLowerIrql(Old);
    if (CHECK(Adjacent != NULL)) {
        MmFreeContiguousMemory(Adjacent);
    }
    if (CHECK(Mdl != NULL)) {
        MmFreePagesFromMdl(Mdl);
        ExFreePool(Mdl);
    }
    if (Room != NULL) { /* its page of the pool had room for the other MDL */
        MmFreePagesFromMdl(Room);
        ExFreePool(Room);
    }
}

TEST(ContigKept, "mm/contiguous-memory/what-processors-keep-serves-before-null", "CONTIG-4, MDLP-4")
{
    PoolInFreeMode(TakeWhatIsKept);
}

TEST(ContigMdl, "mm/contiguous-memory/may-be-described-by-an-mdl",
     "DDI wdm MmBuildMdlForNonPagedPool")
{
    PCHAR Va = MmAllocateContiguousMemory(2 * PAGE_SIZE, Physical(ANY_HIGH));
    REQUIRE(Va != NULL);
    PMDL Mdl = IoAllocateMdl(Va, 2 * PAGE_SIZE, FALSE, FALSE, NULL);
    if (Mdl != NULL) {
        MmBuildMdlForNonPagedPool(Mdl);
        CHECK_EQ(MmGetMdlPfnArray(Mdl)[1], MmGetMdlPfnArray(Mdl)[0] + 1);
        IoFreeMdl(Mdl);
    }
    MmFreeContiguousMemory(Va);
}

TEST(NonCached, "mm/noncached-memory/is-whole-pages-uncached-and-not-executable", "contract 3.9")
{
    MmFreeNonCachedMemory(MmAllocateNonCachedMemory(1), 1); /* page tables are there now */
    MM_COUNTS Before = TestMmCounts();
    PCHAR Va = MmAllocateNonCachedMemory(2 * PAGE_SIZE + 1);
    REQUIRE(Va != NULL);
    CHECK_EQ(BYTE_OFFSET(Va), 0);
    for (ULONG i = 0; i < 3; i++) {
        MMPTE Value = EntryOf(Va + i * PAGE_SIZE);
        CHECK(Value.Hard.Valid && Value.Hard.Dirty1 && Value.Hard.NoExecute);
        CHECK_EQ(Value.Hard.CacheDisable, 1);
    }
    Va[3 * PAGE_SIZE - 1] = 1; /* all of the last page */
    CHECK_EQ(MmTotalCommittedPages, Before.Committed + 3);
    MmFreeNonCachedMemory(Va, 2 * PAGE_SIZE + 1);
    CHECK(!MmIsAddressValid(Va));
    TestMmUnchanged(&Before);
}

TEST(NonCachedFails, "mm/noncached-memory/that-can-not-be-had-is-null", "COMMIT-1")
{
    MM_COUNTS Before = TestMmCounts();
    CHECK_EQ(MmAllocateNonCachedMemory(0), NULL);
    CHECK_EQ(MmAllocateNonCachedMemory(~(SIZE_T)0), NULL);
    SIZE_T Held = TestHoldCommit(3);
    CHECK_EQ(MmAllocateNonCachedMemory(4 * PAGE_SIZE), NULL);
    MiReturnCommit(Held);
    TestMmUnchanged(&Before);
}

TEST(VirtualForPhysical, "mm/iospace/virtual-address-of-a-page-is-its-own-mappings",
     "DDI ntddk MmGetVirtualForPhysical")
{
    PCHAR Va = MiAllocatePoolPages(NonPagedPoolNx, 1);
    PFN_NUMBER Loose = MiAllocatePage(MiPageAny);
    REQUIRE(Va != NULL && Loose != MI_NO_PAGE);
    CHECK_EQ(MmGetVirtualForPhysical(MmGetPhysicalAddress(Va + 0x123)), Va + 0x123);
    CHECK_EQ(MmGetVirtualForPhysical(MmGetPhysicalAddress(KiTextStart)), KiTextStart);
    CHECK_EQ(MmGetVirtualForPhysical(Physical(Loose * PAGE_SIZE)), NULL); /* mapped nowhere */
    CHECK_EQ(MmGetVirtualForPhysical(Physical(0xFEE00000)), NULL);        /* no memory */
    CHECK_EQ(MmGetVirtualForPhysical(Physical(ANY_HIGH)), NULL);
    MiFreePage(Loose);
    MiFreePoolPages(Va);
    Va = MiAllocatePoolPages(PagedPool, 1);
    REQUIRE(Va != NULL);
    *Va = 1;
    PHYSICAL_ADDRESS Address = MmGetPhysicalAddress(Va);
    CHECK_EQ(MmGetVirtualForPhysical(Address), Va);
    CHECK_EQ(MiTrimPages(Va, 1), 1);
    CHECK_EQ(MmGetVirtualForPhysical(Address), NULL); /* in memory, but not mapped */
    MiFreePoolPages(Va);
}

/* ---- device memory with rights --------------------------------------------------------------- */

TEST(IoSpaceEx, "mm/iospace/ex-maps-with-the-protection-asked-for", "DDI wdm MmMapIoSpaceEx")
{
    static const struct {
        ULONG Protect;
        BOOLEAN Writable, Executable, Uncached;
    } Rows[] = {{PAGE_READONLY, 0, 0, 0},
                {PAGE_READWRITE, 1, 0, 0},
                {PAGE_READWRITE | PAGE_NOCACHE, 1, 0, 1},
                {PAGE_READONLY | PAGE_WRITECOMBINE, 0, 0, 1},
                {PAGE_EXECUTE, 0, 1, 0},
                {PAGE_EXECUTE_READ | PAGE_NOCACHE, 0, 1, 1}};
    for (ULONG i = 0; i < ARRAYSIZE(Rows); i++) {
        PVOID Va = MmMapIoSpaceEx(Physical(0xFEE00000), PAGE_SIZE, Rows[i].Protect);
        REQUIRE(Va != NULL);
        MMPTE Value = EntryOf(Va);
        CHECK_EQ(Value.Hard.Dirty1, Rows[i].Writable);
        CHECK_EQ(!Value.Hard.NoExecute, Rows[i].Executable);
        CHECK_EQ(Value.Hard.CacheDisable, Rows[i].Uncached);
        MmUnmapIoSpace(Va, PAGE_SIZE);
    }
}

TEST(IoSpaceExWrong, "mm/iospace/ex-refuses-other-protections", "DDI wdm MmMapIoSpaceEx, WX-1")
{
    static const ULONG Wrong[] = {0,
                                  PAGE_NOACCESS,
                                  PAGE_EXECUTE_READWRITE,
                                  PAGE_NOCACHE,
                                  PAGE_READONLY | PAGE_READWRITE,
                                  PAGE_READWRITE | PAGE_NOCACHE | PAGE_WRITECOMBINE,
                                  0x8};
    MM_COUNTS Before = TestMmCounts();
    for (ULONG i = 0; i < ARRAYSIZE(Wrong); i++) {
        CHECK_EQ(MmMapIoSpaceEx(Physical(0xFEE00000), PAGE_SIZE, Wrong[i]), NULL);
    }
    TestMmUnchanged(&Before);
}

/* ---- stops ----------------------------------------------------------------------------------- */

static PVOID Announced(PVOID Va)
{
    TestAnnounce("address", (ULONG64)Va);
    return Va;
}

CRASH_TEST(ContigInterior, "mm/contiguous-memory/freed-in-its-middle", "0xC2 0x60 $address 0x0 0x0",
           "CONTIG-2, contract 4.3: 0xC2, 0x60")
{
    PCHAR Va = MmAllocateContiguousMemory(2 * PAGE_SIZE, Physical(ANY_HIGH));
    MmFreeContiguousMemory(Announced(Va + PAGE_SIZE));
}

CRASH_TEST(ContigTwice, "mm/contiguous-memory/freed-twice", "0xC2 0x60 $address 0x0 0x0",
           "CONTIG-2, contract 4.3: 0xC2, 0x60")
{
    PVOID Va = Announced(MmAllocateContiguousMemory(1, Physical(ANY_HIGH)));
    MmFreeContiguousMemory(Va);
    MmFreeContiguousMemory(Va);
}

CRASH_TEST(ContigPool, "mm/contiguous-memory/freed-that-is-pool", "0xC2 0x60 $address 0x0 0x0",
           "CONTIG-2, contract 4.3: 0xC2, 0x60")
{
    MmFreeContiguousMemory(Announced(MiAllocatePoolPages(NonPagedPool, 1)));
}

CRASH_TEST(ContigLength, "mm/contiguous-memory/freed-with-another-length",
           "0xC2 0x60 $address 0x0 0x0", "CONTIG-2, contract 4.3: 0xC2, 0x60")
{
    PVOID Va = Announced(MmAllocateContiguousMemory(2 * PAGE_SIZE, Physical(ANY_HIGH)));
    MmFreeContiguousMemorySpecifyCache(Va, PAGE_SIZE, MmCached);
}

CRASH_TEST(ContigExFree, "mm/contiguous-memory/freed-by-exfreepool", "0x19 0x22 $address 0x0 0x0",
           "contract 2.9, contract 4.2: 0x19, 0x22")
{
    ExFreePool(Announced(MmAllocateContiguousMemory(2 * PAGE_SIZE, Physical(ANY_HIGH))));
}

CRASH_TEST(ContigLocked, "mm/contiguous-memory/freed-while-locked", "0x4E 0x9A $page 0x6 0x2",
           "PIN-1, contract 4.5: 0x4E, 0x9A")
{
    PVOID Va = MmAllocateContiguousMemory(PAGE_SIZE, Physical(ANY_HIGH));
    TestAnnounce("page", TestPageOf(Va));
    TestLockedMdl(Va, PAGE_SIZE);
    MmFreeContiguousMemory(Va);
}

CRASH_TEST(ContigNx, "mm/contiguous-memory/node-memory-executed", "0xFC $address $entry 0x0 0x0",
           "contract 2.3")
{
    PVOID Va = Announced(AllocateAs(1, PAGE_READWRITE));
    *(PUCHAR)Va = 0xC3; /* ret */
    TestAnnounce("entry", EntryOf(Va).Long);
    ((VOID(*)(VOID))Va)();
}

CRASH_TEST(NonCachedLength, "mm/noncached-memory/freed-with-another-length", "0xDA 0x2 0x0 0x2 0x1",
           "contract 4.5: 0xDA, 2")
{
    MmFreeNonCachedMemory(MmAllocateNonCachedMemory(2 * PAGE_SIZE), 1);
}

CRASH_TEST(NonCachedForeign, "mm/noncached-memory/freed-that-is-contiguous",
           "0xDA 0x3 0x0 0x0 $address", "contract 4.5: 0xDA, 3")
{
    MmFreeNonCachedMemory(Announced(AllocateAs(1, PAGE_READWRITE)), 1);
}

CRASH_TEST(NonCachedIrql, "mm/noncached-memory/allocated-at-dispatch", "0xC4 0xE5 0x2 0x0 0x0",
           "contract 1.4")
{
    KIRQL Old;
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    MmAllocateNonCachedMemory(1);
}
