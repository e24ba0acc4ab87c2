/*
 * track.c - pool tracking, for verify.c and the loader: each block below a page that an owner's
 * code allocates has a record, and what is left when the owner goes is a leak.
 *
 * An owner is a range of code. Whose a block is follows from the address that the allocation
 * routine returns to, so nothing has to be handed in with a request; where ranges overlap the owner
 * that came last has it. Records hang in a hash table by the block's address. They come from pages
 * that are never given back, so that the monitor can read them without a lock; when there is no
 * page for one, the block is counted as not tracked and nothing else happens.
 *
 *   TRACK-1  A record exists for exactly the live blocks of owners that came while tracking was on,
 *            but for those counted as not tracked.
 *   TRACK-2  An owner's use is the sum of its records.
 *   TRACK-3  Blocks of a page and more are not tracked (contract 5.2).
 */
#include "mm/pool/track.h"
#include "kernel/rtl/rtl.h"

#define BUCKETS      1024 /* a power of two */
#define RECORD_PAGES 2
#define LEAKS_SHOWN  16

/* First parameters of bug check 0xC4. */
#define LEAKED_NAMELESS         0x60 /* (paged bytes, nonpaged bytes, blocks) */
#define REQUEST_WHILE_UNLOADING 0x61
#define LEAKED                  0x62 /* (name, -, blocks) */

POOL_OWNER_USE ExpTrackedUse[2];

static struct {
    POOL_LOCK Lock; /* for all of it */
    LIST_ENTRY Owners;
    PPOOL_TRACK Free;
    PPOOL_TRACK Buckets[BUCKETS];
} ExpTracks = {.Owners = {&ExpTracks.Owners, &ExpTracks.Owners}};

static PPOOL_TRACK *ExpBucketOf(PVOID Block)
{
    return &ExpTracks.Buckets[((ULONG_PTR)Block * 0x9E3779B97F4A7C15ULL >> 32) & (BUCKETS - 1)];
}

/* ---- use ------------------------------------------------------------------------------------- */

static VOID ExpAddUse(PPOOL_OWNER_USE Use, SIZE_T Bytes)
{
    Use->Allocations++;
    Use->Bytes += Bytes;
    if (Use->PeakAllocations < Use->Allocations) {
        Use->PeakAllocations = Use->Allocations;
    }
    if (Use->PeakBytes < Use->Bytes) {
        Use->PeakBytes = Use->Bytes;
    }
}

static VOID ExpTakeUse(PPOOL_OWNER_USE Use, SIZE_T Bytes)
{
    Use->Allocations--;
    Use->Bytes -= Bytes;
}

/* ---- records --------------------------------------------------------------------------------- */

/*
 * Records join the free ones; FALSE without pages. Two at a time: a page alone is taken for one
 * that small blocks share, by whoever walks over the pool.
 */
static BOOLEAN ExpAddRecords(VOID)
{
    PPOOL_TRACK Records = ExpAllocatePages(PoolKindNonPagedNx, RECORD_PAGES, POOL_ANY_NODE);
    if (Records == NULL) {
        return FALSE;
    }
    ULONG64 State = ExpAcquireSpin(&ExpTracks.Lock);
    for (ULONG i = 0; i < RECORD_PAGES * PAGE_SIZE / sizeof(POOL_TRACK); i++) {
        Records[i] = (POOL_TRACK){.Next = ExpTracks.Free};
        ExpTracks.Free = &Records[i];
    }
    ExpReleaseSpin(&ExpTracks.Lock, State);
    return TRUE;
}

/* The lock is held. */
static PPOOL_OWNER ExpOwnerOf(PVOID Caller)
{
    for (PLIST_ENTRY Entry = ExpTracks.Owners.Flink; Entry != &ExpTracks.Owners;
         Entry = Entry->Flink) {
        PPOOL_OWNER Owner = CONTAINING_RECORD(Entry, POOL_OWNER, Links);
        if ((ULONG_PTR)Caller >= Owner->Start && (ULONG_PTR)Caller < Owner->End) {
            return Owner;
        }
    }
    return NULL;
}

/* The lock is held. Returns the owner; NULL when nobody owns the caller. */
static PPOOL_OWNER ExpEnterTrack(const POOL_REQUEST *Request, PVOID Block, PBOOLEAN Entered)
{
    PPOOL_OWNER Owner = ExpOwnerOf(Request->Caller);
    PPOOL_TRACK Track = ExpTracks.Free;
    BOOLEAN Paged = Request->Kind == PoolKindPaged;
    *Entered = Owner != NULL && Track != NULL;
    if (*Entered) {
        PPOOL_TRACK *Bucket = ExpBucketOf(Block);
        ExpTracks.Free = Track->Next;
        *Track = (POOL_TRACK){.Next = *Bucket,
                              .Block = Block,
                              .Owner = Owner,
                              .Bytes = Request->Bytes,
                              .Caller = Request->Caller,
                              .Thread = KeGetCurrentThread(),
                              .Tag = Request->Tag,
                              .Paged = Paged};
        __atomic_store_n(Bucket, Track, __ATOMIC_RELEASE);
        ExpAddUse(&Owner->Use[Paged], Request->Bytes);
        ExpAddUse(&ExpTrackedUse[Paged], Request->Bytes);
    }
    return Owner;
}

static DECLSPEC_NORETURN VOID ExpStopOwner(ULONG_PTR Subcode, PPOOL_OWNER Owner)
{
    KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, Subcode, Owner->Use[TRUE].Bytes,
                 Owner->Use[FALSE].Bytes,
                 Owner->Use[FALSE].Allocations + Owner->Use[TRUE].Allocations);
}

VOID ExpTrack(const POOL_REQUEST *Request, PVOID Block)
{
    BOOLEAN Entered;
    PPOOL_OWNER Owner;
    if (Request->Bytes >= PAGE_SIZE) {
        if (!ExpWantsSpecial(Request)) { /* which has counted it */
            ExpCountVerified(&ExpVerifierCounts.NotTracked);
        }
        return;
    }
    for (ULONG Try = 0;; Try++) {
        ULONG64 State = ExpAcquireSpin(&ExpTracks.Lock);
        Owner = ExpEnterTrack(Request, Block, &Entered);
        ExpReleaseSpin(&ExpTracks.Lock, State);
        if (Owner == NULL || Entered || Try != 0 || !ExpAddRecords()) {
            break;
        }
    }
    if (Owner != NULL && !Entered) {
        ExpCountVerified(&ExpVerifierCounts.NotTracked);
    }
    if (Owner != NULL && Owner->Unloading) {
        ExpStopOwner(REQUEST_WHILE_UNLOADING, Owner);
    }
}

VOID ExpForget(PVOID Block)
{
    ULONG64 State = ExpAcquireSpin(&ExpTracks.Lock);
    PPOOL_TRACK *Link = ExpBucketOf(Block);
    while (*Link != NULL && (*Link)->Block != Block) {
        Link = &(*Link)->Next;
    }
    PPOOL_TRACK Track = *Link;
    if (Track != NULL) {
        *Link = Track->Next;
        ExpTakeUse(&Track->Owner->Use[Track->Paged], Track->Bytes);
        ExpTakeUse(&ExpTrackedUse[Track->Paged], Track->Bytes);
        Track->Next = ExpTracks.Free;
        ExpTracks.Free = Track;
    }
    ExpReleaseSpin(&ExpTracks.Lock, State);
}

/* ---- owners ---------------------------------------------------------------------------------- */

VOID ExpAddOwner(PPOOL_OWNER Owner)
{
    ULONG64 State = ExpAcquireSpin(&ExpTracks.Lock);
    InsertHeadList(&ExpTracks.Owners, &Owner->Links);
    ExpReleaseSpin(&ExpTracks.Lock, State);
}

VOID ExpBeginUnload(PPOOL_OWNER Owner)
{
    Owner->Unloading = TRUE;
}

PPOOL_OWNER ExpNextOwner(PPOOL_OWNER Owner)
{
    PLIST_ENTRY Entry = Owner == NULL ? ExpTracks.Owners.Flink : Owner->Links.Flink;
    return Entry == &ExpTracks.Owners ? NULL : CONTAINING_RECORD(Entry, POOL_OWNER, Links);
}

PPOOL_TRACK ExpNextTrack(PULONG Bucket, PPOOL_TRACK Track)
{
    PPOOL_TRACK Next = NULL;
    if (Track != NULL) {
        Next = Track->Next;
        *Bucket += Next == NULL;
    }
    while (Next == NULL && *Bucket < BUCKETS) {
        Next = __atomic_load_n(&ExpTracks.Buckets[*Bucket], __ATOMIC_ACQUIRE);
        *Bucket += Next == NULL;
    }
    return Next;
}

static VOID ExpPrintLeaks(PPOOL_OWNER Owner)
{
    ULONG Bucket = 0, Shown = 0;
    PPOOL_TRACK Track = NULL;
    DbgPrint("%s goes and leaves these blocks:\n", Owner->Name == NULL ? "a driver" : Owner->Name);
    DbgPrint("PoolAddress      SizeInBytes Tag   CallersAddress\n");
    while ((Track = ExpNextTrack(&Bucket, Track)) != NULL && Shown < LEAKS_SHOWN) {
        if (Track->Owner == Owner) {
            ExpPrintTrack(Track);
            Shown++;
        }
    }
}

VOID ExpRemoveOwner(PPOOL_OWNER Owner)
{
    SIZE_T Blocks = Owner->Use[FALSE].Allocations + Owner->Use[TRUE].Allocations;
    if (Blocks != 0) {
        ExpPrintLeaks(Owner);
        if (Owner->Name == NULL) {
            ExpStopOwner(LEAKED_NAMELESS, Owner);
        }
        KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, LEAKED, (ULONG_PTR)Owner->Name, 0, Blocks);
    }
    ULONG64 State = ExpAcquireSpin(&ExpTracks.Lock);
    RemoveEntryList(&Owner->Links);
    ExpReleaseSpin(&ExpTracks.Lock, State);
}
