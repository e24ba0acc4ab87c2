/*
 * arguments.c - reads what was typed behind a monitor command: numbers and names of routines.
 */
#include "kernel/ke/ke.h"
#include "kernel/rtl/rtl.h"

/* A word that is no number may be a routine's name, so that nobody has to look addresses up. */
static BOOLEAN KiReadName(const CHAR **Text, PULONG64 Value)
{
    const CHAR *Next = *Text;
    while (*Next > ' ') {
        Next++;
    }
    PVOID Address = KiFindSymbol(*Text, (SIZE_T)(Next - *Text));
    if (Address == NULL) {
        return FALSE;
    }
    while (*Next == ' ') {
        Next++;
    }
    *Text = Next;
    *Value = (ULONG64)Address;
    return TRUE;
}

static int KiWordLength(const CHAR *Text)
{
    int Length = 0;
    while (Text[Length] > ' ') {
        Length++;
    }
    return Length;
}

BOOLEAN KiReadArguments(const CHAR *Usage, const CHAR *Arguments, ULONG Most, PULONG64 Values,
                        PULONG Count)
{
    ULONG Least = *Count;
    for (*Count = 0; *Arguments != '\0' && *Count < Most; (*Count)++) {
        ULONG64 *Value = &Values[*Count];
        if (!RtlpParseNumber(&Arguments, 16, Value) && !KiReadName(&Arguments, Value)) {
            DbgPrint("'%.*s' is no hexadecimal number of 64 bits and no routine; usage: %s\n",
                     KiWordLength(Arguments), Arguments, Usage);
            return FALSE;
        }
    }
    if (*Arguments != '\0' || *Count < Least) {
        DbgPrint("usage: %s\n", Usage);
        return FALSE;
    }
    return TRUE;
}
