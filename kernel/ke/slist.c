/*
 * slist.c - sequenced singly linked lists, for lookaside lists and for drivers: the parts that are
 * no hot path (slist.S has the others).
 *
 * Theory. A header is 16 bytes, compared and stored at once by cmpxchg16b: the first entry, how
 * many there are, and a sequence number. A pop reads the header, then the first entry's Next, then
 * replaces the header if it is still the same. Between these another processor may pop the entry
 * and free it. If it comes back as the first entry, with another Next, the header still differs,
 * by its sequence number. And if its page is gone, the read of Next faults: the trap asks
 * KiResumeSListPop, which sees that the header has changed and lets the pop begin anew. A header
 * that has not changed means that the entry was freed while it was on the list; that fault takes
 * its course.
 *
 *   SLIST-1  The sequence number is another one after every push, pop and flush that changed the
 *            list.
 *   SLIST-2  A fault on the Next of an entry that is no longer first is invisible to the caller, at
 *            any IRQL.
 */
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

/* Pops that all keep the header in R8 and have read it into RAX and RDX: slist.S and others. */
typedef struct _KI_SLIST_POP {
    ULONG64 Fault, Resume;
} KI_SLIST_POP;
extern const KI_SLIST_POP KiSListPopTable[], KiSListPopTableEnd[];

VOID NTAPI InitializeSListHead(PSLIST_HEADER SListHead)
{
    if ((ULONG_PTR)SListHead % sizeof(*SListHead) != 0) {
        KiRaiseStatus(STATUS_DATATYPE_MISALIGNMENT, __builtin_return_address(0));
    }
    SListHead->Alignment = 0;
    SListHead->Region = 0;
}
EXPORT(InitializeSListHead);

USHORT NTAPI ExQueryDepthSList(PSLIST_HEADER SListHead)
{
    return (USHORT)SListHead->Alignment;
}
EXPORT(ExQueryDepthSList);

EXPORT(ExpInterlockedPushEntrySList);
EXPORT(ExpInterlockedPopEntrySList);
EXPORT(ExpInterlockedFlushSList);

BOOLEAN KiResumeSListPop(PKTRAP_FRAME Frame)
{
    const KI_SLIST_POP *Pop = KiSListPopTable;
    while (Pop < KiSListPopTableEnd && Pop->Fault != Frame->Rip) {
        Pop++;
    }
    if (Pop == KiSListPopTableEnd) {
        return FALSE;
    }
    const volatile SLIST_HEADER *Header = (PSLIST_HEADER)Frame->R8;
    if (Header->Alignment == Frame->Rax && Header->Region == Frame->Rdx) {
        return FALSE;
    }
    Frame->Rip = Pop->Resume;
    return TRUE;
}
