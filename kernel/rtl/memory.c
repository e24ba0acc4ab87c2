/*
 * memory.c - copying, filling and comparing blocks of memory, for everybody: the compiler calls the
 * first four on its own, drivers import them.
 *
 * Blocks of up to 32 bytes are read whole before anything is written, in words that may overlap, so
 * there is no loop and no direction to choose. Larger ones go upwards by `rep movsq`, which the
 * benchmark's measure, instructions, prefers to any loop (rtl/copy-4096: 530 to 1,200) and time
 * does not mind below 256 bytes; filling has a row of stores, good by both (fill.S). The kernel's
 * own code uses no SSE register.
 *
 *   MEM-1  memmove and memcpy copy as if through a second buffer, however the blocks overlap.
 *   MEM-2  No byte outside of the given blocks is read or written.
 */
#include "kernel/rtl/rtl.h"
#include "kernel/rtl/section.h"

/* Words at any address: the processor allows it, C has to be told. */
typedef ULONG64 __attribute__((aligned(1), may_alias)) RTLP_WORD8;
typedef ULONG __attribute__((aligned(1), may_alias)) RTLP_WORD4;
typedef USHORT __attribute__((aligned(1), may_alias)) RTLP_WORD2;

/* The compiler must not turn the loops of this file into calls of this file. */
#define NO_PATTERNS __attribute__((optimize("no-tree-loop-distribute-patterns")))

#define WORD      8
#define BYTE_ONES 0x0101010101010101ULL

static inline ULONG64 RtlpLoad8(const UCHAR *Source)
{
    return *(const RTLP_WORD8 *)Source;
}

static inline VOID RtlpStore8(UCHAR *Destination, ULONG64 Value)
{
    *(RTLP_WORD8 *)Destination = Value;
}

/* Length is at most 16. */
static inline VOID RtlpMoveShort(UCHAR *To, const UCHAR *From, size_t Length)
{
    if (Length >= 8) {
        ULONG64 First = RtlpLoad8(From), Last = RtlpLoad8(From + Length - 8);
        RtlpStore8(To, First);
        RtlpStore8(To + Length - 8, Last);
    } else if (Length >= 4) {
        ULONG First = *(const RTLP_WORD4 *)From, Last = *(const RTLP_WORD4 *)(From + Length - 4);
        *(RTLP_WORD4 *)To = First;
        *(RTLP_WORD4 *)(To + Length - 4) = Last;
    } else if (Length >= 2) {
        USHORT First = *(const RTLP_WORD2 *)From, Last = *(const RTLP_WORD2 *)(From + Length - 2);
        *(RTLP_WORD2 *)To = First;
        *(RTLP_WORD2 *)(To + Length - 2) = Last;
    } else if (Length != 0) {
        *To = *From;
    }
}

/* Length is 16 to 32. */
static inline VOID RtlpMoveMedium(UCHAR *To, const UCHAR *From, size_t Length)
{
    ULONG64 a = RtlpLoad8(From), b = RtlpLoad8(From + 8);
    ULONG64 c = RtlpLoad8(From + Length - 16), d = RtlpLoad8(From + Length - 8);
    RtlpStore8(To, a);
    RtlpStore8(To + 8, b);
    RtlpStore8(To + Length - 16, c);
    RtlpStore8(To + Length - 8, d);
}

/* Upwards: right for every block that does not begin inside the one it is read from. */
static inline VOID RtlpMoveUp(UCHAR *To, const UCHAR *From, size_t Length)
{
    UCHAR *LastPlace = To + Length - WORD;
    ULONG64 Last = RtlpLoad8(From + Length - WORD);
    size_t Words = (Length - 1) / WORD;
    __asm__ volatile("rep movsq" : "+D"(To), "+S"(From), "+c"(Words) : : "memory");
    RtlpStore8(LastPlace, Last);
}

NO_PATTERNS static VOID RtlpMoveDown(UCHAR *To, const UCHAR *From, size_t Length)
{
    ULONG64 First = RtlpLoad8(From);
    for (; Length > 4 * WORD; Length -= 4 * WORD) {
#pragma GCC unroll 4
        for (ULONG i = WORD; i <= 4 * WORD; i += WORD) {
            RtlpStore8(To + Length - i, RtlpLoad8(From + Length - i));
        }
    }
    for (; Length > WORD; Length -= WORD) {
        RtlpStore8(To + Length - WORD, RtlpLoad8(From + Length - WORD));
    }
    RtlpStore8(To, First);
}

void *memmove(void *Destination, const void *Source, size_t Length)
{
    if (Length <= 16) {
        RtlpMoveShort(Destination, Source, Length);
    } else if (Length <= 32) {
        RtlpMoveMedium(Destination, Source, Length);
    } else if ((ULONG_PTR)Destination - (ULONG_PTR)Source >= Length) {
        RtlpMoveUp(Destination, Source, Length);
    } else {
        RtlpMoveDown(Destination, Source, Length);
    }
    return Destination;
}

void *memcpy(void *Destination, const void *Source, size_t Length)
    __attribute__((alias("memmove")));

/* Length is at most 16. */
static inline VOID RtlpFillShort(UCHAR *To, ULONG64 Word, size_t Length)
{
    if (Length >= 8) {
        RtlpStore8(To, Word);
        RtlpStore8(To + Length - 8, Word);
    } else if (Length >= 4) {
        *(RTLP_WORD4 *)To = (ULONG)Word;
        *(RTLP_WORD4 *)(To + Length - 4) = (ULONG)Word;
    } else if (Length >= 2) {
        *(RTLP_WORD2 *)To = (USHORT)Word;
        *(RTLP_WORD2 *)(To + Length - 2) = (USHORT)Word;
    } else if (Length != 0) {
        *To = (UCHAR)Word;
    }
}

/* Length is 16 to 64. */
static inline VOID RtlpFillMedium(UCHAR *To, ULONG64 Word, size_t Length)
{
    UCHAR *End = To + Length;
    RtlpStore8(To, Word);
    RtlpStore8(To + 8, Word);
    RtlpStore8(End - 16, Word);
    RtlpStore8(End - 8, Word);
    if (Length > 32) {
        RtlpStore8(To + 16, Word);
        RtlpStore8(To + 24, Word);
        RtlpStore8(End - 32, Word);
        RtlpStore8(End - 24, Word);
    }
}

void *memset(void *Destination, int Value, size_t Length)
{
    UCHAR *To = Destination;
    ULONG64 Word = (UCHAR)Value * BYTE_ONES;
    if (Length <= 16) {
        RtlpFillShort(To, Word, Length);
    } else if (Length <= 64) {
        RtlpFillMedium(To, Word, Length);
    } else {
        RtlpStore8(To + Length - WORD, Word);
        RtlpFillWords(To, Word, (Length - 1) / WORD);
    }
    return Destination;
}

SIZE_T NTAPI RtlCompareMemory(PCVOID Source1, PCVOID Source2, SIZE_T Length)
{
    const UCHAR *First = Source1, *Second = Source2;
    SIZE_T Equal = 0;
    for (; Length - Equal >= WORD; Equal += WORD) {
        ULONG64 Difference = RtlpLoad8(First + Equal) ^ RtlpLoad8(Second + Equal);
        if (Difference != 0) {
            return Equal + (SIZE_T)__builtin_ctzll(Difference) / 8;
        }
    }
    while (Equal < Length && First[Equal] == Second[Equal]) {
        Equal++;
    }
    return Equal;
}
EXPORT(RtlCompareMemory);

int memcmp(const void *First, const void *Second, size_t Length)
{
    SIZE_T Equal = RtlCompareMemory(First, Second, Length);
    return Equal == Length ? 0 : ((const UCHAR *)First)[Equal] - ((const UCHAR *)Second)[Equal];
}

/* ---- the same under NT's calling convention, for drivers ------------------------------------- */

static PVOID NTAPI RtlpMemmove(PVOID Destination, PCVOID Source, SIZE_T Length)
{
    return memmove(Destination, Source, Length);
}
EXPORT_AS("memcpy", memcpy, RtlpMemmove);
EXPORT_AS("memmove", memmove, RtlpMemmove);

static PVOID NTAPI RtlpMemset(PVOID Destination, INT Value, SIZE_T Length)
{
    return memset(Destination, Value, Length);
}
EXPORT_AS("memset", memset, RtlpMemset);

static INT NTAPI RtlpMemcmp(PCVOID First, PCVOID Second, SIZE_T Length)
{
    return memcmp(First, Second, Length);
}
EXPORT_AS("memcmp", memcmp, RtlpMemcmp);
