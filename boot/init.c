/*
 * init.c - the one init sequence: from the first instruction of C to the tests and the prompt.
 *
 * entry.S calls KiSystemStartup once, on processor 0, with interrupts off, on the boot stack, in
 * the strict page tables. Read from top to bottom, this file is the order in which the house is
 * built. What only start-up needs is in the init section and given back to the page allocator
 * before the first test runs.
 */
#include "boot/boot.h"
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/rtl.h"
#include "kernel/rtl/section.h"
#include "mm/mm.h"
#include "mm/pool/pool.h"
#include "tests/test.h"

BOOT_OPTION(Prompt, "prompt", "prompt  stop at the monitor prompt when the tests are done");

#define ROAD_PVH 0

VOID KiSystemStartup(ULONG Road, ULONG64 LoaderData);

static BOOT_INFORMATION INITDATA KiBootInformation;

static INIT VOID KiReadLoaderData(ULONG Road, ULONG64 LoaderData)
{
    const CHAR *Wrong = Road == ROAD_PVH ? BlReadPvh(LoaderData, &KiBootInformation)
                                         : BlReadMultiboot2(LoaderData, &KiBootInformation);
    if (Wrong == NULL) {
        Wrong = BlSanitiseMap(&KiBootInformation);
    }
    if (Wrong != NULL) {
        RtlpPrintRaw("# Tarn cannot start: %s\n", Wrong);
        HalpExit(HAL_EXIT_BAD_START);
    }
}

static INIT VOID KiGreet(VOID)
{
    ULONG64 Usable = 0;
    for (ULONG i = 0; i < KiBootInformation.RangeCount; i++) {
        const BOOT_MEMORY_RANGE *Range = &KiBootInformation.Ranges[i];
        Usable += Range->Type == BootMemoryUsable ? Range->Size : 0;
    }
    DbgPrint("Tarn, booted by %s, %s mode\n", KiBootInformation.Road,
             KiCheckedMode ? "checked" : "free");
    DbgPrint("memory: %I64u KB usable in %lu ranges\n", Usable / 1024,
             KiBootInformation.RangeCount);
}

static INIT VOID KiInitializeMachine(ULONG Road, ULONG64 LoaderData)
{
    KiWriteIrql(HIGH_LEVEL);
    HalpInitializeConsole();
    KiInitializeProcessor();
    KiReadLoaderData(Road, LoaderData);
    KiParseCommandLine(KiBootInformation.CommandLine);
    RtlpInitializeLog();
    KiGreet();
    KiReportUnknownWords();
    MmInitialize(&KiBootInformation);
    KiRegisterAddressProbe(MmIsAddressValid);
    ExpInitializePools();
    HalpInitializeApic();
    HalpCalibrate();
    KiInitializeTime();
    HalpStartClock();
    HalpEnableConsoleInput();
}

/* From here on in ordinary text: the init section is about to go. */
static __attribute__((noinline)) DECLSPEC_NORETURN VOID KiRunHouse(VOID)
{
    MmFreeBootMemory();
    MiAssertNoWritableExecutable();
    ULONG Failed = TestRunSelected();
    HalpExit(Failed ? HAL_EXIT_FAIL : HAL_EXIT_PASS);
}

INIT VOID KiSystemStartup(ULONG Road, ULONG64 LoaderData)
{
    KiInitializeMachine(Road, LoaderData);
    KiWriteIrql(PASSIVE_LEVEL);
    __asm__ volatile("sti");
    KiRunHouse();
}
