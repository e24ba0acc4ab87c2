/*
 * edit.c - the line editor of the monitor's prompt: what each key does to the line.
 *
 * Theory. A byte goes through keys.c, which says which key it completes; the key changes Line and
 * Cursor here; screen.c then writes the difference. The editor knows no console: it writes through
 * a routine that it is given, so that the tests can stand in for the terminal.
 *
 *   EDIT-1  screen.c
 *   EDIT-2  history.c
 *   EDIT-3  history.c
 *   EDIT-4  Line holds printable ASCII and a NUL, Cursor <= Length < MON_LINE_SIZE, whatever bytes
 *           come; what does not fit rings the bell and changes nothing.
 */
#include <wdm.h>
#include "monitor/monitor.h"

VOID MonBell(PMON_EDITOR Editor)
{
    Editor->Terminal->Write(Editor, "\a", 1);
}

VOID MonInitializeEditor(PMON_EDITOR Editor, const MON_TERMINAL *Terminal)
{
    RtlZeroMemory(Editor, sizeof(*Editor));
    Editor->Terminal = Terminal;
}

VOID MonBeginLine(PMON_EDITOR Editor)
{
    Editor->Line[0] = '\0';
    Editor->Length = Editor->Cursor = Editor->First = 0;
    Editor->History.At = Editor->History.Count;
    MonShowPrompt(Editor);
}

BOOLEAN MonInsertText(PMON_EDITOR Editor, const CHAR *Text, SIZE_T Length)
{
    if (Length >= MON_LINE_SIZE - Editor->Length) {
        return FALSE;
    }
    PCHAR At = Editor->Line + Editor->Cursor;
    memmove(At + Length, At, Editor->Length - Editor->Cursor + 1);
    memcpy(At, Text, Length);
    Editor->Length += (ULONG)Length;
    Editor->Cursor += (ULONG)Length;
    return TRUE;
}

VOID MonReplaceLine(PMON_EDITOR Editor, const CHAR *Text)
{
    Editor->Length = Editor->Cursor = (ULONG)strlen(Text);
    memcpy(Editor->Line, Text, Editor->Length + 1);
}

/* Removes the characters From..To-1; the cursor goes there. Nothing to remove rings the bell. */
static VOID MonRemove(PMON_EDITOR Editor, ULONG From, ULONG To)
{
    if (From >= To) {
        MonBell(Editor);
        return;
    }
    memmove(Editor->Line + From, Editor->Line + To, Editor->Length - To + 1);
    Editor->Length -= To - From;
    Editor->Cursor = From;
}

/* Where the word at or before the cursor begins. */
static ULONG MonWordStart(const MON_EDITOR *Editor)
{
    ULONG At = Editor->Cursor;
    while (At > 0 && Editor->Line[At - 1] == ' ') {
        At--;
    }
    while (At > 0 && Editor->Line[At - 1] != ' ') {
        At--;
    }
    return At;
}

/* Behind the word at or after the cursor. */
static ULONG MonWordEnd(const MON_EDITOR *Editor)
{
    ULONG At = Editor->Cursor;
    while (At < Editor->Length && Editor->Line[At] == ' ') {
        At++;
    }
    while (At < Editor->Length && Editor->Line[At] != ' ') {
        At++;
    }
    return At;
}

static VOID MonRemoveByKey(PMON_EDITOR Editor, ULONG Key)
{
    ULONG Cursor = Editor->Cursor;
    switch (Key) {
    case MonKeyBackspace: MonRemove(Editor, Cursor > 0 ? Cursor - 1 : Cursor, Cursor); break;
    case MonKeyDelete:
        MonRemove(Editor, Cursor, Cursor < Editor->Length ? Cursor + 1 : Cursor);
        break;
    case MonKeyKillEnd: MonRemove(Editor, Cursor, Editor->Length); break;
    case MonKeyKillStart: MonRemove(Editor, 0, Cursor); break;
    case MonKeyKillWord: MonRemove(Editor, MonWordStart(Editor), Cursor); break;
    default: break;
    }
}

/* Where a key takes the cursor; where it is, for other keys. */
static ULONG MonTarget(const MON_EDITOR *Editor, ULONG Key)
{
    switch (Key) {
    case MonKeyLeft: return Editor->Cursor > 0 ? Editor->Cursor - 1 : 0;
    case MonKeyRight: return Editor->Cursor + (Editor->Cursor < Editor->Length);
    case MonKeyWordLeft: return MonWordStart(Editor);
    case MonKeyWordRight: return MonWordEnd(Editor);
    case MonKeyHome: return 0;
    case MonKeyEnd: return Editor->Length;
    default: return Editor->Cursor;
    }
}

static VOID MonApplyKey(PMON_EDITOR Editor, ULONG Key)
{
    CHAR Character = (CHAR)Key;
    switch (Key) {
    case MonKeyUp: MonRecall(Editor, TRUE); break;
    case MonKeyDown: MonRecall(Editor, FALSE); break;
    case MonKeyTab: MonComplete(Editor); break;
    case MonKeyClear:
        Editor->Terminal->Write(Editor, "\033[H\033[2J", 7); /* home, erase the screen */
        MonShowPrompt(Editor);
        break;
    case MonKeyBad: MonBell(Editor); break;
    default:
        if (Key < MonKeyEnter && !MonInsertText(Editor, &Character, 1)) {
            MonBell(Editor);
        }
        Editor->Cursor = MonTarget(Editor, Key);
        MonRemoveByKey(Editor, Key);
    }
}

MON_EDIT_RESULT MonEdit(PMON_EDITOR Editor, UCHAR Byte)
{
    ULONG Key = MonDecodeKey(&Editor->Keys, Byte);
    if (Key == MonKeyEnter) {
        MonEndShow(Editor, "");
        MonAddToHistory(&Editor->History, Editor->Line);
        return MonEditDone;
    }
    if (Key == MonKeyCancel) {
        MonEndShow(Editor, "^C");
        return MonEditCanceled;
    }
    if (Key != MonKeyNone) {
        MonApplyKey(Editor, Key);
        MonShow(Editor);
    }
    return MonEditMore;
}
