/*
 * paging_room.c - tests of paging files that are full, that grow, that are several, and that go.
 */
#include "mm/pressure.h"
#include "tests/ke/threads.h"
#include "tests/mm/paging_disk.h"

#define ABOVE 9 /* a priority above the tests': such a thread runs at once */

static VOID TrimAndWrite(PVOID Va, SIZE_T Pages)
{
    MiTrimPages(Va, Pages);
    MiFlushModifiedPages();
}

static ULONG CountState(PULONG64 Va, ULONG Pages, MMLISTS List)
{
    ULONG Count = 0;
    for (ULONG i = 0; i < Pages; i++) {
        Count += !IsResident(Va + i * 512) && StateOf(Va + i * 512) == List;
    }
    return Count;
}

/* ---- full ------------------------------------------------------------------------------------ */

TEST(RoomFull, "mm/paging/full/trimming-and-soft-faults-go-on-without-a-slot", "SLOT-1")
{
    PAGING_DISK Disk;
    MM_COUNTS Before = TestMmCounts();
    REQUIRE(DiskOpen(&Disk, 64));
    ULONG Free = FileOf(&Disk)->Free, Pages = Free + 8;
    PULONG64 Va = FillPages(Pages);
    if (CHECK(Va != NULL)) {
        TrimAndWrite(Va, Pages);
        CHECK_EQ(FileOf(&Disk)->Free, 0);
        CHECK_EQ(CountState(Va, Pages, StandbyPageList), Free);
        CHECK_EQ(CountState(Va, Pages, ModifiedNoWritePageList), 8);
        ULONG Reads = Disk.Reads;
        CHECK(IsFilled(Va, Pages));
        CHECK_EQ(MiTrimPages(Va, Pages), Pages);
        CHECK(IsFilled(Va, Pages));
        CHECK_EQ(Disk.Reads, Reads);
        MiFreePoolPages(Va);
    }
    DiskClose(&Disk);
    TestMmUnchanged(&Before);
}

TEST(RoomAgain, "mm/paging/full/pages-without-a-slot-are-written-when-slots-come-free",
     "modified.c")
{
    PAGING_DISK Disk;
    REQUIRE(DiskOpen(&Disk, 64));
    PULONG64 All = FillPages(FileOf(&Disk)->Free), Rest = FillPages(6);
    if (CHECK(All != NULL && Rest != NULL)) {
        TrimAndWrite(All, FileOf(&Disk)->Free);
        TrimAndWrite(Rest, 6);
        CHECK_EQ(CountState(Rest, 6, ModifiedNoWritePageList), 6);
        MiFreePoolPages(All);
        MiFlushModifiedPages();
        CHECK_EQ(CountState(Rest, 6, StandbyPageList), 6);
        CHECK(IsFilled(Rest, 6));
        MiFreePoolPages(Rest);
    }
    DiskClose(&Disk);
}

/* ---- growing --------------------------------------------------------------------------------- */

TEST(RoomGrows, "mm/paging/growth/a-file-grows-when-commit-needs-it-and-no-further", "SLOT-2")
{
    PAGING_DISK Disk;
    REQUIRE(DiskOpenGrowing(&Disk, 64, 100));
    SIZE_T Limit = MmTotalCommitLimit, Held = TestHoldCommit(0);
    CHECK_EQ(FileOf(&Disk)->Size, 64);
    CHECK(MiChargeCommit(1));
    CHECK_EQ(FileOf(&Disk)->Size, 100);
    CHECK_EQ(MmTotalCommitLimit, Limit + 36);
    CHECK(MiChargeCommit(35));
    CHECK(!MiChargeCommit(1));
    CHECK_EQ(MiAllocatePoolPages(PagedPool, 1), NULL);
    CHECK_EQ(MmTotalCommitLimit, Limit + 36);
    MiReturnCommit(Held + 36);
    DiskClose(&Disk);
}

TEST(RoomGrowsForPages, "mm/paging/growth/pages-without-a-slot-get-one-of-the-new-ones", "SLOT-1")
{
    PAGING_DISK Disk;
    REQUIRE(DiskOpenGrowing(&Disk, 64, 100));
    ULONG Pages = FileOf(&Disk)->Free + 6;
    PULONG64 Va = FillPages(Pages);
    if (CHECK(Va != NULL)) {
        TrimAndWrite(Va, Pages);
        CHECK_EQ(CountState(Va, Pages, ModifiedNoWritePageList), 6);
        SIZE_T Held = TestHoldCommit(0);
        CHECK(MiChargeCommit(1));
        MiReturnCommit(Held + 1);
        MiFlushModifiedPages();
        CHECK_EQ(CountState(Va, Pages, StandbyPageList), Pages);
        PageOut(Va, Pages);
        CHECK(IsFilled(Va, Pages));
        MiFreePoolPages(Va);
    }
    DiskClose(&Disk);
}

TEST(RoomMaximum, "mm/paging/growth/commit-is-at-its-maximum-when-no-file-can-grow",
     "contract 3.10: MaximumCommitCondition")
{
    PAGING_DISK Disk;
    REQUIRE(DiskOpenGrowing(&Disk, 64, 100));
    PKEVENT High = MiConditionEvent(MiHighCommit), Maximum = MiConditionEvent(MiMaximumCommit);
    SIZE_T Most = (MmTotalCommitLimit + 36) / 20; /* left of all there could be */
    SIZE_T Held = TestHoldCommit(Most);
    CHECK(KeReadStateEvent(High) != 0);
    CHECK_EQ(KeReadStateEvent(Maximum), 0); /* Most pages and growth */
    SIZE_T More = MmTotalCommitLimit - MmTotalCommittedPages + 36 - Most;
    CHECK(MiChargeCommit(More));
    CHECK_EQ(KeReadStateEvent(Maximum), 0);
    CHECK(MiChargeCommit(1));
    CHECK(KeReadStateEvent(Maximum) != 0);
    MiReturnCommit(Held + More + 1);
    CHECK_EQ(KeReadStateEvent(Maximum), 0);
    DiskClose(&Disk);
}

/* ---- several --------------------------------------------------------------------------------- */

TEST(RoomSeveral, "mm/paging/several/pages-go-to-the-next-file-when-one-is-full", "PAGE-5")
{
    PAGING_DISK Disk, Next;
    REQUIRE(DiskOpen(&Disk, 64));
    if (DiskOpen(&Next, 256)) {
        FileOf(&Disk)->Closed = FALSE;
        ULONG Free = FileOf(&Disk)->Free, Pages = Free + 20;
        PULONG64 Va = FillPages(Pages);
        if (CHECK(Va != NULL)) {
            ULONG InNext = 0;
            PageOut(Va, Pages);
            for (ULONG i = 0; i < Pages; i++) {
                MMPTE Pte = MiReadPte(MiGetPteAddress(Va + i * 512));
                CHECK(MiIsInPagingFile(Pte));
                InNext += Pte.Soft.PageFileLow == Next.Number;
            }
            CHECK_EQ(FileOf(&Disk)->Free, 0);
            CHECK_GE(InNext, 20);
            CHECK(IsFilled(Va, Pages));
            MiFreePoolPages(Va);
        }
        DiskClose(&Next);
    }
    DiskClose(&Disk);
}

TEST(RoomDead, "mm/paging/several/pages-leave-a-dead-disk-for-a-new-one", "modified.c")
{
    PAGING_DISK Dead, Next;
    REQUIRE(DiskOpen(&Dead, 48));
    PULONG64 Va = FillPages(5);
    if (CHECK(Va != NULL)) {
        FailTransfers(&Dead, TRUE, 0, 48, FOR_EVER);
        TrimAndWrite(Va, 5);
        CHECK_EQ(CountState(Va, 5, ModifiedNoWritePageList), 5);
        if (DiskOpen(&Next, 64)) {
            MiFlushModifiedPages();
            CHECK_EQ(CountState(Va, 5, StandbyPageList), 5);
            PageOut(Va, 5);
            CHECK_EQ(MiReadPte(MiGetPteAddress(Va)).Soft.PageFileLow, Next.Number);
            CHECK(IsFilled(Va, 5));
            DiskClose(&Next);
        }
        MiFreePoolPages(Va);
    }
    DiskClose(&Dead);
}

/* ---- closing --------------------------------------------------------------------------------- */

TEST(RoomClose, "mm/paging/close/everything-comes-back", "PAGE-2, SLOT-2")
{
    PAGING_DISK Disk;
    SIZE_T Limit = MmTotalCommitLimit;
    REQUIRE(DiskOpen(&Disk, 128));
    PULONG64 Out = FillPages(20), Copied = FillPages(4), Standby = FillPages(4);
    BOOLEAN Made = CHECK(Out != NULL && Copied != NULL && Standby != NULL);
    if (Made) {
        PageOut(Out, 20);
        TrimAndWrite(Copied, 4);
        CHECK(IsFilled(Copied, 4)); /* mapped, with copies */
        TrimAndWrite(Standby, 4);
    }
    DiskClose(&Disk);
    CHECK_EQ(MmTotalCommitLimit, Limit);
    if (Made) {
        MiTrimPages(Copied, 4);
        CHECK_EQ(StateOf(Copied), ModifiedPageList); /* the copies are gone */
        CHECK_EQ(StateOf(Standby), ModifiedPageList);
        CHECK(!MiIsInPagingFile(MiReadPte(MiGetPteAddress(Out))));
        CHECK(IsFilled(Out, 20) && IsFilled(Copied, 4) && IsFilled(Standby, 4));
        MiFreePoolPages(Out);
        MiFreePoolPages(Copied);
        MiFreePoolPages(Standby);
    }
}

TEST(RoomCloseCommit, "mm/paging/close/refused-when-the-rest-could-not-hold-what-is-promised",
     "COMMIT-1")
{
    PAGING_DISK Disk;
    REQUIRE(DiskOpen(&Disk, 128));
    PULONG64 Va = FillPages(2);
    if (CHECK(Va != NULL)) {
        SIZE_T Limit = MmTotalCommitLimit, Held = TestHoldCommit(100);
        CHECK_STATUS(MiClosePagingFile(Disk.Number), STATUS_COMMITMENT_LIMIT);
        CHECK_EQ(MmTotalCommitLimit, Limit);
        PageOut(Va, 2); /* and the file is in use as before */
        CHECK(!IsResident(Va));
        CHECK_NE(SlotOf(Va), 0);
        CHECK(IsFilled(Va, 2));
        MiReturnCommit(Held);
        MiFreePoolPages(Va);
    }
    DiskClose(&Disk);
}

TEST(RoomCloseOrder, "mm/paging/close/only-the-last-file-can-be-closed", "pagefile_close.c")
{
    PAGING_DISK Disk, Last;
    REQUIRE(DiskOpen(&Disk, 64));
    if (DiskOpen(&Last, 64)) {
        CHECK_STATUS(MiClosePagingFile(Disk.Number), STATUS_INVALID_PARAMETER);
        DiskClose(&Last);
    }
    DiskClose(&Disk);
}

static NTSTATUS CloseStatus;

static VOID NTAPI CloseFile(PVOID Context)
{
    PPAGING_DISK Disk = Context;
    CloseStatus = MiClosePagingFile(Disk->Number);
}

TEST(RoomCloseWrite, "mm/paging/close/a-slot-that-fails-meanwhile-is-counted-once", "SLOT-2")
{
    PAGING_DISK Disk;
    SIZE_T Limit = MmTotalCommitLimit;
    REQUIRE(DiskOpen(&Disk, 64));
    PULONG64 Va = FillPages(2);
    REQUIRE(Va != NULL);
    FailTransfers(&Disk, TRUE, 0, 64, FOR_EVER);
    Disk.Hold = TRUE;
    MiTrimPages(Va, 2);
    MiAskForWrites();
    while (Disk.HeldCount == 0) {
        LARGE_INTEGER Short = {.QuadPart = -1000};
        KeDelayExecutionThread(KernelMode, FALSE, &Short);
    }
    PKTHREAD Thread = TestStartThread(CloseFile, &Disk, ABOVE);
    DiskRelease(&Disk);
    TestJoinThread(Thread);
    CHECK_STATUS(CloseStatus, STATUS_SUCCESS);
    for (ULONG i = 0; i < Disk.Number; i++) { /* as DiskClose has it */
        MiPagingFiles[i].Closed = FALSE;
    }
    CHECK_EQ(MmTotalCommitLimit, Limit);
    CHECK(IsFilled(Va, 2));
    MiFreePoolPages(Va);
    MiFreePoolPages(Disk.Memory);
}
