/*
 * wdm_list.h - lists that several processors share: sequenced singly linked lists (SLISTs), which
 * need no lock, and lists under a spin lock. Part of wdm.h.
 *
 * Everything here runs at any IRQL; above APC_LEVEL head, entries and lock are resident. DDI wdm,
 * the page of each name.
 */
#pragma once

#include <ntdef.h>

/* ---- sequenced lists: last in, first out ----------------------------------------------------- */

/* In what one pushes; lies at a multiple of 16, as pool blocks do. */
typedef struct DECLSPEC_ALIGN(16) _SLIST_ENTRY {
    struct _SLIST_ENTRY *Next;
} SLIST_ENTRY, *PSLIST_ENTRY;
_Static_assert(sizeof(SLIST_ENTRY) == 0x10, "driver ABI");

typedef union DECLSPEC_ALIGN(16) _SLIST_HEADER {
    struct {
        ULONGLONG Alignment;
        ULONGLONG Region;
    };
    struct {
        ULONGLONG Depth : 16;
        ULONGLONG Sequence : 48; /* changes with every operation */
        ULONGLONG Reserved : 4;
        ULONGLONG NextEntry : 60; /* the first entry's address / 16 */
    } HeaderX64;
} SLIST_HEADER, *PSLIST_HEADER;
_Static_assert(sizeof(SLIST_HEADER) == 0x10, "driver ABI");

/*
 * Makes an empty list. Raises STATUS_DATATYPE_MISALIGNMENT if the head is not at a multiple of 16.
 * DDI wdm ExInitializeSListHead.
 */
VOID NTAPI InitializeSListHead(PSLIST_HEADER SListHead);
FORCEINLINE VOID ExInitializeSListHead(PSLIST_HEADER SListHead)
{
    InitializeSListHead(SListHead);
}

/* Puts an entry in front; returns the entry that was first, NULL if the list was empty. */
PSLIST_ENTRY NTAPI ExpInterlockedPushEntrySList(PSLIST_HEADER ListHead, PSLIST_ENTRY ListEntry);

/*
 * Takes the first entry; NULL if the list is empty. An entry may be freed as soon as it is popped,
 * though another processor may be about to read its Next: that reader notices.
 */
PSLIST_ENTRY NTAPI ExpInterlockedPopEntrySList(PSLIST_HEADER ListHead);

/* Takes all entries: the first of them, which leads to the others; NULL if the list is empty. */
PSLIST_ENTRY NTAPI ExpInterlockedFlushSList(PSLIST_HEADER ListHead);

/* How many entries there are, modulo 65536. */
USHORT NTAPI ExQueryDepthSList(PSLIST_HEADER SListHead);

/* The forms that drivers write; the lock is not used. DDI wdm ExInterlockedPushEntrySList. */
FORCEINLINE PSLIST_ENTRY ExInterlockedPushEntrySList(PSLIST_HEADER ListHead, PSLIST_ENTRY ListEntry,
                                                     PKSPIN_LOCK Lock)
{
    UNREFERENCED_PARAMETER(Lock);
    return ExpInterlockedPushEntrySList(ListHead, ListEntry);
}
FORCEINLINE PSLIST_ENTRY ExInterlockedPopEntrySList(PSLIST_HEADER ListHead, PKSPIN_LOCK Lock)
{
    UNREFERENCED_PARAMETER(Lock);
    return ExpInterlockedPopEntrySList(ListHead);
}
FORCEINLINE PSLIST_ENTRY ExInterlockedFlushSList(PSLIST_HEADER ListHead)
{
    return ExpInterlockedFlushSList(ListHead);
}

/* ---- lists under a lock ---------------------------------------------------------------------- */

/*
 * As InsertHeadList and its family (wdm_rtl.h) and at any IRQL: the lock is taken with interrupts
 * off. It is initialised by KeInitializeSpinLock and used for these routines only. Checked mode bug
 * checks: 0xF for a processor that already owns the lock. DDI wdm ExInterlockedInsertHeadList.
 */

/* Returns the entry that was first (last) before; NULL if the list was empty. */
PLIST_ENTRY NTAPI ExInterlockedInsertHeadList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry,
                                              PKSPIN_LOCK Lock);
PLIST_ENTRY NTAPI ExInterlockedInsertTailList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry,
                                              PKSPIN_LOCK Lock);
/* Takes the first entry; NULL if the list is empty. */
PLIST_ENTRY NTAPI ExInterlockedRemoveHeadList(PLIST_ENTRY ListHead, PKSPIN_LOCK Lock);
/* Singly linked: returns the entry that was first; NULL if the list was empty. */
PSINGLE_LIST_ENTRY NTAPI ExInterlockedPushEntryList(PSINGLE_LIST_ENTRY ListHead,
                                                    PSINGLE_LIST_ENTRY ListEntry, PKSPIN_LOCK Lock);
PSINGLE_LIST_ENTRY NTAPI ExInterlockedPopEntryList(PSINGLE_LIST_ENTRY ListHead, PKSPIN_LOCK Lock);
