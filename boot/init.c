/*
 * init.c - the one init sequence: from the first instruction of C to the tests and the prompt.
 *
 * entry.S calls KiSystemStartup once, on processor 0, with interrupts off, on the boot stack, in
 * the strict page tables. Read from top to bottom, this file is the order in which the house is
 * built. What only start-up needs is in the init section and given back to the page allocator
 * before the first test runs.
 */
#include "boot/boot.h"
#include "drivers/drivers.h"
#include "executive/ex/ex.h"
#include "executive/ex/lookaside.h"
#include "executive/io/io.h"
#include "executive/io/paging.h"
#include "executive/ps/ps.h"
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/rtl.h"
#include "kernel/rtl/section.h"
#include "mm/mm.h"
#include "mm/paging.h"
#include "mm/pool/cache.h"
#include "mm/pool/verify.h"
#include "mm/pressure.h"
#include "monitor/monitor.h"
#include "tests/test.h"

BOOT_OPTION(Prompt, "prompt",
            "prompt  stop at the monitor prompt when what the other words choose is done");

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

/* Before the first thread that could wait. */
static INIT VOID KiStartIdleThread(VOID)
{
    static KTHREAD KiIdleThread;
    PCHAR StackBase = MiAllocateKernelStack();
    KiCreateIdleThread(KeGetCurrentPrcb(), &KiIdleThread, StackBase,
                       StackBase - KERNEL_STACK_PAGES * PAGE_SIZE);
}

static INIT VOID KiInitializeMachine(ULONG Road, ULONG64 LoaderData)
{
    KiWriteIrql(HIGH_LEVEL);
    HalpInitializeConsole();
    KiInitializeProcessor();
    KiReadLoaderData(Road, LoaderData);
    KiParseCommandLine(KiBootInformation.CommandLine);
    RtlpInitializeLog();
    BlBeginGreeting(&KiBootInformation);
    KiReportUnknownWords();
    BlReadFirmware(&KiBootInformation);
    HalpInitializeApic();
    HalpBeginCalibration();
    KiAssignNode(KeGetCurrentPrcb());
    MmInitialize(&KiBootInformation);
    KiRegisterAddressProbe(MiIsAddressValid);
    ExpInitializePools();
    ExpInitializePlatform();
    ExpProvideTables();
    ExpReadPoolWords();
    MiReadPressureWord();
    ExpReadVerifierWord();
    KiStartIdleThread();
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
    BlGreet();
    BOOLEAN Interactive = KiBootWordCount() == 0, Prompt = KiGetBootOption("prompt") != NULL;
    BOOLEAN Known = TestIsSelectionKnown();
    if (!Known && !Prompt) {
        HalpExit(HAL_EXIT_BAD_START);
    }
    ULONG Failed = !Known || (Prompt && !TestIsAnythingChosen()) ? 0 : TestRunSelected();
    if (!Interactive && !Prompt) {
        HalpExit(Failed ? HAL_EXIT_FAIL : HAL_EXIT_PASS);
    }
    DbgPrint("help lists what can be asked, vertarget shows the machine again, quit leaves\n");
    MonRun();
}

static INIT VOID KiStartMemoryThread(PKSTART_ROUTINE Routine, KPRIORITY Priority)
{
    PETHREAD Thread;
    NTSTATUS Status = PspCreateThread(Routine, NULL, Priority, &Thread);
    if (!NT_SUCCESS(Status)) {
        KeBugCheckEx(PHASE1_INITIALIZATION_FAILED, (ULONG_PTR)(LONG_PTR)Status, 0, 0, 0);
    }
    ObfDereferenceObject(Thread);
}

/* mm has no threads of its own: these run its routines, at the priorities that NT has for them. */
static INIT VOID KiStartMemoryThreads(VOID)
{
    MiInitializeInPage();
    MiInitializeWriter();
    MiInitializeWorkingSet();
    MiInitializeZeroing();
    KiStartMemoryThread(MiModifiedPageWriter, LOW_REALTIME_PRIORITY + 1);
    KiStartMemoryThread(MiBalanceSetManager, LOW_REALTIME_PRIORITY);
    KiStartMemoryThread(MiZeroPageThread, LOW_PRIORITY);
}

INIT VOID KiSystemStartup(ULONG Road, ULONG64 LoaderData)
{
    KiInitializeMachine(Road, LoaderData);
    KiWriteIrql(PASSIVE_LEVEL);
    __asm__ volatile("sti");
    BlStartProcessors();
    ObInitialize();
    PspInitializeThreads();
    PspStartDpcThreads();
    ExpInitializeEvents();
    ExpInitializeConditions();
    IopInitialize();
    KiStartMemoryThreads();
    ExpInitializeWorkers();
    ExpInitializeLookasides();
    VirtioStartDisks();
    IoOpenPagingFiles();
    KiRunHouse();
}
