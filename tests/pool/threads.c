/*
 * threads.c - tests of the pools with several threads: whoever loses the processor in the middle of
 * an allocation must not stop another one's.
 */
#include "mm/pool/pool.h"
#include "tests/ke/threads.h"

#define BETTER     (KI_PRIORITY_DEFAULT + 1)
#define TEST_TAG   'rhTP'
#define THREADS    4
#define ROUNDS     200
#define BLOCK_SIZE 200

static volatile LONG ThreadsDone;

static VOID NTAPI AllocateOnce(PVOID Context)
{
    *(PVOID *)Context = ExAllocatePoolWithTag(PagedPool, BLOCK_SIZE, TEST_TAG);
    ThreadsDone++;
}

TEST(PoolPagedWait, "pool/threads/paged-pool-is-waited-for", "POOL-9")
{
    PVOID Blocks[2] = {NULL, NULL};
    PKTHREAD Threads[2];
    ThreadsDone = 0;
    for (ULONG i = 0; i < 2; i++) {
        Threads[i] = TestCreateThread(AllocateOnce, &Blocks[i], BETTER);
    }
    ULONG64 State = ExpLockPool(&ExpPools[PoolKindPaged]);
    KiStartThread(Threads[0]);
    KiStartThread(Threads[1]);
    CHECK_EQ(ThreadsDone, 0);
    CHECK_EQ(KeGetCurrentIrql(), APC_LEVEL);
    CHECK_EQ(KeQueryPriorityThread(KeGetCurrentThread()), BETTER); /* lent by who waits */
    ExpUnlockPool(&ExpPools[PoolKindPaged], State);
    for (ULONG i = 0; i < 2; i++) {
        TestJoinThread(Threads[i]);
    }
    CHECK_EQ(ThreadsDone, 2);
    CHECK_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    CHECK_NE((ULONG_PTR)Blocks[0], (ULONG_PTR)Blocks[1]);
    for (ULONG i = 0; i < 2; i++) {
        REQUIRE(Blocks[i] != NULL);
        ExFreePoolWithTag(Blocks[i], TEST_TAG);
    }
}

/* Allocates and frees; the processor goes round after each step. */
static VOID NTAPI Churn(PVOID Context)
{
    POOL_TYPE Type = (ULONG_PTR)Context % 2 ? PagedPool : NonPagedPoolNx;
    for (ULONG i = 0; i < ROUNDS; i++) {
        SIZE_T Size = 16 + (i * 61) % 3000;
        PUCHAR Block = ExAllocatePoolWithTag(Type, Size, TEST_TAG);
        if (Block == NULL) {
            return;
        }
        memset(Block, (INT)(ULONG_PTR)Context, Size);
        ZwYieldExecution();
        if (Block[0] != (UCHAR)(ULONG_PTR)Context || Block[Size - 1] != (UCHAR)(ULONG_PTR)Context) {
            return;
        }
        ExFreePoolWithTag(Block, TEST_TAG);
    }
    ThreadsDone++;
}

TEST(PoolChurn, "pool/threads/blocks-of-several-threads-keep-apart", "POOL-1")
{
    PKTHREAD Threads[THREADS];
    ThreadsDone = 0;
    for (ULONG_PTR i = 0; i < THREADS; i++) {
        Threads[i] = TestStartThread(Churn, (PVOID)(i + 1), KI_PRIORITY_DEFAULT);
    }
    for (ULONG i = 0; i < THREADS; i++) {
        TestJoinThread(Threads[i]);
    }
    CHECK_EQ(ThreadsDone, THREADS);
}

CRASH_TEST(CrashPoolOwner, "pool/paged-pool-inside-paged-pool", "0xF $mutex $thread 0x0 0x0",
           "POOL-9")
{
    TestAnnounce("mutex", (ULONG64)&ExpPools[PoolKindPaged].Mutex);
    TestAnnounce("thread", (ULONG64)KeGetCurrentThread());
    ExpLockPool(&ExpPools[PoolKindPaged]);
    KeLowerIrql(PASSIVE_LEVEL);
    ExAllocatePoolWithTag(PagedPool, BLOCK_SIZE, TEST_TAG);
}
