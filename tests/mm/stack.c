/*
 * stack.c - tests of kernel stacks: their size, their guard page, and that all of it comes back.
 */
#include "tests/mm/mm_check.h"

#define STACK_BYTES (KERNEL_STACK_PAGES * PAGE_SIZE)

TEST(StackSize, "mm/stack/is-24-kb-that-may-be-written-and-not-executed", "STACK-2")
{
    PCHAR Top = MiAllocateKernelStack();
    REQUIRE(Top != NULL);
    CHECK_EQ(STACK_BYTES, 24 * 1024);
    CHECK_EQ((ULONG_PTR)Top % PAGE_SIZE, 0);
    for (PCHAR Va = Top - STACK_BYTES; Va < Top; Va += PAGE_SIZE) {
        MI_WALK Walk;
        MiWalkTables(Va, &Walk);
        CHECK(Walk.Valid && Walk.Writable && Walk.NoExecute);
    }
    memset(Top - STACK_BYTES, 0x5C, STACK_BYTES);
    MiFreeKernelStack(Top);
}

TEST(StackGuard, "mm/stack/guard-page-is-never-mapped", "STACK-1")
{
    PCHAR First = MiAllocateKernelStack(), Second = MiAllocateKernelStack();
    REQUIRE(First != NULL && Second != NULL);
    CHECK(!MmIsAddressValid(First - STACK_BYTES - 1));
    CHECK(!MmIsAddressValid(First - STACK_BYTES - PAGE_SIZE));
    CHECK(!MmIsAddressValid(Second - STACK_BYTES - 1));
    /* The page below the stack is nobody's stack, and promises none. */
    CHECK_EQ(MiReadPte(MiGetPteAddress(First - STACK_BYTES - 1)).Long, 0);
    CHECK_GE((ULONG_PTR)(First < Second ? Second - First : First - Second),
             STACK_BYTES + PAGE_SIZE);
    MiFreeKernelStack(Second);
    MiFreeKernelStack(First);
}

TEST(StackDescribed, "mm/stack/addresses-of-a-stack-are-described", "")
{
    CHAR Text[64];
    PCHAR Top = MiAllocateKernelStack();
    REQUIRE(Top != NULL);
    REQUIRE(KiDescribeAddress(Top - 8, Text, sizeof(Text)));
    CHECK_EQ(strcmp(Text, "kernel stacks"), 0);
    REQUIRE(KiDescribeAddress(Top - STACK_BYTES - 8, Text, sizeof(Text)));
    CHECK_EQ(strcmp(Text, "guard page under a kernel stack, not mapped"), 0);
    MiFreeKernelStack(Top);
}

static VOID UseStack(PVOID Context)
{
    volatile CHAR Buffer[20 * 1024]; /* most of the 24 */
    for (ULONG i = 0; i < sizeof(Buffer); i += 512) {
        Buffer[i] = (CHAR)i;
    }
    *(PULONG_PTR)Context = (ULONG_PTR)Buffer;
}

TEST(StackUsed, "mm/stack/code-runs-on-it", "")
{
    ULONG_PTR Seen = 0;
    PCHAR Top = MiAllocateKernelStack();
    REQUIRE(Top != NULL);
    KiCallOnStack(UseStack, &Seen, Top);
    CHECK(Seen >= (ULONG_PTR)(Top - STACK_BYTES) && Seen < (ULONG_PTR)Top);
    MiFreeKernelStack(Top);
}

TEST(StackBalance, "mm/stack/making-and-freeing-balances", "COMMIT-2")
{
    MiFreeKernelStack(MiAllocateKernelStack()); /* page tables are there from here on */
    MM_COUNTS Before = TestMmCounts();
    PCHAR Top = MiAllocateKernelStack();
    REQUIRE(Top != NULL);
    CHECK_EQ(MmTotalCommittedPages, Before.Committed + KERNEL_STACK_PAGES);
    CHECK_EQ(MiAvailablePages(), Before.Available - KERNEL_STACK_PAGES);
    CHECK_EQ(MiRegions[MiRegionKernelStacks].PagesInUse,
             Before.InUse[MiRegionKernelStacks] + KERNEL_STACK_PAGES + 1);
    MiFreeKernelStack(Top);
    TestMmUnchanged(&Before);
    CHECK(!MmIsAddressValid(Top - 1));
}

TEST(StackDispatch, "mm/stack/may-be-made-at-dispatch-level", "")
{
    KIRQL Old;
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    PCHAR Top = MiAllocateKernelStack();
    if (Top != NULL) {
        Top[-1] = 1;
        MiFreeKernelStack(Top);
    }
    KeLowerIrql(Old);
    CHECK_NE(Top, NULL);
}

/* Each stack holds the address of the one before. */
static SIZE_T TakeStacks(PVOID *Chain)
{
    PCHAR Top;
    SIZE_T Count = 0;
    for (; (Top = MiAllocateKernelStack()) != NULL; Count++) {
        ((PVOID *)Top)[-1] = *Chain;
        *Chain = Top;
    }
    return Count;
}

static SIZE_T GiveStacksBack(PVOID Chain)
{
    SIZE_T Count = 0;
    for (; Chain != NULL; Count++) {
        PVOID Next = ((PVOID *)Chain)[-1];
        MiFreeKernelStack(Chain);
        Chain = Next;
    }
    return Count;
}

TEST(StackExhausted, "mm/stack/stacks-until-commit-ends-come-back", "COMMIT-1")
{
    MM_COUNTS Before = {0};
    for (ULONG Round = 0; Round < 2; Round++) { /* page tables are there in the second */
        PVOID Chain = NULL;
        Before = TestMmCounts();
        SIZE_T Held = TestHoldCommit(100 * KERNEL_STACK_PAGES + 1);
        SIZE_T Taken = TakeStacks(&Chain);
        CHECK(Taken == 100 || (Round == 0 && Taken == 99)); /* a page table took its place */
        CHECK_LT(MmTotalCommitLimit - MmTotalCommittedPages, KERNEL_STACK_PAGES);
        CHECK_EQ(GiveStacksBack(Chain), Taken);
        MiReturnCommit(Held);
    }
    TestMmUnchanged(&Before);
}
