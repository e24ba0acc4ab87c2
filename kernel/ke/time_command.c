/*
 * time_command.c - `.time`: the date, and how long the machine is up.
 */
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

#define UNITS_PER_MILLISECOND 10000ULL /* of 100 ns */
#define MILLISECONDS_PER_DAY  86400000ULL
#define DAYS_IN_FOUR_YEARS    1461
#define DAYS_IN_CENTURY       36524
#define DAYS_IN_FOUR_CENTURY  146097

typedef struct _KI_DATE {
    ULONG Year, Month, Day; /* 1..12, 1..31 */
} KI_DATE;

/*
 * The date of a day counted from 1601-01-01, which begins a cycle of four centuries. The leap day
 * ends each unit but those where it is left out, hence the limits of 3.
 */
static KI_DATE KiDateOfDay(ULONG64 Days)
{
    static const UCHAR Lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    ULONG Rest = (ULONG)(Days % DAYS_IN_FOUR_CENTURY);
    ULONG Centuries = Rest / DAYS_IN_CENTURY < 3 ? Rest / DAYS_IN_CENTURY : 3;
    Rest -= Centuries * DAYS_IN_CENTURY;
    ULONG Fours = Rest / DAYS_IN_FOUR_YEARS;
    Rest %= DAYS_IN_FOUR_YEARS;
    ULONG Years = Rest / 365 < 3 ? Rest / 365 : 3;
    Rest -= Years * 365;
    BOOLEAN Leap = Years == 3 && (Fours != 24 || Centuries == 3);
    ULONG Month = 0;
    while (Rest >= Lengths[Month] + (ULONG)(Leap && Month == 1)) {
        Rest -= Lengths[Month] + (ULONG)(Leap && Month == 1);
        Month++;
    }
    return (KI_DATE){(ULONG)(Days / DAYS_IN_FOUR_CENTURY * 400 + 1601) + Centuries * 100 +
                         Fours * 4 + Years,
                     Month + 1, Rest + 1};
}

VOID KiFormatTime(ULONG64 SystemTime, PCHAR Buffer, SIZE_T Size)
{
    static const CHAR Months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const CHAR WeekDays[] = "MonTueWedThuFriSatSun"; /* 1601-01-01 was a Monday */
    ULONG64 Milliseconds = SystemTime / UNITS_PER_MILLISECOND,
            Days = Milliseconds / MILLISECONDS_PER_DAY;
    KI_DATE Date = KiDateOfDay(Days);
    ULONG Time = (ULONG)(Milliseconds % MILLISECONDS_PER_DAY);
    _snprintf(Buffer, Size, "%.3s %.3s %2u %02u:%02u:%02u.%03u %u (UTC + 0:00)",
              WeekDays + 3 * (Days % 7), Months + 3 * (Date.Month - 1), Date.Day, Time / 3600000,
              Time / 60000 % 60, Time / 1000 % 60, Time % 1000, Date.Year);
    Buffer[Size - 1] = '\0';
}

static VOID TimeCommand(const CHAR *Arguments)
{
    CHAR Text[64];
    LARGE_INTEGER Now;
    UNREFERENCED_PARAMETER(Arguments);
    KeQuerySystemTime(&Now);
    ULONG64 Up = KeQueryInterruptTime() / UNITS_PER_MILLISECOND;
    KiFormatTime((ULONG64)Now.QuadPart, Text, sizeof(Text));
    DbgPrint("Debug session time: %s\n", Text);
    DbgPrint("System Uptime: %I64u days %I64u:%02I64u:%02I64u.%03I64u\n", Up / MILLISECONDS_PER_DAY,
             Up / 3600000 % 24, Up / 60000 % 60, Up / 1000 % 60, Up % 1000);
}
MONITOR_COMMAND(".time", ".time", "the date, and how long the machine is up", TimeCommand);
