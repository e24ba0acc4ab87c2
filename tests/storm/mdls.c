/*
 * mdls.c - an MDL storm: threads on all processors lock, map and take apart the same buffer of
 * paged pool, trim it, and between that take pages and contiguous memory of their own. What they
 * write comes through, and in the end no page has a reference and no mapping is left.
 *
 * Each thread has one byte of each page to itself, at its own number.
 */
#include "mm/paging.h"
#include "tests/mm/mdl_check.h"
#include "tests/storm/storm.h"

#define BUFFER_PAGES 32
#define MOST_PAGES   6 /* of an MDL */

static PCHAR Buffer;
static volatile ULONG64 Locks, Maps, Parts, Taken, Refused;

/* Writes the thread's byte of each page through one address and finds it through the other. */
static VOID CheckBytes(PSTORM_THREAD Me, volatile CHAR *Mapping, PCHAR Page, SIZE_T Pages)
{
    for (SIZE_T i = 0; i < Pages; i++) {
        CHAR Value = (CHAR)StormRandom(Me, 128);
        volatile CHAR *Mine = Page + i * PAGE_SIZE + Me->Number;
        Mapping[i * PAGE_SIZE + Me->Number] = Value;
        STORM_CHECK(*Mine == Value);
        *Mine = (CHAR)~Value;
        STORM_CHECK(Mapping[i * PAGE_SIZE + Me->Number] == (CHAR)~Value);
    }
}

/* A part of a locked MDL: its last page, mapped for itself or as its source is. */
static VOID TakePart(PSTORM_THREAD Me, PMDL Source)
{
    PCHAR Last = (PCHAR)Source->StartVa + Source->ByteCount - PAGE_SIZE;
    PMDL Part = IoAllocateMdl(Last, PAGE_SIZE, FALSE, FALSE, NULL);
    if (Part == NULL) {
        return;
    }
    IoBuildPartialMdl(Source, Part, Last, 0);
    PVOID Va = MmGetSystemAddressForMdlSafe(Part, NormalPagePriority);
    if (Va != NULL) {
        CheckBytes(Me, Va, Last, 1);
    }
    if (StormRandom(Me, 2) == 0) {
        MmPrepareMdlForReuse(Part);
        IoBuildPartialMdl(Source, Part, Source->StartVa, PAGE_SIZE);
    }
    IoFreeMdl(Part);
    InterlockedIncrement64((volatile LONG64 *)&Parts);
}

static VOID LockSome(PSTORM_THREAD Me)
{
    ULONG Pages = 1 + StormRandom(Me, MOST_PAGES);
    PCHAR First = Buffer + StormRandom(Me, BUFFER_PAGES - Pages + 1) * PAGE_SIZE;
    PMDL Mdl = IoAllocateMdl(First, Pages * PAGE_SIZE, FALSE, FALSE, NULL);
    if (Mdl == NULL) {
        return;
    }
    MmProbeAndLockPages(Mdl, KernelMode, StormRandom(Me, 2) ? IoReadAccess : IoModifyAccess);
    InterlockedIncrement64((volatile LONG64 *)&Locks);
    StormPause(Me);
    if (StormRandom(Me, 2)) {
        PVOID Va = MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority);
        if (Va != NULL) {
            CheckBytes(Me, Va, First, Pages);
            InterlockedIncrement64((volatile LONG64 *)&Maps);
        }
        if (Va != NULL && StormRandom(Me, 4) == 0) {
            MmUnmapLockedPages(Va, Mdl);
        }
    }
    TakePart(Me, Mdl);
    MmUnlockPages(Mdl);
    IoFreeMdl(Mdl);
}

static VOID TakePages(PSTORM_THREAD Me)
{
    PHYSICAL_ADDRESS Zero = {.QuadPart = 0}, High = {.QuadPart = -1};
    ULONG Pages = 1 + StormRandom(Me, MOST_PAGES);
    ULONG Flags = StormRandom(Me, 2) ? MM_ALLOCATE_PREFER_CONTIGUOUS : MM_ALLOCATE_FULLY_REQUIRED;
    PMDL Mdl = MmAllocatePagesForMdlEx(Zero, High, Zero, Pages * PAGE_SIZE, MmCached, Flags);
    PVOID Va = Mdl == NULL ? NULL : MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority);
    if (Va != NULL) {
        STORM_CHECK(TestIsZero(Va, Mdl->ByteCount)); /* nobody else has them */
        RtlFillMemory(Va, Mdl->ByteCount, 0xA5);
        InterlockedIncrement64((volatile LONG64 *)&Taken);
    }
    if (Mdl == NULL) {
        InterlockedIncrement64((volatile LONG64 *)&Refused);
        return;
    }
    MmFreePagesFromMdl(Mdl);
    ExFreePool(Mdl);
}

static VOID TakeContiguous(PSTORM_THREAD Me)
{
    PHYSICAL_ADDRESS High = {.QuadPart = -1};
    SIZE_T Bytes = (1 + StormRandom(Me, MOST_PAGES)) * PAGE_SIZE;
    PCHAR Va = MmAllocateContiguousMemory(Bytes, High);
    if (Va == NULL) {
        InterlockedIncrement64((volatile LONG64 *)&Refused);
        return;
    }
    STORM_CHECK(TestPageOf(Va + Bytes - 1) == TestPageOf(Va) + Bytes / PAGE_SIZE - 1);
    RtlFillMemory(Va, Bytes, 0x5A);
    MmFreeContiguousMemory(Va);
}

static VOID Storm(PSTORM_THREAD Me)
{
    for (ULONG i = 0; i < Me->Rounds && StormGoesOn(); i++) {
        ULONG Choice = StormRandom(Me, 8);
        if (StormRandom(Me, 64) == 0) {
            MiTrimPages(Buffer, BUFFER_PAGES); /* whatever is not locked */
        }
        if (Choice == 0) {
            TakeContiguous(Me);
        } else if (Choice < 3) {
            TakePages(Me);
        } else {
            LockSome(Me);
        }
    }
}

STORM(MdlStorm, "storm/mdls/every-lock-and-mapping-is-undone", "MDL-1, MAP-1, PIN-1, MDLP-1")
{
    const MI_REGION *Ptes = &MiRegions[MiRegionSystemPtes];
    Locks = Maps = Parts = Taken = Refused = 0;
    Buffer = MiAllocatePoolPages(PagedPool, BUFFER_PAGES);
    if (Buffer == NULL) {
        StormFail("no memory for the buffer", __FILE__, __LINE__);
        return;
    }
    SIZE_T InUse = Ptes->PagesInUse;
    StormRun(StormThreads(), Storm, StormEach(1000));
    STORM_CHECK(Ptes->PagesInUse == InUse);
    for (ULONG i = 0; i < BUFFER_PAGES; i++) {
        if (MmIsAddressValid(Buffer + i * PAGE_SIZE)) {
            STORM_CHECK(TestReferences(Buffer + i * PAGE_SIZE) == 1);
        }
    }
    STORM_CHECK(Locks != 0 && Maps != 0 && Parts != 0 && Taken != 0);
    DbgPrint("mdls: %I64u locks, %I64u maps, %I64u parts, %I64u pages taken, %I64u refused\n",
             Locks, Maps, Parts, Taken, Refused);
    MiFreePoolPages(Buffer);
}
