/*
 * history.c - the lines that were typed before, for the line editor's Up and Down.
 *
 *   EDIT-2  No line is in the history twice; typing one again makes it the newest.
 *   EDIT-3  What was being written comes back unchanged behind the newest line.
 */
#include <wdm.h>
#include "monitor/monitor.h"

static VOID MonForget(PMON_HISTORY History, ULONG Index)
{
    History->Count--;
    memmove(History->Lines[Index], History->Lines[Index + 1],
            (History->Count - Index) * sizeof(History->Lines[0]));
}

VOID MonAddToHistory(PMON_HISTORY History, const CHAR *Line)
{
    if (*MonSkipBlanks(Line) != '\0') {
        for (ULONG i = 0; i < History->Count; i++) {
            if (strcmp(History->Lines[i], Line) == 0) {
                MonForget(History, i);
            }
        }
        if (History->Count == MON_HISTORY_SIZE) {
            MonForget(History, 0);
        }
        memcpy(History->Lines[History->Count++], Line, strlen(Line) + 1);
    }
    History->At = History->Count;
}

VOID MonRecall(PMON_EDITOR Editor, BOOLEAN Older)
{
    PMON_HISTORY History = &Editor->History;
    if (History->At == (Older ? 0 : History->Count)) {
        MonBell(Editor);
        return;
    }
    if (History->At == History->Count) {
        memcpy(History->Draft, Editor->Line, sizeof(History->Draft));
    }
    History->At += Older ? -1U : 1;
    MonReplaceLine(Editor,
                   History->At == History->Count ? History->Draft : History->Lines[History->At]);
}
