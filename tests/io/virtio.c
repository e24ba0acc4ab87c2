/*
 * virtio.c - tests of the virtio disk driver over a device that is memory: what it asks of a
 * device, and what it believes of the answers.
 */
#include "tests/io/memory_device.h"

/* ---- the start ------------------------------------------------------------------------------- */

TEST(VirtioStart, "io/virtio/features-are-agreed-on-and-the-queue-is-told",
     "virtio 1.1, 3.1.1 and 4.1.5.1")
{
    OPEN_DEVICE;
    CHECK_EQ(TestVirtio.Device.Features, VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT |
                                             VIRTIO_BLOCK_SEG_MAX | VIRTIO_BLOCK_BLK_SIZE |
                                             VIRTIO_BLOCK_FLUSH);
    CHECK_EQ(TestRegisters.Common.Status,
             VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
    CHECK_EQ(TestRegisters.Common.DriverFeature, 1); /* the upper half */
    CHECK_EQ(TestRegisters.Common.QueueEnable, 1);
    CHECK_EQ(TestRegisters.Common.ConfigVector, VIRTIO_NO_VECTOR);
    CHECK_EQ(TestRegisters.Common.QueueDescriptors[0],
             (ULONG)MmGetPhysicalAddress(TestVirtio.Queues[0].Descriptors).QuadPart);
    CHECK_EQ(TestVirtio.Block.Pages, 1000);
    CHECK_EQ(TestVirtio.Block.SectorSize, 512);
    CHECK(!TestVirtio.Block.ReadOnly && !TestVirtio.Block.WriteThrough);
    CHECK_EQ(TestVirtio.Segments, 5);
    CHECK_GE(TestVirtio.Block.MaximumPages, 256);
    CHECK_EQ(TestVirtio.Block.MaximumInFlight, 64);
    TestCloseDevice();
    CHECK_EQ(TestRegisters.Common.Status, 0);
}

TEST(VirtioOld, "io/virtio/a-device-without-version-1-is-left-alone", "virtio 1.1, 6.1")
{
    TestMakeDevice(FEATURE_WORD & ~1U);
    CHECK_NE(VirtioBuildBlock(&TestVirtio, 1), NULL);
    CHECK_EQ(TestRegisters.Common.Status & VIRTIO_FAILED, VIRTIO_FAILED);
}

TEST(VirtioStrange, "io/virtio/impossible-configurations-are-refused", "")
{
    static const struct {
        ULONG Bit;   /* feature besides */
        ULONG Which; /* word of the configuration */
        ULONG Value;
    } Bad[] = {{0, 5, 8192}, {0, 5, 256}, {0, 5, 1000}, {1U << 1, 2, 4095}, {0, 3, 0}};
    for (ULONG i = 0; i < RTL_NUMBER_OF(Bad); i++) {
        TestMakeDevice(FEATURE_WORD | Bad[i].Bit);
        ((PULONG)&TestRegisters.Config)[Bad[i].Which] = Bad[i].Value;
        CHECK_NE(VirtioBuildBlock(&TestVirtio, 1), NULL);
        VirtioFreeBlock(&TestVirtio);
    }
    static const USHORT Sizes[] = {0, 3, 100};
    for (ULONG i = 0; i < RTL_NUMBER_OF(Sizes); i++) {
        TestMakeDevice(FEATURE_WORD);
        TestRegisters.Common.QueueSize = Sizes[i];
        CHECK_NE(VirtioBuildBlock(&TestVirtio, 1), NULL);
        VirtioFreeBlock(&TestVirtio);
    }
    TestMakeDevice(FEATURE_WORD | 1U << 12);
    CHECK_NE(VirtioBuildBlock(&TestVirtio, 1), NULL); /* several queues, 0 of them */
    VirtioFreeBlock(&TestVirtio);
}

TEST(VirtioDoorbell, "io/virtio/a-doorbell-outside-of-its-registers-is-refused", "")
{
    TestMakeDevice(FEATURE_WORD);
    TestRegisters.Common.QueueNotify = RTL_NUMBER_OF(TestRegisters.Doorbell);
    CHECK_EQ(VirtioBuildBlock(&TestVirtio, 1), NULL);
    CHECK(!VirtioBeginBlock(&TestVirtio));
    VirtioFreeBlock(&TestVirtio);
}

/* ---- commands -------------------------------------------------------------------------------- */

TEST(VirtioRead, "io/virtio/a-read-has-header-pages-and-status", "virtio 1.1, 5.2.6")
{
    static const PFN_NUMBER Frames[] = {PAGE_A, PAGE_A + 1, PAGE_B, PAGE_A + 2};
    OPEN_DEVICE;
    TestSubmit(IoBlockRead, 9, 4, Frames);
    PVIRTIO_SLOT Slot = TestNewest();
    CHECK_EQ(TestTailOf(Slot)->Type, VirtioBlockIn);
    CHECK_EQ(TestTailOf(Slot)->Sector, 72);
    CHECK_EQ(TestVirtio.Queues[0].Descriptors[Slot->Head].Flags, VIRTIO_INDIRECT);
    CHECK_EQ(TestVirtio.Queues[0].Descriptors[Slot->Head].Length, 5 * sizeof(VIRTIO_DESCRIPTOR));
    PVIRTIO_DESCRIPTOR Table = Slot->Table;
    CHECK_EQ(Table[0].Length, 16);
    CHECK_EQ(Table[0].Flags, VIRTIO_NEXT);
    CHECK_EQ(Table[1].Address, PAGE_A * PAGE_SIZE); /* two neighbours */
    CHECK_EQ(Table[1].Length, 2 * PAGE_SIZE);
    CHECK_EQ(Table[2].Address, PAGE_B * PAGE_SIZE);
    CHECK_EQ(Table[2].Flags, VIRTIO_NEXT | VIRTIO_WRITE);
    CHECK_EQ(Table[3].Address, (PAGE_A + 2) * PAGE_SIZE);
    CHECK_EQ(Table[3].Next, 4);
    CHECK_EQ(Table[4].Length, 1);
    CHECK_EQ(Table[4].Flags, VIRTIO_WRITE);
    CHECK_EQ(TestRegisters.Doorbell[0], 0); /* rung for queue 0 */
    TestAnswerNewest(VirtioBlockOk, 4 * PAGE_SIZE + 1);
    CHECK_EQ(TestCalls, 1);
    CHECK_STATUS(TestRequest.Status, STATUS_SUCCESS);
    TestCloseDevice();
}

TEST(VirtioWrite, "io/virtio/a-write-lets-the-device-write-the-status-only", "virtio 1.1, 5.2.6")
{
    OPEN_DEVICE;
    TestSubmitOne(IoBlockWrite);
    CHECK_EQ(TestTailOf(TestNewest())->Type, VirtioBlockOut);
    CHECK_EQ(TestNewest()->Table[1].Flags, VIRTIO_NEXT);
    TestAnswerNewest(VirtioBlockOk, 1);
    CHECK_EQ(TestCalls, 1);
    CHECK_STATUS(TestRequest.Status, STATUS_SUCCESS);
    TestSubmitOne(IoBlockFlush);
    CHECK_EQ(TestTailOf(TestNewest())->Type, VirtioBlockFlush);
    CHECK_EQ(TestTailOf(TestNewest())->Sector,
             0x48); /* ignored by the device; the offset was set */
    TestAnswerNewest(VirtioBlockOk, 1);
    CHECK_EQ(TestCalls, 2);
    TestCloseDevice();
}

TEST(VirtioPieces, "io/virtio/more-segments-than-it-takes-are-several-commands",
     "virtio 1.1, 5.2.6.1: seg_max")
{
    static const PFN_NUMBER Frames[] = {2, 4, 6, 8, 10, 12, 14};
    OPEN_DEVICE;
    TestSubmit(IoBlockWrite, 9, 7, Frames);
    CHECK_EQ(TestVirtio.Queues[0].InFlight, 2);
    CHECK_EQ(TestTailOf(TestNewest())->Sector, (9 + 5) * 8);
    CHECK_EQ(TestNewest()->Table[2].Address, 14ULL * PAGE_SIZE);
    TestAnswerNewest(VirtioBlockOk, 1);
    CHECK_EQ(TestCalls, 0);
    TestTailOf(&TestVirtio.Queues[0].Slots[0])->Status = VirtioBlockOk;
    TestAnswer(0, 1, 1);
    CHECK_EQ(TestCalls, 1);
    CHECK_STATUS(TestRequest.Status, STATUS_SUCCESS);
    TestCloseDevice();
}

TEST(VirtioSizeMax, "io/virtio/a-segment-is-no-longer-than-it-takes", "virtio 1.1, 5.2.6.1")
{
    static const PFN_NUMBER Frames[] = {2, 3, 4, 5, 6};
    TestMakeDevice(FEATURE_WORD | 1U << 1);
    TestRegisters.Config.SizeMax = 3 * PAGE_SIZE - 1;
    REQUIRE_EQ(VirtioBuildBlock(&TestVirtio, 1), NULL);
    REQUIRE(VirtioBeginBlock(&TestVirtio) && NT_SUCCESS(IoRegisterBlockDevice(&TestVirtio.Block)));
    TestSubmit(IoBlockWrite, 9, 5, Frames);
    CHECK_EQ(TestNewest()->Table[1].Length, 2 * PAGE_SIZE);
    CHECK_EQ(TestNewest()->Table[2].Length, 2 * PAGE_SIZE);
    CHECK_EQ(TestNewest()->Table[3].Length, PAGE_SIZE);
    TestAnswerNewest(VirtioBlockOk, 1);
    CHECK_EQ(TestCalls, 1);
    TestCloseDevice();
}

TEST(VirtioDirect, "io/virtio/without-indirect-descriptors-the-ring-holds-them",
     "virtio 1.1, 2.6.5")
{
    static const PFN_NUMBER Frames[] = {2, 4, 6, 8};
    REQUIRE(TestOpenDevice(NO_INDIRECT));
    PVIRTIO_QUEUE Queue = &TestVirtio.Queues[0];
    CHECK_EQ(Queue->TableSize, 7);
    CHECK_EQ(Queue->SlotCount, RING_SIZE / 7);
    TestSubmit(IoBlockRead, 0, 4, Frames);
    TestAnswer(0, 4 * PAGE_SIZE + 1, 0); /* nothing new */
    TestTailOf(TestNewest())->Status = VirtioBlockOk;
    TestAnswer(0, 4 * PAGE_SIZE + 1, 1);
    CHECK_EQ(TestCalls, 1);
    for (ULONG i = 0; i < RING_SIZE / 7; i++) { /* another slot each time but the first */
        TestSubmit(IoBlockRead, 0, 4, Frames);
        PVIRTIO_SLOT Slot = TestNewest();
        CHECK_EQ(Slot->Table, &Queue->Descriptors[Slot->Head]);
        CHECK_EQ(Slot->Table[0].Next, Slot->Head + 1);
        CHECK_EQ(Slot->Table[4].Next, Slot->Head + 5);
        CHECK_EQ(Slot->Table[5].Flags, VIRTIO_WRITE);
        TestAnswerNewest(VirtioBlockOk, 4 * PAGE_SIZE + 1);
    }
    CHECK_EQ(TestCalls, 1 + RING_SIZE / 7);
    CHECK_STATUS(TestRequest.Status, STATUS_SUCCESS);
    TestCloseDevice();
}

TEST(VirtioQuiet, "io/virtio/a-device-that-looks-anyway-is-not-told", "virtio 1.1, 2.6.10")
{
    OPEN_DEVICE;
    TestVirtio.Queues[0].Rings->Used.Flags = VIRTIO_NO_NOTIFY;
    TestSubmitOne(IoBlockRead);
    CHECK_EQ(TestRegisters.Doorbell[0], DOORBELL_UNTOUCHED);
    CHECK_EQ(TestVirtio.Queues[0].Rings->Offered.Index, 1);
    TestCloseDevice();
    CHECK_EQ(TestCalls, 1);
    CHECK_STATUS(TestRequest.Status, STATUS_DEVICE_NOT_CONNECTED);
}

TEST(VirtioWrap, "io/virtio/indices-wrap-around", "virtio 1.1, 2.6.6")
{
    OPEN_DEVICE;
    for (ULONG i = 1; i <= 0x10000 + 3; i++) {
        TestSubmitOne(IoBlockWrite);
        TestAnswerNewest(VirtioBlockOk, 1);
        if (TestCalls != i) {
            break;
        }
    }
    CHECK_EQ(TestCalls, 0x10000 + 3);
    CHECK_EQ(TestVirtio.Queues[0].Seen, 3);
    CHECK_EQ(TestVirtio.Block.Counters.Resets, 0);
    TestCloseDevice();
}

/* ---- answers --------------------------------------------------------------------------------- */

TEST(VirtioError, "io/virtio/an-error-is-tried-again", "virtio 1.1, 5.2.6: VIRTIO_BLK_S_IOERR")
{
    OPEN_DEVICE;
    TestSubmitOne(IoBlockRead);
    TestAnswerNewest(VirtioBlockError, 1);
    CHECK_EQ(TestCalls, 0);
    TestAnswerNewest(VirtioBlockError, PAGE_SIZE + 1);
    TestAnswerNewest(VirtioBlockOk, PAGE_SIZE + 1);
    CHECK_EQ(TestCalls, 1);
    CHECK_STATUS(TestRequest.Status, STATUS_SUCCESS);
    CHECK_EQ(TestVirtio.Block.Counters.Resets, 0);
    TestCloseDevice();
}

TEST(VirtioUnsupported, "io/virtio/what-it-does-not-support-is-final",
     "virtio 1.1, 5.2.6: VIRTIO_BLK_S_UNSUPP")
{
    OPEN_DEVICE;
    TestSubmitOne(IoBlockFlush);
    TestAnswerNewest(VirtioBlockUnsupported, 1);
    CHECK_EQ(TestCalls, 1);
    CHECK_STATUS(TestRequest.Status, STATUS_NOT_SUPPORTED);
    TestCloseDevice();
}

/* A read whose answer is bad: the device is reset, and with a good answer then all is well. */
static VOID Nonsense(UCHAR Status, ULONG Id, ULONG Length, USHORT Step)
{
    if (!TestOpenDevice(FEATURE_WORD)) {
        return;
    }
    TestSubmitOne(IoBlockRead);
    TestTailOf(TestNewest())->Status = Status;
    TestAnswer(Id == MAXULONG ? TestNewest()->Head : Id, Length, Step);
    CHECK_EQ(TestCalls, 0);
    CHECK_EQ(TestVirtio.Block.Counters.Nonsense, 1);
    CHECK_EQ(TestVirtio.Block.Counters.Resets, 1);
    CHECK_EQ(TestVirtio.Queues[0].Rings->Offered.Index, 1); /* it began anew */
    CHECK_EQ(TestRegisters.Common.Status & VIRTIO_DRIVER_OK, VIRTIO_DRIVER_OK);
    TestAnswerNewest(VirtioBlockOk, PAGE_SIZE + 1);
    CHECK_EQ(TestCalls, 1);
    CHECK_STATUS(TestRequest.Status, STATUS_SUCCESS);
    TestCloseDevice();
}

#define NONSENSE(Ident, What, Status, Id, Length, Step)                                            \
    TEST(Ident, "io/virtio/nonsense/" What, "VQ-1 VBLK-1")                                         \
    {                                                                                              \
        Nonsense(Status, Id, Length, Step);                                                        \
    }

NONSENSE(NonsenseShort, "a-good-read-that-wrote-less", VirtioBlockOk, MAXULONG, PAGE_SIZE, 1);
NONSENSE(NonsenseNothing, "a-good-read-that-wrote-nothing", VirtioBlockOk, MAXULONG, 0, 1);
NONSENSE(NonsenseLong, "more-written-than-there-was-room", VirtioBlockOk, MAXULONG, PAGE_SIZE + 2,
         1);
NONSENSE(NonsenseErrorLong, "an-error-that-wrote-too-much", VirtioBlockError, MAXULONG,
         PAGE_SIZE + 2, 1);
NONSENSE(NonsenseHuge, "a-huge-length", VirtioBlockOk, MAXULONG, MAXULONG, 1);
NONSENSE(NonsenseStatus, "an-unknown-status", 3, MAXULONG, PAGE_SIZE + 1, 1);
NONSENSE(NonsenseNoStatus, "no-status", VIRTIO_BLOCK_NO_STATUS, MAXULONG, PAGE_SIZE + 1, 1);
NONSENSE(NonsenseErrorLength, "an-error-without-a-status-written", VirtioBlockError, MAXULONG, 0,
         1);
NONSENSE(NonsenseJump, "an-index-that-jumps", VirtioBlockOk, MAXULONG, PAGE_SIZE + 1, 2);
NONSENSE(NonsenseBack, "an-index-that-goes-back", VirtioBlockOk, MAXULONG, PAGE_SIZE + 1, 0xFFFF);
NONSENSE(NonsenseFree, "a-command-that-is-not-in-flight", VirtioBlockOk, 7, PAGE_SIZE + 1, 1);
NONSENSE(NonsenseId, "a-command-that-cannot-be", VirtioBlockOk, RING_SIZE, PAGE_SIZE + 1, 1);
NONSENSE(NonsenseHugeId, "a-huge-command", VirtioBlockOk, 0x80000000, PAGE_SIZE + 1, 1);

TEST(NonsenseTwice, "io/virtio/nonsense/an-answer-that-comes-twice", "VQ-1")
{
    static const PFN_NUMBER Frames[] = {2, 4, 6, 8, 10, 12, 14};
    OPEN_DEVICE;
    TestSubmit(IoBlockWrite, 9, 7, Frames); /* two commands */
    TestAnswerNewest(VirtioBlockOk, 1);
    CHECK_EQ(TestVirtio.Block.Counters.Nonsense, 0);
    TestAnswerNewest(VirtioBlockOk, 1);
    CHECK_EQ(TestVirtio.Block.Counters.Nonsense, 1);
    CHECK_EQ(TestCalls, 0);
    TestCloseDevice();
    CHECK_EQ(TestCalls, 1);
}

TEST(NonsenseMiddle, "io/virtio/nonsense/a-head-inside-of-a-chain", "VQ-1")
{
    REQUIRE(TestOpenDevice(NO_INDIRECT));
    TestSubmitOne(IoBlockRead);
    TestTailOf(TestNewest())->Status = VirtioBlockOk;
    TestAnswer(1, PAGE_SIZE + 1, 1);
    CHECK_EQ(TestVirtio.Block.Counters.Nonsense, 1);
    CHECK_EQ(TestCalls, 0);
    TestCloseDevice();
}

TEST(NonsenseAlways, "io/virtio/nonsense/always-is-an-error", "VBLK-1")
{
    OPEN_DEVICE;
    TestSubmitOne(IoBlockWrite);
    for (ULONG i = 0; i < IO_BLOCK_TRIES; i++) {
        CHECK_EQ(TestCalls, 0);
        TestAnswerNewest(0x55, 1);
    }
    CHECK_EQ(TestCalls, 1);
    CHECK_STATUS(TestRequest.Status, STATUS_IO_DEVICE_ERROR);
    CHECK_EQ(TestVirtio.Block.Counters.Resets, IO_BLOCK_TRIES);
    TestCloseDevice();
}

TEST(VirtioRefusesReset, "io/virtio/a-device-that-has-changed-is-gone", "BLOCK-6")
{
    OPEN_DEVICE;
    TestSubmitOne(IoBlockWrite);
    TestRegisters.Common.DeviceFeature = NO_INDIRECT; /* the queues are made for them */
    TestAnswerNewest(0x55, 1);
    CHECK_EQ(TestCalls, 1);
    CHECK_STATUS(TestRequest.Status, STATUS_DEVICE_NOT_CONNECTED);
    CHECK(TestVirtio.Block.Gone);
    TestCloseDevice();
}
