/*
 * resource_command.c - `!locks`: the resources that somebody owns, and who waits for them.
 *
 * Each is copied under its lock and printed without it.
 */
#include "kernel/ke/resource.h"
#include "kernel/rtl/section.h"

static VOID KiPrintOwners(const KI_RESOURCE_COPY *Copy)
{
    DbgPrint("    Threads:");
    for (ULONG i = 0; i < Copy->OwnerCount; i++) {
        DbgPrint(" %p-%02lu%s", (PVOID)Copy->Owners[i].OwnerThread,
                 (ULONG)Copy->Owners[i].OwnerCount,
                 Copy->Owners[i].IoPriorityBoosted ? "<boosted>" : "");
    }
    if (Copy->Fields.ActiveEntries > Copy->OwnerCount) {
        DbgPrint(" and %lu more", Copy->Fields.ActiveEntries - Copy->OwnerCount);
    }
    DbgPrint("\n");
}

static VOID KiPrintWaiters(const CHAR *Access, const PKTHREAD *Threads, ULONG Count, ULONG All)
{
    if (All == 0) {
        return;
    }
    DbgPrint("    Threads Waiting On %s Access:\n", Access);
    for (ULONG i = 0; i < Count; i++) {
        DbgPrint("        %p\n", Threads[i]);
    }
    if (All > Count) {
        DbgPrint("        and %lu more\n", All - Count);
    }
}

static VOID KiPrintResource(const KI_RESOURCE_COPY *Copy)
{
    const ERESOURCE *Fields = &Copy->Fields;
    if (Fields->Flag & ResourceOwnedExclusive) {
        DbgPrint("Resource @ %p    Exclusively owned\n", Copy->Resource);
    } else {
        DbgPrint("Resource @ %p    Shared %lu owning threads\n", Copy->Resource,
                 Fields->ActiveEntries);
    }
    DbgPrint("    Contention Count = %lu\n", Fields->ContentionCount);
    KiPrintOwners(Copy);
    KiPrintWaiters("Shared", Copy->Shared, Copy->SharedCount, Fields->NumberOfSharedWaiters);
    KiPrintWaiters("Exclusive", Copy->Exclusive, Copy->ExclusiveCount,
                   Fields->NumberOfExclusiveWaiters);
}

static VOID LocksCommand(const CHAR *Arguments)
{
    KI_RESOURCE_COPY Copy;
    ULONG Held = 0, Total;
    UNREFERENCED_PARAMETER(Arguments);
    DbgPrint("**** DUMP OF ALL RESOURCE OBJECTS ****\n");
    for (Total = 0; KiQueryResource(Total, &Copy); Total++) {
        if (Copy.Fields.ActiveEntries != 0) {
            Held++;
            KiPrintResource(&Copy);
        }
    }
    DbgPrint("%lu total locks, %lu locks currently held\n", Total, Held);
}
MONITOR_COMMAND("!locks", "!locks", "resources that are owned, and who waits for them",
                LocksCommand);
