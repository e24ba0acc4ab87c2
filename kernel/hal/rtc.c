/*
 * rtc.c - the battery clock, read once at start for the system time.
 *
 * Chip: MC146818 and its descendants, in BCD or binary, 24 hours. A reading counts only when two in
 * a row agree and no update is in progress. The clock is taken as UTC.
 */
#include "kernel/hal/hal.h"
#include "kernel/rtl/section.h"

#define CMOS_INDEX         0x70
#define CMOS_DATA          0x71
#define RTC_STATUS_A       0x0A
#define RTC_STATUS_B       0x0B
#define RTC_CENTURY        0x32
#define UPDATE_IN_PROGRESS 0x80
#define BINARY_MODE        0x04
#define UNITS_PER_SECOND   10000000ULL /* 100 ns */
#define MAX_TRIES          1000

typedef struct _RTC_TIME {
    ULONG Second, Minute, Hour, Day, Month, Year;
} RTC_TIME;

static INIT UCHAR HalpReadCmos(UCHAR Register)
{
    HalpOut8(CMOS_INDEX, Register);
    return HalpIn8(CMOS_DATA);
}

static INIT ULONG HalpReadRtcField(UCHAR Register)
{
    UCHAR Value = HalpReadCmos(Register);
    return HalpReadCmos(RTC_STATUS_B) & BINARY_MODE ? Value : (Value >> 4) * 10U + (Value & 0xF);
}

static INIT RTC_TIME HalpReadRtcOnce(VOID)
{
    RTC_TIME Time = {HalpReadRtcField(0), HalpReadRtcField(2), HalpReadRtcField(4),
                     HalpReadRtcField(7), HalpReadRtcField(8), HalpReadRtcField(9)};
    ULONG Century = HalpReadRtcField(RTC_CENTURY);
    Time.Year += (Century >= 19 && Century <= 29 ? Century : 20) * 100;
    return Time;
}

/* Days from 1601-01-01 to the first of January of Year (Gregorian). */
static INIT ULONG64 HalpDaysBefore(ULONG Year)
{
    ULONG Past = Year - 1601;
    return Past * 365ULL + Past / 4 - Past / 100 + Past / 400;
}

static INIT ULONG64 HalpToSystemTime(const RTC_TIME *Time)
{
    static const USHORT DaysBeforeMonth[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    BOOLEAN Leap = Time->Year % 4 == 0 && (Time->Year % 100 != 0 || Time->Year % 400 == 0);
    ULONG Month = Time->Month >= 1 && Time->Month <= 12 ? Time->Month : 1;
    ULONG64 Days = HalpDaysBefore(Time->Year) + DaysBeforeMonth[Month - 1] + (Time->Day - 1) +
                   (Leap && Month > 2 ? 1 : 0);
    ULONG64 Seconds = ((Days * 24 + Time->Hour) * 60 + Time->Minute) * 60 + Time->Second;
    return Seconds * UNITS_PER_SECOND;
}

INIT ULONG64 HalpReadRealTimeClock(VOID)
{
    ULONG64 Last = 0;
    for (ULONG i = 0; i < MAX_TRIES; i++) {
        if (HalpReadCmos(RTC_STATUS_A) & UPDATE_IN_PROGRESS) {
            continue;
        }
        RTC_TIME Time = HalpReadRtcOnce();
        ULONG64 Now = HalpToSystemTime(&Time);
        if (Now == Last) {
            return Now;
        }
        Last = Now;
    }
    return Last;
}
