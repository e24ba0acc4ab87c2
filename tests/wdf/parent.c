/*
 * parent.c - tests of who a memory object belongs to and how long it lives: default parent, named
 * parent, the documents' example, references (contract 1.7, 1.8, 2.12).
 */
#include "tests/wdf/fixture.h"
#include "mm/pool/pool.h"
#include "wdf/fx.h"

static PFX_OBJECT ObjectOf(WDFOBJECT Handle)
{
    USHORT Offset;
    return FxObjectOfHandle(Handle, &Offset);
}

/* Blocks of a tag that are allocated. */
static ULONG64 BlocksOf(ULONG Tag)
{
    POOL_TAG_USAGE Usage;
    ExpQueryTag(Tag, &Usage);
    return Usage.NonPagedAllocs - Usage.NonPagedFrees + Usage.PagedAllocs - Usage.PagedFrees;
}

/* ---- the default parent ---------------------------------------------------------------------- */

WDF_TEST(ParentDefault, "wdf/parent/default-is-the-driver",
         "WMC-40 The default parent is the framework driver object of the driver that calls.")
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFMEMORY Bare;
    WDFMEMORY WithAttributes = FixtureMemory('a', NULL, NonPagedPoolNx, 64);
    CHECK_STATUS(WdfMemoryCreate(NULL, PagedPool, 0, 64, &Bare, NULL), STATUS_SUCCESS);
    REQUIRE(WithAttributes != NULL && Bare != NULL);
    CHECK_EQ(ObjectOf(WithAttributes)->Parent, ObjectOf(WdfGetDriver()));
    CHECK_EQ(ObjectOf(Bare)->Parent, ObjectOf(WdfGetDriver()));
    /* Of two drivers, the one that calls. */
    PWDF_DRIVER_GLOBALS First = WdfDriverGlobals;
    FixtureAttributes(&Attributes, NULL);
    REQUIRE(NT_SUCCESS(FixtureLoad(L"Second", &Attributes, 0)));
    GetNamed(WdfGetDriver())->Name = 'D';
    WDFMEMORY Memory = FixtureMemory('m', NULL, NonPagedPoolNx, 64);
    CHECK(Memory != NULL && ObjectOf(Memory)->Parent == ObjectOf(WdfGetDriver()));
    FixtureUnload();
    FixtureExpect("cmcDdmdD");
    WdfDriverGlobals = First;
    FixtureUnload();
    FixtureExpect("cada");
}

WDF_TEST(ParentUnload, "wdf/parent/default-lasts-until-unload",
         "WMC-43 With the default parent, object and buffer stay until the driver is unloaded.")
{
    static const SIZE_T Sizes[] = {64, PAGE_SIZE};
    static const POOL_TYPE Types[] = {NonPagedPool, PagedPool};
    WDFMEMORY Memory[4];
    for (ULONG i = 0; i < ARRAYSIZE(Memory); i++) {
        Memory[i] = FixtureMemory((CHAR)('0' + i), NULL, Types[i / 2], Sizes[i % 2]);
        REQUIRE(Memory[i] != NULL);
        RtlFillMemory(WdfMemoryGetBuffer(Memory[i], NULL), Sizes[i % 2], 0x40 + i);
    }
    WdfObjectDelete(FixtureObject('o', NULL)); /* others come and go */
    FixtureRunDeferred();
    FixtureExpect("codo");
    for (ULONG i = 0; i < ARRAYSIZE(Memory); i++) {
        PUCHAR Buffer = WdfMemoryGetBuffer(Memory[i], NULL);
        CHECK(Buffer[0] == 0x40 + i && Buffer[Sizes[i % 2] - 1] == 0x40 + i);
        CHECK_EQ(FixtureTagOf(Buffer), FIXTURE_TAG);
    }
    FixtureUnload();
    FixtureExpect("c0c1c2c3d0d1d2d3");
}

WDF_TEST(ParentDriverLast, "wdf/parent/unload-deletes-the-driver-object-last",
         "contract 3.4: the whole tree by 1.9")
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    FixtureUnload();
    FixtureAttributes(&Attributes, NULL);
    REQUIRE(NT_SUCCESS(FixtureLoad(L"Test", &Attributes, 0)));
    GetNamed(WdfGetDriver())->Name = 'D';
    WDFOBJECT Parent = FixtureObject('p', NULL);
    REQUIRE(FixtureMemory('m', Parent, NonPagedPoolNx, 64) && FixtureObject('o', WdfGetDriver()));
    FixtureUnload();
    FixtureExpect("cmcpcocDdmdpdodD");
}

/* ---- a parent of one's own ------------------------------------------------------------------- */

WDF_TEST(ParentNamed, "wdf/parent/any-object",
         "WMC-41 Memory used with one device, request or other object should have that object as "
         "parent.")
{
    UCHAR Own[16];
    WDFMEMORY Given;
    CHECK_STATUS(WdfMemoryCreatePreallocated(NULL, Own, sizeof(Own), &Given), STATUS_SUCCESS);
    WDFOBJECT Parents[] = {
        FixtureObject('o', NULL),
        FixtureMemory('s', NULL, NonPagedPoolNx, 64),
        FixtureMemory('l', NULL, NonPagedPoolNx, PAGE_SIZE),
        FixtureMemory('p', NULL, PagedPool, 64),
        Given,
        WdfGetDriver(),
    };
    for (ULONG i = 0; i < ARRAYSIZE(Parents); i++) {
        WDFMEMORY Memory = FixtureMemory('m', Parents[i], NonPagedPoolNx, 64);
        REQUIRE(Memory != NULL);
        CHECK_EQ(ObjectOf(Memory)->Parent, ObjectOf(Parents[i]));
        if (Parents[i] != WdfGetDriver()) {
            CHECK_NE(ObjectOf(Memory)->Parent, ObjectOf(WdfGetDriver()));
        }
    }
}

WDF_TEST(ParentDeleted, "wdf/parent/takes-object-and-buffer-along",
         "WMC-42 The memory object and its buffer are deleted when the parent object is deleted.")
{
    static const POOL_TYPE Types[] = {NonPagedPool, NonPagedPoolNx, PagedPool};
    static const SIZE_T Sizes[] = {64, PAGE_SIZE};
    for (ULONG i = 0; i < ARRAYSIZE(Types) * ARRAYSIZE(Sizes); i++) {
        WDF_OBJECT_ATTRIBUTES Attributes;
        WDFMEMORY Memory;
        ULONG64 Before = BlocksOf('draP'), DriverBefore = BlocksOf(FIXTURE_TAG);
        WDFOBJECT Parent = FixtureObject('p', NULL);
        REQUIRE(Parent != NULL);
        FixtureAttributes(&Attributes, Parent);
        CHECK_STATUS(WdfMemoryCreate(&Attributes, Types[i / ARRAYSIZE(Sizes)], 'draP',
                                     Sizes[i % ARRAYSIZE(Sizes)], &Memory, NULL),
                     STATUS_SUCCESS);
        GetNamed(Memory)->Name = 'm';
        CHECK_EQ(BlocksOf('draP'), Before + 1);
        WdfObjectDelete(Parent);
        FixtureExpect("cmcpdmdp");
        CHECK_EQ(BlocksOf('draP'), Before);
        CHECK_EQ(BlocksOf(FIXTURE_TAG), DriverBefore);
    }
}

WDF_TEST(ParentObjectDelete, "wdf/parent/wdf-object-delete",
         "WMC-44 WdfObjectDelete deletes the memory object and its buffer.")
{
    static const POOL_TYPE Types[] = {NonPagedPool, NonPagedPoolNx, PagedPool};
    static const SIZE_T Sizes[] = {64, PAGE_SIZE};
    for (ULONG i = 0; i < ARRAYSIZE(Types) * ARRAYSIZE(Sizes); i++) {
        ULONG64 Before = BlocksOf(FIXTURE_TAG);
        WDFMEMORY Memory =
            FixtureMemory('m', NULL, Types[i / ARRAYSIZE(Sizes)], Sizes[i % ARRAYSIZE(Sizes)]);
        REQUIRE(Memory != NULL);
        CHECK_GT(BlocksOf(FIXTURE_TAG), Before);
        WdfObjectDelete(Memory);
        FixtureExpect("cmdm");
        CHECK_EQ(BlocksOf(FIXTURE_TAG), Before);
    }
}

#define WRITE_BUFFER_SIZE 1024

WDF_TEST(ParentExample, "wdf/parent/example-of-the-documents",
         "WMC-54 The example: init attributes, set ParentObject, NonPagedPool, tag 0, size, both "
         "outputs.")
{
    WDFOBJECT requestHandle = FixtureObject('r', NULL); /* WMC-55's request comes later */
    REQUIRE(requestHandle != NULL);

    NTSTATUS status;
    WDF_OBJECT_ATTRIBUTES attributes;
    WDFMEMORY writeBufferMemHandle;
    PVOID writeBufferPointer;

    WDF_OBJECT_ATTRIBUTES_INIT(&attributes);
    attributes.ParentObject = requestHandle;
    status = WdfMemoryCreate(&attributes, NonPagedPool, 0, WRITE_BUFFER_SIZE, &writeBufferMemHandle,
                             &writeBufferPointer);

    CHECK_STATUS(status, STATUS_SUCCESS);
    size_t Size;
    CHECK_EQ(WdfMemoryGetBuffer(writeBufferMemHandle, &Size), writeBufferPointer);
    CHECK_EQ(Size, WRITE_BUFFER_SIZE);
    RtlFillMemory(writeBufferPointer, WRITE_BUFFER_SIZE, 0xA5);
    CHECK_EQ(FixtureTagOf(writeBufferPointer), FIXTURE_TAG);
    ULONG64 Blocks = BlocksOf(FIXTURE_TAG);
    WdfObjectDelete(requestHandle);
    CHECK_EQ(BlocksOf(FIXTURE_TAG), Blocks - 2);
    FixtureExpect("crdr");
}

WDF_TEST(ParentPreallocated, "wdf/parent/preallocated-buffer-stays",
         "WMC-36 Another way is ExAllocatePool2 or ExAllocatePoolZero, then "
         "WdfMemoryCreatePreallocated. || "
         "WMC-38 A preallocated buffer is not deleted with its WDFMEMORY or with the WDFMEMORY's "
         "parent.")
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFOBJECT Parent = FixtureObject('p', NULL);
    WDFMEMORY First, Second;
    PUCHAR Buffer = ExAllocatePool2(POOL_FLAG_NON_PAGED, 32, 'lAeP');
    REQUIRE(Parent != NULL && Buffer != NULL);
    for (ULONG i = 0; i < 32; i++) {
        CHECK_EQ(Buffer[i], 0);
        Buffer[i] = (UCHAR)i;
    }
    FixtureAttributes(&Attributes, Parent);
    CHECK_STATUS(WdfMemoryCreatePreallocated(&Attributes, Buffer, 32, &First), STATUS_SUCCESS);
    CHECK_STATUS(WdfMemoryCreatePreallocated(&Attributes, Buffer, 32, &Second), STATUS_SUCCESS);
    GetNamed(First)->Name = '1';
    GetNamed(Second)->Name = '2';
    CHECK_EQ(WdfMemoryGetBuffer(First, NULL), Buffer);
    WdfObjectDelete(First);
    WdfObjectDelete(Parent);
    FixtureExpect("c1d1c2cpd2dp");
    CHECK_EQ(FixtureTagOf(Buffer), 'lAeP');
    for (ULONG i = 0; i < 32; i++) {
        CHECK_EQ(Buffer[i], i); /* nor touched */
    }
    ExFreePoolWithTag(Buffer, 'lAeP');
}

/* ---- references ------------------------------------------------------------------------------ */

WDF_TEST(ParentReferenced, "wdf/parent/referenced-memory-outlives-its-parent",
         "contract 2.12: object and buffer survive until the last dereference")
{
    WDFOBJECT Parent = FixtureObject('p', NULL);
    WDFMEMORY Memory = FixtureMemory('m', Parent, NonPagedPoolNx, 64);
    REQUIRE(Memory != NULL);
    PUCHAR Buffer = WdfMemoryGetBuffer(Memory, NULL);
    RtlFillMemory(Buffer, 64, 0x6B);
    WdfObjectReference(Memory);
    WdfObjectReferenceWithTag(Memory, &Parent);
    WdfObjectDelete(Parent);
    FixtureExpect("cmcpdp");
    CHECK_EQ(WdfMemoryGetBuffer(Memory, NULL), Buffer);
    CHECK(Buffer[0] == 0x6B && Buffer[63] == 0x6B);
    CHECK_EQ(ObjectOf(Memory)->Parent, NULL);
    WdfObjectDereferenceWithTag(Memory, &Parent);
    FixtureExpect("");
    WdfObjectDereference(Memory);
    FixtureExpect("dm");
}

WDF_TEST(ParentBalanced, "wdf/parent/balanced-references-change-nothing", "FX-8")
{
    WDFOBJECT Object = FixtureObject('o', NULL);
    REQUIRE(Object != NULL);
    for (ULONG i = 0; i < 1000; i++) {
        WdfObjectReference(Object);
    }
    for (ULONG i = 0; i < 1000; i++) {
        WdfObjectDereference(Object);
    }
    FixtureExpect("");
    WdfObjectDelete(Object);
    FixtureExpect("codo");
}

WDF_TEST(ParentDereferenceLevel, "wdf/parent/destroy-at-the-last-dereference",
         "contract 1.9: destroy at the IRQL of the last dereference")
{
    WDFOBJECT Object = FixtureObject('o', NULL);
    KIRQL Old;
    REQUIRE(Object != NULL);
    WdfObjectReference(Object);
    WdfObjectDelete(Object);
    FixtureExpect("co");
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    WdfObjectDereference(Object);
    KeLowerIrql(Old);
    FixtureExpect("do2");
}
