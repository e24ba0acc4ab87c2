/*
 * complete.c - the Tab key: completes the word before the cursor from the names that may stand
 * there.
 *
 * One fitting name is completed, with a blank behind it; several as far as they agree. When that
 * adds nothing they are listed, up to as many as a screen likes to show.
 */
#include <wdm.h>
#include "monitor/monitor.h"

#define LIST_MOST  36
#define LIST_WIDTH 78 /* columns */
#define LIST_GAP   2

/* The names that begin with a word. */
typedef struct _MON_MATCHES {
    const CHAR *Before; /* the line up to the word, NUL behind the word */
    const CHAR *Word;
    SIZE_T Length;     /* of the word */
    const CHAR *First; /* a fitting name, NULL without one */
    SIZE_T Common;     /* so many characters of First all others share */
    ULONG Count;
    SIZE_T Longest;
} MON_MATCHES, *PMON_MATCHES;

static const CHAR *MonNextMatch(PMON_EDITOR Editor, const MON_MATCHES *Matches, PULONG Index)
{
    const CHAR *Name;
    while ((Name = Editor->Terminal->Name(Matches->Before, (*Index)++)) != NULL) {
        if (strncmp(Name, Matches->Word, Matches->Length) == 0) {
            return Name;
        }
    }
    return NULL;
}

static VOID MonFindMatches(PMON_EDITOR Editor, PMON_MATCHES Matches)
{
    const CHAR *Name;
    ULONG Index = 0;
    while ((Name = MonNextMatch(Editor, Matches, &Index)) != NULL) {
        if (Matches->Count++ == 0) {
            Matches->First = Name;
            Matches->Common = strlen(Name);
        }
        SIZE_T Same = 0, Length = strlen(Name);
        Matches->Longest = Length > Matches->Longest ? Length : Matches->Longest;
        while (Same < Matches->Common && Name[Same] == Matches->First[Same]) {
            Same++;
        }
        Matches->Common = Same;
    }
}

static VOID MonListMatches(PMON_EDITOR Editor, const MON_MATCHES *Matches)
{
    SIZE_T Columns = LIST_WIDTH / (Matches->Longest + LIST_GAP);
    CHAR Text[MON_LINE_SIZE];
    const CHAR *Name;
    ULONG Index = 0, Shown = 0;
    MonEndShow(Editor, "");
    while (Shown < LIST_MOST && (Name = MonNextMatch(Editor, Matches, &Index)) != NULL) {
        BOOLEAN Last = ++Shown == Matches->Count || Columns == 0 || Shown % Columns == 0;
        SIZE_T Length = strlen(Name), Width = Last ? Length : Matches->Longest + LIST_GAP;
        Editor->Terminal->Write(Editor, Name, Length);
        memset(Text, ' ', Width - Length);
        memcpy(Text + Width - Length, "\r\n", 2);
        Editor->Terminal->Write(Editor, Text, Width - Length + (Last ? 2 : 0));
    }
    if (Shown < Matches->Count) {
        INT Length =
            _snprintf(Text, sizeof(Text), "%s... and %u more\r\n",
                      Columns > 1 && Shown % Columns != 0 ? "\r\n" : "", Matches->Count - Shown);
        Editor->Terminal->Write(Editor, Text, (SIZE_T)Length);
    }
    MonShowPrompt(Editor);
}

VOID MonComplete(PMON_EDITOR Editor)
{
    CHAR Before[MON_LINE_SIZE];
    ULONG Start = Editor->Cursor;
    while (Start > 0 && Editor->Line[Start - 1] != ' ') {
        Start--;
    }
    memcpy(Before, Editor->Line, Editor->Cursor);
    Before[Editor->Cursor] = '\0';
    MON_MATCHES Matches = {
        .Before = Before, .Word = Before + Start, .Length = Editor->Cursor - Start};
    MonFindMatches(Editor, &Matches);
    SIZE_T More = Matches.Common - Matches.Length;
    BOOLEAN Fits = Matches.Count != 0 &&
                   MonInsertText(Editor, Matches.First + Matches.Length, More) &&
                   (Matches.Count > 1 || MonInsertText(Editor, " ", 1));
    if (!Fits) {
        MonBell(Editor);
    } else if (Matches.Count > 1 && More == 0) {
        MonListMatches(Editor, &Matches);
    }
}
