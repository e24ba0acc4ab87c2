/*
 * greet.c - the greeting: what the machine has, in a dozen lines, for whoever reads the log, and
 * `vertarget`, which prints it again at the prompt.
 *
 * The first lines come before the memory manager starts, so that a machine that is too strange for
 * it is described all the same. Nothing here changes from one run to the next under --icount.
 */
#include "boot/boot.h"
#include "executive/io/block.h"
#include "kernel/hal/acpi.h"
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"
#include "mm/mm.h"
#include "tests/test.h"

#define PAGES_IN_A_MEGABYTE (0x100000 / PAGE_SIZE)

/* What is told again when the loader's data is gone. */
static struct {
    const CHAR *Road;
    ULONG64 UsableBytes;
    ULONG Ranges;
} BlMachine;

static VOID BlPrintBeginning(VOID)
{
    DbgPrint("Tarn, booted by %s, %s mode\n", BlMachine.Road, KiCheckedMode ? "checked" : "free");
    DbgPrint("memory: %I64u KB usable in %lu ranges\n", BlMachine.UsableBytes / 1024,
             BlMachine.Ranges);
}

INIT VOID BlBeginGreeting(const BOOT_INFORMATION *Information)
{
    BlMachine.Road = Information->Road;
    BlMachine.Ranges = Information->RangeCount;
    for (ULONG i = 0; i < Information->RangeCount; i++) {
        const BOOT_MEMORY_RANGE *Range = &Information->Ranges[i];
        BlMachine.UsableBytes += Range->Type == BootMemoryUsable ? Range->Size : 0;
    }
    BlPrintBeginning();
}

static VOID BlPrintMemory(VOID)
{
    const MI_REGION *NonPaged = &MiRegions[MiRegionNonPagedPool];
    const MI_REGION *Executable = &MiRegions[MiRegionExecutablePool];
    const MI_REGION *Paged = &MiRegions[MiRegionPagedPool];
    DbgPrint("pages: %I64u of 4 KB, %I64u available, commit limit %I64u\n",
             (ULONG64)MmNumberOfPhysicalPages, (ULONG64)MiAvailablePages(),
             (ULONG64)MmTotalCommitLimit);
    DbgPrint("nonpaged pool: up to %I64u MB at %p, executable at %p\n",
             (ULONG64)NonPaged->Limit / PAGES_IN_A_MEGABYTE, (PVOID)NonPaged->Base,
             (PVOID)Executable->Base);
    DbgPrint("paged pool: up to %I64u MB of addresses at %p\n",
             (ULONG64)Paged->Limit / PAGES_IN_A_MEGABYTE, (PVOID)Paged->Base);
}

static VOID BlPrintRest(VOID)
{
    KiPrintProcessor();
    KiPrintTopology();
    BlPrintMemory();
    HalpPrintDevices();
    IoPrintBlockDevices();
    DbgPrint("ACPI: processors %lu (%lu in use), I/O APICs %lu, NUMA nodes %lu, HPET %I64x\n",
             HalpMachine.ProcessorCount, KeNumberProcessors, HalpMachine.IoApicCount,
             HalpMachine.NodeCount, HalpMachine.Hpet);
    DbgPrint("tests: %u in the quick suite, %u in all, %u crash tests, %u benches\n",
             TestCount("*"), (ULONG)(TestTableEnd - TestTable), (ULONG)(CrashTableEnd - CrashTable),
             (ULONG)(BenchTableEnd - BenchTable));
}

VOID BlGreet(VOID)
{
    BlPrintRest();
}

static VOID VerTargetCommand(const CHAR *Arguments)
{
    UNREFERENCED_PARAMETER(Arguments);
    BlPrintBeginning();
    BlPrintRest();
}
MONITOR_COMMAND("vertarget", "vertarget", "what the machine has", VerTargetCommand);
