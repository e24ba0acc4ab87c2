/*
 * active.c - tests of IoReportInterruptActive and IoReportInterruptInactive: who is called, and
 * when a line is masked.
 */
#include "tests/io/interrupts.h"

static VOID Report(PKINTERRUPT Interrupt, BOOLEAN Active)
{
    IO_REPORT_INTERRUPT_ACTIVE_STATE_PARAMETERS State = {CONNECT_FULLY_SPECIFIED, {Interrupt}};
    (Active ? IoReportInterruptActive : IoReportInterruptInactive)(&State);
}

TEST(ActiveCalled, "io/active/an-inactive-routine-is-not-called",
     "DDI wdm IoReportInterruptInactive")
{
    TEST_SERVICE Services[2] = {{.Claims = 9}, {.Claims = 9}};
    PKINTERRUPT Interrupts[2];
    UCHAR Vector = KiReferenceLine(HalpLineCount() - 1, LevelSensitive);
    REQUIRE(Vector != 0 && TestConnect(Vector, &Services[0], TRUE, &Interrupts[0]) &&
            TestConnect(Vector, &Services[1], TRUE, &Interrupts[1]));
    Report(Interrupts[0], FALSE);
    HalpRequestSoftwareInterrupt(Vector);
    CHECK_EQ(Services[0].Calls, 0);
    CHECK_EQ(Services[1].Calls, 1);
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    Report(Interrupts[0], TRUE);
    KeLowerIrql(Old);
    HalpRequestSoftwareInterrupt(Vector);
    CHECK_EQ(Services[0].Calls, 1);
    CHECK_EQ(Services[1].Calls, 1);
    IoDisconnectInterrupt(Interrupts[0]);
    IoDisconnectInterrupt(Interrupts[1]);
    KiDereferenceLine(Vector);
}

TEST(ActiveLine, "io/active/a-line-without-active-routines-is-masked", "VECT-2")
{
    TEST_SERVICE Services[2] = {{.Claims = 9}, {.Claims = 9}};
    PKINTERRUPT Interrupts[2];
    ULONG Line = HalpLineCount() - 1;
    UCHAR Vector = KiReferenceLine(Line, LevelSensitive);
    REQUIRE(Vector != 0 && TestConnect(Vector, &Services[0], TRUE, &Interrupts[0]));
    CHECK(!HalpIsLineMasked(Line));
    Report(Interrupts[0], FALSE);
    CHECK(HalpIsLineMasked(Line));
    Report(Interrupts[0], FALSE);
    Report(Interrupts[0], TRUE);
    CHECK(!HalpIsLineMasked(Line));
    Report(Interrupts[0], FALSE);
    REQUIRE(TestConnect(Vector, &Services[1], TRUE, &Interrupts[1])); /* active from the start */
    CHECK(!HalpIsLineMasked(Line));
    IoDisconnectInterrupt(Interrupts[1]);
    CHECK(HalpIsLineMasked(Line));
    Report(Interrupts[0], TRUE);
    CHECK(!HalpIsLineMasked(Line));
    IoDisconnectInterrupt(Interrupts[0]);
    CHECK(HalpIsLineMasked(Line));
    KiDereferenceLine(Vector);
}

TEST(ActiveMessages, "io/active/all-messages-of-a-table-at-once",
     "DDI wdm IO_REPORT_INTERRUPT_ACTIVE_STATE_PARAMETERS: CONNECT_MESSAGE_BASED")
{
    static UCHAR Room[sizeof(IO_INTERRUPT_MESSAGE_INFO) +
                      sizeof(IO_INTERRUPT_MESSAGE_INFO_ENTRY)] DECLSPEC_ALIGN(16);
    PIO_INTERRUPT_MESSAGE_INFO Table = (PVOID)Room;
    TEST_SERVICE Services[2] = {{.Claims = 9}, {.Claims = 9}};
    IO_REPORT_INTERRUPT_ACTIVE_STATE_PARAMETERS State = {CONNECT_MESSAGE_BASED, {Table}};
    UCHAR First = KiAllocateVectors(2, KI_ANY_LEVEL);
    REQUIRE(First != 0);
    Table->MessageCount = 2;
    for (ULONG i = 0; i < 2; i++) {
        PKINTERRUPT *Place = &Table->MessageInfo[i].InterruptObject;
        REQUIRE(TestConnect((UCHAR)(First + i), &Services[i], FALSE, Place));
    }
    for (ULONG Round = 0; Round < 2; Round++) {
        (Round == 0 ? IoReportInterruptInactive : IoReportInterruptActive)(&State);
        for (ULONG i = 0; i < 2; i++) {
            HalpRequestSoftwareInterrupt((UCHAR)(First + i));
            CHECK_EQ(Services[i].Calls, Round);
        }
    }
    for (ULONG i = 0; i < 2; i++) {
        IoDisconnectInterrupt(Table->MessageInfo[i].InterruptObject);
    }
    KiFreeVectors(First, 2);
}

CRASH_TEST(CrashActiveLevel, "io/report-interrupt-active-above-dispatch-level",
           "0xC4 0xE5 0x3 0x0 0x0", "DDI wdm IoReportInterruptActive: IRQL")
{
    TEST_SERVICE Service = {.Claims = 1};
    PKINTERRUPT Interrupt;
    KIRQL Old;
    TestConnect(KiAllocateVectors(1, 5), &Service, FALSE, &Interrupt);
    KeRaiseIrql(3, &Old);
    Report(Interrupt, TRUE);
}
