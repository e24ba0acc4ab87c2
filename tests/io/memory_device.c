/*
 * memory_device.c - the virtio disk that is memory (memory_device.h).
 */
#include "tests/io/memory_device.h"

MEMORY_REGISTERS TestRegisters;
VIRTIO_BLOCK TestVirtio;
IO_BLOCK_REQUEST TestRequest;
ULONG TestCalls;

static VOID CountDone(PIO_BLOCK_REQUEST Block)
{
    UNREFERENCED_PARAMETER(Block);
    TestCalls++;
}

VOID TestMakeDevice(ULONG Features)
{
    RtlZeroMemory(&TestRegisters, sizeof(TestRegisters));
    RtlZeroMemory(&TestVirtio, sizeof(TestVirtio));
    RtlZeroMemory(&TestRequest, sizeof(TestRequest));
    TestCalls = 0;
    TestRegisters.Common.DeviceFeature = Features;
    TestRegisters.Common.QueueSize = RING_SIZE;
    TestRegisters.Config.Capacity[0] = 8007;
    TestRegisters.Config.SegMax = 5;
    TestRegisters.Config.BlockSize = 512;
    TestRegisters.Doorbell[0] = DOORBELL_UNTOUCHED;
    TestVirtio.Device.Parts[VirtioCommon].Address = (PUCHAR)&TestRegisters.Common;
    TestVirtio.Device.Parts[VirtioCommon].Bytes = sizeof(TestRegisters.Common);
    TestVirtio.Device.Parts[VirtioConfig].Address = (PUCHAR)&TestRegisters.Config;
    TestVirtio.Device.Parts[VirtioConfig].Bytes = sizeof(TestRegisters.Config);
    TestVirtio.Device.Parts[VirtioNotify].Address = (PUCHAR)TestRegisters.Doorbell;
    TestVirtio.Device.Parts[VirtioNotify].Bytes = sizeof(TestRegisters.Doorbell);
    TestVirtio.Device.Parts[VirtioInterrupt].Address = &TestRegisters.Interrupt;
    TestVirtio.Device.Parts[VirtioInterrupt].Bytes = 1;
    TestVirtio.Device.NotifyStep = sizeof(USHORT);
}

BOOLEAN TestOpenDevice(ULONG Features)
{
    TestMakeDevice(Features);
    return TestStartDevice();
}

BOOLEAN TestStartDevice(VOID)
{
    return CHECK_EQ(VirtioBuildBlock(&TestVirtio, 1), NULL) &&
           CHECK(VirtioBeginBlock(&TestVirtio)) &&
           CHECK_STATUS(IoRegisterBlockDevice(&TestVirtio.Block), STATUS_SUCCESS);
}

VOID TestCloseDevice(VOID)
{
    IoRemoveBlockDevice(&TestVirtio.Block);
    VirtioFreeBlock(&TestVirtio);
}

VOID TestSubmit(IO_BLOCK_OPERATION Operation, ULONG64 Page, ULONG Pages, const PFN_NUMBER *Frames)
{
    TestRequest.Operation = Operation;
    TestRequest.Offset = Page * PAGE_SIZE;
    TestRequest.Pages = Pages;
    TestRequest.Frames = Frames;
    TestRequest.Done = CountDone;
    IoSubmitBlock(&TestVirtio.Block, &TestRequest);
}

VOID TestSubmitOne(IO_BLOCK_OPERATION Operation)
{
    static const PFN_NUMBER Frame[] = {PAGE_A};
    TestSubmit(Operation, 9, Operation == IoBlockFlush ? 0 : 1, Frame);
}

PVIRTIO_BLOCK_TAIL TestTailOf(PVIRTIO_SLOT Slot)
{
    return (PVIRTIO_BLOCK_TAIL)(Slot->Page + PAGE_SIZE) - 1;
}

PVIRTIO_SLOT TestNewest(VOID)
{
    PVIRTIO_QUEUE Queue = &TestVirtio.Queues[0];
    VIRTIO_OFFERED *Offered = &Queue->Rings->Offered;
    USHORT Head = Offered->Ring[(USHORT)(Offered->Index - 1) % Queue->Size];
    return &Queue->Slots[Queue->Indirect ? Head : Head / Queue->TableSize];
}

VOID TestAnswer(ULONG Id, ULONG Length, USHORT Step)
{
    VIRTIO_USED *Used = &TestVirtio.Queues[0].Rings->Used;
    Used->Ring[Used->Index % TestVirtio.Queues[0].Size].Id = Id;
    Used->Ring[Used->Index % TestVirtio.Queues[0].Size].Length = Length;
    Used->Index += Step;
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    IoServiceBlock(&TestVirtio.Block, &TestVirtio.Queues[0]);
    KeLowerIrql(Old);
}

VOID TestAnswerNewest(UCHAR Status, ULONG Length)
{
    PVIRTIO_SLOT Slot = TestNewest();
    TestTailOf(Slot)->Status = Status;
    TestAnswer(Slot->Head, Length, 1);
}
