/*
 * smp_command.c - which processors run and how they and memory lie in nodes: lines of the greeting,
 * and `!numa`.
 */
#include "kernel/hal/acpi.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

#define BYTES_IN_A_MEGABYTE 0x100000

static ULONG64 KiMemoryOfNode(ULONG Node)
{
    ULONG64 Bytes = 0;
    for (ULONG i = 0; i < HalpMachine.NodeRangeCount; i++) {
        Bytes += HalpMachine.NodeRanges[i].Node == Node ? HalpMachine.NodeRanges[i].Size : 0;
    }
    return Bytes;
}

/* " 0 1 2 4", or " none". */
static VOID KiPrintMask(KAFFINITY Mask)
{
    if (Mask == 0) {
        DbgPrint(" none");
    }
    for (; Mask != 0; Mask &= Mask - 1) {
        DbgPrint(" %u", __builtin_ctzll(Mask));
    }
}

static VOID KiPrintNode(USHORT Node)
{
    GROUP_AFFINITY Affinity;
    KeQueryNodeActiveAffinity(Node, &Affinity, NULL);
    DbgPrint("node %u: %I64u MB, processors", Node, KiMemoryOfNode(Node) / BYTES_IN_A_MEGABYTE);
    KiPrintMask(Affinity.Mask);
    DbgPrint(", distances");
    for (ULONG i = 0; i < HalpMachine.NodeCount; i++) {
        DbgPrint(" %u", HalpMachine.Distances[Node][i]);
    }
    DbgPrint("\n");
}

VOID KiPrintTopology(VOID)
{
    DbgPrint("processors: %lu of %lu run, APIC ids", KeNumberProcessors,
             HalpMachine.ProcessorCount + HalpMachine.ProcessorsDropped);
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        DbgPrint(" %lu", KiProcessorBlock[i]->ApicId);
    }
    DbgPrint("\n");
    for (USHORT Node = 0; HalpMachine.NodeCount > 1 && Node < HalpMachine.NodeCount; Node++) {
        KiPrintNode(Node);
    }
}

static VOID NumaCommand(const CHAR *Arguments)
{
    UNREFERENCED_PARAMETER(Arguments);
    for (USHORT Node = 0; Node < HalpMachine.NodeCount; Node++) {
        KiPrintNode(Node);
    }
}
MONITOR_COMMAND("!numa", "!numa", "nodes: memory, processors, distances", NumaCommand);
