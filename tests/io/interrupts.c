/*
 * interrupts.c - the service routine that notes what it sees, for the tests of this folder.
 */
#include "tests/io/interrupts.h"

volatile ULONG TestServiceOrder;

BOOLEAN NTAPI TestService(PKINTERRUPT Interrupt, PVOID ServiceContext)
{
    PTEST_SERVICE Service = ServiceContext;
    __asm__ volatile("pushfq; popq %0" : "=r"(Service->Flags));
    Service->Irql = KeGetCurrentIrql();
    Service->Object = Interrupt;
    Service->Lock = Service->WatchedLock != NULL ? *Service->WatchedLock : 0;
    Service->Processor = KeGetCurrentProcessorNumber();
    Service->SeenOn |= 1ULL << Service->Processor;
    Service->Order = __atomic_add_fetch(&TestServiceOrder, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&Service->Calls, Service->Calls + 1, __ATOMIC_RELEASE);
    return Service->Claims > 0 && Service->Claims-- > 0;
}

IO_CONNECT_INTERRUPT_PARAMETERS TestConnection(UCHAR Vector, PTEST_SERVICE Service,
                                               PKINTERRUPT *Interrupt)
{
    PKI_CHAIN Chain = KiFindChain(Vector);
    return (IO_CONNECT_INTERRUPT_PARAMETERS){
        .Version = CONNECT_FULLY_SPECIFIED,
        .FullySpecified = {
            .PhysicalDeviceObject = (PDEVICE_OBJECT)Service, /* not looked at in this form */
            .InterruptObject = Interrupt,
            .ServiceRoutine = TestService,
            .ServiceContext = Service,
            .Vector = Vector,
            .Irql = Vector >> 4,
            .SynchronizeIrql = Vector >> 4,
            .InterruptMode = Chain != NULL ? Chain->Mode : Latched,
            .ProcessorEnableMask = KeQueryActiveProcessors(),
        }};
}

BOOLEAN TestConnect(UCHAR Vector, PTEST_SERVICE Service, BOOLEAN Share, PKINTERRUPT *Interrupt)
{
    IO_CONNECT_INTERRUPT_PARAMETERS Wanted = TestConnection(Vector, Service, Interrupt);
    Wanted.FullySpecified.ShareVector = Share;
    return CHECK_STATUS(IoConnectInterruptEx(&Wanted), STATUS_SUCCESS);
}
