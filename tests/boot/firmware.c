/*
 * firmware.c - what was read from the ACPI tables, compared with what QEMU itself says about the
 * machine through its configuration device (ports 0x510 and 0x511), which ACPI has no part in.
 *
 * Device: QEMU's docs/specs/fw_cfg. On another machine these tests are skipped.
 */
#include <ntddk.h>
#include "kernel/hal/acpi.h"
#include "kernel/rtl/rtl.h"
#include "tests/test.h"

#define CONFIG_SELECT    ((PUSHORT)0x510)
#define CONFIG_DATA      ((PUCHAR)0x511)
#define CONFIG_SIGNATURE 0x00
#define CONFIG_CPUS      0x05
#define CONFIG_NUMA      0x0D /* number of nodes, node of each APIC id, bytes of each node */
#define CONFIG_MAX_CPUS  0x0F /* one more than the highest APIC id */

static ULONG64 ReadBytes(ULONG Count)
{
    ULONG64 Value = 0;
    for (ULONG i = 0; i < Count; i++) {
        Value |= (ULONG64)READ_PORT_UCHAR(CONFIG_DATA) << 8 * i;
    }
    return Value;
}

static ULONG64 ReadConfig(USHORT Key, ULONG Count)
{
    WRITE_PORT_USHORT(CONFIG_SELECT, Key);
    return ReadBytes(Count);
}

static BOOLEAN IsQemu(VOID)
{
    return ReadConfig(CONFIG_SIGNATURE, 4) == 'UMEQ';
}

TEST(AcpiProcessors, "acpi/processors-are-those-of-the-machine", "ACPI: MADT")
{
    if (!IsQemu()) {
        SKIP("this is not QEMU");
    }
    CHECK_EQ(HalpMachine.ProcessorCount + HalpMachine.ProcessorsDropped,
             ReadConfig(CONFIG_CPUS, 2));
    for (ULONG i = 0; i < HalpMachine.ProcessorCount; i++) {
        CHECK_EQ(HalpMachine.Processors[i].NmiPin, 1);
        CHECK_LT(HalpMachine.Processors[i].ApicId, ReadConfig(CONFIG_MAX_CPUS, 2));
    }
}

TEST(AcpiControllers, "acpi/interrupt-controllers-are-where-a-pc-has-them", "ACPI: MADT")
{
    if (!IsQemu()) {
        SKIP("this is not QEMU");
    }
    CHECK_EQ(HalpMachine.LocalApic, 0xFEE00000);
    CHECK_EQ(HalpMachine.IoApicCount, 1);
    CHECK_EQ(HalpMachine.IoApics[0].Address, 0xFEC00000);
    CHECK_EQ(HalpMachine.IsaLines[0].Line, 2); /* the PIT arrives on line 2 */
    CHECK_EQ(HalpMachine.IsaLines[4].Line, 4);
    CHECK(!HalpMachine.IsaLines[4].Level);
    CHECK(HalpMachine.IsaLines[9].Level); /* the SCI */
}

TEST(AcpiNodes, "acpi/nodes-are-those-of-the-machine", "ACPI: SRAT")
{
    if (!IsQemu()) {
        SKIP("this is not QEMU");
    }
    ULONG64 ApicIds = ReadConfig(CONFIG_MAX_CPUS, 2);
    ULONG64 Nodes = ReadConfig(CONFIG_NUMA, 8);
    CHECK_EQ(HalpMachine.NodeCount, Nodes ? Nodes : 1);
    for (ULONG64 Id = 0; Id < ApicIds && Nodes != 0; Id++) {
        ULONG64 Node = ReadBytes(8);
        for (ULONG i = 0; i < HalpMachine.ProcessorCount; i++) {
            if (HalpMachine.Processors[i].ApicId == Id) {
                CHECK_EQ(HalpMachine.Processors[i].Node, Node);
            }
        }
    }
    for (ULONG64 Node = 0; Node < Nodes; Node++) {
        ULONG64 Sum = 0;
        for (ULONG i = 0; i < HalpMachine.NodeRangeCount; i++) {
            Sum += HalpMachine.NodeRanges[i].Node == Node ? HalpMachine.NodeRanges[i].Size : 0;
        }
        ULONG64 Bytes = ReadBytes(8);
        CHECK_LE(Sum, Bytes);
        CHECK_GE(Sum + 0x60000, Bytes); /* the old video memory and BIOS */
    }
}

TEST(AcpiDistances, "acpi/distances-are-plausible", "ACPI: SLIT")
{
    for (ULONG i = 0; i < HalpMachine.NodeCount; i++) {
        for (ULONG k = 0; k < HalpMachine.NodeCount; k++) {
            if (i == k) {
                CHECK_EQ(HalpMachine.Distances[i][k], HAL_DISTANCE_SELF);
            } else {
                CHECK_GT(HalpMachine.Distances[i][k], HAL_DISTANCE_SELF);
            }
        }
    }
}

TEST(AcpiClocks, "acpi/both-clocks-are-found", "ACPI: FADT and HPET")
{
    if (!IsQemu()) {
        SKIP("this is not QEMU");
    }
    CHECK_EQ(HalpMachine.PmTimerPort, 0x608);
    CHECK_EQ(HalpMachine.Hpet, 0xFED00000);
}
