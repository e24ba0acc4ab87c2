/*
 * block_command.c - `!disk`: block devices at the monitor's prompt, and their lines at start-up.
 *
 * Counters and lists are read under the device's lock, so that they are of one moment.
 */
#include "executive/io/block.h"
#include "kernel/rtl/section.h"
#include <wdm.h>

#define PAGES_A_MB (0x100000 / PAGE_SIZE)

VOID IoPrintBlockDevices(VOID)
{
    for (PIO_BLOCK_DEVICE Device = IoNextBlockDevice(NULL); Device != NULL;
         Device = IoNextBlockDevice(Device)) {
        DbgPrint("disk %s: %I64u MB, sectors of %lu, %s%s\n", Device->Name,
                 Device->Pages / PAGES_A_MB, Device->SectorSize, Device->Description,
                 Device->ReadOnly ? ", read-only" : "");
    }
}

static ULONG IopCountRequests(PLIST_ENTRY List)
{
    ULONG Count = 0;
    for (PLIST_ENTRY Entry = List->Flink; Entry != List; Entry = Entry->Flink) {
        Count++;
    }
    return Count;
}

/* What can change, all of one moment. */
typedef struct _IOP_BLOCK_STATE {
    IO_BLOCK_COUNTERS Counters;
    ULONG Waiting, Running, InFlight;
    BOOLEAN Gone;
} IOP_BLOCK_STATE;

static IOP_BLOCK_STATE IopQueryState(PIO_BLOCK_DEVICE Device)
{
    KIRQL Irql;
    KeAcquireSpinLock(&Device->Lock, &Irql);
    IOP_BLOCK_STATE State = {
        .Counters = Device->Counters,
        .Waiting = IopCountRequests(&Device->Waiting),
        .Running = IopCountRequests(&Device->Running),
        .InFlight = Device->InFlight,
        .Gone = Device->Gone,
    };
    KeReleaseSpinLock(&Device->Lock, Irql);
    return State;
}

static VOID IopPrintDevice(PIO_BLOCK_DEVICE Device)
{
    IOP_BLOCK_STATE State = IopQueryState(Device);
    const IO_BLOCK_COUNTERS *Counters = &State.Counters;
    DbgPrint("%s  %p  %I64u MB, sectors of %lu  %s%s%s%s%s\n", Device->Name, Device,
             Device->Pages / PAGES_A_MB, Device->SectorSize, Device->Description,
             Device->ReadOnly ? ", read-only" : "", State.Gone ? ", gone" : "",
             Device->Claim != NULL ? ", for " : "", Device->Claim != NULL ? Device->Claim : "");
    DbgPrint("    reads   %10I64u  of %12I64u pages    errors   %8I64u  retries %8I64u\n",
             Counters->Reads, Counters->PagesRead, Counters->Errors, Counters->Retries);
    DbgPrint("    writes  %10I64u  of %12I64u pages    nonsense %8I64u  resets  %8I64u\n",
             Counters->Writes, Counters->PagesWritten, Counters->Nonsense, Counters->Resets);
    DbgPrint("    flushes %10I64u  in all %8I64u commands timeouts %8I64u  failed  %8I64u\n",
             Counters->Flushes, Counters->Commands, Counters->Timeouts, Counters->Failed);
    DbgPrint("    in flight %lu of %lu commands (most %lu) for %lu requests, %lu more wait\n",
             State.InFlight, Device->MaximumInFlight, Counters->MostInFlight, State.Running,
             State.Waiting);
}

static VOID DiskCommand(const CHAR *Arguments)
{
    if (KeGetCurrentIrql() > DISPATCH_LEVEL) {
        DbgPrint("disks can be looked at up to DISPATCH_LEVEL only\n");
        return;
    }
    PIO_BLOCK_DEVICE Device = *Arguments != 0 ? IoFindBlockDevice(Arguments) : NULL;
    if (Device != NULL) {
        IopPrintDevice(Device);
        return;
    }
    if (*Arguments != 0 || IoNextBlockDevice(NULL) == NULL) {
        DbgPrint("there is no disk%s%s\n", *Arguments != 0 ? " " : "", Arguments);
        return;
    }
    while ((Device = IoNextBlockDevice(Device)) != NULL) {
        IopPrintDevice(Device);
    }
}
MONITOR_COMMAND("!disk", "!disk [NAME]", "disks, what they did and what they are at", DiskCommand);
