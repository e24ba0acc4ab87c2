/*
 * memory.c - tests of objects without memory: each routine says so and leaves nothing behind.
 */
#include "mm/mm.h"
#include "mm/pool/pool.h"
#include "tests/ob/object.h"

#define FILL_TAG   'lliF'
#define ROOM       64 /* pages of commit that are left to fill */
#define LARGEST    (4 * PAGE_SIZE)
#define ONE_OBJECT 0x100

/* A block's first word leads to the one that was taken before it. */
typedef struct _FILLING {
    struct _FILLING *Before;
} FILLING;

static SIZE_T CommitLimit;
static FILLING *Fillings;

static VOID FillPool(POOL_TYPE Type, SIZE_T Smallest)
{
    for (SIZE_T Bytes = LARGEST; Bytes >= Smallest;) {
        FILLING *Block = ExAllocatePoolWithTag(Type, Bytes, FILL_TAG);
        if (Block == NULL) {
            Bytes /= 2;
            continue;
        }
        Block->Before = Fillings;
        Fillings = Block;
    }
}

/* From here on no pool gives anything, but for one block of nonpaged pool for an object. */
static VOID TakeMemory(BOOLEAN LeaveOne)
{
    PVOID Kept = ExAllocatePoolWithTag(NonPagedPoolNx, ONE_OBJECT, FILL_TAG);
    CommitLimit = MmTotalCommitLimit;
    MmTotalCommitLimit = MmTotalCommittedPages + ROOM;
    FillPool(NonPagedPoolNx, sizeof(FILLING));
    FillPool(PagedPool, sizeof(FILLING));
    if (LeaveOne && Kept != NULL) {
        ExFreePool(Kept);
    } else if (Kept != NULL) {
        *(FILLING *)Kept = (FILLING){Fillings};
        Fillings = Kept;
    }
}

static VOID GiveMemory(VOID)
{
    MmTotalCommitLimit = CommitLimit;
    while (Fillings != NULL) {
        FILLING *Block = Fillings;
        Fillings = Block->Before;
        ExFreePool(Block);
    }
}

static VOID NTAPI NeverRun(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    CHECK(FALSE);
}

typedef struct _RESULTS {
    NTSTATUS Event, Named, Directory, Link, Thread, Wait, Through;
    PKEVENT Io;
} RESULTS;

/* What is called without memory; nothing is checked before there is memory again. */
static VOID CallAll(RESULTS *Results, HANDLE Waited)
{
    UNICODE_STRING Name = {42, 42, (PWSTR)L"\\KernelObjects\\Memory"},
                   Target = {6, 6, (PWSTR)L"\\??"};
    UNICODE_STRING Through = {32, 32, (PWSTR)L"\\DosDevices\\None"};
    LARGE_INTEGER Zero = {.QuadPart = 0};
    OBJECT_ATTRIBUTES Attributes;
    HANDLE Handle;
    Results->Event = ZwCreateEvent(&Handle, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE);
    if (NT_SUCCESS(Results->Event)) {
        ZwClose(Handle);
    }
    InitializeObjectAttributes(&Attributes, &Name, 0, NULL, NULL);
    Results->Named =
        ZwCreateEvent(&Handle, EVENT_ALL_ACCESS, &Attributes, NotificationEvent, FALSE);
    Results->Io = IoCreateNotificationEvent(&Name, &Handle);
    Results->Directory = ZwCreateDirectoryObject(&Handle, DIRECTORY_ALL_ACCESS, &Attributes);
    Results->Link = IoCreateSymbolicLink(&Name, &Target);
    Results->Thread =
        PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, NeverRun, NULL);
    Results->Wait = ZwWaitForMultipleObjects(1, &Waited, WaitAny, FALSE, &Zero);
    Attributes.ObjectName = &Through;
    Results->Through = ZwOpenEvent(&Handle, EVENT_ALL_ACCESS, &Attributes);
}

static VOID CheckWithout(BOOLEAN LeaveOne)
{
    static const ULONG Tags[] = {'nevE', 'erhT', 'tiaW'};
    ULONG64 Bytes[RTL_NUMBER_OF(Tags)], Names = TestObjectBytes();
    LONG64 Threads = (*PsThreadType)->Objects;
    ULONG InUse = ObpHandlesInUse;
    RESULTS Results;
    HANDLE Waited;
    REQUIRE(NT_SUCCESS(ZwCreateEvent(&Waited, EVENT_ALL_ACCESS, NULL, NotificationEvent, TRUE)));
    for (ULONG i = 0; i < RTL_NUMBER_OF(Tags); i++) {
        Bytes[i] = TestTagBytes(Tags[i]);
    }
    TakeMemory(LeaveOne);
    CallAll(&Results, Waited);
    GiveMemory();
    CHECK_STATUS(Results.Event, LeaveOne ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES);
    CHECK_STATUS(Results.Named, STATUS_INSUFFICIENT_RESOURCES);
    CHECK_EQ(Results.Io, NULL);
    CHECK_STATUS(Results.Directory, STATUS_INSUFFICIENT_RESOURCES);
    CHECK_STATUS(Results.Link, STATUS_INSUFFICIENT_RESOURCES);
    CHECK_STATUS(Results.Thread, STATUS_INSUFFICIENT_RESOURCES);
    CHECK_STATUS(Results.Wait, STATUS_INSUFFICIENT_RESOURCES);
    CHECK_STATUS(Results.Through, STATUS_INSUFFICIENT_RESOURCES);
    for (ULONG i = 0; i < RTL_NUMBER_OF(Tags); i++) {
        CHECK_EQ(TestTagBytes(Tags[i]), Bytes[i]);
    }
    ZwClose(Waited);
    CHECK_EQ(TestObjectBytes(), Names);
    CHECK_EQ((*PsThreadType)->Objects, Threads);
    CHECK_EQ(ObpHandlesInUse, InUse);
}

TEST(ObNoMemory, "ob/memory/without-any-each-routine-says-so", "STATUS_INSUFFICIENT_RESOURCES")
{
    CheckWithout(FALSE);
}

TEST(ObLittleMemory, "ob/memory/with-room-for-an-object-but-no-name",
     "STATUS_INSUFFICIENT_RESOURCES")
{
    CheckWithout(TRUE);
}

/* A thread gets its stack first. */
TEST(ObThreadMemory, "ob/memory/with-room-for-a-stack-but-no-thread",
     "STATUS_INSUFFICIENT_RESOURCES")
{
    HANDLE Handle;
    LONG64 Threads = (*PsThreadType)->Objects;
    TakeMemory(FALSE);
    SIZE_T Committed = MmTotalCommittedPages;
    MmTotalCommitLimit = Committed + KERNEL_STACK_PAGES;
    NTSTATUS Status =
        PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, NeverRun, NULL);
    SIZE_T After = MmTotalCommittedPages;
    PVOID Stack = MiAllocateKernelStack(); /* there was indeed room for one */
    if (Stack != NULL) {
        MiFreeKernelStack(Stack);
    }
    GiveMemory();
    CHECK_STATUS(Status, STATUS_INSUFFICIENT_RESOURCES);
    CHECK_EQ(After, Committed);
    CHECK(Stack != NULL);
    CHECK_EQ((*PsThreadType)->Objects, Threads);
}
