/*
 * resource_tables.c - memory for the owner tables of resources, which kernel/ke cannot allocate.
 */
#include "mm/pool/pool.h"
#include "kernel/rtl/section.h"

#define TABLE_TAG 'lbTR'

static PVOID ExpAllocateTable(SIZE_T Bytes)
{
    return ExAllocatePoolWithTag(NonPagedPoolNx, Bytes, TABLE_TAG);
}

static VOID ExpFreeTable(PVOID Table)
{
    ExFreePoolWithTag(Table, TABLE_TAG);
}

INIT VOID ExpProvideTables(VOID)
{
    KiTableMemory = (KI_TABLE_MEMORY){ExpAllocateTable, ExpFreeTable};
}
