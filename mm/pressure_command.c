/*
 * pressure_command.c - the word that moves the thresholds of pressure events, and `!pressure`,
 * which shows them. pressure.c has the theory.
 */
#include "kernel/rtl/rtl.h"
#include "kernel/rtl/section.h"
#include "mm/pressure.h"

BOOT_OPTION(Pressure, "pressure",
            "pressure=NAME:PAGES[,...]  thresholds of pressure events: LowPagedPool:3000, "
            "HighMemory:9000, ...");

static const WCHAR MiSuffix[] = L"Condition";

/* Whether Text begins with the name of a condition, without its end, and a colon. */
static INIT BOOLEAN MiNames(const CHAR *Text, MI_CONDITION Condition)
{
    PCWSTR Name = MiConditionName(Condition);
    ULONG Length = 0;
    while (Name[Length] != 0 && Text[Length] != ':' && (WCHAR)Text[Length] == Name[Length]) {
        Length++;
    }
    for (ULONG i = 0; i < ARRAYSIZE(MiSuffix); i++) {
        if (Name[Length + i] != MiSuffix[i]) {
            return FALSE;
        }
    }
    return Text[Length] == ':';
}

/* One NAME:PAGES; *Text moves behind it. */
static INIT BOOLEAN MiReadThreshold(const CHAR **Text)
{
    MI_CONDITION Condition = 0;
    ULONG64 Pages;
    while (Condition < MiConditionCount && !MiNames(*Text, Condition)) {
        Condition++;
    }
    if (Condition == MiConditionCount) {
        return FALSE;
    }
    while (*(*Text)++ != ':') {}
    if (!RtlpParseNumber(Text, 10, &Pages) || (**Text != ',' && **Text != '\0')) {
        return FALSE;
    }
    MiSetThreshold(Condition, Pages);
    return TRUE;
}

INIT VOID MiReadPressureWord(VOID)
{
    const CHAR *Text = KiGetBootOption("pressure");
    while (Text != NULL && *Text != '\0') {
        if (!MiReadThreshold(&Text)) {
            DbgPrint("pressure=...%s is no NAME:PAGES; thresholds from there on stay\n", Text);
            return;
        }
        Text += *Text == ',';
    }
}

#define USAGE "!pressure"

static VOID PressureCommand(const CHAR *Arguments)
{
    ULONG Count = 0;
    if (!KiReadArguments(USAGE, Arguments, 0, NULL, &Count)) {
        return;
    }
    DbgPrint(" \\KernelObjects\\             State   Pages left   Set while\n");
    for (MI_CONDITION i = 0; i < MiConditionCount; i++) {
        DbgPrint(" %-26ws  %s %12I64u   %s %I64u\n", MiConditionName(i),
                 KeReadStateEvent(MiConditionEvent(i)) != 0 ? "set  " : "clear",
                 (ULONG64)MiQueryLeft(i), MiIsBelowCondition(i) ? "below   " : "at least",
                 (ULONG64)MiQueryThreshold(i));
    }
}
MONITOR_COMMAND("!pressure", USAGE, "pressure events, and what they depend on", PressureCommand);
