/* sources: tests/host/pool_host.c tests/host/pool_check.c mm/pool/pool.c mm/pool/block.c */
/* sources: mm/pool/cache.c mm/pool/cache.S mm/pool/big_cache.c */
/* sources: mm/pool/allocate.c mm/pool/free.c mm/pool/big_pages.c mm/pool/tags.c */
/* sources: mm/pool/report.c mm/pool/inspect.c mm/pool/priority.c mm/pool/by_*.c mm/pool/fail.c */
/*
 * pool_damage_test.c - the pools under bad callers: misuse is named, no damage makes them crash.
 *
 * Each trial runs in a process of its own, since a bug check leaves the pools as they are.
 *
 *     build/host/pool_damage_test [TRIALS [SEED]]
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/host/pool_check.h"

#define BLOCKS 60

/* Exit codes of a trial; a sanitizer's report or a signal has others. */
typedef enum _OUTCOME { OutcomeStopped = 40, OutcomeSurvived, OutcomeWrong } OUTCOME;

static PVOID Blocks[BLOCKS];
static SIZE_T Sizes[BLOCKS];

/*
 * A damaged link that leads to a page of the pool that isn't there: a page fault stops the kernel.
 */
static void StopAtFault(int Signal, siginfo_t *Information, void *Context)
{
    (void)Signal;
    (void)Context;
    BOOLEAN InPool = ExpKindOfAddress(Information->si_addr) != PoolKindNone;
    _exit(InPool ? OutcomeStopped : OutcomeWrong);
}

/* The outcome of Trial in a child; a signal or a report of a sanitizer counts as wrong. */
static OUTCOME InChild(OUTCOME (*Trial)(VOID))
{
    int Status;
    HostRandom();
    fflush(stdout);
    pid_t Child = fork();
    if (Child == 0) {
        struct sigaction Action = {.sa_sigaction = StopAtFault, .sa_flags = SA_SIGINFO};
        sigaction(SIGSEGV, &Action, NULL);
        _exit(Trial());
    }
    waitpid(Child, &Status, 0);
    return WIFEXITED(Status) ? (OUTCOME)WEXITSTATUS(Status) : OutcomeWrong;
}

/* Some pages of blocks with holes between them. */
static VOID Populate(POOL_TYPE PoolType)
{
    for (int i = 0; i < BLOCKS; i++) {
        Sizes[i] = 1 + (HostRandom() >> 32) % 500;
        Blocks[i] = ExAllocatePoolWithTag(PoolType, Sizes[i], 'tseT');
    }
    for (int i = 0; i < BLOCKS; i += 3) {
        ExFreePool(Blocks[i]);
        Blocks[i] = NULL;
    }
}

static OUTCOME IsNamed(VOID)
{
    ULONG Code = HostBugCheck.Code;
    return Code == BAD_POOL_HEADER || Code == BAD_POOL_CALLER ? OutcomeStopped : OutcomeWrong;
}

static int PickBlock(VOID)
{
    int i;
    do {
        i = (int)((HostRandom() >> 32) % BLOCKS);
    } while (Blocks[i] == NULL);
    return i;
}

/* A byte of the header's own fields differs: the free of that block must see it. */
static OUTCOME DamageHeader(VOID)
{
    Populate(NonPagedPoolNx);
    PVOID Block = Blocks[PickBlock()];
    UCHAR *Header = (UCHAR *)ExpHeaderOf(Block);
    UCHAR Change = (UCHAR)(1 + (HostRandom() >> 32) % 255);
    ULONG Field = (ULONG)((HostRandom() >> 32) % 4);
    Header[Field] ^= Change;
    if (Field == 3 && Change == POOL_BLOCK_CACHE_ALIGNED) {
        Header[Field] ^= Change ^ 0x80; /* that bit alone is no damage to any check */
    }
    return HOST_STOPS(ExFreePool(Block)) ? IsNamed() : OutcomeWrong;
}

static VOID UseEverything(VOID)
{
    for (int i = 0; i < BLOCKS; i++) {
        if (Blocks[i] != NULL) {
            ExFreePool(Blocks[i]);
        }
    }
    for (int i = 0; i < BLOCKS; i++) {
        ExAllocatePoolWithTag(NonPagedPoolNx, Sizes[i], 'tseT');
    }
}

/* A block's owner writes behind its end: random bytes over what follows. Never a crash. */
static OUTCOME Overrun(VOID)
{
    Populate(NonPagedPoolNx);
    int i = PickBlock();
    SIZE_T Room = (ExpHeaderOf(Blocks[i])->BlockSize - 1) * POOL_GRANULE;
    SIZE_T Length = 1 + (HostRandom() >> 32) % 48;
    PUCHAR End = (PUCHAR)Blocks[i] + Room;
    for (SIZE_T n = 0; n < Length && PAGE_ALIGN(End + n) == PAGE_ALIGN(Blocks[i]); n++) {
        End[n] = (UCHAR)HostRandom();
    }
    return HOST_STOPS(UseEverything()) ? IsNamed() : OutcomeSurvived;
}

/* A stale pointer writes into a free block: its links. Never a crash. */
static OUTCOME WriteAfterFree(VOID)
{
    Populate(NonPagedPoolNx);
    int i = PickBlock();
    PUCHAR Stale = Blocks[i];
    ExFreePool(Stale);
    Blocks[i] = NULL;
    if (!ExpIsReadable(Stale)) {
        return OutcomeSurvived;
    }
    Stale[(HostRandom() >> 32) % 16] ^= (UCHAR)(1 + (HostRandom() >> 32) % 255);
    return HOST_STOPS(UseEverything()) ? IsNamed() : OutcomeSurvived;
}

/* Any pointer but a block's own is refused. */
static OUTCOME WildFree(VOID)
{
    Populate(HostRandom() % 2 ? PagedPool : NonPagedPoolNx);
    int i = PickBlock();
    PUCHAR Wild = (PUCHAR)Blocks[i] + (HostRandom() >> 32) % (4 * PAGE_SIZE);
    memset(Blocks[i], (int)HostRandom(), Sizes[i]);
    for (int j = 0; j < BLOCKS; j++) {
        if (Blocks[j] == Wild) {
            return OutcomeStopped;
        }
    }
    return HOST_STOPS(ExFreePool(Wild)) ? IsNamed() : OutcomeWrong;
}

/* Runs Trials of one sort; every one must stop if Always, none may go wrong. */
static VOID Repeat(OUTCOME (*Trial)(VOID), int Trials, BOOLEAN Always, const char *Name)
{
    int Stopped = 0;
    for (int i = 0; i < Trials; i++) {
        OUTCOME Outcome = InChild(Trial);
        HOST_CHECK(Outcome == OutcomeStopped || (Outcome == OutcomeSurvived && !Always));
        Stopped += Outcome == OutcomeStopped;
    }
    printf("# %s: %d of %d stopped\n", Name, Stopped, Trials);
    HOST_CHECK(Stopped > Trials / 4);
    HostPoint(Name);
}

/* ---- blocks without a tracker entry ---------------------------------------------------------- */

#define UNTRACKED_BLOCKS 300

static VOID TestUntracked(VOID)
{
    static PVOID Pages[UNTRACKED_BLOCKS];
    SIZE_T Used, Size, Untracked;
    POOL_TAG_USAGE Usage;
    HostLargestRun = 2; /* the table can't double */
    for (int i = 0; i < UNTRACKED_BLOCKS; i++) {
        Pages[i] = ExAllocatePoolWithTag(NonPagedPoolNx, PAGE_SIZE + 1, 'tseT');
        HOST_CHECK(Pages[i] != NULL);
    }
    ExpQueryBigTable(&Used, &Size, &Untracked);
    HOST_CHECK(Size == 256 && Used == 255 && Untracked == UNTRACKED_BLOCKS - 255);
    HOST_CHECK(ExpQueryTag(POOL_TAG_BIG, &Usage) && Usage.NonPagedAllocs == Untracked);
    HOST_CHECK(Usage.NonPagedBytes == Untracked * 2 * PAGE_SIZE);
    BOOLEAN Quota;
    HOST_CHECK(ExQueryPoolBlockSize(Pages[UNTRACKED_BLOCKS - 1], &Quota) == 2 * PAGE_SIZE);
    for (int i = UNTRACKED_BLOCKS - 1; i >= 0; i--) {
        ExFreePool(Pages[i]);
    }
    ExpQueryBigTable(&Used, &Size, &Untracked);
    HOST_CHECK(Used == 0 && Untracked == 0);
    HOST_CHECK(ExpQueryTag(POOL_TAG_BIG, &Usage) && Usage.NonPagedBytes == 0);
    HOST_CHECK(HostPagesInUse[PoolKindNonPagedNx] == 0);
    HostLargestRun = HOST_ARENA_PAGES;
    HostPoint("host/pool_damage/untracked-big-blocks");
}

/* ---- requests that can't be met -------------------------------------------------------------- */

static VOID TestExhaustion(VOID)
{
    HostPagesLeft = 0;
    HOST_CHECK(ExAllocatePoolWithTag(NonPagedPoolNx, 64, 'tseT') == NULL);
    HOST_CHECK(ExAllocatePoolWithTag(PagedPool, 5000, 'tseT') == NULL);
    HOST_CHECK(ExAllocatePool2(POOL_FLAG_PAGED, 64, 'tseT') == NULL);
    HOST_CHECK(HOST_STOPS(
        ExAllocatePoolWithTag(NonPagedPoolNx | POOL_RAISE_IF_ALLOCATION_FAILURE, 64, 'tseT')));
    HOST_CHECK(HostBugCheck.Raised == STATUS_INSUFFICIENT_RESOURCES);
    HOST_CHECK(HOST_STOPS(
        ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_RAISE_ON_FAILURE, PAGE_SIZE, 'tseT')));
    HOST_CHECK(HostBugCheck.Raised == STATUS_INSUFFICIENT_RESOURCES);
    HOST_CHECK(HOST_STOPS(ExAllocatePool2(POOL_FLAG_RAISE_ON_FAILURE, 64, 'tseT')));
    HOST_CHECK(HostBugCheck.Raised == STATUS_INVALID_PARAMETER);
    HostPagesLeft = -1;
    for (SIZE_T Bytes = MAXSIZE_T; Bytes > (SIZE_T)1 << 40; Bytes >>= 1) {
        for (SIZE_T Less = 0; Less < 40; Less++) {
            HOST_CHECK(ExAllocatePoolWithTag(NonPagedPoolNx, Bytes - Less, 'tseT') == NULL);
        }
    }
    PVOID Block = ExAllocatePoolWithTag(NonPagedPoolNx, 64, 'tseT');
    HOST_CHECK(Block != NULL);
    ExFreePool(Block);
    HOST_CHECK(HostCheckPool(PoolKindNonPagedNx) == 0);
    HostPoint("host/pool_damage/exhaustion");
}

/* ---- more tags than the table takes ---------------------------------------------------------- */

static VOID TestTagOverflow(VOID)
{
    POOL_TAG_USAGE Usage, Sum = {0};
    ULONG64 Allocated = 0;
    for (ULONG Tag = 'A000'; Tag < 'A000' + 5000; Tag++) {
        PVOID Block = ExAllocatePoolWithTag(PagedPool, 1, Tag);
        HOST_CHECK(Block != NULL);
        ExFreePool(Block);
        Allocated++;
    }
    for (ULONG Slot = 0; Slot <= POOL_SLOT_LAST; Slot++) {
        if (ExpReadTagSlot(Slot, &Usage)) {
            Sum.PagedAllocs += Usage.PagedAllocs;
            Sum.PagedFrees += Usage.PagedFrees;
            HOST_CHECK(Usage.PagedAllocs == Usage.PagedFrees && Usage.PagedBytes == 0);
        }
    }
    HOST_CHECK(Sum.PagedAllocs == Allocated && Sum.PagedFrees == Allocated);
    HOST_CHECK(ExpQueryTag('lfvO', &Usage) && Usage.PagedAllocs > 2000);
    HostPoint("host/pool_damage/tag-overflow");
}

int main(int Count, char **Arguments)
{
    int Trials = Count > 1 ? atoi(Arguments[1]) : 250;
    HostSeed = Count > 2 ? strtoull(Arguments[2], NULL, 0) : HostSeed;
    HostStart();
    HostPlan(7);
    TestUntracked();
    TestExhaustion();
    TestTagOverflow();
    Repeat(DamageHeader, Trials, TRUE, "host/pool_damage/header");
    Repeat(WildFree, Trials, TRUE, "host/pool_damage/wild-free");
    Repeat(Overrun, Trials, FALSE, "host/pool_damage/overrun");
    ExpUseCaches(FALSE); /* on a processor's list nothing of a block but its header is looked at */
    Repeat(WriteAfterFree, Trials, FALSE, "host/pool_damage/write-after-free");
    return HostVerdict();
}
