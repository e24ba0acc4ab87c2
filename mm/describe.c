/*
 * describe.c - says what a system address is, for bug checks and the monitor. Pool addresses are
 * left to the describer of the pools, which knows the blocks.
 *
 * It runs on a broken machine: no lock, and nothing is read but page tables and the kernel's data.
 */
#include "mm/mm.h"
#include "kernel/rtl/section.h"

/* The same page of the next higher address is mapped: then this one guards a stack. */
static BOOLEAN MiIsGuardPage(PVOID Address)
{
    PCHAR Page = PAGE_ALIGN(Address);
    return (((ULONG_PTR)Page - MI_KERNEL_STACKS) / PAGE_SIZE) % (KERNEL_STACK_PAGES + 1) == 0 &&
           MiIsAddressValid(Page + PAGE_SIZE);
}

static const CHAR *MiDescribeImagePart(PVOID Address)
{
    PCHAR At = Address;
    if (At >= KiTextStart && At < KiTextEnd) {
        return "kernel text";
    }
    if (At >= KiRodataStart && At < KiRodataEnd) {
        return "kernel constants";
    }
    if (At >= KiDataStart && At < KiDataEnd) {
        return "kernel data";
    }
    return At >= KiInitStart && At < KiInitEnd ? "kernel init section" : "kernel image range";
}

static BOOLEAN MiDescribeAddress(PVOID Address, PCHAR Buffer, SIZE_T Size)
{
    MI_VA_KIND Kind = MiAddressKind(Address);
    if (Size == 0 || Kind == MiVaUser || Kind == MiVaNonCanonical || Kind == MiVaPagedPool ||
        Kind == MiVaNonPagedPool || Kind == MiVaExecutablePool || Kind == MiVaSpecialPool) {
        return FALSE;
    }
    const CHAR *What = MiKindName(Kind);
    BOOLEAN Mapped = MiIsAddressValid(Address);
    if (Kind == MiVaKernelImage) {
        What = MiDescribeImagePart(Address);
    } else if (Kind == MiVaKernelStack && !Mapped && MiIsGuardPage(Address)) {
        What = "guard page under a kernel stack";
    }
    _snprintf(Buffer, Size, "%s%s", What, Mapped ? "" : ", not mapped");
    Buffer[Size - 1] = 0;
    return TRUE;
}
BUGCHECK_DESCRIBER(MiDescribeAddress);
