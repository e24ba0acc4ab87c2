/*
 * context.c - tests of typed contexts and of handles: cleared memory, several types an object, who
 * a context belongs to, callbacks of their own (contract 1.1, 1.4 to 1.6).
 */
#include "tests/wdf/fixture.h"
#include "wdf/fx.h"

typedef struct _WORDS {
    ULONG64 Word[8];
} WORDS, *PWORDS;
WDF_DECLARE_CONTEXT_TYPE(WORDS)

typedef struct _BYTES {
    UCHAR Byte[3];
} BYTES, *PBYTES;
WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(BYTES, GetBytes)

static BOOLEAN IsZero(PVOID Memory, SIZE_T Size)
{
    for (SIZE_T i = 0; i < Size; i++) {
        if (((PUCHAR)Memory)[i] != 0) {
            return FALSE;
        }
    }
    return TRUE;
}

static NTSTATUS Add(WDFOBJECT Object, PCWDF_OBJECT_CONTEXT_TYPE_INFO Type, PVOID *Context)
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.ContextTypeInfo = Type;
    return WdfObjectAllocateContext(Object, &Attributes, Context);
}

/* ---- contents -------------------------------------------------------------------------------- */

/* Leaves memory that the next objects of this size get with what was in it. */
static VOID SpoilPool(SIZE_T Size)
{
    PVOID Blocks[8];
    for (ULONG i = 0; i < ARRAYSIZE(Blocks); i++) {
        Blocks[i] = ExAllocatePoolWithTag(NonPagedPoolNx, Size, 'lopS');
        if (Blocks[i] != NULL) {
            RtlFillMemory(Blocks[i], Size, 0xD7);
        }
    }
    for (ULONG i = 0; i < ARRAYSIZE(Blocks); i++) {
        if (Blocks[i] != NULL) {
            ExFreePool(Blocks[i]);
        }
    }
}

WDF_TEST(ContextZeroed, "wdf/context/cleared", "contract 1.5: context bytes zero-filled")
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFOBJECT Keep = FixtureObject('k', NULL), Object;
    WDFMEMORY Memory;
    PVOID Added;
    REQUIRE(Keep != NULL);
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Attributes, WORDS);
    for (SIZE_T Size = 64; Size <= 1024; Size += 160) {
        Attributes.ContextSizeOverride = Size;
        SpoilPool(Size + 160);
        SpoilPool(Size);
        CHECK_STATUS(WdfObjectCreate(&Attributes, &Object), STATUS_SUCCESS);
        CHECK(IsZero(WdfObjectGet_WORDS(Object), Size));
        CHECK_STATUS(WdfMemoryCreate(&Attributes, NonPagedPoolNx, 0, 40, &Memory, NULL),
                     STATUS_SUCCESS);
        CHECK(IsZero(WdfObjectGet_WORDS(Memory), Size));
    }
    for (ULONG i = 0; i < 8; i++) {
        SpoilPool(128);
        CHECK_STATUS(WdfObjectCreate(NULL, &Object), STATUS_SUCCESS);
        CHECK_STATUS(Add(Object, &WDF_TYPE_NAME_TO_TYPE_INFO(WORDS), &Added), STATUS_SUCCESS);
        CHECK(IsZero(Added, sizeof(WORDS)));
    }
}

WDF_TEST(ContextSize, "wdf/context/size-override", "contract 1.5: length = override if non-zero")
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFOBJECT Object;
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Attributes, WORDS);
    Attributes.ContextSizeOverride = 3 * PAGE_SIZE;
    CHECK_STATUS(WdfObjectCreate(&Attributes, &Object), STATUS_SUCCESS);
    PWORDS Words = WdfObjectGet_WORDS(Object);
    REQUIRE(Words != NULL);
    CHECK(IsZero(Words, 3 * PAGE_SIZE));
    RtlFillMemory(Words, 3 * PAGE_SIZE, 0xFF); /* all of it is the driver's */
    WdfObjectDelete(Object);
}

WDF_TEST(ContextAlignment, "wdf/context/alignment", "contract 1.5: header of 0x30 in front")
{
    for (SIZE_T Size = 1; Size <= 64; Size++) {
        WDFMEMORY Memory = FixtureMemory('m', NULL, NonPagedPoolNx, Size);
        REQUIRE(Memory != NULL);
        PNAMED Named = GetNamed(Memory);
        CHECK_EQ((ULONG_PTR)Named % MEMORY_ALLOCATION_ALIGNMENT, 0);
        CHECK_EQ(Named, (PUCHAR)WdfMemoryGetBuffer(Memory, NULL) + ((Size + 15) & ~15ULL) + 0x30);
        WdfObjectDelete(Memory);
        FixtureExpect("cmdm");
    }
}

/* ---- types ----------------------------------------------------------------------------------- */

WDF_TEST(ContextSeveral, "wdf/context/several-types",
         "contract 1.6: same record address already present: STATUS_OBJECT_NAME_EXISTS")
{
    WDFOBJECT Object = FixtureObject('o', NULL);
    PVOID First = NULL, Second = NULL, Again = NULL;
    REQUIRE(Object != NULL);
    CHECK_EQ(GetBytes(Object), NULL);
    CHECK_STATUS(Add(Object, &WDF_TYPE_NAME_TO_TYPE_INFO(WORDS), &First), STATUS_SUCCESS);
    CHECK_STATUS(Add(Object, &WDF_TYPE_NAME_TO_TYPE_INFO(BYTES), &Second), STATUS_SUCCESS);
    NTSTATUS Status = Add(Object, &WDF_TYPE_NAME_TO_TYPE_INFO(WORDS), &Again);
    CHECK_STATUS(Status, STATUS_OBJECT_NAME_EXISTS);
    CHECK(NT_SUCCESS(Status));
    CHECK_EQ(Again, First);
    CHECK_EQ(WdfObjectGet_WORDS(Object), First);
    CHECK_EQ(GetBytes(Object), Second);
    CHECK_EQ(WdfObjectGetTypedContext(Object, BYTES), Second);
    CHECK_EQ(GetNamed(Object)->Name, 'o');
    /* The embedded one is a type of the object like the others. */
    CHECK_STATUS(Add(Object, &WDF_TYPE_NAME_TO_TYPE_INFO(NAMED), &Again),
                 STATUS_OBJECT_NAME_EXISTS);
    CHECK_EQ(Again, GetNamed(Object));
    CHECK_STATUS(Add(Object, &WDF_TYPE_NAME_TO_TYPE_INFO(BYTES), NULL), STATUS_OBJECT_NAME_EXISTS);
}

WDF_TEST(ContextIdentity, "wdf/context/type-is-the-records-address",
         "contract 1.6: raw record addresses, never names or sizes")
{
    static const WDF_OBJECT_CONTEXT_TYPE_INFO Twins[2] = {
        {.Size = sizeof(Twins[0]), .ContextName = (PCHAR) "TWIN", .ContextSize = 8},
        {.Size = sizeof(Twins[0]), .ContextName = (PCHAR) "TWIN", .ContextSize = 8},
    };
    WDFOBJECT Object = FixtureObject('o', NULL);
    PVOID First = NULL, Second = NULL;
    REQUIRE(Object != NULL);
    CHECK_STATUS(Add(Object, &Twins[0], &First), STATUS_SUCCESS);
    CHECK_STATUS(Add(Object, &Twins[1], &Second), STATUS_SUCCESS);
    CHECK_NE(First, Second);
    CHECK_EQ(WdfObjectGetTypedContextWorker(Object, &Twins[0]), First);
    CHECK_EQ(WdfObjectGetTypedContextWorker(Object, &Twins[1]), Second);
}

WDF_TEST(ContextOwner, "wdf/context/leads-back-to-its-object", "contract 1.6: ContextGetObject")
{
    WDFMEMORY Memory = FixtureMemory('m', NULL, NonPagedPoolNx, 5000);
    PVOID Added;
    REQUIRE(Memory != NULL);
    CHECK_STATUS(Add(Memory, &WDF_TYPE_NAME_TO_TYPE_INFO(BYTES), &Added), STATUS_SUCCESS);
    CHECK_EQ(WdfObjectContextGetObject(GetNamed(Memory)), Memory);
    CHECK_EQ(WdfObjectContextGetObject(Added), Memory);
}

/* ---- callbacks of their own ------------------------------------------------------------------ */

static CHAR Order[16];

static VOID Note(CHAR What, WDFOBJECT Object)
{
    SIZE_T Length = strlen(Order);
    CHECK_NE(WdfObjectGet_WORDS(Object), NULL); /* contexts are there in all of them */
    Order[Length] = What;
    Order[Length + 1] = '\0';
}

static VOID NTAPI FirstCleanup(WDFOBJECT Object)
{
    Note('A', Object);
}
static VOID NTAPI FirstDestroy(WDFOBJECT Object)
{
    Note('a', Object);
}
static VOID NTAPI SecondCleanup(WDFOBJECT Object)
{
    Note('B', Object);
}
static VOID NTAPI SecondDestroy(WDFOBJECT Object)
{
    Note('b', Object);
}
static VOID NTAPI ThirdDestroy(WDFOBJECT Object)
{
    Note('c', Object);
}

WDF_TEST(ContextCallbacks, "wdf/context/each-with-its-callbacks",
         "FX-6: of each context header cleanup and destroy once, embedded header first")
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFOBJECT Object;
    Order[0] = '\0';
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Attributes, WORDS);
    Attributes.EvtCleanupCallback = FirstCleanup;
    Attributes.EvtDestroyCallback = FirstDestroy;
    CHECK_STATUS(WdfObjectCreate(&Attributes, &Object), STATUS_SUCCESS);
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Attributes, BYTES);
    Attributes.EvtCleanupCallback = SecondCleanup;
    Attributes.EvtDestroyCallback = SecondDestroy;
    CHECK_STATUS(WdfObjectAllocateContext(Object, &Attributes, NULL), STATUS_SUCCESS);
    /* Those of a context that exists already are not taken. */
    CHECK_STATUS(WdfObjectAllocateContext(Object, &Attributes, NULL), STATUS_OBJECT_NAME_EXISTS);
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Attributes, NAMED);
    Attributes.EvtDestroyCallback = ThirdDestroy;
    CHECK_STATUS(WdfObjectAllocateContext(Object, &Attributes, NULL), STATUS_SUCCESS);
    WdfObjectDelete(Object);
    CHECK_EQ(strcmp(Order, "ABabc"), 0);
}

/* ---- handles --------------------------------------------------------------------------------- */

WDF_TEST(ContextHandle, "wdf/handle/encoding",
         "FX-1: the object's address with all but the low three bits inverted")
{
    WDFOBJECT Object = FixtureObject('o', NULL);
    WDFMEMORY Memory = FixtureMemory('m', Object, NonPagedPoolNx, 64);
    REQUIRE(Object != NULL && Memory != NULL);
    ULONG_PTR Address = (ULONG_PTR)Memory ^ 0xFFFFFFFFFFFFFFF8ULL;
    CHECK_EQ(Address % 16, 0);
    CHECK_EQ((ULONG_PTR)Memory & 7, 0);
    CHECK_EQ(FixtureTagOf((PVOID)Address), FIXTURE_TAG);
    CHECK_LT(Address, (ULONG_PTR)WdfMemoryGetBuffer(Memory, NULL)); /* object, then buffer */
    CHECK_EQ(((PFX_OBJECT)Address)->Parent, (ULONG_PTR)Object ^ 0xFFFFFFFFFFFFFFF8ULL);
}
