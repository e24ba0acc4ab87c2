/*
 * service.c - tests of kernel/ke/interrupt.c: how service routines are called, in which order, and
 * what drivers synchronise with them. Software asks for the vectors, as a device would.
 */
#include "tests/io/interrupts.h"

#define ROUNDS 500

TEST(IsrLevel, "io/service/runs-at-its-level-under-its-lock", "INTR-1")
{
    for (KIRQL Level = KI_FIRST_DEVICE_LEVEL; Level <= KI_LAST_DEVICE_LEVEL; Level++) {
        TEST_SERVICE Service = {.Claims = 1};
        PKINTERRUPT Interrupt;
        UCHAR Vector = KiAllocateVectors(1, Level);
        REQUIRE(Vector != 0 && TestConnect(Vector, &Service, FALSE, &Interrupt));
        Service.WatchedLock = Interrupt->ActualLock;
        HalpRequestSoftwareInterrupt(Vector);
        CHECK_EQ(Service.Calls, 1);
        CHECK_EQ(Service.Irql, Level);
        CHECK_NE(Service.Lock, 0);
        CHECK(Service.Flags & EFLAGS_IF);
        CHECK_EQ(Service.Object, Interrupt);
        CHECK_EQ(*Interrupt->ActualLock, 0);
        CHECK_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
        IoDisconnectInterrupt(Interrupt);
        KiFreeVectors(Vector, 1);
    }
}

TEST(IsrHeldBack, "io/service/waits-while-the-level-masks-it", "DDI wdm KSERVICE_ROUTINE")
{
    TEST_SERVICE Service = {.Claims = 1};
    PKINTERRUPT Interrupt;
    KIRQL Old;
    UCHAR Vector = KiAllocateVectors(1, 6);
    REQUIRE(Vector != 0 && TestConnect(Vector, &Service, FALSE, &Interrupt));
    KeRaiseIrql(6, &Old);
    HalpRequestSoftwareInterrupt(Vector);
    CHECK_EQ(Service.Calls, 0);
    KeLowerIrql(5);
    CHECK_EQ(Service.Calls, 1);
    KeLowerIrql(Old);
    IoDisconnectInterrupt(Interrupt);
    KiFreeVectors(Vector, 1);
}

TEST(IsrSynchronizeIrql, "io/service/runs-at-synchronize-irql-under-a-lock-of-the-drivers",
     "DDI wdm IoConnectInterruptEx: SynchronizeIrql, SpinLock")
{
    KSPIN_LOCK Lock;
    TEST_SERVICE Service = {.Claims = 1, .WatchedLock = &Lock};
    PKINTERRUPT Interrupt;
    UCHAR Vector = KiAllocateVectors(1, 4);
    KeInitializeSpinLock(&Lock);
    IO_CONNECT_INTERRUPT_PARAMETERS Wanted = TestConnection(Vector, &Service, &Interrupt);
    Wanted.FullySpecified.SynchronizeIrql = 9;
    Wanted.FullySpecified.SpinLock = &Lock;
    REQUIRE_EQ(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
    HalpRequestSoftwareInterrupt(Vector);
    CHECK_EQ(Service.Irql, 9);
    CHECK_NE(Service.Lock, 0);
    CHECK_EQ(Lock, 0);
    CHECK_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    IoDisconnectInterrupt(Interrupt);
    KiFreeVectors(Vector, 1);
}

/* A routine of a driver may use these without a word: x64 code always does. */
static BOOLEAN NTAPI ClobberingService(PKINTERRUPT Interrupt, PVOID ServiceContext)
{
    static const ULONG RoundDown = 0x1F80 | 0x2000;
    UNREFERENCED_PARAMETER(Interrupt);
    *(volatile ULONG *)ServiceContext = 1;
    __asm__ volatile("ldmxcsr %0; pxor %%xmm0, %%xmm0; pxor %%xmm1, %%xmm1; pxor %%xmm2, %%xmm2;"
                     "pxor %%xmm3, %%xmm3; pxor %%xmm4, %%xmm4; pxor %%xmm5, %%xmm5"
                     :
                     : "m"(RoundDown));
    return TRUE;
}

TEST(IsrXmm, "io/service/may-use-xmm-registers", "DESIGN: driver code may use SSE2 at any IRQL")
{
    PKINTERRUPT Interrupt;
    ULONG Called = 0, Before = 0x1F80, After = 0;
    ULONG64 Values[2] DECLSPEC_ALIGN(16) = {0x1122334455667788, 0x99AABBCCDDEEFF00};
    ULONG64 Seen[2] DECLSPEC_ALIGN(16) = {0, 0};
    UCHAR Vector = KiAllocateVectors(1, KI_ANY_LEVEL);
    REQUIRE_EQ(IoConnectInterrupt(&Interrupt, ClobberingService, &Called, NULL, Vector, Vector >> 4,
                                  Vector >> 4, Latched, FALSE, TEST_PROCESSORS, TRUE),
               STATUS_SUCCESS);
    ULONG64 Flags = KiDisableInterrupts();
    HalpRequestSoftwareInterrupt(Vector);
    __asm__ volatile("ldmxcsr %2; movaps %3, %%xmm3; sti; nop; nop; movaps %%xmm3, %0; stmxcsr %1"
                     : "=m"(Seen), "=m"(After)
                     : "m"(Before), "m"(Values)
                     : "memory");
    KiRestoreInterrupts(Flags);
    CHECK_EQ(Called, 1);
    CHECK_EQ(Seen[0], Values[0]);
    CHECK_EQ(Seen[1], Values[1]);
    CHECK_EQ(After, Before);
    IoDisconnectInterrupt(Interrupt);
    KiFreeVectors(Vector, 1);
}

/* ---- chains ---------------------------------------------------------------------------------- */

#define SHARERS 3

static struct {
    TEST_SERVICE Services[SHARERS];
    PKINTERRUPT Objects[SHARERS];
} Chain;

/* Connects Count services to the vector and lets its interrupt come once. */
static BOOLEAN RunChain(UCHAR Vector, ULONG Count, const LONG *Claims)
{
    RtlZeroMemory(&Chain, sizeof(Chain));
    for (ULONG i = 0; i < Count; i++) {
        Chain.Services[i].Claims = Claims[i];
        if (!TestConnect(Vector, &Chain.Services[i], TRUE, &Chain.Objects[i])) {
            return FALSE;
        }
    }
    HalpRequestSoftwareInterrupt(Vector);
    return TRUE;
}

static VOID EndChain(ULONG Count)
{
    for (ULONG i = 0; i < Count; i++) {
        IoDisconnectInterrupt(Chain.Objects[i]);
    }
}

/* The last line of the I/O APIC: nothing on QEMU's boards raises it without a PCI device there. */
static UCHAR LevelVector(VOID)
{
    return KiReferenceLine(HalpLineCount() - 1, LevelSensitive);
}

TEST(IsrLevelChain, "io/service/a-level-chain-ends-with-the-first-claim",
     "DDI wdm KSERVICE_ROUTINE; contract: INTR theory")
{
    static const LONG Second[] = {0, 1, 1};
    UCHAR Vector = LevelVector();
    REQUIRE(Vector != 0 && RunChain(Vector, SHARERS, Second));
    CHECK_EQ(Chain.Services[0].Calls, 1);
    CHECK_EQ(Chain.Services[1].Calls, 1);
    CHECK_EQ(Chain.Services[2].Calls, 0);
    CHECK_LT(Chain.Services[0].Order, Chain.Services[1].Order);
    CHECK_EQ(KiFindChain(Vector)->Count, 1);
    CHECK_EQ(KiFindChain(Vector)->Unclaimed, 0);
    EndChain(SHARERS);
    KiDereferenceLine(Vector);
}

TEST(IsrUnclaimed, "io/service/an-interrupt-that-nobody-claims-is-counted", "INTR theory")
{
    static const LONG None[] = {0, 0, 0};
    UCHAR Vector = LevelVector();
    REQUIRE(Vector != 0 && RunChain(Vector, SHARERS, None));
    for (ULONG i = 0; i < SHARERS; i++) {
        CHECK_EQ(Chain.Services[i].Calls, 1);
        CHECK_EQ(Chain.Objects[i]->Calls, 1);
        CHECK_EQ(Chain.Objects[i]->Claims, 0);
    }
    CHECK_EQ(KiFindChain(Vector)->Unclaimed, 1);
    EndChain(SHARERS);
    KiDereferenceLine(Vector);
}

TEST(IsrEdgeChain, "io/service/an-edge-chain-goes-on-until-a-round-claims-nothing",
     "INTR theory: an edge that came while the line was held is not repeated")
{
    static const LONG Claims[] = {0, 2, 1};
    UCHAR Vector = KiAllocateVectors(1, KI_ANY_LEVEL);
    REQUIRE(Vector != 0 && RunChain(Vector, SHARERS, Claims));
    for (ULONG i = 0; i < SHARERS; i++) {
        CHECK_EQ(Chain.Services[i].Calls, 3); /* two rounds with claims, one without */
    }
    CHECK_EQ(KiFindChain(Vector)->Count, 1);
    EndChain(SHARERS);
    KiFreeVectors(Vector, 1);
}

TEST(IsrEdgeAlone, "io/service/alone-on-an-edge-it-runs-once", "INTR theory")
{
    static const LONG Claims[] = {5};
    UCHAR Vector = KiAllocateVectors(1, KI_ANY_LEVEL);
    REQUIRE(Vector != 0 && RunChain(Vector, 1, Claims));
    CHECK_EQ(Chain.Services[0].Calls, 1);
    CHECK_EQ(Chain.Objects[0]->Claims, 1);
    EndChain(1);
    KiFreeVectors(Vector, 1);
}

TEST(IsrTakenOut, "io/service/others-stay-when-one-leaves-the-chain", "INTR-3")
{
    static const LONG None[] = {0, 0, 0};
    UCHAR Vector = LevelVector();
    REQUIRE(Vector != 0 && RunChain(Vector, SHARERS, None));
    IoDisconnectInterrupt(Chain.Objects[1]);
    HalpRequestSoftwareInterrupt(Vector);
    CHECK_EQ(Chain.Services[0].Calls, 2);
    CHECK_EQ(Chain.Services[1].Calls, 1);
    CHECK_EQ(Chain.Services[2].Calls, 2);
    IoDisconnectInterrupt(Chain.Objects[0]);
    IoDisconnectInterrupt(Chain.Objects[2]);
    HalpRequestSoftwareInterrupt(Vector); /* late: there is nobody */
    CHECK_EQ(Chain.Services[0].Calls, 2);
    CHECK_EQ(Chain.Services[2].Calls, 2);
    KiDereferenceLine(Vector);
}

/* ---- DPCs and critical sections -------------------------------------------------------------- */

static struct {
    KDPC Dpc;
    PKINTERRUPT Interrupt;
    volatile ULONG Services, Dpcs;
    KIRQL DpcIrql;
    ULONG ServicesThen;
} Request;

static BOOLEAN NTAPI RequestDpc(PKINTERRUPT Interrupt, PVOID ServiceContext)
{
    UNREFERENCED_PARAMETER(Interrupt);
    UNREFERENCED_PARAMETER(ServiceContext);
    Request.Services++;
    KeInsertQueueDpc(&Request.Dpc, NULL, NULL);
    KeInsertQueueDpc(&Request.Dpc, NULL, NULL);
    return Request.Dpcs == 0; /* it has not run yet */
}

static VOID NTAPI NoteRequest(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    UNREFERENCED_PARAMETER(Dpc);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Argument1);
    UNREFERENCED_PARAMETER(Argument2);
    Request.DpcIrql = KeGetCurrentIrql();
    Request.ServicesThen = Request.Services;
    Request.Dpcs++;
}

TEST(IsrDpc, "io/service/its-dpc-runs-behind-it", "contract 1.8: KeInsertQueueDpc")
{
    UCHAR Vector = KiAllocateVectors(1, KI_ANY_LEVEL);
    RtlZeroMemory(&Request, sizeof(Request));
    KeInitializeDpc(&Request.Dpc, NoteRequest, NULL);
    IO_CONNECT_INTERRUPT_PARAMETERS Wanted = TestConnection(Vector, NULL, &Request.Interrupt);
    Wanted.FullySpecified.PhysicalDeviceObject = (PDEVICE_OBJECT)&Request;
    Wanted.FullySpecified.ServiceRoutine = RequestDpc;
    REQUIRE_EQ(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
    HalpRequestSoftwareInterrupt(Vector);
    CHECK_EQ(Request.Services, 1);
    CHECK_EQ(Request.Interrupt->Claims, 1);
    CHECK_EQ(Request.Dpcs, 1); /* before the interrupted thread goes on */
    CHECK_EQ(Request.ServicesThen, 1);
    CHECK_EQ(Request.DpcIrql, DISPATCH_LEVEL);
    IoDisconnectInterrupt(Request.Interrupt);
    KiFreeVectors(Vector, 1);
}

typedef struct _SECTION {
    PKINTERRUPT Interrupt;
    KIRQL Irql;
    ULONG_PTR Lock;
    BOOLEAN Result;
} SECTION;

static BOOLEAN NTAPI NoteSection(PVOID SynchronizeContext)
{
    SECTION *Section = SynchronizeContext;
    Section->Irql = KeGetCurrentIrql();
    Section->Lock = *Section->Interrupt->ActualLock;
    return Section->Result;
}

TEST(IsrSynchronize, "io/service/synchronize-execution-runs-as-the-service-does",
     "DDI wdm KeSynchronizeExecution")
{
    TEST_SERVICE Service = {.Claims = 1};
    PKINTERRUPT Interrupt;
    UCHAR Vector = KiAllocateVectors(1, 5);
    REQUIRE(Vector != 0 && TestConnect(Vector, &Service, FALSE, &Interrupt));
    for (KIRQL Level = PASSIVE_LEVEL; Level <= 5; Level++) {
        SECTION Section = {.Interrupt = Interrupt, .Result = Level & 1};
        KIRQL Old;
        KeRaiseIrql(Level, &Old);
        CHECK_EQ(KeSynchronizeExecution(Interrupt, NoteSection, &Section), Level & 1);
        CHECK_EQ(KeGetCurrentIrql(), Level);
        KeLowerIrql(Old);
        CHECK_EQ(Section.Irql, 5);
        CHECK_NE(Section.Lock, 0);
        CHECK_EQ(*Interrupt->ActualLock, 0);
    }
    IoDisconnectInterrupt(Interrupt);
    KiFreeVectors(Vector, 1);
}

TEST(IsrLock, "io/service/the-interrupt-spin-lock-holds-the-service-back",
     "DDI wdm KeAcquireInterruptSpinLock")
{
    TEST_SERVICE Service = {.Claims = 1};
    PKINTERRUPT Interrupt;
    UCHAR Vector = KiAllocateVectors(1, 5);
    REQUIRE(Vector != 0 && TestConnect(Vector, &Service, FALSE, &Interrupt));
    KIRQL Old = KeAcquireInterruptSpinLock(Interrupt);
    CHECK_EQ(Old, PASSIVE_LEVEL);
    CHECK_EQ(KeGetCurrentIrql(), 5);
    CHECK_NE(*Interrupt->ActualLock, 0);
    HalpRequestSoftwareInterrupt(Vector);
    CHECK_EQ(Service.Calls, 0);
    KeReleaseInterruptSpinLock(Interrupt, Old);
    CHECK_EQ(Service.Calls, 1);
    CHECK_EQ(KeGetCurrentIrql(), PASSIVE_LEVEL);
    IoDisconnectInterrupt(Interrupt);
    KiFreeVectors(Vector, 1);
}

/* ---- several processors ---------------------------------------------------------------------- */

static struct {
    PKINTERRUPT Interrupt;
    UCHAR Vector;
    ULONG64 Sum; /* by plain additions: the lock's business */
    ULONG64 Calls[KI_MAX_PROCESSORS];
    volatile ULONG Inside, Overlaps;
} Crowd;

static VOID AddSlowly(VOID)
{
    if (__atomic_fetch_add(&Crowd.Inside, 1, __ATOMIC_SEQ_CST) != 0) {
        __atomic_fetch_add(&Crowd.Overlaps, 1, __ATOMIC_RELAXED);
    }
    ULONG64 Value = *(volatile ULONG64 *)&Crowd.Sum;
    for (volatile ULONG i = 0; i < 20; i++) {}
    *(volatile ULONG64 *)&Crowd.Sum = Value + 1;
    __atomic_fetch_sub(&Crowd.Inside, 1, __ATOMIC_SEQ_CST);
}

static BOOLEAN NTAPI CrowdService(PKINTERRUPT Interrupt, PVOID ServiceContext)
{
    UNREFERENCED_PARAMETER(Interrupt);
    UNREFERENCED_PARAMETER(ServiceContext);
    Crowd.Calls[KeGetCurrentProcessorNumber()]++;
    AddSlowly();
    return TRUE;
}

static BOOLEAN NTAPI CrowdSection(PVOID SynchronizeContext)
{
    UNREFERENCED_PARAMETER(SynchronizeContext);
    AddSlowly();
    return TRUE;
}

static VOID NTAPI JoinCrowd(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    for (ULONG i = 0; i < ROUNDS; i++) {
        HalpRequestSoftwareInterrupt(Crowd.Vector);
        KeSynchronizeExecution(Crowd.Interrupt, CrowdSection, NULL);
    }
}

TEST(IsrCrowd, "io/service/runs-on-one-processor-at-a-time", "INTR-1")
{
    PKTHREAD Threads[8];
    ULONG Count = KeNumberProcessors < 8 ? KeNumberProcessors : 8;
    RtlZeroMemory(&Crowd, sizeof(Crowd));
    Crowd.Vector = KiAllocateVectors(1, KI_ANY_LEVEL);
    IO_CONNECT_INTERRUPT_PARAMETERS Wanted = TestConnection(Crowd.Vector, NULL, &Crowd.Interrupt);
    Wanted.FullySpecified.PhysicalDeviceObject = (PDEVICE_OBJECT)&Crowd;
    Wanted.FullySpecified.ServiceRoutine = CrowdService;
    REQUIRE_EQ(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
    for (ULONG i = 1; i < Count; i++) {
        Threads[i] = TestStartOn(i, JoinCrowd, NULL);
    }
    JoinCrowd(NULL);
    for (ULONG i = 1; i < Count; i++) {
        TestJoinThread(Threads[i]);
    }
    IoDisconnectInterrupt(Crowd.Interrupt);
    ULONG64 Calls = 0;
    for (ULONG i = 0; i < Count; i++) {
        CHECK_EQ(Crowd.Calls[i], ROUNDS);
        Calls += Crowd.Calls[i];
    }
    CHECK_EQ(Crowd.Overlaps, 0);
    CHECK_EQ(Crowd.Sum, Calls + ROUNDS * Count);
    CHECK_EQ(KiFindChain(Crowd.Vector)->Count, Calls);
    KiFreeVectors(Crowd.Vector, 1);
}

/* On processor 0 it lets the interrupt come on processor 1 too, and looks who gets in. */
static BOOLEAN NTAPI MeetingService(PKINTERRUPT Interrupt, PVOID ServiceContext)
{
    PKI_CHAIN Mine = ServiceContext;
    __atomic_fetch_add(&Crowd.Inside, 1, __ATOMIC_SEQ_CST);
    if (KeGetCurrentProcessorNumber() == 0) {
        HalpRequestInterrupt(KiProcessorBlock[1]->ApicId, Interrupt->Vector);
        while (__atomic_load_n(&Mine->Walkers, __ATOMIC_ACQUIRE) != 2) {
            YieldProcessor();
        }
        for (volatile ULONG i = 0; i < 300000; i++) {}
        Crowd.Overlaps = Crowd.Inside - 1;
    }
    return TRUE;
}

TEST(IsrMeeting, "io/service/another-processor-waits-for-the-lock", "INTR-1")
{
    PKINTERRUPT Interrupt;
    NEED_PROCESSORS(2);
    UCHAR Vector = KiAllocateVectors(1, KI_ANY_LEVEL);
    RtlZeroMemory(&Crowd, sizeof(Crowd));
    IO_CONNECT_INTERRUPT_PARAMETERS Wanted = TestConnection(Vector, NULL, &Interrupt);
    Wanted.FullySpecified.PhysicalDeviceObject = (PDEVICE_OBJECT)&Crowd;
    Wanted.FullySpecified.ServiceRoutine = MeetingService;
    Wanted.FullySpecified.ServiceContext = KiFindChain(Vector);
    REQUIRE_EQ(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
    HalpRequestSoftwareInterrupt(Vector);
    CHECK_EQ(Crowd.Overlaps, 0);
    IoDisconnectInterrupt(Interrupt);
    CHECK_EQ(Crowd.Inside, 2); /* then it came in */
    KiFreeVectors(Vector, 1);
}

static struct {
    PKI_CHAIN Chain;
    volatile ULONG Entered, Finished;
} Leaving;

/* Ends a while after somebody has begun to disconnect it. */
static BOOLEAN NTAPI LingeringService(PKINTERRUPT Interrupt, PVOID ServiceContext)
{
    UNREFERENCED_PARAMETER(ServiceContext);
    TestTell(&Leaving.Entered, 1);
    while (__atomic_load_n(&Leaving.Chain->First, __ATOMIC_ACQUIRE) == Interrupt) {
        YieldProcessor();
    }
    for (volatile ULONG i = 0; i < 1000000; i++) {}
    TestTell(&Leaving.Finished, 1);
    return FALSE;
}

TEST(IsrDisconnectWaits, "io/service/disconnecting-waits-for-one-that-runs-elsewhere",
     "INTR-3, INTR-4")
{
    TEST_SERVICE Behind = {.Claims = 0};
    PKINTERRUPT Interrupt, BehindIt;
    NEED_PROCESSORS(2);
    UCHAR Vector = KiAllocateVectors(1, KI_ANY_LEVEL);
    RtlZeroMemory(&Leaving, sizeof(Leaving));
    Leaving.Chain = KiFindChain(Vector);
    IO_CONNECT_INTERRUPT_PARAMETERS Wanted = TestConnection(Vector, NULL, &Interrupt);
    Wanted.FullySpecified.PhysicalDeviceObject = (PDEVICE_OBJECT)&Leaving;
    Wanted.FullySpecified.ServiceRoutine = LingeringService;
    Wanted.FullySpecified.ShareVector = TRUE;
    REQUIRE_EQ(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
    REQUIRE(TestConnect(Vector, &Behind, TRUE, &BehindIt));
    HalpRequestInterrupt(KiProcessorBlock[1]->ApicId, Vector);
    TestSpinUntil(&Leaving.Entered, 1);
    IoDisconnectInterrupt(Interrupt);
    CHECK_EQ(Leaving.Finished, 1);
    CHECK_EQ(Behind.Calls, 1); /* the walk went on from where it stood */
    IoDisconnectInterrupt(BehindIt);
    KiFreeVectors(Vector, 1);
}

/* ---- objects come and go --------------------------------------------------------------------- */

#define COMINGS 200

static struct {
    UCHAR Vector;
    volatile ULONG Stop, Strange;
    volatile ULONG64 Calls;
    volatile ULONG Connected[SHARERS]; /* the contexts: 1 from before it is connected until after */
} Traffic;

static BOOLEAN NTAPI TrafficService(PKINTERRUPT Interrupt, PVOID ServiceContext)
{
    UNREFERENCED_PARAMETER(Interrupt);
    if (*(volatile ULONG *)ServiceContext != 1) {
        __atomic_fetch_add(&Traffic.Strange, 1, __ATOMIC_RELAXED);
    }
    __atomic_fetch_add(&Traffic.Calls, 1, __ATOMIC_RELAXED);
    return FALSE;
}

static VOID NTAPI MakeTraffic(PVOID Context)
{
    UNREFERENCED_PARAMETER(Context);
    while (!__atomic_load_n(&Traffic.Stop, __ATOMIC_ACQUIRE)) {
        HalpRequestSoftwareInterrupt(Traffic.Vector);
    }
}

static BOOLEAN ConnectTraffic(ULONG Index, PKINTERRUPT *Interrupt)
{
    IO_CONNECT_INTERRUPT_PARAMETERS Wanted = TestConnection(Traffic.Vector, NULL, Interrupt);
    Wanted.FullySpecified.PhysicalDeviceObject = (PDEVICE_OBJECT)&Traffic;
    Wanted.FullySpecified.ServiceRoutine = TrafficService;
    Wanted.FullySpecified.ServiceContext = (PVOID)&Traffic.Connected[Index];
    Wanted.FullySpecified.ShareVector = TRUE;
    Traffic.Connected[Index] = 1;
    return CHECK_STATUS(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
}

TEST(IsrTraffic, "io/service/objects-come-and-go-while-interrupts-arrive", "INTR-3, INTR-4, TRAP-5")
{
    PKTHREAD Threads[4];
    PKINTERRUPT Interrupts[SHARERS];
    ULONG Count = KeNumberProcessors < 4 ? KeNumberProcessors : 4;
    RtlZeroMemory(&Traffic, sizeof(Traffic));
    Traffic.Vector = KiAllocateVectors(1, KI_ANY_LEVEL);
    for (ULONG i = 1; i < Count; i++) {
        Threads[i] = TestStartOn(i, MakeTraffic, NULL);
    }
    for (ULONG Round = 0; Round < COMINGS; Round++) {
        for (ULONG i = 0; i < SHARERS; i++) {
            REQUIRE(ConnectTraffic(i, &Interrupts[i]));
            HalpRequestSoftwareInterrupt(Traffic.Vector);
        }
        for (ULONG i = 0; i < SHARERS; i++) {
            ULONG Next = (Round + i) % SHARERS; /* the first, the last, one between */
            IoDisconnectInterrupt(Interrupts[Next]);
            Traffic.Connected[Next] = 0;
            HalpRequestSoftwareInterrupt(Traffic.Vector);
        }
    }
    TestTell(&Traffic.Stop, 1);
    for (ULONG i = 1; i < Count; i++) {
        TestJoinThread(Threads[i]);
    }
    CHECK_EQ(Traffic.Strange, 0);
    CHECK_GE(Traffic.Calls, COMINGS * SHARERS);
    KiFreeVectors(Traffic.Vector, 1);
}
