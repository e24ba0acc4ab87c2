/*
 * processors.c - starts the other processors: memory for each, and the page where they begin.
 *
 * A processor begins in real mode, below 1 MiB, and goes from there into page tables that have that
 * page at its physical address, read-only and executable. These tables are not the kernel's: the
 * kernel's never have an identity map. Both go back to the page lists as soon as all processors
 * have left them.
 */
#include "boot/boot.h"
#include "kernel/hal/acpi.h"
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/rtl.h"
#include "kernel/rtl/section.h"
#include "mm/mm.h"
#include "mm/pool/cache.h"

BOOT_OPTION(Cpus, "cpus", "cpus=N  use no more than N processors");

#define TABLE_PAGES  4    /* one of each level */
#define VIDEO_MEMORY 0xA0 /* page: where memory below 1 MiB ends */
#define MAX_APIC_ID  254  /* what a local APIC can address */

/* The page where processors begin, and the page tables that map it; MI_NO_PAGE without memory. */
typedef struct _BL_START {
    PFN_NUMBER Page;
    PFN_NUMBER Tables;
} BL_START;

static INIT VOID BlBuildStartTables(const BL_START *Start)
{
    PMMPTE Table[TABLE_PAGES];
    for (ULONG i = 0; i < TABLE_PAGES; i++) {
        Table[i] = MiPfnToAddress(Start->Tables + i);
        MiZeroPage(Start->Tables + i);
    }
    memcpy(Table[0], MiGetPxeAddress(NULL), PAGE_SIZE); /* system space is the kernel's */
    for (ULONG i = 0; i + 1 < TABLE_PAGES; i++) {
        Table[i][0] = MiMakeTableEntry(Start->Tables + i + 1);
    }
    MMPTE Value = MiMakeValidPte(Start->Page, MM_EXECUTE_READ);
    Value.Hard.Global = 0; /* forgotten with these tables */
    Table[TABLE_PAGES - 1][Start->Page] = Value;
}

static INIT BOOLEAN BlPrepareStart(BL_START *Start)
{
    Start->Page = MiAllocateContiguousPages(1, 1, VIDEO_MEMORY - 1, 0);
    Start->Tables =
        MiAllocateContiguousPages(TABLE_PAGES, MI_FIRST_MEGABYTE, MI_FOUR_GIGABYTES - 1, 0);
    if (Start->Page == MI_NO_PAGE || Start->Tables == MI_NO_PAGE) {
        return FALSE;
    }
    BlBuildStartTables(Start);
    HalpPrepareStartup(MiPfnToAddress(Start->Page), (ULONG)(Start->Page * PAGE_SIZE),
                       (ULONG)(Start->Tables * PAGE_SIZE));
    return TRUE;
}

static INIT VOID BlFinishStart(const BL_START *Start)
{
    if (Start->Page != MI_NO_PAGE) {
        MiFreePages(Start->Page, 1);
    }
    if (Start->Tables != MI_NO_PAGE) {
        MiFreePages(Start->Tables, TABLE_PAGES);
    }
}

/* What a processor needs; one that does not answer leaves it to the next. */
typedef struct _BL_PROCESSOR_MEMORY {
    PKI_PROCESSOR Record;
    KI_PROCESSOR_STACKS Stacks;
} BL_PROCESSOR_MEMORY;

/* Near to the processor, which is of Node. */
static INIT BOOLEAN BlAllocateProcessor(BL_PROCESSOR_MEMORY *Memory, ULONG Node)
{
    KI_PROCESSOR_STACKS *Stacks = &Memory->Stacks;
    ULONG Near = Node | MM_ANY_NODE_OK;
    POOL_EXTENDED_PARAMETER Parameter = {{PoolExtendedParameterNumaNode, 0, 0},
                                         {.PreferredNode = Near}};
    Memory->Record = ExAllocatePool3(POOL_FLAG_NON_PAGED, ROUND_TO_PAGES(sizeof(KI_PROCESSOR)),
                                     'cprP', &Parameter, 1); /* whole pages, so aligned */
    Stacks->Dpc = MiAllocateKernelStackOf(Near);
    Stacks->DoubleFault = MiAllocateKernelStackOf(Near);
    Stacks->Nmi = MiAllocateKernelStackOf(Near);
    Stacks->MachineCheck = MiAllocateKernelStackOf(Near);
    Stacks->Idle = MiAllocateKernelStackOf(Near);
    Stacks->IdleLimit = (PCHAR)Stacks->Idle - KERNEL_STACK_PAGES * PAGE_SIZE;
    return Memory->Record != NULL && Stacks->Dpc != NULL && Stacks->DoubleFault != NULL &&
           Stacks->Nmi != NULL && Stacks->MachineCheck != NULL && Stacks->Idle != NULL;
}

/* FALSE when there is no memory for more processors. */
static INIT BOOLEAN BlStartProcessor(ULONG ApicId, ULONG Node, const BL_START *Start,
                                     BL_PROCESSOR_MEMORY *Memory)
{
    if (ApicId > MAX_APIC_ID) {
        DbgPrint("processor with APIC id %lu: no local APIC can address it; left out\n", ApicId);
        return TRUE;
    }
    if (Memory->Record == NULL && !BlAllocateProcessor(Memory, Node)) {
        DbgPrint("no memory for processor %lu; %lu must do\n", ApicId, KeNumberProcessors);
        return FALSE;
    }
    if (KiStartProcessor(Memory->Record, &Memory->Stacks, ApicId,
                         (ULONG)(Start->Page * PAGE_SIZE))) {
        ExpJoinProcessor(KeNumberProcessors - 1);
        Memory->Record = NULL;
    } else {
        DbgPrint("processor with APIC id %lu does not answer; left out\n", ApicId);
    }
    return TRUE;
}

static INIT ULONG BlProcessorLimit(VOID)
{
    const CHAR *Text = KiGetBootOption("cpus");
    ULONG64 Limit = KI_MAX_PROCESSORS;
    if (Text != NULL && (!RtlpParseNumber(&Text, 10, &Limit) || *Text != '\0' || Limit == 0)) {
        DbgPrint("cpus=%s is no number of processors; all are used\n", KiGetBootOption("cpus"));
        Limit = KI_MAX_PROCESSORS;
    }
    return Limit < HalpMachine.ProcessorCount ? (ULONG)Limit : HalpMachine.ProcessorCount;
}

INIT VOID BlStartProcessors(VOID)
{
    BL_START Start;
    BL_PROCESSOR_MEMORY Memory = {.Record = NULL};
    ULONG Limit = BlProcessorLimit();
    if (Limit <= 1) {
        return;
    }
    BOOLEAN Ready = BlPrepareStart(&Start);
    if (!Ready) {
        DbgPrint("no memory below 1 MB for the other processors; one must do\n");
    }
    for (ULONG i = 0; Ready && i < HalpMachine.ProcessorCount && KeNumberProcessors < Limit; i++) {
        const HAL_PROCESSOR *Processor = &HalpMachine.Processors[i];
        Ready = Processor->ApicId == HalpLocalApicId() ||
                BlStartProcessor(Processor->ApicId, Processor->Node, &Start, &Memory);
    }
    BlFinishStart(&Start);
}
