/*
 * wdm_rtl.h - blocks of memory, linked lists and bitmaps. Part of wdm.h.
 *
 * Everything here runs at any IRQL on memory that is resident at that IRQL, and allocates nothing.
 */
#pragma once

#include <ntdef.h>
#include <wdm_ke.h>

/* ---- blocks of memory ------------------------------------------------------------------------ */

/*
 * The C library's four. Declared with the compiler's calling convention, since the compiler calls
 * them on its own; drivers import twins with NT's convention under the same names.
 */
void *memcpy(void *Destination, const void *Source, size_t Length); /* must not overlap */
void *memmove(void *Destination, const void *Source, size_t Length);
void *memset(void *Destination, int Value, size_t Length);
int memcmp(const void *First, const void *Second, size_t Length); /* bytes compare unsigned */

/* Inline when Length is a small constant. DDI wdm RtlCopyMemory: must not overlap. */
FORCEINLINE VOID RtlCopyMemory(PVOID Destination, PCVOID Source, SIZE_T Length)
{
    __builtin_memcpy(Destination, Source, Length);
}
/* DDI wdm RtlMoveMemory: may overlap. */
FORCEINLINE VOID RtlMoveMemory(PVOID Destination, PCVOID Source, SIZE_T Length)
{
    __builtin_memmove(Destination, Source, Length);
}
/* DDI wdm RtlFillMemory. */
FORCEINLINE VOID RtlFillMemory(PVOID Destination, SIZE_T Length, UCHAR Fill)
{
    __builtin_memset(Destination, Fill, Length);
}
/* DDI wdm RtlZeroMemory. */
FORCEINLINE VOID RtlZeroMemory(PVOID Destination, SIZE_T Length)
{
    __builtin_memset(Destination, 0, Length);
}
/* RtlZeroMemory that the compiler may not leave out. DDI wdm RtlSecureZeroMemory. */
FORCEINLINE PVOID RtlSecureZeroMemory(PVOID Destination, SIZE_T Length)
{
    __builtin_memset(Destination, 0, Length);
    __asm__ volatile("" : : "r"(Destination) : "memory");
    return Destination;
}
/* TRUE when both blocks are equal. DDI wdm RtlEqualMemory. */
FORCEINLINE BOOLEAN RtlEqualMemory(PCVOID Source1, PCVOID Source2, SIZE_T Length)
{
    return __builtin_memcmp(Source1, Source2, Length) == 0;
}

/* How many bytes from the start on are equal; Length when all are. DDI wdm RtlCompareMemory. */
SIZE_T NTAPI RtlCompareMemory(PCVOID Source1, PCVOID Source2, SIZE_T Length);

/* ---- doubly linked lists --------------------------------------------------------------------- */

/*
 * A list is a ring through its head. Inserting and removing check that the neighbours point back:
 * a broken link is bug check 0x139, parameter 1 = 3, in both modes. The caller holds the lock.
 * DDI wdm InsertHeadList and its family.
 */

FORCEINLINE VOID InitializeListHead(PLIST_ENTRY ListHead)
{
    ListHead->Flink = ListHead->Blink = ListHead;
}

FORCEINLINE BOOLEAN IsListEmpty(const LIST_ENTRY *ListHead)
{
    return ListHead->Flink == ListHead;
}

FORCEINLINE VOID InsertHeadList(PLIST_ENTRY ListHead, PLIST_ENTRY Entry)
{
    PLIST_ENTRY Next = ListHead->Flink;
    if (Next->Blink != ListHead) {
        RtlFailFast(FAST_FAIL_CORRUPT_LIST_ENTRY);
    }
    Entry->Flink = Next;
    Entry->Blink = ListHead;
    Next->Blink = Entry;
    ListHead->Flink = Entry;
}

FORCEINLINE VOID InsertTailList(PLIST_ENTRY ListHead, PLIST_ENTRY Entry)
{
    PLIST_ENTRY Previous = ListHead->Blink;
    if (Previous->Flink != ListHead) {
        RtlFailFast(FAST_FAIL_CORRUPT_LIST_ENTRY);
    }
    Entry->Flink = ListHead;
    Entry->Blink = Previous;
    Previous->Flink = Entry;
    ListHead->Blink = Entry;
}

/* TRUE when the list is empty afterwards. */
FORCEINLINE BOOLEAN RemoveEntryList(PLIST_ENTRY Entry)
{
    PLIST_ENTRY Next = Entry->Flink;
    PLIST_ENTRY Previous = Entry->Blink;
    if (Next->Blink != Entry || Previous->Flink != Entry) {
        RtlFailFast(FAST_FAIL_CORRUPT_LIST_ENTRY);
    }
    Previous->Flink = Next;
    Next->Blink = Previous;
    return Next == Previous;
}

/* Takes off and returns the first or last entry; the head itself when the list is empty. */
FORCEINLINE PLIST_ENTRY RemoveHeadList(PLIST_ENTRY ListHead)
{
    PLIST_ENTRY Entry = ListHead->Flink;
    RemoveEntryList(Entry);
    return Entry;
}

FORCEINLINE PLIST_ENTRY RemoveTailList(PLIST_ENTRY ListHead)
{
    PLIST_ENTRY Entry = ListHead->Blink;
    RemoveEntryList(Entry);
    return Entry;
}

/* Hangs the ring of entries that begins at ListToAppend, which has no head, behind ListHead's. */
FORCEINLINE VOID AppendTailList(PLIST_ENTRY ListHead, PLIST_ENTRY ListToAppend)
{
    PLIST_ENTRY End = ListHead->Blink;
    if (End->Flink != ListHead || ListToAppend->Blink->Flink != ListToAppend) {
        RtlFailFast(FAST_FAIL_CORRUPT_LIST_ENTRY);
    }
    ListHead->Blink->Flink = ListToAppend;
    ListHead->Blink = ListToAppend->Blink;
    ListToAppend->Blink->Flink = ListHead;
    ListToAppend->Blink = End;
}

/* Singly linked: last in, first out; NULL when empty. DDI wdm PushEntryList, PopEntryList. */
FORCEINLINE VOID PushEntryList(PSINGLE_LIST_ENTRY ListHead, PSINGLE_LIST_ENTRY Entry)
{
    Entry->Next = ListHead->Next;
    ListHead->Next = Entry;
}

FORCEINLINE PSINGLE_LIST_ENTRY PopEntryList(PSINGLE_LIST_ENTRY ListHead)
{
    PSINGLE_LIST_ENTRY First = ListHead->Next;
    if (First != NULL) {
        ListHead->Next = First->Next;
    }
    return First;
}

/* ---- bitmaps: bit n is bit n % 32 of ULONG n / 32 -------------------------------------------- */

typedef struct _RTL_BITMAP {
    ULONG SizeOfBitMap; /* bits */
    PULONG Buffer;      /* whole ULONGs; bits past the size are never read for their value */
} RTL_BITMAP, *PRTL_BITMAP;
_Static_assert(sizeof(RTL_BITMAP) == 0x10, "driver ABI");

/* What the finders return when there is no such run. */
#define RTL_BITMAP_NOT_FOUND 0xFFFFFFFFU

/* Puts a bitmap over a caller's buffer, whose contents stay. DDI wdm RtlInitializeBitMap. */
VOID NTAPI RtlInitializeBitMap(PRTL_BITMAP BitMapHeader, PULONG BitMapBuffer, ULONG SizeOfBitMap);

/*
 * All bits, one bit, a run of bits. Bits past the size are left alone. DDI wdm, the page of each.
 */
VOID NTAPI RtlClearAllBits(PRTL_BITMAP BitMapHeader);
VOID NTAPI RtlSetAllBits(PRTL_BITMAP BitMapHeader);
VOID NTAPI RtlClearBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber);
VOID NTAPI RtlSetBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber);
BOOLEAN NTAPI RtlTestBit(const RTL_BITMAP *BitMapHeader, ULONG BitNumber);
VOID NTAPI RtlClearBits(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG NumberToClear);
VOID NTAPI RtlSetBits(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG NumberToSet);

/* TRUE when the whole run lies in the bitmap and has that value; FALSE for Length 0. DDI wdm. */
BOOLEAN NTAPI RtlAreBitsClear(const RTL_BITMAP *BitMapHeader, ULONG StartingIndex, ULONG Length);
BOOLEAN NTAPI RtlAreBitsSet(const RTL_BITMAP *BitMapHeader, ULONG StartingIndex, ULONG Length);

/*
 * The first bit of a run of NumberToFind bits of that value; RTL_BITMAP_NOT_FOUND when there is
 * none. The search begins at HintIndex and, if need be, once more at 0; a hint past the end counts
 * as 0. No bits are found at the hint. DDI wdm RtlFindClearBits.
 */
ULONG NTAPI RtlFindClearBits(const RTL_BITMAP *BitMapHeader, ULONG NumberToFind, ULONG HintIndex);
ULONG NTAPI RtlFindSetBits(const RTL_BITMAP *BitMapHeader, ULONG NumberToFind, ULONG HintIndex);

/* The same, and the run is set (cleared) when found. DDI wdm RtlFindClearBitsAndSet. */
ULONG NTAPI RtlFindClearBitsAndSet(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex);
ULONG NTAPI RtlFindSetBitsAndClear(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex);

/* How many bits have that value. DDI wdm RtlNumberOfSetBits. */
ULONG NTAPI RtlNumberOfSetBits(const RTL_BITMAP *BitMapHeader);
ULONG NTAPI RtlNumberOfClearBits(const RTL_BITMAP *BitMapHeader);
