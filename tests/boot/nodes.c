/*
 * nodes.c - what the kernel made of the firmware's SRAT and SLIT against what the machine was
 * given, which tests/scenarios repeats in a word of the command line.
 */
#include "kernel/hal/acpi.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/rtl.h"
#include "tests/test.h"

BOOT_OPTION(Nodes, "nodes",
            "nodes=MASK:D,D,.../...  processors (hexadecimal) and distances that the nodes have");

/* Reads a number and the character behind it; FALSE when they are not there. */
static BOOLEAN ReadPart(const CHAR **Text, ULONG Base, CHAR End, PULONG64 Value)
{
    if (!RtlpParseNumber(Text, Base, Value) || **Text != End) {
        return FALSE;
    }
    *Text += End != '\0';
    return TRUE;
}

TEST(NodesAsGiven, "boot/nodes-and-distances-are-those-of-the-machine", "ACPI: SRAT and SLIT")
{
    const CHAR *Text = KiGetBootOption("nodes");
    ULONG Count = HalpMachine.NodeCount;
    GROUP_AFFINITY Affinity;
    ULONG64 Given = 0;
    if (Text == NULL) {
        SKIP("the command line does not say what the machine was given");
    }
    for (ULONG i = 0; i < Count; i++) {
        REQUIRE(ReadPart(&Text, 16, ':', &Given));
        KeQueryNodeActiveAffinity((USHORT)i, &Affinity, NULL);
        CHECK_EQ(Affinity.Mask, Given);
        for (ULONG k = 0; k < Count; k++) {
            CHAR End = k + 1 < Count ? ',' : i + 1 < Count ? '/' : '\0';
            REQUIRE(ReadPart(&Text, 10, End, &Given));
            CHECK_EQ(HalpMachine.Distances[i][k], Given);
        }
    }
}
