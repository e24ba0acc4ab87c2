/*
 * crash.c - the bug checks over interrupts: a service routine or a critical section that leaves
 * another level behind, and calls at a wrong level.
 */
#include "tests/io/interrupts.h"

static KSPIN_LOCK CrashLock;

/* An object at level 5 whose routine is Routine. */
static UCHAR ConnectCrash(PKSERVICE_ROUTINE Routine, PKINTERRUPT *Interrupt)
{
    static TEST_SERVICE Service;
    UCHAR Vector = KiAllocateVectors(1, 5);
    IO_CONNECT_INTERRUPT_PARAMETERS Wanted = TestConnection(Vector, &Service, Interrupt);
    Wanted.FullySpecified.ServiceRoutine = Routine;
    Wanted.FullySpecified.SpinLock = &CrashLock;
    CHECK_STATUS(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
    TestAnnounce("interrupt", (ULONG64)*Interrupt);
    TestAnnounce("lock", (ULONG64)&CrashLock);
    return Vector;
}

static BOOLEAN NTAPI RaisingService(PKINTERRUPT Interrupt, PVOID ServiceContext)
{
    KIRQL Old;
    UNREFERENCED_PARAMETER(Interrupt);
    UNREFERENCED_PARAMETER(ServiceContext);
    KeRaiseIrql(7, &Old);
    return TRUE;
}

CRASH_TEST(CrashServiceIrql, "io/service-returns-at-another-level",
           "0xC4 0x111 sym:RaisingService 0x5 0x7",
           "INTR-2; contract 4.6: ISR returned another IRQL")
{
    PKINTERRUPT Interrupt;
    HalpRequestSoftwareInterrupt(ConnectCrash(RaisingService, &Interrupt));
}

static BOOLEAN NTAPI RaisingMessage(PKINTERRUPT Interrupt, PVOID ServiceContext, ULONG MessageID)
{
    KIRQL Old;
    UNREFERENCED_PARAMETER(Interrupt);
    UNREFERENCED_PARAMETER(ServiceContext);
    KeRaiseIrql(6 + MessageID, &Old);
    return TRUE;
}

CRASH_TEST(CrashMessageIrql, "io/message-service-returns-at-another-level",
           "0xC4 0x111 sym:RaisingMessage 0x5 0x9", "INTR-2")
{
    static KINTERRUPT Message;
    UCHAR Vector = KiAllocateVectors(1, 5);
    Message = (KINTERRUPT){.MessageRoutine = RaisingMessage,
                           .MessageId = 3,
                           .Affinity = 1,
                           .Mode = Latched,
                           .Vector = Vector,
                           .SynchronizeIrql = 5};
    KiInitializeInterrupt(&Message);
    CHECK_STATUS(KiConnectInterrupt(&Message), STATUS_SUCCESS);
    HalpRequestSoftwareInterrupt(Vector);
}

static BOOLEAN NTAPI IdleService(PKINTERRUPT Interrupt, PVOID ServiceContext)
{
    UNREFERENCED_PARAMETER(Interrupt);
    UNREFERENCED_PARAMETER(ServiceContext);
    return TRUE;
}

static BOOLEAN NTAPI RaisingSection(PVOID SynchronizeContext)
{
    KIRQL Old;
    UNREFERENCED_PARAMETER(SynchronizeContext);
    KeRaiseIrql(8, &Old);
    return TRUE;
}

CRASH_TEST(CrashSectionIrql, "io/critical-section-returns-at-another-level",
           "0xC8 0x80502 sym:RaisingSection $interrupt 0x0",
           "DDI wdm KeSynchronizeExecution; contract 4.1: 0xC8")
{
    PKINTERRUPT Interrupt;
    ConnectCrash(IdleService, &Interrupt);
    KeSynchronizeExecution(Interrupt, RaisingSection, Interrupt);
}

/* The driver's own lock, taken where its service routine can interrupt. */
CRASH_TEST(CrashServiceLock, "io/service-finds-its-lock-held-by-what-it-interrupted",
           "0xF $lock * 0x5 sym:IdleService", "SPIN-2, INTR-1")
{
    PKINTERRUPT Interrupt;
    KIRQL Old;
    UCHAR Vector = ConnectCrash(IdleService, &Interrupt);
    KeAcquireSpinLock(&CrashLock, &Old);
    HalpRequestSoftwareInterrupt(Vector);
}

/* ---- levels of the callers ------------------------------------------------------------------- */

CRASH_TEST(CrashAcquireLevel, "io/acquire-interrupt-lock-above-its-level", "0xC4 0xE5 0x6 0x0 0x0",
           "DDI wdm KeAcquireInterruptSpinLock: IRQL")
{
    PKINTERRUPT Interrupt;
    KIRQL Old;
    ConnectCrash(IdleService, &Interrupt);
    KeRaiseIrql(6, &Old);
    KeAcquireInterruptSpinLock(Interrupt);
}

CRASH_TEST(CrashReleaseLevel, "io/release-interrupt-lock-at-another-level", "0xC4 0xE5 0x6 0x0 0x0",
           "DDI wdm KeReleaseInterruptSpinLock: IRQL")
{
    PKINTERRUPT Interrupt;
    KIRQL Old, Ignored;
    ConnectCrash(IdleService, &Interrupt);
    Old = KeAcquireInterruptSpinLock(Interrupt);
    KeRaiseIrql(6, &Ignored);
    KeReleaseInterruptSpinLock(Interrupt, Old);
}

CRASH_TEST(CrashReleaseOwner, "io/release-interrupt-lock-that-nobody-holds",
           "0x10 $lock 0x0 0x5 sym:CrashReleaseOwner", "SPIN-2")
{
    PKINTERRUPT Interrupt;
    KIRQL Old;
    ConnectCrash(IdleService, &Interrupt);
    KeRaiseIrql(5, &Old);
    KeReleaseInterruptSpinLock(Interrupt, Old);
}

CRASH_TEST(CrashSynchronizeLevel, "io/synchronize-execution-above-its-level",
           "0xC4 0xE5 0x6 0x0 0x0", "DDI wdm KeSynchronizeExecution: IRQL")
{
    PKINTERRUPT Interrupt;
    KIRQL Old;
    ConnectCrash(IdleService, &Interrupt);
    KeRaiseIrql(6, &Old);
    KeSynchronizeExecution(Interrupt, RaisingSection, Interrupt);
}

CRASH_TEST(CrashConnectLevel, "io/connect-interrupt-at-apc-level", "0xC4 0xE5 0x1 0x0 0x0",
           "DDI wdm IoConnectInterruptEx: IRQL")
{
    PKINTERRUPT Interrupt;
    KIRQL Old;
    KeRaiseIrql(APC_LEVEL, &Old);
    ConnectCrash(IdleService, &Interrupt);
}

CRASH_TEST(CrashConnectOldLevel, "io/connect-interrupt-in-the-old-form-at-apc-level",
           "0xC4 0xE5 0x1 0x0 0x0", "DDI wdm IoConnectInterrupt: IRQL")
{
    PKINTERRUPT Interrupt;
    KIRQL Old;
    KeRaiseIrql(APC_LEVEL, &Old);
    IoConnectInterrupt(&Interrupt, IdleService, NULL, NULL, 0x50, 5, 5, Latched, FALSE, 1, FALSE);
}

CRASH_TEST(CrashDisconnectLevel, "io/disconnect-interrupt-at-dispatch-level",
           "0xC4 0xE5 0x2 0x0 0x0", "DDI wdm IoDisconnectInterruptEx: IRQL")
{
    PKINTERRUPT Interrupt;
    ConnectCrash(IdleService, &Interrupt);
    IO_DISCONNECT_INTERRUPT_PARAMETERS End = {CONNECT_FULLY_SPECIFIED, {Interrupt}};
    KeRaiseIrqlToDpcLevel();
    IoDisconnectInterruptEx(&End);
}

/* ---- storms ---------------------------------------------------------------------------------- */

#define PIT_COMMAND  0x43
#define PIT_CHANNEL0 0x40
#define PIT_ONCE     0x30 /* channel 0, mode 0: output low, and high when it has counted down */

/* The timer's line, taken for a level-triggered one. */
static VOID HoldLine(ULONG Count)
{
    static TEST_SERVICE Service;
    UCHAR Vector = KiReferenceLine(HalpIsaLine(0), LevelSensitive);
    PKINTERRUPT First = NULL;
    HalpOut8(PIT_COMMAND, PIT_ONCE); /* the firmware lets it run */
    for (ULONG i = 0; i < Count; i++) {
        PKINTERRUPT Interrupt;
        IO_CONNECT_INTERRUPT_PARAMETERS Wanted = TestConnection(Vector, &Service, &Interrupt);
        Wanted.FullySpecified.ServiceRoutine = Count == 1 ? IdleService : TestService;
        Wanted.FullySpecified.ShareVector = TRUE;
        CHECK_STATUS(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
        First = First == NULL ? Interrupt : First;
    }
    TestAnnounce("interrupt", (ULONG64)First);
    TestAnnounce("context", (ULONG64)&Service);
    HalpOut8(PIT_CHANNEL0, 16);
    HalpOut8(PIT_CHANNEL0, 0);
    for (;;) {
        YieldProcessor();
    }
}

CRASH_TEST(CrashStorm, "io/storm-that-a-routine-claims-and-does-not-end",
           "0xF2 sym:IdleService $context $interrupt 0x1", "INTR-6; DOC debugger: bug check 0xF2")
{
    HoldLine(1);
}

CRASH_TEST(CrashStormChain, "io/storm-that-nobody-claims",
           "0xF2 sym:TestService $context $interrupt 0x2", "INTR-6; DOC debugger: bug check 0xF2")
{
    HoldLine(2);
}
