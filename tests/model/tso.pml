/*
 * tso.pml - the memory that the models run on: x86's, where a processor's own stores wait in a
 * buffer and everyone else goes on reading what was there before.
 *
 * Each processor's buffer holds one store: a second one drives the first one out. It may drain at
 * any moment (process Drain). A processor reads its own waiting store; a locked operation, and a
 * write to the local APIC (uncached memory), wait until it is out. A plain sequentially consistent
 * model would find none of the errors that a missing fence makes.
 */
#define CPUS  2
#define EMPTY 255

byte mem[WORDS];
byte buffer_word[CPUS] = EMPTY;
byte buffer_value[CPUS];
bool pending[CPUS]; /* the interrupt that wakes and asks: at most one waits, as in the APIC's IRR */

#define SEEN(a) (buffer_word[me] == (a) -> buffer_value[me] : mem[a])

inline drain() /* inside atomic or d_step only */
{
    if
    :: buffer_word[me] != EMPTY -> mem[buffer_word[me]] = buffer_value[me]; buffer_word[me] = EMPTY
    :: else
    fi
}

inline fence()
{
    d_step { drain() }
}

inline store(a, v)
{
    d_step { drain(); buffer_word[me] = a; buffer_value[me] = v }
}

inline load(r, a)
{
    d_step { r = SEEN(a) }
}

/* Locked operations: one step, behind all earlier stores. */
inline exchange(r, a, v)
{
    d_step { drain(); r = mem[a]; mem[a] = v }
}

inline locked_store(a, v)
{
    d_step { drain(); mem[a] = v }
}

/* A store to the local APIC: uncached, so the buffer is drained first. */
inline request_interrupt(p)
{
    d_step { drain(); pending[p] = true }
}

/* What the hardware does by itself. */
proctype Drain(byte me)
{
end:
    do
    :: d_step { buffer_word[me] != EMPTY -> mem[buffer_word[me]] = buffer_value[me];
                buffer_word[me] = EMPTY }
    od
}
