/*
 * execute.c - which pools may hold code: by address, by page table entry, and by trying.
 */
#include "mm/mm.h"
#include "tests/pool/pool_cases.h"

static const UCHAR ReturnFortyTwo[] = {0xB8, 42, 0, 0, 0, 0xC3}; /* mov eax, 42; ret */

/* Every page of small and big blocks, by the bits of all levels of its page tables. */
static BOOLEAN HasRights(PVOID Block, SIZE_T Bytes, BOOLEAN NoExecute)
{
    MI_WALK Walk;
    BOOLEAN Holds = CHECK(Block != NULL);
    for (SIZE_T i = 0; Holds && i < Bytes; i += PAGE_SIZE) {
        *((volatile UCHAR *)Block + i) = 1; /* paged pool: the page comes with this */
        MiWalkTables((PUCHAR)Block + i, &Walk);
        Holds &= CHECK(Walk.Valid) && CHECK(Walk.Writable) && CHECK_EQ(Walk.NoExecute, NoExecute);
    }
    PoolFreeIfAny(Block);
    return Holds;
}

static BOOLEAN HasItsRights(const POOL_CASE *Case)
{
    BOOLEAN NoExecute = Case->Kind != PoolKindNonPagedExecute;
    return HasRights(ExAllocatePoolWithTag(Case->Type, 100, TEST_TAG), 100, NoExecute) &&
           HasRights(ExAllocatePoolWithTag(Case->Type, 0x3000, TEST_TAG), 0x3000, NoExecute) &&
           HasRights(ExAllocatePool2(Case->Flag, 100, TEST_TAG), 100, NoExecute) &&
           HasRights(ExAllocatePool2(Case->Flag, 0x3000, TEST_TAG), 0x3000, NoExecute);
}

TEST(ExecutePte, "pool/execute/rights-in-the-page-tables",
     "CON-28 NonPagedPool is executable; NonPagedPoolNx and POOL_FLAG_NON_PAGED are not.")
{
    PoolForEach(HasItsRights);
}

TEST(ExecuteRange, "pool/execute/ranges-of-their-own",
     "CON-28 NonPagedPool is executable; NonPagedPoolNx and POOL_FLAG_NON_PAGED are not.")
{
    PVOID Blocks[] = {ExAllocatePoolWithTag(NonPagedPool, 64, TEST_TAG),
                      ExAllocatePool2(POOL_FLAG_NON_PAGED_EXECUTE, PAGE_SIZE, TEST_TAG),
                      ExAllocatePoolWithTag(NonPagedPoolNx, 64, TEST_TAG),
                      ExAllocatePool2(POOL_FLAG_NON_PAGED, PAGE_SIZE, TEST_TAG)};
    for (ULONG i = 0; i < ARRAYSIZE(Blocks); i++) {
        CHECK_EQ(MiAddressKind(Blocks[i]), i < 2 ? MiVaExecutablePool : MiVaNonPagedPool);
        PoolFreeIfAny(Blocks[i]);
    }
}

TEST(ExecuteCode, "pool/execute/code-in-nonpagedpool-runs",
     "CON-28 NonPagedPool is executable; NonPagedPoolNx and POOL_FLAG_NON_PAGED are not.")
{
    PVOID Code = ExAllocatePoolWithTag(NonPagedPool, sizeof(ReturnFortyTwo), TEST_TAG);
    REQUIRE(Code != NULL);
    RtlCopyMemory(Code, ReturnFortyTwo, sizeof(ReturnFortyTwo));
    CHECK_EQ(((ULONG(*)(VOID))Code)(), 42);
    ExFreePool(Code);
}

/* 0xFC: the address, and the PTE that forbade it. */
static VOID RunFrom(PVOID Code)
{
    RtlCopyMemory(Code, ReturnFortyTwo, sizeof(ReturnFortyTwo));
    TestAnnounce("code", (ULONG_PTR)Code);
    TestAnnounce("pte", MiGetPteAddress(Code)->Long);
    ((ULONG(*)(VOID))Code)();
}

CRASH_TEST(ExecuteNx, "pool/execute-nonpagedpoolnx", "0xFC $code $pte * *",
           "CON-28 NonPagedPool is executable; NonPagedPoolNx and POOL_FLAG_NON_PAGED are not.")
{
    RunFrom(ExAllocatePoolWithTag(NonPagedPoolNx, 64, TEST_TAG));
}

CRASH_TEST(ExecuteFlag, "pool/execute-pool-flag-non-paged", "0xFC $code $pte * *",
           "CON-28 NonPagedPool is executable; NonPagedPoolNx and POOL_FLAG_NON_PAGED are not.")
{
    RunFrom(ExAllocatePool2(POOL_FLAG_NON_PAGED, PAGE_SIZE, TEST_TAG));
}
