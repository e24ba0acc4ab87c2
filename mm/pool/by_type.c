/*
 * by_type.c - the routines that allocate by POOL_TYPE: ExAllocatePool, ...WithTag,
 * ...WithTagPriority, ...WithQuota, ...WithQuotaTag. For drivers and the kernel.
 *
 * Quota is charged to the current process, but never to the system process (contract 2.8), and
 * there is no other one: so nothing is charged, and only the answer to failure differs.
 */
#include "kernel/rtl/section.h"
#include "mm/pool/verify.h"

#define MUST_SUCCEED_REQUEST 0x9A

/* Bits of POOL_TYPE. */
#define TYPE_PAGED         1
#define TYPE_MUST_SUCCEED  2
#define TYPE_CACHE_ALIGNED 4
#define TYPE_SESSION       32

static PVOID ExpAllocateByType(POOL_TYPE PoolType, SIZE_T Bytes, ULONG Tag, POOL_LEVEL Level,
                               POOL_EDGE Edge, PVOID Caller)
{
    POOL_REQUEST Request = {
        .Kind = PoolType & TYPE_PAGED           ? PoolKindPaged
                : PoolType & POOL_NX_ALLOCATION ? PoolKindNonPagedNx
                                                : PoolKindNonPagedExecute,
        .PoolType = PoolType,
        .Bytes = Bytes,
        .Tag = Tag,
        .Level = Level,
        .CacheAligned = (PoolType & TYPE_CACHE_ALIGNED) != 0,
        .Cold =
            (PoolType & (POOL_COLD_ALLOCATION | TYPE_PAGED)) == (POOL_COLD_ALLOCATION | TYPE_PAGED),
        .Zero = (PoolType & POOL_ZERO_ALLOCATION) != 0,
        .Raise = (PoolType & POOL_RAISE_IF_ALLOCATION_FAILURE) != 0,
        .Edge = Edge,
        .Deprecated = (PoolType & POOL_ZERO_ALLOCATION) == 0, /* ExAllocatePoolZero is not */
        .Caller = Caller,
    };
    ExpVerifyRequest(&Request);
    if (PoolType & TYPE_MUST_SUCCEED) {
        KeBugCheckEx(BAD_POOL_CALLER, MUST_SUCCEED_REQUEST, PoolType, Bytes, Tag);
    }
    if ((Tag & ~PROTECTED_POOL) == 0 || (PoolType & TYPE_SESSION)) {
        return ExpRefuse(&Request, STATUS_INVALID_PARAMETER);
    }
    return ExpAllocate(&Request);
}

/* ExAllocatePoolWithTag and ...Priority begin in cache.S; what is not ordinary comes here. */
PVOID NTAPI ExpAllocateWithTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    return ExpAllocateByType(PoolType, NumberOfBytes, Tag, PoolLevelHigh, PoolEdgeDefault,
                             __builtin_return_address(0));
}
EXPORT(ExAllocatePoolWithTag);

PVOID NTAPI ExpAllocateWithTagPriority(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag,
                                       EX_POOL_PRIORITY Priority)
{
    POOL_LEVEL Level;
    ExpReadPriority(Priority, &Level); /* a value that is none is normal */
    return ExpAllocateByType(PoolType, NumberOfBytes, Tag, Level, ExpReadEdge(Priority),
                             __builtin_return_address(0));
}
EXPORT(ExAllocatePoolWithTagPriority);

PVOID NTAPI ExAllocatePool(POOL_TYPE PoolType, SIZE_T NumberOfBytes)
{
    return ExpAllocateByType(PoolType, NumberOfBytes, POOL_TAG_NONE, PoolLevelHigh, PoolEdgeDefault,
                             __builtin_return_address(0));
}
EXPORT(ExAllocatePool);

/* These raise where the others return NULL, unless they are told not to. */
static POOL_TYPE ExpQuotaType(POOL_TYPE PoolType)
{
    ExpVerifyQuotaCall();
    ULONG Raise =
        PoolType & POOL_QUOTA_FAIL_INSTEAD_OF_RAISE ? 0 : POOL_RAISE_IF_ALLOCATION_FAILURE;
    return (POOL_TYPE)((PoolType & ~POOL_QUOTA_FAIL_INSTEAD_OF_RAISE) | Raise);
}

PVOID NTAPI ExAllocatePoolWithQuotaTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    return ExpAllocateByType(ExpQuotaType(PoolType), NumberOfBytes, Tag, PoolLevelHigh,
                             PoolEdgeDefault, __builtin_return_address(0));
}
EXPORT(ExAllocatePoolWithQuotaTag);

PVOID NTAPI ExAllocatePoolWithQuota(POOL_TYPE PoolType, SIZE_T NumberOfBytes)
{
    return ExpAllocateByType(ExpQuotaType(PoolType), NumberOfBytes, POOL_TAG_NONE, PoolLevelHigh,
                             PoolEdgeDefault, __builtin_return_address(0));
}
EXPORT(ExAllocatePoolWithQuota);
