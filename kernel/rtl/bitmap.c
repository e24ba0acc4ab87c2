/*
 * bitmap.c - RTL_BITMAP: marks for things that have numbers, for mm and for drivers.
 *
 * Theory. Every routine works on a half-open run of bits [Start, End), clipped to the bitmap, word
 * by word: a run touches one ULONG at a time under a mask. Finding a run of n bits alternates
 * between the next bit of the wanted value and the next bit of the other one, each found a word at
 * a step.
 *
 *   BITMAP-1  A bit at or past SizeOfBitMap is never changed, nor does its value matter.
 *   BITMAP-2  A find returns the lowest fitting run at or above the hint, else the lowest of all.
 */
#include "kernel/rtl/rtl.h"
#include "kernel/rtl/section.h"

#define WORD_BITS 32

/* The bits of [Start, End) that lie in the word of Start. */
static inline ULONG RtlpWordMask(ULONG Start, ULONG End)
{
    ULONG First = Start % WORD_BITS;
    ULONG Count = End - Start < WORD_BITS - First ? End - Start : WORD_BITS - First;
    return (Count == WORD_BITS ? MAXULONG : (1U << Count) - 1) << First;
}

/* The first bit of the next word; End behind the last bit that there can be. */
static inline ULONG RtlpNextWord(ULONG Bit, ULONG End)
{
    ULONG Next = (Bit | (WORD_BITS - 1)) + 1;
    return Next != 0 ? Next : End;
}

/* The end of a run of Count bits, clipped. */
static ULONG RtlpRunEnd(const RTL_BITMAP *BitMap, ULONG Start, ULONG Count)
{
    if (Start >= BitMap->SizeOfBitMap) {
        return Start;
    }
    ULONG Room = BitMap->SizeOfBitMap - Start;
    return Start + (Count < Room ? Count : Room);
}

/* The first bit in [Start, End) whose value is Value; End when there is none. */
static ULONG RtlpFindBit(const RTL_BITMAP *BitMap, ULONG Start, ULONG End, BOOLEAN Value)
{
    if (Start >= End) {
        return End;
    }
    ULONG Flip = Value ? 0 : MAXULONG;
    ULONG Word = Start / WORD_BITS, Last = (End - 1) / WORD_BITS;
    ULONG Wanted = (BitMap->Buffer[Word] ^ Flip) & (MAXULONG << Start % WORD_BITS);
    while (Wanted == 0) {
        if (Word == Last) {
            return End;
        }
        Wanted = BitMap->Buffer[++Word] ^ Flip;
    }
    ULONG Found = Word * WORD_BITS + (ULONG)__builtin_ctz(Wanted);
    return Found < End ? Found : End; /* bits behind End may have any value */
}

static inline VOID RtlpWriteBit(PRTL_BITMAP BitMap, ULONG Bit, BOOLEAN Value)
{
    if (Bit >= BitMap->SizeOfBitMap) {
        return;
    }
    if (Value) {
        BitMap->Buffer[Bit / WORD_BITS] |= 1U << Bit % WORD_BITS;
    } else {
        BitMap->Buffer[Bit / WORD_BITS] &= ~(1U << Bit % WORD_BITS);
    }
}

static VOID RtlpWriteBits(PRTL_BITMAP BitMap, ULONG Start, ULONG Count, BOOLEAN Value)
{
    if (Count == 1) { /* most runs are: pages come one by one */
        RtlpWriteBit(BitMap, Start, Value);
        return;
    }
    ULONG End = RtlpRunEnd(BitMap, Start, Count);
    for (ULONG Bit = Start; Bit < End; Bit = RtlpNextWord(Bit, End)) {
        ULONG Mask = RtlpWordMask(Bit, End);
        if (Value) {
            BitMap->Buffer[Bit / WORD_BITS] |= Mask;
        } else {
            BitMap->Buffer[Bit / WORD_BITS] &= ~Mask;
        }
    }
}

static BOOLEAN RtlpAreBits(const RTL_BITMAP *BitMap, ULONG Start, ULONG Count, BOOLEAN Value)
{
    ULONG Size = BitMap->SizeOfBitMap;
    if (Count == 0 || Start >= Size || Count > Size - Start) {
        return FALSE;
    }
    return RtlpFindBit(BitMap, Start, Start + Count, !Value) == Start + Count;
}

/* The lowest run of Count bits that begins in [Start, Last]. */
static ULONG RtlpFindRun(const RTL_BITMAP *BitMap, ULONG Count, ULONG Start, ULONG Last,
                         BOOLEAN Value)
{
    ULONG Size = BitMap->SizeOfBitMap;
    for (ULONG Bit = Start; Bit <= Last;) {
        Bit = RtlpFindBit(BitMap, Bit, Size, Value);
        if (Bit > Last) {
            break;
        }
        ULONG End = Count == 1 ? Bit + 1 : RtlpFindBit(BitMap, Bit, Bit + Count, !Value);
        if (End == Bit + Count) {
            return Bit;
        }
        Bit = End;
    }
    return RTL_BITMAP_NOT_FOUND;
}

static ULONG RtlpFindBits(const RTL_BITMAP *BitMap, ULONG Count, ULONG Hint, BOOLEAN Value)
{
    ULONG Size = BitMap->SizeOfBitMap;
    if (Hint >= Size) {
        Hint = 0;
    }
    if (Count == 0) {
        return Hint;
    }
    if (Count > Size) {
        return RTL_BITMAP_NOT_FOUND;
    }
    ULONG Found = RtlpFindRun(BitMap, Count, Hint, Size - Count, Value);
    if (Found == RTL_BITMAP_NOT_FOUND && Hint != 0) {
        ULONG Last = Hint - 1 < Size - Count ? Hint - 1 : Size - Count;
        Found = RtlpFindRun(BitMap, Count, 0, Last, Value);
    }
    return Found;
}

static ULONG RtlpFindBitsAndFlip(PRTL_BITMAP BitMap, ULONG Count, ULONG Hint, BOOLEAN Value)
{
    ULONG Found = RtlpFindBits(BitMap, Count, Hint, Value);
    if (Found != RTL_BITMAP_NOT_FOUND) {
        RtlpWriteBits(BitMap, Found, Count, !Value);
    }
    return Found;
}

/* ---- the public names ------------------------------------------------------------------------ */

VOID NTAPI RtlInitializeBitMap(PRTL_BITMAP BitMapHeader, PULONG BitMapBuffer, ULONG SizeOfBitMap)
{
    BitMapHeader->SizeOfBitMap = SizeOfBitMap;
    BitMapHeader->Buffer = BitMapBuffer;
}
EXPORT(RtlInitializeBitMap);

VOID NTAPI RtlClearAllBits(PRTL_BITMAP BitMapHeader)
{
    RtlpWriteBits(BitMapHeader, 0, BitMapHeader->SizeOfBitMap, FALSE);
}
EXPORT(RtlClearAllBits);

VOID NTAPI RtlSetAllBits(PRTL_BITMAP BitMapHeader)
{
    RtlpWriteBits(BitMapHeader, 0, BitMapHeader->SizeOfBitMap, TRUE);
}
EXPORT(RtlSetAllBits);

VOID NTAPI RtlClearBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber)
{
    RtlpWriteBit(BitMapHeader, BitNumber, FALSE);
}
EXPORT(RtlClearBit);

VOID NTAPI RtlSetBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber)
{
    RtlpWriteBit(BitMapHeader, BitNumber, TRUE);
}
EXPORT(RtlSetBit);

BOOLEAN NTAPI RtlTestBit(const RTL_BITMAP *BitMapHeader, ULONG BitNumber)
{
    return BitNumber < BitMapHeader->SizeOfBitMap &&
           (BitMapHeader->Buffer[BitNumber / WORD_BITS] >> BitNumber % WORD_BITS & 1);
}
EXPORT(RtlTestBit);

VOID NTAPI RtlClearBits(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG NumberToClear)
{
    RtlpWriteBits(BitMapHeader, StartingIndex, NumberToClear, FALSE);
}
EXPORT(RtlClearBits);

VOID NTAPI RtlSetBits(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG NumberToSet)
{
    RtlpWriteBits(BitMapHeader, StartingIndex, NumberToSet, TRUE);
}
EXPORT(RtlSetBits);

BOOLEAN NTAPI RtlAreBitsClear(const RTL_BITMAP *BitMapHeader, ULONG StartingIndex, ULONG Length)
{
    return RtlpAreBits(BitMapHeader, StartingIndex, Length, FALSE);
}
EXPORT(RtlAreBitsClear);

BOOLEAN NTAPI RtlAreBitsSet(const RTL_BITMAP *BitMapHeader, ULONG StartingIndex, ULONG Length)
{
    return RtlpAreBits(BitMapHeader, StartingIndex, Length, TRUE);
}
EXPORT(RtlAreBitsSet);

ULONG NTAPI RtlFindClearBits(const RTL_BITMAP *BitMapHeader, ULONG NumberToFind, ULONG HintIndex)
{
    return RtlpFindBits(BitMapHeader, NumberToFind, HintIndex, FALSE);
}
EXPORT(RtlFindClearBits);

ULONG NTAPI RtlFindSetBits(const RTL_BITMAP *BitMapHeader, ULONG NumberToFind, ULONG HintIndex)
{
    return RtlpFindBits(BitMapHeader, NumberToFind, HintIndex, TRUE);
}
EXPORT(RtlFindSetBits);

ULONG NTAPI RtlFindClearBitsAndSet(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex)
{
    return RtlpFindBitsAndFlip(BitMapHeader, NumberToFind, HintIndex, FALSE);
}
EXPORT(RtlFindClearBitsAndSet);

ULONG NTAPI RtlFindSetBitsAndClear(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex)
{
    return RtlpFindBitsAndFlip(BitMapHeader, NumberToFind, HintIndex, TRUE);
}
EXPORT(RtlFindSetBitsAndClear);

ULONG NTAPI RtlNumberOfSetBits(const RTL_BITMAP *BitMapHeader)
{
    ULONG Size = BitMapHeader->SizeOfBitMap, Count = 0;
    for (ULONG Bit = 0; Bit < Size; Bit = RtlpNextWord(Bit, Size)) {
        ULONG Word = BitMapHeader->Buffer[Bit / WORD_BITS] & RtlpWordMask(Bit, Size);
        for (; Word != 0; Word &= Word - 1) {
            Count++;
        }
    }
    return Count;
}
EXPORT(RtlNumberOfSetBits);

ULONG NTAPI RtlNumberOfClearBits(const RTL_BITMAP *BitMapHeader)
{
    return BitMapHeader->SizeOfBitMap - RtlNumberOfSetBits(BitMapHeader);
}
EXPORT(RtlNumberOfClearBits);
