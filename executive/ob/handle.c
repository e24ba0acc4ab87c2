/*
 * handle.c - the handle table of the one process.
 *
 * Handle n*4 is entry n; the two low bits are the caller's. Entries come in pages of 256 which stay
 * once they are there. Free entries form a queue: a closed handle goes to its end, and the table
 * grows before the queue gets short, so that a stale value hits nothing for long (OB-7). The lock
 * is held with interrupts off for some dozens of instructions, so handles can be looked up at any
 * level, which the monitor does.
 *
 *   HNDL-1  An open entry has its object's handle and pointer count (OB-2): while the lock is held
 *           an object that is found has a reference.
 *   HNDL-2  Each entry of the pages but entry 0 is either open or in the queue of free ones.
 */
#include "executive/ob/ob.h"
#include "kernel/rtl/section.h"

#define TAG_TABLE      'btbO' /* Obtb */
#define PAGE_ENTRIES   (PAGE_SIZE / sizeof(OBP_HANDLE))
#define MAX_PAGES      512
#define OBP_LEAST_FREE 128 /* with fewer the table grows */
#define HANDLE_UNIT    4
#define END_OF_QUEUE   0
_Static_assert(sizeof(OBP_HANDLE) == 16, "a page has 256");

static KSPIN_LOCK ObpTableLock; /* all of these; held with interrupts off */
static POBP_HANDLE ObpPages[MAX_PAGES];
static ULONG ObpPageCount;
static ULONG ObpFirstFree, ObpLastFree; /* by Access of a free entry */
static ULONG ObpFreeCount;
ULONG ObpHandlesInUse;

static ULONG64 ObpLockTable(VOID)
{
    ULONG64 Flags = KiDisableInterrupts();
    while (__atomic_exchange_n(&ObpTableLock, 1, __ATOMIC_ACQUIRE) != 0) {
        KiRestoreInterrupts(Flags);
        while (__atomic_load_n(&ObpTableLock, __ATOMIC_RELAXED) != 0) {
            YieldProcessor();
        }
        KiDisableInterrupts();
    }
    return Flags;
}

static VOID ObpUnlockTable(ULONG64 Flags)
{
    __atomic_store_n(&ObpTableLock, 0, __ATOMIC_RELEASE);
    KiRestoreInterrupts(Flags);
}

static POBP_HANDLE ObpEntry(ULONG Number)
{
    return &ObpPages[Number / PAGE_ENTRIES][Number % PAGE_ENTRIES];
}

BOOLEAN NTAPI ObIsKernelHandle(HANDLE Handle)
{
    return ((ULONG_PTR)Handle & OBP_KERNEL_HANDLE_BITS) == OBP_KERNEL_HANDLE_BITS;
}
EXPORT(ObIsKernelHandle);

static HANDLE ObpMakeHandle(ULONG Number, ULONG Attributes)
{
    ULONG_PTR Value = (ULONG_PTR)Number * HANDLE_UNIT;
    return (HANDLE)(Attributes & OBJ_KERNEL_HANDLE ? Value | OBP_KERNEL_HANDLE_BITS : Value);
}

/* ---- growth ---------------------------------------------------------------------------------- */

/* The lock is held. */
static VOID ObpQueueFree(ULONG Number)
{
    *ObpEntry(Number) = (OBP_HANDLE){.Access = END_OF_QUEUE};
    if (ObpFreeCount++ == 0) {
        ObpFirstFree = Number;
    } else {
        ObpEntry(ObpLastFree)->Access = Number;
    }
    ObpLastFree = Number;
}

/* One page of free entries more; FALSE when there is no memory, or no place. */
static BOOLEAN ObpGrowTable(VOID)
{
    POBP_HANDLE Page = ExAllocatePoolWithTag(NonPagedPoolNx, PAGE_SIZE, TAG_TABLE);
    if (Page == NULL) {
        return FALSE;
    }
    RtlZeroMemory(Page, PAGE_SIZE);
    ULONG64 Flags = ObpLockTable();
    BOOLEAN Fits = ObpPageCount < MAX_PAGES;
    if (Fits) {
        ULONG First = ObpPageCount * PAGE_ENTRIES;
        ObpPages[ObpPageCount++] = Page;
        for (ULONG i = 0; i < PAGE_ENTRIES; i++) {
            if (First + i != END_OF_QUEUE) {
                ObpQueueFree(First + i);
            }
        }
    }
    ObpUnlockTable(Flags);
    if (!Fits) {
        ExFreePoolWithTag(Page, TAG_TABLE);
    }
    return Fits;
}

/* Takes a free entry, but none of the last Least; FALSE without one. */
static BOOLEAN ObpTakeEntry(const OBP_HANDLE *Entry, ULONG Least, PHANDLE Handle)
{
    ULONG64 Flags = ObpLockTable();
    BOOLEAN Taken = ObpFreeCount > Least;
    if (Taken) {
        ULONG Number = ObpFirstFree;
        ObpFirstFree = ObpEntry(Number)->Access;
        ObpFreeCount--;
        ObpHandlesInUse++;
        *ObpEntry(Number) = *Entry;
        *Handle = ObpMakeHandle(Number, Entry->Attributes);
    }
    ObpUnlockTable(Flags);
    return Taken;
}

NTSTATUS ObpEnterHandle(const OBP_HANDLE *Entry, PHANDLE Handle)
{
    while (!ObpTakeEntry(Entry, OBP_LEAST_FREE, Handle)) {
        if (!ObpGrowTable()) {
            return ObpTakeEntry(Entry, 0, Handle) ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
        }
    }
    return STATUS_SUCCESS;
}

/* ---- by value -------------------------------------------------------------------------------- */

/* The number of an open handle, 0 of another value. The lock is held. */
static ULONG ObpHandleNumber(HANDLE Handle)
{
    BOOLEAN Kernel = ObIsKernelHandle(Handle);
    ULONG_PTR Number = ((ULONG_PTR)Handle & ~(Kernel ? OBP_KERNEL_HANDLE_BITS : 0)) / HANDLE_UNIT;
    if (Number == END_OF_QUEUE || Number >= (ULONG_PTR)ObpPageCount * PAGE_ENTRIES) {
        return 0;
    }
    POBP_HANDLE Entry = ObpEntry((ULONG)Number);
    BOOLEAN Matches = Kernel == ((Entry->Attributes & OBJ_KERNEL_HANDLE) != 0);
    return Entry->Object != NULL && Matches ? (ULONG)Number : 0;
}

BOOLEAN ObpRemoveHandle(HANDLE Handle, POBP_HANDLE Entry)
{
    ULONG64 Flags = ObpLockTable();
    ULONG Number = ObpHandleNumber(Handle);
    if (Number != 0) {
        *Entry = *ObpEntry(Number);
        ObpQueueFree(Number);
        ObpHandlesInUse--;
    }
    ObpUnlockTable(Flags);
    return Number != 0;
}

/* HNDL-1; the lock is held, the level may be any. */
static VOID ObpReferenceEntry(POBP_HANDLE Entry)
{
    __atomic_add_fetch(&ObpHeader(Entry->Object)->PointerCount, 1, __ATOMIC_RELAXED);
}

BOOLEAN ObpLookUpHandle(HANDLE Handle, POBP_HANDLE Entry)
{
    ULONG64 Flags = ObpLockTable();
    ULONG Number = ObpHandleNumber(Handle);
    if (Number != 0) {
        *Entry = *ObpEntry(Number);
        ObpReferenceEntry(Entry);
    }
    ObpUnlockTable(Flags);
    return Number != 0;
}

BOOLEAN ObpNextHandle(PULONG Number, PHANDLE Handle, POBP_HANDLE Entry)
{
    ULONG64 Flags = ObpLockTable();
    BOOLEAN Found = FALSE;
    for (; !Found && *Number < ObpPageCount * PAGE_ENTRIES; ++*Number) {
        *Entry = *ObpEntry(*Number);
        *Handle = ObpMakeHandle(*Number, Entry->Attributes);
        Found = Entry->Object != NULL;
    }
    if (Found) {
        ObpReferenceEntry(Entry);
    }
    ObpUnlockTable(Flags);
    return Found;
}
