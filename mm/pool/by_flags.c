/*
 * by_flags.c - the routines that allocate by POOL_FLAGS: ExAllocatePool2, ExAllocatePool3 with its
 * extended parameters, and ExFreePool2. For drivers and the kernel. Contract 2.4.
 */
#include "kernel/rtl/section.h"
#include "mm/pool/verify.h"

#define FLAGS_OF_KIND  (POOL_FLAG_NON_PAGED | POOL_FLAG_NON_PAGED_EXECUTE | POOL_FLAG_PAGED)
/* Every flag of the lower half must be known and met; those of the upper half are wishes. */
#define FLAGS_REQUIRED 0xFFFFFFFFULL
#define FLAGS_MET                                                                                  \
    (FLAGS_OF_KIND | POOL_FLAG_USE_QUOTA | POOL_FLAG_UNINITIALIZED | POOL_FLAG_CACHE_ALIGNED |     \
     POOL_FLAG_RAISE_ON_FAILURE)

/* PoolKindNone unless exactly one kind is named and nothing is required that nobody can give. */
static POOL_KIND ExpKindOfFlags(POOL_FLAGS Flags)
{
    if (Flags & FLAGS_REQUIRED & ~FLAGS_MET) {
        return PoolKindNone;
    }
    switch (Flags & FLAGS_OF_KIND) {
    case POOL_FLAG_NON_PAGED: return PoolKindNonPagedNx;
    case POOL_FLAG_NON_PAGED_EXECUTE: return PoolKindNonPagedExecute;
    case POOL_FLAG_PAGED: return PoolKindPaged;
    default: return PoolKindNone;
    }
}

/* ---- extended parameters --------------------------------------------------------------------- */

/*
 * A node without memory is met by those nearest to it, if others will do; one that is not there
 * then means nothing.
 */
static BOOLEAN ExpMeetsNode(PPOOL_REQUEST Request, POOL_NODE_REQUIREMENT Node)
{
    ULONG Number = Node & ~MM_ANY_NODE_OK;
    if (Request->Kind != PoolKindNonPagedNx) {
        return FALSE;
    }
    if (Number > ExpHighestNode() || (Number == Node && !ExpHasMemory(Number))) {
        return Number != Node;
    }
    Request->HasNode = TRUE;
    Request->Node = Node;
    return TRUE;
}

/* Applies one parameter; FALSE when its type is unknown here, or it does not fit the request. */
static BOOLEAN ExpApplyParameter(PPOOL_REQUEST Request, PCPOOL_EXTENDED_PARAMETER Parameter)
{
    switch ((POOL_EXTENDED_PARAMETER_TYPE)Parameter->Type) {
    case PoolExtendedParameterPriority:
        Request->Edge = ExpReadEdge(Parameter->Priority);
        return ExpReadPriority(Parameter->Priority, &Request->Level);
    case PoolExtendedParameterNumaNode: return ExpMeetsNode(Request, Parameter->PreferredNode);
    default: return FALSE;
    }
}

/* Applies all; FALSE when one that is not optional can't be met. */
static BOOLEAN ExpApplyParameters(PPOOL_REQUEST Request, PCPOOL_EXTENDED_PARAMETER Parameters,
                                  ULONG Count)
{
    for (ULONG i = 0; i < Count; i++) {
        POOL_REQUEST Before = *Request;
        if (Parameters == NULL || Parameters[i].Reserved != 0) {
            return FALSE;
        }
        if (!ExpApplyParameter(Request, &Parameters[i])) {
            *Request = Before;
            if (!Parameters[i].Optional) {
                return FALSE;
            }
        }
    }
    return TRUE;
}

/* ---- the routines ---------------------------------------------------------------------------- */

static PVOID ExpAllocateByFlags(POOL_FLAGS Flags, SIZE_T Bytes, ULONG Tag,
                                PCPOOL_EXTENDED_PARAMETER Parameters, ULONG Count, PVOID Caller)
{
    POOL_REQUEST Request = {
        .Kind = ExpKindOfFlags(Flags),
        .Bytes = Bytes,
        .Tag = Tag,
        .Level = PoolLevelHigh,
        .CacheAligned = (Flags & POOL_FLAG_CACHE_ALIGNED) != 0,
        .Zero = (Flags & POOL_FLAG_UNINITIALIZED) == 0,
        .Raise = (Flags & POOL_FLAG_RAISE_ON_FAILURE) != 0,
        .Special = (Flags & POOL_FLAG_SPECIAL_POOL) != 0,
        .Caller = Caller,
    };
    if (Request.Kind == PoolKindNone) {
        return ExpRefuse(&Request, STATUS_INVALID_PARAMETER);
    }
    Request.PoolType = ExpPools[Request.Kind].PoolType;
    ExpVerifyRequest(&Request);
    if (Bytes == 0 || (Tag & ~PROTECTED_POOL) == 0 ||
        !ExpApplyParameters(&Request, Parameters, Count)) {
        return ExpRefuse(&Request, STATUS_INVALID_PARAMETER);
    }
    return ExpAllocate(&Request);
}

/* ExAllocatePool2 begins in cache.S; what is not ordinary comes here. */
PVOID NTAPI ExpAllocate2(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag)
{
    return ExpAllocateByFlags(Flags, NumberOfBytes, Tag, NULL, 0, __builtin_return_address(0));
}
EXPORT(ExAllocatePool2);

PVOID NTAPI ExAllocatePool3(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag,
                            PCPOOL_EXTENDED_PARAMETER ExtendedParameters,
                            ULONG ExtendedParametersCount)
{
    return ExpAllocateByFlags(Flags, NumberOfBytes, Tag, ExtendedParameters,
                              ExtendedParametersCount, __builtin_return_address(0));
}
EXPORT(ExAllocatePool3);

VOID NTAPI ExFreePool2(PVOID P, ULONG Tag, PCPOOL_EXTENDED_PARAMETER ExtendedParameters,
                       ULONG ExtendedParametersCount)
{
    for (ULONG i = 0; i < ExtendedParametersCount; i++) {
        if (!ExtendedParameters[i].Optional) {
            RtlFailFast(FAST_FAIL_INVALID_ARG); /* there is no secure pool to free from */
        }
    }
    ExFreePoolWithTag(P, Tag);
}
EXPORT(ExFreePool2);
