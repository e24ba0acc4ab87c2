/*
 * interlocked.c - tests of lists under a lock (kernel/ke/interlocked.c) on one processor.
 */
#include "kernel/ke/ke.h"
#include "tests/test.h"

static KSPIN_LOCK ListLock;

TEST(ListDouble, "interlocked/doubly-linked-lists", "DDI wdm ExInterlockedInsertHeadList")
{
    LIST_ENTRY List, One, Two, Three;
    KeInitializeSpinLock(&ListLock);
    InitializeListHead(&List);
    CHECK_EQ(ExInterlockedRemoveHeadList(&List, &ListLock), NULL);
    CHECK_EQ(ExInterlockedInsertHeadList(&List, &Two, &ListLock), NULL);
    CHECK_EQ(ExInterlockedInsertHeadList(&List, &One, &ListLock), &Two);
    CHECK_EQ(ExInterlockedInsertTailList(&List, &Three, &ListLock), &Two);
    CHECK_EQ(ListLock, 0);
    CHECK_EQ(ExInterlockedRemoveHeadList(&List, &ListLock), &One);
    CHECK_EQ(ExInterlockedRemoveHeadList(&List, &ListLock), &Two);
    CHECK_EQ(ExInterlockedRemoveHeadList(&List, &ListLock), &Three);
    CHECK_EQ(ExInterlockedRemoveHeadList(&List, &ListLock), NULL);
    CHECK_EQ(ExInterlockedInsertTailList(&List, &One, &ListLock), NULL);
}

TEST(ListSingle, "interlocked/singly-linked-lists", "DDI wdm ExInterlockedPushEntryList")
{
    SINGLE_LIST_ENTRY List = {NULL}, One, Two;
    KeInitializeSpinLock(&ListLock);
    CHECK_EQ(ExInterlockedPopEntryList(&List, &ListLock), NULL);
    CHECK_EQ(ExInterlockedPushEntryList(&List, &One, &ListLock), NULL);
    CHECK_EQ(ExInterlockedPushEntryList(&List, &Two, &ListLock), &One);
    CHECK_EQ(ExInterlockedPopEntryList(&List, &ListLock), &Two);
    CHECK_EQ(ExInterlockedPopEntryList(&List, &ListLock), &One);
    CHECK_EQ(ExInterlockedPopEntryList(&List, &ListLock), NULL);
    CHECK_EQ(ListLock, 0);
}

TEST(ListLevels, "interlocked/level-and-interrupts-stay", "DDI wdm: any IRQL")
{
    LIST_ENTRY List, One;
    ULONG64 Flags;
    KeInitializeSpinLock(&ListLock);
    InitializeListHead(&List);
    for (KIRQL Irql = PASSIVE_LEVEL; Irql <= HIGH_LEVEL; Irql++) {
        KIRQL Old;
        KeRaiseIrql(Irql, &Old);
        ExInterlockedInsertHeadList(&List, &One, &ListLock);
        CHECK_EQ(ExInterlockedRemoveHeadList(&List, &ListLock), &One);
        CHECK_EQ(KeGetCurrentIrql(), Irql);
        KeLowerIrql(Old);
    }
    __asm__ volatile("pushfq; popq %0" : "=r"(Flags));
    CHECK_NE(Flags & EFLAGS_IF, 0);
    KiDisableInterrupts();
    ExInterlockedInsertHeadList(&List, &One, &ListLock);
    __asm__ volatile("pushfq; popq %0; sti" : "=r"(Flags));
    CHECK_EQ(Flags & EFLAGS_IF, 0);
}

CRASH_TEST(CrashListOwned, "interlocked/lock-already-owned",
           "0xF $lock $word 0x2 sym:CrashListOwned", "SPIN-2")
{
    static LIST_ENTRY List, One;
    KIRQL Old;
    KeInitializeSpinLock(&ListLock);
    InitializeListHead(&List);
    TestAnnounce("lock", (ULONG64)&ListLock);
    TestAnnounce("word", (ULONG64)KeGetCurrentThread() | 1);
    KeAcquireSpinLock(&ListLock, &Old);
    ExInterlockedInsertHeadList(&List, &One, &ListLock);
}
