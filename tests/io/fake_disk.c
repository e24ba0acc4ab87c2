/*
 * fake_disk.c - the driver that is a test (fake_disk.h).
 */
#include "tests/io/fake_disk.h"
#include <wdm.h>

FAKE_DISK TestFake;
FAKE_REQUEST TestRequests[FAKE_REQUESTS];
static ULONG Ends;
static BOOLEAN Submitting;

/* ---- the driver ------------------------------------------------------------------------------ */

static BOOLEAN FakeStart(PIO_BLOCK_DEVICE Device, PIO_BLOCK_REQUEST Request, PULONG Pages)
{
    CHECK_EQ(Device, &TestFake.Block);
    CHECK_NE(Device->Lock, 0);
    for (ULONG i = 0; i < TestFake.Room; i++) {
        if (TestFake.Commands[i].Request == NULL) {
            *Pages = *Pages < TestFake.MostPages ? *Pages : TestFake.MostPages;
            TestFake.Commands[i] =
                (FAKE_COMMAND){.Request = Request, .First = Request->Given, .Pages = *Pages};
            TestFake.Order[TestFake.Started++ % RTL_NUMBER_OF(TestFake.Order)] =
                Request->Offset / PAGE_SIZE + Request->Given;
            return TRUE;
        }
    }
    return FALSE;
}

static VOID FakeKick(PIO_BLOCK_DEVICE Device)
{
    UNREFERENCED_PARAMETER(Device);
    TestFake.Kicks++;
}

static BOOLEAN FakeCollect(PIO_BLOCK_DEVICE Device, PVOID Queue)
{
    UNREFERENCED_PARAMETER(Queue);
    for (ULONG i = 0; i < TestFake.Room; i++) {
        FAKE_COMMAND Command = TestFake.Commands[i];
        if (Command.Request != NULL && Command.Answered) {
            TestFake.Commands[i].Request = NULL;
            IoAnswerBlock(Device, Command.Request, Command.Answer);
        }
    }
    BOOLEAN Sense = !TestFake.Nonsense;
    TestFake.Nonsense = FALSE;
    return Sense;
}

static BOOLEAN FakeReset(PIO_BLOCK_DEVICE Device)
{
    UNREFERENCED_PARAMETER(Device);
    RtlZeroMemory(TestFake.Commands, sizeof(TestFake.Commands));
    TestFake.Resets++;
    return !TestFake.Dead;
}

static VOID FakeStop(PIO_BLOCK_DEVICE Device)
{
    UNREFERENCED_PARAMETER(Device);
    TestFake.Stops++;
}

static const IO_BLOCK_DRIVER FakeDriver = {FakeStart, FakeKick, FakeCollect, FakeReset, FakeStop};

/* ---- for tests ------------------------------------------------------------------------------- */

VOID TestFakePrepare(VOID)
{
    Ends = 0;
    RtlZeroMemory(TestRequests, sizeof(TestRequests));
    RtlZeroMemory(&TestFake, sizeof(TestFake));
    TestFake.Block.Pages = FAKE_PAGES;
    TestFake.Block.SectorSize = 512;
    TestFake.Block.MaximumPages = IO_BLOCK_LEAST_PAGES;
    TestFake.Block.MaximumInFlight = FAKE_ROOM;
    TestFake.Block.Driver = &FakeDriver;
    TestFake.Block.Description = "a test";
    TestFake.Room = FAKE_ROOM;
    TestFake.MostPages = MAXULONG;
}

BOOLEAN TestFakeOpen(VOID)
{
    return CHECK_STATUS(IoRegisterBlockDevice(&TestFake.Block), STATUS_SUCCESS);
}

VOID TestFakeClose(VOID)
{
    IoRemoveBlockDevice(&TestFake.Block);
}

static VOID FakeDone(PIO_BLOCK_REQUEST Block)
{
    PFAKE_REQUEST Request = CONTAINING_RECORD(Block, FAKE_REQUEST, Block);
    Request->Calls++;
    Request->Irql = KeGetCurrentIrql();
    Request->Locked = TestFake.Block.Lock != 0;
    Request->Submitting = Submitting;
    Request->Order = ++Ends;
    Request->StopsBefore = TestFake.Stops;
    if (Request->Again > 0) {
        Request->Again--;
        Request->Calls = 0;
        IoSubmitBlock(&TestFake.Block, Block);
    }
}

VOID TestFakeSubmit(ULONG Index, IO_BLOCK_OPERATION Operation, ULONG64 Page, ULONG Pages)
{
    PIO_BLOCK_REQUEST Request = &TestRequests[Index].Block;
    Request->Operation = Operation;
    Request->Offset = Page * PAGE_SIZE;
    Request->Pages = Pages;
    Request->Done = FakeDone;
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    Submitting = TRUE;
    IoSubmitBlock(&TestFake.Block, Request);
    Submitting = FALSE;
    KeLowerIrql(Old);
}

VOID TestFakeService(VOID)
{
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    IoServiceBlock(&TestFake.Block, NULL);
    KeLowerIrql(Old);
}

BOOLEAN TestFakeAnswerAt(ULONG64 Page, NTSTATUS Status)
{
    for (ULONG i = 0; i < TestFake.Room; i++) {
        FAKE_COMMAND *Command = &TestFake.Commands[i];
        if (Command->Request != NULL && !Command->Answered &&
            (Page == FAKE_ANY || Page == Command->Request->Offset / PAGE_SIZE + Command->First)) {
            Command->Answered = TRUE;
            Command->Answer = Status;
            return TRUE;
        }
    }
    return CHECK(!"the device has that command");
}

BOOLEAN TestFakeAnswer(NTSTATUS Status)
{
    BOOLEAN Had = TestFakeAnswerAt(FAKE_ANY, Status);
    TestFakeService();
    return Had;
}

BOOLEAN TestFakeEnded(ULONG Index, NTSTATUS Status)
{
    PFAKE_REQUEST Request = &TestRequests[Index];
    KeFlushQueuedDpcs();
    return CHECK_EQ(Request->Calls, 1) && CHECK_STATUS(Request->Block.Status, Status) &&
           CHECK_EQ(Request->Irql, DISPATCH_LEVEL) && CHECK(!Request->Locked) &&
           CHECK(!Request->Submitting);
}

VOID TestFakePass(ULONG64 Since, ULONG Tenths)
{
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    IopCheckBlockDeadline(&TestFake.Block, Since + TestFake.Block.Timeout / 10 * Tenths);
    KeLowerIrql(Old);
}
