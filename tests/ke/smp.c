/*
 * smp.c - tests of kernel/ke/smp.c: every processor of the machine runs, with a record, tables and
 * stacks of its own, and drivers are told the truth about them.
 */
#include "kernel/hal/acpi.h"
#include "kernel/hal/hal.h"
#include "kernel/rtl/rtl.h"
#include "tests/ke/smp.h"

#define MSR_EFER     0xC0000080
#define MSR_GS_BASE  0xC0000101
#define SELECTOR_TSS 0x18

PKTHREAD TestStartOn(ULONG Processor, PKSTART_ROUTINE Routine, PVOID Context)
{
    PKTHREAD Thread = TestCreateThread(Routine, Context, KI_PRIORITY_DEFAULT);
    Thread->Affinity = Thread->UserAffinity = 1ULL << Processor;
    Thread->IdealProcessor = (UCHAR)Processor;
    KiStartThread(Thread);
    return Thread;
}

/* ---- what each processor says about itself --------------------------------------------------- */

typedef struct _TABLE_REGISTER {
    USHORT Limit;
    ULONG64 Base;
} __attribute__((packed)) TABLE_REGISTER;

typedef struct _REPORT {
    ULONG64 Gs, Cr0, Cr3, Cr4, Efer;
    TABLE_REGISTER Gdt, Idt;
    USHORT Task;
    ULONG ApicId, Number, MxCsr;
    PKTHREAD Thread;
    KIRQL Irql;
} REPORT;

static REPORT Reports[KI_MAX_PROCESSORS];

static ULONG64 ReadModelRegister(ULONG Register)
{
    ULONG Low, High;
    __asm__ volatile("rdmsr" : "=a"(Low), "=d"(High) : "c"(Register));
    return (ULONG64)High << 32 | Low;
}

static ULONG_PTR NTAPI FillReport(ULONG_PTR Argument)
{
    REPORT *Report = &Reports[KeGetCurrentProcessorNumber()];
    UNREFERENCED_PARAMETER(Argument);
    Report->Gs = ReadModelRegister(MSR_GS_BASE);
    Report->Efer = ReadModelRegister(MSR_EFER);
    __asm__ volatile("movq %%cr0, %0; movq %%cr3, %1; movq %%cr4, %2"
                     : "=r"(Report->Cr0), "=r"(Report->Cr3), "=r"(Report->Cr4));
    __asm__ volatile("sgdt %0; sidt %1; str %2; stmxcsr %3"
                     : "=m"(Report->Gdt), "=m"(Report->Idt), "=m"(Report->Task),
                       "=m"(Report->MxCsr));
    Report->ApicId = HalpLocalApicId();
    Report->Number = KeGetCurrentPrcb()->Number;
    Report->Thread = KeGetCurrentThread();
    Report->Irql = KeGetCurrentIrql();
    return 0;
}

static VOID CollectReports(VOID)
{
    RtlZeroMemory(Reports, sizeof(Reports));
    KeIpiGenericCall(FillReport, 0);
}

TEST(SmpAll, "processor/all-of-the-machine-run", "SMP-1")
{
    ULONG64 Limit = KI_MAX_PROCESSORS;
    const CHAR *Word = KiGetBootOption("cpus");
    if (Word != NULL) {
        RtlpParseNumber(&Word, 10, &Limit);
    }
    CHECK_EQ(KeNumberProcessors,
             HalpMachine.ProcessorCount < Limit ? HalpMachine.ProcessorCount : Limit);
    for (ULONG i = 0; i < KI_MAX_PROCESSORS; i++) {
        CHECK_EQ(KiProcessorBlock[i] != NULL, i < KeNumberProcessors);
    }
}

TEST(SmpRecord, "processor/each-has-a-record-tables-and-task-state", "driver-abi: gs:[0x18]")
{
    CollectReports();
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        PKPCR Pcr = CONTAINING_RECORD(KiProcessorBlock[i], KPCR, Prcb);
        CHECK_EQ(Reports[i].Gs, (ULONG_PTR)Pcr);
        CHECK_EQ(Pcr->Self, Pcr);
        CHECK_EQ(Pcr->CurrentPrcb, &Pcr->Prcb);
        CHECK_EQ(Pcr->Prcb.LegacyNumber, i);
        CHECK_EQ(Reports[i].Number, i);
        CHECK_EQ(Reports[i].Gdt.Base, (ULONG_PTR)Pcr->GdtBase);
        CHECK_EQ(Reports[i].Idt.Base, Reports[0].Idt.Base);
        CHECK_EQ(Reports[i].Task, SELECTOR_TSS);
        CHECK(i == 0 || Pcr->TssBase != KiFindPcr(0)->TssBase);
        CHECK_EQ(Reports[i].Irql, IPI_LEVEL);
    }
}

TEST(SmpRegisters, "processor/control-registers-are-the-same-everywhere", "DESIGN: W^X, SMEP, UMIP")
{
    CollectReports();
    for (ULONG i = 1; i < KeNumberProcessors; i++) {
        CHECK_EQ(Reports[i].Cr0, Reports[0].Cr0);
        CHECK_EQ(Reports[i].Cr3, Reports[0].Cr3);
        CHECK_EQ(Reports[i].Cr4, Reports[0].Cr4);
        CHECK_EQ(Reports[i].Efer, Reports[0].Efer);
        CHECK_EQ(Reports[i].MxCsr, 0x1F80);
    }
}

TEST(SmpApicIds, "processor/numbers-follow-the-firmwares-order", "SMP-1")
{
    ULONG Last = 0, Found;
    CollectReports();
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        CHECK_EQ(Reports[i].ApicId, KiProcessorBlock[i]->ApicId);
        for (Found = 0; HalpMachine.Processors[Found].ApicId != Reports[i].ApicId; Found++) {
            REQUIRE(Found < HAL_MAX_PROCESSORS - 1);
        }
        CHECK(i <= 1 || Found > Last);
        Last = i == 0 ? 0 : Found;
    }
}

TEST(SmpIdle, "processor/the-others-are-idle-threads-while-nobody-wants-them", "READY-2")
{
    CollectReports();
    for (ULONG i = 1; i < KeNumberProcessors; i++) {
        CHECK_EQ(Reports[i].Thread, KiProcessorBlock[i]->IdleThread);
        CHECK_EQ(Reports[i].Thread->Priority, KI_IDLE_PRIORITY);
    }
}

TEST(SmpStacks, "processor/each-has-stacks-over-guard-pages", "guard page under every stack")
{
    for (ULONG i = 1; i < KeNumberProcessors; i++) {
        PKI_PROCESSOR Processor = CONTAINING_RECORD(KiProcessorBlock[i], KI_PROCESSOR, Pcr.Prcb);
        PVOID Tops[] = {Processor->Pcr.Prcb.DpcStack, Processor->IdleThread.StackBase,
                        (PVOID)Processor->Tss.Ist[0], (PVOID)Processor->Tss.Ist[1],
                        (PVOID)Processor->Tss.Ist[2]};
        for (ULONG k = 0; k < ARRAYSIZE(Tops); k++) {
            PCHAR Limit = (PCHAR)Tops[k] - KERNEL_STACK_PAGES * PAGE_SIZE;
            CHECK(MmIsAddressValid((PCHAR)Tops[k] - 1));
            CHECK(MmIsAddressValid(Limit));
            CHECK(!MmIsAddressValid(Limit - 1));
            CHECK(k == 0 || Tops[k] != Tops[k - 1]);
        }
    }
}

TEST(SmpClock, "processor/the-clock-ticks-on-each", "HalpStartClock")
{
    ULONG64 Before[KI_MAX_PROCESSORS];
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        Before[i] = __atomic_load_n(&KiProcessorBlock[i]->ClockTicks, __ATOMIC_RELAXED);
    }
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        while (__atomic_load_n(&KiProcessorBlock[i]->ClockTicks, __ATOMIC_RELAXED) == Before[i]) {
            __asm__ volatile("hlt");
        }
    }
}

static VOID NTAPI NoteProcessor(PVOID Context)
{
    *(ULONG *)Context = KeGetCurrentProcessorNumber();
}

TEST(SmpThreads, "processor/a-thread-runs-on-each", "THRD-4")
{
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        ULONG Where = MAXULONG;
        TestJoinThread(TestStartOn(i, NoteProcessor, &Where));
        CHECK_EQ(Where, i);
    }
}

/* ---- what drivers may ask -------------------------------------------------------------------- */

TEST(SmpCounts, "processor/counts-and-masks-agree",
     "DDI wdm KeQueryActiveProcessorCount and others")
{
    KAFFINITY Mask = 0;
    ULONG Count = KeQueryActiveProcessorCount(&Mask);
    CHECK_EQ(Count, KeNumberProcessors);
    CHECK_EQ(KeQueryActiveProcessorCount(NULL), Count);
    CHECK_EQ(Mask, Count == 64 ? MAXULONG_PTR : (1ULL << Count) - 1);
    CHECK_EQ(KeQueryActiveProcessors(), Mask);
    CHECK_EQ(KeQueryGroupAffinity(0), Mask);
    CHECK_EQ(KeQueryGroupAffinity(1), 0);
    CHECK_EQ(KeQueryActiveProcessorCountEx(0), Count);
    CHECK_EQ(KeQueryActiveProcessorCountEx(ALL_PROCESSOR_GROUPS), Count);
    CHECK_EQ(KeQueryActiveProcessorCountEx(1), 0);
    CHECK_GE(KeQueryMaximumProcessorCount(), Count);
    CHECK_EQ(KeQueryMaximumProcessorCountEx(0), KeQueryMaximumProcessorCount());
    CHECK_EQ(KeQueryMaximumProcessorCountEx(1), 0);
    CHECK_EQ(KeQueryActiveGroupCount(), 1);
    CHECK_EQ(KeQueryMaximumGroupCount(), 1);
}

TEST(SmpNumbers, "processor/index-and-number-turn-into-each-other", "DDI wdm PROCESSOR_NUMBER")
{
    PROCESSOR_NUMBER Number;
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        Number = (PROCESSOR_NUMBER){7, 7, 7};
        CHECK_STATUS(KeGetProcessorNumberFromIndex(i, &Number), STATUS_SUCCESS);
        CHECK_EQ(Number.Group, 0);
        CHECK_EQ(Number.Number, i);
        CHECK_EQ(Number.Reserved, 0);
        CHECK_EQ(KeGetProcessorIndexFromNumber(&Number), i);
    }
    Number = (PROCESSOR_NUMBER){7, 7, 7};
    CHECK_STATUS(KeGetProcessorNumberFromIndex(KeNumberProcessors, &Number),
                 STATUS_INVALID_PARAMETER);
    CHECK_EQ(Number.Group, 7);
    CHECK_EQ(KeGetProcessorIndexFromNumber(&Number), INVALID_PROCESSOR_INDEX);
    Number = (PROCESSOR_NUMBER){0, (UCHAR)KeNumberProcessors, 0};
    CHECK_EQ(KeGetProcessorIndexFromNumber(&Number), INVALID_PROCESSOR_INDEX);
    CHECK_EQ(KeGetCurrentProcessorNumberEx(NULL), 0);
    CHECK_EQ(KeGetCurrentProcessorNumberEx(&Number), 0);
    CHECK_EQ(Number.Number, 0);
}

static VOID NTAPI NoteNumber(PVOID Context)
{
    PROCESSOR_NUMBER Number = {9, 9, 9};
    ULONG *Noted = Context;
    Noted[0] = KeGetCurrentProcessorNumberEx(&Number);
    Noted[1] = Number.Number + 1000U * Number.Group + 1000U * Number.Reserved;
    Noted[2] = KeGetCurrentNodeNumber();
}

TEST(SmpCurrent, "processor/the-current-number-and-node-are-those-of-the-caller",
     "DDI wdm KeGetCurrentProcessorNumberEx, KeGetCurrentNodeNumber")
{
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        ULONG Noted[3] = {MAXULONG, MAXULONG, MAXULONG};
        TestJoinThread(TestStartOn(i, NoteNumber, Noted));
        CHECK_EQ(Noted[0], i);
        CHECK_EQ(Noted[1], i);
        for (ULONG k = 0; k < HalpMachine.ProcessorCount; k++) {
            if (HalpMachine.Processors[k].ApicId == KiProcessorBlock[i]->ApicId) {
                CHECK_EQ(Noted[2], HalpMachine.Processors[k].Node);
            }
        }
    }
}

TEST(SmpNodes, "processor/each-is-in-one-node", "DDI wdm KeQueryNodeActiveAffinity")
{
    GROUP_AFFINITY Affinity;
    USHORT Count, Highest = KeQueryHighestNodeNumber();
    KAFFINITY All = 0;
    CHECK_EQ(Highest + 1, HalpMachine.NodeCount);
    for (USHORT Node = 0; Node <= Highest; Node++) {
        RtlFillMemory(&Affinity, sizeof(Affinity), 0xA5);
        KeQueryNodeActiveAffinity(Node, &Affinity, &Count);
        CHECK_EQ(All & Affinity.Mask, 0);
        CHECK_EQ(Affinity.Group, 0);
        CHECK_EQ(Affinity.Reserved[0] | Affinity.Reserved[1] | Affinity.Reserved[2], 0);
        CHECK_LE(Count, KeQueryNodeMaximumProcessorCount(Node));
        All |= Affinity.Mask;
        for (KAFFINITY Left = Affinity.Mask; Left != 0; Left &= Left - 1) {
            Count--;
        }
        CHECK_EQ(Count, 0);
    }
    CHECK_EQ(All, KeQueryActiveProcessors());
    KeQueryNodeActiveAffinity((USHORT)(Highest + 1), &Affinity, &Count);
    CHECK_EQ(Affinity.Mask, 0);
    CHECK_EQ(Count, 0);
    CHECK_EQ(KeQueryNodeMaximumProcessorCount((USHORT)(Highest + 1)), 0);
    KeQueryNodeActiveAffinity(0, NULL, NULL);
}
