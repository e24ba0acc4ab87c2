/*
 * failures_command.c - the words that move the thresholds of priorities, and `!poolfailures`, which
 * requests there was no memory for. priority.c has the theory.
 */
#include "kernel/ke/ke.h"
#include "kernel/rtl/rtl.h"
#include "kernel/rtl/section.h"
#include "mm/pool/pool.h"

BOOT_OPTION(PoolLow, "pool-low",
            "pool-low=N  pool requests of low priority leave 1/N of the pool (8; 0: nothing)");
BOOT_OPTION(PoolNormal, "pool-normal", "pool-normal=N  the same for normal priority (32)");

static INIT VOID ExpReadShare(const CHAR *Word, POOL_LEVEL Level)
{
    const CHAR *Text = KiGetBootOption(Word), *Rest = Text;
    ULONG64 Share;
    if (Text == NULL) {
        return;
    }
    if (!RtlpParseNumber(&Rest, 10, &Share) || *Rest != '\0') {
        DbgPrint("%s=%s is no number; it stays %I64u\n", Word, Text, (ULONG64)ExpQueryShare(Level));
        return;
    }
    ExpSetShare(Level, Share);
}

INIT VOID ExpReadPoolWords(VOID)
{
    ExpReadShare("pool-low", PoolLevelLow);
    ExpReadShare("pool-normal", PoolLevelNormal);
}

#define USAGE "!poolfailures"

static VOID ExpPrintShare(const CHAR *Name, POOL_LEVEL Level)
{
    SIZE_T Share = ExpQueryShare(Level);
    if (Share == 0) {
        DbgPrint(" %s priority leaves nothing\n", Name);
    } else {
        DbgPrint(" %s priority leaves 1/%I64u of the pool\n", Name, (ULONG64)Share);
    }
}

static VOID FailuresCommand(const CHAR *Arguments)
{
    POOL_TAG_USAGE Row;
    ULONG Count = 0;
    if (!KiReadArguments(USAGE, Arguments, 0, NULL, &Count)) {
        return;
    }
    ExpPrintShare("Low", PoolLevelLow);
    ExpPrintShare("Normal", PoolLevelNormal);
    DbgPrint(" Tag         Low       Normal         High\n");
    for (ULONG Slot = 0; Slot <= POOL_SLOT_LAST; Slot++) {
        CHAR Text[POOL_TAG_TEXT];
        if (ExpReadTagSlot(Slot, &Row) &&
            (Row.Failures[0] | Row.Failures[1] | Row.Failures[2]) != 0) {
            ExpFormatTag(Row.Tag, Text);
            DbgPrint(" %s %10I64u   %10I64u   %10I64u\n", Text, Row.Failures[PoolLevelLow],
                     Row.Failures[PoolLevelNormal], Row.Failures[PoolLevelHigh]);
        }
    }
    DbgPrint(" TOTAL %9I64u   %10I64u   %10I64u\n", ExpFailures[PoolLevelLow],
             ExpFailures[PoolLevelNormal], ExpFailures[PoolLevelHigh]);
}
MONITOR_COMMAND("!poolfailures", USAGE, "pool requests that failed, by tag and priority",
                FailuresCommand);
