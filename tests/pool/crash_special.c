/*
 * crash_special.c - touches and frees that special pool stops: beside a block, too late, twice,
 * inside, and after bytes around the block were written.
 */
#include "mm/mm.h"
#include "tests/pool/special_cases.h"

#define OVERRUN  NormalPoolPrioritySpecialPoolOverrun
#define UNDERRUN NormalPoolPrioritySpecialPoolUnderrun

static __attribute__((noipa)) UCHAR ReadBeside(volatile UCHAR *Address)
{
    return *Address;
}

static __attribute__((noipa)) VOID WriteBeside(volatile UCHAR *Address)
{
    *Address = 0x41;
}

static PUCHAR Announce(PUCHAR Address)
{
    TestAnnounce("address", (ULONG_PTR)Address);
    return Address;
}

static VOID RaiseTo(KIRQL Irql)
{
    KIRQL Old;
    KeRaiseIrql(Irql, &Old);
}

/* Says that a driver image lies over this file's routines. */
static VOID BlameDriver(VOID)
{
    MiImageRanges[3] = (MI_IMAGE_RANGE){.Start = (ULONG_PTR)ReadBeside & ~63ULL,
                                        .End = (ULONG_PTR)ReadBeside + PAGE_SIZE,
                                        .Name = "test.sys"};
}

/* ---- beside a block: 0xCD (address, 0 read / 1 write, instruction, 0) ------------------------ */

CRASH_TEST(SpecialReadBehind, "pool/special/read-behind-a-block",
           "0xCD $address 0x0 sym:ReadBeside 0x0",
           "APP-26 SpecialPoolOverrun places a special-pool block at the end of a physical page.")
{
    ReadBeside(Announce(SpecialTake(NonPagedPoolNx, 64, OVERRUN) + 64));
}

CRASH_TEST(SpecialWriteBehind, "pool/special/write-behind-a-paged-block",
           "0xCD $address 0x1 sym:WriteBeside 0x0", "contract 5.1: touching past the page is 0xCD")
{
    WriteBeside(Announce(SpecialTake(PagedPool, 4000, NormalPoolPriority) + 4000));
}

CRASH_TEST(
    SpecialReadFront, "pool/special/write-in-front-of-a-block",
    "0xCD $address 0x1 sym:WriteBeside 0x0",
    "APP-25 SpecialPoolUnderrun places a special-pool block at the start of a physical page.")
{
    WriteBeside(Announce(SpecialTake(NonPagedPoolNx, 10, UNDERRUN) - 1));
}

/* The guard page behind a live block is its own, even if the next address was freed. */
CRASH_TEST(SpecialBehindLive, "pool/special/read-between-a-block-and-a-freed-one",
           "0xCD $address 0x0 sym:ReadBeside 0x0", "contract 5.1: touching past the page is 0xCD")
{
    PUCHAR Live = SpecialTake(NonPagedPoolNx, 32, OVERRUN);
    PUCHAR Freed = SpecialTake(NonPagedPoolNx, 32, OVERRUN);
    ExFreePool(Freed);
    ReadBeside(Announce(Live + 32 + PAGE_SIZE - 1));
}

CRASH_TEST(SpecialDriverBehind, "pool/special/a-driver-reads-behind-a-block",
           "0xD6 $address 0x0 sym:ReadBeside 0x0", "contract 5.1: 0xCD/0xD6")
{
    BlameDriver();
    ReadBeside(Announce(SpecialTake(NonPagedPoolNx, 16, OVERRUN) + 16));
}

/* At DISPATCH_LEVEL it is no matter of IRQL. */
CRASH_TEST(SpecialBehindAtDispatch, "pool/special/write-behind-a-block-at-dispatch-level",
           "0xCD $address 0x1 sym:WriteBeside 0x0", "contract 5.1: touching past the page is 0xCD")
{
    PUCHAR Block = SpecialTake(NonPagedPool, 48, OVERRUN);
    RaiseTo(DISPATCH_LEVEL);
    WriteBeside(Announce(Block + 48));
}

/* ---- too late: 0xCC -------------------------------------------------------------------------- */

CRASH_TEST(SpecialReadFreed, "pool/special/read-of-a-freed-block",
           "0xCC $block 0x0 sym:ReadBeside 0x0", "contract 4.1: PAGE_FAULT_IN_FREED_SPECIAL_POOL")
{
    PUCHAR Block = SpecialTake(NonPagedPoolNx, 100, OVERRUN);
    ExFreePool(Block);
    ReadBeside(Block);
}

CRASH_TEST(SpecialWriteFreed, "pool/special/write-to-a-freed-paged-block",
           "0xCC $block 0x1 sym:WriteBeside 0x0", "contract 4.1: PAGE_FAULT_IN_FREED_SPECIAL_POOL")
{
    PUCHAR Block = SpecialTake(PagedPool, 100, UNDERRUN);
    ExFreePool(Block);
    RaiseTo(APC_LEVEL);
    WriteBeside(Block);
}

CRASH_TEST(SpecialDriverFreed, "pool/special/a-driver-writes-to-a-freed-block",
           "0xD5 $block 0x1 sym:WriteBeside 0x0",
           "contract 4.1: DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL")
{
    PUCHAR Block = SpecialTake(NonPagedPoolNx, 100, OVERRUN);
    BlameDriver();
    ExFreePool(Block);
    RaiseTo(DISPATCH_LEVEL);
    WriteBeside(Block);
}

CRASH_TEST(SpecialBehindFreed, "pool/special/read-behind-a-freed-block",
           "0xCC $address 0x0 sym:ReadBeside 0x0", "contract 4.1: PAGE_FAULT_IN_FREED_SPECIAL_POOL")
{
    PUCHAR Block = SpecialTake(NonPagedPoolNx, 64, OVERRUN);
    ExFreePool(Block);
    ReadBeside(Announce(Block + 64));
}

/* Thousands of blocks later the address still means the block that was freed. */
CRASH_TEST(SpecialStale, "pool/special/a-stale-pointer-faults-for-long",
           "0xCC $block 0x0 sym:ReadBeside 0x0", "SPECIAL-3")
{
    PUCHAR Block = SpecialTake(NonPagedPoolNx, 64, OVERRUN);
    ExFreePool(Block);
    for (ULONG i = 0; i < 5000; i++) {
        ExFreePool(ExAllocatePoolWithTag(NonPagedPoolNx, 64, TEST_TAG));
    }
    ReadBeside(Block);
}

CRASH_TEST(SpecialNeverUsed, "pool/special/read-where-no-block-was",
           "0x50 0xFFFFFB9FFFFFF000 0x0 sym:ReadBeside 0x2",
           "CON-24 A fault on an address that was never valid is bug check 0x50.")
{
    SpecialTake(NonPagedPoolNx, 64, OVERRUN);
    ReadBeside((PUCHAR)(MI_SPECIAL_POOL + MI_SPECIAL_PART - PAGE_SIZE));
}

/* ---- found at the free: 0xC1 (block, damaged byte, 0, code) ---------------------------------- */

static VOID FreeDamaged(PUCHAR Block, LONG_PTR Offset, UCHAR Wrong)
{
    Announce(Block + Offset);
    Block[Offset] ^= Wrong;
    ExFreePool(Block);
}

CRASH_TEST(SpecialDamageBehind, "pool/special/byte-behind-a-block-written",
           "0xC1 $block $address 0x0 0x24",
           "contract 4.4: 0x24 (addr, corrupt addr) bytes after the block")
{
    FreeDamaged(SpecialTake(NonPagedPoolNx, 49, OVERRUN), 63, 0x55);
}

CRASH_TEST(SpecialDamageFront, "pool/special/byte-in-front-of-a-block-written",
           "0xC1 $block $address 0x0 0x23",
           "contract 4.4: 0x23 (addr, corrupt addr) bytes in the page damaged")
{
    FreeDamaged(SpecialTake(PagedPool, 64, OVERRUN), -1, 0xFF);
}

CRASH_TEST(SpecialDamagePage, "pool/special/first-byte-of-the-page-written",
           "0xC1 $block $address 0x0 0x23",
           "contract 4.4: 0x23 (addr, corrupt addr) bytes in the page damaged")
{
    PUCHAR Block = SpecialTake(NonPagedPool, 300, OVERRUN);
    FreeDamaged(Block, -(LONG_PTR)BYTE_OFFSET(Block), 0x21);
}

CRASH_TEST(SpecialDamageUnderrun, "pool/special/byte-behind-an-underrun-block-written",
           "0xC1 $block $address 0x0 0x24",
           "contract 4.4: 0x24 (addr, corrupt addr) bytes after the block")
{
    FreeDamaged(SpecialTake(NonPagedPoolNx, 100, UNDERRUN), 100, 0xA5);
}

/* What lies behind is told first, and the first byte of it. */
CRASH_TEST(SpecialDamageBoth, "pool/special/bytes-on-both-sides-written",
           "0xC1 $block $address 0x0 0x24",
           "contract 4.4: 0x24 (addr, corrupt addr) bytes after the block")
{
    PUCHAR Block = SpecialTake(NonPagedPoolNx, 56, OVERRUN);
    Block[-1] = Block[63] = 0;
    FreeDamaged(Block, 57, 1);
}

CRASH_TEST(SpecialDamageBit, "pool/special/a-single-bit-behind-a-block",
           "0xC1 $block $address 0x0 0x32",
           "contract 4.4: 0x32 (addr, corrupt addr) single-bit error")
{
    FreeDamaged(SpecialTake(NonPagedPoolNx, 40, OVERRUN), 45, 0x20);
}

/* No byte of a block of no bytes is the caller's. */
CRASH_TEST(SpecialDamageEmpty, "pool/special/byte-of-an-empty-block-written",
           "0xC1 $block $block 0x0 0x24",
           "contract 4.4: 0x24 (addr, corrupt addr) bytes after the block")
{
    PUCHAR Block = SpecialTake(PagedPool, 0, OVERRUN);
    *Block = 1;
    ExFreePool(Block);
}

/* ---- frees of what is no block --------------------------------------------------------------- */

CRASH_TEST(SpecialFreeTwice, "pool/special/double-free", "0xC1 $block 0x0 0x0 0x20",
           "contract 5.1: second free 0xC1")
{
    PUCHAR Block = SpecialTake(NonPagedPoolNx, 64, OVERRUN);
    ExFreePool(Block);
    ExFreePoolWithTag(Block, TEST_TAG);
}

CRASH_TEST(SpecialFreeGuard, "pool/special/free-of-a-guard-page", "0xC1 $address 0x0 0x0 0x20",
           "contract 4.4: 0x20 (addr, -, 0) not allocated")
{
    ExFreePool(Announce(SpecialTake(NonPagedPoolNx, 64, OVERRUN) + 64));
}

CRASH_TEST(SpecialFreeNever, "pool/special/free-where-no-block-was",
           "0xC1 0xFFFFFBE000001000 0x0 0x0 0x20", "contract 4.4: 0x20 (addr, -, 0) not allocated")
{
    ExFreePool((PVOID)(MI_SPECIAL_POOL + MI_SPECIAL_PARTS * MI_SPECIAL_PART + PAGE_SIZE));
}

CRASH_TEST(SpecialFreeInside, "pool/special/free-inside-a-block", "0xC1 $address 0x64 0x60 0x21",
           "contract 4.4: 0x21, 0x22 (addr, requested, calculated) bad address")
{
    ExFreePool(Announce(SpecialTake(NonPagedPoolNx, 100, OVERRUN) + 16));
}

CRASH_TEST(SpecialFreeInsideUnderrun, "pool/special/free-inside-an-underrun-block",
           "0xC1 $address 0x64 0xFFC 0x22",
           "contract 4.4: 0x21, 0x22 (addr, requested, calculated) bad address")
{
    ExFreePool(Announce(SpecialTake(PagedPool, 100, UNDERRUN) + 4));
}

CRASH_TEST(SpecialQueryFreed, "pool/special/size-of-a-freed-block", "0xC1 $block 0x0 0x0 0x20",
           "contract 4.4: 0x20 (addr, -, 0) not allocated")
{
    BOOLEAN Charged;
    PUCHAR Block = SpecialTake(NonPagedPoolNx, 64, OVERRUN);
    ExFreePool(Block);
    ExQueryPoolBlockSize(Block, &Charged);
}

CRASH_TEST(SpecialProtected, "pool/special/protected-tag-and-exfreepool",
           "0xC2 0xA $block 0xF46F7250 0x0",
           "CON-20 A protected tag freed under another tag is bug check 0xC2, subcode 0x0A.")
{
    SpecialOn("special-pool:Prot");
    PVOID Block = ExAllocatePoolWithTag(NonPagedPoolNx, 64, 'torP' | PROTECTED_POOL);
    TestAnnounce("block", (ULONG_PTR)Block);
    ExFreePool(Block);
}

CRASH_TEST(SpecialReservedTag, "pool/special/reserved-tag",
           "0xC2 0x9C 0x1 0x20 sym:SpecialReservedTag",
           "MAT-12 The tag 'BIG ': bug check 0xC2, subcode 0x9C.")
{
    SpecialOn("special-pool");
    ExAllocatePoolWithTag(PagedPool, 0x20, ' GIB');
}

/* ---- IRQL: 0xC1 (IRQL, type, bytes or address, 0x30 or 0x31) --------------------------------- */

CRASH_TEST(SpecialPagedAtDispatch, "pool/special/paged-request-at-dispatch-level",
           "0xC1 0x2 0x1 0x40 0x30", "contract 5.1: the paged variant needs IRQL <= APC_LEVEL")
{
    SpecialOn("special-pool:Test");
    RaiseTo(DISPATCH_LEVEL);
    ExAllocatePoolWithTag(PagedPool, 0x40, TEST_TAG);
}

CRASH_TEST(SpecialAbove, "pool/special/flag-above-dispatch-level-in-free-mode",
           "0xC1 0x3 0x200 0x10 0x30", "contract 4.4: 0x30 (IRQL, type, bytes)")
{
    KiSetCheckedMode(FALSE);
    RaiseTo(DISPATCH_LEVEL + 1);
    ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_SPECIAL_POOL, 0x10, TEST_TAG);
}

CRASH_TEST(SpecialFreePaged, "pool/special/paged-free-at-dispatch-level",
           "0xC1 0x2 0x1 $block 0x31", "contract 4.4: 0x31 (IRQL, type, addr)")
{
    PUCHAR Block = SpecialTake(PagedPool, 100, OVERRUN);
    RaiseTo(DISPATCH_LEVEL);
    ExFreePool(Block);
}

CRASH_TEST(SpecialFreeAbove, "pool/special/nonpaged-free-above-dispatch-level",
           "0xC1 0xF 0x0 $block 0x31", "contract 4.4: 0x31 (IRQL, type, addr)")
{
    PUCHAR Block = SpecialTake(NonPagedPool, 100, OVERRUN);
    RaiseTo(HIGH_LEVEL);
    ExFreePool(Block);
}
