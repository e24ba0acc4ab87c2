/*
 * probe.c - the probes of user buffers, for drivers that get addresses from user mode.
 *
 * A probe says that a buffer lies in user space, so that nobody makes a driver touch system space
 * on his behalf. It promises nothing about the next touch: that one is guarded, too.
 */
#include "kernel/rtl/section.h"
#include "mm/mm.h"

/*
 * The end of the buffer's last byte, 0 when there is nothing to check; raises if it is no buffer.
 */
static ULONG_PTR MiProbeRange(ULONG_PTR Start, SIZE_T Length, ULONG Alignment)
{
    KiRequireIrql(APC_LEVEL);
    if (Length == 0) {
        return 0;
    }
    if (Start & (Alignment - 1)) {
        ExRaiseDatatypeMisalignment();
    }
    ULONG_PTR End = Start + Length;
    if (End < Start || End > MmUserProbeAddress) {
        ExRaiseAccessViolation();
    }
    return End;
}

VOID NTAPI ProbeForRead(const volatile VOID *Address, SIZE_T Length, ULONG Alignment)
{
    MiProbeRange((ULONG_PTR)Address, Length, Alignment);
}
EXPORT(ProbeForRead);

VOID NTAPI ProbeForWrite(volatile VOID *Address, SIZE_T Length, ULONG Alignment)
{
    ULONG_PTR End = MiProbeRange((ULONG_PTR)Address, Length, Alignment);
    for (ULONG_PTR Byte = (ULONG_PTR)Address; Byte < End;
         Byte = (Byte & ~(ULONG_PTR)(PAGE_SIZE - 1)) + PAGE_SIZE) {
        __atomic_fetch_or((volatile UCHAR *)Byte, 0, __ATOMIC_RELAXED); /* loses no other's store */
    }
}
EXPORT(ProbeForWrite);
