/*
 * memory.c - memory objects: how buffer and object are laid out, for the WdfMemory functions.
 *
 * A small nonpaged buffer shares one allocation with its object, so the caller's pool type and tag
 * cover both; a buffer of a page or more, or of paged pool, is a block of its own, and the object
 * is nonpaged under the driver's tag (contract 2.3). The base type of every memory object is the
 * plain object's; "memory" is an interface that it answers to.
 */
#include "wdf/fx.h"

static PVOID FxMemoryQuery(PFX_OBJECT Object, USHORT Offset, USHORT Type)
{
    return Type == FxTypeMemory && Offset == 0 ? Object : NULL;
}

static PVOID FxPreallocatedQuery(PFX_OBJECT Object, USHORT Offset, USHORT Type)
{
    return Type == FxTypePreallocatedMemory && Offset == 0 ? Object
                                                           : FxMemoryQuery(Object, Offset, Type);
}

static VOID FxMemoryFreeBuffer(PFX_OBJECT Object)
{
    PFX_MEMORY Memory = CONTAINING_RECORD(Object, FX_MEMORY, Object);
    if (Memory->Buffer != NULL) {
        ExFreePool(Memory->Buffer);
    }
}

static const FX_OBJECT_KIND FxInlineMemoryKind = {
    .Type = FxTypeObject,
    .Size = sizeof(FX_MEMORY),
    .Query = FxMemoryQuery,
};
static const FX_OBJECT_KIND FxSeparateMemoryKind = {
    .Type = FxTypeObject,
    .Size = sizeof(FX_MEMORY),
    .Query = FxMemoryQuery,
    .Destruct = FxMemoryFreeBuffer,
};
static const FX_OBJECT_KIND FxSeparatePagedMemoryKind = {
    .Type = FxTypeObject,
    .Flags = FX_KIND_PASSIVE,
    .Size = sizeof(FX_MEMORY),
    .Query = FxMemoryQuery,
    .Destruct = FxMemoryFreeBuffer,
};
static const FX_OBJECT_KIND FxPreallocatedMemoryKind = {
    .Type = FxTypeObject,
    .Size = sizeof(FX_MEMORY),
    .Query = FxPreallocatedQuery,
};

/* No pool type is refused; these two, with or without the cold bit, are the paged ones. */
static BOOLEAN FxIsPagedType(POOL_TYPE PoolType)
{
    ULONG Plain = (ULONG)PoolType & ~(ULONG)POOL_COLD_ALLOCATION;
    return Plain == PagedPool || Plain == PagedPoolCacheAligned;
}

/* In one allocation with other data "must succeed" and "cache aligned" have no meaning. */
static POOL_TYPE FxInlinePoolType(POOL_TYPE PoolType)
{
    switch ((ULONG)PoolType) {
    case NonPagedPoolMustSucceed:
    case NonPagedPoolCacheAligned:
    case NonPagedPoolCacheAlignedMustS: return NonPagedPool;
    default: return PoolType;
    }
}

static NTSTATUS FxMemoryCreateInline(const FX_OBJECT_RECIPE *Wanted, SIZE_T BufferSize,
                                     PFX_OBJECT *Object)
{
    FX_OBJECT_RECIPE Recipe = *Wanted;
    Recipe.Kind = &FxInlineMemoryKind;
    Recipe.PoolType = FxInlinePoolType(Wanted->PoolType);
    Recipe.InlineBytes = BufferSize;
    NTSTATUS Status = FxObjectCreate(&Recipe, Object);
    if (NT_SUCCESS(Status)) {
        CONTAINING_RECORD(*Object, FX_MEMORY, Object)->Buffer = FxObjectInlineBuffer(*Object);
    }
    return Status;
}

static NTSTATUS FxMemoryCreateSeparate(const FX_OBJECT_RECIPE *Wanted, SIZE_T BufferSize,
                                       PFX_OBJECT *Object)
{
    FX_OBJECT_RECIPE Recipe = *Wanted;
    Recipe.Kind =
        FxIsPagedType(Wanted->PoolType) ? &FxSeparatePagedMemoryKind : &FxSeparateMemoryKind;
    Recipe.PoolType = NonPagedPoolNx;
    Recipe.PoolTag = Wanted->Globals->Tag;
    NTSTATUS Status = FxObjectCreate(&Recipe, Object);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    PFX_MEMORY Memory = CONTAINING_RECORD(*Object, FX_MEMORY, Object);
    Memory->Buffer = ExAllocatePoolWithTag(Wanted->PoolType, BufferSize, Wanted->PoolTag);
    if (Memory->Buffer == NULL) {
        FxObjectAbandon(*Object);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return STATUS_SUCCESS;
}

/* Ties the object into the tree, or undoes it. */
static NTSTATUS FxMemoryFinish(PFX_OBJECT Object, const FX_OBJECT_RECIPE *Recipe, SIZE_T BufferSize,
                               PFX_MEMORY *Memory)
{
    PFX_MEMORY New = CONTAINING_RECORD(Object, FX_MEMORY, Object);
    New->Size = BufferSize;
    NTSTATUS Status = FxObjectCommit(Object, Recipe->Attributes);
    if (!NT_SUCCESS(Status)) {
        FxObjectAbandon(Object);
        return Status;
    }
    *Memory = New;
    return STATUS_SUCCESS;
}

/* Recipe: the caller's pool type and tag, globals and valid attributes; kind is chosen here. */
NTSTATUS FxMemoryCreate(const FX_OBJECT_RECIPE *Recipe, SIZE_T BufferSize, PFX_MEMORY *Memory)
{
    PFX_OBJECT Object;
    NTSTATUS Status = BufferSize >= PAGE_SIZE || FxIsPagedType(Recipe->PoolType)
                          ? FxMemoryCreateSeparate(Recipe, BufferSize, &Object)
                          : FxMemoryCreateInline(Recipe, BufferSize, &Object);
    return NT_SUCCESS(Status) ? FxMemoryFinish(Object, Recipe, BufferSize, Memory) : Status;
}

/* The buffer stays the driver's: never freed, never touched. */
NTSTATUS FxMemoryCreatePreallocated(const FX_OBJECT_RECIPE *Wanted, PVOID Buffer, SIZE_T BufferSize,
                                    PFX_MEMORY *Memory)
{
    FX_OBJECT_RECIPE Recipe = *Wanted;
    Recipe.Kind = &FxPreallocatedMemoryKind;
    Recipe.PoolType = NonPagedPoolNx;
    Recipe.PoolTag = Wanted->Globals->Tag;
    PFX_OBJECT Object;
    NTSTATUS Status = FxObjectCreate(&Recipe, &Object);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    CONTAINING_RECORD(Object, FX_MEMORY, Object)->Buffer = Buffer;
    return FxMemoryFinish(Object, &Recipe, BufferSize, Memory);
}
