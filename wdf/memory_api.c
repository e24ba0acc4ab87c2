/*
 * memory_api.c - the WdfMemory functions of the table, for drivers. include/wdfmemory.h says what
 * each does; the order of the checks is the contract's (2.2, 2.5 to 2.8).
 */
#include "wdf/fx.h"

static PFX_MEMORY FxMemoryOfHandle(PWDF_DRIVER_GLOBALS DriverGlobals, WDFMEMORY Handle, USHORT Type)
{
    return FxHandleGet(FxGlobalsOfClient(DriverGlobals), Handle, Type);
}

NTSTATUS NTAPI FxWdfMemoryCreate(PWDF_DRIVER_GLOBALS DriverGlobals,
                                 PWDF_OBJECT_ATTRIBUTES Attributes, POOL_TYPE PoolType,
                                 ULONG PoolTag, size_t BufferSize, WDFMEMORY *Memory, PVOID *Buffer)
{
    PFX_DRIVER_GLOBALS Globals = FxGlobalsForCreate(DriverGlobals, Attributes);
    FxRequirePointer(Globals, Memory, __builtin_return_address(0));
    if (BufferSize == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    *Memory = NULL;
    NTSTATUS Status = FxAttributesValidate(Attributes, 0);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    FX_OBJECT_RECIPE Recipe = {.Globals = Globals,
                               .PoolType = PoolType,
                               .PoolTag = PoolTag ? PoolTag : Globals->Tag,
                               .Attributes = Attributes};
    PFX_MEMORY New;
    Status = FxMemoryCreate(&Recipe, BufferSize, &New);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    *Memory = FxHandleOfObject(&New->Object);
    if (Buffer != NULL) {
        *Buffer = New->Buffer;
    }
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI FxWdfMemoryCreatePreallocated(PWDF_DRIVER_GLOBALS DriverGlobals,
                                             PWDF_OBJECT_ATTRIBUTES Attributes, PVOID Buffer,
                                             size_t BufferSize, WDFMEMORY *Memory)
{
    PFX_DRIVER_GLOBALS Globals = FxGlobalsForCreate(DriverGlobals, Attributes);
    FxRequirePointer(Globals, Buffer, __builtin_return_address(0));
    FxRequirePointer(Globals, Memory, __builtin_return_address(0));
    *Memory = NULL;
    if (BufferSize == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    NTSTATUS Status = FxAttributesValidate(Attributes, 0);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    FX_OBJECT_RECIPE Recipe = {.Globals = Globals, .Attributes = Attributes};
    PFX_MEMORY New;
    Status = FxMemoryCreatePreallocated(&Recipe, Buffer, BufferSize, &New);
    if (NT_SUCCESS(Status)) {
        *Memory = FxHandleOfObject(&New->Object);
    }
    return Status;
}

PVOID NTAPI FxWdfMemoryGetBuffer(PWDF_DRIVER_GLOBALS DriverGlobals, WDFMEMORY Handle,
                                 size_t *BufferSize)
{
    PFX_MEMORY Memory = FxMemoryOfHandle(DriverGlobals, Handle, FxTypeMemory);
    if (BufferSize != NULL) {
        *BufferSize = Memory->Size;
    }
    return Memory->Buffer;
}

NTSTATUS NTAPI FxWdfMemoryAssignBuffer(PWDF_DRIVER_GLOBALS DriverGlobals, WDFMEMORY Handle,
                                       PVOID Buffer, size_t BufferSize)
{
    PFX_MEMORY Memory = FxMemoryOfHandle(DriverGlobals, Handle, FxTypePreallocatedMemory);
    FxRequirePointer(Memory->Object.Globals, Buffer, __builtin_return_address(0));
    if (BufferSize == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    Memory->Buffer = Buffer;
    Memory->Size = BufferSize;
    return STATUS_SUCCESS;
}

/* Whether Count bytes from Offset on lie in the object; subtracts, so that nothing overflows. */
static BOOLEAN FxMemoryHolds(const FX_MEMORY *Memory, SIZE_T Offset, SIZE_T Count)
{
    return (Offset == 0 || Offset < Memory->Size) && Count <= Memory->Size - Offset;
}

NTSTATUS NTAPI FxWdfMemoryCopyToBuffer(PWDF_DRIVER_GLOBALS DriverGlobals, WDFMEMORY Source,
                                       size_t SourceOffset, PVOID Buffer, size_t Count)
{
    PFX_MEMORY Memory = FxMemoryOfHandle(DriverGlobals, Source, FxTypeMemory);
    FxRequirePointer(Memory->Object.Globals, Buffer, __builtin_return_address(0));
    if (Count == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    if (!FxMemoryHolds(Memory, SourceOffset, Count)) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    RtlCopyMemory(Buffer, (PUCHAR)Memory->Buffer + SourceOffset, Count);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI FxWdfMemoryCopyFromBuffer(PWDF_DRIVER_GLOBALS DriverGlobals, WDFMEMORY Destination,
                                         size_t DestinationOffset, PVOID Buffer, size_t Count)
{
    PFX_MEMORY Memory = FxMemoryOfHandle(DriverGlobals, Destination, FxTypeMemory);
    FxRequirePointer(Memory->Object.Globals, Buffer, __builtin_return_address(0));
    if (Count == 0) {
        return STATUS_INVALID_PARAMETER;
    }
    if (!FxMemoryHolds(Memory, DestinationOffset, Count)) {
        return STATUS_INVALID_BUFFER_SIZE;
    }
    RtlCopyMemory((PUCHAR)Memory->Buffer + DestinationOffset, Buffer, Count);
    return STATUS_SUCCESS;
}
