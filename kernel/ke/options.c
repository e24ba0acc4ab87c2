/*
 * options.c - the words of the kernel's command line, for everybody who has a switch there.
 *
 * A word is `name` or `name=value`. Words are cut once, at start; a name that nobody knows is
 * reported, so that a typing error does not silently change nothing.
 */
#include "kernel/ke/ke.h"
#include "kernel/rtl/rtl.h"
#include "kernel/rtl/section.h"

#define MAX_WORDS (BOOT_COMMAND_LINE_SIZE / 2) /* one letter and one blank each */

BOOT_OPTION(Mode, "mode",
            "mode=checked|free  contract checks on every path, or as a Windows free build");

static CHAR KiWordStorage[BOOT_COMMAND_LINE_SIZE];
static const CHAR *KiWords[MAX_WORDS];
static ULONG KiWordCount;

/* Length of the name part of a word. */
static SIZE_T KiNameLength(const CHAR *Word)
{
    SIZE_T Length = 0;
    while (Word[Length] != '\0' && Word[Length] != '=') {
        Length++;
    }
    return Length;
}

/* The last of the first Count words that has this name: what is added at the end counts. */
static const CHAR *KiFindWord(const CHAR *Name, SIZE_T Length, ULONG Count)
{
    while (Count-- > 0) {
        if (KiNameLength(KiWords[Count]) == Length && memcmp(KiWords[Count], Name, Length) == 0) {
            return KiWords[Count];
        }
    }
    return NULL;
}

const CHAR *KiGetBootOption(const CHAR *Name)
{
    const CHAR *Word = KiFindWord(Name, strlen(Name), KiWordCount);
    if (Word == NULL) {
        return NULL;
    }
    Word += strlen(Name);
    return *Word == '=' ? Word + 1 : Word;
}

ULONG KiBootWordCount(VOID)
{
    return KiWordCount;
}

static INIT BOOLEAN KiIsKnownWord(const CHAR *Word)
{
    SIZE_T Length = KiNameLength(Word);
    for (const BOOT_OPTION_ENTRY *Known = KiOptionTable; Known < KiOptionTableEnd; Known++) {
        if (strlen(Known->Name) == Length && memcmp(Known->Name, Word, Length) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

/* Under GRUB the first word may be the image's own name; loaders differ, so a path is no word. */
static INIT VOID KiAddWord(CHAR *Word)
{
    if (Word[0] != '/') {
        KiWords[KiWordCount++] = Word;
    }
}

/* Words end at blanks and control characters; bytes above 127 are parts of letters. */
static INIT BOOLEAN KiEndsWord(CHAR Character)
{
    return (UCHAR)Character <= ' ';
}

INIT VOID KiParseCommandLine(const CHAR *CommandLine)
{
    ULONG At = 0;
    BOOLEAN Inside = FALSE;
    for (ULONG i = 0; i < BOOT_COMMAND_LINE_SIZE && CommandLine[i] != '\0'; i++) {
        BOOLEAN Blank = KiEndsWord(CommandLine[i]);
        KiWordStorage[i] = Blank ? '\0' : CommandLine[i];
        if (!Blank && !Inside) {
            At = i;
        }
        Inside = !Blank;
        if (Inside && KiEndsWord(CommandLine[i + 1])) {
            KiAddWord(&KiWordStorage[At]);
        }
    }
    const CHAR *Mode = KiGetBootOption("mode");
    KiSetCheckedMode(Mode == NULL || strcmp(Mode, "free") != 0);
}

INIT VOID KiReportUnknownWords(VOID)
{
    const CHAR *Mode = KiGetBootOption("mode");
    if (Mode != NULL && strcmp(Mode, "free") != 0 && strcmp(Mode, "checked") != 0) {
        DbgPrint("command line: mode=%s is neither free nor checked; checked it is\n", Mode);
    }
    for (ULONG i = 0; i < KiWordCount; i++) {
        SIZE_T Length = KiNameLength(KiWords[i]);
        if (!KiIsKnownWord(KiWords[i])) {
            DbgPrint("command line: nobody knows the word '%s'\n", KiWords[i]);
        } else if (KiFindWord(KiWords[i], Length, i) != NULL) {
            DbgPrint("command line: %.*s is there twice; the last one counts\n", (ULONG)Length,
                     KiWords[i]);
        }
    }
}
