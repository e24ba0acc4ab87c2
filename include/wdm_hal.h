/*
 * wdm_hal.h - interlocked operations, barriers, ports and device registers. Part of wdm.h.
 *
 * All inline, at any IRQL, as in the WDK: no import, no check. Interlocked operations are full
 * barriers. DDI wdm, the pages of each name.
 */
#pragma once

#include <ntdef.h>

/* ---- interlocked: each returns the value before, unless it says otherwise -------------------- */

/* The value after adding one. */
FORCEINLINE LONG InterlockedIncrement(LONG volatile *Addend)
{
    return __atomic_add_fetch(Addend, 1, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG64 InterlockedIncrement64(LONG64 volatile *Addend)
{
    return __atomic_add_fetch(Addend, 1, __ATOMIC_SEQ_CST);
}

/* The value after taking one away. */
FORCEINLINE LONG InterlockedDecrement(LONG volatile *Addend)
{
    return __atomic_sub_fetch(Addend, 1, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG64 InterlockedDecrement64(LONG64 volatile *Addend)
{
    return __atomic_sub_fetch(Addend, 1, __ATOMIC_SEQ_CST);
}

FORCEINLINE LONG InterlockedExchange(LONG volatile *Target, LONG Value)
{
    return __atomic_exchange_n(Target, Value, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG64 InterlockedExchange64(LONG64 volatile *Target, LONG64 Value)
{
    return __atomic_exchange_n(Target, Value, __ATOMIC_SEQ_CST);
}
FORCEINLINE PVOID InterlockedExchangePointer(PVOID volatile *Target, PVOID Value)
{
    return __atomic_exchange_n(Target, Value, __ATOMIC_SEQ_CST);
}

FORCEINLINE LONG InterlockedExchangeAdd(LONG volatile *Addend, LONG Value)
{
    return __atomic_fetch_add(Addend, Value, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG64 InterlockedExchangeAdd64(LONG64 volatile *Addend, LONG64 Value)
{
    return __atomic_fetch_add(Addend, Value, __ATOMIC_SEQ_CST);
}

/* Stores Exchange if the target holds Comperand. */
FORCEINLINE LONG InterlockedCompareExchange(LONG volatile *Destination, LONG Exchange,
                                            LONG Comperand)
{
    __atomic_compare_exchange_n(Destination, &Comperand, Exchange, FALSE, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    return Comperand;
}
FORCEINLINE LONG64 InterlockedCompareExchange64(LONG64 volatile *Destination, LONG64 Exchange,
                                                LONG64 Comperand)
{
    __atomic_compare_exchange_n(Destination, &Comperand, Exchange, FALSE, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    return Comperand;
}
FORCEINLINE PVOID InterlockedCompareExchangePointer(PVOID volatile *Destination, PVOID Exchange,
                                                    PVOID Comperand)
{
    __atomic_compare_exchange_n(Destination, &Comperand, Exchange, FALSE, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    return Comperand;
}

FORCEINLINE LONG InterlockedAnd(LONG volatile *Destination, LONG Value)
{
    return __atomic_fetch_and(Destination, Value, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG InterlockedOr(LONG volatile *Destination, LONG Value)
{
    return __atomic_fetch_or(Destination, Value, __ATOMIC_SEQ_CST);
}
FORCEINLINE LONG InterlockedXor(LONG volatile *Destination, LONG Value)
{
    return __atomic_fetch_xor(Destination, Value, __ATOMIC_SEQ_CST);
}

/* Sets or clears bit Bit (0 to 31); the bit before. */
FORCEINLINE BOOLEAN InterlockedBitTestAndSet(LONG volatile *Base, LONG Bit)
{
    LONG Mask = (LONG)(1U << (Bit & 31));
    return (__atomic_fetch_or(Base, Mask, __ATOMIC_SEQ_CST) & Mask) != 0;
}
FORCEINLINE BOOLEAN InterlockedBitTestAndReset(LONG volatile *Base, LONG Bit)
{
    LONG Mask = (LONG)(1U << (Bit & 31));
    return (__atomic_fetch_and(Base, ~Mask, __ATOMIC_SEQ_CST) & Mask) != 0;
}

/* Neither compiler nor processor moves a memory access across it. */
FORCEINLINE VOID KeMemoryBarrier(VOID)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Tells the processor that this is a waiting loop. */
FORCEINLINE VOID YieldProcessor(VOID)
{
    __asm__ volatile("pause" : : : "memory");
}

/* ---- ports and registers of devices: the width is in the name -------------------------------- */

FORCEINLINE UCHAR READ_PORT_UCHAR(PUCHAR Port)
{
    UCHAR Value;
    __asm__ volatile("inb %1, %0" : "=a"(Value) : "Nd"((USHORT)(ULONG_PTR)Port) : "memory");
    return Value;
}
FORCEINLINE USHORT READ_PORT_USHORT(PUSHORT Port)
{
    USHORT Value;
    __asm__ volatile("inw %1, %0" : "=a"(Value) : "Nd"((USHORT)(ULONG_PTR)Port) : "memory");
    return Value;
}
FORCEINLINE ULONG READ_PORT_ULONG(PULONG Port)
{
    ULONG Value;
    __asm__ volatile("inl %1, %0" : "=a"(Value) : "Nd"((USHORT)(ULONG_PTR)Port) : "memory");
    return Value;
}
FORCEINLINE VOID WRITE_PORT_UCHAR(PUCHAR Port, UCHAR Value)
{
    __asm__ volatile("outb %0, %1" : : "a"(Value), "Nd"((USHORT)(ULONG_PTR)Port) : "memory");
}
FORCEINLINE VOID WRITE_PORT_USHORT(PUSHORT Port, USHORT Value)
{
    __asm__ volatile("outw %0, %1" : : "a"(Value), "Nd"((USHORT)(ULONG_PTR)Port) : "memory");
}
FORCEINLINE VOID WRITE_PORT_ULONG(PULONG Port, ULONG Value)
{
    __asm__ volatile("outl %0, %1" : : "a"(Value), "Nd"((USHORT)(ULONG_PTR)Port) : "memory");
}

FORCEINLINE UCHAR READ_REGISTER_UCHAR(volatile UCHAR *Register)
{
    KeMemoryBarrier();
    return *Register;
}
FORCEINLINE USHORT READ_REGISTER_USHORT(volatile USHORT *Register)
{
    KeMemoryBarrier();
    return *Register;
}
FORCEINLINE ULONG READ_REGISTER_ULONG(volatile ULONG *Register)
{
    KeMemoryBarrier();
    return *Register;
}
FORCEINLINE VOID WRITE_REGISTER_UCHAR(volatile UCHAR *Register, UCHAR Value)
{
    *Register = Value;
    KeMemoryBarrier();
}
FORCEINLINE VOID WRITE_REGISTER_USHORT(volatile USHORT *Register, USHORT Value)
{
    *Register = Value;
    KeMemoryBarrier();
}
FORCEINLINE VOID WRITE_REGISTER_ULONG(volatile ULONG *Register, ULONG Value)
{
    *Register = Value;
    KeMemoryBarrier();
}
