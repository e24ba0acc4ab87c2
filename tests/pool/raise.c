/*
 * raise.c - tests of the requests that raise instead of giving NULL, handled. What becomes of a
 * raise that nobody handles is in crash_requests.c.
 */
#include "kernel/ke/ke.h"
#include "kernel/ke/try.h"
#include "tests/test.h"

#define TEST_TAG 'esiR'
#define NEVER    ((SIZE_T)1 << 45) /* bytes; nobody has so many */

/* The status that the request raised; STATUS_SUCCESS for none. */
static NTSTATUS RequestRaises(ULONG PoolType, SIZE_T Bytes)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;
    KE_TRY
    {
        PVOID Block =
            ExAllocatePoolWithTagPriority((POOL_TYPE)PoolType, Bytes, TEST_TAG, NormalPoolPriority);
        if (CHECK_NE(Block, NULL)) {
            ExFreePoolWithTag(Block, TEST_TAG);
        }
    }
    KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
    {
        Status = GetExceptionCode();
    }
    KE_END_TRY
    return Status;
}

TEST(RaiseType, "pool/raise/no-memory-is-an-exception",
     "APP-7 POOL_RAISE_IF_ALLOCATION_FAILURE may be ORed into PoolType. || "
     "APP-8 With that flag an exception is raised when the request cannot be satisfied. || "
     "APP-28 With POOL_RAISE_IF_ALLOCATION_FAILURE it does not return NULL. || "
     "MAT-4 No memory and the raise bit: STATUS_INSUFFICIENT_RESOURCES is raised.")
{
    static const ULONG Types[] = {NonPagedPoolNx, NonPagedPool, PagedPool};
    for (ULONG i = 0; i < ARRAYSIZE(Types); i++) {
        ULONG Type = Types[i] | POOL_RAISE_IF_ALLOCATION_FAILURE;
        CHECK_STATUS(RequestRaises(Type, 100), STATUS_SUCCESS);
        CHECK_STATUS(RequestRaises(Type, NEVER), STATUS_INSUFFICIENT_RESOURCES);
        CHECK_EQ(ExAllocatePoolWithTag((POOL_TYPE)Types[i], NEVER, TEST_TAG), NULL);
    }
}

TEST(RaiseDispatch, "pool/raise/at-dispatch-level-too",
     "contract, section 8: allocators with a raise bit are legal at DISPATCH: allow the raise")
{
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    NTSTATUS Status = RequestRaises(NonPagedPoolNx | POOL_RAISE_IF_ALLOCATION_FAILURE, NEVER);
    CHECK_EQ(KeGetCurrentIrql(), DISPATCH_LEVEL);
    KeLowerIrql(Old);
    CHECK_STATUS(Status, STATUS_INSUFFICIENT_RESOURCES);
}

TEST(RaiseFlag, "pool/raise/bad-arguments-are-an-exception",
     "contract 2.4: Tag 0, invalid flags: raise with 0x20, STATUS_INVALID_PARAMETER")
{
    volatile NTSTATUS Status = STATUS_SUCCESS;
    KE_TRY
    {
        CHECK_EQ(ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_RAISE_ON_FAILURE, 64, 0), NULL);
    }
    KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
    {
        Status = GetExceptionCode();
    }
    KE_END_TRY
    CHECK_STATUS(Status, STATUS_INVALID_PARAMETER);
}
