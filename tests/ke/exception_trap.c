/*
 * exception_trap.c - tests of the processor's exceptions that a guarded body handles, the probes of
 * user buffers, and the crash tests of what nobody handles.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "kernel/ke/try.h"
#include "mm/mm.h"
#include "tests/ke/exception_check.h"
#include "tests/test.h"

#define NON_CANONICAL 0x8000000000000000ULL
#define USER_ADDRESS  0x0000000000051008ULL /* nothing is mapped there */

static EXCEPTION_RECORD Seen;

static __attribute__((noinline)) LONG Look(PEXCEPTION_POINTERS Pointers)
{
    Seen = *Pointers->ExceptionRecord;
    return EXCEPTION_EXECUTE_HANDLER;
}

/* Runs the routine in a guarded body; the record that came of it is in Seen. */
static NTSTATUS Guard(VOID (*Routine)(ULONG_PTR), ULONG_PTR Argument)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;
    RtlZeroMemory(&Seen, sizeof(Seen));
    KE_TRY
    {
        Routine(Argument);
    }
    KE_EXCEPT(Look(GetExceptionInformation()))
    {
        Status = GetExceptionCode();
    }
    KE_END_TRY
    CHECK_EQ(KeGetCurrentThread()->TryFrames, NULL);
    return Status;
}

static __attribute__((noinline)) VOID Divide(ULONG_PTR By)
{
    ULONG64 a = 1, d = 0;
    __asm__ volatile("divq %2" : "+a"(a), "+d"(d) : "r"(By));
}

static __attribute__((noinline)) VOID Break(ULONG_PTR Unused)
{
    UNREFERENCED_PARAMETER(Unused);
    __asm__ volatile("int3");
}

static __attribute__((noinline)) VOID Read(ULONG_PTR Address)
{
    *(volatile UCHAR *)Address;
}

static __attribute__((noinline)) VOID Write(ULONG_PTR Address)
{
    *(volatile UCHAR *)Address = 1;
}

static __attribute__((noinline)) VOID Execute(ULONG_PTR Address)
{
    ((VOID(*)(VOID))Address)();
}

TEST(TrapDivide, "exception/divide-by-zero-is-handled", "driver-abi 1.6")
{
    CHECK_STATUS(Guard(Divide, 1), STATUS_SUCCESS);
    CHECK_STATUS(Guard(Divide, 0), STATUS_INTEGER_DIVIDE_BY_ZERO);
    CHECK_EQ(Seen.NumberParameters, 0);
    CHECK_EQ(Seen.ExceptionFlags, 0);
}

TEST(TrapBreak, "exception/a-breakpoint-is-at-its-instruction", "contract 4.1")
{
    CHECK_STATUS(Guard(Break, 0), STATUS_BREAKPOINT);
    CHECK_EQ(*(PUCHAR)Seen.ExceptionAddress, 0xCC);
}

TEST(TrapProtection, "exception/general-protection-has-no-address", "contract 4.1")
{
    CHECK_STATUS(Guard(Read, NON_CANONICAL), STATUS_ACCESS_VIOLATION);
    CHECK_EQ(Seen.NumberParameters, 2);
    CHECK_EQ(Seen.ExceptionInformation[0], 0);
    CHECK_EQ(Seen.ExceptionInformation[1], ~(ULONG_PTR)0);
}

TEST(TrapUser, "exception/a-missing-user-page-is-an-access-violation", "FAULT-2, driver-abi 1.6")
{
    static const struct {
        VOID (*Routine)(ULONG_PTR);
        ULONG_PTR Access;
    } Cases[] = {{Read, 0}, {Write, 1}, {Execute, 8}};
    for (ULONG i = 0; i < ARRAYSIZE(Cases); i++) {
        CHECK_STATUS(Guard(Cases[i].Routine, USER_ADDRESS), STATUS_ACCESS_VIOLATION);
        CHECK_EQ(Seen.NumberParameters, 2);
        CHECK_EQ(Seen.ExceptionInformation[0], Cases[i].Access);
        CHECK_EQ(Seen.ExceptionInformation[1], USER_ADDRESS);
    }
    CHECK_STATUS(Guard(Read, 0), STATUS_ACCESS_VIOLATION);
    CHECK_EQ(Seen.ExceptionInformation[1], 0);
}

/* ---- probes ---------------------------------------------------------------------------------- */

typedef struct _PROBE {
    ULONG_PTR Address;
    SIZE_T Length;
    ULONG Alignment;
} PROBE;

static VOID ProbeRead(ULONG_PTR Argument)
{
    const PROBE *Probe = (const PROBE *)Argument;
    ProbeForRead((PVOID)Probe->Address, Probe->Length, Probe->Alignment);
}

static VOID ProbeWrite(ULONG_PTR Argument)
{
    const PROBE *Probe = (const PROBE *)Argument;
    ProbeForWrite((PVOID)Probe->Address, Probe->Length, Probe->Alignment);
}

static NTSTATUS TryProbe(VOID (*Routine)(ULONG_PTR), ULONG_PTR Address, SIZE_T Length,
                         ULONG Alignment)
{
    PROBE Probe = {Address, Length, Alignment};
    return Guard(Routine, (ULONG_PTR)&Probe);
}

TEST(ProbeRange, "probe/a-buffer-lies-wholly-in-user-space", "DDI wdm ProbeForRead")
{
    ULONG_PTR End = MmUserProbeAddress;
    CHECK_STATUS(TryProbe(ProbeRead, USER_ADDRESS, 100, 8), STATUS_SUCCESS);
    CHECK_STATUS(TryProbe(ProbeRead, End - 100, 100, 1), STATUS_SUCCESS);
    CHECK_STATUS(TryProbe(ProbeRead, End - 100, 101, 1), STATUS_ACCESS_VIOLATION);
    CHECK_STATUS(TryProbe(ProbeRead, End, 1, 1), STATUS_ACCESS_VIOLATION);
    CHECK_STATUS(TryProbe(ProbeRead, USER_ADDRESS, MAXSIZE_T, 1), STATUS_ACCESS_VIOLATION);
    CHECK_STATUS(TryProbe(ProbeRead, (ULONG_PTR)&Seen, 1, 1), STATUS_ACCESS_VIOLATION);
    CHECK_STATUS(TryProbe(ProbeWrite, (ULONG_PTR)&Seen, 1, 1), STATUS_ACCESS_VIOLATION);
    CHECK_STATUS(TryProbe(ProbeWrite, End - 100, 101, 1), STATUS_ACCESS_VIOLATION);
}

TEST(ProbeAlignment, "probe/the-start-is-aligned", "DDI wdm ProbeForRead")
{
    CHECK_STATUS(TryProbe(ProbeRead, USER_ADDRESS + 4, 8, 4), STATUS_SUCCESS);
    CHECK_STATUS(TryProbe(ProbeRead, USER_ADDRESS + 4, 8, 8), STATUS_DATATYPE_MISALIGNMENT);
    CHECK_STATUS(TryProbe(ProbeWrite, USER_ADDRESS + 1, 8, 2), STATUS_DATATYPE_MISALIGNMENT);
}

TEST(ProbeNothing, "probe/length-zero-checks-nothing", "DDI wdm ProbeForRead")
{
    CHECK_STATUS(TryProbe(ProbeRead, (ULONG_PTR)&Seen + 1, 0, 8), STATUS_SUCCESS);
    CHECK_STATUS(TryProbe(ProbeWrite, ~(ULONG_PTR)0, 0, 8), STATUS_SUCCESS);
}

TEST(ProbeMissing, "probe/writing-tries-the-pages", "DDI wdm ProbeForWrite")
{
    CHECK_STATUS(TryProbe(ProbeWrite, USER_ADDRESS, 100, 1), STATUS_ACCESS_VIOLATION);
    CHECK_EQ(Seen.ExceptionInformation[1], USER_ADDRESS);
}

/* ---- machines that must stop ----------------------------------------------------------------- */

CRASH_TEST(CrashRaise, "exception/raised-and-not-handled",
           "0x1E 0xFFFFFFFFE0001234 sym:CrashRaise 0x0 0x0", "contract 4.1: 0x1E")
{
    ExRaiseStatus(TEST_STATUS);
}

CRASH_TEST(CrashRaiseRecord, "exception/record-and-not-handled",
           "0x1E 0xFFFFFFFFE0001234 sym:CrashRaiseRecord 0x1111 0x2222", "contract 4.1: 0x1E")
{
    EXCEPTION_RECORD Record = {.ExceptionCode = TEST_STATUS,
                               .NumberParameters = 3,
                               .ExceptionInformation = {0x1111, 0x2222, 0x3333}};
    RtlRaiseException(&Record);
}

/* Nothing was unwound: the finally block, which would end in another bug check, did not run. */
CRASH_TEST(CrashSearch, "exception/no-filter-wants-it",
           "0x1E 0xFFFFFFFFC0000094 sym:Divide 0x0 0x0", "SEH-1"){KE_TRY{KE_TRY{Divide(0);
}
KE_FINALLY
{
    KeBugCheck(MANUALLY_INITIATED_CRASH);
}
KE_END_TRY
}
KE_EXCEPT(EXCEPTION_CONTINUE_SEARCH)
{
    KeBugCheck(MANUALLY_INITIATED_CRASH);
}
KE_END_TRY
}

CRASH_TEST(CrashRefused, "exception/continued-though-noncontinuable",
           "0x1E 0xFFFFFFFFC0000025 sym:CrashRefused 0x0 0x0", "EXCEPTION_NONCONTINUABLE")
{
    KE_TRY
    {
        ExRaiseStatus(TEST_STATUS);
    }
    KE_EXCEPT(EXCEPTION_CONTINUE_EXECUTION)
    {
    }
    KE_END_TRY
}

static VOID DividingInterrupt(PKTRAP_FRAME TrapFrame, PVOID Context)
{
    UNREFERENCED_PARAMETER(TrapFrame);
    UNREFERENCED_PARAMETER(Context);
    Divide(0);
}

CRASH_TEST(CrashInterrupt, "exception/in-an-interrupt-is-not-the-threads-affair",
           "0x1E 0xFFFFFFFFC0000094 sym:Divide 0x0 0x0", "TRAP-4")
{
    KiConnectVector(0x7A, DividingInterrupt, NULL);
    KE_TRY
    {
        HalpRequestSoftwareInterrupt(0x7A);
    }
    KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
    {
    }
    KE_END_TRY
}

/* Stands for whatever trips over the broken machine, on the stack of the bug check's caller. */
static VOID DividingHook(VOID)
{
    KiBugCheckOutputHook = NULL;
    Divide(0);
}

CRASH_TEST(CrashStopping, "exception/while-the-machine-stops",
           "0x1E 0xFFFFFFFFC0000094 sym:Divide 0x0 0x0", "SEH-6")
{
    KE_TRY
    {
        KiBugCheckOutputHook = DividingHook;
        KeBugCheck(MANUALLY_INITIATED_CRASH);
    }
    KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
    {
    }
    KE_END_TRY
}

/* A function that is left by a jump of its own leaves its frame on the list, and stale. */
static __attribute__((noinline)) VOID LeaveFrameBehind(PKE_TRY_FRAME Frame)
{
    KiOpenTry(Frame, Look);
}

CRASH_TEST(CrashStale, "exception/a-frame-below-the-stack-ends-the-search",
           "0x1E 0xFFFFFFFFE0001234 sym:CrashStale 0x0 0x0", "EXCEPTION_STACK_INVALID")
{
    ULONG_PTR Rsp;
    __asm__ volatile("movq %%rsp, %0" : "=r"(Rsp));
    LeaveFrameBehind((PKE_TRY_FRAME)((Rsp - 0x4000) & ~(ULONG_PTR)15));
    ExRaiseStatus(TEST_STATUS);
}

CRASH_TEST(CrashRaiseHigh, "exception/raised-at-dispatch-level", "0xC4 0xE5 0x2 0x0 0x0",
           "contract 1.4: ExRaiseStatus <= APC_LEVEL")
{
    KeRaiseIrqlToDpcLevel();
    ExRaiseStatus(TEST_STATUS);
}

CRASH_TEST(CrashProbeHigh, "exception/probed-at-dispatch-level", "0xC4 0xE5 0x2 0x0 0x0",
           "DDI wdm ProbeForRead: <= APC_LEVEL")
{
    KeRaiseIrqlToDpcLevel();
    ProbeForRead((PVOID)USER_ADDRESS, 1, 1);
}
