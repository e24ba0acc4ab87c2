/*
 * mdl.c - memory for MDLs, and MDLs for parts of a buffer, under the names that drivers know. The
 * pages that they describe are mm's business (mm/mdl.c).
 */
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"
#include "mm/mdl.h"

#define LONGEST_SIZE  0x7FFF /* what MDL.Size can say */
#define FROM_A_SOURCE (MDL_SOURCE_IS_NONPAGED_POOL | MDL_IO_SPACE | MDL_MAPPED_TO_SYSTEM_VA)

/* How an IRP begins (driver-abi 1.2); more of it nobody here needs. */
typedef struct _IOP_IRP_HEAD {
    CSHORT Type;
    USHORT Size;
    PMDL MdlAddress;
} IOP_IRP_HEAD, *PIOP_IRP_HEAD;
_Static_assert(offsetof(IOP_IRP_HEAD, MdlAddress) == 8, "driver ABI");

/* As the IRP's MDL, or behind all that it has. */
static VOID IopLinkMdl(PIOP_IRP_HEAD Irp, BOOLEAN Last, PMDL Mdl)
{
    PMDL *Link = &Irp->MdlAddress;
    while (Last && *Link != NULL) {
        Link = &(*Link)->Next;
    }
    *Link = Mdl;
}

PMDL NTAPI IoAllocateMdl(PVOID VirtualAddress, ULONG Length, BOOLEAN SecondaryBuffer,
                         BOOLEAN ChargeQuota, struct _IRP *Irp)
{
    UNREFERENCED_PARAMETER(ChargeQuota); /* there is one process, and it has all there is */
    KiRequireIrql(DISPATCH_LEVEL);
    if (Length > MAXULONG - PAGE_SIZE + 1) {
        return NULL;
    }
    PMDL Mdl =
        ExAllocatePoolWithTag(NonPagedPoolNx, MmSizeOfMdl(VirtualAddress, Length), MI_MDL_TAG);
    if (Mdl == NULL) {
        return NULL;
    }
    MmInitializeMdl(Mdl, VirtualAddress, Length);
    Mdl->Process = NULL;
    Mdl->MappedSystemVa = NULL;
    if (Irp != NULL) {
        IopLinkMdl((PIOP_IRP_HEAD)Irp, SecondaryBuffer, Mdl);
    }
    return Mdl;
}
EXPORT(IoAllocateMdl);

VOID NTAPI IoFreeMdl(PMDL Mdl)
{
    KiRequireIrql(DISPATCH_LEVEL);
    MmPrepareMdlForReuse(Mdl);
    BOOLEAN Mapped = (Mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA) != 0 &&
                     !(Mdl->MdlFlags & MDL_PARENT_MAPPED_SYSTEM_VA);
    BOOLEAN Locked = (Mdl->MdlFlags & MDL_PAGES_LOCKED) != 0;
    if (KiCheckedMode && (Mapped || Locked)) {
        KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_FREE_MAPPED, (ULONG_PTR)Mdl,
                     (USHORT)Mdl->MdlFlags, 0);
    }
    ExFreePoolWithTag(Mdl, MI_MDL_TAG);
}
EXPORT(IoFreeMdl);

/* Whether the source has these bytes and the target room for their pages. */
static BOOLEAN IopIsPart(PMDL Source, PMDL Target, ULONG_PTR Offset, ULONG Length)
{
    PVOID Va = (PCHAR)MmGetMdlVirtualAddress(Source) + Offset;
    SIZE_T Needed = MmSizeOfMdl(Va, Length);
    return Offset <= Source->ByteCount && Length <= Source->ByteCount - Offset &&
           (Needed > LONGEST_SIZE || Needed <= (USHORT)Target->Size);
}

VOID NTAPI IoBuildPartialMdl(PMDL SourceMdl, PMDL TargetMdl, PVOID VirtualAddress, ULONG Length)
{
    ULONG_PTR Offset = (ULONG_PTR)VirtualAddress - (ULONG_PTR)MmGetMdlVirtualAddress(SourceMdl);
    ULONG Bytes = Length != 0 ? Length : SourceMdl->ByteCount - (ULONG)Offset;
    KiRequireIrql(DISPATCH_LEVEL);
    if (!IopIsPart(SourceMdl, TargetMdl, Offset, Bytes)) {
        KeBugCheckEx(INVALID_MDL_RANGE, (ULONG_PTR)SourceMdl, (ULONG_PTR)TargetMdl,
                     (ULONG_PTR)VirtualAddress, Length);
    }
    TargetMdl->Process = SourceMdl->Process;
    TargetMdl->StartVa = PAGE_ALIGN(VirtualAddress);
    TargetMdl->ByteOffset = BYTE_OFFSET(VirtualAddress);
    TargetMdl->ByteCount = Bytes;
    CSHORT Inherited = SourceMdl->MdlFlags & FROM_A_SOURCE;
    CSHORT Own = TargetMdl->MdlFlags & (MDL_ALLOCATED_FIXED_SIZE | MDL_MAPPING_CAN_FAIL);
    TargetMdl->MdlFlags = (CSHORT)(MDL_PARTIAL | Own | Inherited);
    if (Inherited & MDL_MAPPED_TO_SYSTEM_VA) {
        TargetMdl->MdlFlags |= MDL_PARENT_MAPPED_SYSTEM_VA;
    }
    if (Inherited & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL)) {
        TargetMdl->MappedSystemVa = (PCHAR)SourceMdl->MappedSystemVa + Offset;
    }
    SIZE_T First = ((ULONG_PTR)TargetMdl->StartVa - (ULONG_PTR)SourceMdl->StartVa) / PAGE_SIZE;
    SIZE_T Pages = ADDRESS_AND_SIZE_TO_SPAN_PAGES(VirtualAddress, Bytes);
    RtlCopyMemory(MmGetMdlPfnArray(TargetMdl), MmGetMdlPfnArray(SourceMdl) + First,
                  Pages * sizeof(PFN_NUMBER));
}
EXPORT(IoBuildPartialMdl);
