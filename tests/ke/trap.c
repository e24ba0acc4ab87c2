/*
 * trap.c - tests of the trap entries: what an interrupt keeps, what each exception becomes, and
 * that a bug check works where nothing else does (bad stack, HIGH_LEVEL, inside itself).
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/rtl.h"
#include "tests/test.h"

#define NON_CANONICAL  0x8000000000000000ULL
#define LOCAL_APIC_ICR ((volatile ULONG *)0xFFFFFFFFFFE00300)
#define ICR_SELF_NMI   0x40400

static ULONG64 TrapXmmBefore[12] __attribute__((aligned(16)));
static ULONG64 TrapXmmAfter[12] __attribute__((aligned(16)));
static KTRAP_FRAME TrapSeen;

/* A driver's interrupt routine may use XMM0-5; it must not show in what it interrupted. */
static VOID ClobberXmm(PKTRAP_FRAME TrapFrame, PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    TrapSeen = *TrapFrame;
    __asm__ volatile("pxor %xmm0, %xmm0; pxor %xmm1, %xmm1; pxor %xmm2, %xmm2;"
                     "pxor %xmm3, %xmm3; pxor %xmm4, %xmm4; pxor %xmm5, %xmm5");
}

TEST(TrapXmm, "trap/interrupts-keep-xmm0-to-xmm5", "DESIGN: driver code may use SSE2 at any IRQL")
{
    for (ULONG i = 0; i < ARRAYSIZE(TrapXmmBefore); i++) {
        TrapXmmBefore[i] = 0x1111111111111111ULL * (i + 1);
    }
    KiConnectVector(0x7A, ClobberXmm, NULL);
    ULONG64 Flags = KiDisableInterrupts();
    HalpRequestSoftwareInterrupt(0x7A);
    __asm__ volatile("movaps 0x00(%0), %%xmm0; movaps 0x10(%0), %%xmm1; movaps 0x20(%0), %%xmm2;"
                     "movaps 0x30(%0), %%xmm3; movaps 0x40(%0), %%xmm4; movaps 0x50(%0), %%xmm5;"
                     "sti; nop; nop;"
                     "movaps %%xmm0, 0x00(%1); movaps %%xmm1, 0x10(%1); movaps %%xmm2, 0x20(%1);"
                     "movaps %%xmm3, 0x30(%1); movaps %%xmm4, 0x40(%1); movaps %%xmm5, 0x50(%1)"
                     :
                     : "r"(TrapXmmBefore), "r"(TrapXmmAfter)
                     : "memory");
    KiRestoreInterrupts(Flags);
    CHECK_EQ(memcmp(TrapXmmBefore, TrapXmmAfter, sizeof(TrapXmmBefore)), 0);
    CHECK_EQ(memcmp(TrapSeen.Xmm, TrapXmmBefore, sizeof(TrapXmmBefore)), 0);
    KiConnectVector(0x7A, NULL, NULL);
}

TEST(TrapMxcsr, "trap/interrupts-keep-mxcsr", "DESIGN: driver code may use SSE2 at any IRQL")
{
    ULONG Before = 0x1F80 | 0x6000, After = 0; /* round towards zero */
    ULONG Normal = 0x1F80;
    KiConnectVector(0x7A, ClobberXmm, NULL);
    __asm__ volatile("ldmxcsr %0" : : "m"(Before));
    HalpRequestSoftwareInterrupt(0x7A);
    __asm__ volatile("stmxcsr %0" : "=m"(After));
    __asm__ volatile("ldmxcsr %0" : : "m"(Normal));
    CHECK_EQ(After, Before);
    CHECK_EQ(TrapSeen.MxCsr, Before);
    KiConnectVector(0x7A, NULL, NULL);
}

TEST(TrapFrameTruth, "trap/frame-holds-the-interrupted-registers", "")
{
    ULONG64 Rsp;
    KIRQL Old;
    KiConnectVector(0x7A, ClobberXmm, NULL);
    KeRaiseIrql(APC_LEVEL, &Old);
    ULONG64 Flags = KiDisableInterrupts();
    HalpRequestSoftwareInterrupt(0x7A);
    register ULONG64 R14 __asm__("r14") = 0x1414141414141414;
    register ULONG64 R9 __asm__("r9") = 0x0909090909090909;
    __asm__ volatile("movq %%rsp, %0; sti; nop; nop" : "=r"(Rsp), "+r"(R14), "+r"(R9) : : "memory");
    KiRestoreInterrupts(Flags);
    KeLowerIrql(Old);
    CHECK_EQ(TrapSeen.Vector, 0x7A);
    CHECK_EQ(TrapSeen.PreviousIrql, APC_LEVEL);
    CHECK_EQ(TrapSeen.R14, 0x1414141414141414);
    CHECK_EQ(TrapSeen.R9, 0x0909090909090909);
    CHECK_EQ(TrapSeen.Rsp, Rsp);
    CHECK_EQ(TrapSeen.SegCs, 8);
    CHAR Name[64];
    REQUIRE(KiSymbolise((PVOID)TrapSeen.Rip, Name, sizeof(Name)));
    CHECK_EQ(memcmp(Name, "TrapFrameTruth+", 15), 0);
    KiConnectVector(0x7A, NULL, NULL);
}

TEST(TrapSymbols, "trap/addresses-have-names", "")
{
    CHAR Name[64];
    REQUIRE(KiSymbolise((PVOID)KeLowerIrql, Name, sizeof(Name)));
    CHECK_EQ(strcmp(Name, "KeLowerIrql+0x0"), 0);
    REQUIRE(KiSymbolise((PCHAR)KeLowerIrql + 1, Name, sizeof(Name)));
    CHECK_EQ(strcmp(Name, "KeLowerIrql+0x1"), 0);
    CHECK_EQ(KiSymbolise(&TrapSeen, Name, sizeof(Name)), FALSE);
    CHECK_EQ(KiSymbolise(NULL, Name, sizeof(Name)), FALSE);
}

TEST(TrapNames, "bugcheck/codes-have-names", "")
{
    CHECK_EQ(strcmp(KiBugCheckName(0xA), "IRQL_NOT_LESS_OR_EQUAL"), 0);
    CHECK_EQ(strcmp(KiBugCheckName(0xC2), "BAD_POOL_CALLER"), 0);
    CHECK_EQ(strcmp(KiBugCheckName(0x10D), "WDF_VIOLATION"), 0);
    CHECK_EQ(KiBugCheckName(0x7654321), NULL);
}

TEST(ProcessorRecord, "processor/gs-holds-the-documented-fields", "driver-abi 1.1: gs offsets")
{
    ULONG64 Self, Thread;
    UCHAR Number;
    __asm__ volatile("movq %%gs:0x18, %0; movq %%gs:0x188, %1" : "=r"(Self), "=r"(Thread));
    __asm__ volatile("movb %%gs:0x184, %0" : "=q"(Number));
    CHECK_EQ(((PKPCR)Self)->Self, Self);
    CHECK_NE(Thread, 0);
    CHECK_EQ(KeGetCurrentThread(), Thread);
    CHECK_EQ(Number, 0);
}

TEST(ProcessorProtection, "processor/write-protect-nx-smep-umip-are-on", "DESIGN: W^X")
{
    ULONG64 Cr0, Cr4;
    ULONG EferLow, EferHigh, a = 7, b, c = 0, d;
    __asm__ volatile("movq %%cr0, %0; movq %%cr4, %1" : "=r"(Cr0), "=r"(Cr4));
    __asm__ volatile("rdmsr" : "=a"(EferLow), "=d"(EferHigh) : "c"(0xC0000080));
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    CHECK_NE(Cr0 & 0x10000, 0);
    CHECK_NE(EferLow & 0x800, 0);
    CHECK_EQ((Cr4 >> 20) & 1, (b >> 7) & 1);
    CHECK_EQ((Cr4 >> 11) & 1, (c >> 2) & 1);
}

/* ---- machines that must stop ----------------------------------------------------------------- */

CRASH_TEST(CrashDivide, "trap/divide-by-zero", "0x1E 0xFFFFFFFFC0000094 sym:CrashDivide 0x0 0x0",
           "CON-29 An unhandled exception of the processor is bug check 0x1E or 0x7F.")
{
    ULONG Zero = 0, a = 1, d = 0;
    __asm__ volatile("divl %2" : "+a"(a), "+d"(d) : "r"(Zero));
}

CRASH_TEST(CrashIllegal, "trap/illegal-instruction",
           "0x1E 0xFFFFFFFFC000001D sym:CrashIllegal 0x0 0x0",
           "CON-29 An unhandled exception of the processor is bug check 0x1E or 0x7F.")
{
    __asm__ volatile("ud2");
}

CRASH_TEST(CrashBreakpoint, "trap/breakpoint-without-debugger",
           "0x1E 0xFFFFFFFF80000003 sym:CrashBreakpoint 0x0 0x0", "contract 4.1: 0x1E")
{
    __asm__ volatile("int3");
}

CRASH_TEST(CrashSingleStep, "trap/single-step-without-debugger",
           "0x1E 0xFFFFFFFF80000004 sym:CrashSingleStep 0x0 0x0", "contract 4.1: 0x1E")
{
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; nop" : : : "memory", "cc");
}

CRASH_TEST(CrashProtection, "trap/non-canonical-read",
           "0x1E 0xFFFFFFFFC0000005 sym:CrashProtection 0x0 0xFFFFFFFFFFFFFFFF",
           "contract 4.1: 0x1E")
{
    *(volatile ULONG *)NON_CANONICAL;
}

CRASH_TEST(CrashOverflow, "trap/overflow", "0x1E 0xFFFFFFFFC0000095 sym:CrashOverflow 0x0 0x0",
           "contract 4.1: 0x1E")
{
    __asm__ volatile("int $4");
}

CRASH_TEST(CrashBounds, "trap/bounds", "0x1E 0xFFFFFFFFC000008C sym:CrashBounds 0x0 0x0",
           "contract 4.1: 0x1E")
{
    __asm__ volatile("int $5");
}

/* The emulator never raises this one by itself. */
CRASH_TEST(CrashSse, "trap/sse-exception", "0x1E 0xFFFFFFFFC00002B5 sym:CrashSse 0x0 0x0",
           "contract 4.1: 0x1E")
{
    __asm__ volatile("int $19");
}

CRASH_TEST(CrashUnexpected, "trap/unexpected-trap", "0x7F 0x9 0x0 sym:CrashUnexpected not0",
           "CON-29 An unhandled exception of the processor is bug check 0x1E or 0x7F.")
{
    __asm__ volatile("int $9");
}

CRASH_TEST(CrashFailFast, "trap/fail-fast", "0x139 0x5 not0 not0 0x0", "contract 4.4: 0x139")
{
    RtlFailFast(FAST_FAIL_INVALID_ARG);
}

CRASH_TEST(CrashNmi, "trap/nmi", "0x80 0x4F4454 0x0 0x0 0x0", "NMI_HARDWARE_FAILURE")
{
    *LOCAL_APIC_ICR = ICR_SELF_NMI;
    for (;;) {
        __asm__ volatile("pause");
    }
}

static ULONG RecurseForever(volatile ULONG *Depth);
static ULONG (*volatile Recurse)(volatile ULONG *) =
    RecurseForever; /* out of the compiler's sight */

static ULONG RecurseForever(volatile ULONG *Depth)
{
    volatile ULONG Frame[64];
    Frame[0] = ++*Depth;
    return Recurse(Depth) + Frame[0];
}

CRASH_TEST(CrashStackOverflow, "trap/stack-overflow-is-a-double-fault",
           "0x7F 0x8 sym:KiBootStackGuard sym:RecurseForever not0", "guard page under every stack")
{
    volatile ULONG Depth = 0;
    Recurse(&Depth);
}

static VOID NTAPI RecursingDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    volatile ULONG Depth = 0;
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    Recurse(&Depth);
}

CRASH_TEST(CrashDpcStackOverflow, "trap/dpc-stack-overflow-is-a-double-fault",
           "0x7F 0x8 sym:KiDpcStackGuard sym:RecurseForever not0", "guard page under every stack")
{
    static KDPC Dpc;
    KeInitializeDpc(&Dpc, RecursingDpc, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
}

CRASH_TEST(CrashBadStack, "bugcheck/on-a-bad-stack",
           "0x7F 0x8 0xFFFFFFFFFFFFFFF8 sym:CrashBadStack 0x0", "BUG-1")
{
    __asm__ volatile("xorl %%esp, %%esp; int3" : : : "memory");
}

CRASH_TEST(CrashParameters, "bugcheck/all-parameters-arrive",
           "0xE2 0x1111111111111111 0x2222222222222222 0x3333333333333333 0x4444444444444444",
           "BUG-3")
{
    KeBugCheckEx(MANUALLY_INITIATED_CRASH, 0x1111111111111111, 0x2222222222222222,
                 0x3333333333333333, 0x4444444444444444);
}

CRASH_TEST(CrashPlain, "bugcheck/plain-has-no-parameters", "0xE2 0x0 0x0 0x0 0x0", "")
{
    KeBugCheck(MANUALLY_INITIATED_CRASH);
}

CRASH_TEST(CrashHighLevel, "bugcheck/at-high-level", "0xE2 0x1 0x2 0x3 0x4", "BUG-1")
{
    KIRQL Old;
    KeRaiseIrql(HIGH_LEVEL, &Old);
    KiDisableInterrupts();
    KeBugCheckEx(MANUALLY_INITIATED_CRASH, 1, 2, 3, 4);
}

static BOOLEAN DescriberArmed;

/* Stands for a describer that trips over the broken machine. */
static BOOLEAN FaultingDescriber(PVOID Address, PCHAR Buffer, SIZE_T Size)
{
    UNREFERENCED_PARAMETER(Address);
    UNREFERENCED_PARAMETER(Buffer);
    UNREFERENCED_PARAMETER(Size);
    if (DescriberArmed) {
        __asm__ volatile("ud2");
    }
    return FALSE;
}
BUGCHECK_DESCRIBER(FaultingDescriber);

CRASH_TEST(CrashNested, "bugcheck/inside-a-bug-check", "0xE2 0x5 0x6 0x7 0x8", "BUG-2")
{
    DescriberArmed = TRUE;
    KeBugCheckEx(MANUALLY_INITIATED_CRASH, 5, 6, 7, 8);
}
