/*
 * monitor.h - the private interface of the monitor: keys, the line editor, history, completion and
 * the dispatch of commands. Only boot/init.c and the tests look in from outside.
 */
#pragma once

#include <ntdef.h>
#include "kernel/rtl/section.h"

/* ---- keys (keys.c) --------------------------------------------------------------------------- */

/* A printable character is its own key (0x20..0x7E); everything else is one of these. */
typedef enum _MON_KEY {
    MonKeyNone, /* the bytes so far are no key yet, or one without a meaning here */
    MonKeyEnter = 0x100,
    MonKeyCancel,
    MonKeyBackspace,
    MonKeyDelete,
    MonKeyLeft,
    MonKeyRight,
    MonKeyWordLeft,
    MonKeyWordRight,
    MonKeyHome,
    MonKeyEnd,
    MonKeyUp,
    MonKeyDown,
    MonKeyKillEnd,
    MonKeyKillStart,
    MonKeyKillWord,
    MonKeyClear,
    MonKeyTab,
    MonKeyBad, /* no text of ours: a byte from 0x80 on */
} MON_KEY;

typedef enum _MON_KEY_STATE {
    MonKeysText,
    MonKeysEscape,   /* ESC came */
    MonKeysSequence, /* ESC [ came */
    MonKeysShort,    /* ESC O came: one more byte */
    MonKeysSkip,     /* one more byte, without a meaning */
} MON_KEY_STATE;

#define MON_KEY_PARAMETERS 2

typedef struct _MON_KEYS {
    MON_KEY_STATE State;
    ULONG Parameters[MON_KEY_PARAMETERS]; /* the numbers of ESC [ 1 ; 5 C */
    ULONG Count;                          /* separators seen */
    BOOLEAN Private;                      /* a sequence that no keyboard sends */
    BOOLEAN AfterReturn;                  /* a line feed now belongs to the return before it */
} MON_KEYS, *PMON_KEYS;

/* Takes the next byte; the key that it completes, or MonKeyNone. */
ULONG MonDecodeKey(PMON_KEYS Keys, UCHAR Byte);

/* ---- the line editor (edit.c, screen.c, history.c, complete.c) ------------------------------- */

#define MON_LINE_SIZE    256 /* bytes of a line with its NUL */
#define MON_HISTORY_SIZE 32  /* lines */
#define MON_WINDOW       72  /* columns: with the prompt less than a terminal's 80 */

typedef struct _MON_HISTORY {
    CHAR Lines[MON_HISTORY_SIZE][MON_LINE_SIZE]; /* the newest last */
    ULONG Count;
    ULONG At;                  /* the line shown; Count: the one that is being written */
    CHAR Draft[MON_LINE_SIZE]; /* that one, while another is shown */
} MON_HISTORY, *PMON_HISTORY;

struct _MON_EDITOR;
/* What the editor is told about the world around it. */
typedef struct _MON_TERMINAL {
    VOID (*Write)(struct _MON_EDITOR *Editor, const CHAR *Text, SIZE_T Length);
    /*
     * Names for completion: the Index-th that may stand where the last word of Before stands; NULL
     * behind the last one.
     */
    const CHAR *(*Name)(const CHAR *Before, ULONG Index);
    const CHAR *Prompt;
} MON_TERMINAL, *PMON_TERMINAL;

typedef struct _MON_EDITOR {
    const MON_TERMINAL *Terminal;
    CHAR Line[MON_LINE_SIZE]; /* always ends in NUL */
    ULONG Length, Cursor;
    ULONG First;            /* the first character of the line that the window shows */
    CHAR Shown[MON_WINDOW]; /* what stands behind the prompt on the terminal */
    ULONG ShownLength, ShownCursor;
    MON_KEYS Keys;
    MON_HISTORY History;
} MON_EDITOR, *PMON_EDITOR;

typedef enum _MON_EDIT_RESULT {
    MonEditMore,
    MonEditDone,     /* Line is what was typed; it is in the history */
    MonEditCanceled, /* Ctrl-C */
} MON_EDIT_RESULT;

/* Once. */
VOID MonInitializeEditor(PMON_EDITOR Editor, const MON_TERMINAL *Terminal);
/* Begins an empty line: writes the prompt. */
VOID MonBeginLine(PMON_EDITOR Editor);
/* Takes a typed byte. */
MON_EDIT_RESULT MonEdit(PMON_EDITOR Editor, UCHAR Byte);

/* Puts Length characters at the cursor and moves it behind them; FALSE when they do not fit. */
BOOLEAN MonInsertText(PMON_EDITOR Editor, const CHAR *Text, SIZE_T Length);
/* Replaces the whole line and puts the cursor at its end. */
VOID MonReplaceLine(PMON_EDITOR Editor, const CHAR *Text);
VOID MonBell(PMON_EDITOR Editor);

/* screen.c: makes the terminal show the line and the cursor. */
VOID MonShow(PMON_EDITOR Editor);
/* Writes the prompt on a fresh line; nothing is shown behind it then. */
VOID MonShowPrompt(PMON_EDITOR Editor);
/* Moves the terminal's cursor behind the line and to the next one. */
VOID MonEndShow(PMON_EDITOR Editor, const CHAR *Last);

/* history.c */
VOID MonAddToHistory(PMON_HISTORY History, const CHAR *Line);
/* Shows the line before or behind the shown one; bell at either end. */
VOID MonRecall(PMON_EDITOR Editor, BOOLEAN Older);

/* complete.c: completes the word at the cursor as far as it is certain, else lists what it may be.
 */
VOID MonComplete(PMON_EDITOR Editor);

/* dispatch.c */
const CHAR *MonSkipBlanks(const CHAR *Text);

/* ---- commands (dispatch.c) ------------------------------------------------------------------- */

const MONITOR_COMMAND_ENTRY *MonFindCommand(const CHAR *Name, SIZE_T Length);
/* The Index-th command by name, NULL behind the last. */
const MONITOR_COMMAND_ENTRY *MonSortedCommand(ULONG Index);
/* Says that there is no such command, and which one may have been meant. */
VOID MonReportUnknown(const CHAR *Name, SIZE_T Length);
/*
 * Cuts a line of less than MON_LINE_SIZE bytes: the name, *Length bytes of it, and the rest without
 * the blanks around it.
 */
const CHAR *MonParse(const CHAR *Line, CHAR Arguments[MON_LINE_SIZE], PSIZE_T Length);
/* Runs one line. */
VOID MonExecute(const CHAR *Line);

/* ---- the prompt (monitor.c) ------------------------------------------------------------------ */

/* Talks at the console until `quit`. PASSIVE_LEVEL. */
DECLSPEC_NORETURN VOID MonRun(VOID);
