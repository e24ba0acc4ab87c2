/*
 * memory.c - tests of WdfMemoryCreate: where the buffer lies, how large it is, what is in it, as
 * the documents promise it and as the framework's storage layouts (contract 2.3) keep it.
 */
#include "tests/wdf/fixture.h"
#include "mm/pool/pool.h"
#include "wdf/fx.h"

#define TEST_TAG     'meMT'
#define STALE_BYTE   0xC3
#define STALE_BLOCKS 16

static WDFMEMORY Create(POOL_TYPE PoolType, SIZE_T Size, PVOID *Buffer)
{
    WDFMEMORY Memory = NULL;
    *Buffer = NULL;
    CHECK_STATUS(WdfMemoryCreate(NULL, PoolType, TEST_TAG, Size, &Memory, Buffer), STATUS_SUCCESS);
    return Memory;
}

static BOOLEAN HoldsOnly(const UCHAR *Buffer, SIZE_T Size, UCHAR Byte)
{
    for (SIZE_T i = 0; i < Size; i++) {
        if (Buffer[i] != Byte) {
            return FALSE;
        }
    }
    return TRUE;
}

/* ---- the object and its buffer --------------------------------------------------------------- */

WDF_TEST(MemoryObject, "wdf/memory/makes-object-and-buffer",
         "WMC-3 WdfMemoryCreate makes a framework memory object. || "
         "WMC-4 WdfMemoryCreate allocates a buffer of the given size. || "
         "WMC-30 The memory object represents the buffer of BufferSize bytes.")
{
    PVOID Buffer;
    WDFMEMORY Memory = Create(NonPagedPoolNx, 100, &Buffer);
    size_t Size = 0;
    REQUIRE(Memory != NULL && Buffer != NULL);
    CHECK_EQ(WdfMemoryGetBuffer(Memory, &Size), Buffer);
    CHECK_EQ(Size, 100);
    CHECK_EQ(FixtureTagOf(Buffer), TEST_TAG);
    WdfObjectDelete(Memory);
}

WDF_TEST(MemoryOutputs, "wdf/memory/outputs",
         "WMC-22 Memory points to the place that receives the handle of the new object. || "
         "WMC-23 Buffer points to the place that receives the address of the object's buffer. || "
         "WMC-31 A driver gets the buffer's address by a Buffer parameter that is not NULL.")
{
    struct {
        ULONG64 Before;
        WDFMEMORY Memory;
        ULONG64 Between;
        PVOID Buffer;
        ULONG64 After;
    } Out = {1, NULL, 2, NULL, 3};
    CHECK_STATUS(WdfMemoryCreate(NULL, NonPagedPoolNx, 0, 8, &Out.Memory, &Out.Buffer),
                 STATUS_SUCCESS);
    REQUIRE(Out.Memory != NULL && Out.Buffer != NULL);
    CHECK_EQ(Out.Buffer, WdfMemoryGetBuffer(Out.Memory, NULL));
    CHECK(Out.Before == 1 && Out.Between == 2 && Out.After == 3);
}

WDF_TEST(MemoryNoBuffer, "wdf/memory/buffer-may-be-null", "WMC-24 Buffer may be NULL.")
{
    WDFMEMORY Memory = NULL;
    CHECK_STATUS(WdfMemoryCreate(NULL, NonPagedPoolNx, 0, 8, &Memory, NULL), STATUS_SUCCESS);
    CHECK_NE(Memory, NULL);
}

WDF_TEST(MemoryGetBuffer, "wdf/memory/get-buffer",
         "WMC-32 A driver can get the buffer's address from WdfMemoryGetBuffer.")
{
    static const POOL_TYPE Types[] = {NonPagedPool, NonPagedPoolNx, PagedPool};
    static const SIZE_T Sizes[] = {1, PAGE_SIZE - 1, PAGE_SIZE, 3 * PAGE_SIZE + 1};
    for (ULONG i = 0; i < ARRAYSIZE(Types) * ARRAYSIZE(Sizes); i++) {
        size_t Wanted = Sizes[i % ARRAYSIZE(Sizes)], Size = 0;
        PVOID Buffer;
        WDFMEMORY Memory = Create(Types[i / ARRAYSIZE(Sizes)], Wanted, &Buffer);
        REQUIRE(Memory != NULL);
        CHECK_EQ(WdfMemoryGetBuffer(Memory, &Size), Buffer);
        CHECK_EQ(Size, Wanted);
        CHECK_EQ(WdfMemoryGetBuffer(Memory, NULL), Buffer);
    }
}

WDF_TEST(MemoryPoolType, "wdf/memory/pool-type",
         "WMC-9 PoolType is a POOL_TYPE and says which kind of memory is allocated.")
{
    static const struct {
        POOL_TYPE Type;
        POOL_KIND Kind;
    } Cases[] = {
        {NonPagedPool, PoolKindNonPagedExecute},
        {NonPagedPoolExecute, PoolKindNonPagedExecute},
        {NonPagedPoolNx, PoolKindNonPagedNx},
        {NonPagedPoolNxCacheAligned, PoolKindNonPagedNx},
        {(POOL_TYPE)(NonPagedPool | POOL_COLD_ALLOCATION), PoolKindNonPagedExecute},
        {PagedPool, PoolKindPaged},
        {PagedPoolCacheAligned, PoolKindPaged},
        {(POOL_TYPE)(PagedPool | POOL_COLD_ALLOCATION), PoolKindPaged},
    };
    for (ULONG i = 0; i < ARRAYSIZE(Cases); i++) {
        PVOID Small, Large;
        REQUIRE(Create(Cases[i].Type, 40, &Small) && Create(Cases[i].Type, PAGE_SIZE, &Large));
        CHECK_EQ(ExpKindOfAddress(Small), Cases[i].Kind);
        CHECK_EQ(ExpKindOfAddress(Large), Cases[i].Kind);
    }
}

/* ---- size and place -------------------------------------------------------------------------- */

WDF_TEST(MemoryExactSize, "wdf/memory/exact-size",
         "WMC-21 BufferSize is the size of the buffer in bytes and is not zero. || "
         "WMC-45 Below PAGE_SIZE the caller gets exactly the number of bytes it asked for.")
{
    /* All bytes are the caller's: what lies behind them, the context and its callbacks, stays. */
    for (SIZE_T Size = 1; Size < PAGE_SIZE; Size += 13) {
        WDFMEMORY Memory = FixtureMemory('m', NULL, NonPagedPoolNx, Size);
        REQUIRE(Memory != NULL);
        size_t Told = 0;
        PVOID Buffer = WdfMemoryGetBuffer(Memory, &Told);
        CHECK_EQ(Told, Size);
        RtlFillMemory(Buffer, Size, 0xFF);
        WdfObjectDelete(Memory);
        FixtureExpect("cmdm");
    }
}

WDF_TEST(MemoryAlignment, "wdf/memory/alignment",
         "WMC-47 Below PAGE_SIZE the buffer is aligned to MEMORY_ALLOCATION_ALIGNMENT bytes.")
{
    static const POOL_TYPE Types[] = {NonPagedPool, NonPagedPoolNx, PagedPool};
    for (ULONG i = 0; i < ARRAYSIZE(Types); i++) {
        for (SIZE_T Size = 1; Size < PAGE_SIZE; Size = Size < 64 ? Size + 1 : Size + 61) {
            PVOID Buffer;
            WDFMEMORY Memory = Create(Types[i], Size, &Buffer);
            REQUIRE(Memory != NULL);
            CHECK_EQ((ULONG_PTR)Buffer % MEMORY_ALLOCATION_ALIGNMENT, 0);
            WdfObjectDelete(Memory);
        }
    }
}

WDF_TEST(MemoryNotPageAligned, "wdf/memory/small-need-not-be-page-aligned",
         "WMC-46 Below PAGE_SIZE the buffer need not be page-aligned.")
{
    PVOID First, Second, Paged[2];
    REQUIRE(Create(NonPagedPoolNx, 64, &First) && Create(NonPagedPoolNx, PAGE_SIZE - 1, &Second));
    CHECK_NE(BYTE_OFFSET(First), 0);
    CHECK_NE(BYTE_OFFSET(Second), 0);
    REQUIRE(Create(PagedPool, 64, &Paged[0]) && Create(PagedPool, 64, &Paged[1]));
    CHECK(BYTE_OFFSET(Paged[0]) != 0 && BYTE_OFFSET(Paged[1]) != 0);
}

WDF_TEST(MemoryPageAligned, "wdf/memory/page-alignment",
         "WMC-49 From PAGE_SIZE on, KMDF gives a page-aligned buffer.")
{
    static const POOL_TYPE Types[] = {NonPagedPool, NonPagedPoolNx, PagedPool};
    static const SIZE_T Sizes[] = {PAGE_SIZE, PAGE_SIZE + 1, 2 * PAGE_SIZE - 1, 65536};
    for (ULONG i = 0; i < ARRAYSIZE(Types) * ARRAYSIZE(Sizes); i++) {
        PVOID Buffer;
        REQUIRE(Create(Types[i / ARRAYSIZE(Sizes)], Sizes[i % ARRAYSIZE(Sizes)], &Buffer));
        CHECK_EQ(BYTE_OFFSET(Buffer), 0);
    }
}

WDF_TEST(MemoryWholePages, "wdf/memory/whole-pages",
         "WMC-50 A NonPagedPool buffer of PAGE_SIZE or more takes as many whole pages as hold its "
         "bytes. || "
         "WMC-51 The bytes left over in the last page are wasted.")
{
    static const struct {
        SIZE_T Size, Pages;
    } Cases[] = {{PAGE_SIZE, 1}, {PAGE_SIZE + 1, 2}, {2 * PAGE_SIZE, 2}, {5 * PAGE_SIZE - 1, 5}};
    for (ULONG i = 0; i < ARRAYSIZE(Cases); i++) {
        PVOID Buffer, Other;
        BOOLEAN Charged;
        REQUIRE(Create(NonPagedPool, Cases[i].Size, &Buffer));
        CHECK_EQ(ExQueryPoolBlockSize(Buffer, &Charged), Cases[i].Pages * PAGE_SIZE);
        /* The rest belongs to nobody else: not even a small block is put there. */
        POOL_BIG_BLOCK Block;
        PUCHAR Last = (PUCHAR)Buffer + Cases[i].Pages * PAGE_SIZE - 1;
        REQUIRE(ExpFindBigBlockAround(Last, &Block));
        CHECK_EQ(Block.Va, Buffer);
        REQUIRE(Create(NonPagedPool, 16, &Other));
        CHECK_NE(PAGE_ALIGN(Other), PAGE_ALIGN(Last));
    }
}

/* ---- contents -------------------------------------------------------------------------------- */

WDF_TEST(MemoryUninitialised, "wdf/memory/contents-are-not-initialised",
         "WMC-34 WdfMemoryCreate does not initialize the memory.")
{
    /*
     * Freed blocks come back with what the last owner left: half of them stay, so do their pages.
     */
    WDFMEMORY Memory[STALE_BLOCKS];
    PVOID Buffer;
    ULONG Stale = 0;
    for (ULONG i = 0; i < STALE_BLOCKS; i++) {
        Memory[i] = Create(NonPagedPoolNx, 512, &Buffer);
        REQUIRE(Memory[i] != NULL);
        RtlFillMemory(Buffer, 512, STALE_BYTE);
    }
    for (ULONG i = 0; i < STALE_BLOCKS; i += 2) {
        WdfObjectDelete(Memory[i]);
    }
    for (ULONG i = 0; i < STALE_BLOCKS; i += 2) {
        REQUIRE(Create(NonPagedPoolNx, 512, &Buffer));
        Stale += HoldsOnly(Buffer, 512, STALE_BYTE);
    }
    CHECK_GT(Stale, 0);
}

WDF_TEST(MemoryZeroed, "wdf/memory/rtl-zero-memory-clears-it",
         "WMC-35 One way to clear it is RtlZeroMemory right after WdfMemoryCreate.")
{
    static const SIZE_T Sizes[] = {100, PAGE_SIZE - 1, PAGE_SIZE + 100};
    for (ULONG i = 0; i < ARRAYSIZE(Sizes); i++) {
        WDFMEMORY Memory = FixtureMemory('z', NULL, NonPagedPoolNx, Sizes[i]);
        REQUIRE(Memory != NULL);
        PVOID Buffer = WdfMemoryGetBuffer(Memory, NULL);
        RtlZeroMemory(Buffer, Sizes[i]);
        CHECK(HoldsOnly(Buffer, Sizes[i], 0));
        WdfObjectDelete(Memory);
        FixtureExpect("czdz");
    }
}

/* ---- layouts (contract 2.3) ------------------------------------------------------------------ */

static PFX_OBJECT ObjectOf(WDFMEMORY Memory)
{
    USHORT Offset;
    return FxObjectOfHandle(Memory, &Offset);
}

WDF_TEST(MemorySmallLayout, "wdf/memory/small-layout", "contract 2.3: single allocation")
{
    /* One block under the caller's tag: object, buffer, context header, context. */
    POOL_TAG_USAGE Before, After, Driver[2];
    PVOID Buffer;
    ExpQueryTag(TEST_TAG, &Before);
    ExpQueryTag(FIXTURE_TAG, &Driver[0]);
    WDFMEMORY Memory = Create(NonPagedPool, 64, &Buffer);
    REQUIRE(Memory != NULL);
    ExpQueryTag(TEST_TAG, &After);
    ExpQueryTag(FIXTURE_TAG, &Driver[1]);
    CHECK_EQ(After.NonPagedAllocs, Before.NonPagedAllocs + 1);
    CHECK_EQ(Driver[1].NonPagedAllocs, Driver[0].NonPagedAllocs);
    PFX_OBJECT Object = ObjectOf(Memory);
    CHECK_EQ(ExpFindBlockAround(Object), ExpFindBlockAround(Buffer));
    CHECK_EQ(ExpKindOfAddress(Object), PoolKindNonPagedExecute);
    CHECK_EQ(FxObjectContexts(Object), (PUCHAR)Buffer + 64);
}

WDF_TEST(MemorySeparateLayout, "wdf/memory/separate-layout",
         "contract 2.3: a page or more, or paged: two blocks under two tags")
{
    static const struct {
        POOL_TYPE Type;
        SIZE_T Size;
    } Cases[] = {
        {NonPagedPool, PAGE_SIZE},
        {PagedPool, 64},
        {PagedPool, 2 * PAGE_SIZE},
        {PagedPoolCacheAligned, 64},
        {(POOL_TYPE)(PagedPool | POOL_COLD_ALLOCATION), 64},
        {(POOL_TYPE)(PagedPoolCacheAligned | POOL_COLD_ALLOCATION), PAGE_SIZE},
    };
    for (ULONG i = 0; i < ARRAYSIZE(Cases); i++) {
        PVOID Buffer;
        WDFMEMORY Memory = Create(Cases[i].Type, Cases[i].Size, &Buffer);
        REQUIRE(Memory != NULL);
        PFX_OBJECT Object = ObjectOf(Memory);
        CHECK_EQ(FixtureTagOf(Buffer), TEST_TAG);
        CHECK_EQ(FixtureTagOf(Object), FIXTURE_TAG);
        CHECK_EQ(ExpKindOfAddress(Object), PoolKindNonPagedNx);
    }
}

WDF_TEST(MemoryLargeInline, "wdf/memory/single-block-of-more-than-a-page",
         "contract 2.3: size < PAGE_SIZE but total >= PAGE_SIZE")
{
    /* The whole is page-aligned and has no framework header; the buffer in it crosses a page. */
    PVOID Buffer;
    WDFMEMORY Memory = Create(NonPagedPoolNx, PAGE_SIZE - 1, &Buffer);
    REQUIRE(Memory != NULL);
    CHECK_EQ(BYTE_OFFSET(ObjectOf(Memory)), 0);
    CHECK_EQ(FixtureTagOf((PUCHAR)Buffer + PAGE_SIZE - 2), TEST_TAG);
    CHECK_NE(PAGE_ALIGN(Buffer), PAGE_ALIGN((PUCHAR)Buffer + PAGE_SIZE - 2));
    RtlFillMemory(Buffer, PAGE_SIZE - 1, STALE_BYTE);
    WdfObjectDelete(Memory);
    /* Around the size at which the header goes: every one is freed as it was allocated. */
    for (SIZE_T Size = PAGE_SIZE - 256; Size < PAGE_SIZE; Size++) {
        Memory = Create(NonPagedPoolNx, Size, &Buffer);
        REQUIRE(Memory != NULL);
        CHECK_EQ((ULONG_PTR)Buffer % MEMORY_ALLOCATION_ALIGNMENT, 0);
        WdfObjectDelete(Memory);
    }
}

WDF_TEST(MemoryInlineTypes, "wdf/memory/must-succeed-means-nonpaged-when-small",
         "contract 2.3: types 2, 4, 6 become 0 in the single layout")
{
    static const POOL_TYPE Types[] = {NonPagedPoolMustSucceed, NonPagedPoolCacheAligned,
                                      NonPagedPoolCacheAlignedMustS};
    for (ULONG i = 0; i < ARRAYSIZE(Types); i++) {
        PVOID Buffer;
        REQUIRE(Create(Types[i], 64, &Buffer));
        CHECK_EQ(ExpKindOfAddress(Buffer), PoolKindNonPagedExecute);
    }
}
