/*
 * from_ntifs.c - a driver that includes ntifs.h alone reaches the pools.
 */
#include <ntifs.h>
#include "tests/test.h"

TEST(PoolFromNtifs, "pool/priority/reached-by-ntifs-h",
     "APP-51 The declaration is in wdm.h, also reached by ntddk.h and ntifs.h.")
{
    PVOID Block = ExAllocatePoolWithTagPriority(PagedPool, 8, 'tseT', HighPoolPriority);
    REQUIRE(Block != NULL);
    ExFreePoolWithTag(Block, 'tseT');
}
