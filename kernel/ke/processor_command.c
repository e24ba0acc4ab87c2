/*
 * processor_command.c - what processors there are and what they do: lines of the greeting,
 * `!cpuinfo` and `!pcr`.
 */
#include <cpuid.h>
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

#define LEAF_VENDOR     0
#define LEAF_VERSION    1
#define LEAF_STRUCTURED 7
#define LEAF_EXTENDED   0x80000001
#define LEAF_BRAND      0x80000002 /* and the two behind it: 16 characters each */
#define LEAF_POWER      0x80000007

typedef struct _KI_CPUID {
    ULONG Eax, Ebx, Ecx, Edx;
} KI_CPUID;

/* All zeros for a leaf that the processor does not have. */
static KI_CPUID KiQueryCpuid(ULONG Leaf)
{
    KI_CPUID Value = {0};
    __get_cpuid_count(Leaf, 0, &Value.Eax, &Value.Ebx, &Value.Ecx, &Value.Edx);
    return Value;
}

/* The brand without the blanks that some put in front. */
static VOID KiQueryBrand(CHAR Brand[3 * sizeof(KI_CPUID) + 1])
{
    CHAR Text[3 * sizeof(KI_CPUID) + 1] = "";
    for (ULONG i = 0; i < 3; i++) {
        KI_CPUID Part = KiQueryCpuid(LEAF_BRAND + i);
        memcpy(Text + i * sizeof(Part), &Part, sizeof(Part));
    }
    const CHAR *First = Text;
    while (*First == ' ') {
        First++;
    }
    memcpy(Brand, *First != '\0' ? First : "(without a brand)",
           *First != '\0' ? strlen(First) + 1 : sizeof("(without a brand)"));
}

/* Features that matter to a kernel; a bit each. */
static VOID KiPrintFeatures(VOID)
{
    const KI_CPUID Version = KiQueryCpuid(LEAF_VERSION), Power = KiQueryCpuid(LEAF_POWER);
    const KI_CPUID Extended = KiQueryCpuid(LEAF_EXTENDED);
    const KI_CPUID Structured = KiQueryCpuid(LEAF_STRUCTURED);
    const struct {
        const CHAR *Name;
        ULONG Register;
        ULONG Bit;
    } Features[] = {{"NX", Extended.Edx, 20},        {"SMEP", Structured.Ebx, 7},
                    {"UMIP", Structured.Ecx, 2},     {"SMAP", Structured.Ebx, 20},
                    {"1G-pages", Extended.Edx, 26},  {"PCID", Version.Ecx, 17},
                    {"x2APIC", Version.Ecx, 21},     {"TSC-deadline", Version.Ecx, 24},
                    {"invariant-TSC", Power.Edx, 8}, {"RDRAND", Version.Ecx, 30},
                    {"hypervisor", Version.Ecx, 31}};
    DbgPrint("features:");
    for (ULONG i = 0; i < RTL_NUMBER_OF(Features); i++) {
        if (Features[i].Register >> Features[i].Bit & 1) {
            DbgPrint(" %s", Features[i].Name);
        }
    }
    DbgPrint("\n");
}

VOID KiPrintProcessor(VOID)
{
    CHAR Brand[3 * sizeof(KI_CPUID) + 1];
    KI_CPUID Vendor = KiQueryCpuid(LEAF_VENDOR), Version = KiQueryCpuid(LEAF_VERSION);
    CHAR Name[3 * sizeof(ULONG) + 1] = "";
    ULONG Family = Version.Eax >> 8 & 0xF, Model = Version.Eax >> 4 & 0xF;
    /* Intel SDM volume 2, CPUID leaf 1: the extended fields count only where the short are full. */
    Model |= Family == 6 || Family == 15 ? Version.Eax >> 12 & 0xF0 : 0;
    Family += Family == 15 ? Version.Eax >> 20 & 0xFF : 0;
    memcpy(Name, &Vendor.Ebx, sizeof(ULONG));
    memcpy(Name + 4, &Vendor.Edx, sizeof(ULONG));
    memcpy(Name + 8, &Vendor.Ecx, sizeof(ULONG));
    KiQueryBrand(Brand);
    DbgPrint("processor: %s, %s family %u model %u stepping %u\n", Brand, Name, Family, Model,
             Version.Eax & 0xF);
    KiPrintFeatures();
}

static VOID CpuInfoCommand(const CHAR *Arguments)
{
    UNREFERENCED_PARAMETER(Arguments);
    KiPrintProcessor();
}
MONITOR_COMMAND("!cpuinfo", "!cpuinfo", "the processor's kind and features", CpuInfoCommand);

/* ---- !pcr ------------------------------------------------------------------------------------ */

#define PCR_USAGE "!pcr [PROCESSOR]"

static VOID PcrCommand(const CHAR *Arguments)
{
    ULONG64 Number = 0;
    ULONG Count = 0;
    if (!KiReadArguments(PCR_USAGE, Arguments, 1, &Number, &Count)) {
        return;
    }
    PKPCR Pcr = KiFindPcr(Number);
    if (Pcr == NULL) {
        DbgPrint("there is no processor 0x%I64x\n", Number);
        return;
    }
    PKPRCB Prcb = &Pcr->Prcb;
    DbgPrint("KPCR for Processor %I64u at %p:\n", Number, Pcr);
    DbgPrint("            SelfPcr: %p\n               Prcb: %p\n", Pcr->Self, Prcb);
    DbgPrint("                IDT: %p\n                GDT: %p\n                TSS: %p\n",
             Pcr->IdtBase, Pcr->GdtBase, Pcr->TssBase);
    DbgPrint("      CurrentThread: %p\n         NextThread: %p\n         IdleThread: %p\n",
             Prcb->CurrentThread, Prcb->NextThread, Prcb->IdleThread);
    DbgPrint("           DpcQueue: %lu waiting, %I64u run, stack %p\n", Prcb->Dpcs.Depth,
             Prcb->DpcCount, Prcb->DpcStack);
    DbgPrint("         Interrupts: %I64u, %I64u of them the clock's\n", Prcb->InterruptCount,
             Prcb->ClockTicks);
    DbgPrint("            Threads: %I64u switches, %I64u waits, %I64u requests to others\n",
             Prcb->ContextSwitches, Prcb->WaitCount, Prcb->RequestCount);
}
MONITOR_COMMAND("!pcr", PCR_USAGE, "a processor's control region and counters", PcrCommand);
