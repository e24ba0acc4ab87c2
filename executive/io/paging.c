/*
 * paging.c - opens paging files on disks: which disks, how much of them, and the way of a transfer
 * from the memory manager to the block layer.
 *
 * A disk is taken whole, from its first page on, and only if it is blank or was a paging file
 * before: its first page is zero or begins with our mark. Whatever else is there stays as it is.
 * Word `pagefile` chooses disks and how much of each: at start, and at most.
 */
#include "executive/io/paging.h"
#include "executive/io/block.h"
#include "kernel/rtl/rtl.h"
#include "kernel/rtl/section.h"
#include "mm/paging.h"

BOOT_OPTION(Pagefile, "pagefile",
            "pagefile=none|DISK[:MB[-MB]][,...]  disks to page to, how much at first and at most "
            "(all of each blank disk)");

#define MARK         "Tarn paging file 1"
#define PAGES_PER_MB (0x100000 / PAGE_SIZE)
#define LEAST_PAGES  256 /* 1 MB: less is no use */
#define LONGEST_DISK 8   /* characters of a name, with the 0 */

static MI_PAGING_DEVICE IopPagingDevices[MI_MAX_PAGING_FILES];

/* ---- transfers ------------------------------------------------------------------------------- */

_Static_assert(sizeof(IO_BLOCK_REQUEST) <= MI_TRANSFER_PRIVATE, "a request lies in its transfer");

static VOID IopPagingDone(PIO_BLOCK_REQUEST Request)
{
    PMI_TRANSFER Transfer = Request->Context;
    Transfer->Status = Request->Status;
    Transfer->Done(Transfer);
}

static VOID IopStartPaging(PMI_PAGING_DEVICE Device, PMI_TRANSFER Transfer)
{
    PIO_BLOCK_REQUEST Request = (PIO_BLOCK_REQUEST)Transfer->Private;
    *Request = (IO_BLOCK_REQUEST){.Operation = Transfer->Write ? IoBlockWrite : IoBlockRead,
                                  .Offset = Transfer->Page * PAGE_SIZE,
                                  .Pages = Transfer->Pages,
                                  .Frames = Transfer->Frames,
                                  .Done = IopPagingDone,
                                  .Context = Transfer};
    IoSubmitBlock(Device->Context, Request);
}

/* ---- a disk ---------------------------------------------------------------------------------- */

/* What is on the disk may be written over. */
static BOOLEAN IopIsOurs(const UCHAR *Page)
{
    ULONG Filled = 0;
    for (ULONG i = 0; i < PAGE_SIZE; i++) {
        Filled += Page[i] != 0;
    }
    return Filled == 0 || memcmp(Page, MARK, sizeof(MARK)) == 0;
}

static NTSTATUS IopMarkDisk(PIO_BLOCK_DEVICE Device)
{
    PUCHAR Page = MiAllocatePoolPages(NonPagedPoolNx, 1);
    if (Page == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    NTSTATUS Status = IoTransferBlocksSync(Device, IoBlockRead, 0, Page, 1);
    if (NT_SUCCESS(Status) && !IopIsOurs(Page)) {
        Status = STATUS_UNRECOGNIZED_VOLUME;
    }
    if (NT_SUCCESS(Status)) {
        RtlZeroMemory(Page, PAGE_SIZE);
        RtlCopyMemory(Page, MARK, sizeof(MARK));
        Status = IoTransferBlocksSync(Device, IoBlockWrite, 0, Page, 1);
    }
    MiFreePoolPages(Page);
    return Status;
}

NTSTATUS IoCreatePagingFile(PIO_BLOCK_DEVICE Device, ULONG64 Minimum, ULONG64 Maximum)
{
    ULONG Number;
    Maximum = Maximum < Device->Pages ? Maximum : Device->Pages;
    Minimum = Minimum < Maximum ? Minimum : Maximum;
    if (Minimum < LEAST_PAGES) {
        return STATUS_DISK_FULL;
    }
    if (MiPagingFileCount == MI_MAX_PAGING_FILES) {
        return STATUS_TOO_MANY_PAGING_FILES;
    }
    if (!IoClaimBlockDevice(Device, "paging")) {
        return STATUS_SHARING_VIOLATION;
    }
    NTSTATUS Status = IopMarkDisk(Device);
    if (NT_SUCCESS(Status)) {
        PMI_PAGING_DEVICE Paging = &IopPagingDevices[MiPagingFileCount];
        *Paging =
            (MI_PAGING_DEVICE){.Name = Device->Name, .Start = IopStartPaging, .Context = Device};
        Status = MiCreatePagingFile(Paging, 0, Minimum, Maximum, &Number);
    }
    if (!NT_SUCCESS(Status)) {
        IoReleaseBlockDevice(Device);
    }
    return Status;
}

static VOID IopReport(PIO_BLOCK_DEVICE Device, NTSTATUS Status)
{
    if (NT_SUCCESS(Status)) {
        PMI_PAGING_FILE File = &MiPagingFiles[MiPagingFileCount - 1];
        DbgPrint("paging file: %s, %lu MB, at most %lu\n", Device->Name,
                 File->Minimum / PAGES_PER_MB, File->Maximum / PAGES_PER_MB);
    } else if (Status == STATUS_UNRECOGNIZED_VOLUME) {
        DbgPrint("paging file: %s has something else in its first page and is left alone; "
                 "clear that page to have it used\n",
                 Device->Name);
    } else {
        DbgPrint("paging file: none on %s: 0x%08lX\n", Device->Name, Status);
    }
}

/* ---- the word -------------------------------------------------------------------------------- */

/* Digits at *Text, as pages; *Text is behind them then. */
static ULONG64 IopReadMegabytes(const CHAR **Text)
{
    ULONG64 Number = 0;
    for (; **Text >= '0' && **Text <= '9'; (*Text)++) {
        Number = Number < 0x100000 ? Number * 10 + (ULONG64)(**Text - '0') : Number;
    }
    return Number * PAGES_PER_MB;
}

/* One DISK[:MB[-MB]]; what is behind it, NULL when it is none. */
static const CHAR *IopOpenNamed(const CHAR *Text)
{
    CHAR Name[LONGEST_DISK];
    ULONG Length = 0;
    ULONG64 Minimum = ~0ULL, Maximum = ~0ULL;
    while (*Text != 0 && *Text != ':' && *Text != ',' && Length < LONGEST_DISK - 1) {
        Name[Length++] = *Text++;
    }
    Name[Length] = 0;
    if (*Text == ':') {
        Text++;
        Minimum = Maximum = IopReadMegabytes(&Text);
        if (*Text == '-') {
            Text++;
            Maximum = IopReadMegabytes(&Text);
        }
    }
    if ((*Text != 0 && *Text != ',') || Minimum == 0 || Maximum < Minimum) {
        return NULL;
    }
    PIO_BLOCK_DEVICE Device = IoFindBlockDevice(Name);
    if (Device == NULL) {
        DbgPrint("paging file: there is no disk %s; !disk lists them\n", Name);
    } else {
        IopReport(Device, IoCreatePagingFile(Device, Minimum, Maximum));
    }
    return *Text == ',' ? Text + 1 : Text;
}

VOID IoOpenPagingFiles(VOID)
{
    const CHAR *Word = KiGetBootOption("pagefile");
    if (Word != NULL && strcmp(Word, "none") == 0) {
        return;
    }
    if (Word != NULL && *Word != 0) {
        const CHAR *Rest = Word;
        while (Rest != NULL && *Rest != 0) {
            Rest = IopOpenNamed(Rest);
        }
        if (Rest == NULL) {
            DbgPrint("pagefile=%s: write vda, vda:64, vda:64-256, vda:64,vdb or none\n", Word);
        }
        return;
    }
    for (PIO_BLOCK_DEVICE Device = IoNextBlockDevice(NULL); Device != NULL;
         Device = IoNextBlockDevice(Device)) {
        if (!Device->ReadOnly) {
            IopReport(Device, IoCreatePagingFile(Device, ~0ULL, ~0ULL));
        }
    }
}
