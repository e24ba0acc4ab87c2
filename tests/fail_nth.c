/*
 * fail_nth.c - word fail-nth=: a test is repeated, and pool allocation number k of run k fails.
 *
 * A first run lets everybody fetch what is kept for good, a second one counts; the run in which
 * nothing was left to fail ends the walk. Up to the failure the test's checks count as ever. From
 * there on they don't, since the test did not expect it: what counts is that the machine lives, and
 * that afterwards blocks, bytes, handles and commit are as they were. What a body that left early
 * had itself taken, the runner gives back, as the end of a process would: handles, and blocks under
 * tags that only the test's own code asked for. Blocks under a tag that the kernel asked for too
 * are leaks. (What processors keep of freed blocks goes back to the pools before pages are
 * counted.)
 *
 * Every pool allocation of the machine counts from the begin of the body to its end, whoever makes
 * it; the walk wants one processor, where the order of threads is known.
 */
#include "executive/ob/ob.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/rtl.h"
#include "mm/pool/request.h"
#include "tests/fail_nth.h"
#include "tests/pool/special_cases.h"

BOOT_OPTION(FailNth, "fail-nth",
            "fail-nth=all|sample|N  repeats each test with a failed pool allocation, all in turn, "
            "64 of them, or number N");

#define SAMPLES      64
#define SAMPLE_ABOVE 500 /* allocations of a test; up to that the sample is all of them */
#define MAX_BLOCKS   4096
#define MAX_HANDLES  1024
#define MAX_TAGS     64
#define MAX_SHOWN    8

extern CHAR TestTextStart[], TestTextEnd[]; /* linker.ld: the code of tests/ */

typedef struct _FAIL_BLOCK {
    PVOID Block;
    ULONG Tag;
    SIZE_T Bytes;
} FAIL_BLOCK;

/* What must be the same before and after. */
typedef struct _FAIL_STATE {
    ULONG64 Blocks, Bytes; /* alive, of all tags */
    SIZE_T Committed;      /* pages, but for what is kept */
    ULONG Handles;
} FAIL_STATE;

static struct {
    BOOLEAN On;
    volatile ULONG64 Count; /* of allocations in this run */
    ULONG64 FailAt;         /* 0: none */
    volatile BOOLEAN Injected;
    ULONG Tags[MAX_TAGS]; /* that others than tests asked for */
    ULONG TagCount;
    ULONG BlockCount, HandleCount; /* of what was there before the test */
    FAIL_BLOCK Blocks[MAX_BLOCKS];
    HANDLE Handles[MAX_HANDLES];
} Fail;

BOOLEAN TestFailsAllocations(VOID)
{
    return Fail.On;
}

/* ---- the failure ----------------------------------------------------------------------------- */

static BOOLEAN FailKnowsTag(ULONG Tag)
{
    for (ULONG i = 0; i < Fail.TagCount; i++) {
        if (Fail.Tags[i] == Tag) {
            return TRUE;
        }
    }
    return FALSE;
}

static BOOLEAN FailThisOne(const POOL_REQUEST *Request)
{
    PCHAR Caller = Request->Caller;
    BOOLEAN OfTest = Caller >= TestTextStart && Caller < TestTextEnd;
    if (!OfTest && !FailKnowsTag(Request->Tag) && Fail.TagCount < MAX_TAGS) {
        Fail.Tags[Fail.TagCount++] = Request->Tag;
    }
    if (__atomic_add_fetch(&Fail.Count, 1, __ATOMIC_RELAXED) != Fail.FailAt) {
        return FALSE;
    }
    Fail.Injected = TRUE;
    TestMute(TRUE);
    return TRUE;
}

/* ---- what is there --------------------------------------------------------------------------- */

typedef VOID FAIL_VISITOR(const FAIL_BLOCK *Block);

static VOID FailVisitPage(PVOID Page, FAIL_VISITOR *Visit)
{
    POOL_PAGE_WALK Walk;
    PPOOL_HEADER Header;
    ExpBeginWalk(&Walk, Page);
    while ((Header = ExpNextBlock(&Walk)) != NULL) {
        if (Header->PoolType & POOL_BLOCK_IN_USE) {
            Visit(&(FAIL_BLOCK){Header + 1, Header->PoolTag, Header->BlockSize * POOL_GRANULE});
        }
    }
}

static VOID FailVisitBlocks(FAIL_VISITOR *Visit)
{
    POOL_BIG_BLOCK Big;
    for (POOL_KIND Kind = 0; Kind < PoolKindCount; Kind++) {
        ULONG_PTR Page, Last;
        ExpQueryRange((POOL_KIND)Kind, &Page, &Last);
        for (; Page != 0 && Page <= Last; Page += PAGE_SIZE) {
            if (ExpQueryPages((PVOID)Page) == 1 && !ExpFindBigBlock((PVOID)Page, &Big)) {
                FailVisitPage((PVOID)Page, Visit);
            }
        }
    }
    for (SIZE_T Slot = 0; ExpReadBigSlot(Slot, &Big); Slot++) {
        if (!(Big.Va & POOL_BIG_FREE)) {
            Visit(&(FAIL_BLOCK){(PVOID)Big.Va, Big.Key, Big.Pages << PAGE_SHIFT});
        }
    }
}

static VOID FailRemember(const FAIL_BLOCK *Block)
{
    if (Fail.BlockCount < MAX_BLOCKS) {
        Fail.Blocks[Fail.BlockCount++] = *Block;
    }
}

/* Page tables, maps of address space, tables of blocks: what is kept for good. */
static SIZE_T FailKeptPages(VOID)
{
    PVOID Begin, End;
    ExpQueryBigSlots(&Begin, &End);
    SIZE_T Kept = MiPageTablePages + ExpStatePages;
    if (ExpKindOfAddress(Begin) != PoolKindNone) { /* the first table is static */
        Kept += BYTES_TO_PAGES((ULONG_PTR)End - (ULONG_PTR)Begin);
    }
    for (ULONG i = 0; i < MiRegionCount; i++) {
        Kept += 2 * BYTES_TO_PAGES(MiRegions[i].InUse.SizeOfBitMap / 8); /* InUse and Last */
    }
    for (ULONG i = 0; i < MI_SPECIAL_PARTS; i++) {
        Kept += BYTES_TO_PAGES(MiSpecialParts[i].Records * sizeof(MI_SPECIAL_RECORD));
    }
    return Kept;
}

static FAIL_STATE FailReadState(VOID)
{
    PoolDrain();
    FAIL_STATE State = {.Handles = ObpHandlesInUse,
                        .Committed = MmTotalCommittedPages - FailKeptPages()};
    POOL_TAG_USAGE Usage;
    for (ULONG Slot = 0; Slot <= POOL_SLOT_LAST; Slot++) {
        if (ExpReadTagSlot(Slot, &Usage)) {
            State.Blocks += Usage.NonPagedAllocs - Usage.NonPagedFrees;
            State.Blocks += Usage.PagedAllocs - Usage.PagedFrees;
            State.Bytes += Usage.NonPagedBytes + Usage.PagedBytes;
        }
    }
    return State;
}

static BOOLEAN FailStatesAgree(const FAIL_STATE *A, const FAIL_STATE *B)
{
    return A->Blocks == B->Blocks && A->Bytes == B->Bytes && A->Handles == B->Handles &&
           A->Committed == B->Committed;
}

static VOID FailRememberAll(VOID)
{
    OBP_HANDLE Entry;
    HANDLE Handle;
    Fail.BlockCount = Fail.HandleCount = 0;
    FailVisitBlocks(FailRemember);
    for (ULONG Number = 0; ObpNextHandle(&Number, &Handle, &Entry);) {
        ObDereferenceObject(Entry.Object);
        if (Fail.HandleCount < MAX_HANDLES) {
            Fail.Handles[Fail.HandleCount++] = Handle;
        }
    }
    CHECK(Fail.BlockCount < MAX_BLOCKS && Fail.HandleCount < MAX_HANDLES);
}

/* ---- what was left --------------------------------------------------------------------------- */

static BOOLEAN FailHandleWasThere(HANDLE Handle)
{
    for (ULONG i = 0; i < Fail.HandleCount; i++) {
        if (Fail.Handles[i] == Handle) {
            return TRUE;
        }
    }
    return FALSE;
}

static VOID FailCloseHandles(VOID)
{
    OBP_HANDLE Entry;
    HANDLE Handle;
    for (ULONG Number = 0; ObpNextHandle(&Number, &Handle, &Entry);) {
        ObDereferenceObject(Entry.Object);
        if (!FailHandleWasThere(Handle)) {
            ZwClose(Handle);
        }
    }
}

static struct {
    ULONG Count;
    FAIL_BLOCK Blocks[MAX_BLOCKS];
} FailLeft;

static VOID FailGatherLeft(const FAIL_BLOCK *Block)
{
    for (ULONG i = 0; i < Fail.BlockCount; i++) {
        if (Fail.Blocks[i].Block == Block->Block) {
            return;
        }
    }
    if (FailLeft.Count < MAX_BLOCKS) {
        FailLeft.Blocks[FailLeft.Count++] = *Block;
    }
}

/* Gives the test's own blocks back; returns how many others were left. */
static ULONG FailFreeBlocks(VOID)
{
    ULONG Leaks = 0;
    FailLeft.Count = 0;
    FailVisitBlocks(FailGatherLeft);
    for (ULONG i = 0; i < FailLeft.Count; i++) {
        const FAIL_BLOCK *Block = &FailLeft.Blocks[i];
        if (!FailKnowsTag(Block->Tag)) {
            ExFreePoolWithTag(Block->Block, Block->Tag);
        } else if (++Leaks <= MAX_SHOWN) {
            CHAR Text[POOL_TAG_TEXT];
            ExpFormatTag(Block->Tag, Text);
            DbgPrint("leaked: %p, 0x%I64x bytes, tag %s\n", Block->Block, (ULONG64)Block->Bytes,
                     Text);
        }
    }
    return Leaks;
}

/* Lets everybody else run who is ready: what was deferred is done then. */
static VOID FailSettle(VOID)
{
    PKTHREAD Thread = KeGetCurrentThread();
    KPRIORITY Priority = KeSetPriorityThread(Thread, 1);
    KeSetPriorityThread(Thread, Priority);
}

static VOID FailCompare(const FAIL_STATE *Before)
{
    SpecialOff();
    FAIL_STATE After = FailReadState();
    if (!FailStatesAgree(Before, &After)) {
        FailSettle();
        After = FailReadState();
    }
    if (FailStatesAgree(Before, &After)) {
        return;
    }
    PoolFreePlugs();
    FailCloseHandles();
    FailSettle();
    CHECK_EQ(FailFreeBlocks(), 0);
    After = FailReadState();
    CHECK_EQ(After.Blocks, Before->Blocks);
    CHECK_EQ(After.Bytes, Before->Bytes);
    CHECK_EQ(After.Handles, Before->Handles);
    CHECK_EQ(After.Committed, Before->Committed);
}

/* ---- the walk -------------------------------------------------------------------------------- */

/* One run; TRUE when nothing failed that counts. */
static BOOLEAN FailRun(const TEST_ENTRY *Entry, ULONG64 FailAt)
{
    FAIL_STATE Before = FailReadState();
    Fail.Count = 0;
    Fail.FailAt = FailAt;
    Fail.Injected = FALSE;
    ExpSetFailRoutine(FailThisOne);
    TestRunBody(Entry);
    ExpSetFailRoutine(NULL);
    TestMute(FALSE);
    FailCompare(&Before);
    if (TestFailureCount() != 0) {
        DbgPrint("fail-nth: to repeat: tools/tarn test '%s' --cmdline fail-nth=%I64u\n",
                 Entry->Name, FailAt);
        return FALSE;
    }
    return TRUE;
}

/* Number i of 64 between 1 and Count, both among them. */
static ULONG64 FailSample(ULONG64 Count, ULONG64 i)
{
    return 1 + i * (Count - 1) / (SAMPLES - 1);
}

static ULONG64 FailWalk(const TEST_ENTRY *Entry, BOOLEAN All, ULONG64 Count)
{
    BOOLEAN Sample = !All && Count > SAMPLE_ABOVE;
    ULONG64 Runs = 0;
    while ((!Sample || Runs < SAMPLES) &&
           FailRun(Entry, Sample ? FailSample(Count, Runs) : Runs + 1) && Fail.Injected) {
        Runs++;
    }
    return Runs;
}

VOID TestWalkFailures(const TEST_ENTRY *Entry)
{
    const CHAR *Word = KiGetBootOption("fail-nth");
    ULONG64 One = 0;
    if (Entry->Flags & TEST_SLOW) {
        TestSkip("a slow test: its quick twin walks");
        return;
    }
    Fail.On = TRUE;
    Fail.TagCount = 0;
    Fail.FailAt = 0;
    ExpSetFailRoutine(FailThisOne); /* what can't take part sees it now */
    TestRunBody(Entry);
    ExpSetFailRoutine(NULL);
    FailSettle();
    FailRememberAll();
    if (RtlpParseNumber(&Word, 10, &One)) {
        FailRun(Entry, One);
        return;
    }
    BOOLEAN Holds = FailRun(Entry, 0);
    ULONG64 Count = Fail.Count;
    if (Holds && Count != 0) {
        ULONG64 Runs = FailWalk(Entry, strcmp(Word, "all") == 0, Count);
        DbgPrint("fail-nth: %I64u allocations, %I64u runs with a failed one\n", Count, Runs);
    }
}
