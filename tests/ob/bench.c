/*
 * bench.c - guest instructions of references, handles and names, for `make bench`. A figure
 * contains the calls that it names and the loop around them.
 */
#include "kernel/hal/hal.h"
#include "tests/ob/object.h"

#define ROUNDS 2000

static PKEVENT BenchObject;
static HANDLE BenchHandle;

/* Rounds of Step in this mode, and under "/checked" in the checked one, with an event to use. */
static VOID Measure(VOID (*Step)(VOID))
{
    UNICODE_STRING Name;
    BOOLEAN Mode = KiCheckedMode;
    RtlInitUnicodeString(&Name, L"\\KernelObjects\\Bench");
    BenchObject = IoCreateNotificationEvent(&Name, &BenchHandle);
    for (ULONG Pass = 0; Pass < 2 && BenchObject != NULL; Pass++) {
        Step();
        ULONG64 Start = HalpReadTsc();
        for (ULONG i = 0; i < ROUNDS; i++) {
            Step();
        }
        ULONG64 Ticks = HalpReadTsc() - Start;
        if (Pass == 0) {
            TestBenchReport(Ticks, ROUNDS);
            KiSetCheckedMode(TRUE);
        } else {
            TestBenchReportAs("checked", Ticks, ROUNDS);
        }
    }
    KiSetCheckedMode(Mode);
    ZwClose(BenchHandle);
}

static VOID ReferencePair(VOID)
{
    ObReferenceObject(BenchObject);
    ObDereferenceObject(BenchObject);
}

BENCH(BenchReference, "ob/reference-and-dereference", "instructions", "60")
{
    Measure(ReferencePair);
}

static VOID ByHandle(VOID)
{
    PVOID Object;
    if (NT_SUCCESS(ObReferenceObjectByHandle(BenchHandle, EVENT_MODIFY_STATE, *ExEventObjectType,
                                             KernelMode, &Object, NULL))) {
        ObDereferenceObject(Object);
    }
}

BENCH(BenchByHandle, "ob/reference-by-handle-and-dereference", "instructions", "200")
{
    Measure(ByHandle);
}

static VOID OpenAndClose(VOID)
{
    HANDLE Handle;
    if (NT_SUCCESS(ObOpenObjectByPointer(BenchObject, OBJ_KERNEL_HANDLE, NULL, EVENT_ALL_ACCESS,
                                         *ExEventObjectType, KernelMode, &Handle))) {
        ZwClose(Handle);
    }
}

BENCH(BenchOpenClose, "ob/open-by-pointer-and-close", "instructions", "")
{
    Measure(OpenAndClose);
}

static VOID OpenByName(VOID)
{
    OBJECT_ATTRIBUTES Attributes;
    UNICODE_STRING Name;
    HANDLE Handle;
    RtlInitUnicodeString(&Name, L"\\KernelObjects\\Bench");
    InitializeObjectAttributes(&Attributes, &Name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL,
                               NULL);
    if (NT_SUCCESS(ZwOpenEvent(&Handle, EVENT_ALL_ACCESS, &Attributes))) {
        ZwClose(Handle);
    }
}

BENCH(BenchOpenByName, "ob/open-by-name-and-close", "instructions", "")
{
    Measure(OpenByName);
}

static VOID CreateAndClose(VOID)
{
    HANDLE Handle;
    if (NT_SUCCESS(ZwCreateEvent(&Handle, EVENT_ALL_ACCESS, NULL, SynchronizationEvent, FALSE))) {
        ZwClose(Handle);
    }
}

BENCH(BenchCreateClose, "ob/create-event-and-close", "instructions", "")
{
    Measure(CreateAndClose);
}
