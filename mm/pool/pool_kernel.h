/*
 * pool_kernel.h - the pools' platform in the kernel: pages from mm/, interrupts and IRQL from ke/.
 *
 * Included by pool_platform.h only. Everything is inline: most of it is one instruction.
 */
#pragma once

#include "mm/mm.h"

static inline KIRQL ExpReadIrql(VOID)
{
    return KiReadIrql();
}

/*
 * The lock of nonpaged pool: interrupts off, then a word for the other processors. Whoever holds it
 * can't be interrupted on its processor, so every wait is short; and no CR8 write is needed.
 */
static inline ULONG64 ExpAcquireSpin(POOL_LOCK *Lock)
{
    ULONG64 State = KiDisableInterrupts();
    while (__atomic_exchange_n(&Lock->Held, 1, __ATOMIC_ACQUIRE) != 0) {
        while (__atomic_load_n(&Lock->Held, __ATOMIC_RELAXED) != 0) {
            __asm__ volatile("pause");
        }
    }
    return State;
}

static inline VOID ExpReleaseSpin(POOL_LOCK *Lock, ULONG64 State)
{
    __atomic_store_n(&Lock->Held, 0, __ATOMIC_RELEASE);
    KiRestoreInterrupts(State);
}

static inline VOID ExpInitializeMutex(POOL_MUTEX *Mutex)
{
    ExInitializeFastMutex(Mutex);
}

/*
 * The lock of paged pool: its holder is at APC_LEVEL, where page faults are resolved and no APC can
 * ask for the lock again. Others wait, since the holder may have lost the processor to them. A
 * holder that asks again (a fault that allocates paged pool) would wait for itself: bug check 0xF.
 */
static inline ULONG64 ExpAcquireMutex(POOL_MUTEX *Mutex)
{
    PVOID Thread = KeGetCurrentThread();
    if (Mutex->Owner == Thread) {
        KeBugCheckEx(SPIN_LOCK_ALREADY_OWNED, (ULONG_PTR)Mutex, (ULONG_PTR)Thread, KiReadIrql(), 0);
    }
    ExAcquireFastMutex(Mutex);
    return 0; /* the mutex keeps the level */
}

static inline VOID ExpReleaseMutex(POOL_MUTEX *Mutex, ULONG64 State)
{
    UNREFERENCED_PARAMETER(State);
    ExReleaseFastMutex(Mutex);
}

/* The pool whose address range Address lies in, PoolKindNone for other addresses. */
static inline POOL_KIND ExpKindOfAddress(PVOID Address)
{
    switch ((ULONG_PTR)Address & ~(MI_SLOT_BYTES - 1)) {
    case MI_NONPAGED_POOL: return PoolKindNonPagedNx;
    case MI_EXECUTABLE_POOL: return PoolKindNonPagedExecute;
    case MI_PAGED_POOL: return PoolKindPaged;
    default: return PoolKindNone;
    }
}

/*
 * Pages adjacent pages of a pool's range; NULL without memory. Node: of that node only, with
 * MM_ANY_NODE_OK of those nearest to it as well, POOL_ANY_NODE: near to the caller.
 */
#define POOL_ANY_NODE MI_ANY_NODE
static inline PVOID ExpAllocatePages(POOL_KIND Kind, SIZE_T Pages, ULONG Node)
{
    static const POOL_TYPE Types[] = {NonPagedPoolNx, NonPagedPoolExecute, PagedPool};
    return MiAllocatePoolPagesOf(Types[Kind], Pages, Node);
}

/* Pages of paged pool that leave memory before others. */
static inline VOID ExpMakeCold(PVOID Base, SIZE_T Pages)
{
    MiMakeCold(Base, Pages);
}

static inline VOID ExpFreePages(PVOID Base)
{
    MiFreePoolPages(Base);
}

/* Pages of the allocation that begins at Base, 0 when none does. */
static inline SIZE_T ExpQueryPages(PVOID Base)
{
    return MiQueryPoolPages(Base);
}

/* Bug check for an address where no allocation of pages begins: 0xC2/0x40 to 0x50, 0x41286. */
static inline DECLSPEC_NORETURN VOID ExpReportBadPages(PVOID Address)
{
    MiFreePoolPages(Address);
    KeBugCheckEx(BAD_POOL_CALLER, 0x99, (ULONG_PTR)Address, 0, 0);
}

/* Whether Address can be read now without a fault. */
static inline BOOLEAN ExpIsReadable(PVOID Address)
{
    return MiIsAddressValid(Address);
}

/* Pages that a pool can still get, and could get if nobody had any. */
static inline VOID ExpQuerySupply(POOL_KIND Kind, PSIZE_T Free, PSIZE_T Maximum)
{
    static const POOL_TYPE Types[] = {NonPagedPoolNx, NonPagedPoolExecute, PagedPool};
    MiQueryPoolSupply(Types[Kind], Free, Maximum);
}

static inline ULONG ExpHighestNode(VOID)
{
    return MiNodeCount - 1;
}

static inline BOOLEAN ExpHasMemory(ULONG Node)
{
    return MiNodePlaces[Node].Pages != 0;
}

/* All nodes, from the nearest to Node on: itself. */
static inline const UCHAR *ExpHopsOf(ULONG Node)
{
    return MiNodePlaces[Node].Hops;
}

/* Zeroed memory of Node, for ever; NULL where it has none. Boot only. */
static inline PVOID ExpAllocateOfNode(ULONG Node, SIZE_T Bytes)
{
    PVOID Memory = MiAllocatePoolPagesOf(NonPagedPoolNx, BYTES_TO_PAGES(Bytes), Node);
    if (Memory != NULL) {
        RtlZeroMemory(Memory, Bytes);
    }
    return Memory;
}

/* Whether new pages of this kind read as zero. */
static inline BOOLEAN ExpFreshPagesAreZero(POOL_KIND Kind)
{
    return Kind == PoolKindPaged;
}

/* ---- processors ------------------------------------------------------------------------------ */

static inline ULONG ExpCurrentNode(VOID)
{
    return MiCurrentNode();
}

static inline ULONG ExpNodeOf(ULONG Processor)
{
    return KiFindPcr(Processor)->Prcb.Node;
}

/* A processor's part of the pools; NULL behind the last processor. */
static inline struct _POOL_CACHE *ExpCacheOf(ULONG Processor)
{
    PKPCR Pcr = KiFindPcr(Processor);
    return Pcr == NULL ? NULL : (struct _POOL_CACHE *)((PUCHAR)Pcr + POOL_CACHE_OFFSET);
}

/* Of the processor that calls, or was calling: a thread may have moved on. */
static inline struct _POOL_CACHE *ExpOwnCache(VOID)
{
    return (struct _POOL_CACHE *)((PUCHAR)KeGetCurrentPrcb() - offsetof(KPCR, Prcb) +
                                  POOL_CACHE_OFFSET);
}

/* Adds to a field of the own part; one instruction, so that no interrupt loses it. */
static inline VOID ExpAddHere(SIZE_T Offset, ULONG64 Value)
{
    __asm__ volatile("addq %1, %%gs:%c2(%0)"
                     :
                     : "r"(Offset), "er"(Value), "i"(POOL_CACHE_OFFSET)
                     : "memory", "cc");
}

/* Runs Routine on a processor with interrupts masked, and waits for it. */
static inline VOID ExpRunOn(ULONG Processor, KI_CALL_ROUTINE *Routine, PVOID Context)
{
    ULONG64 Flags = KiDisableInterrupts();
    if (KeGetCurrentPrcb()->Number == Processor) {
        Routine(Context);
    } else {
        KiCallProcessors(1ULL << Processor, Routine, Context);
    }
    KiRestoreInterrupts(Flags);
}

/* Where the state of the big block at Base is (big_cache.c); an unbacked address may be there. */
static inline struct _POOL_BIG_STATE *ExpBigStateOf(PVOID Base)
{
    return (struct _POOL_BIG_STATE *)(((ULONG_PTR)Base >> 8) + MI_BIG_STATES -
                                      (MI_NONPAGED_POOL >> 8));
}

static inline BOOLEAN ExpIsStateBacked(struct _POOL_BIG_STATE *State)
{
    return MiIsAddressValid(State);
}

/* The node that all pages from Base on are of; FALSE when they are of several. */
static inline BOOLEAN ExpQueryNode(PVOID Base, SIZE_T Pages, PULONG Node)
{
    PMMPTE Pte = MiGetPteAddress(Base);
    *Node = MiPfnEntry(MiReadPte(Pte).Hard.PageFrameNumber)->Node;
    for (SIZE_T i = 1; i < Pages; i++) {
        if (MiPfnEntry(MiReadPte(&Pte[i]).Hard.PageFrameNumber)->Node != *Node) {
            return FALSE;
        }
    }
    return TRUE;
}

/* FALSE when there is no memory for it. */
BOOLEAN ExpBackState(struct _POOL_BIG_STATE *State);
extern SIZE_T ExpStatePages; /* that states have taken; they are kept */

/* Who empties the processors' lists of one kind does so alone. */
ULONG64 ExpLockDrain(POOL_KIND Kind);
VOID ExpUnlockDrain(POOL_KIND Kind, ULONG64 State);
/* A number that nobody guesses; not 0. */
ULONG64 ExpDrawKey(VOID);

/*
 * Raises Status to the caller of a pool routine. Legal at DISPATCH_LEVEL, other than ExRaiseStatus
 * (contract, section 8).
 */
static inline DECLSPEC_NORETURN VOID ExpRaiseStatus(NTSTATUS Status, PVOID Caller)
{
    KiRaiseStatus(Status, Caller);
}
