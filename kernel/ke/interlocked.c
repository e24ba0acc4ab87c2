/*
 * interlocked.c - lists under a spin lock, for drivers that share one with an interrupt routine.
 *
 * The lock is held with interrupts off, so that a device's interrupt cannot ask for it on the same
 * processor: legal at any IRQL. CR8 is not touched.
 */
#include "kernel/ke/spin.h"
#include "kernel/rtl/section.h"

#define CALLER __builtin_return_address(0)

static inline ULONG64 KiLockList(PKSPIN_LOCK Lock, PVOID Caller)
{
    ULONG64 Flags = KiDisableInterrupts();
    KiLock(Lock, Caller);
    return Flags;
}

static inline VOID KiUnlockList(PKSPIN_LOCK Lock, ULONG64 Flags, PVOID Caller)
{
    KiUnlock(Lock, Caller);
    KiRestoreInterrupts(Flags);
}

PLIST_ENTRY NTAPI ExInterlockedInsertHeadList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry,
                                              PKSPIN_LOCK Lock)
{
    ULONG64 Flags = KiLockList(Lock, CALLER);
    PLIST_ENTRY First = ListHead->Flink;
    InsertHeadList(ListHead, ListEntry);
    KiUnlockList(Lock, Flags, CALLER);
    return First == ListHead ? NULL : First;
}
EXPORT(ExInterlockedInsertHeadList);

PLIST_ENTRY NTAPI ExInterlockedInsertTailList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry,
                                              PKSPIN_LOCK Lock)
{
    ULONG64 Flags = KiLockList(Lock, CALLER);
    PLIST_ENTRY Last = ListHead->Blink;
    InsertTailList(ListHead, ListEntry);
    KiUnlockList(Lock, Flags, CALLER);
    return Last == ListHead ? NULL : Last;
}
EXPORT(ExInterlockedInsertTailList);

PLIST_ENTRY NTAPI ExInterlockedRemoveHeadList(PLIST_ENTRY ListHead, PKSPIN_LOCK Lock)
{
    ULONG64 Flags = KiLockList(Lock, CALLER);
    PLIST_ENTRY First = IsListEmpty(ListHead) ? NULL : RemoveHeadList(ListHead);
    KiUnlockList(Lock, Flags, CALLER);
    return First;
}
EXPORT(ExInterlockedRemoveHeadList);

PSINGLE_LIST_ENTRY NTAPI ExInterlockedPushEntryList(PSINGLE_LIST_ENTRY ListHead,
                                                    PSINGLE_LIST_ENTRY ListEntry, PKSPIN_LOCK Lock)
{
    ULONG64 Flags = KiLockList(Lock, CALLER);
    PSINGLE_LIST_ENTRY First = ListHead->Next;
    PushEntryList(ListHead, ListEntry);
    KiUnlockList(Lock, Flags, CALLER);
    return First;
}
EXPORT(ExInterlockedPushEntryList);

PSINGLE_LIST_ENTRY NTAPI ExInterlockedPopEntryList(PSINGLE_LIST_ENTRY ListHead, PKSPIN_LOCK Lock)
{
    ULONG64 Flags = KiLockList(Lock, CALLER);
    PSINGLE_LIST_ENTRY First = PopEntryList(ListHead);
    KiUnlockList(Lock, Flags, CALLER);
    return First;
}
EXPORT(ExInterlockedPopEntryList);
