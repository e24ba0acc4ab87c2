/*
 * report.c - what a bad free is called: the subcodes of 0x19 and 0xC2 and their parameters.
 *
 * For free.c, which only finds that something is wrong. Nothing returns from here, so care goes
 * into telling causes apart: a second free, a pointer into a block, a damaged header and a damaged
 * neighbour each have a code of their own (contract 4.2, 4.3), and the bug check says the rest
 * about the address through its describer. Addresses that are no page of the pools' own are named
 * by mm, which knows their pages.
 */
#include "mm/pool/verify.h"

/* Subcodes of BAD_POOL_HEADER. */
#define SIZES_DISAGREE     0x05 /* with the block in front */
#define PREVIOUS_TOO_LARGE 0x06
#define SIZE_CORRUPT       0x07
#define SIZE_ZERO          0x08
#define SIZE_TOO_LARGE     0x09
#define NEXT_DISAGREES     0x20
#define NO_TRACKER_ENTRY   0x22

/* Subcodes of BAD_POOL_CALLER. */
#define HEADER_OF_OTHER_POOL 0x01
#define HEADER_TYPE_CORRUPT  0x02
#define FREED_AND_MERGED     0x06
#define FREED_ALREADY        0x07
#define INVALID_ADDRESS      0x99

/* The sizes in Header can't be right: 0x19 with what a walk would make of them. */
static VOID ExpReportBadSize(PPOOL_HEADER Header)
{
    ULONG Begin = ExpGranuleOf(Header), Back = Header->PreviousSize, Size = Header->BlockSize;
    if (Size == 0) {
        KeBugCheckEx(BAD_POOL_HEADER, SIZE_ZERO, 0, 0, (ULONG_PTR)Header);
    }
    if (Size == 1) {
        KeBugCheckEx(BAD_POOL_HEADER, SIZE_CORRUPT, 0, 0, (ULONG_PTR)Header);
    }
    if (Begin + Size > POOL_PAGE_GRANULES) {
        KeBugCheckEx(BAD_POOL_HEADER, SIZE_TOO_LARGE, (ULONG_PTR)(Header + Size), 0,
                     (ULONG_PTR)Header);
    }
    if (Back > Begin || (Back == 0) != (Begin == 0)) {
        KeBugCheckEx(BAD_POOL_HEADER, PREVIOUS_TOO_LARGE, (ULONG_PTR)(Header - Back), 0,
                     (ULONG_PTR)Header);
    }
}

/* A neighbour tells another size of Header than Header itself, or is of another pool. */
static VOID ExpReportBadNeighbour(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Header)
{
    ULONG Begin = ExpGranuleOf(Header), Back = Header->PreviousSize, Size = Header->BlockSize;
    PPOOL_HEADER Next = Header + Size, Previous = Header - Back;
    if (Begin + Size < POOL_PAGE_GRANULES &&
        (Next->PreviousSize != Size || Next->PoolIndex != Pool->Index)) {
        KeBugCheckEx(BAD_POOL_HEADER, NEXT_DISAGREES, (ULONG_PTR)Header, (ULONG_PTR)Next,
                     *(PULONG64)Next);
    }
    if (Back != 0 && (Previous->BlockSize != Back || Previous->PoolIndex != Pool->Index)) {
        KeBugCheckEx(BAD_POOL_HEADER, SIZES_DISAGREE, (ULONG_PTR)Previous, *(PULONG64)Previous,
                     (ULONG_PTR)Header);
    }
}

/* The page as a whole is in order, so what is wrong is the pointer. */
static VOID ExpReportBadPlace(PPOOL_HEADER Header, PPOOL_HEADER Around)
{
    ULONG64 Contents = *(PULONG64)Header;
    if (Around == Header && (Header->PoolType == 0 || Header->PoolType == POOL_BLOCK_CACHED)) {
        ExpStopIfVerified(VERIFIER_FREED_ALREADY, 0, (ULONG_PTR)Header, Contents);
        KeBugCheckEx(BAD_POOL_CALLER, FREED_ALREADY, 0, Contents, (ULONG_PTR)(Header + 1));
    }
    if (Around != Header && (Around->PoolType == 0 || Around->PoolType == POOL_BLOCK_CACHED)) {
        ExpStopIfVerified(VERIFIER_FREED_AND_MERGED, 0, (ULONG_PTR)Header, Contents);
        KeBugCheckEx(BAD_POOL_CALLER, FREED_AND_MERGED, 0, (ULONG_PTR)Header, Contents);
    }
    if (Around != Header) {
        ExpStopBadPointer(Header + 1);
        KeBugCheckEx(BAD_POOL_CALLER, INVALID_ADDRESS, (ULONG_PTR)(Header + 1), 0, 0);
    }
}

DECLSPEC_NORETURN VOID ExpReportBadBlock(PPOOL_DESCRIPTOR Pool, PPOOL_HEADER Header)
{
    POOL_BIG_BLOCK Big;
    if (ExpFindBigBlockAround(Header, &Big)) {
        ExpStopBadPointer(Header + 1);
        KeBugCheckEx(BAD_POOL_CALLER, INVALID_ADDRESS, (ULONG_PTR)(Header + 1), 0, 0);
    }
    PPOOL_HEADER Around = ExpFindBlockAround(Header);
    if (Around != NULL) {
        ExpReportBadPlace(Header, Around);
    }
    ExpReportBadSize(Header);
    ExpReportBadNeighbour(Pool, Header);
    if (Header->PoolType == 0) { /* somewhere else the page is damaged too */
        KeBugCheckEx(BAD_POOL_CALLER, FREED_ALREADY, 0, *(PULONG64)Header, (ULONG_PTR)(Header + 1));
    }
    ULONG_PTR Subcode =
        Header->PoolIndex != Pool->Index ? HEADER_OF_OTHER_POOL : HEADER_TYPE_CORRUPT;
    KeBugCheckEx(BAD_POOL_CALLER, Subcode, (ULONG_PTR)Header, *(PULONG64)Header, 0);
}

DECLSPEC_NORETURN VOID ExpReportBadPointer(PVOID Address)
{
    POOL_BIG_BLOCK Big;
    BOOLEAN InPool = ExpKindOfAddress(Address) != PoolKindNone;
    ExpStopBadPointer(Address);
    if (InPool && ((ULONG_PTR)Address & (POOL_GRANULE - 1)) != 0) {
        KeBugCheckEx(BAD_POOL_CALLER, INVALID_ADDRESS, (ULONG_PTR)Address, 0, 0);
    }
    if (InPool && PAGE_ALIGN(Address) == Address && !ExpFindBigBlockAround(Address, &Big)) {
        KeBugCheckEx(BAD_POOL_HEADER, NO_TRACKER_ENTRY, (ULONG_PTR)Address, 0, 0);
    }
    ExpReportBadPages(Address);
}
