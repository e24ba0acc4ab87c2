/*
 * rundown.c - rundown protection: how the owner of an object waits for its last user.
 *
 * Theory. A reference is one word. While the object lives it is twice the number of protections,
 * so an acquire adds 2 and a release takes 2 away. The owner replaces it by the address of a block
 * on his stack, with bit 0 set, that holds the number and an event; from then on acquires fail, and
 * releases count the block down. Whoever takes the last one away sets the event. A word of 1 is an
 * object that is run down.
 *
 *   RUND-1  Protection is given only while bit 0 is clear.
 *   RUND-2  The wait ends when as many protections were given back as were given.
 *   RUND-3  When the wait has ended nobody touches the word any more, except a failing acquire.
 */
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

#define RUN_DOWN       ((ULONG_PTR)1)
#define ONE_PROTECTION 2

typedef struct _KI_RUNDOWN_WAIT {
    LONG64 Count;
    KEVENT Event;
} KI_RUNDOWN_WAIT, *PKI_RUNDOWN_WAIT;

/* Replaces *Old, or loads it anew and returns FALSE. */
static inline BOOLEAN KiExchangeRundown(PEX_RUNDOWN_REF RunRef, ULONG_PTR *Old, ULONG_PTR New)
{
    return __atomic_compare_exchange_n(&RunRef->Count, Old, New, FALSE, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

VOID NTAPI ExInitializeRundownProtection(PEX_RUNDOWN_REF RunRef)
{
    KiRequireIrql(APC_LEVEL);
    RunRef->Count = 0;
}
EXPORT(ExInitializeRundownProtection);

VOID NTAPI ExReInitializeRundownProtection(PEX_RUNDOWN_REF RunRef)
{
    KiRequireIrql(APC_LEVEL);
    if (RunRef->Count != RUN_DOWN) {
        RtlFailFast(FAST_FAIL_INVALID_ARG);
    }
    __atomic_store_n(&RunRef->Count, 0, __ATOMIC_RELEASE);
}
EXPORT(ExReInitializeRundownProtection);

BOOLEAN NTAPI ExAcquireRundownProtectionEx(PEX_RUNDOWN_REF RunRef, ULONG Count)
{
    KiRequireIrql(DISPATCH_LEVEL);
    ULONG_PTR Word = __atomic_load_n(&RunRef->Count, __ATOMIC_RELAXED);
    do {
        if (Word & RUN_DOWN) {
            return FALSE;
        }
    } while (!KiExchangeRundown(RunRef, &Word, Word + (ULONG_PTR)Count * ONE_PROTECTION));
    return TRUE;
}
EXPORT(ExAcquireRundownProtectionEx);

BOOLEAN NTAPI ExAcquireRundownProtection(PEX_RUNDOWN_REF RunRef)
{
    return ExAcquireRundownProtectionEx(RunRef, 1);
}
EXPORT(ExAcquireRundownProtection);

/* The owner waits: the block is his until the event is set. */
static VOID KiReleaseToWaiter(ULONG_PTR Word, ULONG Count)
{
    PKI_RUNDOWN_WAIT Wait = (PKI_RUNDOWN_WAIT)(Word & ~RUN_DOWN);
    LONG64 Left = Wait != NULL ? __atomic_sub_fetch(&Wait->Count, Count, __ATOMIC_ACQ_REL) : -1;
    if (Left < 0) {
        RtlFailFast(FAST_FAIL_INVALID_REFERENCE_COUNT);
    }
    if (Left == 0) {
        KeSetEvent(&Wait->Event, 0, FALSE);
    }
}

VOID NTAPI ExReleaseRundownProtectionEx(PEX_RUNDOWN_REF RunRef, ULONG Count)
{
    KiRequireIrql(DISPATCH_LEVEL);
    ULONG_PTR Word = __atomic_load_n(&RunRef->Count, __ATOMIC_ACQUIRE);
    do {
        if (Word & RUN_DOWN) {
            KiReleaseToWaiter(Word, Count);
            return;
        }
        if (KiCheckedMode && Word < (ULONG_PTR)Count * ONE_PROTECTION) {
            RtlFailFast(FAST_FAIL_INVALID_REFERENCE_COUNT);
        }
    } while (!KiExchangeRundown(RunRef, &Word, Word - (ULONG_PTR)Count * ONE_PROTECTION));
}
EXPORT(ExReleaseRundownProtectionEx);

VOID NTAPI ExReleaseRundownProtection(PEX_RUNDOWN_REF RunRef)
{
    ExReleaseRundownProtectionEx(RunRef, 1);
}
EXPORT(ExReleaseRundownProtection);

VOID NTAPI ExWaitForRundownProtectionRelease(PEX_RUNDOWN_REF RunRef)
{
    KI_RUNDOWN_WAIT Wait;
    ULONG_PTR Word = 0;
    KiRequireIrql(APC_LEVEL);
    if (KiExchangeRundown(RunRef, &Word, RUN_DOWN) || Word == RUN_DOWN) {
        return;
    }
    KeInitializeEvent(&Wait.Event, SynchronizationEvent, FALSE);
    do {
        if (Word & RUN_DOWN) {
            RtlFailFast(FAST_FAIL_INVALID_ARG); /* somebody else waits */
        }
        Wait.Count = (LONG64)(Word / ONE_PROTECTION);
    } while (!KiExchangeRundown(RunRef, &Word, (ULONG_PTR)&Wait | RUN_DOWN));
    if (Word != 0) { /* Wait.Count may have gone down to 0 since, but then the event comes */
        KeWaitForSingleObject(&Wait.Event, WrRundown, KernelMode, FALSE, NULL);
    }
    __atomic_store_n(&RunRef->Count, RUN_DOWN, __ATOMIC_RELEASE);
}
EXPORT(ExWaitForRundownProtectionRelease);

VOID NTAPI ExRundownCompleted(PEX_RUNDOWN_REF RunRef)
{
    KiRequireIrql(APC_LEVEL);
    __atomic_store_n(&RunRef->Count, RUN_DOWN, __ATOMIC_RELEASE);
}
EXPORT(ExRundownCompleted);
