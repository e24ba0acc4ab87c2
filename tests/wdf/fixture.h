/*
 * fixture.h - a bound KMDF driver for each test of the framework, for tests/wdf/.
 *
 *     WDF_TEST(Ident, "wdf/memory/size", "WMC-21 ...")
 *     {
 *         ... WdfMemoryCreate(...), as a driver writes it ...
 *     }
 *
 * Before the body a client is bound and its driver object made; after it the driver is unloaded,
 * and what the body allocated must have gone back to the pools, tag by tag.
 */
#pragma once

#include <ntddk.h>
#include <wdf.h>
#include "tests/test.h"

/*
 * Runs Body between FixtureLoad and FixtureUnload, and fails when a pool block stays behind.
 */
VOID FixtureRun(TEST_ROUTINE *Body);

#define WDF_TEST(Ident, Name, Quote)                                                               \
    static VOID Ident##Body(VOID);                                                                 \
    TEST(Ident, Name, Quote)                                                                       \
    {                                                                                              \
        FixtureRun(Ident##Body);                                                                   \
    }                                                                                              \
    static VOID Ident##Body(VOID)

#define FIXTURE_TAG 'tseT' /* the default tag of the service "Test" */

/*
 * Binds a client as service \Services\<Service> and makes its driver object: WdfDriverGlobals is
 * its record then. Attributes may be NULL, PoolTag is WDF_DRIVER_CONFIG.DriverPoolTag. Returns the
 * status of the driver object.
 */
NTSTATUS FixtureLoad(PCWSTR Service, PWDF_OBJECT_ATTRIBUTES Attributes, ULONG PoolTag);
/* Deletes what the client still has and unbinds it; nothing when none is bound. */
VOID FixtureUnload(VOID);

/* The tag of the pool block that Address lies in, 0 when it is in none. */
ULONG FixtureTagOf(PVOID Address);
/* Runs what waits for PASSIVE_LEVEL. */
VOID FixtureRunDeferred(VOID);

/* ---- callbacks that leave a trace ------------------------------------------------------------ */

/* The context that the callbacks below read: the object's name in the trace. */
typedef struct _NAMED {
    CHAR Name;
} NAMED, *PNAMED;
WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(NAMED, GetNamed)

/* Append "c<name>" and "d<name>" to the trace, with the IRQL behind it unless that is 0. */
VOID NTAPI FixtureCleanup(WDFOBJECT Object);
VOID NTAPI FixtureDestroy(WDFOBJECT Object);
/* Checks that the trace is Expected and empties it. */
VOID FixtureExpect(const CHAR *Expected);

/* Attributes with both callbacks, a NAMED context and a parent (NULL: the default one). */
VOID FixtureAttributes(PWDF_OBJECT_ATTRIBUTES Attributes, WDFOBJECT Parent);
/* A general object with all that; NULL when it could not be made. */
WDFOBJECT FixtureObject(CHAR Name, WDFOBJECT Parent);
/* A memory object of PoolType with all that. */
WDFMEMORY FixtureMemory(CHAR Name, WDFOBJECT Parent, POOL_TYPE PoolType, SIZE_T Size);
