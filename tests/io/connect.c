/*
 * connect.c - tests of vectors and of IoConnectInterrupt(Ex) with a vector: what is given away,
 * and what each refusal says.
 */
#include "mm/mm.h"
#include "tests/io/interrupts.h"

#define MOST_PAGES 0x10000 /* 256 MB: taking more takes longer than a quick test may */

TEST(VectorLevels, "io/vector/each-level-has-sixteen", "VECT-1; contract 1.1")
{
    for (KIRQL Level = KI_FIRST_DEVICE_LEVEL; Level <= KI_LAST_DEVICE_LEVEL; Level++) {
        UCHAR Vectors[KI_LEVEL_VECTORS + 1];
        ULONG Count = 0, Taken = 0;
        for (ULONG i = 0; i < KI_LEVEL_VECTORS; i++) {
            PVOID Context;
            Taken += KiQueryVector((UCHAR)(Level * KI_LEVEL_VECTORS + i), &Context) != NULL;
        }
        CHECK(Level != 3 || Taken > 0); /* the console's */
        while (Count <= KI_LEVEL_VECTORS && (Vectors[Count] = KiAllocateVectors(1, Level)) != 0) {
            CHECK_EQ(Vectors[Count] >> 4, Level);
            CHECK(Count == 0 || Vectors[Count] > Vectors[Count - 1]);
            Count++;
        }
        CHECK_EQ(Count, KI_LEVEL_VECTORS - Taken);
        CHECK_EQ(KiAllocateVectors(1, Level), 0);
        for (ULONG i = 0; i < Count; i++) {
            KiFreeVectors(Vectors[i], 1);
        }
    }
}

TEST(VectorGroups, "io/vector/those-of-several-messages-are-consecutive", "VECT-1; PCI: MSI")
{
    UCHAR Single = KiAllocateVectors(1, 7);
    for (ULONG Count = 2; Count <= KI_LEVEL_VECTORS / 2; Count *= 2) {
        UCHAR First = KiAllocateVectors(Count, 7);
        CHECK_EQ(First >> 4, 7);
        CHECK_EQ(First % Count, 0);
        CHECK(Single < First || Single >= First + Count);
        for (ULONG i = 0; i < Count; i++) {
            CHECK(KiFindChain(First + i) != NULL);
        }
        KiFreeVectors(First, Count);
    }
    CHECK_EQ(KiAllocateVectors(KI_LEVEL_VECTORS, 7), 0); /* one of them is not free */
    KiFreeVectors(Single, 1);
}

TEST(VectorAnywhere, "io/vector/new-ones-go-where-most-are-free", "VECT theory")
{
    UCHAR Vectors[KI_DEVICE_VECTORS];
    ULONG Levels[KI_LAST_DEVICE_LEVEL + 1] = {0}, Count = 0;
    for (; Count < 18; Count++) {
        Vectors[Count] = KiAllocateVectors(1, KI_ANY_LEVEL);
        REQUIRE(Vectors[Count] != 0);
        Levels[Vectors[Count] >> 4]++;
    }
    for (KIRQL Level = KI_FIRST_DEVICE_LEVEL; Level <= KI_LAST_DEVICE_LEVEL; Level++) {
        CHECK_GE(Levels[Level], 1); /* nine levels */
        CHECK_LE(Levels[Level], 3); /* some of another level may be taken already */
    }
    while ((Vectors[Count] = KiAllocateVectors(1, KI_ANY_LEVEL)) != 0) {
        Count++;
    }
    CHECK_LT(Count, KI_DEVICE_VECTORS); /* the console's is not among them */
    while (Count > 0) {
        KiFreeVectors(Vectors[--Count], 1);
    }
}

TEST(VectorLine, "io/vector/a-line-has-one-for-all", "VECT-1, VECT-2")
{
    ULONG Line = HalpLineCount() - 1;
    UCHAR First = KiReferenceLine(Line, LevelSensitive);
    CHECK_NE(First, 0);
    CHECK_EQ(KiReferenceLine(Line, LevelSensitive), First);
    CHECK(HalpIsLineMasked(Line));
    KiDereferenceLine(First);
    CHECK(KiFindChain(First) != NULL);
    KiDereferenceLine(First);
    CHECK(KiFindChain(First) == NULL);
    CHECK_EQ(KiReferenceLine(Line + 1, LevelSensitive), 0);
    CHECK_EQ(KiReferenceLine(HalpIsaLine(4), Latched), 0); /* the console's */
}

/* ---- refusals -------------------------------------------------------------------------------- */

static TEST_SERVICE Refused;
static PKINTERRUPT RefusedObject;

static NTSTATUS Ask(IO_CONNECT_INTERRUPT_PARAMETERS Wanted)
{
    NTSTATUS Status = IoConnectInterruptEx(&Wanted);
    if (NT_SUCCESS(Status)) {
        IoDisconnectInterrupt(RefusedObject);
    } else {
        CHECK_EQ(RefusedObject, NULL);
    }
    RefusedObject = NULL;
    return Status;
}

#define ASK(Vector, Member, Value)                                                                 \
    ({                                                                                             \
        IO_CONNECT_INTERRUPT_PARAMETERS Wanted = TestConnection(Vector, &Refused, &RefusedObject); \
        Wanted.Member = Value;                                                                     \
        Ask(Wanted);                                                                               \
    })

TEST(ConnectRefusals, "io/connect/each-refusal-has-its-status",
     "DDI wdm IoConnectInterruptEx, iointex WdmlibIoConnectInterruptEx")
{
    UCHAR Vector = KiAllocateVectors(1, 5);
    REQUIRE(Vector != 0);
    CHECK_STATUS(ASK(Vector, Version, CONNECT_FULLY_SPECIFIED), STATUS_SUCCESS);
    CHECK_STATUS(ASK(Vector, Version, CONNECT_FULLY_SPECIFIED_GROUP), STATUS_SUCCESS);
    CHECK_STATUS(ASK(Vector, Version, 0), STATUS_INVALID_PARAMETER_1);
    CHECK_STATUS(ASK(Vector, Version, 17), STATUS_INVALID_PARAMETER_1);
    CHECK_STATUS(ASK(Vector, FullySpecified.PhysicalDeviceObject, NULL), STATUS_INVALID_PARAMETER);
    CHECK_STATUS(ASK(Vector, FullySpecified.ServiceRoutine, NULL), STATUS_INVALID_PARAMETER);
    CHECK_STATUS(ASK(Vector, FullySpecified.ProcessorEnableMask, 0), STATUS_INVALID_PARAMETER_10);
    CHECK_STATUS(ASK(Vector, FullySpecified.ProcessorEnableMask, ~KeQueryActiveProcessors()),
                 STATUS_INVALID_PARAMETER_10);
    CHECK_STATUS(ASK(Vector, FullySpecified.Irql, 6), STATUS_INVALID_PARAMETER);
    CHECK_STATUS(ASK(Vector, FullySpecified.SynchronizeIrql, 4), STATUS_INVALID_PARAMETER);
    CHECK_STATUS(ASK(Vector, FullySpecified.SynchronizeIrql, 16), STATUS_INVALID_PARAMETER);
    CHECK_STATUS(ASK(Vector, FullySpecified.InterruptMode, LevelSensitive),
                 STATUS_INVALID_PARAMETER);
    KiFreeVectors(Vector, 1);
    CHECK_STATUS(ASK(Vector, FullySpecified.FloatingSave, FALSE), STATUS_NOT_FOUND);
    CHECK_STATUS(ASK(0x2F, FullySpecified.FloatingSave, FALSE), STATUS_NOT_FOUND);
    CHECK_STATUS(ASK(Vector, FullySpecified.Vector, Vector + 0x100), STATUS_NOT_FOUND);
}

TEST(ConnectGroup, "io/connect/the-group-counts-where-it-is-given",
     "DDI wdm IO_CONNECT_INTERRUPT_PARAMETERS: Group")
{
    UCHAR Vector = KiAllocateVectors(1, 5);
    IO_CONNECT_INTERRUPT_PARAMETERS Wanted = TestConnection(Vector, &Refused, &RefusedObject);
    Wanted.FullySpecified.Group = 1;
    CHECK_STATUS(Ask(Wanted), STATUS_SUCCESS);
    Wanted.Version = CONNECT_FULLY_SPECIFIED_GROUP;
    CHECK_STATUS(Ask(Wanted), STATUS_INVALID_PARAMETER);
    KiFreeVectors(Vector, 1);
}

TEST(ConnectOld, "io/connect/the-old-form-does-the-same", "DDI wdm IoConnectInterrupt")
{
    TEST_SERVICE Service = {.Claims = 1};
    PKINTERRUPT Interrupt = NULL;
    UCHAR Vector = KiAllocateVectors(1, 8);
    CHECK_STATUS(IoConnectInterrupt(&Interrupt, TestService, &Service, NULL, Vector, 8, 8, Latched,
                                    FALSE, 0, FALSE),
                 STATUS_INVALID_PARAMETER);
    REQUIRE_EQ(IoConnectInterrupt(&Interrupt, TestService, &Service, NULL, Vector, 8, 10, Latched,
                                  FALSE, KeQueryActiveProcessors(), TRUE),
               STATUS_SUCCESS);
    HalpRequestSoftwareInterrupt(Vector);
    CHECK_EQ(Service.Calls, 1);
    CHECK_EQ(Service.Irql, 10);
    IO_DISCONNECT_INTERRUPT_PARAMETERS End = {CONNECT_FULLY_SPECIFIED, {Interrupt}};
    IoDisconnectInterruptEx(&End);
    KiFreeVectors(Vector, 1);
}

/* Blocks of falling sizes, each with the address of the one before, until none can be had. */
static PVOID *TakeNonpagedPool(VOID)
{
    PVOID *Last = NULL;
    for (SIZE_T Bytes = 64 * PAGE_SIZE; Bytes >= sizeof(PVOID);) {
        PVOID *Block = ExAllocatePoolWithTag(NonPagedPoolNx, Bytes, 'tseT');
        if (Block == NULL) {
            Bytes /= 2;
            continue;
        }
        *Block = Last;
        Last = Block;
    }
    return Last;
}

TEST(ConnectNoMemory, "io/connect/without-nonpaged-pool-it-fails",
     "DDI wdm IoConnectInterrupt: STATUS_INSUFFICIENT_RESOURCES; IOINT-1")
{
    UCHAR Vector = KiAllocateVectors(1, KI_ANY_LEVEL);
    REQUIRE(Vector != 0);
    if (MmNumberOfPhysicalPages > MOST_PAGES) {
        KiFreeVectors(Vector, 1);
        SKIP("there is too much memory to take");
    }
    PVOID *Last = TakeNonpagedPool();
    NTSTATUS Status = ASK(Vector, FullySpecified.FloatingSave, FALSE);
    while (Last != NULL) {
        PVOID *Before = *Last;
        ExFreePool(Last);
        Last = Before;
    }
    CHECK_STATUS(Status, STATUS_INSUFFICIENT_RESOURCES);
    CHECK_EQ(KiFindChain(Vector)->First, NULL);
    KiFreeVectors(Vector, 1);
}

TEST(ConnectShare, "io/connect/all-who-share-must-want-to", "INTR-5; DDI wdm ShareVector")
{
    TEST_SERVICE First = {.Claims = 1};
    PKINTERRUPT Interrupt;
    UCHAR Vector = KiAllocateVectors(1, KI_ANY_LEVEL);
    REQUIRE(Vector != 0 && TestConnect(Vector, &First, FALSE, &Interrupt));
    CHECK_STATUS(ASK(Vector, FullySpecified.ShareVector, TRUE), STATUS_INVALID_PARAMETER);
    IoDisconnectInterrupt(Interrupt);
    REQUIRE(TestConnect(Vector, &First, TRUE, &Interrupt));
    CHECK_STATUS(ASK(Vector, FullySpecified.ShareVector, FALSE), STATUS_INVALID_PARAMETER);
    CHECK_STATUS(ASK(Vector, FullySpecified.ShareVector, TRUE), STATUS_SUCCESS);
    IoDisconnectInterrupt(Interrupt);
    KiFreeVectors(Vector, 1);
}

TEST(ConnectSharedMasks, "io/connect/all-who-share-have-a-processor-in-common", "INTR-5")
{
    TEST_SERVICE First = {0};
    PKINTERRUPT Interrupt, Second;
    NEED_PROCESSORS(2);
    UCHAR Vector = KiAllocateVectors(1, KI_ANY_LEVEL);
    IO_CONNECT_INTERRUPT_PARAMETERS Wanted = TestConnection(Vector, &First, &Interrupt);
    Wanted.FullySpecified.ShareVector = TRUE;
    REQUIRE_EQ(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
    for (ULONG i = 0; i < 2; i++) {
        Wanted.FullySpecified.InterruptObject = &Second;
        Wanted.FullySpecified.ProcessorEnableMask = 1ULL << i;
        REQUIRE_EQ(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
        CHECK_EQ(KiFindChain(Vector)->Target, i);
        Wanted.FullySpecified.InterruptObject = &RefusedObject;
        Wanted.FullySpecified.ProcessorEnableMask = 2ULL >> i;
        CHECK_STATUS(Ask(Wanted), STATUS_INVALID_PARAMETER);
        IoDisconnectInterrupt(Second);
    }
    IoDisconnectInterrupt(Interrupt);
    KiFreeVectors(Vector, 1);
}
