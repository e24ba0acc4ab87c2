/*
 * crash_frees.c - frees that stop the machine: a second time, at a wrong IRQL, under a wrong tag,
 * and of what is no block.
 */
#include "kernel/ke/ke.h"
#include "mm/mm.h"
#include "tests/pool/pool_cases.h"

#define PROTECTED_TAG ('torP' | PROTECTED_POOL)

static PUCHAR Take(POOL_TYPE Type, SIZE_T Bytes, ULONG Tag)
{
    PUCHAR Block = ExAllocatePoolWithTag(Type, Bytes, Tag);
    TestAnnounce("block", (ULONG_PTR)Block);
    return Block;
}

/* Frees an address that is not to be freed. */
static VOID FreeWild(PVOID Address)
{
    TestAnnounce("wild", (ULONG_PTR)Address);
    TestAnnounce("highest", MmHighestPhysicalPage);
    ExFreePool(Address);
}

/* ---- twice ----------------------------------------------------------------------------------- */

CRASH_TEST(FreeTwice, "pool/double-free", "0xC2 0x7 * $contents $block",
           "CON-16 A second free is bug check 0xC2, subcode 0x07 or 0x06.")
{
    PVOID Blocks[4];
    PoolTakeQuarters(&PoolCases[PoolKindNonPagedNx], Blocks);
    TestAnnounce("block", (ULONG_PTR)Blocks[1]);
    ExFreePoolWithTag(Blocks[1], TEST_TAG);
    TestAnnounce("contents", *(PULONG64)ExpHeaderOf(Blocks[1]));
    ExFreePoolWithTag(Blocks[1], TEST_TAG);
}

CRASH_TEST(FreeTwiceMerged, "pool/double-free-of-a-merged-block", "0xC2 0x6 * $header $contents",
           "CON-16 A second free is bug check 0xC2, subcode 0x07 or 0x06.")
{
    ExpUseCaches(FALSE);
    PVOID Blocks[4];
    PoolTakeQuarters(&PoolCases[PoolKindPaged], Blocks);
    ExFreePool(Blocks[1]);
    ExFreePool(Blocks[2]); /* inside the free block of both from now on */
    TestAnnounce("header", (ULONG_PTR)ExpHeaderOf(Blocks[2]));
    TestAnnounce("contents", *(PULONG64)ExpHeaderOf(Blocks[2]));
    ExFreePool(Blocks[2]);
}

CRASH_TEST(FreeTwiceAlone, "pool/double-free-whose-page-is-gone", "0xC2 0x41 $wild 0x0 $highest",
           "contract 4.3: 0x41 not an allocated nonpaged address")
{
    ExpUseCaches(FALSE);
    PVOID Block = PoolTakeAlone(&PoolCases[PoolKindNonPagedNx], 64);
    ExFreePool(Block);
    FreeWild(Block);
}

CRASH_TEST(FreeTwiceAlonePaged, "pool/double-free-whose-paged-page-is-gone",
           "0xC2 0x50 $wild $offset $pages",
           "contract 4.3: 0x50 not allocated paged (address, offset in pages, paged size)")
{
    ExpUseCaches(FALSE);
    PVOID Block = PoolTakeAlone(&PoolCases[PoolKindPaged], 64);
    TestAnnounce("offset", ((ULONG_PTR)Block - MI_PAGED_POOL) / PAGE_SIZE);
    TestAnnounce("pages", MiRegions[MiRegionPagedPool].Size);
    ExFreePool(Block);
    FreeWild(Block);
}

CRASH_TEST(FreeTwiceBig, "pool/double-free-of-whole-pages", "0x19 0x22 $block * *",
           "contract 4.2: 0x22 no tracker entry (double free or never allocated)")
{
    PVOID Block = Take(PagedPool, 3 * PAGE_SIZE, TEST_TAG);
    ExFreePool(Block);
    ExFreePool(Block);
}

/* ---- IRQL: (0x09, IRQL, type, address) ------------------------------------------------------- */

static VOID FreeAt(KIRQL Irql, PVOID Block)
{
    KIRQL Old;
    KeRaiseIrql(Irql, &Old);
    ExFreePool(Block);
}

CRASH_TEST(FreePagedAtDispatch, "pool/paged-free-at-dispatch-level", "0xC2 0x9 0x2 0x1 $block",
           "CON-17 A free at a wrong IRQL is bug check 0xC2, subcode 0x09 (IRQL, type, address).")
{
    FreeAt(DISPATCH_LEVEL, Take(PagedPool, 64, TEST_TAG));
}

CRASH_TEST(FreePagedBig, "pool/paged-free-of-whole-pages-in-free-mode", "0xC2 0x9 0x2 0x1 $block",
           "CON-17 A free at a wrong IRQL is bug check 0xC2, subcode 0x09 (IRQL, type, address).")
{
    KiSetCheckedMode(FALSE);
    FreeAt(DISPATCH_LEVEL, Take(PagedPool, PAGE_SIZE, TEST_TAG));
}

CRASH_TEST(FreeAbove, "pool/nonpaged-free-above-dispatch-level", "0xC2 0x9 0x3 0x200 $block",
           "CON-17 A free at a wrong IRQL is bug check 0xC2, subcode 0x09 (IRQL, type, address).")
{
    FreeAt(DISPATCH_LEVEL + 1, Take(NonPagedPoolNx, 64, TEST_TAG));
}

/* ---- tags: (0x0A, address, allocator's tag, freeing tag) ------------------------------------- */

CRASH_TEST(FreeProtected, "pool/protected-tag-without-its-bit",
           "0xC2 0xA $block 0xF46F7250 0x746F7250",
           "CON-20 A protected tag freed under another tag is bug check 0xC2, subcode 0x0A.")
{
    ExFreePoolWithTag(Take(NonPagedPoolNx, 64, PROTECTED_TAG), 'torP');
}

CRASH_TEST(FreeProtectedUntagged, "pool/protected-tag-and-exfreepool",
           "0xC2 0xA $block 0xF46F7250 0x0",
           "CON-20 A protected tag freed under another tag is bug check 0xC2, subcode 0x0A.")
{
    ExFreePool(Take(PagedPool, 64, PROTECTED_TAG));
}

CRASH_TEST(FreeProtectedBig, "pool/protected-tag-of-whole-pages",
           "0xC2 0xA $block 0xF46F7250 0xF4736554",
           "CON-20 A protected tag freed under another tag is bug check 0xC2, subcode 0x0A.")
{
    ExFreePoolWithTag(Take(NonPagedPool, 2 * PAGE_SIZE, PROTECTED_TAG), TEST_TAG | PROTECTED_POOL);
}

/* ---- no block at all ------------------------------------------------------------------------- */

CRASH_TEST(FreeNull, "pool/free-of-null", "0xC2 0x46 0x0 0x0 0x0",
           "CON-18 A free of NULL is bug check 0xC2, subcode 0x46.")
{
    ExFreePool(NULL);
}

CRASH_TEST(FreeUser, "pool/free-of-a-user-address", "0xC2 0x40 0x10000 0xFFFF800000000000 0x0",
           "contract 4.3: 0x40 user-mode address (address, system space start, 0)")
{
    ExFreePool((PVOID)0x10000);
}

CRASH_TEST(FreeStack, "pool/free-of-a-stack-address", "0xC2 0x42 $wild 0x0 0x0",
           "contract 4.3: 0x42 never in any pool")
{
    UCHAR Local[64] __attribute__((aligned(16)));
    FreeWild(Local);
}

CRASH_TEST(FreeOdd, "pool/free-of-an-odd-address", "0xC2 0x99 $wild 0x0 0x0",
           "contract 4.3: 0x99 invalid address")
{
    FreeWild(Take(NonPagedPoolNx, 64, TEST_TAG) + 1);
}

CRASH_TEST(FreeInside, "pool/free-inside-a-block", "0xC2 0x99 $wild 0x0 0x0",
           "contract 4.3: 0x99 invalid address")
{
    PUCHAR Block = Take(PagedPool, 512, TEST_TAG);
    RtlZeroMemory(Block, 512);
    FreeWild(Block + 256);
}

/* The last word in front of the pointer leads to it, as in a buffer behind its own record. */
CRASH_TEST(FreeInsideBehind, "pool/free-inside-a-block-behind-a-pointer-to-it",
           "0xC2 0x99 $wild 0x0 0x0", "CACHE-4")
{
    PUCHAR Block = Take(NonPagedPoolNx, 512, TEST_TAG);
    RtlFillMemory(Block, 512, 5); /* bytes that could be sizes */
    ((PVOID *)(Block + 256))[-1] = Block + 256;
    FreeWild(Block + 256);
}

CRASH_TEST(FreeInsidePage, "pool/free-inside-a-page-of-a-big-block", "0xC2 0x99 $wild 0x0 0x0",
           "contract 4.3: 0x99 invalid address")
{
    PUCHAR Block = Take(NonPagedPoolNx, 2 * PAGE_SIZE, TEST_TAG);
    RtlZeroMemory(Block, 2 * PAGE_SIZE);
    FreeWild(Block + PAGE_SIZE / 2);
}

CRASH_TEST(FreeSecondPage, "pool/free-of-a-big-blocks-second-page",
           "0xC2 0x47 $wild $page $highest",
           "contract 4.3: 0x47 not allocated nonpaged (address, PFN, highest PFN)")
{
    PUCHAR Block = Take(NonPagedPoolNx, 3 * PAGE_SIZE, TEST_TAG);
    TestAnnounce("page", MiGetPteAddress(Block + PAGE_SIZE)->Hard.PageFrameNumber);
    FreeWild(Block + PAGE_SIZE);
}

CRASH_TEST(FreeSecondPagePaged, "pool/free-of-a-big-paged-blocks-second-page",
           "0xC2 0x41286 * * $offset",
           "contract 4.3: 0x41286 middle of a paged allocation (-, -, offset in pages)")
{
    PUCHAR Block = Take(PagedPool, 3 * PAGE_SIZE, TEST_TAG);
    TestAnnounce("offset", ((ULONG_PTR)Block + PAGE_SIZE - MI_PAGED_POOL) / PAGE_SIZE);
    FreeWild(Block + PAGE_SIZE);
}

/* ---- a pointer that outlived its page -------------------------------------------------------- */

static __attribute__((noipa)) UCHAR ReadStaleByte(volatile UCHAR *Address)
{
    return *Address;
}

static __attribute__((noipa)) VOID WriteStaleByte(volatile UCHAR *Address)
{
    *Address = 1;
}

CRASH_TEST(UseFreedPage, "pool/read-of-a-freed-page", "0x50 $block 0x0 sym:ReadStaleByte 0x0",
           "CON-14 A page that has become one free block is given back.")
{
    ExpUseCaches(FALSE);
    PVOID Block = PoolTakeAlone(&PoolCases[PoolKindNonPagedNx], 100);
    TestAnnounce("block", (ULONG_PTR)Block);
    ExFreePool(Block);
    ReadStaleByte(Block);
}

CRASH_TEST(UseFreedPages, "pool/write-to-freed-paged-pages",
           "0x50 $block 0x2 sym:WriteStaleByte 0x0",
           "CON-24 A fault on an address that was never valid is bug check 0x50.")
{
    PUCHAR Block = Take(PagedPool, 2 * PAGE_SIZE, TEST_TAG);
    *Block = 1;
    ExFreePool(Block);
    WriteStaleByte(Block);
}
