/*
 * interrupt.h - device vectors, lines and interrupt objects, for kernel/ke and for executive/io,
 * which hands in the memory. Theory: interrupt.c.
 */
#pragma once

#include "kernel/ke/ke.h"

#define KI_FIRST_DEVICE_VECTOR 0x30
#define KI_LAST_DEVICE_VECTOR  0xBF
#define KI_DEVICE_VECTORS      (KI_LAST_DEVICE_VECTOR - KI_FIRST_DEVICE_VECTOR + 1)
#define KI_LEVEL_VECTORS       16 /* of one level: vector >> 4 is the level */
#define KI_FIRST_DEVICE_LEVEL  (KI_FIRST_DEVICE_VECTOR >> 4)
#define KI_LAST_DEVICE_LEVEL   (KI_LAST_DEVICE_VECTOR >> 4)
#define KI_ANY_LEVEL           0
#define KI_NO_LINE             MAXULONG
#define KI_INTERRUPT_TYPE      22

struct _KINTERRUPT {
    SHORT Type; /* KI_INTERRUPT_TYPE */
    SHORT Size;
    PKINTERRUPT Next; /* in its chain */
    PKSERVICE_ROUTINE ServiceRoutine;
    PKMESSAGE_SERVICE_ROUTINE MessageRoutine; /* instead, unless NULL */
    PVOID ServiceContext;
    ULONG MessageId;
    PVOID Device; /* executive/io's, unless NULL: whose message it is */
    KSPIN_LOCK SpinLock;
    PKSPIN_LOCK ActualLock; /* that one or the driver's */
    KAFFINITY Affinity;
    ULONG64 Calls, Claims; /* guarded by the lock */
    KINTERRUPT_MODE Mode;
    UCHAR Vector;
    KIRQL SynchronizeIrql;
    BOOLEAN ShareVector;
    BOOLEAN Active; /* guarded by the vector lock; a walker may see it late */
};

/* What there is to know of a vector that a line or a message has. */
typedef struct _KI_CHAIN {
    PKINTERRUPT First;     /* INTR-3 */
    volatile LONG Walkers; /* processors that look at the list now */
    BOOLEAN Allocated;
    KINTERRUPT_MODE Mode;
    ULONG Line;   /* KI_NO_LINE: of a message */
    ULONG Users;  /* devices that were given the line */
    ULONG Target; /* processor, while First is not NULL */
    ULONG64 Count;
    ULONG64 Unclaimed; /* of them, those that no routine claimed */
    ULONG Storm;       /* in a row that were there again when they ended: INTR-6 */
} KI_CHAIN, *PKI_CHAIN;

/* Guards chains and vectors; interrupts are off while it is held. */
ULONG64 KiLockVectors(VOID);
VOID KiUnlockVectors(ULONG64 Flags);
/* NULL for a vector that is no device's or was given to nobody. */
PKI_CHAIN KiFindChain(ULONG Vector);

/*
 * Takes Count vectors (a power of two, at most 16) of one level, one behind the other, the first a
 * multiple of Count, for messages. Level KI_ANY_LEVEL: where most are free. Returns the first, 0 if
 * there is none.
 */
UCHAR KiAllocateVectors(ULONG Count, KIRQL Level);
VOID KiFreeVectors(UCHAR First, ULONG Count);
/*
 * The vector of a line of the I/O APIC, which has one from its first user on to its last. 0: no
 * such line, the hardware layer's own, or no vector is left.
 */
UCHAR KiReferenceLine(ULONG Line, KINTERRUPT_MODE Mode);
VOID KiDereferenceLine(UCHAR Vector);

/* Fills an object that is zero but for what the caller set: routine, context, lock, vector, ... */
VOID KiInitializeInterrupt(PKINTERRUPT Interrupt);
/*
 * STATUS_NOT_FOUND: nobody has the vector; STATUS_INVALID_PARAMETER: its mode is another, it cannot
 * be shared, or no processor serves all who share it.
 */
NTSTATUS KiConnectInterrupt(PKINTERRUPT Interrupt);
/* Its routine does not run any more when this returns. <= APC_LEVEL. */
VOID KiDisconnectInterrupt(PKINTERRUPT Interrupt);
/* Whether its routine is called; a line is masked where nobody's is. Any IRQL. */
VOID KiSetInterruptActive(PKINTERRUPT Interrupt, BOOLEAN Active);
/* The processor among Mask that the fewest vectors go to. Its lock is held. */
ULONG KiChooseTarget(KAFFINITY Mask);

/* Behind the acknowledgement of each device interrupt; interrupts are off. */
VOID KiWatchStorm(UCHAR Vector);
/* Connected to each vector that has a chain. */
KI_INTERRUPT_ROUTINE KiDeviceInterrupt;
