/*
 * assert.c - break points and failed assertions, for drivers.
 */
#include "kernel/rtl/rtl.h"
#include "kernel/rtl/section.h"

VOID NTAPI DbgBreakPoint(VOID)
{
    __asm__ volatile("int3");
}
EXPORT(DbgBreakPoint);

VOID NTAPI RtlAssert(PVOID FailedAssertion, PVOID FileName, ULONG LineNumber, PSTR Message)
{
    DbgPrintEx(DPFLTR_DEFAULT_ID, DPFLTR_ERROR_LEVEL,
               "*** Assertion failed: %s%s\n***   Source File: %s, line %i\n",
               Message != NULL ? Message : "", (PCSTR)FailedAssertion, (PCSTR)FileName,
               (LONG)LineNumber);
    DbgBreakPoint();
}
EXPORT(RtlAssert);
