/*
 * screen.c - shows the line that is being edited with as few bytes as possible, on any terminal.
 *
 * The editor remembers what stands behind the prompt and where the terminal's cursor is; after each
 * key the difference is written. It moves left by backspaces and right by writing what stands
 * there, so that no terminal has to understand an escape sequence. A line longer than the window is
 * shown in part, so that it never wraps.
 *
 *   EDIT-1  After each key the terminal shows the window of the line, and the cursor stands where
 *           the next character goes.
 */
#include <wdm.h>
#include "monitor/monitor.h"

static VOID MonWrite(PMON_EDITOR Editor, const CHAR *Text, SIZE_T Length)
{
    if (Length != 0) {
        Editor->Terminal->Write(Editor, Text, Length);
    }
}

static VOID MonWriteMany(PMON_EDITOR Editor, CHAR Character, ULONG Count)
{
    CHAR Text[MON_WINDOW];
    memset(Text, Character, Count);
    MonWrite(Editor, Text, Count);
}

/* Moves the window when the cursor has left it, so that it stands in the middle again. */
static VOID MonPlaceWindow(PMON_EDITOR Editor)
{
    if (Editor->Length <= MON_WINDOW) {
        Editor->First = 0;
    } else if (Editor->Cursor < Editor->First || Editor->Cursor > Editor->First + MON_WINDOW) {
        Editor->First = Editor->Cursor > MON_WINDOW / 2 ? Editor->Cursor - MON_WINDOW / 2 : 0;
    }
}

/* Goes to a column that shows what it should, up to there. */
static VOID MonMoveTo(PMON_EDITOR Editor, ULONG Column)
{
    if (Column < Editor->ShownCursor) {
        MonWriteMany(Editor, '\b', Editor->ShownCursor - Column);
    } else {
        MonWrite(Editor, Editor->Shown + Editor->ShownCursor, Column - Editor->ShownCursor);
    }
    Editor->ShownCursor = Column;
}

/* Writes Text from column Same on, and blanks over what was longer. */
static VOID MonReplaceFrom(PMON_EDITOR Editor, const CHAR *Text, ULONG Length, ULONG Same)
{
    MonMoveTo(Editor, Same);
    MonWrite(Editor, Text + Same, Length - Same);
    memcpy(Editor->Shown, Text, Length);
    Editor->ShownCursor = Length;
    if (Editor->ShownLength > Length) {
        ULONG Surplus = Editor->ShownLength - Length;
        MonWriteMany(Editor, ' ', Surplus);
        MonWriteMany(Editor, '\b', Surplus);
    }
    Editor->ShownLength = Length;
}

VOID MonShow(PMON_EDITOR Editor)
{
    MonPlaceWindow(Editor);
    const CHAR *Text = Editor->Line + Editor->First;
    ULONG Rest = Editor->Length - Editor->First;
    ULONG Length = Rest < MON_WINDOW ? Rest : MON_WINDOW;
    ULONG Same = 0;
    while (Same < Length && Same < Editor->ShownLength && Text[Same] == Editor->Shown[Same]) {
        Same++;
    }
    if (Same < Length || Same < Editor->ShownLength) {
        MonReplaceFrom(Editor, Text, Length, Same);
    }
    MonMoveTo(Editor, Editor->Cursor - Editor->First);
}

VOID MonShowPrompt(PMON_EDITOR Editor)
{
    MonWrite(Editor, Editor->Terminal->Prompt, strlen(Editor->Terminal->Prompt));
    Editor->ShownLength = Editor->ShownCursor = 0;
}

VOID MonEndShow(PMON_EDITOR Editor, const CHAR *Last)
{
    MonMoveTo(Editor, Editor->ShownLength);
    MonWrite(Editor, Last, strlen(Last));
    MonWrite(Editor, "\r\n", 2);
}
