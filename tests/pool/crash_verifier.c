/*
 * crash_verifier.c - what a verified driver may not ask of the pools: each stops the machine.
 */
#include "mm/mm.h"
#include "mm/pool/cache.h"
#include "tests/pool/special_cases.h"

static VOID RaiseTo(KIRQL Irql)
{
    KIRQL Old;
    KeRaiseIrql(Irql, &Old);
}

/* A block of the ordinary pool under verifier=pool, announced. */
static PUCHAR Take(POOL_TYPE Type, SIZE_T Bytes)
{
    SpecialOn("pool");
    PUCHAR Block = ExAllocatePoolWithTag(Type, Bytes, TEST_TAG);
    TestAnnounce("block", (ULONG_PTR)Block);
    return Block;
}

/* ---- requests -------------------------------------------------------------------------------- */

CRASH_TEST(VerifyZero, "pool/verifier/zero-bytes", "0xC4 0x0 0x0 0x200 0x0",
           "APP-42 Driver Verifier flags allocations of length zero as possible errors.")
{
    SpecialOn("pool");
    ExAllocatePoolWithTagPriority(NonPagedPoolNx, 0, TEST_TAG, LowPoolPriority);
}

CRASH_TEST(VerifyZeroFlag, "pool/verifier/zero-bytes-by-pool2", "0xC4 0x0 0x1 0x1 0x0",
           "APP-42 Driver Verifier flags allocations of length zero as possible errors.")
{
    SpecialOn("pool");
    RaiseTo(APC_LEVEL);
    ExAllocatePool2(POOL_FLAG_PAGED, 0, TEST_TAG);
}

CRASH_TEST(VerifyPagedIrql, "pool/verifier/paged-request-at-dispatch-level",
           "0xC4 0x1 0x2 0x1 0x40",
           "MAT-10 The same two by a verified driver: bug check 0xC4, subcodes 0x01 and 0x02.")
{
    SpecialOn("pool");
    RaiseTo(DISPATCH_LEVEL);
    ExAllocatePoolWithTag(PagedPool, 0x40, TEST_TAG);
}

CRASH_TEST(VerifyNonpagedIrql, "pool/verifier/nonpaged-request-above-dispatch-level",
           "0xC4 0x2 0x3 0x200 0x2345",
           "MAT-10 The same two by a verified driver: bug check 0xC4, subcodes 0x01 and 0x02.")
{
    KiSetCheckedMode(FALSE);
    SpecialOn("pool,special-pool");
    RaiseTo(DISPATCH_LEVEL + 1);
    ExAllocatePool2(POOL_FLAG_NON_PAGED, 0x2345, TEST_TAG);
}

CRASH_TEST(VerifyRule, "pool/verifier/rule-irqlexallocatepool", "0xC4 0x20004 not0 0x2 0x0",
           "APP-56 Compliance rule IrqlExAllocatePool (wdm) applies.")
{
    SpecialOn("ddi,pool");
    RaiseTo(DISPATCH_LEVEL);
    ExAllocatePoolWithTagPriority(PagedPool, 0x40, TEST_TAG, NormalPoolPriority);
}

CRASH_TEST(VerifyRuleAbove, "pool/verifier/rule-irqlexallocatepool-nonpaged",
           "0xC4 0x20004 not0 0xF 0x0", "APP-56 Compliance rule IrqlExAllocatePool (wdm) applies.")
{
    SpecialOn("ddi");
    RaiseTo(HIGH_LEVEL);
    ExAllocatePoolWithTagPriority(NonPagedPoolNx, 0x40, TEST_TAG, NormalPoolPriority);
}

CRASH_TEST(VerifyRuleQuota, "pool/verifier/rule-irqlexapclte2", "0xC4 0x20006 not0 0x2 0x0",
           "contract 7, 30: ExAllocatePoolWithQuotaTag, the compliance rule: <= APC")
{
    SpecialOn("ddi");
    RaiseTo(DISPATCH_LEVEL);
    ExAllocatePoolWithQuotaTag(NonPagedPoolNx, 0x40, TEST_TAG);
}

CRASH_TEST(VerifyMustSucceed, "pool/verifier/must-succeed-above-a-page", "0xC4 0x3 0x0 0x2 0x1001",
           "contract 2.2: verifier, > 1 page: C4/0x03")
{
    SpecialOn("pool");
    ExAllocatePoolWithTag(NonPagedPoolMustSucceed, PAGE_SIZE + 1, TEST_TAG);
}

CRASH_TEST(VerifyTagZero, "pool/verifier/tag-zero", "0xC2 0x9B 0x1 0x20 sym:VerifyTagZero",
           "contract 2.7: Tag 0: bug check when verified")
{
    SpecialOn("pool");
    ExAllocatePoolWithTag(PagedPool, 0x20, PROTECTED_POOL);
}

CRASH_TEST(VerifyTag, "pool/verifier/tag-without-letter-or-digit",
           "0xC2 0x9D 0x21202D2D 0x200 sym:VerifyTag",
           "MAT-13 A tag without letter or digit by a verified driver: bug check 0xC2, subcode "
           "0x9D.")
{
    SpecialOn("pool");
    ExAllocatePoolWithTag(NonPagedPoolNx, 0x20, '! --');
}

CRASH_TEST(VerifyTagFlag, "pool/verifier/tag-of-blanks-by-pool2",
           "0xC2 0x9D 0x20202020 0x1 sym:VerifyTagFlag",
           "MAT-13 A tag without letter or digit by a verified driver: bug check 0xC2, subcode "
           "0x9D.")
{
    SpecialOn("pool");
    ExAllocatePool2(POOL_FLAG_PAGED, 0x20, '    ');
}

/* ---- frees ----------------------------------------------------------------------------------- */

CRASH_TEST(VerifyFreePaged, "pool/verifier/paged-free-at-dispatch-level",
           "0xC4 0x11 0x2 0x1 $block", "APP-57 Compliance rule IrqlExFree2 (wdm) applies.")
{
    PUCHAR Block = Take(PagedPool, 64);
    RaiseTo(DISPATCH_LEVEL);
    ExFreePoolWithTag(Block, TEST_TAG);
}

CRASH_TEST(VerifyFreeAbove, "pool/verifier/nonpaged-free-above-dispatch-level",
           "0xC4 0x12 0xD 0x0 $block", "APP-57 Compliance rule IrqlExFree2 (wdm) applies.")
{
    KiSetCheckedMode(FALSE);
    PUCHAR Block = Take(NonPagedPool, 3 * PAGE_SIZE);
    RaiseTo(CLOCK_LEVEL);
    ExFreePoolWithTag(Block, TEST_TAG);
}

CRASH_TEST(VerifyFreeSpecial, "pool/verifier/special-paged-free-at-dispatch-level",
           "0xC4 0x11 0x2 0x1 $block", "contract 4.6: 0x11 free of paged above APC")
{
    PUCHAR Block = SpecialTake(PagedPool, 64, HighPoolPriority);
    SpecialOn("pool");
    RaiseTo(DISPATCH_LEVEL);
    ExFreePool(Block);
}

CRASH_TEST(VerifyFreeTwice, "pool/verifier/double-free", "0xC4 0x13 0x0 $header $contents",
           "contract 4.6: 0x13, 0x14 (-, header, contents) double free")
{
    PVOID Blocks[4];
    SpecialOn("pool");
    PoolTakeQuarters(&PoolCases[PoolKindNonPagedNx], Blocks);
    ExFreePoolWithTag(Blocks[1], TEST_TAG);
    TestAnnounce("header", (ULONG_PTR)ExpHeaderOf(Blocks[1]));
    TestAnnounce("contents", *(PULONG64)ExpHeaderOf(Blocks[1]));
    ExFreePoolWithTag(Blocks[1], TEST_TAG);
}

CRASH_TEST(VerifyFreeTwiceMerged, "pool/verifier/double-free-of-a-merged-block",
           "0xC4 0x14 0x0 $header $contents",
           "contract 4.6: 0x13, 0x14 (-, header, contents) double free")
{
    PVOID Blocks[4];
    SpecialOn("pool");
    ExpUseCaches(FALSE);
    PoolTakeQuarters(&PoolCases[PoolKindPaged], Blocks);
    ExFreePool(Blocks[1]);
    ExFreePool(Blocks[2]);
    TestAnnounce("header", (ULONG_PTR)ExpHeaderOf(Blocks[2]));
    TestAnnounce("contents", *(PULONG64)ExpHeaderOf(Blocks[2]));
    ExFreePool(Blocks[2]);
}

CRASH_TEST(VerifyFreeTwiceSpecial, "pool/verifier/double-free-in-special-pool",
           "0xC4 0x13 0x0 $record $block", "contract 5.1: second free 0xC1 or C4/0x13")
{
    MI_SPECIAL_PLACE Place;
    PUCHAR Block = SpecialTake(NonPagedPoolNx, 64, HighPoolPriority);
    MiFindSpecial(Block, &Place);
    TestAnnounce("record", (ULONG_PTR)Place.Record);
    ExFreePool(Block);
    SpecialOn("pool");
    ExFreePool(Block);
}

CRASH_TEST(VerifyFreeTwiceBig, "pool/verifier/double-free-of-whole-pages",
           "0xC4 0x10 $block 0x0 0x0", "contract 4.6: 0x10 free of a never-allocated address")
{
    PUCHAR Block = Take(NonPagedPoolNx, 2 * PAGE_SIZE);
    ExFreePool(Block);
    ExFreePool(Block);
}

CRASH_TEST(VerifyFreeInside, "pool/verifier/free-inside-a-block", "0xC4 0x10 $wild 0x0 0x0",
           "contract 4.6: 0x10 free of a never-allocated address")
{
    PUCHAR Block = Take(PagedPool, 512);
    RtlZeroMemory(Block, 512);
    TestAnnounce("wild", (ULONG_PTR)Block + 256);
    ExFreePool(Block + 256);
}

CRASH_TEST(VerifyFreeStack, "pool/verifier/free-of-a-stack-address", "0xC4 0x10 $wild 0x0 0x0",
           "contract 4.6: 0x10 free of a never-allocated address")
{
    UCHAR Local[64] __attribute__((aligned(16)));
    TestAnnounce("wild", (ULONG_PTR)Local);
    SpecialOn("pool");
    ExFreePool(Local);
}

CRASH_TEST(VerifyFreeNull, "pool/verifier/free-of-null", "0xC4 0x16 0x0 0x0 0x0",
           "contract 4.6: 0x16 (-, address, 0) bad free address or parameters")
{
    SpecialOn("pool");
    ExFreePool(NULL);
}

CRASH_TEST(VerifyFreeOdd, "pool/verifier/free-of-an-odd-address", "0xC4 0x16 0x0 $wild 0x0",
           "contract 4.6: 0x16 (-, address, 0) bad free address or parameters")
{
    PUCHAR Block = Take(NonPagedPoolNx, 64);
    TestAnnounce("wild", (ULONG_PTR)Block + 4);
    ExFreePool(Block + 4);
}

CRASH_TEST(VerifyWrongTag, "pool/verifier/wrong-tag", "0xC2 0xA $block 0x74736554 0x72687430",
           "contract 2.7: C2/0x0A when protected or the driver is verified")
{
    ExFreePoolWithTag(Take(NonPagedPoolNx, 64), 'rht0');
}

CRASH_TEST(VerifyWrongTagBig, "pool/verifier/wrong-tag-of-whole-pages",
           "0xC2 0xA $block 0x74736554 0x72687430",
           "contract 2.7: C2/0x0A when protected or the driver is verified")
{
    ExFreePoolWithTag(Take(PagedPool, 2 * PAGE_SIZE), 'rht0');
}

CRASH_TEST(VerifyWrongTagSpecial, "pool/verifier/wrong-tag-in-special-pool",
           "0xC2 0xA $block 0x74736554 0x72687430",
           "contract 2.7: C2/0x0A when protected or the driver is verified")
{
    PUCHAR Block = SpecialTake(PagedPool, 64, HighPoolPriority);
    SpecialOn("pool");
    ExFreePoolWithTag(Block, 'rht0');
}

/* ---- what the block still holds -------------------------------------------------------------- */

CRASH_TEST(VerifyTimer, "pool/verifier/free-with-a-running-timer", "0xC4 0x15 $timer 0x200 $block",
           "contract 4.6: 0x15 (timer, type, address) freed block holds an active timer")
{
    PUCHAR Block = Take(NonPagedPoolNx, 500);
    PKTIMER Timer = (PKTIMER)(Block + 128);
    TestAnnounce("timer", (ULONG_PTR)Timer);
    KeInitializeTimer(Timer);
    KeSetTimer(Timer, (LARGE_INTEGER){.QuadPart = -10000000}, NULL);
    ExFreePoolWithTag(Block, TEST_TAG);
}

CRASH_TEST(VerifyResource, "pool/verifier/free-with-a-resource", "0xC4 0xD2 $block $block 0x1000",
           "contract 4.6: 0xD2 ERESOURCE freed while active (resource, start, size)")
{
    PUCHAR Block = Take(NonPagedPoolNx, PAGE_SIZE);
    ExInitializeResourceLite((PERESOURCE)Block);
    ExFreePoolWithTag(Block, TEST_TAG);
}

CRASH_TEST(VerifyLookaside, "pool/verifier/free-with-a-lookaside-list",
           "0xC4 0xCC $list $block 0x2000",
           "contract 4.6: 0xCC lookaside freed while active (list, start, size)")
{
    PUCHAR Block = Take(NonPagedPoolNx, PAGE_SIZE + 1);
    PNPAGED_LOOKASIDE_LIST List = (PNPAGED_LOOKASIDE_LIST)(Block + PAGE_SIZE / 2);
    TestAnnounce("list", (ULONG_PTR)List);
    ExInitializeNPagedLookasideList(List, NULL, NULL, 0, 64, TEST_TAG, 0);
    ExFreePoolWithTag(Block, TEST_TAG);
}
