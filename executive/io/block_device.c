/*
 * block_device.c - which block devices there are, and the calls that wait for a transfer.
 *
 * IopBlockListLock guards the list of devices and their names.
 */
#include "executive/io/block.h"
#include <wdm.h>

#define NAMES         26 /* vda to vdz */
#define FRAMES_A_CALL 64 /* 512 bytes of stack */

static LIST_ENTRY IopBlockDevices = {&IopBlockDevices, &IopBlockDevices};
static KSPIN_LOCK IopBlockListLock;

/* ---- the list -------------------------------------------------------------------------------- */

/* The lock is held. */
static PIO_BLOCK_DEVICE IopFindName(const CHAR *Name)
{
    for (PLIST_ENTRY Entry = IopBlockDevices.Flink; Entry != &IopBlockDevices;
         Entry = Entry->Flink) {
        PIO_BLOCK_DEVICE Device = CONTAINING_RECORD(Entry, IO_BLOCK_DEVICE, Links);
        if (strcmp(Device->Name, Name) == 0) {
            return Device;
        }
    }
    return NULL;
}

PIO_BLOCK_DEVICE IoFindBlockDevice(const CHAR *Name)
{
    KIRQL Irql;
    KeAcquireSpinLock(&IopBlockListLock, &Irql);
    PIO_BLOCK_DEVICE Device = IopFindName(Name);
    KeReleaseSpinLock(&IopBlockListLock, Irql);
    return Device;
}

PIO_BLOCK_DEVICE IoNextBlockDevice(PIO_BLOCK_DEVICE Device)
{
    KIRQL Irql;
    KeAcquireSpinLock(&IopBlockListLock, &Irql);
    PLIST_ENTRY Next = Device == NULL ? IopBlockDevices.Flink : Device->Links.Flink;
    KeReleaseSpinLock(&IopBlockListLock, Irql);
    return Next == &IopBlockDevices ? NULL : CONTAINING_RECORD(Next, IO_BLOCK_DEVICE, Links);
}

/* The first name that nobody has; FALSE when all are taken. The lock is held. */
static BOOLEAN IopChooseName(PIO_BLOCK_DEVICE Device)
{
    for (CHAR i = 0; i < NAMES; i++) {
        CHAR Name[] = {'v', 'd', (CHAR)('a' + i), 0};
        if (IopFindName(Name) == NULL) {
            RtlCopyMemory(Device->Name, Name, sizeof(Name));
            return TRUE;
        }
    }
    return FALSE;
}

NTSTATUS IoRegisterBlockDevice(PIO_BLOCK_DEVICE Device)
{
    KIRQL Irql;
    KeInitializeSpinLock(&Device->Lock);
    InitializeListHead(&Device->Waiting);
    InitializeListHead(&Device->Running);
    InitializeListHead(&Device->Finished);
    KeInitializeTimer(&Device->Timer);
    KeInitializeDpc(&Device->TimerDpc, IopBlockTimer, Device);
    KeInitializeDpc(&Device->FinishDpc, IopFinishDpc, Device);
    Device->Timeout = Device->Timeout != 0 ? Device->Timeout : IO_BLOCK_TIMEOUT;
    KeAcquireSpinLock(&IopBlockListLock, &Irql);
    BOOLEAN Named = IopChooseName(Device);
    if (Named) {
        InsertTailList(&IopBlockDevices, &Device->Links);
    }
    KeReleaseSpinLock(&IopBlockListLock, Irql);
    return Named ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

VOID IoRemoveBlockDevice(PIO_BLOCK_DEVICE Device)
{
    KIRQL Irql;
    KiRequireIrql(PASSIVE_LEVEL);
    KeAcquireSpinLock(&IopBlockListLock, &Irql);
    RemoveEntryList(&Device->Links);
    KeReleaseSpinLock(&IopBlockListLock, Irql);
    KeAcquireSpinLock(&Device->Lock, &Irql);
    if (!Device->Gone) {
        Device->Driver->Stop(Device);
        IopEndAll(Device);
    }
    IopUnlockAndDeliver(Device);
    KeLowerIrql(Irql);
    KeCancelTimer(&Device->Timer);
    KeFlushQueuedDpcs(); /* the timer's, and those that call Done on other processors */
}

BOOLEAN IoClaimBlockDevice(PIO_BLOCK_DEVICE Device, const CHAR *For)
{
    return InterlockedCompareExchangePointer((PVOID *)&Device->Claim, (PVOID)For, NULL) == NULL;
}

VOID IoReleaseBlockDevice(PIO_BLOCK_DEVICE Device)
{
    __atomic_store_n(&Device->Claim, NULL, __ATOMIC_RELEASE);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static VOID IopSignalDone(PIO_BLOCK_REQUEST Request)
{
    KeSetEvent(Request->Context, IO_DISK_INCREMENT, FALSE);
}

NTSTATUS IoTransferBlock(PIO_BLOCK_DEVICE Device, IO_BLOCK_OPERATION Operation, ULONG64 Offset,
                         const PFN_NUMBER *Frames, ULONG Pages)
{
    KEVENT Done;
    IO_BLOCK_REQUEST Request = {
        .Operation = Operation,
        .Offset = Offset,
        .Pages = Pages,
        .Frames = Frames,
        .Done = IopSignalDone,
        .Context = &Done,
    };
    KiRequireIrql(APC_LEVEL);
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    IoSubmitBlock(Device, &Request);
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
    return Request.Status;
}

NTSTATUS IoTransferBlocksSync(PIO_BLOCK_DEVICE Device, IO_BLOCK_OPERATION Operation, ULONG64 Offset,
                              PVOID Buffer, SIZE_T Pages)
{
    PFN_NUMBER Frames[FRAMES_A_CALL];
    NTSTATUS Status = STATUS_SUCCESS;
    for (SIZE_T Done = 0; Done < Pages && NT_SUCCESS(Status); Done += FRAMES_A_CALL) {
        ULONG Now = (ULONG)(Pages - Done < FRAMES_A_CALL ? Pages - Done : FRAMES_A_CALL);
        for (ULONG i = 0; i < Now; i++) {
            PVOID Page = (PCHAR)Buffer + (Done + i) * PAGE_SIZE;
            Frames[i] = (PFN_NUMBER)MmGetPhysicalAddress(Page).QuadPart / PAGE_SIZE;
        }
        Status = IoTransferBlock(Device, Operation, Offset + Done * PAGE_SIZE, Frames, Now);
    }
    return Status;
}
