/*
 * line.c - tests of the I/O APIC's lines with two devices that every PC has: the interval timer
 * (ISA line 0, which the firmware says arrives elsewhere) and the battery clock (line 8).
 */
#include "tests/io/interrupts.h"

#define PIT_CHANNEL0  0x40
#define PIT_COMMAND   0x43
#define PIT_PERIODIC  0x34 /* channel 0, both bytes, mode 2 */
#define PIT_ONCE      0x30 /* channel 0, both bytes, mode 0: counts down, then rests */
#define PIT_COUNT     2400 /* of 1,193,182 a second: half a millisecond */
#define RTC_INDEX     0x70
#define RTC_DATA      0x71
#define RTC_REGISTERB 0x0B
#define RTC_REGISTERC 0x0C
#define RTC_PERIODIC  0x40

#define WANTED 20 /* interrupts */

static VOID StartTimer(VOID)
{
    HalpOut8(PIT_COMMAND, PIT_PERIODIC);
    HalpOut8(PIT_CHANNEL0, PIT_COUNT & 0xFF);
    HalpOut8(PIT_CHANNEL0, PIT_COUNT >> 8);
}

static VOID StopTimer(VOID)
{
    HalpOut8(PIT_COMMAND, PIT_ONCE);
}

typedef struct _LINE_WATCH {
    TEST_SERVICE Service;
    KDPC Dpc;
    KEVENT Enough;
} LINE_WATCH;

static VOID NTAPI TellEnough(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeSetEvent(&((LINE_WATCH *)Context)->Enough, IO_NO_INCREMENT, FALSE);
}

static BOOLEAN NTAPI CountTicks(PKINTERRUPT Interrupt, PVOID ServiceContext)
{
    LINE_WATCH *Watch = ServiceContext;
    TestService(Interrupt, &Watch->Service);
    if (Watch->Service.Calls == WANTED) {
        KeInsertQueueDpc(&Watch->Dpc, NULL, NULL);
    }
    return TRUE;
}

/* The battery clock repeats itself only when register C was read. */
static BOOLEAN NTAPI CountClock(PKINTERRUPT Interrupt, PVOID ServiceContext)
{
    HalpOut8(RTC_INDEX, RTC_REGISTERC);
    return (HalpIn8(RTC_DATA) & RTC_PERIODIC) && CountTicks(Interrupt, ServiceContext);
}

static NTSTATUS ConnectWatch(LINE_WATCH *Watch, UCHAR Vector, PKSERVICE_ROUTINE Routine,
                             KAFFINITY Mask, PKINTERRUPT *Interrupt)
{
    RtlZeroMemory(Watch, sizeof(*Watch));
    KeInitializeDpc(&Watch->Dpc, TellEnough, Watch);
    KeInitializeEvent(&Watch->Enough, NotificationEvent, FALSE);
    return IoConnectInterrupt(Interrupt, Routine, Watch, NULL, Vector, Vector >> 4, Vector >> 4,
                              Latched, FALSE, Mask, FALSE);
}

TEST(LineTimer, "io/line/the-timer-arrives-where-the-firmware-says-on-each-processor",
     "contract: MADT overrides; DDI wdm IoConnectInterrupt: ProcessorEnableMask")
{
    static LINE_WATCH Watch;
    PKINTERRUPT Interrupt;
    ULONG Line = HalpIsaLine(0);
    UCHAR Vector = KiReferenceLine(Line, Latched);
    REQUIRE(Vector != 0);
    StartTimer();
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        CHECK(HalpIsLineMasked(Line));
        REQUIRE_EQ(ConnectWatch(&Watch, Vector, CountTicks, 1ULL << i, &Interrupt), STATUS_SUCCESS);
        CHECK(!HalpIsLineMasked(Line));
        KeWaitForSingleObject(&Watch.Enough, Executive, KernelMode, FALSE, NULL);
        IoDisconnectInterrupt(Interrupt);
        CHECK_GE(Watch.Service.Calls, WANTED);
        CHECK_EQ(Watch.Service.SeenOn, 1ULL << i);
        CHECK_EQ(Watch.Service.Irql, Vector >> 4);
        KeFlushQueuedDpcs();
    }
    StopTimer();
    CHECK(HalpIsLineMasked(Line));
    KiDereferenceLine(Vector);
}

TEST(LineClock, "io/line/the-battery-clock-interrupts-when-it-was-acknowledged", "TRAP-3")
{
    static LINE_WATCH Watch;
    PKINTERRUPT Interrupt;
    UCHAR Vector = KiReferenceLine(HalpIsaLine(8), Latched);
    REQUIRE(Vector != 0);
    REQUIRE_EQ(ConnectWatch(&Watch, Vector, CountClock, KeQueryActiveProcessors(), &Interrupt),
               STATUS_SUCCESS);
    KIRQL Old = KeAcquireInterruptSpinLock(Interrupt); /* index and data belong together */
    HalpOut8(RTC_INDEX, RTC_REGISTERB);
    UCHAR Before = HalpIn8(RTC_DATA);
    HalpOut8(RTC_INDEX, RTC_REGISTERB);
    HalpOut8(RTC_DATA, Before | RTC_PERIODIC);
    HalpOut8(RTC_INDEX, RTC_REGISTERC);
    HalpIn8(RTC_DATA);
    KeReleaseInterruptSpinLock(Interrupt, Old);
    KeWaitForSingleObject(&Watch.Enough, Executive, KernelMode, FALSE, NULL);
    Old = KeAcquireInterruptSpinLock(Interrupt);
    HalpOut8(RTC_INDEX, RTC_REGISTERB);
    HalpOut8(RTC_DATA, Before);
    KeReleaseInterruptSpinLock(Interrupt, Old);
    IoDisconnectInterrupt(Interrupt);
    CHECK_GE(Watch.Service.Calls, WANTED);
    KeFlushQueuedDpcs();
    KiDereferenceLine(Vector);
}
