/*
 * smp.c - starting the other processors, and what drivers may ask about processors.
 *
 * A processor gets its number, record and stacks from the one that starts it, and begins as its own
 * idle thread. They are started one after the other, so numbers have no gaps even if one of them
 * does not answer. Processor groups: there is one, group 0, for up to 64 processors.
 *
 *   SMP-1  A processor counts (KeNumberProcessors) once it can take interrupts and threads; numbers
 *          go from 0 upwards, and no processor ever leaves.
 */
#include "kernel/hal/acpi.h"
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

/* The first C of another processor. Not in the init section: it never returns. */
static VOID KiProcessorStartup(PVOID Context)
{
    PKI_PROCESSOR Processor = Context;
    PKPRCB Prcb = &Processor->Pcr.Prcb;
    KiWriteIrql(HIGH_LEVEL);
    KiEnterProcessor(Processor);
    HalpInitializeLocalApic();
    HalpStartClock();
    KiJoinDispatcher(Prcb);
    KiWriteIrql(PASSIVE_LEVEL);
    KiBecomeIdle();
}

INIT VOID KiAssignNode(PKPRCB Prcb)
{
    for (ULONG i = 0; i < HalpMachine.ProcessorCount; i++) {
        if (HalpMachine.Processors[i].ApicId == Prcb->ApicId) {
            Prcb->Node = (USHORT)HalpMachine.Processors[i].Node;
        }
    }
}

INIT BOOLEAN KiStartProcessor(PKI_PROCESSOR Processor, const KI_PROCESSOR_STACKS *Stacks,
                              ULONG ApicId, ULONG StartPage)
{
    PKPRCB Prcb = &Processor->Pcr.Prcb;
    RtlZeroMemory(Processor, sizeof(*Processor));
    KiBuildProcessor(Processor, KeNumberProcessors, Stacks);
    KiAdoptThread(Prcb, &Processor->IdleThread, Stacks->Idle, Stacks->IdleLimit);
    KiMakeIdleThread(Prcb, &Processor->IdleThread);
    Prcb->ApicId = ApicId;
    KiAssignNode(Prcb);
    if (!HalpStartProcessor(ApicId, StartPage, Stacks->Idle, KiProcessorStartup, Processor)) {
        return FALSE;
    }
    while (__atomic_load_n(&KeNumberProcessors, __ATOMIC_ACQUIRE) == Prcb->Number) {
        YieldProcessor();
    }
    return TRUE;
}

/* ---- how many -------------------------------------------------------------------------------- */

static inline KAFFINITY KiFirstProcessors(ULONG Count)
{
    return MAXULONG_PTR >> (KI_MAX_PROCESSORS - Count);
}

KAFFINITY NTAPI KeQueryActiveProcessors(VOID)
{
    return KiFirstProcessors(KeNumberProcessors);
}
EXPORT(KeQueryActiveProcessors);

ULONG NTAPI KeQueryActiveProcessorCount(PKAFFINITY ActiveProcessors)
{
    ULONG Count = KeNumberProcessors; /* once: both answers are of one moment */
    if (ActiveProcessors != NULL) {
        *ActiveProcessors = KiFirstProcessors(Count);
    }
    return Count;
}
EXPORT(KeQueryActiveProcessorCount);

static BOOLEAN KiIsGroup(USHORT GroupNumber)
{
    return GroupNumber == 0 || GroupNumber == ALL_PROCESSOR_GROUPS;
}

ULONG NTAPI KeQueryActiveProcessorCountEx(USHORT GroupNumber)
{
    return KiIsGroup(GroupNumber) ? KeNumberProcessors : 0;
}
EXPORT(KeQueryActiveProcessorCountEx);

KAFFINITY NTAPI KeQueryGroupAffinity(USHORT GroupNumber)
{
    return GroupNumber == 0 ? KeQueryActiveProcessors() : 0;
}
EXPORT(KeQueryGroupAffinity);

ULONG NTAPI KeQueryMaximumProcessorCount(VOID)
{
    return KI_MAX_PROCESSORS;
}
EXPORT(KeQueryMaximumProcessorCount);

ULONG NTAPI KeQueryMaximumProcessorCountEx(USHORT GroupNumber)
{
    return KiIsGroup(GroupNumber) ? KI_MAX_PROCESSORS : 0;
}
EXPORT(KeQueryMaximumProcessorCountEx);

USHORT NTAPI KeQueryActiveGroupCount(VOID)
{
    return 1;
}
EXPORT(KeQueryActiveGroupCount);

USHORT NTAPI KeQueryMaximumGroupCount(VOID)
{
    return 1;
}
EXPORT(KeQueryMaximumGroupCount);

/* ---- which one ------------------------------------------------------------------------------- */

ULONG NTAPI KeGetCurrentProcessorNumberEx(PPROCESSOR_NUMBER ProcNumber)
{
    ULONG Index = KeGetCurrentProcessorNumber();
    if (ProcNumber != NULL) {
        *ProcNumber = (PROCESSOR_NUMBER){.Number = (UCHAR)Index};
    }
    return Index;
}
EXPORT(KeGetCurrentProcessorNumberEx);

NTSTATUS NTAPI KeGetProcessorNumberFromIndex(ULONG ProcIndex, PPROCESSOR_NUMBER ProcNumber)
{
    if (ProcIndex >= KeNumberProcessors) {
        return STATUS_INVALID_PARAMETER;
    }
    *ProcNumber = (PROCESSOR_NUMBER){.Number = (UCHAR)ProcIndex};
    return STATUS_SUCCESS;
}
EXPORT(KeGetProcessorNumberFromIndex);

ULONG NTAPI KeGetProcessorIndexFromNumber(PPROCESSOR_NUMBER ProcNumber)
{
    return ProcNumber->Group == 0 && ProcNumber->Number < KeNumberProcessors
               ? ProcNumber->Number
               : INVALID_PROCESSOR_INDEX;
}
EXPORT(KeGetProcessorIndexFromNumber);

/* ---- nodes ----------------------------------------------------------------------------------- */

USHORT NTAPI KeGetCurrentNodeNumber(VOID)
{
    return KeGetCurrentPrcb()->Node;
}
EXPORT(KeGetCurrentNodeNumber);

USHORT NTAPI KeQueryHighestNodeNumber(VOID)
{
    return (USHORT)(HalpMachine.NodeCount - 1);
}
EXPORT(KeQueryHighestNodeNumber);

VOID NTAPI KeQueryNodeActiveAffinity(USHORT NodeNumber, PGROUP_AFFINITY Affinity, PUSHORT Count)
{
    GROUP_AFFINITY Node = {.Mask = 0};
    USHORT Processors = 0;
    for (ULONG i = 0; i < KeNumberProcessors; i++) {
        if (KiProcessorBlock[i]->Node == NodeNumber) {
            Node.Mask |= KiProcessorBlock[i]->SetMember;
            Processors++;
        }
    }
    if (Affinity != NULL) {
        *Affinity = Node;
    }
    if (Count != NULL) {
        *Count = Processors;
    }
}
EXPORT(KeQueryNodeActiveAffinity);

/* The firmware's processors, also those that cpus= keeps from starting. */
USHORT NTAPI KeQueryNodeMaximumProcessorCount(USHORT NodeNumber)
{
    USHORT Count = 0;
    for (ULONG i = 0; i < HalpMachine.ProcessorCount; i++) {
        Count += HalpMachine.Processors[i].Node == NodeNumber;
    }
    return Count;
}
EXPORT(KeQueryNodeMaximumProcessorCount);
