/*
 * status.c - tests of the parameters of WdfMemoryCreate and of every NTSTATUS that it and the other
 * functions on objects and memory return (contract 1.3, 1.6, 1.13, 2.2, 2.5 to 2.8).
 */
#include "tests/wdf/fixture.h"
#include "mm/mm.h"
#include "wdf/fx.h"

#define PRESET         ((WDFMEMORY)0xAAAAAAAAAAAAAAAAULL)
#define NOBODY_HAS     (1ULL << 50) /* bytes; more than any machine's address space for pool */
#define PRESET_CONTEXT ((PVOID)0x5555)

/* Creates 16 bytes with Attributes: checks the status, and that a failure gives out nothing. */
static VOID CheckAttributes(PWDF_OBJECT_ATTRIBUTES Attributes, NTSTATUS Expected)
{
    WDFMEMORY Memory = PRESET;
    PVOID Buffer = PRESET_CONTEXT;
    CHECK_STATUS(WdfMemoryCreate(Attributes, NonPagedPoolNx, 0, 16, &Memory, &Buffer), Expected);
    if (NT_SUCCESS(Expected)) {
        CHECK(Memory != PRESET && Memory != NULL && Buffer != PRESET_CONTEXT);
    } else {
        CHECK_EQ(Memory, NULL);
        CHECK_EQ(Buffer, PRESET_CONTEXT);
    }
}

/* ---- parameters ------------------------------------------------------------------------------ */

WDF_TEST(StatusOptional, "wdf/status/optional-parameters",
         "WMC-6 Attributes, PoolTag and Buffer are optional; PoolType, BufferSize and Memory are "
         "not. || "
         "WMC-8 Attributes may be WDF_NO_OBJECT_ATTRIBUTES. || "
         "WMC-25 WdfMemoryCreate returns STATUS_SUCCESS when it succeeds.")
{
    /* That Memory is required is crash/wdf/memory-null's. */
    WDFMEMORY Memory = NULL;
    CHECK_EQ(WdfMemoryCreate(WDF_NO_OBJECT_ATTRIBUTES, NonPagedPoolNx, 0, 16, &Memory, NULL), 0);
    CHECK_NE(Memory, NULL);
}

WDF_TEST(StatusAttributes, "wdf/status/attributes-take-effect",
         "WMC-7 Attributes points to a WDF_OBJECT_ATTRIBUTES with the attributes of the new "
         "object.")
{
    WDFOBJECT Parent = FixtureObject('p', NULL);
    WDFMEMORY Memory = FixtureMemory('m', Parent, NonPagedPoolNx, 16);
    REQUIRE(Memory != NULL);
    CHECK_EQ(GetNamed(Memory)->Name, 'm');
    WdfObjectDelete(Parent);
    FixtureExpect("cmcpdmdp");
}

WDF_TEST(StatusZeroSize, "wdf/status/size-zero",
         "WMC-26 It returns STATUS_INVALID_PARAMETER when it finds an invalid parameter.")
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFMEMORY Memory = PRESET;
    PVOID Buffer = PRESET_CONTEXT;
    CHECK_STATUS(WdfMemoryCreate(NULL, NonPagedPoolNx, 0, 0, &Memory, &Buffer),
                 STATUS_INVALID_PARAMETER);
    CHECK(Memory == PRESET && Buffer == PRESET_CONTEXT); /* contract 2.2: untouched */
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.Size--;
    CHECK_STATUS(WdfMemoryCreate(&Attributes, NonPagedPoolNx, 0, 0, &Memory, &Buffer),
                 STATUS_INVALID_PARAMETER); /* the size comes first */
    CHECK_STATUS(WdfMemoryCreate(NULL, PagedPool, 0, 0, &Memory, &Buffer),
                 STATUS_INVALID_PARAMETER);
}

WDF_TEST(StatusNoMemory, "wdf/status/insufficient-resources",
         "WMC-27 It returns STATUS_INSUFFICIENT_RESOURCES when there is not enough memory.")
{
    static const POOL_TYPE Types[] = {NonPagedPool, NonPagedPoolNx, PagedPool};
    static const SIZE_T Sizes[] = {NOBODY_HAS, ~(SIZE_T)0, ~(SIZE_T)0 - PAGE_SIZE};
    for (ULONG i = 0; i < ARRAYSIZE(Types) * ARRAYSIZE(Sizes); i++) {
        WDFMEMORY Memory = PRESET;
        PVOID Buffer = PRESET_CONTEXT;
        CHECK_STATUS(WdfMemoryCreate(NULL, Types[i / ARRAYSIZE(Sizes)], 0,
                                     Sizes[i % ARRAYSIZE(Sizes)], &Memory, &Buffer),
                     STATUS_INSUFFICIENT_RESOURCES);
        CHECK(Memory == NULL && Buffer == PRESET_CONTEXT);
    }
}

WDF_TEST(StatusPoolsEmpty, "wdf/status/pools-run-dry",
         "contract 1.13: STATUS_INSUFFICIENT_RESOURCES; FX-9 no callback of a failed creation")
{
    /* Nothing may be committed any more, so what fails is the next page, whoever asks for it. */
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFOBJECT Parent = FixtureObject('p', NULL), Object;
    WDFMEMORY Memory;
    SIZE_T Taken = MmTotalCommitLimit - MmTotalCommittedPages;
    NTSTATUS Status;
    REQUIRE(Parent != NULL);
    TestStay(); /* until memory is back */
    REQUIRE(MiChargeCommit(Taken));
    FixtureAttributes(&Attributes, Parent);
    do {
        Status = WdfMemoryCreate(&Attributes, NonPagedPoolNx, 0, 1000, &Memory, NULL);
    } while (NT_SUCCESS(Status));
    CHECK_STATUS(Status, STATUS_INSUFFICIENT_RESOURCES);
    CHECK_EQ(Memory, NULL);
    CHECK_STATUS(WdfMemoryCreate(&Attributes, PagedPool, 0, PAGE_SIZE, &Memory, NULL),
                 STATUS_INSUFFICIENT_RESOURCES);
    while (NT_SUCCESS(Status = WdfObjectCreate(NULL, &Object))) {}
    CHECK_STATUS(Status, STATUS_INSUFFICIENT_RESOURCES);
    CHECK_EQ(Object, NULL);
    CHECK_STATUS(WdfMemoryCreatePreallocated(NULL, &Status, sizeof(Status), &Memory),
                 STATUS_INSUFFICIENT_RESOURCES);
    MiReturnCommit(Taken);
}

/* ---- attributes ------------------------------------------------------------------------------ */

WDF_TEST(StatusCreationErrors, "wdf/status/object-creation-errors",
         "WMC-28 It may return what the framework's object creation errors list.")
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.Size = sizeof(Attributes) - 1;
    CheckAttributes(&Attributes, STATUS_INFO_LENGTH_MISMATCH);
    Attributes.Size = sizeof(Attributes) + 1;
    CheckAttributes(&Attributes, STATUS_INFO_LENGTH_MISMATCH);
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.ContextSizeOverride = 8; /* of which type? */
    CheckAttributes(&Attributes, STATUS_WDF_OBJECT_ATTRIBUTES_INVALID);
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.SynchronizationScope = WdfSynchronizationScopeDevice;
    CheckAttributes(&Attributes, STATUS_WDF_SYNCHRONIZATION_SCOPE_INVALID);
    Attributes.SynchronizationScope = WdfSynchronizationScopeQueue;
    CheckAttributes(&Attributes, STATUS_WDF_SYNCHRONIZATION_SCOPE_INVALID);
    Attributes.SynchronizationScope = WdfSynchronizationScopeNone;
    CheckAttributes(&Attributes, STATUS_SUCCESS);
    Attributes.ExecutionLevel = WdfExecutionLevelPassive;
    CheckAttributes(&Attributes, STATUS_WDF_EXECUTION_LEVEL_INVALID);
    Attributes.ExecutionLevel = WdfExecutionLevelDispatch;
    CheckAttributes(&Attributes, STATUS_WDF_EXECUTION_LEVEL_INVALID);
}

WDF_TEST(StatusEnums, "wdf/status/enumerations-out-of-range", "contract 1.3: tests 8 to 10")
{
    static const ULONG Levels[] = {0, 4, 0x80000000}, Scopes[] = {0, 5, 0xFFFFFFFF};
    WDF_OBJECT_ATTRIBUTES Attributes;
    for (ULONG i = 0; i < ARRAYSIZE(Levels); i++) {
        WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
        Attributes.ExecutionLevel = (WDF_EXECUTION_LEVEL)Levels[i];
        CheckAttributes(&Attributes, STATUS_WDF_OBJECT_ATTRIBUTES_INVALID);
        WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
        Attributes.SynchronizationScope = (WDF_SYNCHRONIZATION_SCOPE)Scopes[i];
        CheckAttributes(&Attributes, STATUS_WDF_OBJECT_ATTRIBUTES_INVALID);
    }
    /* The scope is judged before the level. */
    Attributes.SynchronizationScope = WdfSynchronizationScopeDevice;
    Attributes.ExecutionLevel = WdfExecutionLevelPassive;
    CheckAttributes(&Attributes, STATUS_WDF_SYNCHRONIZATION_SCOPE_INVALID);
}

WDF_TEST(StatusContextType, "wdf/status/context-type-record", "contract 1.3: tests 3 to 5")
{
    WDF_OBJECT_CONTEXT_TYPE_INFO Type = {.Size = sizeof(Type), .ContextName = (PCHAR) "T"};
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.ContextTypeInfo = &Type;
    Type.ContextSize = 32;
    for (Type.Size = 0; Type.Size <= 48; Type.Size += 8) { /* 24: as KMDF 1.0 had it */
        CheckAttributes(&Attributes, Type.Size == 40 || Type.Size == 24
                                         ? STATUS_SUCCESS
                                         : STATUS_INFO_LENGTH_MISMATCH);
    }
    Type.Size = sizeof(Type);
    Type.ContextName = NULL;
    CheckAttributes(&Attributes, STATUS_WDF_OBJECT_ATTRIBUTES_INVALID);
    Type.ContextSize = 0;
    CheckAttributes(&Attributes, STATUS_SUCCESS);
    Type.ContextName = (PCHAR) "T";
    Type.ContextSize = 32;
    Attributes.ContextSizeOverride = 31;
    CheckAttributes(&Attributes, STATUS_WDF_OBJECT_ATTRIBUTES_INVALID);
    Attributes.ContextSizeOverride = 32;
    CheckAttributes(&Attributes, STATUS_SUCCESS);
}

WDF_TEST(StatusContextTooLarge, "wdf/status/context-too-large",
         "contract 1.13: STATUS_INSUFFICIENT_RESOURCES, also size overflow in memory creation")
{
    static const SIZE_T Sizes[] = {NOBODY_HAS, ~(SIZE_T)0, ~(SIZE_T)0 - 0x80};
    WDF_OBJECT_ATTRIBUTES Attributes;
    for (ULONG i = 0; i < ARRAYSIZE(Sizes); i++) {
        FixtureAttributes(&Attributes, NULL);
        Attributes.ContextSizeOverride = Sizes[i];
        CheckAttributes(&Attributes, STATUS_INSUFFICIENT_RESOURCES);
    }
    FixtureExpect("");
}

WDF_TEST(StatusDriver, "wdf/status/driver-object",
         "contract 1.3: creator table; 1.13: STATUS_DRIVER_INTERNAL_ERROR")
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Path = {4, 4, (PWSTR)L"\\x"};
    WDF_DRIVER_CONFIG Config;
    WDF_DRIVER_CONFIG_INIT(&Config, NULL);
    CHECK_STATUS(FxDriverCreate(WdfDriverGlobals, &Path, NULL, &Config),
                 STATUS_DRIVER_INTERNAL_ERROR);
    FixtureAttributes(&Attributes, WdfGetDriver());
    FixtureUnload();
    CHECK_STATUS(FixtureLoad(L"Test", &Attributes, 0), STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED);
    FixtureUnload();
    Attributes.ParentObject = NULL;
    Attributes.ExecutionLevel = WdfExecutionLevelDispatch;
    Attributes.SynchronizationScope = WdfSynchronizationScopeDevice;
    CHECK_STATUS(FixtureLoad(L"Test", &Attributes, 0), STATUS_SUCCESS);
    GetNamed(WdfGetDriver())->Name = 'D';
    FixtureUnload();
    FixtureExpect("cDdD");
}

/* ---- a parent that is going ------------------------------------------------------------------ */

WDF_TEST(StatusDeletePending, "wdf/status/delete-pending",
         "WMC-29 It may return other NTSTATUS values.")
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFOBJECT Parent = FixtureObject('p', NULL), Object = PRESET;
    REQUIRE(Parent != NULL);
    TestStay(); /* with the reference */
    WdfObjectReference(Parent);
    WdfObjectDelete(Parent);
    FixtureExpect("cp");
    FixtureAttributes(&Attributes, Parent);
    CheckAttributes(&Attributes, STATUS_DELETE_PENDING);
    CHECK_STATUS(WdfObjectCreate(&Attributes, &Object), STATUS_DELETE_PENDING);
    CHECK_EQ(Object, NULL);
    WdfObjectDereference(Parent);
    FixtureExpect("dp"); /* and none of the objects that were refused (FX-9) */
}

/* ---- contexts -------------------------------------------------------------------------------- */

typedef struct _OTHER {
    ULONG64 Words[4];
} OTHER;
WDF_DECLARE_CONTEXT_TYPE(OTHER)

WDF_TEST(StatusAllocateContext, "wdf/status/allocate-context", "contract 1.6, in order")
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFOBJECT Object = FixtureObject('o', NULL);
    PVOID Context = PRESET_CONTEXT;
    REQUIRE(Object != NULL);
    CHECK_STATUS(WdfObjectAllocateContext(Object, NULL, &Context), STATUS_WDF_PARENT_NOT_SPECIFIED);
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.ParentObject = Object; /* wins over the missing type */
    CHECK_STATUS(WdfObjectAllocateContext(Object, &Attributes, &Context),
                 STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED);
    Attributes.ParentObject = NULL;
    CHECK_STATUS(WdfObjectAllocateContext(Object, &Attributes, &Context),
                 STATUS_OBJECT_NAME_INVALID);
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Attributes, OTHER);
    Attributes.ContextSizeOverride = ~(SIZE_T)0;
    CHECK_STATUS(WdfObjectAllocateContext(Object, &Attributes, &Context), STATUS_INTEGER_OVERFLOW);
    Attributes.ContextSizeOverride = ~(SIZE_T)0 - 0x2F; /* with the header it is 0 */
    CHECK_STATUS(WdfObjectAllocateContext(Object, &Attributes, &Context), STATUS_INTEGER_OVERFLOW);
    Attributes.ContextSizeOverride = NOBODY_HAS;
    CHECK_STATUS(WdfObjectAllocateContext(Object, &Attributes, &Context),
                 STATUS_INSUFFICIENT_RESOURCES);
    Attributes.Size = 0;
    CHECK_STATUS(WdfObjectAllocateContext(Object, &Attributes, &Context),
                 STATUS_INFO_LENGTH_MISMATCH);
    CHECK_EQ(Context, PRESET_CONTEXT);
}

WDF_TEST(StatusEmbedded, "wdf/status/context-on-an-embedded-handle",
         "contract 1.6: offset handle: STATUS_OBJECT_PATH_INVALID")
{
    /* What a request will have inside: 16 bits that say how far back the object begins. */
    static DECLSPEC_ALIGN(16) USHORT Offset[8] = {64};
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFOBJECT Handle = (WDFOBJECT)(((ULONG_PTR)Offset ^ FX_HANDLE_MASK) | FX_HANDLE_OFFSET);
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Attributes, OTHER);
    CHECK_STATUS(WdfObjectAllocateContext(Handle, &Attributes, NULL), STATUS_OBJECT_PATH_INVALID);
}

/* ---- the other functions on memory ----------------------------------------------------------- */

WDF_TEST(StatusCopy, "wdf/status/copy", "contract 2.8")
{
    static const struct {
        SIZE_T Offset, Count;
        BOOLEAN Fits;
    } Cases[] = {{0, 16, TRUE},  {1, 15, TRUE},  {15, 1, TRUE},          {1, 16, FALSE},
                 {16, 1, FALSE}, {0, 17, FALSE}, {~(SIZE_T)0, 2, FALSE}, {1, ~(SIZE_T)0, FALSE}};
    UCHAR In[17], Out[17];
    PUCHAR Buffer;
    WDFMEMORY Memory = FixtureMemory('m', NULL, NonPagedPoolNx, 16);
    REQUIRE(Memory != NULL);
    Buffer = WdfMemoryGetBuffer(Memory, NULL);
    for (ULONG i = 0; i < ARRAYSIZE(Cases); i++) {
        SIZE_T Count = Cases[i].Count, Offset = Cases[i].Offset;
        RtlFillMemory(In, sizeof(In), 0x11 + i);
        RtlFillMemory(Out, sizeof(Out), 0xEE);
        RtlFillMemory(Buffer, 16, 0x77);
        CHECK_STATUS(WdfMemoryCopyFromBuffer(Memory, Offset, In, Count),
                     Cases[i].Fits ? STATUS_SUCCESS : STATUS_INVALID_BUFFER_SIZE);
        CHECK_STATUS(WdfMemoryCopyToBuffer(Memory, Offset, Out, Count),
                     Cases[i].Fits ? STATUS_SUCCESS : STATUS_BUFFER_TOO_SMALL);
        for (ULONG At = 0; At < 16; At++) {
            BOOLEAN Copied = Cases[i].Fits && At >= Offset && At < Offset + Count;
            CHECK_EQ(Buffer[At], Copied ? 0x11 + i : 0x77);
            CHECK_EQ(Out[At], Cases[i].Fits && At < Count ? 0x11 + i : 0xEE);
        }
    }
    CHECK_STATUS(WdfMemoryCopyFromBuffer(Memory, 0, In, 0), STATUS_INVALID_PARAMETER);
    CHECK_STATUS(WdfMemoryCopyToBuffer(Memory, 0, Out, 0), STATUS_INVALID_PARAMETER);
}

WDF_TEST(StatusPreallocated, "wdf/status/preallocated", "contract 2.5, 2.6")
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFMEMORY Memory = PRESET;
    UCHAR First[32], Second[64];
    size_t Size;
    CHECK_STATUS(WdfMemoryCreatePreallocated(NULL, First, 0, &Memory), STATUS_INVALID_PARAMETER);
    CHECK_EQ(Memory, NULL); /* unlike WdfMemoryCreate, which clears it after this test */
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.Size = 0;
    CHECK_STATUS(WdfMemoryCreatePreallocated(&Attributes, First, 32, &Memory),
                 STATUS_INFO_LENGTH_MISMATCH);
    CHECK_STATUS(WdfMemoryCreatePreallocated(NULL, First, 32, &Memory), STATUS_SUCCESS);
    CHECK_STATUS(WdfMemoryAssignBuffer(Memory, Second, 0), STATUS_INVALID_PARAMETER);
    CHECK_EQ(WdfMemoryGetBuffer(Memory, &Size), First);
    CHECK_EQ(Size, 32);
    CHECK_STATUS(WdfMemoryAssignBuffer(Memory, Second, 64), STATUS_SUCCESS);
    CHECK_EQ(WdfMemoryGetBuffer(Memory, &Size), Second);
    CHECK_EQ(Size, 64);
}
