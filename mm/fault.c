/*
 * fault.c - page faults: the trap entry calls MmAccessFault, which makes the touch good or stops
 * the machine with the bug check that says what was wrong with it.
 *
 * Theory. A fault on an entry that is valid is a violation of its rights (0xBE, 0xFC), or it is
 * over: somebody else made the page good, or this processor remembered an older entry. A fault on
 * an entry that is not valid is legal when the entry promises a page (a software PTE with a
 * protection) and the touch came at IRQL <= APC_LEVEL. At DISPATCH_LEVEL and above nobody could
 * wait for a disk, so the rule is kept even where the page could be had at once: bug check 0xA.
 * Where nothing is promised, the address means nothing, and it is 0x50 at any IRQL. User space is
 * pageable by nature: touching what is not there is 0xA at DISPATCH_LEVEL; below, it is a
 * STATUS_ACCESS_VIOLATION that whoever guards the touch may handle, and 0x50 if nobody does.
 *
 * In special pool it is 0xCC or 0xCD.
 *
 * Only those are decided here; when the instruction or the address belongs to a driver image,
 * the code is refined as the contract (3.7) says, just before the stop.
 *
 *   FAULT-1  A demand-zero page reads as zero at its first touch, whoever else touches it then.
 *   FAULT-2  At DISPATCH_LEVEL and above no fault is resolved.
 *   FAULT-3  The entry is published last: PFN data is complete when another processor sees it.
 *   FAULT-4  A fault that may be resolved always is: commit was charged when the page was promised.
 *            With a paging file it may have to wait until another page has been written.
 *   FAULT-5  A page that can't be read is STATUS_IN_PAGE_ERROR for whoever guards the touch, with
 *            the disk's status as its third parameter, and 0x7A if nobody does.
 */
#include "mm/paging.h"

#define EFLAGS_IF 0x200

/* Reasons of bug check 0x50, its fourth parameter. */
#define FREED_PTE              0
#define NOT_PRESENT_PAGE_TABLE 2
#define NON_CANONICAL          4
#define USER_VA                0xF

MI_IMAGE_RANGE MiImageRanges[MI_MAX_IMAGES];
MI_FAULT_COUNTERS MiFaults;

typedef struct _MI_FAULT {
    PVOID Address;
    ULONG_PTR ErrorCode;
    PKTRAP_FRAME Frame;
    KIRQL Irql;
    MI_VA_KIND Kind;
    MI_WALK Walk;
} MI_FAULT, *PMI_FAULT;

static VOID MiCount(PULONG64 Counter)
{
    __atomic_fetch_add(Counter, 1, __ATOMIC_RELAXED);
}

/* ---- stops ----------------------------------------------------------------------------------- */

static BOOLEAN MiIsInImage(ULONG_PTR Address, BOOLEAN Unloaded)
{
    for (ULONG i = 0; i < MI_MAX_IMAGES; i++) {
        const MI_IMAGE_RANGE *Range = &MiImageRanges[i];
        if (Range->Start != 0 && Address >= Range->Start && Address < Range->End &&
            Range->Unloaded == Unloaded) {
            return TRUE;
        }
    }
    return FALSE;
}

/* 0xA and its refinements: (address, IRQL, access, instruction). */
static DECLSPEC_NORETURN VOID MiStopAtRaisedIrql(PMI_FAULT Fault)
{
    ULONG_PTR Address = (ULONG_PTR)Fault->Address, Rip = Fault->Frame->Rip;
    ULONG_PTR Access = Fault->ErrorCode & PF_FETCH ? 8 : Fault->ErrorCode & PF_WRITE ? 1 : 0;
    ULONG Code = IRQL_NOT_LESS_OR_EQUAL;
    if (MiIsInImage(Rip, FALSE)) {
        Code = DRIVER_IRQL_NOT_LESS_OR_EQUAL;
    } else if (MiIsInImage(Address, FALSE)) {
        Code = DRIVER_PORTION_MUST_BE_NONPAGED;
    } else if (MiIsInImage(Address, TRUE)) {
        Code = SYSTEM_SCAN_AT_RAISED_IRQL_CAUGHT_IMPROPER_DRIVER_UNLOAD;
    }
    KiBugCheck(Code, Address, Fault->Irql, Access, Rip, Fault->Frame);
}

/* 0x50 (address, access, instruction, reason), or 0xCE (address, access, instruction, 0). */
static DECLSPEC_NORETURN VOID MiStopOnNothing(PMI_FAULT Fault, ULONG_PTR Reason)
{
    ULONG_PTR Address = (ULONG_PTR)Fault->Address, Rip = Fault->Frame->Rip;
    BOOLEAN Fetch = (Fault->ErrorCode & PF_FETCH) != 0, Write = (Fault->ErrorCode & PF_WRITE) != 0;
    if (MiIsInImage(Rip, TRUE) && !MiIsInImage(Rip, FALSE)) {
        KiBugCheck(DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS, Address, Write, Rip, 0,
                   Fault->Frame);
    }
    KiBugCheck(PAGE_FAULT_IN_NONPAGED_AREA, Address,
               Fetch   ? 0x10
               : Write ? 2
                       : 0,
               Rip, Reason, Fault->Frame);
}

/*
 * A page of special pool that is not there: beside a block 0xCD, where one was freed 0xCC, at any
 * IRQL; 0xD6 and 0xD5 for a driver's instruction. (address, 1 for a write, instruction, 0)
 */
static VOID MiStopInSpecialPool(PMI_FAULT Fault)
{
    MI_SPECIAL_PLACE Place;
    ULONG_PTR Rip = Fault->Frame->Rip;
    BOOLEAN Write = (Fault->ErrorCode & PF_WRITE) != 0, Driver = MiIsInImage(Rip, FALSE);
    if (!MiFindSpecial(Fault->Address, &Place)) {
        return;
    }
    ULONG Code =
        Driver ? DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL : PAGE_FAULT_IN_FREED_SPECIAL_POOL;
    if (Place.Guard && Place.Record->State != MiSpecialFreed) {
        Code = Driver ? DRIVER_PAGE_FAULT_BEYOND_END_OF_ALLOCATION
                      : PAGE_FAULT_BEYOND_END_OF_ALLOCATION;
    }
    KiBugCheck(Code, (ULONG_PTR)Fault->Address, Write, Rip, 0, Fault->Frame);
}

/* ---- resolving ------------------------------------------------------------------------------- */

/* The entry is valid: a violation of its rights, or over by now. */
static VOID MiCheckRights(PMI_FAULT Fault)
{
    PMI_WALK Walk = &Fault->Walk;
    ULONG_PTR Address = (ULONG_PTR)Fault->Address;
    if (Fault->ErrorCode & PF_RESERVED) {
        KiBugCheck(MEMORY_MANAGEMENT, 0x411, (ULONG_PTR)Walk->Entry, Walk->Value.Long, Address,
                   Fault->Frame);
    }
    if ((Fault->ErrorCode & PF_WRITE) && !Walk->Writable) {
        KiBugCheck(ATTEMPTED_WRITE_TO_READONLY_MEMORY, Address, Walk->Value.Long, 0, 0,
                   Fault->Frame);
    }
    /* SMEP makes user pages no-execute for the kernel. */
    if ((Fault->ErrorCode & PF_FETCH) && (Walk->NoExecute || Walk->User)) {
        KiBugCheck(ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY, Address, Walk->Value.Long, 0, 0,
                   Fault->Frame);
    }
    KiForgetPage(Fault->Address);
    MiCount(&MiFaults.Spurious);
}

/* A PTE that is not valid but stands for a page. */
static BOOLEAN MiIsPromise(const MI_WALK *Walk)
{
    return Walk->Level == 1 && Walk->Value.Soft.Protection != 0;
}

/* FAULT-4: pages come when others are written; without a paging file nothing would. */
static VOID MiWaitForMemory(PMI_FAULT Fault)
{
    if (MiPagingFileCount == 0) {
        KiBugCheck(NO_PAGES_AVAILABLE, MiPagesOnList(ModifiedPageList), 0, MiAvailablePages(), 0,
                   Fault->Frame);
    }
    MiWaitForPage();
}

static VOID MiResolveDemandZero(PMI_FAULT Fault)
{
    PMMPTE Pte = Fault->Walk.Entry;
    MMPTE Old = Fault->Walk.Value;
    PFN_NUMBER Pfn = MiAllocatePageForFault(MiPageZeroed);
    if (Pfn == MI_NO_PAGE) {
        MiWaitForMemory(Fault);
        return;
    }
    PMMPFN Entry = MiPfnEntry(Pfn);
    MMPTE New = MiMakeValidPte(Pfn, Old.Soft.Protection);
    New.Hard.Dirty &= (Fault->ErrorCode & PF_WRITE) != 0;
    Entry->Priority = MI_PRIORITY_NORMAL;
    if (Old.Soft.Cold) { /* WS-3 */
        New.Hard.SoftwareWsIndex = MI_OLDEST;
        New.Hard.Accessed = 0;
        Entry->Priority = MI_PRIORITY_COLD;
    }
    Entry->PteAddress = Pte;
    Entry->OriginalPte = Old;
    Entry->PteFrame = MiReadPte(MiGetPteAddress(Pte)).Hard.PageFrameNumber;
    Entry->u2.ShareCount = 1;
    if (!__atomic_compare_exchange_n(&Pte->Long, &Old.Long, New.Long, FALSE, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        Entry->u2.ShareCount = 0; /* another processor was faster */
        MiFreePage(Pfn);
        MiCount(&MiFaults.Spurious);
        return;
    }
    MiCount(&MiFaults.DemandZero);
}

static NTSTATUS MiResolve(PMI_FAULT Fault)
{
    if (Fault->Kind == MiVaUser) {
        if (Fault->Irql >= DISPATCH_LEVEL) {
            MiStopAtRaisedIrql(Fault);
        }
        return STATUS_ACCESS_VIOLATION;
    }
    if (Fault->Kind == MiVaSpecialPool) {
        MiStopInSpecialPool(Fault);
    }
    if (!MiIsPromise(&Fault->Walk)) {
        MiStopOnNothing(Fault, Fault->Walk.Level > 1 ? NOT_PRESENT_PAGE_TABLE : FREED_PTE);
    }
    if (Fault->Irql >= DISPATCH_LEVEL) {
        MiStopAtRaisedIrql(Fault);
    }
    if (!(Fault->Frame->EFlags & EFLAGS_IF)) {
        /* As bad as a raised IRQL; our parameters are those of 0xA. */
        KiBugCheck(PAGE_FAULT_WITH_INTERRUPTS_OFF, (ULONG_PTR)Fault->Address, Fault->Irql,
                   (Fault->ErrorCode & PF_WRITE) != 0, Fault->Frame->Rip, Fault->Frame);
    }
    if (MiIsTransition(Fault->Walk.Value)) {
        MiResolveTransition(Fault->Walk.Entry, Fault->Walk.Value);
    } else if (MiIsInPagingFile(Fault->Walk.Value)) {
        return MiResolveHardFault(Fault->Walk.Entry, Fault->Walk.Value);
    } else {
        MiResolveDemandZero(Fault);
    }
    return STATUS_SUCCESS;
}

NTSTATUS MmAccessFault(ULONG_PTR ErrorCode, PVOID Address, PKTRAP_FRAME TrapFrame)
{
    MI_FAULT Fault = {.Address = Address,
                      .ErrorCode = ErrorCode,
                      .Frame = TrapFrame,
                      .Irql = (KIRQL)TrapFrame->PreviousIrql,
                      .Kind = MiAddressKind(Address)};
    MiCount(&MiFaults.Total);
    if (Fault.Kind == MiVaNonCanonical) {
        MiStopOnNothing(&Fault, NON_CANONICAL);
    }
    MiWalkTables(Address, &Fault.Walk);
    if (Fault.Walk.Valid) {
        MiCheckRights(&Fault);
        return STATUS_SUCCESS;
    }
    return MiResolve(&Fault);
}

VOID MiStopOnUnhandledFault(NTSTATUS Status, ULONG_PTR ErrorCode, PVOID Address,
                            PKTRAP_FRAME TrapFrame)
{
    MI_FAULT Fault = {.Address = Address, .ErrorCode = ErrorCode, .Frame = TrapFrame};
    if (Status != STATUS_ACCESS_VIOLATION) {
        PMMPTE Pte = MiGetPteAddress(Address);
        KiBugCheck(KERNEL_DATA_INPAGE_ERROR, (ULONG_PTR)Pte, (ULONG_PTR)(LONG_PTR)Status,
                   MiReadPte(Pte).Long, (ULONG_PTR)Address, TrapFrame);
    }
    MiStopOnNothing(&Fault, USER_VA);
}
