/*
 * mdl_check.h - what the tests of MDLs share: buffers, MDLs for them, and locks that may raise.
 */
#pragma once

#include "kernel/ke/try.h"
#include "mm/mdl.h"
#include "tests/mm/mm_check.h"

/* How MmProbeAndLockPages ends: STATUS_SUCCESS, or what it raised. */
static inline NTSTATUS TestLock(PMDL Mdl, KPROCESSOR_MODE Mode, LOCK_OPERATION Operation)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;
    KE_TRY
    {
        MmProbeAndLockPages(Mdl, Mode, Operation);
    }
    KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
    {
        Status = GetExceptionCode();
    }
    KE_END_TRY
    return Status;
}

/* An MDL for a buffer, locked for writing; NULL if there is no memory for it. */
static inline PMDL TestLockedMdl(PVOID Buffer, ULONG Bytes)
{
    PMDL Mdl = IoAllocateMdl(Buffer, Bytes, FALSE, FALSE, NULL);
    if (Mdl != NULL) {
        CHECK_STATUS(TestLock(Mdl, KernelMode, IoModifyAccess), STATUS_SUCCESS);
    }
    return Mdl;
}

static inline PFN_NUMBER TestPageOf(PVOID Va)
{
    return (ULONG64)MmGetPhysicalAddress(Va).QuadPart >> PAGE_SHIFT;
}

static inline ULONG TestReferences(PVOID Va)
{
    return MiPfnEntry(TestPageOf(Va))->ReferenceCount;
}

/* The announced words of most stops. */
static inline VOID TestAnnounceMdl(PMDL Mdl)
{
    TestAnnounce("mdl", (ULONG64)Mdl);
    TestAnnounce("flags", (USHORT)Mdl->MdlFlags);
}
