/*
 * mdl_lock.c - tests of MDLs: what they say of a buffer, which pages they lock, and parts of them.
 */
#include "mm/paging.h"
#include "tests/mm/mdl_check.h"

/* ---- making ---------------------------------------------------------------------------------- */

TEST(MdlAllocate, "mm/mdl/allocate-says-where-the-buffer-is", "DDI wdm IoAllocateMdl")
{
    PMDL Mdl = IoAllocateMdl((PVOID)0xFFFFF98000001FF0, 0x2020, FALSE, FALSE, NULL);
    REQUIRE(Mdl != NULL);
    CHECK_EQ(MmGetMdlVirtualAddress(Mdl), 0xFFFFF98000001FF0);
    CHECK_EQ(MmGetMdlBaseVa(Mdl), 0xFFFFF98000001000);
    CHECK_EQ(MmGetMdlByteOffset(Mdl), 0xFF0);
    CHECK_EQ(MmGetMdlByteCount(Mdl), 0x2020);
    CHECK_EQ(Mdl->Size, sizeof(MDL) + 4 * sizeof(PFN_NUMBER)); /* 16 bytes, two pages, 16 bytes */
    CHECK_EQ(Mdl->MdlFlags, 0);
    CHECK_EQ(Mdl->Next, NULL);
    CHECK_EQ(Mdl->Process, NULL);
    IoFreeMdl(Mdl);
}

TEST(MdlSize, "mm/mdl/size-counts-the-pages-touched", "DDI wdm MmSizeOfMdl")
{
    CHECK_EQ(MmSizeOfMdl((PVOID)0x1000, 0x1000), 0x38);
    CHECK_EQ(MmSizeOfMdl((PVOID)0x1FFF, 2), 0x40);
    CHECK_EQ(MmSizeOfMdl((PVOID)0x1FFF, 1), 0x38);
    CHECK_EQ(MmSizeOfMdl(NULL, 0), 0x30);
}

TEST(MdlInitialize, "mm/mdl/initialize-in-ones-own-memory", "DDI wdm MmInitializeMdl")
{
    struct {
        MDL Mdl;
        PFN_NUMBER Frames[2];
    } Own;
    RtlFillMemory(&Own, sizeof(Own), 0xCC);
    MmInitializeMdl(&Own.Mdl, (PVOID)0x12345678, PAGE_SIZE);
    CHECK_EQ(Own.Mdl.StartVa, 0x12345000);
    CHECK_EQ(Own.Mdl.ByteOffset, 0x678);
    CHECK_EQ(Own.Mdl.ByteCount, PAGE_SIZE);
    CHECK_EQ(Own.Mdl.Size, sizeof(Own));
    CHECK_EQ(Own.Mdl.MdlFlags, 0);
    CHECK_EQ(Own.Mdl.Next, NULL);
}

TEST(MdlLongest, "mm/mdl/longest-buffer-is-4-gb-less-a-page", "DDI wdm IoAllocateMdl")
{
    CHECK_EQ(IoAllocateMdl(NULL, 0xFFFFF001, FALSE, FALSE, NULL), NULL);
    CHECK_EQ(IoAllocateMdl(NULL, MAXULONG, FALSE, FALSE, NULL), NULL);
    PMDL Mdl = IoAllocateMdl(NULL, 0xFFFFF000, FALSE, FALSE, NULL); /* 8 MB of page numbers */
    if (Mdl == NULL) {
        return; /* the machine is small */
    }
    CHECK_EQ(Mdl->ByteCount, 0xFFFFF000);
    IoFreeMdl(Mdl);
}

/* The head of an IRP is all that counts. */
typedef struct _TEST_IRP {
    CSHORT Type;
    USHORT Size;
    PMDL MdlAddress;
} TEST_IRP;

TEST(MdlIrp, "mm/mdl/an-irp-gets-it-or-its-chain-does", "DDI wdm IoAllocateMdl")
{
    TEST_IRP Irp = {.Type = 6};
    PMDL First = IoAllocateMdl((PVOID)0x1000, 1, FALSE, FALSE, (struct _IRP *)&Irp);
    PMDL Second = IoAllocateMdl((PVOID)0x2000, 1, TRUE, FALSE, (struct _IRP *)&Irp);
    PMDL Third = IoAllocateMdl((PVOID)0x3000, 1, TRUE, FALSE, (struct _IRP *)&Irp);
    if (First != NULL && Second != NULL && Third != NULL) {
        CHECK_EQ(Irp.MdlAddress, First);
        CHECK_EQ(First->Next, Second);
        CHECK_EQ(Second->Next, Third);
        CHECK_EQ(Third->Next, NULL);
    }
    PMDL Next;
    for (PMDL Mdl = Irp.MdlAddress; Mdl != NULL; Mdl = Next) {
        Next = Mdl->Next; /* each is freed for itself */
        IoFreeMdl(Mdl);
    }
}

TEST(MdlDispatch, "mm/mdl/is-made-and-freed-at-dispatch-level", "contract 1.4")
{
    KIRQL Old;
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    PMDL Mdl = IoAllocateMdl((PVOID)0x1000, 1, FALSE, FALSE, NULL);
    if (Mdl != NULL) {
        IoFreeMdl(Mdl);
    }
    KeLowerIrql(Old);
    CHECK(Mdl != NULL);
}

/* ---- locking --------------------------------------------------------------------------------- */

TEST(LockPaged, "mm/mdl/lock-brings-paged-pool-in-and-keeps-it", "MDL-1, PIN-1")
{
    PCHAR Buffer = MiAllocatePoolPages(PagedPool, 3);
    REQUIRE(Buffer != NULL);
    PMDL Mdl = IoAllocateMdl(Buffer + 100, 2 * PAGE_SIZE, FALSE, FALSE, NULL);
    REQUIRE(Mdl != NULL);
    CHECK(!MmIsAddressValid(Buffer));
    CHECK_STATUS(TestLock(Mdl, KernelMode, IoReadAccess), STATUS_SUCCESS);
    CHECK(Mdl->MdlFlags & MDL_PAGES_LOCKED);
    for (ULONG i = 0; i < 3; i++) {
        CHECK(MmIsAddressValid(Buffer + i * PAGE_SIZE));
        CHECK_EQ(MmGetMdlPfnArray(Mdl)[i], TestPageOf(Buffer + i * PAGE_SIZE));
        CHECK_EQ(TestReferences(Buffer + i * PAGE_SIZE), 2);
    }
    MmUnlockPages(Mdl);
    CHECK_EQ(Mdl->MdlFlags, 0);
    CHECK_EQ(TestReferences(Buffer), 1);
    CHECK_EQ(TestReferences(Buffer + 2 * PAGE_SIZE), 1);
    IoFreeMdl(Mdl);
    MiFreePoolPages(Buffer);
}

TEST(LockOperation, "mm/mdl/flags-say-what-it-was-locked-for", "contract 3.9: MDL flags")
{
    static const LOCK_OPERATION Operations[] = {IoReadAccess, IoWriteAccess, IoModifyAccess};
    ULONG64 Word = 0;
    PMDL Mdl = IoAllocateMdl(&Word, sizeof(Word), FALSE, FALSE, NULL);
    REQUIRE(Mdl != NULL);
    for (ULONG i = 0; i < ARRAYSIZE(Operations); i++) {
        CHECK_STATUS(TestLock(Mdl, KernelMode, Operations[i]), STATUS_SUCCESS);
        CHECK_EQ(Mdl->MdlFlags, MDL_PAGES_LOCKED | (i == 0 ? 0 : MDL_WRITE_OPERATION));
        MmUnlockPages(Mdl);
        CHECK_EQ(Mdl->MdlFlags, 0);
    }
    IoFreeMdl(Mdl);
}

TEST(LockTwice, "mm/mdl/two-mdls-lock-a-page-twice", "DDI wdm MmProbeAndLockPages")
{
    PCHAR Buffer = MiAllocatePoolPages(PagedPool, 1);
    REQUIRE(Buffer != NULL);
    PMDL First = TestLockedMdl(Buffer, 16), Second = TestLockedMdl(Buffer + 32, 16);
    REQUIRE(First != NULL && Second != NULL);
    CHECK_EQ(TestReferences(Buffer), 3);
    MmUnlockPages(First);
    CHECK_EQ(TestReferences(Buffer), 2); /* still locked */
    MmUnlockPages(Second);
    CHECK_EQ(TestReferences(Buffer), 1);
    IoFreeMdl(First);
    IoFreeMdl(Second);
    MiFreePoolPages(Buffer);
}

TEST(LockDispatch, "mm/mdl/lock-of-resident-memory-at-dispatch-level", "contract 1.4")
{
    KIRQL Old;
    PCHAR Buffer = MiAllocatePoolPages(NonPagedPoolNx, 1);
    REQUIRE(Buffer != NULL);
    PMDL Mdl = IoAllocateMdl(Buffer, PAGE_SIZE, FALSE, FALSE, NULL);
    REQUIRE(Mdl != NULL);
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    MmProbeAndLockPages(Mdl, KernelMode, IoWriteAccess);
    ULONG References = TestReferences(Buffer);
    MmUnlockPages(Mdl);
    KeLowerIrql(Old);
    CHECK_EQ(References, 2);
    IoFreeMdl(Mdl);
    MiFreePoolPages(Buffer);
}

/* Locks Bytes at Va, which can't be done; nothing may stay. */
static VOID CheckRefused(PVOID Va, ULONG Bytes, KPROCESSOR_MODE Mode, LOCK_OPERATION Operation)
{
    PMDL Mdl = IoAllocateMdl(Va, Bytes, FALSE, FALSE, NULL);
    REQUIRE(Mdl != NULL);
    CHECK_STATUS(TestLock(Mdl, Mode, Operation), STATUS_ACCESS_VIOLATION);
    CHECK_EQ(Mdl->MdlFlags, 0);
    IoFreeMdl(Mdl);
}

TEST(LockNothing, "mm/mdl/lock-of-nothing-raises-access-violation", "MDL-2")
{
    PCHAR Buffer = MiAllocatePoolPages(NonPagedPoolNx, 1);
    REQUIRE(Buffer != NULL);
    MM_COUNTS Before = TestMmCounts();
    CheckRefused((PVOID)0x10000, 16, KernelMode, IoReadAccess);
    CheckRefused((PVOID)0x10000, 16, UserMode, IoReadAccess);
    CheckRefused((PVOID)0x8000000000000000, 16, KernelMode, IoReadAccess);
    CheckRefused((PVOID)(MI_SYSTEM_PTES + 0x4000000000), 16, KernelMode, IoReadAccess);
    CheckRefused((PVOID)(~0ULL - 15), 0x100, KernelMode, IoReadAccess); /* around the end */
    CheckRefused(Buffer, 16, UserMode, IoReadAccess);                   /* a system address */
    CHECK_EQ(TestReferences(Buffer), 1);
    TestMmUnchanged(&Before);
    MiFreePoolPages(Buffer);
}

TEST(LockPart, "mm/mdl/lock-that-fails-at-its-last-page-locks-none", "MDL-2")
{
    PCHAR Buffer = MiReserveRegion(MiRegionSystemPtes, 3);
    PCHAR Pages = MiAllocatePoolPages(NonPagedPoolNx, 2);
    REQUIRE(Buffer != NULL && Pages != NULL);
    for (ULONG i = 0; i < 2; i++) {
        MiWritePte(MiGetPteAddress(Buffer + i * PAGE_SIZE),
                   MiMakeValidPte(TestPageOf(Pages + i * PAGE_SIZE), MM_READWRITE));
    }
    CheckRefused(Buffer, 3 * PAGE_SIZE, KernelMode, IoReadAccess);
    CHECK_EQ(TestReferences(Pages), 1);
    CHECK_EQ(TestReferences(Pages + PAGE_SIZE), 1);
    MiUnmapForeignPages(Buffer, 3);
    MiReleaseRegion(&MiRegions[MiRegionSystemPtes], Buffer, 3);
    MiFreePoolPages(Pages);
}

TEST(LockReadOnly, "mm/mdl/read-only-pages-are-locked-for-reading-only", "MDL-3")
{
    CheckRefused(KiTextStart + 8, 64, KernelMode, IoWriteAccess);
    CheckRefused(KiRodataStart, 64, KernelMode, IoModifyAccess);
    PMDL Mdl = IoAllocateMdl(KiTextStart + 8, 64, FALSE, FALSE, NULL);
    REQUIRE(Mdl != NULL);
    CHECK_STATUS(TestLock(Mdl, KernelMode, IoReadAccess), STATUS_SUCCESS);
    CHECK_EQ(*MmGetMdlPfnArray(Mdl), ((ULONG64)KiTextStart - MI_KERNEL_IMAGE) / PAGE_SIZE);
    MmUnlockPages(Mdl);
    IoFreeMdl(Mdl);
}

TEST(LockLarge, "mm/mdl/lock-behind-a-large-page-finds-each-page", "PIN-2")
{
    MI_WALK Walk;
    PFN_NUMBER First = MiAllocateContiguousPages(2, 0x1803, ~0ULL, 0); /* far above the image */
    REQUIRE(First != MI_NO_PAGE);
    MiWalkTables(MiPfnToAddress(First), &Walk);
    CHECK_EQ(Walk.Level, 2); /* the direct map's */
    PMDL Mdl = TestLockedMdl(MiPfnToAddress(First), 2 * PAGE_SIZE);
    if (Mdl != NULL) {
        CHECK_EQ(MmGetMdlPfnArray(Mdl)[0], First);
        CHECK_EQ(MmGetMdlPfnArray(Mdl)[1], First + 1);
        CHECK_EQ(MiPfnEntry(First + 1)->ReferenceCount, 2);
        MmUnlockPages(Mdl);
        IoFreeMdl(Mdl);
    }
    MiFreePages(First, 2);
}

TEST(LockMost, "mm/mdl/a-page-has-at-most-65535-references", "PIN-1")
{
    PCHAR Buffer = MiAllocatePoolPages(NonPagedPoolNx, 1);
    REQUIRE(Buffer != NULL);
    PMMPFN Entry = MiPfnEntry(TestPageOf(Buffer));
    PMDL Mdl = IoAllocateMdl(Buffer, 1, FALSE, FALSE, NULL);
    REQUIRE(Mdl != NULL);
    Entry->ReferenceCount = MAXUSHORT;
    NTSTATUS Status = TestLock(Mdl, KernelMode, IoReadAccess);
    Entry->ReferenceCount = 1;
    CHECK_STATUS(Status, STATUS_INSUFFICIENT_RESOURCES);
    CHECK_EQ(Mdl->MdlFlags, 0);
    IoFreeMdl(Mdl);
    MiFreePoolPages(Buffer);
}

TEST(LockEmpty, "mm/mdl/lock-of-no-bytes-locks-no-page", "DDI wdm MmProbeAndLockPages")
{
    PMDL Mdl = IoAllocateMdl((PVOID)0xFFFFF98000000000, 0, FALSE, FALSE, NULL);
    REQUIRE(Mdl != NULL);
    CHECK_STATUS(TestLock(Mdl, KernelMode, IoReadAccess), STATUS_SUCCESS);
    MmUnlockPages(Mdl);
    IoFreeMdl(Mdl);
}

TEST(LockTrim, "mm/mdl/locked-pages-are-not-trimmed-and-trimmed-ones-are-locked",
     "PIN-1, DDI wdm MmProbeAndLockPages")
{
    PCHAR Buffer = MiAllocatePoolPages(PagedPool, 2);
    REQUIRE(Buffer != NULL);
    Buffer[0] = 11;
    Buffer[PAGE_SIZE] = 22;
    CHECK_EQ(MiTrimPages(Buffer, 2), 2);
    CHECK(!MmIsAddressValid(Buffer));
    PMDL Mdl = TestLockedMdl(Buffer, 2 * PAGE_SIZE); /* brings them in again */
    REQUIRE(Mdl != NULL);
    CHECK_EQ(MiTrimPages(Buffer, 2), 0);
    CHECK(Buffer[0] == 11 && Buffer[PAGE_SIZE] == 22);
    PCHAR Va = MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority);
    if (CHECK(Va != NULL)) {
        Va[1] = 33; /* the owner's PTE does not know */
    }
    MmUnlockPages(Mdl);
    CHECK_EQ(MiTrimPages(Buffer, 2), 2);
    CHECK(Buffer[0] == 11 && Buffer[1] == 33);
    IoFreeMdl(Mdl);
    MiFreePoolPages(Buffer);
}

/* ---- nonpaged buffers ------------------------------------------------------------------------ */

TEST(BuildPool, "mm/mdl/nonpaged-pool-is-its-own-mapping", "DDI wdm MmBuildMdlForNonPagedPool")
{
    PCHAR Buffer = MiAllocatePoolPages(NonPagedPoolNx, 2);
    REQUIRE(Buffer != NULL);
    PMDL Mdl = IoAllocateMdl(Buffer + 0x123, PAGE_SIZE, FALSE, FALSE, NULL);
    REQUIRE(Mdl != NULL);
    MmBuildMdlForNonPagedPool(Mdl);
    CHECK_EQ(Mdl->MdlFlags, MDL_SOURCE_IS_NONPAGED_POOL);
    CHECK_EQ(Mdl->MappedSystemVa, Buffer + 0x123);
    CHECK_EQ(MmGetMdlPfnArray(Mdl)[0], TestPageOf(Buffer));
    CHECK_EQ(MmGetMdlPfnArray(Mdl)[1], TestPageOf(Buffer + PAGE_SIZE));
    CHECK_EQ(MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority), Buffer + 0x123);
    CHECK_EQ(MmGetSystemAddressForMdl(Mdl), Buffer + 0x123);
    CHECK_EQ(TestReferences(Buffer), 1); /* nothing is locked */
    IoFreeMdl(Mdl);
    MiFreePoolPages(Buffer);
}

/* ---- parts ----------------------------------------------------------------------------------- */

TEST(PartOfLocked, "mm/mdl/part-describes-the-bytes-asked-for", "DDI wdm IoBuildPartialMdl")
{
    PCHAR Buffer = MiAllocatePoolPages(PagedPool, 4);
    REQUIRE(Buffer != NULL);
    PMDL Source = TestLockedMdl(Buffer + 0x10, 3 * PAGE_SIZE);
    PMDL Target = IoAllocateMdl(Buffer + 0x1800, PAGE_SIZE, FALSE, FALSE, NULL);
    REQUIRE(Source != NULL && Target != NULL);
    IoBuildPartialMdl(Source, Target, Buffer + 0x1800, PAGE_SIZE);
    CHECK_EQ(Target->MdlFlags, MDL_PARTIAL);
    CHECK_EQ(MmGetMdlVirtualAddress(Target), Buffer + 0x1800);
    CHECK_EQ(MmGetMdlByteCount(Target), PAGE_SIZE);
    CHECK_EQ(MmGetMdlPfnArray(Target)[0], TestPageOf(Buffer + 0x1000));
    CHECK_EQ(MmGetMdlPfnArray(Target)[1], TestPageOf(Buffer + 0x2000));
    CHECK_EQ(TestReferences(Buffer + 0x1000), 2); /* the source's alone */
    IoFreeMdl(Target);
    MmUnlockPages(Source);
    IoFreeMdl(Source);
    MiFreePoolPages(Buffer);
}

TEST(PartRest, "mm/mdl/part-of-length-zero-is-the-rest", "DDI wdm IoBuildPartialMdl")
{
    PCHAR Buffer = MiAllocatePoolPages(PagedPool, 2);
    REQUIRE(Buffer != NULL);
    PMDL Source = TestLockedMdl(Buffer + 0x10, PAGE_SIZE);
    PMDL Target = IoAllocateMdl(Buffer + 0x10, PAGE_SIZE, FALSE, FALSE, NULL);
    REQUIRE(Source != NULL && Target != NULL);
    IoBuildPartialMdl(Source, Target, Buffer + 0x20, 0);
    CHECK_EQ(MmGetMdlByteCount(Target), PAGE_SIZE - 0x10);
    CHECK_EQ(MmGetMdlByteOffset(Target), 0x20);
    CHECK_EQ(MmGetMdlPfnArray(Target)[1], TestPageOf(Buffer + PAGE_SIZE));
    IoFreeMdl(Target);
    MmUnlockPages(Source);
    IoFreeMdl(Source);
    MiFreePoolPages(Buffer);
}

TEST(PartNonpaged, "mm/mdl/part-of-nonpaged-pool-has-its-address", "DDI wdm IoBuildPartialMdl")
{
    PCHAR Buffer = MiAllocatePoolPages(NonPagedPoolNx, 1);
    REQUIRE(Buffer != NULL);
    PMDL Source = IoAllocateMdl(Buffer, PAGE_SIZE, FALSE, FALSE, NULL);
    PMDL Target = IoAllocateMdl(Buffer, PAGE_SIZE, FALSE, FALSE, NULL);
    REQUIRE(Source != NULL && Target != NULL);
    MmBuildMdlForNonPagedPool(Source);
    IoBuildPartialMdl(Source, Target, Buffer + 0x40, 0x40);
    CHECK_EQ(Target->MdlFlags, MDL_PARTIAL | MDL_SOURCE_IS_NONPAGED_POOL);
    CHECK_EQ(MmGetSystemAddressForMdlSafe(Target, LowPagePriority), Buffer + 0x40);
    IoFreeMdl(Target);
    IoFreeMdl(Source);
    MiFreePoolPages(Buffer);
}
