/*
 * wdfmemory.h - memory objects: buffers with a handle, a parent and a life, for drivers (wdf.h).
 */
#pragma once

#include <wdfobject.h>

typedef NTSTATUS(NTAPI *PFN_WDFMEMORYCREATE)(PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, POOL_TYPE,
                                             ULONG, size_t, WDFMEMORY *, PVOID *);
typedef NTSTATUS(NTAPI *PFN_WDFMEMORYCREATEPREALLOCATED)(PWDF_DRIVER_GLOBALS,
                                                         PWDF_OBJECT_ATTRIBUTES, PVOID, size_t,
                                                         WDFMEMORY *);
typedef PVOID(NTAPI *PFN_WDFMEMORYGETBUFFER)(PWDF_DRIVER_GLOBALS, WDFMEMORY, size_t *);
typedef NTSTATUS(NTAPI *PFN_WDFMEMORYASSIGNBUFFER)(PWDF_DRIVER_GLOBALS, WDFMEMORY, PVOID, size_t);
typedef NTSTATUS(NTAPI *PFN_WDFMEMORYCOPYTOBUFFER)(PWDF_DRIVER_GLOBALS, WDFMEMORY, size_t, PVOID,
                                                   size_t);
typedef PFN_WDFMEMORYCOPYTOBUFFER PFN_WDFMEMORYCOPYFROMBUFFER;

/*
 * Makes a memory object and a buffer of BufferSize bytes for it, neither cleared nor preset.
 * Attributes: optional; its parent takes the object along when it goes, by default the driver.
 * PoolType, PoolTag: as for ExAllocatePoolWithTag; tag 0 means the driver's default tag (the start
 *   of its service name, or WDF_DRIVER_CONFIG.DriverPoolTag).
 * BufferSize: bytes, not 0. Below PAGE_SIZE the buffer is aligned to MEMORY_ALLOCATION_ALIGNMENT,
 *   from there on to a page.
 * Memory: receives the handle, NULL on most failures. Buffer: optional, receives the address.
 * IRQL <= APC_LEVEL for paged pool, else <= DISPATCH_LEVEL.
 * Errors: STATUS_INVALID_PARAMETER (size 0), STATUS_INSUFFICIENT_RESOURCES, STATUS_DELETE_PENDING
 * (the parent is going), and those of a wrong attribute record. Bug check 0x10D: Memory is NULL.
 * Document: WdfMemoryCreate (wdfmemory.h).
 */
static inline NTSTATUS WdfMemoryCreate(PWDF_OBJECT_ATTRIBUTES Attributes, POOL_TYPE PoolType,
                                       ULONG PoolTag, size_t BufferSize, WDFMEMORY *Memory,
                                       PVOID *Buffer)
{
    return ((PFN_WDFMEMORYCREATE)WdfFunctions[WdfMemoryCreateTableIndex])(
        WdfDriverGlobals, Attributes, PoolType, PoolTag, BufferSize, Memory, Buffer);
}

/*
 * Makes a memory object for a buffer that the driver has and keeps: deleting the object never
 * frees it. BufferSize is in bytes, not 0. IRQL <= DISPATCH_LEVEL. Errors as WdfMemoryCreate. Bug
 * check 0x10D: Buffer or Memory is NULL. Document: WdfMemoryCreatePreallocated (wdfmemory.h).
 */
static inline NTSTATUS WdfMemoryCreatePreallocated(PWDF_OBJECT_ATTRIBUTES Attributes, PVOID Buffer,
                                                   size_t BufferSize, WDFMEMORY *Memory)
{
    return ((PFN_WDFMEMORYCREATEPREALLOCATED)WdfFunctions[WdfMemoryCreatePreallocatedTableIndex])(
        WdfDriverGlobals, Attributes, Buffer, BufferSize, Memory);
}

/*
 * The buffer's address; BufferSize, if not NULL, receives its size as it was asked for. Legal in
 * both callbacks of the object too. IRQL <= DISPATCH_LEVEL. Bug check 0x10D: not a memory handle.
 * Document: WdfMemoryGetBuffer (wdfmemory.h).
 */
static inline PVOID WdfMemoryGetBuffer(WDFMEMORY Memory, size_t *BufferSize)
{
    return ((PFN_WDFMEMORYGETBUFFER)WdfFunctions[WdfMemoryGetBufferTableIndex])(WdfDriverGlobals,
                                                                                Memory, BufferSize);
}

/*
 * Gives an object of WdfMemoryCreatePreallocated another buffer of BufferSize bytes (not 0); the
 * old one stays the driver's. No lock is taken. IRQL <= DISPATCH_LEVEL. Error:
 * STATUS_INVALID_PARAMETER. Bug check 0x10D: another kind of memory object, or Buffer is NULL.
 * Document: WdfMemoryAssignBuffer (wdfmemory.h).
 */
static inline NTSTATUS WdfMemoryAssignBuffer(WDFMEMORY Memory, PVOID Buffer, size_t BufferSize)
{
    return ((PFN_WDFMEMORYASSIGNBUFFER)WdfFunctions[WdfMemoryAssignBufferTableIndex])(
        WdfDriverGlobals, Memory, Buffer, BufferSize);
}

/*
 * Copies NumBytesToCopyTo bytes (not 0) from SourceOffset of the object to Buffer; all or nothing.
 * IRQL <= DISPATCH_LEVEL, <= APC_LEVEL if either side is pageable. Errors:
 * STATUS_INVALID_PARAMETER (0 bytes), STATUS_BUFFER_TOO_SMALL (the object is shorter). Bug check
 * 0x10D: bad handle, Buffer is NULL. Document: WdfMemoryCopyToBuffer (wdfmemory.h).
 */
static inline NTSTATUS WdfMemoryCopyToBuffer(WDFMEMORY SourceMemory, size_t SourceOffset,
                                             PVOID Buffer, size_t NumBytesToCopyTo)
{
    return ((PFN_WDFMEMORYCOPYTOBUFFER)WdfFunctions[WdfMemoryCopyToBufferTableIndex])(
        WdfDriverGlobals, SourceMemory, SourceOffset, Buffer, NumBytesToCopyTo);
}

/*
 * Copies NumBytesToCopyFrom bytes (not 0) from Buffer to DestinationOffset of the object; all or
 * nothing. IRQL and bug checks as above. Errors: STATUS_INVALID_PARAMETER (0 bytes),
 * STATUS_INVALID_BUFFER_SIZE (the object is shorter). Document: WdfMemoryCopyFromBuffer.
 */
static inline NTSTATUS WdfMemoryCopyFromBuffer(WDFMEMORY DestinationMemory,
                                               size_t DestinationOffset, PVOID Buffer,
                                               size_t NumBytesToCopyFrom)
{
    return ((PFN_WDFMEMORYCOPYFROMBUFFER)WdfFunctions[WdfMemoryCopyFromBufferTableIndex])(
        WdfDriverGlobals, DestinationMemory, DestinationOffset, Buffer, NumBytesToCopyFrom);
}
