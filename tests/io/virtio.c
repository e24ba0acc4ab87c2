/*
 * virtio.c - tests of the virtio disk driver over registers that are ordinary memory: what it asks
 * of a device, and what it believes of the answers, which the test writes itself.
 *
 * Memory as registers keeps what is written, which is all that the driver's start needs; both
 * halves of the features read the same, so the word has the bits of both.
 */
#include "drivers/virtio_block.h"
#include "kernel/rtl/rtl.h"
#include "tests/test.h"
#include <wdm.h>

/* Bit 0 is VERSION_1 in the upper half and unknown in the lower, 28 the other way round. */
#define FEATURE_WORD       (1U | 1U << 28 | 1U << 2 | 1U << 6 | 1U << 9)
#define NO_INDIRECT        (FEATURE_WORD & ~(1U << 28))
#define RING_SIZE          64
#define DOORBELL_UNTOUCHED 0xBEEF
#define PAGE_A             0x111ULL /* frames that nobody looks into */
#define PAGE_B             0x333ULL

static struct {
    VIRTIO_COMMON Common;
    VIRTIO_BLOCK_CONFIG Config;
    USHORT Doorbell[4];
    UCHAR Interrupt;
} Registers;
static VIRTIO_BLOCK Disk;
static IO_BLOCK_REQUEST Request;
static ULONG Calls;

static VOID CountDone(PIO_BLOCK_REQUEST Block)
{
    CHECK_EQ(Block, &Request);
    Calls++;
}

/* A device of 1,000 pages that has not been looked at yet. */
static VOID MakeDevice(ULONG Features)
{
    RtlZeroMemory(&Registers, sizeof(Registers));
    RtlZeroMemory(&Disk, sizeof(Disk));
    RtlZeroMemory(&Request, sizeof(Request));
    Calls = 0;
    Registers.Common.DeviceFeature = Features;
    Registers.Common.QueueSize = RING_SIZE;
    Registers.Config.Capacity[0] = 8007;
    Registers.Config.SegMax = 5;
    Registers.Config.BlockSize = 512;
    Registers.Doorbell[0] = DOORBELL_UNTOUCHED;
    Disk.Device.Parts[VirtioCommon].Address = (PUCHAR)&Registers.Common;
    Disk.Device.Parts[VirtioCommon].Bytes = sizeof(Registers.Common);
    Disk.Device.Parts[VirtioConfig].Address = (PUCHAR)&Registers.Config;
    Disk.Device.Parts[VirtioConfig].Bytes = sizeof(Registers.Config);
    Disk.Device.Parts[VirtioNotify].Address = (PUCHAR)Registers.Doorbell;
    Disk.Device.Parts[VirtioNotify].Bytes = sizeof(Registers.Doorbell);
    Disk.Device.Parts[VirtioInterrupt].Address = &Registers.Interrupt;
    Disk.Device.Parts[VirtioInterrupt].Bytes = 1;
    Disk.Device.NotifyStep = sizeof(USHORT);
}

static BOOLEAN OpenDevice(ULONG Features)
{
    MakeDevice(Features);
    return CHECK_EQ(VirtioBuildBlock(&Disk, 1), NULL) && CHECK(VirtioBeginBlock(&Disk)) &&
           CHECK_STATUS(IoRegisterBlockDevice(&Disk.Block), STATUS_SUCCESS);
}

static VOID CloseDevice(VOID)
{
    IoRemoveBlockDevice(&Disk.Block);
    VirtioFreeBlock(&Disk);
}

#define OPEN_DEVICE REQUIRE(OpenDevice(FEATURE_WORD))

static VOID Submit(IO_BLOCK_OPERATION Operation, ULONG64 Page, ULONG Pages,
                   const PFN_NUMBER *Frames)
{
    Request.Operation = Operation;
    Request.Offset = Page * PAGE_SIZE;
    Request.Pages = Pages;
    Request.Frames = Frames;
    Request.Done = CountDone;
    IoSubmitBlock(&Disk.Block, &Request);
}

static VOID SubmitOne(IO_BLOCK_OPERATION Operation)
{
    static const PFN_NUMBER Frame[] = {PAGE_A};
    Submit(Operation, 9, Operation == IoBlockFlush ? 0 : 1, Frame);
}

static PVIRTIO_BLOCK_TAIL TailOf(PVIRTIO_SLOT Slot)
{
    return (PVIRTIO_BLOCK_TAIL)(Slot->Page + PAGE_SIZE) - 1;
}

/* The newest command that the driver offered. */
static PVIRTIO_SLOT Newest(VOID)
{
    PVIRTIO_QUEUE Queue = &Disk.Queues[0];
    VIRTIO_OFFERED *Offered = &Queue->Rings->Offered;
    USHORT Head = Offered->Ring[(USHORT)(Offered->Index - 1) % Queue->Size];
    return &Queue->Slots[Queue->Indirect ? Head : Head / Queue->TableSize];
}

/* Writes an answer as a device would, Step commands on in its ring, and has the driver look. */
static VOID Answer(ULONG Id, ULONG Length, USHORT Step)
{
    VIRTIO_USED *Used = &Disk.Queues[0].Rings->Used;
    Used->Ring[Used->Index % Disk.Queues[0].Size].Id = Id;
    Used->Ring[Used->Index % Disk.Queues[0].Size].Length = Length;
    Used->Index += Step;
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    IoServiceBlock(&Disk.Block, &Disk.Queues[0]);
    KeLowerIrql(Old);
}

static VOID AnswerNewest(UCHAR Status, ULONG Length)
{
    PVIRTIO_SLOT Slot = Newest();
    TailOf(Slot)->Status = Status;
    Answer(Slot->Head, Length, 1);
}

/* ---- the start ------------------------------------------------------------------------------- */

TEST(VirtioStart, "io/virtio/features-are-agreed-on-and-the-queue-is-told",
     "virtio 1.1, 3.1.1 and 4.1.5.1")
{
    OPEN_DEVICE;
    CHECK_EQ(Disk.Device.Features, VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT | VIRTIO_BLOCK_SEG_MAX |
                                       VIRTIO_BLOCK_BLK_SIZE | VIRTIO_BLOCK_FLUSH);
    CHECK_EQ(Registers.Common.Status,
             VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
    CHECK_EQ(Registers.Common.DriverFeature, 1); /* the upper half */
    CHECK_EQ(Registers.Common.QueueEnable, 1);
    CHECK_EQ(Registers.Common.ConfigVector, VIRTIO_NO_VECTOR);
    CHECK_EQ(Registers.Common.QueueDescriptors[0],
             (ULONG)MmGetPhysicalAddress(Disk.Queues[0].Descriptors).QuadPart);
    CHECK_EQ(Disk.Block.Pages, 1000);
    CHECK_EQ(Disk.Block.SectorSize, 512);
    CHECK(!Disk.Block.ReadOnly && !Disk.Block.WriteThrough);
    CHECK_EQ(Disk.Segments, 5);
    CHECK_GE(Disk.Block.MaximumPages, 256);
    CHECK_EQ(Disk.Block.MaximumInFlight, 64);
    CloseDevice();
    CHECK_EQ(Registers.Common.Status, 0);
}

TEST(VirtioOld, "io/virtio/a-device-without-version-1-is-left-alone", "virtio 1.1, 6.1")
{
    MakeDevice(FEATURE_WORD & ~1U);
    CHECK_NE(VirtioBuildBlock(&Disk, 1), NULL);
    CHECK_EQ(Registers.Common.Status & VIRTIO_FAILED, VIRTIO_FAILED);
}

TEST(VirtioStrange, "io/virtio/impossible-configurations-are-refused", "")
{
    static const struct {
        ULONG Bit;   /* feature besides */
        ULONG Which; /* word of the configuration */
        ULONG Value;
    } Bad[] = {{0, 5, 8192}, {0, 5, 256}, {0, 5, 1000}, {1U << 1, 2, 4095}, {0, 3, 0}};
    for (ULONG i = 0; i < RTL_NUMBER_OF(Bad); i++) {
        MakeDevice(FEATURE_WORD | Bad[i].Bit);
        ((PULONG)&Registers.Config)[Bad[i].Which] = Bad[i].Value;
        CHECK_NE(VirtioBuildBlock(&Disk, 1), NULL);
        VirtioFreeBlock(&Disk);
    }
    static const USHORT Sizes[] = {0, 3, 100};
    for (ULONG i = 0; i < RTL_NUMBER_OF(Sizes); i++) {
        MakeDevice(FEATURE_WORD);
        Registers.Common.QueueSize = Sizes[i];
        CHECK_NE(VirtioBuildBlock(&Disk, 1), NULL);
        VirtioFreeBlock(&Disk);
    }
    MakeDevice(FEATURE_WORD | 1U << 12);
    CHECK_NE(VirtioBuildBlock(&Disk, 1), NULL); /* several queues, 0 of them */
    VirtioFreeBlock(&Disk);
}

TEST(VirtioDoorbell, "io/virtio/a-doorbell-outside-of-its-registers-is-refused", "")
{
    MakeDevice(FEATURE_WORD);
    Registers.Common.QueueNotify = RTL_NUMBER_OF(Registers.Doorbell);
    CHECK_EQ(VirtioBuildBlock(&Disk, 1), NULL);
    CHECK(!VirtioBeginBlock(&Disk));
    VirtioFreeBlock(&Disk);
}

/* ---- commands -------------------------------------------------------------------------------- */

TEST(VirtioRead, "io/virtio/a-read-has-header-pages-and-status", "virtio 1.1, 5.2.6")
{
    static const PFN_NUMBER Frames[] = {PAGE_A, PAGE_A + 1, PAGE_B, PAGE_A + 2};
    OPEN_DEVICE;
    Submit(IoBlockRead, 9, 4, Frames);
    PVIRTIO_SLOT Slot = Newest();
    CHECK_EQ(TailOf(Slot)->Type, VirtioBlockIn);
    CHECK_EQ(TailOf(Slot)->Sector, 72);
    CHECK_EQ(Disk.Queues[0].Descriptors[Slot->Head].Flags, VIRTIO_INDIRECT);
    CHECK_EQ(Disk.Queues[0].Descriptors[Slot->Head].Length, 5 * sizeof(VIRTIO_DESCRIPTOR));
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
    CHECK_EQ(Registers.Doorbell[0], 0); /* rung for queue 0 */
    AnswerNewest(VirtioBlockOk, 4 * PAGE_SIZE + 1);
    CHECK_EQ(Calls, 1);
    CHECK_STATUS(Request.Status, STATUS_SUCCESS);
    CloseDevice();
}

TEST(VirtioWrite, "io/virtio/a-write-lets-the-device-write-the-status-only", "virtio 1.1, 5.2.6")
{
    OPEN_DEVICE;
    SubmitOne(IoBlockWrite);
    CHECK_EQ(TailOf(Newest())->Type, VirtioBlockOut);
    CHECK_EQ(Newest()->Table[1].Flags, VIRTIO_NEXT);
    AnswerNewest(VirtioBlockOk, 1);
    CHECK_EQ(Calls, 1);
    CHECK_STATUS(Request.Status, STATUS_SUCCESS);
    SubmitOne(IoBlockFlush);
    CHECK_EQ(TailOf(Newest())->Type, VirtioBlockFlush);
    CHECK_EQ(TailOf(Newest())->Sector, 0x48); /* ignored by the device; the offset was set */
    AnswerNewest(VirtioBlockOk, 1);
    CHECK_EQ(Calls, 2);
    CloseDevice();
}

TEST(VirtioPieces, "io/virtio/more-segments-than-it-takes-are-several-commands",
     "virtio 1.1, 5.2.6.1: seg_max")
{
    static const PFN_NUMBER Frames[] = {2, 4, 6, 8, 10, 12, 14};
    OPEN_DEVICE;
    Submit(IoBlockWrite, 9, 7, Frames);
    CHECK_EQ(Disk.Queues[0].InFlight, 2);
    CHECK_EQ(TailOf(Newest())->Sector, (9 + 5) * 8);
    CHECK_EQ(Newest()->Table[2].Address, 14ULL * PAGE_SIZE);
    AnswerNewest(VirtioBlockOk, 1);
    CHECK_EQ(Calls, 0);
    TailOf(&Disk.Queues[0].Slots[0])->Status = VirtioBlockOk;
    Answer(0, 1, 1);
    CHECK_EQ(Calls, 1);
    CHECK_STATUS(Request.Status, STATUS_SUCCESS);
    CloseDevice();
}

TEST(VirtioSizeMax, "io/virtio/a-segment-is-no-longer-than-it-takes", "virtio 1.1, 5.2.6.1")
{
    static const PFN_NUMBER Frames[] = {2, 3, 4, 5, 6};
    MakeDevice(FEATURE_WORD | 1U << 1);
    Registers.Config.SizeMax = 3 * PAGE_SIZE - 1;
    REQUIRE_EQ(VirtioBuildBlock(&Disk, 1), NULL);
    REQUIRE(VirtioBeginBlock(&Disk) && NT_SUCCESS(IoRegisterBlockDevice(&Disk.Block)));
    Submit(IoBlockWrite, 9, 5, Frames);
    CHECK_EQ(Newest()->Table[1].Length, 2 * PAGE_SIZE);
    CHECK_EQ(Newest()->Table[2].Length, 2 * PAGE_SIZE);
    CHECK_EQ(Newest()->Table[3].Length, PAGE_SIZE);
    AnswerNewest(VirtioBlockOk, 1);
    CHECK_EQ(Calls, 1);
    CloseDevice();
}

TEST(VirtioDirect, "io/virtio/without-indirect-descriptors-the-ring-holds-them",
     "virtio 1.1, 2.6.5")
{
    static const PFN_NUMBER Frames[] = {2, 4, 6, 8};
    REQUIRE(OpenDevice(NO_INDIRECT));
    PVIRTIO_QUEUE Queue = &Disk.Queues[0];
    CHECK_EQ(Queue->TableSize, 7);
    CHECK_EQ(Queue->SlotCount, RING_SIZE / 7);
    Submit(IoBlockRead, 0, 4, Frames);
    Answer(0, 4 * PAGE_SIZE + 1, 0); /* nothing new */
    TailOf(Newest())->Status = VirtioBlockOk;
    Answer(0, 4 * PAGE_SIZE + 1, 1);
    CHECK_EQ(Calls, 1);
    for (ULONG i = 0; i < RING_SIZE / 7; i++) { /* another slot each time but the first */
        Submit(IoBlockRead, 0, 4, Frames);
        PVIRTIO_SLOT Slot = Newest();
        CHECK_EQ(Slot->Table, &Queue->Descriptors[Slot->Head]);
        CHECK_EQ(Slot->Table[0].Next, Slot->Head + 1);
        CHECK_EQ(Slot->Table[4].Next, Slot->Head + 5);
        CHECK_EQ(Slot->Table[5].Flags, VIRTIO_WRITE);
        AnswerNewest(VirtioBlockOk, 4 * PAGE_SIZE + 1);
    }
    CHECK_EQ(Calls, 1 + RING_SIZE / 7);
    CHECK_STATUS(Request.Status, STATUS_SUCCESS);
    CloseDevice();
}

TEST(VirtioQuiet, "io/virtio/a-device-that-looks-anyway-is-not-told", "virtio 1.1, 2.6.10")
{
    OPEN_DEVICE;
    Disk.Queues[0].Rings->Used.Flags = VIRTIO_NO_NOTIFY;
    SubmitOne(IoBlockRead);
    CHECK_EQ(Registers.Doorbell[0], DOORBELL_UNTOUCHED);
    CHECK_EQ(Disk.Queues[0].Rings->Offered.Index, 1);
    CloseDevice();
    CHECK_EQ(Calls, 1);
    CHECK_STATUS(Request.Status, STATUS_DEVICE_NOT_CONNECTED);
}

TEST(VirtioWrap, "io/virtio/indices-wrap-around", "virtio 1.1, 2.6.6")
{
    OPEN_DEVICE;
    for (ULONG i = 1; i <= 0x10000 + 3; i++) {
        SubmitOne(IoBlockWrite);
        AnswerNewest(VirtioBlockOk, 1);
        if (Calls != i) {
            break;
        }
    }
    CHECK_EQ(Calls, 0x10000 + 3);
    CHECK_EQ(Disk.Queues[0].Seen, 3);
    CHECK_EQ(Disk.Block.Counters.Resets, 0);
    CloseDevice();
}

/* ---- answers --------------------------------------------------------------------------------- */

TEST(VirtioError, "io/virtio/an-error-is-tried-again", "virtio 1.1, 5.2.6: VIRTIO_BLK_S_IOERR")
{
    OPEN_DEVICE;
    SubmitOne(IoBlockRead);
    AnswerNewest(VirtioBlockError, 1);
    CHECK_EQ(Calls, 0);
    AnswerNewest(VirtioBlockError, PAGE_SIZE + 1);
    AnswerNewest(VirtioBlockOk, PAGE_SIZE + 1);
    CHECK_EQ(Calls, 1);
    CHECK_STATUS(Request.Status, STATUS_SUCCESS);
    CHECK_EQ(Disk.Block.Counters.Resets, 0);
    CloseDevice();
}

TEST(VirtioUnsupported, "io/virtio/what-it-does-not-support-is-final",
     "virtio 1.1, 5.2.6: VIRTIO_BLK_S_UNSUPP")
{
    OPEN_DEVICE;
    SubmitOne(IoBlockFlush);
    AnswerNewest(VirtioBlockUnsupported, 1);
    CHECK_EQ(Calls, 1);
    CHECK_STATUS(Request.Status, STATUS_NOT_SUPPORTED);
    CloseDevice();
}

/* A read whose answer is bad: the device is reset, and with a good answer then all is well. */
static VOID Nonsense(UCHAR Status, ULONG Id, ULONG Length, USHORT Step)
{
    if (!OpenDevice(FEATURE_WORD)) {
        return;
    }
    SubmitOne(IoBlockRead);
    TailOf(Newest())->Status = Status;
    Answer(Id == MAXULONG ? Newest()->Head : Id, Length, Step);
    CHECK_EQ(Calls, 0);
    CHECK_EQ(Disk.Block.Counters.Nonsense, 1);
    CHECK_EQ(Disk.Block.Counters.Resets, 1);
    CHECK_EQ(Disk.Queues[0].Rings->Offered.Index, 1); /* it began anew */
    CHECK_EQ(Registers.Common.Status & VIRTIO_DRIVER_OK, VIRTIO_DRIVER_OK);
    AnswerNewest(VirtioBlockOk, PAGE_SIZE + 1);
    CHECK_EQ(Calls, 1);
    CHECK_STATUS(Request.Status, STATUS_SUCCESS);
    CloseDevice();
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
    Submit(IoBlockWrite, 9, 7, Frames); /* two commands */
    AnswerNewest(VirtioBlockOk, 1);
    CHECK_EQ(Disk.Block.Counters.Nonsense, 0);
    AnswerNewest(VirtioBlockOk, 1);
    CHECK_EQ(Disk.Block.Counters.Nonsense, 1);
    CHECK_EQ(Calls, 0);
    CloseDevice();
    CHECK_EQ(Calls, 1);
}

TEST(NonsenseMiddle, "io/virtio/nonsense/a-head-inside-of-a-chain", "VQ-1")
{
    REQUIRE(OpenDevice(NO_INDIRECT));
    SubmitOne(IoBlockRead);
    TailOf(Newest())->Status = VirtioBlockOk;
    Answer(1, PAGE_SIZE + 1, 1);
    CHECK_EQ(Disk.Block.Counters.Nonsense, 1);
    CHECK_EQ(Calls, 0);
    CloseDevice();
}

TEST(NonsenseAlways, "io/virtio/nonsense/always-is-an-error", "VBLK-1")
{
    OPEN_DEVICE;
    SubmitOne(IoBlockWrite);
    for (ULONG i = 0; i < IO_BLOCK_TRIES; i++) {
        CHECK_EQ(Calls, 0);
        AnswerNewest(0x55, 1);
    }
    CHECK_EQ(Calls, 1);
    CHECK_STATUS(Request.Status, STATUS_IO_DEVICE_ERROR);
    CHECK_EQ(Disk.Block.Counters.Resets, IO_BLOCK_TRIES);
    CloseDevice();
}

TEST(VirtioRefusesReset, "io/virtio/a-device-that-has-changed-is-gone", "BLOCK-6")
{
    OPEN_DEVICE;
    SubmitOne(IoBlockWrite);
    Registers.Common.DeviceFeature = NO_INDIRECT; /* the queues are made for them */
    AnswerNewest(0x55, 1);
    CHECK_EQ(Calls, 1);
    CHECK_STATUS(Request.Status, STATUS_DEVICE_NOT_CONNECTED);
    CHECK(Disk.Block.Gone);
    CloseDevice();
}
