/*
 * pool.c - the framework's own allocations, objects and added contexts, for the object core.
 *
 * In front of each block lies a header that says where the pool's block begins and which client it
 * is for (contract 1.5). Blocks of a page or more have none: they begin on a page. A smaller pool
 * block lies within one page, so what follows its header never begins one, and the free path can
 * tell the two apart by the address alone.
 */
#include "wdf/fx.h"

typedef struct _FX_POOL_HEADER {
    PVOID Base;
    PFX_DRIVER_GLOBALS Globals;
} FX_POOL_HEADER, *PFX_POOL_HEADER;
_Static_assert(sizeof(FX_POOL_HEADER) == 0x10, "contract 1.5");

/* 16-byte aligned, uninitialised memory; NULL when there is none. */
PVOID FxPoolAllocate(PFX_DRIVER_GLOBALS Globals, POOL_TYPE PoolType, ULONG Tag, SIZE_T Bytes)
{
    if (Bytes >= PAGE_SIZE - sizeof(FX_POOL_HEADER)) {
        return ExAllocatePoolWithTag(PoolType, Bytes < PAGE_SIZE ? PAGE_SIZE : Bytes, Tag);
    }
    PFX_POOL_HEADER Header = ExAllocatePoolWithTag(PoolType, Bytes + sizeof(*Header), Tag);
    if (Header == NULL) {
        return NULL;
    }
    Header->Base = Header;
    Header->Globals = Globals;
    return Header + 1;
}

VOID FxPoolFree(PVOID Block)
{
    if ((ULONG_PTR)Block % PAGE_SIZE != 0) {
        Block = ((PFX_POOL_HEADER)Block - 1)->Base;
    }
    ExFreePool(Block);
}
