/*
 * pushlock.c - push locks (EX_PUSH_LOCK): shared or exclusive, one word, for drivers and the
 * kernel.
 *
 * Theory. Without waiters the word is 0, EXCLUSIVE, or the number of sharers times ONE_SHARER. A
 * thread that has to wait pushes a block, which lies on its stack, in front of the others: the word
 * is then the newest block's address with WAITERS set (and EXCLUSIVE as before), each block points
 * to the next older one, and the oldest one holds the number of sharers. Whoever lets go last takes
 * the oldest waiter off, or all sharers up to the first exclusive one, makes them the holders and
 * then wakes them. The word may lie in pageable memory, so it is not touched with interrupts off.
 *
 *   PUSH-1  One exclusive holder or any number of sharers.
 *   PUSH-2  First come, first served: while anybody waits, a newcomer waits too, and the lock is
 *           handed over, never free in between. So neither kind starves the other.
 *   PUSH-3  Only a holder follows pointers to blocks, and waiters leave only by a holder's hand. So
 *           no block goes away while it is looked at: a sharer looks before it counts itself out,
 *           and the one who counts down to 0 is alone.
 *   PUSH-4  The way from the newest block to the oldest one is walked once: the walk leaves its end
 *           in the newest block, and the way back in each block. Of all blocks' Oldest, the one
 *           that is met first on the way from the newest is right.
 *   PUSH-5  Checked mode: the bug checks that wdm_lock.h names.
 */
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

#define EXCLUSIVE  ((ULONG_PTR)1)
#define WAITERS    ((ULONG_PTR)2)
#define ONE_SHARER ((ULONG_PTR)16)
#define BLOCK_MASK (~(ONE_SHARER - 1))

/* First parameters of bug check 0xC4. */
#define VERIFIER_PUSH_ACQUIRE 0xEA
#define VERIFIER_PUSH_RELEASE 0xEB
#define VERIFIER_NOT_OWNED    0x1007

typedef struct _KI_PUSH_BLOCK {
    struct _KI_PUSH_BLOCK *Older;
    struct _KI_PUSH_BLOCK *Newer;  /* known behind a walk */
    struct _KI_PUSH_BLOCK *Oldest; /* NULL where nobody has walked from */
    ULONG_PTR Sharers;             /* of the oldest block: who holds the lock shared */
    BOOLEAN Exclusive;             /* what is waited for */
    KEVENT Event;
} DECLSPEC_ALIGN(16) KI_PUSH_BLOCK, *PKI_PUSH_BLOCK;

/* Replaces *Old, or loads it anew and returns FALSE. */
static inline BOOLEAN KiExchangePush(PEX_PUSH_LOCK PushLock, PULONG_PTR Old, ULONG_PTR New)
{
    return __atomic_compare_exchange_n(PushLock, Old, New, FALSE, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

/* ---- what checked mode asks ------------------------------------------------------------------ */

static VOID KiCheckPush(PEX_PUSH_LOCK PushLock, ULONG_PTR Rule)
{
    if (!KiMayHoldLock()) {
        KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, Rule, KiReadIrql(),
                     KeGetCurrentThread()->CombinedApcDisable, (ULONG_PTR)PushLock);
    }
}

static VOID KiCheckPushRelease(PEX_PUSH_LOCK PushLock, ULONG_PTR Word, BOOLEAN Exclusive)
{
    BOOLEAN Shared = !(Word & EXCLUSIVE) && Word != 0;
    KiCheckPush(PushLock, VERIFIER_PUSH_RELEASE);
    if (Exclusive ? !(Word & EXCLUSIVE) : !Shared) {
        KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_NOT_OWNED, (ULONG_PTR)PushLock,
                     (ULONG_PTR)KeGetCurrentThread(), 0);
    }
}

/* ---- taking ---------------------------------------------------------------------------------- */

static inline BOOLEAN KiTryExclusive(PEX_PUSH_LOCK PushLock)
{
    ULONG_PTR Free = 0;
    return KiExchangePush(PushLock, &Free, EXCLUSIVE);
}

/* FALSE while somebody has it exclusively, or waits. */
static inline BOOLEAN KiTryShared(PEX_PUSH_LOCK PushLock)
{
    ULONG_PTR Word = *PushLock;
    do {
        if (Word & (EXCLUSIVE | WAITERS)) {
            return FALSE;
        }
    } while (!KiExchangePush(PushLock, &Word, Word + ONE_SHARER));
    return TRUE;
}

/* Pushes the block, unless the lock can be had; Word is what the lock was. */
static BOOLEAN KiPushBlock(PEX_PUSH_LOCK PushLock, PKI_PUSH_BLOCK Block, PULONG_PTR Word)
{
    if (*Word & WAITERS) {
        Block->Older = (PKI_PUSH_BLOCK)(*Word & BLOCK_MASK);
        Block->Oldest = NULL;
    } else {
        Block->Older = NULL;
        Block->Oldest = Block;
        Block->Sharers = *Word / ONE_SHARER;
    }
    return KiExchangePush(PushLock, Word, (ULONG_PTR)Block | WAITERS | (*Word & EXCLUSIVE));
}

static BOOLEAN KiMayTake(ULONG_PTR Word, BOOLEAN Exclusive)
{
    return Exclusive ? Word == 0 : !(Word & (EXCLUSIVE | WAITERS));
}

static __attribute__((noinline, cold)) VOID NTAPI KiTakePushSlowly(PEX_PUSH_LOCK PushLock,
                                                                   BOOLEAN Exclusive)
{
    KI_PUSH_BLOCK Block;
    if (KiCheckedMode) {
        KiCheckPush(PushLock, VERIFIER_PUSH_ACQUIRE);
    }
    Block.Exclusive = Exclusive;
    KeInitializeEvent(&Block.Event, SynchronizationEvent, FALSE);
    ULONG_PTR Word = *PushLock;
    for (;;) {
        if (KiMayTake(Word, Exclusive)) {
            if (KiExchangePush(PushLock, &Word, Exclusive ? EXCLUSIVE : Word + ONE_SHARER)) {
                return;
            }
        } else if (KiPushBlock(PushLock, &Block, &Word)) {
            KeWaitForSingleObject(&Block.Event, WrPushLock, KernelMode, FALSE, NULL);
            return;
        }
    }
}

VOID NTAPI ExInitializePushLock(PEX_PUSH_LOCK PushLock)
{
    *PushLock = 0;
}
EXPORT(ExInitializePushLock);

VOID NTAPI ExAcquirePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    UNREFERENCED_PARAMETER(Flags);
    if (KiCheckedMode || !KiTryExclusive(PushLock)) {
        KiTakePushSlowly(PushLock, TRUE);
    }
}
EXPORT(ExAcquirePushLockExclusiveEx);

VOID NTAPI ExAcquirePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    UNREFERENCED_PARAMETER(Flags);
    if (KiCheckedMode || !KiTryShared(PushLock)) {
        KiTakePushSlowly(PushLock, FALSE);
    }
}
EXPORT(ExAcquirePushLockSharedEx);

BOOLEAN NTAPI ExTryAcquirePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    UNREFERENCED_PARAMETER(Flags);
    if (KiCheckedMode) {
        KiCheckPush(PushLock, VERIFIER_PUSH_ACQUIRE);
    }
    return KiTryExclusive(PushLock);
}
EXPORT(ExTryAcquirePushLockExclusiveEx);

BOOLEAN NTAPI ExTryAcquirePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    UNREFERENCED_PARAMETER(Flags);
    if (KiCheckedMode) {
        KiCheckPush(PushLock, VERIFIER_PUSH_ACQUIRE);
    }
    return KiTryShared(PushLock);
}
EXPORT(ExTryAcquirePushLockSharedEx);

BOOLEAN NTAPI ExTryConvertPushLockSharedToExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    ULONG_PTR Alone = ONE_SHARER;
    UNREFERENCED_PARAMETER(Flags);
    if (KiCheckedMode) {
        KiCheckPushRelease(PushLock, *PushLock, FALSE);
    }
    return KiExchangePush(PushLock, &Alone, EXCLUSIVE);
}
EXPORT(ExTryConvertPushLockSharedToExclusiveEx);

/* ---- giving back ----------------------------------------------------------------------------- */

/* PUSH-4. The caller holds the lock. */
static PKI_PUSH_BLOCK KiFindOldest(PKI_PUSH_BLOCK Newest)
{
    PKI_PUSH_BLOCK Block = Newest;
    while (Block->Oldest == NULL) {
        Block->Older->Newer = Block;
        Block = Block->Older;
    }
    Newest->Oldest = Block->Oldest;
    return Newest->Oldest;
}

/* Block becomes the oldest one of those that wait on, while so many sharers hold the lock. */
static VOID KiMakeOldest(PKI_PUSH_BLOCK Newest, PKI_PUSH_BLOCK Block, ULONG_PTR Sharers)
{
    Block->Older = NULL;
    Block->Sharers = Sharers;
    Block->Oldest = Block;
    Newest->Oldest = Block;
}

/*
 * Takes one exclusive waiter or several sharers off and makes them the holders, for a caller who
 * held the lock alone. Returns the first of them, and the number through Count; each one's Newer is
 * the next of them.
 */
static PKI_PUSH_BLOCK KiTakeOldest(PEX_PUSH_LOCK PushLock, PULONG_PTR Count)
{
    ULONG_PTR Word = __atomic_load_n(PushLock, __ATOMIC_ACQUIRE);
    for (;;) {
        PKI_PUSH_BLOCK Newest = (PKI_PUSH_BLOCK)(Word & BLOCK_MASK);
        PKI_PUSH_BLOCK First = KiFindOldest(Newest);
        PKI_PUSH_BLOCK Last = First;
        for (*Count = 1; !First->Exclusive && Last != Newest && !Last->Newer->Exclusive; ++*Count) {
            Last = Last->Newer;
        }
        ULONG_PTR Sharers = First->Exclusive ? 0 : *Count;
        if (Last == Newest) {
            if (KiExchangePush(PushLock, &Word,
                               First->Exclusive ? EXCLUSIVE : Sharers * ONE_SHARER)) {
                return First;
            }
            continue; /* one more waits */
        }
        KiMakeOldest(Newest, Last->Newer, Sharers);
        if (First->Exclusive) {
            __atomic_fetch_or(PushLock, EXCLUSIVE, __ATOMIC_ACQ_REL);
        } else {
            __atomic_fetch_and(PushLock, ~EXCLUSIVE, __ATOMIC_ACQ_REL);
        }
        return First;
    }
}

static VOID KiHandOverPush(PEX_PUSH_LOCK PushLock)
{
    ULONG_PTR Count;
    PKI_PUSH_BLOCK Block = KiTakeOldest(PushLock, &Count);
    while (Count-- != 0) {
        PKI_PUSH_BLOCK Next = Block->Newer; /* the block is gone when its thread runs */
        KeSetEvent(&Block->Event, EVENT_INCREMENT, FALSE);
        Block = Next;
    }
}

static __attribute__((noinline, cold)) VOID NTAPI KiEndExclusiveSlowly(PEX_PUSH_LOCK PushLock)
{
    ULONG_PTR Alone = EXCLUSIVE;
    if (KiCheckedMode) {
        KiCheckPushRelease(PushLock, *PushLock, TRUE);
    }
    if (!KiExchangePush(PushLock, &Alone, 0)) {
        KiHandOverPush(PushLock);
    }
}

static __attribute__((noinline, cold)) VOID NTAPI KiEndSharedSlowly(PEX_PUSH_LOCK PushLock)
{
    ULONG_PTR Word = __atomic_load_n(PushLock, __ATOMIC_ACQUIRE);
    if (KiCheckedMode) {
        KiCheckPushRelease(PushLock, Word, FALSE);
    }
    while (!(Word & WAITERS)) {
        if (KiExchangePush(PushLock, &Word, Word - ONE_SHARER)) {
            return;
        }
    }
    PKI_PUSH_BLOCK Oldest = KiFindOldest((PKI_PUSH_BLOCK)(Word & BLOCK_MASK));
    if (__atomic_sub_fetch(&Oldest->Sharers, 1, __ATOMIC_ACQ_REL) == 0) {
        KiHandOverPush(PushLock);
    }
}

VOID NTAPI ExReleasePushLockExclusiveEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    ULONG_PTR Alone = EXCLUSIVE;
    UNREFERENCED_PARAMETER(Flags);
    if (KiCheckedMode || !KiExchangePush(PushLock, &Alone, 0)) {
        KiEndExclusiveSlowly(PushLock);
    }
}
EXPORT(ExReleasePushLockExclusiveEx);

VOID NTAPI ExReleasePushLockSharedEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    ULONG_PTR Alone = ONE_SHARER;
    UNREFERENCED_PARAMETER(Flags);
    if (KiCheckedMode || !KiExchangePush(PushLock, &Alone, 0)) {
        KiEndSharedSlowly(PushLock);
    }
}
EXPORT(ExReleasePushLockSharedEx);

VOID NTAPI ExReleasePushLockEx(PEX_PUSH_LOCK PushLock, ULONG Flags)
{
    if (*PushLock & EXCLUSIVE) {
        ExReleasePushLockExclusiveEx(PushLock, Flags);
    } else {
        ExReleasePushLockSharedEx(PushLock, Flags);
    }
}
EXPORT(ExReleasePushLockEx);
