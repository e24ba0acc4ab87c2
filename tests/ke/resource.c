/*
 * resource.c - tests of resources: who gets access and who comes next, owners and their table, what
 * is lent, storms on one and on several processors. resource_crash.c has the misuse.
 */
#include "tests/ke/bench.h"
#include "tests/ke/smp.h"
#include "tests/ke/steps.h"

#define HIGH (KI_PRIORITY_DEFAULT + 1)
#define LOW  (KI_PRIORITY_DEFAULT - 5)
#define MOST 12

static ERESOURCE TestResource;
static CHAR Order[64];
static ULONG OrderLength;
static PKTHREAD Threads[MOST];
static ULONG ThreadCount;

static VOID Note(CHAR Who)
{
    Order[OrderLength++] = Who;
}

static KEVENT Leave; /* lets one owner after the other go */

static VOID Begin(VOID)
{
    OrderLength = ThreadCount = 0;
    KeSetPriorityThread(KeGetCurrentThread(), KI_PRIORITY_DEFAULT); /* a wait may have boosted it */
    KeInitializeEvent(&Leave, SynchronizationEvent, FALSE);
    CHECK_STATUS(ExInitializeResourceLite(&TestResource), STATUS_SUCCESS);
    KeEnterCriticalRegion();
}

static VOID End(VOID)
{
    CHECK_EQ(TestResource.ActiveEntries, 0);
    CHECK_EQ(TestResource.ActiveCount, 0);
    CHECK_EQ(TestResource.Flag, 0);
    CHECK_EQ(TestResource.OwnerEntry.OwnerThread, 0);
    CHECK_EQ(TestResource.NumberOfSharedWaiters, 0);
    CHECK_EQ(TestResource.NumberOfExclusiveWaiters, 0);
    KeLeaveCriticalRegion();
    while (ThreadCount != 0) {
        TestJoinThread(Threads[--ThreadCount]);
    }
    CHECK_STATUS(ExDeleteResourceLite(&TestResource), STATUS_SUCCESS);
}

/* ---- one thread ------------------------------------------------------------------------------ */

TEST(ResourceFree, "resource/a-new-one-is-free", "driver ABI: ERESOURCE")
{
    Begin();
    CHECK_EQ(TestResource.OwnerTable, NULL);
    CHECK_EQ(TestResource.SharedWaiters, NULL);
    CHECK_EQ(TestResource.ExclusiveWaiters, NULL);
    CHECK_EQ(TestResource.SpinLock, 0);
    CHECK_EQ(TestResource.SystemResourcesList.Flink->Blink, &TestResource.SystemResourcesList);
    CHECK_EQ(ExIsResourceAcquiredExclusiveLite(&TestResource), FALSE);
    CHECK_EQ(ExIsResourceAcquiredSharedLite(&TestResource), 0);
    CHECK_EQ(ExGetExclusiveWaiterCount(&TestResource), 0);
    CHECK_EQ(ExGetSharedWaiterCount(&TestResource), 0);
    End();
}

TEST(ResourceExclusive, "resource/exclusive-access-again-and-again", "RSRC-1")
{
    Begin();
    CHECK_EQ(ExAcquireResourceExclusiveLite(&TestResource, TRUE), TRUE);
    CHECK_EQ(TestResource.Flag, ResourceOwnedExclusive);
    CHECK_EQ(TestResource.ActiveCount, 1);
    CHECK_EQ(TestResource.OwnerEntry.OwnerThread, KeGetCurrentThread());
    CHECK_EQ(ExTryToAcquireResourceExclusiveLite(&TestResource), TRUE);
    CHECK_EQ(ExAcquireResourceSharedLite(&TestResource, TRUE), TRUE);
    CHECK_EQ(ExIsResourceAcquiredExclusiveLite(&TestResource), TRUE);
    CHECK_EQ(ExIsResourceAcquiredSharedLite(&TestResource), 3);
    ExReleaseResourceLite(&TestResource);
    ExReleaseResourceLite(&TestResource);
    CHECK_EQ(ExIsResourceAcquiredExclusiveLite(&TestResource), TRUE);
    CHECK_EQ(ExIsResourceAcquiredLite(&TestResource), 1);
    ExReleaseResourceLite(&TestResource);
    CHECK_EQ(ExIsResourceAcquiredExclusiveLite(&TestResource), FALSE);
    End();
}

TEST(ResourceLevels, "resource/released-at-dispatch-and-by-region-routines",
     "DDI wdm ExReleaseResourceLite: <= DISPATCH_LEVEL")
{
    PKTHREAD Me = KeGetCurrentThread();
    KIRQL Old;
    Begin();
    ExAcquireResourceSharedLite(&TestResource, TRUE);
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    CHECK_EQ(ExIsResourceAcquiredSharedLite(&TestResource), 1);
    ExReleaseResourceLite(&TestResource);
    KeLowerIrql(Old);
    CHECK_EQ(ExEnterCriticalRegionAndAcquireResourceExclusive(&TestResource), NULL);
    CHECK_EQ(Me->KernelApcDisable, -2);
    CHECK_EQ(ExIsResourceAcquiredExclusiveLite(&TestResource), TRUE);
    ExReleaseResourceAndLeaveCriticalRegion(&TestResource);
    ExEnterCriticalRegionAndAcquireResourceShared(&TestResource);
    ExEnterCriticalRegionAndAcquireSharedWaitForExclusive(&TestResource);
    CHECK_EQ(Me->KernelApcDisable, -3);
    CHECK_EQ(ExIsResourceAcquiredSharedLite(&TestResource), 2);
    ExReleaseResourceAndLeaveCriticalRegion(&TestResource);
    ExReleaseResourceAndLeaveCriticalRegion(&TestResource);
    CHECK_EQ(Me->KernelApcDisable, -1);
    End();
}

/* ---- who gets access ------------------------------------------------------------------------- */

typedef BOOLEAN NTAPI ACQUIRE(PERESOURCE Resource, BOOLEAN Wait);

/* A capital letter wants exclusive access; a small one shared, 's' and 'w' in their own ways. */
static ACQUIRE *Choose(CHAR Who)
{
    if (Who <= 'Z') {
        return ExAcquireResourceExclusiveLite;
    }
    return Who == 's'   ? ExAcquireSharedStarveExclusive
           : Who == 'w' ? ExAcquireSharedWaitForExclusive
                        : ExAcquireResourceSharedLite;
}

static VOID NTAPI OwnUntilTold(PVOID Context)
{
    CHAR Who = (CHAR)(ULONG_PTR)Context;
    KeEnterCriticalRegion();
    Choose(Who)(&TestResource, TRUE);
    Note(Who);
    CHECK_EQ(ExIsResourceAcquiredSharedLite(&TestResource), 1);
    KeWaitForSingleObject(&Leave, Executive, KernelMode, FALSE, NULL);
    ExReleaseResourceLite(&TestResource);
    CHECK_EQ(ExIsResourceAcquiredSharedLite(&TestResource), 0);
    KeLeaveCriticalRegion();
}

/* They own it, or wait, when this returns. */
static VOID Arrive(const CHAR *Who)
{
    for (; *Who != '\0'; Who++) {
        PKTHREAD Thread = TestStartThread(OwnUntilTold, (PVOID)(ULONG_PTR)(UCHAR)*Who, HIGH);
        Threads[ThreadCount++] = Thread;
        while (Thread->State != ThreadWaiting) {
            ZwYieldExecution(); /* the last one may have lent us as much */
        }
    }
}

/* So many owners go; then these have come in, in all. */
static VOID LetGo(ULONG Owners, const CHAR *Expected)
{
    while (Owners-- != 0) {
        KeSetEvent(&Leave, IO_NO_INCREMENT, FALSE);
    }
    Order[OrderLength] = '\0';
    if (!CHECK(strcmp(Order, Expected) == 0)) {
        DbgPrint("came in: %s, not %s\n", Order, Expected);
    }
}

/* What the caller has, who else is there, and what the caller gets without waiting. */
static const struct {
    CHAR Mine; /* 'X', 'x' or 0 */
    const CHAR *Others;
    BOOLEAN Gets[4]; /* exclusive, shared, starving, waiting for exclusive */
} Scenes[] = {
    {0, "", {TRUE, TRUE, TRUE, TRUE}},       {'x', "", {FALSE, TRUE, TRUE, TRUE}},
    {'X', "", {TRUE, TRUE, TRUE, TRUE}},     {0, "a", {FALSE, TRUE, TRUE, TRUE}},
    {0, "A", {FALSE, FALSE, FALSE, FALSE}},  {'x', "a", {FALSE, TRUE, TRUE, TRUE}},
    {0, "aB", {FALSE, FALSE, TRUE, FALSE}},  {'x', "B", {FALSE, TRUE, TRUE, FALSE}},
    {'x', "aB", {FALSE, TRUE, TRUE, FALSE}}, {'X', "B", {TRUE, TRUE, TRUE, TRUE}},
    {'X', "b", {TRUE, TRUE, TRUE, TRUE}},    {0, "AB", {FALSE, FALSE, FALSE, FALSE}},
    {0, "Ab", {FALSE, FALSE, FALSE, FALSE}},
};

TEST(ResourceAccess, "resource/what-is-granted-at-once",
     "DDI wdm ExAcquireResourceExclusiveLite, ...SharedLite, ExAcquireSharedStarveExclusive, "
     "...WaitForExclusive")
{
    static const CHAR Ways[] = {'X', 'x', 's', 'w'};
    for (ULONG i = 0; i < ARRAYSIZE(Scenes); i++) {
        Begin();
        if (Scenes[i].Mine != 0) {
            Choose(Scenes[i].Mine)(&TestResource, TRUE);
        }
        Arrive(Scenes[i].Others);
        for (ULONG Way = 0; Way < ARRAYSIZE(Ways); Way++) {
            BOOLEAN Got = Choose(Ways[Way])(&TestResource, FALSE);
            if (!CHECK_EQ(Got, Scenes[i].Gets[Way])) {
                DbgPrint("scene %u, %c\n", i, Ways[Way]);
            }
            if (Got) {
                ExReleaseResourceLite(&TestResource);
            }
        }
        if (Scenes[i].Mine != 0) {
            ExReleaseResourceLite(&TestResource);
        }
        LetGo(ThreadCount, Scenes[i].Others);
        End();
    }
}

TEST(ResourceOrder, "resource/who-comes-in-when-somebody-leaves", "RSRC-3")
{
    Begin();
    ExAcquireResourceExclusiveLite(&TestResource, TRUE);
    Arrive("AbCd");
    CHECK_EQ(ExGetExclusiveWaiterCount(&TestResource), 2);
    CHECK_EQ(ExGetSharedWaiterCount(&TestResource), 2);
    CHECK_EQ(TestResource.ContentionCount, 4);
    ExReleaseResourceLite(&TestResource);
    LetGo(0, "bd");
    CHECK_EQ(ExGetSharedWaiterCount(&TestResource), 0);
    Arrive("e");
    CHECK_EQ(ExGetSharedWaiterCount(&TestResource), 1);
    LetGo(1, "bd");
    LetGo(1, "bdA");
    LetGo(1, "bdAe");
    LetGo(1, "bdAeC");
    LetGo(1, "bdAeC");
    End();
}

TEST(ResourceStarve, "resource/some-do-not-wait-behind-exclusive-waiters",
     "DDI wdm ExAcquireSharedStarveExclusive")
{
    Begin();
    ExAcquireResourceSharedLite(&TestResource, TRUE);
    Arrive("Abs");
    LetGo(0, "s");
    CHECK_EQ(ExAcquireResourceSharedLite(&TestResource, TRUE), TRUE);
    CHECK_EQ(ExIsResourceAcquiredSharedLite(&TestResource), 2);
    ExReleaseResourceLite(&TestResource);
    ExReleaseResourceLite(&TestResource);
    LetGo(0, "s");
    LetGo(1, "sA");
    LetGo(1, "sAb");
    LetGo(1, "sAb");
    End();
}

static VOID NTAPI ReleaseForOther(PVOID Owner)
{
    ExReleaseResourceForThreadLite(&TestResource, (ERESOURCE_THREAD)Owner);
}

TEST(ResourceWaitForExclusive, "resource/a-sharer-lets-exclusive-waiters-pass",
     "DDI wdm ExAcquireSharedWaitForExclusive")
{
    Begin();
    ExAcquireResourceSharedLite(&TestResource, TRUE);
    Arrive("A");
    /* These run when we wait: one releases for us, and lets A, who gets it, go. */
    Threads[ThreadCount++] = TestStartThread(ReleaseForOther, KeGetCurrentThread(), LOW);
    KeSetEvent(&Leave, IO_NO_INCREMENT, FALSE);
    CHECK_EQ(ExAcquireSharedWaitForExclusive(&TestResource, TRUE), TRUE);
    LetGo(0, "A");
    CHECK_EQ(ExIsResourceAcquiredSharedLite(&TestResource), 1);
    ExReleaseResourceLite(&TestResource);
    End();
}

TEST(ResourceConvert, "resource/exclusive-access-becomes-shared",
     "DDI wdm ExConvertExclusiveToSharedLite")
{
    Begin();
    ExAcquireResourceExclusiveLite(&TestResource, TRUE);
    ExAcquireResourceExclusiveLite(&TestResource, TRUE);
    ExConvertExclusiveToSharedLite(&TestResource);
    CHECK_EQ(ExIsResourceAcquiredExclusiveLite(&TestResource), FALSE);
    CHECK_EQ(ExIsResourceAcquiredSharedLite(&TestResource), 2);
    ExReleaseResourceLite(&TestResource);
    ExReleaseResourceLite(&TestResource);
    ExAcquireResourceExclusiveLite(&TestResource, TRUE);
    Arrive("Abc");
    ExConvertExclusiveToSharedLite(&TestResource);
    ZwYieldExecution(); /* A's priority is ours */
    LetGo(0, "bc");
    CHECK_EQ(TestResource.ActiveEntries, 3);
    ExReleaseResourceLite(&TestResource);
    LetGo(2, "bcA");
    LetGo(1, "bcA");
    End();
}

/* ---- owners ---------------------------------------------------------------------------------- */

TEST(ResourceTable, "resource/many-sharers-each-counted", "RSRC-1, RSRC-4")
{
    Begin();
    Arrive("abcdefghij");
    CHECK_EQ(TestResource.ActiveEntries, 10);
    CHECK_NE(TestResource.OwnerTable, NULL);
    ExAcquireResourceSharedLite(&TestResource, TRUE);
    ExAcquireResourceSharedLite(&TestResource, TRUE);
    CHECK_EQ(TestResource.ActiveEntries, 11);
    CHECK_EQ(ExIsResourceAcquiredSharedLite(&TestResource), 2);
    CHECK_EQ(ExAcquireResourceExclusiveLite(&TestResource, FALSE), FALSE);
    LetGo(5, "abcdefghij");
    CHECK_EQ(TestResource.ActiveEntries, 6);
    ExReleaseResourceLite(&TestResource);
    ExReleaseResourceLite(&TestResource);
    LetGo(5, "abcdefghij");
    CHECK_EQ(TestResource.ActiveEntries, 0);
    POWNER_ENTRY Table = TestResource.OwnerTable;
    CHECK_STATUS(ExReinitializeResourceLite(&TestResource), STATUS_SUCCESS);
    CHECK_EQ(TestResource.OwnerTable, Table);
    CHECK_EQ(TestResource.ContentionCount, 0);
    for (ULONG i = 1; i < Table->TableSize; i++) {
        CHECK_EQ(Table[i].OwnerThread, 0);
    }
    End();
    CHECK_EQ(TestResource.OwnerTable, NULL);
}

TEST(ResourceRoom, "resource/waiting-sharers-need-no-memory-when-they-come-in", "RSRC-4")
{
    static const KI_TABLE_MEMORY None;
    Begin();
    ExAcquireResourceExclusiveLite(&TestResource, TRUE);
    Arrive("abcdefghij");
    KI_TABLE_MEMORY Memory = KiTableMemory;
    KiTableMemory = None; /* a call would be one of address 0 */
    ExReleaseResourceLite(&TestResource);
    LetGo(0, "abcdefghij");
    LetGo(10, "abcdefghij");
    KiTableMemory = Memory;
    End();
}

static VOID ShareIt(VOID)
{
    ExAcquireResourceSharedLite(&TestResource, TRUE);
}

static VOID MoreShareIt(VOID)
{
    Arrive("bcde");
}

/* How often a thread is among the owners. */
static ULONG CountEntries(PKTHREAD Thread)
{
    POWNER_ENTRY Table = TestResource.OwnerTable;
    ULONG Count = TestResource.OwnerEntry.OwnerThread == (ERESOURCE_THREAD)Thread;
    for (ULONG i = 1; Table != NULL && i < Table->TableSize; i++) {
        Count += Table[i].OwnerThread == (ERESOURCE_THREAD)Thread;
    }
    return Count;
}

TEST(ResourceGrow, "resource/others-come-between-two-instructions-of-a-sharer", "RSRC-1, RSRC-5")
{
    BOOLEAN Interfered = TRUE;
    ULONG Step;
    for (Step = 0; Interfered; Step++) {
        Begin();
        Arrive("a");
        Interfered = TestInterfere(ShareIt, Step, MoreShareIt);
        CHECK_EQ(TestResource.ActiveEntries, Interfered ? 6 : 2);
        CHECK_EQ(CountEntries(KeGetCurrentThread()), 1);
        for (ULONG i = 0; i < ThreadCount; i++) {
            CHECK_EQ(CountEntries(Threads[i]), 1);
        }
        ExReleaseResourceLite(&TestResource);
        LetGo(ThreadCount, Interfered ? "abcde" : "a");
        End();
    }
    CHECK_GT(Step, 100); /* it has to ask for memory */
}

static KI_TABLE_MEMORY RealMemory;
static ULONG Refusals;

static PVOID RefuseSometimes(SIZE_T Bytes)
{
    return Refusals-- != 0 ? NULL : RealMemory.Allocate(Bytes);
}

TEST(ResourceNoMemory, "resource/without-memory-an-acquire-fails-or-tries-again",
     "wdm_resource.h: Wait")
{
    Begin();
    Arrive("a");
    RealMemory = KiTableMemory;
    KiTableMemory.Allocate = RefuseSometimes;
    Refusals = 1;
    CHECK_EQ(ExAcquireResourceSharedLite(&TestResource, FALSE), FALSE);
    CHECK_EQ(TestResource.ActiveEntries, 1);
    Refusals = 2;
    CHECK_EQ(ExAcquireResourceSharedLite(&TestResource, TRUE), TRUE);
    CHECK_EQ(TestResource.ActiveEntries, 2);
    KiTableMemory = RealMemory;
    ExReleaseResourceLite(&TestResource);
    LetGo(1, "a");
    End();
}

#define POINTER(n) ((PVOID)(ULONG_PTR)(((n) << 4) | 3))

TEST(ResourcePointer, "resource/an-owner-pointer-instead-of-a-thread",
     "DDI wdm ExSetResourceOwnerPointer")
{
    Begin();
    ExAcquireResourceExclusiveLite(&TestResource, TRUE);
    Arrive("a");
    CHECK_EQ(KeQueryPriorityThread(KeGetCurrentThread()), HIGH);
    ExSetResourceOwnerPointer(&TestResource, POINTER(1));
    CHECK_EQ(KeQueryPriorityThread(KeGetCurrentThread()), KI_PRIORITY_DEFAULT);
    CHECK_EQ(ExIsResourceAcquiredExclusiveLite(&TestResource), FALSE);
    CHECK_EQ(ExAcquireResourceExclusiveLite(&TestResource, FALSE), FALSE);
    LetGo(0, "");
    ExReleaseResourceForThreadLite(&TestResource, (ERESOURCE_THREAD)POINTER(1));
    LetGo(0, "a");
    /* Shared, twice by one name and once by another. */
    for (ULONG i = 0; i < 3; i++) {
        ExAcquireResourceSharedLite(&TestResource, TRUE);
        ExSetResourceOwnerPointerEx(&TestResource, POINTER(1 + i / 2),
                                    FLAG_OWNER_POINTER_IS_THREAD);
    }
    CHECK_EQ(TestResource.ActiveEntries, 3);
    LetGo(1, "a");
    ExReleaseResourceForThreadLite(&TestResource, (ERESOURCE_THREAD)POINTER(1));
    ExReleaseResourceForThreadLite(&TestResource, (ERESOURCE_THREAD)POINTER(2));
    CHECK_EQ(TestResource.ActiveEntries, 1);
    ExReleaseResourceForThreadLite(&TestResource, (ERESOURCE_THREAD)POINTER(1));
    End();
}

/* ---- what is lent ---------------------------------------------------------------------------- */

TEST(ResourceLends, "resource/an-owner-has-the-priority-of-who-waits-until-the-release", "RSRC-6")
{
    PKTHREAD Me = KeGetCurrentThread();
    Begin();
    ExAcquireResourceExclusiveLite(&TestResource, TRUE);
    ExAcquireResourceExclusiveLite(&TestResource, TRUE);
    Arrive("A");
    CHECK_EQ(KeQueryPriorityThread(Me), HIGH);
    ExReleaseResourceLite(&TestResource);
    CHECK_EQ(KeQueryPriorityThread(Me), HIGH);
    KeSetPriorityThread(Threads[0], LOW);
    ExReleaseResourceLite(&TestResource); /* A owns it, and has yet to run */
    CHECK_EQ(KeQueryPriorityThread(Me), KI_PRIORITY_DEFAULT);
    CHECK_EQ(OrderLength, 0);
    KeSetEvent(&Leave, IO_NO_INCREMENT, FALSE);
    ExAcquireResourceSharedLite(&TestResource, TRUE);
    LetGo(0, "A"); /* it ran with our priority */
    ExReleaseResourceLite(&TestResource);
    End();
}

TEST(ResourceLendsAll, "resource/each-sharer-has-the-priority-of-who-waits", "RSRC-6")
{
    Begin();
    Arrive("abc");
    KeSetPriorityThread(Threads[0], LOW);
    KeSetPriorityThread(Threads[1], LOW);
    KeSetPriorityThread(Threads[2], LOW);
    Arrive("D");
    for (ULONG i = 0; i < 3; i++) {
        CHECK_EQ(KeQueryPriorityThread(Threads[i]), HIGH);
    }
    Arrive("s"); /* one more owner */
    CHECK_EQ(Threads[4]->LentPriority, HIGH);
    LetGo(1, "abcs");
    CHECK_EQ(KeQueryPriorityThread(Threads[0]), LOW);
    CHECK_EQ(KeQueryPriorityThread(Threads[1]), HIGH);
    LetGo(3, "abcsD");
    LetGo(1, "abcsD");
    End();
}

TEST(ResourceLendsOn, "resource/those-who-wait-on-lend-to-the-next-owners", "RSRC-6")
{
    Begin();
    ExAcquireResourceExclusiveLite(&TestResource, TRUE);
    Arrive("abCD");
    KeSetPriorityThread(Threads[0], LOW);
    KeSetPriorityThread(Threads[1], LOW);
    ExReleaseResourceLite(&TestResource);
    LetGo(0, "ab"); /* LOW alone would not have run before us */
    CHECK_EQ(KeQueryPriorityThread(KeGetCurrentThread()), KI_PRIORITY_DEFAULT);
    CHECK_EQ(Threads[1]->LentPriority, HIGH);
    KeSetPriorityThread(Threads[2], LOW);
    LetGo(2, "abC");
    LetGo(2, "abCD");
    End();
}

/* Owns Inner and waits for what we own; all unimportant. */
static FAST_MUTEX Inner, Outer;
static BOOLEAN OuterIsResource;

static VOID TakeOuter(VOID)
{
    if (OuterIsResource) {
        ExAcquireResourceExclusiveLite(&TestResource, TRUE);
    } else {
        ExAcquireFastMutexUnsafe(&Outer);
    }
}

static VOID LeaveOuter(VOID)
{
    if (OuterIsResource) {
        ExReleaseResourceLite(&TestResource);
    } else {
        ExReleaseFastMutexUnsafe(&Outer);
    }
}

static VOID NTAPI OwnInnerWantOuter(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeEnterCriticalRegion();
    ExAcquireFastMutexUnsafe(&Inner);
    TakeOuter();
    Note('m');
    LeaveOuter();
    ExReleaseFastMutexUnsafe(&Inner);
    KeLeaveCriticalRegion();
    CHECK_EQ(KeGetCurrentThread()->LendsTo, NULL);
}

static VOID NTAPI WantInner(PVOID Context)
{
    ExAcquireFastMutex(&Inner);
    Note((CHAR)(ULONG_PTR)Context);
    ExReleaseFastMutex(&Inner);
}

static VOID NTAPI WantOuter(PVOID Context)
{
    KeEnterCriticalRegion();
    TakeOuter();
    Note((CHAR)(ULONG_PTR)Context);
    KeWaitForSingleObject(&Leave, Executive, KernelMode, FALSE, NULL);
    LeaveOuter();
    KeLeaveCriticalRegion();
}

static VOID CheckChain(VOID)
{
    PKTHREAD Me = KeGetCurrentThread();
    Begin();
    ExInitializeFastMutex(&Inner);
    ExInitializeFastMutex(&Outer);
    TakeOuter();
    Threads[0] = TestStartThread(WantOuter, (PVOID)'f', HIGH); /* comes before the next */
    Threads[1] = TestStartThread(OwnInnerWantOuter, NULL, HIGH + 1);
    Threads[2] = TestStartThread(WantInner, (PVOID)'t', HIGH + 4);
    ThreadCount = 3;
    CHECK_EQ(KeQueryPriorityThread(Threads[1]), HIGH + 4);
    CHECK_EQ(KeQueryPriorityThread(Me), HIGH + 4);
    LeaveOuter();
    CHECK_EQ(KeQueryPriorityThread(Me), KI_PRIORITY_DEFAULT);
    LetGo(0, "f"); /* owns it, and waits */
    CHECK_EQ(Threads[0]->LentPriority, HIGH + 4);
    Threads[3] = TestStartThread(WantInner, (PVOID)'u', HIGH + 5);
    ThreadCount = 4;
    CHECK_EQ(Threads[0]->LentPriority, HIGH + 5);
    CHECK_EQ(KeQueryPriorityThread(Me), KI_PRIORITY_DEFAULT);
    LetGo(1, "fmtu");
    End();
}

TEST(ResourceLendsChain, "resource/what-is-lent-to-who-waits-goes-on-to-the-owner", "LEND-3")
{
    OuterIsResource = TRUE;
    CheckChain();
}

TEST(FastLendsChain, "fastmutex/what-is-lent-to-who-waits-goes-on-to-the-owner", "LEND-3")
{
    OuterIsResource = FALSE;
    CheckChain();
}

/* Two threads, each owns what the other one wants: somebody else has to release for one of them. */
static ERESOURCE Second;

static VOID NTAPI FirstThenSecond(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&TestResource, TRUE);
    KeWaitForSingleObject(&Leave, Executive, KernelMode, FALSE, NULL);
    ExAcquireResourceExclusiveLite(&Second, TRUE);
    ExReleaseResourceLite(&Second); /* the first was released for it */
    KeLeaveCriticalRegion();
}

static VOID NTAPI SecondThenFirst(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&Second, TRUE);
    ExAcquireResourceExclusiveLite(&TestResource, TRUE);
    ExReleaseResourceLite(&TestResource);
    ExReleaseResourceLite(&Second);
    KeLeaveCriticalRegion();
}

TEST(ResourceRing, "resource/a-ring-of-owners-who-wait-for-each-other", "LEND-3")
{
    Begin();
    ExInitializeResourceLite(&Second);
    Threads[0] = TestStartThread(FirstThenSecond, NULL, HIGH);
    Threads[1] = TestStartThread(SecondThenFirst, NULL, HIGH);
    KeSetEvent(&Leave, IO_NO_INCREMENT, FALSE);
    Threads[2] = TestStartThread(OwnUntilTold, (PVOID)'A', HIGH + 3);
    ThreadCount = 3;
    CHECK_EQ(KeQueryPriorityThread(Threads[0]), HIGH + 3);
    CHECK_EQ(KeQueryPriorityThread(Threads[1]), HIGH + 3);
    ExReleaseResourceForThreadLite(&TestResource, (ERESOURCE_THREAD)Threads[0]);
    LetGo(1, "A");
    End();
    ExDeleteResourceLite(&Second);
}

/* ---- storms ---------------------------------------------------------------------------------- */

#define STORM_THREADS 10
#define STORM_ROUNDS  300

static volatile LONG Writers, Readers;
static volatile ULONG Written;
static ULONG Wrote[STORM_THREADS]; /* each counts for itself, too */

static VOID Write(ULONG Self, BOOLEAN Pause)
{
    CHECK_EQ(++Writers, 1);
    CHECK_EQ(Readers, 0);
    Written++;
    Wrote[Self]++;
    if (Pause) {
        ZwYieldExecution();
    }
    Writers--;
}

static VOID Read(BOOLEAN Pause)
{
    InterlockedIncrement(&Readers);
    CHECK_EQ(Writers, 0);
    if (Pause) {
        ZwYieldExecution();
    }
    InterlockedDecrement(&Readers);
}

static VOID StormRound(ULONG Self, ULONG i)
{
    static ACQUIRE *const Shared[] = {ExAcquireResourceSharedLite, ExAcquireSharedStarveExclusive,
                                      ExAcquireSharedWaitForExclusive};
    if ((i * 7 + Self) % 3 != 0) {
        Shared[i % 3](&TestResource, TRUE);
        Read(i % 4 == 0);
        if (i % 5 == 0 && ExAcquireResourceSharedLite(&TestResource, FALSE)) {
            ExReleaseResourceLite(&TestResource);
        }
    } else if (i % 2 == 0 || !ExAcquireResourceExclusiveLite(&TestResource, FALSE)) {
        ExAcquireResourceExclusiveLite(&TestResource, TRUE);
        Write(Self, i % 4 == 0);
        ExConvertExclusiveToSharedLite(&TestResource);
        Read(i % 8 == 0);
    } else {
        Write(Self, TRUE);
    }
    ExReleaseResourceLite(&TestResource);
}

static VOID NTAPI Contend(PVOID Context)
{
    KeEnterCriticalRegion();
    for (ULONG i = 0; i < STORM_ROUNDS; i++) {
        StormRound((ULONG)(ULONG_PTR)Context, i);
    }
    KeLeaveCriticalRegion();
    CHECK_EQ(KeGetCurrentThread()->Loans, 0);
    CHECK_EQ(KeGetCurrentThread()->LentPriority, 0);
}

/* The threads are spread over so many processors. */
static VOID Storm(ULONG Processors)
{
    ULONG Sum = 0;
    Begin();
    Writers = Readers = 0;
    Written = 0;
    RtlZeroMemory(Wrote, sizeof(Wrote));
    for (ULONG i = 0; i < STORM_THREADS; i++) {
        Threads[i] = TestStartOn(i % Processors, Contend, (PVOID)(ULONG_PTR)i);
    }
    for (ULONG i = 0; i < STORM_THREADS; i++) {
        TestJoinThread(Threads[i]);
        Sum += Wrote[i];
    }
    CHECK_EQ(Written, Sum);
    CHECK_EQ(Sum, STORM_THREADS * STORM_ROUNDS / 3);
    End();
}

TEST(ResourceStorm, "resource/nobody-is-beside-an-exclusive-owner-and-nobody-is-forgotten",
     "RSRC-1, RSRC-2")
{
    Storm(1);
}

TEST(ResourceStormProcessors, "resource/nobody-is-forgotten-on-several-processors",
     "RSRC-1, RSRC-2")
{
    NEED_PROCESSORS(2);
    Storm(KeNumberProcessors);
}

/* ---- figures --------------------------------------------------------------------------------- */

static VOID SharedPairLoop(ULONG Rounds)
{
    BOOLEAN NTAPI (*volatile Acquire)(PERESOURCE, BOOLEAN) = ExAcquireResourceSharedLite;
    VOID NTAPI (*volatile Release)(PERESOURCE) = ExReleaseResourceLite;
    for (ULONG i = 0; i < Rounds; i++) {
        Acquire(&TestResource, TRUE);
        Release(&TestResource);
    }
}

static VOID ExclusivePairLoop(ULONG Rounds)
{
    BOOLEAN NTAPI (*volatile Acquire)(PERESOURCE, BOOLEAN) = ExAcquireResourceExclusiveLite;
    VOID NTAPI (*volatile Release)(PERESOURCE) = ExReleaseResourceLite;
    for (ULONG i = 0; i < Rounds; i++) {
        Acquire(&TestResource, TRUE);
        Release(&TestResource);
    }
}

BENCH(BenchResourceShared, "resource/shared-pair", "instructions", "")
{
    Begin();
    BenchMeasureBoth(SharedPairLoop);
    End();
}

BENCH(BenchResourceExclusive, "resource/exclusive-pair", "instructions", "")
{
    Begin();
    BenchMeasureBoth(ExclusivePairLoop);
    End();
}
