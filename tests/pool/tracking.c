/*
 * tracking.c - pool tracking: blocks of an owner's code are noted and told apart from others', and
 * what an owner leaves stops the machine.
 *
 * There are no driver images yet. The owners here are single routines of this file: what counts for
 * tracking is the address that an allocation returns to.
 */
#include "mm/pool/track.h"
#include "tests/pool/special_cases.h"

static __attribute__((noipa)) PVOID TakeOwned(POOL_TYPE Type, SIZE_T Bytes)
{
    PVOID Block = ExAllocatePoolWithTag(Type, Bytes, TEST_TAG);
    __asm__ volatile("" : "+r"(Block));
    return Block;
}

static __attribute__((noipa)) PVOID TakeOther(POOL_TYPE Type, SIZE_T Bytes)
{
    PVOID Block = ExAllocatePoolWithTag(Type, Bytes, TEST_TAG);
    __asm__ volatile("" : "+r"(Block));
    return Block;
}

/* An owner of one routine. */
static POOL_OWNER OwnerOf(PVOID Routine, const CHAR *Name)
{
    KI_SYMBOL_INFORMATION Next;
    CHECK(KiQuerySymbol(KiFindSymbolAt(Routine) + 1, &Next));
    return (POOL_OWNER){.Start = (ULONG_PTR)Routine, .End = (ULONG_PTR)Next.Address, .Name = Name};
}

/* The tracked blocks of an owner, and the record of Block among them if it is there. */
static ULONG CountTracks(PPOOL_OWNER Owner, PVOID Block, PPOOL_TRACK *Found)
{
    ULONG Bucket = 0, Count = 0;
    PPOOL_TRACK Track = NULL;
    *Found = NULL;
    while ((Track = ExpNextTrack(&Bucket, Track)) != NULL) {
        Count += Track->Owner == Owner;
        if (Track->Block == Block) {
            *Found = Track;
        }
    }
    return Count;
}

static VOID CheckUse(const POOL_OWNER_USE *Use, SIZE_T Allocations, SIZE_T Bytes, SIZE_T PeakBytes)
{
    CHECK_EQ(Use->Allocations, Allocations);
    CHECK_EQ(Use->Bytes, Bytes);
    CHECK_EQ(Use->PeakBytes, PeakBytes);
}

TEST(TrackingCounts, "pool/tracking/an-owners-blocks-are-counted", "TRACK-1, TRACK-2")
{
    SpecialOn("pool-tracking");
    POOL_OWNER Owner = OwnerOf(TakeOwned, "test.sys");
    ExpAddOwner(&Owner);
    PVOID A = TakeOwned(PagedPool, 100), B = TakeOwned(NonPagedPoolNx, 50);
    PVOID C = TakeOwned(NonPagedPool, 7), D = TakeOther(PagedPool, 1000);
    CheckUse(&Owner.Use[0], 2, 57, 57);
    CheckUse(&Owner.Use[1], 1, 100, 100);
    PoolFreeIfAny(B);
    PoolFreeIfAny(D);
    CheckUse(&Owner.Use[0], 1, 7, 57);
    PoolFreeIfAny(A);
    PoolFreeIfAny(C);
    CheckUse(&Owner.Use[0], 0, 0, 57);
    CheckUse(&Owner.Use[1], 0, 0, 100);
    CHECK_EQ(Owner.Use[0].PeakAllocations, 2);
    ExpRemoveOwner(&Owner);
    SpecialOff();
}

TEST(TrackingRecord, "pool/tracking/a-record-says-what-the-block-is",
     "contract 5.2: address, size, tag, caller, thread")
{
    PPOOL_TRACK Track;
    SpecialOn("pool-tracking");
    POOL_OWNER Owner = OwnerOf(TakeOwned, "test.sys");
    ExpAddOwner(&Owner);
    PVOID Block = TakeOwned(PagedPool, 123);
    CHECK_EQ(CountTracks(&Owner, Block, &Track), 1);
    if (CHECK(Track != NULL)) {
        CHECK_EQ(Track->Bytes, 123);
        CHECK_EQ(Track->Tag, TEST_TAG);
        CHECK_EQ(Track->Thread, KeGetCurrentThread());
        CHECK(Track->Paged);
        CHECK((ULONG_PTR)Track->Caller > Owner.Start && (ULONG_PTR)Track->Caller < Owner.End);
    }
    PoolFreeIfAny(Block);
    CHECK_EQ(CountTracks(&Owner, Block, &Track), 0);
    CHECK_EQ(Track, NULL);
    ExpRemoveOwner(&Owner);
    SpecialOff();
}

TEST(TrackingTwo, "pool/tracking/owners-are-told-apart", "TRACK-2")
{
    SpecialOn("pool-tracking,special-pool:Test");
    POOL_OWNER Owner = OwnerOf(TakeOwned, "test.sys"), Other = OwnerOf(TakeOther, "other.sys");
    POOL_OWNER All = {.Start = MI_KERNEL_IMAGE, .End = MI_HAL_WINDOW, .Name = "all"};
    ExpAddOwner(&All);
    ExpAddOwner(&Owner);
    ExpAddOwner(&Other);
    PVOID A = TakeOwned(PagedPool, 10), B = TakeOther(PagedPool, 20);
    PVOID C = ExAllocatePoolWithTag(PagedPool, 40, TEST_TAG);
    CheckUse(&Owner.Use[1], 1, 10, 10);
    CheckUse(&Other.Use[1], 1, 20, 20);
    CheckUse(&All.Use[1], 1, 40, 40);
    CHECK_EQ(ExpNextOwner(NULL), &Other);
    CHECK_EQ(ExpNextOwner(&Other), &Owner);
    PoolFreeIfAny(A);
    PoolFreeIfAny(B);
    PoolFreeIfAny(C);
    ExpRemoveOwner(&Owner);
    ExpRemoveOwner(&Other);
    ExpRemoveOwner(&All);
    SpecialOff();
}

TEST(TrackingLarge, "pool/tracking/whole-pages-are-not-tracked", "TRACK-3")
{
    SpecialOn("pool-tracking");
    POOL_OWNER Owner = OwnerOf(TakeOwned, "test.sys");
    ExpAddOwner(&Owner);
    ULONG64 Before = ExpVerifierCounts.NotTracked;
    PVOID Page = TakeOwned(PagedPool, PAGE_SIZE), Almost = TakeOwned(PagedPool, PAGE_SIZE - 1);
    CHECK_EQ(ExpVerifierCounts.NotTracked - Before, 1);
    CheckUse(&Owner.Use[1], 1, PAGE_SIZE - 1, PAGE_SIZE - 1);
    PoolFreeIfAny(Page);
    PoolFreeIfAny(Almost);
    ExpRemoveOwner(&Owner);
    SpecialOff();
}

TEST(TrackingMany, "pool/tracking/more-blocks-than-a-page-has-records", "TRACK-1")
{
    static PVOID Blocks[300];
    PPOOL_TRACK Track;
    SpecialOn("pool-tracking");
    POOL_OWNER Owner = OwnerOf(TakeOwned, "test.sys");
    ExpAddOwner(&Owner);
    for (ULONG i = 0; i < ARRAYSIZE(Blocks); i++) {
        Blocks[i] = TakeOwned(NonPagedPoolNx, 16);
    }
    CHECK_EQ(CountTracks(&Owner, Blocks[150], &Track), ARRAYSIZE(Blocks));
    CHECK(Track != NULL);
    CheckUse(&Owner.Use[0], ARRAYSIZE(Blocks), 16 * ARRAYSIZE(Blocks), 16 * ARRAYSIZE(Blocks));
    for (ULONG i = 0; i < ARRAYSIZE(Blocks); i++) {
        PoolFreeIfAny(Blocks[(i * 7) % ARRAYSIZE(Blocks)]);
    }
    CHECK_EQ(CountTracks(&Owner, NULL, &Track), 0);
    ExpRemoveOwner(&Owner);
    SpecialOff();
}

TEST(TrackingClean, "pool/tracking/an-owner-that-leaves-nothing-goes", "contract 5.2")
{
    SpecialOn("pool-tracking");
    POOL_OWNER Owner = OwnerOf(TakeOwned, "test.sys");
    ExpAddOwner(&Owner);
    PoolFreeIfAny(TakeOwned(PagedPool, 100));
    ExpBeginUnload(&Owner);
    ExpRemoveOwner(&Owner);
    PVOID Block = TakeOwned(PagedPool, 100); /* nobody's now */
    CheckUse(&Owner.Use[1], 0, 0, 100);
    PoolFreeIfAny(Block);
    SpecialOff();
}

/* ---- what stops the machine ------------------------------------------------------------------ */

CRASH_TEST(TrackingLeak, "pool/tracking/leak-at-unload", "0xC4 0x62 $name 0x0 0x3",
           "contract 4.6: 0x62 (driver name, -, count) unload with live pool")
{
    static const CHAR Name[] = "leaky.sys";
    SpecialOn("pool-tracking,pool");
    POOL_OWNER Owner = OwnerOf(TakeOwned, Name);
    TestAnnounce("name", (ULONG_PTR)Name);
    ExpAddOwner(&Owner);
    TakeOwned(PagedPool, 100);
    TakeOwned(NonPagedPoolNx, 50);
    TakeOwned(NonPagedPool, 4000);
    TakeOther(PagedPool, 10);
    ExpBeginUnload(&Owner);
    ExpRemoveOwner(&Owner);
}

CRASH_TEST(TrackingLeakNameless, "pool/tracking/leak-of-a-nameless-driver",
           "0xC4 0x60 0x64 0x33 0x3",
           "contract 4.6: 0x60 (paged bytes, nonpaged bytes, count) unload with live pool")
{
    SpecialOn("pool-tracking,special-pool");
    POOL_OWNER Owner = OwnerOf(TakeOwned, NULL);
    ExpAddOwner(&Owner);
    TakeOwned(PagedPool, 100);
    TakeOwned(NonPagedPoolNx, 50);
    TakeOwned(NonPagedPool, 1);
    ExpRemoveOwner(&Owner);
}

CRASH_TEST(TrackingWhileUnloading, "pool/tracking/request-while-unloading",
           "0xC4 0x61 0x20 0x10 0x2",
           "contract 4.6: 0x61 (paged bytes, nonpaged bytes, count) allocation during unload")
{
    SpecialOn("pool-tracking");
    POOL_OWNER Owner = OwnerOf(TakeOwned, "test.sys");
    ExpAddOwner(&Owner);
    TakeOwned(PagedPool, 0x20);
    ExpBeginUnload(&Owner);
    TakeOther(PagedPool, 0x30);
    TakeOwned(NonPagedPoolNx, 0x10);
}
