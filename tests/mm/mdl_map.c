/*
 * mdl_map.c - tests of mappings of MDLs: who gets which address, with which rights and caching, and
 * what is left when they are gone.
 */
#include "tests/mm/mdl_check.h"

#define SYSTEM_PTES (&MiRegions[MiRegionSystemPtes])

/* Paged pool under a locked MDL. */
typedef struct _LOCKED_BUFFER {
    PCHAR Buffer;
    PMDL Mdl;
} LOCKED_BUFFER;

/* Pages pages, all but the first 16 bytes of which are in the MDL; Mdl is NULL if it failed. */
static LOCKED_BUFFER MakeLocked(ULONG Pages)
{
    LOCKED_BUFFER Locked = {.Buffer = MiAllocatePoolPages(PagedPool, Pages)};
    if (Locked.Buffer != NULL) {
        Locked.Mdl = TestLockedMdl(Locked.Buffer + 16, Pages * PAGE_SIZE - 16);
    }
    CHECK(Locked.Mdl != NULL);
    return Locked;
}

static VOID FreeLocked(LOCKED_BUFFER Locked)
{
    MmUnlockPages(Locked.Mdl);
    IoFreeMdl(Locked.Mdl);
    MiFreePoolPages(Locked.Buffer);
}

TEST(MapShares, "mm/mdl/mapping-shows-the-buffers-bytes", "MAP-1")
{
    LOCKED_BUFFER Locked = MakeLocked(3);
    REQUIRE(Locked.Mdl != NULL);
    volatile CHAR *Va = MmGetSystemAddressForMdlSafe(Locked.Mdl, NormalPagePriority);
    if (CHECK(Va != NULL)) {
        CHECK_EQ(MiAddressKind((PVOID)Va), MiVaSystemPtes);
        CHECK_EQ(BYTE_OFFSET((PVOID)Va), 16); /* as in the buffer */
        Va[0] = 1;
        Va[3 * PAGE_SIZE - 17] = 2;
        CHECK_EQ(Locked.Buffer[16], 1);
        CHECK_EQ(Locked.Buffer[3 * PAGE_SIZE - 1], 2);
        CHECK(Locked.Mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA);
        CHECK_EQ(MmGetSystemAddressForMdlSafe(Locked.Mdl, LowPagePriority), Va); /* the same */
        MmUnmapLockedPages((PVOID)Va, Locked.Mdl);
    }
    CHECK_EQ(Locked.Mdl->MdlFlags, MDL_PAGES_LOCKED | MDL_WRITE_OPERATION);
    FreeLocked(Locked);
}

TEST(MapGone, "mm/mdl/unmapping-leaves-nothing", "MAP-4")
{
    LOCKED_BUFFER Locked = MakeLocked(3);
    REQUIRE(Locked.Mdl != NULL);
    PVOID Va = MmMapLockedPages(Locked.Mdl, KernelMode); /* page tables are there now */
    MmUnmapLockedPages(Va, Locked.Mdl);
    MM_COUNTS Before = TestMmCounts();
    Va = MmMapLockedPages(Locked.Mdl, KernelMode);
    CHECK_EQ(SYSTEM_PTES->PagesInUse, Before.InUse[MiRegionSystemPtes] + 3);
    CHECK_EQ(TestReferences(Locked.Buffer), 3); /* its owner, the lock, the mapping */
    MmUnmapLockedPages(Va, Locked.Mdl);
    CHECK(!MmIsAddressValid(Va));
    CHECK_EQ(MiReadPte(MiGetPteAddress(Va)).Long, 0);
    CHECK_EQ(TestReferences(Locked.Buffer), 2);
    TestMmUnchanged(&Before);
    FreeLocked(Locked);
}

TEST(MapUnlock, "mm/mdl/unlocking-undoes-the-mapping", "DDI wdm MmUnlockPages")
{
    LOCKED_BUFFER Locked = MakeLocked(2);
    REQUIRE(Locked.Mdl != NULL);
    SIZE_T InUse = SYSTEM_PTES->PagesInUse;
    PVOID Va = MmGetSystemAddressForMdlSafe(Locked.Mdl, HighPagePriority);
    CHECK(Va != NULL);
    MmUnlockPages(Locked.Mdl);
    CHECK_EQ(Locked.Mdl->MdlFlags, 0);
    CHECK(!MmIsAddressValid(Va));
    CHECK_EQ(SYSTEM_PTES->PagesInUse, InUse);
    CHECK_EQ(TestReferences(Locked.Buffer), 1);
    CHECK_STATUS(TestLock(Locked.Mdl, KernelMode, IoReadAccess), STATUS_SUCCESS);
    FreeLocked(Locked);
}

TEST(MapRights, "mm/mdl/no-mapping-is-executable-and-no-write-is-read-only", "MAP-3")
{
    static const ULONG Priorities[] = {NormalPagePriority, NormalPagePriority | MdlMappingNoExecute,
                                       NormalPagePriority | MdlMappingNoWrite};
    LOCKED_BUFFER Locked = MakeLocked(1);
    REQUIRE(Locked.Mdl != NULL);
    for (ULONG i = 0; i < ARRAYSIZE(Priorities); i++) {
        PVOID Va = MmGetSystemAddressForMdlSafe(Locked.Mdl, Priorities[i]);
        if (CHECK(Va != NULL)) {
            MMPTE Value = MiReadPte(MiGetPteAddress(Va));
            CHECK_EQ(Value.Hard.Dirty1, i != 2);
            CHECK_EQ(Value.Hard.NoExecute, 1);
            MmUnmapLockedPages(Va, Locked.Mdl);
        }
    }
    FreeLocked(Locked);
}

TEST(MapPriority, "mm/mdl/low-leaves-an-eighth-of-the-ptes-and-normal-a-32nd",
     "DDI wdm MmGetSystemAddressForMdlSafe")
{
    static const struct {
        ULONG Priority;
        SIZE_T Left; /* pages of address space that stay free */
    } Rows[] = {{LowPagePriority, 800},
                {LowPagePriority + 15, 800},
                {NormalPagePriority, 200},
                {NormalPagePriority | MdlMappingNoWrite, 200},
                {HighPagePriority, 0}};
    LOCKED_BUFFER Locked = MakeLocked(1);
    REQUIRE(Locked.Mdl != NULL);
    SIZE_T Limit = SYSTEM_PTES->Limit, InUse = SYSTEM_PTES->PagesInUse;
    for (ULONG i = 0; i < ARRAYSIZE(Rows); i++) {
        SYSTEM_PTES->Limit = 6400;
        SYSTEM_PTES->PagesInUse = 6400 - Rows[i].Left;
        PVOID None = MmGetSystemAddressForMdlSafe(Locked.Mdl, Rows[i].Priority);
        SYSTEM_PTES->PagesInUse -= 1; /* just enough */
        PVOID Va = MmGetSystemAddressForMdlSafe(Locked.Mdl, Rows[i].Priority);
        SYSTEM_PTES->PagesInUse = InUse + 1;
        SYSTEM_PTES->Limit = Limit;
        CHECK_EQ(None, NULL);
        if (CHECK(Va != NULL)) {
            MmUnmapLockedPages(Va, Locked.Mdl);
        }
        SYSTEM_PTES->PagesInUse = InUse;
    }
    FreeLocked(Locked);
}

TEST(MapFails, "mm/mdl/mapping-that-fails-is-null-and-leaves-the-mdl-alone", "MAP-4")
{
    LOCKED_BUFFER Locked = MakeLocked(2);
    REQUIRE(Locked.Mdl != NULL);
    SIZE_T Limit = SYSTEM_PTES->Limit;
    SYSTEM_PTES->Limit = 1;
    PVOID Safe = MmGetSystemAddressForMdlSafe(Locked.Mdl, HighPagePriority);
    Locked.Mdl->MdlFlags |= MDL_MAPPING_CAN_FAIL;
    PVOID CanFail = MmMapLockedPages(Locked.Mdl, KernelMode);
    Locked.Mdl->MdlFlags &= ~MDL_MAPPING_CAN_FAIL;
    SYSTEM_PTES->Limit = Limit;
    CHECK_EQ(Safe, NULL);
    CHECK_EQ(CanFail, NULL);
    CHECK_EQ(Locked.Mdl->MdlFlags, MDL_PAGES_LOCKED | MDL_WRITE_OPERATION);
    CHECK_EQ(TestReferences(Locked.Buffer), 2);
    FreeLocked(Locked);
}

TEST(MapDispatch, "mm/mdl/is-mapped-and-unlocked-at-dispatch-level", "contract 1.4")
{
    KIRQL Old;
    LOCKED_BUFFER Locked = MakeLocked(1);
    REQUIRE(Locked.Mdl != NULL);
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    PCHAR Va = MmGetSystemAddressForMdlSafe(Locked.Mdl, HighPagePriority);
    CHAR Written = 0;
    if (Va != NULL) {
        *Va = 77; /* paged pool, and yet no fault */
        Written = *Va;
    }
    MmUnlockPages(Locked.Mdl);
    KeLowerIrql(Old);
    CHECK_EQ(Written, 77);
    CHECK_EQ(Locked.Buffer[16], 77);
    IoFreeMdl(Locked.Mdl);
    MiFreePoolPages(Locked.Buffer);
}

static NTSTATUS MapForUser(PMDL Mdl)
{
    volatile NTSTATUS Status = STATUS_SUCCESS;
    KE_TRY
    {
        MmMapLockedPagesSpecifyCache(Mdl, UserMode, MmCached, NULL, FALSE, NormalPagePriority);
    }
    KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
    {
        Status = GetExceptionCode();
    }
    KE_END_TRY
    return Status;
}

TEST(MapUser, "mm/mdl/mapping-into-user-space-raises", "there is no user space to map into")
{
    LOCKED_BUFFER Locked = MakeLocked(1);
    REQUIRE(Locked.Mdl != NULL);
    CHECK_STATUS(MapForUser(Locked.Mdl), STATUS_NOT_SUPPORTED);
    CHECK_EQ(Locked.Mdl->MdlFlags, MDL_PAGES_LOCKED | MDL_WRITE_OPERATION);
    FreeLocked(Locked);
}

/* CacheType says nothing where the pool's own mapping is cached. */
TEST(MapCaching, "mm/mdl/pages-with-an-owner-stay-cached", "MAP-2")
{
    LOCKED_BUFFER Locked = MakeLocked(1);
    REQUIRE(Locked.Mdl != NULL);
    PVOID Va = MmMapLockedPagesSpecifyCache(Locked.Mdl, KernelMode, MmNonCached, NULL, FALSE,
                                            NormalPagePriority);
    if (CHECK(Va != NULL)) {
        CHECK_EQ(MiReadPte(MiGetPteAddress(Va)).Hard.CacheDisable, 0);
    }
    FreeLocked(Locked);
}

TEST(MapText, "mm/mdl/kernel-text-is-mapped-read-only", "MAP-3, WX-2")
{
    MI_WX_FINDING Finding;
    PMDL Mdl = IoAllocateMdl(KiTextStart, PAGE_SIZE, FALSE, FALSE, NULL);
    REQUIRE(Mdl != NULL);
    CHECK_STATUS(TestLock(Mdl, KernelMode, IoReadAccess), STATUS_SUCCESS);
    PVOID Va = MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority);
    if (CHECK(Va != NULL)) {
        CHECK_EQ(*(PULONG64)Va, *(PULONG64)KiTextStart);
        CHECK_EQ(MiReadPte(MiGetPteAddress(Va)).Hard.Dirty1, 0);
        CHECK(MiCheckWritableExecutable(&Finding));
        CHECK_STATUS(MmProtectMdlSystemAddress(Mdl, PAGE_READWRITE),
                     STATUS_INVALID_PAGE_PROTECTION);
    }
    MmUnlockPages(Mdl);
    IoFreeMdl(Mdl);
}

/* ---- parts ----------------------------------------------------------------------------------- */

TEST(PartMaps, "mm/mdl/part-has-a-mapping-of-its-own-or-its-sources",
     "DDI wdm IoBuildPartialMdl: MmGetSystemAddressForMdlSafe")
{
    LOCKED_BUFFER Locked = MakeLocked(3);
    REQUIRE(Locked.Mdl != NULL);
    PMDL Part = IoAllocateMdl(Locked.Buffer + 0x1010, 0x100, FALSE, FALSE, NULL);
    if (Part != NULL) {
        SIZE_T InUse = SYSTEM_PTES->PagesInUse;
        IoBuildPartialMdl(Locked.Mdl, Part, Locked.Buffer + 0x1010, 0x100);
        PCHAR Va = MmGetSystemAddressForMdlSafe(Part, NormalPagePriority);
        if (CHECK(Va != NULL)) {
            *Va = 5;
            CHECK_EQ(Locked.Buffer[0x1010], 5);
        }
        CHECK(Part->MdlFlags & MDL_PARTIAL_HAS_BEEN_MAPPED);
        CHECK_EQ(SYSTEM_PTES->PagesInUse, InUse + 1);
        MmPrepareMdlForReuse(Part);
        CHECK_EQ(Part->MdlFlags, MDL_PARTIAL);
        CHECK_EQ(SYSTEM_PTES->PagesInUse, InUse);
        /* Now the source has one. */
        PCHAR Whole = MmGetSystemAddressForMdlSafe(Locked.Mdl, NormalPagePriority);
        IoBuildPartialMdl(Locked.Mdl, Part, Locked.Buffer + 0x1020, 0x10);
        CHECK_EQ(MmGetSystemAddressForMdlSafe(Part, NormalPagePriority), Whole + 0x1010);
        CHECK_EQ(SYSTEM_PTES->PagesInUse, InUse + 3);
        MmPrepareMdlForReuse(Part); /* takes nothing of the source's */
        CHECK(MmIsAddressValid(Whole));
        IoFreeMdl(Part);
        CHECK(MmIsAddressValid(Whole));
    }
    FreeLocked(Locked);
}

TEST(PartFreed, "mm/mdl/freeing-a-part-undoes-its-mapping", "DDI wdm IoFreeMdl")
{
    LOCKED_BUFFER Locked = MakeLocked(1);
    REQUIRE(Locked.Mdl != NULL);
    SIZE_T InUse = SYSTEM_PTES->PagesInUse;
    PMDL Part = IoAllocateMdl(Locked.Buffer + 16, 16, FALSE, FALSE, NULL);
    if (Part != NULL) {
        IoBuildPartialMdl(Locked.Mdl, Part, Locked.Buffer + 16, 16);
        PVOID Va = MmGetSystemAddressForMdlSafe(Part, NormalPagePriority);
        CHECK(Va != NULL);
        IoFreeMdl(Part);
        CHECK(!MmIsAddressValid(Va));
        CHECK_EQ(SYSTEM_PTES->PagesInUse, InUse);
        CHECK_EQ(TestReferences(Locked.Buffer), 2);
    }
    FreeLocked(Locked);
}

/* ---- rights ---------------------------------------------------------------------------------- */

TEST(ProtectRights, "mm/mdl/protect-changes-what-a-mapping-allows",
     "DDI wdm MmProtectMdlSystemAddress")
{
    static const struct {
        ULONG Protect;
        BOOLEAN Valid, Writable, Executable;
    } Rows[] = {{PAGE_READONLY, 1, 0, 0}, {PAGE_NOACCESS, 0, 0, 0},     {PAGE_READWRITE, 1, 1, 0},
                {PAGE_EXECUTE, 1, 0, 1},  {PAGE_EXECUTE_READ, 1, 0, 1}, {PAGE_NOACCESS, 0, 0, 0}};
    LOCKED_BUFFER Locked = MakeLocked(2);
    REQUIRE(Locked.Mdl != NULL);
    PCHAR Va = MmGetSystemAddressForMdlSafe(Locked.Mdl, NormalPagePriority);
    for (ULONG i = 0; Va != NULL && i < ARRAYSIZE(Rows); i++) {
        CHECK_STATUS(MmProtectMdlSystemAddress(Locked.Mdl, Rows[i].Protect), STATUS_SUCCESS);
        MMPTE Value = MiReadPte(MiGetPteAddress(Va + PAGE_SIZE));
        CHECK_EQ(Value.Hard.Valid, Rows[i].Valid);
        CHECK_EQ(Value.Hard.Dirty1, Rows[i].Writable);
        CHECK_EQ(Rows[i].Valid && !Value.Hard.NoExecute, Rows[i].Executable);
    }
    CHECK_EQ(TestReferences(Locked.Buffer), 3);
    FreeLocked(Locked); /* whatever it allows now */
}

TEST(ProtectRefused, "mm/mdl/protect-refuses-other-values-and-no-mapping",
     "DDI wdm MmProtectMdlSystemAddress || MAP-3")
{
    LOCKED_BUFFER Locked = MakeLocked(1);
    REQUIRE(Locked.Mdl != NULL);
    CHECK_STATUS(MmProtectMdlSystemAddress(Locked.Mdl, PAGE_READONLY), STATUS_NOT_MAPPED_VIEW);
    PVOID Va = MmGetSystemAddressForMdlSafe(Locked.Mdl, NormalPagePriority);
    if (CHECK(Va != NULL)) {
        static const ULONG Wrong[] = {0, PAGE_EXECUTE_READWRITE, PAGE_READONLY | PAGE_READWRITE,
                                      PAGE_READWRITE | PAGE_NOCACHE, 0x8};
        for (ULONG i = 0; i < ARRAYSIZE(Wrong); i++) {
            CHECK_STATUS(MmProtectMdlSystemAddress(Locked.Mdl, Wrong[i]),
                         STATUS_INVALID_PAGE_PROTECTION);
        }
        CHECK_EQ(MiReadPte(MiGetPteAddress(Va)).Hard.Dirty1, 1);
    }
    FreeLocked(Locked);
}
