/*
 * tag.c - tests of the pool tags of memory objects: the caller's own, and the default that the
 * framework takes from the driver's configuration or from its service name.
 */
#include "tests/wdf/fixture.h"
#include "kernel/rtl/rtl.h"
#include "mm/pool/pool.h"

/* The tag that memory gets which is created with PoolTag. */
static ULONG TagGiven(ULONG PoolTag)
{
    WDFMEMORY Memory;
    PVOID Buffer;
    if (!CHECK_STATUS(WdfMemoryCreate(NULL, NonPagedPoolNx, PoolTag, 32, &Memory, &Buffer),
                      STATUS_SUCCESS)) {
        return 0;
    }
    ULONG Tag = FixtureTagOf(Buffer);
    WdfObjectDelete(Memory);
    return Tag;
}

/* Checks the default tag of a driver; Public is what its record shows for it. */
static VOID CheckDefault(PCWSTR Service, ULONG DriverPoolTag, ULONG Expected, ULONG Public)
{
    FixtureUnload();
    REQUIRE(NT_SUCCESS(FixtureLoad(Service, NULL, DriverPoolTag)));
    if (!CHECK_EQ(TagGiven(0), Expected)) {
        DbgPrint("service '%ws'\n", Service);
    }
    CHECK_EQ(WdfDriverGlobals->DriverTag, Public);
}

WDF_TEST(TagGivenByDriver, "wdf/tag/of-the-caller",
         "WMC-10 PoolTag is the pool tag that the driver gives to the memory.")
{
    static const SIZE_T Sizes[] = {1, 64, PAGE_SIZE - 1, PAGE_SIZE, 3 * PAGE_SIZE};
    static const POOL_TYPE Types[] = {NonPagedPool, NonPagedPoolNx, PagedPool};
    for (ULONG i = 0; i < ARRAYSIZE(Sizes) * ARRAYSIZE(Types); i++) {
        WDFMEMORY Memory;
        PVOID Buffer;
        CHECK_STATUS(WdfMemoryCreate(NULL, Types[i / ARRAYSIZE(Sizes)], 'gaTM',
                                     Sizes[i % ARRAYSIZE(Sizes)], &Memory, &Buffer),
                     STATUS_SUCCESS);
        CHECK_EQ(FixtureTagOf(Buffer), 'gaTM');
    }
}

WDF_TEST(TagShown, "wdf/tag/is-shown",
         "WMC-11 The debugger shows the tag. || "
         "WMC-12 A tag is written as up to four characters in single quotes, in reverse order: "
         "'dcba'.")
{
    static const struct {
        ULONG Tag;
        const CHAR *Shown;
    } Cases[] = {{'dcba', "*tag abcd*"}, {'1gaT', "*tag Tag1*"}, {'ba', "*tag ab*"}};
    static const SIZE_T Sizes[] = {64, PAGE_SIZE};
    for (ULONG i = 0; i < ARRAYSIZE(Cases) * ARRAYSIZE(Sizes); i++) {
        WDFMEMORY Memory;
        PVOID Buffer;
        CHAR Text[128];
        ULONG Case = i / ARRAYSIZE(Sizes);
        CHECK_STATUS(WdfMemoryCreate(NULL, NonPagedPoolNx, Cases[Case].Tag,
                                     Sizes[i % ARRAYSIZE(Sizes)], &Memory, &Buffer),
                     STATUS_SUCCESS);
        REQUIRE(KiDescribeAddress(Buffer, Text, sizeof(Text)));
        CHECK(RtlpMatchGlob(Cases[Case].Shown, Text));
    }
}

WDF_TEST(TagCharacters, "wdf/tag/characters",
         "WMC-13 Each character of a tag has an ASCII value from 0 to 127.")
{
    /* The ends of the range and of what can be printed, in every place; 0 behind others. */
    static const ULONG Tags[] = {'W',        0x01010101, 0x7F7F7F7F, 0x1F20017F, 0x7E7F1F20,
                                 0x007F7E01, 0x20012020, 0x7F01000A, 0x00006157};
    for (ULONG i = 0; i < ARRAYSIZE(Tags); i++) {
        CHECK_EQ(TagGiven(Tags[i]), Tags[i]);
    }
}

WDF_TEST(TagUnique, "wdf/tag/each-is-counted-apart",
         "WMC-14 A driver is easier to debug when each of its tags is unique.")
{
    static const ULONG Tags[] = {'1gTM', '2gTM', '3gTM'};
    POOL_TAG_USAGE Before[3], After;
    WDFMEMORY Memory;
    for (ULONG i = 0; i < ARRAYSIZE(Tags); i++) {
        ExpQueryTag(Tags[i], &Before[i]);
    }
    for (ULONG i = 0; i < 6; i++) { /* 1 of the first, 2 of the second, 3 of the third */
        ULONG Which = i == 0 ? 0 : i < 3 ? 1 : 2;
        CHECK_STATUS(WdfMemoryCreate(NULL, NonPagedPoolNx, Tags[Which], 100, &Memory, NULL),
                     STATUS_SUCCESS);
    }
    for (ULONG i = 0; i < ARRAYSIZE(Tags); i++) {
        ExpQueryTag(Tags[i], &After);
        CHECK_EQ(After.NonPagedAllocs - Before[i].NonPagedAllocs, i + 1);
    }
}

WDF_TEST(TagDefault, "wdf/tag/default-is-the-service-name",
         "WMC-15 With PoolTag 0 the framework supplies a default tag. || "
         "WMC-16 The default tag is the first four characters of the driver's service name.")
{
    CheckDefault(L"Echo", 0, 'ohcE', 'ohcE');
    CheckDefault(L"toaster", 0, 'saot', 'saot');
    CheckDefault(L"NonPnp", 0, 'PnoN', 'PnoN');
    CheckDefault(L"xwdf", 0, 'fdwx', 'fdwx');
    CheckDefault(L"WD40oil", 0, '04DW', '04DW');
}

WDF_TEST(TagPrefix, "wdf/tag/default-skips-wdf",
         "WMC-17 If the service name begins with WDF, the four characters after that are the tag. "
         "|| "
         "WMC-18 The letter case of WDF at the start of the service name does not matter.")
{
    CheckDefault(L"WDFEcho", 0, 'ohcE', 'ohcE');
    CheckDefault(L"wdfEcho", 0, 'ohcE', 'ohcE');
    CheckDefault(L"WdfToaster", 0, 'saoT', 'saoT');
    CheckDefault(L"wDFwdfx", 0, 'xfdw', 'xfdw');
}

WDF_TEST(TagShortName, "wdf/tag/default-of-a-short-name",
         "WMC-19 If fewer than four characters are available, the default tag is 'FxDr'.")
{
    CheckDefault(L"ab", 0, 'rDxF', 0);
    CheckDefault(L"abc", 0, 'rDxF', 0);
    CheckDefault(L"abcd", 0, 'dcba', 'dcba');
    CheckDefault(L"wdf", 0, 'rDxF', 0);
    CheckDefault(L"wdfabc", 0, 'rDxF', 0);
    CheckDefault(L"", 0, 'rDxF', 0);
}

WDF_TEST(TagOfConfig, "wdf/tag/driver-pool-tag",
         "WMC-20 From KMDF 1.5 on, DriverPoolTag of WDF_DRIVER_CONFIG sets the default tag.")
{
    CheckDefault(L"Echo", 'gfnC', 'gfnC', 'gfnC');
    CheckDefault(L"ab", 'gfnC', 'gfnC', 'gfnC');
    CheckDefault(L"Echo", ' kdD', 'ohcE', 'ohcE'); /* contract 2.4: means that none was chosen */
}

WDF_TEST(TagOfDriverObjects, "wdf/tag/of-the-frameworks-own-blocks",
         "contract 1.5: default pool for objects: nonpaged with the driver's tag")
{
    FixtureUnload();
    REQUIRE(NT_SUCCESS(FixtureLoad(L"Echo", NULL, 0)));
    POOL_TAG_USAGE Before, After;
    WDFMEMORY Memory;
    PVOID Own[16];
    ExpQueryTag('ohcE', &Before);
    WDFOBJECT Object = FixtureObject('o', NULL);
    REQUIRE(Object != NULL);
    CHECK_STATUS(WdfMemoryCreatePreallocated(NULL, Own, sizeof(Own), &Memory), STATUS_SUCCESS);
    CHECK_STATUS(WdfMemoryCreate(NULL, PagedPool, 'rhtO', 64, &Memory, NULL), STATUS_SUCCESS);
    ExpQueryTag('ohcE', &After);
    CHECK_EQ(After.NonPagedAllocs - Before.NonPagedAllocs, 3);
    CHECK_EQ(After.PagedAllocs, Before.PagedAllocs);
}

WDF_TEST(TagOfParentsDriver, "wdf/tag/default-of-the-parents-driver",
         "contract 2.4: tag 0 uses the tag of the parent's driver if a parent is given")
{
    PWDF_DRIVER_GLOBALS First = WdfDriverGlobals;
    WDFOBJECT Parent = FixtureObject('p', NULL);
    REQUIRE(NT_SUCCESS(FixtureLoad(L"Second", NULL, 0)));
    PWDF_DRIVER_GLOBALS Second = WdfDriverGlobals;
    WDFMEMORY Memory = FixtureMemory('m', Parent, NonPagedPoolNx, 64);
    if (CHECK(Memory != NULL)) {
        CHECK_EQ(FixtureTagOf(WdfMemoryGetBuffer(Memory, NULL)), FIXTURE_TAG);
    }
    CHECK_EQ(TagGiven(0), 'oceS');
    FixtureUnload();
    CHECK_NE(First, Second);
    WdfDriverGlobals = First;
}
