/*
 * mdl.c - locks the pages of buffers that MDLs describe, so that devices and mappings can use them
 * wherever the buffer's owner is and whatever becomes of his address.
 *
 * Theory. An MDL says where a buffer is, and once it is built, which pages it has. How it was built
 * says who must let go of what:
 *
 *     MmProbeAndLockPages         PAGES_LOCKED                 MmUnlockPages: mapping, then pages
 *     MmBuildMdlForNonPagedPool   SOURCE_IS_NONPAGED_POOL      nobody: the pool's own mapping
 *     IoBuildPartialMdl           PARTIAL                      its own mapping only, by
 *                                                              MmPrepareMdlForReuse or IoFreeMdl
 *     MmAllocatePagesForMdlEx     PAGES_LOCKED                 MmFreePagesFromMdl, ExFreePool
 *
 * An MDL belongs to whoever has it: nothing here takes a lock for its fields.
 *
 *   MDL-1  PAGES_LOCKED is set while, and only while, each of its pages has a reference for it.
 *   MDL-2  A lock that fails has locked nothing and left the flags alone.
 *   MDL-3  Pages that may not be written are not locked for writing.
 */
#include "kernel/ke/try.h"
#include "kernel/rtl/section.h"
#include "mm/mdl.h"

#define MDL_OVER_NOTHING 0x1240 /* reason of bug check 0x1A */

/* What an MDL that is to be built may not be. */
#define MDL_BUILT                                                                                  \
    (MDL_MAPPED_TO_SYSTEM_VA | MDL_PAGES_LOCKED | MDL_SOURCE_IS_NONPAGED_POOL | MDL_PARTIAL)

SIZE_T NTAPI MmSizeOfMdl(PVOID Base, SIZE_T Length)
{
    return sizeof(MDL) + sizeof(PFN_NUMBER) * ADDRESS_AND_SIZE_TO_SPAN_PAGES(Base, Length);
}
EXPORT(MmSizeOfMdl);

/* ---- locking --------------------------------------------------------------------------------- */

static VOID MiUnpinPages(PPFN_NUMBER Frames, SIZE_T Pages)
{
    for (SIZE_T i = 0; i < Pages; i++) {
        if (MiIsPfn(Frames[i])) {
            MiUnpinPage(Frames[i]);
        }
    }
}

/* The pin's status, or that of an exception on the way. */
static NTSTATUS MiTryPinPage(PVOID Va, BOOLEAN Write, PPFN_NUMBER Pfn)
{
    volatile NTSTATUS Status; /* outlives an exception */
    if (KiReadIrql() > APC_LEVEL) {
        return MiPinPage(Va, Write, Pfn); /* nothing is brought in here, nothing raises */
    }
    KE_TRY
    {
        Status = MiPinPage(Va, Write, Pfn);
    }
    KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
    {
        Status = GetExceptionCode();
    }
    KE_END_TRY
    return Status;
}

static NTSTATUS MiPinBuffer(PMDL Mdl, KPROCESSOR_MODE AccessMode, BOOLEAN Write)
{
    PPFN_NUMBER Frames = MmGetMdlPfnArray(Mdl);
    ULONG_PTR Start = (ULONG_PTR)MmGetMdlVirtualAddress(Mdl), End = Start + Mdl->ByteCount;
    SIZE_T Pages = MiMdlPages(Mdl), Done = 0;
    NTSTATUS Status = STATUS_SUCCESS;

    if (End < Start || (AccessMode != KernelMode && End > MmUserProbeAddress)) {
        return STATUS_ACCESS_VIOLATION;
    }
    while (Done < Pages && NT_SUCCESS(Status)) {
        Status = MiTryPinPage((PCHAR)Mdl->StartVa + Done * PAGE_SIZE, Write, &Frames[Done]);
        Done += NT_SUCCESS(Status);
    }
    if (!NT_SUCCESS(Status)) {
        MiUnpinPages(Frames, Done); /* MDL-2 */
    }
    return Status;
}

/* MDL_IO_SPACE if one of the pages is a device's. */
static ULONG MiFindDevicePage(PMDL Mdl)
{
    PPFN_NUMBER Frames = MmGetMdlPfnArray(Mdl);
    SIZE_T Pages = MiMdlPages(Mdl);
    for (SIZE_T i = 0; i < Pages; i++) {
        if (!MiIsPfn(Frames[i])) {
            return MDL_IO_SPACE;
        }
    }
    return 0;
}

static VOID MiRefuseDevicePages(PMDL Mdl)
{
    PPFN_NUMBER Frame = MmGetMdlPfnArray(Mdl);
    while (MiIsPfn(*Frame)) {
        Frame++;
    }
    KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_LOCK_NO_MEMORY, (ULONG_PTR)Mdl,
                 *Frame, MmHighestPhysicalPage);
}

VOID NTAPI MmProbeAndLockPages(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode,
                               LOCK_OPERATION Operation)
{
    PMDL Mdl = MemoryDescriptorList;
    BOOLEAN Write = Operation != IoReadAccess;
    MiCheckMdlIrql(DISPATCH_LEVEL, VERIFIER_LOCK_IRQL, (ULONG_PTR)Mdl, (ULONG_PTR)AccessMode);
    MiCheckMdl((Mdl->MdlFlags & MDL_BUILT) != 0, VERIFIER_LOCK_FLAGS, Mdl,
               Mdl->MdlFlags & MDL_BUILT);
    NTSTATUS Status = MiPinBuffer(Mdl, AccessMode, Write);
    if (!NT_SUCCESS(Status)) {
        KiRaiseStatus(Status, __builtin_return_address(0));
    }
    ULONG Device = MiFindDevicePage(Mdl);
    if (Device != 0 && KiCheckedMode) {
        MiRefuseDevicePages(Mdl);
    }
    Mdl->MdlFlags &= (CSHORT) ~(MDL_WRITE_OPERATION | MDL_IO_SPACE);
    Mdl->MdlFlags |= (CSHORT)(MDL_PAGES_LOCKED | Device | (Write ? MDL_WRITE_OPERATION : 0));
}
EXPORT(MmProbeAndLockPages);

VOID NTAPI MmUnlockPages(PMDL MemoryDescriptorList)
{
    PMDL Mdl = MemoryDescriptorList;
    MiCheckMdlIrql(DISPATCH_LEVEL, VERIFIER_UNLOCK_IRQL, (ULONG_PTR)Mdl, 0);
    MiCheckMdl((Mdl->MdlFlags & MDL_SOURCE_IS_NONPAGED_POOL) != 0, VERIFIER_UNLOCK_NONPAGED, Mdl,
               0);
    MiCheckMdl((Mdl->MdlFlags & MDL_PARTIAL) != 0, VERIFIER_UNLOCK_PARTIAL, Mdl, MDL_PARTIAL);
    MiCheckMdl(!(Mdl->MdlFlags & MDL_PAGES_LOCKED), VERIFIER_UNLOCK_NEVER, Mdl, 0);
    MiDropMapping(Mdl);
    PPFN_NUMBER Frames = MmGetMdlPfnArray(Mdl);
    SIZE_T Pages = MiMdlPages(Mdl);
    for (SIZE_T i = 0; i < Pages; i++) {
        if (MiIsPfn(Frames[i]) || !(Mdl->MdlFlags & MDL_IO_SPACE)) {
            MiUnpinPage(Frames[i]);
        }
    }
    Mdl->MdlFlags &= (CSHORT) ~(MDL_PAGES_LOCKED | MDL_WRITE_OPERATION | MDL_IO_SPACE);
}
EXPORT(MmUnlockPages);

/* ---- nonpaged buffers ------------------------------------------------------------------------ */

static BOOLEAN MiIsPagedAddress(PVOID Va)
{
    MI_VA_KIND Kind = MiAddressKind(Va);
    return Kind == MiVaPagedPool || Kind == MiVaUser ||
           (Kind == MiVaSpecialPool &&
            ((ULONG_PTR)Va - MI_SPECIAL_POOL) / MI_SPECIAL_PART == MiRegionPagedPool);
}

VOID NTAPI MmBuildMdlForNonPagedPool(PMDL MemoryDescriptorList)
{
    PMDL Mdl = MemoryDescriptorList;
    PPFN_NUMBER Frames = MmGetMdlPfnArray(Mdl);
    SIZE_T Pages = MiMdlPages(Mdl);
    KiRequireIrql(DISPATCH_LEVEL);
    if (KiCheckedMode && MiIsPagedAddress(Mdl->StartVa)) {
        KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_BUILD_PAGED, KiReadIrql(),
                     (ULONG_PTR)Mdl, MiMdlFlags(Mdl));
    }
    for (SIZE_T i = 0; i < Pages; i++) {
        PCHAR Va = (PCHAR)Mdl->StartVa + i * PAGE_SIZE;
        if (!MiIsAddressValid(Va)) {
            KeBugCheckEx(MEMORY_MANAGEMENT, MDL_OVER_NOTHING, (ULONG_PTR)Mdl, (ULONG_PTR)Va, 0);
        }
        Frames[i] = (ULONG64)MmGetPhysicalAddress(Va).QuadPart >> PAGE_SHIFT;
    }
    Mdl->Process = NULL;
    Mdl->MappedSystemVa = MmGetMdlVirtualAddress(Mdl);
    Mdl->MdlFlags |= (CSHORT)(MDL_SOURCE_IS_NONPAGED_POOL | MiFindDevicePage(Mdl));
}
EXPORT(MmBuildMdlForNonPagedPool);
