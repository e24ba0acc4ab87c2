/*
 * pool_host.c - pages, locks, bug check and TAP for the host tests of the pools (see pool_host.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <asm/prctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "tests/host/pool_host.h"

#define ARENA_BYTES  ((SIZE_T)HOST_ARENA_PAGES * PAGE_SIZE)
#define ARENA_BASE   0x200000000000ULL
#define ARENA_STEP   0x1000000000ULL
/* The states of big blocks: 16 bytes a page for the addresses of all arenas. */
#define STATES_BASE  0x300000000000ULL
#define STATES_BYTES (ARENA_STEP * PoolKindCount / 256)
#define MIDDLE       ((SIZE_T)-1) /* a page of a run that begins earlier */

BOOLEAN KiCheckedMode = TRUE;
SIZE_T HostPagesInUse[PoolKindCount];
long HostPagesLeft = -1;
SIZE_T HostLargestRun = HOST_ARENA_PAGES;
KIRQL HostIrql;
BOOLEAN HostPoison = TRUE, HostOpenPages;
HOST_BUG_CHECK HostBugCheck;
jmp_buf HostBugCheckReturn;
BOOLEAN HostExpectsBugCheck;
ULONG64 HostSeed = 0x9E3779B97F4A7C15ULL;

static SIZE_T HostRuns[PoolKindCount][HOST_ARENA_PAGES];
static SIZE_T HostNext[PoolKindCount];

/* ---- pages ----------------------------------------------------------------------------------- */

PVOID HostArena(POOL_KIND Kind)
{
    return (PVOID)(ARENA_BASE + Kind * ARENA_STEP);
}

POOL_KIND ExpKindOfAddress(PVOID Address)
{
    for (POOL_KIND Kind = 0; Kind < PoolKindCount; Kind++) {
        if ((ULONG_PTR)Address - (ULONG_PTR)HostArena(Kind) < ARENA_BYTES) {
            return Kind;
        }
    }
    return PoolKindNone;
}

PVOID HostPage(POOL_KIND Kind, SIZE_T Page)
{
    return (char *)HostArena(Kind) + Page * PAGE_SIZE;
}

static SIZE_T HostIndex(PVOID Address, POOL_KIND Kind)
{
    return ((ULONG_PTR)Address - (ULONG_PTR)HostArena(Kind)) / PAGE_SIZE;
}

VOID ExpQuerySupply(POOL_KIND Kind, PSIZE_T Free, PSIZE_T Maximum)
{
    *Maximum = HOST_ARENA_PAGES;
    *Free = HOST_ARENA_PAGES - HostPagesInUse[Kind];
    if (HostPagesLeft >= 0 && *Free > (SIZE_T)HostPagesLeft) {
        *Free = (SIZE_T)HostPagesLeft;
    }
}

/* One node, which has all. */
ULONG ExpHighestNode(VOID)
{
    return 0;
}

ULONG ExpCurrentNode(VOID)
{
    return 0;
}

ULONG ExpNodeOf(ULONG Processor)
{
    return Processor & 0;
}

BOOLEAN ExpHasMemory(ULONG Node)
{
    return Node == 0;
}

const UCHAR *ExpHopsOf(ULONG Node)
{
    static const UCHAR Hops[] = {0};
    return Hops + Node;
}

PVOID ExpAllocateOfNode(ULONG Node, SIZE_T Bytes)
{
    return Node == 0 ? NULL : calloc(1, Bytes);
}

/* The processors' records; gs: points at the current one's. */
static struct {
    DECLSPEC_ALIGN(64) UCHAR Bytes[POOL_CACHE_OFFSET + sizeof(POOL_CACHE)];
} HostProcessors[HOST_PROCESSORS];
static ULONG HostProcessor, HostJoined;

VOID HostEnterProcessor(ULONG Processor)
{
    HostProcessor = Processor;
    if (syscall(SYS_arch_prctl, ARCH_SET_GS, &HostProcessors[Processor]) != 0) {
        perror("Bail out! arch_prctl");
        exit(2);
    }
}

static VOID HostMap(PVOID Base, SIZE_T Bytes, int Protection)
{
    int Flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
    if (mmap(Base, Bytes, Protection, Flags, -1, 0) != Base) {
        perror("Bail out! mmap");
        exit(2);
    }
}

VOID HostStart(VOID)
{
    for (POOL_KIND Kind = 0; Kind < PoolKindCount; Kind++) {
        HostMap(HostArena(Kind), ARENA_BYTES, HostOpenPages ? PROT_READ | PROT_WRITE : PROT_NONE);
    }
    HostEnterProcessor(0);
    HostMap((PVOID)STATES_BASE, STATES_BYTES, PROT_READ | PROT_WRITE);
    HostJoined = 1;
    ExpInitializePools();
    while (HostJoined < HOST_PROCESSORS) {
        HostJoined++;
        ExpInitializeCache(ExpCacheOf(HostJoined - 1), 0);
    }
}

/* The first page of Pages free ones in a row, found from where the last search ended. */
static SIZE_T HostFindRun(POOL_KIND Kind, SIZE_T Pages)
{
    SIZE_T Length = 0;
    for (SIZE_T Step = 0; Step < 2 * HOST_ARENA_PAGES; Step++) {
        SIZE_T Page = (HostNext[Kind] + Step) % HOST_ARENA_PAGES;
        Length = HostRuns[Kind][Page] != 0 ? 0 : Page == 0 ? 1 : Length + 1;
        if (Length == Pages) {
            HostNext[Kind] = Page + 1;
            return Page + 1 - Pages;
        }
    }
    return MIDDLE;
}

VOID ExpMakeCold(PVOID Base, SIZE_T Pages)
{
    (void)Base;
    (void)Pages;
}

PVOID ExpAllocatePages(POOL_KIND Kind, SIZE_T Pages, ULONG Node)
{
    (void)Node;
    if (HostPagesLeft == 0 || Pages > HostLargestRun) {
        return NULL;
    }
    SIZE_T First = HostFindRun(Kind, Pages);
    if (First == MIDDLE) {
        return NULL;
    }
    HostPagesLeft -= HostPagesLeft > 0;
    for (SIZE_T i = 0; i < Pages; i++) {
        HostRuns[Kind][First + i] = i == 0 ? Pages : MIDDLE;
    }
    HostPagesInUse[Kind] += Pages;
    PVOID Base = HostPage(Kind, First);
    if (!HostOpenPages) {
        mprotect(Base, Pages * PAGE_SIZE, PROT_READ | PROT_WRITE);
    }
    if (HostPoison && !ExpFreshPagesAreZero(Kind)) {
        memset(Base, 0xCD, Pages * PAGE_SIZE);
    }
    return Base;
}

VOID ExpFreePages(PVOID Base)
{
    POOL_KIND Kind = ExpKindOfAddress(Base);
    SIZE_T First = HostIndex(Base, Kind);
    SIZE_T Pages = HostRunAt(Kind, First);
    if (Pages == 0 || HostPage(Kind, First) != Base) {
        printf("Bail out! the pool gave back %p, which begins no run\n", Base);
        exit(2);
    }
    memset(&HostRuns[Kind][First], 0, Pages * sizeof(SIZE_T));
    HostPagesInUse[Kind] -= Pages;
    if (HostOpenPages) {
        memset(Base, 0, ExpFreshPagesAreZero(Kind) ? Pages * PAGE_SIZE : 0);
    } else {
        madvise(Base, Pages * PAGE_SIZE, MADV_DONTNEED);
        mprotect(Base, Pages * PAGE_SIZE, PROT_NONE);
    }
}

SIZE_T HostRunAt(POOL_KIND Kind, SIZE_T Page)
{
    return HostRuns[Kind][Page] == MIDDLE ? 0 : HostRuns[Kind][Page];
}

SIZE_T ExpQueryPages(PVOID Base)
{
    POOL_KIND Kind = ExpKindOfAddress(Base);
    return HostRunAt(Kind, HostIndex(Base, Kind));
}

BOOLEAN ExpIsReadable(PVOID Address)
{
    POOL_KIND Kind = ExpKindOfAddress(Address);
    return Kind != PoolKindNone && HostRuns[Kind][HostIndex(Address, Kind)] != 0;
}

BOOLEAN ExpFreshPagesAreZero(POOL_KIND Kind)
{
    return Kind == PoolKindPaged;
}

DECLSPEC_NORETURN VOID ExpReportBadPages(PVOID Address)
{
    KeBugCheckEx(BAD_POOL_CALLER, 0x40, (ULONG_PTR)Address, 0, 0);
}

/* ---- locks and IRQL: one thread, so a lock that is held when it is asked for is an error ----- */

KIRQL ExpReadIrql(VOID)
{
    return HostIrql;
}

static VOID HostLock(POOL_LOCK *Lock)
{
    if (Lock->Held) {
        printf("Bail out! a lock is taken twice\n");
        exit(2);
    }
    Lock->Held = 1;
}

ULONG64 ExpAcquireSpin(POOL_LOCK *Lock)
{
    HostLock(Lock);
    return 0;
}

VOID ExpReleaseSpin(POOL_LOCK *Lock, ULONG64 State)
{
    (void)State;
    Lock->Held = 0;
}

VOID ExpInitializeMutex(POOL_MUTEX *Mutex)
{
    Mutex->Count = 1;
}

ULONG64 ExpAcquireMutex(POOL_MUTEX *Mutex)
{
    ULONG64 OldIrql = HostIrql;
    if (Mutex->Count-- != 1) {
        printf("Bail out! a mutex is taken twice\n");
        exit(2);
    }
    HostIrql = APC_LEVEL;
    return OldIrql;
}

VOID ExpReleaseMutex(POOL_MUTEX *Mutex, ULONG64 State)
{
    Mutex->Count++;
    HostIrql = (KIRQL)State;
}

/* ---- processors: one thread that says which it is on ----------------------------------------- */

PPOOL_CACHE ExpOwnCache(VOID)
{
    return (PPOOL_CACHE)(HostProcessors[HostProcessor].Bytes + POOL_CACHE_OFFSET);
}

PPOOL_CACHE ExpCacheOf(ULONG Processor)
{
    return Processor < HostJoined
               ? (PPOOL_CACHE)(HostProcessors[Processor].Bytes + POOL_CACHE_OFFSET)
               : NULL;
}

VOID ExpAddHere(SIZE_T Offset, ULONG64 Value)
{
    *(PULONG64)((PUCHAR)ExpOwnCache() + Offset) += Value;
}

VOID ExpRunOn(ULONG Processor, VOID (*Routine)(PVOID), PVOID Context)
{
    ULONG Before = HostProcessor;
    HostEnterProcessor(Processor);
    Routine(Context);
    HostEnterProcessor(Before);
}

ULONG64 ExpLockDrain(POOL_KIND Kind)
{
    (void)Kind;
    return 0;
}

VOID ExpUnlockDrain(POOL_KIND Kind, ULONG64 State)
{
    (void)Kind, (void)State;
}

PPOOL_BIG_STATE ExpBigStateOf(PVOID Base)
{
    return (PPOOL_BIG_STATE)(((ULONG_PTR)Base >> 8) + STATES_BASE - (ARENA_BASE >> 8));
}

BOOLEAN ExpIsStateBacked(PPOOL_BIG_STATE State)
{
    return (ULONG_PTR)State - STATES_BASE < STATES_BYTES;
}

BOOLEAN ExpQueryNode(PVOID Base, SIZE_T Pages, PULONG Node)
{
    (void)Base, (void)Pages;
    *Node = 0;
    return TRUE;
}

BOOLEAN ExpBackState(PPOOL_BIG_STATE State)
{
    return ExpIsStateBacked(State);
}

/* The same in each run, so that a seed tells all. */
ULONG64 ExpDrawKey(VOID)
{
    static ULONG64 Key = 0x9E3779B97F4A7C15ULL;
    return Key *= 0xBF58476D1CE4E5B9ULL;
}

/* ---- bug checks ------------------------------------------------------------------------------ */

static DECLSPEC_NORETURN VOID HostStop(VOID)
{
    if (!HostExpectsBugCheck) {
        printf("Bail out! bug check 0x%x (0x%llx, 0x%llx, 0x%llx, 0x%llx), raised 0x%x\n",
               HostBugCheck.Code, HostBugCheck.Parameter[0], HostBugCheck.Parameter[1],
               HostBugCheck.Parameter[2], HostBugCheck.Parameter[3], (ULONG)HostBugCheck.Raised);
        exit(2);
    }
    longjmp(HostBugCheckReturn, 1);
}

DECLSPEC_NORETURN VOID NTAPI KeBugCheckEx(ULONG Code, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3,
                                          ULONG_PTR P4)
{
    HostBugCheck = (HOST_BUG_CHECK){.Code = Code, .Parameter = {P1, P2, P3, P4}};
    HostStop();
}

DECLSPEC_NORETURN VOID ExpRaiseStatus(NTSTATUS Status, PVOID Caller)
{
    (void)Caller;
    HostBugCheck = (HOST_BUG_CHECK){.Raised = Status};
    HostStop();
}

/* ---- TAP ------------------------------------------------------------------------------------- */

int HostFailures;
static int HostPoints, HostFailed;

VOID HostPlan(int Points)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("1..%d\n", Points);
}

BOOLEAN HostCheck(BOOLEAN Holds, const char *Text, const char *File, int Line)
{
    if (!Holds && HostFailures++ < 10) {
        printf("# %s:%d: %s does not hold, seed 0x%llx\n", File, Line, Text, HostSeed);
    }
    return Holds;
}

VOID HostPoint(const char *Name)
{
    printf("%s %d - %s\n", HostFailures == 0 ? "ok" : "not ok", ++HostPoints, Name);
    HostFailed += HostFailures != 0;
    HostFailures = 0;
}

int HostVerdict(VOID)
{
    return HostFailed != 0;
}

ULONG64 HostRandom(VOID)
{
    HostSeed ^= HostSeed << 13;
    HostSeed ^= HostSeed >> 7;
    HostSeed ^= HostSeed << 17;
    return HostSeed;
}
