/*
 * storm.h - what the storms share: many threads that do random things to one part of the kernel,
 * counted in operations, with everything that must come out exact checked at the end.
 *
 *     STORM(Ident, "storm/part/what-holds", "WAIT-1")
 *     {
 *         StormRun(StormThreads(), Routine, StormEach(20000));
 *         STORM_CHECK(Counter == Expected);
 *     }
 *
 * What is random comes from one seed: word `seed=N` of the command line, or a fixed one. Each
 * thread has a generator of its own, made of the seed, the test's name and the thread's number, so
 * that one test alone does what it did among others. (Which thread comes first on several
 * processors the seed cannot say.) Word `storm-rounds=N` multiplies the operations.
 */
#pragma once

#include "tests/ke/smp.h"

typedef struct _STORM_THREAD {
    ULONG Number;   /* 0, 1, ... among those of one StormRun */
    ULONG Rounds;   /* operations that are its share */
    ULONG64 Random; /* state of its generator */
    PKTHREAD Thread;
} STORM_THREAD, *PSTORM_THREAD;
typedef VOID STORM_ROUTINE(PSTORM_THREAD Me);

#define STORM_MAX_THREADS 48

#define STORM(Ident, Name, Quote)                                                                  \
    static VOID Ident(VOID);                                                                       \
    TEST(Ident##Test, Name, Quote)                                                                 \
    {                                                                                              \
        StormTest(Name, Ident);                                                                    \
    }                                                                                              \
    static VOID Ident(VOID)

/* Runs a storm: prints what the machine did meanwhile, and how to repeat it if it failed. */
VOID StormTest(const CHAR *Name, TEST_ROUTINE *Routine);

/* How many threads are many here, and each one's share of what four processors are to do. */
ULONG StormThreads(VOID);
ULONG StormEach(ULONG Total);

/* Runs Routine in Count threads at once, which may use every processor; returns behind the last. */
VOID StormRun(ULONG Count, STORM_ROUTINE *Routine, ULONG Rounds);

/* One of the threads that run now: all of them are there before the first begins. */
PKTHREAD StormThreadOf(ULONG Number);

/* Whether a thread is to go on: TRUE until something failed. */
BOOLEAN StormGoesOn(VOID);
/* Records a failure, from any thread at any IRQL; the first few are printed. */
VOID StormFail(const CHAR *What, const CHAR *File, ULONG Line);
#define STORM_CHECK(c) ((c) ? (VOID)0 : StormFail(#c, __FILE__, __LINE__))

/* A state for a generator that is no thread's; each Number has its own. */
ULONG64 StormState(ULONG Number);
/* A number below Below, which is not 0. */
ULONG StormRandom(PSTORM_THREAD Me, ULONG Below);
/*
 * Now and then: nothing, a short loop, or the end of the thread's quantum (below DISPATCH_LEVEL).
 */
VOID StormPause(PSTORM_THREAD Me);
/* The current thread's quantum ends, as the clock would end it; any IRQL. */
VOID StormEndQuantum(VOID);

/*
 * Waits for what must come. Nothing here takes that long: a wait that reaches its limit is a
 * wake-up that got lost, and fails the storm.
 */
VOID StormWait(PVOID Object);
/* An interval or limit so long that it means a lost wake-up; StormFail is the caller's. */
PLARGE_INTEGER StormLimit(VOID);

/*
 * Makes the clock tick as fast as it can, on processor 0, until *Busy is 0: time goes ahead with
 * it. For one thread of a storm whose others each take one off *Busy at their end.
 */
VOID StormBeTheClock(volatile ULONG *Busy);

/* Counts without a lock, for what is compared at the end. */
static inline VOID StormCount(volatile ULONG64 *Counter)
{
    __atomic_fetch_add(Counter, 1, __ATOMIC_RELAXED);
}
