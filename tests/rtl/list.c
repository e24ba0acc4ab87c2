/*
 * list.c - tests of the list helpers in wdm_rtl.h: order, emptiness, and the stop on a broken link.
 */
#include "kernel/rtl/rtl.h"
#include "tests/test.h"

static LIST_ENTRY Head, Entries[4];

/* TRUE when the list holds just these, in both directions. */
static BOOLEAN Holds(ULONG Count, PLIST_ENTRY *const Wanted)
{
    PLIST_ENTRY Forward = Head.Flink, Backward = Head.Blink;
    for (ULONG i = 0; i < Count; i++) {
        if (Forward != Wanted[i] || Backward != Wanted[Count - 1 - i]) {
            return FALSE;
        }
        Forward = Forward->Flink;
        Backward = Backward->Blink;
    }
    return Forward == &Head && Backward == &Head;
}

TEST(ListInsert, "rtl/list/head-and-tail-insertion-order", "DDI wdm InsertHeadList")
{
    InitializeListHead(&Head);
    CHECK(IsListEmpty(&Head));
    InsertTailList(&Head, &Entries[1]);
    InsertTailList(&Head, &Entries[2]);
    InsertHeadList(&Head, &Entries[0]);
    CHECK(!IsListEmpty(&Head));
    CHECK(Holds(3, (PLIST_ENTRY[]){&Entries[0], &Entries[1], &Entries[2]}));
}

TEST(ListRemove, "rtl/list/remove-says-when-it-is-empty", "DDI wdm RemoveEntryList")
{
    InitializeListHead(&Head);
    for (ULONG i = 0; i < 3; i++) {
        InsertTailList(&Head, &Entries[i]);
    }
    CHECK_EQ(RemoveEntryList(&Entries[1]), FALSE);
    CHECK(Holds(2, (PLIST_ENTRY[]){&Entries[0], &Entries[2]}));
    CHECK_EQ(RemoveEntryList(&Entries[0]), FALSE);
    CHECK_EQ(RemoveEntryList(&Entries[2]), TRUE);
    CHECK(IsListEmpty(&Head));
}

TEST(ListEnds, "rtl/list/remove-head-and-tail", "DDI wdm RemoveHeadList")
{
    InitializeListHead(&Head);
    for (ULONG i = 0; i < 4; i++) {
        InsertTailList(&Head, &Entries[i]);
    }
    CHECK_EQ(RemoveHeadList(&Head), &Entries[0]);
    CHECK_EQ(RemoveTailList(&Head), &Entries[3]);
    CHECK_EQ(RemoveTailList(&Head), &Entries[2]);
    CHECK_EQ(RemoveHeadList(&Head), &Entries[1]);
    CHECK_EQ(RemoveHeadList(&Head), &Head);
    CHECK_EQ(RemoveTailList(&Head), &Head);
    CHECK(IsListEmpty(&Head));
}

TEST(ListAppend, "rtl/list/append-a-ring-without-a-head", "DDI wdm AppendTailList")
{
    InitializeListHead(&Head);
    InsertTailList(&Head, &Entries[0]);
    InitializeListHead(&Entries[1]); /* the ring: 1, 2 */
    InsertTailList(&Entries[1], &Entries[2]);
    AppendTailList(&Head, &Entries[1]);
    CHECK(Holds(3, (PLIST_ENTRY[]){&Entries[0], &Entries[1], &Entries[2]}));
}

TEST(ListSingle, "rtl/list/single-is-last-in-first-out", "DDI wdm PopEntryList")
{
    SINGLE_LIST_ENTRY Top = {NULL}, a, b;
    CHECK_EQ(PopEntryList(&Top), NULL);
    PushEntryList(&Top, &a);
    PushEntryList(&Top, &b);
    CHECK_EQ(PopEntryList(&Top), &b);
    CHECK_EQ(PopEntryList(&Top), &a);
    CHECK_EQ(PopEntryList(&Top), NULL);
}

/* 0 <-> 1 <-> 2 with one link of an entry pointing elsewhere. */
static VOID MakeBroken(PLIST_ENTRY *Link)
{
    InitializeListHead(&Head);
    for (ULONG i = 0; i < 3; i++) {
        InsertTailList(&Head, &Entries[i]);
    }
    *Link = &Entries[3];
}

#define LIST_QUOTE    "contract 4.4: 0x139, 3 LIST_ENTRY corrupted"
#define LIST_EXPECTED "0x139 0x3 not0 not0 0x0"

CRASH_TEST(CrashListNext, "rtl/list-remove-behind-a-broken-next", LIST_EXPECTED, LIST_QUOTE)
{
    MakeBroken(&Entries[2].Blink);
    RemoveEntryList(&Entries[1]);
}

CRASH_TEST(CrashListPrevious, "rtl/list-remove-behind-a-broken-previous", LIST_EXPECTED, LIST_QUOTE)
{
    MakeBroken(&Entries[0].Flink);
    RemoveEntryList(&Entries[1]);
}

CRASH_TEST(CrashListTwice, "rtl/list-remove-twice", LIST_EXPECTED, LIST_QUOTE)
{
    MakeBroken(&Entries[3].Flink);
    RemoveEntryList(&Entries[1]);
    RemoveEntryList(&Entries[1]);
}

CRASH_TEST(CrashListHead, "rtl/list-insert-head-broken", LIST_EXPECTED, LIST_QUOTE)
{
    MakeBroken(&Entries[0].Blink);
    InsertHeadList(&Head, &Entries[3]);
}

CRASH_TEST(CrashListTail, "rtl/list-insert-tail-broken", LIST_EXPECTED, LIST_QUOTE)
{
    MakeBroken(&Entries[2].Flink);
    InsertTailList(&Head, &Entries[3]);
}
