/*
 * declaration.c - tests of what a driver's source sees: that ntdef.h and wdf.h alone declare what
 * the documents say, and that a call goes through the table that the framework publishes.
 *
 * The includes below are the test: nothing else may come before what each of them must bring.
 */
#include <ntdef.h>
#ifndef MEMORY_ALLOCATION_ALIGNMENT
#error "MEMORY_ALLOCATION_ALIGNMENT comes from ntdef.h"
#endif
_Static_assert(MEMORY_ALLOCATION_ALIGNMENT == 16, "64-bit systems");

#include <ntddk.h>
#include <wdf.h>

/* The documented signature; a declaration that differs does not compile. */
static NTSTATUS (*const Documented)(PWDF_OBJECT_ATTRIBUTES, POOL_TYPE, ULONG, size_t, WDFMEMORY *,
                                    PVOID *) = WdfMemoryCreate;

#include "tests/wdf/fixture.h"
#include "wdf/fx.h"

TEST(DeclarationAlignment, "wdf/declaration/memory-allocation-alignment",
     "WMC-48 MEMORY_ALLOCATION_ALIGNMENT comes from ntdef.h.")
{
    CHECK_EQ(MEMORY_ALLOCATION_ALIGNMENT, 16);
}

WDF_TEST(DeclarationSignature, "wdf/declaration/signature",
         "WMC-5 It takes Attributes, PoolType, PoolTag, BufferSize, Memory, Buffer and returns "
         "NTSTATUS. || "
         "WMC-59 The declaration is in wdfmemory.h, which drivers include through wdf.h.")
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFMEMORY Memory;
    PVOID Buffer;
    FixtureAttributes(&Attributes, NULL);
    CHECK_STATUS(Documented(&Attributes, NonPagedPoolNx, '5cmW', 77, &Memory, &Buffer),
                 STATUS_SUCCESS);
    size_t Size;
    GetNamed(Memory)->Name = 's';
    CHECK_EQ(WdfMemoryGetBuffer(Memory, &Size), Buffer);
    CHECK_EQ(Size, 77);
    CHECK_EQ(FixtureTagOf(Buffer), '5cmW');
    WdfObjectDelete(Memory);
    FixtureExpect("csds");
}

/* ---- the function table (contract 5.4) ------------------------------------------------------- */

WDF_TEST(DeclarationTable, "wdf/table/memory-create",
         "WMC-1 WdfMemoryCreate is offered to KMDF drivers.")
{
    /* As a driver binary calls it: slot 192 of the table, the driver's record first. */
    typedef NTSTATUS(NTAPI * SLOT_192)(PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, ULONG, ULONG,
                                       ULONG64, PVOID *, PVOID *);
    PVOID Memory = NULL, Buffer = NULL;
    CHECK_EQ(WdfFunctions[192], FxWdfMemoryCreate);
    CHECK_STATUS(
        ((SLOT_192)WdfFunctions[192])(WdfDriverGlobals, NULL, 512, 0, 4096, &Memory, &Buffer),
        STATUS_SUCCESS);
    REQUIRE(Memory != NULL && Buffer != NULL);
    CHECK_EQ(BYTE_OFFSET(Buffer), 0);
}

TEST(DeclarationOrder, "wdf/table/order", "contract 5.4: indices of the groups")
{
    static const struct {
        ULONG Index;
        const CHAR *Name;
    } Known[] = {
        {0, "WdfChildListCreate"},
        {13, "WdfCollectionCreate"},
        {25, "WdfControlDeviceInitAllocate"},
        {75, "WdfDeviceCreate"},
        {116, "WdfDriverCreate"},
        {152, "WdfIoQueueCreate"},
        {192, "WdfMemoryCreate"},
        {199, "WdfMemoryCreateFromLookaside"},
        {202, "WdfObjectGetTypedContextWorker"},
        {208, "WdfObjectDelete"},
        {209, "WdfObjectQuery"},
        {247, "WdfRequestCreate"},
        {308, "WdfStringCreate"},
        {317, "WdfSpinLockRelease"},
        {368, "WdfVerifierKeBugCheck"},
        {431, "WdfGetTriageInfo"},
        {443, "WdfDeviceOpenDevicemapKey"},
        {453, "WdfPdoInitRemovePowerDependencyOnParent"},
        {457, "WdfDeviceSetDeviceInterfaceStateEx"},
    };
    CHECK_EQ(WdfFunctionTableNumEntries, 458);
    for (ULONG i = 0; i < ARRAYSIZE(Known); i++) {
        if (!CHECK_EQ(strcmp(FxFunctionNames[Known[i].Index], Known[i].Name), 0)) {
            DbgPrint("%u is %s\n", Known[i].Index, FxFunctionNames[Known[i].Index]);
        }
    }
}

TEST(DeclarationDistinct, "wdf/table/each-slot-leads-to-its-own-function", "table.S")
{
    /* Else the bug check of a missing function would name another one. */
    ULONG Same = 0;
    for (ULONG i = 0; i < WdfFunctionTableNumEntries; i++) {
        CHECK(FxFunctionTable[i] != NULL);
        for (ULONG j = 0; j < i; j++) {
            Same += FxFunctionTable[i] == FxFunctionTable[j];
        }
    }
    CHECK_EQ(Same, 0);
}
