/*
 * command.c - what `!interrupts` is to show: tests/dialogue/ke runs this test and compares.
 */
#include "monitor/monitor.h"
#include "tests/io/interrupts.h"

TEST(CommandInterrupts, "io/command/a-line-with-two-routines-and-a-message", "")
{
    TEST_SERVICE Services[3] = {{.Claims = 0}, {.Claims = 2}, {.Claims = 1}};
    PKINTERRUPT Objects[ARRAYSIZE(Services)];
    UCHAR Line = KiReferenceLine(HalpLineCount() - 1, LevelSensitive);
    UCHAR Message = KiAllocateVectors(1, 11);
    MonExecute("!interrupts");
    REQUIRE(TestConnect(Line, &Services[0], TRUE, &Objects[0]));
    REQUIRE(TestConnect(Line, &Services[1], TRUE, &Objects[1]));
    REQUIRE(TestConnect(Message, &Services[2], FALSE, &Objects[2]));
    HalpRequestSoftwareInterrupt(Line);
    HalpRequestSoftwareInterrupt(Line);
    HalpRequestSoftwareInterrupt(Line);
    HalpRequestSoftwareInterrupt(Message);
    HalpRequestSoftwareInterrupt(0x3C); /* nobody's */
    MonExecute("!interrupts");
    for (ULONG i = 0; i < ARRAYSIZE(Services); i++) {
        IoDisconnectInterrupt(Objects[i]);
    }
    KiDereferenceLine(Line);
    KiFreeVectors(Message, 1);
}
