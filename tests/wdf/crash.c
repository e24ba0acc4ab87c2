/*
 * crash.c - what a driver does wrong with objects and memory, and the bug check that names it:
 * 0x10D with the parameters of contract 4.2, the pools' own, and a fault for a stale handle.
 */
#include "tests/wdf/fixture.h"
#include "wdf/fx.h"

/* Binds a driver and announces what parameter 4 of 0x10D will be. */
static VOID Load(VOID)
{
    FixtureLoad(L"Test", NULL, 0);
    TestAnnounce("globals", (ULONG64)FxGlobalsOfClient(WdfDriverGlobals));
}

static WDFOBJECT Announce(WDFOBJECT Handle)
{
    USHORT Offset;
    TestAnnounce("handle", (ULONG64)Handle);
    TestAnnounce("object", (ULONG64)FxObjectOfHandle(Handle, &Offset));
    return Handle;
}

/* ---- 0x10D/4: a required pointer is NULL ----------------------------------------------------- */

CRASH_TEST(CrashMemoryNull, "wdf/memory-null", "0x10D 0x4 0x0 sym:CrashMemoryNull $globals",
           "WMC-6 Attributes, PoolTag and Buffer are optional; PoolType, BufferSize and Memory "
           "are not.")
{
    PVOID Buffer;
    Load();
    WdfMemoryCreate(NULL, NonPagedPoolNx, 0, 0, NULL, &Buffer); /* the size is judged later */
}

CRASH_TEST(CrashCopyNull, "wdf/copy-from-null", "0x10D 0x4 0x0 sym:CrashCopyNull $globals",
           "contract 2.8: Buffer NULL, before Count = 0")
{
    Load();
    WdfMemoryCopyFromBuffer(FixtureMemory('m', NULL, NonPagedPoolNx, 16), 0, NULL, 0);
}

CRASH_TEST(CrashReferenceNull, "wdf/reference-null",
           "0x10D 0x4 0x0 sym:CrashReferenceNull $globals",
           "contract 1.11: NULL handle: 0x10D/4 (not /5)")
{
    Load();
    WdfObjectReference(NULL);
}

CRASH_TEST(CrashTypeNull, "wdf/context-of-no-type", "0x10D 0x4 0x0 sym:CrashTypeNull $globals",
           "contract 1.6: NULL type info: 0x10D/4, globals of the object, not of the caller")
{
    Load();
    WDFOBJECT Object = FixtureObject('o', NULL);
    FixtureLoad(L"Second", NULL, 0); /* the caller from here on */
    WdfObjectGetTypedContextWorker(Object, NULL);
}

/* ---- 0x10D/5: a bad handle ------------------------------------------------------------------- */

CRASH_TEST(CrashBufferOfNull, "wdf/null-handle", "0x10D 0x5 0x0 0x100A $globals",
           "contract 1.1: where the type test is applied: P2 = 0")
{
    Load();
    WdfMemoryGetBuffer(NULL, NULL);
}

CRASH_TEST(CrashDeleteNull, "wdf/delete-null", "0x10D 0x5 0x0 0x1000 $globals",
           "contract 1.9: NULL or bad type: 0x10D/5, wanted type object")
{
    Load();
    WdfObjectDelete(NULL);
}

CRASH_TEST(CrashWrongType, "wdf/handle-of-another-type", "0x10D 0x5 $handle 0x100A $globals",
           "FX-1 NULL and a live object of another type are found out")
{
    Load();
    WdfMemoryGetBuffer((WDFMEMORY)Announce(WdfGetDriver()), NULL);
}

CRASH_TEST(CrashAssign, "wdf/assign-to-allocated-memory", "0x10D 0x5 $handle 0x1022 $globals",
           "contract 2.6: memory object not created by CreatePreallocated")
{
    ULONG64 Own;
    Load();
    WDFMEMORY Memory = FixtureMemory('m', NULL, NonPagedPoolNx, 16);
    WdfMemoryAssignBuffer((WDFMEMORY)Announce(Memory), &Own, sizeof(Own));
}

/* ---- 0x10D/7: the count ran out -------------------------------------------------------------- */

CRASH_TEST(CrashDereference, "wdf/dereferenced-too-often", "0x10D 0x7 $handle $object $globals",
           "FX-8 a count that runs out in any other way is 0x10D/7")
{
    Load();
    WdfObjectDereference(Announce(FixtureObject('o', NULL)));
}

CRASH_TEST(CrashDereferenceDriver, "wdf/driver-object-dereferenced",
           "0x10D 0x7 $handle $object $globals", "contract 4.2: driver object not disposed")
{
    Load(); /* has neither parent nor children */
    WdfObjectDereference(Announce(WdfGetDriver()));
}

/* ---- 0x10D/10: a function that is not there -------------------------------------------------- */

CRASH_TEST(CrashMissing, "wdf/missing-function", "0x10D 0x10 $name sym:FxLibraryName 0x1C1",
           "contract 4.2: driver name, library name, function index")
{
    Load();
    TestAnnounce("name", (ULONG64)WdfDriverGlobals->DriverName);
    ((VOID(NTAPI *)(PWDF_DRIVER_GLOBALS))
         WdfFunctions[WdfCompanionTargetSendTaskSynchronouslyTableIndex])(WdfDriverGlobals);
}

/* ---- stale handles --------------------------------------------------------------------------- */

CRASH_TEST(CrashDeleteTwice, "wdf/deleted-twice", "0x50 * 0x0 sym:FxWdfObjectDelete 0xF",
           "contract 4.3: second delete after destruction: a stale handle faults")
{
    Load();
    WDFOBJECT Object = FixtureObject('o', NULL);
    WdfObjectDelete(Object);
    WdfObjectDelete(Object);
}

/* ---- the pools' bug checks, through the framework -------------------------------------------- */

CRASH_TEST(CrashPagedDispatch, "wdf/paged-at-dispatch-level", "0xC2 0x8 0x2 0x1 0x30",
           "WMC-52 With PagedPool, WdfMemoryCreate is called at IRQL <= APC_LEVEL.")
{
    WDFMEMORY Memory;
    Load();
    KeRaiseIrqlToDpcLevel();
    WdfMemoryCreate(NULL, PagedPool, 0, 48, &Memory, NULL);
}

CRASH_TEST(CrashNonPagedAbove, "wdf/nonpaged-above-dispatch-level", "0xC2 0x8 0xC 0x200 *",
           "WMC-53 With other pool types, WdfMemoryCreate may be called at IRQL <= "
           "DISPATCH_LEVEL.")
{
    WDFMEMORY Memory;
    Load();
    KeRaiseIrqlToSynchLevel();
    WdfMemoryCreate(NULL, NonPagedPoolNx, 0, 48, &Memory, NULL); /* the object comes along */
}

CRASH_TEST(CrashDeleteAbove, "wdf/deleted-above-dispatch-level", "0xC2 0x9 0xC 0x200 $buffer",
           "contract 2.11: WdfObjectDelete at <= DISPATCH_LEVEL")
{
    Load();
    WDFMEMORY Memory = FixtureMemory('m', NULL, NonPagedPoolNx, PAGE_SIZE);
    TestAnnounce("buffer", (ULONG64)WdfMemoryGetBuffer(Memory, NULL));
    KeRaiseIrqlToSynchLevel();
    WdfObjectDelete(Memory);
}
