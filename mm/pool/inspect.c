/*
 * inspect.c - looking at pool memory without trusting it: for bug checks, the monitor and tests.
 *
 * Everything here runs at any IRQL and on a broken machine, so it takes no lock, asks before it
 * reads a page, and stops where headers no longer agree instead of following them. What it says
 * about a pool that changes at the same time may be out of date, never harmful.
 */
#include "mm/pool/pool.h"

BOOLEAN ExpBeginWalk(PPOOL_PAGE_WALK Walk, PVOID Address)
{
    *Walk = (POOL_PAGE_WALK){.Page = PAGE_ALIGN(Address)};
    return ExpIsReadable(Walk->Page);
}

PPOOL_HEADER ExpNextBlock(PPOOL_PAGE_WALK Walk)
{
    if (Walk->Broken || Walk->Granule >= POOL_PAGE_GRANULES) {
        return NULL;
    }
    PPOOL_HEADER Header = (PPOOL_HEADER)Walk->Page + Walk->Granule;
    ULONG Size = Header->BlockSize;
    if (Size == 0 || Walk->Granule + Size > POOL_PAGE_GRANULES ||
        Header->PreviousSize != Walk->PreviousSize) {
        Walk->Broken = TRUE;
        return NULL;
    }
    Walk->Granule += Size;
    Walk->PreviousSize = Size;
    return Header;
}

PPOOL_HEADER ExpFindBlockAround(PVOID Address)
{
    POOL_PAGE_WALK Walk;
    PPOOL_HEADER Found = NULL, Header;
    if (!ExpBeginWalk(&Walk, Address)) {
        return NULL;
    }
    while ((Header = ExpNextBlock(&Walk)) != NULL) {
        if ((ULONG_PTR)Header <= (ULONG_PTR)Address) {
            Found = Header;
        }
    }
    return Walk.Broken ? NULL : Found;
}

VOID ExpFormatTag(ULONG Tag, PCHAR Text)
{
    Tag &= ~PROTECTED_POOL;
    for (ULONG i = 0; i < sizeof(Tag); i++) {
        CHAR Character = (CHAR)(Tag >> (8 * i));
        Text[i] = Character < ' ' || Character > '~' ? '.' : Character;
    }
    Text[sizeof(Tag)] = 0;
}
