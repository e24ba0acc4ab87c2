/*
 * crash_requests.c - requests that stop the machine: wrong IRQL, types and tags that nobody may ask
 * for, and the raise that has no handler yet.
 */
#include "kernel/ke/ke.h"
#include "tests/pool/pool_cases.h"

static VOID RaiseTo(KIRQL Irql)
{
    KIRQL Old;
    KeRaiseIrql(Irql, &Old);
}

/* A block of this size is at hand then, for a request that must not get it. */
static VOID KeepOne(POOL_TYPE Type, SIZE_T Bytes)
{
    ExFreePool(ExAllocatePoolWithTag(Type, Bytes, TEST_TAG));
}

/* ---- IRQL: (0x08, IRQL, type, bytes) --------------------------------------------------------- */

CRASH_TEST(RequestPagedAtDispatch, "pool/paged-request-at-dispatch-level", "0xC2 0x8 0x2 0x1 0x40",
           "MAT-8 Paged pool at DISPATCH_LEVEL: bug check 0xC2, subcode 0x08.")
{
    KeepOne(PagedPool, 0x40);
    RaiseTo(DISPATCH_LEVEL);
    ExAllocatePoolWithTagPriority(PagedPool, 0x40, TEST_TAG, HighPoolPriority);
}

CRASH_TEST(RequestPagedFlag, "pool/paged-flag-at-dispatch-level", "0xC2 0x8 0x2 0x1 0x2345",
           "MAT-8 Paged pool at DISPATCH_LEVEL: bug check 0xC2, subcode 0x08.")
{
    RaiseTo(DISPATCH_LEVEL);
    ExAllocatePool2(POOL_FLAG_PAGED | POOL_FLAG_UNINITIALIZED, 0x2345, TEST_TAG);
}

/* Free mode looks at the IRQL too, even where a free block would do and no page is needed. */
CRASH_TEST(RequestPagedFree, "pool/paged-request-at-dispatch-level-in-free-mode",
           "0xC2 0x8 0x2 0x5 0x40",
           "MAT-8 Paged pool at DISPATCH_LEVEL: bug check 0xC2, subcode 0x08.")
{
    KiSetCheckedMode(FALSE);
    ExAllocatePoolWithTag(PagedPool, 0x40, TEST_TAG);
    RaiseTo(DISPATCH_LEVEL);
    ExAllocatePoolWithTag(PagedPoolCacheAligned, 0x40, TEST_TAG);
}

CRASH_TEST(RequestAbove, "pool/nonpaged-request-above-dispatch-level", "0xC2 0x8 0x3 0x200 0x10",
           "MAT-9 Any pool above DISPATCH_LEVEL: bug check 0xC2, subcode 0x08.")
{
    KeepOne(NonPagedPoolNx, 0x10);
    RaiseTo(DISPATCH_LEVEL + 1);
    ExAllocatePoolWithTag(NonPagedPoolNx, 0x10, TEST_TAG);
}

CRASH_TEST(RequestHigh, "pool/executable-request-at-high-level", "0xC2 0x8 0xF 0x0 0x1000",
           "MAT-9 Any pool above DISPATCH_LEVEL: bug check 0xC2, subcode 0x08.")
{
    RaiseTo(HIGH_LEVEL);
    ExAllocatePool2(POOL_FLAG_NON_PAGED_EXECUTE, PAGE_SIZE, TEST_TAG);
}

CRASH_TEST(RequestPagedAbove, "pool/paged-request-above-dispatch-level", "0xC2 0x8 0xD 0x1 0x1",
           "MAT-9 Any pool above DISPATCH_LEVEL: bug check 0xC2, subcode 0x08.")
{
    RaiseTo(CLOCK_LEVEL);
    ExAllocatePool(PagedPool, 1);
}

/* ---- types and tags -------------------------------------------------------------------------- */

CRASH_TEST(RequestMustSucceed, "pool/must-succeed-type", "0xC2 0x9A 0x2 0x64 0x74736554",
           "MAT-11 A must-succeed type: bug check 0xC2, subcode 0x9A.")
{
    ExAllocatePoolWithTag(NonPagedPoolMustSucceed, 100, TEST_TAG);
}

CRASH_TEST(RequestMustSucceedCacheAligned, "pool/must-succeed-type-by-priority",
           "0xC2 0x9A 0x6 0x2000 0x74736554",
           "MAT-11 A must-succeed type: bug check 0xC2, subcode 0x9A.")
{
    ExAllocatePoolWithTagPriority(NonPagedPoolCacheAlignedMustS, 0x2000, TEST_TAG, LowPoolPriority);
}

CRASH_TEST(RequestBigTag, "pool/reserved-tag", "0xC2 0x9C 0x1 0x20 sym:RequestBigTag",
           "MAT-12 The tag 'BIG ': bug check 0xC2, subcode 0x9C.")
{
    ExAllocatePoolWithTag(PagedPool, 0x20, ' GIB');
}

CRASH_TEST(RequestBigTagFlag, "pool/reserved-tag-by-pool2",
           "0xC2 0x9C 0x200 0x20 sym:RequestBigTagFlag",
           "MAT-12 The tag 'BIG ': bug check 0xC2, subcode 0x9C.")
{
    ExAllocatePool2(POOL_FLAG_NON_PAGED, 0x20, ' GIB' | PROTECTED_POOL);
}

/* ---- raising: an exception that nobody handles is bug check 0x1E (status, address) ----------- */

CRASH_TEST(RequestRaise, "pool/raise-without-memory",
           "0x1E 0xFFFFFFFFC000009A sym:RequestRaise 0x0 0x0",
           "contract 2.2: POOL_RAISE_IF_ALLOCATION_FAILURE, raise instead of returning NULL")
{
    ExAllocatePoolWithTagPriority((POOL_TYPE)(PagedPool | POOL_RAISE_IF_ALLOCATION_FAILURE),
                                  (SIZE_T)1 << 45, TEST_TAG, NormalPoolPriority);
}

CRASH_TEST(RequestRaiseFlag, "pool/raise-for-a-bad-argument",
           "0x1E 0xFFFFFFFFC000000D sym:RequestRaiseFlag 0x0 0x0",
           "contract 2.4: Tag 0, invalid flags: raise with 0x20, STATUS_INVALID_PARAMETER")
{
    ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_RAISE_ON_FAILURE, 64, 0);
}
