/*
 * wdm_ex.h - the pools: types, flags, allocation and free. Part of wdm.h.
 *
 * Common to all routines: blocks of up to PAGE_SIZE bytes lie in one page, smaller ones are 16-byte
 * aligned, larger ones page aligned; bytes past the request are nobody's. Paged types at <=
 * APC_LEVEL, nonpaged at <= DISPATCH_LEVEL, for freeing too: otherwise bug check 0xC2/0x08 or 0x09.
 * A damaged neighbourhood found on the way is bug check 0x19. A verified driver (start word
 * verifier=) is told of its mistakes by 0xC4, and of more of them: docs/memory.md.
 */
#pragma once

#include <ntdef.h>

/*
 * DDI wdm POOL_TYPE; contract 2.2. Bit 0 paged, bit 1 must succeed (refused: 0xC2/0x9A), bit 2
 * cache aligned.
 */
typedef enum _POOL_TYPE {
    NonPagedPool = 0,
    NonPagedPoolExecute = 0,
    NonPagedPoolBase = 0,
    PagedPool = 1,
    NonPagedPoolMustSucceed = 2,
    NonPagedPoolBaseMustSucceed = 2,
    DontUseThisType = 3,
    NonPagedPoolCacheAligned = 4,
    NonPagedPoolBaseCacheAligned = 4,
    PagedPoolCacheAligned = 5,
    NonPagedPoolCacheAlignedMustS = 6,
    NonPagedPoolBaseCacheAlignedMustS = 6,
    MaxPoolType = 7,
    NonPagedPoolSession = 32,
    PagedPoolSession = 33,
    NonPagedPoolMustSucceedSession = 34,
    DontUseThisTypeSession = 35,
    NonPagedPoolCacheAlignedSession = 36,
    PagedPoolCacheAlignedSession = 37,
    NonPagedPoolCacheAlignedMustSSession = 38,
    NonPagedPoolNx = 512,
    NonPagedPoolNxCacheAligned = 516,
    NonPagedPoolSessionNx = 544,
} POOL_TYPE;

/* Modifiers, or-ed into a POOL_TYPE. */
#define POOL_QUOTA_FAIL_INSTEAD_OF_RAISE 8
#define POOL_RAISE_IF_ALLOCATION_FAILURE 16
#define POOL_COLD_ALLOCATION             256
#define POOL_NX_ALLOCATION               512
#define POOL_ZERO_ALLOCATION             1024

/* In a tag: frees must present the very same tag (contract 2.7). */
#define PROTECTED_POOL 0x80000000U

/*
 * DDI kernel POOL_FLAGS; contract 2.4. The low 32 bits must be understood, the high ones may be
 * ignored.
 */
typedef ULONG64 POOL_FLAGS;
#define POOL_FLAG_USE_QUOTA         0x0000000000000001ULL
#define POOL_FLAG_UNINITIALIZED     0x0000000000000002ULL
#define POOL_FLAG_SESSION           0x0000000000000004ULL
#define POOL_FLAG_CACHE_ALIGNED     0x0000000000000008ULL
#define POOL_FLAG_RESERVED1         0x0000000000000010ULL
#define POOL_FLAG_RAISE_ON_FAILURE  0x0000000000000020ULL
#define POOL_FLAG_NON_PAGED         0x0000000000000040ULL
#define POOL_FLAG_NON_PAGED_EXECUTE 0x0000000000000080ULL
#define POOL_FLAG_PAGED             0x0000000000000100ULL
#define POOL_FLAG_RESERVED2         0x0000000000000200ULL
#define POOL_FLAG_RESERVED3         0x0000000000000400ULL
#define POOL_FLAG_REQUIRED_START    POOL_FLAG_USE_QUOTA
#define POOL_FLAG_REQUIRED_END      0x0000000080000000ULL
#define POOL_FLAG_OPTIONAL_START    0x0000000100000000ULL
#define POOL_FLAG_SPECIAL_POOL      0x0000000100000000ULL
#define POOL_FLAG_OPTIONAL_END      0x8000000000000000ULL

/*
 * DDI wdm EX_POOL_PRIORITY; contract 2.5. Bits 4-5 priority, bit 3 an edge is given, bit 0 which.
 */
typedef enum _EX_POOL_PRIORITY {
    LowPoolPriority = 0,
    LowPoolPrioritySpecialPoolOverrun = 8,
    LowPoolPrioritySpecialPoolUnderrun = 9,
    NormalPoolPriority = 16,
    NormalPoolPrioritySpecialPoolOverrun = 24,
    NormalPoolPrioritySpecialPoolUnderrun = 25,
    HighPoolPriority = 32,
    HighPoolPrioritySpecialPoolOverrun = 40,
    HighPoolPrioritySpecialPoolUnderrun = 41,
} EX_POOL_PRIORITY;

/*
 * NumberOfBytes of uninitialised memory under a Tag of one to four characters ('1gaT' shows as
 * Tag1); NULL when there is none or the tag is 0; with POOL_RAISE_IF_ALLOCATION_FAILURE it raises
 * STATUS_INSUFFICIENT_RESOURCES instead. Zero bytes give a smallest block. Bug checks: 0xC2/0x08
 * wrong IRQL (IRQL, type, bytes), 0x9A must-succeed type, 0x9C tag 'BIG '. DDI wdm
 * ExAllocatePoolWithTag.
 */
DECLSPEC_DEPRECATED("use ExAllocatePool2")
PVOID NTAPI ExAllocatePoolWithTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag);

/*
 * ExAllocatePoolWithTag for a request that may matter less or more than others when memory runs
 * short. Low fails when less than an eighth of the pool's pages would be left behind it, normal
 * when less than a 32nd would, high when there is nothing left; the words pool-low=N and
 * pool-normal=N change these. The routines without a priority count as high, a value that is no
 * priority as normal. The special-pool variants only choose an edge (contract 2.5), so without
 * special pool they change nothing. DDI wdm ExAllocatePoolWithTagPriority.
 */
DECLSPEC_DEPRECATED("use ExAllocatePool3")
PVOID NTAPI ExAllocatePoolWithTagPriority(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag,
                                          EX_POOL_PRIORITY Priority);

/* ExAllocatePoolWithTag under the tag 'None'. DDI wdm ExAllocatePool. */
DECLSPEC_DEPRECATED("use ExAllocatePool2")
PVOID NTAPI ExAllocatePool(POOL_TYPE PoolType, SIZE_T NumberOfBytes);

/*
 * ExAllocatePoolWithTag and ExAllocatePool with quota charged to the current process (the system
 * process is not charged). When there is no memory they raise STATUS_INSUFFICIENT_RESOURCES, with
 * POOL_QUOTA_FAIL_INSTEAD_OF_RAISE they return NULL. DDI wdm ExAllocatePoolWithQuotaTag.
 */
DECLSPEC_DEPRECATED("use ExAllocatePool2 with POOL_FLAG_USE_QUOTA")
PVOID NTAPI ExAllocatePoolWithQuotaTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag);
DECLSPEC_DEPRECATED("use ExAllocatePool2 with POOL_FLAG_USE_QUOTA")
PVOID NTAPI ExAllocatePoolWithQuota(POOL_TYPE PoolType, SIZE_T NumberOfBytes);

/* The compiler warns of the five routines above, but not of what is built on them below. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* The same with the contents chosen by name. DDI wdm ExAllocatePoolZero and its relatives. */
FORCEINLINE PVOID ExAllocatePoolZero(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    return ExAllocatePoolWithTag((POOL_TYPE)(PoolType | POOL_ZERO_ALLOCATION), NumberOfBytes, Tag);
}
FORCEINLINE PVOID ExAllocatePoolUninitialized(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    return ExAllocatePoolWithTag(PoolType, NumberOfBytes, Tag);
}
FORCEINLINE PVOID ExAllocatePoolPriorityZero(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag,
                                             EX_POOL_PRIORITY Priority)
{
    return ExAllocatePoolWithTagPriority((POOL_TYPE)(PoolType | POOL_ZERO_ALLOCATION),
                                         NumberOfBytes, Tag, Priority);
}
FORCEINLINE PVOID ExAllocatePoolPriorityUninitialized(POOL_TYPE PoolType, SIZE_T NumberOfBytes,
                                                      ULONG Tag, EX_POOL_PRIORITY Priority)
{
    return ExAllocatePoolWithTagPriority(PoolType, NumberOfBytes, Tag, Priority);
}

FORCEINLINE PVOID ExAllocatePoolQuotaZero(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag)
{
    return ExAllocatePoolWithQuotaTag((POOL_TYPE)(PoolType | POOL_ZERO_ALLOCATION), NumberOfBytes,
                                      Tag);
}
FORCEINLINE PVOID ExAllocatePoolQuotaUninitialized(POOL_TYPE PoolType, SIZE_T NumberOfBytes,
                                                   ULONG Tag)
{
    return ExAllocatePoolWithQuotaTag(PoolType, NumberOfBytes, Tag);
}

#pragma GCC diagnostic pop

/*
 * NumberOfBytes of zeroed memory (unless POOL_FLAG_UNINITIALIZED). Flags name exactly one of
 * NON_PAGED, NON_PAGED_EXECUTE, PAGED. NULL (or a raise with POOL_FLAG_RAISE_ON_FAILURE) when there
 * is no memory, a required flag is unknown, the tag is 0 or the size is 0. DDI wdm ExAllocatePool2;
 * contract 2.4.
 */
PVOID NTAPI ExAllocatePool2(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag);

/* ---- extended parameters; contract 2.4 ------------------------------------------------------- */

typedef enum _POOL_EXTENDED_PARAMETER_TYPE {
    PoolExtendedParameterInvalidType = 0,
    PoolExtendedParameterPriority,
    PoolExtendedParameterSecurePool,
    PoolExtendedParameterNumaNode,
    PoolExtendedParameterMax,
} POOL_EXTENDED_PARAMETER_TYPE;

typedef struct _POOL_EXTENDED_PARAMS_SECURE_POOL {
    HANDLE SecurePoolHandle;
    PVOID Buffer;
    ULONG_PTR Cookie;
    ULONG SecurePoolFlags;
} POOL_EXTENDED_PARAMS_SECURE_POOL;

typedef ULONG POOL_NODE_REQUIREMENT;
#define MM_ANY_NODE_OK 0x80000000U /* in a node: others will do, too */

typedef struct _POOL_EXTENDED_PARAMETER {
    struct {
        ULONG64 Type : 8;
        ULONG64 Optional : 1;  /* ignored where it is unknown or does not fit */
        ULONG64 Reserved : 55; /* 0 */
    };
    union {
        ULONG64 Reserved2;
        PVOID Reserved3;
        EX_POOL_PRIORITY Priority;
        POOL_EXTENDED_PARAMS_SECURE_POOL *SecurePoolParams;
        POOL_NODE_REQUIREMENT PreferredNode;
    };
} POOL_EXTENDED_PARAMETER, *PPOOL_EXTENDED_PARAMETER;
typedef CONST POOL_EXTENDED_PARAMETER *PCPOOL_EXTENDED_PARAMETER;
_Static_assert(sizeof(POOL_EXTENDED_PARAMETER) == 16, "contract 2.4");

/*
 * ExAllocatePool2 with Count extended parameters: a priority (as ExAllocatePoolWithTagPriority), a
 * NUMA node (POOL_FLAG_NON_PAGED only; a certain node can be had where it is the only one, else
 * MM_ANY_NODE_OK is needed). One that is not Optional and is unknown, does not fit, or has reserved
 * bits set makes the request fail; so does secure pool, which does not exist here. DDI wdm
 * ExAllocatePool3.
 */
PVOID NTAPI ExAllocatePool3(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag,
                            PCPOOL_EXTENDED_PARAMETER ExtendedParameters,
                            ULONG ExtendedParametersCount);
/*
 * ExFreePoolWithTag; a parameter that is not Optional is fail fast 5: only secure pool, which does
 * not exist here, has one. (Declared publicly, without a page.)
 */
VOID NTAPI ExFreePool2(PVOID P, ULONG Tag, PCPOOL_EXTENDED_PARAMETER ExtendedParameters,
                       ULONG ExtendedParametersCount);

/* ExFreePoolWithTag with tag 0. DDI ntddk ExFreePool. */
VOID NTAPI ExFreePool(PVOID P);

/*
 * Gives a block back, whichever routine it came from. A Tag other than 0 is compared only for a
 * protected tag. Bug checks: 0xC2/0x09 wrong IRQL, 0x07 freed already, 0x0A wrong tag, 0x46 and
 * others for what is no block (contract 2.9, 4.3); 0x19 damaged headers. DDI wdm ExFreePoolWithTag.
 */
VOID NTAPI ExFreePoolWithTag(PVOID P, ULONG Tag);

/* Bytes usable in the block: the rounded request, whole pages for a big one. DDI ntifs. */
SIZE_T NTAPI ExQueryPoolBlockSize(PVOID PoolBlock, PBOOLEAN QuotaCharged);
