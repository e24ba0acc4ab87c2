/*
 * describe.c - tests of what bug checks and the monitor say about a WDF handle.
 */
#include "tests/wdf/fixture.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/rtl.h"
#include "wdf/fx.h"

static BOOLEAN Says(ULONG64 Address, const CHAR *Glob)
{
    CHAR Text[160];
    if (!KiDescribeAddress((PVOID)Address, Text, sizeof(Text))) {
        return FALSE;
    }
    BOOLEAN Matches = RtlpMatchGlob(Glob, Text);
    if (!Matches) {
        DbgPrint("%p: %s\n", (PVOID)Address, Text);
    }
    return Matches;
}

WDF_TEST(DescribeHandle, "wdf/describe/handles", "")
{
    WDFOBJECT Object = FixtureObject('o', NULL);
    WDFMEMORY Small = FixtureMemory('s', NULL, NonPagedPool, PAGE_SIZE - 1);
    WDFMEMORY Paged = FixtureMemory('p', NULL, PagedPool, 64);
    REQUIRE(Object && Small && Paged);
    CHECK(Says((ULONG64)WdfGetDriver(), "handle of a WDF driver object at * driver Test, ref*"));
    CHECK(Says((ULONG64)Object, "handle of a WDF general object at *, references 1"));
    CHECK(Says((ULONG64)Small, "handle of a WDF memory object at *, references 1"));
    WdfObjectReference(Paged);
    WdfObjectDelete(Paged);
    CHECK(Says((ULONG64)Paged, "handle of a WDF memory object at *, references 1, being deleted"));
    WdfObjectDereference(Paged);
}

static BOOLEAN IsCalledHandle(ULONG64 Address)
{
    CHAR Text[160];
    return KiDescribeAddress((PVOID)Address, Text, sizeof(Text)) && RtlpMatchGlob("*handle*", Text);
}

WDF_TEST(DescribeOthers, "wdf/describe/what-is-no-handle", "")
{
    static const ULONG64 Numbers[] = {
        0, 1, 8, 0x100A, 0x7FFF, 0x800000000000, ~0ULL, 0xC0000005, FX_HANDLE_MASK};
    WDFOBJECT Object = FixtureObject('o', NULL);
    REQUIRE(Object != NULL);
    for (ULONG i = 0; i < ARRAYSIZE(Numbers); i++) {
        CHECK(!IsCalledHandle(Numbers[i]));
    }
    /* Beside an object, and where one was. */
    CHECK(IsCalledHandle((ULONG64)Object));
    CHECK(!IsCalledHandle((ULONG64)Object + 8));
    CHECK(!IsCalledHandle((ULONG64)Object - 16));
    WdfObjectDelete(Object);
    CHECK(!IsCalledHandle((ULONG64)Object));
    /* The object's own address belongs to the pools. */
    CHECK(Says((ULONG64)WdfGetDriver() ^ FX_HANDLE_MASK, "nonpaged pool: block *tag Test*"));
}
