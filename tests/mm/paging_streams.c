/*
 * paging_streams.c - tests of reads that begin before somebody wants their pages: who goes through
 * memory in order has a stream (inpage.c).
 *
 * Each begins the same way: a fault on a page reads eight pages, the fault behind them sixteen with
 * a mark on the first neighbour, and whoever touches that has 32 more read.
 */
#include "tests/ke/threads.h"
#include "tests/mm/paging_disk.h"

#define WORDS   (PAGE_SIZE / sizeof(ULONG64))
#define PAGES   200
#define SECOND  (Start + 8)
#define MARK    (SECOND + 1)
#define FURTHER (SECOND + 16)
#define ABOVE   9

static PAGING_DISK Disk;
static PULONG64 Pool;
static volatile ULONG64 *Va; /* in it: PAGES pages of one page table */
static ULONG Start;          /* another one each time: no stream of before ends just there */

static ULONG64 ValueOf(ULONG Page)
{
    return 0x9E3779B97F4A7C15ULL * (Page + 1);
}

static BOOLEAN IsRight(ULONG Page)
{
    return Va[Page * WORDS] == ValueOf(Page);
}

static PVOID At(ULONG Page)
{
    return (PVOID)&Va[Page * WORDS];
}

/* Pages on the disk, and a stream whose mark has not been touched. */
static BOOLEAN OpenStream(VOID)
{
    if (!DiskOpen(&Disk, PAGES + 64)) {
        return FALSE;
    }
    Start = 100 + (Start + 1) % 10;
    Pool = MiAllocatePoolPages(PagedPool, 2 * PAGES);
    if (!CHECK(Pool != NULL)) {
        DiskClose(&Disk);
        return FALSE;
    }
    ULONG_PTR Left = (PAGE_SIZE - (ULONG_PTR)MiGetPteAddress(Pool) % PAGE_SIZE) / sizeof(MMPTE);
    Va = Pool + (Left < PAGES ? Left * WORDS : 0);
    for (ULONG i = 0; i < PAGES; i++) {
        Va[i * WORDS] = ValueOf(i);
    }
    PageOut((PVOID)Va, PAGES);
    return CHECK(IsRight(Start)) && CHECK(IsRight(SECOND));
}

static VOID CloseStream(VOID)
{
    if (Pool != NULL) {
        MiFreePoolPages(Pool);
    }
    DiskClose(&Disk);
}

static VOID CheckAll(VOID)
{
    for (ULONG i = 0; i < PAGES; i++) {
        CHECK(IsRight(i));
    }
}

TEST(StreamAhead, "mm/paging/a-stream-is-read-before-it-is-wanted", "inpage.c")
{
    REQUIRE(OpenStream());
    ULONG Reads = Disk.Reads;
    CHECK(!IsResident(At(FURTHER + 1)));
    CHECK(IsRight(MARK));
    CHECK_EQ(Disk.Reads, Reads + 1);
    CHECK_EQ(StateOf(At(FURTHER)), StandbyPageList); /* the next mark */
    for (ULONG i = FURTHER + 1; i < FURTHER + 32; i++) {
        CHECK(IsResident(At(i)));
        CHECK_EQ(MiReadPte(MiGetPteAddress(At(i))).Hard.Accessed, 0);
    }
    CHECK(!IsResident(At(FURTHER + 32)));
    CHECK(IsRight(FURTHER));
    CHECK_EQ(Disk.Reads, Reads + 2);
    CHECK(IsResident(At(FURTHER + 33)));
    CheckAll();
    CloseStream();
}

TEST(StreamFailed, "mm/paging/a-stream-whose-read-fails-is-read-by-who-wants-it", "inpage.c")
{
    REQUIRE(OpenStream());
    ULONG64 Errors = MiPaging.ReadErrors;
    Disk.FailReads = TRUE;
    Disk.FailFirst = 0;
    Disk.FailCount = Disk.Pages;
    Disk.FailTimes = 1;
    CHECK(IsRight(MARK));
    CHECK_EQ(Disk.FailTimes, 0);
    CHECK_EQ(MiPaging.ReadErrors, Errors + 1);
    CHECK(MiIsInPagingFile(MiReadPte(MiGetPteAddress(At(FURTHER)))));
    CheckAll();
    CloseStream();
}

static VOID NTAPI TouchFurther(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    CHECK(IsRight(FURTHER));
}

TEST(StreamEarly, "mm/paging/who-comes-before-a-stream-waits-for-its-read", "PAGE-6")
{
    REQUIRE(OpenStream());
    ULONG64 Collided = MiPaging.CollidedFaults, Hard = MiPaging.HardFaults;
    Disk.Hold = TRUE;
    CHECK(IsRight(MARK)); /* whose reader waits for nothing */
    CHECK_EQ(Disk.HeldCount, 1);
    PKTHREAD Thread = TestStartThread(TouchFurther, NULL, ABOVE);
    CHECK_EQ(MiPaging.CollidedFaults, Collided + 1);
    DiskRelease(&Disk);
    TestJoinThread(Thread);
    CHECK_EQ(MiPaging.HardFaults, Hard);
    CheckAll();
    CloseStream();
}

TEST(StreamFreed, "mm/paging/pages-of-a-stream-may-be-freed-while-they-are-read", "PAGE-4")
{
    REQUIRE(OpenStream());
    PFN_NUMBER Available = MiAvailablePages();
    ULONG Free = MiPagingFiles[Disk.Number].Free;
    Disk.Hold = TRUE;
    CHECK(IsRight(MARK));
    CHECK_EQ(Disk.HeldCount, 1);
    CHECK_EQ(MiAvailablePages(), Available - 32 - 1); /* the mark is in use now */
    MiFreePoolPages(Pool);
    Pool = NULL;
    DiskRelease(&Disk);
    CHECK(MiAvailablePages() >= Available);
    CHECK(MiPagingFiles[Disk.Number].Free >= Free + PAGES);
    CloseStream();
}
