/*
 * crash_free_mode.c - what stops the machine in free mode, where the common path asks nothing but
 * the seal: bad frees through cache.S, and damage that is found when a processor gives its blocks
 * back.
 */
#include "kernel/ke/ke.h"
#include "mm/mm.h"
#include "tests/pool/pool_cases.h"

#define PROTECTED_TAG ('torP' | PROTECTED_POOL)
#define BYTES         240 /* and the header's 16 */

/* A block of free mode, which began with it. */
static PUCHAR Take(POOL_TYPE Type, ULONG Tag)
{
    KiSetCheckedMode(FALSE);
    ExFreePool(ExAllocatePoolWithTag(Type, BYTES, Tag)); /* so that one is on the list */
    PUCHAR Block = ExAllocatePoolWithTag(Type, BYTES, Tag);
    TestAnnounce("block", (ULONG_PTR)Block);
    TestAnnounce("header", (ULONG_PTR)ExpHeaderOf(Block));
    TestAnnounce("contents", *(PULONG64)ExpHeaderOf(Block));
    return Block;
}

/* A block that is on the processor's list. */
static PUCHAR TakeAndFree(POOL_TYPE Type)
{
    PUCHAR Block = Take(Type, TEST_TAG);
    ExFreePool(Block);
    return Block;
}

static VOID FreeWild(PVOID Address)
{
    KiSetCheckedMode(FALSE);
    TestAnnounce("wild", (ULONG_PTR)Address);
    TestAnnounce("highest", MmHighestPhysicalPage);
    ExFreePool(Address);
}

/* ---- twice ----------------------------------------------------------------------------------- */

static VOID FreeAgain(POOL_TYPE Type)
{
    PUCHAR Block = TakeAndFree(Type);
    TestAnnounce("freed", *(PULONG64)ExpHeaderOf(Block));
    ExFreePoolWithTag(Block, TEST_TAG);
}

CRASH_TEST(FastTwice, "pool/free-mode/double-free", "0xC2 0x7 0x0 $freed $block",
           "CON-16 A second free is bug check 0xC2, subcode 0x07 or 0x06.")
{
    FreeAgain(NonPagedPoolNx);
}

CRASH_TEST(FastTwicePaged, "pool/free-mode/double-free-of-paged-pool", "0xC2 0x7 0x0 $freed $block",
           "CON-16 A second free is bug check 0xC2, subcode 0x07 or 0x06.")
{
    FreeAgain(PagedPool);
}

CRASH_TEST(FastTwiceExecute, "pool/free-mode/double-free-of-executable-pool",
           "0xC2 0x7 0x0 $freed $block",
           "CON-16 A second free is bug check 0xC2, subcode 0x07 or 0x06.")
{
    FreeAgain(NonPagedPoolExecute);
}

CRASH_TEST(FastTwiceDrained, "pool/free-mode/double-free-behind-a-drain",
           "0xC2 0x7 0x0 $freed $block",
           "CON-16 A second free is bug check 0xC2, subcode 0x07 or 0x06.")
{
    PVOID Blocks[4];
    PoolTakeQuarters(&PoolCases[PoolKindNonPagedNx], Blocks);
    KiSetCheckedMode(FALSE);
    ExFreePool(Blocks[1]);
    PoolDrain();
    TestAnnounce("block", (ULONG_PTR)Blocks[1]);
    TestAnnounce("freed", *(PULONG64)ExpHeaderOf(Blocks[1]));
    ExFreePool(Blocks[1]);
}

/* ---- seals ----------------------------------------------------------------------------------- */

CRASH_TEST(FastSeal, "pool/free-mode/seal-written-over",
           "0xC2 0xB $block 0x74736554 0x4141414141414141",
           "CACHE-4 A block in use has a seal, made with its pool's key, its address and its tag's "
           "slot.")
{
    PUCHAR Block = Take(NonPagedPoolNx, TEST_TAG);
    RtlFillMemory(&ExpHeaderOf(Block)->Seal, 8, 'A');
    ExFreePool(Block);
}

CRASH_TEST(FastSealZero, "pool/free-mode/seal-of-a-paged-block-cleared",
           "0xC2 0xB $block 0x74736554 0x0", "CACHE-4")
{
    PUCHAR Block = Take(PagedPool, TEST_TAG);
    ExpHeaderOf(Block)->Seal = 0;
    ExFreePoolWithTag(Block, TEST_TAG);
}

CRASH_TEST(CheckedSeal, "pool/seal-written-over", "0xC2 0xB $block 0x74736554 0x4141414141414141",
           "CACHE-4")
{
    PUCHAR Block = ExAllocatePoolWithTag(NonPagedPoolNx, BYTES, TEST_TAG);
    TestAnnounce("block", (ULONG_PTR)Block);
    RtlFillMemory(&ExpHeaderOf(Block)->Seal, 8, 'A');
    ExFreePool(Block);
}

/* A seal of another block is none, even where everything else of a header agrees. */
CRASH_TEST(FastForged, "pool/free-mode/header-forged-inside-a-block",
           "0xC2 0xB $wild 0x74736554 $seal", "CACHE-4")
{
    PVOID Blocks[4];
    PoolTakeQuarters(&PoolCases[PoolKindNonPagedNx], Blocks);
    PPOOL_HEADER Forged = (PPOOL_HEADER)((PUCHAR)Blocks[1] + 0x100);
    *Forged = *ExpHeaderOf(Blocks[1]);
    Forged->BlockSize = 4;
    Forged->PreviousSize = 4;
    Forged[-4] = *Forged;
    Forged[4] = *Forged;
    TestAnnounce("seal", Forged->Seal);
    FreeWild(Forged + 1);
}

/* A block that was moved with its header is none where it lies now. */
CRASH_TEST(FastCopied, "pool/free-mode/block-copied-into-another", "0xC2 0x99 $wild 0x0 0x0",
           "CACHE-4")
{
    PUCHAR Block = Take(NonPagedPoolNx, TEST_TAG);
    PUCHAR Other = ExAllocatePoolWithTag(NonPagedPoolNx, 1000, TEST_TAG);
    RtlCopyMemory(Other + 0x80, ExpHeaderOf(Block), 256);
    FreeWild(Other + 0x90);
}

/* The seal is right but is of the other pool. */
CRASH_TEST(FastOtherPool, "pool/free-mode/seal-of-another-pool", "0xC2 0xB $block 0x74736554 $seal",
           "CACHE-4")
{
    PUCHAR Block = Take(NonPagedPoolNx, TEST_TAG);
    PPOOL_HEADER Header = ExpHeaderOf(Block);
    Header->Seal = ExpMakeSeal(&ExpPools[PoolKindNonPagedExecute], Block, Header->BlockSize, 1);
    TestAnnounce("seal", Header->Seal);
    ExFreePool(Block);
}

/* Whoever wrote over the end of the block in front: the size is part of the seal. */
CRASH_TEST(FastSize, "pool/free-mode/size-of-a-block-written-over", "0x19 0x20 $header $next *",
           "CACHE-4 A block in use has a seal, made with its pool's key, its size, its address and "
           "its tag's slot.")
{
    PUCHAR Block = Take(NonPagedPoolNx, TEST_TAG);
    PPOOL_HEADER Header = ExpHeaderOf(Block);
    Header->BlockSize -= 2; /* so that the next header would lie in the block itself */
    TestAnnounce("header", (ULONG_PTR)Header);
    TestAnnounce("next", (ULONG_PTR)(Header + Header->BlockSize));
    ExFreePool(Block);
}

/* ---- what is no block ------------------------------------------------------------------------ */

CRASH_TEST(FastNull, "pool/free-mode/free-of-null", "0xC2 0x46 0x0 0x0 0x0",
           "CON-18 A free of NULL is bug check 0xC2, subcode 0x46.")
{
    FreeWild(NULL);
}

CRASH_TEST(FastUser, "pool/free-mode/free-of-a-user-address",
           "0xC2 0x40 0x10010 0xFFFF800000000000 0x0",
           "RESTART-3 A fault (page fault, general protection) at an address named by "
           "RESTART_FAULT goes on at the address named with it, at any IRQL, before it is asked "
           "what the fault means.")
{
    FreeWild((PVOID)0x10010);
}

CRASH_TEST(FastNonCanonical, "pool/free-mode/free-of-a-non-canonical-address",
           "0xC2 0x40 0x4141414141414140 0xFFFF800000000000 0x0", "RESTART-3")
{
    FreeWild((PVOID)0x4141414141414140);
}

/* The fault is nobody's business, whatever the level. */
CRASH_TEST(FastUserHigh, "pool/free-mode/free-of-a-user-address-at-high-level",
           "0xC2 0x40 0x10010 0xFFFF800000000000 0x0", "RESTART-3")
{
    KIRQL Old;
    KeRaiseIrql(HIGH_LEVEL, &Old);
    FreeWild((PVOID)0x10010);
}

CRASH_TEST(FastStack, "pool/free-mode/free-of-a-stack-address", "0xC2 0x42 $wild 0x0 0x0",
           "contract 4.3: 0x42 never in any pool")
{
    UCHAR Local[64] __attribute__((aligned(16)));
    FreeWild(Local + 16);
}

CRASH_TEST(FastImage, "pool/free-mode/free-of-a-static-variable", "0xC2 0x42 $wild 0x0 0x0",
           "contract 4.3: 0x42 never in any pool")
{
    static UCHAR Static[64] __attribute__((aligned(32)));
    FreeWild(Static + 16);
}

CRASH_TEST(FastOdd, "pool/free-mode/free-of-an-odd-address", "0xC2 0x99 $wild 0x0 0x0",
           "contract 4.3: 0x99 invalid address")
{
    FreeWild(Take(NonPagedPoolNx, TEST_TAG) + 8);
}

CRASH_TEST(FastInside, "pool/free-mode/free-inside-a-block", "0xC2 0x99 $wild 0x0 0x0",
           "contract 4.3: 0x99 invalid address")
{
    PUCHAR Block = Take(NonPagedPoolNx, TEST_TAG);
    RtlZeroMemory(Block, BYTES);
    FreeWild(Block + 64);
}

CRASH_TEST(FastInsidePaged, "pool/free-mode/free-inside-a-paged-block", "0xC2 0x99 $wild 0x0 0x0",
           "contract 4.3: 0x99 invalid address")
{
    PUCHAR Block = Take(PagedPool, TEST_TAG);
    RtlFillMemory(Block, BYTES, 0xFF);
    FreeWild(Block + 64);
}

CRASH_TEST(FastInsideBig, "pool/free-mode/free-inside-a-page-of-a-big-block",
           "0xC2 0x99 $wild 0x0 0x0", "contract 4.3: 0x99 invalid address")
{
    PUCHAR Block = ExAllocatePoolWithTag(NonPagedPoolNx, 2 * PAGE_SIZE, TEST_TAG);
    RtlZeroMemory(Block, 2 * PAGE_SIZE);
    FreeWild(Block + PAGE_SIZE / 2);
}

CRASH_TEST(FastSharedPage, "pool/free-mode/free-of-a-shared-pages-first-byte",
           "0x19 0x22 $wild 0x0 0x0",
           "contract 4.2: 0x22 no tracker entry (double free or never allocated)")
{
    FreeWild(PAGE_ALIGN(Take(NonPagedPoolNx, TEST_TAG)));
}

CRASH_TEST(FastUnmapped, "pool/free-mode/free-of-an-address-without-a-page",
           "0xC2 0x41 $wild 0x0 $highest", "contract 4.3: 0x41 not an allocated nonpaged address")
{
    FreeWild((PVOID)(MI_NONPAGED_POOL + 0x1000000000 + 0x40));
}

CRASH_TEST(FastUnmappedPaged, "pool/free-mode/free-of-a-paged-address-without-a-page",
           "0xC2 0x50 $wild $offset $pages",
           "contract 4.3: 0x50 not allocated paged (address, offset in pages, paged size)")
{
    TestAnnounce("offset", 0x1000000000 / PAGE_SIZE);
    TestAnnounce("pages", MiRegions[MiRegionPagedPool].Size);
    FreeWild((PVOID)(MI_PAGED_POOL + 0x1000000000 + 0x40));
}

static __attribute__((noipa)) PVOID RequestBig(SIZE_T Bytes)
{
    return ExAllocatePoolWithTag(NonPagedPoolNx, Bytes, ' GIB');
}

/* ---- whole pages ----------------------------------------------------------------------------- */

static PUCHAR TakePages(ULONG Pages, ULONG Tag)
{
    KiSetCheckedMode(FALSE);
    ExFreePoolWithTag(ExAllocatePoolWithTag(NonPagedPoolNx, Pages * PAGE_SIZE, Tag), Tag);
    PUCHAR Block = ExAllocatePoolWithTag(NonPagedPoolNx, Pages * PAGE_SIZE, Tag);
    TestAnnounce("block", (ULONG_PTR)Block);
    return Block;
}

CRASH_TEST(FastTwiceBig, "pool/free-mode/double-free-of-kept-pages", "0x19 0x22 $block 0x0 0x0",
           "contract 4.2: 0x22 no tracker entry (double free or never allocated)")
{
    PUCHAR Block = TakePages(3, TEST_TAG);
    ExFreePoolWithTag(Block, TEST_TAG);
    ExFreePoolWithTag(Block, TEST_TAG);
}

CRASH_TEST(FastTwiceBigChecked, "pool/free-mode/double-free-of-kept-pages-in-checked-mode",
           "0x19 0x22 $block 0x0 0x0",
           "contract 4.2: 0x22 no tracker entry (double free or never allocated)")
{
    PUCHAR Block = TakePages(1, TEST_TAG);
    ExFreePool(Block);
    KiSetCheckedMode(TRUE);
    ExFreePool(Block);
}

CRASH_TEST(FastSecondPage, "pool/free-mode/free-of-a-big-blocks-second-page",
           "0xC2 0x47 $wild $page $highest",
           "contract 4.3: 0x47 not allocated nonpaged (address, PFN, highest PFN)")
{
    PUCHAR Block = TakePages(3, TEST_TAG);
    TestAnnounce("page", MiGetPteAddress(Block + PAGE_SIZE)->Hard.PageFrameNumber);
    FreeWild(Block + PAGE_SIZE);
}

CRASH_TEST(FastProtectedBig, "pool/free-mode/protected-tag-of-kept-pages",
           "0xC2 0xA $block 0xF46F7250 0x746F7250",
           "CON-20 A protected tag freed under another tag is bug check 0xC2, subcode 0x0A.")
{
    ExFreePool(TakePages(2, TEST_TAG));
    PVOID Block = ExAllocatePoolWithTag(NonPagedPoolNx, 2 * PAGE_SIZE, PROTECTED_TAG);
    TestAnnounce("block", (ULONG_PTR)Block);
    ExFreePoolWithTag(Block, PROTECTED_TAG & ~PROTECTED_POOL);
}

CRASH_TEST(FastReservedBig, "pool/free-mode/reserved-tag-of-pages",
           "0xC2 0x9C 0x200 0x1000 sym:RequestBig", "contract 2.7: BIG")
{
    ExFreePool(TakePages(1, TEST_TAG));
    RequestBig(PAGE_SIZE);
}

/* ---- tags and levels ------------------------------------------------------------------------- */

CRASH_TEST(FastProtected, "pool/free-mode/protected-tag-without-its-bit",
           "0xC2 0xA $block 0xF46F7250 0x746F7250",
           "CON-20 A protected tag freed under another tag is bug check 0xC2, subcode 0x0A.")
{
    ExFreePoolWithTag(Take(NonPagedPoolNx, PROTECTED_TAG & ~PROTECTED_POOL), 'torP');
    PVOID Block = ExAllocatePoolWithTag(NonPagedPoolNx, BYTES, PROTECTED_TAG);
    TestAnnounce("block", (ULONG_PTR)Block);
    ExFreePoolWithTag(Block, 'torP');
}

CRASH_TEST(FastProtectedPaged, "pool/free-mode/protected-tag-of-paged-pool",
           "0xC2 0xA $block 0xF46F7250 0x0",
           "CON-20 A protected tag freed under another tag is bug check 0xC2, subcode 0x0A.")
{
    ExFreePool(Take(PagedPool, TEST_TAG));
    PVOID Block = ExAllocatePoolWithTag(PagedPool, BYTES, PROTECTED_TAG);
    TestAnnounce("block", (ULONG_PTR)Block);
    ExFreePool(Block);
}

CRASH_TEST(FastReserved, "pool/free-mode/reserved-tag", "0xC2 0x9C 0x200 0xF0 sym:RequestBig",
           "contract 2.7: BIG")
{
    TakeAndFree(NonPagedPoolNx);
    RequestBig(BYTES);
}

static VOID RaiseTo(KIRQL Irql)
{
    KIRQL Old;
    KeRaiseIrql(Irql, &Old);
}

CRASH_TEST(FastPagedFree, "pool/free-mode/paged-free-at-dispatch-level", "0xC2 0x9 0x2 0x1 $block",
           "CON-17 A free at a wrong IRQL is bug check 0xC2, subcode 0x09 (IRQL, type, address).")
{
    PUCHAR Block = Take(PagedPool, TEST_TAG);
    RaiseTo(DISPATCH_LEVEL);
    ExFreePoolWithTag(Block, TEST_TAG);
}

CRASH_TEST(FastPagedTake, "pool/free-mode/paged-request-at-dispatch-level", "0xC2 0x8 0x2 0x1 0xF0",
           "contract 4.3: 0x08 (IRQL, type, bytes)")
{
    TakeAndFree(PagedPool);
    RaiseTo(DISPATCH_LEVEL);
    ExAllocatePoolWithTag(PagedPool, BYTES, TEST_TAG);
}

CRASH_TEST(FastPagedPriority, "pool/free-mode/paged-request-with-priority-at-dispatch-level",
           "0xC2 0x8 0x2 0x1 0xF0", "contract 4.3: 0x08 (IRQL, type, bytes)")
{
    TakeAndFree(PagedPool);
    RaiseTo(DISPATCH_LEVEL);
    ExAllocatePoolWithTagPriority(PagedPool, BYTES, TEST_TAG, NormalPoolPriority);
}

/* ---- damage that a drain finds --------------------------------------------------------------- */

static VOID AnnounceNow(PVOID Block)
{
    TestAnnounce("now", *(PULONG64)ExpHeaderOf(Block));
    TestAnnounce("nonpaged", (ULONG_PTR)&ExpPools[PoolKindNonPagedNx]);
    TestAnnounce("paged", (ULONG_PTR)&ExpPools[PoolKindPaged]);
}

CRASH_TEST(FastListedType, "pool/free-mode/header-of-a-kept-block-written-over",
           "0x19 0x24 $header $now $nonpaged",
           "CACHE-1 A block on a list has PoolType POOL_BLOCK_CACHED, the size of the list, and "
           "the word of the rest of the list in place of a seal.")
{
    PUCHAR Block = TakeAndFree(NonPagedPoolNx);
    RtlFillMemory(ExpHeaderOf(Block), 4, 'A'); /* an overrun from the block in front */
    AnnounceNow(Block);
    PoolDrain();
}

/* The next request of that size looks at the type, which an overrun doesn't leave alone. */
static VOID TakeDamaged(POOL_TYPE Type, UCHAR Byte, ULONG Tag)
{
    PUCHAR Block = TakeAndFree(Type);
    ExpHeaderOf(Block)->PoolTag = Tag & ~PROTECTED_POOL;
    RtlFillMemory(ExpHeaderOf(Block), 4, Byte);
    AnnounceNow(Block);
    ExAllocatePoolWithTag(Type, BYTES, Tag);
}

CRASH_TEST(FastTakenType, "pool/free-mode/request-gets-a-block-whose-header-was-written-over",
           "0x19 0x24 $header $now $nonpaged", "CACHE-6")
{
    TakeDamaged(NonPagedPoolNx, 'z', TEST_TAG);
}

CRASH_TEST(FastTakenTypePaged, "pool/free-mode/request-gets-a-paged-block-whose-header-was-cleared",
           "0x19 0x24 $header $now $paged", "CACHE-6")
{
    TakeDamaged(PagedPool, 0, TEST_TAG);
}

/* C finishes the header. */
CRASH_TEST(FastTakenProtected, "pool/free-mode/protected-request-gets-a-block-written-over",
           "0x19 0x24 $header $now $nonpaged", "CACHE-6")
{
    TakeDamaged(NonPagedPoolNx, 0xFF, PROTECTED_TAG);
}

CRASH_TEST(FastListedSize, "pool/free-mode/size-of-a-kept-paged-block-written-over",
           "0x19 0x24 $header $now $paged", "CACHE-1")
{
    PUCHAR Block = TakeAndFree(PagedPool);
    ExpHeaderOf(Block)->BlockSize++;
    AnnounceNow(Block);
    PoolDrain();
}

CRASH_TEST(FastListedIndex, "pool/free-mode/pool-index-of-a-block-written-over",
           "0x19 0x24 $header $now $nonpaged", "CACHE-1")
{
    PUCHAR Block = Take(NonPagedPoolNx, TEST_TAG);
    ExpHeaderOf(Block)->PoolIndex = PoolKindPaged;
    ExFreePool(Block);
    AnnounceNow(Block);
    PoolDrain();
}

CRASH_TEST(FastListedNeighbour, "pool/free-mode/neighbour-of-a-kept-block-written-over",
           "0x19 0x20 $header $next *",
           "CON-15 A neighbour whose size disagrees is bug check 0x19.")
{
    PVOID Blocks[4];
    PoolTakeQuarters(&PoolCases[PoolKindNonPagedNx], Blocks);
    KiSetCheckedMode(FALSE);
    RtlFillMemory(Blocks[1], POOL_QUARTER + 4, 'A');
    ExFreePool(Blocks[1]);
    TestAnnounce("header", (ULONG_PTR)ExpHeaderOf(Blocks[1]));
    TestAnnounce("next", (ULONG_PTR)ExpHeaderOf(Blocks[2]));
    PoolDrain();
}

CRASH_TEST(CheckedListed, "pool/header-of-a-kept-block-written-over",
           "0x19 0x24 $header $now $nonpaged", "CACHE-1")
{
    PUCHAR Block = ExAllocatePoolWithTag(NonPagedPoolNx, BYTES, TEST_TAG);
    ExFreePool(Block);
    TestAnnounce("header", (ULONG_PTR)ExpHeaderOf(Block));
    RtlFillMemory(ExpHeaderOf(Block), 4, 'A');
    AnnounceNow(Block);
    ExAllocatePoolWithTag(NonPagedPoolNx, BYTES, TEST_TAG); /* checked mode looks at once */
}

/* A word of 8 bytes in front of the block: its owner wrote to index -1. */
static VOID DamageLink(PVOID Block)
{
    TestAnnounce("block", (ULONG_PTR)Block);
    RtlFillMemory(&ExpHeaderOf(Block)->Seal, 8, 'A');
}

CRASH_TEST(FastListedLink, "pool/free-mode/link-of-a-kept-block-written-over",
           "0x19 0x3 $block 0x414141414141 0x0",
           "contract 4.2: 3 free list damaged (entry, read-back Flink, read-back Blink)")
{
    DamageLink(TakeAndFree(PagedPool));
    PoolDrain();
}

CRASH_TEST(CheckedListedLink, "pool/link-of-a-kept-block-written-over",
           "0x19 0x3 $block 0x414141414141 0x0",
           "contract 4.2: 3 free list damaged (entry, read-back Flink, read-back Blink)")
{
    PVOID Block = ExAllocatePoolWithTag(NonPagedPoolNx, BYTES, TEST_TAG);
    ExFreePool(Block);
    DamageLink(Block);
    ExAllocatePoolWithTag(NonPagedPoolNx, BYTES, TEST_TAG);
}

/* Of this pool, but where no block begins. */
CRASH_TEST(CheckedListedInside, "pool/link-of-a-kept-block-moved-by-a-byte",
           "0x19 0x3 $block $link 0x0",
           "contract 4.2: 3 free list damaged (entry, read-back Flink, read-back Blink)")
{
    PVOID Second = ExAllocatePoolWithTag(PagedPool, BYTES, TEST_TAG);
    PVOID Block = ExAllocatePoolWithTag(PagedPool, BYTES, TEST_TAG);
    ExFreePool(Second);
    ExFreePool(Block);
    TestAnnounce("block", (ULONG_PTR)Block);
    TestAnnounce("link", (ULONG_PTR)Second + 1);
    ExpHeaderOf(Block)->Seal += 1ULL << POOL_WORD_SHIFT;
    ExAllocatePoolWithTag(PagedPool, BYTES, TEST_TAG);
}

CRASH_TEST(FastSizeZero, "pool/free-mode/block-size-zero", "0x19 0x8 0x0 * $header",
           "contract 4.2: 8 size zero (0, -, bad entry)")
{
    PUCHAR Block = Take(NonPagedPoolNx, TEST_TAG);
    ExpHeaderOf(Block)->BlockSize = 0;
    ExFreePool(Block);
}
