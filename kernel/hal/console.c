/*
 * console.c - COM1, the machine's only voice, for everybody.
 *
 * Output is polled and may be used at any IRQL and inside a bug check: interrupts are off while a
 * text goes out, so that two texts never mix on one processor. Input comes by interrupt into a
 * ring; a DPC then wakes the thread that waits for it. Chip: a 16550 (data sheet National
 * PC16550D), 115200 8N1.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"

#define COM1           0x3F8
#define COM1_LINE      4    /* ISA interrupt */
#define COM1_VECTOR    0x34 /* IRQL 3: lowest of the device levels */
#define UART_DATA      0    /* also divisor low */
#define UART_IER       1    /* also divisor high */
#define UART_FCR       2
#define UART_LCR       3
#define UART_MCR       4
#define UART_LSR       5
#define UART_FIFO_SIZE 16
#define LSR_DATA       0x01
#define LSR_EMPTY      0x20
#define MAX_POLLS      100000 /* a dead chip must not hang a bug check */

#define CTRL_C    0x03
#define RING_SIZE 256 /* a power of two: indices wrap freely */

static UCHAR HalpRing[RING_SIZE];
static volatile ULONG HalpRingHead, HalpRingTail; /* written by the interrupt, by the reader */
static volatile LONG HalpBreaks;                  /* Ctrl-C's in the ring */
static KDPC HalpInputDpc;
static KEVENT HalpInputEvent; /* set when bytes came since the reader last waited */
ULONG HalpConsoleOverruns;

VOID HalpInitializeConsole(VOID)
{
    HalpOut8(COM1 + UART_IER, 0);
    HalpOut8(COM1 + UART_LCR, 0x80); /* divisor latch */
    HalpOut8(COM1 + UART_DATA, 1);   /* 115200 / 1 */
    HalpOut8(COM1 + UART_IER, 0);
    HalpOut8(COM1 + UART_LCR, 0x03); /* 8N1 */
    HalpOut8(COM1 + UART_FCR, 0x07); /* FIFOs on and empty, interrupt at one byte */
    HalpOut8(COM1 + UART_MCR, 0x0B); /* DTR, RTS, OUT2: the interrupt line */
}

static VOID HalpWaitForRoom(VOID)
{
    for (ULONG i = 0; i < MAX_POLLS && !(HalpIn8(COM1 + UART_LSR) & LSR_EMPTY); i++) {
        __asm__ volatile("pause");
    }
}

VOID HalpConsoleWrite(const CHAR *Text, SIZE_T Length)
{
    ULONG64 Flags = KiDisableInterrupts();
    ULONG Room = 0;
    for (SIZE_T i = 0; i < Length; i++) {
        if (Room == 0) {
            HalpWaitForRoom();
            Room = UART_FIFO_SIZE;
        }
        HalpOut8(COM1 + UART_DATA, (UCHAR)Text[i]);
        Room--;
    }
    KiRestoreInterrupts(Flags);
}

static VOID HalpConsoleInterrupt(PKTRAP_FRAME TrapFrame, PVOID Context)
{
    UNREFERENCED_PARAMETER(TrapFrame);
    UNREFERENCED_PARAMETER(Context);
    while (HalpIn8(COM1 + UART_LSR) & LSR_DATA) {
        UCHAR Byte = HalpIn8(COM1 + UART_DATA);
        if (HalpRingHead - HalpRingTail == RING_SIZE) {
            HalpConsoleOverruns++;
            continue;
        }
        HalpRing[HalpRingHead % RING_SIZE] = Byte;
        HalpRingHead++;
        InterlockedExchangeAdd(&HalpBreaks, Byte == CTRL_C);
    }
    KeInsertQueueDpc(&HalpInputDpc, NULL, NULL);
}

static VOID NTAPI HalpAnnounceInput(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    /* No boost: what is typed at the prompt runs at the priority that it has elsewhere. */
    KeSetEvent(&HalpInputEvent, IO_NO_INCREMENT, FALSE);
}

VOID HalpEnableConsoleInput(VOID)
{
    KeInitializeDpc(&HalpInputDpc, HalpAnnounceInput, NULL);
    KeInitializeEvent(&HalpInputEvent, SynchronizationEvent, FALSE);
    KiConnectVector(COM1_VECTOR, HalpConsoleInterrupt, NULL);
    HalpRouteIsaInterrupt(COM1_LINE, COM1_VECTOR);
    HalpOut8(COM1 + UART_IER, 0x01); /* data available */
}

INT HalpConsoleRead(VOID)
{
    if (HalpRingHead == HalpRingTail) {
        return -1;
    }
    UCHAR Byte = HalpRing[HalpRingTail % RING_SIZE];
    HalpRingTail++;
    InterlockedExchangeAdd(&HalpBreaks, -(Byte == CTRL_C));
    return Byte;
}

UCHAR HalpConsoleWait(VOID)
{
    INT Byte;
    while ((Byte = HalpConsoleRead()) < 0) {
        KeWaitForSingleObject(&HalpInputEvent, UserRequest, KernelMode, FALSE, NULL);
    }
    return (UCHAR)Byte;
}

BOOLEAN HalpConsoleInterrupted(VOID)
{
    return HalpBreaks != 0;
}
