/*
 * special_layout.c - where a block of special pool lies in its page, and whether the bytes around
 * it are as they were: for special.c, and for the host test that tries every size.
 *
 *   at the end (overrun)       | pattern pattern pattern | block  | pattern |   up to 15 bytes
 *   at the start (underrun)    | block  | pattern pattern pattern pattern   |
 *
 * The block is as near to the edge as its alignment allows. What lies between its end and the
 * page's can be written without a fault, so only this pattern shows it, and only at the free.
 */
#include "mm/pool/verify.h"

ULONG ExpPlaceSpecial(ULONG Bytes, BOOLEAN CacheAligned, BOOLEAN Underrun)
{
    ULONG Alignment = CacheAligned ? POOL_CACHE_LINE : MEMORY_ALLOCATION_ALIGNMENT;
    ULONG Room = Bytes + (Bytes == 0); /* no bytes lie where one would */
    return Underrun ? 0 : (PAGE_SIZE - Room) & ~(Alignment - 1);
}

/* Counts the bytes from From to End that are not Pattern, and remembers the first. */
static ULONG ExpCountDamage(PUCHAR From, PUCHAR End, UCHAR Pattern, PUCHAR *First)
{
    ULONG Count = 0;
    for (PUCHAR Byte = From; Byte < End; Byte++) {
        if (*Byte != Pattern && Count++ == 0) {
            *First = Byte;
        }
    }
    return Count;
}

BOOLEAN ExpFindDamage(PUCHAR Block, ULONG Bytes, UCHAR Pattern, PPOOL_DAMAGE Damage)
{
    PUCHAR Page = PAGE_ALIGN(Block), InFront = NULL, Behind = NULL;
    ULONG Count = ExpCountDamage(Page, Block, Pattern, &InFront) +
                  ExpCountDamage(Block + Bytes, Page + PAGE_SIZE, Pattern, &Behind);
    if (Count == 0) {
        return FALSE;
    }
    PUCHAR First = Behind != NULL ? Behind : InFront;
    UCHAR Wrong = *First ^ Pattern;
    *Damage = (POOL_DAMAGE){.Address = First,
                            .Behind = Behind != NULL,
                            .SingleBit = Count == 1 && (Wrong & (Wrong - 1)) == 0};
    return TRUE;
}
