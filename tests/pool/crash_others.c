/*
 * crash_others.c - what stops the machine by other ways than ExFreePool of the same code: bad
 * pointers for ExQueryPoolBlockSize and ExFreePool2, and blocks that two sides free, be it a DPC,
 * another thread or (tests/scenarios has them) another processor.
 */
#include "kernel/ke/restart.h"
#include "mm/mm.h"
#include "tests/ke/smp.h"
#include "tests/pool/pool_cases.h"

#define BYTES       200
#define EFLAGS_TF   0x100
#define LOCK_PREFIX 0xF0

static PUCHAR Block;

static VOID Take(POOL_TYPE Type, SIZE_T Bytes)
{
    Block = ExAllocatePoolWithTag(Type, Bytes, TEST_TAG);
    TestAnnounce("block", (ULONG_PTR)Block);
}

/* ---- ExQueryPoolBlockSize -------------------------------------------------------------------- */

static VOID Query(PVOID Address)
{
    BOOLEAN Charged;
    TestAnnounce("wild", (ULONG_PTR)Address);
    TestAnnounce("highest", MmHighestPhysicalPage);
    ExQueryPoolBlockSize(Address, &Charged);
}

CRASH_TEST(QueryFreed, "pool/query-of-a-freed-block", "0xC2 0x7 0x0 $contents $block",
           "CON-16 A second free is bug check 0xC2, subcode 0x07 or 0x06.")
{
    Take(NonPagedPoolNx, BYTES);
    ExFreePool(Block);
    TestAnnounce("contents", *(PULONG64)ExpHeaderOf(Block));
    Query(Block);
}

CRASH_TEST(QueryFreedPages, "pool/query-of-freed-pages", "0x19 0x22 $wild 0x0 0x0",
           "contract 4.2: 0x22 no tracker entry (double free or never allocated)")
{
    Take(PagedPool, 2 * PAGE_SIZE);
    ExFreePool(Block);
    Query(Block);
}

CRASH_TEST(QueryInside, "pool/query-inside-a-block", "0xC2 0x99 $wild 0x0 0x0",
           "contract 4.3: 0x99 invalid address")
{
    Take(NonPagedPoolNx, BYTES);
    Query(Block + 32);
}

CRASH_TEST(QueryNull, "pool/query-of-null", "0xC2 0x46 0x0 0x0 0x0",
           "contract 4.3: 0x46 invalid pool address")
{
    Query(NULL);
}

CRASH_TEST(QueryStatic, "pool/query-of-a-static-variable", "0xC2 0x42 $wild 0x0 0x0",
           "contract 4.3: 0x42 never in any pool")
{
    static ULONG64 DECLSPEC_ALIGN(16) Variable[4];
    Query(&Variable[2]);
}

CRASH_TEST(QueryPagedHigh, "pool/query-of-paged-pool-at-dispatch-level", "0xC2 0x9 0x2 0x1 $block",
           "CON-17 A free at a wrong IRQL is bug check 0xC2, subcode 0x09 (IRQL, type, address).")
{
    Take(PagedPool, BYTES);
    KeRaiseIrqlToDpcLevel();
    Query(Block);
}

/* ---- ExFreePool2 ----------------------------------------------------------------------------- */

CRASH_TEST(Free2Null, "pool/free-pool2-of-null", "0xC2 0x46 0x0 0x0 0x0",
           "CON-18 A free of NULL is bug check 0xC2, subcode 0x46.")
{
    ExFreePool2(NULL, TEST_TAG, NULL, 0);
}

CRASH_TEST(Free2Tag, "pool/free-pool2-under-another-tag-than-a-protected-one",
           "0xC2 0xA $block 0xF46F7250 0x746F7250",
           "CON-20 A protected tag freed under another tag is bug check 0xC2, subcode 0x0A.")
{
    Block = ExAllocatePool2(POOL_FLAG_PAGED, BYTES, 'torP' | PROTECTED_POOL);
    TestAnnounce("block", (ULONG_PTR)Block);
    ExFreePool2(Block, 'torP', NULL, 0);
}

CRASH_TEST(Free2Twice, "pool/free-pool2-behind-a-free", "0xC2 0x7 0x0 $contents $block",
           "CON-16 A second free is bug check 0xC2, subcode 0x07 or 0x06.")
{
    Take(NonPagedPoolExecute, BYTES);
    ExFreePool(Block);
    TestAnnounce("contents", *(PULONG64)ExpHeaderOf(Block));
    ExFreePool2(Block, TEST_TAG, NULL, 0);
}

/* ---- what two sides free --------------------------------------------------------------------- */

static VOID NTAPI FreeInDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    ExFreePool(Block);
}

CRASH_TEST(FreeDpcPaged, "pool/paged-free-in-a-dpc", "0xC2 0x9 0x2 0x1 $block",
           "CON-17 A free at a wrong IRQL is bug check 0xC2, subcode 0x09 (IRQL, type, address).")
{
    static KDPC Dpc;
    Take(PagedPool, BYTES);
    KeInitializeDpc(&Dpc, FreeInDpc, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
}

CRASH_TEST(FreeDpcTwice, "pool/double-free-by-a-dpc", "0xC2 0x7 0x0 $contents $block",
           "CON-16 A second free is bug check 0xC2, subcode 0x07 or 0x06.")
{
    static KDPC Dpc;
    Take(NonPagedPoolNx, BYTES);
    ExFreePool(Block);
    TestAnnounce("contents", *(PULONG64)ExpHeaderOf(Block));
    KeInitializeDpc(&Dpc, FreeInDpc, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
}

static VOID NTAPI FreeInThread(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    ExFreePool(Block);
}

/* On the last processor, which a machine with one has, too. */
static VOID FreeElsewhere(VOID)
{
    TestJoinThread(TestStartOn(KeNumberProcessors - 1, FreeInThread, NULL));
    TestAnnounce("contents", *(PULONG64)ExpHeaderOf(Block));
}

CRASH_TEST(FreeThreadTwice, "pool/double-free-behind-another-thread",
           "0xC2 0x7 0x0 $contents $block",
           "CON-16 A second free is bug check 0xC2, subcode 0x07 or 0x06.")
{
    Take(NonPagedPoolNx, BYTES);
    FreeElsewhere();
    ExFreePool(Block);
}

CRASH_TEST(FreeThreadTwicePaged, "pool/double-free-of-paged-pool-behind-another-thread",
           "0xC2 0x7 0x0 $contents $block",
           "CON-16 A second free is bug check 0xC2, subcode 0x07 or 0x06.")
{
    Take(PagedPool, BYTES);
    FreeElsewhere();
    ExFreePool(Block);
}

/*
 * Two processors free a block at once and both have judged it: in front of the instruction that
 * takes the seal, the other one takes it. The interlocked one is the only one with a LOCK prefix.
 */
static UCHAR OtherType; /* what the other one has made of PoolType by then */

static BOOLEAN TakeSealElsewhere(PKTRAP_FRAME Frame)
{
    if (KiIsRestartable(Frame->Rip) && *(PUCHAR)Frame->Rip == LOCK_PREFIX) {
        Frame->EFlags &= ~(ULONG64)EFLAGS_TF;
        ExpHeaderOf(Block)->Seal = 0;
        ExpHeaderOf(Block)->PoolType = OtherType;
        TestAnnounce("contents", *(PULONG64)ExpHeaderOf(Block));
    }
    return FALSE; /* nobody else ran on this processor */
}

static VOID FreeTogether(POOL_TYPE Type, UCHAR PoolType)
{
    Take(Type, BYTES);
    OtherType = PoolType;
    KiStepRoutine = TakeSealElsewhere;
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" : : : "memory", "cc");
    ExFreePool(Block);
}

CRASH_TEST(FreeTogetherNx, "pool/two-processors-free-a-block-at-once",
           "0xC2 0x7 0x0 $contents $block",
           "CON-16 A second free is bug check 0xC2, subcode 0x07 or 0x06.")
{
    FreeTogether(NonPagedPoolNx, POOL_BLOCK_CACHED);
}

CRASH_TEST(FreeTogetherPaged, "pool/two-processors-free-a-paged-block-at-once",
           "0xC2 0xB $block 0x74736554 0x0", "CACHE-4")
{
    FreeTogether(PagedPool, POOL_BLOCK_IN_USE | POOL_BLOCK_PAGED);
}
