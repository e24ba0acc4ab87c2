/*
 * flush.pml - a model of forgetting translations and of calling processors (kernel/ke/flush.c,
 * ipi.c, idle.c), for spin: does anybody use a translation that is gone, does anybody wait for ever?
 *
 * Two pages, two processors. Each processor takes its own page away (makes its page table entry not
 * valid, then KiFlushTranslations), uses both pages now and then, and halts now and then. So calls
 * cross, and meet processors that go to sleep or wake.
 *
 *   FLUSH-1  behind a flush nobody has the old translation who uses the page: assertion
 *   FLUSH-2  the flag left with a halted processor is seen before it touches anything: the same
 *   IPI-1    callers that call each other answer each other: both flushes come to an end
 */
#define ENTRY(n)     (n)       /* 1: page n is there */
#define HALT(p)      (2 + (p)) /* IdleHalt */
#define LEFT_WORD(p) (4 + (p)) /* FlushOnWake */
#define TARGETS(p)   (6 + (p)) /* CallTargets; 1: the other processor has not answered */
#define SENDERS(p)   (8 + (p)) /* CallSenders; 1: the other processor calls */
#define WORDS        10

#include "tso.pml"

#define OTHER(p) (1 - (p))

bool cached[CPUS * CPUS]; /* [processor * CPUS + page]: it has a translation of the page */
bool gone[CPUS];          /* the page's flush has returned */

/* invlpg, or all at once; either waits for earlier stores, as serializing instructions do. */
inline forget(n)
{
    atomic { drain(); cached[me * CPUS + (n)] = false }
}

/* KiAnswerCalls: interrupts are off. */
inline answer_calls()
{
#ifdef NO_SHOOTDOWN
    exchange(was, SENDERS(me), 0);
    if :: was -> locked_store(TARGETS(OTHER(me)), 0) :: else fi
#else
    exchange(was, SENDERS(me), 0);
    if :: was -> forget(OTHER(me)); locked_store(TARGETS(OTHER(me)), 0) :: else fi
#endif
}

/* KiFlushTranslations with interrupts off: of the processor's own page, which it just unmapped. */
inline flush()
{
    forget(me);
#ifdef PLAIN_WORD
    store(LEFT_WORD(OTHER(me)), 1);
#else
    locked_store(LEFT_WORD(OTHER(me)), 1);
#endif
    load(x, HALT(OTHER(me)));
    if
    :: x /* asleep: the word is enough */
    :: else ->
        store(TARGETS(me), 1);
        exchange(was, SENDERS(OTHER(me)), 1);
        if :: !was -> request_interrupt(OTHER(me)) :: else fi;
        do
        :: SEEN(TARGETS(me)) == 0 -> break
#ifndef NO_ANSWER
        :: SEEN(SENDERS(me)) -> answer_calls()
#endif
        od
    fi;
    atomic { drain(); gone[me] = true }
}

/* An access: through the TLB, else through the page tables (never from the own store buffer). */
inline use(n)
{
    atomic {
        if
        :: cached[me * CPUS + (n)] -> assert(!gone[n]) /* FLUSH-1 */
        :: !cached[me * CPUS + (n)] && mem[ENTRY(n)] -> cached[me * CPUS + (n)] = true
        :: else /* a page fault */
        fi
    }
}

/* Any interrupt: KiLeaveHalt first, then what was asked. */
inline interrupt()
{
    atomic { pending[me] = false; drain() };
    if
    :: SEEN(HALT(me)) ->
#ifdef WORD_FIRST
        exchange(was, LEFT_WORD(me), 0);
        if :: was -> forget(0); forget(1) :: else fi;
        locked_store(HALT(me), 0)
#else
#ifdef PLAIN_LEAVE
        store(HALT(me), 0);
        load(was, LEFT_WORD(me));
        if :: was -> locked_store(LEFT_WORD(me), 0) :: else fi;
#else
        locked_store(HALT(me), 0);
        exchange(was, LEFT_WORD(me), 0);
#endif
        if :: was -> forget(0); forget(1) :: else fi
#endif
    :: else
    fi;
    answer_calls()
}

inline halt()
{
    locked_store(HALT(me), 1);
end_halt:
    pending[me]
}

proctype Processor(byte me)
{
    byte x, was, halts;
    bool flushed;
    do
    :: pending[me] -> interrupt()
    :: !SEEN(HALT(me)) -> use(0)
    :: !SEEN(HALT(me)) -> use(1)
    :: !flushed -> store(ENTRY(me), 0); flush(); flushed = true
    :: halts < 2 && !pending[me] -> halts++; halt()
    :: flushed && halts == 2 -> break
    od;
end_idle: /* goes on to serve the other */
    do
    :: pending[me] -> interrupt()
    od
}

/* Devices and clocks: a processor may be woken at any time. */
proctype Clock()
{
    byte left = 4;
end:
    do
    :: left > 0 -> left--; pending[0] = true
    :: left > 0 -> left--; pending[1] = true
    od
}

init
{
    atomic {
        mem[ENTRY(0)] = 1;
        mem[ENTRY(1)] = 1;
        run Processor(0);
        run Processor(1);
        run Drain(0);
        run Drain(1);
        run Clock()
    }
}
