/*
 * dispatch.pml - a model of the dispatcher lock, of waiting and of waking (kernel/ke/dispatch.c,
 * ready.c, wait.c, idle.c, dpc.c), for spin: does anything get lost, does anything stand still?
 *
 * Two processors and three threads of three priorities. Threads 2 and 3 hand a turn back and forth
 * by two synchronization events, one of them set at DISPATCH_LEVEL half of the time; thread 1 queues
 * a DPC of medium importance to the other processor, then to its own, and waits for the event that
 * the DPC sets. When nothing can move any more, all three must have ended.
 *
 *   DISP-1   one processor at a time has the lock: assertion at each acquisition
 *   READY-2  an idle processor has an empty queue: assertion at each release
 *   READY-3  who should switch has been asked to: assertion at each release
 *   READY-5  no thread runs whose registers are not saved: assertion at each switch
 *   READY-6  who runs nothing is known to be idle, or was asked to look: assertion at each release
 *   WAIT-1   no signal falls between the look and the wait: all threads end
 *   DPC-7    no processor halts with DPCs queued: all threads end
 *
 * Where the code leaves a choice to fortune (which idle processor), the model takes every one. A
 * word -DNAME makes one error on purpose; tests/model/check does each and expects a complaint.
 */
#define THREADS 3

/* The words of memory. CURRENT and the bits of READY and WAITERS name threads 1..3; 0 is idle. */
#define LOCK          0
#define IDLE          1 /* KiIdleProcessors */
#define RESCHEDULE(p) (2 + (p))
#define READY(p)      (4 + (p))
#define CURRENT(p)    (6 + (p))
#define HALT(p)       (8 + (p)) /* IdleHalt */
#define DEPTH(p)      (10 + (p)) /* DpcDepth */
#define DPC_LOCK(p)   (12 + (p))
#define SIGNAL(e)     (14 + (e))
#define WAITERS(e)    (17 + (e))
#define WORDS         20

#include "tso.pml"

#define BIT(t)   (1 << ((t) - 1))
#define BEST(r)  ((r) >= 4 -> 3 : ((r) >= 2 -> 2 : (r))) /* the highest thread of a set, or 0 */
#define OTHER(p) (1 - (p))

bool switched_out[THREADS + 1] = true; /* its registers are on its stack */
bool handling[CPUS];                   /* between an interrupt's arrival and its look at the queue */
byte owners;                           /* processors that believe they have the lock */
byte step[THREADS + 1];                /* where each thread's script stands */
byte ended;

/* ---- the lock -------------------------------------------------------------------------------- */

inline take(word)
{
    do
#ifdef PLAIN_LOCK
    :: SEEN(word) == 0 -> store(word, 1); break
#else
    :: SEEN(word) == 0 -> exchange(was, word, 1); if :: was == 0 -> break :: else fi
#endif
    od
}

inline lock_dispatcher()
{
    take(LOCK);
    atomic { owners++; assert(owners == 1) } /* DISP-1 */
}

/* What holds whenever the lock is free, as the one who lets go of it sees memory. */
#define IS_IDLE(p)   (SEEN(IDLE) >> (p) & 1)
#define SHOULD(p)    (BEST(SEEN(READY(p))) > SEEN(CURRENT(p)))
#define WAS_ASKED(p) (SEEN(RESCHEDULE(p)) && (pending[p] || handling[p]))

inline unlock_dispatcher()
{
    d_step {
        assert(!IS_IDLE(0) || (SEEN(READY(0)) == 0 && SEEN(CURRENT(0)) == 0)); /* READY-2 */
        assert(!IS_IDLE(1) || (SEEN(READY(1)) == 0 && SEEN(CURRENT(1)) == 0));
        assert(!SHOULD(0) || (me == 0 && in_dpc) || WAS_ASKED(0)); /* READY-3 */
        assert(!SHOULD(1) || (me == 1 && in_dpc) || WAS_ASKED(1));
        assert(SEEN(CURRENT(0)) != 0 || IS_IDLE(0) || SEEN(RESCHEDULE(0))); /* READY-6 */
        assert(SEEN(CURRENT(1)) != 0 || IS_IDLE(1) || SEEN(RESCHEDULE(1)));
        owners--
    }
    store(LOCK, 0)
}

/* ---- ready.c --------------------------------------------------------------------------------- */

/* KiRequestSwitch, for processor p. */
inline request_switch(p)
{
    load(was, RESCHEDULE(p));
#ifdef INTERRUPT_FIRST
    if :: p != me && !was -> request_interrupt(p) :: else fi;
#endif
    store(RESCHEDULE(p), 1);
#ifndef INTERRUPT_FIRST
#ifndef NO_WAKE
    if :: p != me && !was -> request_interrupt(p) :: else fi
#endif
#endif
}

/* KiReadyThread: KiChooseProcessor, the queue, the request. */
inline ready_thread(t)
{
    load(x, IDLE);
    if
    :: x & 1 -> where = 0
    :: x & 2 -> where = 1
    :: x == 0 -> where = t & 1 /* its ideal processor */
    fi;
    load(y, READY(where));
    store(READY(where), y | BIT(t));
    store(IDLE, x & ~(1 << where));
    load(y, CURRENT(where));
    if :: t > y -> request_switch(where) :: else fi
}

/* KiTakeNextThread and KiSwapThread: another thread, or none, takes this processor. */
inline swap_thread()
{
    load(x, READY(me));
    new = BEST(x);
    if
    :: new != 0 -> store(READY(me), x & ~BIT(new))
    :: else ->
        load(x, READY(OTHER(me)));
        new = BEST(x);
        if
        :: new != 0 -> store(READY(OTHER(me)), x & ~BIT(new))
        :: else -> load(x, IDLE); store(IDLE, x | (1 << me))
        fi
    fi;
    store(RESCHEDULE(me), 0);
    load(old, CURRENT(me));
    if
    :: new != old ->
        store(CURRENT(me), new);
#ifdef EARLY_UNLOCK
        unlock_dispatcher();
#endif
        if :: old != 0 -> switched_out[old] = true :: else fi;
        d_step { if :: new != 0 -> assert(switched_out[new]); /* READY-5 */
                                   switched_out[new] = false
                    :: else fi };
#ifdef EARLY_UNLOCK
        lock_dispatcher();
#endif
    :: else
    fi
}

inline preempt_thread()
{
    store(RESCHEDULE(me), 0);
    load(x, READY(me));
    load(old, CURRENT(me));
    if
#ifdef STAYS_AWAKE
    :: BEST(x) > old ->
#else
    :: BEST(x) > old || old == 0 ->
#endif
        if :: old != 0 -> ready_thread(old) :: else fi;
        swap_thread()
    :: else
    fi
}

/* KiExitDispatcher. */
inline exit_dispatcher()
{
    load(x, RESCHEDULE(me));
    if
    :: x && !in_dpc && !raised -> preempt_thread()
    :: x && !in_dpc && raised -> request_interrupt(me)
    :: else
    fi;
    unlock_dispatcher()
}

/* ---- wait.c ---------------------------------------------------------------------------------- */

inline set_event(e)
{
    lock_dispatcher();
    load(x, WAITERS(e));
    if
    :: x == 0 -> store(SIGNAL(e), 1)
    :: else -> waiter = BEST(x); store(WAITERS(e), x & ~BIT(waiter)); ready_thread(waiter)
    fi;
    exit_dispatcher()
}

inline wait_for(e)
{
    lock_dispatcher();
    load(x, SIGNAL(e));
#ifdef WAIT_IN_TWO_STEPS
    unlock_dispatcher();
    lock_dispatcher();
#endif
    if
    :: x -> store(SIGNAL(e), 0)
    :: else ->
        load(x, CURRENT(me));
        load(y, WAITERS(e));
        store(WAITERS(e), y | BIT(x));
        swap_thread()
    fi;
    exit_dispatcher()
}

inline end_thread()
{
    lock_dispatcher();
    ended++;
    swap_thread();
    unlock_dispatcher()
}

/* ---- dpc.c ----------------------------------------------------------------------------------- */

/* KeInsertQueueDpc: medium importance, a queue below its limit. */
inline insert_dpc(p)
{
    take(DPC_LOCK(p));
#ifdef PLAIN_DEPTH
    load(x, DEPTH(p));
    store(DEPTH(p), x + 1);
#else
    atomic { drain(); mem[DEPTH(p)]++ };
#endif
    load(x, HALT(p));
    store(DPC_LOCK(p), 0);
    if :: p == me || x -> request_interrupt(p) :: else fi
}

inline drain_dpcs()
{
    in_dpc = true;
    do
    :: SEEN(DEPTH(me)) == 0 -> break
    :: else ->
        take(DPC_LOCK(me));
        load(x, DEPTH(me));
        store(DEPTH(me), x - 1);
        store(DPC_LOCK(me), 0);
        set_event(0)
    od;
    in_dpc = false
}

/* Interrupt 0x2F: KiLeaveHalt, KiDpcInterrupt, KiDispatchThreads. */
inline interrupt()
{
    d_step { pending[me] = false; handling[me] = true };
    if :: SEEN(HALT(me)) -> locked_store(HALT(me), 0) :: else fi;
    drain_dpcs();
    load(x, RESCHEDULE(me));
    if
    :: x -> lock_dispatcher(); handling[me] = false; preempt_thread(); unlock_dispatcher()
    :: else -> handling[me] = false
    fi
}

/* ---- idle.c ---------------------------------------------------------------------------------- */

/* KiBecomeIdle, one turn; interrupts are off up to the hlt. */
inline halt()
{
#ifdef PLAIN_HALT
    store(HALT(me), 1);
#else
    locked_store(HALT(me), 1);
#endif
    load(x, DEPTH(me));
    if :: x != 0 -> request_interrupt(me) :: else fi;
end_halt:
    pending[me]
}

/* ---- the threads ----------------------------------------------------------------------------- */

inline run_thread_1()
{
    step[1]++;
    if
    :: step[1] == 1 -> insert_dpc(OTHER(me))
    :: step[1] == 2 -> wait_for(0)
    :: step[1] == 3 -> insert_dpc(me)
    :: step[1] == 4 -> wait_for(0)
    :: else -> end_thread()
    fi
}

inline run_thread_2()
{
    step[2]++;
    if
    :: step[2] == 1 -> set_event(1)
    :: step[2] == 2 || step[2] == 4 -> wait_for(2)
    :: step[2] == 3 -> raised = true; set_event(1); raised = false
    :: else -> end_thread()
    fi
}

inline run_thread_3()
{
    step[3]++;
    if
    :: step[3] == 1 || step[3] == 3 -> wait_for(1)
    :: step[3] == 2 || step[3] == 4 -> set_event(2)
    :: else -> end_thread()
    fi
}

/* One processor: each turn of the loop is a moment at which interrupts are on. */
proctype Processor(byte me)
{
    byte x, y, was, where, waiter, old, new;
    bool in_dpc, raised;
    do
    :: pending[me] -> interrupt()
    :: SEEN(CURRENT(me)) == 0 && !pending[me] -> halt()
    :: SEEN(CURRENT(me)) == 1 -> run_thread_1()
    :: SEEN(CURRENT(me)) == 2 -> run_thread_2()
    :: SEEN(CURRENT(me)) == 3 -> run_thread_3()
    od
}

/* All three threads are ready on processor 0; processor 1 is idle and was asked. */
init
{
    atomic {
        mem[READY(0)] = 7;
        mem[RESCHEDULE(0)] = 1;
        pending[0] = true;
        mem[IDLE] = 2;
        run Processor(0);
        run Processor(1);
        run Drain(0);
        run Drain(1)
    }
    timeout;
    assert(ended == THREADS) /* WAIT-1, DPC-7: nobody waits for ever */
}
