/*
 * describe.c - says which object a WDF handle stands for, for bug checks and the monitor.
 *
 * A bug check shows handles as bare numbers. This describer decodes such a number and believes it
 * only when what is there looks like an object all the way to its first context header, which names
 * the object back. It runs on a broken machine: no lock, and nothing is read that may fault. What
 * lies in wdf/debug/ is for the kernel alone, the rest of wdf/ compiles for Linux too.
 */
#include "kernel/rtl/section.h"
#include "mm/mm.h"
#include "mm/pool/pool.h"
#include "wdf/fx.h"

#define LAST_TYPE          0x1FFF    /* type codes are 0x1000 and a little more */
#define MAX_CONTEXT_OFFSET 0x2000ULL /* the record and an inline buffer of less than a page */

static BOOLEAN FxIsReadable(const VOID *Memory, SIZE_T Size)
{
    return MiIsAddressValid((PVOID)Memory) &&
           MiIsAddressValid((PVOID)((const CHAR *)Memory + Size - 1));
}

static BOOLEAN FxIsKind(const FX_OBJECT_KIND *Kind)
{
    PCHAR Address = (PCHAR)Kind;
    return Address >= KiRodataStart && Address + sizeof(*Kind) <= KiRodataEnd &&
           (ULONG_PTR)Kind % __alignof__(*Kind) == 0 && Kind->Type >= FxTypeObject &&
           Kind->Type <= LAST_TYPE && Kind->Size >= sizeof(FX_OBJECT);
}

static BOOLEAN FxIsObject(PFX_OBJECT Object)
{
    POOL_KIND Pool = ExpKindOfAddress(Object);
    if ((Pool != PoolKindNonPagedNx && Pool != PoolKindNonPagedExecute) ||
        (ULONG_PTR)Object % MEMORY_ALLOCATION_ALIGNMENT != 0 ||
        !FxIsReadable(Object, sizeof(*Object)) || !FxIsKind(Object->Kind) ||
        Object->ContextOffset > MAX_CONTEXT_OFFSET) {
        return FALSE;
    }
    PFX_CONTEXT_HEADER Header = FxObjectContexts(Object);
    return FxIsReadable(Header, sizeof(*Header)) && Header->Object == Object &&
           FxIsReadable(Object->Globals, sizeof(*Object->Globals));
}

static const CHAR *FxTypeName(USHORT Type)
{
    switch (Type) {
    case FxTypeObject: return "memory";
    case FxTypeDriver: return "driver";
    case FxTypeUserObject: return "general";
    default: return "other";
    }
}

static BOOLEAN FxDescribeHandle(PVOID Address, PCHAR Buffer, SIZE_T Size)
{
    PFX_OBJECT Object = (PFX_OBJECT)((ULONG_PTR)Address ^ FX_HANDLE_MASK);
    if (Size == 0 || !FxIsObject(Object)) {
        return FALSE;
    }
    _snprintf(Buffer, Size, "handle of a WDF %s object at %p, driver %s, references %d%s",
              FxTypeName(Object->Kind->Type), Object, Object->Globals->Public.DriverName,
              Object->References, Object->State == FxStateCreated ? "" : ", being deleted");
    Buffer[Size - 1] = 0;
    return TRUE;
}
BUGCHECK_DESCRIBER(FxDescribeHandle);
