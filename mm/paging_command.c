/*
 * paging_command.c - `!trim`: has paged pool leave, at the monitor's prompt, for whoever wants to
 * see what a touch does then.
 */
#include "kernel/rtl/section.h"
#include "mm/paging.h"

#define USAGE "!trim [write]"

static VOID TrimCommand(const CHAR *Arguments)
{
    BOOLEAN Write = strcmp(Arguments, "write") == 0;
    if (!Write && *Arguments != 0) {
        DbgPrint("usage: %s\n", USAGE);
        return;
    }
    DbgPrint("trimmed %I64u pages of paged pool\n", (ULONG64)MiEmptyWorkingSet());
    if (Write && MiPagingFileCount == 0) {
        DbgPrint("there is no paging file to write to: tools/tarn run --disk 64M\n");
    } else if (Write) {
        ULONG64 Written = MiPaging.PagesWritten;
        MiFlushModifiedPages();
        DbgPrint("wrote %I64u pages\n", MiPaging.PagesWritten - Written);
    }
    DbgPrint("standby %I64u, modified %I64u\n", (ULONG64)MiPagesOnList(StandbyPageList),
             (ULONG64)MiPagesOnList(ModifiedPageList));
}
MONITOR_COMMAND("!trim", USAGE, "paged pool out of use (write: and onto the disk)", TrimCommand);
