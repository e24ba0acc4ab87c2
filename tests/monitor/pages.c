/*
 * pages.c - leaves blocks of each pool behind for tests/host/pte_test.py, which compares what
 * `!pte` says of its pages with the page tables as gdb reads them.
 */
#include <wdm.h>
#include "tests/test.h"

/* Left out of the quick suite: what it allocates stays, since the host looks at it afterwards. */
TEST_FLAGS(PagesLeft, "monitor/pte/pages-to-look-at", "", TEST_SLOW)
{
    static PVOID Paged, NoExecute, Executable;
    if (Paged == NULL) {
        Paged = ExAllocatePoolWithTag(PagedPool, 2 * PAGE_SIZE, 'etpM');
        NoExecute = ExAllocatePoolWithTag(NonPagedPoolNx, 2 * PAGE_SIZE, 'etpM');
        Executable = ExAllocatePoolWithTag(NonPagedPool, 2 * PAGE_SIZE, 'etpM');
    }
    REQUIRE(Paged != NULL && NoExecute != NULL && Executable != NULL);
    *(volatile CHAR *)Paged = 1;
    CHECK(MmIsAddressValid(Paged));
    CHECK(!MmIsAddressValid((PCHAR)Paged + PAGE_SIZE));
    TestAnnounce("touched", (ULONG64)Paged);
    TestAnnounce("untouched", (ULONG64)Paged + PAGE_SIZE);
    TestAnnounce("nonpaged", (ULONG64)NoExecute);
    TestAnnounce("executable", (ULONG64)Executable);
}
