/*
 * symbols_command.c - `ln`, `x` and `exports`: from addresses to names and back.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/rtl.h"
#include "kernel/rtl/section.h"

#define LN_USAGE "ln ADDR"

static VOID LnCommand(const CHAR *Arguments)
{
    CHAR Text[KI_DESCRIPTION];
    ULONG64 Address;
    ULONG Count = 1;
    KI_SYMBOL_INFORMATION Below, Above;
    if (!KiReadArguments(LN_USAGE, Arguments, 1, &Address, &Count)) {
        return;
    }
    if (!KiSymbolise((PVOID)Address, Text, sizeof(Text))) {
        BOOLEAN Known = KiDescribeAddress((PVOID)Address, Text, sizeof(Text));
        DbgPrint("%p  %s\n", (PVOID)Address, Known ? Text : "nobody knows this address");
        return;
    }
    ULONG Index = KiFindSymbolAt((PVOID)Address);
    KiQuerySymbol(Index, &Below);
    DbgPrint("(%p)   %s", Below.Address, Text);
    if (KiQuerySymbol(Index + 1, &Above)) {
        DbgPrint("   |  (%p)   %s", Above.Address, Above.Name);
    }
    DbgPrint("\n");
}
MONITOR_COMMAND("ln", LN_USAGE, "the routine at an address, or what else is there", LnCommand);

static VOID KiReportNone(ULONG Shown, const CHAR *Glob)
{
    if (Shown == 0) {
        DbgPrint("nothing has the name '%s'\n", Glob);
    }
}

static VOID ExamineCommand(const CHAR *Arguments)
{
    KI_SYMBOL_INFORMATION Symbol;
    ULONG Shown = 0;
    const CHAR *Glob = *Arguments != '\0' ? Arguments : "*";
    for (ULONG i = 0; KiQuerySymbol(i, &Symbol) && !HalpConsoleInterrupted(); i++) {
        if (RtlpMatchGlob(Glob, Symbol.Name)) {
            DbgPrint("%p  %s\n", Symbol.Address, Symbol.Name);
            Shown++;
        }
    }
    KiReportNone(Shown, Glob);
}
MONITOR_COMMAND("x", "x [GLOB]", "the kernel's routines by name", ExamineCommand);

static VOID ExportsCommand(const CHAR *Arguments)
{
    ULONG Shown = 0;
    const CHAR *Glob = *Arguments != '\0' ? Arguments : "*";
    for (const EXPORT_ENTRY *Entry = KiExportTable;
         Entry < KiExportTableEnd && !HalpConsoleInterrupted(); Entry++) {
        if (RtlpMatchGlob(Glob, Entry->Name)) {
            DbgPrint("%p  %s\n", Entry->Address, Entry->Name);
            Shown++;
        }
    }
    KiReportNone(Shown, Glob);
}
MONITOR_COMMAND("exports", "exports [GLOB]", "what a driver can import", ExportsCommand);
