/*
 * flush.c - tests of kernel/ke/flush.c: no processor keeps a translation that was taken away.
 *
 * A thread on processor 1 reads one address over and over, while the test changes the page behind
 * it. First by hand, without a flush: the old page must be seen, or the rest would prove nothing.
 */
#include "tests/ke/smp.h"

#define ROUNDS      100
#define RANGE_PAGES 32

/* Pages of one address, with a number in each; the PTE is changed from one to the other. */
static struct {
    PCHAR Va;
    PFN_NUMBER Pages[2];
    volatile ULONG Turn; /* odd: the reader's */
    volatile ULONG Found;
    volatile ULONG End;
} Stage;

static VOID MapStage(ULONG Page)
{
    MiWritePte(MiGetPteAddress(Stage.Va), MiMakeValidPte(Stage.Pages[Page], MM_READWRITE));
}

static BOOLEAN PrepareStage(VOID)
{
    RtlZeroMemory(&Stage, sizeof(Stage));
    Stage.Va = MiReserveRegion(MiRegionSystemPtes, 1);
    for (ULONG i = 0; i < 2; i++) {
        Stage.Pages[i] = MiAllocatePage(MiPageZeroed);
        *(ULONG *)MiPfnToAddress(Stage.Pages[i]) = 100 + i;
    }
    MapStage(0);
    return Stage.Va != NULL;
}

static VOID ClearStage(VOID)
{
    MiUnmapForeignPages(Stage.Va, 1);
    MiReleaseRegion(&MiRegions[MiRegionSystemPtes], Stage.Va, 1);
    MiFreePages(Stage.Pages[0], 1);
    MiFreePages(Stage.Pages[1], 1);
}

/* Reads once each time it is its turn. */
static VOID NTAPI ReadInTurn(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (ULONG Turn = 1; !Stage.End; Turn += 2) {
        while (Stage.Turn != Turn && !Stage.End) {
            YieldProcessor();
        }
        TestTell(&Stage.Found, *(volatile ULONG *)Stage.Va);
        TestTell(&Stage.Turn, Turn + 1);
    }
}

/* What the other processor reads. */
static ULONG ReadThere(VOID)
{
    ULONG Turn = Stage.Turn + 1;
    TestTell(&Stage.Turn, Turn);
    TestSpinUntil(&Stage.Turn, Turn + 1);
    return Stage.Found;
}

TEST(FlushStale, "flush/another-processor-reads-what-is-there-now", "FLUSH-1")
{
    ULONG Stale = 0;
    NEED_PROCESSORS(2);
    REQUIRE(PrepareStage());
    PKTHREAD Reader = TestStartOn(1, ReadInTurn, NULL);
    for (ULONG i = 1; i <= ROUNDS; i++) {
        ReadThere();
        MapStage(i % 2);
        Stale += ReadThere() != 100 + i % 2; /* nobody has told it */
        MiFlushTlb(Stage.Va, 1);
        CHECK_EQ(ReadThere(), 100 + i % 2);
    }
    Stage.End = 1;
    TestJoinThread(Reader);
    ClearStage();
    DbgPrint("without a flush %u of %u reads found the page of before\n", Stale, ROUNDS);
    CHECK_GT(Stale, 0);
}

TEST(FlushUnmap, "flush/freed-pages-are-forgotten-everywhere", "PTE-3")
{
    NEED_PROCESSORS(2);
    REQUIRE(PrepareStage());
    PKTHREAD Reader = TestStartOn(1, ReadInTurn, NULL);
    for (ULONG i = 0; i < ROUNDS; i++) {
        CHECK_EQ(ReadThere(), 100);
        MiUnmapForeignPages(Stage.Va, 1);
        MapStage(1); /* not valid before: needs no flush */
        CHECK_EQ(ReadThere(), 101);
        MiUnmapForeignPages(Stage.Va, 1);
        MapStage(0);
    }
    Stage.End = 1;
    TestJoinThread(Reader);
    ClearStage();
}

/* ---- halted processors ----------------------------------------------------------------------- */

static VOID NTAPI ReadOnce(PVOID Context)
{
    *(volatile ULONG *)Context = *(volatile ULONG *)Stage.Va;
}

static VOID WaitUntilHalted(PKPRCB Prcb)
{
    while (!__atomic_load_n(&Prcb->IdleHalt, __ATOMIC_ACQUIRE)) {
        YieldProcessor();
    }
}

TEST(FlushHalted, "flush/a-halted-processor-forgets-before-it-does-anything-else", "FLUSH-2")
{
    ULONG Found = 0, Left = 0;
    NEED_PROCESSORS(2);
    REQUIRE(PrepareStage());
    PKPRCB Prcb = KiProcessorBlock[1];
    for (ULONG i = 1; i <= ROUNDS; i++) {
        TestJoinThread(TestStartOn(1, ReadOnce, &Found));
        WaitUntilHalted(Prcb);
        ULONG64 Interrupts = Prcb->InterruptCount;
        MapStage(i % 2);
        MiFlushTlb(Stage.Va, 1);
        Left += Prcb->InterruptCount == Interrupts;
        TestJoinThread(TestStartOn(1, ReadOnce, &Found));
        CHECK_EQ(Found, 100 + i % 2);
    }
    CHECK_GT(Left, ROUNDS / 2); /* the clock may have come at times, a flush not */
    ClearStage();
}

/* ---- one call for many pages ----------------------------------------------------------------- */

static VOID NTAPI StandAtClockLevel(PVOID Context)
{
    KIRQL Old;
    UNREFERENCED_PARAMETER(Context);
    KeRaiseIrql(CLOCK_LEVEL, &Old);
    TestTell(&Stage.Turn, 1);
    while (!Stage.End) {
        YieldProcessor();
    }
    KeLowerIrql(Old);
}

static ULONG64 InterruptsOfFlush(PVOID Va, SIZE_T Pages)
{
    ULONG64 Before = KiProcessorBlock[1]->InterruptCount;
    MiFlushTlb(Va, Pages);
    return KiProcessorBlock[1]->InterruptCount - Before;
}

TEST(FlushBatch, "flush/any-number-of-pages-is-one-interrupt", "FLUSH: theory")
{
    NEED_PROCESSORS(2);
    REQUIRE(PrepareStage());
    PKTHREAD Thread = TestStartOn(1, StandAtClockLevel, NULL);
    TestSpinUntil(&Stage.Turn, 1);
    CHECK_EQ(InterruptsOfFlush(Stage.Va, 1), 1);
    CHECK_EQ(InterruptsOfFlush(Stage.Va, RANGE_PAGES), 1);
    CHECK_EQ(InterruptsOfFlush(Stage.Va, 1000), 1);
    Stage.End = 1;
    TestJoinThread(Thread);
    ClearStage();
}

/* ---- several at once ------------------------------------------------------------------------- */

static VOID NTAPI FlushOften(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (ULONG i = 0; i < ROUNDS; i++) {
        PVOID Va = MiAllocatePoolPages(NonPagedPoolNx, 2);
        *(volatile ULONG *)Va = i;
        MiFreePoolPages(Va);
    }
}

TEST(FlushRivals, "flush/processors-that-free-pages-at-once-all-get-through", "IPI: theory")
{
    PKTHREAD Threads[8];
    ULONG Count = KeNumberProcessors < 8 ? KeNumberProcessors : 8;
    NEED_PROCESSORS(2);
    for (ULONG i = 1; i < Count; i++) {
        Threads[i] = TestStartOn(i, FlushOften, NULL);
    }
    FlushOften(NULL);
    for (ULONG i = 1; i < Count; i++) {
        TestJoinThread(Threads[i]);
    }
}
