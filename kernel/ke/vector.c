/*
 * vector.c - which vector a line or a message has, and which processor its interrupts go to.
 *
 * Theory. A vector's high digit is the level that it interrupts at, so giving a device a vector
 * gives it its DIRQL. A vector is free while no routine is connected to it (trap.c); there is no
 * second list that could differ. Messages of a device may have to be consecutive. A line of the I/O
 * APIC has one vector however many devices hang on it, and is masked but while somebody is
 * connected. New vectors go to the level with the most free ones, so that devices spread over the
 * levels.
 *
 *   VECT-1  A vector is given away once; a line's only together with the line.
 *   VECT-2  A line is masked while no interrupt object is connected to its vector, or none that is
 *           active.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/interrupt.h"

static KI_CHAIN KiChains[KI_DEVICE_VECTORS];
static KSPIN_LOCK KiVectorLock;

ULONG64 KiLockVectors(VOID)
{
    ULONG64 Flags = KiDisableInterrupts();
    while (__atomic_exchange_n(&KiVectorLock, 1, __ATOMIC_ACQUIRE) != 0) {
        YieldProcessor();
    }
    return Flags;
}

VOID KiUnlockVectors(ULONG64 Flags)
{
    __atomic_store_n(&KiVectorLock, 0, __ATOMIC_RELEASE);
    KiRestoreInterrupts(Flags);
}

static PKI_CHAIN KiChainOf(UCHAR Vector)
{
    return &KiChains[Vector - KI_FIRST_DEVICE_VECTOR];
}

PKI_CHAIN KiFindChain(ULONG Vector)
{
    if (Vector < KI_FIRST_DEVICE_VECTOR || Vector > KI_LAST_DEVICE_VECTOR ||
        !KiChainOf((UCHAR)Vector)->Allocated) {
        return NULL;
    }
    return KiChainOf((UCHAR)Vector);
}

static BOOLEAN KiAreVectorsFree(UCHAR First, ULONG Count)
{
    PVOID Context;
    for (ULONG i = 0; i < Count; i++) {
        if (KiQueryVector((UCHAR)(First + i), &Context) != NULL) {
            return FALSE;
        }
    }
    return TRUE;
}

/* 0 when the level has none. */
static UCHAR KiFindVectors(ULONG Count, KIRQL Level)
{
    for (ULONG i = 0; i < KI_LEVEL_VECTORS; i += Count) {
        UCHAR First = (UCHAR)(Level * KI_LEVEL_VECTORS + i);
        if (KiAreVectorsFree(First, Count)) {
            return First;
        }
    }
    return 0;
}

static ULONG KiCountFree(KIRQL Level)
{
    ULONG Count = 0;
    for (ULONG i = 0; i < KI_LEVEL_VECTORS; i++) {
        Count += KiAreVectorsFree((UCHAR)(Level * KI_LEVEL_VECTORS + i), 1);
    }
    return Count;
}

static UCHAR KiFindVectorsAnywhere(ULONG Count)
{
    UCHAR Best = 0;
    ULONG MostFree = 0;
    for (KIRQL Level = KI_FIRST_DEVICE_LEVEL; Level <= KI_LAST_DEVICE_LEVEL; Level++) {
        UCHAR First = KiFindVectors(Count, Level);
        ULONG Free = KiCountFree(Level);
        if (First != 0 && Free > MostFree) {
            Best = First;
            MostFree = Free;
        }
    }
    return Best;
}

/* The lock is held. */
static UCHAR KiTakeVectors(ULONG Count, KIRQL Level, ULONG Line, KINTERRUPT_MODE Mode)
{
    UCHAR First =
        Level == KI_ANY_LEVEL ? KiFindVectorsAnywhere(Count) : KiFindVectors(Count, Level);
    for (ULONG i = 0; i < Count && First != 0; i++) {
        PKI_CHAIN Chain = KiChainOf((UCHAR)(First + i));
        Chain->Mode = Mode; /* Walkers stays: who comes late from the last owner counts down */
        Chain->Line = Line;
        Chain->Users = 1;
        Chain->Count = Chain->Unclaimed = 0;
        Chain->Storm = 0;
        Chain->Allocated = TRUE;
        KiConnectVector((UCHAR)(First + i), KiDeviceInterrupt, Chain);
    }
    return First;
}

static VOID KiGiveVectorBack(UCHAR Vector)
{
    KiConnectVector(Vector, NULL, NULL);
    KiChainOf(Vector)->Allocated = FALSE;
}

UCHAR KiAllocateVectors(ULONG Count, KIRQL Level)
{
    ULONG64 Flags = KiLockVectors();
    UCHAR First = KiTakeVectors(Count, Level, KI_NO_LINE, Latched);
    KiUnlockVectors(Flags);
    return First;
}

VOID KiFreeVectors(UCHAR First, ULONG Count)
{
    ULONG64 Flags = KiLockVectors();
    for (ULONG i = 0; i < Count; i++) {
        KiGiveVectorBack((UCHAR)(First + i));
    }
    KiUnlockVectors(Flags);
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* 0 when the line has no vector. */
static UCHAR KiVectorOfLine(ULONG Line)
{
    for (ULONG i = 0; i < KI_DEVICE_VECTORS; i++) {
        if (KiChains[i].Allocated && KiChains[i].Line == Line) {
            return (UCHAR)(KI_FIRST_DEVICE_VECTOR + i);
        }
    }
    return 0;
}

UCHAR KiReferenceLine(ULONG Line, KINTERRUPT_MODE Mode)
{
    if (Line >= HalpLineCount() || HalpIsLineOurs(Line)) {
        return 0;
    }
    ULONG64 Flags = KiLockVectors();
    UCHAR Vector = KiVectorOfLine(Line);
    if (Vector != 0) {
        KiChainOf(Vector)->Users++;
    } else {
        Vector = KiTakeVectors(1, KI_ANY_LEVEL, Line, Mode);
    }
    KiUnlockVectors(Flags);
    return Vector;
}

VOID KiDereferenceLine(UCHAR Vector)
{
    ULONG64 Flags = KiLockVectors();
    if (--KiChainOf(Vector)->Users == 0) {
        KiGiveVectorBack(Vector);
    }
    KiUnlockVectors(Flags);
}

/* ---- processors ------------------------------------------------------------------------------ */

ULONG KiChooseTarget(KAFFINITY Mask)
{
    UCHAR Load[KI_MAX_PROCESSORS] = {0};
    for (ULONG i = 0; i < KI_DEVICE_VECTORS; i++) {
        if (KiChains[i].Allocated && KiChains[i].First != NULL) {
            Load[KiChains[i].Target]++;
        }
    }
    ULONG Best = (ULONG)__builtin_ctzll(Mask);
    for (Mask &= Mask - 1; Mask != 0; Mask &= Mask - 1) {
        ULONG Number = (ULONG)__builtin_ctzll(Mask);
        if (Load[Number] < Load[Best]) {
            Best = Number;
        }
    }
    return Best;
}
