/*
 * dump_command.c - `db`, `dd`, `dq` and `dps`: memory at the prompt, as bytes, words and pointers.
 *
 * Each unit is read only when its page may be read; where it may not, question marks stand, and
 * nothing faults or brings a page in. Without an address the dump goes on where the last one ended.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"
#include "kernel/rtl/section.h"

#define ROW_BYTES  16
#define MOST_BYTES 0x10000 /* of one command */
#define ALL_BYTES  0x80    /* without a count */

typedef struct _KI_DUMP {
    const CHAR *Usage;
    ULONG Unit;    /* bytes of a number: 1, 4, 8 */
    ULONG PerRow;  /* numbers */
    BOOLEAN Names; /* routines' names behind the number */
    BOOLEAN Text;  /* characters behind the row */
} KI_DUMP;

static ULONG64 KiDumpNext; /* where the last dump ended */

static BOOLEAN KiReadUnit(ULONG64 Address, ULONG Unit, PULONG64 Value)
{
    *Value = 0;
    if (Address + Unit - 1 < Address || !KiMayRead((PVOID)Address) ||
        !KiMayRead((PVOID)(Address + Unit - 1))) {
        return FALSE;
    }
    memcpy(Value, (PVOID)Address, Unit);
    return TRUE;
}

static VOID KiPrintUnit(const KI_DUMP *Dump, ULONG64 Address, ULONG Index)
{
    ULONG64 Value;
    CHAR Separator = Dump->Unit == 1 && Index == ROW_BYTES / 2 ? '-' : ' ';
    int Digits = (int)Dump->Unit * 2;
    if (KiReadUnit(Address, Dump->Unit, &Value)) {
        DbgPrint("%c%0*I64x", Separator, Digits, Value);
    } else {
        DbgPrint("%c%.*s", Separator, Digits, "????????????????");
    }
    CHAR Name[96];
    if (Dump->Names && (KiSymbolise((PVOID)Value, Name, sizeof(Name)) ||
                        (Value != 0 && KiDescribeAddress((PVOID)Value, Name, sizeof(Name))))) {
        DbgPrint(" %s", Name);
    }
}

static VOID KiPrintText(ULONG64 Address, ULONG Count)
{
    DbgPrint("  ");
    for (ULONG i = 0; i < Count; i++) {
        ULONG64 Byte;
        BOOLEAN Read = KiReadUnit(Address + i, 1, &Byte);
        DbgPrint("%c", !Read ? '?' : Byte >= ' ' && Byte <= '~' ? (CHAR)Byte : '.');
    }
}

static VOID KiPrintDump(const KI_DUMP *Dump, ULONG64 Address, ULONG64 Count)
{
    while (Count != 0 && !HalpConsoleInterrupted()) {
        ULONG Row = Count < Dump->PerRow ? (ULONG)Count : Dump->PerRow;
        DbgPrint("%p ", (PVOID)Address);
        for (ULONG i = 0; i < Row; i++) {
            KiPrintUnit(Dump, Address + i * Dump->Unit, i);
        }
        if (Dump->Text) {
            DbgPrint("%*s", (int)((Dump->PerRow - Row) * 3), "");
            KiPrintText(Address, Row);
        }
        DbgPrint("\n");
        Address += Row * Dump->Unit;
        Count -= Row;
    }
    KiDumpNext = Address;
}

static VOID KiDumpMemory(const KI_DUMP *Dump, const CHAR *Arguments)
{
    ULONG64 Values[2] = {KiDumpNext, ALL_BYTES / Dump->Unit};
    ULONG Count = 0;
    if (!KiReadArguments(Dump->Usage, Arguments, RTL_NUMBER_OF(Values), Values, &Count)) {
        return;
    }
    if (Values[1] > MOST_BYTES / Dump->Unit) {
        DbgPrint("at most 0x%x of them at a time\n", MOST_BYTES / Dump->Unit);
        return;
    }
    KiPrintDump(Dump, Values[0], Values[1]);
}

#define DB_USAGE "db [ADDR [COUNT]]"
static VOID DbCommand(const CHAR *Arguments)
{
    KiDumpMemory(&(KI_DUMP){DB_USAGE, 1, ROW_BYTES, FALSE, TRUE}, Arguments);
}
MONITOR_COMMAND("db", DB_USAGE, "memory as bytes and characters", DbCommand);

#define DD_USAGE "dd [ADDR [COUNT]]"
static VOID DdCommand(const CHAR *Arguments)
{
    KiDumpMemory(&(KI_DUMP){DD_USAGE, 4, ROW_BYTES / 4, FALSE, FALSE}, Arguments);
}
MONITOR_COMMAND("dd", DD_USAGE, "memory as 32-bit numbers", DdCommand);

#define DQ_USAGE "dq [ADDR [COUNT]]"
static VOID DqCommand(const CHAR *Arguments)
{
    KiDumpMemory(&(KI_DUMP){DQ_USAGE, 8, ROW_BYTES / 8, FALSE, FALSE}, Arguments);
}
MONITOR_COMMAND("dq", DQ_USAGE, "memory as 64-bit numbers", DqCommand);

#define DPS_USAGE "dps [ADDR [COUNT]]"
static VOID DpsCommand(const CHAR *Arguments)
{
    KiDumpMemory(&(KI_DUMP){DPS_USAGE, 8, 1, TRUE, FALSE}, Arguments);
}
MONITOR_COMMAND("dps", DPS_USAGE, "memory as pointers, with what they point at", DpsCommand);
