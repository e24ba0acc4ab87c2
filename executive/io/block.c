/*
 * block.c - the block layer: queues requests for disks, has them tried again, and ends them all.
 *
 * A request waits in Waiting, goes to the driver as one command or as several, waits in Running for
 * their answers, and ends in Finished, from where its Done is called. A driver knows commands only:
 * it starts them and says how they came back. The device that errs has a request tried again; the
 * one that says nothing for too long, or nonsense, is reset, which gives everything back that it
 * had. Paging comes through here, so there is no allocation and no pageable memory behind a submit.
 *
 *   BLOCK-1  Done is called exactly once, at DISPATCH_LEVEL, with no lock held, never by a submit.
 *   BLOCK-2  Before Done, the device has let go of the request's pages: each of its commands was
 *            answered, or the device was reset or stopped.
 *   BLOCK-3  While a command is in flight the timer is set. So a request ends within
 *            IO_BLOCK_TRIES * Timeout of a device's silence.
 *   BLOCK-4  Slow is not dead: the deadline counts from the last answer to anything. A command that
 *            the device lost while it answers others is known by how many it answered since.
 *   BLOCK-5  Requests that a reset gives back are started in their old order, before others.
 *   BLOCK-6  A device that does not come back from a reset is Gone, and all its requests end.
 *
 * The device's lock guards all of it and is held around the driver's routines.
 */
#include "executive/io/block.h"

#define OVERTAKEN 16 /* times MaximumInFlight answers since: the device has lost it */

static const CHAR *const IopOperationNames[] = {"read", "write", "flush"};

/* ---- ending ---------------------------------------------------------------------------------- */

/* The lock is held. */
static VOID IopFinish(PIO_BLOCK_DEVICE Device, PIO_BLOCK_REQUEST Request, NTSTATUS Status)
{
    Request->Status = Status;
    InsertTailList(&Device->Finished, &Request->Links);
}

static VOID IopCount(PIO_BLOCK_DEVICE Device, PIO_BLOCK_REQUEST Request)
{
    switch (Request->Operation) {
    case IoBlockRead:
        Device->Counters.Reads++;
        Device->Counters.PagesRead += Request->Pages;
        break;
    case IoBlockWrite:
        Device->Counters.Writes++;
        Device->Counters.PagesWritten += Request->Pages;
        break;
    case IoBlockFlush: Device->Counters.Flushes++; break;
    }
}

/* A line for the first failure, the second, the fourth: a dead disk must not flood the log. */
static VOID IopReportFailure(PIO_BLOCK_DEVICE Device, PIO_BLOCK_REQUEST Request, NTSTATUS Status)
{
    ULONG64 Failed = ++Device->Counters.Failed;
    if ((Failed & (Failed - 1)) == 0) {
        DbgPrint("%s: %s of %lu pages at 0x%I64x failed with 0x%08lX, failure %I64u\n",
                 Device->Name, IopOperationNames[Request->Operation], Request->Pages,
                 Request->Offset, Status, Failed);
    }
}

/* A request that is in no list ends, well or not. The lock is held. */
static VOID IopConclude(PIO_BLOCK_DEVICE Device, PIO_BLOCK_REQUEST Request, NTSTATUS Status)
{
    if (NT_SUCCESS(Status)) {
        IopCount(Device, Request);
    } else {
        IopReportFailure(Device, Request, Status);
    }
    IopFinish(Device, Request, Status);
}

VOID IopUnlockAndDeliver(PIO_BLOCK_DEVICE Device)
{
    LIST_ENTRY Finished;
    InitializeListHead(&Finished);
    while (!IsListEmpty(&Device->Finished)) {
        InsertTailList(&Finished, RemoveHeadList(&Device->Finished));
    }
    KeReleaseSpinLockFromDpcLevel(&Device->Lock);
    while (!IsListEmpty(&Finished)) {
        PIO_BLOCK_REQUEST Request =
            CONTAINING_RECORD(RemoveHeadList(&Finished), IO_BLOCK_REQUEST, Links);
        Request->Done(Request);
    }
}

/* ---- starting -------------------------------------------------------------------------------- */

/* BLOCK-3. The lock is held. */
static VOID IopSetTimer(PIO_BLOCK_DEVICE Device)
{
    if (!Device->TimerSet && Device->InFlight > 0) {
        LONGLONG Left = (LONGLONG)(Device->LastAnswer + Device->Timeout - KeQueryInterruptTime());
        LARGE_INTEGER Due = {.QuadPart = Left > 0 ? -Left : -1};
        Device->TimerSet = TRUE;
        KeSetTimer(&Device->Timer, Due, &Device->TimerDpc);
    }
}

/* A command for as much of the request as goes into one; FALSE: no room. The lock is held. */
static BOOLEAN IopStartCommand(PIO_BLOCK_DEVICE Device, PIO_BLOCK_REQUEST Request)
{
    ULONG Pages = Request->Pages - Request->Given;
    if (!Device->Driver->Start(Device, Request, &Pages)) {
        return FALSE;
    }
    if (Request->Commands == 0 && Request->Given == 0) {
        Request->Since = KeQueryInterruptTime();
        Request->Mark = Device->Answers;
    }
    Request->Given += Pages;
    Request->Commands++;
    if (Device->InFlight++ == 0) {
        Device->LastAnswer = KeQueryInterruptTime();
    }
    Device->Counters.Commands++;
    if (Device->InFlight > Device->Counters.MostInFlight) {
        Device->Counters.MostInFlight = Device->InFlight;
    }
    return TRUE;
}

/* Gives the driver what it has room for. The lock is held. */
static VOID IopStartWaiting(PIO_BLOCK_DEVICE Device)
{
    BOOLEAN Started = FALSE;
    while (!Device->Gone && !IsListEmpty(&Device->Waiting)) {
        PIO_BLOCK_REQUEST Request =
            CONTAINING_RECORD(Device->Waiting.Flink, IO_BLOCK_REQUEST, Links);
        if (!IopStartCommand(Device, Request)) {
            break;
        }
        Started = TRUE;
        if (Request->Given == Request->Pages) {
            RemoveEntryList(&Request->Links);
            InsertTailList(&Device->Running, &Request->Links);
        }
    }
    if (Started) {
        Device->Driver->Kick(Device);
        IopSetTimer(Device);
    }
}

/* ---- answers --------------------------------------------------------------------------------- */

/*
 * A try has failed and the device has none of the request's commands: the next one, in front of all
 * that wait, or the end. The request is in no list; the lock is held.
 */
static VOID IopTryAgain(PIO_BLOCK_DEVICE Device, PIO_BLOCK_REQUEST Request, NTSTATUS Status)
{
    if (++Request->Tries >= IO_BLOCK_TRIES) {
        IopConclude(Device, Request, Status);
        return;
    }
    Request->Given = 0;
    Request->Error = STATUS_SUCCESS;
    Device->Counters.Retries++;
    InsertHeadList(&Device->Waiting, &Request->Links);
}

VOID IoAnswerBlock(PIO_BLOCK_DEVICE Device, PIO_BLOCK_REQUEST Request, NTSTATUS Status)
{
    Device->Answers++;
    Device->InFlight--;
    Device->LastAnswer = KeQueryInterruptTime();
    Request->Commands--;
    if (!NT_SUCCESS(Status)) {
        Device->Counters.Errors++;
        Request->Error = Status;
    }
    if (Request->Commands > 0 || (Request->Given < Request->Pages && NT_SUCCESS(Request->Error))) {
        return; /* there is more to come */
    }
    RemoveEntryList(&Request->Links);
    if (Request->Error == STATUS_IO_DEVICE_ERROR) {
        IopTryAgain(Device, Request, Request->Error);
    } else {
        IopConclude(Device, Request, Request->Error);
    }
}

/* ---- trouble --------------------------------------------------------------------------------- */

VOID IopEndAll(PIO_BLOCK_DEVICE Device)
{
    PLIST_ENTRY Lists[] = {&Device->Running, &Device->Waiting};
    Device->Gone = TRUE;
    Device->InFlight = 0;
    for (ULONG i = 0; i < RTL_NUMBER_OF(Lists); i++) {
        while (!IsListEmpty(Lists[i])) {
            PIO_BLOCK_REQUEST Request =
                CONTAINING_RECORD(RemoveHeadList(Lists[i]), IO_BLOCK_REQUEST, Links);
            IopConclude(Device, Request, STATUS_DEVICE_NOT_CONNECTED);
        }
    }
}

/* BLOCK-5: what the device had waits again, or ends with Status. The lock is held. */
static VOID IopTakeBack(PIO_BLOCK_DEVICE Device, NTSTATUS Status)
{
    Device->InFlight = 0;
    if (!IsListEmpty(&Device->Waiting)) {
        PIO_BLOCK_REQUEST First = CONTAINING_RECORD(Device->Waiting.Flink, IO_BLOCK_REQUEST, Links);
        if (First->Commands > 0) {
            RemoveEntryList(&First->Links);
            First->Commands = 0;
            IopTryAgain(Device, First, Status);
        }
    }
    while (!IsListEmpty(&Device->Running)) {
        PIO_BLOCK_REQUEST Request =
            CONTAINING_RECORD(RemoveTailList(&Device->Running), IO_BLOCK_REQUEST, Links);
        Request->Commands = 0;
        IopTryAgain(Device, Request, Status);
    }
}

/* The lock is held. */
static VOID IopReset(PIO_BLOCK_DEVICE Device, NTSTATUS Status, const CHAR *Why)
{
    Device->Counters.Resets++;
    DbgPrint("%s: %s, %lu commands in flight; it is reset\n", Device->Name, Why, Device->InFlight);
    if (!Device->Driver->Reset(Device)) {
        DbgPrint("%s: it does not come back from a reset\n", Device->Name);
        Device->Driver->Stop(Device);
        IopEndAll(Device);
        return;
    }
    IopTakeBack(Device, Status);
}

/* Takes what the device has answered. The lock is held. */
static VOID IopCollect(PIO_BLOCK_DEVICE Device, PVOID Queue)
{
    if (!Device->Gone && !Device->Driver->Collect(Device, Queue)) {
        Device->Counters.Nonsense++;
        IopReset(Device, STATUS_IO_DEVICE_ERROR, "its answer makes no sense");
    }
}

VOID IoServiceBlock(PIO_BLOCK_DEVICE Device, PVOID Queue)
{
    KeAcquireSpinLockAtDpcLevel(&Device->Lock);
    IopCollect(Device, Queue);
    IopStartWaiting(Device);
    IopUnlockAndDeliver(Device);
}

/* BLOCK-4. The lock is held. */
static BOOLEAN IopIsLate(PIO_BLOCK_DEVICE Device, ULONG64 Now)
{
    if (Device->InFlight == 0) {
        return FALSE;
    }
    if (Now >= Device->LastAnswer + Device->Timeout) {
        return TRUE;
    }
    for (PLIST_ENTRY Entry = Device->Running.Flink; Entry != &Device->Running;
         Entry = Entry->Flink) {
        PIO_BLOCK_REQUEST Request = CONTAINING_RECORD(Entry, IO_BLOCK_REQUEST, Links);
        if (Now >= Request->Since + Device->Timeout &&
            Device->Answers - Request->Mark >= (ULONG64)OVERTAKEN * Device->MaximumInFlight) {
            return TRUE;
        }
    }
    return FALSE;
}

VOID IopCheckBlockDeadline(PIO_BLOCK_DEVICE Device, ULONG64 Now)
{
    KeAcquireSpinLockAtDpcLevel(&Device->Lock);
    if (IopIsLate(Device, Now)) {
        IopCollect(Device, NULL); /* it may have answered and its interrupt got lost */
    }
    if (IopIsLate(Device, Now)) {
        Device->Counters.Timeouts++;
        IopReset(Device, STATUS_IO_TIMEOUT, "no answer in time");
    }
    IopStartWaiting(Device);
    IopUnlockAndDeliver(Device);
}

VOID NTAPI IopBlockTimer(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    PIO_BLOCK_DEVICE Device = Context;
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    IopCheckBlockDeadline(Device, KeQueryInterruptTime());
    KeAcquireSpinLockAtDpcLevel(&Device->Lock);
    Device->TimerSet = FALSE;
    IopSetTimer(Device);
    KeReleaseSpinLockFromDpcLevel(&Device->Lock);
}

/* ---- submitting ------------------------------------------------------------------------------ */

static NTSTATUS IopCheckRequest(PIO_BLOCK_DEVICE Device, PIO_BLOCK_REQUEST Request)
{
    ULONG64 First = Request->Offset / PAGE_SIZE;
    if (Device->Gone) {
        return STATUS_NO_SUCH_DEVICE;
    }
    if (Request->Operation == IoBlockFlush) {
        return Request->Pages == 0 ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
    }
    if (Request->Operation > IoBlockFlush || Request->Offset % PAGE_SIZE != 0 ||
        Request->Pages == 0 || Request->Pages > Device->MaximumPages || First > Device->Pages ||
        Request->Pages > Device->Pages - First) {
        return STATUS_INVALID_PARAMETER;
    }
    return Request->Operation == IoBlockWrite && Device->ReadOnly ? STATUS_MEDIA_WRITE_PROTECTED
                                                                  : STATUS_SUCCESS;
}

VOID IoSubmitBlock(PIO_BLOCK_DEVICE Device, PIO_BLOCK_REQUEST Request)
{
    KIRQL Irql;
    Request->Tries = Request->Given = Request->Commands = 0;
    Request->Error = STATUS_SUCCESS;
    Request->Status = STATUS_PENDING;
    KeAcquireSpinLock(&Device->Lock, &Irql);
    NTSTATUS Status = IopCheckRequest(Device, Request);
    if (!NT_SUCCESS(Status) || (Request->Operation == IoBlockFlush && Device->WriteThrough)) {
        Device->Counters.Flushes += NT_SUCCESS(Status);
        IopFinish(Device, Request, Status);
        KeInsertQueueDpc(&Device->FinishDpc, NULL, NULL); /* BLOCK-1 */
    } else {
        InsertTailList(&Device->Waiting, &Request->Links);
        IopStartWaiting(Device);
    }
    KeReleaseSpinLock(&Device->Lock, Irql);
}

VOID NTAPI IopFinishDpc(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    PIO_BLOCK_DEVICE Device = Context;
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    KeAcquireSpinLockAtDpcLevel(&Device->Lock);
    IopUnlockAndDeliver(Device);
}
