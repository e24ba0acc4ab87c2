/*
 * command.c - what tests/dialogue/ob compares: !object and !handle over objects of the tests.
 */
#include "monitor/monitor.h"
#include "tests/ob/object.h"

/* Types a command with one number behind it. */
static VOID ExecuteWith(PCSTR Command, ULONG64 Value)
{
    static const CHAR Digits[] = "0123456789abcdef";
    CHAR Line[64];
    SIZE_T Length = strlen(Command);
    RtlCopyMemory(Line, Command, Length);
    for (ULONG i = 0; i < 16; i++) {
        Line[Length + i] = Digits[Value >> (60 - 4 * i) & 0xF];
    }
    Line[Length + 16] = '\0';
    MonExecute(Line);
}

TEST(ObCommands, "ob/commands/objects-and-handles-are-shown", "contract 6: !object, !handle")
{
    HANDLE Handle;
    PVOID Object;
    REQUIRE(NT_SUCCESS(TestInsert(L"\\KernelObjects\\Shown", OBJ_KERNEL_HANDLE, &Object, &Handle)));
    MonExecute("!object \\kernelobjects\\shown");
    ExecuteWith("!object ", (ULONG64)Object);
    MonExecute("!object \\KernelObjects");
    ExecuteWith("!handle ", (ULONG64)Handle);
    ExecuteWith("!handle ", (ULONG64)Handle & 0x7FFFFFFF);
    MonExecute("!handle");
    ZwClose(Handle);
    ExecuteWith("!handle ", (ULONG64)Handle);
    CHECK_EQ(ObDereferenceObject(Object), 0);
}

/* Looks like an object but for its type. */
TEST(ObCommandsFake, "ob/commands/what-has-no-type-is-no-object", "!object")
{
    static ULONG64 NoType[64];
    static struct {
        OBJECT_HEADER Header;
        ULONG64 Body;
    } Fake;
    Fake.Header.PointerCount = 1;
    Fake.Header.Type = (POBJECT_TYPE)&NoType[16];
    ExecuteWith("!object ", (ULONG64)&Fake.Body);
    Fake.Header.Type = TestObjectType();
    ExecuteWith("!object ", (ULONG64)&Fake.Body);
}

TEST(ObCommandsHigh, "ob/commands/names-are-not-touched-at-dispatch-level", "FMTX-4")
{
    HANDLE Handle;
    PVOID Object;
    KIRQL OldIrql;
    REQUIRE(NT_SUCCESS(TestInsert(NULL, 0, &Object, &Handle)));
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    MonExecute("!object \\");
    ExecuteWith("!object ", (ULONG64)Object);
    ExecuteWith("!handle ", (ULONG64)Handle);
    MonExecute("!handle");
    KeLowerIrql(OldIrql);
    ZwClose(Handle);
    CHECK_EQ(ObDereferenceObject(Object), 0);
}
