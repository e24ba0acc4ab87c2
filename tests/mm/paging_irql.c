/*
 * paging_irql.c - where pageable memory may be touched: resident, locked, or at an IRQL at which a
 * thread can wait for a disk. Where it may not: paging_stop.c.
 */
#include "tests/mm/mdl_check.h"
#include "tests/mm/paging_disk.h"

#define PAGES 12

/* Pages on the disk only; NULL without memory. */
static PULONG64 OnDisk(PPAGING_DISK Disk)
{
    PULONG64 Va = NULL;
    if (DiskOpen(Disk, 128)) {
        Va = FillPages(PAGES);
        if (CHECK(Va != NULL)) {
            PageOut(Va, PAGES);
            CHECK(!IsResident(Va));
        } else {
            DiskClose(Disk);
        }
    }
    return Va;
}

static VOID Done(PPAGING_DISK Disk, PVOID Va)
{
    MiFreePoolPages(Va);
    DiskClose(Disk);
}

/* The same touch is 0xA in crash/mm/paging/page-on-disk-read-at-dispatch. */
TEST(IrqlResident, "mm/paging/irql/a-resident-page-may-be-touched-at-dispatch-level", "FAULT-2")
{
    PAGING_DISK Disk;
    KIRQL Irql;
    PULONG64 Va = OnDisk(&Disk);
    REQUIRE(Va != NULL);
    CHECK(IsFilled(Va, 1));
    ULONG64 Faults = MiFaults.Total;
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    BOOLEAN Same = IsFilled(Va, 1);
    Va[3] ^= 0;
    KeLowerIrql(Irql);
    CHECK(Same);
    CHECK_EQ(MiFaults.Total, Faults);
    Done(&Disk, Va);
}

TEST(IrqlHard, "mm/paging/irql/a-fault-at-apc-level-is-read-from-the-disk", "FAULT-2")
{
    PAGING_DISK Disk;
    KIRQL Irql;
    PULONG64 Va = OnDisk(&Disk);
    REQUIRE(Va != NULL);
    ULONG64 Hard = MiPaging.HardFaults;
    KeRaiseIrql(APC_LEVEL, &Irql);
    CHECK(IsFilled(Va, 1));
    CHECK_EQ(KeGetCurrentIrql(), APC_LEVEL);
    KeLowerIrql(Irql);
    CHECK_EQ(MiPaging.HardFaults, Hard + 1);
    Done(&Disk, Va);
}

TEST(IrqlSoft, "mm/paging/irql/a-fault-at-apc-level-is-taken-from-a-list", "FAULT-2")
{
    KIRQL Irql;
    PULONG64 Va = FillPages(PAGES);
    REQUIRE(Va != NULL);
    MiTrimPages(Va, PAGES);
    ULONG64 Soft = MiPaging.SoftFaults;
    KeRaiseIrql(APC_LEVEL, &Irql);
    CHECK(IsFilled(Va, PAGES));
    KeLowerIrql(Irql);
    CHECK_EQ(MiPaging.SoftFaults, Soft + PAGES);
    MiFreePoolPages(Va);
}

TEST(IrqlMutex, "mm/paging/irql/a-fault-under-a-fast-mutex-is-read-from-the-disk", "contract 1.7")
{
    PAGING_DISK Disk;
    FAST_MUTEX Mutex;
    PULONG64 Va = OnDisk(&Disk);
    REQUIRE(Va != NULL);
    ULONG64 Hard = MiPaging.HardFaults;
    ExInitializeFastMutex(&Mutex);
    ExAcquireFastMutex(&Mutex);
    CHECK_EQ(KeGetCurrentIrql(), APC_LEVEL);
    CHECK(IsFilled(Va, 1));
    Va[9] = 0x99;
    ExReleaseFastMutex(&Mutex);
    CHECK_EQ(MiPaging.HardFaults, Hard + 1);
    CHECK_EQ(Va[9], 0x99);
    Done(&Disk, Va);
}

/* ---- an MDL ---------------------------------------------------------------------------------- */

TEST(IrqlMdl, "mm/paging/irql/locked-pages-stay-for-dispatch-level", "PAGE-3, PIN-2")
{
    PAGING_DISK Disk;
    KIRQL Irql;
    PULONG64 Va = OnDisk(&Disk);
    REQUIRE(Va != NULL);
    PMDL Mdl = TestLockedMdl(Va, PAGES * PAGE_SIZE);
    if (CHECK(Mdl != NULL)) {
        CHECK_EQ(MiTrimPages(Va, PAGES), 0);
        PageOut(Va, PAGES);
        KeRaiseIrql(DISPATCH_LEVEL, &Irql);
        BOOLEAN Same = IsFilled(Va, PAGES);
        Va[PAGES * 512 - 1] = 0x1357;
        KeLowerIrql(Irql);
        CHECK(Same);
        MmUnlockPages(Mdl);
        IoFreeMdl(Mdl);
    }
    PageOut(Va, PAGES);
    CHECK(!IsResident(Va));
    CHECK_EQ(Va[PAGES * 512 - 1], 0x1357);
    Done(&Disk, Va);
}

static struct {
    PULONG64 Va;
    BOOLEAN Same;
} InDpc;

static VOID NTAPI LookInDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    PULONG64 Mapped = Context;
    InDpc.Same = memcmp(Mapped, InDpc.Va, PAGES * PAGE_SIZE) == 0;
    Mapped[100] = 0x2468;
}

TEST(IrqlDpc, "mm/paging/irql/a-dpc-may-use-locked-pages-by-either-address", "PAGE-3")
{
    PAGING_DISK Disk;
    KDPC Dpc;
    InDpc.Va = OnDisk(&Disk);
    REQUIRE(InDpc.Va != NULL);
    PMDL Mdl = TestLockedMdl(InDpc.Va, PAGES * PAGE_SIZE);
    if (CHECK(Mdl != NULL)) {
        PVOID Mapped = MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority);
        if (CHECK(Mapped != NULL)) {
            MiTrimPages(InDpc.Va, PAGES);
            KeInitializeDpc(&Dpc, LookInDpc, Mapped);
            KeInsertQueueDpc(&Dpc, NULL, NULL);
            CHECK(InDpc.Same);
        }
        MmUnlockPages(Mdl);
        IoFreeMdl(Mdl);
    }
    PageOut(InDpc.Va, PAGES);
    CHECK_EQ(InDpc.Va[100], 0x2468);
    Done(&Disk, InDpc.Va);
}
