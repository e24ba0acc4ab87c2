/*
 * irql.c - tests of the IRQLs at which objects and memory may be made and deleted, and of the
 * disposal that waits for PASSIVE_LEVEL (contract 1.10, 2.11). What happens above the limits is
 * crash.c's.
 */
#include "tests/wdf/fixture.h"

WDF_TEST(IrqlPaged, "wdf/irql/paged-up-to-apc-level",
         "WMC-52 With PagedPool, WdfMemoryCreate is called at IRQL <= APC_LEVEL.")
{
    static const KIRQL Levels[] = {PASSIVE_LEVEL, APC_LEVEL};
    static const SIZE_T Sizes[] = {64, 2 * PAGE_SIZE};
    for (ULONG i = 0; i < ARRAYSIZE(Levels) * ARRAYSIZE(Sizes); i++) {
        KIRQL Old;
        WDFMEMORY Memory = NULL;
        PVOID Buffer;
        KeRaiseIrql(Levels[i / ARRAYSIZE(Sizes)], &Old);
        NTSTATUS Status =
            WdfMemoryCreate(NULL, PagedPool, 0, Sizes[i % ARRAYSIZE(Sizes)], &Memory, &Buffer);
        if (NT_SUCCESS(Status)) {
            RtlFillMemory(Buffer, Sizes[i % ARRAYSIZE(Sizes)], 1);
        }
        KeLowerIrql(Old);
        CHECK_STATUS(Status, STATUS_SUCCESS);
    }
}

WDF_TEST(IrqlNonPaged, "wdf/irql/nonpaged-up-to-dispatch-level",
         "WMC-53 With other pool types, WdfMemoryCreate may be called at IRQL <= DISPATCH_LEVEL.")
{
    static const POOL_TYPE Types[] = {NonPagedPool, NonPagedPoolNx, NonPagedPoolNxCacheAligned};
    static const SIZE_T Sizes[] = {1, 64, PAGE_SIZE - 1, PAGE_SIZE, 65536};
    KIRQL Old;
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    for (ULONG i = 0; i < ARRAYSIZE(Types) * ARRAYSIZE(Sizes); i++) {
        WDFMEMORY Memory = NULL;
        PVOID Buffer = NULL;
        CHECK_STATUS(WdfMemoryCreate(NULL, Types[i / ARRAYSIZE(Sizes)], 0,
                                     Sizes[i % ARRAYSIZE(Sizes)], &Memory, &Buffer),
                     STATUS_SUCCESS);
        if (Memory != NULL) {
            CHECK_EQ((ULONG_PTR)Buffer % MEMORY_ALLOCATION_ALIGNMENT, 0);
            CHECK_EQ(FixtureTagOf(Buffer), FIXTURE_TAG);
            WdfObjectDelete(Memory);
        }
    }
    KeLowerIrql(Old);
}

static VOID NTAPI CreateInDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    WDFOBJECT *Objects = Context;
    Objects[1] = FixtureObject('o', Objects[0]);
    Objects[2] = FixtureMemory('m', Objects[0], NonPagedPoolNx, 64);
    if (Objects[1] != NULL) {
        WdfObjectDelete(Objects[1]);
    }
}

WDF_TEST(IrqlDpc, "wdf/irql/in-a-dpc", "contract 2.11: create, delete at <= DISPATCH_LEVEL")
{
    KDPC Dpc;
    WDFOBJECT Objects[3] = {FixtureObject('p', NULL)};
    REQUIRE(Objects[0] != NULL);
    KeInitializeDpc(&Dpc, CreateInDpc, Objects);
    KeInsertQueueDpc(&Dpc, NULL, NULL); /* runs at once: this is PASSIVE_LEVEL */
    FixtureExpect("co2do2");
    WdfObjectDelete(Objects[0]);
    FixtureExpect("cmcpdmdp");
}

/* ---- disposal at DISPATCH_LEVEL -------------------------------------------------------------- */

static VOID DeleteAt(KIRQL Level, WDFOBJECT Object)
{
    KIRQL Old;
    KeRaiseIrql(Level, &Old);
    WdfObjectDelete(Object);
    KeLowerIrql(Old);
}

/* A general object whose callbacks run at PASSIVE_LEVEL. */
static WDFOBJECT PassiveObject(CHAR Name, WDFOBJECT Parent)
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFOBJECT Object = NULL;
    FixtureAttributes(&Attributes, Parent);
    Attributes.ExecutionLevel = WdfExecutionLevelPassive;
    CHECK_STATUS(WdfObjectCreate(&Attributes, &Object), STATUS_SUCCESS);
    if (Object != NULL) {
        GetNamed(Object)->Name = Name;
    }
    return Object;
}

WDF_TEST(IrqlSynchronous, "wdf/irql/deletion-at-dispatch-level",
         "contract 1.9: tree has no passive object: all synchronous, at DISPATCH")
{
    WDFOBJECT Parent = FixtureObject('p', NULL);
    REQUIRE(FixtureMemory('s', Parent, NonPagedPoolNx, 64) != NULL);
    REQUIRE(FixtureMemory('l', Parent, NonPagedPoolNx, PAGE_SIZE) != NULL);
    DeleteAt(DISPATCH_LEVEL, Parent);
    FixtureExpect("cs2cl2cp2ds2dl2dp2");
}

WDF_TEST(IrqlPagedDeferred, "wdf/irql/paged-memory-waits-for-passive-level",
         "FX-7: a passive root, or a root with a passive child, waits")
{
    WDFMEMORY Memory = FixtureMemory('m', NULL, PagedPool, 64);
    REQUIRE(Memory != NULL);
    DeleteAt(DISPATCH_LEVEL, Memory);
    FixtureExpect("");
    CHECK_EQ(FixtureTagOf(WdfMemoryGetBuffer(Memory, NULL)), FIXTURE_TAG); /* still there */
    FixtureRunDeferred();
    FixtureExpect("cmdm");
    /* APC_LEVEL is not PASSIVE_LEVEL either. */
    Memory = FixtureMemory('a', NULL, PagedPool, 64);
    REQUIRE(Memory != NULL);
    DeleteAt(APC_LEVEL, Memory);
    FixtureExpect("");
    FixtureRunDeferred();
    FixtureExpect("cada");
}

WDF_TEST(IrqlPassiveObject, "wdf/irql/passive-object-waits",
         "contract 1.10: ExecutionLevel Passive")
{
    WDFOBJECT Object = PassiveObject('x', NULL);
    REQUIRE(Object != NULL);
    DeleteAt(DISPATCH_LEVEL, Object);
    FixtureExpect("");
    WdfObjectDelete(Object); /* it is being deleted already */
    FixtureExpect("");
    FixtureRunDeferred();
    FixtureExpect("cxdx");
    Object = PassiveObject('y', NULL);
    WdfObjectDelete(Object); /* at PASSIVE_LEVEL nothing waits */
    FixtureExpect("cydy");
}

WDF_TEST(IrqlPassiveChild, "wdf/irql/passive-child-makes-all-wait",
         "contract 1.9: a direct paged-memory child: everything deferred, P's cleanup too")
{
    WDFOBJECT Parent = FixtureObject('p', NULL);
    REQUIRE(FixtureObject('a', Parent) != NULL);
    REQUIRE(FixtureMemory('m', Parent, PagedPool, PAGE_SIZE) != NULL);
    DeleteAt(DISPATCH_LEVEL, Parent);
    FixtureExpect("");
    FixtureRunDeferred();
    FixtureExpect("cacmcpdadmdp");
}

WDF_TEST(IrqlPassiveGrandchild, "wdf/irql/passive-grandchild-stops-half-way",
         "contract 1.9: siblings before are disposed, P resumes with the remaining children")
{
    WDFOBJECT Parent = FixtureObject('p', NULL);
    REQUIRE(FixtureObject('a', Parent) != NULL);
    WDFOBJECT Second = FixtureObject('b', Parent);
    REQUIRE(PassiveObject('x', Second) != NULL);
    REQUIRE(FixtureObject('z', Parent) != NULL);
    DeleteAt(DISPATCH_LEVEL, Parent);
    FixtureExpect("ca2");
    FixtureRunDeferred();
    FixtureExpect("cxcbczcpdadxdbdzdp");
}

WDF_TEST(IrqlPassiveChildGone, "wdf/irql/passive-child-that-went-first",
         "FX-7: only passive children that are still there count")
{
    WDFOBJECT Parent = FixtureObject('p', NULL), Child = PassiveObject('x', Parent);
    REQUIRE(Child != NULL);
    WdfObjectDelete(Child);
    DeleteAt(DISPATCH_LEVEL, Parent);
    FixtureExpect("cxdxcp2dp2");
}

WDF_TEST(IrqlDeferredDestroy, "wdf/irql/last-dereference-of-a-passive-object",
         "contract 1.9: destroy at PASSIVE for passive objects (state DeferedDestroy)")
{
    WDFOBJECT Object = PassiveObject('x', NULL);
    KIRQL Old;
    REQUIRE(Object != NULL);
    WdfObjectReference(Object);
    WdfObjectDelete(Object);
    FixtureExpect("cx");
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    WdfObjectDereference(Object);
    KeLowerIrql(Old);
    FixtureExpect("");
    FixtureRunDeferred();
    FixtureExpect("dx");
}

WDF_TEST(IrqlUnloadWaits, "wdf/irql/unload-waits-for-what-is-deferred",
         "FX-11: no deferred deletion outlives its driver object")
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    FixtureUnload();
    FixtureAttributes(&Attributes, NULL);
    REQUIRE(NT_SUCCESS(FixtureLoad(L"Test", &Attributes, 0)));
    GetNamed(WdfGetDriver())->Name = 'D';
    WDFMEMORY First = FixtureMemory('m', NULL, PagedPool, 64);
    WDFOBJECT Second = PassiveObject('x', NULL);
    REQUIRE(First != NULL && Second != NULL);
    DeleteAt(DISPATCH_LEVEL, First);
    DeleteAt(DISPATCH_LEVEL, Second);
    FixtureExpect("");
    FixtureUnload();
    FixtureExpect("cmdmcxdxcDdD");
}
