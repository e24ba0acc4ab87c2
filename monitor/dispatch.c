/*
 * dispatch.c - finds the command that a line begins with and runs it.
 *
 * Commands register themselves (MONITOR_COMMAND in kernel/rtl/section.h). A name must be exact; for
 * one that is not, the nearest is suggested.
 */
#include "kernel/rtl/rtl.h"
#include "monitor/monitor.h"

#define MAX_NAME 16 /* longer words are compared as far as that */

const CHAR *MonSkipBlanks(const CHAR *Text)
{
    while (*Text == ' ') {
        Text++;
    }
    return Text;
}

static SIZE_T MonWordLength(const CHAR *Text)
{
    SIZE_T Length = 0;
    while (Text[Length] != '\0' && Text[Length] != ' ') {
        Length++;
    }
    return Length;
}

const MONITOR_COMMAND_ENTRY *MonFindCommand(const CHAR *Name, SIZE_T Length)
{
    for (const MONITOR_COMMAND_ENTRY *Entry = KiCommandTable; Entry < KiCommandTableEnd; Entry++) {
        if (strlen(Entry->Name) == Length && memcmp(Entry->Name, Name, Length) == 0) {
            return Entry;
        }
    }
    return NULL;
}

/* By counting those in front of it: there are some dozens. */
const MONITOR_COMMAND_ENTRY *MonSortedCommand(ULONG Index)
{
    for (const MONITOR_COMMAND_ENTRY *Entry = KiCommandTable; Entry < KiCommandTableEnd; Entry++) {
        ULONG Before = 0;
        for (const MONITOR_COMMAND_ENTRY *Other = KiCommandTable; Other < KiCommandTableEnd;
             Other++) {
            Before += strcmp(Other->Name, Entry->Name) < 0;
        }
        if (Before == Index) {
            return Entry;
        }
    }
    return NULL;
}

static ULONG MonLeast(ULONG First, ULONG Second)
{
    return First < Second ? First : Second;
}

/* How many characters have to be added, removed or replaced to get from one name to the other. */
static ULONG MonDistance(const CHAR *Typed, SIZE_T Length, const CHAR *Name)
{
    ULONG Row[MAX_NAME + 1];
    SIZE_T NameLength = MonLeast((ULONG)strlen(Name), MAX_NAME);
    for (ULONG i = 0; i <= NameLength; i++) {
        Row[i] = i;
    }
    for (ULONG t = 1; t <= Length; t++) {
        ULONG Diagonal = Row[0];
        Row[0] = t;
        for (ULONG n = 1; n <= NameLength; n++) {
            BOOLEAN Same = RtlUpperChar(Typed[t - 1]) == RtlUpperChar(Name[n - 1]);
            ULONG Replaced = Diagonal + !Same;
            Diagonal = Row[n];
            Row[n] = MonLeast(Replaced, MonLeast(Row[n], Row[n - 1]) + 1);
        }
    }
    return Row[NameLength];
}

VOID MonReportUnknown(const CHAR *Name, SIZE_T Length)
{
    SIZE_T Compared = Length < MAX_NAME ? Length : MAX_NAME;
    ULONG Best = Length < 3 ? 2 : 3; /* a name that shares less is no suggestion */
    const MONITOR_COMMAND_ENTRY *Nearest = NULL, *Entry;
    for (ULONG i = 0; (Entry = MonSortedCommand(i)) != NULL; i++) {
        ULONG Distance = MonDistance(Name, Compared, Entry->Name);
        if (Distance < Best) {
            Best = Distance;
            Nearest = Entry;
        }
    }
    if (Nearest != NULL) {
        DbgPrint("'%.*s' is no command; did you mean %s?\n", (INT)Length, Name, Nearest->Name);
    } else {
        DbgPrint("'%.*s' is no command; help lists them\n", (INT)Length, Name);
    }
}

const CHAR *MonParse(const CHAR *Line, CHAR Arguments[MON_LINE_SIZE], PSIZE_T Length)
{
    const CHAR *Name = MonSkipBlanks(Line);
    *Length = MonWordLength(Name);
    const CHAR *Rest = MonSkipBlanks(Name + *Length);
    SIZE_T Size = strlen(Rest);
    while (Size > 0 && Rest[Size - 1] == ' ') {
        Size--;
    }
    memcpy(Arguments, Rest, Size);
    Arguments[Size] = '\0';
    return Name;
}

VOID MonExecute(const CHAR *Line)
{
    CHAR Arguments[MON_LINE_SIZE];
    SIZE_T Length;
    const CHAR *Name = MonParse(Line, Arguments, &Length);
    const MONITOR_COMMAND_ENTRY *Entry = MonFindCommand(Name, Length);
    if (Entry != NULL) {
        Entry->Routine(Arguments);
    } else if (Length != 0) {
        MonReportUnknown(Name, Length);
    }
}
