/*
 * resource_crash.c - misuse of resources, each in a machine that must stop.
 */
#include "tests/ke/threads.h"

#define HIGH (KI_PRIORITY_DEFAULT + 1) /* runs at once */

static ERESOURCE TestResource;

static VOID Announce(VOID)
{
    ExInitializeResourceLite(&TestResource);
    TestAnnounce("resource", (ULONG64)&TestResource);
    TestAnnounce("thread", (ULONG64)KeGetCurrentThread());
}

static VOID NTAPI OwnForever(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(&TestResource, TRUE);
    KeWaitForSingleObject(KeGetCurrentThread(), Executive, KernelMode, FALSE, NULL);
}

CRASH_TEST(CrashResourceOpen, "resource/acquired-with-apcs-on", "0xC4 0x37 0x0 0x0 $resource",
           "contract 4.6: 0x37 (IRQL, APC count, resource)")
{
    Announce();
    ExAcquireResourceSharedLite(&TestResource, TRUE);
}

CRASH_TEST(CrashResourceHigh, "resource/acquired-at-dispatch", "0xC4 0xE5 0x2 0x0 0x0",
           "contract 1.4: ExAcquireResource*Lite <= APC")
{
    Announce();
    KeEnterCriticalRegion();
    KeRaiseIrqlToDpcLevel();
    ExAcquireResourceExclusiveLite(&TestResource, FALSE);
}

CRASH_TEST(CrashResourceReleaseOpen, "resource/released-with-apcs-on",
           "0xC4 0x38 0x0 0x0 $resource", "contract 4.6: 0x38 (IRQL, APC count, resource)")
{
    Announce();
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&TestResource, TRUE);
    KeLeaveCriticalRegion();
    ExReleaseResourceLite(&TestResource);
}

CRASH_TEST(CrashResourceReleaseHigh, "resource/released-above-dispatch", "0xC4 0xE5 0x5 0x0 0x0",
           "DDI wdm ExReleaseResourceLite: <= DISPATCH_LEVEL")
{
    KIRQL Old;
    Announce();
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&TestResource, TRUE);
    KeRaiseIrql(CMCI_LEVEL, &Old);
    ExReleaseResourceLite(&TestResource);
}

CRASH_TEST(CrashResourceInitHigh, "resource/initialised-above-dispatch", "0xC4 0xE5 0x5 0x0 0x0",
           "contract 1.4: ExInitializeResourceLite <= DISPATCH")
{
    KIRQL Old;
    KeRaiseIrql(CMCI_LEVEL, &Old);
    ExInitializeResourceLite(&TestResource);
}

CRASH_TEST(CrashResourceNotOwned, "resource/released-by-another-thread",
           "0xE3 $resource $thread $table 0x0", "bug check 0xE3 (resource, thread, owner table)")
{
    Announce();
    TestStartThread(OwnForever, NULL, HIGH);
    TestStartThread(OwnForever, NULL, HIGH);
    TestAnnounce("table", (ULONG64)TestResource.OwnerTable);
    KeEnterCriticalRegion();
    ExReleaseResourceLite(&TestResource);
}

CRASH_TEST(CrashResourcePointer, "resource/released-for-an-owner-that-it-has-not",
           "0xE3 $resource 0x1003 0x0 0x0", "bug check 0xE3 (resource, thread, owner table)")
{
    Announce();
    ExReleaseResourceForThreadLite(&TestResource, 0x1003);
}

CRASH_TEST(CrashResourceGiven, "resource/given-to-an-owner-pointer-by-another-thread",
           "0xE3 $resource $thread 0x0 0x0", "bug check 0xE3 (resource, thread, owner table)")
{
    Announce();
    TestStartThread(OwnForever, NULL, HIGH);
    ExSetResourceOwnerPointer(&TestResource, (PVOID)0x1003);
}

CRASH_TEST(CrashResourceConvert, "resource/converted-without-exclusive-access",
           "0xE3 $resource $thread 0x0 0x0", "bug check 0xE3 (resource, thread, owner table)")
{
    Announce();
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(&TestResource, TRUE);
    ExConvertExclusiveToSharedLite(&TestResource);
}

CRASH_TEST(CrashResourceThread, "resource/owner-pointer-that-could-be-a-thread",
           "0x139 0x5 not0 not0 0x0", "wdm_resource.h: ExSetResourceOwnerPointer")
{
    Announce();
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(&TestResource, TRUE);
    ExSetResourceOwnerPointer(&TestResource, (PVOID)0x1000);
}

CRASH_TEST(CrashResourceSelf, "resource/exclusive-access-on-top-of-shared",
           "0xC4 0x1000 $resource $thread 0x0", "contract 4.6: 0x1000 self")
{
    Announce();
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(&TestResource, TRUE);
    ExAcquireResourceExclusiveLite(&TestResource, TRUE);
}

CRASH_TEST(CrashResourceTwice, "resource/initialised-twice", "0xC4 0xD0 $resource 0x0 0x0",
           "contract 4.6: 0xD0")
{
    Announce();
    ExInitializeResourceLite(&TestResource);
}

CRASH_TEST(CrashResourceNever, "resource/deleted-twice", "0xC4 0xD1 $resource 0x0 0x0",
           "contract 4.6: 0xD1")
{
    Announce();
    ExDeleteResourceLite(&TestResource);
    ExDeleteResourceLite(&TestResource);
}

CRASH_TEST(CrashResourceDeleted, "resource/deleted-while-it-is-owned",
           "0xC4 0x100B $resource $thread 0x0", "contract 4.6: 0x100B")
{
    Announce();
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(&TestResource, TRUE);
    ExDeleteResourceLite(&TestResource);
}

static VOID NTAPI OwnAndEnd(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    TestAnnounce("ending", (ULONG64)KeGetCurrentThread());
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(&TestResource, TRUE);
    KeLeaveCriticalRegion();
}

CRASH_TEST(CrashResourceEnded, "resource/owned-by-a-thread-that-ends",
           "0xC4 0x100A $resource $ending 0x0", "contract 4.6: 0x100A owner thread ended")
{
    Announce();
    TestStartThread(OwnForever, NULL, HIGH);
    TestStartThread(OwnAndEnd, NULL, HIGH);
}
