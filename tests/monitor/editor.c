/*
 * editor.c - tests of the monitor's line editor: bytes go in, the line and what a terminal shows of
 * it are compared.
 *
 * The terminal is a model of the dumbest there is: it knows printable characters, backspace,
 * return, line feed and bell, and complains about everything else.
 */
#include "monitor/monitor.h"
#include "tests/rtl/text_check.h"

#define COLUMNS 80
#define PROMPT  "tarn> "
#define MARGIN  (sizeof(PROMPT) - 1)

static MON_EDITOR Editor;

static struct {
    CHAR Row[COLUMNS + 1]; /* always full of characters */
    ULONG Column;
    ULONG Rows; /* line feeds so far */
    ULONG Bells;
    ULONG Strange; /* bytes that a dumb terminal does not know, or that left the row */
    BOOLEAN Smart; /* it knows ESC [ H and ESC [ 2 J: an empty screen */
} Screen;

static VOID ClearRow(VOID)
{
    memset(Screen.Row, ' ', COLUMNS);
    Screen.Row[COLUMNS] = '\0';
}

static VOID ShowByte(CHAR Byte)
{
    switch (Byte) {
    case '\r': Screen.Column = 0; break;
    case '\n':
        Screen.Rows++;
        ClearRow();
        break;
    case '\a': Screen.Bells++; break;
    case '\b':
        Screen.Strange += Screen.Column <= MARGIN; /* into the prompt */
        Screen.Column -= Screen.Column > 0;
        break;
    default:
        Screen.Strange += Byte < ' ' || Byte > '~' || Screen.Column >= COLUMNS;
        Screen.Row[Screen.Column < COLUMNS ? Screen.Column++ : COLUMNS - 1] = Byte;
    }
}

static VOID WriteScreen(PMON_EDITOR Writer, const CHAR *Text, SIZE_T Length)
{
    UNREFERENCED_PARAMETER(Writer);
    if (Screen.Smart && Length == 7 && memcmp(Text, "\033[H\033[2J", 7) == 0) {
        ClearRow();
        Screen.Rows = Screen.Column = 0;
        return;
    }
    for (SIZE_T i = 0; i < Length; i++) {
        ShowByte(Text[i]);
    }
}

static const CHAR *FakeName(const CHAR *Before, ULONG Index)
{
    static const CHAR *const Names[] = {"!pool", "!poolused", "!pte", "help"};
    return strchr(Before, ' ') == NULL && Index < RTL_NUMBER_OF(Names) ? Names[Index] : NULL;
}

static const MON_TERMINAL FakeTerminal = {WriteScreen, FakeName, PROMPT};

static VOID Begin(VOID)
{
    RtlZeroMemory(&Screen, sizeof(Screen));
    ClearRow();
    MonInitializeEditor(&Editor, &FakeTerminal);
    MonBeginLine(&Editor);
}

/* The result of the last byte. */
static MON_EDIT_RESULT Type(const CHAR *Bytes)
{
    MON_EDIT_RESULT Result = MonEditMore;
    for (; *Bytes != '\0'; Bytes++) {
        Result = MonEdit(&Editor, (UCHAR)*Bytes);
        if (Result != MonEditMore && Bytes[1] != '\0') {
            MonBeginLine(&Editor);
        }
    }
    return Result;
}

/* EDIT-1: the row is prompt, window, blanks, the cursor is at its place; what fits is all shown. */
static BOOLEAN ScreenIsRight(VOID)
{
    CHAR Row[COLUMNS + 1];
    ULONG Shown = Editor.Length - Editor.First;
    Shown = Shown < MON_WINDOW ? Shown : MON_WINDOW;
    memset(Row, ' ', COLUMNS);
    memcpy(Row, PROMPT, MARGIN);
    memcpy(Row + MARGIN, Editor.Line + Editor.First, Shown);
    return memcmp(Row, Screen.Row, COLUMNS) == 0 && Screen.Strange == 0 &&
           (Editor.First == 0 || Editor.Length > MON_WINDOW) && Editor.Cursor >= Editor.First &&
           Editor.Cursor - Editor.First <= MON_WINDOW &&
           Screen.Column == MARGIN + Editor.Cursor - Editor.First;
}

/* EDIT-4 */
static BOOLEAN LineIsSound(VOID)
{
    if (Editor.Length >= MON_LINE_SIZE || Editor.Cursor > Editor.Length ||
        strlen(Editor.Line) != Editor.Length) {
        return FALSE;
    }
    for (ULONG i = 0; i < Editor.Length; i++) {
        if (Editor.Line[i] < ' ' || Editor.Line[i] > '~') {
            return FALSE;
        }
    }
    return TRUE;
}

/* Typed on an empty line, Bytes give Line with the cursor at Cursor, and the terminal shows it. */
static VOID CheckKeys(const CHAR *Bytes, const CHAR *Line, ULONG Cursor)
{
    Begin();
    Type(Bytes);
    CHECK_TEXT(Editor.Line, Line);
    CHECK_EQ(Editor.Cursor, Cursor);
    CHECK(ScreenIsRight() && LineIsSound());
}

TEST(EditInsert, "monitor/edit/inserts-at-the-cursor", "EDIT-1")
{
    CheckKeys("pool", "pool", 4);
    CheckKeys("pol\033[Do", "pool", 3);
    CheckKeys("ool\001p", "pool", 1);
    CheckKeys("ol\033[1~po\005s", "pools", 5);
}

TEST(EditDelete, "monitor/edit/deletes-both-ways", "EDIT-1")
{
    CheckKeys("pooll\b", "pool", 4);
    CheckKeys("pooll\x7F", "pool", 4);
    CheckKeys("poool\033[D\033[D\b", "pool", 2);
    CheckKeys("ppool\001\033[3~", "pool", 0);
    CheckKeys("ppool\001\004", "pool", 0);
    CheckKeys("\b\004", "", 0);
    CHECK_EQ(Screen.Bells, 2);
}

TEST(EditMove, "monitor/edit/moves-by-character-word-and-line", "EDIT-1")
{
    CheckKeys("test irql/*\033[D\033[D\002", "test irql/*", 8);
    CheckKeys("test irql/*\033[H\033[C\006", "test irql/*", 2);
    CheckKeys("test irql/*\033[1;5D", "test irql/*", 5);
    CheckKeys("test irql/*\033b\033b", "test irql/*", 0);
    CheckKeys("test irql/*\001\033[1;5C", "test irql/*", 4);
    CheckKeys("test irql/*\001\033f\033f", "test irql/*", 11);
    CheckKeys("test irql/*\033OH\033OC\033OF", "test irql/*", 11);
    CheckKeys("test\033[7~\033[4~\033[1~\033[8~", "test", 4);
    CheckKeys("ab\033[C\033[C\001\033[D", "ab", 0);
}

TEST(EditKill, "monitor/edit/kills-line-and-word", "EDIT-1")
{
    CheckKeys("one two three\027", "one two ", 8);
    CheckKeys("one two three  \027\027", "one ", 4);
    CheckKeys("one two\033[D\027", "one o", 4);
    CheckKeys("one two\033\x7F", "one ", 4);
    CheckKeys("one two\002\002\002\013", "one ", 4);
    CheckKeys("one two\002\002\002\025", "two", 0);
    CheckKeys("\027\025\013", "", 0);
    CHECK_EQ(Screen.Bells, 3);
}

TEST(EditSplit, "monitor/edit/unknown-and-broken-sequences-leave-no-text", "EDIT-4")
{
    CheckKeys("a\033[2~\033[15~\033[[A\033[24;5~\033OP\033[?25h\033[200~b", "ab", 2);
    CheckKeys("ab\033[D\033[?2Cx\033[2 Cy", "axyb", 3);
    CheckKeys("a\033\033[Db", "ba", 1);
    CheckKeys("a\033[12\033[Db", "ba", 1);
    CheckKeys("ab\033[3\b", "a", 1);
    CheckKeys("a\033[999999999999999999999;8;8;8;8;8Xb", "ab", 2);
    CheckKeys("a\x80\xFF\xC3\xA4"
              "b",
              "ab", 2);
    CHECK_EQ(Screen.Bells, 4);
    CheckKeys("a\033xb", "ab", 2);
}

TEST(EditEnter, "monitor/edit/one-enter-whatever-the-line-end", "EDIT-4")
{
    Begin();
    CHECK_EQ(Type("help\r"), MonEditDone);
    CHECK_TEXT(Editor.Line, "help");
    CHECK_EQ(Screen.Rows, 1);
    MonBeginLine(&Editor);
    CHECK_EQ(Type("\n"), MonEditMore);
    CHECK_EQ(Type("quit\n"), MonEditDone);
    CHECK_TEXT(Editor.Line, "quit");
    MonBeginLine(&Editor);
    CHECK_EQ(Type("\n"), MonEditDone);
    CHECK_TEXT(Editor.Line, "");
    /* Enter in the middle of a line takes all of it; in the middle of a sequence, too. */
    MonBeginLine(&Editor);
    CHECK_EQ(Type("bugcheck\001\033[1;\r"), MonEditDone);
    CHECK_TEXT(Editor.Line, "bugcheck");
}

TEST(EditCancel, "monitor/edit/ctrl-c-drops-the-line", "")
{
    Begin();
    CHECK_EQ(Type("bugcheck E2\001\003"), MonEditCanceled);
    CHECK_EQ(Screen.Rows, 1);
    MonBeginLine(&Editor);
    CHECK_TEXT(Editor.Line, "");
    CHECK_EQ(Editor.History.Count, 0);
    CHECK(ScreenIsRight());
}

TEST(EditLong, "monitor/edit/too-long-a-line-rings-and-stays", "EDIT-4")
{
    Begin();
    for (ULONG i = 0; i < MON_LINE_SIZE + 50; i++) {
        Type(i % 10 == 9 ? " " : "x");
        REQUIRE(ScreenIsRight() && LineIsSound());
    }
    CHECK_EQ(Editor.Length, MON_LINE_SIZE - 1);
    CHECK_EQ(Screen.Bells, 51);
    for (ULONG i = 0; i < MON_LINE_SIZE; i++) {
        Type("\033[D");
        REQUIRE(ScreenIsRight());
    }
    CHECK_EQ(Editor.Cursor, 0);
    Type("\004!\005\b");
    CHECK_EQ(Editor.Length, MON_LINE_SIZE - 2);
    CHECK_EQ(Editor.Line[0], '!');
    CHECK(ScreenIsRight());
}

TEST(EditClear, "monitor/edit/ctrl-l-clears-the-screen-and-keeps-the-line", "EDIT-1")
{
    Begin();
    Screen.Smart = TRUE;
    Type("help\r!pte 12\033[D\014");
    CHECK_EQ(Screen.Rows, 0);
    CHECK(ScreenIsRight());
    CHECK_TEXT(Editor.Line, "!pte 12");
    CHECK_EQ(Editor.Cursor, 6);
}

TEST(EditHistory, "monitor/history/up-and-down", "EDIT-3")
{
    Begin();
    Type("one\rtwo\rthree\rdraft\002\002");
    Type("\033[A");
    CHECK_TEXT(Editor.Line, "three");
    CHECK_EQ(Editor.Cursor, 5);
    Type("\020\033OA");
    CHECK_TEXT(Editor.Line, "one");
    CHECK_EQ(Screen.Bells, 0);
    Type("\033[A");
    CHECK_TEXT(Editor.Line, "one");
    CHECK_EQ(Screen.Bells, 1);
    Type("!\033[B\016");
    CHECK_TEXT(Editor.Line, "three");
    Type("\033[B");
    CHECK_TEXT(Editor.Line, "draft");
    Type("\033[B");
    CHECK_EQ(Screen.Bells, 2);
    /* What was changed on the way is not what was typed then. */
    Type("\033[A\033[A\033[A");
    CHECK_TEXT(Editor.Line, "one");
    CHECK(ScreenIsRight());
}

TEST(EditHistoryTwice, "monitor/history/no-line-twice", "EDIT-2")
{
    Begin();
    Type("one\rtwo\rone\rone\r\r   \r");
    CHECK_EQ(Editor.History.Count, 2);
    MonBeginLine(&Editor);
    Type("\033[A");
    CHECK_TEXT(Editor.Line, "one");
    Type("\033[A");
    CHECK_TEXT(Editor.Line, "two");
}

TEST(EditHistoryFull, "monitor/history/the-oldest-goes", "EDIT-2")
{
    CHAR Text[2] = "?";
    Begin();
    for (ULONG i = 0; i <= MON_HISTORY_SIZE; i++) {
        Text[0] = (CHAR)('!' + i);
        Type(Text);
        Type("\r");
        MonBeginLine(&Editor);
    }
    CHECK_EQ(Editor.History.Count, MON_HISTORY_SIZE);
    for (ULONG i = 0; i < MON_HISTORY_SIZE; i++) {
        Type("\033[A");
    }
    CHECK_TEXT(Editor.Line, "\"");
    Type("\033[A");
    CHECK_EQ(Screen.Bells, 1);
}

TEST(EditComplete, "monitor/complete/as-far-as-names-agree", "")
{
    CheckKeys("he\t", "help ", 5);
    CheckKeys("!po\t", "!pool", 5);
    CheckKeys("!pou\t", "!pou", 4);
    CHECK_EQ(Screen.Bells, 1);
    CheckKeys("!poolu\033[D\t", "!poolu", 5);
    CheckKeys("help x\t", "help x", 6);
    CHECK_EQ(Screen.Bells, 1);
    /* Two Tabs, or one that cannot add anything, list what there is. */
    CheckKeys("!p\t", "!p", 2);
    CHECK_EQ(Screen.Rows, 2);
    CheckKeys("\t", "", 0);
    CHECK_EQ(Screen.Rows, 2);
}

/* The same everywhere, so that a failure can be repeated. */
static ULONG NextRandom(PULONG State)
{
    *State = *State * 1664525 + 1013904223; /* Knuth, The Art of Computer Programming, 3.3.4 */
    return *State >> 16;
}

TEST(EditRandom, "monitor/edit/any-keys-keep-line-and-screen-together", "EDIT-1 || EDIT-4")
{
    static const CHAR *const Keys[] = {
        "a",       "b",         " ",      "!po",
        "xyz ",    "\033[A",    "\033[B", "\033[C",
        "\033[D",  "\033[D",    "\033[H", "\033[F",
        "\b",      "\x7F",      "\004",   "\013",
        "\025",    "\027",      "\t",     "\001",
        "\005",    "\033b",     "\033f",  "\r",
        "\033[3~", "\033[1;5D", "\003",   "0123456789012345678901234567890123456789"};
    ULONG State = 1;
    Begin();
    for (ULONG i = 0; i < 20000; i++) {
        ULONG Key = NextRandom(&State) % RTL_NUMBER_OF(Keys);
        if (Type(Keys[Key]) != MonEditMore) {
            MonBeginLine(&Editor);
        }
        if (!CHECK(ScreenIsRight() && LineIsSound())) {
            DbgPrint("after key %u, number %u, line '%s'\n", i, Key, Editor.Line);
            return;
        }
    }
}

TEST(EditGarbage, "monitor/edit/any-bytes-leave-a-usable-editor", "EDIT-4")
{
    ULONG State = 2;
    Begin();
    Screen.Smart = TRUE;
    for (ULONG i = 0; i < 200; i++) {
        for (ULONG n = 0; n < 100; n++) {
            if (MonEdit(&Editor, (UCHAR)NextRandom(&State)) != MonEditMore) {
                MonBeginLine(&Editor);
            }
            REQUIRE(LineIsSound());
        }
        CHECK_EQ(Type("\003"), MonEditCanceled);
        MonBeginLine(&Editor);
        CHECK_EQ(Type("ok\r"), MonEditDone);
        CHECK_TEXT(Editor.Line, "ok");
        MonBeginLine(&Editor);
        REQUIRE(ScreenIsRight());
    }
}
