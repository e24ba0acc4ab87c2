/*
 * fixture.c - binds and unbinds the driver that the tests of the framework are, for tests/wdf/.
 */
#include "tests/wdf/fixture.h"
#include "mm/pool/pool.h"
#include "wdf/fx.h"

#define SERVICE_PREFIX L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\"
#define SERVICE_LENGTH 40
#define MOST_DRIVERS   4

/* What each driver image has: its record and the framework's table. */
PWDF_DRIVER_GLOBALS WdfDriverGlobals;
const WDFFUNC *WdfFunctions_01033 = FxFunctionTable;

static CHAR Trace[256];

/* The records that are loaded, so that a body that was left early leaves none behind. */
static PWDF_DRIVER_GLOBALS Loaded[MOST_DRIVERS];

/* Writes New over the first entry that is Old. */
static VOID NoteLoaded(PWDF_DRIVER_GLOBALS Old, PWDF_DRIVER_GLOBALS New)
{
    for (ULONG i = 0; i < MOST_DRIVERS; i++) {
        if (Loaded[i] == Old) {
            Loaded[i] = New;
            return;
        }
    }
}

/* ---- binding --------------------------------------------------------------------------------- */

NTSTATUS FixtureLoad(PCWSTR Service, PWDF_OBJECT_ATTRIBUTES Attributes, ULONG PoolTag)
{
    static const WCHAR Prefix[] = SERVICE_PREFIX;
    WCHAR Text[ARRAYSIZE(Prefix) + SERVICE_LENGTH];
    UNICODE_STRING Path = {sizeof(Prefix) - sizeof(WCHAR), sizeof(Text), Text};
    RtlCopyMemory(Text, Prefix, sizeof(Prefix));
    RtlAppendUnicodeToString(&Path, Service);
    WDF_DRIVER_CONFIG Config;
    WDF_DRIVER_CONFIG_INIT(&Config, NULL);
    Config.DriverPoolTag = PoolTag;
    WdfDriverGlobals = FxDriverGlobalsCreate();
    NoteLoaded(NULL, WdfDriverGlobals);
    return WdfDriverGlobals != NULL ? FxDriverCreate(WdfDriverGlobals, &Path, Attributes, &Config)
                                    : STATUS_INSUFFICIENT_RESOURCES;
}

VOID FixtureUnload(VOID)
{
    if (WdfDriverGlobals != NULL) {
        NoteLoaded(WdfDriverGlobals, NULL);
        FxDriverGlobalsFree(WdfDriverGlobals);
        WdfDriverGlobals = NULL;
    }
}

static VOID UnloadAll(VOID)
{
    FixtureUnload();
    for (ULONG i = 0; i < MOST_DRIVERS; i++) {
        WdfDriverGlobals = Loaded[i];
        FixtureUnload();
    }
}

/* ---- leaks ----------------------------------------------------------------------------------- */

typedef struct _POOL_STATE {
    ULONG64 Blocks, Bytes; /* that are allocated, of all tags */
    ULONG64 Mixed;         /* changes when one tag's blocks become another's */
} POOL_STATE;

static VOID ReadPools(POOL_STATE *State)
{
    POOL_TAG_USAGE Usage;
    *State = (POOL_STATE){0};
    for (ULONG Slot = 0; Slot <= POOL_SLOT_LAST; Slot++) {
        if (ExpReadTagSlot(Slot, &Usage)) {
            ULONG64 Blocks =
                Usage.NonPagedAllocs - Usage.NonPagedFrees + Usage.PagedAllocs - Usage.PagedFrees;
            State->Blocks += Blocks;
            State->Bytes += Usage.NonPagedBytes + Usage.PagedBytes;
            State->Mixed += Usage.Tag * (Usage.NonPagedBytes + 3 * Usage.PagedBytes + Blocks);
        }
    }
}

/* The test is more important than the worker threads: what is deferred waits for RunDeferred. */
VOID FixtureRun(TEST_ROUTINE *Body)
{
    POOL_STATE Before, After;
    KPRIORITY Priority = KeSetPriorityThread(KeGetCurrentThread(), LOW_REALTIME_PRIORITY);
    ReadPools(&Before);
    Trace[0] = '\0';
    if (CHECK_STATUS(FixtureLoad(L"Test", NULL, 0), STATUS_SUCCESS)) {
        TestCall(Body);
    }
    UnloadAll();
    KeSetPriorityThread(KeGetCurrentThread(), Priority);
    ReadPools(&After);
    CHECK_EQ(After.Blocks, Before.Blocks);
    CHECK_EQ(After.Bytes, Before.Bytes);
    CHECK_EQ(After.Mixed, Before.Mixed);
}

ULONG FixtureTagOf(PVOID Address)
{
    POOL_BIG_BLOCK Big;
    if (ExpFindBigBlockAround(Address, &Big)) {
        return Big.Key;
    }
    PPOOL_HEADER Header = ExpFindBlockAround(Address);
    return Header != NULL && (Header->PoolType & POOL_BLOCK_IN_USE) ? Header->PoolTag : 0;
}

VOID FixtureRunDeferred(VOID)
{
    FxRunPassiveWork();
}

/* ---- callbacks ------------------------------------------------------------------------------- */

static VOID Append(CHAR What, WDFOBJECT Object)
{
    PNAMED Named = GetNamed(Object);
    SIZE_T Length = strlen(Trace);
    KIRQL Irql = KeGetCurrentIrql();
    if (!CHECK_LT(Length + 3, sizeof(Trace))) {
        return;
    }
    Trace[Length++] = What;
    Trace[Length++] = Named != NULL ? Named->Name : '?';
    if (Irql != PASSIVE_LEVEL) {
        Trace[Length++] = (CHAR)('0' + Irql);
    }
    Trace[Length] = '\0';
}

VOID NTAPI FixtureCleanup(WDFOBJECT Object)
{
    Append('c', Object);
}

VOID NTAPI FixtureDestroy(WDFOBJECT Object)
{
    Append('d', Object);
}

VOID FixtureExpect(const CHAR *Expected)
{
    if (!CHECK_EQ(strcmp(Trace, Expected), 0)) {
        DbgPrint("callbacks: %s, expected: %s\n", Trace, Expected);
    }
    Trace[0] = '\0';
}

VOID FixtureAttributes(PWDF_OBJECT_ATTRIBUTES Attributes, WDFOBJECT Parent)
{
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(Attributes, NAMED);
    Attributes->EvtCleanupCallback = FixtureCleanup;
    Attributes->EvtDestroyCallback = FixtureDestroy;
    Attributes->ParentObject = Parent;
}

WDFOBJECT FixtureObject(CHAR Name, WDFOBJECT Parent)
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFOBJECT Object;
    FixtureAttributes(&Attributes, Parent);
    if (!CHECK_EQ(WdfObjectCreate(&Attributes, &Object), STATUS_SUCCESS)) {
        return NULL;
    }
    GetNamed(Object)->Name = Name;
    return Object;
}

WDFMEMORY FixtureMemory(CHAR Name, WDFOBJECT Parent, POOL_TYPE PoolType, SIZE_T Size)
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFMEMORY Memory;
    FixtureAttributes(&Attributes, Parent);
    if (!CHECK_STATUS(WdfMemoryCreate(&Attributes, PoolType, 0, Size, &Memory, NULL),
                      STATUS_SUCCESS)) {
        return NULL;
    }
    GetNamed(Memory)->Name = Name;
    return Memory;
}
