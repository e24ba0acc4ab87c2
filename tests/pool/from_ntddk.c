/*
 * from_ntddk.c - a driver that includes ntddk.h alone reaches the pools.
 */
#include <ntddk.h>
#include "tests/test.h"

TEST(PoolFromNtddk, "pool/priority/reached-by-ntddk-h",
     "APP-51 The declaration is in wdm.h, also reached by ntddk.h and ntifs.h.")
{
    PVOID Block = ExAllocatePoolWithTagPriority(NonPagedPoolNx, 8, 'tseT', LowPoolPriority);
    REQUIRE(Block != NULL);
    ExFreePoolWithTag(Block, 'tseT');
}
