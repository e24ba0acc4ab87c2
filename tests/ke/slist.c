/*
 * slist.c - tests of sequenced lists (kernel/ke/slist.S, slist.c) on one processor. What another
 * processor does in the middle of a pop is done by a filter between two of its instructions.
 */
#include "kernel/ke/ke.h"
#include "kernel/ke/try.h"
#include "mm/mm.h"
#include "tests/ke/bench.h"
#include "tests/test.h"

static SLIST_HEADER Head;
static SLIST_ENTRY Entries[4];

TEST(SListOrder, "slist/last-in-first-out", "DDI wdm ExInterlockedPushEntrySList")
{
    InitializeSListHead(&Head);
    CHECK_EQ(ExInterlockedPopEntrySList(&Head, NULL), NULL);
    CHECK_EQ(ExQueryDepthSList(&Head), 0);
    CHECK_EQ(ExInterlockedPushEntrySList(&Head, &Entries[0], NULL), NULL);
    CHECK_EQ(ExInterlockedPushEntrySList(&Head, &Entries[1], NULL), &Entries[0]);
    CHECK_EQ(ExInterlockedPushEntrySList(&Head, &Entries[2], NULL), &Entries[1]);
    CHECK_EQ(ExQueryDepthSList(&Head), 3);
    CHECK_EQ(ExInterlockedPopEntrySList(&Head, NULL), &Entries[2]);
    CHECK_EQ(ExQueryDepthSList(&Head), 2);
    CHECK_EQ(ExInterlockedPopEntrySList(&Head, NULL), &Entries[1]);
    CHECK_EQ(ExInterlockedPopEntrySList(&Head, NULL), &Entries[0]);
    CHECK_EQ(ExInterlockedPopEntrySList(&Head, NULL), NULL);
    CHECK_EQ(ExQueryDepthSList(&Head), 0);
}

TEST(SListFlush, "slist/flush-takes-the-chain", "DDI wdm ExInterlockedFlushSList")
{
    ExInitializeSListHead(&Head);
    CHECK_EQ(ExInterlockedFlushSList(&Head), NULL);
    for (ULONG i = 0; i < ARRAYSIZE(Entries); i++) {
        ExInterlockedPushEntrySList(&Head, &Entries[i], NULL);
    }
    PSLIST_ENTRY Entry = ExInterlockedFlushSList(&Head);
    for (ULONG i = ARRAYSIZE(Entries); i-- > 0; Entry = Entry->Next) {
        REQUIRE_EQ(Entry, &Entries[i]);
    }
    CHECK_EQ(Entry, NULL);
    CHECK_EQ(ExQueryDepthSList(&Head), 0);
    CHECK_EQ(ExInterlockedPopEntrySList(&Head, NULL), NULL);
}

TEST(SListHeader, "slist/header-has-the-public-layout", "SLIST-1, driver ABI: HeaderX64")
{
    ULONG64 Sequence[4];
    InitializeSListHead(&Head);
    Sequence[0] = Head.HeaderX64.Sequence;
    ExInterlockedPushEntrySList(&Head, &Entries[0], NULL);
    CHECK_EQ(Head.HeaderX64.Depth, 1);
    CHECK_EQ((ULONG64)Head.HeaderX64.NextEntry << 4, &Entries[0]);
    CHECK_EQ(Head.HeaderX64.Reserved, 0);
    Sequence[1] = Head.HeaderX64.Sequence;
    ExInterlockedPopEntrySList(&Head, NULL);
    CHECK_EQ(Head.HeaderX64.Depth, 0);
    CHECK_EQ(Head.Region, 0);
    Sequence[2] = Head.HeaderX64.Sequence;
    ExInterlockedPushEntrySList(&Head, &Entries[0], NULL);
    ExInterlockedFlushSList(&Head);
    Sequence[3] = Head.HeaderX64.Sequence;
    for (ULONG i = 1; i < ARRAYSIZE(Sequence); i++) {
        CHECK_GT(Sequence[i], Sequence[i - 1]);
    }
}

TEST(SListMisaligned, "slist/a-head-lies-at-a-multiple-of-16", "DDI wdm InitializeSListHead")
{
    volatile NTSTATUS Status = STATUS_SUCCESS;
    KE_TRY
    {
        InitializeSListHead((PSLIST_HEADER)((PCHAR)&Entries[0] + 8));
    }
    KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
    {
        Status = GetExceptionCode();
    }
    KE_END_TRY
    CHECK_STATUS(Status, STATUS_DATATYPE_MISALIGNMENT);
}

/* ---- in the middle of a pop ------------------------------------------------------------------ */

extern CHAR ExpInterlockedPopEntrySListFault[];

typedef VOID INTERFERENCE(VOID);

#define BEFORE_READ ExpInterlockedPopEntrySListFault
#define AFTER_READ  (ExpInterlockedPopEntrySListFault + 3) /* 48 8B 0A: mov (%rdx), %rcx */

static INTERFERENCE *Interfere; /* what happens once, just before the instruction at InterfereAt */
static PVOID InterfereAt;

static __attribute__((noinline)) LONG StepFilter(PEXCEPTION_POINTERS Pointers)
{
    if (Pointers->ExceptionRecord->ExceptionCode != STATUS_SINGLE_STEP) {
        return EXCEPTION_CONTINUE_SEARCH;
    }
    if (Pointers->ContextRecord->Rip == (ULONG64)InterfereAt && Interfere != NULL) {
        INTERFERENCE *Routine = Interfere;
        Interfere = NULL;
        Routine();
    }
    return EXCEPTION_CONTINUE_EXECUTION;
}

/* A pop with a step trap behind each instruction. */
static PSLIST_ENTRY PopInSteps(INTERFERENCE *Routine, PVOID At)
{
    PSLIST_ENTRY volatile Entry = NULL;
    Interfere = Routine;
    InterfereAt = At;
    KE_TRY
    {
        __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" : : : "memory", "cc");
        Entry = ExpInterlockedPopEntrySList(&Head);
        __asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" : : : "memory", "cc");
    }
    KE_EXCEPT(StepFilter(GetExceptionInformation()))
    {
    }
    KE_END_TRY
    CHECK_EQ(Interfere, NULL);
    return Entry;
}

/* The first entry goes and comes back, on top of another one. */
static VOID Reorder(VOID)
{
    PSLIST_ENTRY First = ExpInterlockedPopEntrySList(&Head);
    ExpInterlockedPopEntrySList(&Head);
    ExpInterlockedPushEntrySList(&Head, &Entries[3]);
    ExpInterlockedPushEntrySList(&Head, First);
}

TEST(SListAba, "slist/pop-sees-that-the-first-entry-went-and-came-back", "SLIST-1")
{
    InitializeSListHead(&Head);
    for (ULONG i = 0; i < 3; i++) {
        ExpInterlockedPushEntrySList(&Head, &Entries[i]);
    }
    CHECK_EQ(PopInSteps(Reorder, AFTER_READ), &Entries[2]);
    CHECK_EQ(ExpInterlockedPopEntrySList(&Head), &Entries[3]);
    CHECK_EQ(ExpInterlockedPopEntrySList(&Head), &Entries[0]);
    CHECK_EQ(ExpInterlockedPopEntrySList(&Head), NULL);
}

/* The first entry is popped, and its page is given back. */
static VOID PopAndFree(VOID)
{
    MiFreePoolPages(ExpInterlockedPopEntrySList(&Head));
}

TEST(SListFreed, "slist/pop-survives-that-its-entry-is-freed",
     "SLIST-2: ExpInterlockedPopEntrySListFault")
{
    static const KIRQL Levels[] = {PASSIVE_LEVEL, DISPATCH_LEVEL};
    for (ULONG i = 0; i < ARRAYSIZE(Levels); i++) {
        KIRQL Old;
        PSLIST_ENTRY Entry = MiAllocatePoolPages(NonPagedPoolNx, 1);
        REQUIRE(Entry != NULL);
        InitializeSListHead(&Head);
        ExpInterlockedPushEntrySList(&Head, &Entries[0]);
        ExpInterlockedPushEntrySList(&Head, Entry);
        KeRaiseIrql(Levels[i], &Old);
        CHECK_EQ(PopInSteps(PopAndFree, BEFORE_READ), &Entries[0]);
        KeLowerIrql(Old);
        CHECK_EQ(ExpInterlockedPopEntrySList(&Head), NULL);
    }
}

CRASH_TEST(CrashFreedOnList, "slist/entry-freed-on-the-list",
           "0x50 $entry 0x0 sym:ExpInterlockedPopEntrySListFault 0x0", "SLIST-2")
{
    PSLIST_ENTRY Entry = MiAllocatePoolPages(NonPagedPoolNx, 1);
    TestAnnounce("entry", (ULONG64)Entry);
    InitializeSListHead(&Head);
    ExpInterlockedPushEntrySList(&Head, Entry);
    MiFreePoolPages(Entry);
    ExpInterlockedPopEntrySList(&Head);
}

/* ---- figures --------------------------------------------------------------------------------- */

static VOID SListLoop(ULONG Rounds)
{
    PSLIST_ENTRY NTAPI (*volatile Push)(PSLIST_HEADER, PSLIST_ENTRY) = ExpInterlockedPushEntrySList;
    PSLIST_ENTRY NTAPI (*volatile Pop)(PSLIST_HEADER) = ExpInterlockedPopEntrySList;
    for (ULONG i = 0; i < Rounds; i++) {
        Push(&Head, &Entries[0]);
        Pop(&Head);
    }
}

BENCH(BenchSList, "slist/push-pop", "instructions", "")
{
    InitializeSListHead(&Head);
    BenchMeasure(SListLoop);
}
