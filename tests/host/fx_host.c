/*
 * fx_host.c - pools over malloc, a work queue, the bug check, the function table and TAP for the
 * host tests of the framework (see fx_host.h).
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "tests/host/fx_host.h"

#define PLAIN_TYPE(PoolType) ((ULONG)(PoolType)&1) /* bit 0: paged */

_Thread_local KIRQL FxHostIrql;
_Thread_local ULONG64 HostSeed = 1;
volatile LONG HostBlocks;
long HostAllocationsLeft = -1;

PWDF_DRIVER_GLOBALS WdfDriverGlobals;
static const WDFFUNC HostTable[WdfFunctionTableNumEntries] = {
#define HOST_SLOT(Name) [Name##TableIndex] = (WDFFUNC)Fx##Name
    HOST_SLOT(WdfMemoryCreate),
    HOST_SLOT(WdfMemoryCreatePreallocated),
    HOST_SLOT(WdfMemoryGetBuffer),
    HOST_SLOT(WdfObjectGetTypedContextWorker),
    HOST_SLOT(WdfObjectAllocateContext),
    HOST_SLOT(WdfObjectReferenceActual),
    HOST_SLOT(WdfObjectDereferenceActual),
    HOST_SLOT(WdfObjectCreate),
    HOST_SLOT(WdfObjectDelete),
};
const WDFFUNC *WdfFunctions_01033 = HostTable;

/* ---- pools --------------------------------------------------------------------------------- */

/* In front of each block: malloc's pointer, and whether the pool is a paged one. */
typedef struct _HOST_BLOCK {
    void *Malloced;
    ULONG64 Paged;
} HOST_BLOCK;

/* As the real pools do it: a page or more begins on a page; less does not cross one. */
PVOID NTAPI ExAllocatePoolWithTag(POOL_TYPE PoolType, SIZE_T Bytes, ULONG Tag)
{
    if (Tag == 0 || Bytes > 1ULL << 30 || HostAllocationsLeft == 0) {
        return NULL;
    }
    if (HostAllocationsLeft > 0) {
        HostAllocationsLeft--;
    }
    HOST_CHECK(FxHostIrql <= (PLAIN_TYPE(PoolType) ? APC_LEVEL : DISPATCH_LEVEL));
    char *Malloced = malloc(sizeof(HOST_BLOCK) + Bytes);
    ULONG_PTR Start = (ULONG_PTR)Malloced + sizeof(HOST_BLOCK);
    if (Bytes >= PAGE_SIZE || Start % PAGE_SIZE + Bytes > PAGE_SIZE) {
        free(Malloced);
        Malloced = malloc(sizeof(HOST_BLOCK) + PAGE_SIZE + Bytes);
        Start = ((ULONG_PTR)Malloced + sizeof(HOST_BLOCK) + PAGE_SIZE - 1) &
                ~(ULONG_PTR)(PAGE_SIZE - 1);
    }
    *((HOST_BLOCK *)Start - 1) = (HOST_BLOCK){Malloced, PLAIN_TYPE(PoolType)};
    __builtin_memset((void *)Start, 0xA5, Bytes);
    __atomic_add_fetch(&HostBlocks, 1, __ATOMIC_RELAXED);
    return (PVOID)Start;
}

VOID NTAPI ExFreePool(PVOID Block)
{
    HOST_BLOCK *Header = (HOST_BLOCK *)Block - 1;
    HOST_CHECK(FxHostIrql <= (Header->Paged ? APC_LEVEL : DISPATCH_LEVEL));
    __atomic_sub_fetch(&HostBlocks, 1, __ATOMIC_RELAXED);
    free(Header->Malloced);
}

/* ---- work items ---------------------------------------------------------------------------- */

static LIST_ENTRY HostQueue = {&HostQueue, &HostQueue};
static pthread_mutex_t HostQueueLock = PTHREAD_MUTEX_INITIALIZER;

VOID NTAPI ExQueueWorkItem(PWORK_QUEUE_ITEM Item, WORK_QUEUE_TYPE QueueType)
{
    UNREFERENCED_PARAMETER(QueueType);
    pthread_mutex_lock(&HostQueueLock);
    InsertTailList(&HostQueue, &Item->List);
    pthread_mutex_unlock(&HostQueueLock);
}

VOID FxRunPassiveWork(VOID)
{
    for (;;) {
        pthread_mutex_lock(&HostQueueLock);
        PLIST_ENTRY Entry = IsListEmpty(&HostQueue) ? NULL : RemoveHeadList(&HostQueue);
        pthread_mutex_unlock(&HostQueueLock);
        if (Entry == NULL) {
            return;
        }
        PWORK_QUEUE_ITEM Item = CONTAINING_RECORD(Entry, WORK_QUEUE_ITEM, List);
        Item->WorkerRoutine(Item->Parameter);
    }
}

/* ---- the rest of the kernel ---------------------------------------------------------------- */

DECLSPEC_NORETURN VOID NTAPI KeBugCheckEx(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3,
                                          ULONG_PTR P4)
{
    printf("# bug check 0x%x (%llx, %llx, %llx, %llx)\n", Code, P1, P2, P3, P4);
    fflush(stdout);
    abort();
}

ULONG NTAPI DbgPrint(PCSTR Format, ...)
{
    printf("# %s", Format);
    return 0;
}

VOID HostDriverCreate(VOID)
{
    static WCHAR Path[] = L"\\Services\\HostTest";
    UNICODE_STRING Name = {sizeof(Path) - sizeof(WCHAR), sizeof(Path), Path};
    WDF_DRIVER_CONFIG Config;
    WDF_DRIVER_CONFIG_INIT(&Config, NULL);
    WdfDriverGlobals = FxDriverGlobalsCreate();
    HOST_CHECK(FxDriverCreate(WdfDriverGlobals, &Name, NULL, &Config) == STATUS_SUCCESS);
}

VOID HostDriverDelete(VOID)
{
    FxDriverGlobalsFree(WdfDriverGlobals);
    WdfDriverGlobals = NULL;
}

/* ---- TAP ----------------------------------------------------------------------------------- */

static int HostPoints, HostFailedPoints, HostFailedChecks;

VOID HostPlan(int Points)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("1..%d\n", Points);
}

VOID HostPoint(const char *Name)
{
    printf("%sok %d - %s\n", HostFailedChecks ? "not " : "", ++HostPoints, Name);
    HostFailedPoints += HostFailedChecks != 0;
    HostFailedChecks = 0;
}

BOOLEAN HostCheck(BOOLEAN Holds, const char *Text, const char *File, int Line)
{
    if (!Holds && __atomic_add_fetch(&HostFailedChecks, 1, __ATOMIC_RELAXED) <= 20) {
        printf("# %s:%d: %s\n", File, Line, Text);
    }
    return Holds;
}

int HostVerdict(VOID)
{
    return HostFailedPoints != 0;
}

/* xorshift64, as the kernel's tests use it. */
ULONG HostRandom(ULONG Limit)
{
    HostSeed ^= HostSeed << 13;
    HostSeed ^= HostSeed >> 7;
    HostSeed ^= HostSeed << 17;
    return (ULONG)((HostSeed >> 20) % Limit);
}
