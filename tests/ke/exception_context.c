/*
 * exception_context.c - tests of kernel/ke/exception.c: what a filter is told and may change, what
 * survives an exception, and interrupts beside guarded bodies.
 */
#include "kernel/ke/ke.h"
#include "kernel/ke/try.h"
#include "tests/ke/exception_check.h"
#include "tests/test.h"

/* ---- what a filter is told, and what it may change ------------------------------------------- */

static EXCEPTION_RECORD SeenRecord;
static CONTEXT SeenContext;

static __attribute__((noinline)) LONG Look(PEXCEPTION_POINTERS Pointers)
{
    SeenRecord = *Pointers->ExceptionRecord;
    SeenContext = *Pointers->ContextRecord;
    return EXCEPTION_EXECUTE_HANDLER;
}

static BOOLEAN IsInside(PVOID Address, const CHAR *Routine)
{
    CHAR Name[64];
    return KiSymbolise(Address, Name, sizeof(Name)) && strlen(Routine) < sizeof(Name) &&
           memcmp(Name, Routine, strlen(Routine)) == 0;
}

TEST(TryRecord, "exception/a-raised-status-has-its-caller-and-no-parameters", "SEH-1")
{
    KE_TRY
    {
        ExRaiseStatus(TEST_STATUS);
    }
    KE_EXCEPT(Look(GetExceptionInformation()))
    {
    }
    KE_END_TRY
    CHECK_STATUS(SeenRecord.ExceptionCode, TEST_STATUS);
    CHECK_EQ(SeenRecord.ExceptionFlags, EXCEPTION_NONCONTINUABLE);
    CHECK_EQ(SeenRecord.ExceptionRecord, NULL);
    CHECK_EQ(SeenRecord.NumberParameters, 0);
    CHECK(IsInside(SeenRecord.ExceptionAddress, "TryRecord+"));
    CHECK(IsInside((PVOID)SeenContext.Rip, "KiRaiseStatus+"));
    CHECK_EQ(SeenContext.ContextFlags, CONTEXT_FULL);
}

TEST(TryDatatype, "exception/the-two-named-raises", "DDI ntddk ExRaiseAccessViolation")
{
    KE_TRY
    {
        ExRaiseAccessViolation();
    }
    KE_EXCEPT(Look(GetExceptionInformation()))
    {
    }
    KE_END_TRY
    CHECK_STATUS(SeenRecord.ExceptionCode, STATUS_ACCESS_VIOLATION);
    CHECK(IsInside(SeenRecord.ExceptionAddress, "TryDatatype+"));
    KE_TRY
    {
        ExRaiseDatatypeMisalignment();
    }
    KE_EXCEPT(Look(GetExceptionInformation()))
    {
    }
    KE_END_TRY
    CHECK_STATUS(SeenRecord.ExceptionCode, STATUS_DATATYPE_MISALIGNMENT);
    CHECK(IsInside(SeenRecord.ExceptionAddress, "TryDatatype+"));
}

static __attribute__((noinline)) LONG LookAndGoOn(PEXCEPTION_POINTERS Pointers)
{
    Look(Pointers);
    return EXCEPTION_CONTINUE_EXECUTION;
}

TEST(TryRaiseRecord, "exception/rtl-raise-returns-when-a-filter-continues",
     "Win32 RtlRaiseException: ExceptionAddress is the caller's return address")
{
    EXCEPTION_RECORD Record = {.ExceptionCode = TEST_STATUS,
                               .NumberParameters = 2,
                               .ExceptionInformation = {0x1111, 0x2222}};
    LogClear();
    KE_TRY
    {
        RtlRaiseException(&Record);
        LOG('c');
    }
    KE_EXCEPT(LookAndGoOn(GetExceptionInformation()))
    {
        LOG('x');
    }
    KE_END_TRY
    CheckLog("c");
    CHECK_EQ(SeenRecord.NumberParameters, 2);
    CHECK_EQ(SeenRecord.ExceptionInformation[0], 0x1111);
    CHECK_EQ(SeenRecord.ExceptionInformation[1], 0x2222);
    CHECK(IsInside(SeenRecord.ExceptionAddress, "TryRaiseRecord+"));
    CHECK_EQ(SeenRecord.ExceptionAddress, SeenContext.Rip);
    CheckNoFrames();
}

static __attribute__((noinline)) LONG SkipAndChange(PEXCEPTION_POINTERS Pointers)
{
    PCONTEXT Context = Pointers->ContextRecord;
    Look(Pointers);
    Context->Rip += 2; /* ud2 */
    Context->Rbx = 0x1234567812345678;
    Context->R12 = 0x12;
    Context->FltSave.XmmRegisters[2].Low = 0x2222;
    Context->FltSave.XmmRegisters[9].Low = 0x9999;
    return EXCEPTION_CONTINUE_EXECUTION;
}

TEST(TryChanges, "exception/continues-with-the-registers-of-the-context", "SEH-1")
{
    volatile ULONG64 Rbx = 0, R12 = 0, R13 = 0, Xmm2 = 0, Xmm9 = 0;
    KE_TRY
    {
        register ULONG64 r12 __asm__("r12") = 0x1212, r13 __asm__("r13") = 0x1313;
        ULONG64 b = 0xBBBB, x2, x9;
        __asm__ volatile("movq %1, %%xmm2; movq %2, %%xmm9; ud2; movq %%xmm2, %3; movq %%xmm9, %4"
                         : "+b"(b), "+r"(r12), "+r"(r13), "=&r"(x2), "=&r"(x9));
        Rbx = b, R12 = r12, R13 = r13, Xmm2 = x2, Xmm9 = x9;
    }
    KE_EXCEPT(SkipAndChange(GetExceptionInformation()))
    {
        CHECK(FALSE);
    }
    KE_END_TRY
    CHECK_STATUS(SeenRecord.ExceptionCode, STATUS_ILLEGAL_INSTRUCTION);
    CHECK_EQ(SeenContext.Rbx, 0xBBBB);
    CHECK_EQ(SeenContext.R13, 0x1313);
    CHECK_EQ(SeenContext.FltSave.XmmRegisters[2].Low, 0x1212);
    CHECK_EQ(SeenContext.FltSave.XmmRegisters[9].Low, 0x1313);
    CHECK_EQ(Rbx, 0x1234567812345678);
    CHECK_EQ(R12, 0x12);
    CHECK_EQ(R13, 0x1313);
    CHECK_EQ(Xmm2, 0x2222);
    CHECK_EQ(Xmm9, 0x9999);
}

TEST(TryNoncontinuable, "exception/continuing-a-noncontinuable-one-raises-another",
     "DDI EXCEPTION_NONCONTINUABLE: STATUS_NONCONTINUABLE_EXCEPTION")
{
    LogClear();
    KE_TRY{KE_TRY{RaiseInsideFinally();
}
KE_EXCEPT(LogAnd('i', EXCEPTION_CONTINUE_EXECUTION))
{
    LOG('x');
}
KE_END_TRY
}
KE_EXCEPT((LOG('o'), Look(GetExceptionInformation())))
{
    LOG('h');
    CHECK_STATUS(GetExceptionCode(), STATUS_NONCONTINUABLE_EXCEPTION);
}
KE_END_TRY
CheckLog("ioABh");
CHECK_EQ(SeenRecord.ExceptionFlags, EXCEPTION_NONCONTINUABLE);
CHECK_NE(SeenRecord.ExceptionRecord, NULL);
CHECK(IsInside(SeenRecord.ExceptionAddress, "RaiseInsideFinally+"));
}

/* ---- what survives --------------------------------------------------------------------------- */

/* Spoils what its caller owns, and raises. */
static __attribute__((noinline, used)) VOID SpoilAndHandle(VOID)
{
    static const ULONG Normal = 0x1F80;
    KE_TRY
    {
        __asm__ volatile("pxor %%xmm6, %%xmm6; pxor %%xmm15, %%xmm15; ldmxcsr %0;"
                         "xorl %%ebx, %%ebx; xorl %%r12d, %%r12d; xorl %%r13d, %%r13d;"
                         "xorl %%r14d, %%r14d; xorl %%r15d, %%r15d; ud2"
                         :
                         : "m"(Normal)
                         : "rbx", "r12", "r13", "r14", "r15");
    }
    KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
    {
    }
    KE_END_TRY
}

TEST(TryKeeps, "exception/registers-of-the-caller-survive",
     "driver-abi: RBX, RBP, R12-15, XMM6-15 and MXCSR belong to the caller")
{
    ULONG64 Xmm6 = 0, Xmm15 = 0;
    ULONG RoundToZero = 0x1F80 | 0x6000, Normal = 0x1F80, MxCsr = 0;
    register ULONG64 r12 __asm__("r12") = 0x1212, r13 __asm__("r13") = 0x1313;
    register ULONG64 r14 __asm__("r14") = 0x1414, r15 __asm__("r15") = 0x1515;
    ULONG64 b = 0xBBBB;
    __asm__ volatile("movq %%r14, %%xmm6; movq %%r15, %%xmm15; ldmxcsr %8; call SpoilAndHandle;"
                     "movq %%xmm6, %5; movq %%xmm15, %6; stmxcsr %7; ldmxcsr %9"
                     : "+b"(b), "+r"(r12), "+r"(r13), "+r"(r14), "+r"(r15), "=m"(Xmm6), "=m"(Xmm15),
                       "=m"(MxCsr)
                     : "m"(RoundToZero), "m"(Normal)
                     : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory");
    CHECK_EQ(b, 0xBBBB);
    CHECK_EQ(r12, 0x1212);
    CHECK_EQ(r13, 0x1313);
    CHECK_EQ(r14, 0x1414);
    CHECK_EQ(r15, 0x1515);
    CHECK_EQ(Xmm6, 0x1414);
    CHECK_EQ(Xmm15, 0x1515);
    CHECK_EQ(MxCsr, RoundToZero);
}

static BOOLEAN InterruptsAreOn(VOID)
{
    ULONG64 Flags;
    __asm__ volatile("pushfq; popq %0" : "=r"(Flags));
    return (Flags & 0x200) != 0;
}

TEST(TryInterrupts, "exception/a-handler-has-the-raisers-level-and-interrupts", "SEH-5")
{
    volatile BOOLEAN On = FALSE, Off = TRUE;
    volatile KIRQL Irql = 0;
    KIRQL Old;
    KE_TRY
    {
        __asm__ volatile("ud2");
    }
    KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
    {
        On = InterruptsAreOn();
    }
    KE_END_TRY
    KeRaiseIrql(CMCI_LEVEL, &Old);
    KE_TRY
    {
        KiDisableInterrupts();
        __asm__ volatile("ud2");
    }
    KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
    {
        Off = InterruptsAreOn();
        Irql = KiReadIrql();
        KiRestoreInterrupts(0x200);
    }
    KE_END_TRY
    KeLowerIrql(Old);
    CHECK_EQ(On, TRUE);
    CHECK_EQ(Off, FALSE);
    CHECK_EQ(Irql, CMCI_LEVEL);
}

/* ---- interrupts ------------------------------------------------------------------------------ */

static BOOLEAN InterruptSawFrames;

static VOID NTAPI RaisingDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    InterruptSawFrames = KeGetCurrentThread()->TryFrames != NULL;
    KE_TRY
    {
        __asm__ volatile("ud2");
    }
    KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
    {
        LOG('d');
    }
    KE_END_TRY
}

TEST(TryInterrupted, "exception/an-interrupt-sees-no-frame-and-loses-none", "TRAP-4")
{
    static KDPC Dpc;
    KeInitializeDpc(&Dpc, RaisingDpc, NULL);
    InterruptSawFrames = TRUE;
    LogClear();
    KE_TRY
    {
        KeInsertQueueDpc(&Dpc, NULL, NULL);
        LOG('b');
        ExRaiseStatus(TEST_STATUS);
    }
    KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
    {
        LOG('h');
    }
    KE_END_TRY
    CHECK_EQ(InterruptSawFrames, FALSE);
    CheckLog("dbh");
    CheckNoFrames();
}
