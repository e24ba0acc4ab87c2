/*
 * block.h - block devices: for whoever reads and writes pages of a disk, and for the drivers of
 * disks. How a request travels: block.c and docs/disk.md.
 */
#pragma once

#include "kernel/ke/ke.h"

typedef struct _IO_BLOCK_REQUEST IO_BLOCK_REQUEST, *PIO_BLOCK_REQUEST;
typedef struct _IO_BLOCK_DEVICE IO_BLOCK_DEVICE, *PIO_BLOCK_DEVICE;

/* ---- for users ------------------------------------------------------------------------------- */

typedef enum _IO_BLOCK_OPERATION {
    IoBlockRead,
    IoBlockWrite,
    IoBlockFlush, /* what was written and answered before it is submitted outlives a power cut */
} IO_BLOCK_OPERATION;

/*
 * Memory of the caller's, nonpaged, and its own again when Done begins. Status then says how it
 * went: STATUS_SUCCESS; STATUS_INVALID_PARAMETER: no such pages, or too many of them;
 * STATUS_MEDIA_WRITE_PROTECTED; STATUS_IO_DEVICE_ERROR, STATUS_IO_TIMEOUT: after IO_BLOCK_TRIES
 * tries; STATUS_DEVICE_NOT_CONNECTED: the device went meanwhile; STATUS_NO_SUCH_DEVICE: it had gone
 * before. A read that failed may have changed its pages.
 */
struct _IO_BLOCK_REQUEST {
    LIST_ENTRY Links;
    IO_BLOCK_OPERATION Operation;
    ULONG64 Offset;                          /* bytes from the start of the device, whole pages */
    ULONG Pages;                             /* 0 for a flush; at most the device's MaximumPages */
    const PFN_NUMBER *Frames;                /* Pages page frames, in order; they stay until Done */
    VOID (*Done)(PIO_BLOCK_REQUEST Request); /* DISPATCH_LEVEL, once, not inside a submit */
    PVOID Context;                           /* the caller's */
    NTSTATUS Status;

    /* The layer's. */
    ULONG Tries;    /* that failed */
    ULONG Given;    /* pages that the device was given in this try */
    ULONG Commands; /* of this try that it has not answered */
    NTSTATUS Error; /* what one of them came back with */
    ULONG64 Since;  /* interrupt time when the try began */
    ULONG64 Mark;   /* the device's Answers then */
};
#define IO_BLOCK_TRIES 3

/* Begins a request, whatever becomes of it. Allocates nothing. <= DISPATCH_LEVEL. */
VOID IoSubmitBlock(PIO_BLOCK_DEVICE Device, PIO_BLOCK_REQUEST Request);
/* Submits a request and waits for its end; a flush has no pages. <= APC_LEVEL. */
NTSTATUS IoTransferBlock(PIO_BLOCK_DEVICE Device, IO_BLOCK_OPERATION Operation, ULONG64 Offset,
                         const PFN_NUMBER *Frames, ULONG Pages);
/* Reads or writes whole pages of a buffer that is aligned and cannot be paged. <= APC_LEVEL. */
NTSTATUS IoTransferBlocksSync(PIO_BLOCK_DEVICE Device, IO_BLOCK_OPERATION Operation, ULONG64 Offset,
                              PVOID Buffer, SIZE_T Pages);
/* "vda" and so on, NULL when there is none. They stay for good unless their driver takes them away.
 * <= DISPATCH_LEVEL. */
PIO_BLOCK_DEVICE IoFindBlockDevice(const CHAR *Name);
/* The one behind Device, the first for NULL; NULL behind the last. */
PIO_BLOCK_DEVICE IoNextBlockDevice(PIO_BLOCK_DEVICE Device);
/*
 * Makes the contents of a device one user's until he lets it go; FALSE when they are somebody's
 * already. For is what it is used for: "paging". Any IRQL.
 */
BOOLEAN IoClaimBlockDevice(PIO_BLOCK_DEVICE Device, const CHAR *For);
VOID IoReleaseBlockDevice(PIO_BLOCK_DEVICE Device);

/* A line a device. <= DISPATCH_LEVEL. */
VOID IoPrintBlockDevices(VOID);

/* ---- for drivers ----------------------------------------------------------------------------- */

/* All of these are called at DISPATCH_LEVEL with the device's lock held, and do not wait. */
typedef struct _IO_BLOCK_DRIVER {
    /*
     * Gives the device a command for *Pages pages of the request, from its page Given on, or for
     * fewer: *Pages says how many. FALSE: there is no room for another command now.
     */
    BOOLEAN (*Start)(PIO_BLOCK_DEVICE Device, PIO_BLOCK_REQUEST Request, PULONG Pages);
    /* Has the device look at what was started. */
    VOID (*Kick)(PIO_BLOCK_DEVICE Device);
    /*
     * Calls IoAnswerBlock for each command that the device has answered: in the queue that Queue
     * means to the driver, or in all for NULL. FALSE: what it says makes no sense.
     */
    BOOLEAN (*Collect)(PIO_BLOCK_DEVICE Device, PVOID Queue);
    /*
     * Makes the device forget all commands, so that it touches no page of theirs any more. FALSE:
     * it will never answer again.
     */
    BOOLEAN (*Reset)(PIO_BLOCK_DEVICE Device);
    /* The same for good. */
    VOID (*Stop)(PIO_BLOCK_DEVICE Device);
} IO_BLOCK_DRIVER, *PIO_BLOCK_DRIVER;

typedef struct _IO_BLOCK_COUNTERS {
    ULONG64 Reads, Writes, Flushes;     /* requests that went well */
    ULONG64 PagesRead, PagesWritten;    /* of them */
    ULONG64 Commands;                   /* that the device was given */
    ULONG64 Failed;                     /* requests */
    ULONG64 Errors, Nonsense, Timeouts; /* of the device */
    ULONG64 Retries, Resets;            /* of requests; of the device */
    ULONG MostInFlight;                 /* commands at a time */
} IO_BLOCK_COUNTERS;

/* Memory of the driver's, nonpaged. It fills the first part before it registers the device. */
struct _IO_BLOCK_DEVICE {
    ULONG64 Pages; /* how large it is */
    ULONG SectorSize;
    ULONG MaximumPages;    /* of a request, at least IO_BLOCK_LEAST_PAGES */
    ULONG MaximumInFlight; /* commands at a time; what is submitted above waits its turn */
    BOOLEAN ReadOnly;
    BOOLEAN WriteThrough; /* a flush has nothing to do */
    const IO_BLOCK_DRIVER *Driver;
    const CHAR *Description; /* "virtio, 4 queues" */
    ULONG64 Timeout;         /* 100 ns without any answer; 0: IO_BLOCK_TIMEOUT */

    /* The layer's. */
    LIST_ENTRY Links;
    CHAR Name[8];
    const CHAR *Claim; /* NULL: nobody's */
    KSPIN_LOCK Lock;
    BOOLEAN Gone; /* it is answered for: nothing is given to the driver any more */
    BOOLEAN TimerSet;
    LIST_ENTRY Waiting;  /* not given to the driver, or not wholly */
    LIST_ENTRY Running;  /* wholly given */
    LIST_ENTRY Finished; /* Done is to be called */
    ULONG InFlight;      /* commands */
    ULONG64 Answers;     /* commands that were answered */
    ULONG64 LastAnswer;  /* interrupt time, or when the first command went to an idle device */
    KTIMER Timer;
    KDPC TimerDpc, FinishDpc;
    IO_BLOCK_COUNTERS Counters;
};
#define IO_BLOCK_LEAST_PAGES 256       /* 1 MB */
#define IO_BLOCK_TIMEOUT     100000000 /* 10 s */

/*
 * Gives the device a name and shows it to users. STATUS_INSUFFICIENT_RESOURCES: no name is left.
 * PASSIVE_LEVEL.
 */
NTSTATUS IoRegisterBlockDevice(PIO_BLOCK_DEVICE Device);
/*
 * Stops the device and ends all of its requests; when it returns nothing of the layer uses *Device,
 * and users must not, either. PASSIVE_LEVEL.
 */
VOID IoRemoveBlockDevice(PIO_BLOCK_DEVICE Device);
/* What a driver's DPC calls when the device wants attention: Collect. DISPATCH_LEVEL. */
VOID IoServiceBlock(PIO_BLOCK_DEVICE Device, PVOID Queue);
/* One command of the request is done: inside Collect only. */
VOID IoAnswerBlock(PIO_BLOCK_DEVICE Device, PIO_BLOCK_REQUEST Request, NTSTATUS Status);

/* ---- between block.c and block_device.c ------------------------------------------------------ */

/* The DPCs of a device. */
KDEFERRED_ROUTINE IopBlockTimer, IopFinishDpc;
/* The device is gone: all requests end. The lock is held. */
VOID IopEndAll(PIO_BLOCK_DEVICE Device);
/* The lock is held at DISPATCH_LEVEL and is not any more when this returns (BLOCK-1). */
VOID IopUnlockAndDeliver(PIO_BLOCK_DEVICE Device);

/* ---- for tests ------------------------------------------------------------------------------- */

/* What the timer does, at a time that the caller says. DISPATCH_LEVEL. */
VOID IopCheckBlockDeadline(PIO_BLOCK_DEVICE Device, ULONG64 Now);
